// SPDX-License-Identifier: GPL-3.0-or-later
// Attention with quantized operands: the simulation and the integers against plain loops.
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/graph/attention_runs.h"
#include "core/quant/quantized_attention.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

struct Case
{
    int bits = 8;
    int perOctave = 2; ///< 0: uniform
    ZeroState zeroState = ZeroState::Reserved;
    std::int64_t batch = 1;
    std::int64_t heads = 2;
    std::int64_t kvHeads = 2;
    std::int64_t headDim = 8;
    std::int64_t queries = 5;
    std::int64_t keys = 5;
    bool causal = false;
    std::int64_t window = 0;
    bool masked = false;
};

AffineGrid affine(int bits, float low, float high)
{
    AffineGrid grid;
    grid.bits = bits;
    const AffineStep step = affineStep(static_cast<double>(low), static_cast<double>(high), bits);
    grid.scales = {step.scale};
    grid.zeros = {step.zero};
    return grid;
}

AttentionGrids gridsOf(const Case& c)
{
    AttentionGrids grids;
    grids.query = affine(c.bits, -3.0F, 3.2F);
    grids.key = affine(c.bits, -2.5F, 3.0F);
    grids.value = affine(c.bits, -2.0F, 4.0F);
    if (c.perOctave == 0) {
        grids.probabilities = affine(c.bits, 0.01F, 0.9F);
    } else {
        LogGrid grid;
        grid.bits = c.bits;
        grid.perOctave = c.perOctave;
        grid.scale = 0.83F;
        grid.zeroState = c.zeroState;
        grids.probabilities = grid;
    }
    return grids;
}

struct Data
{
    Case c;
    Tensor q, k, v, mask;

    explicit Data(const Case& some)
        : c(some)
        , q({c.batch * c.queries, c.heads * c.headDim})
        , k({c.batch * c.keys, c.kvHeads * c.headDim})
        , v({c.batch * c.keys, c.kvHeads * c.headDim})
        , mask({c.batch, 1, c.queries, c.keys})
    {
        RandomStream random(11, "operands", "attention");
        for (Tensor* tensor : {&q, &k, &v})
            for (float& value : tensor->floats())
                value = static_cast<float>(random.normal());
        for (float& value : mask.floats())
            value = random.below(3) == 0 ? -std::numeric_limits<float>::infinity() : 0.0F;
    }
    [[nodiscard]] op::Attention attention() const
    {
        return {c.heads, c.kvHeads, c.headDim, 0.4F, c.window, c.causal};
    }
    [[nodiscard]] kernel::AttentionMask view() const
    {
        if (!c.masked)
            return {};
        return *kernel::attentionMask(mask, {c.batch, c.heads, c.queries, c.keys});
    }
    [[nodiscard]] std::vector<float> run(const AttentionKernel& kernel) const
    {
        Tensor out(q.shape());
        kernel.apply(q.matrix(), k.matrix(), v.matrix(), attention(), c.batch, view(), out.matrix(),
                     Monitor());
        return {out.floats().begin(), out.floats().end()};
    }
};

/// v̂ where each key has the same score: probabilities that need no rounding of a softmax.
double roundedOf(const AffineGrid& grid, double x)
{
    const double s = static_cast<double>(grid.scales.front());
    const double code =
        std::min(std::max(std::nearbyint(x / s) + grid.zeros.front(), 0.0), double(grid.largest()));
    return s * (code - grid.zeros.front());
}

std::int64_t integerOf(const AffineGrid& grid, float x)
{
    return static_cast<std::int64_t>(std::nearbyint(roundedOf(grid, static_cast<double>(x)) /
                                                    static_cast<double>(grid.scales.front())));
}

