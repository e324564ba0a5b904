// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/histogram_plot.h"

#include "core/base/format.h"
#include "widgets/models/choice.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <QApplication>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QMenu>
#include <QSaveFile>
#include <QStackedLayout>
#include <QSvgGenerator>
#include <qcustomplot.h>

#include <algorithm>
#include <cmath>

namespace gradus {

struct HistogramPlot::Parts
{
    std::shared_ptr<const WeightPreview> preview;
    bool logScale = true;
    QStackedLayout* stack = nullptr;
    QLabel* empty = nullptr;
    QCustomPlot* plot = nullptr;
    QCPTextElement* title = nullptr;
    QCPTextElement* subtitle = nullptr;
    QCPBars* original = nullptr;
    QCPGraph* dequantized = nullptr;
    QCPCurve* levels = nullptr;
    QCPCurve* clip = nullptr;
};

namespace {
/// Vertical lines over the whole plot, as one curve with gaps.
void setVerticals(QCPCurve& curve, const std::vector<double>& at)
{
    QVector<double> x;
    QVector<double> y;
    const double gap = std::numeric_limits<double>::quiet_NaN();
    for (const double key : at) {
        x << key << key << gap;
        y << 1e-3 << 1e15 << gap;
    }
    curve.setData(x, y);
}

/// Counts as a staircase: every bin from its left edge to its right one.
void setStaircase(QCPGraph& graph, const Histogram& h)
{
    QVector<double> x;
    QVector<double> y;
    for (std::size_t i = 0; i < h.counts.size(); ++i) {
        x << h.lo + h.binWidth() * static_cast<double>(i);
        y << static_cast<double>(h.counts[i]);
    }
    if (!x.isEmpty()) {
        x << h.hi;
        y << y.last();
    }
    graph.setData(x, y, true);
}

std::int64_t highest(const Histogram& h)
{
    return h.counts.empty() ? 0 : *std::max_element(h.counts.begin(), h.counts.end());
}
} // namespace

HistogramPlot::HistogramPlot(QWidget* parent)
    : QWidget(parent)
    , m_parts(std::make_unique<Parts>())
{
    Parts& p = *m_parts;
    p.stack = new QStackedLayout(this);
    p.empty = new QLabel(QStringLiteral("Select a layer to see the distribution of its weights."));
    p.empty->setAlignment(Qt::AlignCenter);
    p.empty->setWordWrap(true);
    p.empty->setMargin(24);
    p.plot = new QCustomPlot;
    p.plot->setContextMenuPolicy(Qt::NoContextMenu);
    p.stack->addWidget(p.empty);
    p.stack->addWidget(p.plot);

    QCustomPlot& plot = *p.plot;
    plot.setNoAntialiasingOnDrag(true);
    plot.setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
    plot.axisRect()->setRangeDrag(Qt::Horizontal);
    plot.axisRect()->setRangeZoom(Qt::Horizontal);
    connect(&plot, &QCustomPlot::mouseDoubleClick, this, [this] { rebuild(); });

    QFont titleFont = font();
    titleFont.setBold(true);
    p.title = new QCPTextElement(&plot, QString(), titleFont);
    p.subtitle = new QCPTextElement(&plot, QString(), font());
    p.title->setMargins(QMargins(0, 4, 0, 0));
    p.subtitle->setMargins(QMargins(0, 0, 0, 2));
    plot.plotLayout()->setRowSpacing(0);
    plot.plotLayout()->insertRow(0);
    plot.plotLayout()->addElement(0, 0, p.subtitle);
    plot.plotLayout()->insertRow(0);
    plot.plotLayout()->addElement(0, 0, p.title);

    p.original = new QCPBars(plot.xAxis, plot.yAxis);
    p.original->setName(QStringLiteral("Original"));
    p.original->setWidthType(QCPBars::wtPlotCoords);
    p.original->setAntialiased(false);
    p.levels = new QCPCurve(plot.xAxis, plot.yAxis);
    p.levels->setName(QStringLiteral("Levels"));
    p.dequantized = plot.addGraph();
    p.dequantized->setName(QStringLiteral("Quantized"));
    p.dequantized->setLineStyle(QCPGraph::lsStepLeft);
    p.dequantized->setAdaptiveSampling(false);
    p.dequantized->setAntialiased(false);
    p.clip = new QCPCurve(plot.xAxis, plot.yAxis);
    p.clip->setName(QStringLiteral("Range"));

    plot.xAxis->setLabel(QStringLiteral("weight"));
    plot.yAxis->setLabel(QStringLiteral("weights per bin"));
    plot.legend->setVisible(true);
    // The legend has a row of its own: inside, it would cover the tail of the distribution.
    auto* row = new QCPLayoutGrid;
    plot.plotLayout()->insertRow(2);
    plot.plotLayout()->addElement(2, 0, row);
    row->addElement(0, 0, new QCPLayoutElement);
    row->addElement(0, 1, plot.legend);
    row->addElement(0, 2, new QCPLayoutElement);
    row->setMargins(QMargins(0, 0, 0, 0));
    plot.legend->setFillOrder(QCPLayoutGrid::foColumnsFirst);
    plot.legend->setWrap(0);
    plot.legend->setRowSpacing(0);
    plot.legend->setColumnSpacing(14);
    plot.legend->setIconSize(16, 10);
    plot.legend->setIconTextPadding(5);
    plot.legend->setMargins(QMargins(0, 1, 0, 1));
    plot.plotLayout()->setRowStretchFactor(2, 0.001);
    plot.axisRect()->setMinimumMargins(QMargins(12, 4, 14, 8));
    recolour();
    rebuild();
}

HistogramPlot::~HistogramPlot() = default;

void HistogramPlot::setPreview(std::shared_ptr<const WeightPreview> preview)
{
    m_parts->preview = std::move(preview);
    rebuild();
}

const WeightPreview* HistogramPlot::preview() const
{
    return m_parts->preview.get();
}

void HistogramPlot::setEmptyText(const QString& text)
{
    m_parts->empty->setText(text);
}

void HistogramPlot::setLogScale(bool on)
{
    if (m_parts->logScale == on)
        return;
    m_parts->logScale = on;
    rebuild();
    Q_EMIT logScaleChanged(on);
}

bool HistogramPlot::logScale() const
{
    return m_parts->logScale;
}

void HistogramPlot::rebuild()
{
    Parts& p = *m_parts;
    if (!p.preview) {
        p.stack->setCurrentWidget(p.empty);
        return;
    }
    const WeightPreview& w = *p.preview;
    QCustomPlot& plot = *p.plot;
    p.title->setText(toQString(w.layer));
    p.subtitle->setText(QStringLiteral("%1%2 · n = %3")
                            .arg(choiceText(w.choice),
                                 w.choice.keepFloat ? QString()
                                 : w.fromRun        ? QStringLiteral(" · computed")
                                                    : QStringLiteral(" · rounded preview"),
                                 toQString(formatCount(w.moments.count))));

    QVector<double> keys;
    QVector<double> values;
    for (std::size_t i = 0; i < w.original.counts.size(); ++i) {
        keys << w.original.lo + w.original.binWidth() * (static_cast<double>(i) + 0.5);
        values << static_cast<double>(w.original.counts[i]);
    }
    p.original->setWidth(w.original.counts.empty() ? 1 : w.original.binWidth());
    p.original->setData(keys, values, true);
    setStaircase(*p.dequantized, w.dequantized);
    const bool quantized = !w.choice.keepFloat;
    setVerticals(*p.levels, quantized ? std::vector<double>(w.levels.begin(), w.levels.end())
                                      : std::vector<double>());
    setVerticals(*p.clip,
                 quantized ? std::vector<double>{w.clipLow, w.clipHigh} : std::vector<double>());
    // The legend names what is there and nothing else.
    plot.legend->clear();
    p.original->addToLegend();
    if (quantized) {
        p.dequantized->addToLegend();
        p.levels->setName(QStringLiteral("Levels (%1, first group)").arg(w.levels.size()));
        p.levels->addToLegend();
        p.clip->addToLegend();
    }

    double low = w.original.lo;
    double high = w.original.hi;
    if (quantized && std::isfinite(w.clipLow) && std::isfinite(w.clipHigh)) {
        low = std::min(low, w.clipLow);
        high = std::max(high, w.clipHigh);
    }
    const double margin = high > low ? 0.02 * (high - low) : 1;
    plot.xAxis->setRange(low - margin, high + margin);
    const double top =
        std::max(1.0, static_cast<double>(std::max(highest(w.original), highest(w.dequantized))));
    if (p.logScale) {
        auto ticker = QSharedPointer<QCPAxisTickerLog>(new QCPAxisTickerLog);
        plot.yAxis->setScaleType(QCPAxis::stLogarithmic);
        plot.yAxis->setTicker(ticker);
        plot.yAxis->setNumberFormat(QStringLiteral("eb"));
        plot.yAxis->setNumberPrecision(0);
        plot.yAxis->setRange(0.7, top * 4);
        p.original->setBaseValue(0.1);
    } else {
        plot.yAxis->setScaleType(QCPAxis::stLinear);
        plot.yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new QCPAxisTicker));
        plot.yAxis->setNumberFormat(QStringLiteral("f"));
        plot.yAxis->setNumberPrecision(0);
        plot.yAxis->setRange(0, top * 1.15);
        p.original->setBaseValue(0);
    }
    recolour();
    p.stack->setCurrentWidget(p.plot);
    plot.replot(QCustomPlot::rpQueuedReplot);
}

