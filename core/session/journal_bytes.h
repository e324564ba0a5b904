// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/error.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace gradus {

/// Numbers as they lie in memory, texts and arrays after their length.
class RecordWriter
{
public:
    template <class T>
    void number(T value)
    {
        static_assert(std::is_arithmetic_v<T>);
        m_bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void text(std::string_view text)
    {
        number<std::uint64_t>(text.size());
        m_bytes.append(text);
    }
    template <class T>
    void array(const std::vector<T>& values)
    {
        number<std::uint64_t>(values.size());
        m_bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    }
    [[nodiscard]] const std::string& bytes() const { return m_bytes; }

private:
    std::string m_bytes;
};

/// Takes them back in the same order. Throws Error(Format) at the end of the bytes.
class RecordReader
{
public:
    explicit RecordReader(std::string_view bytes)
        : m_bytes(bytes)
    {
    }
    template <class T>
    T number()
    {
        T value{};
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }
    std::string text() { return std::string(take(number<std::uint64_t>())); }
    template <class T>
    std::vector<T> array()
    {
        const auto count = number<std::uint64_t>();
        if (count > m_bytes.size() / sizeof(T))
            fail();
        std::vector<T> values(count);
        const std::string_view bytes = take(count * sizeof(T));
        if (count > 0)
            std::memcpy(values.data(), bytes.data(), bytes.size());
        return values;
    }
    [[nodiscard]] bool atEnd() const { return m_bytes.empty(); }

private:
    [[noreturn]] static void fail()
    {
        throw Error(ErrorCode::Format, "it ends in the middle of a value");
    }
    std::string_view take(std::uint64_t count)
    {
        if (count > m_bytes.size())
            fail();
        const std::string_view taken = m_bytes.substr(0, count);
        m_bytes.remove_prefix(count);
        return taken;
    }
    std::string_view m_bytes;
};

} // namespace gradus
