// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/model_exponent.h"

#include "core/base/parallel.h"
#include "core/quant/methods/common.h"
#include "core/quant/methods/power_fit.h"
#include "core/quant/methods/power_outliers.h"

#include <utility>

namespace gradus {

void ModelExponent::add(ConstMatrixView weight, const Scheme& scheme,
                        const PowerGridOptions& options, PowerRounding rounding, Monitor& monitor)
{
    requireFinite(weight, monitor);
    PowerquantOptions whole;
    static_cast<PowerGridOptions&>(whole) = options;
    Scheme levels = storedScheme(scheme, whole);
    Scheme limited = levels;
    limited.clip = scheme.clip;
    const std::vector<float> largest = granuleMagnitudes(weight, limited, monitor);
    const std::int64_t outliers = outlierCount(options, weight.rows, weight.cols);
    if (levels.bits == 2 && options.midRise == MidRise::Auto)
        levels.levels = Levels::PowerMidRise; // the others' exponent has no effect
    const double minimumClip = options.clip == PowerClip::None ? 1 : options.minimumClip;
    const PowerFamily family = powerFamily(levels, rounding);
    if (outliers == 0) {
        m_layers.push_back(
            {PowerErrors::binned(weight, levels, largest, monitor), family, minimumClip});
        return;
    }
    PowerFitProblem problem;
    problem.weight = weight;
    problem.scheme = levels;
    problem.largest = largest;
    problem.family = family;
    problem.clip = options.clip;
    problem.minimumClip = options.minimumClip;
    const Tensor inliers =
        withoutOutliers(weight, findOutliers(problem, scheme.clip, outliers, monitor));
    const ConstMatrixView kept = inliers.matrix();
    m_layers.push_back(
        {PowerErrors::binned(kept, levels, granuleMagnitudes(kept, limited, monitor), monitor),
         family, minimumClip});
}

double ModelExponent::error(double exponent, Monitor& monitor) const
{
    return parallelReduce(
        static_cast<std::int64_t>(m_layers.size()), 1, 0.0,
        [&](std::int64_t begin, std::int64_t end) {
            double sum = 0;
            for (std::int64_t i = begin; i < end; ++i) {
                const Layer& layer = m_layers[static_cast<std::size_t>(i)];
                sum += searchClip(powerObjective(layer.errors),
                                  PreparedLevels(layer.family, exponent), layer.minimumClip)
                           .error;
            }
            return sum;
        },
        [](double& total, double one) { total += one; }, &monitor);
}

double ModelExponent::nmse(double exponent, Monitor& monitor) const
{
    double energy = 0;
    for (const Layer& layer : m_layers)
        energy += layer.errors.energy();
    return energy > 0 ? error(exponent, monitor) / energy : 0;
}

double ModelExponent::predicted() const
{
    // Each layer's prediction weighs as much as its error.
    double guess = 0;
    double weights = 0;
    for (const Layer& layer : m_layers) {
        if (!(layer.errors.energy() > 0))
            continue;
        const double own = layer.errors.predictedExponent();
        const double weight =
            layer.errors.energy() * layer.errors.predictedNmse(layer.family.largest, own);
        guess += weight * own;
        weights += weight;
    }
    return weights > 0 ? guess / weights : 0;
}

double ModelExponent::solve(ExponentChoice exponents, Monitor& monitor) const
{
    if (m_layers.empty())
        return 1;
    return searchExponent([&](double exponent) { return error(exponent, monitor); }, predicted(),
                          exponents)
        .exponent;
}

} // namespace gradus
