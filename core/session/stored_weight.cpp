// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/stored_weight.h"

#include "core/base/checked.h"
#include "core/base/text.h"
#include "core/tensor/half.h"

#include <algorithm>
#include <cmath>

namespace gradus {

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
    const int most = weight.scheme.maximumCode();
    if (most < 255) {
        const auto worst = *std::max_element(weight.codes.begin(), weight.codes.end());
        if (worst > most)
            return concat("a code is ", int(worst), ", expected at most ", most);
    }
    const bool half = weight.scheme.scaleType == DType::F16;
    for (std::size_t i = 0; i < weight.scales.size(); ++i) {
        const float scale = weight.scales[i];
        if (!std::isfinite(scale) || scale <= 0)
            return concat("scale ", i, " is ", scale, ", expected a positive number");
        if (half && roundToHalf(scale) != scale)
            return concat("scale ", i, " is ", scale, ", which is not exact in float16");
    }
    const int middle = 1 << (weight.scheme.bits - 1);
    for (std::size_t i = 0; i < weight.zeros.size(); ++i) {
        const float zero = weight.zeros[i];
        if (weight.scheme.floatZeros) {
            if (!std::isfinite(zero) || (half && roundToHalf(zero) != zero))
                return concat("zero ", i, " is ", zero, ", expected a finite number exact in ",
                              dtypeName(weight.scheme.scaleType));
        } else if (weight.scheme.symmetric ? zero != static_cast<float>(middle)
                                           : !(zero >= 0 && zero <= static_cast<float>(most) &&
                                               std::trunc(zero) == zero)) {
            return concat("zero ", i, " is ", zero, ", expected ",
                          weight.scheme.symmetric ? concat(middle)
                                                  : concat("a whole number up to ", most));
        }
    }
    if (!weight.groupIndex.empty()) {
        if (weight.groupIndex.size() != static_cast<std::uint64_t>(weight.cols))
            return concat(weight.groupIndex.size(), " group numbers, expected ", weight.cols);
        const std::int64_t groups = groupsPerRow(weight.scheme, weight.cols);
        for (std::size_t i = 0; i < weight.groupIndex.size(); ++i) {
            const std::int32_t group = weight.groupIndex[i];
            if (group < 0 || group >= groups)
                return concat("the group of input ", i, " is ", group, ", expected 0 to ",
                              groups - 1);
        }
    }
    return std::nullopt;
}

} // namespace gradus
