// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/executor.h"

#include <algorithm>

namespace gradus {

Weights::Weights(std::shared_ptr<const Model> model, std::uint64_t cacheBytes)
    : m_model(std::move(model))
    , m_budget(cacheBytes)
{
}

Weights::Weights(const Weights* below)
    : m_below(below)
    , m_model(below->m_model)
    , m_budget(0)
{
}

Weights Weights::over(const Weights& below)
{
    return Weights(&below);
}

std::shared_ptr<const Tensor> Weights::get(const std::string& tensor) const
{
    if (const auto found = m_replaced.find(tensor); found != m_replaced.end())
        return found->second;
    if (const auto found = m_kernels.find(tensor); found != m_kernels.end())
        return std::make_shared<const Tensor>(found->second->floats());
    if (m_below)
        return m_below->get(tensor);
    const std::lock_guard lock(m_mutex);
    if (const auto found = m_cache.find(tensor); found != m_cache.end()) {
        found->second.lastUse = ++m_clock;
        return found->second.tensor;
    }
    auto value = std::make_shared<const Tensor>(m_model->source.tensors->readFloat(tensor));
    if (const std::int64_t bad = countNonFinite(value->floats()); bad > 0)
        throw Error(ErrorCode::Numeric, concat(tensor, " holds ", bad, " NaN or infinite value",
                                               bad == 1 ? "" : "s", " among ", value->count()));
    m_cachedBytes += value->bytes().size();
    while (m_cachedBytes > m_budget && !m_cache.empty()) {
        const auto oldest =
            std::min_element(m_cache.begin(), m_cache.end(), [](const auto& a, const auto& b) {
                return a.second.lastUse < b.second.lastUse;
            });
        m_cachedBytes -= oldest->second.tensor->bytes().size();
        m_cache.erase(oldest);
    }
    m_cache[tensor] = {value, ++m_clock};
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
}

void Weights::replace(const std::string& tensor, std::shared_ptr<const Tensor> value)
{
    forgetCached(tensor);
    m_replaced[tensor] = std::move(value);
}

void Weights::forgetCached(const std::string& tensor)
{
    const std::lock_guard lock(m_mutex);
    if (const auto found = m_cache.find(tensor); found != m_cache.end()) {
        m_cachedBytes -= found->second.tensor->bytes().size();
        m_cache.erase(found);
    }
}

} // namespace gradus
