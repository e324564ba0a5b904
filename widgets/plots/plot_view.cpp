// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plots/plot_view.h"

#include "widgets/theme.h"

#include <QApplication>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QKeyEvent>
#include <QLabel>
#include <QMenu>
#include <QSaveFile>
#include <QStackedLayout>
#include <QSvgGenerator>
#include <qcustomplot.h>

#include <cmath>

namespace gradus {

namespace {
constexpr double grabDistance = 6; ///< pixels around a marker
const QString overlayName = QStringLiteral("overlay");
} // namespace

struct PlotView::Base
{
    QStackedLayout* stack = nullptr;
    QLabel* empty = nullptr;
    QCustomPlot* plot = nullptr;
    QCPTextElement* title = nullptr;
    QCPTextElement* subtitle = nullptr;
    QCPItemStraightLine* across = nullptr;
    QCPItemStraightLine* down = nullptr;
    QCPItemText* readout = nullptr;
    QString titleText; ///< elements show what fits
    QString subtitleText;
    QCPLayoutGrid* legendRow = nullptr;
    LegendPlace legendPlace = LegendPlace::Hidden;
    std::vector<QCPItemStraightLine*> markers;
    std::vector<double> markerPositions;
    Qt::Orientations movable = Qt::Horizontal | Qt::Vertical;
    int dragged = -1;        ///< marker under the pressed button
    bool draggedFar = false; ///< and somebody was told that it moved
    QPoint pressed;
};

namespace {
/// How many entries stand beside each other: as many as have room under each other's widest, in
/// rows of the same length; 0 for all in one row.
int legendColumns(const std::vector<int>& widths, int spacing, int room)
{
    const std::size_t count = widths.size();
    for (std::size_t lines = 1; lines < count; ++lines) {
        const std::size_t columns = (count + lines - 1) / lines;
        int sum = static_cast<int>(columns - 1) * spacing;
        for (std::size_t column = 0; column < columns; ++column) {
            int widest = 0;
            for (std::size_t i = column; i < count; i += columns)
                widest = std::max(widest, widths[i]);
            sum += widest;
        }
        if (sum <= room)
            return columns == count ? 0 : static_cast<int>(columns);
    }
    return count > 1 ? 1 : 0;
}
} // namespace

PlotView::PlotView(QWidget* parent)
    : QWidget(parent)
    , m_base(std::make_unique<Base>())
{
    Base& b = *m_base;
    setFocusPolicy(Qt::StrongFocus);
    b.stack = new QStackedLayout(this);
    b.empty = new QLabel;
    b.empty->setAlignment(Qt::AlignCenter);
    b.empty->setWordWrap(true);
    b.empty->setMargin(24);
    b.plot = new QCustomPlot;
    b.plot->setContextMenuPolicy(Qt::NoContextMenu);
    b.plot->setMouseTracking(true);
    b.plot->setMinimumSize(50, 50); // it cannot be painted without an area
    b.stack->addWidget(b.empty);
    b.stack->addWidget(b.plot);
    setFocusProxy(nullptr);
    b.plot->setFocusPolicy(Qt::NoFocus);

    QCustomPlot& p = *b.plot;
    p.setNoAntialiasingOnDrag(true);
    p.setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
    p.installEventFilter(this);
    connect(&p, &QCustomPlot::beforeReplot, this, &PlotView::fitTexts);
    connect(&p, &QCustomPlot::mouseDoubleClick, this, &PlotView::fit);
    connect(p.xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this,
            &PlotView::rangeChanged);
    connect(p.yAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this,
            &PlotView::rangeChanged);

    b.title = new QCPTextElement(&p, QString(), font());
    b.subtitle = new QCPTextElement(&p, QString(), font());
    b.title->setMargins(QMargins(0, 4, 0, 0));
    b.subtitle->setMargins(QMargins(0, 0, 0, 2));
    b.title->setVisible(false);
    b.subtitle->setVisible(false);
    p.axisRect()->setMinimumMargins(QMargins(12, 6, 14, 8));

    // The crosshair has a buffer of its own: moving it does not draw the data again.
    QCPLayer* overlay = p.layer(overlayName);
    overlay->setMode(QCPLayer::lmBuffered);
    b.across = new QCPItemStraightLine(&p);
    b.down = new QCPItemStraightLine(&p);
    b.readout = new QCPItemText(&p);
    for (QCPAbstractItem* item :
         {static_cast<QCPAbstractItem*>(b.across), static_cast<QCPAbstractItem*>(b.down),
          static_cast<QCPAbstractItem*>(b.readout)}) {
        item->setLayer(overlay);
        item->setVisible(false);
        item->setSelectable(false);
    }
    b.readout->setPadding(QMargins(5, 2, 5, 2));
    b.readout->setTextAlignment(Qt::AlignLeft);
    b.readout->setClipToAxisRect(false);
    recolour();
    setHasData(false);
}

PlotView::~PlotView() = default;

QCustomPlot& PlotView::plot() const
{
    return *m_base->plot;
}

QString PlotView::libraryVersion()
{
    return QStringLiteral(QCUSTOMPLOT_VERSION_STR);
}

void PlotView::setHasData(bool on)
{
    Base& b = *m_base;
    b.stack->setCurrentWidget(on ? static_cast<QWidget*>(b.plot) : b.empty);
    if (!on)
        hideCrosshair();
}

bool PlotView::isEmpty() const
{
    return m_base->stack->currentWidget() == m_base->empty;
}

void PlotView::setEmptyText(const QString& text)
{
    m_base->empty->setText(text);
}

void PlotView::setTitle(const QString& title, const QString& subtitle)
{
    Base& b = *m_base;
    QCPLayoutGrid* rows = b.plot->plotLayout();
    b.titleText = title;
    b.subtitleText = subtitle;
    const auto place = [&](QCPTextElement* element, const QString& text, int row) {
        element->setText(text);
        if (text.isEmpty() || element->visible())
            return;
        rows->insertRow(row);
        rows->addElement(row, 0, element);
        element->setVisible(true);
    };
    place(b.title, title, 0);
    place(b.subtitle, subtitle, b.title->visible() ? 1 : 0);
    rows->setRowSpacing(0);
    setAccessibleDescription(subtitle.isEmpty() ? title
                                                : QStringLiteral("%1, %2").arg(title, subtitle));
}

QString PlotView::title() const
{
    return m_base->titleText;
}

void PlotView::fitTexts()
{
    Base& b = *m_base;
    const int width = b.plot->width() - 16;
    // The end of a layer's name tells it apart; a subtitle says the most at its start.
    const auto fitted = [width](QCPTextElement* element, const QString& text, Qt::TextElideMode m) {
        element->setText(QFontMetrics(element->font()).elidedText(text, m, width));
    };
    fitted(b.title, b.titleText, Qt::ElideLeft);
    fitted(b.subtitle, b.subtitleText, Qt::ElideRight);
    // As many entries beside each other as there is room for, in rows of the same length.
    QCPLegend* legend = b.plot->legend;
    std::vector<int> widths; // a wrapped legend counts its empty cells too
    for (int i = 0; i < legend->itemCount(); ++i) {
        if (!legend->item(i))
            continue;
        legend->item(i)->setMargins(QMargins(0, 0, 0, 2)); // else underscores are cut off
        widths.push_back(legend->item(i)->minimumOuterSizeHint().width());
    }
    if (b.legendPlace != LegendPlace::Row)
        return;
    const int wrap = legendColumns(widths, legend->columnSpacing(), b.plot->width() - 4);
    if (wrap != legend->wrap()) {
        legend->setWrap(wrap);
        legend->setFillOrder(QCPLayoutGrid::foColumnsFirst, true);
    }
}

void PlotView::placeLegend(LegendPlace place)
{
    Base& b = *m_base;
    QCustomPlot& p = *b.plot;
    p.legend->setVisible(place != LegendPlace::Hidden);
    if (place == b.legendPlace)
        return;
    b.legendPlace = place;
    p.legend->layout()->take(p.legend);
    const bool row = place == LegendPlace::Row;
    if (row && !b.legendRow) {
        int at = 0;
        while (at < p.plotLayout()->rowCount() && p.plotLayout()->element(at, 0) != p.axisRect())
            ++at;
        b.legendRow = new QCPLayoutGrid;
        p.plotLayout()->insertRow(at);
        p.plotLayout()->addElement(at, 0, b.legendRow);
        b.legendRow->addElement(0, 0, new QCPLayoutElement);
        b.legendRow->addElement(0, 2, new QCPLayoutElement);
        b.legendRow->setMargins(QMargins(0, 0, 0, 0));
        p.plotLayout()->setRowStretchFactor(at, 0.001);
    }
    if (row)
        b.legendRow->addElement(0, 1, p.legend);
    else
        p.axisRect()->insetLayout()->addElement(p.legend, Qt::AlignTop | Qt::AlignRight);
    p.legend->setFillOrder(row ? QCPLayoutGrid::foColumnsFirst : QCPLayoutGrid::foRowsFirst);
    p.legend->setWrap(0);
    p.legend->setRowSpacing(0);
    p.legend->setColumnSpacing(10);
    p.legend->setIconSize(row ? 16 : 28, 10);
    p.legend->setIconTextPadding(5);
    p.legend->setMargins(row ? QMargins(0, 1, 0, 1) : QMargins(6, 3, 6, 3));
    PlotView::recolour();
}

void PlotView::setLeftMargin(int pixels)
{
    QCPAxisRect* rect = m_base->plot->axisRect();
    rect->setAutoMargins(QCP::msTop | QCP::msRight | QCP::msBottom);
    QMargins margins = rect->margins();
    margins.setLeft(pixels);
    rect->setMargins(margins);
}

void PlotView::setMovable(Qt::Orientations orientations)
{
    m_base->movable = orientations;
    m_base->plot->axisRect()->setRangeDrag(orientations);
    m_base->plot->axisRect()->setRangeZoom(orientations);
}

void PlotView::setMarkers(const std::vector<double>& positions, const QColor& colour)
{
    Base& b = *m_base;
    while (b.markers.size() > positions.size()) {
        b.plot->removeItem(b.markers.back());
        b.markers.pop_back();
    }
    while (b.markers.size() < positions.size()) {
        auto* line = new QCPItemStraightLine(b.plot);
        line->setSelectable(false);
        line->setLayer(QStringLiteral("main"));
        b.markers.push_back(line);
    }
    b.markerPositions = positions;
    for (std::size_t i = 0; i < positions.size(); ++i) {
        b.markers[i]->setVisible(!std::isnan(positions[i]));
        b.markers[i]->setPen(QPen(colour, 1.5, Qt::DashLine));
        // The second point only gives the direction; 1 and 2 exist on a logarithmic axis too.
        b.markers[i]->point1->setCoords(positions[i], 1);
        b.markers[i]->point2->setCoords(positions[i], 2);
    }
}

int PlotView::markerAt(const QPointF& pixel) const
{
    const Base& b = *m_base;
    if (!b.plot->axisRect()->rect().contains(pixel.toPoint()))
        return -1;
    int nearest = -1;
    double least = grabDistance;
    for (std::size_t i = 0; i < b.markerPositions.size(); ++i) {
        const double distance =
            std::fabs(b.plot->xAxis->coordToPixel(b.markerPositions[i]) - pixel.x());
        if (distance <= least) { // false for NaN
            least = distance;
            nearest = static_cast<int>(i);
        }
    }
    return nearest;
}

void PlotView::fit()
{
    if (isEmpty())
        return;
    rescale();
    queueReplot();
}

void PlotView::queueReplot()
{
    // What nobody sees is drawn when it is shown.
    if (m_base->plot->isVisible())
        m_base->plot->replot(QCustomPlot::rpQueuedReplot);
}

void PlotView::replotNow()
{
    m_base->plot->replot(QCustomPlot::rpImmediateRefresh);
}

std::pair<double, double> PlotView::shownRange(Qt::Orientation orientation) const
{
    const QCPAxis* axis = orientation == Qt::Horizontal ? m_base->plot->xAxis : m_base->plot->yAxis;
    return {axis->range().lower, axis->range().upper};
}

void PlotView::setShownRange(Qt::Orientation orientation, double low, double high)
{
    QCPAxis* axis = orientation == Qt::Horizontal ? m_base->plot->xAxis : m_base->plot->yAxis;
    axis->setRange(low, high);
    queueReplot();
}

QPoint PlotView::positionOf(double x, double y) const
{
    const QPoint inPlot(qRound(m_base->plot->xAxis->coordToPixel(x)),
                        qRound(m_base->plot->yAxis->coordToPixel(y)));
    return m_base->plot->mapTo(this, inPlot);
}

QString PlotView::readout(double x, double y) const
{
    const auto part = [](const QCPAxis* axis, double value) {
        const QString number = QString::number(value, 'g', 4);
        return axis->label().isEmpty() ? number
                                       : QStringLiteral("%1 %2").arg(axis->label(), number);
    };
    return part(m_base->plot->xAxis, x) + QStringLiteral("   ") + part(m_base->plot->yAxis, y);
}

void PlotView::moveCrosshair(const QPointF& pixel)
{
    Base& b = *m_base;
    QCustomPlot& p = *b.plot;
    const QRect area = p.axisRect()->rect();
    if (isEmpty() || !area.contains(pixel.toPoint())) {
        hideCrosshair();
        return;
    }
    const double x = p.xAxis->pixelToCoord(pixel.x());
    const double y = p.yAxis->pixelToCoord(pixel.y());
    b.across->point1->setCoords(x, y);
    b.across->point2->setPixelPosition(pixel + QPointF(10, 0));
    b.down->point1->setCoords(x, y);
    b.down->point2->setPixelPosition(pixel + QPointF(0, 10));
    b.readout->setText(readout(x, y));
    // Beside the cursor, on the side where there is room.
    const bool left = pixel.x() > area.center().x();
    const bool above = pixel.y() > area.center().y();
    b.readout->position->setPixelPosition(pixel + QPointF(left ? -10 : 10, above ? -10 : 10));
    b.readout->setPositionAlignment((left ? Qt::AlignRight : Qt::AlignLeft) |
                                    (above ? Qt::AlignBottom : Qt::AlignTop));
    b.across->setVisible(true);
    b.down->setVisible(true);
    b.readout->setVisible(!b.readout->text().isEmpty());
    p.layer(overlayName)->replot();
}

void PlotView::hideCrosshair()
{
    Base& b = *m_base;
    if (!b.across->visible())
        return;
    b.across->setVisible(false);
    b.down->setVisible(false);
    b.readout->setVisible(false);
    b.plot->layer(overlayName)->replot();
}

void PlotView::recolour()
{
    Base& b = *m_base;
    const QPalette& palette = this->palette();
    const ThemeColours colours = themeColours(palette);
    const QColor text = palette.color(QPalette::Text);
    QCustomPlot& p = *b.plot;
    p.setBackground(palette.color(QPalette::Base));
    QFont small = font();
    small.setPointSizeF(small.pointSizeF() * 0.9);
    QFont bold = font();
    bold.setBold(true);
    b.title->setFont(bold);
    b.subtitle->setFont(small);
    b.title->setTextColor(text);
    b.subtitle->setTextColor(colours.muted);
    for (QCPAxis* axis : {p.xAxis, p.yAxis, p.xAxis2, p.yAxis2}) {
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
    QColor glass = palette.color(QPalette::Base);
    glass.setAlphaF(0.8F);
    p.legend->setBrush(b.legendPlace == LegendPlace::Inside ? QBrush(glass) : QBrush());
    p.legend->setBorderPen(Qt::NoPen);
    p.legend->setTextColor(text);
    p.legend->setFont(small);
    QColor hair = colours.muted;
    hair.setAlphaF(0.6F);
    b.across->setPen(QPen(hair, 1, Qt::DotLine));
    b.down->setPen(QPen(hair, 1, Qt::DotLine));
    QColor ground = palette.color(QPalette::ToolTipBase);
    ground.setAlphaF(0.92F);
    b.readout->setBrush(ground);
    b.readout->setPen(QPen(colours.grid));
    b.readout->setColor(text);
    b.readout->setFont(small);
    QPalette faint = palette;
    faint.setColor(QPalette::WindowText, colours.muted);
    b.empty->setPalette(faint);
    queueReplot();
}

void PlotView::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange)
        recolour();
    QWidget::changeEvent(event);
}

