// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/executor.h"
#include "core/graph/node_range.h"

#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace gradus::test {

/// Tensors that lie in memory, as a model's file.
class MemoryFile final : public ModelFile
{
public:
    explicit MemoryFile(std::map<std::string, Tensor> tensors)
    {
        std::vector<TensorInfo> infos;
        for (auto& [name, tensor] : tensors) {
            infos.push_back(
                {name, tensor.dtype(), tensor.shape(), tensor.bytes().size(), "memory"});
            m_values.push_back(std::move(tensor));
        }
        setTensors(std::move(infos));
    }

private:
    Tensor readTensor(std::size_t index) const override { return m_values[index].clone(); }

    std::vector<Tensor> m_values;
};

/// A graph of one node: its inputs are the values 0, 1, …, its outputs those after them.
class OneNodeModel
{
public:
    /// present: which inputs there are; a missing one is noValue.
    OneNodeModel(Operator op, const std::vector<bool>& present, std::size_t outputs = 1,
                 std::map<std::string, Tensor> parameters = {})
    {
        auto model = std::make_shared<Model>();
        model->source.tensors = std::make_shared<MemoryFile>(std::move(parameters));
        Node node{std::move(op), {}, {}, "the node"};
        for (std::size_t i = 0; i < present.size(); ++i)
            node.inputs.push_back(present[i] ? static_cast<ValueId>(i) : noValue);
        for (std::size_t k = 0; k < outputs; ++k)
            node.outputs.push_back(static_cast<ValueId>(present.size() + k));
        model->graph.values = static_cast<int>(present.size() + outputs);
        model->graph.output = node.output();
        model->graph.nodes.push_back(std::move(node));
        m_model = std::move(model);
        m_weights.emplace(m_model, std::uint64_t(1) << 28);
    }

    const Model& model() const { return *m_model; }
    const Weights& weights() const { return *m_weights; }
    const Node& node() const { return m_model->graph.nodes.front(); }

    /// keepsInputs: nothing may write into them, and they are among the result's values.
    Values run(Values inputs, bool keepsInputs = false, const Monitor& monitor = Monitor()) const
    {
        std::set<ValueId> kept(node().outputs.begin(), node().outputs.end());
        if (keepsInputs)
            kept.insert(node().inputs.begin(), node().inputs.end());
        return runNodes(*m_model, *m_weights, 0, 1, std::move(inputs), {}, kept, monitor);
    }
    /// The outputs alone; inputs in order, none of them missing.
    std::vector<Tensor> run(std::vector<Tensor> inputs) const
    {
        Values values;
        for (std::size_t i = 0; i < inputs.size(); ++i)
            values.emplace(static_cast<ValueId>(i), std::move(inputs[i]));
        values = run(std::move(values));
        std::vector<Tensor> outputs;
        for (const ValueId value : node().outputs)
            outputs.push_back(std::move(values.at(value)));
        return outputs;
    }
    /// What a backward pass through the node to input i takes.
    NodeRange range(std::size_t i) const
    {
        NodeRange range{0, 1, node().inputs[i], node().output(), {}};
        for (const ValueId value : node().inputs)
            if (value != noValue && value != range.input)
                range.sides.push_back(value);
        return range;
    }

private:
    std::shared_ptr<const Model> m_model;
    std::optional<Weights> m_weights;
};

} // namespace gradus::test
