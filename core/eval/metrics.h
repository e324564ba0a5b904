// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/tensor/tensor.h"

#include <array>
#include <span>
#include <vector>

namespace gradus {

/// Error of a quantized weight; all relative.
struct WeightError
{
    double relative = 0; ///< Σ(w − ŵ)² / Σw²; NaN when the weight is all zero and the error is not
    double sqnrDb = 0;  ///< −10·log10(relative); infinite for an exact copy
    double cosine = 0;  ///< of w and ŵ as vectors
    double maximum = 0; ///< max |w − ŵ|
};
/// The sums that a WeightError comes from, for passes over w and ŵ that do other things as well.
class WeightErrorSums
{
public:
    /// Equal lengths.
    void add(std::span<const float> w, std::span<const float> quantized);
    void join(const WeightErrorSums& part);
    [[nodiscard]] WeightError error() const;

private:
    static constexpr std::size_t lanes = 8;
    std::array<double, lanes> m_error{};
    std::array<double, lanes> m_ww{};
    std::array<double, lanes> m_qq{};
    std::array<double, lanes> m_wq{};
    std::array<double, lanes> m_maximum{};
};
/// W, Ŵ: equal shapes.
[[nodiscard]] WeightError weightError(ConstMatrixView w, ConstMatrixView quantized);

/// tr(E·H·Eᵀ) / tr(W·H·Wᵀ), E = W − Ŵ: the relative output error on the calibration inputs.
/// W: out × in, H: in × in full storage. NaN when the denominator is zero.
[[nodiscard]] double relativeOutputError(ConstMatrixView w, ConstMatrixView quantized,
                                         std::span<const double> hessian);
/// Of a convolution whose rows are split evenly on groups: their Hessians, one after the other.
[[nodiscard]] double relativeOutputError(ConstMatrixView w, ConstMatrixView quantized,
                                         std::span<const double> hessians, std::int64_t groups);

/// a·H·aᵀ for every row a of A: its share of tr(A·H·Aᵀ), so that a ratio of traces can be estimated
/// from some rows. H: in × in in full storage. All zero when H's diagonal is.
[[nodiscard]] std::vector<double> rowEnergies(ConstMatrixView a, std::span<const double> hessian,
                                              const Monitor* monitor = nullptr);

[[nodiscard]] double toDecibel(double relativeError); ///< −10·log10

} // namespace gradus
