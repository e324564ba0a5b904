// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/graph/executor.h"
#include "core/io/onnx_graph.h"
#include "tests/support/onnx_case_writer.h"
#include "tests/support/onnx_cases.h"
#include "tests/support/support.h"

#include <QTest>

#include <algorithm>

using namespace gradus;
using namespace gradus::test;
using namespace gradus::test::onnx;

namespace {

int countOf(const Model& model, std::string_view name)
{
    return static_cast<int>(
        std::count_if(model.graph.nodes.begin(), model.graph.nodes.end(),
                      [&](const Node& node) { return operatorName(node.op) == name; }));
}

const OnnxCase& caseNamed(const std::string& name)
{
    const auto found = std::find_if(onnxCases().begin(), onnxCases().end(),
                                    [&](const OnnxCase& each) { return each.name == name; });
    if (found == onnxCases().end())
        qFatal("no case %s", name.c_str());
    return *found;
}

std::string whyNot(const std::string& graph, std::int64_t opset = 13)
{
    return onnxModel(onnx::model(graph, opset))->whyNotRunnable;
}

/// A graph from x (2 × 4) to y.
std::string fromXToY(const std::string& nodes)
{
    return input("x", float32, {2, 4}) + output("y") + nodes;
}

/// One layer of a network with a way around it: x + relu(x · W) · V.
std::string residual(const std::string& from, const std::string& to, const std::string& name)
{
    return initializer(tensor(name + ".up.weight", fed({4, 6}, -1, 1, 2))) +
           initializer(tensor(name + ".down.weight", fed({6, 4}, -1, 1, 3))) +
           node("MatMul", {from, name + ".up.weight"}, {name + "u"}) +
           node("Relu", {name + "u"}, {name + "r"}) +
           node("MatMul", {name + "r", name + ".down.weight"}, {name + "d"}) +
           node("Add", {from, name + "d"}, {to});
}

std::vector<Tensor> run(const std::shared_ptr<const Model>& model, std::vector<Tensor> inputs,
                        const Weights* weights = nullptr)
{
    const Weights own(model, std::uint64_t(1) << 20);
    return Executor(*model, weights ? *weights : own).run(std::move(inputs), Monitor());
}

Tensor ramp(Shape shape)
{
    Tensor tensor(std::move(shape));
    float value = -0.5F;
    for (float& x : tensor.floats())
        x = value += 0.125F;
    return tensor;
}

std::vector<Tensor> one(Tensor tensor)
{
    std::vector<Tensor> tensors;
    tensors.push_back(std::move(tensor));
    return tensors;
}

} // namespace

