// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/operators.h"
#include "core/io/model_source.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// Index of a value in a graph: one of its inputs, a constant, or an output of a node.
using ValueId = int;
/// In place of an optional input that is missing.
inline constexpr ValueId noValue = -1;

struct Node
{
    Operator op;
    std::vector<ValueId> inputs;
    std::vector<ValueId> outputs; ///< one, of a few operators several; noValue: nobody reads it
    std::string name;             ///< "model.layers.0.self_attn.q_proj"
    [[nodiscard]] ValueId output() const { return outputs.front(); }
};

/// Every value that a node reads, those that branches read of the graph around them too.
void forEachRead(const Node& node, const std::function<void(ValueId)>& read);

/// A branch of an op::If, with the ids of the graph around it.
struct Subgraph
{
    std::vector<Node> nodes;
    std::vector<ValueId> outputs;
};

/// A value that is there before anything runs: a tensor of the model by name, so that replacing it
/// in Weights changes it (floats only), or a tensor of the graph's own.
struct Constant
{
    std::string tensor;
    std::shared_ptr<const Tensor> value; ///< null when it is named
};

/// What a person feeds, or gets.
struct GraphPort
{
    ValueId value = 0;
    std::string name;
    DType dtype = DType::F32; ///< F32, I64 or Bool
    Shape shape;              ///< with the batch in front; −1 where it is not fixed
};

/// Nodes in the order of execution.
struct Graph
{
    std::vector<Node> nodes;
    std::map<ValueId, Constant> constants;
    /// Tensors that operators name and the file does not have: weights that the graph itself
    /// computes of constants (dequantized codes), made when it was opened.
    std::map<std::string, std::shared_ptr<const Tensor>> computed;
    std::vector<GraphPort> inputs; ///< the first is what a language model or a classifier reads
    std::vector<GraphPort> outputs;
    int values = 1;
    ValueId output = 0; ///< of the first of outputs
};

enum class LayerKind
{
    Linear,
    Embedding,
    Convolution,
    Other
};
[[nodiscard]] std::string_view layerKindName(LayerKind kind); ///< "linear", "embedding", …

/// One quantizable operation with a constant weight.
struct Layer
{
    std::string name;   ///< without ".weight": "model.layers.0.self_attn.q_proj"
    std::string weight; ///< name of the tensor
    LayerKind kind = LayerKind::Other;
    int block = -1;        ///< index in Model::blocks, -1 outside of any
    int node = -1;         ///< index in Graph::nodes, -1 when the model cannot run
    ValueId input = -1;    ///< its input; layers with one input share one Hessian
    Shape shape;           ///< as stored
    std::int64_t rows = 0; ///< out
    std::int64_t cols = 0; ///< in (· kh · kw)
    DType dtype = DType::F32;
    WeightLayout layout; ///< how the stored tensor is rows × cols
    /// False for embeddings, the language-model head and what a data-free method should leave
    /// alone: they stay float unless a rule includes them.
    bool quantizedByDefault = true;
    [[nodiscard]] std::int64_t parameters() const { return rows * cols; }
};

/// The repeated unit of a network: nodes [firstNode, firstNode + nodeCount). Blocks follow each
/// other without gaps, each one's output is the next one's input; the nodes before the first are
/// the prelude (embeddings, masks), those after the last the head. A network that cannot be cut is
/// one block.
struct Block
{
    std::string name; ///< "model.layers.0"
    int firstNode = 0;
    int nodeCount = 0;
    ValueId input = 0;
    ValueId output = 0;
    /// Values of the prelude (or graph inputs) that its nodes read besides: masks, positions.
    std::vector<ValueId> sides;
};

/// What a model is for, as far as it decides how it is fed and judged.
enum class ModelTask
{
    Language,       ///< tokens → logits of the next token at every position
    Classification, ///< → scores of classes, batch × classes
    Other
};
[[nodiscard]] std::string_view modelTaskName(ModelTask task); ///< "language", …

/// How pixels become inputs, as a model's configuration states it (preprocessor_config.json).
struct ImageInput
{
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::int64_t channels = 0;
    bool channelsFirst = true; ///< what the graph's input wants
    std::vector<float> mean;   ///< in units of 0–255, one or one per channel; empty: not stated
    std::vector<float> deviation;
    std::int64_t resize = 0; ///< shorter side before the crop; 0: straight to height × width
};

/// A model as Gradus sees it: named layers and blocks over a lazily read file and, when the
/// architecture is known, the graph that runs it. Immutable.
struct Model
{
    ModelSource source;
    std::string architecture;   ///< "llama", "mistral", "qwen2", …; what it is ("ONNX
                                ///< graph") or "unknown" when it cannot run
    std::string whyNotRunnable; ///< empty when the graph can run, else a sentence
    Graph graph;
    std::vector<Layer> layers; ///< in model order
    std::vector<Block> blocks;
    std::int64_t parameters = 0; ///< over all floating tensors of the file
    ModelTask task = ModelTask::Other;
    std::optional<ImageInput> image; ///< the first input is an image
    std::vector<std::string> labels; ///< names of classes, as far as they are known
    std::int64_t vocabularySize = 0;
    std::int64_t hiddenSize = 0;
    std::int64_t maximumContext = 0; ///< 0 when not stated

    [[nodiscard]] bool canRun() const { return whyNotRunnable.empty(); }
    [[nodiscard]] const Layer* findLayer(std::string_view name) const; ///< nullptr if none
};

/// Opens whatever lies at path (see openModelSource) and builds its graph. A container with an
/// unknown architecture opens too: every floating tensor of two or more dimensions is a layer then,
/// and as much of its use is known as the container tells (ONNX graphs, Keras's names).
[[nodiscard]] std::shared_ptr<const Model> openModel(const std::filesystem::path& path);
[[nodiscard]] std::shared_ptr<const Model> buildModel(ModelSource source);

} // namespace gradus
