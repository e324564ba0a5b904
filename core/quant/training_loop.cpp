// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/training_loop.h"

#include "core/base/text.h"

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {

class Training
{
public:
    Training(FloatingParts& parts, const TrainingSteps& steps, const TrainingOptions& options,
             Monitor& monitor, const TrainingSink& sink)
        : m_parts(parts)
        , m_steps(steps)
        , m_options(options)
        , m_monitor(monitor)
        , m_sink(sink)
        , m_batch(std::max(1, options.batch))
    {
        m_outcome.name = steps.name;
        m_outcome.block = steps.block;
        m_progress.name = steps.name;
        m_progress.block = steps.block;
        m_progress.steps = (steps.windows + m_batch - 1) / m_batch * std::max(0, options.epochs);
    }

    TuningResult run()
    {
        try {
            train();
        } catch (const Cancelled&) {
            m_outcome.cancelled = true;
        }
        m_outcome.parameters = m_parts.keptParameters();
        m_parts.measureMovement(m_outcome);
        return {m_parts.keptWeights(), std::make_shared<const TuningOutcome>(std::move(m_outcome))};
    }

private:
    void train()
    {
        if (m_steps.windows == 0)
            return;
        if (!judge()) { // the start itself is not finite: nothing to train from
            m_outcome.stoppedEarly = true;
            return;
        }
        if (m_parts.empty())
            return;
        for (int epoch = 0; epoch < m_options.epochs; ++epoch) {
            m_progress.epoch = epoch;
            if (!runEpoch() || !judge()) {
                m_outcome.stoppedEarly = true;
                return;
            }
            const int last = static_cast<int>(m_outcome.epochLosses.size()) - 1;
            const int waited = last - std::max(m_outcome.bestEpoch, patientUntil());
            if (m_options.patience > 0 && waited >= m_options.patience &&
                epoch + 1 < m_options.epochs) {
                m_outcome.stoppedEarly = true;
                return;
            }
        }
    }

    /// Codes that are trained go back and forth while their rate is high; epochs without a lower
    /// loss count once exponents have settled.
    [[nodiscard]] int patientUntil() const
    {
        return m_options.codeRate > 0
                   ? static_cast<int>(std::ceil(exponentShare * m_options.epochs))
                   : 0;
    }

    /// The loss of the stored form, and whether it is finite; keeps the form when it is the best.
    bool judge()
    {
        const double loss = m_steps.evaluate();
        if (!std::isfinite(loss))
            return false;
        auto& losses = m_outcome.epochLosses;
        losses.push_back(loss);
        if (losses.size() > 1 && loss < losses[static_cast<std::size_t>(m_outcome.bestEpoch)]) {
            m_outcome.bestEpoch = static_cast<int>(losses.size()) - 1;
            m_parts.keep();
        }
        return true;
    }

    bool runEpoch()
    {
        const AdamRates rates{m_options.rate, m_options.beta1, m_options.beta2, m_options.epsilon,
                              m_options.decay};
        const std::string stage =
            concat(m_steps.name, ", epoch ", m_progress.epoch + 1, " of ", m_options.epochs);
        for (std::int64_t window = 0; window < m_steps.windows; window += m_batch) {
            m_monitor.checkpoint();
            m_monitor.report(static_cast<double>(m_progress.step) /
                                 static_cast<double>(m_progress.steps),
                             stage);
            m_parts.clearGradients();
            const double loss =
                m_steps.step(window, std::min<std::int64_t>(m_batch, m_steps.windows - window));
            if (!std::isfinite(loss))
                return false;
            m_parts.step(rates, static_cast<double>(m_progress.step) /
                                    static_cast<double>(m_progress.steps));
            m_outcome.losses.push_back(static_cast<float>(loss));
            ++m_progress.step;
            m_progress.loss = loss;
            if (m_sink)
                m_sink(m_progress);
        }
        return true;
    }

    FloatingParts& m_parts;
    const TrainingSteps& m_steps;
    const TrainingOptions& m_options;
    Monitor& m_monitor;
    const TrainingSink& m_sink;
    std::int64_t m_batch;
    TuningOutcome m_outcome;
    TrainingProgress m_progress;
};

} // namespace

TuningResult runTraining(FloatingParts& parts, const TrainingSteps& steps,
                         const TrainingOptions& options, Monitor& monitor, const TrainingSink& sink)
{
    return Training(parts, steps, options, monitor, sink).run();
}

} // namespace gradus
