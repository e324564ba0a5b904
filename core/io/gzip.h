// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/byte_source.h"

#include <cstdint>
#include <memory>

namespace gradus {

[[nodiscard]] bool isGzip(std::span<const std::byte> bytes);

/// The content of a gzip file, under the same name, in memory. Throws Error(Format) when it is
/// damaged or cut, or unpacks to more than limit bytes or, beyond 16 MiB, to more than 256 times
/// its size.
[[nodiscard]] std::shared_ptr<const ByteSource>
unpackGzip(const ByteSource& source, std::uint64_t limit = std::uint64_t(4) << 30);

} // namespace gradus
