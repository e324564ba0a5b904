// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/operators.h"

#include <cstdint>
#include <span>

namespace gradus::kernel {

/// out = f(x), element by element; may be in place.
void unary(const op::Unary& unary, std::span<const float> x, std::span<float> out);
/// Abs, Neg, Sign and Clip; the others throw std::logic_error: ask unaryTakesIntegers() before.
void unary(const op::Unary& unary, std::span<const std::int64_t> x, std::span<std::int64_t> out);
[[nodiscard]] bool unaryTakesIntegers(op::UnaryKind kind);
/// dx = dy · f'(x); may be in place of dy. At a kink the slope from the right, or what frameworks
/// agree on: 0 for the absolute value, relu and clip.
void unaryBackward(const op::Unary& unary, std::span<const float> x, std::span<const float> dy,
                   std::span<float> dx);

} // namespace gradus::kernel
