// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/integer_linear.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/quant/activation_linear.h"
#include "core/quant/product_linear.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstdlib>
#include <limits>
#include <utility>

namespace gradus {

namespace {

constexpr std::int64_t panelRows = packedPanel * packedLanes;

[[noreturn]] void refuse(const std::string& why)
{
    throw Error(ErrorCode::Unsupported, concat("no integer product: ", why));
}

/// One for all rows, or one for each.
std::vector<IntegerOperands> operandsOf(const QuantizedWeight& weight)
{
    if (weight.scheme.levels == Levels::Uniform)
        return {weightOperands(weight.scheme, 1)};
    std::vector<IntegerOperands> operands;
    const bool own = weight.exponents.size() > 1;
    for (const float exponent : weight.exponents)
        operands.push_back(weightOperands(weight.scheme, exponent, own));
    return operands;
}

const IntegerOperands& ofRow(const std::vector<IntegerOperands>& operands, std::int64_t row)
{
    return operands[operands.size() == 1 ? 0 : static_cast<std::size_t>(row)];
}

} // namespace

/// Tokens as stored operands.
struct IntegerLinear::Inputs
{
    std::vector<std::uint32_t> words; ///< [token][word]
};

IntegerLinear::IntegerLinear(const QuantizedWeight& weight, const ActivationGrid& grid)
    : m_rows(weight.rows)
    , m_cols(weight.cols)
    , m_levels(grid)
    , m_largestCode(grid.largest())
{
    if (const auto why = whyNotInteger(weight, grid))
        refuse(*why);
    if (!hasExactOperands(grid.exponent))
        refuse(concat("inputs have exponent ", grid.exponent, ", expected 1 or 0.5"));
    assert(weight.codes.size() == static_cast<std::size_t>(m_rows * m_cols));
    const std::vector<IntegerOperands> operands = operandsOf(weight);
    const IntegerOperands inputs = inputOperands(grid);
    m_exact = operands.front().exact;
    m_divisor = operands.front().divisor;
    m_inputValues = inputs.values;
    m_factor = static_cast<double>(grid.limit) / (m_divisor * inputs.divisor);
    chooseStore(weight, operands);
    orderInputs(weight);

    const std::int64_t vectors = (m_rows + packedLanes - 1) / packedLanes;
    m_words = Tensor::zeros(DType::I32, {vectors * m_wordsPerLane * packedLanes});
    const std::size_t parameters =
        static_cast<std::size_t>(vectors * packedLanes) * m_groups.size();
    m_scales.resize(parameters);
    if (m_offset != 0)
        m_offsets.resize(parameters);
    parallelFor(panels(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t panel = begin; panel < end; ++panel)
            packPanel(weight, operands, panel);
    });
    takeOutliers(weight, operands);
    if (grid.shift > 0)
        m_correction = shiftCorrection(std::as_const(*this).floats().matrix(),
                                       static_cast<double>(grid.shift));
}

void IntegerLinear::chooseStore(const QuantizedWeight& weight,
                                const std::vector<IntegerOperands>& operands)
{
    std::int32_t largest = 0;
    for (const IntegerOperands& some : operands)
        largest = std::max(largest, some.largest());
    const auto [low, high] = std::minmax_element(m_inputValues.begin(), m_inputValues.end());
    // Codes of unsigned grids are not negative; the other half of the table is never looked at.
    const bool isSigned = m_levels.isSigned();
    const std::int32_t lowest = isSigned ? *low : 0;
    const std::int32_t highest = *high;
    if (largest <= 127 && highest <= (isSigned ? 127 : 255)) {
        m_store = weight.scheme.bits <= 4 && operands.size() == 1 ? OperandStore::Nibbles
                                                                  : OperandStore::Bytes;
        m_offset = isSigned ? -128 : 0;
        for (std::size_t code = 0;
             m_store == OperandStore::Nibbles && code < operands.front().values.size(); ++code)
            m_table[code] = static_cast<std::int8_t>(operands.front().values[code]);
    } else {
        m_store = OperandStore::Pairs;
        m_offset = highest > 32767 ? 32768 : 0;
    }
    for (std::int32_t& value : m_inputValues)
        value = value < lowest ? 0 : value - m_offset;
    const std::int64_t most =
        std::max<std::int64_t>(std::abs(lowest - m_offset), std::abs(highest - m_offset));
    const std::int64_t safe =
        std::numeric_limits<std::int32_t>::max() / std::max<std::int64_t>(1, most * largest);
    m_safeWords = std::max<std::int64_t>(1, safe / wordInputs(m_store));
}

