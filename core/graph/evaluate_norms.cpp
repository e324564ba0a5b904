// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/evaluation.h"

namespace gradus {

Tensor evaluate(const op::LayerNorm&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::BatchNorm&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::InstanceNorm&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

} // namespace gradus
