// SPDX-License-Identifier: GPL-3.0-or-later
//
// The constants were fitted to runs over models with 192 to 1024 features on one thread.
#include "core/session/workload.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace gradus {

namespace {

// In units of what MachineSpeed measures.
constexpr double tokenizingCost = 150; ///< exponentials per byte of text
constexpr double softmaxCost = 0.85;   ///< exponentials per score
constexpr double elementCost = 0.16;   ///< exponentials per element of a simple operation
constexpr double rangesCost = 0.55;    ///< exponentials per input value
constexpr double clipCost = 0.85;      ///< roundings per weight and range tried
constexpr double gptqCost = 7;         ///< roundings per weight
constexpr double errorCost = 2.3;      ///< roundings per weight
// Power grids.
constexpr double binCost = 3;       ///< roundings per weight that enters a sum of errors
constexpr double searchSteps = 250; ///< errors of a grid at one clip until an exponent is found
constexpr double clipsTried = 90;   ///< when a clip is searched with the exponent
constexpr double levelCost = 60;    ///< roundings per level: two places in the sorted sums
constexpr double nupesSweeps = 4;   ///< over all codes per round, fewer rows from one to the next
// decoupleQ's alternation.
constexpr double flipsPerWeight = 0.7;   ///< over the whole grid
constexpr double rowsLeftPerRound = 0.7; ///< of the rows, those that still change
constexpr double stepsAtOnce = 32;       ///< columns rounded per pass over all that are left
constexpr double forwardsPerEpoch = 4;   ///< forward, backward, and the losses after it

double real(std::int64_t value)
{
    return static_cast<double>(value);
}

std::uint64_t floatBytesOf(std::int64_t count)
{
    return static_cast<std::uint64_t>(count) * sizeof(float);
}

void attend(const op::Attention& attention, std::int64_t rows, std::int64_t context, Work& work)
{
    // Runs of 128 queries see every key up to the run's last.
    const double run = std::min<double>(128, real(context));
    const double perRow = (real(context) + run) / 2;
    const double heads = real(attention.heads);
    const double headDim = real(attention.headDim);
    work.multiply(real(rows) * heads, perRow, headDim);
    work.multiply(real(rows) * heads, headDim, perRow);
    work.exponentials += softmaxCost * real(rows) * heads * perRow;
}

/// See Alternation in methods/decoupleq.cpp, whose steps are counted here: all rows in the first
/// round, fewer from then on.
Work decoupleqWork(const Layer& layer, const Scheme& scheme, const DecoupleqOptions& options)
{
    const double weights = real(layer.parameters());
    const double rows = real(layer.rows);
    const double d = real(layer.cols);
    const double unknowns = 2 * real(groupsPerRow(scheme, layer.cols));
    Work evaluation;
    evaluation.multiply(rows, d, d);
    evaluation.roundings += errorCost * weights;
    Work sweep;
    sweep.multiply(real((layer.rows + 63) / 64 * 64), d / 2, d);
    sweep.roundings += gptqCost * weights;
    Work integers = sweep;
    if (options.solver != IntegerSolver::Sweep) {
        integers = {};
        const double steps = options.relaxation + options.lookahead * d / stepsAtOnce;
        integers.multiply(rows, d, d * steps);
        integers.roundings += gptqCost * weights;
    }
    Work fit; // sums over the groups of HA, then the normal equations of every row
    fit.multiply(rows, d, d);
    fit.doubleFlops += rows * (unknowns * unknowns * unknowns / 3 + 2 * d * unknowns);

    Work work;
    work.bytes += 4 * d * d * sizeof(double);
    work += evaluation; // the energy of the weight
    work += evaluation; // the start
    if (options.iterations == 0 && options.polish == 0)
        return work;
    work.invert(d);
    work += sweep;
    work += evaluation;
    double rounds = options.polish;
    if (options.iterations > 1) {
        // A row of H is added for every code that flips on the way through the grid.
        work.bytes += flipsPerWeight * weights * d * 2 * sizeof(double);
        work += evaluation;
        work += fit;
        double share = 1;
        for (int round = 1; round < options.iterations; ++round) {
            rounds += share;
            share *= rowsLeftPerRound;
        }
    }
    Work round = integers;
    round += evaluation;
    round += evaluation;
    round += fit;
    round *= rounds;
    work += round;
    return work;
}

double magnitudes(const Scheme& scheme)
{
    return std::ldexp(1, scheme.bits - 1);
}

/// The search for exponent and clip, see power_search.h, and the codes.
Work powerGridWork(const Layer& layer, const Scheme& scheme, const PowerGridOptions& options)
{
    const double weights = real(layer.parameters());
    Work work;
    work.roundings += binCost * weights;
    double errors = options.exponent > 0 ? 0 : searchSteps;
    if (options.clip == PowerClip::Common)
        errors = std::max(errors, 1.0) * clipsTried;
    if (options.exponentScope == ExponentScope::Row)
        errors *= real(layer.rows);
    work.roundings += levelCost * magnitudes(scheme) * errors;
    if (options.clip == PowerClip::Granule)
        work.roundings += clipCost * weights * clipsTried;
    work.roundings += weights * std::log2(magnitudes(scheme) + 1);
    return work;
}

/// See methods/nupes.cpp.
Work nupesWork(const Layer& layer, const Scheme& scheme, const NupesOptions& options)
{
    const double weights = real(layer.parameters());
    const double rows = real(layer.rows);
    const double d = real(layer.cols);
    Work work = powerGridWork(layer, scheme, options);
    work.bytes += 4 * d * d * sizeof(double);
    work.invert(d);
    Work product; // of the weights, or their errors, with H
    product.multiply(rows, d, d);
    Work sweep = product;
    sweep.roundings += gptqCost * weights;
    work += sweep; // the start, column by column
    double steps = options.solver == NupesSolver::Alternation ? 0 : options.steps;
    Work round;
    for (int i = 0; i < static_cast<int>(nupesSweeps); ++i)
        round += sweep;
    if (options.learnScale)
        round += product;
    if (options.learnExponent) { // trials by golden section, each a product
        Work trials = product;
        trials *= 12;
        round += trials;
    }
    double rounds = 0;
    double share = 1;
    for (int i = 0; i < options.rounds; ++i) {
        rounds += share;
        share *= rowsLeftPerRound;
    }
    if (options.solver == NupesSolver::Alternation && options.explore) {
        steps += options.steps;
        rounds *= 2;
    }
    if (options.solver == NupesSolver::Alternation) {
        round *= rounds;
        work += round;
    }
    Work step = product;
    step.roundings += gptqCost * weights;
    step *= steps;
    work += step;
    if (options.asymmetric) { // counted where it has no effect, too
        work.invert(d);
        work.doubleFlops += 4 * d * d * d + 2 * rows * d * d;
        product *= 4 + 3 * rounds; // to measure it, and the trace
        work += product;
    }
    return work;
}

} // namespace

