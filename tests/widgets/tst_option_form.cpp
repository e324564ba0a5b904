// SPDX-License-Identifier: GPL-3.0-or-later
// The form of a method's options: every option of every method at its default and its limits goes
// through its field and comes back as it was; what has no effect is disabled and says why.
#include "core/quant/options.h"
#include "widgets/core_text.h"
#include "widgets/models/option_text.h"
#include "widgets/panels/method_panel.h"
#include "widgets/panels/number_edit.h"
#include "widgets/panels/option_form.h"

#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QLineEdit>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTest>
#include <QToolButton>
#include <QWheelEvent>

using namespace gradus;

class TestOptionForm : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void everyOptionKeepsItsValue();
    void everyOptionSaysWhatWasChosen();
    void optionsWithoutEffectAreDisabled();
    void sectionsFold();
    void theWheelScrollsTheForm();
    void realsAreShort_data();
    void realsAreShort();
    void numbersAreTypedEitherWay();
    void numbersOutsideAreRefused();
    void numbersAreStepped();
    void aSearchedExponentIsAWord();
    void germanNumbers();
    void textsAreTranslatable();
};

namespace {
/// The default and both ends, as text.
std::vector<std::string> valuesOf(const OptionDescription& option)
{
    switch (option.type) {
    case OptionDescription::Type::Boolean:
        return {"true", "false"};
    case OptionDescription::Type::Choice:
        return option.choices;
    case OptionDescription::Type::Integer:
        return {option.defaultValue, std::to_string(static_cast<int>(option.minimum)),
                std::to_string(static_cast<int>(option.maximum))};
    case OptionDescription::Type::Real:
        return {option.defaultValue, realOptionText(option.minimum).toStdString(),
                realOptionText(option.maximum).toStdString()};
    }
    return {};
}
} // namespace

/// What the form shows of a value is that value, and showing it asks for nothing.
void TestOptionForm::everyOptionKeepsItsValue()
{
    OptionForm form;
    QSignalSpy edits(&form, &OptionForm::edited);
    int checked = 0;
    for (const MethodDescription& method : methods()) {
        for (const OptionDescription& option : method.options) {
            for (const std::string& value : valuesOf(option)) {
                MethodOptions options = method.defaults;
                setOption(options, option.name, value);
                form.setOptions(options);
                QWidget* editor = form.editor(option.name);
                QVERIFY2(editor, option.name.c_str());
                const QByteArray where =
                    QByteArray::fromStdString(method.name + " " + option.name + " " + value);
                if (auto* real = qobject_cast<NumberEdit*>(editor)) {
                    QVERIFY2(real->value() == std::stod(value), where.constData());
                    QVERIFY2(real->text().toDouble() == std::stod(value), where.constData());
                } else if (auto* whole = qobject_cast<QSpinBox*>(editor)) {
                    QVERIFY2(whole->value() == std::stoi(value), where.constData());
                } else if (auto* box = qobject_cast<QCheckBox*>(editor)) {
                    QVERIFY2(box->isChecked() == (value == "true"), where.constData());
                } else {
                    auto* combo = qobject_cast<QComboBox*>(editor);
                    QVERIFY2(combo, where.constData());
                    QCOMPARE(combo->currentData().toString().toStdString(), value);
                }
                ++checked;
            }
        }
    }
    QCOMPARE(edits.size(), 0);
    QVERIFY(checked > 60);
}

/// A value entered in the field is the one that is asked for, exactly.
void TestOptionForm::everyOptionSaysWhatWasChosen()
{
    for (const MethodDescription& method : methods()) {
        for (const OptionDescription& option : method.options) {
            for (const std::string& value : valuesOf(option)) {
                OptionForm form;
                form.setOptions(method.defaults);
                QSignalSpy edits(&form, &OptionForm::edited);
                QWidget* editor = form.editor(option.name);
                editor->setEnabled(true); // whatever the other options say
                if (auto* spin = qobject_cast<QAbstractSpinBox*>(editor)) {
                    auto* line = spin->findChild<QLineEdit*>();
                    line->setText(QString::fromStdString(value));
                    QTest::keyClick(line, Qt::Key_Return);
                } else if (auto* box = qobject_cast<QCheckBox*>(editor)) {
                    box->setChecked(value == "true");
                } else {
                    auto* combo = qobject_cast<QComboBox*>(editor);
                    combo->setCurrentIndex(combo->findData(QString::fromStdString(value)));
                }
                MethodOptions expected = method.defaults;
                setOption(expected, option.name, value);
                MethodOptions made = method.defaults;
                for (const QList<QVariant>& edit : edits)
                    setOption(made, edit[0].toString().toStdString(),
                              edit[1].toString().toStdString());
                QVERIFY2(made == expected, (option.name + " " + value).c_str());
                QCOMPARE(edits.size(), expected == method.defaults ? 0 : 1);
            }
        }
    }
}

