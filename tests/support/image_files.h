// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <png.h>

#include <cstdint>
#include <string>
#include <vector>

namespace gradus::test {

struct PngLook
{
    int bits = 8;
    int color = PNG_COLOR_TYPE_RGB;
    bool interlaced = false;
};

/// A PNG of rows as the library takes them (16 bits big-endian, palette and bits packed).
inline std::string pngBytes(int width, int height, const std::vector<std::uint8_t>& rows,
                            PngLook look = {}, const std::vector<png_color>& palette = {})
{
    std::string out;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(
        png, &out,
        [](png_structp p, png_bytep data, std::size_t size) {
            static_cast<std::string*>(png_get_io_ptr(p))
                ->append(reinterpret_cast<const char*>(data), size);
        },
        nullptr);
    png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height),
                 look.bits, look.color, look.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (!palette.empty())
        png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
    png_write_info(png, info);
    std::vector<png_bytep> pointers;
    const std::size_t rowBytes = rows.size() / static_cast<std::size_t>(height);
    for (std::size_t row = 0; row < static_cast<std::size_t>(height); ++row)
        pointers.push_back(const_cast<png_bytep>(rows.data() + row * rowBytes));
    png_write_image(png, pointers.data());
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return out;
}

} // namespace gradus::test
