// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/data/text_windows.h"
#include "core/data/tokenizer.h"
#include "core/data/tokenizer_readers.h"
#include "core/io/byte_source.h"
#include "tests/support/support.h"

#include <QElapsedTimer>
#include <QTest>

#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

const fs::path golden = fs::path(GRADUS_SOURCE_DIR) / "tests/data/tokenizers";
const fs::path sample = fs::path(GRADUS_SOURCE_DIR) / "resources/samples/lm-kjv-3M";

std::vector<std::string> linesOf(const fs::path& path)
{
    std::vector<std::string> lines;
    std::ifstream file(path, std::ios::binary);
    for (std::string line; std::getline(file, line);)
        lines.push_back(line);
    return lines;
}

std::vector<Token> numbersIn(const std::string& line)
{
    std::istringstream in(line);
    std::vector<Token> numbers;
    for (Token number = 0; in >> number;)
        numbers.push_back(number);
    return numbers;
}

QByteArray shown(const std::vector<Token>& tokens)
{
    QByteArray text;
    for (const Token token : tokens)
        text += QByteArray::number(token) + ' ';
    return text;
}

// A protobuf writer of a few lines, for models that spm_train would never write.
std::string varint(std::uint64_t value)
{
    std::string out;
    for (; value >= 128; value >>= 7)
        out += static_cast<char>(value | 128);
    return out + static_cast<char>(value);
}
std::string field(int number, const std::string& bytes)
{
    return varint(static_cast<std::uint64_t>(number) << 3 | 2) + varint(bytes.size()) + bytes;
}
std::string field(int number, std::uint64_t value)
{
    return varint(static_cast<std::uint64_t>(number) << 3) + varint(value);
}
std::string piece(const std::string& text, float score, int kind = 1)
{
    std::string bits(4, '\0');
    std::memcpy(bits.data(), &score, 4);
    return field(1, field(1, text) + varint(2 << 3 | 5) + bits +
                        field(3, static_cast<std::uint64_t>(kind)));
}
std::string trainer(int type, bool byteFallback = false)
{
    return field(2, field(3, static_cast<std::uint64_t>(type)) +
                        field(35, static_cast<std::uint64_t>(byteFallback ? 1 : 0)));
}
std::string word(std::uint32_t value)
{
    std::string bits(4, '\0');
    std::memcpy(bits.data(), &value, 4);
    return bits;
}
/// Identity: nothing but what the test asks for.
std::string normalizer(const std::string& charsmap = {}, bool dummy = false, bool remove = false,
                       bool escape = true)
{
    return field(3, field(2, charsmap) + field(3, dummy ? 1U : 0U) + field(4, remove ? 1U : 0U) +
                        field(5, escape ? 1U : 0U));
}

const std::string unknownPiece = piece("<unk>", 0, 2);

} // namespace

class TestSentencepieceTokenizer : public QObject
{
    Q_OBJECT

private slots:
    void agreesWithTheOriginal_data()
    {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("ids");
        QTest::addColumn<QString>("kind");
        for (const char* name : {"bpe-plain", "bpe-symbols"})
            QTest::newRow(name) << QString(golden.c_str()) + '/' + name + ".model" << name
                                << "sentencepiece-bpe";
        for (const char* name : {"unigram-plain", "unigram-rules", "unigram-bare"})
            QTest::newRow(name) << QString(golden.c_str()) + '/' + name + ".model" << name
                                << "sentencepiece-unigram";
        QTest::newRow("sample") << QString((sample / "tokenizer.model").c_str()) << "sample"
                                << "sentencepiece-bpe";
    }

    void agreesWithTheOriginal()
    {
        QFETCH(QString, model);
        QFETCH(QString, ids);
        QFETCH(QString, kind);
        const auto tokenizer = openTokenizer(model.toStdString(), 0);
        QCOMPARE(QString::fromStdString(tokenizer->kind()), kind);
        const auto texts = linesOf(golden / "odd.txt");
        const auto expected = linesOf(golden / (ids.toStdString() + ".ids"));
        QVERIFY(texts.size() > 15);
        QCOMPARE(expected.size(), texts.size());
        for (std::size_t i = 0; i < texts.size(); ++i) {
            const auto found = tokenizer->encode(texts[i]);
            const QByteArray what = "line " + QByteArray::number(int(i + 1)) + ": " + shown(found) +
                                    "expected " + expected[i].c_str();
            QVERIFY2(found == numbersIn(expected[i]), what.constData());
        }
    }

    void beginAndEnd()
    {
        const auto plain = openTokenizer(sample / "tokenizer.model", 2048);
        QCOMPARE(plain->vocabularySize(), 2048);
        QVERIFY(plain->bos() == 1 && plain->eos() == 2);
        const auto bare = openTokenizer(golden / "unigram-bare.model", 0);
        QVERIFY(!bare->bos() && !bare->eos());
    }

