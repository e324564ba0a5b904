// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "widgets/models/layer_expression.h"
#include "widgets/text.h"

#include <QTest>

#include <random>

using namespace gradus;

class TestLayerExpression : public QObject
{
    Q_OBJECT
private:
    /// Eight layers that differ in whatever a filter can ask for.
    static std::vector<LayerRow> layers()
    {
        const auto layer = [](const char* name, int block, int bits, bool isFloat) {
            LayerRow row;
            row.name = name;
            row.blockIndex = block;
            row.block = block < 0 ? "" : "model.layers." + std::to_string(block);
            row.kind = block < 0 ? LayerKind::Embedding : LayerKind::Linear;
            row.parameters = 4000000;
            row.choice.keepFloat = isFloat;
            row.choice.scheme.bits = bits;
            row.bytes = static_cast<std::uint64_t>(bits) * 500000;
            row.bitsPerWeight = bits + 0.25;
            return row;
        };
        std::vector<LayerRow> rows{layer("model.embed_tokens", -1, 4, true),
                                   layer("model.layers.0.self_attn.q_proj", 0, 4, false),
                                   layer("model.layers.0.self_attn.k_proj", 0, 3, false),
                                   layer("model.layers.0.mlp.up_proj", 0, 2, false),
                                   layer("model.layers.1.self_attn.q_proj", 1, 4, false),
                                   layer("model.layers.1.self_attn.k_proj", 1, 8, false),
                                   layer("model.layers.1.mlp.up_proj", 1, 3, false),
                                   layer("lm_head", -1, 8, false)};
        rows[1].measured = rows[2].measured = rows[3].measured = true;
        rows[1].weightSqnrDb = 20;
        rows[2].weightSqnrDb = 14.5;
        rows[3].weightSqnrDb = 9;
        rows[1].relativeOutputError = 0.009;
        rows[2].relativeOutputError = 0.05;
        rows[3].relativeOutputError = 0.2;
        rows[3].stale = "measured with 3 bits";
        rows[2].choice.method = GptqOptions{};
        rows[4].choice.method = GptqOptions{};
        rows[4].locked = true;
        rows[5].choice.scheme.symmetric = true;
        rows[5].overridden = true;
        rows[6].choice.scheme.granularity = Granularity::Group;
        rows[6].choice.scheme.groupSize = 64;
        rows[7].choice.scheme.granularity = Granularity::Tensor;
        rows[3].outlierShare = 0.0002;
        rows[4].outlierShare = 0.0;
        rows[1].exponent = 0.5;
        rows[2].exponent = 0.75;
        rows[2].keptShare = 0.005;
        rows[5].choice.activation.bits = 8;
        rows[6].choice.activation.bits = 4;
        rows[6].choice.activation.quantizer = ActivationQuantizer::Uniform;
        rows[6].weightError = 0.01;
        rows[6].inputError = 0.02;
        rows[6].bothError = 0.04;
        return rows;
    }
    /// Places of the layers that the filter keeps: "1 2 3".
    static QString kept(const QString& text)
    {
        ExpressionProblem problem;
        const auto expression = LayerExpression::parse(text, &problem);
        if (!expression)
            return QString("%1+%2: %3")
                .arg(problem.position)
                .arg(problem.length)
                .arg(problem.message);
        QStringList places;
        const std::vector<LayerRow> rows = layers();
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const QString cells = (toQString(rows[i].name) + "\n" + kindText(rows[i].kind) + "\n" +
                                   toQString(methodName(rows[i].choice.method)) + "\n")
                                      .toLower();
            if (expression->matches(rows[i], [&]() -> const QString& { return cells; }))
                places.append(QString::number(i));
        }
        return places.join(' ');
    }

private Q_SLOTS:
    void keeps_data();
    void keeps();
    void isUnderstoodAs_data();
    void isUnderstoodAs();
    void problems_data();
    void problems();
    void readsItsOwnText();
    void survivesAnything();
    void lonePatterns();
    void helpNamesRealFields();
    void endlessPatternsAreRefused();
};

