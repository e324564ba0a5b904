// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/convolution_geometry.h"

#include <cstdint>
#include <vector>

namespace gradus::kernel {

/// The sizes of one call of a convolution, checked by the caller. Input pixel (y, x) meets output
/// pixel (i, j) at tap (u, v) where y = i · stride + u · dilation − padding, and so for x; what
/// lies outside counts as zero.
struct ConvolutionSize
{
    ConvolutionGeometry geometry; ///< resolved
    std::int64_t outChannels = 0;
    std::int64_t images = 0;
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::int64_t outHeight = 0;
    std::int64_t outWidth = 0;

    [[nodiscard]] std::int64_t pixels() const { return height * width; }
    [[nodiscard]] std::int64_t outPixels() const { return outHeight * outWidth; }
    [[nodiscard]] std::int64_t taps() const { return geometry.kernel[0] * geometry.kernel[1]; }
    [[nodiscard]] std::int64_t channelsPerGroup() const
    {
        return geometry.channels / geometry.groups;
    }
    [[nodiscard]] std::int64_t outPerGroup() const { return outChannels / geometry.groups; }
    /// Nothing but a product of channels, pixel by pixel.
    [[nodiscard]] bool isPointwise() const;
    /// A pointwise one sees an image as one line: tiles need not end with its rows.
    [[nodiscard]] ConvolutionSize flattened() const;
};

/// A tile of output pixels.
struct PixelTile
{
    std::int64_t y = 0;
    std::int64_t x = 0;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
};

/// Tiles of at most so many rows and columns; one row only when a row is not whole.
struct PixelTiles
{
    std::int64_t outHeight = 0;
    std::int64_t outWidth = 0;
    std::int64_t rows = 1;
    std::int64_t cols = 1;

    [[nodiscard]] std::int64_t count() const
    {
        return ((outHeight + rows - 1) / rows) * ((outWidth + cols - 1) / cols);
    }
    [[nodiscard]] PixelTile at(std::int64_t i) const;
};

/// How taps share planes.
enum class PlaneSharing
{
    Phases, ///< one plane for all taps with the same remainder modulo the stride, where that is
            ///< less
    None,   ///< one for each tap: the columns as a matrix
};

/// One direction of the planes below.
struct PlaneAxis
{
    std::int64_t stride = 1;
    std::int64_t size = 0;               ///< of the input
    std::vector<std::int64_t> origins;   ///< of each plane: the input coordinate of its first entry
    std::vector<std::int64_t> tapPlanes; ///< of each tap
    std::vector<std::int64_t> tapShifts; ///< of each tap: entry o + shift belongs to output o
    std::int64_t reach = 0;              ///< the largest shift
};

/// A tile's inputs laid out so that for every tap the values of consecutive outputs are
/// consecutive, whatever the stride: for each channel some planes (see PlaneSharing) of
/// rows × pitch, zeros where the image ends. Output (row, col) of the tile reads entry
/// row · pitch + col from each feature's offset on; entries between cols and pitch mean nothing.
class ConvolutionPlanes
{
public:
    ConvolutionPlanes(const ConvolutionSize& size, std::int64_t channels, PlaneSharing sharing);

    [[nodiscard]] const PixelTiles& tiles() const { return m_tiles; }
    [[nodiscard]] std::int64_t pitch() const { return m_tiles.cols + m_horizontal.reach; }
    /// Entries of a tile from the first output to the last.
    [[nodiscard]] std::int64_t span(const PixelTile& tile) const
    {
        return (tile.rows - 1) * pitch() + tile.cols;
    }
    [[nodiscard]] std::int64_t planeStride() const { return m_planeStride; }
    /// Of each feature (channel, then tap) in the buffer.
    [[nodiscard]] const std::vector<std::int64_t>& offsets() const { return m_offsets; }
    [[nodiscard]] std::int64_t bufferSize() const { return m_bufferSize; } ///< in floats
    /// image: the first of the channels. to: bufferSize() floats.
    void fill(const float* image, const PixelTile& tile, float* to) const;

private:
    void chooseTiles();
    [[nodiscard]] double floatsOf(std::int64_t rows, std::int64_t cols) const;

    std::int64_t m_channels;
    std::int64_t m_pixels;
    PlaneAxis m_vertical;
    PlaneAxis m_horizontal;
    PixelTiles m_tiles;
    std::int64_t m_planeStride = 0;
    std::int64_t m_bufferSize = 0;
    std::vector<std::int64_t> m_offsets;
};

/// A row length whose rows do not all fall into the same few cache sets.
[[nodiscard]] std::int64_t scatteredStride(std::int64_t length);

/// Output pixels of a tile at most, unless one row holds more.
inline constexpr std::int64_t tilePixels = 1024;
/// Floats of a tile's operands that should stay in a core's cache.
inline constexpr std::int64_t tileFloats = 1 << 16;

} // namespace gradus::kernel
