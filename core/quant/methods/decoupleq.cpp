// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/common.h"

namespace gradus {

SolveResult solveDecoupleq(const LayerProblem& problem, const DecoupleqOptions& /*options*/,
                           Monitor& monitor)
{
    SolveResult result;
    Scheme scheme = problem.scheme;
    result.weight = roundToNearest(problem.weight, scheme, {}, monitor);
    result.weight.scheme.floatZeros = !scheme.symmetric;
    return result;
}

} // namespace gradus
