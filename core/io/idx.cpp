// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/idx.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <optional>

namespace gradus {

namespace {

std::optional<StoredKind> kindOf(std::byte code)
{
    switch (std::to_integer<int>(code)) {
    case 0x08:
        return StoredKind::U8;
    case 0x09:
        return StoredKind::I8;
    case 0x0B:
        return StoredKind::I16;
    case 0x0C:
        return StoredKind::I32;
    case 0x0D:
        return StoredKind::F32;
    case 0x0E:
        return StoredKind::F64;
    default:
        return std::nullopt;
    }
}

} // namespace

bool isIdx(std::span<const std::byte> bytes)
{
    constexpr auto zero = std::byte{0};
    constexpr auto mostAxes = std::byte{8};
    return bytes.size() >= 4 && bytes[0] == zero && bytes[1] == zero && kindOf(bytes[2]) &&
           bytes[3] > zero && bytes[3] <= mostAxes;
}

StoredArray openIdx(std::shared_ptr<const ByteSource> source)
{
    const auto bytes = source->bytes();
    if (!isIdx(bytes))
        throw Error(ErrorCode::Format, source->name() + ": this is no idx file");
    const auto axes = std::to_integer<std::size_t>(bytes[3]);
    StoredLayout layout;
    layout.kind = *kindOf(bytes[2]);
    layout.bigEndian = true;
    layout.offset = 4 + 4 * axes;
    if (bytes.size() < layout.offset)
        throw Error(ErrorCode::Format, source->name() + ": the idx file ends within its header");
    Shape shape;
    for (std::size_t axis = 0; axis < axes; ++axis) {
        std::int64_t size = 0;
        for (std::size_t i = 0; i < 4; ++i)
            size = size << 8 | std::to_integer<std::int64_t>(bytes[4 + 4 * axis + i]);
        shape.push_back(size);
    }
    StoredArray array(source, source->name(), std::move(shape), layout);
    if (const std::size_t rest = bytes.size() - layout.offset; rest != array.storedBytes())
        throw Error(ErrorCode::Format,
                    concat(source->name(), ": the shape ", shapeText(array.shape()), " needs ",
                           array.storedBytes(), " bytes, the file has ", rest));
    return array;
}

} // namespace gradus
