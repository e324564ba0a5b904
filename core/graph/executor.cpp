// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/executor.h"

#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/text.h"
#include "core/graph/live_values.h"
#include "core/graph/node_range.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <utility>

namespace gradus {

namespace {

Tensor converted(Tensor tensor, DType dtype, const GraphPort& port)
{
    if (tensor.dtype() == dtype)
        return tensor;
    if (dtype == DType::F32)
        return toFloat(tensor.view());
    throw Error(ErrorCode::Shape,
                concat("input ", quoted(port.name), " is ", dtypeName(tensor.dtype()),
                       ", expected ", dtypeName(dtype)));
}

void requireFit(const Tensor& tensor, const GraphPort& port)
{
    const Shape& shape = tensor.shape();
    bool fits = shape.size() == port.shape.size() || port.shape.empty();
    for (std::size_t i = 0; fits && i < port.shape.size(); ++i)
        fits = port.shape[i] < 0 || port.shape[i] == shape[i] || i == 0;
    if (!fits)
        throw Error(ErrorCode::Shape, concat("input ", quoted(port.name), " is ", shapeText(shape),
                                             ", expected ", shapeText(port.shape)));
}

} // namespace

Executor::Executor(const Model& model, const Weights& weights)
    : m_model(model)
    , m_weights(weights)
{
    if (!model.canRun())
        throw Error(ErrorCode::Unsupported,
                    concat(model.source.path.string(), " cannot be run: ", model.whyNotRunnable));
}

std::vector<Tensor> Executor::run(std::vector<Tensor> inputs, const Monitor& monitor,
                                  const InputObserver& observer) const
{
    Values sides = prelude(std::move(inputs), monitor, observer);
    Tensor hidden = std::move(sides.extract(m_model.blocks.front().input).mapped());
    for (int b = 0; b < static_cast<int>(m_model.blocks.size()); ++b)
        hidden = block(b, std::move(hidden), sides, monitor, observer);
    return finish(std::move(hidden), sides, monitor, observer);
}

Values Executor::prelude(std::vector<Tensor> inputs, const Monitor& monitor,
                         const InputObserver& observer) const
{
    const Graph& graph = m_model.graph;
    if (inputs.size() != graph.inputs.size())
        throw Error(ErrorCode::Shape, concat("the model has ", graph.inputs.size(), " inputs, ",
                                             inputs.size(), " were given"));
    Values values;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const GraphPort& port = graph.inputs[i];
        requireFit(inputs[i], port);
        values.emplace(port.value, converted(std::move(inputs[i]), port.dtype, port));
    }
    const int first = m_model.blocks.front().firstNode;
    const std::vector<ValueId> read =
        valuesFromOutside(m_model, first, static_cast<int>(graph.nodes.size()) - first);
    std::set<ValueId> kept(read.begin(), read.end());
    for (const GraphPort& port : graph.outputs)
        kept.insert(port.value); // of the prelude itself
    // Also where no node reads it: a graph that cannot be cut begins with its first input.
    kept.insert(m_model.blocks.front().input);
    values = runNodes(m_model, m_weights, 0, first, std::move(values), {}, kept, monitor, observer);
    std::erase_if(values, [&](const auto& value) { return !kept.contains(value.first); });
    return values;
}

Tensor Executor::block(int block, Tensor input, const Values& sides, const Monitor& monitor,
                       const InputObserver& observer, KeyValueCache* cache) const
{
    const NodeRange range = blockRange(m_model, block);
    Values values;
    values.emplace(range.input, std::move(input));
    values = runNodes(m_model, m_weights, range.first, range.count, std::move(values), sides,
                      {range.output}, monitor, observer, cache);
    return std::move(values.at(range.output));
}

