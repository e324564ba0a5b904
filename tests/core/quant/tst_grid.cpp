// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/quant/grid.h"
#include "core/tensor/half.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

std::vector<Scheme> everyScheme()
{
    std::vector<Scheme> all;
    for (int bits = 2; bits <= 8; ++bits)
        for (const bool symmetric : {false, true})
            for (const DType type : {DType::F16, DType::F32}) {
                Scheme scheme;
                scheme.bits = bits;
                scheme.symmetric = symmetric;
                scheme.scaleType = type;
                all.push_back(scheme);
            }
    return all;
}

} // namespace

class TestGrid : public QObject
{
    Q_OBJECT

private slots:
    void agreesWithTheDefinition()
    {
        RandomStream random(1, "grid");
        for (const Scheme& scheme : everyScheme())
            for (int i = 0; i < 500; ++i) {
                const auto lo = static_cast<float>(random.normal());
                const auto hi = static_cast<float>(lo + std::fabs(random.normal()));
                const UniformGrid grid = gridForRange(lo, hi, scheme);
                const OracleGrid oracle =
                    oracleGrid(static_cast<double>(lo), static_cast<double>(hi), scheme);
                QVERIFY(grid.scale == oracle.scale);
                QCOMPARE(grid.zero, oracle.zero);
                QCOMPARE(grid.maximumCode, oracle.maximum);
                if (scheme.scaleType == DType::F16)
                    QVERIFY(roundToHalf(grid.scale) == grid.scale);
            }
    }

    void decodesWithinHalfAStep()
    {
        // Inside the levels' span the error is at most half a step; outside it is the distance to
        // the last level. A relative 1e-6 is for the rounding of the decoded product.
        RandomStream random(2, "grid");
        for (const Scheme& scheme : everyScheme()) {
            const UniformGrid grid = gridForRange(-0.7F, 1.1F, scheme);
            for (int i = 0; i < 2000; ++i) {
                const auto w = static_cast<float>(random.normal());
                const int code = grid.encode(w);
                QVERIFY(code >= 0 && code <= grid.maximumCode);
                const float least = grid.decode(0);
                const float most = grid.decode(grid.maximumCode);
                const float inside = std::clamp(w, least, most);
                QVERIFY(std::fabs(grid.decode(code) - inside) <= grid.scale / 2 * 1.000001F);
            }
            QVERIFY(grid.decode(grid.encode(0)) == 0); // zero is always exact
        }
    }

    void tiesGoToEvenAndHugeValuesClamp()
    {
        const UniformGrid grid{1, 8, 15};
        QCOMPARE(grid.encode(0.5F), 8);
        QCOMPARE(grid.encode(1.5F), 10);
        QCOMPARE(grid.encode(-0.5F), 8);
        QCOMPARE(grid.encode(-1.5F), 6);
        QCOMPARE(grid.encode(3e38F), 15);
        QCOMPARE(grid.encode(-3e38F), 0);
    }

    void extremeRanges()
    {
        Scheme scheme;
        for (const bool symmetric : {false, true}) {
            scheme.symmetric = symmetric;
            const UniformGrid empty = gridForRange(0, 0, scheme);
            QVERIFY(empty.scale == 1);
            QVERIFY(empty.decode(empty.encode(0)) == 0);
            // Too small for a half: the smallest normal one.
            QVERIFY(gridForRange(-1e-9F, 1e-9F, scheme).scale == 0x1p-14F);
            scheme.scaleType = DType::F32;
            QVERIFY(gridForRange(-1e-40F, 1e-40F, scheme).scale ==
                    std::numeric_limits<float>::min());
            QVERIFY(std::isfinite(gridForRange(-3e38F, 3e38F, scheme).scale));
            scheme.scaleType = DType::F16;
            try {
                (void)gridForRange(0, 2e6F, scheme);
                QFAIL("a scale beyond half precision was accepted");
            } catch (const Error& error) {
                QCOMPARE(error.code(), ErrorCode::Numeric);
                QVERIFY(std::string(error.what()).find("F16") != std::string::npos);
            }
        }
        // Values on one side of zero: the range is widened to it.
        scheme.symmetric = false;
        const UniformGrid positive = gridForRange(2, 3, scheme);
        QCOMPARE(positive.zero, 0);
        QVERIFY(positive.scale == roundToHalf(0.2F));
        const UniformGrid negative = gridForRange(-3, -2, scheme);
        QCOMPARE(negative.zero, 15);
    }

