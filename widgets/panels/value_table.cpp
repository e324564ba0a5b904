// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/value_table.h"

#include "widgets/delegates/number_delegate.h"
#include "widgets/models/table_text.h"
#include "widgets/panels/table_header.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QHeaderView>
#include <QMenu>

#include <algorithm>

namespace gradus {

namespace {
constexpr int sampled = 200; ///< rows that are measured for the width of a column
} // namespace

ValueTable::ValueTable(const QString& accessibleName, QWidget* parent)
    : QTableView(parent)
{
    setAccessibleName(accessibleName);
    setSelectionBehavior(SelectRows);
    setSelectionMode(ExtendedSelection);
    setEditTriggers(NoEditTriggers);
    setAlternatingRowColors(true);
    setShowGrid(false);
    setWordWrap(false);
    setTabKeyNavigation(false);
    setFrameShape(QFrame::NoFrame);
    setHorizontalScrollMode(ScrollPerPixel);
    verticalHeader()->hide();
    verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 6);
    verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    horizontalHeader()->setHighlightSections(false);
    horizontalHeader()->setMinimumSectionSize(36);
    auto* headerStyle = new TableHeaderStyle;
    headerStyle->setParent(this);
    horizontalHeader()->setStyle(headerStyle);
    setItemDelegate(new NumberDelegate(this));
    auto* copyRows = new QAction(tr("Copy"), this);
    copyRows->setShortcut(QKeySequence::Copy);
    copyRows->setShortcutContext(Qt::WidgetShortcut);
    connect(copyRows, &QAction::triggered, this, &ValueTable::copy);
    addAction(copyRows);
}

void ValueTable::setModel(QAbstractItemModel* model)
{
    QTableView::setModel(model);
    connect(model, &QAbstractItemModel::modelReset, this, &ValueTable::fitColumns);
}

void ValueTable::fitColumns()
{
    const int room = 2 * cellMargin + 6;
    const QFontMetrics titles(horizontalHeader()->font());
    for (int column = 0; column < model()->columnCount(); ++column) {
        int width =
            titles.horizontalAdvance(model()->headerData(column, Qt::Horizontal).toString());
        for (int row = 0; row < std::min(model()->rowCount(), sampled); ++row)
            width = std::max(width, fontMetrics().horizontalAdvance(
                                        model()->index(row, column).data().toString()));
        setColumnWidth(column, width + room);
    }
}

void ValueTable::copy() const
{
    const QModelIndexList rows = selectionModel()->selectedRows();
    QApplication::clipboard()->setText(
        rows.isEmpty() ? tableLines(*model()).join(QLatin1Char('\n')) + QLatin1Char('\n')
                       : selectionAsTsv(*model(), rows));
}

void ValueTable::copyCsv() const
{
    QApplication::clipboard()->setText(tableAsCsv(*model()));
}

void ValueTable::showRow(int row)
{
    m_showing = true;
    if (row < 0)
        clearSelection();
    else
        selectRow(row);
    m_showing = false;
}

void ValueTable::contextMenuEvent(QContextMenuEvent* event)
{
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    menu->addAction(tr("Copy"), this, &ValueTable::copy)->setShortcut(QKeySequence::Copy);
    menu->addAction(tr("Copy table as CSV"), this, &ValueTable::copyCsv);
    menu->popup(event->globalPos());
}

void ValueTable::currentChanged(const QModelIndex& current, const QModelIndex& previous)
{
    QTableView::currentChanged(current, previous);
    if (!m_showing && current.isValid())
        Q_EMIT rowChosen(current.row());
}

} // namespace gradus
