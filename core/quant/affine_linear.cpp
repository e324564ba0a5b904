// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/affine_linear.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/quant/integer_panels.h"
#include "core/tensor/row_product.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

namespace gradus {

namespace {

void requireValid(const AffineGrid& grid, std::int64_t features)
{
    if (const auto why = grid.validate(features))
        throw Error(ErrorCode::Usage, *why);
}

class RoundedLinear final : public LinearKernel
{
public:
    RoundedLinear(std::shared_ptr<const Tensor> weight, std::int64_t rows, const AffineGrid& grid)
        : m_weight(std::move(weight))
        , m_rows(rows)
        , m_cols(rows > 0 ? m_weight->count() / rows : 0)
        , m_grid(grid)
    {
        assert(m_rows * m_cols == m_weight->count());
        requireValid(grid, m_cols);
    }

    [[nodiscard]] std::int64_t rows() const override { return m_rows; }
    [[nodiscard]] std::int64_t cols() const override { return m_cols; }

    void apply(ConstMatrixView x, MatrixView y, const Monitor& monitor) const override
    {
        assert((m_rows == 0 || x.cols == m_cols) && y.cols == m_rows && x.rows == y.rows);
        if (m_rows == 0)
            return;
        // Tokens in blocks: the rounded inputs need not all be there at once.
        constexpr std::int64_t block = 512;
        Tensor rounded(Shape{std::min(block, x.rows), m_cols});
        const ConstMatrixView weight(m_weight->floats().data(), m_rows, m_cols);
        for (std::int64_t first = 0; first < x.rows; first += block) {
            monitor.checkpoint();
            const std::int64_t count = std::min(block, x.rows - first);
            const MatrixView inputs = rounded.matrix().block(0, 0, count, m_cols);
            roundToGrid(m_grid, x.block(first, 0, count, m_cols), inputs);
            multiplyRows(inputs, weight, {}, y.block(first, 0, count, m_rows), {}, &monitor);
        }
    }

    [[nodiscard]] Tensor floats() const override { return m_weight->clone(); }

private:
    std::shared_ptr<const Tensor> m_weight;
    std::int64_t m_rows;
    std::int64_t m_cols;
    AffineGrid m_grid;
};

class RoundedChannels final : public InputRounding
{
public:
    explicit RoundedChannels(const AffineGrid& grid)
        : m_grid(grid)
    {
    }

    void apply(Tensor& x) const override
    {
        const std::int64_t channels = x.shape().size() < 2 ? 1 : x.shape()[1];
        requireValid(m_grid, channels);
        if (x.empty())
            return;
        const std::int64_t planes = x.shape().size() < 2 ? 1 : x.shape()[0] * channels;
        const MatrixView rows(x.floats().data(), planes, x.count() / planes);
        if (m_grid.scales.size() == 1 && m_grid.zeros.size() == 1) {
            roundToGrid(m_grid, rows, rows);
            return;
        }
        std::vector<AffineGrid> grids(static_cast<std::size_t>(channels), m_grid);
        for (std::size_t c = 0; c < grids.size(); ++c) {
            grids[c].scales = {m_grid.scale(c)};
            grids[c].zeros = {m_grid.zero(c)};
        }
        const std::int64_t grain = std::max<std::int64_t>(1, 16384 / rows.cols);
        parallelFor(planes, grain, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t plane = begin; plane < end; ++plane) {
                const MatrixView part = rows.block(plane, 0, 1, rows.cols);
                roundToGrid(grids[static_cast<std::size_t>(plane % channels)], part, part);
            }
        });
    }

private:
    AffineGrid m_grid;
};

