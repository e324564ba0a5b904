// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/layers.h"
#include "widgets/models/option_text.h"
#include "widgets/models/table_text.h"
#include "widgets/panels/layer_table_panel.h"
#include "widgets/panels/method_panel.h"
#include "widgets/panels/run_panel.h"
#include "widgets/panels/weight_panel.h"

#include <QApplication>
#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QLineEdit>
#include <QPointer>
#include <QPushButton>
#include <QSignalSpy>
#include <QSpinBox>
#include <QStyleOptionComboBox>
#include <QTableView>
#include <QTest>

using namespace gradus;

class TestPanels : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void tableEditsTheSelection();
    void tableCopies();
    void anEditorThatWasOnlyLookedAt();
    void methodFormFollowsTheDescription();
    void methodPanelHasInputs();
    void nothingOfTheMethodIsCutOff();
    void methodEditsOneFieldOfMany();
    void methodEditsTheStandard();
    void runPanel();
    void timeLeftText();
    void weightFacts();

private:
    static std::shared_ptr<const std::vector<LayerRow>> rows(const Recipe& recipe)
    {
        const auto model = test::madeUpModel();
        const auto plan = test::madeUpPlan(*model, recipe);
        return std::make_shared<const std::vector<LayerRow>>(
            layerRows(*model, recipe, plan.get(), {}));
    }
};

void TestPanels::tableEditsTheSelection()
{
    LayerTablePanel panel;
    panel.setRows(rows(Recipe()));
    panel.resize(1000, 400);
    panel.show();
    LayerChoices choices;
    connect(&panel, &LayerTablePanel::editRequested, this,
            [&](const LayerChoices& c, const QString&) { choices = c; });
    panel.selectLayer("blocks.0.up");
    QCOMPARE(panel.currentLayer(), std::string("blocks.0.up"));
    panel.view()->selectAll();
    QCOMPARE(panel.selectedLayers().size(), std::size_t(5));
    const QAbstractItemModel* shown = panel.view()->model();
    panel.view()->model()->setData(shown->index(1, LayerTableModel::Bits), "3", Qt::EditRole);
    QCOMPARE(choices.size(), std::size_t(5)); // the float embedding too: bits make it quantized
    // A row outside of the selection is meant alone.
    panel.selectLayer("blocks.1.up");
    panel.view()->model()->setData(shown->index(1, LayerTableModel::Bits), "3", Qt::EditRole);
    QCOMPARE(choices.size(), std::size_t(1));
    QCOMPARE(choices.count("blocks.0.up"), std::size_t(1));
    // Sorted and filtered, rows are still the right ones.
    panel.view()->sortByColumn(LayerTableModel::Name, Qt::DescendingOrder);
    panel.selectLayer("blocks.0.down");
    const QModelIndex current = panel.view()->currentIndex();
    panel.view()->model()->setData(current.siblingAtColumn(LayerTableModel::Group), "48",
                                   Qt::EditRole);
    QCOMPARE(choices.size(), std::size_t(1));
    QCOMPARE(choices["blocks.0.down"].scheme.groupSize, std::int64_t(48));
}

void TestPanels::tableCopies()
{
    LayerTablePanel panel;
    panel.setRows(rows(Recipe()));
    panel.selectLayer("blocks.0.up");
    panel.copySelection();
    const QStringList all = tableLines(*panel.view()->model(), panel.visibleColumns());
    QCOMPARE(QApplication::clipboard()->text(), QString(all[0] + "\n" + all[2] + "\n"));
}