void TestLayerExpression::keeps_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("places");
    const auto row = [](const char* text, const char* places) {
        QTest::newRow(text) << QString(text) << QString(places);
    };
    row("", "0 1 2 3 4 5 6 7");
    row("  ", "0 1 2 3 4 5 6 7");
    // Words: all of them, in some cell, whatever their case.
    row("q_proj", "1 4");
    row("Q_PROJ gptq", "4");
    row("embedding", "0 7");
    row("\"model.layers.1\"", "4 5 6");
    row("\"and\"", "");
    // Patterns on the whole name, and within it.
    row("*q_proj", "1 4");
    row("q_proj*", "");
    row("*.0.*k_proj", "2");
    row("lm_hea?", "7");
    row("/q_proj|k_proj/", "1 2 4 5");
    row("/^LM/", "7");
    row("/layers\\.[0-9]+\\.mlp/", "3 6");
    // Numbers. What is not known is neither more nor less, nor different.
    row("bits<4", "2 3 6");
    row("bits <= 4", "1 2 3 4 6");
    row("bits>4", "5 7");
    row("bits=8", "5 7");
    row("bits==8", "5 7");
    row("bits!=4", "2 3 5 6 7");
    row("bits=float", "0");
    row("bits!=float", "1 2 3 4 5 6 7");
    row("sqnr<15", "2 3");
    row("sqnr<15dB", "2 3");
    row("SQNR >= 14.5", "1 2");
    row("error>5%", "3");
    row("error>=5%", "2 3");
    row("error<0.01", "1");
    row("error!=5%", "1 3");
    row("outliers>0.01%", "3");
    row("outliers=0", "4");
    row("exponent<0.6", "1");
    row("exponent>=0.5", "1 2");
    row("kept>0.1%", "2");
    row("act_bits<=8", "5 6");
    row("input_bits<8", "6");
    row("act_bits=float", "0 1 2 3 4 7");
    row("act_quantizer=uniform", "6");
    row("input_quantizer=power", "5");
    row("act_quantizer=float", "0 1 2 3 4 7");
    row("input_error>1%", "6");
    row("weight_error>1%", "");
    row("both_error=0.04", "6");
    row("size>1.5MB", "0 1 4 5 7");
    row("bytes<=1MB", "3");
    row("size>=4MiB", "");
    row("size<1000KiB", "3");
    row("params>=4M", "0 1 2 3 4 5 6 7");
    row("parameters>4M", "");
    row("bpw<4", "2 3 6");
    row("block=1", "4 5 6");
    row("block<1", "1 2 3");
    row("block!=1", "1 2 3");
    row("block=none", "0 7");
    row("block=model.layers.0", "1 2 3");
    row("block~layers\\.1$", "4 5 6");
    row("group=64", "6");
    row("group<=64", "6");
    row("group=tensor", "7");
    row("group=channel", "1 2 3 4 5");
    row("group!=channel", "6 7");
    // Texts.
    row("method=gptq", "2 4");
    row("method=GPTQ", "2 4");
    row("method!=gptq", "0 1 3 5 6 7");
    row("method=float", "0");
    row("method=\"round to nearest\"", "1 3 5 6 7");
    row("method~^rtn", "1 3 5 6 7");
    row("kind=embedding", "0 7");
    row("name=lm_head", "7");
    row("name=*up_proj", "3 6");
    row("name!=*proj", "0 7");
    row("name~(q|k)_proj", "1 2 4 5");
    row("(name~(q|k)_proj or float) bits!=4", "2 5");
    row("name~\"(q|k)_proj\"", "1 2 4 5");
    row("name~/(q|k)_proj$/", "1 2 4 5");
    row("layer~q_proj", "1 4");
    // Flags.
    row("locked", "4");
    row("not locked", "0 1 2 3 5 6 7");
    row("locked=yes", "4");
    row("locked=no", "0 1 2 3 5 6 7");
    row("locked!=no", "4");
    row("stale", "3");
    row("float", "0");
    row("overridden", "5");
    row("measured", "1 2 3");
    row("symmetric", "5");
    row("not symmetric and not float", "1 2 3 4 6 7");
    // Joined. And binds closer than or; side by side is and.
    row("bits<4 and sqnr<15", "2 3");
    row("bits<4 and sqnr<15 or method=gptq", "2 3 4");
    row("bits<4 and (sqnr<15 or method=gptq)", "2 3");
    row("bits<4 and sqnr<15 or (method=gptq and not locked)", "2 3");
    row("BITS<4 AND NOT STALE", "2 6");
    row("q_proj or k_proj block=1", "1 4 5");
    row("(q_proj or k_proj) block=1", "4 5");
    row("not (q_proj or k_proj)", "0 3 6 7");
    row("not not locked", "4");
    row("q_proj bits=4 not locked", "1");
}

