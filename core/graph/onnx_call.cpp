// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/graph_passes.h"
#include "core/graph/onnx_translation.h"
#include "core/io/onnx_scanner.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace gradus {

OnnxCall::OnnxCall(OnnxTranslation& translation, OnnxTranslation::Scope& scope,
                   const OnnxNode& node)
    : m_translation(translation)
    , m_scope(scope)
    , m_node(node)
{
}

std::string OnnxCall::name() const
{
    return OnnxTranslation::shownName(m_node.label());
}

Error OnnxCall::failure(ErrorCode code, const std::string& what) const
{
    return {code, concat("node ", quoted(m_node.label()), " (", quoted(m_node.op), ") ", what)};
}

// ------------------------------------------------------------------------------------ attributes

const OnnxAttribute* OnnxCall::attribute(std::string_view name) const
{
    return m_node.attribute(name);
}

bool OnnxCall::hasAttribute(std::string_view name) const
{
    return m_node.attribute(name) != nullptr;
}

std::int64_t OnnxCall::integer(std::string_view name, std::int64_t otherwise) const
{
    const OnnxAttribute* found = m_node.attribute(name);
    return found ? found->integer : otherwise;
}

bool OnnxCall::flag(std::string_view name, bool otherwise) const
{
    return integer(name, otherwise ? 1 : 0) != 0;
}

float OnnxCall::real(std::string_view name, float otherwise) const
{
    const OnnxAttribute* found = m_node.attribute(name);
    return found ? found->real : otherwise;
}

std::string OnnxCall::text(std::string_view name, std::string_view otherwise) const
{
    const OnnxAttribute* found = m_node.attribute(name);
    return found ? found->text : std::string(otherwise);
}

std::vector<std::int64_t> OnnxCall::integers(std::string_view name) const
{
    const OnnxAttribute* found = m_node.attribute(name);
    return found ? found->integers : std::vector<std::int64_t>();
}

// ---------------------------------------------------------------------------------------- inputs

bool OnnxCall::has(std::size_t i) const
{
    return i < m_node.inputs.size() && !m_node.inputs[i].empty();
}

bool OnnxCall::isRead(std::size_t output) const
{
    // Exporters name the mask of a Dropout and the like without reading them. The first output is
    // what a node is for.
    return output < m_node.outputs.size() && !m_node.outputs[output].empty() &&
           (output == 0 || m_translation.m_read.contains(m_node.outputs[output]));
}

ValueId OnnxCall::in(std::size_t i)
{
    if (!has(i))
        throw failure(ErrorCode::Format, concat("has no input ", i + 1));
    const auto* found = m_scope.find(m_node.inputs[i]);
    if (!found) {
        for (const UnreadTensor& unread : m_translation.m_model.source.tensors->unread())
            if (unread.name == m_node.inputs[i])
                throw fail("reads ", quoted(unread.name), ": ", unread.why);
        throw failure(ErrorCode::Format,
                      concat("reads ", quoted(m_node.inputs[i]), ", which nothing makes"));
    }
    if (!found->tensor)
        return found->value;
    const DType stored = found->tensor->dtype;
    const DType runs = isFloating(stored)      ? DType::F32
                       : stored == DType::Bool ? DType::Bool
                                               : DType::I64;
    return m_translation.constantOf(*found->tensor, runs);
}

ValueId OnnxCall::inAs(std::size_t i, DType dtype)
{
    const auto* found = has(i) ? m_scope.find(m_node.inputs[i]) : nullptr;
    if (found && found->tensor)
        return m_translation.constantOf(*found->tensor, dtype);
    return cast(in(i), dtype);
}

std::vector<ValueId> OnnxCall::all()
{
    std::vector<ValueId> values;
    for (std::size_t i = 0; i < inputs(); ++i)
        values.push_back(optional(i));
    return values;
}

std::optional<DType> OnnxCall::storedDType(std::size_t i) const
{
    const auto* found = has(i) ? m_scope.find(m_node.inputs[i]) : nullptr;
    return found && found->tensor ? std::optional(found->tensor->dtype) : std::nullopt;
}

