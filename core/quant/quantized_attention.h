// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/attention_kernel.h"
#include "core/quant/affine_grid.h"
#include "core/quant/log_grid.h"
#include "core/quant/packed_sums.h"

#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace gradus {

using ProbabilityGrid = std::variant<LogGrid, AffineGrid>;

/// Grids of what an attention multiplies; those that are missing stay float. q and k after the
/// rotation, before the scale; one scale each for all heads.
struct AttentionGrids
{
    std::optional<AffineGrid> query;
    std::optional<AffineGrid> key;
    std::optional<AffineGrid> value;
    std::optional<ProbabilityGrid> probabilities;
    bool operator==(const AttentionGrids&) const = default;
    [[nodiscard]] std::optional<std::string> validate() const;
};

/// softmax(scale · q̂k̂ᵀ + mask)^ · v̂, simulated in floats. Keys that are not seen stay at 0 whatever
/// the grid of probabilities makes of 0. Throws Error(Usage) when the grids are not valid.
[[nodiscard]] std::shared_ptr<const AttentionKernel> roundedAttention(const AttentionGrids& grids);

/// Why the products cannot be formed in integers: a grid is missing, has a fraction or a zero far
/// from its codes; nothing when they can.
[[nodiscard]] std::optional<std::string> whyNotIntegerAttention(const AttentionGrids& grids);
/// The same in integers: q·kᵀ of codes less their zeros; probabilities·v by powers of two, with
/// log√2 in two accumulators for even and odd codes (section 4): O = s_a·s_v·2^(−E)·(acc₀ +
/// √2·acc₁), E at most 23. Powers below 2^(−23) of the scale count as 0, those of log√2 from
/// 2^(−15.5) on are multiples of that. Sums are exact. Throws Error(Unsupported) when
/// whyNotIntegerAttention(), its apply() Error(Numeric) on NaN, which has no code. set: the
/// fastest, if not given; all give the same.
[[nodiscard]] std::shared_ptr<const AttentionKernel>
integerAttention(const AttentionGrids& grids, std::optional<InstructionSet> set = std::nullopt);

} // namespace gradus
