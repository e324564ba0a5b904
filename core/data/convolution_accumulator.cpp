// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/convolution_accumulator.h"

#include "core/base/parallel.h"
#include "core/base/text.h"

#include <algorithm>
#include <utility>

namespace gradus {

namespace {

/// Values of the columns that are unfolded at a time.
constexpr std::int64_t unfoldedValues = 1 << 22;

} // namespace

void convolutionColumns(const ConvolutionGeometry& geometry, std::span<const float> images,
                        std::int64_t height, std::int64_t width, std::int64_t group,
                        std::int64_t first, std::int64_t count, float* out)
{
    const auto [outHeight, outWidth] = geometry.output(height, width);
    const std::int64_t perGroup = geometry.channels / geometry.groups;
    for (std::int64_t pixel = first; pixel < first + count; ++pixel) {
        const std::int64_t image = pixel / (outHeight * outWidth);
        const std::int64_t top =
            pixel / outWidth % outHeight * geometry.stride[0] - geometry.padding[0];
        const std::int64_t left = pixel % outWidth * geometry.stride[1] - geometry.padding[1];
        for (std::int64_t c = 0; c < perGroup; ++c) {
            const float* plane =
                images.data() +
                ((image * geometry.channels) + group * perGroup + c) * height * width;
            for (std::int64_t i = 0; i < geometry.kernel[0]; ++i) {
                const std::int64_t y = top + i * geometry.dilation[0];
                for (std::int64_t j = 0; j < geometry.kernel[1]; ++j) {
                    const std::int64_t x = left + j * geometry.dilation[1];
                    const bool inside = y >= 0 && y < height && x >= 0 && x < width;
                    *out++ = inside ? plane[y * width + x] : 0;
                }
            }
        }
    }
}

ConvolutionAccumulator::ConvolutionAccumulator(const ConvolutionGeometry& geometry,
                                               bool withHessian, std::int64_t sampleRows)
    : m_geometry(geometry)
{
    geometry.validate();
    for (std::int64_t g = 0; g < geometry.groups; ++g)
        m_groups.emplace_back(geometry.features(), withHessian, sampleRows);
}

void ConvolutionAccumulator::collectMagnitudes()
{
    for (InputAccumulator& group : m_groups)
        group.collectMagnitudes();
}

void ConvolutionAccumulator::collectCross()
{
    for (InputAccumulator& group : m_groups)
        group.collectCross();
}

void ConvolutionAccumulator::add(std::span<const float> images, std::int64_t height,
                                 std::int64_t width, const Monitor* monitor)
{
    require(images, height, width, monitor);
    unfold(images, {}, height, width, monitor);
}

void ConvolutionAccumulator::addBeside(std::span<const float> images,
                                       std::span<const float> floatNetworks, std::int64_t height,
                                       std::int64_t width, const Monitor* monitor)
{
    require(images, height, width, monitor);
    if (floatNetworks.size() != images.size())
        throw Error(ErrorCode::Shape,
                    concat("the float network's inputs have ", floatNetworks.size(),
                           " values, expected ", images.size()));
    require(floatNetworks, height, width, monitor);
    unfold(images, floatNetworks, height, width, monitor);
}

void ConvolutionAccumulator::require(std::span<const float> images, std::int64_t height,
                                     std::int64_t width, const Monitor* monitor) const
{
    const std::int64_t size = height < 1 || width < 1 ? 0 : m_geometry.channels * height * width;
    if (size == 0 || static_cast<std::int64_t>(images.size()) % size != 0)
        throw Error(ErrorCode::Shape, concat("convolution input has ", images.size(),
                                             " values, expected a multiple of ",
                                             m_geometry.channels, " × ", height, " × ", width));
    const auto [outHeight, outWidth] = m_geometry.output(height, width);
    if (outHeight == 0 || outWidth == 0)
        throw Error(ErrorCode::Shape, concat("convolution input of ", height, " × ", width,
                                             " is smaller than the kernel"));
    // Before anything is added: an image that is refused leaves no trace.
    constexpr std::int64_t grain = 1 << 16;
    const auto bad = parallelReduce(
        static_cast<std::int64_t>(images.size()), grain, std::int64_t(0),
        [&](std::int64_t begin, std::int64_t end) {
            return countNonFinite(images.subspan(static_cast<std::size_t>(begin),
                                                 static_cast<std::size_t>(end - begin)));
        },
        [](std::int64_t& total, std::int64_t part) { total += part; }, monitor);
    if (bad > 0)
        throw Error(ErrorCode::Numeric, concat("calibration input has ", bad,
                                               bad == 1 ? " value that is" : " values that are",
                                               " not finite, expected none"));
}

void ConvolutionAccumulator::unfold(std::span<const float> images,
                                    std::span<const float> floatNetworks, std::int64_t height,
                                    std::int64_t width, const Monitor* monitor)
{
    const ConvolutionGeometry geometry = m_geometry.resolved(height, width);
    const auto [outHeight, outWidth] = geometry.output(height, width);
    const std::int64_t size = geometry.channels * height * width;
    const std::int64_t pixels =
        static_cast<std::int64_t>(images.size()) / size * outHeight * outWidth;
    const std::int64_t features = geometry.features();
    const std::int64_t block = std::clamp<std::int64_t>(unfoldedValues / features, 1, pixels);
    Tensor columns(Shape{block, features});
    Tensor beside = floatNetworks.empty() ? Tensor() : Tensor(Shape{block, features});
    const auto fill = [&](std::span<const float> from, Tensor& to, std::int64_t group,
                          std::int64_t first, std::int64_t count) {
        constexpr std::int64_t pixelGrain = 256;
        parallelFor(
            count, pixelGrain,
            [&](std::int64_t begin, std::int64_t end) {
                convolutionColumns(geometry, from, height, width, group, first + begin, end - begin,
                                   to.floats().data() + begin * features);
            },
            monitor);
        return std::as_const(to).matrix().block(0, 0, count, features);
    };
    for (std::int64_t g = 0; g < geometry.groups; ++g) {
        InputAccumulator& accumulator = m_groups[static_cast<std::size_t>(g)];
        for (std::int64_t first = 0; first < pixels; first += block) {
            const std::int64_t count = std::min(block, pixels - first);
            const ConstMatrixView own = fill(images, columns, g, first, count);
            if (floatNetworks.empty())
                accumulator.add(own, monitor);
            else
                accumulator.addBeside(own, fill(floatNetworks, beside, g, first, count), monitor);
        }
    }
}

InputStatistics ConvolutionAccumulator::finish()
{
    InputStatistics all = m_groups.front().finish();
    all.groups = m_geometry.groups;
    const auto append = [](auto& to, const auto& from) {
        to.insert(to.end(), from.begin(), from.end());
    };
    std::shared_ptr<SignedMagnitudes> magnitudes;
    if (all.magnitudes)
        magnitudes = std::make_shared<SignedMagnitudes>(*all.magnitudes);
    std::vector<Tensor> samples;
    samples.push_back(std::move(all.sample));
    for (std::size_t g = 1; g < m_groups.size(); ++g) {
        InputStatistics part = m_groups[g].finish();
        append(all.hessian, part.hessian);
        append(all.cross, part.cross);
        if (magnitudes && part.magnitudes)
            magnitudes->join(*part.magnitudes);
        append(all.minimum, part.minimum);
        append(all.maximum, part.maximum);
        append(all.secondMoment, part.secondMoment);
        samples.push_back(std::move(part.sample));
    }
    all.magnitudes = std::move(magnitudes);
    if (samples.size() == 1 || samples.front().empty()) {
        all.sample = std::move(samples.front());
        return all;
    }
    const std::int64_t rows = std::as_const(samples.front()).matrix().rows;
    all.sample = Tensor(Shape{rows, all.features * all.groups});
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::size_t g = 0; g < samples.size(); ++g) {
            const std::span<const float> row = std::as_const(samples[g]).matrix().row(r);
            std::copy(row.begin(), row.end(),
                      all.sample.matrix().row(r).begin() +
                          static_cast<std::ptrdiff_t>(g * row.size()));
        }
    return all;
}

} // namespace gradus