void IntegerLinear::orderInputs(const QuantizedWeight& weight)
{
    const std::int64_t size = std::max<std::int64_t>(1, effectiveGroup(weight.scheme, m_cols));
    for (std::int64_t input = 0; input < m_cols; input += size) {
        Group group;
        group.firstInput = input;
        group.inputs = std::min(size, m_cols - input);
        group.words = (group.inputs + wordInputs(m_store) - 1) / wordInputs(m_store);
        group.firstWord = m_inputWords;
        m_wordsPerLane += group.words;
        m_inputWords += group.words * wordInputs(m_store) / inputsOfWord();
        m_groups.push_back(group);
    }
}

std::int64_t IntegerLinear::panels() const
{
    return (m_rows + panelRows - 1) / panelRows;
}

std::int64_t IntegerLinear::vectorsOf(std::int64_t panel) const
{
    const std::int64_t rows = std::min(panelRows, m_rows - panel * panelRows);
    return (rows + packedLanes - 1) / packedLanes;
}

const std::uint32_t* IntegerLinear::panelWords(std::int64_t panel) const
{
    return reinterpret_cast<const std::uint32_t*>(m_words.bytes().data()) +
           panel * panelRows * m_wordsPerLane;
}

std::size_t IntegerLinear::parameterOf(std::int64_t panel, std::size_t group) const
{
    return static_cast<std::size_t>(panel * panelRows) * m_groups.size() +
           group * static_cast<std::size_t>(vectorsOf(panel) * packedLanes);
}

void IntegerLinear::packPanel(const QuantizedWeight& weight,
                              const std::vector<IntegerOperands>& operands, std::int64_t panel)
{
    const std::int64_t across = vectorsOf(panel) * packedLanes;
    const std::int64_t rows = std::min(across, m_rows - panel * panelRows);
    const std::int64_t perWord = wordInputs(m_store);
    const bool nibbles = m_store == OperandStore::Nibbles;
    const unsigned width = nibbles || m_store == OperandStore::Bytes ? 8 : 16;
    auto* words = const_cast<std::uint32_t*>(panelWords(panel));
    for (std::size_t g = 0; g < m_groups.size(); ++g) {
        const Group& group = m_groups[g];
        const std::size_t parameters = parameterOf(panel, g);
        for (std::int64_t lane = 0; lane < rows; ++lane) {
            const std::int64_t row = panel * panelRows + lane;
            const std::vector<std::int32_t>& values = ofRow(operands, row).values;
            const std::size_t at = parameters + static_cast<std::size_t>(lane);
            m_scales[at] = weight.scales[weight.parameterIndex(row, group.firstInput)];
            const std::uint8_t* codes = weight.codes.data() + row * m_cols + group.firstInput;
            std::int64_t sum = 0;
            for (std::int64_t i = 0; i < group.inputs; ++i) {
                const std::int32_t value = values[codes[i]];
                sum += value;
                const std::uint32_t mask = nibbles ? 15U : width == 8 ? 0xFFU : 0xFFFFU;
                const std::uint32_t bits =
                    (nibbles ? codes[i] : static_cast<std::uint32_t>(value)) & mask;
                const auto place = static_cast<unsigned>(i % perWord);
                const unsigned shift = nibbles ? 8 * (place % 4) + 4 * (place / 4) : width * place;
                words[i / perWord * across + lane] |= bits << shift;
            }
            if (!m_offsets.empty())
                m_offsets[at] = static_cast<double>(m_offset * sum);
        }
        words += group.words * across;
    }
}

