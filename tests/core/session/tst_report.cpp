// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/text.h"
#include "core/session/report.h"
#include "core/session/report_chart.h"
#include "core/session/report_markup.h"
#include "tests/support/sample_model.h"
#include "tests/support/sample_run.h"
#include "tests/support/support.h"

#include <QRegularExpression>
#include <QTest>
#include <QXmlStreamReader>

#include <clocale>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

/// The page read as strict XML: what is not well-formed is in error.
struct ReadPage
{
    QString error;
    QString title;
    QList<QStringList> layerTable;      ///< body rows of the table of layers
    QStringList links;                  ///< names that lead to their weights
    QList<QStringList> differenceTable; ///< of the comparison
    QStringList ids;
    QStringList targets;    ///< of links within the page
    QStringList foreign;    ///< attributes that would load something
    QStringList labels;     ///< ids that a label names
    QStringList unlabelled; ///< drawings without a title
    QSet<QString> elements;
    QString text; ///< all text outside of the style sheet
    int charts = 0;
    int details = 0;
};

QString textOf(QXmlStreamReader& xml, ReadPage& page)
{
    QString text;
    int depth = 1;
    while (depth > 0 && !xml.atEnd()) {
        xml.readNext();
        if (xml.isStartElement()) {
            ++depth;
            if (xml.name() == QLatin1String("a"))
                page.links << xml.attributes().value("href").toString();
            if (xml.attributes().value("class") == QLatin1String("note"))
                text += "|";
        } else if (xml.isEndElement()) {
            --depth;
        } else if (xml.isCharacters()) {
            text += xml.text();
        }
    }
    return text;
}

ReadPage read(const std::string& html)
{
    ReadPage page;
    QXmlStreamReader xml(QByteArray::fromStdString(html));
    QString table;
    bool body = false;
    bool style = false;
    while (!xml.atEnd()) {
        xml.readNext();
        const QString name = xml.name().toString();
        if (xml.isStartElement()) {
            page.elements << name;
            const QXmlStreamAttributes attributes = xml.attributes();
            const QString id = attributes.value("id").toString();
            if (!id.isEmpty())
                page.ids << id;
            for (const QXmlStreamAttribute& attribute : attributes) {
                const QString key = attribute.name().toString();
                const QString value = attribute.value().toString();
                if (key == "href" && value.startsWith('#'))
                    page.targets << value.mid(1);
                else if (key == "href" || key == "src" || key == "style" || key.startsWith("on"))
                    page.foreign << key + "=" + value;
                else if (key == "aria-labelledby")
                    page.labels << value.split(' ');
            }
            if (name == "svg") {
                if (attributes.value("role") == QLatin1String("img"))
                    ++page.charts;
                else if (attributes.value("aria-hidden") != QLatin1String("true"))
                    page.unlabelled << id;
            }
            page.details += name == "details" ? 1 : 0;
            style = style || name == "style";
            if (name == "table")
                table = id;
            body = (body || name == "tbody") && name != "table";
            if (body && name == "tr" && !table.isEmpty())
                (table == "layer-table" ? page.layerTable : page.differenceTable) << QStringList();
            if (body && !table.isEmpty() && (name == "td" || name == "th"))
                (table == "layer-table" ? page.layerTable : page.differenceTable).last()
                    << textOf(xml, page);
        } else if (xml.isEndElement()) {
            style = style && name != "style";
            body = body && name != "tbody";
            if (name == "table")
                table.clear();
        } else if (xml.isCharacters() && !style) {
            page.text += xml.text();
            if (page.title.isEmpty() && !xml.text().trimmed().isEmpty())
                page.title = xml.text().toString();
        }
    }
    if (xml.hasError())
        page.error = QStringLiteral("line %1: %2").arg(xml.lineNumber()).arg(xml.errorString());
    return page;
}

QString q(const std::string& text)
{
    return QString::fromStdString(text);
}

/// A model and a run with every rating, a layer whose error is unknown, and a float one.
struct Fixture
{
    TemporaryFolder folder;
    std::shared_ptr<const Model> model;
    std::shared_ptr<Run> run;
    ReportRequest request;

    explicit Fixture(const std::vector<SampleTensor>& more = {})
    {
        model = sampleModel(folder / "model", DType::F16, more);
        Scheme scheme{4, Granularity::Group, 32, false, DType::F16};
        Scheme wide{8, Granularity::Channel, 0, true, DType::F16};
        run = sampleRunOf(*model, {{"q_proj", scheme},
                                   {"k_proj", scheme},
                                   {"v_proj", scheme},
                                   {"o_proj", scheme},
                                   {"gate_proj", scheme},
                                   {"up_proj", scheme},
                                   {"down_proj", wide}});
        double error = 0.0004;
        for (LayerResult& layer : run->layers) {
            if (!layer.weight || layer.name.ends_with("o_proj"))
                continue;
            layer.relativeOutputError = error;
            layer.weightSqnrDb = 12.25 + 100 * error;
            error *= 4;
        }
        run->layers.front().note = "kept & \"float\" <by> the recipe";
        run->recipe.rules.push_back({"down_proj", {false, wide, RtnOptions{}}});
        run->recipe.overrides["model.layers.0.mlp.up_proj"] = {false, scheme,
                                                               GptqOptions{0.25, true}};
        run->recipe.locked.insert("model.layers.0.mlp.up_proj");
        run->recipe.seed = 42;
        request.model = model;
        request.run = run;
    }
    [[nodiscard]] std::string html() const
    {
        Monitor monitor;
        return reportHtml(request, monitor);
    }
};

