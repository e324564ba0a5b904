// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/method_panel.h"

#include "core/base/error.h"
#include "widgets/core_text.h"
#include "widgets/delegates/choice_delegate.h"
#include "widgets/panels/elided_label.h"
#include "widgets/panels/field_pairs.h"
#include "widgets/panels/option_form.h"
#include "widgets/text.h"

#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QTabBar>
#include <QVBoxLayout>

namespace gradus {

namespace {
struct FormField
{
    ChoiceField field;
    const char* title;
    const char* toolTip;
};
constexpr FormField formFields[] = {
    {ChoiceField::Method, QT_TRANSLATE_NOOP("gradus::MethodPanel", "Method"),
     QT_TRANSLATE_NOOP("gradus::MethodPanel", "How the codes are chosen")},
    {ChoiceField::Bits, QT_TRANSLATE_NOOP("gradus::MethodPanel", "Bits"),
     QT_TRANSLATE_NOOP("gradus::MethodPanel", "Bits of a code; float keeps the layer as it is")},
    {ChoiceField::Group, QT_TRANSLATE_NOOP("gradus::MethodPanel", "Group"),
     QT_TRANSLATE_NOOP(
         "gradus::MethodPanel",
         "Consecutive inputs that share a scale: a whole channel, the whole tensor, or a number")},
    {ChoiceField::Symmetry, QT_TRANSLATE_NOOP("gradus::MethodPanel", "Symmetry"),
     QT_TRANSLATE_NOOP("gradus::MethodPanel",
                       "Symmetric: the zero stands in the middle, is not stored")},
    {ChoiceField::ScaleType, QT_TRANSLATE_NOOP("gradus::MethodPanel", "Scales"),
     QT_TRANSLATE_NOOP("gradus::MethodPanel", "Type in which scales are stored")},
};
constexpr FormField inputFields[] = {
    {ChoiceField::InputBits, QT_TRANSLATE_NOOP("gradus::MethodPanel", "Bits"),
     QT_TRANSLATE_NOOP("gradus::MethodPanel",
                       "Bits of the layer's inputs, its activations; float leaves them as they "
                       "are. Needs calibration.")},
    {ChoiceField::InputQuantizer, QT_TRANSLATE_NOOP("gradus::MethodPanel", "Quantizer"),
     QT_TRANSLATE_NOOP(
         "gradus::MethodPanel",
         "A power grid of the inputs' own, or an evenly spaced one with a zero point. "
         "The method's is uniform for static methods such as RepQuant, power for all "
         "others.")},
    {ChoiceField::InputExponent, QT_TRANSLATE_NOOP("gradus::MethodPanel", "Exponent"),
     QT_TRANSLATE_NOOP("gradus::MethodPanel",
                       "Searched for the inputs alone; the weights' own exponent, found for both, "
                       "which integer tables need; ½ or 1, which integers compute exactly")},
    {ChoiceField::InputClip, QT_TRANSLATE_NOOP("gradus::MethodPanel", "Limit"),
     QT_TRANSLATE_NOOP("gradus::MethodPanel",
                       "Value of the largest code: that of the least squared error, or the largest "
                       "magnitude seen. What lies beyond saturates.")},
    {ChoiceField::InputShift, QT_TRANSLATE_NOOP("gradus::MethodPanel", "Shift"),
     QT_TRANSLATE_NOOP("gradus::MethodPanel",
                       "Inputs with small negative parts, as SiLU and GELU have them, are moved up "
                       "so that all codes are for positive values")},
    {ChoiceField::InputRange, QT_TRANSLATE_NOOP("gradus::MethodPanel", "Range"),
     QT_TRANSLATE_NOOP("gradus::MethodPanel",
                       "From the smallest to the largest input; between the percentiles of least "
                       "squared error; or shrunk to the least squared error. What lies beyond "
                       "saturates.")},
    {ChoiceField::InputGranularity, QT_TRANSLATE_NOOP("gradus::MethodPanel", "Granularity"),
     QT_TRANSLATE_NOOP("gradus::MethodPanel",
                       "One scale for all inputs of the layer, or one for each channel of a norm's "
                       "outputs: the norm and the layers that read it are changed so that the "
                       "layer still has one. Without a norm before it: one for all.")},
};
constexpr FormField attentionFields[] = {
    {ChoiceField::AttentionBits, QT_TRANSLATE_NOOP("gradus::MethodPanel", "q, k, v"),
     QT_TRANSLATE_NOOP("gradus::MethodPanel",
                       "Bits of queries, keys and values of the attention that the layer reads")},
    {ChoiceField::SoftmaxBits, QT_TRANSLATE_NOOP("gradus::MethodPanel", "Softmax"),
     QT_TRANSLATE_NOOP("gradus::MethodPanel",
                       "Bits of the probabilities that the softmax of the attention puts out")},
    {ChoiceField::SoftmaxQuantizer, QT_TRANSLATE_NOOP("gradus::MethodPanel", "Levels"),
     QT_TRANSLATE_NOOP("gradus::MethodPanel",
                       "Levels of the probabilities: powers of √½, powers of ½, or evenly spaced "
                       "ones")},
};
constexpr int maximumFormWidth = 560;

QString translated(const char* text)
{
    return MethodPanel::tr(text);
}
} // namespace

MethodPanel::MethodPanel(QWidget* parent)
    : QWidget(parent)
{
    m_target = new QTabBar;
    m_target->addTab(tr("Selected layers"));
    m_target->addTab(tr("Standard"));
    m_target->setTabToolTip(0, tr("The choice of the selected layers"));
    m_target->setTabToolTip(1, tr("What every layer takes that has no choice of its own"));
    m_target->setExpanding(false);
    m_target->setDrawBase(false);
    m_heading = new ElidedLabel;
    m_heading->setTextFormat(Qt::PlainText);
    QFont bold = m_heading->font();
    bold.setBold(true);
    m_heading->setFont(bold);
    m_heading->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_reset = new QPushButton(tr("Reset"));
    m_reset->setToolTip(tr("Back to what the recipe's rules and standard say"));
    connect(m_reset, &QPushButton::clicked, this, [this] {
        std::vector<std::string> names;
        for (const auto& [name, choice] : m_layers)
            names.push_back(name);
        Q_EMIT resetRequested(names);
    });

    m_form = new QWidget;
    m_form->setMaximumWidth(maximumFormWidth);
    const auto addField = [this](FieldPairs* to, const FormField& entry) {
        auto* label = new QLabel(translated(entry.title));
        QComboBox* combo = makeFieldCombo(entry.field, m_form);
        combo->setSizeAdjustPolicy(QComboBox::AdjustToContents);
        combo->setToolTip(translated(entry.toolTip));
        label->setToolTip(combo->toolTip());
        label->setBuddy(combo);
        const ChoiceField field = entry.field;
        const auto apply = [this, combo, field] {
            if (!m_refreshing)
                request(ChoiceEdit{field, fieldComboValue(*combo), {}});
        };
        connect(combo, &QComboBox::activated, this, apply);
        if (combo->isEditable())
            connect(combo->lineEdit(), &QLineEdit::editingFinished, this, apply);
        m_fields.emplace_back(field, combo);
        to->add(label, combo, field == ChoiceField::Method);
        return combo;
    };
    auto* scheme = new FieldPairs;
    for (const FormField& entry : formFields)
        addField(scheme, entry);

    m_summary = new QLabel;
    m_summary->setWordWrap(true);
    m_summary->setForegroundRole(QPalette::PlaceholderText);
    m_options = new OptionForm;
    connect(m_options, &OptionForm::edited, this,
            [this](const QString& name, const QString& value) {
                if (!m_refreshing)
                    request(ChoiceEdit{ChoiceField::Option, value, name});
            });
    connect(m_options, &OptionForm::refused, this, &MethodPanel::editRefused);

    m_inputs = new QWidget;
    auto* inputs = new QVBoxLayout(m_inputs);
    inputs->setContentsMargins(0, 2, 0, 0);
    inputs->setSpacing(6);
    auto* inputsTitle = new QLabel(tr("Inputs of the layer"));
    inputsTitle->setFont(bold);
    inputs->addWidget(inputsTitle);
    auto* ofInputs = new FieldPairs;
    m_powerInputs = new FieldPairs;
    m_uniformInputs = new FieldPairs;
    for (const FormField& entry : inputFields) {
        FieldPairs* to = isOfPowerInputs(entry.field)     ? m_powerInputs
                         : isOfUniformInputs(entry.field) ? m_uniformInputs
                                                          : ofInputs;
        QComboBox* combo = addField(to, entry);
        combo->setAccessibleName(tr("%1 of the inputs").arg(translated(entry.title)));
    }
    m_attention = new QWidget;
    auto* attention = new QVBoxLayout(m_attention);
    attention->setContentsMargins(0, 2, 0, 0);
    attention->setSpacing(6);
    auto* attentionTitle = new QLabel(tr("Attention before the layer"));
    attentionTitle->setFont(bold);
    attention->addWidget(attentionTitle);
    auto* ofAttention = new FieldPairs;
    for (const FormField& entry : attentionFields) {
        QComboBox* combo = addField(ofAttention, entry);
        combo->setAccessibleName(tr("%1 of the attention").arg(translated(entry.title)));
    }
    attention->addWidget(ofAttention);
    for (QWidget* each : {ofInputs, m_powerInputs, m_uniformInputs})
        inputs->addWidget(each);
    m_inputsWhy = new QLabel;
    m_inputsWhy->setWordWrap(true);
    m_inputsWhy->setForegroundRole(QPalette::PlaceholderText);
    m_inputsWhy->hide();
    inputs->addWidget(m_inputsWhy);
    inputs->addWidget(m_attention);

    auto* form = new QVBoxLayout(m_form);
    form->setContentsMargins(10, 4, 10, 8);
    form->setSpacing(8);
    form->addWidget(scheme);
    form->addWidget(m_summary);
    form->addWidget(m_options);
    form->addWidget(m_inputs);
    form->addStretch(1);
    auto* holder = new QWidget;
    auto* holderLayout = new QHBoxLayout(holder);
    holderLayout->setContentsMargins(0, 0, 0, 0);
    holderLayout->addWidget(m_form, 1);
    holderLayout->addStretch(0);
    auto* scroll = new QScrollArea;
    scroll->setWidget(holder);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setMinimumWidth(m_form->minimumSizeHint().width() +
                            scroll->verticalScrollBar()->sizeHint().width());

    auto* headRow = new QWidget;
    headRow->setMaximumWidth(maximumFormWidth);
    auto* head = new QHBoxLayout(headRow);
    head->setContentsMargins(10, 2, 10, 2);
    head->addWidget(m_heading, 1);
    head->addWidget(m_reset);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 2, 0, 0);
    layout->setSpacing(4);
    auto* tabs = new QHBoxLayout;
    tabs->setContentsMargins(6, 0, 6, 0);
    tabs->addWidget(m_target);
    tabs->addStretch(1);
    layout->addLayout(tabs);
    layout->addWidget(headRow);
    layout->addWidget(scroll, 1);
    connect(m_target, &QTabBar::currentChanged, this, &MethodPanel::refresh);
    refresh();
}

