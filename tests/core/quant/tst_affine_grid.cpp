// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/quant/affine_grid.h"
#include "tests/support/affine_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <bit>
#include <set>

using namespace gradus;
using namespace gradus::test;

namespace {

std::vector<float> rounded(const AffineGrid& grid, const std::vector<float>& x)
{
    std::vector<float> out(x.size());
    roundToGrid(grid, oneRow(x), MatrixView(out.data(), 1, static_cast<std::int64_t>(x.size())));
    return out;
}

std::vector<std::uint8_t> encoded(const AffineGrid& grid, const std::vector<float>& x)
{
    std::vector<std::uint8_t> codes(x.size());
    encodeToGrid(grid, oneRow(x), codes.data());
    return codes;
}

bool sameBits(std::span<const float> a, std::span<const float> b)
{
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](float left, float right) {
               return std::bit_cast<std::uint32_t>(left) == std::bit_cast<std::uint32_t>(right);
           });
}

/// One scale and zero per feature, drawn at random; some zeros far outside of the codes.
AffineGrid randomGrid(int bits, std::size_t features, RandomStream& random)
{
    AffineGrid grid;
    grid.bits = bits;
    for (std::size_t d = 0; d < features; ++d) {
        grid.scales.push_back(static_cast<float>(std::exp(random.normal())));
        grid.zeros.push_back(static_cast<std::int32_t>(random.below(600)) - 300);
    }
    return grid;
}

/// Values around the grid's range, on both sides beyond it too.
Tensor valuesAround(const AffineGrid& grid, std::int64_t rows, std::int64_t features,
                    RandomStream& random)
{
    Tensor x({rows, features});
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t d = 0; d < features; ++d) {
            const auto at = static_cast<std::size_t>(d);
            const double code = (1.6 * random.uniform() - 0.3) * grid.largest();
            x.matrix().row(r)[at] =
                grid.scale(at) * static_cast<float>(code - static_cast<double>(grid.zero(at)));
        }
    return x;
}

} // namespace

class AffineGridTest : public QObject
{
    Q_OBJECT

private slots:
    void halvesGoToEven();
    void fractionMakesOneMoreLevel();
    void agreesWithTheDefinition_data();
    void agreesWithTheDefinition();
    void mixedGranularity();
    void stridesAndInPlace();
    void zerosFarFromTheCodes();
    void codesDecodeToThemselves();
    void notFinite();
    void emptyRows();
    void stepOfARange();
    void stepOfAConstant();
    void stepsNoFinerThanFloats();
    void errorIsTheSum();
    void faultsAreNamed();
    void anyNumberOfThreads();
};

// Vector V1 of the reference.
void AffineGridTest::halvesGoToEven()
{
    const std::vector<float> x = {-3, -1.5F, -1, -0.5F, 0.5F, 1.5F, 2.5F, 9};
    const AffineGrid grid = gridOf(2, {1}, {1});
    QVERIFY(sameBits(rounded(grid, x), std::vector<float>{-1, -1, -1, 0, 0, 2, 2, 2}));
    QCOMPARE(encoded(grid, x), (std::vector<std::uint8_t>{0, 0, 0, 1, 1, 3, 3, 3}));
    // The zero is added after rounding: an odd one inside would send 0.5 elsewhere.
    QCOMPARE(encoded(gridOf(4, {1}, {0}), {0.5F, 1.5F, 2.5F, 3.5F}),
             (std::vector<std::uint8_t>{0, 2, 2, 4}));
    QCOMPARE(encoded(gridOf(4, {1}, {3}), {0.5F, 1.5F, 2.5F, 3.5F}),
             (std::vector<std::uint8_t>{3, 5, 5, 7}));
}

