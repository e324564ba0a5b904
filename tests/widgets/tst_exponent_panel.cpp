// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/support.h"
#include "widgets/models/decibel.h"
#include "widgets/panels/exponent_panel.h"

#include <QApplication>
#include <QCheckBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QPushButton>
#include <QSignalSpy>
#include <QTest>
#include <QToolButton>
#include <qcustomplot.h>

#include <cmath>

using namespace gradus;

namespace {

ExponentStudy study(double best = 0.5)
{
    ExponentStudy s;
    s.exponents = {0.25, 0.5, 1, 1.5};
    s.power = {0.25, 0.125, 0.5, 1};
    s.nearest = {0.2, 0.1, 0.5, 0.9};
    s.clipped = {0.15, 0.0625, 0.3, 0.4};
    s.bestPower = {best, 0.125};
    s.bestNearest = {best + 0.0625, 0.1};
    s.bestClipped = {best + 0.125, 0.5, 0.0625};
    s.uniformClipped = {1, 0.75, 0.3};
    s.uniform = 0.5;
    s.basins = {{best, 0.125}};
    s.predictedExponent = 0.55;
    s.predictedNmse = 0.12;
    s.energy = 10;
    return s;
}

LayerCurve curve(const std::string& layer, double best = 0.5, int bits = 4)
{
    LayerCurve out;
    out.layer = layer;
    out.scheme.bits = bits;
    out.study = std::make_shared<const ExponentStudy>(study(best));
    return out;
}

std::shared_ptr<WeightFacts> facts(const std::string& layer)
{
    auto f = std::make_shared<WeightFacts>();
    f->layer = layer;
    f->original = {-1, 1, {10, 30, 20, 5}, 0, 0};
    return f;
}

std::shared_ptr<PowerGridView> grid(double exponent, double nmse)
{
    auto g = std::make_shared<PowerGridView>();
    g->exponent = exponent;
    g->nmse = nmse;
    g->levels = {-1, -0.25F, 0, 0.25F, 1};
    g->dequantized = {-1, 1, {5, 35, 20, 5}, 0, 0};
    return g;
}

std::shared_ptr<std::vector<LayerStatistics>> fits(int n)
{
    auto all = std::make_shared<std::vector<LayerStatistics>>();
    for (int i = 0; i < n; ++i) {
        LayerStatistics s;
        s.name = "layer." + std::to_string(i);
        s.exponent = {0.5 + 0.1 * (i % 5), 0.01, 0.1};
        all->push_back(s);
    }
    return all;
}

} // namespace

class TestExponentPanel : public QObject
{
    Q_OBJECT
private:
    struct Asked
    {
        std::string layer;
        double exponent;
    };
    std::unique_ptr<ExponentPanel> m_panel;
    std::vector<Asked> m_asked;

private Q_SLOTS:
    void init()
    {
        m_panel = std::make_unique<ExponentPanel>();
        m_asked.clear();
        connect(m_panel.get(), &ExponentPanel::exponentPreviewRequested, this,
                [this](const std::string& layer, double e) {
                    m_asked.push_back({layer, e});
                });
        m_panel->resize(900, 460);
        m_panel->show();
        QVERIFY(QTest::qWaitForWindowExposed(m_panel.get()));
    }
    void cleanup() { m_panel.reset(); }

    void curvesAsTable();
    void asksForTheBestFirst();
    void theErrorIsSeenWhole();
    void dragsTheExponent();
    void typesTheExponent();
    void theExponentStays();
    void gridOverWeights();
    void lateAnswers();
    void decibels();
    void severalCurves();
    void explains();
    void wholeModel();
    void errorlessLayers();
    void gains();
    void basinsAndTheory();
    void theRecipesExponent();
    void otherMethods();
    void theRecipesRule();
    void sumOfTheModel();
    void powerDomain();
    void waterfall();
};