std::vector<Tensor> Executor::finish(Tensor input, const Values& sides, const Monitor& monitor,
                                     const InputObserver& observer) const
{
    const NodeRange range = headRange(m_model);
    std::set<ValueId> kept;
    for (const GraphPort& port : m_model.graph.outputs)
        kept.insert(port.value);
    Values values;
    values.emplace(range.input, std::move(input));
    values = runNodes(m_model, m_weights, range.first, range.count, std::move(values), sides, kept,
                      monitor, observer);
    std::vector<Tensor> outputs;
    std::map<ValueId, int> mentions;
    for (const GraphPort& port : m_model.graph.outputs)
        ++mentions[port.value];
    std::uint64_t copied = 0;
    for (const GraphPort& port : m_model.graph.outputs) {
        const auto own = values.find(port.value);
        if (own != values.end() && --mentions[port.value] == 0) {
            outputs.push_back(std::move(own->second));
            continue;
        }
        // A file may name one value as any number of outputs.
        const Tensor& source = own != values.end() ? own->second : sides.at(port.value);
        copied += source.bytes().size();
        if (copied > liveValueLimit())
            throw Error(ErrorCode::Unsupported,
                        concat("output ", quoted(port.name), ": copies of the outputs take ",
                               formatBytes(copied), ", expected at most ",
                               formatBytes(liveValueLimit())));
        outputs.push_back(source.clone());
    }
    return outputs;
}

namespace {

/// A language model's inputs: tokens, and whatever else the graph asks for.
std::vector<Tensor> languageInputs(const Model& model, std::span<const Token> tokens,
                                   std::int64_t batch, std::int64_t firstPosition)
{
    const auto count = static_cast<std::int64_t>(tokens.size());
    assert(batch > 0 && count % batch == 0);
    const std::int64_t length = count / batch;
    std::vector<Tensor> inputs;
    for (const GraphPort& port : model.graph.inputs) {
        const bool isFirst = inputs.empty();
        const bool isPosition = !isFirst && port.name == "position_ids";
        if (isPosition && model.maximumContext > 0 && firstPosition + length > model.maximumContext)
            throw Error(ErrorCode::Shape, concat("a text of ", firstPosition + length,
                                                 " tokens is longer than the model's context of ",
                                                 model.maximumContext));
        if (!isFirst && !isPosition && port.name != "attention_mask")
            throw Error(ErrorCode::Unsupported,
                        concat("the language model's input ", quoted(port.name), " is unknown"));
        Tensor input(DType::I64, {isPosition ? 1 : batch, length});
        auto* to = reinterpret_cast<std::int64_t*>(input.bytes().data());
        if (isFirst)
            std::copy(tokens.begin(), tokens.end(), to);
        else if (isPosition)
            std::iota(to, to + length, firstPosition);
        else
            std::fill(to, to + count, 1);
        inputs.push_back(std::move(input));
    }
    return inputs;
}

} // namespace

Tensor Executor::embed(std::span<const Token> tokens, std::int64_t batch,
                       std::int64_t firstPosition) const
{
    Values values = prelude(languageInputs(m_model, tokens, batch, firstPosition), Monitor());
    return std::move(values.at(m_model.blocks.front().input));
}

void Executor::runBlock(int block, Tensor& hidden, const Monitor& monitor,
                        const InputObserver& observer, KeyValueCache* cache) const
{
    hidden = this->block(block, std::move(hidden), {}, monitor, observer, cache);
}

Tensor Executor::head(ConstMatrixView hidden, const Monitor& monitor,
                      const InputObserver& observer) const
{
    Tensor input({1, hidden.rows, hidden.cols});
    for (std::int64_t r = 0; r < hidden.rows; ++r)
        std::memcpy(input.matrix().row(r).data(), hidden.row(r).data(), hidden.row(r).size_bytes());
    Tensor result = std::move(finish(std::move(input), {}, monitor, observer).front());
    result.reshape({hidden.rows, result.shape().back()});
    return result;
}

Tensor Executor::logits(std::span<const Token> tokens, std::int64_t batch, const Monitor& monitor,
                        KeyValueCache* cache) const
{
    const auto readsNoSides = [](const Block& block) { return block.sides.empty(); };
    if (!cache && !std::all_of(m_model.blocks.begin(), m_model.blocks.end(), readsNoSides)) {
        Tensor all = std::move(run(languageInputs(m_model, tokens, batch, 0), monitor).front());
        all.reshape({static_cast<std::int64_t>(tokens.size()), all.shape().back()});
        return all;
    }
    Tensor hidden = embed(tokens, batch, cache ? cache->positions : 0);
    for (int block = 0; block < static_cast<int>(m_model.blocks.size()); ++block)
        runBlock(block, hidden, monitor, {}, cache);
    if (cache)
        cache->positions += static_cast<std::int64_t>(tokens.size());
    return head(std::as_const(hidden).matrix(), monitor);
}

} // namespace gradus
