// SPDX-License-Identifier: GPL-3.0-or-later
//
// Counts what quantize does: its stages in the order in which it runs them.
#include "core/session/forecast.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/session/block_pass.h"
#include "core/session/coupling.h"
#include "core/session/language.h"
#include "core/session/origin.h"
#include "core/session/prepared_model.h"
#include "core/session/quantize.h"
#include "core/session/samples.h"
#include "core/session/workload.h"

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

class Counter
{
public:
    explicit Counter(const ForecastRequest& request)
        : m_request(request)
        , m_model(*request.model)
        , m_choices(resolve(request.recipe, m_model))
        , m_computed(m_choices.size())
        , m_coupling(m_model, request.recipe.calibration, m_choices)
        , m_stages(m_model, request.recipe.calibration.mode)
    {
        for (std::size_t i = 0; i < m_choices.size(); ++i)
            m_computed[i] = !m_choices[i].keepFloat &&
                            (!request.only || request.only->contains(m_model.layers[i].name));
        (void)m_coupling.close(m_computed);
        const CalibrationChoice& calibration = request.recipe.calibration;
        m_sequential = calibration.mode != CalibrationMode::Float;
        if (!calibration.data.empty() && m_model.canRun())
            countSamples(calibration);
        findPaired();
    }

    Forecast run()
    {
        read();
        shareExponent();
        if (wantedAfter(-2))
            calibrate();
        solveAll();
        fineTune();
        write();
        return finish();
    }

private:
    void countSamples(const CalibrationChoice& calibration)
    {
        if (readsText(m_model, calibration.data)) {
            countWindows(calibration);
            m_sampleWork = {m_windows, m_context};
            m_hiddenElements = m_context * m_model.hiddenSize;
            return;
        }
        m_windows = std::max<std::int64_t>(1, m_request.windows > 0 ? m_request.windows
                                                                    : calibration.samples);
        m_context = m_model.graph.inputs.front().dtype == DType::F32 ? 0 : calibration.context;
        m_sampleWork = {m_windows, m_context,
                        shapesOfOne(m_request.model, m_context, m_request.memoryBytes)};
        const auto count = [&](ValueId value) {
            const auto found = m_sampleWork.shapes.find(value);
            return found == m_sampleWork.shapes.end() ? std::int64_t(0)
                                                      : elementCount(found->second);
        };
        for (const Block& block : m_model.blocks)
            m_hiddenElements =
                std::max({m_hiddenElements, count(block.input), count(block.output)});
    }

    /// Samples that run together, about as samplesPerBatch has it.
    [[nodiscard]] std::int64_t batchSamples() const
    {
        if (m_sampleWork.shapes.empty())
            return std::min(windowsPerBatch(std::max<std::int64_t>(1, m_context)), m_windows);
        const GraphPort& port = m_model.graph.inputs.front();
        Tensor one(port.dtype, m_sampleWork.shapes.at(port.value));
        return std::min(samplesPerBatch(m_model, one), m_windows);
    }
    [[nodiscard]] ForwardWork forwardOf(int block, std::int64_t samples) const
    {
        return m_sampleWork.shapes.empty()
                   ? forwardWork(m_model, block, samples * m_context, m_context)
                   : forwardWork(m_model, block, m_sampleWork.shapes, samples);
    }

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

    /// Layers that a run captures the float network's inputs for, see QuantizeJob::findPaired.
    /// Finished results of other layers are taken to be there.
    void findPaired()
    {
        m_paired.assign(m_choices.size(), 0);
        if (!m_sequential)
            return;
        std::vector<char> quantized(m_choices.size());
        for (std::size_t i = 0; i < quantized.size(); ++i)
            quantized[i] = !m_choices[i].keepFloat;
        m_paired = m_stages.behind(quantized);
        for (std::size_t i = 0; i < m_paired.size(); ++i)
            m_paired[i] = m_paired[i] && isCaptured(i) && isAsymmetric(m_choices[i]);
    }
    [[nodiscard]] bool pairedAmong(const std::vector<std::size_t>& layers) const
    {
        return std::any_of(layers.begin(), layers.end(),
                           [this](std::size_t i) { return m_paired[i] != 0; });
    }
    [[nodiscard]] bool pairedAfter(std::size_t block) const
    {
        for (std::size_t b = block + 1; b < m_stages.blocks.size(); ++b)
            if (pairedAmong(m_stages.layersOf(b)))
                return true;
        return pairedAmong(m_stages.head);
    }