void TestPanels::anEditorThatWasOnlyLookedAt()
{
    Recipe recipe;
    recipe.overrides["blocks.0.up"].scheme.bits = 8;
    LayerTablePanel panel;
    panel.setRows(rows(recipe));
    panel.resize(1000, 400);
    panel.show();
    QVERIFY(QTest::qWaitForWindowExposed(&panel));
    QSignalSpy requested(&panel, &LayerTablePanel::editRequested);
    panel.selectLayer("blocks.0.up");
    panel.view()->selectAll();
    const QModelIndex cell = panel.view()->model()->index(1, LayerTableModel::Group);
    panel.view()->selectionModel()->setCurrentIndex(cell, QItemSelectionModel::NoUpdate);
    panel.view()->edit(cell);
    QPointer<QComboBox> combo = panel.view()->viewport()->findChild<QComboBox*>();
    QVERIFY(combo);
    QCOMPARE(combo->currentText(), QString("channel"));
    panel.view()->setFocus();
    QTRY_VERIFY(!combo); // gone, and nothing asked for
    QCOMPARE(requested.size(), 0);
    panel.view()->edit(cell);
    combo = panel.view()->viewport()->findChild<QComboBox*>();
    QVERIFY(combo);
    combo->lineEdit()->selectAll();
    QTest::keyClicks(combo->lineEdit(), "96");
    QTest::keyClick(combo, Qt::Key_Return);
    QTRY_COMPARE(requested.size(), 1);
}

void TestPanels::methodFormFollowsTheDescription()
{
    MethodPanel panel;
    QCOMPARE(panel.formLines().front(), QString("No layer selected"));
    LayerChoice choice;
    panel.setState(choice, {{"blocks.0.up", choice}}, false);
    QCOMPARE(panel.formLines(),
             (QStringList{"blocks.0.up", "Method\trtn", "Bits\t4", "Group\tchannel",
                          "Symmetry\tasymmetric", "Scales\tF16", "Bits of the inputs\tfloat",
                          "Quantizer of the inputs\tmethod", "Exponent of the inputs\tsearched",
                          "Limit of the inputs\tleast-error", "Shift of the inputs\tnone"}));
    for (const MethodDescription& method : methods()) {
        choice.method = method.defaults;
        panel.setState(choice, {{"blocks.0.up", choice}}, false);
        const bool power = powerGridOf(choice.method) != nullptr;
        bool symmetry = true; // can be chosen
        bool said = false;
        for (const QLabel* label : panel.findChildren<QLabel*>()) {
            if (label->text() == "Symmetry" && label->buddy())
                symmetry = label->buddy()->isEnabled();
            said = said || label->text().contains("Power grids are symmetric");
        }
        QCOMPARE(symmetry, !power);
        QCOMPARE(said, power);
        QStringList expected{"blocks.0.up",
                             "Method\t" + QString::fromStdString(method.name),
                             "Bits\t4",
                             "Group\tchannel",
                             power ? "Symmetry\tsymmetric" : "Symmetry\tasymmetric",
                             "Scales\tF16"};
        const QStringList lines = panel.formLines();
        QCOMPARE(lines.mid(0, 6), expected);
        // Of the inputs: bits, quantizer, and what the quantizer has.
        const int ofInputs = isStaticMethod(choice.method) ? 4 : 5;
        QCOMPARE(lines.size(), 6 + ofInputs + static_cast<int>(method.options.size()));
        for (std::size_t i = 0; i < method.options.size(); ++i) {
            const QStringList cells = lines[6 + static_cast<int>(i)].split('\t');
            QCOMPARE(cells[0], optionTitle(method.options[i].name));
            const QString standard = QString::fromStdString(method.options[i].defaultValue);
            if (method.options[i].type == OptionDescription::Type::Boolean)
                QCOMPARE(cells[1], standard);
            else if (method.options[i].type == OptionDescription::Type::Choice)
                QCOMPARE(cells[1],
                         optionChoiceTitle(method.options[i].defaultValue, method.options[i].name));
            else
                QCOMPARE(cells[1].toDouble(), standard.toDouble());
        }
    }
}