void Work::invert(double d)
{
    // Small ones run at a fraction of the speed that large ones reach: half of it at 300; the one
    // that is measured has 192.
    constexpr double half = 300;
    constexpr double measured = 192;
    doubleFlops += 2.0 / 3 * d * d * (d + half) * (measured / (measured + half));
}

Work& Work::operator+=(const Work& other)
{
    flops += other.flops;
    doubleFlops += other.doubleFlops;
    exponentials += other.exponentials;
    roundings += other.roundings;
    bytes += other.bytes;
    hashBytes += other.hashBytes;
    latency += other.latency;
    return *this;
}

Work& Work::operator*=(double factor)
{
    for (double* amount :
         {&flops, &doubleFlops, &exponentials, &roundings, &bytes, &hashBytes, &latency})
        *amount *= factor;
    return *this;
}

double Work::seconds(const MachineSpeed& machine) const
{
    const auto part = [](double amount, double speed) { return speed > 0 ? amount / speed : 0; };
    return part(flops, machine.flopsPerSecond) + part(doubleFlops, machine.doubleFlopsPerSecond) +
           part(exponentials, machine.exponentialsPerSecond) +
           part(roundings, machine.roundingsPerSecond) + part(bytes, machine.bytesPerSecond) +
           part(hashBytes, machine.hashBytesPerSecond) + latency;
}