bool OnnxCall::isConstant(std::size_t i)
{
    return has(i) && m_translation.isConstant(in(i));
}

std::shared_ptr<const Tensor> OnnxCall::constant(std::size_t i, std::int64_t limit)
{
    return has(i) ? m_translation.valueOf(in(i), limit) : nullptr;
}

std::optional<std::vector<std::int64_t>> OnnxCall::constantIntegers(std::size_t i)
{
    const auto tensor = constant(i);
    if (!tensor || tensor->dtype() != DType::I64)
        return std::nullopt;
    const auto* begin = reinterpret_cast<const std::int64_t*>(tensor->bytes().data());
    return std::vector<std::int64_t>(begin, begin + tensor->count());
}

std::optional<float> OnnxCall::constantReal(std::size_t i)
{
    const auto tensor = constant(i);
    if (!tensor || tensor->count() != 1)
        return std::nullopt;
    return toFloat(tensor->view()).floats()[0];
}

std::optional<Shape> OnnxCall::shapeOfConstant(std::size_t i)
{
    if (!has(i))
        return std::nullopt;
    const auto* found = m_scope.find(m_node.inputs[i]);
    if (found && found->tensor)
        return found->tensor->shape;
    const auto tensor = constant(i, INT64_MAX);
    return tensor ? std::optional(tensor->shape()) : std::nullopt;
}

std::optional<std::size_t> OnnxCall::statedRank(std::size_t i) const
{
    if (!has(i))
        return std::nullopt;
    const auto found = m_translation.m_stated.find(m_node.inputs[i]);
    if (found == m_translation.m_stated.end() || !found->second->shape)
        return std::nullopt;
    return found->second->shape->size();
}

// ------------------------------------------------------------------------------------ parameters

const OnnxWeight* OnnxCall::weight(std::size_t i)
{
    for (const OnnxWeight& weight : m_node.weights) {
        if (weight.input != i)
            continue;
        const auto use = m_translation.m_uses.find(weight.tensor);
        const bool same = use != m_translation.m_uses.end() && use->second->rows == weight.rows &&
                          use->second->cols == weight.cols &&
                          use->second->layout.sizes == weight.layout.sizes &&
                          use->second->layout.order == weight.layout.order;
        const ValueId value = in(i);
        return same && dtype(value) == DType::F32 && m_translation.isConstant(value) &&
                       m_translation.onlyMoves(value)
                   ? &weight
                   : nullptr;
    }
    return nullptr;
}

bool OnnxCall::movesWeight(std::size_t i)
{
    if (!has(i))
        return false;
    ValueId value = in(i);
    if (dtype(value) != DType::F32 || !m_translation.isConstant(value) ||
        !m_translation.onlyMoves(value))
        return false;
    const auto& origins = m_translation.m_origins;
    for (auto found = origins.find(value); found != origins.end(); found = origins.find(value))
        value = found->second->inputs.front();
    const auto stored = m_translation.m_model.graph.constants.find(value);
    if (stored == m_translation.m_model.graph.constants.end() || stored->second.value)
        return false;
    const auto use = m_translation.m_uses.find(stored->second.tensor);
    return use != m_translation.m_uses.end() && use->second->role != WeightRole::Other;
}

ValueId OnnxCall::following(std::size_t i)
{
    const ValueId value = in(i);
    if (movesWeight(i))
        m_translation.moveAtRun(value);
    return value;
}

OnnxCall::Operand OnnxCall::operand(std::size_t i)
{
    const ValueId value = inAs(i, DType::F32);
    if (!movesWeight(i))
        return {value, false};
    Operand result{value, false};
    const auto& origins = m_translation.m_origins;
    for (auto found = origins.find(result.value); found != origins.end();
         found = origins.find(result.value)) {
        const auto* turn = std::get_if<op::Transpose>(&found->second->op);
        const bool swaps = turn && (turn->permutation == std::vector<std::int64_t>{1, 0});
        if (!swaps) {
            m_translation.moveAtRun(value);
            return {value, false};
        }
        result.transposes = !result.transposes;
        result.value = found->second->inputs.front();
    }
    return result;
}

