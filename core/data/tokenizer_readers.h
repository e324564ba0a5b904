// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/tokenizer.h"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>

namespace gradus {

class ByteSource;

/// The readers behind openTokenizer(), over bytes. name stands for the file in messages;
/// vocabularySize is the model's, 0 when unknown. All throw Error(Format | Unsupported).

/// A tokenizer.model of sentencepiece, BPE or unigram.
[[nodiscard]] std::shared_ptr<const Tokenizer>
readSentencepiece(std::string_view content, std::int64_t vocabularySize, const std::string& name);

/// A tokenizer.bin of llama2.c.
[[nodiscard]] std::shared_ptr<const Tokenizer> readLlama2cTokenizer(std::string_view content,
                                                                    std::int64_t vocabularySize,
                                                                    const std::string& name);

/// A tokenizer.json of Hugging Face with a BPE or WordPiece model; config is the text of
/// tokenizer_config.json beside it, "" if there is none. BOS is, in this order: what
/// tokenizer_config.json says when it has "add_bos_token"; the special token that the
/// post-processor's template puts first; one of the well-known names: with a post-processor but no
/// template only "<|begin_of_text|>" (Llama 3 was trained with it, but its first files do not say
/// so). EOS is "eos_token" of tokenizer_config.json, the template's last special token, or a
/// well-known name.
///
/// Of WordPiece, BOS and EOS are the class and separator tokens, [CLS] and [SEP].
///
/// Text is taken as it is where the file asks for Unicode normalisation form C: the text that
/// people have is in that form already, and nothing else of ours needs its tables.
[[nodiscard]] std::shared_ptr<const Tokenizer> readHuggingFaceTokenizer(std::string_view content,
                                                                        std::string_view config,
                                                                        std::int64_t vocabularySize,
                                                                        const std::string& name);

/// As above, of what tokenizer.json would say.
[[nodiscard]] std::shared_ptr<const Tokenizer> readHuggingFaceBpe(const nlohmann::json& json,
                                                                  std::string_view config,
                                                                  std::int64_t vocabularySize,
                                                                  const std::string& name);

/// The tokenizer in a GGUF file's metadata: "llama" (sentencepiece BPE) or "gpt2" (byte-level BPE,
/// its cut into words by name).
[[nodiscard]] std::shared_ptr<const Tokenizer> readGgufTokenizer(const ByteSource& source,
                                                                 std::int64_t vocabularySize);

/// A WordPiece model of a parsed tokenizer.json: BERT's normalization and words.
[[nodiscard]] std::shared_ptr<const Tokenizer> readWordPiece(const nlohmann::json& json,
                                                             std::string_view config,
                                                             std::int64_t vocabularySize,
                                                             const std::string& name);

/// A vocab.txt of BERT, one token a line, the first with id 0; lower case and so on as
/// tokenizer_config.json says, else as BERT's uncased models have it.
[[nodiscard]] std::shared_ptr<const Tokenizer> readWordPieceVocabulary(std::string_view content,
                                                                       std::string_view config,
                                                                       std::int64_t vocabularySize,
                                                                       const std::string& name);

/// A vocab.json (token → id) and the merges.txt beside it: GPT-2's byte-level BPE.
[[nodiscard]] std::shared_ptr<const Tokenizer>
readByteLevelFiles(std::string_view vocabulary, std::string_view merges, std::string_view config,
                   std::int64_t vocabularySize, const std::string& name);

} // namespace gradus
