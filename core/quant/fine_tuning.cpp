// SPDX-License-Identifier: GPL-3.0-or-later
// Training of the floating parts of all layers at once on the next token.
#include "core/graph/kernels.h"
#include "core/graph/kernels_backward.h"
#include "core/quant/training_loop.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <numeric>
#include <utility>

namespace gradus {

namespace {

/// Rows of logits at a time: they are as wide as the vocabulary.
constexpr std::int64_t headRows = 512;

void copyRows(ConstMatrixView from, MatrixView to)
{
    assert(from.rows == to.rows && from.cols == to.cols);
    for (std::int64_t r = 0; r < from.rows; ++r)
        std::memcpy(to.row(r).data(), from.row(r).data(), from.row(r).size_bytes());
}

class FineTuning
{
public:
    FineTuning(const FineTuningProblem& problem, const TrainingOptions& options,
               const Monitor& monitor)
        : m_model(*problem.model)
        , m_windows(*problem.windows)
        , m_monitor(monitor)
        , m_batch(std::clamp<std::int64_t>(options.batch, 1, std::max<std::int64_t>(1, count())))
        , m_blocks(static_cast<int>(m_model.blocks.size()))
        , m_head(headRange(m_model))
        , m_parts(m_model, *problem.weights, problem.layers, 0,
                  static_cast<int>(m_model.graph.nodes.size()), options)
        , m_executor(m_model, m_parts.weights())
        , m_borders((m_blocks + 1) * m_batch * m_windows.length, m_model.hiddenSize,
                    problem.memoryBytes)
        , m_firstTrained(m_blocks)
    {
        for (int block = m_blocks - 1; block >= 0; --block)
            if (!m_parts.wanted(blockRange(m_model, block)).empty())
                m_firstTrained = block;
    }

    [[nodiscard]] std::int64_t count() const { return m_windows.count(); }
    FloatingParts& parts() { return m_parts; }

    double step(std::int64_t first, std::int64_t count)
    {
        constexpr auto form = FloatingParts::Form::Masters;
        forward(first, count, form);
        Tensor delta = Tensor::zeros(DType::F32, {count, m_windows.length, m_model.hiddenSize});
        const double loss = headBackward(first, count, delta);
        for (int block = m_blocks - 1; block >= m_firstTrained; --block) {
            const NodeRange range = blockRange(m_model, block);
            m_parts.enter(range, form);
            GradientPass pass(m_model, m_parts.weights(), range, m_parts.wanted(range),
                              block > m_firstTrained);
            Tensor input({count, m_windows.length, m_model.hiddenSize});
            copyRows(border(block, count), input.matrix());
            (void)pass.forward(std::move(input), m_monitor);
            delta = pass.backward(std::move(delta), m_parts.sink(m_monitor), m_monitor);
            m_parts.leave(range);
        }
        return loss;
    }

    double evaluate()
    {
        double sum = 0;
        for (std::int64_t w = 0; w < count(); w += m_batch) {
            const std::int64_t windows = std::min(m_batch, count() - w);
            forward(w, windows, FloatingParts::Form::Stored);
            m_parts.enter(m_head, FloatingParts::Form::Stored);
            forEachHeadChunk(
                w, windows,
                [&](ConstMatrixView rows, std::int64_t, std::span<const Token> targets) {
                    const Tensor logits = m_executor.head(rows, m_monitor);
                    std::vector<double> nll(targets.size());
                    kernel::negativeLogLikelihood(logits.matrix(), targets, nll);
                    sum = std::accumulate(nll.begin(), nll.end(), sum);
                });
            m_parts.leave(m_head);
        }
        return sum / static_cast<double>(targetsOf(count()));
    }

private:
    [[nodiscard]] std::int64_t targetsOf(std::int64_t windows) const
    {
        return windows * (m_windows.length - 1);
    }

    /// What goes into a block, or out of the last one, for the windows of the current step.
    [[nodiscard]] MatrixView border(int block, std::int64_t windows)
    {
        return m_borders.rows(block * m_batch * m_windows.length, windows * m_windows.length);
    }