/// What the inputs may be asked only once they have bits.
void TestPanels::methodPanelHasInputs()
{
    MethodPanel panel;
    LayerChoice choice;
    choice.method = PowerquantOptions{};
    panel.setState(choice, {{"a", choice}}, false);
    const auto combo = [&](const QString& name) -> QComboBox* {
        for (QComboBox* each : panel.findChildren<QComboBox*>())
            if (each->accessibleName() == name)
                return each;
        return nullptr;
    };
    QVERIFY(combo("Bits of the inputs") && combo("Exponent of the inputs"));
    QVERIFY(combo("Bits of the inputs")->isEnabled());
    QVERIFY(!combo("Exponent of the inputs")->isEnabled());
    LayerChoices choices;
    connect(&panel, &MethodPanel::choicesRequested, &panel,
            [&](const LayerChoices& wanted) { choices = wanted; });
    QComboBox* bits = combo("Bits of the inputs");
    bits->setCurrentIndex(bits->findData("6"));
    Q_EMIT bits->activated(bits->currentIndex());
    QCOMPARE(choices.at("a").activation.bits, 6);
    QVERIFY(choices.at("a").method == choice.method);
    choice.activation.bits = 6;
    panel.setState(choice, {{"a", choice}}, true);
    QComboBox* exponent = combo("Exponent of the inputs");
    QVERIFY(exponent->isEnabled());
    exponent->setCurrentIndex(exponent->findData("half"));
    Q_EMIT exponent->activated(exponent->currentIndex());
    QCOMPARE(choices.at("a").activation.exponent, ActivationExponent::Half);
    QVERIFY(panel.formLines().contains("Bits of the inputs\t6"));

    // The quantizer decides which fields there are; those of the attention need one.
    QComboBox* quantizer = combo("Quantizer of the inputs");
    quantizer->setCurrentIndex(quantizer->findData("uniform"));
    Q_EMIT quantizer->activated(quantizer->currentIndex());
    choice = choices.at("a");
    QCOMPARE(choice.activation.quantizer, ActivationQuantizer::Uniform);
    const auto shown = [&](const char* name) { return combo(name)->isVisibleTo(&panel); };
    MethodPanel::InputSites sites;
    panel.setInputSites(sites, sites);
    panel.setState(choice, {{"a", choice}}, true);
    QVERIFY(shown("Range of the inputs") && !shown("Exponent of the inputs"));
    QVERIFY(!shown("q, k, v of the attention"));
    sites.attentions = true;
    panel.setInputSites(sites, sites);
    panel.setState(choice, {{"a", choice}}, true);
    QVERIFY(shown("q, k, v of the attention") && shown("Levels of the attention"));
    QComboBox* levels = combo("Levels of the attention");
    levels->setCurrentIndex(levels->findData("log2"));
    Q_EMIT levels->activated(levels->currentIndex());
    QCOMPARE(choices.at("a").activation.softmax, ProbabilityQuantizer::Log2);

    // Where power grids cannot be had, the quantizer can still be changed.
    sites.whyFloat = QStringLiteral("not with power grids");
    panel.setInputSites(sites, sites);
    choice.activation = ActivationChoice();
    panel.setState(choice, {{"a", choice}}, true);
    QVERIFY(!combo("Bits of the inputs")->isEnabled());
    QVERIFY(combo("Quantizer of the inputs")->isEnabled());
    sites.quantizer = false;
    panel.setInputSites(sites, sites);
    panel.setState(choice, {{"a", choice}}, true);
    QVERIFY(!combo("Quantizer of the inputs")->isEnabled());
}

