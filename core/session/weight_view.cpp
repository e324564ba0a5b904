// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/weight_view.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/eval/binning.h"
#include "core/eval/metrics.h"
#include "core/quant/comparable_weight.h"
#include "core/quant/solve.h"
#include "core/quant/static_settings.h"
#include "core/session/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace gradus {

namespace {

std::int64_t rowGrain(std::int64_t cols)
{
    return std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(cols, 1));
}

/// A constant weight still gets a histogram with some width.
void widen(double& lo, double& hi)
{
    if (hi > lo)
        return;
    lo -= 0.5;
    hi += 0.5;
}

/// count of rows, evenly spread, ascending.
std::vector<std::int64_t> spreadRows(std::int64_t rows, std::int64_t count)
{
    std::vector<std::int64_t> chosen(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i)
        chosen[static_cast<std::size_t>(i)] =
            static_cast<std::int64_t>((static_cast<double>(i) + 0.5) / static_cast<double>(count) *
                                      static_cast<double>(rows));
    return chosen;
}

/// Previewed by itself: what it makes does not depend on inputs.
bool isDataFree(const MethodOptions& method)
{
    return std::holds_alternative<RtnOptions>(method) ||
           std::holds_alternative<PercentileStaticOptions>(method) ||
           std::holds_alternative<RtnMseOptions>(method) ||
           std::holds_alternative<PowerquantOptions>(method);
}

/// Whether the weight is likely to be changed before it is quantized, as a norm before it is.
bool isFolded(const LayerChoice& choice)
{
    const auto settings = staticSettings(choice.activation, choice.method);
    return settings && (settings->byChannel || settings->smoothing);
}

MethodOptions previewMethod(const MethodOptions& chosen)
{
    const MethodOptions method = weightMethod(chosen);
    if (isDataFree(method))
        return method;
    if (const auto* nupes = std::get_if<NupesOptions>(&method)) {
        PowerquantOptions start;
        static_cast<PowerGridOptions&>(start) = *nupes;
        start.rounding = PowerRounding::Nearest;
        return start;
    }
    const auto* gptq = std::get_if<GptqOptions>(&method);
    return gptq && gptq->mseClip ? MethodOptions(RtnMseOptions{}) : MethodOptions(RtnOptions{});
}

/// One Hessian for each group that the rows are split evenly on.
void requireHessians(const WeightFacts& facts, const InputStatistics& inputs)
{
    const ConstMatrixView weight = facts.weight.matrix();
    const std::int64_t groups = inputs.groups;
    if (groups < 1 || weight.rows % groups != 0)
        throw Error(ErrorCode::Shape, concat(facts.layer, ": ", groups, " groups of inputs do not ",
                                             "divide ", weight.rows, " outputs evenly"));
    if (inputs.hessian.size() != static_cast<std::size_t>(groups * weight.cols * weight.cols))
        throw Error(ErrorCode::Shape,
                    concat(facts.layer, ": the Hessian has ", inputs.hessian.size(),
                           " values, expected ", groups > 1 ? concat(groups, " × ") : std::string(),
                           weight.cols, " × ", weight.cols));
}

/// rowEnergies() of some rows of the weight, each with the Hessian of its group. a: the values of
/// those rows; rows: their numbers in the weight, ascending; of: rows of the whole weight.
std::vector<double> energiesOf(ConstMatrixView a, const std::vector<std::int64_t>& rows,
                               std::int64_t of, const InputStatistics& inputs, Monitor& monitor)
{
    const std::int64_t perGroup = std::max<std::int64_t>(of / inputs.groups, 1);
    const auto size = static_cast<std::size_t>(a.cols * a.cols);
    std::vector<double> energies;
    for (std::size_t i = 0; i < rows.size();) {
        const std::int64_t group = rows[i] / perGroup;
        const auto end = std::lower_bound(rows.begin() + static_cast<std::ptrdiff_t>(i), rows.end(),
                                          (group + 1) * perGroup);
        const auto past = static_cast<std::size_t>(end - rows.begin());
        const std::vector<double> part = rowEnergies(
            a.block(static_cast<std::int64_t>(i), 0, static_cast<std::int64_t>(past - i), a.cols),
            std::span(inputs.hessian).subspan(static_cast<std::size_t>(group) * size, size),
            &monitor);
        energies.insert(energies.end(), part.begin(), part.end());
        i = past;
    }
    return energies;
}