class TestOnnxBuilder : public QObject
{
    Q_OBJECT

private slots:
    void patternsBecomeOperators_data()
    {
        QTest::addColumn<QString>("test");
        QTest::addColumn<QString>("op");
        QTest::addColumn<int>("count"); // of it
        QTest::addColumn<int>("nodes"); // of all
        const auto row = [](const char* test, const char* op, int count, int nodes) {
            QTest::newRow(test) << QString(test) << QString(op) << count << nodes;
        };
        row("LayerNorm in parts 13", "LayerNorm", 1, 1);
        row("LayerNorm in parts, no bias 13", "LayerNorm", 1, 2);
        row("LayerNorm in parts, a product as the square 13", "LayerNorm", 1, 1);
        row("a norm over another axis 13", "LayerNorm", 0, 9);
        row("Gelu in parts 13", "Gelu", 1, 1);
        row("Gelu in parts, the half first 13", "Gelu", 1, 1);
        row("Gelu in parts, the half at the gate 13", "Gelu", 1, 1);
        row("Gelu in parts, of a product 13", "Gelu", 1, 2);
        row("not quite Gelu 13", "Gelu", 0, 5);
        row("Gelu by tanh in parts 13", "GeluTanh", 1, 1);
        row("Gelu by tanh in parts, products 13", "GeluTanh", 1, 1);
        row("Gelu by tanh in parts, x outside 13", "GeluTanh", 1, 1);
        row("Silu in parts 13", "Silu", 1, 1);
        row("QuickGelu in parts 13", "QuickGelu", 1, 1);
        row("Mish in parts 13", "Mish", 1, 1);
        row("HardSwish in parts 13", "HardSwish", 1, 1);
        row("HardSwish by HardSigmoid 13", "HardSwish", 1, 1);
        row("a gate of another value 13", "Silu", 0, 3);
        row("attention 13", "Attention", 1, 4);
        row("attention with a mask 13", "Attention", 1, 4);
        row("attention with a mask of rows 13", "Attention", 1, 4);
        row("attention with a scale on q 13", "Attention", 1, 4);
        row("attention with k turned twice 13", "Attention", 1, 4);
        row("attention packed, Gather 13", "Attention", 1, 3);
        row("attention packed, Split 13", "Attention", 1, 3);
        row("attention packed, Slice 13", "Attention", 1, 3);
        row("attention packed, Gather before the heads turn 13", "Attention", 1, 3);
        row("attention packed by heads 13", "Attention", 0, 13);
        row("a convolution and its bias 13", "Convolution", 1, 1);
        row("a bias in front, of four axes 13", "Convolution", 1, 1);
        row("a transposed convolution and its bias 13", "ConvolutionTranspose", 1, 1);
        row("a row added to a convolution 13", "Convolution", 1, 2);
        row("a constant for every image 13", "Convolution", 1, 2);
        row("attention over another axis 13", "Attention", 0, 15);
        row("a weight that is turned 13", "Linear", 1, 1);
        row("a weight that is computed 13", "Linear", 1, 1);
        row("Gemm 9", "Linear", 1, 1);
        row("Gemm 13, alpha, beta", "Linear", 1, 3);
        row("Gather 13, a table", "Embedding", 1, 1);
        row("QDQ convolution 13", "Convolution", 1, 1);
        row("constants alone 13", "Add", 1, 1);
        row("Identity 13", "Cast", 1, 1);
    }
    void patternsBecomeOperators()
    {
        QFETCH(QString, test);
        QFETCH(QString, op);
        QFETCH(int, count);
        QFETCH(int, nodes);
        const auto model = onnxModel(caseNamed(test.toStdString()).model);
        QCOMPARE(model->whyNotRunnable, std::string());
        QCOMPARE(countOf(*model, op.toStdString()), count);
        QCOMPARE(static_cast<int>(model->graph.nodes.size()), nodes);
    }

    void layersAreThoseOfTheFile()
    {
        const auto model = onnxModel(
            onnx::model(fromXToY(residual("x", "a", "net.0") + residual("a", "y", "net.1")), 13));
        QCOMPARE(model->whyNotRunnable, std::string());
        const auto& uses = model->source.tensors->weightUses();
        QCOMPARE(model->layers.size(), uses.size());
        for (std::size_t i = 0; i < uses.size(); ++i) {
            const Layer& layer = model->layers[i];
            QCOMPARE(layer.name, uses[i].name);
            QCOMPARE(layer.weight, uses[i].tensor);
            QCOMPARE(layer.rows, uses[i].rows);
            QCOMPARE(layer.cols, uses[i].cols);
            QCOMPARE(layer.layout.order, uses[i].layout.order);
            const Node& node = model->graph.nodes[static_cast<std::size_t>(layer.node)];
            QCOMPARE(std::get<op::Linear>(node.op).weight, layer.weight);
            QCOMPARE(layer.input, node.inputs.front());
        }
    }

    void blocksByNames()
    {
        const auto model = onnxModel(
            onnx::model(fromXToY(residual("x", "a", "net.0") + residual("a", "b", "net.1") +
                                 initializer(tensor("head.weight", fed({4, 3}))) +
                                 node("MatMul", {"b", "head.weight"}, {"y"})),
                        13));
        QCOMPARE(model->blocks.size(), std::size_t(2));
        QCOMPARE(model->blocks[0].name, std::string("net.0"));
        QCOMPARE(model->blocks[1].name, std::string("net.1"));
        QCOMPARE(model->blocks[0].nodeCount, 4);
        QCOMPARE(model->blocks[1].firstNode, 4);
        QCOMPARE(model->blocks[0].output, model->blocks[1].input);
        QCOMPARE(model->findLayer("head")->block, -1);
        QCOMPARE(model->findLayer("net.1.up")->block, 1);
    }

