// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/image_maps.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/graph/image_sizes.h"
#include "core/graph/lanes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>

namespace gradus {

namespace {

/// Axes as counted from the front, each at most once; empty: all.
std::vector<std::size_t> axesOf(std::span<const std::int64_t> axes, std::size_t rank)
{
    std::vector<std::size_t> result(rank);
    std::iota(result.begin(), result.end(), std::size_t(0));
    if (axes.empty())
        return result;
    result.clear();
    const auto count = static_cast<std::int64_t>(rank);
    for (const std::int64_t axis : axes) {
        if (axis < -count || axis >= count)
            throw Error(ErrorCode::Shape,
                        concat("axis ", axis, " is outside of its input's ", rank, " axes"));
        const auto place = static_cast<std::size_t>(axis < 0 ? axis + count : axis);
        if (std::find(result.begin(), result.end(), place) != result.end())
            throw Error(ErrorCode::Shape, concat("axis ", axis, " is given twice"));
        result.push_back(place);
    }
    return result;
}

/// A map of an axis takes memory of its own, also where another axis has nothing.
void requireMappable(const Shape& shape)
{
    constexpr std::int64_t longest = std::int64_t(1) << 25;
    requireActivation(shape);
    for (const std::int64_t size : shape)
        if (size > longest)
            throw Error(ErrorCode::Unsupported,
                        concat("its result would be ", shapeText(shape), ", expected at most ",
                               longest, " elements along an axis"));
}

/// What one axis of a Resize becomes: ONNX has floor(in · scale), in float.
std::int64_t scaledSize(std::int64_t in, float scale)
{
    const float size = std::floor(static_cast<float>(in) * scale);
    if (!(scale > 0) || !(size >= 1) || size > static_cast<float>(maximumActivation))
        throw Error(ErrorCode::Shape, concat("a scale of ", scale, " makes no size of ", in));
    return static_cast<std::int64_t>(size);
}

/// The longest run of consecutive sources that begins where the first pair of them does.
struct Run
{
    std::size_t begin = 0;
    std::size_t end = 0;
};

Run firstRun(const std::vector<std::int64_t>& sources)
{
    Run run;
    while (run.begin + 1 < sources.size() &&
           (sources[run.begin] < 0 || sources[run.begin + 1] != sources[run.begin] + 1))
        ++run.begin;
    run.end = run.begin;
    if (run.begin + 1 >= sources.size())
        return run;
    do
        ++run.end;
    while (run.end < sources.size() && sources[run.end] == sources[run.end - 1] + 1);
    return run;
}

/// Element by element of one size, whatever they mean.
template <class Element>
class Padding
{
public:
    Padding(const Tensor& x, const std::vector<MappedAxis>& maps, Element value, Tensor& result)
        : m_from(reinterpret_cast<const Element*>(x.bytes().data()))
        , m_to(reinterpret_cast<Element*>(result.bytes().data()))
        , m_value(value)
        , m_in(x.shape())
        , m_out(result.shape())
        , m_sources(m_in.size())
    {
        for (const MappedAxis& mapped : maps)
            m_sources[mapped.axis] = &mapped.map.sources;
        if (m_sources.back())
            m_run = firstRun(*m_sources.back());
    }
    void run(const Monitor& monitor) const
    {
        const std::int64_t cols = m_out.back();
        const std::int64_t rows = elementCount(m_out) / cols;
        parallelFor(
            rows, kernel::rowGrain(cols),
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t r = begin; r < end; ++r)
                    row(r, m_to + r * cols);
            },
            &monitor);
    }

private:
    void row(std::int64_t index, Element* to) const
    {
        std::int64_t place = 0;
        std::int64_t stride = m_in.back();
        for (std::size_t axis = m_out.size() - 1; axis-- > 0;) {
            const std::int64_t at = index % m_out[axis];
            index /= m_out[axis];
            const std::int64_t source =
                m_sources[axis] ? (*m_sources[axis])[static_cast<std::size_t>(at)] : at;
            if (source < 0) {
                std::fill_n(to, m_out.back(), m_value);
                return;
            }
            place += source * stride;
            stride *= m_in[axis];
        }
        const Element* from = m_from + place;
        if (!m_sources.back()) {
            std::copy_n(from, m_out.back(), to);
            return;
        }
        const auto& sources = *m_sources.back();
        const auto one = [&](std::size_t i) {
            to[i] = sources[i] < 0 ? m_value : from[sources[i]];
        };
        for (std::size_t i = 0; i < m_run.begin; ++i)
            one(i);
        if (m_run.begin < m_run.end)
            std::copy_n(from + sources[m_run.begin], m_run.end - m_run.begin, to + m_run.begin);
        for (std::size_t i = m_run.end; i < sources.size(); ++i)
            one(i);
    }

