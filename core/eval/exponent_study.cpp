// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/eval/exponent_study.h"

#include "core/base/parallel.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace gradus {

namespace {

/// Errors at every exponent.
std::vector<double> curveOf(const std::vector<double>& exponents,
                            const std::function<double(double)>& error, const Monitor& monitor)
{
    std::vector<double> errors(exponents.size());
    parallelFor(
        static_cast<std::int64_t>(exponents.size()), 4,
        [&](std::int64_t begin, std::int64_t end) {
            for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
                monitor.checkpoint();
                errors[i] = error(exponents[i]);
            }
        },
        &monitor);
    return errors;
}

ExponentPoint leastOf(const std::vector<double>& exponents, const std::vector<double>& errors)
{
    ExponentPoint best{1, std::numeric_limits<double>::infinity()};
    for (std::size_t i = 0; i < exponents.size(); ++i) {
        const bool closer = std::fabs(exponents[i] - 1) < std::fabs(best.exponent - 1);
        if (errors[i] < best.error || (errors[i] == best.error && closer))
            best = {exponents[i], errors[i]};
    }
    return best;
}

/// Minima with a rise of 1 % or more on the way to the next, best first.
std::vector<ExponentPoint> basinsOf(const std::vector<double>& exponents,
                                    const std::vector<double>& errors)
{
    constexpr double rise = 1.01;
    std::vector<ExponentPoint> basins;
    ExponentPoint lowest{0, std::numeric_limits<double>::infinity()};
    double highest = 0;
    bool inBasin = true;
    for (std::size_t i = 0; i < exponents.size(); ++i) {
        const double error = errors[i];
        if (inBasin) {
            if (error < lowest.error)
                lowest = {exponents[i], error};
            if (error < lowest.error * rise || error == lowest.error)
                continue;
            basins.push_back(lowest);
            inBasin = false;
            highest = error;
        } else {
            highest = std::max(highest, error);
            if (error * rise > highest)
                continue;
            inBasin = true;
            lowest = {exponents[i], error};
        }
    }
    if (inBasin && std::isfinite(lowest.error))
        basins.push_back(lowest);
    // Where the scan merely ends is no basin, but when nothing else is better.
    const double best = *std::min_element(errors.begin(), errors.end());
    basins.erase(std::remove_if(basins.begin(), basins.end(),
                                [&](const ExponentPoint& basin) {
                                    const bool atEnd = basin.exponent == exponents.front() ||
                                                       basin.exponent == exponents.back();
                                    return atEnd && basin.error > best;
                                }),
                 basins.end());
    std::stable_sort(
        basins.begin(), basins.end(),
        [](const ExponentPoint& a, const ExponentPoint& b) { return a.error < b.error; });
    return basins;
}

} // namespace

ExponentStudy exponentStudy(const PowerErrors& errors, const Scheme& scheme, double minimumClip,
                            Monitor& monitor)
{
    ExponentStudy study;
    study.exponents = scannedExponents(0); // without a guess: the same for all layers
    study.energy = errors.energy();
    const double unit = study.energy > 0 ? 1 / study.energy : 0;
    const PowerFamily power = powerFamily(scheme, PowerRounding::PowerDomain);
    const PowerFamily nearest = powerFamily(scheme, PowerRounding::Nearest);
    const PowerObjective objective = powerObjective(errors);
    const auto errorWith = [&](const PowerFamily& family) {
        return [&objective, &family, &monitor, unit](double exponent) {
            monitor.checkpoint();
            return objective(PreparedLevels(family, exponent), 1) * unit;
        };
    };
    const auto fitOf = [&](PowerFit fit) {
        fit.error *= unit;
        return fit;
    };

    study.predictedExponent = study.energy > 0 ? errors.predictedExponent() : 1;
    study.predictedNmse = errors.predictedNmse(power.largest, study.predictedExponent);
    study.power = curveOf(study.exponents, errorWith(power), monitor);
    study.nearest = curveOf(study.exponents, errorWith(nearest), monitor);
    study.clipped = curveOf(
        study.exponents,
        [&](double exponent) {
            return searchClip(objective, PreparedLevels(nearest, exponent), minimumClip).error *
                   unit;
        },
        monitor);
    study.bestPower =
        searchExponent(errorWith(power), study.predictedExponent, ExponentChoice::Free);
    study.bestNearest =
        searchExponent(errorWith(nearest), study.predictedExponent, ExponentChoice::Free);
    study.bestClipped =
        fitOf(searchPowerGrid(objective, study.predictedExponent, nearest, minimumClip, monitor));
    study.uniformClipped = fitOf(searchClip(objective, PreparedLevels(nearest, 1), minimumClip));
    study.uniform = errorWith(power)(1);
    study.basins = basinsOf(study.exponents, study.power);
    if (!study.basins.empty() && study.bestPower.error < study.basins.front().error)
        study.basins.front() = study.bestPower; // between two points of the curve
    return study;
}

ExponentStudy wholeModelStudy(const std::vector<ExponentStudy>& layers)
{
    ExponentStudy all;
    all.exponents = scannedExponents(0);
    const std::size_t count = all.exponents.size();
    all.power.resize(count);
    all.nearest.resize(count);
    all.clipped.resize(count);
    double predicted = 0;
    double clips = 0;
    double uniformClips = 0;
    for (const ExponentStudy& layer : layers) {
        assert(layer.exponents == all.exponents);
        all.energy += layer.energy;
        for (std::size_t i = 0; i < count; ++i) {
            all.power[i] += layer.energy * layer.power[i];
            all.nearest[i] += layer.energy * layer.nearest[i];
            all.clipped[i] += layer.energy * layer.clipped[i];
        }
        all.uniform += layer.energy * layer.uniform;
        all.predictedNmse += layer.energy * layer.predictedNmse;
        predicted += layer.energy * layer.predictedNmse * layer.predictedExponent;
        all.uniformClipped.error += layer.energy * layer.uniformClipped.error;
        clips += layer.energy * layer.bestClipped.clip;
        uniformClips += layer.energy * layer.uniformClipped.clip;
    }
    if (all.predictedNmse > 0)
        all.predictedExponent = predicted / all.predictedNmse;
    if (all.energy > 0) {
        for (std::vector<double>* curve : {&all.power, &all.nearest, &all.clipped})
            for (double& error : *curve)
                error /= all.energy;
        for (double* sum :
             {&all.uniform, &all.predictedNmse, &all.uniformClipped.error, &clips, &uniformClips})
            *sum /= all.energy;
        all.uniformClipped.clip = uniformClips;
    }
    all.bestPower = leastOf(all.exponents, all.power);
    all.bestNearest = leastOf(all.exponents, all.nearest);
    const ExponentPoint clipped = leastOf(all.exponents, all.clipped);
    all.bestClipped = {clipped.exponent, all.energy > 0 ? clips : 1, clipped.error};
    all.basins = basinsOf(all.exponents, all.power);
    return all;
}

} // namespace gradus
