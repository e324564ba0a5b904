// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/hdf5_file.h"
#include "core/session/run.h"

#include <string>
#include <vector>

namespace gradus {

// The verifier's own reading of power levels, outliers and grids of inputs. Like the rest of it,
// this shares no code with what writes or dequantizes them.

/// What the codes of a row stand for, in units of the scale, by code; computed anew from the run's
/// exponent. Empty for uniform levels.
[[nodiscard]] std::vector<float> levelValues(const QuantizedWeight& weight, std::int64_t row);

/// One row of a weight as the run has it, outliers in their places; out: cols floats.
void expectedRow(const QuantizedWeight& weight, std::int64_t row, float* out);

struct PowerComparison
{
    std::vector<std::string> mismatches; ///< what was found, what was expected
    std::int64_t checked = 0;
};
/// A layer's group in an HDF5 export against the run: levels, exponents, outliers, the inputs'
/// grid.
[[nodiscard]] PowerComparison comparePowerParts(const Hdf5Group& group, const LayerResult& result);

} // namespace gradus
