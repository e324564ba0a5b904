// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/table_model.h"
#include "widgets/models/training_curve.h"

namespace gradus {

/// The trainings of a run with what they brought, a line each.
class TrainingModel final : public TableModel<TrainingCurve>
{
    Q_OBJECT
public:
    enum Column
    {
        Name,
        Before,
        After,
        Gain,
        State,
        Steps,
        ScaleChange,
        ZeroChange,
        Layers,
        ColumnCount
    };
    explicit TrainingModel(QObject* parent = nullptr);
    void setCurves(const TrainingCurves& curves);
    [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
};

} // namespace gradus
