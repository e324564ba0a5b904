// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/grid.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/tensor/half.h"

#include <array>
#include <bit>
#include <cassert>
#include <iterator>
#include <limits>
#include <type_traits>

// This file is compiled with -O3 and without floating-point contraction (see CMakeLists.txt): the
// loops below vectorise, and choose the same codes as UniformGrid::encode compiled anywhere else.

namespace gradus {

namespace {

/// (hi − lo)/(2^b − 1) before it is rounded to its storage type; 0 for an empty range.
inline float rawScale(float lo, float hi, bool symmetric, double levels)
{
    const double low = lo < 0 ? -static_cast<double>(lo) : 0;
    const double high = hi > 0 ? static_cast<double>(hi) : 0;
    const double width = symmetric ? 2 * (low > high ? low : high) : high + low;
    return static_cast<float>(width / levels);
}

inline float zeroOf(float lo, float scale, float levels)
{
    const float zero = std::rint((lo < 0 ? -lo : 0) / scale);
    return zero > levels ? levels : zero;
}

float smallestScale(DType type)
{
    return type == DType::F16 ? 0x1p-14F : std::numeric_limits<float>::min();
}

[[noreturn]] void throwScaleOverflow(Range range, const Scheme& scheme)
{
    throw Error(ErrorCode::Numeric,
                concat("the range ", range.lo, " to ", range.hi, " at ", scheme.bits,
                       " bits needs a larger scale than ", dtypeName(scheme.scaleType),
                       " can hold, expected a smaller range or scale type F32"));
}

/// std::rint is nearbyint but for a status flag nobody reads, and compiles to one instruction.
inline float codeOf(float w, float scale, float zero, float maximum)
{
    float code = std::rint(w / scale) + zero;
    code = code < 0 ? 0 : code;
    return code > maximum ? maximum : code;
}

} // namespace

float storedScale(double scale, DType type)
{
    const double least = static_cast<double>(smallestScale(type));
    const double most =
        type == DType::F16 ? 65504.0 : static_cast<double>(std::numeric_limits<float>::max());
    const auto value = static_cast<float>(std::clamp(scale, least, most));
    return type == DType::F16 ? roundToHalf(value) : value;
}

float storedScaleAbove(double scale, DType type)
{
    const float stored = storedScale(scale, type);
    const float next = std::nextafter(stored, std::numeric_limits<float>::max());
    if (static_cast<double>(stored) >= scale || stored == next)
        return stored;
    if (type != DType::F16)
        return next;
    const std::uint16_t above = static_cast<std::uint16_t>(floatToHalf(stored) + 1);
    return above < 0x7C00U ? halfToFloat(above) : stored;
}

void requireScalable(float magnitude, DType type)
{
    if (type == DType::F16 && magnitude > 65504.0F)
        throw Error(ErrorCode::Numeric,
                    concat("the magnitude ", magnitude, " needs a larger scale than ",
                           dtypeName(type),
                           " can hold, expected a smaller range or scale type F32"));
}

UniformGrid gridForRange(float lo, float hi, const Scheme& scheme)
{
    UniformGrid grid;
    float zero = 0;
    const Range range{lo, hi};
    gridsForRanges({&range, 1}, scheme, &grid.scale, &zero);
    grid.zero = static_cast<int>(zero);
    grid.maximumCode = scheme.maximumCode();
    return grid;
}

namespace {

void uncutGrids(std::span<const Range> ranges, const Scheme& scheme, float* scales, float* zeros)
{
    const bool symmetric = scheme.symmetric;
    const double levels = scheme.maximumCode();
    const std::size_t count = ranges.size();
    for (std::size_t i = 0; i < count; ++i)
        scales[i] = rawScale(ranges[i].lo, ranges[i].hi, symmetric, levels);
    if (scheme.scaleType == DType::F16) {
        std::uint16_t half[64];
        for (std::size_t i = 0; i < count; i += std::size(half)) {
            const std::size_t some = std::min(std::size(half), count - i);
            floatToHalf({scales + i, some}, {half, some});
            halfToFloat({half, some}, {scales + i, some});
        }
    }
    const float smallest = smallestScale(scheme.scaleType);
    const auto maximum = static_cast<float>(scheme.maximumCode());
    const auto middle = static_cast<float>(1 << (scheme.bits - 1));
    float largest = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const bool empty = !(ranges[i].lo < 0) && !(ranges[i].hi > 0);
        float scale = scales[i];
        largest = scale > largest ? scale : largest;
        scale = scale < smallest ? smallest : scale;
        scale = empty ? 1 : scale;
        scales[i] = scale;
        zeros[i] = symmetric ? middle : zeroOf(ranges[i].lo, scale, maximum);
    }
    if (largest <= std::numeric_limits<float>::max())
        return;
    for (std::size_t i = 0; i < count; ++i)
        if (scales[i] > std::numeric_limits<float>::max())
            throwScaleOverflow(ranges[i], scheme);
}

inline Range cut(Range range, const ClipLimits& limits)
{
    return {range.lo < limits.low ? limits.low : range.lo,
            range.hi > limits.high ? limits.high : range.hi};
}

} // namespace

