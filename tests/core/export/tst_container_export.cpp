// SPDX-License-Identifier: GPL-3.0-or-later
//
// Runs of models whose weights lie in another order than out × in: quantized by output channel,
// exported in the order of the model's own file.
#include "core/base/error.h"
#include "core/export/export.h"
#include "core/graph/executor.h"
#include "core/graph/fold_batch_norms.h"
#include "core/io/safetensors.h"
#include "core/session/evaluate.h"
#include "core/session/language.h"
#include "core/session/prepared_model.h"
#include "core/session/quantize.h"
#include "core/session/stale.h"
#include "core/session/statistics.h"
#include "tests/support/keras_writer.h"
#include "tests/support/onnx_writer.h"
#include "tests/support/support.h"
#include "tests/support/tiny_keras.h"

#include <QTest>

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>

/// libhdf5 leaks in its own error paths.
extern "C" const char* __lsan_default_suppressions()
{
    return "leak:libhdf5";
}

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

/// A square matrix among them: its shape does not tell the order.
std::shared_ptr<const Model> onnxModel(const fs::path& path)
{
    const auto weight = [](const std::string& name, const std::vector<std::int64_t>& dims) {
        return onnx::initializer(onnx::counting(name, dims));
    };
    std::ofstream(path, std::ios::binary) << onnx::model(
        weight("square.weight", {32, 32}) + weight("wide", {3, 5}) + weight("plain", {4, 6}) +
        weight("conv", {2, 3, 2, 2}) + weight("up", {4, 2, 1, 3}) + weight("table", {7, 3}) +
        weight("bias", {5}) + onnx::initializer(onnx::integers("shape", {2, 3})) +
        onnx::node("MatMul", {"x", "square.weight"}, {"a"}) +
        onnx::node("Gemm", {"x", "wide", "bias"}, {"b"}) +
        onnx::node("Gemm", {"x", "plain"}, {"c"}, onnx::attribute("transB", 1)) +
        onnx::node("Conv", {"x", "conv"}, {"d"}) +
        onnx::node("ConvTranspose", {"x", "up"}, {"e"}, onnx::attribute("group", 2)) +
        onnx::node("Gather", {"table", "ids"}, {"f"}));
    return openModel(path);
}

std::shared_ptr<const Model> kerasModel(const fs::path& path)
{
    {
        KerasWriter writer(path);
        writer.texts("/", "layer_names", {"dense", "conv", "depthwise"}, false);
        writer.layer("", "dense", {{"dense/kernel:0", {3, 5}}, {"dense/bias:0", {5}}});
        writer.layer("", "conv", {{"conv/kernel:0", {2, 2, 3, 4}}});
        writer.layer("", "depthwise", {{"depthwise/depthwise_kernel:0", {2, 2, 3, 1}}});
    }
    return openModel(path);
}

void archive(const fs::path& path)
{
    TinyKeras net({7});
    net.add("dense", "Dense", {{"activation", "relu"}},
            {TinyKeras::weight("kernel", {7, 5}, 0.1), TinyKeras::weight("bias", {5}, 0.2)});
    net.writeArchive(path, {{"dense", "dense"}});
}

std::shared_ptr<const Run> quantized(const std::shared_ptr<const Model>& model)
{
    QuantizeRequest request;
    request.model = model;
    request.recipe.standard.scheme = {8, Granularity::Channel, 0, false, DType::F32};
    request.recipe.standard.method = RtnOptions{};
    Monitor monitor;
    return quantize(request, monitor);
}

