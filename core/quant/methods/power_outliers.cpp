// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/power_outliers.h"

#include "core/base/parallel.h"
#include "core/quant/methods/common.h"
#include "core/tensor/half.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace gradus {

namespace {

float keptValue(float w, DType type)
{
    return type == DType::F16 ? roundToHalf(w) : w;
}

/// What keeping each weight saves, from 0 up: their order is that of their bits.
std::vector<float> savings(ConstMatrixView weight, const Scheme& scheme, const PowerGrids& grids,
                           PowerRounding rounding, const Monitor& monitor)
{
    std::vector<float> saved(static_cast<std::size_t>(weight.rows * weight.cols));
    MatrixView out(saved.data(), weight.rows, weight.cols);
    roundPower(weight, scheme, grids, rounding, out, monitor);
    parallelFor(
        weight.rows, rowGrain(weight.cols),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t r = begin; r < end; ++r) {
                const std::span<const float> row = weight.row(r);
                const std::span<float> own = out.row(r);
                for (std::size_t c = 0; c < row.size(); ++c) {
                    const auto w = static_cast<double>(row[c]);
                    const double lost = w - static_cast<double>(own[c]);
                    const double kept =
                        w - static_cast<double>(keptValue(row[c], scheme.scaleType));
                    // An infinite value is no way to keep a weight.
                    const double gain =
                        std::isfinite(kept) ? std::max(0.0, lost * lost - kept * kept) : 0;
                    own[c] = static_cast<float>(std::sqrt(gain)); // squares may underflow
                }
            }
        },
        &monitor);
    return saved;
}

std::uint32_t bucketOf(float saving)
{
    return std::bit_cast<std::uint32_t>(saving) >> 15;
}

/// The smallest bucket from which on at most `count` savings are larger.
std::uint32_t borderBucket(const std::vector<float>& saved, std::int64_t count, std::int64_t& above,
                           const Monitor& monitor)
{
    using Counts = std::vector<std::int64_t>;
    constexpr std::size_t buckets = std::size_t(1) << 16;
    constexpr std::int64_t chunk = 1 << 16;
    const auto total = static_cast<std::int64_t>(saved.size());
    const Counts counts = parallelReduce(
        total, std::max<std::int64_t>(chunk, (total + 7) / 8), Counts(buckets),
        [&](std::int64_t begin, std::int64_t end) {
            Counts one(buckets);
            for (std::int64_t i = begin; i < end; ++i) {
                if (i % chunk == 0)
                    monitor.checkpoint();
                ++one[bucketOf(saved[static_cast<std::size_t>(i)])];
            }
            return one;
        },
        [](Counts& sum, const Counts& one) {
            for (std::size_t i = 0; i < buckets; ++i)
                sum[i] += one[i];
        },
        &monitor);
    above = 0;
    std::size_t bucket = buckets - 1;
    while (bucket > 0 && above + counts[bucket] <= count)
        above += counts[bucket--];
    return static_cast<std::uint32_t>(bucket);
}

/// What granules gain when their largest magnitudes go, one after the other: their error is about
/// M · Σ|w| on a grid of exponent ½ (equation (1)). A magnitude that gains little by itself shares
/// what the next ones gain with it.
std::vector<float> rangeGains(ConstMatrixView weight, const Scheme& scheme, std::int64_t count,
                              const Monitor& monitor)
{
    std::vector<float> gains(static_cast<std::size_t>(weight.rows * weight.cols));
    const bool tensor = scheme.granularity == Granularity::Tensor;
    const std::vector<float> unused(
        static_cast<std::size_t>(scaleCount(scheme, weight.rows, weight.cols)));
    struct Block
    {
        double gain = 0;
        std::int64_t size = 0;
    };
    const auto fill = [&](std::span<const float> values, float* out) {
        std::vector<std::uint32_t> order(values.size());
        double sum = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            order[i] = static_cast<std::uint32_t>(i);
            sum += static_cast<double>(std::fabs(values[i]));
        }
        const auto size = [&](std::uint32_t i) { return std::fabs(values[i]); };
        const std::size_t most = std::min({values.size() - 1, static_cast<std::size_t>(count),
                                           std::max<std::size_t>(64, values.size() / 8)});
        std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most + 1),
                          order.end(), [&](std::uint32_t a, std::uint32_t b) {
                              return size(a) != size(b) ? size(a) > size(b) : a < b;
                          });
        std::vector<Block> blocks;
        for (std::size_t i = 0; i < most; ++i) {
            blocks.push_back(
                {(static_cast<double>(size(order[i])) - static_cast<double>(size(order[i + 1]))) *
                     sum,
                 1});
            while (blocks.size() > 1) {
                const Block last = blocks.back();
                Block& before = blocks[blocks.size() - 2];
                if (before.gain * static_cast<double>(last.size) >=
                    last.gain * static_cast<double>(before.size))
                    break;
                before = {before.gain + last.gain, before.size + last.size};
                blocks.pop_back();
            }
        }
        std::size_t at = 0;
        for (const Block& block : blocks)
            for (std::int64_t k = 0; k < block.size; ++k)
                out[order[at++]] =
                    static_cast<float>(std::sqrt(block.gain / static_cast<double>(block.size)));
    };
    parallelFor(
        weight.rows, rowGrain(weight.cols),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t r = begin; r < end; ++r)
                overGranules(weight, scheme, r, unused,
                             [&](std::span<const float> values, float, std::int64_t c) {
                                 float* out = gains.data() + r * weight.cols + c;
                                 if (!tensor)
                                     fill(values, out);
                                 else // the largest of all
                                     std::transform(values.begin(), values.end(), out,
                                                    [](float w) { return std::fabs(w); });
                             });
        },
        &monitor);
    return gains;
}

