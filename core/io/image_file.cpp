// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/image_file.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/image_decoders.h"

#include <algorithm>

namespace gradus {

namespace {

std::string_view textOf(std::span<const std::byte> bytes)
{
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
bool isPng(std::span<const std::byte> bytes)
{
    return textOf(bytes).starts_with("\x89PNG\r\n\x1A\n");
}
bool isJpeg(std::span<const std::byte> bytes)
{
    return textOf(bytes).starts_with("\xFF\xD8\xFF");
}

} // namespace

bool hasImageName(const std::filesystem::path& path)
{
    std::string extension = path.extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

bool isImage(std::span<const std::byte> bytes)
{
    return isPng(bytes) || isJpeg(bytes);
}

void checkImageSize(std::uint64_t width, std::uint64_t height, double packedBits,
                    std::size_t fileBytes, const std::string& name)
{
    constexpr std::uint64_t longestSide = 65500; // JPEG's own limit
    constexpr std::uint64_t mostPixels = std::uint64_t(1) << 26;
    constexpr std::uint64_t harmless = std::uint64_t(1) << 16; // so small that no bound matters
    if (width == 0 || height == 0 || width > longestSide || height > longestSide ||
        width * height > mostPixels)
        throw Error(ErrorCode::Format, concat(name, " has ", width, " × ", height,
                                              " pixels; between 1 and 67,108,864 are expected"));
    const double least = static_cast<double>(width * height) * packedBits / 8;
    if (width * height > harmless && least > static_cast<double>(fileBytes))
        throw Error(ErrorCode::Format,
                    concat(name, " has ", width, " × ", height, " pixels, more than its ",
                           fileBytes, " bytes can hold"));
}

Tensor decodeImage(const ByteSource& source)
{
    if (isPng(source.bytes()))
        return decodePng(source.bytes(), source.name());
    if (isJpeg(source.bytes()))
        return decodeJpeg(source.bytes(), source.name());
    throw Error(ErrorCode::Format, source.name() + " is neither a PNG nor a JPEG image");
}

} // namespace gradus