    void blocksByStructure()
    {
        std::string nodes;
        const std::vector<std::string> values{"x", "a", "b", "y"};
        for (std::size_t i = 0; i + 1 < values.size(); ++i)
            nodes += residual(values[i], values[i + 1], std::string(1, static_cast<char>('p' + i)));
        const auto model = onnxModel(onnx::model(fromXToY(nodes), 13));
        QCOMPARE(model->blocks.size(), std::size_t(3));
        for (std::size_t b = 0; b < 3; ++b) {
            QCOMPARE(model->blocks[b].name, "block." + std::to_string(b));
            QCOMPARE(model->blocks[b].nodeCount, 4);
        }
    }

    void masksAreSidesOfBlocks()
    {
        // A mask that the graph computes where it is read first.
        const auto masked = [](const std::string& from, const std::string& to,
                               const std::string& name) {
            return initializer(tensor(name + ".fc.weight", fed({4, 4}, -1, 1, 2))) +
                   node("MatMul", {from, name + ".fc.weight"}, {name + "u"}) +
                   node("Mul", {name + "u", "m"}, {name + "d"}) +
                   node("Add", {from, name + "d"}, {to});
        };
        const std::string graph = input("x", float32, {2, 4}) + input("mask", float32, {2, 1}) +
                                  output("y") + masked("x", "a", "net.0") +
                                  node("Sigmoid", {"mask"}, {"m"}) + masked("a", "b", "net.1") +
                                  masked("b", "y", "net.2");
        const auto model = onnxModel(onnx::model(graph, 13));
        QCOMPARE(model->whyNotRunnable, std::string());
        QCOMPARE(model->blocks.size(), std::size_t(3));
        for (const Block& block : model->blocks)
            QCOMPARE(block.sides.size(), std::size_t(1));
        std::vector<Tensor> inputs = one(ramp({2, 4}));
        inputs.push_back(ramp({2, 1}));
        const Tensor result = std::move(run(model, std::move(inputs)).front());
        QCOMPARE(result.shape(), (Shape{2, 4}));
    }

    void namedConstantsCanBeReplaced()
    {
        const auto model =
            onnxModel(onnx::model(fromXToY(initializer(tensor("scale", given({4}, {1, 2, 3, 4}))) +
                                           node("Mul", {"x", "scale"}, {"y"})),
                                  13));
        Weights weights(model, std::uint64_t(1) << 20);
        Tensor twice(Shape{4});
        std::fill(twice.floats().begin(), twice.floats().end(), 2.0F);
        weights.replace("scale", std::make_shared<const Tensor>(std::move(twice)));
        const Tensor x = ramp({2, 4});
        const Tensor y = std::move(run(model, one(x.clone()), &weights).front());
        for (std::size_t i = 0; i < 8; ++i)
            QCOMPARE(y.floats()[i], 2 * x.floats()[i]);
    }

    void smallIntegersAreInt64()
    {
        const auto model = onnxModel(
            onnx::model(input("x", int32, {-1}) + output("y") + node("Abs", {"x"}, {"y"}), 13));
        QCOMPARE(model->graph.inputs.front().dtype, DType::I64);
        QCOMPARE(model->graph.inputs.front().shape, (Shape{-1}));
        QCOMPARE(model->graph.outputs.front().dtype, DType::I64);
    }

    void classifiersAndTheirLabels()
    {
        const std::string graph =
            input("pixels", float32, {-1, 3, 4, 4}) + output("scores", float32, {-1, 3}) +
            initializer(tensor("w", fed({3, 3, 4, 4}))) + node("Conv", {"pixels", "w"}, {"c"}) +
            node("Flatten", {"c"}, {"scores"});
        const auto labels = [&](const std::string& text) {
            const std::string entry = bytes(14, bytes(1, "names") + bytes(2, text));
            return onnxModel(onnx::model(graph, 13) + entry);
        };
        const auto model = labels("{0: 'tabby, cat', 1: 'dog', 2: \"cow\"}");
        QCOMPARE(model->task, ModelTask::Classification);
        QCOMPARE(model->labels, (std::vector<std::string>{"tabby, cat", "dog", "cow"}));
        QVERIFY(model->image && model->image->channelsFirst && model->image->height == 4);
        QCOMPARE(labels("a,b,c")->labels, (std::vector<std::string>{"a", "b", "c"}));
        QVERIFY(labels("a,b")->labels.empty()); // not as many as classes
    }