// V1 at level A, V5.
void AffineGridTest::fractionMakesOneMoreLevel()
{
    AffineGrid grid = gridOf(2, {1}, {1});
    grid.fraction = 0.25F;
    const std::vector<float> x = {-3, -1.5F, -1, -0.5F, 0.5F, 1.5F, 2.5F, 9};
    QVERIFY(sameBits(rounded(grid, x),
                     std::vector<float>{-1.25F, -1.25F, -1, 0, 0, 1.75F, 1.75F, 1.75F}));
    QVERIFY_EXCEPTION_THROWN(encoded(grid, x), Error);
    for (int bits = 2; bits <= 8; ++bits) {
        AffineGrid half = gridOf(bits, {1}, {0});
        std::vector<float> fine;
        for (float value = -3; value < static_cast<float>(half.largest()) + 3; value += 0.125F)
            fine.push_back(value);
        const auto levels = [&] {
            const std::vector<float> out = rounded(half, fine);
            return std::set<float>(out.begin(), out.end());
        };
        QCOMPARE(levels().size(), std::size_t(1) << bits);
        half.fraction = 0.5F;
        const std::set<float> more = levels();
        QCOMPARE(more.size(), (std::size_t(1) << bits) + 1);
        // Codes 0, .5, 1.5, …, L: less the zero of ½.
        QVERIFY(*more.begin() == -0.5F);
        QVERIFY(*std::next(more.begin()) == 0);
        QVERIFY(*more.rbegin() == static_cast<float>(half.largest()) - 0.5F);
    }
}

void AffineGridTest::agreesWithTheDefinition_data()
{
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("features");
    for (const int bits : {2, 3, 4, 8})
        for (const int features : {1, 15, 16, 17, 100})
            QTest::addRow("%d bits, %d features", bits, features) << bits << features;
}

void AffineGridTest::agreesWithTheDefinition()
{
    QFETCH(const int, bits);
    QFETCH(const int, features);
    RandomStream random(static_cast<std::uint64_t>(bits * 1000 + features));
    const AffineGrid grid = randomGrid(bits, static_cast<std::size_t>(features), random);
    const Tensor x = valuesAround(grid, 40, features, random);
    Tensor out({40, features});
    std::vector<std::uint8_t> codes(x.floats().size());
    roundToGrid(grid, x.matrix(), out.matrix());
    encodeToGrid(grid, x.matrix(), codes.data());
    int compared = 0;
    for (std::size_t i = 0; i < codes.size(); ++i) {
        const std::size_t d = i % static_cast<std::size_t>(features);
        const auto value = static_cast<double>(x.floats()[i]);
        const auto scale = static_cast<double>(grid.scale(d));
        // Halves are another test's affair: there the quotient's rounding to float decides.
        const double steps = value / scale;
        if (std::fabs(std::fabs(steps - std::floor(steps)) - 0.5) < 1e-4)
            continue;
        ++compared;
        const double code = oracleCode(value, scale, grid.zero(d), bits);
        QCOMPARE(static_cast<double>(codes[i]), code);
        QVERIFY(isClose(static_cast<double>(out.floats()[i]),
                        scale * (code - static_cast<double>(grid.zero(d))), 1e-7, 1e-30));
    }
    QVERIFY(compared > static_cast<int>(codes.size()) * 9 / 10);
}

void AffineGridTest::mixedGranularity()
{
    const AffineGrid grid = gridOf(4, {0.5F}, {0, 3, -2});
    QVERIFY(grid.hasOneScale());
    QVERIFY(!grid.validate(3));
    const std::vector<float> x = {-1, -1, 2, 9, 9, 99};
    std::vector<std::uint8_t> codes(6);
    encodeToGrid(grid, ConstMatrixView(x.data(), 2, 3), codes.data());
    QCOMPARE(codes, (std::vector<std::uint8_t>{0, 1, 2, 15, 15, 15}));
    std::vector<float> out(6);
    roundToGrid(grid, ConstMatrixView(x.data(), 2, 3), MatrixView(out.data(), 2, 3));
    QVERIFY(sameBits(out, std::vector<float>{0, -1, 2, 7.5F, 6, 8.5F}));
}

