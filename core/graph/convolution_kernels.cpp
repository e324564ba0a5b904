// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/convolution_kernels.h"

#include "core/base/parallel.h"
#include "core/graph/depthwise_rows.h"
#include "core/graph/tap_product.h"
#include "core/tensor/block_pool.h"
#include "core/tensor/row_product.h"

#include <algorithm>
#include <cassert>
#include <vector>

namespace gradus::kernel {

namespace {

/// Tasks that a call is cut into, if it can be: fixed, so that nothing depends on the threads.
constexpr std::int64_t wantedTasks = 16;

struct RowRange
{
    std::int64_t first = 0;
    std::int64_t count = 0;
};

/// The i-th of `parts` parts of 0 … count − 1 that differ by one at most.
RowRange partOf(std::int64_t i, std::int64_t parts, std::int64_t count)
{
    const std::int64_t first = i * count / parts;
    return {first, (i + 1) * count / parts - first};
}

/// Two threads or four share an even number of tasks evenly.
std::int64_t evenUnlessOne(std::int64_t count)
{
    return count <= 1 ? count : (count + 1) / 2 * 2;
}

/// The weight's rows in panels for tapProduct(): as they lie, but laid out anew where rows a power
/// of two apart would push each other out of the cache.
class WeightPanels
{
public:
    WeightPanels(ConstMatrixView weight, std::int64_t groups)
        : m_panels(evenUnlessOne((weight.rows / groups + tapPanel - 1) / tapPanel))
        , m_perGroup(weight.rows / groups)
        , m_weight(weight)
    {
        constexpr std::int64_t apart = 1024;
        if (weight.stride % apart != 0)
            return;
        const std::int64_t stride = weight.cols + tapLanes;
        m_copy = scratchFloats(weight.rows * stride);
        parallelFor(weight.rows, std::max<std::int64_t>(1, taskWork / 8 / weight.cols),
                    [&](std::int64_t begin, std::int64_t end) {
                        for (std::int64_t r = begin; r < end; ++r)
                            std::copy_n(weight.data + r * weight.stride, weight.cols,
                                        m_copy.get() + r * stride);
                    });
        m_weight = ConstMatrixView(m_copy.get(), weight.rows, weight.cols, stride);
    }

    [[nodiscard]] std::int64_t panels() const { return m_panels; } ///< of a group
    [[nodiscard]] RowRange rows(std::int64_t panel) const
    {
        return partOf(panel, m_panels, m_perGroup);
    }
    /// out: the panel's first output channel.
    [[nodiscard]] TapProduct product(std::int64_t out, const float* base,
                                     std::span<const std::int64_t> offsets, const float* initial,
                                     const TapFinish& finish) const
    {
        return {m_weight.data + out * m_weight.stride,
                1,
                m_weight.stride,
                base,
                offsets,
                initial,
                finish};
    }

private:
    std::int64_t m_panels;
    std::int64_t m_perGroup;
    ConstMatrixView m_weight;
    ScratchFloats m_copy;
};

/// Items of a task when each takes so many multiplications: tasks of one size, an even number.
std::int64_t equalGrain(std::int64_t count, std::int64_t work)
{
    const std::int64_t most = std::max<std::int64_t>(1, taskWork / std::max<std::int64_t>(1, work));
    if (count <= most)
        return count;
    const std::int64_t tasks = ((count + most - 1) / most + 1) / 2 * 2;
    return (count + tasks - 1) / tasks;
}

/// Copies the tile's pixels, which lie `pitch` apart by rows, to their places in a channel.
void storeTile(const float* from, std::int64_t pitch, const PixelTile& tile, std::int64_t outWidth,
               float* channel)
{
    float* to = channel + tile.y * outWidth + tile.x;
    for (std::int64_t i = 0; i < tile.rows; ++i, from += pitch, to += outWidth)
        copyRow(from, tile.cols, to);
}

/// What the tasks of one call share.
struct Call
{
    const ConvolutionSize& size;
    ConstMatrixView weight;
    std::span<const float> bias;
    std::span<const float> x;
    std::span<float> y;
    const ChannelFinish& channels;
    const PixelFinish& finish;

