// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/static_view.h"
#include "tests/support/support.h"
#include "widgets/panels/activation_panel.h"
#include "widgets/plots/channel_plot.h"
#include "widgets/plots/probability_plot.h"

#include <QCheckBox>
#include <QSignalSpy>
#include <QTest>
#include <qcustomplot.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

using namespace gradus;
using gradus::test::isClose;

namespace {

constexpr std::size_t features = 6;

/// Channels of a norm of 4 bits, and the grid that they became.
std::shared_ptr<const StaticInputs> ofNorm()
{
    auto inputs = std::make_shared<StaticInputs>();
    NormReport report;
    report.norm = "blocks.0.norm1";
    const std::array<float, features> scales{0.1F, 0.2F, 0.4F, 0.1F, 0.05F, 0.25F};
    const std::array<std::int32_t, features> zeros{7, 5, 9, -3, 8, 7};
    float mean = 0;
    for (const float s : scales)
        mean += s / features;
    for (std::size_t j = 0; j < features; ++j) {
        report.scales.push_back(scales[j]);
        report.zeros.push_back(zeros[j]);
        report.low.push_back(scales[j] * static_cast<float>(-zeros[j]));
        report.high.push_back(scales[j] * static_cast<float>(15 - zeros[j]));
        report.minimum.push_back(report.low.back() - 0.5F * scales[j]);
        report.maximum.push_back(report.high.back() + 0.25F * scales[j]);
        inputs->ratio.push_back(scales[j] / mean);
    }
    report.codes = 1200;
    report.differing = 2;
    inputs->norm = report;
    AffineGrid grid;
    grid.bits = 4;
    grid.scales = {mean};
    grid.zeros = {6};
    inputs->grid = grid;
    inputs->errors = {0.01, 0.02, 0.03};
    inputs->lambda = 0.1;
    return inputs;
}

std::shared_ptr<const StaticInputs> ofAttention()
{
    auto inputs = std::make_shared<StaticInputs>();
    ProbabilityHistogram histogram;
    for (std::size_t bin = 0; bin < histogram.counts.size(); ++bin)
        histogram.counts[bin] = 10 * static_cast<std::int64_t>(bin + 1);
    histogram.zeros = 240;
    inputs->probabilities = histogram;
    AttentionGrids grids;
    AffineGrid tensor;
    tensor.bits = 4;
    tensor.scales = {0.5F};
    tensor.zeros = {8};
    grids.query = grids.key = grids.value = tensor;
    LogGrid log;
    log.bits = 4;
    log.perOctave = 2;
    log.scale = 0.5F;
    log.relativeError = 0.0125;
    grids.probabilities = log;
    inputs->attention = grids;
    return inputs;
}

ActivationView view(const std::shared_ptr<const StaticInputs>& inputs)
{
    ActivationView v;
    v.layer = "blocks.0.attn.qkv";
    v.inputs = inputs;
    v.computed = true;
    v.readsNorm = inputs && inputs->norm;
    v.readsAttention = inputs && inputs->attention;
    if (v.readsNorm)
        v.reporter = inputs;
    v.readers = {"blocks.0.attn.q", "blocks.0.attn.k"};
    return v;
}

/// The cells below a column's head, by name.
QStringList column(const QString& csv, const QString& name)
{
    QStringList cells;
    qsizetype at = -1;
    for (const QString& line : csv.split(QLatin1Char('\n'), Qt::SkipEmptyParts)) {
        if (line.startsWith(QLatin1Char('#')))
            continue;
        const QStringList all = line.split(QLatin1Char(','));
        if (at < 0)
            at = all.indexOf(name);
        else
            cells << all.value(at);
    }
    return cells;
}

} // namespace

class TestActivationPanel : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void codesSurviveTheDivision();
    void zerosThatStay();
    void normPlots();
    void sortedChannels();
    void softmaxPlot();
    void levelsOfQuantizers();
    void sharesOfProbabilities();
    void floatSoftmax();
    void errorBars();
    void wholeRun();
    void emptyStates();
    void pictures();
};

void TestActivationPanel::codesSurviveTheDivision()
{
    const auto inputs = ofNorm();
    const NormRanges ranges = normRanges(*inputs->norm, *inputs);
    QVERIFY(ranges.oneRange);
    QCOMPARE(ranges.after.low.size(), features);
    const AffineGrid& grid = *inputs->grid;
    const auto code = [](double x, double scale, double zero) {
        return std::clamp(std::nearbyint(x / scale) + zero, 0.0, 15.0);
    };
    for (std::size_t j = 0; j < features; ++j) {
        // All features have the same limits now, and ends of ranges the codes that they had.
        QVERIFY(isClose(ranges.after.limitLow[j], -6 * grid.scales[0], 1e-6, 0));
        QVERIFY(isClose(ranges.after.limitHigh[j], 9 * grid.scales[0], 1e-6, 0));
        const auto pair = {std::pair(ranges.before.low[j], ranges.after.low[j]),
                           std::pair(ranges.before.high[j], ranges.after.high[j])};
        for (const auto& [before, after] : pair)
            QCOMPARE(code(static_cast<double>(after), static_cast<double>(grid.scales[0]), 6),
                     code(static_cast<double>(before), static_cast<double>(inputs->norm->scales[j]),
                          inputs->norm->zeros[j]));
    }
    // Lengths of a file that do not agree are not drawn.
    StaticInputs wrong = *inputs;
    wrong.ratio.pop_back();
    QVERIFY(normRanges(*inputs->norm, wrong).after.low.empty());
}

