// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/block_pass.h"
#include "core/session/layer_solve.h"
#include "core/session/output_distance.h"
#include "core/session/samples.h"
#include "core/session/sensitivity.h"
#include "core/session/sensitivity_store.h"

#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace gradus {

/// Quantized weights with their codes packed, while they fit.
class KeptWeights
{
public:
    explicit KeptWeights(std::uint64_t bytes)
        : m_left(bytes)
    {
    }
    void keep(std::size_t row, std::size_t candidate, const LayerResult& result);
    /// What a weight takes here.
    [[nodiscard]] static std::uint64_t bytesOf(const QuantizedWeight& weight);
    [[nodiscard]] bool holds(std::size_t row, std::size_t candidate) const
    {
        return m_kept.contains({row, candidate});
    }
    /// Nothing when it was not kept.
    [[nodiscard]] std::optional<LayerResult> get(std::size_t row, std::size_t candidate) const;

private:
    struct Kept
    {
        LayerResult result;     ///< without weight
        QuantizedWeight weight; ///< without codes
        std::vector<std::uint8_t> codes;
    };
    std::uint64_t m_left;
    std::map<std::pair<std::size_t, std::size_t>, Kept> m_kept;
};

/// One call of measureSensitivity: what its stages share. Only the files that implement it include
/// this.
class SensitivityJob
{
public:
    /// request.model: as the recipe wants it.
    SensitivityJob(const SensitivityRequest& request, Monitor& monitor,
                   const SensitivitySink& sink);
    SensitivityTable run();
    /// Without computing.
    SensitivityTable known();

private:
    struct Entry
    {
        std::optional<SensitivityMetric> reached;
    };
    struct Place
    {
        std::size_t row;
        std::size_t candidate;
    };

    void makeTable();
    [[nodiscard]] std::string identity(Monitor& monitor) const;
    void takeKnown(const SensitivityStore& store);
    void readKnown(const std::string& identity);
    void openStore(Monitor& monitor);
    /// Empty when layers can be seen on calibration inputs.
    [[nodiscard]] std::string whyNoInputs() const;
    [[nodiscard]] const Layer& layer(std::size_t row) const
    {
        return m_model.layers[m_layers[row]];
    }
    [[nodiscard]] Sensitivity& values(Place place)
    {
        return m_table.rows[place.row].candidates[place.candidate];
    }
    [[nodiscard]] bool isLocked(std::size_t row) const
    {
        return m_request.recipe.locked.contains(m_table.rows[row].layer);
    }
    /// Nothing leads from the layer to the model's first output.
    [[nodiscard]] bool isIdle(std::size_t row) const;
    static void noteOn(Sensitivity& values, const std::string& sentence);
    [[nodiscard]] Entry& entry(Place place) { return m_entries[place.row][place.candidate]; }
    [[nodiscard]] bool lacks(Place place, SensitivityMetric metric);
    template <class Body>
    void forEachPlace(const Body& body)
    {
        for (std::size_t row = 0; row < m_table.rows.size(); ++row)
            for (std::size_t candidate = 0; candidate < m_table.candidates.size(); ++candidate)
                body(Place{row, candidate});
    }
    /// Whether it takes calibration inputs to know what becomes of the weight.
    [[nodiscard]] bool needsInputs(std::size_t candidate) const;
    void reach(Place place, SensitivityMetric metric);
    void refuse(Place place, const std::string& why);
    /// Not for good: what it lacks may be there the next time, so that nothing is kept.
    void refuseForNow(Place place, const std::string& why);
    [[nodiscard]] LayerTask task(Place place, ConstMatrixView weight,
                                 std::shared_ptr<const InputStatistics> inputs) const;
    /// What the candidate makes of the layer, and its weight error; nothing when it refuses.
    std::optional<LayerResult> solved(Place place, ConstMatrixView weight,
                                      const std::shared_ptr<const InputStatistics>& inputs);
    void report(double fraction, const std::string& stage);

    void measureWeights();
    void readSamples();
    void measureOutputs();
    void measureStage(const std::vector<std::size_t>& layers, const InputCapture* inputs);
    void measureLayerOutputs(std::size_t row, const InputCapture* inputs);
    [[nodiscard]] bool wantsInputs(std::size_t layer);
    void measureFishers();
    /// Of these rows, whose weights are here or in m_kept.
    void measureFisherOf(const std::vector<std::size_t>& rows, const KeptWeights& weights,
                         Monitor& monitor);

    // sensitivity_divergence.cpp
    void measureDivergences();
    void measurePairs();
    /// With these layers quantized and all others float; nothing where that makes outputs that are
    /// not finite.
    [[nodiscard]] std::optional<SampleMean> distanceOf(const std::vector<Place>& places);
    /// What a candidate makes of a layer, kept or solved again.
    [[nodiscard]] LayerResult weightOf(Place place);
    [[nodiscard]] OutputDistance& distance();
    /// Rows: neighbors in a block, layers of the same kind in the next block, and random ones.
    [[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> chosenPairs() const;

    const SensitivityRequest& m_request;
    const Model& m_model;
    Monitor& m_monitor;
    const SensitivitySink& m_sink;
    std::vector<std::size_t> m_layers;          ///< of the rows, in Model::layers
    std::map<std::size_t, std::size_t> m_rowOf; ///< by layer
    SensitivityTable m_table;
    std::vector<std::vector<Entry>> m_entries;
    std::optional<SensitivityStore> m_store;
    SensitivityMetric m_goal = SensitivityMetric::Weight;
    CalibrationSamples m_samples;
    std::optional<Weights> m_weights;
    KeptWeights m_kept;
    std::unique_ptr<OutputDistance> m_distance;
};

} // namespace gradus
