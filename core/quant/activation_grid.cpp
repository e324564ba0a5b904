// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/activation_grid.h"

#include "core/base/text.h"

namespace gradus {

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
    for (const ActivationExponent exponent :
         {ActivationExponent::Searched, ActivationExponent::Shared, ActivationExponent::Half,
          ActivationExponent::Uniform})
        if (activationExponentName(exponent) == name)
            return exponent;
    return std::nullopt;
}

std::optional<std::string> ActivationChoice::validate() const
{
    if (bits != 0 && (bits < 2 || bits > 8))
        return concat("bits of activations is ", bits, ", expected 0 (float) or 2 to 8");
    return std::nullopt;
}

} // namespace gradus