/// Steps of every quantized layer, a training of their block, a fine-tuning.
void addTrainings(Run& run, double before = 0.04, const std::string& name = "model.layers.0")
{
    const auto training = [&](int block, double start) {
        auto outcome = std::make_shared<TuningOutcome>();
        outcome->name = block < 0 ? "fine-tuning" : name;
        outcome->block = block;
        outcome->losses.assign(6, static_cast<float>(start));
        outcome->epochLosses = {start, start / 2, start};
        outcome->bestEpoch = 1;
        outcome->stoppedEarly = true;
        outcome->scaleChange = 0.0125;
        outcome->zeroChange = 0.25;
        return outcome;
    };
    const auto block = training(0, before);
    const auto all = training(-1, 2.5);
    for (LayerResult& layer : run.layers) {
        if (!layer.weight)
            continue;
        layer.trace = {{TraceStage::RoundToNearest, 0, 0.2, 1, 0, 0},
                       {TraceStage::Sweep, 0, 0.1, 1, 0, 0},
                       {TraceStage::GridSearch, 0, 0.08, 0.5, 0.1, 0.5},
                       {TraceStage::Integers, 2, 0.05, 0.75, 0, 0},
                       {TraceStage::Scales, 2, 0.045, 1, 0.02, 0.125},
                       {TraceStage::Polish, 1, 0.044, 1, 0.02, 0.125},
                       {TraceStage::Block, 0, 0.05, 1, 0.02, 0.125},
                       {TraceStage::FineTuning, 0, 0.055, 1, 0.001, 0.01}};
        layer.tunings = {block, all};
    }
}

/// Inputs of every quantized layer on uniform grids; a norm before the first, an attention before
/// the second.
void addStaticInputs(Run& run, float value = 0.25F)
{
    int place = 0;
    for (LayerResult& layer : run.layers) {
        if (!layer.weight)
            continue;
        auto inputs = std::make_shared<StaticInputs>();
        AffineGrid grid;
        grid.bits = 6;
        grid.scales = {0.125F};
        grid.zeros = {32};
        inputs->grid = grid;
        inputs->errors = {0.01, 0.02, 0.03};
        inputs->lambda = 0.0625;
        if (place == 0) {
            NormReport report;
            report.norm = "norm <1>";
            for (std::int64_t j = 0; j < layer.weight->cols; ++j) {
                report.minimum.push_back(-value * static_cast<float>(j));
                report.maximum.push_back(value);
                report.low.push_back(-value);
                report.high.push_back(value);
                report.scales.push_back(0.125F);
                report.zeros.push_back(31);
                inputs->ratio.push_back(1);
            }
            report.codes = 1000;
            report.differing = 3;
            inputs->norm = report;
        }
        if (place == 1) {
            ProbabilityHistogram histogram;
            histogram.counts.fill(10);
            histogram.zeros = 20;
            inputs->probabilities = histogram;
            inputs->attention = AttentionGrids{grid, grid, std::nullopt, LogGrid{}};
        }
        layer.staticInputs = inputs;
        ++place;
    }
}

/// Power grids in every quantized layer, with exponents of rows in the last.
void addPowerGrids(Run& run)
{
    float exponent = 0.5F;
    for (LayerResult& layer : run.layers) {
        if (!layer.weight)
            continue;
        auto weight = std::make_shared<QuantizedWeight>(*layer.weight);
        weight->scheme.levels = Levels::Power;
        weight->scheme.symmetric = true;
        const auto middle = static_cast<float>(1 << (weight->scheme.bits - 1));
        weight->zeros.assign(weight->scales.size(), middle);
        for (std::uint8_t& code : weight->codes)
            code = std::max<std::uint8_t>(code, 1);
        weight->exponents = {exponent += 0.0625F};
        if (&layer == &run.layers.back()) {
            weight->exponents.assign(std::size_t(weight->rows), 0.75F);
            weight->exponents.front() = 0.5F;
        }
        layer.weight = weight;
        layer.choice.method = PowerquantOptions{};
        TracePoint start;
        start.weightError = 0.1;
        start.relativeError = std::numeric_limits<double>::quiet_NaN();
        TracePoint next = start;
        next.stage = TraceStage::Exponent;
        next.weightError = 0.01;
        layer.trace = {start, next};
    }
}

