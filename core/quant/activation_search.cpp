// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/quant/activation_grid.h"
#include "core/quant/power_errors.h"
#include "core/quant/power_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace gradus {

namespace {

/// Inputs as magnitudes from 0 up: of signed grids both signs together, of shifted ones x + shift.
struct InputErrors
{
    PowerErrors errors;
    double largest = 0;
};

InputErrors unshifted(const SignedMagnitudes& inputs)
{
    MagnitudeHistogram all = inputs.positive;
    all.join(inputs.negative);
    return {PowerErrors::ofMagnitudes(all), static_cast<double>(all.largest())};
}

InputErrors shifted(const SignedMagnitudes& inputs, double shift)
{
    std::vector<MagnitudeBin> bins; // ascending: the negative ones from the largest up
    const auto add = [&](const MagnitudeBin& bin, double sign) {
        const auto count = static_cast<double>(bin.count);
        const double sum = sign * bin.sum;
        const double low = shift + sign * (sign < 0 ? bin.end : bin.lowest);
        const double high = shift + sign * (sign < 0 ? bin.lowest : bin.end);
        bins.push_back({std::max(0.0, low), std::max(0.0, high), bin.count,
                        std::max(0.0, sum + shift * count),
                        bin.squares + shift * (2 * sum + shift * count)});
    };
    const std::vector<MagnitudeBin> negative = inputs.negative.bins();
    for (auto bin = negative.rbegin(); bin != negative.rend(); ++bin)
        add(*bin, -1);
    for (const MagnitudeBin& bin : inputs.positive.bins())
        add(bin, 1);
    const double largest = static_cast<double>(inputs.positive.largest()) + shift;
    return {PowerErrors::ofBins(bins, largest), largest};
}

struct Fit
{
    double exponent = 1;
    double limit = 1;
    double error = 0;
};

/// The best limit among shares of the largest value in geometric steps down to 1 %: activations
/// have outliers (section 4.4); and by a golden section around the best one. fine: more of both.
Fit bestLimit(const InputErrors& inputs, int largest, double exponent, bool clip, bool fine)
{
    const PowerLevels levels(largest, exponent);
    const std::vector<double> borders = levels.thresholds(PowerRounding::Nearest);
    const auto at = [&](double limit) {
        return Fit{exponent, limit,
                   inputs.errors.error(levels.magnitudes(), borders, limit / inputs.largest)};
    };
    Fit best = at(inputs.largest);
    if (!clip)
        return best;
    const int steps = fine ? 48 : 16;
    const double ratio = std::pow(0.01, 1.0 / steps);
    double limit = inputs.largest;
    for (int i = 0; i < steps; ++i) {
        limit *= ratio;
        if (const Fit fit = at(limit); fit.error < best.error)
            best = fit;
    }
    const double golden = (std::sqrt(5.0) - 1) / 2;
    double low = best.limit * ratio;
    double high = std::min(inputs.largest, best.limit / ratio);
    Fit left = at(high - golden * (high - low));
    Fit right = at(low + golden * (high - low));
    for (int i = 0; i < (fine ? 12 : 6); ++i) {
        if (left.error <= right.error) {
            high = right.limit;
            right = left;
            left = at(high - golden * (high - low));
        } else {
            low = left.limit;
            left = right;
            right = at(low + golden * (high - low));
        }
    }
    for (const Fit& fit : {left, right})
        if (fit.error < best.error)
            best = fit;
    return best;
}

Fit bestFit(const InputErrors& inputs, int largest, const ActivationChoice& choice,
            std::optional<double> exponent)
{
    const auto best = [&](double a) { return bestLimit(inputs, largest, a, choice.clip, true); };
    if (exponent)
        return best(*exponent);
    const ExponentPoint found = searchExponent(
        [&](double a) { return bestLimit(inputs, largest, a, choice.clip, false).error; }, 0.5,
        ExponentChoice::Free);
    Fit fit = best(found.exponent);
    for (const double exact : {1.0, 0.5}) // where a fine limit may tell another story
        if (const Fit other = best(exact); other.error <= fit.error)
            fit = other;
    return fit;
}

std::optional<double> fixedExponent(const ActivationChoice& choice, std::optional<double> shared)
{
    switch (choice.exponent) {
    case ActivationExponent::Searched:
        return std::nullopt;
    case ActivationExponent::Half:
        return 0.5;
    case ActivationExponent::Uniform:
        return 1;
    case ActivationExponent::Shared:
        break;
    }
    if (!shared)
        throw Error(ErrorCode::Usage, "the exponent of activations is shared, expected a weight "
                                      "with one power exponent");
    return shared;
}

double energyOf(const SignedMagnitudes& inputs)
{
    double energy = 0;
    for (const MagnitudeHistogram* side : {&inputs.positive, &inputs.negative})
        for (const MagnitudeBin& bin : side->bins())
            energy += bin.squares;
    return energy;
}

ActivationGrid gridOf(const Fit& fit, int bits, bool isSigned, double shift, double energy)
{
    ActivationGrid grid;
    grid.bits = bits;
    grid.isSigned = isSigned;
    grid.exponent = static_cast<float>(fit.exponent);
    using Limits = std::numeric_limits<float>;
    grid.limit = static_cast<float>(std::clamp(fit.limit, static_cast<double>(Limits::denorm_min()),
                                               static_cast<double>(Limits::max())));
    grid.shift = static_cast<float>(shift);
    grid.relativeError = fit.error / energy;
    return grid;
}

/// What of a choice's grids is best at this exponent, or at any.
ActivationGrid bestGrid(const SignedMagnitudes& inputs, const ActivationChoice& choice,
                        std::optional<double> exponent)
{
    const double energy = energyOf(inputs);
    const bool isSigned = inputs.negative.largest() > 0;
    ActivationGrid grid;
    grid.bits = choice.bits;
    grid.isSigned = isSigned;
    if (!(energy > 0)) { // nothing to quantize
        grid.exponent = static_cast<float>(exponent.value_or(1));
        return grid;
    }
    grid = gridOf(bestFit(unshifted(inputs), grid.largest(), choice, exponent), choice.bits,
                  isSigned, 0, energy);
    if (!isSigned || !choice.shift)
        return grid;
    const auto shift = static_cast<double>(inputs.negative.largest());
    const ActivationGrid moved =
        gridOf(bestFit(shifted(inputs, shift), (1 << choice.bits) - 1, choice, exponent),
               choice.bits, false, shift, energy);
    return moved.relativeError < grid.relativeError ? moved : grid;
}

} // namespace

ActivationGrid solveActivation(const SignedMagnitudes& inputs, const ActivationChoice& choice,
                               std::optional<double> sharedExponent)
{
    if (const auto wrong = choice.validate())
        throw Error(ErrorCode::Usage, *wrong);
    if (!choice.enabled())
        throw Error(ErrorCode::Usage, "bits of activations is 0, expected 2 to 8 for a grid");
    return bestGrid(inputs, choice, fixedExponent(choice, sharedExponent));
}

double activationError(const SignedMagnitudes& inputs, const ActivationChoice& choice,
                       double exponent)
{
    return bestGrid(inputs, choice, exponent).relativeError;
}

} // namespace gradus
