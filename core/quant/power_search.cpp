// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/power_search.h"

#include "core/base/parallel.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace gradus {

namespace {

constexpr double leastExponent = 0.15;
constexpr double largestExponent = 1.6;
constexpr int scanSteps = 96;
constexpr int clipSteps = 60;
constexpr int goldenSteps = 25;
constexpr int basins = 3;

bool better(const ExponentPoint& a, const ExponentPoint& b)
{
    if (a.error != b.error)
        return a.error < b.error;
    return std::fabs(a.exponent - 1) < std::fabs(b.exponent - 1);
}

bool better(const PowerFit& a, const PowerFit& b)
{
    const ExponentPoint pointA{a.exponent, a.error};
    const ExponentPoint pointB{b.exponent, b.error};
    if (better(pointA, pointB) || better(pointB, pointA))
        return better(pointA, pointB);
    return a.clip > b.clip;
}

/// Calls visit(x) for the places where golden-section search in [left, right] looks; visit returns
/// the error there.
template <class Visit>
void goldenSection(double left, double right, const Visit& visit)
{
    const double golden = (std::sqrt(5.0) - 1) / 2;
    double a = right - golden * (right - left);
    double b = left + golden * (right - left);
    double atA = visit(a);
    double atB = visit(b);
    for (int i = 0; i < goldenSteps; ++i) {
        if (atA <= atB) {
            right = b;
            b = a;
            atB = atA;
            a = right - golden * (right - left);
            atA = visit(a);
        } else {
            left = a;
            a = b;
            atA = atB;
            b = left + golden * (right - left);
            atB = visit(b);
        }
    }
}

/// Places of the best points, best first.
template <class Point>
std::vector<std::size_t> bestPlaces(const std::vector<Point>& points)
{
    std::vector<std::size_t> order(points.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = i;
    const std::size_t count = std::min<std::size_t>(basins, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count),
                      order.end(), [&](std::size_t a, std::size_t b) {
                          if (better(points[a], points[b]) || better(points[b], points[a]))
                              return better(points[a], points[b]);
                          return a < b;
                      });
    order.resize(count);
    return order;
}

std::vector<double> scannedClips(double minimumClip)
{
    std::vector<double> clips{1};
    if (minimumClip < 1)
        for (int i = 1; i < clipSteps; ++i)
            clips.push_back(std::pow(minimumClip, i / (clipSteps - 1.0)));
    return clips;
}

/// Exponent and clip on a grid that narrows about its best point. Errors are rough in both, so
/// nothing finer is of use.
PowerFit narrowed(const PowerObjective& error, const PowerFamily& family, PowerFit best,
                  double minimumClip, const Monitor& monitor)
{
    double exponentStep = std::log(largestExponent / leastExponent) / (scanSteps - 1);
    double clipStep = -std::log(minimumClip) / (clipSteps - 1);
    constexpr int levels = 14;
    for (int level = 0; level < levels; ++level) {
        const PowerFit center = best;
        for (int i = -3; i <= 3; ++i) {
            monitor.checkpoint();
            const double exponent = std::clamp(center.exponent * std::exp(i * exponentStep / 2),
                                               leastExponent, largestExponent);
            const PreparedLevels prepared(family, exponent);
            for (int j = -3; j <= 3; ++j) {
                const double clip =
                    std::clamp(center.clip * std::exp(j * clipStep / 2), minimumClip, 1.0);
                const PowerFit fit{exponent, clip, error(prepared, clip)};
                best = better(fit, best) ? fit : best;
            }
        }
        exponentStep *= 0.6;
        clipStep *= 0.6;
    }
    return best;
}

/// The best points of a scan that are no neighbors of better ones.
std::vector<PowerFit> apart(std::vector<PowerFit> points, double minimumClip)
{
    std::stable_sort(points.begin(), points.end(),
                     [](const PowerFit& a, const PowerFit& b) { return better(a, b); });
    const double farExponent = 2.5 * std::log(largestExponent / leastExponent) / (scanSteps - 1);
    const double farClip = -2.5 * std::log(minimumClip) / (clipSteps - 1);
    std::vector<PowerFit> chosen;
    for (const PowerFit& point : points) {
        const bool near = std::any_of(chosen.begin(), chosen.end(), [&](const PowerFit& other) {
            return std::fabs(std::log(point.exponent / other.exponent)) < farExponent &&
                   std::fabs(std::log(point.clip / other.clip)) <= farClip;
        });
        if (!near)
            chosen.push_back(point);
        if (chosen.size() == basins)
            break;
    }
    return chosen;
}

/// The best of all exponents and clips.
PowerFit searchFreely(const PowerObjective& error, const std::vector<double>& exponents,
                      const PowerFamily& family, double minimumClip, const Monitor& monitor)
{
    std::vector<PreparedLevels> levels;
    for (const double exponent : exponents)
        levels.emplace_back(family, exponent);
    const std::vector<double> clips = scannedClips(minimumClip);
    std::vector<PowerFit> scan(clips.size() * levels.size());
    parallelFor(
        static_cast<std::int64_t>(clips.size()), 1,
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t c = begin; c < end; ++c)
                for (std::size_t i = 0; i < levels.size(); ++i) {
                    monitor.checkpoint();
                    const double clip = clips[static_cast<std::size_t>(c)];
                    scan[static_cast<std::size_t>(c) * levels.size() + i] = {
                        levels[i].exponent, clip, error(levels[i], clip)};
                }
        },
        &monitor);
    const std::vector<PowerFit> starts = apart(std::move(scan), minimumClip);
    std::vector<PowerFit> found(starts.size());
    parallelFor(
        static_cast<std::int64_t>(starts.size()), 1,
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i)
                found[static_cast<std::size_t>(i)] = narrowed(
                    error, family, starts[static_cast<std::size_t>(i)], minimumClip, monitor);
        },
        &monitor);
    PowerFit best = found.front();
    for (const PowerFit& fit : found)
        best = better(fit, best) ? fit : best;
    return best;
}

} // namespace

