// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/quant/power_levels.h"
#include "core/tensor/tensor.h"

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

/// A power grid for many weights at once, vectorised. Codes are those of PowerEncoder. NaN stands
/// for a weight that is kept elsewhere: it gets the code of the level nearest zero, and no error;
/// nor has an infinite one.
class DirectPowerGrid
{
public:
    DirectPowerGrid(const Scheme& scheme, double exponent, PowerRounding rounding);

    /// Codes of weights that share a scale.
    void encode(std::span<const float> weights, float scale, std::uint8_t* codes) const;
    /// ŵ, as decoding has it; NaN for NaN.
    void round(std::span<const float> weights, float scale, float* rounded) const;
    /// Σ|w − ŵ|^norm.
    [[nodiscard]] double error(std::span<const float> weights, float scale, double norm) const;

private:
    std::vector<float> m_thresholds;
    std::vector<float> m_magnitudes;
    int m_middle;
    int m_negativeShift; ///< of a mid-rise grid 1: codes below the middle
};

/// What a layer's power grids are: scales in the order of QuantizedWeight::scales, exponents as
/// there.
struct PowerGrids
{
    std::vector<float> scales;
    std::vector<float> exponents;
    [[nodiscard]] float exponent(std::int64_t row) const
    {
        return exponents[exponents.size() == 1 ? 0 : static_cast<std::size_t>(row)];
    }
};

/// Calls body(grid, values, scale, column of the first) for every granule of a row.
template <class Body>
void overGranules(ConstMatrixView weight, const Scheme& scheme, std::int64_t row,
                  std::span<const float> scales, const Body& body)
{
    const std::int64_t group = effectiveGroup(scheme, weight.cols);
    const std::int64_t perRow = groupsPerRow(scheme, weight.cols);
    const bool tensor = scheme.granularity == Granularity::Tensor;
    for (std::int64_t c = 0, g = 0; c < weight.cols; c += group, ++g) {
        const auto values = weight.row(row).subspan(
            static_cast<std::size_t>(c),
            static_cast<std::size_t>(group < weight.cols - c ? group : weight.cols - c));
        body(values, scales[static_cast<std::size_t>(tensor ? 0 : row * perRow + g)], c);
    }
}

/// Σ|w − ŵ|^norm of each row. scheme.levels says which levels.
[[nodiscard]] std::vector<double> powerRowErrors(ConstMatrixView weight, const Scheme& scheme,
                                                 const PowerGrids& grids, PowerRounding rounding,
                                                 double norm, const Monitor& monitor);
[[nodiscard]] double powerError(ConstMatrixView weight, const Scheme& scheme,
                                const PowerGrids& grids, PowerRounding rounding, double norm,
                                const Monitor& monitor);
/// Codes of all (rows × cols).
void encodePower(ConstMatrixView weight, const Scheme& scheme, const PowerGrids& grids,
                 PowerRounding rounding, std::span<std::uint8_t> codes, const Monitor& monitor);
/// ŵ of all, as decoding has it.
void roundPower(ConstMatrixView weight, const Scheme& scheme, const PowerGrids& grids,
                PowerRounding rounding, MatrixView rounded, const Monitor& monitor);

} // namespace gradus