void TestExponentPanel::curvesAsTable()
{
    m_panel->setCurves({curve("a")});
    QCOMPARE(m_panel->curvePlot()->csv(),
             QString("# best_power,\"a\",0.5,1,0.125\n# best_nearest,\"a\",0.5625,1,0.1\n"
                     "# best_clipped,\"a\",0.625,0.5,0.0625\n# uniform,\"a\",1,1,0.5\n"
                     "# uniform_clipped,\"a\",1,0.75,0.3\n# predicted,\"a\",0.55,1,0.12\n"
                     "# basin,\"a\",0.5,1,0.125\n"
                     "layer,bits,exponent,power,nearest,clipped\n"
                     "\"a\",4,0.25,0.25,0.2,0.15\n\"a\",4,0.5,0.125,0.1,0.0625\n"
                     "\"a\",4,1,0.5,0.5,0.3\n\"a\",4,1.5,1,0.9,0.4\n"));
    // Between two points the readout is between their errors: 0.3125, 2.04 dB over uniform.
    const QString text = m_panel->curvePlot()->readout(0.75, 0);
    QVERIFY2(text.contains("31") && text.contains("2.0 dB"), qPrintable(text));
    QCOMPARE(text.count('\n'), 3); // the exponent and three ways
    QVERIFY(!m_panel->curvePlot()->readout(3, 0).contains("error"));
    QVERIFY(m_panel->curvePlot()->accessibleDescription().contains("best a = 0.500"));
    QVERIFY(m_panel->curvePlot()->accessibleDescription().contains("6.0 dB"));
}

void TestExponentPanel::asksForTheBestFirst()
{
    m_panel->setCurves({curve("a", 0.75)});
    QCOMPARE(m_asked.size(), std::size_t(1));
    QCOMPARE(m_asked[0].layer, std::string("a"));
    QCOMPARE(m_asked[0].exponent, 0.75);
    QCOMPARE(m_panel->findChild<QDoubleSpinBox*>()->value(), 0.75);
}

