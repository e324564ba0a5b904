// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/epilogue.h"

#include "core/graph/element_functions.h"
#include "core/graph/executor.h"
#include "core/graph/kernels_elements.h"

#include <algorithm>
#include <cmath>

namespace gradus {

struct Epilogue::Step
{
    std::int64_t channel;
    std::int64_t offset;
    std::span<float> values;

    void operator()(const ChannelScale& scale) const
    {
        const float f = scale.factor[static_cast<std::size_t>(channel)];
        const float s = scale.shift[static_cast<std::size_t>(channel)];
        const float low = scale.low;
        const float high = scale.high;
        float* to = values.data();
        const std::size_t count = values.size();
        GRADUS_ELEMENTWISE
        for (std::size_t i = 0; i < count; ++i) {
            const float scaled = to[i] * f + s;
            const float above = scaled < low ? low : scaled;
            to[i] = above > high ? high : above;
        }
    }
    void operator()(const op::Unary& function) const { kernel::unary(function, values, values); }
    void operator()(const WithOther& step) const
    {
        kernel::binaryInPlace(step.kind, step.other, step.otherIsFirst, offset, values);
    }
};

std::optional<ChannelScale> scaleOf(const Weights& weights, const op::BatchNorm& norm,
                                    std::int64_t channels)
{
    bool fits = true;
    const auto parameter = [&](const std::string& name) {
        auto tensor = name.empty() ? nullptr : weights.get(name);
        fits = fits && (!tensor || tensor->count() == channels);
        return tensor;
    };
    const auto weight = parameter(norm.weight);
    const auto bias = parameter(norm.bias);
    const auto mean = parameter(norm.mean);
    const auto variance = parameter(norm.variance);
    if (!fits)
        return std::nullopt;
    ChannelScale scale;
    scale.factor.assign(static_cast<std::size_t>(channels), 1.0F);
    scale.shift.resize(scale.factor.size());
    for (std::size_t c = 0; c < scale.factor.size(); ++c) {
        float& factor = scale.factor[c];
        if (variance)
            factor = 1.0F / std::sqrt(variance->floats()[c] + norm.epsilon);
        factor *= weight ? weight->floats()[c] : 1.0F;
        scale.shift[c] =
            (bias ? bias->floats()[c] : 0.0F) - (mean ? mean->floats()[c] : 0.0F) * factor;
    }
    return scale;
}

namespace {

bool bounds(const ChannelScale& scale)
{
    return scale.low > -std::numeric_limits<float>::infinity() ||
           scale.high < std::numeric_limits<float>::infinity();
}

/// Whether a function keeps values within bounds and does nothing else; sets them then.
bool setBounds(const op::Unary& function, ChannelScale& scale)
{
    const bool isRelu = function.kind == op::UnaryKind::Relu;
    if (!isRelu && function.kind != op::UnaryKind::Clip)
        return false;
    scale.low = isRelu ? 0.0F : function.alpha;
    if (!isRelu)
        scale.high = function.beta;
    return true;
}

} // namespace

void Epilogue::add(const op::Unary& function)
{
    auto* scale = m_steps.empty() ? nullptr : std::get_if<ChannelScale>(&m_steps.back());
    if (!scale || bounds(*scale) || !setBounds(function, *scale))
        m_steps.emplace_back(function);
}

ChannelScale Epilogue::takeScale()
{
    ChannelScale scale;
    if (m_steps.empty())
        return scale;
    if (auto* first = std::get_if<ChannelScale>(&m_steps.front()))
        scale = std::move(*first);
    else if (const auto* function = std::get_if<op::Unary>(&m_steps.front());
             !function || !setBounds(*function, scale))
        return scale;
    m_steps.erase(m_steps.begin());
    return scale;
}

bool Epilogue::scalesChannels() const
{
    return std::any_of(m_steps.begin(), m_steps.end(),
                       [](const auto& step) { return std::holds_alternative<ChannelScale>(step); });
}

void Epilogue::apply(std::int64_t channel, std::int64_t offset, std::span<float> values) const
{
    for (const auto& step : m_steps)
        std::visit(Step{channel, offset, values}, step);
}

} // namespace gradus
