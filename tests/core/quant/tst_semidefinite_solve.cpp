// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/semidefinite_solve.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

using namespace gradus;
using namespace gradus::test;

namespace {

constexpr std::size_t lanes = SemidefiniteSolve::lanes;

/// Eight systems BᵀB·x = Bᵀy, lane v with `dependent` columns of B repeated from others.
struct Systems
{
    std::size_t n;
    std::vector<double> p;
    std::vector<double> r;

    Systems(std::size_t unknowns, std::size_t rows, bool dependent)
        : n(unknowns)
        , p(n * n * lanes)
        , r(n * lanes)
    {
        for (std::size_t v = 0; v < lanes; ++v) {
            Tensor b = randomMatrix(static_cast<std::int64_t>(rows), static_cast<std::int64_t>(n),
                                    1, v + 1);
            const Tensor y = randomMatrix(1, static_cast<std::int64_t>(rows), 1, v + 50);
            if (dependent)
                for (std::size_t k = 0; k < rows; ++k) {
                    const auto row = b.matrix().row(static_cast<std::int64_t>(k));
                    row[n - 1] = row[0];
                    row[n / 2] = 0;
                }
            for (std::size_t i = 0; i < n; ++i)
                for (std::size_t k = 0; k < rows; ++k) {
                    const auto row = b.matrix().row(static_cast<std::int64_t>(k));
                    const auto value = static_cast<double>(row[i]);
                    r[i * lanes + v] += value * static_cast<double>(y.floats()[k]);
                    for (std::size_t j = 0; j < n; ++j)
                        p[(i * n + j) * lanes + v] += value * static_cast<double>(row[j]);
                }
        }
    }
};

} // namespace

class TestSemidefiniteSolve : public QObject
{
    Q_OBJECT

private slots:
    void residualVanishes_data()
    {
        QTest::addColumn<int>("unknowns");
        QTest::addColumn<bool>("dependent");
        for (const int n : {1, 2, 3, 17, 64})
            for (const bool dependent : {false, true})
                if (n > 2 || !dependent)
                    QTest::addRow("%d%s", n, dependent ? ", dependent" : "") << n << dependent;
    }
    void residualVanishes()
    {
        QFETCH(int, unknowns);
        QFETCH(bool, dependent);
        const auto n = static_cast<std::size_t>(unknowns);
        const Systems systems(n, 2 * n + 3, dependent);
        std::vector<double> l = systems.p;
        std::vector<double> z = systems.r;
        std::vector<double> d(n * lanes);
        SemidefiniteSolve::factorize(n, l.data(), z.data(), d.data());
        for (std::size_t v = 0; v < lanes; ++v) {
            std::vector<double> x(n);
            for (std::size_t i = n; i-- > 0;)
                x[i] = SemidefiniteSolve::conditional(n, l.data(), z.data(), x.data(), i, v);
            // A stationary point of a convex form attains the pseudo-inverse's minimum.
            for (std::size_t i = 0; i < n; ++i) {
                double sum = -systems.r[i * lanes + v];
                double size = 0;
                for (std::size_t j = 0; j < n; ++j) {
                    sum += systems.p[(i * n + j) * lanes + v] * x[j];
                    size += std::fabs(systems.p[(i * n + j) * lanes + v] * x[j]);
                }
                QVERIFY(std::fabs(sum) <= 1e-10 * (size + 1e-30));
            }
            if (dependent) {
                QVERIFY(x[n / 2] == 0);
                QVERIFY(x[n - 1] == 0);
            }
        }
    }
};

QTEST_APPLESS_MAIN(TestSemidefiniteSolve)
#include "tst_semidefinite_solve.moc"
