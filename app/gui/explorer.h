// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/document.h"
#include "app/gui/facts_cache.h"
#include "app/gui/job_runner.h"
#include "core/session/statistics.h"
#include "widgets/panels/exponent_panel.h"

#include <QElapsedTimer>
#include <QObject>
#include <QTimer>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace gradus {

/// One layer's channels, as the panel shows them.
struct LayerChannels
{
    std::shared_ptr<const WeightFacts> facts;
    std::shared_ptr<const ChannelRanges> outputs;
    std::shared_ptr<const ChannelRanges> inputs;
    std::shared_ptr<const InputStatistics> activations; ///< null when nothing was captured
};

/// Computes what the panels show of the selected layers, and nothing that no panel asks for. Every
/// answer comes from a job of its own runner; the latest request wins. Never runs the model.
class Explorer final : public QObject
{
    Q_OBJECT
public:
    static constexpr std::size_t maximumLayers = 6; ///< in one picture

    enum class Aspect
    {
        Weights,      ///< histograms: for every edit and selection
        Channels,     ///< ranges per channel, and the strip
        Exponents,    ///< error against exponent
        AllExponents, ///< best exponent of every layer of the model
        Outliers,     ///< the list of weights far out
    };

    explicit Explorer(Document* document, QObject* parent = nullptr);
    ~Explorer() override;

    /// The layers that panels follow, the current one first; those beyond maximumLayers are counted
    /// and not drawn.
    void select(const std::vector<std::string>& layers);
    [[nodiscard]] const std::vector<std::string>& selected() const { return m_layers; }
    void setWanted(Aspect aspect, bool on);
    /// The recipe, the plan or the shown run changed: previews again.
    void refresh();
    void setOutlierMultiple(double multiple);
    void requestStrip(const std::string& layer, ChannelAxis axis);
    /// While a limit is dragged: the current layer as if its recipe had these limits.
    void previewClip(const std::string& layer, const ClipLimits& limits);
    void previewExponent(const std::string& layer, double exponent);

    /// Inputs of a layer as calibration captured them; kept up to a budget of memory, all ranges
    /// and as many Hessians as fit.
    void keepInputs(const std::string& layer, std::shared_ptr<const InputStatistics> inputs);
    [[nodiscard]] std::shared_ptr<const InputStatistics> inputsOf(const std::string& layer) const;
    [[nodiscard]] bool hasInputs() const { return !m_inputs.empty(); }

    /// What is known of every layer's weight so far, by name.
    [[nodiscard]] const std::map<std::string, LayerStatistics>& statistics() const
    {
        return m_statistics;
    }
    /// Those with a fitted exponent, in the model's order.
    [[nodiscard]] std::vector<LayerStatistics> exponents() const;
    /// How many layers have a study of their exponents.
    [[nodiscard]] std::size_t studied() const { return m_studies.size(); }
    /// Every layer of the model has its statistics, exponents too if they are wanted.
    [[nodiscard]] bool isSurveyed() const;
    /// Nothing is being computed for the panels but the survey of all layers.
    [[nodiscard]] bool isSettled() const { return m_preview.isIdle() && m_detail.isIdle(); }

Q_SIGNALS:
    /// One for each selected layer, as many as are ready: a sample first, exact after.
    void previewsReady(const std::vector<std::shared_ptr<const gradus::WeightPreview>>& previews);
    void previewFailed(const QString& message);
    void previewDropped(); ///< nothing is selected
    void channelsReady(std::shared_ptr<const gradus::LayerChannels> channels);
    void exponentsReady(const std::vector<gradus::LayerCurve>& layers);
    /// All layers so far at one common exponent; of: layers of the model.
    void modelStudyReady(std::shared_ptr<const gradus::ExponentStudy> study, std::size_t layers,
                         std::size_t of);
    void powerGridReady(const std::string& layer,
                        std::shared_ptr<const gradus::PowerGridView> grid);
    void factsReady(std::shared_ptr<const gradus::WeightFacts> facts); ///< of the current layer
    void outliersReady(const std::string& layer,
                       std::shared_ptr<const gradus::OutlierList> outliers);
    void stripReady(const std::string& layer, std::shared_ptr<const gradus::ChannelStrip> strip);
    void statisticsChanged();
    void inputsChanged();
    void settled();

private:
    void modelChanged();
    void requestPreviews(const std::optional<ClipLimits>& clip);
    void requestChannels();
    void requestExponents();
    void requestOutliers();
    void surveyNext();
    void sumStudies();
    [[nodiscard]] bool wants(Aspect aspect) const { return m_wanted.count(aspect) > 0; }
    [[nodiscard]] Scheme schemeOf(const std::string& layer) const;
    /// What is drawn of a layer's exponents, but the study.
    [[nodiscard]] LayerCurve curveOf(const std::string& layer) const;

    Document* m_document;
    std::shared_ptr<FactsCache> m_facts;
    std::vector<std::string> m_layers;
    std::set<Aspect> m_wanted{Aspect::Weights, Aspect::Outliers};
    double m_outlierMultiple = 6;
    std::map<std::string, std::shared_ptr<const InputStatistics>> m_inputs;
    std::map<std::string, LayerStatistics> m_statistics;
    struct StudiedGrid
    {
        Scheme scheme;
        double minimumClip = leastStudiedClip;
        bool operator==(const StudiedGrid&) const = default;
    };
    std::map<std::string, StudiedGrid> m_exponentGrids; ///< for which exponents were fitted
    std::map<std::string, std::shared_ptr<const ExponentStudy>> m_studies;
    bool m_sumIsOld = false;            ///< a study came since the last sum
    std::size_t m_surveyAt = 0;         ///< layers before this one are surveyed
    std::set<std::string> m_unreadable; ///< layers with NaN weights and the like
    quint64 m_previewSerial = 0;        ///< of the last request; answers to others are late
    QTimer m_statisticsTimer;
    JobRunner m_preview; // after all that jobs touch, so that they are destroyed first
    JobRunner m_detail;
    JobRunner m_survey;
    JobRunner m_sum;
};

} // namespace gradus
