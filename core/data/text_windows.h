// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/tokenizer.h"

#include <filesystem>

namespace gradus {

/// Equally long windows of tokens: count × length, row-major.
struct TokenWindows
{
    std::int64_t length = 0;
    std::vector<Token> tokens;

    [[nodiscard]] std::int64_t count() const
    {
        return length == 0 ? 0 : static_cast<std::int64_t>(tokens.size()) / length;
    }
    [[nodiscard]] std::span<const Token> window(std::int64_t i) const
    {
        return {tokens.data() + i * length, static_cast<std::size_t>(length)};
    }
};

/// A text file, one final newline stripped. Throws Error(Io | Format) naming the file (missing,
/// empty, not text).
[[nodiscard]] std::string readText(const std::filesystem::path& path);

/// readText as one row of tokens: tokenized whole, BOS first where the tokenizer has one.
[[nodiscard]] std::vector<Token> tokenizeFile(const Tokenizer& tokenizer,
                                              const std::filesystem::path& path);

/// All ⌊n/length⌋ consecutive windows; the rest is unused. Throws Error(Shape) when there is none.
[[nodiscard]] TokenWindows cutWindows(std::span<const Token> tokens, std::int64_t length);

/// samples windows of the given length that start at random places (seeded), for calibration; in
/// order of position, never overlapping while the text is long enough: the text is cut into
/// ⌊n/length⌋ windows and samples of them are drawn without replacement. When there are fewer, all
/// are taken (the caller can see it in count()). Throws Error(Shape) when the text is shorter than
/// one window.
[[nodiscard]] TokenWindows sampleWindows(std::span<const Token> tokens, std::int64_t length,
                                         std::int64_t samples, std::uint64_t seed);

} // namespace gradus
