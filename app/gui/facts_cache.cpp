// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/facts_cache.h"

#include "core/base/error.h"

#include <algorithm>

namespace gradus {

namespace {
constexpr int histogramBins = 160;
constexpr std::int64_t sortedWeights = std::int64_t(8) << 20; ///< larger weights are binned
constexpr std::uint64_t sortedBytes = 28;                     ///< a weight
constexpr std::uint64_t errorBytes = std::uint64_t(384) << 20;

/// What of a scheme the granules' magnitudes depend on.
Scheme granulesOf(const Scheme& scheme)
{
    Scheme granules;
    granules.granularity = scheme.granularity;
    granules.groupSize = scheme.granularity == Granularity::Group ? scheme.groupSize : 0;
    granules.clip = scheme.clip;
    return granules;
}
} // namespace

FactsCache::FactsCache(std::shared_ptr<const Model> model, std::uint64_t maximumBytes)
    : m_model(std::move(model))
    , m_maximumBytes(maximumBytes)
{
}

std::shared_ptr<const WeightFacts> FactsCache::get(const std::string& name, Monitor& monitor)
{
    {
        const std::lock_guard lock(m_mutex);
        const auto found = std::find_if(m_recent.begin(), m_recent.end(),
                                        [&](const auto& facts) { return facts->layer == name; });
        if (found != m_recent.end()) {
            m_recent.splice(m_recent.begin(), m_recent, found);
            return m_recent.front();
        }
    }
    // Outside of the lock: two threads may read the same layer once each, none waits for the other.
    const Layer* layer = m_model->findLayer(name);
    if (!layer)
        throw Error(ErrorCode::Internal, name + ": the model has no such layer");
    auto facts = weightFacts(*m_model, *layer, histogramBins, monitor);
    const std::lock_guard lock(m_mutex);
    m_recent.push_front(facts);
    std::uint64_t bytes = 0;
    for (auto at = m_recent.begin(); at != m_recent.end();) {
        bytes += (*at)->weight.bytes().size();
        // The one just read stays, however large it is.
        at = bytes > m_maximumBytes && at != m_recent.begin() ? m_recent.erase(at) : std::next(at);
    }
    return facts;
}

std::shared_ptr<const std::vector<double>>
FactsCache::energies(const WeightFacts& facts, const std::shared_ptr<const InputStatistics>& inputs,
                     Monitor& monitor)
{
    constexpr std::size_t maximumKept = 16; // a number per row each
    {
        const std::lock_guard lock(m_mutex);
        for (const Energies& each : m_energies) {
            if (each.layer == facts.layer && each.inputs == inputs)
                return each.values;
        }
    }
    auto values = outputEnergies(facts, *inputs, monitor);
    const std::lock_guard lock(m_mutex);
    m_energies.push_front({facts.layer, inputs, values});
    if (m_energies.size() > maximumKept)
        m_energies.pop_back();
    return values;
}

std::shared_ptr<const PowerErrors> FactsCache::found(const Errors& wanted)
{
    const std::lock_guard lock(m_mutex);
    const auto at = std::find_if(m_errors.begin(), m_errors.end(), [&](const Errors& each) {
        return each.layer == wanted.layer && each.granules == wanted.granules &&
               each.scales == wanted.scales;
    });
    if (at == m_errors.end())
        return nullptr;
    m_errors.splice(m_errors.begin(), m_errors, at);
    return m_errors.front().values;
}

std::shared_ptr<const PowerErrors> FactsCache::keep(Errors made)
{
    const auto values = made.values;
    const std::lock_guard lock(m_mutex);
    m_errors.push_front(std::move(made));
    std::uint64_t bytes = 0;
    for (auto at = m_errors.begin(); at != m_errors.end();) {
        bytes += at->bytes;
        at = bytes > errorBytes && at != m_errors.begin() ? m_errors.erase(at) : std::next(at);
    }
    return values;
}

std::shared_ptr<const PowerErrors> FactsCache::powerErrors(const WeightFacts& facts,
                                                           const Scheme& scheme, Monitor& monitor)
{
    Errors made;
    made.layer = facts.layer;
    made.granules = granulesOf(scheme);
    if (const auto kept = found(made))
        return kept;
    const ConstMatrixView weight = facts.weight.matrix();
    const std::int64_t weights = weight.rows * weight.cols;
    const bool sort = weights <= sortedWeights;
    made.bytes = sort ? sortedBytes * static_cast<std::uint64_t>(weights) : 1 << 20;
    made.values = std::make_shared<const PowerErrors>(
        sort ? PowerErrors::sorted(weight, made.granules, monitor)
             : PowerErrors::binned(weight, made.granules, monitor));
    return keep(std::move(made));
}

std::shared_ptr<const PowerErrors> FactsCache::powerErrors(const WeightFacts& facts,
                                                           const Scheme& scheme,
                                                           std::span<const float> scales,
                                                           const Monitor& monitor)
{
    Errors made;
    made.layer = facts.layer;
    made.granules = granulesOf(scheme);
    made.scales.assign(scales.begin(), scales.end());
    if (const auto kept = found(made))
        return kept;
    const ConstMatrixView weight = facts.weight.matrix();
    made.bytes = sortedBytes * static_cast<std::uint64_t>(weight.rows * weight.cols);
    made.values = std::make_shared<const PowerErrors>(
        PowerErrors::sorted(weight, made.granules, scales, monitor));
    return keep(std::move(made));
}

} // namespace gradus
