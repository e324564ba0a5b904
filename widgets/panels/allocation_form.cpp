// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/allocation_form.h"

#include "widgets/core_text.h"
#include "widgets/models/allocation_picture.h"
#include "widgets/panels/number_edit.h"
#include "widgets/panels/wrapping_layout.h"
#include "widgets/text.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QSignalBlocker>
#include <QStandardItemModel>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {
constexpr int fewestBits = 2;
constexpr int mostBits = 8;
constexpr double mebibyte = 1 << 20;

std::int64_t groupOf(const LayerChoice& choice)
{
    return choice.scheme.granularity == Granularity::Group ? choice.scheme.groupSize : 0;
}

/// What a spin box shows of one.
double unitSize(BudgetUnit unit)
{
    return unit == BudgetUnit::StoredBytes || unit == BudgetUnit::GptqFile ? mebibyte : 1;
}

QString methodTitle(std::string_view name)
{
    const MethodDescription* found = findMethod(name);
    return found ? coreText(found->title) : toQString(name);
}
} // namespace

AllocationForm::AllocationForm(QWidget* parent)
    : QWidget(parent)
{
    const auto line = [](int top, int bottom) {
        auto* made = new QWidget;
        auto* layout = new WrappingLayout(made);
        layout->setContentsMargins(8, top, 8, bottom);
        return made;
    };
    m_candidates = line(6, 0);
    m_line = line(5, 5);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_candidates);
    layout->addWidget(m_line);
    makeCandidates();
    makeBudget();
    setSettings(m_settings, m_standard);
    setCanMeasure({}, false);
    setBudgetRange(0, 0);
    setCompact(false);
}

void AllocationForm::makeCandidates()
{
    m_method = new QComboBox;
    m_method->setObjectName(QStringLiteral("allocationMethod"));
    m_method->addItem(tr("As the recipe"), QString());
    for (const MethodDescription& each : methods())
        if (!isStaticMethod(each.defaults)) // those are of inputs, too
            m_method->addItem(coreText(each.title), toQString(each.name));
    m_method->setToolTip(tr("The method that all candidates have"));
    m_method->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    connect(m_method, &QComboBox::activated, this, [this] {
        m_settings.method = m_method->currentData().toString().toStdString();
        changed();
    });
    cell(m_candidates, tr("Me&thod"), {m_method});
    makeBits();
    makeGroups();

    m_metric = new QComboBox;
    m_metric->setObjectName(QStringLiteral("allocationMetric"));
    for (const SensitivityMetric each :
         {SensitivityMetric::Weight, SensitivityMetric::Output, SensitivityMetric::Fisher,
          SensitivityMetric::Divergence}) {
        m_metric->addItem(metricTitle(each), static_cast<int>(each));
        m_metric->setItemData(m_metric->count() - 1, metricHelp(each), Qt::ToolTipRole);
    }
    connect(m_metric, &QComboBox::activated, this, [this] {
        m_settings.metric = static_cast<SensitivityMetric>(m_metric->currentData().toInt());
        changed();
    });
    cell(m_candidates, tr("E&rror"), {m_metric});

    m_solver = new QComboBox;
    m_solver->setObjectName(QStringLiteral("allocationSolver"));
    for (const AllocationSolver each :
         {AllocationSolver::Exact, AllocationSolver::Lagrangian, AllocationSolver::Greedy,
          AllocationSolver::Uniform, AllocationSolver::FirstLast, AllocationSolver::LlamaCpp}) {
        m_solver->addItem(solverTitle(each), static_cast<int>(each));
        m_solver->setItemData(m_solver->count() - 1, solverHelp(each), Qt::ToolTipRole);
    }
    connect(m_solver, &QComboBox::activated, this, [this] {
        m_settings.solver = static_cast<AllocationSolver>(m_solver->currentData().toInt());
        changed();
    });
    cell(m_candidates, tr("Sol&ver"), {m_solver});
}

