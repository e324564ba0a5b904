// SPDX-License-Identifier: GPL-3.0-or-later
//
// The integer network against the simulated one, code by code at every quantized input: of linear
// layers, of q, k and v, and of what softmaxes put out.
#include "core/graph/executor.h"
#include "core/graph/static_sites.h"
#include "core/quant/log_grid.h"
#include "core/quant/quantized_attention.h"
#include "core/quant/static_settings.h"
#include "core/session/language.h"
#include "tests/support/npy.h"
#include "tests/support/signal_to_noise.h"
#include "tests/support/support.h"
#include "tests/support/toy_vit.h"
#include "tests/support/trained_model.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <set>

using namespace gradus;
using namespace gradus::test;

namespace {

/// Differences of codes in units of a code.
struct Differences
{
    std::int64_t codes = 0;
    std::int64_t differing = 0;
    int largest = 0;
    std::string where; ///< of the largest

    void add(const std::string& name, int a, int b)
    {
        ++codes;
        const int difference = std::abs(a - b);
        differing += difference > 0 ? 1 : 0;
        if (difference > largest) {
            largest = difference;
            where = name;
        }
    }
    [[nodiscard]] std::string text() const
    {
        return concat(differing, " of ", codes, " codes differ, by at most ", largest,
                      where.empty() ? "" : " at ", where);
    }
};

enum class Feed
{
    Record,  ///< the simulated network
    Teacher, ///< integers of what the simulated layer was fed
    Free,    ///< integers of what comes
};

/// What all layers of one network share.
struct Comparison
{
    Feed feed = Feed::Record;
    Differences inputs;
    Differences probabilities;
    std::set<std::string> met;
};

std::vector<std::uint8_t> codesOf(const AffineGrid& grid, ConstMatrixView x)
{
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(x.rows * x.cols));
    encodeToGrid(grid, x, codes.data());
    return codes;
}

/// The operands of calls in their order, and how a later pass compares with them.
class Operand
{
public:
    Operand(std::string name, AffineGrid grid)
        : m_name(std::move(name))
        , m_grid(std::move(grid))
    {
    }
    /// What the layer is to multiply: x, or what the simulated layer was given.
    ConstMatrixView take(ConstMatrixView x, Comparison& comparison)
    {
        if (comparison.feed == Feed::Record) {
            Tensor kept(Shape{x.rows, x.cols});
            for (std::int64_t r = 0; r < x.rows; ++r)
                std::copy(x.row(r).begin(), x.row(r).end(), kept.matrix().row(r).begin());
            m_kept.push_back(std::move(kept));
            return x;
        }
        const ConstMatrixView known = m_kept[m_next++ % m_kept.size()].matrix();
        if (known.rows != x.rows || known.cols != x.cols)
            throw Error(ErrorCode::Shape, "another input");
        const auto expected = codesOf(m_grid, known);
        const auto actual = codesOf(m_grid, x);
        for (std::size_t i = 0; i < expected.size(); ++i)
            comparison.inputs.add(m_name, expected[i], actual[i]);
        comparison.met.insert(m_name);
        return comparison.feed == Feed::Teacher ? known : x;
    }
    /// Of the call that take() was last for.
    [[nodiscard]] ConstMatrixView known() const
    {
        return m_kept[(m_next - 1) % m_kept.size()].matrix();
    }
    [[nodiscard]] const AffineGrid& grid() const { return m_grid; }

private:
    std::string m_name;
    AffineGrid m_grid;
    std::vector<Tensor> m_kept;
    std::size_t m_next = 0;
};

class ComparedLinear final : public LinearKernel
{
public:
    ComparedLinear(std::string name, const AffineGrid& grid,
                   std::shared_ptr<const LinearKernel> simulated,
                   std::shared_ptr<const LinearKernel> integers, Comparison& comparison)
        : m_simulated(std::move(simulated))
        , m_integers(std::move(integers))
        , m_comparison(comparison)
        , m_inputs(std::move(name), grid)
    {
    }
    [[nodiscard]] std::int64_t rows() const override { return m_simulated->rows(); }
    [[nodiscard]] std::int64_t cols() const override { return m_simulated->cols(); }
    [[nodiscard]] Tensor floats() const override { return m_simulated->floats(); }
    void apply(ConstMatrixView x, MatrixView y, const Monitor& monitor) const override
    {
        const ConstMatrixView fed = m_inputs.take(x, m_comparison);
        const bool simulate = m_comparison.feed == Feed::Record;
        (simulate ? m_simulated : m_integers)->apply(fed, y, monitor);
    }

private:
    std::shared_ptr<const LinearKernel> m_simulated;
    std::shared_ptr<const LinearKernel> m_integers;
    Comparison& m_comparison;
    mutable Operand m_inputs;
};