void TestOptionForm::optionsWithoutEffectAreDisabled()
{
    OptionForm form;
    DecoupleqOptions options;
    form.setOptions(options);
    QVERIFY(!form.editor("relaxation")->isEnabled());
    QVERIFY(!form.editor("adam_step")->isEnabled());
    QVERIFY(form.editor("block_rate")->isEnabled());
    QVERIFY(form.editor("train_norms")->isEnabled());
    QVERIFY(form.editor("fine_tune")->isEnabled());
    QVERIFY(!form.editor("fine_tune_rate")->isEnabled());
    QVERIFY(form.editor("relaxation")->toolTip().contains("first-level"));
    QVERIFY(!form.editor("block_rate")->toolTip().contains("Only"));
    options.solver = IntegerSolver::BoxDescent;
    options.blockStage = false;
    form.setOptions(options);
    QVERIFY(form.editor("relaxation")->isEnabled() && form.editor("lookahead")->isEnabled());
    QVERIFY(!form.editor("adam_step")->isEnabled());
    QVERIFY(form.editor("block_stage")->isEnabled());
    for (const char* name : {"block_epochs", "block_batch", "block_rate", "block_patience",
                             "train_norms", "train_biases"})
        QVERIFY2(!form.editor(name)->isEnabled(), name);
    options.solver = IntegerSolver::ProjectedAdam;
    options.fineTune = true; // which takes batch, betas and what is trained from the block stage
    form.setOptions(options);
    QVERIFY(form.editor("adam_step")->isEnabled());
    QVERIFY(!form.editor("block_epochs")->isEnabled());
    for (const char* name : {"block_batch", "train_norms", "fine_tune_rate"})
        QVERIFY2(form.editor(name)->isEnabled(), name);
    GptqOptions gptq;
    form.setOptions(gptq);
    QVERIFY(!form.editor("static_groups")->isEnabled());
    gptq.actOrder = true;
    form.setOptions(gptq);
    QVERIFY(form.editor("static_groups")->isEnabled());
}

void TestOptionForm::sectionsFold()
{
    OptionForm form;
    form.show();
    form.setOptions(DecoupleqOptions());
    QApplication::processEvents(); // what joins a window is shown then
    QStringList titles;
    for (const QToolButton* button : form.findChildren<QToolButton*>())
        titles << button->text();
    QCOMPARE(titles, (QStringList{"Layer by layer", "Block stage: on", "Fine-tuning: off"}));
    QVERIFY(form.editor("block_rate")->isVisible());
    QVERIFY(!form.editor("fine_tune")->isVisible());
    const QStringList lines = form.lines();
    QCOMPARE(lines.size(), int(findMethod("decoupleq")->options.size())); // folded or not
    auto* title = form.findChildren<QToolButton*>()[1];
    QTest::mouseClick(title, Qt::LeftButton);
    QVERIFY(!form.editor("block_rate")->isVisible());
    QVERIFY(!form.isSectionOpen("block stage"));
    QCOMPARE(form.lines(), lines);
    form.setOptions(GptqOptions()); // another method has no sections
    QVERIFY(form.findChildren<QToolButton*>().isEmpty());
    QApplication::processEvents();
    QVERIFY(form.editor("damping")->isVisible());
    form.setOptions(DecoupleqOptions());
    QApplication::processEvents();
    QVERIFY(!form.editor("block_rate")->isVisible()); // stays folded
    form.setSectionOpen("block stage", true);
    QVERIFY(form.editor("block_rate")->isVisible());
    for (const char* section : {"layer-wise", "block stage", "fine-tuning"})
        QVERIFY(optionSectionTitle(section) != QString::fromLatin1(section));
}

