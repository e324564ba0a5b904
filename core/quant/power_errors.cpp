// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/power_errors.h"

#include "core/base/parallel.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>

namespace gradus {

namespace {

constexpr std::int64_t chunk = 1 << 16;

bool isFinite(float x)
{
    return (std::bit_cast<std::uint32_t>(x) & 0x7F800000U) != 0x7F800000U;
}

/// Values begin … end of the matrix, row by row, as runs that share a scale:
/// body(values, scale number, place of the first).
template <class Body>
void overRuns(ConstMatrixView weight, const Scheme& scheme, std::int64_t begin, std::int64_t end,
              const Body& body)
{
    const bool tensor = scheme.granularity == Granularity::Tensor;
    const std::int64_t group = std::max<std::int64_t>(1, effectiveGroup(scheme, weight.cols));
    const std::int64_t perRow = groupsPerRow(scheme, weight.cols);
    for (std::int64_t at = begin; at < end;) {
        const std::int64_t r = at / weight.cols;
        const std::int64_t c = at % weight.cols;
        const std::int64_t g = c / group;
        const std::int64_t count =
            std::min({(g + 1) * group, weight.cols, c + end - at}) - c; // of this granule and range
        body(std::span<const float>(weight.data + r * weight.stride + c,
                                    static_cast<std::size_t>(count)),
             static_cast<std::size_t>(tensor ? 0 : r * perRow + g), at);
        at += count;
    }
}

/// The largest magnitude within limits.
float largestOf(std::span<const float> values, float low, float high)
{
    float most = 0;
    for (const float x : values) {
        const float size = x < 0 ? -std::max(x, low) : std::min(x, high);
        most = isFinite(x) && size > most ? size : most;
    }
    return most;
}

/// A weight on its way to its place: its u is what it is sorted by, the others stay exact.
struct Entry
{
    float u = 0;
    float size = 0;
    float scale = 0;
};

Entry entryOf(float x, float scale)
{
    if (!isFinite(x) || !(scale > 0)) // of no consequence anywhere
        return {std::numeric_limits<float>::max(), 0, 0};
    const float size = std::fabs(x);
    return {std::min(size / scale, std::numeric_limits<float>::max()), size, scale};
}

/// By u with a fixed order among equals.
bool before(const Entry& a, const Entry& b)
{
    if (a.u != b.u)
        return a.u < b.u;
    return a.scale != b.scale ? a.scale < b.scale : a.size < b.size;
}

constexpr int digitBits = 11;
constexpr std::size_t digits = std::size_t(1) << digitBits;

std::size_t digitOf(const Entry& entry, int pass)
{
    return std::bit_cast<std::uint32_t>(entry.u) >> (pass * digitBits) & (digits - 1);
}

/// Stable: by one digit after the other, from the last on. Positive floats are in the order of
/// their bits. Chunks count and place their entries by themselves.
void radixSort(std::vector<Entry>& entries, const Monitor& monitor)
{
    const auto count = static_cast<std::int64_t>(entries.size());
    const std::int64_t grain = std::max(chunk, (count + 255) / 256);
    const auto chunks = static_cast<std::size_t>((count + grain - 1) / grain);
    std::vector<Entry> other(entries.size());
    std::vector<std::int64_t> places(chunks * digits);
    for (int pass = 0; pass < 3; ++pass) {
        parallelFor(
            count, grain,
            [&](std::int64_t begin, std::int64_t end) {
                std::int64_t* own =
                    places.data() + static_cast<std::size_t>(begin / grain) * digits;
                std::fill(own, own + digits, 0);
                for (std::int64_t i = begin; i < end; ++i)
                    ++own[digitOf(entries[static_cast<std::size_t>(i)], pass)];
            },
            &monitor);
        std::int64_t place = 0;
        for (std::size_t digit = 0; digit < digits; ++digit)
            for (std::size_t k = 0; k < chunks; ++k) {
                const std::int64_t own = places[k * digits + digit];
                places[k * digits + digit] = place;
                place += own;
            }
        parallelFor(
            count, grain,
            [&](std::int64_t begin, std::int64_t end) {
                std::int64_t* own =
                    places.data() + static_cast<std::size_t>(begin / grain) * digits;
                for (std::int64_t i = begin; i < end; ++i) {
                    const Entry& entry = entries[static_cast<std::size_t>(i)];
                    other[static_cast<std::size_t>(own[digitOf(entry, pass)]++)] = entry;
                }
            },
            &monitor);
        entries.swap(other);
    }
}

/// A sum that keeps what its additions lose (Neumaier 1974): differences of prefix sums are small.
struct ExactSum
{
    double sum = 0;
    double lost = 0;

