// SPDX-License-Identifier: GPL-3.0-or-later
//
// tests/data/packing_golden.json was made with the packers' own published code.
#include "core/base/error.h"
#include "core/base/regex.h"
#include "core/export/export.h"
#include "core/io/safetensors.h"
#include "core/tensor/half.h"
#include "tests/support/sample_model.h"

#include <QtTest>
#include <nlohmann/json.hpp>

#include <cstring>

using namespace gradus;
using namespace gradus::test;
using Json = nlohmann::ordered_json;

namespace {

const std::string attention = "model.layers.0.self_attn.";
const std::string mlp = "model.layers.0.mlp.";

Scheme groups(int bits, std::int64_t size, bool symmetric = true)
{
    return {bits, Granularity::Group, size, symmetric, DType::F16};
}

std::vector<std::int32_t> integers(const Tensor& tensor)
{
    std::vector<std::int32_t> values(std::size_t(tensor.count()));
    std::memcpy(values.data(), tensor.bytes().data(), tensor.bytes().size());
    return values;
}

std::vector<std::int32_t> flat(const Json& rows)
{
    std::vector<std::int32_t> values;
    for (const Json& row : rows)
        for (const Json& value : row)
            values.push_back(value.get<std::int32_t>());
    return values;
}

Json jsonOf(const std::filesystem::path& path)
{
    return Json::parse(fileBytes(path));
}

struct Exported
{
    std::shared_ptr<const Model> model;
    ExportRequest request;
    ExportResult result;
    std::shared_ptr<const ModelFile> file;
    Json config;

    Exported(const TemporaryFolder& folder, std::shared_ptr<const Model> m,
             std::shared_ptr<const Run> run, GptqZeros zeros = GptqZeros::Automatic)
        : model(std::move(m))
    {
        Monitor monitor;
        request.model = model;
        request.run = std::move(run);
        request.format = ExportFormat::Gptq;
        request.output = folder / "out";
        request.gptqZeros = zeros;
        result = exportRun(request, monitor);
        file = openSafetensors(mapFile(folder / "out" / "model.safetensors"));
        config = jsonOf(folder / "out" / "quantize_config.json");
    }
    bool has(const std::string& name) const { return file->find(name) != nullptr; }
    std::string notes() const
    {
        std::string text;
        for (const PreflightNote& note : result.notes)
            text += note.layer + (note.staysFloat ? "! " : ": ") + note.message + "\n";
        return text;
    }
    bool verified() const
    {
        Monitor monitor;
        const VerifyResult verdict = verifyExport(request.output, *request.run, *model, monitor);
        for (const Mismatch& mismatch : verdict.mismatches)
            std::fprintf(stderr, "%s: %s\n", mismatch.layer.c_str(), mismatch.message.c_str());
        return verdict.equal && verdict.checked > 0;
    }
};

} // namespace

