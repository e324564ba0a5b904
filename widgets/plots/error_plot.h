// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/layer_measures.h"
#include "widgets/plots/plot_view.h"

#include <memory>

namespace gradus {

/// One number per layer as bars, of one run or of two side by side. Layers without a value have a
/// quiet mark in place of a bar: a dash, or a ring for one that is out of date. Where layers stand
/// closer than bars can be told apart, a bar is the worst of its layers.
class ErrorPlot final : public PlotView
{
    Q_OBJECT
public:
    enum class Order
    {
        Model,
        Worst, ///< of the first run
        Change ///< largest between the two runs
    };
    struct Series
    {
        QString name;
        std::vector<LayerMeasures> layers; ///< as many as rows
    };
    /// Layers [first, last] of the present order that share a bar, and the worst of them in each
    /// series: −1 where none has a value.
    struct Column
    {
        int first = 0;
        int last = 0;
        int worst[2] = {-1, -1};
    };

    explicit ErrorPlot(QWidget* parent = nullptr);
    ~ErrorPlot() override;

    /// One or two series over the rows; none empties the plot. Until somebody chooses a measure,
    /// SQNR takes the place of output errors that a series does not have.
    void setData(std::shared_ptr<const std::vector<LayerRow>> rows, std::vector<Series> series);
    void setMeasure(Measure measure);
    [[nodiscard]] Measure measure() const;
    /// Kept for each measure; there is none for a measure in decibel.
    void setLogScale(bool on);
    [[nodiscard]] bool logScale() const;
    [[nodiscard]] bool canLogScale() const;
    void setOrder(Order order);
    [[nodiscard]] Order order() const;
    void setSelected(const std::vector<std::string>& layers);

    /// What is drawn: names from left to right, values in shown units, bars at the present size.
    [[nodiscard]] std::vector<std::string> shownLayers() const;
    [[nodiscard]] double value(int position, int series) const;
    [[nodiscard]] std::vector<Column> columns() const;
    /// The labels under the bars that fit at the present size, with their positions.
    [[nodiscard]] std::vector<std::pair<double, QString>> tickLabels() const;

    /// Every layer in the shown order, with all measures of each series.
    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

Q_SIGNALS:
    /// extend: add to the selection instead of replacing it.
    void layersActivated(const std::vector<std::string>& layers, bool extend);
    void optionsChanged(); ///< measure, order or scale

protected:
    void rescale() override;
    void recolour() override;
    void extendMenu(QMenu& menu) override;
    [[nodiscard]] QString proposedName() const override;
    void clicked(QPointF at, Qt::KeyboardModifiers modifiers) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    struct Parts;
    class Canvas;
    class LayerTicker;
    void followData(const std::vector<Series>& series);
    void rebuild();
    void layOutLabels();
    [[nodiscard]] int layersPerColumn() const;
    [[nodiscard]] Column columnAt(int position) const;

    std::unique_ptr<Parts> m_parts;
};

} // namespace gradus