    void add(double x)
    {
        const double total = sum + x;
        lost += std::fabs(sum) >= std::fabs(x) ? (sum - total) + x : (x - total) + sum;
        sum = total;
    }
    [[nodiscard]] double value() const { return sum + lost; }
};
struct ExactSums
{
    std::array<ExactSum, 3> parts;

    void add(const Entry& entry)
    {
        const auto s = static_cast<double>(entry.scale);
        const auto w = static_cast<double>(entry.size);
        parts[0].add(s * s);
        parts[1].add(s * w);
        parts[2].add(w * w);
    }
    void join(const ExactSums& other)
    {
        for (std::size_t k = 0; k < 3; ++k) {
            parts[k].add(other.parts[k].sum);
            parts[k].lost += other.parts[k].lost;
        }
    }
    [[nodiscard]] std::array<double, 3> values() const
    {
        return {parts[0].value(), parts[1].value(), parts[2].value()};
    }
};

// Bins: 2^10 to every octave between 2^-24 and 2^8, found by the leading bits of the float.
constexpr int binShift = 23 - 10;
constexpr std::uint32_t firstBin = static_cast<std::uint32_t>(127 - 24) << 10;
constexpr std::uint32_t lastBin = (static_cast<std::uint32_t>(127 + 8) << 10) - firstBin;

std::size_t binOf(float u)
{
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(u) >> binShift;
    return bits <= firstBin ? 0 : std::min(bits - firstBin, lastBin);
}
float binBegin(std::size_t bin)
{
    return bin == 0
               ? 0
               : std::bit_cast<float>((firstBin + static_cast<std::uint32_t>(bin)) << binShift);
}

} // namespace

std::vector<float> granuleMagnitudes(ConstMatrixView weight, const Scheme& scheme,
                                     const Monitor& monitor)
{
    const float unlimited = std::numeric_limits<float>::max();
    const float low = scheme.clip ? scheme.clip->low : -unlimited;
    const float high = scheme.clip ? scheme.clip->high : unlimited;
    std::vector<float> largest(
        static_cast<std::size_t>(scaleCount(scheme, weight.rows, weight.cols)));
    if (weight.rows == 0 || weight.cols == 0)
        return largest;
    if (scheme.granularity == Granularity::Tensor) {
        largest[0] = parallelReduce(
            weight.rows * weight.cols, chunk, 0.0F,
            [&](std::int64_t begin, std::int64_t end) {
                float most = 0;
                overRuns(weight, scheme, begin, end,
                         [&](std::span<const float> values, std::size_t, std::int64_t) {
                             most = std::max(most, largestOf(values, low, high));
                         });
                return most;
            },
            [](float& total, float one) { total = std::max(total, one); }, &monitor);
        return largest;
    }
    parallelFor(
        weight.rows, std::max<std::int64_t>(1, chunk / weight.cols),
        [&](std::int64_t begin, std::int64_t end) {
            overRuns(weight, scheme, begin * weight.cols, end * weight.cols,
                     [&](std::span<const float> values, std::size_t scale, std::int64_t) {
                         largest[scale] = largestOf(values, low, high);
                     });
        },
        &monitor);
    return largest;
}

PowerErrors PowerErrors::sorted(ConstMatrixView weight, const Scheme& scheme, Monitor& monitor)
{
    return sorted(weight, scheme, granuleMagnitudes(weight, scheme, monitor), monitor);
}

PowerErrors PowerErrors::binned(ConstMatrixView weight, const Scheme& scheme, Monitor& monitor)
{
    return binned(weight, scheme, granuleMagnitudes(weight, scheme, monitor), monitor);
}

PowerErrors PowerErrors::sorted(ConstMatrixView weight, const Scheme& scheme,
                                std::span<const float> scales, const Monitor& monitor)
{
    const std::int64_t count = weight.rows * weight.cols;
    std::vector<Entry> entries(static_cast<std::size_t>(count));
    parallelFor(
        count, chunk,
        [&](std::int64_t begin, std::int64_t end) {
            overRuns(weight, scheme, begin, end,
                     [&](std::span<const float> values, std::size_t scale, std::int64_t at) {
                         Entry* out = entries.data() + at;
                         for (const float x : values)
                             *out++ = entryOf(x, scales[scale]);
                     });
        },
        &monitor);
    constexpr std::int64_t few = 1 << 12;
    if (count <= few)
        std::sort(entries.begin(), entries.end(), before);
    else
        radixSort(entries, monitor);

    PowerErrors errors;
    errors.m_magnitudes.resize(entries.size());
    errors.m_sums.resize(entries.size() + 1);
    const std::int64_t grain = std::max(chunk, (count + 255) / 256);
    std::vector<ExactSums> starts(static_cast<std::size_t>((count + grain - 1) / grain) + 1);
    parallelFor(
        count, grain,
        [&](std::int64_t begin, std::int64_t end) {
            ExactSums own;
            for (std::int64_t i = begin; i < end; ++i)
                own.add(entries[static_cast<std::size_t>(i)]);
            starts[static_cast<std::size_t>(begin / grain) + 1] = own;
        },
        &monitor);
    for (std::size_t k = 1; k < starts.size(); ++k) {
        ExactSums sum = starts[k - 1];
        sum.join(starts[k]);
        starts[k] = sum;
    }
    parallelFor(
        count, grain,
        [&](std::int64_t begin, std::int64_t end) {
            ExactSums running = starts[static_cast<std::size_t>(begin / grain)];
            for (std::int64_t i = begin; i < end; ++i) {
                const Entry& entry = entries[static_cast<std::size_t>(i)];
                errors.m_magnitudes[static_cast<std::size_t>(i)] = entry.u;
                running.add(entry);
                errors.m_sums[static_cast<std::size_t>(i) + 1] = running.values();
            }
        },
        &monitor);
    return errors;
}

PowerErrors PowerErrors::binned(ConstMatrixView weight, const Scheme& scheme,
                                std::span<const float> scales, const Monitor& monitor)
{
    constexpr std::size_t bins = lastBin + 1;
    const std::int64_t count = weight.rows * weight.cols;
    // Few parts, for each holds a table of 800 KB; each asks often whether to stop.
    const std::int64_t grain = std::max(chunk, (count + 7) / 8);
    const std::vector<Sums> all = parallelReduce(
        count, grain, std::vector<Sums>(bins),
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<Sums> one(bins);
            for (std::int64_t at = begin; at < end; at += chunk) {
                monitor.checkpoint();
                overRuns(weight, scheme, at, std::min(at + chunk, end),
                         [&](std::span<const float> values, std::size_t scale, std::int64_t) {
                             for (const float x : values) {
                                 const Entry entry = entryOf(x, scales[scale]);
                                 const auto s = static_cast<double>(entry.scale);
                                 const auto w = static_cast<double>(entry.size);
                                 Sums& sums = one[binOf(entry.u)];
                                 sums[0] += s * s;
                                 sums[1] += s * w;
                                 sums[2] += w * w;
                             }
                         });
            }
            return one;
        },
        [](std::vector<Sums>& total, const std::vector<Sums>& one) {
            for (std::size_t i = 0; i < bins; ++i)
                for (std::size_t k = 0; k < 3; ++k)
                    total[i][k] += one[i][k];
        },
        &monitor);
    PowerErrors errors;
    errors.m_binned = true;
    errors.m_magnitudes.resize(bins);
    errors.m_sums.resize(bins + 1);
    for (std::size_t i = 0; i < bins; ++i) {
        errors.m_magnitudes[i] = binBegin(i);
        for (std::size_t k = 0; k < 3; ++k)
            errors.m_sums[i + 1][k] = errors.m_sums[i][k] + all[i][k];
    }
    return errors;
}

