// SPDX-License-Identifier: GPL-3.0-or-later
//
// Made-up ONNX graphs from calibration to export: what a run measures is what its export gives.
#include "core/base/text.h"
#include "core/export/export.h"
#include "core/io/npy.h"
#include "core/session/evaluate.h"
#include "core/session/forward.h"
#include "core/session/quantize.h"
#include "tests/support/onnx_case_writer.h"
#include "tests/support/support.h"

#include <QTest>
#include <sys/resource.h>

#include <cstring>
#include <fstream>

using namespace gradus;
using namespace gradus::test;
using namespace gradus::test::onnx;
namespace fs = std::filesystem;

namespace {

std::shared_ptr<const Model> written(const fs::path& path, const std::string& graph)
{
    std::ofstream(path, std::ios::binary) << onnx::model(graph, 13);
    return openModel(path);
}

std::string weight(const std::string& name, const Shape& shape, unsigned seed)
{
    return initializer(tensor(name, fed(shape, -1, 1, seed)));
}

fs::path writtenArray(const fs::path& path, const Shape& shape)
{
    Tensor values(shape);
    std::uint32_t state = 7;
    for (float& value : values.floats()) {
        state = state * 1664525 + 1013904223;
        value = static_cast<float>(state >> 8) / 8388608.0F - 1;
    }
    writeNpy(path, values.view());
    return path;
}

QuantizeRequest requestOf(const std::shared_ptr<const Model>& model, const MethodOptions& method,
                          const fs::path& data)
{
    QuantizeRequest request;
    request.model = model;
    request.recipe.standard.method = method;
    request.recipe.standard.scheme.bits = 3;
    request.recipe.calibration.data = data.string();
    request.recipe.calibration.samples = 8;
    return request;
}

std::vector<float> outputOf(const std::shared_ptr<const Model>& model,
                            const std::shared_ptr<const Run>& run, const fs::path& data,
                            RunProducts products = RunProducts::Floats)
{
    ForwardRequest request;
    request.model = model;
    request.run = run;
    request.inputs[model->graph.inputs.front().name] = data;
    request.products = products;
    Monitor monitor;
    const Tensor output = std::move(runModel(request, monitor).front().value);
    return {output.floats().begin(), output.floats().end()};
}

bool areClose(const std::vector<float>& a, const std::vector<float>& b)
{
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](float x, float y) {
               return isClose(static_cast<double>(x), static_cast<double>(y), 1e-5, 1e-5);
           });
}

std::uint64_t peakBytes()
{
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

} // namespace

class TestOnnxSession : public QObject
{
    Q_OBJECT

private slots:
    void aWeightOfTwoOrientationsIsOne_data()
    {
        QTest::addColumn<std::string>("nodes");
        const std::string first =
            weight("w", {8, 6}, 1) + node("MatMul", {"x", "w"}, {"h"}) + node("Relu", {"h"}, {"r"});
        const std::string turned = first + node("Transpose", {"w"}, {"t"}, axes("perm", {1, 0}));
        QTest::newRow("MatMul") << turned + node("MatMul", {"r", "t"}, {"y"});
        QTest::newRow("Gemm") << turned +
                                     node("Gemm", {"r", "t"}, {"y"}, realAttribute("alpha", 0.5F));
        QTest::newRow("Gemm that turns")
            << first + node("Gemm", {"r", "w"}, {"y"}, attribute("transB", 1));
        QTest::newRow("turned twice")
            << turned + node("Transpose", {"t"}, {"u"}, axes("perm", {1, 0})) +
                   node("Gemm", {"r", "u"}, {"y"}, attribute("transB", 1));
        QTest::newRow("reshaped") << first + initializer(integers("s", {6, 8})) +
                                         node("Reshape", {"w", "s"}, {"t"}) +
                                         node("MatMul", {"r", "t"}, {"y"});
        // As the left operand: 6 × 8 times 8 × n.
        QTest::newRow("left") << turned + node("Transpose", {"x"}, {"c"}, axes("perm", {1, 0})) +
                                     node("MatMul", {"t", "c"}, {"l"}) +
                                     node("Transpose", {"l"}, {"m"}, axes("perm", {1, 0})) +
                                     node("Add", {"m", "r"}, {"y"});
    }

