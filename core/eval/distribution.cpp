// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/eval/distribution.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/eval/binning.h"

#include <algorithm>
#include <array>
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

/// Sums of powers of the distance from a mean; parts join exactly (Chan, Golub, LeVeque 1979 and
/// its extension to higher powers, Pébay 2008).
struct CentralSums
{
    double n = 0;
    double mean = 0;
    double m2 = 0;
    double m3 = 0;
    double m4 = 0;
    double lo = std::numeric_limits<double>::infinity();
    double hi = -std::numeric_limits<double>::infinity();

    void join(const CentralSums& b)
    {
        if (b.n == 0)
            return;
        if (n == 0) {
            *this = b;
            return;
        }
        const double total = n + b.n;
        const double delta = b.mean - mean;
        const double step = delta / total;
        const double product = delta * step * n * b.n;
        m4 += b.m4 + product * step * step * (n * n - n * b.n + b.n * b.n) +
              6 * step * step * (n * n * b.m2 + b.n * b.n * m2) + 4 * step * (n * b.m3 - b.n * m3);
        m3 += b.m3 + product * step * (n - b.n) + 3 * step * (n * b.m2 - b.n * m2);
        m2 += b.m2 + product;
        mean += step * b.n;
        n = total;
        lo = std::min(lo, b.lo);
        hi = std::max(hi, b.hi);
    }
};

CentralSums centralSums(std::span<const float> values)
{
    constexpr std::size_t lanes = 8;
    CentralSums s;
    double count[lanes] = {};
    double sum[lanes] = {};
    float lo[lanes];
    float hi[lanes];
    std::fill(lo, lo + lanes, std::numeric_limits<float>::max());
    std::fill(hi, hi + lanes, std::numeric_limits<float>::lowest());
    const auto first = [&](std::size_t j, float x) {
        const bool good = isFinite(x);
        const float kept = good ? x : 0;
        count[j] += good ? 1 : 0;
        sum[j] += static_cast<double>(kept);
        lo[j] = good && x < lo[j] ? x : lo[j];
        hi[j] = good && x > hi[j] ? x : hi[j];
    };
    const std::size_t whole = values.size() / lanes * lanes;
    for (std::size_t i = 0; i < whole; i += lanes)
        for (std::size_t j = 0; j < lanes; ++j)
            first(j, values[i + j]);
    for (std::size_t i = whole; i < values.size(); ++i)
        first(0, values[i]);
    double total = 0;
    for (std::size_t j = 0; j < lanes; ++j) {
        s.n += count[j];
        total += sum[j];
    }
    if (s.n == 0)
        return s;
    s.lo = static_cast<double>(*std::min_element(lo, lo + lanes));
    s.hi = static_cast<double>(*std::max_element(hi, hi + lanes));
    s.mean = total / s.n;
    double m2[lanes] = {};
    double m3[lanes] = {};
    double m4[lanes] = {};
    const double mean = s.mean;
    const auto second = [&](std::size_t j, float x) {
        const double distance = isFinite(x) ? static_cast<double>(x) - mean : 0;
        const double square = distance * distance;
        m2[j] += square;
        m3[j] += square * distance;
        m4[j] += square * square;
    };
    for (std::size_t i = 0; i < whole; i += lanes)
        for (std::size_t j = 0; j < lanes; ++j)
            second(j, values[i + j]);
    for (std::size_t i = whole; i < values.size(); ++i)
        second(0, values[i]);
    for (std::size_t j = 0; j < lanes; ++j) {
        s.m2 += m2[j];
        s.m3 += m3[j];
        s.m4 += m4[j];
    }
    return s;
}

std::span<const float> part(std::span<const float> values, std::int64_t begin, std::int64_t end)
{
    return values.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

} // namespace

