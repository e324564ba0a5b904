// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/export/export.h"
#include "core/io/safetensors.h"
#include "tests/support/sample_model.h"

#include <QtTest>
#include <nlohmann/json.hpp>

#include <cstring>

using namespace gradus;
using namespace gradus::test;
using Json = nlohmann::ordered_json;

namespace {

const std::string query = "model.layers.0.self_attn.q_proj";

struct Fixture
{
    TemporaryFolder folder;
    std::shared_ptr<const Model> model = sampleModel(folder / "m");
    std::shared_ptr<Run> run =
        sampleRunOf(*model, {{"q_proj", {4, Granularity::Group, 32, false, DType::F16}},
                             {"k_proj", {3, Granularity::Group, 32, false, DType::F16}},
                             {"up_proj", {8, Granularity::Channel, 0, true, DType::F16}},
                             {"o_proj", {4, Granularity::Group, 32, false, DType::F16}}});
    std::filesystem::path out = folder / "out";

    void write(ExportFormat format)
    {
        Monitor monitor;
        ExportRequest request;
        request.model = model;
        request.run = run;
        request.format = format;
        request.output = out;
        (void)exportRun(request, monitor);
    }
    VerifyResult verify() const
    {
        Monitor monitor;
        return verifyExport(out, *run, *model, monitor);
    }
    /// True when there is a mismatch of that layer that says that text.
    bool finds(const std::string& layer, const std::string& text) const
    {
        const VerifyResult result = verify();
        bool found = false;
        for (const Mismatch& mismatch : result.mismatches) {
            found = found ||
                    (mismatch.layer == layer && mismatch.message.find(text) != std::string::npos);
            if (!found)
                std::fprintf(stderr, "%s: %s\n", mismatch.layer.c_str(), mismatch.message.c_str());
        }
        return found && !result.equal;
    }
    /// Flips one bit of a tensor in the exported file.
    void flip(const std::string& tensor, std::size_t byte, int bit) const
    {
        const auto path = out / "model.safetensors";
        std::string bytes = fileBytes(path);
        std::uint64_t length = 0;
        std::memcpy(&length, bytes.data(), 8);
        const Json header = Json::parse(bytes.substr(8, length));
        const std::size_t at =
            8 + length + header.at(tensor).at("data_offsets").at(0).get<std::size_t>() + byte;
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
        writeBytes(path, bytes);
    }
    /// Rewrites the exported safetensors with changed tensors.
    void rewrite(const std::function<void(std::vector<TensorToWrite>&)>& change) const
    {
        const auto path = out / "model.safetensors";
        const auto file = openSafetensors(mapFile(path));
        std::vector<TensorToWrite> tensors;
        for (const TensorInfo& info : file->tensors())
            tensors.push_back({info.name, info.dtype, info.shape,
                               [file, name = info.name] { return file->read(name); }});
        change(tensors);
        Monitor monitor;
        writeSafetensors(path, std::move(tensors), safetensorsMetadata(*mapFile(path)), monitor);
    }
    void edit(const std::function<void(Json&)>& change) const
    {
        Json config = Json::parse(fileBytes(out / "quantize_config.json"));
        change(config);
        writeBytes(out / "quantize_config.json", config.dump(2));
        Json whole = Json::parse(fileBytes(out / "config.json"));
        whole["quantization_config"] = config;
        writeBytes(out / "config.json", whole.dump(2));
    }
    void changeRun(const std::string& name, const std::function<void(QuantizedWeight&)>& change)
    {
        for (LayerResult& layer : run->layers) {
            if (layer.name == name) {
                auto weight = std::make_shared<QuantizedWeight>(*layer.weight);
                change(*weight);
                layer.weight = weight;
            }
        }
    }
};

} // namespace

