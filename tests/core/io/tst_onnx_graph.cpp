// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/io/onnx_file.h"
#include "tests/support/onnx_writer.h"

#include <QTest>

using namespace gradus;
using namespace gradus::test;
using namespace gradus::test::onnx;

namespace {

std::shared_ptr<const OnnxGraph> graphOf(const std::string& content)
{
    return openOnnx(source(content), {}).graph;
}

} // namespace

/// The structure of an ONNX file as values; its tensors are tst_onnx_file's.
class TestOnnxGraph : public QObject
{
    Q_OBJECT

private slots:
    void keepsTheModelsOwnWords()
    {
        const auto graph = graphOf(onnx::model("", 17) + bytes(14, bytes(1, "a") + bytes(2, "b")) +
                                   bytes(25, bytes(1, "MyFunction")));
        QCOMPARE(graph->opsets.at(""), 17);
        QCOMPARE(graph->opsets.at("com.microsoft"), 1);
        QCOMPARE(graph->metadata.at("a"), std::string("b"));
        QCOMPARE(graph->producer, std::string("the test"));
        QCOMPARE(graph->functions, std::vector<std::string>{"MyFunction"});
        QVERIFY(graph->whyIncomplete.empty());
    }

    void keepsNodesAndAttributes()
    {
        const auto graph = graphOf(onnx::model(
            foreignNode("ai.onnx", "Op", {"a", "", "b"}, {"c"},
                        attribute("i", -3) + axes("is", {1, 2}) + realAttribute("f", 0.5F) +
                            realsAttribute("fs", {1, 2}) + textAttribute("s", "text") +
                            tensorAttribute("t", floats("", {2}, {3, 4})),
                        "name") +
                node("Other", {}, {"d"}),
            13));
        QCOMPARE(graph->nodes.size(), std::size_t(2));
        const OnnxNode& made = graph->nodes.front();
        QCOMPARE(made.domain, std::string());
        QCOMPARE(made.inputs, (std::vector<std::string>{"a", "", "b"}));
        QCOMPARE(made.label(), std::string("name"));
        QCOMPARE(graph->nodes[1].label(), std::string("d"));
        QCOMPARE(made.attribute("i")->integer, -3);
        QCOMPARE(made.attribute("is")->integers, (std::vector<std::int64_t>{1, 2}));
        QCOMPARE(made.attribute("f")->real, 0.5F);
        QCOMPARE(made.attribute("fs")->reals, (std::vector<float>{1, 2}));
        QCOMPARE(made.attribute("s")->text, std::string("text"));
        QCOMPARE(made.attribute("t")->value->floats()[1], 4.0F);
        QVERIFY(!made.attribute("none"));
    }

    void keepsValuesAndTheirShapes()
    {
        const auto graph = graphOf(onnx::model(input("x", 1, {-1, 3}) + output("y") +
                                                   bytes(13, value("z", 7, {2})) +
                                                   initializer(floats("w", {2, 2}, {1, 2, 3, 4})),
                                               13));
        QCOMPARE(graph->inputs.front().name, std::string("x"));
        QCOMPARE(*graph->inputs.front().shape, (Shape{-1, 3}));
        QVERIFY(!graph->outputs.front().shape);
        QCOMPARE(graph->values.front().type, 7);
        QCOMPARE(graph->initializers.front().first, std::string("w"));
    }

    void keepsGraphsInside()
    {
        const std::string inner = initializer(floats("w", {1}, {1})) + node("Neg", {"w"}, {"t"});
        const auto graph = graphOf(onnx::model(
            initializer(floats("w", {1}, {1})) +
                node("If", {"c"}, {"y"}, graphAttribute("then_branch", inner), "choice"),
            13));
        const OnnxGraph& branch = graph->nodes.front().attribute("then_branch")->graphs.at(0);
        QCOMPARE(branch.nodes.front().op, std::string("Neg"));
        QCOMPARE(branch.initializers.front().first, std::string("w"));
        // Its tensor has another name in the file than the outer one.
        QCOMPARE(branch.initializers.front().second, std::string("choice/then_branch/w"));
    }

    void tellsTheWeightOfANode()
    {
        const auto graph = graphOf(
            onnx::model(initializer(counting("w", {3, 4})) + node("Transpose", {"w"}, {"t"}) +
                            node("MatMul", {"x", "t"}, {"y"}) + node("MatMul", {"y", "w"}, {"z"}),
                        13));
        const OnnxWeight& turned = graph->nodes[1].weights.at(0);
        QCOMPARE(turned.shape, (Shape{4, 3}));
        QVERIFY(turned.layout.isPlain() && turned.rows == 3);
        QCOMPARE(graph->nodes[2].weights.at(0).rows, 4);
    }

    void isBounded()
    {
        // Two bytes of a file must not become many of memory.
        std::string inputs;
        for (int i = 0; i < 5'000'000; ++i)
            inputs += std::string("\x0a\x00", 2);
        const auto graph = graphOf(onnx::model(bytes(1, inputs + bytes(4, "Op")), 13));
        QVERIFY(graph->nodes.empty());
        QVERIFY(graph->whyIncomplete.find("more than") != std::string::npos);
    }
};

QTEST_APPLESS_MAIN(TestOnnxGraph)
#include "tst_onnx_graph.moc"
