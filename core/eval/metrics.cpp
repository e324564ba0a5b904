// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/eval/metrics.h"

#include "core/base/parallel.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>
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

/// Σ_k p_k·x_k in double.
double dot(const float* p, const float* x, std::int64_t count)
{
    constexpr std::int64_t lanes = 8;
    double sums[lanes] = {};
    std::int64_t k = 0;
    for (; k + lanes <= count; k += lanes)
        for (std::int64_t j = 0; j < lanes; ++j)
            sums[j] += static_cast<double>(p[k + j]) * static_cast<double>(x[k + j]);
    for (; k < count; ++k)
        sums[0] += static_cast<double>(p[k]) * static_cast<double>(x[k]);
    return std::accumulate(sums, sums + lanes, 0.0);
}

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
        for (std::int64_t r = 0; r < a.rows; ++r)
            total += dot(product.data + r * width, a.data + r * a.stride + c, width);
    }
    return total;
}

} // namespace

double relativeOutputError(ConstMatrixView w, ConstMatrixView quantized,
                           std::span<const double> hessians, std::int64_t groups)
{
    if (groups == 1)
        return relativeOutputError(w, quantized, hessians);
    assert(groups > 0 && w.rows % groups == 0 && w.cols == quantized.cols);
    const std::int64_t rows = w.rows / groups;
    const auto square = static_cast<std::size_t>(w.cols * w.cols);
    Tensor difference(Shape{rows, w.cols});
    double error = 0;
    double whole = 0;
    for (std::int64_t g = 0; g < groups; ++g) {
        const auto hessian = hessians.subspan(static_cast<std::size_t>(g) * square, square);
        for (std::int64_t r = 0; r < rows; ++r)
            for (std::int64_t c = 0; c < w.cols; ++c) {
                const auto at = static_cast<std::size_t>(c);
                difference.matrix().row(r)[at] =
                    w.row(g * rows + r)[at] - quantized.row(g * rows + r)[at];
            }
        for (const double energy : rowEnergies(std::as_const(difference).matrix(), hessian))
            error += energy;
        for (const double energy : rowEnergies(w.block(g * rows, 0, rows, w.cols), hessian))
            whole += energy;
    }
    return whole > 0 ? error / whole : std::numeric_limits<double>::quiet_NaN();
}

double toDecibel(double relativeError)
{
    return -10 * std::log10(relativeError);
}

