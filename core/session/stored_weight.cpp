// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/stored_weight.h"

#include "core/base/checked.h"
#include "core/base/text.h"
#include "core/tensor/half.h"

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {

bool isExact(float value, DType type)
{
    return std::isfinite(value) && (type != DType::F16 || roundToHalf(value) == value);
}

bool isExponent(float exponent)
{
    return exponent >= 0.01F && exponent <= 10; // not for NaN
}

std::optional<std::string> codesProblem(const QuantizedWeight& weight)
{
    const int most = weight.scheme.maximumCode();
    if (most < 255) {
        const auto worst = *std::max_element(weight.codes.begin(), weight.codes.end());
        if (worst > most)
            return concat("a code is ", int(worst), ", expected at most ", most);
    }
    if (weight.scheme.levels == Levels::Power &&
        std::find(weight.codes.begin(), weight.codes.end(), 0) != weight.codes.end())
        return "a code is 0, which power levels do not use";
    return std::nullopt;
}

std::optional<std::string> scalesProblem(const QuantizedWeight& weight)
{
    for (std::size_t i = 0; i < weight.scales.size(); ++i) {
        const float scale = weight.scales[i];
        if (!std::isfinite(scale) || scale <= 0)
            return concat("scale ", i, " is ", scale, ", expected a positive number");
        if (!isExact(scale, weight.scheme.scaleType))
            return concat("scale ", i, " is ", scale, ", which is not exact in float16");
    }
    return std::nullopt;
}

std::optional<std::string> zerosProblem(const QuantizedWeight& weight)
{
    const Scheme& scheme = weight.scheme;
    const auto middle = static_cast<float>(1 << (scheme.bits - 1));
    const auto most = static_cast<float>(scheme.maximumCode());
    for (std::size_t i = 0; i < weight.zeros.size(); ++i) {
        const float zero = weight.zeros[i];
        if (scheme.floatZeros) {
            if (!isExact(zero, scheme.scaleType))
                return concat("zero ", i, " is ", zero, ", expected a finite number exact in ",
                              dtypeName(scheme.scaleType));
        } else if (scheme.symmetric ? zero != middle
                                    : !(zero >= 0 && zero <= most && std::trunc(zero) == zero)) {
            return concat("zero ", i, " is ", zero, ", expected ",
                          scheme.symmetric ? concat(middle)
                                           : concat("a whole number up to ", most));
        }
    }
    return std::nullopt;
}

std::optional<std::string> groupIndexProblem(const QuantizedWeight& weight)
{
    if (weight.groupIndex.empty())
        return std::nullopt;
    if (weight.groupIndex.size() != static_cast<std::uint64_t>(weight.cols))
        return concat(weight.groupIndex.size(), " group numbers, expected ", weight.cols);
    const std::int64_t groups = groupsPerRow(weight.scheme, weight.cols);
    for (std::size_t i = 0; i < weight.groupIndex.size(); ++i) {
        const std::int32_t group = weight.groupIndex[i];
        if (group < 0 || group >= groups)
            return concat("the group of input ", i, " is ", group, ", expected 0 to ", groups - 1);
    }
    return std::nullopt;
}

std::optional<std::string> exponentsProblem(const QuantizedWeight& weight)
{
    if (auto problem = exponentCountProblem(weight.scheme, weight.rows,
                                            static_cast<std::int64_t>(weight.exponents.size())))
        return problem;
    for (std::size_t i = 0; i < weight.exponents.size(); ++i)
        if (!isExponent(weight.exponents[i]))
            return concat("exponent ", i, " is ", weight.exponents[i], ", expected 0.01 to 10");
    return std::nullopt;
}

std::optional<std::string> outliersProblem(const QuantizedWeight& weight)
{
    const auto& [starts, columns, values] = weight.outliers;
    if (values.size() != columns.size())
        return concat(values.size(), " values of ", columns.size(), " outliers");
    if (columns.empty())
        return starts.empty() ? std::nullopt
                              : std::optional<std::string>("rows of outliers without any");
    if (auto problem = outlierCountProblem(weight.rows, weight.cols,
                                           static_cast<std::int64_t>(columns.size())))
        return problem;
    if (starts.size() != static_cast<std::uint64_t>(weight.rows) + 1)
        return concat(starts.size(), " starts of outlier rows, expected ", weight.rows + 1);
    if (starts.front() != 0 || starts.back() != columns.size() ||
        !std::is_sorted(starts.begin(), starts.end()))
        return concat("the rows of outliers do not go from 0 to ", columns.size(),
                      " in ascending order");
    for (std::size_t r = 0; r + 1 < starts.size(); ++r)
        for (std::size_t i = starts[r]; i < starts[r + 1]; ++i) {
            if (static_cast<std::int64_t>(columns[i]) >= weight.cols)
                return concat("an outlier of row ", r, " is in column ", columns[i],
                              ", expected 0 to ", weight.cols - 1);
            if (i > starts[r] && columns[i] <= columns[i - 1])
                return concat("the outliers of row ", r, " are not in ascending order");
            if (!isExact(values[i], weight.scheme.scaleType))
                return concat("an outlier of row ", r, " is ", values[i],
                              ", expected a finite number exact in ",
                              dtypeName(weight.scheme.scaleType));
        }
    return std::nullopt;
}

} // namespace

