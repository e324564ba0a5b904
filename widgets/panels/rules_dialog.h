// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/choice.h"

#include <QDialog>

#include <set>

class QCheckBox;
class QDialogButtonBox;
class QLabel;
class QPushButton;
class QStringListModel;
class QTreeWidget;

namespace gradus {

class RuleForm;

/// What the dialogs about rules know of the model and the recipe.
struct RuleContext
{
    std::vector<std::string> layers; ///< names, in the model's order
    std::set<std::string> own; ///< layers with a choice of their own, which rules do not reach
    LayerChoice standard;
};

/// Asks for one new rule, and shows which layers it means.
class RuleDialog final : public QDialog
{
    Q_OBJECT
public:
    RuleDialog(const Rule& rule, RuleContext context, QWidget* parent = nullptr);
    [[nodiscard]] RuleForm* form() const { return m_form; }
    [[nodiscard]] QCheckBox* releaseBox() const { return m_release; }
    void accept() override;

Q_SIGNALS:
    /// The rule is to stand before all others. release: layers that it matches and whose own
    /// choices should go, so that it reaches them. text labels the undo step.
    void ruleRequested(const gradus::Rule& rule, const QString& text,
                       const std::vector<std::string>& release);

private:
    void refresh();

    RuleContext m_context;
    RuleForm* m_form;
    QStringListModel* m_matches;
    QCheckBox* m_release;
    QDialogButtonBox* m_buttons;
    std::vector<int> m_matched;
};

/// All rules of the recipe: the first that matches a layer decides.
class RulesDialog final : public QDialog
{
    Q_OBJECT
public:
    RulesDialog(std::vector<Rule> rules, RuleContext context, QWidget* parent = nullptr);
    [[nodiscard]] const std::vector<Rule>& rules() const { return m_rules; }
    [[nodiscard]] RuleForm* form() const { return m_form; }
    [[nodiscard]] QTreeWidget* list() const { return m_list; }
    /// The list as shown, "pattern\tchoice\tlayers" per rule.
    [[nodiscard]] QStringList lines() const;
    void accept() override;

public Q_SLOTS:
    void addRule();
    void removeRule();
    void moveRule(int by); ///< the selected one, up (−1) or down (1)

Q_SIGNALS:
    /// Nothing is emitted when nothing has changed. text labels the undo step.
    void rulesRequested(const std::vector<gradus::Rule>& rules, const QString& text);

private:
    [[nodiscard]] int current() const;
    void refresh(int select);
    void showCurrent();

    RuleContext m_context;
    std::vector<Rule> m_before;
    std::vector<Rule> m_rules;
    std::vector<QString> m_problems;
    QTreeWidget* m_list;
    RuleForm* m_form;
    QLabel* m_empty;
    QPushButton* m_remove;
    QPushButton* m_up;
    QPushButton* m_down;
    QDialogButtonBox* m_buttons;
};

} // namespace gradus
