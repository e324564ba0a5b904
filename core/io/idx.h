// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/stored_array.h"

namespace gradus {

/// MNIST's array files: two zero bytes, the type of elements (0x08 unsigned byte, 0x09 signed
/// byte, 0x0B, 0x0C integers of 2 and 4 bytes, 0x0D, 0x0E floats of 4 and 8), the number of axes,
/// each size in four bytes, then the elements by rows; everything big-endian.
/// http://yann.lecun.com/exdb/mnist/
[[nodiscard]] bool isIdx(std::span<const std::byte> bytes);

/// Throws Error(Format) naming the source.
[[nodiscard]] StoredArray openIdx(std::shared_ptr<const ByteSource> source);

} // namespace gradus
