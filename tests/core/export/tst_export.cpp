// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/export/export.h"
#include "core/io/byte_source.h"
#include "core/io/safetensors.h"
#include "tests/support/sample_model.h"

#include <QtTest>
#include <sys/resource.h>

#include <csignal>
#include <cstring>

/// libhdf5 leaks in its own error paths: damaged headers, files that cannot be written out.
extern "C" const char* __lsan_default_suppressions()
{
    return "leak:libhdf5";
}

using namespace gradus;
using namespace gradus::test;

namespace {

const Scheme fourBits{4, Granularity::Group, 32, false, DType::F16};

ExportRequest requestFor(const std::shared_ptr<const Model>& model,
                         const std::shared_ptr<const Run>& run, ExportFormat format,
                         const std::filesystem::path& output)
{
    ExportRequest request;
    request.model = model;
    request.run = run;
    request.format = format;
    request.output = output;
    return request;
}

bool verified(const ExportRequest& request)
{
    Monitor monitor;
    const VerifyResult verdict =
        verifyExport(request.output, *request.run, *request.model, monitor);
    for (const Mismatch& mismatch : verdict.mismatches)
        std::fprintf(stderr, "%s: %s\n", mismatch.layer.c_str(), mismatch.message.c_str());
    return verdict.equal && verdict.checked > 0;
}

std::string problemOf(const ExportRequest& request, ErrorCode expected)
{
    Monitor monitor;
    try {
        (void)exportRun(request, monitor);
    } catch (const Error& error) {
        return error.code() == expected ? error.what()
                                        : "another code: " + std::string(error.what());
    }
    return {};
}

bool contains(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

class TestExport : public QObject
{
    Q_OBJECT

private slots:
    void formatNames()
    {
        for (const ExportFormat format :
             {ExportFormat::Safetensors, ExportFormat::Gptq, ExportFormat::Hdf5})
            QVERIFY(exportFormatFromName(exportFormatName(format)) == format);
        QVERIFY(!exportFormatFromName("gguf"));
    }

    void dequantizedIsADropIn_data()
    {
        QTest::addColumn<int>("dtype");
        for (const DType dtype : {DType::F16, DType::BF16, DType::F32, DType::F64})
            QTest::newRow(std::string(dtypeName(dtype)).c_str()) << static_cast<int>(dtype);
    }
    void dequantizedIsADropIn()
    {
        QFETCH(int, dtype);
        const auto type = static_cast<DType>(dtype);
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m", type);
        const auto run =
            sampleRunOf(*model, {{"_proj", fourBits},
                                 {"embed_tokens", {8, Granularity::Channel, 0, true, DType::F32}}});
        const auto request = requestFor(model, run, ExportFormat::Safetensors, folder / "out");
        Monitor monitor;
        const ExportResult result = exportRun(request, monitor);
        QCOMPARE(namesIn(folder / "out"),
                 std::string("config.json model.safetensors tokenizer.json"));
        QCOMPARE(namesIn(folder.path()), std::string("m out"));
        QCOMPARE(result.files.size(), std::size_t(3));
        QVERIFY(fileBytes(folder / "out" / "config.json") ==
                fileBytes(folder / "m" / "config.json"));
        QVERIFY(fileBytes(folder / "out" / "tokenizer.json") ==
                fileBytes(folder / "m" / "tokenizer.json"));
        QCOMPARE(safetensorsMetadata(*mapFile(folder / "out" / "model.safetensors")).at("format"),
                 std::string("pt"));
        const auto back = openModel(folder / "out");
        const auto& tensors = model->source.tensors->tensors();
        QCOMPARE(back->source.tensors->tensors().size(), tensors.size());
        for (const TensorInfo& info : tensors) {
            const TensorInfo* found = back->source.tensors->find(info.name);
            QVERIFY(found && found->dtype == info.dtype && found->shape == info.shape);
            const Tensor actual = back->source.tensors->read(info.name);
            const LayerResult* layer = info.name.ends_with(".weight")
                                           ? run->find(info.name.substr(0, info.name.size() - 7))
                                           : nullptr;
            Tensor expected = model->source.tensors->read(info.name);
            if (layer && layer->weight)
                expected = fromFloat(dequantize(*layer->weight).floats(), info.dtype, info.shape);
            QVERIFY2(std::memcmp(actual.bytes().data(), expected.bytes().data(),
                                 expected.bytes().size()) == 0,
                     info.name.c_str());
        }
        QVERIFY(verified(request));
    }

    void aBareFileExports()
    {
        const TemporaryFolder folder;
        writeSampleTensors(folder / "w.safetensors", {{"a.weight", {32, 64}}, {"scalar", {}}});
        const auto model = openModel(folder / "w.safetensors");
        const auto run = sampleRunOf(*model, {{"a", fourBits}});
        for (const ExportFormat format : {ExportFormat::Safetensors, ExportFormat::Gptq}) {
            const auto request =
                requestFor(model, run, format, folder / std::string(exportFormatName(format)));
            Monitor monitor;
            const ExportResult result = exportRun(request, monitor);
            QVERIFY(!result.notes.empty()); // no config.json
            QVERIFY(verified(request));
        }
        QCOMPARE(namesIn(folder / "safetensors"), std::string("model.safetensors"));
        QCOMPARE(namesIn(folder / "gptq"), std::string("model.safetensors quantize_config.json"));
    }

    void hdf5HoldsNoPaths()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m");
        const auto run = sampleRunOf(*model, {{"_proj", fourBits}});
        const auto request = requestFor(model, run, ExportFormat::Hdf5, folder / "x.h5");
        Monitor monitor;
        (void)exportRun(request, monitor);
        (void)exportRun(request, monitor); // over an earlier one
        QVERIFY(verified(request));
        const std::string bytes = fileBytes(folder / "x.h5");
        QVERIFY(!contains(bytes, folder.path().string()));
        QVERIFY(!contains(bytes, "/home/somebody"));
        const auto back = readRun(folder / "x.h5");
        QCOMPARE(back->layers.size(), run->layers.size());
        writeBytes(folder / "foreign.h5", "something else");
        QVERIFY(
            contains(problemOf(requestFor(model, run, ExportFormat::Hdf5, folder / "foreign.h5"),
                               ErrorCode::Usage),
                     "foreign.h5"));
        QCOMPARE(fileBytes(folder / "foreign.h5"), std::string("something else"));
    }

    void replacesAnEarlierExport()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m");
        const auto run = sampleRunOf(*model, {{"_proj", fourBits}});
        Monitor monitor;
        const auto gptq = requestFor(model, run, ExportFormat::Gptq, folder / "out");
        (void)exportRun(gptq, monitor);
        (void)exportRun(gptq, monitor);
        QVERIFY(verified(gptq));
        // Another format: nothing of the old one stays.
        const auto plain = requestFor(model, run, ExportFormat::Safetensors, folder / "out/");
        (void)exportRun(plain, monitor);
        QCOMPARE(namesIn(folder / "out"),
                 std::string("config.json model.safetensors tokenizer.json"));
        QVERIFY(verified(plain));
        QCOMPARE(namesIn(folder.path()), std::string("m out"));
    }

