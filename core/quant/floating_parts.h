// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/gradient.h"
#include "core/quant/trained_weight.h"

#include <map>
#include <string>
#include <utility>

namespace gradus {

/// Quantized layers, norms and biases while they are trained: float32 masters, their gradients, and
/// the weights that follow from them. What of a quantized weight is trained is the matter of its
/// TrainedWeight.
class FloatingParts
{
public:
    enum class Form
    {
        Masters, ///< as the optimizer has them
        Stored   ///< rounded to the types they are kept in
    };

    /// What of the nodes in [first, first + count) is trained. below: all other weights. Layers
    /// that are no Linear or Convolution node of that range stay as they are.
    FloatingParts(const Model& model, const Weights& below, const std::vector<TrainedLayer>& layers,
                  int first, int count, const TrainingOptions& options);

    [[nodiscard]] bool empty() const;
    /// Nodes of a range with something to train, for GradientPass.
    [[nodiscard]] std::set<int> wanted(const NodeRange& range) const;

    /// What a pass over the ranges entered looks weights up in.
    [[nodiscard]] const Weights& weights() const { return m_overlay; }
    /// Makes the float weights of a range; their memory is used again after leave().
    void enter(const NodeRange& range, Form form);
    void leave(const NodeRange& range);

    /// Adds to the gradients. Refers to this object and to the monitor.
    [[nodiscard]] GradientSink sink(const Monitor& monitor);
    void clearGradients();
    /// One step of the optimizer with the gradients so far. done: share of all steps that lie
    /// before this one.
    void step(const AdamRates& rates, double done);

    /// What keptWeights() and keptParameters() and the movement are about from now on.
    void keep();
    /// The weights kept last, in the order of the layers; where nothing was kept, the start.
    [[nodiscard]] std::vector<std::shared_ptr<const QuantizedWeight>> keptWeights() const;
    /// Trained norms and biases as kept last, rounded to the model's types; none for the start.
    [[nodiscard]] std::map<std::string, std::shared_ptr<const Tensor>> keptParameters() const;
    /// TuningOutcome's changes, of what was kept.
    void measureMovement(TuningOutcome& outcome) const;

private:
    struct LayerParts
    {
        int node = -1;
        std::string tensor;
        std::shared_ptr<const QuantizedWeight> start;
        std::unique_ptr<TrainedWeight> weight; ///< null: not trained
    };
    /// A norm's weight or bias, or a layer's bias.
    struct VectorParts
    {
        int node = -1;
        std::string tensor;
        DType dtype = DType::F32;
        TrainedArray values;
    };

    /// kind: what of the node it is.
    enum class VectorKind
    {
        Norm,
        Bias
    };
    void addVector(int node, const std::string& tensor, VectorKind kind);
    template <class Body>
    void forEachWeight(const Body& body);
    std::shared_ptr<Tensor> buffer(const Shape& shape);
    MatrixView gradientBuffer(std::int64_t rows, std::int64_t cols);

    const Model& m_model;
    Weights m_overlay;
    std::vector<LayerParts> m_layers;
    std::vector<VectorParts> m_vectors;
    std::map<int, std::size_t> m_layerOf; ///< by node
    /// By node and tensor: a norm has a weight and a bias.
    std::map<std::pair<int, std::string>, std::size_t> m_normOf;
    std::map<int, std::size_t> m_biasOf; ///< of linear layers and convolutions, by node
    std::map<std::string, std::shared_ptr<Tensor>> m_entered;
    std::vector<std::shared_ptr<Tensor>> m_spare;
    Tensor m_weightGradient; ///< of one layer at a time
    std::int64_t m_steps = 0;
    bool m_hasKept = false;
};

} // namespace gradus
