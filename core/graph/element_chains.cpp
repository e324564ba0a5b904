// SPDX-License-Identifier: GPL-3.0-or-later
//
// Element-wise operators one after the other, done in one pass: block by block of a size that stays
// in a core's nearest cache, whatever they follow.
#include "core/graph/element_chains.h"

#include "core/base/parallel.h"
#include "core/graph/evaluation.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace gradus {

namespace {

/// Operators whose result does not depend on more than the element, its channel and what another
/// operand has in its place.
bool carriesOn(const Node& node, ValueId value)
{
    if (node.outputs.size() != 1 || node.output() == noValue || value == noValue ||
        std::count(node.inputs.begin(), node.inputs.end(), value) != 1)
        return false;
    if (const auto* unary = std::get_if<op::Unary>(&node.op))
        return unary->kind != op::UnaryKind::Not;
    if (const auto* binary = std::get_if<op::Binary>(&node.op))
        return binary->kind <= op::BinaryKind::PRelu && node.inputs.size() == 2 &&
               node.inputs[0] != noValue && node.inputs[1] != noValue;
    return std::holds_alternative<op::BatchNorm>(node.op) && node.inputs[0] == value;
}

constexpr std::int64_t blockFloats = 2048; // 8 KiB, beside as much of another operand

/// Of a channel; 1 where there are none.
std::int64_t planeOf(const Shape& shape)
{
    std::int64_t plane = 1;
    for (std::size_t i = 2; i < shape.size(); ++i)
        plane *= shape[i];
    return plane;
}

/// Blocks end with a channel when its scale is a step: not worth it for a few pixels.
bool channelsAreLong(const Shape& shape)
{
    constexpr std::int64_t fewPixels = 64;
    return shape.size() >= 2 && planeOf(shape) >= fewPixels;
}

/// from may be result's own memory.
void applyInBlocks(const Epilogue& epilogue, const float* from, Tensor& result,
                   const Monitor& monitor)
{
    const bool byChannel = epilogue.scalesChannels();
    const std::int64_t plane = byChannel ? planeOf(result.shape()) : result.count();
    const std::int64_t channels = byChannel ? result.shape()[1] : 1;
    const std::int64_t blocks = (plane + blockFloats - 1) / blockFloats;
    float* to = result.floats().data();
    parallelFor(
        result.count() / plane * blocks,
        std::max<std::int64_t>(1, 4 * blockFloats / std::min(plane, blockFloats)),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                const std::int64_t first = i % blocks * blockFloats;
                const std::int64_t offset = i / blocks * plane + first;
                const auto count = static_cast<std::size_t>(std::min(blockFloats, plane - first));
                if (from != to)
                    std::memcpy(to + offset, from + offset, count * sizeof(float));
                epilogue.apply(i / blocks % channels, offset, {to + offset, count});
            }
        },
        &monitor);
}

} // namespace

std::size_t countFollowers(std::span<const Node> nodes, std::size_t n,
                           const std::set<ValueId>& kept,
                           const std::map<ValueId, std::size_t>& lastUse)
{
    if (nodes[n].outputs.size() != 1)
        return 0;
    std::size_t count = 0;
    for (ValueId value = nodes[n].output(); n + count + 1 < nodes.size(); ++count) {
        const Node& next = nodes[n + count + 1];
        const auto last = lastUse.find(value);
        if (last == lastUse.end() || last->second != n + count + 1 || kept.contains(value) ||
            !carriesOn(next, value))
            break;
        value = next.output();
    }
    return count;
}

bool Evaluation::addStep(const Node& node, ValueId carried, const Shape& shape, bool scalesChannels,
                         Epilogue& epilogue)
{
    if (const auto* unary = std::get_if<op::Unary>(&node.op)) {
        epilogue.add(*unary);
        return true;
    }
    if (const auto* norm = std::get_if<op::BatchNorm>(&node.op)) {
        auto scale = scalesChannels ? scaleOf(m_weights, *norm, shape[1]) : std::nullopt;
        if (!scale)
            return false; // if it does not fit, it says so itself
        epilogue.add(std::move(*scale));
        return true;
    }
    const bool otherIsFirst = node.inputs[1] == carried;
    const Tensor* other = find(node.inputs[otherIsFirst ? 0 : 1]);
    if (other->dtype() != DType::F32)
        return false;
    const auto operand = kernel::repeatedOperand(other->floats().data(), other->shape(), shape);
    if (operand)
        epilogue.add(std::get<op::Binary>(node.op).kind, *operand, otherIsFirst);
    return operand.has_value();
}

void Evaluation::addFollowers(const Shape& shape, bool scalesChannels, Epilogue& epilogue)
{
    ValueId value = m_node->output();
    for (const Node& node : m_followers) {
        if (!addStep(node, value, shape, scalesChannels, epilogue))
            return;
        value = node.output();
        ++m_followersDone;
    }
}

Epilogue Evaluation::followers(const Shape& shape, bool scalesChannels)
{
    Epilogue epilogue;
    m_followersAsked = true;
    addFollowers(shape, scalesChannels, epilogue);
    return epilogue;
}

std::optional<Tensor> Evaluation::elementChain()
{
    if (m_followers.empty())
        return std::nullopt;
    // Rather in the memory of an input that nobody needs afterwards.
    const std::size_t first = inputs() == 2 && m_dying[1] && !m_dying[0] ? 1 : 0;
    for (const std::size_t i : {first, 1 - first}) {
        if (!has(i) || !carriesOn(*m_node, m_node->inputs[i]) || in(i).dtype() != DType::F32 ||
            in(i).empty())
            continue;
        const Shape shape = in(i).shape();
        const bool scalesChannels = channelsAreLong(shape);
        Epilogue epilogue;
        if (!addStep(*m_node, m_node->inputs[i], shape, scalesChannels, epilogue))
            continue;
        addFollowers(shape, scalesChannels, epilogue);
        if (m_followersDone == 0)
            return std::nullopt;
        const float* from = in(i).floats().data();
        Tensor result = likeInput(i);
        applyInBlocks(epilogue, from, result, m_monitor);
        return result;
    }
    return std::nullopt;
}

void Evaluation::finish(Tensor& result)
{
    if (m_followers.empty() || m_followersAsked || result.dtype() != DType::F32 || result.empty())
        return;
    const Epilogue epilogue = followers(result.shape(), channelsAreLong(result.shape()));
    if (!epilogue.empty())
        applyInBlocks(epilogue, result.floats().data(), result, m_monitor);
}

} // namespace gradus
