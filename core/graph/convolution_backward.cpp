// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/graph/convolution_kernels.h"
#include "core/graph/tap_product.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace gradus::kernel {

namespace {

/// Features of a group in runs of whole channels, each a task's own.
struct ChannelRuns
{
    std::int64_t channels; ///< of a group
    std::int64_t length;   ///< channels of a run

    /// Runs of about so many features.
    ChannelRuns(const ConvolutionSize& size, std::int64_t features)
        : channels(size.channelsPerGroup())
        , length(std::clamp<std::int64_t>(features / size.taps(), 1, channels))
    {
    }
    [[nodiscard]] std::int64_t count() const { return (channels + length - 1) / length; }
    [[nodiscard]] std::int64_t first(std::int64_t run) const { return run * length; }
    [[nodiscard]] std::int64_t size(std::int64_t run) const
    {
        return std::min(length, channels - run * length);
    }
};

/// A tile of dy for the outputs of a group, one after the other.
class OutputTile
{
public:
    OutputTile(const ConvolutionSize& size, const PixelTiles& tiles)
        : m_size(size)
        , m_stride(scatteredStride(tiles.rows * tiles.cols + tapSlack))
        , m_values(static_cast<std::size_t>(size.outPerGroup() * m_stride))
    {
        for (std::int64_t o = 0; o < size.outPerGroup(); ++o)
            m_offsets.push_back(o * m_stride);
    }
    /// dy: the group's first output channel.
    void fill(const float* dy, const PixelTile& tile)
    {
        for (std::int64_t o = 0; o < m_size.outPerGroup(); ++o) {
            const float* from = dy + o * m_size.outPixels() + tile.y * m_size.outWidth + tile.x;
            std::copy(from, from + tile.rows * tile.cols,
                      m_values.begin() + static_cast<std::ptrdiff_t>(o * m_stride));
        }
    }
    [[nodiscard]] const float* data() const { return m_values.data(); }
    [[nodiscard]] const std::vector<std::int64_t>& offsets() const { return m_offsets; }

private:
    const ConvolutionSize& m_size;
    std::int64_t m_stride;
    std::vector<float> m_values;
    std::vector<std::int64_t> m_offsets;
};

/// Tiles of dy: whole rows, or parts of one row, so that they lie in one piece.
PixelTiles outputTiles(const ConvolutionSize& size)
{
    const std::int64_t most =
        std::clamp<std::int64_t>(tileFloats / size.outPerGroup(), tapSlack, tilePixels);
    PixelTiles tiles{size.outHeight, size.outWidth, 1, std::min(size.outWidth, most)};
    if (tiles.cols == size.outWidth)
        tiles.rows = std::clamp<std::int64_t>(most / tiles.cols, 1, size.outHeight);
    return tiles;
}

/// Adds one feature's values of a tile to the input pixels that it comes from.
void scatter(const ConvolutionSize& size, const PixelTile& tile, std::int64_t tap,
             const float* values, float* channel)
{
    const ConvolutionGeometry& g = size.geometry;
    const std::int64_t down = tap / g.kernel[1] * g.dilation[0] - g.padding[0];
    const std::int64_t across = tap % g.kernel[1] * g.dilation[1] - g.padding[1];
    // x · stride + across lies in 0 … width − 1 for x from low to high.
    const std::int64_t step = g.stride[1];
    const std::int64_t low = std::max(tile.x, across >= 0 ? 0 : (-across + step - 1) / step);
    const std::int64_t room = size.width - 1 - across;
    const std::int64_t high = std::min(tile.x + tile.cols, room < 0 ? 0 : room / step + 1);
    if (low >= high)
        return;
    for (std::int64_t i = 0; i < tile.rows; ++i) {
        const std::int64_t y = (tile.y + i) * g.stride[0] + down;
        if (y < 0 || y >= size.height)
            continue;
        const float* from = values + i * tile.cols + (low - tile.x);
        float* to = channel + y * size.width + (low * step + across);
        if (step == 1)
            for (std::int64_t x = 0; x < high - low; ++x)
                to[x] += from[x];
        else
            for (std::int64_t x = 0; x < high - low; ++x)
                to[x * step] += from[x];
    }
}

/// With strides of 1 the transpose is a convolution too: of dy, with kernels turned round whose
/// input and output channels change places.
void convolveTurned(const ConvolutionSize& size, ConstMatrixView weight,
                    std::span<const float> bias, std::span<const float> dy, std::span<float> dx,
                    const Monitor& monitor)
{
    ConvolutionSize turned = size;
    turned.geometry.channels = size.outChannels;
    turned.outChannels = size.geometry.channels;
    for (std::size_t i = 0; i < 2; ++i) {
        // What lies before the first output, were there one for every place of the kernel. It may
        // be negative: outputs that look at nothing but padding.
        const std::int64_t reach = size.geometry.dilation[i] * (size.geometry.kernel[i] - 1);
        turned.geometry.padding[i] = turned.geometry.padding[i + 2] =
            reach - size.geometry.padding[i];
    }
    std::swap(turned.height, turned.outHeight);
    std::swap(turned.width, turned.outWidth);
    const std::int64_t channels = size.channelsPerGroup();
    const std::int64_t outs = size.outPerGroup();
    const std::int64_t taps = size.taps();
    Tensor kernels({turned.outChannels, outs * taps});
    const MatrixView to = kernels.matrix();
    parallelFor(
        turned.outChannels, std::max<std::int64_t>(1, taskWork / (outs * taps)),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t c = begin; c < end; ++c) {
                const float* from =
                    weight.data + c / channels * outs * weight.stride + c % channels * taps;
                float* row = to.row(c).data();
                for (std::int64_t o = 0; o < outs; ++o, from += weight.stride, row += taps)
                    std::reverse_copy(from, from + taps, row);
            }
        },
        &monitor);
    convolve(turned, to, bias, dy, dx, monitor);
}

