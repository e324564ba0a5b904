// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/stale.h"

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/graph/fold_batch_norms.h"
#include "core/session/block_pass.h"
#include "core/session/coupling.h"
#include "core/session/language.h"
#include "core/session/origin.h"
#include "core/session/recipe_json.h"

#include <algorithm>
#include <cassert>
#include <map>

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
        if (model.task == ModelTask::Language)
            context = contextLength(model, context);
    } catch (const Error&) {
        // No run comes to pass with such a context; the key only has to differ.
    }
    std::string text = concat(calibration.data, '\n', calibration.samples, '\n', context, '\n',
                              calibrationModeName(calibration.mode), '\n', seed);
    for (const auto* values : {&calibration.mean, &calibration.deviation})
        for (const float value : *values)
            text += concat('\n', value);
    if (!calibration.layout.empty())
        text += concat('\n', calibration.layout);
    if (hasFoldedNorms(model))
        text += "\nfolded batch norms";
    for (const auto& [name, path] : calibration.inputs)
        text += concat("\ninput ", name, '\n', path);
    return shortHash(text);
}

bool sameChoice(const LayerChoice& a, const LayerChoice& b)
{
    return (a.keepFloat && b.keepFloat) || a == b;
}

/// Whether a run captures the layer's inputs.
bool isCalibrated(const Model& model, const Layer& layer, const LayerChoice& choice)
{
    return !choice.keepFloat && canCapture(model, layer);
}

} // namespace

OriginTrail::OriginTrail(const Model& model, const CalibrationChoice& calibration,
                         std::uint64_t seed, const std::vector<LayerChoice>& choices)
    : m_sequential(calibration.mode != CalibrationMode::Float)
    , m_calibration(calibrationKey(model, calibration, seed))
{
    assert(choices.size() == model.layers.size());
    std::string sharing;
    for (std::size_t i = 0; i < choices.size(); ++i)
        if (sharesExponent(choices[i]))
            sharing += concat('\n', model.layers[i].name, '\n', textOf(exponentKey(choices[i])));
    if (!sharing.empty())
        m_exponents = shortHash(sharing);
    const StaticGroups statics(model, choices);
    for (std::size_t i = 0; i < choices.size(); ++i) {
        const StaticSettings* settings = statics.settings(i);
        if (!settings || statics.site(i).norm < 0)
            continue;
        // Of layers that are not folded, too: it is the others that prevent it.
        std::string readers;
        for (const std::size_t reader : statics.site(i).readers)
            readers += concat('\n', model.layers[reader].name, '\n', textOf(choices[reader]));
        m_norms.resize(choices.size());
        m_norms[i] = shortHash(readers);
    }
}

InputOrigin OriginTrail::of(std::size_t layer, const LayerChoice& choice, InputOrigin inputs) const
{
    if (sharesExponent(choice))
        inputs.exponents = m_exponents;
    else if (!m_norms.empty())
        inputs.exponents = m_norms[layer];
    return inputs;
}

std::string OriginTrail::seenText(const Layer& layer, const LayerChoice& choice,
                                  const InputOrigin& origin)
{
    std::string text = concat('\n', layer.name, '\n', textOf(choice));
    if (needsCalibration(choice))
        text += concat('\n', origin.calibration, '\n', origin.earlier);
    if (!origin.exponents.empty())
        text += concat("\nexponents ", origin.exponents);
    return text;
}

void OriginTrail::pass(const Layer& layer, const LayerChoice& choice, const InputOrigin& origin)
{
    if (!m_sequential || m_calibration.empty())
        return;
    m_earlier = shortHash(m_earlier + seenText(layer, choice, origin));
}

InputOrigin OriginTrail::together(std::string_view what, const std::string& earlier,
                                  const std::vector<Part>& parts)
{
    std::string text = concat(what, '\n', earlier);
    for (const Part& part : parts)
        text += seenText(*part.layer, part.choice, part.origin);
    return {m_calibration, shortHash(text)};
}

InputOrigin OriginTrail::unfinished() const
{
    return {m_calibration, "unfinished"};
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

CalibrationStages::CalibrationStages(const Model& model, CalibrationMode mode)
    : blocks(model.blocks.size())
{
    // Values by the first layer's node that reads them.
    std::vector<std::map<ValueId, int>> firstReader(blocks.size());
    const auto isInBlock = [this](const Layer& layer) {
        return layer.block >= 0 && static_cast<std::size_t>(layer.block) < blocks.size();
    };
    if (mode == CalibrationMode::TrueSequential)
        for (const Layer& layer : model.layers)
            if (isInBlock(layer)) {
                auto& readers = firstReader[static_cast<std::size_t>(layer.block)];
                const auto [at, added] = readers.try_emplace(layer.input, layer.node);
                at->second = std::min(at->second, layer.node);
            }
    for (std::size_t b = 0; b < blocks.size(); ++b)
        blocks[b].resize(std::max<std::size_t>(1, firstReader[b].size()));
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
        const Layer& layer = model.layers[i];
        if (!isInBlock(layer)) {
            const bool before = layer.node >= 0 && !model.blocks.empty() &&
                                layer.node < model.blocks.front().firstNode;
            (layer.kind == LayerKind::Embedding ? embeddings
             : before                           ? prelude
                                                : head)
                .push_back(i);
            continue;
        }
        const auto block = static_cast<std::size_t>(layer.block);
        const auto& readers = firstReader[block];
        std::size_t subset = 0;
        if (const auto own = readers.find(layer.input); own != readers.end())
            for (const auto& [value, node] : readers)
                subset += std::size_t(std::pair(node, value) < std::pair(own->second, own->first));
        blocks[block][subset].push_back(i);
    }
}

