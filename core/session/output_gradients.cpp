// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/output_gradients.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/session/block_pass.h"
#include "core/session/evaluate.h"
#include "core/session/weight_readers.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace gradus {

namespace {

/// Rows of logits at a time: they are as wide as the vocabulary.
constexpr std::int64_t headRows = 512;
/// Logits of a batch that are worth having at once.
constexpr std::int64_t mostLogits = std::int64_t(1) << 25;
/// Outcomes that should be drawn, over all samples; few draws are noisy.
constexpr std::int64_t wantedOutcomes = 512;
constexpr int mostDraws = 4;

/// An operator that a gradient should pass, but cannot. Those that make shapes of values, or
/// choose by comparing, are flat by their nature.
bool breaksGradients(const Operator& op)
{
    if (isDifferentiable(op))
        return false;
    return std::holds_alternative<op::QuantizeLinear>(op) || std::holds_alternative<op::If>(op) ||
           std::holds_alternative<op::Unary>(op);
}

/// A row of logits (or probabilities) becomes the gradient of the negative log-likelihood of an
/// outcome c, times a factor: c is drawn with the probability p_c·w_c/Z, w_c = ‖e_c − p‖², and the
/// factor is ±√(Z/w_c), so that the mean product of gradients is that of outcomes drawn with p_c,
/// which is the Fisher matrix, and their mean is 0. Drawn with p_c alone, outcomes of a model that
/// is sure of itself would hardly ever be those that the matrix is made of.
void differentiateRow(std::span<float> row, bool probabilities, double uniform, bool negative,
                      std::vector<float>& mass)
{
    const std::size_t classes = row.size();
    const auto top =
        static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    const float most = row[top];
    double others = 0; // without the top class, whose rest would cancel
    for (std::size_t k = 0; k < classes; ++k) {
        mass[k] = probabilities ? std::max(row[k], 0.0F) : std::exp(row[k] - most);
        others += k == top ? 0 : static_cast<double>(mass[k]);
    }
    const double total = static_cast<double>(mass[top]) + others;
    const double rest = others / total; // 1 − p of the top class
    const auto p = [&](std::size_t k) { return static_cast<double>(mass[k]) / total; };
    double squares = 0; // of the other classes
    for (std::size_t k = 0; k < classes; ++k)
        squares += k == top ? 0 : p(k) * p(k);
    const auto w = [&](std::size_t k) {
        if (k == top)
            return rest * rest + squares;
        return (1 - p(k)) * (1 - p(k)) + (1 - rest) * (1 - rest) + squares - p(k) * p(k);
    };
    const double z = (1 - rest) * rest + rest - squares;
    if (!(z > 0)) { // there is nothing to draw
        std::fill(row.begin(), row.end(), 0.0F);
        return;
    }
    std::size_t outcome = top;
    double sum = 0;
    for (std::size_t k = 0; k < classes; ++k) {
        const double share = p(k) * w(k);
        sum += share;
        if (share > 0)
            outcome = k; // the last one where rounding leaves a rest
        if (sum > uniform * z)
            break;
    }
    const double factor = (negative ? -1 : 1) * std::sqrt(z / w(outcome));
    if (probabilities) {
        std::fill(row.begin(), row.end(), 0.0F);
        row[outcome] = static_cast<float>(-factor / p(outcome));
        return;
    }
    for (std::size_t k = 0; k < classes; ++k) {
        const double slope = k != outcome ? p(k) : k == top ? -rest : p(k) - 1;
        row[k] = static_cast<float>(factor * slope);
    }
}

} // namespace

