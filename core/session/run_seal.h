// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>

namespace gradus {

/// Throws Error(Format) unless the file is HDF5 and ends with the checksum of what stands before
/// (see run_file.cpp), so that no cut or damaged file reaches the HDF5 library; Error(Io) when it
/// cannot be read.
void checkRunSeal(const std::filesystem::path& path);

} // namespace gradus