    void keepsForeignFiles()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m");
        const auto run = sampleRunOf(*model, {{"_proj", fourBits}});
        Monitor monitor;
        const auto request = requestFor(model, run, ExportFormat::Gptq, folder / "out");
        std::filesystem::create_directory(folder / "out");
        (void)exportRun(request, monitor); // an empty folder is fine
        writeBytes(folder / "out" / "NOTES.md", "mine");
        const std::string before = fileBytes(folder / "out" / "model.safetensors");
        QVERIFY(contains(problemOf(request, ErrorCode::Usage), "NOTES.md"));
        QCOMPARE(fileBytes(folder / "out" / "NOTES.md"), std::string("mine"));
        QVERIFY(fileBytes(folder / "out" / "model.safetensors") == before);

        std::filesystem::create_directory(folder / "photos");
        writeBytes(folder / "photos" / "a.jpg", "x");
        QVERIFY(
            contains(problemOf(requestFor(model, run, ExportFormat::Safetensors, folder / "photos"),
                               ErrorCode::Usage),
                     "a.jpg"));
        writeBytes(folder / "file", "x");
        QVERIFY(
            contains(problemOf(requestFor(model, run, ExportFormat::Safetensors, folder / "file"),
                               ErrorCode::Usage),
                     "it is a file"));
        // The model itself, and another model that is no export of ours.
        QVERIFY(contains(problemOf(requestFor(model, run, ExportFormat::Safetensors, folder / "m"),
                                   ErrorCode::Usage),
                         "the model itself"));
        (void)sampleModel(folder / "other");
        QVERIFY(
            contains(problemOf(requestFor(model, run, ExportFormat::Safetensors, folder / "other"),
                               ErrorCode::Usage),
                     "other"));
        QCOMPARE(namesIn(folder.path()), std::string("file m other out photos"));
    }

    void anotherModelIsRefused()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m");
        std::filesystem::create_directory(folder / "n");
        writeSampleTensors(folder / "n" / "model.safetensors", {{"x.weight", {32, 32}}});
        const auto other = openModel(folder / "n");
        const auto run = sampleRunOf(*model, {{"_proj", fourBits}});
        for (const ExportFormat format :
             {ExportFormat::Safetensors, ExportFormat::Gptq, ExportFormat::Hdf5})
            QVERIFY(contains(
                problemOf(requestFor(other, run, format, folder / "out"), ErrorCode::Usage),
                "not of this model"));
    }

    void sharedTensorsNeedOneWeight()
    {
        const TemporaryFolder folder;
        auto model = std::make_shared<Model>(*sampleModel(folder / "m"));
        Layer tied = *model->findLayer("model.embed_tokens");
        tied.name = "tied_head";
        tied.kind = LayerKind::Linear;
        model->layers.push_back(tied);
        auto run = sampleRunOf(*model, {{"embed_tokens", fourBits}, {"q_proj", fourBits}});
        const auto request = requestFor(model, run, ExportFormat::Safetensors, folder / "out");
        Monitor monitor;
        const ExportResult result = exportRun(request, monitor);
        QVERIFY(result.notes.front().layer == "model.embed_tokens" &&
                result.notes.front().staysFloat);
        QVERIFY(verified(request));
        run->layers.back().weight = run->find("model.embed_tokens")->weight; // now they agree
        QVERIFY(!exportRun(request, monitor).notes.front().staysFloat);
        QVERIFY(verified(request));
    }

    void trainedFloatsAreWrittenAndCompared()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m");
        auto run = sampleRunOf(*model, {{"_proj", fourBits}});
        const std::string norm = "model.layers.0.input_layernorm.weight"; // F32
        const std::string bias = "model.layers.0.self_attn.v_proj.bias";  // F16
        const auto outcome = std::make_shared<TuningOutcome>();
        outcome->name = "model.layers.0";
        outcome->block = 0;
        const auto parameter = [](const Shape& shape, float value) {
            Tensor tensor(shape);
            std::fill(tensor.floats().begin(), tensor.floats().end(), value);
            return std::make_shared<const Tensor>(std::move(tensor));
        };
        outcome->parameters[norm] = parameter({64}, 1.0009F);
        outcome->parameters[bias] = parameter({32}, 0.375F);
        for (LayerResult& layer : run->layers)
            if (layer.weight)
                layer.tunings = {outcome};
        Monitor monitor;
        for (const ExportFormat format :
             {ExportFormat::Safetensors, ExportFormat::Gptq, ExportFormat::Hdf5}) {
            const auto request =
                requestFor(model, run, format, folder / std::string(exportFormatName(format)));
            const ExportResult result = exportRun(request, monitor);
            QVERIFY(contains(result.notes.back().message, "2 float tensors"));
            QVERIFY(contains(result.notes.back().message, norm));
            QVERIFY(verified(request));
            if (format != ExportFormat::Hdf5) {
                const auto file = openSafetensors(mapFile(request.output / "model.safetensors"));
                QVERIFY(file->find(bias)->dtype == DType::F16);
                QCOMPARE(file->readFloat(bias).floats()[3], 0.375F);
                QVERIFY(file->readFloat(norm).floats()[63] == 1.0009F);
            }
            // Another training is no match, nor is none.
            auto other = std::make_shared<Run>(*run);
            auto moved = std::make_shared<TuningOutcome>(*outcome);
            moved->parameters[norm] = parameter({64}, 1.001F);
            for (LayerResult& layer : other->layers)
                if (layer.weight)
                    layer.tunings = {moved};
            QVERIFY(!verifyExport(request.output, *other, *model, monitor).equal);
            for (LayerResult& layer : other->layers)
                layer.tunings.clear();
            QVERIFY(!verifyExport(request.output, *other, *model, monitor).equal);
        }
        // Tensors that the model has not, or not so, are refused.
        outcome->parameters[norm] = parameter({63}, 1);
        for (const ExportFormat format :
             {ExportFormat::Safetensors, ExportFormat::Gptq, ExportFormat::Hdf5})
            QVERIFY(contains(
                problemOf(requestFor(model, run, format, folder / "out"), ErrorCode::Shape), norm));
        outcome->parameters.erase(norm);
        outcome->parameters["nowhere"] = parameter({2}, 1);
        QVERIFY(
            contains(problemOf(requestFor(model, run, ExportFormat::Safetensors, folder / "out"),
                               ErrorCode::Usage),
                     "nowhere"));
    }

    void cancelsAtEveryCheckpoint()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m");
        const auto run = sampleRunOf(*model, {{"_proj", fourBits}});
        for (const ExportFormat format :
             {ExportFormat::Safetensors, ExportFormat::Gptq, ExportFormat::Hdf5}) {
            bool finished = false;
            int k = 0;
            for (; !finished && k < 1000; ++k) {
                StopAt monitor(k);
                try {
                    (void)exportRun(requestFor(model, run, format, folder / "out"), monitor);
                    finished = true;
                } catch (const Cancelled&) {
                    QCOMPARE(namesIn(folder.path()), std::string("m"));
                }
            }
            QVERIFY(finished);
            QVERIFY(k > 5);
            std::filesystem::remove_all(folder / "out");
        }
    }

    void aFullDiskLeavesNothing()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m");
        const auto run = sampleRunOf(*model, {{"_proj", fourBits}});
        rlimit limit{};
        getrlimit(RLIMIT_FSIZE, &limit);
        const auto handler = std::signal(SIGXFSZ, SIG_IGN);
        for (const ExportFormat format :
             {ExportFormat::Safetensors, ExportFormat::Gptq, ExportFormat::Hdf5}) {
            for (const rlim_t size : {0, 10, 1000, 10000}) {
                const rlimit small{size, limit.rlim_max};
                setrlimit(RLIMIT_FSIZE, &small);
                const std::string problem =
                    problemOf(requestFor(model, run, format, folder / "out"), ErrorCode::Io);
                setrlimit(RLIMIT_FSIZE, &limit);
                QVERIFY2(contains(problem, (folder / "out").string()), problem.c_str());
                QCOMPARE(namesIn(folder.path()), std::string("m"));
            }
        }
        std::signal(SIGXFSZ, handler);
    }

    void anUnwritableTargetIsAnError()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m");
        const auto run = sampleRunOf(*model, {{"_proj", fourBits}});
        for (const ExportFormat format :
             {ExportFormat::Safetensors, ExportFormat::Gptq, ExportFormat::Hdf5}) {
            QVERIFY(
                contains(problemOf(requestFor(model, run, format, "/nonexistent/x"), ErrorCode::Io),
                         "/nonexistent/x"));
            QVERIFY(!problemOf(requestFor(model, run, format, ""), ErrorCode::Usage).empty());
        }
    }
};

QTEST_APPLESS_MAIN(TestExport)
#include "tst_export.moc"
