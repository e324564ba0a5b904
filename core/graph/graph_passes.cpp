// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/graph_passes.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace gradus {

namespace {

template <class T, class... Among>
constexpr bool isAmong = (std::is_same_v<T, Among> || ...);

bool makesBool(op::BinaryKind kind)
{
    return kind >= op::BinaryKind::Equal;
}

template <class Function>
void forEachNode(const std::vector<Node>& nodes, const Function& function)
{
    for (const Node& node : nodes) {
        function(node);
        if (const auto* branches = std::get_if<op::If>(&node.op))
            for (const auto& branch : {branches->thenBranch, branches->elseBranch})
                forEachNode(branch->nodes, function);
    }
}

} // namespace

DType resultDType(const Operator& op, const std::vector<DType>& inputs, std::size_t output)
{
    const auto input = [&](std::size_t i) { return i < inputs.size() ? inputs[i] : DType::F32; };
    return std::visit(
        [&](const auto& each) -> DType {
            using T = std::decay_t<decltype(each)>;
            if constexpr (std::is_same_v<T, op::Binary>)
                return makesBool(each.kind) ? DType::Bool : input(0);
            else if constexpr (std::is_same_v<T, op::Where>)
                return input(1);
            else if constexpr (std::is_same_v<T, op::Cast>)
                return each.to;
            else if constexpr (isAmong<T, op::ArgExtreme, op::ShapeOf, op::Size>)
                return DType::I64;
            else if constexpr (isAmong<T, op::TopK, op::Pool>)
                return output == 0 ? input(0) : DType::I64;
            else if constexpr (std::is_same_v<T, op::ConstantOfShape>)
                return each.value ? each.value->dtype() : DType::F32;
            else if constexpr (isAmong<T, op::Embedding, op::QuantizeLinear, op::DequantizeLinear>)
                return DType::F32;
            else
                return input(0);
        },
        op);
}

Tensor convertedTo(Tensor tensor, DType dtype)
{
    if (tensor.dtype() == dtype)
        return tensor;
    if (dtype == DType::F32)
        return toFloat(tensor.view());
    Tensor result(dtype, tensor.shape());
    const auto fill = [&](const auto* from) {
        const auto count = static_cast<std::size_t>(result.count());
        auto* bools = reinterpret_cast<std::uint8_t*>(result.bytes().data());
        auto* integers = reinterpret_cast<std::int64_t*>(result.bytes().data());
        for (std::size_t i = 0; i < count; ++i)
            if (dtype == DType::Bool)
                bools[i] = from[i] != 0;
            else
                integers[i] = static_cast<std::int64_t>(from[i]);
    };
    const std::byte* data = tensor.bytes().data();
    switch (tensor.dtype()) {
    case DType::I64:
        fill(reinterpret_cast<const std::int64_t*>(data));
        break;
    case DType::I32:
        fill(reinterpret_cast<const std::int32_t*>(data));
        break;
    case DType::I16:
        fill(reinterpret_cast<const std::int16_t*>(data));
        break;
    case DType::I8:
        fill(reinterpret_cast<const std::int8_t*>(data));
        break;
    case DType::U8:
    case DType::Bool:
        fill(reinterpret_cast<const std::uint8_t*>(data));
        break;
    default: {
        const Tensor floats = toFloat(tensor.view());
        Tensor kept(floats.shape());
        // Nothing that int64 cannot hold is converted.
        std::transform(floats.floats().begin(), floats.floats().end(), kept.floats().begin(),
                       [](float x) { return std::abs(x) < 9.2e18F ? x : 0.0F; });
        tensor = std::move(kept);
        fill(tensor.floats().data());
        break;
    }
    }
    return result;
}

void removeUnread(std::vector<Node>& nodes, const std::set<ValueId>& outputs)
{
    std::set<ValueId> read = outputs;
    std::vector<bool> lives(nodes.size(), false);
    for (std::size_t n = nodes.size(); n-- > 0;) {
        Node& node = nodes[n];
        for (ValueId& output : node.outputs) {
            if (read.contains(output))
                lives[n] = true;
            else
                output = noValue;
        }
        if (lives[n])
            forEachRead(node, [&](ValueId value) { read.insert(value); });
    }
    std::size_t kept = 0;
    for (std::size_t n = 0; n < nodes.size(); ++n)
        if (lives[n]) {
            if (kept != n)
                nodes[kept] = std::move(nodes[n]);
            ++kept;
        }
    nodes.resize(kept);
}

std::vector<std::string> parametersOf(const Operator& op)
{
    std::vector<std::string> names = std::visit(
        [](const auto& each) -> std::vector<std::string> {
            using T = std::decay_t<decltype(each)>;
            if constexpr (isAmong<T, op::Embedding, op::RmsNorm>)
                return {each.weight};
            else if constexpr (std::is_same_v<T, op::BatchNorm>)
                return {each.weight, each.bias, each.mean, each.variance};
            else if constexpr (isAmong<T, op::LayerNorm, op::InstanceNorm, op::Linear,
                                       op::Convolution, op::ConvolutionTranspose>)
                return {each.weight, each.bias};
            else
                return {};
        },
        op);
    std::erase(names, std::string());
    return names;
}

void forgetUnread(Graph& graph)
{
    std::set<ValueId> read;
    for (const GraphPort& port : graph.outputs)
        read.insert(port.value);
    removeUnread(graph.nodes, read);
    std::set<std::string> named;
    for (const Node& node : graph.nodes)
        forEachRead(node, [&](ValueId value) { read.insert(value); });
    forEachNode(graph.nodes, [&](const Node& node) {
        for (std::string& name : parametersOf(node.op))
            named.insert(std::move(name));
    });
    std::erase_if(graph.constants, [&](const auto& each) { return !read.contains(each.first); });
    std::erase_if(graph.computed, [&](const auto& each) { return !named.contains(each.first); });
}

} // namespace gradus
