// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/graph/gradient.h"
#include "tests/support/one_node_model.h"
#include "tests/support/operator_oracle.h"
#include "tests/support/support.h"

#include <QTest>

#include <cstring>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

using Inputs = std::vector<std::optional<Elements>>;

struct BadCase
{
    const char* label;
    Operator op;
    Inputs inputs;
    std::string says; ///< a part of the message
    std::map<std::string, Elements> parameters = {};
    std::size_t outputs = 1;
    ErrorCode code = ErrorCode::Shape;
};

Elements floats(const Shape& shape)
{
    return randomElements(shape, "hostile");
}

Elements ints(std::vector<std::int64_t> values)
{
    return integerElements(std::move(values));
}

Elements oneInt(std::int64_t value)
{
    return integerElements(Shape{}, {value});
}

Elements bools(const Shape& shape)
{
    return boolElements(shape, "hostile");
}

constexpr std::int64_t huge = std::int64_t(1) << 40;
constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();

void addElements(std::vector<BadCase>& all)
{
    using Kind = op::BinaryKind;
    all.push_back({"nothing to add to", op::Binary{}, {}, "is missing"});
    all.push_back({"one of two", op::Binary{}, {floats({2}), std::nullopt}, "is missing"});
    all.push_back({"sizes that do not fit",
                   op::Binary{},
                   {floats({2, 3}), floats({4})},
                   "do not fit together"});
    all.push_back({"two dtypes", op::Binary{}, {floats({2}), ints({1, 2})}, "expected one type"});
    all.push_back({"sum of booleans", op::Binary{}, {bools({2}), bools({2})}, "not defined"});
    all.push_back(
        {"logic of floats", op::Binary{Kind::And}, {floats({2}), floats({2})}, "not defined"});
    all.push_back({"integer divided by 0",
                   op::Binary{Kind::Divide},
                   {ints({5, 6}), ints({1, 0})},
                   "by 0",
                   {},
                   1,
                   ErrorCode::Numeric});
    all.push_back({"integer modulo 0",
                   op::Binary{Kind::Modulo},
                   {ints({5}), ints({0})},
                   "by 0",
                   {},
                   1,
                   ErrorCode::Numeric});
    all.push_back({"integer remainder of 0",
                   op::Binary{Kind::Remainder},
                   {ints({5}), ints({0})},
                   "by 0",
                   {},
                   1,
                   ErrorCode::Numeric});
    all.push_back({"broadcast beyond memory",
                   op::Binary{},
                   {floats({1 << 16, 1}), floats({1, 1 << 16})},
                   "2^31"});
    all.push_back(
        {"not of floats", op::Unary{op::UnaryKind::Not, 0, 0}, {floats({2})}, "not defined"});
    all.push_back({"exponential of integers",
                   op::Unary{op::UnaryKind::Exp, 0, 0},
                   {ints({2})},
                   "not defined"});
    all.push_back({"condition of floats",
                   op::Where{},
                   {floats({2}), floats({2}), floats({2})},
                   "expected BOOL"});
    all.push_back({"branches of two dtypes",
                   op::Where{},
                   {bools({2}), floats({2}), ints({1, 2})},
                   "one type"});
    all.push_back({"branches that do not fit",
                   op::Where{},
                   {bools({2}), floats({3}), floats({1})},
                   "do not fit"});
    all.push_back({"cast of nothing", op::Cast{}, {std::nullopt}, "is missing"});
}

void addNorms(std::vector<BadCase>& all)
{
    const std::map<std::string, Elements> three{{"w", floats({3})}};
    all.push_back({"norm of a scalar", op::LayerNorm{}, {floats({})}, "scalar"});
    all.push_back({"norm of integers", op::LayerNorm{}, {ints({1})}, "expected F32"});
    all.push_back({"weight of another size",
                   op::LayerNorm{"w", "", 1e-5F},
                   {floats({2, 4})},
                   "expected 4 values",
                   three});
    all.push_back({"channels that are not there", op::BatchNorm{}, {floats({4})}, "channels"});
    all.push_back({"statistics of another size",
                   op::BatchNorm{"", "", "w", "w", 1e-5F},
                   {floats({2, 4, 2})},
                   "expected 4 values",
                   three});
    all.push_back({"instance of a vector", op::InstanceNorm{}, {floats({4})}, "channels"});
}

