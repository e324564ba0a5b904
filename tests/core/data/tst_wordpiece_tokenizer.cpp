// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/data/tokenizer.h"
#include "core/data/tokenizer_readers.h"
#include "core/data/unicode_tables.h"
#include "tests/support/support.h"

#include <QTest>
#include <nlohmann/json.hpp>

#include <fstream>

using namespace gradus;
using namespace gradus::test;

namespace {

using Json = nlohmann::json;

void writeText(const std::filesystem::path& path, const std::string& text)
{
    std::ofstream(path, std::ios::binary) << text;
}

std::string textOf(const Tokenizer& tokenizer, const std::vector<std::string>& tokens,
                   const std::string& text)
{
    std::string out;
    for (const Token id : tokenizer.encode(text)) {
        if (!out.empty())
            out += ' ';
        out += tokens[static_cast<std::size_t>(id)];
    }
    return out;
}

/// Every printable ASCII character and a few others are tokens, alone and behind ##, so that what
/// comes out shows what normalization and cutting did.
std::vector<std::string> characterVocabulary()
{
    std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    std::vector<std::string> characters;
    for (char c = '!'; c <= '~'; ++c)
        characters.emplace_back(1, c);
    for (const char* more : {"é", "É", "ß", "α", "Ω", "ω", "博", "推", "…", "。", "ᄀ", "ᅡ", "ᆨ"})
        characters.emplace_back(more);
    for (const auto& character : characters) {
        tokens.push_back(character);
        tokens.push_back("##" + character);
    }
    return tokens;
}

std::string joined(const std::vector<std::string>& lines)
{
    std::string text;
    for (const auto& line : lines)
        text += line + "\n";
    return text;
}

Json tokenizerJson(const std::vector<std::string>& tokens)
{
    Json vocabulary = Json::object();
    for (std::size_t i = 0; i < tokens.size(); ++i)
        vocabulary[tokens[i]] = i;
    Json added = Json::array();
    for (const char* name : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"})
        if (vocabulary.contains(name))
            added.push_back({{"id", vocabulary[name]}, {"content", name}, {"special", true}});
    return {{"added_tokens", added},
            {"normalizer",
             {{"type", "BertNormalizer"},
              {"clean_text", true},
              {"handle_chinese_chars", true},
              {"strip_accents", nullptr},
              {"lowercase", true}}},
            {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
            {"model",
             {{"type", "WordPiece"},
              {"unk_token", "[UNK]"},
              {"continuing_subword_prefix", "##"},
              {"max_input_chars_per_word", 100},
              {"vocab", vocabulary}}}};
}

std::shared_ptr<const Tokenizer> readJson(const Json& json, std::int64_t size = 0)
{
    return readHuggingFaceTokenizer(json.dump(), "", size, "tokenizer.json");
}

// The vocabulary of the tests that were published with BERT (tokenization_test.py).
const std::vector<std::string> published{"[UNK]", "[CLS]", "[SEP]", "want",  "##want", "##ed",
                                         "wa",    "un",    "runn",  "##ing", ","};

} // namespace

class TestWordPieceTokenizer : public QObject
{
    Q_OBJECT

private slots:
    /// The cases published with BERT.
    void publishedCases_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("expected");
        QTest::newRow("nothing") << ""
                                 << "";
        QTest::newRow("pieces") << "unwanted running"
                                << "un ##want ##ed runn ##ing";
        QTest::newRow("unknown word") << "unwantedX running"
                                      << "[UNK] runn ##ing";
        QTest::newRow("accent, case, comma") << "UNwant\u00E9d,running"
                                             << "un ##want ##ed , runn ##ing";
    }
    void publishedCases()
    {
        QFETCH(QString, text);
        QFETCH(QString, expected);
        const auto fromText = readWordPieceVocabulary(joined(published), "", 11, "vocab.txt");
        const auto fromJson = readJson(tokenizerJson(published), 11);
        for (const auto& tokenizer : {fromText, fromJson}) {
            QCOMPARE(tokenizer->kind(), std::string("wordpiece"));
            QCOMPARE(tokenizer->vocabularySize(), std::int64_t(11));
            QCOMPARE(tokenizer->bos(), std::optional<Token>(1));
            QCOMPARE(tokenizer->eos(), std::optional<Token>(2));
            QCOMPARE(QString::fromStdString(textOf(*tokenizer, published, text.toStdString())),
                     expected);
        }
    }

    /// Written out by hand from the rules: control characters go, ideographs and punctuation stand
    /// alone, accents are taken off and letters made small when the tokenizer says so.
    void characters_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("uncased");
        QTest::addColumn<QString>("cased");
        QTest::newRow("words and punctuation")
            << "  HeLLo!how  \n Are yoU? "
            << "h ##e ##l ##l ##o ! h ##o ##w a ##r ##e y ##o ##u ?"
            << "H ##e ##L ##L ##o ! h ##o ##w A ##r ##e y ##o ##U ?";
        QTest::newRow("ideographs") << "ah\u535A\u63A8zz"
                                    << "a ##h 博 推 z ##z"
                                    << "a ##h 博 推 z ##z";
        QTest::newRow("composed accent") << "h\u00E9"
                                         << "h ##e"
                                         << "h ##é";
        QTest::newRow("large composed accent") << "\u00C9h"
                                               << "e ##h"
                                               << "É ##h";
        QTest::newRow("combining accent") << "he\u0301h"
                                          << "h ##e ##h"
                                          << "[UNK]";
        QTest::newRow("Greek") << "\u03A9\u03C9"
                               << "ω ##ω"
                               << "Ω ##ω";
        QTest::newRow("a letter without small form") << "\u00DF"
                                                     << "ß"
                                                     << "ß";
        QTest::newRow("dotted capital I") << "\u0130"
                                          << "i"
                                          << "[UNK]";
        QTest::newRow("control and format characters")
            << QString("a\u0007b\u200Dc\u00ADd") << "a ##b ##c ##d"
            << "a ##b ##c ##d";
        QTest::newRow("no-break and wide spaces") << "a\u00A0b\u3000c"
                                                  << "a b c"
                                                  << "a b c";
        QTest::newRow("Unicode punctuation") << "a\u2026b\u3002"
                                             << "a … b 。"
                                             << "a … b 。";
        QTest::newRow("symbols that count as punctuation") << "a$b+c"
                                                           << "a $ b + c"
                                                           << "a $ b + c";
        QTest::newRow("Hangul in its letters") << "\uAC01"
                                               << "ᄀ ##ᅡ ##ᆨ"
                                               << "[UNK]";
        QTest::newRow("special tokens") << "a[MASK]b [SEP] [sep]"
                                        << "a [MASK] b [SEP] [ s ##e ##p ]"
                                        << "a [MASK] b [SEP] [ s ##e ##p ]";
        QTest::newRow("replacement character") << "a\uFFFDb"
                                               << "a ##b"
                                               << "a ##b";
    }
    void characters()
    {
        QFETCH(QString, text);
        QFETCH(QString, uncased);
        QFETCH(QString, cased);
        const auto tokens = characterVocabulary();
        const auto small = readWordPieceVocabulary(joined(tokens), "", 0, "vocab.txt");
        QCOMPARE(QString::fromStdString(textOf(*small, tokens, text.toStdString())), uncased);
        const auto large =
            readWordPieceVocabulary(joined(tokens), R"({"do_lower_case": false})", 0, "vocab.txt");
        QCOMPARE(QString::fromStdString(textOf(*large, tokens, text.toStdString())), cased);
        Json json = tokenizerJson(tokens);
        QCOMPARE(QString::fromStdString(textOf(*readJson(json), tokens, text.toStdString())),
                 uncased);
        json["normalizer"]["lowercase"] = false;
        QCOMPARE(QString::fromStdString(textOf(*readJson(json), tokens, text.toStdString())),
                 cased);
    }

