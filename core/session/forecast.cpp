// SPDX-License-Identifier: GPL-3.0-or-later
//
// Counts what quantize does: its stages in the order in which it runs them, in flops, bytes and the
// like, which the machine's measured speeds turn into seconds. The constants were fitted to runs
// over models with 192 to 1024 features.
#include "core/session/forecast.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/session/language.h"
#include "core/session/origin.h"
#include "core/session/quantize.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace gradus {

namespace {

using Stage = ForecastPart::Stage;

double real(std::int64_t value)
{
    return static_cast<double>(value);
}

std::uint64_t floatBytesOf(std::int64_t count)
{
    return static_cast<std::uint64_t>(count) * sizeof(float);
}

std::uint64_t hessianBytes(std::int64_t features)
{
    const auto d = static_cast<std::uint64_t>(features);
    return d * d * sizeof(double);
}

/// Amounts of what MachineSpeed has speeds for.
struct Work
{
    double flops = 0;
    double doubleFlops = 0;
    double exponentials = 0;
    double roundings = 0;
    double bytes = 0;
    double hashBytes = 0;
    double latency = 0; ///< seconds, whatever the machine

    void multiply(double m, double n, double k) { flops += 2 * m * n * k; }
    /// A d × d matrix inverted by its Cholesky factor. Small ones run at a fraction of the speed
    /// that large ones reach: half of it at 300; the one that is measured has 192.
    void invert(double d)
    {
        constexpr double half = 300;
        constexpr double measured = 192;
        doubleFlops += 2.0 / 3 * d * d * (d + half) * (measured / (measured + half));
    }

    [[nodiscard]] double seconds(const MachineSpeed& machine) const
    {
        const auto part = [](double amount, double speed) {
            return speed > 0 ? amount / speed : 0;
        };
        return part(flops, machine.flopsPerSecond) +
               part(doubleFlops, machine.doubleFlopsPerSecond) +
               part(exponentials, machine.exponentialsPerSecond) +
               part(roundings, machine.roundingsPerSecond) + part(bytes, machine.bytesPerSecond) +
               part(hashBytes, machine.hashBytesPerSecond) + latency;
    }
};

/// One batch of windows through some nodes of the graph.
struct Forward
{
    Work work;                 ///< for `rows` rows
    std::uint64_t bytes = 0;   ///< activations alive at once, at most
    std::uint64_t weights = 0; ///< bytes of the weights as floats
};

class Counter
{
public:
    explicit Counter(const ForecastRequest& request)
        : m_request(request)
        , m_model(*request.model)
        , m_choices(resolve(request.recipe, m_model))
        , m_stages(m_model)
    {
        const CalibrationChoice& calibration = request.recipe.calibration;
        m_sequential = calibration.mode == CalibrationMode::Sequential;
        if (!calibration.data.empty() && m_model.canRun())
            countWindows(calibration);
    }

    Forecast run()
    {
        read();
        if (wantedAfter(-2))
            calibrate();
        solveAll();
        write();
        return finish();
    }

private:
    void countWindows(const CalibrationChoice& calibration)
    {
        m_context = contextLength(m_model, calibration.context);
        std::error_code error;
        const auto size = std::filesystem::file_size(calibration.data, error);
        m_textBytes = error ? 0 : size;
        m_windows = m_request.windows > 0 ? m_request.windows : calibration.samples;
        // A token stands for a byte at least.
        if (m_request.windows <= 0 && !error)
            m_windows = std::min(m_windows, static_cast<std::int64_t>(size) / m_context);
        m_windows = std::max<std::int64_t>(m_windows, 1);
    }

    [[nodiscard]] bool isComputed(std::size_t i) const
    {
        return !m_choices[i].keepFloat &&
               (!m_request.only || m_request.only->contains(m_model.layers[i].name));
    }
    [[nodiscard]] bool isCaptured(std::size_t i) const
    {
        return m_windows > 0 && isComputed(i) && m_model.layers[i].kind == LayerKind::Linear;
    }
    [[nodiscard]] bool wantedAfter(int block) const
    {
        const auto captured = [this](std::size_t i) { return isCaptured(i); };
        for (std::size_t b = 0; b < m_stages.blocks.size(); ++b)
            if (static_cast<int>(b) > block &&
                std::any_of(m_stages.blocks[b].begin(), m_stages.blocks[b].end(), captured))
                return true;
        return std::any_of(m_stages.head.begin(), m_stages.head.end(), captured);
    }

    void add(Stage stage, const std::string& method, std::int64_t layers, const Work& work,
             std::uint64_t memory)
    {
        ForecastPart& part = m_parts[{stage, method}];
        part.stage = stage;
        part.method = method;
        part.layers += layers;
        part.seconds += work.seconds(m_request.machine) * m_request.correction;
        part.memoryBytes = std::max(part.memoryBytes, memory);
    }