class TestGptqExport : public QObject
{
    Q_OBJECT

private slots:
    void matchesPublishedPacking_data()
    {
        QTest::addColumn<int>("index");
        QTest::addColumn<bool>("version2");
        for (int i = 0; i < 4; ++i) {
            QTest::addRow("%d bits, v1", (std::array{2, 3, 4, 8})[std::size_t(i)]) << i << false;
            QTest::addRow("%d bits, v2", (std::array{2, 3, 4, 8})[std::size_t(i)]) << i << true;
        }
    }
    void matchesPublishedPacking()
    {
        QFETCH(int, index);
        QFETCH(bool, version2);
        const Json golden =
            jsonOf(std::filesystem::path(GRADUS_SOURCE_DIR) / "tests/data/packing_golden.json")
                .at("gptq")
                .at(std::size_t(index));
        const auto in = golden.at("in_features").get<std::int64_t>();
        const auto out = golden.at("out_features").get<std::int64_t>();
        const TemporaryFolder folder;
        std::filesystem::create_directory(folder / "m");
        writeSampleTensors(folder / "m" / "model.safetensors", {{"a.b.weight", {out, in}}});
        const auto model = openModel(folder / "m");

        QuantizedWeight weight;
        weight.scheme = groups(golden.at("bits"), golden.at("group_size"), false);
        weight.rows = out;
        weight.cols = in;
        const std::vector<std::int32_t> codes = flat(golden.at("codes"));
        const std::vector<std::int32_t> zeros = flat(golden.at("zeros"));
        const std::int64_t groupCount = in / weight.scheme.groupSize;
        for (std::int64_t o = 0; o < out; ++o) {
            for (std::int64_t i = 0; i < in; ++i)
                weight.codes.push_back(std::uint8_t(codes[std::size_t(i * out + o)]));
            for (std::int64_t g = 0; g < groupCount; ++g) {
                weight.scales.push_back(golden.at("scales").at(std::size_t(g)).at(std::size_t(o)));
                weight.zeros.push_back(float(zeros[std::size_t(g * out + o)]));
            }
        }
        auto run = std::make_shared<Run>();
        run->provenance.program = "gradus 0.1.0";
        run->layers.push_back(sampleLayer("a.b", weight));
        const Exported exported(folder, model, run, version2 ? GptqZeros::V2 : GptqZeros::V1);

        QVERIFY(integers(exported.file->read("a.b.qweight")) == flat(golden.at("qweight")));
        QVERIFY(integers(exported.file->read("a.b.qzeros")) ==
                flat(golden.at(version2 ? "qzeros_v2" : "qzeros_v1")));
        std::vector<std::int32_t> index32;
        for (const Json& value : golden.at("g_idx"))
            index32.push_back(value);
        QVERIFY(integers(exported.file->read("a.b.g_idx")) == index32);
        const Tensor scales = exported.file->readFloat("a.b.scales");
        QVERIFY(exported.file->find("a.b.scales")->dtype == DType::F16);
        QVERIFY((scales.shape() == Shape{groupCount, out}));
        for (std::int64_t g = 0; g < groupCount; ++g)
            for (std::int64_t o = 0; o < out; ++o)
                QVERIFY(scales.floats()[std::size_t(g * out + o)] ==
                        golden.at("scales").at(std::size_t(g)).at(std::size_t(o)).get<float>());
        // The published decode of the same tensors (its first outputs) is what the run means.
        const Tensor values = dequantize(weight);
        const auto decoded = std::int64_t(golden.at("dequant_out_in").size());
        QVERIFY(decoded > 0 && decoded <= out);
        for (std::int64_t o = 0; o < decoded; ++o)
            for (std::int64_t i = 0; i < in; ++i)
                QVERIFY(
                    values.floats()[std::size_t(o * in + i)] ==
                    golden.at("dequant_out_in").at(std::size_t(o)).at(std::size_t(i)).get<float>());
        QVERIFY(!exported.has("a.b.weight"));
        QCOMPARE(exported.config.at("checkpoint_format").get<std::string>(),
                 std::string(version2 ? "gptq_v2" : "gptq"));
        QVERIFY(exported.verified());
    }