void IntegerLinear::takeOutliers(const QuantizedWeight& weight,
                                 const std::vector<IntegerOperands>& operands)
{
    const SparseWeights& outliers = weight.outliers;
    if (outliers.empty())
        return;
    m_outlierRows = outliers.rowStarts;
    m_outlierColumns = outliers.columns;
    for (std::int64_t r = 0; r < m_rows; ++r)
        for (std::size_t i = outliers.rowStarts[static_cast<std::size_t>(r)];
             i < outliers.rowStarts[static_cast<std::size_t>(r) + 1]; ++i) {
            const std::int64_t col = outliers.columns[i];
            const std::uint8_t code = weight.codes[static_cast<std::size_t>(r * m_cols + col)];
            m_outlierValues.push_back(
                static_cast<double>(outliers.values[i]) * m_divisor -
                static_cast<double>(weight.scales[weight.parameterIndex(r, col)]) *
                    ofRow(operands, r).values[code]);
        }
}

std::int64_t IntegerLinear::placeOf(std::int64_t input) const
{
    const Group& group = m_groups[static_cast<std::size_t>(
        input / std::max<std::int64_t>(1, m_groups.front().inputs))];
    return group.firstWord * inputsOfWord() + input - group.firstInput;
}

std::int32_t IntegerLinear::operandAt(std::int64_t row, std::int64_t input) const
{
    const std::int64_t panel = row / panelRows;
    const std::int64_t across = vectorsOf(panel) * packedLanes;
    const std::uint32_t* words = panelWords(panel);
    const std::int64_t perWord = wordInputs(m_store);
    for (const Group& group : m_groups) {
        const std::int64_t at = input - group.firstInput;
        if (at < group.inputs) {
            const std::uint32_t word = words[at / perWord * across + row % panelRows];
            const auto place = static_cast<unsigned>(at % perWord);
            if (m_store == OperandStore::Nibbles)
                return m_table[word >> (8 * (place % 4) + 4 * (place / 4)) & 15U];
            if (m_store == OperandStore::Bytes)
                return static_cast<std::int8_t>(word >> (8 * place) & 0xFFU);
            return static_cast<std::int16_t>(word >> (16 * place) & 0xFFFFU);
        }
        words += group.words * across;
    }
    return 0;
}

Tensor IntegerLinear::floats() const
{
    Tensor result(Shape{m_rows, m_cols});
    const MatrixView out = result.matrix();
    parallelFor(m_rows, 8, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const std::span<float> row = out.row(r);
            for (std::size_t g = 0; g < m_groups.size(); ++g) {
                const auto scale =
                    static_cast<double>(m_scales[parameterOf(r / panelRows, g) +
                                                 static_cast<std::size_t>(r % panelRows)]);
                const Group& group = m_groups[g];
                for (std::int64_t c = group.firstInput; c < group.firstInput + group.inputs; ++c)
                    row[static_cast<std::size_t>(c)] =
                        static_cast<float>(scale * operandAt(r, c) / m_divisor);
            }
            for (std::size_t i = m_outlierRows.empty() ? 0 : m_outlierRows[std::size_t(r)];
                 !m_outlierRows.empty() && i < m_outlierRows[std::size_t(r) + 1]; ++i) {
                const std::size_t c = m_outlierColumns[i];
                row[c] = static_cast<float>(static_cast<double>(row[c]) +
                                            m_outlierValues[i] / m_divisor);
            }
        }
    });
    return result;
}

std::uint64_t IntegerLinear::bytes() const
{
    return m_words.bytes().size() + m_scales.size() * sizeof(float) +
           m_offsets.size() * sizeof(double) +
           m_outlierValues.size() * (sizeof(double) + sizeof(std::uint32_t));
}