PowerFamily powerFamily(const Scheme& scheme, PowerRounding rounding, ExponentChoice exponents)
{
    return {(1 << (scheme.bits - 1)) - 1, scheme.levels == Levels::PowerMidRise, rounding,
            exponents};
}

std::vector<double> scannedExponents(double firstGuess)
{
    std::vector<double> exponents;
    for (int i = 0; i < scanSteps; ++i)
        exponents.push_back(leastExponent *
                            std::pow(largestExponent / leastExponent, i / (scanSteps - 1.0)));
    exponents.back() = largestExponent;
    for (const double exponent : {0.5, 1.0, firstGuess})
        if (exponent >= leastExponent && exponent <= largestExponent)
            exponents.push_back(exponent);
    std::sort(exponents.begin(), exponents.end());
    exponents.erase(std::unique(exponents.begin(), exponents.end()), exponents.end());
    return exponents;
}

ExponentPoint chosenExponent(ExponentPoint free, ExponentPoint half, ExponentPoint one,
                             ExponentChoice exponents)
{
    const ExponentPoint exact = better(half, one) ? half : one;
    const ExponentPoint best = better(exact, free) ? exact : free;
    switch (exponents) {
    case ExponentChoice::Free:
        return best;
    case ExponentChoice::Exact:
        return exact;
    case ExponentChoice::PreferExact:
        break;
    }
    const double tenthOfDecibel = std::pow(10.0, 0.01);
    return exact.error <= best.error * tenthOfDecibel ? exact : best;
}

ExponentPoint searchExponent(const std::function<double(double)>& error, double firstGuess,
                             ExponentChoice exponents, std::vector<ExponentPoint>* scanned)
{
    const ExponentPoint half{0.5, error(0.5)};
    const ExponentPoint one{1, error(1)};
    if (exponents == ExponentChoice::Exact && !scanned)
        return chosenExponent(one, half, one, exponents);
    std::vector<ExponentPoint> scan;
    for (const double exponent : scannedExponents(firstGuess))
        scan.push_back({exponent, exponent == 1     ? one.error
                                  : exponent == 0.5 ? half.error
                                                    : error(exponent)});
    ExponentPoint best = one;
    for (const std::size_t at : bestPlaces(scan)) {
        best = better(scan[at], best) ? scan[at] : best;
        goldenSection(scan[at > 0 ? at - 1 : 0].exponent,
                      scan[std::min(at + 1, scan.size() - 1)].exponent, [&](double exponent) {
                          const ExponentPoint point{exponent, error(exponent)};
                          best = better(point, best) ? point : best;
                          return point.error;
                      });
    }
    if (scanned)
        *scanned = std::move(scan);
    return chosenExponent(best, half, one, exponents);
}

