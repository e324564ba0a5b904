// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/layer_choice.h"
#include "widgets/models/allocation_settings.h"

#include <QWidget>

#include <vector>

class QAction;
class QComboBox;
class QLabel;
class QMenu;
class QToolButton;

namespace gradus {

class NumberEdit;

/// What a person says about an allocation, above its plot: candidates, metric, solver, budget, and
/// the buttons that compute.
class AllocationForm final : public QWidget
{
    Q_OBJECT
public:
    explicit AllocationForm(QWidget* parent = nullptr);

    /// Says nothing. standard: what "as the recipe" means.
    void setSettings(const AllocationSettings& settings, const LayerChoice& standard);
    [[nodiscard]] const AllocationSettings& settings() const { return m_settings; }
    /// Between which the budget can be, after the settings' unit.
    void setBudgetRange(double least, double most);
    /// measuring: the button cancels. An empty reason: it can be done.
    void setCanMeasure(const QString& whyNot, bool measuring);
    void setCanEvaluate(const QString& whyNot);
    /// Metrics beyond the weights' own error.
    void setHasData(const QString& whyNot);
    void setHasTable(bool on);
    /// Where there is little room the candidates are shown when they are asked for.
    void setCompact(bool on);

Q_SIGNALS:
    void settingsChanged(const gradus::AllocationSettings& settings);
    /// After the unit; the settings have it, too.
    void budgetTyped(double budget);
    void measureRequested();
    void cancelRequested();
    /// ask: for the data, even if some was measured on before.
    void evaluateRequested(bool ask);
    void copyRequested();
    void exportRequested();
    void refused(const QString& why);

private:
    QWidget* cell(QWidget* line, const QString& title, const std::vector<QWidget*>& fields);
    void makeCandidates();
    void makeBudget();
    void makeBits();
    void makeGroups();
    void fillGroups();
    [[nodiscard]] std::vector<std::int64_t> chosenGroups() const;
    void changed();
    void showBudget();

    AllocationSettings m_settings;
    LayerChoice m_standard;
    double m_least = 0;
    double m_most = 0;
    bool m_measuring = false;
    bool m_compact = false;
    QWidget* m_candidates = nullptr;
    QWidget* m_line = nullptr; ///< of the budget
    QToolButton* m_unfold = nullptr;
    QComboBox* m_method = nullptr;
    std::vector<QToolButton*> m_bits; ///< from 2 on
    QToolButton* m_groups = nullptr;
    QMenu* m_groupMenu = nullptr;
    QComboBox* m_metric = nullptr;
    QToolButton* m_measure = nullptr;
    QComboBox* m_solver = nullptr;
    NumberEdit* m_budget = nullptr;
    QComboBox* m_unit = nullptr;
    QToolButton* m_evaluate = nullptr;
    QToolButton* m_more = nullptr;
    QAction* m_export = nullptr;
};

} // namespace gradus
