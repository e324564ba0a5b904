// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/fisher_errors.h"

#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/eval/weighted_error.h"
#include "core/graph/convolution_kernels.h"
#include "core/graph/image_sizes.h"
#include "core/session/weight_readers.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace gradus {

namespace {

constexpr std::int64_t mostTokens = 4096;
constexpr std::uint64_t mostErrorBytes = std::uint64_t(1) << 28;

std::string notOfSamples(std::int64_t rows, std::int64_t samples, const char* called)
{
    return concat(rows, " rows of its inputs do not belong to ", samples, ' ', called);
}

/// Σ a·b over equal shapes, in double.
double innerProduct(ConstMatrixView a, ConstMatrixView b)
{
    return parallelReduce(
        a.rows, std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, a.cols)), 0.0,
        [&](std::int64_t begin, std::int64_t end) {
            double sum = 0;
            for (std::int64_t r = begin; r < end; ++r) {
                const float* x = a.row(r).data();
                const float* y = b.row(r).data();
                constexpr std::int64_t lanes = 8;
                double sums[lanes] = {};
                std::int64_t c = 0;
                for (; c + lanes <= a.cols; c += lanes)
                    for (std::int64_t j = 0; j < lanes; ++j)
                        sums[j] += static_cast<double>(x[c + j]) * static_cast<double>(y[c + j]);
                for (; c < a.cols; ++c)
                    sums[0] += static_cast<double>(x[c]) * static_cast<double>(y[c]);
                for (const double part : sums)
                    sum += part;
            }
            return sum;
        },
        [](double& total, double part) { total += part; });
}

} // namespace

FisherErrors::FisherErrors(const Model& model, const Weights& weights,
                           const CalibrationSamples& samples, std::uint64_t seed)
    : m_model(model)
    , m_weights(weights)
    , m_samples(samples)
    , m_seed(seed)
{
}

void FisherErrors::want(std::size_t layer, std::vector<Candidate> candidates)
{
    Wanted wanted;
    wanted.sums.resize(candidates.size());
    wanted.candidates = std::move(candidates);
    m_wanted[layer] = std::move(wanted);
}

void FisherErrors::run(Monitor& monitor)
{
    std::vector<std::size_t> layers;
    for (const auto& [layer, wanted] : m_wanted)
        layers.push_back(layer);
    OutputGradients pass(m_model, m_weights, m_samples, layers, m_seed);
    pass.run(
        [&](const OutputGradient& gradient) {
            take(m_wanted.at(gradient.layer), gradient, pass, monitor);
        },
        monitor);
    const bool scores =
        m_model.task == ModelTask::Language || m_model.task == ModelTask::Classification;
    m_unit = scores ? 2 * static_cast<double>(pass.outcomes()) : pass.outputSquares();
    for (auto& [layer, wanted] : m_wanted) {
        const Layer& own = m_model.layers[layer];
        if (pass.isWithoutEffect(layer)) {
            wanted.idle = true; // sums are 0
            wanted.remark = pass.whyNot(layer);
            continue;
        }
        if (wanted.why.empty())
            wanted.why = pass.whyNot(layer);
        if (wanted.why.empty() && wanted.rows == 0)
            wanted.why = "the network never reaches it";
        if (wanted.why.empty() && !wanted.picks.empty() &&
            (wanted.next < wanted.picks.size() || wanted.cursor != wanted.rows))
            wanted.why =
                concat(wanted.cursor, " rows of its inputs came by, expected ", wanted.rows);
        if (wanted.why.empty() && !(m_unit > 0))
            wanted.why = "the model's outputs are all zero";
        const WeightReaders readers = readersOf(m_model.graph, own.weight);
        if (const std::size_t places = readers.nodes.size() + (readers.asConstant ? 1 : 0);
            wanted.why.empty() && places > 1)
            wanted.remark = concat("its weight is read in ", places,
                                   " places, of which its Fisher error is of one");
    }
}

void FisherErrors::take(Wanted& wanted, const OutputGradient& gradient, const OutputGradients& pass,
                        const Monitor& monitor)
{
    if (!wanted.why.empty())
        return;
    if (m_model.task == ModelTask::Language && !gradient.images)
        takeTokens(wanted, gradient, pass, monitor);
    else
        takeSamples(wanted, gradient, pass, monitor);
}

