// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/session_runs.h"
#include "tests/support/support.h"
#include "widgets/panels/error_panel.h"

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QSignalSpy>
#include <QTest>
#include <qcustomplot.h>

#include <cmath>

using namespace gradus;
using gradus::test::isClose;
using gradus::test::madeUpModel;
using gradus::test::madeUpRun;
using gradus::test::rowsOf;

using Names = std::vector<std::string>;

class TestErrorPlot : public QObject
{
    Q_OBJECT
private:
    std::shared_ptr<Model> m_model = madeUpModel(2);
    std::shared_ptr<SessionRun> m_a = madeUpRun(1, QStringLiteral("four"), *m_model, 4);
    std::shared_ptr<SessionRun> m_b = madeUpRun(2, QStringLiteral("three"), *m_model, 3);
    std::unique_ptr<ErrorPanel> m_panel;

    ErrorPlot& plot() { return *m_panel->plot(); }
    void show()
    {
        m_panel = std::make_unique<ErrorPanel>();
        m_panel->setRows(rowsOf(*m_model, m_a->run->recipe, m_a->results));
        m_panel->resize(640, 400);
        m_panel->show();
        QVERIFY(QTest::qWaitForWindowExposed(m_panel.get()));
        plot().replotNow();
    }
    void click(double x, Qt::KeyboardModifiers modifiers = {})
    {
        auto* inner = plot().findChild<QCustomPlot*>();
        const auto [low, high] = plot().shownRange(Qt::Vertical);
        QTest::mouseClick(inner, Qt::LeftButton, modifiers,
                          inner->mapFrom(&plot(), plot().positionOf(x, std::sqrt(low * high))));
    }

private Q_SLOTS:
    void values();
    void absentIsNotZero();
    void twoRuns();
    void orders();
    void clicks();
    void manyLayers();
    void labels();
    void optionsAndPanelAgree();
    void emptyAndOdd();
};

void TestErrorPlot::values()
{
    show();
    QCOMPARE(plot().shownLayers(),
             (Names{"embed", "blocks.0.up", "blocks.0.down", "blocks.1.up", "blocks.1.down"}));
    QVERIFY(isClose(plot().value(1, 0), 10 * 2 / 16.0, 1e-12));
    QVERIFY(isClose(plot().value(4, 0), 10 * 5 / 16.0, 1e-12));
    plot().setMeasure(Measure::WeightSqnr);
    QCOMPARE(plot().value(1, 0), 24.0);
    QVERIFY(!plot().logScale()); // decibels are logarithms already
    plot().setMeasure(Measure::WeightCosine);
    QVERIFY(isClose(plot().value(1, 0), 1.0 / 256, 1e-9));
    m_panel->setRuns(m_a, nullptr);
    QVERIFY(isClose(plot().value(1, 0), 1.0 / 256, 1e-9));
    plot().setMeasure(Measure::Size);
    QCOMPARE(plot().value(0, 0), 100 * 64 * 2.0); // float, as the file has it
    QCOMPARE(plot().value(1, 0),
             double(storedSize(m_a->run->recipe.standard.scheme, 128, 64).bytes()));
    const QString csv = plot().csv();
    QVERIFY(csv.startsWith(QLatin1String("# a,four\nlayer,block,choice_a,")));
    QCOMPARE(csv.count(QLatin1Char('\n')), 2 + 5);
    QVERIFY(csv.contains(QLatin1String("\nembed,,float,,,,12800\n")));
    QVERIFY(csv.contains(QLatin1String("\nblocks.0.up,0,\"")));
}

