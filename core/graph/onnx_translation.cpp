// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/onnx_translation.h"

#include "core/graph/constant_folding.h"
#include "core/graph/graph_passes.h"
#include "core/io/onnx_scanner.h"

#include <queue>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

namespace gradus {

namespace {

/// Constants of so many elements are computed at once: shapes, axes, scalars.
constexpr std::int64_t smallCount = 4096;
/// Chains of larger ones wait for a reader, up to this length.
constexpr int longestChain = 64;

constexpr std::int64_t oldestOpset = 7;
constexpr std::int64_t newestOpset = 23;

/// Every name that the nodes of a graph, and of those inside, read.
void forEachNameRead(const OnnxGraph& graph, const std::function<void(std::string_view)>& read)
{
    for (const OnnxNode& node : graph.nodes) {
        for (const std::string& name : node.inputs)
            read(name);
        for (const OnnxAttribute& attribute : node.attributes)
            for (const OnnxGraph& inside : attribute.graphs)
                forEachNameRead(inside, read);
    }
    for (const OnnxValue& output : graph.outputs)
        read(output.name);
}

/// Nodes that cannot be translated: how many of an operator, and the first.
struct Foreign
{
    int count = 0;
    std::string first;
    std::size_t place = 0; ///< of the operator among the others
};
using ForeignOperators = std::map<std::string, Foreign>;

/// A sentence names so many of them.
constexpr std::size_t mostNamed = 8;

void collectForeign(const OnnxGraph& graph, ForeignOperators& foreign)
{
    for (const OnnxNode& node : graph.nodes) {
        if (!onnxTranslator(node)) {
            const std::string op = node.domain.empty() ? node.op : node.domain + "." + node.op;
            const std::size_t place = foreign.size();
            const auto [found, isNew] = foreign.emplace(op, Foreign{});
            if (isNew)
                found->second = {0, node.label(), place};
            ++found->second.count;
        }
        for (const OnnxAttribute& attribute : node.attributes)
            for (const OnnxGraph& inside : attribute.graphs)
                collectForeign(inside, foreign);
    }
}

} // namespace

const OnnxTranslation::Named* OnnxTranslation::Scope::find(std::string_view name) const
{
    for (const Scope* scope = this; scope; scope = scope->around)
        if (const auto found = scope->names.find(name); found != scope->names.end())
            return &found->second;
    return nullptr;
}

OnnxTranslation::OnnxTranslation(Model& model)
    : m_model(model)
    , m_onnx(*model.source.onnx)
{
    for (const WeightUse& use : model.source.tensors->weightUses())
        m_uses.emplace(use.tensor, &use);
    for (const auto* values : {&m_onnx.inputs, &m_onnx.outputs, &m_onnx.values})
        for (const OnnxValue& value : *values)
            m_stated.emplace(value.name, &value);
    forEachNameRead(m_onnx, [&](std::string_view name) { m_read.insert(name); });
    // As much as the file holds several times over: results that grow are few and small.
    m_foldable = std::int64_t(1) << 24;
    for (const TensorInfo& info : model.source.tensors->tensors())
        m_foldable += 4 * elementCount(info.shape);
}

Error OnnxTranslation::fail(ErrorCode code, const std::string& what) const
{
    return {code, what};
}

void OnnxTranslation::requireKnown() const
{
    if (!m_onnx.whyIncomplete.empty())
        throw fail(ErrorCode::Unsupported, m_onnx.whyIncomplete);
    ForeignOperators foreign;
    collectForeign(m_onnx, foreign);
    std::map<std::size_t, const ForeignOperators::value_type*> inOrder;
    for (const auto& each : foreign)
        if (each.second.place < mostNamed)
            inOrder[each.second.place] = &each;
    std::string list;
    for (const auto& [place, each] : inOrder) {
        const auto& [op, nodes] = *each;
        list +=
            concat(place == 0 ? "" : "; ", nodes.count, nodes.count == 1 ? " node" : " nodes",
                   " of ", quoted(op), nodes.count == 1 ? ": " : ", first ", quoted(nodes.first));
    }
    if (foreign.size() > mostNamed)
        list += concat("; and nodes of ", foreign.size() - mostNamed, " more operators");
    if (!list.empty())
        throw fail(
            ErrorCode::Unsupported,
            concat("the graph has operators that Gradus does not run: ", list,
                   m_onnx.functions.empty() ? "" : "; functions of the model are not run either",
                   "; its weights can be inspected and quantized without calibration"));
}

void OnnxTranslation::run()
{
    requireKnown();
    const auto opset = m_onnx.opsets.find("");
    m_opset = opset == m_onnx.opsets.end() ? 1 : opset->second;
    if (m_opset < oldestOpset || m_opset > newestOpset)
        throw fail(ErrorCode::Unsupported,
                   concat("the graph is of opset ", m_opset, "; Gradus runs opsets ", oldestOpset,
                          " to ", newestOpset));
    Scope scope;
    addInputs(scope);
    addInitializers(m_onnx, scope);
    translate(m_onnx, scope);
    addOutputs(scope);
    settleReads(scope);
    m_model.graph.nodes = std::move(scope.nodes);
    forgetUnread(m_model.graph);
}

// ------------------------------------------------------------------------------ names and values

void OnnxTranslation::define(Scope& scope, std::string_view name, Named value)
{
    if (!name.empty() && !scope.names.emplace(name, value).second)
        throw fail(ErrorCode::Format, concat("the graph defines ", quoted(name),
                                             " twice; every value has one origin"));
}

ValueId OnnxTranslation::newValue(DType dtype)
{
    m_dtypes.push_back(dtype);
    return m_model.graph.values++;
}

std::string OnnxTranslation::shownName(const std::string& name)
{
    return isValidUtf8(name) ? name : quoted(name);
}

void OnnxTranslation::addInputs(Scope& scope)
{
    std::set<std::string_view> initialized;
    for (const auto& [name, tensor] : m_onnx.initializers)
        initialized.insert(name);
    Graph& graph = m_model.graph;
    graph.values = 0;
    for (const OnnxValue& input : m_onnx.inputs) {
        if (initialized.contains(input.name))
            continue; // old files list their weights too
        const auto dtype = dtypeOfOnnx(input.type);
        if (!dtype)
            throw fail(ErrorCode::Unsupported, concat("input ", quoted(input.name), " is of type ",
                                                      input.type == 0 ? "none that is a tensor's"
                                                                      : onnxTypeName(input.type),
                                                      ", which Gradus cannot feed"));
        const DType runs = isFloating(*dtype)      ? DType::F32
                           : *dtype == DType::Bool ? DType::Bool
                                                   : DType::I64;
        const ValueId value = newValue(runs);
        graph.inputs.push_back({value, shownName(input.name), runs, input.shape.value_or(Shape{})});
        define(scope, input.name, {nullptr, value});
    }
    if (graph.inputs.empty())
        throw fail(ErrorCode::Unsupported, "the graph has no input");
}

void OnnxTranslation::addInitializers(const OnnxGraph& graph, Scope& scope)
{
    for (const auto& [name, tensor] : graph.initializers) {
        const TensorInfo* info = m_model.source.tensors->find(tensor);
        // A tensor that cannot be read is missed by whoever reads it.
        if (info)
            define(scope, name, {info, noValue});
    }
}

ValueId OnnxTranslation::addConstant(Tensor value)
{
    const ValueId id = newValue(value.dtype());
    m_model.graph.constants[id].value = std::make_shared<const Tensor>(std::move(value));
    return id;
}

ValueId OnnxTranslation::constantOf(const TensorInfo& tensor, DType dtype)
{
    const auto [entry, isNew] = m_tensors.emplace(std::pair(&tensor, dtype), noValue);
    if (!isNew)
        return entry->second;
    const ModelFile& file = *m_model.source.tensors;
    if (isFloating(tensor.dtype) && dtype == DType::F32) {
        // Replaceable by its name, unless it holds what weights must not: masks of −∞.
        std::optional<Tensor> value;
        if (elementCount(tensor.shape) <= smallCount)
            value = file.readFloat(tensor.name);
        if (value && countNonFinite(value->floats()) > 0) {
            entry->second = addConstant(std::move(*value));
        } else {
            entry->second = newValue(DType::F32);
            m_model.graph.constants[entry->second].tensor = tensor.name;
        }
    } else {
        entry->second = addConstant(convertedTo(file.read(tensor.name), dtype));
    }
    return entry->second;
}

ValueId OnnxTranslation::read(const Scope& scope, std::string_view name, DType dtype)
{
    const Named* found = scope.find(name);
    if (!found)
        return noValue;
    return found->tensor ? constantOf(*found->tensor, dtype) : found->value;
}

std::shared_ptr<const Tensor> OnnxTranslation::valueOf(ValueId value, std::int64_t limit)
{
    if (m_deferred.contains(value) && !settle(value))
        return nullptr;
    const auto found = m_model.graph.constants.find(value);
    if (found == m_model.graph.constants.end())
        return nullptr;
    if (found->second.value)
        return found->second.value->count() <= limit ? found->second.value : nullptr;
    const TensorInfo* info = m_model.source.tensors->find(found->second.tensor);
    if (elementCount(info->shape) > limit)
        return nullptr;
    return std::make_shared<const Tensor>(m_model.source.tensors->readFloat(info->name));
}

std::string OnnxTranslation::computed(const std::string& name, Tensor value)
{
    auto& tensors = m_model.graph.computed;
    std::string unique = name;
    while (m_model.source.tensors->find(unique) || tensors.contains(unique))
        unique = concat(name, "'", ++m_copies[name]);
    tensors[unique] = std::make_shared<const Tensor>(std::move(value));
    return unique;
}

std::string OnnxTranslation::parameterOf(ValueId value, const std::string& nameIfComputed)
{
    if (const auto found = m_model.graph.constants.find(value);
        found != m_model.graph.constants.end() && !found->second.value)
        return found->second.tensor;
    std::string& made = m_computed[{value, 0}];
    if (made.empty())
        if (const auto tensor = valueOf(value, std::numeric_limits<std::int64_t>::max()))
            made = computed(nameIfComputed, toFloat(tensor->view()));
    return made;
}

bool OnnxTranslation::onlyMoves(ValueId value) const
{
    for (auto found = m_origins.find(value); found != m_origins.end();
         found = m_origins.find(value)) {
        const Operator& op = found->second->op;
        if (!std::holds_alternative<op::Transpose>(op) &&
            !std::holds_alternative<op::Reshape>(op) && !std::holds_alternative<op::Flatten>(op))
            return false;
        value = found->second->inputs.front();
    }
    return true;
}

// ----------------------------------------------------------------------------------------- nodes

std::vector<ValueId> OnnxTranslation::emit(Scope& scope, Operator op, std::vector<ValueId> inputs,
                                           std::string name, const std::vector<bool>& isRead)
{
    Node node;
    node.inputs = std::move(inputs);
    node.name = std::move(name);
    std::vector<DType> dtypes;
    for (const ValueId input : node.inputs)
        dtypes.push_back(input == noValue ? DType::F32 : dtypeOf(input));
    for (std::size_t i = 0; i < isRead.size(); ++i)
        node.outputs.push_back(isRead[i] ? newValue(resultDType(op, dtypes, i)) : noValue);
    if (const auto* branches = std::get_if<op::If>(&op))
        for (std::size_t i = 0; i < node.outputs.size(); ++i)
            if (node.outputs[i] != noValue)
                m_dtypes[static_cast<std::size_t>(node.outputs[i])] =
                    dtypeOf(branches->thenBranch->outputs[i]);
    node.op = std::move(op);

    int depth = 0;
    bool constant = isFoldable(node.op);
    for (const ValueId input : node.inputs) {
        constant = constant && (input == noValue || isConstant(input));
        if (const auto found = m_deferred.find(input); found != m_deferred.end())
            depth = std::max(depth, found->second.depth + 1);
    }
    if (!constant || depth > longestChain) {
        scope.nodes.push_back(std::move(node));
        return scope.nodes.back().outputs;
    }
    const auto shared = std::make_shared<const Node>(std::move(node));
    for (const ValueId output : shared->outputs)
        if (output != noValue) {
            m_deferred[output] = {shared, depth};
            m_origins[output] = shared;
        }
    const bool inputsAreThere =
        std::all_of(shared->inputs.begin(), shared->inputs.end(), [&](ValueId input) {
            return input == noValue || m_model.graph.constants.contains(input);
        });
    if (inputsAreThere && foldedElements(m_model, *shared).value_or(smallCount + 1) <= smallCount)
        for (const ValueId output : shared->outputs)
            if (output != noValue && settle(output))
                break;
    return shared->outputs;
}

void OnnxTranslation::moveAtRun(ValueId value)
{
    for (auto found = m_origins.find(value); found != m_origins.end();
         found = m_origins.find(value)) {
        m_movedAtRun.insert(value);
        value = found->second->inputs.front();
    }
}

bool OnnxTranslation::settle(ValueId value)
{
    const std::shared_ptr<const Node> node = m_deferred.at(value).node;
    for (const ValueId input : node->inputs)
        if (m_deferred.contains(input) && !settle(input))
            return false;
    try {
        const auto count = foldedElements(m_model, *node);
        if (!count || *count > m_foldable)
            return false;
        m_foldable -= *count;
        std::vector<Tensor> results = foldNode(m_model, *node);
        for (std::size_t i = 0; i < node->outputs.size(); ++i) {
            const ValueId output = node->outputs[i];
            if (output == noValue || i >= results.size())
                continue;
            m_deferred.erase(output);
            m_dtypes[static_cast<std::size_t>(output)] = results[i].dtype();
            m_model.graph.constants[output].value =
                std::make_shared<const Tensor>(std::move(results[i]));
        }
        return !m_deferred.contains(value);
    } catch (const Error&) {
        return false; // it will say so when it runs
    }
}

void OnnxTranslation::settleReads(Scope& scope)
{
    std::vector<Node> unsettled;
    std::set<const Node*> placed;
    const std::function<void(ValueId)> place = [&](ValueId value) {
        const bool moves = m_movedAtRun.contains(value);
        if (!moves && (!m_deferred.contains(value) || settle(value)))
            return;
        const std::shared_ptr<const Node> node = m_origins.at(value);
        if (moves)
            m_model.graph.constants.erase(value); // a small one was computed at once
        if (!placed.insert(node.get()).second)
            return;
        for (const ValueId input : node->inputs)
            place(input);
        unsettled.push_back(*node);
    };
    std::set<ValueId> outputs;
    for (const GraphPort& port : m_model.graph.outputs)
        outputs.insert(port.value);
    removeUnread(scope.nodes, outputs);
    for (const Node& node : scope.nodes)
        forEachRead(node, place);
    for (const ValueId output : outputs)
        place(output);
    scope.nodes.insert(scope.nodes.begin(), std::make_move_iterator(unsettled.begin()),
                       std::make_move_iterator(unsettled.end()));
}

std::vector<std::size_t> OnnxTranslation::ordered(const OnnxGraph& graph) const
{
    std::unordered_map<std::string_view, std::size_t> makers;
    for (std::size_t n = 0; n < graph.nodes.size(); ++n)
        for (const std::string& output : graph.nodes[n].outputs)
            if (!output.empty() && !makers.emplace(output, n).second)
                throw fail(ErrorCode::Format,
                           concat("two nodes make ", quoted(output), "; the second is ",
                                  quoted(graph.nodes[n].label())));
    std::vector<std::vector<std::size_t>> readers(graph.nodes.size());
    std::vector<std::size_t> missing(graph.nodes.size(), 0);
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
        std::set<std::size_t> before;
        const auto reads = [&](std::string_view name) {
            if (const auto maker = makers.find(name); maker != makers.end())
                before.insert(maker->second);
        };
        for (const std::string& name : graph.nodes[n].inputs)
            reads(name);
        for (const OnnxAttribute& attribute : graph.nodes[n].attributes)
            for (const OnnxGraph& inside : attribute.graphs)
                forEachNameRead(inside, reads);
        missing[n] = before.size();
        for (const std::size_t maker : before)
            readers[maker].push_back(n);
    }
    // Those that are ready, first in the file's order.
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
    for (std::size_t n = 0; n < graph.nodes.size(); ++n)
        if (missing[n] == 0)
            ready.push(n);
    std::vector<std::size_t> order;
    while (!ready.empty()) {
        const std::size_t n = ready.top();
        ready.pop();
        order.push_back(n);
        for (const std::size_t reader : readers[n])
            if (--missing[reader] == 0)
                ready.push(reader);
    }
    if (order.size() < graph.nodes.size()) {
        const auto stuck = std::find_if(missing.begin(), missing.end(),
                                        [](std::size_t count) { return count > 0; });
        const OnnxNode& node = graph.nodes[static_cast<std::size_t>(stuck - missing.begin())];
        throw fail(ErrorCode::Format, concat("the graph is cyclic: node ", quoted(node.label()),
                                             " (", quoted(node.op), ") needs its own output"));
    }
    return order;
}