void TestActivationPanel::zerosThatStay()
{
    StaticInputs inputs = *ofNorm();
    inputs.grid->zeros = inputs.norm->zeros;
    const NormRanges ranges = normRanges(*inputs.norm, inputs);
    QVERIFY(!ranges.oneRange);
    for (std::size_t j = 0; j < features; ++j) {
        QVERIFY(isClose(ranges.after.low[j], ranges.before.low[j] / inputs.ratio[j], 1e-6, 0));
        QVERIFY(isClose(ranges.after.limitLow[j],
                        -static_cast<float>(inputs.norm->zeros[j]) * inputs.grid->scales[0], 1e-6,
                        1e-7));
    }
}

void TestActivationPanel::normPlots()
{
    ActivationPanel panel;
    panel.setView(view(ofNorm()));
    QVERIFY(!panel.beforePlot()->isEmpty());
    QVERIFY(!panel.afterPlot()->isEmpty());
    const QString text = panel.normText();
    QVERIFY2(text.contains(QStringLiteral("blocks.0.norm1 is read by")), qPrintable(text));
    QVERIFY2(text.contains(QStringLiteral("equal in 1,198 of 1,200; 2 differ")), qPrintable(text));
    QVERIFY2(text.contains(QStringLiteral("z̃ = 6")), qPrintable(text));
    const QString table = panel.beforePlot()->csv();
    QCOMPARE(column(table, QStringLiteral("channel")).size(), qsizetype(features));
    QCOMPARE(column(table, QStringLiteral("zero")),
             QStringList({QStringLiteral("7"), QStringLiteral("5"), QStringLiteral("9"),
                          QStringLiteral("-3"), QStringLiteral("8"), QStringLiteral("7")}));
    QCOMPARE(column(table, QStringLiteral("limit_low")).value(1).toDouble(),
             static_cast<double>(0.2F * -5));
    const QString readout = panel.beforePlot()->readout(3, 0);
    for (const char* part : {"channel 3", "seen", "limits of the grid", "scale s: 0.1",
                             "zero z: -3", "ratio r1 = s / s̃"})
        QVERIFY2(readout.contains(QString::fromUtf8(part)), qPrintable(readout));

    // The codes of fractional zeros are not compared, and the text says so.
    StaticInputs fractional = *ofNorm();
    fractional.norm->codes = fractional.norm->differing = 0;
    fractional.grid->fraction = 0.25F;
    panel.setView(view(std::make_shared<const StaticInputs>(fractional)));
    QVERIFY2(panel.normText().contains(QStringLiteral("fractional")), qPrintable(panel.normText()));
    QVERIFY(panel.normText().contains(QStringLiteral("z̃ = 6.25")));
}

void TestActivationPanel::sortedChannels()
{
    ActivationPanel panel;
    panel.setView(view(ofNorm()));
    panel.setSorted(true);
    const QStringList order{QStringLiteral("2"), QStringLiteral("5"), QStringLiteral("1"),
                            QStringLiteral("0"), QStringLiteral("3"), QStringLiteral("4")};
    for (const ChannelPlot* plot : {panel.beforePlot(), panel.afterPlot()})
        QCOMPARE(column(plot->csv(), QStringLiteral("channel")), order);
    panel.setSorted(false);
    QCOMPARE(column(panel.afterPlot()->csv(), QStringLiteral("channel")).first(),
             QStringLiteral("0"));
}

