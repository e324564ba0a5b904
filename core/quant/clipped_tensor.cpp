// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/clipped_tensor.h"

#include <algorithm>
#include <vector>

namespace gradus {

namespace {

constexpr std::int64_t mostValues = std::int64_t(1) << 20;
constexpr std::int64_t heldOutOf = 5;

} // namespace

AffineGrid clippedTensor(ConstMatrixView x, int bits, ClipSearch search, std::uint64_t seed,
                         const Monitor& monitor)
{
    if (search == ClipSearch::None || x.rows * x.cols == 0)
        return tensorGrid(x, bits, InputRange::Percentile);
    const std::int64_t step = (x.rows * x.cols + mostValues - 1) / mostValues;
    std::vector<float> values;
    for (std::int64_t r = 0; r < x.rows; r += step)
        values.insert(values.end(), x.row(r).begin(), x.row(r).end());
    const auto rows = static_cast<std::int64_t>(values.size()) / x.cols;
    const std::int64_t deciding = rows / heldOutOf * x.cols;
    const std::int64_t searched = rows * x.cols - deciding;
    const InputBounds bounds =
        dualClipping({values.data(), searched, 1}, {values.data() + searched, deciding, 1}, bits,
                     search, seed, monitor)
            .front();
    AffineGrid grid;
    grid.bits = bits;
    grid.scales = {bounds.step.scale};
    grid.zeros = {bounds.step.zero};
    double squares = 0;
    for (const float value : values)
        squares += static_cast<double>(value) * static_cast<double>(value);
    grid.relativeError = squares > 0 ? squaredError(values, bounds.step, bits) / squares : 0;
    return grid;
}

} // namespace gradus
