// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTreeView>

namespace gradus {

class LayerTree;

/// The view of the layers: a tree that behaves as a table. Arrows move from cell to cell, a digit
/// sets bits from wherever one stands, a block that is selected selects its layers, a click on a
/// padlock turns it without touching the selection.
class LayerView final : public QTreeView
{
    Q_OBJECT
public:
    explicit LayerView(LayerTree* tree, QWidget* parent = nullptr);

    /// The layers that are selected, as ascending rows of the source. Cheap: kept between changes.
    [[nodiscard]] const std::vector<int>& selectedLayers() const { return m_selected; }
    /// The first cell of every selected row, blocks among them.
    [[nodiscard]] QModelIndexList selectedHeads() const;
    void selectRow(const QModelIndex& index);
    /// Selects exactly these rows of the source, as far as they are shown.
    void selectLayers(const std::vector<int>& rows);
    /// Counts the selection afresh after the model has been reset.
    void refreshSelection();

Q_SIGNALS:
    void layersSelected(); ///< selectedLayers() is another
    void lockToggled(const QModelIndex& at);
    void lockWanted();  ///< Space
    void resetWanted(); ///< Del
    void filterWanted();
    void menuWanted(const QPoint& global);

protected:
    void mousePressEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;
    QModelIndex moveCursor(CursorAction action, Qt::KeyboardModifiers modifiers) override;
    void selectionChanged(const QItemSelection& selected,
                          const QItemSelection& deselected) override;

private:
    bool toggleAt(const QMouseEvent& event);
    /// A cell of the current row that can be edited: the current one, else its bits.
    [[nodiscard]] QModelIndex editable() const;
    void followBlocks(const QItemSelection& selected, const QItemSelection& deselected);

    LayerTree* m_tree;
    std::vector<int> m_selected;
    bool m_following = false;
    bool m_pressTaken = false;
};

} // namespace gradus
