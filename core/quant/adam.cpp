// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/adam.h"

#include "core/base/parallel.h"

#include <cassert>
#include <cmath>

namespace gradus {

void adamStep(std::span<float> parameters, std::span<const float> gradients, AdamMoments& moments,
              std::int64_t t, const AdamRates& rates)
{
    assert(t > 0 && gradients.size() == parameters.size());
    moments.mean.resize(parameters.size());
    moments.square.resize(parameters.size());
    const double meanWeight = 1 - std::pow(rates.beta1, static_cast<double>(t));
    const double squareWeight = 1 - std::pow(rates.beta2, static_cast<double>(t));
    // Each element by itself, so that cutting them into chunks changes nothing.
    const auto step = [&](std::size_t i) {
        const double p = static_cast<double>(parameters[i]);
        const double g = static_cast<double>(gradients[i]) + rates.decay * p;
        const double mean =
            rates.beta1 * static_cast<double>(moments.mean[i]) + (1 - rates.beta1) * g;
        const double square =
            rates.beta2 * static_cast<double>(moments.square[i]) + (1 - rates.beta2) * g * g;
        moments.mean[i] = static_cast<float>(mean);
        moments.square[i] = static_cast<float>(square);
        parameters[i] =
            static_cast<float>(p - rates.rate * (mean / meanWeight) /
                                       (std::sqrt(square / squareWeight) + rates.epsilon));
    };
    parallelFor(static_cast<std::int64_t>(parameters.size()), 1 << 15,
                [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i)
                        step(static_cast<std::size_t>(i));
                });
}

} // namespace gradus
