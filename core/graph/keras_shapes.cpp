// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text.h"
#include "core/graph/keras_call.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>

namespace gradus {

namespace {

using op::BinaryKind;

constexpr std::int64_t largestSize = std::int64_t(1) << 24;

/// The elements of all axes but the batch; −1 when one is not fixed.
std::int64_t featuresOf(const KerasCall& call, const Shape& shape)
{
    std::int64_t count = 1;
    for (std::size_t i = 1; i < shape.size(); ++i) {
        if (shape[i] < 0)
            return -1;
        if (shape[i] > 0 && count > (std::int64_t(1) << 40) / shape[i])
            throw call.failure(ErrorCode::Shape, concat("has an input of ", shapeText(shape),
                                                        ", which is too large"));
        count *= shape[i];
    }
    return count;
}

/// A size of a result, as long as one of its kind can be followed.
std::int64_t grown(const KerasCall& call, std::int64_t size)
{
    if (size > std::int64_t(1) << 40)
        throw call.failure(ErrorCode::Shape, "makes an axis that is too large");
    return size;
}

KerasValue same(const KerasCall& call)
{
    return call.rawInput();
}

// ---- of several values --------------------------------------------------------------------------

/// All of them in one order, so that axes meet.
std::vector<KerasValue> aligned(const KerasCall& call)
{
    std::vector<KerasValue> values;
    for (std::size_t i = 0; i < call.inputCount(); ++i)
        values.push_back(call.input(i));
    const auto isMoved = [](const KerasValue& value) { return value.moved; };
    const bool moves = std::any_of(values.begin(), values.end(), isMoved);
    for (KerasValue& value : values) {
        if (value.shape.size() != values.front().shape.size())
            throw call.failure(ErrorCode::Unsupported,
                               concat("joins ", shapeText(values.front().shape), " and ",
                                      shapeText(value.shape), ", which differ in their axes"));
        if (moves)
            value = call.graph().moved(value, call.name());
    }
    return values;
}

Shape broadcast(const KerasCall& call, const Shape& a, const Shape& b)
{
    Shape result = a;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i] > 1 && b[i] > 1 && a[i] != b[i])
            throw call.failure(ErrorCode::Shape, concat("joins ", shapeText(a), " and ",
                                                        shapeText(b), ", which do not fit"));
        // Sizes other than 1 win; one that is not fixed may be anything.
        if (a[i] == 1 || (a[i] < 0 && b[i] > 1))
            result[i] = b[i];
    }
    return result;
}

KerasValue joined(const KerasCall& call, BinaryKind kind)
{
    const std::vector<KerasValue> values = aligned(call);
    if (values.size() < 2 || (kind == BinaryKind::Subtract && values.size() != 2))
        throw call.failure(ErrorCode::Format,
                           concat("has ", values.size(), " inputs, expected ",
                                  kind == BinaryKind::Subtract ? "two" : "two or more"));
    KerasValue result = values.front();
    for (std::size_t i = 1; i < values.size(); ++i) {
        result.shape = broadcast(call, result.shape, values[i].shape);
        result.id = call.add(op::Binary{kind}, {result.id, values[i].id},
                             i + 1 < values.size() ? std::to_string(i) : std::string());
    }
    return result;
}

template <BinaryKind kind>
KerasValue joinedBy(const KerasCall& call)
{
    return joined(call, kind);
}

KerasValue average(const KerasCall& call)
{
    KerasValue sum = joined(call, BinaryKind::Add);
    const float share = 1.0F / static_cast<float>(call.inputCount());
    sum.id = call.add(op::Binary{BinaryKind::Multiply}, {sum.id, call.constant(share)}, "average");
    return sum;
}

KerasValue concatenate(const KerasCall& call)
{
    const std::vector<KerasValue> values = aligned(call);
    if (values.empty())
        throw call.failure(ErrorCode::Format, "has no inputs");
    KerasValue result = values.front();
    const auto rank = static_cast<std::int64_t>(result.shape.size());
    std::int64_t axis = call.reader().integer("axis", -rank, rank - 1, -1);
    axis = axis < 0 ? axis + rank : axis;
    if (axis == 0)
        throw call.failure(ErrorCode::Unsupported, "joins batches");
    const auto at = static_cast<std::size_t>(axis);
    std::vector<ValueId> ids{result.id};
    for (std::size_t i = 1; i < values.size(); ++i) {
        std::int64_t& size = result.shape[at];
        size = size < 0 || values[i].shape[at] < 0 ? -1 : grown(call, size + values[i].shape[at]);
        ids.push_back(values[i].id);
    }
    const std::int64_t lying = !result.moved ? axis : axis == rank - 1 ? 1 : axis + 1;
    result.id = call.add(op::Concat{lying}, std::move(ids));
    return result;
}

// ---- of one value -------------------------------------------------------------------------------

