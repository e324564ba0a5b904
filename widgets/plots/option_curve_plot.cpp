// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/option_curve_plot.h"

#include "core/base/format.h"
#include "widgets/plots/drawing.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <qcustomplot.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {

namespace {
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
constexpr double kibibyte = 1024;

double shown(double error)
{
    return error > 0 && std::isfinite(error) ? error : nothing;
}

double kibibytes(const OptionCurve::Option& option)
{
    return static_cast<double>(option.bytes) / kibibyte;
}
} // namespace

struct OptionCurvePlot::Parts
{
    OptionCurve curve;
    QCPGraph* hull = nullptr;
    QCPGraph* others = nullptr; ///< candidates that no budget buys
    QCPGraph* chosen = nullptr;
    std::vector<QCPItemText*> names;
};

OptionCurvePlot::OptionCurvePlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Candidates of the selected layer"));
    plot.setAutoAddPlottableToLegend(false);
    p.hull = plot.addGraph();
    p.hull->setName(tr("Candidates"));
    p.others = plot.addGraph();
    p.others->setName(tr("Never the best"));
    p.others->setLineStyle(QCPGraph::lsNone);
    p.chosen = plot.addGraph();
    p.chosen->setLineStyle(QCPGraph::lsNone);
    p.chosen->setName(tr("Chosen"));
    for (QCPGraph* graph : {p.hull, p.others, p.chosen})
        graph->setAdaptiveSampling(false);
    setAxisScale(*plot.yAxis, true);
    setLogTicks(*plot.yAxis);
    plot.xAxis->setLabel(tr("size (KiB)"));
    setTitle(QStringLiteral(" "));
    placeLegend(LegendPlace::Row);
    rebuild();
}

OptionCurvePlot::~OptionCurvePlot() = default;

void OptionCurvePlot::setCurve(OptionCurve curve)
{
    m_parts->curve = std::move(curve);
    rebuild();
    fit();
}

const OptionCurve& OptionCurvePlot::curve() const
{
    return m_parts->curve;
}

void OptionCurvePlot::rebuild()
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    for (QCPItemText* name : p.names)
        plot.removeItem(name);
    p.names.clear();
    plot.legend->clear();
    setHasData(!p.curve.options.empty());
    if (p.curve.options.empty())
        return;
    QVector<double> x[3];
    QVector<double> y[3];
    const auto add = [&](int to, const OptionCurve::Option& option) {
        x[to] << kibibytes(option);
        y[to] << shown(option.error);
    };
    for (const OptionCurve::Option& option : p.curve.options) {
        add(option.onHull ? 0 : 1, option);
        if (option.chosen)
            add(2, option);
        if (std::isnan(shown(option.error)))
            continue;
        auto* name = new QCPItemText(&plot);
        name->setText(option.name);
        name->setPositionAlignment(Qt::AlignLeft | Qt::AlignBottom);
        name->setPadding(QMargins(6, 0, 0, 3));
        name->position->setCoords(kibibytes(option), option.error);
        p.names.push_back(name);
    }
    QCPGraph* graphs[] = {p.hull, p.others, p.chosen};
    for (int i = 0; i < 3; ++i) {
        graphs[i]->setData(x[i], y[i]);
        if (!x[i].isEmpty())
            graphs[i]->addToLegend();
    }
    plot.yAxis->setLabel(p.curve.errorTitle);
    setTitle(toQString(p.curve.layer));
    placeLegend(LegendPlace::Row);
    plot.legend->setIconSize(16, 13); // for the ring
    recolour();
}

void OptionCurvePlot::rescale()
{
    const Parts& p = *m_parts;
    double low = std::numeric_limits<double>::infinity();
    double high = 0;
    double right = 0;
    double left = low;
    for (const OptionCurve::Option& option : p.curve.options) {
        left = std::min(left, kibibytes(option));
        right = std::max(right, kibibytes(option));
        if (std::isnan(shown(option.error)))
            continue;
        low = std::min(low, option.error);
        high = std::max(high, option.error);
    }
    if (!(high > 0))
        low = high = 1;
    const double room = std::max(std::pow(high / low, 0.14), 1.3);
    const double margin = right > left ? 0.08 * (right - left) : std::max(0.1 * right, 0.01);
    plot().xAxis->setRange(left - margin / 2, right + margin);
    plot().yAxis->setRange(low / room, high * room);
}

void OptionCurvePlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    if (!p.chosen)
        return; // while it is made
    using Mark = QCPScatterStyle::ScatterShape;
    const ThemeColours colours = themeColours(palette());
    p.hull->setPen(QPen(colours.dequantized, 1.6));
    p.hull->setScatterStyle(
        QCPScatterStyle(Mark::ssDisc, QPen(colours.dequantized), QBrush(colours.dequantized), 6));
    p.others->setPen(QPen(colours.muted, 1.3));
    p.others->setScatterStyle(
        QCPScatterStyle(Mark::ssCross, QPen(colours.muted, 1.3), QBrush(Qt::NoBrush), 7));
    p.chosen->setPen(QPen(colours.clip, 1.8));
    p.chosen->setScatterStyle(
        QCPScatterStyle(Mark::ssCircle, QPen(colours.clip, 1.8), QBrush(Qt::NoBrush), 11));
    QFont small = plot().xAxis->tickLabelFont();
    for (std::size_t i = 0; i < p.names.size(); ++i) {
        p.names[i]->setColor(palette().color(QPalette::Text));
        p.names[i]->setFont(small);
    }
    queueReplot();
}

QString OptionCurvePlot::proposedName() const
{
    return tr("%1 candidates").arg(title());
}

QString OptionCurvePlot::readout(double x, double y) const
{
    const Parts& p = *m_parts;
    const QPointF here(plot().xAxis->coordToPixel(x), plot().yAxis->coordToPixel(y));
    const OptionCurve::Option* nearest = nullptr;
    double least = 24;
    for (const OptionCurve::Option& option : p.curve.options) {
        if (std::isnan(shown(option.error)))
            continue;
        const double distance = std::hypot(plot().xAxis->coordToPixel(kibibytes(option)) - here.x(),
                                           plot().yAxis->coordToPixel(option.error) - here.y());
        if (distance < least) {
            least = distance;
            nearest = &option;
        }
    }
    if (!nearest)
        return {};
    return tr("%1 bits: %2, error %3 %4")
        .arg(nearest->name, toQString(formatBytes(nearest->bytes)), errorText(nearest->error),
             p.curve.errorUnit)
        .trimmed();
}

QString OptionCurvePlot::csv() const
{
    const OptionCurve& curve = m_parts->curve;
    if (curve.options.empty())
        return {};
    QString text =
        QStringLiteral("# %1\nlayer,bits,name,bytes,error,on_hull,chosen\n").arg(curve.errorTitle);
    for (const OptionCurve::Option& option : curve.options)
        text += QStringLiteral("\"%1\",%2,\"%3\",%4,%5,%6,%7\n")
                    .arg(toQString(curve.layer))
                    .arg(option.bits)
                    .arg(option.name)
                    .arg(option.bytes)
                    .arg(csvNumber(option.error))
                    .arg(option.onHull ? 1 : 0)
                    .arg(option.chosen ? 1 : 0);
    return text;
}

} // namespace gradus
