// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/main_window.h"

#include "app/gui/evaluate_dialog.h"
#include "app/gui/export_dialog.h"
#include "core/base/format.h"
#include "widgets/panels/empty_state.h"
#include "widgets/panels/layer_table_panel.h"
#include "widgets/panels/message_bar.h"
#include "widgets/panels/method_panel.h"
#include "widgets/panels/run_panel.h"
#include "widgets/panels/weight_panel.h"
#include "widgets/plots/histogram_plot.h"
#include "widgets/text.h"

#include <QActionGroup>
#include <QApplication>
#include <QCloseEvent>
#include <QDir>
#include <QDockWidget>
#include <QDropEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QMenuBar>
#include <QMessageBox>
#include <QMimeData>
#include <QProgressBar>
#include <QSettings>
#include <QStackedWidget>
#include <QStatusBar>
#include <QTableView>
#include <QToolBar>
#include <QToolButton>
#include <QToolTip>
#include <QVBoxLayout>

namespace gradus {

namespace {
constexpr QSize shotSize(1280, 800);
constexpr int maximumRecent = 8;
const QString recentKey = QStringLiteral("recentFiles");
const QString geometryKey = QStringLiteral("window/geometry");
const QString stateKey = QStringLiteral("window/state");
const QString themeKey = QStringLiteral("window/theme");
const QString logKey = QStringLiteral("plots/logarithmic");
constexpr int stateVersion = 1;
} // namespace

void applyTheme(Theme theme)
{
    QApplication::setPalette(themePalette(theme));
    QToolTip::setPalette(themePalette(theme));
}

MainWindow::MainWindow(const Options& options, QWidget* parent)
    : QMainWindow(parent)
    , m_options(options)
{
    setObjectName(QStringLiteral("MainWindow"));
    setAcceptDrops(true);
    setDockOptions(AnimatedDocks | AllowNestedDocks | AllowTabbedDocks);
    resize(shotSize);

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

    m_weights = new WeightPanel;
    m_method = new MethodPanel;
    m_runPanel = new RunPanel;
    makeDocks();
    makeActions();

    m_totals = new QLabel;
    m_totals->setContentsMargins(8, 0, 0, 0);
    m_progressText = new QLabel;
    m_progressText->setForegroundRole(QPalette::PlaceholderText);
    m_progress = new QProgressBar;
    m_progress->setRange(0, 1000);
    m_progress->setFixedSize(150, 8);
    m_progress->setTextVisible(false);
    statusBar()->addWidget(m_totals, 1);
    statusBar()->addPermanentWidget(m_progressText);
    statusBar()->addPermanentWidget(m_progress);
    statusBar()->setSizeGripEnabled(false);
    statusBar()->setContentsMargins(0, 0, 10, 0);

    connectPanels();
    if (m_options.remember) {
        QSettings settings;
        restoreGeometry(settings.value(geometryKey).toByteArray());
        m_weights->plot()->setLogScale(settings.value(logKey, true).toBool());
        if (!m_options.fixedTheme && settings.contains(themeKey))
            setTheme(settings.value(themeKey).toString() == QLatin1String("dark") ? Theme::Dark
                                                                                  : Theme::Light);
    }
    (themeOf(QApplication::palette()) == Theme::Dark ? m_dark : m_light)->setChecked(true);
    m_log->setChecked(m_weights->plot()->logScale());
    refreshRecent();
    modelChanged();
    refreshActions();
    refreshTotals();
}

MainWindow::~MainWindow()
{
    // Jobs end before the widgets that their signals reach.
    m_workbench.disconnect(this);
    m_workbench.document()->disconnect(this);
    m_workbench.cancel();
}

QDockWidget* MainWindow::dock(const QString& title, const QString& name, QWidget* widget)
{
    auto* dock = new QDockWidget(title, this);
    dock->setObjectName(name);
    dock->setWidget(widget);
    addDockWidget(Qt::BottomDockWidgetArea, dock);
    return dock;
}

void MainWindow::makeDocks()
{
    m_weightDock = dock(tr("Weights"), QStringLiteral("WeightDock"), m_weights);
    m_methodDock = dock(tr("Method"), QStringLiteral("MethodDock"), m_method);
    m_runDock = dock(tr("Run"), QStringLiteral("RunDock"), m_runPanel);
    for (QDockWidget* each : {m_weightDock, m_methodDock, m_runDock})
        each->hide(); // until there is a model
}

QAction* MainWindow::action(QMenu* menu, const QString& text, const QKeySequence& keys,
                            const std::function<void()>& run)
{
    QAction* made = menu->addAction(text);
    made->setShortcut(keys);
    connect(made, &QAction::triggered, this, run);
    return made;
}

void MainWindow::makeActions()
{
    Document* document = m_workbench.document();
    QMenu* file = menuBar()->addMenu(tr("&File"));
    QAction* openFolder =
        action(file, tr("Open model &folder…"), QKeySequence::Open, [this] { openFolderDialog(); });
    QAction* openFile =
        action(file, tr("Open &model file…"), QKeySequence(QStringLiteral("Ctrl+Shift+O")), [this] {
            openFileDialog(tr("Open a model file"),
                           {tr("Models (*.safetensors *.bin *.index.json)"), tr("All files (*)")});
        });
    QAction* openRun = action(file, tr("Open r&un…"), {}, [this] {
        openFileDialog(tr("Open a run"), {tr("Runs (*.gradus *.h5)"), tr("All files (*)")});
    });
    m_recentMenu = file->addMenu(tr("Recent &files"));
    file->addSeparator();
    m_openRecipe = action(file, tr("Open recipe…"), {}, [this] {
        auto* dialog = new QFileDialog(this, tr("Open a recipe"));
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        dialog->setFileMode(QFileDialog::ExistingFile);
        dialog->setNameFilters({tr("Recipes (*.json)")});
        connect(dialog, &QFileDialog::fileSelected, this,
                [this](const QString& path) { m_workbench.openRecipe(path); });
        dialog->open();
    });
    const auto saveAs = [this] {
        saveDialog(tr("Save the recipe"), tr("Recipes (*.json)"), QStringLiteral("json"),
                   QStringLiteral("recipe.json"),
                   [this](const QString& path) { m_workbench.saveRecipe(path); });
    };
    m_saveRecipe = action(file, tr("&Save recipe"), QKeySequence::Save, [this, saveAs] {
        if (m_workbench.recipePath().isEmpty())
            saveAs();
        else
            m_workbench.saveRecipe(m_workbench.recipePath());
    });
    m_saveRecipeAs = action(file, tr("Save recipe &as…"), QKeySequence::SaveAs, saveAs);
    m_saveRun = action(file, tr("Save ru&n…"), QKeySequence(QStringLiteral("Ctrl+Alt+S")), [this] {
        saveDialog(tr("Save the run"), tr("Runs (*.gradus)"), QStringLiteral("gradus"),
                   QStringLiteral("run.gradus"),
                   [this](const QString& path) { m_workbench.saveRun(path); });
    });
    file->addSeparator();
    m_exportMenu = file->addMenu(tr("&Export"));
    for (const ExportFormat format :
         {ExportFormat::Safetensors, ExportFormat::Gptq, ExportFormat::Hdf5})
        action(m_exportMenu, exportFormatTitle(format) + QStringLiteral("…"), {},
               [this, format] { showExportDialog(format); });
    file->addSeparator();
    action(file, tr("&Quit"), QKeySequence::Quit, [this] { close(); });

    QMenu* edit = menuBar()->addMenu(tr("&Edit"));
    m_undo = document->undoStack()->createUndoAction(this, tr("&Undo"));
    m_undo->setShortcut(QKeySequence::Undo);
    m_redo = document->undoStack()->createRedoAction(this, tr("&Redo"));
    m_redo->setShortcuts(QKeySequence::keyBindings(QKeySequence::Redo));
    edit->addAction(m_undo);
    edit->addAction(m_redo);
    edit->addSeparator();
    action(edit, tr("&Find layers"), QKeySequence::Find, [this] { m_layers->focusFilter(); });
    action(edit, tr("Edit &standard method"), {}, [this] {
        m_methodDock->show();
        m_methodDock->raise();
        m_method->showStandard(true);
    });

    QMenu* run = menuBar()->addMenu(tr("&Run"));
    m_quantize =
        action(run, tr("&Quantize"), QKeySequence(Qt::Key_F5), [this] { m_workbench.quantize(); });
    m_cancel =
        action(run, tr("&Cancel"), QKeySequence(Qt::Key_Escape), [this] { m_workbench.cancel(); });
    m_evaluate = action(run, tr("Measure &perplexity…"), QKeySequence(Qt::Key_F6),
                        [this] { showEvaluateDialog(); });

    m_viewMenu = menuBar()->addMenu(tr("&View"));
    for (QDockWidget* each : {m_weightDock, m_methodDock, m_runDock})
        m_viewMenu->addAction(each->toggleViewAction());
    m_viewMenu->addSeparator();
    m_log = m_viewMenu->addAction(tr("&Logarithmic counts"));
    m_log->setCheckable(true);
    m_log->setShortcut(QKeySequence(QStringLiteral("Ctrl+L")));
    connect(m_log, &QAction::toggled, m_weights->plot(), &HistogramPlot::setLogScale);
    connect(m_weights->plot(), &HistogramPlot::logScaleChanged, m_log, &QAction::setChecked);
    QMenu* theme = m_viewMenu->addMenu(tr("&Theme"));
    auto* themes = new QActionGroup(this);
    m_light = theme->addAction(tr("Light"));
    m_dark = theme->addAction(tr("Dark"));
    for (QAction* each : {m_light, m_dark}) {
        each->setCheckable(true);
        themes->addAction(each);
    }
    connect(m_light, &QAction::triggered, this, [this] { setTheme(Theme::Light); });
    connect(m_dark, &QAction::triggered, this, [this] { setTheme(Theme::Dark); });

    QMenu* help = menuBar()->addMenu(tr("&Help"));
    action(help, tr("&About Gradus"), {}, [this] { showAbout(); });
    action(help, tr("About &Qt"), {}, [] { QApplication::aboutQt(); });

    QToolBar* bar = addToolBar(tr("Tools"));
    bar->setObjectName(QStringLiteral("ToolBar"));
    bar->setMovable(false);
    bar->setToolButtonStyle(Qt::ToolButtonTextOnly);
    bar->toggleViewAction()->setVisible(false);
    const auto popup = [bar](const QString& text, QMenu* menu) {
        auto* button = new QToolButton;
        // Fusion's own indicator is a speck in the corner that reads as a comma.
        button->setText(text + QStringLiteral(" ▾"));
        button->setStyleSheet(QStringLiteral("QToolButton::menu-indicator { image: none; }"));
        button->setMenu(menu);
        button->setPopupMode(QToolButton::InstantPopup);
        connect(menu->menuAction(), &QAction::changed, button, [button, menu] {
            button->setEnabled(menu->menuAction()->isEnabled());
            button->setToolTip(menu->menuAction()->toolTip());
        });
        bar->addWidget(button);
    };
    auto* openMenu = new QMenu(this);
    openMenu->addActions({openFolder, openFile, openRun, m_recentMenu->menuAction()});
    popup(tr("Open"), openMenu);
    bar->addSeparator();
    for (QAction* each : {m_undo, m_redo}) {
        auto* button = new QToolButton; // without the step's label, which would move the others
        button->setText(each == m_undo ? tr("Undo") : tr("Redo"));
        button->setEnabled(each->isEnabled());
        connect(button, &QToolButton::clicked, each, &QAction::trigger);
        connect(each, &QAction::changed, button, [each, button] {
            button->setEnabled(each->isEnabled());
            button->setToolTip(each->text().remove(QLatin1Char('&')));
        });
        bar->addWidget(button);
    }
    bar->addSeparator();
    bar->addAction(m_quantize);
    bar->addAction(m_cancel);
    bar->addAction(m_evaluate);
    popup(tr("Export"), m_exportMenu);
    auto* space = new QWidget;
    space->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
    bar->addWidget(space);
    m_modelLabel = new QLabel;
    m_modelLabel->setContentsMargins(0, 0, 8, 0);
    m_modelLabel->setForegroundRole(QPalette::PlaceholderText);
    bar->addWidget(m_modelLabel);
}

void MainWindow::connectPanels()
{
    Document* document = m_workbench.document();
    connect(document, &Document::modelChanged, this, &MainWindow::modelChanged);
    connect(document, &Document::planChanged, this, [this] {
        refreshRows();
        refreshTotals();
        refreshActions();
        refreshPreview();
    });
    connect(document, &Document::recipeChanged, this, [this, document] {
        m_layers->setStandard(document->recipe().standard);
        const auto& model = document->model();
        m_runPanel->setRecipe(document->recipe(), model ? model->maximumContext : 0);
        refreshSelection();
        refreshActions();
    });
    connect(document, &Document::resultsChanged, this, &MainWindow::refreshRows);
    connect(document, &Document::runChanged, this, [this] {
        refreshActions();
        refreshPreview();
    });
    connect(document->undoStack(), &QUndoStack::cleanChanged, this,
            [this](bool clean) { setWindowModified(!clean); });

    connect(m_layers, &LayerTablePanel::selectionChanged, this, [this] {
        refreshSelection();
        refreshPreview();
    });
    connect(m_layers, &LayerTablePanel::editRequested, this,
            [document](const LayerChoices& choices, const QString& text) {
                document->editLayers(choices, text);
            });
    connect(m_layers, &LayerTablePanel::resetRequested, document, &Document::resetLayers);
    connect(m_layers, &LayerTablePanel::lockRequested, document, &Document::lockLayers);
    connect(m_method, &MethodPanel::choicesRequested, document, &Document::editLayers);
    connect(m_method, &MethodPanel::standardRequested, document, &Document::setStandard);
    connect(m_method, &MethodPanel::resetRequested, document, &Document::resetLayers);
    connect(m_runPanel, &RunPanel::calibrationRequested, document, &Document::setCalibration);
    connect(m_runPanel, &RunPanel::seedRequested, document, &Document::setSeed);
    connect(m_runPanel, &RunPanel::runRequested, this, [this] { m_workbench.quantize(); });
    connect(m_runPanel, &RunPanel::cancelRequested, &m_workbench, &Workbench::cancel);
    connect(m_runPanel, &RunPanel::evaluateRequested, this, &MainWindow::showEvaluateDialog);
    const auto problem = [this](const QString& text) {
        m_message->showMessage(MessageBar::Kind::Problem, text);
    };
    connect(m_layers, &LayerTablePanel::editRefused, this, problem);
    connect(m_method, &MethodPanel::editRefused, this, problem);
    connect(m_weights, &WeightPanel::failed, this, problem);
    connect(m_empty, &EmptyState::openFolderRequested, this, &MainWindow::openFolderDialog);
    connect(m_empty, &EmptyState::openFileRequested, this, [this] {
        openFileDialog(tr("Open a model or run"),
                       {tr("Models and runs (*.safetensors *.bin *.index.json "
                           "*.gradus *.h5)"),
                        tr("All files (*)")});
    });
    connect(m_empty, &EmptyState::recentRequested, this,
            [this](const QString& path) { m_workbench.open(path); });

    connect(&m_workbench, &Workbench::failed, this, problem);
    connect(&m_workbench, &Workbench::succeeded, this, [this](const QString& text) {
        m_message->showMessage(MessageBar::Kind::Success, text);
    });
    connect(&m_workbench, &Workbench::logged, m_runPanel, &RunPanel::appendLog);
    connect(&m_workbench, &Workbench::opened, this, &MainWindow::rememberFile);
    connect(&m_workbench, &Workbench::perplexityChanged, m_runPanel, &RunPanel::setPerplexity);
    connect(&m_workbench, &Workbench::activityChanged, this, [this](const QString& activity) {
        if (!activity.isEmpty())
            m_message->hide();
        m_runPanel->setActivity(activity);
        m_empty->setBusyText(activity.isEmpty() ? QString() : activity + QStringLiteral("…"));
        m_progress->setValue(0);
        m_progressText->setText(activity);
        refreshActions();
    });
    connect(&m_workbench, &Workbench::progressed, this, &MainWindow::setProgress);
    connect(&m_workbench, &Workbench::previewReady, this,
            [this](const std::shared_ptr<const WeightPreview>& preview) {
                m_weights->setPreview(preview);
                Q_EMIT previewSettled();
            });
    connect(&m_workbench, &Workbench::previewFailed, this, [this](const QString& message) {
        m_weights->clear(message);
        Q_EMIT previewSettled();
    });
    connect(&m_workbench, &Workbench::previewDropped, this, [this] {
        m_weights->clear(tr("Select a layer to see the distribution of its weights."));
    });
}

void MainWindow::modelChanged()
{
    const auto& model = m_workbench.document()->model();
    m_weights->clear(tr("Select a layer to see the distribution of its weights."));
    m_stack->setCurrentWidget(model ? static_cast<QWidget*>(m_layers) : m_empty);
    setWindowModified(false);
    if (!model) {
        setWindowTitle(tr("Gradus"));
        m_modelLabel->clear();
        return;
    }
    const QString name = QFileInfo(QDir::cleanPath(pathText(model->source.path))).fileName();
    setWindowTitle(tr("%1[*] – Gradus").arg(name));
    m_modelLabel->setText(tr("%1 · %2 · %3 parameters · %4")
                              .arg(name, toQString(model->architecture),
                                   toQString(formatCount(model->parameters)),
                                   toQString(formatBytes(model->source.bytes))));
    m_modelLabel->setToolTip(pathText(model->source.path));
    m_runPanel->setRecipe(m_workbench.document()->recipe(), model->maximumContext);
    if (!m_docksShown) {
        m_docksShown = true;
        restoreLayout();
    }
    refreshRows();
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

void MainWindow::restoreLayout()
{
    for (QDockWidget* each : {m_weightDock, m_methodDock, m_runDock})
        each->show();
    resizeDocks({m_weightDock, m_methodDock, m_runDock}, {536, 340, 404}, Qt::Horizontal);
    resizeDocks({m_weightDock}, {374}, Qt::Vertical);
    if (m_options.remember)
        restoreState(QSettings().value(stateKey).toByteArray(), stateVersion);
}

void MainWindow::refreshRows()
{
    Document* document = m_workbench.document();
    if (!document->model())
        return;
    m_layers->setRows(std::make_shared<const std::vector<LayerRow>>(layerRows(
        *document->model(), document->recipe(), document->plan().get(), document->results())));
    refreshSelection();
}

void MainWindow::refreshSelection()
{
    Document* document = m_workbench.document();
    std::vector<std::string> names = m_layers->selectedLayers();
    const std::string current = m_layers->currentLayer();
    const auto at = std::find(names.begin(), names.end(), current);
    if (at != names.end())
        std::iter_swap(names.begin(), at);
    std::vector<std::pair<std::string, LayerChoice>> layers;
    bool overridden = false;
    for (const std::string& name : names) {
        const int row = m_layers->model()->rowOf(name);
        if (row < 0)
            continue;
        layers.emplace_back(name, m_layers->model()->row(row).choice);
        overridden = overridden || document->recipe().overrides.count(name) > 0;
    }
    m_method->setState(document->recipe().standard, std::move(layers), overridden);
}

void MainWindow::refreshPreview()
{
    const std::string layer = m_layers->currentLayer();
    if (!layer.empty() && m_workbench.document()->plan())
        m_workbench.requestPreview(layer);
}

void MainWindow::refreshActions()
{
    Document* document = m_workbench.document();
    const bool busy = m_workbench.isBusy();
    const bool model = document->model() != nullptr;
    const bool run = document->run() != nullptr;
    const QString obstacle = m_workbench.obstacle();
    m_quantize->setEnabled(!busy && obstacle.isEmpty());
    m_quantize->setToolTip(obstacle.isEmpty() ? tr("Run the recipe (F5)") : obstacle);
    m_cancel->setEnabled(busy);
    m_cancel->setToolTip(tr("Stop; finished layers stay (Esc)"));
    m_evaluate->setEnabled(!busy && model && document->model()->canRun());
    m_openRecipe->setEnabled(!busy && model);
    m_saveRecipe->setEnabled(!busy && model);
    m_saveRecipeAs->setEnabled(!busy && model);
    m_saveRun->setEnabled(!busy && run);
    m_exportMenu->setEnabled(!busy && run);
    m_exportMenu->menuAction()->setToolTip(run ? QString() : tr("Quantize first"));
    m_runPanel->setObstacle(obstacle);
    m_runPanel->setCanEvaluate(model && document->model()->canRun());
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

void MainWindow::openFolderDialog()
{
    auto* dialog = new QFileDialog(this, tr("Open a model folder"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::Directory);
    dialog->setOption(QFileDialog::ShowDirsOnly);
    connect(dialog, &QFileDialog::fileSelected, this,
            [this](const QString& path) { m_workbench.openModel(path); });
    dialog->open();
}

void MainWindow::openFileDialog(const QString& title, const QStringList& filters)
{
    auto* dialog = new QFileDialog(this, title);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFile);
    dialog->setNameFilters(filters);
    connect(dialog, &QFileDialog::fileSelected, this,
            [this](const QString& path) { m_workbench.open(path); });
    dialog->open();
}

void MainWindow::saveDialog(const QString& title, const QString& filter, const QString& suffix,
                            const QString& proposal,
                            const std::function<void(const QString&)>& save)
{
    auto* dialog = new QFileDialog(this, title);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setNameFilter(filter);
    dialog->setDefaultSuffix(suffix);
    dialog->selectFile(proposal);
    connect(dialog, &QFileDialog::fileSelected, this, save);
    dialog->open();
}

void MainWindow::showExportDialog(ExportFormat format)
{
    auto* dialog = new ExportDialog(&m_workbench, format, this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->open();
}

void MainWindow::showEvaluateDialog()
{
    const auto& model = m_workbench.document()->model();
    if (!model)
        return;
    // A text laid beside the model for this purpose is proposed.
    const QFileInfo info(pathText(model->source.path));
    const QDir folder(info.isDir() ? info.filePath() : info.path());
    const QString proposal = folder.exists(QStringLiteral("evaluation.txt"))
                                 ? folder.absoluteFilePath(QStringLiteral("evaluation.txt"))
                                 : QString();
    auto* dialog = new EvaluateDialog(proposal, model->maximumContext, this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    connect(dialog, &EvaluateDialog::evaluateRequested, this,
            [this](const QString& path, PerplexityConvention convention, qint64 context) {
                m_workbench.evaluate(path, convention, context);
            });
    dialog->open();
}

void MainWindow::showAbout()
{
    auto* box = new QMessageBox(QMessageBox::NoIcon, tr("About Gradus"), QString(),
                                QMessageBox::Close, this);
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setText(QStringLiteral("<h3>Gradus " GRADUS_VERSION
                                "</h3><p>A workbench for post-training quantization.</p>"));
    box->setInformativeText(
        QStringLiteral("<p>Qt %1, QCustomPlot %2, Eigen " GRADUS_EIGEN_VERSION
                       ", oneTBB " GRADUS_TBB_VERSION ", HDF5 " GRADUS_HDF5_VERSION "</p>"
                       "<p>Free software under the GNU General Public License, version 3 or "
                       "(at your option) any later version. It comes with no warranty.</p>")
            .arg(QString::fromLatin1(qVersion()), HistogramPlot::libraryVersion()));
    box->open();
}

void MainWindow::setTheme(Theme theme)
{
    applyTheme(theme);
    (theme == Theme::Dark ? m_dark : m_light)->setChecked(true);
    if (m_options.remember)
        QSettings().setValue(themeKey, theme == Theme::Dark ? QStringLiteral("dark")
                                                            : QStringLiteral("light"));
}

QStringList MainWindow::recentFiles() const
{
    return m_options.remember ? QSettings().value(recentKey).toStringList() : QStringList();
}

void MainWindow::rememberFile(const QString& path)
{
    if (!m_options.remember)
        return;
    const QString absolute = QFileInfo(path).absoluteFilePath();
    QStringList files = recentFiles();
    files.removeAll(absolute);
    files.prepend(absolute);
    while (files.size() > maximumRecent)
        files.removeLast();
    QSettings().setValue(recentKey, files);
    refreshRecent();
}

void MainWindow::refreshRecent()
{
    const QStringList files = recentFiles();
    m_empty->setRecentFiles(files);
    m_recentMenu->clear();
    for (const QString& path : files)
        m_recentMenu->addAction(path, this, [this, path] { m_workbench.open(path); });
    m_recentMenu->setEnabled(!files.isEmpty());
}

void MainWindow::closeEvent(QCloseEvent* event)
{
    if (m_options.confirmClose && (m_workbench.isBusy() || m_workbench.hasUnsavedRun())) {
        const QString text =
            m_workbench.isBusy()
                ? tr("%1 is still running. Close and lose it?").arg(m_workbench.activity())
                : tr("The run has not been saved. Close and lose it?");
        const auto answer =
            QMessageBox::question(this, tr("Close Gradus"), text,
                                  QMessageBox::Close | QMessageBox::Cancel, QMessageBox::Cancel);
        if (answer != QMessageBox::Close) {
            event->ignore();
            return;
        }
    }
    m_workbench.cancel();
    if (m_options.remember) {
        QSettings settings;
        settings.setValue(geometryKey, saveGeometry());
        if (m_docksShown)
            settings.setValue(stateKey, saveState(stateVersion));
        settings.setValue(logKey, m_weights->plot()->logScale());
    }
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
    m_workbench.open(urls.front().toLocalFile());
}

QString MainWindow::saveScreenshots(const QString& folder)
{
    if (!QDir().mkpath(folder))
        return tr("%1: the folder cannot be made").arg(folder);
    const auto shoot = [&folder](QWidget* widget, const QString& name) {
        const QString path = QDir(folder).filePath(name);
        return widget->grab().save(path, "PNG") ? QString() : tr("%1: cannot be written").arg(path);
    };
    const auto settle = [this] {
        QApplication::sendPostedEvents();
        QApplication::processEvents(QEventLoop::ExcludeUserInputEvents);
        m_weights->plot()->replotNow();
    };
    resize(shotSize);
    settle();
    QString error = shoot(this, QStringLiteral("window.png"));
    const std::pair<QWidget*, const char*> panels[] = {{m_layers, "layers.png"},
                                                       {m_weights, "weights.png"},
                                                       {m_method, "method.png"},
                                                       {m_runPanel, "run.png"}};
    for (const auto& [panel, name] : panels) {
        QWidget frame; // gives the panel the window's background
        frame.setAttribute(Qt::WA_DontShowOnScreen);
        auto* layout = new QVBoxLayout(&frame);
        layout->setContentsMargins(0, 0, 0, 0);
        layout->addWidget(panel);
        panel->show();
        frame.resize(shotSize);
        frame.show();
        settle();
        if (error.isEmpty())
            error = shoot(&frame, QString::fromLatin1(name));
        panel->setParent(this);
        panel->hide();
    }
    return error;
}

} // namespace gradus
