// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/tensor/dtype.h"

#include <array>

namespace gradus {

namespace {
struct Entry
{
    std::string_view name;
    std::size_t size;
};
constexpr std::array<Entry, 10> entries{{{"F64", 8},
                                         {"F32", 4},
                                         {"F16", 2},
                                         {"BF16", 2},
                                         {"I64", 8},
                                         {"I32", 4},
                                         {"I16", 2},
                                         {"I8", 1},
                                         {"U8", 1},
                                         {"BOOL", 1}}};
} // namespace

std::size_t dtypeSize(DType dtype)
{
    return entries[static_cast<std::size_t>(dtype)].size;
}
std::string_view dtypeName(DType dtype)
{
    return entries[static_cast<std::size_t>(dtype)].name;
}

std::optional<DType> dtypeFromName(std::string_view name)
{
    for (std::size_t i = 0; i < entries.size(); ++i)
        if (entries[i].name == name)
            return static_cast<DType>(i);
    return std::nullopt;
}

} // namespace gradus
