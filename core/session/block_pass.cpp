// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/block_pass.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/node_range.h"
#include "core/session/language.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace gradus {

std::int64_t samplesPerBatch(const Model& model, const Tensor& one)
{
    const GraphPort& port = model.graph.inputs.front();
    if (!port.shape.empty() && port.shape.front() > 0)
        return port.shape.front(); // the graph knows no other
    const std::int64_t elements = std::max<std::int64_t>(1, one.count());
    if (port.dtype != DType::F32)
        return windowsPerBatch(elements);
    // About seven images of 224 × 224 × 3. Networks widen what they read some eight times, and have
    // a few such values at once.
    constexpr std::int64_t elementsAtOnce = std::int64_t(1) << 20;
    constexpr std::int64_t most = 64;
    return std::clamp<std::int64_t>(elementsAtOnce / elements, 1, most);
}

bool headGoesByRow(const Model& model, const Shape& hidden)
{
    return model.task == ModelTask::Language && model.graph.outputs.size() == 1 &&
           hidden.size() == 2 && headRange(model).sides.empty();
}

BlockPass::BlockPass(const Model& model, const Weights& weights, const Dataset& data,
                     std::int64_t samples, std::uint64_t memoryBytes)
    : m_model(model)
    , m_executor(model, weights)
    , m_data(data)
    , m_room(samples)
    , m_memoryBytes(memoryBytes)
{
}

void BlockPass::forEachBatch(const Monitor& monitor, const Progress& progress,
                             const std::function<void(std::int64_t, std::int64_t)>& body) const
{
    for (std::int64_t s = 0; s < count(); s += m_perBatch) {
        monitor.checkpoint();
        if (progress)
            progress(static_cast<double>(s) / static_cast<double>(count()));
        body(s, std::min(m_perBatch, count() - s));
    }
}

std::vector<Tensor> BlockPass::inputs(std::int64_t first, std::int64_t count) const
{
    return m_data.batch(std::span(m_samples).subspan(static_cast<std::size_t>(first),
                                                     static_cast<std::size_t>(count)));
}

void BlockPass::take(std::vector<std::int64_t> samples)
{
    assert(static_cast<std::int64_t>(samples.size()) <= m_room);
    m_samples = std::move(samples);
    m_sides.clear();
    m_lastBatch = -1;
    if (!m_samples.empty())
        m_perBatch = samplesPerBatch(m_model, inputs(0, 1).front());
}

void BlockPass::runPrelude(Outputs what, const Monitor& monitor, const InputObserver& observer,
                           const Progress& progress, const Companion& companion)
{
    m_sides.clear();
    forEachBatch(monitor, progress, [&](std::int64_t first, std::int64_t count) {
        if (companion.pass)
            companion.pass->preludeBatch(companion.what, first, count, monitor, companion.observer);
        preludeBatch(what, first, count, monitor, observer);
    });
    if (companion.pass)
        companion.pass->finishAdvance();
    finishAdvance();
}

void BlockPass::preludeBatch(Outputs what, std::int64_t first, std::int64_t count,
                             const Monitor& monitor, const InputObserver& observer)
{
    Values values = m_executor.prelude(inputs(first, count), monitor, observer);
    if (what == Outputs::Dropped)
        return;
    const auto main = values.find(m_model.blocks.front().input);
    if (main == values.end())
        throw Error(ErrorCode::Internal, "the first block's input is not there");
    advance(first, count, main->second);
    values.erase(main);
    if (m_sides.size() == static_cast<std::size_t>(first / m_perBatch))
        m_sides.push_back(std::move(values));
    else
        m_sides.at(static_cast<std::size_t>(first / m_perBatch)) = std::move(values);
}

void BlockPass::start(std::vector<std::int64_t> samples, const Monitor& monitor,
                      const Progress& progress)
{
    take(std::move(samples));
    runPrelude(Outputs::Advance, monitor, {}, progress);
}

void BlockPass::run(int block, Outputs what, const Monitor& monitor, const InputObserver& observer,
                    const Progress& progress, const Companion& companion)
{
    forEachBatch(monitor, progress, [&](std::int64_t first, std::int64_t count) {
        if (companion.pass)
            companion.pass->runBatch(block, companion.what, first, count, monitor,
                                     companion.observer);
        runBatch(block, what, first, count, monitor, observer);
    });
    if (companion.pass)
        companion.pass->finishAdvance();
    finishAdvance();
}

void BlockPass::runBatch(int block, Outputs what, std::int64_t first, std::int64_t count,
                         const Monitor& monitor, const InputObserver& observer)
{
    m_lastBatch = -1;
    const Tensor output =
        m_executor.block(block, m_hidden->read(first, count), sides(first), monitor, observer);
    try {
        if (what == Outputs::Advance)
            advance(first, count, output);
        else if (what == Outputs::Aside)
            put(m_aside, first, count, output);
    } catch (const Error& error) {
        throw error.within(
            concat("output of block ", m_model.blocks[static_cast<std::size_t>(block)].name));
    }
}

void BlockPass::put(std::unique_ptr<SampleStore>& store, std::int64_t first, std::int64_t count,
                    const Tensor& batch) const
{
    if (!store || !store->fits(batch, count)) {
        if (first > 0)
            throw Error(ErrorCode::Shape,
                        concat("a value is ", shapeText(batch.shape()),
                               " for some samples and of another shape for those before"));
        store.reset(); // its memory may be needed
        store = std::make_unique<SampleStore>(m_room, batch, count, m_memoryBytes);
    }
    store->write(first, batch);
}

