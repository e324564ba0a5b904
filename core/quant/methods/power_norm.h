// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/quant/power_search.h"

#include <vector>

namespace gradus {

/// Σ|w−ŵ|^p of any power grid for p other than 2: directly over the magnitudes of a weight; of many
/// weights over bins of 2^-10 of an octave, each at its mean. As PowerErrors otherwise.
class PowerNormErrors
{
public:
    PowerNormErrors(ConstMatrixView weight, const Scheme& scheme, std::span<const float> scales,
                    double norm, const Monitor& monitor);
    [[nodiscard]] double error(const PreparedLevels& levels, double clip) const;
    [[nodiscard]] double total() const; ///< Σ|w|^p

private:
    struct Entry
    {
        double u = 0;
        double mass = 0; ///< s^p
    };
    std::vector<Entry> m_entries; ///< ascending
    double m_norm;
};

} // namespace gradus
