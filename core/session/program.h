// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

namespace gradus {

/// "gradus 0.1.0", as it stands in runs.
[[nodiscard]] std::string programName();

} // namespace gradus
