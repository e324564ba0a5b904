// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/data/image_resize.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>
#include <cstring>

using namespace gradus;
using namespace gradus::test;

namespace {

Tensor randomImage(std::int64_t height, std::int64_t width, std::int64_t channels, DType dtype)
{
    Tensor image(dtype, {height, width, channels});
    RandomStream random(7, {}, "image");
    for (std::int64_t i = 0; i < image.count(); ++i) {
        if (dtype == DType::U8)
            image.bytes()[static_cast<std::size_t>(i)] = std::byte(random.below(256));
        else
            image.floats()[static_cast<std::size_t>(i)] =
                static_cast<float>(random.below(2001)) / 1000.F - 1.F;
    }
    return image;
}

double valueAt(const Tensor& image, std::int64_t y, std::int64_t x, std::int64_t c)
{
    const auto i = static_cast<std::size_t>((y * image.shape()[1] + x) * image.shape()[2] + c);
    return image.dtype() == DType::U8 ? static_cast<double>(std::to_integer<int>(image.bytes()[i]))
                                      : static_cast<double>(image.floats()[i]);
}

/// The share of input i in output o along one axis, from the triangle over all inputs.
double share(std::int64_t o, std::int64_t i, std::int64_t from, std::int64_t to)
{
    const double scale = double(from) / double(to);
    const double base = scale > 1 ? scale : 1;
    const auto triangle = [&](std::int64_t k) {
        const double distance = std::fabs((double(k) + 0.5 - (double(o) + 0.5) * scale) / base);
        return distance < 1 ? 1 - distance : 0;
    };
    double sum = 0;
    for (std::int64_t k = 0; k < from; ++k)
        sum += triangle(k);
    return triangle(i) / sum;
}

double resizedAt(const Tensor& image, std::int64_t height, std::int64_t width, std::int64_t y,
                 std::int64_t x, std::int64_t c)
{
    double sum = 0;
    for (std::int64_t v = 0; v < image.shape()[0]; ++v) {
        const double rowShare = share(y, v, image.shape()[0], height);
        for (std::int64_t u = 0; rowShare > 0 && u < image.shape()[1]; ++u)
            sum += rowShare * share(x, u, image.shape()[1], width) * valueAt(image, v, u, c);
    }
    return sum;
}

} // namespace

class TestImageResize : public QObject
{
    Q_OBJECT

private slots:
    void resizeAgreesWithTheOracle_data()
    {
        QTest::addColumn<int>("fromHeight");
        QTest::addColumn<int>("fromWidth");
        QTest::addColumn<int>("height");
        QTest::addColumn<int>("width");
        const int rows[][4] = {{8, 8, 4, 4}, {13, 7, 5, 3}, {5, 3, 13, 7},   {1, 1, 3, 2},
                               {9, 1, 4, 1}, {3, 40, 7, 2}, {17, 19, 17, 6}, {2, 2, 1, 1}};
        for (const auto& r : rows)
            QTest::addRow("%d x %d to %d x %d", r[0], r[1], r[2], r[3])
                << r[0] << r[1] << r[2] << r[3];
    }

    void resizeAgreesWithTheOracle()
    {
        QFETCH(int, fromHeight);
        QFETCH(int, fromWidth);
        QFETCH(int, height);
        QFETCH(int, width);
        for (const DType dtype : {DType::F32, DType::U8}) {
            const Tensor image = randomImage(fromHeight, fromWidth, 3, dtype);
            const Tensor result = resizeImage(image, height, width);
            QVERIFY((result.shape() == Shape{height, width, 3}));
            QCOMPARE(result.dtype(), dtype);
            // Bytes are rounded after each of two passes: half a step each.
            const double tolerance = dtype == DType::U8 ? 1.001 : 1e-5;
            for (std::int64_t y = 0; y < height; ++y)
                for (std::int64_t x = 0; x < width; ++x)
                    for (std::int64_t c = 0; c < 3; ++c)
                        QVERIFY(std::fabs(valueAt(result, y, x, c) -
                                          resizedAt(image, height, width, y, x, c)) <= tolerance);
        }
    }

    /// Image.resize(size, BILINEAR) of Pillow 9.4 for the gray image 31x² + 57y + 13xy + 11 mod 256
    /// of 7 × 5 pixels: the same bytes.
    void bytesOfPillow()
    {
        Tensor image(DType::U8, {5, 7, 1});
        for (std::size_t y = 0; y < 5; ++y)
            for (std::size_t x = 0; x < 7; ++x)
                image.bytes()[y * 7 + x] = std::byte((31 * x * x + 57 * y + 13 * x * y + 11) % 256);
        const auto resized = [&](std::int64_t width, std::int64_t height) {
            const Tensor result = resizeImage(image, height, width);
            std::vector<int> values;
            for (const std::byte value : result.bytes())
                values.push_back(std::to_integer<int>(value));
            return values;
        };
        QVERIFY((resized(3, 4) ==
                 std::vector<int>{68, 117, 115, 124, 153, 135, 172, 124, 130, 169, 156, 183}));
        QVERIFY(
            (resized(10, 3) == std::vector<int>{35,  55,  97,  166, 108, 115, 182, 100, 111, 161,
                                                125, 156, 162, 106, 146, 164, 152, 86,  113, 174,
                                                215, 177, 153, 174, 140, 124, 132, 180, 191, 183}));
        QVERIFY((resized(4, 9) == std::vector<int>{30,  88,  144, 74,  51,  116, 135, 113, 87,
                                                   163, 121, 177, 117, 150, 143, 138, 146, 123,
                                                   175, 74,  181, 130, 121, 138, 204, 139, 90,
                                                   189, 179, 157, 150, 186, 164, 168, 186, 184}));
    }

