// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/graph/kernels.h"
#include "core/graph/operators.h"

namespace gradus {

/// An attention in a form of its own: with quantized operands, or one that looks at them.
class AttentionKernel
{
public:
    virtual ~AttentionKernel() = default;
    /// As kernel::attention. Called for one batch after the other. Bit-identical for any number of
    /// threads.
    virtual void apply(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
                       const op::Attention& attention, std::int64_t batch,
                       const kernel::AttentionMask& mask, MatrixView out,
                       const Monitor& monitor) const = 0;
};

/// What happens to the inputs of a layer before it multiplies them, where the layer has no kernel
/// of its own: convolutions.
class InputRounding
{
public:
    virtual ~InputRounding() = default;
    /// In place, all elements of an input batch × C × H × W.
    virtual void apply(Tensor& x) const = 0;
};

} // namespace gradus
