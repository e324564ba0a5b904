// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/main_window.h"

#include "core/base/error.h"
#include "core/base/format.h"
#include "core/data/open_dataset.h"
#include "core/graph/static_sites.h"
#include "widgets/core_text.h"
#include "widgets/models/model_facts.h"
#include "widgets/models/option_text.h"
#include "widgets/panels/activation_panel.h"
#include "widgets/panels/allocation_panel.h"
#include "widgets/panels/bits_map_panel.h"
#include "widgets/panels/channel_panel.h"
#include "widgets/panels/convergence_panel.h"
#include "widgets/panels/empty_state.h"
#include "widgets/panels/error_panel.h"
#include "widgets/panels/exponent_panel.h"
#include "widgets/panels/layer_table_panel.h"
#include "widgets/panels/message_bar.h"
#include "widgets/panels/method_panel.h"
#include "widgets/panels/run_comparison.h"
#include "widgets/panels/run_panel.h"
#include "widgets/panels/runs_panel.h"
#include "widgets/panels/weight_panel.h"
#include "widgets/plots/histogram_plot.h"
#include "widgets/plots/plot_view.h"
#include "widgets/text.h"

#include <QApplication>
#include <QCloseEvent>
#include <QDir>
#include <QDockWidget>
#include <QDropEvent>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QMessageBox>
#include <QMimeData>
#include <QProgressBar>
#include <QPushButton>
#include <QStackedWidget>
#include <QStatusBar>
#include <QToolTip>
#include <QVBoxLayout>

#include <algorithm>

namespace gradus {

namespace {
constexpr char geometryKey[] = "window/geometry";
constexpr char stateKey[] = "window/state";
constexpr char columnsKey[] = "window/columns";
constexpr char allocationKey[] = "allocation/settings";
constexpr char logKey[] = "plots/logarithmic";
constexpr int stateVersion = 3;
constexpr QSize smallestMinimum(230, 120); ///< of a panel in a dock
constexpr QSize largestMinimum(335, 160);
/// Layers finish faster than anybody reads: the table follows at this pace.
constexpr int rowsIntervalMs = 50;
} // namespace

void applyTheme(Theme theme)
{
    QApplication::setPalette(themePalette(theme));
    QToolTip::setPalette(themePalette(theme));
}

Theme systemTheme()
{
    // The desktop's palette is there until the first theme is set.
    static const Theme theme = themeOf(QApplication::palette());
    return theme;
}

MainWindow::MainWindow(const Options& options, QWidget* parent)
    : QMainWindow(parent)
    , m_options(options)
    , m_settings(options.remember)
    , m_workbench(options.sessions)
    , m_explorer(m_workbench.document())
    , m_allocator(&m_workbench, options.cache)
{
    setObjectName(QStringLiteral("MainWindow"));
    setAcceptDrops(true);
    setDockOptions(AnimatedDocks | AllowNestedDocks | AllowTabbedDocks);
    setTabPosition(Qt::AllDockWidgetAreas, QTabWidget::North);
    resize(m_options.size);

    m_message = new MessageBar;
    m_empty = new EmptyState;
    m_layers = new LayerTablePanel;
    m_stack = new QStackedWidget;
    m_stack->addWidget(m_empty);
    m_stack->addWidget(m_layers);
    auto* central = new QWidget;
    auto* layout = new QVBoxLayout(central);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_message);
    layout->addWidget(m_stack, 1);
    setCentralWidget(central);

    makeDocks();
    makeMenus();
    makeStatusBar();
    connectDocument();
    connectPanels();
    connectRuns();
    connectExplorer();
    connectAllocation();

    restoreGeometry(m_settings.bytes(geometryKey));
    m_weights->plot()->setLogScale(m_settings.flag(logKey, true));
    m_layers->restoreState(m_settings.bytes(columnsKey));
    AllocationSettings allocation = allocationSettingsFromJson(m_settings.bytes(allocationKey));
    allocation.budget = 0; // of another model
    m_allocator.setSettings(allocation);
    if (!m_options.fixedTheme)
        setTheme(m_settings.theme());
    else
        m_themes[themeOf(QApplication::palette()) == Theme::Dark ? ThemeChoice::Dark
                                                                 : ThemeChoice::Light]
            ->setChecked(true);
    m_log->setChecked(m_weights->plot()->logScale());
    m_rowsTimer.setSingleShot(true);
    m_rowsTimer.setInterval(rowsIntervalMs);
    connect(&m_rowsTimer, &QTimer::timeout, this, &MainWindow::refreshRows);
    refreshRecent();
    modelChanged();
    refreshActions();
    refreshTotals();
}

