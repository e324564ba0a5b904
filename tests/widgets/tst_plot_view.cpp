// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/support.h"
#include "widgets/plots/histogram_plot.h"

#include <QApplication>
#include <QClipboard>
#include <QFile>
#include <QFileDialog>
#include <QMenu>
#include <QSignalSpy>
#include <QTest>
#include <QWheelEvent>
#include <qcustomplot.h>

#include <cmath>

using namespace gradus;

namespace {

/// A line from (0, 0) to (10, 10) with two markers.
class LinePlot final : public PlotView
{
public:
    LinePlot()
    {
        plot().addGraph()->setData({0, 10}, {0, 10});
        plot().xAxis->setLabel(QStringLiteral("in"));
        plot().yAxis->setLabel(QStringLiteral("out"));
        setTitle(QStringLiteral("Line"));
        setMarkers({2, std::nan("")}, Qt::red);
        setHasData(true);
        fit();
    }
    QString csv() const override { return QStringLiteral("in,out\n0,0\n10,10\n"); }

    struct Move
    {
        int marker;
        double position;
        bool released;
    };
    std::vector<Move> moves;
    std::vector<QPointF> clicks;

protected:
    void rescale() override
    {
        plot().xAxis->setRange(0, 10);
        plot().yAxis->setRange(0, 10);
    }
    void markerMoved(int marker, double position, bool released) override
    {
        moves.push_back({marker, position, released});
        setMarkers({position, std::nan("")}, Qt::red);
    }
    void clicked(QPointF at, Qt::KeyboardModifiers) override { clicks.push_back(at); }
};

QWidget* inner(PlotView& view)
{
    return view.findChild<QCustomPlot*>();
}

} // namespace

class TestPlotView : public QObject
{
    Q_OBJECT
private:
    std::unique_ptr<LinePlot> m_view;
    QPoint at(double x, double y)
    {
        return inner(*m_view)->mapFrom(m_view.get(), m_view->positionOf(x, y));
    }
    void wheel(const QPoint& where)
    {
        QWheelEvent event(where, inner(*m_view)->mapToGlobal(where), {}, {0, 120}, Qt::NoButton,
                          Qt::NoModifier, Qt::NoScrollPhase, false);
        QApplication::sendEvent(inner(*m_view), &event);
    }

private Q_SLOTS:
    void init()
    {
        m_view = std::make_unique<LinePlot>();
        m_view->resize(500, 320);
        m_view->show();
        QVERIFY(QTest::qWaitForWindowExposed(m_view.get()));
        m_view->replotNow();
    }
    void cleanup() { m_view.reset(); }

    void wheelZoomsAndDoubleClickFits();
    void dragsMarkersNotThePlot();
    void clicksAreNotDrags();
    void keys();
    void readsValues();
    void copies();
    void savesAllOrWhatIsVisible();
};

void TestPlotView::wheelZoomsAndDoubleClickFits()
{
    using Range = std::pair<double, double>;
    const Range whole{0, 10};
    wheel(at(5, 5));
    QVERIFY(m_view->shownRange(Qt::Horizontal).second < 10);
    QVERIFY(m_view->shownRange(Qt::Vertical).second < 10);
    m_view->replotNow();
    QTest::mouseDClick(inner(*m_view), Qt::LeftButton, {}, at(5, 5));
    QCOMPARE(m_view->shownRange(Qt::Horizontal), whole);
    QCOMPARE(m_view->shownRange(Qt::Vertical), whole);
    // Over an axis, that axis alone.
    m_view->replotNow();
    wheel(at(5, 0) + QPoint(0, 12));
    QVERIFY(m_view->shownRange(Qt::Horizontal).second < 10);
    QCOMPARE(m_view->shownRange(Qt::Vertical), whole);
}

