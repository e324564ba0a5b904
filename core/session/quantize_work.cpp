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
        work += measureWork(layer, m_windows.count() > 0 && wantsInputs(i));
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
    if (m_windows.count() == 0 || (!inputsWantedAfter(-2) && !fineTunes()))
        return;
    const auto blocks = static_cast<int>(m_model.blocks.size());
    m_stageWork.resize(m_model.blocks.size() + 1);
    for (int block = 0; block <= blocks; ++block)
        countBlock(block);
    if (!fineTunes())
        return;
    const int epochs = fineTuningOf(m_choices[m_coupling.fineTuned().front()])->epochs;
    for (int block = 0; block <= blocks; ++block) {
        // Every block is run once more for its backward pass, and the head has one, too.
        m_fineTuningWork += trainingWork(m_model, block, m_windows.count() * m_windows.length,
                                         m_windows.length, epochs)
                                .seconds(usualMachine) +
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
    const std::int64_t tokens = m_windows.count() * m_windows.length;
    StageWork& stage = m_stageWork[static_cast<std::size_t>(block)];
    stage.pass = forwardWork(m_model, block, tokens, m_windows.length).work.seconds(usualMachine);
    const bool trains = !head && trainsBlock(block);
    const auto subsets = head ? std::vector<CalibrationStages::Subset>{m_stages.head}
                              : m_stages.blocks[static_cast<std::size_t>(block)];
    bool advances = false;
    bool floatsAdvance = false;
    for (std::size_t s = 0; s < subsets.size(); ++s) {
        std::set<ValueId> inputs;
        std::set<ValueId> paired;
        double capture = 0;
        for (const std::size_t i : subsets[s]) {
            const Layer& layer = m_model.layers[i];
            if (wantsInputs(i) && inputs.insert(layer.input).second)
                capture += captureWork(layer.cols, tokens).seconds(usualMachine);
            if (wantsPairs(i) && paired.insert(layer.input).second)
                capture += crossWork(layer.cols, tokens).seconds(usualMachine);
        }
        stage.capture.push_back(capture);
        if (!paired.empty()) {
            m_workToDo += stage.pass; // of the float network
            floatsAdvance = true;
        }
        if (inputs.empty() && !(trains && s == 0))
            continue;
        advances = !sequential; // or their outputs are kept aside
        m_workToDo += stage.pass + capture;
    }
    if (trains) {
        const auto& layers = m_coupling.trainedIn(static_cast<std::size_t>(block));
        stage.training = trainingWork(m_model, block, tokens, m_windows.length,
                                      blockTrainingOf(m_choices[layers.front()])->epochs)
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
