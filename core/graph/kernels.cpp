// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/kernels.h"

#include "core/base/parallel.h"
#include "core/graph/lanes.h"

#include <cmath>
#include <vector>

namespace gradus::kernel {

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

void rotary(MatrixView x, const op::Rotary& rotary, std::int64_t sequence, std::int64_t offset,
            bool inverse)
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
                sine[static_cast<std::size_t>(position) * half + i] =
                    inverse ? -std::sin(angle) : std::sin(angle);
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