void TestOptionForm::aSearchedExponentIsAWord()
{
    for (const MethodOptions& options :
         {MethodOptions(PowerquantOptions()), MethodOptions(NupesOptions())}) {
        OptionForm form;
        form.setOptions(options);
        auto* edit = qobject_cast<NumberEdit*>(form.editor("exponent"));
        QVERIFY(edit);
        QCOMPARE(edit->text(), QString("searched"));
        QVERIFY(form.lines().contains("Exponent\tsearched"));
        QSignalSpy refusals(edit, &NumberEdit::refused);
        edit->stepBy(1); // to what a grid can have
        QVERIFY(edit->value() == 0.15);
        edit->stepBy(1);
        QVERIFY(edit->value() == 0.16);
        edit->stepBy(-2);
        QVERIFY(edit->value() == 0);
        QCOMPARE(edit->text(), QString("searched"));
        auto* line = edit->findChild<QLineEdit*>();
        const auto type = [&](const QString& text) {
            line->selectAll();
            QTest::keyClicks(line, text);
            QTest::keyClick(line, Qt::Key_Return);
        };
        type("0.7");
        QVERIFY(edit->value() == 0.7);
        QCOMPARE(refusals.size(), 0);
        type("0.1");
        QVERIFY(edit->value() == 0.7);
        QCOMPARE(refusals.size(), 1);
        QVERIFY(refusals.back().front().toString().contains("0.15"));
        type("0");
        QCOMPARE(edit->text(), QString("searched"));
        QTest::keyClick(line, Qt::Key_Return); // the word stays what it is
        QVERIFY(edit->value() == 0);
        QCOMPARE(refusals.size(), 1);
    }
}

void TestOptionForm::theWheelScrollsTheForm()
{
    OptionForm form;
    form.setOptions(DecoupleqOptions());
    form.show();
    QSignalSpy edits(&form, &OptionForm::edited);
    for (const char* name : {"iterations", "damping", "solver"}) {
        QWidget* editor = form.editor(name);
        editor->clearFocus();
        QWheelEvent event(QPointF(5, 5), editor->mapToGlobal(QPointF(5, 5)), {}, {0, -120},
                          Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase, false);
        QApplication::sendEvent(editor, &event);
        QVERIFY2(!event.isAccepted(), name);
    }
    QCOMPARE(edits.size(), 0);
}

void TestOptionForm::realsAreShort_data()
{
    QTest::addColumn<double>("value");
    QTest::addColumn<QString>("text");
    QTest::newRow("plain") << 0.4 << "0.4";
    QTest::newRow("whole") << 1.0 << "1";
    QTest::newRow("zero") << 0.0 << "0";
    QTest::newRow("small") << 1e-5 << "1e-5";
    QTest::newRow("smaller") << 2.5e-12 << "2.5e-12";
    QTest::newRow("tenth of a percent") << 1e-3 << "0.001";
    QTest::newRow("near one") << 0.999999 << "0.999999";
    QTest::newRow("many steps") << 100000.0 << "100000";
    QTest::newRow("large") << 1e23 << "1e23";
    QTest::newRow("a third") << 1.0 / 3 << "0.3333333333333333";
}

void TestOptionForm::realsAreShort()
{
    QFETCH(double, value);
    QFETCH(QString, text);
    QCOMPARE(realOptionText(value), text);
    QVERIFY(realOptionText(value).toDouble() == value);
}

void TestOptionForm::numbersAreTypedEitherWay()
{
    NumberEdit edit;
    edit.setRange(1e-9, 1);
    QSignalSpy changes(&edit, &QDoubleSpinBox::valueChanged);
    auto* line = edit.findChild<QLineEdit*>();
    for (const auto& [typed, value] : {std::pair{"2e-5", 2e-5},
                                       {"0.00003", 3e-5},
                                       {"4E-05", 4e-5},
                                       {".5", 0.5},
                                       {"1e-9", 1e-9},
                                       {"0,25", 0.25},
                                       {" 1 ", 1.0}}) {
        line->selectAll();
        QTest::keyClicks(line, QString::fromLatin1(typed));
        QTest::keyClick(line, Qt::Key_Return);
        QVERIFY2(edit.value() == value, typed);
        QVERIFY2(line->text().toDouble() == value, typed);
    }
    QCOMPARE(changes.size(), 7);
    line->selectAll();
    QTest::keyClicks(line, "1x2"); // no letter but the exponent's gets in
    QCOMPARE(line->text(), QString("12"));
}

