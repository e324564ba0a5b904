// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/io/image_file.h"
#include "tests/support/image_files.h"

#include <QTest>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>

// After cstdio: it wants FILE.
#include <jpeglib.h>

using namespace gradus;
using namespace gradus::test;

namespace {

std::shared_ptr<const ByteSource> sourceOf(const std::string& bytes)
{
    const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
    return memorySource({data, data + bytes.size()}, "test image");
}

std::vector<std::uint8_t> pixelsOf(const std::string& bytes, Shape* shape = nullptr)
{
    const Tensor image = decodeImage(*sourceOf(bytes));
    if (shape)
        *shape = image.shape();
    const auto* data = reinterpret_cast<const std::uint8_t*>(image.bytes().data());
    return {data, data + image.count()};
}

int codeOf(const std::string& bytes, std::string* message = nullptr)
{
    try {
        (void)decodeImage(*sourceOf(bytes));
    } catch (const Error& error) {
        if (message)
            *message = error.what();
        return static_cast<int>(error.code());
    }
    return -1;
}

constexpr int format = static_cast<int>(ErrorCode::Format);

struct JpegLook
{
    int channels = 3;
    J_COLOR_SPACE color = JCS_RGB;
    bool progressive = false;
    int quality = 100;
};

std::string jpegBytes(int width, int height, const std::vector<std::uint8_t>& rows,
                      JpegLook look = {})
{
    jpeg_compress_struct jpeg = {};
    jpeg_error_mgr errors = {};
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    unsigned char* out = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&jpeg, &out, &size);
    jpeg.image_width = static_cast<JDIMENSION>(width);
    jpeg.image_height = static_cast<JDIMENSION>(height);
    jpeg.input_components = look.channels;
    jpeg.in_color_space = look.color;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, look.quality, TRUE);
    if (look.progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        auto* row = const_cast<JSAMPROW>(rows.data()) +
                    jpeg.next_scanline * static_cast<std::size_t>(width * look.channels);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    std::string bytes(reinterpret_cast<const char*>(out), size);
    std::free(out);
    return bytes;
}

/// Smooth, so that JPEG keeps it.
std::vector<std::uint8_t> ramp(int width, int height, int channels)
{
    std::vector<std::uint8_t> pixels;
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            for (int c = 0; c < channels; ++c)
                pixels.push_back(static_cast<std::uint8_t>(40 + 3 * x + 2 * y + 20 * c));
    return pixels;
}

/// Of the chunk that starts at: PNG's, over type and data.
std::uint32_t pngChecksum(std::string_view bytes)
{
    std::uint32_t crc = 0xFFFFFFFFU;
    for (const char c : bytes) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320U : 0U);
    }
    return ~crc;
}

std::string bigEndian(std::uint32_t value)
{
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8)
        bytes += static_cast<char>(value >> shift & 0xFF);
    return bytes;
}

} // namespace

class TestImageFile : public QObject
{
    Q_OBJECT

private slots:
    void pngKeepsItsPixels()
    {
        for (const bool interlaced : {false, true}) {
            Shape shape;
            const auto rgb = ramp(7, 5, 3);
            QVERIFY(pixelsOf(pngBytes(7, 5, rgb, {8, PNG_COLOR_TYPE_RGB, interlaced}), &shape) ==
                    rgb);
            QVERIFY((shape == Shape{5, 7, 3}));
            const auto gray = ramp(7, 5, 1);
            QVERIFY(pixelsOf(pngBytes(7, 5, gray, {8, PNG_COLOR_TYPE_GRAY, interlaced}), &shape) ==
                    gray);
            QVERIFY((shape == Shape{5, 7, 1}));
        }
    }