    void settingsAreSeparate()
    {
        const auto tokens = characterVocabulary();
        Json json = tokenizerJson(tokens);
        json["normalizer"]["strip_accents"] = false;
        QCOMPARE(textOf(*readJson(json), tokens, "\u00C9"), std::string("é"));
        json["normalizer"]["lowercase"] = false;
        json["normalizer"]["strip_accents"] = true;
        QCOMPARE(textOf(*readJson(json), tokens, "\u00C9"), std::string("E"));
        json["normalizer"]["handle_chinese_chars"] = false;
        QCOMPARE(textOf(*readJson(json), tokens, "a\u535A"), std::string("a ##博"));
        json["normalizer"]["clean_text"] = false;
        QCOMPARE(textOf(*readJson(json), tokens, "a\u0007"), std::string("[UNK]"));
        json["normalizer"] = nullptr;
        QCOMPARE(textOf(*readJson(json), tokens, "\u00C9A"), std::string("É ##A"));
    }

    void longWordsAreUnknown()
    {
        const auto tokens = characterVocabulary();
        const auto tokenizer = readWordPieceVocabulary(joined(tokens), "", 0, "vocab.txt");
        QCOMPARE(tokenizer->encode(std::string(100, 'a')).size(), std::size_t(100));
        QCOMPARE(tokenizer->encode(std::string(101, 'a')), std::vector<Token>{1});
        std::string letters; // counted in characters, not bytes
        for (int i = 0; i < 100; ++i)
            letters += "α";
        QCOMPARE(tokenizer->encode(letters).size(), std::size_t(100));
    }

