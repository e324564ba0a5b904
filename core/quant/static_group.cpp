// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/static_group.h"

#include "core/base/parallel.h"
#include "core/data/calibration.h"
#include "core/quant/dual_clipping.h"
#include "core/quant/reconstruction.h"
#include "core/tensor/row_product.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

namespace gradus {

namespace {

constexpr std::int64_t rowGrain = 64;

/// The last one of five parts judges, the others are fitted: whole samples, as rows of one are much
/// alike.
constexpr std::int64_t heldOutOf = 5;
/// Rows that the errors shown to people are measured on.
constexpr std::int64_t measuredRows = 2048;

Tensor selectRows(ConstMatrixView x, const std::vector<std::int64_t>& rows)
{
    Tensor chosen(DType::F32, {static_cast<std::int64_t>(rows.size()), x.cols});
    for (std::size_t r = 0; r < rows.size(); ++r)
        std::copy(x.row(rows[r]).begin(), x.row(rows[r]).end(),
                  chosen.matrix().row(static_cast<std::int64_t>(r)).begin());
    return chosen;
}

std::vector<float> toFloats(const std::vector<double>& values)
{
    std::vector<float> result;
    result.reserve(values.size());
    for (const double value : values)
        result.push_back(static_cast<float>(value));
    return result;
}

/// Of the fitted rows, kept where the held-out ones agree.
AffineGrid clippedChannels(ConstMatrixView x, const StaticSettings& settings, std::uint64_t seed,
                           std::vector<InputBounds>& bounds, const Monitor& monitor)
{
    std::vector<std::int64_t> fitted;
    std::vector<std::int64_t> heldOut;
    for (std::int64_t r = 0; r < x.rows; ++r)
        (r >= x.rows - x.rows / heldOutOf ? heldOut : fitted).push_back(r);
    const Tensor fittedRows = selectRows(x, fitted);
    const Tensor heldOutRows = selectRows(x, heldOut);
    bounds = dualClipping(fittedRows.matrix(), heldOutRows.matrix(), settings.bits,
                          settings.clipping, seed, monitor);
    AffineGrid grid;
    grid.bits = settings.bits;
    for (const InputBounds& bound : bounds) {
        grid.scales.push_back(bound.step.scale);
        grid.zeros.push_back(bound.step.zero);
    }
    return grid;
}

/// x/ratio + shift/ratio, in double, rounded once.
Tensor foldedRows(ConstMatrixView x, const NormFold& fold, const Monitor& monitor)
{
    Tensor rows(DType::F32, {x.rows, x.cols});
    const MatrixView out = rows.matrix();
    parallelFor(x.rows, rowGrain, [&](std::int64_t begin, std::int64_t end) {
        monitor.checkpoint();
        for (std::int64_t r = begin; r < end; ++r) {
            const auto from = x.row(r);
            const auto to = out.row(r);
            for (std::size_t j = 0; j < from.size(); ++j) {
                const double shift = fold.shift.empty() ? 0 : fold.shift[j];
                to[j] = static_cast<float>((static_cast<double>(from[j]) + shift) / fold.ratio[j]);
            }
        }
    });
    return rows;
}

double squares(ConstMatrixView x)
{
    double sum = 0;
    for (std::int64_t r = 0; r < x.rows; ++r)
        for (const float value : x.row(r))
            sum += static_cast<double>(value) * static_cast<double>(value);
    return sum;
}

/// ‖a·Aᵀ − b·Bᵀ + change‖².
double squaredDifference(ConstMatrixView a, ConstMatrixView weightA, ConstMatrixView b,
                         ConstMatrixView weightB, const std::vector<double>& change,
                         const Monitor& monitor)
{
    Tensor first(DType::F32, {a.rows, weightA.rows});
    Tensor second(DType::F32, {b.rows, weightB.rows});
    multiplyRows(a, weightA, {}, first.matrix(), {}, &monitor);
    multiplyRows(b, weightB, {}, second.matrix(), {}, &monitor);
    double sum = 0;
    for (std::int64_t r = 0; r < a.rows; ++r) {
        const auto left = first.matrix().row(r);
        const auto right = second.matrix().row(r);
        for (std::size_t o = 0; o < left.size(); ++o) {
            const double difference = static_cast<double>(left[o]) - static_cast<double>(right[o]) +
                                      (change.empty() ? 0 : change[o]);
            sum += difference * difference;
        }
    }
    return sum;
}

/// What the consumers have in common.
struct SharedInputs
{
    AffineGrid grid;   ///< no scales: the inputs stay float
    NormFold fold;     ///< no ratio: nothing is folded
    ConstMatrixView x; ///< in the domain of the folded weights
    ConstMatrixView rounded;
    ConstMatrixView targets;
    ConstMatrixView floats;                            ///< the float network's, in the same domain
    std::shared_ptr<const InputStatistics> statistics; ///< of `rounded`, made when it is needed
    std::vector<double> cross;                         ///< beside them, where somebody wants it
};

class Consumer
{
public:
    Consumer(const StaticGroupProblem& problem, SharedInputs& shared, Monitor& monitor)
        : m_problem(problem)
        , m_shared(shared)
        , m_monitor(monitor)
    {
    }

