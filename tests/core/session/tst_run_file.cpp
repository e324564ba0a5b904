// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/io/hdf5_file.h"
#include "core/session/run.h"
#include "tests/support/sample_run.h"
#include "tests/support/spoiled_run.h"
#include "tests/support/support.h"

#include <QtTest>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <functional>
#include <limits>
#include <map>

/// libhdf5 leaks in its own error paths: damaged headers, files that cannot be written out.
extern "C" const char* __lsan_default_suppressions()
{
    return "leak:libhdf5";
}

using namespace gradus;
using namespace gradus::test;

Q_DECLARE_METATYPE(std::function<void(gradus::test::LayerFields&)>)
Q_DECLARE_METATYPE(std::function<void(gradus::test::TuningFields&)>)

namespace {

constexpr std::size_t sealBytes = 101;

std::string contentOf(const std::filesystem::path& path)
{
    const std::string bytes = fileBytes(path);
    return bytes.substr(0, bytes.size() - sealBytes);
}

/// Without the largest layer, for tests that write the file a thousand times.
Run smallRun()
{
    Run run = sampleRun();
    run.layers.pop_back();
    return run;
}

/// "" when it reads, else the message; anything but a clean Error fails the test.
std::string problemOf(const std::filesystem::path& path)
{
    try {
        (void)readRun(path);
        return {};
    } catch (const Error& error) {
        return error.what();
    }
}

} // namespace

class TestRunFile : public QObject
{
    Q_OBJECT

private slots:
    void roundTripsExactly()
    {
        const TemporaryFolder folder;
        Monitor monitor;
        const Run run = sampleRun();
        writeRun(run, folder / "r.gradus", monitor);
        QCOMPARE(namesIn(folder.path()), std::string("r.gradus"));
        QVERIFY(isRunFile(folder / "r.gradus"));
        const auto back = readRun(folder / "r.gradus");
        QVERIFY(sameRun(run, *back));
        QCOMPARE(back->layers[3].seconds, 0.0);
        QVERIFY(back->find("channel") != nullptr);
        QVERIFY(back->find("nobody") == nullptr);
        writeRun(*back, folder / "again.gradus", monitor);
        QVERIFY(fileBytes(folder / "r.gradus") == fileBytes(folder / "again.gradus"));
    }

    void emptyAndLongTexts()
    {
        const TemporaryFolder folder;
        Monitor monitor;
        Run run;
        writeRun(run, folder / "empty.gradus", monitor);
        QVERIFY(sameRun(run, *readRun(folder / "empty.gradus")));
        LayerResult layer;
        layer.name = "/a/%b.c/.";
        layer.choice.keepFloat = true;
        layer.note = std::string(200000, 'n'); // longer than an HDF5 attribute may be
        run.layers.push_back(layer);
        layer.name = "";
        layer.note = "zweite Zeile\nmit Umlauten: äöü";
        run.layers.push_back(layer);
        layer.name = ".";
        run.layers.push_back(layer);
        layer.name = "%";
        run.layers.push_back(layer);
        layer.name = "%2E";
        run.layers.push_back(layer);
        writeRun(run, folder / "long.gradus", monitor);
        QVERIFY(sameRun(run, *readRun(folder / "long.gradus")));
    }

    void thousandsOfLayersKeepTheirOrder()
    {
        const TemporaryFolder folder;
        Monitor monitor;
        Run run;
        for (int i = 3000; i > 0; --i) {
            LayerResult layer;
            layer.name = "layers." + std::to_string(i);
            layer.choice.keepFloat = true;
            run.layers.push_back(layer);
        }
        writeRun(run, folder / "r.gradus", monitor);
        QVERIFY(sameRun(run, *readRun(folder / "r.gradus")));
    }

    void equalRunsGiveEqualBytes()
    {
        const TemporaryFolder folder;
        Monitor monitor;
        const Run run = sampleRun();
        writeRun(run, folder / "a.gradus", monitor);
        QTest::qSleep(1100);                                   // a stored time would differ by now
        std::vector<std::byte> stir(1 << 20, std::byte{0xAB}); // and so would uninitialised memory
        QVERIFY(stir[7] == std::byte{0xAB});
        writeRun(run, folder / "b.gradus", monitor);
        QVERIFY(fileBytes(folder / "a.gradus") == fileBytes(folder / "b.gradus"));
    }

