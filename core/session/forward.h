// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/graph/model.h"
#include "core/session/evaluate.h"

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gradus {

struct ForwardRequest
{
    std::shared_ptr<const Model> model;
    std::shared_ptr<const Run> run; ///< null: the float model
    /// Arrays by the names of the graph's inputs, samples along the first axis.
    std::map<std::string, std::filesystem::path> inputs;
    /// As in DataChoice, for the first input. Floats that nothing is said about are fed as they
    /// are; whole numbers for a float input are fed as the run, or the model's configuration, says.
    std::vector<float> mean = {};
    std::vector<float> deviation = {};
    std::string layout = {};
    RunProducts products = RunProducts::Floats;
    std::uint64_t memoryBytes = std::uint64_t(2) << 30;
};

struct NamedOutput
{
    std::string name;
    Tensor value;
};

/// One forward pass of all samples, in batches: the graph's outputs in its order. Throws
/// Error(Usage) naming an input that is not fed.
[[nodiscard]] std::vector<NamedOutput> runModel(const ForwardRequest& request, Monitor& monitor);

} // namespace gradus
