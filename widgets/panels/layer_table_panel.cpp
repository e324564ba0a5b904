// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/layer_table_panel.h"

#include "core/base/error.h"
#include "core/base/format.h"
#include "widgets/delegates/choice_delegate.h"
#include "widgets/models/layer_tree.h"
#include "widgets/models/rule_pattern.h"
#include "widgets/models/table_text.h"
#include "widgets/panels/filter_line.h"
#include "widgets/panels/layer_view.h"
#include "widgets/panels/rules_dialog.h"
#include "widgets/panels/table_header.h"
#include "widgets/text.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDataStream>
#include <QEvent>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QMenu>
#include <QProxyStyle>
#include <QPushButton>
#include <QSaveFile>
#include <QScopedValueRollback>
#include <QStyleOption>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <array>
#include <cmath>

namespace gradus {

namespace {
constexpr qint32 stateVersion = 4;
constexpr int narrow = 1040;  // below, the strip does without its label
constexpr int narrower = 920; // and without symmetry, which cells and menu set as well
constexpr int sampled = 200;  // rows that are measured for the width of a column

/// Dropped one after the other, from the front, while there is no room for all columns.
constexpr std::array dispensable{
    LayerTableModel::Kind,           LayerTableModel::Parameters, LayerTableModel::BlockGain,
    LayerTableModel::Symmetry,       LayerTableModel::Kept,       LayerTableModel::WeightError,
    LayerTableModel::InputQuantizer, LayerTableModel::InputError, LayerTableModel::BothError,
    LayerTableModel::InputBits,      LayerTableModel::Exponent,   LayerTableModel::Outliers,
    LayerTableModel::Block,          LayerTableModel::LayerShape, LayerTableModel::Group};

struct BulkField
{
    ChoiceField field;
    QString title;
    QString tip;
    int characters;
};
const std::vector<BulkField>& bulkFields()
{
    static const std::vector<BulkField> fields{
        {ChoiceField::Method, LayerTablePanel::tr("Method"),
         LayerTablePanel::tr("Method of all selected layers"), 11},
        {ChoiceField::Bits, LayerTablePanel::tr("Bits"),
         LayerTablePanel::tr("Bits of all selected layers"), 4},
        {ChoiceField::Group, LayerTablePanel::tr("Group"),
         LayerTablePanel::tr("Group of all selected layers"), 6},
        {ChoiceField::Symmetry, LayerTablePanel::tr("Symmetry"),
         LayerTablePanel::tr("Symmetry of all selected layers"), 10},
    };
    return fields;
}

/// A name with its numbers taken out: what layers of the same role share.
std::string roleOf(const std::string& name)
{
    std::string role;
    for (const char c : name) {
        if (c < '0' || c > '9')
            role += c;
        else if (role.empty() || role.back() != '#')
            role += '#';
    }
    return role;
}
} // namespace

struct LayerTablePanel::Kept
{
    std::vector<std::string> selected;
    std::string current;
    int column = 0;
    std::set<int> expanded; ///< blocks
};

LayerTablePanel::LayerTablePanel(QWidget* parent)
    : QWidget(parent)
{
    m_model = new LayerTableModel(this);
    m_tree = new LayerTree(m_model, this);
    makeView();
    makeStrip();

    connect(m_model, &LayerTableModel::editRequested, this, &LayerTablePanel::editRequested);
    connect(m_model, &LayerTableModel::editRefused, this, &LayerTablePanel::editRefused);
    connect(m_model, &LayerTableModel::lockedLeftAlone, this, &LayerTablePanel::showLocked);
    m_model->setEditTargets([this](int row) {
        const std::vector<int>& rows = selectedRows();
        return std::binary_search(rows.begin(), rows.end(), row) ? rows : std::vector<int>{row};
    });
    connect(m_tree, &QAbstractItemModel::modelAboutToBeReset, this, &LayerTablePanel::keep);
    connect(m_tree, &QAbstractItemModel::modelReset, this, &LayerTablePanel::restore);
    connect(m_tree, &LayerTree::filterDropped, this, [this](const QString& reason) {
        m_line->showProblem({reason, 0, static_cast<int>(m_line->text().size())});
    });
    connect(m_model, &QAbstractItemModel::modelReset, this, [this] {
        fitColumns();
        updateStrip();
        Q_EMIT selectionChanged(); // the same rows are other layers now
    });
    fitColumns();
    updateStrip();
}

LayerTablePanel::~LayerTablePanel() = default;

void LayerTablePanel::makeView()
{
    m_view = new LayerView(m_tree);
    m_view->setAccessibleName(tr("Layers"));
    m_view->setSortingEnabled(true);
    QHeaderView* header = m_view->header();
    header->setSortIndicatorClearable(true); // a third click is the model's order again
    header->setSortIndicator(-1, Qt::AscendingOrder);
    header->setHighlightSections(false);
    header->setSectionsMovable(true);
    header->setStretchLastSection(false);
    header->setMinimumSectionSize(30);
    header->setContextMenuPolicy(Qt::CustomContextMenu);
    // The name leads the row, the padlock follows it.
    header->moveSection(header->visualIndex(LayerTableModel::Lock), 1);
    auto* headerStyle = new TableHeaderStyle(LayerTableModel::Lock);
    headerStyle->setParent(m_view);
    header->setStyle(headerStyle);
    connect(header, &QHeaderView::customContextMenuRequested, this, [this](const QPoint& at) {
        auto* menu = new QMenu(this);
        menu->setAttribute(Qt::WA_DeleteOnClose);
        fillViewMenu(*menu);
        menu->popup(m_view->header()->mapToGlobal(at));
    });
    connect(header, &QHeaderView::sectionResized, this, [this](int column) {
        if (m_fitting)
            return;
        m_sizedByHand.insert(column);
        if (column != LayerTableModel::Name)
            layOutColumns();
    });
    auto* copy = new QAction(tr("Copy"), this);
    copy->setShortcut(QKeySequence::Copy);
    copy->setShortcutContext(Qt::WidgetShortcut);
    connect(copy, &QAction::triggered, this, &LayerTablePanel::copySelection);
    m_view->addAction(copy);
    m_view->viewport()->installEventFilter(this);

    connect(m_view, &LayerView::menuWanted, this, &LayerTablePanel::showMenu);
    connect(m_view, &LayerView::filterWanted, this, &LayerTablePanel::focusFilter);
    connect(m_view, &LayerView::lockWanted, this, &LayerTablePanel::toggleLock);
    connect(m_view, &LayerView::resetWanted, this, &LayerTablePanel::resetSelected);
    connect(m_view, &LayerView::lockToggled, this, [this](const QModelIndex& at) {
        const int row = m_tree->layerAt(at);
        toggleLocks(row < 0 ? m_tree->layersAt(at) : m_model->editTargets(row));
    });
    connect(m_view, &LayerView::layersSelected, this, [this] {
        updateStrip();
        if (!m_restoring)
            Q_EMIT selectionChanged();
    });
    connect(m_view->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this] {
        if (!m_restoring)
            Q_EMIT selectionChanged();
    });
}

