// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/graph/model.h"
#include "core/io/stored_array.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace gradus {

/// Images as they are stored, before anything is done to them. Safe to read from several threads.
class ImageSource
{
public:
    ImageSource() = default;
    ImageSource(const ImageSource&) = delete;
    ImageSource& operator=(const ImageSource&) = delete;
    virtual ~ImageSource() = default;

    [[nodiscard]] virtual std::int64_t count() const = 0;
    /// Height × width × channels, U8 or F32.
    [[nodiscard]] virtual Tensor image(std::int64_t index) const = 0;
    [[nodiscard]] virtual std::string name(std::int64_t index) const = 0; ///< for messages
    /// "NHWC", "NCHW", or "" where that is no question.
    [[nodiscard]] virtual std::string layout() const { return {}; }
};

/// N × height × width × channels or N × channels × height × width, told apart by where a 1 or a 3
/// stands, or what the model's input wants, when not said (layout: "nhwc", "nchw" or ""); also
/// N × height × width, and one image alone. Throws Error(Shape | Usage) naming the array.
[[nodiscard]] std::shared_ptr<const ImageSource>
imagesOfArray(StoredArray array, const ImageInput& wanted, const std::string& layout);

/// N × (height · width · channels), in the order of the model's input unless the layout says
/// another; of its sizes one may be open. Throws Error(Shape | Usage) naming the array.
[[nodiscard]] std::shared_ptr<const ImageSource>
imagesOfRows(StoredArray array, const ImageInput& wanted, const std::string& layout);

/// PNG and JPEG files, decoded when asked for.
[[nodiscard]] std::shared_ptr<const ImageSource>
imagesOfFiles(std::vector<std::filesystem::path> files);

/// The image files below a folder, in order of their paths.
struct ImageFolder
{
    std::vector<std::filesystem::path> files;
    /// Names of the folders right below, when those hold all images and there are several.
    std::vector<std::string> classes;
    std::vector<std::int32_t> labels; ///< index in classes of each file; empty without classes
};
/// Throws Error(Io) naming the folder when it cannot be read or holds no image.
[[nodiscard]] ImageFolder listImages(const std::filesystem::path& folder, Monitor& monitor);

} // namespace gradus