void AllocationForm::makeBudget()
{
    m_budget = new NumberEdit;
    m_budget->setObjectName(QStringLiteral("allocationBudget"));
    m_budget->setFixedWidth(72);
    connect(m_budget, &QDoubleSpinBox::valueChanged, this, [this](double value) {
        m_settings.budget = value * unitSize(m_settings.unit);
        Q_EMIT budgetTyped(m_settings.budget);
    });
    connect(m_budget, &NumberEdit::refused, this, &AllocationForm::refused);
    m_unit = new QComboBox;
    m_unit->setObjectName(QStringLiteral("allocationUnit"));
    m_unit->setAccessibleName(tr("What the budget is of"));
    const std::tuple<BudgetUnit, QString, QString> units[] = {
        {BudgetUnit::BitsPerWeight, tr("bits/weight"),
         tr("Stored bits of codes, scales and zeros over the number of quantized weights")},
        {BudgetUnit::StoredBytes, tr("MiB stored"), tr("Stored bytes of the quantized layers")},
        {BudgetUnit::GptqFile, tr("MiB GPTQ file"),
         tr("Bytes of the whole checkpoint in GPTQ's format, exactly")},
        {BudgetUnit::Error, tr("error at most"),
         tr("A bound on the predicted error: the smallest allocation within it")}};
    for (const auto& [unit, title, help] : units) {
        m_unit->addItem(title, static_cast<int>(unit));
        m_unit->setItemData(m_unit->count() - 1, help, Qt::ToolTipRole);
    }
    connect(m_unit, &QComboBox::activated, this, [this] {
        m_settings.unit = static_cast<BudgetUnit>(m_unit->currentData().toInt());
        m_settings.budget = 0; // where it stands, in the new unit
        changed();
    });
    cell(m_line, tr("Bu&dget"), {m_budget, m_unit});

    m_measure = new QToolButton;
    m_measure->setObjectName(QStringLiteral("measureSensitivity"));
    connect(m_measure, &QToolButton::clicked, this, [this] {
        if (m_measuring)
            Q_EMIT cancelRequested();
        else
            Q_EMIT measureRequested();
    });
    m_evaluate = new QToolButton;
    m_evaluate->setObjectName(QStringLiteral("evaluateAllocation"));
    m_evaluate->setText(tr("&Evaluate"));
    m_evaluate->setPopupMode(QToolButton::MenuButtonPopup);
    auto* evaluateMenu = new QMenu(this);
    evaluateMenu->addAction(tr("Evaluate on other data…"), this,
                            [this] { Q_EMIT evaluateRequested(true); });
    m_evaluate->setMenu(evaluateMenu);
    connect(m_evaluate, &QToolButton::clicked, this, [this] { Q_EMIT evaluateRequested(false); });
    m_more = new QToolButton;
    m_more->setObjectName(QStringLiteral("allocationMore"));
    m_more->setText(QStringLiteral("⋯"));
    m_more->setAccessibleName(tr("More"));
    m_more->setToolTip(tr("More"));
    m_more->setPopupMode(QToolButton::InstantPopup);
    m_more->setStyleSheet(QStringLiteral("QToolButton::menu-indicator { image: none; }"));
    auto* moreMenu = new QMenu(this);
    moreMenu->addAction(tr("Copy as command"), this, &AllocationForm::copyRequested);
    m_export =
        moreMenu->addAction(tr("Export the table as CSV…"), this, &AllocationForm::exportRequested);
    m_more->setMenu(moreMenu);
    m_unfold = new QToolButton;
    m_unfold->setObjectName(QStringLiteral("allocationCandidates"));
    m_unfold->setText(tr("&Candidates"));
    m_unfold->setCheckable(true);
    m_unfold->setToolTip(tr("Show the method, bits and groups to choose among, the error, and the "
                            "solver"));
    connect(m_unfold, &QToolButton::toggled, m_candidates, &QWidget::setVisible);
    cell(m_line, {}, {m_measure, m_evaluate, m_unfold, m_more});
}

void AllocationForm::setCompact(bool on)
{
    m_compact = on;
    m_unfold->setVisible(on);
    m_candidates->setVisible(!on || m_unfold->isChecked());
}