MainWindow::~MainWindow()
{
    // Docks are hidden one last time while the window is no longer one of ours.
    for (QDockWidget* each : m_docks.all())
        each->disconnect(this);
    // Jobs end before the widgets that their signals reach.
    m_explorer.disconnect(this);
    m_allocator.disconnect(this);
    m_workbench.disconnect(this);
    m_workbench.document()->disconnect(this);
    m_workbench.cancel();
}

QDockWidget* MainWindow::dock(const QString& title, const QString& name, QWidget* widget)
{
    auto* dock = new QDockWidget(title, this);
    dock->setObjectName(name);
    dock->setWidget(widget);
    // Panels side by side must fit a small screen; what does not fit them scrolls or elides.
    widget->setMinimumSize(
        widget->minimumSizeHint()
            .boundedTo(largestMinimum)
            .expandedTo(
                smallestMinimum)); // without one of its own, a dock takes the hint, however wide
    addDockWidget(Qt::BottomDockWidgetArea, dock);
    dock->hide(); // until there is a model
    connect(dock, &QDockWidget::visibilityChanged, this, [this, dock](bool visible) {
        if (visible) // a tab that another one covers is not
            m_seen.insert(dock);
        else
            m_seen.erase(dock);
        followDocks();
    });
    for (const auto signal : {&QDockWidget::topLevelChanged, &QDockWidget::visibilityChanged})
        connect(dock, signal, this, &MainWindow::titleDocks, Qt::QueuedConnection);
    return dock;
}

void MainWindow::makeDocks()
{
    m_weights = new WeightPanel;
    m_channels = new ChannelPanel;
    m_exponent = new ExponentPanel;
    m_activations = new ActivationPanel;
    m_decoupleq = new ConvergencePanel;
    m_errors = new ErrorPanel;
    m_bitsMap = new BitsMapPanel;
    m_allocation = new AllocationPanel;
    m_runs = new RunsPanel;
    m_comparison = new RunComparison;
    m_method = new MethodPanel;
    m_runPanel = new RunPanel;
    m_docks.weights = dock(tr("Weights"), QStringLiteral("WeightDock"), m_weights);
    m_docks.channels = dock(tr("Channels"), QStringLiteral("ChannelDock"), m_channels);
    m_docks.exponent = dock(tr("Exponent"), QStringLiteral("ExponentDock"), m_exponent);
    m_docks.activations = dock(tr("Activations"), QStringLiteral("ActivationDock"), m_activations);
    m_docks.decoupleq = dock(tr("Steps"), QStringLiteral("DecoupleqDock"), m_decoupleq);
    m_docks.errors = dock(tr("Layer errors"), QStringLiteral("ErrorDock"), m_errors);
    m_docks.bitsMap = dock(tr("Bits map"), QStringLiteral("BitsMapDock"), m_bitsMap);
    m_docks.allocation = dock(tr("Allocation"), QStringLiteral("AllocationDock"), m_allocation);
    m_docks.method = dock(tr("Method"), QStringLiteral("MethodDock"), m_method);
    m_docks.run = dock(tr("Run"), QStringLiteral("RunDock"), m_runPanel);
    m_docks.runs = dock(tr("Runs"), QStringLiteral("RunsDock"), m_runs);
    m_docks.comparison = dock(tr("Comparison"), QStringLiteral("ComparisonDock"), m_comparison);
}

void MainWindow::makeStatusBar()
{
    m_totals = new QLabel;
    m_totals->setContentsMargins(8, 0, 0, 0);
    m_progressText = new QLabel;
    m_progressText->setForegroundRole(QPalette::PlaceholderText);
    m_progress = new QProgressBar;
    m_progress->setAccessibleName(tr("Progress"));
    m_progress->setRange(0, 1000);
    m_progress->setFixedSize(150, 8);
    m_progress->setTextVisible(false);
    statusBar()->addWidget(m_totals, 1);
    statusBar()->addPermanentWidget(m_progressText);
    statusBar()->addPermanentWidget(m_progress);
    statusBar()->setSizeGripEnabled(false);
    statusBar()->setContentsMargins(0, 0, 10, 0);
}

