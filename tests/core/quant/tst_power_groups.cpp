// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/power_search.h"
#include "tests/support/numpy_random.h"
#include "tests/support/support.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <vector>

using namespace gradus;
using namespace gradus::test;

namespace {

constexpr std::size_t sampleSize = std::size_t(1) << 20;
constexpr std::int64_t rowLength = 4096;
constexpr std::int64_t oneTensor = 0;

/// The samples of the reference's group table: one stream, Gaussian first.
class Samples
{
public:
    Samples()
    {
        NumpyRandom random(0);
        for (std::size_t i = 0; i < 3 * sampleSize; ++i)
            m_values.push_back(i < sampleSize       ? random.normal()
                               : i < 2 * sampleSize ? random.laplace()
                                                    : random.studentT(5));
    }
    [[nodiscard]] const std::vector<double>& values() const { return m_values; }
    [[nodiscard]] Tensor weight(std::size_t distribution) const
    {
        Tensor w(Shape{sampleSize / rowLength, rowLength});
        std::transform(m_values.begin() + static_cast<std::ptrdiff_t>(distribution * sampleSize),
                       m_values.begin() +
                           static_cast<std::ptrdiff_t>((distribution + 1) * sampleSize),
                       w.floats().begin(), [](double x) { return static_cast<float>(x); });
        return w;
    }

private:
    std::vector<double> m_values;
};

const Samples& samples()
{
    static const Samples all;
    return all;
}

/// A column of the table for one distribution; what the table does not say is 0.
struct Cell
{
    double exponent;
    double gain; ///< dB
    double uniform = 0;
    double power = 0;
    double found = 0; ///< the exponent that searchExponent finds where it is another one
};

PowerErrors errorsOf(const Tensor& w, std::int64_t group)
{
    Monitor monitor;
    Scheme scheme;
    scheme.granularity = group == oneTensor ? Granularity::Tensor : Granularity::Group;
    scheme.groupSize = group;
    return PowerErrors::sorted(w.matrix(), scheme, monitor);
}

/// Whether x reads as printed with so many decimals.
bool reads(double x, double printed, int decimals)
{
    return std::fabs(x - printed) <= .5000001 * std::pow(10, -decimals);
}

} // namespace

Q_DECLARE_METATYPE(Cell)

/// Section 10 of the reference (nupes.md): what a shared exponent gains where every group has a
/// scale of its own, with the reference's own random numbers.
class TestPowerGroups : public QObject
{
    Q_OBJECT

private slots:
    void theStreamIsNumpys()
    {
        // Printed by numpy 1.24. The last of each third shows that none before it took another way.
        const std::vector<double>& x = samples().values();
        const auto is = [&](std::size_t i, double expected) {
            return isClose(x[i], expected, 1e-15);
        };
        QVERIFY(is(0, 0.1257302210933933));
        QVERIFY(is(1, -0.1321048632913019));
        QVERIFY(is(2, 0.6404226504432821));
        QVERIFY(is(sampleSize - 1, -0.8164170308017358));
        QVERIFY(is(sampleSize, 0.4655877309375671));
        QVERIFY(is(sampleSize + 1, 0.20389312624858663));
        QVERIFY(is(2 * sampleSize - 1, 4.299553707472019));
        QVERIFY(is(2 * sampleSize, -1.53732985991791));
        QVERIFY(is(2 * sampleSize + 1, -2.4730966646934665));
        QVERIFY(is(3 * sampleSize - 1, 0.6789283628308671));
        const double largest[] = {4.998160374478896, 15.355601664877897, 27.765051327089342};
        for (std::size_t d = 0; d < 3; ++d) {
            double most = 0;
            for (std::size_t i = 0; i < sampleSize; ++i)
                most = std::max(most, std::fabs(x[d * sampleSize + i]));
            QVERIFY(isClose(most, largest[d], 1e-15));
        }
    }

