// SPDX-License-Identifier: GPL-3.0-or-later
//
// Folded norms and static grids of inputs in exports, and what verification says of them.
#include "core/export/export.h"
#include "core/io/safetensors.h"
#include "tests/support/sample_model.h"

#include <QtTest>

#include <functional>

using namespace gradus;
using namespace gradus::test;

namespace {

const std::string query = "model.layers.0.self_attn.q_proj";
const std::string normWeight = "model.layers.0.input_layernorm.weight";
const std::string layerBias = "model.layers.0.self_attn.v_proj.bias";

std::shared_ptr<const Tensor> filled(const Shape& shape, float value)
{
    Tensor tensor(shape);
    for (std::size_t i = 0; i < tensor.floats().size(); ++i)
        tensor.floats()[i] = value + 0.125F * static_cast<float>(i);
    return std::make_shared<const Tensor>(std::move(tensor));
}

struct Fixture
{
    TemporaryFolder folder;
    std::shared_ptr<const Model> model = sampleModel(folder / "m", DType::F32);
    std::shared_ptr<Run> run =
        sampleRunOf(*model, {{"q_proj", {4, Granularity::Channel, 0, false, DType::F16}},
                             {"v_proj", {4, Granularity::Channel, 0, false, DType::F16}}});
    std::filesystem::path out = folder / "out";

    Fixture()
    {
        const auto inputs = sampleStaticInputs(64);
        inputs->parameters = {{normWeight, filled({64}, 0.5F)}};
        layer(query).staticInputs = inputs;
        const auto other = std::make_shared<StaticInputs>();
        other->grid = sampleGrid(1, 1);
        other->ratio = inputs->ratio;
        other->parameters = {{layerBias, filled({32}, -1)}};
        layer("model.layers.0.self_attn.v_proj").staticInputs = other;
    }
    LayerResult& layer(const std::string& name) const
    {
        for (LayerResult& candidate : run->layers)
            if (candidate.name == name)
                return candidate;
        throw std::runtime_error(name);
    }
    ExportRequest request(ExportFormat format) const
    {
        ExportRequest wanted;
        wanted.model = model;
        wanted.run = run;
        wanted.format = format;
        wanted.output = out;
        return wanted;
    }
    VerifyResult verify() const
    {
        Monitor monitor;
        return verifyExport(out, *run, *model, monitor);
    }
    /// What verification says once the run has other static inputs than the file.
    std::string saysAfter(const std::function<void(StaticInputs&)>& change) const
    {
        LayerResult& changed = layer(query);
        const auto before = changed.staticInputs;
        auto inputs = std::make_shared<StaticInputs>(*before);
        change(*inputs);
        changed.staticInputs = inputs;
        const VerifyResult result = verify();
        changed.staticInputs = before;
        return result.equal ? "equal" : result.mismatches.front().message;
    }
};

} // namespace

class TestStaticExport : public QObject
{
    Q_OBJECT

private slots:
    void foldedNormsAreWritten()
    {
        const Fixture f;
        Monitor monitor;
        const ExportResult result = exportRun(f.request(ExportFormat::Safetensors), monitor);
        QString notes;
        for (const PreflightNote& note : result.notes)
            notes += QString::fromStdString(note.message) + "\n";
        QVERIFY2(notes.contains("2 float tensors of the model were changed"), qPrintable(notes));
        QVERIFY2(notes.contains("quantized in the run"), qPrintable(notes));
        const auto written = openModel(f.out);
        const auto values = [&](const std::string& name) {
            const Tensor tensor = written->source.tensors->readFloat(name);
            return std::vector<float>(tensor.floats().begin(), tensor.floats().end());
        };
        const auto expected = [](const Tensor& tensor) {
            return std::vector<float>(tensor.floats().begin(), tensor.floats().end());
        };
        QVERIFY(values(normWeight) == expected(*filled({64}, 0.5F)));
        QVERIFY(values(layerBias) == expected(*filled({32}, -1)));
        // The weight as it is stored: it belongs to the folded norm.
        QVERIFY(values(query + ".weight") == expected(dequantize(*f.layer(query).weight)));
        const VerifyResult same = f.verify();
        QVERIFY2(same.equal, same.equal ? "" : same.mismatches.front().message.c_str());
        QVERIFY(f.saysAfter([](auto& s) { s.parameters[normWeight] = filled({64}, 0.25F); }) !=
                "equal");
    }

    void verificationReadsEveryPart()
    {
        const Fixture f;
        Monitor monitor;
        (void)exportRun(f.request(ExportFormat::Hdf5), monitor);
        const VerifyResult same = f.verify();
        QVERIFY2(same.equal, same.equal ? "" : same.mismatches.front().message.c_str());
        const auto says = [&](const char* what, const std::function<void(StaticInputs&)>& change) {
            const std::string message = f.saysAfter(change);
            if (message.find(what) == std::string::npos) {
                std::fprintf(stderr, "%s lacks %s\n", message.c_str(), what);
                return false;
            }
            return true;
        };
        QVERIFY(says("equal", [](auto&) {}));
        QVERIFY(says("grid is stored", [](auto& s) { s.grid.reset(); }));
        QVERIFY(says("grid/bits is 6, expected 7", [](auto& s) { s.grid->bits = 7; }));
        QVERIFY(says("grid/fraction", [](auto& s) { s.grid->fraction = 0.5F; }));
        QVERIFY(says("grid/scales", [](auto& s) { s.grid->scales[0] = 1; }));
        QVERIFY(says("grid/zeros", [](auto& s) { s.grid->zeros[3] += 1; }));
        QVERIFY(says("ratio", [](auto& s) { s.ratio[5] *= 2; }));
        QVERIFY(says("ratio is stored", [](auto& s) { s.ratio.clear(); }));
        QVERIFY(says("attention is stored", [](auto& s) { s.attention.reset(); }));
        QVERIFY(says("query is stored", [](auto& s) { s.attention->query.reset(); }));
        QVERIFY(says("key/zeros", [](auto& s) { s.attention->key->zeros[0] = 1; }));
        QVERIFY(says("softmax/per_octave", [](auto& s) {
            std::get<LogGrid>(*s.attention->probabilities).perOctave = 2;
        }));
        QVERIFY(says("softmax/zero_state", [](auto& s) {
            std::get<LogGrid>(*s.attention->probabilities).zeroState = ZeroState::None;
        }));
        QVERIFY(says("softmax/quantizer",
                     [](auto& s) { s.attention->probabilities = sampleGrid(1, 1); }));
        QVERIFY(says("lambda", [](auto& s) { s.lambda = 1; }));
        QVERIFY(says(normWeight.substr(6).c_str(),
                     [](auto& s) { s.parameters[normWeight] = filled({64}, 0.25F); }));
        QVERIFY(says("values is stored", [](auto& s) { s.parameters.clear(); }));
    }
};

QTEST_APPLESS_MAIN(TestStaticExport)
#include "tst_static_export.moc"
