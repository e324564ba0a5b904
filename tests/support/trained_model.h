// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/byte_source.h"
#include "core/session/quantize.h"
#include "core/session/stale.h"
#include "tests/support/support.h"
#include "tests/support/tiny_llama.h"

#include <fstream>

namespace gradus::test {

/// Options of decoupleQ that make its trainings move tiny models within a moment.
inline DecoupleqOptions quickTraining()
{
    DecoupleqOptions options;
    options.iterations = 2;
    options.blockEpochs = 2;
    options.blockRate = 1e-3;
    options.fineTuneRate = 1e-4;
    return options;
}

/// A tiny random llama of three blocks that is calibrated on a little of the sample's text, with
/// the sample's tokenizer. Everything is written into folder.
inline QuantizeRequest tinyRequest(const std::filesystem::path& folder,
                                   CalibrationMode mode = CalibrationMode::Sequential)
{
    const std::filesystem::path sample =
        std::filesystem::path(GRADUS_SOURCE_DIR) / "resources/samples/lm-kjv-3M";
    if (!std::filesystem::exists(folder / "tiny")) {
        TinyLlama tiny;
        tiny.blocks = 3;
        tiny.vocabulary = 2048;
        tiny.dtype = DType::F16;
        tiny.write(folder / "tiny");
        std::filesystem::copy_file(sample / "tokenizer.model", folder / "tiny/tokenizer.model");
        std::ofstream(folder / "text.txt")
            << readTextFile(sample / "calibration.txt").substr(0, 4000);
    }
    QuantizeRequest request;
    request.model = openModel(folder / "tiny");
    request.recipe.standard.method = quickTraining();
    request.recipe.standard.scheme.bits = 2;
    request.recipe.calibration.data = (folder / "text.txt").string();
    request.recipe.calibration.samples = 4;
    request.recipe.calibration.context = 24;
    request.recipe.calibration.mode = mode;
    return request;
}

/// The choice of one layer of the recipe, as decoupleQ's options with an edit.
inline LayerChoice withOptions(const Recipe& recipe,
                               const std::function<void(DecoupleqOptions&)>& edit)
{
    LayerChoice choice = recipe.standard;
    edit(std::get<DecoupleqOptions>(choice.method));
    return choice;
}

} // namespace gradus::test
