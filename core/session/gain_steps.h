// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/solve.h"
#include "core/session/run.h"

#include <array>
#include <string_view>
#include <vector>

namespace gradus {

/// What a method gained, and by what: the points of its trace sorted by kind of step.
enum class GainKind
{
    Outliers,      ///< weights kept as floats
    Clip,          ///< scales below the largest magnitudes
    Exponent,      ///< the power grid of the start
    Nearest,       ///< nearest levels
    Codes,         ///< sweeps and integers against the Hessian
    Scales,        ///< learned scales, another start of them
    ExponentSteps, ///< the exponent again, between codes and scales
    Gradient,      ///< gradient steps on latent codes
    Block,         ///< the training of the block
    FineTuning,
};
inline constexpr std::size_t gainKinds = 10;
[[nodiscard]] std::string_view gainKindName(GainKind kind); ///< "outliers", "clip", …, of files

/// 10·log₁₀ of the error before over the error after, summed over the steps of each kind, so that
/// the gains add up to the whole. Negative where a step of that kind raised the error.
struct GainSteps
{
    std::array<double, gainKinds> decibel{};
    std::array<bool, gainKinds> present{}; ///< there was such a step
    /// Errors are those of the layer's output on the calibration inputs, else of its weights.
    bool ofOutputs = false;
    double first = 0; ///< error of the start, a share: round to nearest on the uniform grid
    double last = 0;
    int layers = 0; ///< 0: nothing to show

    [[nodiscard]] bool empty() const { return layers == 0; }
    [[nodiscard]] double total() const; ///< sum of decibel
    [[nodiscard]] double of(GainKind kind) const { return decibel[static_cast<std::size_t>(kind)]; }
    [[nodiscard]] bool has(GainKind kind) const { return present[static_cast<std::size_t>(kind)]; }
};

/// Of one layer. Errors of outputs when every point that has one kind of error has them, else of
/// weights; points that have none are passed over. Empty for fewer than two points.
[[nodiscard]] GainSteps gainSteps(const std::vector<TracePoint>& trace);

/// The mean over layers of each kind's decibel, so that these add up as well: the gain of the
/// geometric mean of the errors. Layers measured otherwise than most of them are left out; first
/// and last are geometric means.
[[nodiscard]] GainSteps meanGain(const std::vector<GainSteps>& layers);

/// The layers whose method has a power grid.
[[nodiscard]] GainSteps meanPowerGain(const std::vector<LayerResult>& layers);

} // namespace gradus
