// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/layer_table_model.h"
#include "widgets/panels/layer_view.h"

#include <QWidget>

#include <set>

class QAction;
class QComboBox;
class QLabel;
class QMenu;
class QPushButton;

namespace gradus {

class FilterLine;
class LayerTree;
struct RuleContext;

/// The filter line, the layer table, and the strip that edits all selected layers at once. What is
/// hidden by the filter is not selected, so no edit reaches it.
class LayerTablePanel final : public QWidget
{
    Q_OBJECT
public:
    explicit LayerTablePanel(QWidget* parent = nullptr);
    ~LayerTablePanel() override;

    [[nodiscard]] LayerTableModel* model() const { return m_model; }
    [[nodiscard]] LayerTree* tree() const { return m_tree; }
    /// Shows tree(): layers at the top level, or under their blocks.
    [[nodiscard]] LayerView* view() const { return m_view; }
    void setRows(std::shared_ptr<const std::vector<LayerRow>> rows);
    void setStandard(const LayerChoice& standard);
    /// The recipe's rules, for the dialog that edits them.
    void setRules(const std::vector<Rule>& rules) { m_rules = rules; }

    [[nodiscard]] std::vector<std::string> selectedLayers() const; ///< in the model's order
    [[nodiscard]] std::string currentLayer() const;                ///< "" if none
    void selectLayer(const std::string& name);
    void selectLayers(const std::vector<std::string>& names);

    void focusFilter();
    void setFilterText(const QString& text);
    [[nodiscard]] QString filterText() const;
    /// Why the text in the filter line is not the filter in force; empty when it is.
    [[nodiscard]] QString filterProblem() const;
    /// Names of the layers that the filter shows, in the order shown.
    [[nodiscard]] std::vector<std::string> shownLayers() const;

    void setGrouped(bool grouped);
    [[nodiscard]] bool isGrouped() const;
    void setColumnShown(int column, bool shown);
    [[nodiscard]] std::vector<int> visibleColumns() const; ///< in the order shown
    /// Columns as they come: order, widths, and those that there is room for.
    void resetColumns();
    /// Columns, their order and widths, sorting, grouping, and the filters used last.
    [[nodiscard]] QByteArray saveState() const;
    bool restoreState(const QByteArray& state);

    void copySelection();
    void copyTable();
    /// Throws Error(Io).
    void saveCsv(const QString& path) const;

public Q_SLOTS:
    void resetSelected();
    void toggleLock();
    void newRuleFromSelection();
    void newRuleFromFilter();
    void editRules();

Q_SIGNALS:
    void selectionChanged();
    void editRequested(const gradus::LayerChoices& choices, const QString& text);
    void editRefused(const QString& reason);
    void resetRequested(const std::vector<std::string>& layers);
    void lockRequested(const std::vector<std::string>& layers, bool locked);
    /// Intent: a rule before all others. release: layers whose own choices should go with it.
    void ruleRequested(const gradus::Rule& rule, const QString& text,
                       const std::vector<std::string>& release);
    /// Intent: these are the rules.
    void rulesRequested(const std::vector<gradus::Rule>& rules, const QString& text);
    /// Something worth a line that is no failure: "2 locked layers were left alone".
    void noticed(const QString& text);

protected:
    void changeEvent(QEvent* event) override;
    bool eventFilter(QObject* object, QEvent* event) override;

private:
    struct Kept; ///< what survives a reset of the view

    void makeStrip();
    void makeView();
    void fillViewMenu(QMenu& menu);
    void addColumnActions(QMenu& menu);
    void showMenu(const QPoint& global);
    void applyFilter();
    void toggleLocks(const std::vector<int>& rows);
    void showLocked(int count);
    void showRuleDialog(const std::string& pattern);
    void selectAlike();
    void enterTable();
    void keep();
    void restore();
    void updateStrip();
    void fitColumns();
    /// Hides what there is no room for, and gives the name the rest.
    void layOutColumns();
    void saveCsvDialog();
    [[nodiscard]] int leastNameWidth() const;
    [[nodiscard]] int nameWidth() const;
    [[nodiscard]] RuleContext ruleContext() const;
    [[nodiscard]] const std::vector<int>& selectedRows() const;

    LayerTableModel* m_model = nullptr;
    LayerTree* m_tree = nullptr;
    LayerView* m_view = nullptr;
    FilterLine* m_line = nullptr;
    QPushButton* m_viewButton = nullptr;
    QAction* m_groupAction = nullptr;
    QLabel* m_count = nullptr;
    QLabel* m_stripLabel = nullptr;
    std::vector<QComboBox*> m_bulk;
    QPushButton* m_reset = nullptr;

    std::vector<Rule> m_rules;
    LayerChoice m_standard;
    std::unique_ptr<Kept> m_kept;
    bool m_restoring = false;
    bool m_fitting = false;      ///< columns change size without anybody's hand
    std::set<int> m_idle;        ///< columns of which no row has anything
    bool m_autoColumns = true;   ///< which ones are shown depends on the room
    std::set<int> m_sizedByHand; ///< columns
    int m_longestName = 0;       ///< pixels
};

} // namespace gradus
