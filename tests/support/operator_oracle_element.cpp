// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text.h"
#include "tests/support/operator_oracle.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace gradus::test {

namespace {

using UnaryKind = op::UnaryKind;
using BinaryKind = op::BinaryKind;

double sigmoid(double x)
{
    return 1 / (1 + std::exp(-x));
}

double unaryOf(const op::Unary& u, double x)
{
    const double alpha = static_cast<double>(u.alpha);
    const double beta = static_cast<double>(u.beta);
    switch (u.kind) {
    case UnaryKind::Relu:
        return std::max(x, 0.0);
    case UnaryKind::LeakyRelu:
        return x < 0 ? alpha * x : x;
    case UnaryKind::Elu:
        return x < 0 ? alpha * std::expm1(x) : x;
    case UnaryKind::Selu:
        return beta * (x < 0 ? alpha * std::expm1(x) : x);
    case UnaryKind::Gelu:
        return x / 2 * std::erfc(-x / std::sqrt(2.0));
    case UnaryKind::GeluTanh:
        return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case UnaryKind::QuickGelu:
        return x * sigmoid(1.702 * x);
    case UnaryKind::Silu:
        return x * sigmoid(x);
    case UnaryKind::Sigmoid:
        return sigmoid(x);
    case UnaryKind::HardSigmoid:
        return std::clamp(alpha * x + beta, 0.0, 1.0);
    case UnaryKind::HardSwish:
        return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case UnaryKind::Softplus:
        return x > 30 ? x : std::log1p(std::exp(x));
    case UnaryKind::Softsign:
        return x / (1 + std::fabs(x));
    case UnaryKind::Mish:
        return x * std::tanh(x > 30 ? x : std::log1p(std::exp(x)));
    case UnaryKind::Tanh:
        return std::tanh(x);
    case UnaryKind::Erf:
        return std::erf(x);
    case UnaryKind::Exp:
        return std::exp(x);
    case UnaryKind::Log:
        return std::log(x);
    case UnaryKind::Sqrt:
        return std::sqrt(x);
    case UnaryKind::Reciprocal:
        return 1 / x;
    case UnaryKind::Abs:
        return std::fabs(x);
    case UnaryKind::Neg:
        return -x;
    case UnaryKind::Sign:
        return x > 0 ? 1 : (x < 0 ? -1 : 0);
    case UnaryKind::Floor:
        return std::floor(x);
    case UnaryKind::Ceil:
        return std::ceil(x);
    case UnaryKind::Round: // half to even
        return x - std::remainder(x, 1.0);
    case UnaryKind::Sin:
        return std::sin(x);
    case UnaryKind::Cos:
        return std::cos(x);
    case UnaryKind::Clip:
        return std::min(std::max(x, alpha), beta);
    case UnaryKind::Not:
        return x == 0 ? 1 : 0;
    }
    throw std::logic_error("no such kind");
}

double binaryOf(BinaryKind kind, double a, double b, bool integers)
{
    switch (kind) {
    case BinaryKind::Add:
        return a + b;
    case BinaryKind::Subtract:
        return a - b;
    case BinaryKind::Multiply:
        return a * b;
    case BinaryKind::Divide:
        return integers ? std::trunc(a / b) : a / b;
    case BinaryKind::Power:
        return integers ? std::trunc(std::pow(a, b)) : std::pow(a, b);
    case BinaryKind::Minimum:
        return std::min(a, b);
    case BinaryKind::Maximum:
        return std::max(a, b);
    case BinaryKind::Modulo:
        return a - b * std::floor(a / b);
    case BinaryKind::Remainder:
        return a - b * std::trunc(a / b);
    case BinaryKind::PRelu:
        return a < 0 ? a * b : a;
    case BinaryKind::Equal:
        return a == b;
    case BinaryKind::Less:
        return a < b;
    case BinaryKind::LessOrEqual:
        return a <= b;
    case BinaryKind::Greater:
        return a > b;
    case BinaryKind::GreaterOrEqual:
        return a >= b;
    case BinaryKind::And:
        return a != 0 && b != 0;
    case BinaryKind::Or:
        return a != 0 || b != 0;
    case BinaryKind::Xor:
        return (a != 0) != (b != 0);
    }
    throw std::logic_error("no such kind");
}

/// The result of broadcasting; every element asks which of x's it reads.
Shape together(const Shape& a, const Shape& b)
{
    const std::size_t rank = std::max(a.size(), b.size());
    Shape shape(rank, 1);
    for (const Shape* from : {&a, &b})
        for (std::size_t i = 0; i < from->size(); ++i) {
            std::int64_t& size = shape[rank - from->size() + i];
            size = (*from)[i] == 1 ? size : (*from)[i];
        }
    return shape;
}

double broadcastAt(const Elements& x, const Shape& shape, std::int64_t index)
{
    std::int64_t place = 0;
    std::int64_t stride = 1;
    for (std::size_t i = shape.size(); i-- > 0;) {
        const std::int64_t at = index % shape[i];
        index /= shape[i];
        if (i + x.shape.size() < shape.size())
            continue;
        const std::int64_t size = x.shape[i + x.shape.size() - shape.size()];
        place += (size == 1 ? 0 : at) * stride;
        stride *= size;
    }
    return x.at[static_cast<std::size_t>(place)];
}

std::vector<Elements> unaryOracle(const OperatorCase& test)
{
    const auto& u = std::get<op::Unary>(test.op);
    return {mapped(*test.inputs[0], [&](double x) { return unaryOf(u, x); })};
}

std::vector<Elements> binaryOracle(const OperatorCase& test)
{
    const BinaryKind kind = std::get<op::Binary>(test.op).kind;
    const Elements& a = *test.inputs[0];
    const Elements& b = *test.inputs[1];
    Elements y{together(a.shape, b.shape), {}, kind >= BinaryKind::Equal ? DType::Bool : a.dtype};
    for (std::int64_t i = 0; i < elementCount(y.shape); ++i)
        y.at.push_back(binaryOf(kind, broadcastAt(a, y.shape, i), broadcastAt(b, y.shape, i),
                                a.dtype == DType::I64));
    return {y};
}

std::vector<Elements> whereOracle(const OperatorCase& test)
{
    const Elements& c = *test.inputs[0];
    const Elements& a = *test.inputs[1];
    const Elements& b = *test.inputs[2];
    Elements y{together(c.shape, together(a.shape, b.shape)), {}, a.dtype};
    for (std::int64_t i = 0; i < elementCount(y.shape); ++i)
        y.at.push_back(broadcastAt(broadcastAt(c, y.shape, i) != 0 ? a : b, y.shape, i));
    return {y};
}

std::vector<Elements> castOracle(const OperatorCase& test)
{
    const DType to = std::get<op::Cast>(test.op).to;
    Elements y = mapped(*test.inputs[0], [&](double x) {
        return to == DType::Bool ? (x != 0 ? 1.0 : 0.0) : (isFloating(to) ? x : std::trunc(x));
    });
    y.dtype = to == DType::Bool ? to : (isFloating(to) ? DType::F32 : DType::I64);
    return {y};
}

bool takesIntegers(UnaryKind kind)
{
    return kind == UnaryKind::Abs || kind == UnaryKind::Neg || kind == UnaryKind::Sign ||
           kind == UnaryKind::Clip;
}

std::vector<OperatorCase> unaryCases(op::Unary u)
{
    // Alpha and beta as models have them; unused by most.
    u.alpha = u.kind == UnaryKind::Clip ? -0.7F : 0.21F;
    u.beta = u.kind == UnaryKind::Clip ? 1.1F : 0.43F;
    if (u.kind == UnaryKind::Not)
        return {{"matrix", u, {boolElements({5, 7}, "not")}},
                {"empty", u, {boolElements({0}, "")}}};
    const bool positive = u.kind == UnaryKind::Log || u.kind == UnaryKind::Sqrt;
    const bool away = u.kind == UnaryKind::Reciprocal;
    const double low = positive || away ? 0.1 : -4;
    std::vector<OperatorCase> cases;
    // Distinct values stay off 0; those of 3 × 11 are off the other kinks by their spacing.
    Elements some = distinctElements({3, 11}, "unary", 0.113);
    if (positive || away)
        some = mapped(some, [](double x) { return std::fabs(x) + 0.1; });
    cases.push_back({"matrix", u, {some}});
    cases.push_back({"scalar", u, {randomElements({}, "unary", 0.2, 0.6)}});
    cases.push_back({"empty", u, {randomElements({4, 0}, "unary")}});
    cases.push_back({"several chunks", u, {randomElements({7, 11003}, "unary", low, 4)}});
    cases.back().smooth = false;
    if (takesIntegers(u.kind)) {
        u.alpha = -3;
        u.beta = 5;
        cases.push_back({"integers", u, {integerElements({-9, -3, -1, 0, 1, 4, 5, 77})}});
        cases.back().smooth = false;
    }
    if (u.kind == UnaryKind::Round) {
        Elements halves{{8}, {-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 0.49999}};
        cases.push_back({"halves", u, {halves}});
    }
    return cases;
}

struct ShapePair
{
    const char* label;
    Shape a;
    Shape b;
};
const std::vector<ShapePair>& shapePairs()
{
    static const std::vector<ShapePair> pairs{
        {"same shape", {2, 3, 5}, {2, 3, 5}},
        {"scalar", {4, 7}, {}},
        {"scalar first", {}, {3, 4}},
        {"row", {2, 3, 5}, {5}},
        {"row first", {6}, {4, 6}},
        {"column", {4, 5}, {4, 1}},
        {"channels", {2, 3, 4, 5}, {1, 3, 1, 1}},
        {"channels of one image", {2, 3, 2, 2}, {3, 1, 1}},
        {"both ways", {3, 1, 4}, {1, 5, 1}},
        {"middle", {2, 1, 3, 4}, {2, 5, 1, 4}},
        {"empty", {0, 3}, {3}},
        {"empty by broadcasting", {1, 3}, {0, 1}},
    };
    return pairs;
}

/// Operands that keep off poles and kinks of the kind.
Elements operandOf(BinaryKind kind, const Shape& shape, bool second)
{
    Elements x = distinctElements(shape, second ? "b" : "a", second ? 0.031 : 0.037);
    if (kind == BinaryKind::Power && !second)
        return mapped(x, [](double v) { return static_cast<double>(float(std::fabs(v) + 0.3)); });
    const bool divides =
        kind == BinaryKind::Divide || kind == BinaryKind::Modulo || kind == BinaryKind::Remainder;
    if (divides && second) // quotients in (0, 1) or (−1, 0): far from their steps
        return mapped(x,
                      [](double v) { return static_cast<double>(float(v < 0 ? v - 9 : v + 9)); });
    const bool compares = kind >= BinaryKind::Equal;
    return compares ? mapped(x, [](double v) { return std::round(v * 8); }) : x;
}

std::vector<OperatorCase> binaryCases(BinaryKind kind)
{
    std::vector<OperatorCase> cases;
    const op::Binary binary{kind};
    const bool logic = kind >= BinaryKind::And;
    for (const auto& [label, a, b] : shapePairs()) {
        if (logic)
            cases.push_back({label, binary, {boolElements(a, "a"), boolElements(b, "b")}});
        else
            cases.push_back({label, binary, {operandOf(kind, a, false), operandOf(kind, b, true)}});
    }
    if (logic)
        return cases;
    const bool integers = true;
    const auto add = [&](std::string label, std::optional<Elements> a, std::optional<Elements> b) {
        cases.push_back({std::move(label), binary, {std::move(a), std::move(b)}});
        cases.back().smooth = false;
    };
    if (integers) {
        std::vector<std::int64_t> a{-7, -6, -1, 0, 1, 2, 6, 7};
        std::vector<std::int64_t> b{3, -3, 2, 5, 7, 6, -4, 1};
        if (kind == BinaryKind::Power)
            b = {3, 2, -3, 4, -2, 10, 0, 1};
        add("integers", integerElements(a), integerElements(b));
        add("integers and one", integerElements(a), integerElements(Shape{}, {2}));
    }
    add("several chunks", operandOf(kind, {300, 257}, false), operandOf(kind, {257}, true));
    add("long rows", operandOf(kind, {2, 1, 40000}, false), operandOf(kind, {3, 1}, true));
    if (kind == BinaryKind::Equal)
        cases.push_back({"booleans", binary, {boolElements({9}, "a"), boolElements({9}, "b")}});
    if (kind == BinaryKind::Power)
        for (const double exponent : {2.0, 3.0, 0.5, -1.0, 0.0})
            cases.push_back({concat("exponent ", exponent),
                             binary,
                             {operandOf(kind, {3, 4}, false), Elements{{1}, {exponent}}}});
    return cases;
}

std::vector<OperatorCase> whereCases()
{
    const op::Where where;
    std::vector<OperatorCase> cases;
    for (const auto& [label, a, b] : shapePairs())
        cases.push_back(
            {label, where, {boolElements(a, "c"), randomElements(a, "a"), randomElements(b, "b")}});
    cases.push_back(
        {"condition repeats",
         where,
         {boolElements({4, 1}, "c"), randomElements({4, 5}, "a"), randomElements({1, 5}, "b")}});
    cases.push_back(
        {"one condition",
         where,
         {Elements{{}, {1}, DType::Bool}, randomElements({3}, "a"), randomElements({2, 1}, "b")}});
    cases.push_back(
        {"integers",
         where,
         {boolElements({3}, "c"), integerElements({1, 2, 3}), integerElements(Shape{}, {9})}});
    cases.push_back({"booleans",
                     where,
                     {boolElements({6}, "c"), boolElements({6}, "a"), boolElements({1}, "b")}});
    return cases;
}

std::vector<OperatorCase> castCases()
{
    const Elements floats{{7}, {-3.7, -0.5, 0, 0.5, 2.0, 3.999, 1e6}};
    std::vector<OperatorCase> cases;
    for (const DType to :
         {DType::F32, DType::I64, DType::Bool, DType::F16, DType::F64, DType::I32, DType::U8})
        for (const Elements& from :
             {floats, integerElements({-2, 0, 5}), boolElements({2, 3}, "cast")}) {
            cases.push_back(
                {concat(dtypeName(from.dtype), " to ", dtypeName(to)), op::Cast{to}, {from}});
            cases.back().smooth = isFloating(to) && from.dtype == DType::F32;
        }
    return cases;
}

} // namespace

void addElementOracles(OracleTable& table)
{
    for (const Operator& any : everyOperator()) {
        const std::string name(operatorName(any));
        if (const auto* unary = std::get_if<op::Unary>(&any))
            table[name] = {unaryOracle, unaryCases(*unary)};
        else if (const auto* binary = std::get_if<op::Binary>(&any))
            table[name] = {binaryOracle, binaryCases(binary->kind)};
    }
    table["Where"] = {whereOracle, whereCases()};
    table["Cast"] = {castOracle, castCases()};
}

} // namespace gradus::test
