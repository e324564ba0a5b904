// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/data/bpe.h"
#include "core/data/charsmap.h"
#include "core/data/piece_kinds.h"
#include "core/data/prefix_trie.h"
#include "core/data/tokenizer_readers.h"
#include "core/data/utf8.h"
#include "sentencepiece_model.pb.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <unordered_map>
#include <utility>

namespace gradus {

using namespace piece;

namespace {

constexpr std::string_view spaceSymbol = "\xE2\x96\x81";          // ▁
constexpr std::string_view replacementCharacter = "\xEF\xBF\xBD"; // of a byte that is no UTF-8
constexpr float unknownPenalty = 10.0F;
// Scores are sums over the text so far. Where every path meets, the sum is started afresh once it
// is as large as this: single precision would blur the choices of a long text.
constexpr float restartScore = 1e4F;

struct Piece
{
    std::string text;
    float score = 0;
    int kind = Normal;
};

void replaceSpaces(std::string& out, std::string_view text)
{
    for (const char c : text) {
        if (c == ' ')
            out += spaceSymbol;
        else
            out += c;
    }
}

class SentencepieceTokenizer final : public Tokenizer
{
public:
    SentencepieceTokenizer(std::string_view content, std::int64_t modelVocabulary,
                           const std::string& name)
    {
        const auto fail = [&](ErrorCode code, const std::string& what) {
            return Error(code, concat(name, ": ", what));
        };
        sentencepiece::Model model;
        if (content.size() > std::size_t(std::numeric_limits<std::int32_t>::max()) ||
            !model.ParseFromArray(content.data(), static_cast<int>(content.size())))
            throw fail(ErrorCode::Format, "is not a sentencepiece model, or is cut short");
        const auto& trainer = model.trainer();
        if (trainer.model_type() != 1 && trainer.model_type() != 2)
            throw fail(ErrorCode::Unsupported,
                       concat("a sentencepiece model of type ", trainer.model_type(),
                              "; 1 (unigram) and 2 (BPE) can be run"));
        m_unigram = trainer.model_type() == 1;
        m_suffix = trainer.whitespace_as_suffix();
        m_byteFallback = trainer.byte_fallback();
        m_unknownSurface = trainer.unknown_surface();
        m_dummyPrefix = model.normalizer().add_dummy_prefix();
        m_removeExtra = model.normalizer().remove_extra_whitespaces();
        m_escape = model.normalizer().escape_whitespaces();
        m_charsmap = Charsmap(model.normalizer().precompiled_charsmap(), name);
        if (model.pieces_size() == 0)
            throw fail(ErrorCode::Format, "a sentencepiece model without pieces");
        if (modelVocabulary > 0 && model.pieces_size() > modelVocabulary)
            throw fail(ErrorCode::Format,
                       concat("holds ", model.pieces_size(),
                              " tokens, but the model's vocabulary has ", modelVocabulary));
        m_pieces.reserve(static_cast<std::size_t>(model.pieces_size()));
        for (const auto& piece : model.pieces())
            m_pieces.push_back({piece.text(), piece.score(), piece.kind()});
        index(fail);
        m_bos = controlNamed(trainer.begin_piece());
        m_eos = controlNamed(trainer.end_piece());
    }

    [[nodiscard]] std::string kind() const override
    {
        return m_unigram ? "sentencepiece-unigram" : "sentencepiece-bpe";
    }
    [[nodiscard]] std::int64_t vocabularySize() const override
    {
        return static_cast<std::int64_t>(m_pieces.size());
    }
    [[nodiscard]] std::optional<Token> bos() const override { return m_bos; }
    [[nodiscard]] std::optional<Token> eos() const override { return m_eos; }

