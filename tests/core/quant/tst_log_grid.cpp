// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/quant/log_grid.h"
#include "tests/support/support.h"

#include <QTest>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <set>

using namespace gradus;
using namespace gradus::test;

namespace {

LogGrid logGrid(int bits, int perOctave, ZeroState state, float scale = 1)
{
    LogGrid grid;
    grid.bits = bits;
    grid.perOctave = perOctave;
    grid.scale = scale;
    grid.zeroState = state;
    return grid;
}

std::vector<float> rounded(const LogGrid& grid, const std::vector<float>& p)
{
    std::vector<float> out(p.size());
    LogLevels(grid).round(p, out.data());
    return out;
}

std::vector<int> encoded(const LogGrid& grid, const std::vector<float>& p)
{
    std::vector<std::uint16_t> codes(p.size());
    LogLevels(grid).encode(p, codes.data());
    return {codes.begin(), codes.end()};
}

/// −k·log2(p/s), in double.
double exponentOf(const LogGrid& grid, float p)
{
    return -grid.perOctave * std::log2(static_cast<double>(p) / static_cast<double>(grid.scale));
}

/// Section 2.3 by its letter: the test for 0 comes before the clamp.
int oracleCode(const LogGrid& grid, double exponent)
{
    const double e = std::nearbyint(exponent);
    const int top = (1 << grid.bits) - 1;
    if (grid.zeroState == ZeroState::Extra && e >= top + 1)
        return top + 1;
    if (grid.zeroState == ZeroState::Reserved && e >= top)
        return top;
    return static_cast<int>(std::clamp(e, 0.0, static_cast<double>(top)));
}

double oracleValue(const LogGrid& grid, int code)
{
    const int powers = (1 << grid.bits) - (grid.zeroState == ZeroState::Reserved ? 1 : 0);
    return code >= powers ? 0
                          : static_cast<double>(grid.scale) *
                                std::pow(2.0, -static_cast<double>(code) / grid.perOctave);
}

constexpr std::array states = {ZeroState::Extra, ZeroState::Reserved, ZeroState::None};

/// What a softmax of random numbers puts out.
std::vector<float> softmaxRows(int rows, int keys, double spread, std::uint64_t seed)
{
    RandomStream random(seed);
    std::vector<float> p;
    for (int r = 0; r < rows; ++r) {
        std::vector<double> e;
        double sum = 0;
        for (int k = 0; k < keys; ++k) {
            e.push_back(std::exp(spread * random.normal()));
            sum += e.back();
        }
        for (const double value : e)
            p.push_back(static_cast<float>(value / sum));
    }
    return p;
}

double squaredErrorOf(const LogGrid& grid, const std::vector<float>& p)
{
    double sum = 0;
    for (const float value : p)
        sum += std::pow(static_cast<double>(value) -
                            oracleValue(grid, oracleCode(grid, exponentOf(grid, value))),
                        2);
    return sum;
}

} // namespace

class LogGridTest : public QObject
{
    Q_OBJECT

private slots:
    void namesComeBack();
    void faultsAreNamed();
    void vectorsOfTheOfficialCode();
    void lastCodeIsZero();
    void tailsWithoutZero();
    void agreesWithTheFormula_data();
    void agreesWithTheFormula();
    void oneFloatOffTheBorder();
    void bitsTellAsTheBordersDo_data();
    void bitsTellAsTheBordersDo();
    void levelsOfParity();
    void codesDecodeToThemselves();
    void statesAreCounted();
    void notFinite();
    void relativePrecision_data();
    void relativePrecision();
    void scaleIsTheBestOfThree();
    void maskedKeys();
    void squareRootIsFiner();
    void solveRefusesNonsense();
    void anyNumberOfThreads();
};

