// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/kernels.h"

#include "core/base/parallel.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace gradus::kernel {

namespace {

constexpr std::int64_t elementGrain = 1 << 15;
constexpr std::size_t lanes = 16;

template <class Body>
void overElements(std::size_t count, const Body& body)
{
    parallelFor(static_cast<std::int64_t>(count), elementGrain,
                [&](std::int64_t begin, std::int64_t end) {
                    body(static_cast<std::size_t>(begin), static_cast<std::size_t>(end));
                });
}

/// Rows per chunk so that a chunk holds about elementGrain elements.
std::int64_t rowGrain(std::int64_t cols)
{
    return std::max<std::int64_t>(1, elementGrain / std::max<std::int64_t>(1, cols));
}

/// Sum in a fixed number of lanes: vectorises without leave to reorder.
template <class Term>
float laneSum(std::size_t count, const Term& term)
{
    std::array<float, lanes> sums{};
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes)
        for (std::size_t lane = 0; lane < lanes; ++lane)
            sums[lane] += term(i + lane);
    float total = 0;
    for (; i < count; ++i)
        total += term(i);
    for (const float sum : sums)
        total += sum;
    return total;
}

float maximumOf(std::span<const float> values)
{
    std::array<float, lanes> best;
    best.fill(-std::numeric_limits<float>::infinity());
    std::size_t i = 0;
    for (; i + lanes <= values.size(); i += lanes)
        for (std::size_t lane = 0; lane < lanes; ++lane)
            best[lane] = values[i + lane] > best[lane] ? values[i + lane] : best[lane];
    for (; i < values.size(); ++i)
        best[0] = std::max(best[0], values[i]);
    return *std::max_element(best.begin(), best.end());
}

inline float exponentialOf(float x)
{
    constexpr float log2e = 1.44269504088896341F;
    constexpr float ln2High = 0.693359375F; // 10 bits: n · ln2High is exact
    constexpr float ln2Low = -2.12194440e-4F;
    constexpr float magic = 12582912.0F; // 1.5 · 2²³: adding it rounds to an integer
    const float clamped = x < -87.3F ? -87.3F : (x > 88.7F ? 88.7F : x);
    const float n = (clamped * log2e + magic) - magic;
    const float r = (clamped - n * ln2High) - n * ln2Low;
    // Degree 6 minimax-like Taylor tail on |r| ≤ ln2/2: relative error below 1e-7.
    float p = 1.0F / 720.0F;
    p = p * r + 1.0F / 120.0F;
    p = p * r + 1.0F / 24.0F;
    p = p * r + 1.0F / 6.0F;
    p = p * r + 0.5F;
    p = p * r + 1.0F;
    p = p * r + 1.0F;
    // 2ⁿ in two factors, since n may be 128.
    const auto whole = static_cast<std::int32_t>(n);
    const std::int32_t half = whole >> 1;
    const float first = std::bit_cast<float>((half + 127) << 23);
    const float second = std::bit_cast<float>((whole - half + 127) << 23);
    const float value = p * first * second;
    return x < -87.3F ? 0.0F : (x > 88.7F ? std::numeric_limits<float>::infinity() : value);
}

/// log Σ exp(row). Runs of floats are summed in lanes, the runs in double: as good as double
/// throughout.
double logSumExp(std::span<const float> row)
{
    constexpr std::size_t run = 1024;
    const float top = maximumOf(row);
    double sum = 0;
    for (std::size_t i = 0; i < row.size(); i += run) {
        const auto part = row.subspan(i, std::min(run, row.size() - i));
        sum += static_cast<double>(
            laneSum(part.size(), [&](std::size_t j) { return exponentialOf(part[j] - top); }));
    }
    return std::log(sum) + static_cast<double>(top);
}

} // namespace

float exponential(float x)
{
    return exponentialOf(x);
}

void rmsNorm(ConstMatrixView in, std::span<const float> weight, float epsilon, MatrixView out)
{
    assert(in.rows == out.rows && in.cols == out.cols);
    assert(weight.size() == static_cast<std::size_t>(in.cols));
    parallelFor(in.rows, rowGrain(in.cols), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const auto x = in.row(r);
            const auto y = out.row(r);
            const float squares = laneSum(x.size(), [&](std::size_t i) { return x[i] * x[i]; });
            const float factor = 1.0F / std::sqrt(squares / static_cast<float>(in.cols) + epsilon);
            for (std::size_t i = 0; i < x.size(); ++i)
                y[i] = x[i] * factor * weight[i];
        }
    });
}

void rotary(MatrixView x, const op::Rotary& rotary, std::int64_t sequence, std::int64_t offset)
{
    const auto half = static_cast<std::size_t>(rotary.headDim / 2);
    assert(rotary.inverseFrequency.size() == half && x.cols % rotary.headDim == 0);
    assert(sequence > 0 && x.rows % sequence == 0);
    std::vector<float> cosine(static_cast<std::size_t>(sequence) * half);
    std::vector<float> sine(cosine.size());
    parallelFor(sequence, 64, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t position = begin; position < end; ++position)
            for (std::size_t i = 0; i < half; ++i) {
                // The angle in float, as the reference implementations have it.
                const float angle =
                    static_cast<float>(position + offset) * rotary.inverseFrequency[i];
                cosine[static_cast<std::size_t>(position) * half + i] = std::cos(angle);
                sine[static_cast<std::size_t>(position) * half + i] = std::sin(angle);
            }
    });
    parallelFor(x.rows, rowGrain(x.cols), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const float* c = cosine.data() + static_cast<std::size_t>(r % sequence) * half;
            const float* s = sine.data() + static_cast<std::size_t>(r % sequence) * half;
            for (float* head = x.data + r * x.stride; head != x.data + r * x.stride + x.cols;
                 head += rotary.headDim) {
                float* upper = head + half;
                for (std::size_t i = 0; i < half; ++i) {
                    const float a = head[i];
                    const float b = upper[i];
                    head[i] = a * c[i] - b * s[i];
                    upper[i] = b * c[i] + a * s[i];
                }
            }
        }
    });
}

