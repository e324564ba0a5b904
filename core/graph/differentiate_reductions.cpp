// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/differentiation.h"

namespace gradus {

void differentiate(const op::MatMul&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::Softmax&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::Reduce&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::TopK&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::CumSum&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

} // namespace gradus