    void replacesAnOlderFile()
    {
        const TemporaryFolder folder;
        Monitor monitor;
        writeBytes(folder / "r.gradus", "old");
        writeRun(sampleRun(), folder / "r.gradus", monitor);
        QVERIFY(sameRun(sampleRun(), *readRun(folder / "r.gradus")));
    }

    void cancelsAtEveryCheckpoint()
    {
        const TemporaryFolder folder;
        const Run run = sampleRun();
        bool finished = false;
        int k = 0;
        for (; !finished && k < 1000; ++k) {
            StopAt monitor(k);
            try {
                writeRun(run, folder / "r.gradus", monitor);
                finished = true;
            } catch (const Cancelled&) {
                QCOMPARE(namesIn(folder.path()), std::string());
            }
        }
        QVERIFY(finished);
        QVERIFY(k > 10);
    }

    void truncatedFilesAreErrors()
    {
        const TemporaryFolder folder;
        Monitor monitor;
        writeRun(smallRun(), folder / "r.gradus", monitor);
        const std::string whole = fileBytes(folder / "r.gradus");
        std::vector<std::size_t> lengths;
        for (std::size_t length = 0; length < whole.size(); length += 64)
            lengths.push_back(length);
        for (std::size_t back = 1; back < 130; ++back)
            lengths.push_back(whole.size() - back);
        for (const std::size_t length : lengths) {
            writeBytes(folder / "cut", std::string_view(whole).substr(0, length));
            const std::string problem = problemOf(folder / "cut");
            QVERIFY2(problem.find("cut") != std::string::npos, qPrintable(QString::number(length)));
            // Also when a checksum says that all is well: the library's own checks.
            if (length % 1024 == 0) {
                writeBytes(folder / "cut", sealed(whole.substr(0, length)));
                QVERIFY(!problemOf(folder / "cut").empty());
            }
        }
    }

    void flippedBytesAreErrors()
    {
        const TemporaryFolder folder;
        Monitor monitor;
        writeRun(smallRun(), folder / "r.gradus", monitor);
        const std::string whole = fileBytes(folder / "r.gradus");
        for (std::size_t at = 0; at < whole.size(); at += at < 4096 ? 7 : 331) {
            std::string damaged = whole;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
            writeBytes(folder / "r", damaged);
            QVERIFY(!problemOf(folder / "r").empty());
        }
        // Under a good checksum: read or refused, but never a crash.
        const std::string content = contentOf(folder / "r.gradus");
        for (std::size_t at = 0; at < content.size(); at += at < 4096 ? 13 : 997) {
            std::string damaged = content;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
            writeBytes(folder / "r", sealed(damaged));
            (void)problemOf(folder / "r");
        }
    }

    void otherFilesAreErrors()
    {
        const TemporaryFolder folder;
        QVERIFY(problemOf(folder / "none").find("none") != std::string::npos);
        writeBytes(folder / "empty", "");
        QVERIFY(!problemOf(folder / "empty").empty());
        QVERIFY(!isRunFile(folder / "empty"));
        QVERIFY(!isRunFile(folder / "none"));
        QVERIFY(!isRunFile(folder.path()));
        writeBytes(folder / "text", std::string(1000, 'x'));
        QVERIFY(problemOf(folder / "text").find("not a run") != std::string::npos);
        {
            Hdf5File file = Hdf5File::create(folder / "h5", folder / "h5");
            file.root().setInteger("other", 1);
            file.close();
        }
        QVERIFY(!isRunFile(folder / "h5"));
        QVERIFY(!problemOf(folder / "h5").empty());
        writeBytes(folder / "h5", sealed(fileBytes(folder / "h5")));
        QVERIFY(problemOf(folder / "h5").find("gradus_schema") != std::string::npos);
        {
            Hdf5File file = Hdf5File::create(folder / "h5", folder / "h5");
            file.root().setInteger("gradus_schema", 99);
            file.close();
        }
        writeBytes(folder / "h5", sealed(fileBytes(folder / "h5")));
        QVERIFY(problemOf(folder / "h5").find("schema 99") != std::string::npos);
    }