/// Two convolutions with norms behind them, the second without a bias, and one that stays.
std::string normedGraph()
{
    const auto tensor = [](const std::string& name, const std::vector<std::int64_t>& dims,
                           float from, float step) {
        std::int64_t count = 1;
        for (const std::int64_t size : dims)
            count *= size;
        std::vector<float> values;
        for (std::int64_t i = 0; i < count; ++i)
            values.push_back(from + step * static_cast<float>(i * 7 % 11));
        return onnx::initializer(onnx::floats(name, dims, values));
    };
    const auto norm = [&](const std::string& name, std::int64_t channels) {
        return tensor(name + ".g", {channels}, 0.5F, 0.1F) +
               tensor(name + ".b", {channels}, -0.3F, 0.07F) +
               tensor(name + ".m", {channels}, -0.2F, 0.05F) +
               tensor(name + ".v", {channels}, 0.2F, 0.2F);
    };
    const auto use = [](const std::string& from, const std::string& to, const std::string& name) {
        return onnx::node("BatchNormalization",
                          {from, name + ".g", name + ".b", name + ".m", name + ".v"}, {to});
    };
    return onnx::input("x", 1, {2, 3, 6, 6}) + onnx::output("y") +
           tensor("w1", {4, 3, 3, 3}, -0.4F, 0.08F) + tensor("b1", {4}, 0.1F, 0.1F) +
           tensor("w2", {5, 4, 1, 1}, -0.3F, 0.05F) + norm("n1", 4) + norm("n2", 5) +
           norm("n3", 5) + onnx::node("Conv", {"x", "w1", "b1"}, {"a"}) + use("a", "b", "n1") +
           onnx::node("Relu", {"b"}, {"c"}) + onnx::node("Conv", {"c", "w2"}, {"d"}) +
           use("d", "e", "n2") + onnx::node("Relu", {"e"}, {"f"}) + use("f", "y", "n3");
}

TinyKeras normedKeras()
{
    TinyKeras net({6, 6, 3});
    const auto norm = [&](const std::string& name, hsize_t channels) {
        net.add(name, "BatchNormalization", {{"axis", {-1}}, {"epsilon", 1e-3}},
                {TinyKeras::weight("gamma", {channels}, 0.1, 1),
                 TinyKeras::weight("beta", {channels}, 0.2),
                 TinyKeras::weight("moving_mean", {channels}, 0.3),
                 TinyKeras::weight("moving_variance", {channels}, 0.4, 0.8)});
    };
    net.add("conv", "Conv2D",
            {{"filters", 4}, {"kernel_size", {3, 3}}, {"padding", "same"}, {"use_bias", false}},
            {TinyKeras::weight("kernel", {3, 3, 3, 4}, 0.7)});
    norm("conv_norm", 4);
    net.add("pool", "GlobalAveragePooling2D");
    net.add("dense", "Dense", {{"units", 5}},
            {TinyKeras::weight("kernel", {4, 5}, 0.1), TinyKeras::weight("bias", {5}, 0.2)});
    norm("dense_norm", 5);
    return net;
}

class NotingMonitor final : public Monitor
{
public:
    void note(std::string_view line) override { notes.emplace_back(line); }
    std::vector<std::string> notes;
};

std::vector<float> outputOf(const std::shared_ptr<const Model>& model, const Run* run)
{
    Weights weights(model, std::uint64_t(1) << 24);
    if (run)
        applyRun(*model, *run, weights);
    Shape shape = model->graph.inputs.front().shape;
    shape.front() = 2;
    Tensor x(shape);
    double at = 0;
    for (float& value : x.floats())
        value = static_cast<float>(std::sin(at += 0.9));
    std::vector<Tensor> inputs;
    inputs.push_back(std::move(x));
    const Tensor y = std::move(Executor(*model, weights).run(std::move(inputs), Monitor()).front());
    return {y.floats().begin(), y.floats().end()};
}

void requireNear(const std::vector<float>& a, const std::vector<float>& b, float relative)
{
    QCOMPARE(a.size(), b.size());
    float largest = 0;
    for (const float value : b)
        largest = std::max(largest, std::abs(value));
    for (std::size_t i = 0; i < a.size(); ++i)
        QVERIFY(std::abs(a[i] - b[i]) <= relative * largest);
}