    [[nodiscard]] const float* input(std::int64_t image, std::int64_t channel) const
    {
        return x.data() + (image * size.geometry.channels + channel) * size.pixels();
    }
    [[nodiscard]] float* output(std::int64_t image, std::int64_t channel) const
    {
        return y.data() + (image * size.outChannels + channel) * size.outPixels();
    }
    [[nodiscard]] const float* initial(std::int64_t channel) const
    {
        return bias.empty() ? nullptr : bias.data() + channel;
    }
    /// Of the output channels from this one on.
    [[nodiscard]] TapFinish ofChannels(std::int64_t channel) const
    {
        const bool scales = !channels.factor.empty();
        return {scales ? channels.factor.data() + channel : nullptr,
                scales ? channels.shift.data() + channel : nullptr, channels.isBounded(),
                channels.low, channels.high};
    }
    /// Pixels of an output channel are complete.
    void finished(std::int64_t image, std::int64_t channel, std::int64_t pixel,
                  std::int64_t count) const
    {
        if (finish)
            finish(image * size.outChannels + channel, pixel,
                   {output(image, channel) + pixel, static_cast<std::size_t>(count)});
    }
    /// A tile's pixels are consecutive: it has one row, or whole ones.
    void finished(std::int64_t image, std::int64_t channel, const PixelTile& tile) const
    {
        finished(image, channel, tile.y * size.outWidth + tile.x, tile.rows * tile.cols);
    }
};

/// Each channel by itself, where the image's rows can be read as they lie: bands of rows that stay
/// in the nearest cache while strips of columns pass over them.
void convolveDepthwiseRows(const Call& call, const Monitor& monitor)
{
    const ConvolutionSize& size = call.size;
    constexpr std::int64_t bandFloats = 1 << 12;
    const std::int64_t stride = size.geometry.stride[0];
    const std::int64_t most =
        std::max<std::int64_t>(8, bandFloats / std::max<std::int64_t>(1, size.width * stride));
    const std::int64_t bands = (size.outHeight + most - 1) / most;
    // Moving a pixel takes as long as some multiplications, and a band's first rows take more.
    constexpr std::int64_t moves = 8;
    const std::int64_t work =
        (size.taps() + moves) * ((size.outPixels() + bands - 1) / std::max<std::int64_t>(1, bands));
    const std::int64_t items = size.images * size.outChannels * bands;
    parallelFor(
        items, equalGrain(items, work),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                const std::int64_t out = i / bands % size.outChannels;
                const std::int64_t image = i / bands / size.outChannels;
                const RowRange rows = partOf(i % bands, bands, size.outHeight);
                const float* initial = call.initial(out);
                depthwiseRows(size, {call.input(image, out / size.outPerGroup()),
                                     call.weight.data + out * call.weight.stride,
                                     initial ? *initial : 0.0F, call.ofChannels(out),
                                     call.output(image, out), rows.first, rows.count});
                call.finished(image, out, rows.first * size.outWidth, rows.count * size.outWidth);
            }
        },
        &monitor);
}

/// The same of any kernel: groups of one input channel and few outputs.
void convolveDepthwise(const Call& call, const Monitor& monitor)
{
    const ConvolutionSize& size = call.size;
    const ConvolutionPlanes planes(size, 1, PlaneSharing::Phases);
    const std::int64_t tiles = planes.tiles().count();
    const std::int64_t perGroup = size.outPerGroup();
    // Moving a pixel takes longer than multiplying it.
    constexpr std::int64_t moves = 32;
    const std::int64_t work =
        (size.taps() + moves) * perGroup * planes.tiles().rows * planes.tiles().cols;
    const std::int64_t planesOfTiles = size.images * size.geometry.groups * tiles;
    parallelFor(
        planesOfTiles, equalGrain(planesOfTiles, work),
        [&](std::int64_t begin, std::int64_t end) {
            const ScratchFloats buffer = scratchFloats(planes.bufferSize());
            const ScratchFloats strip =
                scratchFloats(planes.tiles().rows * planes.pitch() + tapSlack);
            for (std::int64_t i = begin; i < end; ++i) {
                const PixelTile tile = planes.tiles().at(i % tiles);
                const std::int64_t group = i / tiles % size.geometry.groups;
                const std::int64_t image = i / tiles / size.geometry.groups;
                planes.fill(call.input(image, group), tile, buffer.get());
                for (std::int64_t o = group * perGroup; o < (group + 1) * perGroup; ++o) {
                    tapRow({call.weight.data + o * call.weight.stride, 1, 0, buffer.get(),
                            planes.offsets(), call.initial(o), call.ofChannels(o)},
                           planes.span(tile), strip.get());
                    storeTile(strip.get(), planes.pitch(), tile, size.outWidth,
                              call.output(image, o));
                    call.finished(image, o, tile);
                }
            }
        },
        &monitor);
}