    void pngOfOtherKinds()
    {
        Shape shape;
        // Transparency goes, whatever it says.
        QVERIFY(pixelsOf(pngBytes(2, 1, {1, 2, 3, 0, 4, 5, 6, 255}, {8, PNG_COLOR_TYPE_RGBA}),
                         &shape) == (std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6}));
        QVERIFY(pixelsOf(pngBytes(2, 1, {9, 0, 8, 255}, {8, PNG_COLOR_TYPE_GRAY_ALPHA}), &shape) ==
                (std::vector<std::uint8_t>{9, 8}));
        QVERIFY((shape == Shape{1, 2, 1}));
        // Four bits each: indices 1, 0, 1 into a palette.
        QVERIFY(pixelsOf(pngBytes(3, 1, {0x10, 0x10}, {4, PNG_COLOR_TYPE_PALETTE},
                                  {{10, 20, 30}, {40, 50, 60}}),
                         &shape) ==
                (std::vector<std::uint8_t>{40, 50, 60, 10, 20, 30, 40, 50, 60}));
        // One bit, two bits: spread over 0 … 255.
        QVERIFY(pixelsOf(pngBytes(4, 1, {0xA0}, {1, PNG_COLOR_TYPE_GRAY})) ==
                (std::vector<std::uint8_t>{255, 0, 255, 0}));
        QVERIFY(pixelsOf(pngBytes(4, 1, {0x1B}, {2, PNG_COLOR_TYPE_GRAY})) ==
                (std::vector<std::uint8_t>{0, 85, 170, 255}));
        // 16 bits: value · 255 / 65535, rounded.
        QVERIFY(pixelsOf(pngBytes(3, 1, {0xFF, 0xFF, 0x80, 0x00, 0x00, 0xFF},
                                  {16, PNG_COLOR_TYPE_GRAY})) ==
                (std::vector<std::uint8_t>{255, 128, 1}));
    }

    void jpegComesClose()
    {
        for (const bool progressive : {false, true}) {
            for (const int channels : {1, 3}) {
                const auto pixels = ramp(23, 17, channels);
                JpegLook look{channels, channels == 1 ? JCS_GRAYSCALE : JCS_RGB, progressive};
                Shape shape;
                const auto decoded = pixelsOf(jpegBytes(23, 17, pixels, look), &shape);
                QVERIFY((shape == Shape{17, 23, channels}));
                int worst = 0;
                for (std::size_t i = 0; i < pixels.size(); ++i)
                    worst = std::max(worst, std::abs(int(pixels[i]) - int(decoded[i])));
                QVERIFY2(worst <= 6, qPrintable(QString::number(worst)));
            }
        }
    }

    void cmykIsRefusedByName()
    {
        std::string message;
        QCOMPARE(codeOf(jpegBytes(8, 8, ramp(8, 8, 4), {4, JCS_CMYK}), &message),
                 static_cast<int>(ErrorCode::Unsupported));
        QVERIFY(message.find("CMYK") != std::string::npos);
    }

    void cutImagesAreRefused()
    {
        const std::string png = pngBytes(9, 9, ramp(9, 9, 3));
        for (std::size_t size = 0; size < png.size(); ++size)
            QCOMPARE(codeOf(png.substr(0, size)), format);
        for (const bool progressive : {false, true}) {
            const std::string jpeg = jpegBytes(40, 40, ramp(40, 40, 3), {3, JCS_RGB, progressive});
            // All but the marker that ends it, which tells nothing more.
            for (std::size_t size = 0; size + 2 < jpeg.size(); ++size) {
                std::string message;
                QCOMPARE(codeOf(jpeg.substr(0, size), &message), format);
                QVERIFY(message.starts_with("test image"));
            }
        }
    }

    void damagedPngIsRefused()
    {
        std::string png = pngBytes(9, 9, ramp(9, 9, 3));
        png[png.find("IDAT") + 8] ^= 1;
        QCOMPARE(codeOf(png), format);
        QCOMPARE(codeOf("no image at all"), format);
        QCOMPARE(codeOf(""), format);
    }

    void giantsAreRefusedBeforeTheyAreAllocated_data()
    {
        QTest::addColumn<unsigned>("width");
        QTest::addColumn<unsigned>("height");
        QTest::newRow("more than can be") << 0x7FFFFFFFU << 0x7FFFFFFFU;
        QTest::newRow("more than taken") << 60000U << 60000U;
        QTest::newRow("more than the bytes hold") << 8000U << 8000U;
        QTest::newRow("a line") << 65501U << 1U;
        QTest::newRow("nothing") << 0U << 5U;
    }

    void giantsAreRefusedBeforeTheyAreAllocated()
    {
        QFETCH(unsigned, width);
        QFETCH(unsigned, height);
        std::string png = pngBytes(9, 9, ramp(9, 9, 3));
        png.replace(16, 8, bigEndian(width) + bigEndian(height));
        png.replace(29, 4, bigEndian(pngChecksum(std::string_view(png).substr(12, 17))));
        QCOMPARE(codeOf(png), format);
        if (width > 65535 || height > 65535)
            return;
        std::string jpeg = jpegBytes(9, 9, ramp(9, 9, 3));
        const auto frame = jpeg.find("\xFF\xC0");
        QVERIFY(frame != std::string::npos);
        jpeg.replace(frame + 5, 4, bigEndian(height << 16 | width));
        QCOMPARE(codeOf(jpeg), format);
    }

    void namesOfImages()
    {
        for (const char* name : {"a.png", "b.JPG", "c/d.jpeg", "e.Png"})
            QVERIFY(hasImageName(name));
        for (const char* name : {"a.gif", "png", "a.png.txt", ".png"})
            QVERIFY(!hasImageName(name));
    }
};

QTEST_APPLESS_MAIN(TestImageFile)
#include "tst_image_file.moc"
