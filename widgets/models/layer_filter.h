// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QSortFilterProxyModel>
#include <QStringList>

namespace gradus {

/// Sorts a table by its raw numbers and keeps the rows in which every word of the filter occurs in
/// some cell, whatever its case.
class LayerFilter final : public QSortFilterProxyModel
{
    Q_OBJECT
public:
    explicit LayerFilter(QObject* parent = nullptr);
    void setWords(const QString& text);

protected:
    bool filterAcceptsRow(int row, const QModelIndex& parent) const override;

private:
    QStringList m_words;
};

} // namespace gradus
