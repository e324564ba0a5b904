// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/shared_exponent.h"

#include "core/quant/model_exponent.h"

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

} // namespace

std::optional<double> findSharedExponent(const LayerProblem& problem,
                                         const PowerGridOptions& options, PowerRounding rounding,
                                         Monitor& monitor)
{
    const bool shares = problem.activation.enabled() &&
                        problem.activation.exponent == ActivationExponent::Shared &&
                        problem.inputs && problem.inputs->magnitudes;
    const bool searches =
        options.exponent == 0 &&
        (options.exponentScope == ExponentScope::Layer ||
         (options.exponentScope == ExponentScope::Model && !problem.modelExponent));
    if (!shares || !searches)
        return std::nullopt;
    ModelExponent weight;
    weight.add(problem.weight, problem.scheme, options, rounding, monitor);
    const InputCurve inputs(*problem.inputs->magnitudes, problem.activation, monitor);
    return searchExponent(
               [&](double exponent) {
                   monitor.checkpoint();
                   return weight.nmse(exponent, monitor) + inputs.at(exponent);
               },
               weight.predicted(), options.exponents)
        .exponent;
}

} // namespace gradus