    [[nodiscard]] std::vector<Token> encode(std::string_view text) const override
    {
        const std::string normalized = normalize(text);
        // Three bytes may come of one; the symbols of a text are counted in 32 bits.
        if (normalized.size() >= std::size_t(std::numeric_limits<std::int32_t>::max()))
            throw Error(ErrorCode::Unsupported, "a text of 2 GiB or more cannot be tokenized");
        std::vector<Token> tokens;
        bool previousUnknown = false;
        const auto put = [&](std::string_view piece, Token id) {
            const bool isUnknown = id == m_unknown;
            if (isUnknown && m_byteFallback) {
                for (const char c : piece)
                    tokens.push_back(m_bytes[static_cast<unsigned char>(c)]);
            } else if (!isUnknown || !previousUnknown) { // a run of unknowns is one
                tokens.push_back(id);
            }
            previousUnknown = isUnknown;
        };
        if (m_unigram)
            encodeUnigram(normalized, put);
        else
            encodeBpe(normalized, put);
        return tokens;
    }

    [[nodiscard]] std::string decode(std::span<const Token> tokens, bool atStart) const override
    {
        std::string text;
        atStart = atStart && !m_suffix && (m_dummyPrefix || m_removeExtra);
        for (const Token token : tokens) {
            if (token < 0 || token >= vocabularySize())
                throw Error(ErrorCode::Shape, concat("token ", token, " is not below the ",
                                                     vocabularySize(), " of the vocabulary"));
            const Piece& piece = m_pieces[static_cast<std::size_t>(token)];
            if (piece.kind == Control)
                continue;
            std::string_view rest = piece.text;
            if (atStart && rest.starts_with(spaceSymbol))
                rest.remove_prefix(spaceSymbol.size());
            atStart = false;
            if (piece.kind == Unknown) {
                text += m_unknownSurface;
            } else if (piece.kind == Byte) {
                text += static_cast<char>(byteOfName(piece.text));
            } else {
                while (!rest.empty()) {
                    if (rest.starts_with(spaceSymbol)) {
                        text += ' ';
                        rest.remove_prefix(spaceSymbol.size());
                    } else {
                        text += rest.front();
                        rest.remove_prefix(1);
                    }
                }
            }
        }
        return text;
    }

private:
    template <class Fail>
    void index(const Fail& fail)
    {
        std::vector<std::pair<std::string, std::int32_t>> matched;
        std::vector<std::pair<std::string, std::int32_t>> userDefined;
        m_lowest = std::numeric_limits<float>::max();
        m_highest = std::numeric_limits<float>::min();
        m_bytes.fill(-1);
        for (std::size_t i = 0; i < m_pieces.size(); ++i) {
            const Piece& piece = m_pieces[i];
            const auto id = static_cast<Token>(i);
            if (piece.text.empty())
                throw fail(ErrorCode::Format, concat("piece ", i, " is empty"));
            if (!std::isfinite(piece.score))
                throw fail(ErrorCode::Format, concat("the score of piece ", i, " is not finite"));
            if (piece.kind < Normal || piece.kind > Byte)
                throw fail(ErrorCode::Unsupported,
                           concat("piece ", i, " is of the unknown kind ", piece.kind));
            const bool isMatched =
                piece.kind == Normal || piece.kind == UserDefined || piece.kind == Unused;
            if (!(isMatched ? m_matched : m_reserved).emplace(piece.text, id).second)
                throw fail(ErrorCode::Format,
                           concat("piece ", quoted(piece.text), " appears twice"));
            if (isMatched) {
                m_longest = std::max(m_longest, piece.text.size());
                if (m_unigram)
                    matched.emplace_back(piece.text, id);
            }
            if (piece.kind == UserDefined)
                userDefined.emplace_back(piece.text, id);
            if (piece.kind == Normal) {
                m_lowest = std::min(m_lowest, piece.score);
                m_highest = std::max(m_highest, piece.score);
            }
            if (piece.kind == Unknown) {
                if (m_unknown >= 0)
                    throw fail(ErrorCode::Format, "there are two unknown pieces; one is expected");
                m_unknown = id;
            }
            if (piece.kind == Byte) {
                const int byte = byteOfName(piece.text);
                if (byte < 0)
                    throw fail(ErrorCode::Format, concat("byte piece ", quoted(piece.text),
                                                         "; a name like \"<0x0A>\" is expected"));
                m_bytes[static_cast<std::size_t>(byte)] = id;
            }
        }
        if (m_unknown < 0)
            throw fail(ErrorCode::Format, "there is no unknown piece; one is expected");
        if (m_byteFallback && std::count(m_bytes.begin(), m_bytes.end(), -1) > 0)
            throw fail(ErrorCode::Format, concat("byte fallback is on, but ",
                                                 std::count(m_bytes.begin(), m_bytes.end(), -1),
                                                 " of the 256 byte pieces are missing"));
        m_trie = PrefixTrie(std::move(matched));
        m_userDefined = PrefixTrie(std::move(userDefined));
    }

