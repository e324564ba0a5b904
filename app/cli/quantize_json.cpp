// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/quantize_json.h"

#include "app/cli/terminal.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace gradus::cli {

namespace {

nlohmann::ordered_json jsonOf(const std::vector<TracePoint>& trace)
{
    nlohmann::ordered_json out = nlohmann::ordered_json::array();
    for (const TracePoint& point : trace)
        out.push_back({{"stage", traceStageName(point.stage)},
                       {"round", point.round},
                       {"relative_output_error", point.relativeError},
                       {"weight_error", point.weightError},
                       {"exponent", point.exponent},
                       {"accepted", point.accepted},
                       {"scale_change", point.scaleChange},
                       {"zero_change", point.zeroChange}});
    return out;
}

nlohmann::ordered_json jsonOf(const TuningOutcome& training)
{
    return {{"name", training.name},
            {"before", training.before()},
            {"after", training.after()},
            {"best_epoch", training.bestEpoch},
            {"epochs",
             std::max<std::int64_t>(0, static_cast<std::int64_t>(training.epochLosses.size()) - 1)},
            {"steps", training.losses.size()},
            {"stopped_early", training.stoppedEarly},
            {"scale_change", training.scaleChange},
            {"zero_change", training.zeroChange},
            {"code_change", training.codeChange},
            {"exponent_change", training.exponentChange},
            {"trained_tensors", training.parameters.size()}};
}

/// What power grids have: exponents, outliers, the inputs' grid.
void addPowerParts(nlohmann::ordered_json& entry, const LayerResult& layer)
{
    if (layer.weight && layer.weight->scheme.levels != Levels::Uniform) {
        const std::vector<float>& exponents = layer.weight->exponents;
        entry["levels"] = levelsName(layer.weight->scheme.levels);
        std::vector<float> sorted = exponents;
        std::sort(sorted.begin(), sorted.end());
        // Of rows with exponents of their own, the median.
        entry["exponent"] = sorted[sorted.size() / 2];
        entry["exponents"] = exponents.size();
        entry["outliers"] = layer.weight->outliers.columns.size();
    }
    if (layer.activation) {
        const ActivationGrid& grid = *layer.activation;
        entry["activation"] = {{"bits", grid.bits},
                               {"quantizer", "power"},
                               {"signed", grid.isSigned},
                               {"exponent", grid.exponent},
                               {"limit", grid.limit},
                               {"shift", grid.shift},
                               {"relative_error", grid.relativeError}};
    }
}

nlohmann::ordered_json jsonOf(const AffineGrid& grid)
{
    nlohmann::ordered_json out{{"bits", grid.bits},
                               {"quantizer", "uniform"},
                               {"granularity", grid.hasOneScale() ? "tensor" : "channel"}};
    if (grid.hasOneScale())
        out["scale"] = grid.scales.front();
    else
        out["scale"] = grid.scales;
    // One scale may have a zero for each channel: where a norm has none to take them.
    if (grid.zeros.size() == 1)
        out["zero"] = grid.zeros.front();
    else
        out["zero"] = grid.zeros;
    if (grid.fraction != 0)
        out["zero_fraction"] = grid.fraction;
    out["relative_error"] = grid.relativeError;
    return out;
}

nlohmann::ordered_json jsonOf(const ProbabilityGrid& probabilities)
{
    if (const auto* uniform = std::get_if<AffineGrid>(&probabilities))
        return jsonOf(*uniform);
    const LogGrid& grid = std::get<LogGrid>(probabilities);
    return {{"bits", grid.bits},
            {"quantizer",
             probabilityQuantizerName(grid.perOctave == 1 ? ProbabilityQuantizer::Log2
                                                          : ProbabilityQuantizer::LogSqrt2)},
            {"scale", grid.scale},
            {"zero_state", zeroStateName(grid.zeroState)},
            {"relative_error", grid.relativeError}};
}

/// What static quantization made of the layer's inputs and of the attention that they come from.
void addStaticParts(nlohmann::ordered_json& entry, const LayerResult& layer)
{
    if (!layer.staticInputs)
        return;
    const StaticInputs& inputs = *layer.staticInputs;
    if (inputs.grid)
        entry["activation"] = jsonOf(*inputs.grid);
    if (inputs.attention) {
        nlohmann::ordered_json& attention = entry["attention"];
        const AttentionGrids& grids = *inputs.attention;
        if (grids.query)
            attention["query"] = jsonOf(*grids.query);
        if (grids.key)
            attention["key"] = jsonOf(*grids.key);
        if (grids.value)
            attention["value"] = jsonOf(*grids.value);
        if (grids.probabilities)
            attention["softmax"] = jsonOf(*grids.probabilities);
    }
    if (inputs.norm)
        entry["norm"] = {{"name", inputs.norm->norm},
                         {"codes", inputs.norm->codes},
                         {"differing_codes", inputs.norm->differing}};
    if (!std::isnan(inputs.lambda)) {
        // JSON has no infinity: null there is a weight that was not moved.
        entry["reconstruction"] = {{"lambda", inputs.lambda}};
    }
    entry["errors"] = {{"weights", inputs.errors.weights},
                       {"inputs", inputs.errors.inputs},
                       {"both", inputs.errors.both}};
}

} // namespace

