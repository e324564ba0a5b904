// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/allocate.h"

#include <QString>

#include <string>
#include <vector>

namespace gradus {

/// What a budget is of.
enum class BudgetUnit
{
    BitsPerWeight,
    StoredBytes, ///< of the quantized layers; shown in MiB
    GptqFile,    ///< bytes of a checkpoint in GPTQ's format; shown in MiB
    Error,       ///< a bound on the predicted error
};

/// What a person chose in the view of allocations: not part of the recipe, which has its outcome.
struct AllocationSettings
{
    std::string method; ///< empty: that of the recipe's standard
    std::vector<int> bits{2, 3, 4, 5, 6, 8};
    std::vector<std::int64_t> groups; ///< 0: per channel; empty: as the recipe's standard
    SensitivityMetric metric = SensitivityMetric::Fisher;
    AllocationSolver solver = AllocationSolver::Exact;
    BudgetUnit unit = BudgetUnit::BitsPerWeight;
    double budget = 0; ///< bits, bytes or error, after unit; 0: what the recipe has
    std::vector<BitsRule> rules;
    bool fuse = true;
    // Of the measurement that was asked for last.
    QString evaluationData;
    int evaluationConvention = 0;
    int evaluationContext = 0;

    bool operator==(const AllocationSettings& other) const;
};

/// As JSON in one line. What cannot be read is as it is by default.
[[nodiscard]] QByteArray toJson(const AllocationSettings& settings);
[[nodiscard]] AllocationSettings allocationSettingsFromJson(const QByteArray& text);

[[nodiscard]] QString solverTitle(AllocationSolver solver);
[[nodiscard]] QString solverHelp(AllocationSolver solver);
[[nodiscard]] QString groupTitle(std::int64_t group); ///< "per channel", "128"

} // namespace gradus
