// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace gradus {

/// A compiled regular expression (PCRE2 syntax, UTF-8, Unicode classes). Immutable; one object may
/// search from several threads. Patterns come from users: a malformed one throws Error(Usage) with
/// the offset, and one that backtracks without end throws Error(Usage) instead of hanging.
class Regex
{
public:
    explicit Regex(std::string_view pattern);
    ~Regex();
    Regex(Regex&&) noexcept;
    Regex& operator=(Regex&&) noexcept;

    /// True when the pattern matches anywhere in the subject. Bytes that are no UTF-8 match
    /// nothing.
    [[nodiscard]] bool search(std::string_view subject) const;

    struct Match
    {
        std::size_t begin = 0; ///< byte offsets in the subject
        std::size_t end = 0;
    };
    /// The first match that begins at or after byte `from`.
    [[nodiscard]] std::optional<Match> find(std::string_view subject, std::size_t from = 0) const;

private:
    struct Code;
    std::unique_ptr<Code> m_code;
    std::string m_pattern;
};

/// The text with every character that means something in a pattern escaped; the result matches the
/// text itself in PCRE and in Python's re.
[[nodiscard]] std::string regexEscaped(std::string_view text);

} // namespace gradus
