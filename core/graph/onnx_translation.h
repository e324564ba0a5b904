// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/model.h"
#include "core/io/onnx_graph.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace gradus {

/// What all nodes of an ONNX model share while they become nodes of a Graph. Values of the graph
/// that follow from constants alone are no nodes at first: they are computed when something that
/// runs reads them, and forgotten otherwise (a transposed weight that became a Linear's).
///
/// Numbers are float32, int64 or bool: float16, bfloat16 and double are run as float32, smaller
/// integers as int64 (without wrapping around), and codes of quantized values as floats.
class OnnxTranslation
{
public:
    explicit OnnxTranslation(Model& model);

    /// Fills the model's graph, its blocks and layers aside. Throws Error(Format | Unsupported).
    void run();

private:
    friend class OnnxCall;

    /// A name of the ONNX graph: a tensor of the file that nothing has read yet, or a value.
    struct Named
    {
        const TensorInfo* tensor = nullptr;
        ValueId value = noValue;
    };
    struct Scope
    {
        const Scope* around = nullptr;
        std::unordered_map<std::string_view, Named> names;
        std::vector<Node> nodes;

        [[nodiscard]] const Named* find(std::string_view name) const;
    };

    /// For persons and JSON; names of a file may be any bytes.
    [[nodiscard]] static std::string shownName(const std::string& name);
    void addInputs(Scope& scope);
    void addInitializers(const OnnxGraph& graph, Scope& scope);
    void define(Scope& scope, std::string_view name, Named value);
    void translate(const OnnxGraph& graph, Scope& scope);
    [[nodiscard]] std::shared_ptr<const Subgraph> branch(const OnnxGraph& graph,
                                                         const Scope& around);

    void requireKnown() const;
    [[nodiscard]] std::vector<std::size_t> ordered(const OnnxGraph& graph) const;
    void addOutputs(Scope& scope);
    [[nodiscard]] ValueId read(const Scope& scope, std::string_view name, DType dtype);
    [[nodiscard]] ValueId newValue(DType dtype);
    [[nodiscard]] DType dtypeOf(ValueId value) const
    {
        return m_dtypes[static_cast<std::size_t>(value)];
    }
    [[nodiscard]] ValueId addConstant(Tensor value);
    /// The tensor as a constant of one of the three dtypes.
    [[nodiscard]] ValueId constantOf(const TensorInfo& tensor, DType dtype);
    [[nodiscard]] bool isConstant(ValueId value) const
    {
        return m_model.graph.constants.contains(value) || m_deferred.contains(value);
    }
    /// The elements of a constant; null when it is none, or larger than `limit` elements.
    [[nodiscard]] std::shared_ptr<const Tensor> valueOf(ValueId value, std::int64_t limit);
    /// A name of a tensor with these elements, which operators may have as a parameter.
    [[nodiscard]] std::string parameterOf(ValueId value, const std::string& nameIfComputed);
    [[nodiscard]] std::string computed(const std::string& name, Tensor value);
    [[nodiscard]] std::vector<ValueId> emit(Scope& scope, Operator op, std::vector<ValueId> inputs,
                                            std::string name, const std::vector<bool>& isRead);
    /// Whether a value is a tensor's elements in their order or another, and nothing else.
    [[nodiscard]] bool onlyMoves(ValueId value) const;
    /// Leaves the moves that make a value of a layer's weight to the run, so that what replaces the
    /// weight is moved, too.
    void moveAtRun(ValueId value);
    /// Computes a value that waits; false when that fails or would take too much.
    bool settle(ValueId value);
    /// Computes whatever waits and is read by these nodes; what cannot be computed now becomes
    /// nodes in front of them.
    void settleReads(Scope& scope);
    [[nodiscard]] Error fail(ErrorCode code, const std::string& what) const;

    Model& m_model;
    const OnnxGraph& m_onnx;
    std::int64_t m_opset = 0;
    std::vector<DType> m_dtypes;                                      ///< of values
    std::map<std::pair<const TensorInfo*, DType>, ValueId> m_tensors; ///< that were read
    /// What makes a value of constants alone, and how many such nodes lie before it.
    struct Deferred
    {
        std::shared_ptr<const Node> node;
        int depth = 0;
    };
    std::map<ValueId, Deferred> m_deferred;
    std::map<ValueId, std::shared_ptr<const Node>> m_origins; ///< the same, of those settled too
    std::set<ValueId> m_movedAtRun;
    std::map<std::string_view, const WeightUse*> m_uses;             ///< by tensor
    std::unordered_map<std::string_view, const OnnxValue*> m_stated; ///< values of the main graph
    std::unordered_set<std::string_view> m_read; ///< names that any node or graph reads
    /// Tensors made of constants, by the constant and the form; 0 is its own.
    std::map<std::pair<ValueId, int>, std::string> m_computed;
    std::map<std::string, int> m_copies; ///< of names of those
    std::int64_t m_foldable = 0;         ///< elements that may still be computed of constants
};

/// One ONNX node that is translated: its attributes and inputs, and what it becomes.
class OnnxCall
{
public:
    OnnxCall(OnnxTranslation& translation, OnnxTranslation::Scope& scope, const OnnxNode& node);

    [[nodiscard]] std::int64_t opset() const { return m_translation.m_opset; }
    [[nodiscard]] bool isStandard() const { return m_node.domain.empty(); }
    [[nodiscard]] std::string_view op() const { return m_node.op; }

