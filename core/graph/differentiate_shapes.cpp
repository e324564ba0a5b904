// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/differentiation.h"

namespace gradus {

void differentiate(const op::Reshape&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::Transpose&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::Flatten&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::Squeeze&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::Unsqueeze&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::Concat&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::Split&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::Slice&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::Gather&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::GatherElements&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::GatherNd&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::Expand&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::Tile&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

} // namespace gradus