void BlockPass::advance(std::int64_t first, std::int64_t count, const Tensor& batch)
{
    // In place while the shape stays; what went in has been read by now.
    const bool stays = !m_next && m_hidden && m_hidden->fits(batch, count);
    put(stays ? m_hidden : m_next, first, count, batch);
}

void BlockPass::finishAdvance()
{
    if (m_next)
        m_hidden = std::move(m_next);
}

std::unique_ptr<SampleStore> BlockPass::copyHidden(std::uint64_t memoryBytes) const
{
    std::unique_ptr<SampleStore> copy;
    for (std::int64_t s = 0; s < count(); s += m_perBatch) {
        const std::int64_t samples = std::min(m_perBatch, count() - s);
        const Tensor batch = m_hidden->read(s, samples);
        if (!copy)
            copy = std::make_unique<SampleStore>(m_room, batch, samples, memoryBytes);
        copy->write(s, batch);
    }
    return copy;
}

void BlockPass::resume(const SampleStore& hidden)
{
    m_lastBatch = -1;
    m_next.reset();
    for (std::int64_t s = 0; s < count(); s += m_perBatch) {
        const std::int64_t samples = std::min(m_perBatch, count() - s);
        put(m_hidden, s, samples, hidden.read(s, samples));
    }
}

const Values& BlockPass::sides(std::int64_t first) const
{
    return m_sides[static_cast<std::size_t>(first / m_perBatch)];
}

Values BlockPass::sidesOf(std::int64_t first, std::int64_t count, const Monitor& monitor) const
{
    return m_executor.prelude(inputs(first, count), monitor);
}

bool BlockPass::hasSides() const
{
    return std::any_of(m_model.blocks.begin(), m_model.blocks.end(),
                       [](const Block& block) { return !block.sides.empty(); });
}

std::vector<Tensor> BlockPass::finish(std::int64_t first, std::int64_t count,
                                      const Monitor& monitor, const InputObserver& observer) const
{
    return m_executor.finish(m_hidden->read(first, count), sides(first), monitor, observer);
}

Tensor BlockPass::logits(std::int64_t window, std::int64_t position, std::int64_t count,
                         const Monitor& monitor)
{
    const std::int64_t length = m_hidden->rowsPerSample();
    if (headIsByRow())
        return m_executor.head(m_hidden->rows().rows(window * length + position, count), monitor);
    const std::int64_t batch = window / m_perBatch;
    if (m_lastBatch != batch) {
        const std::int64_t first = batch * m_perBatch;
        m_lastOutputs = finish(first, std::min(m_perBatch, this->count() - first), monitor);
        m_lastBatch = batch;
    }
    // windows × length × vocabulary
    const ConstMatrixView all = std::as_const(m_lastOutputs.front()).matrix();
    const std::int64_t windows = std::min(m_perBatch, this->count() - batch * m_perBatch);
    const std::int64_t perWindow = all.rows / windows;
    const std::int64_t row = (window % m_perBatch) * perWindow + position;
    if (position + count > perWindow)
        throw Error(ErrorCode::Shape,
                    concat("the model puts out ", shapeText(m_lastOutputs.front().shape()),
                           ", expected logits for every position"));
    Tensor result({count, all.cols});
    std::memcpy(result.bytes().data(), all.row(row).data(), result.bytes().size());
    return result;
}

void BlockPass::forEachOutputs(std::span<const std::unique_ptr<BlockPass>> passes,
                               const Monitor& monitor, const Progress& progress,
                               const OutputsBody& body)
{
    const BlockPass& leader = *passes.front();
    for (const auto& pass : passes)
        if (pass->m_perBatch != leader.m_perBatch)
            throw Error(ErrorCode::Usage,
                        concat("one model runs ", leader.m_perBatch, " samples at once, the other ",
                               pass->m_perBatch, "; they cannot be compared"));
    leader.forEachBatch(monitor, progress, [&](std::int64_t first, std::int64_t count) {
        std::vector<std::vector<Tensor>> outputs;
        for (const auto& pass : passes)
            outputs.push_back(pass->finish(first, count, monitor));
        body(first, count, std::move(outputs));
    });
}

void BlockPass::runHead(const Monitor& monitor, const InputObserver& observer,
                        const Progress& progress, const Companion& companion) const
{
    if (!headIsByRow()) {
        forEachBatch(monitor, progress, [&](std::int64_t first, std::int64_t count) {
            if (const BlockPass* other = companion.pass)
                (void)other->finish(first, count, monitor, companion.observer);
            (void)finish(first, count, monitor, observer);
        });
        return;
    }
    constexpr std::int64_t step = 512;
    const std::int64_t rows = count() * m_hidden->rowsPerSample();
    for (std::int64_t r = 0; r < rows; r += step) {
        monitor.checkpoint();
        if (progress)
            progress(static_cast<double>(r) / static_cast<double>(rows));
        const std::int64_t count = std::min(step, rows - r);
        if (const BlockPass* other = companion.pass)
            (void)other->m_executor.head(other->m_hidden->rows().rows(r, count), monitor,
                                         companion.observer);
        (void)m_executor.head(m_hidden->rows().rows(r, count), monitor, observer);
    }
}

} // namespace gradus