void MainWindow::connectDocument()
{
    Document* document = m_workbench.document();
    connect(document, &Document::modelChanged, this, &MainWindow::modelChanged);
    connect(document, &Document::planChanged, this, [this] {
        refreshRows();
        refreshTotals();
        refreshActions();
        m_explorer.refresh();
    });
    connect(document, &Document::recipeChanged, this, [this, document] {
        m_layers->setStandard(document->recipe().standard);
        m_bitsMap->setStandard(document->recipe().standard);
        m_layers->setRules(document->recipe().rules);
        const auto& model = document->model();
        m_runPanel->setRecipe(document->recipe(), model ? model->maximumContext : 0);
        refreshSelection();
        refreshActions();
    });
    connect(document, &Document::resultsChanged, this, [this] {
        if (!m_rowsTimer.isActive())
            m_rowsTimer.start();
    });
    connect(document, &Document::runsChanged, this, [this] {
        refreshRows();
        refreshRuns();
        refreshActions();
    });
    connect(document->undoStack(), &QUndoStack::cleanChanged, this,
            [this](bool clean) { setWindowModified(!clean); });

    connect(&m_workbench, &Workbench::failed, this, &MainWindow::problem);
    connect(&m_workbench, &Workbench::succeeded, this, [this](const QString& text) {
        m_message->showMessage(MessageBar::Kind::Success, text);
    });
    connect(&m_workbench, &Workbench::logged, m_runPanel, &RunPanel::appendLog);
    connect(&m_workbench, &Workbench::opened, this, &MainWindow::rememberFile);
    connect(&m_workbench, &Workbench::perplexityChanged, m_runPanel, &RunPanel::setPerplexity);
    connect(&m_workbench, &Workbench::fedBusy, m_runPanel, &RunPanel::setFedBusy);
    connect(&m_workbench, &Workbench::fedReady, this,
            [this](const FedData& fed) { m_runPanel->setFed(&fed); });
    connect(&m_workbench, &Workbench::fedDropped, this, [this] { m_runPanel->setFed(nullptr); });
    connect(&m_workbench, &Workbench::forecastChanged, m_runPanel, &RunPanel::setForecast);
    connect(&m_workbench, &Workbench::activityChanged, this, [this](const QString& activity) {
        if (!activity.isEmpty())
            m_message->hide();
        m_runPanel->setActivity(activity);
        m_empty->setBusyText(activity.isEmpty() ? QString() : tr("%1…").arg(activity));
        m_progress->setValue(0);
        m_progressText->setText(activity);
        refreshTrainings(); // a run that begins has no results yet
        refreshActions();
    });
    connect(&m_workbench, &Workbench::progressed, this, &MainWindow::setProgress);
    connect(&m_workbench, &Workbench::trainingAdvanced, m_decoupleq, &ConvergencePanel::advance);
    connect(&m_workbench, &Workbench::inputsCaptured, &m_explorer, &Explorer::keepInputs);
    connect(&m_workbench, &Workbench::modelMissing, this,
            [this](const QString& run, const QString& why) {
                m_message->showMessage(
                    MessageBar::Kind::Problem, why,
                    {{tr("Locate the model…"), [this, run] { locateModel(run); }}});
            });
    connect(&m_workbench, &Workbench::modelChangedOnDisk, this, [this](const QString& why) {
        m_message->showMessage(MessageBar::Kind::Problem, why,
                               {{tr("Open it again"), [this] {
                                     const auto& model = m_workbench.document()->model();
                                     if (model)
                                         m_workbench.openModel(pathText(model->source.path));
                                 }}});
    });
    connect(&m_workbench, &Workbench::interruptedRunFound, this, [this](const QString& name) {
        m_message->showMessage(
            MessageBar::Kind::Information,
            tr("%1 was interrupted; the layers that it finished are kept.").arg(name),
            {{tr("Resume"), [this] { m_workbench.resume(); }}});
    });
}

