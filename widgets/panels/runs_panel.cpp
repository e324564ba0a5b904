// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/runs_panel.h"

#include "widgets/delegates/number_delegate.h"
#include "widgets/panels/table_header.h"
#include "widgets/theme.h"

#include <QAction>
#include <QApplication>
#include <QEvent>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLabel>
#include <QMenu>
#include <QMouseEvent>
#include <QPainter>
#include <QStackedLayout>
#include <QStyledItemDelegate>
#include <QTableView>
#include <QToolBar>
#include <QVBoxLayout>

namespace gradus {

namespace {

/// One of many: a round mark in the middle of the cell, set by a click or with Space.
class MarkDelegate final : public QStyledItemDelegate
{
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    void paint(QPainter* painter, const QStyleOptionViewItem& option,
               const QModelIndex& index) const override
    {
        QStyleOptionViewItem item = option;
        initStyleOption(&item, index);
        item.features &= ~QStyleOptionViewItem::HasCheckIndicator;
        item.text.clear();
        QStyle* style = item.widget ? item.widget->style() : QApplication::style();
        style->drawControl(QStyle::CE_ItemViewItem, &item, painter, item.widget);
        const bool selected = item.state.testFlag(QStyle::State_Selected);
        const QColor ink = selected ? item.palette.color(QPalette::HighlightedText)
                                    : themeColours(item.palette).muted;
        const QPointF centre = QRectF(item.rect).center();
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        painter->setPen(QPen(ink, 1.2));
        painter->setBrush(Qt::NoBrush);
        painter->drawEllipse(centre, 6, 6);
        if (index.data(Qt::CheckStateRole).toInt() == Qt::Checked) {
            painter->setPen(Qt::NoPen);
            painter->setBrush(selected ? ink : item.palette.color(QPalette::Text));
            painter->drawEllipse(centre, 3.4, 3.4);
        }
        painter->restore();
    }

    bool editorEvent(QEvent* event, QAbstractItemModel* model, const QStyleOptionViewItem& option,
                     const QModelIndex& index) override
    {
        bool hit = false;
        if (event->type() == QEvent::MouseButtonRelease) {
            const auto* mouse = static_cast<QMouseEvent*>(event);
            hit = mouse->button() == Qt::LeftButton && option.rect.contains(mouse->pos());
        } else if (event->type() == QEvent::KeyPress) {
            const int key = static_cast<QKeyEvent*>(event)->key();
            hit = key == Qt::Key_Space || key == Qt::Key_Select;
        }
        if (!hit)
            return false;
        const bool on = index.data(Qt::CheckStateRole).toInt() == Qt::Checked;
        return model->setData(index, on ? Qt::Unchecked : Qt::Checked, Qt::CheckStateRole);
    }
};
} // namespace

RunsPanel::RunsPanel(QWidget* parent)
    : QWidget(parent)
{
    m_model = new RunsModel(this);
    m_view = new QTableView;
    m_view->setAccessibleName(tr("Runs of this session"));
    m_view->setModel(m_model);
    m_view->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_view->setSelectionMode(QAbstractItemView::SingleSelection);
    m_view->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed);
    m_view->setAlternatingRowColors(true);
    m_view->setShowGrid(false);
    m_view->setWordWrap(false);
    m_view->setTabKeyNavigation(false);
    m_view->setFrameShape(QFrame::NoFrame);
    m_view->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
    m_view->verticalHeader()->hide();
    m_view->horizontalHeader()->setHighlightSections(false);
    m_view->horizontalHeader()->setMinimumSectionSize(30);
    auto* headerStyle = new TableHeaderStyle;
    headerStyle->setParent(m_view);
    m_view->horizontalHeader()->setStyle(headerStyle);
    m_view->setItemDelegate(new NumberDelegate(m_view));
    auto* marks = new MarkDelegate(m_view);
    m_view->setItemDelegateForColumn(RunsModel::Shown, marks);
    m_view->setItemDelegateForColumn(RunsModel::Compared, marks);
    m_view->setContextMenuPolicy(Qt::CustomContextMenu);

    auto* empty = new QLabel(tr("Runs are kept here: run the recipe, change it, run it again, and "
                                "compare."));
    empty->setAlignment(Qt::AlignCenter);
    empty->setWordWrap(true);
    empty->setMargin(24);
    empty->setForegroundRole(QPalette::PlaceholderText);
    empty->setBackgroundRole(QPalette::Base);
    empty->setAutoFillBackground(true);