void HistogramPlot::recolour()
{
    Parts& p = *m_parts;
    const QPalette& palette = this->palette();
    const ThemeColours colours = themeColours(palette);
    const QColor text = palette.color(QPalette::Text);
    QCustomPlot& plot = *p.plot;
    plot.setBackground(palette.color(QPalette::Base));
    QFont small = font();
    small.setPointSizeF(small.pointSizeF() * 0.9);
    QFont bold = font();
    bold.setBold(true);
    p.title->setFont(bold);
    p.subtitle->setFont(small);
    p.title->setTextColor(text);
    p.subtitle->setTextColor(colours.muted);
    for (QCPAxis* axis : {plot.xAxis, plot.yAxis}) {
        axis->setBasePen(QPen(colours.muted));
        axis->setTickPen(QPen(colours.muted));
        axis->setSubTickPen(QPen(colours.muted));
        axis->setTickLabelColor(text);
        axis->setLabelColor(text);
        axis->setTickLabelFont(small);
        axis->setLabelFont(small);
        axis->setLabelPadding(2);
        axis->grid()->setPen(QPen(colours.grid));
        axis->grid()->setZeroLinePen(QPen(colours.grid));
        axis->grid()->setSubGridVisible(false);
    }
    QColor fill = colours.original;
    p.original->setPen(Qt::NoPen);
    p.original->setBrush(fill);
    p.dequantized->setPen(QPen(colours.dequantized, 1.5));
    // Many levels stand close: the more there are, the fainter each.
    QColor level = colours.level;
    const double count = p.preview ? static_cast<double>(p.preview->levels.size()) : 16;
    level.setAlphaF(static_cast<float>(std::clamp(14.0 / std::max(count, 1.0), 0.16, 0.75)));
    p.levels->setPen(QPen(level, 1));
    p.clip->setPen(QPen(colours.clip, 1.5, Qt::DashLine));
    plot.legend->setBrush(Qt::NoBrush);
    plot.legend->setBorderPen(Qt::NoPen);
    plot.legend->setTextColor(text);
    plot.legend->setFont(small);
    QPalette faint = palette;
    faint.setColor(QPalette::WindowText, colours.muted);
    p.empty->setPalette(faint);
    plot.replot(QCustomPlot::rpQueuedReplot);
}

