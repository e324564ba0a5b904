// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/statistics.h"
#include "widgets/plots/plot_view.h"

#include <memory>
#include <string>
#include <vector>

namespace gradus {

/// How the error of one layer's power grid depends on the exponent.
struct LayerCurve
{
    std::string layer;
    Scheme scheme;
    std::shared_ptr<const ExponentCurve> curve;
};

/// NMSE against exponent for a few layers: the optimum of each as a disc, the uniform grid
/// (exponent 1) as a square, and a marker for the exponent that is looked at.
class ExponentPlot final : public PlotView
{
    Q_OBJECT
public:
    explicit ExponentPlot(QWidget* parent = nullptr);
    ~ExponentPlot() override;

    /// The marker belongs to the first. selected: how many layers were asked for, when more.
    void setCurves(std::vector<LayerCurve> curves, std::size_t selected = 0);
    [[nodiscard]] const std::vector<LayerCurve>& curves() const;
    /// Says nothing.
    void setExponent(double exponent);
    [[nodiscard]] double exponent() const;
    void setDecibel(bool on);
    [[nodiscard]] bool decibel() const;

    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

Q_SIGNALS:
    void exponentDragged(double exponent, bool released);
    void decibelChanged(bool on);

protected:
    void rescale() override;
    void recolour() override;
    void extendMenu(QMenu& menu) override;
    [[nodiscard]] QString proposedName() const override;
    void markerMoved(int marker, double position, bool released) override;

private:
    struct Parts;
    void rebuild();
    [[nodiscard]] double shown(double nmse) const; ///< in the unit of the axis

    std::unique_ptr<Parts> m_parts;
};

/// What one power grid makes of a weight: the original histogram, the dequantized one over it, and
/// the levels.
class PowerGridPlot final : public PlotView
{
    Q_OBJECT
public:
    explicit PowerGridPlot(QWidget* parent = nullptr);
    ~PowerGridPlot() override;

    void setOriginal(const Histogram& original);
    void setGrid(std::shared_ptr<const PowerGridView> grid);
    [[nodiscard]] const PowerGridView* grid() const;

    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

protected:
    void rescale() override;
    void recolour() override;
    [[nodiscard]] QString proposedName() const override;

private:
    struct Parts;
    void rebuild(bool newRange);

    std::unique_ptr<Parts> m_parts;
};

/// One point per layer, in model order: its best exponent, and as bars what it gains over the
/// uniform grid.
class ExponentModelPlot final : public PlotView
{
    Q_OBJECT
public:
    using Fits = std::shared_ptr<const std::vector<LayerStatistics>>;

    explicit ExponentModelPlot(QWidget* parent = nullptr);
    ~ExponentModelPlot() override;

    void setFits(Fits fits);
    /// Marks a layer; none with an empty name.
    void setCurrent(const std::string& layer);

    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

Q_SIGNALS:
    void layerClicked(const std::string& layer);

protected:
    void rescale() override;
    void recolour() override;
    [[nodiscard]] QString proposedName() const override;
    void clicked(QPointF at, Qt::KeyboardModifiers modifiers) override;

private:
    struct Parts;
    void rebuild();
    void placeCurrent();
    [[nodiscard]] const LayerStatistics* at(double x) const;

    std::unique_ptr<Parts> m_parts;
};

} // namespace gradus