void LayerTablePanel::makeStrip()
{
    m_line = new FilterLine;
    m_line->setAccessibleName(tr("Filter layers"));
    m_line->setPlaceholderText(tr("Filter: q_proj, *attn*, bits<4 and error>5%"));
    m_line->setMinimumWidth(150);
    m_line->setMaximumWidth(420);
    m_line->clearProblem();
    connect(m_line, &QLineEdit::textChanged, this, &LayerTablePanel::applyFilter);
    connect(m_line, &FilterLine::leftDownward, this, &LayerTablePanel::enterTable);
    auto* help = new QToolButton;
    help->setText(QStringLiteral("?"));
    help->setAutoRaise(true);
    help->setToolTip(tr("What a filter may say"));
    help->setAccessibleName(tr("Help on filters"));
    connect(help, &QToolButton::clicked, this,
            [this, help] { m_line->showHelp(help->mapToGlobal(QPoint(0, help->height() + 2))); });
    m_count = new QLabel;
    m_count->setForegroundRole(QPalette::PlaceholderText);

    auto* strip = new QHBoxLayout;
    strip->setContentsMargins(8, 6, 8, 6);
    strip->setSpacing(6);
    strip->addWidget(m_line, 100);
    strip->addWidget(help);
    strip->addWidget(m_count);
    strip->addStretch(1);
    m_stripLabel = new QLabel;
    strip->addWidget(m_stripLabel);
    for (const BulkField& bulk : bulkFields()) {
        QComboBox* combo = makeFieldCombo(bulk.field, this);
        combo->setPlaceholderText(bulk.title);
        combo->setMinimumContentsLength(bulk.characters);
        combo->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        combo->setMinimumWidth(bulk.characters * 6 + 30); // the strip may be squeezed this far
        combo->setToolTip(bulk.tip);
        combo->setAccessibleName(bulk.tip);
        if (combo->isEditable())
            combo->lineEdit()->setPlaceholderText(bulk.title);
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
    m_reset = new QPushButton(tr("Reset"));
    m_reset->setToolTip(tr("Back to what the recipe's rules and standard say (Del)"));
    m_reset->setMinimumWidth(56);
    connect(m_reset, &QPushButton::clicked, this, &LayerTablePanel::resetSelected);
    strip->addWidget(m_reset);
    m_viewButton = new QPushButton(tr("View"));
    m_viewButton->setToolTip(tr("Blocks, columns, order, rules, and the table as a file"));
    auto* viewMenu = new QMenu(this);
    connect(viewMenu, &QMenu::aboutToShow, this, [this, viewMenu] {
        viewMenu->clear();
        fillViewMenu(*viewMenu);
    });
    m_viewButton->setMenu(viewMenu);
    strip->addWidget(m_viewButton);

    // Until there is room: what is hidden does not keep the panel from being narrow.
    m_stripLabel->hide();
    m_bulk.back()->hide();

    m_groupAction = new QAction(tr("&Group by block"), this);
    m_groupAction->setCheckable(true);
    connect(m_groupAction, &QAction::toggled, this, &LayerTablePanel::setGrouped);

    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addLayout(strip);
    layout->addWidget(m_view, 1);
}

void LayerTablePanel::setRows(std::shared_ptr<const std::vector<LayerRow>> rows)
{
    m_model->setRows(std::move(rows));
    // Another method may have a longer name; the column grows and does not shrink, so that it
    // keeps still while one looks through methods.
    QHeaderView* header = m_view->header();
    if (!m_sizedByHand.count(LayerTableModel::Method)) {
        const QFontMetrics metrics(m_view->font());
        std::set<std::pair<bool, std::size_t>> seen;
        int width = header->sectionSize(LayerTableModel::Method);
        const int was = width;
        for (const LayerRow& row : m_model->rows()) {
            if (seen.insert({row.choice.keepFloat, row.choice.method.index()}).second)
                width = qMax(width,
                             metrics.horizontalAdvance(fieldText(row.choice, ChoiceField::Method)) +
                                 2 * cellMargin + 2);
        }
        if (width != was) {
            const QScopedValueRollback guard(m_fitting, true);
            header->resizeSection(LayerTableModel::Method, width);
        }
        if (width != was)
            layOutColumns();
    }
    std::set<int> idle{LayerTableModel::BlockGain,      LayerTableModel::Exponent,
                       LayerTableModel::Kept,           LayerTableModel::InputBits,
                       LayerTableModel::InputQuantizer, LayerTableModel::WeightError,
                       LayerTableModel::InputError,     LayerTableModel::BothError};
    for (const LayerRow& row : m_model->rows()) {
        if (!std::isnan(row.blockGainDb))
            idle.erase(LayerTableModel::BlockGain);
        if (!std::isnan(row.exponent))
            idle.erase(LayerTableModel::Exponent);
        if (row.keptShare > 0)
            idle.erase(LayerTableModel::Kept);
        if (!row.choice.keepFloat && row.choice.activation.enabled() &&
            takesActivationGrid(row.kind, row.choice)) {
            idle.erase(LayerTableModel::InputBits);
            if (hasUniformInputs(row.choice))
                idle.erase(LayerTableModel::InputQuantizer);
        }
        if (!std::isnan(row.bothError))
            for (const int column : {LayerTableModel::WeightError, LayerTableModel::InputError,
                                     LayerTableModel::BothError})
                idle.erase(column);
    }
    if (idle != m_idle) {
        m_idle = idle;
        layOutColumns();
    }
    updateStrip();
}

void LayerTablePanel::setStandard(const LayerChoice& standard)
{
    m_standard = standard;
    m_model->setStandard(standard);
}

const std::vector<int>& LayerTablePanel::selectedRows() const
{
    return m_view->selectedLayers();
}

std::vector<std::string> LayerTablePanel::selectedLayers() const
{
    std::vector<std::string> layers;
    layers.reserve(selectedRows().size());
    for (const int row : selectedRows())
        layers.push_back(m_model->row(row).name);
    return layers;
}

std::string LayerTablePanel::currentLayer() const
{
    std::vector<int> rows = m_tree->layersAt(m_view->currentIndex());
    if (rows.empty())
        rows = selectedRows();
    return rows.empty() ? std::string() : m_model->row(rows.front()).name;
}

void LayerTablePanel::selectLayer(const std::string& name)
{
    const QModelIndex index = m_tree->indexOfLayer(m_model->rowOf(name));
    if (!index.isValid())
        return;
    if (index.parent().isValid())
        m_view->expand(index.parent());
    m_view->setCurrentIndex(index);
    m_view->selectRow(index);
    m_view->scrollTo(index);
}

void LayerTablePanel::selectLayers(const std::vector<std::string>& names)
{
    std::vector<int> rows;
    for (const std::string& name : names) {
        const int row = m_model->rowOf(name);
        if (m_tree->indexOfLayer(row).isValid())
            rows.push_back(row);
    }
    if (rows.empty()) {
        m_view->clearSelection();
        return;
    }
    const QModelIndex first = m_tree->indexOfLayer(rows.front());
    {
        // One change for those who listen.
        const QScopedValueRollback guard(m_restoring, true);
        m_view->selectionModel()->setCurrentIndex(first, QItemSelectionModel::NoUpdate);
        m_view->selectLayers(rows);
    }
    m_view->scrollTo(first);
    Q_EMIT selectionChanged();
}

void LayerTablePanel::selectAlike()
{
    std::set<std::string> roles;
    for (const int row : selectedRows())
        roles.insert(roleOf(m_model->row(row).name));
    std::vector<int> alike;
    for (const int row : m_tree->order()) {
        if (roles.count(roleOf(m_model->row(row).name)))
            alike.push_back(row);
    }
    m_view->selectLayers(alike);
}

void LayerTablePanel::focusFilter()
{
    m_line->setFocus(Qt::ShortcutFocusReason);
    m_line->selectAll();
}

void LayerTablePanel::enterTable()
{
    m_line->remember(filterProblem().isEmpty() ? filterText() : QString());
    m_view->setFocus(Qt::TabFocusReason);
    if (!selectedRows().empty() || m_tree->rowCount() == 0)
        return;
    const QModelIndex current = m_view->currentIndex();
    const QModelIndex first = current.isValid() ? current : m_tree->index(0, 0);
    m_view->setCurrentIndex(first);
    m_view->selectRow(first);
}

void LayerTablePanel::setFilterText(const QString& text)
{
    m_line->setText(text);
}
QString LayerTablePanel::filterText() const
{
    return m_line->text();
}
QString LayerTablePanel::filterProblem() const
{
    return m_line->problem();
}

std::vector<std::string> LayerTablePanel::shownLayers() const
{
    std::vector<std::string> names;
    for (const int row : m_tree->order())
        names.push_back(m_model->row(row).name);
    return names;
}

void LayerTablePanel::applyFilter()
{
    ExpressionProblem problem;
    std::optional<LayerExpression> expression = LayerExpression::parse(m_line->text(), &problem);
    if (!expression) {
        m_line->showProblem(problem); // the filter before stays in force
        return;
    }
    const bool any = !expression->empty();
    try {
        m_tree->setFilter(std::move(*expression));
    } catch (const Error& error) {
        m_line->showProblem({toQString(error.what()), 0, static_cast<int>(m_line->text().size())});
        return;
    }
    m_line->clearProblem();
    if (any && m_tree->isGrouped())
        m_view->expandAll();
    updateStrip();
}

void LayerTablePanel::setGrouped(bool grouped)
{
    m_groupAction->setChecked(grouped);
    if (grouped == m_tree->isGrouped())
        return;
    m_tree->setGrouped(grouped);
    m_view->setRootIsDecorated(grouped);
    m_view->setIndentation(grouped ? 18 : 0);
    if (!m_tree->filter().empty())
        m_view->expandAll();
    const QModelIndex current = m_view->currentIndex();
    if (current.parent().isValid())
        m_view->expand(current.parent());
    m_view->scrollTo(current);
}

bool LayerTablePanel::isGrouped() const
{
    return m_tree->isGrouped();
}

/// Before the view forgets.
void LayerTablePanel::keep()
{
    m_kept = std::make_unique<Kept>();
    m_kept->selected = selectedLayers();
    m_kept->current = currentLayer();
    m_kept->column = qMax(0, m_view->currentIndex().column());
    for (int row = 0; m_tree->isGrouped() && row < m_tree->rowCount(); ++row) {
        const QModelIndex block = m_tree->index(row, 0);
        if (m_view->isExpanded(block))
            m_kept->expanded.insert(m_model->row(m_tree->layersAt(block).front()).blockIndex);
    }
}

void LayerTablePanel::restore()
{
    if (!m_kept)
        return;
    const std::unique_ptr<Kept> kept = std::move(m_kept);
    const auto selectedBefore = kept->selected;
    {
        const QScopedValueRollback guard(m_restoring, true);
        for (int row = 0; m_tree->isGrouped() && row < m_tree->rowCount(); ++row) {
            const QModelIndex block = m_tree->index(row, 0);
            if (kept->expanded.count(m_model->row(m_tree->layersAt(block).front()).blockIndex))
                m_view->expand(block);
        }
        std::vector<int> rows;
        for (const std::string& name : kept->selected)
            rows.push_back(m_model->rowOf(name));
        m_view->selectLayers(rows);
        const QModelIndex current =
            m_tree->indexOfLayer(m_model->rowOf(kept->current), kept->column);
        if (current.isValid()) {
            m_view->selectionModel()->setCurrentIndex(current, QItemSelectionModel::NoUpdate);
            m_view->scrollTo(current);
        }
        m_view->refreshSelection();
    }
    updateStrip();
    if (selectedLayers() != selectedBefore || currentLayer() != kept->current)
        Q_EMIT selectionChanged();
}

void LayerTablePanel::resetSelected()
{
    const std::vector<int>& rows = selectedRows();
    std::vector<std::string> layers;
    int locked = 0;
    for (const int row : rows) {
        const LayerRow& layer = m_model->row(row);
        if (!layer.overridden)
            continue;
        if (layer.locked && rows.size() > 1)
            ++locked;
        else
            layers.push_back(layer.name);
    }
    if (locked > 0)
        showLocked(locked);
    if (!layers.empty())
        Q_EMIT resetRequested(layers);
}

void LayerTablePanel::showLocked(int count)
{
    Q_EMIT noticed(count == 1 ? tr("1 locked layer was left alone")
                              : tr("%1 locked layers were left alone").arg(count));
}

void LayerTablePanel::toggleLock()
{
    toggleLocks(selectedRows());
}

void LayerTablePanel::toggleLocks(const std::vector<int>& rows)
{
    if (rows.empty())
        return;
    const bool lock = std::any_of(rows.begin(), rows.end(),
                                  [this](int row) { return !m_model->row(row).locked; });
    std::vector<std::string> layers;
    for (const int row : rows) {
        if (m_model->row(row).locked != lock)
            layers.push_back(m_model->row(row).name);
    }
    Q_EMIT lockRequested(layers, lock);
}

void LayerTablePanel::copySelection()
{
    const QString text = selectionAsTsv(*m_tree, m_view->selectedHeads(), visibleColumns());
    if (!text.isEmpty())
        QApplication::clipboard()->setText(text);
}

void LayerTablePanel::copyTable()
{
    QApplication::clipboard()->setText(
        tableLines(*m_tree, visibleColumns()).join(QLatin1Char('\n')) + QLatin1Char('\n'));
}

void LayerTablePanel::saveCsv(const QString& path) const
{
    QSaveFile file(path);
    const QByteArray bytes = tableAsCsv(*m_tree, visibleColumns()).toUtf8();
    if (!file.open(QIODevice::WriteOnly) || file.write(bytes) != bytes.size() || !file.commit())
        throw Error(ErrorCode::Io,
                    tr("%1 cannot be written: %2").arg(path, file.errorString()).toStdString());
}

void LayerTablePanel::saveCsvDialog()
{
    auto* dialog = new QFileDialog(this, tr("Save table"), QStringLiteral("layers.csv"),
                                   tr("Comma-separated values (*.csv)"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setDefaultSuffix(QStringLiteral("csv"));
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        try {
            saveCsv(path);
            Q_EMIT noticed(tr("The table has been saved as %1").arg(path));
        } catch (const Error& error) {
            Q_EMIT editRefused(toQString(error.what()));
        }
    });
    dialog->open();
}

RuleContext LayerTablePanel::ruleContext() const
{
    RuleContext context;
    context.standard = m_standard;
    for (const LayerRow& row : m_model->rows()) {
        context.layers.push_back(row.name);
        if (row.overridden)
            context.own.insert(row.name);
    }
    return context;
}

void LayerTablePanel::showRuleDialog(const std::string& pattern)
{
    Rule rule;
    rule.pattern = pattern;
    rule.choice = m_standard;
    const int row = m_model->rowOf(currentLayer());
    if (row >= 0)
        rule.choice = m_model->row(row).choice;
    auto* dialog = new RuleDialog(rule, ruleContext(), this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    connect(dialog, &RuleDialog::ruleRequested, this, &LayerTablePanel::ruleRequested);
    dialog->open();
}

void LayerTablePanel::newRuleFromSelection()
{
    showRuleDialog(patternFor(selectedLayers(), ruleContext().layers));
}

void LayerTablePanel::newRuleFromFilter()
{
    // A pattern that stands alone is what one would write into the rule.
    const QString pattern = m_tree->filter().lonePattern();
    showRuleDialog(pattern.isEmpty() ? patternFor(shownLayers(), ruleContext().layers)
                                     : "(?i)" + pattern.toStdString());
}

void LayerTablePanel::editRules()
{
    auto* dialog = new RulesDialog(m_rules, ruleContext(), this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    connect(dialog, &RulesDialog::rulesRequested, this, &LayerTablePanel::rulesRequested);
    dialog->open();
}

void LayerTablePanel::addColumnActions(QMenu& menu)
{
    const QHeaderView* header = m_view->header();
    for (int visual = 0; visual < header->count(); ++visual) {
        const int column = header->logicalIndex(visual);
        if (column == LayerTableModel::Name)
            continue;
        QAction* shown =
            menu.addAction(m_model->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString());
        shown->setCheckable(true);
        shown->setChecked(!header->isSectionHidden(column));
        connect(shown, &QAction::toggled, this,
                [this, column](bool on) { setColumnShown(column, on); });
    }
    menu.addSeparator();
    QAction* fit = menu.addAction(tr("As many as fit"));
    fit->setCheckable(true);
    fit->setChecked(m_autoColumns);
    connect(fit, &QAction::toggled, this, [this](bool on) {
        m_autoColumns = on;
        layOutColumns();
    });
    menu.addAction(tr("&Reset columns"), this, &LayerTablePanel::resetColumns);
}

void LayerTablePanel::fillViewMenu(QMenu& menu)
{
    menu.addAction(m_groupAction);
    if (m_tree->isGrouped()) {
        menu.addAction(tr("&Expand all blocks"), m_view, &QTreeView::expandAll);
        menu.addAction(tr("C&ollapse all blocks"), m_view, &QTreeView::collapseAll);
    }
    QAction* order = menu.addAction(tr("Order of the &model"), this, [this] {
        m_view->header()->setSortIndicator(-1, Qt::AscendingOrder);
    });
    order->setEnabled(m_view->header()->sortIndicatorSection() >= 0);
    addColumnActions(*menu.addMenu(tr("&Columns")));
    menu.addSeparator();
    menu.addAction(tr("R&ules…"), this, &LayerTablePanel::editRules);
    menu.addSeparator();
    menu.addAction(tr("Copy &whole table"), this, &LayerTablePanel::copyTable);
    menu.addAction(tr("&Save table as CSV…"), this, &LayerTablePanel::saveCsvDialog);
}

void LayerTablePanel::showMenu(const QPoint& global)
{
    const std::vector<int>& rows = selectedRows();
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    if (!rows.empty()) {
        for (const BulkField& bulk : bulkFields()) {
            QMenu* values = menu->addMenu(bulk.title);
            for (const FieldValue& value : fieldValues(bulk.field)) {
                values->addAction(value.text, this, [this, field = bulk.field, value] {
                    m_model->requestEdit(selectedRows(), ChoiceEdit{field, value.value, {}});
                });
            }
        }
        const bool allLocked = std::all_of(rows.begin(), rows.end(),
                                           [this](int row) { return m_model->row(row).locked; });
        QAction* reset = menu->addAction(tr("Reset to the recipe's standard"), this,
                                         &LayerTablePanel::resetSelected);
        reset->setShortcut(QKeySequence::Delete);
        reset->setEnabled(m_reset->isEnabled());
        QAction* lock = menu->addAction(allLocked ? tr("Unlock") : tr("Lock"), this,
                                        &LayerTablePanel::toggleLock);
        lock->setShortcut(QKeySequence(Qt::Key_Space));
        menu->addAction(tr("Select layers of the same role"), this, &LayerTablePanel::selectAlike)
            ->setToolTip(tr("Layers whose names differ in numbers only"));
        menu->addSeparator();
        menu->addAction(tr("New rule from selection…"), this,
                        &LayerTablePanel::newRuleFromSelection);
    }
    if (!m_tree->filter().empty() && m_tree->shownLayers() > 0)
        menu->addAction(tr("New rule from filter…"), this, &LayerTablePanel::newRuleFromFilter);
    menu->addAction(tr("Rules…"), this, &LayerTablePanel::editRules);
    menu->addSeparator();
    if (!rows.empty()) {
        QAction* copy = menu->addAction(tr("Copy"), this, &LayerTablePanel::copySelection);
        copy->setShortcut(QKeySequence::Copy);
    }
    menu->addAction(tr("Copy whole table"), this, &LayerTablePanel::copyTable);
    menu->addAction(tr("Save table as CSV…"), this, &LayerTablePanel::saveCsvDialog);
    menu->addSeparator();
    menu->addAction(m_groupAction);
    addColumnActions(*menu->addMenu(tr("Columns")));
    menu->popup(global);
}

void LayerTablePanel::updateStrip()
{
    const int shown = m_tree->shownLayers();
    const int all = m_model->rowCount();
    const auto number = [](auto count) {
        return toQString(formatCount(static_cast<std::int64_t>(count)));
    };
    m_count->setText(shown != all ? tr("%1 of %2 layers").arg(number(shown), number(all))
                     : all == 1   ? tr("1 layer")
                                  : tr("%1 layers").arg(number(all)));
    const std::vector<int>& selected = selectedRows();
    const bool any = !selected.empty();
    m_stripLabel->setText(!any ? tr("Select layers to set")
                          : selected.size() == 1
                              ? tr("Set for 1 layer")
                              : tr("Set for %1 layers").arg(number(selected.size())));
    for (QComboBox* combo : m_bulk)
        combo->setEnabled(any);
    const auto count = static_cast<std::size_t>(m_model->rowCount());
    m_reset->setEnabled(std::any_of(selected.begin(), selected.end(), [&](int row) {
        return static_cast<std::size_t>(row) < count && m_model->row(row).overridden;
    }));
}

int LayerTablePanel::leastNameWidth() const
{
    return m_view->fontMetrics().horizontalAdvance(QStringLiteral("layers.10.self_attn.q")) +
           2 * cellMargin + 2 + 2 * m_view->indentation();
}

int LayerTablePanel::nameWidth() const
{
    // Whole names if they take no more than a quarter of the room; the end of each anyway.
    const int padding = 2 * cellMargin + 2 + 2 * m_view->indentation();
    return qMax(leastNameWidth(),
                padding + qMin(m_longestName, m_view->viewport()->width() / 4 - 2 * cellMargin));
}

void LayerTablePanel::fitColumns()
{
    const QScopedValueRollback guard(m_fitting, true);
    const QFontMetrics metrics(m_view->font());
    // Wide enough for the header with its sort arrow and for usual values; the name takes the rest.
    static const char* const widest[LayerTableModel::ColumnCount] = {"",
                                                                     "00",
                                                                     "embedding",
                                                                     "4096 × 4096",
                                                                     "0,000,000",
                                                                     "Round to nearest",
                                                                     "float",
                                                                     "channel",
                                                                     "asymmetric",
                                                                     "00.00",
                                                                     "000.0 MiB",
                                                                     "−00.0 dB",
                                                                     "      0.00000 %",
                                                                     "+00.0 dB",
                                                                     "0.000",
                                                                     "0.00 %",
                                                                     "float",
                                                                     "uniform",
                                                                     "0.00000 %",
                                                                     "0.00000 %",
                                                                     "0.00000 %",
                                                                     "0.00000 %",
                                                                     ""};
    QHeaderView* header = m_view->header();
    header->setFixedHeight(metrics.height() + 13);
    QFont bold = m_view->font(); // choices of a layer's own are bold
    bold.setBold(true);
    const QFontMetrics headerMetrics(header->font());
    const QFontMetrics boldMetrics(bold);
    const int room = 2 * cellMargin + 2;
    const int step = qMax(1, m_model->rowCount() / sampled);
    m_longestName = 0;
    for (int row = 0; row < m_model->rowCount(); row += step)
        m_longestName =
            qMax(m_longestName, metrics.horizontalAdvance(toQString(m_model->row(row).name)));
    for (int column = 0; column < LayerTableModel::ColumnCount; ++column) {
        if (column == LayerTableModel::Name || m_sizedByHand.count(column))
            continue;
        if (column == LayerTableModel::Lock) {
            header->resizeSection(column, 2 * cellMargin + 16);
            continue;
        }
        const QString title =
            m_model->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
        const auto field = LayerTableModel::fieldOf(column);
        const QFontMetrics& text =
            field && column != LayerTableModel::Method ? boldMetrics : metrics;
        int width = qMax(headerMetrics.horizontalAdvance(title),
                         text.horizontalAdvance(QString::fromUtf8(widest[column]))) +
                    room;
        if (field && column != LayerTableModel::Method) { // in the window's language
            for (const FieldValue& value : fieldValues(*field))
                width = qMax(width, text.horizontalAdvance(value.text) + room);
        }
        if (column == LayerTableModel::Kind || column == LayerTableModel::LayerShape ||
            column == LayerTableModel::Parameters || column == LayerTableModel::Method) {
            for (int row = 0; row < m_model->rowCount(); row += step)
                width = qMax(width,
                             text.horizontalAdvance(m_model->index(row, column).data().toString()) +
                                 room);
        }
        // A hidden section forgets a size that it is given, so it is shown for that long.
        const bool hidden = header->isSectionHidden(column);
        header->setSectionHidden(column, false);
        header->resizeSection(column, width);
        header->setSectionHidden(column, hidden);
    }
    layOutColumns();
}

void LayerTablePanel::layOutColumns()
{
    const QScopedValueRollback guard(m_fitting, true);
    QHeaderView* header = m_view->header();
    const bool ownName = m_sizedByHand.count(LayerTableModel::Name) > 0;
    const int name = ownName ? header->sectionSize(LayerTableModel::Name) : nameWidth();
    const int room = m_view->viewport()->width();
    if (m_autoColumns) {
        for (const int column : dispensable)
            header->setSectionHidden(column, false);
        for (const int column : m_idle) // nothing but dashes
            header->setSectionHidden(column, true);
        int length = header->length() - header->sectionSize(LayerTableModel::Name) + name;
        for (const int column : dispensable) {
            if (length <= room)
                break;
            length -= header->sectionSize(column); // 0 of one that is hidden already
            header->setSectionHidden(column, true);
        }
    }
    if (!ownName) {
        // Rather a shortened name than numbers that have to be scrolled to.
        const int others = header->length() - header->sectionSize(LayerTableModel::Name);
        header->resizeSection(LayerTableModel::Name, qMax(leastNameWidth(), room - others));
    }
}

void LayerTablePanel::setColumnShown(int column, bool shown)
{
    if (column == LayerTableModel::Name)
        return;
    m_autoColumns = false;
    const QScopedValueRollback guard(m_fitting, true);
    m_view->header()->setSectionHidden(column, !shown);
    layOutColumns();
}

std::vector<int> LayerTablePanel::visibleColumns() const
{
    const QHeaderView* header = m_view->header();
    std::vector<int> columns;
    for (int visual = 0; visual < header->count(); ++visual) {
        const int column = header->logicalIndex(visual);
        if (!header->isSectionHidden(column))
            columns.push_back(column);
    }
    return columns;
}

void LayerTablePanel::resetColumns()
{
    const QScopedValueRollback guard(m_fitting, true);
    QHeaderView* header = m_view->header();
    for (int column = 0; column < header->count(); ++column) {
        header->setSectionHidden(column, false);
        header->moveSection(header->visualIndex(column), column);
    }
    header->moveSection(header->visualIndex(LayerTableModel::Lock), 1);
    m_sizedByHand.clear();
    m_autoColumns = true;
    fitColumns();
}

QByteArray LayerTablePanel::saveState() const
{
    QByteArray state;
    QDataStream stream(&state, QIODevice::WriteOnly);
    stream.setVersion(QDataStream::Qt_6_0);
    stream << stateVersion << m_view->header()->saveState() << m_autoColumns
           << QList<int>(m_sizedByHand.begin(), m_sizedByHand.end()) << m_tree->isGrouped()
           << m_line->history();
    return state;
}

bool LayerTablePanel::restoreState(const QByteArray& state)
{
    QDataStream stream(state);
    stream.setVersion(QDataStream::Qt_6_0);
    qint32 version = 0;
    QByteArray header;
    bool automatic = true;
    QList<int> sized;
    bool grouped = false;
    QStringList history;
    stream >> version;
    if (version != stateVersion)
        return false;
    stream >> header >> automatic >> sized >> grouped >> history;
    const QScopedValueRollback guard(m_fitting, true);
    if (stream.status() != QDataStream::Ok || !m_view->header()->restoreState(header))
        return false;
    m_autoColumns = automatic;
    m_sizedByHand = std::set<int>(sized.begin(), sized.end());
    m_line->setHistory(history);
    setGrouped(grouped);
    fitColumns();
    return true;
}

bool LayerTablePanel::eventFilter(QObject* object, QEvent* event)
{
    if (event->type() == QEvent::Resize && object == m_view->viewport()) {
        layOutColumns();
        m_stripLabel->setVisible(width() >= narrow);
        m_bulk.back()->setVisible(width() >= narrower);
        for (QComboBox* combo : m_bulk) // the filter gets what there is
            combo->setMaximumWidth(width() >= narrower ? QWIDGETSIZE_MAX
                                                       : combo->minimumWidth() + 12);
    }
    return QWidget::eventFilter(object, event);
}

void LayerTablePanel::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::FontChange)
        fitColumns();
    QWidget::changeEvent(event);
}

} // namespace gradus
