// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/layer_table_panel.h"

#include "widgets/delegates/choice_delegate.h"
#include "widgets/delegates/number_delegate.h"
#include "widgets/models/layer_filter.h"
#include "widgets/models/table_text.h"
#include "widgets/text.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QEvent>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QProxyStyle>
#include <QPushButton>
#include <QStyleOption>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>

namespace gradus {

namespace {
constexpr int cellMargin = 8; // as NumberDelegate paints

/// Headers with the cells' own margin, so that titles stand over what they name; the sort arrow
/// stands above the title and takes no room from it.
class HeaderStyle final : public QProxyStyle
{
public:
    void drawControl(ControlElement element, const QStyleOption* option, QPainter* painter,
                     const QWidget* widget) const override
    {
        const auto* header = qstyleoption_cast<const QStyleOptionHeader*>(option);
        if (element != CE_Header || !header) {
            QProxyStyle::drawControl(element, option, painter, widget);
            return;
        }
        QProxyStyle::drawControl(CE_HeaderSection, option, painter, widget);
        QStyleOptionHeader part = *header;
        part.rect = header->rect.adjusted(cellMargin, 0, -cellMargin, 0);
        QProxyStyle::drawControl(CE_HeaderLabel, &part, painter, widget);
        if (header->sortIndicator != QStyleOptionHeader::None) {
            part.rect = QRect(header->rect.center().x() - 4, header->rect.top() + 1, 9, 6);
            QProxyStyle::drawPrimitive(PE_IndicatorHeaderArrow, &part, painter, widget);
        }
    }
};

struct BulkField
{
    ChoiceField field;
    const char* title;
    int characters;
};
constexpr BulkField bulkFields[] = {
    {ChoiceField::Method, "Method", 12},
    {ChoiceField::Bits, "Bits", 5},
    {ChoiceField::Group, "Group", 8},
    {ChoiceField::Symmetry, "Symmetry", 11},
};
} // namespace

LayerTablePanel::LayerTablePanel(QWidget* parent)
    : QWidget(parent)
{
    m_model = new LayerTableModel(this);
    m_filter = new LayerFilter(this);
    m_filter->setSourceModel(m_model);

    m_words = new QLineEdit;
    m_words->setPlaceholderText(QStringLiteral("Filter layers: q_proj gptq"));
    m_words->setToolTip(QStringLiteral("Rows in which every word occurs (Ctrl+F)"));
    m_words->setClearButtonEnabled(true);
    m_words->setMaximumWidth(280);
    m_words->setMinimumWidth(160);
    m_words->setAcceptDrops(false); // files belong to the window
    m_count = new QLabel;
    m_count->setForegroundRole(QPalette::PlaceholderText);

    auto* strip = new QHBoxLayout;
    strip->setContentsMargins(8, 6, 8, 6);
    strip->setSpacing(6);
    strip->addWidget(m_words, 1);
    strip->addWidget(m_count);
    strip->addStretch(1);
    m_stripLabel = new QLabel;
    strip->addWidget(m_stripLabel);
    for (const BulkField& bulk : bulkFields) {
        QComboBox* combo = makeFieldCombo(bulk.field, this);
        combo->setPlaceholderText(QString::fromUtf8(bulk.title));
        combo->setMinimumContentsLength(bulk.characters);
        combo->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        combo->setToolTip(
            QStringLiteral("%1 of all selected layers").arg(QString::fromUtf8(bulk.title)));
        if (combo->isEditable())
            combo->lineEdit()->setPlaceholderText(QString::fromUtf8(bulk.title));
        setFieldComboValue(*combo, {});
        const ChoiceField field = bulk.field;
        const auto apply = [this, combo, field] {
            const QString value = fieldComboValue(*combo);
            if (!value.isEmpty())
                m_model->requestEdit(selectedRows(), ChoiceEdit{field, value, {}});
            setFieldComboValue(*combo, {});
        };
        connect(combo, &QComboBox::activated, this, apply);
        if (combo->isEditable())
            connect(combo->lineEdit(), &QLineEdit::returnPressed, this, apply);
        m_bulk.push_back(combo);
        strip->addWidget(combo);
    }
    m_reset = new QPushButton(QStringLiteral("Reset"));
    m_reset->setToolTip(QStringLiteral("Back to what the recipe's rules and standard say"));
    connect(m_reset, &QPushButton::clicked, this,
            [this] { Q_EMIT resetRequested(selectedLayers()); });
    strip->addWidget(m_reset);

    m_view = new QTableView;
    m_view->setModel(m_filter);
    m_view->setSortingEnabled(true);
    m_view->sortByColumn(-1, Qt::AscendingOrder); // the model's order
    m_view->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_view->setSelectionMode(QAbstractItemView::ExtendedSelection);
    m_view->setAlternatingRowColors(true);
    m_view->setShowGrid(false);
    m_view->setWordWrap(false);
    m_view->setTextElideMode(Qt::ElideLeft);
    m_view->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed |
                            QAbstractItemView::AnyKeyPressed);
    m_view->setFrameShape(QFrame::NoFrame);
    m_view->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
    m_view->verticalHeader()->hide();
    m_view->horizontalHeader()->setHighlightSections(false);
    m_view->horizontalHeader()->setSectionsMovable(true);
    m_view->horizontalHeader()->setMinimumSectionSize(36);
    auto* headerStyle = new HeaderStyle;
    headerStyle->setParent(m_view);
    m_view->horizontalHeader()->setStyle(headerStyle);
    m_view->setTabKeyNavigation(false);
    m_view->setItemDelegate(new NumberDelegate(m_view));
    auto* choices = new ChoiceDelegate(m_view);
    for (int column = 0; column < LayerTableModel::ColumnCount; ++column) {
        if (LayerTableModel::fieldOf(column))
            m_view->setItemDelegateForColumn(column, choices);
    }
    m_view->setContextMenuPolicy(Qt::CustomContextMenu);
    connect(m_view, &QTableView::customContextMenuRequested, this, &LayerTablePanel::showMenu);
    auto* copy = new QAction(QStringLiteral("Copy"), this);
    copy->setShortcut(QKeySequence::Copy);
    copy->setShortcutContext(Qt::WidgetShortcut);
    connect(copy, &QAction::triggered, this, &LayerTablePanel::copySelection);
    m_view->addAction(copy);

    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addLayout(strip);
    layout->addWidget(m_view, 1);