class ComparedAttention final : public AttentionKernel
{
public:
    ComparedAttention(const std::string& name, const AttentionGrids& grids, Comparison& comparison)
        : m_name(name + " softmax")
        , m_grids(grids)
        , m_simulated(roundedAttention(grids))
        , m_integers(integerAttention(grids))
        , m_comparison(comparison)
        , m_query(name + " q", *grids.query)
        , m_key(name + " k", *grids.key)
        , m_value(name + " v", *grids.value)
    {
        if (const auto* log = std::get_if<LogGrid>(&*grids.probabilities))
            m_levels.emplace(*log);
    }

    void apply(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
               const op::Attention& attention, std::int64_t batch,
               const kernel::AttentionMask& mask, MatrixView out,
               const Monitor& monitor) const override
    {
        const ConstMatrixView query = m_query.take(q, m_comparison);
        const ConstMatrixView key = m_key.take(k, m_comparison);
        const ConstMatrixView value = m_value.take(v, m_comparison);
        if (m_comparison.feed == Feed::Record) {
            m_simulated->apply(query, key, value, attention, batch, mask, out, monitor);
            return;
        }
        compareProbabilities(query, key, attention, batch, mask);
        m_integers->apply(query, key, value, attention, batch, mask, out, monitor);
    }

private:
    /// Both kernels tell their probabilities when each key's value is 1 in a feature of its own and
    /// 0 in all others.
    void compareProbabilities(ConstMatrixView query, ConstMatrixView key,
                              const op::Attention& attention, std::int64_t batch,
                              const kernel::AttentionMask& mask) const
    {
        AttentionGrids grids = m_grids;
        AffineGrid& grid = *grids.value;
        grid.bits = 2;
        grid.scales = {1};
        grid.zeros = {0};
        const auto simulated = roundedAttention(grids);
        const auto integers = integerAttention(grids);
        const std::int64_t keys = key.rows / batch;
        for (std::int64_t first = 0; first < keys; first += attention.headDim) {
            Tensor values = Tensor::zeros(DType::F32, {key.rows, key.cols});
            for (std::int64_t row = 0; row < key.rows; ++row) {
                const std::int64_t feature = row % keys - first;
                if (feature < 0 || feature >= attention.headDim)
                    continue;
                for (std::int64_t head = 0; head < attention.kvHeads; ++head)
                    values.matrix().row(row)[std::size_t(head * attention.headDim + feature)] = 1;
            }
            Tensor expected(Shape{query.rows, query.cols});
            Tensor actual(Shape{query.rows, query.cols});
            const ConstMatrixView marks = std::as_const(values).matrix();
            simulated->apply(m_query.known(), m_key.known(), marks, attention, batch, mask,
                             expected.matrix(), Monitor());
            integers->apply(query, key, marks, attention, batch, mask, actual.matrix(), Monitor());
            for (std::size_t i = 0; i < expected.floats().size(); ++i)
                m_comparison.probabilities.add(m_name, codeOf(expected.floats()[i]),
                                               codeOf(actual.floats()[i]));
        }
        m_comparison.met.insert(m_name);
    }

    [[nodiscard]] int codeOf(float p) const
    {
        if (const auto* affine = std::get_if<AffineGrid>(&*m_grids.probabilities)) {
            std::uint8_t code = 0;
            encodeToGrid(*affine, ConstMatrixView(&p, 1, 1), &code);
            return code;
        }
        std::uint16_t code = 0;
        m_levels->encode({&p, 1}, &code);
        // Integers count powers below 2^−23 of the scale as 0, as quantized_attention.h says.
        const int perOctave = std::get<LogGrid>(*m_grids.probabilities).perOctave;
        return std::min<int>(code, 23 * perOctave + 1);
    }

    std::string m_name;
    AttentionGrids m_grids;
    std::optional<LogLevels> m_levels;
    std::shared_ptr<const AttentionKernel> m_simulated;
    std::shared_ptr<const AttentionKernel> m_integers;
    Comparison& m_comparison;
    mutable Operand m_query;
    mutable Operand m_key;
    mutable Operand m_value;
};

/// A run's network in both forms.
struct BothNetworks
{
    std::shared_ptr<const Model> model;
    Weights simulated;
    Weights integers;
    Comparison comparison;
    Weights compared;
    std::size_t operands = 0; ///< that are to be met
    std::size_t attentions = 0;

