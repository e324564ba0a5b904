// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

namespace gradus {

/// Recognizes what exporters write out: LayerNorm, Gelu and its like, biases, padding and attention
/// become single operators wherever they are exactly these, up to rounding. The order of nodes
/// stays a valid one; nodes that are left over are removed. Layers and blocks are not looked at:
/// they come afterwards.
void fusePatterns(Model& model);

/// Of that, padding with zeros alone, which becomes the convolution's own.
void fusePadding(Model& model);

} // namespace gradus
