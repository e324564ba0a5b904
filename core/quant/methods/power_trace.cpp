// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/power_trace.h"

#include "core/base/parallel.h"
#include "core/quant/methods/common.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <limits>

namespace gradus {

namespace {

/// Σ(w − ŵ)², or Σw² without ŵ.
double squaredDistance(ConstMatrixView weight, const ConstMatrixView* rounded,
                       const Monitor& monitor)
{
    return parallelReduce(
        weight.rows, rowGrain(weight.cols), 0.0,
        [&](std::int64_t begin, std::int64_t end) {
            double sum = 0;
            for (std::int64_t r = begin; r < end; ++r) {
                const std::span<const float> row = weight.row(r);
                for (std::size_t c = 0; c < row.size(); ++c) {
                    const double w = static_cast<double>(row[c]);
                    const double distance =
                        rounded ? w - static_cast<double>(rounded->row(r)[c]) : w;
                    sum += distance * distance;
                }
            }
            return sum;
        },
        [](double& total, double one) { total += one; }, &monitor);
}

double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

} // namespace

PowerTrace::PowerTrace(const LayerProblem& problem, const Monitor& monitor)
    : m_problem(problem)
    , m_energy(squaredDistance(problem.judgedBy(), nullptr, monitor))
{
    const InputStatistics* inputs = problem.inputs.get();
    if (!inputs || inputs->hessian.empty() || inputs->features != problem.weight.cols ||
        inputs->groups < 1 || problem.weight.rows % inputs->groups != 0)
        return;
    m_hessian.resize(inputs->hessian.size());
    parallelFor(
        static_cast<std::int64_t>(m_hessian.size()), 1 << 18,
        [&](std::int64_t begin, std::int64_t end) {
            for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
                m_hessian[i] = static_cast<float>(inputs->hessian[i]);
        },
        &monitor);
    m_outputEnergy = outputEnergy(nullptr, monitor);
}

double PowerTrace::outputEnergy(const ConstMatrixView* rounded, const Monitor& monitor) const
{
    constexpr std::int64_t panel = 512; // rows at a time
    const ConstMatrixView weight = m_problem.judgedBy();
    const std::int64_t d = weight.cols;
    const std::int64_t groupRows = weight.rows / m_problem.inputs->groups;
    Tensor error(Shape{std::min(panel, std::max<std::int64_t>(groupRows, 1)), d});
    Tensor product(error.shape());
    double sum = 0;
    for (std::int64_t first = 0; first < weight.rows;) {
        const std::int64_t group = first / groupRows;
        const std::int64_t rows = std::min(panel, (group + 1) * groupRows - first);
        const MatrixView e = error.matrix().block(0, 0, rows, d);
        const MatrixView p = product.matrix().block(0, 0, rows, d);
        for (std::int64_t r = 0; r < rows; ++r) {
            const std::span<const float> w = weight.row(first + r);
            for (std::size_t c = 0; c < w.size(); ++c)
                e.row(r)[c] = rounded ? w[c] - rounded->row(first + r)[c] : w[c];
        }
        multiply(e, {m_hessian.data() + group * d * d, d, d}, p, false, &monitor);
        for (std::int64_t r = 0; r < rows; ++r) {
            double own = 0;
            for (std::size_t c = 0; c < static_cast<std::size_t>(d); ++c)
                own += static_cast<double>(e.row(r)[c]) * static_cast<double>(p.row(r)[c]);
            sum += own;
        }
        first += rows;
    }
    return std::max(0.0, sum);
}

void PowerTrace::record(TraceStage stage, ConstMatrixView rounded, double exponent,
                        const Monitor& monitor)
{
    TracePoint point;
    point.stage = stage;
    point.exponent = exponent;
    point.weightError = ratio(squaredDistance(m_problem.judgedBy(), &rounded, monitor), m_energy);
    point.relativeError = m_hessian.empty()
                              ? std::numeric_limits<double>::quiet_NaN()
                              : ratio(outputEnergy(&rounded, monitor), m_outputEnergy);
    m_points.push_back(point);
}

} // namespace gradus