    void read()
    {
        Work work;
        for (const TensorInfo& info : m_model.source.tensors->tensors())
            work.hashBytes += static_cast<double>(info.bytes);
        work.hashBytes += static_cast<double>(m_textBytes);
        work.exponentials += tokenizingCost * static_cast<double>(m_textBytes);
        // Text, its normalized form, the tokens and what finds them.
        m_tokenBytes = m_windows > 0 ? 24 * m_textBytes : 0;
        add(Stage::Reading, {}, 0, work, 0);
    }

    /// Nodes [first, first + count) on `rows` rows, in sequences of m_context.
    [[nodiscard]] Forward forward(int first, int count, ValueId input, std::int64_t rows) const
    {
        Forward result;
        std::map<ValueId, std::int64_t> features{{input, m_model.hiddenSize}};
        std::map<ValueId, int> lastUse;
        const auto& nodes = m_model.graph.nodes;
        for (int n = first; n < first + count; ++n)
            for (const ValueId value : nodes[static_cast<std::size_t>(n)].inputs)
                lastUse[value] = n;
        std::int64_t live = m_model.hiddenSize;
        std::int64_t most = live;
        for (int n = first; n < first + count; ++n) {
            const Node& node = nodes[static_cast<std::size_t>(n)];
            const std::int64_t in = features[node.inputs.front()];
            std::int64_t out = in;
            if (const auto* linear = std::get_if<op::Linear>(&node.op)) {
                if (const TensorInfo* weight = m_model.source.tensors->find(linear->weight);
                    weight && !weight->shape.empty())
                    out = weight->shape.front();
                result.work.multiply(real(rows), real(out), real(in));
                result.weights += floatBytesOf(in * out);
            } else if (const auto* attention = std::get_if<op::Attention>(&node.op)) {
                attend(*attention, rows, result.work);
            } else if (std::holds_alternative<op::Silu>(node.op)) {
                result.work.exponentials += real(rows * in);
            } else {
                result.work.exponentials += elementCost * real(rows * in);
            }
            features[node.output] = out;
            live += out;
            most = std::max(most, live);
            for (const ValueId value : node.inputs)
                if (const auto found = lastUse.find(value);
                    found != lastUse.end() && found->second == n) {
                    live -= features[value];
                    lastUse.erase(found);
                }
        }
        // Twice, as freed buffers do not go back to the system at once.
        result.bytes = 2 * floatBytesOf(rows * most);
        return result;
    }

    void attend(const op::Attention& attention, std::int64_t rows, Work& work) const
    {
        // Runs of 128 queries see every key up to the run's last.
        const double run = std::min<double>(128, real(m_context));
        const double perRow = (real(m_context) + run) / 2;
        const double heads = real(attention.heads);
        const double headDim = real(attention.headDim);
        work.multiply(real(rows) * heads, perRow, headDim);
        work.multiply(real(rows) * heads, headDim, perRow);
        work.exponentials += softmaxCost * real(rows) * heads * perRow;
    }

    /// Inputs that layers of a stage read, each once.
    [[nodiscard]] std::map<ValueId, std::int64_t>
    capturedInputs(const std::vector<std::size_t>& layers) const
    {
        std::map<ValueId, std::int64_t> inputs;
        for (const std::size_t i : layers)
            if (isCaptured(i))
                inputs.emplace(m_model.layers[i].input, m_model.layers[i].cols);
        return inputs;
    }

