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

constexpr std::int64_t panelRows = IntegerPanels::panelRows;

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
    : m_levels(grid)
    , m_largestCode(grid.largest())
{
    if (const auto why = whyNotInteger(weight, grid))
        refuse(*why);
    if (!hasExactOperands(grid.exponent))
        refuse(concat("inputs have exponent ", grid.exponent, ", expected 1 or 0.5"));
    assert(weight.codes.size() == static_cast<std::size_t>(weight.rows * weight.cols));
    const std::vector<IntegerOperands> operands = operandsOf(weight);
    const IntegerOperands inputs = inputOperands(grid);
    m_exact = operands.front().exact;
    m_divisor = operands.front().divisor;
    m_inputValues = inputs.values;
    m_factor = static_cast<double>(grid.limit) / (m_divisor * inputs.divisor);
    choosePanels(weight, operands);
    m_scales.resize(m_panels.placeCount());
    if (m_offset != 0)
        m_offsets.resize(m_scales.size());
    parallelFor(rows(), 16, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row)
            packRow(weight, ofRow(operands, row), row);
    });
    takeOutliers(weight, operands);
    if (grid.shift > 0)
        m_correction = shiftCorrection(std::as_const(*this).floats().matrix(),
                                       static_cast<double>(grid.shift));
}

void IntegerLinear::choosePanels(const QuantizedWeight& weight,
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
    OperandStore store = OperandStore::Pairs;
    if (largest <= 127 && highest <= (isSigned ? 127 : 255)) {
        store = weight.scheme.bits <= 4 && operands.size() == 1 ? OperandStore::Nibbles
                                                                : OperandStore::Bytes;
        m_offset = isSigned ? -128 : 0;
    } else {
        m_offset = highest > 32767 ? 32768 : 0;
    }
    m_panels =
        IntegerPanels(store, weight.rows, weight.cols, effectiveGroup(weight.scheme, weight.cols));
    if (store == OperandStore::Nibbles)
        m_panels.setTable(operands.front().values);
    for (std::int32_t& value : m_inputValues)
        value = value < lowest ? 0 : value - m_offset;
    const std::int64_t most =
        std::max<std::int64_t>(std::abs(lowest - m_offset), std::abs(highest - m_offset));
    m_panels.setLargestProduct(most * largest);
}