/// Every axis between batch and channels is 1: both orders hold the elements alike.
bool isOnePosition(const Shape& shape)
{
    return shape.size() > 2 && std::all_of(shape.begin() + 1, shape.end() - 1,
                                           [](std::int64_t size) { return size == 1; });
}

KerasValue flatten(const KerasCall& call)
{
    KerasValue value = call.input();
    const std::int64_t features = featuresOf(call, value.shape);
    if (value.shape.size() < 2)
        throw call.failure(ErrorCode::Shape, "has an input without features");
    if (call.channelsFirst() && value.shape.size() > 2) {
        // Keras brings the channels to the end before it flattens.
        value = call.graph().plain(std::move(value), call.name());
        op::Transpose transpose{{0}};
        for (std::size_t i = 2; i < value.shape.size(); ++i)
            transpose.permutation.push_back(static_cast<std::int64_t>(i));
        transpose.permutation.push_back(1);
        value.id = call.add(transpose, {value.id}, "channels_last");
    } else if (!isOnePosition(value.shape)) {
        value = call.graph().plain(std::move(value), call.name());
    }
    value.id = call.add(op::Flatten{1}, {value.id});
    value.shape = {value.shape.front(), features};
    value.moved = false;
    return value;
}

/// The batch, then these sizes; one that is −1 follows from the others.
KerasValue reshaped(const KerasCall& call, KerasValue value, std::vector<std::int64_t> sizes)
{
    const std::int64_t features = featuresOf(call, value.shape);
    std::int64_t known = 1;
    std::int64_t* open = nullptr;
    for (std::int64_t& size : sizes) {
        if (size < 0 && open)
            throw call.failure(ErrorCode::Format, "has two open sizes");
        if (size < 0) {
            open = &size;
            continue;
        }
        if (known > (std::int64_t(1) << 40) / size)
            throw call.failure(ErrorCode::Shape, "has a target that is too large");
        known *= size;
    }
    const bool fits = features < 0 || (open ? features % known == 0 : features == known);
    if (!fits)
        throw call.failure(ErrorCode::Shape,
                           concat("makes ", shapeText(sizes), " of ", shapeText(value.shape)));
    if (open && features >= 0)
        *open = features / known;
    if (!isOnePosition(value.shape))
        value = call.graph().plain(std::move(value), call.name());
    value.shape.resize(1);
    value.shape.insert(value.shape.end(), sizes.begin(), sizes.end());
    // Images of one pixel can lie as the next layer wants them.
    value.moved = isOnePosition(value.shape);
    std::vector<std::int64_t> target{0};
    target.insert(target.end(), sizes.begin(), sizes.end());
    if (value.moved)
        std::rotate(target.begin() + 1, target.end() - 1, target.end());
    value.id = call.add(op::Reshape{}, {value.id, call.constant(target)});
    return value;
}

KerasValue reshape(const KerasCall& call)
{
    const auto target = call.config().find("target_shape");
    if (target == call.config().end() || !target->is_array() || target->size() > 7)
        throw call.failure(ErrorCode::Format, "has no target_shape of at most 7 sizes");
    std::vector<std::int64_t> sizes =
        call.integers("target_shape", target->size(), 1, -1, std::int64_t(1) << 31);
    if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end())
        throw call.failure(ErrorCode::Format, "has a size of 0 in its target_shape");
    return reshaped(call, call.input(), std::move(sizes));
}

KerasValue permute(const KerasCall& call)
{
    KerasValue value = call.plainInput();
    const std::size_t axes = value.shape.size() - 1;
    const auto dims = call.integers("dims", axes, 1, 1, static_cast<std::int64_t>(axes));
    op::Transpose transpose{{0}};
    const Shape before = value.shape;
    for (std::size_t i = 0; i < axes; ++i) {
        const auto& permutation = transpose.permutation;
        if (std::find(permutation.begin() + 1, permutation.end(), dims[i]) != permutation.end())
            throw call.failure(ErrorCode::Format, concat("has the axis ", dims[i], " twice"));
        transpose.permutation.push_back(dims[i]);
        value.shape[i + 1] = before[static_cast<std::size_t>(dims[i])];
    }
    value.id = call.add(transpose, {value.id});
    return value;
}

