// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

namespace gradus {

/// Index into a language model's vocabulary.
using Token = std::int32_t;

} // namespace gradus