    void anyBytesAreAccepted()
    {
        const auto tokens = characterVocabulary();
        const auto tokenizer = readWordPieceVocabulary(joined(tokens), "", 0, "vocab.txt");
        QCOMPARE(textOf(*tokenizer, tokens, "a\xFF\xFE b\xC3"), std::string("a b"));
        QVERIFY(tokenizer->encode(std::string("\0\0", 2)).size() <= 1);
    }

    void decodes()
    {
        const std::vector<std::string> tokens{"[UNK]", "[CLS]", "[SEP]", "un", "##want",
                                              "##ed",  ",",     "dogs",  "!"};
        const auto tokenizer = readWordPieceVocabulary(joined(tokens), "", 0, "vocab.txt");
        const std::vector<Token> ids{1, 3, 4, 5, 6, 7, 8, 2};
        QCOMPARE(tokenizer->decode(ids), std::string("unwanted, dogs!"));
        QCOMPARE(tokenizer->decode(std::vector<Token>{4, 7}, false), std::string("want dogs"));
        QVERIFY_EXCEPTION_THROWN((void)tokenizer->decode(std::vector<Token>{9}), Error);
    }

    void foundBesideTheModel()
    {
        const TemporaryFolder folder;
        writeText(folder / "vocab.txt", joined(published));
        writeText(folder / "tokenizer_config.json", R"({"do_lower_case": false})");
        const auto tokenizer = openTokenizer(folder / "vocab.txt", 11);
        QCOMPARE(textOf(*tokenizer, published, "un UN"), std::string("un [UNK]"));
        writeText(folder / "tokenizer.json", tokenizerJson(published).dump());
        QCOMPARE(textOf(*openTokenizer(folder / "tokenizer.json", 11), published, "un UN"),
                 std::string("un un"));
        writeText(folder / "vocab.txt", "[UNK]\r\n[CLS]\r\nun\r\n"); // with Windows's line ends
        QCOMPARE(openTokenizer(folder / "vocab.txt", 0)->encode("un x"),
                 (std::vector<Token>{2, 0}));
    }

    /// GPT-2's two files make what one tokenizer.json makes.
    void byteLevelFromTwoFiles()
    {
        Json vocabulary = Json::object();
        std::vector<std::string> tokens{
            "l", "o", "w", "e", "r", "Ġ", "lo", "low", "er", "Ġlow", "<|endoftext|>"};
        for (std::size_t i = 0; i < tokens.size(); ++i)
            vocabulary[tokens[i]] = i;
        const TemporaryFolder folder;
        writeText(folder / "vocab.json", vocabulary.dump());
        writeText(folder / "merges.txt", "#version: 0.2\nl o\nlo w\ne r\nĠ low\n");
        const auto tokenizer = openTokenizer(folder / "vocab.json", 11);
        QCOMPARE(tokenizer->kind(), std::string("byte-level-bpe"));
        QCOMPARE(textOf(*tokenizer, tokens, "low lower<|endoftext|>low"),
                 std::string("low Ġlow er <|endoftext|> low"));
        QCOMPARE(tokenizer->decode(tokenizer->encode("lower low")), std::string("lower low"));
        QVERIFY(!tokenizer->bos());
        QCOMPARE(tokenizer->eos(), std::optional<Token>(10));
        writeText(folder / "merges.txt", "l x\n");
        QVERIFY_EXCEPTION_THROWN((void)openTokenizer(folder / "vocab.json", 11), Error);
        writeText(folder / "vocab.json", R"({"a": 99999999})");
        QVERIFY_EXCEPTION_THROWN((void)openTokenizer(folder / "vocab.json", 0), Error);
    }

