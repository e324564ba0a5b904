// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/weight_view.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/eval/binning.h"
#include "core/eval/metrics.h"
#include "core/quant/solve.h"
#include "core/session/statistics.h"

#include <algorithm>
#include <cmath>
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

MethodOptions previewMethod(const MethodOptions& method)
{
    if (std::holds_alternative<RtnMseOptions>(method))
        return method;
    const auto* gptq = std::get_if<GptqOptions>(&method);
    return gptq && gptq->mseClip ? MethodOptions(RtnMseOptions{}) : MethodOptions(RtnOptions{});
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
    if (request.energies && static_cast<std::int64_t>(request.energies->size()) != weight.rows)
        fail("energies are", static_cast<std::int64_t>(request.energies->size()), weight.rows);
}

void setLevels(WeightPreview& preview, const QuantizedWeight& weight)
{
    const int top = weight.scheme.maximumCode();
    const auto level = [&](std::size_t i, int code) {
        return weight.scales[i] * (static_cast<float>(code) - weight.zeros[i]);
    };
    if (weight.scales.empty())
        return;
    for (int code = 0; code <= top; ++code)
        preview.levels.push_back(level(0, code));
    const bool shared = weight.scheme.granularity == Granularity::Tensor;
    const auto perRow = static_cast<std::size_t>(shared ? 1 : weight.groups());
    preview.rowLow.resize(static_cast<std::size_t>(weight.rows), level(0, 0));
    preview.rowHigh.resize(static_cast<std::size_t>(weight.rows), level(0, top));
    for (std::size_t r = 0; !shared && r < preview.rowLow.size(); ++r) {
        preview.rowLow[r] = level(r * perRow, 0);
        preview.rowHigh[r] = level(r * perRow, top);
        for (std::size_t i = r * perRow + 1; i < (r + 1) * perRow; ++i) {
            preview.rowLow[r] = std::min(preview.rowLow[r], level(i, 0));
            preview.rowHigh[r] = std::max(preview.rowHigh[r], level(i, top));
        }
    }
    constexpr float infinity = std::numeric_limits<float>::infinity();
    std::vector<float> groupLow(perRow, infinity); // over the rows
    std::vector<float> groupHigh(perRow, -infinity);
    for (std::size_t i = 0; i < weight.scales.size(); ++i) {
        groupLow[i % perRow] = std::min(groupLow[i % perRow], level(i, 0));
        groupHigh[i % perRow] = std::max(groupHigh[i % perRow], level(i, top));
    }
    for (std::int64_t c = 0; c < weight.cols; ++c) {
        const std::size_t group = weight.parameterIndex(0, c); // of row 0: the group alone
        preview.colLow.push_back(groupLow[group]);
        preview.colHigh.push_back(groupHigh[group]);
    }
    preview.clipLow =
        static_cast<double>(*std::min_element(preview.rowLow.begin(), preview.rowLow.end()));
    preview.clipHigh =
        static_cast<double>(*std::max_element(preview.rowHigh.begin(), preview.rowHigh.end()));
}

/// What one pass over w and ŵ finds.
struct Pass
{
    WeightErrorSums sums;
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
    const std::span<const double> hessian = request.inputs->hessian;
    const double error = sumOf(rowEnergies(errors.matrix(), hessian, &monitor));
    double whole = 0;
    if (request.energies) {
        for (const std::int64_t r : rows)
            whole += (*request.energies)[static_cast<std::size_t>(r)];
    } else if (static_cast<std::int64_t>(rows.size()) == weight.rows) {
        whole = sumOf(rowEnergies(weight, hessian, &monitor));
    } else {
        Tensor some(Shape{static_cast<std::int64_t>(rows.size()), weight.cols});
        for (std::size_t i = 0; i < rows.size(); ++i)
            std::copy_n(weight.row(rows[i]).data(), weight.cols,
                        some.matrix().row(static_cast<std::int64_t>(i)).data());
        whole = sumOf(rowEnergies(std::as_const(some).matrix(), hessian, &monitor));
    }
    if (!(whole > 0))
        return std::numeric_limits<double>::quiet_NaN();
    return std::max(error, 0.0) / whole;
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
    const ConstMatrixView weight = facts.weight.matrix();
    if (inputs.hessian.size() != static_cast<std::size_t>(weight.cols * weight.cols))
        throw Error(ErrorCode::Shape,
                    concat(facts.layer, ": the Hessian has ", inputs.hessian.size(),
                           " values, expected ", weight.cols, " × ", weight.cols));
    return std::make_shared<const std::vector<double>>(
        rowEnergies(weight, inputs.hessian, &monitor));
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
        rounded = solve(problem, previewMethod(request.choice.method), monitor).weight;
    }
    const QuantizedWeight& quantized = request.fromRun ? *request.fromRun : rounded;
    preview.fromRun = request.fromRun != nullptr;
    preview.bytes = quantized.size().bytes();
    preview.bitsPerWeight = quantized.size().bitsPerWeight(weight.rows * weight.cols);
    setLevels(preview, quantized);
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
        weight.rows, grain, Pass{{}, empty, empty},
        [&](std::int64_t begin, std::int64_t end) {
            Pass part;
            HistogramCounter original(lo, hi, request.bins);
            HistogramCounter dequantized(lo, hi, request.bins);
            std::vector<float> buffer;
            float* decoded = row(buffer, weight.cols);
            auto next = std::lower_bound(chosen.begin(), chosen.end(), begin);
            for (std::int64_t r = begin; r < end; ++r) {
                dequantizeRow(quantized, r, decoded);
                part.sums.add(weight.row(r), buffer);
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
            join(total.original, part.original);
            join(total.dequantized, part.dequantized);
        },
        &monitor);
    const WeightError error = pass.sums.error();
    preview.weightSqnrDb = error.sqnrDb;
    preview.weightCosine = error.cosine;
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
                dequantizeRow(quantized, r, decoded);
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
