// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

/// Numbers of the Adam optimizer, as decoupleQ's block stage uses it (reference, section 7).
struct AdamRates
{
    double rate = 1e-5;
    double beta1 = 0.9;
    double beta2 = 0.99;
    double epsilon = 2e-5; ///< outside of the root: large against the gradients of a mean
    double decay = 1e-6;   ///< L2, coupled: added to the gradient
};

/// Running means of one parameter array's gradients and of their squares.
struct AdamMoments
{
    std::vector<float> mean;
    std::vector<float> square;
};

/// The t-th step (from 1):
///   g += decay · p;  m = β₁·m + (1−β₁)·g;  v = β₂·v + (1−β₂)·g²;
///   p −= rate · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε).
void adamStep(std::span<float> parameters, std::span<const float> gradients, AdamMoments& moments,
              std::int64_t t, const AdamRates& rates);

} // namespace gradus
