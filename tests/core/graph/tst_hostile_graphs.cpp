// SPDX-License-Identifier: GPL-3.0-or-later
//
// Files of a few bytes that ask for more than any machine has: they open, show what is in them, and
// say what is wrong; nothing is allocated, and no time spent, for what they promise.
#include "core/base/error.h"
#include "core/graph/executor.h"
#include "core/graph/live_values.h"
#include "tests/support/onnx_case_writer.h"
#include "tests/support/onnx_cases.h"
#include "tests/support/support.h"
#include "tests/support/tiny_keras.h"

#include <QTest>

#include <algorithm>
#include <cstring>

using namespace gradus;
using namespace gradus::test;
using namespace gradus::test::onnx;

namespace {

constexpr std::int64_t million = 1'000'000;
constexpr std::int64_t huge = std::int64_t(1) << 40;

std::string nameOf(const char* stem, int i)
{
    return stem + std::to_string(i);
}

/// From x (4) to y, which adds c to x.
std::string addedToX(const std::string& nodes)
{
    return input("x", float32, {4}) + output("y") + nodes + node("Add", {"x", "c"}, {"y"});
}

std::string sizes(const char* name, const std::vector<std::int64_t>& values)
{
    return initializer(integers(name, values));
}

/// Elements of all constants that were made when the graph was built.
std::int64_t madeElements(const Model& model)
{
    std::int64_t count = 0;
    for (const auto& [value, constant] : model.graph.constants)
        count += constant.value ? constant.value->count() : 0;
    for (const auto& [name, value] : model.graph.computed)
        count += value->count();
    return count;
}

Tensor int64Of(const std::vector<std::int64_t>& values)
{
    Tensor tensor(DType::I64, {static_cast<std::int64_t>(values.size())});
    std::memcpy(tensor.bytes().data(), values.data(), tensor.bytes().size());
    return tensor;
}

std::vector<Tensor> run(const std::shared_ptr<const Model>& model, std::vector<Tensor> inputs)
{
    const Weights weights(model, std::uint64_t(1) << 20);
    return Executor(*model, weights).run(std::move(inputs), Monitor());
}

/// What a run over ones says.
std::string failureOf(const std::shared_ptr<const Model>& model, const std::string& feeds)
{
    std::vector<Tensor> inputs;
    for (const GraphPort& port : model->graph.inputs) {
        if (port.dtype == DType::I64) {
            inputs.push_back(feeds == "million" ? int64Of({million, million}) : int64Of({huge}));
            continue;
        }
        Shape shape = port.shape;
        for (std::int64_t& size : shape)
            size = size < 0 ? 1 : size;
        Tensor tensor = Tensor::zeros(port.dtype, shape);
        std::fill(tensor.bytes().begin(), tensor.bytes().end(),
                  std::byte(port.dtype == DType::Bool));
        inputs.push_back(std::move(tensor));
    }
    try {
        (void)run(model, std::move(inputs));
    } catch (const Error& error) {
        return error.code() == ErrorCode::Shape ? error.what() : "of another code";
    }
    return {};
}

using Json = TinyKeras::Json;
using W = TinyKeras;

} // namespace

