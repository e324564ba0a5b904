// SPDX-License-Identifier: GPL-3.0-or-later
//
// Made-up ONNX graphs from calibration to export: what a run measures is what its export gives.
#include "core/io/npy.h"
#include "core/session/evaluate.h"
#include "tests/support/onnx_case_writer.h"
#include "tests/support/support.h"

#include <QTest>
#include <sys/resource.h>

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
};

QTEST_APPLESS_MAIN(TestOnnxSession)
#include "tst_onnx_session.moc"
