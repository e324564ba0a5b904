// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/evaluation.h"

namespace gradus {

std::vector<Tensor> evaluate(const op::If& branches, Evaluation& e)
{
    const Tensor& condition = e.in(0);
    if (condition.dtype() != DType::Bool || condition.count() != 1)
        throw e.failure(ErrorCode::Shape,
                        concat("the condition is ", shapeText(condition.shape()), " of ",
                               dtypeName(condition.dtype()), ", expected one BOOL"));
    const bool chosen = condition.bytes().front() != std::byte(0);
    return e.branch(chosen ? *branches.thenBranch : *branches.elseBranch);
}

} // namespace gradus
