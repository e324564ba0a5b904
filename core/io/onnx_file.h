// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/byte_source.h"
#include "core/io/onnx_graph.h"

#include <filesystem>

namespace gradus {

struct OpenedOnnx : OpenedContainer
{
    std::shared_ptr<const OnnxGraph> graph; ///< never null
};

/// The tensors of an ONNX file: initializers and values of Constant nodes, of the main graph and of
/// the graphs inside it, stored as raw bytes, in typed fields or in external files. They are read
/// where they lie; opening walks the structure alone. Tensors keep their names; one that a second
/// graph names again gets the node and attribute that hold that graph in front.
///
/// folder: where external data may lie (the model's own folder; nothing outside it is opened, and
/// no link is followed out of it). Empty when there is none: external data is an error then.
///
/// Tensors of dtypes that Gradus does not know are listed as unread(). Throws Error(Format | Io).
[[nodiscard]] OpenedOnnx openOnnx(std::shared_ptr<const ByteSource> source,
                                  const std::filesystem::path& folder);

} // namespace gradus
