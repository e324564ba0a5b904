// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/power_linear.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/quant/power_levels.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <utility>

namespace gradus {

namespace {

constexpr std::int64_t panelRows = packedPanel * packedLanes;
/// Inputs that are summed in one go: sums of sums keep more digits than one long sum.
constexpr std::int64_t runInputs = 512;

} // namespace

std::optional<std::string> whyNotPowerLinear(const QuantizedWeight& weight)
{
    if (weight.scheme.levels == Levels::Uniform)
        return "uniform levels";
    if (weight.exponents.size() != 1)
        return "rows with exponents of their own";
    if (!weight.groupIndex.empty())
        return "groups of scattered inputs";
    return std::nullopt;
}

PowerLinear::PowerLinear(const QuantizedWeight& weight)
    : m_rows(weight.rows)
    , m_cols(weight.cols)
    , m_bits(weight.scheme.bits)
{
    if (const auto why = whyNotPowerLinear(weight))
        throw Error(ErrorCode::Unsupported, concat("no product by levels: ", *why));
    assert(weight.codes.size() == static_cast<std::size_t>(m_rows * m_cols));
    const PowerLevels levels(weight.scheme, static_cast<double>(weight.exponents.front()));
    m_levels.resize(m_bits <= 4 ? 8 : 128);
    std::transform(levels.magnitudes().begin(), levels.magnitudes().end(), m_levels.begin(),
                   [](double magnitude) { return static_cast<float>(magnitude); });
    const std::int64_t size = std::max<std::int64_t>(1, effectiveGroup(weight.scheme, m_cols));
    const std::int64_t perWord = levelInputs(m_bits);
    for (std::int64_t input = 0; input < m_cols; input += size) {
        Group group;
        group.firstInput = input;
        group.inputs = std::min(size, m_cols - input);
        group.words = (group.inputs + perWord - 1) / perWord;
        group.firstPadded = m_padded;
        m_wordsPerLane += group.words;
        m_padded += group.words * perWord;
        m_groups.push_back(group);
    }
    const std::int64_t vectors = (m_rows + packedLanes - 1) / packedLanes;
    m_words = Tensor::zeros(DType::I32, {vectors * m_wordsPerLane * packedLanes});
    m_scales.resize(static_cast<std::size_t>(vectors * packedLanes) * m_groups.size());
    parallelFor(panels(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t panel = begin; panel < end; ++panel)
            packPanel(weight, panel);
    });
    takeOutliers(weight);
}

std::int64_t PowerLinear::panels() const
{
    return (m_rows + panelRows - 1) / panelRows;
}

std::int64_t PowerLinear::vectorsOf(std::int64_t panel) const
{
    const std::int64_t rows = std::min(panelRows, m_rows - panel * panelRows);
    return (rows + packedLanes - 1) / packedLanes;
}

const std::uint32_t* PowerLinear::panelWords(std::int64_t panel) const
{
    return reinterpret_cast<const std::uint32_t*>(m_words.bytes().data()) +
           panel * panelRows * m_wordsPerLane;
}

const float* PowerLinear::scalesOf(std::int64_t panel, std::size_t group) const
{
    return m_scales.data() + static_cast<std::size_t>(panel * panelRows) * m_groups.size() +
           group * static_cast<std::size_t>(vectorsOf(panel) * packedLanes);
}

void PowerLinear::packPanel(const QuantizedWeight& weight, std::int64_t panel)
{
    const std::int64_t across = vectorsOf(panel) * packedLanes;
    const std::int64_t rows = std::min(across, m_rows - panel * panelRows);
    const std::int64_t perWord = levelInputs(m_bits);
    const unsigned width = m_bits <= 4 ? 4 : 8;
    const int middle = 1 << (m_bits - 1);
    const bool midRise = weight.scheme.levels == Levels::PowerMidRise;
    auto* words = const_cast<std::uint32_t*>(panelWords(panel));
    for (std::size_t g = 0; g < m_groups.size(); ++g) {
        const Group& group = m_groups[g];
        for (std::int64_t lane = 0; lane < rows; ++lane) {
            const std::int64_t row = panel * panelRows + lane;
            const_cast<float*>(scalesOf(panel, g))[lane] =
                weight.scales[weight.parameterIndex(row, group.firstInput)];
            const std::uint8_t* codes = weight.codes.data() + row * m_cols + group.firstInput;
            for (std::int64_t i = 0; i < group.inputs; ++i) {
                const int c = codes[i] - middle;
                // Code 0 of levels with a zero reads as code 1.
                const int place = midRise && c < 0 ? -c - 1 : std::min(std::abs(c), middle - 1);
                const std::uint32_t sign = c < 0 ? 1U << (width - 1) : 0;
                words[i / perWord * across + lane] |=
                    (sign | static_cast<std::uint32_t>(place))
                    << (width * static_cast<unsigned>(i % perWord));
            }
        }
        words += group.words * across;
    }
}

