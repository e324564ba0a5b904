// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/data/text_windows.h"
#include "core/data/tokenizer_readers.h"
#include "tests/support/npy.h"
#include "tests/support/support.h"

#include <QTest>

#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <numeric>
#include <set>

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

std::string entry(const std::string& text, float score)
{
    std::string bytes(8, '\0');
    const auto length = static_cast<std::int32_t>(text.size());
    std::memcpy(bytes.data(), &score, 4);
    std::memcpy(bytes.data() + 4, &length, 4);
    return bytes + text;
}

/// Unknown, BOS, EOS and the 256 bytes, then what the test adds.
std::string llamaBytes(const std::vector<std::pair<std::string, float>>& more)
{
    std::string bytes("\x10\0\0\0", 4);
    bytes += entry("<unk>", 0) + entry("\n<s>\n", 0) + entry("\n</s>\n", 0);
    for (int byte = 0; byte < 256; ++byte) {
        char name[8];
        std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
        bytes += entry(name, 0);
    }
    for (const auto& [text, score] : more)
        bytes += entry(text, score);
    return bytes;
}

void put(const fs::path& path, const std::string& text)
{
    std::ofstream(path, std::ios::binary) << text;
}

std::vector<Token> upTo(int count)
{
    std::vector<Token> tokens(static_cast<std::size_t>(count));
    std::iota(tokens.begin(), tokens.end(), 0);
    return tokens;
}

} // namespace

