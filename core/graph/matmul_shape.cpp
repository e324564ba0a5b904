// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/matmul_shape.h"

#include "core/graph/strided.h"

#include <utility>

namespace gradus {

namespace {

/// The last two sizes, and those before them.
kernel::MatrixStack stackOf(const Shape& shape, bool transposed, Shape& batch)
{
    batch.assign(shape.begin(), shape.end() - 2);
    return {nullptr, shape[shape.size() - 2], shape.back(), transposed};
}

/// For each of the batch, in its order, the index of the matrix of an operand.
std::vector<std::int64_t> matrixIndices(const Shape& own, const Shape& batch)
{
    const auto strides = kernel::broadcastStrides(own, batch);
    std::vector<std::int64_t> indices{0};
    for (std::size_t axis = 0; axis < batch.size(); ++axis) {
        std::vector<std::int64_t> next;
        for (const std::int64_t start : indices)
            for (std::int64_t i = 0; i < batch[axis]; ++i)
                next.push_back(start + i * strides[axis]);
        indices.swap(next);
    }
    return indices;
}

} // namespace

bool matMulShape(const op::MatMul& matMul, const Shape& shapeA, const Shape& shapeB, MatMulShape& r)
{
    if (shapeA.empty() || shapeB.empty())
        return false;
    Shape a = shapeA;
    Shape b = shapeB;
    if (a.size() == 1)
        a = {1, a[0]};
    if (b.size() == 1)
        b = {b[0], 1};
    Shape batchA;
    Shape batchB;
    // The axis that a vector was given stays where it is: only matrices are turned.
    r.a = stackOf(a, matMul.transposeA && shapeA.size() > 1, batchA);
    r.b = stackOf(b, matMul.transposeB && shapeB.size() > 1, batchB);
    r.m = r.a.transposed ? r.a.cols : r.a.rows;
    r.k = r.a.transposed ? r.a.rows : r.a.cols;
    r.n = r.b.transposed ? r.b.rows : r.b.cols;
    Shape batch;
    if ((r.b.transposed ? r.b.cols : r.b.rows) != r.k ||
        !kernel::broadcastShapes(batchA, batchB, batch))
        return false;
    constexpr std::int64_t limit = std::int64_t(1) << 31;
    std::int64_t count = 1;
    for (const std::int64_t size : batch)
        if (size > limit || (count *= size) > limit)
            return false;
    r.result = batch;
    if (shapeA.size() > 1)
        r.result.push_back(r.m);
    if (shapeB.size() > 1)
        r.result.push_back(r.n);
    r.aCount = elementCount(batchA);
    r.bCount = elementCount(batchB);
    if (r.bCount == 1 && r.aCount > 1 && !r.a.transposed) { // as one matrix
        r.m *= r.aCount;
        r.a.rows = r.m;
        r.aCount = 1;
        batchA.clear();
        batchB.clear();
        batch.clear();
    }
    if (elementCount(batch) * std::max<std::int64_t>(1, r.m * r.n) > limit)
        return true; // refused with the result's shape
    r.pairs.clear();
    if (elementCount(batch) == 0)
        return true;
    const auto indicesA = matrixIndices(batchA, batch);
    const auto indicesB = matrixIndices(batchB, batch);
    for (std::size_t i = 0; i < indicesA.size(); ++i)
        r.pairs.emplace_back(indicesA[i], indicesB[i]);
    return true;
}

} // namespace gradus
