// SPDX-License-Identifier: GPL-3.0-or-later
//
// Power levels, outliers and grids of inputs in every export format.
#include "core/export/export.h"
#include "core/io/safetensors.h"
#include "tests/support/sample_model.h"

#include <QtTest>

#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

const std::string query = "model.layers.0.self_attn.q_proj";

Scheme power(int bits, Levels levels, DType type = DType::F16)
{
    Scheme scheme{bits, Granularity::Group, 32, true, type};
    scheme.levels = levels;
    return scheme;
}

struct Fixture
{
    TemporaryFolder folder;
    std::shared_ptr<const Model> model = sampleModel(folder / "m", DType::F32);
    std::shared_ptr<Run> run = sampleRunOf(*model, {});
    std::filesystem::path out = folder / "out";

    Fixture()
    {
        Scheme channel = power(8, Levels::Power, DType::F32);
        channel.granularity = Granularity::Channel;
        Scheme whole = power(2, Levels::PowerMidRise);
        whole.granularity = Granularity::Tensor;
        put("q_proj", power(4, Levels::Power), true, 0.02);
        put("k_proj", power(3, Levels::Power), false, 0);
        put("v_proj", power(2, Levels::PowerMidRise), false, 0.1);
        put("up_proj", channel, true, 0);
        put("gate_proj", whole, false, 0);
        put("o_proj", Scheme{4, Granularity::Group, 32, true, DType::F16}, false, 0);
        for (LayerResult& layer : run->layers)
            if (layer.name == query)
                layer.activation = {8, false, 0.5F, 2.5F, 0.125F, 0.01};
    }
    void put(const std::string& ending, const Scheme& scheme, bool perRow, double share)
    {
        for (LayerResult& layer : run->layers)
            if (layer.name.ends_with(ending)) {
                const Layer* place = model->findLayer(layer.name);
                QuantizedWeight weight = sampleWeight(scheme, place->rows, place->cols, 5);
                if (scheme.levels != Levels::Uniform) {
                    weight.exponents.clear();
                    weight.outliers = {};
                    addPowerParts(weight, 9, perRow, share);
                }
                const auto activation = layer.activation;
                layer = sampleLayer(layer.name, std::move(weight));
                layer.activation = activation;
            }
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
    void write(ExportFormat format) const
    {
        Monitor monitor;
        (void)exportRun(request(format), monitor);
    }
    VerifyResult verify() const
    {
        Monitor monitor;
        return verifyExport(out, *run, *model, monitor);
    }
    LayerResult& layer(const std::string& name) const
    {
        for (LayerResult& candidate : run->layers)
            if (candidate.name == name)
                return candidate;
        throw std::runtime_error(name);
    }
    /// What verify says of the layer once the run's weight is another.
    std::string saysAfter(const std::string& name,
                          const std::function<void(QuantizedWeight&)>& change) const
    {
        LayerResult& changed = layer(name);
        const auto before = changed.weight;
        auto weight = std::make_shared<QuantizedWeight>(*before);
        change(*weight);
        changed.weight = weight;
        const VerifyResult result = verify();
        changed.weight = before;
        return result.equal ? "equal" : result.mismatches.front().message;
    }
};

bool contains(const std::string& text, const std::string& part)
{
    if (text.find(part) == std::string::npos) {
        std::fprintf(stderr, "%s lacks %s\n", text.c_str(), part.c_str());
        return false;
    }
    return true;
}

} // namespace

class TestPowerExport : public QObject
{
    Q_OBJECT

private slots:
    void everyFormatVerifies()
    {
        for (const ExportFormat format :
             {ExportFormat::Safetensors, ExportFormat::Gptq, ExportFormat::Hdf5}) {
            const Fixture fixture;
            fixture.write(format);
            const VerifyResult result = fixture.verify();
            for (const Mismatch& mismatch : result.mismatches)
                qWarning("%s: %s", mismatch.layer.c_str(), mismatch.message.c_str());
            QVERIFY(result.equal);
        }
    }

    /// The values are those of the formula, by a loop of its own over what the run holds.
    void safetensorsHoldTheValues()
    {
        const Fixture fixture;
        fixture.write(ExportFormat::Safetensors);
        const auto file = openSafetensors(mapFile(fixture.out / "model.safetensors"));
        for (const LayerResult& layer : fixture.run->layers) {
            if (!layer.weight || layer.weight->exponents.empty())
                continue;
            const QuantizedWeight& weight = *layer.weight;
            const Tensor values = file->readFloat(layer.name + ".weight");
            const int middle = 1 << (weight.scheme.bits - 1);
            const bool rise = weight.scheme.levels == Levels::PowerMidRise;
            std::size_t outlier = 0;
            for (std::int64_t r = 0; r < weight.rows; ++r)
                for (std::int64_t c = 0; c < weight.cols; ++c) {
                    const auto at = static_cast<std::size_t>(r * weight.cols + c);
                    const double k = weight.codes[at] - middle + (rise ? 0.5 : 0);
                    const double n = middle - 1 + (rise ? 0.5 : 0);
                    const double a = weight.exponent(r);
                    double expected = weight.scales[weight.parameterIndex(r, c)] *
                                      std::copysign(std::pow(std::abs(k) / n, 1 / a), k);
                    if (outlier < weight.outliers.columns.size() &&
                        outlier < weight.outliers.rowStarts[std::size_t(r) + 1] &&
                        weight.outliers.columns[outlier] == c)
                        expected = weight.outliers.values[outlier++];
                    QVERIFY(std::abs(values.floats()[at] - expected) <=
                            1e-6 * std::abs(expected) + 1e-12);
                }
            QCOMPARE(outlier, weight.outliers.columns.size());
        }
    }

