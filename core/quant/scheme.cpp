// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/scheme.h"

#include "core/base/text.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace gradus {

std::string_view granularityName(Granularity granularity)
{
    switch (granularity) {
    case Granularity::Tensor:
        return "tensor";
    case Granularity::Channel:
        return "channel";
    case Granularity::Group:
        return "group";
    }
    return "unknown";
}

std::string_view levelsName(Levels levels)
{
    switch (levels) {
    case Levels::Uniform:
        return "uniform";
    case Levels::Power:
        return "power";
    case Levels::PowerMidRise:
        return "power-mid-rise";
    }
    return "unknown";
}

std::optional<std::string> Scheme::validate() const
{
    if (bits < 2 || bits > 8)
        return concat("bits is ", bits, ", expected 2 to 8");
    if (granularity == Granularity::Group && groupSize < 1)
        return concat("group size is ", groupSize, ", expected at least 1");
    if (scaleType != DType::F16 && scaleType != DType::F32)
        return concat("scale type is ", dtypeName(scaleType), ", expected F16 or F32");
    if (floatZeros && symmetric)
        return "a symmetric scheme stores no zeros, expected none that are float";
    if (levels != Levels::Uniform && !symmetric)
        return "power levels are symmetric, expected a symmetric scheme";
    if (clip) {
        const auto [low, high] = *clip;
        if (!std::isfinite(low) || !std::isfinite(high) || low > 0 || high < 0 || !(low < high))
            return concat("clip limits are ", low, " and ", high,
                          ", expected finite ones, the lower at most 0, the upper at least 0, and "
                          "not both 0");
    }
    return std::nullopt;
}

std::int64_t effectiveGroup(const Scheme& scheme, std::int64_t cols)
{
    if (scheme.granularity != Granularity::Group)
        return cols;
    return std::min(scheme.groupSize, cols);
}

std::int64_t groupsPerRow(const Scheme& scheme, std::int64_t cols)
{
    if (scheme.granularity != Granularity::Group || cols == 0)
        return 1;
    const std::int64_t group = effectiveGroup(scheme, cols);
    assert(group >= 1);
    return (cols - 1) / group + 1;
}

std::int64_t scaleCount(const Scheme& scheme, std::int64_t rows, std::int64_t cols)
{
    return scheme.granularity == Granularity::Tensor ? 1 : rows * groupsPerRow(scheme, cols);
}

std::uint64_t StoredSize::bytes() const
{
    std::uint64_t total = 0;
    for (const std::uint64_t bits :
         {codeBits, scaleBits, zeroBits, indexBits, exponentBits, outlierBits})
        total += bits / 8 + (bits % 8 != 0);
    return total;
}

double StoredSize::bitsPerWeight(std::int64_t weights) const
{
    return weights > 0 ? static_cast<double>(bytes()) * 8 / static_cast<double>(weights) : 0;
}

StoredSize storedSize(const Scheme& scheme, std::int64_t rows, std::int64_t cols,
                      const StoredExtras& extras)
{
    const auto unsignedOf = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
    const std::uint64_t bits = unsignedOf(scheme.bits);
    const std::uint64_t scales = unsignedOf(scaleCount(scheme, rows, cols));
    StoredSize size;
    size.codeBits = unsignedOf(rows * cols) * bits;
    size.scaleBits = scales * 8 * dtypeSize(scheme.scaleType);
    size.zeroBits = scheme.symmetric ? 0 : scheme.floatZeros ? size.scaleBits : scales * bits;
    size.indexBits = extras.groupIndex ? unsignedOf(cols) * 32 : 0;
    size.exponentBits = unsignedOf(extras.exponents) * 32;
    if (extras.outliers > 0)
        size.outlierBits = unsignedOf(rows + 1) * 32 +
                           unsignedOf(extras.outliers) *
                               ((cols <= 65536 ? 16 : 32) + 8 * dtypeSize(scheme.scaleType));
    return size;
}

} // namespace gradus