void PowerLinear::takeOutliers(const QuantizedWeight& weight)
{
    m_outliers = weight.outliers;
    if (m_outliers.empty())
        return;
    const std::vector<float> table =
        PowerLevels(weight.scheme, static_cast<double>(weight.exponents.front())).table(m_bits);
    for (std::int64_t r = 0; r < m_rows; ++r)
        for (std::size_t i = m_outliers.rowStarts[static_cast<std::size_t>(r)];
             i < m_outliers.rowStarts[static_cast<std::size_t>(r) + 1]; ++i) {
            const std::int64_t col = m_outliers.columns[i];
            m_outliers.values[i] -= weight.scales[weight.parameterIndex(r, col)] *
                                    table[weight.codes[static_cast<std::size_t>(r * m_cols + col)]];
        }
}

std::uint64_t PowerLinear::bytes() const
{
    return m_words.bytes().size() + m_scales.size() * sizeof(float) +
           m_outliers.values.size() * (sizeof(float) + sizeof(std::uint32_t)) +
           m_outliers.rowStarts.size() * sizeof(std::uint32_t);
}

void PowerLinear::addOutliers(ConstMatrixView x, std::int64_t panel, MatrixView y) const
{
    if (m_outliers.empty())
        return;
    const std::int64_t first = panel * panelRows;
    const std::int64_t last = std::min(first + panelRows, m_rows);
    for (std::int64_t t = 0; t < x.rows; ++t)
        for (std::int64_t r = first; r < last; ++r) {
            const auto at = static_cast<std::size_t>(r);
            double sum = 0;
            for (std::size_t i = m_outliers.rowStarts[at]; i < m_outliers.rowStarts[at + 1]; ++i)
                sum += static_cast<double>(m_outliers.values[i]) *
                       static_cast<double>(x.row(t)[m_outliers.columns[i]]);
            y.row(t)[at] += static_cast<float>(sum);
        }
}

void PowerLinear::sumPanel(LevelSum sum, const float* inputs, std::int64_t tokens,
                           std::int64_t panel, MatrixView y) const
{
    const std::int64_t across = vectorsOf(panel) * packedLanes;
    alignas(64) float out[packedTokens * panelRows] = {};
    alignas(64) float totals[packedTokens * panelRows];
    alignas(64) float parts[packedTokens * panelRows];
    const std::int64_t perWord = levelInputs(m_bits);
    LevelRun run;
    run.words = panelWords(panel);
    run.tokenStride = m_padded;
    run.levels = m_levels.data();
    run.bits = m_bits;
    for (std::size_t g = 0; g < m_groups.size(); ++g) {
        const Group& group = m_groups[g];
        std::fill_n(totals, tokens * across, 0.0F);
        for (std::int64_t first = 0; first < group.words; first += runInputs / perWord) {
            run.wordCount = std::min(runInputs / perWord, group.words - first);
            run.inputs = inputs + group.firstPadded + first * perWord;
            sum(run, parts);
            run.words += run.wordCount * across;
            for (std::int64_t i = 0; i < tokens * across; ++i)
                totals[i] += parts[i];
        }
        const float* scales = scalesOf(panel, g);
        for (std::int64_t t = 0; t < tokens; ++t)
            for (std::int64_t lane = 0; lane < across; ++lane)
                out[t * across + lane] += scales[lane] * totals[t * across + lane];
    }
    const std::int64_t first = panel * panelRows;
    const std::int64_t rows = std::min(panelRows, m_rows - first);
    for (std::int64_t t = 0; t < tokens; ++t)
        std::copy_n(out + t * across, rows, y.data + t * y.stride + first);
}

void PowerLinear::applyLookUp(InstructionSet set, ConstMatrixView x, MatrixView y,
                              const Monitor& monitor) const
{
    assert(x.cols == m_cols && y.cols == m_rows && x.rows == y.rows);
    constexpr std::int64_t worth = 1 << 18; // products that are worth a task
    std::vector<float> inputs(static_cast<std::size_t>(std::min(x.rows, packedTokens) * m_padded));
    for (std::int64_t first = 0; first < x.rows;) {
        const std::int64_t left = x.rows - first;
        const std::int64_t tokens = left >= 4 ? 4 : left >= 2 ? 2 : 1;
        const ConstMatrixView some = x.block(first, 0, tokens, m_cols);
        for (std::int64_t t = 0; t < tokens; ++t)
            for (const Group& group : m_groups)
                std::copy_n(some.row(t).data() + group.firstInput, group.inputs,
                            inputs.data() + t * m_padded + group.firstPadded);
        const MatrixView out = y.block(first, 0, tokens, m_rows);
        parallelFor(
            panels(),
            std::max<std::int64_t>(1, worth / std::max<std::int64_t>(1, panelRows * m_cols)),
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t panel = begin; panel < end; ++panel) {
                    sumPanel(levelSum(set, m_bits, vectorsOf(panel), tokens), inputs.data(), tokens,
                             panel, out);
                    addOutliers(some, panel, out);
                }
            },
            &monitor);
        first += tokens;
    }
}

