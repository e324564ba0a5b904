// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace gradus {

/// "\x89HDF\r\n\x1A\n" at the start.
[[nodiscard]] bool isHdf5(std::span<const std::byte> bytes);

/// Keeps a stranger's file that is cut, or not where its superblock says, from the library. Throws
/// Error(Format) naming the file.
void checkHdf5Superblock(std::span<const std::byte> bytes, const std::string& name);

} // namespace gradus