void MainWindow::connectPanels()
{
    Document* document = m_workbench.document();
    connect(m_layers, &LayerTablePanel::selectionChanged, this, &MainWindow::refreshSelection);
    connect(m_layers, &LayerTablePanel::editRequested, this,
            [document](const LayerChoices& choices, const QString& text) {
                document->editLayers(choices, text);
            });
    connect(m_layers, &LayerTablePanel::resetRequested, document, &Document::resetLayers);
    connect(m_layers, &LayerTablePanel::lockRequested, &m_allocator, &Allocator::lockLayers);
    connect(m_layers, &LayerTablePanel::editRefused, this, &MainWindow::problem);
    connect(m_layers, &LayerTablePanel::noticed, this, [this](const QString& text) {
        m_message->showMessage(MessageBar::Kind::Information, text);
    });
    connect(m_layers, &LayerTablePanel::rulesRequested, document, &Document::setRules);
    connect(m_layers, &LayerTablePanel::ruleRequested, document, &Document::addRule);
    connect(m_method, &MethodPanel::choicesRequested, document, &Document::editLayers);
    connect(m_method, &MethodPanel::standardRequested, document, &Document::setStandard);
    connect(m_method, &MethodPanel::resetRequested, document, &Document::resetLayers);
    connect(m_method, &MethodPanel::editRefused, this, &MainWindow::problem);
    connect(m_runPanel, &RunPanel::calibrationRequested, document, &Document::setCalibration);
    connect(m_runPanel, &RunPanel::seedRequested, document, &Document::setSeed);
    connect(m_runPanel, &RunPanel::runRequested, m_quantize, &QAction::trigger);
    connect(m_runPanel, &RunPanel::staleRunRequested, m_quantizeStale, &QAction::trigger);
    connect(m_runPanel, &RunPanel::cancelRequested, &m_workbench, &Workbench::cancel);
    connect(m_runPanel, &RunPanel::evaluateRequested, this, &MainWindow::showEvaluateDialog);
    connect(m_weights, &WeightPanel::failed, this, &MainWindow::problem);
    connect(m_empty, &EmptyState::openFolderRequested, this, &MainWindow::openFolderDialog);
    connect(m_empty, &EmptyState::openFileRequested, this, [this] {
        openFileDialog(
            tr("Open a model or run"),
            {tr("Models and runs (*.safetensors *.gguf *.bin *.onnx *.keras *.h5 *.index.json "
                "*.gradus)"),
             tr("All files (*)")},
            [this](const QString& path) { open(path); });
    });
    connect(m_empty, &EmptyState::recentRequested, this, &MainWindow::open);
}

void MainWindow::connectRuns()
{
    Document* document = m_workbench.document();
    connect(m_decoupleq, &ConvergencePanel::failed, this, &MainWindow::problem);
    connect(m_activations, &ActivationPanel::failed, this, &MainWindow::problem);
    connect(m_activations, &ActivationPanel::layerActivated, m_layers,
            &LayerTablePanel::selectLayer);
    connect(m_errors, &ErrorPanel::layersActivated, this, &MainWindow::activateLayers);
    connect(m_errors, &ErrorPanel::failed, this, &MainWindow::problem);
    connect(m_comparison, &RunComparison::layersActivated, this, &MainWindow::activateLayers);
    connect(m_comparison, &RunComparison::failed, this, &MainWindow::problem);
    connect(m_bitsMap, &BitsMapPanel::selectionRequested, m_layers, &LayerTablePanel::selectLayers);
    connect(m_bitsMap, &BitsMapPanel::editRequested, document,
            [document](const LayerChoices& choices, const QString& text) {
                document->editLayers(choices, text);
            });
    connect(m_bitsMap, &BitsMapPanel::editRefused, this, &MainWindow::problem);
    connect(m_bitsMap, &BitsMapPanel::lockRequested, &m_allocator, &Allocator::lockLayers);
    connect(m_bitsMap, &BitsMapPanel::failed, this, &MainWindow::problem);
    connect(m_runs, &RunsPanel::runShown, document, &Document::showRun);
    connect(m_runs, &RunsPanel::compareRequested, document, &Document::compareRun);
    connect(m_runs, &RunsPanel::renamed, document, &Document::renameRun);
    connect(m_runs, &RunsPanel::removeRequested, &m_workbench, &Workbench::removeRun);
    connect(m_runs, &RunsPanel::saveRequested, this, &MainWindow::saveRunDialog);
    connect(m_runs, &RunsPanel::exportRequested, this, &MainWindow::showExportMenu);
    connect(m_runs, &RunsPanel::reportRequested, this, &MainWindow::reportDialog);
}

