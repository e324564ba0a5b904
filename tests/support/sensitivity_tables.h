// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/sensitivity.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace gradus::test {

inline LayerChoice candidate(int bits, const MethodOptions& method, std::int64_t group = 0)
{
    LayerChoice choice;
    choice.scheme.bits = bits;
    choice.scheme.granularity = group > 0 ? Granularity::Group : Granularity::Channel;
    choice.scheme.groupSize = group;
    choice.method = method;
    return choice;
}

/// Bit by bit; NaN equals NaN.
inline bool same(double a, double b)
{
    return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b) ||
           (std::isnan(a) && std::isnan(b));
}

inline bool same(const Sensitivity& a, const Sensitivity& b)
{
    return a.bytes == b.bytes && same(a.weight, b.weight) && same(a.output, b.output) &&
           same(a.fisher, b.fisher) && same(a.divergence, b.divergence) &&
           same(a.divergenceError, b.divergenceError) && a.note == b.note &&
           a.possible == b.possible;
}

inline bool same(const SensitivityTable& a, const SensitivityTable& b)
{
    bool equal = a.rows.size() == b.rows.size() && a.candidates == b.candidates &&
                 a.unit == b.unit && a.pairs.size() == b.pairs.size();
    for (std::size_t r = 0; equal && r < a.rows.size(); ++r)
        for (std::size_t c = 0; equal && c < a.candidates.size(); ++c)
            equal = same(a.rows[r].candidates[c], b.rows[r].candidates[c]);
    for (std::size_t p = 0; equal && p < a.pairs.size(); ++p)
        equal = a.pairs[p].firstRow == b.pairs[p].firstRow &&
                a.pairs[p].secondRow == b.pairs[p].secondRow &&
                a.pairs[p].firstCandidate == b.pairs[p].firstCandidate &&
                a.pairs[p].secondCandidate == b.pairs[p].secondCandidate &&
                same(a.pairs[p].together, b.pairs[p].together) &&
                same(a.pairs[p].separate, b.pairs[p].separate);
    return equal;
}

} // namespace gradus::test
