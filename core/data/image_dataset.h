// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/dataset.h"
#include "core/data/image_source.h"

#include <memory>

namespace gradus {

/// How images are fed.
struct ImageRules
{
    /// What the model wants. height, width or channels ≤ 0: the images' own. resize ≤ 0: straight
    /// to height × width.
    ImageInput wanted;
    /// Keep proportions and cut the center out when wanted.resize says nothing; for models whose
    /// configuration does not speak of images at all.
    bool crop = false;
    /// In units of the stored values, one or one per channel; both empty: the model's (wanted.mean
    /// and wanted.deviation, in units of 0 … 255; divided by 255 when the values are floats of
    /// 0 … 1, left out when some are negative, which is said in a warning).
    std::vector<float> mean;
    std::vector<float> deviation;
    std::int64_t classes = 0; ///< 0: not known
};

/// Images of a source as F32: batch × channels × height × width, or with the channels last. Some of
/// them are looked at at once, for warnings. labels: negative where there is none, empty without.
/// Throws Error(Shape | Usage | Format) naming the image.
[[nodiscard]] std::shared_ptr<const Dataset>
makeImageDataset(std::shared_ptr<const ImageSource> source, const ImageRules& rules,
                 std::vector<std::int32_t> labels, std::vector<std::string> warnings,
                 Monitor& monitor);

} // namespace gradus
