// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <cstdint>
#include <vector>

namespace gradus {

/// What comparing a network's outputs with another's comes down to, wherever that is done.

/// Of sums over the scored parts of each sample, as many in all of them.
struct SampleMean
{
    double value = 0;         ///< over all parts
    double standardError = 0; ///< over samples
};
/// Throws Error(Numeric) when it is not finite.
[[nodiscard]] SampleMean meanOverSamples(const std::vector<double>& sums,
                                         std::int64_t partsPerSample = 1);

/// Rows of logits that are worth having in memory at once.
[[nodiscard]] std::int64_t rowsPerHead(std::int64_t vocabulary);

/// A batch's first output with a row for each sample. Throws Error(Unsupported | Shape | Numeric)
/// when it is no such thing.
[[nodiscard]] Tensor outputRows(Tensor output, std::int64_t samples, const Model& model);

/// Logarithms of probabilities, so that a softmax gives them back.
void takeLogarithms(Tensor& rows);

} // namespace gradus
