// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/integer_panels.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace gradus {

namespace {

/// Where an operand's bits stand in its word.
constexpr unsigned shiftOf(OperandStore store, std::int64_t place)
{
    const auto p = static_cast<unsigned>(place);
    if (store == OperandStore::Nibbles)
        return 8 * (p % 4) + 4 * (p / 4);
    return (store == OperandStore::Bytes ? 8 : 16) * p;
}

constexpr std::uint32_t maskOf(OperandStore store)
{
    return store == OperandStore::Nibbles ? 15U : store == OperandStore::Bytes ? 0xFFU : 0xFFFFU;
}

template <OperandStore store>
void setWords(const std::int32_t* operands, std::int64_t count, std::uint32_t* words,
              std::int64_t across)
{
    constexpr std::int64_t perWord = wordInputs(store);
    for (std::int64_t first = 0; first < count; first += perWord, words += across) {
        std::uint32_t word = 0;
        const std::int64_t some = std::min(perWord, count - first);
        for (std::int64_t i = 0; i < some; ++i)
            word |= (static_cast<std::uint32_t>(operands[first + i]) & maskOf(store))
                    << shiftOf(store, i);
        *words = word;
    }
}

} // namespace

IntegerPanels::IntegerPanels(OperandStore store, std::int64_t rows, std::int64_t cols,
                             std::int64_t groupSize)
    : m_store(store)
    , m_rows(rows)
    , m_cols(cols)
{
    const std::int64_t size = std::max<std::int64_t>(1, groupSize);
    for (std::int64_t input = 0; input < cols; input += size) {
        Group group;
        group.firstInput = input;
        group.inputs = std::min(size, cols - input);
        group.words = (group.inputs + wordInputs(store) - 1) / wordInputs(store);
        group.laneWord = m_wordsPerLane;
        group.firstWord = m_inputWords;
        group.inputWords = group.words * wordInputs(store) / inputsOfWord();
        m_wordsPerLane += group.words;
        m_inputWords += group.inputWords;
        m_groups.push_back(group);
    }
    const std::int64_t vectors = (rows + packedLanes - 1) / packedLanes;
    m_words = Tensor::zeros(DType::I32, {vectors * m_wordsPerLane * packedLanes});
}

std::size_t IntegerPanels::groupOf(std::int64_t input) const
{
    return static_cast<std::size_t>(input / std::max<std::int64_t>(1, m_groups.front().inputs));
}

void IntegerPanels::setTable(std::span<const std::int32_t> values)
{
    assert(values.size() <= m_table.size());
    std::transform(values.begin(), values.end(), m_table.begin(),
                   [](std::int32_t value) { return static_cast<std::int8_t>(value); });
}

void IntegerPanels::setLargestProduct(std::int64_t magnitude)
{
    const std::int64_t safe =
        std::numeric_limits<std::int32_t>::max() / std::max<std::int64_t>(1, magnitude);
    m_safeWords = std::max<std::int64_t>(1, safe / wordInputs(m_store));
}

std::int64_t IntegerPanels::vectorsOf(std::int64_t panel) const
{
    const std::int64_t rows = std::min(panelRows, m_rows - panel * panelRows);
    return (rows + packedLanes - 1) / packedLanes;
}

const std::uint32_t* IntegerPanels::panelWords(std::int64_t panel) const
{
    return reinterpret_cast<const std::uint32_t*>(m_words.bytes().data()) +
           panel * panelRows * m_wordsPerLane;
}

std::size_t IntegerPanels::placeCount() const
{
    const std::int64_t vectors = (m_rows + packedLanes - 1) / packedLanes;
    return static_cast<std::size_t>(vectors * packedLanes) * m_groups.size();
}

std::size_t IntegerPanels::placeOf(std::int64_t panel, std::size_t group) const
{
    return static_cast<std::size_t>(panel * panelRows) * m_groups.size() +
           group * static_cast<std::size_t>(lanesOf(panel));
}

std::int64_t IntegerPanels::inputPlace(std::int64_t input) const
{
    const Group& group = m_groups[groupOf(input)];
    return group.firstWord * inputsOfWord() + input - group.firstInput;
}