/// Where the element of a stored tensor stands in out × in, by the definition of each operator.
std::pair<std::int64_t, std::int64_t> place(const std::string& tensor, std::int64_t i)
{
    if (tensor == "square.weight")
        return {i % 32, i / 32};
    if (tensor == "wide" || tensor == "dense/kernel:0")
        return {i % 5, i / 5};
    if (tensor == "plain")
        return {i / 6, i % 6};
    if (tensor == "conv")
        return {i / 12, i % 12};
    if (tensor == "up") { // [2 groups · 2 in, 2 out, 1, 3]
        const std::int64_t in = i / 6;
        return {in / 2 * 2 + i / 3 % 2, in % 2 * 3 + i % 3};
    }
    if (tensor == "table")
        return {i / 3, i % 3};
    if (tensor == "conv/kernel:0") // [2, 2, 3 in, 4 out]
        return {i % 4, i / 4 % 3 * 4 + i / 12};
    if (tensor == "depthwise/depthwise_kernel:0") // [2, 2, 3, 1]
        return {i % 3, i / 3};
    return {-1, -1};
}

ExportRequest requestFor(const std::shared_ptr<const Model>& model,
                         const std::shared_ptr<const Run>& run, ExportFormat format,
                         const fs::path& output)
{
    ExportRequest request;
    request.model = model;
    request.run = run;
    request.format = format;
    request.output = output;
    return request;
}

} // namespace

class TestContainerExport : public QObject
{
    Q_OBJECT

private slots:
    void writesWeightsWhereTheyWere_data()
    {
        QTest::addColumn<bool>("keras");
        QTest::newRow("ONNX") << false;
        QTest::newRow("Keras") << true;
    }

    void writesWeightsWhereTheyWere()
    {
        QFETCH(bool, keras);
        TemporaryFolder folder;
        const auto model = keras ? kerasModel(folder / "m.h5") : onnxModel(folder / "m.onnx");
        const auto run = quantized(model);
        const auto request = requestFor(model, run, ExportFormat::Safetensors, folder / "out");
        Monitor monitor;
        const ExportResult result = exportRun(request, monitor);
        bool said = false;
        for (const PreflightNote& note : result.notes)
            said = said || note.message.find(keras ? "Keras" : "ONNX") != std::string::npos;
        QVERIFY(said);

        const auto written = openSafetensors(mapFile(folder / "out/model.safetensors"));
        QCOMPARE(written->tensors().size(), model->source.tensors->tensors().size());
        std::size_t compared = 0;
        for (const LayerResult& layer : run->layers) {
            if (!layer.weight)
                continue;
            const std::string& tensor = model->findLayer(layer.name)->weight;
            const Tensor found = written->readFloat(tensor);
            QVERIFY(found.shape() == model->source.tensors->find(tensor)->shape);
            const Tensor original = model->source.tensors->readFloat(tensor);
            const Tensor expected = dequantize(*layer.weight);
            for (std::int64_t i = 0; i < found.count(); ++i) {
                const auto [row, col] = place(tensor, i);
                QVERIFY(row >= 0 && row < layer.weight->rows);
                const float value = found.floats()[static_cast<std::size_t>(i)];
                const float wanted =
                    expected.floats()[static_cast<std::size_t>(row * layer.weight->cols + col)];
                QCOMPARE(std::bit_cast<std::uint32_t>(value), std::bit_cast<std::uint32_t>(wanted));
                // Rounding by output channel: within half a step of that channel.
                const auto scale =
                    static_cast<double>(layer.weight->scales[static_cast<std::size_t>(row)]);
                QVERIFY(std::abs(static_cast<double>(
                            value - original.floats()[static_cast<std::size_t>(i)])) <=
                        0.51 * scale);
            }
            ++compared;
        }
        QCOMPARE(compared, keras ? std::size_t(3) : std::size_t(5)); // the table stays float

        VerifyResult verdict = verifyExport(request.output, *run, *model, monitor);
        for (const Mismatch& mismatch : verdict.mismatches)
            QFAIL((mismatch.layer + ": " + mismatch.message).c_str());
        QVERIFY(verdict.equal && verdict.checked > 0);

        // A transposed weight written untransposed is what verify must see.
        std::vector<TensorToWrite> wrong;
        const std::string victim = keras ? "dense/kernel:0" : "wide";
        for (const TensorInfo& info : written->tensors())
            wrong.push_back({info.name, info.dtype, info.shape, [&written, &info, &victim] {
                                 Tensor value = written->read(info.name);
                                 if (info.name == victim)
                                     value =
                                         storedOfMatrix(std::move(value),
                                                        weightLayout({5, 3}, {1, 0}), info.shape);
                                 return value;
                             }});
        const auto metadata = safetensorsMetadata(*mapFile(folder / "out/model.safetensors"));
        writeSafetensors(folder / "out/model.safetensors", std::move(wrong), metadata, monitor);
        verdict = verifyExport(request.output, *run, *model, monitor);
        QVERIFY(!verdict.equal);
        QCOMPARE(verdict.mismatches.size(), std::size_t(1));
        QCOMPARE(verdict.mismatches[0].layer, victim);
    }