    void table_data()
    {
        QTest::addColumn<int>("distribution");
        QTest::addColumn<int>("bits");
        QTest::addColumn<qint64>("group");
        QTest::addColumn<Cell>("cell");
        const auto add = [](const char* name, int distribution, int bits,
                            const std::vector<Cell>& row) {
            const std::int64_t groups[] = {32, 64, 128, 256, 1024, 4096, oneTensor};
            for (std::size_t i = 0; i < row.size(); ++i)
                QTest::addRow("%s at %d, %d", name, bits, static_cast<int>(groups[i]))
                    << distribution << bits << static_cast<qint64>(groups[i]) << row[i];
        };
        add("Gaussian", 0, 4,
            {{.818, .45, .00941, .00848},
             {.790, .58, .01160, .01016},
             {.772, .70, .01379, .01173},
             {.757, .84, .01599, .01318},
             {.725, 1.10, .02036, .01582},
             {.697, 1.34, .02484, .01824},
             {.615, 2.14, .04244, .02594, .6141}});
        add("Gaussian", 0, 3,
            {{.816, .46},
             {.787, .59, 0, 0, .7911},
             {.774, .72},
             {.758, .85},
             {.724, 1.10},
             {.701, 1.36},
             {.645, 2.16}});
        add("Laplace", 1, 4,
            {{.702, 1.43, 0, 0, .7026},
             {.672, 1.70},
             {.648, 1.97},
             {.623, 2.26},
             {.576, 2.86, 0, 0, .5755},
             {.548, 3.45},
             {.447, 5.29}});
        add("t5", 2, 4,
            {{.694, 1.41},
             {.669, 1.78},
             {.635, 2.19},
             {.597, 2.66, 0, 0, .6002},
             {.538, 3.65},
             {.480, 4.76},
             {.377, 7.65}});
    }
    void table()
    {
        QFETCH(int, distribution);
        QFETCH(int, bits);
        QFETCH(qint64, group);
        QFETCH(Cell, cell);
        const Tensor w = samples().weight(static_cast<std::size_t>(distribution));
        const PowerErrors errors = errorsOf(w, group);
        const int largest = (1 << (bits - 1)) - 1;
        const auto nmse = [&](double exponent) {
            return errors.nmse(PowerLevels(largest, exponent), PowerRounding::PowerDomain);
        };
        const ExponentPoint best =
            searchExponent(nmse, errors.predictedExponent(), ExponentChoice::Free);
        const double gain = 10 * std::log10(nmse(1) / best.error);
        QVERIFY2(reads(gain, cell.gain, 2), qPrintable(QString::number(gain)));
        if (cell.uniform > 0) {
            QVERIFY2(reads(nmse(1), cell.uniform, 5), qPrintable(QString::number(nmse(1))));
            QVERIFY2(reads(best.error, cell.power, 5), qPrintable(QString::number(best.error)));
        }
        // The error jumps with the exponent by some 1e-5 of itself, so that every search ends in a
        // valley of its own. Those of the reference and of ours are equally deep.
        QVERIFY2(cell.found > 0 ? reads(best.exponent, cell.found, 4)
                                : reads(best.exponent, cell.exponent, 3),
                 qPrintable(QString::number(best.exponent)));
        double printed = nmse(cell.exponent);
        for (int i = -25; i <= 25; ++i)
            printed = std::min(printed, nmse(cell.exponent + i * 2e-5));
        QVERIFY2(isClose(printed, best.error, 4e-5), qPrintable(QString::number(printed)));
    }

    void binsOfAMillionAreClose()
    {
        // Few bits, heavy tails, and borders that are not halfway between levels.
        Monitor monitor;
        const Tensor w = samples().weight(2);
        Scheme scheme;
        for (const Granularity granularity : {Granularity::Channel, Granularity::Tensor}) {
            scheme.granularity = granularity;
            const PowerErrors exact = PowerErrors::sorted(w.matrix(), scheme, monitor);
            const PowerErrors bins = PowerErrors::binned(w.matrix(), scheme, monitor);
            for (const int largest : {3, 7, 15})
                for (double exponent = .3; exponent < 1.05; exponent += .05) {
                    const PowerLevels levels(largest, exponent);
                    QVERIFY(isClose(bins.error(levels, PowerRounding::PowerDomain),
                                    exact.error(levels, PowerRounding::PowerDomain), 1e-4));
                }
        }
    }

    void smallerGroupsNeedLargerExponents() // O9
    {
        for (std::size_t distribution = 0; distribution < 3; ++distribution) {
            const Tensor w = samples().weight(distribution);
            double last = 1;
            for (const std::int64_t group : {32, 256, 4096}) {
                const PowerErrors errors = errorsOf(w, group);
                const double a =
                    searchExponent(
                        [&](double exponent) {
                            return errors.nmse(PowerLevels(7, exponent), PowerRounding::Nearest);
                        },
                        errors.predictedExponent(), ExponentChoice::Free)
                        .exponent;
                QVERIFY(a < last);
                last = a;
            }
        }
    }
};

QTEST_APPLESS_MAIN(TestPowerGroups)
#include "tst_power_groups.moc"
