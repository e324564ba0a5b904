// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QModelIndexList>
#include <QStringList>

class QAbstractItemModel;

namespace gradus {

/// What a table shows, a line per row with tabs between cells, the header first.
[[nodiscard]] QStringList tableLines(const QAbstractItemModel& model);
/// The same for the rows of a selection, in the order of the view, as text for the clipboard.
[[nodiscard]] QString selectionAsTsv(const QAbstractItemModel& model,
                                     const QModelIndexList& selected);

/// A field of a CSV line: quoted where it must be.
[[nodiscard]] QString csvField(const QString& text);

} // namespace gradus
