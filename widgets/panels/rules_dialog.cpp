// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/rules_dialog.h"

#include "core/base/error.h"
#include "widgets/models/rule_pattern.h"
#include "widgets/panels/rule_form.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QPushButton>
#include <QSignalBlocker>
#include <QStringListModel>
#include <QTreeWidget>
#include <QVBoxLayout>

namespace gradus {

namespace {
enum RuleColumn
{
    Number,
    Pattern,
    Choice,
    Layers
};

QString layersText(std::size_t count)
{
    return count == 1 ? RuleDialog::tr("1 layer") : RuleDialog::tr("%1 layers").arg(count);
}
} // namespace

RuleDialog::RuleDialog(const Rule& rule, RuleContext context, QWidget* parent)
    : QDialog(parent)
    , m_context(std::move(context))
{
    setWindowTitle(tr("New rule"));
    auto* intro = new QLabel(tr("The rule goes before all others: layers that it matches get its "
                                "choice, unless they have one of their own."));
    intro->setWordWrap(true);
    m_form = new RuleForm;
    m_form->setStandard(m_context.standard);
    m_form->setRule(rule);
    m_matches = new QStringListModel(this);
    auto* matches = new QListView;
    matches->setModel(m_matches);
    matches->setUniformItemSizes(true);
    matches->setEditTriggers(QAbstractItemView::NoEditTriggers);
    matches->setSelectionMode(QAbstractItemView::NoSelection);
    matches->setTextElideMode(Qt::ElideLeft);
    matches->setAccessibleName(tr("Layers that match"));
    m_release = new QCheckBox;
    m_buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);
    m_buttons->button(QDialogButtonBox::Ok)->setText(tr("Add rule"));
    connect(m_buttons, &QDialogButtonBox::accepted, this, &RuleDialog::accept);
    connect(m_buttons, &QDialogButtonBox::rejected, this, &RuleDialog::reject);
    connect(m_form, &RuleForm::edited, this, &RuleDialog::refresh);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(intro);
    layout->addWidget(m_form);
    layout->addWidget(matches, 1);
    layout->addWidget(m_release);
    layout->addWidget(m_buttons);
    resize(620, 460);
    m_form->pattern()->setFocus();
    refresh();
}

void RuleDialog::refresh()
{
    QStringList names;
    std::size_t own = 0;
    bool usable = false;
    m_matched.clear();
    try {
        if (!m_form->rule().pattern.empty())
            m_matched = layersMatching(m_form->rule().pattern, m_context.layers);
        usable = !m_matched.empty();
        m_form->setRemark(m_form->rule().pattern.empty()
                              ? tr("Type a pattern")
                              : tr("Matches %1").arg(layersText(m_matched.size())),
                          false);
    } catch (const Error& error) {
        m_form->setRemark(toQString(error.what()), true);
    }
    for (const int at : m_matched) {
        const std::string& name = m_context.layers[static_cast<std::size_t>(at)];
        const bool has = m_context.own.count(name) > 0;
        own += has;
        names.append(has ? tr("%1 (has a choice of its own)").arg(toQString(name))
                         : toQString(name));
    }
    m_matches->setStringList(names);
    m_release->setVisible(own > 0);
    m_release->setText(own == 1 ? tr("&Clear the choice of its own of 1 layer")
                                : tr("&Clear the choices of their own of %1 layers").arg(own));
    m_buttons->button(QDialogButtonBox::Ok)->setEnabled(usable);
}

void RuleDialog::accept()
{
    if (m_matched.empty())
        return;
    std::vector<std::string> release;
    for (const int at : m_matched) {
        const std::string& name = m_context.layers[static_cast<std::size_t>(at)];
        if (m_release->isChecked() && m_context.own.count(name) > 0)
            release.push_back(name);
    }
    Q_EMIT ruleRequested(m_form->rule(), tr("rule for %1").arg(layersText(m_matched.size())),
                         release);
    QDialog::accept();
}