bool MethodPanel::editsStandard() const
{
    return m_target->currentIndex() == 1;
}

void MethodPanel::showStandard(bool standard)
{
    m_target->setCurrentIndex(standard ? 1 : 0);
}

const LayerChoice* MethodPanel::shownChoice() const
{
    if (editsStandard())
        return &m_standard;
    return m_layers.empty() ? nullptr : &m_layers.front().second;
}

void MethodPanel::setState(const LayerChoice& standard,
                           std::vector<std::pair<std::string, LayerChoice>> layers,
                           bool selectedHaveOverrides)
{
    m_standard = standard;
    m_layers = std::move(layers);
    m_overridden = selectedHaveOverrides;
    refresh();
}

void MethodPanel::setInputSites(const InputSites& ofSelected, const InputSites& ofAll)
{
    m_inputSites = ofSelected;
    m_allInputSites = ofAll;
}

void MethodPanel::refresh()
{
    m_refreshing = true;
    const InputSites& sites = editsStandard() ? m_allInputSites : m_inputSites;
    const QString whyNoInputs = sites.whyFloat;
    m_inputsWhy->setText(whyNoInputs);
    m_inputsWhy->setVisible(!whyNoInputs.isEmpty());
    const LayerChoice* choice = shownChoice();
    if (editsStandard())
        m_heading->setText(tr("Layers without a choice of their own"));
    else if (m_layers.empty())
        m_heading->setText(tr("No layer selected"));
    else if (m_layers.size() == 1)
        m_heading->setText(toQString(m_layers.front().first));
    else
        m_heading->setText(tr("%1 layers").arg(m_layers.size()));
    m_heading->setToolTip(m_heading->text());
    m_reset->setVisible(!editsStandard());
    m_reset->setEnabled(m_overridden);
    m_form->setEnabled(choice != nullptr);
    if (choice) {
        for (auto& [field, combo] : m_fields) {
            // Several layers that differ show nothing: choosing makes them equal.
            bool mixed = false;
            if (!editsStandard()) {
                for (const auto& [name, other] : m_layers)
                    mixed = mixed || fieldValue(other, field) != fieldValue(*choice, field);
            }
            combo->setPlaceholderText(tr("mixed"));
            if (combo->isEditable())
                combo->lineEdit()->setPlaceholderText(tr("mixed"));
            const bool powerGrid = field == ChoiceField::Symmetry && powerGridOf(choice->method);
            setFieldComboValue(*combo, powerGrid ? QStringLiteral("symmetric")
                                       : mixed   ? QString()
                                                 : fieldValue(*choice, field));
            const bool fixedInput = isOfInputs(field) && !whyNoInputs.isEmpty() &&
                                    (field != ChoiceField::InputQuantizer || !sites.quantizer);
            if (fixedInput)
                setFieldComboValue(*combo, fieldValue(LayerChoice(), field));
            combo->setEnabled(!powerGrid && !fixedInput &&
                              applies(*choice, ChoiceEdit{field, {}, {}}));
        }
        const MethodDescription* description = findMethod(methodName(choice->method));
        QString summary = choice->keepFloat ? tr("Stays in the source's own type.")
                          : description     ? coreText(description->summary)
                                            : QString();
        if (!choice->keepFloat && powerGridOf(choice->method) && !choice->scheme.symmetric)
            summary = tr("%1 Power grids are symmetric: they have no zero point, whatever the "
                         "scheme says.")
                          .arg(summary);
        m_summary->setText(summary);
    } else {
        for (auto& [field, combo] : m_fields) {
            combo->setPlaceholderText({});
            if (combo->isEditable())
                combo->lineEdit()->setPlaceholderText({});
            setFieldComboValue(*combo, {});
        }
        m_summary->setText(tr("Select layers in the table, or edit the standard."));
    }
    m_summary->setVisible(!m_summary->text().isEmpty());
    if (choice && !choice->keepFloat)
        m_options->setOptions(choice->method);
    // What differs between the selected layers is shown as the first one has it.
    const bool uniform = choice && hasUniformInputs(*choice);
    m_powerInputs->setVisible(!uniform);
    m_uniformInputs->setVisible(uniform);
    m_attention->setVisible(uniform && sites.attentions);
    for (QWidget* each : {static_cast<QWidget*>(m_options), m_inputs})
        each->setVisible(choice && !choice->keepFloat);
    m_refreshing = false;
}

