// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/activation_linear.h"

#include "core/base/parallel.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace gradus {

std::vector<float> shiftCorrection(ConstMatrixView weight, double shift)
{
    std::vector<float> correction(static_cast<std::size_t>(weight.rows));
    for (std::int64_t r = 0; r < weight.rows; ++r) {
        double sum = 0;
        for (const float value : weight.row(r))
            sum += static_cast<double>(value);
        correction[static_cast<std::size_t>(r)] = static_cast<float>(shift * sum);
    }
    return correction;
}

ActivationLinear::ActivationLinear(std::shared_ptr<const Tensor> weight, std::int64_t rows,
                                   const ActivationGrid& grid)
    : m_weight(std::move(weight))
    , m_rows(rows)
    , m_cols(rows > 0 ? m_weight->count() / rows : 0)
    , m_levels(grid)
{
    assert(m_rows * m_cols == m_weight->count());
    if (grid.shift > 0)
        m_correction = shiftCorrection({m_weight->floats().data(), m_rows, m_cols},
                                       static_cast<double>(grid.shift));
}

void ActivationLinear::apply(ConstMatrixView x, MatrixView y, const Monitor& monitor) const
{
    assert((m_rows == 0 || x.cols == m_cols) && y.cols == m_rows && x.rows == y.rows);
    if (m_rows == 0)
        return;
    // Tokens in blocks: the rounded inputs need not all be there at once.
    constexpr std::int64_t block = 512;
    Tensor rounded(Shape{std::min(block, x.rows), m_cols});
    const ConstMatrixView weight(m_weight->floats().data(), m_rows, m_cols);
    for (std::int64_t first = 0; first < x.rows; first += block) {
        const std::int64_t count = std::min(block, x.rows - first);
        const MatrixView inputs = rounded.matrix().block(0, 0, count, m_cols);
        parallelFor(
            count, 8,
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t r = begin; r < end; ++r)
                    m_levels.round(x.row(first + r), inputs.row(r).data());
            },
            &monitor);
        const MatrixView out = y.block(first, 0, count, m_rows);
        multiplyTransposed(inputs, weight, out, false, &monitor);
        if (!m_correction.empty())
            for (std::int64_t r = 0; r < count; ++r)
                std::transform(out.row(r).begin(), out.row(r).end(), m_correction.begin(),
                               out.row(r).begin(), std::minus<>());
    }
}

Tensor ActivationLinear::floats() const
{
    return m_weight->clone();
}

RoundedInputs::RoundedInputs(std::shared_ptr<const LinearKernel> kernel, const ActivationGrid& grid)
    : m_kernel(std::move(kernel))
    , m_grid(grid)
{
}

void RoundedInputs::apply(ConstMatrixView x, MatrixView y, const Monitor& monitor) const
{
    constexpr std::int64_t block = 512; // tokens
    Tensor rounded(Shape{std::min(block, x.rows), x.cols});
    for (std::int64_t first = 0; first < x.rows; first += block) {
        const std::int64_t count = std::min(block, x.rows - first);
        const MatrixView inputs = rounded.matrix().block(0, 0, count, x.cols);
        simulateActivations(m_grid, x.block(first, 0, count, x.cols), inputs);
        m_kernel->apply(inputs, y.block(first, 0, count, y.cols), monitor);
    }
}

} // namespace gradus
