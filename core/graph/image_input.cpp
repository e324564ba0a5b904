// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/image_input.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/config_reader.h"
#include "core/io/byte_source.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <tuple>
#include <utility>

namespace gradus {

namespace {

constexpr const char* fileName = "preprocessor_config.json";
constexpr std::size_t sizeLimit = std::size_t(1) << 20;
constexpr std::int64_t largestSide = 65'536;

Error bad(const std::string& what)
{
    return {ErrorCode::Format, concat(fileName, ": ", what)};
}

/// One number, or one for each channel; the fallback when the key is missing.
std::vector<double> numbers(const nlohmann::json& json, const char* key, double fallback,
                            std::int64_t channels)
{
    const auto found = json.find(key);
    if (found == json.end() || found->is_null())
        return {fallback};
    const nlohmann::json list = found->is_array() ? *found : nlohmann::json::array({*found});
    std::vector<double> values;
    for (const nlohmann::json& value : list) {
        if (!value.is_number() || !std::isfinite(value.get<double>()))
            throw bad(concat(quoted(key), " holds what is no finite number"));
        values.push_back(value.get<double>());
    }
    if (values.size() != 1 && static_cast<std::int64_t>(values.size()) != channels)
        throw bad(
            concat(quoted(key), " has ", values.size(), " values for ", channels, " channels"));
    return values;
}

/// The side to which images are resized before they are cropped; 0 when the file says none.
std::int64_t resizedSide(const nlohmann::json& json)
{
    const auto size = json.find("size");
    if (size == json.end())
        return 0;
    if (!size->is_object()) // older files
        return ConfigReader(json, fileName).integer("size", 1, largestSide, 0);
    const ConfigReader reader(*size, fileName);
    if (reader.has("shortest_edge"))
        return reader.integer("shortest_edge", 1, largestSide);
    const std::int64_t height = reader.integer("height", 1, largestSide, 0);
    return std::min(height, reader.integer("width", 1, largestSide, height));
}

/// What is fed after resizing and cropping: height, width; zeros when the file does not say.
std::pair<std::int64_t, std::int64_t> inputSize(const nlohmann::json& json)
{
    const ConfigReader reader(json, fileName);
    const bool crops = reader.boolean("do_center_crop", false) && reader.has("crop_size");
    const auto size = json.find(crops ? "crop_size" : "size");
    if (size == json.end() || size->is_null())
        return {0, 0};
    if (!size->is_object()) { // older files
        const std::int64_t side = reader.integer(crops ? "crop_size" : "size", 1, largestSide, 0);
        return {side, side};
    }
    const ConfigReader sides(*size, fileName);
    // A shortest edge alone leaves the other side to the image.
    return {sides.integer("height", 1, largestSide, 0), sides.integer("width", 1, largestSide, 0)};
}

} // namespace

std::filesystem::path besideModel(const ModelSource& source, const std::string& name)
{
    if (source.weightFiles.empty())
        return {};
    std::filesystem::path folder = source.weightFiles.front().parent_path();
    std::error_code ignored;
    if (std::filesystem::is_regular_file(folder / name, ignored))
        return folder / name;
    // Hugging Face's exports lie in a folder of their own, below the configuration.
    if (folder.filename() == "onnx" &&
        std::filesystem::is_regular_file(folder.parent_path() / name, ignored))
        return folder.parent_path() / name;
    return {};
}

ImageInput imageInput(const ModelSource& source, std::int64_t channels,
                      const std::array<std::int64_t, 2>& size)
{
    ImageInput image;
    image.height = size[0];
    image.width = size[1];
    image.channels = channels;
    const auto path = besideModel(source, fileName);
    if (path.empty())
        return image;
    const auto json = nlohmann::json::parse(readTextFile(path, sizeLimit), nullptr, false);
    if (!json.is_object())
        throw bad("is not a JSON object");
    const ConfigReader reader(json, fileName);
    const double rescale =
        reader.boolean("do_rescale", true) ? reader.real("rescale_factor", 1.0 / 255.0) : 1.0;
    if (!(rescale > 0))
        throw bad(concat("\"rescale_factor\" is ", rescale, ", expected above 0"));
    const bool normalizes = reader.boolean("do_normalize", true);
    // (x · rescale − mean) / deviation = (x − mean / rescale) / (deviation / rescale)
    for (const double mean :
         normalizes ? numbers(json, "image_mean", 0.5, channels) : std::vector<double>{0})
        image.mean.push_back(static_cast<float>(mean / rescale));
    for (const double deviation :
         normalizes ? numbers(json, "image_std", 0.5, channels) : std::vector<double>{1}) {
        if (!(deviation > 0))
            throw bad(concat("\"image_std\" is ", deviation, ", expected above 0"));
        image.deviation.push_back(static_cast<float>(deviation / rescale));
    }
    if (image.height <= 0 && image.width <= 0)
        std::tie(image.height, image.width) = inputSize(json);
    if (reader.boolean("do_center_crop", false))
        image.resize = resizedSide(json);
    return image;
}

} // namespace gradus