void TestLayerExpression::keeps()
{
    QFETCH(QString, text);
    QFETCH(QString, places);
    QCOMPARE(kept(text), places);
}

void TestLayerExpression::isUnderstoodAs_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("read");
    const auto row = [](const char* text, const char* read) {
        QTest::newRow(text) << QString(text) << QString(read);
    };
    row("bits<4 and sqnr<15 or (method=gptq and not locked)",
        "(bits < 4 and sqnr < 15) or (method = \"gptq\" and not locked)");
    row("a b or c", "(\"a\" and \"b\") or \"c\"");
    row("not a b", "not \"a\" and \"b\"");
    row("not (a b)", "not (\"a\" and \"b\")");
    row("((a))", "\"a\"");
    row("size>4MiB", "bytes > 4.1943e+06");
    row("locked=no", "not locked");
    row("/x y/ *z", "/x y/ and *z");
}

void TestLayerExpression::isUnderstoodAs()
{
    QFETCH(QString, text);
    QFETCH(QString, read);
    const auto expression = LayerExpression::parse(text, nullptr);
    QVERIFY(expression);
    QCOMPARE(expression->text(), read);
}

void TestLayerExpression::problems_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<int>("position");
    QTest::addColumn<int>("length");
    QTest::addColumn<QString>("says");
    const auto row = [](const char* text, int position, int length, const char* says) {
        QTest::newRow(text) << QString(text) << position << length << QString(says);
    };
    row("bitz<4", 0, 4, "no field “bitz”");
    row("locked and bitz<4", 11, 4, "the fields are name, block");
    row("bits<", 4, 1, "missing after “<”");
    row("bits< and locked", 6, 3, "“and” is no value for bits");
    row("bits<four", 5, 4, "expected a number or float");
    row("bits<float", 5, 5, "no value for bits");
    row("bits~4", 0, 5, "number and takes no pattern");
    row("error>5x", 6, 2, "expected a share such as 5%");
    row("size>4bits", 5, 5, "a size such as 512KiB");
    row("sqnr<1e999", 5, 5, "no value for sqnr");
    row("sqnr<nan", 5, 3, "no value for sqnr");
    row("params>4MiB", 7, 4, "a number such as 1000 or 4M");
    row("group=row", 6, 3, "a number, channel or tensor");
    row("name<b", 4, 1, "“name” is a text");
    row("locked<1", 0, 7, "either so or not");
    row("locked=maybe", 7, 5, "expected yes or no");
    row("<4", 0, 1, "A field must stand before “<”");
    row("a =4", 0, 1, "no field “a”");
    row("(bits<4", 0, 1, "not closed");
    row("bits<4)", 6, 1, "no “(” for this");
    row("a ()", 2, 1, "nothing in the parentheses");
    row("(", 0, 1, "nothing in the parentheses");
    row(")", 0, 1, "no “(” for this");
    row("and a", 0, 3, "missing before “and”");
    row("a or", 2, 2, "missing after “or”");
    row("a and or b", 6, 2, "missing before “or”");
    row("a and", 2, 3, "missing after “and”");
    row("(a or ) b", 3, 2, "missing after “or”");
    row("not", 0, 3, "missing after “not”");
    row("/abc", 0, 4, "second “/” is missing");
    row("//", 0, 2, "no pattern between the slashes");
    row("x /[a/", 2, 4, "malformed at offset 2");
    row("name~[a", 5, 2, "malformed at offset 2");
    row("\"abc", 0, 4, "second “\"” is missing");
    row("a ! b", 2, 1, "A field must stand before “!”");
    row("name~(q|k", 5, 4, "malformed at offset 4");
    row("(name~)", 5, 1, "missing after “~”");
    QTest::newRow("deep") << QString(100, '(') + "a" + QString(100, ')') << 64 << 1
                          << QString("Too many parentheses");
    QTest::newRow("nots") << QString("not ").repeated(100) + "a" << 256 << 1
                          << QString("Too many parentheses");
}