void PlotView::leaveEvent(QEvent* event)
{
    hideCrosshair();
    QWidget::leaveEvent(event);
}

bool PlotView::eventFilter(QObject* object, QEvent* event)
{
    Base& b = *m_base;
    if (object != b.plot)
        return QWidget::eventFilter(object, event);
    switch (event->type()) {
    case QEvent::Wheel: {
        const QPoint at = static_cast<QWheelEvent*>(event)->position().toPoint();
        const QRect area = b.plot->axisRect()->rect();
        Qt::Orientations zoomed = b.movable;
        if (at.y() > area.bottom())
            zoomed = Qt::Horizontal;
        else if (at.x() < area.left())
            zoomed = Qt::Vertical;
        b.plot->axisRect()->setRangeZoom(zoomed);
        break;
    }
    case QEvent::MouseButtonPress: {
        auto* mouse = static_cast<QMouseEvent*>(event);
        setFocus(Qt::MouseFocusReason);
        if (mouse->button() != Qt::LeftButton)
            return true; // a press for the menu must not start a drag
        b.pressed = mouse->pos();
        b.dragged = markerAt(mouse->pos());
        b.draggedFar = false;
        b.plot->setInteraction(QCP::iRangeDrag, b.dragged < 0);
        break;
    }
    case QEvent::MouseMove: {
        auto* mouse = static_cast<QMouseEvent*>(event);
        if (b.dragged >= 0 && (mouse->buttons() & Qt::LeftButton)) {
            b.draggedFar = true;
            markerMoved(b.dragged, b.plot->xAxis->pixelToCoord(mouse->pos().x()), false);
        } else if (mouse->buttons() == Qt::NoButton) {
            const bool over = markerAt(mouse->pos()) >= 0;
            b.plot->setCursor(over ? Qt::SplitHCursor : Qt::ArrowCursor);
        }
        moveCrosshair(mouse->pos());
        break;
    }
    case QEvent::MouseButtonRelease: {
        auto* mouse = static_cast<QMouseEvent*>(event);
        if (mouse->button() != Qt::LeftButton)
            break;
        b.plot->setInteraction(QCP::iRangeDrag, true);
        const bool still =
            (mouse->pos() - b.pressed).manhattanLength() < QApplication::startDragDistance();
        if (b.dragged >= 0) {
            const int marker = b.dragged;
            b.dragged = -1;
            if (!still || b.draggedFar)
                markerMoved(marker, b.plot->xAxis->pixelToCoord(mouse->pos().x()), true);
        } else if (still && b.plot->axisRect()->rect().contains(mouse->pos())) {
            clicked({b.plot->xAxis->pixelToCoord(mouse->pos().x()),
                     b.plot->yAxis->pixelToCoord(mouse->pos().y())},
                    mouse->modifiers());
        }
        break;
    }
    case QEvent::Leave:
        hideCrosshair();
        break;
    case QEvent::Show:
        b.plot->replot(QCustomPlot::rpQueuedReplot);
        break;
    default:
        break;
    }
    return QWidget::eventFilter(object, event);
}

