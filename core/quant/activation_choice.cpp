// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/activation_choice.h"

#include "core/base/text.h"

#include <array>

namespace gradus {

namespace {

/// The value of that name among all of an enumeration.
template <class E, std::size_t N>
std::optional<E> named(std::string_view name, const std::array<E, N>& all,
                       std::string_view (*nameOf)(E))
{
    for (const E value : all)
        if (nameOf(value) == name)
            return value;
    return std::nullopt;
}

} // namespace

std::string_view activationQuantizerName(ActivationQuantizer quantizer)
{
    switch (quantizer) {
    case ActivationQuantizer::Method:
        return "method";
    case ActivationQuantizer::Power:
        return "power";
    case ActivationQuantizer::Uniform:
        return "uniform";
    }
    return "";
}

std::optional<ActivationQuantizer> activationQuantizerFromName(std::string_view name)
{
    return named(name,
                 std::array{ActivationQuantizer::Method, ActivationQuantizer::Power,
                            ActivationQuantizer::Uniform},
                 activationQuantizerName);
}

std::string_view inputGranularityName(InputGranularity granularity)
{
    switch (granularity) {
    case InputGranularity::Method:
        return "method";
    case InputGranularity::Tensor:
        return "tensor";
    case InputGranularity::Channel:
        return "channel";
    }
    return "";
}

std::optional<InputGranularity> inputGranularityFromName(std::string_view name)
{
    return named(
        name,
        std::array{InputGranularity::Method, InputGranularity::Tensor, InputGranularity::Channel},
        inputGranularityName);
}

std::string_view activationExponentName(ActivationExponent exponent)
{
    switch (exponent) {
    case ActivationExponent::Searched:
        return "searched";
    case ActivationExponent::Shared:
        return "shared";
    case ActivationExponent::Half:
        return "half";
    case ActivationExponent::Uniform:
        return "uniform";
    }
    return "";
}

std::optional<ActivationExponent> activationExponentFromName(std::string_view name)
{
    return named(name,
                 std::array{ActivationExponent::Searched, ActivationExponent::Shared,
                            ActivationExponent::Half, ActivationExponent::Uniform},
                 activationExponentName);
}

std::optional<std::string> ActivationChoice::validate() const
{
    if (bits != 0 && (bits < 2 || bits > 8))
        return concat("bits of activations is ", bits, ", expected 0 (float) or 2 to 8");
    const auto isOne = [](int value) {
        return value == -1 || value == 0 || (value >= 2 && value <= 8);
    };
    if (!isOne(attentionBits))
        return concat("bits of attention is ", attentionBits,
                      ", expected 0 (float) or 2 to 8, or none: as the inputs");
    if (!isOne(probabilityBits))
        return concat("bits of the softmax is ", probabilityBits,
                      ", expected 0 (float) or 2 to 8, or none: as the inputs");
    return std::nullopt;
}

} // namespace gradus
