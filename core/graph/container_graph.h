// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <optional>
#include <vector>

namespace gradus {

/// What graphs have in common that a file describes node by node.

/// Finds the nodes of the layers, brings the order of nodes forward (see bringForward), cuts the
/// graph into blocks and places the layers in them. A layer that several nodes read belongs to the
/// first of them.
void placeIntoGraph(Model& model, std::vector<Layer> layers);

/// An input of batch × C × H × W or batch × H × W × C with one or three channels.
[[nodiscard]] std::optional<ImageInput> imageInputOf(const GraphPort& port);

/// Batch × classes.
[[nodiscard]] bool givesClasses(const GraphPort& output);

} // namespace gradus