void TestExponentPanel::dragsTheExponent()
{
    m_panel->setCurves({curve("a")});
    ExponentPlot* plot = m_panel->curvePlot();
    plot->replotNow();
    auto* inner = plot->findChild<QCustomPlot*>();
    const auto at = [&](double x) { return inner->mapFrom(plot, plot->positionOf(x, 30)); };
    m_asked.clear();
    QTest::mousePress(inner, Qt::LeftButton, {}, at(0.5));
    for (const double x : {0.7, 1.2}) {
        QMouseEvent move(QEvent::MouseMove, at(x), inner->mapToGlobal(at(x)), Qt::NoButton,
                         Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(inner, &move);
    }
    QTest::mouseRelease(inner, Qt::LeftButton, {}, at(1.2));
    QVERIFY(m_asked.size() >= 2); // live
    QVERIFY(std::fabs(m_asked.front().exponent - 0.7) < 0.02);
    QVERIFY(std::fabs(m_panel->exponent() - 1.2) < 0.02);
    // Not beyond the curve.
    QTest::mousePress(inner, Qt::LeftButton, {}, at(m_panel->exponent()));
    QTest::mouseRelease(inner, Qt::LeftButton, {}, at(1.7));
    QCOMPARE(m_panel->exponent(), 1.5);
}

void TestExponentPanel::typesTheExponent()
{
    m_panel->setCurves({curve("a")});
    auto* spin = m_panel->findChild<QDoubleSpinBox*>();
    m_asked.clear();
    spin->setValue(0.8);
    QCOMPARE(m_asked.size(), std::size_t(1));
    QCOMPARE(m_asked[0].exponent, 0.8);
    QCOMPARE(m_panel->curvePlot()->exponent(), 0.8);
    for (QToolButton* button : m_panel->findChildren<QToolButton*>()) {
        if (button->text() == "Uniform")
            button->click();
    }
    QCOMPARE(m_panel->exponent(), 1.0);
    for (QToolButton* button : m_panel->findChildren<QToolButton*>()) {
        if (button->text() == "Best")
            button->click();
    }
    QCOMPARE(m_panel->exponent(), 0.5);
}

/// Another scheme of the same layer: a chosen exponent stays, the best one follows.
void TestExponentPanel::theExponentStays()
{
    m_panel->setCurves({curve("a", 0.5)});
    m_panel->setCurves({curve("a", 0.625, 3)});
    QCOMPARE(m_panel->exponent(), 0.625);
    m_panel->setExponent(0.9);
    m_panel->setCurves({curve("a", 0.5)});
    QCOMPARE(m_panel->exponent(), 0.9);
    QCOMPARE(m_asked.back().exponent, 0.9);
    m_panel->setCurves({curve("b", 0.7)});
    QCOMPARE(m_panel->exponent(), 0.7);
    QCOMPARE(m_asked.back().layer, std::string("b"));
}

void TestExponentPanel::gridOverWeights()
{
    m_panel->setFacts(facts("a"));
    QVERIFY(m_panel->gridPlot()->isEmpty()); // no curve yet
    m_panel->setCurves({curve("a")});
    QVERIFY(m_panel->gridPlot()->csv().startsWith("from,to,original,power_grid\n-1,-0.5,10,\n"));
    m_panel->setPowerGrid("a", grid(0.5, 0.25));
    QCOMPARE(m_panel->gridPlot()->csv(),
             QString("# exponent,0.5\n# nmse,0.25\n# levels,-1,-0.25,0,0.25,1\n"
                     "from,to,original,power_grid\n"
                     "-1,-0.5,10,5\n-0.5,0,30,35\n0,0.5,20,20\n0.5,1,5,5\n"));
    QVERIFY2(m_panel->errorText().contains("25") && m_panel->errorText().contains("3.0 dB"),
             qPrintable(m_panel->errorText()));
    m_panel->setPowerGrid("a", grid(1.5, 1));
    QVERIFY2(m_panel->errorText().contains("-3.0 dB"), qPrintable(m_panel->errorText()));
}

void TestExponentPanel::lateAnswers()
{
    m_panel->setFacts(facts("a"));
    m_panel->setCurves({curve("a")});
    m_panel->setPowerGrid("b", grid(0.5, 0.25));
    QVERIFY(!m_panel->gridPlot()->grid());
    m_panel->setPowerGrid("a", grid(0.5, 0.25));
    // Another layer: what was drawn of the one before is gone.
    m_panel->setCurves({curve("b")});
    QVERIFY(!m_panel->gridPlot()->grid());
    QVERIFY(m_panel->gridPlot()->isEmpty());
    QCOMPARE(m_panel->errorText(), QString());
    m_panel->setFacts(facts("b"));
    QVERIFY(!m_panel->gridPlot()->isEmpty());
    m_panel->clear("why");
    QVERIFY(m_panel->curvePlot()->isEmpty());
    QVERIFY(m_panel->gridPlot()->isEmpty());
    m_panel->setPowerGrid("b", grid(0.5, 0.25));
    QVERIFY(m_panel->gridPlot()->isEmpty());
}

void TestExponentPanel::decibels()
{
    m_panel->setCurves({curve("a")});
    const auto linear = m_panel->curvePlot()->shownRange(Qt::Vertical);
    QVERIFY(linear.first > 0 && linear.first < 6.25 && linear.second > 100); // percent
    m_panel->findChild<QCheckBox*>()->setChecked(true);
    QVERIFY(m_panel->curvePlot()->decibel());
    const auto decibel = m_panel->curvePlot()->shownRange(Qt::Vertical);
    QVERIFY(decibel.first < 10 * std::log10(0.0625) && decibel.first > -15);
    QVERIFY(decibel.second > 0 && decibel.second < 3);
}

void TestExponentPanel::severalCurves()
{
    std::vector<LayerCurve> many;
    for (int i = 0; i < 9; ++i)
        many.push_back(curve("model.layers." + std::to_string(i)));
    m_panel->setCurves(many, 9);
    QCOMPARE(m_panel->curvePlot()->curves().size(), std::size_t(6));
    QVERIFY(m_panel->curvePlot()->accessibleDescription().contains("6 of 9 selected layers shown"));
    const auto* plot = m_panel->curvePlot()->findChild<QCustomPlot*>();
    QSet<QString> entries;
    for (int i = 0; i < plot->legend->itemCount(); ++i) {
        if (auto* item = qobject_cast<QCPPlottableLegendItem*>(plot->legend->item(i)))
            entries << item->plottable()->name();
    }
    QCOMPARE(entries.size(), 6);
    QVERIFY(entries.contains("0: a = 0.500, 6.0 dB"));
    QCOMPARE(m_asked.back().layer, std::string("model.layers.0"));
}

void TestExponentPanel::explains()
{
    const auto said = [this](const QString& words) {
        for (const QLabel* label : m_panel->findChildren<QLabel*>()) {
            if (label->isVisible() && label->text().contains(words))
                return true;
        }
        return false;
    };
    auto grouped = curve("a", 0.5, 3);
    grouped.scheme.granularity = Granularity::Group;
    grouped.scheme.groupSize = 64;
    m_panel->setCurves({grouped});
    QVERIFY(said("3 bits: N = 3 levels"));
    QVERIFY(said("per 64 inputs"));
    m_panel->setCurves({curve("a", 1, 2)});
    QVERIFY(said("2 bits: N = 1 level on each side"));
    QVERIFY(said("per channel"));
}

void TestExponentPanel::wholeModel()
{
    m_panel->setTab(ExponentPanel::ModelTab);
    ExponentModelPlot* plot = m_panel->modelPlot();
    QVERIFY(plot->isEmpty());
    QSignalSpy wanted(m_panel.get(), &ExponentPanel::modelFitsRequested);
    for (QPushButton* button : m_panel->findChildren<QPushButton*>()) {
        if (button->isVisible())
            QTest::mouseClick(button, Qt::LeftButton);
    }
    QCOMPARE(wanted.size(), 1);
    m_panel->setModelFits(fits(10));
    QVERIFY(plot->isVisible());
    QVERIFY(plot->csv().startsWith("layer,best_exponent,nmse,uniform_nmse,gain_db\n"
                                   "\"layer.0\",0.5,0.01,0.1,10\n"));
    QVERIFY(plot->readout(3.2, 0).startsWith("layer.3\nbest a = 0.800"));
    QCOMPARE(plot->readout(10.6, 0), QString());
    std::vector<std::string> activated;
    connect(m_panel.get(), &ExponentPanel::layerActivated, this,
            [&](const std::string& layer) { activated.push_back(layer); });
    plot->replotNow();
    auto* inner = plot->findChild<QCustomPlot*>();
    QTest::mouseClick(inner, Qt::LeftButton, {}, inner->mapFrom(plot, plot->positionOf(7, 0.7)));
    QCOMPARE(activated, (std::vector<std::string>{"layer.7"}));
    // The current layer's ring moves; a zoom stays when more is known of the same layers.
    plot->setShownRange(Qt::Horizontal, 2, 6);
    m_panel->setCurrentLayer("layer.7");
    m_panel->setModelFits(fits(10));
    QCOMPARE(plot->shownRange(Qt::Horizontal), std::make_pair(2.0, 6.0));
    bool ringed = false;
    for (int i = 0; i < inner->graphCount(); ++i) {
        const auto data = inner->graph(i)->data();
        ringed |= data->size() == 1 && data->constBegin()->key == 7;
    }
    QVERIFY(ringed);
    m_panel->setModelFits(fits(11));
    QVERIFY(plot->shownRange(Qt::Horizontal).second > 10);
}

/// A weight of zeros has no error and no gain: nothing to divide by.
void TestExponentPanel::errorlessLayers()
{
    auto zero = curve("zero");
    ExponentStudy nothing;
    nothing.exponents = {0.5, 1};
    nothing.power = nothing.nearest = nothing.clipped = {0, 0};
    zero.study = std::make_shared<const ExponentStudy>(nothing);
    m_panel->setCurves({zero});
    m_panel->curvePlot()->replotNow();
    const auto range = m_panel->curvePlot()->shownRange(Qt::Vertical);
    QVERIFY(std::isfinite(range.first) && range.first > 0 && range.second > range.first);
    auto all = fits(2);
    (*all)[0].exponent = {};
    m_panel->setModelFits(all);
    m_panel->modelPlot()->replotNow();
    QVERIFY(m_panel->modelPlot()->csv().contains("\"layer.0\",1,0,0,\n"));
}

void TestExponentPanel::gains()
{
    QCOMPARE(gainDecibel(0.1, 0.01), 10.0);
    QCOMPARE(gainDecibel(0.01, 0.1), -10.0);
    QVERIFY(std::isnan(gainDecibel(0, 0)));
    QVERIFY(std::isnan(gainDecibel(0.1, 0)));
}

/// A second basin is marked, a single one is not.
void TestExponentPanel::basinsAndTheory()
{
    const auto entries = [this] {
        QStringList names;
        const auto* plot = m_panel->curvePlot()->findChild<QCustomPlot*>();
        for (int i = 0; i < plot->legend->itemCount(); ++i)
            if (auto* item = qobject_cast<QCPPlottableLegendItem*>(plot->legend->item(i)))
                names << item->plottable()->name();
        return names;
    };
    m_panel->setCurves({curve("a")});
    QVERIFY(entries().contains("Theory 0.550"));
    QVERIFY(entries().filter("Basin").isEmpty());
    auto two = curve("b");
    auto s = study();
    s.basins.push_back({1.25, 0.4});
    two.study = std::make_shared<const ExponentStudy>(s);
    m_panel->setCurves({two});
    QVERIFY(entries().contains("Basins (2)"));
    QVERIFY(m_panel->curvePlot()->csv().contains("# basin,\"b\",1.25,1,0.4\n"));
}

/// With a power grid in the recipe, what is chosen here is asked of the recipe.
void TestExponentPanel::theRecipesExponent()
{
    std::vector<Asked> wanted;
    connect(m_panel.get(), &ExponentPanel::exponentRequested, this,
            [&](const std::string& layer, double e) {
                wanted.push_back({layer, e});
            });
    auto fixed = curve("a");
    fixed.chosen = 0.7;
    m_panel->setCurves({fixed});
    QCOMPARE(m_panel->exponent(), 0.7);
    QVERIFY(wanted.empty()); // showing is no wish
    m_panel->setExponent(0.8);
    QCOMPARE(wanted.size(), std::size_t(1));
    QCOMPARE(wanted[0].layer, std::string("a"));
    QCOMPARE(wanted[0].exponent, 0.8);
    // A drag is one wish, when the marker is let go.
    wanted.clear();
    ExponentPlot* plot = m_panel->curvePlot();
    plot->replotNow();
    auto* inner = plot->findChild<QCustomPlot*>();
    const auto at = [&](double x) { return inner->mapFrom(plot, plot->positionOf(x, 30)); };
    QTest::mousePress(inner, Qt::LeftButton, {}, at(0.8));
    for (const double x : {0.9, 1.0, 1.1}) {
        QMouseEvent move(QEvent::MouseMove, at(x), inner->mapToGlobal(at(x)), Qt::NoButton,
                         Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(inner, &move);
    }
    QVERIFY(wanted.empty());
    QTest::mouseRelease(inner, Qt::LeftButton, {}, at(1.1));
    QCOMPARE(wanted.size(), std::size_t(1));
    QVERIFY(std::fabs(wanted[0].exponent - 1.1) < 0.02);
    QCOMPARE(wanted[0].exponent, std::round(1000 * wanted[0].exponent) / 1000);
    // Best: searched again.
    wanted.clear();
    for (QToolButton* button : m_panel->findChildren<QToolButton*>()) {
        if (button->text() == "Best")
            button->click();
        QVERIFY(button->text() != "Use PowerQuant" || !button->isVisible());
    }
    QCOMPARE(wanted.size(), std::size_t(1));
    QCOMPARE(wanted[0].exponent, 0.0);
    fixed.chosen = 0.0;
    m_panel->setCurves({fixed});
    QCOMPARE(m_panel->exponent(), 0.5);
}

void TestExponentPanel::otherMethods()
{
    std::vector<Asked> wanted;
    connect(m_panel.get(), &ExponentPanel::exponentRequested, this,
            [&](const std::string& layer, double e) {
                wanted.push_back({layer, e});
            });
    m_panel->setCurves({curve("a")});
    m_panel->setExponent(0.9);
    QVERIFY(wanted.empty()); // a look ahead
    for (QToolButton* button : m_panel->findChildren<QToolButton*>()) {
        if (button->text() == "Use PowerQuant") {
            QVERIFY(button->isVisible());
            button->click();
        }
    }
    QCOMPARE(wanted.size(), std::size_t(1));
    QCOMPARE(wanted[0].exponent, 0.9);
}

/// The best exponent is that of the way in which the recipe rounds.
void TestExponentPanel::theRecipesRule()
{
    auto c = curve("a");
    c.chosen = 0.0;
    c.rule = ExponentRule::Nearest;
    m_panel->setCurves({c});
    QCOMPARE(m_panel->exponent(), 0.5625);
    c.rule = ExponentRule::Clipped;
    m_panel->setCurves({c});
    QCOMPARE(m_panel->exponent(), 0.625);
    QVERIFY(m_panel->curvePlot()->accessibleDescription().contains("best a = 0.625"));
    QCOMPARE(errorAt(*c.study, ExponentRule::Clipped, 0.75), (0.0625 + 0.3) / 2);
    QVERIFY(std::isnan(errorAt(*c.study, ExponentRule::Clipped, 0.2)));
}

void TestExponentPanel::sumOfTheModel()
{
    m_panel->setTab(ExponentPanel::ModelTab);
    QVERIFY(!m_panel->modelCurvePlot()->isVisible());
    m_panel->setModelStudy(std::make_shared<const ExponentStudy>(study()), 3, 7);
    QVERIFY(m_panel->modelCurvePlot()->isVisible());
    QVERIFY(m_panel->modelCurvePlot()->accessibleDescription().contains("3 of 7 layers so far"));
    m_panel->setModelStudy(std::make_shared<const ExponentStudy>(study()), 7, 7);
    QVERIFY(!m_panel->modelCurvePlot()->accessibleDescription().contains("so far"));
    QVERIFY(m_panel->modelCurvePlot()->csv().contains("\"\",,0.5,0.125,0.1,0.0625\n"));
    m_panel->setModelStudy(nullptr, 0, 7);
    QVERIFY(!m_panel->modelCurvePlot()->isVisible());
}

void TestExponentPanel::powerDomain()
{
    PowerGridView w;
    w.largest = 1;
    w.exponent = 0.5;
    w.companded = {-1.5, 1.5, {1, 3, 5, 7, 2, 2}, 0, 0};
    w.occupancy = {4, 12, 4};
    CompandedPlot* plot = m_panel->compandedPlot();
    plot->setGrid(std::make_shared<const PowerGridView>(w));
    QCOMPARE(plot->csv(), QString("# exponent,0.5\nfrom,to,level,weights\n-1.5,-0.5,-1,4\n"
                                  "-0.5,0.5,0,12\n0.5,1.5,1,4\n"));
    QCOMPARE(plot->readout(0.4, 0), QString("code 0: 12 weights, 60.0 %"));
    QCOMPARE(plot->readout(1.6, 0), QString());
    QVERIFY(test::isClose(codeEntropy({8, 8}), 1.0, 1e-12));
    QVERIFY(test::isClose(codeEntropy({4, 8, 4, 0}), 1.5, 1e-12));
    w.midRise = true;
    w.companded = {-2, 2, {1, 3, 5, 7}, 0, 0};
    w.occupancy = {1, 3, 5, 7};
    plot->setGrid(std::make_shared<const PowerGridView>(w));
    QVERIFY(plot->csv().contains("-2,-1,-1.5,1\n"));
}

/// Beside the buttons, or below them in a narrow dock.
void TestExponentPanel::theErrorIsSeenWhole()
{
    m_panel->setCurves({curve("a")}, 1);
    m_panel->setPowerGrid("a", grid(0.5, 0.125));
    const QLabel* error = nullptr;
    for (const QLabel* each : m_panel->findChildren<QLabel*>())
        if (each->accessibleName() == "Error at the exponent")
            error = each;
    QVERIFY(error && !error->text().isEmpty());
    const auto* spin = m_panel->findChild<QDoubleSpinBox*>();
    const auto below = [&] {
        return error->mapTo(m_panel.get(), QPoint()).y() >=
               spin->mapTo(m_panel.get(), QPoint(0, spin->height())).y();
    };
    QVERIFY(!below());
    for (const int width : {420, 900, 380}) {
        m_panel->resize(width, 460);
        QTRY_COMPARE(below(), width < 900);
        QVERIFY(error->fontMetrics().horizontalAdvance(error->text()) <= error->width());
        QVERIFY(m_panel->findChild<QCheckBox*>()->isVisible());
    }
}

void TestExponentPanel::waterfall()
{
    m_panel->setTab(ExponentPanel::GainTab);
    QVERIFY(m_panel->gainPlot()->isEmpty());
    TracePoint start;
    start.weightError = 0.1;
    start.relativeError = std::numeric_limits<double>::quiet_NaN();
    TracePoint clip = start;
    clip.stage = TraceStage::Clip;
    clip.weightError = 0.01;
    TracePoint exponent = clip;
    exponent.stage = TraceStage::Exponent;
    exponent.weightError = 0.02;
    const GainSteps gain = gainSteps({start, clip, exponent});
    m_panel->setGains("a", gain, meanGain({gain, gain}), "why");
    QCOMPARE(m_panel->gainPlot()->rowTexts(),
             (QStringList{"Clip\t+10.0 dB", "Exponent\t−3.01 dB", "In all\t+6.99 dB"}));
    QCOMPARE(m_panel->gainPlot()->readout(0, 1.2), QString("Exponent: −3.01 dB"));
    QCOMPARE(m_panel->gainPlot()->readout(0, 5), QString());
    QVERIFY(m_panel->gainPlot()->csv().startsWith(
        "# error,weight\n# before,0.1\n# after,0.02\n# layers,1\nkind,gain_db\nclip,10\n"));
    QVERIFY(m_panel->meanGainPlot()->isVisible());
    QVERIFY(m_panel->meanGainPlot()->accessibleDescription().contains("2 layers"));
    // Labels stand within the plot.
    const auto range = m_panel->gainPlot()->shownRange(Qt::Horizontal);
    QVERIFY(range.first < 0 && range.second > 10);
    for (const int width : {320, 900}) {
        m_panel->resize(width, 460);
        for (GainPlot* each : {m_panel->gainPlot(), m_panel->meanGainPlot()}) {
            each->replotNow();
            QCoreApplication::processEvents();
            each->replotNow();
            auto* canvas = each->findChild<QCustomPlot*>();
            int labels = 0;
            for (int i = 0; i < canvas->itemCount(); ++i)
                if (const auto* label = qobject_cast<QCPItemText*>(canvas->item(i));
                    label && label->text().endsWith("dB")) {
                    ++labels;
                    const double end = label->position->pixelPosition().x() + 10 +
                                       QFontMetrics(label->font()).horizontalAdvance(label->text());
                    QVERIFY2(end <= canvas->axisRect()->right() + 3, qPrintable(label->text()));
                }
            QCOMPARE(labels, 3);
        }
    }
    m_panel->setGains("b", {}, {}, "why");
    QVERIFY(m_panel->gainPlot()->isEmpty());
    QVERIFY(!m_panel->meanGainPlot()->isVisible());
}

QTEST_MAIN(TestExponentPanel)
#include "tst_exponent_panel.moc"