class TestVerify : public QObject
{
    Q_OBJECT

private slots:
    void everySingleBitOfGptqCounts_data()
    {
        QTest::addColumn<QByteArray>("layer");
        QTest::addColumn<QByteArray>("tensor");
        QTest::addColumn<int>("byte");
        QTest::addColumn<QByteArray>("message");
        const QByteArray q = QByteArray::fromStdString(query);
        const QByteArray k = "model.layers.0.self_attn.k_proj";
        QTest::newRow("code") << q << q + ".qweight" << 77 << QByteArray("qweight as codes [");
        QTest::newRow("3-bit code across words")
            << k << k + ".qweight" << 131 << QByteArray("qweight as codes [");
        QTest::newRow("first code") << q << q + ".qweight" << 0 << QByteArray("qweight as codes [");
        QTest::newRow("zero") << q << q + ".qzeros" << 9 << QByteArray("qzeros as zeros [");
        QTest::newRow("scale") << q << q + ".scales" << 20 << QByteArray("scales[0, 10]");
        QTest::newRow("g_idx") << q << q + ".g_idx" << 8 << QByteArray("g_idx[2]");
        QTest::newRow("norm") << QByteArray("model.layers.0.input_layernorm.weight")
                              << QByteArray("model.layers.0.input_layernorm.weight") << 40
                              << QByteArray("input_layernorm.weight[10]");
        QTest::newRow("float layer") << QByteArray("lm_head.weight") << QByteArray("lm_head.weight")
                                     << 128 << QByteArray("lm_head.weight[1, 0]");
        QTest::newRow("integers") << QByteArray("model.position_ids")
                                  << QByteArray("model.position_ids") << 8
                                  << QByteArray("position_ids[0, 1]");
    }
    void everySingleBitOfGptqCounts()
    {
        QFETCH(QByteArray, layer);
        QFETCH(QByteArray, tensor);
        QFETCH(int, byte);
        QFETCH(QByteArray, message);
        Fixture fixture;
        fixture.write(ExportFormat::Gptq);
        QVERIFY(fixture.verify().equal);
        for (int bit = 0; bit < 8; bit += 3) {
            fixture.flip(tensor.toStdString(), std::size_t(byte), bit);
            QVERIFY(fixture.finds(layer.toStdString(), message.toStdString()));
            QCOMPARE(fixture.verify().mismatches.size(), std::size_t(1));
            fixture.flip(tensor.toStdString(), std::size_t(byte), bit);
        }
        QVERIFY(fixture.verify().equal);
    }

    void everySingleBitOfValuesCounts()
    {
        Fixture fixture;
        fixture.write(ExportFormat::Safetensors);
        const VerifyResult good = fixture.verify();
        QVERIFY(good.equal);
        QCOMPARE(good.checked, std::int64_t(fixture.model->source.tensors->tensors().size()));
        for (const std::string& tensor : {query + ".weight", std::string("lm_head.weight"),
                                          std::string("model.layers.0.self_attn.v_proj.bias")}) {
            for (int bit = 0; bit < 8; ++bit) {
                fixture.flip(tensor, 31, bit);
                QVERIFY(fixture.finds(
                    tensor, "[" + std::string(tensor.ends_with("bias") ? "15" : "0, 15") + "]"));
                fixture.flip(tensor, 31, bit);
            }
        }
        QVERIFY(fixture.verify().equal);
    }

    void changedRunsAreSeenInHdf5()
    {
        Fixture fixture;
        fixture.write(ExportFormat::Hdf5);
        QVERIFY(fixture.verify().equal);
        const auto original = *fixture.run;
        const auto check = [&](const std::function<void(QuantizedWeight&)>& change,
                               const std::string& text) {
            fixture.changeRun(query, change);
            const bool found = fixture.finds(query, text);
            *fixture.run = original;
            return found;
        };
        QVERIFY(check([](QuantizedWeight& w) { w.codes[100] ^= 1; }, "codes[1, 36]"));
        QVERIFY(check([](QuantizedWeight& w) { w.codes.back() ^= 8; }, "codes[63, 63]"));
        QVERIFY(check([](QuantizedWeight& w) { w.zeros[3] += w.zeros[3] > 0 ? -1.0F : 1.0F; },
                      "zeros[1, 1]"));
        QVERIFY(check([](QuantizedWeight& w) { w.scales[2] *= 2; }, "scales[1, 0]"));
        QVERIFY(
            check([](QuantizedWeight& w) { w.scales[2] = std::numeric_limits<float>::quiet_NaN(); },
                  "scales[1, 0]"));
        QVERIFY(check([](QuantizedWeight& w) { w.scheme.bits = 5; }, "bits is 4, expected 5"));
        QVERIFY(check([](QuantizedWeight& w) { w.scheme.groupSize = 16; },
                      "group_size is 32, expected 16"));
        QVERIFY(check([](QuantizedWeight& w) { w.groupIndex.assign(64, 0); }, "group_index"));
        QVERIFY(fixture.verify().equal);
        fixture.run->layers.pop_back();
        QVERIFY(!fixture.verify().equal);
        *fixture.run = original;
        std::swap(fixture.run->layers[0], fixture.run->layers[1]);
        QVERIFY(fixture.finds(fixture.run->layers[0].name, "index is 1, expected 0"));
        *fixture.run = original;
        fixture.run->layers[0].name = "x";
        QVERIFY(fixture.finds("x", "missing"));
    }

