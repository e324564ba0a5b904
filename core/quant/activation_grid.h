// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/magnitude_histogram.h"
#include "core/tensor/tensor.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// Power quantization of a layer's inputs, static and per tensor (reference nupes.md, section 9):
/// x̂ = limit · sgn(c) · (|c|/N)^(1/a) − shift, N = 2^(bits−1) − 1 signed, 2^bits − 1 unsigned.

enum class ActivationExponent
{
    Searched, ///< for the inputs alone
    Shared, ///< the weights', and theirs found for both: E_w/‖w‖² + E_x/‖x‖² (section 9.3)
    Half,   ///< ½
    Uniform, ///< 1
};
[[nodiscard]] std::string_view activationExponentName(ActivationExponent exponent); ///< "shared"
[[nodiscard]] std::optional<ActivationExponent> activationExponentFromName(std::string_view name);

/// What the user decides.
struct ActivationChoice
{
    int bits = 0; ///< 2 … 8; 0: inputs stay float
    ActivationExponent exponent = ActivationExponent::Searched;
    bool clip = true; ///< limit of least squared error; without, the largest magnitude seen
    /// Inputs with small negative parts (SiLU, GELU) are moved up to an unsigned grid.
    bool shift = false;

    bool operator==(const ActivationChoice&) const = default;
    [[nodiscard]] bool enabled() const { return bits > 0; }
    /// A sentence naming field, value and constraint, or nothing.
    [[nodiscard]] std::optional<std::string> validate() const;
};

/// What came of it.
struct ActivationGrid
{
    int bits = 8;
    bool isSigned = true;
    float exponent = 1;
    float limit = 1;          ///< value of the largest code, positive
    float shift = 0;          ///< added to inputs before they are quantized, ≥ 0
    double relativeError = 0; ///< Σ(x−x̂)²/Σx² on the calibration inputs

    bool operator==(const ActivationGrid&) const = default;
    [[nodiscard]] int largest() const { return (1 << (isSigned ? bits - 1 : bits)) - 1; }
    [[nodiscard]] std::optional<std::string> validate() const;
};

/// The grid of least squared error for inputs with these magnitudes. Unsigned when none is
/// negative (or all can be shifted up). sharedExponent: the weights', for Shared. Throws
/// Error(Usage) when the choice is invalid, or Shared without an exponent.
[[nodiscard]] ActivationGrid solveActivation(const SignedMagnitudes& inputs,
                                             const ActivationChoice& choice,
                                             std::optional<double> sharedExponent);

/// x̂ of x: what the float simulation multiplies by. Values beyond the limit saturate.
void simulateActivations(const ActivationGrid& grid, ConstMatrixView x, MatrixView out);
/// Signed codes −N … N, or 0 … N; nearest levels.
void encodeActivations(const ActivationGrid& grid, ConstMatrixView x, std::int16_t* codes);

} // namespace gradus
