// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/layer_filter.h"

#include "widgets/models/table_model.h"

#include <algorithm>

namespace gradus {

LayerFilter::LayerFilter(QObject* parent)
    : QSortFilterProxyModel(parent)
{
    setSortRole(SortRole);
    setSortCaseSensitivity(Qt::CaseInsensitive);
}

void LayerFilter::setWords(const QString& text)
{
    m_words = text.split(QLatin1Char(' '), Qt::SkipEmptyParts);
    invalidateFilter();
}

bool LayerFilter::filterAcceptsRow(int row, const QModelIndex& parent) const
{
    const QAbstractItemModel* source = sourceModel();
    return std::all_of(m_words.begin(), m_words.end(), [&](const QString& word) {
        for (int column = 0; column < source->columnCount(parent); ++column) {
            const QModelIndex cell = source->index(row, column, parent);
            if (cell.data(Qt::DisplayRole).toString().contains(word, Qt::CaseInsensitive))
                return true;
        }
        return false;
    });
}

} // namespace gradus
