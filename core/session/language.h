// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/data/text_windows.h"
#include "core/graph/model.h"
#include "core/session/evaluate.h"
#include "core/session/run.h"

#include <filesystem>

namespace gradus {

class Weights;

/// What the verbs on language models share.

/// The tokenizer at override, else the model's. Throws Error(Usage) when there is none.
[[nodiscard]] std::shared_ptr<const Tokenizer>
modelTokenizer(const Model& model, const std::filesystem::path& override);

/// Tokens per window: the given one when above 0, else the model's maximum, at most 2048. Throws
/// Error(Usage) when it is larger than the model can take or smaller than 2.
[[nodiscard]] std::int64_t contextLength(const Model& model, std::int64_t context);

/// The windows that a calibration choice with text means; fewer than asked for are noted. Throws
/// Error(Unsupported) when the model cannot run.
[[nodiscard]] TokenWindows calibrationWindows(const Model& model, const CalibrationChoice& choice,
                                              std::uint64_t seed,
                                              const std::filesystem::path& tokenizer,
                                              Monitor& monitor);

/// Replaces the weights that the run quantized by their dequantized values, and the float tensors
/// that its trainings changed. Throws Error(Usage | Shape) when the model has others.
void applyRun(const Model& model, const Run& run, Weights& weights);
/// The same with results that need not be a whole run's.
void applyResults(const Model& model, const std::vector<LayerResult>& results, Weights& weights);
/// One layer's result alone, which has a weight. Where its inputs have a grid, linear nodes
/// multiply inputs that are rounded to it (in floats, see ActivationLinear).
/// Uniform grids of its inputs, and of the attention at that node (−1: none), likewise.
void applyWeight(const Layer& layer, const LayerResult& result, Weights& weights,
                 int attention = -1);
/// The model's tensor that a training of the run changed. Throws Error(Usage | Shape) when it is
/// not there, or of another shape.
const TensorInfo& tunedTensor(const Model& model, const std::string& name, const Tensor& value);

/// Like applyRun, but linear layers whose codes can be multiplied as they are get a PackedLinear,
/// or a PowerLinear; which ones do not, and why, is noted. Returns how many do.
std::int64_t applyRunPacked(const Model& model, const Run& run, Weights& weights, Monitor& monitor);
/// The same with integers in place of weights and inputs, see integer_linear.h.
std::int64_t applyRunIntegers(const Model& model, const Run& run, Weights& weights,
                              Monitor& monitor);

/// Whichever a request asks for; run may be null. Throws Error(Usage) for packed and integer
/// products without a run. Returns the number of layers that have them.
std::int64_t useRun(const Model& model, const Run* run, RunProducts products, Weights& weights,
                    Monitor& monitor);

/// Windows that run through the network together: about 2048 tokens.
[[nodiscard]] std::int64_t windowsPerBatch(std::int64_t context);

} // namespace gradus
