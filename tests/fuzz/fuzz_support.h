// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/error.h"
#include "core/io/byte_source.h"
#include "core/io/model_file.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace gradus::fuzz {

inline std::shared_ptr<const ByteSource> source(const std::uint8_t* data, std::size_t size)
{
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    return memorySource(std::vector<std::byte>(bytes, bytes + size), "input");
}

inline std::string_view text(const std::uint8_t* data, std::size_t size)
{
    return {reinterpret_cast<const char*>(data), size};
}

/// What opened must be readable, every tensor of it. A tensor takes no more than its bytes in the
/// file, sixteen-fold at most as float, so this needs no limit of its own.
inline void readAll(const ModelFile& model)
{
    for (const TensorInfo& info : model.tensors()) {
        (void)model.read(info.name);
        (void)model.readFloat(info.name);
    }
}

} // namespace gradus::fuzz