/// Begin and end for each of the axes: one number for all, one for each, or a pair for each.
std::vector<std::array<std::int64_t, 2>> edgesOf(const KerasCall& call, const char* key,
                                                 std::size_t axes)
{
    const auto failure = [&] {
        return call.failure(ErrorCode::Format,
                            concat("has no ", key, " of ", axes, " sizes or pairs of sizes"));
    };
    const auto sizeOf = [&](const nlohmann::json& json) {
        if (!json.is_number_integer() || json < 0 || json > largestSize)
            throw failure();
        return json.get<std::int64_t>();
    };
    const auto found = call.config().find(key);
    if (found == call.config().end())
        throw failure();
    std::vector<std::array<std::int64_t, 2>> edges;
    if (!found->is_array()) {
        edges.assign(axes, {sizeOf(*found), sizeOf(*found)});
        return edges;
    }
    // Of one axis the pair stands alone.
    const bool isOnePair = axes == 1 && found->size() == 2 && !found->front().is_array();
    const nlohmann::json pairs = isOnePair ? nlohmann::json::array({*found}) : *found;
    if (pairs.size() != axes)
        throw failure();
    for (const auto& pair : pairs) {
        if (pair.is_array() && pair.size() != 2)
            throw failure();
        edges.push_back(pair.is_array()
                            ? std::array<std::int64_t, 2>{sizeOf(pair[0]), sizeOf(pair[1])}
                            : std::array<std::int64_t, 2>{sizeOf(pair), sizeOf(pair)});
    }
    return edges;
}

/// Zeros around planes, or, cut, the opposite.
KerasValue edged(const KerasCall& call, const char* key, std::int64_t sign)
{
    const std::size_t axes = call.kind().find("1D") != std::string::npos ? 1 : 2;
    KerasPlanes planes = call.planes(axes);
    const auto edges = edgesOf(call, key, axes);
    std::vector<std::int64_t> pads(2 * (axes + 2), 0);
    for (std::size_t i = 0; i < axes; ++i) {
        pads[2 + i] = sign * edges[i][0];
        pads[axes + 4 + i] = sign * edges[i][1];
        std::int64_t& size = planes.sizes[i];
        if (size < 0)
            continue;
        size = grown(call, size + sign * (edges[i][0] + edges[i][1]));
        if (size <= 0)
            throw call.failure(ErrorCode::Shape, "cuts more than there is");
    }
    planes.id = call.add(op::Pad{}, {planes.id, call.constant(pads)});
    return KerasCall::valueOf(planes);
}

KerasValue padded(const KerasCall& call)
{
    return edged(call, "padding", 1);
}

KerasValue cropped(const KerasCall& call)
{
    return edged(call, "cropping", -1);
}

KerasValue upSampled(const KerasCall& call)
{
    const std::size_t axes = call.kind().find("1D") != std::string::npos ? 1 : 2;
    KerasPlanes planes = call.planes(axes);
    const auto factors = call.integers("size", axes, 2, 1, 1024);
    Tensor scales(Shape{static_cast<std::int64_t>(axes) + 2});
    std::fill(scales.floats().begin(), scales.floats().end(), 1.0F);
    for (std::size_t i = 0; i < axes; ++i) {
        scales.floats()[2 + i] = static_cast<float>(factors[i]);
        if (planes.sizes[i] > 0)
            planes.sizes[i] = grown(call, planes.sizes[i] * factors[i]);
    }
    op::Resize resize;
    const std::string interpolation = call.reader().text("interpolation", "nearest");
    if (interpolation == "nearest") {
        resize.coordinates = op::ResizeCoordinates::Asymmetric;
        resize.nearest = op::ResizeNearest::Floor;
    } else if (interpolation == "bilinear") {
        resize.mode = op::ResizeMode::Linear;
    } else {
        throw call.failure(
            ErrorCode::Unsupported,
            concat("has the interpolation ", quoted(interpolation), ", which cannot be run yet"));
    }
    planes.id = call.add(resize, {planes.id, call.constant(std::move(scales))});
    return KerasCall::valueOf(planes);
}

} // namespace

const KerasTranslators& kerasShapes()
{
    static const KerasTranslators translators{
        {"Dropout", same},
        {"SpatialDropout1D", same},
        {"SpatialDropout2D", same},
        {"GaussianDropout", same},
        {"GaussianNoise", same},
        {"AlphaDropout", same},
        {"ActivityRegularization", same},
        {"Identity", same},
        {"RandomFlip", same},
        {"RandomRotation", same},
        {"RandomZoom", same},
        {"RandomTranslation", same},
        {"RandomContrast", same},
        {"RandomBrightness", same},
        {"Add", joinedBy<BinaryKind::Add>},
        {"Subtract", joinedBy<BinaryKind::Subtract>},
        {"Multiply", joinedBy<BinaryKind::Multiply>},
        {"Maximum", joinedBy<BinaryKind::Maximum>},
        {"Minimum", joinedBy<BinaryKind::Minimum>},
        {"Average", average},
        {"Concatenate", concatenate},
        {"Flatten", flatten},
        {"Reshape", reshape},
        {"Permute", permute},
        {"ZeroPadding1D", padded},
        {"ZeroPadding2D", padded},
        {"Cropping1D", cropped},
        {"Cropping2D", cropped},
        {"UpSampling1D", upSampled},
        {"UpSampling2D", upSampled},
    };
    return translators;
}

} // namespace gradus
