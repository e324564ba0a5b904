// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/weight_view.h"
#include "widgets/plots/exponent_plots.h"

#include <QWidget>

#include <memory>
#include <string>
#include <vector>

class QCheckBox;
class QDoubleSpinBox;
class QLabel;
class QSplitter;
class QStackedWidget;
class QTabWidget;
class QToolButton;

namespace gradus {

/// What a power grid would do for the selected layers: its error against the exponent, one
/// exponent's grid over the weights, and the best exponent of every layer of the model.
class ExponentPanel final : public QWidget
{
    Q_OBJECT
public:
    explicit ExponentPanel(QWidget* parent = nullptr);

    /// The first is the current layer's. Asks for the grid at its best exponent, or at the chosen
    /// one while the layer stays the same. selected: how many layers are selected, when more.
    void setCurves(std::vector<LayerCurve> curves, std::size_t selected = 0);
    /// The weights under the grid; of the current layer.
    void setFacts(std::shared_ptr<const WeightFacts> facts);
    /// An answer for another layer than the current one is dropped.
    void setPowerGrid(const std::string& layer, std::shared_ptr<const PowerGridView> grid);
    /// In model order; may be given again as more layers come.
    void setModelFits(ExponentModelPlot::Fits fits);
    /// Marked in the whole model.
    void setCurrentLayer(const std::string& layer);
    /// Takes curves and grid away and says why; the whole model stays.
    void clear(const QString& reason);

    [[nodiscard]] double exponent() const;
    /// As if it was typed.
    void setExponent(double exponent);
    enum Tab
    {
        LayersTab,
        ModelTab
    };
    void setTab(Tab tab);
    [[nodiscard]] ExponentPlot* curvePlot() const { return m_curves; }
    [[nodiscard]] PowerGridPlot* gridPlot() const { return m_grid; }
    [[nodiscard]] ExponentModelPlot* modelPlot() const { return m_model; }
    [[nodiscard]] QString errorText() const;

Q_SIGNALS:
    void failed(const QString& message);
    void exponentPreviewRequested(const std::string& layer, double exponent);
    void layerActivated(const std::string& layer);
    /// Fit the exponents of all layers.
    void modelFitsRequested();

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    [[nodiscard]] QWidget* makeLayers();
    [[nodiscard]] QWidget* makeModel();
    [[nodiscard]] std::string layer() const;
    void choose(double exponent);
    void refreshError();

    std::shared_ptr<const WeightFacts> m_facts;
    QTabWidget* m_tabs = nullptr;
    QWidget* m_bar = nullptr;
    QDoubleSpinBox* m_exponent = nullptr;
    QToolButton* m_best = nullptr;
    QToolButton* m_uniform = nullptr;
    QCheckBox* m_decibel = nullptr;
    QLabel* m_error = nullptr;
    QLabel* m_about = nullptr;
    QSplitter* m_splitter = nullptr;
    ExponentPlot* m_curves = nullptr;
    PowerGridPlot* m_grid = nullptr;
    ExponentModelPlot* m_model = nullptr;
    QStackedWidget* m_modelStack = nullptr;
    bool m_atBest = true; ///< the exponent follows the best one when the scheme changes
};

} // namespace gradus
