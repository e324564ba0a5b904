// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/format.h"
#include "tests/support/support.h"
#include "widgets/models/outlier_model.h"
#include "widgets/panels/weight_panel.h"
#include "widgets/plots/channel_strip_plot.h"
#include "widgets/plots/histogram_plot.h"
#include "widgets/text.h"

#include <QAbstractItemModelTester>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QMenu>
#include <QPushButton>
#include <QSignalSpy>
#include <QTableView>
#include <QTest>
#include <QToolButton>
#include <qcustomplot.h>

#include <cmath>

using namespace gradus;

namespace {

std::shared_ptr<WeightPreview> preview(const std::string& layer = "blocks.0.up", bool kept = false)
{
    auto w = std::make_shared<WeightPreview>();
    w->layer = layer;
    w->choice.keepFloat = kept;
    w->moments.count = 60;
    w->moments.mean = 0;
    w->moments.std = 0.25;
    w->moments.minimum = -1;
    w->moments.maximum = 1;
    w->original = {-1, 1, {10, 20, 25, 5}, 0, 0};
    if (!kept) {
        w->dequantized = {-1, 1, {0, 30, 30, 0}, 0, 0};
        w->error = {-0.5, 0.5, {15, 15, 15, 15}, 0, 0};
        w->levels = {-0.5F, 0.0F, 0.5F};
        w->clipLow = -0.75;
        w->clipHigh = 0.75;
        w->rowLow = {-0.75F, -0.5F, -0.25F};
        w->rowHigh = {0.25F, 0.75F, 0.5F};
        w->bytes = 100;
        w->rows = 3;
    }
    return w;
}

QCustomPlot* inner(PlotView& view)
{
    return view.findChild<QCustomPlot*>();
}

/// Presses at `from`, moves to each of `along`, lets go at the last.
void drag(PlotView& view, double from, const std::vector<double>& along, double y)
{
    QWidget* plot = inner(view);
    const auto at = [&](double x) { return plot->mapFrom(&view, view.positionOf(x, y)); };
    QTest::mousePress(plot, Qt::LeftButton, {}, at(from));
    for (const double x : along) {
        QMouseEvent move(QEvent::MouseMove, at(x), plot->mapToGlobal(at(x)), Qt::NoButton,
                         Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(plot, &move);
    }
    QTest::mouseRelease(plot, Qt::LeftButton, {}, at(along.back()));
}

template <class T>
T* named(QWidget& in, const QString& name)
{
    for (T* each : in.findChildren<T*>()) {
        if (each->accessibleName() == name)
            return each;
    }
    return nullptr;
}

} // namespace

class TestWeightPanel : public QObject
{
    Q_OBJECT
private:
    struct Asked
    {
        std::string layer;
        std::optional<ClipLimits> limits;
        QString text;
        QString key;
    };
    std::unique_ptr<WeightPanel> m_panel;
    std::vector<ClipLimits> m_previews;
    std::vector<Asked> m_asked;

private Q_SLOTS:
    void init()
    {
        m_panel = std::make_unique<WeightPanel>();
        m_previews.clear();
        m_asked.clear();
        connect(m_panel.get(), &WeightPanel::clipPreviewRequested, this,
                [this](const std::string&, const ClipLimits& l) { m_previews.push_back(l); });
        connect(m_panel.get(), &WeightPanel::clipRequested, this,
                [this](const std::string& layer, const std::optional<ClipLimits>& limits,
                       const QString& text, const QString& key) {
                    m_asked.push_back({layer, limits, text, key});
                });
        m_panel->resize(600, 460);
        m_panel->show();
        QVERIFY(QTest::qWaitForWindowExposed(m_panel.get()));
    }
    void cleanup() { m_panel.reset(); }

