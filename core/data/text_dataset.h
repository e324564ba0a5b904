// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/dataset.h"
#include "core/data/text_windows.h"
#include "core/graph/model.h"

#include <memory>

namespace gradus {

/// Windows of tokens, the end of which may be padding.
struct PaddedWindows
{
    TokenWindows windows;
    std::vector<std::int64_t> used; ///< tokens of each window before the padding; empty: all
};

/// Windows for an encoder: the text without markers is cut into pieces, each between the
/// tokenizer's first and last marker ([CLS] and [SEP], as far as it has them); the last is padded.
/// Throws Error(Shape) when length leaves no room.
[[nodiscard]] PaddedWindows encoderWindows(const Tokenizer& tokenizer, std::string_view text,
                                           std::int64_t length);

/// The same with a window for each line, cut after length tokens; as long as the longest line needs
/// when shorter is allowed. cut: the number of lines that were longer.
[[nodiscard]] PaddedWindows encoderLines(const Tokenizer& tokenizer, std::string_view text,
                                         std::int64_t length, bool shorterAllowed,
                                         std::int64_t& cut);

/// The first input is fed the tokens; the others by their names: attention_mask (1, padding 0),
/// token_type_ids and segment_ids (0), position_ids (0, 1, 2, …). Throws Error(Usage) naming an
/// input that is none of these, Error(Shape) for a token outside of the vocabulary (0: not known)
/// or another length than the inputs want.
[[nodiscard]] std::shared_ptr<const Dataset>
makeTextDataset(PaddedWindows windows, std::vector<GraphPort> inputs, std::int64_t vocabularySize,
                std::vector<std::int32_t> labels, std::vector<std::string> warnings);

/// True of the names that makeTextDataset feeds by itself.
[[nodiscard]] bool isTextSide(const std::string& input);

} // namespace gradus
