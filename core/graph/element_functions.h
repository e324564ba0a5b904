// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/lanes.h"

#include <cmath>
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

} // namespace gradus::kernel
