// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/exponent_plot.h"

#include "core/base/format.h"
#include "widgets/models/decibel.h"
#include "widgets/plots/drawing.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <QMenu>
#include <qcustomplot.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace gradus {

namespace {
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
constexpr std::array rules{ExponentRule::PowerDomain, ExponentRule::Nearest, ExponentRule::Clipped};

QString exponentText(double exponent)
{
    return QString::number(exponent, 'f', 3);
}

QString decibelText(double decibel)
{
    return toQString(formatDecibel(decibel));
}

QString percent(double nmse)
{
    return toQString(formatPercent(nmse));
}

QString ruleName(ExponentRule rule)
{
    switch (rule) {
    case ExponentRule::PowerDomain:
        return ExponentPlot::tr("Power domain");
    case ExponentRule::Nearest:
        return ExponentPlot::tr("Nearest");
    case ExponentRule::Clipped:
        return ExponentPlot::tr("Clipped");
    }
    return {};
}

const std::vector<double>& curveOf(const ExponentStudy& study, ExponentRule rule)
{
    return rule == ExponentRule::PowerDomain ? study.power
           : rule == ExponentRule::Nearest   ? study.nearest
                                             : study.clipped;
}
} // namespace

ExponentPoint bestOf(const ExponentStudy& study, ExponentRule rule)
{
    switch (rule) {
    case ExponentRule::PowerDomain:
        break;
    case ExponentRule::Nearest:
        return study.bestNearest;
    case ExponentRule::Clipped:
        return {study.bestClipped.exponent, study.bestClipped.error};
    }
    return study.bestPower;
}

double errorAt(const ExponentStudy& study, ExponentRule rule, double exponent)
{
    const std::vector<double>& x = study.exponents;
    const std::vector<double>& y = curveOf(study, rule);
    if (x.empty() || y.size() != x.size() || !(exponent >= x.front() && exponent <= x.back()))
        return nothing;
    const auto right =
        static_cast<std::size_t>(std::upper_bound(x.begin(), x.end() - 1, exponent) - x.begin());
    if (right == 0)
        return y.front();
    const double share = (exponent - x[right - 1]) / (x[right] - x[right - 1]);
    return y[right - 1] + share * (y[right] - y[right - 1]);
}

struct ExponentPlot::Parts
{
    std::vector<LayerCurve> curves;
    std::size_t selected = 0;
    std::size_t layers = 0; ///< summed up, of the whole model
    std::size_t ofLayers = 0;
    double exponent = nothing;
    bool decibel = false;
    std::vector<QCPGraph*> lines;
    std::vector<QCPGraph*> optima;
    QCPGraph* uniform = nullptr;
    QCPGraph* basins = nullptr;
    QCPGraph* predicted = nullptr;
    QCPCurve* exact = nullptr; ///< ½ and 1
    std::array<QCPItemText*, 2> exactNames{};
    QCPCurve* computed = nullptr;

    [[nodiscard]] bool isModel() const { return !curves.empty() && curves.front().layer.empty(); }
};

ExponentPlot::ExponentPlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Error against exponent"));
    plot.setAutoAddPlottableToLegend(false);
    p.exact = new QCPCurve(plot.xAxis, plot.yAxis);
    for (std::size_t i = 0; i < p.exactNames.size(); ++i) {
        auto* name = new QCPItemText(&plot);
        name->setText(i == 0 ? tr("½ exact") : tr("1 uniform"));
        name->position->setTypeX(QCPItemPosition::ptPlotCoords);
        name->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
        name->position->setAxisRect(plot.axisRect());
        name->position->setAxes(plot.xAxis, nullptr);
        name->position->setCoords(i == 0 ? 0.5 : 1.0, 0);
        name->setPositionAlignment(Qt::AlignLeft | Qt::AlignTop);
        name->setPadding(QMargins(3, 1, 3, 0));
        p.exactNames[i] = name;
    }
    p.computed = new QCPCurve(plot.xAxis, plot.yAxis);
    for (int i = 0; i < seriesCount; ++i) {
        p.lines.push_back(plot.addGraph());
        p.lines.back()->setAdaptiveSampling(false);
    }
    const auto points = [&](const QString& name) {
        QCPGraph* graph = plot.addGraph();
        graph->setLineStyle(QCPGraph::lsNone);
        graph->setName(name);
        return graph;
    };
    p.basins = points(tr("Basin"));
    p.predicted = points({});
    p.uniform = points(tr("Uniform"));
    for (int i = 0; i < seriesCount; ++i)
        p.optima.push_back(points({}));
    plot.xAxis->setLabel(tr("power exponent a"));
    setTitle(QStringLiteral(" "), QStringLiteral(" "));
    placeLegend(LegendPlace::Row);
    rebuild();
}

