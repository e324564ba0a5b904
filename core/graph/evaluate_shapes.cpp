// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/evaluation.h"

namespace gradus {

Tensor evaluate(const op::Reshape&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::Transpose&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::Flatten&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::Squeeze&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::Unsqueeze&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::Concat&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

std::vector<Tensor> evaluate(const op::Split&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::Slice&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::Gather&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::GatherElements&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::GatherNd&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::Expand&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::Tile&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::ShapeOf&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::Size&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::ConstantOfShape&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::Range&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

} // namespace gradus
