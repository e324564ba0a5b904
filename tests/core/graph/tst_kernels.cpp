// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/graph/kernels.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>
#include <vector>

using namespace gradus;
using gradus::test::allClose;

namespace {

std::vector<float> randomValues(std::size_t count, const char* purpose, double scale = 1)
{
    RandomStream random(7, "kernels", purpose);
    std::vector<float> values(count);
    for (float& value : values)
        value = static_cast<float>(scale * random.normal());
    return values;
}

} // namespace

class TestKernels : public QObject
{
    Q_OBJECT

private slots:
    void exponentialIsAccurate()
    {
        double worst = 0;
        for (float x = -87.0F; x < 88.6F; x += 0.0037F) {
            const double exact = std::exp(static_cast<double>(x));
            worst = std::max(worst, std::fabs(kernel::exponential(x) - exact) / exact);
        }
        QVERIFY2(worst < 4e-7, qPrintable(QString::number(worst)));
        QVERIFY(kernel::exponential(0.0F) == 1.0F);
        QVERIFY(kernel::exponential(-1000.0F) == 0.0F);
        QVERIFY(std::isinf(kernel::exponential(1000.0F)));
        QVERIFY(kernel::exponential(-std::numeric_limits<float>::infinity()) == 0.0F);
        QVERIFY(std::isnan(kernel::exponential(std::nanf(""))));
    }

    void rmsNormAgreesWithDefinition()
    {
        for (const std::int64_t d : {1, 15, 16, 17, 192, 1000}) {
            const std::int64_t n = 5;
            const auto x = randomValues(static_cast<std::size_t>(n * d), "norm");
            const auto w = randomValues(static_cast<std::size_t>(d), "normWeight");
            std::vector<float> out(x.size());
            kernel::rmsNorm({x.data(), n, d}, w, 1e-5F, {out.data(), n, d});
            std::vector<float> expected(x.size());
            for (std::int64_t r = 0; r < n; ++r) {
                double squares = 0;
                for (std::int64_t i = 0; i < d; ++i)
                    squares +=
                        std::pow(static_cast<double>(x[static_cast<std::size_t>(r * d + i)]), 2);
                for (std::int64_t i = 0; i < d; ++i) {
                    const auto at = static_cast<std::size_t>(r * d + i);
                    expected[at] = static_cast<float>(
                        x[at] / std::sqrt(squares / static_cast<double>(d) + 1e-5) *
                        w[static_cast<std::size_t>(i)]);
                }
            }
            // d additions in float: relative error about sqrt(d)·2^-24.
            QVERIFY(allClose(std::span<const float>(out), std::span<const float>(expected), 2e-6,
                             1e-7));
        }
    }

    void rotaryKeepsLengthAndComposes()
    {
        // Rotating by position p and then by -p (negated frequencies) gives the start again.
        const std::int64_t sequence = 9;
        op::Rotary rotary;
        rotary.headDim = 8;
        rotary.inverseFrequency = {1, 0.3F, 0.05F, 0.001F};
        const auto start = randomValues(static_cast<std::size_t>(2 * sequence * 16), "rotary");
        std::vector<float> x = start;
        kernel::rotary({x.data(), 2 * sequence, 16}, rotary, sequence, 5);
        QVERIFY(x != start);
        op::Rotary back = rotary;
        for (float& f : back.inverseFrequency)
            f = -f;
        kernel::rotary({x.data(), 2 * sequence, 16}, back, sequence, 5);
        QVERIFY(allClose(std::span<const float>(x), std::span<const float>(start), 1e-5, 1e-6));
    }

