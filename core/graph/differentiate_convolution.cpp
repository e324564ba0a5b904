// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/differentiation.h"

namespace gradus {

void differentiate(const op::Convolution&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

void differentiate(const op::ConvolutionTranspose&, Differentiation& d)
{
    throw Error(ErrorCode::Unsupported, concat("node ", d.node(), " has no gradient yet"));
}

} // namespace gradus