    BothNetworks(std::shared_ptr<const Model> some, const Run& run)
        : model(std::move(some))
        , simulated(model, std::uint64_t(1) << 30)
        , integers(model, std::uint64_t(1) << 30)
        , compared(Weights::over(simulated))
    {
        Monitor monitor;
        applyRun(*model, run, simulated);
        applyRunIntegers(*model, run, integers, monitor);
        for (const LayerResult& result : run.layers) {
            const Layer* layer = model->findLayer(result.name);
            if (!result.weight || !result.staticInputs || layer->kind != LayerKind::Linear)
                continue;
            compared.replace(layer->weight, std::make_shared<const ComparedLinear>(
                                                result.name, *result.staticInputs->grid,
                                                simulated.kernel(layer->weight),
                                                integers.kernel(layer->weight), comparison));
            ++operands;
            if (!result.staticInputs->attention)
                continue;
            const int node =
                StaticSites(*model).of(std::size_t(layer - model->layers.data())).attention;
            compared.replace(node, std::make_shared<const ComparedAttention>(
                                       "attention before " + result.name,
                                       *result.staticInputs->attention, comparison));
            operands += 4;
            ++attentions;
        }
    }
    BothNetworks(const BothNetworks&) = delete;
    BothNetworks& operator=(const BothNetworks&) = delete;

    template <class Forward>
    std::vector<float> outputs(Feed feed, const Forward& forward)
    {
        comparison.feed = feed;
        comparison.inputs = {};
        comparison.probabilities = {};
        comparison.met.clear();
        return forward(Executor(*model, compared));
    }
};

struct Case
{
    int bits = 8;
    InputGranularity granularity = InputGranularity::Channel;
    ProbabilityQuantizer softmax = ProbabilityQuantizer::LogSqrt2;
};

void apply(const Case& c, Recipe& recipe)
{
    const RepquantOptions method;
    recipe.standard.method = method;
    recipe.standard.scheme = {c.bits, Granularity::Channel, 0, false, DType::F32};
    recipe.standard.activation = defaultActivation(method, c.bits);
    recipe.standard.activation.granularity = c.granularity;
    recipe.standard.activation.softmax = c.softmax;
}

/// Every operand differs by one code at most where every layer was fed the simulated one's codes;
/// and the integer network is what applyRunIntegers() makes.
template <class Forward>
void compareCodes(const std::shared_ptr<const Model>& model, const Run& run, std::size_t attentions,
                  const Forward& forward)
{
    BothNetworks networks(model, run);
    QCOMPARE(networks.attentions, attentions);
    QVERIFY(networks.operands > 5 * attentions);
    const auto simulated = networks.outputs(Feed::Record, forward);
    QVERIFY(simulated == forward(Executor(*model, networks.simulated)));

    const auto fed = networks.outputs(Feed::Teacher, forward);
    const Comparison& comparison = networks.comparison;
    QCOMPARE(comparison.met.size(), networks.operands);
    const std::string codes =
        concat("fed: ", comparison.inputs.text(), "; softmax: ", comparison.probabilities.text(),
               "; outputs ", sqnr(simulated, fed), " dB");
    QVERIFY2(comparison.inputs.largest <= 1, codes.c_str());
    QVERIFY2(comparison.probabilities.largest <= 1, codes.c_str());
    // One beside is for values at a border between two codes.
    QVERIFY2(double(comparison.inputs.differing) < 1e-4 * double(comparison.inputs.codes) + 1,
             codes.c_str());
    QVERIFY2(sqnr(simulated, fed) > 80, codes.c_str());

    const auto free = networks.outputs(Feed::Free, forward);
    QVERIFY(free == forward(Executor(*model, networks.integers)));
    const std::string running =
        concat("free: ", comparison.inputs.text(), "; softmax: ", comparison.probabilities.text(),
               "; outputs ", sqnr(simulated, free), " dB");
    qInfo("%s", codes.c_str());
    qInfo("%s", running.c_str());
    // A code that falls to the other side changes what follows (reference repquant.md, section
    // 10.2), so that both networks drift apart. Neither is nearer to the float one.
    const auto floats = forward(Executor(*model, Weights(model, std::uint64_t(1) << 30)));
    QVERIFY2(std::fabs(sqnr(floats, free) - sqnr(floats, simulated)) < 1.5, running.c_str());
}