class TestHostileGraphs : public QObject
{
    Q_OBJECT

private slots:
    /// Constants alone say the size: nothing is made when the file is opened.
    void giantsAreNotMade_data()
    {
        QTest::addColumn<QByteArray>("graph");
        QTest::addColumn<QString>("said");
        const auto row = [](const char* name, const std::string& graph, const char* said) {
            QTest::newRow(name) << QByteArray::fromStdString(graph) << QString(said);
        };
        const std::string one = initializer(floats("k", {1}, {1}));
        row("ConstantOfShape",
            addedToX(sizes("s", {million, million}) + node("ConstantOfShape", {"s"}, {"c"})),
            "2^31");
        row("Expand",
            addedToX(one + sizes("s", {million, million}) + node("Expand", {"k", "s"}, {"c"})),
            "2^31");
        row("Tile",
            addedToX(one + sizes("s", {million * million}) + node("Tile", {"k", "s"}, {"c"})),
            "2^31");
        row("Tile of Tile",
            addedToX(one + sizes("s", {million}) + node("Tile", {"k", "s"}, {"t"}) +
                     node("Tile", {"t", "s"}, {"c"})),
            "2^31");
        row("Range",
            addedToX(initializer(tensor("a", given({}, {0}, int64))) +
                     initializer(tensor("b", given({}, {1e12}, int64))) +
                     initializer(tensor("d", given({}, {1}, int64))) +
                     node("Range", {"a", "b", "d"}, {"r"}) +
                     node("Cast", {"r"}, {"c"}, attribute("to", 1))),
            "2^31");
        row("Reshape",
            addedToX(one + sizes("s", {million, million}) + node("Reshape", {"k", "s"}, {"c"})),
            "cannot become");
        row("Reshape around nothing",
            addedToX(initializer(floats("none", {0}, {})) + sizes("s", {0, huge, huge, huge}) +
                     node("Reshape", {"none", "s"}, {"c"}, attribute("allowzero", 1))),
            "cannot become");
        row("a sum of a row and a column",
            addedToX(one + sizes("r", {1, million}) + sizes("l", {million, 1}) +
                     node("Expand", {"k", "r"}, {"row"}) + node("Expand", {"k", "l"}, {"column"}) +
                     node("Add", {"row", "column"}, {"c"})),
            "2^31");
    }
    void giantsAreNotMade()
    {
        QFETCH(QByteArray, graph);
        QFETCH(QString, said);
        const auto model = onnxModel(onnx::model(graph.toStdString(), 14));
        QCOMPARE(model->whyNotRunnable, std::string());
        QVERIFY(madeElements(*model) < (1 << 22));
        const std::string message = failureOf(model, {});
        QVERIFY2(message.find(said.toStdString()) != std::string::npos, message.c_str());
    }

    /// The same where the sizes are fed: refused before anything is allocated.
    void giantsAreNotRun_data()
    {
        QTest::addColumn<QByteArray>("nodes");
        QTest::addColumn<QString>("feeds");
        QTest::addColumn<QString>("said");
        const auto row = [](const char* name, const std::string& nodes, const char* feeds,
                            const char* said) {
            QTest::newRow(name) << QByteArray::fromStdString(nodes) << QString(feeds)
                                << QString(said);
        };
        row("ConstantOfShape", node("ConstantOfShape", {"s"}, {"c"}), "million", "2^31");
        row("Expand", node("Expand", {"x", "s"}, {"c"}), "huge", "not");
        row("Tile", node("Tile", {"x", "s"}, {"c"}), "huge", "2^31");
        row("Range",
            node("ReduceSum", {"s"}, {"b"}, attribute("keepdims", 0)) +
                initializer(tensor("a", given({}, {0}, int64))) +
                initializer(tensor("d", given({}, {1}, int64))) +
                node("Range", {"a", "b", "d"}, {"r"}) +
                node("Cast", {"r"}, {"c"}, attribute("to", 1)),
            "huge", "2^31");
        row("Reshape", node("Reshape", {"x", "s"}, {"c"}), "million", "cannot become");
        row("Pad",
            node("Concat", {"s", "s"}, {"p"}, attribute("axis", 0)) +
                node("Pad", {"x", "p"}, {"c"}),
            "huge", "");
        row("OneHot of rows",
            node("ConstantOfShape", {"s"}, {"o"}) + node("Add", {"x", "o"}, {"c"}), "huge", "2^31");
    }
    void giantsAreNotRun()
    {
        QFETCH(QByteArray, nodes);
        QFETCH(QString, feeds);
        QFETCH(QString, said);
        const auto model =
            onnxModel(onnx::model(input("s", int64, {-1}) + addedToX(nodes.toStdString()), 14));
        QCOMPARE(model->whyNotRunnable, std::string());
        const std::string message = failureOf(model, feeds.toStdString());
        QVERIFY(!message.empty());
        QVERIFY2(message.find(said.toStdString()) != std::string::npos, message.c_str());
    }

