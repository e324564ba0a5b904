// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/static_sites.h"
#include "core/session/stale.h"
#include "widgets/plots/error_shares_plot.h"

#include <QString>

#include <memory>
#include <string>
#include <vector>

namespace gradus {

struct ChannelBands;

/// What a run made of the inputs of one layer, for the panel of activations.
struct ActivationView
{
    std::string layer;
    /// Null: the layer has no result, or its inputs are float or on a power grid.
    std::shared_ptr<const StaticInputs> inputs;
    /// Of the layer at which the report of the norm stands; null without one.
    std::shared_ptr<const StaticInputs> reporter;
    std::vector<std::string> readers; ///< of the norm, in model order
    bool readsNorm = false;
    bool readsAttention = false;
    bool computed = false; ///< the run has a result for the layer
    QString note;          ///< of the result, as core wrote it
    bool operator==(const ActivationView&) const = default;
};
/// sites: of the model; null while unknown.
[[nodiscard]] ActivationView activationView(const Model& model, const StaticSites* sites,
                                            const Results* results, const std::string& layer);
/// The layers of a run with inputs on uniform grids, in model order.
[[nodiscard]] std::vector<LayerShares> sharesOfRun(const Model& model, const Results& results);

/// "4 bit, one scale 0.0213, zero 7", "8 bit, 192 scales 0.001 … 0.02".
[[nodiscard]] QString gridText(const AffineGrid& grid);
/// The plots of a norm, before it was divided and after; null where there is nothing to draw.
struct NormBands
{
    std::shared_ptr<const ChannelBands> before;
    std::shared_ptr<const ChannelBands> after;
};
[[nodiscard]] NormBands normBands(const ActivationView& view);
/// What stands below them, lines of text: the norm, who reads it, equal codes, the grid.
[[nodiscard]] QString normText(const ActivationView& view);
/// Why there are no such plots, and what to do.
[[nodiscard]] QString whyNoNorm(const ActivationView& view);
/// The grids of q, k, v and of the probabilities.
[[nodiscard]] QString attentionText(const ActivationView& view);
[[nodiscard]] QString whyNoAttention(const ActivationView& view);
[[nodiscard]] QString whyNoErrors(const ActivationView& view);

} // namespace gradus
