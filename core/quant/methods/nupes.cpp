// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/common.h"

#include <cmath>

namespace gradus {

SolveResult solveNupes(const LayerProblem& problem, const NupesOptions& options, Monitor& monitor)
{
    requireFinite(problem.weight, monitor);
    const auto [rows, cols] = std::pair(problem.weight.rows, problem.weight.cols);
    const Scheme scheme = storedScheme(problem.scheme, options);
    SolveResult result;
    QuantizedWeight& out = result.weight;
    out = emptyWeight(scheme, rows, cols);
    std::fill(out.zeros.begin(), out.zeros.end(), static_cast<float>(1 << (scheme.bits - 1)));
    std::fill(out.scales.begin(), out.scales.end(), storedScale(0, scheme.scaleType));
    out.exponents.assign(1, options.exponent > 0 ? static_cast<float>(options.exponent) : 0.5F);
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < cols; ++c) {
            float& scale = out.scales[out.parameterIndex(r, c)];
            scale = std::max(scale, storedScale(std::fabs(problem.weight.row(r)[std::size_t(c)]),
                                                scheme.scaleType));
        }
    const PowerEncoder encoder(scheme, static_cast<double>(out.exponents[0]),
                               PowerRounding::Nearest);
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < cols; ++c)
            out.codes[static_cast<std::size_t>(r * cols + c)] = encoder.encode(
                problem.weight.row(r)[std::size_t(c)], out.scales[out.parameterIndex(r, c)]);
    return result;
}

} // namespace gradus