void requireSizes(const PreviewRequest& request)
{
    const ConstMatrixView weight = request.facts->weight.matrix();
    const auto fail = [&](std::string_view what, std::int64_t found, std::int64_t expected) {
        throw Error(ErrorCode::Shape,
                    concat(request.facts->layer, ": ", what, " ", found, ", expected ", expected));
    };
    if (const QuantizedWeight* run = request.fromRun.get()) {
        if (run->rows != weight.rows)
            fail("outputs of the run's weight are", run->rows, weight.rows);
        if (run->cols != weight.cols)
            fail("inputs of the run's weight are", run->cols, weight.cols);
    }
    if (request.inputs && request.inputs->features != weight.cols)
        fail("captured features are", request.inputs->features, weight.cols);
    if (request.inputs && !request.inputs->hessian.empty())
        requireHessians(*request.facts, *request.inputs);
    if (request.energies && static_cast<std::int64_t>(request.energies->size()) != weight.rows)
        fail("energies are", static_cast<std::int64_t>(request.energies->size()), weight.rows);
}

/// Lowest and highest level of every granule, by its place in scales.
struct LevelEnds
{
    std::vector<float> low;
    std::vector<float> high;
};

LevelEnds levelEnds(const QuantizedWeight& weight)
{
    LevelEnds ends;
    const bool uniform = weight.scheme.levels == Levels::Uniform;
    const auto top = static_cast<float>(weight.scheme.maximumCode());
    for (std::size_t i = 0; i < weight.scales.size(); ++i) {
        const float scale = weight.scales[i];
        // The last level of a power grid is 1 whatever its exponent.
        ends.low.push_back(uniform ? scale * (0 - weight.zeros[i]) : -scale);
        ends.high.push_back(uniform ? scale * (top - weight.zeros[i]) : scale);
    }
    return ends;
}

/// The ends of rows whose columns are divided by a ratio: the widest of any column.
void setFoldedRows(WeightPreview& preview, const QuantizedWeight& weight, const LevelEnds& ends,
                   std::span<const float> ratio)
{
    const bool shared = weight.scheme.granularity == Granularity::Tensor;
    for (std::int64_t r = 0; r < weight.rows; ++r) {
        float low = std::numeric_limits<float>::infinity();
        float high = -low;
        for (std::int64_t c = 0; c < weight.cols; ++c) {
            const std::size_t at = weight.parameterIndex(shared ? 0 : r, c);
            const float by = ratio[static_cast<std::size_t>(c)];
            low = std::min(low, ends.low[at] / by);
            high = std::max(high, ends.high[at] / by);
        }
        preview.rowLow[static_cast<std::size_t>(r)] = low;
        preview.rowHigh[static_cast<std::size_t>(r)] = high;
    }
}