CalibrationStages::Subset CalibrationStages::layersOf(std::size_t block) const
{
    Subset all;
    for (const Subset& subset : blocks[block])
        all.insert(all.end(), subset.begin(), subset.end());
    return all;
}

std::vector<char> CalibrationStages::behind(const std::vector<char>& layers) const
{
    std::vector<char> result(layers.size());
    bool reached = false;
    const auto pass = [&](const Subset& subset) {
        for (const std::size_t i : subset)
            result[i] = reached ? 1 : 0;
        for (const std::size_t i : subset)
            reached = reached || layers[i];
    };
    pass(embeddings);
    pass(prelude);
    for (const std::vector<Subset>& subsets : blocks)
        for (const Subset& subset : subsets)
            pass(subset);
    pass(head);
    return result;
}

std::vector<InputOrigin> inputOrigins(const Model& model, const Recipe& recipe,
                                      const std::vector<LayerChoice>& choices)
{
    assert(choices.size() == model.layers.size());
    std::vector<InputOrigin> origins(model.layers.size());
    OriginTrail trail(model, recipe.calibration, recipe.seed, choices);
    for (std::size_t i = 0; i < choices.size(); ++i)
        origins[i] = trail.of(i, choices[i], {});
    const CalibrationStages stages(model, recipe.calibration.mode);
    const Coupling coupling(model, recipe.calibration, choices);
    std::vector<OriginTrail::Part> all; // what a fine-tuning sees, in the order of the stages
    const auto reach = [&](OriginTrail& on, const CalibrationStages::Subset& layers) {
        const InputOrigin origin = on.next();
        for (const std::size_t i : layers)
            if (isCalibrated(model, model.layers[i], choices[i]))
                origins[i] = on.of(i, choices[i], origin);
        for (const std::size_t i : layers)
            if (!choices[i].keepFloat)
                on.pass(model.layers[i], choices[i], origins[i]);
    };
    const auto seen = [&](const CalibrationStages::Subset& layers) {
        std::vector<OriginTrail::Part> parts;
        for (const std::size_t i : layers)
            if (!choices[i].keepFloat)
                parts.push_back({&model.layers[i], choices[i], origins[i]});
        return parts;
    };
    const auto keep = [&](const CalibrationStages::Subset& layers) {
        for (OriginTrail::Part& part : seen(layers))
            all.push_back(std::move(part));
    };
    reach(trail, stages.embeddings);
    keep(stages.embeddings);
    reach(trail, stages.prelude);
    keep(stages.prelude);
    for (std::size_t b = 0; b < stages.blocks.size(); ++b) {
        const CalibrationStages::Subset layers = stages.layersOf(b);
        OriginTrail within = trail;
        for (const CalibrationStages::Subset& subset : stages.blocks[b])
            reach(within, subset);
        if (const auto& trained = coupling.trainedIn(b); !trained.empty()) {
            const InputOrigin origin = trail.together("block", trail.next().earlier, seen(layers));
            for (const std::size_t i : trained)
                origins[i] = origin;
        }
        // What follows sees the block as it came out in the end.
        for (const OriginTrail::Part& part : seen(layers))
            trail.pass(*part.layer, part.choice, part.origin);
        keep(layers);
    }
    reach(trail, stages.head);
    keep(stages.head);
    if (!coupling.fineTuned().empty()) {
        const InputOrigin origin = trail.together("fine-tuning", {}, all);
        for (const std::size_t i : coupling.fineTuned())
            origins[i] = origin;
    }
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
        if (own.isKnown() || !measured.recipe)
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
        const auto& recipeThen = found->second.recipe;
        const bool otherWeights = !choices[i].keepFloat && recipeThen &&
                                  recipeThen->foldBatchNorms != recipe.foldBatchNorms;
        if (otherWeights || !sameChoice(found->second.result.choice, choices[i])) {
            all[i] = Freshness::ChoiceChanged;
        } else if (!choices[i].keepFloat) {
            const InputOrigin origin = originOf(found->second, i);
            if (origin.calibration != origins[i].calibration)
                all[i] = Freshness::CalibrationChanged;
            else if (origin.earlier != origins[i].earlier ||
                     origin.exponents != origins[i].exponents)
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
