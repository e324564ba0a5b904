// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace gradus {

/// Memory of tensors and of scratch, aligned to 64 bytes. Blocks that are given back are kept, up
/// to a bound, for those who ask next: fresh pages cost more than most operators do with them.
/// Throws std::bad_alloc. Safe to call from several threads.
[[nodiscard]] std::byte* takeBlock(std::size_t bytes);
void giveBlockBack(std::byte* block) noexcept; ///< null is fine

struct GiveFloatsBack
{
    void operator()(float* floats) const noexcept
    {
        giveBlockBack(reinterpret_cast<std::byte*>(floats));
    }
};
using ScratchFloats = std::unique_ptr<float[], GiveFloatsBack>;

/// Uninitialised.
[[nodiscard]] inline ScratchFloats scratchFloats(std::int64_t count)
{
    return ScratchFloats(
        reinterpret_cast<float*>(takeBlock(static_cast<std::size_t>(count) * sizeof(float))));
}

} // namespace gradus
