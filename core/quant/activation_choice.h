// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/affine_grid.h"
#include "core/quant/log_grid.h"

#include <optional>
#include <string>
#include <string_view>

namespace gradus {

/// What levels a layer's inputs go to.
enum class ActivationQuantizer
{
    Method,  ///< the method's own: uniform for static methods, power for all others
    Power,   ///< one power grid for all, see activation_grid.h
    Uniform, ///< affine grids, see affine_grid.h
};
[[nodiscard]] std::string_view
activationQuantizerName(ActivationQuantizer quantizer); ///< "method", "power", "uniform"
[[nodiscard]] std::optional<ActivationQuantizer> activationQuantizerFromName(std::string_view name);

/// What shares the scale of a uniform grid.
enum class InputGranularity
{
    Method, ///< the method's own: by channel for RepQ-ViT and RepQuant, else one for all
    Tensor, ///< all inputs of a layer
    /// Each feature, where the inputs come from a norm, which then takes the difference to one
    /// scale; all inputs elsewhere.
    Channel,
};
[[nodiscard]] std::string_view
inputGranularityName(InputGranularity granularity); ///< "method", "tensor", "channel"
[[nodiscard]] std::optional<InputGranularity> inputGranularityFromName(std::string_view name);

enum class ActivationExponent
{
    Searched, ///< for the inputs alone
    Shared, ///< the weights', and theirs found for both: E_w/‖w‖² + E_x/‖x‖² (section 9.3)
    Half,   ///< ½
    Uniform, ///< 1
};
[[nodiscard]] std::string_view activationExponentName(ActivationExponent exponent); ///< "shared"
[[nodiscard]] std::optional<ActivationExponent> activationExponentFromName(std::string_view name);

/// What the user decides about a layer's inputs, and about the attention that they come from. What
/// only one of the quantizers has is ignored with the other.
struct ActivationChoice
{
    int bits = 0; ///< 2 … 8; 0: inputs stay float
    ActivationQuantizer quantizer = ActivationQuantizer::Method;

    // Of power grids.
    ActivationExponent exponent = ActivationExponent::Searched;
    bool clip = true; ///< limit of least squared error; without, the largest magnitude seen
    /// Inputs with small negative parts (SiLU, GELU) are moved up to an unsigned grid.
    bool shift = false;

    // Of uniform grids.
    std::optional<InputRange> range = std::nullopt; ///< none: the method's
    InputGranularity granularity = InputGranularity::Method;
    std::optional<ProbabilityQuantizer> softmax = std::nullopt; ///< none: the method's
    int attentionBits = -1;   ///< of q, k and v; -1: as bits, 0: float, 2 … 8
    int probabilityBits = -1; ///< of what the softmax puts out; likewise

    bool operator==(const ActivationChoice&) const = default;
    [[nodiscard]] bool enabled() const { return bits > 0; }
    [[nodiscard]] int bitsOfAttention() const { return attentionBits < 0 ? bits : attentionBits; }
    [[nodiscard]] int bitsOfProbabilities() const
    {
        return probabilityBits < 0 ? bits : probabilityBits;
    }
    /// A sentence naming field, value and constraint, or nothing.
    [[nodiscard]] std::optional<std::string> validate() const;
};

} // namespace gradus
