// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/stored_tuning.h"

#include "core/base/checked.h"
#include "core/base/text.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace gradus {

namespace {

constexpr std::size_t longestName = 1024;

template <class T>
bool sameBytes(const std::vector<T>& a, const std::vector<T>& b)
{
    return a.size() == b.size() &&
           (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

bool sameReal(double a, double b)
{
    return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

bool sameOutcome(const TuningOutcome& a, const TuningOutcome& b)
{
    const auto sameParameter = [](const auto& p, const auto& q) {
        const auto one = p.second->bytes();
        const auto other = q.second->bytes();
        return p.first == q.first && p.second->shape() == q.second->shape() &&
               one.size() == other.size() && std::memcmp(one.data(), other.data(), one.size()) == 0;
    };
    return a.name == b.name && a.block == b.block && a.bestEpoch == b.bestEpoch &&
           a.stoppedEarly == b.stoppedEarly && a.cancelled == b.cancelled &&
           sameReal(a.scaleChange, b.scaleChange) && sameReal(a.zeroChange, b.zeroChange) &&
           sameReal(a.codeChange, b.codeChange) && sameReal(a.exponentChange, b.exponentChange) &&
           sameBytes(a.losses, b.losses) && sameBytes(a.epochLosses, b.epochLosses) &&
           std::equal(a.parameters.begin(), a.parameters.end(), b.parameters.begin(),
                      b.parameters.end(), sameParameter);
}

bool isName(const std::string& name)
{
    return !name.empty() && name.size() <= longestName;
}

} // namespace

std::optional<TraceStage> traceStageFromName(std::string_view name)
{
    for (const TraceStage stage :
         {TraceStage::RoundToNearest, TraceStage::Sweep, TraceStage::GridSearch,
          TraceStage::Integers, TraceStage::Scales, TraceStage::Polish, TraceStage::Outliers,
          TraceStage::Clip, TraceStage::Exponent, TraceStage::Nearest, TraceStage::Gradient,
          TraceStage::Block, TraceStage::FineTuning})
        if (traceStageName(stage) == name)
            return stage;
    return std::nullopt;
}

std::optional<std::string> parameterShapeProblem(const Shape& shape)
{
    constexpr std::uint64_t largest = std::uint64_t(1) << 40; // far beyond any norm
    std::uint64_t count = 1;
    for (const std::int64_t extent : shape) {
        const auto next =
            extent < 1 ? std::nullopt : checkedMultiply(count, static_cast<std::uint64_t>(extent));
        if (!next || *next > largest)
            return concat("a trained parameter of ", shapeText(shape), " cannot be");
        count = *next;
    }
    if (shape.empty() || shape.size() > 8)
        return concat("a trained parameter of ", shape.size(), " dimensions cannot be");
    return std::nullopt;
}

std::optional<std::string>
parametersProblem(const std::map<std::string, std::shared_ptr<const Tensor>>& parameters)
{
    for (const auto& [name, value] : parameters) {
        if (!isName(name) || !value)
            return concat("the name of a trained parameter has ", name.size(),
                          " bytes, expected 1 to ", longestName);
        if (auto problem = parameterShapeProblem(value->shape()))
            return problem;
        if (value->dtype() != DType::F32)
            return concat(name, " is ", dtypeName(value->dtype()), ", expected F32");
        if (const std::int64_t bad = countNonFinite(value->floats()); bad > 0)
            return concat("the trained parameter ", name, " holds ", bad, " NaN or infinite value",
                          bad == 1 ? "" : "s");
    }
    return std::nullopt;
}

std::optional<std::string> tuningProblem(const TuningOutcome& outcome)
{
    if (!isName(outcome.name))
        return concat("the name of a training has ", outcome.name.size(), " bytes, expected 1 to ",
                      longestName);
    if (outcome.block < -1)
        return concat("the training of block ", outcome.block, " cannot be");
    const auto measured = static_cast<std::int64_t>(outcome.epochLosses.size());
    if (outcome.bestEpoch < 0 || outcome.bestEpoch >= std::max<std::int64_t>(1, measured))
        return concat("the best epoch of ", outcome.name, " is ", outcome.bestEpoch,
                      ", but the losses of ", measured, " are known");
    return parametersProblem(outcome.parameters);
}

std::optional<std::string> traceProblem(const std::vector<TracePoint>& trace)
{
    if (trace.size() > mostTracePoints)
        return concat("a trace of ", trace.size(), " points, expected at most ", mostTracePoints);
    for (const TracePoint& point : trace)
        if (point.round < 0 || !(point.accepted >= 0 && point.accepted <= 1))
            return concat("a point of the trace has round ", point.round, " and a share of ",
                          point.accepted, " rows");
    return std::nullopt;
}

std::shared_ptr<const TuningOutcome>
TuningPool::shared(const std::shared_ptr<const TuningOutcome>& outcome)
{
    for (const auto& known : m_all)
        if (known == outcome || sameOutcome(*known, *outcome))
            return known;
    m_all.push_back(outcome);
    return outcome;
}

} // namespace gradus