QWidget* AllocationForm::cell(QWidget* line, const QString& title,
                              const std::vector<QWidget*>& fields)
{
    auto* box = new QWidget;
    auto* layout = new QHBoxLayout(box);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(4);
    if (!title.isEmpty()) {
        auto* label = new QLabel(title);
        label->setBuddy(fields.front());
        layout->addWidget(label);
    }
    for (QWidget* field : fields)
        layout->addWidget(field);
    line->layout()->addWidget(box);
    return box;
}

void AllocationForm::makeBits()
{
    std::vector<QWidget*> buttons;
    const int width = fontMetrics().horizontalAdvance(QLatin1Char('8')) + 14;
    for (int bits = fewestBits; bits <= mostBits; ++bits) {
        auto* button = new QToolButton;
        button->setObjectName(QStringLiteral("allocationBits%1").arg(bits));
        button->setText(QString::number(bits));
        button->setCheckable(true);
        button->setFixedWidth(width);
        button->setStyleSheet(QStringLiteral(
            "QToolButton:checked { background: palette(highlight); color: "
            "palette(highlighted-text); border: 1px solid palette(highlight); border-radius: 2px; "
            "font-weight: bold; }"));
        button->setAccessibleName(tr("%1 bits").arg(bits));
        button->setToolTip(tr("%1 bits are one of the candidates").arg(bits));
        connect(button, &QToolButton::clicked, this, [this, bits](bool on) {
            std::vector<int>& chosen = m_settings.bits;
            chosen.erase(std::remove(chosen.begin(), chosen.end(), bits), chosen.end());
            if (on || chosen.empty()) // one has to stay
                chosen.push_back(bits);
            std::sort(chosen.begin(), chosen.end());
            changed();
        });
        m_bits.push_back(button);
        buttons.push_back(button);
    }
    QWidget* box = cell(m_candidates, tr("&Bits"), buttons);
    static_cast<QHBoxLayout*>(box->layout())->setSpacing(2);
}

void AllocationForm::makeGroups()
{
    m_groups = new QToolButton;
    m_groups->setObjectName(QStringLiteral("allocationGroups"));
    m_groups->setPopupMode(QToolButton::InstantPopup);
    m_groups->setStyleSheet(QStringLiteral("QToolButton::menu-indicator { image: none; }"));
    m_groups->setToolTip(tr("Inputs that share a scale; several are candidates beside each other"));
    m_groupMenu = new QMenu(this);
    m_groups->setMenu(m_groupMenu);
    connect(m_groupMenu, &QMenu::aboutToShow, this, &AllocationForm::fillGroups);
    cell(m_candidates, tr("&Group"), {m_groups});
}

std::vector<std::int64_t> AllocationForm::chosenGroups() const
{
    return m_settings.groups.empty() ? std::vector<std::int64_t>{groupOf(m_standard)}
                                     : m_settings.groups;
}

void AllocationForm::fillGroups()
{
    const std::int64_t standard = groupOf(m_standard);
    const std::vector<std::int64_t> chosen = chosenGroups();
    std::vector<std::int64_t> offered{0, 32, 64, 128, 256, standard};
    offered.insert(offered.end(), chosen.begin(), chosen.end());
    std::sort(offered.begin(), offered.end());
    offered.erase(std::unique(offered.begin(), offered.end()), offered.end());
    m_groupMenu->clear();
    QAction* follow = m_groupMenu->addAction(tr("As the recipe: %1").arg(groupTitle(standard)));
    follow->setCheckable(true);
    follow->setChecked(m_settings.groups.empty());
    connect(follow, &QAction::triggered, this, [this] {
        m_settings.groups.clear();
        changed();
    });
    m_groupMenu->addSeparator();
    for (const std::int64_t group : offered) {
        QAction* each = m_groupMenu->addAction(groupTitle(group));
        each->setCheckable(true);
        each->setChecked(std::find(chosen.begin(), chosen.end(), group) != chosen.end());
        connect(each, &QAction::triggered, this, [this, group](bool checked) {
            std::vector<std::int64_t> groups = chosenGroups();
            groups.erase(std::remove(groups.begin(), groups.end(), group), groups.end());
            if (checked || groups.empty()) // one has to stay
                groups.push_back(group);
            std::sort(groups.begin(), groups.end());
            m_settings.groups = groups;
            changed();
        });
    }
}

