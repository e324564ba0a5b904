// SPDX-License-Identifier: GPL-3.0-or-later
// The window's part in allocating bits: the panel's intents, and what the panel shows.
#include "app/gui/evaluate_dialog.h"
#include "app/gui/main_window.h"
#include "app/gui/sample_dialog.h"
#include "widgets/models/model_facts.h"
#include "widgets/panels/allocation_form.h"
#include "widgets/panels/allocation_panel.h"
#include "widgets/panels/bits_rules_form.h"
#include "widgets/panels/message_bar.h"
#include "widgets/plots/allocation_plot.h"

#include <QApplication>
#include <QClipboard>
#include <QDockWidget>

namespace gradus {

void MainWindow::connectAllocation()
{
    AllocationForm* form = m_allocation->form();
    connect(&m_allocator, &Allocator::pictureChanged, m_allocation, &AllocationPanel::setPicture);
    connect(&m_allocator, &Allocator::curveChanged, m_allocation, &AllocationPanel::setCurve);
    connect(&m_allocator, &Allocator::noticeChanged, m_allocation, &AllocationPanel::setNotice);
    connect(&m_allocator, &Allocator::emptyTextChanged, m_allocation,
            &AllocationPanel::setEmptyText);
    connect(&m_allocator, &Allocator::remarksChanged, m_allocation->rulesForm(),
            &BitsRulesForm::setRemarks);
    connect(&m_allocator, &Allocator::budgetRangeChanged, form, &AllocationForm::setBudgetRange);
    connect(&m_allocator, &Allocator::settingsChanged, this, &MainWindow::refreshAllocation);
    connect(&m_allocator, &Allocator::stateChanged, this, &MainWindow::refreshAllocation);
    connect(m_workbench.document(), &Document::recipeChanged, this, &MainWindow::refreshAllocation);
    connect(&m_allocator, &Allocator::evaluationDataWanted, this, &MainWindow::askAllocationData);

    connect(form, &AllocationForm::settingsChanged, &m_allocator, &Allocator::setSettings);
    connect(form, &AllocationForm::budgetTyped, &m_allocator, &Allocator::typeBudget);
    connect(form, &AllocationForm::measureRequested, &m_allocator,
            [this] { m_allocator.measure(); });
    connect(form, &AllocationForm::cancelRequested, &m_workbench, &Workbench::cancel);
    connect(form, &AllocationForm::evaluateRequested, &m_allocator,
            [this](bool ask) { m_allocator.evaluate(ask); });
    connect(form, &AllocationForm::copyRequested, this, [this] {
        const QString command = m_allocator.command();
        if (command.isEmpty())
            return;
        QApplication::clipboard()->setText(command + QLatin1Char('\n'));
        m_message->showMessage(MessageBar::Kind::Success,
                               tr("Copied the command line for this allocation"));
    });
    connect(form, &AllocationForm::exportRequested, this, [this] {
        const auto table = m_allocator.table();
        if (!table)
            return;
        saveDialog(
            tr("Save the table of sensitivities"), tr("Tables (*.csv)"), QStringLiteral("csv"),
            QStringLiteral("sensitivities.csv"),
            [this, table](const QString& path) { m_workbench.saveSensitivity(table, path); });
    });
    connect(m_allocation->rulesForm(), &BitsRulesForm::rulesChanged, &m_allocator,
            [this](const std::vector<BitsRule>& rules, bool fuse) {
                AllocationSettings settings = m_allocator.settings();
                settings.rules = rules;
                settings.fuse = fuse;
                m_allocator.setSettings(settings);
            });
    connect(m_allocation->plot(), &AllocationPlot::budgetMoved, &m_allocator,
            &Allocator::moveBudget);
    connect(m_allocation->plot(), &AllocationPlot::markActivated, &m_allocator, &Allocator::adopt);
    connect(m_allocation, &AllocationPanel::failed, this, &MainWindow::problem);
    refreshAllocation();
}

void MainWindow::refreshAllocation()
{
    const Document* document = m_workbench.document();
    const auto& model = document->model();
    AllocationForm* form = m_allocation->form();
    form->setSettings(m_allocator.settings(), document->recipe().standard);
    m_allocation->rulesForm()->setRules(m_allocator.settings().rules, m_allocator.settings().fuse);
    form->setCanMeasure(m_allocator.measureObstacle(), m_allocator.isMeasuring());
    form->setCanEvaluate(m_allocator.evaluateObstacle());
    form->setHasTable(m_allocator.table() != nullptr);
    form->setHasData(!model             ? QString()
                     : !model->canRun() ? tr("The model cannot be run.")
                     : document->recipe().calibration.data.empty()
                         ? tr("There is no calibration data: choose some in the panel Run.")
                         : QString());
}

void MainWindow::showAllocation()
{
    m_docks.allocation->show();
    m_docks.allocation->raise();
    m_allocation->plot()->setFocus();
}

void MainWindow::askAllocationData()
{
    const auto& model = m_workbench.document()->model();
    if (!model)
        return;
    QDialog* made = nullptr;
    if (feedKindOf(*model) == FeedKind::Text) {
        auto* dialog = new EvaluateDialog(m_allocator.settings().evaluationData,
                                          model->maximumContext, true, this);
        dialog->setMeasuresAll();
        connect(dialog, &EvaluateDialog::evaluateRequested, this,
                [this](TextMetric, const QString& path, PerplexityConvention convention,
                       qint64 context) { m_allocator.evaluateText(path, convention, context); });
        made = dialog;
    } else {
        auto* dialog =
            new SampleDialog(*model, m_workbench.document()->recipe().calibration, true, this);
        connect(dialog, &SampleDialog::evaluateRequested, this,
                [this](const SampleEvaluation& what) { m_allocator.evaluateSamples(what); });
        made = dialog;
    }
    made->setAttribute(Qt::WA_DeleteOnClose);
    made->open();
}

} // namespace gradus