    const auto action = [this](const QString& text, const QString& tip, auto slot) {
        auto* made = new QAction(text, this);
        made->setToolTip(tip);
        connect(made, &QAction::triggered, this, slot);
        return made;
    };
    m_show = action(tr("Show"), tr("Show this run in the table: it becomes A"),
                    [this] { Q_EMIT runShown(currentRun()); });
    m_compare = action(tr("Compare"),
                       tr("Compare the run that is shown with this one: it becomes B"), [this] {
                           const RunRow* line = currentRow();
                           if (line)
                               Q_EMIT compareRequested(line->compared ? 0 : line->run->id);
                       });
    m_rename = action(tr("Rename"), tr("Give the run another name"), [this] {
        const QModelIndex at = m_view->currentIndex();
        if (at.isValid())
            m_view->edit(m_model->index(at.row(), RunsModel::Name));
    });
    m_rename->setShortcut(Qt::Key_F2);
    m_rename->setShortcutContext(Qt::WidgetShortcut);
    m_remove = action(tr("Remove"), tr("Forget this run; files that were saved stay"),
                      [this] { Q_EMIT removeRequested(currentRun()); });
    m_remove->setShortcut(QKeySequence::Delete);
    m_remove->setShortcutContext(Qt::WidgetShortcut);
    m_save = action(tr("Save…"), tr("Save the run to a file"),
                    [this] { Q_EMIT saveRequested(currentRun()); });
    m_export = action(tr("Export…"), tr("Write the quantized model for other programs"),
                      [this] { Q_EMIT exportRequested(currentRun()); });
    m_report = action(tr("Report…"), tr("Write a report of the run"),
                      [this] { Q_EMIT reportRequested(currentRun()); });
    m_view->addAction(m_rename);
    m_view->addAction(m_remove);
    // A tool bar, for it puts what does not fit behind an arrow.
    auto* strip = new QToolBar;
    strip->setToolButtonStyle(Qt::ToolButtonTextOnly);
    strip->addActions({m_show, m_compare, m_save, m_export, m_report, m_rename, m_remove});

    auto* pages = new QWidget;
    m_pages = new QStackedLayout(pages);
    m_pages->addWidget(empty);
    m_pages->addWidget(m_view);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(strip);
    layout->addWidget(pages, 1);

    connect(m_model, &RunsModel::runShown, this, &RunsPanel::runShown);
    connect(m_model, &RunsModel::compareRequested, this, &RunsPanel::compareRequested);
    connect(m_model, &RunsModel::renamed, this, &RunsPanel::renamed);
    connect(m_view, &QTableView::customContextMenuRequested, this, &RunsPanel::showMenu);
    connect(m_view, &QTableView::activated, this, [this](const QModelIndex& index) {
        if (index.column() != RunsModel::Name)
            Q_EMIT runShown(m_model->row(index.row()).run->id);
    });
    connect(m_view->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
            &RunsPanel::updateActions);
    fitColumns();
    updateActions();
}

void RunsPanel::setRuns(const SessionRuns& runs, int shown, int compared, int layersOfModel)
{
    const int current = currentRun();
    m_model->setRuns(runs, shown, compared, layersOfModel);
    m_pages->setCurrentIndex(runs.empty() ? 0 : 1);
    // The line one stood on, else the run that is shown.
    int at = -1;
    for (const int wanted : {current, shown}) {
        for (int row = 0; row < m_model->rowCount() && at < 0; ++row) {
            if (m_model->row(row).run->id == wanted)
                at = row;
        }
    }
    if (at >= 0 && currentRun() != m_model->row(at).run->id)
        m_view->setCurrentIndex(m_model->index(at, RunsModel::Name));
    fitColumns();
    updateActions();
}

const RunRow* RunsPanel::currentRow() const
{
    const QModelIndex at = m_view->currentIndex();
    return at.isValid() ? &m_model->row(at.row()) : nullptr;
}

int RunsPanel::currentRun() const
{
    const RunRow* line = currentRow();
    return line ? line->run->id : 0;
}

void RunsPanel::updateActions()
{
    const RunRow* line = currentRow();
    const bool ended = line && !line->run->isRunning();
    m_show->setEnabled(line && !line->shown);
    m_compare->setEnabled(line && (!line->shown || line->compared));
    m_compare->setText(line && line->compared ? tr("Stop comparing") : tr("Compare"));
    m_rename->setEnabled(line);
    for (QAction* each : {m_remove, m_save, m_export, m_report})
        each->setEnabled(ended);
}

void RunsPanel::showMenu(const QPoint& at)
{
    if (!m_view->indexAt(at).isValid())
        return;
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    menu->addActions({m_show, m_compare});
    menu->addSeparator();
    menu->addActions({m_rename, m_remove});
    menu->addSeparator();
    menu->addActions({m_save, m_export, m_report});
    menu->popup(m_view->viewport()->mapToGlobal(at));
}

void RunsPanel::fitColumns()
{
    const QFontMetrics metrics(m_view->font());
    m_view->verticalHeader()->setDefaultSectionSize(metrics.height() + 9);
    m_view->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    QHeaderView* header = m_view->horizontalHeader();
    header->setFixedHeight(metrics.height() + 13);
    QFont bold = m_view->font();
    bold.setBold(true);
    for (int column = 0; column < RunsModel::ColumnCount; ++column) {
        if (column == RunsModel::Shown || column == RunsModel::Compared) {
            header->resizeSection(column, 36);
            continue;
        }
        const QFontMetrics text(column == RunsModel::Name ? bold : m_view->font());
        int width = metrics.horizontalAdvance(
            m_model->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString());
        for (int row = 0; row < m_model->rowCount(); ++row)
            width = std::max(width,
                             text.horizontalAdvance(m_model->index(row, column).data().toString()));
        width += 2 * cellMargin + 6;
        header->resizeSection(column, std::clamp(width, 40, 360));
    }
}

void RunsPanel::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::FontChange)
        fitColumns();
    QWidget::changeEvent(event);
}

} // namespace gradus
