// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/data/tokenizer.h"
#include "core/data/tokenizer_readers.h"
#include "core/io/byte_source.h"
#include "tests/support/support.h"

#include <QElapsedTimer>
#include <QTest>
#include <nlohmann/json.hpp>

#include <fstream>
#include <functional>
#include <sstream>

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

const fs::path golden = fs::path(GRADUS_SOURCE_DIR) / "tests/data/tokenizers";

std::vector<std::string> linesOf(const fs::path& path)
{
    std::vector<std::string> lines;
    std::ifstream file(path, std::ios::binary);
    for (std::string line; std::getline(file, line);)
        lines.push_back(line);
    return lines;
}

std::string idsOf(const Tokenizer& tokenizer, const std::string& text)
{
    std::string out;
    for (const Token token : tokenizer.encode(text))
        out += (out.empty() ? "" : " ") + std::to_string(token);
    return out;
}

/// A tokenizer over a, b, c and their merges "ab" (first) and "abc", to be changed by tests.
Json small()
{
    return Json{{"added_tokens", Json::array()},
                {"normalizer", nullptr},
                {"pre_tokenizer", nullptr},
                {"post_processor", nullptr},
                {"model",
                 {{"type", "BPE"},
                  {"vocab", {{"a", 0}, {"b", 1}, {"c", 2}, {"ab", 3}, {"abc", 4}}},
                  {"merges", {"a b", "ab c"}}}}};
}

std::shared_ptr<const Tokenizer> readJson(const Json& json, const std::string& config = {},
                                          std::int64_t vocabulary = 0)
{
    return readHuggingFaceTokenizer(json.dump(), config, vocabulary, "the file");
}

Json added(const char* content, int id)
{
    return {{"content", content}, {"id", id}, {"special", true}};
}

} // namespace

