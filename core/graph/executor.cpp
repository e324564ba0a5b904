// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/executor.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/node_range.h"

#include <cstring>
#include <utility>

namespace gradus {

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

void Executor::runBlock(int block, Tensor& hidden, const Monitor& monitor,
                        const InputObserver& observer, KeyValueCache* cache) const
{
    const NodeRange range = blockRange(m_model, block);
    Values values =
        runNodes(m_model, m_weights, range, std::move(hidden), {}, monitor, observer, cache);
    hidden = std::move(values.at(range.output));
}

Tensor Executor::head(ConstMatrixView hidden, const Monitor& monitor,
                      const InputObserver& observer) const
{
    Tensor input({1, hidden.rows, hidden.cols});
    for (std::int64_t r = 0; r < hidden.rows; ++r)
        std::memcpy(input.matrix().row(r).data(), hidden.row(r).data(), hidden.row(r).size_bytes());
    const NodeRange range = headRange(m_model);
    Values values =
        runNodes(m_model, m_weights, range, std::move(input), {}, monitor, observer, nullptr);
    Tensor result = std::move(values.at(range.output));
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
