// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/common.h"

namespace gradus {

SolveResult solveRtnMse(const LayerProblem& problem, const RtnMseOptions& options, Monitor& monitor)
{
    const RangeSearch clip{true, options.minimumClip, options.steps};
    return {roundToNearest(problem.weight, problem.scheme, clip, monitor), {}};
}

} // namespace gradus
