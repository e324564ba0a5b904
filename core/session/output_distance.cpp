// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/output_distance.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/kernels.h"
#include "core/session/evaluate.h"
#include "core/session/weight_readers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace gradus {

OutputDistance::OutputDistance(const Model& model, const Weights& floats,
                               const CalibrationSamples& samples, std::uint64_t memoryBytes)
    : m_model(model)
    , m_samples(samples)
    , m_memoryBytes(memoryBytes)
    , m_probabilities(endsWithSoftmax(model))
    , m_changed(Weights::over(floats))
    , m_logitsLeft(memoryBytes / 4)
{
    for (const Weights* weights : {&floats, &std::as_const(m_changed)})
        m_passes.push_back(std::make_unique<BlockPass>(model, *weights, *samples.data,
                                                       samples.count(), memoryBytes / 8));
}

void OutputDistance::prepare(Monitor& monitor)
{
    const auto blocks = static_cast<int>(m_model.blocks.size());
    BlockPass& floats = *m_passes[0];
    floats.take(m_samples.chosen);
    floats.runPrelude(BlockPass::Outputs::Advance, monitor);
    for (int block = 0; block < blocks; ++block) {
        keep(block);
        floats.run(block, BlockPass::Outputs::Advance, monitor, {}, [&](double part) {
            monitor.report((block + part) / blocks, "outputs of the float network");
        });
    }
    m_passes[1]->take(m_samples.chosen);
    m_passes[1]->runPrelude(BlockPass::Outputs::Advance, monitor);
}

void OutputDistance::keep(int block)
{
    const SampleStore& hidden = m_passes[0]->hidden();
    const std::uint64_t bytes = static_cast<std::uint64_t>(elementCount(hidden.shape())) *
                                static_cast<std::uint64_t>(m_samples.count()) *
                                (hidden.isFloat() ? sizeof(float) : sizeof(std::int64_t));
    const std::uint64_t room = m_memoryBytes / 4;
    while (m_keptBytes + bytes > room && m_stride <= block) {
        m_stride *= 2;
        std::erase_if(m_kept, [&](const auto& kept) { return kept.first % m_stride != 0; });
        m_keptBytes = 0;
        for (const auto& [at, store] : m_kept)
            m_keptBytes += static_cast<std::uint64_t>(elementCount(store->shape())) *
                           static_cast<std::uint64_t>(m_samples.count()) *
                           (store->isFloat() ? sizeof(float) : sizeof(std::int64_t));
    }
    if (block % m_stride != 0 || m_keptBytes + bytes > room)
        return;
    m_kept[block] = m_passes[0]->copyHidden(room);
    m_keptBytes += bytes;
}

int OutputDistance::blockOf(int node) const
{
    int block = fromPrelude;
    for (std::size_t b = 0; b < m_model.blocks.size(); ++b)
        if (node >= m_model.blocks[b].firstNode)
            block = static_cast<int>(b);
    const Block& last = m_model.blocks.back();
    return node >= last.firstNode + last.nodeCount ? static_cast<int>(m_model.blocks.size())
                                                   : block;
}

int OutputDistance::firstBlockOf(const std::string& tensor) const
{
    const WeightReaders readers = readersOf(m_model.graph, tensor);
    return readers.asConstant || readers.nodes.empty() ? fromPrelude
                                                       : blockOf(readers.nodes.front());
}

void OutputDistance::goTo(int block, int changedFrom, const Monitor& monitor)
{
    BlockPass& tested = *m_passes[1];
    const auto blocks = static_cast<int>(m_model.blocks.size());
    int at = fromPrelude;
    if (changedFrom != fromPrelude)
        for (const auto& [kept, store] : m_kept)
            if (kept <= std::min(block, changedFrom))
                at = kept;
    const bool headAlone = changedFrom == blocks && block == blocks;
    if ((at == fromPrelude && !headAlone) || m_preludeChanged) {
        m_preludeChanged = true; // if it throws
        tested.runPrelude(BlockPass::Outputs::Advance, monitor);
        m_preludeChanged = changedFrom == fromPrelude;
    }
    if (headAlone) {
        tested.resume(m_passes[0]->hidden());
        return;
    }
    if (at == fromPrelude)
        at = 0;
    else
        tested.resume(*m_kept.at(at));
    for (; at < block; ++at)
        tested.run(at, BlockPass::Outputs::Advance, monitor);
}

SampleMean OutputDistance::measure(const std::vector<std::string>& tensors, const Change& change,
                                   Monitor& monitor)
{
    struct Restore
    {
        Weights& weights;
        const std::vector<std::string>& tensors;
        ~Restore()
        {
            for (const std::string& tensor : tensors)
                weights.restore(tensor);
        }
    } const restore{m_changed, tensors};
    change(m_changed);
    int first = static_cast<int>(m_model.blocks.size());
    for (const std::string& tensor : tensors)
        first = std::min(first, firstBlockOf(tensor));
    goTo(static_cast<int>(m_model.blocks.size()), first, monitor);
    return m_model.task == ModelTask::Language ? compareTexts(monitor) : compareOutputs(monitor);
}

