// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/runs_model.h"

#include <QWidget>

class QLabel;
class QMenu;
class QStackedLayout;
class QTableView;
class QToolButton;
class QAction;

namespace gradus {

/// The session's runs: which one is shown and which it is compared with, and what can be done with
/// each.
class RunsPanel final : public QWidget
{
    Q_OBJECT
public:
    explicit RunsPanel(QWidget* parent = nullptr);

    [[nodiscard]] RunsModel* model() const { return m_model; }
    [[nodiscard]] QTableView* view() const { return m_view; }
    /// shown, compared: ids; 0 for none. layersOfModel: what a cancelled run would have had.
    void setRuns(const SessionRuns& runs, int shown, int compared, int layersOfModel);
    [[nodiscard]] int currentRun() const; ///< id; 0 if none

Q_SIGNALS:
    void runShown(int id);
    void compareRequested(int id); ///< 0: with none
    void renamed(int id, const QString& name);
    void removeRequested(int id);
    void saveRequested(int id);
    void exportRequested(int id);
    void reportRequested(int id);

protected:
    void changeEvent(QEvent* event) override;

private:
    void updateActions();
    void fitColumns();
    void showMenu(const QPoint& at);
    [[nodiscard]] const RunRow* currentRow() const;

    RunsModel* m_model = nullptr;
    QTableView* m_view = nullptr;
    QStackedLayout* m_pages = nullptr;
    QAction* m_show = nullptr;
    QAction* m_compare = nullptr;
    QAction* m_rename = nullptr;
    QAction* m_remove = nullptr;
    QAction* m_save = nullptr;
    QAction* m_export = nullptr;
    QAction* m_report = nullptr;
};

} // namespace gradus
