// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/methods/nupes_layer.h"
#include "core/quant/options.h"

#include <vector>

namespace gradus {

/// The error of a row, or of all rows, as a function of the magnitudes κ with codes and scales held
/// (reference nupes.md, equation 10), about the present ones:
/// f(κ + δ) − f(κ) = 2·gᵀδ + δᵀAδ. Exact, and so thousands of exponents cost nothing.
class MagnitudeForm
{
public:
    explicit MagnitudeForm(std::size_t magnitudes = 0);

    [[nodiscard]] std::size_t size() const { return m_gradient.size(); }
    [[nodiscard]] double* gradient() { return m_gradient.data(); }
    /// size × size. While it is put together, its sum with its transpose is A; see complete.
    [[nodiscard]] double* matrix() { return m_matrix.data(); }
    void add(const MagnitudeForm& other);
    void complete();

    [[nodiscard]] double change(const std::vector<double>& delta) const;

private:
    std::vector<double> m_gradient;
    std::vector<double> m_matrix;
};

/// Sets the errors of the rows and returns their forms: one of all, or with byRow one for each.
[[nodiscard]] std::vector<MagnitudeForm> magnitudeForms(const NupesLayer& layer, NupesRows rows,
                                                        NupesState& state, bool byRow);

/// The exponent of least error in [0.8a, 1.25a] within [0.15, 1.6], as it is stored; a itself if
/// there is none better. choice: as PowerGridOptions has it; PreferExact stays at ½ or 1 unless
/// another one gains more than 0.1 dB. error: what f is at a.
[[nodiscard]] float betterExponent(const NupesLayer& layer, const MagnitudeForm& form, float a,
                                   ExponentChoice choice, double error);

/// One step of the exponents, of all rows together or of each row. Taken only where the error
/// falls. Errors are set. Returns the rows whose exponents changed, in order. With one exponent for
/// the layer, rows has to be all of them.
std::vector<std::int64_t> stepExponents(const NupesLayer& layer, NupesRows rows,
                                        ExponentChoice choice, NupesState& state);

} // namespace gradus