    void attentionAgreesWithDefinition_data()
    {
        QTest::addColumn<int>("tokens");
        QTest::addColumn<int>("heads");
        QTest::addColumn<int>("kvHeads");
        QTest::addColumn<int>("headDim");
        QTest::addColumn<int>("offset");
        QTest::addColumn<int>("window");
        QTest::newRow("one token") << 1 << 2 << 1 << 4 << 0 << 0;
        QTest::newRow("grouped") << 13 << 6 << 2 << 8 << 0 << 0;
        QTest::newRow("several runs of queries") << 300 << 2 << 2 << 16 << 0 << 0;
        QTest::newRow("after cached positions") << 7 << 4 << 2 << 6 << 11 << 0;
        QTest::newRow("sliding window") << 150 << 2 << 1 << 4 << 0 << 20;
        QTest::newRow("window with cache") << 3 << 2 << 1 << 4 << 40 << 10;
    }
    void attentionAgreesWithDefinition()
    {
        QFETCH(int, tokens);
        QFETCH(int, heads);
        QFETCH(int, kvHeads);
        QFETCH(int, headDim);
        QFETCH(int, offset);
        QFETCH(int, window);
        const int positions = offset + tokens;
        const auto q = randomValues(static_cast<std::size_t>(tokens * heads * headDim), "q");
        const auto k = randomValues(static_cast<std::size_t>(positions * kvHeads * headDim), "k");
        const auto v = randomValues(static_cast<std::size_t>(positions * kvHeads * headDim), "v");
        op::Attention attention{heads, kvHeads, headDim, 0.4F, window};
        std::vector<float> out(q.size());
        kernel::attention({q.data(), tokens, heads * headDim},
                          {k.data(), positions, kvHeads * headDim},
                          {v.data(), positions, kvHeads * headDim}, attention, 1, {},
                          {out.data(), tokens, heads * headDim}, Monitor());
        std::vector<float> expected(q.size());
        for (int t = 0; t < tokens; ++t)
            for (int h = 0; h < heads; ++h) {
                const int shared = h / (heads / kvHeads);
                std::vector<double> weight(static_cast<std::size_t>(positions));
                double sum = 0;
                for (int s = 0; s <= offset + t; ++s) {
                    if (window > 0 && s + window <= offset + t)
                        continue;
                    double dot = 0;
                    for (int i = 0; i < headDim; ++i)
                        dot +=
                            static_cast<double>(
                                q[static_cast<std::size_t>((t * heads + h) * headDim + i)]) *
                            static_cast<double>(
                                k[static_cast<std::size_t>((s * kvHeads + shared) * headDim + i)]);
                    weight[static_cast<std::size_t>(s)] = std::exp(static_cast<double>(0.4F) * dot);
                    sum += weight[static_cast<std::size_t>(s)];
                }
                for (int i = 0; i < headDim; ++i) {
                    double value = 0;
                    for (int s = 0; s <= offset + t; ++s)
                        value +=
                            weight[static_cast<std::size_t>(s)] / sum *
                            static_cast<double>(
                                v[static_cast<std::size_t>((s * kvHeads + shared) * headDim + i)]);
                    expected[static_cast<std::size_t>((t * heads + h) * headDim + i)] =
                        static_cast<float>(value);
                }
            }
        QVERIFY(
            allClose(std::span<const float>(out), std::span<const float>(expected), 1e-5, 2e-6));
    }

    void siluAgreesWithDefinition()
    {
        const auto x = randomValues(70001, "silu", 8);
        std::vector<float> out(x.size());
        kernel::silu(x, out);
        std::vector<float> expected(x.size());
        for (std::size_t i = 0; i < x.size(); ++i)
            expected[i] = static_cast<float>(x[i] / (1 + std::exp(-static_cast<double>(x[i]))));
        QVERIFY(
            allClose(std::span<const float>(out), std::span<const float>(expected), 1e-6, 1e-12));
    }

    void negativeLogLikelihoodAgreesWithDefinition()
    {
        const std::int64_t n = 7;
        const std::int64_t vocabulary = 3001;
        auto x = randomValues(static_cast<std::size_t>(n * vocabulary), "nll", 6);
        x[5] = 300; // would overflow without the maximum taken off
        std::vector<std::int32_t> targets{0, 5, 3000, 17, 1, 2, 5};
        std::vector<double> nll(targets.size());
        kernel::negativeLogLikelihood({x.data(), n, vocabulary}, targets, nll);
        std::vector<double> expected;
        for (std::int64_t r = 0; r < n; ++r) {
            const float* row = x.data() + r * vocabulary;
            long double sum = 0;
            for (std::int64_t i = 0; i < vocabulary; ++i)
                sum += std::exp(static_cast<long double>(row[i]));
            expected.push_back(static_cast<double>(
                std::log(sum) -
                static_cast<long double>(row[targets[static_cast<std::size_t>(r)]])));
        }
        QVERIFY(
            allClose(std::span<const double>(nll), std::span<const double>(expected), 1e-6, 1e-6));
    }

    void threadsDoNotChangeBits()
    {
        const std::int64_t n = 600;
        const std::int64_t d = 128;
        const auto q = randomValues(static_cast<std::size_t>(n * d), "tq");
        op::Attention attention{4, 4, 32, 0.2F, 0};
        const auto once = [&](int threads) {
            const ThreadLimit limit(threads);
            std::vector<float> out(q.size());
            kernel::attention({q.data(), n, d}, {q.data(), n, d}, {q.data(), n, d}, attention, 1,
                              {}, {out.data(), n, d}, Monitor());
            kernel::silu(out, out);
            return out;
        };
        QVERIFY(once(1) == once(2));
    }
};

QTEST_APPLESS_MAIN(TestKernels)
#include "tst_kernels.moc"
