// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/selection.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <algorithm>
#include <numeric>

namespace gradus {

namespace {

std::size_t checkedAxis(std::int64_t axis, std::size_t rank)
{
    const auto count = static_cast<std::int64_t>(rank);
    if (axis < -count || axis >= count)
        throw Error(ErrorCode::Shape, concat("axis ", axis, " is not one of ", rank, " axes"));
    return static_cast<std::size_t>(axis < 0 ? axis + count : axis);
}

std::int64_t checkedIndex(std::int64_t index, std::int64_t size)
{
    if (index < -size || index >= size)
        throw Error(ErrorCode::Shape, concat("index ", index, " is outside of ", size,
                                             size == 1 ? " element" : " elements"));
    return index < 0 ? index + size : index;
}

/// Where a slice begins or ends: negative places count from the end, all are kept in [low, high].
std::int64_t slicePlace(std::int64_t place, std::int64_t size, std::int64_t low, std::int64_t high)
{
    if (place < -size)
        return low;
    return std::clamp(place < 0 ? place + size : place, low, high);
}

} // namespace

StridedPart slicePart(const Shape& shape, Integers starts, Integers ends, Integers axes,
                      Integers steps)
{
    if (starts.size() != ends.size() || (!axes.empty() && axes.size() != starts.size()) ||
        (!steps.empty() && steps.size() != starts.size()) || starts.size() > shape.size())
        throw Error(ErrorCode::Shape,
                    concat("has ", starts.size(), " starts, ", ends.size(), " ends, ", axes.size(),
                           " axes and ", steps.size(), " steps for ", shape.size(), " axes"));
    StridedPart part{0, kernel::rowMajorStrides(shape), shape};
    std::vector<bool> seen(shape.size());
    for (std::size_t i = 0; i < starts.size(); ++i) {
        const std::size_t axis =
            checkedAxis(axes.empty() ? static_cast<std::int64_t>(i) : axes[i], shape.size());
        const std::int64_t step = steps.empty() ? 1 : steps[i];
        if (step == 0 || seen[axis])
            throw Error(ErrorCode::Shape, step == 0 ? std::string("has a step of 0")
                                                    : concat("axis ", axis, " comes twice"));
        seen[axis] = true;
        const std::int64_t size = shape[axis];
        std::int64_t count = 0;
        std::int64_t first = 0;
        if (step > 0) {
            first = slicePlace(starts[i], size, 0, size);
            const std::int64_t end = slicePlace(ends[i], size, 0, size);
            count = end > first ? (end - first - 1) / step + 1 : 0;
        } else if (size > 0) {
            first = slicePlace(starts[i], size, 0, size - 1);
            const std::int64_t end = slicePlace(ends[i], size, -1, size - 1);
            // −step as unsigned: the smallest step has no positive counterpart.
            const auto down = 0 - static_cast<std::uint64_t>(step);
            count = first > end ? static_cast<std::int64_t>(
                                      static_cast<std::uint64_t>(first - end - 1) / down) +
                                      1
                                : 0;
        }
        part.shape[axis] = count;
        if (count == 0)
            continue;
        part.start += first * part.strides[axis];
        // A single element has no next one: a huge step must not overflow.
        part.strides[axis] = count > 1 ? part.strides[axis] * step : 0;
    }
    return part;
}

StridedPart transposePart(const op::Transpose& transpose, const Shape& shape)
{
    std::vector<std::int64_t> order = transpose.permutation;
    if (order.empty()) {
        order.resize(shape.size());
        std::iota(order.rbegin(), order.rend(), 0);
    }
    std::vector<bool> seen(shape.size());
    const kernel::Strides strides = kernel::rowMajorStrides(shape);
    StridedPart part;
    if (order.size() != shape.size())
        throw Error(ErrorCode::Shape,
                    concat("orders ", order.size(), " axes, its input has ", shape.size()));
    for (const std::int64_t axis : order) {
        const std::size_t at = checkedAxis(axis, shape.size());
        if (seen[at])
            throw Error(ErrorCode::Shape, concat("axis ", axis, " comes twice"));
        seen[at] = true;
        part.strides.push_back(strides[at]);
        part.shape.push_back(shape[at]);
    }
    return part;
}

std::vector<std::int64_t> checkedIndices(Integers indices, std::int64_t size)
{
    std::vector<std::int64_t> checked;
    checked.reserve(indices.size());
    for (const std::int64_t index : indices)
        checked.push_back(checkedIndex(index, size));
    return checked;
}

std::vector<std::int64_t> elementPlaces(const Shape& shape, std::int64_t axis,
                                        const Shape& indexShape, Integers indices)
{
    const std::size_t along = checkedAxis(axis, shape.size());
    bool fits = indexShape.size() == shape.size();
    for (std::size_t i = 0; fits && i < shape.size(); ++i)
        fits = i == along || indexShape[i] <= shape[i];
    if (!fits)
        throw Error(ErrorCode::Shape, concat("its indices are ", shapeText(indexShape),
                                             ", its input is ", shapeText(shape)));
    const kernel::Strides strides = kernel::rowMajorStrides(shape);
    std::vector<std::int64_t> places;
    places.reserve(indices.size());
    std::vector<std::int64_t> at(shape.size());
    std::int64_t start = 0; // of the position without the axis
    for (const std::int64_t index : indices) {
        places.push_back(start + checkedIndex(index, shape[along]) * strides[along]);
        for (std::size_t i = shape.size(); i-- > 0;) {
            const std::int64_t stride = i == along ? 0 : strides[i];
            start += stride;
            if (++at[i] < indexShape[i])
                break;
            start -= stride * at[i];
            at[i] = 0;
        }
    }
    return places;
}

std::vector<std::int64_t> splitSizes(std::int64_t whole, std::size_t outputs,
                                     std::optional<Integers> given)
{
    const auto count = static_cast<std::int64_t>(outputs);
    std::vector<std::int64_t> sizes;
    if (given) {
        sizes.assign(given->begin(), given->end());
    } else {
        const std::int64_t each = count == 0 ? 0 : (whole + count - 1) / count;
        for (std::int64_t left = whole; sizes.size() < outputs;) {
            sizes.push_back(std::min(each, left));
            left -= sizes.back();
        }
    }
    std::int64_t sum = 0;
    bool fits = sizes.size() >= outputs;
    for (const std::int64_t size : sizes) {
        fits = fits && size >= 0 && size <= whole - sum;
        if (fits)
            sum += size;
    }
    if (!fits || sum != whole)
        throw Error(ErrorCode::Shape, concat("its ", sizes.size(), " parts do not make up ", whole,
                                             " for ", outputs, " outputs"));
    return sizes;
}

SlicePlaces slicePlaces(const op::GatherNd& gather, const Shape& shape, const Shape& indexShape,
                        Integers indices)
{
    const auto batch = static_cast<std::size_t>(std::max<std::int64_t>(gather.batchDims, 0));
    bool fits = gather.batchDims >= 0 && !indexShape.empty() && batch < indexShape.size() &&
                batch <= shape.size() && indexShape.back() >= 0 &&
                indexShape.back() <= static_cast<std::int64_t>(shape.size() - batch);
    for (std::size_t i = 0; fits && i < batch; ++i)
        fits = shape[i] == indexShape[i];
    if (!fits)
        throw Error(ErrorCode::Shape,
                    concat("its indices are ", shapeText(indexShape), " with ", gather.batchDims,
                           " axes in common, its input is ", shapeText(shape)));
    const auto depth = static_cast<std::size_t>(indexShape.back());
    const kernel::Strides strides = kernel::rowMajorStrides(shape);
    SlicePlaces result;
    result.shape.assign(indexShape.begin(), indexShape.end() - 1);
    for (std::size_t i = batch + depth; i < shape.size(); ++i) {
        result.count *= shape[i];
        result.shape.push_back(shape[i]);
    }
    std::int64_t tuples = 1; // in one of the batch
    for (std::size_t i = batch; i + 1 < indexShape.size(); ++i)
        tuples *= indexShape[i];
    std::int64_t one = 1; // elements in one of the batch
    for (std::size_t i = batch; i < shape.size(); ++i)
        one *= shape[i];
    std::int64_t total = tuples;
    for (std::size_t i = 0; i < batch; ++i)
        total *= indexShape[i];
    if (depth == 0 && total > (std::int64_t(1) << 31)) // no index bounds it
        throw Error(ErrorCode::Shape, concat("its indices are ", shapeText(indexShape)));
    for (std::int64_t t = 0; t < total; ++t) {
        std::int64_t place = t / tuples * one;
        for (std::size_t d = 0; d < depth; ++d)
            place +=
                checkedIndex(indices[static_cast<std::size_t>(t) * depth + d], shape[batch + d]) *
                strides[batch + d];
        result.places.push_back(place);
    }
    return result;
}

} // namespace gradus
