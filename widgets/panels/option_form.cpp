// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/option_form.h"

#include "widgets/models/option_text.h"
#include "widgets/panels/number_edit.h"
#include "widgets/text.h"

#include <QCheckBox>
#include <QComboBox>
#include <QEvent>
#include <QFormLayout>
#include <QLabel>
#include <QSpinBox>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace gradus {

namespace {
constexpr double leastExponent = 0.15; ///< of a power grid; 0 searches it
} // namespace

OptionForm::OptionForm(QWidget* parent)
    : QWidget(parent)
{
    m_layout = new QVBoxLayout(this);
    m_layout->setContentsMargins(0, 0, 0, 0);
    m_layout->setSpacing(5);
    // Rarely used.
    for (const char* section : {"fine-tuning", "gradient"})
        m_closed.emplace_back(section);
}

void OptionForm::setOptions(const MethodOptions& options)
{
    const MethodDescription* method = findMethod(methodName(options));
    if (!method)
        return;
    m_setting = true;
    if (m_method != method->name)
        build(*method);
    for (const Field& field : m_fields) {
        const std::string& name = field.option->name;
        fill(field, toQString(optionValue(options, name)));
        QString why;
        const bool matters = optionMatters(options, name, &why);
        const QString help = optionHelp(*field.option);
        field.editor->setEnabled(matters);
        field.editor->setToolTip(matters ? help : help + QLatin1Char('\n') + why);
        if (field.label) {
            field.label->setEnabled(matters);
            field.label->setToolTip(field.editor->toolTip());
        }
    }
    for (Section& each : m_sections) {
        if (!each.title)
            continue;
        const QString title = optionSectionTitle(each.name);
        each.title->setText(each.switchedBy.empty() ? title
                            : optionValue(options, each.switchedBy) == "true"
                                ? tr("%1: on").arg(title)
                                : tr("%1: off").arg(title));
    }
    m_setting = false;
}

void OptionForm::build(const MethodDescription& method)
{
    m_method = method.name;
    m_fields.clear();
    for (Section& each : m_sections) {
        delete each.title;
        delete each.box;
    }
    m_sections.clear();
    for (const OptionDescription& option : method.options) {
        QFormLayout* form = section(method, option.section).form;
        Field field{&option, makeEditor(option), nullptr};
        if (option.type == OptionDescription::Type::Boolean) {
            form->addRow(QString(), field.editor);
        } else {
            form->addRow(optionTitle(option.name), field.editor);
            field.label = form->labelForField(field.editor);
        }
        // The wheel scrolls the form; it changes a field only once that has the focus.
        field.editor->setFocusPolicy(Qt::StrongFocus);
        field.editor->installEventFilter(this);
        m_fields.push_back(field);
    }
    // Fields of all sections stand under each other.
    int widest = 0;
    for (const Field& field : m_fields)
        widest = std::max(widest, field.label ? field.label->sizeHint().width() : 0);
    for (const Field& field : m_fields)
        if (field.label)
            field.label->setMinimumWidth(widest);
}

OptionForm::Section& OptionForm::section(const MethodDescription& method, const std::string& name)
{
    for (Section& each : m_sections)
        if (each.name == name)
            return each;
    Section added;
    added.name = name;
    added.switchedBy = sectionSwitch(method, name);
    added.box = new QWidget;
    added.form = new QFormLayout(added.box);
    added.form->setContentsMargins(0, 0, 0, 0);
    added.form->setVerticalSpacing(5);
    added.form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
    added.form->setRowWrapPolicy(QFormLayout::WrapLongRows);
    if (!name.empty()) {
        auto* title = new QToolButton;
        title->setAutoRaise(true);
        title->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
        title->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
        title->setFocusPolicy(Qt::TabFocus);
        title->setToolTip(tr("Shows or hides these options"));
        QFont bold = title->font();
        bold.setBold(true);
        title->setFont(bold);
        added.title = title;
        m_layout->addWidget(title);
        connect(title, &QToolButton::clicked, this,
                [this, name] { setSectionOpen(name, !isSectionOpen(name)); });
    }
    m_layout->addWidget(added.box);
    m_sections.push_back(added);
    fold(m_sections.back(), isSectionOpen(name));
    return m_sections.back();
}

void OptionForm::fold(Section& section, bool open)
{
    if (!section.title)
        return;
    section.title->setArrowType(open ? Qt::DownArrow : Qt::RightArrow);
    section.title->setAccessibleDescription(open ? tr("shown") : tr("hidden"));
    section.box->setVisible(open);
}