    void clipLimitsCutTheRange()
    {
        RandomStream random(11, "grid");
        for (const Scheme& plain : everyScheme())
            for (const ClipLimits limits : {ClipLimits{-0.3F, 0.5F}, {0, 0.2F}, {-0.1F, 0}}) {
                Scheme scheme = plain;
                scheme.clip = limits;
                for (int i = 0; i < 200; ++i) {
                    const auto lo = -static_cast<float>(std::fabs(random.normal()));
                    const auto hi = static_cast<float>(std::fabs(random.normal()));
                    const UniformGrid grid = gridForRange(lo, hi, scheme);
                    const UniformGrid cut =
                        gridForRange(std::max(lo, limits.low), std::min(hi, limits.high), plain);
                    QVERIFY(grid.scale == cut.scale && grid.zero == cut.zero);
                    if (!scheme.symmetric &&
                        grid.scale >
                            0x1p-14F) { // all saturate at the limits, to rounding of the scale
                        const float slack = 1.001F * grid.scale;
                        QVERIFY(grid.decode(grid.encode(hi)) <= limits.high + slack);
                        QVERIFY(grid.decode(grid.encode(lo)) >= limits.low - slack);
                    }
                    for (const UniformGrid& one : clippedGrids({lo, hi}, scheme, 0.5, 7))
                        QVERIFY(one.scale <= grid.scale);
                    QCOMPARE(clippedGrids({lo, hi}, scheme, 0.5, 7).size(),
                             clippedGrids({std::max(lo, limits.low), std::min(hi, limits.high)},
                                          plain, 0.5, 7)
                                 .size());
                }
                // Nothing is left of a range on the wrong side of a limit at 0.
                const bool low = limits.low == 0;
                if (low || limits.high == 0) {
                    const UniformGrid gone = gridForRange(low ? -1.0F : 0, low ? 0 : 1.0F, scheme);
                    const float left = gone.decode(gone.encode(low ? -0.7F : 0.7F));
                    QVERIFY(scheme.symmetric ? std::fabs(left) < 0.01F : left == 0);
                }
                QVERIFY(gridForRange(0, 0, scheme).scale == 1);
            }
    }

    void manyGridsAreTheSameAsOne()
    {
        RandomStream random(3, "grid");
        std::vector<Range> ranges(131);
        for (Range& range : ranges) {
            range.lo = static_cast<float>(random.normal());
            range.hi = range.lo + static_cast<float>(random.uniform());
        }
        ranges[7] = {0, 0};
        ranges[70] = {-1e-12F, 0};
        for (const Scheme& scheme : everyScheme()) {
            std::vector<float> scales(ranges.size());
            std::vector<float> zeros(ranges.size());
            gridsForRanges(ranges, scheme, scales.data(), zeros.data());
            for (std::size_t i = 0; i < ranges.size(); ++i) {
                const UniformGrid one = gridForRange(ranges[i].lo, ranges[i].hi, scheme);
                QVERIFY(one.scale == scales[i]);
                QCOMPARE(one.zero, int(zeros[i]));
            }
        }
    }

