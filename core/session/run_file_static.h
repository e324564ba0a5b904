// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/io/hdf5_file.h"
#include "core/session/run.h"

#include <memory>

namespace gradus {

// The part of a run file about inputs on uniform static grids, which only some layers have; the
// layout is in run_file.cpp.

/// Nothing for layers without.
void writeStaticInputs(Hdf5Group& layer, const LayerResult& result, Monitor& monitor);
/// Null when there is none. weight: of the layer, null where it was kept float.
[[nodiscard]] std::shared_ptr<const StaticInputs> readStaticInputs(const Hdf5Group& layer,
                                                                   const QuantizedWeight* weight);

} // namespace gradus