class TestHuggingFaceTokenizer : public QObject
{
    Q_OBJECT

private slots:
    void agreesWithTheOriginal_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("kind");
        QTest::addColumn<int>("bos");
        QTest::addColumn<int>("eos");
        QTest::newRow("gpt2") << "hf-gpt2"
                              << "byte-level-bpe" << -1 << 496;
        QTest::newRow("llama3") << "hf-llama3"
                                << "byte-level-bpe" << 497 << 498;
        QTest::newRow("splits") << "hf-splits"
                                << "byte-level-bpe" << -1 << -1;
        QTest::newRow("llama2") << "hf-llama2"
                                << "huggingface-bpe" << 1 << 2;
        QTest::newRow("metaspace") << "hf-metaspace"
                                   << "huggingface-bpe" << 1 << 2;
    }

    void agreesWithTheOriginal()
    {
        QFETCH(QString, name);
        QFETCH(QString, kind);
        QFETCH(int, bos);
        QFETCH(int, eos);
        const auto tokenizer = openTokenizer(golden / (name.toStdString() + ".json"), 0);
        QCOMPARE(QString::fromStdString(tokenizer->kind()), kind);
        QCOMPARE(tokenizer->bos().value_or(-1), bos);
        QCOMPARE(tokenizer->eos().value_or(-1), eos);
        const auto texts = linesOf(golden / "odd_utf8.txt");
        const auto expected = linesOf(golden / (name.toStdString() + ".ids"));
        QVERIFY(texts.size() > 25);
        QCOMPARE(expected.size(), texts.size());
        for (std::size_t i = 0; i < texts.size(); ++i)
            QCOMPARE(idsOf(*tokenizer, texts[i]), expected[i]);
    }

    void byteLevelDecodesEveryText()
    {
        const auto tokenizer = openTokenizer(golden / "hf-gpt2.json", 0);
        for (const std::string& text : linesOf(golden / "odd.txt")) // bytes that are no UTF-8 too
            QCOMPARE(tokenizer->decode(tokenizer->encode(text)), text);
        std::string all;
        for (int byte = 0; byte < 256; ++byte)
            all += static_cast<char>(byte);
        QCOMPARE(tokenizer->decode(tokenizer->encode(all)), all);
    }

    void sentencepieceLikeDecodes()
    {
        const auto tokenizer = openTokenizer(golden / "hf-llama2.json", 0);
        for (const std::string text : {"In the beginning", " two  spaces ",
                                       "caf\xC3\xA9 \xF0\x9F\x98\x80", "\xFF not UTF-8"}) {
            auto ids = tokenizer->encode(text);
            QCOMPARE(tokenizer->decode(ids), text);
            QCOMPARE(tokenizer->decode(ids, false), " " + text);
            ids.insert(ids.begin(), 1);
            QCOMPARE(tokenizer->decode(ids), text);
        }
        const Token beyond[] = {1 << 20};
        QVERIFY_EXCEPTION_THROWN((void)tokenizer->decode(beyond), Error);
    }

    void agreesWithAPlainMerge()
    {
        // The rule itself, by brute force: of all neighbours the pair that stands first in the
        // list, leftmost first, until none is left.
        Json json = small();
        Json& model = json["model"];
        const std::vector<std::pair<std::string, std::string>> merges{
            {"a", "b"},  {"b", "a"}, {"ab", "ab"}, {"c", "a"},
            {"ab", "a"}, {"a", "a"}, {"c", "c"},   {"cc", "ab"}};
        model["merges"] = Json::array();
        model["vocab"] = {{"a", 0}, {"b", 1}, {"c", 2}};
        for (const auto& [left, right] : merges) {
            model["merges"].push_back({left, right});
            model["vocab"][left + right] = model["vocab"].size();
        }
        const auto tokenizer = readJson(json);
        for (int number = 0; number < 6561; ++number) {
            std::string text;
            for (int i = 0, rest = number; i < 8; ++i, rest /= 3)
                text += static_cast<char>('a' + rest % 3);
            std::vector<std::string> parts;
            for (const char c : text)
                parts.emplace_back(1, c);
            for (bool merged = true; merged;) {
                merged = false;
                for (const auto& [left, right] : merges) {
                    for (std::size_t i = 0; i + 1 < parts.size() && !merged; ++i)
                        if (parts[i] == left && parts[i + 1] == right) {
                            parts[i] += right;
                            parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1);
                            merged = true;
                        }
                    if (merged)
                        break;
                }
            }
            std::string expected;
            for (const std::string& part : parts)
                expected += (expected.empty() ? "" : " ") + model["vocab"][part].dump();
            QCOMPARE(idsOf(*tokenizer, text), expected);
        }
    }

    void beginAndEnd_data()
    {
        QTest::addColumn<QByteArray>("processor");
        QTest::addColumn<QByteArray>("config");
        QTest::addColumn<int>("bos");
        QTest::addColumn<int>("eos");
        const QByteArray none = "null";
        const QByteArray byteLevel = R"({"type": "ByteLevel"})";
        const QByteArray both =
            R"({"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<A>"}}, {"Sequence": {"id": "A"}},
                           {"SpecialToken": {"id": "<B>"}}]}]})";
        QTest::newRow("well known") << none << QByteArray() << 5 << 6;
        QTest::newRow("a processor that adds nothing") << byteLevel << QByteArray() << -1 << 6;
        QTest::newRow("template") << both << QByteArray() << 7 << 8;
        QTest::newRow("config turns it off")
            << both << QByteArray(R"({"add_bos_token": false, "bos_token": "<A>"})") << -1 << 8;
        QTest::newRow("config names another")
            << both
            << QByteArray(
                   R"({"add_bos_token": true, "bos_token": "<s>", "eos_token": {"content": "<A>"}})")
            << 5 << 7;
        QTest::newRow("config says nothing of adding")
            << byteLevel << QByteArray(R"({"bos_token": "<A>"})") << -1 << 6;
        QTest::newRow("config names what is not there")
            << none << QByteArray(R"({"add_bos_token": true, "bos_token": "<none>"})") << -1 << 6;
    }

    void beginAndEnd()
    {
        QFETCH(QByteArray, processor);
        QFETCH(QByteArray, config);
        QFETCH(int, bos);
        QFETCH(int, eos);
        Json json = small();
        json["added_tokens"] = {added("<s>", 5), added("</s>", 6), added("<A>", 7),
                                added("<B>", 8)};
        json["post_processor"] = Json::parse(processor.toStdString());
        const auto tokenizer = readJson(json, config.toStdString());
        QCOMPARE(tokenizer->bos().value_or(-1), bos);
        QCOMPARE(tokenizer->eos().value_or(-1), eos);
    }

    void configBesideTheFile()
    {
        TemporaryFolder folder;
        Json json = small();
        json["added_tokens"] = {added("<A>", 5)};
        std::ofstream(folder / "tokenizer.json") << json.dump();
        QVERIFY(!openTokenizer(folder / "tokenizer.json", 0)->bos());
        std::ofstream(folder / "tokenizer_config.json")
            << R"({"add_bos_token": true, "bos_token": "<A>"})";
        QVERIFY(openTokenizer(folder / "tokenizer.json", 0)->bos() == 5);
    }

    void addedTokensBeyondTheModelAreLeftOut()
    {
        Json json = small();
        json["added_tokens"] = {added("<A>", 5), added("<B>", 6)};
        QCOMPARE(idsOf(*readJson(json), "a<A>b<B>"), std::string("0 5 1 6"));
        QCOMPARE(idsOf(*readJson(json, {}, 6), "a<A>b<B>"), std::string("0 5 1"));
        QCOMPARE(readJson(json, {}, 6)->vocabularySize(), 6);
        QVERIFY_EXCEPTION_THROWN((void)readJson(json, {}, 4), Error);
    }

    void longTextsTakeLittleTime()
    {
        const auto tokenizer =
            openTokenizer(golden / "hf-llama2.json", 0); // one word, however long
        std::string text;
        for (int i = 0; i < 50000; ++i)
            text += "the lords of the heavens ";
        QElapsedTimer timer;
        timer.start();
        QVERIFY(tokenizer->encode(text).size() > 200000);
        QVERIFY(timer.elapsed() < 20000); // a quadratic merge would take hours
    }

    void malformed_data()
    {
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<QByteArray>("message");
        const auto row = [](const char* name, const std::function<void(Json&)>& change,
                            const char* message) {
            Json json = small();
            change(json);
            QTest::newRow(name) << QByteArray::fromStdString(json.dump()) << QByteArray(message);
        };
        QTest::newRow("not JSON") << QByteArray("{\"model\": ") << QByteArray("not valid JSON");
        QTest::newRow("a list") << QByteArray("[1, 2]") << QByteArray("not a JSON object");
        QTest::newRow("key twice")
            << QByteArray("{\"model\": 1, \"model\": 2}") << QByteArray("twice");
        QTest::newRow("deep") << QByteArray("{\"model\":") + QByteArray(100000, '[')
                              << QByteArray("deeper");
        QTest::newRow("bad UTF-8")
            << QByteArray("{\"model\": \"\xFF\"}") << QByteArray("not valid JSON");
        row(
            "no model", [](Json& j) { j.erase("model"); }, "\"model\"");
        row(
            "model is a text", [](Json& j) { j["model"] = "BPE"; }, "can be run");
        row(
            "WordPiece", [](Json& j) { j["model"]["type"] = "WordPiece"; }, "WordPiece");
        row(
            "type is a number", [](Json& j) { j["model"]["type"] = 3; }, "not a text");
        row(
            "suffix", [](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; }, "end_of_word");
        row(
            "no vocabulary", [](Json& j) { j["model"].erase("vocab"); }, "\"vocab\"");
        row(
            "empty vocabulary", [](Json& j) { j["model"]["vocab"] = Json::object(); }, "vocab");
        row(
            "vocabulary is a list",
            [](Json& j) {
                j["model"]["vocab"] = {1, 2};
            },
            "vocab");
        row(
            "negative id", [](Json& j) { j["model"]["vocab"]["a"] = -1; }, "id -1");
        row(
            "huge id", [](Json& j) { j["model"]["vocab"]["a"] = 4000000000U; }, "4000000000");
        row(
            "id is a fraction", [](Json& j) { j["model"]["vocab"]["a"] = 0.5; }, "0.5");
        row(
            "no merges", [](Json& j) { j["model"].erase("merges"); }, "\"merges\"");
        row(
            "merges are a text", [](Json& j) { j["model"]["merges"] = "a b"; }, "not a list");
        row(
            "merge of one", [](Json& j) { j["model"]["merges"] = {"ab"}; }, "merge 0");
        row(
            "merge of three",
            [](Json& j) {
                j["model"]["merges"] = {{"a", "b", "c"}};
            },
            "merge 0");
        row(
            "merge of numbers",
            [](Json& j) {
                j["model"]["merges"] = {{1, 2}};
            },
            "merge 0");
        row(
            "merge into nothing",
            [](Json& j) {
                j["model"]["merges"] = {"a b", "c c"};
            },
            "merge 1");
        row(
            "merge of nothing", [](Json& j) { j["model"]["merges"] = {"x b"}; }, "merge 0");
        row(
            "unknown not there", [](Json& j) { j["model"]["unk_token"] = "<unk>"; }, "unk_token");
        row(
            "flag is a number", [](Json& j) { j["model"]["byte_fallback"] = 1; }, "true nor false");
        row(
            "added is an object",
            [](Json& j) {
                j["added_tokens"] = {{"a", 1}};
            },
            "not a list");
        row(
            "added is a number", [](Json& j) { j["added_tokens"] = {7}; }, "without content");
        row(
            "added without id",
            [](Json& j) {
                j["added_tokens"] = {{{"content", "x"}}};
            },
            "\"id\"");
        row(
            "added twice",
            [](Json& j) {
                j["added_tokens"] = {added("x", 5), added("x", 6)};
            },
            "twice");
        row(
            "added with a huge id", [](Json& j) { j["added_tokens"] = {added("x", 1 << 30)}; },
            "1073741824");
        row(
            "normalizer",
            [](Json& j) {
                j["normalizer"] = {{"type", "Lowercase"}};
            },
            "Lowercase");
        row(
            "normalizer is a number", [](Json& j) { j["normalizer"] = 5; }, "normalizer");
        row(
            "normalizers not there",
            [](Json& j) {
                j["normalizer"] = {{"type", "Sequence"}};
            },
            "normalizers");
        row(
            "normalizer without pattern",
            [](Json& j) {
                j["normalizer"] = {{"type", "Replace"}};
            },
            "pattern");
        row(
            "pattern of another kind",
            [](Json& j) {
                j["normalizer"] = {{"type", "Replace"}, {"pattern", {{"Glob", "*"}}}};
            },
            "neither");
        row(
            "empty pattern",
            [](Json& j) {
                j["normalizer"] = {{"type", "Replace"}, {"pattern", {{"String", ""}}}};
            },
            "is empty");
        row(
            "malformed pattern",
            [](Json& j) {
                j["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"Regex", "(a"}}}};
            },
            "(a");
        row(
            "too many normalizers",
            [](Json& j) {
                j["normalizer"] = {{"type", "Sequence"}, {"normalizers", Json::array()}};
                for (int i = 0; i < 65; ++i)
                    j["normalizer"]["normalizers"].push_back(
                        {{"type", "Prepend"}, {"prepend", "a"}});
            },
            "more than 64");
        row(
            "split",
            [](Json& j) {
                j["pre_tokenizer"] = {
                    {"type", "Split"}, {"pattern", {{"String", "a"}}}, {"behavior", "Odd"}};
            },
            "Odd");
        row(
            "pre-tokenizer",
            [](Json& j) {
                j["pre_tokenizer"] = {{"type", "Punctuation"}};
            },
            "Punctuation");
        row(
            "scheme",
            [](Json& j) {
                j["pre_tokenizer"] = {{"type", "Metaspace"}, {"prepend_scheme", "often"}};
            },
            "often");
        row(
            "template without content",
            [](Json& j) {
                j["post_processor"] = {{"type", "TemplateProcessing"}};
            },
            "single");
    }

    void malformed()
    {
        QFETCH(QByteArray, content);
        QFETCH(QByteArray, message);
        try {
            (void)readHuggingFaceTokenizer(content.toStdString(), "", 0, "the file");
            QFAIL("was read");
        } catch (const Error& error) {
            QVERIFY2(QByteArray(error.what()).contains(message), error.what());
            QVERIFY2(QByteArray(error.what()).startsWith("the file"), error.what());
        }
    }

    void textsCannotExplode()
    {
        // Forty steps that double a text would make 10^12 bytes of one.
        Json json = small();
        Json steps = Json::array();
        for (int i = 0; i < 40; ++i)
            steps.push_back(
                {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}});
        json["normalizer"] = {{"type", "Sequence"}, {"normalizers", steps}};
        QVERIFY_EXCEPTION_THROWN((void)readJson(json)->encode("a"), Error);
        for (Json& step : steps)
            step["pattern"] = {{"Regex", "a"}};
        json["normalizer"]["normalizers"] = steps;
        QVERIFY_EXCEPTION_THROWN((void)readJson(json)->encode("a"), Error);
        json["normalizer"] = nullptr;
        json["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", Json::array()}};
        for (int i = 0; i < 40; ++i)
            json["pre_tokenizer"]["pretokenizers"].push_back(
                {{"type", "Metaspace"}, {"replacement", "  "}, {"split", false}});
        QVERIFY_EXCEPTION_THROWN((void)readJson(json)->encode("a"), Error);
    }

    void otherFiles()
    {
        TemporaryFolder folder;
        const auto failure = [&](const char* name, const std::string& content) {
            std::ofstream(folder / name, std::ios::binary) << content;
            try {
                (void)openTokenizer(folder / name, 0);
            } catch (const Error& error) {
                return QByteArray(error.what());
            }
            return QByteArray("was read");
        };
        QVERIFY(failure("tokenizer.model", "IQ== 0\nIg== 1\n").contains("tiktoken"));
        QVERIFY(failure("tokenizer.model", "").contains("empty"));
        QVERIFY(failure("tokenizer.model", "plain words").contains("sentencepiece"));
        QVERIFY(failure("words.txt", "plain words").contains("neither"));
        QVERIFY_EXCEPTION_THROWN((void)openTokenizer(folder / "absent.json", 0), Error);
        QVERIFY_EXCEPTION_THROWN((void)openTokenizer(folder.path(), 0), Error);
    }
};

QTEST_APPLESS_MAIN(TestHuggingFaceTokenizer)
#include "tst_huggingface_tokenizer.moc"
