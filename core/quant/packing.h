// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

/// The LSB-first dense bit stream: value i occupies bits [i·b, (i+1)·b) of the stream; stream bit k
/// is bit k mod 8 of byte k/8. GPTQ, compressed-tensors and ONNX blobs are all this stream.

/// ⌈count · bits / 8⌉
[[nodiscard]] std::uint64_t packedBytes(std::uint64_t count, int bits);
/// Values must fit into bits (1 … 8).
[[nodiscard]] std::vector<std::uint8_t> packBits(std::span<const std::uint8_t> values, int bits);
/// Throws Error(Format) when the stream is too short for count values.
[[nodiscard]] std::vector<std::uint8_t> unpackBits(std::span<const std::uint8_t> stream,
                                                   std::uint64_t count, int bits);

} // namespace gradus
