// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/quantized_weight.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

/// Where in the arrays of scales the granules of a row stand.
struct RowGranules
{
    explicit RowGranules(const QuantizedWeight& weight)
        : cols(weight.cols)
        , run(effectiveGroup(weight.scheme, weight.cols))
        , perRow(weight.scheme.granularity == Granularity::Tensor ? 0 : weight.groups())
        , index(perRow > 0 ? std::span<const std::int32_t>(weight.groupIndex)
                           : std::span<const std::int32_t>())
    {
    }
    /// body(granule within the row, first column, columns): runs of columns of one granule.
    template <class Body>
    void forEachRun(const Body& body) const
    {
        if (!index.empty())
            for (std::int64_t c = 0; c < cols; ++c)
                body(index[static_cast<std::size_t>(c)], c, 1);
        else
            for (std::int64_t c = 0, group = 0; c < cols; c += run, ++group)
                body(group, c, std::min(run, cols - c));
    }
    [[nodiscard]] std::int64_t ofRow() const { return std::max<std::int64_t>(1, perRow); }
    /// Rows that make a task of a worthwhile size.
    [[nodiscard]] std::int64_t rowGrain() const
    {
        return std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, cols));
    }

    std::int64_t cols;
    std::int64_t run;    ///< consecutive columns of one granule, without an index
    std::int64_t perRow; ///< 0: one for all rows
    std::span<const std::int32_t> index;
};

/// Adds sums over the granules of every row to the gradients of scales, which all rows may share.
inline void addGranuleSums(const RowGranules& granules, std::span<const double> from,
                           std::vector<float>& to)
{
    if (granules.perRow == 0 && !to.empty()) {
        double sum = 0;
        for (const double value : from)
            sum += value;
        to[0] += static_cast<float>(sum);
    } else {
        for (std::size_t i = 0; i < to.size(); ++i)
            to[i] += static_cast<float>(from[i]);
    }
}

} // namespace gradus
