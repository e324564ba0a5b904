// SPDX-License-Identifier: GPL-3.0-or-later
//
// What follows a layer is done to its tiles: the results must be those of the operators one by one.
#include "core/base/parallel.h"
#include "core/graph/fusion.h"
#include "core/graph/kernels_binary.h"
#include "tests/support/one_node_model.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <algorithm>
#include <cmath>

using namespace gradus;
using namespace gradus::test;

namespace {

/// A graph of a chain of nodes: value 0 is its input, the last value its output.
class Chain
{
public:
    /// others: of each node, the values that it reads besides the one before.
    void add(Operator op, std::vector<ValueId> others = {})
    {
        const ValueId from = m_last;
        m_last = m_model->graph.values++;
        std::vector<ValueId> inputs{from};
        inputs.insert(inputs.end(), others.begin(), others.end());
        m_model->graph.nodes.push_back(
            {std::move(op), inputs, {m_last}, "node " + std::to_string(m_last)});
    }
    /// The value before is the second input.
    void addSecond(Operator op, ValueId first)
    {
        add(std::move(op), {first});
        auto& inputs = m_model->graph.nodes.back().inputs;
        std::swap(inputs[0], inputs[1]);
    }
    ValueId constant(Tensor value)
    {
        const ValueId id = m_model->graph.values++;
        m_model->graph.constants[id] = {{}, std::make_shared<Tensor>(std::move(value))};
        return id;
    }
    void parameter(const std::string& name, Shape shape, float shift = 0)
    {
        Tensor tensor(std::move(shape));
        RandomStream random(5, name, "parameter");
        for (float& value : tensor.floats())
            value = static_cast<float>(random.normal()) * 0.5F + shift;
        if (shift > 0)
            for (float& value : tensor.floats())
                value = std::fabs(value) + 0.1F;
        m_parameters[name] = std::move(tensor);
    }
    void batchNorm(std::int64_t channels)
    {
        for (const char* name : {"scale", "shift", "mean"})
            parameter(name, {channels});
        parameter("variance", {channels}, 1);
        add(op::BatchNorm{"scale", "shift", "mean", "variance", 1e-3F});
    }
    Model& model() { return *m_model; }
    ValueId last() const { return m_last; }
    std::shared_ptr<const Model> finish()
    {
        m_model->source.tensors = std::make_shared<MemoryFile>(std::move(m_parameters));
        m_model->graph.output = m_last;
        m_model->graph.outputs = {{m_last, "y", DType::F32, {}}};
        return m_model;
    }

private:
    std::shared_ptr<Model> m_model = std::make_shared<Model>();
    std::map<std::string, Tensor> m_parameters;
    ValueId m_last = 0;
};

Tensor randomTensor(Shape shape, std::uint64_t seed)
{
    const std::int64_t count = elementCount(shape);
    Tensor tensor = randomMatrix(1, count, 1, seed);
    tensor.reshape(std::move(shape));
    return tensor;
}

/// observed: how many inputs of layers were shown.
Tensor run(const Model& model, const Tensor& x, bool onePassEach, int* observed = nullptr)
{
    const Weights weights(std::shared_ptr<const Model>(&model, [](const Model*) {}), 1 << 24);
    Values values;
    values.emplace(0, x.clone());
    std::map<ValueId, Shape> shapes;
    const InputObserver observer = [&](int, const Tensor&) { ++*observed; };
    values =
        runNodes(model, weights, 0, static_cast<int>(model.graph.nodes.size()), std::move(values),
                 {}, {model.graph.output}, Monitor(), observed ? observer : InputObserver(),
                 nullptr, onePassEach ? &shapes : nullptr);
    return std::move(values.at(model.graph.output));
}

/// Equal but for roundings: compilers fuse products and sums in one of two places and not in the
/// other.
void compare(const Tensor& a, const Tensor& b)
{
    QCOMPARE(a.shape(), b.shape());
    QVERIFY(allClose(a.floats(), b.floats(), 1e-5, 1e-5));
}

struct ConvolutionRow
{
    const char* name;
    std::int64_t channels;
    std::int64_t outs;
    std::int64_t kernel;
    std::int64_t stride;
    std::int64_t groups;
    Shape input;
};

op::Convolution convolutionOf(const ConvolutionRow& row)
{
    op::Convolution convolution{"weight", "bias", {}, false};
    convolution.geometry.channels = row.channels;
    convolution.geometry.kernel = {row.kernel, row.kernel};
    convolution.geometry.stride = {row.stride, row.stride};
    const std::int64_t around = row.kernel / 2;
    convolution.geometry.padding = {around, around, around, around};
    convolution.geometry.groups = row.groups;
    return convolution;
}

const ConvolutionRow rows[] = {
    {"depthwise", 6, 6, 3, 1, 6, {2, 6, 20, 17}},
    {"depthwise, wide rows", 2, 2, 3, 2, 2, {1, 2, 9, 2600}},
    {"pointwise, few outputs", 5, 7, 1, 1, 1, {2, 5, 40, 41}},
    {"pointwise, many outputs", 8, 50, 1, 1, 1, {2, 8, 7, 7}},
    {"pointwise, few pixels", 8, 50, 1, 1, 1, {2, 8, 3, 3}},
    {"one pixel", 9, 30, 1, 1, 1, {6, 9, 1, 1}},
    {"three by three", 4, 29, 3, 1, 1, {2, 4, 33, 35}},
    {"groups, stride", 8, 30, 3, 2, 2, {1, 8, 21, 22}},
};

} // namespace

