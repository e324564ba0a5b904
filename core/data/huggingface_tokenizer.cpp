// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "core/data/bpe.h"
#include "core/data/prefix_trie.h"
#include "core/data/tokenizer_readers.h"
#include "core/data/utf8.h"
#include "core/io/strict_json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <deque>
#include <limits>
#include <set>
#include <unordered_map>
#include <utility>

namespace gradus {

namespace {

using Json = nlohmann::json;

constexpr std::string_view spaceSymbol = "\xE2\x96\x81"; // ▁
// GPT-2's cut into words, which a ByteLevel step makes unless told not to.
constexpr std::string_view byteLevelPattern =
    R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::size_t cachedWord = 48; // longest word that one call remembers
// Bounds for hostile files: real ones have a handful of steps, and none makes a text four times as
// long (a space, one byte, becomes ▁, three).
constexpr std::size_t maximumSteps = 64;
constexpr std::size_t maximumGrowth = 16;
constexpr std::size_t freeGrowth = 1 << 16;

std::string utf8Of(unsigned code) // below 0x800
{
    if (code < 0x80)
        return {static_cast<char>(code)};
    return {static_cast<char>(0xC0U | code >> 6), static_cast<char>(0x80U | (code & 0x3FU))};
}

/// Byte-level vocabularies spell every byte as one printable character: itself where it is one in
/// Latin-1, else the next free one from U+0100 on.
const std::array<std::string, 256>& byteNames()
{
    static const std::array<std::string, 256> names = [] {
        std::array<std::string, 256> result;
        unsigned free = 0x100;
        for (unsigned byte = 0; byte < 256; ++byte) {
            const bool printable =
                (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
            result[byte] = utf8Of(printable ? byte : free++);
        }
        return result;
    }();
    return names;
}

bool isSpace(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool isWord(char c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           static_cast<unsigned char>(c) >= 0x80;
}

/// The parts of text between and on the matches of a pattern, in order, none empty.
struct Part
{
    std::string_view text;
    bool isMatch = false;
};

std::vector<Part> partsOf(std::string_view text, const Regex& pattern)
{
    std::vector<Part> parts;
    std::size_t done = 0;
    for (std::size_t from = 0; from <= text.size();) {
        const auto match = pattern.find(text, from);
        if (!match)
            break;
        if (match->end == match->begin) { // an empty match cuts nothing
            from = match->end < text.size() ? match->end + utf8Step(text.substr(match->end))
                                            : text.size() + 1;
            continue;
        }
        if (match->begin > done)
            parts.push_back({text.substr(done, match->begin - done), false});
        parts.push_back({text.substr(match->begin, match->end - match->begin), true});
        done = from = match->end;
    }
    if (done < text.size())
        parts.push_back({text.substr(done), false});
    return parts;
}

/// The bytes that steps may still make of one text.
class Budget
{
public:
    explicit Budget(std::size_t textSize)
        : m_left(textSize * maximumGrowth + freeGrowth)
    {
    }
    void take(std::size_t bytes)
    {
        if (bytes > m_left)
            throw Error(ErrorCode::Unsupported,
                        concat("the tokenizer's normalization makes a text more than ",
                               maximumGrowth, " times as long"));
        m_left -= bytes;
    }

private:
    std::size_t m_left;
};

std::string replaceAll(std::string_view text, std::string_view from, std::string_view to,
                       Budget& budget)
{
    std::string out;
    while (true) {
        const std::size_t at = text.find(from);
        budget.take(std::min(at, text.size()) + to.size());
        out += text.substr(0, at);
        if (at == std::string_view::npos)
            return out;
        out += to;
        text.remove_prefix(at + from.size());
    }
}

/// What is done to a text before it is cut.
struct NormalizerStep
{
    enum class Kind
    {
        Prepend, ///< content in front of a text that is not empty
        Replace  ///< every pattern or text `from` by content
    };
    Kind kind = Kind::Prepend;
    std::string from;
    std::optional<Regex> pattern;
    std::string content;
};

/// How a text is cut into the words that are merged each on its own.
struct CutStep
{
    enum class Kind
    {
        ByteLevel,
        Split,
        Metaspace
    };
    enum class Behaviour
    {
        Isolated,
        Removed,
        MergedWithPrevious,
        MergedWithNext,
        Contiguous
    };
    enum class Prepend
    {
        Never,
        First,
        Always
    };
    Kind kind = Kind::Split;
    std::optional<Regex> pattern; ///< ByteLevel: absent when it does not cut
    Behaviour behaviour = Behaviour::Isolated;
    bool invert = false;
    Prepend prepend = Prepend::Never; ///< a space (ByteLevel) or the replacement (Metaspace)
    std::string replacement;
    bool split = true; ///< Metaspace
};

struct AddedToken
{
    std::string content;
    Token id = 0;
    bool special = false;
    bool singleWord = false;
    bool stripLeft = false;
    bool stripRight = false;
};

class HuggingFaceTokenizer final : public Tokenizer
{
public:
    HuggingFaceTokenizer(const Json& json, std::string_view config, std::int64_t vocabularySize,
                         const std::string& name)
        : m_name(name)
    {
        const Json& model = member(json, "model");
        // Files before the field existed hold BPE when they have merges.
        const std::string type = text(model, "type", model.contains("merges") ? "BPE" : "");
        if (type != "BPE")
            throw unsupported(
                concat("a model of type ", quoted(type), "; BPE and WordPiece can be run"));
        for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"})
            if (!text(model, affix, "").empty())
                throw unsupported(concat("a BPE model with ", affix));
        m_byteFallback = flag(model, "byte_fallback", false);
        m_ignoreMerges = flag(model, "ignore_merges", false);
        m_fuseUnknown = flag(model, "fuse_unk", false);
        readNormalizer(json.value("normalizer", Json()), 0);
        readCuts(json.value("pre_tokenizer", Json()), 0);
        readVocabulary(member(model, "vocab"), json.value("added_tokens", Json()), vocabularySize);
        readMerges(member(model, "merges"));
        if (const std::string unknown = text(model, "unk_token", ""); !unknown.empty()) {
            m_unknown = idOf(unknown);
            if (m_unknown < 0)
                throw bad(concat("unk_token ", quoted(unknown), " is not in its vocabulary"));
        }
        readEnds(json.value("post_processor", Json()), config);
    }

    [[nodiscard]] std::string kind() const override
    {
        return m_byteLevel ? "byte-level-bpe" : "huggingface-bpe";
    }
    [[nodiscard]] std::int64_t vocabularySize() const override
    {
        return static_cast<std::int64_t>(m_texts.size());
    }
    [[nodiscard]] std::optional<Token> bos() const override { return m_bos; }
    [[nodiscard]] std::optional<Token> eos() const override { return m_eos; }

    [[nodiscard]] std::vector<Token> encode(std::string_view text) const override
    {
        if (text.size() >= std::size_t(std::numeric_limits<std::int32_t>::max()) / 4)
            throw Error(ErrorCode::Unsupported, "a text of 512 MiB or more cannot be tokenized");
        Encoding encoding;
        splitAdded(text, m_rawAdded, encoding,
                   [&](std::string_view segment) { encodeSegment(segment, text, encoding); });
        return std::move(encoding.tokens);
    }

    [[nodiscard]] std::string decode(std::span<const Token> tokens, bool atStart) const override
    {
        static const std::unordered_map<std::string_view, char> byteOf = [] {
            std::unordered_map<std::string_view, char> map;
            for (std::size_t byte = 0; byte < 256; ++byte)
                map.emplace(byteNames()[byte], static_cast<char>(byte));
            return map;
        }();
        std::string out;
        for (const Token token : tokens) {
            if (token < 0 || token >= vocabularySize())
                throw Error(ErrorCode::Shape, concat("token ", token, " is not below the ",
                                                     vocabularySize(), " of the vocabulary"));
            const auto added = m_addedById.find(token);
            if (added != m_addedById.end()) {
                if (!m_added[added->second].special) {
                    out += m_added[added->second].content;
                    atStart = false;
                }
                continue;
            }
            std::string_view rest = m_texts[static_cast<std::size_t>(token)];
            if (m_byteLevel) {
                for (; !rest.empty(); rest.remove_prefix(utf8Step(rest))) {
                    const std::string_view character = rest.substr(0, utf8Step(rest));
                    const auto byte = byteOf.find(character);
                    if (byte == byteOf.end())
                        out += character;
                    else
                        out += byte->second;
                }
                continue;
            }
            const int byte = m_byteFallback ? byteOfName(rest) : -1;
            if (byte >= 0) {
                out += static_cast<char>(byte);
            } else {
                Budget budget(rest.size());
                const std::string plain =
                    m_spaceSymbol ? replaceAll(rest, spaceSymbol, " ", budget) : std::string(rest);
                const bool drop = atStart && m_dummyPrefix && plain.starts_with(' ');
                out += plain.substr(drop ? 1 : 0);
            }
            atStart = false;
        }
        return out;
    }

private:
    struct Encoding
    {
        std::vector<Token> tokens;
        /// Word → where its tokens stand in words; the keys live in storage.
        std::unordered_map<std::string_view, std::pair<std::size_t, std::size_t>> seen;
        std::vector<Token> words;
        std::deque<std::string> storage;
    };

    // ---- reading ----

    [[nodiscard]] Error bad(const std::string& what) const
    {
        return Error(ErrorCode::Format, concat(m_name, ": ", what));
    }
    [[nodiscard]] Error unsupported(const std::string& what) const
    {
        return Error(ErrorCode::Unsupported, concat(m_name, ": ", what));
    }
    [[nodiscard]] const Json& member(const Json& object, const char* key) const
    {
        const auto found = object.find(key); // end() unless it is an object
        if (found == object.end())
            throw bad(concat("has no ", quoted(key)));
        return *found;
    }
    [[nodiscard]] std::string text(const Json& object, const char* key,
                                   const std::string& otherwise) const
    {
        const auto found = object.find(key);
        if (found == object.end() || found->is_null())
            return otherwise;
        if (!found->is_string())
            throw bad(concat(quoted(key), " is not a text"));
        return found->get<std::string>();
    }
    [[nodiscard]] bool flag(const Json& object, const char* key, bool otherwise) const
    {
        const auto found = object.find(key);
        if (found == object.end() || found->is_null())
            return otherwise;
        if (!found->is_boolean())
            throw bad(concat(quoted(key), " is neither true nor false"));
        return found->get<bool>();
    }
    [[nodiscard]] const Json& list(const Json& object, const char* key) const
    {
        const Json& found = member(object, key);
        if (!found.is_array())
            throw bad(concat(quoted(key), " is not a list"));
        return found;
    }

    [[nodiscard]] Regex compiled(const std::string& pattern) const
    {
        try {
            return Regex(pattern);
        } catch (const Error& error) {
            throw bad(error.what());
        }
    }

    /// {"String": …} or {"Regex": …}.
    [[nodiscard]] std::pair<std::string, bool> patternOf(const Json& object) const
    {
        const Json& pattern = member(object, "pattern");
        const bool isRegex = pattern.contains("Regex");
        if (!isRegex && !pattern.contains("String"))
            throw bad("a pattern is neither \"String\" nor \"Regex\"");
        std::string source = text(pattern, isRegex ? "Regex" : "String", "");
        if (source.empty())
            throw bad("a pattern is empty");
        return {std::move(source), isRegex};
    }

    void readNormalizer(const Json& json, int depth)
    {
        if (json.is_null())
            return;
        const std::string type = text(json, "type", "");
        if (type == "Sequence" && depth < 8) {
            for (const Json& step : list(json, "normalizers"))
                readNormalizer(step, depth + 1);
        } else if (type == "Prepend") {
            NormalizerStep step;
            step.content = text(json, "prepend", "");
            m_dummyPrefix = m_dummyPrefix || step.content == spaceSymbol;
            m_normalizer.push_back(std::move(step));
        } else if (type == "Replace") {
            NormalizerStep step;
            step.kind = NormalizerStep::Kind::Replace;
            auto [source, isRegex] = patternOf(json);
            step.content = text(json, "content", "");
            m_spaceSymbol = m_spaceSymbol || step.content == spaceSymbol;
            if (isRegex)
                step.pattern.emplace(compiled(source));
            else
                step.from = std::move(source);
            m_normalizer.push_back(std::move(step));
        } else if (type != "NFC") { // see the header
            throw unsupported(concat("a normalizer of type ", quoted(type),
                                     "; Sequence, Prepend, Replace and NFC can be run"));
        }
        if (m_normalizer.size() > maximumSteps)
            throw bad(concat("more than ", maximumSteps, " normalizer steps"));
    }

    void readCuts(const Json& json, int depth)
    {
        if (json.is_null())
            return;
        const std::string type = text(json, "type", "");
        CutStep step;
        if (type == "Sequence" && depth < 8) {
            for (const Json& entry : list(json, "pretokenizers"))
                readCuts(entry, depth + 1);
            return;
        }
        if (type == "ByteLevel") {
            step.kind = CutStep::Kind::ByteLevel;
            if (flag(json, "add_prefix_space", true))
                step.prepend = CutStep::Prepend::Always;
            if (flag(json, "use_regex", true))
                step.pattern.emplace(compiled(std::string(byteLevelPattern)));
            m_byteLevel = true;
        } else if (type == "Split") {
            auto [source, isRegex] = patternOf(json);
            step.pattern.emplace(compiled(isRegex ? source : regexEscaped(source)));
            step.invert = flag(json, "invert", false);
            step.behaviour = behaviourOf(text(json, "behavior", "Isolated"));
        } else if (type == "Digits") {
            step.pattern.emplace(
                compiled(flag(json, "individual_digits", false) ? "\\p{N}" : "\\p{N}+"));
        } else if (type == "Metaspace") {
            step.kind = CutStep::Kind::Metaspace;
            step.replacement = text(json, "replacement", std::string(spaceSymbol));
            if (step.replacement.empty())
                throw bad("a Metaspace without replacement");
            const std::string scheme = text(
                json, "prepend_scheme", flag(json, "add_prefix_space", true) ? "always" : "never");
            if (scheme != "always" && scheme != "first" && scheme != "never")
                throw bad(concat("prepend_scheme is ", quoted(scheme),
                                 "; always, first or never is expected"));
            step.prepend = scheme == "always"  ? CutStep::Prepend::Always
                           : scheme == "first" ? CutStep::Prepend::First
                                               : CutStep::Prepend::Never;
            step.split = flag(json, "split", true);
            m_dummyPrefix = m_dummyPrefix || step.prepend != CutStep::Prepend::Never;
            m_spaceSymbol = m_spaceSymbol || step.replacement == spaceSymbol;
        } else {
            throw unsupported(concat("a pre-tokenizer of type ", quoted(type),
                                     "; Sequence, ByteLevel, Split, Digits and Metaspace can be "
                                     "run"));
        }
        m_cuts.push_back(std::move(step));
        if (m_cuts.size() > maximumSteps)
            throw bad(concat("more than ", maximumSteps, " pre-tokenizer steps"));
    }

    [[nodiscard]] CutStep::Behaviour behaviourOf(const std::string& name) const
    {
        using Behaviour = CutStep::Behaviour;
        static const std::array<std::pair<const char*, Behaviour>, 5> names{{
            {"Isolated", Behaviour::Isolated},
            {"Removed", Behaviour::Removed},
            {"MergedWithPrevious", Behaviour::MergedWithPrevious},
            {"MergedWithNext", Behaviour::MergedWithNext},
            {"Contiguous", Behaviour::Contiguous},
        }};
        for (const auto& [known, behaviour] : names)
            if (name == known)
                return behaviour;
        throw unsupported(concat("a Split with behavior ", quoted(name)));
    }

    void readVocabulary(const Json& vocabulary, const Json& added, std::int64_t modelVocabulary)
    {
        if (!vocabulary.is_object() || vocabulary.empty())
            throw bad("\"vocab\" is not an object with tokens");
        if (!added.is_null() && !added.is_array())
            throw bad("\"added_tokens\" is not a list");
        // Ids are dense in honest files; a lonely huge one must not make a huge table.
        const std::size_t limit = (vocabulary.size() + added.size()) * 2 + 1024;
        const auto checkedId = [&](const Json& value, const std::string& token) {
            if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= limit)
                throw bad(concat("token ", quoted(token), " has the id ",
                                 value.dump().substr(0, 40), "; a number below ", limit,
                                 " is expected"));
            return static_cast<Token>(value.get<std::uint64_t>());
        };
        const auto place = [&](Token id, const std::string& token) {
            if (static_cast<std::size_t>(id) >= m_texts.size())
                m_texts.resize(static_cast<std::size_t>(id) + 1);
            m_texts[static_cast<std::size_t>(id)] = token;
        };
        m_ids.reserve(vocabulary.size());
        for (const auto& [token, value] : vocabulary.items()) {
            const Token id = checkedId(value, token);
            place(id, token);
            m_ids.emplace(token, id);
            m_longest = std::max(m_longest, token.size());
        }
        if (modelVocabulary > 0 && static_cast<std::int64_t>(m_texts.size()) > modelVocabulary)
            throw bad(concat("its vocabulary has ids up to ", m_texts.size() - 1,
                             ", but the model's has ", modelVocabulary, " tokens"));
        std::vector<std::pair<std::string, std::int32_t>> raw;
        std::vector<std::pair<std::string, std::int32_t>> normalized;
        std::set<std::string> known;
        for (const Json& entry : added.is_null() ? Json::array() : added) {
            AddedToken token;
            token.content = text(entry, "content", "");
            if (token.content.empty())
                throw bad("an added token without content");
            token.id = checkedId(member(entry, "id"), token.content);
            // A tokenizer may have more added tokens than the model has embeddings: not usable.
            if (modelVocabulary > 0 && token.id >= modelVocabulary)
                continue;
            token.special = flag(entry, "special", false);
            token.singleWord = flag(entry, "single_word", false);
            token.stripLeft = flag(entry, "lstrip", false);
            token.stripRight = flag(entry, "rstrip", false);
            const bool isNormalized = flag(entry, "normalized", !token.special);
            if (!known.insert(token.content).second)
                throw bad(concat("added token ", quoted(token.content), " appears twice"));
            place(token.id, token.content);
            m_addedById.emplace(token.id, m_added.size());
            const auto index = static_cast<std::int32_t>(m_added.size());
            if (isNormalized) {
                std::string key = normalize(token.content);
                if (!key.empty())
                    normalized.emplace_back(std::move(key), index);
            } else {
                raw.emplace_back(token.content, index);
            }
            m_added.push_back(std::move(token));
        }
        // Two added tokens may become the same text; the first keeps it.
        std::stable_sort(normalized.begin(), normalized.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
        normalized.erase(
            std::unique(normalized.begin(), normalized.end(),
                        [](const auto& a, const auto& b) { return a.first == b.first; }),
            normalized.end());
        m_rawAdded = PrefixTrie(std::move(raw));
        m_normalizedAdded = PrefixTrie(std::move(normalized));
        for (std::size_t byte = 0; byte < 256; ++byte) {
            char fallback[8];
            std::snprintf(fallback, sizeof fallback, "<0x%02X>", static_cast<unsigned>(byte));
            m_bytes[byte] = m_byteLevel      ? idOf(byteNames()[byte])
                            : m_byteFallback ? idOf(fallback)
                                             : -1;
        }
    }

    void readMerges(const Json& merges)
    {
        if (!merges.is_array())
            throw bad("\"merges\" is not a list");
        m_merges.reserve(merges.size());
        std::int32_t rank = 0;
        for (const Json& entry : merges) {
            std::string left;
            std::string right;
            if (entry.is_string()) {
                const auto& both = entry.get_ref<const std::string&>();
                const std::size_t space = both.find(' ');
                if (space != std::string::npos) {
                    left = both.substr(0, space);
                    right = both.substr(space + 1);
                }
            } else if (entry.is_array() && entry.size() == 2 && entry[0].is_string() &&
                       entry[1].is_string()) {
                left = entry[0].get<std::string>();
                right = entry[1].get<std::string>();
            }
            if (left.empty() || right.empty())
                throw bad(concat("merge ", rank, " is not a pair of tokens"));
            const Token leftId = idOf(left);
            const Token rightId = idOf(right);
            const Token merged = idOf(left + right);
            if (leftId < 0 || rightId < 0 || merged < 0)
                throw bad(concat("merge ", rank, " (", quoted(left), ", ", quoted(right),
                                 ") needs a token that is not in the vocabulary"));
            m_merges.insert_or_assign(pairKey(leftId, rightId), std::pair(rank, merged));
            ++rank;
        }
    }

    [[nodiscard]] std::optional<Token> tokenNamed(const std::string& name) const
    {
        for (const AddedToken& token : m_added)
            if (token.content == name)
                return token.id;
        const Token id = idOf(name);
        return id < 0 ? std::nullopt : std::optional(id);
    }

    void readEnds(const Json& postProcessor, std::string_view config)
    {
        Json settings;
        if (!config.empty()) {
            settings = parseStrictJson(config, m_name + " (tokenizer_config.json beside it)");
            if (!settings.is_object())
                throw bad("tokenizer_config.json beside it is not a JSON object");
        }
        // "bos_token": "<s>" or {"content": "<s>", …}
        const auto configured = [&](const char* key) -> std::optional<Token> {
            const auto found = settings.find(key);
            if (found == settings.end())
                return std::nullopt;
            if (found->is_string())
                return tokenNamed(found->get<std::string>());
            const auto content = found->find("content");
            if (content == found->end() || !content->is_string())
                return std::nullopt;
            return tokenNamed(content->get<std::string>());
        };
        const auto wellKnown = [&](std::initializer_list<const char*> names) {
            std::optional<Token> id;
            for (const char* name : names)
                if (!id)
                    id = tokenNamed(name);
            return id;
        };
        std::optional<Token> first;
        std::optional<Token> last;
        readTemplate(postProcessor, first, last, 0);

        const auto addBos = settings.find("add_bos_token");
        if (addBos != settings.end() && addBos->is_boolean())
            m_bos = addBos->get<bool>() ? configured("bos_token") : std::nullopt;
        else if (first)
            m_bos = first;
        else if (postProcessor.is_null())
            m_bos = wellKnown({"<s>", "<|begin_of_text|>", "<bos>"});
        else
            m_bos = wellKnown({"<|begin_of_text|>"});
        m_eos = configured("eos_token");
        if (!m_eos)
            m_eos = last;
        if (!m_eos)
            m_eos = wellKnown({"</s>", "<|end_of_text|>", "<|endoftext|>", "<eos>", "<|im_end|>"});
    }

    /// The special tokens that a TemplateProcessing puts before and behind a text.
    void readTemplate(const Json& json, std::optional<Token>& first, std::optional<Token>& last,
                      int depth) const
    {
        if (json.is_null() || depth >= 8)
            return;
        const std::string type = text(json, "type", "");
        if (type == "Sequence") {
            for (const Json& step : list(json, "processors"))
                readTemplate(step, first, last, depth + 1);
        } else if (type == "TemplateProcessing") {
            bool before = true;
            for (const Json& entry : list(json, "single")) {
                if (entry.contains("Sequence")) {
                    before = false;
                } else if (entry.contains("SpecialToken")) {
                    const auto id = tokenNamed(text(entry["SpecialToken"], "id", ""));
                    if (before && !first)
                        first = id;
                    else if (!before)
                        last = id;
                }
            }
        }
    }

    // ---- encoding ----

    [[nodiscard]] Token idOf(std::string_view token) const
    {
        const auto found = m_ids.find(std::string(token));
        return found == m_ids.end() ? -1 : found->second;
    }

    static std::uint64_t pairKey(Token left, Token right)
    {
        return std::uint64_t(static_cast<std::uint32_t>(left)) << 32 |
               static_cast<std::uint32_t>(right);
    }

    /// Emits the added tokens found in text and hands on what lies between them.
    template <class Between>
    void splitAdded(std::string_view whole, const PrefixTrie& trie, Encoding& encoding,
                    const Between& between) const
    {
        std::size_t done = 0;
        for (std::size_t at = 0; !trie.empty() && at < whole.size();) {
            const auto match = trie.longest(whole.substr(at));
            if (!match) {
                ++at;
                continue;
            }
            const AddedToken& token = m_added[static_cast<std::size_t>(match->value)];
            std::size_t begin = at;
            std::size_t end = at + match->length;
            if (token.singleWord && ((begin > 0 && isWord(whole[begin - 1])) ||
                                     (end < whole.size() && isWord(whole[end])))) {
                at = end;
                continue;
            }
            while (token.stripLeft && begin > done && isSpace(whole[begin - 1]))
                --begin;
            while (token.stripRight && end < whole.size() && isSpace(whole[end]))
                ++end;
            if (begin > done)
                between(whole.substr(done, begin - done));
            encoding.tokens.push_back(token.id);
            done = at = end;
        }
        if (done < whole.size())
            between(whole.substr(done));
    }

    void encodeSegment(std::string_view segment, std::string_view whole, Encoding& encoding) const
    {
        const bool atStart = segment.data() == whole.data();
        const std::string normalized = normalize(segment);
        splitAdded(normalized, m_normalizedAdded, encoding, [&](std::string_view part) {
            cut(part, atStart && part.data() == normalized.data(), encoding);
        });
    }

    [[nodiscard]] std::string normalize(std::string_view from) const
    {
        std::string result(from);
        for (const NormalizerStep& step : m_normalizer) {
            Budget budget(from.size()); // for what this step makes
            if (step.kind == NormalizerStep::Kind::Prepend) {
                budget.take(result.size() + step.content.size());
                if (!result.empty())
                    result.insert(0, step.content);
            } else if (step.pattern) {
                std::string replaced;
                for (const Part& part : partsOf(result, *step.pattern)) {
                    const std::string_view put = part.isMatch ? step.content : part.text;
                    budget.take(put.size());
                    replaced += put;
                }
                result = std::move(replaced);
            } else {
                result = replaceAll(result, step.from, step.content, budget);
            }
        }
        return result;
    }

    void cut(std::string_view segment, bool atStart, Encoding& encoding) const
    {
        std::deque<std::string> changed; // texts that a step had to alter
        std::vector<std::string_view> pieces{segment};
        for (const CutStep& step : m_cuts) {
            std::vector<std::string_view> next;
            Budget budget(segment.size());
            bool first = atStart;
            for (std::string_view piece : pieces) {
                if (step.kind != CutStep::Kind::Split) {
                    const bool metaspace = step.kind == CutStep::Kind::Metaspace;
                    std::string altered = metaspace
                                              ? replaceAll(piece, " ", step.replacement, budget)
                                              : std::string();
                    const std::string_view current = metaspace ? altered : piece;
                    const std::string_view mark =
                        metaspace ? std::string_view(step.replacement) : std::string_view(" ");
                    const bool prepends = (step.prepend == CutStep::Prepend::Always ||
                                           (step.prepend == CutStep::Prepend::First && first)) &&
                                          !current.starts_with(mark);
                    if (prepends) {
                        budget.take(mark.size());
                        altered = std::string(mark) + std::string(current);
                    }
                    if (metaspace || prepends)
                        piece = changed.emplace_back(std::move(altered));
                }
                if (step.kind == CutStep::Kind::Metaspace)
                    cutMetaspace(step, piece, next);
                else if (step.pattern)
                    cutPattern(step, piece, next);
                else
                    next.push_back(piece);
                first = false;
            }
            pieces = std::move(next);
        }
        for (const std::string_view piece : pieces)
            encodeWord(piece, encoding);
    }

    /// Before every replacement of a space.
    static void cutMetaspace(const CutStep& step, std::string_view piece,
                             std::vector<std::string_view>& out)
    {
        while (step.split && !piece.empty()) {
            const std::size_t at = piece.find(step.replacement, 1);
            if (at == std::string_view::npos)
                break;
            out.push_back(piece.substr(0, at));
            piece.remove_prefix(at);
        }
        if (!piece.empty())
            out.push_back(piece);
    }

    static void cutPattern(const CutStep& step, std::string_view piece,
                           std::vector<std::string_view>& out)
    {
        using Behaviour = CutStep::Behaviour;
        std::vector<Part> parts = partsOf(piece, *step.pattern);
        if (step.invert)
            for (Part& part : parts)
                part.isMatch = !part.isMatch;
        const std::size_t first = out.size();
        bool previousMatch = false;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const Part& part = parts[i];
            bool joined = false; // to the piece before it
            switch (step.behaviour) {
            case Behaviour::Isolated:
                break;
            case Behaviour::Removed:
                if (part.isMatch)
                    continue;
                break;
            case Behaviour::MergedWithPrevious:
                joined = part.isMatch && !previousMatch;
                break;
            case Behaviour::MergedWithNext:
                joined = !part.isMatch && previousMatch;
                break;
            case Behaviour::Contiguous:
                joined = part.isMatch == previousMatch;
                break;
            }
            previousMatch = part.isMatch;
            if (joined && out.size() > first)
                out.back() = {out.back().data(), out.back().size() + part.text.size()};
            else
                out.push_back(part.text);
        }
    }

    void encodeWord(std::string_view word, Encoding& encoding) const
    {
        if (word.size() <= cachedWord) {
            const auto seen = encoding.seen.find(word);
            if (seen != encoding.seen.end()) {
                const auto [begin, count] = seen->second;
                for (std::size_t i = 0; i < count; ++i)
                    encoding.tokens.push_back(encoding.words[begin + i]);
                return;
            }
        }
        const std::size_t before = encoding.tokens.size();
        mergeWord(word, encoding.tokens);
        if (word.size() <= cachedWord) {
            const std::size_t count = encoding.tokens.size() - before;
            encoding.seen.emplace(encoding.storage.emplace_back(word),
                                  std::pair(encoding.words.size(), count));
            encoding.words.insert(encoding.words.end(),
                                  encoding.tokens.end() - static_cast<std::ptrdiff_t>(count),
                                  encoding.tokens.end());
        }
    }

    void mergeWord(std::string_view word, std::vector<Token>& tokens) const
    {
        if (m_ignoreMerges && word.size() <= m_longest) {
            std::string spelled;
            if (m_byteLevel)
                for (const char c : word)
                    spelled += byteNames()[static_cast<unsigned char>(c)];
            const Token whole = m_byteLevel ? idOf(spelled) : idOf(word);
            if (whole >= 0) {
                tokens.push_back(whole);
                return;
            }
        }
        std::vector<bpe::Symbol> symbols;
        symbols.reserve(word.size());
        const auto put = [&](std::string_view part, Token id) {
            bpe::Symbol symbol;
            symbol.text = part;
            symbol.id = id;
            symbols.push_back(symbol);
        };
        const auto putUnknown = [&](std::string_view part) {
            if (m_unknown < 0)
                return; // as the original: what has no token vanishes
            if (m_fuseUnknown && !symbols.empty() && symbols.back().id == m_unknown) {
                std::string_view& last = symbols.back().text;
                last = {last.data(), last.size() + part.size()};
            } else {
                put(part, m_unknown);
            }
        };
        while (!word.empty()) {
            const std::size_t length = m_byteLevel ? 1 : utf8Step(word);
            const std::string_view character = word.substr(0, length);
            word.remove_prefix(length);
            const Token id =
                m_byteLevel ? m_bytes[static_cast<unsigned char>(character[0])] : idOf(character);
            if (id >= 0) {
                put(character, id);
                continue;
            }
            const bool spelt = m_byteFallback && !m_byteLevel &&
                               std::all_of(character.begin(), character.end(), [&](char c) {
                                   return m_bytes[static_cast<unsigned char>(c)] >= 0;
                               });
            if (!spelt) {
                putUnknown(character);
                continue;
            }
            for (std::size_t i = 0; i < length; ++i)
                put(character.substr(i, 1), m_bytes[static_cast<unsigned char>(character[i])]);
        }
        bpe::link(symbols);
        bpe::mergeAll(
            symbols,
            [&](const bpe::Symbol& left, const bpe::Symbol& right) -> std::optional<bpe::Merge> {
                const auto found = m_merges.find(pairKey(left.id, right.id));
                if (found == m_merges.end())
                    return std::nullopt;
                return bpe::Merge{-double(found->second.first), found->second.second};
            });
        for (const bpe::Symbol& symbol : symbols)
            if (!symbol.text.empty())
                tokens.push_back(symbol.id);
    }

    std::string m_name;
    std::vector<NormalizerStep> m_normalizer;
    std::vector<CutStep> m_cuts;
    std::vector<std::string> m_texts; ///< by id; "" where the file leaves a hole
    std::unordered_map<std::string, Token> m_ids;
    std::unordered_map<std::uint64_t, std::pair<std::int32_t, Token>> m_merges; ///< rank and result
    std::vector<AddedToken> m_added;
    std::unordered_map<Token, std::size_t> m_addedById;
    PrefixTrie m_rawAdded;        ///< index of an added token that is looked for in the text
    PrefixTrie m_normalizedAdded; ///< of one that is looked for in the normalized text
    std::array<Token, 256> m_bytes{};
    std::size_t m_longest = 0;
    Token m_unknown = -1;
    std::optional<Token> m_bos;
    std::optional<Token> m_eos;
    bool m_byteLevel = false;
    bool m_byteFallback = false;
    bool m_ignoreMerges = false;
    bool m_fuseUnknown = false;
    bool m_dummyPrefix = false; ///< encoding puts a space in front, which decoding drops
    bool m_spaceSymbol = false; ///< ▁ stands for a space
};

} // namespace

std::shared_ptr<const Tokenizer> readHuggingFaceTokenizer(std::string_view content,
                                                          std::string_view config,
                                                          std::int64_t vocabularySize,
                                                          const std::string& name)
{
    const Json json = parseStrictJson(content, name);
    if (!json.is_object())
        throw Error(ErrorCode::Format, concat(name, ": is not a JSON object"));
    const auto model = json.find("model");
    if (model != json.end() && model->is_object()) {
        const auto type = model->find("type");
        // Files before the field existed hold WordPiece when they bound the length of words.
        if (type == model->end() ? model->contains("max_input_chars_per_word")
                                 : *type == "WordPiece")
            return readWordPiece(json, config, vocabularySize, name);
    }
    return readHuggingFaceBpe(json, config, vocabularySize, name);
}

std::shared_ptr<const Tokenizer> readHuggingFaceBpe(const Json& json, std::string_view config,
                                                    std::int64_t vocabularySize,
                                                    const std::string& name)
{
    return std::make_shared<HuggingFaceTokenizer>(json, config, vocabularySize, name);
}

std::shared_ptr<const Tokenizer>
readByteLevelFiles(std::string_view vocabulary, std::string_view merges, std::string_view config,
                   std::int64_t vocabularySize, const std::string& name)
{
    Json tokens = parseStrictJson(vocabulary, name);
    if (!tokens.is_object())
        throw Error(ErrorCode::Format, concat(name, ": is not a JSON object"));
    Json pairs = Json::array();
    for (bool first = true; !merges.empty(); first = false) {
        const std::size_t end = std::min(merges.find('\n'), merges.size());
        std::string_view line = merges.substr(0, end);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        if (!line.empty() && !(first && line.starts_with("#version")))
            pairs.push_back(line);
        merges.remove_prefix(std::min(end + 1, merges.size()));
    }
    // What GPT-2 and those after it look for in a text; which of them there are, the vocabulary
    // tells.
    Json added = Json::array();
    for (const char* special : {"<|endoftext|>", "<s>", "</s>", "<pad>", "<unk>", "<mask>"})
        if (const auto found = tokens.find(special); found != tokens.end())
            added.push_back({{"content", special}, {"id", *found}, {"special", true}});
    Json post{{"type", "ByteLevel"}};
    if (tokens.contains("<s>") && tokens.contains("</s>") && tokens.contains("<mask>")) {
        const auto sign = [](const char* token) {
            return Json{{"SpecialToken", {{"id", token}, {"type_id", 0}}}};
        };
        const Json text{{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
        post = {{"type", "TemplateProcessing"}, // RoBERTa's
                {"single", Json::array({sign("<s>"), text, sign("</s>")})}};
    }
    const Json json{
        {"added_tokens", std::move(added)},
        {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
        {"post_processor", std::move(post)},
        {"model", {{"type", "BPE"}, {"vocab", std::move(tokens)}, {"merges", std::move(pairs)}}}};
    return std::make_shared<HuggingFaceTokenizer>(json, config, vocabularySize, name);
}

} // namespace gradus