class AffineIntegerLinear final : public LinearKernel
{
public:
    AffineIntegerLinear(const QuantizedWeight& weight, const AffineGrid& grid, InstructionSet set)
        : m_set(set)
        , m_grid(grid)
        , m_panels(weight.scheme.bits <= 4 ? OperandStore::Nibbles : OperandStore::Bytes,
                   weight.rows, weight.cols, effectiveGroup(weight.scheme, weight.cols))
    {
        const bool nibbles = m_panels.store() == OperandStore::Nibbles;
        std::vector<std::int32_t> table;
        for (int code = 0; code < 16 && nibbles; ++code)
            table.push_back(code);
        m_panels.setTable(table);
        // Codes of 8 bits do not fit into signed bytes: they are stored less their middle.
        m_offset = nibbles ? 0 : 1 << (weight.scheme.bits - 1);
        m_panels.setLargestProduct(255 * std::max(15, m_offset));
        m_scales.resize(m_panels.placeCount());
        m_zeros.resize(m_scales.size());
        m_constants.resize(m_scales.size());
        parallelFor(rows(), 16, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = begin; row < end; ++row)
                packRow(weight, row);
        });
    }

    [[nodiscard]] std::int64_t rows() const override { return m_panels.rows(); }
    [[nodiscard]] std::int64_t cols() const override { return m_panels.cols(); }

    void apply(ConstMatrixView x, MatrixView y, const Monitor& monitor) const override
    {
        assert(x.cols == cols() && y.cols == rows() && x.rows == y.rows);
        constexpr std::int64_t block = 256;     // tokens between two checkpoints, at most
        constexpr std::int64_t worth = 1 << 18; // products that are worth a task
        Inputs inputs;
        for (std::int64_t first = 0; first < x.rows; first += block) {
            monitor.checkpoint();
            const std::int64_t count = std::min(block, x.rows - first);
            prepare(x.block(first, 0, count, cols()), inputs);
            const MatrixView out = y.block(first, 0, count, rows());
            const std::int64_t products = count * IntegerPanels::panelRows * cols();
            parallelFor(
                m_panels.panels(),
                std::max<std::int64_t>(1, worth / std::max<std::int64_t>(1, products)),
                [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t panel = begin; panel < end; ++panel)
                        for (std::int64_t t = 0; t < count;) {
                            const std::int64_t tokens = tokensTogether(count - t);
                            sumPanel(inputs, t, tokens, panel, out);
                            t += tokens;
                        }
                },
                &monitor);
        }
    }

    [[nodiscard]] Tensor floats() const override
    {
        Tensor result(Shape{rows(), cols()});
        const MatrixView out = result.matrix();
        for (std::int64_t r = 0; r < rows(); ++r)
            for (std::int64_t c = 0; c < cols(); ++c) {
                const std::size_t place = m_panels.placeOfRow(r, m_panels.groupOf(c));
                const auto level = static_cast<double>(m_panels.operandAt(r, c)) + m_zeros[place];
                out.row(r)[static_cast<std::size_t>(c)] =
                    static_cast<float>(static_cast<double>(m_scales[place]) * level);
            }
        return result;
    }

