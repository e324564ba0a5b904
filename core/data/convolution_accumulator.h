// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/calibration.h"
#include "core/graph/convolution_geometry.h"

#include <cstdint>
#include <span>
#include <vector>

namespace gradus {

/// images: n × C × height × width. The columns that the kernel sees of one group, one row for each
/// output pixel (image, then row, then column), pixels first … first + count − 1 of them; out:
/// count × features.
void convolutionColumns(const ConvolutionGeometry& geometry, std::span<const float> images,
                        std::int64_t height, std::int64_t width, std::int64_t group,
                        std::int64_t first, std::int64_t count, float* out);

/// InputStatistics of a convolution: a linear layer on the columns of each group.
class ConvolutionAccumulator
{
public:
    /// sampleRows: as in InputAccumulator; the samples of the groups stand side by side.
    ConvolutionAccumulator(const ConvolutionGeometry& geometry, bool withHessian,
                           std::int64_t sampleRows = 0);
    /// images: n × C × height × width. Throws Error(Shape) when the size does not fit and
    /// Error(Numeric) when a value is not finite; both leave the accumulator as it was.
    void add(std::span<const float> images, std::int64_t height, std::int64_t width,
             const Monitor* monitor = nullptr);
    /// The same with the float network's inputs for the same images.
    void addBeside(std::span<const float> images, std::span<const float> floatNetworks,
                   std::int64_t height, std::int64_t width, const Monitor* monitor = nullptr);
    /// As in InputAccumulator; the cross matrices of the groups stand one after the other.
    /// Magnitudes are those of the columns, padding and all.
    void collectMagnitudes();
    void collectCross();
    /// rows: output pixels. The accumulator is spent afterwards.
    [[nodiscard]] InputStatistics finish();

private:
    /// Throws what add() throws.
    void require(std::span<const float> images, std::int64_t height, std::int64_t width,
                 const Monitor* monitor) const;
    void unfold(std::span<const float> images, std::span<const float> floatNetworks,
                std::int64_t height, std::int64_t width, const Monitor* monitor);

    ConvolutionGeometry m_geometry;
    std::vector<InputAccumulator> m_groups;
};

} // namespace gradus
