// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/gain_steps.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gradus {

namespace {

GainKind kindOf(const TracePoint& point)
{
    switch (point.stage) {
    case TraceStage::Outliers:
        return GainKind::Outliers;
    case TraceStage::Clip:
        return GainKind::Clip;
    case TraceStage::Exponent:
        return point.round == 0 ? GainKind::Exponent : GainKind::ExponentSteps;
    case TraceStage::Nearest:
        return GainKind::Nearest;
    case TraceStage::RoundToNearest: // after the start: another one
    case TraceStage::Sweep:
    case TraceStage::Integers:
    case TraceStage::Polish:
        return GainKind::Codes;
    case TraceStage::GridSearch:
    case TraceStage::Scales:
        return GainKind::Scales;
    case TraceStage::Gradient:
        return GainKind::Gradient;
    case TraceStage::Block:
        return GainKind::Block;
    case TraceStage::FineTuning:
        return GainKind::FineTuning;
    }
    return GainKind::Codes;
}

bool isMeasured(double error)
{
    return std::isfinite(error) && error > 0;
}

} // namespace

std::string_view gainKindName(GainKind kind)
{
    constexpr std::array<std::string_view, gainKinds> names{
        "outliers", "clip",           "exponent", "nearest", "codes",
        "scales",   "exponent_steps", "gradient", "block",   "fine_tuning"};
    return names[static_cast<std::size_t>(kind)];
}

double GainSteps::total() const
{
    return std::accumulate(decibel.begin(), decibel.end(), 0.0);
}

GainSteps gainSteps(const std::vector<TracePoint>& trace)
{
    const auto outputs = std::count_if(trace.begin(), trace.end(), [](const TracePoint& point) {
        return isMeasured(point.relativeError);
    });
    const auto weights = std::count_if(trace.begin(), trace.end(), [](const TracePoint& point) {
        return isMeasured(point.weightError);
    });
    GainSteps steps;
    steps.ofOutputs = outputs > 1 && outputs >= weights;
    double before = std::numeric_limits<double>::quiet_NaN();
    for (const TracePoint& point : trace) {
        const double error = steps.ofOutputs ? point.relativeError : point.weightError;
        if (!isMeasured(error))
            continue;
        if (std::isnan(before)) {
            steps.first = error;
        } else {
            const auto kind = static_cast<std::size_t>(kindOf(point));
            steps.decibel[kind] += 10 * std::log10(before / error);
            steps.present[kind] = true;
            steps.layers = 1;
        }
        before = steps.last = error;
    }
    return steps.layers == 0 ? GainSteps() : steps;
}

GainSteps meanGain(const std::vector<GainSteps>& layers)
{
    const auto measured = std::count_if(layers.begin(), layers.end(),
                                        [](const GainSteps& each) { return !each.empty(); });
    const auto ofOutputs = std::count_if(layers.begin(), layers.end(), [](const GainSteps& each) {
        return !each.empty() && each.ofOutputs;
    });
    GainSteps mean;
    mean.ofOutputs = ofOutputs > 0 && 2 * ofOutputs >= measured;
    double first = 0;
    double last = 0;
    for (const GainSteps& each : layers) {
        if (each.empty() || each.ofOutputs != mean.ofOutputs)
            continue;
        mean.layers += each.layers;
        for (std::size_t k = 0; k < gainKinds; ++k) {
            mean.decibel[k] += each.decibel[k];
            mean.present[k] = mean.present[k] || each.present[k];
        }
        first += std::log(each.first);
        last += std::log(each.last);
    }
    if (mean.empty())
        return {};
    for (double& decibel : mean.decibel)
        decibel /= mean.layers;
    mean.first = std::exp(first / mean.layers);
    mean.last = std::exp(last / mean.layers);
    return mean;
}

GainSteps meanPowerGain(const std::vector<LayerResult>& layers)
{
    std::vector<GainSteps> steps;
    for (const LayerResult& layer : layers)
        if (!layer.choice.keepFloat && powerGridOf(layer.choice.method))
            steps.push_back(gainSteps(layer.trace));
    return meanGain(steps);
}

} // namespace gradus