void TestErrorPlot::absentIsNotZero()
{
    Recipe recipe = m_a->run->recipe;
    recipe.overrides["blocks.0.down"] = recipe.standard;
    recipe.overrides["blocks.0.down"].scheme.bits = 6; // measured with 4
    Results results = m_a->results;
    results.erase("blocks.1.down");
    show();
    m_panel->setRows(rowsOf(*m_model, recipe, results));
    QVERIFY(std::isnan(plot().value(0, 0))); // kept float
    QVERIFY(std::isnan(plot().value(2, 0)));
    QVERIFY(std::isnan(plot().value(4, 0)));
    QVERIFY(plot().readout(0, 1).contains(QLatin1String("kept float")));
    QVERIFY(plot().readout(2, 1).contains(QLatin1String("out of date")));
    QVERIFY(plot().readout(4, 1).contains(QLatin1String("not computed")));
    for (const ErrorPlot::Column& c : plot().columns()) {
        QCOMPARE(c.first, c.last);
        // Without a calibration text no result depends on the layers before it.
        QCOMPARE(c.worst[0] >= 0, c.first == 1 || c.first == 3);
    }
    // The size follows from the recipe; nothing has to be measured.
    plot().setMeasure(Measure::Size);
    QVERIFY(plot().value(4, 0) > 0);
}

void TestErrorPlot::twoRuns()
{
    show();
    const QImage one = plot().grab().toImage();
    m_panel->setRuns(m_a, m_b);
    plot().replotNow();
    QVERIFY(plot().grab().toImage() != one);
    QVERIFY(isClose(plot().value(1, 1) / plot().value(1, 0), 2, 1e-12));
    const QString said = plot().readout(1, 1);
    QVERIFY(said.startsWith(QLatin1String("blocks.0.up\n")));
    QVERIFY(said.contains(QLatin1String("A: 1.25 % (RTN 4 bit)")));
    QVERIFY(said.contains(QLatin1String("B: 2.50 % (RTN 3 bit)")));
    QVERIFY(said.contains(QLatin1String("B / A: 2")));
    plot().setMeasure(Measure::WeightSqnr);
    QVERIFY(plot().readout(1, 1).contains(QStringLiteral("B − A: −6.0 dB")));
    auto* inner = plot().findChild<QCustomPlot*>();
    QCOMPARE(inner->legend->itemCount(), 2);
    auto* key = qobject_cast<QCPPlottableLegendItem*>(inner->legend->item(1));
    QVERIFY(key);
    QCOMPARE(key->plottable()->name(), QStringLiteral("B: three"));
    QVERIFY(plot().csv().contains(QLatin1String("# b,three\n")));
    QVERIFY(plot().csv().contains(QLatin1String(",weight_sqnr_db_b,")));
    m_panel->setRuns(m_a, nullptr);
    QCOMPARE(inner->legend->itemCount(), 1);
}

void TestErrorPlot::orders()
{
    // The last layer is the only one that gets better.
    auto better = std::make_shared<SessionRun>(*m_b);
    better->results["blocks.1.down"].result.relativeOutputError = 0.0001;
    show();
    m_panel->setRuns(m_a, better);
    plot().setOrder(ErrorPlot::Order::Worst);
    QCOMPARE(plot().shownLayers(),
             (Names{"blocks.1.down", "blocks.1.up", "blocks.0.down", "blocks.0.up", "embed"}));
    plot().setOrder(ErrorPlot::Order::Change);
    QCOMPARE(plot().shownLayers().front(), std::string("blocks.1.down"));
    QCOMPARE(plot().shownLayers().back(), std::string("embed"));
    plot().setOrder(ErrorPlot::Order::Worst);
    plot().setMeasure(Measure::Size);
    QCOMPARE(plot().shownLayers().front(), std::string("embed"));
    // Of decibels the least is the worst.
    auto low = std::make_shared<SessionRun>(*m_a);
    low->results["blocks.1.up"].result.weightSqnrDb = 3;
    m_panel->setRows(rowsOf(*m_model, m_a->run->recipe, low->results));
    plot().setMeasure(Measure::WeightSqnr);
    QCOMPARE(plot().shownLayers().front(), std::string("blocks.1.up"));
}

