// SPDX-License-Identifier: GPL-3.0-or-later
// Static inputs of layers in run files and journals, sound and spoiled.
#include "core/base/error.h"
#include "core/io/hdf5_file.h"
#include "core/session/journal.h"
#include "core/session/run.h"
#include "tests/support/sample_run.h"
#include "tests/support/spoiled_run.h"
#include "tests/support/support.h"

#include <QtTest>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

extern "C" const char* __lsan_default_suppressions()
{
    return "leak:libhdf5";
}

using namespace gradus;
using namespace gradus::test;

namespace {

constexpr std::int64_t rowCount = 4;
constexpr std::int64_t colCount = 16;
constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();

LayerResult layerWith(std::shared_ptr<const StaticInputs> inputs, const std::string& name = "l")
{
    LayerResult layer = sampleLayer(
        name, sampleWeight({4, Granularity::Channel, 0, false, DType::F16}, rowCount, colCount, 3));
    layer.choice.method = RepquantOptions{};
    layer.choice.activation.bits = 6;
    layer.staticInputs = std::move(inputs);
    return layer;
}

/// Each part alone, and none of them.
std::vector<LayerResult> partialLayers()
{
    const auto whole = sampleStaticInputs(colCount);
    std::vector<std::shared_ptr<StaticInputs>> parts;
    const auto add = [&]() -> StaticInputs& {
        parts.push_back(std::make_shared<StaticInputs>());
        return *parts.back();
    };
    add();
    add().grid = sampleGrid(1, 1);
    add().grid = sampleGrid(colCount, 1);
    add().grid = sampleGrid(colCount, colCount);
    add().ratio = whole->ratio;
    add().attention.emplace();
    add().attention = whole->attention;
    parts.back()->attention->query.reset();
    parts.back()->attention->probabilities = sampleGrid(1, 1);
    add().attention.emplace().probabilities = LogGrid{8, 2, 1e-3F, ZeroState::None, 0};
    add().probabilities = whole->probabilities;
    add().norm = whole->norm;
    add().parameters = whole->parameters;
    add().lambda = std::numeric_limits<double>::infinity();
    add().errors.both = 0;
    std::vector<LayerResult> layers;
    for (const auto& part : parts)
        layers.push_back(layerWith(part, concat("part", layers.size())));
    layers.push_back(layerWith(whole, "whole"));
    layers.push_back(layerWith(nullptr, "none"));
    LayerResult kept; // only its inputs are quantized
    kept.name = "float";
    kept.choice.keepFloat = true;
    kept.staticInputs = whole;
    layers.push_back(kept);
    return layers;
}

using Change = std::function<void(StaticInputs&)>;

struct Wrong
{
    const char* name;
    const char* message;
    Change change;
};

/// What no file may hold, neither one that is written nor one that is read.
const std::vector<Wrong>& wrongInputs()
{
    static const std::vector<Wrong> all = {
        {"bits", "bits of the input grid is 9", [](auto& s) { s.grid->bits = 9; }},
        {"no scales", "0 scales", [](auto& s) { s.grid->scales.clear(); }},
        {"two scales", "2 scales, expected 1 or 16",
         [](auto& s) {
             s.grid->scales = {1, 1};
         }},
        {"zeros", "3 zeros, expected 1 or 16",
         [](auto& s) {
             s.grid->zeros = {1, 2, 3};
         }},
        {"scale 0", "scale 0 of the input grid is 0", [](auto& s) { s.grid->scales[0] = 0; }},
        {"scale infinite", "is inf", [](auto& s) { s.grid->scales[0] = INFINITY; }},
        {"zero far", "zero 5 of the input grid", [](auto& s) { s.grid->zeros[5] = 1 << 30; }},
        {"fraction", "fraction of the input grid is 1", [](auto& s) { s.grid->fraction = 1; }},
        {"error", "relative error of the input grid is -1",
         [](auto& s) { s.grid->relativeError = -1; }},
        {"error NaN", "relative error of the input grid is nan",
         [](auto& s) { s.grid->relativeError = notANumber; }},
        {"ratios", "15 ratios, expected 16", [](auto& s) { s.ratio.pop_back(); }},
        {"ratio 0", "ratio 3 of the weight's columns is 0", [](auto& s) { s.ratio[3] = 0; }},
        {"ratio NaN", "ratio 3", [](auto& s) { s.ratio[3] = std::nanf(""); }},
        {"query", "the attention's query: bits", [](auto& s) { s.attention->query->bits = 1; }},
        {"key", "the attention's key: the input grid has 16 scales",
         [](auto& s) { s.attention->key = sampleGrid(16, 1); }},
        {"value", "the attention's value: scale 0",
         [](auto& s) { s.attention->value->scales[0] = -1; }},
        {"softmax bits", "the attention's softmax: bits",
         [](auto& s) { std::get<LogGrid>(*s.attention->probabilities).bits = 12; }},
        {"softmax scale", "the attention's softmax: scale",
         [](auto& s) { std::get<LogGrid>(*s.attention->probabilities).scale = 0; }},
        {"per octave", "per",
         [](auto& s) { std::get<LogGrid>(*s.attention->probabilities).perOctave = 3; }},
        {"softmax error", "relative error of the probability grid",
         [](auto& s) {
             std::get<LogGrid>(*s.attention->probabilities).relativeError = notANumber;
         }},
        {"uniform softmax", "the attention's softmax: zero 0",
         [](auto& s) {
             AffineGrid grid = sampleGrid(1, 1);
             grid.zeros[0] = -(1 << 24);
             s.attention->probabilities = grid;
         }},
        {"count", "a count that is negative", [](auto& s) { s.probabilities->counts[47] = -1; }},
        {"count of zeros", "a count that is negative",
         [](auto& s) { s.probabilities->zeros = std::numeric_limits<std::int64_t>::max(); }},
        {"long norm", "2000 bytes", [](auto& s) { s.norm->norm.assign(2000, 'n'); }},
        {"norm of 5", "has 5 channels, but the layer has 16 inputs",
         [](auto& s) { s.norm->scales.resize(5); }},
        {"norm of 8", "limits of 16 channels, expected 8",
         [](auto& s) { s.norm->scales.resize(8); }},
        {"low missing", "limits of 15 channels", [](auto& s) { s.norm->low.pop_back(); }},
        {"range", "ends before it begins", [](auto& s) { s.norm->minimum[2] = 6; }},
        {"range NaN", "not finite", [](auto& s) { s.norm->high[2] = std::nanf(""); }},
        {"norm zeros", "15 zeros, expected 16", [](auto& s) { s.norm->zeros.pop_back(); }},
        {"norm scale", "scale 4", [](auto& s) { s.norm->scales[4] = 0; }},
        {"differing", "differing codes", [](auto& s) { s.norm->differing = s.norm->codes + 1; }},
        {"codes", "differing codes",
         [](auto& s) {
             s.norm->codes = -1;
             s.norm->differing = -1;
         }},
        {"lambda", "lambda of the reconstruction is -1", [](auto& s) { s.lambda = -1; }},
        {"share", "a relative error is -0.5", [](auto& s) { s.errors.inputs = -0.5; }},
        {"parameter", "holds 1 NaN",
         [](auto& s) {
             Tensor tensor({2});
             tensor.floats()[1] = std::nanf("");
             s.parameters["bias"] = std::make_shared<const Tensor>(std::move(tensor));
         }},
        {"parameter name", "0 bytes",
         [](auto& s) { s.parameters[""] = std::make_shared<const Tensor>(Tensor({2})); }},
    };
    return all;
}

void wrongRows()
{
    QTest::addColumn<int>("kind");
    for (std::size_t i = 0; i < wrongInputs().size(); ++i)
        QTest::newRow(wrongInputs()[i].name) << int(i);
}

std::shared_ptr<const StaticInputs> spoiled(int kind)
{
    auto inputs = sampleStaticInputs(colCount);
    wrongInputs()[std::size_t(kind)].change(*inputs);
    return inputs;
}

// ---------------------------------------------------------------- run files written by hand

template <class T>
void put(Hdf5Group& group, const char* name, Hdf5Type type, const std::vector<T>& values)
{
    Monitor monitor;
    if (!values.empty())
        group.write(name, type, std::array<std::uint64_t, 1>{values.size()},
                    std::as_bytes(std::span(values)), monitor);
}

void putGrid(Hdf5Group& parent, const char* name, const AffineGrid& grid)
{
    Hdf5Group group = parent.create(name);
    group.setText("quantizer", "uniform");
    group.setInteger("bits", grid.bits);
    group.setInteger("scale_count", std::int64_t(grid.scales.size()));
    group.setInteger("zero_count", std::int64_t(grid.zeros.size()));
    group.setReal("fraction", double(grid.fraction));
    group.setReal("relative_error", grid.relativeError);
    put(group, "scales", Hdf5Type::F32, grid.scales);
    put(group, "zeros", Hdf5Type::I32, grid.zeros);
}

struct Attributes
{
    std::string zeroState = "extra";
    std::string quantizer = "log";
    double softmaxScale = 0.75;
    std::int64_t softmaxBits = 4;
    std::int64_t channels = 16;
    std::int64_t ratioCount = 16;
    std::int64_t scaleCount = 1;
    double fraction = 0;
    std::string parameters = R"([{"name": "bias", "shape": [2]}])";
    std::size_t histogram = 48;
};

/// The layout of run_file.cpp, without its checks.
void putStatic(Hdf5Group& layer, const Attributes& a)
{
    Hdf5Group group = layer.create("static_inputs");
    for (const char* name : {"lambda", "error_weights", "error_inputs", "error_both"})
        group.setReal(name, 0.5);
    {
        Hdf5Group grid = group.create("grid");
        grid.setText("quantizer", "uniform");
        grid.setInteger("bits", 6);
        grid.setInteger("scale_count", a.scaleCount);
        grid.setInteger("zero_count", 1);
        grid.setReal("fraction", a.fraction);
        grid.setReal("relative_error", 0);
        put(grid, "scales", Hdf5Type::F32, std::vector<float>{0.5F});
        put(grid, "zeros", Hdf5Type::I32, std::vector<std::int32_t>{-75});
    }
    group.setInteger("ratio_count", a.ratioCount);
    put(group, "ratio", Hdf5Type::F32, std::vector<float>(16, 1.5F));
    {
        Hdf5Group attention = group.create("attention");
        putGrid(attention, "query", sampleGrid(1, 1));
        Hdf5Group softmax = attention.create("softmax");
        softmax.setText("quantizer", a.quantizer);
        softmax.setInteger("bits", a.softmaxBits);
        softmax.setInteger("per_octave", 2);
        softmax.setReal("scale", a.softmaxScale);
        softmax.setText("zero_state", a.zeroState);
        softmax.setReal("relative_error", 0.25);
    }
    group.setInteger("probability_zeros", 7);
    put(group, "probabilities", Hdf5Type::I64, std::vector<std::int64_t>(a.histogram, 3));
    {
        Hdf5Group norm = group.create("norm");
        norm.setText("norm", "ln");
        norm.setInteger("channels", a.channels);
        norm.setInteger("codes", 100);
        norm.setInteger("differing", 1);
        for (const char* name : {"minimum", "low"})
            put(norm, name, Hdf5Type::F32, std::vector<float>(16, -1.0F));
        for (const char* name : {"maximum", "high", "scales"})
            put(norm, name, Hdf5Type::F32, std::vector<float>(16, 1.0F));
        put(norm, "zeros", Hdf5Type::I32, std::vector<std::int32_t>(16, 8));
    }
    group.setText("parameters", a.parameters);
    Hdf5Group values = group.create("values");
    put(values, "bias", Hdf5Type::F32, std::vector<float>{1, 2});
}

std::string problemOf(const std::filesystem::path& path)
{
    try {
        (void)readRun(path);
        return {};
    } catch (const Error& error) {
        return error.code() == ErrorCode::Format || error.code() == ErrorCode::Io
                   ? error.what()
                   : concat("of another kind: ", error.what());
    }
}

} // namespace