const std::vector<std::string>& hostileNames()
{
    static const std::vector<std::string> names{
        "<script>alert(1)</script>",
        "\"onload='x' a=\"",
        "]]>&amp;&#0;",
        "</style></title></table><b>",
        "=HYPERLINK(\"http://x\",1)",
        "line\nbreak\tand\x01\x1b control",
        "turn\xE2\x80\xAE dlrow",
        "Grüße, 重み 🙂",
        std::string(3000, 'n'),
    };
    return names;
}

} // namespace

class TestReport : public QObject
{
    Q_OBJECT

private slots:
    void isWellFormedAndSelfContained()
    {
        const Fixture fixture;
        const ReadPage page = read(fixture.html());
        QCOMPARE(page.error, QString());
        QCOMPARE(page.title, QStringLiteral("Quantization of model"));
        QCOMPARE(page.foreign, QStringList());
        QCOMPARE(page.unlabelled, QStringList());
        for (const char* banned : {"script", "link", "img", "iframe", "object", "use", "image"})
            QVERIFY2(!page.elements.contains(banned), banned);
        // error, SQNR, size and bits, and a histogram for each quantized layer
        QCOMPARE(page.charts, 4 + 7);
        QSet<QString> ids(page.ids.begin(), page.ids.end());
        QCOMPARE(ids.size(), page.ids.size());
        for (const QString& id : page.targets + page.labels)
            QVERIFY2(ids.contains(id), qPrintable(id));
        const std::string html = fixture.html();
        QVERIFY(html.find("@import") == std::string::npos);
        QVERIFY(html.find("url(") == std::string::npos);
        QVERIFY(html.find("prefers-color-scheme: dark") != std::string::npos);
    }

    void everyLayerOnceWithTheNumbersOfTheRun()
    {
        const Fixture fixture;
        const ReadPage page = read(fixture.html());
        QCOMPARE(page.layerTable.size(), qsizetype(fixture.run->layers.size()));
        int ratings = 0;
        for (std::size_t i = 0; i < fixture.run->layers.size(); ++i) {
            const LayerResult& layer = fixture.run->layers[i];
            const QStringList row = page.layerTable[int(i)];
            QCOMPARE(row.size(), 12);
            QCOMPARE(row[0], QString::number(i + 1));
            QCOMPARE(row[1].section('|', 0, 0), q(layer.name));
            QCOMPARE(row[1].section('|', 1), q(layer.note));
            if (!layer.weight) {
                QCOMPARE(row[4], QStringLiteral("float F16"));
                QCOMPARE(row[8], QStringLiteral("16.00"));
                QCOMPARE(row[11], QString());
                continue;
            }
            QCOMPARE(row[3], q(concat(layer.weight->rows, " × ", layer.weight->cols)));
            QCOMPARE(row[4], QStringLiteral("rtn"));
            QCOMPARE(row[5], QString::number(layer.weight->scheme.bits));
            QCOMPARE(row[6], layer.name.ends_with("down_proj") ? QStringLiteral("channel")
                                                               : QStringLiteral("32"));
            QCOMPARE(row[7], layer.name.ends_with("down_proj") ? QStringLiteral("symmetric")
                                                               : QStringLiteral("asymmetric"));
            QCOMPARE(row[8], q(formatBitsPerWeight(layer.bitsPerWeight())));
            QCOMPARE(row[9], q(formatBytes(layer.bytes())));
            QCOMPARE(row[10], q(formatDecibel(layer.weightSqnrDb)));
            const double error = layer.relativeOutputError;
            QString expected = q(formatPercent(error));
            if (!std::isnan(error)) {
                expected += error <= 0.01 ? " ●" : error <= 0.05 ? " ▲" : " ◆";
                ++ratings;
            }
            QCOMPARE(row[11], expected);
        }
        QCOMPARE(ratings, 6);
        QVERIFY(page.text.contains(q(formatBitsPerWeight(fixture.run->totals.bitsPerWeight))));
        QVERIFY(page.text.contains("1 layer not measured"));
    }

    void saysRecipeAndProvenanceWithoutPaths()
    {
        const Fixture fixture;
        const std::string html = fixture.html();
        const ReadPage page = read(html);
        QVERIFY(html.find("/home") == std::string::npos);
        QVERIFY(html.find(fixture.folder.path().string()) == std::string::npos);
        QVERIFY(page.text.contains("text.txt"));
        QVERIFY(page.text.contains(q(fixture.run->provenance.modelFingerprint)));
        QVERIFY(page.text.contains(q(fixture.run->provenance.modelHash)));
        QVERIFY(page.text.contains("Round to nearest, 8 bits, per channel, symmetric"));
        QVERIFY(page.text.contains(
            "GPTQ, 4 bits, groups of 32, asymmetric, scales F16; damping 0.25, act_order true"));
        QVERIFY(page.text.contains("(1 layer)")); // the rule's
        QVERIFY(page.text.contains("\"seed\": 42"));
    }

