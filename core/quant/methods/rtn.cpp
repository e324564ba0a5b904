// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/common.h"

namespace gradus {

SolveResult solveRtn(const LayerProblem& problem, const RtnOptions& /*options*/, Monitor& monitor)
{
    return {roundToNearest(problem.weight, problem.scheme, {}, monitor), {}};
}

} // namespace gradus