void FisherErrors::takeTokens(Wanted& wanted, const OutputGradient& gradient,
                              const OutputGradients& pass, const Monitor& monitor)
{
    if (wanted.rows == 0) {
        wanted.rows = pass.allRows(gradient) * pass.draws(); // one draw's after the other's
        const std::int64_t count = std::min(wanted.rows, mostTokens);
        if (count == 0) {
            wanted.why = notOfSamples(gradient.inputs.rows, gradient.samples, "texts");
            return;
        }
        RandomStream random(m_seed, m_model.layers[gradient.layer].name, "tokens");
        const auto border = [&](std::int64_t k) {
            return k * (wanted.rows / count) + k * (wanted.rows % count) / count;
        };
        for (std::int64_t k = 0; k < count; ++k)
            wanted.picks.push_back(border(k) +
                                   static_cast<std::int64_t>(random.below(
                                       static_cast<std::uint64_t>(border(k + 1) - border(k)))));
    }
    const std::int64_t arrived = gradient.inputs.rows;
    if (pass.allRows(gradient) == 0) { // of this batch
        wanted.why = notOfSamples(arrived, gradient.samples, "texts");
        return;
    }
    const std::size_t first = wanted.next;
    while (wanted.next < wanted.picks.size() && wanted.picks[wanted.next] < wanted.cursor + arrived)
        ++wanted.next;
    const auto count = static_cast<std::int64_t>(wanted.next - first);
    Tensor inputs(Shape{count, gradient.inputs.cols});
    Tensor squares(Shape{count, gradient.gradients.cols});
    for (std::int64_t k = 0; k < count; ++k) {
        const std::int64_t row = wanted.picks[first + static_cast<std::size_t>(k)] - wanted.cursor;
        const auto x = gradient.inputs.row(row);
        std::copy(x.begin(), x.end(), inputs.matrix().row(k).begin());
        const auto g = gradient.gradients.row(row);
        std::transform(g.begin(), g.end(), squares.matrix().row(k).begin(),
                       [](float value) { return value * value; });
    }
    wanted.cursor += arrived;
    if (count == 0)
        return;
    const Layer& layer = m_model.layers[gradient.layer];
    const auto shared = m_weights.matrix(layer.weight);
    const ConstMatrixView weight{shared->floats().data(), layer.rows, layer.cols};
    const double share = static_cast<double>(wanted.rows) /
                         static_cast<double>(wanted.picks.size()) /
                         static_cast<double>(pass.draws());
    for (std::size_t c = 0; c < wanted.candidates.size(); ++c) {
        monitor.checkpoint();
        const LayerResult result = wanted.candidates[c]();
        const Tensor quantized = dequantize(*result.weight);
        LayerOnRows onRows{std::as_const(inputs).matrix(), {}, weight, quantized.matrix()};
        Tensor rounded;
        if (result.activation) {
            rounded = Tensor(inputs.shape());
            simulateActivations(*result.activation, std::as_const(inputs).matrix(),
                                rounded.matrix());
            onRows.roundedInputs = std::as_const(rounded).matrix();
        }
        wanted.sums[c] +=
            share * weightedSquaredError(onRows, std::as_const(squares).matrix(), monitor);
    }
}

void FisherErrors::takeSamples(Wanted& wanted, const OutputGradient& gradient,
                               const OutputGradients& pass, const Monitor& monitor)
{
    const Layer& layer = m_model.layers[gradient.layer];
    const std::int64_t samples = gradient.samples;
    const std::int64_t arrived =
        gradient.images ? gradient.images->shape().front() : gradient.inputs.rows;
    if (arrived == 0 || arrived % samples != 0) {
        wanted.why = notOfSamples(arrived, samples, "samples");
        return;
    }
    wanted.rows = arrived;
    // Some candidates at a time: their errors are here as floats.
    const auto bytes = static_cast<std::uint64_t>(layer.parameters()) * sizeof(float);
    const std::size_t some =
        std::max<std::size_t>(1, mostErrorBytes / std::max(bytes, std::uint64_t(1)));
    for (std::size_t c = 0; c < wanted.candidates.size(); c += some)
        takeSamples(wanted, c, std::min(some, wanted.candidates.size() - c), gradient, pass,
                    monitor);
}

