// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/methods/decoupleq_layer.h"
#include "core/quant/methods/panel_sweep.h"

namespace gradus {

/// Second-level solution of the integers (decoupleQ, eq. 11: box and integrality dropped for the
/// columns not yet rounded): GPTQ's sweep with the state's scales and zeros, which it keeps. Sets
/// the codes of the rows.
void sweepIntegers(const DecoupleqLayer& layer, const PanelFactor& factor, RowList rows,
                   GridState& state);

} // namespace gradus
