// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/differentiation.h"
#include "core/graph/kernels_norms.h"
#include "core/graph/operator_inputs.h"

#include <cmath>
#include <utility>

namespace gradus {

namespace {

/// The gradient of a parameter that may be missing: room for it, told to the sink at the end.
class ParameterGradient
{
public:
    ParameterGradient(const Differentiation& d, const std::string& name, std::int64_t count)
        : m_name(name)
        , m_values(d.wanted() && !name.empty() ? static_cast<std::size_t>(count) : 0)
    {
    }
    std::span<float> values() { return m_values; }
    void tell(const Differentiation& d) const
    {
        if (!m_values.empty())
            d.sink().norm(d.node(), m_name, m_values);
    }

private:
    const std::string& m_name;
    std::vector<float> m_values;
};

std::shared_ptr<const Tensor> parameter(const Differentiation& d, const std::string& name)
{
    return name.empty() ? nullptr : d.weights().get(name);
}

std::span<const float> floatsOf(const std::shared_ptr<const Tensor>& tensor)
{
    return tensor ? tensor->floats() : std::span<const float>();
}

kernel::ChannelView channelsOf(const Shape& shape)
{
    const AxisView view = aroundAxis(shape, 1);
    return {view.outer, view.size, view.inner};
}

} // namespace

void differentiate(const op::LayerNorm& norm, Differentiation& d)
{
    const auto weight = parameter(d, norm.weight);
    const ConstMatrixView x = d.in(0).matrix();
    ParameterGradient dweight(d, norm.weight, x.cols);
    ParameterGradient dbias(d, norm.bias, x.cols);
    Tensor& delta = d.delta();
    kernel::layerNormBackward(x, floatsOf(weight), norm.epsilon, std::as_const(delta).matrix(),
                              d.moves(0) ? delta.matrix() : MatrixView(), dweight.values(),
                              dbias.values());
    dweight.tell(d);
    dbias.tell(d);
    if (d.moves(0))
        d.give(0, std::move(delta));
}

void differentiate(const op::BatchNorm& norm, Differentiation& d)
{
    const kernel::ChannelView view = channelsOf(d.shape(0));
    const auto weight = parameter(d, norm.weight);
    const auto mean = parameter(d, norm.mean);
    const auto variance = parameter(d, norm.variance);
    std::vector<float> factor(static_cast<std::size_t>(view.channels), 1.0F);
    if (variance)
        for (std::size_t c = 0; c < factor.size(); ++c)
            factor[c] = 1.0F / std::sqrt(variance->floats()[c] + norm.epsilon);
    Tensor& delta = d.delta();
    float* dy = delta.floats().data();
    if (d.wanted()) {
        ParameterGradient dweight(d, norm.weight, view.channels);
        ParameterGradient dbias(d, norm.bias, view.channels);
        const std::vector<float> zeros(factor.size());
        std::vector<float> byWeight(factor.size());
        std::vector<float> byBias(factor.size());
        kernel::channelSums(view, d.in(0).floats().data(), mean ? mean->floats() : zeros, dy,
                            byWeight, byBias);
        for (std::size_t c = 0; c < dweight.values().size(); ++c)
            dweight.values()[c] = byWeight[c] * factor[c];
        for (std::size_t c = 0; c < dbias.values().size(); ++c)
            dbias.values()[c] = byBias[c];
        dweight.tell(d);
        dbias.tell(d);
    }
    if (!d.moves(0))
        return;
    for (std::size_t c = 0; c < factor.size() && weight; ++c)
        factor[c] *= weight->floats()[c];
    kernel::scaleChannels(view, dy, factor, {}, dy);
    d.give(0, std::move(delta));
}

void differentiate(const op::InstanceNorm& norm, Differentiation& d)
{
    const kernel::ChannelView view = channelsOf(d.shape(0));
    const auto weight = parameter(d, norm.weight);
    ParameterGradient dweight(d, norm.weight, view.channels);
    ParameterGradient dbias(d, norm.bias, view.channels);
    Tensor& delta = d.delta();
    float* dy = delta.floats().data();
    kernel::instanceNormBackward(view, d.in(0).floats().data(), floatsOf(weight), norm.epsilon, dy,
                                 d.moves(0) ? dy : nullptr, dweight.values(), dbias.values());
    dweight.tell(d);
    dbias.tell(d);
    if (d.moves(0))
        d.give(0, std::move(delta));
}

} // namespace gradus
