// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

namespace gradus {

/// Where a row of a query or key matrix goes that its file orders for rotating neighbouring pairs,
/// as llama2.c and GGUF do, when the first and the second half of each head rotate together, as in
/// Hugging Face's files: row h·d + 2i + j becomes row h·d + j·d/2 + i (d: rows per head, even; 0:
/// rows stay).
[[nodiscard]] inline std::int64_t rotaryRow(std::int64_t row, std::int64_t headRows)
{
    if (headRows == 0)
        return row;
    const std::int64_t within = row % headRows;
    return row - within + within % 2 * (headRows / 2) + within / 2;
}

} // namespace gradus
