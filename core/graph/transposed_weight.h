// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/executor.h"

#include <memory>

namespace gradus {

/// Whether a stored weight of a transposed convolution lies as Keras has it, kernel × out × C, and
/// not as C × out/groups × kernel. Shapes that may be either count as the latter.
[[nodiscard]] bool liesKernelFirst(const op::ConvolutionTranspose& convolution,
                                   const Shape& stored);

/// The weight as C × out/groups × kernel elements, however it lies in the file.
[[nodiscard]] std::shared_ptr<const Tensor>
transposedWeight(const op::ConvolutionTranspose& convolution, const Weights& weights);

} // namespace gradus