void PlotView::shift(Qt::Orientation orientation, double share)
{
    QCPAxis* axis = orientation == Qt::Horizontal ? m_base->plot->xAxis : m_base->plot->yAxis;
    if (!m_base->movable.testFlag(orientation))
        return;
    if (axis->scaleType() == QCPAxis::stLogarithmic) {
        const double factor = std::pow(axis->range().upper / axis->range().lower, share);
        axis->setRange(axis->range().lower * factor, axis->range().upper * factor);
    } else {
        axis->moveRange(share * axis->range().size());
    }
    queueReplot();
}

void PlotView::zoom(double factor)
{
    if (m_base->movable.testFlag(Qt::Horizontal))
        m_base->plot->xAxis->scaleRange(factor);
    if (m_base->movable.testFlag(Qt::Vertical))
        m_base->plot->yAxis->scaleRange(factor);
    queueReplot();
}

void PlotView::keyPressEvent(QKeyEvent* event)
{
    constexpr double step = 0.1;
    constexpr double factor = 0.8;
    if (isEmpty()) {
        QWidget::keyPressEvent(event);
        return;
    }
    if (event->matches(QKeySequence::Copy)) {
        copyImage();
        return;
    }
    switch (event->key()) {
    case Qt::Key_Left:
        shift(Qt::Horizontal, -step);
        break;
    case Qt::Key_Right:
        shift(Qt::Horizontal, step);
        break;
    case Qt::Key_Up:
        shift(Qt::Vertical, step);
        break;
    case Qt::Key_Down:
        shift(Qt::Vertical, -step);
        break;
    case Qt::Key_Plus:
    case Qt::Key_Equal:
        zoom(factor);
        break;
    case Qt::Key_Minus:
        zoom(1 / factor);
        break;
    case Qt::Key_Home:
        fit();
        break;
    default:
        QWidget::keyPressEvent(event);
    }
}