    [[nodiscard]] bool isComputed(std::size_t i) const { return m_computed[i] != 0; }
    [[nodiscard]] bool isCaptured(std::size_t i) const
    {
        return m_windows > 0 && isComputed(i) && canCapture(m_model, m_model.layers[i]);
    }
    [[nodiscard]] bool wantedAfter(int block) const
    {
        const auto captured = [this](std::size_t i) { return isCaptured(i); };
        for (std::size_t b = 0; b < m_stages.blocks.size(); ++b)
            if (const auto layers = m_stages.layersOf(b);
                static_cast<int>(b) > block && std::any_of(layers.begin(), layers.end(), captured))
                return true;
        const auto& prelude = m_stages.prelude;
        return std::any_of(m_stages.head.begin(), m_stages.head.end(), captured) ||
               (block < -1 && std::any_of(prelude.begin(), prelude.end(), captured));
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
        if (m_windows > 0)
            work += tokenizeWork(m_textBytes);
        // Text, its normalized form, the tokens and what finds them.
        m_tokenBytes = m_windows > 0 ? 24 * m_textBytes : 0;
        add(Stage::Reading, {}, 0, work, 0);
    }

    /// Inputs that layers of a stage read, each once, and a layer that reads it.
    [[nodiscard]] std::map<InputKey, const Layer*>
    capturedInputs(const std::vector<std::size_t>& layers) const
    {
        std::map<InputKey, const Layer*> inputs;
        for (const std::size_t i : layers)
            if (isCaptured(i))
                inputs.emplace(*inputKey(m_model, m_model.layers[i]), &m_model.layers[i]);
        return inputs;
    }

    [[nodiscard]] bool pairedInput(const std::vector<std::size_t>& layers,
                                   const InputKey& input) const
    {
        return std::any_of(layers.begin(), layers.end(), [&](std::size_t i) {
            return m_paired[i] && inputKey(m_model, m_model.layers[i]) == input;
        });
    }

    void calibrate()
    {
        const std::int64_t batch = batchSamples();
        const std::uint64_t budget = m_request.memoryBytes;
        const std::uint64_t stored = floatBytesOf(m_windows * m_hiddenElements);
        bool anyTrains = false;
        for (std::size_t b = 0; b < m_stages.blocks.size(); ++b)
            anyTrains = anyTrains || trainsBlock(b);
        // Beyond, they lie in a file.
        const bool anyPaired =
            std::any_of(m_paired.begin(), m_paired.end(), [](char paired) { return paired != 0; });
        m_hidden = stored <= activationShare(budget, anyTrains, anyPaired) ? stored : 0;
        m_floats = anyPaired ? m_hidden : 0;

        Work embedding;
        embedding.bytes = (anyPaired ? 8.0 : 4.0) * static_cast<double>(stored);
        add(Stage::Calibration, {}, 0, embedding, 0);
        std::uint64_t cached = floatBytesOf(m_model.vocabularySize * m_model.hiddenSize);

        const auto stage = [&](const std::vector<std::size_t>& layers, const ForwardWork& part,
                               double scale, int passes) {
            if (passes == 0)
                return;
            Work work = part.work;
            work.bytes += 4.0 * real(batch * m_hiddenElements) * sizeof(float); // to and fro
            work *= scale * passes;
            cached = std::min(cached + part.weights, budget / 2);
            const auto inputs = capturedInputs(layers);
            std::uint64_t hessians = 0;
            std::uint64_t kept = 0; // of the float network's batch
            Work gram;
            for (const auto& [key, layer] : inputs) {
                const std::uint64_t bytes = hessianElements(m_model, *layer) * sizeof(double);
                hessians += bytes;
                gram += m_sampleWork.capture(m_model, *layer);
                if (!pairedInput(layers, key))
                    continue;
                hessians += bytes;
                gram += m_sampleWork.cross(m_model, *layer);
                kept += floatBytesOf(m_sampleWork.rows(m_model, *layer) / m_windows * batch *
                                     layer->cols);
            }
            std::uint64_t replaced = 0;
            std::int64_t count = 0;
            for (const std::size_t i : layers) {
                count += isCaptured(i) ? 1 : 0;
                if (m_sequential && !m_choices[i].keepFloat)
                    replaced += floatBytesOf(m_model.layers[i].parameters());
                m_heldWhile[i] = m_hidden + m_floats + m_aside + cached + hessians + replaced;
            }
            const std::uint64_t held =
                m_hidden + m_floats + m_aside + cached + hessians + replaced + kept;
            add(Stage::Calibration, {}, count, work, held + part.bytes);
            if (!inputs.empty())
                add(Stage::Hessians, {}, static_cast<std::int64_t>(inputs.size()), gram,
                    held + part.bytes);
        };
        const double batches = real(m_windows) / real(batch);
        if (const auto inputs = capturedInputs(m_stages.prelude);
            !inputs.empty() && !m_sampleWork.shapes.empty())
            stage(m_stages.prelude, forwardOf(preludeBlock, batch), batches, 2);
        for (std::size_t b = 0; b < m_stages.blocks.size(); ++b) {
            const bool trains = trainsBlock(b);
            int captures = 0;
            for (std::size_t s = 0; s < m_stages.blocks[b].size(); ++s)
                captures += (trains && s == 0) || !capturedInputs(m_stages.blocks[b][s]).empty();
            const bool after = wantedAfter(static_cast<int>(b));
            const auto& subsets = m_stages.blocks[b];
            const auto pairs =
                std::count_if(subsets.begin(), subsets.end(),
                              [this](const auto& subset) { return pairedAmong(subset); });
            // Of the float network the last one goes on.
            const int floats = pairs > 0 ? static_cast<int>(pairs) : pairedAfter(b) ? 1 : 0;
            const int passes =
                captures + (after && (m_sequential || captures == 0) ? 1 : 0) + floats;
            const CalibrationStages::Subset layers = m_stages.layersOf(b);
            if (trains && m_hidden == stored)
                m_aside = stored;
            stage(layers, forwardOf(static_cast<int>(b), batch), batches, passes);
            if (trains)
                train(static_cast<int>(b), m_coupling.trainedIn(b));
        }
        if (!capturedInputs(m_stages.head).empty()) {
            const auto head = static_cast<int>(m_model.blocks.size());
            const int passes = pairedAmong(m_stages.head) ? 2 : 1;
            const std::int64_t tokens = m_windows * m_context;
            const std::int64_t rows = std::min<std::int64_t>(512, tokens);
            if (m_sampleWork.shapes.empty())
                stage(m_stages.head, forwardWork(m_model, head, rows, m_context),
                      real(tokens) / real(rows), passes);
            else
                stage(m_stages.head, forwardOf(head, batch), batches, passes);
        }
    }

