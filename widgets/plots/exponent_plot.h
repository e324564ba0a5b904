// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/eval/exponent_study.h"
#include "core/session/statistics.h"
#include "widgets/plots/plot_view.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// What the recipe says of a layer's power grid, as far as the plot marks it.
enum class ExponentRule
{
    PowerDomain, ///< rounded in the power domain; of methods without a power grid, too
    Nearest,
    Clipped, ///< nearest levels, scales with the best clip
};

/// How the error of one layer's power grid depends on the exponent.
struct LayerCurve
{
    std::string layer; ///< empty: the whole model
    Scheme scheme;
    std::shared_ptr<const ExponentStudy> study;
    ExponentRule rule = ExponentRule::PowerDomain;
    /// The exponent in the recipe, 0 where it is searched; nothing for a method without one.
    std::optional<double> chosen = std::nullopt;
    /// What the shown run has; nothing without one, or with exponents of rows.
    std::optional<double> computed = std::nullopt;
    double minimumClip = leastStudiedClip; ///< of the clips that are tried
};

/// The best point of the rule's curve; errors are NMSE.
[[nodiscard]] ExponentPoint bestOf(const ExponentStudy& study, ExponentRule rule);
/// Of the rule's curve between its points, by straight lines; NaN outside.
[[nodiscard]] double errorAt(const ExponentStudy& study, ExponentRule rule, double exponent);

/// NMSE against exponent. Of one layer, or of the whole model: three curves by the way of rounding,
/// the best point of each, the minima of separate basins, what theory expects at high resolution,
/// and uniform grids at exponent 1; a marker for the exponent that is looked at. Of several layers:
/// a curve for each, rounded in the power domain.
class ExponentPlot final : public PlotView
{
    Q_OBJECT
public:
    explicit ExponentPlot(QWidget* parent = nullptr);
    ~ExponentPlot() override;

    /// The marker belongs to the first. selected: how many layers were asked for, when more.
    void setCurves(std::vector<LayerCurve> curves, std::size_t selected = 0);
    [[nodiscard]] const std::vector<LayerCurve>& curves() const;
    /// The sum over layers of a model, of which more may come. No marker.
    void setModel(std::shared_ptr<const ExponentStudy> study, std::size_t layers, std::size_t of);
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
    void drawOne();
    void drawSeveral();
    void clearDrawing();
    [[nodiscard]] bool several() const;
    [[nodiscard]] double shown(double nmse) const; ///< in the unit of the axis

    std::unique_ptr<Parts> m_parts;
};

} // namespace gradus