void TestPlotView::dragsMarkersNotThePlot()
{
    QWidget* plot = inner(*m_view);
    QTest::mousePress(plot, Qt::LeftButton, {}, at(2, 5));
    QTest::mouseMove(plot, at(3, 5)); // sets the cursor's place; the button comes with the next
    QMouseEvent move(QEvent::MouseMove, at(4, 5), plot->mapToGlobal(at(4, 5)), Qt::NoButton,
                     Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(plot, &move);
    QTest::mouseRelease(plot, Qt::LeftButton, {}, at(6, 5));
    QVERIFY(m_view->moves.size() >= 2);
    QCOMPARE(m_view->moves.back().marker, 0);
    QVERIFY(m_view->moves.back().released);
    QVERIFY(!m_view->moves.front().released);
    QVERIFY(std::fabs(m_view->moves.back().position - 6) < 0.05);
    QCOMPARE(m_view->shownRange(Qt::Horizontal), std::make_pair(0.0, 10.0));
    QVERIFY(m_view->clicks.empty());
}

void TestPlotView::clicksAreNotDrags()
{
    QTest::mouseClick(inner(*m_view), Qt::LeftButton, {}, at(7, 3));
    QCOMPARE(m_view->clicks.size(), std::size_t(1));
    QVERIFY(std::fabs(m_view->clicks[0].x() - 7) < 0.05);
    QVERIFY(std::fabs(m_view->clicks[0].y() - 3) < 0.05);
    QVERIFY(m_view->moves.empty());
}

void TestPlotView::keys()
{
    QTest::keyClick(m_view.get(), Qt::Key_Right);
    QCOMPARE(m_view->shownRange(Qt::Horizontal), std::make_pair(1.0, 11.0));
    QTest::keyClick(m_view.get(), Qt::Key_Plus);
    QVERIFY(m_view->shownRange(Qt::Vertical).second < 10);
    QTest::keyClick(m_view.get(), Qt::Key_Home);
    QCOMPARE(m_view->shownRange(Qt::Horizontal), std::make_pair(0.0, 10.0));
}

void TestPlotView::readsValues()
{
    QCOMPARE(m_view->readout(2.5, 7), QStringLiteral("in 2.5   out 7"));
    const QImage before = m_view->grab().toImage();
    QMouseEvent move(QEvent::MouseMove, at(5, 5), inner(*m_view)->mapToGlobal(at(5, 5)),
                     Qt::NoButton, Qt::NoButton, Qt::NoModifier);
    QApplication::sendEvent(inner(*m_view), &move);
    QVERIFY(m_view->grab().toImage() != before);
    QEvent leave(QEvent::Leave);
    QApplication::sendEvent(inner(*m_view), &leave);
    QCOMPARE(m_view->grab().toImage(), before);
}

void TestPlotView::copies()
{
    QApplication::clipboard()->clear();
    QTest::keyClick(m_view.get(), Qt::Key_C, Qt::ControlModifier);
    QVERIFY(!QApplication::clipboard()->image().isNull());
    QContextMenuEvent menu(QContextMenuEvent::Keyboard, {50, 50},
                           m_view->mapToGlobal(QPoint(50, 50)));
    QApplication::sendEvent(m_view.get(), &menu);
    auto* shown = m_view->findChild<QMenu*>();
    QVERIFY(shown);
    for (QAction* action : shown->actions()) {
        if (action->text().contains(QLatin1String("CSV")) &&
            action->text().startsWith(QLatin1String("Copy")))
            action->trigger();
    }
    QCOMPARE(QApplication::clipboard()->text(), m_view->csv());
}

void TestPlotView::savesAllOrWhatIsVisible()
{
    test::TemporaryFolder folder;
    m_view->setShownRange(Qt::Horizontal, 0, 0.4); // lines stand at their places: the first one
    const auto saved = [&](const char* name, int filterFromEnd) {
        QContextMenuEvent event(QContextMenuEvent::Keyboard, {50, 50},
                                m_view->mapToGlobal(QPoint(50, 50)));
        QApplication::sendEvent(m_view.get(), &event);
        for (QAction* action : m_view->findChildren<QMenu*>().last()->actions()) {
            if (action->text().startsWith(QLatin1String("Save as")))
                action->trigger();
        }
        auto* dialog = m_view->findChildren<QFileDialog*>().last();
        const QStringList filters = dialog->nameFilters();
        dialog->selectNameFilter(filters.at(filters.size() - 1 - filterFromEnd));
        const QString path = QString::fromStdString((folder / name).string());
        Q_EMIT dialog->fileSelected(path);
        dialog->reject();
        QFile file(path);
        return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
    };
    QCOMPARE(saved("all.csv", 1), m_view->csv());
    QCOMPARE(saved("visible.csv", 0), QStringLiteral("in,out\n0,0\n"));
}

QTEST_MAIN(TestPlotView)
#include "tst_plot_view.moc"