    [[nodiscard]] bool trainsBlock(std::size_t block) const
    {
        const auto& layers = m_coupling.trainedIn(block);
        return m_windows > 0 && !layers.empty() && isComputed(layers.front());
    }

    void train(int block, const std::vector<std::size_t>& layers)
    {
        const TrainingOptions options = *blockTrainingOf(m_choices[layers.front()]);
        // The weights dequantized, the start's and the best ones beside them, of codes that are
        // trained the latents with their gradients and means, and of the step's windows all that
        // the backward pass needs.
        std::uint64_t weights = 0;
        std::uint64_t latents = 0;
        for (const std::size_t i : layers) {
            weights += floatBytesOf(m_model.layers[i].parameters());
            if (options.codeRate > 0 && powerGridOf(m_choices[i].method))
                latents += 4 * floatBytesOf(m_model.layers[i].parameters());
        }
        add(Stage::Training, {}, static_cast<std::int64_t>(layers.size()),
            m_sampleWork.training(m_model, block, options.epochs),
            m_heldWhile[layers.front()] + 3 * weights + latents +
                trainingBytesPerForward * forwardOf(block, options.batch).bytes);
    }

    void fineTune()
    {
        const auto& layers = m_coupling.fineTuned();
        if (m_windows == 0 || !m_sampleWork.shapes.empty() || layers.empty() ||
            !isComputed(layers.front()))
            return;
        const TrainingOptions options = *fineTuningOf(m_choices[layers.front()]);
        const std::int64_t tokens = m_windows * m_context;
        Work work;
        std::uint64_t weights = 0;
        for (int block = 0; block <= static_cast<int>(m_model.blocks.size()); ++block) {
            work += trainingWork(m_model, block, tokens, m_context, options.epochs);
            // Once more for the backward pass of each epoch, and once to measure.
            Work again = forwardWork(m_model, block, tokens, m_context).work;
            again *= options.epochs + 1;
            work += again;
        }
        for (const std::size_t i : layers)
            weights += floatBytesOf(m_model.layers[i].parameters());
        const ForwardWork one = forwardWork(m_model, 0, options.batch * m_context, m_context);
        add(Stage::Training, {}, static_cast<std::int64_t>(layers.size()), work,
            weights + m_request.memoryBytes / 4 + trainingBytesPerForward * one.bytes);
    }

