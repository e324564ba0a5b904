// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/weight_view.h"
#include "widgets/plots/plot_view.h"

#include <memory>

namespace gradus {

/// The distribution of a layer's weights before and after quantization, with the levels of the
/// grid and its limits; or one distribution of several layers over each other. Draws what it is
/// given; binning is core's work.
class HistogramPlot final : public PlotView
{
    Q_OBJECT
public:
    using Preview = std::shared_ptr<const WeightPreview>;

    /// What can be shown and hidden. Of several layers one of the first three is shown.
    enum class Part
    {
        Original,
        Quantized,
        Error, ///< ŵ − w
        Levels,
        Outliers
    };

    explicit HistogramPlot(QWidget* parent = nullptr);
    ~HistogramPlot() override;

    void setPreview(Preview preview);
    /// At most seriesCount are drawn. selected: how many layers were asked for, when more.
    void setPreviews(std::vector<Preview> previews, std::size_t selected = 0);
    /// The first one.
    [[nodiscard]] const WeightPreview* preview() const;
    [[nodiscard]] std::size_t layers() const;

    void setLogScale(bool on);
    [[nodiscard]] bool logScale() const;
    /// Densities integrate to one; several layers are always shown so.
    void setDensity(bool on);
    [[nodiscard]] bool density() const;
    void setShown(Part part, bool on);
    [[nodiscard]] bool isShown(Part part) const;
    /// Limits at mean ± multiple · σ and a mark for each weight that is listed.
    void setOutliers(std::shared_ptr<const OutlierList> outliers);

    /// The limits that can be dragged: of one quantized layer. Without limits in its scheme they
    /// stand at the ends of its weights, where they change nothing.
    [[nodiscard]] std::optional<ClipLimits> clip() const;
    /// The ends of the weights, 0 between them.
    [[nodiscard]] ClipLimits clipBounds() const;
    /// Moves the markers; limited to what is allowed. Says nothing.
    void setClip(ClipLimits limits);

    /// Bin edges and counts, then levels and limits as comments.
    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

Q_SIGNALS:
    void logScaleChanged(bool on);
    void densityChanged(bool on);
    void shownChanged();
    void clipDragged(const gradus::ClipLimits& limits, bool released);

protected:
    void rescale() override;
    void recolour() override;
    void extendMenu(QMenu& menu) override;
    [[nodiscard]] QString proposedName() const override;
    void markerMoved(int marker, double position, bool released) override;

private:
    struct Parts;
    [[nodiscard]] bool several() const;
    /// The one that is shown of several layers.
    [[nodiscard]] const Histogram& overlaid(const WeightPreview& w) const;
    void rebuild(bool newRange);
    void drawOne();
    void drawSeveral();
    void placeMarkers();

    std::unique_ptr<Parts> m_parts;
};

} // namespace gradus
