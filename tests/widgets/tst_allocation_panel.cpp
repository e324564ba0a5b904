// SPDX-License-Identifier: GPL-3.0-or-later
// The view of allocations on values made by hand: what is drawn, said, dragged, clicked and copied.
#include "tests/support/support.h"
#include "widgets/panels/allocation_form.h"
#include "widgets/panels/allocation_panel.h"
#include "widgets/panels/bits_rules_form.h"
#include "widgets/panels/number_edit.h"
#include "widgets/plots/allocation_plot.h"
#include "widgets/plots/option_curve_plot.h"
#include "widgets/theme.h"

#include <QApplication>
#include <QComboBox>
#include <QLineEdit>
#include <QMenu>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTabWidget>
#include <QTest>
#include <QToolButton>
#include <QWheelEvent>
#include <qcustomplot.h>

#include <cmath>

using namespace gradus;

namespace {

constexpr double weights = 8.0 * (1 << 20); // so that a bit per weight is a MiB

AllocationSpot spot(double bits, double error)
{
    return {bits, static_cast<std::uint64_t>(bits * weights / 8), error};
}

AllocationPicture picture()
{
    AllocationPicture made;
    made.model = QStringLiteral("toy");
    for (int i = 0; i <= 24; ++i)
        made.front.push_back(spot(2 + 0.25 * i, 0.8 * std::pow(4.0, -0.25 * i)));
    made.solution = spot(3.5, 0.1);
    made.optimal = true;
    made.solver = QStringLiteral("Exact");
    made.recipe = spot(4.1, 0.09);
    made.references = {
        {AllocationReference::Kind::Uniform, QStringLiteral("3 bit"), spot(3, 0.3)},
        {AllocationReference::Kind::Uniform, QStringLiteral("4 bit"), spot(4.2, 0.08)},
        {AllocationReference::Kind::FirstLast, QStringLiteral("First and last more"),
         spot(3.4, 0.25)},
        {AllocationReference::Kind::LlamaCpp, QStringLiteral("llama.cpp's rule"),
         spot(3.45, 0.18)}};
    made.budget = 3.5;
    made.errorTitle = QStringLiteral("predicted KL (nats/token)");
    made.errorUnit = QStringLiteral("nats/token");
    made.weights = weights;
    made.sizeTitle = QStringLiteral("stored size");
    return made;
}

AllocationMeasurement measured(int run, double bits, double predicted, double value)
{
    return {run,        QStringLiteral("Run %1").arg(run), spot(bits, predicted), value,
            value / 10, QStringLiteral("perplexity 8.1")};
}

OptionCurve curve()
{
    OptionCurve made;
    made.layer = "model.layers.0.self_attn.q_proj";
    made.partners = {"model.layers.0.self_attn.k_proj", "model.layers.0.self_attn.v_proj"};
    const double errors[] = {0.02, 0.005, 0.0018, 0.0019, 0.0006};
    for (int bits = 2; bits <= 6; ++bits) {
        OptionCurve::Option option;
        option.bits = bits;
        option.name = QString::number(bits);
        option.bytes = static_cast<std::uint64_t>(bits) * 8192;
        option.error = errors[bits - 2];
        option.chosen = bits == 4;
        made.options.push_back(option);
    }
    markHull(made.options);
    made.errorTitle = QStringLiteral("predicted KL (nats/token)");
    made.errorUnit = QStringLiteral("nats/token");
    made.price = 0.21 / (1 << 20);
    return made;
}

QCustomPlot* canvas(PlotView* plot)
{
    return plot->findChild<QCustomPlot*>();
}

/// Presses, moves and lets go at points of the plot view.
void drag(PlotView* plot, const std::vector<QPoint>& points)
{
    QWidget* on = canvas(plot);
    const auto send = [&](QEvent::Type type, QPoint at, Qt::MouseButton button,
                          Qt::MouseButtons buttons) {
        const QPointF local = on->mapFrom(plot, at);
        QMouseEvent event(type, local, on->mapToGlobal(local), button, buttons, Qt::NoModifier);
        QApplication::sendEvent(on, &event);
    };
    send(QEvent::MouseButtonPress, points.front(), Qt::LeftButton, Qt::LeftButton);
    for (std::size_t i = 1; i < points.size(); ++i)
        send(QEvent::MouseMove, points[i], Qt::NoButton, Qt::LeftButton);
    send(QEvent::MouseButtonRelease, points.back(), Qt::LeftButton, Qt::NoButton);
}

} // namespace