Q_DECLARE_METATYPE(std::function<void(Attributes&)>)

class TestStaticFile : public QObject
{
    Q_OBJECT

private slots:
    void runFilesHoldEveryField()
    {
        const TemporaryFolder folder;
        Monitor monitor;
        Run run;
        run.recipe.standard.method = RepqVitOptions{};
        run.recipe.standard.activation.bits = 6;
        run.recipe.standard.activation.granularity = InputGranularity::Channel;
        run.layers = partialLayers();
        writeRun(run, folder / "r.gradus", monitor);
        const auto back = readRun(folder / "r.gradus");
        QVERIFY(sameRun(run, *back));
        writeRun(*back, folder / "again.gradus", monitor);
        QVERIFY(fileBytes(folder / "r.gradus") == fileBytes(folder / "again.gradus"));
        // A NaN is told from a 0.
        QVERIFY(std::isnan(back->layers[0].staticInputs->errors.both));
        QVERIFY(std::isnan(back->layers[0].staticInputs->lambda));
    }

    /// Layers without are stored as they always were.
    void olderFilesHaveNothingNew()
    {
        const TemporaryFolder folder;
        Monitor monitor;
        Run run;
        run.layers = {layerWith(nullptr)};
        writeRun(run, folder / "r", monitor);
        const Hdf5File file = Hdf5File::open(folder / "r");
        QVERIFY(!file.root().open("layers").open("l").has("static_inputs"));
    }

