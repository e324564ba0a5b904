// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/static_inputs.h"
#include "widgets/plots/plot_view.h"

#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace gradus {

/// A layer's relative output errors by what is quantized, and the reconstruction's λ.
struct LayerShares
{
    std::string layer;
    ErrorShares errors;
    double lambda = std::numeric_limits<double>::quiet_NaN();
};

/// The errors of the current layer as three bars: weights only, inputs only, both.
class ErrorSharesPlot final : public PlotView
{
    Q_OBJECT
public:
    explicit ErrorSharesPlot(QWidget* parent = nullptr);
    ~ErrorSharesPlot() override;

    /// All NaN: nothing to show.
    void setShares(const LayerShares& shares);
    /// The bars from top to bottom, "Weights only\t1.3 %".
    [[nodiscard]] QStringList rowTexts() const;

    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

protected:
    void rescale() override;
    void recolour() override;
    [[nodiscard]] QString proposedName() const override;

private:
    struct Parts;
    void rebuild();

    std::unique_ptr<Parts> m_parts;
};

/// The same of all layers, in model order, on a logarithmic axis, with λ as points below.
class ErrorSharesModelPlot final : public PlotView
{
    Q_OBJECT
public:
    explicit ErrorSharesModelPlot(QWidget* parent = nullptr);
    ~ErrorSharesModelPlot() override;

    void setLayers(std::vector<LayerShares> layers);
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
    [[nodiscard]] const LayerShares* at(double x) const;

    std::unique_ptr<Parts> m_parts;
};

} // namespace gradus
