// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/epilogue.h"
#include "core/graph/evaluation.h"
#include "core/graph/kernels_norms.h"
#include "core/graph/operator_inputs.h"

#include <cmath>

namespace gradus {

namespace {

/// A norm's parameter of so many values, or nothing for one without a name.
std::shared_ptr<const Tensor> parameter(const Evaluation& e, const std::string& name,
                                        std::int64_t count)
{
    if (name.empty())
        return nullptr;
    auto tensor = e.weights().get(name);
    if (tensor->count() != count)
        throw e.failure(ErrorCode::Shape, concat(name, " is ", shapeText(tensor->shape()),
                                                 ", expected ", count, " values"));
    return tensor;
}

std::span<const float> floatsOf(const std::shared_ptr<const Tensor>& tensor)
{
    return tensor ? tensor->floats() : std::span<const float>();
}

kernel::ChannelView channelsOf(const Evaluation& e, const Tensor& x)
{
    const Shape& shape = x.shape();
    if (shape.size() < 2)
        throw e.failure(ErrorCode::Shape, concat("its input is ", shapeText(shape),
                                                 ", expected batch × channels × …"));
    const AxisView view = aroundAxis(shape, 1);
    return {view.outer, view.size, view.inner};
}

} // namespace

Tensor evaluate(const op::LayerNorm& norm, Evaluation& e)
{
    const Tensor& x = floatOperand(e, 0);
    if (x.shape().empty())
        throw e.failure(ErrorCode::Shape, "its input is a scalar, expected features");
    const auto weight = parameter(e, norm.weight, x.shape().back());
    const auto bias = parameter(e, norm.bias, x.shape().back());
    const ConstMatrixView from = x.matrix();
    Tensor result = e.likeInput(0);
    kernel::layerNorm(from, floatsOf(weight), floatsOf(bias), norm.epsilon,
                      {result.floats().data(), from.rows, from.cols});
    return result;
}

Tensor evaluate(const op::BatchNorm& norm, Evaluation& e)
{
    const Tensor& x = floatOperand(e, 0);
    const kernel::ChannelView view = channelsOf(e, x);
    for (const std::string& name : {norm.weight, norm.bias, norm.mean, norm.variance})
        (void)parameter(e, name, view.channels); // they fit, or it says which does not
    const ChannelScale scale = *scaleOf(e.weights(), norm, view.channels);
    const float* from = x.floats().data();
    Tensor result = e.likeInput(0);
    kernel::scaleChannels(view, from, scale.factor, scale.shift, result.floats().data());
    return result;
}

Tensor evaluate(const op::InstanceNorm& norm, Evaluation& e)
{
    const Tensor& x = floatOperand(e, 0);
    const kernel::ChannelView view = channelsOf(e, x);
    const auto weight = parameter(e, norm.weight, view.channels);
    const auto bias = parameter(e, norm.bias, view.channels);
    const float* from = x.floats().data();
    Tensor result = e.likeInput(0);
    kernel::instanceNorm(view, from, floatsOf(weight), floatsOf(bias), norm.epsilon,
                         result.floats().data());
    return result;
}

} // namespace gradus
