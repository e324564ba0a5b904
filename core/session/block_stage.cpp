// SPDX-License-Identifier: GPL-3.0-or-later
//
// Block-wise minimization: once all layers of a block are solved, those that take part are trained
// together with the block's norms; of decoupleQ with the integers frozen, of NUPES with them.
#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/text.h"
#include "core/quant/comparable_weight.h"
#include "core/session/language.h"
#include "core/session/quantize_job.h"
#include "core/session/statistics.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace gradus {

namespace {

using Clock = std::chrono::steady_clock;

/// How far scales and zeros moved, as TracePoint has it, and where the exponents are.
void addMovement(TracePoint& point, const QuantizedWeight& before, const QuantizedWeight& after)
{
    double moved = 0;
    double size = 0;
    for (std::size_t i = 0; i < before.scales.size(); ++i) {
        const double old = before.scales[i];
        const double change = after.scales[i] - old;
        moved += change * change;
        size += old * old;
    }
    point.scaleChange = size > 0 ? std::sqrt(moved / size) : 0;
    double squares = 0;
    for (std::size_t i = 0; i < before.zeros.size(); ++i) {
        const double change = double(after.zeros[i]) - before.zeros[i];
        squares += change * change;
    }
    if (!before.zeros.empty())
        point.zeroChange = std::sqrt(squares / static_cast<double>(before.zeros.size()));
    if (!after.exponents.empty())
        point.exponent = std::accumulate(after.exponents.begin(), after.exponents.end(), 0.0) /
                         static_cast<double>(after.exponents.size());
}

} // namespace

bool QuantizeJob::trainsBlock(int block) const
{
    const auto& layers = m_coupling.trainedIn(static_cast<std::size_t>(block));
    return m_samples.count() > 0 && std::any_of(layers.begin(), layers.end(), [&](std::size_t i) {
               return m_computed[i] && (!m_results[i] || m_heldInputs.contains(i));
           });
}

TrainingSink QuantizeJob::watchTraining(double work)
{
    return [this, work](const TrainingProgress& progress) {
        const double part = progress.steps > 0 ? static_cast<double>(progress.step) /
                                                     static_cast<double>(progress.steps)
                                               : 0;
        // A stop is the training's to notice: it has a best state to save.
        reportWithoutStopping(
            concat("training, epoch ", progress.epoch + 1, ", loss ", formatReal(progress.loss)),
            part * work);
        if (m_request.trainingSink)
            m_request.trainingSink(progress);
    };
}

