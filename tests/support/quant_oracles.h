// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/random.h"
#include "core/quant/quantized_weight.h"
#include "core/tensor/half.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

/// Plain scalar versions of the numeric routines, written from their definitions and sharing no
/// code with them, for the tests and the benchmarks to check against.
namespace gradus::test {

struct OracleGrid
{
    float scale = 1;
    int zero = 0;
    int maximum = 0;

    [[nodiscard]] int encode(float w) const
    {
        const double code = std::nearbyint(static_cast<double>(w / scale)) + zero;
        return static_cast<int>(std::min(std::max(code, 0.0), static_cast<double>(maximum)));
    }
    [[nodiscard]] float decode(int code) const { return scale * static_cast<float>(code - zero); }
};

inline OracleGrid oracleGrid(double lo, double hi, const Scheme& scheme)
{
    OracleGrid grid;
    grid.maximum = (1 << scheme.bits) - 1;
    if (scheme.symmetric)
        grid.zero = 1 << (scheme.bits - 1);
    lo = std::min(lo, 0.0);
    hi = std::max(hi, 0.0);
    if (scheme.clip) {
        lo = std::max(lo, static_cast<double>(scheme.clip->low));
        hi = std::min(hi, static_cast<double>(scheme.clip->high));
    }
    if (lo == hi)
        return grid;
    const double width = scheme.symmetric ? 2 * std::max(-lo, hi) : hi - lo;
    grid.scale = static_cast<float>(width / grid.maximum);
    if (scheme.scaleType == DType::F16)
        grid.scale = std::max(roundToHalf(grid.scale), 0x1p-14F);
    if (!scheme.symmetric)
        grid.zero = static_cast<int>(std::nearbyint(static_cast<float>(-lo) / grid.scale));
    grid.zero = std::min(grid.zero, grid.maximum);
    return grid;
}

inline OracleGrid oracleGridOf(const std::vector<float>& values, const Scheme& scheme)
{
    float lo = 0;
    float hi = 0;
    for (const float w : values) {
        lo = std::min(lo, w);
        hi = std::max(hi, w);
    }
    return oracleGrid(static_cast<double>(lo), static_cast<double>(hi), scheme);
}

/// The values of the granule that holds (row, col).
inline std::vector<float> granuleOf(ConstMatrixView w, const Scheme& scheme, std::int64_t row,
                                    std::int64_t col)
{
    std::vector<float> values;
    for (std::int64_t r = 0; r < w.rows; ++r)
        for (std::int64_t c = 0; c < w.cols; ++c) {
            const bool sameRow = scheme.granularity == Granularity::Tensor || r == row;
            const bool sameGroup = scheme.granularity != Granularity::Group ||
                                   c / scheme.groupSize == col / scheme.groupSize;
            if (sameRow && sameGroup)
                values.push_back(w.data[r * w.stride + c]);
        }
    return values;
}

struct OracleWeight
{
    std::vector<std::uint8_t> codes;
    std::vector<float> decoded;
};

inline OracleWeight oracleRtn(ConstMatrixView w, const Scheme& scheme)
{
    OracleWeight out;
    for (std::int64_t r = 0; r < w.rows; ++r) {
        OracleGrid grid;
        for (std::int64_t c = 0; c < w.cols; ++c) {
            if (c == 0 || (scheme.granularity == Granularity::Group && c % scheme.groupSize == 0))
                grid = oracleGridOf(granuleOf(w, scheme, r, c), scheme);
            const int code = grid.encode(w.data[r * w.stride + c]);
            out.codes.push_back(static_cast<std::uint8_t>(code));
            out.decoded.push_back(grid.decode(code));
        }
    }
    return out;
}

/// Inverse by Gauss-Jordan elimination with row exchanges.
inline std::vector<double> oracleInverse(std::vector<double> a, std::size_t d)
{
    std::vector<double> inverse(d * d);
    for (std::size_t i = 0; i < d; ++i)
        inverse[i * d + i] = 1;
    for (std::size_t c = 0; c < d; ++c) {
        std::size_t pivot = c;
        for (std::size_t r = c; r < d; ++r)
            if (std::fabs(a[r * d + c]) > std::fabs(a[pivot * d + c]))
                pivot = r;
        for (std::size_t k = 0; k < d; ++k) {
            std::swap(a[c * d + k], a[pivot * d + k]);
            std::swap(inverse[c * d + k], inverse[pivot * d + k]);
        }
        const double factor = 1 / a[c * d + c];
        for (std::size_t k = 0; k < d; ++k) {
            a[c * d + k] *= factor;
            inverse[c * d + k] *= factor;
        }
        for (std::size_t r = 0; r < d; ++r) {
            const double f = a[r * d + c];
            if (r == c || f == 0)
                continue;
            for (std::size_t k = 0; k < d; ++k) {
                a[r * d + k] -= f * a[c * d + k];
                inverse[r * d + k] -= f * inverse[c * d + k];
            }
        }
    }
    return inverse;
}

/// GPTQ as the paper's equations say it, column by column, with the inverse Hessian of the columns
/// that are left kept explicitly (optimal brain surgeon), all in double.
inline OracleWeight oracleGptq(ConstMatrixView w, std::vector<double> h, const Scheme& scheme,
                               double damping, bool actOrder, bool staticGroups)
{
    const auto d = static_cast<std::size_t>(w.cols);
    const auto rows = static_cast<std::size_t>(w.rows);
    std::vector<bool> dead(d);
    double mean = 0;
    std::size_t live = 0;
    for (std::size_t j = 0; j < d; ++j) {
        dead[j] = h[j * d + j] == 0;
        mean += h[j * d + j];
        live += !dead[j];
    }
    mean /= static_cast<double>(live);
    std::vector<std::size_t> order(d);
    std::iota(order.begin(), order.end(), 0);
    if (actOrder)
        std::stable_sort(order.begin(), order.end(),
                         [&](std::size_t a, std::size_t b) { return h[a * d + a] > h[b * d + b]; });
    for (std::size_t j = 0; j < d; ++j)
        h[j * d + j] = dead[j] ? mean : h[j * d + j] + damping * mean;
    std::vector<double> inverse = oracleInverse(h, d);
    std::vector<double> work(rows * d);
    std::vector<float> start(rows * d);
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < d; ++c) {
            start[r * d + c] = dead[c] ? 0
                                       : w.data[static_cast<std::int64_t>(r) * w.stride +
                                                static_cast<std::int64_t>(c)];
            work[r * d + c] = static_cast<double>(start[r * d + c]);
        }
    const ConstMatrixView original(start.data(), w.rows, w.cols);
    const bool onTheWay = scheme.granularity == Granularity::Group && !(actOrder && staticGroups);
    const auto group = static_cast<std::size_t>(scheme.groupSize);
    OracleWeight out;
    out.codes.resize(rows * d);
    out.decoded.resize(rows * d);
    std::vector<OracleGrid> grids(rows);
    for (std::size_t p = 0; p < d; ++p) {
        const std::size_t j = order[p];
        for (std::size_t r = 0; r < rows; ++r) {
            if (onTheWay && p % group == 0) {
                std::vector<float> values;
                for (std::size_t q = p; q < std::min(p + group, d); ++q)
                    values.push_back(static_cast<float>(work[r * d + order[q]]));
                grids[r] = oracleGridOf(values, scheme);
            } else if (!onTheWay) {
                grids[r] = oracleGridOf(granuleOf(original, scheme, static_cast<std::int64_t>(r),
                                                  static_cast<std::int64_t>(j)),
                                        scheme);
            }
            const auto value = static_cast<float>(work[r * d + j]);
            const int code = grids[r].encode(value);
            const float decoded = grids[r].decode(code);
            out.codes[r * d + j] = static_cast<std::uint8_t>(code);
            out.decoded[r * d + j] = decoded;
            const double error =
                (work[r * d + j] - static_cast<double>(decoded)) / inverse[j * d + j];
            for (std::size_t q = p + 1; q < d; ++q)
                work[r * d + order[q]] -= error * inverse[j * d + order[q]];
        }
        const std::vector<double> row(inverse.begin() + static_cast<std::ptrdiff_t>(j * d),
                                      inverse.begin() + static_cast<std::ptrdiff_t>((j + 1) * d));
        for (std::size_t a = 0; a < d; ++a)
            for (std::size_t b = 0; b < d; ++b)
                inverse[a * d + b] -= row[a] * row[b] / row[j];
    }
    return out;
}

