// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/table_text.h"

#include "widgets/models/table_model.h"

#include <QAbstractItemModel>

#include <algorithm>
#include <numeric>
#include <set>

namespace gradus {

namespace {
std::vector<int> orAll(const QAbstractItemModel& model, std::vector<int> columns)
{
    if (columns.empty()) {
        columns.resize(static_cast<std::size_t>(model.columnCount()));
        std::iota(columns.begin(), columns.end(), 0);
    }
    return columns;
}

QString tabbed(QStringList cells)
{
    // A cell is one field: what would break the lines becomes a space.
    for (QString& cell : cells) {
        for (QChar& c : cell) {
            if (c == QLatin1Char('\t') || c == QLatin1Char('\n') || c == QLatin1Char('\r'))
                c = QLatin1Char(' ');
        }
    }
    return cells.join(QLatin1Char('\t'));
}

QString commaSeparated(QStringList cells)
{
    for (QString& cell : cells) {
        const bool plain = std::none_of(cell.begin(), cell.end(), [](QChar c) {
            return c == QLatin1Char(',') || c == QLatin1Char('"') || c == QLatin1Char('\n') ||
                   c == QLatin1Char('\r');
        });
        if (!plain)
            cell = QLatin1Char('"') + cell.replace(QLatin1Char('"'), QStringLiteral("\"\"")) +
                   QLatin1Char('"');
    }
    return cells.join(QLatin1Char(','));
}

QStringList header(const QAbstractItemModel& model, const std::vector<int>& columns, int role)
{
    QStringList cells;
    for (const int column : columns)
        cells.append(model.headerData(column, Qt::Horizontal, role).toString());
    return cells;
}

QStringList row(const QModelIndex& first, const std::vector<int>& columns, int role)
{
    QStringList cells;
    for (const int column : columns)
        cells.append(first.siblingAtColumn(column).data(role).toString());
    return cells;
}

/// Every row, those under others after them.
template <class Visit>
void forEachRow(const QAbstractItemModel& model, const QModelIndex& parent, const Visit& visit)
{
    for (int at = 0; at < model.rowCount(parent); ++at) {
        const QModelIndex first = model.index(at, 0, parent);
        visit(first);
        if (model.hasChildren(first))
            forEachRow(model, first, visit);
    }
}
} // namespace

QStringList tableLines(const QAbstractItemModel& model, const std::vector<int>& columns)
{
    const std::vector<int> shown = orAll(model, columns);
    QStringList lines{tabbed(header(model, shown, Qt::DisplayRole))};
    forEachRow(model, {}, [&](const QModelIndex& first) {
        lines.append(tabbed(row(first, shown, Qt::DisplayRole)));
    });
    return lines;
}

QString selectionAsTsv(const QAbstractItemModel& model, const QModelIndexList& selected,
                       const std::vector<int>& columns)
{
    if (selected.isEmpty())
        return {};
    // Two levels at most: row of the parent (or the row itself), then row under it.
    std::set<std::pair<int, int>> rows;
    for (const QModelIndex& index : selected)
        rows.insert(index.parent().isValid() ? std::pair(index.parent().row(), index.row())
                                             : std::pair(index.row(), -1));
    const std::vector<int> shown = orAll(model, columns);
    QString text = tabbed(header(model, shown, Qt::DisplayRole)) + QLatin1Char('\n');
    for (const auto& [top, under] : rows) {
        const QModelIndex parent = model.index(top, 0);
        text += tabbed(row(under < 0 ? parent : model.index(under, 0, parent), shown,
                           Qt::DisplayRole)) +
                QLatin1Char('\n');
    }
    return text;
}

QString tableAsCsv(const QAbstractItemModel& model, const std::vector<int>& columns)
{
    const std::vector<int> shown = orAll(model, columns);
    QString text = commaSeparated(header(model, shown, ExportRole)) + QLatin1Char('\n');
    forEachRow(model, {}, [&](const QModelIndex& first) {
        if (!model.hasChildren(first))
            text += commaSeparated(row(first, shown, ExportRole)) + QLatin1Char('\n');
    });
    return text;
}

QString csvField(const QString& text)
{
    const bool plain = std::none_of(text.begin(), text.end(), [](QChar c) {
        return c == QLatin1Char(',') || c == QLatin1Char('"') || c == QLatin1Char('\n') ||
               c == QLatin1Char('\r');
    });
    if (plain)
        return text;
    QString quoted = text;
    quoted.replace(QLatin1Char('"'), QLatin1String("\"\""));
    return QLatin1Char('"') + quoted + QLatin1Char('"');
}

} // namespace gradus