Moments moments(std::span<const float> values, const Monitor* monitor)
{
    const CentralSums s = parallelReduce(
        static_cast<std::int64_t>(values.size()), chunk, CentralSums{},
        [&](std::int64_t begin, std::int64_t end) { return centralSums(part(values, begin, end)); },
        [](CentralSums& total, const CentralSums& one) { total.join(one); }, monitor);
    Moments m;
    m.count = static_cast<std::int64_t>(s.n);
    m.nonFinite = static_cast<std::int64_t>(values.size()) - m.count;
    if (m.count == 0)
        return m;
    m.mean = s.mean;
    m.minimum = s.lo;
    m.maximum = s.hi;
    if (s.lo == s.hi) // no spread but that of rounding the mean
        return m;
    const double variance = s.m2 / s.n;
    m.std = std::sqrt(variance);
    if (variance > 0)
        m.excessKurtosis = s.m4 / s.n / (variance * variance) - 3;
    return m;
}

double outlierShare(std::span<const float> values, const Moments& moments, double multiple,
                    const Monitor* monitor)
{
    if (moments.count == 0)
        return 0;
    const double limit = multiple * moments.std;
    const std::int64_t outside = parallelReduce(
        static_cast<std::int64_t>(values.size()), chunk, std::int64_t(0),
        [&](std::int64_t begin, std::int64_t end) {
            std::int64_t count = 0;
            for (const float x : part(values, begin, end))
                count += isFinite(x) && std::fabs(static_cast<double>(x) - moments.mean) > limit;
            return count;
        },
        [](std::int64_t& total, std::int64_t one) { total += one; }, monitor);
    return static_cast<double>(outside) / static_cast<double>(moments.count);
}

Histogram histogram(std::span<const float> values, double lo, double hi, int bins,
                    const Monitor* monitor)
{
    return parallelReduce(
        static_cast<std::int64_t>(values.size()), std::max<std::int64_t>(chunk, 64LL * bins),
        HistogramCounter(lo, hi, bins).counted(),
        [&](std::int64_t begin, std::int64_t end) {
            HistogramCounter counter(lo, hi, bins);
            counter.add(part(values, begin, end));
            return counter.counted();
        },
        [](Histogram& total, const Histogram& one) { join(total, one); }, monitor);
}

// The power grid. With s = max|w| of a granule and u = |w|/s, power-domain rounding
// code = round(N·u^a) is counting thresholds: code = #{i : u ≥ τ_i}, τ_i = ((i + ½)/N)^(1/a), and
// ŵ = s·κ_code, κ_k = (k/N)^(1/a). So no weight needs a power; a table finds the code.

namespace {

/// u is looked up by the leading bits of its double: 2^10 cells in every octave above 2^-64.
constexpr int cellShift = 52 - 10;
constexpr std::uint64_t firstCell = static_cast<std::uint64_t>(1023 - 64) << 10;
constexpr std::size_t cells = 64 * 1024 + 1; ///< the last one is u = 1

std::size_t cellOf(double u)
{
    const std::uint64_t bits = std::bit_cast<std::uint64_t>(u) >> cellShift;
    return bits <= firstCell ? 0 : static_cast<std::size_t>(bits - firstCell);
}
double cellBegin(std::size_t cell)
{
    return cell == 0 ? 0 : std::bit_cast<double>((firstCell + cell) << cellShift);
}

class PowerTable
{
public:
    PowerTable(int levels, double exponent)
        : m_levels(levels)
    {
        assert(levels >= 1 && levels <= 127 && exponent > 0);
        for (int k = 0; k <= levels; ++k)
            m_kappa[index(k)] = std::pow(static_cast<double>(k) / levels, 1 / exponent);
        for (int k = 0; k < levels; ++k)
            m_tau[index(k)] = std::pow((k + 0.5) / levels, 1 / exponent);
        m_tau[index(levels)] = std::numeric_limits<double>::infinity();
    }

    [[nodiscard]] int levels() const { return m_levels; }
    [[nodiscard]] double kappa(int k) const { return m_kappa[index(k)]; }
    [[nodiscard]] double tau(int k) const { return m_tau[index(k)]; }

