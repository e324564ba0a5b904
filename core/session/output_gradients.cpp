// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/output_gradients.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/data/convolution_accumulator.h"
#include "core/graph/kernels_backward.h"
#include "core/session/block_pass.h"
#include "core/session/evaluate.h"

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
constexpr std::int64_t mostRows = 4096;
constexpr std::int64_t leastRows = 64;
constexpr std::int64_t mostFloats = std::int64_t(1) << 23; ///< of a layer's rows: 32 MiB
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

/// Of each row an outcome of the softmax of its logits, or of its probabilities.
void drawOutcomes(ConstMatrixView scores, bool probabilities, const std::vector<double>& uniform,
                  std::vector<std::int32_t>& outcomes, const Monitor& monitor)
{
    parallelFor(
        scores.rows, 8,
        [&](std::int64_t begin, std::int64_t end) {
            std::vector<float> mass(static_cast<std::size_t>(scores.cols));
            for (std::int64_t r = begin; r < end; ++r) {
                const std::span<const float> row = scores.row(r);
                const float most = *std::max_element(row.begin(), row.end());
                double total = 0;
                for (std::size_t c = 0; c < row.size(); ++c) {
                    mass[c] = probabilities ? std::max(row[c], 0.0F) : std::exp(row[c] - most);
                    total += static_cast<double>(mass[c]);
                }
                const double target = uniform[static_cast<std::size_t>(r)] * total;
                double sum = 0;
                std::size_t chosen = 0;
                std::size_t last = 0; // with any mass, for when rounding leaves a rest
                for (; chosen < mass.size(); ++chosen) {
                    sum += static_cast<double>(mass[chosen]);
                    if (mass[chosen] > 0)
                        last = chosen;
                    if (sum > target)
                        break;
                }
                outcomes[static_cast<std::size_t>(r)] =
                    static_cast<std::int32_t>(chosen < mass.size() ? chosen : last);
            }
        },
        &monitor);
}

} // namespace

struct OutputGradients::Rows
{
    const Layer* layer = nullptr;
    std::string why;
    std::int64_t groups = 1;
    std::int64_t total = 0;          ///< rows of all samples; 0 until it is known
    std::vector<std::int64_t> picks; ///< ascending
    std::unique_ptr<ActivationStore> inputs;
    std::unique_ptr<ActivationStore> squares;
    // Where the rows of the draw under way, and of the batch, begin.
    std::int64_t cursor = 0;
    std::size_t next = 0;
    std::int64_t batchCursor = 0;
    std::size_t batchNext = 0;
    bool inHead = false;
};

OutputGradients::OutputGradients(const Model& model, const Weights& weights,
                                 const CalibrationSamples& samples,
                                 const std::vector<std::size_t>& layers, std::uint64_t seed,
                                 std::uint64_t memoryBytes)
    : m_model(model)
    , m_weights(weights)
    , m_executor(model, weights)
    , m_samples(samples)
    , m_seed(seed)
    , m_memoryBytes(memoryBytes)
    , m_random(seed, {}, "outcomes")
{
    const NodeRange head = headRange(model);
    for (const std::size_t i : layers) {
        const Layer& layer = model.layers[i];
        auto rows = std::make_unique<Rows>();
        rows->layer = &layer;
        rows->why = brokenBy(layer);
        rows->inHead = layer.node >= head.first;
        if (rows->why.empty())
            m_byNode[layer.node] = rows.get();
        m_rows[i] = std::move(rows);
    }
    prepare();
}

OutputGradients::~OutputGradients() = default;

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
        return "nothing leads from it to the model's first output";
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

void OutputGradients::run(Monitor& monitor)
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
        runBatch(s, std::min(perBatch, m_samples.count() - s), monitor);
    }
    for (auto& [index, rows] : m_rows) {
        if (rows->why.empty() && (!rows->inputs || rows->batchNext != rows->picks.size()))
            rows->why = "the network never reaches it";
    }
}

