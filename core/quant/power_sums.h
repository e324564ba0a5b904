// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/packed_sums.h"

#include <cstdint>

namespace gradus {

/// The inner loop of PowerLinear, for each instruction set: levels of a table times float inputs.
/// Rows stand side by side as in packed_sums.h. A code is a sign and the place of a magnitude: up
/// to 4 bits as nibbles (the sign is bit 3), eight inputs in a word, else as bytes (bit 7), four in
/// a word; the first one lowest.

/// Words stand as [word][vector][lane].
struct LevelRun
{
    const std::uint32_t* words = nullptr;
    std::int64_t wordCount = 0;
    const float* inputs = nullptr;
    std::int64_t tokenStride = 0;  ///< floats from one token's inputs to the next one's
    const float* levels = nullptr; ///< magnitudes by place: 8 of nibbles, 128 of bytes
    int bits = 4;                  ///< of codes: places are below 2^(bits−1)
};
[[nodiscard]] constexpr std::int64_t levelInputs(int bits)
{
    return bits <= 4 ? 8 : 4;
}

/// totals [token][vector][lane] = Σ ±level · x, each product rounded and then added, in the order
/// of inputs: every instruction set rounds alike.
using LevelSum = void (*)(const LevelRun& run, float* totals);

/// For 1 … packedPanel vectors and 1, 2 or 4 tokens.
[[nodiscard]] LevelSum levelSum(InstructionSet set, int bits, std::int64_t vectors,
                                std::int64_t tokens);

} // namespace gradus
