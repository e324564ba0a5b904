// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/tensor/float_lanes.h"

#include <cstdint>
#include <span>

namespace gradus::kernel {

/// Rows of a result that are computed together, as many as registers hold.
inline constexpr std::int64_t tapPanel = vectorRows;
inline constexpr std::int64_t tapLanes = vectorLanes;
/// What a product may read and write beyond `count`: fewer values than this.
inline constexpr std::int64_t tapSlack = 2 * tapLanes;

/// What becomes of a row's sums before they are stored: · scale + shift where there are any, then
/// no less than low and no more than high.
struct TapFinish
{
    const float* scale = nullptr; ///< of the rows, as shift
    const float* shift = nullptr;
    bool isBounded = false;
    float low = 0;
    float high = 0;
};

/// Where the operands of a product lie. A convolution's columns need not exist for it: feature f
/// reads the image itself, shifted by offsets[f].
struct TapProduct
{
    const float* weights = nullptr; ///< weight (r, f) at f · weightStride + r · rowStride
    std::int64_t weightStride = 0;
    std::int64_t rowStride = 0;
    const float* base = nullptr;
    std::span<const std::int64_t> offsets; ///< of the features
    const float* initial = nullptr;        ///< of the rows, or null: zeros
    TapFinish finish = {};
};

/// out[r · outStride + k] = initial[r] + Σ_f weight(r, f) · base[offsets[f] + k] for k < count,
/// summed in the order of the features. Serial; rows ≤ tapPanel. Whole vectors are read and
/// written: up to tapSlack − 1 values beyond count, which mean nothing.
void tapProduct(const TapProduct& product, std::int64_t rows, std::int64_t count, float* out,
                std::int64_t outStride);

/// The same for one row of few features: a channel's own kernel.
void tapRow(const TapProduct& product, std::int64_t count, float* out);

/// sums[f] += Σ_k delta[k] · base[offsets[f] + k], k < count: a channel's own kernel's gradient. In
/// float; delta is zero in the whole vectors beyond count.
void tapDots(const float* base, std::span<const std::int64_t> offsets, const float* delta,
             std::int64_t count, std::span<double> sums);

} // namespace gradus::kernel