void OptionForm::setSectionOpen(const std::string& name, bool open)
{
    const auto at = std::find(m_closed.begin(), m_closed.end(), name);
    if (open && at != m_closed.end())
        m_closed.erase(at);
    else if (!open && at == m_closed.end())
        m_closed.push_back(name);
    for (Section& each : m_sections)
        if (each.name == name)
            fold(each, open);
}

bool OptionForm::isSectionOpen(const std::string& name) const
{
    return std::find(m_closed.begin(), m_closed.end(), name) == m_closed.end();
}

QWidget* OptionForm::makeEditor(const OptionDescription& option)
{
    const QString name = toQString(option.name);
    const auto changed = [this, name](const QString& value) {
        if (!m_setting)
            Q_EMIT edited(name, value);
    };
    switch (option.type) {
    case OptionDescription::Type::Boolean: {
        auto* box = new QCheckBox(optionTitle(option.name));
        connect(box, &QCheckBox::toggled, this, [changed](bool on) {
            changed(on ? QStringLiteral("true") : QStringLiteral("false"));
        });
        return box;
    }
    case OptionDescription::Type::Integer: {
        auto* spin = new QSpinBox;
        spin->setRange(static_cast<int>(option.minimum), static_cast<int>(option.maximum));
        spin->setKeyboardTracking(false);
        spin->setAccelerated(true);
        connect(spin, &QSpinBox::valueChanged, this,
                [changed](int value) { changed(QString::number(value)); });
        return spin;
    }
    case OptionDescription::Type::Choice: {
        auto* combo = new QComboBox;
        for (const std::string& each : option.choices)
            combo->addItem(optionChoiceTitle(each, option.name), toQString(each));
        combo->setSizeAdjustPolicy(QComboBox::AdjustToContents);
        connect(combo, &QComboBox::currentIndexChanged, this,
                [changed, combo](int) { changed(combo->currentData().toString()); });
        return combo;
    }
    case OptionDescription::Type::Real:
        break;
    }
    auto* edit = new NumberEdit;
    edit->setRange(option.minimum, option.maximum);
    if (option.name == "exponent")
        edit->setZeroWord(tr("searched"), leastExponent);
    connect(edit, &QDoubleSpinBox::valueChanged, this,
            [changed](double value) { changed(realOptionText(value)); });
    connect(edit, &NumberEdit::refused, this,
            [this, title = optionTitle(option.name)](const QString& reason) {
                if (!m_setting)
                    Q_EMIT refused(tr("%1: %2").arg(title, reason));
            });
    return edit;
}

void OptionForm::fill(const Field& field, const QString& value)
{
    if (auto* box = qobject_cast<QCheckBox*>(field.editor))
        box->setChecked(value == QLatin1String("true"));
    else if (auto* combo = qobject_cast<QComboBox*>(field.editor))
        combo->setCurrentIndex(combo->findData(value));
    else if (auto* whole = qobject_cast<QSpinBox*>(field.editor))
        whole->setValue(value.toInt());
    else if (auto* real = qobject_cast<QDoubleSpinBox*>(field.editor))
        real->setValue(value.toDouble());
}

QString OptionForm::shown(const Field& field)
{
    if (const auto* box = qobject_cast<const QCheckBox*>(field.editor))
        return box->isChecked() ? QStringLiteral("true") : QStringLiteral("false");
    if (const auto* combo = qobject_cast<const QComboBox*>(field.editor))
        return combo->currentText();
    if (const auto* spin = qobject_cast<const QAbstractSpinBox*>(field.editor))
        return spin->text();
    return {};
}

QStringList OptionForm::lines() const
{
    QStringList lines;
    for (const Field& field : m_fields)
        lines.append(optionTitle(field.option->name) + QLatin1Char('\t') + shown(field));
    return lines;
}

QWidget* OptionForm::editor(const std::string& name) const
{
    for (const Field& field : m_fields)
        if (field.option->name == name)
            return field.editor;
    return nullptr;
}

bool OptionForm::eventFilter(QObject* object, QEvent* event)
{
    auto* widget = qobject_cast<QWidget*>(object);
    if (event->type() == QEvent::Wheel && widget && !widget->hasFocus()) {
        event->ignore();
        return true;
    }
    return QWidget::eventFilter(object, event);
}

} // namespace gradus
