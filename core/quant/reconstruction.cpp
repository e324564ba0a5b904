// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/reconstruction.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/data/calibration.h"
#include "core/quant/asymmetric_target.h"
#include "core/quant/solve.h"
#include "core/tensor/row_product.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

namespace gradus {

namespace {

constexpr double noRidge = std::numeric_limits<double>::infinity();
constexpr std::array candidates{0.01, 0.03, 0.1, 0.3, 1.0};
constexpr std::int64_t heldOutOf = 5;  ///< the last one of so many rows
constexpr std::int64_t block = 512;    ///< rows of which there are copies
constexpr double withoutHeldOut = 0.1; ///< λ where rows are too few (section 7.1: default)

using Doubles = std::vector<double>;

/// Which rows of a problem: all, those that are solved for, or those that judge.
enum class Part
{
    All,
    Solved,
    HeldOut,
};

std::vector<std::int64_t> rowsOf(const ReconstructionProblem& problem, Part part)
{
    std::vector<std::int64_t> rows;
    for (std::int64_t r = 0; r < problem.inputs.rows; ++r)
        if (part == Part::All || (r % heldOutOf == heldOutOf - 1) == (part == Part::HeldOut))
            rows.push_back(r);
    return rows;
}

/// x's rows [first, first + count) of `rows`, less the mean.
void gather(ConstMatrixView x, std::span<const std::int64_t> rows, std::int64_t first,
            std::int64_t count, const Doubles& mean, MatrixView out)
{
    parallelFor(count, 8, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const auto from = x.row(rows[static_cast<std::size_t>(first + i)]);
            const auto to = out.row(i);
            for (std::size_t c = 0; c < to.size(); ++c)
                to[c] = static_cast<float>(static_cast<double>(from[c]) - mean[c]);
        }
    });
}

Doubles meanOf(ConstMatrixView x, std::span<const std::int64_t> rows)
{
    Doubles mean(static_cast<std::size_t>(x.cols));
    if (rows.empty())
        return mean;
    parallelFor(x.cols, 64, [&](std::int64_t begin, std::int64_t end) {
        for (const std::int64_t r : rows)
            for (std::int64_t c = begin; c < end; ++c)
                mean[static_cast<std::size_t>(c)] += static_cast<double>(x.data[r * x.stride + c]);
        for (std::int64_t c = begin; c < end; ++c)
            mean[static_cast<std::size_t>(c)] /= static_cast<double>(rows.size());
    });
    return mean;
}

/// weight · vector, in double.
Doubles timesVector(ConstMatrixView weight, const Doubles& vector)
{
    Doubles result(static_cast<std::size_t>(weight.rows));
    for (std::int64_t r = 0; r < weight.rows; ++r) {
        double sum = 0;
        for (std::int64_t c = 0; c < weight.cols; ++c)
            sum += static_cast<double>(weight.data[r * weight.stride + c]) *
                   vector[static_cast<std::size_t>(c)];
        result[static_cast<std::size_t>(r)] = sum;
    }
    return result;
}

/// What a problem comes to on some of its rows.
struct Moments
{
    Doubles inputMean;
    Doubles targetMean;
    /// H and X_cᵀÂ_c/n, of rows that were centred before anything was multiplied: means that are
    /// large beside the variation cost no digits.
    std::shared_ptr<const InputStatistics> statistics;
};

Moments momentsOf(const ReconstructionProblem& problem, std::span<const std::int64_t> rows,
                  const Monitor& monitor)
{
    const std::int64_t features = problem.inputs.cols;
    Moments moments;
    moments.inputMean.resize(static_cast<std::size_t>(features));
    moments.targetMean.resize(static_cast<std::size_t>(features));
    if (problem.centred) {
        moments.inputMean = meanOf(problem.inputs, rows);
        moments.targetMean = meanOf(problem.targets, rows);
    }
    InputAccumulator accumulator(features, true);
    accumulator.collectCross();
    const auto count = static_cast<std::int64_t>(rows.size());
    Tensor inputs(Shape{std::min(block, count), features});
    Tensor targets(Shape{std::min(block, count), features});
    for (std::int64_t first = 0; first < count; first += block) {
        monitor.checkpoint();
        const std::int64_t some = std::min(block, count - first);
        const MatrixView x = inputs.matrix().block(0, 0, some, features);
        const MatrixView y = targets.matrix().block(0, 0, some, features);
        gather(problem.inputs, rows, first, some, moments.inputMean, x);
        gather(problem.targets, rows, first, some, moments.targetMean, y);
        accumulator.addBeside(x, y, &monitor);
    }
    moments.statistics = std::make_shared<const InputStatistics>(accumulator.finish());
    return moments;
}