class TestAllocationPanel : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void emptyStates();
    void whatIsDrawn();
    void measuredPoints();
    void sizeAxisFollows();
    void theBudgetIsDragged();
    void theBudgetIsStepped();
    void pointsAreClicked();
    void readout();
    void hull();
    void whyThisLayer();
    void settingsSurvive();
    void settingsFromStrangers();
    void formSpeaks();
    void rules();
    void narrowAndWide();
    void everythingHasAName();

private:
    static void lay(AllocationPlot& plot)
    {
        plot.resize(640, 420);
        plot.show();
        QVERIFY(QTest::qWaitForWindowExposed(&plot));
        plot.replotNow();
    }
};

void TestAllocationPanel::emptyStates()
{
    AllocationPanel panel;
    panel.setEmptyText(QStringLiteral("Open a model."));
    QVERIFY(panel.plot()->isEmpty());
    QVERIFY(panel.plot()->csv().isEmpty());
    QVERIFY(panel.curvePlot()->isEmpty());
    QVERIFY(panel.whyText().isEmpty());
    panel.setPicture(picture());
    QVERIFY(!panel.plot()->isEmpty());
    panel.setPicture({});
    QVERIFY(panel.plot()->isEmpty());
    // The keyboard and the wheel do nothing to a plot without a budget.
    QSignalSpy moved(panel.plot(), &AllocationPlot::budgetMoved);
    QTest::keyClick(panel.plot(), Qt::Key_Right);
    QCOMPARE(moved.size(), 0);
}

void TestAllocationPanel::whatIsDrawn()
{
    AllocationPlot plot;
    plot.setPicture(picture());
    QCOMPARE(plot.legendTexts(),
             QStringList({"Front", "Budget", "Recipe", "Uniform", "First/last", "llama.cpp"}));
    const QStringList lines = plot.csv().split('\n', Qt::SkipEmptyParts);
    QCOMPARE(lines.size(), 2 + 25 + 1 + 1 + 4);
    QCOMPARE(lines[0], QString("# predicted KL (nats/token)"));
    QCOMPARE(lines[1], QString("kind,name,bits_per_weight,bytes,predicted_error,measured,"
                               "standard_error"));
    QCOMPARE(lines[2], QString("front,\"\",2,2097152,0.8,,"));
    QVERIFY(lines.contains("solution,\"Exact\",3.5,3670016,0.1,,"));
    QVERIFY(lines.contains("uniform,\"4 bit\",4.2,4404019,0.08,,"));
    QVERIFY(lines.contains("llama-cpp,\"llama.cpp's rule\",3.45,3617587,0.18,,"));
    // The title has the recipe, the line below what the budget allows, and its proof.
    const auto title = [&] { return plot.accessibleDescription(); };
    QVERIFY2(title().startsWith("4.10 bits per weight · 4.10 MiB · predicted 0.09 nats/token"),
             qPrintable(title()));
    QCOMPARE(plot.subtitleText(), QString("the budget of 3.50 allows 0.1 (Exact)"));
    AllocationPicture adopted = picture();
    adopted.recipe = adopted.solution;
    plot.setPicture(adopted);
    QVERIFY(title().startsWith("3.50 bits per weight · 3.50 MiB · predicted 0.1 nats/token"));
    QCOMPARE(plot.subtitleText(),
             QString("Exact: no allocation within the budget has a smaller error"));
    adopted.optimal = false;
    adopted.solver = QStringLiteral("Greedy");
    plot.setPicture(adopted);
    QCOMPARE(plot.subtitleText(), QString("Greedy"));
    // Everything is within the shown ranges.
    const auto [left, right] = plot.shownRange(Qt::Horizontal);
    QVERIFY(left < 2 && right > 8);
    const auto [low, high] = plot.shownRange(Qt::Vertical);
    QVERIFY(low > 0 && low < picture().front.back().error && high > 0.8);
    // Errors of zero have no place on a logarithmic axis and one on a linear one.
    AllocationPicture zero = picture();
    zero.front.back().error = 0;
    plot.setPicture(zero);
    QVERIFY(plot.shownRange(Qt::Vertical).first > 0);
    plot.setLogScale(false);
    QVERIFY(plot.shownRange(Qt::Vertical).first <= 0);
    // What lies in the shown part.
    plot.setShownRange(Qt::Horizontal, 1.9, 2.3);
    QCOMPARE(plot.visibleCsv().count("front,"), 2);
}