/// Plain loops over integers of 64 bits; the softmax between them is the float attention's.
std::vector<float> oracle(const Data& data, const AttentionGrids& grids)
{
    const Case& c = data.c;
    const op::Attention attention = data.attention();
    const kernel::AttentionRuns runs(attention, c.batch, data.q.shape()[0], data.k.shape()[0]);
    Tensor out(data.q.shape());
    const float factor = static_cast<float>(static_cast<double>(grids.query->scales[0]) *
                                            static_cast<double>(grids.key->scales[0]));
    const auto* log = std::get_if<LogGrid>(&*grids.probabilities);
    std::optional<LogLevels> levels;
    if (log)
        levels.emplace(*log);
    for (std::int64_t index = 0; index < runs.count(); ++index) {
        const kernel::AttentionRun run = runs.at(index);
        const ConstMatrixView q = run.queriesOf(data.q.matrix(), c.headDim);
        const ConstMatrixView k = run.keysOf(data.k.matrix(), c.headDim);
        const ConstMatrixView v = run.keysOf(data.v.matrix(), c.headDim);
        Tensor p({run.count, run.keys});
        for (std::int64_t i = 0; i < run.count; ++i)
            for (std::int64_t j = 0; j < run.keys; ++j) {
                std::int64_t sum = 0;
                for (std::size_t d = 0; d < std::size_t(c.headDim); ++d)
                    sum +=
                        integerOf(*grids.query, q.row(i)[d]) * integerOf(*grids.key, k.row(j)[d]);
                p.matrix().row(i)[std::size_t(j)] = factor * static_cast<float>(sum);
            }
        kernel::attentionSoftmax(attention, run, data.view(), p.matrix());
        const int steps = !log                  ? 0
                          : log->perOctave == 2 ? (log->largest() + 1) / 2
                                                : log->largest();
        const int top = std::min(23, steps);
        for (std::int64_t i = 0; i < run.count; ++i)
            for (std::size_t d = 0; d < std::size_t(c.headDim); ++d) {
                std::int64_t sums[2] = {0, 0};
                for (std::int64_t j = 0; j < run.keys; ++j) {
                    const float probability = p.matrix().row(i)[std::size_t(j)];
                    const std::int64_t value = integerOf(*grids.value, v.row(j)[d]);
                    if (probability == 0)
                        continue;
                    if (!log) {
                        sums[0] +=
                            integerOf(std::get<AffineGrid>(*grids.probabilities), probability) *
                            value;
                        continue;
                    }
                    std::uint16_t code = 0;
                    levels->encode({&probability, 1}, &code);
                    const int exponent = log->perOctave == 2 ? (code + code % 2) / 2 : code;
                    if (code > log->largest() || exponent > top)
                        continue;
                    if (log->perOctave == 2 && code >= 31)
                        sums[0] += value * std::lround(std::exp2(23 - 0.5 * code));
                    else
                        sums[log->perOctave == 2 ? code % 2 : 0] += value << (top - exponent);
                }
                const double scale =
                    log ? std::ldexp(static_cast<double>(log->scale), -top)
                        : static_cast<double>(
                              std::get<AffineGrid>(*grids.probabilities).scales.front());
                run.queriesOf(out.matrix(), c.headDim).row(i)[d] = static_cast<float>(
                    scale * static_cast<double>(grids.value->scales.front()) *
                    (static_cast<double>(sums[0]) + std::sqrt(2.0) * static_cast<double>(sums[1])));
            }
    }
    return {out.floats().begin(), out.floats().end()};
}

double largestOf(const std::vector<float>& values)
{
    double largest = 0;
    for (const float value : values)
        largest = std::max(largest, std::fabs(static_cast<double>(value)));
    return largest;
}

} // namespace

Q_DECLARE_METATYPE(Case)

class TestQuantizedAttention : public QObject
{
    Q_OBJECT

private slots:
    /// Integers equal the simulation but for the rounding of its float sums, with every grid.
    void integersEqualTheSimulation_data()
    {
        QTest::addColumn<Case>("c");
        const auto add = [](const char* name, const Case& c) { QTest::newRow(name) << c; };
        const auto log = [](int bits, int perOctave, ZeroState state) {
            Case c;
            c.bits = bits;
            c.perOctave = perOctave;
            c.zeroState = state;
            c.queries = c.keys = 37;
            return c;
        };
        add("4 bits", log(4, 2, ZeroState::Reserved));
        add("4 bits, extra", log(4, 2, ZeroState::Extra));
        add("4 bits, none", log(4, 2, ZeroState::None));
        add("6 bits", log(6, 2, ZeroState::Extra));
        add("8 bits", log(8, 2, ZeroState::Reserved));
        add("4 bits, log2", log(4, 1, ZeroState::Reserved));
        add("8 bits, log2", log(8, 1, ZeroState::Extra));
        add("4 bits, uniform", log(4, 0, ZeroState::Reserved));
        add("8 bits, uniform", log(8, 0, ZeroState::Reserved));
        Case c = log(6, 2, ZeroState::Reserved);
        c.batch = 2;
        c.heads = 4;
        c.headDim = 20;
        c.causal = true;
        c.queries = 150;
        c.keys = 170;
        add("causal, shared keys", c);
        c.window = 9;
        c.perOctave = 0;
        add("window, uniform", c);
        c.perOctave = 2;
        c.zeroState = ZeroState::None;
        add("window, none", c);
        c.headDim = 70;
        c.queries = 9;
        c.causal = false;
        c.window = 0;
        c.masked = true;
        add("masked, wide heads", c);
        c.perOctave = 0;
        add("masked, uniform", c);
    }
    void integersEqualTheSimulation()
    {
        QFETCH(Case, c);
        const Data data(c);
        const AttentionGrids grids = gridsOf(c);
        const auto simulated = data.run(*roundedAttention(grids));
        const auto integers = data.run(*integerAttention(grids));
        // Sums of up to 170 float products, and as many powers of which less than 2^−23 is lost.
        const double lost = c.perOctave > 0 && c.bits > 4 ? std::exp2(-23.5) * double(c.keys) : 0;
        QVERIFY(allClose(std::span<const float>(integers), std::span<const float>(simulated), 1e-6,
                         (1e-6 + lost) * largestOf(simulated)));
        for (const InstructionSet set : instructionSets())
            QVERIFY(data.run(*integerAttention(grids, set)) == integers);
        QVERIFY(oracle(data, grids) == integers);
    }