/// XᵀX in double, full.
inline std::vector<double> oracleGram(ConstMatrixView x)
{
    const auto d = static_cast<std::size_t>(x.cols);
    std::vector<double> h(d * d);
    for (std::int64_t n = 0; n < x.rows; ++n)
        for (std::size_t i = 0; i < d; ++i)
            for (std::size_t j = 0; j < d; ++j)
                h[i * d + j] += static_cast<double>(x.row(n)[i]) * static_cast<double>(x.row(n)[j]);
    return h;
}

/// tr(A·H·Aᵀ) of A = w − q.
inline double oracleOutputError(ConstMatrixView w, std::span<const float> q,
                                std::span<const double> h)
{
    const auto d = static_cast<std::size_t>(w.cols);
    double total = 0;
    for (std::size_t r = 0; r < static_cast<std::size_t>(w.rows); ++r) {
        std::vector<double> e(d);
        for (std::size_t c = 0; c < d; ++c)
            e[c] = static_cast<double>(w.row(static_cast<std::int64_t>(r))[c]) -
                   (q.empty() ? 0 : static_cast<double>(q[r * d + c]));
        for (std::size_t i = 0; i < d; ++i)
            for (std::size_t j = 0; j < d; ++j)
                total += e[i] * h[i * d + j] * e[j];
    }
    return total;
}

inline std::vector<std::uint8_t> oraclePack(std::span<const std::uint8_t> values, int bits)
{
    std::vector<std::uint8_t> stream((values.size() * static_cast<std::size_t>(bits) + 7) / 8);
    std::size_t at = 0;
    for (const std::uint8_t value : values)
        for (int b = 0; b < bits; ++b, ++at)
            if (value >> b & 1)
                stream[at / 8] = static_cast<std::uint8_t>(stream[at / 8] | 1U << at % 8);
    return stream;
}

inline Tensor randomMatrix(std::int64_t rows, std::int64_t cols, double size, std::uint64_t seed)
{
    Tensor w(Shape{rows, cols});
    RandomStream random(seed, "test", "matrix");
    for (float& x : w.floats())
        x = static_cast<float>(size * random.normal());
    return w;
}

/// Inputs whose neighbouring features are correlated and whose sizes differ.
inline Tensor correlatedInputs(std::int64_t rows, std::int64_t cols, std::uint64_t seed)
{
    Tensor x = randomMatrix(rows, cols, 1, seed);
    for (std::int64_t r = 0; r < rows; ++r) {
        std::span<float> row = x.matrix().row(r);
        for (std::size_t c = 1; c < row.size(); ++c)
            row[c] = 0.8F * row[c - 1] + 0.6F * row[c];
        for (std::size_t c = 0; c < row.size(); ++c)
            row[c] *= 1 + 0.9F * static_cast<float>(std::sin(1.3 * static_cast<double>(c)));
    }
    return x;
}

} // namespace gradus::test