    void symmetricZeroWords()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m");
        const Exported exported(folder, model,
                                sampleRunOf(*model, {{"q_proj", groups(4, 32)},
                                                     {"o_proj", groups(2, 32)},
                                                     {"up_proj", groups(8, 32)}}));
        const auto all = [&](const std::string& name, std::uint32_t word) {
            for (const std::int32_t value : integers(exported.file->read(name)))
                if (std::uint32_t(value) != word)
                    return false;
            return true;
        };
        QVERIFY(all(attention + "q_proj.qzeros", 0x77777777U));
        QVERIFY(all(attention + "o_proj.qzeros", 0x55555555U));
        QVERIFY(all(mlp + "up_proj.qzeros", 0x7F7F7F7FU));
        QVERIFY(exported.verified());
    }

    void configurationOfAUniformRun()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m");
        auto run = sampleRunOf(*model, {{"_proj", groups(4, 32)}});
        for (LayerResult& layer : run->layers)
            layer.choice.method = GptqOptions{0.02};
        const Exported exported(folder, model, run);
        const Json& config = exported.config;
        QCOMPARE(config.at("quant_method").get<std::string>(), std::string("gptq"));
        QCOMPARE(config.at("bits").get<int>(), 4);
        QCOMPARE(config.at("group_size").get<int>(), 32);
        QCOMPARE(config.at("sym").get<bool>(), true);
        QCOMPARE(config.at("desc_act").get<bool>(), false);
        QCOMPARE(config.at("lm_head").get<bool>(), false);
        QVERIFY(config.at("damp_percent").get<double>() == 0.02);
        QCOMPARE(config.at("checkpoint_format").get<std::string>(), std::string("gptq"));
        QCOMPARE(config.at("pack_dtype").get<std::string>(), std::string("int32"));
        QCOMPARE(config.at("meta").at("quantizer").at(0).get<std::string>(),
                 std::string("gradus:0.1.0"));
        QCOMPARE(config.at("dynamic").dump(),
                 std::string(R"x({"-:^lm_head$":{},"-:^model\\.embed_tokens$":{}})x"));
        const Json whole = jsonOf(folder / "out" / "config.json");
        QVERIFY(whole.at("quantization_config") == config);
        QCOMPARE(whole.at("model_type").get<std::string>(), std::string("sample"));
        QVERIFY(whole.at("rms_norm_eps").get<double>() == 1e-5);
        QCOMPARE(namesIn(folder / "out"),
                 std::string("config.json model.safetensors quantize_config.json tokenizer.json"));
        QCOMPARE(exported.result.files.size(), std::size_t(4));
        QVERIFY(exported.result.bytes > 0);
        // Floats are copied, biases and norms too.
        for (const char* name :
             {"model.embed_tokens.weight", "lm_head.weight", "model.position_ids",
              "model.layers.0.input_layernorm.weight", "model.layers.0.self_attn.v_proj.bias"})
            QVERIFY(exported.has(name));
        const auto metadata = safetensorsMetadata(*mapFile(folder / "out" / "model.safetensors"));
        QCOMPARE(metadata.at("format"), std::string("pt"));
        for (const auto& [key, value] : metadata)
            QVERIFY2(value.find("/home") == std::string::npos &&
                         value.find("/tmp") == std::string::npos,
                     key.c_str());
        QVERIFY(exported.verified());
    }

    void mixedBitsGoToDynamic()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m");
        const Exported exported(
            folder, model,
            sampleRunOf(*model, {{"q_proj", groups(4, 32)},
                                 {"k_proj", groups(4, 32)},
                                 {"v_proj", groups(4, 32)},
                                 {"gate_proj", groups(8, 64)},
                                 {"up_proj", groups(8, 64)},
                                 {"down_proj", {3, Granularity::Channel, 0, false, DType::F16}}}));
        const Json& dynamic = exported.config.at("dynamic");
        QCOMPARE(exported.config.at("bits").get<int>(), 4);
        QCOMPARE(dynamic.at("+:^model\\.layers\\.0\\.mlp\\.gate_proj$").dump(),
                 std::string(R"({"bits":8,"group_size":64})"));
        QCOMPARE(dynamic.at("+:^model\\.layers\\.0\\.mlp\\.down_proj$").dump(),
                 std::string(R"({"bits":3,"group_size":-1,"sym":false})"));
        // Runtimes that fuse gate and up ask for the fused name.
        QCOMPARE(dynamic.at("+:^model\\.layers\\.0\\.mlp\\.gate_up_proj$").dump(),
                 std::string(R"({"bits":8,"group_size":64})"));
        QVERIFY(!dynamic.contains("+:^model\\.layers\\.0\\.self_attn\\.qkv_proj$"));
        QVERIFY(dynamic.contains("-:^model\\.layers\\.0\\.self_attn\\.o_proj$"));
        QVERIFY2(exported.notes().find("dynamic") != std::string::npos, exported.notes().c_str());
        QVERIFY2(exported.notes().find("3 bits, asymmetric") != std::string::npos,
                 exported.notes().c_str());
        QVERIFY(exported.verified());
    }

    void fusedLayersThatDisagreeAreNamed()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m");
        const Exported exported(folder, model,
                                sampleRunOf(*model, {{"q_proj", groups(8, 32)},
                                                     {"k_proj", groups(4, 32)},
                                                     {"v_proj", groups(4, 32)}}));
        QVERIFY2(exported.notes().find("self_attn.qkv_proj") != std::string::npos,
                 exported.notes().c_str());
        QVERIFY2(exported.notes().find("gate_up_proj") == std::string::npos,
                 exported.notes().c_str());
        QVERIFY(exported.verified());
    }

    void granularities()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m");
        const Exported exported(
            folder, model,
            sampleRunOf(*model, {{"q_proj", {4, Granularity::Channel, 0, false, DType::F16}},
                                 {"k_proj", {4, Granularity::Tensor, 0, false, DType::F16}},
                                 {"v_proj", groups(4, 1000, false)}}));
        QCOMPARE(exported.config.at("group_size").get<int>(), -1);
        for (const char* name : {"q_proj", "k_proj", "v_proj"}) {
            QCOMPARE(exported.file->find(attention + name + ".scales")->shape[0], std::int64_t(1));
            for (const std::int32_t value :
                 integers(exported.file->read(attention + name + ".g_idx")))
                QCOMPARE(value, 0);
        }
        const Tensor scales = exported.file->readFloat(attention + "k_proj.scales");
        for (const float scale : scales.floats())
            QVERIFY(scale == scales.floats()[0]);
        QVERIFY(exported.verified());
    }

    void actOrderKeepsItsIndex()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m");
        const auto run = sampleRunOf(*model, {{"q_proj", groups(4, 16, false)}}, 1, true);
        const Exported exported(folder, model, run);
        QVERIFY(exported.config.at("desc_act").get<bool>());
        QVERIFY(integers(exported.file->read(attention + "q_proj.g_idx")) ==
                run->find(attention + "q_proj")->weight->groupIndex);
        QVERIFY2(exported.notes().find("desc_act") != std::string::npos, exported.notes().c_str());
        QVERIFY(exported.verified());
    }

    void layersThatDoNotFitStayFloat_data()
    {
        QTest::addColumn<int>("kind");
        QTest::addColumn<QByteArray>("message");
        const char* const rows[][2] = {
            {"5 bits", "this has 5"},          {"6 bits", "this has 6"},
            {"7 bits", "this has 7"},          {"short group", "64 inputs in groups of 48"},
            {"float32 scale", "float16"},      {"huge scale", "float16"},
            {"outputs", "multiples of 32"},    {"inputs", "multiples of 32"},
            {"embedding", "an embedding"},     {"convolution", "a convolution"},
            {"zero in v1", "zero point of 0"}, {"no .weight", "not a tensor of its own"}};
        int kind = 0;
        for (const auto& row : rows)
            QTest::newRow(row[0]) << kind++ << QByteArray(row[1]);
    }
    void layersThatDoNotFitStayFloat()
    {
        QFETCH(int, kind);
        QFETCH(QByteArray, message);
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m", DType::F16,
                                       {{"odd_out.weight", {40, 64}},
                                        {"odd_in.weight", {64, 40}},
                                        {"conv.weight", {32, 8, 2, 2}},
                                        {"bare", {32, 32}}});
        std::string name = attention + "o_proj";
        Scheme scheme = groups(4, 32, false);
        GptqZeros zeros = GptqZeros::Automatic;
        switch (kind) {
        case 0:
            scheme.bits = 5;
            break;
        case 1:
            scheme.bits = 6;
            break;
        case 2:
            scheme.bits = 7;
            break;
        case 3:
            scheme.groupSize = 48;
            break;
        case 4:
        case 5:
            scheme.scaleType = DType::F32;
            break;
        case 6:
            name = "odd_out";
            break;
        case 7:
            name = "odd_in";
            scheme = {4, Granularity::Channel, 0, false, DType::F16};
            break;
        case 8:
            name = "model.embed_tokens";
            break;
        case 9:
            name = "conv";
            break;
        case 10:
            zeros = GptqZeros::V1;
            break;
        case 11:
            name = "bare";
            break;
        default:
            break;
        }
        auto run = sampleRunOf(*model, {{"q_proj", groups(4, 32, false)}, {name, scheme}});
        for (LayerResult& layer : run->layers) {
            if (layer.name != name || (kind != 5 && kind != 10))
                continue;
            auto weight = std::make_shared<QuantizedWeight>(*layer.weight);
            if (kind == 5)
                weight->scales.assign(weight->scales.size(), 131072.0F); // beyond float16
            else
                weight->zeros[3] = 0;
            layer.weight = weight;
        }
        const Exported exported(folder, model, run, zeros);
        const std::string tensor = name == "bare" ? name : name + ".weight";
        QVERIFY(exported.has(tensor));
        QVERIFY(!exported.has(name + ".qweight"));
        bool noted = false;
        for (const PreflightNote& note : exported.result.notes)
            noted = noted || (note.layer == name && note.staysFloat &&
                              QByteArray::fromStdString(note.message).contains(message));
        QVERIFY2(noted, exported.notes().c_str());
        QVERIFY(exported.config.at("dynamic").contains("-:^" + regexEscaped(name) + "$"));
        QVERIFY(exported.verified());
        const auto again = preflight(exported.request);
        QCOMPARE(again.size(), exported.result.notes.size());
    }

    void manyLayersThatStayFloatAreOneRemark()
    {
        const TemporaryFolder folder;
        std::vector<SampleTensor> more;
        for (int i = 0; i < 12; ++i)
            more.push_back({"many." + std::to_string(i) + ".weight", {32, 32}});
        const auto model = sampleModel(folder / "m", DType::F16, more);
        auto scheme = groups(4, 32, false);
        auto run = sampleRunOf(*model, {{"q_proj", scheme}});
        scheme.floatZeros = true;
        const auto others = sampleRunOf(*model, {{"", scheme}});
        for (std::size_t i = 0; i < run->layers.size(); ++i)
            if (run->layers[i].name.starts_with("many."))
                run->layers[i] = others->layers[i];
        const Exported exported(folder, model, run);
        int lines = 0;
        for (const PreflightNote& note : exported.result.notes)
            if (note.staysFloat) {
                ++lines;
                QVERIFY2(note.message.find("and 11 more layers stay float") != std::string::npos,
                         note.message.c_str());
                QVERIFY(note.message.find("float_zeros=false") != std::string::npos);
            }
        QCOMPARE(lines, 1);
        QVERIFY(exported.verified());
    }

    void zeroPointsOfZeroChooseVersion2()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m");
        auto run = sampleRunOf(*model, {{"q_proj", groups(4, 32, false)}});
        for (LayerResult& layer : run->layers) {
            if (layer.weight) {
                auto weight = std::make_shared<QuantizedWeight>(*layer.weight);
                weight->zeros[0] = 0;
                layer.weight = weight;
            }
        }
        const Exported exported(folder, model, run);
        QCOMPARE(exported.config.at("checkpoint_format").get<std::string>(),
                 std::string("gptq_v2"));
        QVERIFY2(exported.notes().find("gptq_v2") != std::string::npos, exported.notes().c_str());
        QVERIFY(exported.verified());
    }

    void nothingToPackIsAnError()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "m");
        for (const Scheme& scheme : {groups(5, 32), groups(4, 48)}) {
            try {
                const Exported exported(folder, model, sampleRunOf(*model, {{"q_proj", scheme}}));
                QFAIL("exported");
            } catch (const Error& error) {
                QVERIFY(error.code() == ErrorCode::Unsupported);
                QVERIFY2(QByteArray(error.what()).contains("q_proj"), error.what());
            }
            QCOMPARE(namesIn(folder.path()), std::string("m"));
        }
    }

    void equalRunsGiveEqualBytes()
    {
        const TemporaryFolder a;
        const TemporaryFolder b;
        const auto model = sampleModel(a / "m");
        const auto other = sampleModel(b / "m");
        const std::map<std::string, Scheme> schemes = {{"q_proj", groups(4, 32, false)},
                                                       {"up_proj", groups(3, 64)}};
        const Exported first(a, model, sampleRunOf(*model, schemes));
        const Exported second(b, other, sampleRunOf(*other, schemes));
        for (const char* name : {"model.safetensors", "config.json", "quantize_config.json"})
            QVERIFY(fileBytes(a / "out" / name) == fileBytes(b / "out" / name));
    }
};

QTEST_APPLESS_MAIN(TestGptqExport)
#include "tst_gptq_export.moc"