    void calibrate()
    {
        const std::int64_t tokens = m_windows * m_context;
        const std::int64_t batch = std::min(windowsPerBatch(m_context), m_windows) * m_context;
        const std::uint64_t budget = m_request.memoryBytes;
        const std::uint64_t stored = floatBytesOf(tokens * m_model.hiddenSize);
        m_hidden = stored <= budget / 4 ? stored : 0; // beyond, they lie in a file

        Work embedding;
        embedding.bytes = 4.0 * static_cast<double>(stored);
        add(Stage::Calibration, {}, 0, embedding, 0);
        std::uint64_t cached = floatBytesOf(m_model.vocabularySize * m_model.hiddenSize);

        const auto stage = [&](const std::vector<std::size_t>& layers, const Forward& part,
                               double scale, int passes) {
            if (passes == 0)
                return;
            Work work = part.work;
            work.bytes += 4.0 * real(batch * m_model.hiddenSize) * sizeof(float); // to and fro
            scaleBy(work, scale * passes);
            cached = std::min(cached + part.weights, budget / 2);
            const auto inputs = capturedInputs(layers);
            std::uint64_t hessians = 0;
            Work gram;
            for (const auto& [value, features] : inputs) {
                hessians += hessianBytes(features);
                accumulate(features, tokens, gram);
            }
            std::uint64_t replaced = 0;
            std::int64_t count = 0;
            for (const std::size_t i : layers) {
                count += isCaptured(i) ? 1 : 0;
                if (m_sequential && !m_choices[i].keepFloat)
                    replaced += floatBytesOf(m_model.layers[i].parameters());
                m_heldWhile[i] = m_hidden + cached + hessians + replaced;
            }
            const std::uint64_t held = m_hidden + cached + hessians + replaced;
            add(Stage::Calibration, {}, count, work, held + part.bytes);
            if (!inputs.empty())
                add(Stage::Hessians, {}, static_cast<std::int64_t>(inputs.size()), gram,
                    held + part.bytes);
        };
        const double batches = real(tokens) / real(batch);
        for (std::size_t b = 0; b < m_stages.blocks.size(); ++b) {
            const Block& block = m_model.blocks[b];
            const bool captures = !capturedInputs(m_stages.blocks[b]).empty();
            const bool after = wantedAfter(static_cast<int>(b));
            const int passes = (captures ? 1 : 0) + (after && (m_sequential || !captures) ? 1 : 0);
            stage(m_stages.blocks[b], forward(block.firstNode, block.nodeCount, block.input, batch),
                  batches, passes);
        }
        if (!capturedInputs(m_stages.head).empty()) {
            const Block& last = m_model.blocks.back();
            const int first = last.firstNode + last.nodeCount;
            const std::int64_t rows = std::min<std::int64_t>(512, tokens);
            stage(m_stages.head,
                  forward(first, static_cast<int>(m_model.graph.nodes.size()) - first, last.output,
                          rows),
                  real(tokens) / real(rows), 1);
        }
    }

    static void scaleBy(Work& work, double factor)
    {
        for (double* amount : {&work.flops, &work.doubleFlops, &work.exponentials, &work.roundings,
                               &work.bytes, &work.hashBytes})
            *amount *= factor;
    }

    static void accumulate(std::int64_t features, std::int64_t tokens, Work& work)
    {
        constexpr double tile = 256;
        const double d = real(features);
        const double tiles = std::ceil(d / tile);
        const double width = std::min(d, tile);
        const double blocks = std::ceil(real(tokens) / 512);
        for (double row = 0; row < tiles; ++row)
            work.multiply(std::min(tile, d - row * tile),
                          row * width + std::min(tile, d - row * tile), real(tokens));
        work.bytes += blocks * d * d / 2 * 16; // onto the sums in double
        work.exponentials += rangesCost * real(tokens) * d;
    }

    void solveAll()
    {
        for (std::size_t i = 0; i < m_choices.size(); ++i) {
            if (!isComputed(i))
                continue;
            const Layer& layer = m_model.layers[i];
            const LayerChoice& choice = m_choices[i];
            const double weights = real(layer.parameters());
            const double d = real(layer.cols);
            const std::uint64_t held = m_heldWhile.contains(i) ? m_heldWhile.at(i) : 0;
            const std::uint64_t floats = floatBytesOf(layer.parameters());

            Work solving;
            solving.roundings += weights;
            solving.bytes += 3.0 * static_cast<double>(floats); // reading the weight
            std::uint64_t working = 0;
            if (const auto* mse = std::get_if<RtnMseOptions>(&choice.method)) {
                solving.roundings += clipCost * weights * mse->steps;
            } else if (const auto* gptq = std::get_if<GptqOptions>(&choice.method)) {
                solving.invert(d);
                solving.bytes += 4.0 * d * d * sizeof(double);
                solving.multiply(real((layer.rows + 63) / 64 * 64), d / 2, d);
                solving.roundings += gptqCost * weights;
                if (gptq->mseClip)
                    solving.roundings += clipCost * weights * RtnMseOptions{}.steps;
                const std::uint64_t square = hessianBytes(layer.cols);
                // Damped Hessian, reversed copy and factor; then the factor in float.
                working = std::max(3 * square, square + square / 2 +
                                                   floatBytesOf(layer.cols * gptq->blockSize) +
                                                   static_cast<std::uint64_t>(threadCount()) * 64 *
                                                       5 * static_cast<std::uint64_t>(layer.cols));
            }
            add(Stage::Solving, std::string(methodName(choice.method)), 1, solving,
                held + floats + working);

            Work measuring;
            measuring.bytes += 4.0 * static_cast<double>(floats);
            measuring.roundings += errorCost * weights;
            std::uint64_t half = 0;
            if (isCaptured(i)) {
                half = hessianBytes(layer.cols) / 2;
                measuring.bytes += 2.0 * static_cast<double>(half);
                for (int trace = 0; trace < 2; ++trace)
                    measuring.multiply(real(layer.rows), d / 2, d);
            }
            add(Stage::Measuring, {}, 1, measuring, held + 2 * floats + half);

            // What stays: a byte per code, a float and a byte per scale.
            const auto scales =
                static_cast<std::uint64_t>(scaleCount(choice.scheme, layer.rows, layer.cols));
            m_kept += static_cast<std::uint64_t>(layer.parameters()) + 5 * scales;
        }
    }