    void aWeightOfTwoOrientationsIsOne()
    {
        QFETCH(std::string, nodes);
        TemporaryFolder folder;
        const auto model = written(folder / "m.onnx", input("x", float32, {-1, 8}) + nodes +
                                                          onnx::output("y", float32, {-1, -1}));
        QCOMPARE(model->whyNotRunnable, std::string());
        QCOMPARE(model->layers.size(), std::size_t(1));
        const fs::path data = writtenArray(folder / "x.npy", {40, 8});
        Monitor monitor;
        for (const MethodOptions& method :
             {MethodOptions(RtnOptions{}), MethodOptions(GptqOptions{})}) {
            const auto run = quantize(requestOf(model, method, data), monitor);
            ExportRequest exported;
            exported.model = model;
            exported.run = run;
            exported.format = ExportFormat::Onnx;
            exported.output = folder / concat(method.index(), ".onnx");
            (void)exportRun(exported, monitor);
            const auto other = openModel(exported.output);
            const std::vector<float> expected = outputOf(other, nullptr, data);
            QVERIFY(areClose(outputOf(model, run, data), expected));
            QVERIFY(areClose(outputOf(model, run, data, RunProducts::Packed), expected));
            QVERIFY(!areClose(outputOf(model, nullptr, data), expected));
            // And the two are as far from the float model.
            EvaluateRequest request;
            request.model = model;
            request.data = data;
            request.run = run;
            const double ofRun = evaluateOutputs(request, nullptr, monitor).cosine;
            request.model = other;
            request.run = nullptr;
            QVERIFY(isClose(evaluateOutputs(request, model, monitor).cosine, ofRun, 1e-6));
        }
    }

    void tiedHeadsFollowTheirTable()
    {
        TemporaryFolder folder;
        const auto model = written(
            folder / "m.onnx",
            input("ids", int64, {-1, 6}) + weight("e", {32, 8}, 1) + weight("w", {8, 8}, 2) +
                node("Gather", {"e", "ids"}, {"h"}) + node("MatMul", {"h", "w"}, {"u"}) +
                node("Relu", {"u"}, {"r"}) + node("Transpose", {"e"}, {"t"}, axes("perm", {1, 0})) +
                node("MatMul", {"r", "t"}, {"y"}) + onnx::output("y", float32, {-1, 6, 32}));
        QCOMPARE(model->whyNotRunnable, std::string());
        Tensor ids(DType::I64, {20, 6});
        for (std::int64_t i = 0; i < ids.count(); ++i) {
            const std::int64_t id = i * 7 % 32;
            std::memcpy(ids.bytes().data() + i * 8, &id, 8);
        }
        writeNpy(folder / "ids.npy", ids.view());
        QuantizeRequest request = requestOf(model, RtnOptions{}, folder / "ids.npy");
        request.recipe.overrides["e"] = request.recipe.standard;
        Monitor monitor;
        const auto run = quantize(request, monitor);
        QVERIFY(run->find("e") && run->find("e")->weight);
        ExportRequest exported{model, run, ExportFormat::Onnx, folder / "o.onnx"};
        (void)exportRun(exported, monitor);
        QVERIFY(areClose(outputOf(model, run, folder / "ids.npy"),
                         outputOf(openModel(exported.output), nullptr, folder / "ids.npy")));
    }

    void blocksHaveTheSamplesFirst_data()
    {
        QTest::addColumn<std::string>("before");
        QTest::addColumn<std::string>("behind");
        QTest::addColumn<int>("blocks");
        QTest::newRow("samples first")
            << node("Relu", {"x"}, {"h0"}) << node("Relu", {"h4"}, {"y"}) << 4;
        QTest::newRow("samples and positions joined")
            << initializer(integers("s", {-1, 8})) + node("Reshape", {"x", "s"}, {"h0"})
            << initializer(integers("t", {-1, 4, 8})) + node("Reshape", {"h4", "t"}, {"y"}) << 1;
        QTest::newRow("positions first")
            << node("Transpose", {"x"}, {"h0"}, axes("perm", {1, 0, 2}))
            << node("Transpose", {"h4"}, {"y"}, axes("perm", {1, 0, 2})) << 1;
    }

    void blocksHaveTheSamplesFirst()
    {
        QFETCH(std::string, before);
        QFETCH(std::string, behind);
        QFETCH(int, blocks);
        std::string graph = input("x", float32, {-1, 4, 8}) + before;
        for (unsigned i = 0; i < 4; ++i) {
            const std::string at = std::to_string(i);
            graph += weight("w" + at, {8, 8}, i + 1) +
                     node("MatMul", {"h" + at, "w" + at}, {"m" + at}) +
                     node("Relu", {"m" + at}, {"h" + std::to_string(i + 1)});
        }
        TemporaryFolder folder;
        const auto model =
            written(folder / "m.onnx", graph + behind + onnx::output("y", float32, {-1, 4, 8}));
        QCOMPARE(model->whyNotRunnable, std::string());
        QCOMPARE(static_cast<int>(model->blocks.size()), blocks);
        // As many samples as positions, and another number.
        for (const std::int64_t samples : {4, 10}) {
            const fs::path data = writtenArray(folder / "x.npy", {samples, 4, 8});
            QuantizeRequest request = requestOf(model, GptqOptions{}, data);
            request.recipe.calibration.samples = samples;
            Monitor monitor;
            const auto run = quantize(request, monitor);
            for (const LayerResult& layer : run->layers)
                QVERIFY(layer.weight);
            EvaluateRequest evaluation;
            evaluation.model = model;
            evaluation.data = data;
            evaluation.run = run;
            const OutputSimilarity result = evaluateOutputs(evaluation, nullptr, monitor);
            QCOMPARE(result.samples, samples);
            // By hand, of the whole graph at once.
            const std::vector<float> p = outputOf(model, nullptr, data);
            const std::vector<float> q = outputOf(model, run, data);
            double sum = 0;
            for (std::size_t s = 0; s < static_cast<std::size_t>(samples); ++s) {
                double pp = 0;
                double qq = 0;
                double pq = 0;
                for (std::size_t i = s * 32; i < s * 32 + 32; ++i) {
                    pp += static_cast<double>(p[i]) * static_cast<double>(p[i]);
                    qq += static_cast<double>(q[i]) * static_cast<double>(q[i]);
                    pq += static_cast<double>(p[i]) * static_cast<double>(q[i]);
                }
                sum += pq / std::sqrt(pp * qq);
            }
            QVERIFY(isClose(result.cosine, sum / static_cast<double>(samples), 1e-6));
        }
    }