RulesDialog::RulesDialog(std::vector<Rule> rules, RuleContext context, QWidget* parent)
    : QDialog(parent)
    , m_context(std::move(context))
    , m_before(rules)
    , m_rules(std::move(rules))
{
    setWindowTitle(tr("Rules"));
    auto* intro =
        new QLabel(tr("The first rule whose pattern is found in a layer's name decides. A layer "
                      "with a choice of its own is not reached; one that no rule matches gets the "
                      "standard."));
    intro->setWordWrap(true);

    m_list = new QTreeWidget;
    m_list->setHeaderLabels({tr("#"), tr("Pattern"), tr("Choice"), tr("Layers")});
    m_list->headerItem()->setTextAlignment(Layers, Qt::AlignRight | Qt::AlignVCenter);
    m_list->headerItem()->setToolTip(Layers, tr("Layers that the rule decides, of those that its "
                                                "pattern is found in"));
    m_list->setRootIsDecorated(false);
    m_list->setAlternatingRowColors(true);
    m_list->setUniformRowHeights(true);
    m_list->setAccessibleName(tr("Rules"));
    m_list->header()->setStretchLastSection(false);
    m_list->header()->setSectionResizeMode(Number, QHeaderView::ResizeToContents);
    m_list->header()->setSectionResizeMode(Pattern, QHeaderView::Stretch);
    m_list->header()->setSectionResizeMode(Choice, QHeaderView::ResizeToContents);
    m_list->header()->setSectionResizeMode(Layers, QHeaderView::ResizeToContents);

    const auto button = [](const QString& text, const QString& tip) {
        auto* made = new QPushButton(text);
        made->setToolTip(tip);
        made->setAutoDefault(false);
        return made;
    };
    auto* add = button(tr("&Add"), tr("A new rule at the end"));
    m_remove = button(tr("&Delete"), tr("Remove the selected rule"));
    m_up = button(tr("Move &up"), tr("Let the selected rule decide earlier"));
    m_down = button(tr("Move do&wn"), tr("Let the selected rule decide later"));
    auto* side = new QVBoxLayout;
    for (QPushButton* each : {add, m_remove, m_up, m_down})
        side->addWidget(each);
    side->addStretch(1);
    auto* top = new QHBoxLayout;
    top->addWidget(m_list, 1);
    top->addLayout(side);

    m_form = new RuleForm;
    m_form->setStandard(m_context.standard);
    m_empty =
        new QLabel(tr("No rules yet: every layer gets the standard. Add one, or select layers "
                      "in the table and choose “New rule from selection…”."));
    m_empty->setWordWrap(true);
    m_empty->setForegroundRole(QPalette::PlaceholderText);
    m_buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);

    auto* layout = new QVBoxLayout(this);
    layout->addWidget(intro);
    layout->addLayout(top, 1);
    layout->addWidget(m_empty);
    layout->addWidget(m_form);
    layout->addWidget(m_buttons);
    resize(760, 480);

    connect(add, &QPushButton::clicked, this, &RulesDialog::addRule);
    connect(m_remove, &QPushButton::clicked, this, &RulesDialog::removeRule);
    connect(m_up, &QPushButton::clicked, this, [this] { moveRule(-1); });
    connect(m_down, &QPushButton::clicked, this, [this] { moveRule(1); });
    connect(m_list, &QTreeWidget::currentItemChanged, this, &RulesDialog::showCurrent);
    connect(m_form, &RuleForm::edited, this, [this] {
        const int at = current();
        if (at < 0)
            return;
        m_rules[static_cast<std::size_t>(at)] = m_form->rule();
        refresh(at);
    });
    connect(m_buttons, &QDialogButtonBox::accepted, this, &RulesDialog::accept);
    connect(m_buttons, &QDialogButtonBox::rejected, this, &RulesDialog::reject);
    refresh(0);
}

int RulesDialog::current() const
{
    return m_list->indexOfTopLevelItem(m_list->currentItem());
}

