// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// Layers beside each other that runtimes fuse into one matrix, by the part of their names that
/// tells them apart.
struct FusedNames
{
    /// What checkpoints call the fused layer; empty where no format of ours names it.
    std::string_view fused;
    std::vector<std::string_view> members;
};
/// q/k/v, query/key/value, gate/up: the only place that knows them.
[[nodiscard]] const std::vector<FusedNames>& fusedNames();

/// A layer's part in such a group.
struct FusedPart
{
    const FusedNames* names = nullptr; ///< null: it is part of none
    std::string group; ///< the name with the first member's in place of its own: equal for all
};
/// Members are whole parts of a name between '.' or '/'; the last such part counts.
[[nodiscard]] FusedPart fusedPartOf(std::string_view layer);

} // namespace gradus