    /// For each cell the code of its smallest u.
    [[nodiscard]] std::vector<std::uint8_t> cellCodes() const
    {
        std::vector<std::uint8_t> codes(cells);
        int code = 0;
        for (std::size_t cell = 0; cell < cells; ++cell) {
            const double begin = cellBegin(cell);
            while (begin >= tau(code))
                ++code;
            codes[cell] = static_cast<std::uint8_t>(code);
        }
        return codes;
    }

private:
    static std::size_t index(int k) { return static_cast<std::size_t>(k); }
    int m_levels;
    std::array<double, 128> m_kappa{};
    std::array<double, 128> m_tau{};
};

inline int codeOf(double u, const PowerTable& table, const std::vector<std::uint8_t>& codes)
{
    int code = codes[cellOf(u)];
    while (u >= table.tau(code))
        ++code;
    return code;
}

/// The largest magnitude.
inline double scaleOf(std::span<const float> values)
{
    float most = 0;
    for (const float x : values) {
        const float size = isFinite(x) ? std::fabs(x) : 0;
        most = size > most ? size : most;
    }
    return static_cast<double>(most);
}

/// Calls body(values, s) for every granule of rows begin … end; s is its largest magnitude.
template <class Body>
void overAllGranules(ConstMatrixView weight, std::int64_t group, double tensorScale,
                     std::int64_t begin, std::int64_t end, const Body& body)
{
    for (std::int64_t r = begin; r < end; ++r)
        for (std::int64_t c = 0; c < weight.cols; c += group) {
            const std::span<const float> values(
                weight.data + r * weight.stride + c,
                static_cast<std::size_t>(std::min(group, weight.cols - c)));
            body(values, tensorScale < 0 ? scaleOf(values) : tensorScale);
        }
}

/// The same for the granules that are not all zero.
template <class Body>
void overGranules(ConstMatrixView weight, std::int64_t group, double tensorScale,
                  std::int64_t begin, std::int64_t end, const Body& body)
{
    overAllGranules(weight, group, tensorScale, begin, end,
                    [&](std::span<const float> values, double scale) {
                        if (scale > 0)
                            body(values, scale);
                    });
}

/// A weight on its way through many exponents.
struct PowerProblem
{
    ConstMatrixView weight;
    std::int64_t group = 0;
    std::int64_t grain = 1;
    int levels = 1;
    double tensorScale = -1; ///< per tensor: the scale of all granules
    double sumOfSquares = 0;

    PowerProblem(ConstMatrixView w, const Scheme& scheme, const Monitor* monitor)
        : weight(w)
        , group(std::max<std::int64_t>(1, effectiveGroup(scheme, w.cols)))
        , grain(std::max<std::int64_t>(1, chunk / std::max<std::int64_t>(w.cols, 1)))
        , levels((1 << (scheme.bits - 1)) - 1)
    {
        struct Part
        {
            double most = 0;
            double squares = 0;
        };
        const Part all = parallelReduce(
            w.rows, grain, Part{},
            [&](std::int64_t begin, std::int64_t end) {
                Part one;
                for (std::int64_t r = begin; r < end; ++r)
                    for (const float x : w.row(r)) {
                        const double size = isFinite(x) ? std::fabs(static_cast<double>(x)) : 0;
                        one.most = size > one.most ? size : one.most;
                        one.squares += size * size;
                    }
                return one;
            },
            [](Part& total, const Part& one) {
                total.most = std::max(total.most, one.most);
                total.squares += one.squares;
            },
            monitor);
        sumOfSquares = all.squares;
        if (scheme.granularity == Granularity::Tensor)
            tensorScale = all.most;
    }