void LogGridTest::namesComeBack()
{
    for (const ZeroState state : states)
        QVERIFY(zeroStateFromName(zeroStateName(state)) == state);
    for (const ProbabilityQuantizer quantizer :
         {ProbabilityQuantizer::LogSqrt2, ProbabilityQuantizer::Log2,
          ProbabilityQuantizer::Uniform})
        QVERIFY(probabilityQuantizerFromName(probabilityQuantizerName(quantizer)) == quantizer);
    QVERIFY(zeroStateName(ZeroState::Reserved) == "reserved");
    QVERIFY(probabilityQuantizerName(ProbabilityQuantizer::LogSqrt2) == "log-sqrt2");
    QVERIFY(!zeroStateFromName(""));
    QVERIFY(!probabilityQuantizerFromName("log"));
}

void LogGridTest::faultsAreNamed()
{
    const auto fault = [](const LogGrid& grid) {
        return QString::fromStdString(grid.validate().value_or("none"));
    };
    QCOMPARE(fault(logGrid(4, 2, ZeroState::Extra)), QString("none"));
    QVERIFY(fault(logGrid(1, 2, ZeroState::Extra)).contains("bits"));
    QVERIFY(fault(logGrid(9, 2, ZeroState::Extra)).contains("bits"));
    QVERIFY(fault(logGrid(4, 3, ZeroState::Extra)).contains("octave"));
    QVERIFY(fault(logGrid(4, 2, static_cast<ZeroState>(7))).contains("zero state"));
    for (const float bad : {0.0F, -1.0F, std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()})
        QVERIFY(fault(logGrid(4, 2, ZeroState::Extra, bad)).contains("scale"));
    LogGrid grid;
    grid.relativeError = std::numeric_limits<double>::quiet_NaN();
    QVERIFY(fault(grid).contains("relative error"));
}

// V3, level A. 2^−.25 and 2^−7.75 lie on halves: their floats are on one side or the other.
void LogGridTest::vectorsOfTheOfficialCode()
{
    const std::vector<std::pair<float, double>> four = {
        {1.3F, 1},
        {1, 1},
        {0.835088F, 0.7071068},
        {0.71F, 0.7071068},
        {0.5F, 0.5},
        {0.3F, 0.3535534},
        {0.1F, 0.0883883},
        {0.05F, 0.0441942},
        {0.01F, 0.0110485},
        {static_cast<float>(std::exp2(-7.5)), 0.0055243},
        {0.0047F, 0.0055243},
        {0.0046F, 0},
        {0, 0},
    };
    const LogGrid grid = logGrid(4, 2, ZeroState::Extra);
    for (const auto& [p, expected] : four)
        QVERIFY(isClose(static_cast<double>(rounded(grid, {p})[0]), expected, 1e-6, 6e-8));
    const auto quarter = rounded(grid, {static_cast<float>(std::exp2(-0.25))})[0];
    QVERIFY(quarter == 1 || std::fabs(quarter - 0.7071068F) < 1e-6F);
    const auto last = rounded(grid, {static_cast<float>(std::exp2(-7.75))})[0];
    QVERIFY(last == 0 || std::fabs(last - 0.0055243F) < 1e-6F);
    const std::vector<std::pair<float, double>> three = {
        {0.84675F, 0.9},  {0.71F, 0.636396}, {0.5F, 0.45},
        {0.3F, 0.318198}, {0.1F, 0.1125},    {0.05F, 0},
    };
    for (const auto& [p, expected] : three)
        QVERIFY(isClose(static_cast<double>(rounded(logGrid(3, 2, ZeroState::Extra, 0.9F), {p})[0]),
                        expected, 1e-6, 6e-8));
}

// V3, level B.
void LogGridTest::lastCodeIsZero()
{
    const LogGrid grid = logGrid(4, 2, ZeroState::Reserved);
    QCOMPARE(grid.largest(), 14);
    QCOMPARE(grid.zeroCode(), 15);
    const std::vector<float> p = {static_cast<float>(std::exp2(-7.5)), 0.0078125F, 0, 1e-30F};
    QCOMPARE(encoded(grid, p), (std::vector<int>{15, 14, 15, 15}));
    const std::vector<float> out = rounded(grid, p);
    QVERIFY(out[0] == 0 && out[1] == 0.0078125F && out[2] == 0 && out[3] == 0);
}