void MethodPanel::request(const ChoiceEdit& edit)
{
    if (edit.value.isEmpty())
        return; // a mixed field that was left alone
    QString key =
        QStringLiteral("method-panel/%1/%2").arg(static_cast<int>(edit.field)).arg(edit.option);
    try {
        if (editsStandard()) {
            if (!applies(m_standard, edit))
                return;
            const LayerChoice next = edited(m_standard, edit, LayerChoice());
            if (!(next == m_standard))
                Q_EMIT standardRequested(next, tr("%1 as standard").arg(editText(edit)), key);
            return;
        }
        LayerChoices choices;
        for (const auto& [name, choice] : m_layers) {
            if (!applies(choice, edit))
                continue;
            LayerChoice next = edited(choice, edit, m_standard);
            if (!(next == choice)) {
                choices[name] = std::move(next);
                key += QLatin1Char('/') + toQString(name);
            }
        }
        if (choices.empty())
            return;
        const QString what = choices.size() == 1 ? toQString(choices.begin()->first)
                                                 : tr("%1 layers").arg(choices.size());
        Q_EMIT choicesRequested(choices, tr("%1 of %2").arg(editText(edit), what), key);
    } catch (const Error& error) {
        Q_EMIT editRefused(toQString(error.what()));
        refresh();
    }
}

QStringList MethodPanel::formLines() const
{
    QStringList lines{m_heading->text()};
    const auto add = [&](const FormField& entry, const QString& title) {
        for (const auto& [field, combo] : m_fields)
            if (field == entry.field)
                lines.append(title + QLatin1Char('\t') + fieldComboValue(*combo));
    };
    for (const FormField& entry : formFields)
        add(entry, translated(entry.title));
    if (!m_options->isHidden()) {
        lines += m_options->lines();
        for (const FormField& entry : inputFields) {
            if (!(isOfPowerInputs(entry.field) && m_powerInputs->isHidden()) &&
                !(isOfUniformInputs(entry.field) && m_uniformInputs->isHidden()))
                add(entry, tr("%1 of the inputs").arg(translated(entry.title)));
        }
        if (!m_attention->isHidden())
            for (const FormField& entry : attentionFields)
                add(entry, tr("%1 of the attention").arg(translated(entry.title)));
    }
    return lines;
}

} // namespace gradus
