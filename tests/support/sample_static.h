// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/static_inputs.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

namespace gradus::test {

inline AffineGrid sampleGrid(std::size_t scales, std::size_t zeros)
{
    AffineGrid grid;
    grid.bits = 6;
    for (std::size_t i = 0; i < scales; ++i)
        grid.scales.push_back(0.125F + 0.001F * static_cast<float>(i));
    for (std::size_t i = 0; i < zeros; ++i)
        grid.zeros.push_back(static_cast<std::int32_t>(i * 7) - 75);
    grid.relativeError = 1e-5;
    return grid;
}

/// Everything that static inputs of a layer with so many columns can hold.
inline std::shared_ptr<StaticInputs> sampleStaticInputs(std::int64_t cols)
{
    const auto count = static_cast<std::size_t>(cols);
    auto inputs = std::make_shared<StaticInputs>();
    inputs->grid = sampleGrid(1, count);
    for (std::size_t i = 0; i < count; ++i)
        inputs->ratio.push_back(0.5F + 0.01F * static_cast<float>(i));
    AttentionGrids& attention = inputs->attention.emplace();
    attention.query = sampleGrid(1, 1);
    attention.key = sampleGrid(1, 1);
    attention.key->bits = 8;
    attention.value = sampleGrid(1, 1);
    attention.value->fraction = -0.25F;
    attention.probabilities = LogGrid{4, 1, 0.75F, ZeroState::Extra, 0.25};
    ProbabilityHistogram& histogram = inputs->probabilities.emplace();
    for (std::size_t i = 0; i < histogram.counts.size(); ++i)
        histogram.counts[i] = static_cast<std::int64_t>(i) << 34;
    histogram.zeros = 12345;
    NormReport& norm = inputs->norm.emplace();
    norm.norm = "blocks.0/norm 1 %";
    norm.scales = sampleGrid(count, count).scales;
    norm.zeros = sampleGrid(count, count).zeros;
    for (std::size_t i = 0; i < count; ++i) {
        norm.minimum.push_back(-3 - static_cast<float>(i));
        norm.maximum.push_back(5);
        norm.low.push_back(-2.5F);
        norm.high.push_back(2.5F + static_cast<float>(i));
    }
    norm.codes = std::int64_t(1) << 40;
    norm.differing = 3;
    Tensor gamma({cols});
    std::fill(gamma.floats().begin(), gamma.floats().end(), 1.25F);
    inputs->parameters["model.norm 100 %/x"] = std::make_shared<const Tensor>(std::move(gamma));
    Tensor bias({3, 2});
    std::fill(bias.floats().begin(), bias.floats().end(), 0.25F);
    bias.floats()[4] = -0.5F;
    inputs->parameters["bias"] = std::make_shared<const Tensor>(std::move(bias));
    inputs->lambda = 0.3;
    inputs->errors = {0.01, 0.02, 0.028};
    return inputs;
}

inline bool sameStaticInputs(const StaticInputs& a, const StaticInputs& b)
{
    const auto sameReal = [](double p, double q) {
        return std::bit_cast<std::uint64_t>(p) == std::bit_cast<std::uint64_t>(q);
    };
    const auto sameParameter = [](const auto& p, const auto& q) {
        return p.first == q.first && p.second->shape() == q.second->shape() &&
               std::ranges::equal(p.second->bytes(), q.second->bytes());
    };
    return a.grid == b.grid && a.ratio == b.ratio && a.attention == b.attention &&
           a.probabilities == b.probabilities && a.norm == b.norm && sameReal(a.lambda, b.lambda) &&
           sameReal(a.errors.weights, b.errors.weights) &&
           sameReal(a.errors.inputs, b.errors.inputs) && sameReal(a.errors.both, b.errors.both) &&
           std::equal(a.parameters.begin(), a.parameters.end(), b.parameters.begin(),
                      b.parameters.end(), sameParameter);
}

} // namespace gradus::test
