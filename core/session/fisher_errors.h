// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/output_gradients.h"
#include "core/session/run.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace gradus {

/// What layers' errors do to the model's outputs, to second order, by the Fisher matrix: half of
/// E[(Σ ∂L/∂y·(y − ŷ))²]. Of a sample the sum is over all places at which the layer is (pixels,
/// tokens of an image) and all of its outputs, as the errors there go together: one picture moves
/// one set of scores. Of a text, in which each token mostly moves the scores of its own place, it
/// is the sum of squares in place of the square of the sum: the matrix's diagonal, which some
/// thousand tokens say with little noise. Of models without class scores, without the half, and
/// relative to Σz².
class FisherErrors
{
public:
    FisherErrors(const Model& model, const Weights& weights, const CalibrationSamples& samples,
                 std::uint64_t seed);

    /// A layer and what candidates make of it: asked for again and again, so that not all weights
    /// need to be there as floats.
    using Candidate = std::function<LayerResult()>;
    void want(std::size_t layer, std::vector<Candidate> candidates);
    /// Errors do not depend on what else is wanted.
    void run(Monitor& monitor);

    /// NaN where whyNot() has a sentence; 0 of layers from which nothing leads to the output.
    [[nodiscard]] double error(std::size_t layer, std::size_t candidate) const;
    [[nodiscard]] std::string whyNot(std::size_t layer, std::size_t candidate) const;
    /// What there is to say of an error that there is; mostly nothing.
    [[nodiscard]] std::string remark(std::size_t layer) const;

private:
    struct Wanted
    {
        std::vector<Candidate> candidates;
        std::vector<double> sums; ///< by candidate
        std::string why;
        std::string remark;
        bool idle = false; ///< nothing leads from it to the output
        // Of a text: the tokens that are looked at, ascending, over all rows that come by.
        std::vector<std::int64_t> picks;
        std::int64_t rows = 0; ///< that come by; 0 until it is known
        std::int64_t cursor = 0;
        std::size_t next = 0;
    };
    void take(Wanted& wanted, const OutputGradient& gradient, const OutputGradients& pass,
              const Monitor& monitor);
    void takeTokens(Wanted& wanted, const OutputGradient& gradient, const OutputGradients& pass,
                    const Monitor& monitor);
    void takeSamples(Wanted& wanted, const OutputGradient& gradient, const OutputGradients& pass,
                     const Monitor& monitor);
    void takeSamples(Wanted& wanted, std::size_t firstCandidate, std::size_t count,
                     const OutputGradient& gradient, const OutputGradients& pass,
                     const Monitor& monitor);

    const Model& m_model;
    const Weights& m_weights;
    const CalibrationSamples& m_samples;
    std::uint64_t m_seed;
    std::map<std::size_t, Wanted> m_wanted; ///< by layer
    double m_unit = 0;
};

} // namespace gradus
