// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "widgets/models/choice.h"

#include <QTest>

using namespace gradus;

class TestChoice : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void edits_data();
    void edits();
    void refusals_data();
    void refusals();
    void floatTakesTheStandard();
    void floatRemembersItsOwn();
    void sameMethodKeepsItsOptions();
    void valuesRoundTrip();
};

void TestChoice::edits_data()
{
    QTest::addColumn<int>("field");
    QTest::addColumn<QString>("value");
    QTest::addColumn<QString>("option");
    QTest::addColumn<QString>("text");
    const auto row = [](ChoiceField field, const char* value, const char* text,
                        const char* option = "") {
        QTest::newRow(text) << static_cast<int>(field) << QString(value) << QString(option)
                            << QString(text);
    };
    row(ChoiceField::Bits, "2", "Round to nearest, 2 bit, per channel, asymmetric");
    row(ChoiceField::Bits, " 8 ", "Round to nearest, 8 bit, per channel, asymmetric");
    row(ChoiceField::Bits, "float", "float");
    row(ChoiceField::Method, "gptq", "GPTQ, 4 bit, per channel, asymmetric");
    row(ChoiceField::Group, "tensor", "Round to nearest, 4 bit, per tensor, asymmetric");
    row(ChoiceField::Group, "48", "Round to nearest, 4 bit, group 48, asymmetric");
    row(ChoiceField::Method, "powerquant", "PowerQuant, 4 bit, per channel, symmetric");
    row(ChoiceField::Method, "nupes", "NUPES, 4 bit, per channel, symmetric, clip");
    row(ChoiceField::InputBits, "8",
        "Round to nearest, 4 bit, per channel, asymmetric, inputs 8 bit");
    row(ChoiceField::Symmetry, "symmetric", "Round to nearest, 4 bit, per channel, symmetric");
    row(ChoiceField::Clip, "none", "Round to nearest, 4 bit, per channel, asymmetric");
    row(ChoiceField::Clip, "-0.1,0.25",
        "Round to nearest, 4 bit, per channel, asymmetric, clip [-0.1, 0.25]");
    row(ChoiceField::Clip, " 0,1e-07 ",
        "Round to nearest, 4 bit, per channel, asymmetric, clip [0, 1e-07]");
}

void TestChoice::edits()
{
    QFETCH(int, field);
    QFETCH(QString, value);
    QFETCH(QString, option);
    QFETCH(QString, text);
    const ChoiceEdit edit{static_cast<ChoiceField>(field), value, option};
    const LayerChoice next = edited(LayerChoice(), edit, LayerChoice());
    QCOMPARE(choiceText(next), text);
    QCOMPARE(fieldValue(next, edit.field), value.trimmed());
}

void TestChoice::refusals_data()
{
    QTest::addColumn<int>("field");
    QTest::addColumn<QString>("value");
    QTest::addColumn<QString>("option");
    const auto row = [](const char* name, ChoiceField field, const char* value,
                        const char* option = "") {
        QTest::newRow(name) << static_cast<int>(field) << QString(value) << QString(option);
    };
    row("one bit", ChoiceField::Bits, "1");
    row("nine bits", ChoiceField::Bits, "9");
    row("no number", ChoiceField::Bits, "four");
    row("no bits", ChoiceField::Bits, "");
    row("no method", ChoiceField::Method, "magic");
    row("group zero", ChoiceField::Group, "0");
    row("negative group", ChoiceField::Group, "-3");
    row("fraction", ChoiceField::Group, "1.5");
    row("group too large to count", ChoiceField::Group, "99999999999999999999");
    row("half symmetric", ChoiceField::Symmetry, "half");
    row("scales in bfloat", ChoiceField::ScaleType, "BF16");
    row("inputs of one bit", ChoiceField::InputBits, "1");
    row("inputs of nine bits", ChoiceField::InputBits, "9");
    row("inputs of no number", ChoiceField::InputBits, "few");
    row("exponent of inputs", ChoiceField::InputExponent, "0.5");
    row("limit of inputs", ChoiceField::InputClip, "none");
    row("shift of inputs", ChoiceField::InputShift, "yes");
    row("one limit", ChoiceField::Clip, "0.1");
    row("no limits", ChoiceField::Clip, "low,high");
    row("three limits", ChoiceField::Clip, "-1,0,1");
    row("unknown option", ChoiceField::Option, "1", "flavour");
}

void TestChoice::refusals()
{
    QFETCH(int, field);
    QFETCH(QString, value);
    QFETCH(QString, option);
    const ChoiceEdit edit{static_cast<ChoiceField>(field), value, option};
    try {
        (void)edited(LayerChoice(), edit, LayerChoice());
        QFAIL("no error");
    } catch (const Error& error) {
        QCOMPARE(error.code(), ErrorCode::Usage);
        QVERIFY2(QString(error.what()).contains(option.isEmpty() ? value : option), error.what());
    }
}

void TestChoice::floatTakesTheStandard()
{
    LayerChoice standard;
    standard.method = GptqOptions{};
    standard.scheme.granularity = Granularity::Group;
    standard.scheme.groupSize = 64;
    LayerChoice untouched;
    untouched.keepFloat = true;
    const LayerChoice next = edited(untouched, {ChoiceField::Bits, "3", {}}, standard);
    QCOMPARE(choiceText(next), QString("GPTQ, 3 bit, group 64, asymmetric"));
}

void TestChoice::floatRemembersItsOwn()
{
    LayerChoice own;
    own.scheme.bits = 5;
    own.scheme.symmetric = true;
    const LayerChoice off = edited(own, {ChoiceField::Method, "float", {}}, LayerChoice());
    QVERIFY(off.keepFloat);
    const LayerChoice on = edited(off, {ChoiceField::Bits, "5", {}}, LayerChoice());
    QVERIFY(on == own);
    QVERIFY(!applies(off, {ChoiceField::Group, "64", {}}));
    QCOMPARE(fieldText(off, ChoiceField::Group), QString("–"));
}

void TestChoice::sameMethodKeepsItsOptions()
{
    LayerChoice choice;
    choice.method = GptqOptions{};
    choice = edited(choice, {ChoiceField::Option, "0.05", "damping"}, LayerChoice());
    QCOMPARE(std::get<GptqOptions>(choice.method).damping, 0.05);
    choice = edited(choice, {ChoiceField::Method, "gptq", {}}, LayerChoice());
    QCOMPARE(std::get<GptqOptions>(choice.method).damping, 0.05);
    QVERIFY(applies(choice, {ChoiceField::Option, "true", "act_order"}));
    QVERIFY(!applies(choice, {ChoiceField::Option, "3", "steps"}));
}

void TestChoice::valuesRoundTrip()
{
    LayerChoice choice;
    for (const ChoiceField field :
         {ChoiceField::Method, ChoiceField::Bits, ChoiceField::Group, ChoiceField::Symmetry,
          ChoiceField::ScaleType, ChoiceField::InputBits, ChoiceField::InputExponent,
          ChoiceField::InputClip, ChoiceField::InputShift}) {
        QVERIFY(fieldValues(field).size() >= 2);
        for (const FieldValue& value : fieldValues(field)) {
            const LayerChoice next = edited(choice, {field, value.value, {}}, LayerChoice());
            QCOMPARE(fieldValue(next, field), value.value);
        }
    }
}

QTEST_APPLESS_MAIN(TestChoice)
#include "tst_choice.moc"