    void journalsHoldEveryField()
    {
        const TemporaryFolder folder;
        const std::vector<LayerResult> all = partialLayers();
        {
            Journal journal(folder / "run", "print", false);
            for (const LayerResult& layer : all)
                journal.append(layer);
        }
        const Journal journal(folder / "run", "print", true);
        QCOMPARE(journal.finished().size(), all.size());
        for (const LayerResult& layer : all)
            QVERIFY(sameLayer(journal.finished().at(layer.name), layer, true));
    }

    void tornRecordsAreCutOff()
    {
        const TemporaryFolder folder;
        const auto run = folder / "run.gradus";
        const LayerResult first = layerWith(sampleStaticInputs(colCount), "first");
        const LayerResult second = layerWith(sampleStaticInputs(colCount), "second");
        std::size_t start = 0;
        {
            Journal journal(run, "print", false);
            journal.append(first);
            start = fileBytes(journalPath(run)).size();
            journal.append(second);
        }
        const std::string whole = fileBytes(journalPath(run));
        for (std::size_t length = start; length < whole.size(); length += 37) {
            writeBytes(journalPath(run), std::string_view(whole).substr(0, length));
            const Journal journal(run, "print", true);
            QCOMPARE(journal.finished().size(), std::size_t(1));
            QVERIFY(sameLayer(journal.finished().at("first"), first, true));
        }
        for (std::size_t at = start; at < whole.size(); at += 41) {
            std::string damaged = whole;
            damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
            writeBytes(journalPath(run), damaged);
            const Journal journal(run, "print", true);
            QCOMPARE(journal.finished().size(), std::size_t(1));
        }
    }

