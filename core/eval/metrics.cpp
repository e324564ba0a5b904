// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/eval/metrics.h"

#include "core/base/parallel.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <vector>

namespace gradus {

namespace {

std::int64_t rowGrain(std::int64_t cols)
{
    return std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(cols, 1));
}

/// a / b where 0/0 is 0 and x/0 is NaN: an error relative to nothing has no value.
double ratio(double a, double b)
{
    if (b != 0)
        return a / b;
    return a == 0 ? 0 : std::numeric_limits<double>::quiet_NaN();
}

/// Rows and columns of a task of quadraticForm.
constexpr std::int64_t panelRows = 256;
constexpr std::int64_t panelCols = 256;

/// tr(A·H·Aᵀ) / 2 for rows begin … end of A. lower: H's lower triangle with half its diagonal and
/// zeros above, so that the products skip what symmetry already says.
double halfTrace(ConstMatrixView a, ConstMatrixView lower, std::vector<float>& buffer)
{
    const std::int64_t d = a.cols;
    double total = 0;
    for (std::int64_t c = 0; c < d; c += panelCols) {
        const std::int64_t width = std::min(panelCols, d - c);
        const MatrixView product(buffer.data(), a.rows, width);
        multiplySerial(a.block(0, c, a.rows, d - c), lower.block(c, c, d - c, width), product,
                       false);
        for (std::int64_t r = 0; r < a.rows; ++r) {
            const float* p = product.data + r * width;
            const float* x = a.data + r * a.stride + c;
            constexpr std::int64_t lanes = 8;
            double sums[lanes] = {};
            std::int64_t k = 0;
            for (; k + lanes <= width; k += lanes)
                for (std::int64_t j = 0; j < lanes; ++j)
                    sums[j] += static_cast<double>(p[k + j]) * static_cast<double>(x[k + j]);
            for (; k < width; ++k)
                sums[0] += static_cast<double>(p[k]) * static_cast<double>(x[k]);
            for (const double sum : sums)
                total += sum;
        }
    }
    return total;
}

} // namespace

double toDecibel(double relativeError)
{
    return -10 * std::log10(relativeError);
}

WeightError weightError(ConstMatrixView w, ConstMatrixView quantized)
{
    assert(w.rows == quantized.rows && w.cols == quantized.cols);
    struct Sums
    {
        double error = 0;
        double ww = 0;
        double qq = 0;
        double wq = 0;
        double maximum = 0;
    };
    const Sums sums = parallelReduce(
        w.rows, rowGrain(w.cols), Sums{},
        [&](std::int64_t begin, std::int64_t end) {
            constexpr std::size_t lanes = 8;
            double error[lanes] = {};
            double ww[lanes] = {};
            double qq[lanes] = {};
            double wq[lanes] = {};
            double most[lanes] = {};
            const auto add = [&](std::size_t j, float x, float y) {
                const double a = x;
                const double b = y;
                const double difference = a - b;
                const double size = std::fabs(difference);
                error[j] += difference * difference;
                ww[j] += a * a;
                qq[j] += b * b;
                wq[j] += a * b;
                most[j] = size > most[j] ? size : most[j];
            };
            for (std::int64_t r = begin; r < end; ++r) {
                const float* x = w.data + r * w.stride;
                const float* y = quantized.data + r * quantized.stride;
                const auto cols = static_cast<std::size_t>(w.cols);
                const std::size_t whole = cols / lanes * lanes;
                for (std::size_t c = 0; c < whole; c += lanes)
                    for (std::size_t j = 0; j < lanes; ++j)
                        add(j, x[c + j], y[c + j]);
                for (std::size_t c = whole; c < cols; ++c)
                    add(0, x[c], y[c]);
            }
            Sums part;
            for (std::size_t j = 0; j < lanes; ++j) {
                part.error += error[j];
                part.ww += ww[j];
                part.qq += qq[j];
                part.wq += wq[j];
                part.maximum = std::max(part.maximum, most[j]);
            }
            return part;
        },
        [](Sums& total, const Sums& part) {
            total.error += part.error;
            total.ww += part.ww;
            total.qq += part.qq;
            total.wq += part.wq;
            total.maximum = std::max(total.maximum, part.maximum);
        });
    WeightError result;
    result.relative = ratio(sums.error, sums.ww);
    result.sqnrDb = toDecibel(result.relative);
    result.cosine = sums.error == 0 ? 1 : ratio(sums.wq, std::sqrt(sums.ww) * std::sqrt(sums.qq));
    result.maximum = sums.maximum;
    return result;
}

double relativeOutputError(ConstMatrixView w, ConstMatrixView quantized,
                           std::span<const double> hessian)
{
    const std::int64_t d = w.cols;
    assert(w.rows == quantized.rows && d == quantized.cols);
    assert(hessian.size() == static_cast<std::size_t>(d * d));
    // In units of the largest diagonal element (which bounds every element of a positive
    // semidefinite matrix), so that the products in float neither overflow nor vanish.
    double largest = 0;
    for (std::int64_t j = 0; j < d; ++j)
        largest = std::max(largest, hessian[static_cast<std::size_t>(j * d + j)]);
    if (!(largest > 0))
        return std::numeric_limits<double>::quiet_NaN();
    std::vector<float> half(hessian.size());
    parallelFor(d, rowGrain(d), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const double* from = hessian.data() + r * d;
            float* to = half.data() + r * d;
            for (std::int64_t c = 0; c < r; ++c)
                to[c] = static_cast<float>(from[c] / largest);
            to[r] = static_cast<float>(from[r] / largest / 2);
        }
    });
    const ConstMatrixView lower(half.data(), d, d);
    struct Traces
    {
        double error = 0;
        double weight = 0;
    };
    const Traces traces = parallelReduce(
        w.rows, panelRows, Traces{},
        [&](std::int64_t begin, std::int64_t end) {
            const std::int64_t rows = end - begin;
            std::vector<float> difference(static_cast<std::size_t>(rows * d));
            std::vector<float> buffer(static_cast<std::size_t>(rows * panelCols));
            for (std::int64_t r = 0; r < rows; ++r) {
                const float* x = w.data + (begin + r) * w.stride;
                const float* y = quantized.data + (begin + r) * quantized.stride;
                float* to = difference.data() + r * d;
                for (std::int64_t c = 0; c < d; ++c)
                    to[c] = x[c] - y[c];
            }
            Traces part;
            part.error = halfTrace({difference.data(), rows, d}, lower, buffer);
            part.weight = halfTrace(w.block(begin, 0, rows, d), lower, buffer);
            return part;
        },
        [](Traces& total, const Traces& part) {
            total.error += part.error;
            total.weight += part.weight;
        });
    if (!(traces.weight > 0))
        return std::numeric_limits<double>::quiet_NaN();
    return std::max(traces.error, 0.0) / traces.weight;
}

} // namespace gradus
