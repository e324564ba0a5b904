// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QPointF>
#include <QWidget>

#include <memory>
#include <vector>

class QCustomPlot;
class QMenu;

namespace gradus {

/// What every plot of the workbench can do: zoom with the wheel (over an axis: that axis alone),
/// drag, fit with a double click, read values under the cursor, follow the theme, be copied and
/// saved as an image, a drawing, a document or a table, say what to do while it is empty. A plot
/// gives it a drawing (in rebuild and rescale), the table of what it shows, and the words of its
/// readout.
///
/// Keys, with the plot in focus: arrows move, + and − zoom, Home fits, Ctrl+C copies the image.
class PlotView : public QWidget
{
    Q_OBJECT
public:
    explicit PlotView(QWidget* parent = nullptr);
    ~PlotView() override;

    /// What is shown, as CSV with a header line; comments start with "# ". Empty without data.
    [[nodiscard]] virtual QString csv() const = 0;
    /// The lines of csv() that lie within the shown range of the horizontal axis. A line stands at
    /// its columns from … to, first … last, exponent or bits_per_weight; else at its place.
    [[nodiscard]] QString visibleCsv() const;
    /// By extension: .png, .svg, .pdf or .csv. False with a sentence when it cannot be written.
    /// visibleOnly: a table of what is shown, instead of everything.
    bool save(const QString& path, QString* error, bool visibleOnly = false) const;
    void copyImage() const;
    /// Back to the ranges that show everything.
    void fit();
    /// Shown instead of the plot while there is no data.
    void setEmptyText(const QString& text);
    [[nodiscard]] bool isEmpty() const;
    /// Draws now what would be drawn with the next event.
    void replotNow();
    /// What the crosshair says at a point of the first axis rectangle, in axis coordinates.
    [[nodiscard]] virtual QString readout(double x, double y) const;
    /// The shown range of an axis, for tests and for plots that move together.
    [[nodiscard]] std::pair<double, double> shownRange(Qt::Orientation orientation) const;
    void setShownRange(Qt::Orientation orientation, double low, double high);
    /// Where a value stands on the screen, in this widget's pixels: how a test drags a marker.
    [[nodiscard]] QPoint positionOf(double x, double y) const;

    /// A fixed room left of the plot, so that plots above each other line up.
    void setLeftMargin(int pixels);

    /// The version of the plotting library, for the about box.
    [[nodiscard]] static QString libraryVersion();

    QSize sizeHint() const override { return {520, 300}; }
    QSize minimumSizeHint() const override { return {220, 130}; }

Q_SIGNALS:
    void failed(const QString& message);
    /// A range was changed by zooming, dragging or fitting.
    void rangeChanged();

protected:
    [[nodiscard]] QCustomPlot& plot() const;
    /// False shows the empty text instead of the plot.
    void setHasData(bool on);
    void setTitle(const QString& title, const QString& subtitle = {});
    [[nodiscard]] QString title() const;
    enum class LegendPlace
    {
        Hidden,
        Row,   ///< under the title, where it covers no data
        Inside ///< in the upper right corner, an entry a line: for a few long names
    };
    void placeLegend(LegendPlace place);
    /// Which axes the wheel and a drag move inside the plot; horizontal and vertical by default.
    void setMovable(Qt::Orientations orientations);
    /// Vertical lines that can be dragged; markerMoved tells. Positions in axis coordinates, NaN
    /// for one that is not shown.
    void setMarkers(const std::vector<double>& positions, const QColor& colour);
    void queueReplot();

    /// Sets the axes' ranges so that everything is seen. Called by fit().
    virtual void rescale() = 0;
    /// Colours of palette and theme; the base does axes, legend, titles and crosshair.
    virtual void recolour();
    /// Actions of the plot's own, on top of its context menu.
    virtual void extendMenu(QMenu& menu);
    /// Proposed for a file, without extension.
    [[nodiscard]] virtual QString proposedName() const;
    virtual void markerMoved(int marker, double position, bool released);
    /// A click without a drag, in axis coordinates.
    virtual void clicked(QPointF at, Qt::KeyboardModifiers modifiers);

    void changeEvent(QEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void leaveEvent(QEvent* event) override;
    bool eventFilter(QObject* object, QEvent* event) override;

private:
    struct Base;
    void fitTexts();
    void moveCrosshair(const QPointF& pixel);
    void hideCrosshair();
    [[nodiscard]] int markerAt(const QPointF& pixel) const;
    void shift(Qt::Orientation orientation, double share);
    void zoom(double factor);
    void saveAs();

    std::unique_ptr<Base> m_base;
};

} // namespace gradus
