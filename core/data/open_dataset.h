// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/data/dataset.h"
#include "core/graph/model.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gradus {

/// What a person says about the data to feed. An array of several in a file is named behind a
/// colon: "file.npz:x_test".
struct DataChoice
{
    std::filesystem::path data;   ///< an array, an image, a folder of images, or a text
    std::filesystem::path labels; ///< an array, or a text with one on each line; overrides folders
    std::vector<float> mean;      ///< in units of the stored array; empty: the model's
    std::vector<float> deviation;
    std::string layout;                                  ///< "nchw" or "nhwc"; "": found out
    std::filesystem::path tokenizer;                     ///< empty: the model's
    std::int64_t context = 0;                            ///< tokens in a window; 0: chosen
    std::map<std::string, std::filesystem::path> inputs; ///< arrays for further inputs by name
};

/// Samples for a model, by what its first input takes: whole numbers are tokens of a text (or of an
/// array of them), floats of four axes images, others arrays. One sentence per Error names the file
/// and what was expected.
[[nodiscard]] std::shared_ptr<const Dataset>
openDataset(const Model& model, const DataChoice& choice, Monitor& monitor);

/// What images the model's first input wants: its configuration, else its shape. Nothing when it
/// takes none.
[[nodiscard]] std::optional<ImageInput> imageInputOf(const Model& model);

} // namespace gradus
