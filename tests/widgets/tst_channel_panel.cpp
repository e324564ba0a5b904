// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/support.h"
#include "widgets/panels/channel_panel.h"
#include "widgets/plots/channel_plot.h"

#include <QApplication>
#include <QLabel>
#include <QPushButton>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTest>
#include <qcustomplot.h>

#include <cmath>

using namespace gradus;

namespace {

/// Channel i reaches from -width(i) to width(i), width a permutation of 1 … n over n.
std::shared_ptr<ChannelRanges> ranges(ChannelAxis axis, int n)
{
    auto r = std::make_shared<ChannelRanges>();
    r->axis = axis;
    for (int i = 0; i < n; ++i) {
        const float width = static_cast<float>(1 + (i * 7) % n) / static_cast<float>(n);
        r->minimum.push_back(-width);
        r->low.push_back(-0.75F * width);
        r->lowerQuartile.push_back(-0.5F * width);
        r->median.push_back(0.125F * width);
        r->upperQuartile.push_back(0.5F * width);
        r->high.push_back(0.75F * width);
        r->maximum.push_back(width);
    }
    return r;
}

std::shared_ptr<WeightFacts> facts(const std::string& layer)
{
    auto f = std::make_shared<WeightFacts>();
    f->layer = layer;
    return f;
}

std::shared_ptr<WeightPreview> preview(const std::string& layer, int rows)
{
    auto w = std::make_shared<WeightPreview>();
    w->layer = layer;
    w->clipLow = -0.5;
    w->clipHigh = 0.25;
    w->rowLow.assign(static_cast<std::size_t>(rows), -0.5F);
    w->rowHigh.assign(static_cast<std::size_t>(rows), 0.25F);
    w->colLow = {-0.5F, -0.25F, -0.25F};
    w->colHigh = {0.125F, 0.25F, 0.25F};
    return w;
}

std::shared_ptr<InputStatistics> inputs(int n)
{
    auto s = std::make_shared<InputStatistics>();
    s->features = n;
    s->rows = 10;
    for (int i = 0; i < n; ++i) {
        s->minimum.push_back(-2);
        s->maximum.push_back(static_cast<float>(i));
    }
    return s;
}

} // namespace

class TestChannelPanel : public QObject
{
    Q_OBJECT
private:
    std::unique_ptr<ChannelPanel> m_panel;

private Q_SLOTS:
    void init()
    {
        m_panel = std::make_unique<ChannelPanel>();
        m_panel->resize(540, 360);
        m_panel->show();
        QVERIFY(QTest::qWaitForWindowExposed(m_panel.get()));
    }
    void cleanup() { m_panel.reset(); }

    void asTable();
    void sortedByRange();
    void axisAndInputs();
    void captureIsAskedFor();
    void inputsOfAnotherSize();
    void jumpsAndNames();
    void clicksChoose();
    void linked();
    void limitsFollowThePreview();
    void manyChannels();
    void channelsWithoutWeights();
    void empty();
};

void TestChannelPanel::asTable()
{
    m_panel->setData(facts("a"), ranges(ChannelAxis::Output, 4), ranges(ChannelAxis::Input, 3),
                     preview("a", 4), nullptr);
    QCOMPARE(m_panel->plot()->csv(),
             QString("# layer,a\n"
                     "channel,range_low,range_high,p1_p99_low,p1_p99_high,quartiles_low,"
                     "quartiles_high,middle,limit_low,limit_high\n"
                     "0,-0.25,0.25,-0.1875,0.1875,-0.125,0.125,0.03125,-0.5,0.25\n"
                     "1,-1,1,-0.75,0.75,-0.5,0.5,0.125,-0.5,0.25\n"
                     "2,-0.75,0.75,-0.5625,0.5625,-0.375,0.375,0.09375,-0.5,0.25\n"
                     "3,-0.5,0.5,-0.375,0.375,-0.25,0.25,0.0625,-0.5,0.25\n"));
}

void TestChannelPanel::sortedByRange()
{
    m_panel->setData(facts("a"), ranges(ChannelAxis::Output, 4), nullptr, preview("a", 4), nullptr);
    m_panel->setSorted(true);
    QStringList order;
    for (const QString& line : m_panel->plot()->csv().split('\n').mid(2, 4))
        order << line.section(',', 0, 0);
    QCOMPARE(order, (QStringList{"1", "2", "3", "0"}));
    QCOMPARE(m_panel->plot()->channelAt(3), std::int64_t(0));
    QCOMPARE(m_panel->plot()->placeOf(0), std::int64_t(3));
    QVERIFY(m_panel->plot()->readout(3, 0).startsWith("output channel 0\n"));
    m_panel->setSorted(false);
    QCOMPARE(m_panel->plot()->channelAt(3), std::int64_t(3));
}

