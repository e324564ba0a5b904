// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/allocation_settings.h"

#include "widgets/text.h"

#include <QCoreApplication>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <tuple>
#include <type_traits>

namespace gradus {

namespace {
struct Text
{
    Q_DECLARE_TR_FUNCTIONS(Allocation)
};

// As they stand in settings, in the order of the enumerations.
constexpr const char* solvers[] = {"exact",   "lagrangian", "greedy",
                                   "uniform", "first-last", "llama-cpp"};
constexpr const char* metrics[] = {"weight", "output", "fisher", "kl"};
constexpr const char* units[] = {"bits-per-weight", "stored-bytes", "gptq-file", "error"};

auto ruleFields(const BitsRule& rule)
{
    return std::tie(rule.pattern, rule.minimum, rule.maximum);
}
} // namespace

bool AllocationSettings::operator==(const AllocationSettings& other) const
{
    const auto fields = [](const AllocationSettings& of) {
        return std::tie(of.method, of.bits, of.groups, of.metric, of.solver, of.unit, of.budget,
                        of.fuse, of.evaluationData, of.evaluationConvention, of.evaluationContext);
    };
    return fields(*this) == fields(other) &&
           std::equal(
               rules.begin(), rules.end(), other.rules.begin(), other.rules.end(),
               [](const BitsRule& a, const BitsRule& b) { return ruleFields(a) == ruleFields(b); });
}

QByteArray toJson(const AllocationSettings& settings)
{
    QJsonObject object;
    object[QLatin1String("method")] = QString::fromStdString(settings.method);
    QJsonArray bits;
    for (const int each : settings.bits)
        bits.append(each);
    object[QLatin1String("bits")] = bits;
    QJsonArray groups;
    for (const std::int64_t each : settings.groups)
        groups.append(static_cast<qint64>(each));
    object[QLatin1String("groups")] = groups;
    object[QLatin1String("metric")] = QLatin1String(metrics[static_cast<int>(settings.metric)]);
    object[QLatin1String("solver")] = QLatin1String(solvers[static_cast<int>(settings.solver)]);
    object[QLatin1String("unit")] = QLatin1String(units[static_cast<int>(settings.unit)]);
    object[QLatin1String("budget")] = settings.budget;
    QJsonArray rules;
    for (const BitsRule& rule : settings.rules)
        rules.append(QJsonObject{{QLatin1String("pattern"), QString::fromStdString(rule.pattern)},
                                 {QLatin1String("minimum"), rule.minimum},
                                 {QLatin1String("maximum"), rule.maximum}});
    object[QLatin1String("rules")] = rules;
    object[QLatin1String("fuse")] = settings.fuse;
    object[QLatin1String("evaluation")] =
        QJsonObject{{QLatin1String("data"), settings.evaluationData},
                    {QLatin1String("convention"), settings.evaluationConvention},
                    {QLatin1String("context"), settings.evaluationContext}};
    return QJsonDocument(object).toJson(QJsonDocument::Compact);
}

AllocationSettings allocationSettingsFromJson(const QByteArray& text)
{
    AllocationSettings settings;
    const QJsonObject object = QJsonDocument::fromJson(text).object();
    settings.method = object[QLatin1String("method")].toString().toStdString();
    if (!settings.method.empty() && !findMethod(settings.method))
        settings.method.clear();
    std::vector<int> bits;
    for (const QJsonValue& each : object[QLatin1String("bits")].toArray())
        if (const int value = each.toInt(); value >= 2 && value <= 8)
            bits.push_back(value);
    std::sort(bits.begin(), bits.end());
    bits.erase(std::unique(bits.begin(), bits.end()), bits.end());
    if (!bits.empty())
        settings.bits = bits;
    for (const QJsonValue& each : object[QLatin1String("groups")].toArray())
        if (const qint64 value = each.toInteger(-1); value >= 0)
            settings.groups.push_back(value);
    const auto named = [&](const char* key, auto& field, const auto& names) {
        const QString name = object[QLatin1String(key)].toString();
        for (std::size_t i = 0; i < std::size(names); ++i)
            if (name == QLatin1String(names[i]))
                field = static_cast<std::decay_t<decltype(field)>>(i);
    };
    named("metric", settings.metric, metrics);
    named("solver", settings.solver, solvers);
    named("unit", settings.unit, units);
    const double budget = object[QLatin1String("budget")].toDouble();
    settings.budget = std::isfinite(budget) && budget > 0 ? budget : 0;
    for (const QJsonValue& each : object[QLatin1String("rules")].toArray()) {
        const QJsonObject rule = each.toObject();
        settings.rules.push_back({rule[QLatin1String("pattern")].toString().toStdString(),
                                  std::clamp(rule[QLatin1String("minimum")].toInt(2), 2, 8),
                                  std::clamp(rule[QLatin1String("maximum")].toInt(8), 2, 8)});
    }
    settings.fuse = object[QLatin1String("fuse")].toBool(true);
    const QJsonObject evaluation = object[QLatin1String("evaluation")].toObject();
    settings.evaluationData = evaluation[QLatin1String("data")].toString();
    settings.evaluationConvention = evaluation[QLatin1String("convention")].toInt() == 1 ? 1 : 0;
    settings.evaluationContext = std::max(evaluation[QLatin1String("context")].toInt(), 0);
    return settings;
}

QString solverTitle(AllocationSolver solver)
{
    switch (solver) {
    case AllocationSolver::Exact:
        return Text::tr("Exact");
    case AllocationSolver::Lagrangian:
        return Text::tr("Lagrangian");
    case AllocationSolver::Greedy:
        return Text::tr("Greedy");
    case AllocationSolver::Uniform:
        return Text::tr("Uniform");
    case AllocationSolver::FirstLast:
        return Text::tr("First and last more");
    case AllocationSolver::LlamaCpp:
        return Text::tr("llama.cpp's rule");
    }
    return {};
}

QString solverHelp(AllocationSolver solver)
{
    switch (solver) {
    case AllocationSolver::Exact:
        return Text::tr("The least predicted error within the budget, proved by dynamic "
                        "programming");
    case AllocationSolver::Lagrangian:
        return Text::tr("The last point of the front within the budget");
    case AllocationSolver::Greedy:
        return Text::tr("Again and again the step that saves most error per byte");
    case AllocationSolver::Uniform:
        return Text::tr("The same bits everywhere; between two numbers of bits some layers, "
                        "spread evenly, have more");
    case AllocationSolver::FirstLast:
        return Text::tr("The first and the last block get the most bits");
    case AllocationSolver::LlamaCpp:
        return Text::tr("Value and down projections of some blocks get more bits, as llama.cpp "
                        "mixes its types");
    }
    return {};
}

QString groupTitle(std::int64_t group)
{
    return group == 0 ? Text::tr("per channel") : QString::number(group);
}

} // namespace gradus
