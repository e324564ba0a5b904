// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QModelIndexList>
#include <QStringList>

#include <vector>

class QAbstractItemModel;

namespace gradus {

/// What a table shows, a line per row with tabs between cells, the header first; rows under others
/// follow them. columns: which and in what order; none: all.
[[nodiscard]] QStringList tableLines(const QAbstractItemModel& model,
                                     const std::vector<int>& columns = {});
/// The same for the rows of a selection, in the order of the view, as text for the clipboard.
[[nodiscard]] QString selectionAsTsv(const QAbstractItemModel& model,
                                     const QModelIndexList& selected,
                                     const std::vector<int>& columns = {});
/// The raw values (ExportRole) as comma-separated text after RFC 4180, lines ended by \n. Only rows
/// without others under them: sums are left to the reader.
[[nodiscard]] QString tableAsCsv(const QAbstractItemModel& model,
                                 const std::vector<int>& columns = {});

/// A field of a CSV line: quoted where it must be.
[[nodiscard]] QString csvField(const QString& text);

} // namespace gradus