void LogGridTest::tailsWithoutZero()
{
    const LogGrid grid = logGrid(4, 2, ZeroState::None);
    QCOMPARE(encoded(grid, {0, 1e-30F, 0.0046F, 1}), (std::vector<int>{15, 15, 15, 0}));
    QVERIFY(isClose(static_cast<double>(rounded(grid, {0})[0]), std::exp2(-7.5), 1e-7));
}

void LogGridTest::agreesWithTheFormula_data()
{
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("perOctave");
    for (int bits = 2; bits <= 8; ++bits)
        for (const int perOctave : {1, 2})
            QTest::addRow("%d bits, %d per octave", bits, perOctave) << bits << perOctave;
}

void LogGridTest::agreesWithTheFormula()
{
    QFETCH(const int, bits);
    QFETCH(const int, perOctave);
    RandomStream random(static_cast<std::uint64_t>(bits * 2 + perOctave));
    for (const ZeroState state : states) {
        const LogGrid grid =
            logGrid(bits, perOctave, state, static_cast<float>(0.1 + random.uniform()));
        QVERIFY(!grid.validate());
        const double reach = std::min(1.2 * (1 << bits) / perOctave, 120.0);
        std::vector<float> p;
        for (int i = 0; i < 5000; ++i)
            p.push_back(static_cast<float>(1.3 * std::exp2(-reach * random.uniform())));
        const std::vector<int> codes = encoded(grid, p);
        const std::vector<float> out = rounded(grid, p);
        for (std::size_t i = 0; i < p.size(); ++i) {
            const double exponent = exponentOf(grid, p[i]);
            const double fromHalf = std::fabs(exponent - std::floor(exponent) - 0.5);
            const int expected = oracleCode(grid, exponent);
            if (fromHalf > 1e-9)
                QCOMPARE(codes[i], expected);
            else
                QVERIFY(std::abs(codes[i] - expected) <= 1);
            QVERIFY(isClose(static_cast<double>(out[i]), oracleValue(grid, codes[i]), 1e-7, 1e-45));
            QVERIFY(LogLevels(grid).level(codes[i]) == out[i]);
        }
    }
}

/// The last float of a code and the next one, found by halving, against the formula.
void LogGridTest::oneFloatOffTheBorder()
{
    for (const float scale : {1.0F, 0.73F})
        for (const int perOctave : {1, 2})
            for (const ZeroState state : states) {
                const LogGrid grid = logGrid(4, perOctave, state, scale);
                const int borders = grid.largest() + (state == ZeroState::None ? 0 : 1);
                for (int code = 0; code < borders; ++code) {
                    auto at = static_cast<float>(static_cast<double>(scale) *
                                                 std::exp2(-(code + 0.5) / perOctave));
                    for (int i = 0; i < 4; ++i)
                        at = std::nextafter(at, 2.0F);
                    for (int i = 0; i < 9; ++i) {
                        // In long double, as the floats are 1e-7 of an exponent apart.
                        const long double exponent =
                            -perOctave * std::log2(static_cast<long double>(at) /
                                                   static_cast<long double>(scale));
                        const int expected =
                            exponent > static_cast<long double>(code) + 0.5L ? code + 1 : code;
                        QCOMPARE(encoded(grid, {at})[0], expected);
                        at = std::nextafter(at, 0.0F);
                    }
                }
            }
}

// Section 4: what the two accumulators rely on.
void LogGridTest::bitsTellAsTheBordersDo_data()
{
    QTest::addColumn<double>("scale");
    for (const double scale : {1.0, 0.73, 0.9999, 3e-5, 1e-30, 3e-38, 1e-41, 1e38})
        QTest::addRow("%g", scale) << scale;
}

