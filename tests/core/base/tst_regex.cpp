// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/regex.h"

#include <QtTest>

using namespace gradus;

class TestRegex : public QObject
{
    Q_OBJECT

private slots:
    void searches_data()
    {
        QTest::addColumn<QString>("pattern");
        QTest::addColumn<QString>("subject");
        QTest::addColumn<bool>("found");
        QTest::newRow("anywhere") << "q_proj"
                                  << "model.layers.0.self_attn.q_proj" << true;
        QTest::newRow("anchored") << "^q_proj"
                                  << "model.layers.0.self_attn.q_proj" << false;
        QTest::newRow("alternatives") << "layers\\.(0|11)\\."
                                      << "model.layers.11.mlp" << true;
        QTest::newRow("not a prefix") << "layers\\.(0|11)\\."
                                      << "model.layers.1.mlp" << false;
        QTest::newRow("empty pattern") << ""
                                       << "x" << true;
        QTest::newRow("empty subject") << "x"
                                       << "" << false;
        QTest::newRow("both empty") << "^$"
                                    << "" << true;
        QTest::newRow("unicode class") << "^\\p{L}+$" << QString::fromUtf8("Äß") << true;
        QTest::newRow("lookahead") << "a(?!b)"
                                   << "abac" << true;
    }
    void searches()
    {
        QFETCH(QString, pattern);
        QFETCH(QString, subject);
        QFETCH(bool, found);
        QCOMPARE(Regex(pattern.toStdString()).search(subject.toStdString()), found);
    }

    void findsOffsets()
    {
        const Regex regex("[0-9]+");
        const auto first = regex.find("ab12cd345");
        QVERIFY(first);
        QCOMPARE(first->begin, std::size_t(2));
        QCOMPARE(first->end, std::size_t(4));
        const auto second = regex.find("ab12cd345", first->end);
        QVERIFY(second);
        QCOMPARE(second->begin, std::size_t(6));
        QCOMPARE(second->end, std::size_t(9));
        QVERIFY(!regex.find("ab12cd345", 9));
        QVERIFY(!regex.find("ab12cd345", 10));
    }

    void malformedPatternsSayWhere()
    {
        try {
            const Regex regex("model\\.(layers");
            QFAIL("accepted");
        } catch (const Error& error) {
            QVERIFY(error.code() == ErrorCode::Usage);
            QVERIFY2(QByteArray(error.what()).contains("offset 14"), error.what());
        }
        QVERIFY_EXCEPTION_THROWN(Regex("[a"), Error);
        QVERIFY_EXCEPTION_THROWN(Regex("*"), Error);
        QVERIFY_EXCEPTION_THROWN(Regex("\xFF"), Error);
    }

    void catastrophicPatternsStop()
    {
        const Regex regex("^(a|aa)+$");
        QElapsedTimer timer;
        timer.start();
        QVERIFY_EXCEPTION_THROWN((void)regex.search(std::string(200, 'a') + "b"), Error);
        QVERIFY2(timer.elapsed() < 5000, "took too long");
    }

    void invalidUtf8DoesNotMatchNorThrow()
    {
        const Regex regex("^b");
        QVERIFY(!regex.search("\xFF\xFE"));
        QVERIFY(Regex("b").search("\xFF"
                                  "b"));
    }

    void escapes()
    {
        for (const std::string text :
             {"model.layers.0.q-proj", "a+b*c?", "[x]{2}(y)|z^$\\", "plain", "with space#"}) {
            QVERIFY2(Regex("^" + regexEscaped(text) + "$").search(text), text.c_str());
            QVERIFY(!Regex("^" + regexEscaped(text) + "$").search(text + "x"));
        }
        QVERIFY(!Regex("^" + regexEscaped("a.b") + "$").search("axb"));
    }
};

QTEST_APPLESS_MAIN(TestRegex)
#include "tst_regex.moc"