    const Element* m_from;
    Element* m_to;
    Element m_value;
    Shape m_in;
    Shape m_out;
    std::vector<const std::vector<std::int64_t>*> m_sources; ///< null: the axis stays
    Run m_run;
};

template <class Element>
void padElements(const Tensor& x, const std::vector<MappedAxis>& maps, const Tensor* value,
                 Tensor& result, const Monitor& monitor)
{
    Element element{};
    if (value)
        std::memcpy(&element, value->bytes().data(), sizeof element);
    Padding<Element>(x, maps, element, result).run(monitor);
}

/// The sizes of DepthToSpace: images × (depth · block²) × height × width becomes
/// images × depth × (height · block) × (width · block).
struct Blocks
{
    std::int64_t images = 0;
    std::int64_t depth = 0;
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::int64_t block = 1;
    bool columnRowDepth = false;

    /// The deep channel of pixel (i, j) of a block.
    [[nodiscard]] std::int64_t channel(std::int64_t c, std::int64_t i, std::int64_t j) const
    {
        return columnRowDepth ? (c * block + i) * block + j : (i * block + j) * depth + c;
    }
};

template <class Element>
void moveBlocks(const Blocks& b, const Tensor& x, bool toDepth, Tensor& result,
                const Monitor& monitor)
{
    const auto* from = reinterpret_cast<const Element*>(x.bytes().data());
    auto* to = reinterpret_cast<Element*>(result.bytes().data());
    // A task: one wide row of one channel, and the rows of the deep image that it is made of.
    const std::int64_t rows = b.height * b.block;
    parallelFor(
        b.images * b.depth * rows, kernel::rowGrain(b.width * b.block),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t r = begin; r < end; ++r) {
                const std::int64_t y = r % rows;
                const std::int64_t c = r / rows % b.depth;
                const std::int64_t image = r / rows / b.depth;
                for (std::int64_t j = 0; j < b.block; ++j) {
                    const std::int64_t deep =
                        ((image * b.depth * b.block * b.block + b.channel(c, y % b.block, j)) *
                             b.height +
                         y / b.block) *
                        b.width;
                    const std::int64_t wide = r * b.width * b.block + j;
                    for (std::int64_t k = 0; k < b.width; ++k) {
                        if (toDepth)
                            to[deep + k] = from[wide + k * b.block];
                        else
                            to[wide + k * b.block] = from[deep + k];
                    }
                }
            }
        },
        &monitor);
}

/// work(Element()) for an unsigned integer of the size.
template <class Work>
void ofElementSize(std::size_t size, const Work& work)
{
    switch (size) {
    case 1:
        return work(std::uint8_t());
    case 2:
        return work(std::uint16_t());
    case 4:
        return work(std::uint32_t());
    default:
        return work(std::uint64_t());
    }
}

} // namespace

std::vector<MappedAxis> resizeMaps(const op::Resize& resize, const Shape& x,
                                   std::span<const float> scales,
                                   std::span<const std::int64_t> sizes)
{
    const auto axes = axesOf(resize.axes, x.size());
    const std::size_t given = sizes.empty() ? scales.size() : sizes.size();
    if (given != axes.size())
        throw Error(ErrorCode::Shape, concat("has ", given, " scales or sizes for ", axes.size(),
                                             " axes of an input of ", shapeText(x)));
    Shape result = x;
    std::vector<double> factors(axes.size());
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const std::int64_t in = x[axes[i]];
        std::int64_t& out = result[axes[i]];
        out = sizes.empty() ? scaledSize(in, scales[i]) : sizes[i];
        if (in < 1 || out < 1)
            throw Error(ErrorCode::Shape, concat("cannot resize ", in, " elements to ", out));
        factors[i] = sizes.empty() ? static_cast<double>(scales[i])
                                   : static_cast<double>(out) / static_cast<double>(in);
    }
    requireMappable(result);
    std::vector<MappedAxis> maps;
    for (std::size_t i = 0; i < axes.size(); ++i)
        if (const std::size_t axis = axes[i]; factors[i] != 1)
            maps.push_back({axis, kernel::resizeMap(resize, x[axis], result[axis], factors[i])});
    std::sort(maps.begin(), maps.end(),
              [](const MappedAxis& a, const MappedAxis& b) { return a.axis > b.axis; });
    return maps;
}

