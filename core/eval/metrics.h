// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/tensor/tensor.h"

#include <span>

namespace gradus {

/// Error of a quantized weight; all relative.
struct WeightError
{
    double relative = 0; ///< Σ(w − ŵ)² / Σw²; NaN when the weight is all zero and the error is not
    double sqnrDb = 0;  ///< −10·log10(relative); infinite for an exact copy
    double cosine = 0;  ///< of w and ŵ as vectors
    double maximum = 0; ///< max |w − ŵ|
};
/// W, Ŵ: equal shapes.
[[nodiscard]] WeightError weightError(ConstMatrixView w, ConstMatrixView quantized);

/// tr(E·H·Eᵀ) / tr(W·H·Wᵀ), E = W − Ŵ: the relative output error on the calibration inputs.
/// W: out × in, H: in × in full storage. NaN when the denominator is zero.
[[nodiscard]] double relativeOutputError(ConstMatrixView w, ConstMatrixView quantized,
                                         std::span<const double> hessian);

[[nodiscard]] double toDecibel(double relativeError); ///< −10·log10

} // namespace gradus