/// With larger strides it is one of dy spread out, zeros between its pixels. Most products are with
/// zeros: only where a channel's own kernel makes them cheaper than scattering.
void convolveSpread(const ConvolutionSize& size, ConstMatrixView weight,
                    std::span<const float> bias, std::span<const float> dy, std::span<float> dx,
                    const Monitor& monitor)
{
    ConvolutionSize spread = size;
    const std::array<std::int64_t, 2> stride = size.geometry.stride;
    spread.geometry.stride = {1, 1};
    spread.outHeight = (size.outHeight - 1) * stride[0] + 1;
    spread.outWidth = (size.outWidth - 1) * stride[1] + 1;
    Tensor wide({size.images * size.outChannels, spread.outPixels()});
    float* to = wide.floats().data();
    parallelFor(
        size.images * size.outChannels,
        std::max<std::int64_t>(1, taskWork / 8 / std::max<std::int64_t>(1, spread.outPixels())),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t plane = begin; plane < end; ++plane) {
                const float* from = dy.data() + plane * size.outPixels();
                float* target = to + plane * spread.outPixels();
                std::fill_n(target, spread.outPixels(), 0.0F);
                for (std::int64_t y = 0; y < size.outHeight; ++y)
                    for (std::int64_t x = 0; x < size.outWidth; ++x)
                        target[y * stride[0] * spread.outWidth + x * stride[1]] =
                            from[y * size.outWidth + x];
            }
        },
        &monitor);
    convolveTurned(spread, weight, bias, wide.floats(), dx, monitor);
}

/// Each channel by itself: for every tap a product of dy with the pixels that the tap sees.
void depthwiseWeightGradient(const ConvolutionSize& size, std::span<const float> x,
                             std::span<const float> dy, MatrixView dweight, const Monitor& monitor)
{
    const ConvolutionPlanes planes(size, 1, PlaneSharing::Phases);
    const std::int64_t perGroup = size.outPerGroup();
    const auto channel = [&](std::int64_t group, std::vector<float>& buffer,
                             std::vector<float>& delta) {
        std::vector<double> sums(static_cast<std::size_t>(perGroup * size.taps()));
        for (std::int64_t image = 0; image < size.images; ++image)
            for (std::int64_t t = 0; t < planes.tiles().count(); ++t) {
                monitor.checkpoint();
                const PixelTile tile = planes.tiles().at(t);
                planes.fill(x.data() + (image * size.geometry.channels + group) * size.pixels(),
                            tile, buffer.data());
                for (std::int64_t o = 0; o < perGroup; ++o) {
                    // As the planes lie: zeros where entries mean nothing.
                    std::fill(delta.begin(), delta.end(), 0.0F);
                    const float* from =
                        dy.data() +
                        (image * size.outChannels + group * perGroup + o) * size.outPixels() +
                        tile.y * size.outWidth + tile.x;
                    for (std::int64_t i = 0; i < tile.rows; ++i)
                        copyRow(from + i * size.outWidth, tile.cols,
                                delta.data() + i * planes.pitch());
                    tapDots(buffer.data(), planes.offsets(), delta.data(), planes.span(tile),
                            std::span(sums).subspan(static_cast<std::size_t>(o * size.taps()),
                                                    static_cast<std::size_t>(size.taps())));
                }
            }
        for (std::int64_t o = 0; o < perGroup; ++o)
            for (std::int64_t f = 0; f < size.taps(); ++f)
                dweight.row(group * perGroup + o)[static_cast<std::size_t>(f)] =
                    static_cast<float>(sums[static_cast<std::size_t>(o * size.taps() + f)]);
    };
    const std::int64_t work =
        std::max<std::int64_t>(1, size.images * size.outPixels() * (size.taps() * perGroup + 4));
    parallelFor(
        size.geometry.groups, std::max<std::int64_t>(1, taskWork / work),
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<float> buffer(static_cast<std::size_t>(planes.bufferSize()));
            std::vector<float> delta(
                static_cast<std::size_t>(planes.tiles().rows * planes.pitch() + tapSlack));
            for (std::int64_t group = begin; group < end; ++group)
                channel(group, buffer, delta);
        },
        &monitor);
}

} // namespace