void TestActivationPanel::softmaxPlot()
{
    ActivationPanel panel;
    panel.setView(view(ofAttention()));
    ProbabilityPlot& plot = *panel.softmaxPlot();
    QVERIFY(!plot.isEmpty());
    QCOMPARE(plot.laneTexts(), QStringList({QStringLiteral("log√2"), QStringLiteral("log2"),
                                            QStringLiteral("uniform")}));
    const QString text = panel.attentionText();
    QVERIFY2(text.contains(QStringLiteral("q: 4 bit, scale 0.5, zero 8")), qPrintable(text));
    QVERIFY2(text.contains(QStringLiteral("softmax: log√2, 4 bit")), qPrintable(text));
    const QStringList counts = column(plot.csv(), QStringLiteral("count"));
    QCOMPARE(counts.size(), qsizetype(48));
    QCOMPARE(counts.first(), QStringLiteral("10"));
    QVERIFY(plot.csv().contains(QStringLiteral("# zeros,240")));
    // p = 0.5 · 2^(−7) is code 14, the last power; half a step further on it is 0.
    QVERIFY(plot.readout(8, 0).contains(QStringLiteral("log√2: becomes about 0.00391")));
    QVERIFY(plot.readout(9, 0).contains(QStringLiteral("log√2: becomes 0")));
    QSignalSpy spy(&plot, &ProbabilityPlot::logScaleChanged);
    auto* box = panel.findChild<QCheckBox*>();
    QVERIFY(box);
    box->setChecked(true);
    QVERIFY(plot.logScale());
    QCOMPARE(spy.size(), 1);
}

void TestActivationPanel::levelsOfQuantizers()
{
    LogGrid log;
    log.bits = 3;
    log.perOctave = 1;
    log.scale = 0.25F;
    log.zeroState = ZeroState::None;
    OctaveLevels levels = octaveLevels(log);
    QCOMPARE(levels.places.size(), std::size_t(8));
    QCOMPARE(levels.places.front(), 2.0);
    QCOMPARE(levels.places.back(), 9.0);
    QVERIFY(std::isinf(levels.zeroFrom));
    log.zeroState = ZeroState::Reserved;
    levels = octaveLevels(log);
    QCOMPARE(levels.places.back(), 8.0);
    QCOMPARE(levels.zeroFrom, 8.5);

    const ProbabilityGrid uniform = comparable(log, ProbabilityQuantizer::Uniform);
    QCOMPARE(bitsOf(uniform), 3);
    levels = octaveLevels(uniform);
    QCOMPARE(levels.places.size(), std::size_t(7)); // the eighth is 0
    QVERIFY(std::fabs(levels.places.front() - 2) < 1e-6);
    QVERIFY(std::fabs(levels.zeroFrom - (2 + std::log2(14))) < 1e-6);
    QVERIFY(isClose(static_cast<float>(largestLevel(uniform)), 0.25F, 1e-6, 0));
    // There and back: the same quantizer, bits and largest level.
    const ProbabilityGrid back = comparable(uniform, ProbabilityQuantizer::Log2);
    QVERIFY(std::fabs(octaveLevels(back).places.front() - 2) < 1e-6);
    QVERIFY(quantizerOf(back) == ProbabilityQuantizer::Log2);
}

void TestActivationPanel::sharesOfProbabilities()
{
    ProbabilityHistogram h;
    QVERIFY(std::isnan(zeroShare(h)));
    h.counts[0] = 40;  // −log₂ p in [0, ¼)
    h.counts[8] = 40;  // in [2, 2¼)
    h.counts[47] = 10; // from 11¾ on
    h.zeros = 10;
    QCOMPARE(zeroShare(h), 0.1);
    QCOMPARE(shareFrom(h, 0), 0.9);
    QCOMPARE(shareFrom(h, 2.125), 0.3);
    QCOMPARE(shareFrom(h, 11.75), 0.1);
    QCOMPARE(shareFrom(h, 12), 0.0); // where in the open bin they lie is not known
}

void TestActivationPanel::floatSoftmax()
{
    StaticInputs inputs = *ofAttention();
    inputs.attention->probabilities.reset();
    ActivationPanel panel;
    panel.setView(view(std::make_shared<const StaticInputs>(inputs)));
    QVERIFY(!panel.softmaxPlot()->isEmpty());
    QVERIFY(panel.softmaxPlot()->laneTexts().isEmpty());
    QVERIFY(std::isnan(panel.softmaxPlot()->lostShare()));
    QVERIFY(panel.attentionText().contains(QStringLiteral("softmax: float")));
}

void TestActivationPanel::errorBars()
{
    ActivationPanel panel;
    panel.setView(view(ofNorm()));
    QCOMPARE(panel.errorPlot()->rowTexts(),
             QStringList({QStringLiteral("Weights only\t1.00 %"),
                          QStringLiteral("Inputs only\t2.00 %"), QStringLiteral("Both\t3.00 %")}));
    QVERIFY2(panel.errorPlot()->readout(0, 1).contains(QStringLiteral("17.0 dB")),
             qPrintable(panel.errorPlot()->readout(0, 1)));
    QCOMPARE(column(panel.errorPlot()->csv(), QStringLiteral("lambda")),
             QStringList{QStringLiteral("0.1")});
    // What was not measured has no bar.
    StaticInputs some = *ofNorm();
    some.errors.weights = std::numeric_limits<double>::quiet_NaN();
    panel.setView(view(std::make_shared<const StaticInputs>(some)));
    QCOMPARE(panel.errorPlot()->rowTexts().size(), 2);
}

