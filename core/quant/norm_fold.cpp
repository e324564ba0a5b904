// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/norm_fold.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace gradus {

namespace {

std::int64_t rowGrain(std::int64_t cols)
{
    return std::max<std::int64_t>(1, 32768 / std::max<std::int64_t>(1, cols));
}

} // namespace

std::vector<double> NormFold::foldedGamma(std::span<const float> gamma) const
{
    assert(gamma.size() == ratio.size());
    std::vector<double> folded(ratio.size());
    for (std::size_t d = 0; d < folded.size(); ++d)
        folded[d] = static_cast<double>(gamma[d]) / ratio[d];
    return folded;
}

std::vector<double> NormFold::foldedBeta(std::span<const float> beta) const
{
    assert(beta.empty() || beta.size() == ratio.size());
    std::vector<double> folded(ratio.size());
    for (std::size_t d = 0; d < folded.size(); ++d) {
        const double own = beta.empty() ? 0 : static_cast<double>(beta[d]);
        folded[d] = (own + (shift.empty() ? 0 : shift[d])) / ratio[d];
    }
    return folded;
}

Tensor NormFold::foldedWeight(ConstMatrixView weight) const
{
    assert(weight.cols == static_cast<std::int64_t>(ratio.size()));
    Tensor folded({weight.rows, weight.cols});
    const MatrixView out = folded.matrix();
    parallelFor(weight.rows, rowGrain(weight.cols), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const std::span<const float> from = weight.row(r);
            const std::span<float> to = out.row(r);
            for (std::size_t d = 0; d < from.size(); ++d)
                to[d] = static_cast<float>(static_cast<double>(from[d]) * ratio[d]);
        }
    });
    return folded;
}

std::vector<double> NormFold::foldedBias(ConstMatrixView weight, std::span<const float> bias) const
{
    assert(weight.cols == static_cast<std::int64_t>(ratio.size()));
    assert(bias.empty() || static_cast<std::int64_t>(bias.size()) == weight.rows);
    std::vector<double> folded(static_cast<std::size_t>(weight.rows));
    for (std::size_t r = 0; r < bias.size(); ++r)
        folded[r] = static_cast<double>(bias[r]);
    if (shift.empty())
        return folded;
    parallelFor(weight.rows, rowGrain(weight.cols), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const std::span<const float> row = weight.row(r);
            double sum = 0;
            for (std::size_t d = 0; d < row.size(); ++d)
                sum += static_cast<double>(row[d]) * shift[d];
            folded[static_cast<std::size_t>(r)] -= sum;
        }
    });
    return folded;
}

NormFold foldNorm(const AffineGrid& channels, FoldZeros zeros)
{
    const std::size_t features = std::max(channels.scales.size(), channels.zeros.size());
    assert(!channels.validate(static_cast<std::int64_t>(features)) && channels.fraction == 0);
    double scales = 0;
    double zeroSum = 0;
    for (std::size_t d = 0; d < features; ++d) {
        scales += static_cast<double>(channels.scale(d));
        zeroSum += static_cast<double>(channels.zero(d));
    }
    const auto count = static_cast<double>(features);
    NormFold fold;
    fold.layer.bits = channels.bits;
    fold.layer.relativeError = channels.relativeError;
    fold.layer.scales = {static_cast<float>(scales / count)};
    // Ratios to the scale as it is stored: s = s̃·r1 holds for what is computed with.
    const auto scale = static_cast<double>(fold.layer.scales[0]);
    for (std::size_t d = 0; d < features; ++d)
        fold.ratio.push_back(static_cast<double>(channels.scale(d)) / scale);
    if (zeros == FoldZeros::Kept) {
        fold.layer.zeros = channels.zeros;
        return fold;
    }
    const double mean = zeroSum / count;
    double whole = std::nearbyint(mean);
    if (zeros == FoldZeros::Mean)
        whole = std::clamp(whole, 0.0, static_cast<double>(channels.largest()));
    fold.layer.zeros = {static_cast<std::int32_t>(whole)};
    if (zeros == FoldZeros::Fractional)
        fold.layer.fraction = static_cast<float>(mean - whole);
    const double zero = whole + static_cast<double>(fold.layer.fraction);
    for (std::size_t d = 0; d < features; ++d)
        fold.shift.push_back(static_cast<double>(channels.scale(d)) *
                             (static_cast<double>(channels.zero(d)) - zero));
    return fold;
}

std::vector<double> smoothingFactors(std::span<const float> inputMagnitudes,
                                     std::span<const float> weightMagnitudes, double alpha)
{
    assert(inputMagnitudes.size() == weightMagnitudes.size());
    if (!(alpha >= 0 && alpha <= 1))
        throw Error(ErrorCode::Usage, concat("smoothing exponent is ", alpha, ", expected 0 to 1"));
    std::vector<double> factors(inputMagnitudes.size(), 1);
    for (std::size_t d = 0; d < factors.size(); ++d) {
        const double input = std::fabs(static_cast<double>(inputMagnitudes[d]));
        const double weight = std::fabs(static_cast<double>(weightMagnitudes[d]));
        if (!std::isfinite(input) || !std::isfinite(weight))
            throw Error(ErrorCode::Numeric,
                        concat("feature ", d, " has inputs up to ", input, " and weights up to ",
                               weight, ", expected finite numbers"));
        if (input > 0 && weight > 0)
            factors[d] = std::pow(input, alpha) / std::pow(weight, 1 - alpha);
    }
    return factors;
}

} // namespace gradus