    void hostileTextStaysText()
    {
        std::vector<SampleTensor> tensors;
        for (const std::string& name : hostileNames())
            tensors.push_back({name + ".weight", {8, 16}, DType::F16});
        Fixture fixture(tensors);
        Scheme scheme{3, Granularity::Channel, 0, false, DType::F16};
        std::map<std::string, Scheme> schemes;
        for (const std::string& name : hostileNames())
            schemes[name] = scheme;
        auto run = sampleRunOf(*fixture.model, schemes);
        std::size_t found = 0;
        for (LayerResult& layer : run->layers) {
            found += layer.weight ? 1 : 0;
            layer.relativeOutputError = 0.5; // the label in the chart is a hostile one too
            layer.note = "\xFF\xC0\xAF\xED\xA0\x80 <i>\x00\x7F";
        }
        QCOMPARE(found, hostileNames().size());
        Rule broken;
        broken.pattern = "([<\x80";
        run->recipe.rules.push_back(broken);
        run->recipe.overrides["<b>\xFF"] = {};
        run->recipe.calibration.data = "/x/<u>.txt";
        run->provenance.program = "<program>";
        run->provenance.calibrationHash = "<hash>";
        fixture.request.run = run;
        fixture.request.compared = fixture.run;
        fixture.request.runName = "<run>";
        fixture.request.comparedName = "\"other\"&";
        fixture.request.title = "<title>&\xFE";
        fixture.request.perplexity = {"7.5 <em>"};
        const std::string html = fixture.html();
        const ReadPage page = read(html);
        QCOMPARE(page.error, QString());
        QCOMPARE(page.foreign, QStringList());
        QCOMPARE(page.title, QStringLiteral("<title>&\\xFE"));
        for (const char* banned : {"script", "b", "i", "u", "em", "run", "program", "hash"})
            QVERIFY2(!page.elements.contains(banned), banned);
        QCOMPARE(page.layerTable.size(), qsizetype(run->layers.size()));
        for (std::size_t i = 0; i < run->layers.size(); ++i) {
            QString expected = q(run->layers[i].name);
            expected.replace(QChar(1), "\\x01")
                .replace(QChar(0x1B), "\\x1B")
                .replace('\t', "\\x09");
            expected.replace(QChar(0x202E), QChar(0xFFFD));
            QCOMPARE(page.layerTable[int(i)][1].section('|', 0, 0), expected);
        }
        QVERIFY(page.text.contains("7.5 <em>"));
    }