    m_view->viewport()->installEventFilter(this);
    m_model->setEditTargets([this](int row) {
        const std::vector<int> rows = selectedRows();
        const bool within = std::find(rows.begin(), rows.end(), row) != rows.end();
        return within ? rows : std::vector<int>{row};
    });
    connect(m_model, &LayerTableModel::editRequested, this, &LayerTablePanel::editRequested);
    connect(m_model, &LayerTableModel::editRefused, this, &LayerTablePanel::editRefused);
    connect(m_words, &QLineEdit::textChanged, this, [this](const QString& text) {
        m_filter->setWords(text);
        updateStrip();
    });
    connect(m_view->selectionModel(), &QItemSelectionModel::selectionChanged, this, [this] {
        updateStrip();
        Q_EMIT selectionChanged();
    });
    connect(m_view->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
            [this] { Q_EMIT selectionChanged(); });
    connect(m_model, &QAbstractItemModel::modelReset, this, [this] {
        fitColumns();
        updateStrip();
    });
    fitColumns();
    updateStrip();
}

void LayerTablePanel::setRows(std::shared_ptr<const std::vector<LayerRow>> rows)
{
    m_model->setRows(std::move(rows));
    // Another method may have a longer name; the column grows and does not shrink, so that it
    // keeps still while one looks through methods.
    const QFontMetrics metrics(m_view->font());
    QHeaderView* header = m_view->horizontalHeader();
    int width = header->sectionSize(LayerTableModel::Method);
    for (const LayerRow& row : m_model->rows())
        width = qMax(width, metrics.horizontalAdvance(fieldText(row.choice, ChoiceField::Method)) +
                                2 * cellMargin + 2);
    if (width != header->sectionSize(LayerTableModel::Method)) {
        header->resizeSection(LayerTableModel::Method, width);
        stretchName();
    }
    updateStrip();
}

void LayerTablePanel::setStandard(const LayerChoice& standard)
{
    m_model->setStandard(standard);
}

std::vector<int> LayerTablePanel::selectedRows() const
{
    std::vector<int> rows;
    for (const QModelIndex& index : m_view->selectionModel()->selectedRows())
        rows.push_back(m_filter->mapToSource(index).row());
    std::sort(rows.begin(), rows.end());
    return rows;
}

std::vector<std::string> LayerTablePanel::selectedLayers() const
{
    std::vector<std::string> layers;
    for (const int row : selectedRows())
        layers.push_back(m_model->row(row).name);
    return layers;
}

std::string LayerTablePanel::currentLayer() const
{
    const QModelIndex current = m_filter->mapToSource(m_view->currentIndex());
    if (current.isValid())
        return m_model->row(current.row()).name;
    const std::vector<int> rows = selectedRows();
    return rows.empty() ? std::string() : m_model->row(rows.front()).name;
}

void LayerTablePanel::selectLayer(const std::string& name)
{
    const int row = m_model->rowOf(name);
    if (row < 0)
        return;
    const QModelIndex index = m_filter->mapFromSource(m_model->index(row, 0));
    if (!index.isValid())
        return;
    m_view->setCurrentIndex(index);
    m_view->selectRow(index.row());
    m_view->scrollTo(index);
}

void LayerTablePanel::focusFilter()
{
    m_words->setFocus();
    m_words->selectAll();
}

void LayerTablePanel::copySelection()
{
    const QString text = selectionAsTsv(*m_filter, m_view->selectionModel()->selectedRows());
    if (!text.isEmpty())
        QApplication::clipboard()->setText(text);
}

