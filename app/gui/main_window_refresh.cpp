// SPDX-License-Identifier: GPL-3.0-or-later
// What the window's panels, actions and totals show of the document.
#include "app/gui/main_window.h"
#include "core/base/format.h"
#include "core/graph/fold_batch_norms.h"
#include "core/graph/static_sites.h"
#include "widgets/panels/activation_panel.h"
#include "widgets/panels/bits_map_panel.h"
#include "widgets/panels/convergence_panel.h"
#include "widgets/panels/error_panel.h"
#include "widgets/panels/exponent_panel.h"
#include "widgets/panels/layer_table_panel.h"
#include "widgets/panels/message_bar.h"
#include "widgets/panels/method_panel.h"
#include "widgets/panels/run_comparison.h"
#include "widgets/panels/run_panel.h"
#include "widgets/panels/runs_panel.h"
#include "widgets/text.h"

#include <QAction>
#include <QLabel>
#include <QMenu>
#include <QProgressBar>

#include <algorithm>
#include <cmath>

namespace gradus {

void MainWindow::refreshRows()
{
    Document* document = m_workbench.document();
    if (!document->model())
        return;
    m_rowsTimer.stop();
    const auto rows = std::make_shared<const std::vector<LayerRow>>(
        layerRows(*document->model(), document->recipe(), document->plan().get(),
                  document->results(), &m_explorer.statistics()));
    m_layers->setRows(rows);
    m_errors->setRows(rows);
    m_bitsMap->setRows(rows);
    m_comparison->setRows(rows);
    refreshTrainings();
    refreshSelection();
}

void MainWindow::refreshRuns()
{
    const Document* document = m_workbench.document();
    SessionRuns runs;
    std::shared_ptr<const SessionRun> shown;
    std::shared_ptr<const SessionRun> compared;
    for (const SessionRun& run : document->runs()) {
        runs.push_back(std::make_shared<const SessionRun>(run));
        if (&run == document->shownRun())
            shown = runs.back();
        if (&run == document->comparedRun())
            compared = runs.back();
    }
    const auto& model = document->model();
    m_runs->setRuns(runs, shown ? shown->id : 0, compared ? compared->id : 0,
                    model ? static_cast<int>(model->layers.size()) : 0);
    if (shown && shown->id == m_workbench.runInProgress())
        shown = nullptr; // the rows know what has finished so far
    m_errors->setRuns(shown, compared);
    m_comparison->setRuns(shown, compared);
    refreshTrainings();
    refreshTraces();
}

void MainWindow::refreshSelection()
{
    Document* document = m_workbench.document();
    std::vector<std::string> names = m_layers->selectedLayers();
    const std::string current = m_layers->currentLayer();
    const auto at = std::find(names.begin(), names.end(), current);
    if (at != names.end())
        std::rotate(names.begin(), at, at + 1);
    else if (!current.empty() && names.empty())
        names.push_back(current);
    std::vector<std::pair<std::string, LayerChoice>> layers;
    bool overridden = false;
    bool allFixed = true; // their inputs stay float
    MethodPanel::InputSites sites;
    for (const std::string& name : names) {
        const int row = m_layers->model()->rowOf(name);
        if (row < 0)
            continue;
        layers.emplace_back(name, m_layers->model()->row(row).choice);
        const LayerRow& shown = m_layers->model()->row(row);
        const QString why = whyInputsStayFloat(shown.kind, shown.choice);
        if (layers.size() == 1 || why.isEmpty())
            sites.whyFloat = why;
        sites.quantizer = sites.quantizer && shown.kind != LayerKind::Embedding;
        sites.attentions = sites.attentions || readsAttention(static_cast<std::size_t>(row));
        allFixed = allFixed && !why.isEmpty();
        overridden = overridden || document->recipe().overrides.count(name) > 0;
    }
    const std::vector<LayerRow>& all = m_layers->model()->rows();
    const LayerChoice& standard = document->recipe().standard;
    const bool someTake = std::any_of(all.begin(), all.end(), [&](const LayerRow& row) {
        return takesActivationGrid(row.kind, standard);
    });
    if (!allFixed)
        sites.whyFloat.clear();
    MethodPanel::InputSites allSites;
    if (!someTake && !all.empty())
        allSites.whyFloat = whyInputsStayFloat(all.front().kind, standard);
    for (std::size_t i = 0; i < all.size() && !allSites.attentions; ++i)
        allSites.attentions = readsAttention(i);
    m_method->setInputSites(sites, allSites);
    m_method->setState(document->recipe().standard, std::move(layers), overridden);
    m_quantizeSelected->setEnabled(m_quantize->isEnabled() && !names.empty());
    m_errors->setSelected(names);
    m_bitsMap->setSelected(names);
    m_comparison->setSelected(names);
    m_allocator.setLayer(names.empty() ? std::string() : names.front());
    m_exponent->setCurrentLayer(names.empty() ? std::string() : names.front());
    refreshTraces();
    if (document->plan())
        m_explorer.select(names);
}

void MainWindow::refreshTraces()
{
    const Document* document = m_workbench.document();
    const std::string layer = m_layers->currentLayer();
    const auto traceOf = [&](const SessionRun* run) {
        ConvergenceTrace trace;
        const auto found = run ? run->results.find(layer) : Results::const_iterator();
        if (run && found != run->results.end()) {
            trace.run = run->name;
            trace.points = found->second.result.trace;
            // Without inputs there are errors of the weights only, which the panel of gains shows.
            if (std::none_of(trace.points.begin(), trace.points.end(),
                             [](const TracePoint& p) { return std::isfinite(p.relativeError); }))
                trace.points.clear();
        }
        return trace;
    };
    const SessionRun* shown = document->shownRun();
    const SessionRun* other = document->comparedRun();
    QString why;
    if (layer.empty())
        why = tr("Select a layer to see how its error fell from step to step.");
    else if (!shown || shown->results.count(layer) == 0)
        why =
            tr("%1 has not been computed yet: choose decoupleQ or NUPES as its method and run the "
               "recipe.")
                .arg(toQString(layer));
    else if (!shown->results.at(layer).result.trace.empty())
        why = tr("The steps of %1 have errors of the weights only: there was no calibration data. "
                 "What they gained is in the panel Exponent.")
                  .arg(toQString(layer));
    else
        why = tr("The shown run has no steps of %1: its method goes in one step. Choose decoupleQ "
                 "or NUPES as its method and run the recipe.")
                  .arg(toQString(layer));
    m_decoupleq->setTraces(layer, traceOf(shown), traceOf(other == shown ? nullptr : other), why);
    refreshGains();
    refreshActivations();
}

const StaticSites* MainWindow::sites()
{
    const auto& model = m_workbench.document()->model();
    if (model != m_sitesOf) {
        m_sitesOf = model;
        m_sites = model && model->canRun() ? std::make_unique<const StaticSites>(*model) : nullptr;
    }
    return m_sites.get();
}

bool MainWindow::readsAttention(std::size_t layer)
{
    // Rows may still be those of the model before.
    const StaticSites* known = sites();
    return known && layer < m_sitesOf->layers.size() && known->of(layer).attention >= 0;
}

void MainWindow::refreshActivations()
{
    const Document* document = m_workbench.document();
    const auto& model = document->model();
    const SessionRun* shown = document->shownRun();
    const Results* results = shown ? &shown->results : nullptr;
    m_activations->setRun(model && results ? sharesOfRun(*model, *results)
                                           : std::vector<LayerShares>());
    m_activations->setView(model
                               ? activationView(*model, sites(), results, m_layers->currentLayer())
                               : ActivationView());
}

void MainWindow::refreshGains()
{
    const SessionRun* shown = m_workbench.document()->shownRun();
    const std::string layer = m_layers->currentLayer();
    GainSteps gain;
    std::vector<GainSteps> all;
    if (shown) {
        for (const auto& [name, entry] : shown->results) {
            const LayerChoice& choice = entry.result.choice;
            if (choice.keepFloat || !powerGridOf(choice.method))
                continue;
            all.push_back(gainSteps(entry.result.trace));
            if (name == layer)
                gain = all.back();
        }
    }
    m_exponent->setGains(
        layer, gain, meanGain(all),
        layer.empty()
            ? tr("Select a layer to see where its gain comes from.")
            : tr("The shown run has no steps of a power grid for %1: choose PowerQuant or "
                 "NUPES as its method and run the recipe.")
                  .arg(toQString(layer)));
}

void MainWindow::refreshTrainings()
{
    const SessionRun* shown = m_workbench.document()->shownRun();
    const int running = m_workbench.runInProgress();
    if (running != 0 && running != m_trainingRun)
        m_decoupleq->clearRunning();
    m_trainingRun = running;
    m_decoupleq->setTrainings(shown ? trainingsOf(shown->results) : TrainingCurves(),
                              shown && running != 0 && shown->id == running);
}

void MainWindow::refreshActions()
{
    Document* document = m_workbench.document();
    const bool busy = m_workbench.isBusy();
    const bool model = document->model() != nullptr;
    const bool run =
        document->shownRun() && document->shownRun()->id != m_workbench.runInProgress();
    const bool canRun = model && document->model()->canRun();
    const QString obstacle = m_workbench.obstacle();
    m_quantize->setEnabled(!busy && obstacle.isEmpty());
    m_quantize->setToolTip(obstacle.isEmpty() ? tr("Run the recipe (F5)") : obstacle);
    m_quantizeSelected->setEnabled(m_quantize->isEnabled() && !m_layers->selectedLayers().empty());
    m_quantizeStale->setEnabled(m_quantize->isEnabled() && m_workbench.staleCount() > 0);
    m_capture->setEnabled(!busy && canRun && !document->recipe().calibration.data.empty());
    m_cancel->setEnabled(busy);
    m_cancel->setToolTip(tr("Stop; finished layers stay (Esc)"));
    m_evaluate->setEnabled(!busy && canRun);
    const QString whyNot =
        !model ? tr("Open a model first")
        : canRun
            ? QString()
            : tr("The model cannot be run: %1").arg(toQString(document->model()->whyNotRunnable));
    m_evaluate->setToolTip(whyNot);
    m_modelFacts->setEnabled(model);
    m_openRecipe->setEnabled(!busy && model);
    m_saveRecipe->setEnabled(!busy && model);
    m_saveRecipeAs->setEnabled(!busy && model);
    m_closeModel->setEnabled(!busy && model);
    m_rules->setEnabled(model);
    m_allocate->setEnabled(model);
    const bool folds = document->recipe().foldBatchNorms;
    m_foldNorms->setEnabled(!busy && model && (folds || hasBatchNorms(*document->model())));
    m_foldNorms->setChecked(folds);
    m_copyCommand->setEnabled(model);
    m_saveRun->setEnabled(!busy && run);
    m_report->setEnabled(!busy && run);
    m_report->setToolTip(run ? tr("Write the shown run as a web page and a table (Ctrl+R)")
                             : tr("Quantize first"));
    m_exportMenu->setEnabled(!busy && run);
    m_exportMenu->menuAction()->setToolTip(run ? QString() : tr("Quantize first"));
    m_runPanel->setObstacle(obstacle);
    m_runPanel->setStale(m_workbench.staleCount(), document->shownRun() != nullptr);
    m_runPanel->setCanEvaluate(canRun, whyNot);
    m_runPanel->setCannotFeed(model && !canRun ? whyNot : QString());
    m_progress->setVisible(busy);
    m_progressText->setVisible(busy);
    m_log->setEnabled(model);
}

QString MainWindow::totalsText() const
{
    return m_totals->text();
}

QString MainWindow::messageText() const
{
    return m_message->isVisibleTo(this) ? m_message->text() : QString();
}

void MainWindow::refreshTotals()
{
    Document* document = m_workbench.document();
    const auto& plan = document->plan();
    const auto& model = document->model();
    if (!plan || !model) {
        m_totals->setText(tr("No model"));
        return;
    }
    int quantized = 0;
    for (const Plan::Row& row : plan->rows)
        quantized += row.choice.keepFloat ? 0 : 1;
    const Totals& totals = plan->totals;
    const std::uint64_t all = totals.bytes + totals.floatBytes;
    QString text = tr("The recipe quantizes %1 of %2 layers").arg(quantized).arg(plan->rows.size());
    if (quantized > 0)
        text +=
            tr("   ·   %1 bits/weight").arg(toQString(formatBitsPerWeight(totals.bitsPerWeight)));
    text += tr("   ·   %1 quantized + %2 float = %3")
                .arg(toQString(formatBytes(totals.bytes)),
                     toQString(formatBytes(totals.floatBytes)), toQString(formatBytes(all)));
    if (model->source.bytes > 0)
        text += tr("   (%1 of the file)")
                    .arg(toQString(formatPercent(static_cast<double>(all) /
                                                 static_cast<double>(model->source.bytes))));
    m_totals->setText(text);
}

void MainWindow::setProgress(double fraction, const QString& stage)
{
    m_runPanel->setProgress(fraction, stage);
    m_progress->setValue(static_cast<int>(1000 * std::clamp(fraction, 0.0, 1.0)));
    m_progressText->setText(stage.isEmpty() ? m_workbench.activity() : stage);
}

} // namespace gradus
