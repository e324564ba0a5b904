// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/tensor/tensor.h"

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/tensor/block_pool.h"
#include "core/tensor/half.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace gradus {

namespace {
constexpr std::int64_t conversionGrain = 1 << 18;

template <class From>
void convert(const std::byte* from, std::span<float> to, std::int64_t begin)
{
    for (std::size_t i = 0; i < to.size(); ++i) {
        From value;
        std::memcpy(&value, from + (static_cast<std::size_t>(begin) + i) * sizeof value,
                    sizeof value);
        to[i] = static_cast<float>(value);
    }
}
} // namespace

std::int64_t elementCount(const Shape& shape)
{
    std::uint64_t count = 1;
    for (const std::int64_t size : shape) {
        const auto product =
            size < 0 ? std::nullopt : checkedMultiply(count, static_cast<std::uint64_t>(size));
        // Three spare bits, so that a byte count of the widest dtype fits too.
        if (!product || *product > std::numeric_limits<std::uint64_t>::max() >> 4)
            throw Error(ErrorCode::Shape,
                        concat("a tensor of shape ", shapeText(shape), " cannot exist"));
        count = *product;
    }
    return static_cast<std::int64_t>(count);
}

std::string shapeText(const Shape& shape)
{
    if (shape.empty())
        return "scalar";
    std::string text;
    for (const std::int64_t size : shape)
        text += (text.empty() ? "" : " × ") + std::to_string(size);
    return text;
}

void Tensor::Free::operator()(std::byte* p) const
{
    giveBlockBack(p);
}

Tensor::Tensor(DType dtype, Shape shape)
    : m_dtype(dtype)
    , m_shape(std::move(shape))
    , m_count(elementCount(m_shape))
{
    m_data.reset(takeBlock(byteCount()));
}

Tensor Tensor::zeros(DType dtype, Shape shape)
{
    Tensor tensor(dtype, std::move(shape));
    std::memset(tensor.m_data.get(), 0, tensor.byteCount());
    return tensor;
}

Tensor Tensor::copyOf(const TensorView& view)
{
    Tensor tensor(view.dtype, view.shape);
    assert(view.bytes.size() == tensor.byteCount());
    if (!view.bytes.empty())
        std::memcpy(tensor.m_data.get(), view.bytes.data(), view.bytes.size());
    return tensor;
}

Tensor Tensor::clone() const
{
    return copyOf(view());
}

void Tensor::reshape(Shape shape)
{
    assert(elementCount(shape) == m_count);
    m_shape = std::move(shape);
}

MatrixView Tensor::matrix()
{
    const std::int64_t cols = m_shape.empty() ? 1 : m_shape.back();
    return {floats().data(), cols == 0 ? 0 : m_count / cols, cols};
}

ConstMatrixView Tensor::matrix() const
{
    const std::int64_t cols = m_shape.empty() ? 1 : m_shape.back();
    return {floats().data(), cols == 0 ? 0 : m_count / cols, cols};
}

Tensor toFloat(const TensorView& view)
{
    Tensor result(DType::F32, view.shape);
    assert(view.bytes.size() == static_cast<std::size_t>(result.count()) * dtypeSize(view.dtype));
    const std::byte* from = view.bytes.data();
    parallelFor(result.count(), conversionGrain, [&](std::int64_t begin, std::int64_t end) {
        const auto to = result.floats().subspan(static_cast<std::size_t>(begin),
                                                static_cast<std::size_t>(end - begin));
        switch (view.dtype) {
        case DType::F64:
            convert<double>(from, to, begin);
            break;
        case DType::F32:
            convert<float>(from, to, begin);
            break;
        case DType::F16:
            if (reinterpret_cast<std::uintptr_t>(from) % alignof(std::uint16_t) == 0) {
                halfToFloat({reinterpret_cast<const std::uint16_t*>(from) + begin, to.size()}, to);
            } else { // a mapped tensor may start at an odd byte
                for (std::size_t i = 0; i < to.size(); ++i) {
                    std::uint16_t bits = 0;
                    std::memcpy(&bits, from + (static_cast<std::size_t>(begin) + i) * 2, 2);
                    to[i] = halfToFloat(bits);
                }
            }
            break;
        case DType::BF16:
            for (std::size_t i = 0; i < to.size(); ++i) {
                std::uint16_t bits = 0;
                std::memcpy(&bits, from + (static_cast<std::size_t>(begin) + i) * 2, 2);
                to[i] = bfloat16ToFloat(bits);
            }
            break;
        case DType::I64:
            convert<std::int64_t>(from, to, begin);
            break;
        case DType::I32:
            convert<std::int32_t>(from, to, begin);
            break;
        case DType::I16:
            convert<std::int16_t>(from, to, begin);
            break;
        case DType::I8:
            convert<std::int8_t>(from, to, begin);
            break;
        case DType::U8:
        case DType::Bool:
            convert<std::uint8_t>(from, to, begin);
            break;
        }
    });
    return result;
}

Tensor fromFloat(std::span<const float> values, DType dtype, Shape shape)
{
    Tensor result(dtype, std::move(shape));
    assert(static_cast<std::size_t>(result.count()) == values.size());
    std::byte* to = result.bytes().data();
    parallelFor(result.count(), conversionGrain, [&](std::int64_t begin, std::int64_t end) {
        const auto first = static_cast<std::size_t>(begin);
        const auto from = values.subspan(first, static_cast<std::size_t>(end - begin));
        switch (dtype) {
        case DType::F64:
            for (std::size_t i = 0; i < from.size(); ++i)
                reinterpret_cast<double*>(to)[first + i] = from[i];
            break;
        case DType::F32:
            std::memcpy(to + first * 4, from.data(), from.size_bytes());
            break;
        case DType::F16:
            floatToHalf(from, {reinterpret_cast<std::uint16_t*>(to) + first, from.size()});
            break;
        case DType::BF16:
            for (std::size_t i = 0; i < from.size(); ++i)
                reinterpret_cast<std::uint16_t*>(to)[first + i] = floatToBfloat16(from[i]);
            break;
        default:
            throw Error(ErrorCode::Unsupported,
                        concat("cannot store float values as ", dtypeName(dtype)));
        }
    });
    return result;
}

std::int64_t countNonFinite(std::span<const float> values)
{
    return parallelReduce<std::int64_t>(
        static_cast<std::int64_t>(values.size()), conversionGrain, 0,
        [&](std::int64_t begin, std::int64_t end) {
            std::int64_t bad = 0;
            for (std::int64_t i = begin; i < end; ++i)
                bad += std::isfinite(values[static_cast<std::size_t>(i)]) ? 0 : 1;
            return bad;
        },
        [](std::int64_t& total, std::int64_t part) { total += part; });
}

} // namespace gradus
