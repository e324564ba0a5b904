// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/convolution_kernels.h"
#include "core/graph/differentiation.h"
#include "core/graph/image_sizes.h"
#include "core/graph/transposed_weight.h"

#include <utility>
#include <vector>

namespace gradus {

void differentiate(const op::Convolution& convolution, Differentiation& d)
{
    const Tensor& delta = std::as_const(d.delta());
    const auto size = sizeOf(convolution, d.shape(0), delta.shape()[1]);
    if (d.wanted() && d.sink().convolutionOutput)
        d.sink().convolutionOutput(d.node(), d.in(0), delta);
    if (d.wanted() && (d.sink().convolution || !d.sink().convolutionOutput)) {
        Tensor weight({size.outChannels, size.geometry.features()});
        kernel::convolutionWeightGradient(size, d.in(0).floats(), delta.floats(), weight.matrix(),
                                          d.monitor());
        std::vector<float> bias(
            convolution.bias.empty() ? 0 : static_cast<std::size_t>(size.outChannels));
        if (!bias.empty())
            kernel::channelSums(delta.floats(), size.images, size.outPixels(), bias, d.monitor());
        d.sink().convolution(d.node(), std::as_const(weight).matrix(), bias);
    }
    if (!d.moves(0))
        return;
    const auto weight = d.weights().matrix(convolution.weight);
    const auto [dx, accumulate] = d.target(0, d.shape(0));
    kernel::convolveTransposed(size, weight->matrix(), {}, delta.floats(), dx->floats(), accumulate,
                               d.monitor());
}

void differentiate(const op::ConvolutionTranspose& convolution, Differentiation& d)
{
    if (!d.moves(0))
        return;
    const auto size = sizeOf(convolution, d.shape(0));
    const auto weight = transposedWeight(convolution, d.weights());
    Tensor dx(d.shape(0));
    kernel::convolve(size, {weight->floats().data(), size.outChannels, size.geometry.features()},
                     {}, std::as_const(d.delta()).floats(), dx.floats(), d.monitor());
    d.give(0, std::move(dx));
}

} // namespace gradus