void AffineGridTest::stridesAndInPlace()
{
    RandomStream random(3);
    const AffineGrid grid = randomGrid(4, 9, random);
    const Tensor x = valuesAround(grid, 7, 9, random);
    Tensor expected({7, 9});
    roundToGrid(grid, x.matrix(), expected.matrix());
    std::vector<std::uint8_t> codes(63);
    encodeToGrid(grid, x.matrix(), codes.data());

    std::vector<float> wide(7 * 20, 77);
    const MatrixView inner(wide.data() + 4, 7, 9, 20);
    for (std::int64_t r = 0; r < 7; ++r)
        std::copy_n(x.matrix().row(r).begin(), 9, inner.row(r).begin());
    std::vector<std::uint8_t> stridedCodes(63);
    encodeToGrid(grid, inner, stridedCodes.data());
    QCOMPARE(stridedCodes, codes);
    roundToGrid(grid, inner, inner);
    for (std::int64_t r = 0; r < 7; ++r) {
        QVERIFY(sameBits(inner.row(r), expected.matrix().row(r)));
        for (std::size_t i = 0; i < 20; ++i)
            if (i < 4 || i >= 13)
                QVERIFY(wide[static_cast<std::size_t>(r) * 20 + i] == 77);
    }
}

void AffineGridTest::zerosFarFromTheCodes()
{
    // V2 (c): 5 … 6 in 4 bits; and the furthest zeros that are allowed.
    QCOMPARE(encoded(gridOf(4, {0.06653333F}, {-75}), {5, 5.5F, 6, 0, 9}),
             (std::vector<std::uint8_t>{0, 8, 15, 0, 15}));
    constexpr std::int32_t far = AffineGrid::largestZero;
    constexpr auto offset = static_cast<float>(far);
    QCOMPARE(encoded(gridOf(8, {1}, {-far}), {offset, offset + 1, offset + 255, offset + 300, 0}),
             (std::vector<std::uint8_t>{0, 1, 255, 255, 0}));
    QCOMPARE(encoded(gridOf(8, {1}, {far}), {-offset, -offset + 1, -offset + 255, 0}),
             (std::vector<std::uint8_t>{0, 1, 255, 255}));
    QVERIFY(sameBits(rounded(gridOf(8, {1}, {far}), {-offset - 9, -offset + 7}),
                     std::vector<float>{-offset, -offset + 7}));
}

// I12.
void AffineGridTest::codesDecodeToThemselves()
{
    RandomStream random(12);
    for (int bits = 2; bits <= 8; ++bits) {
        const AffineGrid grid = randomGrid(bits, 40, random);
        const auto levels = std::size_t(1) << bits;
        std::vector<std::uint8_t> codes(levels * 40);
        Tensor values({static_cast<std::int64_t>(levels), 40});
        for (std::size_t c = 0; c < levels; ++c)
            for (std::size_t d = 0; d < 40; ++d) {
                codes[c * 40 + d] = static_cast<std::uint8_t>(c);
                values.floats()[c * 40 + d] =
                    grid.scale(d) *
                    static_cast<float>(static_cast<int>(c) - static_cast<int>(grid.zero(d)));
            }
        std::vector<std::uint8_t> again(codes.size());
        encodeToGrid(grid, values.matrix(), again.data());
        QCOMPARE(again, codes);
        Tensor twice({static_cast<std::int64_t>(levels), 40});
        roundToGrid(grid, values.matrix(), twice.matrix());
        QVERIFY(sameBits(twice.floats(), values.floats()));
    }
}

