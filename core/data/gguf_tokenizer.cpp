// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/data/piece_kinds.h"
#include "core/data/tokenizer_readers.h"
#include "core/data/utf8.h"
#include "core/io/gguf_header.h"
#include "sentencepiece_model.pb.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace gradus {

using namespace piece;

namespace {

using Json = nlohmann::json;

const std::string prefix = "tokenizer.ggml.";

// How text is cut into words: the patterns of the models that the names are of.
constexpr std::string_view gpt2Words =
    R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view llama3Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view qwen2Words =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view tekkenWords =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

struct Cut
{
    std::string_view name; ///< "tokenizer.ggml.pre"
    std::string_view words;
    bool digits = false;       ///< each digit is a word before words are looked for
    bool ignoreMerges = false; ///< a word that is a token is that token
    bool begins = false;       ///< texts start with BOS unless the file says otherwise
};

constexpr std::array<Cut, 15> cuts{{
    {"llama-bpe", llama3Words, false, true, true},
    {"llama3", llama3Words, false, true, true},
    {"llama-v3", llama3Words, false, true, true},
    {"smaug-bpe", llama3Words, false, false, false},
    {"dbrx", llama3Words, false, false, false},
    {"qwen2", qwen2Words, false, false, false},
    {"deepseek-r1-qwen", qwen2Words, false, false, false},
    {"tekken", tekkenWords, false, true, true},
    {"gpt-2", gpt2Words, false, false, false},
    {"phi-2", gpt2Words, false, false, false},
    {"olmo", gpt2Words, false, false, false},
    {"default", gpt2Words, false, false, false},
    {"smollm", gpt2Words, true, false, false},
    {"starcoder", gpt2Words, true, false, false},
    {"refact", gpt2Words, true, false, false},
}};

/// What both models have: tokens with their kinds, and which stand at the ends.
class Vocabulary
{
public:
    Vocabulary(const GgufMetadata& metadata, std::string name)
        : m_metadata(metadata)
        , m_name(std::move(name))
        , m_tokens(metadata.texts(prefix + "tokens"))
        , m_kinds(metadata.integers(prefix + "token_type"))
    {
        if (m_tokens.empty())
            throw bad("its metadata holds no tokens");
        if (m_kinds.empty()) {
            m_kinds.assign(m_tokens.size(), Normal);
            for (std::size_t i = 0; i < m_tokens.size(); ++i)
                if (byteOfName(m_tokens[i]) >= 0)
                    m_kinds[i] = Byte;
        }
        if (m_kinds.size() != m_tokens.size())
            throw bad(
                concat("has kinds for ", m_kinds.size(), " of its ", m_tokens.size(), " tokens"));
        for (std::size_t i = 0; i < m_kinds.size(); ++i)
            if (m_kinds[i] < Normal || m_kinds[i] > Byte)
                throw bad(concat("token ", i, " is of the unknown kind ", m_kinds[i]));
    }

    [[nodiscard]] Error bad(const std::string& what) const
    {
        return Error(ErrorCode::Format, concat(m_name, ": ", what));
    }
    [[nodiscard]] const std::vector<std::string_view>& tokens() const { return m_tokens; }
    [[nodiscard]] std::vector<std::int64_t>& kinds() { return m_kinds; }