    [[nodiscard]] std::optional<Token> controlNamed(const std::string& text) const
    {
        const Token id = idOf(text);
        if (m_pieces[static_cast<std::size_t>(id)].kind != Control)
            return std::nullopt;
        return id;
    }

    [[nodiscard]] Token idOf(std::string_view text) const
    {
        const auto reserved = m_reserved.find(text);
        if (reserved != m_reserved.end())
            return reserved->second;
        const auto found = m_matched.find(text);
        return found == m_matched.end() ? m_unknown : found->second;
    }

    /// What stands for the beginning of text after normalisation, and how many bytes it stands for.
    [[nodiscard]] std::pair<std::string_view, std::size_t>
    normalizedPrefix(std::string_view text) const
    {
        if (const auto symbol = m_userDefined.longest(text))
            return {text.substr(0, symbol->length), symbol->length};
        if (const auto rule = m_charsmap.find(text))
            return {rule->replacement, rule->length};
        const std::size_t length = utf8Length(text);
        if (length == 0)
            return {replacementCharacter, 1};
        return {text.substr(0, length), length};
    }

    [[nodiscard]] std::string normalize(std::string_view text) const
    {
        std::string out;
        if (m_removeExtra)
            while (!text.empty()) {
                const auto [prefix, consumed] = normalizedPrefix(text);
                if (prefix != " ")
                    break;
                text.remove_prefix(consumed);
            }
        if (text.empty())
            return out;
        out.reserve(text.size() + text.size() / 2 + spaceSymbol.size());
        const std::string_view space = m_escape ? spaceSymbol : std::string_view(" ");
        if (m_dummyPrefix && !m_suffix)
            out += space;
        bool afterSpace = m_removeExtra;
        while (!text.empty()) {
            auto [prefix, consumed] = normalizedPrefix(text);
            text.remove_prefix(consumed);
            while (afterSpace && !prefix.empty() && prefix.front() == ' ')
                prefix.remove_prefix(1);
            if (prefix.empty())
                continue;
            if (m_escape)
                replaceSpaces(out, prefix);
            else
                out += prefix;
            afterSpace = m_removeExtra && prefix.back() == ' ';
        }
        if (m_removeExtra)
            while (out.ends_with(space))
                out.resize(out.size() - space.size());
        if (m_dummyPrefix && m_suffix)
            out += space;
        return out;
    }

    template <class Put>
    void encodeBpe(std::string_view text, const Put& put) const
    {
        std::vector<bpe::Symbol> symbols;
        for (std::string_view rest = text; !rest.empty();) {
            bpe::Symbol symbol;
            std::size_t length = utf8Step(rest);
            if (const auto match = m_userDefined.longest(rest)) {
                symbol.frozen = true;
                length = match->length;
            }
            symbol.text = rest.substr(0, length);
            rest.remove_prefix(length);
            symbols.push_back(symbol);
        }
        // Unused pieces are steps on the way to longer ones; those left over are taken apart again.
        std::unordered_map<std::string_view, std::size_t> unusedSplit;
        bpe::link(symbols);
        bpe::mergeAll(
            symbols,
            [&](const bpe::Symbol& left, const bpe::Symbol& right) -> std::optional<bpe::Merge> {
                const std::size_t size = left.text.size() + right.text.size();
                if (size > m_longest)
                    return std::nullopt;
                const std::string_view merged(left.text.data(), size);
                const auto found = m_matched.find(merged);
                if (found == m_matched.end())
                    return std::nullopt;
                const Piece& piece = m_pieces[static_cast<std::size_t>(found->second)];
                if (piece.kind == Unused)
                    unusedSplit[merged] = left.text.size();
                return bpe::Merge{double(piece.score), found->second};
            });
        std::vector<std::string_view> stack;
        for (const bpe::Symbol& symbol : symbols) {
            if (symbol.text.empty())
                continue;
            stack.push_back(symbol.text);
            while (!stack.empty()) {
                const std::string_view piece = stack.back();
                stack.pop_back();
                const Token id = idOf(piece);
                const auto split = m_pieces[static_cast<std::size_t>(id)].kind == Unused
                                       ? unusedSplit.find(piece)
                                       : unusedSplit.end();
                if (split == unusedSplit.end()) {
                    put(piece, id);
                } else {
                    stack.push_back(piece.substr(split->second));
                    stack.push_back(piece.substr(0, split->second));
                }
            }
        }
    }

