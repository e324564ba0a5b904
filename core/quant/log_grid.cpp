// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/log_grid.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/quant/order_statistics.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>

namespace gradus {

std::string_view zeroStateName(ZeroState state)
{
    switch (state) {
    case ZeroState::Extra:
        return "extra";
    case ZeroState::Reserved:
        return "reserved";
    case ZeroState::None:
        return "none";
    }
    return "";
}

std::optional<ZeroState> zeroStateFromName(std::string_view name)
{
    for (const ZeroState state : {ZeroState::Extra, ZeroState::Reserved, ZeroState::None})
        if (zeroStateName(state) == name)
            return state;
    return std::nullopt;
}

std::string_view probabilityQuantizerName(ProbabilityQuantizer quantizer)
{
    switch (quantizer) {
    case ProbabilityQuantizer::LogSqrt2:
        return "log-sqrt2";
    case ProbabilityQuantizer::Log2:
        return "log2";
    case ProbabilityQuantizer::Uniform:
        return "uniform";
    }
    return "";
}

std::optional<ProbabilityQuantizer> probabilityQuantizerFromName(std::string_view name)
{
    for (const ProbabilityQuantizer quantizer :
         {ProbabilityQuantizer::LogSqrt2, ProbabilityQuantizer::Log2,
          ProbabilityQuantizer::Uniform})
        if (probabilityQuantizerName(quantizer) == name)
            return quantizer;
    return std::nullopt;
}

std::optional<std::string> LogGrid::validate() const
{
    if (bits < 2 || bits > 8)
        return concat("bits of the probability grid is ", bits, ", expected 2 to 8");
    if (perOctave != 1 && perOctave != 2)
        return concat("levels per octave of the probability grid is ", perOctave,
                      ", expected 1 or 2");
    if (!(scale > 0 && std::isfinite(scale)))
        return concat("scale of the probability grid is ", scale,
                      ", expected a positive, finite number");
    if (zeroState != ZeroState::Extra && zeroState != ZeroState::Reserved &&
        zeroState != ZeroState::None)
        return concat("zero state of the probability grid is ", static_cast<int>(zeroState),
                      ", expected extra, reserved or none");
    if (!(relativeError >= 0 && std::isfinite(relativeError)))
        return concat("relative error of the probability grid is ", relativeError,
                      ", expected 0 or a positive, finite number");
    return std::nullopt;
}

namespace {

constexpr std::size_t blockSize = 512;

/// scale · 2^(−exponent/k).
double powerOf(const LogGrid& grid, double exponent)
{
    return static_cast<double>(grid.scale) * std::exp2(-exponent / grid.perOctave);
}

/// The largest float that is not above.
float roundedDown(double value)
{
    const auto nearest = static_cast<float>(value);
    return static_cast<double>(nearest) > value ? std::nextafter(nearest, 0.0F) : nearest;
}

/// How many of the thresholds, descending and 2^m − 1 of them, p is not above: m halvings.
std::int32_t searched(const std::vector<float>& thresholds, float p)
{
    std::int32_t place = 0;
    for (auto step = static_cast<std::int32_t>(thresholds.size() + 1) / 2; step > 0; step /= 2)
        place += p <= thresholds[static_cast<std::size_t>(place + step - 1)] ? step : 0;
    return place;
}

constexpr std::int32_t octave = 1 << 23;    ///< between bits of floats
constexpr std::int32_t normalBits = octave; ///< of the smallest normal float
constexpr std::int32_t noBits = 0x7FFFFFFF; ///< more than any number's

std::int32_t bitsOf(float value)
{
    return std::bit_cast<std::int32_t>(value) & noBits;
}

} // namespace

LogLevels::LogLevels(const LogGrid& grid)
{
    assert(!grid.validate());
    const int largest = grid.largest();
    const bool hasZero = grid.zeroState != ZeroState::None;
    for (int code = 0; code <= largest; ++code) {
        m_levels.push_back(static_cast<float>(powerOf(grid, code)));
        // Between powers, and between the last one and 0. No float is a tie: the border is an
        // irrational multiple of the scale.
        if (code < largest || hasZero)
            m_thresholds.push_back(roundedDown(powerOf(grid, code + 0.5)));
    }
    if (hasZero)
        m_levels.push_back(0);
    const auto count = static_cast<std::int32_t>(m_thresholds.size());
    const auto k = static_cast<std::size_t>(grid.perOctave);
    for (std::size_t i = 0; i < k; ++i) {
        m_firstBits[i] = bitsOf(m_thresholds[i]);
        m_counts[i] = (count - static_cast<std::int32_t>(i) + grid.perOctave - 1) / grid.perOctave;
    }
    // Numbers with fewer bits are searched for, and all where rounding was not the same.
    for (std::size_t c = 0; c < m_thresholds.size(); ++c) {
        const std::int32_t bits = bitsOf(m_thresholds[c]);
        if (bits < normalBits)
            m_leastBits = std::max(m_leastBits, 2 * octave);
        else if (bits != m_firstBits[c % k] - static_cast<std::int32_t>(c / k) * octave)
            m_leastBits = noBits;
    }
    std::size_t padded = 1;
    while (padded < m_thresholds.size())
        padded = 2 * padded + 1;
    m_thresholds.resize(padded, -1); // which no probability is below
}

void LogLevels::findPlaces(const float* p, std::int32_t* places, std::size_t count) const
{
    const auto [first, second] = m_firstBits;
    const auto [most, mostOfSecond] = m_counts;
    const std::int32_t all = most + mostOfSecond;
    const std::int32_t least = m_leastBits;
    std::int32_t few = 0;
    // Shifts round down: a p above the first threshold comes to 0 or less.
#pragma omp simd reduction(+ : few)
    for (std::size_t i = 0; i < count; ++i) {
        const std::int32_t bits = bitsOf(p[i]);
        const std::int32_t even = ((first - bits) >> 23) + 1;
        const std::int32_t odd = ((second - bits) >> 23) + 1;
        const std::int32_t place = std::clamp(even, 0, most) + std::clamp(odd, 0, mostOfSecond);
        places[i] = bits == 0 ? all : place;
        few += bits != 0 && bits < least ? 1 : 0;
    }
    for (std::size_t i = 0; i < count && few > 0; ++i)
        if (bitsOf(p[i]) != 0 && bitsOf(p[i]) < least)
            places[i] = searched(m_thresholds, p[i]);
}

template <class Code>
void LogLevels::encodeAs(std::span<const float> p, Code* codes) const
{
    constexpr std::int32_t most = std::numeric_limits<Code>::max();
    std::int64_t bad = 0;
    for (std::size_t first = 0; first < p.size(); first += blockSize) {
        const std::size_t count = std::min(blockSize, p.size() - first);
        const float* values = p.data() + first;
        std::int32_t places[blockSize];
        findPlaces(values, places, count);
        std::int32_t some = 0;
        for (std::size_t i = 0; i < count; ++i) {
            codes[first + i] = static_cast<Code>(std::min(places[i], most));
            some += std::isnan(values[i]) ? 1 : 0;
        }
        bad += some;
    }
    if (bad > 0)
        throw Error(ErrorCode::Numeric, concat("probabilities have ", bad,
                                               bad == 1 ? " value that is" : " values that are",
                                               " NaN, expected numbers, which have codes"));
}

void LogLevels::encode(std::span<const float> p, std::uint16_t* codes) const
{
    encodeAs(p, codes);
}

void LogLevels::encode(std::span<const float> p, std::uint8_t* codes) const
{
    encodeAs(p, codes);
}

void LogLevels::round(std::span<const float> p, float* out) const
{
    const float* levels = m_levels.data();
    for (std::size_t first = 0; first < p.size(); first += blockSize) {
        const std::size_t count = std::min(blockSize, p.size() - first);
        const float* values = p.data() + first;
        std::int32_t places[blockSize];
        findPlaces(values, places, count);
        for (std::size_t i = 0; i < count; ++i)
            out[first + i] = std::isnan(values[i]) ? values[i] : levels[places[i]];
    }
}

namespace {

constexpr std::array percentiles = {0.999, 0.9999, 0.99999};
constexpr std::int64_t grainValues = 1 << 15;

struct ErrorAndSquares
{
    double error = 0;
    double squares = 0;
};

ErrorAndSquares errorOf(std::span<const float> p, const LogGrid& grid)
{
    const LogLevels levels(grid);
    return parallelReduce(
        static_cast<std::int64_t>(p.size()), grainValues, ErrorAndSquares(),
        [&](std::int64_t begin, std::int64_t end) {
            const auto part =
                p.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
            std::vector<float> rounded(part.size());
            levels.round(part, rounded.data());
            double error = 0;
            double squares = 0;
#pragma omp simd reduction(+ : error, squares)
            for (std::size_t i = 0; i < part.size(); ++i) {
                const auto value = static_cast<double>(part[i]);
                const double difference = value - static_cast<double>(rounded[i]);
                error += difference * difference;
                squares += value * value;
            }
            return ErrorAndSquares{error, squares};
        },
        [](ErrorAndSquares& total, const ErrorAndSquares& part) {
            total.error += part.error;
            total.squares += part.squares;
        });
}

} // namespace

LogGrid solveProbabilities(std::span<const float> p, int bits, int perOctave, ZeroState zeroState)
{
    std::vector<float> positive;
    positive.reserve(p.size());
    for (const float value : p) {
        if (!(value >= 0 && std::isfinite(value)))
            throw Error(ErrorCode::Numeric, concat("a probability is ", value,
                                                   ", expected a finite number that is not "
                                                   "negative"));
        if (value > 0)
            positive.push_back(value);
    }
    LogGrid grid;
    grid.bits = bits;
    grid.perOctave = perOctave;
    grid.zeroState = zeroState;
    if (const std::optional<std::string> fault = grid.validate())
        throw Error(ErrorCode::Usage, *fault);
    if (positive.empty())
        return grid;
    const TailQuantiles tails(positive, 1 - percentiles.front());
    std::optional<double> least;
    float best = 1;
    ErrorAndSquares sums;
    for (const double percentile : percentiles) {
        grid.scale = static_cast<float>(tails.at(percentile));
        const ErrorAndSquares own = errorOf(p, grid);
        if (least && !(own.error < *least))
            continue;
        least = own.error;
        best = grid.scale;
        sums = own;
    }
    grid.scale = best;
    grid.relativeError = sums.squares > 0 ? sums.error / sums.squares : 0;
    return grid;
}

} // namespace gradus
