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

} // namespace

SparseWeights chooseOutliers(ConstMatrixView weight, const Scheme& scheme, const PowerGrids& grids,
                             PowerRounding rounding, std::int64_t count, const Monitor& monitor)
{
    SparseWeights outliers;
    count = std::min(count, weight.rows * weight.cols);
    if (count <= 0)
        return outliers;
    const std::vector<float> saved = savings(weight, scheme, grids, rounding, monitor);
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
