// SPDX-License-Identifier: GPL-3.0-or-later
// Menus, tool bar and the dialogs they open; what the window shows is in main_window.cpp.
#include "app/gui/command_text.h"
#include "app/gui/evaluate_dialog.h"
#include "app/gui/export_dialog.h"
#include "app/gui/help_window.h"
#include "app/gui/main_window.h"
#include "app/gui/sample_dialog.h"
#include "app/gui/shortcuts_dialog.h"
#include "app/gui/translation.h"
#include "widgets/models/model_facts.h"
#include "widgets/panels/empty_state.h"
#include "widgets/panels/layer_table_panel.h"
#include "widgets/panels/message_bar.h"
#include "widgets/panels/method_panel.h"
#include "widgets/panels/rules_dialog.h"
#include "widgets/panels/weight_panel.h"
#include "widgets/plots/histogram_plot.h"
#include "widgets/text.h"

#include <QActionGroup>
#include <QApplication>
#include <QClipboard>
#include <QDir>
#include <QDockWidget>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QMenuBar>
#include <QMessageBox>
#include <QToolBar>
#include <QToolButton>

namespace gradus {

QAction* MainWindow::action(QMenu* menu, const QString& text, const QKeySequence& keys,
                            const std::function<void()>& run)
{
    QAction* made = menu->addAction(text);
    made->setShortcut(keys);
    connect(made, &QAction::triggered, this, run);
    return made;
}

void MainWindow::makeMenus()
{
    makeFileMenu();
    makeEditMenu();
    makeRunMenu();
    makeViewMenu();
    makeHelpMenu();
    makeToolBar();
}

void MainWindow::makeFileMenu()
{
    QMenu* file = menuBar()->addMenu(tr("&File"));
    m_openFolder =
        action(file, tr("Open model &folder…"), QKeySequence::Open, [this] { openFolderDialog(); });
    m_openFile =
        action(file, tr("Open &model file…"), QKeySequence(QStringLiteral("Ctrl+Shift+O")), [this] {
            openFileDialog(
                tr("Open a model file"),
                {tr("Models (*.safetensors *.gguf *.bin *.onnx *.keras *.h5 *.index.json)"),
                 tr("All files (*)")},
                [this](const QString& path) { open(path); });
        });
    m_openRun = action(file, tr("Open r&un…"), QKeySequence(QStringLiteral("Ctrl+Alt+O")), [this] {
        openFileDialog(tr("Open a run"), {tr("Runs (*.gradus *.h5)"), tr("All files (*)")},
                       [this](const QString& path) { m_workbench.openRun(path); });
    });
    m_recentMenu = file->addMenu(tr("Recent &files"));
    connect(m_recentMenu, &QMenu::aboutToShow, this, [this] {
        for (QAction* each : m_recentMenu->actions()) {
            if (each->data().isValid()) // a file; it may have gone, or come back
                each->setEnabled(QFileInfo::exists(each->data().toString()));
        }
    });
    file->addSeparator();
    m_openRecipe = action(file, tr("&Import recipe…"), {}, [this] {
        openFileDialog(tr("Import a recipe"), {tr("Recipes (*.json)")},
                       [this](const QString& path) { m_workbench.openRecipe(path); });
    });
    m_saveRecipe = action(file, tr("&Save recipe"), QKeySequence::Save, [this] { saveRecipe(); });
    m_saveRecipeAs =
        action(file, tr("Save recipe &as…"), QKeySequence::SaveAs, [this] { saveRecipeAs(); });
    file->addSeparator();
    m_saveRun = action(file, tr("Save ru&n…"), QKeySequence(QStringLiteral("Ctrl+Alt+S")),
                       [this] { saveRunDialog(0); });
    m_exportMenu = file->addMenu(tr("&Export"));
    fillExportMenu(m_exportMenu, 0);
    m_report = action(file, tr("&Report…"), QKeySequence(QStringLiteral("Ctrl+R")),
                      [this] { reportDialog(0); });
    file->addSeparator();
    m_modelFacts = action(file, tr("About the &model…"), {}, [this] { showModelFacts(); });
    m_closeModel = action(file, tr("&Close model"), QKeySequence::Close, [this] {
        askAboutLosses(tr("Close the model"), [this] { m_workbench.closeModel(); });
    });
    action(file, tr("&Quit"), QKeySequence::Quit, [this] { close(); });
}

void MainWindow::makeEditMenu()
{
    QMenu* edit = menuBar()->addMenu(tr("&Edit"));
    QUndoStack* stack = m_workbench.document()->undoStack();
    m_undo = stack->createUndoAction(this, tr("&Undo"));
    m_undo->setShortcut(QKeySequence::Undo);
    m_undo->setProperty("title", tr("Undo"));
    m_redo = stack->createRedoAction(this, tr("&Redo"));
    m_redo->setShortcuts(QKeySequence::keyBindings(QKeySequence::Redo));
    m_redo->setProperty("title", tr("Redo"));
    edit->addAction(m_undo);
    edit->addAction(m_redo);
    edit->addSeparator();
    action(edit, tr("&Find layers"), QKeySequence::Find, [this] { m_layers->focusFilter(); });
    action(edit, tr("Edit &standard method"), QKeySequence(QStringLiteral("Ctrl+M")), [this] {
        m_docks.method->show();
        m_docks.method->raise();
        m_method->showStandard(true);
    });
    m_rules = action(edit, tr("Ru&les…"), QKeySequence(QStringLiteral("Ctrl+L")),
                     [this] { m_layers->editRules(); });
    m_foldNorms = edit->addAction(tr("Fold &batch norms"));
    m_foldNorms->setCheckable(true);
    connect(m_foldNorms, &QAction::triggered, m_workbench.document(), &Document::setFoldBatchNorms);
    edit->addSeparator();
    m_copyCommand = action(edit, tr("Copy as &command"),
                           QKeySequence(QStringLiteral("Ctrl+Shift+C")), [this] { copyCommand(); });
    m_copyCommand->setToolTip(tr("The gradus-cli line that does what is on screen"));
}

void MainWindow::makeRunMenu()
{
    QMenu* run = menuBar()->addMenu(tr("&Run"));
    m_quantize =
        action(run, tr("&Quantize"), QKeySequence(Qt::Key_F5), [this] { m_workbench.quantize(); });
    m_quantizeSelected =
        action(run, tr("Quantize se&lected layers"), QKeySequence(QStringLiteral("Ctrl+F5")),
               [this] { m_workbench.quantize(RunScope::Selected, m_layers->selectedLayers()); });
    m_quantizeStale =
        action(run, tr("Quantize what is s&tale"), QKeySequence(QStringLiteral("Shift+F5")),
               [this] { m_workbench.quantize(RunScope::Stale, {}); });
    m_cancel =
        action(run, tr("&Cancel"), QKeySequence(Qt::Key_Escape), [this] { m_workbench.cancel(); });
    run->addSeparator();
    m_capture = action(run, tr("Capture &activations"), QKeySequence(Qt::Key_F7),
                       [this] { m_workbench.captureInputs(); });
    m_evaluate = action(run, tr("Measure out&puts…"), QKeySequence(Qt::Key_F6),
                        [this] { showEvaluateDialog(); });
    run->addSeparator();
    m_allocate = action(run, tr("Allocate &bits…"), QKeySequence(QStringLiteral("Ctrl+B")),
                        [this] { showAllocation(); });
    m_allocate->setToolTip(tr("Choose every layer's bits under a budget"));
}

void MainWindow::makeViewMenu()
{
    m_viewMenu = menuBar()->addMenu(tr("&View"));
    for (QDockWidget* each : m_docks.all())
        m_viewMenu->addAction(each->toggleViewAction());
    m_viewMenu->addSeparator();
    QMenu* layout = m_viewMenu->addMenu(tr("&Layout"));
    const std::pair<LayoutPreset, QString> presets[] = {
        {LayoutPreset::Explore, tr("&Explore a layer")},
        {LayoutPreset::Compare, tr("&Compare runs")},
        {LayoutPreset::WholeModel, tr("&Whole model")},
    };
    int number = 1;
    for (const auto& [preset, title] : presets)
        action(layout, title, QKeySequence(QStringLiteral("Ctrl+%1").arg(number++)),
               [this, preset = preset] { setLayoutPreset(preset); });
    layout->addSeparator();
    action(layout, tr("&Reset"), {}, [this] {
        resize(m_options.size);
        setLayoutPreset(LayoutPreset::Explore);
        m_layers->resetColumns();
    });
    m_log = m_viewMenu->addAction(tr("Logarithmic &counts"));
    m_log->setCheckable(true);
    m_log->setShortcut(QKeySequence(QStringLiteral("Ctrl+Shift+L")));
    connect(m_log, &QAction::toggled, m_weights->plot(), &HistogramPlot::setLogScale);
    connect(m_weights->plot(), &HistogramPlot::logScaleChanged, m_log, &QAction::setChecked);
    QAction* fullScreen = action(m_viewMenu, tr("&Full screen"), QKeySequence::FullScreen,
                                 [this] { setWindowState(windowState() ^ Qt::WindowFullScreen); });
    if (fullScreen->shortcut().isEmpty())
        fullScreen->setShortcut(Qt::Key_F11);
    m_viewMenu->addSeparator();

    QMenu* theme = m_viewMenu->addMenu(tr("&Theme"));
    auto* themes = new QActionGroup(this);
    const std::pair<ThemeChoice, QString> choices[] = {{ThemeChoice::System, tr("&System")},
                                                       {ThemeChoice::Light, tr("&Light")},
                                                       {ThemeChoice::Dark, tr("&Dark")}};
    for (const auto& [choice, title] : choices) {
        QAction* each = theme->addAction(title);
        each->setCheckable(true);
        themes->addAction(each);
        m_themes[choice] = each;
        connect(each, &QAction::triggered, this, [this, choice = choice] { setTheme(choice); });
    }
    QMenu* language = m_viewMenu->addMenu(tr("Lan&guage"));
    auto* group = new QActionGroup(this);
    QStringList offered = languages();
    offered.prepend(QString());
    for (const QString& each : offered) {
        QAction* item =
            language->addAction(each.isEmpty() ? tr("As the desktop") : languageTitle(each));
        item->setCheckable(true);
        item->setChecked(each == m_settings.language());
        group->addAction(item);
        connect(item, &QAction::triggered, this, [this, each] {
            m_settings.setLanguage(each);
            m_message->showMessage(MessageBar::Kind::Information,
                                   tr("The language changes with the next start."));
        });
    }
}

void MainWindow::makeHelpMenu()
{
    QMenu* help = menuBar()->addMenu(tr("&Help"));
    action(help, tr("User &guide"), QKeySequence::HelpContents, [this] { HelpWindow::open(this); });
    action(help, tr("&Keyboard shortcuts"), QKeySequence(QStringLiteral("Ctrl+F1")),
           [this] { showShortcuts(); });
    help->addSeparator();
    action(help, tr("&About Gradus"), {}, [this] { showAbout(); });
    action(help, tr("About &Qt"), {}, [] { QApplication::aboutQt(); });
}

void MainWindow::makeToolBar()
{
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
    openMenu->addActions({m_openFolder, m_openFile, m_openRun, m_recentMenu->menuAction()});
    popup(tr("Open"), openMenu);
    bar->addSeparator();
    for (QAction* each : {m_undo, m_redo}) {
        auto* button = new QToolButton; // without the step's label, which would move the others
        button->setText(each->property("title").toString());
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
    auto* more = new QMenu(this);
    more->addActions({m_quantizeSelected, m_quantizeStale, m_capture, m_evaluate});
    popup(tr("More"), more);
    bar->addAction(m_cancel);
    bar->addSeparator();
    popup(tr("Export"), m_exportMenu);
    bar->addAction(m_report);
    auto* space = new QWidget;
    space->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
    bar->addWidget(space);
    m_modelLabel = new QLabel;
    m_modelLabel->setContentsMargins(0, 0, 8, 0);
    m_modelLabel->setForegroundRole(QPalette::PlaceholderText);
    bar->addWidget(m_modelLabel);
}

void MainWindow::openFolderDialog()
{
    auto* dialog = new QFileDialog(this, tr("Open a model folder"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::Directory);
    dialog->setOption(QFileDialog::ShowDirsOnly);
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) { open(path); });
    dialog->open();
}

void MainWindow::openFileDialog(const QString& title, const QStringList& filters,
                                const std::function<void(const QString&)>& open)
{
    auto* dialog = new QFileDialog(this, title);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFile);
    dialog->setNameFilters(filters);
    connect(dialog, &QFileDialog::fileSelected, this, open);
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

void MainWindow::locateModel(const QString& run)
{
    auto* dialog = new QFileDialog(this, tr("Where is the model of %1?").arg(shortPath(run)));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    // No mode chooses a folder or a file; a file of the folder says as much as the folder.
    dialog->setFileMode(QFileDialog::ExistingFile);
    dialog->setNameFilters(
        {tr("Models (*.safetensors *.bin *.onnx *.h5 *.json)"), tr("All files (*)")});
    connect(dialog, &QFileDialog::fileSelected, this, [this, run](const QString& file) {
        const QFileInfo info(file);
        const bool description = info.fileName() == QLatin1String("config.json");
        m_workbench.openRun(run, {}, description ? info.absolutePath() : file);
    });
    dialog->open();
}

void MainWindow::saveRecipe()
{
    if (m_workbench.recipePath().isEmpty())
        saveRecipeAs();
    else
        m_workbench.saveRecipe(m_workbench.recipePath());
}

void MainWindow::saveRecipeAs()
{
    saveDialog(tr("Save the recipe"), tr("Recipes (*.json)"), QStringLiteral("json"),
               QStringLiteral("recipe.json"),
               [this](const QString& path) { m_workbench.saveRecipe(path); });
}

namespace {
/// A run's name as a file's.
QString fileName(const SessionRun* run, const QString& standard, const QString& suffix)
{
    QString name = run ? run->name : standard;
    name.replace(QLatin1Char('/'), QLatin1Char('-'));
    name.replace(QLatin1Char(' '), QLatin1Char('-'));
    return name.toLower() + suffix;
}
} // namespace

void MainWindow::saveRunDialog(int run)
{
    const Document* document = m_workbench.document();
    const SessionRun* entry = run == 0 ? document->shownRun() : document->findRun(run);
    saveDialog(tr("Save the run"), tr("Runs (*.gradus)"), QStringLiteral("gradus"),
               fileName(entry, QStringLiteral("run"), QStringLiteral(".gradus")),
               [this, run](const QString& path) { m_workbench.saveRun(path, {}, run); });
}

void MainWindow::reportDialog(int run)
{
    const Document* document = m_workbench.document();
    const SessionRun* entry = run == 0 ? document->shownRun() : document->findRun(run);
    saveDialog(tr("Write a report"), tr("Web pages (*.html)"), QStringLiteral("html"),
               fileName(entry, QStringLiteral("run"), QStringLiteral(".html")),
               [this, run](const QString& path) { m_workbench.writeReport(path, {}, run); });
}

void MainWindow::showExportMenu(int run)
{
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    fillExportMenu(menu, run);
    menu->popup(QCursor::pos());
}

void MainWindow::fillExportMenu(QMenu* menu, int run)
{
    menu->clear();
    for (const ExportFormat format : exportFormatsOf(m_workbench.document()->model().get()))
        menu->addAction(tr("%1…").arg(exportFormatTitle(format)), this,
                        [this, format, run] { showExportDialog(format, run); });
}

void MainWindow::showExportDialog(ExportFormat format, int run)
{
    auto* dialog = new ExportDialog(&m_workbench, format, run, this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->open();
}

void MainWindow::showEvaluateDialog()
{
    const auto& model = m_workbench.document()->model();
    if (!model)
        return;
    const auto show = [](QDialog* dialog) {
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        dialog->open();
    };
    if (feedKindOf(*model) != FeedKind::Text) {
        auto* dialog = new SampleDialog(*model, m_workbench.document()->recipe().calibration,
                                        m_workbench.document()->run() != nullptr, this);
        connect(dialog, &SampleDialog::evaluateRequested, this,
                [this](const SampleEvaluation& what) { m_workbench.evaluateSamples(what); });
        show(dialog);
        return;
    }
    // A text laid beside the model for this purpose is proposed.
    const QFileInfo info(pathText(model->source.path));
    const QDir folder(info.isDir() ? info.filePath() : info.path());
    const QString name = QStringLiteral("evaluation.txt");
    const QString proposal = folder.exists(name) ? folder.absoluteFilePath(name) : QString();
    auto* dialog = new EvaluateDialog(proposal, model->maximumContext,
                                      m_workbench.document()->run() != nullptr, this);
    connect(dialog, &EvaluateDialog::evaluateRequested, this,
            [this](TextMetric metric, const QString& path, PerplexityConvention convention,
                   qint64 context) {
                if (metric == TextMetric::Divergence)
                    m_workbench.evaluateDivergence(path, convention, context);
                else
                    m_workbench.evaluate(path, convention, context);
            });
    show(dialog);
}

void MainWindow::showModelFacts()
{
    const auto& model = m_workbench.document()->model();
    if (!model)
        return;
    auto* box = new QMessageBox(QMessageBox::NoIcon, tr("About the model"),
                                pathText(model->source.path), QMessageBox::Close, this);
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setTextFormat(Qt::PlainText);
    box->setInformativeText(modelFactsText(*model));
    box->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    box->open();
}

void MainWindow::showShortcuts()
{
    auto* dialog = new ShortcutsDialog(*menuBar(), this);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->open();
}

void MainWindow::copyCommand()
{
    Document* document = m_workbench.document();
    const auto& model = document->model();
    if (!model)
        return;
    QApplication::clipboard()->setText(quantizeCommand(pathText(model->source.path),
                                                       document->recipe(), m_workbench.recipePath(),
                                                       document->isClean()) +
                                       QLatin1Char('\n'));
    m_message->showMessage(MessageBar::Kind::Success,
                           tr("Copied the command line for this recipe"));
}

void MainWindow::showAbout()
{
    auto* box = new QMessageBox(QMessageBox::NoIcon, tr("About Gradus"), QString(),
                                QMessageBox::Close, this);
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setText(QStringLiteral("<h3>Gradus " GRADUS_VERSION "</h3><p>%1</p>")
                     .arg(tr("A workbench for post-training quantization.")));
    box->setInformativeText(
        QStringLiteral("<p>Qt %1, QCustomPlot %2, Eigen " GRADUS_EIGEN_VERSION
                       ", oneTBB " GRADUS_TBB_VERSION ", HDF5 " GRADUS_HDF5_VERSION "</p><p>%3</p>")
            .arg(QString::fromLatin1(qVersion()), PlotView::libraryVersion(),
                 tr("Free software under the GNU General Public License, version 3 or (at your "
                    "option) any later version. It comes with no warranty.")));
    box->open();
}

void MainWindow::refreshRecent()
{
    const QStringList files = m_settings.recentFiles();
    m_empty->setRecentFiles(files);
    m_recentMenu->clear();
    for (const QString& path : files) {
        QAction* item = m_recentMenu->addAction(path, this, [this, path] { open(path); });
        item->setData(path);
        item->setEnabled(QFileInfo::exists(path));
    }
    m_recentMenu->addSeparator();
    m_recentMenu->addAction(tr("Clear the list"), this, [this] {
        m_settings.clearRecentFiles();
        refreshRecent();
    });
    m_recentMenu->setEnabled(!files.isEmpty());
}

} // namespace gradus