Tensor OutputDistance::floatLogits(std::int64_t window, std::int64_t position, std::int64_t count,
                                   const Monitor& monitor)
{
    if (const auto found = m_logits.find({window, position}); found != m_logits.end())
        return found->second.clone();
    Tensor logits = m_passes[0]->logits(window, position, count, monitor);
    if (m_probabilities)
        takeLogarithms(logits);
    if (logits.bytes().size() <= m_logitsLeft) {
        m_logitsLeft -= logits.bytes().size();
        m_logits[{window, position}] = logits.clone();
    }
    return logits;
}

SampleMean OutputDistance::compareTexts(Monitor& monitor)
{
    const std::int64_t scored = m_samples.context - 1; // each predicts the next
    if (scored < 1)
        throw Error(ErrorCode::Usage, "windows of one token leave none to score");
    const std::int64_t step = rowsPerHead(m_model.vocabularySize);
    std::vector<double> sums(static_cast<std::size_t>(m_samples.count()));
    for (std::int64_t w = 0; w < m_samples.count(); ++w)
        for (std::int64_t p = 0; p < scored; p += step) {
            monitor.checkpoint();
            const std::int64_t rows = std::min(step, scored - p);
            const Tensor before = floatLogits(w, p, rows, monitor);
            Tensor after = m_passes[1]->logits(w, p, rows, monitor);
            if (m_probabilities)
                takeLogarithms(after);
            std::vector<double> kl(static_cast<std::size_t>(rows));
            kernel::divergence(before.matrix(), std::as_const(after).matrix(), kl);
            sums[static_cast<std::size_t>(w)] += std::accumulate(kl.begin(), kl.end(), 0.0);
        }
    return meanOverSamples(sums, scored);
}

SampleMean OutputDistance::compareOutputs(Monitor& monitor)
{
    const bool scores = m_model.task == ModelTask::Classification;
    std::vector<double> errors;   // by sample
    std::vector<double> energies; // of models without scores
    BlockPass::forEachOutputs(
        m_passes, monitor, {},
        [&](std::int64_t, std::int64_t count, std::vector<std::vector<Tensor>> outputs) {
            Tensor before = outputRows(std::move(outputs[0].front()), count, m_model);
            Tensor after = outputRows(std::move(outputs[1].front()), count, m_model);
            if (scores) {
                if (m_probabilities) {
                    takeLogarithms(before);
                    takeLogarithms(after);
                }
                std::vector<double> kl(static_cast<std::size_t>(count));
                kernel::divergence(std::as_const(before).matrix(), std::as_const(after).matrix(),
                                   kl);
                errors.insert(errors.end(), kl.begin(), kl.end());
                return;
            }
            for (std::int64_t r = 0; r < count; ++r) {
                double error = 0;
                double energy = 0;
                const std::span<const float> a = std::as_const(before).matrix().row(r);
                const std::span<const float> b = std::as_const(after).matrix().row(r);
                for (std::size_t c = 0; c < a.size(); ++c) {
                    const double difference = static_cast<double>(a[c]) - static_cast<double>(b[c]);
                    error += difference * difference;
                    energy += static_cast<double>(a[c]) * static_cast<double>(a[c]);
                }
                errors.push_back(error);
                energies.push_back(energy);
            }
        });
    if (scores)
        return meanOverSamples(errors);
    // A ratio of sums: its error is that of error − ratio · energy (Cochran, Sampling Techniques).
    const double energy = std::accumulate(energies.begin(), energies.end(), 0.0);
    if (energy == 0) { // nothing that an error could be a share of
        constexpr double nan = std::numeric_limits<double>::quiet_NaN();
        return {nan, nan};
    }
    const double ratio = std::accumulate(errors.begin(), errors.end(), 0.0) / energy;
    const auto n = static_cast<double>(errors.size());
    for (std::size_t i = 0; i < errors.size(); ++i)
        errors[i] = ratio + (errors[i] - ratio * energies[i]) * n / energy;
    return meanOverSamples(errors);
}

std::shared_ptr<const InputStatistics>
OutputDistance::inputsOf(const Layer& layer, bool withMagnitudes, Monitor& monitor)
{
    const auto key = inputKey(m_model, layer);
    if (!key)
        return nullptr;
    if (m_lastInputs && m_lastKey == *key && m_lastMagnitudes == withMagnitudes)
        return m_lastInputs;
    m_lastInputs.reset();
    BlockPass& pass = *m_passes[1];
    InputCapture capture(m_model, monitor);
    capture.want(layer, true, withMagnitudes);
    const int block = blockOf(layer.node);
    const auto blocks = static_cast<int>(m_model.blocks.size());
    if (block == fromPrelude) {
        pass.runPrelude(BlockPass::Outputs::Advance, monitor, capture.observer());
        m_preludeChanged = false;
    } else {
        goTo(block, block, monitor);
        if (block == blocks)
            pass.runHead(monitor, capture.observer());
        else
            pass.run(block, BlockPass::Outputs::Dropped, monitor, capture.observer());
    }
    capture.finish();
    m_lastKey = *key;
    m_lastMagnitudes = withMagnitudes;
    m_lastInputs = capture.of(layer);
    return m_lastInputs;
}

} // namespace gradus
