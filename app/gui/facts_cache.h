// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/power_errors.h"
#include "core/session/weight_view.h"

#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace gradus {

/// The weights of the layers that were looked at lately, so that an edit does not read them again.
/// Used from the threads of several job runners. Belongs to one model.
class FactsCache
{
public:
    FactsCache(std::shared_ptr<const Model> model, std::uint64_t maximumBytes);

    /// Reads and measures the layer's weight unless it is there. Throws as weightFacts does.
    [[nodiscard]] std::shared_ptr<const WeightFacts> get(const std::string& layer,
                                                         Monitor& monitor);
    /// What the output errors of these weights are relative to; kept for the latest inputs of the
    /// layers that are looked at.
    [[nodiscard]] std::shared_ptr<const std::vector<double>>
    energies(const WeightFacts& facts, const std::shared_ptr<const InputStatistics>& inputs,
             Monitor& monitor);
    /// Makes the errors of any power grid on the weight cheap; kept for the layers and granules
    /// that were looked at lately. Sorted, or binned when the weight is very large.
    [[nodiscard]] std::shared_ptr<const PowerErrors>
    powerErrors(const WeightFacts& facts, const Scheme& scheme, Monitor& monitor);
    /// PowerErrors::sorted for these scales of the scheme's granules, kept likewise.
    [[nodiscard]] std::shared_ptr<const PowerErrors> powerErrors(const WeightFacts& facts,
                                                                 const Scheme& scheme,
                                                                 std::span<const float> scales,
                                                                 const Monitor& monitor);
    [[nodiscard]] const std::shared_ptr<const Model>& model() const { return m_model; }

private:
    std::shared_ptr<const Model> m_model;
    std::uint64_t m_maximumBytes;
    std::mutex m_mutex;
    std::list<std::shared_ptr<const WeightFacts>> m_recent; ///< the latest first
    struct Energies
    {
        std::string layer;
        std::shared_ptr<const InputStatistics> inputs;
        std::shared_ptr<const std::vector<double>> values;
    };
    std::list<Energies> m_energies; ///< the latest first
    struct Errors
    {
        std::string layer;
        Scheme granules;           ///< of which bits and levels do not matter
        std::vector<float> scales; ///< of the granules; empty: their largest magnitudes
        std::shared_ptr<const PowerErrors> values;
        std::uint64_t bytes = 0;
    };
    [[nodiscard]] std::shared_ptr<const PowerErrors> found(const Errors& wanted);
    std::shared_ptr<const PowerErrors> keep(Errors made);
    std::list<Errors> m_errors; ///< the latest first
};

} // namespace gradus
