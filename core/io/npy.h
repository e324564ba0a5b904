// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/stored_array.h"

#include <filesystem>
#include <string>

namespace gradus {

/// NumPy's array files, versions 1 to 3: "\x93NUMPY", major, minor, the length of a header (two
/// bytes little-endian, four from version 2 on), the header, a Python dictionary such as
/// {'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }, then the elements.
///
/// Read: floats of 2, 4 and 8 bytes, integers of 1 to 8, booleans, and bfloat16 ('|V2'), in any
/// byte order, by rows or by columns. Structured arrays, objects, texts, dates and complex numbers
/// are refused by name.

[[nodiscard]] bool isNpy(std::span<const std::byte> bytes);

/// Throws Error(Format | Unsupported) naming the source.
[[nodiscard]] StoredArray openNpy(std::shared_ptr<const ByteSource> source);

/// Everything before the elements, padded so that they start at a multiple of 64 bytes.
[[nodiscard]] std::string npyHeader(DType dtype, const Shape& shape);

/// Little-endian, row-major; the file appears whole or not at all. Throws Error(Io).
void writeNpy(const std::filesystem::path& path, const TensorView& array);

} // namespace gradus