    /// The id that the metadata names, if it is one.
    [[nodiscard]] std::optional<std::size_t> named(const char* key) const
    {
        const auto id = m_metadata.integer(prefix + key);
        if (!id || *id < 0 || *id >= static_cast<std::int64_t>(m_tokens.size()))
            return std::nullopt;
        return static_cast<std::size_t>(*id);
    }
    [[nodiscard]] std::string textOf(std::optional<std::size_t> id) const
    {
        return id ? std::string(m_tokens[*id]) : std::string();
    }
    [[nodiscard]] bool flag(const char* key, bool otherwise) const
    {
        return m_metadata.boolean(prefix + key).value_or(otherwise);
    }

private:
    const GgufMetadata& m_metadata;
    std::string m_name;
    std::vector<std::string_view> m_tokens;
    std::vector<std::int64_t> m_kinds;
};

/// As the sentencepiece model that it was made from would say it.
std::shared_ptr<const Tokenizer> readSentencepieceTokens(const GgufMetadata& metadata,
                                                         std::int64_t vocabularySize,
                                                         const std::string& name)
{
    Vocabulary vocabulary(metadata, name);
    const std::vector<double> scores = metadata.reals(prefix + "scores");
    const std::size_t count = vocabulary.tokens().size();
    if (scores.size() != count)
        throw vocabulary.bad(
            concat("has scores for ", scores.size(), " of its ", count, " tokens"));
    auto& kinds = vocabulary.kinds();
    const auto begin = vocabulary.named("bos_token_id");
    const auto end = vocabulary.named("eos_token_id");
    for (const auto& id : {begin, end})
        if (id && kinds[*id] != Unknown)
            kinds[*id] = Control;
    if (std::find(kinds.begin(), kinds.end(), Unknown) == kinds.end())
        kinds[vocabulary.named("unknown_token_id").value_or(0)] = Unknown;

    sentencepiece::Model model;
    std::set<int> bytes;
    for (std::size_t i = 0; i < count; ++i) {
        auto& piece = *model.add_pieces();
        piece.set_text(std::string(vocabulary.tokens()[i]));
        piece.set_score(static_cast<float>(scores[i]));
        piece.set_kind(static_cast<int>(kinds[i]));
        if (kinds[i] == Byte)
            bytes.insert(byteOfName(vocabulary.tokens()[i]));
    }
    auto& trainer = *model.mutable_trainer();
    trainer.set_model_type(2); // BPE
    trainer.set_byte_fallback(bytes.size() == 256);
    trainer.set_begin_piece(vocabulary.flag("add_bos_token", true) ? vocabulary.textOf(begin) : "");
    trainer.set_end_piece(vocabulary.textOf(end));
    auto& normalizer = *model.mutable_normalizer();
    normalizer.set_add_dummy_prefix(vocabulary.flag("add_space_prefix", true));
    normalizer.set_remove_extra_whitespaces(vocabulary.flag("remove_extra_whitespaces", false));
    normalizer.set_escape_whitespaces(true);
    return readSentencepiece(model.SerializeAsString(), vocabularySize, name);
}

/// As the tokenizer.json that it was made from would say it.
std::shared_ptr<const Tokenizer> readByteLevelTokens(const GgufMetadata& metadata,
                                                     std::int64_t vocabularySize,
                                                     const std::string& name)
{
    const std::string pre(metadata.text(prefix + "pre").value_or("default"));
    const auto* const cut =
        std::find_if(cuts.begin(), cuts.end(), [&](const Cut& known) { return known.name == pre; });
    if (cut == cuts.end()) {
        std::string known;
        for (const Cut& entry : cuts)
            known += concat(known.empty() ? "" : ", ", entry.name);
        throw Error(ErrorCode::Unsupported,
                    concat(name, ": its tokenizer cuts words as ", quoted(pre), "; ", known,
                           " can be run. A tokenizer.json of the same model can be named instead"));
    }
    Vocabulary vocabulary(metadata, name);
    Json tokens = Json::object();
    Json added = Json::array();
    for (std::size_t i = 0; i < vocabulary.tokens().size(); ++i) {
        const std::string text(vocabulary.tokens()[i]);
        if (text.empty() || !tokens.emplace(text, i).second)
            throw vocabulary.bad(text.empty() ? concat("token ", i, " is empty")
                                              : concat("token ", quoted(text), " appears twice"));
        const std::int64_t kind = vocabulary.kinds()[i];
        if (kind == Control || kind == UserDefined)
            added.push_back({{"content", text},
                             {"id", i},
                             {"special", kind == Control},
                             {"normalized", false}});
    }
    Json merges = Json::array();
    for (const std::string_view merge : metadata.texts(prefix + "merges"))
        merges.push_back(merge);
    Json steps = Json::array();
    if (cut->digits)
        steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
    steps.push_back(
        {{"type", "Split"}, {"pattern", {{"Regex", cut->words}}}, {"behavior", "Isolated"}});
    steps.push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}});
    const Json json{{"added_tokens", std::move(added)},
                    {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}}},
                    {"model",
                     {{"type", "BPE"},
                      {"ignore_merges", cut->ignoreMerges},
                      {"vocab", std::move(tokens)},
                      {"merges", std::move(merges)}}}};
    Json config{{"add_bos_token", vocabulary.flag("add_bos_token", cut->begins)}};
    if (const auto begin = vocabulary.named("bos_token_id"))
        config["bos_token"] = vocabulary.textOf(begin);
    if (const auto end = vocabulary.named("eos_token_id"))
        config["eos_token"] = vocabulary.textOf(end);
    return readHuggingFaceBpe(json, config.dump(-1, ' ', false, Json::error_handler_t::replace),
                              vocabularySize, name);
}

} // namespace

std::shared_ptr<const Tokenizer> readGgufTokenizer(const ByteSource& source,
                                                   std::int64_t vocabularySize)
{
    const GgufHeader header = readGgufHeader(source);
    const GgufMetadata& metadata = header.metadata;
    const std::string kind(metadata.text(prefix + "model").value_or(""));
    if (kind == "llama")
        return readSentencepieceTokens(metadata, vocabularySize, source.name());
    if (kind == "gpt2")
        return readByteLevelTokens(metadata, vocabularySize, source.name());
    if (kind.empty() || kind == "no_vocab" || kind == "none")
        throw Error(ErrorCode::Unsupported, concat(source.name(), " holds no tokenizer"));
    throw Error(ErrorCode::Unsupported,
                concat(source.name(), ": a tokenizer of type ", quoted(kind),
                       "; llama (sentencepiece) and gpt2 (byte-level BPE) can be run"));
}

} // namespace gradus
