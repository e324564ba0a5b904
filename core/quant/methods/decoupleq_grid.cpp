// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/decoupleq_grid.h"

#include <limits>
#include <numeric>

namespace gradus {

std::vector<int> searchGrid(const DecoupleqLayer& layer, const GridState& start, GridState& state)
{
    std::vector<int> best(static_cast<std::size_t>(layer.rows));
    std::vector<double> least(best.size(), std::numeric_limits<double>::infinity());
    std::vector<std::int64_t> rows(best.size());
    std::iota(rows.begin(), rows.end(), 0);
    GridState trial = start;
    for (int step = 0; step < gridSteps; ++step) {
        for (std::size_t i = 0; i < trial.scales.size(); ++i)
            trial.scales[i] = start.scales[i] * gridShrinking(step);
        roundRows(layer, rows, trial);
        evaluateRows(layer, rows, trial);
        for (const std::int64_t row : rows)
            if (trial.errors[static_cast<std::size_t>(row)] <
                least[static_cast<std::size_t>(row)]) {
                least[static_cast<std::size_t>(row)] = trial.errors[static_cast<std::size_t>(row)];
                best[static_cast<std::size_t>(row)] = step;
                state.take(layer, trial, row);
            }
    }
    for (float& scale : state.scales)
        scale = storedScale(static_cast<double>(scale), layer.scheme.scaleType);
    return best;
}

} // namespace gradus