std::vector<std::shared_ptr<const TuningOutcome>> trainingsOf(const Run& run)
{
    std::vector<std::shared_ptr<const TuningOutcome>> trainings;
    for (const LayerResult& layer : run.layers)
        for (const auto& tuning : layer.tunings)
            if (std::find(trainings.begin(), trainings.end(), tuning) == trainings.end())
                trainings.push_back(tuning);
    // The fine-tuning of all blocks comes last.
    std::stable_partition(trainings.begin(), trainings.end(),
                          [](const auto& training) { return training->block >= 0; });
    return trainings;
}

std::string runJson(const Run& run, double seconds)
{
    nlohmann::ordered_json out;
    out["layers"] = nlohmann::ordered_json::array();
    for (const LayerResult& layer : run.layers) {
        const bool kept = !layer.weight;
        nlohmann::ordered_json entry;
        entry["name"] = layer.name;
        entry["method"] = kept ? "float" : std::string(methodName(layer.choice.method));
        for (const char* field : {"bits", "group", "granularity", "symmetric"})
            entry[field] = nullptr;
        if (!kept) {
            const Scheme& scheme = layer.choice.scheme;
            entry["bits"] = scheme.bits;
            entry["group"] = effectiveGroup(scheme, layer.weight->cols);
            entry["granularity"] = granularityName(scheme.granularity);
            entry["symmetric"] = layer.weight->scheme.symmetric;
        }
        entry["bits_per_weight"] = layer.bitsPerWeight();
        entry["bytes"] = layer.bytes();
        entry["weight_sqnr_db"] = layer.weightSqnrDb;
        entry["relative_output_error"] = layer.relativeOutputError;
        addPowerParts(entry, layer);
        addStaticParts(entry, layer);
        entry["seconds"] = layer.seconds;
        entry["note"] = layer.note;
        entry["trace"] = jsonOf(layer.trace);
        out["layers"].push_back(std::move(entry));
    }
    out["trainings"] = nlohmann::ordered_json::array();
    for (const auto& training : trainingsOf(run))
        out["trainings"].push_back(jsonOf(*training));
    out["totals"] = {{"bits_per_weight", run.totals.bitsPerWeight},
                     {"bytes", run.totals.bytes},
                     {"float_bytes", run.totals.floatBytes},
                     {"weights", run.totals.weights},
                     {"seconds", seconds},
                     {"peak_memory_bytes", peakMemoryBytes()}};
    return out.dump(2);
}

} // namespace gradus::cli