    void shareExponent()
    {
        for (const std::size_t i : m_coupling.sharing())
            if (isComputed(i))
                add(Stage::Solving, std::string(methodName(m_choices[i].method)), 0,
                    exponentWork(m_model.layers[i]), floatBytesOf(m_model.layers[i].parameters()));
    }

    void solveAll()
    {
        for (std::size_t i = 0; i < m_choices.size(); ++i) {
            if (!isComputed(i))
                continue;
            const Layer& layer = m_model.layers[i];
            const LayerChoice& choice = m_choices[i];
            const std::uint64_t held = m_heldWhile.contains(i) ? m_heldWhile.at(i) : 0;
            const std::uint64_t floats = floatBytesOf(layer.parameters());

            const MethodOptions method = weightMethod(choice.method);
            std::uint64_t working = 0;
            if (const auto* gptq = std::get_if<GptqOptions>(&method)) {
                const std::uint64_t square = hessianBytes(layer.cols);
                const auto panels = static_cast<std::uint64_t>(threadCount()) * 64 * 5 *
                                    static_cast<std::uint64_t>(layer.cols);
                // Damped Hessian, reversed copy and factor; then the factor in float.
                working =
                    std::max(3 * square, square + square / 2 +
                                             floatBytesOf(layer.cols * gptq->blockSize) + panels);
            }
            if (std::holds_alternative<DecoupleqOptions>(method)) {
                // Damped Hessian, factor and their making; codes, scales and zeros of the best
                // state and of a candidate; a product with H.
                working = 2 * hessianBytes(layer.cols) + 2 * floats;
            }
            if (std::holds_alternative<NupesOptions>(method))
                // Damped Hessian and factor; codes of the best state and of a candidate, errors and
                // their product with H.
                working = 2 * hessianBytes(layer.cols) + 3 * floats;
            if (std::holds_alternative<PercentileStaticOptions>(method) &&
                choice.scheme.granularity == Granularity::Tensor)
                working = floats; // all of them sorted
            if (m_paired[i])      // first the target; later H once more, in float
                working = floats + std::max(3 * hessianBytes(layer.cols),
                                            working + hessianBytes(layer.cols) / 2);
            if (std::holds_alternative<PowerquantOptions>(method))
                working = 5 * floats; // magnitudes sorted, with sums in double
            add(Stage::Solving, std::string(methodName(choice.method)), 1, solveWork(layer, choice),
                held + floats + working);
            const bool captured = isCaptured(i);
            add(Stage::Measuring, {}, 1, measureWork(layer, captured),
                held + 2 * floats + (captured ? hessianBytes(layer.cols) / 2 : 0));

            // What stays: a byte per code, two floats per scale.
            const auto scales =
                static_cast<std::uint64_t>(scaleCount(choice.scheme, layer.rows, layer.cols));
            m_kept += static_cast<std::uint64_t>(layer.parameters()) + 8 * scales;
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

    /// What a backward pass keeps, in units of what a forward pass has alive at once.
    static constexpr std::uint64_t trainingBytesPerForward = 5;
    static constexpr double syncSeconds = 0.005; ///< until a layer's record is on the disk
    /// Buffers that every run has, and what the allocator keeps per thread.
    static constexpr std::uint64_t alwaysBytes = std::uint64_t(8) << 20;

    const ForecastRequest& m_request;
    const Model& m_model;
    std::vector<LayerChoice> m_choices;
    std::vector<char> m_computed;
    Coupling m_coupling;
    CalibrationStages m_stages;
    bool m_sequential = false;
    std::int64_t m_windows = 0;
    std::int64_t m_context = 0;
    SampleWork m_sampleWork;
    std::int64_t m_hiddenElements = 0; ///< of a sample between two blocks
    std::uint64_t m_textBytes = 0;
    std::uint64_t m_tokenBytes = 0;
    std::uint64_t m_hidden = 0;
    std::vector<char> m_paired;
    std::uint64_t m_floats = 0; ///< hidden states of the float network
    std::uint64_t m_aside = 0;  ///< outputs kept as a training's targets
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
    case Stage::Training:
        return "training";
    case Stage::Writing:
        return "writing";
    }
    return {};
}

Forecast forecast(const ForecastRequest& asked)
{
    ForecastRequest request = asked;
    request.model = preparedModel(std::move(request.model), request.recipe);
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