void setLevels(WeightPreview& preview, const QuantizedWeight& weight, ConstMatrixView original,
               std::span<const float> ratio)
{
    if (weight.scales.empty())
        return;
    if (ratio.empty())
        preview.levels = granuleLevels(weight, 0, 0);
    const bool shared = weight.scheme.granularity == Granularity::Tensor;
    const auto perRow = static_cast<std::size_t>(shared ? 1 : weight.groups());
    const LevelEnds ends = levelEnds(weight);
    preview.rowLow.resize(static_cast<std::size_t>(weight.rows), ends.low[0]);
    preview.rowHigh.resize(static_cast<std::size_t>(weight.rows), ends.high[0]);
    for (std::size_t r = 0; !shared && r < preview.rowLow.size(); ++r) {
        const auto lows = ends.low.begin() + static_cast<std::ptrdiff_t>(r * perRow);
        const auto highs = ends.high.begin() + static_cast<std::ptrdiff_t>(r * perRow);
        preview.rowLow[r] = *std::min_element(lows, lows + static_cast<std::ptrdiff_t>(perRow));
        preview.rowHigh[r] = *std::max_element(highs, highs + static_cast<std::ptrdiff_t>(perRow));
    }
    if (!ratio.empty())
        setFoldedRows(preview, weight, ends, ratio);
    constexpr float infinity = std::numeric_limits<float>::infinity();
    std::vector<float> groupLow(perRow, infinity); // over the rows
    std::vector<float> groupHigh(perRow, -infinity);
    for (std::size_t i = 0; i < weight.scales.size(); ++i) {
        groupLow[i % perRow] = std::min(groupLow[i % perRow], ends.low[i]);
        groupHigh[i % perRow] = std::max(groupHigh[i % perRow], ends.high[i]);
    }
    for (std::int64_t c = 0; c < weight.cols; ++c) {
        const std::size_t group = weight.parameterIndex(0, c); // of row 0: the group alone
        const float by = ratio.empty() ? 1.0F : ratio[static_cast<std::size_t>(c)];
        preview.colLow.push_back(groupLow[group] / by);
        preview.colHigh.push_back(groupHigh[group] / by);
    }
    // A row of zeros has some grid, too, whose ends say nothing about the weights.
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    const auto join = [&](std::size_t r) {
        low = std::min(low, static_cast<double>(preview.rowLow[r]));
        high = std::max(high, static_cast<double>(preview.rowHigh[r]));
    };
    for (std::size_t r = 0; r < preview.rowLow.size(); ++r) {
        const auto values = original.row(static_cast<std::int64_t>(r));
        if (std::any_of(values.begin(), values.end(), [](float w) { return w != 0; }))
            join(r);
    }
    for (std::size_t r = 0; low > high && r < preview.rowLow.size(); ++r)
        join(r);
    preview.clipLow = low;
    preview.clipHigh = high;
    if (!weight.exponents.empty()) {
        const auto [least, most] =
            std::minmax_element(weight.exponents.begin(), weight.exponents.end());
        preview.exponentLow = static_cast<double>(*least);
        preview.exponentHigh = static_cast<double>(*most);
    }
    preview.keptFloat = static_cast<std::int64_t>(weight.outliers.columns.size());
}

/// What one pass over w and ŵ finds.
struct Pass
{
    WeightErrorSums sums;
    WeightErrorSums folded; ///< of weights behind a folded norm
    Histogram original;
    Histogram dequantized;
};

double sumOf(const std::vector<double>& values)
{
    return std::accumulate(values.begin(), values.end(), 0.0);
}

double relativeEnergy(const PreviewRequest& request, const std::vector<std::int64_t>& rows,
                      const Tensor& errors, Monitor& monitor)
{
    const ConstMatrixView weight = request.facts->weight.matrix();
    const auto energy = [&](ConstMatrixView values) {
        return sumOf(energiesOf(values, rows, weight.rows, *request.inputs, monitor));
    };
    const double error = energy(errors.matrix());
    double whole = 0;
    if (request.energies) {
        for (const std::int64_t r : rows)
            whole += (*request.energies)[static_cast<std::size_t>(r)];
    } else if (static_cast<std::int64_t>(rows.size()) == weight.rows) {
        whole = energy(weight);
    } else {
        Tensor some(Shape{static_cast<std::int64_t>(rows.size()), weight.cols});
        for (std::size_t i = 0; i < rows.size(); ++i)
            std::copy_n(weight.row(rows[i]).data(), weight.cols,
                        some.matrix().row(static_cast<std::int64_t>(i)).data());
        whole = energy(std::as_const(some).matrix());
    }
    if (!(whole > 0))
        return std::numeric_limits<double>::quiet_NaN();
    return std::max(error, 0.0) / whole;
}

/// The method takes the model's exponent, which nobody has told.
bool lacksModelExponent(const PreviewRequest& request)
{
    const PowerGridOptions* power = powerGridOf(request.choice.method);
    return power && power->exponentScope == ExponentScope::Model && power->exponent == 0 &&
           !request.modelExponent;
}

} // namespace

