// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/shared_exponent.h"

#include "core/quant/power_errors.h"
#include "core/quant/power_search.h"

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {

/// E_x/‖x‖² by exponent: looked at in a few places, as each takes milliseconds, and straight
/// between them.
class InputCurve
{
public:
    InputCurve(const SignedMagnitudes& inputs, const ActivationChoice& choice, Monitor& monitor)
    {
        for (int i = 0; i <= steps; ++i) {
            monitor.checkpoint();
            m_errors.push_back(activationError(inputs, choice, lowest * std::exp(i * step())));
        }
    }
    [[nodiscard]] double at(double exponent) const
    {
        const double place =
            std::clamp(std::log(exponent / lowest) / step(), 0.0, static_cast<double>(steps));
        const auto left = static_cast<std::size_t>(std::min(place, steps - 1.0));
        const double part = place - static_cast<double>(left);
        return (1 - part) * m_errors[left] + part * m_errors[left + 1];
    }

private:
    static constexpr int steps = 32;
    static constexpr double lowest = 0.15;
    static constexpr double highest = 1.6;
    [[nodiscard]] static double step() { return std::log(highest / lowest) / steps; }
    std::vector<double> m_errors;
};

/// E_w/‖w‖² with the best common clip; that of single granules is near enough.
double weightNmse(const PowerErrors& errors, const PowerLevels& levels,
                  const PowerGridOptions& options)
{
    double best = errors.nmse(levels, PowerRounding::Nearest);
    constexpr int steps = 12;
    for (int i = 1; options.clip != PowerClip::None && i <= steps; ++i)
        best = std::min(best,
                        errors.nmse(levels, PowerRounding::Nearest,
                                    std::pow(options.minimumClip, static_cast<double>(i) / steps)));
    return best;
}

} // namespace

std::optional<double> findSharedExponent(const LayerProblem& problem,
                                         const PowerGridOptions& options, Monitor& monitor)
{
    const bool shares = problem.activation.enabled() &&
                        problem.activation.exponent == ActivationExponent::Shared &&
                        problem.inputs && problem.inputs->magnitudes;
    if (!shares || options.exponent > 0 || options.exponentScope != ExponentScope::Layer)
        return std::nullopt;
    Scheme scheme = problem.scheme;
    scheme.levels = Levels::Power;
    const PowerErrors errors = PowerErrors::binned(problem.weight, scheme, monitor);
    const InputCurve inputs(*problem.inputs->magnitudes, problem.activation, monitor);
    const int largest = (1 << (scheme.bits - 1)) - 1;
    return searchExponent(
               [&](double exponent) {
                   monitor.checkpoint();
                   return weightNmse(errors, PowerLevels(largest, exponent), options) +
                          inputs.at(exponent);
               },
               errors.predictedExponent(), options.exponents)
        .exponent;
}

} // namespace gradus
