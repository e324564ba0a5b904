// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/power_fit.h"

#include "core/base/parallel.h"
#include "core/quant/grid.h"
#include "core/quant/methods/power_norm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>

namespace gradus {

namespace {

/// Rounds of exponent and scales of granules in turn.
constexpr int mostRounds = 5;
constexpr double worthwhile = 1 - 1e-4;

/// Weights that are sorted, at 28 bytes each; and when the result is but a step on the way.
constexpr std::int64_t mostSorted = 1 << 22;
constexpr std::int64_t mostSortedInTurn = 1 << 17;

/// The errors of a weight as its problem counts them.
class CountedErrors
{
public:
    /// Of more than `many` weights by bins.
    CountedErrors(const PowerFitProblem& problem, std::span<const float> scales,
                  const Monitor& monitor, std::int64_t many = mostSorted)
    {
        if (problem.norm != 2) {
            m_norm.emplace(problem.weight, problem.scheme, scales, problem.norm, monitor);
            m_total = m_norm->total();
            return;
        }
        if (problem.weight.rows * problem.weight.cols > many)
            m_squares = std::make_shared<const PowerErrors>(
                PowerErrors::binned(problem.weight, problem.scheme, scales, monitor));
        else if (problem.source && *problem.source)
            m_squares = (*problem.source)(problem.scheme, scales);
        else
            m_squares = std::make_shared<const PowerErrors>(
                PowerErrors::sorted(problem.weight, problem.scheme, scales, monitor));
        m_total = m_squares->energy();
    }