/// How many parts the panels of outputs are cut into, so that there are tasks enough.
std::int64_t panelParts(std::int64_t places, std::int64_t panels)
{
    return std::clamp<std::int64_t>(wantedTasks / std::max<std::int64_t>(1, places), 1, panels);
}

/// Pointwise ones where a copy of the inputs would cost more than it saves: the image's own rows
/// are the operand. Tiles hold a whole vector tile or more.
void convolveInPlace(const Call& call, const WeightPanels& weights, const Monitor& monitor)
{
    const ConvolutionSize& size = call.size;
    const std::int64_t pixels = size.outPixels();
    const std::int64_t channels = size.channelsPerGroup();
    std::vector<std::int64_t> offsets;
    for (std::int64_t c = 0; c < channels; ++c)
        offsets.push_back(c * pixels);
    // What all panels read again, and what is done to results, should be in the nearest cache.
    const std::int64_t most = std::clamp(tilePixels * 4 / channels, tilePixels / 4, tilePixels);
    const std::int64_t tiles = std::max<std::int64_t>(1, pixels / most);
    const std::int64_t places = size.images * size.geometry.groups * tiles;
    const std::int64_t parts = panelParts(places, weights.panels());
    const std::int64_t work = channels * (size.outPerGroup() / parts + 1) * (pixels / tiles);
    parallelFor(
        places * parts, std::max<std::int64_t>(1, taskWork / work),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                const RowRange tile = partOf(i / parts % tiles, tiles, pixels);
                const std::int64_t group = i / parts / tiles % size.geometry.groups;
                const std::int64_t image = i / parts / tiles / size.geometry.groups;
                const std::int64_t whole = tile.count / tapLanes * tapLanes;
                const RowRange range = partOf(i % parts, parts, weights.panels());
                for (std::int64_t p = range.first; p < range.first + range.count; ++p) {
                    const RowRange rows = weights.rows(p);
                    const std::int64_t out = group * size.outPerGroup() + rows.first;
                    const auto product = [&](std::int64_t first, std::int64_t count) {
                        tapProduct(weights.product(out, call.input(image, group * channels) + first,
                                                   offsets, call.initial(out),
                                                   call.ofChannels(out)),
                                   rows.count, count, call.output(image, out) + first, pixels);
                    };
                    product(tile.first, whole);
                    // The rest again with pixels before it: nothing beyond the tile is touched.
                    if (whole < tile.count)
                        product(tile.first + tile.count - tapLanes, tapLanes);
                    for (std::int64_t r = 0; r < rows.count; ++r)
                        call.finished(image, out + r, tile.first, tile.count);
                }
            }
        },
        &monitor);
}

