// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <array>

namespace gradus {

/// What the model wants of images: size (height, width) by its configuration, the rest by the
/// preprocessor_config.json beside the weights, whose mean and deviation are of pixels times
/// rescale_factor. Mean and deviation are empty without that file.
[[nodiscard]] ImageInput imageInput(const ModelSource& source, std::int64_t channels,
                                    const std::array<std::int64_t, 2>& size);

} // namespace gradus
