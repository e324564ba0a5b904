// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <vector>

namespace gradus {

/// The inner loop of PackedLinear, for each instruction set. A plane is one bit of every code. Four
/// inputs of a plane are a nibble, which selects one of the 16 signed sums ±x₀ ±x₁ ±x₂ ±x₃ from a
/// table that all rows share: a look-up and an addition stand for four products.

constexpr std::int64_t packedLanes = 16; ///< rows side by side: the 32-bit words of 64 bytes
constexpr std::int64_t packedPanel = 4;  ///< such vectors that run together: 64 rows
constexpr std::int64_t packedTokens = 4; ///< tokens that run together, at most
constexpr std::int64_t nibbleInputs = 4; ///< inputs of a nibble and its table
constexpr std::int64_t wordNibbles = 8;  ///< nibbles of a word, the first one lowest
constexpr std::int64_t packedTable = 16; ///< sums in a table; those from 8 on are the negatives

/// A run of one plane. Words stand as [word][vector][lane].
struct PlaneRun
{
    const std::uint32_t* words = nullptr; ///< whole words: wordNibbles nibbles each
    std::int64_t wordCount = 0;
    const std::uint32_t* rest = nullptr; ///< words with the nibbles that are left
    std::int64_t restFirst = 0;          ///< place of the first one, counted from rest's begin
    std::int64_t restCount = 0;
    const float* tables = nullptr; ///< of the run's first nibble; the next ones follow
    std::int64_t tokenStride = 0;  ///< floats from one token's tables to the next one's
    float weight = 1;              ///< of the plane
};

/// totals [token][vector][lane] += weight · Σ of the run's sums, added nibble by nibble: every
/// instruction set rounds alike.
using SumPlane = void (*)(const PlaneRun& run, float* totals);

enum class InstructionSet
{
    Plain,
    Avx2,
    Avx512
};
/// Those that this processor has, the fastest last.
[[nodiscard]] std::vector<InstructionSet> instructionSets();

/// For 1 … packedPanel vectors and 1, 2 or 4 tokens.
[[nodiscard]] SumPlane sumPlane(InstructionSet set, std::int64_t vectors, std::int64_t tokens);

} // namespace gradus