void TestChannelPanel::axisAndInputs()
{
    m_panel->setData(facts("a"), ranges(ChannelAxis::Output, 4), ranges(ChannelAxis::Input, 3),
                     preview("a", 4), inputs(3));
    QVERIFY(m_panel->inputPlot()->isEmpty()); // inputs do not belong to output channels
    m_panel->setAxis(ChannelAxis::Input);
    QCOMPARE(m_panel->plot()->bands()->channels(), std::int64_t(3));
    QVERIFY(m_panel->plot()->csv().contains("\n2,-1,1,"));
    const QString limits = m_panel->plot()->csv(); // those of each input's group
    QVERIFY(limits.contains(",-0.5,0.125\n"));
    QCOMPARE(limits.count(",-0.25,0.25\n"), 2);
    QVERIFY(m_panel->inputPlot()->isVisible());
    QCOMPARE(m_panel->inputPlot()->csv(),
             QString("channel,input_low,input_high\n0,-2,0\n1,-2,1\n2,-2,2\n"));
    m_panel->setSorted(true); // both are in the same order
    QVERIFY(m_panel->inputPlot()->csv().startsWith("channel,input_low,input_high\n2,-2,2\n"));
}

void TestChannelPanel::captureIsAskedFor()
{
    m_panel->setData(facts("a"), ranges(ChannelAxis::Output, 4), ranges(ChannelAxis::Input, 3),
                     nullptr, nullptr);
    QSignalSpy asked(m_panel.get(), &ChannelPanel::captureRequested);
    auto* button = m_panel->findChild<QPushButton*>();
    QVERIFY(!button->isVisible());
    m_panel->setAxis(ChannelAxis::Input);
    QVERIFY(button->isVisible());
    QTest::mouseClick(button, Qt::LeftButton);
    QCOMPARE(asked.size(), 1);
    m_panel->setData(facts("a"), ranges(ChannelAxis::Output, 4), ranges(ChannelAxis::Input, 3),
                     nullptr, inputs(3));
    QVERIFY(!button->isVisible());
}

void TestChannelPanel::inputsOfAnotherSize()
{
    m_panel->setAxis(ChannelAxis::Input);
    // A convolution of two groups: the columns of the weight meet the features of both.
    const auto grouped = inputs(6);
    grouped->features = 3;
    grouped->groups = 2;
    grouped->minimum[4] = -7;
    m_panel->setData(facts("a"), nullptr, ranges(ChannelAxis::Input, 3), nullptr, grouped);
    QVERIFY(!m_panel->inputPlot()->isEmpty());
    QCOMPARE(m_panel->inputPlot()->csv(),
             QString("channel,input_low,input_high\n0,-2,3\n1,-7,4\n2,-2,5\n"));
    m_panel->setData(facts("a"), nullptr, ranges(ChannelAxis::Input, 3), nullptr, inputs(5));
    QVERIFY(m_panel->inputPlot()->isEmpty());
    QVERIFY(!m_panel->findChild<QPushButton*>()->isVisible());
    bool said = false;
    for (const QLabel* label : m_panel->findChildren<QLabel*>())
        said |= label->isVisible() && label->text().contains("5 channels, the weight 3");
    QVERIFY(said);
}

void TestChannelPanel::jumpsAndNames()
{
    m_panel->setData(facts("a"), ranges(ChannelAxis::Output, 1000), nullptr, nullptr, nullptr);
    auto* spin = m_panel->findChild<QSpinBox*>();
    QCOMPARE(spin->maximum(), 999);
    m_panel->plot()->setShownRange(Qt::Horizontal, 0, 50);
    spin->setValue(700);
    QCOMPARE(m_panel->channel(), std::int64_t(700));
    const auto [low, high] = m_panel->plot()->shownRange(Qt::Horizontal);
    QCOMPARE((low + high) / 2, 700.0);
    bool said = false;
    for (const QLabel* label : m_panel->findChildren<QLabel*>())
        said |= label->text().startsWith("Output channel 700 · Min–max: ");
    QVERIFY(said);
    // A channel in sight does not move the plot.
    m_panel->jumpTo(701);
    QCOMPARE(m_panel->plot()->shownRange(Qt::Horizontal), std::make_pair(low, high));
    m_panel->jumpTo(100000);
    QCOMPARE(m_panel->channel(), std::int64_t(701));
}

void TestChannelPanel::clicksChoose()
{
    m_panel->setData(facts("a"), ranges(ChannelAxis::Output, 20), nullptr, nullptr, nullptr);
    m_panel->setSorted(true);
    ChannelPlot* plot = m_panel->plot();
    plot->replotNow();
    auto* inner = plot->findChild<QCustomPlot*>();
    QTest::mouseClick(inner, Qt::LeftButton, {}, inner->mapFrom(plot, plot->positionOf(4, 0)));
    QCOMPARE(m_panel->channel(), plot->channelAt(4));
    QVERIFY(m_panel->channel() != 4);
}