void OnnxTranslation::translate(const OnnxGraph& graph, Scope& scope)
{
    for (const std::size_t n : ordered(graph)) {
        const OnnxNode& node = graph.nodes[n];
        OnnxCall call(*this, scope, node);
        onnxTranslator(node)(call);
    }
}

std::shared_ptr<const Subgraph> OnnxTranslation::branch(const OnnxGraph& graph, const Scope& around)
{
    Scope scope;
    scope.around = &around;
    addInitializers(graph, scope);
    translate(graph, scope);
    auto result = std::make_shared<Subgraph>();
    for (const OnnxValue& output : graph.outputs) {
        const ValueId value = read(scope, output.name, DType::F32);
        if (value == noValue)
            throw fail(ErrorCode::Format, concat("a branch should give ", quoted(output.name),
                                                 ", which nothing makes"));
        result->outputs.push_back(value);
    }
    removeUnread(scope.nodes, {result->outputs.begin(), result->outputs.end()});
    result->nodes = std::move(scope.nodes);
    return result;
}

void OnnxTranslation::addOutputs(Scope& scope)
{
    Graph& graph = m_model.graph;
    std::set<ValueId> made;
    for (const Node& node : scope.nodes)
        made.insert(node.outputs.begin(), node.outputs.end());
    for (const OnnxValue& output : m_onnx.outputs) {
        const auto stored = dtypeOfOnnx(output.type);
        ValueId value = read(scope, output.name,
                             !stored || isFloating(*stored) ? DType::F32
                             : *stored == DType::Bool       ? DType::Bool
                                                            : DType::I64);
        if (value == noValue)
            throw fail(ErrorCode::Format,
                       concat("output ", quoted(output.name), " is made by no node of the graph"));
        if (!made.contains(value)) {
            // An input or a constant: a node passes it on.
            Node node;
            node.op = op::Cast{dtypeOf(value)};
            node.inputs = {value};
            node.outputs = {newValue(dtypeOf(value))};
            node.name = shownName(output.name);
            value = node.outputs.front();
            scope.nodes.push_back(std::move(node));
        }
        graph.outputs.push_back(
            {value, shownName(output.name), dtypeOf(value), output.shape.value_or(Shape{})});
    }
    if (graph.outputs.empty())
        throw fail(ErrorCode::Unsupported, "the graph has no output");
    graph.output = graph.outputs.front().value;
}

OnnxTranslator onnxTranslator(const OnnxNode& node)
{
    static const OnnxTable table = [] {
        OnnxTable all;
        for (OnnxTable part :
             {onnxElements(), onnxShapes(), onnxReductions(), onnxNetworks(), onnxImages()})
            all.merge(part);
        return all;
    }();
    const auto found =
        table.find(node.domain.empty() ? node.op : concat(node.domain, ".", node.op));
    return found == table.end() ? nullptr : found->second;
}

} // namespace gradus
