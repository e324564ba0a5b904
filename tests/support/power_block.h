// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/grid.h"
#include "core/quant/power_levels.h"
#include "core/tensor/half.h"
#include "tests/support/block_problem.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace gradus::test {

/// What a power weight is made of; data-free, scaled to the largest magnitude of each granule.
struct PowerForm
{
    Scheme scheme;
    std::vector<float> exponents = {0.65F}; ///< one, or as many as rows (the last one repeated)
    bool ownExponents = false;              ///< one for each row
    int outlierEvery = 0;                   ///< every so manieth weight is an outlier
    bool indexed = false;                   ///< columns are dealt to the groups in turn
    PowerRounding rounding = PowerRounding::Nearest;
};

inline Scheme powerScheme(int bits, Granularity granularity = Granularity::Channel,
                          std::int64_t group = 0, bool midRise = false)
{
    Scheme scheme;
    scheme.bits = bits;
    scheme.granularity = granularity;
    scheme.groupSize = group;
    scheme.symmetric = true;
    scheme.levels = midRise ? Levels::PowerMidRise : Levels::Power;
    return scheme;
}

inline std::shared_ptr<QuantizedWeight> powerWeight(ConstMatrixView values, const PowerForm& form)
{
    auto result = std::make_shared<QuantizedWeight>();
    QuantizedWeight& weight = *result;
    weight.scheme = form.scheme;
    weight.rows = values.rows;
    weight.cols = values.cols;
    const auto at = [&](std::int64_t r, std::int64_t c) {
        return values.row(r)[static_cast<std::size_t>(c)];
    };
    const auto outlier = [&](std::int64_t r, std::int64_t c) {
        return form.outlierEvery > 0 && (r * weight.cols + c) % form.outlierEvery == 0;
    };
    weight.scales.assign(
        static_cast<std::size_t>(scaleCount(form.scheme, weight.rows, weight.cols)), 0);
    weight.zeros.assign(weight.scales.size(), static_cast<float>(1 << (form.scheme.bits - 1)));
    weight.codes.resize(static_cast<std::size_t>(weight.rows * weight.cols));
    if (form.indexed)
        for (std::int64_t c = 0; c < weight.cols; ++c)
            weight.groupIndex.push_back(static_cast<std::int32_t>(c % weight.groups()));
    weight.exponents = form.exponents;
    weight.exponents.resize(form.ownExponents ? static_cast<std::size_t>(weight.rows) : 1,
                            form.exponents.back());
    for (std::int64_t r = 0; r < weight.rows; ++r)
        for (std::int64_t c = 0; c < weight.cols; ++c) {
            float& scale = weight.scales[weight.parameterIndex(r, c)];
            scale = std::max(scale, outlier(r, c) ? 0.0F : std::fabs(at(r, c)));
        }
    for (float& scale : weight.scales)
        scale = storedScale(static_cast<double>(scale), form.scheme.scaleType);
    if (form.outlierEvery > 0)
        weight.outliers.rowStarts.push_back(0);
    for (std::int64_t r = 0; r < weight.rows; ++r) {
        const PowerEncoder encoder(form.scheme, static_cast<double>(weight.exponent(r)),
                                   form.rounding);
        for (std::int64_t c = 0; c < weight.cols; ++c) {
            const bool out = outlier(r, c);
            weight.codes[static_cast<std::size_t>(r * weight.cols + c)] =
                encoder.encode(out ? 0.0F : at(r, c), weight.scales[weight.parameterIndex(r, c)]);
            if (!out)
                continue;
            weight.outliers.columns.push_back(static_cast<std::uint32_t>(c));
            weight.outliers.values.push_back(
                form.scheme.scaleType == DType::F16 ? roundToHalf(at(r, c)) : at(r, c));
        }
        if (form.outlierEvery > 0)
            weight.outliers.rowStarts.push_back(
                static_cast<std::uint32_t>(weight.outliers.columns.size()));
    }
    return result;
}

/// A BlockFixture whose layers have power levels.
struct PowerBlock : BlockFixture
{
    explicit PowerBlock(const PowerForm& form, bool withFloats = true, const TinyLlama& tiny = {},
                        std::int64_t windows = 3, std::int64_t length = 16)
        : BlockFixture(Scheme{}, false, tiny, windows, length)
    {
        const auto rounded = std::exchange(problem.layers, {});
        for (const TrainedLayer& layer : rounded)
            weights->restore(layer.layer->weight);
        for (const TrainedLayer& layer : rounded) {
            const auto original = weights->get(layer.layer->weight);
            add(*layer.layer, powerWeight(original->matrix(), form));
            if (withFloats)
                problem.layers.back().floatWeight = [original] { return original->clone(); };
        }
    }
};

} // namespace gradus::test
