// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/product_linear.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/quant/activation_linear.h"
#include "core/quant/integer_linear.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace gradus {

ProductLinear::ProductLinear(const QuantizedWeight& weight, const ActivationGrid& grid)
    : m_weight(weight)
    , m_levels(grid)
    , m_largestCode(grid.largest())
    , m_codes(static_cast<std::size_t>(weight.scheme.maximumCode()) + 1)
    , m_factor(std::ldexp(static_cast<double>(grid.limit), -fractionBits))
{
    if (const auto why = whyNotInteger(weight, grid))
        throw Error(ErrorCode::Unsupported, concat("no integer product: ", *why));
    if (weight.scheme.levels != Levels::Power || weight.exponents.front() != grid.exponent)
        throw Error(ErrorCode::Unsupported, concat("no table of products: inputs have exponent ",
                                                   grid.exponent, ", expected the weight's"));
    const int middle = 1 << (weight.scheme.bits - 1);
    const int most = middle - 1;
    const double full = static_cast<double>(most) * m_largestCode;
    const double inverse = 1 / static_cast<double>(grid.exponent);
    for (int input = -m_largestCode; input <= m_largestCode; ++input)
        for (int code = 0; code < 2 * middle; ++code) {
            const int c = std::max(code - middle, -most); // code 0 reads as code 1
            const double size =
                std::round(std::ldexp(std::pow(std::abs(c * input) / full, inverse), fractionBits));
            m_products.push_back(static_cast<std::int32_t>(c * input < 0 ? -size : size));
        }
    if (grid.shift > 0)
        m_correction = shiftCorrection(std::as_const(*this).floats().matrix(),
                                       static_cast<double>(grid.shift));
}

void ProductLinear::sumRow(const std::int16_t* codes, std::int64_t row, float& y) const
{
    // So many products fit into 32 bits.
    constexpr std::int64_t safe = (std::int64_t(1) << (31 - fractionBits)) - 1;
    const std::int64_t cols = m_weight.cols;
    const std::int64_t group = std::max<std::int64_t>(1, effectiveGroup(m_weight.scheme, cols));
    const std::uint8_t* weights = m_weight.codes.data() + row * cols;
    double sum = 0;
    for (std::int64_t c = 0; c < cols; c += group) {
        const std::int64_t end = std::min(c + group, cols);
        double total = 0;
        for (std::int64_t first = c; first < end; first += safe) {
            std::int32_t part = 0;
            for (std::int64_t j = first; j < std::min(first + safe, end); ++j)
                part += product(weights[j], codes[j]);
            total += part;
        }
        sum += total * static_cast<double>(m_weight.scales[m_weight.parameterIndex(row, c)]);
    }
    sum *= m_factor;
    // Outliers are floats, and so are the inputs that they meet.
    const SparseWeights& outliers = m_weight.outliers;
    for (std::size_t i = outliers.empty() ? 0 : outliers.rowStarts[static_cast<std::size_t>(row)];
         !outliers.empty() && i < outliers.rowStarts[static_cast<std::size_t>(row) + 1]; ++i) {
        const std::int64_t col = outliers.columns[i];
        const std::int16_t input = codes[col];
        sum +=
            static_cast<double>(outliers.values[i]) * static_cast<double>(m_levels.level(input)) -
            static_cast<double>(m_weight.scales[m_weight.parameterIndex(row, col)]) * m_factor *
                product(weights[col], input);
    }
    y = static_cast<float>(sum);
    if (!m_correction.empty())
        y -= m_correction[static_cast<std::size_t>(row)];
}

void ProductLinear::apply(ConstMatrixView x, MatrixView y, const Monitor& monitor) const
{
    assert(x.cols == m_weight.cols && y.cols == m_weight.rows && x.rows == y.rows);
    constexpr std::int64_t block = 64; // tokens
    std::vector<std::int16_t> codes;
    for (std::int64_t first = 0; first < x.rows; first += block) {
        const std::int64_t count = std::min(block, x.rows - first);
        codes.resize(static_cast<std::size_t>(count * x.cols));
        m_levels.encodeAll(x.block(first, 0, count, x.cols), codes.data());
        parallelFor(
            m_weight.rows,
            std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, count * x.cols)),
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t r = begin; r < end; ++r)
                    for (std::int64_t t = 0; t < count; ++t)
                        sumRow(codes.data() + t * x.cols, r, y.row(first + t)[std::size_t(r)]);
            },
            &monitor);
    }
}

} // namespace gradus
