// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/axis_map.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/graph/lanes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace gradus::kernel {

namespace {

/// Where output i lies in the input: coordinate_transformation_mode of ONNX Resize.
double coordinate(op::ResizeCoordinates mode, std::int64_t i, std::int64_t in, std::int64_t out,
                  double scale)
{
    const auto x = static_cast<double>(i);
    switch (mode) {
    case op::ResizeCoordinates::HalfPixel:
        return (x + 0.5) / scale - 0.5;
    case op::ResizeCoordinates::PytorchHalfPixel:
        return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case op::ResizeCoordinates::AlignCorners:
        return out > 1 ? x * static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0;
    case op::ResizeCoordinates::Asymmetric:
        return x / scale;
    }
    return 0;
}

double rounded(op::ResizeNearest mode, double x)
{
    switch (mode) {
    case op::ResizeNearest::RoundPreferFloor:
        return std::ceil(x - 0.5);
    case op::ResizeNearest::RoundPreferCeil:
        return std::floor(x + 0.5);
    case op::ResizeNearest::Floor:
        return std::floor(x);
    case op::ResizeNearest::Ceil:
        return std::ceil(x);
    }
    return 0;
}

/// Weights of the taps floor(x) − 1 … floor(x) + 2 for a fraction t: the convolution kernel of
/// R. Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981, with slope a.
std::array<double, 4> cubicWeights(double t, double a)
{
    const auto near = [a](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
    const auto far = [a](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
    return {far(t + 1), near(t), near(1 - t), far(2 - t)};
}

/// The index along a line of so many elements that an index outside means; −1: nothing.
std::int64_t folded(op::PadMode mode, std::int64_t i, std::int64_t count)
{
    if (i >= 0 && i < count)
        return i;
    switch (mode) {
    case op::PadMode::Constant:
        return -1;
    case op::PadMode::Edge:
        return i < 0 ? 0 : count - 1;
    case op::PadMode::Wrap:
        return (i % count + count) % count;
    case op::PadMode::Reflect: {
        if (count == 1)
            return 0;
        const std::int64_t period = 2 * (count - 1);
        const std::int64_t at = (i % period + period) % period;
        return at < count ? at : period - at;
    }
    }
    return -1;
}

struct Around
{
    std::int64_t outer = 1;
    std::int64_t inner = 1;
};

Around around(const Shape& shape, std::size_t axis)
{
    Around result;
    for (std::size_t i = 0; i < shape.size(); ++i)
        (i < axis ? result.outer : result.inner) *= i == axis ? 1 : shape[i];
    return result;
}

Tensor shapedAlong(const Shape& shape, std::size_t axis, std::int64_t size)
{
    Shape result = shape;
    result[axis] = size;
    return Tensor(std::move(result));
}

/// Output i of the map, of lines of `inner` values.
void mapLine(const AxisMap& map, const float* from, std::int64_t inner, std::int64_t i, float* to)
{
    const auto first = static_cast<std::size_t>(i * map.taps);
    if (map.weights.empty() && map.sources[first] >= 0) {
        std::copy_n(from + map.sources[first] * inner, inner, to);
        return;
    }
    std::fill_n(to, inner, 0.0F);
    if (map.weights.empty())
        return;
    for (std::size_t t = first; t < first + static_cast<std::size_t>(map.taps); ++t) {
        const float weight = map.weights[t];
        const float* line = from + map.sources[t] * inner;
        for (std::int64_t k = 0; k < inner; ++k)
            to[k] += weight * line[k];
    }
}

/// The same along the last axis.
void mapRow(const AxisMap& map, const float* from, float* to)
{
    if (map.weights.empty()) {
        for (std::size_t i = 0; i < map.sources.size(); ++i)
            to[i] = map.sources[i] < 0 ? 0 : from[map.sources[i]];
        return;
    }
    std::size_t t = 0;
    for (std::int64_t i = 0; i < map.out; ++i) {
        float sum = 0;
        for (std::int64_t k = 0; k < map.taps; ++k, ++t)
            sum += map.weights[t] * from[map.sources[t]];
        to[i] = sum;
    }
}

void mapRowBack(const AxisMap& map, const float* from, float* to)
{
    std::fill_n(to, map.in, 0.0F);
    std::size_t t = 0;
    for (std::int64_t i = 0; i < map.out; ++i)
        for (std::int64_t k = 0; k < map.taps; ++k, ++t)
            if (map.sources[t] >= 0)
                to[map.sources[t]] += (map.weights.empty() ? 1 : map.weights[t]) * from[i];
}

} // namespace

AxisMap resizeMap(const op::Resize& resize, std::int64_t in, std::int64_t out, double scale)
{
    AxisMap map;
    map.in = in;
    map.out = out;
    const bool nearest = resize.mode == op::ResizeMode::Nearest;
    const bool cubic = resize.mode == op::ResizeMode::Cubic;
    map.taps = nearest ? 1 : (cubic ? 4 : 2);
    // Far outside everything is the same border.
    const auto limit = static_cast<double>(in);
    for (std::int64_t i = 0; i < out; ++i) {
        const double x = std::clamp(coordinate(resize.coordinates, i, in, out, scale), -limit - 4,
                                    2 * limit + 4);
        if (nearest) {
            const auto at = static_cast<std::int64_t>(rounded(resize.nearest, x));
            map.sources.push_back(std::clamp<std::int64_t>(at, 0, in - 1));
            continue;
        }
        const double floor = std::floor(x);
        const double t = x - floor;
        std::array<double, 4> weights = cubic ? cubicWeights(t, static_cast<double>(resize.cubicA))
                                              : std::array<double, 4>{1 - t, t, 0, 0};
        const std::int64_t first = static_cast<std::int64_t>(floor) - (cubic ? 1 : 0);
        double sum = 0;
        for (std::int64_t k = 0; k < map.taps; ++k) {
            double& weight = weights[static_cast<std::size_t>(k)];
            if (resize.excludesOutside && (first + k < 0 || first + k >= in))
                weight = 0;
            sum += weight;
        }
        for (std::int64_t k = 0; k < map.taps; ++k) {
            const double weight = weights[static_cast<std::size_t>(k)];
            map.sources.push_back(std::clamp<std::int64_t>(first + k, 0, in - 1));
            map.weights.push_back(static_cast<float>(
                resize.excludesOutside ? (sum == 0 ? 0 : weight / sum) : weight));
        }
    }
    return map;
}

AxisMap padMap(op::PadMode mode, std::int64_t in, std::int64_t begin, std::int64_t end)
{
    AxisMap map;
    map.in = in;
    map.out = in + begin + end;
    const std::int64_t low = std::max<std::int64_t>(0, -begin);
    const std::int64_t kept = in - low - std::max<std::int64_t>(0, -end);
    if (map.out < 0 || (map.out > 0 && kept < 1 && mode != op::PadMode::Constant))
        throw Error(ErrorCode::Shape,
                    concat("cannot pad an axis of ", in, " elements by ", begin, " and ", end));
    map.sources.reserve(static_cast<std::size_t>(map.out));
    // In what is left after cutting: element 0 of the result is element −begin, or the first kept.
    const std::int64_t shift = std::max<std::int64_t>(0, begin);
    for (std::int64_t i = 0; i < map.out; ++i) {
        const std::int64_t at = kept < 1 ? -1 : folded(mode, i - shift, kept);
        map.sources.push_back(at < 0 ? -1 : low + at);
    }
    return map;
}

Tensor mapAxis(const Tensor& x, std::size_t axis, const AxisMap& map, const Monitor& monitor)
{
    const auto [outer, inner] = around(x.shape(), axis);
    Tensor result = shapedAlong(x.shape(), axis, map.out);
    const float* from = x.floats().data();
    float* to = result.floats().data();
    const auto lines = inner;
    if (inner == 1) {
        parallelFor(
            outer, rowGrain(map.out * map.taps),
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t o = begin; o < end; ++o)
                    mapRow(map, from + o * map.in, to + o * map.out);
            },
            &monitor);
        return result;
    }
    parallelFor(
        outer * map.out, rowGrain(inner * map.taps),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = begin; row < end; ++row)
                mapLine(map, from + row / map.out * map.in * lines, lines, row % map.out,
                        to + row * lines);
        },
        &monitor);
    return result;
}