    void escapes_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("expected");
        QTest::newRow("plain") << QByteArray("a.b_c/d") << QByteArray("a.b_c/d");
        QTest::newRow("markup") << QByteArray("<&>\"'") << QByteArray("&lt;&amp;&gt;&quot;&#39;");
        QTest::newRow("control") << QByteArray("\x01\x7F\t\r")
                                 << QByteArray("\\x01\\x7F\\x09\\x0D");
        QTest::newRow("stray continuation") << QByteArray("\x80z") << QByteArray("\\x80z");
        QTest::newRow("cut letter") << QByteArray("\xE9\x87") << QByteArray("\\xE9\\x87");
        QTest::newRow("overlong") << QByteArray("\xC0\xBC") << QByteArray("\\xC0\\xBC");
        QTest::newRow("overlong of three")
            << QByteArray("\xE0\x80\xBC") << QByteArray("\\xE0\\x80\\xBC");
        QTest::newRow("surrogate") << QByteArray("\xED\xA0\x80") << QByteArray("\\xED\\xA0\\x80");
        QTest::newRow("beyond") << QByteArray("\xF4\x90\x80\x80")
                                << QByteArray("\\xF4\\x90\\x80\\x80");
        QTest::newRow("no character") << QByteArray("\xEF\xBF\xBF") << QByteArray("\xEF\xBF\xBD");
        QTest::newRow("C1") << QByteArray("\xC2\x85") << QByteArray("\xEF\xBF\xBD");
        QTest::newRow("turned") << QByteArray("\xE2\x80\xAE") << QByteArray("\xEF\xBF\xBD");
        QTest::newRow("letters") << QByteArray("ß重🙂") << QByteArray("ß重🙂");
    }
    void escapes()
    {
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, expected);
        QCOMPARE(QByteArray::fromStdString(escaped(text.toStdString())), expected);
    }

    void shortensByCharacters()
    {
        QCOMPARE(shortened("abcdef", 6), std::string("abcdef"));
        QCOMPARE(shortened("abcdefg", 6), std::string("abc…fg"));
        QCOMPARE(shortened("重重重重重重重", 6), std::string("重重重…重重"));
        QCOMPARE(characterCount("重\xFFz"), std::size_t(3));
    }

    void coordinatesAreShortAndPlain()
    {
        QCOMPARE(coordinate(12), std::string("12"));
        QCOMPARE(coordinate(-0.04), std::string("0"));
        QCOMPARE(coordinate(1234567.26), std::string("1234567.3"));
        QCOMPARE(coordinate(std::numeric_limits<double>::quiet_NaN()), std::string("0"));
    }

    void equalRequestsGiveEqualBytes()
    {
        const Fixture fixture;
        const std::string first = fixture.html();
        // The file system's place of the model does not matter either.
        const TemporaryFolder elsewhere;
        std::filesystem::copy(fixture.folder / "model", elsewhere / "model");
        ReportRequest moved = fixture.request;
        moved.model = openModel(elsewhere / "model");
        Monitor monitor;
        QVERIFY(reportHtml(moved, monitor) == first);
        // Nor does the locale: a comma for the point, where one is installed.
        for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8"})
            if (std::setlocale(LC_ALL, name))
                break;
        const std::string again = fixture.html();
        std::setlocale(LC_ALL, "C");
        QVERIFY(again == first);
    }

    void largeModelsDrawTheWorstOnly()
    {
        Fixture fixture;
        fixture.request.maximumHistograms = 2;
        const ReadPage page = read(fixture.html());
        QCOMPARE(page.charts, 4 + 2);
        QStringList drawn;
        for (std::size_t i = 0; i < fixture.run->layers.size(); ++i)
            if (page.links.contains(QStringLiteral("#weights-%1").arg(i + 1)))
                drawn << q(fixture.run->layers[i].name);
        std::vector<std::pair<double, std::string>> errors;
        for (const LayerResult& layer : fixture.run->layers)
            if (!std::isnan(layer.relativeOutputError))
                errors.push_back({-layer.relativeOutputError, layer.name});
        std::sort(errors.begin(), errors.end());
        QStringList expected{q(errors[0].second), q(errors[1].second)};
        drawn.sort();
        expected.sort();
        QCOMPARE(drawn, expected);
        QVERIFY(page.text.contains("The 2 layers with the largest output error of 7 quantized"));

        fixture.request.maximumHistograms = 0;
        QCOMPARE(read(fixture.html()).charts, 4);
    }

    void withoutCalibrationItSaysSo()
    {
        Fixture fixture;
        for (LayerResult& layer : fixture.run->layers)
            layer.relativeOutputError = std::numeric_limits<double>::quiet_NaN();
        fixture.request.maximumHistograms = 1;
        const ReadPage page = read(fixture.html());
        QCOMPARE(page.charts, 3 + 1); // no chart of errors
        QVERIFY(page.text.contains("with the lowest weight SQNR"));
        QVERIFY(page.text.contains("was not measured"));
    }

    void tellsOfStepsAndTrainings()
    {
        Fixture fixture;
        const ReadPage without = read(fixture.html());
        QVERIFY(!without.targets.contains("training"));
        QVERIFY(!without.text.contains("Block stage"));
        addTrainings(*fixture.run);
        const ReadPage page = read(fixture.html());
        QCOMPARE(page.error, QString());
        QCOMPARE(page.foreign, QStringList());
        QCOMPARE(page.unlabelled, QStringList());
        // the steps of each quantized layer, and the blocks
        QCOMPARE(page.charts, without.charts + 7 + 1);
        QVERIFY(page.targets.contains("training"));
        const QSet<QString> ids(page.ids.begin(), page.ids.end());
        QCOMPARE(ids.size(), page.ids.size());
        for (const QString& id : page.targets + page.labels)
            QVERIFY2(ids.contains(id), qPrintable(id));
        for (const char* text :
             {"Block stage", "fell in 1 of 1 block, by +3.01 dB on average", "4.00 %", "2.00 %",
              "epoch 1 of 2, stopped early", "0.25 steps", "Fine-tuning", "2.5 nats → 1.25 nats",
              "integers, round 2: 5.00 %; 75.0 % of the rows", "from 20.0 % to 5.50 %, +5.61 dB"})
            QVERIFY2(page.text.contains(text), text);

        // Only the fine-tuning: the section is named after it.
        for (LayerResult& layer : fixture.run->layers) {
            layer.trace.clear();
            std::erase_if(layer.tunings, [](const auto& tuning) { return tuning->block >= 0; });
        }
        const ReadPage tuned = read(fixture.html());
        QCOMPARE(tuned.error, QString());
        QCOMPARE(tuned.charts, without.charts);
        QVERIFY(!tuned.text.contains("Block stage"));
        QVERIFY(tuned.text.contains("2.5 nats → 1.25 nats"));
    }

    void stepsAndTrainingsFromFilesDoNoHarm()
    {
        const double infinite = std::numeric_limits<double>::infinity();
        for (const double value : {0.0, -1.0, 1e300, infinite, std::nan("")}) {
            Fixture fixture;
            addTrainings(*fixture.run, value);
            for (LayerResult& layer : fixture.run->layers)
                for (TracePoint& point : layer.trace)
                    point.relativeError = value;
            const std::string html = fixture.html();
            const ReadPage page = read(html);
            QCOMPARE(page.error, QString());
            for (const char* bad : {"Mnan", "Lnan", "Vnan", "inf\"", "Minf"})
                QVERIFY2(html.find(bad) == std::string::npos, bad);
        }
        for (const std::string& name : hostileNames()) {
            Fixture fixture;
            addTrainings(*fixture.run, 0.04, name);
            const ReadPage page = read(fixture.html());
            QCOMPARE(page.error, QString());
            QCOMPARE(page.foreign, QStringList());
            QVERIFY(!page.elements.contains("script"));
        }
    }

    void tellsOfPowerGrids()
    {
        const Fixture fixture;
        QVERIFY(!read(fixture.html()).ids.contains("power"));
        addPowerGrids(*fixture.run);
        const ReadPage page = read(fixture.html());
        QCOMPARE(page.error, QString());
        QVERIFY(page.ids.contains("power"));
        QVERIFY(page.targets.contains("power"));
        QCOMPARE(page.unlabelled, QStringList());
        QVERIFY(page.ids.contains("chart-exponents-t"));
        QVERIFY(page.ids.contains("chart-gain-t"));
        QVERIFY(page.ids.contains("chart-levels-t"));
        QVERIFY(page.text.contains("7 layers have levels"));
        QVERIFY(page.text.contains("weight error 10.0 % → 1.00 %"));
        QVERIFY(page.text.contains("+10 dB"));
        QVERIFY(page.text.contains("rows from 0.5 to 0.75"));
        QVERIFY(page.text.contains("a 0.562"));
        // Power grids are symmetric whatever the scheme of the choice says.
        QVERIFY(page.text.contains("PowerQuant, 4 bits, groups of 32, symmetric"));
        for (const double hostile : {0.0, -1.0, 1e300, std::nan("")}) {
            for (LayerResult& layer : fixture.run->layers)
                for (TracePoint& point : layer.trace)
                    point.weightError = hostile;
            QCOMPARE(read(fixture.html()).error, QString());
        }
    }

    void tellsOfQuantizedInputs()
    {
        Fixture fixture;
        QVERIFY(!read(fixture.html()).ids.contains("inputs"));
        addStaticInputs(*fixture.run);
        const ReadPage page = read(fixture.html());
        QCOMPARE(page.error, QString());
        QVERIFY(page.ids.contains("inputs"));
        QVERIFY(page.targets.contains("inputs"));
        QCOMPARE(page.unlabelled, QStringList());
        QVERIFY(page.ids.contains("input-table"));
        QVERIFY(page.ids.contains("chart-norm-1-t"));
        QVERIFY(page.ids.contains("chart-softmax-1-t"));
        QVERIFY(page.text.contains("7 layers have inputs on uniform grids; 1 norm was divided"));
        QVERIFY(page.text.contains("codes equal in 997 of 1,000"));
        QVERIFY(page.text.contains("exactly 0: 4.00 %"));
        bool told = false; // of the attention, in the table
        for (const QStringList& row : page.differenceTable)
            told = told || row.contains("q 6, k 6, v float, softmax log√2 8");
        QVERIFY(told);
        // Numbers of a file may be anything.
        for (const float hostile : {0.0F, -1e38F, std::numeric_limits<float>::quiet_NaN(),
                                    std::numeric_limits<float>::infinity()}) {
            addStaticInputs(*fixture.run, hostile);
            const std::string html = fixture.html();
            QCOMPARE(read(html).error, QString());
            for (const char* bad : {"Mnan", "Lnan", "Vnan", "Hnan", "inf\"", "Minf", "Linf"})
                QVERIFY2(html.find(bad) == std::string::npos, bad);
        }
        // Of many norms only as many are drawn as weights have histograms.
        addStaticInputs(*fixture.run);
        fixture.request.maximumHistograms = 0;
        const ReadPage bare = read(fixture.html());
        QVERIFY(!bare.ids.contains("chart-norm-1-t"));
        QVERIFY(bare.text.contains("1 more is not drawn"));
    }

    void comparesWithAnotherRun()
    {
        Fixture fixture;
        auto other = std::make_shared<Run>(*fixture.run);
        std::vector<std::size_t> quantized;
        for (std::size_t i = 0; i < other->layers.size(); ++i)
            if (other->layers[i].weight)
                quantized.push_back(i);
        const std::size_t first = quantized[1];
        const std::size_t second = quantized[4];
        other->layers[first].relativeOutputError = 0.25;
        other->layers[second].weightSqnrDb = 40;
        LayerResult foreign = other->layers[3];
        foreign.name = "another";
        other->layers.push_back(foreign);
        fixture.request.compared = other;
        fixture.request.comparedName = "baseline";
        const ReadPage page = read(fixture.html());
        QCOMPARE(page.error, QString());
        QCOMPARE(page.differenceTable.size(), 2);
        QCOMPARE(page.differenceTable[0][0], q(fixture.run->layers[first].name));
        QCOMPARE(page.differenceTable[1][0], q(fixture.run->layers[second].name));
        QVERIFY(page.differenceTable[0][6].startsWith("25.0 % ◆"));
        QVERIFY(page.differenceTable[1][4].startsWith("40.0 dB → "));
        QVERIFY(page.text.contains(
            QStringLiteral("2 of %1 shared layers differ").arg(fixture.run->layers.size())));
        QVERIFY(page.text.contains("1 layer is only in baseline"));
        QVERIFY(!page.text.contains("another model"));

        other->provenance.modelFingerprint = "elsewhere";
        QVERIFY(read(fixture.html()).text.contains("another model"));
    }

    void csvHasEveryNumberInFull()
    {
        Fixture fixture;
        addPowerGrids(*fixture.run);
        addStaticInputs(*fixture.run);
        fixture.run->layers[0].note = "=1+1";
        Monitor monitor;
        const QStringList lines = q(reportCsv(fixture.request, monitor)).split('\n');
        QCOMPARE(lines.size(), qsizetype(fixture.run->layers.size()) + 2); // header, last is empty
        const QStringList header = lines[0].split(',');
        int powers = 0; // with several exponents
        for (std::size_t i = 0; i < fixture.run->layers.size(); ++i) {
            const LayerResult& layer = fixture.run->layers[i];
            const QStringList row = lines[int(i) + 1].split(',');
            QCOMPARE(row.size(), header.size());
            QCOMPARE(row[0], q(layer.name));
            const auto value = [&](const char* column) { return row[header.indexOf(column)]; };
            QCOMPARE(value("bytes"), layer.weight ? QString::number(layer.bytes()) : QString());
            const QString error = value("relative_output_error");
            QCOMPARE(error.isEmpty(), std::isnan(layer.relativeOutputError));
            if (!error.isEmpty())
                QVERIFY(sameBits(error.toDouble(), layer.relativeOutputError));
            if (layer.weight)
                QVERIFY(sameBits(value("weight_sqnr_db").toDouble(), layer.weightSqnrDb));
            QCOMPARE(value("input_bits"), QString(layer.staticInputs ? "6" : ""));
            QCOMPARE(value("input_quantizer"), QString(layer.staticInputs ? "uniform" : ""));
            QCOMPARE(value("weight_error"), QString(layer.staticInputs ? "0.01" : ""));
            QCOMPARE(value("both_error"), QString(layer.staticInputs ? "0.03" : ""));
            QCOMPARE(value("lambda"), QString(layer.staticInputs ? "0.0625" : ""));
            const bool power = layer.weight && !layer.weight->exponents.empty();
            QCOMPARE(value("exponent").isEmpty(), !power);
            if (power) { // of several, the mean
                double sum = 0;
                for (const float exponent : layer.weight->exponents)
                    sum += static_cast<double>(exponent);
                powers += layer.weight->exponents.size() > 1 ? 1 : 0;
                QVERIFY(sameBits(value("exponent").toDouble(),
                                 sum / static_cast<double>(layer.weight->exponents.size())));
            }
        }
        QVERIFY(powers > 0);
        QVERIFY(lines[1].endsWith(",'=1+1"));

        fixture.run->layers[0].note = "a, \"b\"\nc";
        fixture.request.compared = fixture.run;
        const QString compared = q(reportCsv(fixture.request, monitor));
        QVERIFY(compared.contains("\"a, \"\"b\"\"\nc\""));
        QVERIFY(compared.section('\n', 0, 0).endsWith("compared_lambda"));
        QCOMPARE(compared.section('\n', -2, -2).count(','),
                 compared.section('\n', 0, 0).count(','));
    }

    void extremeNumbersStillDraw()
    {
        LayerChart chart;
        chart.id = "c";
        const double values[] = {0,
                                 1e-300,
                                 1e300,
                                 -5,
                                 std::numeric_limits<double>::infinity(),
                                 -std::numeric_limits<double>::infinity(),
                                 std::numeric_limits<double>::quiet_NaN(),
                                 0.02};
        for (const double value : values) {
            ChartLayer layer;
            layer.name = "l";
            layer.value = layer.compared = layer.background = value;
            layer.rating = ratingOf(value);
            chart.layers.push_back(layer);
        }
        chart.labelled = 100;
        for (const auto style : {LayerChart::Style::LogarithmicMarks, LayerChart::Style::Decibel,
                                 LayerChart::Style::Bytes}) {
            chart.style = style;
            const std::string svg = layerChart(chart);
            QCOMPARE(read(svg).error, QString());
            QVERIFY(svg.size() < 20000);
            QVERIFY(svg.find("nan") == std::string::npos && svg.find("inf") == std::string::npos);
        }
        QCOMPARE(read(layerChart({})).error, QString());
        QCOMPARE(read(bitsMap({})).error, QString());
    }

    void tenThousandLayersStaySmall()
    {
        LayerChart chart;
        chart.id = "c";
        for (int i = 0; i < 10000; ++i) {
            ChartLayer layer;
            layer.name = "a layer with a long name " + std::to_string(i);
            layer.value = 1e-5 * (1 + i);
            layer.rating = ratingOf(layer.value);
            chart.layers.push_back(layer);
            if (i % 10 == 0)
                chart.blocks.push_back(
                    {std::size_t(i), std::size_t(i) + 9, std::to_string(i / 10)});
        }
        const std::string svg = layerChart(chart);
        QVERIFY2(svg.size() < 800000, qPrintable(QString::number(svg.size())));
        QCOMPARE(read(svg).error, QString());
    }

    void bitsMapShowsBlocksByKinds()
    {
        ChartBits map;
        map.id = "m";
        map.kinds = {"q", "k<"};
        for (int i = 0; i < 70; ++i)
            map.blocks.push_back(std::to_string(i));
        map.cells.resize(140);
        map.cells[0] = {true, 4, ErrorRating::Good, "first"};
        map.cells[139] = {true, 0, ErrorRating::None, "last"};
        map.cells[5] = {true, 3, ErrorRating::Poor, "poor"};
        const QString svg = q(bitsMap(map));
        QCOMPARE(read(svg.toStdString()).error, QString());
        QCOMPARE(svg.count("<rect"), 3);
        QCOMPARE(svg.count("cell-mark"), 1);
        QVERIFY(svg.contains(">4</text>") && svg.contains(">F</text>"));
        QVERIFY(svg.contains("<title>poor</title>"));
        QCOMPARE(svg.count(">k&lt;</text>"), 3); // once for each band of 30 blocks
    }

    void ratesLikeTheLayerTable()
    {
        QCOMPARE(ratingOf(0), ErrorRating::Good);
        QCOMPARE(ratingOf(0.01), ErrorRating::Good);
        QCOMPARE(ratingOf(0.0101), ErrorRating::Fair);
        QCOMPARE(ratingOf(0.05), ErrorRating::Fair);
        QCOMPARE(ratingOf(0.0501), ErrorRating::Poor);
        QCOMPARE(ratingOf(std::numeric_limits<double>::infinity()), ErrorRating::Poor);
        QCOMPARE(ratingOf(std::numeric_limits<double>::quiet_NaN()), ErrorRating::None);
        QCOMPARE(ratingOf(-1), ErrorRating::None);
    }

    void cancelsAtEveryCheckpoint()
    {
        const Fixture fixture;
        const TemporaryFolder out;
        bool finished = false;
        int k = 0;
        for (; !finished && k < 1000; ++k) {
            StopAt monitor(k);
            try {
                writeReport(fixture.request, out / "r.html", monitor);
                finished = true;
            } catch (const Cancelled&) {
                QCOMPARE(namesIn(out.path()), std::string());
            }
        }
        QVERIFY(finished);
        QVERIFY(k > 10);
        QVERIFY(fileBytes(out / "r.html") == fixture.html());
        StopAt stopped(0);
        QVERIFY_EXCEPTION_THROWN(writeReportCsv(fixture.request, out / "r.csv", stopped),
                                 Cancelled);
        QCOMPARE(namesIn(out.path()), std::string("r.html"));
    }

    void errorsNameWhatIsWrong()
    {
        Fixture fixture;
        Monitor monitor;
        const auto problem = [&](const std::filesystem::path& path) {
            try {
                writeReport(fixture.request, path, monitor);
                return std::string();
            } catch (const Error& error) {
                return std::string(error.what());
            }
        };
        QVERIFY(problem("/no/such/folder/r.html").find("/no/such/folder/r.html") !=
                std::string::npos);
        const auto layers = fixture.run->layers;
        fixture.run->layers[2].name = "nobody";
        QVERIFY(problem(fixture.folder / "r").find("nobody") != std::string::npos);
        fixture.run->layers = layers;
        for (LayerResult& layer : fixture.run->layers)
            if (layer.name.ends_with("down_proj")) {
                auto turned = std::make_shared<QuantizedWeight>(*layer.weight);
                std::swap(turned->rows, turned->cols);
                layer.weight = turned;
            }
        QVERIFY(problem(fixture.folder / "r").find("96 × 64") != std::string::npos);
        fixture.run->layers = layers;
        fixture.run->provenance.modelFingerprint = "0123456789abcdef";
        QVERIFY(problem(fixture.folder / "r").find("0123456789ab") != std::string::npos);
        fixture.request.run = nullptr;
        QVERIFY(!problem(fixture.folder / "r").empty());
        QCOMPARE(namesIn(fixture.folder.path()), std::string("model"));
    }
};

QTEST_APPLESS_MAIN(TestReport)
#include "tst_report.moc"
