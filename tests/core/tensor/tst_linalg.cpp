// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/tensor/linalg.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <limits>
#include <utility>

using namespace gradus;
using namespace gradus::test;

namespace {

/// XᵀX/n of correlated inputs plus a little on the diagonal.
std::vector<double> definite(std::int64_t d, std::uint64_t seed)
{
    const Tensor x = correlatedInputs(2 * d, d, seed);
    std::vector<double> h = oracleGram(x.matrix());
    for (std::size_t j = 0; j < static_cast<std::size_t>(d); ++j)
        h[j * (static_cast<std::size_t>(d) + 1)] += 0.01 * static_cast<double>(d);
    return h;
}

} // namespace

class TestLinalg : public QObject
{
    Q_OBJECT

private slots:
    void productsAgreeWithTheOracle()
    {
        const int table[][3] = {{1, 1, 1}, {3, 5, 7}, {64, 64, 64}, {300, 20, 600}, {257, 513, 65}};
        for (const auto& [m, k, n] : table) {
            const Tensor a = randomMatrix(m, k, 1, 1);
            const Tensor b = randomMatrix(k, n, 1, 2);
            Tensor bt(Shape{n, k});
            for (std::int64_t r = 0; r < k; ++r)
                for (std::int64_t c = 0; c < n; ++c)
                    bt.matrix().row(c)[static_cast<std::size_t>(r)] =
                        b.matrix().row(r)[static_cast<std::size_t>(c)];
            const ConstMatrixView btv = std::as_const(bt).matrix();
            for (const bool accumulate : {false, true}) {
                std::vector<double> expected;
                for (std::int64_t r = 0; r < m; ++r)
                    for (std::int64_t c = 0; c < n; ++c) {
                        double sum = accumulate ? 0.5 : 0;
                        for (std::int64_t i = 0; i < k; ++i)
                            sum += static_cast<double>(
                                       a.matrix().row(r)[static_cast<std::size_t>(i)]) *
                                   static_cast<double>(btv.row(c)[static_cast<std::size_t>(i)]);
                        expected.push_back(sum);
                    }
                // A wider target: the columns beside the product must stay as they are.
                const auto check = [&](const auto& product) {
                    Tensor c(Shape{m, n + 3});
                    std::fill(c.floats().begin(), c.floats().end(), 0.5F);
                    product(c.matrix().block(0, 0, m, n));
                    std::vector<float> actual;
                    for (std::int64_t r = 0; r < m; ++r) {
                        const std::span<const float> row = std::as_const(c).matrix().row(r);
                        actual.insert(actual.end(), row.begin(), row.end() - 3);
                        for (const float beside : row.last(3))
                            if (beside != 0.5F)
                                return false;
                    }
                    return allClose(std::span<const float>(actual),
                                    std::span<const double>(expected), 1e-5, 1e-4);
                };
                QVERIFY(
                    check([&](MatrixView c) { multiply(a.matrix(), b.matrix(), c, accumulate); }));
                QVERIFY(check(
                    [&](MatrixView c) { multiplySerial(a.matrix(), b.matrix(), c, accumulate); }));
                QVERIFY(check(
                    [&](MatrixView c) { multiplyTransposed(a.matrix(), btv, c, accumulate); }));
                QVERIFY(check([&](MatrixView c) {
                    multiplyTransposedSerial(a.matrix(), btv, c, accumulate);
                }));
            }
        }
    }

    void gramAgreesWithTheOracle()
    {
        for (const auto& [n, d] : std::vector<std::pair<int, int>>{
                 {1, 1}, {5, 3}, {512, 40}, {513, 40}, {1030, 255}, {70, 256}, {33, 257}}) {
            const Tensor x = randomMatrix(n, d, 1, 3);
            const std::vector<double> expected = oracleGram(x.matrix());
            std::vector<double> h(expected.size(), 2.0);
            accumulateGram(x.matrix(), h);
            const auto width = static_cast<std::size_t>(d);
            for (std::size_t i = 0; i < h.size(); ++i)
                if (i % width > i / width)
                    QVERIFY(h[i] == 2.0); // above the diagonal nothing is written
                else
                    QVERIFY(std::fabs(h[i] - 2 - expected[i]) <= 1e-6 * n + 1e-5);
            mirrorLower(h, d);
            for (std::size_t i = 0; i < h.size(); ++i)
                QVERIFY(h[i] == h[i % width * width + i / width]);
        }
    }