    void decodesWhatItEncodes()
    {
        const auto tokenizer = openTokenizer(sample / "tokenizer.model", 2048);
        for (const std::string text : {"In the beginning God created the heaven",
                                       "caf\xC3\xA9 \xE6\x97\xA5!", "a", "LORD."}) {
            auto ids = tokenizer->encode(text);
            QCOMPARE(tokenizer->decode(ids), text);
            QCOMPARE(tokenizer->decode(ids, false), " " + text);
            ids.insert(ids.begin(), 1); // control tokens give nothing and do not end the start
            ids.push_back(2);
            QCOMPARE(tokenizer->decode(ids), text);
        }
        QCOMPARE(tokenizer->decode({}), std::string());
        const Token beyond[] = {2048};
        QVERIFY_EXCEPTION_THROWN((void)tokenizer->decode(beyond), Error);
        const Token negative[] = {-1};
        QVERIFY_EXCEPTION_THROWN((void)tokenizer->decode(negative), Error);
    }

    void wholeFileAsOneText()
    {
        // The sample's evaluation text, whole. Its model takes a line's end for a space, so that a
        // text of many lines has the ids of its words: the same as its lines one by one.
        const auto tokenizer = openTokenizer(sample / "tokenizer.model", 2048);
        const auto ids = tokenizeFile(*tokenizer, sample / "evaluation.txt");
        std::vector<Token> joined{1};
        for (const std::string& line : linesOf(sample / "evaluation.txt")) {
            const auto tokens = tokenizer->encode(line);
            joined.insert(joined.end(), tokens.begin(), tokens.end());
        }
        QVERIFY(ids == joined);
    }

    void longTextsTakeLittleTime_data()
    {
        QTest::addColumn<QString>("name");
        QTest::newRow("bpe") << "bpe-symbols";
        QTest::newRow("unigram") << "unigram-plain";
    }
    void longTextsTakeLittleTime()
    {
        QFETCH(QString, name);
        const auto tokenizer = openTokenizer(golden / (name.toStdString() + ".model"), 0);
        std::string text;
        for (int i = 0; i < 100000; ++i)
            text += "the lords of the heavens ";
        QElapsedTimer timer;
        timer.start();
        const auto ids = tokenizer->encode(text);
        QVERIFY(ids.size() > 400000);
        QVERIFY(timer.elapsed() < 20000); // a quadratic merge would take hours
    }

    void unigramFindsTheBestCut()
    {
        // All ways to cut a short text, scored one by one, against the Viterbi path.
        const auto model = [](const std::vector<std::pair<std::string, float>>& pieces) {
            std::string bytes = unknownPiece;
            for (const auto& [text, score] : pieces)
                bytes += piece(text, score);
            return bytes + trainer(1) + normalizer();
        };
        const std::vector<std::pair<std::string, float>> pieces{
            {"a", -2.5F},    {"b", -3.0F},   {"ab", -4.0F},  {"ba", -4.75F},
            {"aba", -7.25F}, {"bab", -6.5F}, {"abab", -9.5F}};
        const auto tokenizer = readSentencepiece(model(pieces), 0, "test");
        for (unsigned bits = 0; bits < 1024; ++bits) {
            std::string text;
            for (int i = 0; i < 10; ++i)
                text += bits >> i & 1U ? 'b' : 'a';
            std::vector<double> best(text.size() + 1, -1e30);
            best[0] = 0;
            for (std::size_t end = 1; end <= text.size(); ++end)
                for (const auto& [key, score] : pieces)
                    if (key.size() <= end && text.compare(end - key.size(), key.size(), key) == 0)
                        best[end] = std::max(best[end], best[end - key.size()] + double(score));
            double found = 0;
            std::string spelled;
            for (const Token id : tokenizer->encode(text)) {
                found += double(pieces[static_cast<std::size_t>(id - 1)].second);
                spelled += pieces[static_cast<std::size_t>(id - 1)].first;
            }
            QCOMPARE(spelled, text);
            QVERIFY(isClose(found, best.back(), 1e-9)); // scores are multiples of 1/4: exact sums
        }
    }

    void unusedPiecesAreTakenApart()
    {
        // "ab" only leads to "abc"; alone it falls back into its letters.
        const std::string model = unknownPiece + piece("a", -5) + piece("b", -6) + piece("c", -7) +
                                  piece("ab", -1, 5) + piece("abc", -2) + trainer(2) + normalizer();
        const auto tokenizer = readSentencepiece(model, 0, "test");
        QVERIFY(tokenizer->encode("abab") == (std::vector<Token>{1, 2, 1, 2}));
        QVERIFY(tokenizer->encode("abcab") == (std::vector<Token>{5, 1, 2}));
    }

    void tiesGoToTheLeft()
    {
        const std::string model =
            unknownPiece + piece("a", -5) + piece("aa", -1) + trainer(2) + normalizer();
        const auto tokenizer = readSentencepiece(model, 0, "test");
        QVERIFY(tokenizer->encode("aaa") == (std::vector<Token>{2, 1}));
        QVERIFY(tokenizer->encode("aaaaa") == (std::vector<Token>{2, 2, 1}));
    }

