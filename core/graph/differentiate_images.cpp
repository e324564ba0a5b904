// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/differentiation.h"
#include "core/graph/image_maps.h"
#include "core/graph/image_sizes.h"
#include "core/graph/pooling.h"

#include <utility>

namespace gradus {

namespace {

std::span<const float> floatsOf(Differentiation& d, std::size_t i)
{
    return d.has(i) ? d.in(i).floats() : std::span<const float>();
}

std::span<const std::int64_t> integersOf(Differentiation& d, std::size_t i)
{
    if (!d.has(i))
        return {};
    const Tensor& values = d.in(i);
    return {reinterpret_cast<const std::int64_t*>(values.bytes().data()),
            static_cast<std::size_t>(values.count())};
}

/// The gradient of what mapAxis() makes of the maps, one after the other.
void giveBack(Differentiation& d, const std::vector<MappedAxis>& maps)
{
    Tensor gradient = std::move(d.delta());
    for (std::size_t i = maps.size(); i-- > 0;)
        gradient = kernel::mapAxisBack(gradient, maps[i].axis, maps[i].map, d.monitor());
    d.give(0, std::move(gradient));
}

} // namespace

void differentiate(const op::Pool& pool, Differentiation& d)
{
    if (!d.moves(0))
        return;
    const auto x = pool.kind == op::PoolKind::Maximum ? floatsOf(d, 0) : std::span<const float>();
    Tensor dx(d.shape(0));
    kernel::poolBackward(sizeOf(pool, d.shape(0)), pool.kind, pool.countsPadding, x,
                         std::as_const(d.delta()).floats(), dx.floats(), d.monitor());
    d.give(0, std::move(dx));
}

void differentiate(const op::GlobalPool& pool, Differentiation& d)
{
    if (!d.moves(0))
        return;
    const auto x = pool.kind == op::PoolKind::Maximum ? floatsOf(d, 0) : std::span<const float>();
    Tensor dx(d.shape(0));
    const std::int64_t planes = d.delta().count();
    kernel::globalPoolBackward(pool.kind, planes, planes == 0 ? 1 : dx.count() / planes, x,
                               std::as_const(d.delta()).floats(), dx.floats(), d.monitor());
    d.give(0, std::move(dx));
}

void differentiate(const op::Resize& resize, Differentiation& d)
{
    if (d.moves(0))
        giveBack(d, resizeMaps(resize, d.shape(0), floatsOf(d, 1), integersOf(d, 2)));
}

void differentiate(const op::Pad& pad, Differentiation& d)
{
    if (d.moves(0))
        giveBack(d, padMaps(pad, d.shape(0), integersOf(d, 1), integersOf(d, 3)));
}

void differentiate(const op::DepthToSpace& move, Differentiation& d)
{
    d.give(0, blocksMoved(d.delta(), move.blockSize, move.columnRowDepth, true, d.monitor()));
}

void differentiate(const op::SpaceToDepth& move, Differentiation& d)
{
    d.give(0, blocksMoved(d.delta(), move.blockSize, false, false, d.monitor()));
}

} // namespace gradus
