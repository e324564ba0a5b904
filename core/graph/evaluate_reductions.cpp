// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/evaluation.h"

namespace gradus {

Tensor evaluate(const op::MatMul&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::Softmax&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::Reduce&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::ArgExtreme&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

std::vector<Tensor> evaluate(const op::TopK&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

Tensor evaluate(const op::CumSum&, Evaluation& e)
{
    throw e.failure(ErrorCode::Unsupported, "is not there yet");
}

} // namespace gradus