ExponentPlot::~ExponentPlot() = default;

void ExponentPlot::setCurves(std::vector<LayerCurve> curves, std::size_t selected)
{
    Parts& p = *m_parts;
    p.selected = std::max(selected, curves.size());
    if (curves.size() > static_cast<std::size_t>(seriesCount))
        curves.resize(static_cast<std::size_t>(seriesCount));
    p.curves = std::move(curves);
    rebuild();
    fit();
}

const std::vector<LayerCurve>& ExponentPlot::curves() const
{
    return m_parts->curves;
}

void ExponentPlot::setModel(std::shared_ptr<const ExponentStudy> study, std::size_t layers,
                            std::size_t of)
{
    Parts& p = *m_parts;
    p.layers = layers;
    p.ofLayers = of;
    p.selected = 0;
    p.curves.clear();
    if (study && !study->exponents.empty())
        p.curves.push_back({{}, {}, std::move(study), ExponentRule::PowerDomain, {}, {}});
    rebuild();
    fit();
}

bool ExponentPlot::several() const
{
    return m_parts->curves.size() > 1;
}

void ExponentPlot::setExponent(double exponent)
{
    m_parts->exponent = exponent;
    setMarkers({exponent}, themeColours(palette()).clip);
    queueReplot();
}

double ExponentPlot::exponent() const
{
    return m_parts->exponent;
}

void ExponentPlot::setDecibel(bool on)
{
    if (m_parts->decibel == on)
        return;
    m_parts->decibel = on;
    rebuild();
    fit();
    Q_EMIT decibelChanged(on);
}

bool ExponentPlot::decibel() const
{
    return m_parts->decibel;
}

double ExponentPlot::shown(double nmse) const
{
    if (!(nmse > 0))
        return nothing;
    return m_parts->decibel ? 10 * std::log10(nmse) : 100 * nmse;
}

void ExponentPlot::markerMoved(int, double position, bool released)
{
    const Parts& p = *m_parts;
    if (p.curves.empty())
        return;
    const auto& range = p.curves.front().study->exponents;
    setExponent(std::clamp(position, range.front(), range.back()));
    Q_EMIT exponentDragged(p.exponent, released);
}

void ExponentPlot::rebuild()
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setHasData(!p.curves.empty());
    plot.legend->clear();
    plot.yAxis->setLabel(p.decibel ? tr("weight error (dB)") : tr("weight error (%)"));
    setAxisScale(*plot.yAxis, !p.decibel);
    if (!p.decibel)
        setLogTicks(*plot.yAxis);
    clearDrawing();
    if (p.curves.empty()) {
        setMarkers({}, {});
        return;
    }
    setVerticals(*p.exact, {0.5, 1});
    if (several())
        drawSeveral();
    else
        drawOne();
    if (p.isModel())
        setMarkers({}, {});
    recolour();
}

void ExponentPlot::clearDrawing()
{
    Parts& p = *m_parts;
    for (auto* graphs : {&p.lines, &p.optima})
        for (QCPGraph* graph : *graphs)
            graph->setData(QVector<double>(), QVector<double>());
    for (QCPGraph* graph : {p.uniform, p.basins, p.predicted})
        graph->setData(QVector<double>(), QVector<double>());
    setVerticals(*p.computed, {});
}

