// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/methods/decoupleq_layer.h"

namespace gradus {

/// The layer's damped H in the order of rounding.
class OrderedHessian
{
public:
    explicit OrderedHessian(const DecoupleqLayer& layer);
    [[nodiscard]] const float* data() const { return m_data; }

private:
    std::vector<float> m_own;
    const float* m_data;
};

/// First-level solution of the integers (decoupleQ, eq. 10: within the box of what codes reach,
/// integrality dropped for the columns not yet rounded), by exact coordinate descent: scale-free.
///
/// `relaxation` sweeps over all columns; then the columns are rounded in turn. After each,
/// `lookahead` sweeps over the columns of a window that begins behind it, and after each block of
/// 32 sweeps over all that are left. The descent after each rounded column is thereby an
/// approximation: columns beyond the window (96 from the start of the block) follow only when the
/// block is done. Relaxation ends early when a sweep moves less than 10⁻⁶ of the first one's.
void boxIntegers(const DecoupleqLayer& layer, const OrderedHessian& h, int relaxation,
                 int lookahead, RowList rows, GridState& state);

/// The same by projected Adam as in the official code, steps in units of the weights:
/// `relaxation` steps of size `step`, and `lookahead` ones of size 10⁻³ after each rounded column.
/// Takes a product with H for each step.
void adamIntegers(const DecoupleqLayer& layer, const OrderedHessian& h, int relaxation,
                  int lookahead, double step, RowList rows, GridState& state);

/// Integer coordinate descent with the state's scales and zeros: one sweep from its codes, each of
/// which goes to the best one for all others as they are. Never raises the error.
void polishIntegers(const DecoupleqLayer& layer, const OrderedHessian& h, RowList rows,
                    GridState& state);

} // namespace gradus
