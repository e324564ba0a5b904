// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/decoupleq_start.h"

#include "core/base/parallel.h"
#include "core/quant/methods/common.h"

#include <algorithm>

namespace gradus {

void startFromRanges(const DecoupleqLayer& layer, const Scheme& scheme, GridState& state)
{
    const float maximum = layer.maximumCode();
    parallelFor(
        layer.rows, rowGrain(layer.cols),
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<Range> ranges(static_cast<std::size_t>(layer.groups));
            for (std::int64_t row = begin; row < end; ++row) {
                if (!scanRanges(layer.weight.row(row), layer.group, ranges))
                    throwNotFinite(layer.weight);
                float* scales = state.scales.data() + row * layer.groups;
                float* zeros = state.zeros.data() + row * layer.groups;
                gridsForRanges(ranges, scheme, scales, zeros);
                if (!layer.scheme.floatZeros)
                    continue;
                for (std::size_t g = 0; g < ranges.size(); ++g) {
                    Range range = ranges[g];
                    if (scheme.clip) {
                        range.lo = std::max(range.lo, scheme.clip->low);
                        range.hi = std::min(range.hi, scheme.clip->high);
                    }
                    if (range.lo < range.hi)
                        zeros[g] = std::min(storedZero(static_cast<double>(-range.lo) /
                                                           static_cast<double>(scales[g]),
                                                       layer.scheme),
                                            maximum);
                }
            }
        },
        &layer.monitor);
}

} // namespace gradus
