// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/rule_form.h"

#include "core/base/error.h"
#include "widgets/delegates/choice_delegate.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <QComboBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QSignalBlocker>

namespace gradus {

RuleForm::RuleForm(QWidget* parent)
    : QWidget(parent)
{
    auto* form = new QFormLayout(this);
    form->setContentsMargins(0, 0, 0, 0);
    m_pattern = new QLineEdit;
    m_pattern->setToolTip(tr("A regular expression that is looked for in the layer's name (PCRE2 "
                             "syntax); letter case counts"));
    form->addRow(tr("&Pattern"), m_pattern);
    m_remark = new QLabel;
    m_remark->setWordWrap(true);
    m_remark->setTextFormat(Qt::PlainText);
    form->addRow(QString(), m_remark);
    auto* choices = new QHBoxLayout;
    choices->setSpacing(6);
    const std::pair<ChoiceField, QString> fields[] = {{ChoiceField::Method, tr("Method")},
                                                      {ChoiceField::Bits, tr("Bits")},
                                                      {ChoiceField::Group, tr("Group")},
                                                      {ChoiceField::Symmetry, tr("Symmetry")}};
    for (const auto& [field, title] : fields) {
        QComboBox* combo = makeFieldCombo(field, this);
        combo->setAccessibleName(title);
        combo->setToolTip(title);
        const ChoiceField which = field;
        connect(combo, &QComboBox::activated, this, [this, which, combo] { apply(which, *combo); });
        if (combo->isEditable())
            connect(combo->lineEdit(), &QLineEdit::editingFinished, this,
                    [this, which, combo] { apply(which, *combo); });
        m_combos.emplace_back(field, combo);
        choices->addWidget(combo);
    }
    choices->addStretch(1);
    form->addRow(tr("Choice"), choices);
    connect(m_pattern, &QLineEdit::textEdited, this, [this](const QString& text) {
        m_rule.pattern = text.toStdString();
        Q_EMIT edited();
    });
    refresh();
}

QComboBox* RuleForm::combo(ChoiceField field) const
{
    for (const auto& [which, combo] : m_combos) {
        if (which == field)
            return combo;
    }
    return nullptr;
}

void RuleForm::setRule(const Rule& rule)
{
    m_rule = rule;
    refresh();
}

void RuleForm::refresh()
{
    const QString pattern = toQString(m_rule.pattern);
    if (m_pattern->text() != pattern) // the cursor stays while one types
        m_pattern->setText(pattern);
    for (const auto& [field, combo] : m_combos) {
        const QSignalBlocker quiet(combo);
        setFieldComboValue(*combo, fieldValue(m_rule.choice, field));
        combo->setEnabled(applies(m_rule.choice, ChoiceEdit{field, {}, {}}));
    }
}

void RuleForm::apply(ChoiceField field, QComboBox& combo)
{
    const QString value = fieldComboValue(combo);
    if (value == fieldValue(m_rule.choice, field))
        return;
    try {
        m_rule.choice = gradus::edited(m_rule.choice, ChoiceEdit{field, value, {}}, m_standard);
    } catch (const Error& error) {
        refresh();
        setRemark(toQString(error.what()), true);
        return;
    }
    refresh();
    Q_EMIT edited();
}

void RuleForm::setRemark(const QString& text, bool isProblem)
{
    QPalette colours = palette();
    colours.setColor(QPalette::WindowText, isProblem ? themeColours(palette()).poor
                                                     : palette().color(QPalette::PlaceholderText));
    m_remark->setPalette(colours);
    m_remark->setText(isProblem ? QStringLiteral("◆ ") + text : text);
}

} // namespace gradus
