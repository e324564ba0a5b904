// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/solve.h"
#include "core/quant/tuning.h"
#include "core/session/run.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// What is wrong with a training's outcome that comes from a file (or goes into one): names that
/// are empty or long, an epoch that was not measured, parameters whose sizes do not fit or that
/// are not finite. Nothing when all is well.
[[nodiscard]] std::optional<std::string> tuningProblem(const TuningOutcome& outcome);
[[nodiscard]] std::optional<std::string> traceProblem(const std::vector<TracePoint>& trace);
/// The same for float tensors of the model that were changed, by their names.
[[nodiscard]] std::optional<std::string>
parametersProblem(const std::map<std::string, std::shared_ptr<const Tensor>>& parameters);
/// The sizes alone, before anything is allocated.
[[nodiscard]] std::optional<std::string> parameterShapeProblem(const Shape& shape);

[[nodiscard]] std::optional<TraceStage> traceStageFromName(std::string_view name);

constexpr std::size_t mostTracePoints = 100000;
constexpr std::size_t mostTunings = 1000; ///< of one layer

/// Trainings by what they are: layers that took part in one share one object.
class TuningPool
{
public:
    [[nodiscard]] std::shared_ptr<const TuningOutcome>
    shared(const std::shared_ptr<const TuningOutcome>& outcome);
    [[nodiscard]] const std::vector<std::shared_ptr<const TuningOutcome>>& all() const
    {
        return m_all;
    }

private:
    std::vector<std::shared_ptr<const TuningOutcome>> m_all;
};

} // namespace gradus
