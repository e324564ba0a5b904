// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/byte_source.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

/// GGUF files, written byte by byte: an oracle for the reader that shares nothing with it.
namespace gradus::test {

class GgufWriter
{
public:
    explicit GgufWriter(std::uint32_t version = 3, std::uint64_t alignment = 32)
        : m_version(version)
        , m_alignment(alignment)
    {
        if (alignment != 32)
            add("general.alignment", 4, of(static_cast<std::uint32_t>(alignment)));
    }

    template <class T>
    static std::string of(T value)
    {
        std::string bytes(sizeof value, '\0');
        std::memcpy(bytes.data(), &value, sizeof value);
        return bytes;
    }
    static std::string text(const std::string& value)
    {
        return of(static_cast<std::uint64_t>(value.size())) + value;
    }

    /// A metadata entry as it lies behind its key.
    GgufWriter& add(const std::string& key, std::int32_t type, const std::string& value)
    {
        m_pairs.push_back(text(key) + of(type) + value);
        return *this;
    }
    GgufWriter& word(const std::string& key, const std::string& value)
    {
        return add(key, 8, text(value));
    }
    GgufWriter& number(const std::string& key, std::uint32_t value)
    {
        return add(key, 4, of(value));
    }
    GgufWriter& real(const std::string& key, float value) { return add(key, 6, of(value)); }

    /// dims: the fastest first, as in the file. offset: where it is not the one after the last.
    GgufWriter& tensor(const std::string& name, const std::vector<std::int64_t>& dims,
                       std::int32_t type, const std::string& data, std::int64_t offset = -1)
    {
        std::string info = text(name) + of(static_cast<std::uint32_t>(dims.size()));
        for (const std::int64_t size : dims)
            info += of(size);
        info += of(type) + of(offset < 0 ? static_cast<std::uint64_t>(m_data.size())
                                         : static_cast<std::uint64_t>(offset));
        m_infos.push_back(std::move(info));
        m_data += data;
        pad(m_data);
        return *this;
    }

    [[nodiscard]] std::string header() const
    {
        std::string bytes = "GGUF" + of(m_version) + of(static_cast<std::int64_t>(m_infos.size())) +
                            of(static_cast<std::int64_t>(m_pairs.size()));
        for (const auto* parts : {&m_pairs, &m_infos})
            for (const std::string& part : *parts)
                bytes += part;
        return bytes;
    }
    [[nodiscard]] std::string content() const
    {
        std::string bytes = header();
        pad(bytes);
        return bytes + m_data;
    }

private:
    void pad(std::string& bytes) const
    {
        bytes.resize((bytes.size() + m_alignment - 1) / m_alignment * m_alignment);
    }

    std::uint32_t m_version;
    std::uint64_t m_alignment;
    std::vector<std::string> m_pairs;
    std::vector<std::string> m_infos;
    std::string m_data;
};

} // namespace gradus::test
