// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTableView>

namespace gradus {

/// A small table of numbers beside a plot: whole rows are selected, Ctrl+C and the context menu
/// copy them with tabs between cells, or the whole table as comma-separated values.
class ValueTable final : public QTableView
{
    Q_OBJECT
public:
    explicit ValueTable(const QString& accessibleName, QWidget* parent = nullptr);

    /// Takes the model's rows as they are; columns become as wide as they need.
    void setModel(QAbstractItemModel* model) override;
    /// The selected rows, or all without a selection.
    void copy() const;
    void copyCsv() const;
    void fitColumns();
    /// Makes the row current without telling anybody.
    void showRow(int row);

Q_SIGNALS:
    /// Chosen by a person: a click or the keyboard.
    void rowChosen(int row);

protected:
    void contextMenuEvent(QContextMenuEvent* event) override;
    void currentChanged(const QModelIndex& current, const QModelIndex& previous) override;

private:
    bool m_showing = false;
};

} // namespace gradus
