// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/layer_view.h"

#include "widgets/delegates/choice_delegate.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/models/layer_tree.h"

#include <QContextMenuEvent>
#include <QHeaderView>
#include <QKeyEvent>
#include <QScopedValueRollback>

#include <algorithm>
#include <utility>

namespace gradus {

LayerView::LayerView(LayerTree* tree, QWidget* parent)
    : QTreeView(parent)
    , m_tree(tree)
{
    setUniformRowHeights(true);
    setSelectionBehavior(SelectRows);
    setSelectionMode(ExtendedSelection);
    setAlternatingRowColors(true);
    setWordWrap(false);
    setTextElideMode(Qt::ElideLeft); // the end of a layer's name tells it apart
    setEditTriggers(DoubleClicked | EditKeyPressed | AnyKeyPressed);
    setExpandsOnDoubleClick(false);
    setFrameShape(NoFrame);
    setVerticalScrollMode(ScrollPerItem);
    setHorizontalScrollMode(ScrollPerPixel);
    setTabKeyNavigation(false);
    setRootIsDecorated(false);
    setIndentation(0);
    setModel(tree);
    setItemDelegate(new NumberDelegate(this));
    auto* choices = new ChoiceDelegate(this);
    for (int column = 0; column < LayerTableModel::ColumnCount; ++column) {
        if (LayerTableModel::fieldOf(column))
            setItemDelegateForColumn(column, choices);
    }
}

void LayerView::selectRow(const QModelIndex& index)
{
    selectionModel()->select(index,
                             QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
}

void LayerView::selectLayers(const std::vector<int>& rows)
{
    // Neighbours become one range: thousands of single ones would slow every later question.
    std::vector<QModelIndex> places;
    places.reserve(rows.size());
    for (const int row : rows) {
        const QModelIndex at = m_tree->indexOfLayer(row);
        if (at.isValid())
            places.push_back(at);
    }
    std::sort(places.begin(), places.end(), [](const QModelIndex& a, const QModelIndex& b) {
        return a.internalId() != b.internalId() ? a.internalId() < b.internalId()
                                                : a.row() < b.row();
    });
    const int last = m_tree->columnCount() - 1;
    QItemSelection selection;
    for (std::size_t i = 0; i < places.size();) {
        std::size_t end = i + 1;
        while (end < places.size() && places[end].internalId() == places[i].internalId() &&
               places[end].row() == places[end - 1].row() + 1)
            ++end;
        selection.append(QItemSelectionRange(places[i], places[end - 1].siblingAtColumn(last)));
        i = end;
    }
    selectionModel()->select(selection, QItemSelectionModel::ClearAndSelect);
}

QModelIndexList LayerView::selectedHeads() const
{
    QModelIndexList heads;
    for (const QItemSelectionRange& range : selectionModel()->selection()) {
        for (int row = range.top(); row <= range.bottom(); ++row)
            heads.append(m_tree->index(row, 0, range.parent()));
    }
    return heads;
}

void LayerView::refreshSelection()
{
    std::vector<int> rows;
    for (const QItemSelectionRange& range : selectionModel()->selection()) {
        for (int row = range.top(); row <= range.bottom(); ++row) {
            const int layer = m_tree->layerAt(m_tree->index(row, 0, range.parent()));
            if (layer >= 0)
                rows.push_back(layer);
        }
    }
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    if (rows == m_selected)
        return;
    m_selected = std::move(rows);
    Q_EMIT layersSelected();
}

void LayerView::selectionChanged(const QItemSelection& selected, const QItemSelection& deselected)
{
    QTreeView::selectionChanged(selected, deselected);
    if (m_following)
        return;
    if (m_tree->isGrouped()) {
        const QScopedValueRollback guard(m_following, true);
        followBlocks(selected, deselected);
    }
    refreshSelection();
}

void LayerView::followBlocks(const QItemSelection& selected, const QItemSelection& deselected)
{
    const int last = m_tree->columnCount() - 1;
    const auto layersOf = [&](const QModelIndex& block) {
        return QItemSelection(m_tree->index(0, 0, block),
                              m_tree->index(m_tree->rowCount(block) - 1, last, block));
    };
    const auto blocksIn = [&](const QItemSelection& selection) {
        std::vector<int> rows;
        for (const QItemSelectionRange& range : selection) {
            for (int row = range.top(); !range.parent().isValid() && row <= range.bottom(); ++row)
                rows.push_back(row);
        }
        std::sort(rows.begin(), rows.end());
        return rows;
    };
    // How much of each block is selected, from the ranges: asking for every layer would take long.
    const auto blocks = static_cast<std::size_t>(m_tree->rowCount());
    std::vector<int> chosen(blocks);
    std::vector<char> headed(blocks);
    for (const QItemSelectionRange& range : selectionModel()->selection()) {
        if (range.parent().isValid()) {
            chosen[static_cast<std::size_t>(range.parent().row())] += range.height();
        } else {
            for (int row = range.top(); row <= range.bottom(); ++row)
                headed[static_cast<std::size_t>(row)] = 1;
        }
    }
    std::vector<char> left(blocks); // has lost a layer
    for (const QItemSelectionRange& range : deselected) {
        if (range.parent().isValid())
            left[static_cast<std::size_t>(range.parent().row())] = 1;
    }
    const std::vector<int> come = blocksIn(selected);
    QItemSelection on;
    for (const int row : come) {
        const QModelIndex block = m_tree->index(row, 0);
        if (chosen[static_cast<std::size_t>(row)] < m_tree->rowCount(block))
            on.append(layersOf(block));
        headed[static_cast<std::size_t>(row)] = 0; // whole again, whatever it has lost
    }
    QItemSelection off;
    for (std::size_t row = 0; row < blocks; ++row) {
        const QModelIndex block = m_tree->index(static_cast<int>(row), 0);
        if (left[row] && headed[row])
            off.append(QItemSelectionRange(block, block.siblingAtColumn(last)));
    }
    for (const int row : blocksIn(deselected)) {
        // With its layers, the whole selection has moved; alone, the block was switched off.
        const auto at = static_cast<std::size_t>(row);
        if (!left[at] && chosen[at] > 0)
            off.append(layersOf(m_tree->index(row, 0)));
    }
    if (!off.isEmpty())
        selectionModel()->select(off, QItemSelectionModel::Deselect);
    if (!on.isEmpty())
        selectionModel()->select(on, QItemSelectionModel::Select);
}

bool LayerView::toggleAt(const QMouseEvent& event)
{
    if (event.button() != Qt::LeftButton || event.modifiers() != Qt::NoModifier)
        return false;
    const QModelIndex at = indexAt(event.position().toPoint());
    if (!at.isValid() || at.column() != LayerTableModel::Lock)
        return false;
    Q_EMIT lockToggled(at);
    return true;
}

void LayerView::mousePressEvent(QMouseEvent* event)
{
    m_pressTaken = toggleAt(*event);
    if (!m_pressTaken)
        QTreeView::mousePressEvent(event);
}

void LayerView::mouseDoubleClickEvent(QMouseEvent* event)
{
    m_pressTaken = toggleAt(*event); // two quick clicks are two turns
    if (m_pressTaken)
        return;
    QTreeView::mouseDoubleClickEvent(event);
    const QModelIndex at = indexAt(event->position().toPoint());
    if (m_tree->isBlock(at) && at.column() == LayerTableModel::Name)
        setExpanded(at, !isExpanded(at));
}

void LayerView::mouseReleaseEvent(QMouseEvent* event)
{
    if (std::exchange(m_pressTaken, false))
        return;
    QTreeView::mouseReleaseEvent(event);
}

QModelIndex LayerView::editable() const
{
    const QModelIndex at = currentIndex();
    if (!at.isValid() || at.flags().testFlag(Qt::ItemIsEditable))
        return at;
    return at.siblingAtColumn(LayerTableModel::Bits);
}

void LayerView::keyPressEvent(QKeyEvent* event)
{
    const bool plain = (event->modifiers() & ~(Qt::KeypadModifier | Qt::ShiftModifier)) == 0;
    if (event->matches(QKeySequence::Find)) {
        Q_EMIT filterWanted();
        return;
    }
    if (plain && state() != EditingState) {
        switch (event->key()) {
        case Qt::Key_Space:
            Q_EMIT lockWanted();
            return;
        case Qt::Key_Left:
        case Qt::Key_Right: {
            // Along the row the selection stays: a cell of many selected rows can be reached.
            const QModelIndex at = currentIndex();
            const QModelIndex next =
                moveCursor(event->key() == Qt::Key_Left ? MoveLeft : MoveRight, event->modifiers());
            if (next.isValid() && next.row() == at.row() && next.parent() == at.parent()) {
                selectionModel()->setCurrentIndex(next, QItemSelectionModel::NoUpdate);
                scrollTo(next);
                return;
            }
            break;
        }
        case Qt::Key_Delete:
            Q_EMIT resetWanted();
            return;
        case Qt::Key_F2:
        case Qt::Key_Return:
        case Qt::Key_Enter: {
            const QModelIndex cell = editable();
            if (cell.isValid()) {
                selectionModel()->setCurrentIndex(cell, QItemSelectionModel::NoUpdate);
                edit(cell, EditKeyPressed, event);
            }
            return;
        }
        default:
            break;
        }
        const QString text = event->text();
        const QModelIndex at = currentIndex();
        if (text.size() == 1 && text[0].isDigit() && at.isValid() &&
            at.column() != LayerTableModel::Group) { // whose numbers have several digits
            if (text[0] >= QLatin1Char('2') && text[0] <= QLatin1Char('8'))
                model()->setData(at.siblingAtColumn(LayerTableModel::Bits), text);
            return;
        }
    }
    QTreeView::keyPressEvent(event);
}

void LayerView::contextMenuEvent(QContextMenuEvent* event)
{
    QPoint at = event->pos();
    if (event->reason() == QContextMenuEvent::Keyboard) {
        scrollTo(currentIndex());
        at = visualRect(currentIndex()).center();
    }
    Q_EMIT menuWanted(viewport()->mapToGlobal(at));
    event->accept();
}

QModelIndex LayerView::moveCursor(CursorAction action, Qt::KeyboardModifiers modifiers)
{
    const QModelIndex at = currentIndex();
    if ((action != MoveLeft && action != MoveRight) || !at.isValid())
        return QTreeView::moveCursor(action, modifiers);
    const int step = action == MoveRight ? 1 : -1;
    const int visual = header()->visualIndex(at.column());
    // At the head of a block's row, the arrows open and close it.
    const bool atHead = at.column() == LayerTableModel::Name;
    if (atHead && m_tree->isBlock(at) && isExpanded(at) != (step > 0)) {
        setExpanded(at, step > 0);
        return at;
    }
    if (atHead && step < 0 && at.parent().isValid())
        return at.parent();
    for (int next = visual + step; next >= 0 && next < header()->count(); next += step) {
        const int column = header()->logicalIndex(next);
        if (!isColumnHidden(column))
            return at.siblingAtColumn(column);
    }
    return at;
}

} // namespace gradus