void convolveTransposed(const ConvolutionSize& original, ConstMatrixView weight,
                        std::span<const float> bias, std::span<const float> dy, std::span<float> dx,
                        bool accumulate, const Monitor& monitor)
{
    const ConvolutionSize size = original.flattened();
    const std::int64_t channels = size.channelsPerGroup();
    // Turning the kernels round costs some passes over them.
    constexpr std::int64_t manyPixels = 1024;
    if (!accumulate && size.geometry.stride == std::array<std::int64_t, 2>{1, 1} &&
        (size.images * size.outPixels() >= manyPixels || channels == 1))
        return convolveTurned(size, weight, bias, dy, dx, monitor);
    const auto isTwo = [](std::int64_t stride) { return stride == 2; };
    if (!accumulate && channels == 1 && size.outPerGroup() == 1 && size.outPixels() > 0 &&
        std::all_of(size.geometry.stride.begin(), size.geometry.stride.end(), isTwo))
        return convolveSpread(size, weight, bias, dy, dx, monitor);
    const std::int64_t groups = size.geometry.groups;
    const std::int64_t outs = size.outPerGroup();
    const std::int64_t taps = size.taps();
    constexpr std::int64_t runFeatures = 8 * tapPanel;
    const ChannelRuns runs(size, runFeatures);
    const PixelTiles tiles = outputTiles(size);
    const std::int64_t stripStride = scatteredStride(tiles.rows * tiles.cols + tapSlack);

    const auto task = [&](std::int64_t image, std::int64_t group, std::int64_t run,
                          OutputTile& source, std::vector<float>& strips) {
        const std::int64_t firstChannel = group * channels + runs.first(run);
        float* target = dx.data() + (image * size.geometry.channels + firstChannel) * size.pixels();
        if (!accumulate)
            for (std::int64_t c = 0; c < runs.size(run); ++c)
                std::fill_n(target + c * size.pixels(), size.pixels(),
                            bias.empty() ? 0.0F : bias[static_cast<std::size_t>(firstChannel + c)]);
        const std::int64_t firstFeature = runs.first(run) * taps;
        const std::int64_t features = runs.size(run) * taps;
        const float* weights = weight.data + group * outs * weight.stride + firstFeature;
        for (std::int64_t t = 0; t < tiles.count(); ++t) {
            const PixelTile tile = tiles.at(t);
            source.fill(dy.data() + (image * size.outChannels + group * outs) * size.outPixels(),
                        tile);
            for (std::int64_t f = 0; f < features; f += tapPanel) {
                monitor.checkpoint();
                const std::int64_t rows = std::min(tapPanel, features - f);
                tapProduct(
                    {weights + f, weight.stride, 1, source.data(), source.offsets(), nullptr, {}},
                    rows, tile.rows * tile.cols, strips.data(), stripStride);
                for (std::int64_t r = 0; r < rows; ++r)
                    scatter(size, tile, (f + r) % taps, strips.data() + r * stripStride,
                            target + (f + r) / taps * size.pixels());
            }
        }
    };

    const std::int64_t work = std::max<std::int64_t>(
        1, runs.length * (taps * (outs + 2) * size.outPixels() + size.pixels()));
    parallelFor(
        size.images * groups * runs.count(), std::max<std::int64_t>(1, taskWork / work),
        [&](std::int64_t begin, std::int64_t end) {
            OutputTile source(size, tiles);
            std::vector<float> strips(static_cast<std::size_t>(tapPanel * stripStride));
            for (std::int64_t i = begin; i < end; ++i)
                task(i / runs.count() / groups, i / runs.count() % groups, i % runs.count(), source,
                     strips);
        },
        &monitor);
}