void TestAllocationPanel::measuredPoints()
{
    AllocationPlot plot;
    AllocationPicture p = picture();
    p.measured = {measured(3, 4.2, 0.08, 0.11), measured(1, 2.5, 0.4, 0.7)};
    plot.setPicture(p);
    QVERIFY(plot.legendTexts().contains("Measured"));
    auto* bars = canvas(&plot)->findChild<QCPErrorBars*>();
    QVERIFY(bars);
    // The bars belong to points sorted by size: 0.07 to the run of 2.5 bits.
    QCOMPARE(bars->dataCount(), 2);
    QVERIFY(test::isClose(bars->data()->at(0).errorPlus, 0.07, 1e-12, 0));
    QVERIFY(test::isClose(bars->data()->at(1).errorPlus, 0.011, 1e-12, 0));
    QVERIFY(!plot.subtitleText().contains("rank"));
    p.measured.push_back(measured(2, 3, 0.3, 0.2));
    plot.setPicture(p);
    QVERIFY2(
        plot.subtitleText().contains("rank correlation of predicted and measured 1.00 (3 runs)"),
        qPrintable(plot.subtitleText()));
    // One that nothing predicts counts in the picture but not in the correlation.
    p.measured.push_back(measured(4, 3.3, std::nan(""), 0.2));
    plot.setPicture(p);
    QVERIFY(plot.subtitleText().contains("(3 runs)"));
    QVERIFY(plot.csv().contains("measured,\"Run 4\",3.3,3460300,,0.2,0.02"));
    QVERIFY(!canvas(&plot)->yAxis2->visible());
    // What is in another unit has an axis of its own.
    p.measuredTitle = QStringLiteral("measured KL (nats/token)");
    plot.setPicture(p);
    QVERIFY(canvas(&plot)->yAxis2->visible());
    QCOMPARE(canvas(&plot)->yAxis2->label(), p.measuredTitle);
    lay(plot);
    const QPoint at = plot.markPosition({AllocationMark::Kind::Measured, 1});
    QCOMPARE(plot.markAt(at), (AllocationMark{AllocationMark::Kind::Measured, 1}));
}

void TestAllocationPanel::sizeAxisFollows()
{
    AllocationPlot plot;
    AllocationPicture p = picture();
    p.fixedBytes = 1 << 20;
    plot.setPicture(p);
    plot.setShownRange(Qt::Horizontal, 3, 5);
    const QCPAxis* size = canvas(&plot)->xAxis2;
    QVERIFY(test::isClose(size->range().lower, 4, 1e-12, 0));
    QVERIFY(test::isClose(size->range().upper, 6, 1e-12, 0));
    plot.replotNow();
    QVERIFY2(size->tickVectorLabels().contains("5 MiB"),
             qPrintable(size->tickVectorLabels().join(" | ")));
}

void TestAllocationPanel::theBudgetIsDragged()
{
    AllocationPlot plot;
    plot.setPicture(picture());
    lay(plot);
    QSignalSpy moved(&plot, &AllocationPlot::budgetMoved);
    QSignalSpy clicked(&plot, &AllocationPlot::markActivated);
    const double y = 0.02; // where nothing else is
    drag(&plot, {plot.positionOf(3.5, y), plot.positionOf(3.8, y), plot.positionOf(4.5, y)});
    QCOMPARE(moved.size(), 3); // two on the way, one at the end
    QCOMPARE(moved[0][1].toBool(), false);
    QCOMPARE(moved[2][1].toBool(), true);
    const double pixel = 6.6 / 500;
    QVERIFY(test::isClose(moved[0][0].toDouble(), 3.8, 0, 2 * pixel));
    QVERIFY(test::isClose(moved[2][0].toDouble(), 4.5, 0, 2 * pixel));
    QVERIFY(test::isClose(plot.picture().budget, 4.5, 0, 2 * pixel));
    QCOMPARE(clicked.size(), 0);
    // It stays within what can be had.
    drag(&plot, {plot.positionOf(4.5, y), plot.positionOf(8.2, y)});
    QCOMPARE(plot.picture().budget, 8.0);
}