void MainWindow::connectExplorer()
{
    connect(&m_explorer, &Explorer::previewsReady, this,
            [this](const std::vector<std::shared_ptr<const WeightPreview>>& previews) {
                m_weights->setPreviews(previews, m_explorer.selected().size());
                m_preview = previews.front();
                m_channels->setPreview(m_preview);
            });
    connect(&m_explorer, &Explorer::previewFailed, m_weights, &WeightPanel::clear);
    connect(&m_explorer, &Explorer::channelsReady, this,
            [this](const std::shared_ptr<const LayerChannels>& channels) {
                m_channels->setData(channels->facts, channels->outputs, channels->inputs, m_preview,
                                    channels->activations);
            });
    connect(m_channels, &ChannelPanel::captureRequested, m_capture, &QAction::trigger);
    connect(m_channels, &ChannelPanel::failed, this, &MainWindow::problem);
    connect(&m_explorer, &Explorer::outliersReady, m_weights, &WeightPanel::setOutliers);
    connect(&m_explorer, &Explorer::stripReady, m_weights, &WeightPanel::setStrip);
    connect(m_weights, &WeightPanel::clipPreviewRequested, &m_explorer, &Explorer::previewClip);
    connect(m_weights, &WeightPanel::clipRequested, m_workbench.document(), &Document::setClip);
    connect(m_weights, &WeightPanel::stripRequested, &m_explorer, &Explorer::requestStrip);
    connect(m_weights, &WeightPanel::outlierActivated, this, [this](std::int64_t row) {
        m_docks.channels->show();
        m_docks.channels->raise();
        m_channels->setAxis(ChannelAxis::Output);
        m_channels->jumpTo(row);
    });
    connect(m_weights, &WeightPanel::outliersRequested, &m_explorer, &Explorer::setOutlierMultiple);
    connect(&m_explorer, &Explorer::previewDropped, this, [this] {
        m_weights->clear(tr("Select a layer to see the distribution of its weights."));
        m_channels->clear(tr("Select a layer to see the ranges of its channels."));
        m_exponent->clear(tr("Select a layer to see its error against the exponent."));
    });
    connect(&m_explorer, &Explorer::factsReady, m_exponent, &ExponentPanel::setFacts);
    connect(&m_explorer, &Explorer::exponentsReady, this,
            [this](const std::vector<LayerCurve>& curves) {
                m_exponent->setCurves(curves, m_explorer.selected().size());
            });
    connect(&m_explorer, &Explorer::powerGridReady, m_exponent, &ExponentPanel::setPowerGrid);
    connect(m_exponent, &ExponentPanel::exponentPreviewRequested, &m_explorer,
            &Explorer::previewExponent);
    connect(m_exponent, &ExponentPanel::exponentRequested, this, &MainWindow::setExponent);
    connect(&m_explorer, &Explorer::modelStudyReady, m_exponent, &ExponentPanel::setModelStudy);
    connect(m_exponent, &ExponentPanel::layerActivated, m_layers, &LayerTablePanel::selectLayer);
    connect(m_exponent, &ExponentPanel::failed, this, &MainWindow::problem);
    connect(m_exponent, &ExponentPanel::modelFitsRequested, &m_explorer,
            [this] { m_explorer.setWanted(Explorer::Aspect::AllExponents, true); });
    connect(&m_explorer, &Explorer::statisticsChanged, this, [this] {
        m_exponent->setModelFits(
            std::make_shared<const std::vector<LayerStatistics>>(m_explorer.exponents()));
        if (!m_rowsTimer.isActive())
            m_rowsTimer.start();
    });
}