    void unknownOperatorsAreNamed()
    {
        const std::string inner = output("t") + node("Einsum", {"x"}, {"t"}, {}, "deep");
        const std::string graph = fromXToY(
            node("LSTM", {"x"}, {"a"}, {}, "/rnn/LSTM") + node("LSTM", {"a"}, {"b"}) +
            foreignNode("my.domain", "Fancy", {"b"}, {"c"}, {}, "f") + input("k", boolean, {1}) +
            node("If", {"k"}, {"y"},
                 graphAttribute("then_branch", inner) + graphAttribute("else_branch", inner)));
        const std::string why = whyNot(graph);
        for (const char* part :
             {"2 nodes of \"LSTM\", first \"/rnn/LSTM\"", "1 node of \"my.domain.Fancy\": \"f\"",
              "2 nodes of \"Einsum\", first \"deep\""})
            QVERIFY2(why.find(part) != std::string::npos, why.c_str());
    }

    void bad_data()
    {
        QTest::addColumn<QByteArray>("graph");
        QTest::addColumn<int>("opset");
        QTest::addColumn<QString>("message");
        const auto row = [](const char* name, const std::string& graph, const char* message,
                            int opset = 13) {
            QTest::newRow(name) << QByteArray(graph.data(), static_cast<qsizetype>(graph.size()))
                                << opset << QString(message);
        };
        row("cyclic",
            fromXToY(node("Add", {"x", "b"}, {"a"}) + node("Relu", {"a"}, {"b"}) +
                     node("Relu", {"x"}, {"y"})),
            "cyclic");
        row("its own input", fromXToY(node("Relu", {"y"}, {"y"})), "cyclic");
        row("two makers", fromXToY(node("Relu", {"x"}, {"y"}) + node("Neg", {"x"}, {"y"})),
            "two nodes make");
        row("an input made again", fromXToY(node("Relu", {"x"}, {"x"}) + node("Neg", {"x"}, {"y"})),
            "cyclic");
        row("an initializer made again",
            fromXToY(initializer(tensor("w", fed({4}))) + node("Relu", {"x"}, {"w"}) +
                     node("Add", {"x", "w"}, {"y"})),
            "defines \"w\" twice");
        row("made by none", fromXToY(node("Add", {"x", "nobody"}, {"y"})),
            "reads \"nobody\", which nothing makes");
        row("no such output", fromXToY(node("Relu", {"x"}, {"z"})), "output \"y\" is made by no");
        row("no input",
            output("y") + initializer(tensor("w", fed({4}))) + node("Relu", {"w"}, {"y"}),
            "has no input");
        row("no output", input("x", float32, {2}) + node("Relu", {"x"}, {"y"}), "has no output");
        row("text", input("x", 8, {2}) + output("y") + node("Identity", {"x"}, {"y"}), "of type");
        row("old", fromXToY(node("Relu", {"x"}, {"y"})), "opset 6", 6);
        row("from the future", fromXToY(node("Relu", {"x"}, {"y"})), "opset 99", 99);
        row("a missing input", fromXToY(node("Add", {"x"}, {"y"})), "has no input 2");
        row("an unreadable attribute",
            fromXToY(node("Relu", {"x"}, {"y"}, bytes(5, bytes(1, "odd") + bytes(22, "")))),
            "is of a kind or length");
        row("three axes",
            input("x", float32, {1, 1, 4, 4, 4}) + output("y") +
                initializer(tensor("w", fed({1, 1, 2, 2, 2}))) + node("Conv", {"x", "w"}, {"y"}),
            "over 3 axes");
        row("a weight that is fed",
            fromXToY(input("w", float32, {1, 1, 2, 2}) + node("Conv", {"x", "w"}, {"y"})),
            "computes while it runs");
        row("groups that do not divide",
            fromXToY(initializer(tensor("w", fed({3, 1, 2, 2}))) +
                     node("Conv", {"x", "w"}, {"y"}, attribute("group", 2))),
            "2 groups of 3");
        row("too many pads",
            fromXToY(initializer(tensor("w", fed({3, 1, 2, 2}))) +
                     node("Conv", {"x", "w"}, {"y"}, axes("pads", {1, 1, 1}))),
            "3 pads");
        row("training",
            fromXToY(node("BatchNormalization", {"x", "x", "x", "x", "x"}, {"y"},
                          attribute("training_mode", 1))),
            "as in training", 15);
        row("branches that differ",
            fromXToY(input("k", boolean, {1}) +
                     node("If", {"k"}, {"y"},
                          graphAttribute("then_branch", node("Relu", {"x"}, {"t"})) +
                              graphAttribute("else_branch", node("Relu", {"x"}, {"t"})))),
            "then_branch makes 0");
        row("a branch too few",
            fromXToY(input("k", boolean, {1}) +
                     node("If", {"k"}, {"y"},
                          graphAttribute("then_branch", output("t") + node("Relu", {"x"}, {"t"})))),
            "has no else_branch");
        row("a tensor of an unread type",
            fromXToY(initializer(head("w", 21, {4}) + bytes(9, "ab")) +
                     node("Add", {"x", "w"}, {"y"})),
            "UINT4");
    }
    void bad()
    {
        QFETCH(QByteArray, graph);
        QFETCH(int, opset);
        QFETCH(QString, message);
        const std::string why = whyNot(graph.toStdString(), opset);
        QVERIFY2(QString::fromStdString(why).contains(message), why.c_str());
    }

