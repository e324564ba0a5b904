// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace gradus {

/// Parses JSON from an untrusted file: duplicate keys, nesting deeper than 64, invalid UTF-8 and
/// anything after the value are errors. Throws Error(Format) that starts with name.
[[nodiscard]] nlohmann::json parseStrictJson(std::string_view text, const std::string& name);

} // namespace gradus
