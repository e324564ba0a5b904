// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/percentile_rows.h"

#include "core/base/parallel.h"
#include "core/quant/affine_grid.h"

#include <limits>

namespace gradus {

namespace {

/// Sorts what lies at either end, as far as the percentiles reach.
void sortEnds(std::vector<float>& values)
{
    const auto count = static_cast<std::int64_t>(values.size());
    const std::int64_t end = count / 1000 + 2; // 0.001 · (count − 1), and its neighbor above
    if (count < 8192) {
        std::sort(values.begin(), values.end());
        return;
    }
    std::nth_element(values.begin(), values.begin() + end, values.end());
    std::sort(values.begin(), values.begin() + end);
    std::nth_element(values.begin() + end, values.end() - end, values.end());
    std::sort(values.end() - end, values.end());
}

} // namespace

UniformGrid gridByPercentile(std::vector<float>& values, const Scheme& scheme)
{
    if (values.empty())
        return gridForRange(0, 0, scheme);
    sortEnds(values);
    UniformGrid best;
    double least = std::numeric_limits<double>::infinity();
    for (const double p : {0.999, 0.9999, 0.99999}) {
        const auto high = static_cast<float>(quantile(values, p));
        const auto low = static_cast<float>(quantile(values, 1 - p));
        const UniformGrid grid = gridForRange(low, high, scheme);
        if (const double error = squaredError(values, grid); error < least) {
            least = error;
            best = grid;
        }
    }
    return best;
}

SolveResult solvePercentileRows(const LayerProblem& problem, Monitor& monitor)
{
    const ConstMatrixView weight = problem.weight;
    const Scheme& scheme = problem.scheme;
    requireFinite(weight, monitor);
    QuantizedWeight out = emptyWeight(scheme, weight.rows, weight.cols);
    const std::int64_t cols = weight.cols;
    if (weight.rows == 0 || cols == 0)
        return {std::move(out), {}};
    const bool whole = scheme.granularity == Granularity::Tensor;
    if (whole) {
        std::vector<float> values;
        values.reserve(static_cast<std::size_t>(weight.rows * cols));
        for (std::int64_t r = 0; r < weight.rows; ++r) {
            const auto row = weight.row(r);
            values.insert(values.end(), row.begin(), row.end());
        }
        monitor.checkpoint();
        const UniformGrid grid = gridByPercentile(values, scheme);
        out.scales[0] = grid.scale;
        out.zeros[0] = static_cast<float>(grid.zero);
    }
    const std::int64_t group = effectiveGroup(scheme, cols);
    const std::int64_t perRow = whole ? 0 : groupsPerRow(scheme, cols);
    parallelFor(
        weight.rows, std::max<std::int64_t>(1, rowGrain(cols) / 8),
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<float> values;
            for (std::int64_t r = begin; r < end; ++r) {
                monitor.checkpoint();
                const auto row = weight.row(r);
                float* scales = out.scales.data() + r * perRow;
                float* zeros = out.zeros.data() + r * perRow;
                for (std::int64_t g = 0; g < perRow; ++g) {
                    const auto from = row.begin() + g * group;
                    values.assign(from, from + std::min(group, cols - g * group));
                    const UniformGrid grid = gridByPercentile(values, scheme);
                    scales[g] = grid.scale;
                    zeros[g] = static_cast<float>(grid.zero);
                }
                encodeGroups(row, whole ? cols : group, scales, zeros, scheme.maximumCode(),
                             out.codes.data() + r * cols);
            }
        },
        &monitor);
    return {std::move(out), {}};
}

} // namespace gradus
