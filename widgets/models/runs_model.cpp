// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/runs_model.h"

#include "core/base/format.h"
#include "widgets/models/training_curve.h"
#include "widgets/text.h"

#include <QCoreApplication>
#include <QFont>
#include <QLocale>

#include <cmath>

namespace gradus {

namespace {
struct Text
{
    Q_DECLARE_TR_FUNCTIONS(RunsModel)
};

QString stateOf(const RunRow& row)
{
    if (row.run->isComplete())
        return Text::tr("complete");
    return row.layersOfModel > 0
               ? Text::tr("%1 of %2 layers").arg(row.totals.layers).arg(row.layersOfModel)
           : row.totals.layers == 1 ? Text::tr("1 layer")
                                    : Text::tr("%1 layers").arg(row.totals.layers);
}

std::vector<Column<RunRow>> columns()
{
    using Row = RunRow;
    const auto none = [](const Row&) { return QString(); };
    return {
        {Text::tr("A"), Text::tr("The run that the table shows"), false, none,
         [](const Row& row) { return QVariant(row.shown ? 0 : 1); }},
        {Text::tr("B"), Text::tr("The run that it is compared with"), false, none,
         [](const Row& row) { return QVariant(row.compared ? 0 : 1); }},
        {Text::tr("Name"), Text::tr("Double-click or F2 to rename"), false,
         [](const Row& row) { return row.run->name; }, nullptr},
        {Text::tr("State"), Text::tr("A cancelled run keeps the layers that had finished"), false,
         stateOf, [](const Row& row) { return QVariant(row.totals.layers); }},
        {Text::tr("Bits/weight"),
         Text::tr("Stored bits of codes, scales and zeros over the number of quantized weights"),
         true,
         [](const Row& row) { return toQString(formatBitsPerWeight(row.totals.bitsPerWeight)); },
         [](const Row& row) {
             return QVariant(std::isnan(row.totals.bitsPerWeight) ? -1.0
                                                                  : row.totals.bitsPerWeight);
         }},
        {Text::tr("Size"), Text::tr("Stored bytes of the whole model: quantized layers and floats"),
         true,
         [](const Row& row) {
             return row.totals.bytes ? toQString(formatBytes(row.totals.bytes))
                                     : QStringLiteral("–");
         },
         [](const Row& row) { return QVariant(static_cast<qulonglong>(row.totals.bytes)); }},
        {Text::tr("Measured"),
         Text::tr("Of language models the perplexity, exp of the mean negative log-likelihood per "
                  "token; of others top-1 and top-5 accuracy, or how near outputs are to the "
                  "float model's. ± is one standard error"),
         false,
         [](const Row& row) {
             return row.run->perplexity.isEmpty() ? QStringLiteral("–") : row.run->perplexity;
         },
         nullptr},
        {Text::tr("Started"), Text::tr("When the run began"), false,
         [](const Row& row) {
             const QDateTime& at = row.run->started;
             if (!at.isValid())
                 return QStringLiteral("–");
             return at.date() == QDate::currentDate()
                        ? QLocale().toString(at.time(), QLocale::ShortFormat)
                        : QLocale().toString(at, QLocale::ShortFormat);
         },
         [](const Row& row) { return QVariant(row.run->started); }},
        {Text::tr("Took"), Text::tr("Computing time"), true,
         [](const Row& row) {
             return row.run->seconds > 0 ? toQString(formatSeconds(row.run->seconds))
                                         : QStringLiteral("–");
         },
         [](const Row& row) { return QVariant(row.run->seconds); }},
    };
}
} // namespace

RunTotals totalsOfRun(const SessionRun& run)
{
    RunTotals totals;
    std::uint64_t bytes = 0;
    std::int64_t weights = 0;
    for (const auto& [name, layer] : run.results) {
        ++totals.layers;
        if (!layer.result.weight)
            continue;
        ++totals.quantized;
        bytes += layer.result.bytes();
        weights += layer.result.weight->rows * layer.result.weight->cols;
    }
    if (run.run) {
        totals.layers = static_cast<int>(run.run->layers.size());
        totals.bitsPerWeight = run.run->totals.bitsPerWeight;
        totals.bytes = run.run->totals.bytes + run.run->totals.floatBytes;
    } else if (weights > 0) {
        totals.bitsPerWeight = 8.0 * static_cast<double>(bytes) / static_cast<double>(weights);
    }
    return totals;
}

RunsModel::RunsModel(QObject* parent)
    : TableModel(columns(), parent)
{
}

void RunsModel::setRuns(const SessionRuns& runs, int shown, int compared, int layersOfModel)
{
    auto lines = std::make_shared<std::vector<RunRow>>();
    for (const auto& run : runs)
        lines->push_back(
            {run, totalsOfRun(*run), layersOfModel, run->id == shown, run->id == compared});
    setRows(lines);
}

QVariant RunsModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    const RunRow& line = row(index.row());
    switch (role) {
    case Qt::EditRole:
        return index.column() == Name ? QVariant(line.run->name) : QVariant();
    case Qt::CheckStateRole:
        if (index.column() == Shown)
            return line.shown ? Qt::Checked : Qt::Unchecked;
        if (index.column() == Compared)
            return line.compared ? Qt::Checked : Qt::Unchecked;
        return {};
    case Qt::AccessibleTextRole:
        if (index.column() == Shown)
            return tr("Show %1 in the table").arg(line.run->name);
        if (index.column() == Compared)
            return tr("Compare with %1").arg(line.run->name);
        return data(index, Qt::DisplayRole);
    case Qt::ToolTipRole: {
        QStringList lines{line.run->name};
        if (!line.run->isComplete() && !line.run->isRunning())
            lines.append(tr("Cancelled: %1 of %2 layers had finished. Saved or exported, the "
                            "others stay float.")
                             .arg(line.totals.layers)
                             .arg(line.layersOfModel));
        if (const QString trained = trainingSummary(trainingsOf(line.run->results));
            !trained.isEmpty())
            lines.append(tr("Training: %1").arg(trained));
        if (!line.run->perplexity.isEmpty())
            lines.append(tr("Measured: %1").arg(line.run->perplexity));
        return lines.join(QLatin1Char('\n'));
    }
    case Qt::FontRole: {
        if (index.column() != Name || !line.shown)
            return {};
        QFont bold;
        bold.setBold(true);
        return bold;
    }
    default:
        return TableModel::data(index, role);
    }
}