void TestAllocationPanel::theBudgetIsStepped()
{
    AllocationPlot plot;
    plot.setPicture(picture());
    lay(plot);
    QSignalSpy moved(&plot, &AllocationPlot::budgetMoved);
    QTest::keyClick(&plot, Qt::Key_Right);
    QVERIFY(test::isClose(plot.picture().budget, 3.55, 1e-12, 0));
    QTest::keyClick(&plot, Qt::Key_Left, Qt::ShiftModifier);
    QVERIFY(test::isClose(plot.picture().budget, 3.54, 1e-12, 0));
    QCOMPARE(moved.size(), 2);
    QVERIFY(moved[1][1].toBool());
    // With Ctrl the view moves, as in all plots.
    const auto before = plot.shownRange(Qt::Horizontal);
    QTest::keyClick(&plot, Qt::Key_Right, Qt::ControlModifier);
    QVERIFY(plot.shownRange(Qt::Horizontal) != before);
    QCOMPARE(moved.size(), 2);
    plot.fit();
    plot.replotNow();

    const auto wheel = [&](QPoint at) {
        QWidget* on = canvas(&plot);
        const QPointF local = on->mapFrom(&plot, at);
        QWheelEvent event(local, on->mapToGlobal(local), {}, {0, 120}, Qt::NoButton, Qt::NoModifier,
                          Qt::NoScrollPhase, false);
        QApplication::sendEvent(on, &event);
    };
    const QPoint line = plot.positionOf(3.54, 0.02);
    wheel(line);
    QVERIFY(test::isClose(plot.picture().budget, 3.59, 1e-12, 0));
    wheel(line); // it goes on, although the line is elsewhere by now
    wheel(line);
    QVERIFY(test::isClose(plot.picture().budget, 3.69, 1e-12, 0));
    QCOMPARE(moved.size(), 5);
    // Elsewhere it zooms, once it has rested.
    QTest::qWait(600);
    const auto shown = plot.shownRange(Qt::Horizontal);
    wheel(plot.positionOf(6, 0.3));
    QVERIFY(plot.shownRange(Qt::Horizontal) != shown);
    QCOMPARE(moved.size(), 5);
    // Enter takes the solution.
    QSignalSpy taken(&plot, &AllocationPlot::markActivated);
    QTest::keyClick(&plot, Qt::Key_Return);
    QCOMPARE(taken.size(), 1);
    QCOMPARE(taken[0][0].value<AllocationMark>(),
             (AllocationMark{AllocationMark::Kind::Solution, 0}));
}

void TestAllocationPanel::pointsAreClicked()
{
    AllocationPlot plot;
    AllocationPicture p = picture();
    p.measured = {measured(7, 5.2, 0.02, 0.035)};
    plot.setPicture(p);
    lay(plot);
    QSignalSpy clicked(&plot, &AllocationPlot::markActivated);
    QSignalSpy moved(&plot, &AllocationPlot::budgetMoved);
    using Kind = AllocationMark::Kind;
    for (const AllocationMark mark :
         {AllocationMark{Kind::Front, 3}, AllocationMark{Kind::Reference, 0},
          AllocationMark{Kind::Reference, 3}, AllocationMark{Kind::Measured, 0},
          AllocationMark{Kind::Solution, 0}}) { // the last lies on the budget's line
        clicked.clear();
        const QPoint at = plot.markPosition(mark);
        drag(&plot, {at, at});
        QVERIFY2(clicked.size() == 1,
                 qPrintable(QStringLiteral("%1 %2").arg(int(mark.kind)).arg(mark.index)));
        QCOMPARE(clicked[0][0].value<AllocationMark>(), mark);
    }
    QCOMPARE(moved.size(), 0);
    clicked.clear();
    const QPoint empty = plot.positionOf(6.5, 0.5);
    drag(&plot, {empty, empty});
    QCOMPARE(clicked.size(), 0);
}

void TestAllocationPanel::readout()
{
    AllocationPlot plot;
    AllocationPicture p = picture();
    p.measured = {measured(7, 5.2, 0.02, 0.035)};
    plot.setPicture(p);
    lay(plot);
    QCOMPARE(plot.readout(6.5, 0.5), QString("6.50 bits per weight · stored size 6.50 MiB"));
    const QString reference = plot.readout(3, 0.3);
    QVERIFY2(reference.contains("uniform, 3 bit") && reference.contains("predicted 0.3 nats") &&
                 reference.contains("click to take its bits"),
             qPrintable(reference));
    const QString run = plot.readout(5.2, 0.035);
    QVERIFY2(run.contains("Run 7") && run.contains("measured 0.035 ± 0.0035") &&
                 run.contains("perplexity 8.1"),
             qPrintable(run));
}

