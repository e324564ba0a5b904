// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/choice.h"

#include <QWidget>

class QComboBox;
class QLabel;
class QLineEdit;

namespace gradus {

/// One rule of a recipe: its pattern, and what it chooses.
class RuleForm final : public QWidget
{
    Q_OBJECT
public:
    explicit RuleForm(QWidget* parent = nullptr);

    void setRule(const Rule& rule);
    [[nodiscard]] const Rule& rule() const { return m_rule; }
    /// What a float rule starts from when it gets a bit-width.
    void setStandard(const LayerChoice& standard) { m_standard = standard; }
    /// What stands under the pattern: how many layers it reaches, or why it cannot be used.
    void setRemark(const QString& text, bool isProblem);
    [[nodiscard]] QLineEdit* pattern() const { return m_pattern; }
    [[nodiscard]] QComboBox* combo(ChoiceField field) const;

Q_SIGNALS:
    void edited();

private:
    void refresh();
    void apply(ChoiceField field, QComboBox& combo);

    Rule m_rule;
    LayerChoice m_standard;
    QLineEdit* m_pattern;
    QLabel* m_remark;
    std::vector<std::pair<ChoiceField, QComboBox*>> m_combos;
};

} // namespace gradus