void TestActivationPanel::wholeRun()
{
    ActivationPanel panel;
    std::vector<LayerShares> layers;
    for (int i = 0; i < 5; ++i)
        layers.push_back({"layer." + std::to_string(i),
                          {0.01 * i, 0.02, 0.03 + 0.01 * i},
                          i == 2 ? 0.3 : std::numeric_limits<double>::quiet_NaN()});
    panel.setRun(layers);
    ErrorSharesModelPlot& plot = *panel.modelPlot();
    QCOMPARE(column(plot.csv(), QStringLiteral("inputs")), QStringList(5, QStringLiteral("0.02")));
    QCOMPARE(column(plot.csv(), QStringLiteral("lambda")).value(2), QStringLiteral("0.3"));
    QVERIFY(plot.readout(2, 0).contains(QStringLiteral("λ of the reconstruction: 0.3")));
    QVERIFY(!plot.readout(1, 0).contains(QStringLiteral("λ")));
    QVERIFY(plot.readout(7, 0).isEmpty());
    QSignalSpy spy(&panel, &ActivationPanel::layerActivated);
    panel.resize(900, 500);
    panel.setTab(ActivationPanel::ErrorTab);
    panel.show();
    QVERIFY(QTest::qWaitForWindowExposed(&panel));
    plot.replotNow();
    QTest::mouseClick(plot.findChild<QCustomPlot*>(), Qt::LeftButton, {}, plot.positionOf(3, 1));
    QTRY_COMPARE(spy.size(), 1);
    QCOMPARE(spy.first().first().value<std::string>(), std::string("layer.3"));
    panel.setRun({});
    QVERIFY(plot.isEmpty());
}

void TestActivationPanel::emptyStates()
{
    ActivationPanel panel;
    for (const PlotView* plot : {static_cast<const PlotView*>(panel.beforePlot()),
                                 static_cast<const PlotView*>(panel.softmaxPlot()),
                                 static_cast<const PlotView*>(panel.errorPlot())}) {
        QVERIFY(plot->isEmpty());
        QVERIFY(plot->csv().isEmpty());
    }
    ActivationView v;
    v.layer = "fc";
    QVERIFY(whyNoNorm(v).contains(QStringLiteral("has not been computed")));
    v.computed = true;
    QVERIFY(whyNoNorm(v).contains(QStringLiteral("not on uniform grids")));
    auto inputs = std::make_shared<StaticInputs>();
    v.inputs = inputs;
    QVERIFY(whyNoNorm(v).contains(QStringLiteral("reads no norm")));
    QVERIFY(whyNoAttention(v).contains(QStringLiteral("does not read an attention")));
    v.readsNorm = v.readsAttention = true;
    v.note = QStringLiteral("the norm before it is not folded: another layer reads it");
    QVERIFY(whyNoNorm(v).contains(QStringLiteral("another layer reads it")));
    QVERIFY(whyNoAttention(v).contains(QStringLiteral("was not quantized")));
    inputs->ratio = {1, 2};
    QVERIFY(whyNoNorm(v).contains(QStringLiteral("SmoothQuant")));
    QVERIFY(whyNoErrors(v).contains(QStringLiteral("were not measured")));
}

/// With GRADUS_SHOTS, every view as a picture, for people to look at.
void TestActivationPanel::pictures()
{
    const QString folder = qEnvironmentVariable("GRADUS_SHOTS");
    ActivationPanel panel;
    panel.setMinimumSize(230, 120); // as a dock has it
    panel.setView(view(ofNorm()));
    std::vector<LayerShares> layers;
    for (int i = 0; i < 40; ++i)
        layers.push_back({"layer." + std::to_string(i),
                          {0.01 + 0.004 * (i % 7), 0.02 + 0.003 * (i % 5), 0.04 + 0.005 * (i % 6)},
                          0.1 * (1 + i % 3)});
    panel.setRun(layers);
    for (const QSize size : {QSize(540, 360), QSize(300, 500), QSize(1280, 800)}) {
        panel.resize(size);
        for (int tab = 0; tab < 3; ++tab) {
            panel.setView(view(tab == 1 ? ofAttention() : ofNorm()));
            panel.setTab(static_cast<ActivationPanel::Tab>(tab));
            panel.show();
            QVERIFY(QTest::qWaitForWindowExposed(&panel));
            const QPixmap picture = panel.grab();
            QCOMPARE(picture.size(), size);
            if (!folder.isEmpty())
                QVERIFY(picture.save(
                    QStringLiteral("%1/%2-%3.png").arg(folder).arg(size.width()).arg(tab)));
        }
    }
}

QTEST_MAIN(TestActivationPanel)
#include "tst_activation_panel.moc"