    /// V6 of the reference: codes 0 and 3, values (3, −2) of 0.5.
    void theReferencesVector()
    {
        AttentionGrids grids;
        grids.query = affine(4, -1, 1);
        grids.key = grids.query;
        AffineGrid value;
        value.bits = 4;
        value.scales = {0.5F};
        value.zeros = {8};
        grids.value = value;
        LogGrid probabilities;
        probabilities.bits = 4;
        probabilities.zeroState = ZeroState::Extra;
        grids.probabilities = probabilities;
        const op::Attention attention{1, 1, 1, 1.0F, 0, false};
        const Tensor q = Tensor::zeros(DType::F32, {1, 1});
        const Tensor k = Tensor::zeros(DType::F32, {2, 1});
        Tensor v({2, 1});
        v.floats()[0] = 1.5F;
        v.floats()[1] = -1.0F;
        // Softmax probabilities of about 0.74 and 0.26: codes 1 and 4 of scale 1, 0 and 3 of √½.
        probabilities.scale = static_cast<float>(std::sqrt(0.5));
        grids.probabilities = probabilities;
        const float scores[2] = {1.05F, 0.0F};
        const kernel::AttentionMask mask{scores, 0, 0, 0, 1};
        const double expected = std::sqrt(0.5) * 1.14644661;
        for (const auto& kernel : {roundedAttention(grids), integerAttention(grids)}) {
            Tensor out({1, 1});
            kernel->apply(q.matrix(), k.matrix(), v.matrix(), attention, 1, mask, out.matrix(),
                          Monitor());
            QVERIFY(isClose(static_cast<double>(out.floats()[0]), expected, 1e-6));
        }
    }

