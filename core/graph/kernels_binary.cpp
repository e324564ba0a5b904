// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/kernels_binary.h"

#include "core/graph/element_functions.h"
#include "core/graph/strided.h"

#include <stdexcept>

namespace gradus::kernel {

namespace {

using Kind = op::BinaryKind;

/// out[i] = f(a[i], b[i]) along a run in which an operand goes on (step 1) or repeats (step 0).
template <class In, class Out, class F>
void overRun(const In* a, bool aSteps, const In* b, bool bSteps, Out* out, std::int64_t count,
             const F& f)
{
    if (aSteps && bSteps) {
        GRADUS_ELEMENTWISE
        for (std::int64_t i = 0; i < count; ++i)
            out[i] = f(a[i], b[i]);
    } else if (aSteps) {
        const In second = *b;
        GRADUS_ELEMENTWISE
        for (std::int64_t i = 0; i < count; ++i)
            out[i] = f(a[i], second);
    } else if (bSteps) {
        const In first = *a;
        GRADUS_ELEMENTWISE
        for (std::int64_t i = 0; i < count; ++i)
            out[i] = f(first, b[i]);
    } else {
        std::fill_n(out, count, static_cast<Out>(f(*a, *b)));
    }
}

template <class In, class Out, class F>
void each(const BinaryTask<In, Out>& task, const F& f)
{
    const Walk<3> walk(task.shape,
                       {rowMajorStrides(task.shape), broadcastStrides(task.shapeA, task.shape),
                        broadcastStrides(task.shapeB, task.shape)});
    walk.run([&](const std::array<std::int64_t, 3>& at, std::int64_t count,
                 const std::array<std::int64_t, 3>& steps) {
        overRun(task.a + at[1], steps[1] != 0, task.b + at[2], steps[2] != 0, task.out + at[0],
                count, f);
    });
}

/// Python's: the sign of the divisor.
float moduloOf(float a, float b)
{
    const float rest = std::fmod(a, b);
    return rest != 0.0F && (rest < 0.0F) != (b < 0.0F) ? rest + b : rest;
}

/// NaN comes through, as in ONNX's reference.
float minimumOf(float a, float b)
{
    return a < b || a != a ? a : b;
}
float maximumOf(float a, float b)
{
    return a > b || a != a ? a : b;
}

/// Calls use(f) with f: float × float → float of an arithmetic kind. exponent: the second operand
/// where it is one number; the most frequent powers are plain arithmetic.
template <class Use>
void withArithmetic(Kind kind, const float* exponent, const Use& use)
{
    constexpr float infinity = std::numeric_limits<float>::infinity();
    switch (kind) {
    case Kind::Add:
        return use([](float a, float b) { return a + b; });
    case Kind::Subtract:
        return use([](float a, float b) { return a - b; });
    case Kind::Multiply:
        return use([](float a, float b) { return a * b; });
    case Kind::Divide:
        return use([](float a, float b) { return a / b; });
    case Kind::Power:
        if (exponent && *exponent == 2.0F)
            return use([](float a, float) { return a * a; });
        if (exponent && *exponent == 3.0F)
            return use([](float a, float) { return a * a * a; });
        if (exponent && *exponent == -1.0F)
            return use([](float a, float) { return 1.0F / a; });
        if (exponent && *exponent == 0.5F)
            return use(
                [](float a, float) { return a == -infinity ? infinity : std::sqrt(a) + 0.0F; });
        if (exponent && *exponent == -0.5F)
            return use([](float a, float) {
                return a == -infinity ? 0.0F : 1.0F / (std::sqrt(a) + 0.0F);
            });
        return use([](float a, float b) { return powerOf(a, b); });
    case Kind::Minimum:
        return use([](float a, float b) { return minimumOf(a, b); });
    case Kind::Maximum:
        return use([](float a, float b) { return maximumOf(a, b); });
    case Kind::Modulo:
        return use([](float a, float b) { return moduloOf(a, b); });
    case Kind::Remainder:
        return use([](float a, float b) { return std::fmod(a, b); });
    case Kind::PRelu:
        return use([](float a, float b) { return a < 0.0F ? a * b : a; });
    default:
        throw std::logic_error("no arithmetic of floats");
    }
}

std::int64_t wrapped(std::uint64_t value)
{
    return static_cast<std::int64_t>(value);
}
std::uint64_t bits(std::int64_t value)
{
    return static_cast<std::uint64_t>(value);
}

std::int64_t quotient(std::int64_t a, std::int64_t b)
{
    return b == -1 ? wrapped(0 - bits(a)) : a / b; // the smallest / −1 overflows
}
std::int64_t remainder(std::int64_t a, std::int64_t b)
{
    return b == -1 ? 0 : a % b;
}
std::int64_t integerPower(std::int64_t base, std::int64_t exponent)
{
    if (exponent < 0) // towards 0
        return base == 1 ? 1 : (base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0);
    std::uint64_t result = 1;
    for (std::uint64_t factor = bits(base); exponent > 0; exponent >>= 1, factor *= factor)
        if (exponent & 1)
            result *= factor;
    return wrapped(result);
}

template <class In>
void compareAll(Kind kind, const BinaryTask<In, std::uint8_t>& task)
{
    const auto with = [&](const auto& f) {
        each(task, [&](In a, In b) { return static_cast<std::uint8_t>(f(a, b)); });
    };
    switch (kind) {
    case Kind::Equal:
        return with([](In a, In b) { return a == b; });
    case Kind::Less:
        return with([](In a, In b) { return a < b; });
    case Kind::LessOrEqual:
        return with([](In a, In b) { return a <= b; });
    case Kind::Greater:
        return with([](In a, In b) { return a > b; });
    case Kind::GreaterOrEqual:
        return with([](In a, In b) { return a >= b; });
    default:
        throw std::logic_error("no comparison");
    }
}

} // namespace

void binary(Kind kind, const BinaryTask<float, float>& task)
{
    withArithmetic(kind, elementCount(task.shapeB) == 1 ? task.b : nullptr,
                   [&](const auto& f) { each(task, f); });
}

std::optional<RepeatedOperand> repeatedOperand(const float* data, const Shape& from,
                                               const Shape& to)
{
    if (from.size() > to.size())
        return std::nullopt;
    RepeatedOperand operand{data, 1, 1};
    const std::size_t missing = to.size() - from.size();
    bool varies = false;
    bool repeats = false; // the whole of what varies
    for (std::size_t i = to.size(); i-- > 0;) {
        const std::int64_t own = i < missing ? 1 : from[i - missing];
        if ((own != 1 && own != to[i]) || (own != 1 && repeats))
            return std::nullopt;
        if (own != 1) {
            varies = true;
            operand.size *= own;
        } else if (to[i] != 1) {
            repeats = varies;
            if (!varies)
                operand.inner *= to[i];
        }
    }
    return operand;
}

namespace {

/// value = f(value, other), or f(other, value), from element `offset` of the result on.
template <class F>
void overPart(const RepeatedOperand& other, std::int64_t offset, std::span<float> values,
              const F& f)
{
    const auto count = static_cast<std::int64_t>(values.size());
    const bool steps = other.inner == 1 && other.size > 1;
    for (std::int64_t i = 0; i < count;) {
        const std::int64_t at = offset + i;
        const std::int64_t place = at / other.inner % other.size;
        const std::int64_t left = steps             ? other.size - place
                                  : other.size == 1 ? count
                                                    : other.inner - at % other.inner;
        const std::int64_t run = std::min(left, count - i);
        float* to = values.data() + i;
        overRun(to, true, other.data + place, steps, to, run, f);
        i += run;
    }
}

} // namespace

void binaryInPlace(Kind kind, const RepeatedOperand& other, bool otherIsFirst, std::int64_t offset,
                   std::span<float> values)
{
    withArithmetic(
        kind, !otherIsFirst && other.size == 1 ? other.data : nullptr, [&](const auto& f) {
            if (otherIsFirst)
                overPart(other, offset, values, [&](float value, float o) { return f(o, value); });
            else
                overPart(other, offset, values, f);
        });
}

void binary(Kind kind, const BinaryTask<std::int64_t, std::int64_t>& task)
{
    using Int = std::int64_t;
    switch (kind) {
    case Kind::Add:
        return each(task, [](Int a, Int b) { return wrapped(bits(a) + bits(b)); });
    case Kind::Subtract:
        return each(task, [](Int a, Int b) { return wrapped(bits(a) - bits(b)); });
    case Kind::Multiply:
        return each(task, [](Int a, Int b) { return wrapped(bits(a) * bits(b)); });
    case Kind::Divide:
        return each(task, quotient);
    case Kind::Power:
        return each(task, integerPower);
    case Kind::Minimum:
        return each(task, [](Int a, Int b) { return std::min(a, b); });
    case Kind::Maximum:
        return each(task, [](Int a, Int b) { return std::max(a, b); });
    case Kind::Modulo:
        return each(task, [](Int a, Int b) {
            const Int rest = remainder(a, b);
            return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
        });
    case Kind::Remainder:
        return each(task, remainder);
    case Kind::PRelu:
        return each(task, [](Int a, Int b) { return a < 0 ? wrapped(bits(a) * bits(b)) : a; });
    default:
        throw std::logic_error("no arithmetic of integers");
    }
}

void compare(Kind kind, const BinaryTask<float, std::uint8_t>& task)
{
    compareAll(kind, task);
}

void compare(Kind kind, const BinaryTask<std::int64_t, std::uint8_t>& task)
{
    compareAll(kind, task);
}

void logic(Kind kind, const BinaryTask<std::uint8_t, std::uint8_t>& task)
{
    using Byte = std::uint8_t;
    const auto with = [&](const auto& f) {
        each(task, [&](Byte a, Byte b) { return static_cast<Byte>(f(a != 0, b != 0)); });
    };
    switch (kind) {
    case Kind::And:
        return with([](bool a, bool b) { return a && b; });
    case Kind::Or:
        return with([](bool a, bool b) { return a || b; });
    case Kind::Xor:
        return with([](bool a, bool b) { return a != b; });
    case Kind::Equal:
        return with([](bool a, bool b) { return a == b; });
    default:
        throw std::logic_error("no logic");
    }
}

namespace {

/// out[i] = dy[i] · slope(a[i], b[i]).
template <class F>
void eachSlope(const BinarySlopes& task, float* out, const F& slope)
{
    if (!out)
        return;
    const Walk<3> walk(task.shape,
                       {rowMajorStrides(task.shape), broadcastStrides(task.shapeA, task.shape),
                        broadcastStrides(task.shapeB, task.shape)});
    walk.run([&](const std::array<std::int64_t, 3>& at, std::int64_t count,
                 const std::array<std::int64_t, 3>& steps) {
        const float* dy = task.dy + at[0];
        float* to = out + at[0];
        const float* a = task.a + at[1];
        const float* b = task.b + at[2];
        GRADUS_ELEMENTWISE
        for (std::int64_t i = 0; i < count; ++i)
            to[i] = dy[i] * slope(a[i * steps[1]], b[i * steps[2]]);
    });
}

template <class A, class B>
void slopes(const BinarySlopes& task, const A& byA, const B& byB)
{
    // dy may be one of the two: that one is written last.
    if (task.da == task.dy) {
        eachSlope(task, task.db, byB);
        eachSlope(task, task.da, byA);
    } else {
        eachSlope(task, task.da, byA);
        eachSlope(task, task.db, byB);
    }
}

} // namespace

void binaryBackward(Kind kind, const BinarySlopes& task)
{
    switch (kind) {
    case Kind::Add:
        return slopes(
            task, [](float, float) { return 1.0F; }, [](float, float) { return 1.0F; });
    case Kind::Subtract:
        return slopes(
            task, [](float, float) { return 1.0F; }, [](float, float) { return -1.0F; });
    case Kind::Multiply:
        return slopes(
            task, [](float, float b) { return b; }, [](float a, float) { return a; });
    case Kind::Divide:
        return slopes(
            task, [](float, float b) { return 1.0F / b; },
            [](float a, float b) { return -a / (b * b); });
    case Kind::Power:
        return slopes(
            task, [](float a, float b) { return b == 0.0F ? 0.0F : b * std::pow(a, b - 1.0F); },
            // At 0 the slope is 0 for every positive exponent, the only ones that are finite there.
            [](float a, float b) { return a == 0.0F ? 0.0F : std::pow(a, b) * std::log(a); });
    case Kind::Minimum: // equals share
        return slopes(
            task, [](float a, float b) { return a < b ? 1.0F : (a == b ? 0.5F : 0.0F); },
            [](float a, float b) { return b < a ? 1.0F : (a == b ? 0.5F : 0.0F); });
    case Kind::Maximum:
        return slopes(
            task, [](float a, float b) { return a > b ? 1.0F : (a == b ? 0.5F : 0.0F); },
            [](float a, float b) { return b > a ? 1.0F : (a == b ? 0.5F : 0.0F); });
    case Kind::Modulo: // a − b · floor(a / b)
        return slopes(
            task, [](float, float) { return 1.0F; },
            [](float a, float b) { return -std::floor(a / b); });
    case Kind::Remainder:
        return slopes(
            task, [](float, float) { return 1.0F; },
            [](float a, float b) { return -std::trunc(a / b); });
    case Kind::PRelu:
        return slopes(
            task, [](float a, float b) { return a < 0.0F ? b : 1.0F; },
            [](float a, float) { return a < 0.0F ? a : 0.0F; });
    default:
        throw std::logic_error("no gradient passes it");
    }
}

namespace {

template <class T>
void whereOf(const std::uint8_t* condition, const Shape& shapeC, const T* a, const Shape& shapeA,
             const T* b, const Shape& shapeB, T* out, const Shape& shape)
{
    const Walk<4> walk(shape, {rowMajorStrides(shape), broadcastStrides(shapeC, shape),
                               broadcastStrides(shapeA, shape), broadcastStrides(shapeB, shape)});
    walk.run([&](const std::array<std::int64_t, 4>& at, std::int64_t count,
                 const std::array<std::int64_t, 4>& steps) {
        T* to = out + at[0];
        const std::uint8_t* choice = condition + at[1];
        const T* yes = a + at[2];
        const T* no = b + at[3];
        if (steps[1] == 0) {
            const T* from = *choice ? yes : no;
            const std::int64_t step = *choice ? steps[2] : steps[3];
            for (std::int64_t i = 0; i < count; ++i)
                to[i] = from[i * step];
            return;
        }
        GRADUS_ELEMENTWISE
        for (std::int64_t i = 0; i < count; ++i)
            to[i] = choice[i] ? yes[i * steps[2]] : no[i * steps[3]];
    });
}

} // namespace

void where(const std::uint8_t* condition, const Shape& shapeC, const std::byte* a,
           const Shape& shapeA, const std::byte* b, const Shape& shapeB, std::size_t elementSize,
           std::byte* out, const Shape& shape)
{
    const auto as = [&](auto zero) {
        using T = decltype(zero);
        whereOf(condition, shapeC, reinterpret_cast<const T*>(a), shapeA,
                reinterpret_cast<const T*>(b), shapeB, reinterpret_cast<T*>(out), shape);
    };
    if (elementSize == 1)
        as(std::uint8_t());
    else if (elementSize == 4)
        as(std::uint32_t());
    else
        as(std::uint64_t());
}

} // namespace gradus::kernel