    [[nodiscard]] double nmse(double exponent, const Monitor* monitor) const
    {
        if (sumOfSquares == 0)
            return 0;
        const PowerTable table(levels, exponent);
        const std::vector<std::uint8_t> codes = table.cellCodes();
        const double error = parallelReduce(
            weight.rows, grain, 0.0,
            [&](std::int64_t begin, std::int64_t end) {
                double sum = 0;
                overGranules(weight, group, tensorScale, begin, end,
                             [&](std::span<const float> values, double scale) {
                                 const double inverse = 1 / scale;
                                 for (const float x : values) {
                                     if (!isFinite(x))
                                         continue;
                                     const double size = std::fabs(static_cast<double>(x));
                                     const int code =
                                         codeOf(std::min(size * inverse, 1.0), table, codes);
                                     const double distance = size - scale * table.kappa(code);
                                     sum += distance * distance;
                                 }
                             });
                return sum;
            },
            [](double& total, double one) { total += one; }, monitor);
        return error / sumOfSquares;
    }
};

/// Σs², Σs²u and Σs²u² of the weights in each cell and all cells before it. The error for any
/// exponent follows from them in microseconds; within a cell that a threshold cuts, weights are
/// taken as evenly spread (the error of the sum stays below 1e-4, enough to search with).
class PowerProfile
{
public:
    PowerProfile(const PowerProblem& problem, const Monitor* monitor)
        : m_levels(problem.levels)
        , m_sumOfSquares(problem.sumOfSquares)
    {
        // Few parts, for each holds a table of 1.5 MB; so many weights can take long between two
        // checkpoints of a chunk that each row asks as well.
        const std::int64_t rows = problem.weight.rows;
        m_sums = parallelReduce(
            rows, std::max<std::int64_t>(1, (rows + 7) / 8), std::vector<Sums>(cells + 1),
            [&](std::int64_t begin, std::int64_t end) {
                std::vector<Sums> one(cells + 1);
                for (std::int64_t r = begin; r < end; ++r) {
                    if (monitor)
                        monitor->checkpoint();
                    overGranules(problem.weight, problem.group, problem.tensorScale, r, r + 1,
                                 [&](std::span<const float> values, double scale) {
                                     add(one, values, scale);
                                 });
                }
                return one;
            },
            [](std::vector<Sums>& total, const std::vector<Sums>& one) {
                for (std::size_t i = 0; i < total.size(); ++i)
                    for (std::size_t k = 0; k < 3; ++k)
                        total[i][k] += one[i][k];
            },
            monitor);
        Sums running{};
        for (Sums& sums : m_sums) { // to sums over all cells before this one
            const Sums own = sums;
            sums = running;
            for (std::size_t k = 0; k < 3; ++k)
                running[k] += own[k];
        }
    }

    [[nodiscard]] double nmse(double exponent) const
    {
        const PowerTable table(m_levels, exponent);
        double error = 0;
        Sums before{};
        for (int code = 0; code <= m_levels; ++code) {
            const Sums upTo = code < m_levels ? below(table.tau(code)) : m_sums[cells];
            const double kappa = table.kappa(code);
            error += std::max(0.0, (upTo[2] - before[2]) - 2 * kappa * (upTo[1] - before[1]) +
                                       kappa * kappa * (upTo[0] - before[0]));
            before = upTo;
        }
        return error / m_sumOfSquares;
    }

private:
    using Sums = std::array<double, 3>;

    static void add(std::vector<Sums>& sums, std::span<const float> values, double scale)
    {
        const double inverse = 1 / scale;
        const double square = scale * scale;
        for (const float x : values) {
            if (!isFinite(x))
                continue;
            const double u = std::min(std::fabs(static_cast<double>(x)) * inverse, 1.0);
            Sums& cell = sums[cellOf(u)];
            cell[0] += square;
            cell[1] += square * u;
            cell[2] += square * u * u;
        }
    }

    [[nodiscard]] Sums below(double u) const
    {
        const std::size_t cell = cellOf(u);
        const double begin = cellBegin(cell);
        const double share = (u - begin) / (cellBegin(cell + 1) - begin);
        Sums sums = m_sums[cell];
        for (std::size_t k = 0; k < 3; ++k)
            sums[k] += share * (m_sums[cell + 1][k] - m_sums[cell][k]);
        return sums;
    }