    /// Each result is one that a network may have; together they are more than the limit. The sizes
    /// are fed, so that nothing is known before the run.
    void manyLargeResults_data()
    {
        QTest::addColumn<QString>("op");
        QTest::addColumn<bool>("together");
        for (const char* op : {"ConstantOfShape", "Expand", "Tile", "Resize", "Conv"}) {
            QTest::addRow("%s, together", op) << op << true;
            QTest::addRow("%s, one by one", op) << op << false;
        }
    }
    void manyLargeResults()
    {
        QFETCH(QString, op);
        QFETCH(bool, together);
        constexpr int count = 64;
        std::string nodes = initializer(floats("one", {1}, {1})) +
                            initializer(floats("scales", {4}, {1, 1, 512, 512})) +
                            initializer(floats("w", {1, 1, 1, 1}, {1}));
        std::string sum; // of a value of each result
        for (int i = 0; i < count; ++i) {
            const std::string large = nameOf("large", i);
            if (op == "ConstantOfShape")
                nodes += node("ConstantOfShape", {"s"}, {large});
            else if (op == "Expand")
                nodes += node("Expand", {"x", "s"}, {large});
            else if (op == "Tile")
                nodes += node("Tile", {"x", "s"}, {large});
            else if (op == "Resize")
                nodes += node("Resize", {"x", "", "scales"}, {large});
            else
                nodes += node("Conv", {"x", "w"}, {large}, axes("pads", {255, 255, 256, 256}));
            const std::string most = node("ReduceMax", {large}, {nameOf("most", i)});
            (together ? sum : nodes) += most;
        }
        nodes += sum + node("Add", {"x", nameOf("most", 0)}, {"y0"});
        for (int i = 1; i < count; ++i)
            nodes += node("Add", {nameOf("y", i - 1), nameOf("most", i)}, {nameOf("y", i)});
        const auto model =
            onnxModel(onnx::model(input("x", float32, {1, 1, 1, 1}) + input("s", int64, {4}) +
                                      output(nameOf("y", count - 1).c_str()) + nodes,
                                  13));
        QCOMPARE(model->whyNotRunnable, std::string());
        const auto outcome = [&]() -> std::string {
            std::vector<Tensor> inputs;
            inputs.push_back(Tensor::zeros(DType::F32, {1, 1, 1, 1}));
            Tensor size(DType::I64, {4});
            const std::int64_t sizes[]{1, 1, 512, 512}; // 1 MiB
            std::memcpy(size.bytes().data(), sizes, sizeof sizes);
            inputs.push_back(std::move(size));
            try {
                (void)run(model, std::move(inputs));
            } catch (const Error& error) {
                return error.code() == ErrorCode::Unsupported ? error.what() : "of another code";
            }
            return {};
        };
        const LiveValueLimit limit(std::uint64_t(8) << 20);
        const std::string message = outcome();
        if (!together) {
            QCOMPARE(message, std::string());
            // One alone is too large already: nothing is made for it.
            const LiveValueLimit less((std::uint64_t(1) << 20) - 1);
            QVERIFY(outcome().find("at most") != std::string::npos);
            return;
        }
        QVERIFY2(message.find("8 MiB together at most") != std::string::npos, message.c_str());
        QVERIFY2(message.find("(" + op.toStdString()) != std::string::npos, message.c_str());
    }

    /// One value under many names is as many copies.
    void outputsNamedManyTimes()
    {
        std::string nodes = node("Expand", {"x", "s"}, {"y"});
        std::string outputs;
        for (int i = 0; i < 40; ++i)
            outputs += output("y");
        const auto model = onnxModel(onnx::model(
            input("x", float32, {1, 1, 1, 1}) + input("s", int64, {4}) + outputs + nodes, 13));
        QCOMPARE(model->whyNotRunnable, std::string());
        const auto go = [&] {
            std::vector<Tensor> inputs;
            inputs.push_back(Tensor::zeros(DType::F32, {1, 1, 1, 1}));
            Tensor size(DType::I64, {4});
            const std::int64_t sizes[]{1, 1, 512, 512}; // 1 MiB
            std::memcpy(size.bytes().data(), sizes, sizeof sizes);
            inputs.push_back(std::move(size));
            return run(model, std::move(inputs)).size();
        };
        QCOMPARE(go(), std::size_t(40));
        const LiveValueLimit limit(std::uint64_t(8) << 20);
        try {
            (void)go();
            QFAIL("expected an error");
        } catch (const Error& error) {
            QVERIFY2(std::string(error.what()).find("copies of the outputs") != std::string::npos,
                     error.what());
        }
    }

    void theLimitIsLarge() { QVERIFY(liveValueLimit() >= std::uint64_t(2) << 30); }

