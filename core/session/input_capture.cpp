// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/session/block_pass.h"

#include <algorithm>
#include <utility>

namespace gradus {

namespace {

const op::Convolution* convolutionOf(const Model& model, int node)
{
    return std::get_if<op::Convolution>(&model.graph.nodes[static_cast<std::size_t>(node)].op);
}

bool sameView(const ConvolutionGeometry& a, const ConvolutionGeometry& b)
{
    return a.channels == b.channels && a.kernel == b.kernel && a.stride == b.stride &&
           a.dilation == b.dilation && a.padding == b.padding && a.groups == b.groups &&
           a.autoPad == b.autoPad;
}

/// n × C × height × width; a line has the height 1.
std::pair<std::int64_t, std::int64_t> sizeOf(const Tensor& images)
{
    const Shape& shape = images.shape();
    return shape.size() == 3 ? std::pair(std::int64_t(1), shape[2]) : std::pair(shape[2], shape[3]);
}

} // namespace

bool canCapture(const Model& model, const Layer& layer)
{
    if (layer.node < 0 || layer.node >= static_cast<int>(model.graph.nodes.size()))
        return false;
    return layer.kind == LayerKind::Linear ||
           (layer.kind == LayerKind::Convolution && convolutionOf(model, layer.node));
}

std::optional<InputKey> inputKey(const Model& model, const Layer& layer)
{
    if (!canCapture(model, layer))
        return std::nullopt;
    const op::Convolution* own = convolutionOf(model, layer.node);
    if (!own)
        return InputKey{layer.input, -1};
    for (int n = 0; n < layer.node; ++n) {
        const op::Convolution* other = convolutionOf(model, n);
        if (other && model.graph.nodes[static_cast<std::size_t>(n)].inputs.front() == layer.input &&
            sameView(own->geometry, other->geometry))
            return InputKey{layer.input, n};
    }
    return InputKey{layer.input, layer.node};
}

std::uint64_t hessianElements(const Model& model, const Layer& layer)
{
    const auto d = static_cast<std::uint64_t>(layer.cols);
    const op::Convolution* convolution = layer.kind == LayerKind::Convolution && layer.node >= 0
                                             ? convolutionOf(model, layer.node)
                                             : nullptr;
    return d * d *
           (convolution ? static_cast<std::uint64_t>(convolution->geometry.groups)
                        : std::uint64_t(1));
}

void InputCapture::want(const Layer& layer, bool withHessian, bool withMagnitudes, bool withCross)
{
    const InputKey key = inputKey(m_model, layer).value();
    auto place = m_accumulators.find(key);
    if (place == m_accumulators.end()) {
        if (const op::Convolution* convolution = convolutionOf(m_model, layer.node))
            place = m_accumulators
                        .emplace(key, ConvolutionAccumulator(convolution->geometry, withHessian))
                        .first;
        else
            place = m_accumulators.emplace(key, InputAccumulator(layer.cols, withHessian)).first;
        m_feeds.emplace(layer.node, key);
    }
    std::visit(
        [&](auto& accumulator) {
            if (withMagnitudes)
                accumulator.collectMagnitudes();
            if (withCross && m_paired.try_emplace(key).second)
                accumulator.collectCross();
        },
        place->second);
}

void InputCapture::wantRows(const Layer& layer, bool withFloat)
{
    const InputKey key = inputKey(m_model, layer).value();
    m_rows.try_emplace(key);
    if (withFloat)
        m_floatRows.try_emplace(key);
}

void InputCapture::Rows::add(const Tensor& x, const Monitor& monitor)
{
    if (x.empty())
        return;
    const std::int64_t width = x.shape().back();
    if (!accumulator) {
        // 64 MiB, of narrow inputs what 32 images have.
        constexpr std::int64_t room = std::int64_t(1) << 24;
        accumulator.emplace(width, false, std::clamp<std::int64_t>(room / width, 512, 8192));
    }
    accumulator->add(
        {x.floats().data(), static_cast<std::int64_t>(x.floats().size()) / width, width}, &monitor);
}

void InputCapture::Rows::finish()
{
    if (accumulator)
        sample = std::move(accumulator->finish().sample);
    accumulator.reset();
}

InputObserver InputCapture::observer()
{
    return [this](int node, const Tensor& x) {
        const auto found = m_feeds.find(node);
        if (found == m_feeds.end())
            return;
        try {
            if (const auto rows = m_rows.find(found->second); rows != m_rows.end())
                rows->second.add(x, m_monitor);
            Accumulator& accumulator = m_accumulators.at(found->second);
            const auto pair = m_paired.find(found->second);
            const Tensor beside =
                pair == m_paired.end() ? Tensor() : std::exchange(pair->second, {});
            if (auto* images = std::get_if<ConvolutionAccumulator>(&accumulator)) {
                const auto [height, width] = sizeOf(x);
                if (pair == m_paired.end())
                    images->add(x.floats(), height, width, &m_monitor);
                else
                    images->addBeside(x.floats(), beside.floats(), height, width, &m_monitor);
                return;
            }
            auto& rows = std::get<InputAccumulator>(accumulator);
            if (pair == m_paired.end())
                rows.add(x.matrix(), &m_monitor);
            else
                rows.addBeside(x.matrix(), beside.matrix(), &m_monitor);
        } catch (const Error& error) {
            throw error.within(
                concat("input of ", m_model.graph.nodes[static_cast<std::size_t>(node)].name));
        }
    };
}

InputObserver InputCapture::floatObserver()
{
    return [this](int node, const Tensor& x) {
        const auto found = m_feeds.find(node);
        if (found == m_feeds.end())
            return;
        if (const auto pair = m_paired.find(found->second); pair != m_paired.end())
            pair->second = x.clone();
        if (const auto rows = m_floatRows.find(found->second); rows != m_floatRows.end())
            rows->second.add(x, m_monitor);
    };
}

void InputCapture::finish()
{
    for (auto& [key, accumulator] : m_accumulators) {
        InputStatistics statistics = std::visit([](auto& a) { return a.finish(); }, accumulator);
        if (statistics.rows == 0)
            continue; // its node never ran
        if (!statistics.cross.empty())
            m_crosses[key] = std::exchange(statistics.cross, {});
        m_inputs[key] = std::make_shared<const InputStatistics>(std::move(statistics));
    }
    m_accumulators.clear();
    for (auto* all : {&m_rows, &m_floatRows})
        for (auto& [key, rows] : *all)
            rows.finish();
}

ConstMatrixView InputCapture::rowsOf(const Layer& layer) const
{
    const auto key = inputKey(m_model, layer);
    const auto found = key ? m_rows.find(*key) : m_rows.end();
    return found == m_rows.end() || found->second.sample.empty() ? ConstMatrixView()
                                                                 : found->second.sample.matrix();
}

ConstMatrixView InputCapture::floatRowsOf(const Layer& layer) const
{
    const auto key = inputKey(m_model, layer);
    const auto found = key ? m_floatRows.find(*key) : m_floatRows.end();
    return found == m_floatRows.end() || found->second.sample.empty()
               ? ConstMatrixView()
               : found->second.sample.matrix();
}

std::span<const double> InputCapture::crossOf(const Layer& layer) const
{
    const auto key = inputKey(m_model, layer);
    const auto found = key ? m_crosses.find(*key) : m_crosses.end();
    return found == m_crosses.end() ? std::span<const double>() : found->second;
}

std::shared_ptr<const InputStatistics> InputCapture::of(const Layer& layer) const
{
    const auto key = inputKey(m_model, layer);
    const auto found = key ? m_inputs.find(*key) : m_inputs.end();
    return found == m_inputs.end() ? nullptr : found->second;
}

} // namespace gradus
