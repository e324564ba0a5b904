// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace gradus {

/// Text for an element or a double-quoted attribute, in HTML and XML alike. Bytes that are no
/// UTF-8, control characters and marks that turn the direction of the text become "\xNN" or U+FFFD,
/// so that no name can pose as another or end the document.
[[nodiscard]] std::string escaped(std::string_view text);

/// Escaped text that may also be broken over lines after the dots and slashes of a name.
[[nodiscard]] std::string breakable(std::string_view name);

/// At most that many characters, the middle replaced by "…".
[[nodiscard]] std::string shortened(std::string_view text, std::size_t characters);

/// Characters of UTF-8 text.
[[nodiscard]] std::size_t characterCount(std::string_view text);

/// A coordinate: at most one decimal, no exponent, whatever the locale is.
[[nodiscard]] std::string coordinate(double value);

/// formatReal with a minus sign instead of a hyphen in front, for text that people read.
[[nodiscard]] std::string realText(double value, int digits = 4);

/// The shortest text that reads back as the value; empty for NaN.
[[nodiscard]] std::string exactNumber(double value);

} // namespace gradus