std::shared_ptr<const WeightFacts> weightFacts(const Model& model, const Layer& layer, int bins,
                                               Monitor& monitor)
{
    monitor.checkpoint();
    auto facts = std::make_shared<WeightFacts>();
    facts->layer = layer.name;
    facts->weight = layerWeight(model, layer);
    const std::span<const float> values = std::as_const(facts->weight).floats();
    facts->moments = moments(values, &monitor);
    facts->outlierShare = outlierShare(values, facts->moments, 6, &monitor);
    double lo = facts->moments.minimum;
    double hi = facts->moments.maximum;
    widen(lo, hi);
    facts->original = histogram(values, lo, hi, bins, &monitor);
    return facts;
}

std::shared_ptr<const std::vector<double>>
outputEnergies(const WeightFacts& facts, const InputStatistics& inputs, Monitor& monitor)
{
    requireHessians(facts, inputs);
    const ConstMatrixView weight = facts.weight.matrix();
    std::vector<std::int64_t> rows(static_cast<std::size_t>(weight.rows));
    std::iota(rows.begin(), rows.end(), std::int64_t(0));
    return std::make_shared<const std::vector<double>>(
        energiesOf(weight, rows, weight.rows, inputs, monitor));
}

std::vector<float> granuleLevels(const QuantizedWeight& weight, std::int64_t row,
                                 std::size_t parameter)
{
    const Scheme& scheme = weight.scheme;
    const float scale = weight.scales[parameter];
    std::vector<float> levels;
    if (scheme.levels == Levels::Uniform) {
        for (int code = 0; code <= scheme.maximumCode(); ++code)
            levels.push_back(scale * (static_cast<float>(code) - weight.zeros[parameter]));
        return levels;
    }
    const PowerLevels power(scheme, static_cast<double>(weight.exponent(row)));
    levels = power.table(scheme.bits);
    if (scheme.levels == Levels::Power)
        levels.erase(levels.begin());
    for (float& level : levels)
        level *= scale;
    return levels;
}