class TestTextWindows : public QObject
{
    Q_OBJECT

private slots:
    void llama2cEncodesAsItsOriginal()
    {
        // The original's loop, by brute force: the best-scored pair, leftmost first, again and
        // again.
        const std::vector<std::pair<std::string, float>> more{
            {" ", -1},  {"a", -2},   {"b", -3},  {"ab", -4},
            {"ba", -4}, {"aba", -6}, {" a", -5}, {"aa", -2e10F}};
        const auto tokenizer = readLlama2cTokenizer(llamaBytes(more), 259 + 8, "test");
        QVERIFY(tokenizer->bos() == 1 && tokenizer->eos() == 2);
        QCOMPARE(tokenizer->vocabularySize(), 267);
        std::map<std::string, Token> ids;
        for (std::size_t i = 0; i < more.size(); ++i)
            ids[more[i].first] = static_cast<Token>(259 + i);
        for (unsigned bits = 0; bits < 512; ++bits) {
            std::string text;
            for (int i = 0; i < 9; ++i)
                text += bits >> i & 1U ? 'b' : 'a';
            std::vector<std::string> parts{" "};
            for (const char c : text)
                parts.emplace_back(1, c);
            while (true) {
                float best = -1e10F;
                std::size_t at = parts.size();
                for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
                    const auto found = ids.find(parts[i] + parts[i + 1]);
                    if (found == ids.end())
                        continue;
                    const float score = more[static_cast<std::size_t>(found->second - 259)].second;
                    if (score > best) {
                        best = score;
                        at = i;
                    }
                }
                if (at == parts.size())
                    break;
                parts[at] += parts[at + 1];
                parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
            }
            std::vector<Token> expected;
            for (const std::string& part : parts)
                expected.push_back(ids[part]);
            QVERIFY(tokenizer->encode(text) == expected);
            QCOMPARE(tokenizer->decode(expected), text);
        }
        QVERIFY(tokenizer->encode("").empty());
        // Characters without a token become bytes, wherever they end.
        QVERIFY(tokenizer->encode("\xC3\xA9") == (std::vector<Token>{259, 0xC3 + 3, 0xA9 + 3}));
        QVERIFY(tokenizer->encode("\xFF") == (std::vector<Token>{259, 0xFF + 3}));
        QCOMPARE(tokenizer->decode(tokenizer->encode("\xC3\xA9z\xFF")),
                 std::string("\xC3\xA9z\xFF"));
    }

    void llama2cMalformed_data()
    {
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<int>("vocabulary");
        QTest::addColumn<QByteArray>("message");
        const std::string good = llamaBytes({{"a", -1}});
        const auto row = [](const char* name, const std::string& content, int vocabulary,
                            const char* message) {
            QTest::newRow(name) << QByteArray::fromStdString(content) << vocabulary
                                << QByteArray(message);
        };
        row("three bytes", good.substr(0, 3), 0, "cut short");
        row("no tokens", good.substr(0, 4), 0, "holds 0 tokens");
        row("ends in a header", good.substr(0, good.size() - 5), 260, "ends in token 259");
        row("ends in a text", good.substr(0, good.size() - 1), 260, "length of 1");
        row("fewer than the model", good, 261, "has 261 tokens");
        row("more than the model", good, 259, "more than the 259");
        std::string lie = good;
        const std::int32_t negative = -5;
        std::memcpy(lie.data() + 8, &negative, 4);
        row("negative length", lie, 260, "length of -5");
        const std::int32_t huge = 2000000000;
        std::memcpy(lie.data() + 8, &huge, 4);
        row("huge length", lie, 260, "length of 2000000000");
        std::string nan = good;
        const float value = std::numeric_limits<float>::quiet_NaN();
        std::memcpy(nan.data() + 4, &value, 4);
        row("score of NaN", nan, 260, "not finite");
        row("a huge vocabulary", good, 2000000000, "has 2000000000 tokens");
    }

    void llama2cMalformed()
    {
        QFETCH(QByteArray, content);
        QFETCH(int, vocabulary);
        QFETCH(QByteArray, message);
        try {
            (void)readLlama2cTokenizer(content.toStdString(), vocabulary, "the file");
            QFAIL("was read");
        } catch (const Error& error) {
            QVERIFY2(QByteArray(error.what()).contains(message), error.what());
        }
    }

    void filesAreTokenizedWhole()
    {
        TemporaryFolder folder;
        put(folder / "tokenizer.bin", llamaBytes({{" ", -1}, {"a", -2}, {"\n", -3}}));
        const auto tokenizer = openTokenizer(folder / "tokenizer.bin", 262);
        QCOMPARE(tokenizer->kind(), std::string("llama2.c"));
        const auto tokens = [&](const std::string& text) {
            put(folder / "text", text);
            return tokenizeFile(*tokenizer, folder / "text");
        };
        QVERIFY(tokens("a\na") == (std::vector<Token>{1, 259, 260, 261, 260}));
        QVERIFY(tokens("a\na\n") == (std::vector<Token>{1, 259, 260, 261, 260}));
        QVERIFY(tokens("a\n\n") == (std::vector<Token>{1, 259, 260, 261}));
        const auto failure = [&](const std::string& text) {
            try {
                (void)tokens(text);
            } catch (const Error& error) {
                return QByteArray(error.what());
            }
            return QByteArray("was read");
        };
        QVERIFY(failure("").contains("is empty"));
        QVERIFY(failure("\n").contains("is empty"));
        QVERIFY(failure(std::string("a\0b", 3)).contains("not a text"));
        QVERIFY(failure("\xFF\xFE").contains("not a text"));
        QVERIFY_EXCEPTION_THROWN((void)tokenizeFile(*tokenizer, folder / "absent"), Error);
    }

    void windows_data()
    {
        QTest::addColumn<int>("tokens");
        QTest::addColumn<int>("length");
        QTest::addColumn<int>("count");
        QTest::newRow("exact") << 12 << 4 << 3;
        QTest::newRow("rest") << 15 << 4 << 3;
        QTest::newRow("one") << 4 << 4 << 1;
        QTest::newRow("none") << 3 << 4 << 0;
        QTest::newRow("empty") << 0 << 4 << 0;
        QTest::newRow("of one") << 3 << 1 << 3;
        QTest::newRow("of nothing") << 3 << 0 << 0;
        QTest::newRow("negative") << 3 << -1 << 0;
    }

    void windows()
    {
        QFETCH(int, tokens);
        QFETCH(int, length);
        QFETCH(int, count);
        const auto text = upTo(tokens);
        if (count == 0) {
            QVERIFY_EXCEPTION_THROWN((void)cutWindows(text, length), Error);
            QVERIFY_EXCEPTION_THROWN((void)sampleWindows(text, length, 1, 0), Error);
            return;
        }
        const TokenWindows windows = cutWindows(text, length);
        QCOMPARE(windows.count(), std::int64_t(count));
        for (int i = 0; i < count; ++i)
            for (int j = 0; j < length; ++j)
                QCOMPARE(windows.window(i)[static_cast<std::size_t>(j)], i * length + j);
    }

    void samples()
    {
        const auto text = upTo(1003);
        const TokenWindows some = sampleWindows(text, 10, 30, 7);
        QCOMPARE(some.count(), std::int64_t(30));
        std::set<Token> starts;
        for (std::int64_t i = 0; i < some.count(); ++i) {
            const auto window = some.window(i);
            QVERIFY(window[0] % 10 == 0 && window[9] == window[0] + 9); // of the grid, in one piece
            QVERIFY(starts.empty() || *starts.rbegin() < window[0]);    // in order, none twice
            starts.insert(window[0]);
        }
        QVERIFY(sampleWindows(text, 10, 30, 7).tokens == some.tokens);
        QVERIFY(sampleWindows(text, 10, 30, 8).tokens != some.tokens);
        QVERIFY(sampleWindows(text, 10, 1000, 7).tokens == cutWindows(text, 10).tokens);
        QCOMPARE(sampleWindows(text, 10, 0, 7).count(), std::int64_t(0));
        QVERIFY_EXCEPTION_THROWN((void)sampleWindows(text, 10, -1, 7), Error);

        // Every window has its fair share: 1,000 draws of 25 out of 100 are 250 each, deviation 14.
        std::vector<int> drawn(100);
        for (std::uint64_t seed = 0; seed < 1000; ++seed) {
            const TokenWindows sample = sampleWindows(text, 10, 25, seed);
            for (std::int64_t i = 0; i < sample.count(); ++i)
                ++drawn[static_cast<std::size_t>(sample.window(i)[0] / 10)];
        }
        for (const int times : drawn)
            QVERIFY(times > 170 && times < 330);
    }

    void realTokenizer()
    {
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA is not set: the tokenizer of stories260K is not read");
        const fs::path folder = *data / "lm-stories260K";
        const auto tokenizer = openTokenizer(folder / "tokenizer.bin", 512);
        const auto golden = readNpy<std::int32_t>(folder / "golden_ids.npy");
        std::vector<Token> ids;
        for (const std::int32_t id : golden.values)
            ids.push_back(id);
        QVERIFY(ids.size() > 10 && ids[0] == 1);
        // The golden ids are the beginning of an encoded text: of all but its last words the text
        // must be cut in the same way again.
        const std::string text = tokenizer->decode(ids);
        const auto again = tokenizer->encode(text);
        QVERIFY(again.size() > 50);
        QVERIFY(std::equal(again.begin(), again.begin() + 50, ids.begin() + 1));
        QCOMPARE(tokenizer->decode(again), text);

        const auto stories = tokenizeFile(*tokenizer, *data / "text" / "tinystories.txt");
        QVERIFY(stories.size() > 100000);
        QVERIFY(tokenizer->decode(stories) + "\n" ==
                    readTextFile(*data / "text" / "tinystories.txt") ||
                tokenizer->decode(stories) == readTextFile(*data / "text" / "tinystories.txt"));
    }
};

QTEST_APPLESS_MAIN(TestTextWindows)
#include "tst_text_windows.moc"
