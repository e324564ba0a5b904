// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/data/magnitude_histogram.h"
#include "core/quant/power_levels.h"
#include "core/tensor/tensor.h"

#include <vector>

namespace gradus {

/// The squared error of any power grid on a weight, in microseconds: magnitudes u = |w|/s of all
/// granules, s being the granule's largest magnitude, each with the weight s², sorted once, and
/// prefix sums of s², s²u and s²u² in double (reference nupes.md, section 4.2). Values that are not
/// finite are left out. Thread-safe to read.
class PowerErrors
{
public:
    /// Exact: O(n log n) once, 16 bytes a weight or more.
    [[nodiscard]] static PowerErrors sorted(ConstMatrixView weight, const Scheme& scheme,
                                            Monitor& monitor);
    /// From bins fine enough for 1e-4 of the error; O(n) and a few hundred kilobytes.
    [[nodiscard]] static PowerErrors binned(ConstMatrixView weight, const Scheme& scheme,
                                            Monitor& monitor);
    /// Of one granule: activations.
    [[nodiscard]] static PowerErrors ofMagnitudes(const MagnitudeHistogram& magnitudes);

    /// Σ(w−ŵ)² with the scales clip · s, 0 < clip.
    [[nodiscard]] double error(const PowerLevels& levels, PowerRounding rounding,
                               double clip = 1) const;
    [[nodiscard]] double energy() const; ///< Σw²
    /// error / energy; 0 when there is no energy.
    [[nodiscard]] double nmse(const PowerLevels& levels, PowerRounding rounding,
                              double clip = 1) const;
    /// The exponent of least error at high resolution, equation (2), scales clip · s, by bisection
    /// on [0.1, 1.45]; and its NMSE by equation (1) for N = largest.
    [[nodiscard]] double predictedExponent(double clip = 1) const;
    [[nodiscard]] double predictedNmse(int largest, double exponent, double clip = 1) const;

private:
    std::vector<float> m_magnitudes; ///< ascending; of bins their borders
    std::vector<double> m_sums[3];   ///< one more than magnitudes: before each of them
    bool m_binned = false;
};

} // namespace gradus
