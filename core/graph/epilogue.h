// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/operators.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace gradus {

class Weights;

/// A channel's values times factor, plus shift, within bounds.
struct ChannelScale
{
    std::vector<float> factor;
    std::vector<float> shift;
    float low = -std::numeric_limits<float>::infinity();
    float high = std::numeric_limits<float>::infinity();
};

/// What a batch norm of so many channels comes to; nothing when a parameter has another number of
/// values.
[[nodiscard]] std::optional<ChannelScale> scaleOf(const Weights& weights, const op::BatchNorm& norm,
                                                  std::int64_t channels);

/// What follows a layer element by element, done to parts of its result while they are in a core's
/// cache: the same arithmetic as operator by operator, but for fused roundings, without a pass over
/// memory for each.
class Epilogue
{
public:
    void add(ChannelScale scale) { m_steps.emplace_back(std::move(scale)); }
    void add(const op::Unary& function);
    /// other: of the whole result's size.
    void add(const float* other) { m_steps.emplace_back(other); }

    [[nodiscard]] bool empty() const { return m_steps.empty(); }
    /// Takes what comes first away as far as it is a scale or bounds; without factors it has bounds
    /// alone, or does nothing.
    [[nodiscard]] ChannelScale takeScale();
    /// values: of one channel, from element `offset` of the result on.
    void apply(std::int64_t channel, std::int64_t offset, std::span<float> values) const;

private:
    std::vector<std::variant<ChannelScale, op::Unary, const float*>> m_steps;
};

} // namespace gradus
