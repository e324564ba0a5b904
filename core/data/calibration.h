// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/data/magnitude_histogram.h"
#include "core/tensor/tensor.h"

#include <memory>
#include <vector>

namespace gradus {

/// What calibration knows of one input: shared by all layers that read it.
struct InputStatistics
{
    std::int64_t features = 0; ///< d; of one group of a grouped convolution
    std::int64_t groups = 1;   ///< of a grouped convolution; the rows of W are split evenly on them
    std::int64_t rows = 0;     ///< n, tokens seen; of a convolution output pixels
    /// H = XᵀX/n, d × d, symmetric, full storage; of several groups one after the other. Empty when
    /// only ranges were asked for.
    std::vector<double> hessian;
    /// C = XᵀX̂/n, d × d with the features of X along the rows: X̂ what the statistics are of, X the
    /// float network's inputs for the same tokens. Empty unless asked for.
    std::vector<double> cross;
    std::vector<float> minimum;       ///< per feature (of every group, in their order)
    std::vector<float> maximum;       ///< per feature
    std::vector<double> secondMoment; ///< E[x²] per feature, the diagonal of H
    /// Of all inputs together, for grids of activations; null unless asked for.
    std::shared_ptr<const SignedMagnitudes> magnitudes;
    Tensor sample; ///< some rows of X (sampled × groups·d), empty unless asked for
};

/// Accumulates InputStatistics over batches of rows. The result depends on the rows and their
/// order; the sample does not depend on how they were cut into batches.
class InputAccumulator
{
public:
    /// sampleRows: rows of X to keep, evenly spread over all rows that will have been added.
    InputAccumulator(std::int64_t features, bool withHessian, std::int64_t sampleRows = 0);
    /// Magnitudes too; before the first rows. Cheap beside a Hessian.
    void collectMagnitudes();
    /// The cross matrix too; before the first rows, which then come with addBeside().
    void collectCross();
    /// x: n × features. Throws Error(Numeric) when x is not finite and Error(Shape) when it has
    /// another width; both leave the accumulator as it was.
    void add(ConstMatrixView x, const Monitor* monitor = nullptr);
    /// The same with the float network's inputs for the same tokens, for which it throws likewise.
    void addBeside(ConstMatrixView x, ConstMatrixView floatNetworks,
                   const Monitor* monitor = nullptr);
    /// The statistics of all rows so far; the accumulator is spent afterwards.
    [[nodiscard]] InputStatistics finish();

private:
    /// Throws what add() throws.
    void require(ConstMatrixView x, const Monitor* monitor) const;
    void sum(ConstMatrixView x, const Monitor* monitor);
    void addMagnitudes(ConstMatrixView x, const Monitor* monitor);
    void addSamples(ConstMatrixView x);

    InputStatistics m_statistics;
    bool m_withHessian;
    std::int64_t m_sampleRows;
    std::shared_ptr<SignedMagnitudes> m_magnitudes; ///< null unless asked for
    /// Every m_sampleStride-th row so far, at most 2 · m_sampleRows of them.
    std::vector<float> m_samples;
    std::int64_t m_sampleStride = 1;
};

} // namespace gradus
