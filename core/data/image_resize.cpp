// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/image_resize.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gradus {

namespace {

/// Which inputs make an output, and how much of each; the weights sum to 1.
struct Tap
{
    std::int64_t first = 0;
    std::vector<float> weights;
};

std::vector<Tap> tapsOf(std::int64_t from, std::int64_t to)
{
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    const double reach = std::max(scale, 1.0); // half the triangle's base
    std::vector<Tap> taps(static_cast<std::size_t>(to));
    for (std::int64_t i = 0; i < to; ++i) {
        Tap& tap = taps[static_cast<std::size_t>(i)];
        const double center = (static_cast<double>(i) + 0.5) * scale;
        tap.first = std::max<std::int64_t>(0, static_cast<std::int64_t>(center - reach + 0.5));
        const auto end = std::min(from, static_cast<std::int64_t>(center + reach + 0.5));
        std::vector<double> weights;
        double sum = 0;
        for (std::int64_t x = tap.first; x < end; ++x) {
            const double distance = std::fabs(static_cast<double>(x) + 0.5 - center) / reach;
            weights.push_back(std::max(0.0, 1 - distance));
            sum += weights.back();
        }
        for (const double weight : weights)
            tap.weights.push_back(static_cast<float>(weight / sum));
    }
    return taps;
}

template <class T>
T stored(float value)
{
    if constexpr (std::is_same_v<T, float>)
        return value;
    else
        return static_cast<T>(std::clamp(value + 0.5F, 0.F, 255.F));
}

template <class T>
std::span<const T> elements(const Tensor& image)
{
    return {reinterpret_cast<const T*>(image.bytes().data()),
            static_cast<std::size_t>(image.count())};
}
template <class T>
std::span<T> elements(Tensor& image)
{
    return {reinterpret_cast<T*>(image.bytes().data()), static_cast<std::size_t>(image.count())};
}

/// Along the middle axis of outer × from × inner.
template <class T>
void resample(const T* from, std::int64_t outer, std::int64_t fromSize, std::int64_t inner,
              const std::vector<Tap>& taps, T* to)
{
    std::vector<float> sums(static_cast<std::size_t>(inner));
    for (std::int64_t o = 0; o < outer; ++o) {
        for (const Tap& tap : taps) {
            std::fill(sums.begin(), sums.end(), 0.F);
            const T* line = from + (o * fromSize + tap.first) * inner;
            for (const float weight : tap.weights) {
                for (std::int64_t i = 0; i < inner; ++i)
                    sums[static_cast<std::size_t>(i)] += weight * static_cast<float>(line[i]);
                line += inner;
            }
            to = std::transform(sums.begin(), sums.end(), to, stored<T>);
        }
    }
}

template <class T>
Tensor resized(const Tensor& image, std::int64_t height, std::int64_t width)
{
    const std::int64_t fromHeight = image.shape()[0];
    const std::int64_t fromWidth = image.shape()[1];
    const std::int64_t channels = image.shape()[2];
    Tensor wide(image.dtype(), {fromHeight, width, channels});
    resample(elements<T>(image).data(), fromHeight, fromWidth, channels, tapsOf(fromWidth, width),
             elements<T>(wide).data());
    Tensor result(image.dtype(), {height, width, channels});
    resample(elements<T>(wide).data(), 1, fromHeight, width * channels, tapsOf(fromHeight, height),
             elements<T>(result).data());
    return result;
}

template <class T>
Tensor gray(const Tensor& image)
{
    Tensor result(image.dtype(), {image.shape()[0], image.shape()[1], 1});
    const auto from = elements<T>(image);
    const auto to = elements<T>(result);
    for (std::size_t i = 0; i < to.size(); ++i)
        to[i] = stored<T>((299 * static_cast<float>(from[3 * i]) +
                           587 * static_cast<float>(from[3 * i + 1]) +
                           114 * static_cast<float>(from[3 * i + 2])) /
                          1000);
    return result;
}

template <class T>
Tensor tripled(const Tensor& image)
{
    Tensor result(image.dtype(), {image.shape()[0], image.shape()[1], 3});
    const auto from = elements<T>(image);
    const auto to = elements<T>(result);
    for (std::size_t i = 0; i < to.size(); ++i)
        to[i] = from[i / 3];
    return result;
}

} // namespace

Tensor resizeImage(const Tensor& image, std::int64_t height, std::int64_t width)
{
    assert(image.shape().size() == 3 && !image.empty() && height > 0 && width > 0);
    return image.dtype() == DType::U8 ? resized<std::uint8_t>(image, height, width)
                                      : resized<float>(image, height, width);
}

Tensor cropCenter(const Tensor& image, std::int64_t height, std::int64_t width)
{
    const Shape& shape = image.shape();
    assert(height <= shape[0] && width <= shape[1]);
    const std::int64_t top = (shape[0] - height) / 2;
    const std::int64_t left = (shape[1] - width) / 2;
    Tensor result(image.dtype(), {height, width, shape[2]});
    const std::size_t pixel = static_cast<std::size_t>(shape[2]) * dtypeSize(image.dtype());
    const std::size_t rowBytes = static_cast<std::size_t>(width) * pixel;
    for (std::int64_t row = 0; row < height; ++row)
        std::memcpy(result.bytes().data() + static_cast<std::size_t>(row) * rowBytes,
                    image.bytes().data() +
                        static_cast<std::size_t>((top + row) * shape[1] + left) * pixel,
                    rowBytes);
    return result;
}

Tensor fitImage(Tensor image, std::int64_t height, std::int64_t width, std::int64_t shorter)
{
    const std::int64_t fromHeight = image.shape()[0];
    const std::int64_t fromWidth = image.shape()[1];
    if (fromHeight == height && fromWidth == width)
        return image;
    if (shorter == 0)
        return resizeImage(image, height, width);
    // At least what the crop needs on either side; the longer side keeps the proportions.
    const double scale = std::max(
        {static_cast<double>(shorter) / static_cast<double>(std::min(fromHeight, fromWidth)),
         static_cast<double>(height) / static_cast<double>(fromHeight),
         static_cast<double>(width) / static_cast<double>(fromWidth)});
    constexpr double slack = 1e-9; // 7 · (3/7) must not become 2
    const auto scaled = [&](std::int64_t side, std::int64_t needed) {
        return std::max(needed,
                        static_cast<std::int64_t>(static_cast<double>(side) * scale + slack));
    };
    const std::int64_t newHeight = scaled(fromHeight, height);
    const std::int64_t newWidth = scaled(fromWidth, width);
    constexpr std::int64_t mostPixels = std::int64_t(1) << 28; // a line of pixels made a square
    if (newHeight > mostPixels / newWidth)
        throw Error(ErrorCode::Shape,
                    concat("an image of ", fromWidth, " × ", fromHeight,
                           " pixels is too narrow to be cropped to ", width, " × ", height));
    if (newHeight != fromHeight || newWidth != fromWidth)
        image = resizeImage(image, newHeight, newWidth);
    return cropCenter(image, height, width);
}

Tensor withChannels(Tensor image, std::int64_t channels)
{
    const std::int64_t from = image.shape()[2];
    const bool isByte = image.dtype() == DType::U8;
    if (from == channels)
        return image;
    if (from == 3 && channels == 1)
        return isByte ? gray<std::uint8_t>(image) : gray<float>(image);
    if (from == 1 && channels == 3)
        return isByte ? tripled<std::uint8_t>(image) : tripled<float>(image);
    throw Error(ErrorCode::Shape,
                concat("images have ", from, " channels, ", channels, " are expected"));
}

} // namespace gradus