QVariant RunsModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    // The marks stand in the middle of their columns.
    if (orientation == Qt::Horizontal && role == Qt::TextAlignmentRole &&
        (section == Shown || section == Compared))
        return QVariant::fromValue(Qt::Alignment(Qt::AlignCenter));
    return TableModel::headerData(section, orientation, role);
}

Qt::ItemFlags RunsModel::flags(const QModelIndex& index) const
{
    Qt::ItemFlags flags = TableModel::flags(index);
    if (!index.isValid())
        return flags;
    if (index.column() == Name)
        flags |= Qt::ItemIsEditable;
    if (index.column() == Shown || index.column() == Compared)
        flags |= Qt::ItemIsUserCheckable;
    return flags;
}

bool RunsModel::setData(const QModelIndex& index, const QVariant& value, int role)
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return false;
    const RunRow& line = row(index.row());
    const int id = line.run->id;
    if (role == Qt::EditRole && index.column() == Name) {
        const QString name = value.toString().simplified();
        if (name.isEmpty())
            return false;
        if (name != line.run->name)
            Q_EMIT renamed(id, name);
        return true;
    }
    if (role != Qt::CheckStateRole)
        return false;
    const bool on = value.toInt() == Qt::Checked;
    if (index.column() == Shown) {
        if (on) // some run is always shown
            Q_EMIT runShown(id);
        return on;
    }
    if (index.column() == Compared) {
        Q_EMIT compareRequested(on ? id : 0);
        return true;
    }
    return false;
}

} // namespace gradus
