// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/run_comparison.h"

#include "core/base/format.h"
#include "widgets/delegates/number_delegate.h"
#include "widgets/models/table_text.h"
#include "widgets/panels/table_header.h"
#include "widgets/text.h"

#include <QAction>
#include <QApplication>
#include <QCheckBox>
#include <QClipboard>
#include <QEvent>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QMenu>
#include <QSaveFile>
#include <QSplitter>
#include <QStackedLayout>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <set>

namespace gradus {

namespace {
} // namespace

RunComparison::RunComparison(QWidget* parent)
    : QWidget(parent)
{
    m_model = new ComparisonModel(this);
    m_filter = new ComparisonFilter(this);
    m_filter->setSourceModel(m_model);
    m_view = new QTableView;
    m_view->setAccessibleName(tr("Differences between two runs"));
    m_view->setModel(m_filter);
    m_view->setSortingEnabled(true);
    m_view->sortByColumn(-1, Qt::DescendingOrder); // the model's order: the largest change first
    m_view->horizontalHeader()->setSortIndicatorClearable(true);
    m_view->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_view->setSelectionMode(QAbstractItemView::ExtendedSelection);
    m_view->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_view->setAlternatingRowColors(true);
    m_view->setShowGrid(false);
    m_view->setWordWrap(false);
    m_view->setTextElideMode(Qt::ElideLeft);
    m_view->setTabKeyNavigation(false);
    m_view->setFrameShape(QFrame::NoFrame);
    m_view->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
    m_view->verticalHeader()->hide();
    m_view->horizontalHeader()->setHighlightSections(false);
    m_view->horizontalHeader()->setMinimumSectionSize(36);
    auto* headerStyle = new TableHeaderStyle;
    headerStyle->setParent(m_view);
    m_view->horizontalHeader()->setStyle(headerStyle);
    m_view->setItemDelegate(new NumberDelegate(m_view));
    m_view->setContextMenuPolicy(Qt::CustomContextMenu);
    auto* copy = new QAction(tr("Copy"), this);
    copy->setShortcut(QKeySequence::Copy);
    copy->setShortcutContext(Qt::WidgetShortcut);
    connect(copy, &QAction::triggered, this, &RunComparison::copyTable);
    m_view->addAction(copy);

    m_plot = new ErrorPlot;
    m_names = new QLabel;
    m_names->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_names->setWordWrap(true);
    m_onlyDifferent = new QCheckBox(tr("Only layers that &differ"));
    auto* copyButton = new QToolButton;
    copyButton->setText(tr("Copy"));
    copyButton->setToolTip(tr("Copy the table, with tabs between cells"));
    copyButton->setAutoRaise(true);
    auto* saveButton = new QToolButton;
    saveButton->setText(tr("Save CSV…"));
    saveButton->setToolTip(tr("Save the table as comma-separated values"));
    saveButton->setAutoRaise(true);

    auto* strip = new QHBoxLayout;
    strip->setContentsMargins(8, 2, 8, 4);
    strip->setSpacing(6);
    strip->addWidget(m_onlyDifferent);
    strip->addStretch(1);
    strip->addWidget(copyButton);
    strip->addWidget(saveButton);
    m_names->setContentsMargins(8, 6, 8, 0);
    auto* left = new QWidget;
    auto* leftLayout = new QVBoxLayout(left);
    leftLayout->setContentsMargins(0, 0, 0, 0);
    leftLayout->setSpacing(0);
    leftLayout->addWidget(m_names);
    leftLayout->addLayout(strip);
    leftLayout->addWidget(m_view, 1);
    m_splitter = new QSplitter(Qt::Horizontal);
    m_splitter->addWidget(left);
    m_splitter->addWidget(m_plot);
    m_splitter->setStretchFactor(0, 3);
    m_splitter->setStretchFactor(1, 2);
    m_splitter->setChildrenCollapsible(true);

    m_empty = new QLabel;
    m_empty->setAlignment(Qt::AlignCenter);
    m_empty->setWordWrap(true);
    m_empty->setMargin(24);
    m_empty->setForegroundRole(QPalette::PlaceholderText);
    m_empty->setBackgroundRole(QPalette::Base);
    m_empty->setAutoFillBackground(true);
    m_pages = new QStackedLayout(this);
    m_pages->addWidget(m_empty);
    m_pages->addWidget(m_splitter);

    connect(m_onlyDifferent, &QCheckBox::toggled, m_filter, &ComparisonFilter::setOnlyDifferent);
    connect(copyButton, &QToolButton::clicked, this, [this] {
        QApplication::clipboard()->setText(tableLines(*m_filter).join(QLatin1Char('\n')) +
                                           QLatin1Char('\n'));
    });
    connect(saveButton, &QToolButton::clicked, this, &RunComparison::askForFile);
    connect(m_view, &QTableView::activated, this, &RunComparison::activate);
    connect(m_view, &QTableView::clicked, this, &RunComparison::activate);
    connect(m_view, &QTableView::customContextMenuRequested, this, &RunComparison::showMenu);
    connect(m_plot, &ErrorPlot::layersActivated, this, &RunComparison::layersActivated);
    connect(m_plot, &PlotView::failed, this, &RunComparison::failed);
    showData();
}

void RunComparison::setRows(std::shared_ptr<const std::vector<LayerRow>> rows)
{
    m_rows = std::move(rows);
    showData();
}

void RunComparison::setRuns(std::shared_ptr<const SessionRun> a,
                            std::shared_ptr<const SessionRun> b)
{
    m_a = std::move(a);
    m_b = std::move(b);
    showData();
}

void RunComparison::setOnlyDifferent(bool on)
{
    m_onlyDifferent->setChecked(on);
}

QString RunComparison::said(const QString& letter, const SessionRun& run,
                            const LayerMeasures& total) const
{
    QStringList parts{letter.arg(run.name)};
    if (!std::isnan(total.bitsPerWeight))
        parts.append(tr("%1 bits/weight").arg(toQString(formatBitsPerWeight(total.bitsPerWeight))));
    if (total.bytes > 0)
        parts.append(toQString(formatBytes(total.bytes)));
    if (!run.isComplete())
        parts.append(tr("cancelled"));
    if (!run.perplexity.isEmpty())
        parts.append(run.perplexity);
    return parts.join(QStringLiteral(" · "));
}

void RunComparison::showData()
{
    const bool ready = m_rows && !m_rows->empty() && m_a && m_b;
    m_pages->setCurrentIndex(ready ? 1 : 0);
    if (!ready) {
        m_empty->setText(!m_a ? tr("Run the recipe first. A second run can then be compared with "
                                   "it.")
                              : tr("Choose a run to compare with: tick B in the list of runs."));
        m_model->setRows(std::make_shared<std::vector<ComparisonRow>>());
        m_plot->setData(nullptr, {});
        return;
    }
    m_model->setRows(
        std::make_shared<std::vector<ComparisonRow>>(compareRuns(*m_rows, *m_a, *m_b)));
    m_plot->setData(m_rows, {{m_a->name, measuresOfRun(*m_rows, m_a->results)},
                             {m_b->name, measuresOfRun(*m_rows, m_b->results)}});
    const ComparisonRow& total = m_model->row(0);
    m_names->setText(said(tr("A: %1"), *m_a, total.a) + QLatin1Char('\n') +
                     said(tr("B: %1"), *m_b, total.b));
    fitColumns();
}

void RunComparison::setSelected(const std::vector<std::string>& layers)
{
    m_plot->setSelected(layers);
    const std::set<std::string> wanted(layers.begin(), layers.end());
    QItemSelection selection;
    QModelIndex first;
    for (int i = 0; i < m_filter->rowCount(); ++i) {
        const QModelIndex at = m_filter->index(i, 0);
        if (wanted.count(m_model->row(m_filter->mapToSource(at).row()).name) == 0)
            continue;
        selection.select(at, at);
        if (!first.isValid())
            first = at;
    }
    QItemSelectionModel* model = m_view->selectionModel();
    if (selection.contains(model->currentIndex().siblingAtColumn(0)))
        first = {};
    model->select(selection, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
    if (first.isValid()) {
        model->setCurrentIndex(first, QItemSelectionModel::NoUpdate);
        m_view->scrollTo(first);
    }
}

void RunComparison::activate(const QModelIndex& index)
{
    const ComparisonRow& line = m_model->row(m_filter->mapToSource(index).row());
    std::vector<std::string> names;
    for (const QModelIndex& each : m_view->selectionModel()->selectedRows()) {
        const ComparisonRow& selected = m_model->row(m_filter->mapToSource(each).row());
        if (!selected.total)
            names.push_back(selected.name);
    }
    if (names.empty() && !line.total)
        names.push_back(line.name);
    if (!names.empty())
        Q_EMIT layersActivated(names, false);
}

void RunComparison::copyTable()
{
    const QModelIndexList rows = m_view->selectionModel()->selectedRows();
    if (rows.size() > 1)
        QApplication::clipboard()->setText(selectionAsTsv(*m_filter, rows));
    else if (m_filter->rowCount() > 0)
        QApplication::clipboard()->setText(tableLines(*m_filter).join(QLatin1Char('\n')) +
                                           QLatin1Char('\n'));
}

QString RunComparison::csv() const
{
    return m_a && m_b ? comparisonCsv(*m_filter, *m_a, *m_b) : QString();
}

bool RunComparison::saveCsv(const QString& path, QString* error) const
{
    QSaveFile file(path);
    const QByteArray text = csv().toUtf8();
    const bool written =
        file.open(QIODevice::WriteOnly) && file.write(text) == text.size() && file.commit();
    if (!written && error)
        *error = tr("%1 cannot be written").arg(path);
    return written;
}

void RunComparison::askForFile()
{
    auto* dialog = new QFileDialog(this, tr("Save the comparison"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setNameFilter(tr("Table (*.csv)"));
    dialog->setDefaultSuffix(QStringLiteral("csv"));
    dialog->selectFile(QStringLiteral("comparison"));
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        QString error;
        if (!saveCsv(path, &error))
            Q_EMIT failed(error);
    });
    dialog->open();
}

void RunComparison::showMenu(const QPoint& at)
{
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    QAction* copy = menu->addAction(tr("Copy as table"), this, &RunComparison::copyTable);
    copy->setShortcut(QKeySequence::Copy);
    menu->addAction(tr("Save CSV…"), this, &RunComparison::askForFile);
    menu->addSeparator();
    menu->addAction(tr("Largest change first"), this,
                    [this] { m_view->sortByColumn(-1, Qt::DescendingOrder); });
    menu->addAction(m_onlyDifferent->isChecked() ? tr("Show all layers")
                                                 : tr("Show only layers that differ"),
                    m_onlyDifferent, &QCheckBox::toggle);
    menu->popup(m_view->viewport()->mapToGlobal(at));
}

void RunComparison::fitColumns()
{
    const QFontMetrics metrics(m_view->font());
    m_view->verticalHeader()->setDefaultSectionSize(metrics.height() + 9);
    m_view->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    QHeaderView* header = m_view->horizontalHeader();
    header->setFixedHeight(metrics.height() + 13);
    QFont bold = m_view->font();
    bold.setBold(true);
    const QFontMetrics boldMetrics(bold);
    // The first rows have the longest numbers often enough; of the names the longest counts.
    const int probed = std::min(200, m_model->rowCount());
    int longest = 0;
    for (int row = 0; row < m_model->rowCount(); ++row) {
        if (m_model->row(row).name.size() > m_model->row(longest).name.size())
            longest = row;
    }
    for (int column = 0; column < ComparisonModel::ColumnCount; ++column) {
        int width = metrics.horizontalAdvance(
                        m_model->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString()) +
                    10;
        const auto fit = [&](int row) {
            const QString text = m_model->index(row, column).data().toString();
            width = std::max(width, (row == 0 ? boldMetrics : metrics).horizontalAdvance(text));
        };
        for (int row = 0; row < probed; ++row)
            fit(row);
        if (column == ComparisonModel::Name && m_model->rowCount() > 0)
            fit(longest);
        if (column == ComparisonModel::ErrorRatio)
            width += 14; // the shape before it
        header->resizeSection(column, std::min(width + 2 * cellMargin + 2, 300));
    }
}

void RunComparison::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::FontChange)
        fitColumns();
    QWidget::changeEvent(event);
}

void RunComparison::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    // Beside the table where there is room, else under it.
    const Qt::Orientation wanted = width() >= 900 ? Qt::Horizontal : Qt::Vertical;
    if (m_splitter->orientation() != wanted)
        m_splitter->setOrientation(wanted);
}

} // namespace gradus
