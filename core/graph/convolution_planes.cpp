// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/convolution_planes.h"

#include "core/graph/tap_product.h"

#include <algorithm>
#include <numeric>

namespace gradus::kernel {

namespace {

std::int64_t ceilDivide(std::int64_t a, std::int64_t b)
{
    return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

PlaneAxis planeAxis(const ConvolutionGeometry& geometry, std::size_t axis, std::int64_t size,
                    std::int64_t out, PlaneSharing sharing)
{
    PlaneAxis result;
    result.stride = geometry.stride[axis];
    result.size = size;
    const std::int64_t kernel = geometry.kernel[axis];
    const std::int64_t dilation = geometry.dilation[axis];
    const std::int64_t padding = geometry.padding[axis];
    // Remainders of u · dilation modulo the stride come round after so many taps.
    const std::int64_t period = result.stride / std::gcd(result.stride, dilation);
    const std::int64_t phases = std::min(kernel, period);
    const std::int64_t reach = (kernel - 1) * dilation / result.stride;
    // With far taps and few outputs most of a shared plane would be read by nobody.
    const double length = static_cast<double>(std::min<std::int64_t>(out, 32));
    const bool shares = sharing == PlaneSharing::Phases &&
                        static_cast<double>(phases) * (length + static_cast<double>(reach)) <=
                            static_cast<double>(kernel) * length;
    for (std::int64_t u = 0; u < kernel; ++u) {
        result.tapPlanes.push_back(shares ? u % period : u);
        result.tapShifts.push_back(shares ? u * dilation / result.stride : 0);
    }
    for (std::int64_t u = 0; u < (shares ? phases : kernel); ++u)
        result.origins.push_back((shares ? u * dilation % result.stride : u * dilation) - padding);
    result.reach = shares ? reach : 0;
    return result;
}

/// count entries of a plane's row from entry `first` on; line: the image's.
void fillRow(const PlaneAxis& axis, std::int64_t origin, const float* line, std::int64_t first,
             std::int64_t count, float* to)
{
    const std::int64_t start = first * axis.stride + origin; // of entry 0, in the image
    const std::int64_t low = std::clamp<std::int64_t>(ceilDivide(-start, axis.stride), 0, count);
    const std::int64_t high =
        std::clamp<std::int64_t>(ceilDivide(axis.size - start, axis.stride), low, count);
    std::fill(to, to + low, 0.0F);
    if (low < high) {
        const float* from = line + (start + low * axis.stride);
        float* inside = to + low;
        const std::int64_t length = high - low;
        if (axis.stride == 1)
            std::copy(from, from + length, inside);
        else if (axis.stride == 2)
            for (std::int64_t i = 0; i < length; ++i)
                inside[i] = from[2 * i];
        else
            for (std::int64_t i = 0; i < length; ++i)
                inside[i] = from[i * axis.stride];
    }
    std::fill(to + high, to + count, 0.0F);
}

} // namespace

std::int64_t scatteredStride(std::int64_t length)
{
    constexpr std::int64_t line = 16; // floats of a cache line
    return ((length + line - 1) / line | 1) * line;
}

bool ConvolutionSize::isPointwise() const
{
    const auto all = [](const auto& values, std::int64_t expected) {
        return std::all_of(values.begin(), values.end(),
                           [&](std::int64_t value) { return value == expected; });
    };
    return all(geometry.kernel, 1) && all(geometry.stride, 1) && all(geometry.padding, 0) &&
           height == outHeight && width == outWidth;
}

ConvolutionSize ConvolutionSize::flattened() const
{
    ConvolutionSize result = *this;
    if (!isPointwise())
        return result;
    result.width = result.outWidth = pixels();
    result.height = result.outHeight = 1;
    return result;
}

PixelTile PixelTiles::at(std::int64_t i) const
{
    const std::int64_t across = (outWidth + cols - 1) / cols;
    PixelTile tile;
    tile.y = i / across * rows;
    tile.x = i % across * cols;
    tile.rows = std::min(rows, outHeight - tile.y);
    tile.cols = std::min(cols, outWidth - tile.x);
    return tile;
}

ConvolutionPlanes::ConvolutionPlanes(const ConvolutionSize& size, std::int64_t channels,
                                     PlaneSharing sharing)
    : m_channels(channels)
    , m_pixels(size.pixels())
    , m_vertical(planeAxis(size.geometry, 0, size.height, size.outHeight, sharing))
    , m_horizontal(planeAxis(size.geometry, 1, size.width, size.outWidth, sharing))
    , m_tiles{size.outHeight, size.outWidth, 1, size.outWidth}
{
    chooseTiles();
    m_planeStride = scatteredStride((m_tiles.rows + m_vertical.reach) * pitch());
    const auto down = static_cast<std::int64_t>(m_vertical.origins.size());
    const auto across = static_cast<std::int64_t>(m_horizontal.origins.size());
    m_bufferSize = channels * down * across * m_planeStride + tapSlack;
    for (std::int64_t c = 0; c < channels; ++c)
        for (std::size_t u = 0; u < m_vertical.tapPlanes.size(); ++u)
            for (std::size_t v = 0; v < m_horizontal.tapPlanes.size(); ++v)
                m_offsets.push_back(
                    ((c * down + m_vertical.tapPlanes[u]) * across + m_horizontal.tapPlanes[v]) *
                        m_planeStride +
                    m_vertical.tapShifts[u] * pitch() + m_horizontal.tapShifts[v]);
}

double ConvolutionPlanes::floatsOf(std::int64_t rows, std::int64_t cols) const
{
    return static_cast<double>(m_channels) * static_cast<double>(m_vertical.origins.size()) *
           static_cast<double>(m_horizontal.origins.size()) *
           static_cast<double>(rows + m_vertical.reach) *
           static_cast<double>(cols + m_horizontal.reach);
}

void ConvolutionPlanes::chooseTiles()
{
    constexpr std::int64_t fewestCols = 4 * tapLanes;
    const auto fits = [&](std::int64_t rows, std::int64_t cols) {
        return rows * (cols + m_horizontal.reach) <= tilePixels &&
               floatsOf(rows, cols) <= static_cast<double>(tileFloats);
    };
    while (m_tiles.cols > fewestCols && !fits(1, m_tiles.cols))
        m_tiles.cols =
            std::max(fewestCols, ((m_tiles.cols + 1) / 2 + tapLanes - 1) / tapLanes * tapLanes);
    if (m_tiles.cols < m_tiles.outWidth)
        return;
    while (m_tiles.rows < m_tiles.outHeight && fits(m_tiles.rows + 1, m_tiles.cols))
        ++m_tiles.rows;
    // Equal tiles rather than a small last one.
    const std::int64_t bands = (m_tiles.outHeight + m_tiles.rows - 1) / m_tiles.rows;
    m_tiles.rows = (m_tiles.outHeight + bands - 1) / bands;
}

void ConvolutionPlanes::fill(const float* image, const PixelTile& tile, float* to) const
{
    const std::int64_t rows = tile.rows + m_vertical.reach;
    const std::int64_t cols = tile.cols + m_horizontal.reach;
    for (std::int64_t c = 0; c < m_channels; ++c, image += m_pixels)
        for (const std::int64_t top : m_vertical.origins)
            for (const std::int64_t left : m_horizontal.origins) {
                float* row = to;
                for (std::int64_t i = 0; i < rows; ++i, row += pitch()) {
                    const std::int64_t y = (tile.y + i) * m_vertical.stride + top;
                    if (y < 0 || y >= m_vertical.size)
                        std::fill(row, row + cols, 0.0F);
                    else
                        fillRow(m_horizontal, left, image + y * m_horizontal.size, tile.x, cols,
                                row);
                }
                to += m_planeStride;
            }
}

} // namespace gradus::kernel