void TestAllocationPanel::hull()
{
    const auto of = [](const std::vector<std::pair<std::uint64_t, double>>& points) {
        std::vector<OptionCurve::Option> options;
        for (const auto& [bytes, error] : points) {
            OptionCurve::Option option;
            option.bytes = bytes;
            option.error = error;
            options.push_back(option);
        }
        markHull(options);
        QString marks;
        for (const auto& option : options)
            marks += option.onHull ? '1' : '0';
        return marks;
    };
    QCOMPARE(of({{1, 8}, {2, 4}, {3, 2}, {4, 1}}), QString("1111"));
    QCOMPARE(of({{1, 8}, {2, 7}, {3, 2}, {4, 1}}), QString("1011")); // above the line
    QCOMPARE(of({{1, 8}, {2, 4}, {3, 5}, {4, 1}}), QString("1101")); // larger and worse
    QCOMPARE(of({{1, 8}, {1, 6}, {2, 3}}), QString("011"));          // as large, better
    QCOMPARE(of({{1, 0}}), QString("1"));
    QCOMPARE(of({}), QString());
}

void TestAllocationPanel::whyThisLayer()
{
    AllocationPanel panel;
    panel.setCurve(curve(), {});
    const QString why = panel.whyText();
    // From 4 bits the next of the hull are 6 up, as 5 is worse, and 3 down.
    QVERIFY2(why.contains("4 → 6 bits would save 0.0012 nats/token for 16.0 KiB: 0.0768 per "
                          "MiB."),
             qPrintable(why));
    QVERIFY2(why.contains("4 → 3 bits would cost 0.0032 nats/token and free 8.00 KiB: 0.41 "
                          "per MiB."),
             qPrintable(why));
    QVERIFY(why.contains("The budget's price: 0.21 per MiB."));
    QVERIFY(why.contains("Decided with k_proj, v_proj."));
    const QStringList lines = panel.curvePlot()->csv().split('\n', Qt::SkipEmptyParts);
    QCOMPARE(lines.size(), 7);
    QCOMPARE(lines[4], QString("\"model.layers.0.self_attn.q_proj\",4,\"4\",32768,0.0018,1,1"));
    QCOMPARE(lines[5], QString("\"model.layers.0.self_attn.q_proj\",5,\"5\",40960,0.0019,0,0"));
    OptionCurve ruled = curve();
    ruled.minimumBits = 3;
    ruled.maximumBits = 6;
    panel.setCurve(ruled, {});
    QVERIFY(panel.whyText().contains("A rule gives it 3 to 6 bits."));
    ruled.locked = true;
    panel.setCurve(ruled, {});
    QCOMPARE(panel.whyText(), QString("Locked: it keeps what the recipe says."));
    panel.setCurve({}, QStringLiteral("Select a layer."));
    QVERIFY(panel.curvePlot()->isEmpty());
}

void TestAllocationPanel::settingsSurvive()
{
    AllocationSettings settings;
    settings.method = "rtn-mse";
    settings.bits = {2, 3, 8};
    settings.groups = {0, 64};
    settings.metric = SensitivityMetric::Divergence;
    settings.solver = AllocationSolver::Greedy;
    settings.unit = BudgetUnit::GptqFile;
    settings.budget = 12.5 * (1 << 20);
    settings.rules = {{"down_proj", 3, 8}, {"", 2, 4}};
    settings.fuse = false;
    settings.evaluationData = QStringLiteral("some text.txt");
    settings.evaluationConvention = 1;
    settings.evaluationContext = 128;
    QVERIFY(!(settings == AllocationSettings()));
    QVERIFY(allocationSettingsFromJson(toJson(settings)) == settings);
    QVERIFY(allocationSettingsFromJson(toJson(AllocationSettings())) == AllocationSettings());
}