    /// Twice as many axes with every node: no shape is followed that far.
    void axesThatDouble()
    {
        std::string nodes = node("Gather", {"x", "x"}, {"v0"});
        for (int i = 0; i < 40; ++i)
            nodes += node("Gather", {nameOf("v", i), nameOf("v", i)}, {nameOf("v", i + 1)});
        const auto model =
            onnxModel(onnx::model(input("x", int64, {1, 1}) + output("v40") + nodes, 13));
        QCOMPARE(model->whyNotRunnable, std::string());
        std::vector<Tensor> inputs;
        inputs.push_back(Tensor::zeros(DType::I64, {1, 1}));
        try {
            (void)run(model, std::move(inputs));
            QFAIL("it went through");
        } catch (const Error& error) {
            QVERIFY2(error.code() == ErrorCode::Shape, error.what());
        }
    }

    void axesWithoutEnd()
    {
        std::string nodes = sizes("s", {0}) + node("Relu", {"x"}, {"v0"});
        for (int i = 0; i < 2000; ++i)
            nodes += node("Unsqueeze", {nameOf("v", i), "s"}, {nameOf("v", i + 1)});
        const auto model =
            onnxModel(onnx::model(input("x", float32, {4}) + output("v2000") + nodes, 13));
        QCOMPARE(model->whyNotRunnable, std::string());
        const std::string message = failureOf(model, {});
        QVERIFY2(message.find("64") != std::string::npos, message.c_str());
    }

    /// Shapes that no tensor has, as the file states them or as nodes would make them.
    void shapesThatNoTensorHas_data()
    {
        QTest::addColumn<QByteArray>("graph");
        const auto row = [](const char* name, const std::string& graph) {
            QTest::newRow(name) << QByteArray::fromStdString(graph);
        };
        row("a scalar that is an image",
            addedToX(initializer(floats("s", {}, {1})) +
                     initializer(floats("w", {1, 1, 2, 2}, {1, 1, 1, 1})) +
                     node("ConvTranspose", {"s", "w"}, {"c"})));
        row("a product of sizes", input("x", float32, {1, huge, huge, huge}) + output("y") +
                                      node("Flatten", {"x"}, {"y"}, attribute("axis", 1)));
        row("a sum of sizes",
            input("x", float32, {std::int64_t(1) << 62, 1}) + output("y") +
                node("Concat", {"x", "x", "x", "x"}, {"y"}, attribute("axis", 0)));
        row("negative sizes", addedToX(sizes("s", {-5, std::numeric_limits<std::int64_t>::min()}) +
                                       node("ConstantOfShape", {"s"}, {"o"}) +
                                       node("Flatten", {"o"}, {"c"}, attribute("axis", 1))));
    }
    void shapesThatNoTensorHas()
    {
        QFETCH(QByteArray, graph);
        const auto model = onnxModel(onnx::model(graph.toStdString(), 13));
        QCOMPARE(model->whyNotRunnable, std::string());
        QVERIFY(!model->graph.nodes.empty());
        if (model->graph.inputs.front().shape == Shape{4})
            QVERIFY(!failureOf(model, {}).empty());
    }

    /// Constants that double are folded up to a bound, whatever they double to.
    void foldingEnds()
    {
        std::string nodes = initializer(floats("c0", {4}, {1, 2, 3, 4}));
        for (int i = 0; i < 60; ++i)
            nodes += node("Concat", {nameOf("c", i), nameOf("c", i)}, {nameOf("c", i + 1)},
                          attribute("axis", 0));
        const auto model = onnxModel(onnx::model(
            input("x", float32, {4}) + output("y") + nodes + node("Add", {"x", "c60"}, {"y"}), 13));
        QCOMPARE(model->whyNotRunnable, std::string());
        QVERIFY(madeElements(*model) < (1 << 26));
        QVERIFY(model->graph.nodes.size() > 30);
    }

    /// One constant that many nodes multiply by, in another form than it lies there: made once.
    void computedWeightsAreShared()
    {
        std::string nodes = initializer(floats("w", {4, 4}, std::vector<float>(16, 0.5F))) +
                            initializer(floats("k", {1}, {2})) + node("Mul", {"w", "k"}, {"m"});
        std::string before = "x";
        for (int i = 0; i < 300; ++i) {
            nodes += node("MatMul", {before, "m"}, {nameOf("v", i)}, {}, "same");
            before = nameOf("v", i);
        }
        const auto model =
            onnxModel(onnx::model(input("x", float32, {1, 4}) + output("v299") + nodes, 13));
        QCOMPARE(model->whyNotRunnable, std::string());
        QCOMPARE(model->graph.nodes.size(), std::size_t(300));
        QCOMPARE(model->graph.computed.size(), std::size_t(1));
        std::vector<Tensor> inputs;
        inputs.push_back(Tensor(Shape{1, 4}));
        std::fill(inputs[0].floats().begin(), inputs[0].floats().end(), 0.0F);
        QCOMPARE(run(model, std::move(inputs))[0].floats()[3], 0.0F);
    }

