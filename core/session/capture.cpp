// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/capture.h"

#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/text.h"
#include "core/session/block_pass.h"
#include "core/session/origin.h"
#include "core/session/samples.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace gradus {

namespace {

/// The inputs whose Hessians fit into the budget together, the smallest first.
std::set<InputKey> affordable(const Model& model, std::uint64_t budget, Monitor& monitor)
{
    std::vector<std::tuple<std::uint64_t, std::size_t, InputKey>> inputs; // elements, layer, input
    std::set<InputKey> seen;
    for (std::size_t i = 0; i < model.layers.size(); ++i)
        if (const auto key = inputKey(model, model.layers[i]); key && seen.insert(*key).second)
            inputs.emplace_back(hessianElements(model, model.layers[i]), i, *key);
    std::sort(inputs.begin(), inputs.end());
    std::set<InputKey> chosen;
    std::uint64_t left = budget;
    for (const auto& [elements, layer, input] : inputs) {
        if (elements * sizeof(double) > left)
            break; // the following ones are no smaller
        left -= elements * sizeof(double);
        chosen.insert(input);
    }
    if (chosen.size() < inputs.size()) {
        const auto layers =
            std::count_if(model.layers.begin(), model.layers.end(), [&](const Layer& layer) {
                const auto key = inputKey(model, layer);
                return key && !chosen.contains(*key);
            });
        monitor.note(concat("captured inputs: ", inputs.size() - chosen.size(), " of ",
                            inputs.size(), " Hessians do not fit into ", formatBytes(budget),
                            ", half of the memory budget, and are left out; ", layers,
                            layers == 1 ? " layer has" : " layers have", " only ranges"));
    }
    return chosen;
}

} // namespace

void captureInputs(const CaptureRequest& request, Monitor& monitor, const InputSink& sink)
{
    const Model& model = *request.model;
    if (request.calibration.data.empty())
        throw Error(ErrorCode::Usage, "capturing inputs needs calibration data");
    monitor.report(0, "reading the calibration data");
    const CalibrationSamples samples =
        calibrationSamples(model, request.calibration, request.seed, request.tokenizer, monitor);
    const std::set<InputKey> withHessian = affordable(model, request.memoryBytes / 2, monitor);
    const Weights weights(request.model, request.memoryBytes / 4);
    BlockPass pass(model, weights, *samples.data, samples.count(), request.memoryBytes / 4);
    pass.take(samples.chosen);

    // Progress by weights, each of which meets every token once.
    const CalibrationStages stages(model);
    const auto weightsOf = [&](const std::vector<std::size_t>& layers) {
        double sum = 0;
        for (const std::size_t i : layers)
            sum += static_cast<double>(model.layers[i].parameters());
        return sum;
    };
    double total = weightsOf(stages.prelude) + weightsOf(stages.head);
    for (std::size_t block = 0; block < stages.blocks.size(); ++block)
        total += weightsOf(stages.layersOf(block));
    double done = 0;

    const auto stage = [&](const std::vector<std::size_t>& layers, const std::string& name,
                           const auto& run) {
        InputCapture inputs(model, monitor);
        for (const std::size_t i : layers)
            if (const auto key = inputKey(model, model.layers[i]))
                inputs.want(model.layers[i], withHessian.contains(*key), true);
        const double share = weightsOf(layers);
        run(inputs, [&](double part) {
            monitor.report(total > 0 ? (done + part * share) / total : 0, name);
        });
        done += share;
        inputs.finish();
        for (const std::size_t i : layers)
            if (auto statistics = inputs.of(model.layers[i]))
                sink(model.layers[i], std::move(statistics));
    };
    stage(stages.prelude, "before the blocks, capturing inputs",
          [&](InputCapture& inputs, const BlockPass::Progress& progress) {
              pass.runPrelude(BlockPass::Outputs::Advance, monitor, inputs.observer(), progress);
          });
    const auto blocks = static_cast<int>(stages.blocks.size());
    for (int block = 0; block < blocks; ++block)
        stage(stages.layersOf(static_cast<std::size_t>(block)),
              concat("block ", block + 1, " of ", blocks, ", capturing inputs"),
              [&](InputCapture& inputs, const BlockPass::Progress& progress) {
                  pass.run(block, BlockPass::Outputs::Advance, monitor, inputs.observer(),
                           progress);
              });
    stage(stages.head, "head, capturing inputs",
          [&](InputCapture& inputs, const BlockPass::Progress& progress) {
              if (!inputs.empty())
                  pass.runHead(monitor, inputs.observer(), progress);
          });
    monitor.report(1, "done");
}

} // namespace gradus
