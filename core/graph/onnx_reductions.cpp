// SPDX-License-Identifier: GPL-3.0-or-later
//
// ONNX operators that reduce, order or normalize along axes.
#include "core/graph/graph_passes.h"
#include "core/graph/onnx_translation.h"

namespace gradus {

namespace {

using op::ReduceKind;

/// axes: an attribute before opset 18 (of ReduceSum before 13), an input from then on.
template <ReduceKind kind>
void reduce(OnnxCall& call)
{
    op::Reduce made;
    made.kind = kind;
    made.keepDims = call.flag("keepdims", true);
    made.noopWithoutAxes = call.flag("noop_with_empty_axes");
    std::vector<ValueId> inputs{call.in(0)};
    const std::int64_t since = kind == ReduceKind::Sum ? 13 : 18;
    if (call.opset() < since) {
        made.axes = call.integers("axes");
    } else if (call.has(1)) {
        // What is constant is easier to recognize as part of a pattern.
        if (const auto axes = call.constantIntegers(1))
            made.axes = *axes;
        else
            inputs.push_back(call.inAs(1, DType::I64));
    }
    if (made.noopWithoutAxes && made.axes.empty() && inputs.size() == 1 &&
        kind != ReduceKind::Sum && kind != ReduceKind::Mean && kind != ReduceKind::Max &&
        kind != ReduceKind::Min && kind != ReduceKind::Product)
        throw call.fail("reduces over no axes, which Gradus does not run for this operator");
    call.become(std::move(made), std::move(inputs));
}

template <bool maximum>
void argExtreme(OnnxCall& call)
{
    call.become(op::ArgExtreme{maximum, call.integer("axis", 0), call.flag("keepdims", true),
                               call.flag("select_last_index")},
                {call.in(0)});
}

void topK(OnnxCall& call)
{
    const op::TopK made{call.integer("axis", -1), call.flag("largest", true),
                        call.flag("sorted", true)};
    const ValueId count =
        call.opset() < 10 ? call.constantValue({call.integer("k", 1)}) : call.inAs(1, DType::I64);
    call.become(made, {call.in(0), count});
}

void cumSum(OnnxCall& call)
{
    call.become(op::CumSum{call.flag("exclusive"), call.flag("reverse")},
                {call.in(0), call.inAs(1, DType::I64)});
}

template <bool logarithm>
void softmax(OnnxCall& call)
{
    op::Softmax made;
    made.logarithm = logarithm;
    made.flattens = call.opset() < 13;
    made.axis = call.integer("axis", made.flattens ? 1 : -1);
    if (made.axis == -1)
        made.flattens = false; // the last axis alone either way
    call.become(made, {call.in(0)});
}

} // namespace

OnnxTable onnxReductions()
{
    return {
        {"ReduceMean", reduce<ReduceKind::Mean>},
        {"ReduceSum", reduce<ReduceKind::Sum>},
        {"ReduceMax", reduce<ReduceKind::Max>},
        {"ReduceMin", reduce<ReduceKind::Min>},
        {"ReduceProd", reduce<ReduceKind::Product>},
        {"ReduceL1", reduce<ReduceKind::L1>},
        {"ReduceL2", reduce<ReduceKind::L2>},
        {"ReduceSumSquare", reduce<ReduceKind::SumSquare>},
        {"ReduceLogSum", reduce<ReduceKind::LogSum>},
        {"ReduceLogSumExp", reduce<ReduceKind::LogSumExp>},
        {"ArgMax", argExtreme<true>},
        {"ArgMin", argExtreme<false>},
        {"TopK", topK},
        {"CumSum", cumSum},
        {"Softmax", softmax<false>},
        {"LogSoftmax", softmax<true>},
    };
}

} // namespace gradus
