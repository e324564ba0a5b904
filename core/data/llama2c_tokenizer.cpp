// SPDX-License-Identifier: GPL-3.0-or-later
//
// tokenizer.bin: u32 length of the longest token; then for every token f32 score, i32 length and
// its bytes. Ids 0, 1, 2 are unknown, BOS, EOS; 3…258 the 256 bytes. A space stands for itself.
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/data/bpe.h"
#include "core/data/tokenizer_readers.h"
#include "core/data/utf8.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_map>
#include <utility>

namespace gradus {

namespace {

constexpr Token unknown = 0;
constexpr Token begin = 1;
constexpr Token end = 2;
constexpr Token firstByte = 3;
constexpr float lowestScore = -1e10F; // pairs at or below it are never merged by run.c

class Llama2cTokenizer final : public Tokenizer
{
public:
    Llama2cTokenizer(std::string_view content, std::int64_t vocabularySize, const std::string& name)
    {
        const auto fail = [&](const std::string& what) {
            return Error(ErrorCode::Format, concat(name, ": ", what));
        };
        if (content.size() < 4)
            throw fail("cut short; a llama2.c tokenizer starts with a length of 4 bytes");
        std::size_t at = 4;
        while (vocabularySize > 0 ? std::int64_t(m_texts.size()) < vocabularySize
                                  : at < content.size()) {
            float score = 0;
            std::int32_t length = 0;
            if (content.size() - at < 8)
                throw fail(concat("ends in token ", m_texts.size(),
                                  vocabularySize > 0
                                      ? concat("; the model has ", vocabularySize, " tokens")
                                      : std::string()));
            std::memcpy(&score, content.data() + at, 4);
            std::memcpy(&length, content.data() + at + 4, 4);
            at += 8;
            if (length < 0 || static_cast<std::size_t>(length) > content.size() - at)
                throw fail(concat("token ", m_texts.size(), " has a length of ", length, ", but ",
                                  content.size() - at, " bytes are left"));
            if (!std::isfinite(score))
                throw fail(concat("the score of token ", m_texts.size(), " is not finite"));
            m_texts.emplace_back(content.substr(at, static_cast<std::size_t>(length)));
            m_scores.push_back(score);
            m_longest = std::max(m_longest, m_texts.back().size());
            at += static_cast<std::size_t>(length);
        }
        if (at != content.size())
            throw fail(concat("holds more than the ", vocabularySize,
                              " tokens of the model: ", content.size() - at, " bytes are left"));
        if (m_texts.size() < 3)
            throw fail(concat("holds ", m_texts.size(),
                              " tokens; unknown, BOS and EOS at least are expected"));
        for (std::size_t id = 0; id < m_texts.size(); ++id)
            if (!m_texts[id].empty())
                m_ids.emplace(m_texts[id], static_cast<Token>(id)); // the first of equals
    }

    [[nodiscard]] std::string kind() const override { return "llama2.c"; }
    [[nodiscard]] std::int64_t vocabularySize() const override
    {
        return static_cast<std::int64_t>(m_texts.size());
    }
    [[nodiscard]] std::optional<Token> bos() const override { return begin; }
    [[nodiscard]] std::optional<Token> eos() const override { return end; }

    [[nodiscard]] std::vector<Token> encode(std::string_view text) const override
    {
        if (text.empty())
            return {};
        if (text.size() >= std::size_t(std::numeric_limits<std::int32_t>::max()))
            throw Error(ErrorCode::Unsupported, "a text of 2 GiB or more cannot be tokenized");
        const std::string padded = " " + std::string(text);
        std::vector<bpe::Symbol> symbols;
        for (std::string_view rest = padded; !rest.empty();) {
            // A lead byte, whatever it is, and up to three continuation bytes.
            std::size_t length = 1;
            while (length < 4 && length < rest.size() &&
                   (static_cast<unsigned char>(rest[length]) & 0xC0U) == 0x80U)
                ++length;
            bpe::Symbol symbol;
            symbol.text = rest.substr(0, length);
            symbol.id = idOf(symbol.text);
            if (symbol.id >= 0) {
                symbols.push_back(symbol);
            } else if (rest.data() != padded.data()) { // a vocabulary may lack the space
                symbol.frozen = true;
                for (std::size_t i = 0; i < length; ++i) {
                    symbol.text = rest.substr(i, 1);
                    symbol.id = firstByte + static_cast<unsigned char>(rest[i]);
                    if (symbol.id >= vocabularySize())
                        symbol.id = unknown;
                    symbols.push_back(symbol);
                }
            }
            rest.remove_prefix(length);
        }
        bpe::link(symbols);
        bpe::mergeAll(
            symbols,
            [&](const bpe::Symbol& left, const bpe::Symbol& right) -> std::optional<bpe::Merge> {
                const std::size_t size = left.text.size() + right.text.size();
                if (size > m_longest)
                    return std::nullopt;
                const Token id = idOf({left.text.data(), size});
                if (id < 0 || m_scores[static_cast<std::size_t>(id)] <= lowestScore)
                    return std::nullopt;
                return bpe::Merge{double(m_scores[static_cast<std::size_t>(id)]), id};
            });
        std::vector<Token> tokens;
        for (const bpe::Symbol& symbol : symbols)
            if (!symbol.text.empty())
                tokens.push_back(symbol.id);
        return tokens;
    }

    [[nodiscard]] std::string decode(std::span<const Token> tokens, bool atStart) const override
    {
        std::string text;
        for (const Token token : tokens) {
            if (token < 0 || token >= vocabularySize())
                throw Error(ErrorCode::Shape, concat("token ", token, " is not below the ",
                                                     vocabularySize(), " of the vocabulary"));
            if (token == begin || token == end)
                continue;
            std::string_view piece = m_texts[static_cast<std::size_t>(token)];
            if (atStart && !piece.empty() && piece.front() == ' ')
                piece.remove_prefix(1);
            atStart = false;
            const int byte = byteOfName(piece);
            if (byte >= 0)
                text += static_cast<char>(byte);
            else
                text += piece;
        }
        return text;
    }

private:
    [[nodiscard]] Token idOf(std::string_view text) const
    {
        const auto found = m_ids.find(text);
        return found == m_ids.end() ? -1 : found->second;
    }

    std::vector<std::string> m_texts;
    std::vector<float> m_scores;
    std::unordered_map<std::string_view, Token> m_ids; ///< into m_texts, which no longer changes
    std::size_t m_longest = 0;
};

} // namespace

std::shared_ptr<const Tokenizer>
readLlama2cTokenizer(std::string_view content, std::int64_t vocabularySize, const std::string& name)
{
    return std::make_shared<Llama2cTokenizer>(content, vocabularySize, name);
}

} // namespace gradus