    void robertaPutsItsEndsAround()
    {
        const Json vocabulary{{"<s>", 0}, {"<pad>", 1}, {"</s>", 2}, {"<mask>", 3}, {"a", 4}};
        const auto tokenizer = readByteLevelFiles(vocabulary.dump(), "", "", 5, "vocab.json");
        QCOMPARE(tokenizer->bos(), std::optional<Token>(0));
        QCOMPARE(tokenizer->eos(), std::optional<Token>(2));
        QCOMPARE(tokenizer->encode("a<mask>a"), (std::vector<Token>{4, 3, 4}));
    }

    void badFiles_data()
    {
        QTest::addColumn<QString>("change");
        QTest::addColumn<QString>("expected");
        const auto row = [](const char* change, const char* expected) {
            QTest::newRow(expected) << QString(change) << QString(expected);
        };
        row(R"({"model": {"vocab": []}})", "vocab");
        row(R"({"model": {"vocab": {"a": -1}}})", "id");
        row(R"({"model": {"vocab": {"a": 1000000000}}})", "1000000000");
        row(R"({"model": {"unk_token": "[NONE]"}})", "[NONE]");
        row(R"({"model": {"max_input_chars_per_word": "x"}})", "max_input_chars_per_word");
        row(R"({"normalizer": {"type": "NFKC"}})", "NFKC");
        row(R"({"normalizer": {"lowercase": 1}})", "lowercase");
        row(R"({"pre_tokenizer": {"type": "Whitespace"}})", "Whitespace");
        row(R"({"added_tokens": {}})", "added_tokens");
        row(R"({"added_tokens": [3]})", "added token");
    }
    void badFiles()
    {
        QFETCH(QString, change);
        QFETCH(QString, expected);
        Json json = tokenizerJson(published);
        json.merge_patch(Json::parse(change.toStdString()));
        if (change.contains("vocab") && change.contains('{') && !change.contains("[]"))
            json["model"]["vocab"] = Json::parse(change.toStdString())["model"]["vocab"];
        try {
            (void)readJson(json);
            QFAIL("no error");
        } catch (const Error& error) {
            QVERIFY2(QString(error.what()).contains(expected), error.what());
            QVERIFY2(QString(error.what()).startsWith("tokenizer.json: "), error.what());
        }
    }

    void badVocabularies()
    {
        QVERIFY_EXCEPTION_THROWN((void)readWordPieceVocabulary("", "", 0, "vocab.txt"), Error);
        QVERIFY_EXCEPTION_THROWN((void)readWordPieceVocabulary("a\nb\n", "", 0, "vocab.txt"),
                                 Error);
        QVERIFY_EXCEPTION_THROWN((void)readWordPieceVocabulary("[UNK]\nb\n", "", 1, "vocab.txt"),
                                 Error);
        QVERIFY_EXCEPTION_THROWN(
            (void)readWordPieceVocabulary("[UNK]\n", "{\"do_lower_case\": 3}", 0, "vocab.txt"),
            Error);
        QVERIFY_EXCEPTION_THROWN(
            (void)readWordPieceVocabulary("[UNK]\n", "{\"do_lower", 0, "vocab.txt"), Error);
    }

    void tablesAgreeWithQt()
    {
        const auto isMark = [](char32_t c) { return QChar::category(c) == QChar::Mark_NonSpacing; };
        int differing = 0;
        for (char32_t c = 1; c < 0x30000; ++c) {
            if ((c >= 0xD800 && c < 0xE000) || QChar::category(c) == QChar::Other_NotAssigned ||
                isMark(c))
                continue;
            std::u32string expected;
            const char32_t one[] = {c};
            for (const char32_t d :
                 QString::fromUcs4(one, 1).normalized(QString::NormalizationForm_D).toUcs4())
                if (!isMark(d))
                    expected += d;
            std::u32string actual;
            appendBase(c, actual);
            differing += actual != expected ? 1 : 0;
            // U+0130's small form is two characters in Qt's full mapping.
            differing += lowerCase(c) != QChar::toLower(c) ? 1 : 0;
        }
        QVERIFY2(differing <= 60, std::to_string(differing).c_str()); // other versions of Unicode
    }
};

QTEST_APPLESS_MAIN(TestWordPieceTokenizer)
#include "tst_wordpiece_tokenizer.moc"