void AffineGridTest::notFinite()
{
    constexpr float infinity = std::numeric_limits<float>::infinity();
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    for (const AffineGrid& grid :
         {gridOf(4, {0.5F}, {3}), gridOf(4, std::vector<float>(20, 0.5F), {3})}) {
        std::vector<float> x(20, 1);
        x[0] = infinity;
        x[1] = -infinity;
        x[2] = std::numeric_limits<float>::max();
        const std::vector<std::uint8_t> codes = encoded(grid, x);
        QCOMPARE(codes[0], 15);
        QCOMPARE(codes[1], 0);
        QCOMPARE(codes[2], 15);
        QCOMPARE(codes[3], 5);
        x[7] = nan;
        const std::vector<float> out = rounded(grid, x);
        QVERIFY(out[0] == 6);
        QVERIFY(out[1] == -1.5F);
        QVERIFY(std::isnan(out[7]));
        QVERIFY(out[8] == 1);
        try {
            encoded(grid, x);
            QFAIL("NaN has a code");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Numeric);
            QVERIFY(std::string(error.what()).find("1 value that is NaN") != std::string::npos);
        }
    }
    // −0 and what rounds to it are +0.
    QVERIFY(sameBits(rounded(gridOf(4, {1}, {0}), {-0.0F, -0.4F}), std::vector<float>{0, 0}));
}

void AffineGridTest::emptyRows()
{
    const AffineGrid grid = gridOf(4, {1}, {0});
    float guard = 5;
    roundToGrid(grid, ConstMatrixView(nullptr, 0, 8), MatrixView(&guard, 0, 8));
    roundToGrid(grid, ConstMatrixView(&guard, 3, 0), MatrixView(&guard, 3, 0));
    encodeToGrid(grid, ConstMatrixView(nullptr, 0, 8), nullptr);
    QVERIFY(guard == 5);
    QVERIFY(squaredError({}, {1, 0}, 4) == 0);
}

void AffineGridTest::stepOfARange()
{
    RandomStream random(1);
    for (int trial = 0; trial < 2000; ++trial) {
        const int bits = 2 + static_cast<int>(random.below(7));
        const double low = 30 * random.normal();
        const double high = low + std::exp(3 * random.normal());
        const AffineStep step = affineStep(low, high, bits);
        QVERIFY(isClose(static_cast<double>(step.scale), (high - low) / ((1 << bits) - 1), 1e-7));
        // What codes reach is the range moved by half a step at most.
        const auto scale = static_cast<double>(step.scale);
        QVERIFY(std::fabs(-step.zero * scale - low) <= scale * (0.5 + 1e-9));
        QVERIFY(std::fabs(((1 << bits) - 1 - step.zero) * scale - high) <=
                scale * (0.5 + 1e-6 * (1 << bits)));
    }
}

void AffineGridTest::stepOfAConstant()
{
    RandomStream random(2);
    for (int bits = 2; bits <= 8; ++bits)
        for (int trial = 0; trial < 500; ++trial) {
            const auto constant =
                static_cast<float>(random.normal() * std::exp2(60 * random.normal()));
            if (!std::isnormal(constant))
                continue;
            const auto c = static_cast<double>(constant);
            const AffineStep step = affineStep(c, c, bits);
            const AffineGrid grid = gridOf(bits, {step.scale}, {step.zero});
            QVERIFY(!grid.validate(1));
            if (std::fabs(constant) > 1e-35F)
                QVERIFY(sameBits(rounded(grid, {constant}), std::vector<float>{constant}));
        }
    const AffineStep nothing = affineStep(0, 0, 4);
    QVERIFY(nothing.scale == 1);
    QCOMPARE(nothing.zero, 0);
}

void AffineGridTest::stepsNoFinerThanFloats()
{
    constexpr auto most = static_cast<double>(std::numeric_limits<float>::max());
    const std::vector<std::pair<double, double>> ranges = {
        {1, 1 + 0x1p-23}, {-1 - 0x1p-20, -1}, {1e30, 1.0000001e30},
        {0, 1e-45},       {-1e-45, 0},        {1e-40, 2e-40},
        {-most, most},    {0, most},          {1e-38, 1.0000001e-38},
        {-1e-30, 1e20},
    };
    for (const auto& [low, high] : ranges)
        for (const int bits : {2, 4, 8}) {
            const AffineStep step = affineStep(low, high, bits);
            QVERIFY(!gridOf(bits, {step.scale}, {step.zero}).validate(1));
            // The ends are held to a half of a step and of what a float can say.
            for (const double end : {low, high}) {
                const auto scale = static_cast<double>(step.scale);
                const double error = std::fabs(oracleRounded(end, scale, step.zero, bits) - end);
                QVERIFY(error <= scale * 1.001);
            }
        }
}

