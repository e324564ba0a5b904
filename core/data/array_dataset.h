// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/dataset.h"
#include "core/graph/model.h"
#include "core/io/stored_array.h"

#include <memory>

namespace gradus {

/// An array for an input of the graph: samples along its first axis. Its other axes are the
/// input's, or another arrangement of as many numbers (28 × 28 for 784).
struct ArrayInput
{
    GraphPort port;
    StoredArray array;
    std::vector<float> mean; ///< (x − mean)/deviation; one, or one for each element of the last
                             ///< axis; empty: 0
    std::vector<float> deviation; ///< likewise; empty: 1
};

/// Throws Error(Shape | Usage) naming the array when it does not fit, or has another number of
/// samples than the others.
[[nodiscard]] std::shared_ptr<const Dataset> makeArrayDataset(std::vector<ArrayInput> inputs,
                                                              std::vector<std::int32_t> labels,
                                                              std::vector<std::string> warnings);

/// first's tensors, then these arrays'. Throws like makeArrayDataset.
[[nodiscard]] std::shared_ptr<const Dataset> joinInputs(std::shared_ptr<const Dataset> first,
                                                        std::vector<ArrayInput> others);

/// What a port is fed of these elements: floats of any number, integers of integers, booleans.
/// Throws Error(Unsupported) that names the array.
[[nodiscard]] Tensor asPort(Tensor values, const GraphPort& port, const std::string& name);

/// (x − mean)/deviation along the last axis; both empty, of one value, or of one for each of its
/// elements.
void normalize(Tensor& values, std::span<const float> mean, std::span<const float> deviation);
/// Throws Error(Usage) when these cannot be the means and deviations of so many channels.
void checkNormalization(std::span<const float> mean, std::span<const float> deviation,
                        std::int64_t channels, const std::string& name);
/// "(x − 127.5)/127.5", "(x − [123.7, 116.3, 103.5])/58"; "" when both are empty.
[[nodiscard]] std::string normalizationText(std::span<const float> mean,
                                            std::span<const float> deviation);

} // namespace gradus
