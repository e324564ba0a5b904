// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/layer_choice.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// What a layer's error is counted in.
enum class SensitivityMetric
{
    /// Σ(w−ŵ)²/Σw²: needs no data.
    Weight,
    /// ‖X(W−Ŵ)ᵀ‖²/‖XWᵀ‖² by the Hessian of the layer's inputs.
    Output,
    /// An estimate of the KL divergence in nats to second order, by the Fisher matrix of the
    /// model's own outcomes, L their negative log-likelihood: ½·(Σ ∂L/∂y·(y−ŷ))² per sample, over
    /// all places of the layer and its outputs; ½·Σ (∂L/∂y)²·(y−ŷ)² per token of a language model.
    /// Of models whose outputs are no scores of classes, L is a product of the outputs with random
    /// signs, and the sum is relative to their mean square, without the half.
    Fisher,
    /// Measured, with this layer alone quantized: the KL divergence in nats per sample or token
    /// from the float model; of other models the relative error of the outputs.
    Divergence,
};
[[nodiscard]] std::string_view sensitivityMetricName(SensitivityMetric metric); ///< "fisher", "kl"
[[nodiscard]] std::optional<SensitivityMetric> sensitivityMetricFromName(std::string_view name);

/// A layer under one candidate. What was not measured (yet) is NaN.
struct Sensitivity
{
    std::uint64_t bytes = 0; ///< stored, exact
    double weight = std::numeric_limits<double>::quiet_NaN();
    double output = std::numeric_limits<double>::quiet_NaN();
    double fisher = std::numeric_limits<double>::quiet_NaN();
    double divergence = std::numeric_limits<double>::quiet_NaN();
    /// Of the mean that divergence is, over samples.
    double divergenceError = std::numeric_limits<double>::quiet_NaN();
    std::string note; ///< the method's own, or why the candidate is not to be had for this layer
    bool possible = true;

    [[nodiscard]] double error(SensitivityMetric metric) const;
    bool operator==(const Sensitivity&) const = default;
};

/// Two layers quantized at once, to see how far errors add up.
struct SensitivityPair
{
    std::size_t firstRow = 0;
    std::size_t secondRow = 0;
    std::size_t firstCandidate = 0;
    std::size_t secondCandidate = 0;
    double separate = 0; ///< sum of the two layers' measured divergences
    double together = 0; ///< measured
};

/// Every layer under every candidate.
struct SensitivityTable
{
    struct Row
    {
        std::string layer;
        std::vector<Sensitivity> candidates; ///< as many as the table has
    };
    std::vector<LayerChoice> candidates; ///< without activations quantized: weights alone
    std::vector<Row> rows;               ///< the layers to allocate bits to, in model order
    std::vector<SensitivityPair> pairs;
    /// What divergence and fisher are in: nats per token, nats per sample, or shares of the
    /// outputs' mean square.
    enum class Unit
    {
        NatsPerToken,
        NatsPerSample,
        OutputShare,
    };
    Unit unit = Unit::NatsPerToken;

    using Names = std::set<std::string>;
    /// Every possible candidate of every row has this metric, but for layers that are decided.
    [[nodiscard]] bool has(SensitivityMetric metric, const Names& decided = {}) const;
    /// The first row that lacks it; null if none.
    [[nodiscard]] const Row* lacking(SensitivityMetric metric, const Names& decided = {}) const;
    /// The best of the metrics that the table has throughout: kl, else fisher, output, weight.
    [[nodiscard]] std::optional<SensitivityMetric> best(const Names& decided = {}) const;
    [[nodiscard]] const Row* find(std::string_view layer) const; ///< nullptr if none
};

/// "nats per token", …
[[nodiscard]] std::string_view sensitivityUnitName(SensitivityTable::Unit unit);

/// Σ together / Σ separate over the pairs: 1 when errors add up, above when they reinforce each
/// other. NaN without pairs.
[[nodiscard]] double interactionOf(const SensitivityTable& table);

/// Spearman's rank correlation, ties at their mean rank. NaN below two values, where all are equal
/// or any is NaN.
[[nodiscard]] double rankCorrelation(const std::vector<double>& a, const std::vector<double>& b);

/// "4-bit gptq, groups of 64": a candidate for people and for columns.
[[nodiscard]] std::string candidateName(const LayerChoice& choice);

} // namespace gradus