class TestEpilogue : public QObject
{
    Q_OBJECT

private slots:
    void convolutions_data()
    {
        QTest::addColumn<int>("row");
        for (int i = 0; i < static_cast<int>(std::size(rows)); ++i)
            QTest::newRow(rows[i].name) << i;
    }
    void convolutions()
    {
        QFETCH(int, row);
        const ConvolutionRow& r = rows[row];
        Chain chain;
        chain.parameter("weight", {r.outs, r.channels / r.groups, r.kernel, r.kernel});
        chain.parameter("bias", {r.outs});
        chain.add(convolutionOf(r));
        chain.batchNorm(r.outs);
        chain.add(op::Unary{op::UnaryKind::Clip, -0.4F, 1.1F});
        Shape out{r.input[0], r.outs, 0, 0};
        for (const std::size_t axis : {std::size_t(2), std::size_t(3)})
            out[axis] = (r.input[axis] + 2 * (r.kernel / 2) - r.kernel) / r.stride + 1;
        const ValueId residual = chain.constant(randomTensor(out, 9));
        chain.add(op::Binary{op::BinaryKind::Add}, {residual});
        chain.add(op::Unary{op::UnaryKind::HardSwish});
        const auto model = chain.finish();
        const Tensor x = randomTensor(r.input, 3);
        int observed = 0;
        const Tensor expected = run(*model, x, true);
        const Tensor fused = run(*model, x, false, &observed);
        compare(fused, expected);
        QCOMPARE(observed, 1);
        const ThreadLimit limit(1);
        const Tensor alone = run(*model, x, false);
        QVERIFY(std::equal(fused.floats().begin(), fused.floats().end(), alone.floats().begin()));
    }

    void linear()
    {
        for (const Shape& input : {Shape{1, 2, 40}, Shape{2, 150, 40}}) {
            Chain chain;
            chain.parameter("weight", {300, 40});
            chain.parameter("bias", {300});
            chain.add(op::Linear{"weight", "bias"});
            chain.add(op::Unary{op::UnaryKind::Gelu});
            Shape out = input;
            out.back() = 300;
            chain.add(op::Binary{op::BinaryKind::Add}, {chain.constant(randomTensor(out, 4))});
            const auto model = chain.finish();
            const Tensor x = randomTensor(input, 3);
            compare(run(*model, x, false), run(*model, x, true));
        }
    }

