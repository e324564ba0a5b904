// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text.h"
#include "core/graph/evaluation.h"
#include "core/graph/image_maps.h"
#include "core/graph/image_sizes.h"
#include "core/graph/pooling.h"

#include <utility>

namespace gradus {

namespace {

/// Axes before those that a global pool takes together.
constexpr std::size_t planeAxes = 2;

std::span<const std::int64_t> integersOf(const Evaluation& e, std::size_t i)
{
    return e.has(i) ? e.integers(i) : std::span<const std::int64_t>();
}

} // namespace

std::vector<Tensor> evaluate(const op::Pool& pool, Evaluation& e)
{
    const auto x = floatsOf(e, 0);
    const auto size = ofNode(e, [&] { return sizeOf(pool, e.in(0).shape()); });
    const Shape shape =
        shapeOf({size.images, size.outChannels, size.outHeight, size.outWidth}, pool.isLine);
    std::vector<Tensor> results;
    results.push_back(e.make(shape));
    kernel::pool(size, pool.kind, pool.countsPadding, x, results[0].floats(), e.monitor());
    if (e.outputs() > 1) { // of maxima
        results.push_back(e.make(DType::I64, shape));
        auto* places = reinterpret_cast<std::int64_t*>(results[1].bytes().data());
        kernel::placesOfMaxima(size, x, {places, results[0].floats().size()}, e.monitor());
    }
    return results;
}

Tensor evaluate(const op::GlobalPool& pool, Evaluation& e)
{
    const auto x = floatsOf(e, 0);
    Shape shape = e.in(0).shape();
    if (shape.size() < planeAxes)
        throw e.failure(ErrorCode::Shape,
                        concat("input is ", shapeText(shape), ", expected batch × channels × …"));
    const std::int64_t planes = shape[0] * shape[1];
    const std::int64_t pixels = planes == 0 ? 1 : e.in(0).count() / planes;
    if (pixels == 0)
        throw e.failure(ErrorCode::Shape,
                        concat("input is ", shapeText(shape), ", expected some pixels"));
    std::fill(shape.begin() + planeAxes, shape.end(), 1);
    Tensor result = e.make(std::move(shape));
    kernel::globalPool(pool.kind, planes, pixels, x, result.floats(), e.monitor());
    return result;
}

Tensor evaluate(const op::Resize& resize, Evaluation& e)
{
    (void)floatsOf(e, 0);
    const auto scales = e.has(1) ? floatsOf(e, 1) : std::span<const float>();
    const auto maps =
        ofNode(e, [&] { return resizeMaps(resize, e.in(0).shape(), scales, integersOf(e, 2)); });
    if (maps.empty())
        return e.take(0);
    Shape shape = e.in(0).shape();
    Tensor result;
    for (std::size_t i = 0; i < maps.size(); ++i) {
        shape[maps[i].axis] = maps[i].map.out;
        e.reserve(DType::F32, shape);
        result = kernel::mapAxis(i == 0 ? e.in(0) : result, maps[i].axis, maps[i].map, e.monitor());
    }
    return result;
}

Tensor evaluate(const op::Pad& pad, Evaluation& e)
{
    const Tensor& x = e.in(0);
    const Tensor* value = e.has(2) && !e.in(2).empty() ? &e.in(2) : nullptr;
    if (value && (value->count() != 1 || value->dtype() != x.dtype()))
        throw e.failure(ErrorCode::Shape,
                        concat("its value is ", shapeText(value->shape()), " of ",
                               dtypeName(value->dtype()), ", expected one element of ",
                               dtypeName(x.dtype())));
    const auto maps =
        ofNode(e, [&] { return padMaps(pad, x.shape(), e.integers(1), integersOf(e, 3)); });
    if (maps.empty())
        return e.take(0);
    e.reserve(x.dtype(), mappedShape(x.shape(), maps));
    return padded(x, maps, value, e.monitor());
}

Tensor evaluate(const op::DepthToSpace& move, Evaluation& e)
{
    e.reserve(e.in(0).dtype(), e.in(0).shape());
    return ofNode(e, [&] {
        return blocksMoved(e.in(0), move.blockSize, move.columnRowDepth, false, e.monitor());
    });
}

Tensor evaluate(const op::SpaceToDepth& move, Evaluation& e)
{
    e.reserve(e.in(0).dtype(), e.in(0).shape());
    return ofNode(e,
                  [&] { return blocksMoved(e.in(0), move.blockSize, false, true, e.monitor()); });
}

} // namespace gradus