void IntegerPanels::set(std::int64_t row, std::size_t group, const std::int32_t* operands)
{
    const std::int64_t panel = row / panelRows;
    const std::int64_t across = lanesOf(panel);
    const Group& some = m_groups[group];
    auto* words =
        const_cast<std::uint32_t*>(panelWords(panel)) + some.laneWord * across + row % panelRows;
    if (m_store == OperandStore::Nibbles)
        setWords<OperandStore::Nibbles>(operands, some.inputs, words, across);
    else if (m_store == OperandStore::Bytes)
        setWords<OperandStore::Bytes>(operands, some.inputs, words, across);
    else
        setWords<OperandStore::Pairs>(operands, some.inputs, words, across);
}

std::uint32_t* IntegerPanels::lanesAt(std::int64_t panel, std::int64_t word)
{
    assert(word < m_wordsPerLane);
    return const_cast<std::uint32_t*>(panelWords(panel)) + word * lanesOf(panel);
}

std::int32_t IntegerPanels::operandAt(std::int64_t row, std::int64_t input) const
{
    const std::int64_t panel = row / panelRows;
    const std::int64_t across = lanesOf(panel);
    const Group& group = m_groups[groupOf(input)];
    const std::int64_t at = input - group.firstInput;
    const std::int64_t perWord = wordInputs(m_store);
    const std::uint32_t word =
        panelWords(panel)[(group.laneWord + at / perWord) * across + row % panelRows];
    const std::uint32_t bits = word >> shiftOf(m_store, at % perWord) & maskOf(m_store);
    if (m_store == OperandStore::Nibbles)
        return m_table[bits];
    return m_store == OperandStore::Bytes
               ? static_cast<std::int32_t>(static_cast<std::int8_t>(bits))
               : static_cast<std::int16_t>(bits);
}

void IntegerPanels::addProducts(InstructionSet set, std::int64_t panel, std::int64_t firstWord,
                                std::int64_t wordCount, const std::uint32_t* inputs,
                                std::int64_t tokenStride, std::int64_t tokens, double* totals) const
{
    alignas(64) std::int32_t parts[packedTokens * panelRows];
    const std::int64_t across = lanesOf(panel);
    const std::int64_t inputsOfLaneWord = wordInputs(m_store) / inputsOfWord();
    const IntegerSum sum = integerSum(set, m_store, vectorsOf(panel), tokens);
    IntegerRun run;
    run.words = panelWords(panel) + firstWord * across;
    run.inputs = inputs;
    run.tokenStride = tokenStride;
    run.table = m_table.data();
    for (std::int64_t first = 0; first < wordCount; first += m_safeWords) {
        run.wordCount = std::min(m_safeWords, wordCount - first);
        sum(run, parts);
        run.words += run.wordCount * across;
        run.inputs += run.wordCount * inputsOfLaneWord;
        for (std::int64_t i = 0; i < tokens * across; ++i)
            totals[i] += static_cast<double>(parts[i]);
    }
}

void IntegerPanels::products(InstructionSet set, std::int64_t panel, std::int64_t firstWord,
                             std::int64_t wordCount, const std::uint32_t* inputs,
                             std::int64_t tokenStride, std::int64_t tokens,
                             std::int32_t* totals) const
{
    assert(wordCount <= m_safeWords);
    IntegerRun run;
    run.words = panelWords(panel) + firstWord * lanesOf(panel);
    run.wordCount = wordCount;
    run.inputs = inputs;
    run.tokenStride = tokenStride;
    run.table = m_table.data();
    integerSum(set, m_store, vectorsOf(panel), tokens)(run, totals);
}

void packBytes(const std::uint8_t* bytes, std::int64_t count, std::uint32_t* words)
{
    const std::int64_t whole = count / 4;
    for (std::int64_t w = 0; w < whole; ++w, bytes += 4)
        words[w] = std::uint32_t(bytes[0]) | std::uint32_t(bytes[1]) << 8 |
                   std::uint32_t(bytes[2]) << 16 | std::uint32_t(bytes[3]) << 24;
    if (count % 4 == 0)
        return;
    words[whole] = 0;
    for (std::int64_t i = 0; i < count % 4; ++i)
        words[whole] |= std::uint32_t(bytes[i]) << (8 * static_cast<unsigned>(i));
}

} // namespace gradus