/// emit(input, floats of the panel's lanes), input by input; without outliers.
template <class Emit>
void PowerLinear::decodeRows(std::int64_t panel, const Emit& emit) const
{
    const std::int64_t across = vectorsOf(panel) * packedLanes;
    const std::int64_t perWord = levelInputs(m_bits);
    const unsigned width = m_bits <= 4 ? 4 : 8;
    const std::uint32_t signBit = 1U << (width - 1);
    const std::uint32_t* words = panelWords(panel);
    alignas(64) float values[panelRows];
    for (std::size_t g = 0; g < m_groups.size(); ++g) {
        const Group& group = m_groups[g];
        const float* scales = scalesOf(panel, g);
        for (std::int64_t i = 0; i < group.inputs; ++i) {
            const std::uint32_t* word = words + i / perWord * across;
            const unsigned shift = width * static_cast<unsigned>(i % perWord);
            for (std::int64_t lane = 0; lane < across; ++lane) {
                const std::uint32_t code = word[lane] >> shift;
                const float value = scales[lane] * m_levels[code & (signBit - 1)];
                values[lane] = (code & signBit) != 0 ? -value : value;
            }
            emit(group.firstInput + i, values);
        }
        words += group.words * across;
    }
}

Tensor PowerLinear::floats() const
{
    Tensor result(Shape{m_rows, m_cols});
    const MatrixView out = result.matrix();
    parallelFor(panels(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t panel = begin; panel < end; ++panel) {
            const std::int64_t first = panel * panelRows;
            const std::int64_t rows = std::min(panelRows, m_rows - first);
            float* to = out.data + first * m_cols;
            decodeRows(panel, [&](std::int64_t input, const float* values) {
                for (std::int64_t r = 0; r < rows; ++r)
                    to[r * m_cols + input] = values[r];
            });
            for (std::int64_t r = first; !m_outliers.empty() && r < first + rows; ++r)
                for (std::size_t i = m_outliers.rowStarts[static_cast<std::size_t>(r)];
                     i < m_outliers.rowStarts[static_cast<std::size_t>(r) + 1]; ++i)
                    out.row(r)[m_outliers.columns[i]] += m_outliers.values[i];
        }
    });
    return result;
}

/// y's part of one panel.
void PowerLinear::multiplyPanel(std::int64_t panel, ConstMatrixView x, MatrixView y) const
{
    const std::int64_t rows = std::min(panelRows, m_rows - panel * panelRows);
    Tensor decoded(Shape{runInputs, rows}); // [input][row]
    std::int64_t held = 0;
    std::int64_t done = 0; // inputs before those held
    const auto flush = [&] {
        multiplySerial(x.block(0, done, x.rows, held),
                       std::as_const(decoded).matrix().block(0, 0, held, rows),
                       y.block(0, panel * panelRows, y.rows, rows), done > 0);
        done += held;
        held = 0;
    };
    decodeRows(panel, [&](std::int64_t, const float* values) {
        if (held == runInputs)
            flush();
        std::copy_n(values, rows, decoded.floats().data() + held++ * rows);
    });
    flush();
}

void PowerLinear::applyDecoded(ConstMatrixView x, MatrixView y, const Monitor& monitor) const
{
    assert(x.cols == m_cols && y.cols == m_rows && x.rows == y.rows);
    // Tokens in blocks too: a chunk between two checkpoints stays short.
    constexpr std::int64_t block = 512;
    for (std::int64_t first = 0; first < x.rows; first += block) {
        const std::int64_t count = std::min(block, x.rows - first);
        const ConstMatrixView some = x.block(first, 0, count, m_cols);
        const MatrixView out = y.block(first, 0, count, m_rows);
        parallelFor(
            panels(), 1,
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t panel = begin; panel < end; ++panel) {
                    multiplyPanel(panel, some, out);
                    addOutliers(some, panel, out);
                }
            },
            &monitor);
    }
}

void PowerLinear::apply(ConstMatrixView x, MatrixView y, const Monitor& monitor) const
{
    static const InstructionSet set = instructionSets().back();
    // Where decoding overtakes look-ups.
    const std::int64_t fewTokens = set == InstructionSet::Plain ? 2 : m_bits <= 4 ? 16 : 8;
    if (x.rows <= fewTokens)
        applyLookUp(set, x, y, monitor);
    else
        applyDecoded(x, y, monitor);
}

} // namespace gradus