PowerErrors::Sums PowerErrors::below(double magnitude) const
{
    // Compared as floats, as codes are chosen.
    const auto border = static_cast<float>(magnitude);
    const auto found = std::lower_bound(m_magnitudes.begin(), m_magnitudes.end(), border);
    const auto at = static_cast<std::size_t>(found - m_magnitudes.begin());
    if (!m_binned || at == 0 || at == m_magnitudes.size())
        return m_sums[at];
    // Within the bin that the border cuts, magnitudes are taken as evenly spread: the part below it
    // has its share of the sums, less what it is smaller on the average.
    const auto begin = static_cast<double>(m_magnitudes[at - 1]);
    const double width = static_cast<double>(m_magnitudes[at]) - begin;
    const double share = (static_cast<double>(border) - begin) / width;
    Sums sums = m_sums[at - 1];
    Sums own;
    for (std::size_t k = 0; k < 3; ++k)
        own[k] = m_sums[at][k] - sums[k];
    const double lack = share * (1 - share) * width * own[0];
    sums[0] += share * own[0];
    sums[1] += share * own[1] - lack / 2;
    sums[2] += share * own[2] - lack * (begin + width * (1 + share) / 3);
    return sums;
}

double PowerErrors::error(const PowerLevels& levels, PowerRounding rounding, double clip) const
{
    return error(levels.magnitudes(), levels.thresholds(rounding), clip);
}

