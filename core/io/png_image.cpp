// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/image_decoders.h"

#include <png.h>

#include <array>
#include <csetjmp>
#include <cstring>
#include <vector>

namespace gradus {

namespace {

/// What the library's callbacks see. Its errors jump back into one of the two functions below,
/// which hold nothing that wants destruction; exceptions start outside of them.
struct PngDecoder
{
    explicit PngDecoder(std::span<const std::byte> file);
    ~PngDecoder() { png_destroy_read_struct(&png, &info, nullptr); }
    PngDecoder(const PngDecoder&) = delete;
    PngDecoder& operator=(const PngDecoder&) = delete;

    png_structp png = nullptr;
    png_infop info = nullptr;
    std::span<const std::byte> bytes;
    std::size_t at = 0;
    std::array<char, 128> message = {};
    png_uint_32 width = 0;
    png_uint_32 height = 0;
    int bitsPerPixel = 0;
};

extern "C" {
static void pngFailed(png_structp png, png_const_charp message)
{
    auto* decoder = static_cast<PngDecoder*>(png_get_error_ptr(png));
    std::strncpy(decoder->message.data(), message, decoder->message.size() - 1);
    png_longjmp(png, 1);
}
static void pngWarned(png_structp, png_const_charp) {}
static void pngRead(png_structp png, png_bytep to, std::size_t size)
{
    auto* decoder = static_cast<PngDecoder*>(png_get_io_ptr(png));
    if (size > decoder->bytes.size() - decoder->at)
        png_error(png, "it is cut");
    std::memcpy(to, decoder->bytes.data() + decoder->at, size);
    decoder->at += size;
}
}

PngDecoder::PngDecoder(std::span<const std::byte> file)
    : png(png_create_read_struct(PNG_LIBPNG_VER_STRING, this, pngFailed, pngWarned))
    , bytes(file)
{
    if (png)
        info = png_create_info_struct(png);
    if (!info) {
        png_destroy_read_struct(&png, &info, nullptr);
        throw Error(ErrorCode::Internal, "libpng cannot start");
    }
}

bool readPngHeader(PngDecoder& d)
{
    if (setjmp(png_jmpbuf(d.png)))
        return false;
    constexpr png_alloc_size_t largestChunk = png_alloc_size_t(8) << 20; // of text and profiles
    constexpr png_uint_32 mostChunks = 128;
    png_set_chunk_malloc_max(d.png, largestChunk);
    png_set_chunk_cache_max(d.png, mostChunks);
    png_set_read_fn(d.png, &d, pngRead);
    png_read_info(d.png, d.info);
    d.width = png_get_image_width(d.png, d.info);
    d.height = png_get_image_height(d.png, d.info);
    d.bitsPerPixel = png_get_bit_depth(d.png, d.info) * png_get_channels(d.png, d.info);
    const int color = png_get_color_type(d.png, d.info);
    if (color == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(d.png);
    else if (color == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(d.png, d.info) < 8)
        png_set_expand_gray_1_2_4_to_8(d.png);
    png_set_scale_16(d.png);
    png_set_strip_alpha(d.png);
    png_set_interlace_handling(d.png);
    png_read_update_info(d.png, d.info);
    return true;
}

bool readPngRows(PngDecoder& d, png_bytepp rows)
{
    if (setjmp(png_jmpbuf(d.png)))
        return false;
    png_read_image(d.png, rows);
    png_read_end(d.png, nullptr);
    return true;
}

} // namespace

Tensor decodePng(std::span<const std::byte> bytes, const std::string& name)
{
    PngDecoder decoder(bytes);
    const auto fail = [&] {
        return Error(ErrorCode::Format,
                     concat(name, " cannot be read as PNG: ", quoted(decoder.message.data())));
    };
    if (!readPngHeader(decoder))
        throw fail();
    constexpr double bestDeflate = 1032;
    checkImageSize(decoder.width, decoder.height, decoder.bitsPerPixel / bestDeflate, bytes.size(),
                   name);
    const std::size_t rowBytes = png_get_rowbytes(decoder.png, decoder.info);
    const std::size_t channels = png_get_channels(decoder.png, decoder.info);
    if (rowBytes != decoder.width * channels || (channels != 1 && channels != 3))
        throw Error(ErrorCode::Unsupported, name + " has pixels of an unknown kind");
    Tensor pixels(DType::U8, {decoder.height, decoder.width, static_cast<std::int64_t>(channels)});
    std::vector<png_bytep> rows(decoder.height);
    for (std::size_t row = 0; row < rows.size(); ++row)
        rows[row] = reinterpret_cast<png_bytep>(pixels.bytes().data()) + row * rowBytes;
    if (!readPngRows(decoder, rows.data()))
        throw fail();
    return pixels;
}

} // namespace gradus