Tensor mapAxisBack(const Tensor& dy, std::size_t axis, const AxisMap& map, const Monitor& monitor)
{
    const auto [outer, inner] = around(dy.shape(), axis);
    Tensor result = shapedAlong(dy.shape(), axis, map.in);
    const float* from = dy.floats().data();
    float* to = result.floats().data();
    if (inner == 1) {
        parallelFor(
            outer, rowGrain(map.out * map.taps),
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t o = begin; o < end; ++o)
                    mapRowBack(map, from + o * map.out, to + o * map.in);
            },
            &monitor);
        return result;
    }
    // Columns of the lines are independent: long lines are cut so that there is work for all.
    constexpr std::int64_t most = 4096;
    const std::int64_t width = std::min(inner, most);
    const std::int64_t cuts = (inner + width - 1) / width;
    const std::int64_t lines = inner;
    parallelFor(
        outer * cuts, rowGrain(width * (map.out * map.taps + map.in)),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                const std::int64_t first = i % cuts * width;
                const std::int64_t count = std::min(width, lines - first);
                const float* source = from + i / cuts * map.out * lines + first;
                float* target = to + i / cuts * map.in * lines + first;
                for (std::int64_t row = 0; row < map.in; ++row)
                    std::fill_n(target + row * lines, count, 0.0F);
                std::size_t t = 0;
                for (std::int64_t row = 0; row < map.out; ++row) {
                    monitor.checkpoint();
                    for (std::int64_t k = 0; k < map.taps; ++k, ++t) {
                        if (map.sources[t] < 0)
                            continue;
                        const float weight = map.weights.empty() ? 1 : map.weights[t];
                        const float* line = source + row * lines;
                        float* sum = target + map.sources[t] * lines;
                        for (std::int64_t c = 0; c < count; ++c)
                            sum[c] += weight * line[c];
                    }
                }
            }
        },
        &monitor);
    return result;
}

} // namespace gradus::kernel
