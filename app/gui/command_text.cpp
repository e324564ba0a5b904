// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/command_text.h"

#include "core/quant/options.h"
#include "widgets/text.h"

#include <QRegularExpression>
#include <QStringList>

#include <limits>

namespace gradus {

QString shellWord(const QString& text)
{
    static const QRegularExpression plain(QStringLiteral("\\A[A-Za-z0-9_@%+=:,./-]+\\z"));
    if (plain.match(text).hasMatch())
        return text;
    QString quoted = text;
    quoted.replace(QLatin1Char('\''), QLatin1String("'\\''"));
    return QLatin1Char('\'') + quoted + QLatin1Char('\'');
}

namespace {
/// The flags of the standard choice.
QStringList choiceFlags(const LayerChoice& choice)
{
    const Scheme& scheme = choice.scheme;
    const QString method = toQString(methodName(choice.method));
    QStringList words{QStringLiteral("--method"), method, QStringLiteral("--bits"),
                      QString::number(scheme.bits)};
    if (scheme.granularity == Granularity::Group)
        words << QStringLiteral("--group") << QString::number(scheme.groupSize);
    else if (scheme.granularity == Granularity::Tensor)
        words << QStringLiteral("--granularity") << QStringLiteral("tensor");
    if (scheme.symmetric)
        words << QStringLiteral("--symmetric");
    if (scheme.clip)
        words << QStringLiteral("--clip=%1,%2")
                     .arg(static_cast<double>(scheme.clip->low), 0, 'g', 9)
                     .arg(static_cast<double>(scheme.clip->high), 0, 'g', 9);
    const MethodDescription* description = findMethod(methodName(choice.method));
    for (const OptionDescription& option : description->options) {
        const std::string value = optionValue(choice.method, option.name);
        if (value != optionValue(description->defaults, option.name))
            words << QStringLiteral("--option")
                  << toQString(option.name) + QLatin1Char('=') + toQString(value);
    }
    return words;
}

QStringList calibrationFlags(const Recipe& recipe)
{
    const CalibrationChoice& calibration = recipe.calibration;
    const CalibrationChoice standard;
    QStringList words;
    if (!calibration.data.empty()) {
        words << QStringLiteral("--calibration") << toQString(calibration.data);
        if (calibration.samples != standard.samples)
            words << QStringLiteral("--samples") << QString::number(calibration.samples);
        if (calibration.context != standard.context)
            words << QStringLiteral("--context") << QString::number(calibration.context);
        if (!calibration.labels.empty())
            words << QStringLiteral("--labels") << toQString(calibration.labels);
        if (!calibration.mean.empty()) {
            QStringList numbers;
            for (const auto* list : {&calibration.mean, &calibration.deviation})
                for (const float number : *list)
                    numbers.append(QString::number(static_cast<double>(number), 'g', 9));
            words << QStringLiteral("--normalize") << numbers.join(QLatin1Char(','));
        }
        if (!calibration.layout.empty())
            words << QStringLiteral("--layout") << toQString(calibration.layout);
        for (const auto& [name, path] : calibration.inputs)
            words << QStringLiteral("--input") << toQString(name + "=" + path);
        if (calibration.mode != standard.mode)
            words << QStringLiteral("--calibration-mode")
                  << toQString(calibrationModeName(calibration.mode));
    }
    if (recipe.seed != 0)
        words << QStringLiteral("--seed") << QString::number(recipe.seed);
    return words;
}
} // namespace

QString quantizeCommand(const QString& model, const Recipe& recipe, const QString& recipeFile,
                        bool fileIsCurrent)
{
    const auto line = [](const QStringList& words) {
        QStringList quoted;
        for (const QString& word : words)
            quoted.append(shellWord(word));
        return quoted.join(QLatin1Char(' '));
    };
    QStringList words{QStringLiteral("gradus-cli"), QStringLiteral("quantize"), model};
    // Locks concern edits only; overrides, rules, other scale types and seeds that a signed number
    // does not hold need the file.
    const bool flagsSuffice =
        recipe.rules.empty() && recipe.overrides.empty() && !recipe.standard.keepFloat &&
        recipe.standard.scheme.scaleType == Scheme().scaleType &&
        recipe.calibration.mean.size() == recipe.calibration.deviation.size() &&
        recipe.seed <= std::numeric_limits<std::int64_t>::max();
    const QStringList ending{QStringLiteral("--out"), QStringLiteral("run.gradus")};
    if (flagsSuffice)
        return line(words + choiceFlags(recipe.standard) + calibrationFlags(recipe) + ending);
    if (fileIsCurrent && !recipeFile.isEmpty())
        return line(words + QStringList{QStringLiteral("--recipe"), recipeFile} + ending);
    return QStringLiteral("cat > recipe.json <<'END_OF_RECIPE'\n%1\nEND_OF_RECIPE\n")
               .arg(QString::fromStdString(toJson(recipe)).trimmed()) +
           line(words + QStringList{QStringLiteral("--recipe"), QStringLiteral("recipe.json")} +
                ending);
}

} // namespace gradus
