// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/quant/grid.h"
#include "core/quant/row_granules.h"
#include "core/quant/trained_weight.h"
#include "core/tensor/half.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

namespace gradus {

namespace {

float middleOf(const Scheme& scheme)
{
    return static_cast<float>(1 << (scheme.bits - 1));
}

float roundedZero(double zero, DType type)
{
    const auto value = static_cast<float>(zero);
    return type == DType::F16 ? roundToHalf(value) : value;
}

/// Σ g·(code − shift) and Σ g of a run of columns: equation (4) of the reference, section 7. Lanes
/// in float, which are added up in double.
std::pair<double, double> granuleSums(const float* g, const std::uint8_t* codes, float shift,
                                      std::int64_t count)
{
    constexpr std::int64_t lanes = 16;
    std::array<float, lanes> weighted{};
    std::array<float, lanes> plain{};
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes)
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
            const float value = g[i + lane];
            plain[static_cast<std::size_t>(lane)] += value;
            weighted[static_cast<std::size_t>(lane)] +=
                value * (static_cast<float>(codes[i + lane]) - shift);
        }
    for (; i < count; ++i) {
        plain[0] += g[i];
        weighted[0] += g[i] * (static_cast<float>(codes[i]) - shift);
    }
    const auto total = [](const std::array<float, lanes>& sums) {
        return std::accumulate(sums.begin(), sums.end(), 0.0,
                               [](double a, float b) { return a + static_cast<double>(b); });
    };
    return {total(weighted), total(plain)};
}

/// Turns the codes of some granules around: code → largest − code.
void turnCodes(QuantizedWeight& weight, const std::vector<bool>& turned)
{
    const int most = weight.scheme.maximumCode();
    for (std::int64_t r = 0; r < weight.rows; ++r)
        for (std::int64_t c = 0; c < weight.cols; ++c)
            if (turned[weight.parameterIndex(r, c)]) {
                auto& code = weight.codes[static_cast<std::size_t>(r * weight.cols + c)];
                code = static_cast<std::uint8_t>(most - code);
            }
}

class TrainedUniform final : public TrainedWeight
{
public:
    explicit TrainedUniform(std::shared_ptr<const QuantizedWeight> from)
        : TrainedWeight(std::move(from))
    {
        const QuantizedWeight& weight = *start();
        m_scales.set(weight.scales);
        if (!weight.scheme.floatZeros) {
            m_shifts = weight.zeros;
            return;
        }
        const float middle = middleOf(weight.scheme);
        std::vector<float> offsets(weight.zeros.size());
        for (std::size_t i = 0; i < offsets.size(); ++i)
            offsets[i] = weight.scales[i] * (middle - weight.zeros[i]);
        m_offsets.set(std::move(offsets));
        m_shifts.assign(weight.zeros.size(), middle);
    }

    void writeMasters(MatrixView out) const override;
    [[nodiscard]] QuantizedWeight stored() const override
    {
        return stored(m_scales.value, m_offsets.value);
    }
    void addGradient(MatrixView gradient) override;
    void clearGradients() override
    {
        m_scales.clearGradient();
        m_offsets.clearGradient();
    }
    void step(const TrainingStep& step) override
    {
        m_scales.step(step.rates, step.number);
        m_offsets.step(step.rates, step.number);
    }
    void keep() override
    {
        m_scales.keep();
        m_offsets.keep();
    }
    [[nodiscard]] QuantizedWeight kept() const override
    {
        return stored(m_scales.kept, m_offsets.kept);
    }
    void addMovement(TrainingMovement& movement) const override;

private:
    [[nodiscard]] QuantizedWeight stored(const std::vector<float>& scales,
                                         const std::vector<float>& offsets) const;

    TrainedArray m_scales;
    TrainedArray m_offsets;      ///< z; empty when zeros are fixed
    std::vector<float> m_shifts; ///< what is subtracted from codes: 2^(b−1), or the zeros
};

