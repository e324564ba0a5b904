// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/static_view.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace gradus {

namespace {
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
} // namespace

NormRanges normRanges(const NormReport& report, const StaticInputs& reader)
{
    NormRanges ranges;
    ranges.before = {report.minimum, report.maximum, report.low, report.high};
    const std::size_t features = report.minimum.size();
    if (!reader.grid || reader.grid->scales.empty() || reader.grid->zeros.empty() ||
        reader.ratio.size() != features || report.maximum.size() != features ||
        report.low.size() != features || report.high.size() != features)
        return ranges;
    const AffineGrid& grid = *reader.grid;
    if ((grid.scales.size() != 1 && grid.scales.size() != features) ||
        (grid.zeros.size() != 1 && grid.zeros.size() != features))
        return ranges;
    // x~ = (x + s⊙r2)/r1, r2 = z − z~ (reference repquant.md, section 3.1); where the grid keeps
    // the zeros of its channels, nothing is shifted.
    const bool shifted = grid.zeros.size() == 1 && report.scales.size() == features &&
                         report.zeros.size() == features;
    for (std::size_t j = 0; j < features; ++j) {
        const auto ratio = static_cast<double>(reader.ratio[j]);
        const auto scale = static_cast<double>(grid.scale(j));
        const double zero = grid.zero(j) + static_cast<double>(grid.fraction);
        const double shift =
            shifted ? static_cast<double>(report.scales[j]) * (report.zeros[j] - zero) : 0;
        const auto folded = [&](float x) {
            return static_cast<float>((static_cast<double>(x) + shift) / ratio);
        };
        ranges.after.low.push_back(folded(report.minimum[j]));
        ranges.after.high.push_back(folded(report.maximum[j]));
        ranges.after.limitLow.push_back(static_cast<float>(scale * -zero));
        ranges.after.limitHigh.push_back(static_cast<float>(scale * (grid.largest() - zero)));
    }
    ranges.oneRange = grid.scales.size() == 1 && grid.zeros.size() == 1;
    return ranges;
}

std::vector<std::int64_t> featuresByRange(const NormReport& report)
{
    std::vector<std::int64_t> order(report.minimum.size());
    std::iota(order.begin(), order.end(), std::int64_t(0));
    const auto width = [&](std::int64_t feature) {
        const auto j = static_cast<std::size_t>(feature);
        const float w = j < report.maximum.size() ? report.maximum[j] - report.minimum[j] : 0;
        return std::isnan(w) ? -1.0F : w;
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int64_t a, std::int64_t b) { return width(a) > width(b); });
    return order;
}

OctaveLevels octaveLevels(const ProbabilityGrid& grid)
{
    OctaveLevels levels;
    if (const auto* log = std::get_if<LogGrid>(&grid)) {
        const double first = -std::log2(static_cast<double>(log->scale));
        for (int code = 0; code <= log->largest(); ++code)
            levels.places.push_back(first + static_cast<double>(code) / log->perOctave);
        levels.zeroFrom = log->zeroState == ZeroState::None
                              ? infinity
                              : first + (log->largest() + 0.5) / log->perOctave;
        return levels;
    }
    const auto& affine = std::get<AffineGrid>(grid);
    const auto scale = static_cast<double>(affine.scale(0));
    double least = infinity; // positive level
    for (int code = affine.largest(); code >= 0; --code) {
        const double level = scale * (code - affine.zero(0) - static_cast<double>(affine.fraction));
        if (level <= 0)
            break;
        levels.places.push_back(-std::log2(level));
        least = level;
    }
    const bool hasZero = affine.zero(0) >= 0 && affine.zero(0) <= affine.largest();
    levels.zeroFrom = hasZero && std::isfinite(least) ? -std::log2(least / 2) : infinity;
    return levels;
}

ProbabilityQuantizer quantizerOf(const ProbabilityGrid& grid)
{
    const auto* log = std::get_if<LogGrid>(&grid);
    return !log                  ? ProbabilityQuantizer::Uniform
           : log->perOctave == 1 ? ProbabilityQuantizer::Log2
                                 : ProbabilityQuantizer::LogSqrt2;
}

int bitsOf(const ProbabilityGrid& grid)
{
    return std::visit([](const auto& one) { return one.bits; }, grid);
}

double largestLevel(const ProbabilityGrid& grid)
{
    if (const auto* log = std::get_if<LogGrid>(&grid))
        return static_cast<double>(log->scale);
    const auto& affine = std::get<AffineGrid>(grid);
    return static_cast<double>(affine.scale(0)) *
           (affine.largest() - affine.zero(0) - static_cast<double>(affine.fraction));
}

ProbabilityGrid comparable(const ProbabilityGrid& grid, ProbabilityQuantizer quantizer)
{
    if (quantizer == quantizerOf(grid))
        return grid;
    const double largest = largestLevel(grid);
    const double top = largest > 0 && std::isfinite(largest) ? largest : 1;
    if (quantizer == ProbabilityQuantizer::Uniform) {
        AffineGrid uniform;
        uniform.bits = bitsOf(grid);
        uniform.scales = {static_cast<float>(top / uniform.largest())};
        uniform.zeros = {0};
        return uniform;
    }
    LogGrid log;
    log.bits = bitsOf(grid);
    log.perOctave = quantizer == ProbabilityQuantizer::Log2 ? 1 : 2;
    log.scale = static_cast<float>(top);
    if (const auto* own = std::get_if<LogGrid>(&grid))
        log.zeroState = own->zeroState;
    return log;
}

std::int64_t totalOf(const ProbabilityHistogram& histogram)
{
    return std::accumulate(histogram.counts.begin(), histogram.counts.end(), histogram.zeros);
}

double zeroShare(const ProbabilityHistogram& histogram)
{
    const std::int64_t total = totalOf(histogram);
    return total > 0 ? static_cast<double>(histogram.zeros) / static_cast<double>(total) : nan;
}

double shareFrom(const ProbabilityHistogram& histogram, double octave)
{
    const std::int64_t total = totalOf(histogram);
    if (total <= 0)
        return nan;
    constexpr double perOctave = ProbabilityHistogram::binsPerOctave;
    double beyond = 0;
    for (std::size_t bin = 0; bin < histogram.counts.size(); ++bin) {
        const double start = static_cast<double>(bin) / perOctave;
        const double part = bin + 1 == histogram.counts.size()
                                ? (octave <= start ? 1.0 : 0.0) // the open one
                                : std::clamp((start - octave) * perOctave + 1, 0.0, 1.0);
        beyond += part * static_cast<double>(histogram.counts[bin]);
    }
    return beyond / static_cast<double>(total);
}

} // namespace gradus