    /// I7: the two sums equal Σ deq(c)·v̂ in double, for every code of the grid. One query whose
    /// probabilities come of the mask alone, as keys are 0.
    void sumsAreExact_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("perOctave");
        for (const int bits : {4, 6, 8})
            for (const int perOctave : {1, 2})
                QTest::addRow("%d bits, %d an octave", bits, perOctave) << bits << perOctave;
    }
    void sumsAreExact()
    {
        QFETCH(int, bits);
        QFETCH(int, perOctave);
        Case c;
        c.bits = bits;
        c.perOctave = perOctave;
        c.heads = c.kvHeads = 1;
        c.queries = 1;
        c.keys = 61;
        Data data(c);
        std::fill(data.q.floats().begin(), data.q.floats().end(), 0.0F);
        AttentionGrids grids = gridsOf(c);
        LogGrid log = std::get<LogGrid>(*grids.probabilities);
        log.scale = 1;
        grids.probabilities = log;
        // Masks −ln 2 · (j/2 + 0.6): exponents fall between the borders.
        std::vector<double> p;
        double sum = 0;
        for (std::size_t j = 0; j < 61; ++j) {
            data.mask.floats()[j] = static_cast<float>(-0.6931 * (0.5 * double(j) + 0.1));
            p.push_back(std::exp(static_cast<double>(data.mask.floats()[j])));
            sum += p.back();
        }
        data.c.masked = true;
        std::vector<double> expected(8);
        double magnitude = 0;
        for (std::size_t j = 0; j < 61; ++j) {
            const double e = std::nearbyint(-perOctave * std::log2(p[j] / sum));
            double power =
                e >= log.zeroCode() || e / perOctave > 23 ? 0 : std::exp2(-e / perOctave);
            if (perOctave == 2 && e >= 31)
                power = std::ldexp(std::nearbyint(std::ldexp(power, 23)), -23);
            for (std::size_t d = 0; d < 8; ++d) {
                expected[d] += power * roundedOf(*grids.value,
                                                 static_cast<double>(data.v.floats()[j * 8 + d]));
                magnitude = std::max(magnitude, std::fabs(expected[d]));
            }
        }
        const auto integers = data.run(*integerAttention(grids));
        // Rounded to float once.
        QVERIFY(allClose(std::span<const float>(integers), std::span<const double>(expected), 1e-7,
                         2e-7 * magnitude));
    }

    void unseenKeysCountNothing()
    {
        Case c;
        c.bits = 4;
        c.queries = 4;
        c.keys = 9;
        c.masked = true;
        for (const int perOctave : {0, 2}) {
            c.perOctave = perOctave;
            c.zeroState = ZeroState::None;
            Data data(c);
            auto mask = data.mask.floats();
            std::fill(mask.begin(), mask.end(), 0.0F);
            for (std::size_t i = 0; i < 4; ++i)
                for (std::size_t j = i == 3 ? 0 : 6; j < 9; ++j)
                    mask[i * 9 + j] = -std::numeric_limits<float>::infinity();
            const auto before = data.run(*integerAttention(gridsOf(c)));
            const auto simulated = data.run(*roundedAttention(gridsOf(c)));
            for (std::size_t j = 6; j < 9; ++j)
                for (std::size_t d = 0; d < 16; ++d)
                    data.v.floats()[j * 16 + d] = 100;
            QVERIFY(data.run(*integerAttention(gridsOf(c))) == before);
            QVERIFY(data.run(*roundedAttention(gridsOf(c))) == simulated);
            for (std::size_t i = 3 * 16; i < before.size(); ++i)
                QVERIFY(before[i] == 0 && simulated[i] == 0);
        }
    }

    void withoutGridsItIsTheFloatAttention()
    {
        Case c;
        c.queries = c.keys = 140;
        c.causal = true;
        const Data data(c);
        Tensor expected(data.q.shape());
        kernel::attention(data.q.matrix(), data.k.matrix(), data.v.matrix(), data.attention(), 1,
                          {}, expected.matrix(), Monitor());
        const auto actual = data.run(*roundedAttention({}));
        QVERIFY(actual == std::vector<float>(expected.floats().begin(), expected.floats().end()));
        // One operand alone.
        AttentionGrids some;
        some.value = gridsOf(c).value;
        Data rounded(c);
        roundToGrid(*some.value, rounded.v.matrix(), rounded.v.matrix());
        QVERIFY(data.run(*roundedAttention(some)) == rounded.run(*roundedAttention({})));
    }

    void threadsDoNotChangeBits()
    {
        Case c;
        c.batch = 2;
        c.queries = c.keys = 150;
        const Data data(c);
        std::vector<float> results[2][2];
        for (const int threads : {1, 2}) {
            const ThreadLimit limit(threads);
            results[0][threads - 1] = data.run(*integerAttention(gridsOf(c)));
            results[1][threads - 1] = data.run(*roundedAttention(gridsOf(c)));
        }
        QVERIFY(results[0][0] == results[0][1]);
        QVERIFY(results[1][0] == results[1][1]);
    }

    void saysWhyNot()
    {
        const AttentionGrids good = gridsOf({});
        QVERIFY(!whyNotIntegerAttention(good));
        QVERIFY(!good.validate());
        AttentionGrids bad = good;
        bad.key.reset();
        QVERIFY(!bad.validate() && whyNotIntegerAttention(bad));
        QVERIFY_EXCEPTION_THROWN((void)integerAttention(bad), Error);
        bad = good;
        bad.query->fraction = 0.25F;
        QVERIFY(!bad.validate() && whyNotIntegerAttention(bad));
        bad = good;
        bad.value->zeros = {1 << 20};
        QVERIFY(whyNotIntegerAttention(bad));
        bad = good;
        bad.value->scales = {1, 2};
        QVERIFY(bad.validate());
        QVERIFY_EXCEPTION_THROWN((void)roundedAttention(bad), Error);
    }

    void nanHasNoCode()
    {
        Case c;
        Data data(c);
        data.k.floats()[3] = std::numeric_limits<float>::quiet_NaN();
        QVERIFY_EXCEPTION_THROWN((void)data.run(*integerAttention(gridsOf(c))), Error);
        const auto simulated = data.run(*roundedAttention(gridsOf(c)));
        QVERIFY(std::isnan(simulated[0]));
    }
};

QTEST_GUILESS_MAIN(TestQuantizedAttention)
#include "tst_quantized_attention.moc"
