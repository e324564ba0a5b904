// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/quant/methods/hessian_order.h"
#include "core/quant/scheme.h"
#include "core/tensor/tensor.h"

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

/// What the steps of decoupleQ share and none of them changes.
///
///   W  rows × cols  weight             Ŵ = s ∘ (Q − zero), codes Q = 0 … 2^b − 1
///   H  cols × cols  XᵀX/n              E = Ŵ − W
///
/// Everywhere below H is in units of its mean diagonal and damped: H/unit + damping · I. The result
/// does not depend on the scale of H, the range of float does.
struct DecoupleqLayer
{
    DecoupleqLayer(ConstMatrixView weight, const Scheme& scheme, std::span<const double> hessian,
                   const HessianOrder& order, double damping, Monitor& monitor);

    ConstMatrixView weight;
    Scheme scheme; ///< of the result: with floatZeros where they are such
    std::int64_t rows;
    std::int64_t cols;
    std::int64_t group;              ///< inputs that share a scale
    std::int64_t groups;             ///< of a row
    std::span<const double> hessian; ///< as given: neither damped nor scaled
    double unit;
    double damping;
    const HessianOrder& order;
    std::vector<float> damped; ///< H as above
    Monitor& monitor;

    [[nodiscard]] ConstMatrixView dampedView() const { return {damped.data(), cols, cols}; }
    [[nodiscard]] float maximumCode() const { return static_cast<float>(scheme.maximumCode()); }
    /// The row with its scales and zeros: e = ŵ − w, as a decoder will find it.
    void residual(std::int64_t row, const std::uint8_t* codes, const float* scales,
                  const float* zeros, float* e) const;
};

/// Codes, scales and zeros of all rows, and what they cost.
struct GridState
{
    explicit GridState(const DecoupleqLayer& layer);

    std::vector<std::uint8_t> codes; ///< rows × cols
    std::vector<float> scales;       ///< rows × groups, as stored
    std::vector<float> zeros;
    std::vector<double> errors;  ///< E·H·Eᵀ of each row
    std::vector<double> squares; ///< E·Eᵀ of each row

    /// Takes everything of a row from another state.
    void take(const DecoupleqLayer& layer, const GridState& other, std::int64_t row);
    /// Whether a row has the same codes, scales and zeros in both.
    [[nodiscard]] bool same(const DecoupleqLayer& layer, const GridState& other,
                            std::int64_t row) const;
};

/// Rows as steps take them: those that are still worth it.
using RowList = std::span<const std::int64_t>;

/// Rows per product with H: enough of them that copying H into the product's blocks does not count,
/// few enough that all threads have work.
[[nodiscard]] std::int64_t productRows(std::int64_t rows);

/// Sets errors and squares of some rows from their codes, scales and zeros.
void evaluateRows(const DecoupleqLayer& layer, RowList rows, GridState& state);

/// To the nearest integer, ties upwards, as the official code does.
[[nodiscard]] inline float roundHalfUp(float x)
{
    const float even = std::rint(x);
    return x - even == 0.5F ? even + 1 : even;
}

/// The code of w, as a float.
[[nodiscard]] inline float nearestCode(float w, float scale, float zero, float maximum)
{
    float code = roundHalfUp(w / scale + zero);
    code = code > 0 ? code : 0; // also where it is not a number
    return code < maximum ? code : maximum;
}

/// nearestCode of all weights of some rows.
void roundRows(const DecoupleqLayer& layer, RowList rows, GridState& state);

/// Nearest zero that can be stored: in floats, or a code.
[[nodiscard]] float storedZero(double zero, const Scheme& scheme);

} // namespace gradus
