// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/stale.h"

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/session/language.h"
#include "core/session/origin.h"
#include "core/session/recipe_json.h"

#include <cassert>

namespace gradus {

namespace {

std::string shortHash(const std::string& text)
{
    return sha256(text).substr(0, 16);
}

std::string calibrationKey(const Model& model, const CalibrationChoice& calibration,
                           std::uint64_t seed)
{
    if (calibration.data.empty() || !model.canRun())
        return {};
    std::int64_t context = calibration.context;
    try {
        context = contextLength(model, context);
    } catch (const Error&) {
        // No run comes to pass with such a context; the key only has to differ.
    }
    return shortHash(concat(
        calibration.data, '\n', calibration.samples, '\n', context, '\n',
        calibration.mode == CalibrationMode::Sequential ? "sequential" : "float", '\n', seed));
}

bool sameChoice(const LayerChoice& a, const LayerChoice& b)
{
    return (a.keepFloat && b.keepFloat) || a == b;
}

/// Whether a run captures the layer's inputs.
bool isCalibrated(const Layer& layer, const LayerChoice& choice)
{
    return !choice.keepFloat && layer.kind == LayerKind::Linear;
}

} // namespace

OriginTrail::OriginTrail(const Model& model, const CalibrationChoice& calibration,
                         std::uint64_t seed)
    : m_sequential(calibration.mode == CalibrationMode::Sequential)
    , m_calibration(calibrationKey(model, calibration, seed))
{
}

void OriginTrail::pass(const Layer& layer, const LayerChoice& choice, const InputOrigin& origin)
{
    if (!m_sequential || m_calibration.empty())
        return;
    std::string text = concat(m_earlier, '\n', layer.name, '\n', textOf(choice));
    if (needsCalibration(choice.method))
        text += concat('\n', origin.calibration, '\n', origin.earlier);
    m_earlier = shortHash(text);
}

const std::string& OriginTrail::textOf(const LayerChoice& choice)
{
    for (const auto& [known, text] : m_texts)
        if (known == choice)
            return text;
    constexpr std::size_t limit = 32;
    if (m_texts.size() == limit)
        m_texts.erase(m_texts.begin());
    return m_texts.emplace_back(choice, choiceToJson(choice)).second;
}

CalibrationStages::CalibrationStages(const Model& model)
    : blocks(model.blocks.size())
{
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
        const Layer& layer = model.layers[i];
        if (layer.block >= 0 && static_cast<std::size_t>(layer.block) < blocks.size())
            blocks[static_cast<std::size_t>(layer.block)].push_back(i);
        else
            (layer.kind == LayerKind::Embedding ? embeddings : head).push_back(i);
    }
}

std::vector<InputOrigin> inputOrigins(const Model& model, const Recipe& recipe,
                                      const std::vector<LayerChoice>& choices)
{
    assert(choices.size() == model.layers.size());
    std::vector<InputOrigin> origins(model.layers.size());
    OriginTrail trail(model, recipe.calibration, recipe.seed);
    const CalibrationStages stages(model);
    const auto reach = [&](const std::vector<std::size_t>& layers) {
        const InputOrigin origin = trail.next();
        for (const std::size_t i : layers)
            if (isCalibrated(model.layers[i], choices[i]))
                origins[i] = origin;
        for (const std::size_t i : layers)
            if (!choices[i].keepFloat)
                trail.pass(model.layers[i], choices[i], origins[i]);
    };
    reach(stages.embeddings);
    for (const std::vector<std::size_t>& block : stages.blocks)
        reach(block);
    reach(stages.head);
    return origins;
}

Results resultsOf(const Run& run)
{
    Results results;
    const auto recipe = std::make_shared<const Recipe>(run.recipe);
    for (const LayerResult& layer : run.layers)
        results[layer.name] = MeasuredLayer{layer, recipe};
    return results;
}

std::vector<std::optional<Freshness>> freshness(const Model& model, const Recipe& recipe,
                                                const Results& results)
{
    return freshness(model, recipe, resolve(recipe, model), results);
}

std::vector<std::optional<Freshness>> freshness(const Model& model, const Recipe& recipe,
                                                const std::vector<LayerChoice>& choices,
                                                const Results& results)
{
    const std::vector<InputOrigin> origins = inputOrigins(model, recipe, choices);
    // Results without an origin (of a file that an earlier version wrote) are taken to come from a
    // full run of their recipe.
    std::map<const Recipe*, std::vector<InputOrigin>> assumed;
    const auto originOf = [&](const MeasuredLayer& measured, std::size_t i) -> InputOrigin {
        const InputOrigin& own = measured.result.origin;
        if (!own.calibration.empty() || !measured.recipe)
            return own;
        const auto [at, added] = assumed.try_emplace(measured.recipe.get());
        if (added) {
            try {
                at->second =
                    inputOrigins(model, *measured.recipe, resolve(*measured.recipe, model));
            } catch (const Error&) {
                at->second.resize(model.layers.size()); // a recipe for another model
            }
        }
        return at->second[i];
    };

    std::vector<std::optional<Freshness>> all(model.layers.size());
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
        const auto found = results.find(model.layers[i].name);
        if (found == results.end())
            continue;
        all[i] = Freshness::Fresh;
        if (!sameChoice(found->second.result.choice, choices[i])) {
            all[i] = Freshness::ChoiceChanged;
        } else if (!choices[i].keepFloat) {
            const InputOrigin origin = originOf(found->second, i);
            if (origin.calibration != origins[i].calibration)
                all[i] = Freshness::CalibrationChanged;
            else if (origin.earlier != origins[i].earlier)
                all[i] = Freshness::EarlierChanged;
        }
    }
    return all;
}

std::set<std::string> staleLayers(const Model& model, const Recipe& recipe, const Results& results)
{
    const std::vector<LayerChoice> choices = resolve(recipe, model);
    const auto fresh = freshness(model, recipe, choices, results);
    std::set<std::string> stale;
    for (std::size_t i = 0; i < fresh.size(); ++i)
        if (fresh[i] ? *fresh[i] != Freshness::Fresh : !choices[i].keepFloat)
            stale.insert(model.layers[i].name);
    return stale;
}

} // namespace gradus
