// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/option_text.h"

#include "widgets/core_text.h"
#include "widgets/text.h"

#include <QCoreApplication>
#include <QRegularExpression>

#include <charconv>

namespace gradus {

namespace {
struct Text
{
    Q_DECLARE_TR_FUNCTIONS(OptionText)
};

struct Named
{
    const char* name;
    const char* title;
};
constexpr Named sectionTitles[] = {
    {"layer-wise", QT_TRANSLATE_NOOP("OptionText", "Layer by layer")},
    {"block stage", QT_TRANSLATE_NOOP("OptionText", "Block stage")},
    {"fine-tuning", QT_TRANSLATE_NOOP("OptionText", "Fine-tuning")},
};
constexpr Named choiceTitles[] = {
    {"sweep", QT_TRANSLATE_NOOP("OptionText", "Sweep (second level)")},
    {"box-descent", QT_TRANSLATE_NOOP("OptionText", "Box descent (first level)")},
    {"projected-adam", QT_TRANSLATE_NOOP("OptionText", "Projected Adam (first level)")},
};

template <std::size_t Size>
QString titleOf(const Named (&list)[Size], const std::string& name)
{
    for (const Named& each : list)
        if (name == each.name)
            return Text::tr(each.title);
    return toQString(name);
}

bool startsWith(const std::string& text, std::string_view start)
{
    return text.compare(0, start.size(), start) == 0;
}

QString noEffect(const DecoupleqOptions& options, const std::string& name)
{
    const bool firstLevel = options.solver != IntegerSolver::Sweep;
    if ((name == "relaxation" || name == "lookahead") && !firstLevel)
        return Text::tr("Only with a first-level solver.");
    if (name == "adam_step" && options.solver != IntegerSolver::ProjectedAdam)
        return Text::tr("Only with the projected Adam.");
    if (startsWith(name, "block_") && name != "block_stage" && !options.blockStage) {
        // The fine-tuning takes batch, betas, epsilon and patience from the block stage.
        const bool shared = name == "block_batch" || name == "block_beta1" ||
                            name == "block_beta2" || name == "block_epsilon" ||
                            name == "block_patience";
        if (!shared || !options.fineTune)
            return Text::tr("Only with the block stage.");
    }
    if (startsWith(name, "train_") && !options.blockStage && !options.fineTune)
        return Text::tr("Only with the block stage or the fine-tuning.");
    if (startsWith(name, "fine_tune_") && !options.fineTune)
        return Text::tr("Only with the fine-tuning.");
    return {};
}
} // namespace

QString optionTitle(const std::string& name)
{
    QString title = toQString(name);
    title.replace(QLatin1Char('_'), QLatin1Char(' '));
    if (!title.isEmpty())
        title[0] = title[0].toUpper();
    static const QRegularExpression mse(QStringLiteral("\\bmse\\b"),
                                        QRegularExpression::CaseInsensitiveOption);
    title.replace(mse, QStringLiteral("MSE"));
    return title;
}

QString optionSectionTitle(const std::string& section)
{
    return titleOf(sectionTitles, section);
}

QString optionChoiceTitle(const std::string& choice)
{
    return titleOf(choiceTitles, choice);
}

QString realOptionText(double value)
{
    char digits[40];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr; // shortest exact
    QString text = QString::fromLatin1(digits, static_cast<int>(end - digits));
    // 1e-05 as people write it: 1e-5.
    static const QRegularExpression zeros(QStringLiteral("e([+-]?)0+(?=\\d)"));
    text.replace(zeros, QStringLiteral("e\\1"));
    return text.replace(QLatin1String("e+"), QLatin1String("e"));
}

QString optionHelp(const OptionDescription& option)
{
    using Type = OptionDescription::Type;
    QString standard = toQString(option.defaultValue);
    QString text = coreText(option.help);
    switch (option.type) {
    case Type::Boolean:
        break;
    case Type::Choice:
        standard = optionChoiceTitle(option.defaultValue);
        break;
    case Type::Integer:
    case Type::Real:
        if (option.type == Type::Real)
            standard = realOptionText(standard.toDouble());
        text += QLatin1Char('\n') +
                Text::tr("From %1 to %2.")
                    .arg(realOptionText(option.minimum), realOptionText(option.maximum));
        break;
    }
    return text + QLatin1Char('\n') + Text::tr("Default: %1").arg(standard);
}

std::string sectionSwitch(const MethodDescription& method, const std::string& section)
{
    // By its name: "block stage" is switched by block_stage, "fine-tuning" by fine_tune.
    for (const OptionDescription& option : method.options) {
        if (option.section != section || option.type != OptionDescription::Type::Boolean)
            continue;
        if (option.name == "block_stage" || option.name == "fine_tune")
            return option.name;
    }
    return {};
}

bool optionMatters(const MethodOptions& options, const std::string& name, QString* why)
{
    QString reason;
    if (const auto* decoupleq = std::get_if<DecoupleqOptions>(&options))
        reason = noEffect(*decoupleq, name);
    else if (const auto* gptq = std::get_if<GptqOptions>(&options);
             gptq && name == "static_groups" && !gptq->actOrder)
        reason = Text::tr("Only with act order.");
    if (why)
        *why = reason;
    return reason.isEmpty();
}

} // namespace gradus
