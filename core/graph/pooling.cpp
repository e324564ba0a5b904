// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/pooling.h"

#include "core/base/parallel.h"
#include "core/graph/lanes.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace gradus::kernel {

namespace {

constexpr float lowest = std::numeric_limits<float>::lowest();

/// The taps that a window's position in one direction sees, first … last − 1.
struct Window
{
    std::int64_t start = 0; ///< input coordinate of tap 0
    std::int64_t first = 0;
    std::int64_t last = 0;
    float divisor = 1; ///< taps that an average counts
};

std::vector<Window> windowsOf(const ConvolutionSize& size, std::size_t axis, bool countsPadding)
{
    const ConvolutionGeometry& g = size.geometry;
    const std::int64_t in = axis == 0 ? size.height : size.width;
    const std::int64_t out = axis == 0 ? size.outHeight : size.outWidth;
    const std::int64_t kernel = g.kernel[axis];
    const std::int64_t dilation = g.dilation[axis];
    // Taps from start on that stay below an end.
    const auto below = [&](std::int64_t start, std::int64_t end) {
        return start >= end ? 0 : std::min(kernel, (end - start + dilation - 1) / dilation);
    };
    std::vector<Window> windows;
    windows.reserve(static_cast<std::size_t>(out));
    for (std::int64_t o = 0; o < out; ++o) {
        Window w;
        w.start = o * g.stride[axis] - g.padding[axis];
        w.first = below(w.start, 0);
        w.last = std::max(w.first, below(w.start, in));
        w.divisor = static_cast<float>(countsPadding ? below(w.start, in + g.padding[axis + 2])
                                                     : w.last - w.first);
        windows.push_back(w);
    }
    return windows;
}

struct Windows
{
    std::vector<Window> down;
    std::vector<Window> across;

    Windows(const ConvolutionSize& size, bool countsPadding)
        : down(windowsOf(size, 0, countsPadding))
        , across(windowsOf(size, 1, countsPadding))
    {
    }
};

float averageFactor(const Window& down, const Window& across)
{
    const float count = down.divisor * across.divisor;
    return count > 0 ? 1 / count : 0;
}

/// Output columns from first on that see tap v: those in between need no look at the borders.
struct ColumnRange
{
    std::int64_t first = 0;
    std::int64_t last = 0;
};

ColumnRange columnsOf(const ConvolutionSize& size, std::int64_t tap)
{
    const std::int64_t offset = tap * size.geometry.dilation[1] - size.geometry.padding[1];
    const std::int64_t stride = size.geometry.stride[1];
    const std::int64_t first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
    const std::int64_t room = size.width - 1 - offset;
    return {std::min(first, size.outWidth),
            std::min(size.outWidth, room < 0 ? 0 : room / stride + 1)};
}

/// Taps up to which going through the outputs once for each is best; larger kernels, which may lie
/// in the padding for the most part, are looked at output by output.
constexpr std::int64_t fewTaps = 32;

/// One row of outputs of the pixels in `line`, which are combined along the height already.
template <class Combine>
void poolRow(const ConvolutionSize& size, const std::vector<Window>& across, float initial,
             const Combine& combine, const float* line, float* y)
{
    const ConvolutionGeometry& g = size.geometry;
    std::fill_n(y, size.outWidth, initial);
    if (g.kernel[1] > fewTaps) {
        for (const Window& window : across) {
            for (std::int64_t v = window.first; v < window.last; ++v)
                *y = combine(*y, line[window.start + v * g.dilation[1]]);
            ++y;
        }
        return;
    }
    for (std::int64_t v = 0; v < g.kernel[1]; ++v) {
        const auto [first, last] = columnsOf(size, v);
        if (first >= last)
            continue;
        const float* from = line + (first * g.stride[1] + v * g.dilation[1] - g.padding[1]);
        float* to = y + first;
        const std::int64_t count = last - first;
        if (g.stride[1] == 1)
            for (std::int64_t j = 0; j < count; ++j)
                to[j] = combine(to[j], from[j]);
        else if (g.stride[1] == 2)
            for (std::int64_t j = 0; j < count; ++j)
                to[j] = combine(to[j], from[2 * j]);
        else
            for (std::int64_t j = 0; j < count; ++j)
                to[j] = combine(to[j], from[j * g.stride[1]]);
    }
}

/// First down, row by row, then across: kernel height + kernel width steps for each output.
template <class Combine>
void poolPlane(const ConvolutionSize& size, const Windows& windows, float initial,
               const Combine& combine, const float* x, std::vector<float>& line, float* y,
               const Monitor& monitor)
{
    const auto width = static_cast<std::size_t>(size.width);
    for (const Window& window : windows.down) {
        monitor.checkpoint();
        std::fill(line.begin(), line.end(), initial);
        for (std::int64_t u = window.first; u < window.last; ++u) {
            const float* from = x + (window.start + u * size.geometry.dilation[0]) * size.width;
            for (std::size_t j = 0; j < width; ++j)
                line[j] = combine(line[j], from[j]);
        }
        poolRow(size, windows.across, initial, combine, line.data(), y);
        y += size.outWidth;
    }
}

/// Work on planes of about so many values each, in chunks worth a thread.
template <class Body>
void overPlanes(std::int64_t planes, std::int64_t values, const Monitor& monitor, const Body& body)
{
    parallelFor(planes, rowGrain(values), body, &monitor);
}

std::int64_t workOf(const ConvolutionSize& size)
{
    return size.outPixels() * (std::min(size.geometry.kernel[0], size.height) +
                               std::min(size.geometry.kernel[1], size.width));
}

/// The first place of the window's maximum, in the plane.
std::int64_t placeOfMaximum(const ConvolutionSize& size, const Window& down, const Window& across,
                            const float* x)
{
    const ConvolutionGeometry& g = size.geometry;
    std::int64_t best = -1;
    for (std::int64_t u = down.first; u < down.last; ++u)
        for (std::int64_t v = across.first; v < across.last; ++v) {
            const std::int64_t at =
                (down.start + u * g.dilation[0]) * size.width + across.start + v * g.dilation[1];
            if (best < 0 || x[at] > x[best])
                best = at;
        }
    return best;
}

} // namespace

