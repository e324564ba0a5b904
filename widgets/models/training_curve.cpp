// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/training_curve.h"

#include "core/base/format.h"
#include "widgets/models/decibel.h"
#include "widgets/text.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>
#include <vector>

namespace gradus {

namespace {
struct Text
{
    Q_DECLARE_TR_FUNCTIONS(Training)
};
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// Blocks in their order, then the fine-tuning.
bool comesBefore(const TrainingCurve& a, const TrainingCurve& b)
{
    return std::pair(a.isFineTuning(), a.block) < std::pair(b.isFineTuning(), b.block);
}

TrainingCurve curveOf(const TuningOutcome& outcome)
{
    TrainingCurve curve;
    curve.name = toQString(outcome.name);
    curve.block = outcome.block;
    curve.losses = outcome.losses;
    curve.steps = static_cast<std::int64_t>(outcome.losses.size());
    curve.epochLosses = outcome.epochLosses;
    curve.bestEpoch = outcome.bestEpoch;
    curve.stoppedEarly = outcome.stoppedEarly;
    curve.cancelled = outcome.cancelled;
    curve.scaleChange = outcome.scaleChange;
    curve.zeroChange = outcome.zeroChange;
    // Epochs are of the same length; one that was cancelled leaves a part behind them.
    const auto epochs = static_cast<std::int64_t>(outcome.epochLosses.size()) - 1;
    if (epochs > 0 && curve.steps % epochs == 0)
        curve.epochSteps = curve.steps / epochs;
    return curve;
}
} // namespace

double TrainingCurve::before() const
{
    return epochLosses.empty() ? unknown : epochLosses.front();
}

double TrainingCurve::after() const
{
    return bestEpoch >= 0 && static_cast<std::size_t>(bestEpoch) < epochLosses.size()
               ? epochLosses[static_cast<std::size_t>(bestEpoch)]
               : unknown;
}

int TrainingCurve::epochOf(std::size_t step) const
{
    return epochSteps > 0 ? static_cast<int>(static_cast<std::int64_t>(step) / epochSteps) : -1;
}

std::vector<double> TrainingCurve::epochMeans() const
{
    std::vector<double> means;
    const auto each = static_cast<std::size_t>(std::max<std::int64_t>(
        epochSteps > 0 ? epochSteps : static_cast<std::int64_t>(losses.size()), 1));
    for (std::size_t first = 0; first < losses.size(); first += each) {
        const std::size_t end = std::min(first + each, losses.size());
        double sum = 0;
        for (std::size_t i = first; i < end; ++i)
            sum += static_cast<double>(losses[i]);
        means.push_back(sum / static_cast<double>(end - first));
    }
    return means;
}

void TrainingLog::add(const TrainingProgress& progress)
{
    auto at = std::find_if(m_curves.begin(), m_curves.end(), [&](const TrainingCurve& curve) {
        return curve.block == progress.block;
    });
    if (at == m_curves.end()) {
        for (TrainingCurve& each : m_curves)
            each.running = false; // one after another
        TrainingCurve curve;
        curve.name = toQString(progress.name);
        curve.block = progress.block;
        at = m_curves.insert(std::upper_bound(m_curves.begin(), m_curves.end(), curve, comesBefore),
                             curve);
    }
    if (progress.step == 1) {
        at->losses.clear(); // begins anew
        at->epochSteps = 0;
    }
    if (progress.epoch == 1 && at->epochSteps == 0)
        at->epochSteps = static_cast<std::int64_t>(at->losses.size());
    at->losses.push_back(static_cast<float>(progress.loss));
    at->steps = progress.steps;
    at->running = progress.step < progress.steps;
}

TrainingCurves trainingsOf(const Results& results)
{
    // Layers of a block share theirs; in the order in which they are met, so that what is shown
    // does not depend on addresses.
    std::vector<std::pair<const TuningOutcome*, std::int64_t>> seen;
    for (const auto& [name, measured] : results)
        for (const auto& outcome : measured.result.tunings)
            if (outcome) {
                const auto known = std::find_if(seen.begin(), seen.end(), [&](const auto& entry) {
                    return entry.first == outcome.get();
                });
                if (known == seen.end())
                    seen.emplace_back(outcome.get(), 1);
                else
                    ++known->second;
            }
    TrainingCurves curves;
    for (const auto& [outcome, layers] : seen) {
        curves.push_back(curveOf(*outcome));
        curves.back().layers = layers;
    }
    std::stable_sort(curves.begin(), curves.end(), comesBefore);
    // A file may say the same twice.
    std::map<int, bool> told;
    TrainingCurves once;
    for (TrainingCurve& curve : curves)
        if (!std::exchange(told[curve.block], true))
            once.push_back(std::move(curve));
    return once;
}

TrainingCurves withRunning(TrainingCurves over, const TrainingCurves& running)
{
    const std::size_t count = over.size();
    for (const TrainingCurve& curve : running) {
        const bool known =
            std::any_of(over.begin(), over.begin() + static_cast<std::ptrdiff_t>(count),
                        [&](const TrainingCurve& each) { return each.block == curve.block; });
        if (!known)
            over.push_back(curve);
    }
    std::stable_sort(over.begin(), over.end(), comesBefore);
    return over;
}

QString lossText(const TrainingCurve& curve, double loss)
{
    if (std::isnan(loss))
        return QStringLiteral("–");
    return curve.isFineTuning() ? Text::tr("%1 nats").arg(toQString(formatReal(loss, 4)))
                                : toQString(formatPercent(loss));
}

QString lossChange(const TrainingCurve& curve)
{
    const double change = curve.after() - curve.before();
    if (std::isnan(change))
        return QStringLiteral("–");
    const QString sign = change > 0   ? QStringLiteral("+")
                         : change < 0 ? QStringLiteral("−")
                                      : QString();
    return Text::tr("%1 nats").arg(sign + toQString(formatReal(std::fabs(change), 3)));
}

QString trainingTitle(const TrainingCurve& curve)
{
    return curve.isFineTuning() ? Text::tr("Fine-tuning") : Text::tr("Block %1").arg(curve.block);
}

QString trainingState(const TrainingCurve& curve)
{
    if (curve.running)
        return curve.steps > 0 ? Text::tr("step %1 of %2").arg(curve.losses.size()).arg(curve.steps)
                               : Text::tr("running");
    if (curve.cancelled)
        return Text::tr("cancelled");
    if (curve.bestEpoch < 0)
        return Text::tr("ended");
    if (curve.bestEpoch == 0)
        return curve.stoppedEarly ? Text::tr("stopped early; start kept") : Text::tr("start kept");
    return curve.stoppedEarly ? Text::tr("stopped early; epoch %1 kept").arg(curve.bestEpoch)
                              : Text::tr("epoch %1 kept").arg(curve.bestEpoch);
}

QString trainingSummary(const TrainingCurves& curves)
{
    int blocks = 0;
    int judged = 0;
    double sum = 0;
    QStringList parts;
    for (const TrainingCurve& curve : curves) {
        if (curve.isFineTuning())
            continue;
        ++blocks;
        const double gain = gainDecibel(curve.before(), curve.after());
        if (std::isnan(gain))
            continue;
        sum += gain;
        ++judged;
    }
    const double mean = judged > 0 ? sum / judged : unknown;
    if (blocks == 1)
        parts << Text::tr("1 block trained: %1").arg(signedDecibel(mean));
    else if (blocks > 1)
        parts << Text::tr("%1 blocks trained: %2 on average").arg(blocks).arg(signedDecibel(mean));
    for (const TrainingCurve& curve : curves)
        if (curve.isFineTuning())
            parts << Text::tr("fine-tuning: %1 → %2 per token")
                         .arg(lossText(curve, curve.before()), lossText(curve, curve.after()));
    return parts.join(QStringLiteral("; "));
}

} // namespace gradus
