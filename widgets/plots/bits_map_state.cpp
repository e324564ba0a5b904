// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/bits_map_state.h"

#include "core/base/format.h"
#include "widgets/text.h"

namespace gradus {

namespace {
/// 1, 2 or 5 times a power of ten, at most or at least the value.
double roundNumber(double value, bool up)
{
    const double power = std::pow(10, std::floor(std::log10(value)));
    for (const double step : up ? std::vector<double>{1, 2, 5, 10} : std::vector<double>{5, 2, 1}) {
        if (up ? step * power >= value * (1 - 1e-9) : step * power <= value * (1 + 1e-9))
            return step * power;
    }
    return up ? 10 * power : power;
}
} // namespace

std::pair<QString, QString> bitsMapTitleLines(const QString& title, const QFontMetrics& metrics)
{
    const qsizetype point = title.lastIndexOf(QLatin1Char('.'));
    if (point < 0 || metrics.horizontalAdvance(title) <= bitsMapTitleLimit)
        return {{}, title};
    return {title.left(point), title.mid(point + 1)};
}

QString shortMethodName(const MethodOptions& options)
{
    // Where the name in capitals is too long for a cell.
    static constexpr std::pair<std::string_view, const char*> known[] = {
        {"rtn-mse", "MSE"},      {"decoupleq", "DQ"},          {"powerquant", "PQ"},
        {"minmax-static", "MM"}, {"percentile-static", "PCT"}, {"mse-static", "LSQ"},
        {"smoothquant", "SQ"},   {"repq-vit", "RQV"},          {"repquant", "RQ"},
    };
    const std::string_view name = methodName(options);
    for (const auto& [full, brief] : known)
        if (name == full)
            return QString::fromLatin1(brief);
    return toQString(name).toUpper();
}

double BitsMap::State::valueOfCell(const LayerRow& row) const
{
    if (row.choice.keepFloat || !row.measured)
        return std::numeric_limits<double>::quiet_NaN();
    return colouring == Colouring::OutputError  ? 100 * row.relativeOutputError
           : colouring == Colouring::WeightSqnr ? row.weightSqnrDb
                                                : std::numeric_limits<double>::quiet_NaN();
}

BitsMapRange BitsMap::State::rangeNow() const
{
    BitsMapRange r;
    double least = std::numeric_limits<double>::infinity();
    double most = -least;
    r.log = colouring == Colouring::OutputError;
    for (const LayerRow& each : *rows) {
        const double v = valueOfCell(each);
        if (!std::isfinite(v) || (r.log && !(v > 0)))
            continue;
        least = std::min(least, v);
        most = std::max(most, v);
    }
    if (!(most >= least))
        return r;
    if (r.log) {
        r.low = roundNumber(least, false);
        r.high = roundNumber(std::max(most, r.low * 1.01), true);
    } else {
        r.low = 5 * std::floor(least / 5);
        r.high = std::max(5 * std::ceil(most / 5), r.low + 5);
    }
    return r;
}

QColor BitsMap::State::colourOfValue(double value, Theme theme) const
{
    const double t = range.share(value);
    return sequentialColour(colouring == Colouring::WeightSqnr ? 1 - t : t, theme);
}

QColor BitsMap::State::colourOfBits(int bits, Theme theme)
{
    return sequentialColour(0.04 + 0.92 * (bits - 2) / 6.0, theme);
}

int BitsMap::State::categoryOf(const MethodOptions& options)
{
    int at = 0;
    for (const MethodDescription& method : methods()) {
        if (method.name == methodName(options))
            return at;
        ++at;
    }
    return at;
}

BitsMapLook BitsMap::State::lookOf(const LayerRow& row, const QPalette& palette) const
{
    const Theme theme = themeOf(palette);
    BitsMapLook look;
    look.locked = row.locked;
    if (row.choice.keepFloat) {
        look.ground = BitsMapLook::Ground::Float;
        look.text = BitsMap::tr("float");
        return look;
    }
    if (colouring == Colouring::Bits) {
        look.ground = BitsMapLook::Ground::Value;
        look.text = QString::number(row.choice.scheme.bits);
        look.colour = colourOfBits(row.choice.scheme.bits, theme);
        return look;
    }
    if (colouring == Colouring::Method) {
        look.ground = BitsMapLook::Ground::Value;
        look.text = shortMethodName(row.choice.method);
        look.colour = categoryColour(categoryOf(row.choice.method), theme);
        return look;
    }
    const double value = valueOfCell(row);
    if (std::isnan(value)) {
        look.text = QStringLiteral("–");
        return look;
    }
    look.ground = BitsMapLook::Ground::Value;
    look.stale = !row.stale.isEmpty();
    look.text = colouring == Colouring::OutputError
                    ? toQString(formatPercent(value / 100)).section(QLatin1Char(' '), 0, 0)
                : std::isinf(value) ? QStringLiteral("∞")
                                    : QString::number(value, 'f', 1);
    look.colour = colourOfValue(value, theme);
    if (look.stale) { // half of the way back to the ground
        const QColor base = palette.color(QPalette::Base);
        look.colour =
            QColor((look.colour.red() + base.red()) / 2, (look.colour.green() + base.green()) / 2,
                   (look.colour.blue() + base.blue()) / 2);
    }
    return look;
}

} // namespace gradus