void addCases()
{
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("granularity");
    QTest::addColumn<int>("softmax");
    for (const int bits : {8, 6, 4})
        for (const InputGranularity granularity :
             {InputGranularity::Tensor, InputGranularity::Channel})
            for (const ProbabilityQuantizer softmax :
                 {ProbabilityQuantizer::LogSqrt2, ProbabilityQuantizer::Log2,
                  ProbabilityQuantizer::Uniform})
                QTest::addRow("W%dA%d %s %s", bits, bits,
                              std::string(inputGranularityName(granularity)).c_str(),
                              std::string(probabilityQuantizerName(softmax)).c_str())
                    << bits << static_cast<int>(granularity) << static_cast<int>(softmax);
}

Case fetchedCase()
{
    QFETCH(int, bits);
    QFETCH(int, granularity);
    QFETCH(int, softmax);
    return {bits, static_cast<InputGranularity>(granularity),
            static_cast<ProbabilityQuantizer>(softmax)};
}

std::vector<float> valuesOf(const Tensor& tensor)
{
    return {tensor.floats().begin(), tensor.floats().end()};
}

} // namespace

class TestIntegerCodes : public QObject
{
    Q_OBJECT

private slots:
    void vit_data() { addCases(); }
    void vit()
    {
        const Case c = fetchedCase();
        const TemporaryFolder folder;
        ToyVit tiny;
        tiny.hidden = 24;
        tiny.intermediate = 40;
        tiny.blocks = 2;
        tiny.image = 12;
        tiny.classes = 5;
        tiny.write(folder / "model");
        tiny.writeImages(folder / "calibration.npy", 12, "calibration");
        tiny.writeImages(folder / "images.npy", 8, "evaluation");
        QuantizeRequest request;
        request.model = openModel(folder / "model");
        apply(c, request.recipe);
        request.recipe.calibration.data = (folder / "calibration.npy").string();
        request.recipe.calibration.samples = 12;
        request.recipe.calibration.mean = {0};
        request.recipe.calibration.deviation = {1};
        Monitor monitor;
        const auto run = quantize(request, monitor);
        const auto array = readNpy<float>(folder / "images.npy");
        Tensor pixels(Shape(array.shape.begin(), array.shape.end()));
        std::copy(array.values.begin(), array.values.end(), pixels.floats().begin());
        compareCodes(request.model, *run, 2, [&](const Executor& executor) {
            std::vector<Tensor> fed;
            fed.push_back(pixels.clone());
            return valuesOf(executor.run(std::move(fed), Monitor()).front());
        });
    }

    void llama_data() { addCases(); }
    void llama()
    {
        const Case c = fetchedCase();
        const TemporaryFolder folder;
        QuantizeRequest request = tinyRequest(folder.path());
        apply(c, request.recipe);
        Monitor monitor;
        const auto run = quantize(request, monitor);
        RandomStream random(5, "tokens", "codes");
        std::vector<Token> tokens(2 * 40);
        for (Token& token : tokens)
            token = static_cast<Token>(random.below(2048));
        compareCodes(request.model, *run, 3, [&](const Executor& executor) {
            return valuesOf(executor.logits(tokens, 2, Monitor()));
        });
    }

    void realVit_data()
    {
        QTest::addColumn<int>("bits");
        for (const int bits : {8, 6, 4})
            QTest::addRow("W%dA%d", bits, bits) << bits;
    }
    void realVit()
    {
        QFETCH(int, bits);
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA is not set: no real ViT to compare");
        QuantizeRequest request;
        request.model = openModel(*data / "vit-tiny-tinyimagenet");
        const RepqVitOptions method;
        request.recipe.standard.method = method;
        request.recipe.standard.scheme = {bits, Granularity::Channel, 0, false, DType::F32};
        request.recipe.standard.activation = defaultActivation(method, bits);
        request.recipe.calibration.data = (*data / "imagenet-images/images_u8_nchw.npy").string();
        request.recipe.calibration.samples = 1;
        Monitor monitor;
        const auto run = quantize(request, monitor);
        const auto array = readNpy<std::uint8_t>(*data / "imagenet-images/images_u8_nchw.npy");
        Tensor pixels(Shape{1, 3, 224, 224});
        // One that calibration does not use.
        const std::size_t first = 150 * std::size_t(3 * 224 * 224);
        for (std::size_t i = 0; i < pixels.floats().size(); ++i)
            pixels.floats()[i] = (static_cast<float>(array.values[first + i]) - 127.5F) / 127.5F;
        compareCodes(request.model, *run, 12, [&](const Executor& executor) {
            std::vector<Tensor> fed;
            fed.push_back(pixels.clone());
            return valuesOf(executor.run(std::move(fed), Monitor()).front());
        });
    }
};

QTEST_GUILESS_MAIN(TestIntegerCodes)
#include "tst_integer_codes.moc"