    void archivesKeepTheirEntries()
    {
        TemporaryFolder folder;
        archive(folder / "few.keras");
        const auto source = mapFile(folder / "few.keras");
        const ZipArchive whole(source);
        std::vector<ZipContent> contents;
        whole.readEach([](const ZipEntry& entry) { return entry.name != "metadata.json"; },
                       [&](const ZipEntry& entry, std::vector<std::byte> bytes) {
                           QCOMPARE(bytes.empty(), entry.name == "metadata.json");
                           contents.push_back({entry.name, whole.read(entry.name), false});
                       });
        QCOMPARE(contents.size(), whole.entries().size());
        const auto written = [&](const char* name, int assets) {
            std::vector<ZipContent> more = contents;
            for (int i = 0; i < assets; ++i)
                more.push_back({"assets/" + std::to_string(i), {std::byte(i % 251)}, false});
            const std::vector<std::byte> zip = zipOf(more);
            std::ofstream(folder / name, std::ios::binary)
                .write(reinterpret_cast<const char*>(zip.data()),
                       static_cast<std::streamsize>(zip.size()));
            return openModel(folder / name);
        };
        Monitor monitor;
        auto model = written("some.keras", 300);
        auto request =
            requestFor(model, quantized(model), ExportFormat::Keras, folder / "some-out.keras");
        (void)exportRun(request, monitor);
        const ZipArchive exported(mapFile(request.output));
        QCOMPARE(exported.entries().size(), whole.entries().size() + 300);
        for (int i = 0; i < 300; ++i)
            QCOMPARE(exported.read("assets/" + std::to_string(i)),
                     std::vector<std::byte>{std::byte(i % 251)});
        // Nobody writes thousands, which would take their time.
        model = written("many.keras", 1001);
        request =
            requestFor(model, quantized(model), ExportFormat::Keras, folder / "many-out.keras");
        QVERIFY_EXCEPTION_THROWN((void)exportRun(request, monitor), Error);
        QVERIFY(!fs::exists(request.output));
    }

    void fingerprintsKnowTheNetwork()
    {
        TemporaryFolder folder;
        const auto fingerprintOf = [&](const char* file, const char* activation) {
            TinyKeras net({7});
            net.add(
                "dense", "Dense", {{"activation", activation}},
                {TinyKeras::weight("kernel", {7, 5}, 0.1), TinyKeras::weight("bias", {5}, 0.2)});
            net.writeArchive(folder / file, {{"dense", "dense"}});
            return openModel(folder / file)->source.fingerprint;
        };
        QCOMPARE(fingerprintOf("a.keras", "relu"), fingerprintOf("b.keras", "relu"));
        QVERIFY(fingerprintOf("a.keras", "relu") != fingerprintOf("c.keras", "tanh"));
    }

    void writesTheSourceItself_data()
    {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("tensor");
        QTest::newRow("ONNX") << "m.onnx"
                              << "wide";
        QTest::newRow("Keras HDF5") << "m.h5"
                                    << "dense/kernel:0";
        QTest::newRow("Keras archive") << "m.keras"
                                       << "dense/kernel";
    }

