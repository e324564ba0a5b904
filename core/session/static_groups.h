// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/static_sites.h"
#include "core/quant/static_settings.h"
#include "core/session/recipe.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// Which layers of a recipe have inputs on uniform grids, and which of these share a norm that is
/// folded for all of them together. Indices are those of Model::layers.
class StaticGroups
{
public:
    StaticGroups(const Model& model, const std::vector<LayerChoice>& choices);

    /// Null where the layer's inputs stay float, or go to a power grid.
    [[nodiscard]] const StaticSettings* settings(std::size_t layer) const
    {
        return m_settings.empty() || !m_settings[layer] ? nullptr : &*m_settings[layer];
    }
    [[nodiscard]] const StaticSite& site(std::size_t layer) const { return m_sites->of(layer); }
    /// Layers whose norm is folded (or smoothed) with the layer's, in model order, itself among
    /// them; empty where it is not folded.
    [[nodiscard]] const std::vector<std::size_t>& folded(std::size_t layer) const;
    /// Why a layer that asks for grids by channel does not have them; empty when it has, or does
    /// not ask.
    [[nodiscard]] const std::string& whyAlone(std::size_t layer) const;
    [[nodiscard]] bool any() const { return !m_settings.empty(); }

private:
    [[nodiscard]] std::string whyNot(const Model& model, std::size_t layer) const;

    std::vector<std::optional<StaticSettings>> m_settings; ///< empty: none has any
    std::optional<StaticSites> m_sites;
    std::vector<char> m_isFolded;
    std::vector<std::string> m_whyAlone;
};

} // namespace gradus