QString HistogramPlot::libraryVersion()
{
    return QStringLiteral(QCUSTOMPLOT_VERSION_STR);
}

void HistogramPlot::replotNow()
{
    m_parts->plot->replot(QCustomPlot::rpImmediateRefresh);
}

void HistogramPlot::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange)
        recolour();
    QWidget::changeEvent(event);
}

void HistogramPlot::contextMenuEvent(QContextMenuEvent* event)
{
    const bool shown = m_parts->preview != nullptr;
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    QAction* log = menu->addAction(QStringLiteral("Logarithmic counts"));
    log->setCheckable(true);
    log->setChecked(logScale());
    connect(log, &QAction::toggled, this, &HistogramPlot::setLogScale);
    menu->addAction(QStringLiteral("Show all"), this, &HistogramPlot::rebuild)->setEnabled(shown);
    menu->addSeparator();
    menu->addAction(QStringLiteral("Copy as CSV"), this,
                    [this] { QApplication::clipboard()->setText(csv()); })
        ->setEnabled(shown);
    menu->addAction(QStringLiteral("Save as…"), this, &HistogramPlot::saveAs)->setEnabled(shown);
    menu->popup(event->globalPos());
}

void HistogramPlot::saveAs()
{
    auto* dialog = new QFileDialog(this, QStringLiteral("Save the plot"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setNameFilters({QStringLiteral("Image (*.png)"), QStringLiteral("Drawing (*.svg)"),
                            QStringLiteral("Document (*.pdf)"), QStringLiteral("Table (*.csv)")});
    dialog->setDefaultSuffix(QStringLiteral("png"));
    connect(dialog, &QFileDialog::filterSelected, dialog, [dialog](const QString& filter) {
        dialog->setDefaultSuffix(filter.section(QLatin1Char('.'), -1).chopped(1));
    });
    dialog->selectFile(toQString(m_parts->preview ? m_parts->preview->layer : "weights"));
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        QString error;
        if (!save(path, &error))
            Q_EMIT failed(error);
    });
    dialog->open();
}