void LayerTablePanel::showMenu(const QPoint& at)
{
    const std::vector<int> rows = selectedRows();
    if (rows.empty())
        return;
    const bool allLocked =
        std::all_of(rows.begin(), rows.end(), [this](int row) { return m_model->row(row).locked; });
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    for (const BulkField& bulk : bulkFields) {
        QMenu* values = menu->addMenu(QString::fromUtf8(bulk.title));
        for (const FieldValue& value : fieldValues(bulk.field)) {
            values->addAction(value.text, this, [this, field = bulk.field, value] {
                m_model->requestEdit(selectedRows(), ChoiceEdit{field, value.value, {}});
            });
        }
    }
    menu->addAction(QStringLiteral("Reset to the recipe's standard"), this,
                    [this] { Q_EMIT resetRequested(selectedLayers()); });
    menu->addAction(allLocked ? QStringLiteral("Unlock") : QStringLiteral("Lock"), this,
                    [this, allLocked] { Q_EMIT lockRequested(selectedLayers(), !allLocked); });
    menu->addSeparator();
    QAction* copy =
        menu->addAction(QStringLiteral("Copy as table"), this, &LayerTablePanel::copySelection);
    copy->setShortcut(QKeySequence::Copy);
    menu->popup(m_view->viewport()->mapToGlobal(at));
}

void LayerTablePanel::updateStrip()
{
    const int shown = m_filter->rowCount();
    const int all = m_model->rowCount();
    m_count->setText(shown == all ? QStringLiteral("%1 layers").arg(all)
                                  : QStringLiteral("%1 of %2 layers").arg(shown).arg(all));
    const auto selected = selectedRows().size();
    m_stripLabel->setText(selected == 0   ? QStringLiteral("Select layers to set")
                          : selected == 1 ? QStringLiteral("Set for 1 layer")
                                          : QStringLiteral("Set for %1 layers").arg(selected));
    for (QComboBox* combo : m_bulk)
        combo->setEnabled(selected > 0);
    const std::vector<int> chosen = selectedRows();
    m_reset->setEnabled(std::any_of(chosen.begin(), chosen.end(),
                                    [this](int row) { return m_model->row(row).overridden; }));
}

void LayerTablePanel::fitColumns()
{
    const QFontMetrics metrics(m_view->font());
    m_view->verticalHeader()->setDefaultSectionSize(metrics.height() + 9);
    m_view->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    // Wide enough for the header with its sort arrow and for usual values; the name takes the rest.
    static const char* const widest[LayerTableModel::ColumnCount] = {
        "model.layers.10.self_attn.q_proj",
        "00",
        "embedding",
        "128256 × 14336",
        "000,000,000",
        "Round-to-nearest",
        "float",
        "channel",
        "asymmetric",
        "00.00",
        "000.0 MiB",
        "−00.0 dB",
        "    0.0000 %"};
    QHeaderView* header = m_view->horizontalHeader();
    header->setFixedHeight(metrics.height() + 13);
    QFont bold = m_view->font(); // choices of a layer's own are bold
    bold.setBold(true);
    const QFontMetrics headerMetrics(header->font());
    const QFontMetrics boldMetrics(bold);
    const int room = 2 * cellMargin + 2;
    for (int column = 0; column < LayerTableModel::ColumnCount; ++column) {
        const QString title =
            m_model->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
        const auto field = LayerTableModel::fieldOf(column);
        const QFontMetrics& text =
            field && column != LayerTableModel::Method ? boldMetrics : metrics;
        int width = headerMetrics.horizontalAdvance(title) + room;
        if (m_model->rowCount() > 0 &&
            (column == LayerTableModel::Kind || column == LayerTableModel::LayerShape ||
             column == LayerTableModel::Parameters || column == LayerTableModel::Method)) {
            for (int row = 0; row < m_model->rowCount(); ++row)
                width = qMax(width,
                             text.horizontalAdvance(m_model->index(row, column).data().toString()) +
                                 room);
        } else {
            width = qMax(width, text.horizontalAdvance(QString::fromUtf8(widest[column])) + room);
        }
        header->resizeSection(column, width);
    }
    stretchName();
}

/// The name takes the room that the other columns leave, but never less than a usual name needs.
void LayerTablePanel::stretchName()
{
    QHeaderView* header = m_view->horizontalHeader();
    const QFontMetrics metrics(m_view->font());
    const int least =
        metrics.horizontalAdvance(QStringLiteral("model.layers.10.self_attn.q")) + 2 * cellMargin;
    const int others = header->length() - header->sectionSize(LayerTableModel::Name);
    header->resizeSection(LayerTableModel::Name, qMax(least, m_view->viewport()->width() - others));
}

bool LayerTablePanel::eventFilter(QObject* object, QEvent* event)
{
    if (event->type() == QEvent::Resize && object == m_view->viewport())
        stretchName();
    return QWidget::eventFilter(object, event);
}

void LayerTablePanel::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::FontChange)
        fitColumns();
    QWidget::changeEvent(event);
}

} // namespace gradus
