// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <QString>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace gradus {

/// Roles that every table of the workbench has beside Qt's own.
enum TableRole
{
    SortRole = Qt::UserRole + 1, ///< the raw number or text, for sorting
    BarRole,                     ///< 0 … 1: length of a bar behind the text
    RatingRole,                  ///< gradus::Rating as int
    LockRole,                    ///< bool: the cell is a padlock, open or closed
    StaleRole,                   ///< true: the value no longer belongs to the recipe
    ExportRole, ///< the raw value as text, for files; of a header: its machine name
};

/// One column: how a row is shown in it. A constructor, because gcc 12 breaks down over default
/// member initializers of functions in a template.
template <class Row>
struct Column
{
    using Text = std::function<QString(const Row&)>;
    using Sort = std::function<QVariant(const Row&)>;

    Column(QString columnTitle, QString tip, bool isNumber, Text shown, Sort order = nullptr,
           QString fileTitle = {}, Text written = nullptr, Qt::SortOrder first = Qt::AscendingOrder)
        : title(std::move(columnTitle))
        , toolTip(std::move(tip))
        , number(isNumber)
        , text(std::move(shown))
        , sort(std::move(order))
        , exportTitle(std::move(fileTitle))
        , exported(std::move(written))
        , firstOrder(first)
    {
    }

    QString title;
    QString toolTip;
    bool number; ///< right-aligned
    Text text;
    Sort sort;                ///< none: the text; an invalid value comes last
    QString exportTitle;      ///< name of the column in files; none: the title
    Text exported;            ///< raw value as text; none: the text
    Qt::SortOrder firstOrder; ///< what the first click on its header gives
};

/// A table model as a list of columns over immutable rows. New rows with the same keys update the
/// cells in place, so that selection and scroll position survive; others reset the model. A row
/// that has sameAs() is told to have changed only when it has.
template <class Row>
class TableModel : public QAbstractTableModel
{
public:
    using Rows = std::vector<Row>;

    explicit TableModel(std::vector<Column<Row>> columns, QObject* parent = nullptr)
        : QAbstractTableModel(parent)
        , m_columns(std::move(columns))
        , m_rows(std::make_shared<const Rows>())
    {
    }

    void setRows(std::shared_ptr<const Rows> rows)
    {
        const bool same = rows->size() == m_rows->size() &&
                          std::equal(rows->begin(), rows->end(), m_rows->begin(),
                                     [](const Row& a, const Row& b) { return a.key() == b.key(); });
        if (same) {
            const auto before = std::exchange(m_rows, std::move(rows));
            rowsReplaced();
            const auto [first, last] =
                changesAllCells() ? std::pair(0, rowCount() - 1) : changed(*before);
            if (first <= last)
                Q_EMIT dataChanged(index(first, 0), index(last, columnCount() - 1));
            return;
        }
        beginResetModel();
        m_rows = std::move(rows);
        rowsReplaced();
        endResetModel();
    }
    const Rows& rows() const { return *m_rows; }
    const Row& row(int at) const { return (*m_rows)[static_cast<std::size_t>(at)]; }

    int rowCount(const QModelIndex& parent = {}) const override
    {
        return parent.isValid() ? 0 : static_cast<int>(m_rows->size());
    }
    int columnCount(const QModelIndex& parent = {}) const override
    {
        return parent.isValid() ? 0 : static_cast<int>(m_columns.size());
    }
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override
    {
        if (orientation != Qt::Horizontal || section < 0 || section >= columnCount())
            return {};
        const Column<Row>& column = m_columns[static_cast<std::size_t>(section)];
        switch (role) {
        case Qt::DisplayRole:
            return column.title;
        case Qt::ToolTipRole:
            return column.toolTip;
        case Qt::TextAlignmentRole:
            return alignment(column);
        case Qt::InitialSortOrderRole:
            return static_cast<int>(column.firstOrder);
        case ExportRole:
            return column.exportTitle.isEmpty() ? column.title : column.exportTitle;
        default:
            return {};
        }
    }
    QVariant data(const QModelIndex& index, int role) const override
    {
        if (!checkIndex(index, CheckIndexOption::IndexIsValid))
            return {};
        const Column<Row>& column = m_columns[static_cast<std::size_t>(index.column())];
        switch (role) {
        case Qt::DisplayRole:
            return column.text(row(index.row()));
        case SortRole:
            return column.sort ? column.sort(row(index.row()))
                               : QVariant(column.text(row(index.row())));
        case ExportRole:
            return column.exported ? column.exported(row(index.row()))
                                   : column.text(row(index.row()));
        case Qt::TextAlignmentRole:
            return alignment(column);
        default:
            return {};
        }
    }

protected:
    /// Called after the rows have changed, before anybody is told.
    virtual void rowsReplaced() {}
    /// True when with these rows also cells look different whose rows are as they were.
    virtual bool changesAllCells() { return false; }
    [[nodiscard]] const std::shared_ptr<const Rows>& sharedRows() const { return m_rows; }
    const Column<Row>& column(int at) const { return m_columns[static_cast<std::size_t>(at)]; }

private:
    /// First and last row that differ; a type of row that cannot tell has changed in all of them.
    std::pair<int, int> changed(const Rows& before) const
    {
        int first = 0;
        int last = rowCount() - 1;
        if constexpr (requires(const Row& a, const Row& b) { a.sameAs(b); }) {
            const auto same = [&](int at) {
                return row(at).sameAs(before[static_cast<std::size_t>(at)]);
            };
            while (first <= last && same(first))
                ++first;
            while (last > first && same(last))
                --last;
        }
        return {first, last};
    }

    static QVariant alignment(const Column<Row>& column)
    {
        return QVariant::fromValue(
            Qt::Alignment((column.number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter));
    }

    std::vector<Column<Row>> m_columns;
    std::shared_ptr<const Rows> m_rows;
};

} // namespace gradus
