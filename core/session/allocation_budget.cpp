// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/session/allocate.h"

#include <array>
#include <charconv>
#include <cmath>

namespace gradus {

namespace {

using Kind = AllocationBudget::Kind;

struct Unit
{
    std::string_view name;
    Kind kind;
    double factor;
};

/// Longer names before those that they end with.
constexpr std::array<Unit, 13> units{{
    {"bpw", Kind::BitsPerWeight, 1},
    {"kbops", Kind::BitOperations, 1e3},
    {"Mbops", Kind::BitOperations, 1e6},
    {"Gbops", Kind::BitOperations, 1e9},
    {"Tbops", Kind::BitOperations, 1e12},
    {"bops", Kind::BitOperations, 1},
    {"KiB", Kind::Bytes, 0x1p10},
    {"MiB", Kind::Bytes, 0x1p20},
    {"GiB", Kind::Bytes, 0x1p30},
    {"kB", Kind::Bytes, 1e3},
    {"MB", Kind::Bytes, 1e6},
    {"GB", Kind::Bytes, 1e9},
    {"B", Kind::Bytes, 1},
}};

constexpr std::string_view errorPrefix = "error:";

std::string shortestReal(double value)
{
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    return {text.data(), end};
}

} // namespace

AllocationBudget parseBudget(std::string_view text)
{
    const auto refuse = [&]() -> Error {
        return {ErrorCode::Usage,
                concat(quoted(text),
                       " is no budget, expected bits per weight (3.5bpw), bytes (12MiB, 12MB, "
                       "123456B), bit-operations (3.2Gbops) or a bound on the error (error:0.1)")};
    };
    AllocationBudget budget;
    if (text.starts_with(errorPrefix)) {
        budget.kind = Kind::Error;
        if (!parseReal(text.substr(errorPrefix.size()), budget.value) || !(budget.value > 0))
            throw refuse();
        return budget;
    }
    for (const Unit& unit : units) {
        if (!text.ends_with(unit.name))
            continue;
        double value = 0;
        if (!parseReal(text.substr(0, text.size() - unit.name.size()), value))
            throw refuse();
        budget.kind = unit.kind;
        budget.value = value * unit.factor;
        if (unit.kind != Kind::BitsPerWeight) {
            if (unit.factor == 1 && value != std::floor(value))
                throw refuse();
            // 0.1MB is 100000 bytes, whatever the product of two doubles.
            const double whole = std::round(budget.value);
            budget.value =
                std::fabs(budget.value - whole) <= 1e-9 * whole ? whole : std::floor(budget.value);
            if (!(budget.value < 0x1p63))
                throw refuse();
        }
        if (!(budget.value > 0) || !std::isfinite(budget.value))
            throw refuse();
        return budget;
    }
    throw refuse();
}

std::string budgetText(const AllocationBudget& budget)
{
    switch (budget.kind) {
    case Kind::BitsPerWeight:
        return shortestReal(budget.value) + "bpw";
    case Kind::Error:
        return std::string(errorPrefix) + shortestReal(budget.value);
    case Kind::Bytes:
    case Kind::BitOperations:
        break;
    }
    if (budget.kind == Kind::Bytes && std::fmod(budget.value, 0x1p20) == 0)
        return concat(static_cast<std::uint64_t>(budget.value / 0x1p20), "MiB");
    return concat(static_cast<std::uint64_t>(budget.value),
                  budget.kind == Kind::Bytes ? "B" : "bops");
}

} // namespace gradus
