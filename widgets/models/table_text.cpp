// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/table_text.h"

#include <QAbstractItemModel>

#include <algorithm>
#include <set>

namespace gradus {

namespace {
QString line(const QAbstractItemModel& model, int row)
{
    QStringList cells;
    for (int column = 0; column < model.columnCount(); ++column) {
        const QVariant value = row < 0 ? model.headerData(column, Qt::Horizontal)
                                       : model.index(row, column).data(Qt::DisplayRole);
        // A cell is one field: what would break the lines becomes a space.
        QString cell = value.toString();
        for (QChar& c : cell) {
            if (c == QLatin1Char('\t') || c == QLatin1Char('\n') || c == QLatin1Char('\r'))
                c = QLatin1Char(' ');
        }
        cells.append(cell);
    }
    return cells.join(QLatin1Char('\t'));
}
} // namespace

QStringList tableLines(const QAbstractItemModel& model)
{
    QStringList lines{line(model, -1)};
    for (int row = 0; row < model.rowCount(); ++row)
        lines.append(line(model, row));
    return lines;
}

QString selectionAsTsv(const QAbstractItemModel& model, const QModelIndexList& selected)
{
    std::set<int> rows;
    for (const QModelIndex& index : selected)
        rows.insert(index.row());
    if (rows.empty())
        return {};
    QString text = line(model, -1) + QLatin1Char('\n');
    for (const int row : rows)
        text += line(model, row) + QLatin1Char('\n');
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
