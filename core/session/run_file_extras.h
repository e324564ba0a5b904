// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/io/hdf5_file.h"
#include "core/session/run.h"

#include <optional>

namespace gradus {

// The part of a run file about power levels, outliers and grids of inputs, which only some layers
// have; the layout is in run_file.cpp.

/// Nothing for uniform levels without outliers.
void writeLevels(Hdf5Group& group, const QuantizedWeight& weight, Monitor& monitor);
/// The scheme's levels alone: they decide what else is stored.
[[nodiscard]] Levels readLevelsName(const Hdf5Group& group);
/// Exponents and outliers of a weight whose scheme and shape are known.
void readLevels(const Hdf5Group& group, QuantizedWeight& weight);

void writeActivation(Hdf5Group& group, const LayerResult& layer);
[[nodiscard]] std::optional<ActivationGrid> readActivation(const Hdf5Group& group);

} // namespace gradus