std::optional<std::string> weightShapeProblem(const Scheme& scheme, std::int64_t rows,
                                              std::int64_t cols)
{
    if (auto problem = scheme.validate())
        return problem;
    constexpr std::uint64_t largest = std::uint64_t(1) << 48; // far beyond any layer
    const auto count = rows < 0 || cols < 0 ? std::nullopt
                                            : checkedMultiply(static_cast<std::uint64_t>(rows),
                                                              static_cast<std::uint64_t>(cols));
    if (!count || *count == 0 || *count > largest)
        return concat("a weight of ", rows, " × ", cols, " cannot be");
    return std::nullopt;
}

std::optional<std::string> weightProblem(const QuantizedWeight& weight)
{
    if (auto problem = weightShapeProblem(weight.scheme, weight.rows, weight.cols))
        return problem;
    const auto count = static_cast<std::uint64_t>(weight.rows * weight.cols);
    if (weight.codes.size() != count)
        return concat(weight.codes.size(), " codes, expected ", count);
    const auto scales =
        static_cast<std::uint64_t>(scaleCount(weight.scheme, weight.rows, weight.cols));
    if (weight.scales.size() != scales)
        return concat(weight.scales.size(), " scales, expected ", scales);
    if (weight.zeros.size() != scales)
        return concat(weight.zeros.size(), " zeros, expected ", scales);
    for (const auto check : {codesProblem, scalesProblem, zerosProblem, groupIndexProblem,
                             exponentsProblem, outliersProblem})
        if (auto problem = check(weight))
            return problem;
    return std::nullopt;
}

std::optional<std::string> exponentCountProblem(const Scheme& scheme, std::int64_t rows,
                                                std::int64_t exponents)
{
    if (scheme.levels == Levels::Uniform ? exponents == 0 : exponents == 1 || exponents == rows)
        return std::nullopt;
    return concat(exponents, " exponents, expected ",
                  scheme.levels == Levels::Uniform ? std::string("none of uniform levels")
                                                   : concat("1 or ", rows));
}

std::optional<std::string> outlierCountProblem(std::int64_t rows, std::int64_t cols,
                                               std::int64_t outliers)
{
    const std::int64_t most = std::min<std::int64_t>(rows * cols, UINT32_MAX);
    if (outliers < 1 || outliers > most)
        return concat(outliers, " outliers, expected 1 to ", most);
    return std::nullopt;
}

std::optional<std::string> activationProblem(const ActivationGrid& grid)
{
    return grid.validate();
}

} // namespace gradus