    void constantsThatGrowAreLeftAlone_data()
    {
        QTest::addColumn<QByteArray>("nodes");
        const auto row = [](const char* name, const std::string& nodes) {
            QTest::newRow(name) << QByteArray(nodes.data(), static_cast<qsizetype>(nodes.size()));
        };
        const std::string huge = initializer(integers("huge", {1 << 20, 1 << 20, 1 << 20}));
        const std::string small = initializer(tensor("one", given({1, 1, 1}, {1})));
        const std::string add = node("Add", {"x", "c"}, {"y"});
        row("ConstantOfShape", huge + node("ConstantOfShape", {"huge"}, {"c"}) + add);
        row("Expand", huge + small + node("Expand", {"one", "huge"}, {"c"}) + add);
        row("Tile", huge + small + node("Tile", {"one", "huge"}, {"c"}) + add);
        row("Range", initializer(tensor("a", given({}, {0}))) +
                         initializer(tensor("b", given({}, {1e30}))) +
                         initializer(tensor("d", given({}, {1e-30}))) +
                         node("Range", {"a", "b", "d"}, {"c"}) + add);
        constexpr std::int64_t far = std::int64_t(1) << 60; // beyond what float32 tells apart
        row("Range of far integers",
            initializer(integers("a", {far})) + initializer(integers("b", {far + (1 << 29)})) +
                initializer(integers("d", {1})) + node("Range", {"a", "b", "d"}, {"r"}) +
                node("Cast", {"r"}, {"c"}, attribute("to", float32)) + add);
        row("lines without elements", initializer(integers("lines", {std::int64_t(1) << 40, 0})) +
                                          initializer(integers("one", {1})) +
                                          node("ConstantOfShape", {"lines"}, {"e"}) +
                                          node("CumSum", {"e", "one"}, {"c"}) + add);
        std::string doubling = initializer(tensor("c0", fed({1024})));
        for (int i = 0; i < 60; ++i) {
            const std::string n = std::to_string(i);
            doubling += node("Concat", {"c" + n, "c" + n}, {"c" + std::to_string(i + 1)},
                             attribute("axis", 0));
        }
        row("Concat", doubling + node("Add", {"x", "c60"}, {"y"}));
    }
    void constantsThatGrowAreLeftAlone()
    {
        QFETCH(QByteArray, nodes);
        const auto model = onnxModel(onnx::model(fromXToY(nodes.toStdString()), 13));
        QCOMPARE(model->whyNotRunnable, std::string());
        QVERIFY(model->graph.nodes.size() > 1); // what makes the constant is a node
    }