void gridsForRanges(std::span<const Range> ranges, const Scheme& scheme, float* scales,
                    float* zeros)
{
    if (!scheme.clip)
        return uncutGrids(ranges, scheme, scales, zeros);
    const float smallest = smallestScale(scheme.scaleType);
    std::array<Range, 64> narrow;
    for (std::size_t begin = 0; begin < ranges.size(); begin += narrow.size()) {
        const auto some = ranges.subspan(begin, std::min(narrow.size(), ranges.size() - begin));
        for (std::size_t i = 0; i < some.size(); ++i)
            narrow[i] = cut(some[i], *scheme.clip);
        uncutGrids({narrow.data(), some.size()}, scheme, scales + begin, zeros + begin);
        for (std::size_t i = 0; i < some.size(); ++i) {
            const bool gone = !(narrow[i].lo < 0) && !(narrow[i].hi > 0);
            if (!gone || (!(some[i].lo < 0) && !(some[i].hi > 0)))
                continue;
            // All values lie beyond a limit at 0, and decode to 0.
            scales[begin + i] = smallest;
            if (!scheme.symmetric && some[i].hi > 0)
                zeros[begin + i] = static_cast<float>(scheme.maximumCode());
        }
    }
}

namespace {

struct Scan
{
    Range range;
    bool finite;
};

inline Scan scan(const float* v, std::size_t count)
{
    // As integers, floats of one sign are in order; flipping the other sign's bits orders them
    // all, with NaN beyond the infinities at both ends. Integer minima vectorise as they stand.
    std::int32_t lo = 0;
    std::int32_t hi = 0;
    const auto flip = [](std::int32_t bits) { return bits ^ ((bits >> 31) & 0x7FFFFFFF); };
    for (std::size_t i = 0; i < count; ++i) {
        const std::int32_t key = flip(std::bit_cast<std::int32_t>(v[i]));
        lo = key < lo ? key : lo;
        hi = key > hi ? key : hi;
    }
    constexpr std::int32_t infinity = 0x7F800000;
    const auto value = [&](std::int32_t key) { return std::bit_cast<float>(flip(key)) + 0.0F; };
    return {{value(lo), value(hi)}, hi < infinity && lo > ~infinity};
}

inline void encode(const float* v, std::size_t count, float scale, float zero, float maximum,
                   std::uint8_t* codes)
{
#pragma omp simd simdlen(16)
    for (std::size_t i = 0; i < count; ++i)
        codes[i] = static_cast<std::uint8_t>(
            static_cast<std::int32_t>(codeOf(v[i], scale, zero, maximum)));
}

/// body(g, begin, count) for each run. The usual group sizes are constants to the compiler, which
/// unrolls their loops: the runs are short, and calls and remainders would cost most of the time.
template <std::size_t group, class Body>
void overRunsOf(std::size_t size, const Body& body)
{
    const std::size_t whole = size / group;
    for (std::size_t g = 0; g < whole; ++g)
        body(g, g * group, std::integral_constant<std::size_t, group>{});
    if (whole * group < size)
        body(whole, whole * group, size - whole * group);
}

template <class Body>
void overRuns(std::size_t size, std::int64_t group, const Body& body)
{
    assert(group >= 1);
    switch (group) {
    case 32:
        return overRunsOf<32>(size, body);
    case 64:
        return overRunsOf<64>(size, body);
    case 128:
        return overRunsOf<128>(size, body);
    default:
        const auto length = static_cast<std::size_t>(group);
        for (std::size_t g = 0, begin = 0; begin < size; ++g, begin += length)
            body(g, begin, std::min(length, size - begin));
    }
}

} // namespace

