// SPDX-License-Identifier: GPL-3.0-or-later
// WordPiece as BERT has it (Devlin et al. 2019; the published tokenization.py and Hugging Face's
// BertNormalizer, BertPreTokenizer and WordPiece, whose order of steps this follows).
#include "core/base/error.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "core/data/prefix_trie.h"
#include "core/data/tokenizer_readers.h"
#include "core/data/unicode_tables.h"
#include "core/data/utf8.h"
#include "core/io/strict_json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <unordered_map>
#include <utility>

namespace gradus {

namespace {

using Json = nlohmann::json;

constexpr std::size_t cachedWord = 48; // longest word that one call remembers

bool isBlank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool isAsciiPunctuation(char c)
{
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
}

/// The blocks that BERT's authors call Chinese characters.
bool isIdeograph(char32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B820 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

void appendUtf8(char32_t c, std::string& out)
{
    const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xC0 | c >> 6);
        put(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        put(0xE0 | c >> 12);
        put(0x80 | (c >> 6 & 0x3F));
        put(0x80 | (c & 0x3F));
    } else {
        put(0xF0 | c >> 18);
        put(0x80 | (c >> 12 & 0x3F));
        put(0x80 | (c >> 6 & 0x3F));
        put(0x80 | (c & 0x3F));
    }
}

/// The character of that many bytes that text starts with; the replacement character for what is
/// no UTF-8.
char32_t characterOf(std::string_view text, std::size_t length)
{
    const auto byte = [&](std::size_t i) {
        return static_cast<char32_t>(static_cast<unsigned char>(text[i]));
    };
    switch (length) {
    case 1:
        return byte(0);
    case 2:
        return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
    case 3:
        return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    case 4:
        return (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 |
               (byte(3) & 0x3F);
    default:
        return 0xFFFD;
    }
}

std::string without(std::string_view text, const Regex& pattern)
{
    std::string out;
    std::size_t done = 0;
    while (const auto match = pattern.find(text, done)) {
        out += text.substr(done, match->begin - done);
        done = match->end;
    }
    out += text.substr(done);
    return out;
}

/// What is done to a text before it is cut into words.
struct Normalization
{
    bool cleans = true;
    bool separatesIdeographs = true;
    bool stripsAccents = true;
    bool lowers = true;
};

class WordPieceTokenizer final : public Tokenizer
{
public:
    struct Parts
    {
        std::vector<std::string> tokens; ///< by id, "" for a hole
        std::set<std::string> special;   ///< found whole in the text
        std::string classToken = "[CLS]";
        std::string separator = "[SEP]";
        std::string unknown = "[UNK]";
        std::string prefix = "##";
        std::size_t longestWord = 100; ///< in characters; longer ones are unknown
        Normalization normalization;
    };

    WordPieceTokenizer(Parts parts, const std::string& name)
        : m_parts(std::move(parts))
    {
        std::vector<std::pair<std::string, std::int32_t>> first;
        std::vector<std::pair<std::string, std::int32_t>> following;
        std::vector<std::pair<std::string, std::int32_t>> special;
        for (std::size_t i = 0; i < m_parts.tokens.size(); ++i) {
            const std::string& token = m_parts.tokens[i];
            const auto id = static_cast<Token>(i);
            if (token.empty() || !m_ids.emplace(token, id).second)
                continue; // of equal lines the first keeps the text
            if (m_parts.special.contains(token)) {
                special.emplace_back(token, id);
                m_special.insert(id);
            }
            first.emplace_back(token, id);
            if (token.size() > m_parts.prefix.size() && token.starts_with(m_parts.prefix))
                following.emplace_back(token.substr(m_parts.prefix.size()), id);
        }
        m_first = PrefixTrie(std::move(first));
        m_following = m_parts.prefix.empty() ? m_first : PrefixTrie(std::move(following));
        m_specialTexts = PrefixTrie(std::move(special));
        const auto unknown = m_ids.find(m_parts.unknown);
        if (unknown == m_ids.end())
            throw Error(ErrorCode::Format,
                        concat(name, ": the unknown token ", quoted(m_parts.unknown),
                               " is not in its vocabulary"));
        m_unknown = unknown->second;
    }

    [[nodiscard]] std::string kind() const override { return "wordpiece"; }
    [[nodiscard]] std::int64_t vocabularySize() const override
    {
        return static_cast<std::int64_t>(m_parts.tokens.size());
    }
    [[nodiscard]] std::optional<Token> bos() const override { return named(m_parts.classToken); }
    [[nodiscard]] std::optional<Token> eos() const override { return named(m_parts.separator); }

    [[nodiscard]] std::vector<Token> encode(std::string_view text) const override
    {
        Encoding encoding;
        std::size_t done = 0;
        for (std::size_t at = 0; !m_specialTexts.empty() && at < text.size();) {
            const auto match = m_specialTexts.longest(text.substr(at));
            if (!match) {
                ++at;
                continue;
            }
            encodeSegment(text.substr(done, at - done), encoding);
            encoding.tokens.push_back(match->value);
            at += match->length;
            done = at;
        }
        encodeSegment(text.substr(done), encoding);
        return std::move(encoding.tokens);
    }

    [[nodiscard]] std::string decode(std::span<const Token> tokens, bool atStart) const override
    {
        std::string out;
        for (const Token token : tokens) {
            if (token < 0 || token >= vocabularySize())
                throw Error(ErrorCode::Shape, concat("token ", token, " is not below the ",
                                                     vocabularySize(), " of the vocabulary"));
            if (m_special.contains(token) && token != m_unknown)
                continue;
            const std::string_view piece = m_parts.tokens[static_cast<std::size_t>(token)];
            // Marks that end a clause stand close to their word, as in Hugging Face's clean-up.
            const bool closes = piece == "." || piece == "," || piece == "!" || piece == "?";
            const bool follows = !m_parts.prefix.empty() && piece.starts_with(m_parts.prefix);
            if (!atStart && !follows && !closes)
                out += ' ';
            out += piece.substr(follows && !atStart ? m_parts.prefix.size() : 0);
            atStart = false;
        }
        return out;
    }

private:
    struct Encoding
    {
        std::vector<Token> tokens;
        std::unordered_map<std::string, std::vector<Token>> seen;
    };

    [[nodiscard]] std::optional<Token> named(const std::string& token) const
    {
        const auto found = m_ids.find(token);
        return found == m_ids.end() ? std::nullopt : std::optional(found->second);
    }

    /// Blanks separate words whatever the normalization does.
    void encodeSegment(std::string_view segment, Encoding& encoding) const
    {
        for (std::size_t at = 0; at < segment.size();) {
            if (isBlank(segment[at])) {
                ++at;
                continue;
            }
            std::size_t end = at + 1;
            while (end < segment.size() && !isBlank(segment[end]))
                ++end;
            encodeWord(segment.substr(at, end - at), encoding);
            at = end;
        }
    }

    void encodeWord(std::string_view word, Encoding& encoding) const
    {
        const bool remembered = word.size() <= cachedWord;
        if (remembered) {
            const auto seen = encoding.seen.find(std::string(word));
            if (seen != encoding.seen.end()) {
                encoding.tokens.insert(encoding.tokens.end(), seen->second.begin(),
                                       seen->second.end());
                return;
            }
        }
        const std::size_t before = encoding.tokens.size();
        const bool plain =
            std::all_of(word.begin(), word.end(), [](char c) { return c > ' ' && c < 0x7F; });
        if (plain)
            cutPlain(word, encoding.tokens);
        else
            cut(normalized(word), encoding.tokens);
        if (remembered)
            encoding.seen.emplace(word, std::vector<Token>(encoding.tokens.begin() +
                                                               static_cast<std::ptrdiff_t>(before),
                                                           encoding.tokens.end()));
    }

    /// Of printable ASCII: what normalized() and cut() would do.
    void cutPlain(std::string_view word, std::vector<Token>& tokens) const
    {
        std::string lowered(word);
        if (m_parts.normalization.lowers)
            for (char& c : lowered)
                if (c >= 'A' && c <= 'Z')
                    c = static_cast<char>(c - 'A' + 'a');
        const std::string_view text = lowered;
        for (std::size_t at = 0; at < text.size();) {
            std::size_t end = at + 1;
            if (!isAsciiPunctuation(text[at]))
                while (end < text.size() && !isAsciiPunctuation(text[end]))
                    ++end;
            pieces(text.substr(at, end - at), tokens);
            at = end;
        }
    }

    [[nodiscard]] std::string normalized(std::string_view word) const
    {
        static const Regex controls(R"((?![\t\n\r])\p{C}|\x{FFFD})");
        static const Regex marks(R"(\p{Mn})");
        const Normalization& how = m_parts.normalization;
        std::u32string characters;
        for (; !word.empty(); word.remove_prefix(utf8Step(word))) {
            const char32_t c = characterOf(word, utf8Length(word));
            if (how.separatesIdeographs && isIdeograph(c))
                characters += {U' ', c, U' '};
            else
                characters += c;
        }
        const auto spelled = [](const std::u32string& from) {
            std::string text;
            for (const char32_t c : from)
                appendUtf8(c, text);
            return text;
        };
        if (how.cleans && !how.stripsAccents && !how.lowers)
            return without(spelled(characters), controls);
        std::u32string changed;
        for (const char32_t c : characters) {
            const std::size_t before = changed.size();
            if (how.stripsAccents)
                appendBase(c, changed);
            else
                changed += c;
            if (how.lowers)
                for (std::size_t i = before; i < changed.size(); ++i)
                    changed[i] = lowerCase(changed[i]);
        }
        std::string text = spelled(changed);
        if (how.cleans)
            text = without(text, controls);
        return how.stripsAccents ? without(text, marks) : text;
    }

    /// Words between spaces; every punctuation character is a word of its own.
    void cut(std::string_view text, std::vector<Token>& tokens) const
    {
        static const Regex words(R"([!-/:-@\[-`{-~]|\p{P}|[^\s\p{Z}\p{P}!-/:-@\[-`{-~]+)");
        std::size_t done = 0;
        while (const auto match = words.find(text, done)) {
            pieces(text.substr(match->begin, match->end - match->begin), tokens);
            done = match->end;
        }
    }

    /// The longest token that the rest of the word begins with, again and again.
    void pieces(std::string_view word, std::vector<Token>& tokens) const
    {
        const std::size_t before = tokens.size();
        const auto characters = std::count_if(word.begin(), word.end(), [](char c) {
            return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
        });
        std::string_view rest =
            static_cast<std::size_t>(characters) > m_parts.longestWord ? std::string_view() : word;
        bool known = !rest.empty();
        for (bool first = true; !rest.empty(); first = false) {
            const auto match = (first ? m_first : m_following).longest(rest);
            if (!match) {
                known = false;
                break;
            }
            tokens.push_back(match->value);
            rest.remove_prefix(match->length);
        }
        if (!known) {
            tokens.resize(before);
            tokens.push_back(m_unknown);
        }
    }

    Parts m_parts;
    std::unordered_map<std::string, Token> m_ids;
    std::set<Token> m_special;
    PrefixTrie m_first;     ///< of a word
    PrefixTrie m_following; ///< without the prefix
    PrefixTrie m_specialTexts;
    Token m_unknown = 0;
};

const Json* memberOf(const Json& json, const char* key)
{
    const auto found = json.find(key);
    return found == json.end() || found->is_null() ? nullptr : &*found;
}

/// Reads settings of either file; a wrong type is an error that names the key.
class Settings
{
public:
    Settings(const Json& json, const std::string& name)
        : m_json(json)
        , m_name(name)
    {
    }
    [[nodiscard]] bool flag(const char* key, bool otherwise) const
    {
        const Json* found = memberOf(m_json, key);
        if (found && !found->is_boolean())
            throw Error(ErrorCode::Format,
                        concat(m_name, ": ", quoted(key), " is neither true nor false"));
        return found ? found->get<bool>() : otherwise;
    }
    /// A text, or an object with its "content".
    [[nodiscard]] std::string text(const char* key, const std::string& otherwise) const
    {
        const Json* found = memberOf(m_json, key);
        if (found && found->is_object())
            found = memberOf(*found, "content");
        if (found && !found->is_string())
            throw Error(ErrorCode::Format, concat(m_name, ": ", quoted(key), " is not a text"));
        return found ? found->get<std::string>() : otherwise;
    }

private:
    const Json& m_json;
    const std::string& m_name;
};

void readNormalizer(const Json& json, const std::string& name, Normalization& how)
{
    const Json* normalizer = memberOf(json, "normalizer");
    if (!normalizer) {
        how = {false, false, false, false};
        return;
    }
    const Settings settings(*normalizer, name);
    const std::string type = settings.text("type", "");
    if (type != "BertNormalizer")
        throw Error(ErrorCode::Unsupported, concat(name, ": a normalizer of type ", quoted(type),
                                                   "; BertNormalizer can be run with WordPiece"));
    how.cleans = settings.flag("clean_text", true);
    how.separatesIdeographs = settings.flag("handle_chinese_chars", true);
    how.lowers = settings.flag("lowercase", true);
    how.stripsAccents = settings.flag("strip_accents", how.lowers);
}

/// Ids are dense in honest files; a lonely huge one must not make a huge table.
void place(std::vector<std::string>& tokens, const std::string& token, const Json& id,
           std::size_t limit, const std::string& name)
{
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= limit)
        throw Error(ErrorCode::Format,
                    concat(name, ": token ", quoted(token), " has the id ", id.dump().substr(0, 40),
                           "; a number below ", limit, " is expected"));
    const auto at = id.get<std::size_t>();
    if (at >= tokens.size())
        tokens.resize(at + 1);
    tokens[at] = token;
}

void requireFit(const std::vector<std::string>& tokens, std::int64_t vocabularySize,
                const std::string& name)
{
    if (vocabularySize > 0 && static_cast<std::int64_t>(tokens.size()) > vocabularySize)
        throw Error(ErrorCode::Format,
                    concat(name, ": its vocabulary has ids up to ", tokens.size() - 1,
                           ", but the model's has ", vocabularySize, " tokens"));
}

Json settingsBeside(std::string_view config, const std::string& name)
{
    if (config.empty())
        return Json::object();
    Json json = parseStrictJson(config, name + " (tokenizer_config.json beside it)");
    if (!json.is_object())
        throw Error(ErrorCode::Format,
                    concat(name, ": tokenizer_config.json beside it is not a JSON object"));
    return json;
}

} // namespace

std::shared_ptr<const Tokenizer> readWordPiece(const Json& json, std::string_view config,
                                               std::int64_t vocabularySize, const std::string& name)
{
    WordPieceTokenizer::Parts parts;
    const Json& model = json.at("model");
    const Json* vocabulary = memberOf(model, "vocab");
    if (!vocabulary || !vocabulary->is_object() || vocabulary->empty())
        throw Error(ErrorCode::Format, concat(name, ": \"vocab\" is not an object with tokens"));
    const Settings settings(model, name);
    parts.unknown = settings.text("unk_token", parts.unknown);
    parts.prefix = settings.text("continuing_subword_prefix", parts.prefix);
    if (const Json* longest = memberOf(model, "max_input_chars_per_word")) {
        if (!longest->is_number_unsigned())
            throw Error(ErrorCode::Format,
                        concat(name, ": \"max_input_chars_per_word\" is no count"));
        parts.longestWord = longest->get<std::size_t>();
    }
    readNormalizer(json, name, parts.normalization);
    const Json* cuts = memberOf(json, "pre_tokenizer");
    const std::string cut = cuts ? Settings(*cuts, name).text("type", "") : "";
    if (cut != "BertPreTokenizer")
        throw Error(ErrorCode::Unsupported, concat(name, ": a pre-tokenizer of type ", quoted(cut),
                                                   "; BertPreTokenizer can be run with WordPiece"));
    static const Json none = Json::array();
    const Json* added = memberOf(json, "added_tokens");
    if (added && !added->is_array())
        throw Error(ErrorCode::Format, concat(name, ": \"added_tokens\" is not a list"));
    const Json& addedTokens = added ? *added : none;
    const std::size_t limit = (vocabulary->size() + addedTokens.size()) * 2 + 1024;
    for (const auto& [token, id] : vocabulary->items())
        place(parts.tokens, token, id, limit, name);
    requireFit(parts.tokens, vocabularySize, name);
    for (const Json& entry : addedTokens) {
        const Json* id = entry.is_object() ? memberOf(entry, "id") : nullptr;
        const std::string content =
            entry.is_object() ? Settings(entry, name).text("content", "") : "";
        if (!id || content.empty())
            throw Error(ErrorCode::Format, concat(name, ": an added token without content or id"));
        // A tokenizer may have more added tokens than the model has embeddings: not usable.
        if (vocabularySize > 0 && id->is_number_unsigned() &&
            id->get<std::uint64_t>() >= static_cast<std::uint64_t>(vocabularySize))
            continue;
        place(parts.tokens, content, *id, limit, name);
        parts.special.insert(content);
    }
    const Json beside = settingsBeside(config, name);
    parts.classToken = Settings(beside, name).text("cls_token", parts.classToken);
    parts.separator = Settings(beside, name).text("sep_token", parts.separator);
    return std::make_shared<WordPieceTokenizer>(std::move(parts), name);
}

std::shared_ptr<const Tokenizer> readWordPieceVocabulary(std::string_view content,
                                                         std::string_view config,
                                                         std::int64_t vocabularySize,
                                                         const std::string& name)
{
    WordPieceTokenizer::Parts parts;
    while (!content.empty()) {
        const std::size_t end = std::min(content.find('\n'), content.size());
        std::string_view line = content.substr(0, end);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        parts.tokens.emplace_back(line);
        content.remove_prefix(std::min(end + 1, content.size()));
    }
    if (parts.tokens.empty())
        throw Error(ErrorCode::Format, concat(name, ": no tokens"));
    requireFit(parts.tokens, vocabularySize, name);
    const Json beside = settingsBeside(config, name);
    const Settings settings(beside, name);
    parts.classToken = settings.text("cls_token", parts.classToken);
    parts.separator = settings.text("sep_token", parts.separator);
    parts.unknown = settings.text("unk_token", parts.unknown);
    parts.special = {parts.classToken, parts.separator, parts.unknown,
                     settings.text("pad_token", "[PAD]"), settings.text("mask_token", "[MASK]")};
    Normalization& how = parts.normalization;
    how.lowers = settings.flag("do_lower_case", true);
    how.separatesIdeographs = settings.flag("tokenize_chinese_chars", true);
    how.stripsAccents = settings.flag("strip_accents", how.lowers);
    return std::make_shared<WordPieceTokenizer>(std::move(parts), name);
}

} // namespace gradus
