// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/wire_format.h"

#include "core/base/error.h"
#include "core/base/text.h"

namespace gradus {

bool WireReader::takeVarint(std::span<const std::byte>& bytes, std::uint64_t& value)
{
    value = 0;
    for (std::size_t i = 0; i < bytes.size() && i < 10; ++i) {
        const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
        value |= (byte & 127) << (7 * i); // the tenth byte has one bit left; others fall off
        if (byte < 128) {
            bytes = bytes.subspan(i + 1);
            return true;
        }
    }
    return false;
}

bool WireReader::next()
{
    if (m_left.empty())
        return false;
    const auto fail = [&](const auto&... what) {
        return Error(ErrorCode::Format, concat(m_what, " is damaged or cut: ", what...));
    };
    std::uint64_t tag = 0;
    if (!takeVarint(m_left, tag) || tag >> 3 == 0 || tag >> 3 >= (1U << 29))
        throw fail("no field of a message where one is expected");
    m_field = static_cast<std::uint32_t>(tag >> 3);
    m_type = static_cast<std::uint32_t>(tag & 7);
    m_value = 0;
    m_bytes = {};
    std::uint64_t size = 0;
    switch (m_type) {
    case Varint:
        if (!takeVarint(m_left, m_value))
            throw fail("field ", m_field, " holds no number");
        return true;
    case Fixed64:
        size = 8;
        break;
    case Fixed32:
        size = 4;
        break;
    case Bytes:
        if (!takeVarint(m_left, size))
            throw fail("field ", m_field, " has no length");
        break;
    default:
        throw fail("field ", m_field, " has the unknown wire type ", m_type);
    }
    if (size > m_left.size())
        throw fail("field ", m_field, " needs ", size, " bytes, ", m_left.size(), " are left");
    m_bytes = m_left.first(size);
    m_left = m_left.subspan(size);
    return true;
}

} // namespace gradus