    void forward(std::int64_t first, std::int64_t windows, FloatingParts::Form form)
    {
        const auto tokens = std::span<const Token>(m_windows.tokens)
                                .subspan(static_cast<std::size_t>(first * m_windows.length),
                                         static_cast<std::size_t>(windows * m_windows.length));
        Tensor hidden = m_executor.embed(tokens, windows);
        for (int block = 0; block < m_blocks; ++block) {
            copyRows(std::as_const(hidden).matrix(), border(block, windows));
            const NodeRange range = blockRange(m_model, block);
            m_parts.enter(range, form);
            m_executor.runBlock(block, hidden, m_monitor);
            m_parts.leave(range);
        }
        copyRows(std::as_const(hidden).matrix(), border(m_blocks, windows));
    }

    /// body(rows of the last border, the first one's index, their next tokens): the last token of a
    /// window has none.
    template <class Body>
    void forEachHeadChunk(std::int64_t first, std::int64_t windows, const Body& body)
    {
        const ConstMatrixView last = border(m_blocks, windows);
        for (std::int64_t w = 0; w < windows; ++w) {
            const auto tokens = m_windows.window(first + w);
            for (std::int64_t t = 0; t + 1 < m_windows.length; t += headRows) {
                m_monitor.checkpoint();
                const std::int64_t rows = std::min(headRows, m_windows.length - 1 - t);
                const std::int64_t row = w * m_windows.length + t;
                body(last.block(row, 0, rows, last.cols), row,
                     tokens.subspan(static_cast<std::size_t>(t + 1),
                                    static_cast<std::size_t>(rows)));
            }
        }
    }

    /// The step's loss; delta gets its gradient at the last border.
    double headBackward(std::int64_t first, std::int64_t windows, Tensor& delta)
    {
        const float factor = 1.0F / static_cast<float>(targetsOf(windows));
        double sum = 0;
        m_parts.enter(m_head, FloatingParts::Form::Masters);
        GradientPass pass(m_model, m_parts.weights(), m_head, m_parts.wanted(m_head),
                          m_firstTrained < m_blocks);
        forEachHeadChunk(
            first, windows,
            [&](ConstMatrixView rows, std::int64_t row, std::span<const Token> targets) {
                Tensor input({1, rows.rows, rows.cols});
                copyRows(rows, input.matrix());
                Tensor logits = pass.forward(std::move(input), m_monitor);
                std::vector<double> nll(targets.size());
                kernel::crossEntropyBackward(logits.matrix(), targets, factor, nll);
                sum = std::accumulate(nll.begin(), nll.end(), sum);
                const Tensor gradient =
                    pass.backward(std::move(logits), m_parts.sink(m_monitor), m_monitor);
                if (!gradient.empty())
                    copyRows(gradient.matrix(), delta.matrix().block(row, 0, rows.rows, rows.cols));
            });
        m_parts.leave(m_head);
        return sum / static_cast<double>(targetsOf(windows));
    }

    const Model& m_model;
    const TokenWindows& m_windows;
    const Monitor& m_monitor;
    std::int64_t m_batch;
    int m_blocks;
    NodeRange m_head;
    FloatingParts m_parts;
    Executor m_executor;
    ActivationStore m_borders;
    int m_firstTrained; ///< the first block with something to train; as many as there are for none
};

} // namespace

TuningResult fineTune(const FineTuningProblem& problem, const TrainingOptions& options,
                      Monitor& monitor, const TrainingSink& sink)
{
    assert(problem.model && problem.weights && problem.windows);
    const Executor mustRun(*problem.model, *problem.weights); // or says why not
    TrainingOptions frozen = options;
    frozen.codeRate = 0;
    frozen.exponentRate = 0;
    FineTuning training(problem, frozen, monitor);
    TrainingSteps steps;
    steps.name = "fine-tuning";
    steps.windows = problem.windows->length > 1 ? training.count() : 0;
    steps.step = [&](std::int64_t first, std::int64_t count) {
        return training.step(first, count);
    };
    steps.evaluate = [&] { return training.evaluate(); };
    return runTraining(training.parts(), steps, options, monitor, sink);
}

} // namespace gradus