    void scansRunsOfAnyLength()
    {
        Tensor values = randomMatrix(1, 300, 1, 4);
        const std::span<float> row = values.floats();
        row[5] = -0.0F;
        for (const std::int64_t group : {1, 2, 31, 32, 33, 64, 100, 128, 299, 300}) {
            for (const std::size_t count : {0, 1, 31, 32, 127, 128, 129, 300}) {
                const std::span<const float> part = row.first(count);
                const std::size_t runs =
                    (count + static_cast<std::size_t>(group) - 1) / static_cast<std::size_t>(group);
                std::vector<Range> ranges(runs);
                QVERIFY(scanRanges(part, group, ranges));
                std::vector<float> scales(runs);
                std::vector<float> zeros(runs);
                Scheme scheme;
                gridsForRanges(ranges, scheme, scales.data(), zeros.data());
                std::vector<std::uint8_t> codes(count);
                encodeGroups(part, group, scales.data(), zeros.data(), 15, codes.data());
                for (std::size_t g = 0; g < runs; ++g) {
                    float lo = 0;
                    float hi = 0;
                    const std::size_t begin = g * static_cast<std::size_t>(group);
                    const std::size_t end =
                        std::min(begin + static_cast<std::size_t>(group), count);
                    for (std::size_t i = begin; i < end; ++i) {
                        lo = std::min(lo, part[i]);
                        hi = std::max(hi, part[i]);
                    }
                    QVERIFY(ranges[g].lo == lo && ranges[g].hi == hi);
                    const UniformGrid grid{scales[g], int(zeros[g]), 15};
                    for (std::size_t i = begin; i < end; ++i)
                        QCOMPARE(int(codes[i]), grid.encode(part[i]));
                }
            }
        }
    }

    void scanFindsEveryNonFiniteValue()
    {
        constexpr float infinity = std::numeric_limits<float>::infinity();
        const float nan = std::numeric_limits<float>::quiet_NaN();
        for (const std::size_t count : {1, 16, 32, 33, 128, 150})
            for (std::size_t at = 0; at < count; ++at)
                for (const float bad : {infinity, -infinity, nan, -nan}) {
                    std::vector<float> values(count, 0.5F);
                    values[at] = bad;
                    std::vector<Range> ranges(count);
                    QVERIFY(!scanRanges(values, 32, ranges));
                    values[at] = std::copysign(std::numeric_limits<float>::max(), bad);
                    QVERIFY(scanRanges(values, 32, ranges));
                }
    }

    void clipSearchFindsTheLeastError()
    {
        RandomStream random(5, "grid");
        for (const Scheme& scheme : everyScheme())
            for (const std::size_t count : {1, 3, 16, 100, 3000}) {
                std::vector<float> values(count);
                for (float& w : values) {
                    const double x = random.normal();
                    w = static_cast<float>(x * x * x);
                }
                constexpr int steps = 20;
                const auto errorOf = [&](float scale, int zero) {
                    const OracleGrid grid{scale, zero, scheme.maximumCode()};
                    double sum = 0;
                    for (const float w : values) {
                        const double e = static_cast<double>(w) -
                                         static_cast<double>(grid.decode(grid.encode(w)));
                        sum += e * e;
                    }
                    return sum;
                };
                const Range range = rangeOf(values);
                double least = std::numeric_limits<double>::infinity();
                for (int i = 0; i < steps; ++i) {
                    const double clip = 1 - 0.7 * i / (steps - 1);
                    const OracleGrid grid =
                        oracleGrid(static_cast<double>(
                                       static_cast<float>(static_cast<double>(range.lo) * clip)),
                                   static_cast<double>(
                                       static_cast<float>(static_cast<double>(range.hi) * clip)),
                                   scheme);
                    least = std::min(least, errorOf(grid.scale, grid.zero));
                }
                const UniformGrid best = gridByMse(values, scheme, 0.3, steps);
                // Equal but for the order of the sums.
                QVERIFY(isClose(errorOf(best.scale, best.zero), least, 1e-12, 1e-30));
                QVERIFY(isClose(squaredError(values, best), least, 1e-12, 1e-30));
                const UniformGrid plain = gridForRange(range.lo, range.hi, scheme);
                QVERIFY(least <= errorOf(plain.scale, plain.zero));
            }
    }

    void widestGridWinsTies()
    {
        // All levels hit exactly: no narrower range is better, all zeros likewise.
        Scheme scheme;
        scheme.scaleType = DType::F32;
        std::vector<float> values;
        for (int i = 0; i <= 15; ++i)
            values.push_back(static_cast<float>(i));
        QVERIFY(gridByMse(values, scheme, 0.05, 50).scale == 1);
        QVERIFY(squaredError(values, gridByMse(values, scheme, 0.05, 50)) == 0);
        std::fill(values.begin(), values.end(), 0.0F);
        QVERIFY(gridByMse(values, scheme, 0.05, 50).scale == 1);
    }
};

QTEST_APPLESS_MAIN(TestGrid)
#include "tst_grid.moc"