void IntegerLinear::packRow(const QuantizedWeight& weight, const IntegerOperands& operands,
                            std::int64_t row)
{
    const bool nibbles = store() == OperandStore::Nibbles;
    std::vector<std::int32_t> values;
    for (std::size_t g = 0; g < m_panels.groups().size(); ++g) {
        const IntegerPanels::Group& group = m_panels.groups()[g];
        const std::size_t at = m_panels.placeOfRow(row, g);
        m_scales[at] = weight.scales[weight.parameterIndex(row, group.firstInput)];
        const std::uint8_t* codes = weight.codes.data() + row * cols() + group.firstInput;
        values.resize(static_cast<std::size_t>(group.inputs));
        std::int64_t sum = 0;
        for (std::int64_t i = 0; i < group.inputs; ++i) {
            const std::int32_t value = operands.values[codes[i]];
            sum += value;
            values[static_cast<std::size_t>(i)] = nibbles ? codes[i] : value;
        }
        m_panels.set(row, g, values.data());
        if (!m_offsets.empty())
            m_offsets[at] = static_cast<double>(m_offset * sum);
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
    for (std::int64_t r = 0; r < rows(); ++r)
        for (std::size_t i = outliers.rowStarts[static_cast<std::size_t>(r)];
             i < outliers.rowStarts[static_cast<std::size_t>(r) + 1]; ++i) {
            const std::int64_t col = outliers.columns[i];
            const std::uint8_t code = weight.codes[static_cast<std::size_t>(r * cols() + col)];
            m_outlierValues.push_back(
                static_cast<double>(outliers.values[i]) * m_divisor -
                static_cast<double>(weight.scales[weight.parameterIndex(r, col)]) *
                    ofRow(operands, r).values[code]);
        }
}

Tensor IntegerLinear::floats() const
{
    Tensor result(Shape{rows(), cols()});
    const MatrixView out = result.matrix();
    parallelFor(rows(), 8, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const std::span<float> row = out.row(r);
            for (std::size_t g = 0; g < m_panels.groups().size(); ++g) {
                const auto scale = static_cast<double>(m_scales[m_panels.placeOfRow(r, g)]);
                const IntegerPanels::Group& group = m_panels.groups()[g];
                for (std::int64_t c = group.firstInput; c < group.firstInput + group.inputs; ++c)
                    row[static_cast<std::size_t>(c)] =
                        static_cast<float>(scale * m_panels.operandAt(r, c) / m_divisor);
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
    return m_panels.bytes() + m_scales.size() * sizeof(float) + m_offsets.size() * sizeof(double) +
           m_outlierValues.size() * (sizeof(double) + sizeof(std::uint32_t));
}

void IntegerLinear::prepare(ConstMatrixView x, Inputs& inputs, const Monitor& monitor) const
{
    const std::int64_t perWord = m_panels.inputsOfWord();
    const unsigned width = perWord == 2 ? 16 : 8;
    const std::uint32_t mask = (1U << width) - 1;
    inputs.words.assign(static_cast<std::size_t>(x.rows * m_panels.inputWords()), 0);
    std::atomic<std::int64_t> bad = 0;
    parallelFor(
        x.rows, std::max<std::int64_t>(1, 8192 / std::max<std::int64_t>(1, cols())),
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<std::int16_t> codes(static_cast<std::size_t>(cols()));
            for (std::int64_t t = begin; t < end; ++t) {
                bad += m_levels.encode(x.row(t), codes.data());
                const std::int32_t* values = m_inputValues.data() + m_largestCode;
                for (const IntegerPanels::Group& group : m_panels.groups()) {
                    std::uint32_t* to =
                        inputs.words.data() + t * m_panels.inputWords() + group.firstWord;
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
    const std::uint32_t* words = inputs.words.data() + token * m_panels.inputWords();
    for (std::int64_t r = 0; r < rows; ++r) {
        const auto at = static_cast<std::size_t>(firstRow + r);
        double sum = 0;
        for (std::size_t i = m_outlierRows[at]; i < m_outlierRows[at + 1]; ++i) {
            const std::int64_t place = m_panels.inputPlace(m_outlierColumns[i]);
            const std::int64_t perWord = m_panels.inputsOfWord();
            const auto shift = static_cast<unsigned>((32 / perWord) * (place % perWord));
            const std::uint32_t bits = words[place / perWord] >> shift;
            const std::int32_t stored = perWord == 2 ? static_cast<std::int16_t>(bits & 0xFFFFU)
                                                     : static_cast<std::int32_t>(bits & 0xFFU);
            sum += m_outlierValues[i] * (stored + m_offset);
        }
        out[r] += sum;
    }
}

void IntegerLinear::sumPanel(InstructionSet set, const Inputs& inputs, std::int64_t firstToken,
                             std::int64_t tokens, std::int64_t panel, MatrixView y) const
{
    const std::int64_t across = m_panels.lanesOf(panel);
    const std::int64_t stride = m_panels.inputWords();
    alignas(64) double out[packedTokens * panelRows] = {};
    alignas(64) double totals[packedTokens * panelRows];
    for (std::size_t g = 0; g < m_panels.groups().size(); ++g) {
        const IntegerPanels::Group& group = m_panels.groups()[g];
        const std::size_t parameters = m_panels.placeOf(panel, g);
        for (std::int64_t t = 0; t < tokens; ++t)
            for (std::int64_t lane = 0; lane < across; ++lane)
                totals[t * across + lane] =
                    m_offsets.empty() ? 0 : m_offsets[parameters + static_cast<std::size_t>(lane)];
        m_panels.addProducts(set, panel, group.laneWord, group.words,
                             inputs.words.data() + firstToken * stride + group.firstWord, stride,
                             tokens, totals);
        const float* scales = m_scales.data() + parameters;
        for (std::int64_t t = 0; t < tokens; ++t)
            for (std::int64_t lane = 0; lane < across; ++lane)
                out[t * across + lane] +=
                    static_cast<double>(scales[lane]) * totals[t * across + lane];
    }
    const std::int64_t first = panel * panelRows;
    const std::int64_t rows = std::min(panelRows, this->rows() - first);
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
    assert(x.cols == cols() && y.cols == rows() && x.rows == y.rows);
    constexpr std::int64_t block = 256;     // tokens between two checkpoints, at most
    constexpr std::int64_t worth = 1 << 18; // products that are worth a task
    Inputs inputs;
    for (std::int64_t first = 0; first < x.rows; first += block) {
        const std::int64_t count = std::min(block, x.rows - first);
        prepare(x.block(first, 0, count, cols()), inputs, monitor);
        const MatrixView out = y.block(first, 0, count, rows());
        const std::int64_t grain = std::max<std::int64_t>(
            1, worth / std::max<std::int64_t>(1, count * panelRows * cols()));
        parallelFor(
            m_panels.panels(), grain,
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t panel = begin; panel < end; ++panel)
                    for (std::int64_t t = 0; t < count;) {
                        const std::int64_t tokens = tokensTogether(count - t);
                        sumPanel(set, inputs, t, tokens, panel, out);
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