    /// Chains behind everything: what another operand has may be one number, one for each channel,
    /// each feature, each element, and so on; sizes on both sides of a block's.
    void chains_data()
    {
        QTest::addColumn<QList<qlonglong>>("input");
        QTest::addColumn<int>("head");
        for (const auto& [name, input] : std::vector<std::pair<const char*, QList<qlonglong>>>{
                 {"images", {2, 6, 30, 31}},
                 {"small images", {3, 6, 5, 3}},
                 {"large images", {1, 6, 90, 91}},
                 {"sequences", {2, 6, 700}},
                 {"rows", {2500, 6}},
             })
            for (const int head : {0, 1, 2, 3, 4})
                QTest::addRow("%s after %d", name, head) << input << head;
    }
    void chains()
    {
        QFETCH(QList<qlonglong>, input);
        QFETCH(int, head);
        const Shape shape(input.begin(), input.end());
        const std::size_t rank = shape.size();
        Chain chain;
        const auto other = [&](Shape of, std::uint64_t seed) {
            return chain.constant(randomTensor(std::move(of), seed));
        };
        Shape channels(rank, 1);
        channels[1] = shape[1];
        Shape samples(rank, 1);
        samples[0] = shape[0];
        samples[1] = shape[1];
        Shape middle = shape; // repeats on both sides where there are three axes
        middle[0] = middle[rank - 1] = 1;
        Shape outer = shape; // what repeats lies inside: no part of a chain
        outer[1] = 1;
        if (head == 0) {
            chain.add(op::Concat{1}, {});
        } else if (head == 1) {
            chain.batchNorm(shape[1]);
        } else if (head == 2) {
            chain.add(op::Binary{op::BinaryKind::Subtract}, {other({1}, 11)});
        } else if (head == 3) {
            chain.add(op::Softmax{});
        }
        const ValueId begin = chain.last();
        chain.add(op::Unary{op::UnaryKind::Tanh});
        chain.add(op::Binary{op::BinaryKind::Multiply}, {other(channels, 12)});
        chain.add(op::Binary{op::BinaryKind::Add}, {other({shape.back()}, 13)});
        chain.add(op::Unary{op::UnaryKind::Softplus});
        if (head != 4)
            chain.batchNorm(shape[1]);
        chain.add(op::Binary{op::BinaryKind::PRelu}, {other(channels, 14)});
        chain.add(op::Binary{op::BinaryKind::Subtract}, {other(samples, 15)});
        chain.addSecond(op::Binary{op::BinaryKind::Subtract}, other(shape, 16));
        chain.add(op::Binary{op::BinaryKind::Minimum}, {other(middle, 17)});
        chain.add(op::Binary{op::BinaryKind::Multiply}, {begin});
        chain.add(op::Binary{op::BinaryKind::Add}, {other(outer, 18)});
        chain.add(op::Unary{op::UnaryKind::Clip, -0.8F, 1.5F});
        chain.add(op::Unary{op::UnaryKind::Exp});
        chain.add(op::Binary{op::BinaryKind::Power}, {other({}, 19)});
        const auto model = chain.finish();
        const Tensor x = randomTensor(shape, 3);
        const Tensor fused = run(*model, x, false);
        compare(fused, run(*model, x, true));
        const ThreadLimit limit(1);
        const Tensor alone = run(*model, x, false);
        QVERIFY(std::equal(fused.floats().begin(), fused.floats().end(), alone.floats().begin()));
    }

    void operandsThatRepeat()
    {
        const auto as = [](const Shape& from, const Shape& to) {
            const auto operand = kernel::repeatedOperand(nullptr, from, to);
            return operand ? std::pair(operand->size, operand->inner)
                           : std::pair<std::int64_t, std::int64_t>(-1, -1);
        };
        const Shape to{2, 3, 5, 7};
        QVERIFY(as({}, to) == std::pair(std::int64_t(1), std::int64_t(210)));
        QVERIFY(as({7}, to) == std::pair(std::int64_t(7), std::int64_t(1)));
        QVERIFY(as({3, 1, 1}, to) == std::pair(std::int64_t(3), std::int64_t(35)));
        QVERIFY(as({2, 3, 1, 1}, to) == std::pair(std::int64_t(6), std::int64_t(35)));
        QVERIFY(as({5, 1}, to) == std::pair(std::int64_t(5), std::int64_t(7)));
        QVERIFY(as(to, to) == std::pair(std::int64_t(210), std::int64_t(1)));
        QVERIFY(as({1, 1, 3, 1, 1}, {1, 2, 3, 1, 7}) ==
                std::pair(std::int64_t(3), std::int64_t(7)));
        for (const Shape& from : {Shape{2, 1, 5, 7}, {2, 3, 1, 7}, {6}, {1, 2, 3, 5, 7}, {2}})
            QVERIFY(as(from, to).first == -1);
    }

    /// A value that the chain changes in its place is not what a later step reads.
    void chainsThatReadTheirOwnBeginning()
    {
        // y = sigmoid(x) · x + x
        Chain chain;
        chain.add(op::Unary{op::UnaryKind::Neg});
        const ValueId x = chain.last();
        chain.add(op::Unary{op::UnaryKind::Sigmoid});
        chain.add(op::Binary{op::BinaryKind::Multiply}, {x});
        chain.add(op::Binary{op::BinaryKind::Add}, {x});
        const auto model = chain.finish();
        const Tensor from = randomTensor({3, 5000}, 3);
        compare(run(*model, from, false), run(*model, from, true));
    }

