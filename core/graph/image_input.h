// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <array>
#include <filesystem>
#include <string>

namespace gradus {

/// A file of this name in the model's folder, or above it where that is named "onnx"; empty if
/// there is none.
[[nodiscard]] std::filesystem::path besideModel(const ModelSource& source, const std::string& name);

/// What the model wants of images: size (height, width) by its configuration, zeros where it does
/// not say them; the rest, and such sizes, by the preprocessor_config.json beside the weights,
/// whose mean and deviation are of pixels times rescale_factor. Both are empty without that file.
[[nodiscard]] ImageInput imageInput(const ModelSource& source, std::int64_t channels,
                                    const std::array<std::int64_t, 2>& size);

} // namespace gradus