    int m_levels;
    double m_sumOfSquares;
    std::vector<Sums> m_sums;
};

struct Candidate
{
    double exponent = 1;
    double error = std::numeric_limits<double>::infinity();

    [[nodiscard]] bool betterThan(const Candidate& other) const
    {
        if (error != other.error)
            return error < other.error;
        return std::fabs(exponent - 1) < std::fabs(other.exponent - 1);
    }
};

/// The best exponent in [left, right] that golden-section search meets.
template <class Evaluate>
Candidate goldenSection(double left, double right, int steps, const Evaluate& evaluate)
{
    const double golden = (std::sqrt(5.0) - 1) / 2;
    Candidate a{right - golden * (right - left), 0};
    Candidate b{left + golden * (right - left), 0};
    a.error = evaluate(a.exponent);
    b.error = evaluate(b.exponent);
    Candidate best = a.betterThan(b) ? a : b;
    for (int i = 0; i < steps; ++i) {
        if (a.error <= b.error) {
            right = b.exponent;
            b = a;
            a.exponent = right - golden * (right - left);
            a.error = evaluate(a.exponent);
            best = a.betterThan(best) ? a : best;
        } else {
            left = a.exponent;
            a = b;
            b.exponent = left + golden * (right - left);
            b.error = evaluate(b.exponent);
            best = b.betterThan(best) ? b : best;
        }
    }
    return best;
}

struct Search
{
    std::vector<Candidate> scan; ///< by exponent
    std::vector<Candidate> best; ///< of each basin
};

/// The best of each basin: the error has many tiny local minima and, for heavy tails at three
/// bits, two large ones, so the three best places of a scan are searched on.
template <class Evaluate>
Search searchExponent(const Evaluate& evaluate)
{
    constexpr int points = 96;
    constexpr double least = 0.15;
    constexpr double most = 1.6;
    std::vector<Candidate> scan;
    for (int i = 0; i < points; ++i)
        scan.push_back({least * std::pow(most / least, i / (points - 1.0)), 0});
    for (const double exponent : {0.5, 1.0})
        scan.push_back({exponent, 0});
    std::sort(scan.begin(), scan.end(),
              [](const Candidate& a, const Candidate& b) { return a.exponent < b.exponent; });
    for (Candidate& candidate : scan)
        candidate.error = evaluate(candidate.exponent);
    std::vector<std::size_t> order(scan.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return scan[a].betterThan(scan[b]); });
    std::vector<Candidate> best;
    for (std::size_t i = 0; i < 3; ++i) {
        const std::size_t at = order[i];
        best.push_back(scan[at]);
        best.push_back(goldenSection(scan[at > 0 ? at - 1 : 0].exponent,
                                     scan[std::min(at + 1, scan.size() - 1)].exponent, 25,
                                     evaluate));
    }
    return {std::move(scan), std::move(best)};
}

/// searchExponent and the exact errors of what it found.
struct Fit
{
    std::vector<Candidate> scan;
    ExponentFit fit;
};

Fit fitAndScan(ConstMatrixView weight, const Scheme& scheme, Monitor& monitor)
{
    const PowerProblem problem(weight, scheme, &monitor);
    if (problem.sumOfSquares == 0)
        return {searchExponent([](double) { return 0.0; }).scan, {}};
    const auto exact = [&](double exponent) { return problem.nmse(exponent, &monitor); };
    // Few weights are searched exactly; many by their profile, with the winners evaluated exactly.
    constexpr std::int64_t few = 1 << 17;
    Search search;
    if (weight.rows * weight.cols <= few) {
        search = searchExponent(exact);
    } else {
        const PowerProfile profile(problem, &monitor);
        search = searchExponent([&](double exponent) { return profile.nmse(exponent); });
        for (Candidate& candidate : search.best)
            candidate.error = exact(candidate.exponent);
    }
    Fit result;
    Candidate best{1, exact(1)};
    result.fit.uniformNmse = best.error;
    for (const Candidate& candidate : search.best)
        best = candidate.betterThan(best) ? candidate : best;
    result.fit.bestExponent = best.exponent;
    result.fit.bestNmse = best.error;
    result.scan = std::move(search.scan);
    return result;
}

} // namespace

