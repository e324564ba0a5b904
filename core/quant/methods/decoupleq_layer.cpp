// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/decoupleq_layer.h"

#include "core/base/parallel.h"
#include "core/quant/methods/common.h"
#include "core/tensor/half.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <limits>

// Compiled with -O3 and without contraction (see CMakeLists.txt): the loops vectorise, and a
// residual is to the bit what a decoder makes of the codes.

namespace gradus {

namespace {

/// Columns of H multiplied between two checkpoints.
constexpr std::int64_t productCols = 512;

} // namespace

DecoupleqLayer::DecoupleqLayer(ConstMatrixView weightView, const Scheme& resultScheme,
                               std::span<const double> hessianValues,
                               const HessianOrder& columnOrder, double dampingShare,
                               Monitor& theMonitor)
    : weight(weightView)
    , scheme(resultScheme)
    , rows(weightView.rows)
    , cols(weightView.cols)
    , group(effectiveGroup(resultScheme, weightView.cols))
    , groups(groupsPerRow(resultScheme, weightView.cols))
    , hessian(hessianValues)
    , unit(columnOrder.meanDiagonal)
    , damping(dampingShare)
    , order(columnOrder)
    , damped(hessianValues.size())
    , monitor(theMonitor)
{
    parallelFor(
        cols, rowGrain(cols),
        [&](std::int64_t begin, std::int64_t end) {
            const double share = 1 / unit;
            for (std::int64_t r = begin; r < end; ++r) {
                const double* from = hessian.data() + r * cols;
                float* to = damped.data() + r * cols;
                for (std::int64_t c = 0; c < cols; ++c)
                    to[c] = static_cast<float>(from[c] * share);
                to[r] = static_cast<float>(from[r] * share + damping);
            }
        },
        &monitor);
}

void DecoupleqLayer::residual(std::int64_t row, const std::uint8_t* codes, const float* scales,
                              const float* zeros, float* e) const
{
    const float* w = weight.data + row * weight.stride;
    for (std::int64_t c = 0, g = 0; c < cols; c += group, ++g) {
        const float scale = scales[g];
        const float zero = zeros[g];
        const std::int64_t last = std::min(c + group, cols);
        for (std::int64_t k = c; k < last; ++k)
            e[k] = scale * (static_cast<float>(codes[k]) - zero) - w[k];
    }
}

GridState::GridState(const DecoupleqLayer& layer)
    : codes(static_cast<std::size_t>(layer.rows * layer.cols))
    , scales(static_cast<std::size_t>(layer.rows * layer.groups), 1.0F)
    , zeros(scales.size())
    , errors(static_cast<std::size_t>(layer.rows))
    , squares(errors.size())
{
}

void GridState::take(const DecoupleqLayer& layer, const GridState& other, std::int64_t row)
{
    std::copy_n(other.codes.data() + row * layer.cols, layer.cols, codes.data() + row * layer.cols);
    std::copy_n(other.scales.data() + row * layer.groups, layer.groups,
                scales.data() + row * layer.groups);
    std::copy_n(other.zeros.data() + row * layer.groups, layer.groups,
                zeros.data() + row * layer.groups);
    const auto r = static_cast<std::size_t>(row);
    errors[r] = other.errors[r];
    squares[r] = other.squares[r];
}

bool GridState::same(const DecoupleqLayer& layer, const GridState& other, std::int64_t row) const
{
    const auto equal = [row](const auto& a, const auto& b, std::int64_t width) {
        return std::equal(a.data() + row * width, a.data() + (row + 1) * width,
                          b.data() + row * width);
    };
    return equal(codes, other.codes, layer.cols) && equal(scales, other.scales, layer.groups) &&
           equal(zeros, other.zeros, layer.groups);
}

std::int64_t productRows(std::int64_t rows)
{
    return std::clamp<std::int64_t>((rows / 4 + 63) / 64 * 64, 64, 256);
}

void evaluateRows(const DecoupleqLayer& layer, RowList rows, GridState& state)
{
    const std::int64_t d = layer.cols;
    const auto count = static_cast<std::int64_t>(rows.size());
    parallelFor(
        count, productRows(count),
        [&](std::int64_t begin, std::int64_t end) {
            const std::int64_t height = end - begin;
            const std::int64_t width = std::min(d, productCols);
            std::vector<float> residuals(static_cast<std::size_t>(height * d));
            std::vector<float> product(static_cast<std::size_t>(height * width));
            for (std::int64_t i = 0; i < height; ++i) {
                const std::int64_t row = rows[static_cast<std::size_t>(begin + i)];
                float* e = residuals.data() + i * d;
                layer.residual(row, state.codes.data() + row * d,
                               state.scales.data() + row * layer.groups,
                               state.zeros.data() + row * layer.groups, e);
                double sum = 0;
#pragma omp simd reduction(+ : sum)
                for (std::int64_t c = 0; c < d; ++c)
                    sum += static_cast<double>(e[c]) * static_cast<double>(e[c]);
                state.squares[static_cast<std::size_t>(row)] = sum;
                state.errors[static_cast<std::size_t>(row)] = 0;
            }
            for (std::int64_t c = 0; c < d; c += width) {
                layer.monitor.checkpoint();
                const std::int64_t some = std::min(width, d - c);
                multiplySerial(ConstMatrixView(residuals.data(), height, d),
                               layer.dampedView().block(0, c, d, some),
                               MatrixView(product.data(), height, some), false);
                for (std::int64_t i = 0; i < height; ++i) {
                    const float* e = residuals.data() + i * d + c;
                    const float* eh = product.data() + i * some;
                    double sum = 0;
#pragma omp simd reduction(+ : sum)
                    for (std::int64_t k = 0; k < some; ++k)
                        sum += static_cast<double>(e[k]) * static_cast<double>(eh[k]);
                    state.errors[static_cast<std::size_t>(
                        rows[static_cast<std::size_t>(begin + i)])] += sum;
                }
            }
        },
        &layer.monitor);
}

void roundRows(const DecoupleqLayer& layer, RowList rows, GridState& state)
{
    const float maximum = layer.maximumCode();
    parallelFor(
        static_cast<std::int64_t>(rows.size()), rowGrain(layer.cols),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                const std::int64_t row = rows[static_cast<std::size_t>(i)];
                const float* w = layer.weight.data + row * layer.weight.stride;
                std::uint8_t* codes = state.codes.data() + row * layer.cols;
                for (std::int64_t g = 0; g < layer.groups; ++g) {
                    const float scale =
                        state.scales[static_cast<std::size_t>(row * layer.groups + g)];
                    const float zero =
                        state.zeros[static_cast<std::size_t>(row * layer.groups + g)];
                    const std::int64_t last = std::min((g + 1) * layer.group, layer.cols);
                    for (std::int64_t c = g * layer.group; c < last; ++c)
                        codes[c] = static_cast<std::uint8_t>(
                            static_cast<std::int32_t>(nearestCode(w[c], scale, zero, maximum)));
                }
            }
        },
        &layer.monitor);
}

float storedZero(double zero, const Scheme& scheme)
{
    if (!scheme.floatZeros)
        return std::clamp(roundHalfUp(static_cast<float>(zero)), 0.0F,
                          static_cast<float>(scheme.maximumCode()));
    const auto value = static_cast<float>(zero);
    return scheme.scaleType == DType::F16 ? roundToHalf(value) : value;
}

} // namespace gradus