    void nonsenseIsNotWritten_data() { wrongRows(); }
    void nonsenseIsNotWritten()
    {
        QFETCH(int, kind);
        const TemporaryFolder folder;
        const QByteArray message = wrongInputs()[std::size_t(kind)].message;
        Monitor monitor;
        Run run;
        run.layers = {layerWith(spoiled(kind))};
        try {
            writeRun(run, folder / "r", monitor);
            QFAIL("written");
        } catch (const Error& error) {
            QVERIFY(error.code() == ErrorCode::Internal);
            QVERIFY2(QByteArray(error.what()).contains(message), error.what());
        }
        Journal journal(folder / "run", "print", false);
        try {
            journal.append(run.layers[0]);
            QFAIL("appended");
        } catch (const Error& error) {
            QVERIFY(error.code() == ErrorCode::Internal);
            QVERIFY2(QByteArray(error.what()).contains(message), error.what());
        }
    }

    /// A good file with one value changed in place, under a good checksum.
    void nonsenseIsNotRead_data()
    {
        QTest::addColumn<QByteArray>("message");
        QTest::addColumn<QByteArray>("from");
        QTest::addColumn<QByteArray>("to");
        const auto row = [](const char* name, const char* message, auto from, auto to) {
            static_assert(sizeof from == sizeof to);
            QTest::newRow(name) << QByteArray(message)
                                << QByteArray(reinterpret_cast<const char*>(&from), sizeof from)
                                << QByteArray(reinterpret_cast<const char*>(&to), sizeof to);
        };
        row("lambda", "/layers/l/static_inputs is malformed: lambda", 0.3, -0.3);
        row("error", "/layers/l/static_inputs is malformed: a relative error", 0.02, -0.02);
        row("ratio", "ratio 1 of the weight's columns", std::pair(0.5F, 0.51F),
            std::pair(0.5F, -0.51F));
        row("codes", "differing codes", std::int64_t(1) << 40, std::int64_t(2));
        row("count", "a count that is negative", std::int64_t(47) << 34, -(std::int64_t(47) << 34));
    }
    void nonsenseIsNotRead()
    {
        QFETCH(QByteArray, message);
        QFETCH(QByteArray, from);
        QFETCH(QByteArray, to);
        const TemporaryFolder folder;
        Monitor monitor;
        Run run;
        run.layers = {layerWith(sampleStaticInputs(colCount))};
        writeRun(run, folder / "r", monitor);
        std::string bytes = fileBytes(folder / "r");
        bytes.resize(bytes.size() - 101); // the seal
        const std::size_t at = bytes.find(from.toStdString());
        QVERIFY(at != std::string::npos);
        bytes.replace(at, std::size_t(to.size()), to.toStdString());
        writeBytes(folder / "r", sealed(bytes));
        const std::string problem = problemOf(folder / "r");
        QVERIFY2(problem.find(message.toStdString()) != std::string::npos, problem.c_str());
    }

