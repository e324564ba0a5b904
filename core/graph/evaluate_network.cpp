// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/attention_kernel.h"
#include "core/graph/evaluation.h"
#include "core/graph/kernels.h"
#include "core/tensor/row_product.h"

#include <cstring>
#include <utility>

namespace gradus {

namespace {

/// A float32 input of at least one axis, the last of so many features (any when 0).
const Tensor& features(const Evaluation& e, std::size_t i, std::int64_t count = 0)
{
    const Tensor& x = e.in(i);
    if (x.dtype() != DType::F32 || x.shape().empty() || (count > 0 && x.shape().back() != count))
        throw e.failure(ErrorCode::Shape,
                        concat("input ", i + 1, " is ", shapeText(x.shape()), " of ",
                               dtypeName(x.dtype()), ", expected F32",
                               count > 0 ? concat(" with ", count, " features") : std::string()));
    return x;
}

} // namespace

Tensor evaluate(const op::Embedding& embedding, Evaluation& e)
{
    const auto weight = e.weights().matrix(embedding.weight);
    const ConstMatrixView table = weight->matrix();
    const auto ids = e.integers(0);
    Shape shape = e.in(0).shape();
    shape.push_back(table.cols);
    Tensor result = e.make(std::move(shape));
    const MatrixView rows = result.matrix();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::int64_t id =
            ids[i] < 0 && embedding.countsFromEnd ? ids[i] + table.rows : ids[i];
        if (id < 0 || id >= table.rows)
            throw e.failure(ErrorCode::Shape,
                            concat("id ", ids[i], " is outside the ", table.rows,
                                   " rows of its table; does the tokenizer belong to the model?"));
        const auto from = table.row(id);
        std::memcpy(rows.row(static_cast<std::int64_t>(i)).data(), from.data(), from.size_bytes());
    }
    return result;
}

Tensor evaluate(const op::RmsNorm& norm, Evaluation& e)
{
    const auto weight = e.weights().get(norm.weight);
    const Tensor& x = features(e, 0, weight->count());
    Tensor result = e.make(x.shape());
    kernel::rmsNorm(x.matrix(), weight->floats(), norm.epsilon, result.matrix());
    return result;
}

Tensor evaluate(const op::Linear& linear, Evaluation& e)
{
    const auto kernel = e.weights().kernel(linear.weight);
    const auto weight = kernel ? nullptr : e.weights().matrix(linear.weight);
    const Tensor& x = features(e, 0, kernel ? kernel->cols() : weight->shape()[1]);
    e.observe();
    Shape shape = x.shape();
    shape.back() = kernel ? kernel->rows() : weight->shape()[0];
    Tensor result = e.make(std::move(shape));
    const auto bias = linear.bias.empty() ? nullptr : e.weights().get(linear.bias);
    if (kernel) {
        kernel->apply(x.matrix(), result.matrix(), e.monitor());
        if (bias)
            kernel::addBias(result.matrix(), bias->floats());
        return result;
    }
    const Epilogue epilogue = e.followers(result.shape(), false);
    RowFinish finish;
    if (!epilogue.empty())
        finish = [&, cols = result.shape().back()](std::int64_t row, std::int64_t col,
                                                   std::span<float> values) {
            epilogue.apply(0, row * cols + col, values);
        };
    multiplyRows(x.matrix(), weight->matrix(), bias ? bias->floats() : std::span<const float>(),
                 result.matrix(), finish, &e.monitor());
    return result;
}

Tensor evaluate(const op::Rotary& rotary, Evaluation& e)
{
    const Shape& shape = features(e, 0).shape();
    if (shape.size() != 3 || shape.back() % rotary.headDim != 0)
        throw e.failure(ErrorCode::Shape,
                        concat("input is ", shapeText(shape), ", expected batch × sequence × heads",
                               " of ", rotary.headDim, " features"));
    Tensor result = e.take(0);
    kernel::rotary(result.matrix(), rotary, result.shape()[1],
                   e.cache() ? e.cache()->positions : 0);
    return result;
}

Tensor evaluate(const op::Attention& attention, Evaluation& e)
{
    const Tensor& q = features(e, 0, attention.heads * attention.headDim);
    const Tensor& k = features(e, 1, attention.kvHeads * attention.headDim);
    const Tensor& v = features(e, 2, attention.kvHeads * attention.headDim);
    if (q.shape().size() != 3 || k.shape().size() != 3 || v.shape() != k.shape() ||
        q.shape()[0] != k.shape()[0])
        throw e.failure(ErrorCode::Shape,
                        concat("queries are ", shapeText(q.shape()), ", keys ",
                               shapeText(k.shape()), ", values ", shapeText(v.shape()),
                               ", expected batch × sequence × features each"));
    const std::int64_t batch = q.shape()[0];
    const std::int64_t queries = q.shape()[1];
    Tensor out = e.make(q.shape());
    const auto kernel = e.weights().attentionKernel(e.node());
    const auto attend = [&](ConstMatrixView keys, ConstMatrixView values,
                            const kernel::AttentionMask& mask) {
        if (kernel)
            kernel->apply(q.matrix(), keys, values, attention, batch, mask, out.matrix(),
                          e.monitor());
        else
            kernel::attention(q.matrix(), keys, values, attention, batch, mask, out.matrix(),
                              e.monitor());
    };
    if (KeyValueCache* cache = e.cache()) {
        if (batch != 1 || k.shape()[1] != queries || e.has(3) || !attention.causal)
            throw e.failure(ErrorCode::Unsupported,
                            "only causal attention of one sequence without a mask continues from "
                            "cached positions");
        auto& entry = cache->entries[e.node()];
        entry.keys.insert(entry.keys.end(), k.floats().begin(), k.floats().end());
        entry.values.insert(entry.values.end(), v.floats().begin(), v.floats().end());
        const std::int64_t width = k.shape().back();
        const std::int64_t positions = cache->positions + queries;
        attend({entry.keys.data(), positions, width}, {entry.values.data(), positions, width}, {});
        return out;
    }
    const std::int64_t keys = k.shape()[1];
    if (keys < (attention.causal ? queries : 1))
        throw e.failure(ErrorCode::Shape, concat(queries, " queries see ", keys, " keys, expected ",
                                                 attention.causal ? "as many" : "one", " or more"));
    kernel::AttentionMask mask;
    if (e.has(3)) {
        const Shape scores{batch, attention.heads, queries, keys};
        const auto broadcast = kernel::attentionMask(e.in(3), scores);
        if (!broadcast)
            throw e.failure(ErrorCode::Shape,
                            concat("the mask is ", shapeText(e.in(3).shape()), " of ",
                                   dtypeName(e.in(3).dtype()), ", expected F32 that broadcasts to ",
                                   shapeText(scores)));
        mask = *broadcast;
    }
    if (!out.empty())
        attend(k.matrix(), v.matrix(), mask);
    return out;
}

} // namespace gradus