void addReductions(std::vector<BadCase>& all)
{
    const op::Reduce sum{op::ReduceKind::Sum, {2}, true, false};
    all.push_back({"product of misfits",
                   op::MatMul{},
                   {floats({2, 3}), floats({4, 5})},
                   "cannot be multiplied"});
    all.push_back({"product with a scalar",
                   op::MatMul{},
                   {floats({}), floats({4, 5})},
                   "cannot be multiplied"});
    all.push_back(
        {"product of integers", op::MatMul{}, {floats({2}), ints({1, 2})}, "expected F32"});
    all.push_back({"batches that do not fit",
                   op::MatMul{},
                   {floats({2, 1, 3}), floats({3, 3, 1})},
                   "cannot be multiplied"});
    all.push_back({"product beyond memory",
                   op::MatMul{},
                   {floats({1 << 16, 1}), floats({1, 1 << 16})},
                   "2^31"});
    all.push_back(
        {"softmax along no axis", op::Softmax{2, false, false}, {floats({2, 3})}, "axis 2"});
    all.push_back({"sum along no axis", sum, {floats({2, 3})}, "axes"});
    all.push_back({"sum along an axis twice",
                   op::Reduce{op::ReduceKind::Sum, {1, -1}, true, false},
                   {floats({2, 3})},
                   "axes"});
    all.push_back({"mean of booleans", op::Reduce{}, {bools({2})}, "not defined"});
    all.push_back({"maximum of no integers",
                   op::Reduce{op::ReduceKind::Max, {}, true, false},
                   {integerElements({0}, {})},
                   "not defined"});
    all.push_back({"norm of integers",
                   op::Reduce{op::ReduceKind::L2, {}, true, false},
                   {ints({1})},
                   "not defined"});
    all.push_back(
        {"axes that are floats", op::Reduce{}, {floats({2}), floats({1})}, "expected I64"});
    all.push_back({"best of none", op::ArgExtreme{}, {floats({0})}, "nothing to choose"});
    all.push_back({"best of a scalar", op::ArgExtreme{}, {floats({})}, "axis 0"});
    all.push_back({"more than there are", op::TopK{}, {floats({3}), ints({4})}, "takes 4", {}, 2});
    all.push_back({"fewer than none", op::TopK{}, {floats({3}), ints({-1})}, "takes -1", {}, 2});
    all.push_back(
        {"how many is two", op::TopK{}, {floats({3}), ints({1, 2})}, "one element", {}, 2});
    all.push_back({"sums of a scalar", op::CumSum{}, {floats({}), oneInt(0)}, "scalar"});
    all.push_back({"sums along no axis", op::CumSum{}, {floats({2}), oneInt(least)}, "axis"});
}