    void writesTheSourceItself()
    {
        QFETCH(QString, file);
        QFETCH(QString, tensor);
        TemporaryFolder folder;
        const fs::path path = folder / file.toStdString();
        const bool isArchive = path.extension() == ".keras";
        if (isArchive)
            archive(path);
        const auto model = isArchive                     ? openModel(path)
                           : path.extension() == ".onnx" ? onnxModel(path)
                                                         : kerasModel(path);
        const auto run = quantized(model);
        const auto format = path.extension() == ".onnx" ? ExportFormat::Onnx : ExportFormat::Keras;
        fs::create_directory(folder / "out");
        const fs::path out = folder / "out" / path.filename();
        const auto request = requestFor(model, run, format, out);
        Monitor monitor;
        const ExportResult result = exportRun(request, monitor);
        QCOMPARE(result.files, std::vector<fs::path>{out});
        QCOMPARE(result.bytes, fs::file_size(out));
        if (!isArchive)
            QCOMPARE(fs::file_size(out), fs::file_size(path));

        // The export is a model of its own, whose weights are the run's.
        const auto exported = openModel(out);
        std::size_t compared = 0;
        for (const LayerResult& layer : run->layers) {
            if (!layer.weight)
                continue;
            const Layer& place = *exported->findLayer(layer.name);
            const Tensor expected =
                storedOfMatrix(dequantize(*layer.weight), place.layout, place.shape);
            const Tensor found = exported->source.tensors->readFloat(place.weight);
            QVERIFY(std::equal(found.floats().begin(), found.floats().end(),
                               expected.floats().begin(), expected.floats().end()));
            ++compared;
        }
        QVERIFY(compared >= 1);
        VerifyResult verdict = verifyExport(out, *run, *model, monitor);
        for (const Mismatch& mismatch : verdict.mismatches)
            QFAIL((mismatch.layer + ": " + mismatch.message).c_str());
        QVERIFY(verdict.equal && verdict.checked > 0);

        // What is there already stays: an earlier export, and the model itself.
        QVERIFY_EXCEPTION_THROWN((void)exportRun(request, monitor), Error);
        QVERIFY_EXCEPTION_THROWN((void)exportRun(requestFor(model, run, format, path), monitor),
                                 Error);
        const auto other = format == ExportFormat::Onnx ? ExportFormat::Keras : ExportFormat::Onnx;
        QVERIFY_EXCEPTION_THROWN(
            (void)exportRun(requestFor(model, run, other, folder / "x"), monitor), Error);

        // The original is no export of the run: its weights are not rounded.
        verdict = verifyExport(path, *run, *model, monitor);
        QVERIFY(!verdict.equal);
        bool named = false;
        for (const Mismatch& mismatch : verdict.mismatches)
            named = named || mismatch.layer == tensor.toStdString();
        QVERIFY(named);
    }

