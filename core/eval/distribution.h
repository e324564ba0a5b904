// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/quant/scheme.h"
#include "core/tensor/tensor.h"

#include <span>
#include <vector>

namespace gradus {

struct Moments
{
    std::int64_t count = 0;
    std::int64_t nonFinite = 0; ///< left out of everything else
    double mean = 0;
    double std = 0; ///< population
    double minimum = 0;
    double maximum = 0;
    double excessKurtosis = 0; ///< 0 for a constant
};
[[nodiscard]] Moments moments(std::span<const float> values);

/// Share of values with |w − mean| > multiple · std.
[[nodiscard]] double outlierShare(std::span<const float> values, const Moments& moments,
                                  double multiple = 6);

/// Equal bins over [lo, hi]; values outside are counted in below and above.
struct Histogram
{
    double lo = 0;
    double hi = 0;
    std::vector<std::int64_t> counts;
    std::int64_t below = 0;
    std::int64_t above = 0;
    [[nodiscard]] double binWidth() const { return (hi - lo) / static_cast<double>(counts.size()); }
};
[[nodiscard]] Histogram histogram(std::span<const float> values, double lo, double hi, int bins);

/// The best exponent a of the symmetric power grid, N = 2^(b−1) − 1 levels a side, scale = max|w|
/// of each granule, power-domain rounding, no clip: code = round(N·(|w|/s)^a), ŵ = s·(code/N)^(1/a)
/// with w's sign (PowerQuant; reference nupes.md sections 3–5). NMSE = Σ(w − ŵ)²/Σw².
struct ExponentFit
{
    double bestExponent = 1;
    double bestNmse = 0;
    double uniformNmse = 0; ///< exponent 1
};
/// W: out × in. bits 2 … 8. A coarse scan followed by golden-section search.
[[nodiscard]] ExponentFit fitExponent(ConstMatrixView weight, const Scheme& scheme,
                                      Monitor& monitor);
[[nodiscard]] double powerGridNmse(ConstMatrixView weight, const Scheme& scheme, double exponent,
                                   const Monitor* monitor = nullptr);

} // namespace gradus
