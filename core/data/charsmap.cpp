// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/charsmap.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <algorithm>
#include <cstring>

namespace gradus {

namespace {

// Bounds for hostile files; the rules of NFKC stay below 64 bytes on both sides.
constexpr std::size_t maximumMatch = 256;
constexpr std::size_t maximumReplacement = 256;

bool hasValue(std::uint32_t unit)
{
    return (unit >> 8 & 1U) != 0;
}
std::uint32_t labelOf(std::uint32_t unit)
{
    return unit & 0x800000FFU; // bit 31 marks a value unit, which no byte matches
}
std::uint32_t offsetOf(std::uint32_t unit)
{
    return unit >> 10 << ((unit & 0x200U) >> 6);
}

} // namespace

Charsmap::Charsmap(std::string_view blob, const std::string& name)
{
    if (blob.empty())
        return;
    std::uint32_t trieBytes = 0;
    if (blob.size() < sizeof trieBytes)
        throw Error(ErrorCode::Format, concat(name, ": its character map has ", blob.size(),
                                              " bytes and is cut short"));
    std::memcpy(&trieBytes, blob.data(), sizeof trieBytes);
    blob.remove_prefix(sizeof trieBytes);
    if (trieBytes > blob.size() || trieBytes % 4 != 0 || trieBytes == 0)
        throw Error(ErrorCode::Format,
                    concat(name, ": its character map says that ", trieBytes, " of ", blob.size(),
                           " bytes are its trie; a multiple of 4 that fits is "
                           "expected"));
    m_units.resize(trieBytes / 4);
    std::memcpy(m_units.data(), blob.data(), trieBytes);
    m_replacements = blob.substr(trieBytes);
    std::size_t run = 0;
    for (const char c : m_replacements) {
        run = c == '\0' ? 0 : run + 1;
        if (run > maximumReplacement)
            throw Error(ErrorCode::Format, concat(name,
                                                  ": its character map has a replacement "
                                                  "longer than ",
                                                  maximumReplacement, " bytes"));
    }
}

std::optional<Charsmap::Rule> Charsmap::find(std::string_view text) const
{
    if (m_units.empty())
        return std::nullopt;
    std::optional<Rule> best;
    std::size_t node = offsetOf(m_units[0]);
    const std::size_t limit = std::min(text.size(), maximumMatch);
    for (std::size_t i = 0; i < limit; ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        node ^= byte;
        if (node >= m_units.size() || labelOf(m_units[node]) != byte)
            break;
        const std::uint32_t unit = m_units[node];
        node ^= offsetOf(unit);
        if (!hasValue(unit))
            continue;
        if (node >= m_units.size())
            break;
        const std::size_t value = m_units[node] & 0x7FFFFFFFU;
        if (value >= m_replacements.size())
            break; // a broken map replaces nothing
        const char* begin = m_replacements.data() + value;
        best = Rule{i + 1, {begin, ::strnlen(begin, m_replacements.size() - value)}};
    }
    return best;
}

} // namespace gradus
