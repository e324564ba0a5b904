// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// The "precompiled_charsmap" of a sentencepiece model: rules that replace a few bytes of text by
/// others. Layout: u32 size of the trie in bytes; the trie, a double array of u32 units (bits 0–7
/// label, 8 has a value, 9 and 10–31 offset; a value unit has bit 31 set and 31 bits of value);
/// then the replacements, each ended by a zero byte; a value is the place of one among them.
class Charsmap
{
public:
    Charsmap() = default; ///< no rules
    /// Throws Error(Format) that starts with name.
    Charsmap(std::string_view blob, const std::string& name);

    struct Rule
    {
        std::size_t length = 0; ///< bytes of text that are replaced
        std::string_view replacement;
    };
    /// The longest rule that applies at the start of text. Safe for any blob and any text.
    [[nodiscard]] std::optional<Rule> find(std::string_view text) const;

private:
    std::vector<std::uint32_t> m_units;
    std::string m_replacements;
};

} // namespace gradus