std::string OnnxCall::parameter(std::size_t i)
{
    if (!has(i))
        return {};
    std::string tensor =
        m_translation.parameterOf(inAs(i, DType::F32), quoted(m_node.inputs[i], 200));
    if (tensor.empty())
        throw fail("has a parameter that the graph computes while it runs: ",
                   quoted(m_node.inputs[i]));
    return tensor;
}

std::string OnnxCall::computed(std::string_view what, std::size_t i, int form,
                               const std::function<Tensor(const Tensor&)>& make)
{
    const ValueId value = in(i);
    std::string& tensor = m_translation.m_computed[{value, form}];
    if (tensor.empty())
        if (const auto elements = m_translation.valueOf(value, INT64_MAX))
            tensor = m_translation.computed(concat(name(), ".", what), make(*elements));
    return tensor;
}

ValueId OnnxCall::constantValue(std::vector<std::int64_t> values)
{
    Tensor tensor(DType::I64, {static_cast<std::int64_t>(values.size())});
    if (!values.empty())
        std::memcpy(tensor.bytes().data(), values.data(), tensor.bytes().size());
    return m_translation.addConstant(std::move(tensor));
}

ValueId OnnxCall::scalar(float value)
{
    Tensor tensor(Shape{});
    tensor.floats()[0] = value;
    return m_translation.addConstant(std::move(tensor));
}

ValueId OnnxCall::scalarOf(DType dtype, double value)
{
    if (dtype == DType::F32)
        return scalar(static_cast<float>(value));
    Tensor tensor(dtype, {});
    const auto whole = static_cast<std::int64_t>(value);
    if (dtype == DType::Bool)
        tensor.bytes()[0] = std::byte(whole != 0);
    else
        std::memcpy(tensor.bytes().data(), &whole, sizeof whole);
    return m_translation.addConstant(std::move(tensor));
}

// --------------------------------------------------------------------------------------- results

ValueId OnnxCall::emit(Operator op, std::vector<ValueId> inputs)
{
    return m_translation.emit(m_scope, std::move(op), std::move(inputs), name(), {true}).front();
}

ValueId OnnxCall::cast(ValueId value, DType dtype)
{
    return this->dtype(value) == dtype ? value : emit(op::Cast{dtype}, {value});
}

void OnnxCall::bind(std::size_t output, ValueId value)
{
    if (isRead(output))
        m_translation.define(m_scope, m_node.outputs[output], {nullptr, value});
}

void OnnxCall::bindTensor(std::size_t output, const std::string& tensor)
{
    // One that cannot be read is missed by whoever reads it.
    const TensorInfo* info = m_translation.m_model.source.tensors->find(tensor);
    if (info && isRead(output))
        m_translation.define(m_scope, m_node.outputs[output], {info, noValue});
}

void OnnxCall::become(Operator op, std::vector<ValueId> inputs)
{
    std::vector<bool> read;
    for (std::size_t i = 0; i < outputs(); ++i)
        read.push_back(isRead(i));
    const std::vector<ValueId> values =
        m_translation.emit(m_scope, std::move(op), std::move(inputs), name(), read);
    for (std::size_t i = 0; i < values.size(); ++i)
        bind(i, values[i]);
}

DType OnnxCall::dtypeOfOnnxType(std::int64_t type) const
{
    const auto dtype = dtypeOfOnnx(type);
    // Small unsigned and signed integers that no tensor of a file may have are whole numbers too.
    if (!dtype && type != 4 && type != 12 && type != 13)
        throw fail("makes values of type ", onnxTypeName(type), ", which Gradus does not have");
    return !dtype                  ? DType::I64
           : isFloating(*dtype)    ? DType::F32
           : *dtype == DType::Bool ? DType::Bool
                                   : DType::I64;
}

} // namespace gradus
