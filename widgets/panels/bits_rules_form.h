// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/allocate.h"

#include <QWidget>

#include <vector>

class QCheckBox;
class QGridLayout;
class QLabel;

namespace gradus {

/// Which bits some layers may have: a line for each pattern, and whether fused layers agree.
class BitsRulesForm final : public QWidget
{
    Q_OBJECT
public:
    explicit BitsRulesForm(QWidget* parent = nullptr);

    /// Says nothing.
    void setRules(const std::vector<BitsRule>& rules, bool fuse);
    [[nodiscard]] const std::vector<BitsRule>& rules() const { return m_rules; }
    /// What follows for the model: "q_proj, k_proj and v_proj are decided as one".
    void setRemarks(const QStringList& remarks);

public Q_SLOTS:
    void addRule();

Q_SIGNALS:
    void rulesChanged(const std::vector<gradus::BitsRule>& rules, bool fuse);

private:
    void refresh();

    std::vector<BitsRule> m_rules;
    QCheckBox* m_fuse = nullptr;
    QWidget* m_list = nullptr;
    QGridLayout* m_grid = nullptr;
    QLabel* m_remarks = nullptr;
};

} // namespace gradus