void QuantizeJob::trainBlockLayers(BlockPass& pass, int block, const std::string& earlier)
{
    const auto& layers = m_coupling.trainedIn(static_cast<std::size_t>(block));
    const auto all = m_stages.layersOf(static_cast<std::size_t>(block));
    const InputOrigin origin = m_trail.together("block", earlier, quantizedAmong(all));

    // The others are frozen as they were quantized.
    std::vector<std::size_t> frozen;
    if (m_mode == CalibrationMode::Float)
        for (const std::size_t i : all)
            if (m_results[i]->weight &&
                (!m_coupling.trains(i) || m_results[i]->staticInputs != nullptr)) {
                useResult(i);
                frozen.push_back(i);
            }
    const auto start = Clock::now();
    BlockProblem problem;
    problem.model = &m_model;
    problem.weights = m_weights;
    problem.block = block;
    for (const std::size_t i : layers)
        problem.layers.push_back(
            {&m_model.layers[i], m_results[i]->weight, [this, i] { return foldedLayerWeight(i); }});
    problem.targets = &pass.outputs().rows();
    problem.windows = m_samples.count();
    problem.length = pass.outputs().rowsPerSample();
    problem.readInputs = [&pass](std::int64_t first, std::int64_t count) {
        return pass.hidden().read(first, count);
    };
    if (!m_model.blocks[static_cast<std::size_t>(block)].sides.empty())
        problem.sides = [this, &pass](std::int64_t first, std::int64_t count) {
            return pass.sidesOf(first, count, m_monitor);
        };
    const TrainingOptions options = *blockTrainingOf(m_results[layers.front()]->choice);
    if (const Shape& fed = m_model.graph.inputs.front().shape; !fed.empty() && fed.front() > 0)
        problem.batch = static_cast<int>(fed.front()); // the graph takes no other
    const double work = m_stageWork[static_cast<std::size_t>(block)].training;
    StopOnly stop(m_monitor);
    TuningResult trained = trainBlock(problem, options, stop, watchTraining(work));
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    m_workDone += work;

    for (const std::size_t i : layers)
        if (*blockTrainingOf(m_results[i]->choice) != options)
            addNote(*m_results[i], concat("trained with the block options of ",
                                          m_model.layers[layers.front()].name));
    const bool cancelled = trained.outcome->cancelled;
    takeTrained(layers, trained, TraceStage::Block, seconds);
    for (const std::size_t i : layers)
        measureTrained(i, m_heldInputs.at(i).get());
    m_heldInputs.clear();
    for (const std::size_t i : frozen) {
        m_weights->restore(m_model.layers[i].weight);
        undoStatic(i);
    }
    if (cancelled)
        abandon(layers);
    for (const std::size_t i : layers)
        m_results[i]->origin = origin;
    for (const std::size_t i : layers) {
        keep(i);
        if (m_mode != CalibrationMode::Float)
            applyWeight(m_model.layers[i], *m_results[i], *m_weights);
    }
    if (m_mode != CalibrationMode::Float)
        for (const auto& [name, value] : m_results[layers.front()]->tunings.back()->parameters)
            m_weights->replace(name, value);
    report("trained");
}

Tensor QuantizeJob::foldedLayerWeight(std::size_t layer) const
{
    Tensor weight = layerWeight(m_model, m_model.layers[layer]);
    const StaticInputs* inputs = m_results[layer]->staticInputs.get();
    return inputs && !inputs->ratio.empty() ? foldedWeight(weight.matrix(), inputs->ratio)
                                            : std::move(weight);
}

void QuantizeJob::takeTrained(const std::vector<std::size_t>& layers, const TuningResult& trained,
                              TraceStage stage, double seconds)
{
    for (std::size_t t = 0; t < layers.size(); ++t) {
        LayerResult& result = *m_results[layers[t]];
        const auto before = std::exchange(result.weight, trained.weights[t]);
        result.tunings.push_back(trained.outcome);
        TracePoint point;
        point.stage = stage;
        point.accepted = trained.outcome->bestEpoch > 0 ? 1 : 0;
        addMovement(point, *before, *result.weight);
        result.trace.push_back(point);
        result.seconds += seconds / static_cast<double>(layers.size());
    }
}

void QuantizeJob::measureTrained(std::size_t index, const InputStatistics* inputs)
{
    LayerResult& result = *m_results[index];
    const Tensor weight = layerWeight(m_model, m_model.layers[index]);
    result.relativeOutputError = std::numeric_limits<double>::quiet_NaN();
    measureLayer(result, weight.matrix(), inputs);
    result.trace.back().relativeError = result.relativeOutputError;
    if (result.weight->scheme.levels != Levels::Uniform)
        result.trace.back().weightError = std::pow(10.0, -result.weightSqnrDb / 10);
    // An exponent that weights and inputs share has moved with the weights'.
    if (result.activation && inputs && inputs->magnitudes)
        result.activation =
            solveActivation(*inputs->magnitudes, result.choice.activation,
                            result.weight->exponents.size() == 1
                                ? std::optional<double>(result.weight->exponents.front())
                                : std::nullopt);
}

void QuantizeJob::abandon(const std::vector<std::size_t>& layers)
{
    for (const std::size_t i : layers) {
        m_results[i]->origin = m_trail.unfinished();
        if (m_sink)
            m_sink(*m_results[i]);
    }
    throw Cancelled();
}

} // namespace gradus