/// Whatever a field can show is seen whole, in a dock as narrow as the window makes it and in a
/// wide one.
void TestPanels::nothingOfTheMethodIsCutOff()
{
    MethodPanel panel;
    LayerChoice choice;
    panel.show();
    const auto fields = [&] {
        QList<QComboBox*> shown;
        for (QComboBox* combo : panel.findChildren<QComboBox*>())
            if (combo->isVisible())
                shown.append(combo);
        return shown;
    };
    for (const int width : {335, 380, 560})
        for (const MethodDescription& method : methods()) {
            choice.method = method.defaults;
            panel.setState(choice, {{"blocks.0.up", choice}}, false);
            panel.resize(width, 700);
            QVERIFY(QTest::qWaitForWindowExposed(&panel));
            QCoreApplication::processEvents();
            QVERIFY(fields().size() >= 9);
            for (const QComboBox* combo : fields()) {
                QStyleOptionComboBox option;
                option.initFrom(combo);
                option.subControls = QStyle::SC_All;
                option.editable = combo->isEditable();
                const int room = combo->style()
                                     ->subControlRect(QStyle::CC_ComboBox, &option,
                                                      QStyle::SC_ComboBoxEditField, combo)
                                     .width();
                for (int i = 0; i < combo->count(); ++i)
                    QVERIFY2(combo->fontMetrics().horizontalAdvance(combo->itemText(i)) <= room,
                             qPrintable(QStringLiteral("%1 at %2: %3")
                                            .arg(combo->itemText(i))
                                            .arg(width)
                                            .arg(room)));
                const int right = combo->mapTo(&panel, combo->rect().bottomRight()).x();
                QVERIFY(right < panel.width());
            }
        }
    // Beside each other in a wide panel, below each other where there is no room.
    const auto sameLine = [&] {
        const QList<QComboBox*> all = fields(); // in the order of the form
        // Symmetry and scales: bits and group are so short that they always fit.
        return all[3]->mapTo(&panel, QPoint()).y() == all[4]->mapTo(&panel, QPoint()).y();
    };
    QVERIFY(sameLine());
    choice.method = RtnOptions(); // without options, which need more room than that
    panel.setState(choice, {{"blocks.0.up", choice}}, false);
    panel.setMinimumWidth(1);
    panel.resize(200, 700);
    QTRY_VERIFY(!sameLine());
}

void TestPanels::methodEditsOneFieldOfMany()
{
    MethodPanel panel;
    LayerChoice gptq;
    gptq.method = GptqOptions{};
    LayerChoice eight = gptq;
    eight.scheme.bits = 8;
    panel.setState(LayerChoice(), {{"a", gptq}, {"b", eight}}, true);
    QVERIFY(panel.formLines().contains("Bits\t")); // mixed shows nothing
    LayerChoices choices;
    QString key;
    connect(&panel, &MethodPanel::choicesRequested, this,
            [&](const LayerChoices& c, const QString&, const QString& k) {
                choices = c;
                key = k;
            });
    auto* damping = panel.findChild<QDoubleSpinBox*>();
    QVERIFY(damping);
    damping->setValue(0.02);
    QCOMPARE(choices.size(), std::size_t(2));
    QCOMPARE(choices["a"].scheme.bits, 4);
    QCOMPARE(choices["b"].scheme.bits, 8);
    QCOMPARE(std::get<GptqOptions>(choices["b"].method).damping, 0.02);
    QVERIFY(!key.isEmpty());
    for (QCheckBox* box : panel.findChildren<QCheckBox*>()) {
        if (box->text() == "Act order") {
            box->setChecked(true);
            QVERIFY(std::get<GptqOptions>(choices["a"].method).actOrder);
            return;
        }
    }
    QFAIL("no act-order box");
}

void TestPanels::methodEditsTheStandard()
{
    MethodPanel panel;
    panel.setState(LayerChoice(), {}, false);
    panel.showStandard(true);
    std::optional<LayerChoice> asked;
    connect(&panel, &MethodPanel::standardRequested, this,
            [&](const LayerChoice& c, const QString&, const QString&) { asked = c; });
    QComboBox* bits = nullptr;
    for (QComboBox* combo : panel.findChildren<QComboBox*>()) {
        if (!bits && combo->findData("8") >= 0 && combo->findData("3") >= 0) // not the inputs'
            bits = combo;
    }
    QVERIFY(bits);
    bits->setCurrentIndex(bits->findData("3"));
    Q_EMIT bits->activated(bits->currentIndex());
    QVERIFY(asked.has_value());
    QCOMPARE(asked->scheme.bits, 3);
}

