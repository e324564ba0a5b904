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
    void methodsBringBitsOfInputs();
    void fieldsOfQuantizers();
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
    row(ChoiceField::Method, "repquant",
        "RepQuant, 4 bit, per channel, asymmetric, inputs 4 bit uniform");
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
    row("quantizer of inputs", ChoiceField::InputQuantizer, "log2");
    row("range of inputs", ChoiceField::InputRange, "most");
    row("granularity of inputs", ChoiceField::InputGranularity, "group");
    row("quantizer of the softmax", ChoiceField::SoftmaxQuantizer, "power");
    row("one bit of q, k and v", ChoiceField::AttentionBits, "1");
    row("no bits of the softmax", ChoiceField::SoftmaxBits, "none");
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
          ChoiceField::InputClip, ChoiceField::InputShift, ChoiceField::InputQuantizer,
          ChoiceField::InputRange, ChoiceField::InputGranularity, ChoiceField::SoftmaxQuantizer,
          ChoiceField::AttentionBits, ChoiceField::SoftmaxBits}) {
        QVERIFY(fieldValues(field).size() >= 2);
        for (const FieldValue& value : fieldValues(field)) {
            const LayerChoice next = edited(choice, {field, value.value, {}}, LayerChoice());
            QCOMPARE(fieldValue(next, field), value.value);
        }
    }
}

void TestChoice::methodsBringBitsOfInputs()
{
    const LayerChoice standard;
    const auto method = [&](const LayerChoice& choice, const char* name) {
        return edited(choice, {ChoiceField::Method, QString(name), {}}, standard);
    };
    LayerChoice choice;
    choice.scheme.bits = 6;
    choice = method(choice, "repq-vit");
    QCOMPARE(choice.activation.bits, 6);
    QVERIFY(hasUniformInputs(choice));
    // From one such method to another they stay; away from them what was brought goes again.
    choice.scheme.bits = 4;
    choice = method(choice, "minmax-static");
    QCOMPARE(choice.activation.bits, 6);
    QVERIFY(!method(choice, "gptq").activation.enabled());
    // What somebody chose stays.
    LayerChoice own = edited(choice, {ChoiceField::InputRange, "mse", {}}, standard);
    own = method(own, "gptq");
    QCOMPARE(own.activation.bits, 6);
    QVERIFY(!hasUniformInputs(own)); // a method of weights alone has power grids
    own = edited(own, {ChoiceField::InputQuantizer, "uniform", {}}, standard);
    QVERIFY(hasUniformInputs(own));
    LayerChoice chosen;
    chosen.activation.bits = 8;
    QCOMPARE(method(chosen, "smoothquant").activation.bits, 8);
}

void TestChoice::fieldsOfQuantizers()
{
    const LayerChoice standard;
    const auto has = [](const LayerChoice& choice, ChoiceField field) {
        return applies(choice, {field, {}, {}});
    };
    LayerChoice power;
    power.activation.bits = 4;
    QVERIFY(has(power, ChoiceField::InputExponent));
    QVERIFY(!has(power, ChoiceField::InputRange));
    QVERIFY(!has(power, ChoiceField::AttentionBits));
    LayerChoice uniform = edited(power, {ChoiceField::InputQuantizer, "uniform", {}}, standard);
    QVERIFY(!has(uniform, ChoiceField::InputExponent));
    QVERIFY(has(uniform, ChoiceField::InputGranularity));
    QVERIFY(has(uniform, ChoiceField::SoftmaxQuantizer));
    uniform = edited(uniform, {ChoiceField::SoftmaxBits, "float", {}}, standard);
    QVERIFY(!has(uniform, ChoiceField::SoftmaxQuantizer));
    // With float inputs, q, k and v may still have bits.
    uniform = edited(uniform, {ChoiceField::InputBits, "float", {}}, standard);
    QVERIFY(has(uniform, ChoiceField::AttentionBits));
    QVERIFY(!has(uniform, ChoiceField::InputRange));
    uniform.keepFloat = true;
    for (const ChoiceField field : {ChoiceField::InputQuantizer, ChoiceField::AttentionBits})
        QVERIFY(!has(uniform, field));
    for (const ChoiceField field :
         {ChoiceField::InputQuantizer, ChoiceField::InputRange, ChoiceField::SoftmaxBits})
        QVERIFY(isOfInputs(field));
    QVERIFY(!isOfInputs(ChoiceField::Bits));
}

QTEST_APPLESS_MAIN(TestChoice)
#include "tst_choice.moc"
