// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/convolution_kernels.h"

#include "core/base/parallel.h"
#include "core/graph/tap_product.h"

#include <algorithm>
#include <cassert>
#include <vector>

namespace gradus::kernel {

namespace {

/// Multiplications of a task that are worth handing to a thread.
constexpr std::int64_t taskWork = 1 << 18;
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

/// The weight's rows in panels for tapProduct(): features × rows each, one after the other.
class PackedRows
{
public:
    PackedRows(ConstMatrixView weight, std::int64_t groups, const Monitor& monitor)
        : m_panels((weight.rows / groups + tapPanel - 1) / tapPanel)
        , m_perGroup(weight.rows / groups)
        , m_features(weight.cols)
        , m_packed(Shape{weight.rows, weight.cols})
    {
        parallelFor(
            groups * m_panels, std::max<std::int64_t>(1, taskWork / (tapPanel * m_features)),
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i)
                    pack(weight, i / m_panels, i % m_panels);
            },
            &monitor);
    }

    [[nodiscard]] std::int64_t panels() const { return m_panels; } ///< of a group
    [[nodiscard]] RowRange rows(std::int64_t panel) const
    {
        return partOf(panel, m_panels, m_perGroup);
    }
    [[nodiscard]] const float* data(std::int64_t group, std::int64_t panel) const
    {
        return m_packed.floats().data() + (group * m_perGroup + rows(panel).first) * m_features;
    }

private:
    void pack(ConstMatrixView weight, std::int64_t group, std::int64_t panel)
    {
        const RowRange range = rows(panel);
        float* to = m_packed.floats().data() + (group * m_perGroup + range.first) * m_features;
        for (std::int64_t r = 0; r < range.count; ++r) {
            const auto from = weight.row(group * m_perGroup + range.first + r);
            for (std::int64_t f = 0; f < m_features; ++f)
                to[f * range.count + r] = from[static_cast<std::size_t>(f)];
        }
    }

    std::int64_t m_panels;
    std::int64_t m_perGroup;
    std::int64_t m_features;
    Tensor m_packed;
};

/// Copies the tile's pixels, which lie `pitch` apart by rows, to their places in a channel.
void storeTile(const float* from, std::int64_t pitch, const PixelTile& tile, std::int64_t outWidth,
               float* channel)
{
    float* to = channel + tile.y * outWidth + tile.x;
    for (std::int64_t i = 0; i < tile.rows; ++i, from += pitch, to += outWidth)
        std::copy(from, from + tile.cols, to);
}

/// What the tasks of one call share.
struct Call
{
    const ConvolutionSize& size;
    ConstMatrixView weight;
    std::span<const float> bias;
    std::span<const float> x;
    std::span<float> y;

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
};

/// Each channel by itself: groups of one input channel and few outputs.
void convolveDepthwise(const Call& call, const Monitor& monitor)
{
    const ConvolutionSize& size = call.size;
    const ConvolutionPlanes planes(size, 1, PlaneSharing::Phases);
    const std::int64_t tiles = planes.tiles().count();
    const std::int64_t perGroup = size.outPerGroup();
    const std::int64_t work =
        (size.taps() * perGroup + 4) * planes.tiles().rows * planes.tiles().cols;
    parallelFor(
        size.images * size.geometry.groups * tiles, std::max<std::int64_t>(1, taskWork / work),
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<float> buffer(static_cast<std::size_t>(planes.bufferSize()));
            std::vector<float> strip(
                static_cast<std::size_t>(planes.tiles().rows * planes.pitch() + tapSlack));
            for (std::int64_t i = begin; i < end; ++i) {
                const PixelTile tile = planes.tiles().at(i % tiles);
                const std::int64_t group = i / tiles % size.geometry.groups;
                const std::int64_t image = i / tiles / size.geometry.groups;
                planes.fill(call.input(image, group), tile, buffer.data());
                for (std::int64_t o = group * perGroup; o < (group + 1) * perGroup; ++o) {
                    tapRow({call.weight.data + o * call.weight.stride, 1, buffer.data(),
                            planes.offsets(), call.initial(o)},
                           planes.span(tile), strip.data());
                    storeTile(strip.data(), planes.pitch(), tile, size.outWidth,
                              call.output(image, o));
                }
            }
        },
        &monitor);
}

