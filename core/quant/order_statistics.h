// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <vector>

namespace gradus {

/// Quantiles near both ends, without sorting what lies between: of a tensor with millions of values
/// only a few thousand are put in order. By linear interpolation at rank p·(n−1), in double.
class TailQuantiles
{
public:
    /// x: not empty, finite. tail: below ½; quantiles of p ≤ tail and p ≥ 1 − tail are known.
    /// Parallel over large spans.
    TailQuantiles(std::span<const float> x, double tail);
    [[nodiscard]] double at(double p) const;
    [[nodiscard]] float smallest() const { return m_lowest.front(); }
    [[nodiscard]] float largest() const { return m_highest.back(); }

private:
    [[nodiscard]] double value(std::size_t rank) const;

    std::size_t m_count;
    std::vector<float> m_lowest;  ///< ascending
    std::vector<float> m_highest; ///< ascending
};

/// The ½-quantile. x: not empty, finite.
[[nodiscard]] double medianOf(std::span<const float> x);

} // namespace gradus
