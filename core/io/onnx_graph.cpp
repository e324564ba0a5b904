// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/onnx_graph.h"

#include <algorithm>

namespace gradus {

const OnnxAttribute* OnnxNode::attribute(std::string_view wanted) const
{
    const auto found = std::find_if(attributes.begin(), attributes.end(),
                                    [&](const auto& each) { return each.name == wanted; });
    return found == attributes.end() ? nullptr : &*found;
}

const std::string& OnnxNode::label() const
{
    return name.empty() && !outputs.empty() ? outputs.front() : name;
}

} // namespace gradus
