// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/kernels_elements.h"

#include "core/graph/element_functions.h"

#include <limits>
#include <stdexcept>

namespace gradus::kernel {

namespace {

using Kind = op::UnaryKind;

constexpr float sqrtTwoOverPi = 0.79788456080286536F;

/// tanh(softplus(x)) = (n² + 2n)/(n² + 2n + 2) with n = exp(x).
float mishGateOf(float x)
{
    const float n = exponentialOf(x > 20.0F ? 20.0F : x);
    const float top = n * (n + 2.0F);
    return top / (top + 2.0F);
}

float hardSigmoidOf(float x, float alpha, float beta)
{
    const float line = alpha * x + beta;
    const float above = line < 0.0F ? 0.0F : line;
    return above > 1.0F ? 1.0F : above;
}

/// Calls use(f) with f: float → float of the kind.
template <class Use>
void withFunction(const op::Unary& u, const Use& use)
{
    const float alpha = u.alpha;
    const float beta = u.beta;
    switch (u.kind) {
    case Kind::Relu:
        return use([](float x) { return x < 0.0F ? 0.0F : x; });
    case Kind::LeakyRelu:
        return use([=](float x) { return x < 0.0F ? alpha * x : x; });
    case Kind::Elu:
        return use([=](float x) { return x < 0.0F ? alpha * (exponentialOf(x) - 1.0F) : x; });
    case Kind::Selu:
        return use(
            [=](float x) { return beta * (x < 0.0F ? alpha * (exponentialOf(x) - 1.0F) : x); });
    case Kind::Gelu:
        return use([](float x) { return x * normalCdfOf(x); });
    case Kind::GeluTanh:
        return use([](float x) {
            // 0.5 (1 + tanh(z)) = sigmoid(2z)
            return x * sigmoidOf(2.0F * sqrtTwoOverPi * x * (1.0F + 0.044715F * x * x));
        });
    case Kind::QuickGelu:
        return use([](float x) { return x * sigmoidOf(1.702F * x); });
    case Kind::Silu:
        return use([](float x) { return x / (1.0F + exponentialOf(-x)); });
    case Kind::Sigmoid:
        return use([](float x) { return sigmoidOf(x); });
    case Kind::HardSigmoid:
        return use([=](float x) { return hardSigmoidOf(x, alpha, beta); });
    case Kind::HardSwish:
        return use([](float x) { return x * hardSigmoidOf(x, 1.0F / 6.0F, 0.5F); });
    case Kind::Softplus:
        return use([](float x) { return softplusOf(x); });
    case Kind::Softsign:
        return use([](float x) { return x / (1.0F + std::fabs(x)); });
    case Kind::Mish:
        return use([](float x) { return x * mishGateOf(x); });
    case Kind::Tanh:
        return use([](float x) { return tanhOf(x); });
    case Kind::Erf:
        return use([](float x) { return erfOf(x); });
    case Kind::Exp:
        return use([](float x) { return exponentialOf(x); });
    case Kind::Log:
        return use([](float x) { return logOf(x); });
    case Kind::Sqrt:
        return use([](float x) { return std::sqrt(x); });
    case Kind::Reciprocal:
        return use([](float x) { return 1.0F / x; });
    case Kind::Abs:
        return use([](float x) { return std::fabs(x); });
    case Kind::Neg:
        return use([](float x) { return -x; });
    case Kind::Sign:
        return use([](float x) { return x > 0.0F ? 1.0F : (x < 0.0F ? -1.0F : x); });
    case Kind::Floor:
        return use([](float x) { return std::floor(x); });
    case Kind::Ceil:
        return use([](float x) { return std::ceil(x); });
    case Kind::Round:
        return use([](float x) { return std::nearbyint(x); });
    case Kind::Clip:
        return use([=](float x) {
            const float above = x < alpha ? alpha : x;
            return above > beta ? beta : above;
        });
    case Kind::Sin:
    case Kind::Cos:
    case Kind::Not:
        break;
    }
    throw std::logic_error("no function of floats");
}

/// sin(x), or cos(x): of a quarter more. The few angles that are too large for sineOf() one by one.
void sines(std::span<const float> x, std::int64_t quarter, std::span<float> out)
{
    constexpr std::size_t run = 64;
    for (std::size_t start = 0; start < x.size(); start += run) {
        const std::size_t count = std::min(run, x.size() - start);
        const float* from = x.data() + start;
        float* to = out.data() + start;
        bool small = true;
        for (std::size_t i = 0; i < count; ++i)
            small = small && std::fabs(from[i]) <= largestAngle;
        if (small) {
            GRADUS_ELEMENTWISE
            for (std::size_t i = 0; i < count; ++i)
                to[i] = sineOf(from[i], quarter);
            continue;
        }
        for (std::size_t i = 0; i < count; ++i)
            if (std::fabs(from[i]) <= largestAngle)
                to[i] = sineOf(from[i], quarter);
            else
                to[i] = quarter == 0 ? std::sin(from[i]) : std::cos(from[i]);
    }
}

/// Calls use(g) with g = f'.
template <class Use>
void withSlope(const op::Unary& u, const Use& use)
{
    const float alpha = u.alpha;
    const float beta = u.beta;
    switch (u.kind) {
    case Kind::Relu:
        return use([](float x) { return x > 0.0F ? 1.0F : 0.0F; });
    case Kind::LeakyRelu:
        return use([=](float x) { return x < 0.0F ? alpha : 1.0F; });
    case Kind::Elu:
        return use([=](float x) { return x < 0.0F ? alpha * exponentialOf(x) : 1.0F; });
    case Kind::Selu:
        return use([=](float x) { return beta * (x < 0.0F ? alpha * exponentialOf(x) : 1.0F); });
    case Kind::Gelu:
        return use([](float x) { return normalCdfOf(x) + x * normalDensityOf(x); });
    case Kind::GeluTanh:
        return use([](float x) {
            const float s = sigmoidOf(2.0F * sqrtTwoOverPi * x * (1.0F + 0.044715F * x * x));
            const float inner = 2.0F * sqrtTwoOverPi * (1.0F + 3.0F * 0.044715F * x * x);
            return s + x * s * (1.0F - s) * inner;
        });
    case Kind::QuickGelu:
        return use([](float x) {
            const float s = sigmoidOf(1.702F * x);
            return s * (1.0F + 1.702F * x * (1.0F - s));
        });
    case Kind::Silu:
        return use([](float x) {
            const float s = sigmoidOf(x);
            return s * (1.0F + x * (1.0F - s));
        });
    case Kind::Sigmoid:
        return use([](float x) {
            const float s = sigmoidOf(x);
            return s * (1.0F - s);
        });
    case Kind::HardSigmoid:
        return use([=](float x) {
            const float line = alpha * x + beta;
            return line > 0.0F && line < 1.0F ? alpha : 0.0F;
        });
    case Kind::HardSwish:
        return use([](float x) {
            const float inside = (2.0F * x + 3.0F) / 6.0F;
            return x <= -3.0F ? 0.0F : (x >= 3.0F ? 1.0F : inside);
        });
    case Kind::Softplus:
        return use([](float x) { return sigmoidOf(x); });
    case Kind::Softsign:
        return use([](float x) {
            const float d = 1.0F + std::fabs(x);
            return 1.0F / (d * d);
        });
    case Kind::Mish:
        return use([](float x) {
            const float t = mishGateOf(x);
            return t + x * (1.0F - t * t) * sigmoidOf(x);
        });
    case Kind::Tanh:
        return use([](float x) {
            const float t = tanhOf(x);
            return 1.0F - t * t;
        });
    case Kind::Erf:
        return use([](float x) { return 1.1283791670955126F * exponentialOf(-x * x); });
    case Kind::Exp:
        return use([](float x) { return exponentialOf(x); });
    case Kind::Log:
        return use([](float x) { return 1.0F / x; });
    case Kind::Sqrt:
        return use([](float x) { return 0.5F / std::sqrt(x); });
    case Kind::Reciprocal:
        return use([](float x) { return -1.0F / (x * x); });
    case Kind::Abs:
        return use([](float x) { return x > 0.0F ? 1.0F : (x < 0.0F ? -1.0F : 0.0F); });
    case Kind::Neg:
        return use([](float) { return -1.0F; });
    case Kind::Sin:
        return use([](float x) { return std::cos(x); });
    case Kind::Cos:
        return use([](float x) { return -std::sin(x); });
    case Kind::Clip:
        return use([=](float x) { return x > alpha && x < beta ? 1.0F : 0.0F; });
    case Kind::Sign:
    case Kind::Floor:
    case Kind::Ceil:
    case Kind::Round:
    case Kind::Not:
        break;
    }
    throw std::logic_error("no gradient passes it");
}

} // namespace

void unary(const op::Unary& unary, std::span<const float> x, std::span<float> out)
{
    if (unary.kind == Kind::Sin || unary.kind == Kind::Cos) {
        overElements(x.size(), [&](std::size_t begin, std::size_t end) {
            sines(x.subspan(begin, end - begin), unary.kind == Kind::Sin ? 0 : 1,
                  out.subspan(begin, end - begin));
        });
        return;
    }
    withFunction(unary, [&](const auto& f) {
        overElements(x.size(), [&](std::size_t begin, std::size_t end) {
            const float* from = x.data();
            float* to = out.data();
            GRADUS_ELEMENTWISE
            for (std::size_t i = begin; i < end; ++i)
                to[i] = f(from[i]);
        });
    });
}

bool unaryTakesIntegers(op::UnaryKind kind)
{
    return kind == Kind::Abs || kind == Kind::Neg || kind == Kind::Sign || kind == Kind::Clip;
}

namespace {

/// A bound of floats as an integer, without leaving its range.
std::int64_t integerBound(float bound)
{
    constexpr float edge = 9223372036854775808.0F; // 2^63
    if (!(bound < edge))
        return std::numeric_limits<std::int64_t>::max();
    return bound <= -edge ? std::numeric_limits<std::int64_t>::min()
                          : static_cast<std::int64_t>(bound);
}

std::int64_t negated(std::int64_t x)
{
    return static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(x)); // the smallest stays
}

} // namespace

