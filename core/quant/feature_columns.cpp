// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/feature_columns.h"

#include "core/base/parallel.h"
#include "core/base/text.h"

#include <vector>

namespace gradus {

void forEachColumn(ConstMatrixView x, const Monitor* monitor,
                   const std::function<void(std::size_t, std::span<const float>)>& body)
{
    // As many as share a cache line: each row's is read once.
    constexpr std::int64_t width = 16;
    const auto rows = static_cast<std::size_t>(x.rows);
    parallelFor(
        x.cols, width,
        [&](std::int64_t begin, std::int64_t end) {
            const auto count = static_cast<std::size_t>(end - begin);
            std::vector<float> columns(rows * count);
            for (std::size_t r = 0; r < rows; ++r) {
                const float* row = x.data + static_cast<std::int64_t>(r) * x.stride + begin;
                for (std::size_t d = 0; d < count; ++d)
                    columns[d * rows + r] = row[d];
            }
            for (std::size_t d = 0; d < count; ++d) {
                if (monitor)
                    monitor->checkpoint();
                const std::size_t feature = static_cast<std::size_t>(begin) + d;
                try {
                    body(feature, {columns.data() + d * rows, rows});
                } catch (const Error& error) {
                    throw error.within(concat("feature ", feature));
                }
            }
        },
        monitor);
}

} // namespace gradus
