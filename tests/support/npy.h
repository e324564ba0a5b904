// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/error.h"
#include "core/io/byte_source.h"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <type_traits>
#include <vector>

namespace gradus::test {

template <class T>
struct NpyArray
{
    std::vector<std::int64_t> shape;
    std::vector<T> values;
};

/// A .npy file of golden values: little-endian float32, int32, int64 or uint8, C order; anything
/// else throws. For files of our own making: not hardened like the readers of core/io.
template <class T>
NpyArray<T> readNpy(const std::filesystem::path& path)
{
    const auto bad = [&](const char* what) {
        return Error(ErrorCode::Format, path.string() + ": " + what);
    };
    const auto source = mapFile(path);
    const auto bytes = source->bytes();
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.size() < 12 || text.substr(0, 6) != "\x93NUMPY")
        throw bad("not an npy file");
    std::uint32_t length = 0;
    const std::size_t start = text[6] == 1 ? 10 : 12;
    std::memcpy(&length, text.data() + 8, start - 8);
    if (length > text.size() - start)
        throw bad("cut short");
    const std::string_view header = text.substr(start, length);
    constexpr const char* descr = std::is_same_v<T, float>          ? "'<f4'"
                                  : std::is_same_v<T, std::int32_t> ? "'<i4'"
                                  : std::is_same_v<T, std::uint8_t> ? "'|u1'"
                                                                    : "'<i8'";
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, std::int32_t> ||
                  std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint8_t>);
    if (header.find(descr) == std::string_view::npos ||
        header.find("'fortran_order': False") == std::string_view::npos)
        throw bad("another element type or order");
    NpyArray<T> array;
    std::size_t count = 1;
    std::size_t at = header.find('(', header.find("'shape'"));
    for (++at; at < header.size() && header[at] != ')';) {
        if (header[at] < '0' || header[at] > '9') {
            ++at;
            continue;
        }
        std::int64_t size = 0;
        for (; header[at] >= '0' && header[at] <= '9'; ++at)
            size = size * 10 + (header[at] - '0');
        array.shape.push_back(size);
        count *= static_cast<std::size_t>(size);
    }
    if (text.size() - start - length != count * sizeof(T))
        throw bad("another number of elements than its shape says");
    array.values.resize(count);
    if (count > 0)
        std::memcpy(array.values.data(), text.data() + start + length, count * sizeof(T));
    return array;
}

} // namespace gradus::test