    void halvesAreMeansOfFourWeighted()
    {
        // 4 → 2 by a triangle of base 4: outputs are (3, 3, 1)/7 and (1, 3, 3)/7 of three inputs.
        Tensor image({1, 4, 1});
        std::memcpy(image.bytes().data(), std::vector<float>{7, 14, 28, 70}.data(), 16);
        const Tensor half = resizeImage(image, 1, 2);
        QVERIFY(isClose(static_cast<double>(half.floats()[0]), (3 * 7 + 3 * 14 + 28) / 7.0, 1e-6));
        QVERIFY(isClose(static_cast<double>(half.floats()[1]), (14 + 3 * 28 + 3 * 70) / 7.0, 1e-6));
    }

    void oneValueStaysOneValue()
    {
        Tensor image(DType::U8, {11, 6, 1});
        std::memset(image.bytes().data(), 201, image.bytes().size());
        const Tensor result = resizeImage(image, 4, 9);
        for (const std::byte value : result.bytes())
            QCOMPARE(std::to_integer<int>(value), 201);
    }

    void fitting()
    {
        // Untouched at its size, whatever the shorter side would be.
        const Tensor image = randomImage(6, 6, 3, DType::U8);
        const Tensor same = fitImage(image.clone(), 6, 6, 9);
        QVERIFY(std::memcmp(same.bytes().data(), image.bytes().data(), image.bytes().size()) == 0);
        // Shorter side 6 already: only the center is cut out.
        const Tensor wide = randomImage(6, 11, 3, DType::F32);
        const Tensor cropped = fitImage(wide.clone(), 4, 4, 6);
        QVERIFY((cropped.shape() == Shape{4, 4, 3}));
        for (std::int64_t y = 0; y < 4; ++y)
            for (std::int64_t x = 0; x < 4; ++x)
                QVERIFY(valueAt(cropped, y, x, 2) == valueAt(wide, y + 1, x + 3, 2));
        // 20 × 10 to a shorter side of 5 is 10 × 5, of which the rows 3 … 7 are left.
        const Tensor tall = randomImage(20, 10, 1, DType::F32);
        const Tensor fitted = fitImage(tall.clone(), 4, 5, 5);
        for (std::int64_t x = 0; x < 5; ++x)
            QVERIFY(isClose(valueAt(fitted, 0, x, 0), resizedAt(tall, 10, 5, 3, x, 0), 1e-5, 1e-6));
        // Straight, out of proportion.
        const Tensor straight = fitImage(tall.clone(), 4, 5, 0);
        QVERIFY(isClose(valueAt(straight, 1, 1, 0), resizedAt(tall, 4, 5, 1, 1, 0), 1e-5, 1e-6));
        // A crop that is larger than the shorter side still finds its pixels.
        QVERIFY((fitImage(tall.clone(), 8, 8, 5).shape() == Shape{8, 8, 1}));
        QVERIFY_EXCEPTION_THROWN(
            (void)fitImage(Tensor::zeros(DType::U8, {1, 60000, 1}), 512, 512, 512), Error);
    }

    void channels()
    {
        Tensor color(DType::U8, {1, 2, 3});
        const std::uint8_t values[] = {255, 0, 0, 10, 20, 30};
        std::memcpy(color.bytes().data(), values, sizeof values);
        const Tensor gray = withChannels(color.clone(), 1);
        // Pillow's convert("L") says the same of these.
        QCOMPARE(std::to_integer<int>(gray.bytes()[0]), 76); // 0.299 · 255 = 76.2
        QCOMPARE(std::to_integer<int>(gray.bytes()[1]), 18); // 2.99 + 11.74 + 3.42 = 18.15
        const Tensor three = withChannels(gray.clone(), 3);
        for (std::size_t i = 0; i < 6; ++i)
            QCOMPARE(std::to_integer<int>(three.bytes()[i]), i < 3 ? 76 : 18);
        QVERIFY_EXCEPTION_THROWN((void)withChannels(color.clone(), 4), Error);
    }
};

QTEST_APPLESS_MAIN(TestImageResize)
#include "tst_image_resize.moc"
