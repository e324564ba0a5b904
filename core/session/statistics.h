// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/eval/distribution.h"
#include "core/eval/exponent_study.h"
#include "core/graph/model.h"
#include "core/quant/scheme.h"

#include <functional>

namespace gradus {

/// The smallest share of the range that studies of exponents try as a scale, unless a method's
/// options say another.
inline constexpr double leastStudiedClip = 0.1;

/// One row of the stats verb.
struct LayerStatistics
{
    std::string name;
    Moments moments;
    double outlierShare = 0; ///< beyond 6 standard deviations
    ExponentFit exponent;
    /// Nearest levels, clips, and what theory predicts. Of levels with zero at any bits, since no
    /// method is chosen here; the window shows levels without zero where the layer's method may
    /// take them, see Explorer::schemeOf.
    ExponentStudy study;
};

/// Called for every finished layer, from the calling thread, in layer order.
using StatisticsSink = std::function<void(const LayerStatistics&)>;

/// Moments, outliers and exponent fit of the layers whose names match the pattern (all if empty).
/// Progress counts weights; what was handed to the sink before a stop is complete.
[[nodiscard]] std::vector<LayerStatistics> layerStatistics(const Model& model,
                                                           const std::string& pattern,
                                                           const Scheme& scheme, Monitor& monitor,
                                                           const StatisticsSink& sink = {});

/// A layer's weight as rows × cols floats; a convolution as out × (in·kh·kw). Throws Error(Numeric)
/// naming the layer when it holds NaN or infinite values.
[[nodiscard]] Tensor layerWeight(const Model& model, const Layer& layer);

} // namespace gradus
