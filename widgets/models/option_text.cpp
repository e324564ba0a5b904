// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/option_text.h"

#include "widgets/core_text.h"
#include "widgets/text.h"

#include <QCoreApplication>
#include <QRegularExpression>
#include <QStringList>

#include <charconv>
#include <cmath>

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
    {"grid", QT_TRANSLATE_NOOP("OptionText", "Power grid")},
    {"codes", QT_TRANSLATE_NOOP("OptionText", "Codes")},
    {"gradient", QT_TRANSLATE_NOOP("OptionText", "Gradient steps")},
    {"inputs", QT_TRANSLATE_NOOP("OptionText", "Inputs")},
    {"reconstruction", QT_TRANSLATE_NOOP("OptionText", "Reconstruction")},
};
constexpr Named choiceTitles[] = {
    {"sweep", QT_TRANSLATE_NOOP("OptionText", "Sweep (2nd level)")},
    {"box-descent", QT_TRANSLATE_NOOP("OptionText", "Box descent (1st level)")},
    {"projected-adam", QT_TRANSLATE_NOOP("OptionText", "Projected Adam (1st level)")},
    {"layer", QT_TRANSLATE_NOOP("OptionText", "Each layer's own")},
    {"model", QT_TRANSLATE_NOOP("OptionText", "One for the model")},
    {"row", QT_TRANSLATE_NOOP("OptionText", "Each row's own")},
    {"free", QT_TRANSLATE_NOOP("OptionText", "Any")},
    {"prefer-exact", QT_TRANSLATE_NOOP("OptionText", "Preferably ½ or 1")},
    {"exact", QT_TRANSLATE_NOOP("OptionText", "½ or 1 only")},
    {"none", QT_TRANSLATE_NOOP("OptionText", "None")},
    {"common", QT_TRANSLATE_NOOP("OptionText", "Common share")},
    {"granule", QT_TRANSLATE_NOOP("OptionText", "Each granule's own")},
    {"auto", QT_TRANSLATE_NOOP("OptionText", "Where it helps")},
    {"never", QT_TRANSLATE_NOOP("OptionText", "Never")},
    {"always", QT_TRANSLATE_NOOP("OptionText", "Always")},
    {"power", QT_TRANSLATE_NOOP("OptionText", "In the power domain")},
    {"nearest", QT_TRANSLATE_NOOP("OptionText", "Nearest level")},
    {"nelder-mead", QT_TRANSLATE_NOOP("OptionText", "Nelder-Mead from 1")},
    {"alternation", QT_TRANSLATE_NOOP("OptionText", "Alternation")},
    {"gradient", QT_TRANSLATE_NOOP("OptionText", "Gradient steps")},
    {"up-down", QT_TRANSLATE_NOOP("OptionText", "Up or down (AdaRound)")},
    {"log-sqrt2", QT_TRANSLATE_NOOP("OptionText", "log√2")},
    {"log2", QT_TRANSLATE_NOOP("OptionText", "log₂")},
    {"uniform", QT_TRANSLATE_NOOP("OptionText", "Uniform")},
    {"extra", QT_TRANSLATE_NOOP("OptionText", "A state beside them")},
    {"reserved", QT_TRANSLATE_NOOP("OptionText", "The last code")},
    {"min-max", QT_TRANSLATE_NOOP("OptionText", "Min/max")},
    {"percentile", QT_TRANSLATE_NOOP("OptionText", "Percentiles")},
    {"mse", QT_TRANSLATE_NOOP("OptionText", "Least squared error")},
    {"grid", QT_TRANSLATE_NOOP("OptionText", "Search over a grid")},
    {"learned", QT_TRANSLATE_NOOP("OptionText", "Gradient steps")},
    {"rtn", QT_TRANSLATE_NOOP("OptionText", "Round to nearest")},
    {"gptq", QT_TRANSLATE_NOOP("OptionText", "GPTQ")},
    {"decoupleq", QT_TRANSLATE_NOOP("OptionText", "decoupleQ")},
    {"nupes", QT_TRANSLATE_NOOP("OptionText", "NUPES")},
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

QString noEffect(const PowerGridOptions& options, const std::string& name)
{
    const bool searched = options.exponent == 0;
    if ((name == "exponents" || name == "search") && !searched)
        return Text::tr("Only with a searched exponent, 0.");
    if (name == "minimum_clip" && options.clip == PowerClip::None)
        return Text::tr("Only with a clip.");
    if (name == "norm" && !searched && options.clip == PowerClip::None)
        return Text::tr("Only with a searched exponent, 0, or a clip.");
    return {};
}

QString noEffect(const NupesOptions& options, const std::string& name)
{
    const bool steps = options.solver != NupesSolver::Alternation || options.explore;
    if (name == "regularization" && options.solver != NupesSolver::UpDown)
        return Text::tr("Only with the solver that goes up or down.");
    if (name == "explore" && options.solver != NupesSolver::Alternation)
        return Text::tr("Only with the alternation.");
    if ((name == "steps" || name == "code_rate" || name == "exponent_rate" ||
         name == "scale_rate") &&
        !steps)
        return Text::tr("Only with gradient steps, or when the alternation explores.");
    const bool ofBlocks = startsWith(name, "block_") && name != "block_stage";
    if ((ofBlocks || name == "train_norms") && !options.blockStage)
        return Text::tr("Only with the block stage.");
    return noEffect(static_cast<const PowerGridOptions&>(options), name);
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

QString noEffect(const RepqVitOptions& options, const std::string& name)
{
    return options.official && name != "official" ? Text::tr("The official procedure says it.")
                                                  : QString();
}

QString noEffect(const RepquantOptions& options, const std::string& name)
{
    if ((name == "lambda" || name == "asymmetric") && !options.reconstruct)
        return Text::tr("Only with the reconstruction.");
    if (name == "zero_state" && options.softmax == ProbabilityQuantizer::Uniform)
        return Text::tr("Only with powers.");
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

QString optionChoiceTitle(const std::string& choice, const std::string& option)
{
    if (option == "search" && choice == "exact")
        return Text::tr("Whole range, exactly");
    if (option == "zero_state" && choice == "none")
        return Text::tr("The smallest power");
    if (option == "clipping" && choice == "none")
        return Text::tr("Percentiles");
    return titleOf(choiceTitles, choice);
}

QString powerGridText(const MethodOptions& options)
{
    const PowerGridOptions* power = powerGridOf(options);
    if (!power)
        return {};
    QStringList parts;
    if (power->exponent > 0)
        parts << Text::tr("a %1").arg(realOptionText(power->exponent));
    else if (power->exponentScope == ExponentScope::Model)
        parts << Text::tr("one a for the model");
    else if (power->exponentScope == ExponentScope::Row)
        parts << Text::tr("a per row");
    if (power->clip != PowerClip::None)
        parts << Text::tr("clip");
    if (power->midRise == MidRise::Always)
        parts << Text::tr("no zero");
    if (power->outliers > 0)
        parts << Text::tr("%1 % outliers").arg(realOptionText(100 * power->outliers));
    return parts.join(QLatin1String(", "));
}

QString realOptionText(double value)
{
    char digits[40];
    // Shortest exact; but 100000 rather than 1e5.
    const bool plain = std::abs(value) < 1e7 && value == std::trunc(value);
    const auto end =
        (plain ? std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed)
               : std::to_chars(digits, digits + sizeof digits, value))
            .ptr;
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
        standard = optionChoiceTitle(option.defaultValue, option.name);
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
    else if (const auto* nupes = std::get_if<NupesOptions>(&options))
        reason = noEffect(*nupes, name);
    else if (const auto* repqVit = std::get_if<RepqVitOptions>(&options))
        reason = noEffect(*repqVit, name);
    else if (const auto* repquant = std::get_if<RepquantOptions>(&options))
        reason = noEffect(*repquant, name); // before its weights' power grid is asked
    else if (const PowerGridOptions* power = powerGridOf(options))
        reason = noEffect(*power, name);
    else if (const auto* gptq = std::get_if<GptqOptions>(&options);
             gptq && name == "static_groups" && !gptq->actOrder)
        reason = Text::tr("Only with act order.");
    if (why)
        *why = reason;
    return reason.isEmpty();
}

} // namespace gradus