/// Codes count the borders, rounded down to floats, that a value is not above: at each of them, one
/// float beside it, and everywhere between, as far down as floats go.
void LogGridTest::bitsTellAsTheBordersDo()
{
    QFETCH(double, scale);
    for (const int bits : {2, 3, 4, 6, 8})
        for (const int perOctave : {1, 2})
            for (const ZeroState state : {ZeroState::Extra, ZeroState::Reserved, ZeroState::None}) {
                const LogGrid grid = logGrid(bits, perOctave, state, static_cast<float>(scale));
                std::vector<float> borders;
                const int count = grid.largest() + (state == ZeroState::None ? 0 : 1);
                for (int code = 0; code < count; ++code) {
                    const double border =
                        static_cast<double>(grid.scale) * std::exp2(-(code + 0.5) / perOctave);
                    auto down = static_cast<float>(border);
                    if (static_cast<double>(down) > border)
                        down = std::nextafter(down, 0.0F);
                    borders.push_back(down);
                }
                std::vector<float> values = {0.0F, std::numeric_limits<float>::denorm_min(),
                                             std::numeric_limits<float>::min(),
                                             std::numeric_limits<float>::max(),
                                             std::numeric_limits<float>::infinity()};
                for (const float border : borders) {
                    values.push_back(border);
                    values.push_back(std::nextafter(border, 0.0F));
                    values.push_back(std::nextafter(border, 1e38F));
                }
                for (std::uint32_t pattern = 1; pattern < 0x7F800000U; pattern += 0x00300D5BU)
                    values.push_back(std::bit_cast<float>(pattern));
                std::vector<std::uint8_t> bytes(values.size());
                LogLevels(grid).encode(values, bytes.data());
                const std::vector<int> codes = encoded(grid, values);
                for (std::size_t i = 0; i < values.size(); ++i) {
                    const auto expected = std::count_if(
                        borders.begin(), borders.end(),
                        [value = values[i]](float border) { return value <= border; });
                    QCOMPARE(std::int64_t(codes[i]), std::int64_t(expected));
                    QCOMPARE(std::int64_t(bytes[i]), std::min<std::int64_t>(expected, 255));
                }
            }
}

void LogGridTest::levelsOfParity()
{
    const LogLevels levels(logGrid(6, 2, ZeroState::Reserved, 0.8F));
    for (int code = 0; code < 63; ++code) {
        const int odd = code % 2;
        const double value = static_cast<double>(0.8F) * (odd * (std::sqrt(2.0) - 1) + 1) *
                             std::exp2(-(code + odd) / 2);
        QVERIFY(isClose(static_cast<double>(levels.level(code)), value, 1e-7));
    }
    QVERIFY(levels.level(63) == 0);
}

// I12.
void LogGridTest::codesDecodeToThemselves()
{
    for (int bits = 2; bits <= 8; ++bits)
        for (const int perOctave : {1, 2})
            for (const ZeroState state : states) {
                const LogGrid grid = logGrid(bits, perOctave, state, 0.37F);
                const LogLevels levels(grid);
                std::vector<float> values;
                std::vector<int> codes;
                for (int code = 0; code < static_cast<int>(levels.levels().size()); ++code) {
                    // log2 in 8 bits goes down to 2^−254, where floats are 0.
                    if (code <= grid.largest() &&
                        levels.level(code) < std::numeric_limits<float>::min())
                        continue;
                    values.push_back(levels.level(code));
                    codes.push_back(code);
                }
                QCOMPARE(encoded(grid, values), codes);
                QVERIFY(rounded(grid, values) == values);
            }
}

void LogGridTest::statesAreCounted()
{
    for (int bits = 2; bits <= 6; ++bits) {
        std::vector<float> p = {0};
        for (double e = 0; e < 40; e += 0.01)
            p.push_back(static_cast<float>(std::exp2(-e)));
        const auto states2 = [&](ZeroState state) {
            const std::vector<float> out = rounded(logGrid(bits, 2, state), p);
            return std::set<float>(out.begin(), out.end()).size();
        };
        QCOMPARE(states2(ZeroState::Extra), (std::size_t(1) << bits) + 1);
        QCOMPARE(states2(ZeroState::Reserved), std::size_t(1) << bits);
        QCOMPARE(states2(ZeroState::None), std::size_t(1) << bits);
    }
}

