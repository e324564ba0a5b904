// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/stored_array.h"

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/text.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

namespace gradus {

static_assert(std::endian::native == std::endian::little);

namespace {

template <std::size_t Size>
void reversed(const std::byte* from, std::size_t count, std::byte* to)
{
    for (std::size_t i = 0; i < count; ++i)
        std::reverse_copy(from + i * Size, from + (i + 1) * Size, to + i * Size);
}

/// count elements of type From, in either byte order, as To.
template <class From, class To>
void widened(const std::byte* from, bool bigEndian, std::size_t count, std::byte* to,
             const std::string& name)
{
    for (std::size_t i = 0; i < count; ++i) {
        std::array<std::byte, sizeof(From)> bytes;
        std::memcpy(bytes.data(), from + i * sizeof(From), sizeof(From));
        if (bigEndian)
            std::reverse(bytes.begin(), bytes.end());
        const auto value = std::bit_cast<From>(bytes);
        if (!std::in_range<To>(value))
            throw Error(ErrorCode::Unsupported,
                        concat(name, " holds the number ", value, "; at most ",
                               std::numeric_limits<To>::max(), " is read"));
        const To wide = static_cast<To>(value);
        std::memcpy(to + i * sizeof(To), &wide, sizeof(To));
    }
}

} // namespace

std::size_t storedSize(StoredKind kind)
{
    switch (kind) {
    case StoredKind::F64:
    case StoredKind::I64:
    case StoredKind::U64:
        return 8;
    case StoredKind::F32:
    case StoredKind::I32:
    case StoredKind::U32:
        return 4;
    case StoredKind::F16:
    case StoredKind::BF16:
    case StoredKind::I16:
    case StoredKind::U16:
        return 2;
    case StoredKind::I8:
    case StoredKind::U8:
    case StoredKind::Bool:
        break;
    }
    return 1;
}

StoredArray::StoredArray(std::shared_ptr<const ByteSource> source, std::string name, Shape shape,
                         StoredLayout layout)
    : m_source(std::move(source))
    , m_name(std::move(name))
    , m_shape(std::move(shape))
    , m_layout(layout)
{
    const std::size_t available = m_source->bytes().size();
    std::optional<std::uint64_t> bytes = storedSize(layout.kind);
    for (const std::int64_t size : m_shape)
        bytes = bytes && size >= 0 ? checkedMultiply(*bytes, static_cast<std::uint64_t>(size))
                                   : std::nullopt;
    if (!bytes || layout.offset > available || *bytes > available - layout.offset)
        throw Error(ErrorCode::Format,
                    concat(m_name, " has the shape ", shapeText(m_shape), ", which needs ",
                           bytes ? std::to_string(*bytes) : "too many", " bytes; the file has ",
                           available - std::min(layout.offset, available)));
    // An axis of zero hides any size of the others from the product above.
    for (const std::int64_t size : m_shape)
        if (size > std::numeric_limits<std::int32_t>::max() && *bytes == 0)
            throw Error(ErrorCode::Format,
                        concat(m_name, " has the impossible shape ", shapeText(m_shape)));
    m_bytes = *bytes;
}

DType StoredArray::dtype() const
{
    switch (m_layout.kind) {
    case StoredKind::F16:
        return DType::F16;
    case StoredKind::F32:
        return DType::F32;
    case StoredKind::F64:
        return DType::F64;
    case StoredKind::BF16:
        return DType::BF16;
    case StoredKind::I8:
        return DType::I8;
    case StoredKind::I16:
        return DType::I16;
    case StoredKind::I32:
    case StoredKind::U16:
        return DType::I32;
    case StoredKind::I64:
    case StoredKind::U32:
    case StoredKind::U64:
        return DType::I64;
    case StoredKind::U8:
        return DType::U8;
    case StoredKind::Bool:
        break;
    }
    return DType::Bool;
}

/// count elements that follow each other in the file.
void StoredArray::copy(const std::byte* from, std::size_t count, std::byte* to) const
{
    const bool big = m_layout.bigEndian;
    switch (m_layout.kind) {
    case StoredKind::U16:
        return widened<std::uint16_t, std::int32_t>(from, big, count, to, m_name);
    case StoredKind::U32:
        return widened<std::uint32_t, std::int64_t>(from, big, count, to, m_name);
    case StoredKind::U64:
        return widened<std::uint64_t, std::int64_t>(from, big, count, to, m_name);
    case StoredKind::Bool: // a byte of a file may be anything, a bool is 0 or 1
        std::transform(from, from + count, to,
                       [](std::byte b) { return b == std::byte{0} ? b : std::byte{1}; });
        return;
    default:
        break;
    }
    const std::size_t size = storedSize(m_layout.kind);
    if (!big || size == 1)
        std::memcpy(to, from, count * size);
    else if (size == 2)
        reversed<2>(from, count, to);
    else if (size == 4)
        reversed<4>(from, count, to);
    else
        reversed<8>(from, count, to);
}

void StoredArray::copyRow(std::int64_t row, std::byte* to) const
{
    std::size_t count = 1;
    for (std::size_t axis = 1; axis < m_shape.size(); ++axis)
        count *= static_cast<std::size_t>(m_shape[axis]);
    if (count == 0)
        return;
    const std::size_t size = storedSize(m_layout.kind);
    const std::byte* data = m_source->bytes().data() + m_layout.offset;
    if (!m_layout.columnMajor || m_shape.size() == 1) {
        copy(data + static_cast<std::size_t>(row) * count * size, count, to);
        return;
    }
    // Column-major: the first axis is the fastest in the file, the last the fastest here.
    const std::size_t step = dtypeSize(dtype());
    std::vector<std::size_t> strides(m_shape.size(), size);
    for (std::size_t axis = 1; axis < m_shape.size(); ++axis)
        strides[axis] = strides[axis - 1] * static_cast<std::size_t>(m_shape[axis - 1]);
    Shape at(m_shape.size(), 0);
    const std::byte* from = data + static_cast<std::size_t>(row) * size;
    for (std::size_t i = 0; i < count; ++i) {
        copy(from, 1, to + i * step);
        for (std::size_t axis = m_shape.size() - 1; axis > 0; --axis) {
            from += strides[axis];
            if (++at[axis] < m_shape[axis])
                break;
            from -= strides[axis] * static_cast<std::size_t>(m_shape[axis]);
            at[axis] = 0;
        }
    }
}

Tensor StoredArray::rows(std::span<const std::int64_t> indices) const
{
    if (m_shape.empty())
        throw Error(ErrorCode::Shape, concat(m_name, " is a single number; rows are expected"));
    // Before anything is allocated: an array without rows may have rows of any size.
    for (const std::int64_t index : indices)
        if (index < 0 || index >= m_shape[0])
            throw Error(ErrorCode::Shape,
                        concat(m_name, " has ", m_shape[0], " rows; there is no row ", index));
    Shape shape = m_shape;
    shape[0] = static_cast<std::int64_t>(indices.size());
    Tensor result(dtype(), shape);
    const std::size_t rowBytes = indices.empty() ? 0 : result.bytes().size() / indices.size();
    for (std::size_t i = 0; i < indices.size(); ++i)
        copyRow(indices[i], result.bytes().data() + i * rowBytes);
    return result;
}

Tensor StoredArray::readAll() const
{
    Tensor result(dtype(), m_shape);
    if (result.empty())
        return result;
    if (!m_layout.columnMajor || m_shape.size() < 2) {
        copy(m_source->bytes().data() + m_layout.offset, static_cast<std::size_t>(result.count()),
             result.bytes().data());
        return result;
    }
    const std::size_t rowBytes = result.bytes().size() / static_cast<std::size_t>(m_shape[0]);
    for (std::int64_t row = 0; row < m_shape[0]; ++row)
        copyRow(row, result.bytes().data() + static_cast<std::size_t>(row) * rowBytes);
    return result;
}

} // namespace gradus
