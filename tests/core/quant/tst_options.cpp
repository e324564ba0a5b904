// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/quant/options.h"

#include <QTest>

#include <set>

using namespace gradus;

class TestOptions : public QObject
{
    Q_OBJECT

private slots:
    void describesEveryMethod()
    {
        QCOMPARE(methods().size(), std::variant_size_v<MethodOptions>);
        std::set<std::string> names;
        for (std::size_t i = 0; i < methods().size(); ++i) {
            const MethodDescription& method = methods()[i];
            QCOMPARE(method.defaults.index(), i);
            QVERIFY(names.insert(method.name).second);
            QVERIFY(!method.title.empty() && !method.summary.empty());
            QCOMPARE(findMethod(method.name), &method);
            QCOMPARE(methodName(method.defaults), std::string_view(method.name));
            QCOMPARE(needsCalibration(method.defaults), method.needsCalibration);
            QVERIFY(!validate(method.defaults));
            for (const OptionDescription& option : method.options) {
                QVERIFY(!option.help.empty());
                QCOMPARE(optionValue(method.defaults, option.name), option.defaultValue);
                // The printed default, both limits and every parse of them come back.
                MethodOptions copy = method.defaults;
                setOption(copy, option.name, option.defaultValue);
                QVERIFY(copy == method.defaults);
                if (option.type == OptionDescription::Type::Boolean)
                    continue;
                if (option.type == OptionDescription::Type::Choice) {
                    QVERIFY(option.choices.size() > 1);
                    for (const std::string& choice : option.choices) {
                        setOption(copy, option.name, choice);
                        QCOMPARE(optionValue(copy, option.name), choice);
                        QVERIFY(!validate(copy));
                    }
                    const MethodOptions before = copy;
                    for (const char* wrong : {"", "0", "none of them"})
                        QVERIFY_EXCEPTION_THROWN(setOption(copy, option.name, wrong), Error);
                    QVERIFY(copy == before);
                    continue;
                }
                for (const double limit : {option.minimum, option.maximum}) {
                    const std::string text = QString::number(limit, 'g', 17).toStdString();
                    setOption(copy, option.name, text);
                    QVERIFY(std::stod(optionValue(copy, option.name)) == limit);
                    QVERIFY(!validate(copy));
                }
                for (const double beyond : {option.minimum - 1, option.maximum + 1}) {
                    const MethodOptions before = copy;
                    const std::string text = QString::number(beyond, 'g', 17).toStdString();
                    QVERIFY_EXCEPTION_THROWN(setOption(copy, option.name, text), Error);
                    QVERIFY(copy == before);
                }
            }
        }
        QCOMPARE(names,
                 (std::set<std::string>{"rtn", "rtn-mse", "gptq", "decoupleq", "powerquant",
                                        "nupes", "minmax-static", "percentile-static", "mse-static",
                                        "smoothquant", "repq-vit", "repquant"}));
        QVERIFY(findMethod("none") == nullptr);
        QVERIFY(findMethod("gptq")->needsCalibration);
        QVERIFY(!findMethod("rtn")->needsCalibration);
    }

    void parsesAndPrints()
    {
        MethodOptions options = GptqOptions{};
        setOption(options, "damping", "0.05");
        setOption(options, "act_order", "yes");
        setOption(options, "static-groups", "false"); // as it is typed on a command line
        setOption(options, "block_size", "64");
        GptqOptions expected;
        expected.damping = 0.05;
        expected.actOrder = true;
        expected.staticGroups = false;
        expected.blockSize = 64;
        QVERIFY(options == MethodOptions(expected));
        QCOMPARE(optionValue(options, "damping"), std::string("0.05"));
        QCOMPARE(optionValue(options, "act_order"), std::string("true"));
        QCOMPARE(optionValue(options, "block_size"), std::string("64"));
    }

    void refusals_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("value");
        QTest::addColumn<QStringList>("says");
        const auto row = [](const char* name, const char* value, const QStringList& says) {
            QTest::newRow(qPrintable(QString("%1=%2").arg(name, value)))
                << name << value << (QStringList{"gptq"} + says);
        };
        row("damping", "", {"damping", "a number from 0 to 1"});
        row("damping", "nan", {"damping", "\"nan\""});
        row("damping", "2", {"damping", "\"2\"", "0 to 1"});
        row("damping", "0.1x", {"damping"});
        row("block_size", "12.5", {"block_size", "a whole number from 8 to 1024"});
        row("block_size", "7", {"block_size", "\"7\""});
        row("block_size", "4294967304", {"block_size"}); // 8 after wrapping to 32 bits
        row("act_order", "maybe", {"act_order", "true or false"});
        row("nothing", "1", {"nothing", "damping, act_order"});
    }
    void refusals()
    {
        QFETCH(QString, name);
        QFETCH(QString, value);
        QFETCH(QStringList, says);
        MethodOptions options = GptqOptions{};
        try {
            setOption(options, name.toStdString(), value.toStdString());
            QFAIL("accepted");
        } catch (const Error& error) {
            QCOMPARE(error.code(), ErrorCode::Usage);
            for (const QString& words : says)
                QVERIFY2(QString::fromUtf8(error.what()).contains(words), error.what());
        }
        QVERIFY(options == MethodOptions(GptqOptions{}));
    }

    void validateNamesOptionValueAndConstraint()
    {
        GptqOptions options;
        options.damping = -0.5;
        const auto wrong = validate(options);
        QVERIFY(wrong);
        for (const char* words : {"damping", "gptq", "-0.5", "from 0 to 1"})
            QVERIFY2(wrong->find(words) != std::string::npos, wrong->c_str());
        options.damping = std::numeric_limits<double>::quiet_NaN();
        QVERIFY(validate(options));
        RtnMseOptions clip;
        clip.steps = 1;
        QVERIFY(validate(clip)->find("steps") != std::string::npos);
        QVERIFY_EXCEPTION_THROWN((void)optionValue(RtnOptions{}, "steps"), Error);
    }
};

QTEST_APPLESS_MAIN(TestOptions)
#include "tst_options.moc"
