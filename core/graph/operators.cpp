// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/operators.h"

#include <algorithm>
#include <array>
#include <utility>

namespace gradus {

namespace {

std::string_view nameOf(op::UnaryKind kind)
{
    switch (kind) {
    case op::UnaryKind::Relu:
        return "Relu";
    case op::UnaryKind::LeakyRelu:
        return "LeakyRelu";
    case op::UnaryKind::Elu:
        return "Elu";
    case op::UnaryKind::Selu:
        return "Selu";
    case op::UnaryKind::Gelu:
        return "Gelu";
    case op::UnaryKind::GeluTanh:
        return "GeluTanh";
    case op::UnaryKind::QuickGelu:
        return "QuickGelu";
    case op::UnaryKind::Silu:
        return "Silu";
    case op::UnaryKind::Sigmoid:
        return "Sigmoid";
    case op::UnaryKind::HardSigmoid:
        return "HardSigmoid";
    case op::UnaryKind::HardSwish:
        return "HardSwish";
    case op::UnaryKind::Softplus:
        return "Softplus";
    case op::UnaryKind::Softsign:
        return "Softsign";
    case op::UnaryKind::Mish:
        return "Mish";
    case op::UnaryKind::Tanh:
        return "Tanh";
    case op::UnaryKind::Erf:
        return "Erf";
    case op::UnaryKind::Exp:
        return "Exp";
    case op::UnaryKind::Log:
        return "Log";
    case op::UnaryKind::Sqrt:
        return "Sqrt";
    case op::UnaryKind::Reciprocal:
        return "Reciprocal";
    case op::UnaryKind::Abs:
        return "Abs";
    case op::UnaryKind::Neg:
        return "Neg";
    case op::UnaryKind::Sign:
        return "Sign";
    case op::UnaryKind::Floor:
        return "Floor";
    case op::UnaryKind::Ceil:
        return "Ceil";
    case op::UnaryKind::Round:
        return "Round";
    case op::UnaryKind::Sin:
        return "Sin";
    case op::UnaryKind::Cos:
        return "Cos";
    case op::UnaryKind::Clip:
        return "Clip";
    case op::UnaryKind::Not:
        return "Not";
    }
    return {};
}

std::string_view nameOf(op::BinaryKind kind)
{
    switch (kind) {
    case op::BinaryKind::Add:
        return "Add";
    case op::BinaryKind::Subtract:
        return "Subtract";
    case op::BinaryKind::Multiply:
        return "Multiply";
    case op::BinaryKind::Divide:
        return "Divide";
    case op::BinaryKind::Power:
        return "Power";
    case op::BinaryKind::Minimum:
        return "Minimum";
    case op::BinaryKind::Maximum:
        return "Maximum";
    case op::BinaryKind::Modulo:
        return "Modulo";
    case op::BinaryKind::Remainder:
        return "Remainder";
    case op::BinaryKind::PRelu:
        return "PRelu";
    case op::BinaryKind::Equal:
        return "Equal";
    case op::BinaryKind::Less:
        return "Less";
    case op::BinaryKind::LessOrEqual:
        return "LessOrEqual";
    case op::BinaryKind::Greater:
        return "Greater";
    case op::BinaryKind::GreaterOrEqual:
        return "GreaterOrEqual";
    case op::BinaryKind::And:
        return "And";
    case op::BinaryKind::Or:
        return "Or";
    case op::BinaryKind::Xor:
        return "Xor";
    }
    return {};
}

std::string_view nameOf(op::ReduceKind kind)
{
    switch (kind) {
    case op::ReduceKind::Mean:
        return "ReduceMean";
    case op::ReduceKind::Sum:
        return "ReduceSum";
    case op::ReduceKind::Max:
        return "ReduceMax";
    case op::ReduceKind::Min:
        return "ReduceMin";
    case op::ReduceKind::Product:
        return "ReduceProduct";
    case op::ReduceKind::L1:
        return "ReduceL1";
    case op::ReduceKind::L2:
        return "ReduceL2";
    case op::ReduceKind::SumSquare:
        return "ReduceSumSquare";
    case op::ReduceKind::LogSum:
        return "ReduceLogSum";
    case op::ReduceKind::LogSumExp:
        return "ReduceLogSumExp";
    }
    return {};
}

struct NameOf
{
    std::string_view operator()(const op::Embedding&) const { return "Embedding"; }
    std::string_view operator()(const op::RmsNorm&) const { return "RmsNorm"; }
    std::string_view operator()(const op::LayerNorm&) const { return "LayerNorm"; }
    std::string_view operator()(const op::BatchNorm&) const { return "BatchNorm"; }
    std::string_view operator()(const op::InstanceNorm&) const { return "InstanceNorm"; }
    std::string_view operator()(const op::Linear&) const { return "Linear"; }
    std::string_view operator()(const op::Convolution&) const { return "Convolution"; }
    std::string_view operator()(const op::ConvolutionTranspose&) const
    {
        return "ConvolutionTranspose";
    }
    std::string_view operator()(const op::Rotary&) const { return "Rotary"; }
    std::string_view operator()(const op::Attention&) const { return "Attention"; }
    std::string_view operator()(const op::Unary& o) const { return nameOf(o.kind); }
    std::string_view operator()(const op::Binary& o) const { return nameOf(o.kind); }
    std::string_view operator()(const op::Where&) const { return "Where"; }
    std::string_view operator()(const op::Cast&) const { return "Cast"; }
    std::string_view operator()(const op::MatMul&) const { return "MatMul"; }
    std::string_view operator()(const op::Softmax&) const { return "Softmax"; }
    std::string_view operator()(const op::Reduce& o) const { return nameOf(o.kind); }
    std::string_view operator()(const op::ArgExtreme&) const { return "ArgExtreme"; }
    std::string_view operator()(const op::TopK&) const { return "TopK"; }
    std::string_view operator()(const op::CumSum&) const { return "CumSum"; }
    std::string_view operator()(const op::Pool& o) const
    {
        return o.kind == op::PoolKind::Maximum ? "MaximumPool" : "AveragePool";
    }
    std::string_view operator()(const op::GlobalPool& o) const
    {
        return o.kind == op::PoolKind::Maximum ? "GlobalMaximumPool" : "GlobalAveragePool";
    }
    std::string_view operator()(const op::Resize&) const { return "Resize"; }
    std::string_view operator()(const op::Pad&) const { return "Pad"; }
    std::string_view operator()(const op::DepthToSpace&) const { return "DepthToSpace"; }
    std::string_view operator()(const op::SpaceToDepth&) const { return "SpaceToDepth"; }
    std::string_view operator()(const op::Reshape&) const { return "Reshape"; }
    std::string_view operator()(const op::Transpose&) const { return "Transpose"; }
    std::string_view operator()(const op::Flatten&) const { return "Flatten"; }
    std::string_view operator()(const op::Squeeze&) const { return "Squeeze"; }
    std::string_view operator()(const op::Unsqueeze&) const { return "Unsqueeze"; }
    std::string_view operator()(const op::Concat&) const { return "Concat"; }
    std::string_view operator()(const op::Split&) const { return "Split"; }
    std::string_view operator()(const op::Slice&) const { return "Slice"; }
    std::string_view operator()(const op::Gather&) const { return "Gather"; }
    std::string_view operator()(const op::GatherElements&) const { return "GatherElements"; }
    std::string_view operator()(const op::GatherNd&) const { return "GatherNd"; }
    std::string_view operator()(const op::Expand&) const { return "Expand"; }
    std::string_view operator()(const op::Tile&) const { return "Tile"; }
    std::string_view operator()(const op::ShapeOf&) const { return "ShapeOf"; }
    std::string_view operator()(const op::Size&) const { return "Size"; }
    std::string_view operator()(const op::ConstantOfShape&) const { return "ConstantOfShape"; }
    std::string_view operator()(const op::Range&) const { return "Range"; }
    std::string_view operator()(const op::QuantizeLinear&) const { return "QuantizeLinear"; }
    std::string_view operator()(const op::DequantizeLinear&) const { return "DequantizeLinear"; }
    std::string_view operator()(const op::If&) const { return "If"; }
};

/// Default-made operators of every kind, in the order of the enumeration.
template <class Op, class Kind>
void addKinds(std::vector<Operator>& to, Kind last)
{
    for (int kind = 0; kind <= static_cast<int>(last); ++kind) {
        Op op;
        op.kind = static_cast<Kind>(kind);
        to.emplace_back(op);
    }
}

template <std::size_t... I>
void addOthers(std::vector<Operator>& to, std::index_sequence<I...>)
{
    const auto add = [&](const auto& op) {
        if constexpr (!requires { op.kind; })
            to.emplace_back(op);
    };
    (add(std::variant_alternative_t<I, Operator>{}), ...);
}

} // namespace

std::string_view operatorName(const Operator& op)
{
    return std::visit(NameOf(), op);
}

std::vector<Operator> everyOperator()
{
    std::vector<Operator> all;
    addOthers(all, std::make_index_sequence<std::variant_size_v<Operator>>());
    addKinds<op::Unary>(all, op::UnaryKind::Not);
    addKinds<op::Binary>(all, op::BinaryKind::Xor);
    addKinds<op::Reduce>(all, op::ReduceKind::LogSumExp);
    addKinds<op::Pool>(all, op::PoolKind::Average);
    addKinds<op::GlobalPool>(all, op::PoolKind::Average);
    return all;
}

bool isDifferentiable(const Operator& op)
{
    if (const auto* unary = std::get_if<op::Unary>(&op)) {
        using Kind = op::UnaryKind;
        constexpr std::array flat{Kind::Sign, Kind::Floor, Kind::Ceil, Kind::Round, Kind::Not};
        return std::find(flat.begin(), flat.end(), unary->kind) == flat.end();
    }
    if (const auto* binary = std::get_if<op::Binary>(&op))
        return binary->kind <= op::BinaryKind::PRelu;
    return !(
        std::holds_alternative<op::Embedding>(op) || std::holds_alternative<op::ArgExtreme>(op) ||
        std::holds_alternative<op::ShapeOf>(op) || std::holds_alternative<op::Size>(op) ||
        std::holds_alternative<op::ConstantOfShape>(op) || std::holds_alternative<op::Range>(op) ||
        std::holds_alternative<op::QuantizeLinear>(op) || std::holds_alternative<op::If>(op));
}

} // namespace gradus