    /// Nodes of one name whose weights are computed each: names stay short.
    void computedWeightsOfOneName()
    {
        std::string nodes = initializer(floats("k", {1}, {2}));
        std::string before = "x";
        for (int i = 0; i < 300; ++i) {
            const std::string n = std::to_string(i);
            nodes += initializer(floats("w" + n, {2, 2}, {1, 0, 0, 0.5F})) +
                     node("Mul", {"w" + n, "k"}, {"m" + n}) +
                     node("MatMul", {before, "m" + n}, {"v" + n}, {}, "same");
            before = "v" + n;
        }
        const auto model =
            onnxModel(onnx::model(input("x", float32, {1, 2}) + output("v299") + nodes, 13));
        QCOMPARE(model->graph.computed.size(), std::size_t(300));
        for (const auto& [name, value] : model->graph.computed)
            QVERIFY2(name.size() < 20, name.c_str());
    }

    void normsAlongNoAxis_data()
    {
        QTest::addColumn<qlonglong>("axis");
        QTest::newRow("the least") << std::numeric_limits<qlonglong>::min();
        QTest::newRow("far in front") << qlonglong(-1) * million * million;
        QTest::newRow("behind the end") << qlonglong(1);
    }
    void normsAlongNoAxis()
    {
        QFETCH(qlonglong, axis);
        const auto model = onnxModel(
            onnx::model(input("x", float32, {4}) + output("y") +
                            initializer(floats("w", {2, 2}, {1, 1, 1, 1})) +
                            node("LayerNormalization", {"x", "w"}, {"y"}, attribute("axis", axis)),
                        17));
        QVERIFY2(model->whyNotRunnable.find("which no tensor has") != std::string::npos,
                 model->whyNotRunnable.c_str());
    }

    /// Outputs that follow from constants alone, by nodes that are not folded.
    void networksThatReadNoInput()
    {
        const auto model =
            onnxModel(onnx::model(input("x", float32, {1, 1, 4, 4}) + output("y") +
                                      initializer(floats("image", {1, 1, 2, 2}, {1, 2, 3, 4})) +
                                      initializer(floats("w", {1, 1, 2, 2}, {1, 1, 1, 1})) +
                                      node("Conv", {"image", "w"}, {"y"}),
                                  13));
        QCOMPARE(model->whyNotRunnable, std::string());
        std::vector<Tensor> inputs;
        inputs.push_back(Tensor::zeros(DType::F32, {1, 1, 4, 4}));
        QCOMPARE(run(model, std::move(inputs))[0].floats()[0], 10.0F);
    }

    /// Around a batch of nothing axes cannot grow without end either: a map of one takes memory.
    void giantsAroundNothing_data()
    {
        QTest::addColumn<QByteArray>("nodes");
        const auto row = [](const char* name, const std::string& nodes) {
            QTest::newRow(name) << QByteArray::fromStdString(nodes);
        };
        row("Pad", sizes("p", {0, 0, 0, huge}) + node("Pad", {"x", "p"}, {"y"}));
        row("Resize",
            sizes("s", {huge}) + node("Resize", {"x", "", "", "s"}, {"y"}, axes("axes", {1})));
    }
    void giantsAroundNothing()
    {
        QFETCH(QByteArray, nodes);
        const auto model = onnxModel(
            onnx::model(input("x", float32, {-1, 4}) + output("y") + nodes.toStdString(), 18));
        QCOMPARE(model->whyNotRunnable, std::string());
        std::vector<Tensor> inputs;
        inputs.push_back(Tensor(Shape{0, 4}));
        QVERIFY_EXCEPTION_THROWN((void)run(model, std::move(inputs)), Error);
    }

    /// A line that a Resize makes long takes its map before anything else.
    void mapsOfGiants()
    {
        for (const std::int64_t size : {huge, std::int64_t(1) << 30}) {
            const auto model = onnxModel(onnx::model(
                input("x", float32, {1, 4}) + output("y") + sizes("s", {1, size}) +
                    node("Resize", {"x", "", "", "s"}, {"y"}, textAttribute("mode", "cubic")),
                18));
            QCOMPARE(model->whyNotRunnable, std::string());
            std::vector<Tensor> inputs;
            inputs.push_back(Tensor::zeros(DType::F32, {1, 4}));
            QVERIFY_EXCEPTION_THROWN((void)run(model, std::move(inputs)), Error);
        }
    }