    void aDamagedHdf5IsAMismatch()
    {
        Fixture fixture;
        fixture.write(ExportFormat::Hdf5);
        std::string bytes = fileBytes(fixture.out);
        bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
        writeBytes(fixture.out, bytes);
        QVERIFY(fixture.finds("", "damaged"));
    }

    void changedRunsAreSeenInGptq()
    {
        Fixture fixture;
        fixture.write(ExportFormat::Gptq);
        fixture.changeRun(query, [](QuantizedWeight& w) {
            w.scales[2] = std::numeric_limits<float>::quiet_NaN();
        });
        QVERIFY(fixture.finds(query, "scales[0, 1]"));
        fixture.changeRun(query, [](QuantizedWeight& w) { w.scheme.bits = 8; });
        QVERIFY(fixture.finds(query, "8"));
    }

    void tensorsMissingOrForeign()
    {
        Fixture fixture;
        fixture.write(ExportFormat::Gptq);
        fixture.rewrite([](auto& tensors) {
            std::erase_if(tensors, [](const TensorToWrite& t) {
                return t.name == query + ".g_idx" || t.name == "lm_head.weight";
            });
            tensors.push_back(
                {"extra", DType::F32, {1}, [] { return Tensor::zeros(DType::F32, {1}); }});
            tensors.push_back({query + ".weight", DType::F32, {1}, [] {
                                   return Tensor::zeros(DType::F32, {1});
                               }});
        });
        QVERIFY(fixture.finds(query, "g_idx is missing"));
        QVERIFY(fixture.finds("lm_head.weight", "is missing"));
        QVERIFY(fixture.finds("extra", "belongs to nothing"));
        QVERIFY(fixture.finds(query, "beside the packed"));
    }

    void shapesAndTypesCount()
    {
        Fixture fixture;
        fixture.write(ExportFormat::Gptq);
        fixture.rewrite([](auto& tensors) {
            for (TensorToWrite& t : tensors) {
                if (t.name != query + ".scales")
                    continue;
                t.dtype = DType::F32;
                t.produce = [shape = t.shape] { return Tensor::zeros(DType::F32, shape); };
            }
        });
        QVERIFY(fixture.finds(query, "scales is F32"));
    }

