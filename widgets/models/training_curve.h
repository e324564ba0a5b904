// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/tuning.h"
#include "core/session/run.h"
#include "core/session/stale.h"

#include <QString>

#include <memory>
#include <vector>

namespace gradus {

/// One training — of a block, or of all of them — as it runs or as a run has kept it.
struct TrainingCurve
{
    QString name;
    int block = -1;                  ///< −1: the fine-tuning of all blocks
    std::vector<float> losses;       ///< of each step, before its update
    std::int64_t steps = 0;          ///< of all epochs; as many as losses once it is over
    std::int64_t epochSteps = 0;     ///< of one epoch; 0 while that is not known
    std::vector<double> epochLosses; ///< over everything: at the start, after each epoch
    int bestEpoch = -1;              ///< whose state was kept; −1 while it runs
    bool running = false;
    bool stoppedEarly = false;
    bool cancelled = false;
    double scaleChange = 0;
    double zeroChange = 0;
    std::int64_t layers = 0; ///< that it trained; 0 while it runs

    [[nodiscard]] bool isFineTuning() const { return block < 0; }
    /// NaN while it is not known.
    [[nodiscard]] double before() const;
    [[nodiscard]] double after() const;
    /// Epoch of a step, both from 0; −1 while that is not known.
    [[nodiscard]] int epochOf(std::size_t step) const;
    /// Mean loss of the steps of each epoch that has begun.
    [[nodiscard]] std::vector<double> epochMeans() const;
    [[nodiscard]] int key() const { return block; }
};
using TrainingCurves = std::vector<TrainingCurve>;

/// Trainings that run, from the steps that they report.
class TrainingLog
{
public:
    void add(const TrainingProgress& progress);
    void clear() { m_curves.clear(); }
    [[nodiscard]] const TrainingCurves& curves() const { return m_curves; }

private:
    TrainingCurves m_curves;
};

/// The trainings of a run's layers, each once: blocks in their order, then the fine-tuning.
[[nodiscard]] TrainingCurves trainingsOf(const Results& results);
/// What runs, and what is over, which takes the place of the same that ran.
[[nodiscard]] TrainingCurves withRunning(TrainingCurves over, const TrainingCurves& running);

/// "3.2 %" of a block's loss, "2.31 nats" of the fine-tuning's.
[[nodiscard]] QString lossText(const TrainingCurve& curve, double loss);
/// "−0.05 nats": what the fine-tuning changed.
[[nodiscard]] QString lossChange(const TrainingCurve& curve);
/// "Block 3", "Fine-tuning".
[[nodiscard]] QString trainingTitle(const TrainingCurve& curve);
/// "running", "stopped early", …
[[nodiscard]] QString trainingState(const TrainingCurve& curve);
/// "6 blocks trained: +1.3 dB on average; fine-tuning: 2.31 → 2.20 nats per token"; empty without
/// any.
[[nodiscard]] QString trainingSummary(const TrainingCurves& curves);

} // namespace gradus
