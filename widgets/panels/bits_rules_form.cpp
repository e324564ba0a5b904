// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/bits_rules_form.h"

#include "widgets/text.h"

#include <QCheckBox>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QSpinBox>
#include <QToolButton>
#include <QVBoxLayout>

namespace gradus {

BitsRulesForm::BitsRulesForm(QWidget* parent)
    : QWidget(parent)
{
    m_fuse = new QCheckBox(tr("Layers that runtimes &fuse get the same bits"));
    m_fuse->setObjectName(QStringLiteral("allocationFuse"));
    m_fuse->setToolTip(tr("Query, key and value; gate and up: one matrix in most runtimes"));
    connect(m_fuse, &QCheckBox::toggled, this,
            [this](bool on) { Q_EMIT rulesChanged(m_rules, on); });
    m_list = new QWidget;
    m_grid = new QGridLayout(m_list);
    m_grid->setContentsMargins(0, 0, 0, 0);
    m_grid->setHorizontalSpacing(6);
    m_grid->setVerticalSpacing(4);
    m_grid->setColumnStretch(0, 1);
    auto* add = new QToolButton;
    add->setObjectName(QStringLiteral("addBitsRule"));
    add->setText(tr("&Add a rule"));
    add->setToolTip(tr("Limit the bits of layers whose names match a pattern"));
    connect(add, &QToolButton::clicked, this, &BitsRulesForm::addRule);
    m_remarks = new QLabel;
    m_remarks->setWordWrap(true);
    m_remarks->setTextFormat(Qt::PlainText);
    m_remarks->setForegroundRole(QPalette::PlaceholderText);
    m_remarks->setTextInteractionFlags(Qt::TextSelectableByMouse);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(10, 8, 10, 8);
    layout->setSpacing(8);
    layout->addWidget(m_fuse);
    layout->addWidget(m_list);
    layout->addWidget(add, 0, Qt::AlignLeft);
    layout->addWidget(m_remarks);
    layout->addStretch(1);
    setRules({}, true);
}

void BitsRulesForm::setRules(const std::vector<BitsRule>& rules, bool fuse)
{
    const QSignalBlocker quiet(m_fuse);
    m_fuse->setChecked(fuse);
    const auto same = [](const BitsRule& a, const BitsRule& b) {
        return a.pattern == b.pattern && a.minimum == b.minimum && a.maximum == b.maximum;
    };
    if (m_rules.size() == rules.size() &&
        std::equal(rules.begin(), rules.end(), m_rules.begin(), same))
        return; // a line that is being typed in stays
    m_rules = rules;
    refresh();
}

void BitsRulesForm::setRemarks(const QStringList& remarks)
{
    m_remarks->setText(remarks.join(QLatin1Char('\n')));
    m_remarks->setVisible(!remarks.isEmpty());
}

void BitsRulesForm::addRule()
{
    m_rules.push_back({"down_proj", 3, 8});
    refresh();
    Q_EMIT rulesChanged(m_rules, m_fuse->isChecked());
    const QList<QLineEdit*> patterns = m_list->findChildren<QLineEdit*>();
    for (QLineEdit* each : patterns)
        if (each->property("row").toInt() + 1 == static_cast<int>(m_rules.size())) {
            each->setFocus();
            each->selectAll();
        }
}

void BitsRulesForm::refresh()
{
    const QList<QWidget*> before = m_list->findChildren<QWidget*>(Qt::FindDirectChildrenOnly);
    for (QWidget* each : before) { // not at once: one of them may be speaking
        m_grid->removeWidget(each);
        each->hide();
        each->setParent(nullptr);
        each->deleteLater();
    }
    m_list->setVisible(!m_rules.empty());
    for (std::size_t i = 0; i < m_rules.size(); ++i) {
        const int row = static_cast<int>(i);
        const auto changed = [this] { Q_EMIT rulesChanged(m_rules, m_fuse->isChecked()); };
        auto* pattern = new QLineEdit(toQString(m_rules[i].pattern));
        pattern->setProperty("row", row);
        pattern->setObjectName(QStringLiteral("bitsRulePattern%1").arg(row));
        pattern->setAccessibleName(tr("Pattern"));
        pattern->setPlaceholderText(tr("all layers"));
        pattern->setToolTip(tr("A regular expression that is looked for in the layer's name; of "
                               "several rules that match, the last holds"));
        connect(pattern, &QLineEdit::editingFinished, this, [this, pattern, i, changed] {
            const std::string text = pattern->text().toStdString();
            if (i >= m_rules.size() || m_rules[i].pattern == text)
                return;
            m_rules[i].pattern = text;
            changed();
        });
        const auto limit = [&](int value, const QString& name, const QString& prefix) {
            auto* spin = new QSpinBox;
            spin->setRange(2, 8);
            spin->setValue(value);
            spin->setPrefix(prefix);
            spin->setSuffix(tr(" bits"));
            spin->setAccessibleName(name);
            return spin;
        };
        QSpinBox* least = limit(m_rules[i].minimum, tr("Least bits"), tr("from "));
        QSpinBox* most = limit(m_rules[i].maximum, tr("Most bits"), tr("to "));
        connect(least, &QSpinBox::valueChanged, this, [this, most, i, changed](int value) {
            m_rules[i].minimum = value;
            if (most->value() < value)
                most->setValue(value);
            else
                changed();
        });
        connect(most, &QSpinBox::valueChanged, this, [this, least, i, changed](int value) {
            m_rules[i].maximum = value;
            if (least->value() > value)
                least->setValue(value);
            else
                changed();
        });
        auto* remove = new QToolButton;
        remove->setText(QStringLiteral("✕"));
        remove->setAutoRaise(true);
        remove->setAccessibleName(tr("Remove the rule"));
        remove->setToolTip(tr("Remove the rule"));
        connect(remove, &QToolButton::clicked, this, [this, i, changed] {
            m_rules.erase(m_rules.begin() + static_cast<std::ptrdiff_t>(i));
            refresh();
            changed();
        });
        m_grid->addWidget(pattern, row, 0);
        m_grid->addWidget(least, row, 1);
        m_grid->addWidget(most, row, 2);
        m_grid->addWidget(remove, row, 3);
    }
}

} // namespace gradus
