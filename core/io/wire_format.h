// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gradus {

/// Walks the fields of one message in the wire format of protobuf, where it lies: nothing is
/// copied or allocated, so that opening a file of gigabytes touches only its structure, and a
/// hostile one can ask for no memory.
///
///     for (WireReader fields(bytes, "model.onnx"); fields.next();)
///         if (fields.is(7, WireReader::Bytes)) graph(fields.bytes());
///
/// Throws Error(Format), beginning with `what`, at anything that is no message.
class WireReader
{
public:
    enum Type
    {
        Varint = 0,
        Fixed64 = 1,
        Bytes = 2,
        Fixed32 = 5
    };

    WireReader(std::span<const std::byte> message, std::string_view what)
        : m_left(message)
        , m_what(what)
    {
    }

    bool next(); ///< the next field; false at the end
    [[nodiscard]] std::uint32_t field() const { return m_field; }
    [[nodiscard]] bool is(std::uint32_t field, Type type) const
    {
        return m_field == field && m_type == type;
    }
    [[nodiscard]] std::uint64_t varint() const { return m_value; }
    [[nodiscard]] std::int64_t integer() const { return static_cast<std::int64_t>(m_value); }
    /// The content of Bytes, or the four or eight bytes of a fixed number.
    [[nodiscard]] std::span<const std::byte> bytes() const { return m_bytes; }
    [[nodiscard]] std::string_view text() const
    {
        return {reinterpret_cast<const char*>(m_bytes.data()), m_bytes.size()};
    }

    /// A varint at the front of bytes, which it is taken from; false when there is none.
    static bool takeVarint(std::span<const std::byte>& bytes, std::uint64_t& value);

private:
    std::span<const std::byte> m_left;
    std::string_view m_what;
    std::uint32_t m_field = 0;
    std::uint32_t m_type = 0;
    std::uint64_t m_value = 0;
    std::span<const std::byte> m_bytes;
};

} // namespace gradus
