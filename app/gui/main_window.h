// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/workbench.h"
#include "widgets/theme.h"

#include <QMainWindow>

class QActionGroup;
class QDockWidget;
class QLabel;
class QProgressBar;
class QStackedWidget;

namespace gradus {

class EmptyState;
class LayerTablePanel;
class MessageBar;
class MethodPanel;
class RunPanel;
class WeightPanel;

/// Sets the application's palette; Fusion is the style.
void applyTheme(Theme theme);

/// The workbench's window: shows the document, turns intents of the panels into edits and verbs.
class MainWindow final : public QMainWindow
{
    Q_OBJECT
public:
    struct Options
    {
        bool remember = true;     ///< geometry, recent files and theme in QSettings
        bool confirmClose = true; ///< ask before a running job or an unsaved run is lost
        bool fixedTheme = false;  ///< the theme was chosen on the command line
    };
    explicit MainWindow(const Options& options, QWidget* parent = nullptr);
    ~MainWindow() override;

    [[nodiscard]] Workbench* workbench() { return &m_workbench; }
    [[nodiscard]] LayerTablePanel* layerPanel() const { return m_layers; }
    [[nodiscard]] WeightPanel* weightPanel() const { return m_weights; }
    [[nodiscard]] MethodPanel* methodPanel() const { return m_method; }
    [[nodiscard]] RunPanel* runPanel() const { return m_runPanel; }
    [[nodiscard]] QString totalsText() const;
    [[nodiscard]] QString messageText() const;

    /// Renders the window and every panel at 1280 × 800 to window.png, layers.png, weights.png,
    /// method.png and run.png. The panels leave the window for it: for a program about to end.
    /// A sentence when something cannot be written.
    QString saveScreenshots(const QString& folder);

Q_SIGNALS:
    /// The histogram has caught up with selection and recipe.
    void previewSettled();

protected:
    void closeEvent(QCloseEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;

private:
    void makeActions();
    void makeDocks();
    void connectPanels();
    QAction* action(QMenu* menu, const QString& text, const QKeySequence& keys,
                    const std::function<void()>& run);
    QDockWidget* dock(const QString& title, const QString& name, QWidget* widget);
    void openFolderDialog();
    void openFileDialog(const QString& title, const QStringList& filters);
    void saveDialog(const QString& title, const QString& filter, const QString& suffix,
                    const QString& proposal, const std::function<void(const QString&)>& save);
    void showExportDialog(ExportFormat format);
    void showEvaluateDialog();
    void showAbout();
    void setTheme(Theme theme);

    void modelChanged();
    void refreshRows();
    void refreshSelection();
    void refreshPreview();
    void refreshActions();
    void refreshTotals();
    void refreshRecent();
    void rememberFile(const QString& path);
    [[nodiscard]] QStringList recentFiles() const;
    void setProgress(double fraction, const QString& stage);
    void restoreLayout();

    Options m_options;
    bool m_docksShown = false;
    Workbench m_workbench;

    QStackedWidget* m_stack = nullptr;
    EmptyState* m_empty = nullptr;
    LayerTablePanel* m_layers = nullptr;
    WeightPanel* m_weights = nullptr;
    MethodPanel* m_method = nullptr;
    RunPanel* m_runPanel = nullptr;
    MessageBar* m_message = nullptr;
    QDockWidget* m_weightDock = nullptr;
    QDockWidget* m_methodDock = nullptr;
    QDockWidget* m_runDock = nullptr;
    QLabel* m_modelLabel = nullptr;
    QLabel* m_totals = nullptr;
    QLabel* m_progressText = nullptr;
    QProgressBar* m_progress = nullptr;
    QMenu* m_recentMenu = nullptr;
    QMenu* m_viewMenu = nullptr;
    QMenu* m_exportMenu = nullptr;
    QAction* m_saveRecipe = nullptr;
    QAction* m_saveRecipeAs = nullptr;
    QAction* m_saveRun = nullptr;
    QAction* m_openRecipe = nullptr;
    QAction* m_undo = nullptr;
    QAction* m_redo = nullptr;
    QAction* m_quantize = nullptr;
    QAction* m_cancel = nullptr;
    QAction* m_evaluate = nullptr;
    QAction* m_log = nullptr;
    QAction* m_dark = nullptr;
    QAction* m_light = nullptr;
};

} // namespace gradus