void TestLayerExpression::problems()
{
    QFETCH(QString, text);
    QFETCH(int, position);
    QFETCH(int, length);
    QFETCH(QString, says);
    ExpressionProblem problem;
    QVERIFY(!LayerExpression::parse(text, &problem));
    QVERIFY2(problem.message.contains(says), qPrintable(problem.message));
    QCOMPARE(problem.position, position);
    QCOMPARE(problem.length, length);
    QVERIFY(!LayerExpression::parse(text, nullptr));
}

void TestLayerExpression::readsItsOwnText()
{
    keeps_data();
    // What was understood, written down, keeps the same layers.
    for (const char* text :
         {"bits<4 and sqnr<15 or (method=gptq and not locked)", "not (q_proj or k_proj) bits!=8",
          "name=*up_proj or block=none", "method=\"round to nearest\" error>5%"}) {
        const auto expression = LayerExpression::parse(text, nullptr);
        QVERIFY(expression);
        QCOMPARE(kept(expression->text()), kept(text));
    }
}

void TestLayerExpression::survivesAnything()
{
    // Any sequence of pieces is either read or refused at a place within the text.
    const QStringList pieces{"bits", "<",  "4",   " ",    "(",    ")",  "and",   "or", "not",
                             "/",    "\"", "*",   "name", "~",    "=",  "!=",    "%",  "5%",
                             "[",    "\\", "q_p", "é",    "size", "4K", "locked"};
    std::mt19937 random(7);
    int read = 0;
    for (int i = 0; i < 20000; ++i) {
        QString text;
        for (unsigned n = random() % 9; n > 0; --n)
            text += pieces[static_cast<qsizetype>(random() % static_cast<unsigned>(pieces.size()))];
        ExpressionProblem problem;
        if (LayerExpression::parse(text, &problem)) {
            ++read;
            continue;
        }
        QVERIFY2(!problem.message.isEmpty() && problem.position >= 0 && problem.length >= 0 &&
                     problem.position + problem.length <= text.size(),
                 qPrintable(text + " → " + problem.message));
    }
    QVERIFY(read > 1000);
}

void TestLayerExpression::lonePatterns()
{
    const auto lone = [](const char* text) {
        return LayerExpression::parse(text, nullptr)->lonePattern();
    };
    QCOMPARE(lone("/q_proj|k_proj/"), QString("q_proj|k_proj"));
    QCOMPARE(lone("*.mlp.*"), QString("^.*\\.mlp\\..*$"));
    QCOMPARE(lone("name~q_proj"), QString("q_proj"));
    QCOMPARE(lone("name!=*q"), QString());
    QCOMPARE(lone("q_proj"), QString()); // a word looks into every cell
    QCOMPARE(lone("/q_proj/ bits<4"), QString());
    QCOMPARE(lone(""), QString());
}

void TestLayerExpression::helpNamesRealFields()
{
    QVERIFY(LayerExpression::fields().size() >= 15);
    for (const LayerExpression::FieldHelp& field : LayerExpression::fields()) {
        ExpressionProblem problem;
        QVERIFY2(LayerExpression::parse(field.example, &problem), qPrintable(problem.message));
        QVERIFY2(field.example.contains(field.name), qPrintable(field.example));
    }
}

void TestLayerExpression::endlessPatternsAreRefused()
{
    const auto expression = LayerExpression::parse("/^(a+)+$/", nullptr);
    QVERIFY(expression);
    LayerRow row;
    row.name = std::string(60, 'a') + "b";
    const QString none;
    QVERIFY_EXCEPTION_THROWN(
        (void)expression->matches(row, [&]() -> const QString& { return none; }), Error);
}

QTEST_APPLESS_MAIN(TestLayerExpression)
#include "tst_layer_expression.moc"
