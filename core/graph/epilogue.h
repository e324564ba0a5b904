// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/kernels_binary.h"
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

/// What follows an operator element by element, done to parts of its result while they are in a
/// core's cache: the same arithmetic as operator by operator, but for fused roundings, without a
/// pass over memory for each.
class Epilogue
{
public:
    void add(ChannelScale scale) { m_steps.emplace_back(std::move(scale)); }
    void add(const op::Unary& function);
    void add(op::BinaryKind kind, const kernel::RepeatedOperand& other, bool otherIsFirst)
    {
        m_steps.emplace_back(WithOther{kind, other, otherIsFirst});
    }

    [[nodiscard]] bool empty() const { return m_steps.empty(); }
    /// Takes what comes first away as far as it is a scale or bounds; without factors it has bounds
    /// alone, or does nothing.
    [[nodiscard]] ChannelScale takeScale();
    /// values: from element `offset` of the result on; of one channel, if it scalesChannels().
    void apply(std::int64_t channel, std::int64_t offset, std::span<float> values) const;

    /// Whether what apply() is given must lie within one channel.
    [[nodiscard]] bool scalesChannels() const;

private:
    struct WithOther
    {
        op::BinaryKind kind;
        kernel::RepeatedOperand other;
        bool otherIsFirst;
    };
    struct Step;
    std::vector<std::variant<ChannelScale, op::Unary, WithOther>> m_steps;
};

} // namespace gradus
