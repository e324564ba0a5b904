// SPDX-License-Identifier: GPL-3.0-or-later
// decoupleQ's block-wise minimization (reference, section 7).
#include "core/graph/kernels_backward.h"
#include "core/quant/training_loop.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace gradus {

namespace {

/// One block's windows, forward and backward.
class BlockTraining
{
public:
    BlockTraining(const BlockProblem& problem, const TrainingOptions& options,
                  const Monitor& monitor)
        : m_problem(problem)
        , m_range(blockRange(*problem.model, problem.block))
        , m_monitor(monitor)
        , m_batch(std::max(1, options.batch))
        , m_parts(*problem.model, *problem.weights, problem.layers, m_range.first, m_range.count,
                  options)
        , m_executor(*problem.model, m_parts.weights())
    {
    }

    FloatingParts& parts() { return m_parts; }

    double step(std::int64_t first, std::int64_t count)
    {
        m_parts.enter(m_range, FloatingParts::Form::Masters);
        GradientPass pass(*m_problem.model, m_parts.weights(), m_range, m_parts.wanted(m_range),
                          false);
        const Values sides = sidesOf(first, count);
        Tensor output = pass.forward(inputs(first, count), sides, m_monitor);
        // The loss is the mean over all elements, as in the paper: its gradient is 2(ŷ − y)/count.
        const auto sums = kernel::squaredErrorBackward(
            std::as_const(output).matrix(), targets(first, count),
            2.0F / static_cast<float>(output.count()), output.matrix());
        (void)pass.backward(std::move(output), m_parts.sink(m_monitor), m_monitor);
        return relative(sums);
    }

    double evaluate()
    {
        m_parts.enter(m_range, FloatingParts::Form::Stored);
        kernel::SquaredError total;
        for (std::int64_t w = 0; w < m_problem.windows; w += m_batch) {
            const std::int64_t count = std::min(m_batch, m_problem.windows - w);
            const Tensor output =
                m_executor.block(m_problem.block, inputs(w, count), sidesOf(w, count), m_monitor);
            const auto sums =
                kernel::squaredErrorBackward(output.matrix(), targets(w, count), 0, {});
            total.error += sums.error;
            total.target += sums.target;
        }
        return relative(total);
    }

private:
    [[nodiscard]] Values sidesOf(std::int64_t first, std::int64_t count) const
    {
        return m_problem.sides ? m_problem.sides(first, count) : Values();
    }
    [[nodiscard]] Tensor inputs(std::int64_t first, std::int64_t count) const
    {
        if (m_problem.readInputs)
            return m_problem.readInputs(first, count);
        const std::int64_t rows = count * m_problem.length;
        const ConstMatrixView from = m_problem.inputs->rows(first * m_problem.length, rows);
        Tensor tensor({count, m_problem.length, from.cols});
        for (std::int64_t r = 0; r < rows; ++r)
            std::memcpy(tensor.matrix().row(r).data(), from.row(r).data(),
                        from.row(r).size_bytes());
        return tensor;
    }
    [[nodiscard]] ConstMatrixView targets(std::int64_t first, std::int64_t count) const
    {
        return m_problem.targets->rows(first * m_problem.length, count * m_problem.length);
    }
    static double relative(const kernel::SquaredError& sums)
    {
        return sums.error == 0 ? 0 : sums.error / sums.target;
    }

    const BlockProblem& m_problem;
    NodeRange m_range;
    const Monitor& m_monitor;
    std::int64_t m_batch;
    FloatingParts m_parts;
    Executor m_executor;
};

} // namespace

TuningResult trainBlock(const BlockProblem& problem, const TrainingOptions& options,
                        Monitor& monitor, const TrainingSink& sink)
{
    assert(problem.model && problem.weights && problem.targets);
    assert(problem.inputs || problem.readInputs);
    TrainingOptions chosen = options;
    if (problem.batch > 0)
        chosen.batch = problem.batch;
    const Executor mustRun(*problem.model, *problem.weights); // or says why not
    BlockTraining training(problem, chosen, monitor);
    TrainingSteps steps;
    steps.name = problem.model->blocks[static_cast<std::size_t>(problem.block)].name;
    steps.block = problem.block;
    steps.windows = problem.windows;
    steps.step = [&](std::int64_t first, std::int64_t count) {
        return training.step(first, count);
    };
    steps.evaluate = [&] { return training.evaluate(); };
    return runTraining(training.parts(), steps, chosen, monitor, sink);
}

} // namespace gradus
