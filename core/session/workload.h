// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/forecast.h"

#include <map>
#include <memory>

namespace gradus {

/// What stages of a run amount to, for forecasts and for progress. Amounts are of what MachineSpeed
/// has speeds for.
struct Work
{
    double flops = 0;
    double doubleFlops = 0;
    double exponentials = 0;
    double roundings = 0;
    double bytes = 0;
    double hashBytes = 0;
    double latency = 0; ///< seconds, whatever the machine

    /// A product of m × k by k × n.
    void multiply(double m, double n, double k) { flops += 2 * m * n * k; }
    /// A d × d matrix inverted by its Cholesky factor.
    void invert(double d);
    Work& operator+=(const Work& other);
    Work& operator*=(double factor);
    [[nodiscard]] double seconds(const MachineSpeed& machine) const;
};

/// In place of a block's index: what comes before the first one.
inline constexpr int preludeBlock = -1;

/// Some rows through a block, or through the head.
struct ForwardWork
{
    Work work;
    std::uint64_t bytes = 0;   ///< activations alive at once, at most
    std::uint64_t weights = 0; ///< bytes of the weights as floats
};
/// block: an index, or the number of blocks for the head. rows lie in sequences of `context`.
[[nodiscard]] ForwardWork forwardWork(const Model& model, int block, std::int64_t rows,
                                      std::int64_t context);
/// The same for a number of samples of any network, from the shapes of the values of one.
[[nodiscard]] ForwardWork forwardWork(const Model& model, int block,
                                      const std::map<ValueId, Shape>& shapes, std::int64_t samples);
/// Shapes of all values of the graph for one sample, found by running one of zeros where the
/// graph's inputs tell their shapes. Empty when that fails: a network may refuse zeros.
[[nodiscard]] std::map<ValueId, Shape> shapesOfOne(const std::shared_ptr<const Model>& model,
                                                   std::int64_t context, std::uint64_t memoryBytes);

/// The samples of a calibration, for counting.
struct SampleWork
{
    std::int64_t samples = 0;
    std::int64_t context = 0; ///< tokens of one; 0: it is no text
    /// Of one sample; empty: counted by tokens, as for language models.
    std::map<ValueId, Shape> shapes = {};

    /// Rows of a layer's input, output pixels of a convolution's.
    [[nodiscard]] std::int64_t rows(const Model& model, const Layer& layer) const;
    [[nodiscard]] Work forward(const Model& model, int block) const;
    [[nodiscard]] Work training(const Model& model, int block, int epochs) const;
    /// Ranges and Hessian of the layer's input, and the cross matrix besides.
    [[nodiscard]] Work capture(const Model& model, const Layer& layer) const;
    [[nodiscard]] Work cross(const Model& model, const Layer& layer) const;
};

/// A training of a block (or the head): an epoch costs about three forward passes and the losses
/// after it a fourth, as do those before the first.
[[nodiscard]] Work trainingWork(const Model& model, int block, std::int64_t tokens,
                                std::int64_t context, int epochs);
/// Ranges and Hessian of one input.
[[nodiscard]] Work captureWork(std::int64_t features, std::int64_t tokens);
/// The cross matrix of one input, besides.
[[nodiscard]] Work crossWork(std::int64_t features, std::int64_t tokens);
/// Share of the memory budget that each of the hidden states has: a quarter for all of them. A
/// training looks at a block's outputs too, and the float network has hidden states of its own.
[[nodiscard]] std::uint64_t activationShare(std::uint64_t budget, bool trains, bool withFloats);
[[nodiscard]] Work tokenizeWork(std::uint64_t textBytes);
/// Reading a weight and running the method.
[[nodiscard]] Work solveWork(const Layer& layer, const LayerChoice& choice);
/// Its part in the search for an exponent that layers share.
[[nodiscard]] Work exponentWork(const Layer& layer);
/// Its errors, that of the output only with a Hessian.
[[nodiscard]] Work measureWork(const Layer& layer, bool captured);

} // namespace gradus
