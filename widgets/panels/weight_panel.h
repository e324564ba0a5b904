// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/weight_view.h"

#include <QWidget>

#include <memory>
#include <optional>

class QAction;
class QComboBox;
class QDoubleSpinBox;
class QGridLayout;
class QLabel;
class QPushButton;
class QSortFilterProxyModel;
class QTabWidget;
class QTableView;
class QToolButton;

namespace gradus {

class ChannelStripPlot;
class HistogramPlot;
class OutlierModel;

/// The weights of the selected layers: their histograms with the limits of the grid, a map of the
/// channels' distributions, the outliers, and the facts below.
///
/// What a layer's outliers and strip are is asked for by signals and given with the layer's name;
/// answers for another layer than the current one are dropped.
class WeightPanel final : public QWidget
{
    Q_OBJECT
public:
    using Preview = std::shared_ptr<const WeightPreview>;

    explicit WeightPanel(QWidget* parent = nullptr);

    void setPreview(Preview preview);
    /// The first is the current layer's: facts, outliers, strip and clip limits are its own.
    /// selected: how many layers are selected, when more than are given.
    void setPreviews(std::vector<Preview> previews, std::size_t selected = 0);
    void setOutliers(const std::string& layer, std::shared_ptr<const OutlierList> outliers);
    void setStrip(const std::string& layer, std::shared_ptr<const ChannelStrip> strip);
    /// Takes the plot away and says why ("Select a layer …").
    void clear(const QString& reason);

    [[nodiscard]] HistogramPlot* plot() const { return m_plot; }
    [[nodiscard]] ChannelStripPlot* stripPlot() const { return m_strip; }
    [[nodiscard]] QTableView* outlierView() const { return m_outlierView; }
    [[nodiscard]] double outlierMultiple() const;
    void setOutlierMultiple(double multiple);
    /// Histogram, channels, outliers.
    enum Tab
    {
        HistogramTab,
        ChannelsTab,
        OutliersTab
    };
    void setTab(Tab tab);
    /// The facts as shown, "Mean\t-0.0001" per line.
    [[nodiscard]] QStringList factLines() const;
    /// The marked outliers with the header, for the clipboard; all when none is marked.
    void copyOutliers() const;

Q_SIGNALS:
    void failed(const QString& message);
    /// While a limit is dragged: show what it would do.
    void clipPreviewRequested(const std::string& layer, const gradus::ClipLimits& limits);
    /// Nothing: no limits. Edits with the same key belong to one gesture.
    void clipRequested(const std::string& layer, const std::optional<gradus::ClipLimits>& limits,
                       const QString& text, const QString& key);
    void outliersRequested(double multiple);
    /// The Channels tab is looked at and has no map of this layer and axis yet.
    void stripRequested(const std::string& layer, gradus::ChannelAxis axis);
    /// A double click in the list of outliers.
    void outlierActivated(std::int64_t row, std::int64_t col);

private:
    [[nodiscard]] QWidget* makeToggles();
    [[nodiscard]] QWidget* makeHistogram();
    [[nodiscard]] QWidget* makeStrip();
    [[nodiscard]] QWidget* makeOutliers();
    [[nodiscard]] QWidget* makeFacts();
    void showFacts(const WeightPreview& w);
    void refreshToggles();
    void refreshClip();
    void editClip(bool low, double value);
    void requestClip(std::optional<ClipLimits> limits);
    void requestStrip();
    [[nodiscard]] std::string layer() const;

    QTabWidget* m_tabs = nullptr;
    HistogramPlot* m_plot = nullptr;
    QToolButton* m_log = nullptr;
    QToolButton* m_density = nullptr;
    QToolButton* m_show = nullptr;
    std::vector<QAction*> m_parts;
    QWidget* m_clipRow = nullptr;
    QDoubleSpinBox* m_low = nullptr;
    QDoubleSpinBox* m_high = nullptr;
    QPushButton* m_resetClip = nullptr;
    ChannelStripPlot* m_strip = nullptr;
    QComboBox* m_axis = nullptr;
    QDoubleSpinBox* m_multiple = nullptr;
    QLabel* m_outlierCount = nullptr;
    QTableView* m_outlierView = nullptr;
    OutlierModel* m_outliers = nullptr;
    QSortFilterProxyModel* m_sorted = nullptr;
    QWidget* m_facts = nullptr;
    std::vector<std::pair<QString, QLabel*>> m_values;
};

} // namespace gradus