    void oneLayerAsTable();
    void densities();
    void severalLayers();
    void atMostSix();
    void choosesWhatIsShown();
    void dragsAClipLimit();
    void aDragThatComesBack();
    void zoomStaysWhileDragging();
    void limitsHaveLimits();
    void typesAClipLimit();
    void noLimitsToDrag();
    void outliers();
    void outlierTable();
    void strip();
    void stripOfOneColumn();
    void outputError();
};

void TestWeightPanel::oneLayerAsTable()
{
    m_panel->setPreview(preview());
    auto list = std::make_shared<OutlierList>();
    list->multiple = 3;
    list->count = 2;
    list->largest = {{0, 1, -1.0F, -4}, {2, 0, 0.9F, 3.6}};
    m_panel->setOutliers("blocks.0.up", list);
    QCOMPARE(m_panel->plot()->csv(),
             QString("# layer,blocks.0.up\n"
                     "# scheme,\"Round to nearest, 4 bit, per channel, asymmetric\"\n"
                     "# levels,-0.5,0,0.5\n"
                     "# range,-0.75,0.75\n"
                     "# outliers beyond 3 sigma,2\n"
                     "from,to,original,quantized,error_from,error_to,error\n"
                     "-1,-0.5,10,0,-0.5,-0.25,15\n-0.5,0,20,30,-0.25,0,15\n"
                     "0,0.5,25,30,0,0.25,15\n0.5,1,5,0,0.25,0.5,15\n"));
    QVERIFY(m_panel->plot()->readout(0.25, 0).contains("25"));
}

void TestWeightPanel::densities()
{
    HistogramPlot* plot = m_panel->plot();
    m_panel->setPreview(preview());
    plot->setLogScale(false);
    QVERIFY(!plot->density());
    const double counts = plot->shownRange(Qt::Vertical).second;
    QVERIFY(counts > 30 && counts < 40);
    QSignalSpy changed(plot, &HistogramPlot::densityChanged);
    plot->setDensity(true);
    QCOMPARE(changed.size(), 1);
    // 30 of 60 in a bin of 0.5: a density of 1.
    const double density = plot->shownRange(Qt::Vertical).second;
    QVERIFY(density > 1 && density < 1.3);
    QVERIFY(plot->readout(0.25, 0).contains("quantized 1"));
}

void TestWeightPanel::severalLayers()
{
    auto second = preview("blocks.1.up");
    second->original = {-2, 2, {0, 4, 4, 0}, 0, 0};
    m_panel->setPreviews({preview(), second}, 2);
    HistogramPlot* plot = m_panel->plot();
    QCOMPARE(plot->layers(), std::size_t(2));
    QCOMPARE(plot->preview()->layer, std::string("blocks.0.up"));
    QVERIFY(plot->density());
    QVERIFY(!plot->clip());
    const QStringList lines = plot->csv().split('\n');
    QCOMPARE(lines[0], QString("layer,from,to,count,density"));
    QCOMPARE(lines[1], QString("\"blocks.0.up\",-1,-0.5,10,0.333333333"));
    QCOMPARE(lines[6], QString("\"blocks.1.up\",-1,0,4,0.5"));
    QVERIFY(plot->shownRange(Qt::Horizontal).first <= -2);
    // The facts are the current layer's.
    QVERIFY(m_panel->factLines().contains("Minimum\t-1"));
    // Curves differ in colour and in pattern.
    QSet<QRgb> colours;
    QSet<QString> patterns;
    int shown = 0;
    for (int i = 0; i < inner(*plot)->graphCount(); ++i) {
        const QCPGraph* graph = inner(*plot)->graph(i);
        if (!graph->visible() || graph->data()->isEmpty())
            continue;
        ++shown;
        colours << graph->pen().color().rgb();
        QString pattern;
        for (const qreal dash : graph->pen().dashPattern())
            pattern += QString::number(dash) + ' ';
        patterns << pattern;
    }
    QCOMPARE(shown, 2);
    QCOMPARE(colours.size(), 2);
    QCOMPARE(patterns.size(), 2);
}

void TestWeightPanel::atMostSix()
{
    std::vector<std::shared_ptr<const WeightPreview>> many;
    for (int i = 0; i < 8; ++i)
        many.push_back(preview("blocks." + std::to_string(i)));
    m_panel->setPreviews(many, 40);
    QCOMPARE(m_panel->plot()->layers(), std::size_t(6));
    QVERIFY2(m_panel->plot()->accessibleDescription().contains("6 of 40 selected layers shown"),
             qPrintable(m_panel->plot()->accessibleDescription()));
}

void TestWeightPanel::choosesWhatIsShown()
{
    using Part = HistogramPlot::Part;
    HistogramPlot* plot = m_panel->plot();
    m_panel->setPreview(preview());
    QVERIFY(plot->isShown(Part::Original) && plot->isShown(Part::Quantized));
    QVERIFY(!plot->isShown(Part::Error));
    // By the menu, as a person does.
    const auto item = [&](int part) { return m_panel->findChild<QMenu*>()->actions()[part]; };
    item(0)->setChecked(false);
    item(1)->setChecked(false);
    item(2)->setChecked(true);
    QVERIFY(!plot->isShown(Part::Original) && plot->isShown(Part::Error));
    // The error alone has its own range.
    QVERIFY(plot->shownRange(Qt::Horizontal).second < 0.6);
    // Of several layers exactly one distribution is shown.
    m_panel->setPreviews({preview("a"), preview("b")});
    QVERIFY(plot->isShown(Part::Original) && !plot->isShown(Part::Error));
    item(1)->setChecked(true);
    QVERIFY(plot->isShown(Part::Quantized) && !plot->isShown(Part::Original));
    QVERIFY(!item(0)->isChecked());
    item(1)->setChecked(false);
    QVERIFY(item(1)->isChecked());
    QVERIFY(plot->csv().contains("\"a\",-0.5,0,30,"));
}

void TestWeightPanel::dragsAClipLimit()
{
    m_panel->setPreview(preview());
    HistogramPlot* plot = m_panel->plot();
    plot->replotNow();
    QVERIFY(plot->clip().has_value());
    QCOMPARE(plot->clip()->low, -1.0F);
    QCOMPARE(plot->clip()->high, 1.0F);
    drag(*plot, 1, {0.8, 0.5}, 10);
    QVERIFY(m_previews.size() >= 2);
    QCOMPARE(m_asked.size(), std::size_t(1));
    QCOMPARE(m_asked[0].layer, std::string("blocks.0.up"));
    QVERIFY(m_asked[0].limits.has_value());
    QCOMPARE(m_asked[0].limits->low, -1.0F);
    QVERIFY(std::fabs(m_asked[0].limits->high - 0.5F) < 0.02F);
    QVERIFY(m_asked[0].text.contains("blocks.0.up"));
    QCOMPARE(m_asked[0].key, QString("clip/blocks.0.up"));
    auto* high = named<QDoubleSpinBox>(*m_panel, "Upper clip limit");
    QVERIFY(std::fabs(high->value() - 0.5) < 0.02);
    // Dragged out again, they are gone.
    auto clipped = preview();
    clipped->choice.scheme.clip = ClipLimits{-1, 0.5F};
    m_panel->setPreview(clipped);
    QCOMPARE(plot->clip()->high, 0.5F);
    drag(*plot, 0.5, {0.7, 1.01}, 10);
    QCOMPARE(m_asked.size(), std::size_t(2));
    QVERIFY(!m_asked[1].limits);
}

void TestWeightPanel::aDragThatComesBack()
{
    m_panel->setPreview(preview());
    m_panel->plot()->replotNow();
    drag(*m_panel->plot(), 1, {0.6, 1}, 10);
    // What was shown on the way must be settled.
    QVERIFY(!m_previews.empty());
    QCOMPARE(m_asked.size(), std::size_t(1));
}

void TestWeightPanel::zoomStaysWhileDragging()
{
    HistogramPlot* plot = m_panel->plot();
    m_panel->setPreview(preview());
    plot->setShownRange(Qt::Horizontal, 0, 1.2);
    plot->replotNow();
    connect(m_panel.get(), &WeightPanel::clipPreviewRequested, this,
            [this](const std::string&, const ClipLimits& limits) {
                auto next = preview();
                next->choice.scheme.clip = limits;
                m_panel->setPreview(next);
            });
    drag(*plot, 1, {0.8, 0.5}, 10);
    QCOMPARE(plot->shownRange(Qt::Horizontal), std::make_pair(0.0, 1.2));
    QCOMPARE(m_asked.size(), std::size_t(1));
    // Another layer is shown whole.
    m_panel->setPreview(preview("blocks.1.up"));
    QVERIFY(plot->shownRange(Qt::Horizontal).first <= -1);
}

void TestWeightPanel::limitsHaveLimits()
{
    m_panel->setPreview(preview());
    HistogramPlot* plot = m_panel->plot();
    const auto limits = [&](float low, float high) {
        plot->setClip({low, high});
        return *plot->clip();
    };
    QCOMPARE(limits(-9, 9).low, -1.0F);
    QCOMPARE(limits(-9, 9).high, 1.0F);
    QCOMPARE(limits(-0.5F, -3).high, 0.0F);
    const ClipLimits both = limits(0, 0);
    QVERIFY(both.low < both.high);
    QVERIFY(both.low <= 0 && both.high >= 0);
    // Every place that can be reached is a valid scheme.
    for (float low = -1.5F; low < 1.5F; low += 0.25F) {
        for (float high = -1.5F; high < 1.5F; high += 0.25F) {
            Scheme scheme;
            scheme.clip = limits(low, high);
            QVERIFY2(!scheme.validate(), qPrintable(QString("%1 %2").arg(low).arg(high)));
        }
    }
}

void TestWeightPanel::typesAClipLimit()
{
    m_panel->setPreview(preview());
    auto* low = named<QDoubleSpinBox>(*m_panel, "Lower clip limit");
    auto* high = named<QDoubleSpinBox>(*m_panel, "Upper clip limit");
    QVERIFY(low && high);
    auto* reset = m_panel->findChild<QPushButton*>();
    QVERIFY(!reset->isEnabled());
    low->setFocus();
    low->selectAll();
    QTest::keyClicks(low, "-0.25");
    QTest::keyClick(low, Qt::Key_Return);
    QCOMPARE(m_asked.size(), std::size_t(1));
    QCOMPARE(m_asked[0].limits->low, -0.25F);
    QCOMPARE(m_asked[0].limits->high, 1.0F);
    QCOMPARE(m_panel->plot()->clip()->low, -0.25F);
    auto clipped = preview();
    clipped->choice.scheme.clip = ClipLimits{-0.25F, 1};
    m_panel->setPreview(clipped);
    QVERIFY(reset->isEnabled());
    QTest::mouseClick(reset, Qt::LeftButton);
    QCOMPARE(m_asked.size(), std::size_t(2));
    QVERIFY(!m_asked[1].limits);
}

void TestWeightPanel::noLimitsToDrag()
{
    auto* low = named<QDoubleSpinBox>(*m_panel, "Lower clip limit");
    m_panel->setPreview(preview("a", true));
    QVERIFY(!m_panel->plot()->clip());
    QVERIFY(!low->isVisible());
    m_panel->setPreview(preview());
    QVERIFY(low->isVisible());
    auto constant = preview();
    constant->moments.minimum = constant->moments.maximum = 0.5;
    m_panel->setPreview(constant);
    QVERIFY(!m_panel->plot()->clip());
    m_panel->clear("nothing");
    QVERIFY(!low->isVisible());
    QVERIFY(m_panel->plot()->isEmpty());
}

void TestWeightPanel::outliers()
{
    QSignalSpy requested(m_panel.get(), &WeightPanel::outliersRequested);
    m_panel->setOutlierMultiple(4.5);
    QCOMPARE(requested.size(), 1);
    QCOMPARE(requested[0][0].toDouble(), 4.5);
    m_panel->setPreview(preview());
    auto list = std::make_shared<OutlierList>();
    list->multiple = 4.5;
    list->count = 3;
    list->largest = {{5, 1, -1.0F, -5}, {0, 2, 0.9F, 4.8}};
    m_panel->setOutliers("another", list); // late: dropped
    QCOMPARE(m_panel->outlierView()->model()->rowCount(), 0);
    m_panel->setOutliers("blocks.0.up", list);
    QAbstractItemModel* shown = m_panel->outlierView()->model();
    QCOMPARE(shown->rowCount(), 2);
    QCOMPARE(shown->index(0, OutlierModel::Row).data().toString(), QString("5"));
    bool said = false;
    for (const QLabel* label : m_panel->findChildren<QLabel*>())
        said |= label->text().startsWith("3 of 60 weights (5") &&
                label->text().endsWith("the largest 2 listed");
    QVERIFY(said);
    m_panel->outlierView()->sortByColumn(OutlierModel::Row, Qt::AscendingOrder);
    QCOMPARE(shown->index(0, OutlierModel::Row).data().toString(), QString("0"));
    m_panel->copyOutliers();
    QCOMPARE(QApplication::clipboard()->text(),
             QString("Value\tσ\tRow\tColumn\n0.9\t+4.80\t0\t2\n-1\t−5.00\t5\t1\n"));
    m_panel->outlierView()->selectRow(1);
    m_panel->copyOutliers();
    QCOMPARE(QApplication::clipboard()->text(),
             QString("Value\tσ\tRow\tColumn\n-1\t−5.00\t5\t1\n"));
    // Another layer's are not these.
    m_panel->setPreview(preview("blocks.1.up"));
    QCOMPARE(shown->rowCount(), 0);
    QVERIFY(!m_panel->plot()->csv().contains("outliers"));
}

void TestWeightPanel::outlierTable()
{
    OutlierModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    OutlierList list;
    list.largest = {{5, 1, -1.0F, -5}, {0, 2, 0.9F, 4.8}};
    model.setOutliers(list);
    QCOMPARE(model.rowCount(), 2);
    QCOMPARE(model.columnCount(), int(OutlierModel::ColumnCount));
    list.largest[0].sigmas = -6;
    model.setOutliers(list);
    QCOMPARE(model.index(0, OutlierModel::Sigmas).data(SortRole).toDouble(), -6.0);
    model.setOutliers({});
    QCOMPARE(model.rowCount(), 0);
}

void TestWeightPanel::strip()
{
    std::vector<ChannelAxis> axes;
    connect(m_panel.get(), &WeightPanel::stripRequested, this,
            [&](const std::string& layer, ChannelAxis axis) {
                QCOMPARE(layer, std::string("blocks.0.up"));
                axes.push_back(axis);
            });
    m_panel->setPreview(preview());
    QVERIFY(axes.empty()); // nobody looks
    m_panel->setTab(WeightPanel::ChannelsTab);
    QCOMPARE(axes, (std::vector{ChannelAxis::Output}));
    auto made = std::make_shared<ChannelStrip>();
    made->channels = 3;
    made->channelsPerColumn = 2;
    made->lo = -1;
    made->hi = 1;
    made->bins = 2;
    made->share = {0.25F, 0.75F, 0.5F, 0.5F};
    m_panel->setStrip("another", made);
    QVERIFY(!m_panel->stripPlot()->strip());
    m_panel->setStrip("blocks.0.up", made);
    ChannelStripPlot* plot = m_panel->stripPlot();
    QCOMPARE(plot->csv(), QString("# axis,output\n# bins,2,-1,1\n"
                                  "first,last,low_limit,high_limit,share_0,share_1\n"
                                  "0,1,-0.75,0.75,0.25,0.75\n"
                                  "2,2,-0.25,0.5,0.5,0.5\n"));
    QVERIFY(plot->readout(1, 0.5).contains("output channels 0–1"));
    QVERIFY(plot->readout(1, 0.5).contains("75"));
    QVERIFY(plot->readout(2.4, 0.5).startsWith("output channel 2\n"));
    QCOMPARE(plot->readout(2.6, 0.5), QString());
    // New limits move the lines.
    auto next = preview();
    next->rowLow = {-0.5F, -0.5F, -0.5F};
    m_panel->setPreview(next);
    QVERIFY(plot->csv().contains("2,2,-0.5,0.5,"));
    auto* axis = named<QComboBox>(*m_panel, "Channels shown");
    axis->setCurrentIndex(1);
    QCOMPARE(axes.size(), std::size_t(2));
    QCOMPARE(axes[1], ChannelAxis::Input);
}

void TestWeightPanel::stripOfOneColumn()
{
    ChannelStripPlot plot;
    plot.resize(400, 300);
    auto made = std::make_shared<ChannelStrip>();
    made->channels = 1;
    made->lo = made->hi = 0;
    made->hi = 1;
    made->bins = 1;
    made->share = {1};
    plot.setStrip(made);
    plot.replotNow();
    QCOMPARE(plot.shownRange(Qt::Horizontal), std::make_pair(-0.5, 0.5));
    QVERIFY(plot.csv().endsWith("0,0,,,1\n"));
}

void TestWeightPanel::outputError()
{
    const auto fact = [this] {
        for (const QString& line : m_panel->factLines()) {
            if (line.startsWith("Output error\t"))
                return line.mid(13);
        }
        return QString();
    };
    auto w = preview();
    m_panel->setPreview(w);
    QCOMPARE(fact(), QString("–"));
    w = preview();
    w->relativeOutputError = 0.0125;
    w->outputErrorRows = 2;
    m_panel->setPreview(w);
    QCOMPARE(fact(), toQString(formatPercent(0.0125)) + ", estimate from 2 of 3 rows");
    w = preview();
    w->relativeOutputError = 0.0125;
    w->outputErrorRows = 3;
    m_panel->setPreview(w);
    QCOMPARE(fact(), toQString(formatPercent(0.0125)));
}

QTEST_MAIN(TestWeightPanel)
#include "tst_weight_panel.moc"