// Section 10, point 6: 0 and what is next to it reach the test for the zero state.
void LogGridTest::notFinite()
{
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    constexpr float infinity = std::numeric_limits<float>::infinity();
    for (const ZeroState state : states)
        for (const int bits : {2, 4, 8}) {
            const LogGrid grid = logGrid(bits, 2, state, 0.5F);
            const int least = state == ZeroState::None ? grid.largest() : grid.zeroCode();
            QCOMPARE(encoded(grid, {0, -0.0F, infinity, std::numeric_limits<float>::max()}),
                     (std::vector<int>{least, least, 0, 0}));
            if (bits < 8)
                QCOMPARE(encoded(grid, {std::numeric_limits<float>::denorm_min()}),
                         (std::vector<int>{least}));
            std::vector<float> p(1000, 0.25F);
            p[700] = nan;
            const std::vector<float> out = rounded(grid, p);
            QVERIFY(std::isnan(out[700]));
            QVERIFY(out[699] == 0.25F && out[701] == 0.25F);
            try {
                (void)encoded(grid, p);
                QFAIL("NaN has a code");
            } catch (const Error& error) {
                QCOMPARE(error.code(), ErrorCode::Numeric);
            }
        }
    LogLevels(logGrid(4, 2, ZeroState::Extra)).encode({}, static_cast<std::uint16_t*>(nullptr));
}

// V10 and the closed form of section 2.3.
void LogGridTest::relativePrecision_data()
{
    QTest::addColumn<int>("perOctave");
    QTest::addColumn<double>("expected");
    QTest::addRow("log2") << 1 << 0.204310;
    QTest::addRow("log-sqrt2") << 2 << 0.100573;
}

void LogGridTest::relativePrecision()
{
    QFETCH(const int, perOctave);
    QFETCH(const double, expected);
    const double a = std::log(2.0) / (2 * perOctave);
    const double closed = std::sqrt(std::sinh(2 * a) / (2 * a) - 2 * std::sinh(a) / a + 1);
    QVERIFY(isClose(closed, expected, 1e-5));
    RandomStream random(10);
    std::vector<float> p;
    for (int i = 0; i < 400000; ++i)
        p.push_back(static_cast<float>(std::exp2(-20 * random.uniform())));
    const std::vector<float> out = rounded(logGrid(8, perOctave, ZeroState::Reserved, 2), p);
    double sum = 0;
    double worst = 0;
    for (std::size_t i = 0; i < p.size(); ++i) {
        const double relative = static_cast<double>(out[i]) / static_cast<double>(p[i]) - 1;
        sum += relative * relative;
        worst = std::max(worst, std::fabs(relative));
    }
    QVERIFY(isClose(std::sqrt(sum / static_cast<double>(p.size())), closed, 5e-3));
    QVERIFY(worst <= std::exp2(0.5 / perOctave) - 1 + 1e-6);
    QVERIFY(worst >= 0.99 * (std::exp2(0.5 / perOctave) - 1));
}