OutputGradients::OutputGradients(const Model& model, const Weights& weights,
                                 const CalibrationSamples& samples,
                                 const std::vector<std::size_t>& layers, std::uint64_t seed)
    : m_model(model)
    , m_weights(weights)
    , m_executor(model, weights)
    , m_samples(samples)
    , m_random(seed, {}, "outcomes")
{
    for (const std::size_t i : layers) {
        const WeightReaders readers = readersOf(model.graph, model.layers[i].weight);
        if (!leadToOutput(model.graph, readers)) {
            m_idle.insert(i);
            m_why[i] = "nothing leads from it to the model's first output";
            continue;
        }
        m_why[i] = brokenBy(model.layers[i]);
        if (m_why[i].empty())
            m_byNode[model.layers[i].node] = i;
    }
    prepare();
}

void OutputGradients::prepare()
{
    const auto blocks = static_cast<int>(m_model.blocks.size());
    m_firstBlock = blocks;
    for (int block = blocks - 1; block >= 0; --block)
        if (const NodeRange range = blockRange(m_model, block);
            !wanted(range.first, range.count).empty())
            m_firstBlock = block;
    m_prelude = !wanted(0, m_model.blocks.front().firstNode).empty();
    if (m_prelude)
        m_firstBlock = 0;
    m_probabilities = endsWithSoftmax(m_model);
    const std::int64_t outcomes =
        m_samples.count() *
        std::max<std::int64_t>(1, m_model.task == ModelTask::Language ? m_samples.context - 1 : 1);
    m_draws = static_cast<int>(std::clamp<std::int64_t>(
        wantedOutcomes / std::max<std::int64_t>(1, outcomes), 1, mostDraws));
}

std::string OutputGradients::brokenBy(const Layer& layer) const
{
    if (!canCapture(m_model, layer))
        return "its inputs are not reached";
    const Graph& graph = m_model.graph;
    std::set<ValueId> moving(graph.nodes[static_cast<std::size_t>(layer.node)].outputs.begin(),
                             graph.nodes[static_cast<std::size_t>(layer.node)].outputs.end());
    moving.erase(noValue);
    for (std::size_t n = static_cast<std::size_t>(layer.node) + 1; n < graph.nodes.size(); ++n) {
        const Node& node = graph.nodes[n];
        bool reads = false;
        forEachRead(node, [&](ValueId value) { reads = reads || moving.contains(value); });
        if (!reads)
            continue;
        if (breaksGradients(node.op))
            return concat("no gradient passes ", node.name.empty() ? "a node" : node.name, " (",
                          operatorName(node.op), ")");
        if (isDifferentiable(node.op))
            for (const ValueId value : node.outputs)
                if (value != noValue)
                    moving.insert(value);
    }
    if (layer.node < m_model.blocks.front().firstNode)
        for (const Block& block : m_model.blocks)
            for (const ValueId side : block.sides)
                if (moving.contains(side) && side != m_model.blocks.front().input)
                    return concat("block ", block.name,
                                  " reads what becomes of it beside the block before");
    if (!moving.contains(graph.output))
        return "no gradient leads from it to the model's first output";
    return {};
}

std::set<int> OutputGradients::wanted(int first, int count) const
{
    std::set<int> nodes;
    for (auto at = m_byNode.lower_bound(first); at != m_byNode.end() && at->first < first + count;
         ++at)
        nodes.insert(at->first);
    return nodes;
}

void OutputGradients::run(const Sink& sink, Monitor& monitor)
{
    if (m_byNode.empty())
        return;
    const std::int64_t one[] = {m_samples.chosen.front()};
    std::int64_t perBatch = samplesPerBatch(m_model, m_samples.data->batch(one).front());
    if (const std::int64_t fixed = fixedBatch(m_model);
        fixed == 1 && m_model.task == ModelTask::Language && m_model.vocabularySize > 0)
        perBatch = std::clamp<std::int64_t>(
            mostLogits / std::max<std::int64_t>(1, m_samples.context * m_model.vocabularySize), 1,
            perBatch);
    for (std::int64_t s = 0; s < m_samples.count(); s += perBatch) {
        monitor.checkpoint();
        monitor.report(static_cast<double>(s) / static_cast<double>(m_samples.count()),
                       "gradients of the outputs");
        runBatch(s, std::min(perBatch, m_samples.count() - s), sink, monitor);
    }
}