    [[nodiscard]] double operator()(const PreparedLevels& levels, double clip) const
    {
        return m_norm ? m_norm->error(levels, clip)
                      : m_squares->error(levels.magnitudes, levels.thresholds, clip);
    }
    [[nodiscard]] PowerObjective objective() const
    {
        return [this](const PreparedLevels& levels, double clip) { return (*this)(levels, clip); };
    }
    /// 0 for none.
    [[nodiscard]] double guess() const
    {
        return m_squares && m_total > 0 ? m_squares->predictedExponent() : 0;
    }

private:
    std::shared_ptr<const PowerErrors> m_squares;
    std::optional<PowerNormErrors> m_norm;
    double m_total = 0;
};

double stored(double exponent)
{
    return static_cast<double>(static_cast<float>(exponent));
}

/// The best exponent for scales that are a share of those of the errors.
double searchAt(const PowerFitProblem& problem, const CountedErrors& errors, double clip,
                const Monitor& monitor)
{
    if (problem.family.fixedExponent)
        return *problem.family.fixedExponent;
    const auto error = [&](double exponent) {
        monitor.checkpoint();
        return errors(PreparedLevels(problem.family, exponent), clip);
    };
    if (problem.search == ExponentSearch::Exact)
        return searchExponent(error, errors.guess(), problem.family.exponents).exponent;
    const ExponentPoint walked = nelderMeadExponent(error);
    if (problem.family.exponents == ExponentChoice::Free)
        return walked.exponent; // wherever the paper's search ends
    return chosenExponent(walked, {0.5, error(0.5)}, {1, error(1)}, problem.family.exponents)
        .exponent;
}

/// Exponent and clip for all granules alike.
PowerFit searchCommonClip(const PowerFitProblem& problem, const Monitor& monitor)
{
    const CountedErrors errors(problem, problem.largest, monitor);
    const PowerObjective objective = errors.objective();
    if (problem.search == ExponentSearch::Exact || problem.family.fixedExponent)
        return searchPowerGrid(objective, errors.guess(), problem.family, problem.minimumClip,
                               monitor);
    PowerFit fit = searchClip(objective, PreparedLevels(problem.family, 1), problem.minimumClip);
    for (int round = 0; round < mostRounds; ++round) {
        const double exponent = searchAt(problem, errors, fit.clip, monitor);
        const PowerFit next =
            searchClip(objective, PreparedLevels(problem.family, exponent), problem.minimumClip);
        if (!(next.error < fit.error * worthwhile))
            break;
        fit = next;
    }
    return fit;
}

/// The scale of least error for one granule: 60 shares of its largest magnitude in geometric order,
/// then halved steps about the best. The widest wins ties.
float granuleScale(std::span<const float> values, float largest, float current,
                   const DirectPowerGrid& grid, const PowerFitProblem& problem,
                   const Monitor& monitor)
{
    constexpr int steps = 60;
    constexpr int halvings = 6;
    const DType type = problem.scheme.scaleType;
    float best = storedScaleAbove(static_cast<double>(largest), type);
    if (!(largest > 0))
        return best;
    double least = grid.error(values, best, problem.norm);
    double bestClip = 1;
    float last = best;
    const auto consider = [&](double clip) {
        const float scale = storedScaleAbove(clip * static_cast<double>(largest), type);
        if (scale == last)
            return;
        last = scale;
        monitor.checkpoint();
        const double error = grid.error(values, scale, problem.norm);
        if (error < least || (error == least && scale > best)) {
            least = error;
            best = scale;
            bestClip = clip;
        }
    };
    for (int i = 1; i < steps; ++i)
        consider(std::pow(problem.minimumClip, i / (steps - 1.0)));
    double step = -std::log(problem.minimumClip) / (steps - 1);
    for (int i = 0; i < halvings; ++i) {
        step /= 2;
        const double center = bestClip;
        consider(std::min(1.0, center * std::exp(step)));
        consider(std::max(problem.minimumClip, center * std::exp(-step)));
    }
    if (current > 0)
        consider(static_cast<double>(current) / static_cast<double>(largest));
    return best;
}

std::vector<float> granuleScales(const PowerFitProblem& problem, double exponent,
                                 std::span<const float> current, const Monitor& monitor)
{
    constexpr std::int64_t taskWeights = 1 << 15;
    const ConstMatrixView weight = problem.weight;
    std::vector<float> scales(problem.largest.size());
    const DirectPowerGrid grid(problem.scheme, exponent, problem.family.rounding);
    parallelFor(
        weight.rows,
        std::max<std::int64_t>(1, taskWeights / std::max<std::int64_t>(weight.cols, 1)),
        [&](std::int64_t begin, std::int64_t end) {
            const std::int64_t perRow = groupsPerRow(problem.scheme, weight.cols);
            for (std::int64_t r = begin; r < end; ++r) {
                auto at = static_cast<std::size_t>(r * perRow);
                overGranules(weight, problem.scheme, r, problem.largest,
                             [&](std::span<const float> values, float largest, std::int64_t) {
                                 scales[at] = granuleScale(values, largest,
                                                           current.empty() ? 0 : current[at], grid,
                                                           problem, monitor);
                                 ++at;
                             });
            }
        },
        &monitor);
    return scales;
}

bool clipsGranules(const PowerFitProblem& problem)
{
    return problem.clip == PowerClip::Granule && problem.scheme.granularity != Granularity::Tensor;
}

FittedGrids measured(const PowerFitProblem& problem, std::vector<float> scales, double exponent,
                     const Monitor& monitor)
{
    FittedGrids fitted{{std::move(scales), {static_cast<float>(exponent)}}, 0};
    fitted.error = powerError(problem.weight, problem.scheme, fitted.grids, problem.family.rounding,
                              problem.norm, monitor);
    return fitted;
}

/// Exponent and the scales of granules in turn, while that lowers the error.
FittedGrids alternated(const PowerFitProblem& problem, FittedGrids best, int rounds,
                       const Monitor& monitor)
{
    for (int round = 0; round < rounds; ++round) {
        PowerFitProblem turn = problem;
        turn.source = nullptr; // these scales do not come again
        const CountedErrors errors(turn, best.grids.scales, monitor, mostSortedInTurn);
        const double exponent = stored(searchAt(turn, errors, 1, monitor));
        FittedGrids next =
            measured(problem, granuleScales(problem, exponent, best.grids.scales, monitor),
                     exponent, monitor);
        if (!(next.error < best.error))
            break;
        const bool settled = next.error > best.error * worthwhile;
        best = std::move(next);
        if (settled)
            break;
    }
    return best;
}

/// At a given exponent, the scales that the problem's clip asks for.
FittedGrids fitScales(const PowerFitProblem& problem, double exponent, const Monitor& monitor)
{
    if (clipsGranules(problem))
        return measured(problem, granuleScales(problem, exponent, {}, monitor), exponent, monitor);
    double clip = 1;
    if (problem.clip != PowerClip::None) {
        const CountedErrors errors(problem, problem.largest, monitor);
        clip = searchClip(errors.objective(), PreparedLevels(problem.family, exponent),
                          problem.minimumClip)
                   .clip;
    }
    FittedGrids fitted = measured(
        problem, clippedScales(problem.largest, clip, problem.scheme.scaleType), exponent, monitor);
    if (clip == 1)
        return fitted;
    // Rounded scales may turn a tiny gain into a loss.
    FittedGrids wide = measured(
        problem, clippedScales(problem.largest, 1, problem.scheme.scaleType), exponent, monitor);
    return wide.error <= fitted.error ? wide : fitted;
}

} // namespace

std::vector<float> clippedScales(std::span<const float> largest, double clip, DType type)
{
    std::vector<float> scales;
    scales.reserve(largest.size());
    for (const float magnitude : largest)
        scales.push_back(storedScaleAbove(clip * static_cast<double>(magnitude), type));
    return scales;
}

FittedGrids fitUniformGrids(const PowerFitProblem& problem, const Monitor& monitor)
{
    return fitScales(problem, 1, monitor);
}

FittedGrids fitPowerGrids(const PowerFitProblem& problem, const Monitor& monitor)
{
    const DType type = problem.scheme.scaleType;
    FittedGrids fitted;
    if (problem.clip == PowerClip::None) {
        std::vector<float> scales = clippedScales(problem.largest, 1, type);
        const double exponent =
            problem.family.fixedExponent // nothing to sort for
                ? *problem.family.fixedExponent
                : searchAt(problem, CountedErrors(problem, scales, monitor), 1, monitor);
        fitted = measured(problem, std::move(scales), exponent, monitor);
    } else {
        const PowerFit fit = searchCommonClip(problem, monitor);
        fitted = measured(problem, clippedScales(problem.largest, fit.clip, type),
                          stored(fit.exponent), monitor);
        if (clipsGranules(problem)) {
            const FittedGrids own = measured(
                problem, granuleScales(problem, stored(fit.exponent), fitted.grids.scales, monitor),
                stored(fit.exponent), monitor);
            fitted =
                alternated(problem, own.error < fitted.error ? own : fitted, mostRounds, monitor);
        }
    }
    if (problem.family.fixedExponent.has_value() || fitted.grids.exponents[0] == 1)
        return fitted;
    FittedGrids uniform = fitUniformGrids(problem, monitor);
    return uniform.error <= fitted.error ? uniform : fitted;
}

FittedGrids fitRowExponents(const PowerFitProblem& problem, const FittedGrids& start,
                            const Monitor& monitor)
{
    constexpr int rounds = 3;
    const std::int64_t rows = problem.weight.rows;
    const std::int64_t cols = problem.weight.cols;
    const bool tensor = problem.scheme.granularity == Granularity::Tensor;
    const auto perRow = static_cast<std::size_t>(groupsPerRow(problem.scheme, cols));
    FittedGrids result{{start.grids.scales, std::vector<float>(static_cast<std::size_t>(rows),
                                                               start.grids.exponents[0])},
                       0};
    std::vector<double> errors = powerRowErrors(problem.weight, problem.scheme, start.grids,
                                                problem.family.rounding, problem.norm, monitor);
    parallelFor(
        rows, 1,
        [&](std::int64_t begin, std::int64_t end) {
            for (auto r = static_cast<std::size_t>(begin); r < static_cast<std::size_t>(end); ++r) {
                PowerFitProblem row = problem;
                row.source = nullptr;
                row.weight =
                    problem.weight.block(static_cast<std::int64_t>(r), 0, 1, problem.weight.cols);
                const std::size_t first = tensor ? 0 : r * perRow;
                const std::size_t count = tensor ? 1 : perRow;
                row.largest = problem.largest.subspan(first, count);
                std::vector<float> scales(
                    start.grids.scales.begin() + static_cast<std::ptrdiff_t>(first),
                    start.grids.scales.begin() + static_cast<std::ptrdiff_t>(first + count));
                const CountedErrors counted(row, scales, monitor);
                FittedGrids found =
                    measured(row, scales, stored(searchAt(row, counted, 1, monitor)), monitor);
                if (!(found.error < errors[r]))
                    found = {{std::move(scales), {start.grids.exponents[0]}}, errors[r]};
                if (clipsGranules(row))
                    found = alternated(row, std::move(found), rounds, monitor);
                errors[r] = found.error;
                result.grids.exponents[r] = found.grids.exponents[0];
                if (!tensor)
                    std::copy(found.grids.scales.begin(), found.grids.scales.end(),
                              result.grids.scales.begin() + static_cast<std::ptrdiff_t>(first));
            }
        },
        &monitor);
    for (const double error : errors)
        result.error += error;
    return result;
}

} // namespace gradus
