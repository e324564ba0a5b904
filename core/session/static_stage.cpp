// SPDX-License-Identifier: GPL-3.0-or-later
// Inputs on uniform grids within a pass over the model: attentions are recorded, norms are folded
// for the layers that read them, and these are solved together, before they are finished one by
// one.
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/quant/affine_linear.h"
#include "core/quant/attention_capture.h"
#include "core/quant/static_group.h"
#include "core/session/language.h"
#include "core/session/quantize_job.h"
#include "core/session/statistics.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

namespace gradus {

namespace {

std::shared_ptr<const Tensor> shared(const std::vector<float>& values)
{
    Tensor tensor(DType::F32, {static_cast<std::int64_t>(values.size())});
    std::copy(values.begin(), values.end(), tensor.floats().begin());
    return std::make_shared<const Tensor>(std::move(tensor));
}

/// Names of a norm's tensors; the bias is empty where it has none.
std::pair<std::string, std::string> tensorsOf(const Operator& norm)
{
    if (const auto* layerNorm = std::get_if<op::LayerNorm>(&norm))
        return {layerNorm->weight, layerNorm->bias};
    return {std::get<op::RmsNorm>(norm).weight, {}};
}

} // namespace

const StaticSettings* QuantizeJob::staticSettingsOf(std::size_t layer) const
{
    return m_choices[layer].keepFloat ? nullptr : m_coupling.statics().settings(layer);
}

bool QuantizeJob::isPairedStatic(std::size_t layer) const
{
    const StaticSettings* settings = staticSettingsOf(layer);
    return settings && settings->reconstruct && settings->asymmetric &&
           m_model.layers[layer].kind == LayerKind::Linear;
}

std::vector<std::size_t> QuantizeJob::withAttention(const std::vector<std::size_t>& layers) const
{
    std::vector<std::size_t> chosen;
    for (const std::size_t i : layers) {
        const StaticSettings* settings = staticSettingsOf(i);
        if (settings && wantsInputs(i) && m_coupling.statics().site(i).attention >= 0 &&
            (settings->attentionBits > 0 || settings->probabilityBits > 0))
            chosen.push_back(i);
    }
    return chosen;
}

void QuantizeJob::captureAttention(BlockPass& pass, int block,
                                   const std::vector<std::size_t>& layers)
{
    const std::vector<std::size_t> readers = withAttention(layers);
    if (readers.empty())
        return;
    const auto nodeOf = [this](std::size_t i) { return m_coupling.statics().site(i).attention; };
    std::map<int, AttentionCapture> captures;
    for (const std::size_t i : readers)
        captures.try_emplace(nodeOf(i));
    for (auto& [node, capture] : captures)
        m_weights->replace(node, capture.kernel());
    const double part = m_stageWork[static_cast<std::size_t>(block)].pass;
    pass.run(block, BlockPass::Outputs::Dropped, m_monitor, {},
             during("recording attention", part));
    m_workDone += part;
    for (auto& [node, capture] : captures) {
        m_weights->restoreAttention(node);
        for (const std::size_t i : readers)
            if (nodeOf(i) == node) {
                m_attentions[i] = {capture.solve(*staticSettingsOf(i)), capture.histogram()};
                break; // one attention, one set of grids: the first reader's
            }
    }
    // What reads it sees it quantized.
    if (m_mode == CalibrationMode::TrueSequential)
        for (const std::size_t i : readers)
            if (const auto found = m_attentions.find(i); found != m_attentions.end())
                m_weights->replace(nodeOf(i), roundedAttention(found->second.grids));
}

void QuantizeJob::solveStatic(const std::vector<std::size_t>& layers, const InputCapture& inputs)
{
    std::set<std::size_t> done;
    for (const std::size_t i : layers) {
        const Layer& layer = m_model.layers[i];
        if (!wantsInputs(i) || !staticSettingsOf(i) || layer.kind != LayerKind::Linear ||
            !inputs.rowsOf(layer).data || done.contains(i))
            continue;
        const std::vector<std::size_t>& folded = m_coupling.statics().folded(i);
        const std::vector<std::size_t> group = folded.empty() ? std::vector{i} : folded;
        done.insert(group.begin(), group.end());
        m_monitor.checkpoint();
        solveStaticLayers(group, inputs);
    }
}

void QuantizeJob::solveStaticLayers(const std::vector<std::size_t>& group,
                                    const InputCapture& inputs)
{
    const auto start = std::chrono::steady_clock::now();
    const std::size_t first = group.front();
    const StaticGroups& statics = m_coupling.statics();
    const StaticSite& site = statics.site(first);
    StaticGroupProblem problem;
    problem.inputs = inputs.rowsOf(m_model.layers[first]);
    problem.floatInputs = inputs.floatRowsOf(m_model.layers[first]);
    problem.settings = *staticSettingsOf(first);
    problem.folds = !statics.folded(first).empty();
    problem.biased = site.biased && !site.padded;
    problem.seed = m_request.recipe.seed;
    std::shared_ptr<const Tensor> gamma;
    std::shared_ptr<const Tensor> beta;
    std::pair<std::string, std::string> normTensors;
    if (problem.folds) {
        const Node& norm = m_model.graph.nodes[static_cast<std::size_t>(site.norm)];
        normTensors = tensorsOf(norm.op);
        problem.norm = norm.name;
        gamma = m_weights->get(normTensors.first);
        problem.gamma = gamma->floats();
        if (!normTensors.second.empty()) {
            beta = m_weights->get(normTensors.second);
            problem.beta = beta->floats();
        }
    }
    std::vector<Tensor> weights;
    std::vector<std::shared_ptr<const Tensor>> biases;
    std::vector<std::string> biasNames;
    for (const std::size_t i : group) {
        const Layer& layer = m_model.layers[i];
        weights.push_back(layerWeight(m_model, layer));
        const Node& node = m_model.graph.nodes[static_cast<std::size_t>(layer.node)];
        biasNames.push_back(std::get<op::Linear>(node.op).bias);
        biases.push_back(biasNames.back().empty() ? nullptr : m_weights->get(biasNames.back()));
    }
    for (std::size_t c = 0; c < group.size(); ++c) {
        const std::size_t i = group[c];
        StaticConsumer consumer;
        consumer.name = m_model.layers[i].name;
        consumer.weight = weights[c].matrix();
        // A bias that others read, too, is left alone.
        if (biases[c] && !statics.site(i).sharesBias)
            consumer.bias = biases[c]->floats();
        consumer.scheme = m_choices[i].scheme;
        consumer.method = staticSettingsOf(i)->weights;
        if (sharesExponent(m_choices[i]))
            consumer.modelExponent = m_modelExponent;
        consumer.asymmetric = isAsymmetric(m_choices[i]);
        problem.consumers.push_back(std::move(consumer));
    }
    StopOnly stop(m_monitor);
    StaticGroupResult solved = solveStaticGroup(problem, stop);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (std::size_t c = 0; c < group.size(); ++c) {
        const std::size_t i = group[c];
        StaticConsumerResult& one = solved.consumers[c];
        auto details = std::make_shared<StaticInputs>();
        if (!one.grid.scales.empty())
            details->grid = std::move(one.grid);
        details->ratio = std::move(one.ratio);
        details->lambda = one.lambda;
        details->errors = one.errors;
        if (!one.bias.empty())
            details->parameters[biasNames[c]] = shared(one.bias);
        if (c == 0) {
            details->norm = std::move(solved.norm);
            if (!solved.gamma.empty())
                details->parameters[normTensors.first] = shared(solved.gamma);
            if (!solved.beta.empty())
                details->parameters[normTensors.second] = shared(solved.beta);
        }
        if (one.earlierGrid)
            m_earlierForms[i] =
                roundedLinear(one.earlierWeight, m_model.layers[i].rows, *one.earlierGrid);
        LayerResult result;
        result.name = m_model.layers[i].name;
        result.choice = m_choices[i];
        result.damping = one.solved.report.damping;
        result.note = std::move(one.solved.report.note);
        result.trace = std::move(one.solved.report.trace);
        result.weight = std::make_shared<const QuantizedWeight>(std::move(one.solved.weight));
        result.staticInputs = std::move(details);
        measureLayer(result, weights[c].matrix(), nullptr);
        result.relativeOutputError = one.errors.weights;
        if (const std::string& why = statics.whyAlone(i); !why.empty())
            addNote(result, concat("the norm before it is not folded: ", why));
        const auto* repquant = std::get_if<RepquantOptions>(&m_choices[i].method);
        if (repquant && repquant->clipping != ClipSearch::None &&
            m_choices[i].activation.granularity == InputGranularity::Tensor &&
            statics.site(i).norm >= 0)
            addNote(result, "clipping does nothing here: it is for grids by channel, and the "
                            "inputs have one for all");
        result.seconds = seconds / static_cast<double>(group.size());
        m_solvedStatic.emplace(i, std::move(result));
    }
}

void QuantizeJob::completeStatic(std::size_t index, LayerResult& result, const InputCapture& inputs)
{
    const StaticSettings* settings = staticSettingsOf(index);
    if (!settings)
        return;
    auto details = result.staticInputs ? std::make_shared<StaticInputs>(*result.staticInputs)
                                       : std::make_shared<StaticInputs>();
    const Layer& layer = m_model.layers[index];
    if (const ConstMatrixView rows = inputs.rowsOf(layer);
        layer.kind == LayerKind::Convolution && rows.data && settings->bits > 0)
        details->grid = tensorGrid(rows, settings->bits, settings->range);
    if (const auto found = m_attentions.find(index); found != m_attentions.end()) {
        details->attention = found->second.grids;
        details->probabilities = found->second.probabilities;
    } else if (layer.block < 0 && m_coupling.statics().site(index).attention >= 0 &&
               (settings->attentionBits > 0 || settings->probabilityBits > 0)) {
        addNote(result,
                "q, k, v and the softmax stay float: the attention before it stands outside "
                "of the blocks");
    }
    result.staticInputs = std::move(details);
}

int QuantizeJob::attentionNode(std::size_t layer) const
{
    const LayerResult& result = *m_results[layer];
    if (!result.staticInputs || !result.staticInputs->attention)
        return -1;
    return m_coupling.statics().any() ? m_coupling.statics().site(layer).attention
                                      : m_finishedSites->of(layer).attention;
}

void QuantizeJob::refuseHalfFolds()
{
    const FinishedLayer finished = [this](std::size_t i) -> const LayerResult* {
        const auto found = m_request.finished.find(m_model.layers[i].name);
        return found == m_request.finished.end() || m_computed[i] ||
                       (m_request.only && m_request.only->contains(found->first))
                   ? nullptr
                   : &found->second;
    };
    for (std::size_t i = 0; i < m_choices.size(); ++i) {
        const LayerResult* result = finished(i);
        if (result && result->staticInputs && !m_finishedSites)
            m_finishedSites.emplace(m_model);
    }
    m_refused.assign(m_choices.size(), 0);
    if (m_finishedSites)
        m_refused = m_coupling.halfFolds(*m_finishedSites, m_choices, finished, m_computed);
}

void QuantizeJob::recallEarlierForm(std::size_t layer)
{
    const StaticSettings* settings = staticSettingsOf(layer);
    const std::vector<std::size_t>& group = m_coupling.statics().folded(layer);
    if (!settings || !settings->stale || group.empty() || m_earlierForms.contains(layer))
        return;
    const std::optional<LayerResult>& first = m_results[group.front()];
    if (!first || !first->staticInputs || !first->staticInputs->norm)
        return;
    AffineGrid channels;
    channels.bits = settings->bits;
    channels.scales = first->staticInputs->norm->scales;
    channels.zeros = first->staticInputs->norm->zeros;
    const Tensor weight = layerWeight(m_model, m_model.layers[layer]);
    LayerProblem problem;
    problem.name = m_model.layers[layer].name;
    problem.weight = weight.matrix();
    problem.scheme = m_choices[layer].scheme;
    problem.seed = m_request.recipe.seed;
    StopOnly stop(m_monitor);
    // The methods that keep stale ranges look at weights alone.
    m_earlierForms[layer] = roundedLinear(
        std::make_shared<const Tensor>(dequantize(solve(problem, settings->weights, stop).weight)),
        m_model.layers[layer].rows, channels);
}

void QuantizeJob::takeBackStatic(std::size_t layer)
{
    m_earlierForms.erase(layer);
    m_attentions.erase(layer);
    undoStatic(layer);
}

void QuantizeJob::undoStatic(std::size_t layer)
{
    if (m_results[layer] && m_results[layer]->staticInputs) {
        for (const auto& [name, value] : m_results[layer]->staticInputs->parameters)
            m_weights->restore(name);
        if (const int node = attentionNode(layer); node >= 0)
            m_weights->restoreAttention(node);
    }
}

} // namespace gradus
