// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/graph/model.h"
#include "core/graph/token.h"

#include <functional>
#include <map>
#include <memory>
#include <mutex>

namespace gradus {

class AttentionKernel;
class InputRounding;

/// A linear layer's weight in a form of its own: packed codes, for instance.
class LinearKernel
{
public:
    virtual ~LinearKernel() = default;
    [[nodiscard]] virtual std::int64_t rows() const = 0; ///< out
    [[nodiscard]] virtual std::int64_t cols() const = 0; ///< in
    /// y (n × out) = x (n × in) · Wᵀ. Bit-identical for any number of threads.
    virtual void apply(ConstMatrixView x, MatrixView y, const Monitor& monitor) const = 0;
    /// W as rows × cols floats, made anew.
    [[nodiscard]] virtual Tensor floats() const = 0;
};

/// Where the executor gets float32 weights. Replaced ones come before the model's file. Weights
/// read from the file are kept while they fit into cacheBytes, the least recently used going first.
/// get() is safe to call from several threads, replace() and restore() are not.
class Weights
{
public:
    Weights(std::shared_ptr<const Model> model, std::uint64_t cacheBytes);
    /// What is not replaced here is looked up below, which must outlive it and is left alone.
    [[nodiscard]] static Weights over(const Weights& below);

    /// The tensor as it lies in the model. Throws Error(Format | Numeric) naming the tensor when it
    /// is missing or not finite.
    [[nodiscard]] std::shared_ptr<const Tensor> get(const std::string& tensor) const;
    /// A layer's weight as rows × cols, whatever its layout in the file: what products multiply by.
    [[nodiscard]] std::shared_ptr<const Tensor> matrix(const std::string& tensor) const;

    /// Replaces a tensor (a quantized and dequantized weight). A layer's weight whose layout in the
    /// file is another comes as rows × cols, all others in the model's shape or as rows × cols.
    void replace(const std::string& tensor, std::shared_ptr<const Tensor> value);
    /// Linear nodes with this weight use the kernel. get() gives the replaced floats if there are
    /// any, else the kernel's, made at each call.
    void replace(const std::string& tensor, std::shared_ptr<const LinearKernel> kernel);
    /// The kernel of a weight that has one, else null.
    [[nodiscard]] std::shared_ptr<const LinearKernel> kernel(const std::string& tensor) const;
    /// The node of the graph, an attention, uses the kernel; null: the float one, whatever is
    /// below.
    void replace(int node, std::shared_ptr<const AttentionKernel> kernel);
    /// The kernel of an attention that has one, else null.
    [[nodiscard]] std::shared_ptr<const AttentionKernel> attentionKernel(int node) const;
    void restoreAttention(int node); ///< what is below, or the float one
    /// Convolutions with this weight round their inputs; null: none, whatever is below. Floats that
    /// replace the weight leave the rounding alone.
    void roundInputs(const std::string& weight, std::shared_ptr<const InputRounding> rounding);
    [[nodiscard]] std::shared_ptr<const InputRounding>
    inputRounding(const std::string& weight) const;
    /// Takes replacements back, and a rounding of inputs: the tensor is the file's again.
    void restore(const std::string& tensor);

private:
    explicit Weights(const Weights* below);
    void forgetCached(const std::string& tensor);
    [[nodiscard]] std::shared_ptr<const Tensor> cached(const std::string& key,
                                                       const std::function<Tensor()>& make) const;

    struct Cached
    {
        std::shared_ptr<const Tensor> tensor;
        std::uint64_t lastUse = 0;
    };
    const Weights* m_below = nullptr;
    std::shared_ptr<const Model> m_model;
    /// Layers whose weight does not lie as rows × cols, by tensor.
    std::map<std::string, const Layer*> m_turned;
    std::uint64_t m_budget;
    mutable std::mutex m_mutex;
    mutable std::uint64_t m_cachedBytes = 0;
    mutable std::uint64_t m_clock = 0;
    mutable std::map<std::string, Cached> m_cache;
    std::map<std::string, std::shared_ptr<const Tensor>> m_replaced;
    std::map<std::string, std::shared_ptr<const LinearKernel>> m_kernels;
    std::map<int, std::shared_ptr<const AttentionKernel>> m_attentions;
    std::map<std::string, std::shared_ptr<const InputRounding>> m_roundings;
};

/// Keys and values of earlier positions, for generation; one sequence.
struct KeyValueCache
{
    struct Entry
    {
        std::vector<float> keys; ///< positions × (kvHeads · headDim), rotated
        std::vector<float> values;
    };
    std::map<int, Entry> entries; ///< by node
    std::int64_t positions = 0;
};

/// Sees the input of every Linear node (… × in) and every Convolution (batch × C × H × W).
using InputObserver = std::function<void(int node, const Tensor& x)>;

/// Values by id. Constants are not among them.
using Values = std::map<ValueId, Tensor>;

/// Runs a model's graph. Stateless apart from the references; every call is bit-identical for any
/// number of threads.
class Executor
{
public:
    Executor(const Model& model, const Weights& weights);

    /// The whole graph: one tensor for each of its inputs (batch in front; an input that the graph
    /// computes with another dtype is converted) → one for each of its outputs. Throws Error(Shape)
    /// naming the input when one does not fit.
    [[nodiscard]] std::vector<Tensor> run(std::vector<Tensor> inputs, const Monitor& monitor,
                                          const InputObserver& observer = {}) const;

    /// The same in stages. The prelude leaves the first block's input and all values that blocks
    /// and head read besides.
    [[nodiscard]] Values prelude(std::vector<Tensor> inputs, const Monitor& monitor,
                                 const InputObserver& observer = {}) const;
    /// From a block's input to its output; sides: at least the block's own.
    [[nodiscard]] Tensor block(int block, Tensor input, const Values& sides, const Monitor& monitor,
                               const InputObserver& observer = {},
                               KeyValueCache* cache = nullptr) const;
    /// From the last block's output to the graph's outputs.
    [[nodiscard]] std::vector<Tensor> finish(Tensor input, const Values& sides,
                                             const Monitor& monitor,
                                             const InputObserver& observer = {}) const;

    /// Of a language model. hidden is batch × sequence × features. Inputs "position_ids" and
    /// "attention_mask" of a graph that has them are fed too: positions count from firstPosition,
    /// which is the cache's number of them when generation goes on.
    [[nodiscard]] Tensor embed(std::span<const Token> tokens, std::int64_t batch,
                               std::int64_t firstPosition = 0) const;
    void runBlock(int block, Tensor& hidden, const Monitor& monitor,
                  const InputObserver& observer = {}, KeyValueCache* cache = nullptr) const;
    /// Everything after the last block, for rows of hidden: rows × features → rows × vocabulary.
    [[nodiscard]] Tensor head(ConstMatrixView hidden, const Monitor& monitor,
                              const InputObserver& observer = {}) const;
    /// Logits (batch · sequence) × vocabulary of the whole model.
    [[nodiscard]] Tensor logits(std::span<const Token> tokens, std::int64_t batch,
                                const Monitor& monitor, KeyValueCache* cache = nullptr) const;

private:
    const Model& m_model;
    const Weights& m_weights;
};

} // namespace gradus