    /// Elements in typed fields, one by one or packed, varints, and in another file.
    void writesTypedAndExternalData()
    {
        TemporaryFolder folder;
        const std::vector<float> values{0.3F, -1.7F, 2.9F, 0.1F, -0.6F, 1.1F};
        std::string single; // float_data that is not packed
        for (const float value : values)
            single += onnx::varint(4 << 3 | 5) + onnx::raw(std::vector<float>{value});
        std::string halves; // float16 in int32_data
        for (int i = 0; i < 6; ++i)
            halves += onnx::number(5, 0x3C00 + 37 * i);
        const auto entry = [](const char* key, const char* value) {
            return onnx::bytes(13, onnx::bytes(1, key) + onnx::bytes(2, value));
        };
        fs::create_directory(folder / "parts");
        const std::string outside = "ab" + onnx::raw(values) + "yz";
        std::ofstream(folder / "parts/data.bin", std::ios::binary) << outside;
        std::string nodes;
        for (const char* name : {"single", "packed", "halves", "outside"})
            nodes += onnx::node("MatMul", {"x", name}, {std::string("y") + name});
        std::ofstream(folder / "m.onnx", std::ios::binary) << onnx::model(
            onnx::initializer(onnx::head("single", 1, {2, 3}) + single) +
            onnx::initializer(onnx::head("packed", 1, {2, 3}) + onnx::bytes(4, onnx::raw(values))) +
            onnx::initializer(onnx::head("halves", 10, {2, 3}) + halves) +
            onnx::initializer(onnx::head("outside", 1, {2, 3}) +
                              entry("location", "parts/data.bin") + entry("offset", "2") +
                              onnx::number(14, 1)) +
            nodes);
        const auto model = openModel(folder / "m.onnx");
        const auto run = quantized(model);
        Monitor monitor;
        const fs::path out = folder / "there/o.onnx";
        const auto request = requestFor(model, run, ExportFormat::Onnx, out);
        const ExportResult result = exportRun(request, monitor);
        QCOMPARE(result.files, (std::vector<fs::path>{out, folder / "there/parts/data.bin"}));
        bool stays = false;
        for (const PreflightNote& note : result.notes)
            stays = stays || (note.layer == "halves" && note.staysFloat);
        QVERIFY(stays);

        const auto exported = openModel(out);
        for (const LayerResult& layer : run->layers) {
            QVERIFY(layer.weight);
            const Layer& place = *exported->findLayer(layer.name);
            const Tensor found = exported->source.tensors->readFloat(place.weight);
            const Tensor expected =
                layer.name == "halves"
                    ? model->source.tensors->readFloat("halves")
                    : storedOfMatrix(dequantize(*layer.weight), place.layout, place.shape);
            QVERIFY2(std::equal(found.floats().begin(), found.floats().end(),
                                expected.floats().begin(), expected.floats().end()),
                     layer.name.c_str());
        }
        const std::string written = TinyKeras::contentOf(folder / "there/parts/data.bin");
        QCOMPARE(written.size(), outside.size());
        QVERIFY(written.starts_with("ab") && written.ends_with("yz"));
        // verify says which weight is not the run's.
        const VerifyResult verdict = verifyExport(out, *run, *model, monitor);
        QCOMPARE(verdict.mismatches.size(), std::size_t(1));
        QCOMPARE(verdict.mismatches[0].layer, std::string("halves"));
    }

    void verifySeesBytesBesideTheWeights()
    {
        TemporaryFolder folder;
        const auto model = onnxModel(folder / "m.onnx");
        const auto run = quantized(model);
        Monitor monitor;
        const fs::path out = folder / "out.onnx";
        (void)exportRun(requestFor(model, run, ExportFormat::Onnx, out), monitor);
        std::fstream file(out, std::ios::in | std::ios::out | std::ios::binary);
        std::string bytes{std::istreambuf_iterator<char>(file), {}};
        const auto at = bytes.rfind("Gather"); // a node's operator
        QVERIFY(at != std::string::npos);
        file.clear();
        file.seekp(static_cast<std::streamoff>(at));
        file << "Bather";
        file.close();
        const VerifyResult verdict = verifyExport(out, *run, *model, monitor);
        QVERIFY(!verdict.equal);
        QCOMPARE(verdict.mismatches.size(), std::size_t(1));
        QVERIFY(verdict.mismatches[0].message.find("where no tensor lies") != std::string::npos);
    }

    void hdf5HoldsThemByChannel()
    {
        TemporaryFolder folder;
        const auto model = onnxModel(folder / "m.onnx");
        const auto run = quantized(model);
        const auto request = requestFor(model, run, ExportFormat::Hdf5, folder / "out.h5");
        Monitor monitor;
        (void)exportRun(request, monitor);
        const VerifyResult verdict = verifyExport(request.output, *run, *model, monitor);
        QVERIFY(verdict.equal && verdict.checked > 0);
    }

    void gptqTakesNoTransposedLayer()
    {
        TemporaryFolder folder;
        const auto model = onnxModel(folder / "m.onnx");
        const auto request =
            requestFor(model, quantized(model), ExportFormat::Gptq, folder / "out");
        const auto notes = preflight(request);
        QVERIFY(std::any_of(notes.begin(), notes.end(), [](const PreflightNote& note) {
            return note.layer == "square" && note.staysFloat &&
                   note.message.find("inputs × outputs") != std::string::npos;
        }));
        Monitor monitor;
        QVERIFY_EXCEPTION_THROWN((void)exportRun(request, monitor), Error);
    }