void TestAllocationPanel::settingsFromStrangers()
{
    for (const char* text :
         {"", "[]", "{", "{\"bits\": [1, 9, \"x\"], \"budget\": -3, \"solver\": 7}",
          "{\"method\": \"no-such\", \"groups\": [-2], \"unit\": \"furlongs\"}"})
        QVERIFY2(allocationSettingsFromJson(text) == AllocationSettings(), text);
    QCOMPARE(allocationSettingsFromJson("{\"bits\": [8, 3, 3]}").bits, (std::vector<int>{3, 8}));
}

void TestAllocationPanel::formSpeaks()
{
    AllocationForm form;
    LayerChoice standard;
    standard.scheme.granularity = Granularity::Group;
    standard.scheme.groupSize = 128;
    form.setSettings({}, standard);
    QSignalSpy changed(&form, &AllocationForm::settingsChanged);
    const auto button = [&](int bits) {
        return form.findChild<QToolButton*>(QStringLiteral("allocationBits%1").arg(bits));
    };
    QVERIFY(button(4)->isChecked() && !button(7)->isChecked());
    button(7)->click();
    QCOMPARE(form.settings().bits, (std::vector<int>{2, 3, 4, 5, 6, 7, 8}));
    for (const int bits : {2, 3, 4, 5, 6, 7})
        button(bits)->click();
    button(8)->click(); // the last stays
    QCOMPARE(form.settings().bits, (std::vector<int>{8}));
    QVERIFY(button(8)->isChecked());
    QCOMPARE(changed.size(), 8);

    auto* groups = form.findChild<QToolButton*>(QStringLiteral("allocationGroups"));
    QCOMPARE(groups->text(), QString("128 ▾"));
    const auto choose = [&](const QString& text) {
        Q_EMIT groups->menu()->aboutToShow();
        for (QAction* each : groups->menu()->actions())
            if (each->text() == text)
                each->trigger();
    };
    choose(QStringLiteral("64"));
    QCOMPARE(form.settings().groups, (std::vector<std::int64_t>{64, 128}));
    choose(QStringLiteral("per channel"));
    QCOMPARE(groups->text(), QString("per channel, 64, 128 ▾"));
    choose(QStringLiteral("As the recipe: 128"));
    QVERIFY(form.settings().groups.empty());

    auto* budget = form.findChild<NumberEdit*>(QStringLiteral("allocationBudget"));
    QVERIFY(!budget->isEnabled());
    AllocationSettings settings = form.settings();
    settings.budget = 3.5;
    form.setSettings(settings, standard);
    form.setBudgetRange(2.2, 8.3);
    QVERIFY(budget->isEnabled());
    QCOMPARE(budget->value(), 3.5);
    QSignalSpy typed(&form, &AllocationForm::budgetTyped);
    budget->setValue(4.25);
    QCOMPARE(typed.size(), 1);
    QCOMPARE(typed[0][0].toDouble(), 4.25);
    settings.unit = BudgetUnit::StoredBytes;
    settings.budget = 3.0 * (1 << 20);
    form.setSettings(settings, standard);
    form.setBudgetRange(2 << 20, 8 << 20);
    QCOMPARE(budget->value(), 3.0);
    budget->setValue(2.5);
    QCOMPARE(typed.last()[0].toDouble(), 2.5 * (1 << 20));

    // The button of a measurement that goes on cancels it.
    auto* measure = form.findChild<QToolButton*>(QStringLiteral("measureSensitivity"));
    QSignalSpy wanted(&form, &AllocationForm::measureRequested);
    QSignalSpy stopped(&form, &AllocationForm::cancelRequested);
    measure->click();
    form.setCanMeasure({}, true);
    measure->click();
    QCOMPARE(wanted.size(), 1);
    QCOMPARE(stopped.size(), 1);
    form.setCanMeasure(QStringLiteral("Open a model first"), false);
    QVERIFY(!measure->isEnabled());
    QCOMPARE(measure->toolTip(), QString("Open a model first"));
    form.setCanEvaluate(QStringLiteral("nothing to evaluate"));
    QVERIFY(!form.findChild<QToolButton*>(QStringLiteral("evaluateAllocation"))->isEnabled());
}