void OutputGradients::runBatch(std::int64_t first, std::int64_t count, const Monitor& monitor)
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
        for (auto& [node, rows] : m_byNode) {
            rows->cursor = rows->batchCursor;
            rows->next = rows->batchNext;
        }
        Tensor delta = throughHead(borders.back(), sides, monitor);
        const GradientSink sink = this->sink();
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
    for (auto& [node, rows] : m_byNode) {
        rows->batchCursor = rows->cursor;
        rows->batchNext = rows->next;
    }
}

Tensor OutputGradients::throughHead(const Tensor& hidden, const Values& sides,
                                    const Monitor& monitor)
{
    const NodeRange range = headRange(m_model);
    const GradientSink sink = this->sink();
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
    for (double& u : uniform)
        u = m_random.uniform();
    std::vector<std::int32_t> outcomes(uniform.size());
    drawOutcomes(std::as_const(output).matrix(), m_probabilities, uniform, outcomes, monitor);
    const std::int64_t length = language && !scoredAlone ? scores.rows / m_batch : 0;
    const auto counts = [&](std::int64_t r) { return length == 0 || (r + 1) % length != 0; };
    if (m_probabilities) {
        for (std::int64_t r = 0; r < scores.rows; ++r) {
            const auto chosen = static_cast<std::size_t>(outcomes[static_cast<std::size_t>(r)]);
            const float p = scores.row(r)[chosen];
            std::fill(scores.row(r).begin(), scores.row(r).end(), 0.0F);
            if (counts(r))
                scores.row(r)[chosen] = -1 / p;
        }
    } else {
        std::vector<double> unused(uniform.size());
        kernel::crossEntropyBackward(scores, outcomes, 1, unused);
        for (std::int64_t r = 0; r < scores.rows; ++r)
            if (!counts(r))
                std::fill(scores.row(r).begin(), scores.row(r).end(), 0.0F);
    }
    if (m_draw == 0)
        m_scored += length == 0 ? scores.rows : scores.rows / length * (length - 1);
    output.reshape(shape);
}

GradientSink OutputGradients::sink()
{
    GradientSink sink;
    sink.linear = [this](int node, ConstMatrixView x, ConstMatrixView delta) {
        const auto found = m_byNode.find(node);
        if (found == m_byNode.end())
            return;
        const auto from = [](ConstMatrixView matrix) {
            return [matrix](std::int64_t row, std::span<float> to) {
                std::copy(matrix.row(row).begin(), matrix.row(row).end(), to.begin());
            };
        };
        take(*found->second, delta.rows, x.cols, delta.cols, from(x), from(delta));
    };
    sink.convolutionOutput = [this](int node, const Tensor& x, const Tensor& delta) {
        const auto found = m_byNode.find(node);
        if (found == m_byNode.end())
            return;
        const auto& convolution =
            std::get<op::Convolution>(m_model.graph.nodes[static_cast<std::size_t>(node)].op);
        const ConvolutionGeometry& geometry = convolution.geometry;
        const Shape& in = x.shape();
        const bool line = in.size() == 3; // of a height of 1
        const std::int64_t height = line ? 1 : in[2];
        const std::int64_t width = line ? in[2] : in[3];
        const std::int64_t channels = delta.shape()[1];
        const std::int64_t pixels = delta.count() / (delta.shape()[0] * channels);
        const std::int64_t features = geometry.features();
        found->second->groups = geometry.groups;
        const auto input = [&](std::int64_t row, std::span<float> to) {
            for (std::int64_t g = 0; g < geometry.groups; ++g)
                convolutionColumns(geometry, x.floats(), height, width, g, row, 1,
                                   to.data() + g * features);
        };
        const auto output = [&](std::int64_t row, std::span<float> to) {
            const float* image = delta.floats().data() + row / pixels * channels * pixels;
            for (std::size_t c = 0; c < to.size(); ++c)
                to[c] = image[static_cast<std::int64_t>(c) * pixels + row % pixels];
        };
        take(*found->second, delta.shape()[0] * pixels, geometry.groups * features, channels, input,
             output);
    };
    return sink;
}