void RulesDialog::refresh(int select)
{
    const std::vector<RuleReach> reach = reachOf(m_rules, m_context.layers, m_context.own);
    const QSignalBlocker quiet(m_list);
    const bool sized = m_list->topLevelItemCount() == static_cast<int>(m_rules.size());
    if (!sized)
        m_list->clear();
    m_problems.assign(m_rules.size(), QString());
    bool usable = true;
    for (std::size_t i = 0; i < m_rules.size(); ++i) {
        auto* item =
            sized ? m_list->topLevelItem(static_cast<int>(i)) : new QTreeWidgetItem(m_list);
        m_problems[i] = m_rules[i].pattern.empty() ? tr("The pattern is empty") : reach[i].problem;
        usable = usable && m_problems[i].isEmpty();
        item->setSizeHint(Number, QSize(0, fontMetrics().height() + 9));
        item->setText(Number, QString::number(i + 1));
        item->setText(Pattern, toQString(m_rules[i].pattern));
        item->setText(Choice, choiceText(m_rules[i].choice));
        item->setText(Layers, !m_problems[i].isEmpty() ? QStringLiteral("◆")
                              : reach[i].decided == reach[i].matched
                                  ? QString::number(reach[i].matched)
                                  : tr("%1 of %2").arg(reach[i].decided).arg(reach[i].matched));
        item->setTextAlignment(Layers, Qt::AlignRight | Qt::AlignVCenter);
        item->setToolTip(Pattern, toQString(m_rules[i].pattern));
        item->setToolTip(
            Layers,
            !m_problems[i].isEmpty() ? m_problems[i]
            : reach[i].decided == reach[i].matched
                ? tr("Decides %1").arg(layersText(static_cast<std::size_t>(reach[i].matched)))
                : tr("Found in %1, decides %2; the others have an earlier rule or a choice "
                     "of their own")
                      .arg(layersText(static_cast<std::size_t>(reach[i].matched)))
                      .arg(reach[i].decided));
    }
    if (!m_rules.empty())
        m_list->setCurrentItem(
            m_list->topLevelItem(qBound(0, select, static_cast<int>(m_rules.size()) - 1)));
    m_buttons->button(QDialogButtonBox::Ok)->setEnabled(usable);
    showCurrent();
}

void RulesDialog::showCurrent()
{
    const int at = current();
    m_form->setVisible(at >= 0);
    m_empty->setVisible(m_rules.empty());
    m_remove->setEnabled(at >= 0);
    m_up->setEnabled(at > 0);
    m_down->setEnabled(at >= 0 && at + 1 < static_cast<int>(m_rules.size()));
    if (at < 0)
        return;
    const auto place = static_cast<std::size_t>(at);
    if (!(m_form->rule() == m_rules[place]))
        m_form->setRule(m_rules[place]);
    if (m_problems[place].isEmpty())
        m_form->setRemark(m_list->currentItem()->toolTip(Layers), false);
    else
        m_form->setRemark(m_problems[place], true);
}

QStringList RulesDialog::lines() const
{
    QStringList lines;
    for (int i = 0; i < m_list->topLevelItemCount(); ++i) {
        const QTreeWidgetItem* item = m_list->topLevelItem(i);
        lines.append(QStringList{item->text(Pattern), item->text(Choice), item->text(Layers)}.join(
            QLatin1Char('\t')));
    }
    return lines;
}

void RulesDialog::addRule()
{
    Rule rule;
    rule.choice = m_context.standard;
    m_rules.push_back(rule);
    refresh(static_cast<int>(m_rules.size()) - 1);
    m_form->pattern()->setFocus();
}

void RulesDialog::removeRule()
{
    const int at = current();
    if (at < 0)
        return;
    m_rules.erase(m_rules.begin() + at);
    refresh(at);
}

void RulesDialog::moveRule(int by)
{
    const int at = current();
    const int to = at + by;
    if (at < 0 || to < 0 || to >= static_cast<int>(m_rules.size()))
        return;
    std::swap(m_rules[static_cast<std::size_t>(at)], m_rules[static_cast<std::size_t>(to)]);
    refresh(to);
}

void RulesDialog::accept()
{
    for (std::size_t i = 0; i < m_problems.size(); ++i) {
        if (!m_problems[i].isEmpty()) {
            m_list->setCurrentItem(m_list->topLevelItem(static_cast<int>(i)));
            return;
        }
    }
    if (m_rules != m_before)
        Q_EMIT rulesRequested(m_rules, tr("rules"));
    QDialog::accept();
}

} // namespace gradus
