// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/operators.h"
#include "core/tensor/tensor.h"

#include <cstdint>
#include <optional>
#include <span>

namespace gradus::kernel {

/// Two operands and a result of one element type, with broadcasting: out has the shape `shape`,
/// that which broadcastShapes() gives. out may be an operand's memory when that one has the
/// result's shape and element size.
template <class In, class Out>
struct BinaryTask
{
    const In* a = nullptr;
    const Shape& shapeA;
    const In* b = nullptr;
    const Shape& shapeB;
    Out* out = nullptr;
    const Shape& shape;
};

/// Arithmetic kinds (up to PRelu) and, into bytes of 0 and 1, comparisons. Integers wrap around;
/// integerDivisorIsZero() tells whether a division must be refused before.
void binary(op::BinaryKind kind, const BinaryTask<float, float>& task);
void binary(op::BinaryKind kind, const BinaryTask<std::int64_t, std::int64_t>& task);
void compare(op::BinaryKind kind, const BinaryTask<float, std::uint8_t>& task);
void compare(op::BinaryKind kind, const BinaryTask<std::int64_t, std::uint8_t>& task);
/// And, Or, Xor, Equal.
void logic(op::BinaryKind kind, const BinaryTask<std::uint8_t, std::uint8_t>& task);

/// An operand along the elements of a result: the e-th meets element e / inner % size.
struct RepeatedOperand
{
    const float* data = nullptr;
    std::int64_t size = 1;
    std::int64_t inner = 1;
};
/// Of a tensor that broadcasts to the shape of a result; nothing where it does not lie so.
[[nodiscard]] std::optional<RepeatedOperand> repeatedOperand(const float* data, const Shape& from,
                                                             const Shape& to);
/// value = f(value, other), with otherIsFirst f(other, value), for the elements of a result from
/// `offset` on. Serial.
void binaryInPlace(op::BinaryKind kind, const RepeatedOperand& other, bool otherIsFirst,
                   std::int64_t offset, std::span<float> values);

/// The slopes of an arithmetic kind: da = dy · ∂f/∂a, db = dy · ∂f/∂b, both of the result's shape:
/// summing them over what was broadcast is sumTo()'s affair. da or db may be null; none may be an
/// operand's memory, one may be dy's.
struct BinarySlopes
{
    const float* a = nullptr;
    const Shape& shapeA;
    const float* b = nullptr;
    const Shape& shapeB;
    const float* dy = nullptr;
    const Shape& shape;
    float* da = nullptr;
    float* db = nullptr;
};
void binaryBackward(op::BinaryKind kind, const BinarySlopes& task);

/// out = condition ? a : b, all broadcast to shape; elements of 1, 4 or 8 bytes.
void where(const std::uint8_t* condition, const Shape& shapeC, const std::byte* a,
           const Shape& shapeA, const std::byte* b, const Shape& shapeB, std::size_t elementSize,
           std::byte* out, const Shape& shape);

} // namespace gradus::kernel