void TestPanels::runPanel()
{
    RunPanel panel;
    Recipe recipe;
    recipe.calibration.data = "/data/text.txt";
    recipe.calibration.samples = 16;
    recipe.seed = 18446744073709551615ull % 1000000007ull;
    QSignalSpy any(&panel, &RunPanel::calibrationRequested);
    QSignalSpy seeds(&panel, &RunPanel::seedRequested);
    panel.setRecipe(recipe, 512);
    QCOMPARE(any.size(), 0); // showing is not asking
    CalibrationChoice asked;
    connect(&panel, &RunPanel::calibrationRequested, this,
            [&](const CalibrationChoice& c, const QString&, const QString&) { asked = c; });
    QSpinBox* samples = nullptr;
    for (QSpinBox* spin : panel.findChildren<QSpinBox*>()) {
        if (spin->value() == 16)
            samples = spin;
    }
    QVERIFY(samples);
    samples->setValue(32);
    QCOMPARE(any.size(), 1);
    QCOMPARE(asked.samples, std::int64_t(32));
    QCOMPARE(asked.data, recipe.calibration.data);
    QCOMPARE(seeds.size(), 0);

    // What is no number is taken back, so that it does not look as if it counted.
    panel.setFeed(FeedKind::Images, std::nullopt);
    recipe.calibration.mean = {127.5F};
    panel.setRecipe(recipe, 512);
    QLineEdit* mean = nullptr;
    QLineEdit* deviation = nullptr;
    for (QLineEdit* edit : panel.findChildren<QLineEdit*>()) {
        mean = edit->accessibleName() == "Mean" ? edit : mean;
        deviation = edit->accessibleName() == "Deviation" ? edit : deviation;
    }
    QVERIFY(mean && deviation);
    QCOMPARE(mean->text(), QString("127.5"));
    any.clear();
    for (const char* text : {"127.5x", "1e400"}) {
        mean->setText(text);
        Q_EMIT mean->editingFinished();
        QCOMPARE(mean->text(), QString("127.5"));
        QCOMPARE(any.size(), 0);
    }
    deviation->setText("58");
    Q_EMIT deviation->editingFinished();
    QCOMPARE(any.size(), 1);
    QVERIFY((asked.deviation == std::vector<float>{58}));

    QPushButton* run = nullptr;
    for (QPushButton* button : panel.findChildren<QPushButton*>()) {
        if (button->text() == "Quantize")
            run = button;
    }
    QVERIFY(run && run->isEnabled());
    panel.setObstacle("The recipe needs a calibration text");
    QVERIFY(!run->isEnabled());
    panel.setObstacle({});
    panel.setActivity("Quantizing");
    QVERIFY(!run->isEnabled());
    panel.setActivity({});
    QVERIFY(run->isEnabled());
    panel.appendLog("one");
    panel.appendLog("two");
    QCOMPARE(panel.logText(), QString("one\ntwo"));
}

void TestPanels::timeLeftText()
{
    QCOMPARE(timeLeft(0, 10), QString());
    QCOMPARE(timeLeft(0.5, 0.2), QString());
    QCOMPARE(timeLeft(1, 10), QString());
    QCOMPARE(timeLeft(0.25, 10), QString("about 30 s left"));
    QCOMPARE(timeLeft(0.5, 200), QString("about 3 min 20 s left"));
}

void TestPanels::weightFacts()
{
    WeightPanel panel;
    auto preview = std::make_shared<WeightPreview>();
    preview->layer = "a";
    preview->moments.count = 10;
    preview->moments.mean = 0.5;
    preview->moments.std = 2;
    preview->moments.minimum = -3;
    preview->moments.maximum = 4;
    preview->moments.excessKurtosis = 1.5;
    preview->outlierShare = 0.001;
    preview->original = {-3, 4, {5, 5}, 0, 0};
    preview->weightSqnrDb = 20.04;
    preview->bytes = 2048;
    preview->bitsPerWeight = 4.25;
    panel.setPreview(preview);
    QCOMPARE(
        panel.factLines(),
        (QStringList{"Mean\t0.5", "Std. deviation\t2", "Minimum\t-3", "Maximum\t4",
                     "Excess kurtosis\t1.5", "Outliers > 6σ\t0.10 %", "Weight SQNR\t20.0 dB",
                     "Cosine\t1.00000", "Output error\t–", "Stored size\t2.00 KiB (4.25 b/w)"}));
    panel.clear("why");
    QVERIFY(panel.factLines().contains("Mean\t"));
}

QTEST_MAIN(TestPanels)
#include "tst_panels.moc"
