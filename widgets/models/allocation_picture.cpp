// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/allocation_picture.h"

#include "core/base/format.h"
#include "widgets/text.h"

#include <QCoreApplication>
#include <QStringList>

#include <cmath>

namespace gradus {

namespace {
struct Text
{
    Q_DECLARE_TR_FUNCTIONS(Allocation)
};

constexpr double mebibyte = 1 << 20;

QString bytesText(std::uint64_t bytes)
{
    return toQString(formatBytes(bytes));
}
} // namespace

const AllocationSpot* AllocationPicture::find(const AllocationMark& mark) const
{
    switch (mark.kind) {
    case AllocationMark::Kind::Front:
        return mark.index < front.size() ? &front[mark.index] : nullptr;
    case AllocationMark::Kind::Solution:
        return solution ? &*solution : nullptr;
    case AllocationMark::Kind::Recipe:
        return recipe ? &*recipe : nullptr;
    case AllocationMark::Kind::Reference:
        return mark.index < references.size() ? &references[mark.index].spot : nullptr;
    case AllocationMark::Kind::Measured:
        return mark.index < measured.size() ? &measured[mark.index].spot : nullptr;
    }
    return nullptr;
}

bool predictsDivergence(SensitivityMetric metric)
{
    return metric == SensitivityMetric::Fisher || metric == SensitivityMetric::Divergence;
}

QString errorUnit(SensitivityMetric metric, SensitivityTable::Unit unit)
{
    if (!predictsDivergence(metric))
        return {};
    switch (unit) {
    case SensitivityTable::Unit::NatsPerToken:
        return Text::tr("nats/token");
    case SensitivityTable::Unit::NatsPerSample:
        return Text::tr("nats/sample");
    case SensitivityTable::Unit::OutputShare:
        return Text::tr("share of the outputs");
    }
    return {};
}

QString errorTitle(SensitivityMetric metric, SensitivityTable::Unit unit)
{
    switch (metric) {
    case SensitivityMetric::Weight:
        return Text::tr("predicted: Σ relative weight errors");
    case SensitivityMetric::Output:
        return Text::tr("predicted: Σ relative output errors");
    case SensitivityMetric::Fisher:
    case SensitivityMetric::Divergence:
        return unit == SensitivityTable::Unit::OutputShare
                   ? Text::tr("predicted error of the outputs (share)")
                   : Text::tr("predicted KL (%1)").arg(errorUnit(metric, unit));
    }
    return {};
}

QString measuredTitle(SensitivityTable::Unit unit)
{
    return unit == SensitivityTable::Unit::OutputShare
               ? Text::tr("measured: 1 − cosine of the outputs")
               : Text::tr("measured KL (%1)").arg(errorUnit(SensitivityMetric::Divergence, unit));
}

QString metricTitle(SensitivityMetric metric)
{
    switch (metric) {
    case SensitivityMetric::Weight:
        return Text::tr("Weight error");
    case SensitivityMetric::Output:
        return Text::tr("Output error");
    case SensitivityMetric::Fisher:
        return Text::tr("Fisher");
    case SensitivityMetric::Divergence:
        return Text::tr("Measured KL");
    }
    return {};
}

QString metricHelp(SensitivityMetric metric)
{
    switch (metric) {
    case SensitivityMetric::Weight:
        return Text::tr("Weight error: Σ(w − ŵ)² / Σw² of each layer, a ratio.\nNeeds no data; "
                        "seconds.");
    case SensitivityMetric::Output:
        return Text::tr("Output error: ‖X(W − Ŵ)ᵀ‖² / ‖XWᵀ‖² of each layer, a ratio.\nNeeds "
                        "calibration data and one pass through the model.");
    case SensitivityMetric::Fisher:
        return Text::tr("Fisher: ½ Σ (∂L/∂y)² (y − ŷ)² of each layer's outputs, an estimate of "
                        "the KL divergence in nats per token or sample.\nNeeds calibration data, "
                        "one pass forward and one backward.");
    case SensitivityMetric::Divergence:
        return Text::tr("Measured KL: the divergence from the float model with this layer alone "
                        "quantized, in nats per token or sample.\nNeeds calibration data and a "
                        "pass for each layer and candidate: the slowest and the surest.");
    }
    return {};
}

QString errorText(double error)
{
    return toQString(formatReal(error, 3));
}

int OptionCurve::chosen() const
{
    for (std::size_t i = 0; i < options.size(); ++i)
        if (options[i].chosen)
            return static_cast<int>(i);
    return -1;
}

int OptionCurve::next(int option, int direction) const
{
    const int count = static_cast<int>(options.size());
    for (int i = option + direction; i >= 0 && i < count; i += direction)
        if (options[static_cast<std::size_t>(i)].onHull)
            return i;
    return -1;
}

void markHull(std::vector<OptionCurve::Option>& options)
{
    std::vector<std::size_t> hull;
    const auto slope = [&](std::size_t from, std::size_t to) { // error saved by a byte
        const double bytes =
            static_cast<double>(options[to].bytes) - static_cast<double>(options[from].bytes);
        const double saved = options[from].error - options[to].error;
        return bytes > 0 ? saved / bytes : saved > 0 ? HUGE_VAL : -HUGE_VAL;
    };
    for (std::size_t i = 0; i < options.size(); ++i) {
        options[i].onHull = false;
        if (!hull.empty() && !(options[i].error < options[hull.back()].error))
            continue;
        while (!hull.empty() && options[hull.back()].bytes == options[i].bytes)
            hull.pop_back();
        while (hull.size() > 1 &&
               slope(hull[hull.size() - 2], hull.back()) <= slope(hull.back(), i))
            hull.pop_back();
        hull.push_back(i);
    }
    for (const std::size_t i : hull)
        options[i].onHull = true;
}

namespace {
QString withUnit(const QString& number, const QString& unit)
{
    return unit.isEmpty() ? number : QStringLiteral("%1 %2").arg(number, unit);
}

/// What one step of the layer would bring for what.
QString stepLine(const OptionCurve& curve, int from, int to)
{
    const OptionCurve::Option& a = curve.options[static_cast<std::size_t>(from)];
    const OptionCurve::Option& b = curve.options[static_cast<std::size_t>(to)];
    const bool up = b.bytes > a.bytes;
    const std::uint64_t bytes = up ? b.bytes - a.bytes : a.bytes - b.bytes;
    const double error = std::fabs(a.error - b.error);
    const QString perMebibyte =
        bytes > 0 ? errorText(error / static_cast<double>(bytes) * mebibyte) : QStringLiteral("–");
    return (up ? Text::tr("%1 → %2 bits would save %3 for %4: %5 per MiB.")
               : Text::tr("%1 → %2 bits would cost %3 and free %4: %5 per MiB."))
        .arg(a.name, b.name, withUnit(errorText(error), curve.errorUnit), bytesText(bytes),
             perMebibyte);
}
} // namespace

QStringList whyLines(const OptionCurve& curve)
{
    QStringList lines;
    const int chosen = curve.chosen();
    if (curve.locked) {
        lines << Text::tr("Locked: it keeps what the recipe says.");
        return lines;
    }
    if (chosen < 0) {
        lines << Text::tr("The recipe has none of the candidates for it.");
    } else {
        const int up = curve.next(chosen, 1);
        const int down = curve.next(chosen, -1);
        if (up >= 0)
            lines << stepLine(curve, chosen, up);
        else
            lines << Text::tr("No candidate has a smaller error.");
        if (down >= 0)
            lines << stepLine(curve, chosen, down);
        else
            lines << Text::tr("No candidate is smaller.");
        if (std::isfinite(curve.price))
            lines << Text::tr("The budget's price: %1 per MiB. What saves more is bought, what "
                              "saves less is not.")
                         .arg(errorText(curve.price * mebibyte));
    }
    if (!curve.partners.empty()) {
        QStringList names;
        for (const std::string& each : curve.partners)
            names << toQString(each.substr(each.rfind('.') + 1));
        lines << Text::tr("Decided with %1.").arg(names.join(QStringLiteral(", ")));
    }
    if (curve.minimumBits > 0)
        lines << Text::tr("A rule gives it %1 to %2 bits.")
                     .arg(curve.minimumBits)
                     .arg(curve.maximumBits);
    return lines;
}

} // namespace gradus
