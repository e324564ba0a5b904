// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/export/verify_power.h"

#include "core/base/text.h"
#include "core/tensor/half.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace gradus {

namespace {

std::string wordOf(Levels levels)
{
    return levels == Levels::Power          ? "power"
           : levels == Levels::PowerMidRise ? "power-mid-rise"
                                            : "uniform";
}

bool sameBits(float a, float b)
{
    return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

template <class T>
T valueAt(const std::vector<std::byte>& bytes, std::size_t index)
{
    T value{};
    std::memcpy(&value, bytes.data() + index * sizeof value, sizeof value);
    return value;
}

/// Compares lists of numbers and tells of the first that differs.
template <class Found, class Expected>
void compareLists(PowerComparison& result, const char* what, std::size_t count, const Found& found,
                  const Expected& expected)
{
    ++result.checked;
    std::size_t different = 0;
    std::string first;
    for (std::size_t i = 0; i < count; ++i) {
        const auto a = found(i);
        const auto b = expected(i);
        bool same = false;
        if constexpr (std::is_same_v<std::decay_t<decltype(b)>, float>)
            same = sameBits(a, b);
        else
            same = a == b;
        if (!same && different++ == 0)
            first = concat(what, "[", i, "] is ", a, ", expected ", b);
    }
    if (different > 0)
        result.mismatches.push_back(
            different > 1 ? concat(first, " (and ", different - 1, " more differ)") : first);
}

void compareOutliers(PowerComparison& result, const Hdf5Group& group, const QuantizedWeight& weight)
{
    const SparseWeights& expected = weight.outliers;
    const std::size_t count = expected.columns.size();
    if (const std::int64_t found = group.integer("count");
        found != static_cast<std::int64_t>(count)) {
        result.mismatches.push_back(concat("outliers/count is ", found, ", expected ", count));
        return;
    }
    const std::array<std::uint64_t, 1> one{count};
    const std::array<std::uint64_t, 1> starts{static_cast<std::uint64_t>(weight.rows) + 1};
    const auto rowStarts = group.read("row_starts", Hdf5Type::U32, starts);
    compareLists(
        result, "outliers/row_starts", starts[0],
        [&](std::size_t i) { return valueAt<std::uint32_t>(rowStarts, i); },
        [&](std::size_t i) { return expected.rowStarts[i]; });
    const bool narrow = weight.cols <= 65536;
    const auto columns = group.read("columns", narrow ? Hdf5Type::U16 : Hdf5Type::U32, one);
    compareLists(
        result, "outliers/columns", count,
        [&](std::size_t i) {
            return narrow ? std::uint32_t(valueAt<std::uint16_t>(columns, i))
                          : valueAt<std::uint32_t>(columns, i);
        },
        [&](std::size_t i) { return expected.columns[i]; });
    const bool half = weight.scheme.scaleType == DType::F16;
    const auto values = group.read("values", half ? Hdf5Type::F16 : Hdf5Type::F32, one);
    compareLists(
        result, "outliers/values", count,
        [&](std::size_t i) {
            return half ? halfToFloat(valueAt<std::uint16_t>(values, i))
                        : valueAt<float>(values, i);
        },
        [&](std::size_t i) { return expected.values[i]; });
}

void compareActivation(PowerComparison& result, const Hdf5Group& group, const LayerResult& layer)
{
    const bool stored = group.hasAttribute("activation_bits");
    if (stored != layer.activation.has_value()) {
        result.mismatches.push_back(concat("a grid of the inputs is ",
                                           stored ? "stored" : "missing", ", the run has ",
                                           layer.activation ? "one" : "none"));
        return;
    }
    if (!stored)
        return;
    ++result.checked;
    const ActivationGrid& expected = *layer.activation;
    const auto compare = [&](const char* what, double found, double wanted) {
        if (found != wanted)
            result.mismatches.push_back(concat(what, " is ", found, ", expected ", wanted));
    };
    compare("activation_bits", double(group.integer("activation_bits")), double(expected.bits));
    compare("activation_signed", double(group.integer("activation_signed")),
            expected.isSigned ? 1 : 0);
    compare("activation_exponent", group.real("activation_exponent"), double(expected.exponent));
    compare("activation_limit", group.real("activation_limit"), double(expected.limit));
    compare("activation_shift", group.real("activation_shift"), double(expected.shift));
}

} // namespace

std::vector<float> levelValues(const QuantizedWeight& weight, std::int64_t row)
{
    const int bits = weight.scheme.bits;
    if (weight.scheme.levels == Levels::Uniform)
        return {};
    const bool rise = weight.scheme.levels == Levels::PowerMidRise;
    const int half = 1 << (bits - 1);
    const auto a = static_cast<double>(weight.exponents.size() > 1
                                           ? weight.exponents[static_cast<std::size_t>(row)]
                                           : weight.exponents.front());
    std::vector<float> values(static_cast<std::size_t>(2 * half));
    for (int code = 0; code < 2 * half; ++code) {
        const bool negative = code < half;
        // Code 0 of levels with a zero is not used; it is as good as code 1.
        const int steps = rise ? (negative ? half - 1 - code : code - half)
                               : std::min(std::abs(code - half), half - 1);
        const double share =
            rise ? (steps + 0.5) / (half - 1 + 0.5) : static_cast<double>(steps) / (half - 1);
        const auto magnitude = static_cast<float>(share > 0 ? std::pow(share, 1 / a) : 0.0);
        values[static_cast<std::size_t>(code)] = negative ? -magnitude : magnitude;
    }
    return values;
}

void expectedRow(const QuantizedWeight& weight, std::int64_t row, float* out)
{
    const std::vector<float> levels = levelValues(weight, row);
    const Scheme& scheme = weight.scheme;
    const std::int64_t groups = scheme.granularity == Granularity::Group
                                    ? (weight.cols - 1) / scheme.groupSize + 1
                                    : std::int64_t(1);
    for (std::int64_t c = 0; c < weight.cols; ++c) {
        std::int64_t group = 0;
        if (scheme.granularity == Granularity::Group)
            group = weight.groupIndex.empty() ? c / scheme.groupSize
                                              : weight.groupIndex[static_cast<std::size_t>(c)];
        const auto p = static_cast<std::size_t>(
            scheme.granularity == Granularity::Tensor ? 0 : row * groups + group);
        const int code = weight.codes[static_cast<std::size_t>(row * weight.cols + c)];
        const float steps = levels.empty() ? static_cast<float>(code) - weight.zeros[p]
                                           : levels[static_cast<std::size_t>(code)];
        out[c] = weight.scales[p] * steps;
    }
    if (weight.outliers.columns.empty())
        return;
    const auto r = static_cast<std::size_t>(row);
    for (auto i = weight.outliers.rowStarts[r]; i < weight.outliers.rowStarts[r + 1]; ++i)
        out[weight.outliers.columns[i]] = weight.outliers.values[i];
}

PowerComparison comparePowerParts(const Hdf5Group& group, const LayerResult& layer)
{
    PowerComparison result;
    compareActivation(result, group, layer);
    const QuantizedWeight& weight = *layer.weight;
    const std::string levels = group.hasAttribute("levels") ? group.text("levels") : "uniform";
    if (levels != wordOf(weight.scheme.levels)) {
        result.mismatches.push_back(
            concat("levels is ", levels, ", expected ", wordOf(weight.scheme.levels)));
        return result;
    }
    if (weight.scheme.levels != Levels::Uniform) {
        const std::array<std::uint64_t, 1> count{weight.exponents.size()};
        const auto exponents = group.read("exponents", Hdf5Type::F32, count);
        compareLists(
            result, "exponents", weight.exponents.size(),
            [&](std::size_t i) { return valueAt<float>(exponents, i); },
            [&](std::size_t i) { return weight.exponents[i]; });
    }
    const bool stored = group.has("outliers");
    if (stored == weight.outliers.columns.empty())
        result.mismatches.push_back(concat("outliers are ", stored ? "stored" : "missing",
                                           ", the run has ", weight.outliers.columns.size()));
    else if (stored)
        compareOutliers(result, group.open("outliers"), weight);
    return result;
}

} // namespace gradus
