// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/gain_plot.h"

#include "core/base/format.h"
#include "widgets/models/decibel.h"
#include "widgets/plots/drawing.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <QCoreApplication>
#include <qcustomplot.h>

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {
struct Text
{
    Q_DECLARE_TR_FUNCTIONS(GainKind)
};

/// One bar: from where to where, in decibel gained.
struct Row
{
    bool total = false;
    GainKind kind = GainKind::Outliers;
    double from = 0;
    double to = 0;
    [[nodiscard]] double gained() const { return to - from; }
};

std::vector<Row> rowsOf(const GainSteps& gain)
{
    std::vector<Row> rows;
    double reached = 0;
    for (std::size_t k = 0; k < gainKinds; ++k) {
        const auto kind = static_cast<GainKind>(k);
        if (!gain.has(kind))
            continue;
        rows.push_back({false, kind, reached, reached + gain.of(kind)});
        reached = rows.back().to;
    }
    if (!rows.empty())
        rows.push_back({true, GainKind::Outliers, 0, reached});
    return rows;
}

QString titleOf(const Row& row)
{
    return row.total ? Text::tr("In all") : gainKindTitle(row.kind);
}
} // namespace

QString gainKindTitle(GainKind kind)
{
    switch (kind) {
    case GainKind::Outliers:
        return Text::tr("Outliers");
    case GainKind::Clip:
        return Text::tr("Clip");
    case GainKind::Exponent:
        return Text::tr("Exponent");
    case GainKind::Nearest:
        return Text::tr("Nearest levels");
    case GainKind::Codes:
        return Text::tr("Codes");
    case GainKind::Scales:
        return Text::tr("Scales");
    case GainKind::ExponentSteps:
        return Text::tr("Exponent again");
    case GainKind::Gradient:
        return Text::tr("Gradient");
    case GainKind::Block:
        return Text::tr("Block stage");
    case GainKind::FineTuning:
        return Text::tr("Fine-tuning");
    }
    return {};
}

QString gainKindHelp(GainKind kind)
{
    switch (kind) {
    case GainKind::Outliers:
        return Text::tr("The weights that cost most are kept as floats.");
    case GainKind::Clip:
        return Text::tr("Scales below the largest magnitudes.");
    case GainKind::Exponent:
        return Text::tr("A power grid in place of the uniform one.");
    case GainKind::Nearest:
        return Text::tr("Nearest levels in place of rounding in the power domain.");
    case GainKind::Codes:
        return Text::tr("Codes chosen for the output error instead of the weights' own.");
    case GainKind::Scales:
        return Text::tr("Scales fitted to the codes.");
    case GainKind::ExponentSteps:
        return Text::tr("The exponent fitted to codes and scales.");
    case GainKind::Gradient:
        return Text::tr("Gradient steps on latent codes.");
    case GainKind::Block:
        return Text::tr("The training of the block: it serves the block's output, and the layer's "
                        "own error may rise.");
    case GainKind::FineTuning:
        return Text::tr("The training of the whole model: the layer's own error may rise.");
    }
    return {};
}

struct GainPlot::Parts
{
    QString title;
    GainSteps gain;
    std::vector<Row> rows;
    std::vector<QCPItemRect*> bars;
    std::vector<QCPItemLine*> links; ///< from a bar's end to the next one's start
    std::vector<QCPItemText*> labels;
    QSharedPointer<QCPAxisTickerText> names;
    QCPCurve* zero = nullptr;
    int fittedWidth = 0; ///< of the axes when the range was last fitted to the labels
    QCPRange fitted;

    [[nodiscard]] const Row* at(double y) const
    {
        const double place = std::floor(y + 0.5);
        return place >= 0 && place < static_cast<double>(rows.size())
                   ? &rows[static_cast<std::size_t>(place)]
                   : nullptr;
    }
};

GainPlot::GainPlot(QWidget* parent)
    : PlotView(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    setAccessibleName(tr("Where the gain comes from"));
    setMovable(Qt::Horizontal);
    plot.setAutoAddPlottableToLegend(false);
    p.zero = new QCPCurve(plot.xAxis, plot.yAxis);
    p.names = QSharedPointer<QCPAxisTickerText>::create();
    plot.yAxis->setTicker(p.names);
    plot.yAxis->setRangeReversed(true);
    plot.yAxis->grid()->setVisible(false);
    plot.yAxis->setTickLength(0);
    plot.yAxis->setSubTicks(false);
    plot.xAxis->setLabel(tr("gain over uniform (dB)"));
    setTitle(QStringLiteral(" "), QStringLiteral(" "));
    placeLegend(LegendPlace::Hidden);
    // The room that labels take of the range depends on the width.
    connect(&plot, &QCustomPlot::afterLayout, this, [this] {
        const QCPAxis* axis = this->plot().xAxis;
        if (axis->range() == m_parts->fitted && axis->axisRect()->width() != m_parts->fittedWidth)
            fit();
    });
    rebuild();
}

GainPlot::~GainPlot() = default;

void GainPlot::setGain(const QString& title, const GainSteps& gain)
{
    m_parts->title = title;
    m_parts->gain = gain;
    rebuild();
    fit();
}

const GainSteps& GainPlot::gain() const
{
    return m_parts->gain;
}

QStringList GainPlot::rowTexts() const
{
    QStringList texts;
    for (const Row& row : m_parts->rows)
        texts << titleOf(row) + QLatin1Char('\t') + signedDecibel(row.gained());
    return texts;
}

