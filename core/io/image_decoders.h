// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/tensor/tensor.h"

#include <cstdint>
#include <span>
#include <string>

namespace gradus {

/// The two behind decodeImage.
[[nodiscard]] Tensor decodePng(std::span<const std::byte> bytes, const std::string& name);
[[nodiscard]] Tensor decodeJpeg(std::span<const std::byte> bytes, const std::string& name);

/// Throws Error(Format) when an image is larger than what Gradus takes, or than what the bytes of
/// its file can hold: packedBits per pixel at least, after the best packing there is.
void checkImageSize(std::uint64_t width, std::uint64_t height, double packedBits,
                    std::size_t fileBytes, const std::string& name);

} // namespace gradus