    void wideOutputsAreNotKept()
    {
        // Four numbers in, 65 536 out: those of all samples and both models would be 1 GiB.
        constexpr std::int64_t wide = 65'536;
        const auto block = [](const std::string& from, const std::string& to,
                              const std::string& name) {
            return weight(name + ".w", {4, 4}, 2) + node("MatMul", {from, name + ".w"}, {name}) +
                   node("Relu", {name}, {to});
        };
        TemporaryFolder folder;
        const auto model =
            written(folder / "m.onnx", input("x", float32, {-1, 4}) + block("x", "a", "net.0") +
                                           block("a", "b", "net.1") + weight("w", {4, wide}, 1) +
                                           node("MatMul", {"b", "w"}, {"y"}) +
                                           onnx::output("y", float32, {-1, wide}));
        QCOMPARE(model->blocks.size(), std::size_t(2));
        QCOMPARE(model->findLayer("w")->block, -1);
        EvaluateRequest request;
        request.model = model;
        request.data = writtenArray(folder / "x.npy", {2048, 4});
        request.memoryBytes = std::uint64_t(64) << 20;
        Monitor monitor;
        const std::uint64_t before = peakBytes();
        const OutputSimilarity result = evaluateOutputs(request, nullptr, monitor);
        QCOMPARE(result.samples, 2048);
        QVERIFY(isClose(result.cosine, 1, 1e-6));
        QVERIFY2(peakBytes() - before < (std::uint64_t(600) << 20),
                 std::to_string((peakBytes() - before) >> 20).c_str());
    }

    void memoryChangesNoDigit()
    {
        TemporaryFolder folder;
        const auto model =
            written(folder / "m.onnx",
                    input("x", float32, {-1, 3, 16, 16}) + weight("a", {8, 3, 3, 3}, 1) +
                        weight("b", {8, 8, 3, 3}, 2) + node("Conv", {"x", "a"}, {"c"}) +
                        node("Relu", {"c"}, {"r"}) + node("Conv", {"r", "b"}, {"d"}) +
                        node("GlobalAveragePool", {"d"}, {"p"}) + node("Flatten", {"p"}, {"y"}) +
                        onnx::output("y", float32, {-1, 8}));
        const fs::path data = writtenArray(folder / "x.npy", {150, 3, 16, 16});
        QuantizeRequest request = requestOf(model, GptqOptions{}, data);
        request.recipe.calibration.samples = 150;
        std::vector<double> cosines;
        for (const std::uint64_t memory : {std::uint64_t(1) << 31, std::uint64_t(1) << 16}) {
            Monitor monitor;
            request.memoryBytes = memory;
            EvaluateRequest evaluation;
            evaluation.model = model;
            evaluation.data = data;
            evaluation.run = quantize(request, monitor);
            evaluation.memoryBytes = memory;
            cosines.push_back(evaluateOutputs(evaluation, nullptr, monitor).cosine);
        }
        QCOMPARE(cosines[0] - cosines[1], 0.0);
    }

    void namesOfAnyBytesAreShown()
    {
        TemporaryFolder folder;
        const auto model =
            written(folder / "m.onnx", input("x\xFF", float32, {-1, 8}) + weight("w", {8, 4}, 1) +
                                           node("MatMul", {"x\xFF", "w"}, {"y\xFE"}) +
                                           onnx::output("y\xFE", float32, {-1, 4}));
        QCOMPARE(model->whyNotRunnable, std::string());
        for (const GraphPort* port : {&model->graph.inputs.front(), &model->graph.outputs.front()})
            QVERIFY(isValidUtf8(port->name));
        const auto result = outputOf(model, nullptr, writtenArray(folder / "x.npy", {5, 8}));
        QCOMPARE(result.size(), std::size_t(20));
    }
};

QTEST_APPLESS_MAIN(TestOnnxSession)
#include "tst_onnx_session.moc"
