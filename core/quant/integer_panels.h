// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/integer_sums.h"
#include "core/tensor/tensor.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

/// Rows of small integers laid out for integerSum(): panels of 64 rows, in them groups of
/// consecutive inputs, each in whole words, so that a group's sum stands alone.
class IntegerPanels
{
public:
    struct Group
    {
        std::int64_t firstInput = 0;
        std::int64_t inputs = 0;
        std::int64_t words = 0;      ///< per lane
        std::int64_t laneWord = 0;   ///< of a lane, where it begins
        std::int64_t firstWord = 0;  ///< of a token's inputs
        std::int64_t inputWords = 0; ///< of a token's inputs
    };
    static constexpr std::int64_t panelRows = packedPanel * packedLanes;

    IntegerPanels() = default;
    /// All operands 0 (of Nibbles: code 0). groupSize: inputs of a group; the last may be short.
    IntegerPanels(OperandStore store, std::int64_t rows, std::int64_t cols, std::int64_t groupSize);

    [[nodiscard]] OperandStore store() const { return m_store; }
    [[nodiscard]] std::int64_t rows() const { return m_rows; }
    [[nodiscard]] std::int64_t cols() const { return m_cols; }
    [[nodiscard]] const std::vector<Group>& groups() const { return m_groups; }
    [[nodiscard]] std::size_t groupOf(std::int64_t input) const;

    /// What the codes of Nibbles stand for.
    void setTable(std::span<const std::int32_t> values);
    /// The largest magnitude of a product: how many are summed in 32 bits follows.
    void setLargestProduct(std::int64_t magnitude);
    [[nodiscard]] std::int64_t safeWords() const { return m_safeWords; }
    /// A row's operands of a group, or codes of Nibbles; once each. Rows may be set from several
    /// threads.
    void set(std::int64_t row, std::size_t group, const std::int32_t* operands);
    /// The words of a panel's rows that hold the same inputs, one for each lane: for who knows how
    /// operands lie in them. In whole panels of one group.
    [[nodiscard]] std::uint32_t* lanesAt(std::int64_t panel, std::int64_t word);
    [[nodiscard]] std::int32_t operandAt(std::int64_t row, std::int64_t input) const;

    [[nodiscard]] std::int64_t panels() const { return (m_rows + panelRows - 1) / panelRows; }
    [[nodiscard]] std::int64_t vectorsOf(std::int64_t panel) const;
    [[nodiscard]] std::int64_t lanesOf(std::int64_t panel) const
    {
        return vectorsOf(panel) * packedLanes;
    }
    /// Places of what belongs to a row and group: [panel][group][lane].
    [[nodiscard]] std::size_t placeCount() const;
    [[nodiscard]] std::size_t placeOf(std::int64_t panel, std::size_t group) const;
    [[nodiscard]] std::size_t placeOfRow(std::int64_t row, std::size_t group) const
    {
        return placeOf(row / panelRows, group) + static_cast<std::size_t>(row % panelRows);
    }

    [[nodiscard]] std::int64_t inputWords() const { return m_inputWords; } ///< of a token
    [[nodiscard]] std::int64_t inputsOfWord() const
    {
        return m_store == OperandStore::Pairs ? 2 : 4;
    }
    /// Of an input among a token's, counted in bytes, or 16-bit numbers.
    [[nodiscard]] std::int64_t inputPlace(std::int64_t input) const;

    /// totals [token][lane] += products of the lane words [firstWord, firstWord + wordCount) of a
    /// panel's rows with tokens' inputs, those of the first word first. Exact: doubles of sums in
    /// 32 bits. tokens: 1, 2 or 4.
    void addProducts(InstructionSet set, std::int64_t panel, std::int64_t firstWord,
                     std::int64_t wordCount, const std::uint32_t* inputs, std::int64_t tokenStride,
                     std::int64_t tokens, double* totals) const;
    /// The same as they are, for no more than safeWords() words: totals are set.
    void products(InstructionSet set, std::int64_t panel, std::int64_t firstWord,
                  std::int64_t wordCount, const std::uint32_t* inputs, std::int64_t tokenStride,
                  std::int64_t tokens, std::int32_t* totals) const;
    [[nodiscard]] std::uint64_t bytes() const { return m_words.bytes().size(); }

private:
    [[nodiscard]] const std::uint32_t* panelWords(std::int64_t panel) const;

    OperandStore m_store = OperandStore::Bytes;
    std::int64_t m_rows = 0;
    std::int64_t m_cols = 0;
    std::int64_t m_wordsPerLane = 0;
    std::int64_t m_inputWords = 0;
    std::int64_t m_safeWords = 1;
    std::vector<Group> m_groups;
    Tensor m_words; ///< [panel][group][word][vector][lane]
    std::array<std::int8_t, 16> m_table{};
};

/// Unsigned bytes, four in a word, the first one lowest; what is left of the last word is 0.
void packBytes(const std::uint8_t* bytes, std::int64_t count, std::uint32_t* words);

/// As many tokens as run together, of those that are left: 4, 2 or 1.
[[nodiscard]] constexpr std::int64_t tokensTogether(std::int64_t left)
{
    return left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

} // namespace gradus
