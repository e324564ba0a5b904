// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text.h"
#include "tests/support/operator_oracle.h"
#include "tests/support/positions.h"

#include <algorithm>
#include <cmath>

namespace gradus::test {

namespace {

std::vector<std::int64_t> integersOf(const OperatorCase& test, std::size_t i)
{
    if (i >= test.inputs.size() || !test.inputs[i])
        return {};
    const auto& at = test.inputs[i]->at;
    return {at.begin(), at.end()};
}

/// A result of that shape whose elements are x's where `from` says.
template <class From>
Elements picked(const Elements& x, Shape shape, const From& from)
{
    Elements y{std::move(shape), {}, x.dtype};
    for (std::int64_t i = 0; i < elementCount(y.shape); ++i)
        y.at.push_back(x.at[indexOf(x.shape, from(positionOf(y.shape, i)))]);
    return y;
}

Elements reshaped(const Elements& x, Shape shape)
{
    Elements y = x;
    y.shape = std::move(shape);
    return y;
}

// ---- another shape of the same elements
// ----------------------------------------------------------

std::vector<Elements> reshapeOracle(const OperatorCase& test)
{
    const Elements& x = *test.inputs[0];
    Shape shape = integersOf(test, 1);
    for (std::size_t i = 0; i < shape.size(); ++i)
        if (shape[i] == 0 && !std::get<op::Reshape>(test.op).allowZero)
            shape[i] = x.shape[i];
    std::int64_t known = 1;
    for (const std::int64_t size : shape)
        known *= size < 0 ? 1 : size;
    for (std::int64_t& size : shape)
        size = size < 0 ? x.count() / known : size;
    return {reshaped(x, shape)};
}

std::vector<Elements> flattenOracle(const OperatorCase& test)
{
    const Elements& x = *test.inputs[0];
    const std::int64_t axis = std::get<op::Flatten>(test.op).axis;
    const auto rank = static_cast<std::int64_t>(x.shape.size());
    Shape shape{1, 1};
    for (std::int64_t i = 0; i < rank; ++i)
        shape[i < (axis < 0 ? axis + rank : axis) ? 0 : 1] *= x.shape[static_cast<std::size_t>(i)];
    return {reshaped(x, shape)};
}

std::vector<Elements> squeezeOracle(const OperatorCase& test)
{
    const Elements& x = *test.inputs[0];
    std::vector<std::size_t> axes;
    for (const std::int64_t axis : integersOf(test, 1))
        axes.push_back(plainAxis(axis, x.shape));
    Shape shape;
    for (std::size_t i = 0; i < x.shape.size(); ++i) {
        const bool named = std::find(axes.begin(), axes.end(), i) != axes.end();
        if (axes.empty() ? x.shape[i] != 1 : !named)
            shape.push_back(x.shape[i]);
    }
    return {reshaped(x, shape)};
}

std::vector<Elements> unsqueezeOracle(const OperatorCase& test)
{
    const Elements& x = *test.inputs[0];
    const auto axes = integersOf(test, 1);
    Shape shape(x.shape.size() + axes.size(), -1);
    for (const std::int64_t axis : axes)
        shape[plainAxis(axis, shape)] = 1;
    std::size_t from = 0;
    for (std::int64_t& size : shape)
        if (size < 0)
            size = x.shape[from++];
    return {reshaped(x, shape)};
}

// ---- orders and parts
// ----------------------------------------------------------------------------

std::vector<Elements> transposeOracle(const OperatorCase& test)
{
    const Elements& x = *test.inputs[0];
    const auto& order = std::get<op::Transpose>(test.op).permutation;
    const auto axis = [&](std::size_t i) {
        return order.empty() ? x.shape.size() - 1 - i : plainAxis(order[i], x.shape);
    };
    Shape shape;
    for (std::size_t i = 0; i < x.shape.size(); ++i)
        shape.push_back(x.shape[axis(i)]);
    return {picked(x, shape, [&](const Shape& at) {
        Shape from(at.size());
        for (std::size_t i = 0; i < at.size(); ++i)
            from[axis(i)] = at[i];
        return from;
    })};
}

std::vector<Elements> concatOracle(const OperatorCase& test)
{
    const std::size_t axis = plainAxis(std::get<op::Concat>(test.op).axis, test.inputs[0]->shape);
    Elements y{test.inputs[0]->shape, {}, test.inputs[0]->dtype};
    y.shape[axis] = 0;
    for (const auto& input : test.inputs)
        y.shape[axis] += input->shape[axis];
    for (std::int64_t i = 0; i < elementCount(y.shape); ++i) {
        Shape at = positionOf(y.shape, i);
        std::size_t k = 0;
        while (at[axis] >= test.inputs[k]->shape[axis])
            at[axis] -= test.inputs[k++]->shape[axis];
        y.at.push_back(test.inputs[k]->at[indexOf(test.inputs[k]->shape, at)]);
    }
    return {y};
}

std::vector<Elements> splitOracle(const OperatorCase& test)
{
    const Elements& x = *test.inputs[0];
    const std::size_t axis = plainAxis(std::get<op::Split>(test.op).axis, x.shape);
    auto sizes = integersOf(test, 1);
    const auto parts = static_cast<std::int64_t>(test.outputs);
    if (sizes.empty())
        for (std::int64_t k = 0; k < parts; ++k) {
            const std::int64_t each = (x.shape[axis] + parts - 1) / parts;
            sizes.push_back(std::clamp<std::int64_t>(x.shape[axis] - k * each, 0, each));
        }
    std::vector<Elements> results;
    std::int64_t start = 0;
    for (const std::int64_t size : sizes) {
        Shape shape = x.shape;
        shape[axis] = size;
        results.push_back(picked(x, shape, [&](Shape at) {
            at[axis] += start;
            return at;
        }));
        start += size;
    }
    return results;
}

std::vector<Elements> sliceOracle(const OperatorCase& test)
{
    const Elements& x = *test.inputs[0];
    const auto starts = integersOf(test, 1);
    const auto ends = integersOf(test, 2);
    const auto axes = integersOf(test, 3);
    const auto steps = integersOf(test, 4);
    std::vector<std::vector<std::int64_t>> places(x.shape.size());
    for (std::size_t axis = 0; axis < places.size(); ++axis) {
        std::size_t k = 0;
        while (k < starts.size() && (axes.empty() ? k : plainAxis(axes[k], x.shape)) != axis)
            ++k;
        const std::int64_t size = x.shape[axis];
        const std::int64_t step = k < starts.size() && !steps.empty() ? steps[k] : 1;
        // 64 bits of mantissa: every place and every sum of two of them is exact.
        auto start = static_cast<long double>(k < starts.size() ? starts[k] : 0);
        auto end = static_cast<long double>(k < starts.size() ? ends[k] : size);
        const auto length = static_cast<long double>(size);
        start += start < 0 ? length : 0;
        end += end < 0 ? length : 0;
        start = std::max(0.0L, std::min(start, step > 0 ? length : length - 1));
        end = std::max(step > 0 ? 0.0L : -1.0L, std::min(end, length));
        for (long double at = start; size > 0 && (step > 0 ? at < end : at > end);
             at += static_cast<long double>(step))
            places[axis].push_back(static_cast<std::int64_t>(at));
    }
    Shape shape;
    for (const auto& axis : places)
        shape.push_back(static_cast<std::int64_t>(axis.size()));
    return {picked(x, shape, [&](Shape at) {
        for (std::size_t i = 0; i < at.size(); ++i)
            at[i] = places[i][static_cast<std::size_t>(at[i])];
        return at;
    })};
}

// ---- by indices
// ----------------------------------------------------------------------------------

std::int64_t plainIndex(double index, std::int64_t size)
{
    const auto i = static_cast<std::int64_t>(index);
    return i < 0 ? i + size : i;
}

std::vector<Elements> gatherOracle(const OperatorCase& test)
{
    const Elements& x = *test.inputs[0];
    const Elements& indices = *test.inputs[1];
    const std::size_t axis = plainAxis(std::get<op::Gather>(test.op).axis, x.shape);
    const auto cut = static_cast<std::ptrdiff_t>(axis);
    const auto width = static_cast<std::ptrdiff_t>(indices.shape.size());
    Shape shape(x.shape.begin(), x.shape.begin() + cut);
    shape.insert(shape.end(), indices.shape.begin(), indices.shape.end());
    shape.insert(shape.end(), x.shape.begin() + cut + 1, x.shape.end());
    return {picked(x, shape, [&](const Shape& at) {
        const Shape which(at.begin() + cut, at.begin() + cut + width);
        Shape from(at.begin(), at.begin() + cut);
        from.push_back(plainIndex(indices.at[indexOf(indices.shape, which)], x.shape[axis]));
        from.insert(from.end(), at.begin() + cut + width, at.end());
        return from;
    })};
}

std::vector<Elements> gatherElementsOracle(const OperatorCase& test)
{
    const Elements& x = *test.inputs[0];
    const Elements& indices = *test.inputs[1];
    const std::size_t axis = plainAxis(std::get<op::GatherElements>(test.op).axis, x.shape);
    return {picked(x, indices.shape, [&](Shape at) {
        at[axis] = plainIndex(indices.at[indexOf(indices.shape, at)], x.shape[axis]);
        return at;
    })};
}

std::vector<Elements> gatherNdOracle(const OperatorCase& test)
{
    const Elements& x = *test.inputs[0];
    const Elements& indices = *test.inputs[1];
    const auto batch = static_cast<std::size_t>(std::get<op::GatherNd>(test.op).batchDims);
    const auto depth = static_cast<std::size_t>(indices.shape.back());
    const std::size_t tuple = indices.shape.size() - 1; // axes of the result that say which
    Shape shape(indices.shape.begin(), indices.shape.end() - 1);
    shape.insert(shape.end(), x.shape.begin() + static_cast<std::ptrdiff_t>(batch + depth),
                 x.shape.end());
    return {picked(x, shape, [&](const Shape& at) {
        Shape from(at.begin(), at.begin() + static_cast<std::ptrdiff_t>(batch));
        Shape which(at.begin(), at.begin() + static_cast<std::ptrdiff_t>(tuple));
        which.push_back(0);
        for (std::size_t k = 0; k < depth; ++k) {
            which.back() = static_cast<std::int64_t>(k);
            from.push_back(
                plainIndex(indices.at[indexOf(indices.shape, which)], x.shape[batch + k]));
        }
        from.insert(from.end(), at.begin() + static_cast<std::ptrdiff_t>(tuple), at.end());
        return from;
    })};
}

// ---- repeating
// -----------------------------------------------------------------------------------

std::vector<Elements> expandOracle(const OperatorCase& test)
{
    const Elements& x = *test.inputs[0];
    Shape shape = integersOf(test, 1);
    if (shape.size() < x.shape.size())
        shape.insert(shape.begin(), x.shape.size() - shape.size(), 1);
    const std::size_t missing = shape.size() - x.shape.size();
    for (std::size_t i = 0; i < x.shape.size(); ++i)
        shape[missing + i] = shape[missing + i] == 1 ? x.shape[i] : shape[missing + i];
    return {picked(x, shape, [&](const Shape& at) {
        Shape from(at.begin() + static_cast<std::ptrdiff_t>(missing), at.end());
        for (std::size_t i = 0; i < from.size(); ++i)
            from[i] = x.shape[i] == 1 ? 0 : from[i];
        return from;
    })};
}

std::vector<Elements> tileOracle(const OperatorCase& test)
{
    const Elements& x = *test.inputs[0];
    const auto repeats = integersOf(test, 1);
    Shape shape = x.shape;
    for (std::size_t i = 0; i < shape.size(); ++i)
        shape[i] *= repeats[i];
    return {picked(x, shape, [&](Shape at) {
        for (std::size_t i = 0; i < at.size(); ++i)
            at[i] %= x.shape[i];
        return at;
    })};
}

// ---- made from shapes
// ----------------------------------------------------------------------------

std::vector<Elements> shapeOfOracle(const OperatorCase& test)
{
    const auto& op = std::get<op::ShapeOf>(test.op);
    const Shape& shape = test.inputs[0]->shape;
    const auto rank = static_cast<std::int64_t>(shape.size());
    std::vector<std::int64_t> sizes;
    for (std::int64_t i = 0; i < rank; ++i)
        if (i >= (op.start < 0 ? op.start + rank : op.start) &&
            i < (op.end < 0 ? op.end + rank : op.end))
            sizes.push_back(shape[static_cast<std::size_t>(i)]);
    return {integerElements(sizes)};
}

std::vector<Elements> sizeOracle(const OperatorCase& test)
{
    return {integerElements(Shape{}, {test.inputs[0]->count()})};
}

std::vector<Elements> constantOfShapeOracle(const OperatorCase& test)
{
    const auto& value = std::get<op::ConstantOfShape>(test.op).value;
    const Elements one = value ? elementsOf(*value) : Elements{{}, {0}};
    Elements y{integersOf(test, 0), {}, one.dtype};
    y.at.assign(static_cast<std::size_t>(elementCount(y.shape)), one.at[0]);
    return {y};
}

std::vector<Elements> rangeOracle(const OperatorCase& test)
{
    const double delta = test.inputs[2]->at[0];
    const double limit = test.inputs[1]->at[0];
    Elements y{{}, {}, test.inputs[0]->dtype};
    for (double at = test.inputs[0]->at[0]; delta > 0 ? at < limit : at > limit; at += delta)
        y.at.push_back(at);
    y.shape = {y.count()};
    return {y};
}

// ---- what they are tried on
// ----------------------------------------------------------------------

/// Values that say where they come from.
Elements ramp(Shape shape, DType dtype = DType::F32)
{
    Elements x{std::move(shape), {}, dtype};
    for (std::int64_t i = 0; i < elementCount(x.shape); ++i)
        x.at.push_back(dtype == DType::Bool ? static_cast<double>(i * i % 3 == 1)
                                            : static_cast<double>(i) - 3);
    return x;
}

using Inputs = std::vector<std::optional<Elements>>;

class Cases
{
public:
    Cases(OperatorFunction function)
        : m_oracle{std::move(function), {}}
    {
    }
    OperatorCase& add(std::string label, Operator op, Inputs inputs, std::size_t outputs = 1)
    {
        m_oracle.cases.push_back(
            {std::move(label), std::move(op), std::move(inputs), {}, outputs, 0, 0});
        return m_oracle.cases.back();
    }
    OperatorOracle take() { return std::move(m_oracle); }

private:
    OperatorOracle m_oracle;
};

OperatorOracle reshapeTable()
{
    Cases cases(reshapeOracle);
    const auto add = [&](std::string label, const Elements& x, std::vector<std::int64_t> shape,
                         bool allowZero = false) {
        cases.add(std::move(label), op::Reshape{allowZero}, {x, integerElements(std::move(shape))});
    };
    add("given", ramp({2, 3, 4}), {4, 6});
    add("one follows", ramp({2, 3, 4}), {3, -1});
    add("copied sizes", ramp({2, 3, 4}), {0, 0, 2, 2});
    add("copied and following", ramp({2, 3, 4}), {0, -1});
    add("to a scalar", ramp({1, 1}), {});
    add("from a scalar", ramp({}), {1, 1, 1});
    add("empty", ramp({0, 4}), {2, 0}, true);
    add("empty, following", ramp({0, 4}), {-1, 2});
    add("integers", ramp({6}, DType::I64), {2, 3});
    add("booleans", ramp({6}, DType::Bool), {3, 2});
    return cases.take();
}

OperatorOracle transposeTable()
{
    Cases cases(transposeOracle);
    const auto add = [&](std::string label, const Elements& x, std::vector<std::int64_t> order) {
        return &cases.add(std::move(label), op::Transpose{std::move(order)}, {x});
    };
    add("matrix", ramp({5, 7}), {});
    add("reversed", ramp({2, 3, 4}), {});
    add("heads", ramp({2, 5, 3, 6}), {0, 2, 1, 3});
    add("last two", ramp({2, 3, 5, 6}), {0, 1, 3, 2});
    add("channels last", ramp({2, 5, 6, 7}), {0, 2, 3, 1});
    add("channels first", ramp({2, 5, 6, 7}), {0, 3, 1, 2});
    add("negative axes", ramp({2, 3, 4}), {-1, 0, 1});
    add("as it is", ramp({2, 3}), {0, 1});
    add("axes of one", ramp({3, 1, 4, 1}), {3, 2, 1, 0});
    add("scalar", ramp({}), {});
    add("empty", ramp({3, 0, 2}), {2, 0, 1});
    add("integers", ramp({4, 6}, DType::I64), {1, 0});
    add("booleans", ramp({6, 9}, DType::Bool), {1, 0});
    add("several tiles", ramp({131, 77}), {1, 0})->smooth = false;
    add("several chunks", ramp({3, 197, 130}), {0, 2, 1})->smooth = false;
    add("several bands", ramp({70, 3, 9, 66}), {3, 1, 0, 2})->smooth = false;
    return cases.take();
}

OperatorOracle concatTable()
{
    Cases cases(concatOracle);
    cases.add("rows", op::Concat{0}, {ramp({2, 3}), ramp({1, 3}), ramp({4, 3})});
    cases.add("columns", op::Concat{-1}, {ramp({2, 3}), ramp({2, 1})});
    cases.add("middle", op::Concat{1}, {ramp({2, 3, 2}), ramp({2, 0, 2}), ramp({2, 1, 2})});
    cases.add("one", op::Concat{0}, {ramp({3})});
    cases.add("integers", op::Concat{0}, {ramp({2}, DType::I64), ramp({3}, DType::I64)});
    cases.add("booleans", op::Concat{1}, {ramp({2, 2}, DType::Bool), ramp({2, 3}, DType::Bool)});
    return cases.take();
}

OperatorOracle splitTable()
{
    Cases cases(splitOracle);
    cases.add("equal", op::Split{1}, {ramp({2, 6, 2})}, 3);
    cases.add("the last is smaller", op::Split{0}, {ramp({7, 2})}, 3);
    cases.add("of nothing left", op::Split{0}, {ramp({3})}, 4);
    cases.add("sizes", op::Split{-1}, {ramp({2, 9}), integerElements({2, 0, 7})}, 3);
    cases.add("one", op::Split{0}, {ramp({3, 2})}, 1);
    cases.add("integers", op::Split{0}, {ramp({4}, DType::I64)}, 2);
    return cases.take();
}

OperatorOracle sliceTable()
{
    Cases cases(sliceOracle);
    using List = std::vector<std::int64_t>;
    constexpr std::int64_t far = std::int64_t(1) << 62;
    const auto add = [&](std::string label, const Elements& x, List starts, List ends,
                         std::optional<List> axes = {}, std::optional<List> steps = {}) {
        Inputs inputs{x, integerElements(std::move(starts)), integerElements(std::move(ends))};
        for (const auto& more : {axes, steps})
            inputs.push_back(more ? std::optional(integerElements(*more)) : std::nullopt);
        cases.add(std::move(label), op::Slice{}, std::move(inputs));
    };
    add("rows", ramp({6, 3}), {1}, {4});
    add("both", ramp({6, 5}), {1, 2}, {6, 4});
    add("to the end", ramp({6, 5}), {2}, {far}, List{1});
    add("from the end", ramp({6, 5}), {-3}, {-1}, List{-1});
    add("steps", ramp({9, 5}), {1}, {9}, List{0}, List{3});
    add("backwards", ramp({4, 6}), {-1}, {-far}, List{1}, List{-1});
    add("backwards in steps", ramp({9}), {7}, {1}, List{0}, List{-2});
    add("two axes", ramp({3, 5, 7}), {6, 1}, {0, 5}, List{2, 1}, List{-3, 2});
    add("nothing", ramp({4, 3}), {3}, {1});
    add("outside", ramp({4, 3}), {10}, {20});
    add("before and behind", ramp({4}), {-100}, {100});
    add("backwards from before", ramp({4}), {-100}, {-far}, List{0}, List{-1});
    add("a huge step", ramp({4}), {1}, {4}, List{0}, List{far});
    add("a huge step back", ramp({4}), {3}, {-far}, List{0}, List{-far});
    add("of nothing", ramp({0, 3}), {0}, {5}, List{0}, List{-1});
    add("integers", ramp({5}, DType::I64), {1}, {4});
    add("booleans", ramp({5, 2}, DType::Bool), {1}, {4}, List{0}, List{2});
    return cases.take();
}

OperatorOracle gatherTable()
{
    Cases cases(gatherOracle);
    const Elements places = integerElements({2, 3}, {0, -1, 2, 2, 1, 0});
    cases.add("rows", op::Gather{0}, {ramp({4, 3}), places});
    cases.add("columns", op::Gather{-1}, {ramp({2, 4}), places});
    cases.add("middle", op::Gather{1}, {ramp({2, 3, 4}), places});
    cases.add("one", op::Gather{1}, {ramp({2, 3, 4}), integerElements(Shape{}, {-1})});
    cases.add("none", op::Gather{0}, {ramp({2, 3}), integerElements(Shape{0}, {})});
    cases.add("integers", op::Gather{0}, {ramp({4}, DType::I64), places});
    cases.add("booleans", op::Gather{0}, {ramp({4, 1}, DType::Bool), places});
    return cases.take();
}

OperatorOracle gatherElementsTable()
{
    Cases cases(gatherElementsOracle);
    cases.add("along rows", op::GatherElements{1},
              {ramp({2, 3}), integerElements({2, 4}, {0, 2, 2, -1, 1, 0, -3, 0})});
    cases.add("along columns", op::GatherElements{0},
              {ramp({3, 2}), integerElements({4, 2}, {0, 2, 2, 1, 1, 0, -1, 0})});
    cases.add("fewer", op::GatherElements{-1},
              {ramp({3, 2, 4}), integerElements({2, 1, 2}, {3, 0, -4, 3})});
    cases.add("integers", op::GatherElements{0},
              {ramp({3}, DType::I64), integerElements({2, 2, 0})});
    return cases.take();
}

OperatorOracle gatherNdTable()
{
    Cases cases(gatherNdOracle);
    cases.add("elements", op::GatherNd{0},
              {ramp({3, 4}), integerElements({3, 2}, {0, 1, 2, -1, 0, 1})});
    cases.add("slices", op::GatherNd{0}, {ramp({3, 2, 2}), integerElements({2, 1}, {2, -3})});
    cases.add("many", op::GatherNd{0}, {ramp({2, 3}), integerElements({2, 2, 1}, {1, 0, 1, 1})});
    cases.add("batches", op::GatherNd{1},
              {ramp({2, 3, 2}), integerElements({2, 2, 1}, {2, 0, 1, 1})});
    cases.add("integers", op::GatherNd{0},
              {ramp({3, 2}, DType::I64), integerElements({1, 2}, {2, 1})});
    return cases.take();
}

} // namespace

void addShapeOracles(OracleTable& table)
{
    table["Reshape"] = reshapeTable();
    Cases flatten(flattenOracle);
    for (const std::int64_t axis : {0, 1, 2, 3, -1, -3})
        flatten.add(concat("axis ", axis), op::Flatten{axis}, {ramp({2, 3, 4})});
    flatten.add("scalar", op::Flatten{0}, {ramp({})});
    table["Flatten"] = flatten.take();

    Cases squeeze(squeezeOracle);
    squeeze.add("all", op::Squeeze{}, {ramp({1, 3, 1, 2})});
    squeeze.add("some", op::Squeeze{}, {ramp({1, 3, 1, 2}), integerElements({-2})});
    squeeze.add("to a scalar", op::Squeeze{}, {ramp({1, 1})});
    table["Squeeze"] = squeeze.take();

    Cases unsqueeze(unsqueezeOracle);
    unsqueeze.add("front", op::Unsqueeze{}, {ramp({3, 2}), integerElements({0})});
    unsqueeze.add("both ends", op::Unsqueeze{}, {ramp({3, 2}), integerElements({-1, 0})});
    unsqueeze.add("scalar", op::Unsqueeze{}, {ramp({}), integerElements({0, 1})});
    table["Unsqueeze"] = unsqueeze.take();

    table["Transpose"] = transposeTable();
    table["Concat"] = concatTable();
    table["Split"] = splitTable();
    table["Slice"] = sliceTable();
    table["Gather"] = gatherTable();
    table["GatherElements"] = gatherElementsTable();
    table["GatherNd"] = gatherNdTable();

    Cases expand(expandOracle);
    const auto grow = [&](const char* label, const Elements& x, std::vector<std::int64_t> shape) {
        expand.add(label, op::Expand{}, {x, integerElements(std::move(shape))});
    };
    grow("rows", ramp({1, 4}), {3, 4});
    grow("both ways", ramp({3, 1, 2}), {2, 1, 5, 1});
    grow("shorter", ramp({2, 1, 3}), {4, 1});
    grow("scalar", ramp({}), {2, 3});
    grow("as it is", ramp({2, 3}), {1});
    grow("to nothing", ramp({1, 3}), {0, 3});
    grow("integers", ramp({3, 1}, DType::I64), {3, 2});
    table["Expand"] = expand.take();

    Cases tile(tileOracle);
    const auto repeat = [&](const char* label, const Elements& x, std::vector<std::int64_t> times) {
        tile.add(label, op::Tile{}, {x, integerElements(std::move(times))});
    };
    repeat("rows", ramp({2, 3}), {3, 1});
    repeat("both", ramp({2, 3}), {2, 4});
    repeat("three axes", ramp({2, 1, 3}), {1, 3, 2});
    repeat("none", ramp({2, 3}), {0, 1});
    repeat("scalar", ramp({}), {});
    repeat("booleans", ramp({3}, DType::Bool), {2});
    table["Tile"] = tile.take();

    Cases shape(shapeOfOracle);
    shape.add("all", op::ShapeOf{}, {ramp({2, 0, 4})});
    shape.add("part", op::ShapeOf{1, -1}, {ramp({2, 3, 4, 5})});
    shape.add("from the end", op::ShapeOf{-2, 9}, {ramp({2, 3, 4}, DType::I64)});
    shape.add("nothing", op::ShapeOf{2, 1}, {ramp({2, 3})});
    shape.add("scalar", op::ShapeOf{}, {ramp({})});
    table["ShapeOf"] = shape.take();

    Cases size(sizeOracle);
    size.add("matrix", op::Size{}, {ramp({2, 3})});
    size.add("scalar", op::Size{}, {ramp({})});
    size.add("empty", op::Size{}, {ramp({2, 0}, DType::Bool)});
    table["Size"] = size.take();

    Cases constant(constantOfShapeOracle);
    const auto filled = [](const Elements& one) {
        return op::ConstantOfShape{std::make_shared<const Tensor>(tensorOf(one))};
    };
    constant.add("zeros", op::ConstantOfShape{}, {integerElements({2, 3})});
    constant.add("floats", filled({{1}, {0.25}}), {integerElements({4})});
    constant.add("integers", filled(integerElements({7})), {integerElements({2, 2})});
    constant.add("booleans", filled({{}, {1}, DType::Bool}), {integerElements({5})});
    constant.add("scalar", filled({{1}, {3}}), {integerElements(Shape{0}, {})});
    constant.add("empty", filled({{1}, {3}}), {integerElements({3, 0})});
    table["ConstantOfShape"] = constant.take();

    Cases range(rangeOracle);
    const auto integer = [](std::int64_t value) { return integerElements(Shape{}, {value}); };
    const auto number = [](double value) { return Elements{{}, {value}}; };
    range.add("integers", op::Range{}, {integer(2), integer(11), integer(3)});
    range.add("down", op::Range{}, {integer(5), integer(-4), integer(-2)});
    range.add("none", op::Range{}, {integer(5), integer(5), integer(1)});
    range.add("the wrong way", op::Range{}, {integer(5), integer(2), integer(1)});
    range.add("floats", op::Range{}, {number(0.5), number(3), number(0.25)});
    range.add("floats down", op::Range{}, {number(1), number(-1), number(-0.5)});
    table["Range"] = range.take();
}

} // namespace gradus::test
