// SPDX-License-Identifier: GPL-3.0-or-later
//
// The constants were fitted to runs over models with 192 to 1024 features on one thread.
#include "core/session/workload.h"

#include "core/base/error.h"
#include "core/data/open_dataset.h"
#include "core/graph/node_range.h"
#include "core/session/block_pass.h"

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
constexpr double percentileCost = 20;  ///< per weight: a sort of its row, and three ranges
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
    if (block >= 0 && static_cast<std::size_t>(block) < model.blocks.size()) {
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

ForwardWork forwardWork(const Model& model, int block, const std::map<ValueId, Shape>& shapes,
                        std::int64_t samples)
{
    const NodeRange range =
        block == preludeBlock ? NodeRange{0, model.blocks.front().firstNode, 0, 0, {}}
        : static_cast<std::size_t>(block) < model.blocks.size() ? blockRange(model, block)
                                                                : headRange(model);
    const auto elementsOf = [&](ValueId value) {
        const auto found = shapes.find(value);
        return found == shapes.end() ? std::int64_t(0) : elementCount(found->second);
    };
    const auto widthOf = [&](const std::string& tensor) {
        const TensorInfo* info = model.source.tensors->find(tensor);
        return info && !info->shape.empty() ? elementCount(info->shape) : std::int64_t(0);
    };
    ForwardWork result;
    std::int64_t most = 0;
    for (int n = range.first; n < range.first + range.count; ++n) {
        const Node& node = model.graph.nodes[static_cast<std::size_t>(n)];
        std::int64_t out = 0;
        for (const ValueId value : node.outputs)
            out += elementsOf(value);
        std::int64_t in = 0;
        for (const ValueId value : node.inputs)
            in += elementsOf(value);
        most = std::max(most, in + out);
        const auto found = shapes.find(node.output());
        const Shape outShape = found == shapes.end() ? Shape() : found->second;
        if (const auto* linear = std::get_if<op::Linear>(&node.op)) {
            const std::int64_t width =
                outShape.empty() ? 1 : std::max<std::int64_t>(1, outShape.back());
            const std::int64_t weights = widthOf(linear->weight);
            result.work.multiply(real(out / width), real(weights), 1);
            result.weights += floatBytesOf(weights);
        } else if (const auto* convolution = std::get_if<op::Convolution>(&node.op)) {
            result.work.multiply(real(out), real(convolution->geometry.features()), 1);
            result.weights += floatBytesOf(widthOf(convolution->weight));
        } else if (const auto* attention = std::get_if<op::Attention>(&node.op)) {
            const auto keys = shapes.find(node.inputs.size() > 1 ? node.inputs[1] : noValue);
            const std::int64_t width = attention->kvHeads * attention->headDim;
            const std::int64_t seen =
                keys == shapes.end() || width == 0 ? 0 : elementCount(keys->second) / width;
            const double share = attention->causal ? 0.5 : 1;
            const double scores = real(out) / real(std::max<std::int64_t>(1, attention->headDim)) *
                                  real(seen) * share;
            result.work.multiply(scores, 2 * real(attention->headDim), 1);
            result.work.exponentials += softmaxCost * scores;
        } else if (std::holds_alternative<op::MatMul>(node.op)) {
            const auto first = shapes.find(node.inputs.front());
            const std::int64_t depth =
                first == shapes.end() || first->second.empty() ? 1 : first->second.back();
            result.work.multiply(real(out), real(depth), 1);
        } else if (std::holds_alternative<op::Unary>(node.op)) {
            result.work.exponentials += real(out);
        } else {
            result.work.exponentials += elementCost * real(std::max(in, out));
        }
    }
    result.work *= real(samples);
    result.bytes = 2 * floatBytesOf(most * samples);
    return result;
}

std::map<ValueId, Shape> shapesOfOne(const std::shared_ptr<const Model>& model,
                                     std::int64_t context, std::uint64_t memoryBytes)
{
    constexpr std::int64_t usualContext = 128;
    const std::optional<ImageInput> image = imageInputOf(*model);
    std::map<ValueId, Shape> shapes;
    Values values;
    for (std::size_t i = 0; i < model->graph.inputs.size(); ++i) {
        const GraphPort& port = model->graph.inputs[i];
        Shape shape = port.shape.empty() ? Shape{1, -1} : port.shape;
        for (std::size_t axis = 0; axis < shape.size(); ++axis)
            if (shape[axis] < 0)
                shape[axis] = axis == 0                  ? 1
                              : port.dtype != DType::F32 ? (context > 0 ? context : usualContext)
                                                         : usualContext;
        if (i == 0 && image && shape.size() == 4) {
            if (image->channelsFirst)
                shape = {shape[0], image->channels, image->height, image->width};
            else
                shape = {shape[0], image->height, image->width, image->channels};
            for (std::int64_t& size : shape)
                size = std::max<std::int64_t>(size, 1);
        }
        values.emplace(port.value, Tensor::zeros(port.dtype, shape));
        shapes.emplace(port.value, std::move(shape));
    }
    try {
        const Weights weights(model, memoryBytes / 4);
        (void)runNodes(*model, weights, 0, static_cast<int>(model->graph.nodes.size()),
                       std::move(values), {}, {model->graph.output}, Monitor(), {}, nullptr,
                       &shapes);
    } catch (const Error&) {
        return {};
    }
    return shapes;
}

std::int64_t SampleWork::rows(const Model& model, const Layer& layer) const
{
    if (layer.node < 0)
        return 0;
    if (shapes.empty())
        return samples * std::max<std::int64_t>(context, 1);
    const auto out = shapes.find(model.graph.nodes[static_cast<std::size_t>(layer.node)].output());
    const std::int64_t elements = out == shapes.end() ? 0 : elementCount(out->second);
    return samples * elements / std::max<std::int64_t>(1, layer.rows);
}

Work SampleWork::forward(const Model& model, int block) const
{
    if (!shapes.empty())
        return forwardWork(model, block, shapes, samples).work;
    return block == preludeBlock
               ? Work()
               : forwardWork(model, block, samples * std::max<std::int64_t>(context, 1), context)
                     .work;
}

Work SampleWork::training(const Model& model, int block, int epochs) const
{
    Work work = forward(model, block);
    work *= forwardsPerEpoch * epochs + 1;
    return work;
}

Work SampleWork::capture(const Model& model, const Layer& layer) const
{
    Work work = captureWork(layer.cols, rows(model, layer));
    work *= static_cast<double>(hessianElements(model, layer)) /
            std::max(1.0, real(layer.cols) * real(layer.cols));
    return work;
}

Work SampleWork::cross(const Model& model, const Layer& layer) const
{
    Work work = crossWork(layer.cols, rows(model, layer));
    work *= static_cast<double>(hessianElements(model, layer)) /
            std::max(1.0, real(layer.cols) * real(layer.cols));
    return work;
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
    const MethodOptions method = weightMethod(choice.method);
    const double weights = real(layer.parameters());
    const double d = real(layer.cols);
    Work work;
    work.roundings += weights;
    work.bytes += 3 * weights * sizeof(float);
    if (const auto* mse = std::get_if<RtnMseOptions>(&method)) {
        work.roundings += clipCost * weights * mse->steps;
    } else if (const auto* powerquant = std::get_if<PowerquantOptions>(&method)) {
        work += powerGridWork(layer, choice.scheme, *powerquant);
    } else if (const auto* nupes = std::get_if<NupesOptions>(&method)) {
        work += nupesWork(layer, choice.scheme, *nupes);
    } else if (const auto* decoupleq = std::get_if<DecoupleqOptions>(&method)) {
        work += decoupleqWork(layer, choice.scheme, *decoupleq);
    } else if (std::holds_alternative<PercentileStaticOptions>(method)) {
        work.roundings += percentileCost * weights;
    } else if (const auto* gptq = std::get_if<GptqOptions>(&method)) {
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
