// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/hdf5_file.h"
#include "core/session/run.h"

#include <string>
#include <vector>

namespace gradus {

/// What a layer's group of an HDF5 file says of its inputs' static grids against the run: sentences,
/// none when all is the same. Shares no code with what writes them.
[[nodiscard]] std::vector<std::string> compareStaticInputs(const Hdf5Group& layer,
                                                           const LayerResult& result);

} // namespace gradus