    /// The best path over all ways to cut the text into pieces (Viterbi). Sums are in single
    /// precision and ties go to the first found, as in the original, so that ids are the same.
    template <class Put>
    void encodeUnigram(std::string_view text, const Put& put) const
    {
        struct Best
        {
            float score = 0;
            Token id = -1;
            std::int32_t start = -1;
        };
        std::vector<Best> bestAt(text.size() + 1);
        const float unknownScore = m_lowest - unknownPenalty;
        std::size_t farthest = 0;
        for (std::size_t start = 0; start < text.size();) {
            if (farthest == start && std::fabs(bestAt[start].score) > restartScore)
                bestAt[start].score = 0;
            const float soFar = bestAt[start].score;
            const auto offer = [&](std::size_t end, Token id, double total) {
                Best& best = bestAt[end];
                if (best.start < 0 || total > double(best.score)) {
                    best.score = static_cast<float>(total);
                    best.id = id;
                    best.start = static_cast<std::int32_t>(start);
                }
                farthest = std::max(farthest, end);
            };
            const std::size_t character = utf8Step(text.substr(start));
            bool single = false;
            int node = PrefixTrie::root;
            for (std::size_t at = start; at < text.size();) {
                node = m_trie.step(node, text[at]);
                if (node == PrefixTrie::none)
                    break;
                ++at;
                const Token id = m_trie.value(node);
                if (id < 0)
                    continue;
                const Piece& piece = m_pieces[static_cast<std::size_t>(id)];
                if (piece.kind == Unused)
                    continue;
                const std::size_t length = at - start;
                // A user-defined symbol costs next to nothing, whatever its length.
                const double score = piece.kind == UserDefined
                                         ? double(static_cast<float>(length) * m_highest) - 0.1
                                         : double(piece.score);
                offer(at, id, score + double(soFar));
                single = single || length == character;
            }
            if (!single)
                offer(start + character, m_unknown, double(unknownScore + soFar));
            start += character;
        }
        std::vector<std::size_t> ends;
        for (std::size_t end = text.size(); end > 0;
             end = static_cast<std::size_t>(bestAt[end].start))
            ends.push_back(end);
        for (auto end = ends.rbegin(); end != ends.rend(); ++end) {
            const Best& best = bestAt[*end];
            const auto start = static_cast<std::size_t>(best.start);
            put(text.substr(start, *end - start), best.id);
        }
    }

    std::vector<Piece> m_pieces;
    std::unordered_map<std::string_view, Token> m_matched;  ///< into m_pieces, as the next
    std::unordered_map<std::string_view, Token> m_reserved; ///< unknown, control and byte pieces
    std::array<Token, 256> m_bytes{};
    PrefixTrie m_trie;        ///< of m_matched; only for unigram
    PrefixTrie m_userDefined; ///< symbols that stay whole through everything
    Charsmap m_charsmap;
    std::string m_unknownSurface;
    std::size_t m_longest = 0;
    float m_lowest = 0;
    float m_highest = 0;
    Token m_unknown = -1;
    std::optional<Token> m_bos;
    std::optional<Token> m_eos;
    bool m_unigram = false;
    bool m_suffix = false;
    bool m_byteFallback = false;
    bool m_dummyPrefix = true;
    bool m_removeExtra = true;
    bool m_escape = true;
};

} // namespace

std::shared_ptr<const Tokenizer>
readSentencepiece(std::string_view content, std::int64_t vocabularySize, const std::string& name)
{
    return std::make_shared<SentencepieceTokenizer>(content, vocabularySize, name);
}

} // namespace gradus
