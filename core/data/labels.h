// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/stored_array.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace gradus {

/// Labels of samples, as datasets carry them: negative where there is none.

/// From an array file of whole numbers (npy, npz, idx, HDF5), or a text with one on each line, a
/// number or the name of a class. Throws Error naming the file and the line.
[[nodiscard]] std::vector<std::int32_t> readLabels(const std::filesystem::path& path,
                                                   const std::vector<std::string>& classes);
[[nodiscard]] std::vector<std::int32_t> labelsOf(const StoredArray& array);

/// As many labels as samples (others have none), none outside of the classes (0: not known). What
/// had to be changed becomes a warning.
[[nodiscard]] std::vector<std::int32_t> fittedLabels(std::vector<std::int32_t> labels,
                                                     std::int64_t samples, std::int64_t classes,
                                                     std::vector<std::string>& warnings);

} // namespace gradus