void convolutionWeightGradient(const ConvolutionSize& original, std::span<const float> x,
                               std::span<const float> dy, MatrixView dweight,
                               const Monitor& monitor)
{
    const ConvolutionSize size = original.flattened();
    if (size.channelsPerGroup() == 1 && size.outPerGroup() <= fewOutputs)
        return depthwiseWeightGradient(size, x, dy, dweight, monitor);
    const std::int64_t groups = size.geometry.groups;
    const std::int64_t channels = size.channelsPerGroup();
    const std::int64_t outs = size.outPerGroup();
    constexpr std::int64_t runFeatures = 144;
    constexpr std::int64_t runOutputs = 128;
    const ChannelRuns runs(size, runFeatures);
    const std::int64_t parts = (outs + runOutputs - 1) / runOutputs;
    // Of whole runs; a shorter last one uses the first of their features.
    const ConvolutionPlanes columns(size, runs.length, PlaneSharing::None);
    const ConvolutionPlanes lastColumns(size, runs.size(runs.count() - 1), PlaneSharing::None);

    const auto task = [&](std::int64_t group, std::int64_t run, std::int64_t part,
                          std::vector<float>& buffer) {
        const ConvolutionPlanes& own = run + 1 == runs.count() ? lastColumns : columns;
        const std::int64_t features = runs.size(run) * size.taps();
        const std::int64_t firstOut = group * outs + part * runOutputs;
        const std::int64_t count = std::min(runOutputs, outs - part * runOutputs);
        const MatrixView target =
            dweight.block(firstOut, runs.first(run) * size.taps(), count, features);
        for (std::int64_t r = 0; r < count; ++r)
            std::fill_n(target.row(r).data(), features, 0.0F);
        for (std::int64_t image = 0; image < size.images; ++image)
            for (std::int64_t t = 0; t < own.tiles().count(); ++t) {
                monitor.checkpoint();
                const PixelTile tile = own.tiles().at(t);
                own.fill(x.data() +
                             (image * size.geometry.channels + group * channels + runs.first(run)) *
                                 size.pixels(),
                         tile, buffer.data());
                const ConstMatrixView delta(
                    dy.data() + (image * size.outChannels + firstOut) * size.outPixels() +
                        tile.y * size.outWidth + tile.x,
                    count, tile.rows * tile.cols, size.outPixels());
                multiplyTransposedSerial(
                    delta, {buffer.data(), features, tile.rows * tile.cols, own.planeStride()},
                    target, true);
            }
    };

    const std::int64_t work =
        std::max<std::int64_t>(1, runs.length * size.taps() * (std::min(outs, runOutputs) + 2) *
                                      size.outPixels() * std::max<std::int64_t>(1, size.images));
    parallelFor(
        groups * runs.count() * parts, std::max<std::int64_t>(1, taskWork / work),
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<float> buffer(
                static_cast<std::size_t>(std::max(columns.bufferSize(), lastColumns.bufferSize())));
            for (std::int64_t i = begin; i < end; ++i)
                task(i / parts / runs.count(), i / parts % runs.count(), i % parts, buffer);
        },
        &monitor);
}

void channelSums(std::span<const float> dy, std::int64_t images, std::int64_t pixels,
                 std::span<float> sums, const Monitor& monitor)
{
    const auto channels = static_cast<std::int64_t>(sums.size());
    parallelFor(
        channels, std::max<std::int64_t>(1, taskWork / std::max<std::int64_t>(1, images * pixels)),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t c = begin; c < end; ++c) {
                double sum = 0;
                for (std::int64_t image = 0; image < images; ++image) {
                    monitor.checkpoint();
                    const float* from = dy.data() + (image * channels + c) * pixels;
                    for (std::int64_t i = 0; i < pixels; ++i)
                        sum += static_cast<double>(from[i]);
                }
                sums[static_cast<std::size_t>(c)] = static_cast<float>(sum);
            }
        },
        &monitor);
}

} // namespace gradus::kernel
