// SPDX-License-Identifier: GPL-3.0-or-later
//
// The last step of decoupleQ, once every layer has its result: the floating parts of all blocks
// trained together on the next token. The journal holds the state before it.
#include "core/base/text.h"
#include "core/session/language.h"
#include "core/session/quantize_job.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

namespace gradus {

bool QuantizeJob::fineTunes() const
{
    const auto& layers = m_coupling.fineTuned();
    return m_samples.windows.count() > 0 && m_model.task == ModelTask::Language &&
           std::any_of(layers.begin(), layers.end(),
                       [this](std::size_t i) { return m_computed[i] != 0; });
}

void QuantizeJob::fineTuneLayers()
{
    const std::vector<std::size_t>& layers = m_coupling.fineTuned();
    m_stage = "fine-tuning";
    report("beginning");
    std::vector<std::size_t> all = m_stages.embeddings;
    all.insert(all.end(), m_stages.prelude.begin(), m_stages.prelude.end());
    for (std::size_t block = 0; block < m_stages.blocks.size(); ++block)
        for (const std::size_t i : m_stages.layersOf(block))
            all.push_back(i);
    all.insert(all.end(), m_stages.head.begin(), m_stages.head.end());
    const InputOrigin origin = m_trail.together("fine-tuning", {}, quantizedAmong(all));

    const TrainingOptions options = *fineTuningOf(m_results[layers.front()]->choice);
    const auto start = std::chrono::steady_clock::now();
    TuningResult tuned;
    {
        // The whole model in floats: gone before it is measured.
        Weights weights(m_request.model, m_request.memoryBytes / 4);
        applyAll(weights);
        FineTuningProblem problem;
        problem.model = m_request.model;
        problem.weights = &weights;
        for (const std::size_t i : layers)
            problem.layers.push_back({&m_model.layers[i], m_results[i]->weight});
        problem.windows = &m_samples.windows;
        problem.memoryBytes = m_request.memoryBytes / 2;
        StopOnly stop(m_monitor);
        tuned = fineTune(problem, options, stop, watchTraining(m_fineTuningWork));
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    m_workDone += m_fineTuningWork;
    const bool cancelled = tuned.outcome->cancelled;

    takeTrained(layers, tuned, TraceStage::FineTuning, seconds);
    if (cancelled) {
        for (const std::size_t i : layers)
            measureTrained(i, nullptr);
        abandon(layers);
    }
    try {
        measureFineTuned();
    } catch (const Cancelled&) {
        // What was trained is handed over all the same, measured by its weights alone.
        for (const std::size_t i : layers)
            measureTrained(i, nullptr);
        abandon(layers);
    }
    for (const std::size_t i : layers) {
        if (*fineTuningOf(m_results[i]->choice) != options)
            addNote(*m_results[i],
                    concat("fine-tuned with the options of ", m_model.layers[layers.front()].name));
        m_results[i]->origin = origin;
        if (m_sink)
            m_sink(*m_results[i]);
    }
}

void QuantizeJob::applyAll(Weights& weights) const
{
    std::vector<LayerResult> results;
    for (const std::optional<LayerResult>& result : m_results)
        results.push_back(*result);
    applyResults(m_model, results, weights);
}

void QuantizeJob::measureFineTuned()
{
    // The Hessians of all layers at once would not fit, and those from before were of another
    // model: one more pass, over the model as it is now (in Float mode over the float one).
    const std::uint64_t budget = m_request.memoryBytes;
    Weights weights(m_request.model, budget / 2);
    if (m_mode != CalibrationMode::Float)
        applyAll(weights);
    const auto& layers = m_coupling.fineTuned();
    const std::set<std::size_t> wanted(layers.begin(), layers.end());
    const auto measureAmong = [&](const std::vector<std::size_t>& some, const auto& pass) {
        InputCapture inputs(m_model, m_monitor);
        for (const std::size_t i : some)
            if (wanted.contains(i))
                inputs.want(m_model.layers[i], true, m_results[i]->activation.has_value());
        pass(inputs);
        inputs.finish();
        for (const std::size_t i : some)
            if (wanted.contains(i)) {
                m_monitor.checkpoint();
                measureTrained(i, inputs.of(m_model.layers[i]).get());
            }
    };
    BlockPass pass(m_model, weights, *m_samples.data, m_samples.count(), budget / 4);
    pass.take(m_samples.chosen);
    measureAmong(m_stages.prelude, [&](InputCapture& inputs) {
        pass.runPrelude(BlockPass::Outputs::Advance, m_monitor, inputs.observer());
    });
    for (std::size_t block = 0; block < m_stages.blocks.size(); ++block) {
        const double work = m_stageWork[block].pass;
        measureAmong(m_stages.layersOf(block), [&](InputCapture& inputs) {
            pass.run(static_cast<int>(block), BlockPass::Outputs::Advance, m_monitor,
                     inputs.observer(), during("measuring", work));
        });
        m_workDone += work;
    }
    if (std::any_of(m_stages.head.begin(), m_stages.head.end(),
                    [&](std::size_t i) { return wanted.contains(i); })) {
        const double work = m_stageWork.back().pass;
        measureAmong(m_stages.head, [&](InputCapture& inputs) {
            pass.runHead(m_monitor, inputs.observer(), during("measuring", work));
        });
        m_workDone += work;
    }
}

} // namespace gradus
