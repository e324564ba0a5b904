// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace gradus {

/// Text for an element or a double-quoted attribute, in HTML and XML alike. Bytes that are no
/// UTF-8, control characters and marks that turn the direction of the text become "\xNN" or U+FFFD,
/// so that no name can pose as another or end the document.
[[nodiscard]] std::string escaped(std::string_view text);

/// At most that many characters, the middle replaced by "…".
[[nodiscard]] std::string shortened(std::string_view text, std::size_t characters);

/// Characters of UTF-8 text.
[[nodiscard]] std::size_t characterCount(std::string_view text);

/// A coordinate: at most one decimal, no exponent, whatever the locale is.
[[nodiscard]] std::string coordinate(double value);

/// The shortest text that reads back as the value; empty for NaN.
[[nodiscard]] std::string exactNumber(double value);

} // namespace gradus