double powerGridNmse(ConstMatrixView weight, const Scheme& scheme, double exponent,
                     const Monitor* monitor)
{
    return PowerProblem(weight, scheme, monitor).nmse(exponent, monitor);
}

ExponentFit fitExponent(ConstMatrixView weight, const Scheme& scheme, Monitor& monitor)
{
    return fitAndScan(weight, scheme, monitor).fit;
}

ExponentCurve exponentCurve(ConstMatrixView weight, const Scheme& scheme, Monitor& monitor)
{
    const Fit fit = fitAndScan(weight, scheme, monitor);
    ExponentCurve curve;
    curve.fit = fit.fit;
    for (const Candidate& candidate : fit.scan) {
        curve.exponents.push_back(candidate.exponent);
        curve.nmse.push_back(candidate.exponent == 1 ? fit.fit.uniformNmse : candidate.error);
    }
    return curve;
}

PowerGridView powerGridView(ConstMatrixView weight, const Scheme& scheme, double exponent,
                            double lo, double hi, int bins, Monitor& monitor)
{
    if (!(exponent > 0) || !std::isfinite(exponent))
        throw Error(ErrorCode::Usage,
                    concat("the exponent is ", exponent, ", expected a positive number"));
    const PowerProblem problem(weight, scheme, &monitor);
    const PowerTable table(problem.levels, exponent);
    const std::vector<std::uint8_t> codes = table.cellCodes();
    struct Part
    {
        double error = 0;
        Histogram dequantized;
    };
    const Part all = parallelReduce(
        weight.rows, problem.grain, Part{0, HistogramCounter(lo, hi, bins).counted()},
        [&](std::int64_t begin, std::int64_t end) {
            Part one;
            HistogramCounter counter(lo, hi, bins);
            std::vector<float> decoded;
            overAllGranules(
                weight, problem.group, problem.tensorScale, begin, end,
                [&](std::span<const float> values, double scale) {
                    decoded.clear();
                    const double inverse = scale > 0 ? 1 / scale : 0;
                    for (const float x : values) {
                        if (!isFinite(x))
                            continue;
                        const double size = std::fabs(static_cast<double>(x));
                        const double nearest =
                            scale *
                            table.kappa(codeOf(std::min(size * inverse, 1.0), table, codes));
                        one.error += (size - nearest) * (size - nearest);
                        decoded.push_back(static_cast<float>(std::copysign(nearest, x)));
                    }
                    counter.add(decoded);
                });
            one.dequantized = counter.counted();
            return one;
        },
        [](Part& total, const Part& one) {
            total.error += one.error;
            join(total.dequantized, one.dequantized);
        },
        &monitor);
    PowerGridView view;
    view.exponent = exponent;
    view.nmse = problem.sumOfSquares > 0 ? all.error / problem.sumOfSquares : 0;
    view.dequantized = all.dequantized;
    double first = 0;
    if (weight.rows > 0 && weight.cols > 0)
        first = problem.tensorScale >= 0 ? problem.tensorScale
                                         : scaleOf(weight.row(0).first(static_cast<std::size_t>(
                                               std::min(problem.group, weight.cols))));
    for (int k = -problem.levels; k <= problem.levels; ++k) {
        const auto level =
            static_cast<float>(std::copysign(first * table.kappa(std::abs(k)), k)) + 0.0F;
        if (view.levels.empty() || level != view.levels.back())
            view.levels.push_back(level);
    }
    return view;
}

} // namespace gradus
