// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text.h"
#include "core/session/language.h"
#include "core/session/quantize_job.h"
#include "core/session/statistics.h"
#include "core/session/workload.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

namespace gradus {

void QuantizeJob::runCalibrated()
{
    Weights floats(m_request.model, m_request.memoryBytes / 2);
    if (!pairsWantedAfter(-2))
        return passModel(floats, nullptr);
    Weights changed = Weights::over(floats);
    passModel(changed, &floats);
}

void QuantizeJob::passModel(Weights& weights, const Weights* floats)
{
    m_weights = &weights;
    // Embeddings first: in sequential modes the first block sees the quantized ones. A tied head
    // shares the tensor, so that it is quantized here too.
    finishStage(m_stages.embeddings, nullptr, m_trail);

    const auto blocks = static_cast<int>(m_model.blocks.size());
    bool trains = false;
    for (int block = 0; block < blocks; ++block)
        trains = trains || trainsBlock(block);
    // A training looks at a block's inputs and outputs.
    const std::uint64_t share = activationShare(m_request.memoryBytes, trains, floats != nullptr);
    BlockPass pass(m_model, weights, *m_samples.data, m_samples.count(), share);
    pass.take(m_samples.chosen);
    std::optional<BlockPass> beside;
    if (floats) {
        beside.emplace(m_model, *floats, *m_samples.data, m_samples.count(), share);
        beside->take(m_samples.chosen);
        m_floatPass = &*beside;
    }
    passPrelude(pass);
    bool told = false;
    for (int block = 0; block < blocks; ++block) {
        if (pass.spilled() && !std::exchange(told, true))
            m_monitor.note(concat("activations of ", m_samples.count(),
                                  m_samples.context > 0 ? " windows" : " samples", " exceed ",
                                  trains && floats   ? "a twelfth"
                                  : trains || floats ? "an eighth"
                                                     : "a quarter",
                                  " of the memory budget and are spilled to a temporary file"));
        passBlock(pass, block);
    }
    if (inputsWantedAfter(blocks))
        passHead(pass);
    m_weights = nullptr;
    m_floatPass = nullptr;
}

void QuantizeJob::passPrelude(BlockPass& pass)
{
    using Outputs = BlockPass::Outputs;
    m_stage = "before the blocks";
    InputCapture inputs(m_model, m_monitor);
    want(m_stages.prelude, inputs);
    if (!inputs.empty()) {
        BlockPass::Companion floats{};
        if (inputs.pairs())
            floats = {m_floatPass, Outputs::Dropped, inputs.floatObserver()};
        pass.runPrelude(Outputs::Dropped, m_monitor, inputs.observer(),
                        during("calibrating", m_preludeWork), floats);
        m_workDone += m_preludeWork;
        inputs.finish();
    }
    finishStage(m_stages.prelude, &inputs, m_trail);
    pass.runPrelude(Outputs::Advance, m_monitor);
    if (m_floatPass)
        m_floatPass->runPrelude(Outputs::Advance, m_monitor);
    // What the blocks and the head read of it is kept; its weights are not looked at again.
    m_stage.clear();
}

void QuantizeJob::passBlock(BlockPass& pass, int block)
{
    using Outputs = BlockPass::Outputs;
    const bool sequential = m_mode != CalibrationMode::Float;
    const bool trains = trainsBlock(block);
    const StageWork& work = m_stageWork[static_cast<std::size_t>(block)];
    const auto& subsets = m_stages.blocks[static_cast<std::size_t>(block)];
    bool advance = inputsWantedAfter(block);
    bool floatAdvance = m_floatPass && pairsWantedAfter(block);
    m_stage = concat("block ", block + 1, " of ", m_model.blocks.size());

    OriginTrail within = m_trail;
    for (std::size_t s = 0; s < subsets.size(); ++s) {
        captureAttention(pass, block, subsets[s]);
        InputCapture inputs(m_model, m_monitor);
        want(subsets[s], inputs);
        // The first pass of a block that is trained is all float: its outputs are the targets.
        const bool targets = trains && s == 0;
        if (!inputs.empty() || targets) {
            // Sequential: this pass only looks; the hidden states advance once the block's weights
            // are quantized.
            const Outputs what = targets      ? Outputs::Aside
                                 : sequential ? Outputs::Dropped
                                              : Outputs::Advance;
            BlockPass::Companion floats{};
            if (inputs.pairs()) {
                const bool last = std::none_of(
                    subsets.begin() + static_cast<std::ptrdiff_t>(s) + 1, subsets.end(),
                    [this](const auto& later) { return pairsWantedAmong(later); });
                floats = {m_floatPass, last && floatAdvance ? Outputs::Advance : Outputs::Dropped,
                          inputs.floatObserver()};
                floatAdvance = floatAdvance && !last;
            }
            const double part = work.pass * (floats.pass ? 2 : 1) + work.capture[s];
            pass.run(block, what, m_monitor, inputs.observer(), during("calibrating", part),
                     floats);
            m_workDone += part;
            inputs.finish();
            advance = advance && what != Outputs::Advance;
        }
        finishStage(subsets[s], &inputs, within);
    }
    if (trains)
        trainBlockLayers(pass, block, m_trail.next().earlier);
    if (advance && trains && !sequential) {
        pass.advanceToOutputs();
    } else if (advance) {
        pass.run(block, Outputs::Advance, m_monitor, {}, during("running", work.pass));
        m_workDone += work.pass;
    }
    if (floatAdvance) {
        m_floatPass->run(block, Outputs::Advance, m_monitor, {}, during("running", work.pass));
        m_workDone += work.pass;
    }
    // What follows sees the block as it came out in the end.
    for (const OriginTrail::Part& part :
         quantizedAmong(m_stages.layersOf(static_cast<std::size_t>(block))))
        m_trail.pass(*part.layer, part.choice, part.origin);
    forget(block);
}

void QuantizeJob::passHead(BlockPass& pass)
{
    m_stage = "head";
    InputCapture inputs(m_model, m_monitor);
    want(m_stages.head, inputs);
    BlockPass::Companion floats{};
    if (inputs.pairs())
        floats = {m_floatPass, BlockPass::Outputs::Dropped, inputs.floatObserver()};
    const double work =
        m_stageWork.back().pass * (floats.pass ? 2 : 1) + m_stageWork.back().capture.front();
    pass.runHead(m_monitor, inputs.observer(), during("calibrating", work), floats);
    m_workDone += work;
    inputs.finish();
    finishStage(m_stages.head, &inputs, m_trail);
}

void QuantizeJob::forget(int block)
{
    const Block& passed = m_model.blocks[static_cast<std::size_t>(block)];
    std::set<std::string> elsewhere;
    const int end = passed.firstNode + passed.nodeCount;
    for (int n = 0; n < static_cast<int>(m_model.graph.nodes.size()); ++n) {
        if (n >= passed.firstNode && n < end)
            continue;
        const Operator& op = m_model.graph.nodes[static_cast<std::size_t>(n)].op;
        if (const auto* linear = std::get_if<op::Linear>(&op))
            elsewhere.insert(linear->weight);
        if (const auto* convolution = std::get_if<op::Convolution>(&op))
            elsewhere.insert(convolution->weight);
    }
    for (std::size_t i = 0; i < m_model.layers.size(); ++i) {
        const Layer& layer = m_model.layers[i];
        if (layer.block != block)
            continue;
        if (!elsewhere.contains(layer.weight))
            m_weights->restore(layer.weight);
        takeBackStatic(i);
        for (const auto& tuning : m_results[i]->tunings)
            for (const auto& [name, value] : tuning->parameters)
                m_weights->restore(name);
    }
}

bool QuantizeJob::inputsWantedAfter(int block) const
{
    for (std::size_t i = 0; i < m_model.layers.size(); ++i)
        if (wantsInputs(i) && (m_model.layers[i].block == -1 || m_model.layers[i].block > block))
            return true;
    return false;
}

bool QuantizeJob::pairsWantedAfter(int block) const
{
    for (std::size_t i = 0; i < m_model.layers.size(); ++i)
        if (wantsPairs(i) && (m_model.layers[i].block == -1 || m_model.layers[i].block > block))
            return true;
    return false;
}

bool QuantizeJob::pairsWantedAmong(const std::vector<std::size_t>& layers) const
{
    return std::any_of(layers.begin(), layers.end(), [this](auto i) { return wantsPairs(i); });
}

bool QuantizeJob::wantsInputs(std::size_t layer) const
{
    return !m_results[layer] && !m_choices[layer].keepFloat &&
           canCapture(m_model, m_model.layers[layer]);
}

void QuantizeJob::want(const std::vector<std::size_t>& layers, InputCapture& inputs) const
{
    // Layers with rows are solved and measured on these; layers that read one value share what is
    // known of it, so that one that wants a Hessian is enough.
    std::map<InputKey, bool> hessians;
    for (const std::size_t i : layers)
        if (wantsInputs(i)) {
            const Layer& layer = m_model.layers[i];
            const bool byRows = staticSettingsOf(i) && layer.kind == LayerKind::Linear;
            bool& wanted = hessians[*inputKey(m_model, layer)];
            wanted = wanted || !byRows || m_request.inputSink != nullptr;
        }
    for (const std::size_t i : layers)
        if (wantsInputs(i)) {
            const Layer& layer = m_model.layers[i];
            const bool linear = layer.kind == LayerKind::Linear;
            const StaticSettings* settings = staticSettingsOf(i);
            inputs.want(layer, hessians.at(*inputKey(m_model, layer)),
                        !settings && m_choices[i].activation.enabled() && linear,
                        !settings && wantsPairs(i));
            if (settings)
                inputs.wantRows(layer, linear && wantsPairs(i));
        }
}

std::vector<OriginTrail::Part>
QuantizeJob::quantizedAmong(const std::vector<std::size_t>& layers) const
{
    std::vector<OriginTrail::Part> parts;
    for (const std::size_t i : layers)
        if (m_results[i]->weight)
            parts.push_back({&m_model.layers[i], m_results[i]->choice, m_results[i]->origin});
    return parts;
}

void QuantizeJob::finishStage(const std::vector<std::size_t>& layers, const InputCapture* inputs,
                              OriginTrail& trail)
{
    const InputOrigin origin = trail.next();
    if (inputs)
        solveStatic(layers, *inputs);
    for (const std::size_t i : layers)
        finishLayer(i, inputs, origin);
    for (const OriginTrail::Part& part : quantizedAmong(layers))
        trail.pass(*part.layer, part.choice, part.origin);
}

void QuantizeJob::finishLayer(std::size_t index, const InputCapture* capture,
                              const InputOrigin& origin)
{
    const Layer& layer = m_model.layers[index];
    const std::shared_ptr<const InputStatistics> inputs = capture ? capture->of(layer) : nullptr;
    if (!m_results[index]) {
        const bool wanted = capture && wantsInputs(index);
        const bool captured = inputs && wanted;
        if (captured && m_request.inputSink)
            m_request.inputSink(layer, inputs);
        const auto ahead = m_solvedStatic.extract(index);
        LayerResult result =
            ahead      ? std::move(ahead.mapped())
            : captured ? solveOne(layer, m_choices[index], inputs, capture->crossOf(layer))
                       : solveOne(layer, m_choices[index], nullptr, {});
        if (captured)
            completeStatic(index, result, *capture);
        result.origin = m_trail.of(index, m_choices[index], wanted ? origin : InputOrigin());
        if (m_leftOut[index])
            result.note = "left out of this run";
        m_results[index] = std::move(result);
        m_workDone += m_solveWork[index];
        report(layer.name);
        if (captured && m_coupling.trains(index))
            m_heldInputs[index] = inputs;
        else
            keep(index);
    }
    if (m_weights && m_mode != CalibrationMode::Float && m_results[index]->weight)
        useResult(index);
}

void QuantizeJob::useResult(std::size_t index)
{
    const Layer& layer = m_model.layers[index];
    const LayerResult& result = *m_results[index];
    applyWeight(layer, result, *m_weights, attentionNode(index));
    recallEarlierForm(index);
    if (const auto earlier = m_earlierForms.find(index); earlier != m_earlierForms.end())
        m_weights->replace(layer.weight, earlier->second);
    else if (result.staticInputs)
        for (const auto& [name, value] : result.staticInputs->parameters)
            m_weights->replace(name, value);
    for (const auto& tuning : result.tunings)
        for (const auto& [name, value] : tuning->parameters)
            m_weights->replace(name, value);
}

void QuantizeJob::keep(std::size_t index)
{
    // Readers of a folded norm are of use together only: the last one to be finished brings the
    // others along, and nothing stops in between. Those that wait for a training are not finished.
    const std::vector<std::size_t>& folded = m_coupling.statics().folded(index);
    const std::vector<std::size_t> group = folded.empty() ? std::vector{index} : folded;
    if (!std::all_of(group.begin(), group.end(), [this](auto i) {
            return m_results[i].has_value() && !m_heldInputs.contains(i);
        }))
        return;
    for (const std::size_t i : group) {
        if (std::exchange(m_kept[i], char(1)) != 0)
            continue;
        if (m_journal)
            m_journal->append(*m_results[i]);
        if (m_sink)
            m_sink(*m_results[i]);
    }
}

LayerResult QuantizeJob::solveOne(const Layer& layer, const LayerChoice& choice,
                                  const std::shared_ptr<const InputStatistics>& inputs,
                                  std::span<const double> cross)
{
    m_monitor.checkpoint();
    if (choice.keepFloat) {
        LayerResult result;
        result.name = layer.name;
        result.choice = choice;
        if (!layer.quantizedByDefault)
            result.note = "stays float unless a rule includes it";
        return result;
    }
    const auto start = std::chrono::steady_clock::now();
    const Tensor weight = layerWeight(m_model, layer);
    LayerTask task{&layer, choice, weight.matrix(), inputs, cross, m_request.recipe.seed};
    task.modelExponent = m_modelExponent;
    LayerResult result = solveLayer(task, m_monitor).result;
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result;
}

} // namespace gradus