void OutputGradients::runBatch(std::int64_t first, std::int64_t count, const Sink& to,
                               const Monitor& monitor)
{
    m_batch = count;
    const auto chosen =
        std::span(m_samples.chosen)
            .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    const auto fed = [&] { return m_samples.data->batch(chosen); };
    Values sides = m_executor.prelude(fed(), monitor);
    const auto blocks = static_cast<int>(m_model.blocks.size());
    // What goes into the blocks whose gradients are wanted, and out of the last one.
    std::vector<Tensor> borders(static_cast<std::size_t>(blocks) + 1);
    Tensor hidden = std::move(sides.extract(m_model.blocks.front().input).mapped());
    for (int block = 0; block < blocks; ++block) {
        if (block >= m_firstBlock)
            borders[static_cast<std::size_t>(block)] = hidden.clone();
        hidden = m_executor.block(block, std::move(hidden), sides, monitor);
    }
    borders.back() = std::move(hidden);
    const Shape& shape = borders.back().shape();
    m_byRow = !shape.empty() && shape.front() == count &&
              headGoesByRow(m_model, Shape(shape.begin() + 1, shape.end()));
    const std::set<int> stem = wanted(0, m_model.blocks.front().firstNode);
    for (m_draw = 0; m_draw < m_draws; ++m_draw) {
        const GradientSink sink = this->sink(to);
        Tensor delta = throughHead(borders.back(), sides, sink, monitor);
        for (int block = blocks - 1; block >= m_firstBlock && !delta.empty(); --block) {
            const NodeRange range = blockRange(m_model, block);
            GradientPass pass(m_model, m_weights, range, wanted(range.first, range.count),
                              block > m_firstBlock || m_prelude);
            (void)pass.forward(borders[static_cast<std::size_t>(block)].clone(), sides, monitor);
            delta = pass.backward(std::move(delta), sink, monitor);
        }
        if (stem.empty() || delta.empty())
            continue;
        Values inputs;
        std::vector<Tensor> tensors = fed();
        for (std::size_t i = 0; i < tensors.size(); ++i) {
            const GraphPort& port = m_model.graph.inputs[i];
            inputs.emplace(port.value, tensors[i].dtype() == port.dtype
                                           ? std::move(tensors[i])
                                           : toFloat(tensors[i].view()));
        }
        const ValueId main = m_model.graph.inputs.front().value;
        Tensor input = std::move(inputs.extract(main).mapped());
        const NodeRange range{
            0, m_model.blocks.front().firstNode, main, m_model.blocks.front().input, {}};
        GradientPass pass(m_model, m_weights, range, stem, false);
        (void)pass.forward(std::move(input), inputs, monitor);
        (void)pass.backward(std::move(delta), sink, monitor);
    }
}

Tensor OutputGradients::throughHead(const Tensor& hidden, const Values& sides,
                                    const GradientSink& sink, const Monitor& monitor)
{
    const NodeRange range = headRange(m_model);
    const bool further = m_firstBlock < static_cast<int>(m_model.blocks.size());
    GradientPass pass(m_model, m_weights, range, wanted(range.first, range.count), further);
    if (!m_byRow) {
        Tensor output = pass.forward(hidden.clone(), sides, monitor);
        differentiateLoss(output, false, monitor);
        return pass.backward(std::move(output), sink, monitor);
    }
    Tensor delta = Tensor::zeros(DType::F32, hidden.shape());
    const ConstMatrixView rows = hidden.matrix();
    const std::int64_t length = rows.rows / m_batch;
    for (std::int64_t sample = 0; sample < m_batch; ++sample)
        for (std::int64_t t = 0; t + 1 < length; t += headRows) {
            monitor.checkpoint();
            const std::int64_t count = std::min(headRows, length - 1 - t);
            const std::int64_t at = sample * length + t;
            Tensor input({1, count, rows.cols});
            std::memcpy(input.bytes().data(), rows.row(at).data(), input.bytes().size());
            Tensor output = pass.forward(std::move(input), sides, monitor);
            differentiateLoss(output, true, monitor);
            const Tensor gradient = pass.backward(std::move(output), sink, monitor);
            if (!gradient.empty())
                std::memcpy(delta.matrix().row(at).data(), gradient.bytes().data(),
                            gradient.bytes().size());
        }
    return further ? std::move(delta) : Tensor();
}