void OutputGradients::choose(Rows& rows, std::int64_t arrived, std::int64_t inputs,
                             std::int64_t outputs)
{
    if (rows.inHead && m_byRow) {
        rows.total = m_samples.count() * (m_samples.context - 1);
    } else if (arrived % m_batch == 0 && arrived > 0) {
        rows.total = arrived / m_batch * m_samples.count();
    } else {
        rows.why = concat(arrived, " rows of its inputs do not belong to ", m_batch, " samples");
        return;
    }
    const std::int64_t count =
        std::min(rows.total, std::clamp(mostFloats / (inputs + outputs), leastRows, mostRows));
    RandomStream random(m_seed, rows.layer->name, "gradient rows");
    const auto border = [&](std::int64_t k) {
        return k * (rows.total / count) + k * (rows.total % count) / count;
    };
    for (std::int64_t k = 0; k < count; ++k)
        rows.picks.push_back(
            border(k) + static_cast<std::int64_t>(
                            random.below(static_cast<std::uint64_t>(border(k + 1) - border(k)))));
    const auto store = [&](std::int64_t width) {
        const auto bytes = static_cast<std::uint64_t>(count * width) * sizeof(float);
        const std::uint64_t left = m_memoryBytes - std::min(m_memoryBytes, m_held);
        auto made = std::make_unique<ActivationStore>(count, width, left);
        m_held += made->spilled() ? 0 : bytes;
        return made;
    };
    rows.inputs = store(inputs);
    rows.squares = store(outputs);
}

void OutputGradients::take(Rows& rows, std::int64_t arrived, std::int64_t inputs,
                           std::int64_t outputs, const RowCopy& input, const RowCopy& delta)
{
    if (rows.total == 0 && rows.why.empty())
        choose(rows, arrived, inputs, outputs);
    if (!rows.why.empty())
        return;
    std::vector<float> gradient(static_cast<std::size_t>(outputs));
    const auto share = 1 / static_cast<float>(m_draws);
    for (; rows.next < rows.picks.size() && rows.picks[rows.next] < rows.cursor + arrived;
         ++rows.next) {
        const std::int64_t row = rows.picks[rows.next] - rows.cursor;
        const auto at = static_cast<std::int64_t>(rows.next);
        if (m_draw == 0)
            input(row, rows.inputs->rows(at, 1).row(0));
        delta(row, gradient);
        const std::span<float> squares = rows.squares->rows(at, 1).row(0);
        for (std::size_t c = 0; c < gradient.size(); ++c) {
            const float square = gradient[c] * gradient[c] * share;
            squares[c] = m_draw == 0 ? square : squares[c] + square;
        }
    }
    rows.cursor += arrived;
}

GradientRows OutputGradients::of(std::size_t layer) const
{
    const auto found = m_rows.find(layer);
    if (found == m_rows.end() || !found->second->why.empty())
        return {};
    const Rows& rows = *found->second;
    const auto count = static_cast<std::int64_t>(rows.picks.size());
    GradientRows result;
    result.inputs = std::as_const(*rows.inputs).rows(0, count);
    result.squares = std::as_const(*rows.squares).rows(0, count);
    result.groups = rows.groups;
    const bool scores =
        m_model.task == ModelTask::Language || m_model.task == ModelTask::Classification;
    const double unit = scores ? 2 * static_cast<double>(m_scored) : m_outputSquares;
    result.factor = static_cast<double>(rows.total) / static_cast<double>(count) / unit;
    return result;
}

std::string OutputGradients::whyNot(std::size_t layer) const
{
    const auto found = m_rows.find(layer);
    return found == m_rows.end() ? "it was not asked for" : found->second->why;
}

} // namespace gradus
