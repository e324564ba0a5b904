// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/executor.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/kernels.h"
#include "core/tensor/linalg.h"

#include <cstring>
#include <utility>

namespace gradus {

namespace {

template <class... F>
struct Overloaded : F...
{
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

} // namespace

Executor::Executor(const Model& model, const Weights& weights)
    : m_model(model)
    , m_weights(weights)
{
    if (!model.canRun())
        throw Error(ErrorCode::Unsupported,
                    concat(model.source.path.string(), " cannot be run: ", model.whyNotRunnable));
}

Tensor Executor::embed(std::span<const Token> tokens, std::int64_t batch) const
{
    const Node& node = m_model.graph.nodes.front();
    const auto weight = m_weights.get(std::get<op::Embedding>(node.op).weight);
    const ConstMatrixView table = weight->matrix();
    const auto count = static_cast<std::int64_t>(tokens.size());
    assert(batch > 0 && count % batch == 0);
    Tensor hidden({batch, count / batch, table.cols});
    const MatrixView rows = hidden.matrix();
    for (std::int64_t i = 0; i < count; ++i) {
        const Token token = tokens[static_cast<std::size_t>(i)];
        if (token < 0 || token >= table.rows)
            throw Error(ErrorCode::Shape,
                        concat("token id ", token, " is outside the model's vocabulary of ",
                               table.rows, "; does this tokenizer belong to the model?"));
        const auto from = table.row(token);
        std::memcpy(rows.row(i).data(), from.data(), from.size_bytes());
    }
    return hidden;
}

Tensor Executor::runNodes(int first, int count, ValueId inputValue, Tensor input,
                          ValueId outputValue, const Monitor& monitor,
                          const InputObserver& observer, KeyValueCache* cache) const
{
    const auto& nodes = m_model.graph.nodes;
    std::map<ValueId, int> lastUse;
    for (int n = first; n < first + count; ++n)
        for (const ValueId value : nodes[static_cast<std::size_t>(n)].inputs)
            lastUse[value] = n;

    std::map<ValueId, Tensor> values;
    values.emplace(inputValue, std::move(input));
    for (int n = first; n < first + count; ++n) {
        monitor.checkpoint();
        const Node& node = nodes[static_cast<std::size_t>(n)];
        const auto in = [&](std::size_t i) -> Tensor& { return values.at(node.inputs[i]); };
        /// The input's own buffer when nobody needs it after this node, else a new one like it.
        const auto reuse = [&](std::size_t i) {
            Tensor& tensor = in(i);
            return lastUse[node.inputs[i]] == n && node.inputs[i] != outputValue
                       ? std::move(tensor)
                       : Tensor(tensor.shape());
        };
        Tensor out = std::visit(
            Overloaded{
                [&](const op::Embedding&) -> Tensor {
                    throw Error(ErrorCode::Internal, "an embedding inside a block");
                },
                [&](const op::RmsNorm& norm) {
                    Tensor result(in(0).shape());
                    kernel::rmsNorm(in(0).matrix(), m_weights.get(norm.weight)->floats(),
                                    norm.epsilon, result.matrix());
                    return result;
                },
                [&](const op::Linear& linear) {
                    const ConstMatrixView x = std::as_const(in(0)).matrix();
                    if (observer)
                        observer(n, x);
                    Shape shape = in(0).shape();
                    Tensor result;
                    if (const auto kernel = m_weights.kernel(linear.weight)) {
                        shape.back() = kernel->rows();
                        result = Tensor(std::move(shape));
                        kernel->apply(x, result.matrix(), monitor);
                    } else {
                        const auto weight = m_weights.get(linear.weight);
                        shape.back() = weight->shape()[0];
                        result = Tensor(std::move(shape));
                        multiplyTransposed(x, weight->matrix(), result.matrix(), false, &monitor);
                    }
                    if (!linear.bias.empty())
                        kernel::addBias(result.matrix(), m_weights.get(linear.bias)->floats());
                    return result;
                },
                [&](const op::Rotary& rotary) {
                    const Tensor& x = in(0);
                    Tensor result = lastUse[node.inputs[0]] == n ? std::move(in(0)) : x.clone();
                    kernel::rotary(result.matrix(), rotary, result.shape()[1],
                                   cache ? cache->positions : 0);
                    return result;
                },
                [&](const op::Attention& attention) {
                    return runAttention(attention, n, in(0), in(1), in(2), monitor, cache);
                },
                [&](const op::Silu&) {
                    const std::span<const float> x = in(0).floats();
                    Tensor result = reuse(0);
                    kernel::silu(x, result.floats());
                    return result;
                },
                [&](const op::Multiply&) {
                    const std::span<const float> a = in(0).floats();
                    const std::span<const float> b = in(1).floats();
                    Tensor result = reuse(0);
                    kernel::multiplyElements(a, b, result.floats());
                    return result;
                },
                [&](const op::Add&) {
                    const std::span<const float> a = in(0).floats();
                    const std::span<const float> b = in(1).floats();
                    Tensor result = reuse(1);
                    kernel::addElements(a, b, result.floats());
                    return result;
                },
            },
            node.op);
        for (const ValueId value : node.inputs)
            if (lastUse[value] == n && value != outputValue)
                values.erase(value);
        values.insert_or_assign(node.output, std::move(out));
    }
    return std::move(values.at(outputValue));
}

Tensor Executor::runAttention(const op::Attention& attention, int node, const Tensor& q,
                              const Tensor& k, const Tensor& v, const Monitor& monitor,
                              KeyValueCache* cache) const
{
    const std::int64_t batch = q.shape()[0];
    const std::int64_t sequence = q.shape()[1];
    Tensor out(q.shape());
    if (cache) {
        assert(batch == 1);
        auto& entry = cache->entries[node];
        entry.keys.insert(entry.keys.end(), k.floats().begin(), k.floats().end());
        entry.values.insert(entry.values.end(), v.floats().begin(), v.floats().end());
        const std::int64_t features = k.shape().back();
        const std::int64_t positions = cache->positions + sequence;
        kernel::attention(q.matrix(), {entry.keys.data(), positions, features},
                          {entry.values.data(), positions, features}, attention, cache->positions,
                          out.matrix(), monitor);
        return out;
    }
    for (std::int64_t b = 0; b < batch; ++b) {
        const auto part = [&](const Tensor& tensor) {
            return tensor.matrix().block(b * sequence, 0, sequence, tensor.shape().back());
        };
        kernel::attention(part(q), part(k), part(v), attention, 0,
                          out.matrix().block(b * sequence, 0, sequence, out.shape().back()),
                          monitor);
    }
    return out;
}

void Executor::runBlock(int block, Tensor& hidden, const Monitor& monitor,
                        const InputObserver& observer, KeyValueCache* cache) const
{
    const Block& b = m_model.blocks[static_cast<std::size_t>(block)];
    hidden = runNodes(b.firstNode, b.nodeCount, b.input, std::move(hidden), b.output, monitor,
                      observer, cache);
}

Tensor Executor::head(ConstMatrixView hidden, const Monitor& monitor,
                      const InputObserver& observer) const
{
    const Block& last = m_model.blocks.back();
    const int first = last.firstNode + last.nodeCount;
    Tensor input({1, hidden.rows, hidden.cols});
    for (std::int64_t r = 0; r < hidden.rows; ++r)
        std::memcpy(input.matrix().row(r).data(), hidden.row(r).data(), hidden.row(r).size_bytes());
    Tensor result =
        runNodes(first, static_cast<int>(m_model.graph.nodes.size()) - first, last.output,
                 std::move(input), m_model.graph.output, monitor, observer, nullptr);
    result.reshape({hidden.rows, result.shape().back()});
    return result;
}

Tensor Executor::logits(std::span<const Token> tokens, std::int64_t batch, const Monitor& monitor,
                        KeyValueCache* cache) const
{
    Tensor hidden = embed(tokens, batch);
    for (int block = 0; block < static_cast<int>(m_model.blocks.size()); ++block)
        runBlock(block, hidden, monitor, {}, cache);
    if (cache)
        cache->positions += static_cast<std::int64_t>(tokens.size());
    return head(std::as_const(hidden).matrix(), monitor);
}

} // namespace gradus
