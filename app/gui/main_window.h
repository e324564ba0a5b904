// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/allocator.h"
#include "app/gui/dock_layout.h"
#include "app/gui/explorer.h"
#include "app/gui/settings.h"
#include "app/gui/workbench.h"
#include "widgets/theme.h"

#include <QMainWindow>

class QActionGroup;
class QDockWidget;
class QLabel;
class QProgressBar;
class QStackedWidget;

namespace gradus {

class ActivationPanel;
class AllocationPanel;
class BitsMapPanel;
class ChannelPanel;
class ConvergencePanel;
class EmptyState;
class ErrorPanel;
class ExponentPanel;
class LayerTablePanel;
class MessageBar;
class MethodPanel;
class RunComparison;
class RunPanel;
class RunsPanel;
class StaticSites;
class WeightPanel;

/// Sets the application's palette; Fusion is the style.
void applyTheme(Theme theme);
/// The desktop's, as it was before the first applyTheme: called once before it.
[[nodiscard]] Theme systemTheme();

/// The workbench's window: shows the document, turns intents of the panels into edits and verbs.
class MainWindow final : public QMainWindow
{
    Q_OBJECT
public:
    struct Options
    {
        bool remember = true;     ///< geometry, recent files and theme in QSettings
        bool confirmClose = true; ///< ask before anything is lost
        bool fixedTheme = false;  ///< the theme was chosen on the command line
        QSize size{1280, 800};    ///< of a window that remembers nothing, and of screenshots
        /// Folder in which sessions are kept against a crash; empty keeps nothing.
        QString sessions;
        QString cache; ///< folder of measured sensitivities; empty keeps nothing
    };
    explicit MainWindow(const Options& options, QWidget* parent = nullptr);
    ~MainWindow() override;

    [[nodiscard]] Workbench* workbench() { return &m_workbench; }
    [[nodiscard]] Explorer* explorer() { return &m_explorer; }
    [[nodiscard]] Allocator* allocator() { return &m_allocator; }
    [[nodiscard]] LayerTablePanel* layerPanel() const { return m_layers; }
    [[nodiscard]] WeightPanel* weightPanel() const { return m_weights; }
    [[nodiscard]] MethodPanel* methodPanel() const { return m_method; }
    [[nodiscard]] RunPanel* runPanel() const { return m_runPanel; }
    [[nodiscard]] ChannelPanel* channelPanel() const { return m_channels; }
    [[nodiscard]] ExponentPanel* exponentPanel() const { return m_exponent; }
    [[nodiscard]] ActivationPanel* activationPanel() const { return m_activations; }
    [[nodiscard]] ConvergencePanel* convergencePanel() const { return m_decoupleq; }
    [[nodiscard]] ErrorPanel* errorPanel() const { return m_errors; }
    [[nodiscard]] BitsMapPanel* bitsMapPanel() const { return m_bitsMap; }
    [[nodiscard]] AllocationPanel* allocationPanel() const { return m_allocation; }
    [[nodiscard]] RunsPanel* runsPanel() const { return m_runs; }
    [[nodiscard]] RunComparison* comparisonPanel() const { return m_comparison; }
    [[nodiscard]] const Docks& docks() const { return m_docks; }
    [[nodiscard]] QString totalsText() const;
    [[nodiscard]] QString messageText() const;

