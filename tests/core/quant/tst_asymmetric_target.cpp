// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/quant/asymmetric_target.h"
#include "tests/support/support.h"

#include <QTest>

#include <cstring>

using namespace gradus;
using namespace gradus::test;

namespace {

using Matrix = std::vector<std::vector<double>>;

Matrix randomMatrix(std::size_t rows, std::size_t cols, std::uint64_t seed)
{
    RandomStream random(seed);
    Matrix m(rows, std::vector<double>(cols));
    for (auto& row : m)
        for (double& value : row)
            value = random.normal();
    return m;
}

/// aᵀb/n in plain loops.
std::vector<double> gram(const Matrix& a, const Matrix& b)
{
    std::vector<double> sums(a[0].size() * b[0].size());
    for (std::size_t i = 0; i < a[0].size(); ++i)
        for (std::size_t j = 0; j < b[0].size(); ++j) {
            double sum = 0;
            for (std::size_t n = 0; n < a.size(); ++n)
                sum += a[n][i] * b[n][j];
            sums[i * b[0].size() + j] = sum / static_cast<double>(a.size());
        }
    return sums;
}

/// argmin over v of ‖A·v − y‖², by Householder reflections of A: nothing of Gram matrices.
std::vector<double> leastSquares(Matrix a, std::vector<double> y)
{
    const std::size_t n = a.size(), d = a[0].size();
    for (std::size_t k = 0; k < d; ++k) {
        double norm = 0;
        for (std::size_t i = k; i < n; ++i)
            norm += a[i][k] * a[i][k];
        norm = std::copysign(std::sqrt(norm), a[k][k]);
        std::vector<double> v(n, 0.0);
        double length = 0;
        for (std::size_t i = k; i < n; ++i) {
            v[i] = a[i][k] + (i == k ? norm : 0);
            length += v[i] * v[i];
        }
        const auto reflect = [&](auto&& get) {
            double dot = 0;
            for (std::size_t i = k; i < n; ++i)
                dot += v[i] * get(i);
            for (std::size_t i = k; i < n; ++i)
                get(i) -= 2 * dot / length * v[i];
        };
        for (std::size_t c = k; c < d; ++c)
            reflect([&](std::size_t i) -> double& { return a[i][c]; });
        reflect([&](std::size_t i) -> double& { return y[i]; });
    }
    std::vector<double> x(d);
    for (std::size_t k = d; k-- > 0;) {
        double sum = y[k];
        for (std::size_t c = k + 1; c < d; ++c)
            sum -= a[k][c] * x[c];
        x[k] = sum / a[k][k];
    }
    return x;
}

/// Inputs of a float network and of one that was quantized up to here: correlated, scaled a little
/// differently, with noise.
struct Problem
{
    Matrix x;
    Matrix quantized;
    Tensor weight;
    explicit Problem(std::size_t rows = 7, std::size_t d = 30, std::size_t n = 200)
        : x(randomMatrix(n, d, 1))
        , quantized(randomMatrix(n, d, 2))
        , weight({static_cast<std::int64_t>(rows), static_cast<std::int64_t>(d)})
    {
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < d; ++j) {
                if (j > 0)
                    x[i][j] += 0.8 * x[i][j - 1];
                quantized[i][j] =
                    (1 + 0.05 * std::sin(double(j))) * x[i][j] + 0.2 * quantized[i][j];
            }
        RandomStream random(3);
        for (float& value : weight.floats())
            value = static_cast<float>(0.1 * random.normal());
    }
    [[nodiscard]] AsymmetricTarget solve(double damping) const
    {
        return asymmetricTarget(weight.matrix(), gram(quantized, quantized), gram(x, quantized),
                                damping, Monitor());
    }
    /// ‖X·Wᵀ − X̂·Vᵀ‖²/n, one row of V.
    [[nodiscard]] double error(std::size_t row, const std::vector<double>& v) const
    {
        double sum = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            double difference = 0;
            for (std::size_t j = 0; j < v.size(); ++j)
                difference += x[i][j] * double(weight.matrix().row(std::int64_t(row))[j]) -
                              quantized[i][j] * v[j];
            sum += difference * difference;
        }
        return sum / static_cast<double>(x.size());
    }
};

