// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/image_decoders.h"

// jpeglib.h wants FILE and size_t to be there.
#include <cstdio>
// Separate blocks keep their order.
#include <jerror.h>
#include <jpeglib.h>

#include <array>
#include <csetjmp>
#include <limits>

namespace gradus {

namespace {

/// What the library's callbacks see. Its errors jump back into one of the two functions below,
/// which hold nothing that wants destruction; exceptions start outside of them.
struct JpegDecoder
{
    JpegDecoder();
    ~JpegDecoder() { jpeg_destroy_decompress(&jpeg); }
    JpegDecoder(const JpegDecoder&) = delete;
    JpegDecoder& operator=(const JpegDecoder&) = delete;

    jpeg_decompress_struct jpeg = {};
    jpeg_error_mgr errors = {};
    jpeg_progress_mgr progress = {};
    std::jmp_buf back = {};
    std::array<char, JMSG_LENGTH_MAX> message = {};
    bool isCut = false;
};

extern "C" {
[[noreturn]] static void jpegFailed(j_common_ptr jpeg)
{
    auto* decoder = static_cast<JpegDecoder*>(jpeg->client_data);
    jpeg->err->format_message(jpeg, decoder->message.data());
    std::longjmp(decoder->back, 1);
}
/// The library fills what is missing with gray and goes on; a picture that nobody took.
static void jpegEmitted(j_common_ptr jpeg, int level)
{
    const int code = jpeg->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER))
        static_cast<JpegDecoder*>(jpeg->client_data)->isCut = true;
}
static void jpegPrinted(j_common_ptr) {}
/// Each of the scans of a progressive file passes over the whole picture.
static void jpegProgressed(j_common_ptr jpeg)
{
    constexpr int mostScans = 200;
    if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number > mostScans)
        ERREXIT(jpeg, JERR_BAD_PROGRESSION);
}
}

JpegDecoder::JpegDecoder()
{
    jpeg.err = jpeg_std_error(&errors);
    errors.error_exit = jpegFailed;
    errors.emit_message = jpegEmitted;
    errors.output_message = jpegPrinted;
    progress.progress_monitor = jpegProgressed;
    jpeg.client_data = this;
}

bool readJpegHeader(JpegDecoder& d, const unsigned char* bytes, unsigned long size)
{
    if (setjmp(d.back))
        return false;
    jpeg_create_decompress(&d.jpeg);
    d.jpeg.progress = &d.progress;
    jpeg_mem_src(&d.jpeg, bytes, size);
    jpeg_read_header(&d.jpeg, TRUE);
    return true;
}

bool readJpegRows(JpegDecoder& d, unsigned char* to, std::size_t rowBytes)
{
    if (setjmp(d.back))
        return false;
    jpeg_start_decompress(&d.jpeg);
    while (d.jpeg.output_scanline < d.jpeg.output_height) {
        JSAMPROW row = to + d.jpeg.output_scanline * rowBytes;
        jpeg_read_scanlines(&d.jpeg, &row, 1);
        if (d.isCut)
            return true;
    }
    jpeg_finish_decompress(&d.jpeg);
    return true;
}

} // namespace

Tensor decodeJpeg(std::span<const std::byte> bytes, const std::string& name)
{
    JpegDecoder decoder;
    const auto fail = [&] {
        return Error(ErrorCode::Format,
                     concat(name, " cannot be read as JPEG: ", quoted(decoder.message.data())));
    };
    const auto cut = [&] {
        return Error(ErrorCode::Format, name + " cannot be read as JPEG: it is cut");
    };
    if (!readJpegHeader(decoder, reinterpret_cast<const unsigned char*>(bytes.data()),
                        bytes.size()))
        throw decoder.isCut ? cut() : fail();
    jpeg_decompress_struct& jpeg = decoder.jpeg;
    // A coefficient for each 8 × 8 pixels takes a bit at the least, in one component.
    checkImageSize(jpeg.image_width, jpeg.image_height, 1.0 / 64, bytes.size(), name);
    if (jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK)
        throw Error(ErrorCode::Unsupported, name + " has CMYK colors; gray or RGB is expected");
    const std::int64_t channels = jpeg.jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
    jpeg.out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    Tensor pixels(DType::U8, {jpeg.image_height, jpeg.image_width, channels});
    const bool good = readJpegRows(decoder, reinterpret_cast<unsigned char*>(pixels.bytes().data()),
                                   static_cast<std::size_t>(jpeg.image_width) *
                                       static_cast<std::size_t>(channels));
    if (decoder.isCut)
        throw cut();
    if (!good)
        throw fail();
    return pixels;
}

} // namespace gradus