    [[nodiscard]] StaticConsumerResult solve(const StaticConsumer& consumer)
    {
        StaticConsumerResult result;
        result.grid = m_shared.grid;
        result.ratio = toFloats(m_shared.fold.ratio);
        result.lambda = std::numeric_limits<double>::quiet_NaN();
        Tensor folded;
        ConstMatrixView weight = consumer.weight;
        std::vector<double> bias(consumer.bias.begin(), consumer.bias.end());
        bool biasChanged = false;
        if (!m_shared.fold.ratio.empty()) {
            folded = m_shared.fold.foldedWeight(consumer.weight);
            weight = folded.matrix();
            if (!m_shared.fold.shift.empty()) {
                bias = m_shared.fold.foldedBias(consumer.weight, consumer.bias);
                biasChanged = true;
            }
        }
        std::vector<double> change;
        if (m_problem.settings.reconstruct) {
            ReconstructionProblem problem;
            problem.name = consumer.name;
            problem.weight = weight;
            problem.inputs = m_shared.rounded;
            problem.targets = m_shared.targets;
            problem.scheme = consumer.scheme;
            problem.method = consumer.method;
            problem.lambda = m_problem.settings.lambda;
            problem.centred = !consumer.bias.empty();
            problem.seed = m_problem.seed;
            ReconstructionResult reconstructed = reconstructWeight(problem, m_monitor);
            result.solved.weight = std::move(reconstructed.weight);
            result.solved.report.note = std::move(reconstructed.note);
            result.lambda = reconstructed.lambda;
            change = std::move(reconstructed.biasChange);
        } else {
            result.solved = solveWeight(consumer, weight);
        }
        if (!change.empty()) {
            for (std::size_t o = 0; o < bias.size(); ++o)
                bias[o] += change[o];
            biasChanged = true;
        }
        if (biasChanged)
            result.bias = toFloats(bias);
        result.errors = measure(consumer, weight, result.solved.weight, change);
        return result;
    }

    [[nodiscard]] SolveResult solveWeight(const StaticConsumer& consumer, ConstMatrixView weight)
    {
        LayerProblem problem;
        problem.name = consumer.name;
        problem.weight = weight;
        problem.scheme = consumer.scheme;
        problem.seed = m_problem.seed;
        problem.modelExponent = consumer.modelExponent;
        if (weightNeedsCalibration(consumer.method)) {
            const bool paired = consumer.asymmetric && m_problem.floatInputs.data;
            if (!m_shared.statistics || (paired && m_shared.cross.empty())) {
                InputAccumulator accumulator(m_shared.rounded.cols, true);
                if (paired) {
                    accumulator.collectCross();
                    accumulator.addBeside(m_shared.rounded, m_shared.floats, &m_monitor);
                } else {
                    accumulator.add(m_shared.rounded, &m_monitor);
                }
                InputStatistics statistics = accumulator.finish();
                m_shared.cross = std::exchange(statistics.cross, {});
                m_shared.statistics =
                    std::make_shared<const InputStatistics>(std::move(statistics));
            }
            problem.inputs = m_shared.statistics;
            if (paired)
                problem.cross = m_shared.cross;
        }
        return gradus::solve(problem, consumer.method, m_monitor);
    }

private:
    [[nodiscard]] ErrorShares measure(const StaticConsumer& consumer, ConstMatrixView weight,
                                      const QuantizedWeight& quantized,
                                      const std::vector<double>& change) const
    {
        const std::int64_t rows = m_shared.x.rows;
        const std::int64_t step = std::max<std::int64_t>(1, rows / measuredRows);
        std::vector<std::int64_t> chosen;
        for (std::int64_t r = 0; r < rows; r += step)
            chosen.push_back(r);
        const Tensor original = selectRows(m_problem.inputs, chosen);
        const Tensor x = selectRows(m_shared.x, chosen);
        const Tensor rounded = selectRows(m_shared.rounded, chosen);
        const Tensor stored = dequantize(quantized);
        Tensor outputs(DType::F32, {original.matrix().rows, consumer.weight.rows});
        multiplyRows(original.matrix(), consumer.weight, {}, outputs.matrix(), {}, &m_monitor);
        const double whole = squares(outputs.matrix());
        const auto share = [&](ConstMatrixView inputs, ConstMatrixView by,
                               const std::vector<double>& offset) {
            return squaredDifference(inputs, by, x.matrix(), weight, offset, m_monitor) / whole;
        };
        ErrorShares errors;
        errors.weights = share(x.matrix(), stored.matrix(), {});
        errors.inputs = share(rounded.matrix(), weight, {});
        errors.both = share(rounded.matrix(), stored.matrix(), change);
        return errors;
    }