    void theConfigurationCounts()
    {
        Fixture fixture;
        const auto check = [&](const std::function<void(Json&)>& change, const std::string& layer,
                               const std::string& text) {
            fixture.write(ExportFormat::Gptq);
            fixture.edit(change);
            return fixture.finds(layer, text);
        };
        QVERIFY(check([](Json& c) { c["bits"] = 8; }, query, "8 bits"));
        QVERIFY(check([](Json& c) { c["group_size"] = 64; }, query, "groups of 64"));
        QVERIFY(check([](Json& c) { c["group_size"] = 0; }, query, "groups of 0"));
        QVERIFY(check([](Json& c) { c["sym"] = true; }, query, "sym"));
        QVERIFY(check([](Json& c) { c["desc_act"] = true; }, query, "desc_act"));
        QVERIFY(
            check([](Json& c) { c["checkpoint_format"] = "gptq_v2"; }, query, "qzeros as zeros"));
        QVERIFY(check([](Json& c) { c["checkpoint_format"] = "x"; }, "", "checkpoint_format"));
        QVERIFY(check([](Json& c) { c["quant_method"] = "awq"; }, "", "quant_method"));
        QVERIFY(check([](Json& c) { c.erase("bits"); }, "", "malformed"));
        QVERIFY(check([](Json& c) { c["bits"] = "4"; }, "", "malformed"));
        QVERIFY(check([](Json& c) { c.erase("dynamic"); }, "lm_head", "does not say so"));
        QVERIFY(check([](Json& c) { c["dynamic"]["-:.*q_proj"] = Json::object(); }, query,
                      "says that it is float"));
        QVERIFY(check([](Json& c) { c["dynamic"]["+:("] = Json::object(); }, "",
                      "malformed at offset"));
        QVERIFY(check([](Json& c) { c["dynamic"]["q_proj"] = Json::object(); }, "", "begins with"));
        QVERIFY(check(
            [](Json& c) {
                c["dynamic"]["+:.*q_proj"] = Json{{"bits", 2}};
            },
            query, "2 bits"));
        fixture.write(ExportFormat::Gptq);
        writeBytes(fixture.out / "quantize_config.json", "{");
        QVERIFY(fixture.finds("", "JSON"));
        fixture.write(ExportFormat::Gptq);
        Json whole = Json::parse(fileBytes(fixture.out / "config.json"));
        whole["quantization_config"]["bits"] = 2;
        writeBytes(fixture.out / "config.json", whole.dump());
        QVERIFY(fixture.finds("", "different things"));
    }

    void needlessFloatLayersAreFound()
    {
        Fixture fixture;
        auto reduced = std::make_shared<Run>(*fixture.run);
        const auto full = fixture.run;
        for (LayerResult& layer : reduced->layers)
            if (layer.name == query)
                layer.weight.reset();
        fixture.run = reduced;
        fixture.write(ExportFormat::Gptq);
        QVERIFY(fixture.verify().equal);
        fixture.run = full;
        QVERIFY(fixture.finds(query, "the format can hold it"));
    }

    void packedLayersOfFloatOnesAreFound()
    {
        Fixture fixture;
        fixture.write(ExportFormat::Gptq);
        for (LayerResult& layer : fixture.run->layers)
            if (layer.name == query)
                layer.weight.reset();
        QVERIFY(fixture.finds(query, "the run keeps it float"));
    }

    void whatIsNoExportIsAnError()
    {
        Fixture fixture;
        const auto codeOf = [&](const std::filesystem::path& path) {
            fixture.out = path;
            try {
                (void)fixture.verify();
            } catch (const Error& error) {
                return error.code();
            }
            return ErrorCode::Internal;
        };
        QVERIFY(codeOf(fixture.folder / "nothing") == ErrorCode::Io);
        std::filesystem::create_directory(fixture.folder / "empty");
        QVERIFY(codeOf(fixture.folder / "empty") == ErrorCode::Format);
        writeBytes(fixture.folder / "text", "hello");
        fixture.out = fixture.folder / "text";
        QVERIFY(!fixture.verify().equal);
        writeBytes(fixture.folder / "zero", "");
        fixture.out = fixture.folder / "zero";
        QVERIFY(!fixture.verify().equal);
    }

    void cancelsAtEveryCheckpoint()
    {
        Fixture fixture;
        for (const ExportFormat format : {ExportFormat::Gptq, ExportFormat::Safetensors}) {
            fixture.write(format);
            bool finished = false;
            for (int k = 0; !finished && k < 20000; k = k < 50 ? k + 1 : k * 2) {
                StopAt monitor(k);
                try {
                    finished =
                        verifyExport(fixture.out, *fixture.run, *fixture.model, monitor).equal;
                } catch (const Cancelled&) {
                }
            }
            QVERIFY(finished);
        }
    }
};

QTEST_APPLESS_MAIN(TestVerify)
#include "tst_verify.moc"
