// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/activation_choice.h"
#include "core/quant/affine_grid.h"
#include "core/quant/dual_clipping.h"
#include "core/quant/log_grid.h"
#include "core/quant/norm_fold.h"
#include "core/quant/options.h"

#include <optional>

namespace gradus {

/// What a layer's choices (of its inputs and of its method) come to where inputs are quantized to
/// uniform grids, so that whoever does it need not know which method said what.
struct StaticSettings
{
    int bits = 8; ///< of the layer's inputs; 0: float
    InputRange range = InputRange::MinMax;
    /// Inputs that come from a norm are first quantized by channel, and the norm is folded.
    bool byChannel = false;
    FoldZeros zeros = FoldZeros::Mean;
    ClipSearch clipping = ClipSearch::None; ///< of channels
    std::optional<double> smoothing;        ///< SmoothQuant's α, for inputs that come from a norm

    int attentionBits = 8;   ///< of q, k and v; 0: float
    int probabilityBits = 8; ///< 0: float
    ProbabilityQuantizer probabilities = ProbabilityQuantizer::Uniform;
    ZeroState zeroState = ZeroState::Reserved;

    bool reconstruct = false; ///< the weight, on quantized inputs
    double lambda = -1;       ///< see ReconstructionProblem
    bool asymmetric = true;   ///< towards the float network's outputs on its own inputs
    MethodOptions weights;    ///< how the weight is quantized

    /// Later grids keep the ranges found before the fold, as RepQ-ViT's procedure does (5.2).
    bool stale = false;

    bool operator==(const StaticSettings&) const = default;
};

/// The quantizer that a choice comes to with a method: Power or Uniform.
[[nodiscard]] ActivationQuantizer quantizerOf(const ActivationChoice& activation,
                                              const MethodOptions& method);

/// What a person means who chooses a method and the bits of its weights, and says nothing of
/// inputs: as many bits for them with static methods, float with all others.
[[nodiscard]] ActivationChoice defaultActivation(const MethodOptions& method, int bits);

/// Nothing where inputs, attention and softmax stay float, or inputs go to a power grid. With
/// methods that are not static ones: percentiles, one grid for all inputs, the method itself for
/// the weight.
[[nodiscard]] std::optional<StaticSettings> staticSettings(const ActivationChoice& activation,
                                                           const MethodOptions& method);

} // namespace gradus