void IntegerLinear::prepare(ConstMatrixView x, Inputs& inputs, const Monitor& monitor) const
{
    const std::int64_t perWord = inputsOfWord();
    const unsigned width = perWord == 2 ? 16 : 8;
    const std::uint32_t mask = (1U << width) - 1;
    inputs.words.assign(static_cast<std::size_t>(x.rows * m_inputWords), 0);
    std::atomic<std::int64_t> bad = 0;
    parallelFor(
        x.rows, std::max<std::int64_t>(1, 8192 / std::max<std::int64_t>(1, m_cols)),
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<std::int16_t> codes(static_cast<std::size_t>(m_cols));
            for (std::int64_t t = begin; t < end; ++t) {
                bad += m_levels.encode(x.row(t), codes.data());
                const std::int32_t* values = m_inputValues.data() + m_largestCode;
                for (const Group& group : m_groups) {
                    std::uint32_t* to = inputs.words.data() + t * m_inputWords + group.firstWord;
                    const std::int16_t* from = codes.data() + group.firstInput;
                    for (std::int64_t i = 0; i < group.inputs; ++i) {
                        const auto bits = static_cast<std::uint32_t>(values[from[i]]) & mask;
                        to[i / perWord] |= bits << (width * static_cast<unsigned>(i % perWord));
                    }
                }
            }
        },
        &monitor);
    if (bad > 0)
        throw Error(ErrorCode::Numeric, concat("inputs of an integer product have ", bad.load(),
                                               " values that are NaN, expected numbers"));
}

void IntegerLinear::addOutliers(const Inputs& inputs, std::int64_t token, std::int64_t firstRow,
                                std::int64_t rows, double* out) const
{
    const std::uint32_t* words = inputs.words.data() + token * m_inputWords;
    for (std::int64_t r = 0; r < rows; ++r) {
        const auto at = static_cast<std::size_t>(firstRow + r);
        double sum = 0;
        for (std::size_t i = m_outlierRows[at]; i < m_outlierRows[at + 1]; ++i) {
            const std::int64_t place = placeOf(m_outlierColumns[i]);
            const std::int64_t perWord = inputsOfWord();
            const auto shift = static_cast<unsigned>((32 / perWord) * (place % perWord));
            const std::uint32_t bits = words[place / perWord] >> shift;
            const std::int32_t stored = perWord == 2 ? static_cast<std::int16_t>(bits & 0xFFFFU)
                                                     : static_cast<std::int32_t>(bits & 0xFFU);
            sum += m_outlierValues[i] * (stored + m_offset);
        }
        out[r] += sum;
    }
}

