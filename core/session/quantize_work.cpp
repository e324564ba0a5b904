// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text.h"
#include "core/session/quantize_job.h"
#include "core/session/workload.h"

#include <algorithm>
#include <set>

namespace gradus {

namespace {

/// Speeds in the proportions of a desktop's processor: only these matter for progress.
constexpr MachineSpeed usualMachine{1e11, 1.2e10, 3.3e8, 2e9, 1e10, 1.8e9};

} // namespace

void QuantizeJob::countWork()
{
    m_solveWork.resize(m_choices.size());
    for (std::size_t i = 0; i < m_choices.size(); ++i) {
        if (m_results[i] || m_choices[i].keepFloat)
            continue;
        const Layer& layer = m_model.layers[i];
        Work work = solveWork(layer, m_choices[i]);
        work += measureWork(layer, m_samples.count() > 0 && wantsInputs(i));
        m_solveWork[i] = work.seconds(usualMachine);
        m_workToDo += m_solveWork[i];
    }
    m_exponentWork.resize(m_choices.size());
    if (const auto& sharing = m_coupling.sharing();
        std::any_of(sharing.begin(), sharing.end(),
                    [this](std::size_t i) { return !m_results[i] && !m_choices[i].keepFloat; }))
        for (const std::size_t i : sharing) {
            m_exponentWork[i] = exponentWork(m_model.layers[i]).seconds(usualMachine);
            m_workToDo += m_exponentWork[i];
        }
    if (m_samples.count() == 0 || (!inputsWantedAfter(-2) && !fineTunes()))
        return;
    m_sampleWork.samples = m_samples.count();
    m_sampleWork.context = m_samples.context;
    if (m_samples.windows.count() == 0)
        m_sampleWork.shapes =
            shapesOfOne(m_request.model, m_samples.context, m_request.memoryBytes);
    if (std::any_of(m_stages.prelude.begin(), m_stages.prelude.end(),
                    [this](std::size_t i) { return wantsInputs(i); })) {
        m_preludeWork = m_sampleWork.forward(m_model, preludeBlock).seconds(usualMachine);
        m_workToDo += m_preludeWork;
    }
    const auto blocks = static_cast<int>(m_model.blocks.size());
    m_stageWork.resize(m_model.blocks.size() + 1);
    for (int block = 0; block <= blocks; ++block)
        countBlock(block);
    if (!fineTunes())
        return;
    const int epochs = fineTuningOf(m_choices[m_coupling.fineTuned().front()])->epochs;
    for (int block = 0; block <= blocks; ++block) {
        // Every block is run once more for its backward pass, and the head has one, too.
        m_fineTuningWork += m_sampleWork.training(m_model, block, epochs).seconds(usualMachine) +
                            epochs * m_stageWork[static_cast<std::size_t>(block)].pass;
        const auto& head = m_stages.head;
        const auto& tuned = m_coupling.fineTuned();
        const bool measured = block < blocks || std::any_of(head.begin(), head.end(), [&](auto i) {
                                  return std::find(tuned.begin(), tuned.end(), i) != tuned.end();
                              });
        if (measured)
            m_workToDo += m_stageWork[static_cast<std::size_t>(block)].pass;
    }
    m_workToDo += m_fineTuningWork;
}

void QuantizeJob::countBlock(int block)
{
    const bool head = block == static_cast<int>(m_model.blocks.size());
    const bool sequential = m_mode != CalibrationMode::Float;
    StageWork& stage = m_stageWork[static_cast<std::size_t>(block)];
    stage.pass = m_sampleWork.forward(m_model, block).seconds(usualMachine);
    const bool trains = !head && trainsBlock(block);
    const auto subsets = head ? std::vector<CalibrationStages::Subset>{m_stages.head}
                              : m_stages.blocks[static_cast<std::size_t>(block)];
    bool advances = false;
    bool floatsAdvance = false;
    for (std::size_t s = 0; s < subsets.size(); ++s) {
        std::set<InputKey> inputs;
        std::set<InputKey> paired;
        double capture = 0;
        for (const std::size_t i : subsets[s]) {
            const Layer& layer = m_model.layers[i];
            const auto key = inputKey(m_model, layer);
            if (wantsInputs(i) && inputs.insert(*key).second)
                capture += m_sampleWork.capture(m_model, layer).seconds(usualMachine);
            if (wantsPairs(i) && paired.insert(*key).second)
                capture += m_sampleWork.cross(m_model, layer).seconds(usualMachine);
        }
        stage.capture.push_back(capture);
        if (!paired.empty()) {
            m_workToDo += stage.pass; // of the float network
            floatsAdvance = true;
        }
        if (!head && !withAttention(subsets[s]).empty())
            m_workToDo += stage.pass;
        if (inputs.empty() && !(trains && s == 0))
            continue;
        advances = !sequential; // or their outputs are kept aside
        m_workToDo += stage.pass + capture;
    }
    if (trains) {
        const auto& layers = m_coupling.trainedIn(static_cast<std::size_t>(block));
        stage.training =
            m_sampleWork
                .training(m_model, block, blockTrainingOf(m_choices[layers.front()])->epochs)
                .seconds(usualMachine);
        m_workToDo += stage.training;
    }
    if (!head && !advances && inputsWantedAfter(block))
        m_workToDo += stage.pass;
    if (!head && !floatsAdvance && pairsWantedAfter(block))
        m_workToDo += stage.pass;
}

BlockPass::Progress QuantizeJob::during(std::string_view what, double work)
{
    return [this, what, work](double part) { report(what, part * work); };
}

void QuantizeJob::report(std::string_view what, double underWay)
{
    m_monitor.checkpoint();
    reportWithoutStopping(what, underWay);
}

void QuantizeJob::reportWithoutStopping(std::string_view what, double underWay)
{
    const double done = m_workToDo > 0 ? std::min((m_workDone + underWay) / m_workToDo, 1.0) : 1;
    m_monitor.report(0.02 + 0.96 * done,
                     m_stage.empty() ? std::string(what) : concat(m_stage, ", ", what));
}

} // namespace gradus