void MainWindow::setExponent(const std::string& layer, double exponent)
{
    Document* document = m_workbench.document();
    const LayerChoice* choice = document->choiceOf(layer);
    if (!choice)
        return;
    try {
        LayerChoice next = *choice;
        if (next.keepFloat || !powerGridOf(next.method) || isStaticMethod(next.method))
            next = edited(next, {ChoiceField::Method, QStringLiteral("powerquant"), {}},
                          document->recipe().standard);
        next = edited(next,
                      {ChoiceField::Option, realOptionText(exponent), QStringLiteral("exponent")},
                      document->recipe().standard);
        const QString name = toQString(layer);
        document->editLayers({{layer, next}},
                             exponent > 0
                                 ? tr("exponent %1 of %2").arg(realOptionText(exponent), name)
                                 : tr("searched exponent of %1").arg(name),
                             QStringLiteral("exponent/") + name);
    } catch (const Error& error) {
        problem(toQString(error.what()));
    }
}

void MainWindow::problem(const QString& text)
{
    m_message->showMessage(MessageBar::Kind::Problem, text);
}

void MainWindow::modelChanged()
{
    const auto& model = m_workbench.document()->model();
    fillExportMenu(m_exportMenu, 0);
    m_weights->clear(tr("Select a layer to see the distribution of its weights."));
    m_stack->setCurrentWidget(model ? static_cast<QWidget*>(m_layers) : m_empty);
    setWindowModified(false);
    // The same file with other weights, as its batch norms were folded: the selection stays.
    const auto path = model ? model->source.path : std::filesystem::path();
    const std::string kept = path == m_modelPath ? m_layers->currentLayer() : std::string();
    m_modelPath = path;
    (void)sites(); // lets go of the model before
    if (!model) {
        setWindowTitle(QStringLiteral("Gradus"));
        m_modelLabel->clear();
        for (QDockWidget* each : m_docks.all())
            each->hide();
        m_docksShown = false;
        refreshActions();
        refreshTotals();
        return;
    }
    const QString name = QFileInfo(QDir::cleanPath(pathText(model->source.path))).fileName();
    setWindowTitle(QStringLiteral("%1[*] – Gradus").arg(name));
    m_modelLabel->setText(tr("%1 · %2 · %3 · %4 parameters · %5")
                              .arg(name, coreText(model->architecture), modelTaskTitle(*model),
                                   toQString(formatCount(model->parameters)),
                                   toQString(formatBytes(model->source.bytes))));
    const QString facts = pathText(model->source.path) + QLatin1Char('\n') + modelFactsText(*model);
    m_modelLabel->setToolTip(facts);
    m_modelLabel->setAccessibleDescription(facts);
    const FeedKind kind = feedKindOf(*model);
    m_runPanel->setFeed(kind, imageInputOf(*model));
    m_runPanel->setRecipe(m_workbench.document()->recipe(), model->maximumContext);
    if (!m_docksShown) {
        m_docksShown = true;
        restoreLayout();
    }
    refreshRows();
    refreshRuns();
    if (!kept.empty() && model->findLayer(kept))
        m_layers->selectLayer(kept);
    else
        for (const Layer& layer : model->layers) {
            if (layer.quantizedByDefault) {
                m_layers->selectLayer(layer.name);
                m_layers->view()->scrollToTop();
                m_layers->view()->setFocus();
                break;
            }
        }
    if (!model->canRun())
        m_message->showMessage(
            MessageBar::Kind::Information,
            tr("The model cannot be run: %1").arg(toQString(model->whyNotRunnable)));
}

void MainWindow::setLayoutPreset(LayoutPreset preset)
{
    applyLayout(*this, m_docks, preset);
}

void MainWindow::restoreLayout()
{
    setLayoutPreset(LayoutPreset::Explore);
    restoreState(m_settings.bytes(stateKey), stateVersion);
}

/// A dock among tabs is named by its tab: its own title would say it twice and take a line.
void MainWindow::titleDocks()
{
    for (QDockWidget* dock : m_docks.all()) {
        if (!dock)
            continue;
        const bool tabbed = !dock->isFloating() && !tabifiedDockWidgets(dock).isEmpty();
        if (tabbed == (dock->titleBarWidget() != nullptr))
            continue;
        QWidget* before = dock->titleBarWidget();
        QWidget* nothing = nullptr;
        if (tabbed) {
            nothing = new QWidget;
            auto* layout = new QHBoxLayout(nothing); // a size of nothing, not an unknown one
            layout->setContentsMargins(0, 0, 0, 0);
        }
        dock->setTitleBarWidget(nothing);
        delete before;
    }
}