void WeightErrorSums::add(std::span<const float> w, std::span<const float> quantized)
{
    assert(w.size() == quantized.size());
    // In locals, so that the compiler keeps them in registers.
    std::array<double, lanes> error = m_error;
    std::array<double, lanes> ww = m_ww;
    std::array<double, lanes> qq = m_qq;
    std::array<double, lanes> wq = m_wq;
    std::array<double, lanes> most = m_maximum;
    const auto one = [&](std::size_t j, float x, float y) {
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
    const std::size_t whole = w.size() / lanes * lanes;
    for (std::size_t c = 0; c < whole; c += lanes)
        for (std::size_t j = 0; j < lanes; ++j)
            one(j, w[c + j], quantized[c + j]);
    for (std::size_t c = whole; c < w.size(); ++c)
        one(0, w[c], quantized[c]);
    m_error = error;
    m_ww = ww;
    m_qq = qq;
    m_wq = wq;
    m_maximum = most;
}

void WeightErrorSums::join(const WeightErrorSums& part)
{
    for (std::size_t j = 0; j < lanes; ++j) {
        m_error[j] += part.m_error[j];
        m_ww[j] += part.m_ww[j];
        m_qq[j] += part.m_qq[j];
        m_wq[j] += part.m_wq[j];
        m_maximum[j] = std::max(m_maximum[j], part.m_maximum[j]);
    }
}

WeightError WeightErrorSums::error() const
{
    const auto sum = [](const std::array<double, lanes>& values) {
        return std::accumulate(values.begin(), values.end(), 0.0);
    };
    const double squares = sum(m_error);
    WeightError result;
    result.relative = ratio(squares, sum(m_ww));
    result.sqnrDb = toDecibel(result.relative);
    result.cosine =
        squares == 0 ? 1 : ratio(sum(m_wq), std::sqrt(sum(m_ww)) * std::sqrt(sum(m_qq)));
    result.maximum = *std::max_element(m_maximum.begin(), m_maximum.end());
    return result;
}

WeightError weightError(ConstMatrixView w, ConstMatrixView quantized)
{
    assert(w.rows == quantized.rows && w.cols == quantized.cols);
    return parallelReduce(
               w.rows, rowGrain(w.cols), WeightErrorSums{},
               [&](std::int64_t begin, std::int64_t end) {
                   WeightErrorSums part;
                   for (std::int64_t r = begin; r < end; ++r)
                       part.add(w.row(r), quantized.row(r));
                   return part;
               },
               [](WeightErrorSums& total, const WeightErrorSums& part) { total.join(part); })
        .error();
}

std::vector<double> rowEnergies(ConstMatrixView a, std::span<const double> hessian,
                                const Monitor* monitor)
{
    const std::int64_t d = a.cols;
    assert(hessian.size() == static_cast<std::size_t>(d * d));
    std::vector<double> energies(static_cast<std::size_t>(a.rows));
    double largest = 0; // the unit, as in relativeOutputError
    for (std::int64_t j = 0; j < d; ++j)
        largest = std::max(largest, hessian[static_cast<std::size_t>(j * d + j)]);
    if (!(largest > 0) || a.rows == 0)
        return energies;
    // A task is a panel of rows times a panel of H's columns from its diagonal down (symmetry says
    // the rest). It makes floats of its piece of H itself, some rows of H at a time: one pass over
    // H for every 512 rows of A, and no copy of H in memory.
    constexpr std::int64_t tall = 512;
    constexpr std::int64_t deep = 1024;
    const std::int64_t across = (d + panelCols - 1) / panelCols;
    const std::int64_t down = (a.rows + tall - 1) / tall;
    std::vector<double> parts(static_cast<std::size_t>(across * a.rows));
    const double unit = 1 / largest;
    parallelFor(
        across * down, 1,
        [&](std::int64_t begin, std::int64_t end) {
            const auto size = [](std::int64_t count) { return static_cast<std::size_t>(count); };
            const auto piece = std::make_unique_for_overwrite<float[]>(size(deep * panelCols));
            const auto buffer =
                std::make_unique_for_overwrite<float[]>(size(std::min(tall, a.rows) * panelCols));
            for (std::int64_t i = begin; i < end; ++i) {
                const std::int64_t c = i / down * panelCols;
                const std::int64_t width = std::min(panelCols, d - c);
                const std::int64_t r = i % down * tall;
                const std::int64_t rows = std::min(tall, a.rows - r);
                const MatrixView product(buffer.get(), rows, width);
                for (std::int64_t k = c; k < d; k += deep) {
                    if (monitor)
                        monitor->checkpoint();
                    const std::int64_t depth = std::min(deep, d - k);
                    for (std::int64_t y = 0; y < depth; ++y) {
                        const double* from = hessian.data() + (k + y) * d + c;
                        float* to = piece.get() + y * width;
                        for (std::int64_t x = 0; x < width; ++x)
                            to[x] = static_cast<float>(from[x] * unit);
                        // Half of the diagonal, nothing above it.
                        if (const std::int64_t diagonal = k + y - c; diagonal < width) {
                            to[diagonal] /= 2;
                            std::fill(to + diagonal + 1, to + width, 0.0F);
                        }
                    }
                    multiplySerial(a.block(r, k, rows, depth),
                                   ConstMatrixView(piece.get(), depth, width), product, k > c);
                }
                double* to = parts.data() + i / down * a.rows + r;
                for (std::int64_t y = 0; y < rows; ++y)
                    to[y] = dot(product.data + y * width, a.data + (r + y) * a.stride + c, width);
            }
        },
        monitor);
    for (std::int64_t c = 0; c < across; ++c)
        for (std::int64_t r = 0; r < a.rows; ++r)
            energies[static_cast<std::size_t>(r)] +=
                parts[static_cast<std::size_t>(c * a.rows + r)];
    for (double& energy : energies)
        energy *= 2 * largest;
    return energies;
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