    void malformed_data()
    {
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<QByteArray>("message");
        const auto row = [](const char* name, const std::string& content, const char* message) {
            QTest::newRow(name) << QByteArray::fromStdString(content) << QByteArray(message);
        };
        const std::string good = unknownPiece + piece("a", -1);
        row("empty", "", "without pieces");
        row("noise", "this is not a model at all", "not a sentencepiece model");
        row("cut short", good.substr(0, good.size() - 3), "cut short");
        row("length beyond the end", "\x0A\xFF\xFF\xFF\xFF\x07", "cut short");
        row("no unknown", piece("a", -1), "no unknown piece");
        row("two unknowns", unknownPiece + piece("b", 0, 2), "two unknown pieces");
        row("a piece twice", good + piece("a", -2), "appears twice");
        row("an empty piece", good + piece("", -2), "is empty");
        row("a score of NaN", good + piece("b", std::numeric_limits<float>::quiet_NaN()),
            "not finite");
        row("an infinite score", good + piece("b", -std::numeric_limits<float>::infinity()),
            "not finite");
        row("a piece of kind 9", good + piece("b", 0, 9), "kind 9");
        row("a piece of kind -1", good + piece("b", 0, -1), "kind -1");
        row("model of words", good + trainer(3), "type 3");
        row("byte fallback without bytes", good + trainer(2, true), "256 of the 256");
        row("a byte of another name", good + piece("<0xZZ>", 0, 6), "<0xZZ>");
        row("map of one byte", good + normalizer("x"), "cut short");
        row("map whose trie is longer than it", good + normalizer(word(4000) + "abcd"), "fits");
        row("map with an odd trie", good + normalizer(word(3) + "abcd"), "multiple of 4");
        row("map without trie", good + normalizer(word(0) + "abcd"), "multiple of 4");
        row("map with an endless replacement",
            good + normalizer(word(4) + word(0) + std::string(257, 'x')), "longer than");
    }

    void malformed()
    {
        QFETCH(QByteArray, content);
        QFETCH(QByteArray, message);
        try {
            (void)readSentencepiece(content.toStdString(), 0, "the file");
            QFAIL("was read");
        } catch (const Error& error) {
            QVERIFY2(QByteArray(error.what()).contains(message), error.what());
            QVERIFY2(QByteArray(error.what()).startsWith("the file"), error.what());
        }
    }

    void largerThanTheModel()
    {
        QVERIFY_EXCEPTION_THROWN((void)openTokenizer(sample / "tokenizer.model", 2047), Error);
        QVERIFY(openTokenizer(sample / "tokenizer.model", 4096)); // padded embeddings are usual
    }

    void brokenMapsDoNoHarm()
    {
        // Tries whose offsets point anywhere, values that point behind the replacements, cycles.
        for (const std::uint32_t unit :
             {0xFFFFFFFFU, 0x7FFFFFFFU, 0x00000161U, 0x80000000U, 0x561U}) {
            std::string trie;
            for (int i = 0; i < 512; ++i)
                trie += word(unit ^ (i % 3 == 0 ? 0U : static_cast<std::uint32_t>(i)));
            const auto tokenizer = readSentencepiece(
                unknownPiece + piece("a", -1) +
                    normalizer(word(static_cast<std::uint32_t>(trie.size())) + trie + "replaced"),
                0, "test");
            QVERIFY(!tokenizer->encode("abcdefg aaaaaaa").empty());
        }
    }

    void agreesWithTheOriginalOnRealText()
    {
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA is not set: whole texts are not compared");
        const auto tokenizer = openTokenizer(*data / "lm-kjv-3M" / "tokenizer.model", 2048);
        const auto ids = tokenizeFile(*tokenizer, *data / "lm-kjv-3M" / "evaluation.txt");
        QCOMPARE(ids.size(), std::size_t(57897)); // stated in its README.txt
        if (std::system("command -v spm_encode >/dev/null") != 0)
            QSKIP("spm_encode is not installed");
        TemporaryFolder folder;
        for (const auto& [model, corpus] :
             {std::pair(*data / "lm-kjv-3M" / "tokenizer.model",
                        *data / "text/wikitext2_valid.txt"),
              std::pair(golden / "unigram-rules.model", *data / "text/wikitext2_valid.txt"),
              std::pair(golden / "unigram-bare.model", *data / "text/tinystories.txt"),
              std::pair(golden / "bpe-symbols.model", *data / "text/tinystories.txt")}) {
            const fs::path out = folder / "ids";
            const std::string command = "spm_encode --model='" + model.string() +
                                        "' --output_format=id <'" + corpus.string() + "' >'" +
                                        out.string() + "'";
            QCOMPARE(std::system(command.c_str()), 0);
            const auto other = openTokenizer(model, 0);
            const auto texts = linesOf(corpus);
            const auto expected = linesOf(out);
            QCOMPARE(expected.size(), texts.size());
            for (std::size_t i = 0; i < texts.size(); ++i) {
                const auto found = other->encode(texts[i]);
                QVERIFY2(
                    found == numbersIn(expected[i]),
                    (texts[i] + "\n" + shown(found).toStdString() + "\n" + expected[i]).c_str());
            }
        }
    }
};

QTEST_APPLESS_MAIN(TestSentencepieceTokenizer)
#include "tst_sentencepiece_tokenizer.moc"
