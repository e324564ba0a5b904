// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/power_gradient.h"

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {

double heldSlope(double magnitude, double exponent)
{
    return magnitude > 0 ? -magnitude * std::log(magnitude) / exponent : 0;
}

} // namespace

PowerDerivatives straightThrough(double w, double scale, int place, const PowerLevels& levels)
{
    PowerDerivatives d;
    const double size = std::fabs(w);
    if (!(scale > 0))
        return d;
    const double sign = w < 0 ? -1 : 1;
    if (size > scale)
        return {0, sign, 0};
    const double a = levels.exponent();
    const double magnitude = levels.magnitudes()[static_cast<std::size_t>(place)];
    if (place == 0) {
        if (levels.midRise())
            return {1, sign * magnitude, sign * scale * heldSlope(magnitude, a)};
        return d;
    }
    const double shift = levels.midRise() ? 0.5 : 0;
    const double q = place + shift;
    // A place above 0 means a magnitude above a threshold: the logarithm is of nothing small.
    const double logarithm = std::log(size / scale);
    const double t = (levels.largest() + shift) * std::exp(a * logarithm);
    const double excess = (t - q) / q; // ρ − 1
    const double logRho = std::log1p(excess);
    d.weight = std::exp(-(1 - a) / a * logRho);
    d.scale = -sign * magnitude * excess;
    d.exponent = sign * scale * (magnitude / a) * (excess * logarithm + logRho / a);
    return d;
}

std::vector<double> heldExponentSlopes(const PowerLevels& levels)
{
    std::vector<double> slopes;
    for (const double magnitude : levels.magnitudes())
        slopes.push_back(heldSlope(magnitude, levels.exponent()));
    slopes.back() = 0; // the last magnitude is 1 whatever the exponent
    return slopes;
}

std::vector<float> heldExponentTable(const PowerLevels& levels, int bits)
{
    const std::vector<double> slopes = heldExponentSlopes(levels);
    const int middle = 1 << (bits - 1);
    std::vector<float> table(static_cast<std::size_t>(2 * middle));
    for (int code = 0; code < 2 * middle; ++code) {
        const int c = code - middle;
        const int place =
            levels.midRise() ? (c >= 0 ? c : -c - 1) : std::min(std::abs(c), levels.largest());
        const auto slope = static_cast<float>(slopes[static_cast<std::size_t>(place)]);
        table[static_cast<std::size_t>(code)] = c < 0 ? -slope : slope;
    }
    return table;
}

std::vector<float> secantSlopes(const PowerLevels& levels, int bits)
{
    const std::vector<float> table = levels.table(bits);
    std::vector<float> slopes(table.size());
    for (std::size_t code = 0; code + 1 < table.size(); ++code)
        slopes[code] = table[code + 1] - table[code];
    if (!levels.midRise())
        slopes[0] = slopes[1]; // code 0 is none
    slopes.back() = slopes[slopes.size() - 2];
    return slopes;
}

ExponentParameter ExponentParameter::of(double exponent)
{
    const double margin = 1e-3 * (high - low);
    const double share = (std::clamp(exponent, low + margin, high - margin) - low) / (high - low);
    return {std::log(share / (1 - share))};
}

double ExponentParameter::exponent() const
{
    return low + (high - low) / (1 + std::exp(-theta));
}

double ExponentParameter::slope() const
{
    const double share = 1 / (1 + std::exp(-theta));
    return (high - low) * share * (1 - share);
}

} // namespace gradus
