// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/session_run.h"
#include "widgets/models/table_model.h"

namespace gradus {

using SessionRuns = std::vector<std::shared_ptr<const SessionRun>>;

/// Totals of a run, also of what has finished of one that was cancelled.
struct RunTotals
{
    int layers = 0;                                                  ///< with a result
    int quantized = 0;                                               ///< of these
    double bitsPerWeight = std::numeric_limits<double>::quiet_NaN(); ///< of quantized weights
    std::uint64_t bytes = 0; ///< quantized layers and what is kept float; 0 unless complete
};
[[nodiscard]] RunTotals totalsOfRun(const SessionRun& run);

/// A line of the list of runs.
struct RunRow
{
    std::shared_ptr<const SessionRun> run;
    RunTotals totals;
    int layersOfModel = 0;
    bool shown = false;    ///< A
    bool compared = false; ///< B

    int key() const { return run->id; }
};

/// The session's runs. A and B are ticked in their columns and a name is edited in place; all of
/// these are intents, and the new rows come back through setRuns.
class RunsModel final : public TableModel<RunRow>
{
    Q_OBJECT
public:
    enum ColumnId
    {
        Shown,
        Compared,
        Name,
        State,
        BitsPerWeight,
        Size,
        PerplexityText,
        Started,
        Took,
        ColumnCount
    };

    explicit RunsModel(QObject* parent = nullptr);

    /// shown, compared: ids; 0 for none. layersOfModel: what a cancelled run would have had.
    void setRuns(const SessionRuns& runs, int shown, int compared, int layersOfModel);

    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
    Qt::ItemFlags flags(const QModelIndex& index) const override;
    bool setData(const QModelIndex& index, const QVariant& value, int role) override;

Q_SIGNALS:
    void runShown(int id);
    void compareRequested(int id); ///< 0: with none
    void renamed(int id, const QString& name);
};

} // namespace gradus
