// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/byte_source.h"
#include "core/tensor/tensor.h"

#include <filesystem>
#include <span>
#include <string>

namespace gradus {

/// "….png", "….jpg", "….jpeg", in any case.
[[nodiscard]] bool hasImageName(const std::filesystem::path& path);
/// PNG or JPEG, by content.
[[nodiscard]] bool isImage(std::span<const std::byte> bytes);

/// A PNG or JPEG as 8-bit pixels: height × width × channels, 1 (gray) or 3 (red, green, blue).
/// Palettes are resolved, 16 bits scaled to 8, transparency left out, nothing is turned (the
/// orientation that cameras note is not followed) and no color profile is applied.
///
/// Throws Error(Format) for what is damaged or cut, and, before pixels are allocated, for more than
/// 2^26 pixels or more than the file's bytes can hold; Error(Unsupported) for CMYK.
[[nodiscard]] Tensor decodeImage(const ByteSource& source);

} // namespace gradus