ForwardWork forwardWork(const Model& model, int block, std::int64_t rows, std::int64_t context)
{
    int first = 0;
    int count = 0;
    ValueId input = 0;
    if (static_cast<std::size_t>(block) < model.blocks.size()) {
        const Block& chosen = model.blocks[static_cast<std::size_t>(block)];
        first = chosen.firstNode;
        count = chosen.nodeCount;
        input = chosen.input;
    } else {
        const Block& last = model.blocks.back();
        first = last.firstNode + last.nodeCount;
        count = static_cast<int>(model.graph.nodes.size()) - first;
        input = last.output;
    }
    ForwardWork result;
    std::map<ValueId, std::int64_t> features{{input, model.hiddenSize}};
    std::map<ValueId, int> lastUse;
    const auto& nodes = model.graph.nodes;
    for (int n = first; n < first + count; ++n)
        for (const ValueId value : nodes[static_cast<std::size_t>(n)].inputs)
            lastUse[value] = n;
    std::int64_t live = model.hiddenSize;
    std::int64_t most = live;
    for (int n = first; n < first + count; ++n) {
        const Node& node = nodes[static_cast<std::size_t>(n)];
        const std::int64_t in = features[node.inputs.front()];
        std::int64_t out = in;
        if (const auto* linear = std::get_if<op::Linear>(&node.op)) {
            if (const TensorInfo* weight = model.source.tensors->find(linear->weight);
                weight && !weight->shape.empty())
                out = weight->shape.front();
            result.work.multiply(real(rows), real(out), real(in));
            result.weights += floatBytesOf(in * out);
        } else if (const auto* attention = std::get_if<op::Attention>(&node.op)) {
            attend(*attention, rows, context, result.work);
        } else if (std::holds_alternative<op::Unary>(node.op)) {
            result.work.exponentials += real(rows * in);
        } else {
            result.work.exponentials += elementCost * real(rows * in);
        }
        features[node.output()] = out;
        live += out;
        most = std::max(most, live);
        for (const ValueId value : node.inputs)
            if (const auto found = lastUse.find(value);
                found != lastUse.end() && found->second == n) {
                live -= features[value];
                lastUse.erase(found);
            }
    }
    // Twice, as freed buffers do not go back to the system at once.
    result.bytes = 2 * floatBytesOf(rows * most);
    return result;
}

Work trainingWork(const Model& model, int block, std::int64_t tokens, std::int64_t context,
                  int epochs)
{
    Work work = forwardWork(model, block, tokens, context).work;
    work *= forwardsPerEpoch * epochs + 1;
    return work;
}

Work captureWork(std::int64_t features, std::int64_t tokens)
{
    // Tiles of the lower triangle, summed in double after every 512 rows.
    constexpr std::int64_t tile = 256;
    const double d = real(features);
    Work work;
    for (std::int64_t row = 0; row < features; row += tile) {
        const std::int64_t height = std::min(tile, features - row);
        work.multiply(real(height), real(row + height), real(tokens));
    }
    work.bytes += std::ceil(real(tokens) / 512) * d * d / 2 * 2 * sizeof(double);
    work.exponentials += rangesCost * real(tokens) * d;
    return work;
}

Work crossWork(std::int64_t features, std::int64_t tokens)
{
    const double d = real(features);
    Work work;
    work.multiply(d, d, real(tokens));
    work.bytes += std::ceil(real(tokens) / 512) * d * d * 2 * sizeof(double);
    return work;
}

std::uint64_t activationShare(std::uint64_t budget, bool trains, bool withFloats)
{
    return budget / (4 * (std::uint64_t(1) + (trains ? 1 : 0) + (withFloats ? 1 : 0)));
}

Work tokenizeWork(std::uint64_t textBytes)
{
    Work work;
    work.exponentials = tokenizingCost * static_cast<double>(textBytes);
    return work;
}

Work solveWork(const Layer& layer, const LayerChoice& choice)
{
    const double weights = real(layer.parameters());
    const double d = real(layer.cols);
    Work work;
    work.roundings += weights;
    work.bytes += 3 * weights * sizeof(float);
    if (const auto* mse = std::get_if<RtnMseOptions>(&choice.method)) {
        work.roundings += clipCost * weights * mse->steps;
    } else if (const auto* powerquant = std::get_if<PowerquantOptions>(&choice.method)) {
        work += powerGridWork(layer, choice.scheme, *powerquant);
    } else if (const auto* nupes = std::get_if<NupesOptions>(&choice.method)) {
        work += nupesWork(layer, choice.scheme, *nupes);
    } else if (const auto* decoupleq = std::get_if<DecoupleqOptions>(&choice.method)) {
        work += decoupleqWork(layer, choice.scheme, *decoupleq);
    } else if (const auto* gptq = std::get_if<GptqOptions>(&choice.method)) {
        work.invert(d);
        work.bytes += 4 * d * d * sizeof(double);
        work.multiply(real((layer.rows + 63) / 64 * 64), d / 2, d);
        work.roundings += gptqCost * weights;
        if (gptq->mseClip)
            work.roundings += clipCost * weights * RtnMseOptions{}.steps;
    }
    return work;
}

Work exponentWork(const Layer& layer)
{
    Work work;
    work.roundings += binCost * real(layer.parameters());
    work.bytes += real(layer.parameters()) * sizeof(float);
    return work;
}

Work measureWork(const Layer& layer, bool captured)
{
    const double weights = real(layer.parameters());
    const double d = real(layer.cols);
    Work work;
    work.roundings += errorCost * weights;
    work.bytes += 4 * weights * sizeof(float);
    if (captured) {
        work.bytes += d * d * sizeof(double);
        for (int trace = 0; trace < 2; ++trace)
            work.multiply(real(layer.rows), d / 2, d);
    }
    return work;
}

} // namespace gradus
