// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/coupling.h"

#include "core/session/block_pass.h"
#include "core/session/quantize.h"

#include <algorithm>

namespace gradus {

namespace {

bool anyOf(const std::vector<std::size_t>& layers, const std::vector<char>& computed)
{
    return std::any_of(layers.begin(), layers.end(),
                       [&](std::size_t i) { return computed[i] != 0; });
}

void addAll(const std::vector<std::size_t>& layers, std::vector<char>& computed)
{
    for (const std::size_t i : layers)
        computed[i] = 1;
}

} // namespace

bool sharesExponent(const LayerChoice& choice)
{
    const PowerGridOptions* power = choice.keepFloat ? nullptr : powerGridOf(choice.method);
    return power && power->exponentScope == ExponentScope::Model && power->exponent == 0;
}

bool isAsymmetric(const LayerChoice& choice)
{
    const auto* nupes = choice.keepFloat ? nullptr : std::get_if<NupesOptions>(&choice.method);
    return nupes && nupes->asymmetric;
}

LayerChoice exponentKey(const LayerChoice& choice)
{
    PowerquantOptions options;
    static_cast<PowerGridOptions&>(options) = *powerGridOf(choice.method);
    options.rounding = roundingOf(choice.method);
    LayerChoice key;
    key.scheme = choice.scheme;
    key.scheme.symmetric = true;
    key.method = options;
    return key;
}

PowerRounding roundingOf(const MethodOptions& method)
{
    const auto* powerquant = std::get_if<PowerquantOptions>(&method);
    return powerquant ? powerquant->rounding : PowerRounding::Nearest;
}

std::optional<TrainingOptions> blockTrainingOf(const LayerChoice& choice)
{
    return choice.keepFloat ? std::nullopt : blockTraining(choice.method);
}

std::optional<TrainingOptions> fineTuningOf(const LayerChoice& choice)
{
    return choice.keepFloat ? std::nullopt : fineTuning(choice.method);
}

Coupling::Coupling(const Model& model, const CalibrationChoice& calibration,
                   const std::vector<LayerChoice>& choices)
    : m_model(model)
    , m_mode(calibration.mode)
    , m_isQuantized(model.layers.size())
    , m_isTrained(model.layers.size())
    , m_trained(model.blocks.size())
    , m_statics(model, choices)
{
    for (std::size_t i = 0; i < choices.size(); ++i)
        if (sharesExponent(choices[i]))
            m_sharing.push_back(i);
    if (calibration.data.empty() || !model.canRun())
        return;
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
        const Layer& layer = model.layers[i];
        if (choices[i].keepFloat || !canCapture(model, layer))
            continue;
        m_isQuantized[i] = 1;
        const auto block = static_cast<std::size_t>(layer.block);
        if (layer.block >= 0 && block < m_trained.size() && blockTrainingOf(choices[i])) {
            m_trained[block].push_back(i);
            m_isTrained[i] = 1;
        }
        if (fineTuningOf(choices[i]) && model.task == ModelTask::Language)
            m_fineTuned.push_back(i);
    }
}

std::size_t Coupling::close(std::vector<char>& computed) const
{
    const auto count = [&] { return std::count(computed.begin(), computed.end(), char(1)); };
    const auto first = count();
    for (auto before = first - 1; before != count();) {
        before = count();
        closeOnce(computed);
    }
    return static_cast<std::size_t>(count() - first);
}

void Coupling::closeBlocks(std::vector<char>& computed) const
{
    for (std::size_t b = 0; b < m_trained.size(); ++b) {
        bool wanted = anyOf(m_trained[b], computed);
        // There, layers see those before them as they are before the block's training.
        if (m_mode == CalibrationMode::TrueSequential)
            for (std::size_t i = 0; i < computed.size(); ++i)
                wanted = wanted || (computed[i] && m_isQuantized[i] &&
                                    m_model.layers[i].block == static_cast<int>(b));
        if (wanted)
            addAll(m_trained[b], computed);
    }
}

void Coupling::closeOnce(std::vector<char>& computed) const
{
    // A finished result does not tell the exponent, which may have been trained since.
    if (anyOf(m_sharing, computed))
        addAll(m_sharing, computed);
    for (std::size_t i = 0; i < computed.size(); ++i)
        if (computed[i])
            addAll(m_statics.folded(i), computed);
    closeBlocks(computed);
    // The same holds for whatever comes before the fine-tuning: block stages, and in sequential
    // modes every layer that looks at the outputs of earlier blocks.
    bool wanted = anyOf(m_fineTuned, computed);
    for (std::size_t i = 0; i < computed.size(); ++i)
        wanted = wanted || (computed[i] && m_isQuantized[i] &&
                            (m_isTrained[i] || m_mode != CalibrationMode::Float));
    if (wanted && !m_fineTuned.empty()) {
        addAll(m_fineTuned, computed);
        closeBlocks(computed);
    }
}

std::vector<char> Coupling::halfFolds(const StaticSites& sites,
                                      const std::vector<LayerChoice>& choices,
                                      const FinishedLayer& finished,
                                      std::vector<char>& computed) const
{
    const auto isFolded = [](const LayerResult& result) {
        return result.weight && result.staticInputs &&
               (!result.staticInputs->ratio.empty() || result.staticInputs->norm);
    };
    std::vector<char> refused(choices.size());
    for (bool changed = true; changed;) {
        changed = false;
        for (std::size_t i = 0; i < choices.size(); ++i) {
            const LayerResult* result = finished(i);
            if (!result || refused[i] || !isFolded(*result))
                continue;
            const auto& readers = sites.of(i).readers;
            const bool whole = std::all_of(readers.begin(), readers.end(), [&](std::size_t r) {
                const LayerResult* other = finished(r);
                return other && !refused[r] && isFolded(*other) &&
                       other->staticInputs->ratio == result->staticInputs->ratio;
            });
            if (whole)
                continue;
            changed = true;
            refused[i] = 1;
            if (!choices[i].keepFloat) {
                computed[i] = 1;
                (void)close(computed);
            }
        }
    }
    return refused;
}

std::set<std::string> coupledLayers(const Model& model, const Recipe& recipe,
                                    const std::set<std::string>& only,
                                    const std::map<std::string, LayerResult>& finished)
{
    const std::vector<LayerChoice> choices = resolve(recipe, model);
    std::vector<char> computed(choices.size());
    for (std::size_t i = 0; i < choices.size(); ++i)
        computed[i] = !choices[i].keepFloat && only.contains(model.layers[i].name);
    const Coupling coupling(model, recipe.calibration, choices);
    (void)coupling.close(computed);
    if (std::any_of(finished.begin(), finished.end(),
                    [](const auto& entry) { return entry.second.staticInputs != nullptr; })) {
        const FinishedLayer takenOver = [&](std::size_t i) -> const LayerResult* {
            const auto found = finished.find(model.layers[i].name);
            return found == finished.end() || computed[i] || only.contains(found->first)
                       ? nullptr
                       : &found->second;
        };
        (void)coupling.halfFolds(StaticSites(model), choices, takenOver, computed);
    }
    std::set<std::string> all = only;
    for (std::size_t i = 0; i < computed.size(); ++i)
        if (computed[i])
            all.insert(model.layers[i].name);
    return all;
}

} // namespace gradus
