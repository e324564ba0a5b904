// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/packed_sums.h"

#include <array>
#include <cstdint>

namespace gradus {

/// The inner loop of IntegerLinear, for each instruction set: sums of products of small integers in
/// 32 bits. Rows stand side by side as in packed_sums.h, 16 lanes of 32-bit words, so that no sum
/// has to be gathered from several lanes. The caller keeps runs short enough for 32 bits.

/// How the operands of a weight are stored.
enum class OperandStore
{
    Nibbles, ///< 8 codes a word, those of four inputs in the low halves of its bytes, of the next
             ///< four in the high ones; a table of 16 signed bytes says what they stand for
    Bytes,   ///< 4 signed bytes a word
    Pairs,   ///< 2 signed 16-bit numbers a word
};
/// Inputs of a word.
[[nodiscard]] constexpr std::int64_t wordInputs(OperandStore store)
{
    return store == OperandStore::Nibbles ? 8 : store == OperandStore::Bytes ? 4 : 2;
}

/// Words stand as [word][vector][lane]. Inputs are unsigned bytes, four in a word, or signed 16-bit
/// numbers, two in a word; the first one lowest, as in the weight.
struct IntegerRun
{
    const std::uint32_t* words = nullptr;
    std::int64_t wordCount = 0;
    const std::uint32_t* inputs = nullptr;
    std::int64_t tokenStride = 0;       ///< words from one token's inputs to the next one's
    const std::int8_t* table = nullptr; ///< of Nibbles
};

/// totals [token][vector][lane] = Σ operand · input.
using IntegerSum = void (*)(const IntegerRun& run, std::int32_t* totals);

/// For 1 … packedPanel vectors and 1, 2 or 4 tokens. All instruction sets give the same.
[[nodiscard]] IntegerSum integerSum(InstructionSet set, OperandStore store, std::int64_t vectors,
                                    std::int64_t tokens);

/// Operands of 16 neighboring codes: of code first + i (modulo 256) it is table[i], of all others
/// 0.
struct ByteWindow
{
    std::uint8_t first = 0;
    std::array<std::uint8_t, 16> table = {};
};
inline constexpr std::int64_t windowGrain = 64;

/// The operands of count codes, a multiple of windowGrain; returns their sum. All instruction sets
/// give the same.
[[nodiscard]] std::uint32_t selectBytes(InstructionSet set, const ByteWindow& window,
                                        const std::uint8_t* codes, std::int64_t count,
                                        std::uint8_t* operands);

} // namespace gradus