    void foreignOperatorsAreCounted()
    {
        std::string nodes = node("Relu", {"x"}, {"y"});
        for (int i = 0; i < 5000; ++i)
            nodes += node(nameOf("Strange", i), {"x"}, {nameOf("s", i)}, {}, nameOf("n", i));
        const std::string why =
            onnxModel(onnx::model(input("x", float32, {4}) + output("y") + nodes, 13))
                ->whyNotRunnable;
        for (const char* part : {"1 node of \"Strange0\": \"n0\"; ", "\"Strange7\"",
                                 "; and nodes of 4992 more operators"})
            QVERIFY2(why.find(part) != std::string::npos, why.c_str());
        QVERIFY(why.find("Strange8") == std::string::npos);
    }

    /// If within If within If, as deep as a file may say it: what a branch reads comes from far
    /// outside.
    void branchesWithinBranches()
    {
        constexpr int depth = 40;
        std::string inner = output("t") + node("Neg", {"x"}, {"t"});
        for (int i = 0; i < depth; ++i) {
            const std::string name = nameOf("t", i);
            inner =
                output(name) +
                node("If", {"k"}, {name},
                     graphAttribute("then_branch", inner) +
                         graphAttribute("else_branch", output("e") + node("Abs", {"x"}, {"e"})));
        }
        const std::string graph =
            input("x", float32, {4}) + input("k", boolean, {1}) + output("y") +
            node("If", {"k"}, {"y"},
                 graphAttribute("then_branch", inner) + graphAttribute("else_branch", inner));
        const auto model = onnxModel(onnx::model(graph, 13));
        QCOMPARE(model->whyNotRunnable, std::string());
        for (const bool condition : {false, true}) {
            std::vector<Tensor> inputs;
            inputs.push_back(Tensor(Shape{4}));
            std::fill(inputs[0].floats().begin(), inputs[0].floats().end(), 3.0F);
            inputs.push_back(Tensor(DType::Bool, {1}));
            inputs[1].bytes()[0] = std::byte(condition);
            const std::vector<Tensor> outputs = run(model, std::move(inputs));
            QCOMPARE(outputs[0].floats()[3], condition ? -3.0F : 3.0F);
        }
    }

    void cyclesInsideABranch()
    {
        const std::string cyclic =
            output("t") + node("Add", {"x", "u"}, {"t"}) + node("Relu", {"t"}, {"u"});
        const auto model = onnxModel(onnx::model(
            input("x", float32, {4}) + input("k", boolean, {1}) + output("y") +
                node("If", {"k"}, {"y"},
                     graphAttribute("then_branch", cyclic) + graphAttribute("else_branch", cyclic)),
            13));
        QVERIFY2(model->whyNotRunnable.find("cyclic") != std::string::npos,
                 model->whyNotRunnable.c_str());
    }

    /// Configurations of a few kilobytes that grow with every layer.
    void kerasGrowth_data()
    {
        QTest::addColumn<QString>("kind");
        QTest::addColumn<QString>("config");
        QTest::addColumn<QString>("said");
        QTest::newRow("axes joined again and again") << "Concatenate"
                                                     << R"({"axis": 1})"
                                                     << "too large";
        QTest::newRow("pixels repeated again and again") << "UpSampling2D"
                                                         << R"({"size": [1024, 1024]})"
                                                         << "too large";
    }
    void kerasGrowth()
    {
        QFETCH(QString, kind);
        QFETCH(QString, config);
        QFETCH(QString, said);
        TinyKeras net({4, 4, 3});
        std::string before = "x";
        for (int i = 0; i < 70; ++i) {
            const std::string name = nameOf("l", i);
            net.add(name, kind.toStdString(), Json::parse(config.toStdString()), {},
                    kind == "Concatenate" ? W::Inputs{before, before} : W::Inputs{before});
            before = name;
        }
        net.add("flat", "GlobalAveragePooling2D");
        net.add("head", "Dense", Json::object(),
                {W::weight("kernel", {3, 2}, 0), W::weight("bias", {2}, 0)});
        TemporaryFolder folder;
        net.writeH5(folder / "m.h5");
        const auto model = openModel(folder / "m.h5");
        QVERIFY2(model->whyNotRunnable.find(said.toStdString()) != std::string::npos,
                 model->whyNotRunnable.c_str());
        QCOMPARE(model->layers.size(), std::size_t(1));
    }