void GainPlot::rebuild()
{
    Parts& p = *m_parts;
    QCustomPlot& plot = this->plot();
    for (QCPItemRect* bar : p.bars)
        plot.removeItem(bar);
    for (QCPItemLine* link : p.links)
        plot.removeItem(link);
    for (QCPItemText* label : p.labels)
        plot.removeItem(label);
    p.bars.clear();
    p.links.clear();
    p.labels.clear();
    p.rows = rowsOf(p.gain);
    setHasData(!p.rows.empty());
    p.names->clear();
    if (p.rows.empty())
        return;
    for (std::size_t i = 0; i < p.rows.size(); ++i) {
        const Row& row = p.rows[i];
        const auto y = static_cast<double>(i);
        p.names->addTick(y, titleOf(row));
        if (i + 1 < p.rows.size()) {
            auto* link = new QCPItemLine(&plot);
            link->start->setCoords(row.to, y);
            link->end->setCoords(row.to, y + 1);
            p.links.push_back(link);
        }
        auto* bar = new QCPItemRect(&plot);
        bar->topLeft->setCoords(std::min(row.from, row.to), y - 0.32);
        bar->bottomRight->setCoords(std::max(row.from, row.to), y + 0.32);
        p.bars.push_back(bar);
        auto* label = new QCPItemText(&plot);
        label->setText(signedDecibel(row.gained()));
        label->setPadding(QMargins(5, 0, 5, 0));
        label->setPositionAlignment(Qt::AlignLeft | Qt::AlignVCenter);
        label->position->setCoords(std::max(row.from, row.to), y);
        p.labels.push_back(label);
    }
    setVerticals(*p.zero, {0});
    const QString before = toQString(formatPercent(p.gain.first));
    const QString after = toQString(formatPercent(p.gain.last));
    setTitle(p.title, p.gain.ofOutputs ? tr("output error %1 → %2").arg(before, after)
                                       : tr("weight error %1 → %2").arg(before, after));
    recolour();
}

void GainPlot::rescale()
{
    const Parts& p = *m_parts;
    double low = 0;
    double high = 0.1;
    for (const Row& row : p.rows) {
        low = std::min({low, row.from, row.to});
        high = std::max({high, row.from, row.to});
    }
    low -= 0.04 * (high - low);
    // Labels stand right of the bars' ends, and are seen whole.
    QFont font = plot().xAxis->tickLabelFont();
    font.setBold(true);
    const QFontMetrics metrics(font);
    const double room = std::max(plot().axisRect()->width(), 1);
    double width = 1.04 * (high - low);
    for (const Row& row : p.rows) {
        const int label = metrics.horizontalAdvance(signedDecibel(row.gained())) + 12;
        const double share = std::max(1 - label / room, 0.2);
        width = std::max(width, (std::max(row.from, row.to) - low) / share);
    }
    plot().xAxis->setRange(low, low + width);
    m_parts->fitted = plot().xAxis->range();
    m_parts->fittedWidth = plot().axisRect()->width();
    plot().yAxis->setRange(-0.7,
                           static_cast<double>(std::max<std::size_t>(p.rows.size(), 1)) - 0.3);
}

void GainPlot::recolour()
{
    PlotView::recolour();
    Parts& p = *m_parts;
    const ThemeColours colours = themeColours(palette());
    plot().yAxis->grid()->setVisible(false);
    plot().yAxis->setTickPen(Qt::NoPen);
    p.zero->setPen(QPen(colours.muted, 1));
    for (std::size_t i = 0; i < p.bars.size(); ++i) {
        const Row& row = p.rows[i];
        const QColor colour = row.total          ? colours.muted
                              : row.gained() < 0 ? colours.error
                                                 : colours.dequantized;
        p.bars[i]->setPen(QPen(colour, 1));
        p.bars[i]->setBrush(row.gained() < 0 && !row.total ? QBrush(colour, Qt::BDiagPattern)
                                                           : QBrush(colour));
        p.labels[i]->setColor(palette().color(QPalette::Text));
        QFont font = plot().xAxis->tickLabelFont();
        font.setBold(row.total);
        p.labels[i]->setFont(font);
    }
    for (QCPItemLine* link : p.links)
        link->setPen(QPen(colours.muted, 1, Qt::DotLine));
    queueReplot();
}

QString GainPlot::proposedName() const
{
    return tr("gain");
}

QString GainPlot::readout(double, double y) const
{
    const Row* row = m_parts->at(y);
    if (!row)
        return {};
    return tr("%1: %2").arg(titleOf(*row), signedDecibel(row->gained()));
}

QString GainPlot::csv() const
{
    const Parts& p = *m_parts;
    if (p.rows.empty())
        return {};
    QString text =
        QStringLiteral("# error,%1\n# before,%2\n# after,%3\n# layers,%4\nkind,gain_db\n")
            .arg(p.gain.ofOutputs ? QStringLiteral("output") : QStringLiteral("weight"),
                 csvNumber(p.gain.first), csvNumber(p.gain.last))
            .arg(p.gain.layers);
    for (const Row& row : p.rows)
        text += QStringLiteral("%1,%2\n").arg(row.total ? QStringLiteral("total")
                                                        : toQString(gainKindName(row.kind)),
                                              csvNumber(row.gained()));
    return text;
}

} // namespace gradus