WeightPreview previewWeight(const PreviewRequest& request, Monitor& monitor)
{
    monitor.checkpoint();
    requireSizes(request);
    const WeightFacts& facts = *request.facts;
    const ConstMatrixView weight = facts.weight.matrix();
    WeightPreview preview;
    preview.layer = facts.layer;
    preview.choice = request.choice;
    preview.moments = facts.moments;
    preview.original = facts.original;
    preview.outlierShare = facts.outlierShare;
    preview.rows = weight.rows;
    const bool sameBins = request.bins == static_cast<int>(facts.original.counts.size());
    if (request.choice.keepFloat) {
        if (!sameBins)
            preview.original = histogram(facts.weight.floats(), facts.original.lo,
                                         facts.original.hi, request.bins, &monitor);
        return preview;
    }

    QuantizedWeight rounded;
    if (!request.fromRun) {
        LayerProblem problem;
        problem.name = facts.layer;
        problem.weight = weight;
        problem.scheme = request.choice.scheme;
        problem.modelExponent = request.modelExponent;
        problem.powerErrors = request.powerErrors;
        rounded = solve(problem, previewMethod(request.choice.method), monitor).weight;
    }
    const QuantizedWeight& quantized = request.fromRun ? *request.fromRun : rounded;
    preview.fromRun = request.fromRun != nullptr;
    preview.ofMethod =
        preview.fromRun || (isDataFree(request.choice.method) && !isFolded(request.choice) &&
                            !lacksModelExponent(request));
    preview.bytes = quantized.size().bytes();
    preview.bitsPerWeight = quantized.size().bitsPerWeight(weight.rows * weight.cols);
    const std::span<const float> ratio = request.fromRun && request.staticInputs
                                             ? std::span<const float>(request.staticInputs->ratio)
                                             : std::span<const float>();
    setLevels(preview, quantized, weight, ratio);
    const double lo = std::min(facts.original.lo, preview.clipLow);
    const double hi = std::max(facts.original.hi, preview.clipHigh);
    const bool recount = !sameBins || lo != facts.original.lo || hi != facts.original.hi;

    // Rows whose errors the output error is made of.
    std::vector<std::int64_t> chosen;
    if (request.inputs && !request.inputs->hessian.empty() && weight.rows > 0)
        chosen = spreadRows(weight.rows, request.outputErrorRows > 0
                                             ? std::min(request.outputErrorRows, weight.rows)
                                             : weight.rows);
    Tensor errors(Shape{static_cast<std::int64_t>(chosen.size()), weight.cols});

    // ŵ is made row by row, and used while it is in the cache.
    const std::int64_t grain = rowGrain(weight.cols);
    const auto row = [](std::vector<float>& values, std::int64_t size) {
        values.resize(static_cast<std::size_t>(size));
        return values.data();
    };
    const auto subtract = [&](std::int64_t r, const float* decoded, float* to) {
        const float* w = weight.data + r * weight.stride;
        for (std::int64_t c = 0; c < weight.cols; ++c)
            to[c] = decoded[c] - w[c];
    };
    const Histogram empty = HistogramCounter(lo, hi, request.bins).counted();
    const Pass pass = parallelReduce(
        weight.rows, grain, Pass{{}, {}, empty, empty},
        [&](std::int64_t begin, std::int64_t end) {
            Pass part;
            HistogramCounter original(lo, hi, request.bins);
            HistogramCounter dequantized(lo, hi, request.bins);
            std::vector<float> buffer;
            float* decoded = row(buffer, weight.cols);
            std::vector<float> ownFolded(ratio.size());
            std::vector<float> storedFolded(ratio.size());
            auto next = std::lower_bound(chosen.begin(), chosen.end(), begin);
            for (std::int64_t r = begin; r < end; ++r) {
                comparableRow(quantized, ratio, r, decoded);
                part.sums.add(weight.row(r), buffer);
                if (!ratio.empty()) {
                    foldedRow(weight.row(r), ratio, ownFolded);
                    foldedRow(buffer, ratio, storedFolded);
                    part.folded.add(ownFolded, storedFolded);
                }
                dequantized.add(buffer);
                if (recount)
                    original.add(weight.row(r));
                if (next != chosen.end() && *next == r)
                    subtract(r, decoded, errors.matrix().row(next++ - chosen.begin()).data());
            }
            part.original = original.counted();
            part.dequantized = dequantized.counted();
            return part;
        },
        [](Pass& total, const Pass& part) {
            total.sums.join(part.sums);
            total.folded.join(part.folded);
            join(total.original, part.original);
            join(total.dequantized, part.dequantized);
        },
        &monitor);
    const WeightError error = pass.sums.error();
    const WeightError judged = ratio.empty() ? error : pass.folded.error();
    preview.weightSqnrDb = judged.sqnrDb;
    preview.weightCosine = judged.cosine;
    preview.dequantized = pass.dequantized;
    if (recount)
        preview.original = pass.original;

    // The errors' own range is known only now; rounding ŵ − w to float cannot leave it by more.
    double most = static_cast<double>(static_cast<float>(error.maximum));
    most = most > 0 ? most : 0.5;
    preview.error = parallelReduce(
        weight.rows, grain, HistogramCounter(-most, most, request.bins).counted(),
        [&](std::int64_t begin, std::int64_t end) {
            HistogramCounter counter(-most, most, request.bins);
            std::vector<float> buffer;
            float* decoded = row(buffer, weight.cols);
            for (std::int64_t r = begin; r < end; ++r) {
                comparableRow(quantized, ratio, r, decoded);
                subtract(r, decoded, decoded);
                counter.add(buffer);
            }
            return counter.counted();
        },
        [](Histogram& total, const Histogram& part) { join(total, part); }, &monitor);

    if (!chosen.empty()) {
        preview.relativeOutputError = relativeEnergy(request, chosen, errors, monitor);
        preview.outputErrorRows = static_cast<std::int64_t>(chosen.size());
    }
    return preview;
}

} // namespace gradus