    /// Offers to restore what a crash left behind, if there is anything.
    void offerRecovery();
    /// What panels show is computed for all of them, whether they can be seen or not.
    void wantEverything();
    /// Renders the window in each layout and every panel: window.png, compare.png, model.png, then
    /// one file per panel. The panels leave the window for it: for a program about to end.
    /// A sentence when something cannot be written.
    QString saveScreenshots(const QString& folder);
    void setLayoutPreset(LayoutPreset preset);

protected:
    void closeEvent(QCloseEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;

private:
    void makeDocks();
    void makeMenus();
    void makeFileMenu();
    void makeEditMenu();
    void makeRunMenu();
    void makeViewMenu();
    void makeHelpMenu();
    void makeToolBar();
    void makeStatusBar();
    void connectDocument();
    void connectPanels();
    void connectRuns();
    void connectExplorer();
    void connectAllocation();
    QAction* action(QMenu* menu, const QString& text, const QKeySequence& keys,
                    const std::function<void()>& run);
    QDockWidget* dock(const QString& title, const QString& name, QWidget* widget);
    void openFolderDialog();
    void openFileDialog(const QString& title, const QStringList& filters,
                        const std::function<void(const QString&)>& open);
    void saveDialog(const QString& title, const QString& filter, const QString& suffix,
                    const QString& proposal, const std::function<void(const QString&)>& save);
    void saveRecipe();
    void saveRecipeAs();
    void saveRunDialog(int run);
    void reportDialog(int run);
    void showExportDialog(ExportFormat format, int run);
    void showEvaluateDialog();
    void showAllocation();
    void askAllocationData();
    void refreshAllocation();
    void showModelFacts();
    void showAbout();
    void showShortcuts();
    void copyCommand();
    void locateModel(const QString& run);
    /// Asks first when it takes the place of something that is not saved.
    void open(const QString& path);
    /// Says what would be lost, if anything, and goes on when that is accepted.
    void askAboutLosses(const QString& verb, const std::function<void()>& then);
    void setTheme(ThemeChoice theme);
    void activateLayers(const std::vector<std::string>& names, bool extend);
    void showExportMenu(int run);
    void fillExportMenu(QMenu* menu, int run);
    void problem(const QString& text);
    /// The exponent of a layer's power grid, 0 to search it; PowerQuant when it has none.
    void setExponent(const std::string& layer, double exponent);
    void refreshGains();
    void refreshActivations();
    /// Of the document's model; null where it cannot be run.
    [[nodiscard]] const StaticSites* sites();
    [[nodiscard]] bool readsAttention(std::size_t layer);

    void modelChanged();
    void refreshRows();
    void refreshRuns();
    void refreshSelection();
    void refreshTraces();
    void refreshTrainings();
    void refreshActions();
    void refreshTotals();
    void refreshRecent();
    void rememberFile(const QString& path);
    void setProgress(double fraction, const QString& stage);
    void restoreLayout();
    void followDocks();
    void titleDocks();
    [[nodiscard]] QStringList losses() const;

    Options m_options;
    Settings m_settings;
    bool m_docksShown = false;
    std::filesystem::path m_modelPath; ///< of the model in the table
    bool m_closing = false;            ///< what would be lost was said
    bool m_everything = false;
    Workbench m_workbench;
    Explorer m_explorer;
    Allocator m_allocator;
    QTimer m_rowsTimer;

    QStackedWidget* m_stack = nullptr;
    EmptyState* m_empty = nullptr;
    LayerTablePanel* m_layers = nullptr;
    WeightPanel* m_weights = nullptr;
    ChannelPanel* m_channels = nullptr;
    ExponentPanel* m_exponent = nullptr;
    ActivationPanel* m_activations = nullptr;
    ConvergencePanel* m_decoupleq = nullptr;
    ErrorPanel* m_errors = nullptr;
    BitsMapPanel* m_bitsMap = nullptr;
    AllocationPanel* m_allocation = nullptr;
    RunsPanel* m_runs = nullptr;
    RunComparison* m_comparison = nullptr;
    MethodPanel* m_method = nullptr;
    RunPanel* m_runPanel = nullptr;
    MessageBar* m_message = nullptr;
    Docks m_docks;
    std::set<QDockWidget*> m_seen;
    std::unique_ptr<const StaticSites> m_sites;
    std::shared_ptr<const Model> m_sitesOf;         ///< what they belong to
    int m_trainingRun = 0;                          ///< whose steps the decoupleQ panel collects
    std::shared_ptr<const WeightPreview> m_preview; ///< of the current layer
    QLabel* m_modelLabel = nullptr;
    QLabel* m_totals = nullptr;
    QLabel* m_progressText = nullptr;
    QProgressBar* m_progress = nullptr;
    QMenu* m_recentMenu = nullptr;
    QMenu* m_viewMenu = nullptr;
    QMenu* m_exportMenu = nullptr;
    QAction* m_openFolder = nullptr;
    QAction* m_openFile = nullptr;
    QAction* m_openRun = nullptr;
    QAction* m_saveRecipe = nullptr;
    QAction* m_saveRecipeAs = nullptr;
    QAction* m_saveRun = nullptr;
    QAction* m_report = nullptr;
    QAction* m_closeModel = nullptr;
    QAction* m_modelFacts = nullptr;
    QAction* m_openRecipe = nullptr;
    QAction* m_undo = nullptr;
    QAction* m_redo = nullptr;
    QAction* m_rules = nullptr;
    QAction* m_foldNorms = nullptr;
    QAction* m_copyCommand = nullptr;
    QAction* m_quantize = nullptr;
    QAction* m_quantizeSelected = nullptr;
    QAction* m_quantizeStale = nullptr;
    QAction* m_capture = nullptr;
    QAction* m_cancel = nullptr;
    QAction* m_evaluate = nullptr;
    QAction* m_allocate = nullptr;
    QAction* m_log = nullptr;
    std::map<ThemeChoice, QAction*> m_themes;
};

} // namespace gradus
