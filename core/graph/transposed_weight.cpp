// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/transposed_weight.h"

#include "core/tensor/weight_layout.h"

namespace gradus {

bool liesKernelFirst(const op::ConvolutionTranspose& convolution, const Shape& stored)
{
    const ConvolutionGeometry& g = convolution.geometry;
    Shape kernel{g.kernel[0], g.kernel[1]};
    if (convolution.isLine)
        kernel.erase(kernel.begin());
    Shape usual{g.channels, g.groups > 0 ? convolution.outChannels / g.groups : 0};
    usual.insert(usual.end(), kernel.begin(), kernel.end());
    kernel.insert(kernel.end(), {convolution.outChannels, g.channels});
    return g.groups == 1 && stored != usual && stored == kernel;
}

std::shared_ptr<const Tensor> transposedWeight(const op::ConvolutionTranspose& convolution,
                                               const Weights& weights)
{
    auto stored = weights.get(convolution.weight);
    if (!liesKernelFirst(convolution, stored->shape()))
        return stored;
    const auto rank = static_cast<int>(stored->shape().size());
    std::vector<int> order{rank - 1, rank - 2};
    for (int axis = 0; axis < rank - 2; ++axis)
        order.push_back(axis);
    const std::int64_t channels = convolution.geometry.channels;
    return std::make_shared<const Tensor>(
        matrixOfStored(stored->clone(), weightLayout(stored->shape(), std::move(order)), channels,
                       channels == 0 ? 0 : stored->count() / channels));
}

} // namespace gradus
