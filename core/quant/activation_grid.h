// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/magnitude_histogram.h"
#include "core/quant/activation_choice.h"
#include "core/quant/power_levels.h"
#include "core/tensor/tensor.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// Power quantization of a layer's inputs, static and per tensor (reference nupes.md, section 9):
/// x̂ = limit · sgn(c) · (|c|/N)^(1/a) − shift, N = 2^(bits−1) − 1 signed, 2^bits − 1 unsigned.

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

/// The grid of least squared error for inputs with these magnitudes; nearest levels. Unsigned when
/// none is negative (or all are better shifted up). sharedExponent: the weights', for Shared.
/// Throws Error(Usage) when the choice is invalid, or Shared without an exponent.
[[nodiscard]] ActivationGrid solveActivation(const SignedMagnitudes& inputs,
                                             const ActivationChoice& choice,
                                             std::optional<double> sharedExponent);

/// The errors Σ(x−x̂)²/Σx² that a grid of this exponent and sign can reach, with the best limit (or
/// without clip the largest): what a search for an exponent that weights share adds up. Inputs that
/// are all 0 have none.
[[nodiscard]] double activationError(const SignedMagnitudes& inputs, const ActivationChoice& choice,
                                     double exponent);

/// A grid ready for use: values are compared with borders made once, never raised to a power.
/// Values beyond the limit saturate, infinite ones too; −0 and what rounds to 0 is code 0 and +0.
class ActivationLevels
{
public:
    /// grid: valid.
    explicit ActivationLevels(const ActivationGrid& grid);
    /// −N … N, or 0 … N. NaN has no code: it reads as 0, and counts in the result.
    std::int64_t encode(std::span<const float> x, std::int16_t* codes) const;
    /// The same of many rows. Throws Error(Numeric) on NaN.
    void encodeAll(ConstMatrixView x, std::int16_t* codes) const;
    /// The levels of x + shift, which the shift is not taken from again: x̂ = level − shift. NaN
    /// stays NaN, so that a model that computes nonsense does not look sound.
    void round(std::span<const float> x, float* out) const;
    [[nodiscard]] bool isSigned() const { return m_isSigned; }
    /// Of a code: limit · sgn(c) · (|c|/N)^(1/a).
    [[nodiscard]] float level(int code) const
    {
        return m_levels[static_cast<std::size_t>(code + m_largest)];
    }

private:
    template <class Emit>
    void forEachPlace(std::span<const float> x, const Emit& emit) const;

    int m_largest;
    bool m_isSigned;
    float m_shift;
    std::vector<float> m_borders; ///< from m_borders[i] on it is i + 1
    std::vector<float> m_levels;  ///< by code + N
};

/// x̂ of x: what the float simulation multiplies by. NaN stays NaN.
void simulateActivations(const ActivationGrid& grid, ConstMatrixView x, MatrixView out);
/// Signed codes −N … N, or 0 … N, rows × cols; nearest levels. Throws Error(Numeric) on NaN, which
/// has no code.
void encodeActivations(const ActivationGrid& grid, ConstMatrixView x, std::int16_t* codes);

/// Codes of integer sums without a power (reference nupes.md, section 9.3): x = factor · acc, so
/// that |code| = #{i : |acc| ≥ ⌈limit · τᵢ / factor⌉}. For networks that hand codes from one
/// integer layer to the next; those that run today have norms, products or sums of floats between
/// any two.
class Requantizer
{
public:
    /// factor: positive and finite. Nearest is what encode() does but for the rounding of x.
    Requantizer(const ActivationGrid& grid, double factor,
                PowerRounding rounding = PowerRounding::Nearest);
    [[nodiscard]] int code(std::int32_t acc) const;
    [[nodiscard]] std::span<const std::int64_t> thresholds() const { return m_thresholds; }

private:
    bool m_isSigned;
    std::vector<std::int64_t> m_thresholds;
};

} // namespace gradus
