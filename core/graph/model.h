// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/operators.h"
#include "core/io/model_source.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// Index of a value (the output of one node) in a graph; value 0 is the graph's input.
using ValueId = int;

struct Node
{
    Operator op;
    std::vector<ValueId> inputs;
    ValueId output = 0;
    std::string name; ///< "model.layers.0.self_attn.q_proj"
};

/// Nodes in the order of execution.
struct Graph
{
    std::vector<Node> nodes;
    int values = 1;
    ValueId output = 0;
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

/// The repeated unit of a network: nodes [firstNode, firstNode + nodeCount).
struct Block
{
    std::string name; ///< "model.layers.0"
    int firstNode = 0;
    int nodeCount = 0;
    ValueId input = 0;
    ValueId output = 0;
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
