// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/hdf5_superblock.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <cstdint>
#include <cstring>

namespace gradus {

bool isHdf5(std::span<const std::byte> bytes)
{
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())
        .starts_with("\x89HDF\r\n\x1A\n");
}

void checkHdf5Superblock(std::span<const std::byte> bytes, const std::string& name)
{
    const auto number = [&](std::size_t at) {
        std::uint64_t value = 0;
        if (at + 8 <= bytes.size())
            std::memcpy(&value, bytes.data() + at, 8);
        return value;
    };
    const auto byte = [&](std::size_t at) {
        return at < bytes.size() ? std::to_integer<int>(bytes[at]) : -1;
    };
    const int version = byte(8);
    // Sizes of offsets and lengths, the base address, and the end of the file.
    const bool old = version == 0 || version == 1;
    const std::size_t sizes = old ? 13 : 9;
    const std::size_t base = old ? (version == 0 ? 24 : 28) : 12;
    const std::size_t end = base + 16;
    if (version < 0 || version > 3 || byte(sizes) != 8 || byte(sizes + 1) != 8 ||
        end + 8 > bytes.size() || number(base) != 0)
        throw Error(ErrorCode::Format, concat(name, ": its HDF5 superblock is damaged or of a kind "
                                                    "that Gradus does not read"));
    if (number(end) > bytes.size())
        throw Error(ErrorCode::Format, concat(name, " is cut: it has ", bytes.size(),
                                              " bytes, its superblock says ", number(end)));
}

} // namespace gradus
