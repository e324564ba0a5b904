// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/power_search.h"

#include <vector>

namespace gradus {

/// One exponent for many layers: that of the least error summed over all of them, each at its best
/// clip where its options have one. Keeps the binned errors of each layer only.
class ModelExponent
{
public:
    /// scheme, options and rounding: as the layer will be solved with (NUPES rounds to the nearest
    /// level). Limits of scheme.clip and outliers are heeded. Throws Error(Numeric) when the weight
    /// is not finite.
    void add(ConstMatrixView weight, const Scheme& scheme, const PowerGridOptions& options,
             PowerRounding rounding, Monitor& monitor);
    [[nodiscard]] std::size_t layers() const { return m_layers.size(); }
    /// 1 without layers. search: an exponent fixed in the options is not asked for here.
    [[nodiscard]] double solve(ExponentChoice exponents, Monitor& monitor) const;
    /// Σ(w − ŵ)²/Σw² over all layers, each at its best clip; 0 without energy.
    [[nodiscard]] double nmse(double exponent, Monitor& monitor) const;
    /// The closed form's guess: the layers' own, by their errors; 0 for none.
    [[nodiscard]] double predicted() const;

private:
    [[nodiscard]] double error(double exponent, Monitor& monitor) const;

    struct Layer
    {
        PowerErrors errors;
        PowerFamily family;
        double minimumClip = 1; ///< 1: no clip
    };
    std::vector<Layer> m_layers;
};

} // namespace gradus