void addShapes(std::vector<BadCase>& all)
{
    all.push_back({"other elements", op::Reshape{}, {floats({6}), ints({4, 2})}, "cannot become"});
    all.push_back(
        {"two sizes that follow", op::Reshape{}, {floats({6}), ints({-1, -1})}, "cannot become"});
    all.push_back(
        {"a negative size", op::Reshape{}, {floats({6}), ints({-2, 3})}, "cannot become"});
    all.push_back({"a size copied from nowhere",
                   op::Reshape{},
                   {floats({6}), ints({6, 0})},
                   "cannot become"});
    all.push_back({"sizes that overflow",
                   op::Reshape{},
                   {floats({6}), ints({huge, huge, 6})},
                   "cannot become"});
    all.push_back(
        {"what follows from 0", op::Reshape{true}, {floats({0}), ints({0, -1})}, "cannot become"});
    all.push_back(
        {"the smallest size", op::Reshape{}, {floats({6}), ints({least})}, "cannot become"});
    all.push_back({"flatten behind the end", op::Flatten{3}, {floats({2, 3})}, "axis 3"});
    all.push_back(
        {"squeeze what is wide", op::Squeeze{}, {floats({1, 3}), ints({1})}, "not of size 1"});
    all.push_back({"unsqueeze twice", op::Unsqueeze{}, {floats({3}), ints({0, 0})}, "twice"});
    all.push_back({"unsqueeze far away", op::Unsqueeze{}, {floats({3}), ints({5})}, "axis 5"});
    all.push_back({"an order of other axes", op::Transpose{{0, 2}}, {floats({2, 3})}, "axis 2"});
    all.push_back({"an order of too many", op::Transpose{{0, 1, 2}}, {floats({2, 3})}, "orders 3"});
    all.push_back({"an order that repeats", op::Transpose{{1, 1}}, {floats({2, 3})}, "twice"});
    all.push_back({"concat of misfits",
                   op::Concat{0},
                   {floats({2, 3}), floats({2, 4})},
                   "does not continue"});
    all.push_back(
        {"concat of two dtypes", op::Concat{0}, {floats({2}), ints({1})}, "does not continue"});
    all.push_back({"concat of scalars", op::Concat{0}, {floats({}), floats({})}, "axis 0"});
    all.push_back({"parts that are too many",
                   op::Split{0},
                   {floats({3}), ints({2, 2})},
                   "do not make up",
                   {},
                   2});
    all.push_back({"parts of negative size",
                   op::Split{0},
                   {floats({3}), ints({5, -2})},
                   "do not make up",
                   {},
                   2});
    all.push_back({"fewer parts than outputs",
                   op::Split{0},
                   {floats({3}), ints({3})},
                   "do not make up",
                   {},
                   2});
    all.push_back({"slice without steps",
                   op::Slice{},
                   {floats({3}), ints({0}), ints({1}), ints({0}), ints({0})},
                   "step of 0"});
    all.push_back({"slice of axes twice",
                   op::Slice{},
                   {floats({3, 3}), ints({0, 0}), ints({1, 1}), ints({0, -2})},
                   "twice"});
    all.push_back(
        {"slice with ends missing", op::Slice{}, {floats({3}), ints({0}), ints({})}, "1 starts"});
    all.push_back({"shape's value of two",
                   op::ConstantOfShape{std::make_shared<const Tensor>(tensorOf(ints({1, 2})))},
                   {ints({3})},
                   "one element"});
    all.push_back({"constant beyond memory", op::ConstantOfShape{}, {ints({huge})}, "2^31"});
    all.push_back({"constant that overflows", op::ConstantOfShape{}, {ints({huge, huge})}, "2^31"});
    all.push_back({"constant of negative size", op::ConstantOfShape{}, {ints({-1})}, "would be"});
    all.push_back({"range without end", op::Range{}, {oneInt(0), oneInt(huge), oneInt(1)}, "2^31"});
    all.push_back(
        {"range that stands still", op::Range{}, {oneInt(0), oneInt(5), oneInt(0)}, "no size"});
    all.push_back({"range of float steps of 0",
                   op::Range{},
                   {Elements{{}, {0}}, Elements{{}, {5}}, Elements{{}, {0}}},
                   "no size"});
    all.push_back({"range of nothing",
                   op::Range{},
                   {Elements{{}, {0}}, Elements{{}, {0}}, Elements{{}, {0}}},
                   "no size"});
    all.push_back(
        {"range of vectors", op::Range{}, {ints({0, 1}), oneInt(5), oneInt(1)}, "one number"});
}

