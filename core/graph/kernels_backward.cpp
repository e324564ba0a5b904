// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/kernels_backward.h"

#include "core/graph/lanes.h"

#include <cassert>
#include <cmath>
#include <vector>

namespace gradus::kernel {

namespace {

/// Rows per chunk of a sum over rows: at most 64 partial sums, each worth its memory.
std::int64_t sumGrain(std::int64_t rows)
{
    return std::max<std::int64_t>(64, (rows + 63) / 64);
}

/// to += Σ over rows of term(row, column), in double; add(begin, end, sums) does some rows.
template <class Add>
void addRowSums(std::int64_t rows, std::span<float> to, const Add& add)
{
    const auto total = parallelReduce(
        rows, sumGrain(rows), std::vector<double>(),
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<double> sums(to.size());
            add(begin, end, sums);
            return sums;
        },
        [](std::vector<double>& sum, std::vector<double>& part) {
            if (sum.empty())
                sum.swap(part);
            else
                for (std::size_t i = 0; i < sum.size(); ++i)
                    sum[i] += part[i];
        });
    for (std::size_t i = 0; i < total.size(); ++i)
        to[i] += static_cast<float>(total[i]);
}

float inverseRootMeanSquare(std::span<const float> x, float epsilon)
{
    const float squares = laneSum(x.size(), [&](std::size_t i) { return x[i] * x[i]; });
    return 1.0F / std::sqrt(squares / static_cast<float>(x.size()) + epsilon);
}

} // namespace

void rmsNormBackward(ConstMatrixView x, std::span<const float> weight, float epsilon,
                     ConstMatrixView dy, MatrixView dx, bool accumulate, std::span<float> dweight)
{
    assert(x.rows == dy.rows && x.cols == dy.cols);
    assert(weight.size() == static_cast<std::size_t>(x.cols));
    if (!dweight.empty())
        addRowSums(x.rows, dweight,
                   [&](std::int64_t begin, std::int64_t end, std::vector<double>& sums) {
                       for (std::int64_t r = begin; r < end; ++r) {
                           const auto in = x.row(r);
                           const auto d = dy.row(r);
                           const float factor = inverseRootMeanSquare(in, epsilon);
                           for (std::size_t i = 0; i < in.size(); ++i)
                               sums[i] += static_cast<double>(d[i] * in[i] * factor);
                       }
                   });
    if (!dx.data)
        return;
    assert(dx.rows == x.rows && dx.cols == x.cols);
    parallelFor(x.rows, rowGrain(x.cols), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const auto in = x.row(r);
            const auto d = dy.row(r);
            const auto out = dx.row(r);
            const float factor = inverseRootMeanSquare(in, epsilon);
            const float dot =
                laneSum(in.size(), [&](std::size_t i) { return weight[i] * d[i] * in[i]; });
            const float pull = dot * factor * factor / static_cast<float>(x.cols);
            const float keep = accumulate ? 1.0F : 0.0F;
            if (!accumulate)
                std::fill(out.begin(), out.end(), 0.0F);
            for (std::size_t i = 0; i < in.size(); ++i)
                out[i] = keep * out[i] + factor * (weight[i] * d[i] - in[i] * pull);
        }
    });
}

void siluBackward(std::span<const float> x, std::span<const float> dy, std::span<float> dx)
{
    assert(x.size() == dy.size() && x.size() == dx.size());
    overElements(x.size(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            const float sigmoid = 1.0F / (1.0F + exponentialOf(-x[i]));
            dx[i] = dy[i] * sigmoid * (1.0F + x[i] * (1.0F - sigmoid));
        }
    });
}

void addColumnSums(ConstMatrixView x, std::span<float> sums)
{
    assert(sums.size() == static_cast<std::size_t>(x.cols));
    addRowSums(x.rows, sums, [&](std::int64_t begin, std::int64_t end, std::vector<double>& to) {
        for (std::int64_t r = begin; r < end; ++r) {
            const auto row = x.row(r);
            for (std::size_t i = 0; i < row.size(); ++i)
                to[i] += static_cast<double>(row[i]);
        }
    });
}

SquaredError squaredErrorBackward(ConstMatrixView actual, ConstMatrixView target, float factor,
                                  MatrixView gradient)
{
    assert(actual.rows == target.rows && actual.cols == target.cols);
    return parallelReduce(
        actual.rows, rowGrain(actual.cols), SquaredError(),
        [&](std::int64_t begin, std::int64_t end) {
            SquaredError sum;
            for (std::int64_t r = begin; r < end; ++r) {
                const auto a = actual.row(r);
                const auto t = target.row(r);
                sum.error += static_cast<double>(laneSum(
                    a.size(), [&](std::size_t i) { return (a[i] - t[i]) * (a[i] - t[i]); }));
                sum.target += static_cast<double>(
                    laneSum(t.size(), [&](std::size_t i) { return t[i] * t[i]; }));
                if (!gradient.data)
                    continue;
                const auto g = gradient.row(r);
                for (std::size_t i = 0; i < a.size(); ++i)
                    g[i] = factor * (a[i] - t[i]);
            }
            return sum;
        },
        [](SquaredError& sum, const SquaredError& part) {
            sum.error += part.error;
            sum.target += part.target;
        });
}

void crossEntropyBackward(MatrixView logits, std::span<const std::int32_t> targets, float factor,
                          std::span<double> nll)
{
    assert(targets.size() == static_cast<std::size_t>(logits.rows) && nll.size() == targets.size());
    parallelFor(logits.rows, rowGrain(logits.cols), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const auto row = logits.row(r);
            const auto target = static_cast<std::size_t>(targets[static_cast<std::size_t>(r)]);
            const double total = logSumExp(row);
            nll[static_cast<std::size_t>(r)] = total - static_cast<double>(row[target]);
            // x − top first, as the sum has it: a rounded total alone would shift every logit.
            const float top = maximumOf(row);
            const auto share = static_cast<float>(static_cast<double>(factor) *
                                                  std::exp(static_cast<double>(top) - total));
            for (float& value : row)
                value = share * exponentialOf(value - top);
            row[target] -= factor;
        }
    });
}

} // namespace gradus::kernel
