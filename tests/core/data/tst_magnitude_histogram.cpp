// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/data/calibration.h"
#include "core/data/magnitude_histogram.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <bit>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

std::vector<float> heavyTailed(std::size_t count, std::uint64_t seed)
{
    RandomStream random(seed);
    std::vector<float> values(count);
    for (float& value : values)
        value = static_cast<float>(random.normal() * std::exp(2 * random.normal()));
    return values;
}

} // namespace

class TestMagnitudeHistogram : public QObject
{
    Q_OBJECT

private slots:
    void sumsAreExact()
    {
        // Against plain sums of the very values of each bin.
        std::vector<float> values = heavyTailed(20000, 1);
        values.insert(values.end(), {0.0F, -0.0F, 1e-45F, -3e-42F, 0x1p-126F, 3.4e38F});
        MagnitudeHistogram histogram;
        histogram.add(values);
        const std::vector<MagnitudeBin> bins = histogram.bins();
        std::int64_t count = 0;
        for (std::size_t i = 0; i < bins.size(); ++i) {
            const MagnitudeBin& bin = bins[i];
            QVERIFY(bin.count > 0);
            QVERIFY(i == 0 || (bin.lowest > bins[i - 1].lowest && bin.lowest >= bins[i - 1].end));
            std::int64_t inside = 0;
            double sum = 0;
            double squares = 0;
            for (const float value : values) {
                const double magnitude = std::fabs(static_cast<double>(value));
                const bool here =
                    i == 0 ? magnitude == 0 : magnitude >= bin.lowest && magnitude < bin.end;
                inside += here;
                sum += here ? magnitude : 0;
                squares += here ? magnitude * magnitude : 0;
            }
            QCOMPARE(bin.count, inside);
            QVERIFY(isClose(bin.sum, sum, 1e-13, 1e-60));
            QVERIFY(isClose(bin.squares, squares, 1e-13, 1e-100));
            // 2^(1/64) or finer, but for what is below all normal floats.
            if (bin.lowest >= 0x1p-126)
                QVERIFY(bin.end / bin.lowest < std::exp2(1.0 / 64));
            count += bin.count;
        }
        QCOMPARE(count, static_cast<std::int64_t>(values.size()));
        QCOMPARE(histogram.count(), count);
        QVERIFY(histogram.largest() == 3.4e38F);
        QCOMPARE(bins.front().count, std::int64_t(2)); // both zeros
    }

    void orderAndPartsDoNotMatter()
    {
        const std::vector<float> values = heavyTailed(5000, 2);
        SignedMagnitudes whole;
        whole.add(values);
        const std::vector<float> reversed(values.rbegin(), values.rend());
        for (const std::size_t part : {std::size_t(1), std::size_t(7), std::size_t(999)}) {
            SignedMagnitudes joined;
            SignedMagnitudes backwards;
            for (std::size_t i = 0; i < values.size(); i += part) {
                const std::size_t count = std::min(part, values.size() - i);
                SignedMagnitudes some;
                some.add(std::span(reversed).subspan(i, count));
                joined.join(some);
                backwards.add(std::span(reversed).subspan(i, count));
            }
            QVERIFY(joined == whole);
            QVERIFY(backwards == whole);
        }
        MagnitudeHistogram all = whole.positive;
        all.join(whole.negative);
        MagnitudeHistogram direct;
        direct.add(values);
        QVERIFY(all == direct);
        QVERIFY(!(whole.positive == whole.negative));
    }

    void signsAreKeptApart()
    {
        SignedMagnitudes inputs;
        inputs.add(std::vector<float>{1.5F, -0.0F, 0.0F, -2.0F, 0.25F});
        QCOMPARE(inputs.positive.count(), std::int64_t(4)); // zeros are positive
        QCOMPARE(inputs.negative.count(), std::int64_t(1));
        QVERIFY(inputs.positive.largest() == 1.5F && inputs.negative.largest() == 2.0F);
        QVERIFY(SignedMagnitudes().positive.bins().empty());
    }

    void hostileValues()
    {
        const float infinity = std::numeric_limits<float>::infinity();
        const float nan = std::numeric_limits<float>::quiet_NaN();
        SignedMagnitudes inputs;
        inputs.add(std::vector<float>{nan, infinity, -infinity, -nan});
        QCOMPARE(inputs.positive.count() + inputs.negative.count(), std::int64_t(0));
        MagnitudeHistogram histogram;
        histogram.add(std::vector<float>{nan, -infinity, std::numeric_limits<float>::max(),
                                         std::numeric_limits<float>::denorm_min()});
        QCOMPARE(histogram.count(), std::int64_t(2));
        QCOMPARE(histogram.bins().size(), std::size_t(2));
        QVERIFY(histogram.bins()[0].lowest == 0x1p-149 && histogram.bins()[0].sum == 0x1p-149);
    }

    void calibrationCollectsThem()
    {
        // Only when asked; whatever the batches and threads.
        const Tensor x = correlatedInputs(700, 1100, 3);
        SignedMagnitudes expected;
        expected.add(x.floats());
        for (const std::int64_t batch : {std::int64_t(700), std::int64_t(123)})
            for (const int threads : {1, 3}) {
                const ThreadLimit limit(threads);
                InputAccumulator accumulator(1100, false);
                accumulator.collectMagnitudes();
                for (std::int64_t r = 0; r < 700; r += batch)
                    accumulator.add(
                        x.matrix().block(r, 0, std::min(batch, std::int64_t(700) - r), 1100));
                const InputStatistics statistics = accumulator.finish();
                QVERIFY(statistics.magnitudes && *statistics.magnitudes == expected);
            }
        InputAccumulator accumulator(1100, false);
        accumulator.add(x.matrix());
        QVERIFY(!accumulator.finish().magnitudes);
    }
};

QTEST_APPLESS_MAIN(TestMagnitudeHistogram)
#include "tst_magnitude_histogram.moc"