void TestErrorPlot::clicks()
{
    show();
    std::vector<std::pair<Names, bool>> told;
    connect(m_panel.get(), &ErrorPanel::layersActivated, this,
            [&](const Names& names, bool extend) { told.emplace_back(names, extend); });
    click(1);
    click(3, Qt::ControlModifier);
    click(1.3);
    click(3, Qt::ShiftModifier);
    QCOMPARE(told.size(), std::size_t(4));
    QCOMPARE(told[0], std::make_pair(Names{"blocks.0.up"}, false));
    QCOMPARE(told[1], std::make_pair(Names{"blocks.1.up"}, true));
    QCOMPARE(told[2], std::make_pair(Names{"blocks.0.up"}, false));
    QCOMPARE(told[3], std::make_pair(Names{"blocks.0.up", "blocks.0.down", "blocks.1.up"}, true));

    const QImage before = plot().grab().toImage();
    m_panel->setSelected({"blocks.0.down"});
    plot().replotNow();
    const QImage after = plot().grab().toImage();
    QVERIFY(after != before);
    m_panel->setSelected({});
    plot().replotNow();
    QCOMPARE(plot().grab().toImage(), before);
}

void TestErrorPlot::manyLayers()
{
    auto rows = std::make_shared<std::vector<LayerRow>>();
    std::vector<LayerMeasures> measures;
    for (int i = 0; i < 10000; ++i) {
        LayerRow row;
        row.name = "model.layers." + std::to_string(i / 10) + ".part" + std::to_string(i % 10);
        row.block = "model.layers." + std::to_string(i / 10);
        row.blockIndex = i / 10;
        row.measured = true;
        row.relativeOutputError = i == 7777 ? 0.5 : 0.001 * (1 + i % 7);
        rows->push_back(row);
    }
    show();
    m_panel->setRows(rows);
    plot().replotNow();
    const std::vector<ErrorPlot::Column> columns = plot().columns();
    QVERIFY(columns.size() > 50);
    QVERIFY(columns.size() < 640);
    // Columns cover every layer once, and each shows the worst that it covers.
    int next = 0;
    bool found = false;
    for (const ErrorPlot::Column& c : columns) {
        QCOMPARE(c.first, next);
        next = c.last + 1;
        for (int i = c.first; i <= c.last; ++i)
            QVERIFY(plot().value(c.worst[0], 0) >= plot().value(i, 0));
        if (c.first <= 7777 && 7777 <= c.last) {
            found = true;
            QCOMPARE(c.worst[0], 7777);
            QVERIFY(plot().readout(c.first, 1).contains(QLatin1String("layers.777.part7: 50.0 %")));
        }
    }
    QCOMPARE(next, 10000);
    QVERIFY(found);
    QVERIFY(plot().tickLabels().size() < 80);
    // Seen closely, every layer has its own bar and its name.
    plot().setShownRange(Qt::Horizontal, 7770.5, 7790.5);
    plot().replotNow();
    QCOMPARE(plot().columns().size(), std::size_t(20));
    QCOMPARE(plot().tickLabels().size(), std::size_t(20));
    // New numbers do not move what one looks at.
    m_panel->setRows(std::make_shared<std::vector<LayerRow>>(*rows));
    QCOMPARE(plot().shownRange(Qt::Horizontal), std::make_pair(7770.5, 7790.5));
    // Nor can it be moved off the layers.
    plot().setShownRange(Qt::Horizontal, -500, 20000);
    QCOMPARE(plot().shownRange(Qt::Horizontal), std::make_pair(-0.5, 9999.5));
}

void TestErrorPlot::labels()
{
    m_model = madeUpModel(30);
    m_a = madeUpRun(1, QStringLiteral("four"), *m_model, 4);
    show();
    m_panel->resize(1400, 400);
    plot().replotNow();
    QCOMPARE(plot().tickLabels().size(), std::size_t(61));         // each layer
    QCOMPARE(plot().tickLabels()[1].second, QStringLiteral("up")); // its block stands over it
    plot().setOrder(ErrorPlot::Order::Worst);
    plot().replotNow();
    QCOMPARE(plot().tickLabels().front().second, QStringLiteral("29.down"));
    plot().setOrder(ErrorPlot::Order::Model);
    m_panel->resize(300, 400);
    QTest::qWait(0);
    plot().replotNow();
    QVERIFY(plot().tickLabels().size() <= 30); // blocks, as many as fit
    QCOMPARE(plot().tickLabels().front().second, QStringLiteral("0"));
    m_model = madeUpModel(2);
    m_a = madeUpRun(1, QStringLiteral("four"), *m_model, 4);
}