ExponentPoint nelderMeadExponent(const std::function<double(double)>& error)
{
    // In one dimension, with the coefficients 1, 2, ½, ½. The tolerance of the error is absolute,
    // so it is taken relative to the error at 1.
    const double unit = error(1);
    if (!(unit > 0))
        return {1, unit};
    const auto at = [&](double exponent) {
        const bool inside = exponent >= leastExponent && exponent <= largestExponent;
        return ExponentPoint{exponent, inside ? error(exponent) / unit
                                              : std::numeric_limits<double>::infinity()};
    };
    constexpr double tolerance = 1e-4;
    constexpr int most = 200;
    ExponentPoint best{1, 1};
    ExponentPoint worst = at(1.05);
    if (worst.error < best.error)
        std::swap(best, worst);
    for (int i = 0; i < most; ++i) {
        if (std::fabs(worst.exponent - best.exponent) <= tolerance &&
            std::fabs(worst.error - best.error) <= tolerance)
            break;
        const double step = best.exponent - worst.exponent;
        const ExponentPoint reflected = at(best.exponent + step);
        if (reflected.error < best.error) {
            const ExponentPoint expanded = at(best.exponent + 2 * step);
            worst = expanded.error < reflected.error ? expanded : reflected;
        } else {
            const bool outside = reflected.error < worst.error;
            const ExponentPoint contracted = at(best.exponent + (outside ? step : -step) / 2);
            if (outside ? contracted.error <= reflected.error : contracted.error < worst.error)
                worst = contracted;
            else
                worst = at(best.exponent - step / 2); // shrunk
        }
        if (worst.error < best.error)
            std::swap(best, worst);
    }
    return {best.exponent, best.error * unit};
}

PreparedLevels::PreparedLevels(const PowerFamily& family, double exponent_)
    : exponent(exponent_)
{
    const PowerLevels levels(family.largest, exponent_, family.midRise);
    magnitudes.assign(levels.magnitudes().begin(), levels.magnitudes().end());
    thresholds = levels.thresholds(family.rounding);
}

PowerObjective powerObjective(const PowerErrors& errors)
{
    return [&errors](const PreparedLevels& levels, double clip) {
        return errors.error(levels.magnitudes, levels.thresholds, clip);
    };
}

PowerFit searchClip(const PowerObjective& error, const PreparedLevels& levels, double minimumClip)
{
    std::vector<PowerFit> scan;
    for (const double clip : scannedClips(minimumClip))
        scan.push_back({levels.exponent, clip, error(levels, clip)});
    PowerFit best = scan.front();
    for (const std::size_t at : bestPlaces(scan)) {
        best = better(scan[at], best) ? scan[at] : best;
        if (scan.size() > 1)
            goldenSection(std::log(scan[std::min(at + 1, scan.size() - 1)].clip),
                          std::log(scan[at > 0 ? at - 1 : 0].clip), [&](double logarithm) {
                              const double clip = std::exp(logarithm);
                              const PowerFit fit{levels.exponent, clip, error(levels, clip)};
                              best = better(fit, best) ? fit : best;
                              return fit.error;
                          });
    }
    return best;
}

PowerFit searchPowerGrid(const PowerObjective& error, double firstGuess, const PowerFamily& family,
                         double minimumClip, const Monitor& monitor)
{
    const auto withClip = [&](double exponent) {
        return searchClip(error, PreparedLevels(family, exponent), minimumClip);
    };
    if (family.fixedExponent)
        return withClip(*family.fixedExponent);
    const PowerFit one = withClip(1);
    PowerFit free = one;
    if (family.exponents != ExponentChoice::Exact) {
        const ExponentPoint unclipped = searchExponent(
            [&](double exponent) {
                monitor.checkpoint();
                return error(PreparedLevels(family, exponent), 1);
            },
            firstGuess, ExponentChoice::Free);
        const PowerFit wide{unclipped.exponent, 1, unclipped.error};
        free = better(wide, free) ? wide : free;
        if (minimumClip < 1) {
            const PowerFit both =
                searchFreely(error, scannedExponents(firstGuess), family, minimumClip, monitor);
            free = better(both, free) ? both : free;
        }
        if (family.exponents == ExponentChoice::Free)
            return free;
    }
    const PowerFit half = withClip(0.5);
    const ExponentPoint chosen =
        chosenExponent({free.exponent, free.error}, {half.exponent, half.error},
                       {one.exponent, one.error}, family.exponents);
    for (const PowerFit& fit : {one, half})
        if (fit.exponent == chosen.exponent && fit.error == chosen.error)
            return fit;
    return free;
}

PowerFit searchPowerGrid(const PowerErrors& errors, const PowerFamily& family, double minimumClip,
                         Monitor& monitor)
{
    return searchPowerGrid(powerObjective(errors), errors.predictedExponent(), family, minimumClip,
                           monitor);
}

} // namespace gradus