/// The `count` weights that save most. Ties: the first.
SparseWeights mostSaving(ConstMatrixView weight, const Scheme& scheme,
                         const std::vector<float>& saved, std::int64_t count,
                         const Monitor& monitor)
{
    SparseWeights outliers;
    std::int64_t above = 0;
    const std::uint32_t border = borderBucket(saved, count, above, monitor);
    std::vector<std::int64_t> chosen;
    std::vector<std::int64_t> atBorder;
    for (std::size_t i = 0; i < saved.size(); ++i) {
        if (i % (1 << 16) == 0)
            monitor.checkpoint();
        const std::uint32_t bucket = bucketOf(saved[i]);
        if (bucket > border)
            chosen.push_back(static_cast<std::int64_t>(i));
        else if (bucket == border)
            atBorder.push_back(static_cast<std::int64_t>(i));
    }
    const auto missing = static_cast<std::ptrdiff_t>(count - above);
    std::nth_element(atBorder.begin(), atBorder.begin() + missing, atBorder.end(),
                     [&](std::int64_t a, std::int64_t b) {
                         const float savedA = saved[static_cast<std::size_t>(a)];
                         const float savedB = saved[static_cast<std::size_t>(b)];
                         return savedA != savedB ? savedA > savedB : a < b;
                     });
    chosen.insert(chosen.end(), atBorder.begin(), atBorder.begin() + missing);
    std::sort(chosen.begin(), chosen.end());

    outliers.rowStarts.assign(static_cast<std::size_t>(weight.rows) + 1, 0);
    for (const std::int64_t place : chosen) {
        const std::int64_t r = place / weight.cols;
        const std::int64_t c = place % weight.cols;
        ++outliers.rowStarts[static_cast<std::size_t>(r) + 1];
        outliers.columns.push_back(static_cast<std::uint32_t>(c));
        const float value = keptValue(weight.row(r)[static_cast<std::size_t>(c)], scheme.scaleType);
        const float most = 65504;
        outliers.values.push_back(std::isfinite(value) ? value : std::copysign(most, value));
    }
    for (std::size_t r = 1; r < outliers.rowStarts.size(); ++r)
        outliers.rowStarts[r] += outliers.rowStarts[r - 1];
    return outliers;
}

} // namespace

SparseWeights findOutliers(const PowerFitProblem& problem, const std::optional<ClipLimits>& limits,
                           std::int64_t count, const Monitor& monitor)
{
    count = std::min(count, problem.weight.rows * problem.weight.cols);
    if (count <= 0)
        return {};
    const auto lostOn = [&](const PowerGrids& grids) {
        return mostSaving(
            problem.weight, problem.scheme,
            savings(problem.weight, problem.scheme, grids, problem.family.rounding, monitor), count,
            monitor);
    };
    struct Choice
    {
        SparseWeights outliers;
        FittedGrids rest;
    };
    const auto judged = [&](SparseWeights outliers) {
        const Tensor inliers = withoutOutliers(problem.weight, outliers);
        Scheme limited = problem.scheme;
        limited.clip = limits;
        const std::vector<float> largest = granuleMagnitudes(inliers.matrix(), limited, monitor);
        PowerFitProblem rest = problem;
        rest.weight = inliers.matrix();
        rest.largest = largest;
        if (rest.clip == PowerClip::Granule) // near enough
            rest.clip = PowerClip::Common;
        FittedGrids fitted = fitPowerGrids(rest, monitor);
        return Choice{std::move(outliers), std::move(fitted)};
    };
    PowerFitProblem common = problem;
    common.clip = PowerClip::Common;
    common.minimumClip = std::min(0.02, problem.minimumClip);
    Choice best = judged(lostOn(fitPowerGrids(common, monitor).grids));
    const auto consider = [&](SparseWeights outliers) {
        if (outliers == best.outliers)
            return;
        Choice other = judged(std::move(outliers));
        if (other.rest.error < best.rest.error)
            best = std::move(other);
    };
    consider(mostSaving(problem.weight, problem.scheme,
                        rangeGains(problem.weight, problem.scheme, count, monitor), count,
                        monitor));
    consider(lostOn(best.rest.grids));
    return std::move(best.outliers);
}

Tensor withoutOutliers(ConstMatrixView weight, const SparseWeights& outliers)
{
    Tensor copy(Shape{weight.rows, weight.cols});
    const MatrixView out = copy.matrix();
    parallelFor(weight.rows, rowGrain(weight.cols), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            std::copy_n(weight.row(r).data(), weight.cols, out.row(r).data());
            if (outliers.empty())
                continue;
            for (std::uint32_t i = outliers.rowStarts[static_cast<std::size_t>(r)];
                 i < outliers.rowStarts[static_cast<std::size_t>(r) + 1]; ++i)
                out.row(r)[outliers.columns[i]] = std::numeric_limits<float>::quiet_NaN();
        }
    });
    return copy;
}

void restoreOutliers(const SparseWeights& outliers, MatrixView weight)
{
    if (outliers.empty())
        return;
    for (std::int64_t r = 0; r < weight.rows; ++r)
        for (std::uint32_t i = outliers.rowStarts[static_cast<std::size_t>(r)];
             i < outliers.rowStarts[static_cast<std::size_t>(r) + 1]; ++i)
            weight.row(r)[outliers.columns[i]] = outliers.values[i];
}

} // namespace gradus