    void wrongContentIsNamed_data()
    {
        QTest::addColumn<int>("kind");
        QTest::addColumn<QByteArray>("message");
        const char* const rows[][2] = {
            {"good", ""},
            {"bits", "/layers/l/bits"},
            {"granularity", "/layers/l/granularity"},
            {"group size", "/layers/l"},
            {"scale type", "/layers/l/scale_type"},
            {"negative shape", "/layers/l"},
            {"huge shape", "/layers/l"},
            {"shape beyond the codes", "/layers/l/codes"},
            {"codes short", "/layers/l/codes"},
            {"codes long", "/layers/l/codes"},
            {"scale NaN", "scale 0 is nan"},
            {"scale infinite", "scale 0 is inf"},
            {"scale zero", "scale 0 is 0"},
            {"scale negative", "scale 0 is -1"},
            {"scales shape", "/layers/l/scales"},
            {"scales float32", "/layers/l/scales does not hold float16"},
            {"zero too large", "zero 0 is 16"},
            {"zeros missing", "/layers/l/zeros is missing"},
            {"group index range", "the group of input 3 is 2"},
            {"group index short", "/layers/l/group_index"},
            {"index", "/layers/l/index"},
            {"name", "/layers/l/name"},
            {"choice", "/layers/l/choice"},
            {"choice not JSON", "/layers/l/choice"},
            {"nothing", "/layers/l/index"},
            {"layer as dataset", "/layers/m cannot be opened as a group"},
            {"one layer too many", "/meta/layer_names"},
            {"no list", "/meta/layer_names"},
            {"no text", "/meta/layer_names"},
            {"not JSON", "/meta/layer_names"},
            {"twice", "/layers/l/index"},
            {"another name", "/layers/other"},
        };
        int kind = 0;
        for (const auto& row : rows)
            QTest::newRow(row[0]) << kind++ << QByteArray(row[1]);
    }
    void wrongContentIsNamed()
    {
        QFETCH(int, kind);
        QFETCH(QByteArray, message);
        const TemporaryFolder folder;
        const std::map<int, std::string> names = {{25, R"(["l","m"])"}, {27, "{}"},
                                                  {28, "[1]"},          {29, "["},
                                                  {30, R"(["l","l"])"}, {31, R"(["other"])"}};
        const auto own = names.find(kind);
        writeSpoiledRun(
            folder / "r",
            [kind](Hdf5Group& layers, Hdf5Group& layer) {
                LayerFields f;
                switch (kind) {
                case 1:
                    f.bits = 40;
                    break;
                case 2:
                    f.granularity = "rows";
                    break;
                case 3:
                    f.groupSize = 0;
                    break;
                case 4:
                    f.scaleType = "F64";
                    break;
                case 5:
                    f.shape = {-4, -16};
                    break;
                case 6:
                    f.shape = {std::int64_t(1) << 40, std::int64_t(1) << 40};
                    break;
                case 7:
                    f.shape = {std::int64_t(1) << 20, std::int64_t(1) << 27};
                    break;
                case 8:
                    f.codes = 31;
                    break;
                case 9:
                    f.codes = 33;
                    break;
                case 10:
                    f.scale = 0x7E00;
                    break;
                case 11:
                    f.scale = 0x7C00;
                    break;
                case 12:
                    f.scale = 0;
                    break;
                case 13:
                    f.scale = 0xBC00;
                    break;
                case 14:
                    f.scaleShape = {2, 4};
                    break;
                case 15:
                    f.scaleStored = Hdf5Type::F32;
                    break;
                case 16:
                    f.zero = 16;
                    break;
                case 17:
                    f.zeros = false;
                    break;
                case 18:
                    f.groupIndex = {0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
                    break;
                case 19:
                    f.groupIndex = {0, 1};
                    break;
                case 20:
                    f.index = 1;
                    break;
                case 21:
                    f.name = "m";
                    break;
                case 22:
                    f.choice = R"({"bits": 1})";
                    break;
                case 23:
                    f.choice = "{";
                    break;
                case 24:
                    return;
                case 25:
                    layers.writeText("m", "text");
                    break;
                case 26:
                case 30:
                    (void)layers.create("m");
                    break;
                default:
                    break;
                }
                writeLayer(layer, f);
            },
            own == names.end() ? R"(["l"])" : own->second);
        const std::string problem = problemOf(folder / "r");
        QVERIFY2(message.isEmpty() == problem.empty() &&
                     QByteArray::fromStdString(problem).contains(message),
                 problem.c_str());
    }

    void wrongTrainingsAreNamed_data()
    {
        using Layers = std::function<void(LayerFields&)>;
        using Tunings = std::function<void(TuningFields&)>;
        QTest::addColumn<Layers>("layer");
        QTest::addColumn<Tunings>("tuning");
        QTest::addColumn<QByteArray>("message");
        const auto add = [](const char* name, const Layers& layer, const Tunings& tuning,
                            const char* message) {
            QTest::newRow(name) << layer << tuning << QByteArray(message);
        };
        const Layers asIs = [](LayerFields&) {};
        const Tunings good = [](TuningFields&) {};
        add("good", asIs, good, "");
        add(
            "a list of another kind", [](auto& f) { f.tunings = "{}"; }, good, "/layers/l/tunings");
        add(
            "no JSON", [](auto& f) { f.tunings = "["; }, good, "/layers/l/tunings");
        add(
            "no text", [](auto& f) { f.tunings = "[1]"; }, good, "/layers/l/tunings");
        add(
            "unknown", [](auto& f) { f.tunings = R"(["x"])"; }, good, "/tunings/x");
        add(
            "none", asIs, [](auto& t) { t.written = false; }, "/tunings");
        add(
            "nobody's", [](auto& f) { f.tunings.clear(); }, good, "layers took part in 0");
        add(
            "no name", asIs, [](auto& t) { t.name.clear(); }, "the name of a training");
        add(
            "a long name", asIs, [](auto& t) { t.name.assign(2000, 'n'); },
            "the name of a training has 2000");
        add(
            "block", asIs, [](auto& t) { t.block = -7; }, "/tunings/t/block");
        add(
            "steps", asIs, [](auto& t) { t.steps = 3; }, "/tunings/t/losses");
        add(
            "many steps", asIs, [](auto& t) { t.steps = std::int64_t(1) << 60; },
            "/tunings/t/losses");
        add(
            "negative steps", asIs, [](auto& t) { t.steps = -1; }, "/tunings/t/steps");
        add(
            "epoch losses", asIs, [](auto& t) { t.epochLossCount = 5; }, "/tunings/t/epoch_losses");
        add(
            "best epoch", asIs, [](auto& t) { t.bestEpoch = 2; }, "the best epoch of t is 2");
        add(
            "NaN", asIs, [](auto& t) { t.value = std::numeric_limits<float>::quiet_NaN(); },
            "p holds 6 NaN");
        add(
            "infinite", asIs, [](auto& t) { t.value = std::numeric_limits<float>::infinity(); },
            "p holds 6 NaN");
        add(
            "another shape", asIs,
            [](auto& t) {
                t.parameterShape = {3, 2};
            },
            "/tunings/t/values/p");
        add(
            "another tensor", asIs, [](auto& t) { t.parameter = "q"; }, "/tunings/t/values/p");
        add(
            "no list of tensors", asIs, [](auto& t) { t.parameters = "3"; },
            "/tunings/t/parameters");
        add(
            "one tensor too many", asIs, [](auto& t) { t.parameters = "[]"; }, "/tunings/t/values");
        add(
            "no shape", asIs, [](auto& t) { t.parameters = R"([{"name": "p"}])"; },
            "/tunings/t/parameters");
        add(
            "a shape of text", asIs,
            [](auto& t) { t.parameters = R"([{"name": "p", "shape": ["2"]}])"; },
            "/tunings/t/parameters");
        add(
            "a huge shape", asIs,
            [](auto& t) { t.parameters = R"([{"name": "p", "shape": [4294967296, 4294967296]}])"; },
            "/tunings/t/parameters");
        add(
            "an empty shape", asIs,
            [](auto& t) { t.parameters = R"([{"name": "p", "shape": []}])"; },
            "/tunings/t/parameters");
        add(
            "a negative shape", asIs,
            [](auto& t) { t.parameters = R"([{"name": "p", "shape": [-2, -3]}])"; },
            "/tunings/t/parameters");
        add(
            "a long tensor name", asIs,
            [](auto& t) {
                t.parameter.assign(1500, 'p');
                t.parameters = R"([{"name": ")" + t.parameter + R"(", "shape": [2, 3]}])";
            },
            "the name of a trained parameter has 1500");
        add(
            "stage", [](auto& f) { f.traceStages = "rtn guess"; }, good, "\"guess\"");
        add(
            "a stage too few", [](auto& f) { f.traceStages = "rtn"; }, good, "/layers/l/trace");
        add(
            "round", [](auto& f) { f.trace[0] = 0.5; }, good, "round");
        add(
            "round NaN", [](auto& f) { f.trace[5] = std::numeric_limits<double>::quiet_NaN(); },
            good, "round");
        add(
            "share of rows", [](auto& f) { f.trace[2] = 1.5; }, good, "1.5 rows");
    }
    void wrongTrainingsAreNamed()
    {
        QFETCH(std::function<void(LayerFields&)>, layer);
        QFETCH(std::function<void(TuningFields&)>, tuning);
        QFETCH(QByteArray, message);
        const TemporaryFolder folder;
        LayerFields fields;
        fields.tunings = R"(["t"])";
        fields.traceStages = "rtn block";
        fields.trace = {0, 0.5, 1, 0, 0, 1, 0.25, 0, 0.5, 0.5};
        layer(fields);
        TuningFields training;
        tuning(training);
        writeSpoiledRun(
            folder / "r", [&](Hdf5Group&, Hdf5Group& group) { writeLayer(group, fields); },
            R"(["l"])", [&](Hdf5Group& root) { writeTuning(root, training); });
        const std::string problem = problemOf(folder / "r");
        QVERIFY2(message.isEmpty() ? problem.empty()
                                   : problem.find(message.toStdString()) != std::string::npos,
                 problem.c_str());
    }

    void wrongPowerPartsAreNamed_data()
    {
        using Layers = std::function<void(LayerFields&)>;
        QTest::addColumn<Layers>("spoil");
        QTest::addColumn<QByteArray>("message");
        const auto add = [](const char* name, const char* message, const Layers& spoil) {
            QTest::newRow(name) << spoil << QByteArray(message);
        };
        constexpr double nan = std::numeric_limits<double>::quiet_NaN();
        add("good", "", [](auto&) {});
        add("mid-rise", "", [](auto& f) { f.levels = "power-mid-rise"; });
        add("code 0", "a code is 0", [](auto& f) { f.code = 0x20; });
        add("code 0 of mid-rise", "", [](auto& f) {
            f.levels = "power-mid-rise";
            f.code = 0x20;
        });
        add("levels", "/layers/l/levels", [](auto& f) { f.levels = "log"; });
        add("not symmetric", "power levels are symmetric", [](auto& f) { f.symmetric = 0; });
        add("no exponents", "/layers/l/exponent_count", [](auto& f) { f.exponentCount = 0; });
        add("two exponents", "2 exponents, expected 1 or 4", [](auto& f) { f.exponentCount = 2; });
        add("many exponents", "expected 1 or 4",
            [](auto& f) { f.exponentCount = std::int64_t(1) << 60; });
        add("exponents short", "/layers/l/exponents", [](auto& f) { f.exponentCount = 4; });
        add("row exponents", "", [](auto& f) {
            f.exponentCount = 4;
            f.exponents = {0.5F, 1, 0.01F, 10};
        });
        for (const float exponent : {0.0F, -0.5F, 0.0099F, 10.1F, std::nanf(""), INFINITY})
            add(concat("exponent ", exponent).c_str(), "exponent 0 is",
                [exponent](auto& f) { f.exponents = {exponent}; });
        add("outliers of none", "/layers/l/outliers/count", [](auto& f) { f.outliers = -1; });
        add("outliers of all", "/layers/l/outliers/columns", [](auto& f) { f.outliers = 64; });
        add("too many outliers", "65 outliers, expected 1 to 64", [](auto& f) { f.outliers = 65; });
        add("columns short", "/layers/l/outliers/columns", [](auto& f) { f.columns.pop_back(); });
        add("values short", "/layers/l/outliers/values", [](auto& f) { f.values.pop_back(); });
        add("starts short", "/layers/l/outliers/row_starts",
            [](auto& f) { f.rowStarts.pop_back(); });
        add("starts late", "from 0 to 3", [](auto& f) { f.rowStarts[0] = 1; });
        add("starts end", "from 0 to 3", [](auto& f) { f.rowStarts[4] = 2; });
        add("starts beyond", "from 0 to 3", [](auto& f) { f.rowStarts[2] = 1000; });
        add("starts fall", "from 0 to 3", [](auto& f) { f.rowStarts = {0, 3, 1, 2, 3}; });
        add("column", "in column 16, expected 0 to 15", [](auto& f) { f.columns[1] = 16; });
        add("twice", "row 0 are not in ascending order", [](auto& f) {
            f.rowStarts = {0, 2, 2, 2, 3};
            f.columns = {3, 3, 0};
        });
        add("infinite outlier", "an outlier of row 0 is inf",
            [](auto& f) { f.values[0] = 0x7C00; });
        add("outlier NaN", "an outlier of row 2 is nan", [](auto& f) { f.values[1] = 0x7E00; });
        add("activation bits", "/layers/l/activation_bits", [](auto& f) { f.activationBits = 9; });
        add("activation exponent", "exponent of the activation grid is 0",
            [](auto& f) { f.activationGrid[0] = 0; });
        add("activation exponent NaN", "/layers/l/activation_exponent",
            [](auto& f) { f.activationGrid[0] = nan; });
        add("activation limit", "/layers/l/activation_limit",
            [](auto& f) { f.activationGrid[1] = 1e300; });
        add("no limit", "limit of the activation grid is 0",
            [](auto& f) { f.activationGrid[1] = 0; });
        add("shift", "shift of the activation grid is -1",
            [](auto& f) { f.activationGrid[2] = -1; });
        add("trace columns", "/layers/l/trace_columns", [](auto& f) { f.traceColumns = 6; });
        add("trace of five", "/layers/l/trace", [](auto& f) { f.traceColumns = 7; });
    }
    void wrongPowerPartsAreNamed()
    {
        QFETCH(std::function<void(LayerFields&)>, spoil);
        QFETCH(QByteArray, message);
        const TemporaryFolder folder;
        LayerFields fields;
        fields.levels = "power";
        fields.symmetric = 1;
        fields.zeros = false;
        fields.outliers = 3;
        fields.activation = true;
        fields.traceStages = "rtn";
        fields.trace = {0, 0.5, 1, 0, 0};
        spoil(fields);
        writeSpoiledRun(folder / "r",
                        [&](Hdf5Group&, Hdf5Group& group) { writeLayer(group, fields); });
        const std::string problem = problemOf(folder / "r");
        QVERIFY2(message.isEmpty() ? problem.empty()
                                   : problem.find(message.toStdString()) != std::string::npos,
                 problem.c_str());
    }

    /// Bits per weight are those of the datasets, read here by their declared sizes.
    void sizesAreWhatIsStored()
    {
        const TemporaryFolder folder;
        Monitor monitor;
        for (const auto& [rows, cols, type, perRow] :
             {std::tuple(12, 40, DType::F16, false), std::tuple(3, 70000, DType::F32, true)}) {
            Scheme scheme{3, Granularity::Group, 32, true, type};
            scheme.levels = Levels::Power;
            QuantizedWeight weight = sampleWeight(scheme, rows, cols, 1);
            weight.exponents.clear();
            weight.outliers = {};
            addPowerParts(weight, 2, perRow, 0.01);
            Run run;
            run.layers.push_back(sampleLayer("l", weight));
            writeRun(run, folder / "r", monitor);
            QVERIFY(sameRun(run, *readRun(folder / "r")));

            const Hdf5File file = Hdf5File::open(folder / "r");
            const Hdf5Group layer = file.root().open("layers").open("l");
            const Hdf5Group outliers = layer.open("outliers");
            const auto u = [](auto value) { return static_cast<std::uint64_t>(value); };
            const auto stored = [](const Hdf5Group& group, const char* name, Hdf5Type of,
                                   const std::vector<std::uint64_t>& dims) {
                return group.read(name, of, dims).size();
            };
            const Hdf5Type real = type == DType::F16 ? Hdf5Type::F16 : Hdf5Type::F32;
            const std::uint64_t count = u(outliers.integer("count"));
            QVERIFY(count > 0);
            const std::uint64_t bytes =
                stored(layer, "codes", Hdf5Type::U8, {(u(rows * cols) * 3 + 7) / 8}) +
                stored(layer, "scales", real, {u(rows), (u(cols) + 31) / 32}) +
                stored(layer, "exponents", Hdf5Type::F32, {perRow ? u(rows) : 1}) +
                stored(outliers, "row_starts", Hdf5Type::U32, {u(rows) + 1}) +
                stored(outliers, "columns", cols > 65536 ? Hdf5Type::U32 : Hdf5Type::U16, {count}) +
                stored(outliers, "values", real, {count});
            QCOMPARE(bytes, weight.size().bytes());
            QCOMPARE(u(layer.integer("stored_bytes")), bytes);
            QCOMPARE(layer.real("bits_per_weight"), 8.0 * double(bytes) / (rows * cols));
        }
    }

    /// What has no power levels is stored as it always was.
    void uniformLayersHaveNothingNew()
    {
        const TemporaryFolder folder;
        Monitor monitor;
        const Run run = sampleRun();
        writeRun(run, folder / "r", monitor);
        const Hdf5File file = Hdf5File::open(folder / "r");
        for (const LayerResult& layer : run.layers) {
            const Hdf5Group group = file.root().open("layers").open(Hdf5File::linkName(layer.name));
            const bool power = layer.weight && layer.weight->scheme.levels != Levels::Uniform;
            for (const char* name : {"levels", "exponent_count", "activation_bits"})
                QCOMPARE(group.hasAttribute(name), power);
            QCOMPARE(group.hasAttribute("trace_columns"), power);
            QCOMPARE(group.has("exponents"), power);
        }
    }

    void trainingsAreSharedAsTheyWere()
    {
        const TemporaryFolder folder;
        Monitor monitor;
        const Run run = sampleRun();
        writeRun(run, folder / "r", monitor);
        const auto read = readRun(folder / "r");
        QVERIFY(read->layers[2].tunings[0] == read->layers[4].tunings[0]);
        QVERIFY(read->layers[2].tunings[0] != read->layers[5].tunings[0]);
        QCOMPARE(read->layers[5].tunings[0]->block, 3);
        // Copies of one training are one training: equal runs have equal bytes.
        Run copies = run;
        copies.layers[3].tunings[0] = sampleTuning("model.layers.0", 0);
        writeRun(copies, folder / "c", monitor);
        QVERIFY(fileBytes(folder / "r") == fileBytes(folder / "c"));
        QCOMPARE(tunedParameters(read->layers).size(), std::size_t(1));
    }

    void refusesToWriteNonsense()
    {
        const TemporaryFolder folder;
        Monitor monitor;
        for (int kind = 0; kind < 5; ++kind) {
            Run run;
            QuantizedWeight weight =
                sampleWeight({4, Granularity::Group, 8, true, DType::F16}, 4, 16, 1);
            if (kind == 0)
                weight.codes[5] = 16;
            else if (kind == 1)
                weight.scales[1] = std::numeric_limits<float>::quiet_NaN();
            else if (kind == 2)
                weight.scales[1] = 0.1F; // not exact in float16
            else if (kind == 3)
                weight.zeros[0] = 3; // symmetric
            else
                weight.codes.pop_back();
            run.layers.push_back(sampleLayer("l", weight));
            QVERIFY_EXCEPTION_THROWN(writeRun(run, folder / "r", monitor), Error);
            QCOMPARE(namesIn(folder.path()), std::string());
        }
    }

    void aFullDiskLeavesNothing()
    {
        const TemporaryFolder folder;
        Monitor monitor;
        const Run run = sampleRun();
        writeRun(run, folder / "old.gradus", monitor);
        const std::string old = fileBytes(folder / "old.gradus");
        rlimit limit{};
        getrlimit(RLIMIT_FSIZE, &limit);
        const auto handler = std::signal(SIGXFSZ, SIG_IGN);
        for (std::size_t size = 0; size < old.size(); size += 1 + old.size() / 40) {
            const rlimit small{size, limit.rlim_max};
            setrlimit(RLIMIT_FSIZE, &small);
            std::string message;
            try {
                writeRun(run, folder / "old.gradus", monitor);
            } catch (const Error& error) {
                message = error.code() == ErrorCode::Io ? error.what() : "wrong code";
            }
            setrlimit(RLIMIT_FSIZE, &limit);
            QVERIFY2(message.find("old.gradus") != std::string::npos, message.c_str());
            QVERIFY2(message.find("part-") == std::string::npos, message.c_str());
            QCOMPARE(namesIn(folder.path()), std::string("old.gradus"));
            QVERIFY(fileBytes(folder / "old.gradus") == old);
        }
        std::signal(SIGXFSZ, handler);
        writeRun(run, folder / "new.gradus", monitor); // the library still works
        QVERIFY(sameRun(run, *readRun(folder / "new.gradus")));
    }

    void anUnwritableTargetIsAnError()
    {
        Monitor monitor;
        try {
            writeRun(sampleRun(), "/nonexistent/r.gradus", monitor);
            QFAIL("written");
        } catch (const Error& error) {
            QVERIFY(error.code() == ErrorCode::Io);
            QVERIFY(QByteArray(error.what()).contains("/nonexistent/r.gradus"));
        }
    }
};

QTEST_APPLESS_MAIN(TestRunFile)
#include "tst_run_file.moc"
