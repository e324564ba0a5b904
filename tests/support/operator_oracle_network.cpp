// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/operator_oracle.h"
#include "tests/support/scalar_operators.h"

#include <cmath>
#include <limits>
#include <utility>

namespace gradus::test {

namespace {

using Results = std::vector<Elements>;

const Elements& input(const OperatorCase& test, std::size_t i)
{
    return *test.inputs.at(i);
}

/// x with other elements and, if given, another last size.
Results like(const Elements& x, std::vector<double> values, std::int64_t last = -1)
{
    Elements result{x.shape, std::move(values), DType::F32};
    if (last >= 0)
        result.shape.back() = last;
    return {std::move(result)};
}

Results embedding(const OperatorCase& test)
{
    const Elements& table = test.parameters.at(std::get<op::Embedding>(test.op).weight);
    const std::int64_t features = table.shape.back();
    Elements result = input(test, 0);
    result.dtype = DType::F32;
    result.shape.push_back(features);
    result.at.clear();
    for (double id : input(test, 0).at) {
        id += id < 0 ? static_cast<double>(table.shape.front()) : 0;
        for (std::int64_t f = 0; f < features; ++f)
            result.at.push_back(
                table.at[static_cast<std::size_t>(static_cast<std::int64_t>(id) * features + f)]);
    }
    return {std::move(result)};
}

Results rmsNorm(const OperatorCase& test)
{
    const auto& norm = std::get<op::RmsNorm>(test.op);
    return like(input(test, 0),
                scalar::rmsNorm(input(test, 0).at, test.parameters.at(norm.weight).at,
                                static_cast<double>(norm.epsilon)));
}

Results linear(const OperatorCase& test)
{
    const auto& product = std::get<op::Linear>(test.op);
    const Elements& weight = test.parameters.at(product.weight);
    const auto out = static_cast<std::size_t>(weight.shape[0]);
    const auto in = static_cast<std::size_t>(weight.shape[1]);
    const std::vector<double>& x = input(test, 0).at;
    std::vector<double> y;
    for (std::size_t row = 0; row < x.size() / in; ++row)
        for (std::size_t o = 0; o < out; ++o) {
            double sum = product.bias.empty() ? 0 : test.parameters.at(product.bias).at[o];
            for (std::size_t i = 0; i < in; ++i)
                sum += x[row * in + i] * weight.at[o * in + i];
            y.push_back(sum);
        }
    return like(input(test, 0), std::move(y), weight.shape[0]);
}

Results rotary(const OperatorCase& test)
{
    const Elements& x = input(test, 0);
    return like(x, scalar::rotary(x.at, static_cast<std::size_t>(x.shape[2]),
                                  std::get<op::Rotary>(test.op),
                                  static_cast<std::size_t>(x.shape[1])));
}

/// The mask's element for a score, by broadcasting from its last axis.
double maskAt(const Elements& mask, std::span<const std::int64_t> place)
{
    std::int64_t at = 0;
    const std::size_t missing = place.size() - mask.shape.size();
    for (std::size_t axis = 0; axis < mask.shape.size(); ++axis)
        at = at * mask.shape[axis] + (mask.shape[axis] == 1 ? 0 : place[missing + axis]);
    return mask.at[static_cast<std::size_t>(at)];
}

Results attention(const OperatorCase& test)
{
    const auto& shape = std::get<op::Attention>(test.op);
    const Elements& q = input(test, 0);
    const Elements& k = input(test, 1);
    const Elements& v = input(test, 2);
    const bool masked = test.inputs.size() > 3 && test.inputs[3];
    const std::int64_t n = q.shape[1];
    const std::int64_t m = k.shape[1];
    const std::int64_t dim = shape.headDim;
    const auto element = [&](const Elements& x, std::int64_t b, std::int64_t row,
                             std::int64_t feature) {
        return x.at[static_cast<std::size_t>((b * x.shape[1] + row) * x.shape[2] + feature)];
    };
    std::vector<double> y;
    for (std::int64_t b = 0; b < q.shape[0]; ++b)
        for (std::int64_t i = 0; i < n; ++i)
            for (std::int64_t head = 0; head < shape.heads; ++head) {
                const std::int64_t kv = head / (shape.heads / shape.kvHeads);
                // The queries stand at the last n of m positions.
                const std::int64_t position = m - n + i;
                std::vector<double> p(static_cast<std::size_t>(m));
                double sum = 0;
                for (std::int64_t j = 0; j < m; ++j) {
                    double score = 0;
                    for (std::int64_t f = 0; f < dim; ++f)
                        score += element(q, b, i, head * dim + f) * element(k, b, j, kv * dim + f);
                    score *= static_cast<double>(shape.scale);
                    const std::int64_t place[] = {b, head, i, j};
                    if (masked)
                        score += maskAt(input(test, 3), place);
                    if (shape.causal &&
                        (j > position || (shape.window > 0 && j + shape.window <= position)))
                        score = -std::numeric_limits<double>::infinity();
                    p[static_cast<std::size_t>(j)] = std::exp(score);
                    sum += p[static_cast<std::size_t>(j)];
                }
                for (std::int64_t f = 0; f < dim; ++f) {
                    double mixed = 0;
                    for (std::int64_t j = 0; j < m; ++j)
                        mixed +=
                            p[static_cast<std::size_t>(j)] / sum * element(v, b, j, kv * dim + f);
                    y.push_back(mixed);
                }
            }
    return like(q, std::move(y));
}

OperatorCase attentionCase(std::string label, const op::Attention& shape, std::int64_t batch,
                           std::int64_t queries, std::int64_t keys, Shape mask = {})
{
    const std::int64_t features = shape.heads * shape.headDim;
    const std::int64_t keyFeatures = shape.kvHeads * shape.headDim;
    OperatorCase test{std::move(label),
                      shape,
                      {randomElements({batch, queries, features}, "q"),
                       randomElements({batch, keys, keyFeatures}, "k"),
                       randomElements({batch, keys, keyFeatures}, "v")}};
    if (!mask.empty())
        test.inputs.emplace_back(randomElements(std::move(mask), "mask"));
    return test;
}

} // namespace

void addNetworkOracles(OracleTable& table)
{
    OperatorOracle& rows = table["Embedding"];
    rows.evaluate = embedding;
    rows.cases = {
        {"ids of a batch",
         op::Embedding{"table"},
         {integerElements({2, 3}, {4, 0, 1, 4, 3, 2})},
         {{"table", randomElements({5, 7}, "table")}}},
        {"ids that count from the end",
         op::Embedding{"table", true},
         {integerElements({2, 2}, {-1, 0, 2, -3})},
         {{"table", randomElements({3, 4}, "table")}}},
        {"one id",
         op::Embedding{"table"},
         {integerElements({1}, {1})},
         {{"table", randomElements({2, 3}, "table")}}},
    };

    OperatorOracle& norm = table["RmsNorm"];
    norm.evaluate = rmsNorm;
    norm.cases = {
        {"batch",
         op::RmsNorm{"w", 1e-5F},
         {randomElements({2, 3, 17}, "x")},
         {{"w", randomElements({17}, "w")}}},
        {"large epsilon",
         op::RmsNorm{"w", 0.5F},
         {randomElements({4, 6}, "x")},
         {{"w", randomElements({6}, "w")}}},
    };

    OperatorOracle& products = table["Linear"];
    products.evaluate = linear;
    products.cases = {
        {"bias",
         op::Linear{"w", "b"},
         {randomElements({2, 3, 11}, "x")},
         {{"w", randomElements({5, 11}, "w")}, {"b", randomElements({5}, "b")}}},
        {"no bias, one row",
         op::Linear{"w", ""},
         {randomElements({19}, "x")},
         {{"w", randomElements({4, 19}, "w")}}},
    };

    OperatorOracle& turned = table["Rotary"];
    turned.evaluate = rotary;
    turned.cases = {
        {"two heads", op::Rotary{6, {1.0F, 0.3F, 0.01F}}, {randomElements({2, 5, 12}, "x")}},
        {"one head", op::Rotary{2, {0.7F}}, {randomElements({1, 3, 2}, "x")}},
    };

    OperatorOracle& mixed = table["Attention"];
    mixed.evaluate = attention;
    mixed.cases = {
        attentionCase("causal", {2, 2, 4, 0.5F, 0, true}, 2, 5, 5),
        attentionCase("causal, shared keys, window", {4, 2, 3, 0.6F, 2, true}, 1, 6, 6),
        attentionCase("both ways", {2, 1, 4, 0.5F, 0, false}, 2, 4, 4),
        attentionCase("more keys than queries", {2, 2, 3, 0.4F, 0, false}, 2, 3, 7),
        attentionCase("mask of keys", {2, 2, 3, 0.4F, 0, false}, 2, 4, 4, {2, 1, 1, 4}),
        attentionCase("mask of scores", {3, 1, 2, 0.4F, 0, false}, 2, 3, 5, {3, 3, 5}),
    };
}

} // namespace gradus::test