void TestChannelPanel::linked()
{
    m_panel->setAxis(ChannelAxis::Input);
    m_panel->setData(facts("a"), nullptr, ranges(ChannelAxis::Input, 100), nullptr, inputs(100));
    m_panel->plot()->setShownRange(Qt::Horizontal, 10, 30);
    QCOMPARE(m_panel->inputPlot()->shownRange(Qt::Horizontal), std::make_pair(10.0, 30.0));
    m_panel->inputPlot()->fit();
    QCOMPARE(m_panel->plot()->shownRange(Qt::Horizontal), std::make_pair(-0.5, 99.5));
    // The same channel stands at the same place on the screen.
    m_panel->plot()->replotNow();
    m_panel->inputPlot()->replotNow();
    const QPoint above = m_panel->plot()->mapTo(m_panel.get(), m_panel->plot()->positionOf(60, 0));
    const QPoint below =
        m_panel->inputPlot()->mapTo(m_panel.get(), m_panel->inputPlot()->positionOf(60, 0));
    QVERIFY2(std::abs(above.x() - below.x()) <= 1,
             qPrintable(QString("%1 %2").arg(above.x()).arg(below.x())));
}

void TestChannelPanel::limitsFollowThePreview()
{
    m_panel->setData(facts("a"), ranges(ChannelAxis::Output, 4), nullptr, nullptr, nullptr);
    QVERIFY(!m_panel->plot()->csv().contains("limit_low"));
    m_panel->plot()->setShownRange(Qt::Horizontal, 1, 3);
    m_panel->setPreview(preview("b", 4)); // another layer's
    QVERIFY(!m_panel->plot()->csv().contains("limit_low"));
    m_panel->setPreview(preview("a", 4));
    QVERIFY(m_panel->plot()->csv().contains("limit_low"));
    QCOMPARE(m_panel->plot()->shownRange(Qt::Horizontal), std::make_pair(1.0, 3.0));
    auto kept = preview("a", 4);
    kept->choice.keepFloat = true;
    m_panel->setPreview(kept);
    QVERIFY(!m_panel->plot()->csv().contains("limit_low"));
}

/// More channels than pixels: columns keep the extremes of all of theirs.
void TestChannelPanel::manyChannels()
{
    const int n = 40'000;
    auto wide = ranges(ChannelAxis::Output, n);
    wide->maximum[12'345] = 50;
    m_panel->setData(facts("a"), wide, nullptr, nullptr, nullptr);
    ChannelPlot* plot = m_panel->plot();
    plot->replotNow();
    auto* inner = plot->findChild<QCustomPlot*>();
    const int width = inner->axisRect()->width();
    QVERIFY(plot->channelsPerColumn() > 1);
    QVERIFY(plot->channelsPerColumn() * width >= n);
    const QCPGraph* high = inner->graph(1); // of the outermost band
    QVERIFY(high->data()->size() <= width + 2);
    double highest = 0;
    for (const QCPGraphData& point : *high->data())
        highest = std::max(highest, point.value);
    QCOMPARE(highest, 50.0);
    const QCPGraph* low = inner->graph(0);
    double lowest = 0;
    for (const QCPGraphData& point : *low->data())
        lowest = std::min(lowest, point.value);
    QCOMPARE(lowest, -1.0);
    QVERIFY(plot->readout(12'345, 0).contains("output channel 12345, one of "));
    // Closer, every channel has its column.
    plot->setShownRange(Qt::Horizontal, 12'300, 12'400);
    plot->replotNow();
    QCOMPARE(plot->channelsPerColumn(), std::int64_t(1));
    QVERIFY(plot->readout(12'345, 0).startsWith("output channel 12345\n"));
}

void TestChannelPanel::channelsWithoutWeights()
{
    auto r = ranges(ChannelAxis::Output, 3);
    for (auto* values : {&r->minimum, &r->low, &r->lowerQuartile, &r->median, &r->upperQuartile,
                         &r->high, &r->maximum})
        (*values)[1] = std::nanf("");
    m_panel->setData(facts("a"), r, nullptr, preview("a", 3), nullptr);
    m_panel->setSorted(true);
    m_panel->plot()->replotNow();
    QCOMPARE(m_panel->plot()->channelAt(2), std::int64_t(1)); // last
    QVERIFY(m_panel->plot()->csv().contains("\n1,,,,,,,,"));
    const auto [low, high] = m_panel->plot()->shownRange(Qt::Vertical);
    QVERIFY(std::isfinite(low) && std::isfinite(high));
}

void TestChannelPanel::empty()
{
    QVERIFY(m_panel->plot()->isEmpty());
    QCOMPARE(m_panel->plot()->csv(), QString());
    m_panel->setData(facts("a"), nullptr, nullptr, nullptr, nullptr); // being computed
    QVERIFY(m_panel->plot()->isEmpty());
    m_panel->setData(facts("a"), ranges(ChannelAxis::Output, 4), nullptr, nullptr, nullptr);
    QVERIFY(!m_panel->plot()->isEmpty());
    m_panel->clear("why");
    QVERIFY(m_panel->plot()->isEmpty());
    m_panel->setPreview(preview("a", 4));
    QVERIFY(m_panel->plot()->isEmpty());
}

QTEST_MAIN(TestChannelPanel)
#include "tst_channel_panel.moc"