void TestOptionForm::numbersOutsideAreRefused()
{
    NumberEdit edit;
    edit.setRange(1e-9, 1);
    edit.setValue(1e-5);
    QSignalSpy refused(&edit, &NumberEdit::refused);
    QSignalSpy changes(&edit, &QDoubleSpinBox::valueChanged);
    auto* line = edit.findChild<QLineEdit*>();
    for (const char* typed : {"2", "1e-10", "-1e-5", "1e", "0"}) {
        line->selectAll();
        QTest::keyClicks(line, QString::fromLatin1(typed));
        refused.clear();
        QTest::keyClick(line, Qt::Key_Return);
        QVERIFY2(edit.value() == 1e-5, typed);
        QCOMPARE(line->text(), QString("1e-5"));
        QVERIFY2(!refused.isEmpty(), typed);
        const QString reason = refused.front().front().toString();
        QVERIFY2(reason.contains(QString::fromLatin1(typed)) && reason.contains("1e-9"),
                 qPrintable(reason));
    }
    QCOMPARE(changes.size(), 0);
    // The panel hands the reason on.
    MethodPanel panel;
    LayerChoice choice;
    choice.method = DecoupleqOptions();
    panel.setState(choice, {{"a", choice}}, false);
    QSignalSpy told(&panel, &MethodPanel::editRefused);
    auto* rate = panel.optionForm()->editor("block_rate")->findChild<QLineEdit*>();
    rate->setText("7");
    QTest::keyClick(rate, Qt::Key_Return);
    QVERIFY(!told.isEmpty());
    QVERIFY(told.front().front().toString().startsWith("Block rate: 7"));
}

void TestOptionForm::numbersAreStepped()
{
    NumberEdit edit;
    edit.setRange(0, 1);
    edit.setValue(1e-5);
    edit.stepUp();
    QCOMPARE(edit.text(), QString("1.1e-5"));
    edit.stepDown();
    edit.stepDown();
    QCOMPARE(edit.text(), QString("9.9e-6"));
    edit.setValue(0.4);
    edit.stepBy(3);
    QCOMPARE(edit.text(), QString("0.43"));
    edit.setValue(1);
    edit.stepUp();
    QCOMPARE(edit.text(), QString("1"));
    edit.stepDown();
    QCOMPARE(edit.text(), QString("0.99"));
    edit.setValue(0);
    edit.stepDown();
    QCOMPARE(edit.text(), QString("0"));
    edit.stepUp();
    QCOMPARE(edit.text(), QString("1e-6"));
    edit.stepBy(-200);
    QCOMPARE(edit.text(), QString("0"));
}

void TestOptionForm::germanNumbers()
{
    NumberEdit edit;
    edit.setLocale(QLocale(QLocale::German));
    edit.setRange(0, 1);
    edit.setValue(0.25);
    QCOMPARE(edit.text(), QString("0,25"));
    auto* line = edit.findChild<QLineEdit*>();
    for (const char* typed : {"0,75", "0.75"}) {
        edit.setValue(0);
        line->setText(QString::fromLatin1(typed));
        QTest::keyClick(line, Qt::Key_Return);
        QVERIFY(edit.value() == 0.75);
    }
}

void TestOptionForm::textsAreTranslatable()
{
    for (const MethodDescription& method : methods()) {
        for (const OptionDescription& option : method.options) {
            QVERIFY(!optionTitle(option.name).contains(QLatin1Char('_')));
            QVERIFY(optionHelp(option).contains(coreText(option.help)));
            QVERIFY(optionHelp(option).contains("Default: "));
            for (const std::string& choice : option.choices)
                QVERIFY2(optionChoiceTitle(choice) != QString::fromStdString(choice),
                         choice.c_str());
        }
    }
    QCOMPARE(sectionSwitch(*findMethod("decoupleq"), "block stage"), std::string("block_stage"));
    QCOMPARE(sectionSwitch(*findMethod("decoupleq"), "fine-tuning"), std::string("fine_tune"));
    QCOMPARE(sectionSwitch(*findMethod("decoupleq"), "layer-wise"), std::string());
}

QTEST_MAIN(TestOptionForm)
#include "tst_option_form.moc"