void TestAllocationPanel::rules()
{
    BitsRulesForm form;
    QSignalSpy changed(&form, &BitsRulesForm::rulesChanged);
    form.addRule();
    QCOMPARE(changed.size(), 1);
    QCOMPARE(form.rules().size(), std::size_t(1));
    auto* pattern = form.findChild<QLineEdit*>(QStringLiteral("bitsRulePattern0"));
    QVERIFY(pattern);
    pattern->setText(QStringLiteral("q_proj"));
    Q_EMIT pattern->editingFinished();
    QCOMPARE(form.rules()[0].pattern, std::string("q_proj"));
    const QList<QSpinBox*> limits = form.findChildren<QSpinBox*>();
    QCOMPARE(limits.size(), 2);
    limits[1]->setValue(2); // the other follows
    QCOMPARE(form.rules()[0].minimum, 2);
    QCOMPARE(form.rules()[0].maximum, 2);
    form.setRules({{"a", 2, 4}, {"b", 5, 8}}, false);
    QCOMPARE(form.findChild<QLineEdit*>(QStringLiteral("bitsRulePattern1"))->text(), QString("b"));
    const qsizetype before = changed.size();
    form.setRules({}, true); // says nothing
    QCOMPARE(changed.size(), before);
    QVERIFY(!form.findChild<QLineEdit*>(QStringLiteral("bitsRulePattern0")));
}

void TestAllocationPanel::narrowAndWide()
{
    AllocationPanel panel;
    panel.setPicture(picture());
    panel.setCurve(curve(), {});
    panel.resize(540, 360);
    panel.show();
    QVERIFY(QTest::qWaitForWindowExposed(&panel));
    auto* tabs = panel.findChild<QTabWidget*>();
    QCOMPARE(tabs->count(), 3);
    panel.setTab(AllocationPanel::LayerTab);
    QVERIFY(panel.curvePlot()->isVisible());
    QVERIFY(!panel.plot()->isVisible());
    panel.resize(1280, 800);
    QTRY_COMPARE(tabs->count(), 2);
    QVERIFY(panel.curvePlot()->isVisible());
    QVERIFY(panel.plot()->isVisible());
    panel.resize(540, 360);
    QTRY_COMPARE(tabs->count(), 3);
    panel.setTab(AllocationPanel::RulesTab);
    QVERIFY(panel.rulesForm()->isVisible());
    panel.setTab(AllocationPanel::FrontTab);
    QVERIFY(panel.plot()->isVisible());
    QVERIFY2(panel.plot()->height() >= 220, qPrintable(QString::number(panel.plot()->height())));
    // Where it is low, the candidates are shown when they are asked for.
    auto* bits = panel.form()->findChild<QToolButton*>(QStringLiteral("allocationBits4"));
    QVERIFY(!bits->isVisible());
    panel.form()->findChild<QToolButton*>(QStringLiteral("allocationCandidates"))->click();
    QVERIFY(bits->isVisible());
    panel.resize(540, 600);
    QTRY_VERIFY(!panel.form()
                     ->findChild<QToolButton*>(QStringLiteral("allocationCandidates"))
                     ->isVisible());
    QVERIFY(bits->isVisible());
}

void TestAllocationPanel::everythingHasAName()
{
    AllocationPanel panel;
    panel.rulesForm()->addRule();
    const auto named = [](const QWidget* each) {
        if (!each->accessibleName().isEmpty())
            return true;
        if (const auto* button = qobject_cast<const QAbstractButton*>(each))
            return !button->text().isEmpty();
        const QList<QLabel*> labels = each->window()->findChildren<QLabel*>();
        return std::any_of(labels.begin(), labels.end(),
                           [each](const QLabel* label) { return label->buddy() == each; });
    };
    for (const QWidget* each : panel.findChildren<QWidget*>()) {
        const bool input =
            qobject_cast<const QAbstractButton*>(each) || qobject_cast<const QComboBox*>(each) ||
            qobject_cast<const QAbstractSpinBox*>(each) || qobject_cast<const PlotView*>(each) ||
            (qobject_cast<const QLineEdit*>(each) &&
             !qobject_cast<const QAbstractSpinBox*>(each->parentWidget()) &&
             !qobject_cast<const QComboBox*>(each->parentWidget()));
        const bool inner = each->objectName().startsWith(QLatin1String("qt_")) ||
                           qobject_cast<const QTabBar*>(each->parentWidget());
        if (input && !inner)
            QVERIFY2(named(each),
                     qPrintable(QStringLiteral("%1 %2").arg(
                         QLatin1String(each->metaObject()->className()), each->objectName())));
    }
}

QTEST_MAIN(TestAllocationPanel)
#include "tst_allocation_panel.moc"