void PlotView::contextMenuEvent(QContextMenuEvent* event)
{
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    extendMenu(*menu);
    if (!menu->isEmpty())
        menu->addSeparator();
    QAction* all = menu->addAction(tr("Show all"), this, &PlotView::fit);
    all->setShortcut(Qt::Key_Home);
    menu->addSeparator();
    QAction* image = menu->addAction(tr("Copy image"), this, &PlotView::copyImage);
    image->setShortcut(QKeySequence::Copy);
    QAction* table = menu->addAction(tr("Copy data as CSV"), this,
                                     [this] { QApplication::clipboard()->setText(csv()); });
    QAction* visible = menu->addAction(tr("Copy visible data as CSV"), this, [this] {
        QApplication::clipboard()->setText(visibleCsv());
    });
    QAction* file = menu->addAction(tr("Save as PNG, SVG, PDF or CSV…"), this, &PlotView::saveAs);
    for (QAction* each : {all, image, table, visible, file})
        each->setEnabled(!isEmpty());
    menu->popup(event->globalPos());
}

void PlotView::extendMenu(QMenu&) {}

void PlotView::markerMoved(int, double, bool) {}

void PlotView::clicked(QPointF, Qt::KeyboardModifiers) {}

QString PlotView::proposedName() const
{
    return title().isEmpty() ? QStringLiteral("plot") : title();
}

