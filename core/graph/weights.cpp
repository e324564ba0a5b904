// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/attention_kernel.h"
#include "core/graph/executor.h"

#include <algorithm>

namespace gradus {

namespace {

Tensor readChecked(const Model& model, const std::string& tensor)
{
    const auto computed = model.graph.computed.find(tensor);
    Tensor value = computed == model.graph.computed.end() ? model.source.tensors->readFloat(tensor)
                                                          : computed->second->clone();
    if (const std::int64_t bad = countNonFinite(value.floats()); bad > 0)
        throw Error(ErrorCode::Numeric, concat(tensor, " holds ", bad, " NaN or infinite value",
                                               bad == 1 ? "" : "s", " among ", value.count()));
    return value;
}

/// In the cache, of a weight as rows × cols. No tensor's name begins with NUL.
std::string matrixKey(const std::string& tensor)
{
    return std::string(1, '\0') + tensor;
}

} // namespace

Weights::Weights(std::shared_ptr<const Model> model, std::uint64_t cacheBytes)
    : m_model(std::move(model))
    , m_budget(cacheBytes)
{
    // A layout is plain too where an axis of size 1 moves: in × 1 lies as 1 × in.
    for (const Layer& layer : m_model->layers)
        if (!layer.layout.isPlain() || layer.shape.empty() || layer.shape.front() != layer.rows)
            m_turned.emplace(layer.weight, &layer);
}

Weights::Weights(const Weights* below)
    : m_below(below)
    , m_model(below->m_model)
    , m_turned(below->m_turned)
    , m_budget(0)
{
}

Weights Weights::over(const Weights& below)
{
    return Weights(&below);
}

std::shared_ptr<const Tensor> Weights::get(const std::string& tensor) const
{
    const TensorInfo* info = m_model->source.tensors->find(tensor);
    const auto turned = m_turned.find(tensor);
    const auto asStored = [&](Tensor matrix) {
        if (!info)
            return std::make_shared<const Tensor>(std::move(matrix));
        if (turned != m_turned.end())
            matrix = storedOfMatrix(std::move(matrix), turned->second->layout, info->shape);
        matrix.reshape(info->shape);
        return std::make_shared<const Tensor>(std::move(matrix));
    };
    if (const auto found = m_replaced.find(tensor); found != m_replaced.end()) {
        const bool isStored =
            turned == m_turned.end() && info && found->second->shape() == info->shape;
        return !info || isStored ? found->second : asStored(found->second->clone());
    }
    if (const auto found = m_kernels.find(tensor); found != m_kernels.end())
        return asStored(found->second->floats());
    if (m_below)
        return m_below->get(tensor);
    return cached(tensor, [&] { return readChecked(*m_model, tensor); });
}

std::shared_ptr<const Tensor> Weights::matrix(const std::string& tensor) const
{
    const auto turned = m_turned.find(tensor);
    const auto flat = [](Tensor stored) {
        const std::int64_t rows = stored.shape().empty() ? 1 : stored.shape().front();
        stored.reshape({rows, rows == 0 ? 0 : stored.count() / rows});
        return stored;
    };
    if (const auto found = m_replaced.find(tensor); found != m_replaced.end()) {
        if (found->second->shape().size() == 2)
            return found->second;
        return std::make_shared<const Tensor>(flat(found->second->clone()));
    }
    if (const auto found = m_kernels.find(tensor); found != m_kernels.end())
        return std::make_shared<const Tensor>(found->second->floats());
    if (m_below)
        return m_below->matrix(tensor);
    const TensorInfo* info = m_model->source.tensors->find(tensor);
    if (turned == m_turned.end() && info && info->shape.size() == 2)
        return get(tensor);
    return cached(matrixKey(tensor), [&] {
        Tensor stored = readChecked(*m_model, tensor);
        return turned == m_turned.end()
                   ? flat(std::move(stored))
                   : matrixOfStored(std::move(stored), turned->second->layout, turned->second->rows,
                                    turned->second->cols);
    });
}

std::shared_ptr<const Tensor> Weights::cached(const std::string& key,
                                              const std::function<Tensor()>& make) const
{
    const std::lock_guard lock(m_mutex);
    if (const auto found = m_cache.find(key); found != m_cache.end()) {
        found->second.lastUse = ++m_clock;
        return found->second.tensor;
    }
    auto value = std::make_shared<const Tensor>(make());
    m_cachedBytes += value->bytes().size();
    while (m_cachedBytes > m_budget && !m_cache.empty()) {
        const auto oldest =
            std::min_element(m_cache.begin(), m_cache.end(), [](const auto& a, const auto& b) {
                return a.second.lastUse < b.second.lastUse;
            });
        m_cachedBytes -= oldest->second.tensor->bytes().size();
        m_cache.erase(oldest);
    }
    m_cache[key] = {value, ++m_clock};
    return value;
}

void Weights::replace(const std::string& tensor, std::shared_ptr<const LinearKernel> kernel)
{
    forgetCached(tensor); // nobody asks for the file's floats any more
    m_kernels[tensor] = std::move(kernel);
}

std::shared_ptr<const LinearKernel> Weights::kernel(const std::string& tensor) const
{
    const auto found = m_kernels.find(tensor);
    if (found != m_kernels.end())
        return found->second;
    // Floats that stand here hide a kernel below.
    return m_below && !m_replaced.contains(tensor) ? m_below->kernel(tensor) : nullptr;
}

void Weights::restore(const std::string& tensor)
{
    m_replaced.erase(tensor);
    m_kernels.erase(tensor);
    m_roundings.erase(tensor);
}

void Weights::replace(int node, std::shared_ptr<const AttentionKernel> kernel)
{
    m_attentions[node] = std::move(kernel);
}

std::shared_ptr<const AttentionKernel> Weights::attentionKernel(int node) const
{
    if (const auto found = m_attentions.find(node); found != m_attentions.end())
        return found->second;
    return m_below ? m_below->attentionKernel(node) : nullptr;
}

void Weights::restoreAttention(int node)
{
    m_attentions.erase(node);
}

void Weights::roundInputs(const std::string& weight, std::shared_ptr<const InputRounding> rounding)
{
    m_roundings[weight] = std::move(rounding);
}

std::shared_ptr<const InputRounding> Weights::inputRounding(const std::string& weight) const
{
    if (const auto found = m_roundings.find(weight); found != m_roundings.end())
        return found->second;
    return m_below ? m_below->inputRounding(weight) : nullptr;
}

void Weights::replace(const std::string& tensor, std::shared_ptr<const Tensor> value)
{
    forgetCached(tensor);
    const TensorInfo* info = m_model->source.tensors->find(tensor);
    if (info && info->shape.size() == 1 && value->shape() != info->shape) {
        Tensor vector = value->clone(); // which came as a row
        vector.reshape(info->shape);
        value = std::make_shared<const Tensor>(std::move(vector));
    }
    m_replaced[tensor] = std::move(value);
}

void Weights::forgetCached(const std::string& tensor)
{
    const std::lock_guard lock(m_mutex);
    for (const std::string& key : {tensor, matrixKey(tensor)})
        if (const auto found = m_cache.find(key); found != m_cache.end()) {
            m_cachedBytes -= found->second.tensor->bytes().size();
            m_cache.erase(found);
        }
}

} // namespace gradus