QString HistogramPlot::csv() const
{
    if (!m_parts->preview)
        return {};
    const WeightPreview& w = *m_parts->preview;
    const auto number = [](double v) { return QString::number(v, 'g', 9); };
    QString text = QStringLiteral("# layer,%1\n# scheme,\"%2\"\n")
                       .arg(toQString(w.layer), choiceText(w.choice));
    if (!w.choice.keepFloat) {
        QStringList levels;
        for (const float level : w.levels)
            levels.append(number(static_cast<double>(level)));
        text += QStringLiteral("# levels,%1\n").arg(levels.join(QLatin1Char(',')));
        text += QStringLiteral("# range,%1,%2\n").arg(number(w.clipLow), number(w.clipHigh));
    }
    text += QStringLiteral("from,to,original,quantized\n");
    const Histogram& h = w.original;
    for (std::size_t i = 0; i < h.counts.size(); ++i) {
        const double from = h.lo + h.binWidth() * static_cast<double>(i);
        const QString quantized =
            i < w.dequantized.counts.size() ? QString::number(w.dequantized.counts[i]) : QString();
        text += QStringLiteral("%1,%2,%3,%4\n")
                    .arg(number(from), number(from + h.binWidth()), QString::number(h.counts[i]),
                         quantized);
    }
    return text;
}

bool HistogramPlot::save(const QString& path, QString* error) const
{
    const QString kind = QFileInfo(path).suffix().toLower();
    QCustomPlot& plot = *m_parts->plot;
    const QSize size = plot.size().expandedTo({480, 300});
    bool written = false;
    if (kind == QLatin1String("csv")) {
        QSaveFile file(path);
        const QByteArray text = csv().toUtf8();
        written =
            file.open(QIODevice::WriteOnly) && file.write(text) == text.size() && file.commit();
    } else if (kind == QLatin1String("pdf")) {
        written = plot.savePdf(path, size.width(), size.height());
    } else if (kind == QLatin1String("svg")) {
        QSvgGenerator generator;
        generator.setFileName(path);
        generator.setSize(size);
        generator.setViewBox(QRect(QPoint(), size));
        generator.setTitle(QStringLiteral("Gradus: %1").arg(m_parts->title->text()));
        QCPPainter painter;
        if (painter.begin(&generator)) {
            plot.toPainter(&painter, size.width(), size.height());
            written = painter.end();
        }
    } else if (kind == QLatin1String("png")) {
        written = plot.savePng(path, size.width(), size.height(), 2);
    } else {
        if (error)
            *error = QStringLiteral("%1: the extension is \"%2\", expected png, svg, pdf or csv")
                         .arg(path, kind);
        return false;
    }
    if (!written && error)
        *error = QStringLiteral("%1 cannot be written").arg(path);
    return written;
}

} // namespace gradus