void PlotView::copyImage() const
{
    if (!isEmpty())
        QApplication::clipboard()->setImage(m_base->plot->toPixmap(0, 0, 2).toImage());
}

void PlotView::saveAs()
{
    auto* dialog = new QFileDialog(this, tr("Save the plot"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    const QString visiblePart = tr("Table of the visible part (*.csv)");
    dialog->setNameFilters({tr("Image (*.png)"), tr("Drawing (*.svg)"), tr("Document (*.pdf)"),
                            tr("Table (*.csv)"), visiblePart});
    dialog->setDefaultSuffix(QStringLiteral("png"));
    connect(dialog, &QFileDialog::filterSelected, dialog, [dialog](const QString& filter) {
        dialog->setDefaultSuffix(filter.section(QLatin1Char('.'), -1).chopped(1));
    });
    dialog->selectFile(proposedName());
    connect(dialog, &QFileDialog::fileSelected, this,
            [this, dialog, visiblePart](const QString& path) {
                QString error;
                if (!save(path, &error, dialog->selectedNameFilter() == visiblePart))
                    Q_EMIT failed(error);
            });
    dialog->open();
}

namespace {
/// A line of CSV as its cells.
QStringList cellsOf(const QString& line)
{
    QStringList cells{QString()};
    bool quoted = false;
    for (const QChar c : line) {
        if (c == QLatin1Char('"'))
            quoted = !quoted; // a doubled quote closes and opens again
        else if (c == QLatin1Char(',') && !quoted)
            cells.append(QString());
        else
            cells.back().append(c);
    }
    return cells;
}
} // namespace

QString PlotView::visibleCsv() const
{
    const auto [low, high] = shownRange(Qt::Horizontal);
    QString text;
    QStringList header;
    qsizetype place = 0;
    const QStringList lines = csv().split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    for (const QString& line : lines) {
        if (line.startsWith(QLatin1Char('#')) || header.isEmpty()) {
            if (!line.startsWith(QLatin1Char('#')))
                header = cellsOf(line);
            text += line + QLatin1Char('\n');
            continue;
        }
        const QStringList cells = cellsOf(line);
        const auto value = [&](const char* name, double otherwise) {
            const qsizetype at = header.indexOf(QLatin1String(name));
            return at < 0 ? otherwise : cells.value(at).toDouble();
        };
        const double middle =
            value("exponent", value("bits_per_weight", static_cast<double>(place++)));
        const double from = value("first", value("from", middle));
        const double to = value("last", value("to", middle));
        if (to >= low && from <= high)
            text += line + QLatin1Char('\n');
    }
    return text;
}

bool PlotView::save(const QString& path, QString* error, bool visibleOnly) const
{
    const QString kind = QFileInfo(path).suffix().toLower();
    QCustomPlot& p = *m_base->plot;
    const QSize size = p.size().expandedTo({480, 300});
    bool written = false;
    if (kind == QLatin1String("csv")) {
        QSaveFile file(path);
        const QByteArray text = (visibleOnly ? visibleCsv() : csv()).toUtf8();
        written =
            file.open(QIODevice::WriteOnly) && file.write(text) == text.size() && file.commit();
    } else if (kind == QLatin1String("pdf")) {
        written = p.savePdf(path, size.width(), size.height());
    } else if (kind == QLatin1String("svg")) {
        QSvgGenerator generator;
        generator.setFileName(path);
        generator.setSize(size);
        generator.setViewBox(QRect(QPoint(), size));
        generator.setTitle(QStringLiteral("Gradus: %1").arg(title()));
        QCPPainter painter;
        if (painter.begin(&generator)) {
            p.toPainter(&painter, size.width(), size.height());
            written = painter.end();
        }
    } else if (kind == QLatin1String("png")) {
        written = p.savePng(path, size.width(), size.height(), 2);
    } else {
        if (error)
            *error =
                tr("%1: the extension is \"%2\", expected png, svg, pdf or csv").arg(path, kind);
        return false;
    }
    if (!written && error)
        *error = tr("%1 cannot be written").arg(path);
    return written;
}

} // namespace gradus
