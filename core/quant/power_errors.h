// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/data/magnitude_histogram.h"
#include "core/quant/power_levels.h"
#include "core/tensor/tensor.h"

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace gradus {

/// The largest finite magnitude of each granule (cut to scheme.clip), in the order of
/// QuantizedWeight::scales. 0 for a granule of zeros.
[[nodiscard]] std::vector<float> granuleMagnitudes(ConstMatrixView weight, const Scheme& scheme,
                                                   const Monitor& monitor);

/// The squared error of any power grid on a weight, in microseconds: magnitudes u = |w|/s of all
/// granules, s being the granule's largest magnitude, each with the weight s², sorted once, and
/// prefix sums of s², s²u and s²u² in double (reference nupes.md, section 4.2). Values that are not
/// finite are left out. Thread-safe to read.
class PowerErrors
{
public:
    /// Exact: O(n) once by a radix sort; 28 bytes a weight, another 24 while it sorts.
    [[nodiscard]] static PowerErrors sorted(ConstMatrixView weight, const Scheme& scheme,
                                            Monitor& monitor);
    /// From bins, O(n) and a few hundred kilobytes. Chance decides who is below a border that cuts
    /// a bin: at worst some 1e-4 · √(2^20/n) of the error, for few bits in the power domain.
    [[nodiscard]] static PowerErrors binned(ConstMatrixView weight, const Scheme& scheme,
                                            Monitor& monitor);
    /// The same with other s, one for each granule in the order of QuantizedWeight::scales, such as
    /// scales as they are stored. Larger magnitudes saturate. Granules with s = 0 are left out.
    [[nodiscard]] static PowerErrors sorted(ConstMatrixView weight, const Scheme& scheme,
                                            std::span<const float> scales, const Monitor& monitor);
    [[nodiscard]] static PowerErrors binned(ConstMatrixView weight, const Scheme& scheme,
                                            std::span<const float> scales, const Monitor& monitor);
    /// Of one granule: activations.
    [[nodiscard]] static PowerErrors ofMagnitudes(const MagnitudeHistogram& magnitudes);
    /// The same of any bins, ascending; largest: of their magnitudes.
    [[nodiscard]] static PowerErrors ofBins(const std::vector<MagnitudeBin>& bins, double largest);

    /// Σ(w−ŵ)² with the scales clip · s, 0 < clip.
    [[nodiscard]] double error(const PowerLevels& levels, PowerRounding rounding,
                               double clip = 1) const;
    /// The same for levels whose thresholds are known.
    [[nodiscard]] double error(std::span<const double> magnitudes,
                               std::span<const double> thresholds, double clip = 1) const;
    [[nodiscard]] double energy() const; ///< Σw²
    /// error / energy; 0 when there is no energy.
    [[nodiscard]] double nmse(const PowerLevels& levels, PowerRounding rounding,
                              double clip = 1) const;
    /// The exponent of least error at high resolution, equation (2), scales clip · s, by bisection
    /// on [0.1, 1.45]; and its NMSE by equation (1) for N = largest. Magnitudes beyond the clip
    /// count with their own error in the second only.
    [[nodiscard]] double predictedExponent(double clip = 1) const;
    [[nodiscard]] double predictedNmse(int largest, double exponent, double clip = 1) const;

private:
    using Sums = std::array<double, 3>; ///< Σs², Σs²u, Σs²u²
    struct Piece                        ///< magnitudes of about the same size
    {
        double magnitude = 0;
        double mass = 0; ///< Σs²
    };

    [[nodiscard]] Sums below(double magnitude) const;
    [[nodiscard]] double justAbove(double clip) const;
    [[nodiscard]] std::vector<Piece> pieces(double clip) const;

    std::vector<float> m_magnitudes; ///< ascending; of bins their lower borders
    std::vector<Sums> m_sums;        ///< one more than magnitudes: before each of them
    bool m_binned = false;
};

/// PowerErrors::sorted of one and the same weight for scales of its granules, made or kept from
/// before: sorting is most of the work of a search.
using PowerErrorsSource =
    std::function<std::shared_ptr<const PowerErrors>(const Scheme&, std::span<const float> scales)>;

} // namespace gradus
