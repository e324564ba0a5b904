// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/eval/distribution.h"
#include "widgets/models/table_model.h"

namespace gradus {

/// One weight far from the others.
struct OutlierRow
{
    Outlier outlier;
    [[nodiscard]] std::pair<std::int64_t, std::int64_t> key() const
    {
        return {outlier.row, outlier.col};
    }
};

/// Outliers and where they stand in the weight.
class OutlierModel final : public TableModel<OutlierRow>
{
    Q_OBJECT
public:
    enum Column
    {
        Value,
        Sigmas,
        Row,
        Col,
        ColumnCount
    };
    explicit OutlierModel(QObject* parent = nullptr);
    void setOutliers(const OutlierList& list);
};

} // namespace gradus
