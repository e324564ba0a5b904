// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/solve.h"

#include <vector>

namespace gradus {

/// Errors of a layer's states, relative to the layer (what it is judged by): of its weights, and of
/// its outputs when there are calibration inputs.
class PowerTrace
{
public:
    PowerTrace(const LayerProblem& problem, const Monitor& monitor);

    /// rounded: ŵ with its outliers. exponent: as TracePoint has it.
    void record(TraceStage stage, ConstMatrixView rounded, double exponent, const Monitor& monitor);
    [[nodiscard]] std::vector<TracePoint> take() { return std::move(m_points); }

private:
    /// tr(E H Eᵀ), E = W − rounded; of W itself without rounded.
    [[nodiscard]] double outputEnergy(const ConstMatrixView* rounded, const Monitor& monitor) const;

    const LayerProblem& m_problem;
    std::vector<float> m_hessian; ///< of all groups; empty without inputs
    double m_energy = 0;          ///< Σw²
    double m_outputEnergy = 0;    ///< tr(W H Wᵀ)
    std::vector<TracePoint> m_points;
};

} // namespace gradus
