// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/byte_source.h"
#include "core/tensor/tensor.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace gradus {

/// What lies in array files; each is read as the DType that holds all its values.
enum class StoredKind : std::uint8_t
{
    F16,
    F32,
    F64,
    BF16,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16, ///< read as I32
    U32, ///< read as I64
    U64, ///< read as I64; larger values are an error where they are read
    Bool
};
[[nodiscard]] std::size_t storedSize(StoredKind kind); ///< bytes per element

/// Where the elements of an array lie in their file.
struct StoredLayout
{
    StoredKind kind = StoredKind::F32;
    bool bigEndian = false;
    bool columnMajor = false;
    std::size_t offset = 0;
};

/// An array in a file, lazy: elements are copied where rows are asked for. Safe to read from
/// several threads; copies share the file.
class StoredArray
{
public:
    /// Throws Error(Format) when the shape cannot exist or the source has fewer bytes than it
    /// needs. name stands for the array in messages.
    StoredArray(std::shared_ptr<const ByteSource> source, std::string name, Shape shape,
                StoredLayout layout);

    [[nodiscard]] const std::string& name() const { return m_name; }
    [[nodiscard]] DType dtype() const;
    [[nodiscard]] const Shape& shape() const { return m_shape; }
    /// Bytes of all elements as stored.
    [[nodiscard]] std::size_t storedBytes() const { return m_bytes; }

    /// Along the first axis: indices × the other axes, row-major. Throws Error(Shape) for a scalar
    /// or an index outside.
    [[nodiscard]] Tensor rows(std::span<const std::int64_t> indices) const;
    [[nodiscard]] Tensor readAll() const;

private:
    void copy(const std::byte* from, std::size_t count, std::byte* to) const;
    void copyRow(std::int64_t row, std::byte* to) const;

    std::shared_ptr<const ByteSource> m_source;
    std::string m_name;
    Shape m_shape;
    StoredLayout m_layout;
    std::size_t m_bytes = 0;
};

} // namespace gradus