    /// What exporters write and few graphs hold: such a model opens, and runs.
    void oddGraphsRun_data()
    {
        QTest::addColumn<QByteArray>("graph");
        QTest::addColumn<int>("opset");
        const auto row = [](const char* name, const std::string& graph, int opset = 13) {
            QTest::newRow(name) << QByteArray(graph.data(), static_cast<qsizetype>(graph.size()))
                                << opset;
        };
        row("a mask that nobody reads",
            fromXToY(node("Dropout", {"x"}, {"d", "mask"}) + node("Relu", {"d"}, {"y"})), 9);
        row("a first input that nobody reads, no cuts",
            input("unused", float32, {3}) + input("x", float32, {2, 4}) + output("y") +
                output("z") + node("Relu", {"x"}, {"y"}) + node("Sigmoid", {"x"}, {"z"}));
        row("the least integer divided by -1",
            fromXToY(node("Shape", {"x"}, {"s"}) +
                     initializer(integers("least", {std::numeric_limits<std::int64_t>::min()})) +
                     initializer(integers("by", {1, 1, -1})) +
                     node("Concat", {"s", "least"}, {"l"}, attribute("axis", 0)) +
                     node("Div", {"l", "by"}, {"q"}) +
                     node("Cast", {"q"}, {"f"}, attribute("to", float32)) +
                     node("ReduceSum", {"f"}, {"t"}) + node("Add", {"x", "t"}, {"y"})));
        row("rows counted from the end",
            fromXToY(initializer(tensor("w", fed({3, 4}))) + initializer(integers("zero", {0})) +
                     node("Shape", {"x"}, {"s"}) + node("Slice", {"s", "zero", "one"}, {"two"}) +
                     initializer(integers("one", {1})) + initializer(integers("three", {3})) +
                     node("Sub", {"two", "three"}, {"last"}) +
                     node("Gather", {"w", "last"}, {"g"}) + node("Add", {"x", "g"}, {"y"})));
    }
    void oddGraphsRun()
    {
        QFETCH(QByteArray, graph);
        QFETCH(int, opset);
        const auto model = onnxModel(onnx::model(graph.toStdString(), opset));
        QCOMPARE(model->whyNotRunnable, std::string());
        const Weights weights(model, 1 << 20);
        std::vector<Tensor> inputs;
        for (const GraphPort& port : model->graph.inputs)
            inputs.emplace_back(DType::F32, port.shape);
        const auto outputs = Executor(*model, weights).run(std::move(inputs), Monitor(), {});
        QCOMPARE(outputs.size(), model->graph.outputs.size());
        QCOMPARE(outputs.front().shape(), (Shape{2, 4}));
    }

    void damagedModelsEnd_data()
    {
        QTest::addColumn<QString>("test");
        for (const char* test : {"attention 13", "QDQ convolution 13", "If, then 13",
                                 "Resize 13, sizes", "a computed shape 13", "Gelu in parts 13"})
            QTest::newRow(test) << QString(test);
    }
    void damagedModelsEnd()
    {
        QFETCH(QString, test);
        const OnnxCase& whole = caseNamed(test.toStdString());
        int built = 0;
        OnnxCase damaged = whole;
        for (std::size_t i = 0; i < whole.model.size(); ++i)
            for (const int change : {1, 2, 128}) {
                damaged.model = whole.model;
                damaged.model[i] = static_cast<char>(damaged.model[i] ^ change);
                try {
                    built += onnxModel(damaged.model)->canRun() ? 1 : 0;
                } catch (const Error&) {
                }
            }
        QVERIFY(built > 0); // bytes of weights and names may be anything
    }

    void longChainsEnd()
    {
        std::string nodes = initializer(tensor("c0", fed({40, 200})));
        constexpr int length = 20'000;
        for (int i = 0; i < length; ++i)
            nodes += node("Transpose", {"c" + std::to_string(i)}, {"c" + std::to_string(i + 1)});
        const auto model = onnxModel(onnx::model(
            fromXToY(nodes + node("Relu", {"x"}, {"r"}) +
                     node("Reshape", {"c" + std::to_string(length), "s"}, {"t"}) +
                     initializer(integers("s", {2000, 1, 4})) + node("Add", {"t", "r"}, {"y"})),
            13));
        QCOMPARE(model->whyNotRunnable, std::string());
    }
};

QTEST_APPLESS_MAIN(TestOnnxBuilder)
#include "tst_onnx_builder.moc"