    /// One layer, called on its own output: each call adds an axis.
    void kerasAxesWithoutEnd()
    {
        TinyKeras net({4});
        net.add("e", "Embedding", Json::object(), {W::weight("embeddings", {5, 3}, 0)});
        Json config = net.config(false);
        Json calls = Json::array({Json::array({Json::array({"x", 0, 0, Json::object()})})});
        for (int i = 0; i < 3000; ++i)
            calls.push_back(Json::array({Json::array({"e", i, 0, Json::object()})}));
        config["config"]["layers"][1]["inbound_nodes"] = calls;
        TemporaryFolder folder;
        net.writeH5(folder / "m.h5", config.dump());
        const auto model = openModel(folder / "m.h5");
        QVERIFY2(model->whyNotRunnable.find("64") != std::string::npos,
                 model->whyNotRunnable.c_str());
    }

    /// A network that calls one twelve times that calls one twelve times that …
    void kerasNetworksWithinNetworks()
    {
        const auto wrap = [](const Json& inner, const std::string& name) {
            Json layers =
                Json::array({{{"class_name", "InputLayer"},
                              {"config", {{"name", "x"}, {"batch_input_shape", {nullptr, 4}}}},
                              {"inbound_nodes", Json::array()}}});
            Json layer = inner;
            Json calls = Json::array({Json::array({Json::array({"x", 0, 0, Json::object()})})});
            for (int i = 0; i + 1 < 12; ++i)
                calls.push_back(Json::array({Json::array({"inner", i, 0, Json::object()})}));
            layer["inbound_nodes"] = calls;
            layers.push_back(layer);
            return Json{{"class_name", "Functional"},
                        {"name", name},
                        {"config",
                         {{"name", name},
                          {"layers", layers},
                          {"input_layers", Json::array({{"x", 0, 0}})},
                          {"output_layers", Json::array({{"inner", 11, 0}})}}}};
        };
        Json net{{"class_name", "ReLU"}, {"config", {{"name", "inner"}}}};
        for (int depth = 0; depth < 12; ++depth)
            net = wrap(net, "inner");
        TinyKeras any({4});
        any.add("d", "Dense", Json::object(),
                {W::weight("kernel", {4, 2}, 0), W::weight("bias", {2}, 0)});
        TemporaryFolder folder;
        any.writeH5(folder / "m.h5", net.dump());
        const auto model = openModel(folder / "m.h5");
        QVERIFY2(model->whyNotRunnable.find("more than 65536") != std::string::npos,
                 model->whyNotRunnable.c_str());
    }

    /// A configuration of 80 MB of spaces in 80 KB.
    void kerasArchivesThatBurst()
    {
        TinyKeras net({4});
        net.add("d", "Dense", Json::object(),
                {W::weight("kernel", {4, 2}, 0), W::weight("bias", {2}, 0)});
        TemporaryFolder folder;
        net.writeArchive(folder / "m.keras", {{"d", "dense"}});
        const ZipArchive archive(mapFile(folder / "m.keras"));
        std::vector<ZipContent> contents;
        for (const ZipEntry& entry : archive.entries()) {
            std::vector<std::byte> bytes = archive.read(entry.name);
            if (entry.name == "config.json")
                bytes.resize(std::size_t(80) << 20, std::byte(' '));
            contents.push_back({entry.name, std::move(bytes), true});
        }
        const std::vector<std::byte> zip = zipOf(contents);
        QVERIFY(zip.size() < (1 << 20));
        std::ofstream(folder / "bomb.keras", std::ios::binary)
            .write(reinterpret_cast<const char*>(zip.data()),
                   static_cast<std::streamsize>(zip.size()));
        try {
            (void)openModel(folder / "bomb.keras");
            QFAIL("it was opened");
        } catch (const Error& error) {
            QVERIFY2(error.code() == ErrorCode::Format, error.what());
            QVERIFY2(QString(error.what()).contains("config.json"), error.what());
        }
    }
};

QTEST_APPLESS_MAIN(TestHostileGraphs)
#include "tst_hostile_graphs.moc"
