// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <memory>
#include <string>
#include <vector>

namespace gradus {

/// What became of the BatchNorm nodes of a model.
struct FoldedNorms
{
    struct Kept
    {
        std::string node;
        std::string why; ///< "its input is no output of a convolution"
    };
    std::vector<std::string> folded; ///< layers that took one in, by name
    std::vector<Kept> kept;          ///< nodes that stay as they are
};

/// The model with each BatchNorm taken into the convolution (or linear layer) right before it:
///
///     y = (W·x + b − mean) · f + beta = (f·W)·x + (b − mean)·f + beta
///     f = gamma / √(variance + ε)
///
/// computed in double. Weights and biases change their values and keep their names. The norm's own
/// tensors become those of the identity, ε included (gamma 1, variance 1 − ε, mean and beta 0; beta
/// holds the bias where the convolution has none), so that the same tensors in the model's own
/// file, whose nodes are still there, compute the same. Layers stay in their order; blocks are cut
/// anew. A norm stays where something else reads the convolution's output or any tensor concerned.
///
/// Returns the model itself when there is nothing to fold, or when it has been done.
[[nodiscard]] std::shared_ptr<const Model> foldBatchNorms(std::shared_ptr<const Model> model);
/// The model that the given one was made of by foldBatchNorms; itself when it was not.
[[nodiscard]] std::shared_ptr<const Model> unfolded(std::shared_ptr<const Model> model);
[[nodiscard]] bool hasFoldedNorms(const Model& model);
[[nodiscard]] bool hasBatchNorms(const Model& model); ///< folded ones too

/// Every BatchNorm of the model, and what foldBatchNorms does (or did) with it.
[[nodiscard]] FoldedNorms foldableNorms(const Model& model);

} // namespace gradus