void ExponentPlot::drawOne()
{
    Parts& p = *m_parts;
    const LayerCurve& c = p.curves.front();
    const ExponentStudy& study = *c.study;
    plot().legend->setIconSize(20, 10); // room for the patterns
    const QVector<double> x(study.exponents.begin(), study.exponents.end());
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const std::vector<double>& curve = curveOf(study, rules[i]);
        if (curve.size() != study.exponents.size())
            continue;
        QVector<double> y;
        for (const double nmse : curve)
            y << shown(nmse);
        p.lines[i]->setData(x, y, true);
        const ExponentPoint best = bestOf(study, rules[i]);
        p.optima[i]->setData({best.exponent}, {shown(best.error)});
        p.lines[i]->setName(tr("%1 %2").arg(ruleName(rules[i]), exponentText(best.exponent)));
        p.lines[i]->addToLegend();
    }
    p.uniform->addData(1, shown(study.uniform));
    if (!study.clipped.empty())
        p.uniform->addData(1, shown(study.uniformClipped.error));
    p.uniform->addToLegend();
    // One basin is what theory promises: only more of them are worth a mark.
    if (study.basins.size() > 1) {
        for (const ExponentPoint& basin : study.basins)
            p.basins->addData(basin.exponent, shown(basin.error));
        p.basins->setName(tr("Basins (%1)").arg(study.basins.size()));
        p.basins->addToLegend();
    }
    if (study.predictedNmse > 0) {
        p.predicted->addData(study.predictedExponent, shown(study.predictedNmse));
        p.predicted->setName(tr("Theory %1").arg(exponentText(study.predictedExponent)));
        p.predicted->addToLegend();
    }
    const ExponentPoint best = bestOf(study, c.rule);
    const QString gain = decibelText(gainDecibel(study.uniform, best.error));
    if (p.isModel()) {
        setTitle(tr("Whole model"),
                 (p.layers < p.ofLayers
                      ? tr("%1 of %2 layers so far · best common a = %3 · gain %4")
                      : tr("%1 of %2 layers · best common a = %3 · gain %4"))
                     .arg(p.layers)
                     .arg(p.ofLayers)
                     .arg(exponentText(best.exponent), gain));
        return;
    }
    if (c.computed) {
        setVerticals(*p.computed, {*c.computed});
        p.computed->setName(tr("Computed %1").arg(exponentText(*c.computed)));
        p.computed->addToLegend();
    }
    setTitle(toQString(c.layer),
             tr("%1 bit · best a = %2 · gain %3 · %4")
                 .arg(c.scheme.bits)
                 .arg(exponentText(best.exponent), gain, ruleName(c.rule).toLower()));
}

void ExponentPlot::drawSeveral()
{
    Parts& p = *m_parts;
    plot().legend->setIconSize(28, 10);
    std::vector<std::string> layers;
    for (const LayerCurve& c : p.curves)
        layers.push_back(c.layer);
    const QStringList names = legendNames(layers, 24);
    for (std::size_t i = 0; i < p.curves.size(); ++i) {
        const ExponentStudy& study = *p.curves[i].study;
        QVector<double> y;
        for (const double nmse : study.power)
            y << shown(nmse);
        p.lines[i]->setData(QVector<double>(study.exponents.begin(), study.exponents.end()), y,
                            true);
        p.optima[i]->setData({study.bestPower.exponent}, {shown(study.bestPower.error)});
        p.uniform->addData(1, shown(study.uniform));
        p.lines[i]->setName(
            tr("%1: a = %2, %3")
                .arg(names[static_cast<qsizetype>(i)], exponentText(study.bestPower.exponent),
                     decibelText(gainDecibel(study.uniform, study.bestPower.error))));
        p.lines[i]->addToLegend();
    }
    const std::size_t count = p.curves.size();
    setTitle(p.selected > count ? tr("%1 of %2 selected layers shown").arg(count).arg(p.selected)
                                : tr("%1 layers").arg(count),
             tr("● best exponent with its gain over the uniform grid · □ uniform grid, a = 1"));
}

void ExponentPlot::rescale()
{
    const Parts& p = *m_parts;
    double left = std::numeric_limits<double>::infinity();
    double right = -left;
    double low = left;
    double high = -left;
    const auto cover = [&](double nmse) {
        const double value = shown(nmse);
        if (std::isfinite(value)) {
            low = std::min(low, value);
            high = std::max(high, value);
        }
    };
    for (const LayerCurve& c : p.curves) {
        if (c.study->exponents.empty())
            continue;
        left = std::min(left, c.study->exponents.front());
        right = std::max(right, c.study->exponents.back());
        for (const ExponentRule rule : rules) {
            if (several() && rule != ExponentRule::PowerDomain)
                continue;
            for (const double nmse : curveOf(*c.study, rule))
                cover(nmse);
            cover(bestOf(*c.study, rule).error);
        }
        if (!several())
            cover(c.study->predictedNmse);
    }
    if (!(left < right)) {
        left = 0;
        right = 2;
    }
    if (!(low <= high)) { // nothing but zeros: no error at all
        low = p.decibel ? -60 : 1e-4;
        high = p.decibel ? 0 : 100;
    }
    const double margin = 0.03 * (right - left);
    plot().xAxis->setRange(left - margin, right + margin);
    // Above stand the names of two exponents.
    if (p.decibel) {
        const double room = std::max(0.06 * (high - low), 0.1);
        plot().yAxis->setRange(low - room, high + 2 * room);
    } else {
        const double room = std::max(std::pow(high / low, 0.06), 1.05);
        plot().yAxis->setRange(low / room, high * room * room);
    }
}

void ExponentPlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    const ThemeColours colours = themeColours(palette());
    for (std::size_t i = 0; i < p.lines.size(); ++i) {
        const QPen pen = seriesPen(palette(), static_cast<int>(i), 1.8);
        p.lines[i]->setPen(pen);
        const QPen solid(pen.color(), 1.5);
        p.optima[i]->setPen(solid);
        p.optima[i]->setScatterStyle(
            QCPScatterStyle(QCPScatterStyle::ssDisc, solid, QBrush(pen.color()), 9));
    }
    const QColor text = palette().color(QPalette::Text);
    const QBrush base(palette().color(QPalette::Base));
    p.uniform->setScatterStyle(
        QCPScatterStyle(QCPScatterStyle::ssSquare, QPen(text, 1.3), base, 8));
    p.basins->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssTriangleInverted,
                                              QPen(colours.outlier, 1.6), Qt::NoBrush, 13));
    p.predicted->setScatterStyle(
        QCPScatterStyle(QCPScatterStyle::ssDiamond, QPen(colours.level, 1.8), base, 11));
    p.exact->setPen(QPen(colours.muted, 1, Qt::DotLine));
    for (QCPItemText* name : p.exactNames) {
        name->setVisible(!p.curves.empty());
        name->setColor(colours.muted);
        QFont font = plot().xAxis->tickLabelFont();
        font.setPointSizeF(font.pointSizeF() * 0.92);
        name->setFont(font);
    }
    p.computed->setPen(QPen(colours.level, 1.4, Qt::DashDotLine));
    if (!p.curves.empty() && !p.isModel())
        setMarkers({p.exponent}, colours.clip);
    queueReplot();
}

void ExponentPlot::extendMenu(QMenu& menu)
{
    QAction* decibel = menu.addAction(tr("Error in dB"));
    decibel->setCheckable(true);
    decibel->setChecked(m_parts->decibel);
    connect(decibel, &QAction::toggled, this, &ExponentPlot::setDecibel);
}

QString ExponentPlot::proposedName() const
{
    return m_parts->curves.size() == 1 ? tr("%1 exponent").arg(title()) : tr("exponents");
}

QString ExponentPlot::readout(double x, double) const
{
    const Parts& p = *m_parts;
    QStringList lines{tr("exponent %1").arg(exponentText(x))};
    const auto line = [&](const QString& name, const ExponentStudy& study, ExponentRule rule) {
        const double nmse = errorAt(study, rule, x);
        if (!std::isnan(nmse))
            lines << tr("%1: error %2, %3 over uniform")
                         .arg(name, percent(nmse), decibelText(gainDecibel(study.uniform, nmse)));
    };
    if (several()) {
        for (const LayerCurve& c : p.curves)
            line(legendName(c.layer), *c.study, ExponentRule::PowerDomain);
    } else if (!p.curves.empty()) {
        for (const ExponentRule rule : rules)
            line(ruleName(rule), *p.curves.front().study, rule);
    }
    return lines.join(QLatin1Char('\n'));
}

QString ExponentPlot::csv() const
{
    const Parts& p = *m_parts;
    if (p.curves.empty())
        return {};
    QString text;
    for (const LayerCurve& c : p.curves) {
        const ExponentStudy& study = *c.study;
        const auto remark = [&](const char* what, double exponent, double clip, double nmse) {
            text += QStringLiteral("# %1,\"%2\",%3,%4,%5\n")
                        .arg(QLatin1String(what), toQString(c.layer), csvNumber(exponent),
                             csvNumber(clip), csvNumber(nmse));
        };
        remark("best_power", study.bestPower.exponent, 1, study.bestPower.error);
        remark("best_nearest", study.bestNearest.exponent, 1, study.bestNearest.error);
        remark("best_clipped", study.bestClipped.exponent, study.bestClipped.clip,
               study.bestClipped.error);
        remark("uniform", 1, 1, study.uniform);
        remark("uniform_clipped", 1, study.uniformClipped.clip, study.uniformClipped.error);
        remark("predicted", study.predictedExponent, 1, study.predictedNmse);
        for (const ExponentPoint& basin : study.basins)
            remark("basin", basin.exponent, 1, basin.error);
    }
    const auto number = [](const std::vector<double>& curve, std::size_t i) {
        return i < curve.size() ? csvNumber(curve[i]) : QString();
    };
    text += QStringLiteral("layer,bits,exponent,power,nearest,clipped\n");
    for (const LayerCurve& c : p.curves) {
        const ExponentStudy& study = *c.study;
        for (std::size_t i = 0; i < study.exponents.size(); ++i)
            text += QStringLiteral("\"%1\",%2,%3,%4,%5,%6\n")
                        .arg(toQString(c.layer),
                             p.isModel() ? QString() : QString::number(c.scheme.bits),
                             csvNumber(study.exponents[i]), number(study.power, i),
                             number(study.nearest, i), number(study.clipped, i));
    }
    return text;
}

} // namespace gradus