void attention(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
               const op::Attention& attention, std::int64_t offset, MatrixView out,
               const Monitor& monitor)
{
    constexpr std::int64_t queryRun = 128;
    const std::int64_t headDim = attention.headDim;
    const std::int64_t runs = (q.rows + queryRun - 1) / queryRun;
    const std::int64_t sharing = attention.heads / attention.kvHeads;
    assert(k.rows == offset + q.rows && v.rows == k.rows);
    parallelFor(
        attention.heads * runs, 1,
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<float> buffer;
            for (std::int64_t task = begin; task < end; ++task) {
                const std::int64_t head = task / runs;
                const std::int64_t first = task % runs * queryRun;
                const std::int64_t count = std::min(queryRun, q.rows - first);
                // Keys that any query of this run may see.
                const std::int64_t seen = offset + first + count;
                const std::int64_t begin0 =
                    attention.window > 0
                        ? std::max<std::int64_t>(0, offset + first + 1 - attention.window)
                        : 0;
                const std::int64_t width = seen - begin0;
                buffer.resize(static_cast<std::size_t>(count * width));
                const MatrixView scores(buffer.data(), count, width);
                const std::int64_t kvColumn = head / sharing * headDim;
                multiplyTransposedSerial(q.block(first, head * headDim, count, headDim),
                                         k.block(begin0, kvColumn, width, headDim), scores, false);
                for (std::int64_t r = 0; r < count; ++r) {
                    const std::int64_t position = offset + first + r;
                    const std::int64_t from =
                        attention.window > 0
                            ? std::max<std::int64_t>(begin0, position + 1 - attention.window) -
                                  begin0
                            : 0;
                    const std::int64_t to = position + 1 - begin0;
                    const auto row = scores.row(r);
                    const auto live = row.subspan(static_cast<std::size_t>(from),
                                                  static_cast<std::size_t>(to - from));
                    const float top = maximumOf(live);
                    for (float& score : live)
                        score = exponentialOf(attention.scale * (score - top));
                    const float sum = laneSum(live.size(), [&](std::size_t i) { return live[i]; });
                    const float factor = 1.0F / sum;
                    for (float& score : live)
                        score *= factor;
                    std::fill(row.begin(), row.begin() + from, 0.0F);
                    std::fill(row.begin() + to, row.end(), 0.0F);
                }
                multiplySerial(scores, v.block(begin0, kvColumn, width, headDim),
                               out.block(first, head * headDim, count, headDim), false);
            }
        },
        &monitor);
}

void silu(std::span<const float> x, std::span<float> out)
{
    assert(x.size() == out.size());
    overElements(x.size(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i)
            out[i] = x[i] / (1.0F + exponentialOf(-x[i]));
    });
}

void multiplyElements(std::span<const float> a, std::span<const float> b, std::span<float> out)
{
    assert(a.size() == b.size() && a.size() == out.size());
    overElements(a.size(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i)
            out[i] = a[i] * b[i];
    });
}

void addElements(std::span<const float> a, std::span<const float> b, std::span<float> out)
{
    assert(a.size() == b.size() && a.size() == out.size());
    overElements(a.size(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i)
            out[i] = a[i] + b[i];
    });
}

void addBias(MatrixView x, std::span<const float> bias)
{
    assert(bias.size() == static_cast<std::size_t>(x.cols));
    parallelFor(x.rows, rowGrain(x.cols), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const auto row = x.row(r);
            for (std::size_t i = 0; i < row.size(); ++i)
                row[i] += bias[i];
        }
    });
}

void negativeLogLikelihood(ConstMatrixView logits, std::span<const std::int32_t> targets,
                           std::span<double> nll)
{
    assert(targets.size() == static_cast<std::size_t>(logits.rows) && nll.size() == targets.size());
    parallelFor(logits.rows, rowGrain(logits.cols), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const auto row = logits.row(r);
            const auto at = static_cast<std::size_t>(r);
            const float target = row[static_cast<std::size_t>(targets[at])];
            nll[at] = logSumExp(row) - static_cast<double>(target);
        }
    });
}

void divergence(ConstMatrixView reference, ConstMatrixView tested, std::span<double> kl)
{
    assert(reference.rows == tested.rows && reference.cols == tested.cols);
    parallelFor(reference.rows, rowGrain(reference.cols),
                [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t r = begin; r < end; ++r) {
                        const auto p = reference.row(r);
                        const auto q = tested.row(r);
                        const double pTotal = logSumExp(p);
                        const double qTotal = logSumExp(q);
                        double sum = 0;
                        for (std::size_t i = 0; i < p.size(); ++i) {
                            const double logP = static_cast<double>(p[i]) - pTotal;
                            const double logQ = static_cast<double>(q[i]) - qTotal;
                            sum += static_cast<double>(exponentialOf(static_cast<float>(logP))) *
                                   (logP - logQ);
                        }
                        kl[static_cast<std::size_t>(r)] = sum;
                    }
                });
}

} // namespace gradus::kernel