void FisherErrors::takeSamples(Wanted& wanted, std::size_t firstCandidate, std::size_t count,
                               const OutputGradient& gradient, const OutputGradients& pass,
                               const Monitor& monitor)
{
    const Layer& layer = m_model.layers[gradient.layer];
    const std::int64_t samples = gradient.samples;
    const std::int64_t arrived = wanted.rows;
    const std::int64_t each = arrived / samples;
    const auto shared = m_weights.matrix(layer.weight);
    const ConstMatrixView weight{shared->floats().data(), layer.rows, layer.cols};
    std::vector<LayerResult> results;
    std::vector<Tensor> errors;
    std::vector<Tensor> quantized; // of candidates that round their inputs
    std::vector<Tensor> moved;     // x − x̂, likewise
    for (std::size_t c = 0; c < count; ++c) {
        monitor.checkpoint();
        results.push_back(wanted.candidates[firstCandidate + c]());
        Tensor floats = dequantize(*results.back().weight);
        errors.push_back(difference(weight, std::as_const(floats).matrix()));
        const bool rounds = results.back().activation && !gradient.images;
        Tensor rounded;
        if (rounds) {
            rounded = Tensor(Shape{arrived, gradient.inputs.cols});
            simulateActivations(*results.back().activation, gradient.inputs, rounded.matrix());
            rounded = difference(gradient.inputs, std::as_const(rounded).matrix());
        }
        moved.push_back(std::move(rounded));
        quantized.push_back(rounds ? std::move(floats) : Tensor());
    }
    // Σ over places of ∂L/∂y·(W − Ŵ)·x is the inner product of W − Ŵ with the sample's dL/dW.
    Tensor slope(Shape{layer.rows, layer.cols});
    const MatrixView to = slope.matrix();
    for (std::int64_t s = 0; s < samples; ++s) {
        monitor.checkpoint();
        ConstMatrixView g;
        if (gradient.images) {
            const auto& convolution = std::get<op::Convolution>(
                m_model.graph.nodes[static_cast<std::size_t>(layer.node)].op);
            Shape one = gradient.images->shape();
            one.front() = each;
            const auto geometry = sizeOf(convolution, one, gradient.imageGradients->shape()[1]);
            const auto part = [&](const Tensor& images) {
                const std::size_t own = images.floats().size() / static_cast<std::size_t>(samples);
                return images.floats().subspan(static_cast<std::size_t>(s) * own, own);
            };
            kernel::convolutionWeightGradient(geometry, part(*gradient.images),
                                              part(*gradient.imageGradients), to, monitor);
        } else {
            g = gradient.gradients.block(s * each, 0, each, layer.rows);
            multiplyLeftTransposed(g, gradient.inputs.block(s * each, 0, each, layer.cols), to,
                                   false, &monitor);
        }
        std::vector<double> products;
        for (const Tensor& error : errors)
            products.push_back(innerProduct(std::as_const(slope).matrix(), error.matrix()));
        for (std::size_t c = 0; c < errors.size(); ++c) {
            if (!moved[c].empty()) {
                // W·x − Ŵ·x̂ = (W − Ŵ)·x + Ŵ·(x − x̂)
                multiplyLeftTransposed(
                    g, std::as_const(moved[c]).matrix().block(s * each, 0, each, layer.cols), to,
                    false, &monitor);
                products[c] += innerProduct(std::as_const(slope).matrix(),
                                            std::as_const(quantized[c]).matrix());
            }
            wanted.sums[firstCandidate + c] +=
                products[c] * products[c] / static_cast<double>(pass.draws());
        }
    }
}

double FisherErrors::error(std::size_t layer, std::size_t candidate) const
{
    const Wanted& wanted = m_wanted.at(layer);
    if (wanted.idle)
        return 0;
    return whyNot(layer, candidate).empty() ? wanted.sums[candidate] / m_unit
                                            : std::numeric_limits<double>::quiet_NaN();
}

std::string FisherErrors::whyNot(std::size_t layer, std::size_t candidate) const
{
    const Wanted& wanted = m_wanted.at(layer);
    if (wanted.idle || !wanted.why.empty() || std::isfinite(wanted.sums[candidate]))
        return wanted.why;
    return "gradients or errors are not finite";
}

std::string FisherErrors::remark(std::size_t layer) const
{
    return m_wanted.at(layer).remark;
}

} // namespace gradus