/// Pointwise ones of so few outputs that a copy of the inputs would cost more than it saves: the
/// image's own rows are the operand. Tiles hold a whole vector tile or more.
void convolveInPlace(const Call& call, const PackedRows& packed, const Monitor& monitor)
{
    const ConvolutionSize& size = call.size;
    const std::int64_t pixels = size.outPixels();
    const std::int64_t channels = size.channelsPerGroup();
    std::vector<std::int64_t> offsets;
    for (std::int64_t c = 0; c < channels; ++c)
        offsets.push_back(c * pixels);
    const std::int64_t tiles = std::max<std::int64_t>(1, pixels / tilePixels);
    const std::int64_t work = channels * size.outPerGroup() * (pixels / tiles);
    const auto product = [&](std::int64_t image, std::int64_t group, std::int64_t panel,
                             std::int64_t first, std::int64_t count) {
        const RowRange rows = packed.rows(panel);
        const std::int64_t out = group * size.outPerGroup() + rows.first;
        tapProduct({packed.data(group, panel), rows.count,
                    call.input(image, group * channels) + first, offsets, call.initial(out)},
                   rows.count, count, call.output(image, out) + first, pixels);
    };
    parallelFor(
        size.images * size.geometry.groups * tiles, std::max<std::int64_t>(1, taskWork / work),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                const RowRange tile = partOf(i % tiles, tiles, pixels);
                const std::int64_t group = i / tiles % size.geometry.groups;
                const std::int64_t image = i / tiles / size.geometry.groups;
                const std::int64_t whole = tile.count / tapSlack * tapSlack;
                for (std::int64_t p = 0; p < packed.panels(); ++p) {
                    product(image, group, p, tile.first, whole);
                    // The rest again with pixels before it: nothing beyond the tile is touched.
                    if (whole < tile.count)
                        product(image, group, p, tile.first + tile.count - tapSlack, tapSlack);
                }
            }
        },
        &monitor);
}

/// The general case: a tile's inputs are laid out once and read by all output channels.
void convolveTiles(const Call& call, const PackedRows& packed, const Monitor& monitor)
{
    const ConvolutionSize& size = call.size;
    const std::int64_t channels = size.channelsPerGroup();
    const ConvolutionPlanes planes(size, channels, PlaneSharing::Phases);
    const std::int64_t tiles = planes.tiles().count();
    const std::int64_t places = size.images * size.geometry.groups * tiles;
    const std::int64_t parts = std::clamp<std::int64_t>(
        wantedTasks / std::max<std::int64_t>(1, places), 1, packed.panels());
    const std::int64_t stripStride =
        scatteredStride(planes.tiles().rows * planes.pitch() + tapSlack);
    const std::int64_t work = call.weight.cols * (size.outPerGroup() / parts + 1) *
                              planes.tiles().rows * planes.tiles().cols;
    parallelFor(
        places * parts, std::max<std::int64_t>(1, taskWork / work),
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<float> buffer(static_cast<std::size_t>(planes.bufferSize()));
            std::vector<float> strips(static_cast<std::size_t>(tapPanel * stripStride));
            for (std::int64_t i = begin; i < end; ++i) {
                const PixelTile tile = planes.tiles().at(i / parts % tiles);
                const std::int64_t group = i / parts / tiles % size.geometry.groups;
                const std::int64_t image = i / parts / tiles / size.geometry.groups;
                planes.fill(call.input(image, group * channels), tile, buffer.data());
                const RowRange range = partOf(i % parts, parts, packed.panels());
                for (std::int64_t p = range.first; p < range.first + range.count; ++p) {
                    monitor.checkpoint();
                    const RowRange rows = packed.rows(p);
                    const std::int64_t out = group * size.outPerGroup() + rows.first;
                    tapProduct({packed.data(group, p), rows.count, buffer.data(), planes.offsets(),
                                call.initial(out)},
                               rows.count, planes.span(tile), strips.data(), stripStride);
                    for (std::int64_t r = 0; r < rows.count; ++r)
                        storeTile(strips.data() + r * stripStride, planes.pitch(), tile,
                                  size.outWidth, call.output(image, out + r));
                }
            }
        },
        &monitor);
}

} // namespace

void convolve(const ConvolutionSize& original, ConstMatrixView weight, std::span<const float> bias,
              std::span<const float> x, std::span<float> y, const Monitor& monitor)
{
    const ConvolutionSize size = original.flattened();
    assert(weight.rows == size.outChannels && weight.cols == size.geometry.features());
    if (size.images == 0)
        return;
    const Call call{size, weight, bias, x, y};
    constexpr std::int64_t fewOutputs = 4;
    if (size.channelsPerGroup() == 1 && size.outPerGroup() <= fewOutputs)
        return convolveDepthwise(call, monitor);
    const PackedRows packed(weight, size.geometry.groups, monitor);
    constexpr std::int64_t fewPanels = 2;
    if (size.isPointwise() && packed.panels() <= fewPanels && size.outPixels() >= tapSlack)
        return convolveInPlace(call, packed, monitor);
    convolveTiles(call, packed, monitor);
}

} // namespace gradus::kernel
