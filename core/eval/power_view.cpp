// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/eval/binning.h"
#include "core/eval/distribution.h"
#include "core/quant/power_direct.h"
#include "core/quant/power_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {

namespace {

bool isFinite(float x)
{
    return std::fabs(x) <= std::numeric_limits<float>::max();
}

std::int64_t rowGrain(ConstMatrixView weight)
{
    return std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(weight.cols, 1));
}

double energyOf(ConstMatrixView weight, const Monitor& monitor)
{
    return parallelReduce(
        weight.rows, rowGrain(weight), 0.0,
        [&](std::int64_t begin, std::int64_t end) {
            double sum = 0;
            for (std::int64_t r = begin; r < end; ++r)
                for (const float x : weight.row(r))
                    sum += isFinite(x) ? static_cast<double>(x) * static_cast<double>(x) : 0;
            return sum;
        },
        [](double& total, double one) { total += one; }, &monitor);
}

/// A weight with the scales of power grids whose largest level is a share of its magnitudes.
struct MeasuredWeight
{
    ConstMatrixView weight;
    Scheme scheme;
    std::vector<float> largest;
    std::vector<float> scales;
    double energy = 0;

    MeasuredWeight(ConstMatrixView w, const Scheme& chosen, double clip, const Monitor& monitor)
        : weight(w)
        , scheme(chosen)
        , energy(energyOf(w, monitor))
    {
        if (scheme.levels == Levels::Uniform)
            scheme.levels = Levels::Power;
        scheme.clip.reset();
        largest = granuleMagnitudes(weight, scheme, monitor);
        // The scale of zeros is of no consequence, but something.
        for (const float magnitude : largest)
            scales.push_back(std::max(static_cast<float>(clip * static_cast<double>(magnitude)),
                                      std::numeric_limits<float>::min()));
    }

    [[nodiscard]] double nmse(double exponent, PowerRounding rounding, const Monitor& monitor) const
    {
        if (!(energy > 0))
            return 0;
        return powerError(weight, scheme, {scales, {static_cast<float>(exponent)}}, rounding, 2,
                          monitor) /
               energy;
    }
};

void requireExponent(double exponent)
{
    if (!(exponent > 0) || !std::isfinite(exponent))
        throw Error(ErrorCode::Usage,
                    concat("the exponent is ", exponent, ", expected a positive number"));
}

/// The range of codes after the power map, and how many bins it takes.
struct CompandedRange
{
    double end;
    int bins;

    explicit CompandedRange(const PowerGridView& view)
        : end(view.midRise ? view.largest + 1 : view.largest + 0.5)
    {
        constexpr int wanted = 240;
        const int codes = static_cast<int>(2 * end);
        bins = codes * std::max(1, wanted / codes);
    }
};

/// Counts of some rows.
struct ViewPart
{
    double error = 0;
    Histogram dequantized;
    Histogram companded;
    std::vector<std::int64_t> occupancy;
};

class ViewCounter
{
public:
    ViewCounter(const PowerGridView& view, const Scheme& scheme, double lo, double hi, int bins)
        : m_view(view)
        , m_range(view)
        , m_grid(scheme, static_cast<double>(static_cast<float>(view.exponent)), view.rounding)
        , m_lowest((1 << (scheme.bits - 1)) - view.largest - (view.midRise ? 1 : 0))
        , m_dequantized(lo, hi, bins)
        , m_companded(-m_range.end, m_range.end, m_range.bins)
    {
        m_part.occupancy.resize(
            static_cast<std::size_t>(2 * view.largest + (view.midRise ? 2 : 1)));
    }

    void add(std::span<const float> values, float scale)
    {
        m_finite.clear();
        for (const float x : values)
            if (isFinite(x))
                m_finite.push_back(x);
        m_part.error += m_grid.error(m_finite, scale, 2);
        m_out.resize(m_finite.size());
        m_codes.resize(m_finite.size());
        m_grid.round(m_finite, scale, m_out.data());
        m_dequantized.add(m_out);
        m_grid.encode(m_finite, scale, m_codes.data());
        for (const std::uint8_t code : m_codes)
            ++m_part.occupancy[static_cast<std::size_t>(code - m_lowest)];
        const auto n = static_cast<float>(m_view.largest + (m_view.midRise ? 0.5 : 0));
        const auto exponent = static_cast<float>(m_view.exponent);
        const auto most = std::nextafter(static_cast<float>(m_range.end), 0.0F);
        for (std::size_t i = 0; i < m_finite.size(); ++i) {
            const float t = n * std::pow(std::fabs(m_finite[i] / scale), exponent);
            m_out[i] = std::copysign(std::min(t, most), m_finite[i]);
        }
        m_companded.add(m_out);
    }