private:
    struct Inputs
    {
        std::vector<std::uint8_t> codes;
        std::vector<std::uint32_t> words; ///< [token][word]
        std::vector<double> sums;         ///< of codes: [token][group]
    };

    void packRow(const QuantizedWeight& weight, std::int64_t row)
    {
        std::vector<std::int32_t> operands;
        for (std::size_t g = 0; g < m_panels.groups().size(); ++g) {
            const IntegerPanels::Group& group = m_panels.groups()[g];
            const std::size_t parameter = weight.parameterIndex(row, group.firstInput);
            const std::size_t place = m_panels.placeOfRow(row, g);
            const auto zero = static_cast<std::int64_t>(weight.zeros[parameter]);
            m_scales[place] = weight.scales[parameter];
            m_zeros[place] = static_cast<double>(m_offset - zero);
            operands.clear();
            std::int64_t constant = 0;
            for (std::int64_t c = group.firstInput; c < group.firstInput + group.inputs; ++c) {
                const std::int32_t code = weight.codes[static_cast<std::size_t>(row * cols() + c)];
                operands.push_back(code - m_offset);
                constant -= (code - zero) * m_grid.zero(static_cast<std::size_t>(c));
            }
            m_constants[place] = static_cast<double>(constant);
            m_panels.set(row, g, operands.data());
        }
    }

    void prepare(ConstMatrixView x, Inputs& inputs) const
    {
        const std::size_t groups = m_panels.groups().size();
        inputs.codes.resize(static_cast<std::size_t>(x.rows * x.cols));
        inputs.words.assign(static_cast<std::size_t>(x.rows * m_panels.inputWords()), 0);
        inputs.sums.resize(static_cast<std::size_t>(x.rows) * groups);
        encodeToGrid(m_grid, x, inputs.codes.data());
        const std::int64_t grain =
            std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, x.cols));
        parallelFor(x.rows, grain, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t t = begin; t < end; ++t)
                for (std::size_t g = 0; g < groups; ++g) {
                    const IntegerPanels::Group& group = m_panels.groups()[g];
                    const std::uint8_t* codes = inputs.codes.data() + t * x.cols + group.firstInput;
                    packBytes(codes, group.inputs,
                              inputs.words.data() + t * m_panels.inputWords() + group.firstWord);
                    std::int64_t sum = 0;
                    for (std::int64_t i = 0; i < group.inputs; ++i)
                        sum += codes[i];
                    inputs.sums[static_cast<std::size_t>(t) * groups + g] =
                        static_cast<double>(sum);
                }
        });
    }

    /// Doubles hold all these integers exactly.
    void sumPanel(const Inputs& inputs, std::int64_t firstToken, std::int64_t tokens,
                  std::int64_t panel, MatrixView y) const
    {
        const std::int64_t across = m_panels.lanesOf(panel);
        const std::int64_t stride = m_panels.inputWords();
        const std::size_t groups = m_panels.groups().size();
        alignas(64) double out[packedTokens * IntegerPanels::panelRows] = {};
        alignas(64) double totals[packedTokens * IntegerPanels::panelRows];
        for (std::size_t g = 0; g < groups; ++g) {
            const IntegerPanels::Group& group = m_panels.groups()[g];
            const std::size_t place = m_panels.placeOf(panel, g);
            const double* zeros = m_zeros.data() + place;
            const double* constants = m_constants.data() + place;
            for (std::int64_t t = 0; t < tokens; ++t) {
                const double sum =
                    inputs.sums[static_cast<std::size_t>(firstToken + t) * groups + g];
                for (std::int64_t lane = 0; lane < across; ++lane)
                    totals[t * across + lane] = constants[lane] + zeros[lane] * sum;
            }
            m_panels.addProducts(m_set, panel, group.laneWord, group.words,
                                 inputs.words.data() + firstToken * stride + group.firstWord,
                                 stride, tokens, totals);
            const float* scales = m_scales.data() + place;
            for (std::int64_t t = 0; t < tokens; ++t)
                for (std::int64_t lane = 0; lane < across; ++lane)
                    out[t * across + lane] +=
                        static_cast<double>(scales[lane]) * totals[t * across + lane];
        }
        const auto factor = static_cast<double>(m_grid.scales.front());
        const std::int64_t first = panel * IntegerPanels::panelRows;
        const std::int64_t count = std::min(IntegerPanels::panelRows, rows() - first);
        for (std::int64_t t = 0; t < tokens; ++t) {
            float* to = y.data + (firstToken + t) * y.stride + first;
            for (std::int64_t r = 0; r < count; ++r)
                to[r] = static_cast<float>(out[t * across + r] * factor);
        }
    }

    InstructionSet m_set;
    AffineGrid m_grid;
    IntegerPanels m_panels;
    std::int32_t m_offset = 0; ///< a stored operand is the code less this
    // By the panels' places:
    std::vector<float> m_scales;
    std::vector<double> m_zeros;     ///< offset − zero: what the sum of an input's codes counts
    std::vector<double> m_constants; ///< −Σ z_d·(w_d − z_w)
};

} // namespace

std::shared_ptr<const LinearKernel> roundedLinear(std::shared_ptr<const Tensor> weight,
                                                  std::int64_t rows, const AffineGrid& grid)
{
    return std::make_shared<const RoundedLinear>(std::move(weight), rows, grid);
}

std::shared_ptr<const InputRounding> roundedInputs(const AffineGrid& grid)
{
    return std::make_shared<const RoundedChannels>(grid);
}

std::optional<std::string> whyNotAffineInteger(const QuantizedWeight& weight,
                                               const AffineGrid& grid)
{
    if (weight.scheme.levels != Levels::Uniform)
        return concat("weights with ", levelsName(weight.scheme.levels), " levels");
    if (weight.scheme.floatZeros)
        return "zeros of weights that are no codes";
    if (!weight.groupIndex.empty())
        return "groups of scattered inputs";
    if (!weight.outliers.empty())
        return "weights with outliers";
    if (const auto why = grid.validate(weight.cols))
        return why;
    if (!grid.hasOneScale())
        return "inputs with a scale for each feature";
    if (grid.fraction != 0)
        return "inputs whose zero has a fraction";
    return std::nullopt;
}

std::shared_ptr<const LinearKernel> affineIntegerLinear(const QuantizedWeight& weight,
                                                        const AffineGrid& grid,
                                                        std::optional<InstructionSet> set)
{
    if (const auto why = whyNotAffineInteger(weight, grid))
        throw Error(ErrorCode::Unsupported, concat("no integer product: ", *why));
    return std::make_shared<const AffineIntegerLinear>(weight, grid,
                                                       set ? *set : instructionSets().back());
}

} // namespace gradus
