// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/lanes.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

/// Before a loop whose iterations read and write the same places only element by element: in and
/// out may be the same memory, yet the compiler may vectorize.
#if defined(__clang__)
#    define GRADUS_ELEMENTWISE _Pragma("clang loop vectorize(assume_safety)")
#else
#    define GRADUS_ELEMENTWISE _Pragma("GCC ivdep")
#endif

/// Functions of one float as plain arithmetic without branches: the compiler vectorizes them, and a
/// value never depends on where in an array it stands. Polynomials are Chebyshev fits in 40 digits;
/// each error that is named was measured against double over all of the range.
namespace gradus::kernel {

inline float sigmoidOf(float x)
{
    return 1.0F / (1.0F + exponentialOf(-x));
}

/// To 2e-7 of the value. Near 0 as x · P(x²), elsewhere by the exponential.
inline float tanhOf(float x)
{
    const float z = x * x;
    float p = -0.005657135184F;
    p = p * z + 0.02058819145F;
    p = p * z - 0.05372010766F;
    p = p * z + 0.1333111406F;
    p = p * z - 0.3333325986F;
    p = p * z + 1.0F;
    const float size = std::fabs(x);
    const float far = std::copysign(1.0F - 2.0F / (exponentialOf(2.0F * size) + 1.0F), x);
    return size < 0.625F ? x * p : far;
}

/// erf(x) on |x| ≤ 1 as x · P(x²).
inline float erfNearZero(float x)
{
    const float z = x * x;
    float p = 7.875875063e-5F;
    p = p * z - 0.0008016864287F;
    p = p * z + 0.005189087423F;
    p = p * z - 0.02685421201F;
    p = p * z + 0.1128359472F;
    p = p * z - 0.3761262667F;
    p = p * z + 1.128379167F;
    return x * p;
}

/// 1 − erf(t) on 1 ≤ t ≤ 4 as exp(P(t) − t²), 0 above.
inline float erfcTail(float t)
{
    const float at = t > 4.0F ? 4.0F : t;
    float p = 1.637151415e-6F;
    p = p * at - 4.605804269e-5F;
    p = p * at + 0.0005968056257F;
    p = p * at - 0.004759596293F;
    p = p * at + 0.02642113601F;
    p = p * at - 0.1100800829F;
    p = p * at + 0.3681739484F;
    p = p * at - 1.130233435F;
    p = p * at + 0.0003201380497F;
    return t > 4.0F ? 0.0F : exponentialOf(p - at * at);
}

/// To 1.5e-7.
inline float erfOf(float x)
{
    const float size = std::fabs(x);
    return size < 1.0F ? erfNearZero(x) : std::copysign(1.0F - erfcTail(size), x);
}

/// Φ(x) of the standard normal distribution, to 1.2e-7; below 0 to 2e-6 of the value, 0 below
/// −5.66.
inline float normalCdfOf(float x)
{
    const float t = x * 0.70710678118654752F;
    const float size = std::fabs(t);
    const float tail = 0.5F * erfcTail(size);
    const float far = t < 0.0F ? tail : 1.0F - tail;
    return size < 1.0F ? 0.5F + 0.5F * erfNearZero(t) : far;
}

/// exp(−x²/2)/√(2π).
inline float normalDensityOf(float x)
{
    return 0.39894228040143268F * exponentialOf(-0.5F * x * x);
}

/// log(1 + f) − f for √½ ≤ 1 + f ≤ √2. With s = f / (2 + f) the logarithm is 2 artanh(s); written
/// so that what is rounded is small beside f: s · (f²/2 + 2(z/3 + z²/5 + …)) − f²/2, z = s².
template <class Real>
inline Real logRest(Real f)
{
    const Real s = f / (Real(2) + f);
    const Real z = s * s;
    Real p = Real(2.0 / 11);
    if constexpr (sizeof(Real) == sizeof(double)) {
        p = p + z * (Real(2.0 / 13) + z * (Real(2.0 / 15) + z * Real(2.0 / 17)));
    }
    p = Real(2.0 / 9) + z * p;
    p = Real(2.0 / 7) + z * p;
    p = Real(2.0 / 5) + z * p;
    p = Real(2.0 / 3) + z * p;
    const Real half = Real(0.5) * f * f;
    return s * (half + z * p) - half;
}

/// To 1 unit in the last place.
inline float logOf(float x)
{
    constexpr float infinity = std::numeric_limits<float>::infinity();
    constexpr float smallest = std::numeric_limits<float>::min();
    constexpr std::int32_t rootHalf = 0x3f3504f3; // the bits of √½
    constexpr float ln2High = 0.693359375F;       // 10 bits: n · ln2High is exact
    constexpr float ln2Low = -2.12194440e-4F;
    const bool isSubnormal = x < smallest;
    const float normal = isSubnormal ? x * 8388608.0F : x; // 2²³
    const auto bits = std::bit_cast<std::int32_t>(normal);
    const std::int32_t exponent = (bits - rootHalf) >> 23;
    const float f = std::bit_cast<float>(bits - exponent * (1 << 23)) - 1.0F;
    const float n = static_cast<float>(exponent) - (isSubnormal ? 23.0F : 0.0F);
    const float value = n * ln2High + (f + (n * ln2Low + logRest(f)));
    const float positive = x < infinity ? value : x; // also what is no number
    const float nothing = std::numeric_limits<float>::quiet_NaN();
    return x > 0.0F ? positive : (x == 0.0F ? -infinity : (x < 0.0F ? nothing : x));
}

/// log(1 + exp(x)) without overflow, to 3 units in the last place.
inline float softplusOf(float x)
{
    const float u = exponentialOf(-std::fabs(x)); // 0 … 1
    // 1 + u = 1 + f, or twice that.
    const bool isHalved = u > 0.41421356F;
    const float f = isHalved ? (u - 1.0F) * 0.5F : u;
    const float logarithm = (f + logRest(f)) + (isHalved ? 0.69314718F : 0.0F);
    return (x < 0.0F ? 0.0F : x) + logarithm;
}

/// aᵇ with the special cases of std::pow, rounded once: in double, |a|ᵇ = 2^(b · log2|a|).
inline float powerOf(float a, float b)
{
    constexpr double infinity = std::numeric_limits<double>::infinity();
    constexpr std::int64_t rootHalf = 0x3fe6a09e667f3bcd;
    const double base = static_cast<double>(a);
    const double power = static_cast<double>(b);
    const double size = std::fabs(base);
    const auto bits = std::bit_cast<std::int64_t>(size);
    const std::int64_t exponent = (bits - rootHalf) >> 52; // no float is subnormal as a double
    const double f = std::bit_cast<double>(bits - exponent * (std::int64_t(1) << 52)) - 1.0;
    const double log2 = static_cast<double>(exponent) + (f + logRest(f)) * 1.4426950408889634074;
    const double logarithm = size == 0.0 ? -infinity : (size < infinity ? log2 : size);
    const double t = power * logarithm;
    // 2ᵗ = 2ⁿ · exp(r): beyond these bounds nothing and infinity as floats.
    constexpr double magic = 6755399441055744.0; // 1.5 · 2⁵²: adding it rounds to an integer
    const double clamped = t < -200.0 ? -200.0 : (t > 200.0 ? 200.0 : t);
    const double rounded = clamped + magic;
    const double r = (clamped - (rounded - magic)) * 0.69314718055994530942;
    double p = 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    const std::int64_t n =
        std::bit_cast<std::int64_t>(rounded) - std::bit_cast<std::int64_t>(magic);
    const double scaled = p * std::bit_cast<double>(static_cast<std::int64_t>(
                                  static_cast<std::uint64_t>(n + 1023) << 52));
    const bool isInteger = std::floor(power) == power;
    const bool isOdd = isInteger && std::floor(power * 0.5) != power * 0.5;
    const double sign = isOdd ? std::copysign(1.0, base) : 1.0;
    const bool hasNone = base < 0.0 && base > -infinity && !isInteger;
    const double value = hasNone ? std::numeric_limits<double>::quiet_NaN() : sign * scaled;
    const bool isOne = b == 0.0F || a == 1.0F || (a == -1.0F && std::fabs(power) == infinity);
    return isOne ? 1.0F : static_cast<float>(value);
}

/// Up to which size of an angle the two functions below may be asked.
inline constexpr float largestAngle = 1048576.0F; // 2²⁰

/// sin(x + quarter · π/2), to 1 unit in the last place.
inline float sineOf(float x, std::int64_t quarter)
{
    constexpr double magic = 6755399441055744.0;
    constexpr double halfPi = 1.5707963267948966192;
    constexpr double halfPiRest = 6.123233995736766e-17;
    const double angle = static_cast<double>(x);
    const double rounded = angle * 0.63661977236758134308 + magic;
    const double n = rounded - magic;
    const double r = (angle - n * halfPi) - n * halfPiRest; // up to π/4
    const double z = r * r;
    double sine = 1.0 / 362880 - z / 39916800;
    sine = sine * z - 1.0 / 5040;
    sine = sine * z + 1.0 / 120;
    sine = sine * z - 1.0 / 6;
    sine = r + r * z * sine;
    double cosine = z / 479001600 - 1.0 / 3628800;
    cosine = cosine * z + 1.0 / 40320;
    cosine = cosine * z - 1.0 / 720;
    cosine = cosine * z + 1.0 / 24;
    cosine = 1.0 + z * (cosine * z - 0.5);
    const std::int64_t turn =
        (std::bit_cast<std::int64_t>(rounded) - std::bit_cast<std::int64_t>(magic)) + quarter;
    const double value = (turn & 1) != 0 ? cosine : sine;
    return static_cast<float>((turn & 2) != 0 ? -value : value);
}

} // namespace gradus::kernel