void MainWindow::followDocks()
{
    const auto seen = [this](QDockWidget* dock) { return m_everything || m_seen.count(dock) > 0; };
    m_explorer.setWanted(Explorer::Aspect::Channels, seen(m_docks.channels));
    m_explorer.setWanted(Explorer::Aspect::Exponents, seen(m_docks.exponent));
    m_allocator.setWanted(seen(m_docks.allocation));
}

void MainWindow::wantEverything()
{
    m_everything = true;
    followDocks();
    m_explorer.setWanted(Explorer::Aspect::AllExponents, true);
}

void MainWindow::activateLayers(const std::vector<std::string>& names, bool extend)
{
    std::vector<std::string> all = names;
    if (extend) {
        for (const std::string& each : m_layers->selectedLayers()) {
            if (std::find(names.begin(), names.end(), each) == names.end())
                all.push_back(each);
        }
    }
    m_layers->selectLayers(all);
}

void MainWindow::setTheme(ThemeChoice choice)
{
    applyTheme(choice == ThemeChoice::Dark    ? Theme::Dark
               : choice == ThemeChoice::Light ? Theme::Light
                                              : systemTheme());
    m_themes[choice]->setChecked(true);
    m_settings.setTheme(choice);
}

void MainWindow::rememberFile(const QString& path)
{
    m_settings.addRecentFile(path);
    refreshRecent();
}

void MainWindow::offerRecovery()
{
    const std::optional<SavedSession> found = m_workbench.leftBehind();
    if (!found)
        return;
    const QString name = QFileInfo(QDir::cleanPath(found->model)).fileName();
    m_message->showMessage(
        MessageBar::Kind::Information,
        tr("Gradus ended unexpectedly while %1 was open. Its recipe and runs are kept.").arg(name),
        {{tr("Restore"), [this, session = *found] { m_workbench.restore(session); }},
         {tr("Discard"), [this] { m_workbench.discardLeftBehind(); }}});
}

QStringList MainWindow::losses() const
{
    QStringList lines;
    if (m_workbench.isBusy())
        lines.append(tr("%1 is still running.").arg(m_workbench.activity()));
    if (m_workbench.hasUnsavedRun())
        lines.append(tr("A run has not been saved."));
    if (m_workbench.document()->model() && !m_workbench.document()->isClean())
        lines.append(tr("The recipe has changes that are not saved."));
    return lines;
}

void MainWindow::askAboutLosses(const QString& verb, const std::function<void()>& then)
{
    const QStringList lines = m_options.confirmClose ? losses() : QStringList();
    if (lines.isEmpty()) {
        then();
        return;
    }
    auto* box = new QMessageBox(QMessageBox::Question, verb, lines.join(QLatin1Char('\n')),
                                QMessageBox::Cancel, this);
    box->setObjectName(QStringLiteral("Losses"));
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setInformativeText(tr("What is not saved is lost."));
    QPushButton* lose = box->addButton(verb, QMessageBox::DestructiveRole);
    box->setDefaultButton(QMessageBox::Cancel);
    connect(lose, &QPushButton::clicked, this, then);
    box->open();
}

void MainWindow::open(const QString& path)
{
    // Recipes, texts and runs join what is open; another model takes its place.
    const QFileInfo info(path);
    const QString name = info.fileName().toLower();
    const bool joins =
        info.isFile() &&
        (name.endsWith(QLatin1String(".gradus")) || name.endsWith(QLatin1String(".txt")) ||
         (name.endsWith(QLatin1String(".json")) && !name.endsWith(QLatin1String(".index.json")) &&
          name != QLatin1String("config.json")));
    if (joins || !m_workbench.document()->model() || m_workbench.isBusy())
        m_workbench.open(path);
    else
        askAboutLosses(tr("Open another model"), [this, path] { m_workbench.open(path); });
}

