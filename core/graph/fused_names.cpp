// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/fused_names.h"

#include <algorithm>

namespace gradus {

const std::vector<FusedNames>& fusedNames()
{
    static const std::vector<FusedNames> names = {
        {"qkv_proj", {"q_proj", "k_proj", "v_proj"}},
        {"gate_up_proj", {"gate_proj", "up_proj"}},
        {"", {"query", "key", "value"}},
    };
    return names;
}

FusedPart fusedPartOf(std::string_view layer)
{
    std::size_t end = layer.size();
    while (end > 0) {
        const std::size_t separator = layer.find_last_of("./", end - 1);
        const std::size_t begin = separator == std::string_view::npos ? 0 : separator + 1;
        const std::string_view part = layer.substr(begin, end - begin);
        for (const FusedNames& names : fusedNames()) {
            if (std::find(names.members.begin(), names.members.end(), part) == names.members.end())
                continue;
            std::string group(layer.substr(0, begin));
            group += names.members.front();
            group += layer.substr(end);
            return {&names, std::move(group)};
        }
        if (separator == std::string_view::npos)
            break;
        end = separator;
    }
    return {};
}

} // namespace gradus