    void whatDoesNotFitComesAfterwards()
    {
        // A sum that broadcasts, and a batch norm over what is not the channels of images.
        Chain chain;
        chain.parameter("weight", {30, 40});
        chain.add(op::Linear{"weight", ""});
        chain.add(op::Unary{op::UnaryKind::Relu});
        chain.add(op::Binary{op::BinaryKind::Add}, {chain.constant(randomTensor({30}, 4))});
        chain.batchNorm(30);
        const auto model = chain.finish();
        const Tensor x = randomTensor({9, 40}, 3);
        compare(run(*model, x, false), run(*model, x, true));
    }

    void valuesThatOthersReadStay()
    {
        // y = relu(l) + l: the layer's result is read twice.
        Chain chain;
        chain.parameter("weight", {30, 40});
        chain.add(op::Linear{"weight", ""});
        const ValueId product = chain.last();
        chain.add(op::Unary{op::UnaryKind::Relu});
        chain.add(op::Binary{op::BinaryKind::Add}, {product});
        const auto model = chain.finish();
        const Tensor x = randomTensor({9, 40}, 3);
        const Tensor y = run(*model, x, false);
        compare(y, run(*model, x, true));
        // And one that is asked for.
        const Weights weights(model, 1 << 24);
        Values values;
        values.emplace(0, x.clone());
        values = runNodes(*model, weights, 0, 3, std::move(values), {}, {product, chain.last()},
                          Monitor());
        QVERIFY(values.contains(product) && values.contains(chain.last()));
        for (std::size_t i = 0; i < y.floats().size(); ++i) {
            const float l = values.at(product).floats()[i];
            QVERIFY(y.floats()[i] == std::max(l, 0.0F) + l);
        }
    }

    void paddingBecomesTheConvolutions_data()
    {
        QTest::addColumn<QList<qlonglong>>("pads");
        QTest::addColumn<float>("value");
        QTest::addColumn<int>("mode");
        QTest::addColumn<bool>("fuses");
        const int constant = int(op::PadMode::Constant);
        QTest::newRow("end") << QList<qlonglong>{0, 0, 0, 0, 0, 0, 1, 1} << 0.0F << constant
                             << true;
        QTest::newRow("all") << QList<qlonglong>{0, 0, 1, 2, 0, 0, 3, 1} << 0.0F << constant
                             << true;
        QTest::newRow("channels") << QList<qlonglong>{0, 1, 1, 1, 0, 1, 1, 1} << 0.0F << constant
                                  << false;
        QTest::newRow("cut") << QList<qlonglong>{0, 0, -1, 1, 0, 0, 1, 1} << 0.0F << constant
                             << false;
        QTest::newRow("ones") << QList<qlonglong>{0, 0, 1, 1, 0, 0, 1, 1} << 1.0F << constant
                              << false;
        QTest::newRow("edge") << QList<qlonglong>{0, 0, 1, 1, 0, 0, 1, 1} << 0.0F
                              << int(op::PadMode::Edge) << false;
    }
    void paddingBecomesTheConvolutions()
    {
        QFETCH(QList<qlonglong>, pads);
        QFETCH(float, value);
        QFETCH(int, mode);
        QFETCH(bool, fuses);
        const std::int64_t channels = 4 + 2 * pads[1];
        const auto made = [&] {
            Chain chain;
            chain.parameter("weight", {29, channels, 3, 3});
            Tensor amounts(DType::I64, {8});
            for (int i = 0; i < 8; ++i)
                reinterpret_cast<std::int64_t*>(amounts.bytes().data())[i] = pads[i];
            Tensor filling(Shape{1});
            filling.floats()[0] = value;
            const ValueId first = chain.constant(std::move(amounts));
            const ValueId second = chain.constant(std::move(filling));
            chain.add(op::Pad{op::PadMode(mode)}, {first, second});
            ConvolutionRow row{"", channels, 29, 3, 2, 1, {}};
            op::Convolution convolution = convolutionOf(row);
            convolution.bias = "";
            chain.add(convolution);
            return chain;
        };
        Chain plain = made();
        Chain fused = made();
        plain.model().graph.inputs = {{0, "x", DType::F32, {-1, 4, 12, 13}}};
        fused.model().graph.inputs = plain.model().graph.inputs;
        const auto before = plain.finish();
        const auto after = fused.finish();
        fusePadding(fused.model());
        QCOMPARE(after->graph.nodes.size(), std::size_t(fuses ? 1 : 2));
        const Tensor x = randomTensor({2, 4, 12, 13}, 3);
        compare(run(*after, x, false), run(*before, x, false));
    }
};

QTEST_GUILESS_MAIN(TestEpilogue)
#include "tst_epilogue.moc"
