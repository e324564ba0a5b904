// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/image_source.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/image_file.h"

#include <algorithm>
#include <cstring>
#include <map>

namespace gradus {

namespace {

enum class Axes
{
    HeightWidthChannels,
    ChannelsHeightWidth
};

class ArrayImages final : public ImageSource
{
public:
    ArrayImages(StoredArray array, bool single, bool hasChannels, Axes axes, Shape sizes = {})
        : m_array(std::move(array))
        , m_single(single)
        , m_hasChannels(hasChannels)
        , m_axes(axes)
        , m_sizes(std::move(sizes))
    {
    }

    std::int64_t count() const override { return m_single ? 1 : m_array.shape()[0]; }
    std::string name(std::int64_t index) const override
    {
        return concat(m_array.name(), ", image ", index);
    }
    std::string layout() const override
    {
        if (!m_hasChannels)
            return {};
        return m_axes == Axes::HeightWidthChannels ? "NHWC" : "NCHW";
    }

    Tensor image(std::int64_t index) const override
    {
        const std::int64_t rows[] = {index};
        Tensor image = m_single ? m_array.readAll() : m_array.rows(rows);
        if (image.dtype() != DType::U8 && image.dtype() != DType::F32)
            image = toFloat(image.view());
        Shape shape = image.shape();
        if (!m_single)
            shape.erase(shape.begin());
        if (!m_sizes.empty())
            shape = m_sizes;
        if (!m_hasChannels)
            shape.push_back(1);
        image.reshape(shape);
        if (m_axes == Axes::HeightWidthChannels || !m_hasChannels)
            return image;
        Tensor turned(image.dtype(), {shape[1], shape[2], shape[0]});
        if (image.dtype() == DType::U8)
            turn<std::uint8_t>(image, turned);
        else
            turn<float>(image, turned);
        return turned;
    }

private:
    template <class T>
    static void turn(const Tensor& from, Tensor& to)
    {
        const std::int64_t channels = from.shape()[0];
        const std::int64_t pixels = from.shape()[1] * from.shape()[2];
        const T* source = reinterpret_cast<const T*>(from.bytes().data());
        T* target = reinterpret_cast<T*>(to.bytes().data());
        for (std::int64_t c = 0; c < channels; ++c)
            for (std::int64_t i = 0; i < pixels; ++i)
                target[i * channels + c] = *source++;
    }

