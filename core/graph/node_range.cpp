// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/node_range.h"

#include "core/base/error.h"
#include "core/graph/kernels.h"
#include "core/tensor/linalg.h"

#include <cassert>
#include <utility>

namespace gradus {

namespace {

/// Evaluates one node after the other; one overload per operator.
class Forward
{
public:
    Forward(const Weights& weights, Values& values, const Monitor& monitor,
            const InputObserver& observer, KeyValueCache* cache)
        : m_weights(weights)
        , m_values(values)
        , m_monitor(monitor)
        , m_observer(observer)
        , m_cache(cache)
    {
    }

    /// mayReuse(i): input i's memory may become the output's.
    template <class MayReuse>
    Tensor run(int index, const Node& node, const MayReuse& mayReuse)
    {
        m_index = index;
        m_node = &node;
        m_reusable.clear();
        for (std::size_t i = 0; i < node.inputs.size(); ++i)
            m_reusable.push_back(mayReuse(i));
        return std::visit(*this, node.op);
    }

    Tensor operator()(const op::Embedding&) const
    {
        throw Error(ErrorCode::Internal, "an embedding inside a block");
    }

    Tensor operator()(const op::RmsNorm& norm) const
    {
        Tensor result(in(0).shape());
        kernel::rmsNorm(in(0).matrix(), m_weights.get(norm.weight)->floats(), norm.epsilon,
                        result.matrix());
        return result;
    }

    Tensor operator()(const op::Linear& linear) const
    {
        const ConstMatrixView x = std::as_const(in(0)).matrix();
        if (m_observer)
            m_observer(m_index, x);
        Shape shape = in(0).shape();
        Tensor result;
        if (const auto kernel = m_weights.kernel(linear.weight)) {
            shape.back() = kernel->rows();
            result = Tensor(std::move(shape));
            kernel->apply(x, result.matrix(), m_monitor);
        } else {
            const auto weight = m_weights.get(linear.weight);
            shape.back() = weight->shape()[0];
            result = Tensor(std::move(shape));
            multiplyTransposed(x, weight->matrix(), result.matrix(), false, &m_monitor);
        }
        if (!linear.bias.empty())
            kernel::addBias(result.matrix(), m_weights.get(linear.bias)->floats());
        return result;
    }

    Tensor operator()(const op::Rotary& rotary) const
    {
        Tensor result = m_reusable[0] ? std::move(in(0)) : in(0).clone();
        kernel::rotary(result.matrix(), rotary, result.shape()[1],
                       m_cache ? m_cache->positions : 0);
        return result;
    }

    Tensor operator()(const op::Attention& attention) const
    {
        const Tensor& q = in(0);
        const Tensor& k = in(1);
        const Tensor& v = in(2);
        const std::int64_t batch = q.shape()[0];
        const std::int64_t sequence = q.shape()[1];
        Tensor out(q.shape());
        if (m_cache) {
            assert(batch == 1);
            auto& entry = m_cache->entries[m_index];
            entry.keys.insert(entry.keys.end(), k.floats().begin(), k.floats().end());
            entry.values.insert(entry.values.end(), v.floats().begin(), v.floats().end());
            const std::int64_t features = k.shape().back();
            const std::int64_t positions = m_cache->positions + sequence;
            kernel::attention(q.matrix(), {entry.keys.data(), positions, features},
                              {entry.values.data(), positions, features}, attention,
                              m_cache->positions, out.matrix(), m_monitor);
            return out;
        }
        for (std::int64_t b = 0; b < batch; ++b) {
            const auto part = [&](const Tensor& tensor) {
                return tensor.matrix().block(b * sequence, 0, sequence, tensor.shape().back());
            };
            kernel::attention(part(q), part(k), part(v), attention, 0,
                              out.matrix().block(b * sequence, 0, sequence, out.shape().back()),
                              m_monitor);
        }
        return out;
    }

    Tensor operator()(const op::Silu&) const
    {
        const std::span<const float> x = in(0).floats();
        Tensor result = likeInput(0);
        kernel::silu(x, result.floats());
        return result;
    }

    Tensor operator()(const op::Multiply&) const
    {
        const std::span<const float> a = in(0).floats();
        const std::span<const float> b = in(1).floats();
        Tensor result = likeInput(0);
        kernel::multiplyElements(a, b, result.floats());
        return result;
    }

    Tensor operator()(const op::Add&) const
    {
        const std::span<const float> a = in(0).floats();
        const std::span<const float> b = in(1).floats();
        Tensor result = likeInput(1);
        kernel::addElements(a, b, result.floats());
        return result;
    }

private:
    [[nodiscard]] Tensor& in(std::size_t i) const { return m_values.at(m_node->inputs[i]); }
    /// The input's own memory when nobody needs it after this node, else a new tensor like it.
    [[nodiscard]] Tensor likeInput(std::size_t i) const
    {
        return m_reusable[i] ? std::move(in(i)) : Tensor(in(i).shape());
    }

    const Weights& m_weights;
    Values& m_values;
    const Monitor& m_monitor;
    const InputObserver& m_observer;
    KeyValueCache* m_cache;
    int m_index = 0;
    const Node* m_node = nullptr;
    std::vector<bool> m_reusable;
};

} // namespace

NodeRange blockRange(const Model& model, int block)
{
    const Block& b = model.blocks[static_cast<std::size_t>(block)];
    return {b.firstNode, b.nodeCount, b.input, b.output};
}

NodeRange headRange(const Model& model)
{
    const Block& last = model.blocks.back();
    const int first = last.firstNode + last.nodeCount;
    return {first, static_cast<int>(model.graph.nodes.size()) - first, last.output,
            model.graph.output};
}

Values runNodes(const Model& model, const Weights& weights, const NodeRange& range, Tensor input,
                const std::set<ValueId>& kept, const Monitor& monitor,
                const InputObserver& observer, KeyValueCache* cache)
{
    const auto& nodes = model.graph.nodes;
    std::map<ValueId, int> lastUse;
    for (int n = range.first; n < range.first + range.count; ++n)
        for (const ValueId value : nodes[static_cast<std::size_t>(n)].inputs)
            lastUse[value] = n;

    Values values;
    values.emplace(range.input, std::move(input));
    Forward forward(weights, values, monitor, observer, cache);
    for (int n = range.first; n < range.first + range.count; ++n) {
        monitor.checkpoint();
        const Node& node = nodes[static_cast<std::size_t>(n)];
        const auto dies = [&](ValueId value) {
            return lastUse[value] == n && value != range.output && !kept.contains(value);
        };
        Tensor out = forward.run(n, node, [&](std::size_t i) { return dies(node.inputs[i]); });
        for (const ValueId value : node.inputs)
            if (dies(value))
                values.erase(value);
        values.insert_or_assign(node.output, std::move(out));
    }
    return values;
}

} // namespace gradus