    void foldedNormsGoIntoTheModelsOwnFile_data()
    {
        QTest::addColumn<QString>("file");
        QTest::newRow("ONNX") << "m.onnx";
        QTest::newRow("Keras 2") << "m.h5";
        QTest::newRow("Keras 3") << "m.keras";
    }

    void foldedNormsGoIntoTheModelsOwnFile()
    {
        QFETCH(QString, file);
        const std::string name = file.toStdString();
        TemporaryFolder folder;
        if (name == "m.onnx")
            std::ofstream(folder / name, std::ios::binary) << onnx::model(normedGraph(), 13);
        else if (name == "m.h5")
            normedKeras().writeH5(folder / name);
        else
            normedKeras().writeArchive(folder / name, {{"conv", "conv2d"},
                                                       {"conv_norm", "batch_normalization"},
                                                       {"dense", "dense"},
                                                       {"dense_norm", "batch_normalization_1"}});
        const auto model = openModel(folder / name);
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());

        QuantizeRequest request;
        request.model = model;
        request.recipe.standard.scheme = {8, Granularity::Channel, 0, false, DType::F32};
        request.recipe.standard.method = RtnOptions{};
        request.recipe.foldBatchNorms = true;
        NotingMonitor monitor;
        const auto run = quantize(request, monitor);
        QVERIFY(run->recipe.foldBatchNorms);
        QVERIFY(
            std::any_of(monitor.notes.begin(), monitor.notes.end(), [](const std::string& note) {
                return note.find("folded into the layers before them") != std::string::npos;
            }));
        const auto folded = preparedModel(model, run->recipe);
        QVERIFY(folded != model);
        const std::vector<float> floats = outputOf(model, nullptr);
        requireNear(outputOf(folded, nullptr), floats, 1e-5F);
        const std::vector<float> quantized = outputOf(folded, run.get());
        requireNear(quantized, floats, 0.05F);
        QVERIFY(quantized != outputOf(folded, nullptr));

        // Either model may be given: both are brought to what the run was made of.
        const ExportFormat format = name == "m.onnx" ? ExportFormat::Onnx : ExportFormat::Keras;
        const fs::path written = folder / ("out-" + name);
        (void)exportRun(requestFor(model, run, format, written), monitor);
        for (const auto& given : {model, folded}) {
            const VerifyResult verdict = verifyExport(written, *run, *given, monitor);
            for (const Mismatch& mismatch : verdict.mismatches)
                QFAIL((mismatch.layer + ": " + mismatch.message).c_str());
            QVERIFY(verdict.equal);
        }
        // To whoever loads it, norms and all.
        const auto loaded = openModel(written);
        QVERIFY2(loaded->canRun(), loaded->whyNotRunnable.c_str());
        QCOMPARE(loaded->graph.nodes.size(), model->graph.nodes.size());
        requireNear(outputOf(loaded, nullptr), quantized, 1e-5F);
        // Without the fold it is another network.
        Run plain = *run;
        plain.recipe.foldBatchNorms = false;
        QVERIFY(!verifyExport(written, plain, *model, monitor).equal);
        // As safetensors the same weights.
        (void)exportRun(requestFor(model, run, ExportFormat::Safetensors, folder / "out"), monitor);
        QVERIFY(verifyExport(folder / "out", *run, *model, monitor).equal);

        // Stale results, whichever way the recipe changes.
        const Results results = resultsOf(*run);
        QVERIFY(staleLayers(*folded, run->recipe, results).empty());
        QVERIFY(!staleLayers(*model, plain.recipe, results).empty());
        // The run file keeps it.
        writeRun(*run, folder / "run.gradus", monitor);
        QVERIFY(readRun(folder / "run.gradus")->recipe == run->recipe);
        QVERIFY(hasFoldedNorms(*preparedModel(openRunModel(*run, {}), run->recipe)));
    }
};

QTEST_GUILESS_MAIN(TestContainerExport)
#include "tst_container_export.moc"