bool scanRanges(std::span<const float> values, std::int64_t group, std::span<Range> ranges)
{
    bool finite = true;
    overRuns(values.size(), group, [&](std::size_t g, std::size_t begin, auto count) {
        const Scan run = scan(values.data() + begin, count);
        ranges[g] = run.range;
        finite = finite && run.finite;
    });
    return finite;
}

Range rangeOf(std::span<const float> values)
{
    return scan(values.data(), values.size()).range;
}

void encodeGroups(std::span<const float> values, std::int64_t group, const float* scales,
                  const float* zeros, int maximumCode, std::uint8_t* codes)
{
    const auto maximum = static_cast<float>(maximumCode);
    overRuns(values.size(), group, [&](std::size_t g, std::size_t begin, auto count) {
        encode(values.data() + begin, count, scales[g], zeros[g], maximum, codes + begin);
    });
}

namespace {

/// squaredError that may stop as soon as it is certain to exceed limit.
double boundedSquaredError(std::span<const float> values, const UniformGrid& grid, double limit)
{
    const float scale = grid.scale;
    const auto zero = static_cast<float>(grid.zero);
    const auto maximum = static_cast<float>(grid.maximumCode);
    constexpr std::size_t block = 1024;
    double total = 0;
    for (std::size_t begin = 0; begin < values.size() && total <= limit; begin += block) {
        const float* v = values.data() + begin;
        const std::size_t count = std::min(block, values.size() - begin);
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (std::size_t i = 0; i < count; ++i) {
            const float decoded = scale * (codeOf(v[i], scale, zero, maximum) - zero);
            const double error = static_cast<double>(v[i]) - static_cast<double>(decoded);
            sum += error * error;
        }
        total += sum;
    }
    return total;
}

} // namespace

double squaredError(std::span<const float> values, const UniformGrid& grid)
{
    return boundedSquaredError(values, grid, std::numeric_limits<double>::infinity());
}

std::vector<UniformGrid> clippedGrids(Range range, const Scheme& scheme, double minimumClip,
                                      int steps)
{
    assert(steps >= 2);
    const auto count = static_cast<std::size_t>(steps);
    std::vector<Range> ranges(count);
    if (scheme.clip && cut(range, *scheme.clip).lo < cut(range, *scheme.clip).hi)
        range = cut(range, *scheme.clip); // one that is gone is gridsForRanges' business
    for (std::size_t i = 0; i < count; ++i) {
        const double clip = 1 - (1 - minimumClip) * static_cast<double>(i) / (steps - 1);
        ranges[i] = {static_cast<float>(static_cast<double>(range.lo) * clip),
                     static_cast<float>(static_cast<double>(range.hi) * clip)};
    }
    std::vector<float> scales(count);
    std::vector<float> zeros(count);
    gridsForRanges(ranges, scheme, scales.data(), zeros.data());
    std::vector<UniformGrid> grids;
    grids.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        // A narrower range that rounds to the same stored scale is the same grid.
        if (i == 0 || scales[i] != scales[i - 1] || zeros[i] != zeros[i - 1])
            grids.push_back({scales[i], static_cast<int>(zeros[i]), scheme.maximumCode()});
    return grids;
}

UniformGrid gridByMse(std::span<const float> values, const Scheme& scheme, double minimumClip,
                      int steps)
{
    UniformGrid best;
    double least = std::numeric_limits<double>::infinity();
    for (const UniformGrid& grid : clippedGrids(rangeOf(values), scheme, minimumClip, steps)) {
        const double error = boundedSquaredError(values, grid, least);
        if (error < least) {
            least = error;
            best = grid;
        }
    }
    return best;
}

} // namespace gradus
