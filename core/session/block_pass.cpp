// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/block_pass.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/session/language.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace gradus {

namespace {

void copyRows(ConstMatrixView from, MatrixView to)
{
    assert(from.rows == to.rows && from.cols == to.cols);
    for (std::int64_t r = 0; r < from.rows; ++r)
        std::memcpy(to.row(r).data(), from.row(r).data(), from.row(r).size_bytes());
}

} // namespace

BlockPass::BlockPass(const Model& model, const Weights& weights, std::int64_t length,
                     std::int64_t windows, std::uint64_t memoryBytes)
    : m_model(model)
    , m_executor(model, weights)
    , m_length(length)
    , m_rows(windows * length)
    , m_memoryBytes(memoryBytes)
    , m_hidden(std::make_unique<ActivationStore>(m_rows, model.hiddenSize, memoryBytes))
{
}

void BlockPass::forEachBatch(const Monitor& monitor, const Progress& progress,
                             const std::function<void(std::int64_t, std::int64_t)>& body) const
{
    const std::int64_t perBatch = windowsPerBatch(m_length);
    for (std::int64_t w = 0; w < m_windows; w += perBatch) {
        monitor.checkpoint();
        if (progress)
            progress(static_cast<double>(w) / static_cast<double>(m_windows));
        body(w * m_length, std::min(perBatch, m_windows - w));
    }
}

void BlockPass::embed(std::span<const Token> tokens, const Monitor& monitor,
                      const Progress& progress)
{
    m_windows = static_cast<std::int64_t>(tokens.size()) / m_length;
    forEachBatch(monitor, progress, [&](std::int64_t row, std::int64_t windows) {
        const std::int64_t rows = windows * m_length;
        const Tensor embedded = m_executor.embed(
            tokens.subspan(static_cast<std::size_t>(row), static_cast<std::size_t>(rows)), windows);
        copyRows(embedded.matrix(), m_hidden->rows(row, rows));
    });
}

void BlockPass::run(int block, Outputs what, const Monitor& monitor, const InputObserver& observer,
                    const Progress& progress, const Companion& companion)
{
    forEachBatch(monitor, progress, [&](std::int64_t row, std::int64_t windows) {
        if (companion.pass)
            companion.pass->runBatch(block, companion.what, row, windows, monitor,
                                     companion.observer);
        runBatch(block, what, row, windows, monitor, observer);
    });
}

void BlockPass::runBatch(int block, Outputs what, std::int64_t row, std::int64_t windows,
                         const Monitor& monitor, const InputObserver& observer)
{
    if (what == Outputs::Aside && !m_aside)
        m_aside = std::make_unique<ActivationStore>(m_rows, m_model.hiddenSize, m_memoryBytes);
    const MatrixView stored = m_hidden->rows(row, windows * m_length);
    Tensor batch({windows, m_length, m_model.hiddenSize});
    copyRows(stored, batch.matrix());
    m_executor.runBlock(block, batch, monitor, observer);
    if (what == Outputs::Advance)
        copyRows(batch.matrix(), stored);
    else if (what == Outputs::Aside)
        copyRows(batch.matrix(), m_aside->rows(row, windows * m_length));
}

Tensor BlockPass::logits(std::int64_t window, std::int64_t position, std::int64_t count,
                         const Monitor& monitor) const
{
    return m_executor.head(m_hidden->rows(window * m_length + position, count), monitor);
}

void BlockPass::runHead(const Monitor& monitor, const InputObserver& observer,
                        const Progress& progress, const Companion& companion) const
{
    constexpr std::int64_t step = 512;
    const std::int64_t rows = m_windows * m_length;
    for (std::int64_t r = 0; r < rows; r += step) {
        monitor.checkpoint();
        if (progress)
            progress(static_cast<double>(r) / static_cast<double>(rows));
        const std::int64_t count = std::min(step, rows - r);
        if (const BlockPass* other = companion.pass)
            (void)other->m_executor.head(other->m_hidden->rows(r, count), monitor,
                                         companion.observer);
        (void)m_executor.head(m_hidden->rows(r, count), monitor, observer);
    }
}

void InputCapture::want(const Layer& layer, bool withHessian, bool withMagnitudes, bool withCross)
{
    auto place = m_accumulators.find(layer.input);
    if (place == m_accumulators.end()) {
        place =
            m_accumulators.emplace(layer.input, InputAccumulator(layer.cols, withHessian)).first;
        m_feeds.emplace(layer.node, layer.input);
    }
    if (withMagnitudes)
        place->second.collectMagnitudes();
    if (withCross && m_paired.try_emplace(layer.input).second)
        place->second.collectCross();
}

InputObserver InputCapture::observer()
{
    return [this](int node, const Tensor& x) {
        const auto found = m_feeds.find(node);
        if (found == m_feeds.end())
            return;
        try {
            InputAccumulator& accumulator = m_accumulators.at(found->second);
            if (const auto pair = m_paired.find(found->second); pair == m_paired.end())
                accumulator.add(x.matrix(), &m_monitor);
            else
                accumulator.addBeside(x.matrix(), std::exchange(pair->second, {}).matrix(),
                                      &m_monitor);
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
        if (const auto pair = m_paired.find(found->second); pair != m_paired.end()) {
            pair->second = x.clone();
        }
    };
}

void InputCapture::finish()
{
    for (auto& [value, accumulator] : m_accumulators) {
        InputStatistics statistics = accumulator.finish();
        if (!statistics.cross.empty())
            m_crosses[value] = std::exchange(statistics.cross, {});
        m_inputs[value] = std::make_shared<const InputStatistics>(std::move(statistics));
    }
    m_accumulators.clear();
}

std::span<const double> InputCapture::crossOf(const Layer& layer) const
{
    const auto found = m_crosses.find(layer.input);
    return found == m_crosses.end() ? std::span<const double>() : found->second;
}

std::shared_ptr<const InputStatistics> InputCapture::of(const Layer& layer) const
{
    const auto found = m_inputs.find(layer.input);
    return found == m_inputs.end() ? nullptr : found->second;
}

} // namespace gradus
