// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/parallel.h"
#include "core/quant/adam.h"
#include "core/quant/methods/nupes_layer.h"
#include "core/quant/options.h"

#include <vector>

namespace gradus {

/// What NUPES's gradient solvers share: numbers learned of each weight, chunks of rows that are
/// worked at together, the error of decoded values and its gradient.
class NupesDescent
{
protected:
    /// Rows with what is learned of each of their weights.
    struct Chunk
    {
        std::int64_t first = 0;
        std::int64_t count = 0;
        std::vector<float> learned; ///< latents, or AdaRound's x
        AdamMoments moments;
    };
    /// Rows of a chunk: enough for products with H, few enough for all threads.
    static constexpr std::int64_t chunkRows = 64;

    NupesDescent(const NupesLayer& layer, const NupesOptions& options, const NupesState& start);

    template <class Body>
    void overChunks(const Body& body)
    {
        parallelFor(
            static_cast<std::int64_t>(m_chunks.size()), 1,
            [&](std::int64_t i, std::int64_t) { body(m_chunks[static_cast<std::size_t>(i)]); },
            &m_layer.monitor);
    }

    /// Adam as it is used here: β 0.9 and 0.999, no decay.
    [[nodiscard]] static AdamRates rates(double rate) { return {rate, 0.9, 0.999, 1e-8, 0}; }

    /// values: ŵ of a chunk's rows, outliers apart; becomes e, and gradient e·H. Returns the errors
    /// of the rows.
    std::vector<double> errorsOf(const Chunk& chunk, std::vector<float>& values,
                                 std::vector<float>& gradient) const;
    /// Outliers of a row as a decoder finds them; their gradient, of which nothing is learned; and
    /// their codes.
    void setOutliers(std::int64_t row, float* values) const;
    void clearOutliers(std::int64_t row, float* gradient) const;
    void clearOutliers(std::int64_t row, std::uint8_t* codes) const;

    const NupesLayer& m_layer;
    const NupesOptions& m_options;
    NupesState m_state; ///< what comes of it
    /// Of gradients: per weight, in units of the weights' own energy, so that Adam's ε is small.
    double m_share;
    std::vector<Chunk> m_chunks;

private:
    template <class Visit>
    void overOutliers(std::int64_t row, const Visit& visit) const;
};

} // namespace gradus