    [[nodiscard]] bool hasAttribute(std::string_view name) const;
    [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
    [[nodiscard]] bool flag(std::string_view name, bool otherwise = false) const;
    [[nodiscard]] float real(std::string_view name, float otherwise) const;
    [[nodiscard]] std::string text(std::string_view name, std::string_view otherwise = {}) const;
    [[nodiscard]] std::vector<std::int64_t> integers(std::string_view name) const;
    [[nodiscard]] const OnnxAttribute* attribute(std::string_view name) const;

    [[nodiscard]] std::size_t inputs() const { return m_node.inputs.size(); }
    [[nodiscard]] std::size_t outputs() const { return m_node.outputs.size(); }
    [[nodiscard]] bool has(std::size_t i) const;
    [[nodiscard]] bool isRead(std::size_t output) const; ///< by its name
    [[nodiscard]] ValueId in(std::size_t i);
    [[nodiscard]] ValueId optional(std::size_t i) { return has(i) ? in(i) : noValue; }
    [[nodiscard]] ValueId inAs(std::size_t i, DType dtype); ///< converted where it is another
    /// Every input, as said; noValue for those that are missing.
    [[nodiscard]] std::vector<ValueId> all();
    [[nodiscard]] DType dtype(ValueId value) const { return m_translation.dtypeOf(value); }
    /// As stored in the file, where input i is a tensor of it.
    [[nodiscard]] std::optional<DType> storedDType(std::size_t i) const;
    /// The elements of a constant input; null when it is none (or is not small).
    [[nodiscard]] std::shared_ptr<const Tensor> constant(std::size_t i,
                                                         std::int64_t limit = 65'536);
    [[nodiscard]] std::optional<std::vector<std::int64_t>> constantIntegers(std::size_t i);
    [[nodiscard]] std::optional<float> constantReal(std::size_t i); ///< of one element
    [[nodiscard]] bool isConstant(std::size_t i);
    [[nodiscard]] std::optional<Shape> shapeOfConstant(std::size_t i);

    /// The layer that input i is the weight of, in the layout that the layer has.
    [[nodiscard]] const OnnxWeight* weight(std::size_t i);
    /// Input i where a layer's weight may come in another way than the layer has it (transposed for
    /// a second use): it follows what the weight is replaced by. Of a product's operand a
    /// transposition is left to the product.
    struct Operand
    {
        ValueId value = noValue;
        bool transposes = false;
    };
    [[nodiscard]] Operand operand(std::size_t i);
    [[nodiscard]] ValueId following(std::size_t i);
    /// Whether input i is a layer's weight, in whatever orientation.
    [[nodiscard]] bool movesWeight(std::size_t i);
    /// A constant input as a parameter; "" when it is missing. Throws when it is no constant.
    [[nodiscard]] std::string parameter(std::size_t i);
    /// The same in another form than it lies there; made once for all nodes that take a constant in
    /// that form. "" when it cannot be computed.
    [[nodiscard]] std::string computed(std::string_view what, std::size_t i, int form,
                                       const std::function<Tensor(const Tensor&)>& make);

    [[nodiscard]] ValueId constantValue(Tensor value)
    {
        return m_translation.addConstant(std::move(value));
    }
    [[nodiscard]] ValueId constantValue(std::vector<std::int64_t> values);
    [[nodiscard]] ValueId scalar(float value);
    [[nodiscard]] ValueId scalarOf(DType dtype, double value);

    [[nodiscard]] ValueId emit(Operator op, std::vector<ValueId> inputs);
    [[nodiscard]] ValueId cast(ValueId value, DType dtype);
    void bind(std::size_t output, ValueId value);                   ///< the output is that value
    void bindTensor(std::size_t output, const std::string& tensor); ///< of the file
    /// Emits, for all outputs of the node.
    void become(Operator op, std::vector<ValueId> inputs);
    [[nodiscard]] std::shared_ptr<const Subgraph> branch(const OnnxGraph& graph)
    {
        return m_translation.branch(graph, m_scope);
    }
    [[nodiscard]] DType dtypeOfOnnxType(std::int64_t type) const; ///< one of the three
    /// Sizes of a value by the file's words, where they say them.
    [[nodiscard]] std::optional<std::size_t> statedRank(std::size_t i) const;
    [[nodiscard]] std::string name() const;

    template <class... Parts>
    [[nodiscard]] Error fail(const Parts&... parts) const
    {
        return failure(ErrorCode::Unsupported, concat(parts...));
    }

private:
    [[nodiscard]] Error failure(ErrorCode code, const std::string& what) const;

    OnnxTranslation& m_translation;
    OnnxTranslation::Scope& m_scope;
    const OnnxNode& m_node;
};

/// Translates one node. Throws what OnnxCall::fail makes.
using OnnxTranslator = void (*)(OnnxCall& call);
/// By op_type, and by "com.microsoft." and op_type for those of that domain.
using OnnxTable = std::map<std::string_view, OnnxTranslator>;

[[nodiscard]] OnnxTable onnxElements();
[[nodiscard]] OnnxTable onnxShapes();
[[nodiscard]] OnnxTable onnxReductions();
[[nodiscard]] OnnxTable onnxNetworks();
[[nodiscard]] OnnxTable onnxImages();
/// All of them; null when the operator is not among them.
[[nodiscard]] OnnxTranslator onnxTranslator(const OnnxNode& node);

} // namespace gradus