void addSelections(std::vector<BadCase>& all)
{
    all.push_back({"index behind the end", op::Gather{0}, {floats({3}), ints({3})}, "index 3"});
    all.push_back({"index before the front", op::Gather{0}, {floats({3}), ints({-4})}, "index -4"});
    all.push_back({"the smallest index", op::Gather{0}, {floats({3}), ints({least})}, "outside"});
    all.push_back({"gather from a scalar", op::Gather{0}, {floats({}), ints({0})}, "axis 0"});
    all.push_back(
        {"indices that are floats", op::Gather{0}, {floats({3}), floats({1})}, "expected I64"});
    all.push_back({"index of an element outside",
                   op::GatherElements{0},
                   {floats({3}), ints({3})},
                   "index 3"});
    all.push_back({"indices wider than the input",
                   op::GatherElements{0},
                   {floats({3, 1}), integerElements({1, 2}, {0, 0})},
                   "its indices are"});
    all.push_back({"indices of other rank",
                   op::GatherElements{0},
                   {floats({3, 1}), ints({0})},
                   "its indices are"});
    all.push_back({"a tuple outside",
                   op::GatherNd{0},
                   {floats({3, 2}), integerElements({1, 2}, {2, 2})},
                   "index 2"});
    all.push_back({"a tuple too long",
                   op::GatherNd{0},
                   {floats({3}), integerElements({1, 2}, {0, 0})},
                   "its indices are"});
    all.push_back({"batches that do not fit",
                   op::GatherNd{1},
                   {floats({3, 2}), integerElements({2, 1}, {0, 0})},
                   "its indices are"});
    all.push_back({"negative batches", op::GatherNd{-1}, {floats({3}), ints({0})}, "-1 axes"});
    all.push_back({"expand to misfits", op::Expand{}, {floats({3}), ints({2})}, "does not expand"});
    all.push_back({"expand beyond memory", op::Expand{}, {floats({1}), ints({huge})}, "2^31"});
    all.push_back(
        {"expand to negative sizes", op::Expand{}, {floats({1}), ints({-5})}, "would be"});
    all.push_back({"tile beyond memory", op::Tile{}, {floats({3}), ints({huge})}, "2^31"});
    all.push_back({"tile that overflows",
                   op::Tile{},
                   {floats({3}), ints({std::numeric_limits<std::int64_t>::max()})},
                   "repeats"});
    all.push_back({"tile less than nothing", op::Tile{}, {floats({3}), ints({-1})}, "repeats"});
    all.push_back({"tile other axes", op::Tile{}, {floats({3}), ints({1, 1})}, "2 repeats"});
    all.push_back({"scales of another axis",
                   op::DequantizeLinear{0, 0},
                   {floats({3, 2}), floats({2})},
                   "do not fit"});
    all.push_back({"scales of no axis",
                   op::DequantizeLinear{7, 0},
                   {floats({3, 2}), floats({2})},
                   "do not fit"});
    all.push_back({"blocks that do not fit",
                   op::QuantizeLinear{1, 2, 0, 255},
                   {floats({3, 4}), floats({3, 3})},
                   "do not fit"});
    all.push_back({"blocks of negative size",
                   op::QuantizeLinear{1, -2, 0, 255},
                   {floats({3, 4}), floats({3, 3})},
                   "do not fit"});
    all.push_back({"zero points that do not fit",
                   op::DequantizeLinear{0, 0},
                   {floats({3}), floats({3}), floats({2})},
                   "do not fit"});
    all.push_back({"codes that are booleans",
                   op::DequantizeLinear{0, 0},
                   {bools({3}), floats({})},
                   "expected numbers"});
}

const std::vector<BadCase>& badCases()
{
    static const std::vector<BadCase> cases = [] {
        std::vector<BadCase> all;
        addElements(all);
        addNorms(all);
        addReductions(all);
        addShapes(all);
        addSelections(all);
        return all;
    }();
    return cases;
}

} // namespace

