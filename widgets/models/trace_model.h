// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/solve.h"
#include "widgets/models/table_model.h"

#include <vector>

namespace gradus {

/// "Integers", in the user's language; brief: for the ticks of an axis, "Int".
[[nodiscard]] QString traceStageTitle(TraceStage stage, bool brief = false);
/// The same for a step: power grids have no zeros.
[[nodiscard]] QString traceStageTitle(const TracePoint& point);
/// What the stage does, in a sentence.
[[nodiscard]] QString traceStageHelp(TraceStage stage);
/// "Integers, round 2".
[[nodiscard]] QString tracePointTitle(const TracePoint& point);

struct TraceRow
{
    int step = 0;
    TracePoint point;
    double before = 0; ///< relative error of the step before; NaN for the first
    [[nodiscard]] int key() const { return step; }
};

/// The steps of a method that improves its result in turn, with their numbers.
class TraceModel final : public TableModel<TraceRow>
{
    Q_OBJECT
public:
    enum Column
    {
        Step,
        Stage,
        Error,
        Sqnr,
        Gain,
        Accepted,
        ScaleChange,
        ZeroChange,
        ColumnCount
    };
    explicit TraceModel(QObject* parent = nullptr);
    void setTrace(const std::vector<TracePoint>& points);
    [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
};

} // namespace gradus