    StoredArray m_array;
    bool m_single;
    bool m_hasChannels;
    Axes m_axes;
    Shape m_sizes; ///< of an image that is stored as a row
};

class FileImages final : public ImageSource
{
public:
    explicit FileImages(std::vector<std::filesystem::path> files)
        : m_files(std::move(files))
    {
    }
    std::int64_t count() const override { return static_cast<std::int64_t>(m_files.size()); }
    std::string name(std::int64_t index) const override { return file(index).string(); }
    Tensor image(std::int64_t index) const override { return decodeImage(*mapFile(file(index))); }

private:
    const std::filesystem::path& file(std::int64_t index) const
    {
        return m_files.at(static_cast<std::size_t>(index));
    }
    std::vector<std::filesystem::path> m_files;
};

/// first, last: the sizes of the two axes that may be channels.
Axes axesOf(std::int64_t first, std::int64_t last, std::int64_t height, const ImageInput& wanted,
            const StoredArray& array)
{
    const auto isUsual = [](std::int64_t size) { return size == 1 || size == 3; };
    if (isUsual(first) != isUsual(last))
        return isUsual(first) ? Axes::ChannelsHeightWidth : Axes::HeightWidthChannels;
    if ((first == wanted.channels) != (last == wanted.channels))
        return first == wanted.channels ? Axes::ChannelsHeightWidth : Axes::HeightWidthChannels;
    if (isUsual(first)) { // both: two or three pixels on one side
        if (first == wanted.height && height == wanted.width)
            return Axes::HeightWidthChannels;
        return wanted.channelsFirst ? Axes::ChannelsHeightWidth : Axes::HeightWidthChannels;
    }
    throw Error(ErrorCode::Shape,
                concat(array.name(), " has the shape ", shapeText(array.shape()),
                       ", in which no axis looks like channels: 1 or 3 is expected behind the "
                       "samples or at the end"));
}

void checkLayout(const std::string& layout)
{
    if (!layout.empty() && layout != "nhwc" && layout != "nchw")
        throw Error(ErrorCode::Usage,
                    concat("the layout ", quoted(layout), " is unknown; nchw or nhwc is expected"));
}

} // namespace

std::shared_ptr<const ImageSource> imagesOfArray(StoredArray array, const ImageInput& wanted,
                                                 const std::string& layout)
{
    checkLayout(layout);
    const Shape& shape = array.shape();
    if (shape.size() < 3 || shape.size() > 4)
        throw Error(ErrorCode::Shape, concat(array.name(), " has the shape ", shapeText(shape),
                                             "; images have samples, height, width and channels"));
    if (std::find(shape.begin(), shape.end(), 0) != shape.end())
        throw Error(ErrorCode::Shape,
                    concat(array.name(), " has the shape ", shapeText(shape), ": no image"));
    const bool single =
        shape.size() == 3 && wanted.channels != 1 &&
        (shape[0] == wanted.channels || shape[2] == wanted.channels || !layout.empty());
    if (shape.size() == 3 && !single)
        return std::make_shared<ArrayImages>(std::move(array), false, false,
                                             Axes::HeightWidthChannels);
    const std::size_t at = single ? 0 : 1;
    Axes axes = layout == "nhwc" ? Axes::HeightWidthChannels : Axes::ChannelsHeightWidth;
    if (layout.empty())
        axes = axesOf(shape[at], shape[at + 2], shape[at + 1], wanted, array);
    return std::make_shared<ArrayImages>(std::move(array), single, true, axes);
}

std::shared_ptr<const ImageSource> imagesOfRows(StoredArray array, const ImageInput& wanted,
                                                const std::string& layout)
{
    checkLayout(layout);
    const bool channelsFirst = layout.empty() ? wanted.channelsFirst : layout == "nchw";
    Shape sizes = channelsFirst ? Shape{wanted.channels, wanted.height, wanted.width}
                                : Shape{wanted.height, wanted.width, wanted.channels};
    const std::int64_t have = array.shape().size() == 2 ? array.shape()[1] : 0;
    const auto isOpen = [](std::int64_t size) { return size <= 0; };
    std::int64_t known = 1;
    for (const std::int64_t size : sizes)
        known *= isOpen(size) ? 1 : size;
    const auto open = std::count_if(sizes.begin(), sizes.end(), isOpen);
    if (open == 1 && have % known == 0)
        *std::find_if(sizes.begin(), sizes.end(), isOpen) = have / known;
    if (have <= 0 || array.shape()[0] == 0 || std::any_of(sizes.begin(), sizes.end(), isOpen) ||
        elementCount(sizes) != have) {
        std::string text;
        for (const std::int64_t size : sizes)
            text += concat(text.empty() ? "" : " × ", size <= 0 ? "any" : std::to_string(size));
        throw Error(ErrorCode::Shape,
                    concat(array.name(), " has the shape ", shapeText(array.shape()),
                           "; rows of images of ", text, " are expected"));
    }
    const Axes axes = channelsFirst ? Axes::ChannelsHeightWidth : Axes::HeightWidthChannels;
    return std::make_shared<ArrayImages>(std::move(array), false, true, axes, std::move(sizes));
}

std::shared_ptr<const ImageSource> imagesOfFiles(std::vector<std::filesystem::path> files)
{
    return std::make_shared<FileImages>(std::move(files));
}

ImageFolder listImages(const std::filesystem::path& folder, Monitor& monitor)
{
    namespace fs = std::filesystem;
    constexpr std::size_t mostFiles = std::size_t(1) << 24;
    std::error_code error;
    ImageFolder found;
    std::vector<fs::path> relative;
    fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied,
                                           error);
    for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
        monitor.checkpoint();
        std::error_code ignored;
        if (!hasImageName(entry->path()) || !entry->is_regular_file(ignored))
            continue;
        if (relative.size() == mostFiles)
            throw Error(ErrorCode::Unsupported,
                        concat(folder.string(), " holds more than ", mostFiles, " images"));
        relative.push_back(entry->path().lexically_relative(folder));
    }
    if (error)
        throw Error(ErrorCode::Io, concat("cannot list ", folder.string(), ": ", error.message()));
    if (relative.empty())
        throw Error(ErrorCode::Io, folder.string() + " holds no .png, .jpg or .jpeg file");
    std::sort(relative.begin(), relative.end());
    std::map<std::string, std::int32_t> classes;
    bool inFolders = true;
    for (const fs::path& path : relative) {
        found.files.push_back(folder / path);
        inFolders = inFolders && path.has_parent_path();
        classes.emplace(path.begin()->string(), 0);
    }
    if (!inFolders || classes.size() < 2)
        return found;
    for (auto& [name, index] : classes) {
        index = static_cast<std::int32_t>(found.classes.size());
        found.classes.push_back(name);
    }
    for (const fs::path& path : relative)
        found.labels.push_back(classes.at(path.begin()->string()));
    return found;
}

} // namespace gradus
