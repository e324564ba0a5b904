// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/operators.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

/// The operators' definitions as plain loops in double: what finite differences are taken of.
namespace gradus::test::scalar {

using Array = std::vector<double>;

inline Array rmsNorm(const Array& x, const Array& weight, double epsilon)
{
    const std::size_t d = weight.size();
    Array y(x.size());
    for (std::size_t row = 0; row < x.size(); row += d) {
        double mean = 0;
        for (std::size_t i = 0; i < d; ++i)
            mean += x[row + i] * x[row + i] / static_cast<double>(d);
        for (std::size_t i = 0; i < d; ++i)
            y[row + i] = x[row + i] / std::sqrt(mean + epsilon) * weight[i];
    }
    return y;
}

inline Array rotary(const Array& x, std::size_t features, const op::Rotary& rotary,
                    std::size_t sequence)
{
    const auto dim = static_cast<std::size_t>(rotary.headDim);
    Array y = x;
    for (std::size_t row = 0; row < x.size() / features; ++row)
        for (std::size_t head = 0; head < features; head += dim)
            for (std::size_t i = 0; i < dim / 2; ++i) {
                const double angle = static_cast<double>(row % sequence) *
                                     static_cast<double>(rotary.inverseFrequency[i]);
                const std::size_t a = row * features + head + i;
                const std::size_t b = a + dim / 2;
                y[a] = x[a] * std::cos(angle) - x[b] * std::sin(angle);
                y[b] = x[b] * std::cos(angle) + x[a] * std::sin(angle);
            }
    return y;
}

inline Array attention(const Array& q, const Array& k, const Array& v,
                       const op::Attention& attention, std::int64_t sequence)
{
    const auto dim = static_cast<std::size_t>(attention.headDim);
    const auto heads = static_cast<std::size_t>(attention.heads);
    const auto kvHeads = static_cast<std::size_t>(attention.kvHeads);
    const auto length = static_cast<std::size_t>(sequence);
    const auto window = attention.window > 0 ? static_cast<std::size_t>(attention.window) : length;
    Array y(q.size());
    for (std::size_t row = 0; row < q.size() / (heads * dim); ++row)
        for (std::size_t head = 0; head < heads; ++head) {
            const std::size_t start = row / length * length;
            const std::size_t first = std::max(start, row + 1 > window ? row + 1 - window : 0);
            const std::size_t kv = head / (heads / kvHeads) * dim;
            Array p;
            double sum = 0;
            for (std::size_t s = first; s <= row; ++s) {
                double dot = 0;
                for (std::size_t i = 0; i < dim; ++i)
                    dot += q[(row * heads + head) * dim + i] * k[s * kvHeads * dim + kv + i];
                p.push_back(std::exp(dot * static_cast<double>(attention.scale)));
                sum += p.back();
            }
            for (std::size_t s = first; s <= row; ++s)
                for (std::size_t i = 0; i < dim; ++i)
                    y[(row * heads + head) * dim + i] +=
                        p[s - first] / sum * v[s * kvHeads * dim + kv + i];
        }
    return y;
}

inline Array silu(const Array& x)
{
    Array y;
    for (const double value : x)
        y.push_back(value / (1 + std::exp(-value)));
    return y;
}

/// One value per row.
inline Array negativeLogLikelihood(const Array& logits, std::size_t vocabulary,
                                   std::span<const std::int32_t> targets)
{
    Array nll;
    for (std::size_t row = 0; row < targets.size(); ++row) {
        double sum = 0;
        for (std::size_t i = 0; i < vocabulary; ++i)
            sum += std::exp(logits[row * vocabulary + i]);
        nll.push_back(std::log(sum) -
                      logits[row * vocabulary + static_cast<std::size_t>(targets[row])]);
    }
    return nll;
}

} // namespace gradus::test::scalar
