// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text.h"
#include "tests/support/operator_oracle.h"
#include "tests/support/positions.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus::test {

namespace {

using Kind = op::ReduceKind;

// ---- products
// ------------------------------------------------------------------------------------

std::vector<Elements> matMulOracle(const OperatorCase& test)
{
    const auto& op = std::get<op::MatMul>(test.op);
    const Elements& a = *test.inputs[0];
    const Elements& b = *test.inputs[1];
    Shape shapeA = a.shape;
    Shape shapeB = b.shape;
    if (shapeA.size() == 1)
        shapeA.insert(shapeA.begin(), 1);
    if (shapeB.size() == 1)
        shapeB.push_back(1);
    const bool turnA = op.transposeA && a.shape.size() > 1;
    const bool turnB = op.transposeB && b.shape.size() > 1;
    const std::size_t rank = std::max(shapeA.size(), shapeB.size());
    shapeA.insert(shapeA.begin(), rank - shapeA.size(), 1);
    shapeB.insert(shapeB.begin(), rank - shapeB.size(), 1);
    Shape full(rank);
    for (std::size_t i = 0; i + 2 < rank; ++i)
        full[i] = shapeA[i] == 1 ? shapeB[i] : shapeA[i];
    full[rank - 2] = turnA ? shapeA[rank - 1] : shapeA[rank - 2];
    full[rank - 1] = turnB ? shapeB[rank - 2] : shapeB[rank - 1];
    const std::int64_t inner = turnA ? shapeA[rank - 2] : shapeA[rank - 1];
    Elements y{full, {}};
    for (std::int64_t i = 0; i < elementCount(full); ++i) {
        const Shape at = positionOf(full, i);
        Shape inA = at;
        Shape inB = at;
        for (std::size_t k = 0; k + 2 < rank; ++k) {
            inA[k] = shapeA[k] == 1 ? 0 : at[k];
            inB[k] = shapeB[k] == 1 ? 0 : at[k];
        }
        double sum = 0;
        for (std::int64_t k = 0; k < inner; ++k) {
            inA[rank - 2] = turnA ? k : at[rank - 2];
            inA[rank - 1] = turnA ? at[rank - 2] : k;
            inB[rank - 2] = turnB ? at[rank - 1] : k;
            inB[rank - 1] = turnB ? k : at[rank - 1];
            sum += a.at[indexOf(shapeA, inA)] * b.at[indexOf(shapeB, inB)];
        }
        y.at.push_back(sum * static_cast<double>(op.scale));
    }
    // The axes that vectors were given.
    if (a.shape.size() == 1)
        y.shape.erase(y.shape.end() - 2);
    if (b.shape.size() == 1)
        y.shape.pop_back();
    return {y};
}

OperatorOracle matMulTable()
{
    OperatorOracle oracle{matMulOracle, {}};
    const auto add = [&](std::string label, op::MatMul op, Shape a, Shape b) {
        oracle.cases.push_back(
            {std::move(label),
             op,
             {randomElements(std::move(a), "a"), randomElements(std::move(b), "b")},
             {},
             1,
             1e-5,
             1e-5});
    };
    add("matrices", {}, {3, 4}, {4, 5});
    add("left turned", {true, false, 1}, {4, 3}, {4, 5});
    add("right turned", {false, true, 1}, {3, 4}, {5, 4});
    add("both turned", {true, true, 1}, {4, 3}, {5, 4});
    add("scaled", {false, true, 0.37F}, {2, 3, 4}, {2, 5, 4});
    add("attention", {false, true, 0.5F}, {2, 3, 5, 4}, {2, 3, 6, 4});
    add("against one matrix", {}, {2, 3, 2, 4}, {4, 5});
    add("against one of a stack", {}, {2, 3, 4}, {1, 4, 5});
    add("turned against one matrix", {true, false, 1}, {2, 3, 4, 2}, {4, 5});
    add("one matrix against many", {}, {3, 4}, {2, 2, 4, 5});
    add("both broadcast", {}, {2, 1, 3, 4}, {1, 3, 4, 2});
    add("both broadcast and turned", {true, true, 2}, {2, 1, 4, 3}, {3, 2, 4});
    add("vectors", {}, {6}, {6});
    add("vector on the left", {}, {4}, {2, 4, 3});
    add("vector on the right", {}, {2, 3, 4}, {4});
    add("nothing to sum", {}, {3, 0}, {0, 2});
    add("no rows", {}, {0, 3}, {3, 2});
    add("no batch", {}, {0, 2, 3}, {0, 3, 2});
    add("several tiles", {}, {300, 40}, {40, 530});
    oracle.cases.back().smooth = false;
    add("many small ones", {false, true, 0.125F}, {40, 12, 17, 16}, {40, 12, 17, 16});
    oracle.cases.back().smooth = false;
    return oracle;
}

// ---- softmax
// -------------------------------------------------------------------------------------

std::vector<Elements> softmaxOracle(const OperatorCase& test)
{
    const auto& op = std::get<op::Softmax>(test.op);
    const Elements& x = *test.inputs[0];
    Elements y = x;
    const std::size_t axis = x.shape.empty() ? 0 : plainAxis(op.axis, x.shape);
    // Elements of one group stand at the same place apart from the axis, or those from it on.
    const auto group = [&](std::int64_t i) {
        Shape at = positionOf(x.shape, i);
        for (std::size_t k = axis; k < at.size() && (k == axis || op.flattens); ++k)
            at[k] = 0;
        return at;
    };
    std::map<Shape, double> sums;
    for (std::int64_t i = 0; i < x.count(); ++i)
        sums[group(i)] += std::exp(x.at[static_cast<std::size_t>(i)]);
    for (std::int64_t i = 0; i < x.count(); ++i) {
        double& value = y.at[static_cast<std::size_t>(i)];
        value -= std::log(sums[group(i)]);
        value = op.logarithm ? value : std::exp(value);
    }
    return {y};
}

OperatorOracle softmaxTable()
{
    OperatorOracle oracle{softmaxOracle, {}};
    const auto add = [&](std::string label, op::Softmax op, const Shape& shape) {
        for (const bool logarithm : {false, true}) {
            op.logarithm = logarithm;
            oracle.cases.push_back({logarithm ? label + ", logarithm" : label,
                                    op,
                                    {randomElements(shape, "x", -6, 6)}});
        }
    };
    add("last axis", {}, {3, 2, 7});
    add("first axis", {0, false, false}, {5, 3});
    add("middle axis", {-2, false, false}, {2, 6, 3});
    add("from the middle", {1, false, true}, {2, 3, 4});
    add("one element", {}, {4, 1});
    add("scalar", {}, {});
    add("empty", {}, {0, 3});
    add("along nothing", {}, {3, 0});
    add("several chunks", {}, {700, 197});
    oracle.cases.back().smooth = (oracle.cases.end() - 2)->smooth = false;
    add("wide columns", {1, false, false}, {3, 19, 700});
    oracle.cases.back().smooth = (oracle.cases.end() - 2)->smooth = false;
    return oracle;
}

// ---- reductions
// ----------------------------------------------------------------------------------

double reduced(Kind kind, const std::vector<double>& x)
{
    constexpr double infinity = std::numeric_limits<double>::infinity();
    double sum = 0;
    double sizes = 0;
    double squares = 0;
    double exponentials = 0;
    double product = 1;
    double most = -infinity;
    double least = infinity;
    for (const double v : x) {
        sum += v;
        sizes += std::fabs(v);
        squares += v * v;
        exponentials += std::exp(v);
        product *= v;
        most = std::max(most, v);
        least = std::min(least, v);
    }
    switch (kind) {
    case Kind::Mean:
        return sum / static_cast<double>(x.size());
    case Kind::Sum:
        return sum;
    case Kind::Max:
        return most;
    case Kind::Min:
        return least;
    case Kind::Product:
        return product;
    case Kind::L1:
        return sizes;
    case Kind::L2:
        return std::sqrt(squares);
    case Kind::SumSquare:
        return squares;
    case Kind::LogSum:
        return std::log(sum);
    case Kind::LogSumExp:
        return std::log(exponentials);
    }
    return 0;
}

std::vector<Elements> reduceOracle(const OperatorCase& test)
{
    const auto& op = std::get<op::Reduce>(test.op);
    const Elements& x = *test.inputs[0];
    std::vector<double> axes(op.axes.begin(), op.axes.end());
    if (test.inputs.size() > 1 && test.inputs[1])
        axes = test.inputs[1]->at;
    std::vector<bool> gone(x.shape.size(), axes.empty() && !op.noopWithoutAxes);
    for (const double axis : axes)
        gone[plainAxis(static_cast<std::int64_t>(axis), x.shape)] = true;
    Shape kept = x.shape;
    for (std::size_t i = 0; i < gone.size(); ++i)
        kept[i] = gone[i] ? 1 : kept[i];
    std::vector<std::vector<double>> groups(static_cast<std::size_t>(elementCount(kept)));
    for (std::int64_t i = 0; i < x.count(); ++i) {
        Shape at = positionOf(x.shape, i);
        for (std::size_t k = 0; k < at.size(); ++k)
            at[k] = gone[k] ? 0 : at[k];
        groups[indexOf(kept, at)].push_back(x.at[static_cast<std::size_t>(i)]);
    }
    Elements y{{}, {}, x.dtype};
    for (std::size_t i = 0; i < kept.size(); ++i)
        if (!gone[i] || op.keepDims)
            y.shape.push_back(kept[i]);
    for (const auto& group : groups) {
        const double value = reduced(op.kind, group);
        y.at.push_back(x.dtype == DType::I64 ? std::trunc(value) : value);
    }
    return {y};
}

OperatorOracle reduceTable(Kind kind)
{
    OperatorOracle oracle{reduceOracle, {}};
    const auto operand = [&](const Shape& shape) {
        Elements x = distinctElements(shape, "reduce", kind == Kind::Product ? 0.13 : 0.021);
        return kind == Kind::LogSum ? mapped(x, [](double v) { return std::fabs(v) + 0.1; }) : x;
    };
    const auto add = [&](std::string label, const Shape& shape, std::vector<std::int64_t> axes,
                         bool keep = true) {
        oracle.cases.push_back(
            {std::move(label), op::Reduce{kind, std::move(axes), keep, false}, {operand(shape)}});
    };
    add("all", {2, 3, 4}, {});
    add("all, to a scalar", {5, 3}, {}, false);
    add("last", {3, 2, 7}, {-1}, false);
    add("first", {5, 6}, {0});
    add("middle", {2, 5, 3}, {1}, false);
    add("first and last", {3, 4, 2}, {0, 2});
    add("images", {2, 3, 4, 4}, {-1, -2});
    add("alternating", {2, 3, 2, 3, 2}, {1, 3}, false);
    add("axis of one", {3, 1, 4}, {1}, false);
    add("scalar", {}, {});
    add("nothing is left", {0, 3}, {1});
    const auto addLarge = [&](std::string label, const Shape& shape,
                              std::vector<std::int64_t> axes) {
        add(std::move(label), shape, std::move(axes));
        OperatorCase& test = oracle.cases.back();
        test.smooth = false;
        test.absolute = 1e-4; // sums of so many terms that cancel
        test.inputs[0] = mapped(randomElements(shape, "large"), [&](double v) {
            if (kind == Kind::Product) // thousands of factors overflow
                return v < 0 ? -1.0 : 1.0;
            return kind == Kind::LogSum ? std::fabs(v) : v;
        });
    };
    addLarge("several chunks of rows", {300, 401}, {1});
    addLarge("several chunks of columns", {1900, 61}, {0});
    addLarge("one long row", {100003}, {0});
    if (kind == Kind::Sum || kind == Kind::SumSquare || kind == Kind::L1 || kind == Kind::L2 ||
        kind == Kind::Product)
        add("of nothing", {3, 0}, {1});
    oracle.cases.push_back({"axes as an input",
                            op::Reduce{kind, {}, true, false},
                            {operand({2, 3, 4}), integerElements({-1, 0})}});
    oracle.cases.push_back(
        {"no axes, nothing to do", op::Reduce{kind, {}, true, true}, {operand({2, 3})}});
    const bool integers = kind != Kind::L2 && kind != Kind::LogSum && kind != Kind::LogSumExp;
    if (integers)
        oracle.cases.push_back({"integers",
                                op::Reduce{kind, {1}, false, false},
                                {integerElements({2, 4}, {3, -7, 5, 2, 1, 1, -2, 9})}});
    for (OperatorCase& test : oracle.cases)
        test.absolute = std::max(test.absolute, 1e-5);
    return oracle;
}

// ---- choosing
// ------------------------------------------------------------------------------------

/// The elements along an axis at the place where the others are as in `at`.
std::vector<double> lineOf(const Elements& x, std::size_t axis, Shape at)
{
    std::vector<double> line;
    for (at[axis] = 0; at[axis] < x.shape[axis]; ++at[axis])
        line.push_back(x.at[indexOf(x.shape, at)]);
    return line;
}

std::vector<Elements> argExtremeOracle(const OperatorCase& test)
{
    const auto& op = std::get<op::ArgExtreme>(test.op);
    const Elements& x = *test.inputs[0];
    const std::size_t axis = plainAxis(op.axis, x.shape);
    Elements y{x.shape, {}, DType::I64};
    y.shape[axis] = 1;
    for (std::int64_t i = 0; i < elementCount(y.shape); ++i) {
        const auto line = lineOf(x, axis, positionOf(y.shape, i));
        std::size_t best = 0;
        for (std::size_t j = 1; j < line.size(); ++j) {
            const bool better = op.maximum ? line[j] > line[best] : line[j] < line[best];
            if (better || (op.selectLast && line[j] == line[best]))
                best = j;
        }
        y.at.push_back(static_cast<double>(best));
    }
    if (!op.keepDims)
        y.shape.erase(y.shape.begin() + static_cast<std::ptrdiff_t>(axis));
    return {y};
}

std::vector<Elements> topKOracle(const OperatorCase& test)
{
    const auto& op = std::get<op::TopK>(test.op);
    const Elements& x = *test.inputs[0];
    const auto k = static_cast<std::int64_t>(test.inputs[1]->at[0]);
    const std::size_t axis = plainAxis(op.axis, x.shape);
    Elements values{x.shape, {}, x.dtype};
    values.shape[axis] = k;
    values.at.resize(static_cast<std::size_t>(elementCount(values.shape)));
    Elements indices{values.shape, values.at, DType::I64};
    Shape lines = x.shape;
    lines[axis] = 1;
    for (std::int64_t i = 0; i < elementCount(lines); ++i) {
        Shape at = positionOf(lines, i);
        const auto line = lineOf(x, axis, at);
        std::vector<std::size_t> order;
        for (std::size_t j = 0; j < line.size(); ++j)
            order.push_back(j);
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return op.largest ? line[a] > line[b] : line[a] < line[b];
        });
        for (at[axis] = 0; at[axis] < k; ++at[axis]) {
            const std::size_t to = indexOf(values.shape, at);
            values.at[to] = line[order[static_cast<std::size_t>(at[axis])]];
            indices.at[to] = static_cast<double>(order[static_cast<std::size_t>(at[axis])]);
        }
    }
    return {values, indices};
}

