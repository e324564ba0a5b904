// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace gradus {

/// Appends the canonical decomposition of c without nonspacing marks (category Mn): "é" → "e",
/// "각" → its three letters. A mark itself is appended as it is.
void appendBase(char32_t c, std::u32string& out);

/// The simple lower case, one character for one: "Ä" → "ä"; c itself where there is none.
[[nodiscard]] char32_t lowerCase(char32_t c);

} // namespace gradus