    void wrongObjectsAreNamed_data()
    {
        using Spoil = std::function<void(Attributes&)>;
        QTest::addColumn<Spoil>("spoil");
        QTest::addColumn<QByteArray>("message");
        const auto row = [](const char* name, const char* message, const Spoil& spoil) {
            QTest::newRow(name) << spoil << QByteArray(message);
        };
        row("good", "", [](auto&) {});
        row("zero state", "static_inputs/attention/softmax/zero_state is \"all\"",
            [](auto& a) { a.zeroState = "all"; });
        row("quantizer", "static_inputs/attention/softmax/quantizer is \"power\"",
            [](auto& a) { a.quantizer = "power"; });
        row("no uniform grid", "static_inputs/attention/softmax",
            [](auto& a) { a.quantizer = "uniform"; });
        row("softmax bits", "static_inputs/attention/softmax/bits is 1",
            [](auto& a) { a.softmaxBits = 1; });
        row("softmax scale", "static_inputs/attention/softmax/scale is 1e+300",
            [](auto& a) { a.softmaxScale = 1e300; });
        row("scale NaN", "static_inputs/attention/softmax/scale is nan",
            [](auto& a) { a.softmaxScale = notANumber; });
        row("huge norm", "static_inputs/norm/minimum",
            [](auto& a) { a.channels = std::int64_t(1) << 60; });
        row("no channels", "static_inputs/norm/channels is 0", [](auto& a) { a.channels = 0; });
        row("negative ratios", "static_inputs/ratio_count is -1",
            [](auto& a) { a.ratioCount = -1; });
        row("ratios short", "static_inputs/ratio", [](auto& a) { a.ratioCount = 17; });
        row("huge scales", "static_inputs/grid/scales",
            [](auto& a) { a.scaleCount = std::int64_t(1) << 62; });
        row("fraction", "fraction of the input grid is 1.5", [](auto& a) { a.fraction = 1.5; });
        row("fraction infinite", "static_inputs/grid/fraction",
            [](auto& a) { a.fraction = INFINITY; });
        row("parameters", "static_inputs/parameters", [](auto& a) { a.parameters = "{}"; });
        row("another parameter", "static_inputs/values",
            [](auto& a) { a.parameters = R"([{"name": "b", "shape": [2]}])"; });
        row("a parameter too many", "static_inputs/values", [](auto& a) { a.parameters = "[]"; });
        row("histogram", "static_inputs/probabilities", [](auto& a) { a.histogram = 47; });
    }
    void wrongObjectsAreNamed()
    {
        QFETCH(std::function<void(Attributes&)>, spoil);
        QFETCH(QByteArray, message);
        const TemporaryFolder folder;
        Attributes attributes;
        spoil(attributes);
        writeSpoiledRun(folder / "r", [&](Hdf5Group&, Hdf5Group& group) {
            writeLayer(group, {});
            putStatic(group, attributes);
        });
        const std::string problem = problemOf(folder / "r");
        QVERIFY2(message.isEmpty() ? problem.empty()
                                   : problem.find(message.toStdString()) != std::string::npos,
                 problem.c_str());
    }

    void changedParametersAreTheRuns()
    {
        Run run;
        run.layers = {layerWith(sampleStaticInputs(colCount))};
        auto tuned = tunedParameters(run.layers);
        QCOMPARE(tuned.size(), std::size_t(2));
        QVERIFY(tuned.at("bias") == run.layers[0].staticInputs->parameters.at("bias"));
        // A training started from it, and its tensors stand for it.
        run.layers[0].tunings.push_back(sampleTuning("model.layers.0", 0));
        tuned = tunedParameters(run.layers);
        QCOMPARE(tuned.size(), std::size_t(2));
        QVERIFY(tuned.at("model.norm 100 %/x") ==
                run.layers[0].tunings[0]->parameters.at("model.norm 100 %/x"));
    }
};

QTEST_APPLESS_MAIN(TestStaticFile)
#include "tst_static_file.moc"