std::vector<Elements> cumSumOracle(const OperatorCase& test)
{
    const auto& op = std::get<op::CumSum>(test.op);
    const Elements& x = *test.inputs[0];
    const std::size_t axis = plainAxis(static_cast<std::int64_t>(test.inputs[1]->at[0]), x.shape);
    Elements y = x;
    for (std::int64_t i = 0; i < x.count(); ++i) {
        const Shape at = positionOf(x.shape, i);
        const auto line = lineOf(x, axis, at);
        double sum = 0;
        for (std::int64_t j = 0; j < x.shape[axis]; ++j) {
            const bool counts =
                j == at[axis] ? !op.exclusive : (op.reverse ? j > at[axis] : j < at[axis]);
            sum += counts ? line[static_cast<std::size_t>(j)] : 0;
        }
        y.at[static_cast<std::size_t>(i)] = sum;
    }
    return {y};
}

} // namespace

void addReductionOracles(OracleTable& table)
{
    table["MatMul"] = matMulTable();
    table["Softmax"] = softmaxTable();
    for (const Operator& any : everyOperator())
        if (const auto* reduce = std::get_if<op::Reduce>(&any))
            table[std::string(operatorName(any))] = reduceTable(reduce->kind);

    const Elements ties =
        mapped(randomElements({3, 7, 2}, "ties", -2, 2), [](double v) { return std::round(v); });
    OperatorOracle extreme{argExtremeOracle, {}};
    for (const bool maximum : {true, false})
        for (const bool last : {false, true})
            for (const std::int64_t axis : {0, 1, -1})
                extreme.cases.push_back({concat(maximum ? "maximum" : "minimum",
                                                last ? ", last" : ", first", ", axis ", axis),
                                         op::ArgExtreme{maximum, axis, axis == 1, last},
                                         {ties}});
    extreme.cases.push_back(
        {"integers", op::ArgExtreme{}, {integerElements({4, 1}, {3, 9, 9, 2})}});
    extreme.cases.push_back({"no lines", op::ArgExtreme{true, 1}, {randomElements({0, 3}, "x")}});
    table["ArgExtreme"] = std::move(extreme);

    OperatorOracle top{topKOracle, {}};
    for (const bool largest : {true, false})
        for (const std::int64_t axis : {0, -2, -1}) {
            const std::string label = concat(largest ? "largest" : "smallest", ", axis ", axis);
            top.cases.push_back({label,
                                 op::TopK{axis, largest, true},
                                 {distinctElements({3, 5, 2}, "top"), integerElements({2})},
                                 {},
                                 2});
            top.cases.push_back({label + ", equals",
                                 op::TopK{axis, largest, true},
                                 {ties, integerElements({2})},
                                 {},
                                 2});
            top.cases.back().smooth = false;
        }
    top.cases.push_back(
        {"all", op::TopK{}, {distinctElements({2, 6}, "top"), integerElements({6})}, {}, 2});
    top.cases.push_back(
        {"none", op::TopK{}, {distinctElements({2, 6}, "top"), integerElements({0})}, {}, 2});
    top.cases.push_back({"integers",
                         op::TopK{},
                         {integerElements({5}, {4, 1, 4, 9, 2}), integerElements({3})},
                         {},
                         2});
    table["TopK"] = std::move(top);

    OperatorOracle sum{cumSumOracle, {}};
    for (const bool exclusive : {false, true})
        for (const bool reverse : {false, true})
            for (const std::int64_t axis : {0, 1, -1})
                sum.cases.push_back(
                    {concat(exclusive ? "exclusive" : "inclusive", reverse ? ", reverse" : "",
                            ", axis ", axis),
                     op::CumSum{exclusive, reverse},
                     {randomElements({2, 4, 3}, "sum"), integerElements(Shape{}, {axis})}});
    sum.cases.push_back(
        {"integers", op::CumSum{}, {integerElements({5}, {4, 1, -4, 9, 2}), integerElements({0})}});
    table["CumSum"] = std::move(sum);
}

} // namespace gradus::test
