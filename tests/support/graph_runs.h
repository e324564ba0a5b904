// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/executor.h"
#include "core/graph/gradient.h"
#include "core/graph/node_range.h"
#include "tests/support/tiny_model.h"

#include <cstring>
#include <functional>
#include <utility>
#include <vector>

namespace gradus::test {

/// A batch of integers as a graph's input, rows × columns.
inline Tensor integerRows(const std::vector<std::vector<int>>& rows)
{
    Tensor tensor(DType::I64, {static_cast<std::int64_t>(rows.size()),
                               static_cast<std::int64_t>(rows.front().size())});
    auto* to = reinterpret_cast<std::int64_t*>(tensor.bytes().data());
    for (const auto& row : rows)
        to = std::copy(row.begin(), row.end(), to);
    return tensor;
}

inline std::vector<int> someInts(int count, int below, const std::string& what)
{
    RandomStream random(3, what, "ints");
    std::vector<int> values;
    for (int i = 0; i < count; ++i)
        values.push_back(static_cast<int>(random.below(static_cast<std::uint64_t>(below))));
    return values;
}

/// rows × features, of one sequence, for the executor.
inline Tensor sequenceTensor(const TinyModel::Rows& rows)
{
    Tensor tensor(
        {1, static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(rows[0].size())});
    const auto flat = flatRows(rows);
    std::copy(flat.begin(), flat.end(), tensor.floats().begin());
    return tensor;
}

inline TinyModel::Rows randomRows(int rows, int features, const std::string& what)
{
    RandomStream random(11, what, "rows");
    TinyModel::Rows result(static_cast<std::size_t>(rows),
                           std::vector<double>(static_cast<std::size_t>(features)));
    for (auto& row : result)
        for (double& value : row)
            value = static_cast<double>(static_cast<float>(random.normal()));
    return result;
}

/// dL/d(input) of a block for L = Σ c · block(input), and by layer name dL/dW (out × in).
struct BlockGradients
{
    std::vector<float> input;
    std::map<std::string, std::vector<double>> weights;
};

inline BlockGradients blockGradients(const std::shared_ptr<const Model>& model, int block,
                                     const TinyModel::Rows& input, const Values& sides,
                                     const TinyModel::Rows& c)
{
    const Monitor monitor;
    const Weights weights(model, 1 << 28);
    std::set<int> wanted;
    for (const Layer& layer : model->layers)
        if (layer.block == block)
            wanted.insert(layer.node);
    GradientPass pass(*model, weights, blockRange(*model, block), wanted, true);
    (void)pass.forward(sequenceTensor(input), sides, monitor);
    BlockGradients result;
    GradientSink sink;
    sink.linear = [&](int node, ConstMatrixView x, ConstMatrixView delta) {
        auto& sums = result.weights[model->graph.nodes[static_cast<std::size_t>(node)].name];
        sums.assign(static_cast<std::size_t>(delta.cols * x.cols), 0);
        for (std::int64_t r = 0; r < x.rows; ++r)
            for (std::int64_t o = 0; o < delta.cols; ++o)
                for (std::int64_t i = 0; i < x.cols; ++i)
                    sums[static_cast<std::size_t>(o * x.cols + i)] +=
                        static_cast<double>(delta.row(r)[static_cast<std::size_t>(o)]) *
                        static_cast<double>(x.row(r)[static_cast<std::size_t>(i)]);
    };
    sink.norm = [](int, const std::string&, std::span<const float>) {};
    const Tensor gradient = pass.backward(sequenceTensor(c), sink, monitor);
    result.input.assign(gradient.floats().begin(), gradient.floats().end());
    return result;
}

inline double innerProduct(const TinyModel::Rows& a, const TinyModel::Rows& b)
{
    double sum = 0;
    for (std::size_t t = 0; t < a.size(); ++t)
        for (std::size_t i = 0; i < a[t].size(); ++i)
            sum += a[t][i] * b[t][i];
    return sum;
}

/// Central differences of Σ c · f(input) in every element of input.
inline std::vector<double>
inputDifferences(const std::function<TinyModel::Rows(const TinyModel::Rows&)>& f,
                 TinyModel::Rows input, const TinyModel::Rows& c)
{
    constexpr double step = 1e-5;
    std::vector<double> result;
    for (auto& row : input)
        for (double& value : row) {
            const double old = value;
            value = old + step;
            const double above = innerProduct(f(input), c);
            value = old - step;
            result.push_back((above - innerProduct(f(input), c)) / (2 * step));
            value = old;
        }
    return result;
}

} // namespace gradus::test
