// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/common.h"

#include "core/base/parallel.h"
#include "core/base/text.h"

#include <sys/mman.h>

#include <cstdint>

namespace gradus {

namespace {

/// Evaluations of a weight that make a task of a few milliseconds.
constexpr std::int64_t taskEvaluations = 1 << 22;
constexpr std::int64_t pieceCols = 1 << 16;

/// The matrix cut into pieces of at most 2^16 values (of one row, or whole rows): map(values) per
/// piece of a row, joined in order.
template <class T, class Map, class Join>
T reduceRows(ConstMatrixView weight, T identity, const Map& map, const Join& join,
             const Monitor& monitor)
{
    const std::int64_t across = std::max<std::int64_t>(1, (weight.cols - 1) / pieceCols + 1);
    return parallelReduce(
        weight.rows * across, across > 1 ? 1 : rowGrain(weight.cols), identity,
        [&](std::int64_t begin, std::int64_t end) {
            T part = identity;
            for (std::int64_t i = begin; i < end; ++i) {
                const std::int64_t c = i % across * pieceCols;
                join(part, map(weight.row(i / across)
                                   .subspan(static_cast<std::size_t>(c),
                                            static_cast<std::size_t>(
                                                std::min(pieceCols, weight.cols - c)))));
            }
            return part;
        },
        join, &monitor);
}

/// Asks for huge pages for fresh memory that has not been written yet (one fault for every 2 MiB
/// instead of 512) and has all threads fetch them: for large layers, pages cleared one after the
/// other by one thread took longer than rounding the weights.
void prepareFreshPages([[maybe_unused]] void* data, [[maybe_unused]] std::size_t bytes)
{
#ifdef MADV_HUGEPAGE
    constexpr std::uintptr_t page = 4096;
    constexpr std::size_t worthwhile = 4 << 20;
    if (bytes < worthwhile)
        return;
    const std::uintptr_t begin = (reinterpret_cast<std::uintptr_t>(data) + page - 1) / page * page;
    const std::uintptr_t end = (reinterpret_cast<std::uintptr_t>(data) + bytes) / page * page;
    (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE); // only a wish
#    ifdef MADV_POPULATE_WRITE
    parallelFor(
        static_cast<std::int64_t>(end - begin), 1 << 21, [&](std::int64_t from, std::int64_t to) {
            (void)::madvise(reinterpret_cast<void*>(begin + static_cast<std::uintptr_t>(from)),
                            static_cast<std::size_t>(to - from), MADV_POPULATE_WRITE);
        });
#    endif
#endif
}

} // namespace

QuantizedWeight emptyWeight(const Scheme& scheme, std::int64_t rows, std::int64_t cols)
{
    QuantizedWeight weight;
    weight.scheme = scheme;
    weight.scheme.clip.reset(); // the scales say it now
    weight.rows = rows;
    weight.cols = cols;
    const auto count = static_cast<std::size_t>(rows * cols);
    weight.codes.reserve(count);
    prepareFreshPages(weight.codes.data(), count);
    weight.codes.resize(count);
    const auto scales = static_cast<std::size_t>(scaleCount(scheme, rows, cols));
    weight.scales.resize(scales, 1.0F);
    weight.zeros.resize(scales);
    return weight;
}

void throwNotFinite(ConstMatrixView weight)
{
    for (std::int64_t r = 0; r < weight.rows; ++r)
        for (std::int64_t c = 0; c < weight.cols; ++c)
            if (const float w = weight.data[r * weight.stride + c]; !std::isfinite(w))
                throw Error(ErrorCode::Numeric, concat("weight at row ", r, ", column ", c, " is ",
                                                       w, ", expected finite values"));
    throw Error(ErrorCode::Numeric, "weight is not finite, expected finite values");
}

void requireFinite(ConstMatrixView weight, const Monitor& monitor)
{
    const int faults = reduceRows(
        weight, 0,
        [](std::span<const float> values) {
            Range range;
            const auto length = static_cast<std::int64_t>(values.size());
            return scanRanges(values, std::max<std::int64_t>(length, 1), {&range, 1}) ? 0 : 1;
        },
        [](int& total, int part) { total |= part; }, monitor);
    if (faults != 0)
        throwNotFinite(weight);
}

UniformGrid granuleGrid(std::span<const float> values, const Scheme& scheme,
                        const RangeSearch& clip)
{
    if (clip.enabled)
        return gridByMse(values, scheme, clip.minimumClip, clip.steps);
    const Range range = rangeOf(values);
    return gridForRange(range.lo, range.hi, scheme);
}

UniformGrid matrixGrid(ConstMatrixView weight, const Scheme& scheme, const RangeSearch& clip,
                       const Monitor& monitor)
{
    const Range range = reduceRows(
        weight, Range{}, [](std::span<const float> values) { return rangeOf(values); },
        [](Range& total, const Range& part) {
            total.lo = std::min(total.lo, part.lo);
            total.hi = std::max(total.hi, part.hi);
        },
        monitor);
    if (!clip.enabled)
        return gridForRange(range.lo, range.hi, scheme);
    const std::vector<UniformGrid> grids =
        clippedGrids(range, scheme, clip.minimumClip, clip.steps);
    const std::vector<double> errors = reduceRows(
        weight, std::vector<double>(grids.size()),
        [&](std::span<const float> values) {
            std::vector<double> part(grids.size());
            for (std::size_t i = 0; i < grids.size(); ++i) {
                monitor.checkpoint();
                part[i] = squaredError(values, grids[i]);
            }
            return part;
        },
        [](std::vector<double>& total, const std::vector<double>& part) {
            for (std::size_t i = 0; i < total.size(); ++i)
                total[i] += part[i];
        },
        monitor);
    const auto least = std::min_element(errors.begin(), errors.end()); // the first: the widest
    return grids[static_cast<std::size_t>(least - errors.begin())];
}

QuantizedWeight roundToNearest(ConstMatrixView weight, const Scheme& scheme,
                               const RangeSearch& clip, const Monitor& monitor)
{
    QuantizedWeight out = emptyWeight(scheme, weight.rows, weight.cols);
    const std::int64_t cols = weight.cols;
    if (scheme.granularity == Granularity::Tensor) {
        requireFinite(weight, monitor);
        const UniformGrid grid = matrixGrid(weight, scheme, clip, monitor);
        out.scales[0] = grid.scale;
        out.zeros[0] = static_cast<float>(grid.zero);
        parallelFor(
            weight.rows, rowGrain(cols),
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t r = begin; r < end; ++r)
                    encodeGroups(weight.row(r), std::max<std::int64_t>(cols, 1), out.scales.data(),
                                 out.zeros.data(), grid.maximumCode, out.codes.data() + r * cols);
            },
            &monitor);
        return out;
    }
    if (cols == 0)
        return out;
    const std::int64_t group = effectiveGroup(scheme, cols);
    const std::int64_t perRow = groupsPerRow(scheme, cols);
    const std::int64_t evaluations = clip.enabled ? clip.steps : 1;
    // One pass over memory: the granules of a row are scanned, and encoded while the row is still
    // in the cache.
    const auto solveRow = [&](std::int64_t r, std::span<Range> ranges) {
        const std::span<const float> row = weight.row(r);
        if (!scanRanges(row, group, ranges))
            throwNotFinite(weight);
        float* scales = out.scales.data() + r * perRow;
        float* zeros = out.zeros.data() + r * perRow;
        if (!clip.enabled) {
            gridsForRanges(ranges, scheme, scales, zeros);
        } else {
            for (std::int64_t g = 0; g < perRow; ++g) {
                const std::int64_t count = std::min(group, cols - g * group);
                const auto values = row.subspan(static_cast<std::size_t>(g * group),
                                                static_cast<std::size_t>(count));
                const UniformGrid best =
                    count * evaluations <= taskEvaluations
                        ? gridByMse(values, scheme, clip.minimumClip, clip.steps)
                        : matrixGrid({values.data(), 1, count}, scheme, clip, monitor);
                scales[g] = best.scale;
                zeros[g] = static_cast<float>(best.zero);
            }
        }
        encodeGroups(row, group, scales, zeros, scheme.maximumCode(), out.codes.data() + r * cols);
    };
    parallelFor(
        weight.rows,
        clip.enabled ? std::max<std::int64_t>(1, taskEvaluations / (evaluations * cols))
                     : rowGrain(cols),
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<Range> ranges(static_cast<std::size_t>(perRow));
            for (std::int64_t r = begin; r < end; ++r)
                solveRow(r, ranges);
        },
        &monitor);
    return out;
}

} // namespace gradus
