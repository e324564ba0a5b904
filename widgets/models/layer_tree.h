// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/layer_expression.h"

#include <QAbstractProxyModel>

#include <vector>

namespace gradus {

class LayerTableModel;

/// The layers as they are shown: filtered, sorted by raw numbers, and, if wanted, under a row for
/// each block that sums it up. One model for both shapes, so that one view serves them.
///
/// Sorting compares keys that are made once for all rows; equal ones keep the model's order, texts
/// compare as people count ("layers.2" before "layers.10"), unknown values come last either way.
/// What only changes the order moves rows (an open editor survives); what changes the set of rows
/// resets the model.
class LayerTree final : public QAbstractProxyModel
{
    Q_OBJECT
public:
    explicit LayerTree(LayerTableModel* source, QObject* parent = nullptr);

    /// Throws Error(Usage), and keeps the filter in force, when a pattern of the new one backtracks
    /// without end.
    void setFilter(LayerExpression expression);
    [[nodiscard]] const LayerExpression& filter() const { return m_filter; }
    void setGrouped(bool grouped);
    [[nodiscard]] bool isGrouped() const { return m_shape.grouped; }

    [[nodiscard]] int shownLayers() const; ///< of any block
    [[nodiscard]] bool isBlock(const QModelIndex& index) const;
    /// The source's row of a layer; −1 of a block.
    [[nodiscard]] int layerAt(const QModelIndex& index) const;
    /// The source's rows that an index means: its own, or all that are shown of the block.
    [[nodiscard]] std::vector<int> layersAt(const QModelIndex& index) const;
    [[nodiscard]] QModelIndex indexOfLayer(int sourceRow, int column = 0) const;
    /// The source's rows in the order shown.
    [[nodiscard]] std::vector<int> order() const;

    QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
    QModelIndex parent(const QModelIndex& child) const override;
    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    bool hasChildren(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
    Qt::ItemFlags flags(const QModelIndex& index) const override;
    bool setData(const QModelIndex& index, const QVariant& value, int role) override;
    void sort(int column, Qt::SortOrder order = Qt::AscendingOrder) override;
    QModelIndex buddy(const QModelIndex& index) const override;
    QModelIndex mapToSource(const QModelIndex& index) const override;
    QModelIndex mapFromSource(const QModelIndex& index) const override;

Q_SIGNALS:
    /// New rows made a pattern of the filter fail; all layers are shown.
    void filterDropped(const QString& reason);

private:
    struct Group
    {
        int anchor = -1;       ///< the source's row of the block's first layer, shown or not
        std::vector<int> rows; ///< of the source
        bool operator==(const Group&) const = default;
    };
    struct Shape
    {
        bool grouped = false;
        std::vector<Group> groups; ///< one without a row of its own when not grouped
        bool operator==(const Shape&) const = default;
    };
    struct Place
    {
        int group = -1;
        int row = -1;
    };
    struct Summary;

    [[nodiscard]] std::vector<char> accepted(const LayerExpression& expression) const;
    [[nodiscard]] std::vector<char> stillAccepted();
    [[nodiscard]] Shape arranged(const std::vector<char>& shown) const;
    [[nodiscard]] std::vector<Place> places(const Shape& shape) const;
    /// Takes the shape over by the mildest change that leads there.
    void become(Shape next);
    void take(Shape next);
    void sourceChanged(const QModelIndex& topLeft, const QModelIndex& bottomRight);
    [[nodiscard]] int groupAt(int anchor) const
    {
        return m_groupOf[static_cast<std::size_t>(anchor)];
    }
    [[nodiscard]] const Group& groupOf(const QModelIndex& child) const;
    [[nodiscard]] Summary summarized(const std::vector<int>& rows) const;
    [[nodiscard]] const Summary& summary(int group) const;
    [[nodiscard]] QVariant blockData(int group, int column, int role) const;

    LayerTableModel* m_source;
    LayerExpression m_filter;
    int m_sortColumn = -1;
    Qt::SortOrder m_sortOrder = Qt::AscendingOrder;
    Shape m_shape;
    std::vector<Place> m_places; ///< by the source's row
    std::vector<int> m_groupOf;  ///< by anchor: place among the groups
    mutable std::vector<std::shared_ptr<const Summary>> m_summaries;
};

} // namespace gradus