std::vector<MappedAxis> padMaps(const op::Pad& pad, const Shape& x,
                                std::span<const std::int64_t> pads,
                                std::span<const std::int64_t> axes)
{
    const auto places = axesOf(axes, x.size());
    if (pads.size() != 2 * places.size())
        throw Error(ErrorCode::Shape, concat("has ", pads.size(), " pads for ", places.size(),
                                             " axes of an input of ", shapeText(x)));
    constexpr std::int64_t largest = std::int64_t(1) << 40;
    Shape result = x;
    for (std::size_t i = 0; i < places.size(); ++i)
        for (const std::int64_t pad64 : {pads[i], pads[i + places.size()]}) {
            if (pad64 < -largest || pad64 > largest)
                throw Error(ErrorCode::Shape, concat("has a pad of ", pad64));
            result[places[i]] += pad64;
        }
    for (std::size_t i = 0; i < places.size(); ++i)
        if (result[places[i]] < 0)
            throw Error(ErrorCode::Shape, concat("cuts ", -pads[i] - pads[i + places.size()],
                                                 " elements off an axis of ", x[places[i]]));
    requireMappable(result);
    std::vector<MappedAxis> maps;
    for (std::size_t i = 0; i < places.size(); ++i) {
        const std::int64_t begin = pads[i];
        const std::int64_t end = pads[i + places.size()];
        if (begin != 0 || end != 0)
            maps.push_back({places[i], kernel::padMap(pad.mode, x[places[i]], begin, end)});
    }
    return maps;
}

Shape mappedShape(Shape x, const std::vector<MappedAxis>& maps)
{
    for (const MappedAxis& mapped : maps)
        x[mapped.axis] = mapped.map.out;
    return x;
}

Tensor padded(const Tensor& x, const std::vector<MappedAxis>& maps, const Tensor* value,
              const Monitor& monitor)
{
    if (maps.empty())
        return x.clone();
    Tensor result(x.dtype(), mappedShape(x.shape(), maps));
    if (!result.empty())
        ofElementSize(dtypeSize(x.dtype()), [&](auto element) {
            padElements<decltype(element)>(x, maps, value, result, monitor);
        });
    return result;
}

Tensor blocksMoved(const Tensor& x, std::int64_t blockSize, bool columnRowDepth, bool toDepth,
                   const Monitor& monitor)
{
    const ImageSize image = imageSize(x.shape(), false);
    constexpr std::int64_t largest = 1 << 15;
    const auto refuse = [&] {
        throw Error(ErrorCode::Shape, concat("cannot move blocks of ", blockSize, " × ", blockSize,
                                             " of an input of ", shapeText(x.shape())));
    };
    if (blockSize < 1 || blockSize > largest)
        refuse();
    Blocks b{image.images, image.channels, image.height, image.width, blockSize, columnRowDepth};
    if (toDepth) {
        if (b.height % blockSize != 0 || b.width % blockSize != 0)
            refuse();
        b.height /= blockSize;
        b.width /= blockSize;
    } else {
        if (b.depth % (blockSize * blockSize) != 0)
            refuse();
        b.depth /= blockSize * blockSize;
    }
    Tensor result(x.dtype(),
                  toDepth ? Shape{b.images, b.depth * blockSize * blockSize, b.height, b.width}
                          : Shape{b.images, b.depth, b.height * blockSize, b.width * blockSize});
    ofElementSize(dtypeSize(x.dtype()), [&](auto element) {
        moveBlocks<decltype(element)>(b, x, toDepth, result, monitor);
    });
    return result;
}

} // namespace gradus