    void gptqLeavesThemFloat()
    {
        const Fixture fixture;
        std::map<std::string, std::string> why;
        std::string remarks;
        for (const PreflightNote& note : preflight(fixture.request(ExportFormat::Gptq))) {
            if (note.staysFloat)
                why[note.layer] = note.message;
            else
                remarks += note.message + "\n";
        }
        QCOMPARE(why.size(), std::size_t(5));
        for (const char* name : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                                 "mlp.up_proj", "mlp.gate_proj"})
            QVERIFY(contains(why[concat("model.layers.0.", name)], "power function"));
        QVERIFY(contains(remarks, concat("the inputs of ", query, " are quantized in the run")));
        fixture.write(ExportFormat::Gptq);
        const auto file = openSafetensors(mapFile(fixture.out / "model.safetensors"));
        QVERIFY(file->find("model.layers.0.self_attn.o_proj.qweight") != nullptr);
        QVERIFY(file->find(query + ".qweight") == nullptr);
        QVERIFY(file->find(query + ".weight") != nullptr);
    }

    void gridsOfInputsAreInHdf5Only()
    {
        const Fixture fixture;
        const auto warns = [&](ExportFormat format) {
            for (const PreflightNote& note : preflight(fixture.request(format)))
                if (note.message.find("are quantized in the run") != std::string::npos)
                    return true;
            return false;
        };
        QVERIFY(warns(ExportFormat::Safetensors));
        QVERIFY(warns(ExportFormat::Gptq));
        QVERIFY(!warns(ExportFormat::Hdf5));
        fixture.write(ExportFormat::Hdf5);
        QVERIFY(readRun(fixture.out)->find(query)->activation ==
                fixture.run->find(query)->activation);
        fixture.layer(query).activation->limit = 3;
        QVERIFY(contains(fixture.verify().mismatches.front().message, "activation_limit is 2.5"));
        fixture.layer(query).activation.reset();
        QVERIFY(contains(fixture.verify().mismatches.front().message, "a grid of the inputs"));
    }

    void changedRunsAreSeen()
    {
        for (const bool hdf5 : {true, false}) {
            const Fixture fixture;
            fixture.write(hdf5 ? ExportFormat::Hdf5 : ExportFormat::Safetensors);
            const auto says = [&](const std::function<void(QuantizedWeight&)>& change,
                                  const std::string& text) {
                return contains(fixture.saysAfter(query, change), hdf5 ? text : query + ".weight[");
            };
            QVERIFY(says([](auto& w) { w.exponents[63] *= 1.25F; }, "exponents[63]"));
            QVERIFY(says([](auto& w) { w.scheme.levels = Levels::PowerMidRise; },
                         "levels is power, expected power-mid-rise"));
            QVERIFY(says([](auto& w) { w.outliers.values[2] += 1; }, "outliers/values[2]"));
            QVERIFY(says(
                [](auto& w) {
                    // Into a column that none is in.
                    auto& columns = w.outliers.columns;
                    const auto end = w.outliers.rowStarts.back();
                    columns[end - 1] = columns[end - 1] == 63 ? 62 : 63;
                },
                "outliers/columns["));
            QVERIFY(says([](auto& w) { w.outliers = {}; }, "outliers are stored"));
            QVERIFY(fixture.verify().equal);
        }
        const Fixture fixture;
        fixture.write(ExportFormat::Hdf5);
        QVERIFY(contains(fixture.saysAfter("model.layers.0.self_attn.k_proj",
                                           [](auto& w) {
                                               w.outliers.rowStarts.assign(33, 0);
                                               w.outliers.rowStarts.back() = 1;
                                               w.outliers.columns = {3};
                                               w.outliers.values = {1};
                                           }),
                         "outliers are missing"));
    }

    void sharedTensorsCompareAllParts()
    {
        const TemporaryFolder folder;
        Fixture fixture;
        // Two weights that differ in an exponent only are two weights.
        const QuantizedWeight one = *fixture.layer(query).weight;
        QuantizedWeight other = one;
        other.exponents[0] += 0.25F;
        Model model = *fixture.model;
        Layer twin = *model.findLayer(query);
        twin.name = "twin";
        model.layers.push_back(twin);
        fixture.run->layers.push_back(sampleLayer("twin", other));
        fixture.model = std::make_shared<const Model>(std::move(model));
        bool stays = false;
        for (const PreflightNote& note : preflight(fixture.request(ExportFormat::Safetensors)))
            stays = stays || (note.layer == query && note.staysFloat);
        QVERIFY(stays);
    }
};

QTEST_APPLESS_MAIN(TestPowerExport)
#include "tst_power_export.moc"