    void factorIsTheRootOfTheInverse()
    {
        for (const std::int64_t d : {1, 2, 7, 127, 128, 129, 300}) {
            const std::vector<double> h = definite(d, 5);
            const auto n = static_cast<std::size_t>(d);
            std::vector<double> u(h.size(), std::numeric_limits<double>::quiet_NaN());
            QVERIFY(inverseCholeskyUpper(h, d, u));
            for (std::size_t r = 0; r < n; ++r) {
                QVERIFY(u[r * n + r] > 0);
                for (std::size_t c = 0; c < r; ++c)
                    QVERIFY(u[r * n + c] == 0);
            }
            // U·H·Uᵀ = 1, relative to the condition of H (below 1e5 here).
            std::vector<double> uh(n * n);
            for (std::size_t r = 0; r < n; ++r)
                for (std::size_t k = r; k < n; ++k)
                    for (std::size_t c = 0; c < n; ++c)
                        uh[r * n + c] += u[r * n + k] * h[k * n + c];
            for (std::size_t r = 0; r < n; ++r)
                for (std::size_t c = 0; c < n; ++c) {
                    double sum = 0;
                    for (std::size_t k = c; k < n; ++k)
                        sum += uh[r * n + k] * u[c * n + k];
                    QVERIFY(std::fabs(sum - (r == c)) < 1e-10);
                }
        }
    }

    void factorByHand()
    {
        // H⁻¹ = [[1, −.9], [−.9, 1]]/.19 and UᵀU = H⁻¹ with U upper.
        const std::vector<double> h{1, 0.9, 0.9, 1};
        std::vector<double> u(4);
        QVERIFY(inverseCholeskyUpper(h, 2, u));
        const double first = 1 / std::sqrt(0.19);
        QVERIFY(isClose(u[0], first, 1e-14));
        QVERIFY(isClose(u[1], -0.9 * first, 1e-14));
        QVERIFY(u[2] == 0);
        QVERIFY(isClose(u[3], 1, 1e-14));
    }

    void refusesWhatIsNotDefinite()
    {
        std::vector<double> u(4);
        QVERIFY(!inverseCholeskyUpper(std::vector<double>{1, 2, 2, 1}, 2, u));
        QVERIFY(!inverseCholeskyUpper(std::vector<double>{0, 0, 0, 0}, 2, u));
        QVERIFY(!inverseCholeskyUpper(std::vector<double>{-1, 0, 0, 1}, 2, u));
        const double nan = std::numeric_limits<double>::quiet_NaN();
        QVERIFY(!inverseCholeskyUpper(std::vector<double>{nan, nan, nan, nan}, 2, u));
        // Far from the corner, in every block of the factorisation.
        for (const std::size_t at : {0, 100, 128, 200, 299}) {
            std::vector<double> h = definite(300, 5);
            h[at * 301] = -1;
            u.assign(h.size(), 0);
            QVERIFY(!inverseCholeskyUpper(h, 300, u));
        }
    }

    void sameBitsForAnyNumberOfThreads()
    {
        const Tensor x = randomMatrix(600, 700, 1, 3);
        const std::vector<double> h = definite(700, 5);
        const auto with = [&](int threads) {
            const ThreadLimit limit(threads);
            std::vector<double> gram(700 * 700);
            accumulateGram(x.matrix(), gram);
            std::vector<double> u(h.size());
            (void)inverseCholeskyUpper(h, 700, u);
            Tensor product(Shape{600, 600});
            multiplyTransposed(x.matrix(), x.matrix(), product.matrix());
            gram.insert(gram.end(), u.begin(), u.end());
            gram.insert(gram.end(), product.floats().begin(), product.floats().end());
            return gram;
        };
        const std::vector<double> one = with(1);
        QVERIFY(with(2) == one);
        QVERIFY(with(4) == one);
    }

    void stopsAtEveryCheckpoint()
    {
        const std::vector<double> h = definite(400, 5);
        std::vector<double> u(h.size());
        int stops = 0;
        for (bool finished = false; !finished && stops < 100;) {
            StopAt monitor(stops);
            try {
                (void)inverseCholeskyUpper(h, 400, u, &monitor);
                finished = true;
            } catch (const Cancelled&) {
                ++stops;
            }
        }
        QVERIFY(stops >= 5);
    }
};

QTEST_APPLESS_MAIN(TestLinalg)
#include "tst_linalg.moc"