void unary(const op::Unary& unary, std::span<const std::int64_t> x, std::span<std::int64_t> out)
{
    const std::int64_t low = integerBound(unary.alpha);
    const std::int64_t high = integerBound(unary.beta);
    const auto each = [&](const auto& f) {
        overElements(x.size(), [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i)
                out[i] = f(x[i]);
        });
    };
    if (unary.kind == Kind::Abs)
        each([](std::int64_t v) { return v < 0 ? negated(v) : v; });
    else if (unary.kind == Kind::Neg)
        each([](std::int64_t v) { return negated(v); });
    else if (unary.kind == Kind::Sign)
        each([](std::int64_t v) -> std::int64_t { return v > 0 ? 1 : (v < 0 ? -1 : 0); });
    else if (unary.kind == Kind::Clip)
        each([=](std::int64_t v) { return std::min(std::max(v, low), high); });
    else
        throw std::logic_error("no function of integers");
}

void unaryBackward(const op::Unary& unary, std::span<const float> x, std::span<const float> dy,
                   std::span<float> dx)
{
    withSlope(unary, [&](const auto& slope) {
        overElements(x.size(), [&](std::size_t begin, std::size_t end) {
            const float* at = x.data();
            const float* from = dy.data();
            float* to = dx.data();
            GRADUS_ELEMENTWISE
            for (std::size_t i = begin; i < end; ++i)
                to[i] = from[i] * slope(at[i]);
        });
    });
}

} // namespace gradus::kernel