void MainWindow::closeEvent(QCloseEvent* event)
{
    if (!m_closing && m_options.confirmClose && !losses().isEmpty()) {
        event->ignore();
        askAboutLosses(tr("Close Gradus"), [this] {
            m_closing = true;
            close();
        });
        return;
    }
    m_workbench.cancel();
    m_settings.setBytes(geometryKey, saveGeometry());
    if (m_docksShown)
        m_settings.setBytes(stateKey, saveState(stateVersion));
    m_settings.setBytes(columnsKey, m_layers->saveState());
    m_settings.setFlag(logKey, m_weights->plot()->logScale());
    m_settings.setBytes(allocationKey, toJson(m_allocator.settings()));
    event->accept();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event)
{
    const QList<QUrl> urls = event->mimeData()->urls();
    if (urls.size() == 1 && urls.front().isLocalFile())
        event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event)
{
    const QList<QUrl> urls = event->mimeData()->urls();
    if (urls.isEmpty())
        return;
    event->acceptProposedAction();
    open(urls.front().toLocalFile());
}

QString MainWindow::saveScreenshots(const QString& folder)
{
    if (!QDir().mkpath(folder))
        return tr("%1: the folder cannot be made").arg(folder);
    const auto settle = [](QWidget* widget) {
        QApplication::sendPostedEvents();
        QApplication::processEvents(QEventLoop::ExcludeUserInputEvents);
        for (PlotView* plot : widget->findChildren<PlotView*>())
            plot->replotNow();
    };
    QString error;
    const auto shoot = [&](QWidget* widget, const char* name) {
        settle(widget);
        const QString path =
            QDir(folder).filePath(QString::fromLatin1(name) + QStringLiteral(".png"));
        if (error.isEmpty() && !widget->grab().save(path, "PNG"))
            error = tr("%1: cannot be written").arg(path);
    };
    resize(m_options.size);
    if (m_docksShown) {
        const std::pair<LayoutPreset, const char*> layouts[] = {{LayoutPreset::WholeModel, "model"},
                                                                {LayoutPreset::Compare, "compare"},
                                                                {LayoutPreset::Explore, "window"}};
        for (const auto& [preset, name] : layouts) {
            setLayoutPreset(preset);
            settle(this); // docks take their sizes when events have gone through
            setLayoutPreset(preset);
            shoot(this, name);
        }
        const std::pair<QDockWidget*, const char*> tabs[] = {
            {m_docks.channels, "window-channels"},   {m_docks.exponent, "window-exponent"},
            {m_docks.decoupleq, "window-decoupleq"}, {m_docks.errors, "window-errors"},
            {m_docks.bitsMap, "window-bits"},        {m_docks.allocation, "window-allocation"},
            {m_docks.runs, "window-runs"},           {m_docks.comparison, "window-comparison"}};
        for (const auto& [tab, name] : tabs) {
            tab->raise();
            shoot(this, name);
        }
    } else {
        shoot(this, "window");
    }
    const std::pair<QWidget*, const char*> panels[] = {
        {m_layers, "layers"},       {m_weights, "weights"},
        {m_channels, "channels"},   {m_exponent, "exponent"},
        {m_decoupleq, "decoupleq"}, {m_errors, "errors"},
        {m_bitsMap, "bits"},        {m_allocation, "allocation"},
        {m_method, "method"},       {m_runPanel, "run"},
        {m_runs, "runs"},           {m_comparison, "comparison"}};
    const std::pair<ExponentPanel::Tab, const char*> views[] = {
        {ExponentPanel::ModelTab, "exponent-model"},
        {ExponentPanel::GainTab, "exponent-gain"},
        {ExponentPanel::LayersTab, "exponent-domain"}};
    for (const auto& [panel, name] : panels) {
        QWidget frame; // gives the panel the window's background
        frame.setAttribute(Qt::WA_DontShowOnScreen);
        auto* layout = new QVBoxLayout(&frame);
        layout->setContentsMargins(0, 0, 0, 0);
        layout->addWidget(panel);
        panel->show();
        frame.resize(m_options.size);
        frame.show();
        shoot(&frame, name);
        if (panel == m_exponent) {
            for (const auto& [view, viewName] : views) {
                m_exponent->setTab(view);
                m_exponent->setPowerDomain(view == ExponentPanel::LayersTab);
                shoot(&frame, viewName);
            }
            m_exponent->setPowerDomain(false);
        }
        panel->setParent(this);
        panel->hide();
    }
    return error;
}

} // namespace gradus
