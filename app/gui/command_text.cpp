// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/command_text.h"

#include "app/gui/allocation_basis.h"
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
QStringList choiceFlags(const LayerChoice& choice, bool withBits = true)
{
    const Scheme& scheme = choice.scheme;
    const QString method = toQString(methodName(choice.method));
    QStringList words{QStringLiteral("--method"), method};
    if (withBits)
        words << QStringLiteral("--bits") << QString::number(scheme.bits);
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

QString line(const QStringList& words)
{
    QStringList quoted;
    for (const QString& word : words)
        quoted.append(shellWord(word));
    return quoted.join(QLatin1Char(' '));
}

/// The recipe's file, written by the shell.
QString hereDocument(const Recipe& recipe)
{
    return QStringLiteral("cat > recipe.json <<'END_OF_RECIPE'\n%1\nEND_OF_RECIPE\n")
        .arg(QString::fromStdString(toJson(recipe)).trimmed());
}

/// Flags hold no rules, no other scale types, and no seeds that a signed number does not hold.
bool flagsHold(const Recipe& recipe)
{
    return recipe.rules.empty() && !recipe.standard.keepFloat &&
           recipe.standard.scheme.scaleType == Scheme().scaleType &&
           recipe.calibration.mean.size() == recipe.calibration.deviation.size() &&
           recipe.seed <= std::numeric_limits<std::int64_t>::max();
}
} // namespace

QString quantizeCommand(const QString& model, const Recipe& recipe, const QString& recipeFile,
                        bool fileIsCurrent)
{
    QStringList words{QStringLiteral("gradus-cli"), QStringLiteral("quantize"), model};
    // Locks concern edits only; overrides need the file.
    const bool flagsSuffice = recipe.overrides.empty() && flagsHold(recipe);
    const QStringList ending{QStringLiteral("--out"), QStringLiteral("run.gradus")};
    if (flagsSuffice)
        return line(words + choiceFlags(recipe.standard) + calibrationFlags(recipe) + ending);
    if (fileIsCurrent && !recipeFile.isEmpty())
        return line(words + QStringList{QStringLiteral("--recipe"), recipeFile} + ending);
    return hereDocument(recipe) +
           line(words + QStringList{QStringLiteral("--recipe"), QStringLiteral("recipe.json")} +
                ending);
}

QString allocateCommand(const Model& model, const Recipe& recipe,
                        const AllocationSettings& settings)
{
    // What is allocated takes the place of the layers' own choices; others' have to come along.
    Recipe start = recipe;
    const std::vector<LayerChoice> candidates = candidatesOf(settings, recipe.standard);
    if (!candidates.empty()) {
        const int bits = recipe.standard.scheme.bits;
        start.standard = candidates.front();
        start.standard.scheme.bits = bits;
    }
    const bool plain =
        recipe.locked.empty() &&
        std::all_of(recipe.overrides.begin(), recipe.overrides.end(), [&](const auto& entry) {
            const Layer* layer = model.findLayer(entry.first);
            return layer && layer->quantizedByDefault && !entry.second.keepFloat;
        });
    const bool flagsSuffice = plain && flagsHold(start);
    QStringList words{QStringLiteral("gradus-cli"), QStringLiteral("allocate"),
                      pathText(model.source.path)};
    AllocationBudget budget;
    budget.value = settings.budget;
    switch (settings.unit) {
    case BudgetUnit::BitsPerWeight:
        budget.kind = AllocationBudget::Kind::BitsPerWeight;
        break;
    case BudgetUnit::StoredBytes:
    case BudgetUnit::GptqFile:
        budget.kind = AllocationBudget::Kind::Bytes;
        break;
    case BudgetUnit::Error:
        budget.kind = AllocationBudget::Kind::Error;
        break;
    }
    words << QStringLiteral("--budget") << toQString(budgetText(budget));
    if (settings.unit == BudgetUnit::GptqFile)
        words << QStringLiteral("--format") << QStringLiteral("gptq");
    if (flagsSuffice) {
        words << choiceFlags(start.standard, false) << calibrationFlags(start);
        if (recipe.foldBatchNorms)
            words << QStringLiteral("--fold-batch-norms");
    } else {
        words << QStringLiteral("--recipe") << QStringLiteral("recipe.json");
    }
    QStringList bits;
    for (const int each : settings.bits)
        bits << QString::number(each);
    words << QStringLiteral("--choices") << bits.join(QLatin1Char(','));
    if (!settings.groups.empty()) {
        QStringList groups;
        for (const std::int64_t each : settings.groups)
            groups << (each == 0 ? QStringLiteral("channel") : QString::number(each));
        words << QStringLiteral("--groups") << groups.join(QLatin1Char(','));
    }
    words << QStringLiteral("--metric") << toQString(sensitivityMetricName(settings.metric));
    words << QStringLiteral("--solver") << toQString(allocationSolverName(settings.solver));
    for (const BitsRule& rule : settings.rules)
        words << QStringLiteral("--bits-rule")
              << QStringLiteral("%1=%2..%3")
                     .arg(toQString(rule.pattern))
                     .arg(rule.minimum)
                     .arg(rule.maximum);
    if (!settings.fuse)
        words << QStringLiteral("--no-fuse");
    words << QStringLiteral("--out") << QStringLiteral("allocated.json");
    return (flagsSuffice ? QString() : hereDocument(start)) + line(words);
}

} // namespace gradus
