// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/adam.h"
#include "core/quant/quantized_weight.h"
#include "core/quant/tuning.h"

#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace gradus {

/// Exponents are trained in this share of all steps, and frozen in the others.
inline constexpr double exponentShare = 0.6;

/// One step of the optimizer.
struct TrainingStep
{
    AdamRates rates;         ///< of scales, zeros, norms and biases
    std::int64_t number = 1; ///< from 1
    double done = 0;         ///< share of all steps that lie before this one: 0 … 1
};

/// Numbers that are trained together, with all that the optimizer has of them.
struct TrainedArray
{
    std::vector<float> start;
    std::vector<float> value;
    std::vector<float> gradient;
    std::vector<float> kept;
    AdamMoments moments;

    void set(std::vector<float> values)
    {
        start = std::move(values);
        value = start;
        gradient.assign(start.size(), 0.0F);
    }
    void clearGradient() { gradient.assign(gradient.size(), 0.0F); }
    void step(const AdamRates& rates, std::int64_t number)
    {
        adamStep(value, gradient, moments, number, rates);
    }
    void keep() { kept = value; }
};

/// How far kept states are from their starts, over some layers: sums for TuningOutcome.
struct TrainingMovement
{
    double scaleSquares = 0; ///< of s − s'
    double startSquares = 0; ///< of s'
    double zeroSquares = 0;  ///< of z − z', in steps of s'
    std::size_t zeros = 0;
    std::int64_t changedCodes = 0; ///< of power levels
    std::int64_t codes = 0;
    double exponentSum = 0; ///< of |a − a'|
    std::size_t exponents = 0;
};

/// The quantized weight of one layer while it is trained: masters of what is trained, their
/// gradients, and the weights that follow from them. One implementation for each kind of levels.
class TrainedWeight
{
public:
    virtual ~TrainedWeight() = default;
    TrainedWeight(const TrainedWeight&) = delete;
    TrainedWeight& operator=(const TrainedWeight&) = delete;

    /// The float weight as the optimizer has it.
    virtual void writeMasters(MatrixView out) const = 0;
    /// As it would be stored now.
    [[nodiscard]] virtual QuantizedWeight stored() const = 0;
    /// Adds to the gradients. gradient: dL/dŵ, rows × cols; scratch, may be changed.
    virtual void addGradient(MatrixView gradient) = 0;
    virtual void clearGradients() = 0;
    virtual void step(const TrainingStep& step) = 0;
    /// What kept() and the movement are about from now on.
    virtual void keep() = 0;
    /// Only after keep().
    [[nodiscard]] virtual QuantizedWeight kept() const = 0;
    virtual void addMovement(TrainingMovement& movement) const = 0;

    [[nodiscard]] const std::shared_ptr<const QuantizedWeight>& start() const { return m_start; }

protected:
    explicit TrainedWeight(std::shared_ptr<const QuantizedWeight> start)
        : m_start(std::move(start))
    {
    }

private:
    std::shared_ptr<const QuantizedWeight> m_start;
};

/// With C = code − 2^(b−1) the weight is ŵ = s·C + z per granule, and both s and z are trained;
/// with zeros that are codes (or fixed, when symmetric) it is ŵ = s·(code − zero), and only s is.
/// Codes never change, but for the gauge: a scale that became negative is stored positive with the
/// granule's codes turned around (reference of decoupleQ, section 1).
[[nodiscard]] std::unique_ptr<TrainedWeight> trainUniform(const TrainedLayer& layer);

/// Power levels: scales, exponents and the codes themselves. See trained_power.cpp.
[[nodiscard]] std::unique_ptr<TrainedWeight> trainPower(const TrainedLayer& layer,
                                                        const TrainingOptions& options);

} // namespace gradus
