// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/static_groups.h"

#include "core/base/text.h"
#include "core/session/block_pass.h"

#include <algorithm>

namespace gradus {

namespace {

/// Whether the layer's inputs are to be seen by channel.
bool asksForFold(const StaticSettings& settings)
{
    return settings.bits > 0 && (settings.byChannel || settings.smoothing);
}

/// What readers of one norm have to agree on.
bool foldAlike(const StaticSettings& a, const StaticSettings& b)
{
    return a.bits == b.bits && a.range == b.range && a.byChannel == b.byChannel &&
           a.zeros == b.zeros && a.clipping == b.clipping && a.smoothing == b.smoothing &&
           a.stale == b.stale && a.reconstruct == b.reconstruct && a.lambda == b.lambda &&
           a.asymmetric == b.asymmetric;
}

} // namespace

StaticGroups::StaticGroups(const Model& model, const std::vector<LayerChoice>& choices)
{
    if (!model.canRun())
        return;
    const auto isStatic = [&](std::size_t i) {
        return !choices[i].keepFloat && canCapture(model, model.layers[i]) &&
               staticSettings(choices[i].activation, choices[i].method).has_value();
    };
    for (std::size_t i = 0; i < choices.size(); ++i) {
        if (!isStatic(i))
            continue;
        m_settings.resize(choices.size());
        m_settings[i] = staticSettings(choices[i].activation, choices[i].method);
        // An image is what its pixels are; RepQ-ViT keeps it at 8 bits whatever the others have.
        const Layer& layer = model.layers[i];
        if (m_settings[i]->bits > 0 && layer.kind == LayerKind::Convolution &&
            layer.input == model.graph.inputs.front().value)
            m_settings[i]->bits = 8;
    }
    if (m_settings.empty())
        return;
    m_sites.emplace(model);
    m_isFolded.resize(choices.size());
    m_whyAlone.resize(choices.size());
    for (std::size_t i = 0; i < choices.size(); ++i) {
        if (!m_settings[i] || !asksForFold(*m_settings[i]) || site(i).norm < 0)
            continue;
        m_whyAlone[i] = whyNot(model, i);
        m_isFolded[i] = m_whyAlone[i].empty() ? 1 : 0;
    }
}

std::string StaticGroups::whyNot(const Model& model, std::size_t layer) const
{
    const StaticSite& place = site(layer);
    if (!place.whyNotFoldable.empty())
        return place.whyNotFoldable;
    if (model.layers[layer].block < 0)
        return "it stands outside of the blocks";
    // Blocks are computed one by one: what was before them when the norm changes stays as it was.
    const Block& block = model.blocks[static_cast<std::size_t>(model.layers[layer].block)];
    if (place.norm < block.firstNode || place.norm >= block.firstNode + block.nodeCount)
        return "it stands before the block of its readers";
    for (const std::size_t other : place.readers) {
        if (model.layers[other].input != model.layers[layer].input)
            return concat(model.layers[other].name, " reads it in another order");
        if (!m_settings[other])
            return concat(model.layers[other].name, ", which reads the same norm, stays as it is");
        if (!foldAlike(*m_settings[other], *m_settings[layer]))
            return concat(model.layers[other].name,
                          ", which reads the same norm, has other settings");
    }
    return {};
}

const std::vector<std::size_t>& StaticGroups::folded(std::size_t layer) const
{
    static const std::vector<std::size_t> none;
    return m_isFolded.empty() || !m_isFolded[layer] ? none : site(layer).readers;
}

const std::string& StaticGroups::whyAlone(std::size_t layer) const
{
    static const std::string none;
    return m_whyAlone.empty() ? none : m_whyAlone[layer];
}

} // namespace gradus
