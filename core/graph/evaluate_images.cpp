// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/evaluation.h"

namespace gradus {

Tensor evaluate(const op::Pool&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::GlobalPool&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::Resize&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::Pad&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::DepthToSpace&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::SpaceToDepth&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

} // namespace gradus