void pool(const ConvolutionSize& size, op::PoolKind kind, bool countsPadding,
          std::span<const float> x, std::span<float> y, const Monitor& monitor)
{
    const Windows windows(size, countsPadding);
    const auto average = [&](float* plane) {
        for (const Window& down : windows.down)
            for (const Window& across : windows.across)
                *plane++ *= averageFactor(down, across);
    };
    overPlanes(size.images * size.outChannels, workOf(size), monitor,
               [&](std::int64_t begin, std::int64_t end) {
                   std::vector<float> line(static_cast<std::size_t>(size.width));
                   for (std::int64_t p = begin; p < end; ++p) {
                       const float* from = x.data() + p * size.pixels();
                       float* to = y.data() + p * size.outPixels();
                       if (kind == op::PoolKind::Maximum) {
                           poolPlane(
                               size, windows, lowest,
                               [](float a, float b) { return b > a ? b : a; }, from, line, to,
                               monitor);
                           continue;
                       }
                       poolPlane(
                           size, windows, 0, [](float a, float b) { return a + b; }, from, line, to,
                           monitor);
                       average(to);
                   }
               });
}

void placesOfMaxima(const ConvolutionSize& size, std::span<const float> x,
                    std::span<std::int64_t> places, const Monitor& monitor)
{
    const Windows windows(size, false);
    overPlanes(size.images * size.outChannels, workOf(size), monitor,
               [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t p = begin; p < end; ++p) {
                       const std::int64_t first = p * size.pixels();
                       std::int64_t* to = places.data() + p * size.outPixels();
                       for (const Window& down : windows.down) {
                           monitor.checkpoint();
                           for (const Window& across : windows.across) {
                               const std::int64_t at =
                                   placeOfMaximum(size, down, across, x.data() + first);
                               *to++ = at < 0 ? -1 : first + at;
                           }
                       }
                   }
               });
}

void poolBackward(const ConvolutionSize& size, op::PoolKind kind, bool countsPadding,
                  std::span<const float> x, std::span<const float> dy, std::span<float> dx,
                  const Monitor& monitor)
{
    const Windows windows(size, countsPadding);
    const ConvolutionGeometry& g = size.geometry;
    const auto plane = [&](std::int64_t p) {
        const float* from = dy.data() + p * size.outPixels();
        float* to = dx.data() + p * size.pixels();
        std::fill_n(to, size.pixels(), 0.0F);
        for (const Window& down : windows.down) {
            monitor.checkpoint();
            for (const Window& across : windows.across) {
                const float gradient = *from++;
                if (kind == op::PoolKind::Maximum) {
                    const std::int64_t at =
                        placeOfMaximum(size, down, across, x.data() + p * size.pixels());
                    if (at >= 0)
                        to[at] += gradient;
                    continue;
                }
                const float part = gradient * averageFactor(down, across);
                for (std::int64_t u = down.first; u < down.last; ++u)
                    for (std::int64_t v = across.first; v < across.last; ++v)
                        to[(down.start + u * g.dilation[0]) * size.width + across.start +
                           v * g.dilation[1]] += part;
            }
        }
    };
    overPlanes(size.images * size.outChannels, workOf(size), monitor,
               [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t p = begin; p < end; ++p)
                       plane(p);
               });
}

void globalPool(op::PoolKind kind, std::int64_t planes, std::int64_t pixels,
                std::span<const float> x, std::span<float> y, const Monitor& monitor)
{
    const auto mean = [&](std::span<const float> plane) {
        // Runs in float lanes, the runs in double.
        constexpr std::size_t run = 1024;
        double sum = 0;
        for (std::size_t i = 0; i < plane.size(); i += run) {
            const auto part = plane.subspan(i, std::min(run, plane.size() - i));
            sum +=
                static_cast<double>(laneSum(part.size(), [&](std::size_t j) { return part[j]; }));
        }
        return static_cast<float>(sum / static_cast<double>(plane.size()));
    };
    overPlanes(planes, pixels, monitor, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t p = begin; p < end; ++p) {
            const auto plane =
                x.subspan(static_cast<std::size_t>(p * pixels), static_cast<std::size_t>(pixels));
            y[static_cast<std::size_t>(p)] =
                kind == op::PoolKind::Maximum ? maximumOf(plane) : mean(plane);
        }
    });
}

void globalPoolBackward(op::PoolKind kind, std::int64_t planes, std::int64_t pixels,
                        std::span<const float> x, std::span<const float> dy, std::span<float> dx,
                        const Monitor& monitor)
{
    overPlanes(planes, pixels, monitor, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t p = begin; p < end; ++p) {
            const float gradient = dy[static_cast<std::size_t>(p)];
            float* to = dx.data() + p * pixels;
            if (kind == op::PoolKind::Average) {
                std::fill_n(to, pixels, gradient / static_cast<float>(pixels));
                continue;
            }
            const float* from = x.data() + p * pixels;
            std::fill_n(to, pixels, 0.0F);
            to[std::max_element(from, from + pixels) - from] = gradient;
        }
    });
}

} // namespace gradus::kernel