void TrainedUniform::writeMasters(MatrixView out) const
{
    const QuantizedWeight& weight = *start();
    const RowGranules granules(weight);
    const bool moving = !m_offsets.value.empty();
    const float* scales = m_scales.value.data();
    const float* offsets = m_offsets.value.data();
    const float* shifts = m_shifts.data();
    parallelFor(weight.rows, granules.rowGrain(), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const std::uint8_t* codes = weight.codes.data() + r * weight.cols;
            float* to = out.data + r * out.stride;
            const std::int64_t base = r * granules.perRow;
            granules.forEachRun([&](std::int64_t group, std::int64_t from, std::int64_t count) {
                const std::int64_t p = base + group;
                const float scale = scales[p];
                const float shift = shifts[p];
                const float offset = moving ? offsets[p] : 0.0F;
                for (std::int64_t c = from; c < from + count; ++c)
                    to[c] = scale * (static_cast<float>(codes[c]) - shift) + offset;
            });
        }
    });
}

QuantizedWeight TrainedUniform::stored(const std::vector<float>& scales,
                                       const std::vector<float>& offsets) const
{
    QuantizedWeight weight = *start();
    const Scheme& scheme = weight.scheme;
    const double middle = static_cast<double>(middleOf(scheme));
    // Zeros that are far off need a scale: beyond this they leave their type.
    const double farthest = scheme.scaleType == DType::F16 ? 60000.0 : 1e38;
    std::vector<bool> turned(scales.size(), false);
    bool any = false;
    for (std::size_t i = 0; i < scales.size(); ++i) {
        double scale = static_cast<double>(scales[i]);
        double offset = offsets.empty() ? 0 : static_cast<double>(offsets[i]);
        if (scale < 0 && !scheme.symmetric) {
            // With C' = −1 − C: s·C + z = −s·C' + (z − s).
            turned[i] = any = true;
            offset -= scale;
            scale = -scale;
            if (offsets.empty())
                weight.zeros[i] = static_cast<float>(scheme.maximumCode()) - weight.zeros[i];
        }
        if (!offsets.empty())
            scale = std::max(scale, std::abs(offset) / farthest);
        weight.scales[i] = storedScale(scale, scheme.scaleType);
        if (!offsets.empty())
            weight.zeros[i] = roundedZero(middle - offset / static_cast<double>(weight.scales[i]),
                                          scheme.scaleType);
    }
    if (any)
        turnCodes(weight, turned);
    return weight;
}

void TrainedUniform::addGradient(MatrixView gradient)
{
    const QuantizedWeight& weight = *start();
    const RowGranules granules(weight);
    const std::int64_t groups = granules.ofRow();
    const auto size = static_cast<std::size_t>(weight.rows * groups);
    std::vector<double> scales(size); // by row, also where all rows share one scale
    std::vector<double> offsets(size);
    parallelFor(weight.rows, granules.rowGrain(), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const std::uint8_t* codes = weight.codes.data() + r * weight.cols;
            const float* g = gradient.data + r * gradient.stride;
            const float* shifts = m_shifts.data() + r * granules.perRow;
            granules.forEachRun([&](std::int64_t group, std::int64_t c, std::int64_t count) {
                const auto [s, z] = granuleSums(g + c, codes + c, shifts[group], count);
                scales[static_cast<std::size_t>(r * groups + group)] += s;
                offsets[static_cast<std::size_t>(r * groups + group)] += z;
            });
        }
    });
    addGranuleSums(granules, scales, m_scales.gradient);
    addGranuleSums(granules, offsets, m_offsets.gradient);
}

void TrainedUniform::addMovement(TrainingMovement& movement) const
{
    for (std::size_t i = 0; i < m_scales.kept.size(); ++i) {
        const double first = static_cast<double>(m_scales.start[i]);
        const double change = static_cast<double>(m_scales.kept[i]) - first;
        movement.scaleSquares += change * change;
        movement.startSquares += first * first;
        if (m_offsets.kept.empty())
            continue;
        const double shift =
            (static_cast<double>(m_offsets.kept[i]) - static_cast<double>(m_offsets.start[i])) /
            first;
        movement.zeroSquares += shift * shift;
        ++movement.zeros;
    }
}

} // namespace

std::unique_ptr<TrainedWeight> trainUniform(const TrainedLayer& layer)
{
    return std::make_unique<TrainedUniform>(layer.weight);
}

} // namespace gradus
