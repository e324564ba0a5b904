// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <cstddef>
#include <string>
#include <vector>

namespace gradus {

/// What stands before a layer, as far as quantized inputs are concerned.
struct StaticSite
{
    /// The node (LayerNorm or RmsNorm) whose outputs the layer reads, at most moved about in
    /// between; -1: there is none.
    int norm = -1;
    /// Why the norm cannot be divided by feature with every reader multiplied; empty when it can.
    std::string whyNotFoldable;
    /// The layers that read the norm, in model order, this one among them. Empty without a norm.
    std::vector<std::size_t> readers;
    /// Zeros are put between the norm's outputs on the way to a reader (windows of Swin).
    bool padded = false;
    /// The norm has a bias, and so has every reader.
    bool biased = false;
    /// The layer's own bias serves elsewhere, too.
    bool sharesBias = false;
    /// The attention whose outputs the layer reads; -1: there is none.
    int attention = -1;
};

/// The sites of all layers of a model. What is found is exact: rows of the norm's outputs reach the
/// layers as they are, in another order perhaps, or with rows of zeros between them.
class StaticSites
{
public:
    explicit StaticSites(const Model& model);
    [[nodiscard]] const StaticSite& of(std::size_t layer) const { return m_sites[layer]; }

private:
    std::vector<StaticSite> m_sites;
};

} // namespace gradus