std::vector<double> rowOf(const Tensor& tensor, std::size_t row)
{
    const auto values = tensor.matrix().row(std::int64_t(row));
    return {values.begin(), values.end()};
}

double largestDifference(const Tensor& a, const Tensor& b)
{
    double worst = 0;
    for (std::size_t i = 0; i < a.floats().size(); ++i)
        worst = std::max(worst, std::fabs(double(a.floats()[i]) - double(b.floats()[i])));
    return worst;
}

bool sameBits(const Tensor& a, const Tensor& b)
{
    return a.floats().size() == b.floats().size() &&
           std::memcmp(a.floats().data(), b.floats().data(), a.floats().size_bytes()) == 0;
}

} // namespace

class TestAsymmetricTarget : public QObject
{
    Q_OBJECT

private slots:
    /// The reference's test 24, and with any damping.
    void equalInputsKeepTheWeight()
    {
        Problem problem;
        problem.quantized = problem.x;
        for (const double damping : {0.0, 0.01, 1.0})
            QVERIFY(largestDifference(problem.solve(damping).weight, problem.weight) < 1e-5);
    }

    void itIsTheLeastSquaresWeight()
    {
        const Problem problem;
        const AsymmetricTarget target = problem.solve(0);
        QCOMPARE(target.damping, 0.0);
        QVERIFY(largestDifference(target.weight, problem.weight) > 0.02);
        for (std::size_t r = 0; r < 7; ++r) {
            std::vector<double> y(problem.x.size());
            for (std::size_t i = 0; i < y.size(); ++i)
                for (std::size_t j = 0; j < 30; ++j)
                    y[i] +=
                        problem.x[i][j] * double(problem.weight.matrix().row(std::int64_t(r))[j]);
            const std::vector<double> best = leastSquares(problem.quantized, y);
            const std::vector<double> got = rowOf(target.weight, r);
            QVERIFY(
                allClose(std::span<const double>(got), std::span<const double>(best), 1e-5, 1e-7));
        }
    }

    /// The quadratic form of the header, for weights that are not the best ones.
    void theErrorSplits()
    {
        const Problem problem;
        const AsymmetricTarget target = problem.solve(0);
        const auto h = gram(problem.quantized, problem.quantized);
        RandomStream random(8);
        for (std::size_t r = 0; r < 7; ++r) {
            const std::vector<double> best = rowOf(target.weight, r);
            std::vector<double> other = best;
            for (double& value : other)
                value += 0.05 * random.normal();
            double form = 0;
            for (std::size_t i = 0; i < 30; ++i)
                for (std::size_t j = 0; j < 30; ++j)
                    form += (other[i] - best[i]) * h[i * 30 + j] * (other[j] - best[j]);
            const double constant = problem.error(r, best);
            QVERIFY(constant < problem.error(r, rowOf(problem.weight, r)));
            QVERIFY(isClose(problem.error(r, other) - constant, form, 1e-5));
        }
    }

    /// (Ĥ + λI)·(W* − W)ᵀ = (C − Ĥ)ᵀ·Wᵀ, λ = damping · mean diagonal.
    void dampingDrawsToTheWeight()
    {
        const Problem problem;
        const auto h = gram(problem.quantized, problem.quantized);
        const auto c = gram(problem.x, problem.quantized);
        double mean = 0;
        for (std::size_t i = 0; i < 30; ++i)
            mean += h[i * 31] / 30;
        double last = 1e9;
        for (const double damping : {0.01, 0.3, 1000.0}) {
            const AsymmetricTarget target = problem.solve(damping);
            QCOMPARE(target.damping, damping);
            for (std::size_t r = 0; r < 7; ++r) {
                const auto w = rowOf(problem.weight, r);
                const auto moved = rowOf(target.weight, r);
                for (std::size_t j = 0; j < 30; ++j) {
                    double left = damping * mean * (moved[j] - w[j]);
                    double right = 0;
                    for (std::size_t i = 0; i < 30; ++i) {
                        left += h[j * 30 + i] * (moved[i] - w[i]);
                        right += w[i] * (c[i * 30 + j] - h[i * 30 + j]);
                    }
                    // Rounded to float, which a large λ makes visible.
                    QVERIFY(isClose(left, right, 1e-4, 1e-6 + 1e-8 * damping * mean));
                }
            }
            const double difference = largestDifference(target.weight, problem.weight);
            QVERIFY(difference < last);
            last = difference;
        }
        QVERIFY(last < 1e-3);
    }