    [[nodiscard]] ViewPart counted() const
    {
        ViewPart part = m_part;
        part.dequantized = m_dequantized.counted();
        part.companded = m_companded.counted();
        return part;
    }

private:
    const PowerGridView& m_view;
    CompandedRange m_range;
    DirectPowerGrid m_grid;
    int m_lowest;
    HistogramCounter m_dequantized;
    HistogramCounter m_companded;
    ViewPart m_part;
    std::vector<float> m_finite;
    std::vector<float> m_out;
    std::vector<std::uint8_t> m_codes;
};

/// Signed levels of a scale, ascending, without repetitions.
std::vector<float> levelsOf(const Scheme& scheme, double exponent, float scale)
{
    std::vector<float> levels;
    const std::vector<float> table = PowerLevels(scheme, exponent).table(scheme.bits);
    for (const float level : table) {
        const float value = scale * level + 0.0F;
        if (levels.empty() || value != levels.back())
            levels.push_back(value);
    }
    return levels;
}

} // namespace

double powerGridNmse(ConstMatrixView weight, const Scheme& scheme, double exponent,
                     const Monitor* monitor)
{
    const Monitor silent;
    const Monitor& asked = monitor ? *monitor : silent;
    return MeasuredWeight(weight, scheme, 1, asked)
        .nmse(exponent, PowerRounding::PowerDomain, asked);
}

ExponentFit fitExponent(ConstMatrixView weight, const Scheme& scheme, Monitor& monitor)
{
    constexpr std::int64_t few = 1 << 17;
    const MeasuredWeight measured(weight, scheme, 1, monitor);
    const PowerErrors errors = weight.rows * weight.cols <= few
                                   ? PowerErrors::sorted(weight, measured.scheme, monitor)
                                   : PowerErrors::binned(weight, measured.scheme, monitor);
    const PowerFamily family = powerFamily(measured.scheme, PowerRounding::PowerDomain);
    const ExponentPoint found = searchExponent(
        [&](double exponent) {
            monitor.checkpoint();
            const PreparedLevels levels(family, exponent);
            return errors.error(levels.magnitudes, levels.thresholds);
        },
        measured.energy > 0 ? errors.predictedExponent() : 0, ExponentChoice::Free);
    ExponentFit fit;
    fit.uniformNmse = measured.nmse(1, PowerRounding::PowerDomain, monitor);
    fit.bestNmse = fit.uniformNmse;
    // As a grid has it.
    const auto exponent = static_cast<double>(static_cast<float>(found.exponent));
    const double nmse = measured.nmse(exponent, PowerRounding::PowerDomain, monitor);
    if (nmse < fit.uniformNmse) {
        fit.bestExponent = exponent;
        fit.bestNmse = nmse;
    }
    return fit;
}

PowerGridView powerGridView(ConstMatrixView weight, const Scheme& scheme, double exponent,
                            double lo, double hi, int bins, Monitor& monitor,
                            PowerRounding rounding, double clip)
{
    requireExponent(exponent);
    if (!(clip > 0) || !std::isfinite(clip))
        throw Error(ErrorCode::Usage, concat("the clip is ", clip, ", expected a positive number"));
    const MeasuredWeight measured(weight, scheme, clip, monitor);
    PowerGridView view;
    view.exponent = exponent;
    view.rounding = rounding;
    view.clip = clip;
    view.largest = (1 << (scheme.bits - 1)) - 1;
    view.midRise = measured.scheme.levels == Levels::PowerMidRise;
    const auto counter = [&] { return ViewCounter(view, measured.scheme, lo, hi, bins); };
    const ViewPart all = parallelReduce(
        weight.rows, rowGrain(weight), counter().counted(),
        [&](std::int64_t begin, std::int64_t end) {
            ViewCounter own = counter();
            for (std::int64_t r = begin; r < end; ++r)
                overGranules(weight, measured.scheme, r, measured.scales,
                             [&](std::span<const float> values, float scale, std::int64_t) {
                                 own.add(values, scale);
                             });
            return own.counted();
        },
        [](ViewPart& total, const ViewPart& one) {
            total.error += one.error;
            join(total.dequantized, one.dequantized);
            join(total.companded, one.companded);
            for (std::size_t i = 0; i < total.occupancy.size(); ++i)
                total.occupancy[i] += one.occupancy[i];
        },
        &monitor);
    view.nmse = measured.energy > 0 ? all.error / measured.energy : 0;
    view.dequantized = all.dequantized;
    view.companded = all.companded;
    view.occupancy = all.occupancy;
    const float first = measured.largest.empty() ? 0 : measured.largest.front();
    view.levels =
        levelsOf(measured.scheme, exponent, static_cast<float>(clip * static_cast<double>(first)));
    return view;
}

} // namespace gradus