    void write()
    {
        if (!m_request.toFile)
            return;
        std::uint64_t largest = 0;
        Work work;
        for (std::size_t i = 0; i < m_choices.size(); ++i)
            if (isComputed(i)) {
                const auto weights = static_cast<std::uint64_t>(m_model.layers[i].parameters());
                largest = std::max(largest, weights);
                // Packed for the journal and for the file, hashed in both.
                work.roundings += 2 * static_cast<double>(weights);
                work.hashBytes += real(m_choices[i].scheme.bits) / 4 * static_cast<double>(weights);
            }
        work.latency = syncSeconds * real(static_cast<std::int64_t>(m_choices.size()));
        add(Stage::Writing, {}, 0, work, 2 * largest);
    }

    Forecast finish()
    {
        Forecast result;
        const Plan planned = plan(m_model, m_request.recipe);
        result.storedBytes = planned.totals.bytes;
        result.floatBytes = planned.totals.floatBytes;
        std::uint64_t mapped = 0;
        for (const TensorInfo& info : m_model.source.tensors->tensors())
            mapped += info.bytes;
        result.safetensorsBytes = mapped;
        // The file's pages count while there is room; so do finished codes and the tokens.
        mapped = std::min(mapped, m_request.memoryBytes);
        std::uint64_t most = 0;
        for (auto& [key, part] : m_parts) {
            most = std::max(most, part.memoryBytes);
            result.seconds += part.seconds;
            result.parts.push_back(std::move(part));
        }
        result.peakMemoryBytes = alwaysBytes + mapped + m_tokenBytes + m_kept + most;
        return result;
    }

    // In units of what MachineSpeed measures.
    static constexpr double tokenizingCost = 150; ///< exponentials per byte of text
    static constexpr double softmaxCost = 0.85;   ///< exponentials per score
    static constexpr double elementCost = 0.16;  ///< exponentials per element of a simple operation
    static constexpr double rangesCost = 0.55;   ///< exponentials per input value
    static constexpr double clipCost = 0.85;     ///< roundings per weight and range tried
    static constexpr double gptqCost = 7;        ///< roundings per weight
    static constexpr double errorCost = 2.3;     ///< roundings per weight
    static constexpr double syncSeconds = 0.005; ///< until a layer's record is on the disk
    /// Buffers that every run has, and what the allocator keeps per thread.
    static constexpr std::uint64_t alwaysBytes = std::uint64_t(8) << 20;

    const ForecastRequest& m_request;
    const Model& m_model;
    std::vector<LayerChoice> m_choices;
    CalibrationStages m_stages;
    bool m_sequential = false;
    std::int64_t m_windows = 0;
    std::int64_t m_context = 0;
    std::uint64_t m_textBytes = 0;
    std::uint64_t m_tokenBytes = 0;
    std::uint64_t m_hidden = 0;
    std::uint64_t m_kept = 0;
    std::map<std::size_t, std::uint64_t> m_heldWhile; ///< by layer, bytes of calibration
    std::map<std::pair<Stage, std::string>, ForecastPart> m_parts;
};

} // namespace

std::string_view forecastStageName(Stage stage)
{
    switch (stage) {
    case Stage::Reading:
        return "reading";
    case Stage::Calibration:
        return "calibration";
    case Stage::Hessians:
        return "hessians";
    case Stage::Solving:
        return "solving";
    case Stage::Measuring:
        return "measuring";
    case Stage::Writing:
        return "writing";
    }
    return {};
}

Forecast forecast(const ForecastRequest& request)
{
    return Counter(request).run();
}

double learnCorrection(double used, double predicted, double measured)
{
    if (!(used > 0) || !(predicted > 0) || !(measured > 0) || !std::isfinite(used) ||
        !std::isfinite(predicted) || !std::isfinite(measured))
        return used > 0 && std::isfinite(used) ? used : 1;
    return std::clamp(used * std::sqrt(measured / predicted), 1.0 / 20, 20.0);
}

} // namespace gradus