void AffineGridTest::errorIsTheSum()
{
    RandomStream random(5);
    for (const std::size_t count : {1U, 7U, 16U, 1000U, 100000U}) {
        std::vector<float> x(count);
        for (float& value : x)
            value = static_cast<float>(random.normal());
        for (const int bits : {2, 4, 8}) {
            const AffineStep step = affineStep(-2.5, 3, bits);
            QVERIFY(isClose(squaredError(x, step, bits),
                            oracleError(x, static_cast<double>(step.scale), step.zero, bits), 1e-4,
                            1e-12));
            // Exactly that of what comes out.
            const std::vector<float> out = rounded(gridOf(bits, {step.scale}, {step.zero}), x);
            double sum = 0;
            for (std::size_t i = 0; i < count; ++i)
                sum += std::pow(static_cast<double>(x[i]) - static_cast<double>(out[i]), 2);
            QVERIFY(isClose(squaredError(x, step, bits), sum, 1e-12, 0));
        }
    }
}

void AffineGridTest::faultsAreNamed()
{
    const auto fault = [](const AffineGrid& grid, std::int64_t features = 3) {
        return QString::fromStdString(grid.validate(features).value_or("none"));
    };
    QCOMPARE(fault(gridOf(4, {1, 2, 3}, {0})), QString("none"));
    QVERIFY(fault(gridOf(1, {1}, {0})).contains("bits"));
    QVERIFY(fault(gridOf(9, {1}, {0})).contains("bits"));
    QVERIFY(fault(gridOf(4, {}, {0})).contains("0 scales"));
    QVERIFY(fault(gridOf(4, {1, 2}, {0})).contains("2 scales"));
    QVERIFY(fault(gridOf(4, {1}, {})).contains("0 zeros"));
    QVERIFY(fault(gridOf(4, {1}, {1, 2})).contains("2 zeros"));
    for (const float bad : {0.0F, -1.0F, std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()})
        QVERIFY(fault(gridOf(4, {1, 1, bad}, {0})).contains("scale 2"));
    for (const std::int32_t bad : {std::numeric_limits<std::int32_t>::min(),
                                   std::numeric_limits<std::int32_t>::max(), (1 << 23) + 1})
        QVERIFY(fault(gridOf(4, {1}, {0, bad, 0})).contains("zero 1"));
    AffineGrid grid = gridOf(4, {1}, {0});
    grid.fraction = 1;
    QVERIFY(fault(grid).contains("fraction"));
    grid.fraction = std::numeric_limits<float>::quiet_NaN();
    QVERIFY(fault(grid).contains("fraction"));
    grid.fraction = 0;
    grid.relativeError = -1;
    QVERIFY(fault(grid).contains("relative error"));
}

// I14.
void AffineGridTest::anyNumberOfThreads()
{
    RandomStream random(14);
    const AffineGrid grid = randomGrid(4, 300, random);
    const Tensor x = valuesAround(grid, 700, 300, random);
    const auto run = [&](int threads) {
        const ThreadLimit limit(threads);
        Tensor out({700, 300});
        roundToGrid(grid, x.matrix(), out.matrix());
        std::vector<std::uint8_t> codes(x.floats().size());
        encodeToGrid(grid, x.matrix(), codes.data());
        const double error = squaredError(x.floats(), {0.5F, 3}, 4);
        return std::tuple(std::vector<float>(out.floats().begin(), out.floats().end()), codes,
                          std::bit_cast<std::uint64_t>(error));
    };
    const auto one = run(1);
    for (const int threads : {2, 3, 8})
        QVERIFY(run(threads) == one);
}

QTEST_GUILESS_MAIN(AffineGridTest)
#include "tst_affine_grid.moc"
