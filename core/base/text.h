// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// concat("row ", 3, " of ", 7): the pieces streamed into one string.
template <class... Parts>
[[nodiscard]] std::string concat(const Parts&... parts)
{
    std::ostringstream out;
    (out << ... << parts);
    return std::move(out).str();
}

[[nodiscard]] bool isValidUtf8(std::string_view text);

/// A name shortened and made printable for a message: control bytes and what is
/// no UTF-8 as \xNN, whole letters of at most limit bytes.
[[nodiscard]] std::string quoted(std::string_view text, std::size_t limit = 80);
// Where <iomanip> is in sight, std::quoted would be the better match for these.
[[nodiscard]] inline std::string quoted(const std::string& text)
{
    return quoted(std::string_view(text));
}
[[nodiscard]] inline std::string quoted(std::string& text)
{
    return quoted(std::string_view(text));
}
[[nodiscard]] inline std::string quoted(const char* text)
{
    return quoted(std::string_view(text));
}

/// Strict parses of a whole string; false when anything is left over, out of range or not finite.
[[nodiscard]] bool parseInteger(std::string_view text, long long& value);
[[nodiscard]] bool parseReal(std::string_view text, double& value);

} // namespace gradus