    const StaticGroupProblem& m_problem;
    SharedInputs& m_shared;
    Monitor& m_monitor;
};

NormReport reportOf(const StaticGroupProblem& problem, const AffineGrid& channels,
                    const std::vector<InputBounds>& bounds)
{
    NormReport report;
    report.norm = problem.norm;
    const auto features = static_cast<std::size_t>(problem.inputs.cols);
    report.minimum.assign(features, std::numeric_limits<float>::infinity());
    report.maximum.assign(features, -std::numeric_limits<float>::infinity());
    for (std::int64_t r = 0; r < problem.inputs.rows; ++r) {
        const auto row = problem.inputs.row(r);
        for (std::size_t j = 0; j < features; ++j) {
            report.minimum[j] = std::min(report.minimum[j], row[j]);
            report.maximum[j] = std::max(report.maximum[j], row[j]);
        }
    }
    for (std::size_t j = 0; j < features; ++j) {
        if (!bounds.empty()) {
            report.low.push_back(static_cast<float>(bounds[j].low));
            report.high.push_back(static_cast<float>(bounds[j].high));
        } else {
            // What the grid's first and last code stand for.
            const float scale = channels.scales[j];
            report.low.push_back(scale * static_cast<float>(-channels.zeros[j]));
            report.high.push_back(scale *
                                  static_cast<float>(channels.largest() - channels.zeros[j]));
        }
    }
    report.scales = channels.scales;
    report.zeros = channels.zeros;
    return report;
}

/// What one grid for all is to the inputs before they were divided by channel.
AffineGrid behindFold(const AffineGrid& layer, const NormFold& fold)
{
    AffineGrid channels = layer;
    channels.scales.clear();
    for (const double ratio : fold.ratio)
        channels.scales.push_back(
            static_cast<float>(static_cast<double>(layer.scales.front()) * ratio));
    channels.zeros.assign(fold.ratio.size(), layer.zeros.front());
    return channels;
}

/// Codes of the channels' grid against those of the layer's after the fold.
void compareCodes(const AffineGrid& channels, ConstMatrixView x, const AffineGrid& layer,
                  ConstMatrixView folded, NormReport& report)
{
    if (layer.fraction != 0)
        return; // those are no integers
    const auto count = static_cast<std::size_t>(x.rows * x.cols);
    std::vector<std::uint8_t> before(count);
    std::vector<std::uint8_t> after(count);
    encodeToGrid(channels, x, before.data());
    encodeToGrid(layer, folded, after.data());
    report.codes = static_cast<std::int64_t>(count);
    for (std::size_t i = 0; i < count; ++i)
        report.differing += before[i] != after[i] ? 1 : 0;
}

/// Of the inputs as the norm gave them, before anything was folded.
double inputError(ConstMatrixView original, ConstMatrixView x, ConstMatrixView rounded,
                  const std::vector<double>& ratio)
{
    double error = 0;
    for (std::int64_t r = 0; r < x.rows; ++r) {
        const auto from = x.row(r);
        const auto to = rounded.row(r);
        for (std::size_t j = 0; j < from.size(); ++j) {
            const double difference = (static_cast<double>(from[j]) - static_cast<double>(to[j])) *
                                      (ratio.empty() ? 1 : ratio[j]);
            error += difference * difference;
        }
    }
    const double whole = squares(original);
    return whole > 0 ? error / whole : 0;
}

std::vector<float> magnitudes(ConstMatrixView x)
{
    std::vector<float> largest(static_cast<std::size_t>(x.cols));
    for (std::int64_t r = 0; r < x.rows; ++r) {
        const auto row = x.row(r);
        for (std::size_t j = 0; j < largest.size(); ++j)
            largest[j] = std::max(largest[j], std::fabs(row[j]));
    }
    return largest;
}

} // namespace

StaticGroupResult solveStaticGroup(const StaticGroupProblem& problem, Monitor& monitor)
{
    const StaticSettings& settings = problem.settings;
    StaticGroupResult result;
    SharedInputs shared;
    AffineGrid channels;
    if (problem.folds && settings.bits > 0 && settings.byChannel) {
        std::vector<InputBounds> bounds;
        channels = settings.clipping == ClipSearch::None
                       ? channelGrid(problem.inputs, settings.bits, settings.range)
                       : clippedChannels(problem.inputs, settings, problem.seed, bounds, monitor);
        shared.fold = foldNorm(channels, problem.biased ? settings.zeros : FoldZeros::Kept);
        result.norm = reportOf(problem, channels, bounds);
    } else if (problem.folds && settings.bits > 0 && settings.smoothing) {
        std::vector<float> weights(static_cast<std::size_t>(problem.inputs.cols));
        for (const StaticConsumer& consumer : problem.consumers) {
            const std::vector<float> own = magnitudes(consumer.weight);
            for (std::size_t j = 0; j < weights.size(); ++j)
                weights[j] = std::max(weights[j], own[j]);
        }
        shared.fold.ratio =
            smoothingFactors(magnitudes(problem.inputs), weights, *settings.smoothing);
    }
    const bool folded = !shared.fold.ratio.empty();
    const ConstMatrixView floats = problem.floatInputs.data ? problem.floatInputs : problem.inputs;
    Tensor x;
    Tensor targets;
    if (folded) {
        x = foldedRows(problem.inputs, shared.fold, monitor);
        if (problem.floatInputs.data)
            targets = foldedRows(floats, shared.fold, monitor);
        result.gamma = toFloats(shared.fold.foldedGamma(problem.gamma));
        if (!problem.beta.empty())
            result.beta = toFloats(shared.fold.foldedBeta(problem.beta));
    }
    shared.x = folded ? ConstMatrixView(x.matrix()) : problem.inputs;
    shared.floats = !problem.floatInputs.data ? shared.x
                    : folded                  ? ConstMatrixView(targets.matrix())
                                              : floats;
    shared.targets = settings.asymmetric ? shared.floats : shared.x;
    Tensor rounded;
    shared.rounded = shared.x;
    if (settings.bits > 0) {
        shared.grid = channels.scales.empty() ? tensorGrid(shared.x, settings.bits, settings.range)
                                              : shared.fold.layer;
        const bool smoothed = folded && channels.scales.empty();
        const AffineGrid seen = smoothed ? behindFold(shared.grid, shared.fold) : channels;
        if (smoothed)
            result.norm = reportOf(problem, seen, {});
        if (result.norm)
            compareCodes(seen, problem.inputs, shared.grid, shared.x, *result.norm);
        rounded = Tensor(DType::F32, {shared.x.rows, shared.x.cols});
        roundToGrid(shared.grid, shared.x, rounded.matrix());
        shared.rounded = rounded.matrix();
        shared.grid.relativeError =
            inputError(problem.inputs, shared.x, shared.rounded, shared.fold.ratio);
    }
    Consumer solver(problem, shared, monitor);
    for (const StaticConsumer& consumer : problem.consumers) {
        monitor.checkpoint();
        StaticConsumerResult one = solver.solve(consumer);
        if (settings.stale && !channels.scales.empty()) {
            one.earlierGrid = channels;
            one.earlierWeight = std::make_shared<const Tensor>(
                dequantize(solver.solveWeight(consumer, consumer.weight).weight));
        }
        result.consumers.push_back(std::move(one));
    }
    return result;
}

} // namespace gradus