void require(const ReconstructionProblem& problem)
{
    if (problem.inputs.cols != problem.weight.cols || problem.targets.cols != problem.weight.cols ||
        problem.inputs.rows != problem.targets.rows || problem.inputs.rows < 1)
        throw Error(ErrorCode::Shape,
                    concat(problem.name, ": inputs are ", problem.inputs.rows, " × ",
                           problem.inputs.cols, ", targets ", problem.targets.rows, " × ",
                           problem.targets.cols, ", expected as many rows, one or more, of ",
                           problem.weight.cols, " features each"));
    for (const ConstMatrixView matrix : {problem.weight, problem.inputs, problem.targets}) {
        std::int64_t bad = 0;
        for (std::int64_t r = 0; r < matrix.rows; ++r)
            bad += countNonFinite(matrix.row(r));
        if (bad > 0)
            throw Error(ErrorCode::Numeric,
                        concat(problem.name, ": ", bad, " values are not finite, expected none"));
    }
}

/// A weight on its way: what was chosen, and how it does.
struct Attempt
{
    QuantizedWeight weight;
    Doubles biasChange;
    double lambda = noRidge;
    double error = std::numeric_limits<double>::quiet_NaN();
    std::string note;
};

Attempt attempt(const ReconstructionProblem& problem, const MethodOptions& method, double lambda,
                const Moments& moments, Monitor& monitor)
{
    Attempt result;
    result.lambda = lambda;
    Tensor target;
    LayerProblem layer;
    layer.name = problem.name;
    layer.weight = problem.weight;
    if (std::isfinite(lambda)) {
        AsymmetricTarget ridge = asymmetricTarget(problem.weight, moments.statistics->hessian,
                                                  moments.statistics->cross, lambda, monitor);
        result.lambda = ridge.damping;
        target = std::move(ridge.weight);
        layer.weight = std::as_const(target).matrix();
    }
    layer.scheme = problem.scheme;
    layer.inputs = moments.statistics;
    layer.seed = problem.seed;
    SolveResult solved = solve(layer, method, monitor);
    result.weight = std::move(solved.weight);
    result.note = std::move(solved.report.note);
    if (problem.centred) {
        result.biasChange = timesVector(problem.weight, moments.targetMean);
        const Tensor rounded = dequantize(result.weight);
        const Doubles carried = timesVector(rounded.matrix(), moments.inputMean);
        std::transform(result.biasChange.begin(), result.biasChange.end(), carried.begin(),
                       result.biasChange.begin(), std::minus<>());
    }
    return result;
}

/// ‖ÂŴᵀ + change − Y‖²/‖Y‖² on some rows.
double errorOf(const ReconstructionProblem& problem, const Attempt& attempt,
               std::span<const std::int64_t> rows, const Monitor& monitor)
{
    const std::int64_t features = problem.inputs.cols;
    const auto outputs = static_cast<std::size_t>(problem.weight.rows);
    const Tensor rounded = dequantize(attempt.weight);
    const Doubles none(static_cast<std::size_t>(features));
    const auto count = static_cast<std::int64_t>(rows.size());
    Tensor x(Shape{std::min(block, count), features});
    Tensor actual(Shape{std::min(block, count), problem.weight.rows});
    Tensor expected(actual.shape());
    double error = 0;
    double energy = 0;
    for (std::int64_t first = 0; first < count; first += block) {
        const std::int64_t some = std::min(block, count - first);
        const MatrixView from = x.matrix().block(0, 0, some, features);
        const MatrixView y = actual.matrix().block(0, 0, some, problem.weight.rows);
        const MatrixView target = expected.matrix().block(0, 0, some, problem.weight.rows);
        gather(problem.inputs, rows, first, some, none, from);
        multiplyRows(from, rounded.matrix(), {}, y, {}, &monitor);
        gather(problem.targets, rows, first, some, none, from);
        multiplyRows(from, problem.weight, {}, target, {}, &monitor);
        for (std::int64_t r = 0; r < some; ++r)
            for (std::size_t o = 0; o < outputs; ++o) {
                const auto wanted = static_cast<double>(target.row(r)[o]);
                const double change = attempt.biasChange.empty() ? 0 : attempt.biasChange[o];
                const double difference = static_cast<double>(y.row(r)[o]) + change - wanted;
                error += difference * difference;
                energy += wanted * wanted;
            }
    }
    return energy > 0 ? error / energy : error > 0 ? noRidge : 0;
}