/// Inputs as only a broken or hostile file makes them.
class TestOperatorsHostile : public QObject
{
    Q_OBJECT

private slots:
    void isRefused_data()
    {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < badCases().size(); ++i)
            QTest::newRow(
                (std::string(operatorName(badCases()[i].op)) + ", " + badCases()[i].label).c_str())
                << static_cast<int>(i);
    }
    void isRefused()
    {
        QFETCH(int, index);
        const BadCase& bad = badCases()[static_cast<std::size_t>(index)];
        std::vector<bool> present;
        Values values;
        for (std::size_t i = 0; i < bad.inputs.size(); ++i) {
            present.push_back(bad.inputs[i].has_value());
            if (bad.inputs[i])
                values.emplace(static_cast<ValueId>(i), tensorOf(*bad.inputs[i]));
        }
        std::map<std::string, Tensor> parameters;
        for (const auto& [name, value] : bad.parameters)
            parameters.emplace(name, tensorOf(value));
        const OneNodeModel model(bad.op, present, bad.outputs, std::move(parameters));
        try {
            (void)model.run(std::move(values));
            QFAIL("it went through");
        } catch (const Error& error) {
            const std::string message = error.what();
            QVERIFY2(error.code() == bad.code, message.c_str());
            QVERIFY2(message.find(bad.says) != std::string::npos, message.c_str());
            QVERIFY2(message.find("the node (") != std::string::npos, message.c_str());
        }
    }

    /// Tensors without elements take no memory, but kernels walk over their lines.
    void hugeTensorsWithoutElementsAreRefused()
    {
        const auto refused = [](const Operator& op, std::vector<Tensor> inputs) {
            const OneNodeModel model(op, std::vector<bool>(inputs.size(), true));
            try {
                (void)model.run(std::move(inputs));
            } catch (const Error& error) {
                return error.code() == ErrorCode::Shape &&
                       std::string(error.what()).find("2^31 elements") != std::string::npos;
            }
            return false;
        };
        const auto inputs = [](Tensor first, Tensor second) {
            std::vector<Tensor> both;
            both.push_back(std::move(first));
            both.push_back(std::move(second));
            return both;
        };
        QVERIFY(refused(op::Expand{}, inputs(tensorOf(floats({0, 1})), tensorOf(ints({0, huge})))));
        QVERIFY(refused(op::CumSum{}, inputs(Tensor(DType::F32, {huge, 0}), tensorOf(oneInt(1)))));
        std::vector<Tensor> one;
        one.emplace_back(DType::F32, Shape{huge, 0});
        QVERIFY(refused(op::Softmax{-1}, std::move(one)));
    }

    void productsOfNothing()
    {
        const OneNodeModel model(op::MatMul{}, {true, true});
        std::vector<Tensor> inputs;
        for (int i = 0; i < 2; ++i)
            inputs.emplace_back(DType::F32, Shape{std::int64_t(1) << 30, 0, 1, 1});
        const std::vector<Tensor> outputs = model.run(std::move(inputs));
        QVERIFY((outputs[0].shape() == Shape{std::int64_t(1) << 30, 0, 1, 1}));
    }

    /// A value that a node reads twice is nobody's memory, and has both gradients.
    void oneValueTwice()
    {
        for (const auto kind : {op::BinaryKind::Multiply, op::BinaryKind::Add,
                                op::BinaryKind::Subtract, op::BinaryKind::Divide}) {
            auto model = std::make_shared<Model>();
            model->source.tensors = std::make_shared<MemoryFile>(std::map<std::string, Tensor>());
            model->graph.nodes.push_back(Node{op::Binary{kind}, {0, 0}, {1}, "twice"});
            model->graph.values = 2;
            model->graph.output = 1;
            const Weights weights(model, 1 << 20);
            const Elements x = distinctElements({5}, "twice");
            const Monitor monitor;
            GradientPass pass(*model, weights, {0, 1, 0, 1, {}}, {}, true);
            const Tensor y = pass.forward(tensorOf(x), monitor);
            const Tensor dx = pass.backward(tensorOf({{5}, {1, 1, 1, 1, 1}}), {}, monitor);
            for (std::size_t i = 0; i < 5; ++i) {
                const double v = x.at[i];
                const double value = kind == op::BinaryKind::Multiply   ? v * v
                                     : kind == op::BinaryKind::Add      ? v + v
                                     : kind == op::BinaryKind::Subtract ? 0
                                                                        : 1;
                const double slope = kind == op::BinaryKind::Multiply ? 2 * v
                                     : kind == op::BinaryKind::Add    ? 2
                                                                      : 0;
                QVERIFY(isClose(static_cast<double>(y.floats()[i]), value, 1e-6, 1e-7));
                QVERIFY(isClose(static_cast<double>(dx.floats()[i]), slope, 1e-6, 1e-5));
            }
        }
    }

    /// Of sizes at which work is shared: the sums of gradients, too, are the same on any number of
    /// threads.
    void largeGradientsDoNotDependOnThreads()
    {
        struct Large
        {
            Operator op;
            Inputs inputs;
            std::map<std::string, Elements> parameters = {};
        };
        const std::map<std::string, Elements> norm{{"w", floats({192})}, {"b", floats({192})}};
        const std::vector<Large> cases{
            {op::Binary{op::BinaryKind::Multiply}, {floats({192}), floats({700, 192})}},
            {op::Binary{op::BinaryKind::Add}, {floats({1}), floats({700, 192})}},
            {op::LayerNorm{"w", "b", 1e-5F}, {floats({700, 192})}, norm},
            {op::MatMul{}, {floats({40, 70}), floats({9, 70, 80})}},
            {op::Softmax{}, {floats({700, 197})}},
            {op::Reduce{op::ReduceKind::L2, {0}, true, false}, {floats({700, 192})}},
            {op::Transpose{}, {floats({700, 192})}},
            {op::Gather{0}, {floats({50, 3000}), ints({3, 3, 49, 0, 3})}},
        };
        for (const Large& large : cases) {
            const std::string name(operatorName(large.op));
            const std::vector<bool> present(large.inputs.size(), true);
            std::map<std::string, std::vector<float>> heard[2];
            Tensor gradients[2];
            for (const int threads : {1, 0}) {
                const ThreadLimit limit(threads);
                std::map<std::string, Tensor> parameters;
                for (const auto& [tensor, value] : large.parameters)
                    parameters.emplace(tensor, tensorOf(value));
                const OneNodeModel model(large.op, present, 1, std::move(parameters));
                Values sides;
                for (std::size_t i = 1; i < large.inputs.size(); ++i)
                    sides.emplace(static_cast<ValueId>(i), tensorOf(*large.inputs[i]));
                GradientSink sink;
                sink.norm = [&](int, const std::string& tensor, std::span<const float> values) {
                    heard[threads][tensor].assign(values.begin(), values.end());
                };
                const Monitor monitor;
                GradientPass pass(model.model(), model.weights(), model.range(0), {0}, true);
                const Tensor y = pass.forward(tensorOf(*large.inputs[0]), sides, monitor);
                gradients[threads] = pass.backward(tensorOf(floats(y.shape())), sink, monitor);
            }
            QVERIFY2(!gradients[0].empty() && gradients[0].shape() == gradients[1].shape(),
                     name.c_str());
            QVERIFY2(std::memcmp(gradients[0].bytes().data(), gradients[1].bytes().data(),
                                 gradients[0].bytes().size()) == 0,
                     name.c_str());
            QVERIFY2(heard[0] == heard[1] && heard[0].size() == large.parameters.size(),
                     name.c_str());
        }
    }

    void productsCanBeStopped()
    {
        const OneNodeModel model(op::MatMul{}, {true, true});
        for (int k = 0; k < 4; ++k) {
            Values values;
            values.emplace(0, tensorOf(floats({600, 40})));
            values.emplace(1, tensorOf(floats({40, 1100})));
            const StopAt stop(k);
            QVERIFY_THROWS_EXCEPTION(Cancelled, (void)model.run(std::move(values), false, stop));
        }
    }
};

QTEST_APPLESS_MAIN(TestOperatorsHostile)
#include "tst_operators_hostile.moc"
