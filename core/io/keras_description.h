// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <string>
#include <vector>

namespace gradus {

/// A weight of a layer of a Keras model.
struct KerasWeight
{
    std::string path;   ///< below the layer: "conv1/kernel", "kernel"
    std::string tensor; ///< its name among the file's tensors
};

/// What a Keras file says of its model besides the tensors.
struct KerasDescription
{
    std::string config;  ///< the model's configuration, JSON; "" in a file of weights alone
    std::string version; ///< of Keras, "" when it is not stated
    /// By layer, those of a model inside the model by that model's name, in the order of the file.
    std::map<std::string, std::vector<KerasWeight>> weights;
};

class ModelFile;

/// Of a Keras model's tensors; null for other containers.
[[nodiscard]] const KerasDescription* kerasDescription(const ModelFile& tensors);

} // namespace gradus