/// Methods that take long choose λ by GPTQ.
bool takesLong(const MethodOptions& method)
{
    return std::holds_alternative<DecoupleqOptions>(method) ||
           std::holds_alternative<NupesOptions>(method);
}

Attempt choose(const ReconstructionProblem& problem, Monitor& monitor)
{
    const std::vector<std::int64_t> solved = rowsOf(problem, Part::Solved);
    const std::vector<std::int64_t> judging = rowsOf(problem, Part::HeldOut);
    const Moments moments = momentsOf(problem, solved, monitor);
    const bool proxy = takesLong(problem.method);
    const MethodOptions method = proxy ? MethodOptions(GptqOptions()) : problem.method;
    double done = 0;
    const double steps = static_cast<double>(candidates.size()) + 1 + (proxy ? 2 : 0);
    const auto tried = [&](const MethodOptions& with, double lambda) {
        SubMonitor part(monitor, done / steps, (done + 1) / steps);
        ++done;
        Attempt result = attempt(problem, with, lambda, moments, part);
        result.error = errorOf(problem, result, judging, part);
        return result;
    };
    std::optional<Attempt> best;
    if (!proxy)
        best = tried(method, noRidge);
    for (const double lambda : candidates) {
        Attempt other = tried(method, lambda);
        if (!best || other.error < best->error)
            best = std::move(other);
    }
    if (!proxy)
        return std::move(*best);
    Attempt plain = tried(problem.method, noRidge);
    Attempt ridge = tried(problem.method, best->lambda);
    return ridge.error < plain.error ? std::move(ridge) : std::move(plain);
}

} // namespace

ReconstructionResult reconstructWeight(const ReconstructionProblem& problem, Monitor& monitor)
{
    require(problem);
    Attempt best;
    std::string note;
    if (problem.lambda < 0 && problem.inputs.rows >= heldOutOf) {
        best = choose(problem, monitor);
    } else {
        double lambda = problem.lambda;
        if (lambda < 0) {
            lambda = withoutHeldOut;
            note = concat("ridge of ", lambda, ", as ", problem.inputs.rows,
                          " rows are too few to choose by");
        }
        const Moments moments = momentsOf(problem, rowsOf(problem, Part::All), monitor);
        best = attempt(problem, problem.method, lambda, moments, monitor);
    }
    ReconstructionResult result;
    result.weight = std::move(best.weight);
    result.biasChange = std::move(best.biasChange);
    result.lambda = best.lambda;
    result.heldOutError = best.error;
    result.note = std::move(best.note);
    if (!note.empty())
        result.note = result.note.empty() ? note : concat(result.note, "; ", note);
    return result;
}

RidgeTarget ridgeTarget(const ReconstructionProblem& problem, double lambda, const Monitor& monitor)
{
    require(problem);
    const Moments moments = momentsOf(problem, rowsOf(problem, Part::All), monitor);
    RidgeTarget target;
    target.inputMean = moments.inputMean;
    target.outputMean = timesVector(problem.weight, moments.targetMean);
    if (std::isfinite(lambda)) {
        target.weight = exactAsymmetricTarget(problem.weight, moments.statistics->hessian,
                                              moments.statistics->cross, lambda, monitor)
                            .weight;
        return target;
    }
    for (std::int64_t r = 0; r < problem.weight.rows; ++r)
        for (const float value : problem.weight.row(r))
            target.weight.push_back(static_cast<double>(value));
    return target;
}

} // namespace gradus
