// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/token.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// Text to token ids and back. Immutable; safe to use from several threads.
class Tokenizer
{
public:
    Tokenizer(const Tokenizer&) = delete;
    Tokenizer& operator=(const Tokenizer&) = delete;
    virtual ~Tokenizer() = default;

    /// "sentencepiece-bpe", "sentencepiece-unigram", "llama2.c", "byte-level-bpe", "wordpiece", …
    [[nodiscard]] virtual std::string kind() const = 0;
    [[nodiscard]] virtual std::int64_t vocabularySize() const = 0;
    [[nodiscard]] virtual std::optional<Token> bos() const = 0;
    [[nodiscard]] virtual std::optional<Token> eos() const = 0;

    /// The ids of text, with the dummy space prefix where the tokenizer has one; no BOS or EOS is
    /// added. Any bytes are accepted (invalid UTF-8 goes through byte fallback or the unknown id).
    [[nodiscard]] virtual std::vector<Token> encode(std::string_view text) const = 0;

    /// The text of ids; control tokens (BOS, EOS) give nothing. atStart: drop the dummy prefix.
    [[nodiscard]] virtual std::string decode(std::span<const Token> tokens,
                                             bool atStart = true) const = 0;

protected:
    Tokenizer() = default;
};

/// Opens tokenizer.json (Hugging Face BPE: byte-level, or sentencepiece-like with byte fallback; or
/// WordPiece), tokenizer.model (sentencepiece BPE or unigram), tokenizer.bin (llama2.c, which
/// stores no vocabulary size: vocabularySize gives it), vocab.txt (WordPiece) or vocab.json with
/// merges.txt beside it (byte-level BPE), or a GGUF file that has a tokenizer. The type is decided
/// by content, of the last two by name. Throws Error(Io | Format | Unsupported) naming the file.
[[nodiscard]] std::shared_ptr<const Tokenizer> openTokenizer(const std::filesystem::path& path,
                                                             std::int64_t vocabularySize);

} // namespace gradus