void LogGridTest::scaleIsTheBestOfThree()
{
    for (const double spread : {1.0, 2.0, 4.0})
        for (const int perOctave : {1, 2})
            for (const ZeroState state : states) {
                const std::vector<float> p = softmaxRows(60, 197, spread, 5);
                const LogGrid grid = solveProbabilities(p, 4, perOctave, state);
                QVERIFY(!grid.validate());
                std::vector<float> sorted = p;
                std::sort(sorted.begin(), sorted.end());
                double least = std::numeric_limits<double>::infinity();
                double squares = 0;
                for (const float value : p)
                    squares += static_cast<double>(value) * static_cast<double>(value);
                bool known = false;
                for (const double q : {0.999, 0.9999, 0.99999}) {
                    const double rank = q * static_cast<double>(p.size() - 1);
                    const auto i = static_cast<std::size_t>(rank);
                    const double low = static_cast<double>(sorted[i]);
                    const double scale = low + (rank - static_cast<double>(i)) *
                                                   (static_cast<double>(sorted[i + 1]) - low);
                    least = std::min(
                        least,
                        squaredErrorOf(logGrid(4, perOctave, state, static_cast<float>(scale)), p));
                    known = known || static_cast<float>(scale) == grid.scale;
                }
                QVERIFY(known);
                QVERIFY(isClose(grid.relativeError * squares, least, 1e-5));
            }
}

void LogGridTest::maskedKeys()
{
    std::vector<float> p = softmaxRows(60, 197, 2, 6);
    const LogGrid plain = solveProbabilities(p, 4, 2, ZeroState::Reserved);
    std::vector<float> masked;
    for (const float value : p) {
        masked.push_back(value);
        masked.insert(masked.end(), 3, 0.0F);
    }
    const LogGrid same = solveProbabilities(masked, 4, 2, ZeroState::Reserved);
    QVERIFY(same.scale == plain.scale);
    QVERIFY(isClose(same.relativeError, plain.relativeError, 1e-12));
    const LogGrid nothing = solveProbabilities(std::vector<float>(50, 0), 4, 2, ZeroState::Extra);
    QVERIFY(!nothing.validate());
    QVERIFY(nothing.scale == 1 && nothing.relativeError == 0);
    QVERIFY(solveProbabilities({}, 4, 2, ZeroState::Extra).scale == 1);
    const std::vector<float> single = {0.3F};
    QVERIFY(solveProbabilities(single, 4, 2, ZeroState::Extra).relativeError == 0);
}

// Of squared errors of probabilities (section 2.3 measured it for all three); not of outputs.
void LogGridTest::squareRootIsFiner()
{
    for (const double spread : {1.0, 2.0, 4.0}) {
        const std::vector<float> p = softmaxRows(100, 197, spread, 7);
        QVERIFY(solveProbabilities(p, 4, 2, ZeroState::Extra).relativeError <
                solveProbabilities(p, 4, 1, ZeroState::Extra).relativeError);
    }
}

void LogGridTest::solveRefusesNonsense()
{
    const auto codeOf = [](std::vector<float> p, int bits, int perOctave) {
        try {
            (void)solveProbabilities(p, bits, perOctave, ZeroState::Reserved);
        } catch (const Error& error) {
            return error.code();
        }
        return ErrorCode::Internal;
    };
    QCOMPARE(codeOf({0.5F, std::numeric_limits<float>::quiet_NaN()}, 4, 2), ErrorCode::Numeric);
    QCOMPARE(codeOf({0.5F, std::numeric_limits<float>::infinity()}, 4, 2), ErrorCode::Numeric);
    QCOMPARE(codeOf({0.5F, -0.1F}, 4, 2), ErrorCode::Numeric);
    QCOMPARE(codeOf({0.5F}, 1, 2), ErrorCode::Usage);
    QCOMPARE(codeOf({0.5F}, 4, 3), ErrorCode::Usage);
    QCOMPARE(codeOf({0.5F}, 4, 2), ErrorCode::Internal); // nothing wrong
}

// I14.
void LogGridTest::anyNumberOfThreads()
{
    const std::vector<float> p = softmaxRows(1500, 197, 2, 8);
    const auto run = [&](int threads) {
        const ThreadLimit limit(threads);
        return solveProbabilities(p, 4, 2, ZeroState::Reserved);
    };
    const LogGrid one = run(1);
    for (const int threads : {2, 3, 8})
        QVERIFY(run(threads) == one);
}

QTEST_GUILESS_MAIN(LogGridTest)
#include "tst_log_grid.moc"
