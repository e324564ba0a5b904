// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/weight_view.h"
#include "widgets/plots/companded_plot.h"
#include "widgets/plots/exponent_model_plot.h"
#include "widgets/plots/exponent_plot.h"
#include "widgets/plots/gain_plot.h"
#include "widgets/plots/power_grid_plot.h"

#include <QWidget>

#include <memory>
#include <string>
#include <vector>

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QHBoxLayout;
class QLabel;
class QSplitter;
class QStackedWidget;
class QTabWidget;
class QToolButton;
class QVBoxLayout;

namespace gradus {

/// What a power grid would do for the selected layers: its error against the exponent, one
/// exponent's grid over the weights or over the weights in the power domain, the whole model, and
/// where the gain of a computed layer comes from.
class ExponentPanel final : public QWidget
{
    Q_OBJECT
public:
    explicit ExponentPanel(QWidget* parent = nullptr);

    /// The first is the current layer's. Asks for the grid at the recipe's exponent, at the best
    /// one, or at the one that was looked at while the layer stays the same. selected: how many
    /// layers are selected, when more.
    void setCurves(std::vector<LayerCurve> curves, std::size_t selected = 0);
    /// The weights under the grid; of the current layer.
    void setFacts(std::shared_ptr<const WeightFacts> facts);
    /// An answer for another layer than the current one is dropped.
    void setPowerGrid(const std::string& layer, std::shared_ptr<const PowerGridView> grid);
    /// In model order; may be given again as more layers come.
    void setModelFits(ExponentModelPlot::Fits fits);
    /// The sum over the layers that are known.
    void setModelStudy(std::shared_ptr<const ExponentStudy> study, std::size_t layers,
                       std::size_t of);
    /// Of the current layer and the mean over the run's layers with power grids; empty ones are
    /// not shown. why: what to do to see the layer's.
    void setGains(const std::string& layer, const GainSteps& gain, const GainSteps& mean,
                  const QString& why);
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
        ModelTab,
        GainTab
    };
    void setTab(Tab tab);
    /// What stands beside the curve: the levels over the weights, or the power domain.
    void setPowerDomain(bool on);
    [[nodiscard]] ExponentPlot* curvePlot() const { return m_curves; }
    [[nodiscard]] PowerGridPlot* gridPlot() const { return m_grid; }
    [[nodiscard]] CompandedPlot* compandedPlot() const { return m_companded; }
    [[nodiscard]] ExponentPlot* modelCurvePlot() const { return m_modelCurve; }
    [[nodiscard]] ExponentModelPlot* modelPlot() const { return m_model; }
    [[nodiscard]] GainPlot* gainPlot() const { return m_gain; }
    [[nodiscard]] GainPlot* meanGainPlot() const { return m_meanGain; }
    [[nodiscard]] QString errorText() const;

Q_SIGNALS:
    void failed(const QString& message);
    void exponentPreviewRequested(const std::string& layer, double exponent);
    /// Intent: this exponent in the layer's recipe; 0: search it.
    void exponentRequested(const std::string& layer, double exponent);
    void layerActivated(const std::string& layer);
    /// Fit the exponents of all layers.
    void modelFitsRequested();

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    [[nodiscard]] QWidget* makeLayers();
    [[nodiscard]] QWidget* makeBar();
    [[nodiscard]] QWidget* makeGrid();
    [[nodiscard]] QWidget* makeModel();
    [[nodiscard]] QWidget* makeGain();
    [[nodiscard]] std::string layer() const;
    [[nodiscard]] const LayerCurve* current() const;
    [[nodiscard]] bool inRecipe() const; ///< the layer's method has an exponent
    void choose(double exponent);
    void request(double exponent);
    void explain();
    void refreshError();
    void placeError();
    void refreshModel();

    std::shared_ptr<const WeightFacts> m_facts;
    QTabWidget* m_tabs = nullptr;
    QWidget* m_bar = nullptr;
    QDoubleSpinBox* m_exponent = nullptr;
    QToolButton* m_best = nullptr;
    QToolButton* m_half = nullptr;
    QToolButton* m_uniform = nullptr;
    QToolButton* m_use = nullptr;
    QCheckBox* m_decibel = nullptr;
    QLabel* m_error = nullptr;
    QVBoxLayout* m_barLines = nullptr;
    QHBoxLayout* m_firstLine = nullptr; ///< of the bar
    QLabel* m_about = nullptr;
    QSplitter* m_splitter = nullptr;
    QSplitter* m_modelSplitter = nullptr;
    QSplitter* m_gainSplitter = nullptr;
    ExponentPlot* m_curves = nullptr;
    QWidget* m_gridPage = nullptr;
    QComboBox* m_view = nullptr;
    QStackedWidget* m_views = nullptr;
    PowerGridPlot* m_grid = nullptr;
    CompandedPlot* m_companded = nullptr;
    ExponentPlot* m_modelCurve = nullptr;
    ExponentModelPlot* m_model = nullptr;
    QStackedWidget* m_modelStack = nullptr;
    GainPlot* m_gain = nullptr;
    GainPlot* m_meanGain = nullptr;
    bool m_atBest = true; ///< the exponent follows the best one when the scheme changes
};

} // namespace gradus