/// The general case: a tile's inputs are laid out once and read by all output channels.
void convolveTiles(const Call& call, const WeightPanels& weights, const Monitor& monitor)
{
    const ConvolutionSize& size = call.size;
    const std::int64_t channels = size.channelsPerGroup();
    const ConvolutionPlanes planes(size, channels, PlaneSharing::Phases);
    const std::int64_t tiles = planes.tiles().count();
    const std::int64_t places = size.images * size.geometry.groups * tiles;
    const std::int64_t parts = panelParts(places, weights.panels());
    const std::int64_t stripStride =
        scatteredStride(planes.tiles().rows * planes.pitch() + tapSlack);
    const std::int64_t work = call.weight.cols * (size.outPerGroup() / parts + 1) *
                              planes.tiles().rows * planes.tiles().cols;
    parallelFor(
        places * parts, std::max<std::int64_t>(1, taskWork / work),
        [&](std::int64_t begin, std::int64_t end) {
            const ScratchFloats buffer = scratchFloats(planes.bufferSize());
            const ScratchFloats strips = scratchFloats(tapPanel * stripStride);
            for (std::int64_t i = begin; i < end; ++i) {
                const PixelTile tile = planes.tiles().at(i / parts % tiles);
                const std::int64_t group = i / parts / tiles % size.geometry.groups;
                const std::int64_t image = i / parts / tiles / size.geometry.groups;
                planes.fill(call.input(image, group * channels), tile, buffer.get());
                const RowRange range = partOf(i % parts, parts, weights.panels());
                for (std::int64_t p = range.first; p < range.first + range.count; ++p) {
                    monitor.checkpoint();
                    const RowRange rows = weights.rows(p);
                    const std::int64_t out = group * size.outPerGroup() + rows.first;
                    tapProduct(weights.product(out, buffer.get(), planes.offsets(),
                                               call.initial(out), call.ofChannels(out)),
                               rows.count, planes.span(tile), strips.get(), stripStride);
                    for (std::int64_t r = 0; r < rows.count; ++r) {
                        storeTile(strips.get() + r * stripStride, planes.pitch(), tile,
                                  size.outWidth, call.output(image, out + r));
                        call.finished(image, out + r, tile);
                    }
                }
            }
        },
        &monitor);
}

/// Channels by channels: images are rows.
void convolveOnePixel(const Call& call, const Monitor& monitor)
{
    const ConvolutionSize& size = call.size;
    const std::int64_t outs = size.outChannels;
    const auto finish = [&](std::int64_t image, std::int64_t channel, std::span<float> values) {
        for (std::size_t i = 0; i < values.size(); ++i) {
            const std::int64_t own = channel + static_cast<std::int64_t>(i);
            const TapFinish rule = call.ofChannels(own);
            float& value = values[i];
            if (rule.scale)
                value = value * *rule.scale + *rule.shift;
            if (rule.isBounded) {
                const float above = value < rule.low ? rule.low : value;
                value = above > rule.high ? rule.high : above;
            }
            call.finished(image, own, 0, 1);
        }
    };
    multiplyRows({call.x.data(), size.images, size.geometry.channels}, call.weight, call.bias,
                 {call.y.data(), size.images, outs}, finish, &monitor);
}

/// Of one group of one image, in floats.
std::int64_t inputSize(const ConvolutionSize& size)
{
    return size.channelsPerGroup() * size.pixels();
}

} // namespace

void convolve(const ConvolutionSize& original, ConstMatrixView weight, std::span<const float> bias,
              std::span<const float> x, std::span<float> y, const Monitor& monitor,
              const ChannelFinish& channels, const PixelFinish& finish)
{
    const ConvolutionSize size = original.flattened();
    assert(weight.rows == size.outChannels && weight.cols == size.geometry.features());
    if (size.images == 0)
        return;
    const Call call{size, weight, bias, x, y, channels, finish};
    if (size.isPointwise() && size.pixels() == 1 && size.geometry.groups == 1)
        return convolveOnePixel(call, monitor);
    if (size.channelsPerGroup() == 1 && size.outPerGroup() <= fewOutputs)
        return hasDepthwiseRows(size) ? convolveDepthwiseRows(call, monitor)
                                      : convolveDepthwise(call, monitor);
    const WeightPanels weights(weight, size.geometry.groups);
    constexpr std::int64_t fewPanels = 2;
    if (size.isPointwise() && size.outPixels() >= tapSlack &&
        (weights.panels() <= fewPanels || inputSize(size) <= 2 * tileFloats))
        return convolveInPlace(call, weights, monitor);
    convolveTiles(call, weights, monitor);
}

} // namespace gradus::kernel
