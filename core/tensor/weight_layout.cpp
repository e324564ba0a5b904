// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/tensor/weight_layout.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"

#include <algorithm>

namespace gradus {

namespace {

/// The elements with the axes of sizes taken in this order. The last axis is the inner loop, all
/// others are counted like the wheels of an odometer.
Tensor permuted(const Tensor& tensor, const Shape& sizes, const std::vector<int>& order)
{
    const std::size_t rank = sizes.size();
    std::vector<std::int64_t> strides(rank, 1);
    for (std::size_t i = rank; i-- > 1;)
        strides[i - 1] = strides[i] * sizes[i];
    Shape toSizes;
    std::vector<std::int64_t> fromStrides;
    for (const int axis : order) {
        toSizes.push_back(sizes[static_cast<std::size_t>(axis)]);
        fromStrides.push_back(strides[static_cast<std::size_t>(axis)]);
    }
    Tensor result(toSizes);
    if (result.empty())
        return result;
    const std::int64_t inner = toSizes.back();
    const std::int64_t step = fromStrides.back();
    const float* const from = tensor.floats().data();
    float* const to = result.floats().data();
    parallelFor(result.count() / inner, std::max<std::int64_t>(1, 65536 / inner),
                [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t line = begin; line < end; ++line) {
                        std::int64_t left = line;
                        std::int64_t start = 0;
                        for (std::size_t i = rank - 1; i-- > 0; left /= toSizes[i])
                            start += left % toSizes[i] * fromStrides[i];
                        for (std::int64_t i = 0; i < inner; ++i)
                            to[line * inner + i] = from[start + i * step];
                    }
                });
    return result;
}

void requireCount(const Tensor& tensor, std::int64_t expected)
{
    if (tensor.count() != expected)
        throw Error(ErrorCode::Internal,
                    concat("a weight of ", tensor.count(), " elements, its layout has ", expected));
}

} // namespace

WeightLayout weightLayout(Shape sizes, std::vector<int> order)
{
    std::vector<int> moving;
    for (const int axis : order)
        if (sizes[static_cast<std::size_t>(axis)] != 1)
            moving.push_back(axis);
    if (std::is_sorted(moving.begin(), moving.end()))
        return {};
    return {std::move(sizes), std::move(order)};
}

Tensor matrixOfStored(Tensor stored, const WeightLayout& layout, std::int64_t rows,
                      std::int64_t cols)
{
    if (!layout.isPlain()) {
        requireCount(stored, elementCount(layout.sizes));
        stored = permuted(stored, layout.sizes, layout.order);
    }
    stored.reshape({rows, cols});
    return stored;
}

Tensor storedOfMatrix(Tensor matrix, const WeightLayout& layout, const Shape& shape)
{
    if (!layout.isPlain()) {
        requireCount(matrix, elementCount(layout.sizes));
        Shape sizes;
        std::vector<int> back(layout.order.size());
        for (std::size_t i = 0; i < layout.order.size(); ++i) {
            sizes.push_back(layout.sizes[static_cast<std::size_t>(layout.order[i])]);
            back[static_cast<std::size_t>(layout.order[i])] = static_cast<int>(i);
        }
        matrix = permuted(matrix, sizes, back);
    }
    matrix.reshape(shape);
    return matrix;
}

} // namespace gradus