void IntegerLinear::sumPanel(IntegerSum sum, const Inputs& inputs, std::int64_t firstToken,
                             std::int64_t tokens, std::int64_t panel, MatrixView y) const
{
    const std::int64_t across = vectorsOf(panel) * packedLanes;
    alignas(64) double out[packedTokens * panelRows] = {};
    alignas(64) double totals[packedTokens * panelRows];
    alignas(64) std::int32_t parts[packedTokens * panelRows];
    IntegerRun run;
    run.words = panelWords(panel);
    run.tokenStride = m_inputWords;
    run.table = m_table;
    const std::int64_t inputWords = m_store == OperandStore::Nibbles ? 2 : 1;
    for (std::size_t g = 0; g < m_groups.size(); ++g) {
        const Group& group = m_groups[g];
        const std::size_t parameters = parameterOf(panel, g);
        for (std::int64_t t = 0; t < tokens; ++t)
            for (std::int64_t lane = 0; lane < across; ++lane)
                totals[t * across + lane] =
                    m_offsets.empty() ? 0 : m_offsets[parameters + static_cast<std::size_t>(lane)];
        for (std::int64_t first = 0; first < group.words; first += m_safeWords) {
            run.wordCount = std::min(m_safeWords, group.words - first);
            run.inputs = inputs.words.data() + firstToken * m_inputWords + group.firstWord +
                         first * inputWords;
            sum(run, parts);
            run.words += run.wordCount * across;
            for (std::int64_t i = 0; i < tokens * across; ++i)
                totals[i] += static_cast<double>(parts[i]);
        }
        const float* scales = m_scales.data() + parameters;
        for (std::int64_t t = 0; t < tokens; ++t)
            for (std::int64_t lane = 0; lane < across; ++lane)
                out[t * across + lane] +=
                    static_cast<double>(scales[lane]) * totals[t * across + lane];
    }
    const std::int64_t first = panel * panelRows;
    const std::int64_t rows = std::min(panelRows, m_rows - first);
    for (std::int64_t t = 0; t < tokens; ++t) {
        double* sums = out + t * across;
        if (!m_outlierRows.empty())
            addOutliers(inputs, firstToken + t, first, rows, sums);
        float* to = y.data + (firstToken + t) * y.stride + first;
        for (std::int64_t r = 0; r < rows; ++r)
            to[r] = static_cast<float>(sums[r] * m_factor);
        if (!m_correction.empty())
            for (std::int64_t r = 0; r < rows; ++r)
                to[r] -= m_correction[static_cast<std::size_t>(first + r)];
    }
}

void IntegerLinear::applyWith(InstructionSet set, ConstMatrixView x, MatrixView y,
                              const Monitor& monitor) const
{
    assert(x.cols == m_cols && y.cols == m_rows && x.rows == y.rows);
    constexpr std::int64_t block = 256;     // tokens between two checkpoints, at most
    constexpr std::int64_t worth = 1 << 18; // products that are worth a task
    Inputs inputs;
    for (std::int64_t first = 0; first < x.rows; first += block) {
        const std::int64_t count = std::min(block, x.rows - first);
        prepare(x.block(first, 0, count, m_cols), inputs, monitor);
        const MatrixView out = y.block(first, 0, count, m_rows);
        const std::int64_t grain = std::max<std::int64_t>(
            1, worth / std::max<std::int64_t>(1, count * panelRows * m_cols));
        parallelFor(
            panels(), grain,
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t panel = begin; panel < end; ++panel)
                    for (std::int64_t t = 0; t < count;) {
                        const std::int64_t left = count - t;
                        const std::int64_t tokens = left >= 4 ? 4 : left >= 2 ? 2 : 1;
                        sumPanel(integerSum(set, m_store, vectorsOf(panel), tokens), inputs, t,
                                 tokens, panel, out);
                        t += tokens;
                    }
            },
            &monitor);
    }
}

void IntegerLinear::apply(ConstMatrixView x, MatrixView y, const Monitor& monitor) const
{
    static const InstructionSet set = instructionSets().back();
    applyWith(set, x, y, monitor);
}

std::shared_ptr<const LinearKernel> integerKernel(const QuantizedWeight& weight,
                                                  const ActivationGrid& grid)
{
    if (const auto why = whyNotInteger(weight, grid))
        refuse(*why);
    if (hasExactOperands(grid.exponent))
        return std::make_shared<const IntegerLinear>(weight, grid);
    return std::make_shared<const ProductLinear>(weight, grid);
}

std::optional<std::string> whyNotInteger(const QuantizedWeight& weight, const ActivationGrid& grid)
{
    if (!weight.groupIndex.empty())
        return "groups of scattered inputs";
    if (weight.scheme.levels == Levels::Uniform && !weight.scheme.symmetric)
        return "uniform levels with zeros";
    if (hasExactOperands(grid.exponent))
        return std::nullopt;
    if (weight.scheme.levels != Levels::Power || weight.exponents.size() != 1 ||
        weight.exponents.front() != grid.exponent)
        return concat("inputs of exponent ", grid.exponent,
                      " that is neither 1, 0.5 nor the weight's");
    return std::nullopt;
}

} // namespace gradus
