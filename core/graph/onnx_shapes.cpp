// SPDX-License-Identifier: GPL-3.0-or-later
//
// ONNX operators that move elements, make constants or tell shapes.
#include "core/graph/graph_passes.h"
#include "core/graph/onnx_translation.h"

#include <cstring>

namespace gradus {

namespace {

Tensor scalarTensor(float value)
{
    Tensor tensor(Shape{});
    tensor.floats()[0] = value;
    return tensor;
}

void constant(OnnxCall& call)
{
    if (const OnnxAttribute* value = call.attribute("value")) {
        call.bindTensor(0, value->tensor);
    } else if (const OnnxAttribute* real = call.attribute("value_float")) {
        call.bind(0, call.constantValue(scalarTensor(real->real)));
    } else if (const OnnxAttribute* reals = call.attribute("value_floats")) {
        Tensor tensor(Shape{static_cast<std::int64_t>(reals->reals.size())});
        std::copy(reals->reals.begin(), reals->reals.end(), tensor.floats().begin());
        call.bind(0, call.constantValue(std::move(tensor)));
    } else if (const OnnxAttribute* integer = call.attribute("value_int")) {
        Tensor tensor(DType::I64, {});
        std::memcpy(tensor.bytes().data(), &integer->integer, sizeof integer->integer);
        call.bind(0, call.constantValue(std::move(tensor)));
    } else if (const OnnxAttribute* integers = call.attribute("value_ints")) {
        call.bind(0, call.constantValue(integers->integers));
    } else {
        throw call.fail("holds a constant that is neither a tensor nor numbers");
    }
}

void constantOfShape(OnnxCall& call)
{
    op::ConstantOfShape made;
    const OnnxAttribute* value = call.attribute("value");
    if (value && (!value->value || value->value->count() != 1))
        throw call.fail("has a value that is not one number");
    if (value) {
        const DType stored = value->value->dtype();
        const DType runs = isFloating(stored)      ? DType::F32
                           : stored == DType::Bool ? DType::Bool
                                                   : DType::I64;
        made.value = std::make_shared<const Tensor>(convertedTo(value->value->clone(), runs));
    } else {
        made.value = std::make_shared<const Tensor>(scalarTensor(0));
    }
    call.become(std::move(made), {call.inAs(0, DType::I64)});
}

void reshape(OnnxCall& call)
{
    call.become(op::Reshape{call.flag("allowzero")}, {call.in(0), call.inAs(1, DType::I64)});
}

void transpose(OnnxCall& call)
{
    call.become(op::Transpose{call.integers("perm")}, {call.in(0)});
}

void flatten(OnnxCall& call)
{
    call.become(op::Flatten{call.integer("axis", 1)}, {call.in(0)});
}

/// axes: an attribute before opset 13, an input from then on.
ValueId axesOf(OnnxCall& call)
{
    if (call.opset() >= 13)
        return call.has(1) ? call.inAs(1, DType::I64) : noValue;
    return call.hasAttribute("axes") ? call.constantValue(call.integers("axes")) : noValue;
}

void squeeze(OnnxCall& call)
{
    const ValueId axes = axesOf(call);
    call.become(op::Squeeze{}, axes == noValue ? std::vector<ValueId>{call.in(0)}
                                               : std::vector<ValueId>{call.in(0), axes});
}

void unsqueeze(OnnxCall& call)
{
    const ValueId axes = axesOf(call);
    if (axes == noValue)
        throw call.fail("says no axes");
    call.become(op::Unsqueeze{}, {call.in(0), axes});
}

void concatenate(OnnxCall& call)
{
    std::vector<ValueId> values = call.all();
    bool mixed = false;
    for (const ValueId value : values) {
        if (value == noValue)
            throw call.fail("misses an input among others");
        mixed = mixed || call.dtype(value) != call.dtype(values.front());
    }
    if (values.empty())
        throw call.fail("has no input");
    for (ValueId& value : values)
        if (mixed) // codes of quantized values, and integers
            value = call.cast(value, DType::F32);
    if (!call.hasAttribute("axis"))
        throw call.fail("says no axis");
    call.become(op::Concat{call.integer("axis", 0)}, std::move(values));
}

void split(OnnxCall& call)
{
    const op::Split made{call.integer("axis", 0)};
    ValueId sizes = noValue;
    if (call.opset() < 13 && call.hasAttribute("split"))
        sizes = call.constantValue(call.integers("split"));
    else if (call.opset() >= 13 && call.has(1))
        sizes = call.inAs(1, DType::I64);
    if (call.hasAttribute("num_outputs") &&
        call.integer("num_outputs", 0) != static_cast<std::int64_t>(call.outputs()))
        throw call.fail("says ", call.integer("num_outputs", 0), " parts and has ", call.outputs());
    call.become(made, sizes == noValue ? std::vector<ValueId>{call.in(0)}
                                       : std::vector<ValueId>{call.in(0), sizes});
}

void slice(OnnxCall& call)
{
    if (call.opset() >= 10) {
        std::vector<ValueId> inputs{call.in(0)};
        for (std::size_t i = 1; i < call.inputs(); ++i)
            inputs.push_back(call.has(i) ? call.inAs(i, DType::I64) : noValue);
        if (inputs.size() < 3)
            throw call.fail("has no starts or no ends");
        call.become(op::Slice{}, std::move(inputs));
        return;
    }
    std::vector<ValueId> inputs{call.in(0), call.constantValue(call.integers("starts")),
                                call.constantValue(call.integers("ends"))};
    if (call.hasAttribute("axes"))
        inputs.push_back(call.constantValue(call.integers("axes")));
    call.become(op::Slice{}, std::move(inputs));
}

void gather(OnnxCall& call)
{
    const std::int64_t axis = call.integer("axis", 0);
    const OnnxWeight* table = axis == 0 ? call.weight(0) : nullptr;
    if (table && table->role == WeightRole::Embedding && table->shape.size() == 2)
        call.become(op::Embedding{table->tensor, true}, {call.inAs(1, DType::I64)});
    else
        call.become(op::Gather{axis}, {call.following(0), call.inAs(1, DType::I64)});
}

void gatherElements(OnnxCall& call)
{
    call.become(op::GatherElements{call.integer("axis", 0)},
                {call.in(0), call.inAs(1, DType::I64)});
}

void gatherNd(OnnxCall& call)
{
    call.become(op::GatherNd{call.integer("batch_dims", 0)},
                {call.in(0), call.inAs(1, DType::I64)});
}

template <class Op>
void withIntegers(OnnxCall& call)
{
    call.become(Op{}, {call.in(0), call.inAs(1, DType::I64)});
}

void shape(OnnxCall& call)
{
    call.become(op::ShapeOf{call.integer("start", 0), call.integer("end", INT64_MAX)},
                {call.in(0)});
}

void size(OnnxCall& call)
{
    call.become(op::Size{}, {call.in(0)});
}

void range(OnnxCall& call)
{
    call.become(op::Range{}, {call.in(0), call.in(1), call.in(2)});
}

void depthToSpace(OnnxCall& call)
{
    const std::string mode = call.text("mode", "DCR");
    if (mode != "DCR" && mode != "CRD")
        throw call.fail("has the unknown mode ", quoted(mode));
    call.become(op::DepthToSpace{call.integer("blocksize", 1), mode == "CRD"}, {call.in(0)});
}

void spaceToDepth(OnnxCall& call)
{
    call.become(op::SpaceToDepth{call.integer("blocksize", 1)}, {call.in(0)});
}

void branches(OnnxCall& call)
{
    op::If made;
    for (const auto& [name, branch] :
         {std::pair("then_branch", &made.thenBranch), std::pair("else_branch", &made.elseBranch)}) {
        const OnnxAttribute* attribute = call.attribute(name);
        if (!attribute || attribute->graphs.size() != 1)
            throw call.fail("has no ", name);
        *branch = call.branch(attribute->graphs.front());
        if ((*branch)->outputs.size() != call.outputs())
            throw call.fail("has ", call.outputs(), " outputs, but its ", name, " makes ",
                            (*branch)->outputs.size());
    }
    call.become(std::move(made), {call.inAs(0, DType::Bool)});
}

} // namespace

OnnxTable onnxShapes()
{
    return {
        {"Constant", constant},
        {"ConstantOfShape", constantOfShape},
        {"Reshape", reshape},
        {"Transpose", transpose},
        {"Flatten", flatten},
        {"Squeeze", squeeze},
        {"Unsqueeze", unsqueeze},
        {"Concat", concatenate},
        {"Split", split},
        {"Slice", slice},
        {"Gather", gather},
        {"GatherElements", gatherElements},
        {"GatherND", gatherNd},
        {"Expand", withIntegers<op::Expand>},
        {"Tile", withIntegers<op::Tile>},
        {"Shape", shape},
        {"Size", size},
        {"Range", range},
        {"DepthToSpace", depthToSpace},
        {"SpaceToDepth", spaceToDepth},
        {"If", branches},
    };
}

} // namespace gradus
