// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/layer_measures.h"
#include "widgets/models/session_run.h"
#include "widgets/models/table_model.h"

#include <QSortFilterProxyModel>

namespace gradus {

/// A layer, or the whole model, under two runs.
struct ComparisonRow
{
    std::string name; ///< empty: the totals
    LayerMeasures a;
    LayerMeasures b;
    bool total = false;
    bool differs = false;
    double change = 0; ///< decibel between the errors of A and B, either way; for the order

    const std::string& key() const { return name; }
    [[nodiscard]] double sqnrDifference() const { return b.weightSqnrDb - a.weightSqnrDb; }
    [[nodiscard]] double errorRatio() const
    {
        return b.relativeOutputError / a.relativeOutputError;
    }
    [[nodiscard]] double sizeRatio() const
    {
        return static_cast<double>(b.bytes) / static_cast<double>(a.bytes);
    }
};

/// The totals first, then the layers by the size of the change, largest first; layers without a
/// change in the order of the rows.
[[nodiscard]] std::vector<ComparisonRow> compareRuns(const std::vector<LayerRow>& rows,
                                                     const SessionRun& a, const SessionRun& b);

class ComparisonModel final : public TableModel<ComparisonRow>
{
    Q_OBJECT
public:
    enum ColumnId
    {
        Name,
        ChoiceA,
        ChoiceB,
        ErrorA,
        ErrorB,
        ErrorRatio,
        SqnrA,
        SqnrB,
        SqnrDifference,
        BitsA,
        BitsB,
        SizeA,
        SizeB,
        SizeRatio,
        ColumnCount
    };

    explicit ComparisonModel(QObject* parent = nullptr);
    QVariant data(const QModelIndex& index, int role) const override;
};

/// Keeps the totals on top in every order and, if wanted, only the layers that differ.
class ComparisonFilter final : public QSortFilterProxyModel
{
    Q_OBJECT
public:
    explicit ComparisonFilter(QObject* parent = nullptr);
    void setOnlyDifferent(bool on);
    [[nodiscard]] bool onlyDifferent() const { return m_onlyDifferent; }

protected:
    bool filterAcceptsRow(int row, const QModelIndex& parent) const override;
    bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;

private:
    bool m_onlyDifferent = false;
};

/// The table as CSV with raw numbers, in the order of the model; comments name the runs.
[[nodiscard]] QString comparisonCsv(const QAbstractItemModel& shown, const SessionRun& a,
                                    const SessionRun& b);

} // namespace gradus