void OutputGradients::differentiateLoss(Tensor& output, bool scoredAlone, const Monitor& monitor)
{
    const bool language = m_model.task == ModelTask::Language;
    if (!language && m_model.task != ModelTask::Classification) {
        double squares = 0;
        for (float& value : output.floats()) {
            squares += static_cast<double>(value) * static_cast<double>(value);
            value = (m_random.next() >> 63) != 0 ? 1.0F : -1.0F;
        }
        if (m_draw == 0)
            m_outputSquares += squares;
        return;
    }
    const Shape shape = output.shape();
    const std::int64_t classes =
        language ? shape.back() : output.count() / std::max<std::int64_t>(1, m_batch);
    if (classes == 0 || output.count() % classes != 0)
        throw Error(ErrorCode::Shape,
                    concat("output ", quoted(m_model.graph.outputs.front().name), " is ",
                           shapeText(shape), " for ", m_batch, " samples"));
    if (countNonFinite(std::as_const(output).floats()) > 0)
        throw Error(ErrorCode::Numeric,
                    "the model's output is not finite; a weight may be damaged or out of range");
    output.reshape({output.count() / classes, classes});
    const MatrixView scores = output.matrix();
    std::vector<double> uniform(static_cast<std::size_t>(scores.rows));
    std::vector<char> negative(uniform.size());
    for (std::size_t r = 0; r < uniform.size(); ++r) {
        uniform[r] = m_random.uniform();
        negative[r] = static_cast<char>(m_random.next() >> 63);
    }
    const std::int64_t length = language && !scoredAlone ? scores.rows / m_batch : 0;
    parallelFor(
        scores.rows, 8,
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<float> mass(static_cast<std::size_t>(classes));
            for (std::int64_t r = begin; r < end; ++r) {
                const auto at = static_cast<std::size_t>(r);
                if (length > 0 && (r + 1) % length == 0) // not scored
                    std::fill(scores.row(r).begin(), scores.row(r).end(), 0.0F);
                else
                    differentiateRow(scores.row(r), m_probabilities, uniform[at], negative[at] != 0,
                                     mass);
            }
        },
        &monitor);
    if (m_draw == 0)
        m_scored += length == 0 ? scores.rows : scores.rows / length * (length - 1);
    output.reshape(shape);
}

GradientSink OutputGradients::sink(const Sink& to) const
{
    GradientSink sink;
    sink.linear = [this, &to](int node, ConstMatrixView x, ConstMatrixView delta) {
        const auto found = m_byNode.find(node);
        if (found != m_byNode.end())
            to({found->second, m_draw, m_batch, x, delta});
    };
    sink.convolutionOutput = [this, &to](int node, const Tensor& x, const Tensor& delta) {
        const auto found = m_byNode.find(node);
        if (found != m_byNode.end())
            to({found->second, m_draw, m_batch, {}, {}, &x, &delta});
    };
    return sink;
}

std::int64_t OutputGradients::allRows(const OutputGradient& gradient) const
{
    const bool inHead = m_model.layers[gradient.layer].node >= headRange(m_model).first;
    if (inHead && m_byRow)
        return m_samples.count() * (m_samples.context - 1);
    if (gradient.inputs.rows % gradient.samples != 0)
        return 0;
    return gradient.inputs.rows / gradient.samples * m_samples.count();
}

std::string OutputGradients::whyNot(std::size_t layer) const
{
    const auto found = m_why.find(layer);
    return found == m_why.end() ? "it was not asked for" : found->second;
}

} // namespace gradus