void TestErrorPlot::optionsAndPanelAgree()
{
    show();
    auto* measure = m_panel->findChild<QComboBox*>(QStringLiteral("measure"));
    auto* order = m_panel->findChild<QComboBox*>(QStringLiteral("order"));
    auto* log = m_panel->findChild<QCheckBox*>(QStringLiteral("log"));
    QVERIFY(log->isChecked());
    const double top = plot().shownRange(Qt::Vertical).second;
    log->click();
    QVERIFY(!plot().logScale());
    QCOMPARE(plot().shownRange(Qt::Vertical).first, 0.0);
    QVERIFY(plot().shownRange(Qt::Vertical).second != top);
    measure->setCurrentIndex(measure->findText(measureTitle(Measure::WeightSqnr)));
    QCOMPARE(plot().measure(), Measure::WeightSqnr);
    QVERIFY(!log->isEnabled());
    plot().setMeasure(Measure::OutputError);
    QCOMPARE(measure->currentText(), measureTitle(Measure::OutputError));
    QVERIFY(!log->isChecked()); // each measure has its own scale
    plot().setOrder(ErrorPlot::Order::Worst);
    QCOMPARE(order->currentData().toInt(), int(ErrorPlot::Order::Worst));
}

void TestErrorPlot::emptyAndOdd()
{
    ErrorPanel panel;
    QVERIFY(panel.plot()->isEmpty());
    QCOMPARE(panel.plot()->csv(), QString());
    QCOMPARE(panel.plot()->readout(0, 0), QString());
    panel.setRows(std::make_shared<std::vector<LayerRow>>());
    QVERIFY(panel.plot()->isEmpty());
    // Without calibration there is no output error, and the plot says why.
    auto uncalibrated = std::make_shared<SessionRun>(*m_a);
    for (auto& [name, layer] : uncalibrated->results)
        layer.result.relativeOutputError = std::nan("");
    // The SQNR stands for it, until there is one.
    panel.setRows(rowsOf(*m_model, m_a->run->recipe, uncalibrated->results));
    QCOMPARE(panel.plot()->measure(), Measure::WeightSqnr);
    QVERIFY(!panel.plot()->isEmpty());
    panel.setRows(rowsOf(*m_model, m_a->run->recipe, m_a->results));
    QCOMPARE(panel.plot()->measure(), Measure::OutputError);
    panel.setRows(rowsOf(*m_model, m_a->run->recipe, uncalibrated->results));
    // Not against what somebody chose.
    panel.plot()->setMeasure(Measure::OutputError);
    panel.setRows(rowsOf(*m_model, m_a->run->recipe, uncalibrated->results));
    QCOMPARE(panel.plot()->measure(), Measure::OutputError);
    QVERIFY(panel.plot()->isEmpty());
    bool said = false;
    for (const QLabel* label : panel.plot()->findChildren<QLabel*>())
        said = said || label->text().contains(QLatin1String("no calibration data"));
    QVERIFY(said);
    panel.plot()->setMeasure(Measure::WeightSqnr);
    QVERIFY(!panel.plot()->isEmpty());
    // Lossless layers: no error on a logarithmic scale, endless decibels.
    auto lossless = std::make_shared<SessionRun>(*m_a);
    for (auto& [name, layer] : lossless->results) {
        layer.result.relativeOutputError = 0;
        layer.result.weightSqnrDb = std::numeric_limits<double>::infinity();
    }
    panel.setRows(rowsOf(*m_model, m_a->run->recipe, lossless->results));
    panel.resize(500, 300);
    for (const Measure each : {Measure::OutputError, Measure::WeightSqnr}) {
        panel.plot()->setMeasure(each);
        QVERIFY(!panel.plot()->isEmpty());
        QVERIFY(!panel.grab().isNull());
        const auto [low, high] = panel.plot()->shownRange(Qt::Vertical);
        QVERIFY(std::isfinite(low) && std::isfinite(high) && high > low);
    }
    QVERIFY(panel.plot()->readout(1, 1).contains(QStringLiteral("∞ dB")));
}

QTEST_MAIN(TestErrorPlot)
#include "tst_error_plot.moc"