void AllocationForm::setSettings(const AllocationSettings& settings, const LayerChoice& standard)
{
    m_settings = settings;
    m_standard = standard;
    const auto choose = [](QComboBox* combo, const QVariant& value) {
        combo->setCurrentIndex(std::max(0, combo->findData(value)));
        combo->setToolTip(combo->currentData(Qt::ToolTipRole).toString());
    };
    m_method->setItemText(
        0, standard.keepFloat
               ? tr("As the recipe")
               : tr("As the recipe: %1").arg(methodTitle(methodName(standard.method))));
    m_method->setCurrentIndex(std::max(0, m_method->findData(toQString(settings.method))));
    for (int bits = fewestBits; bits <= mostBits; ++bits)
        m_bits[static_cast<std::size_t>(bits - fewestBits)]->setChecked(
            std::find(settings.bits.begin(), settings.bits.end(), bits) != settings.bits.end());
    QStringList groups;
    for (const std::int64_t group : chosenGroups())
        groups << groupTitle(group);
    m_groups->setText(groups.join(QStringLiteral(", ")) + QStringLiteral(" ▾"));
    m_groups->setAccessibleName(tr("Groups: %1").arg(groups.join(QStringLiteral(", "))));
    choose(m_metric, static_cast<int>(settings.metric));
    choose(m_solver, static_cast<int>(settings.solver));
    choose(m_unit, static_cast<int>(settings.unit));
    showBudget();
}

void AllocationForm::changed()
{
    setSettings(AllocationSettings(m_settings), LayerChoice(m_standard));
    Q_EMIT settingsChanged(m_settings);
}

void AllocationForm::setBudgetRange(double least, double most)
{
    m_least = least;
    m_most = most;
    showBudget();
}

void AllocationForm::showBudget()
{
    const QSignalBlocker quiet(m_budget);
    const double size = unitSize(m_settings.unit);
    m_budget->setEnabled(m_most > 0);
    m_budget->setRange(m_most > 0 ? std::min(m_least / size, m_settings.budget / size) : 0,
                       m_most > 0 ? std::max(m_most, m_settings.budget) / size : 0);
    if (!m_budget->hasFocus() || m_budget->value() != m_settings.budget / size)
        m_budget->setValue(m_settings.budget / size);
}

void AllocationForm::setCanMeasure(const QString& whyNot, bool measuring)
{
    m_measuring = measuring;
    m_measure->setText(measuring ? tr("Cancel") : tr("&Measure"));
    m_measure->setEnabled(measuring || whyNot.isEmpty());
    m_measure->setToolTip(
        measuring          ? tr("Stop; what was measured stays")
        : whyNot.isEmpty() ? tr("Measure what each layer loses under each candidate; what is known "
                                "from before comes at once")
                           : whyNot);
}

void AllocationForm::setCanEvaluate(const QString& whyNot)
{
    m_evaluate->setEnabled(whyNot.isEmpty());
    m_evaluate->setToolTip(whyNot.isEmpty()
                               ? tr("Quantize as the recipe says now, measure the result, and set "
                                    "it beside what was predicted")
                               : whyNot);
}

void AllocationForm::setHasData(const QString& whyNot)
{
    auto* items = qobject_cast<QStandardItemModel*>(m_metric->model());
    for (int i = 0; items && i < m_metric->count(); ++i) {
        const auto metric = static_cast<SensitivityMetric>(m_metric->itemData(i).toInt());
        const bool on = whyNot.isEmpty() || metric == SensitivityMetric::Weight;
        items->item(i)->setEnabled(on);
        items->item(i)->setToolTip(on ? metricHelp(metric)
                                      : metricHelp(metric) + QStringLiteral("\n\n") + whyNot);
    }
}

void AllocationForm::setHasTable(bool on)
{
    m_export->setEnabled(on);
}

} // namespace gradus