double PowerErrors::error(std::span<const double> magnitudes, std::span<const double> thresholds,
                          double clip) const
{
    assert(magnitudes.size() == thresholds.size() + 1 && clip > 0);
    double error = 0;
    Sums before{};
    for (std::size_t i = 0; i < magnitudes.size(); ++i) { // nupes.md, equation (4)
        const Sums upTo = i < thresholds.size() ? below(thresholds[i] * clip) : m_sums.back();
        const double level = magnitudes[i] * clip;
        error += std::max(0.0, (upTo[2] - before[2]) - 2 * level * (upTo[1] - before[1]) +
                                   level * level * (upTo[0] - before[0]));
        before = upTo;
    }
    return error;
}

double PowerErrors::energy() const
{
    return m_sums.empty() ? 0 : m_sums.back()[2];
}

double PowerErrors::nmse(const PowerLevels& levels, PowerRounding rounding, double clip) const
{
    const double all = energy();
    return all > 0 ? error(levels, rounding, clip) / all : 0;
}

/// A border that the largest magnitudes themselves stay below.
double PowerErrors::justAbove(double clip) const
{
    return clip * (1 + (m_binned ? 0x1p-10 : 0x1p-20));
}

/// Magnitudes up to the clip, 64 pieces to an octave, relative to it. Zeros are left out.
std::vector<PowerErrors::Piece> PowerErrors::pieces(double clip) const
{
    constexpr int octaves = 40;
    constexpr int perOctave = 64;
    std::vector<Piece> result;
    Sums before = below(clip * std::exp2(-octaves));
    for (int i = 1; i <= octaves * perOctave; ++i) {
        const bool last = i == octaves * perOctave;
        const double end = std::exp2(static_cast<double>(i) / perOctave - octaves);
        const Sums upTo = below(last ? justAbove(clip) : clip * end);
        const double mass = upTo[0] - before[0];
        const double mean = mass > 0 ? (upTo[1] - before[1]) / mass / clip : 0;
        if (mean > 0)
            result.push_back({std::min(mean, 1.0), mass});
        before = upTo;
    }
    return result;
}

double PowerErrors::predictedExponent(double clip) const
{
    const std::vector<Piece> all = pieces(clip);
    if (all.empty())
        return 1;
    std::vector<double> logs;
    for (const Piece& piece : all)
        logs.push_back(std::log(piece.magnitude));
    double low = 0.1;
    double high = 1.45;
    for (int step = 0; step < 30; ++step) {
        const double a = (low + high) / 2;
        double sum = 0;
        double weighted = 0;
        for (std::size_t i = 0; i < all.size(); ++i) {
            const double power = all[i].mass * std::exp((2 - 2 * a) * logs[i]);
            sum += power;
            weighted += power * logs[i];
        }
        // The slope of log D(a) is −2 (1/a + weighted/sum), and log D is convex.
        (1 / a + weighted / sum > 0 ? low : high) = a;
    }
    return (low + high) / 2;
}

double PowerErrors::predictedNmse(int largest, double exponent, double clip) const
{
    const double all = energy();
    if (!(all > 0))
        return 0;
    double sum = 0;
    for (const Piece& piece : pieces(clip))
        sum += piece.mass * std::pow(piece.magnitude, 2 - 2 * exponent);
    const double n = largest;
    const Sums within = below(justAbove(clip));
    const double beyond = (m_sums.back()[2] - within[2]) -
                          2 * clip * (m_sums.back()[1] - within[1]) +
                          clip * clip * (m_sums.back()[0] - within[0]);
    return (clip * clip * sum / (12 * n * n * exponent * exponent) + std::max(0.0, beyond)) / all;
}

} // namespace gradus