    /// X̂ = c·X wants W/c; the units of the inputs do not matter.
    void units()
    {
        Problem problem;
        problem.quantized = problem.x;
        for (auto& row : problem.quantized)
            for (double& value : row)
                value *= 1.25;
        const AsymmetricTarget scaled = problem.solve(0);
        for (std::size_t i = 0; i < scaled.weight.floats().size(); ++i)
            QVERIFY(isClose(double(scaled.weight.floats()[i]),
                            double(problem.weight.floats()[i]) / 1.25, 1e-5, 1e-7));
        Problem large;
        const AsymmetricTarget before = large.solve(0.01);
        for (auto* matrix : {&large.x, &large.quantized})
            for (auto& row : *matrix)
                for (double& value : row)
                    value *= 1e6;
        QVERIFY(largestDifference(before.weight, large.solve(0.01).weight) < 1e-6);
    }

    void deadAndDependentInputs()
    {
        Problem problem;
        for (auto& row : problem.quantized) {
            row[4] = 0;      // dead in the quantized network
            row[9] = row[8]; // H is singular
        }
        for (auto& row : problem.x)
            row[11] = 0; // dead in the float one
        const AsymmetricTarget target = problem.solve(0);
        QVERIFY(target.damping > 0);
        for (std::size_t r = 0; r < 7; ++r) {
            const auto got = rowOf(target.weight, r);
            for (const double value : got)
                QVERIFY(std::isfinite(value) && std::fabs(value) < 10);
            QVERIFY(got[4] == rowOf(problem.weight, r)[4]);
            QVERIFY(problem.error(r, got) < problem.error(r, rowOf(problem.weight, r)));
        }
        for (auto& row : problem.quantized)
            std::fill(row.begin(), row.end(), 0.0);
        QVERIFY(sameBits(problem.solve(0.01).weight, problem.weight));
    }

    void whatIsNotFinite()
    {
        const Problem problem;
        auto h = gram(problem.quantized, problem.quantized);
        auto c = gram(problem.x, problem.quantized);
        c[5] = std::numeric_limits<double>::quiet_NaN();
        QVERIFY_THROWS_EXCEPTION(
            Error, (void)asymmetricTarget(problem.weight.matrix(), h, c, 0, Monitor()));
        c[5] = 0;
        h[0] = std::numeric_limits<double>::infinity();
        QVERIFY_THROWS_EXCEPTION(
            Error, (void)asymmetricTarget(problem.weight.matrix(), h, c, 0, Monitor()));
    }

    void sameBitsForAnyNumberOfThreads()
    {
        const Problem problem(150, 170, 260);
        const auto h = gram(problem.quantized, problem.quantized);
        const auto c = gram(problem.x, problem.quantized);
        std::optional<Tensor> first;
        for (const int threads : {1, 2, 5}) {
            const ThreadLimit limit(threads);
            Tensor weight = asymmetricTarget(problem.weight.matrix(), h, c, 0.01, Monitor()).weight;
            if (!first)
                first = std::move(weight);
            else
                QVERIFY(sameBits(*first, weight));
        }
        int stopped = 0;
        for (int k = 0; k < 1000; ++k) {
            StopAt monitor(k);
            try {
                const Tensor weight =
                    asymmetricTarget(problem.weight.matrix(), h, c, 0.01, monitor).weight;
                QVERIFY(sameBits(*first, weight));
                QVERIFY(stopped > 2);
                return;
            } catch (const Cancelled&) {
                ++stopped;
            }
        }
        QFAIL("it never ended");
    }
};

QTEST_APPLESS_MAIN(TestAsymmetricTarget)
#include "tst_asymmetric_target.moc"
