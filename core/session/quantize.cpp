// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/quantize.h"

#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/eval/metrics.h"
#include "core/graph/executor.h"
#include "core/io/byte_source.h"
#include "core/quant/solve.h"
#include "core/session/block_pass.h"
#include "core/session/journal.h"
#include "core/session/language.h"
#include "core/session/origin.h"
#include "core/session/program.h"
#include "core/session/recipe_json.h"
#include "core/session/statistics.h"
#include "core/session/workload.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

namespace gradus {

namespace {

/// Speeds in the proportions of a desktop's processor: only these matter for progress.
constexpr MachineSpeed usualMachine{1e11, 1.2e10, 3.3e8, 2e9, 1e10, 1.8e9};

/// Solving must not report progress of its own; it only needs to know of a stop.
class StopOnly final : public Monitor
{
public:
    explicit StopOnly(const Monitor& parent)
        : m_parent(parent)
    {
    }
    [[nodiscard]] bool stopRequested() const override { return m_parent.stopRequested(); }

private:
    const Monitor& m_parent;
};

class Session
{
public:
    Session(const QuantizeRequest& request, Monitor& monitor, const LayerSink& sink)
        : m_request(request)
        , m_model(*request.model)
        , m_monitor(monitor)
        , m_sink(sink)
        , m_choices(resolve(request.recipe, m_model))
        , m_results(m_model.layers.size())
        , m_leftOut(m_model.layers.size())
        , m_trail(m_model, request.recipe.calibration, request.recipe.seed)
    {
        leaveOut();
    }

    std::shared_ptr<const Run> run()
    {
        prepare();
        if (m_windows.count() > 0 && inputsWantedAfter(-2))
            runCalibrated();
        for (std::size_t i = 0; i < m_model.layers.size(); ++i)
            if (!m_results[i])
                finishLayer(i, nullptr, {});
        return finish();
    }

private:
    /// Tokens, provenance, journal: everything before the first layer.
    void prepare()
    {
        m_monitor.report(0, "reading the model");
        Provenance& provenance = m_run->provenance;
        provenance.program = programName();
        provenance.modelPath = m_model.source.path.string();
        provenance.modelFingerprint = m_model.source.fingerprint;
        SubMonitor hashing(m_monitor, 0, 0.02);
        provenance.modelHash = contentHash(m_model.source, hashing);
        readCalibration();

        std::string identity =
            concat(provenance.program, '\n', provenance.modelHash, '\n', provenance.calibrationHash,
                   '\n', provenance.calibrationWindows, '\n', provenance.calibrationContext, '\n',
                   toJson(m_request.recipe), partIdentity());
        takeOver();
        if (!m_request.output.empty()) {
            m_journal =
                std::make_unique<Journal>(m_request.output, sha256(identity), m_request.resume);
            takeUpFinished();
        }
        countWork();
    }

    /// Progress goes by the time that each part takes on a usual machine.
    void countWork()
    {
        m_solveWork.resize(m_choices.size());
        for (std::size_t i = 0; i < m_choices.size(); ++i) {
            if (m_results[i] || m_choices[i].keepFloat)
                continue;
            const Layer& layer = m_model.layers[i];
            Work work = solveWork(layer, m_choices[i]);
            work += measureWork(layer, m_windows.count() > 0 && wantsInputs(i));
            m_solveWork[i] = work.seconds(usualMachine);
            m_workToDo += m_solveWork[i];
        }
        if (m_windows.count() == 0 || !inputsWantedAfter(-2))
            return;
        const CalibrationStages stages(m_model);
        const bool sequential = m_request.recipe.calibration.mode == CalibrationMode::Sequential;
        const std::int64_t tokens = m_windows.count() * m_windows.length;
        const auto blocks = static_cast<int>(stages.blocks.size());
        m_stageWork.resize(stages.blocks.size() + 1);
        for (int block = 0; block <= blocks; ++block) {
            const bool head = block == blocks;
            StageWork& stage = m_stageWork[static_cast<std::size_t>(block)];
            stage.pass =
                forwardWork(m_model, block, tokens, m_windows.length).work.seconds(usualMachine);
            std::set<ValueId> inputs;
            for (const std::size_t i :
                 head ? stages.head : stages.blocks[static_cast<std::size_t>(block)])
                if (const Layer& layer = m_model.layers[i];
                    wantsInputs(i) && inputs.insert(layer.input).second)
                    stage.capture += captureWork(layer.cols, tokens).seconds(usualMachine);
            const bool again = !head && inputsWantedAfter(block) && (sequential || inputs.empty());
            m_workToDo +=
                (inputs.empty() ? 0 : stage.pass + stage.capture) + (again ? stage.pass : 0);
        }
    }

    /// Reports a pass while it runs.
    BlockPass::Progress during(std::string_view what, double work)
    {
        return [this, what, work](double part) { report(what, part * work); };
    }

    void readCalibration()
    {
        const CalibrationChoice& calibration = m_request.recipe.calibration;
        if (calibration.data.empty()) {
            for (std::size_t i = 0; i < m_choices.size(); ++i)
                if (!m_choices[i].keepFloat && needsCalibration(m_choices[i].method) &&
                    !isTakenOver(i))
                    throw Error(ErrorCode::Usage,
                                concat(m_model.layers[i].name, ": method ",
                                       methodName(m_choices[i].method),
                                       " needs calibration text (--calibration FILE)"));
            return;
        }
        m_windows = calibrationWindows(m_model, calibration, m_request.recipe.seed,
                                       m_request.tokenizer, m_monitor);
        Provenance& provenance = m_run->provenance;
        provenance.calibrationHash = sha256(readTextFile(calibration.data));
        provenance.calibrationWindows = m_windows.count();
        provenance.calibrationContext = m_windows.length;
    }

    /// What a run of some layers depends on beyond the recipe; nothing for a full one.
    [[nodiscard]] std::string partIdentity() const
    {
        std::string text;
        if (m_request.only) {
            text += "\nonly";
            for (const std::string& name : *m_request.only)
                text += concat('\n', name);
        }
        for (const auto& [name, result] : m_request.finished)
            text += concat("\nfinished\n", name, '\n', choiceToJson(result.choice), '\n',
                           result.origin.calibration, '\n', result.origin.earlier, '\n',
                           result.weight ? result.weightSqnrDb : 0);
        return text;
    }

    /// Decides which layers are not for this run to compute.
    void leaveOut()
    {
        const auto check = [this](const std::string& name) {
            if (!m_model.findLayer(name))
                throw Error(ErrorCode::Usage, concat("layer ", quoted(name), " is not in ",
                                                     m_model.source.path.string()));
        };
        for (const auto& [name, result] : m_request.finished)
            check(name);
        if (!m_request.only)
            return;
        for (const std::string& name : *m_request.only)
            check(name);
        for (std::size_t i = 0; i < m_choices.size(); ++i) {
            const std::string& name = m_model.layers[i].name;
            m_leftOut[i] = !m_choices[i].keepFloat && !m_request.only->contains(name) &&
                           !m_request.finished.contains(name);
            if (m_leftOut[i])
                m_choices[i].keepFloat = true;
        }
    }

    [[nodiscard]] bool isTakenOver(std::size_t layer) const
    {
        const std::string& name = m_model.layers[layer].name;
        const auto found = m_request.finished.find(name);
        if (found == m_request.finished.end() || (m_request.only && m_request.only->contains(name)))
            return false;
        return found->second.weight || !m_choices[layer].keepFloat;
    }

    void takeOver()
    {
        for (std::size_t i = 0; i < m_choices.size(); ++i) {
            if (!isTakenOver(i))
                continue;
            const Layer& layer = m_model.layers[i];
            const LayerResult& result = m_request.finished.at(layer.name);
            if (result.weight &&
                (result.weight->rows != layer.rows || result.weight->cols != layer.cols))
                throw Error(ErrorCode::Shape,
                            concat(layer.name, " is ", result.weight->rows, " × ",
                                   result.weight->cols, " in the results to take over, but ",
                                   layer.rows, " × ", layer.cols, " in the model"));
            m_results[i] = result;
            m_results[i]->name = layer.name;
            if (m_sink)
                m_sink(*m_results[i]);
        }
    }

    void takeUpFinished()
    {
        std::int64_t kept = 0;
        for (std::size_t i = 0; i < m_model.layers.size(); ++i) {
            const auto found = m_journal->finished().find(m_model.layers[i].name);
            if (found == m_journal->finished().end() || m_results[i])
                continue;
            m_results[i] = found->second;
            ++kept;
            if (m_sink)
                m_sink(*m_results[i]);
        }
        if (kept > 0)
            m_monitor.note(concat("resumed: ", kept, " of ", m_model.layers.size(),
                                  " layers were finished before"));
    }

    [[nodiscard]] bool wantsInputs(std::size_t layer) const
    {
        return !m_results[layer] && !m_choices[layer].keepFloat &&
               m_model.layers[layer].kind == LayerKind::Linear;
    }

    void runCalibrated()
    {
        const std::uint64_t budget = m_request.memoryBytes;
        Weights weights(m_request.model, budget / 2);
        const bool sequential = m_request.recipe.calibration.mode == CalibrationMode::Sequential;
        m_sequentialWeights = sequential ? &weights : nullptr;
        // Embeddings first: in sequential mode the first block sees the quantized ones. A tied head
        // shares the tensor, so that it is quantized here too.
        const CalibrationStages stages(m_model);
        finishStage(stages.embeddings, nullptr);

        BlockPass pass(m_model, weights, m_windows.length, m_windows.count(), budget / 4);
        if (pass.spilled())
            m_monitor.note(
                concat("activations of ", m_windows.count(),
                       " windows exceed a quarter of the memory budget and are spilled to ",
                       "a temporary file"));
        pass.embed(m_windows.tokens, m_monitor);

        const auto blocks = static_cast<int>(m_model.blocks.size());
        for (int block = 0; block < blocks; ++block) {
            const std::vector<std::size_t>& layers = stages.blocks[static_cast<std::size_t>(block)];
            InputCapture inputs(m_model, m_monitor);
            want(layers, inputs);
            bool advance = inputsWantedAfter(block);
            const StageWork& work = m_stageWork[static_cast<std::size_t>(block)];
            m_stage = concat("block ", block + 1, " of ", blocks);
            if (!inputs.empty()) {
                // Sequential: this pass only looks; the hidden states advance once the block's
                // weights are quantized.
                pass.run(block, !sequential, m_monitor, inputs.observer(),
                         during("calibrating", work.pass + work.capture));
                m_workDone += work.pass + work.capture;
                inputs.finish();
                advance = advance && sequential;
            }
            finishStage(layers, &inputs);
            if (advance) {
                pass.run(block, true, m_monitor, {}, during("running", work.pass));
                m_workDone += work.pass;
            }
            if (sequential)
                forget(block);
        }
        if (inputsWantedAfter(blocks)) {
            m_stage = "head";
            InputCapture inputs(m_model, m_monitor);
            want(stages.head, inputs);
            const StageWork& work = m_stageWork.back();
            pass.runHead(m_monitor, inputs.observer(),
                         during("calibrating", work.pass + work.capture));
            m_workDone += work.pass + work.capture;
            inputs.finish();
            finishStage(stages.head, &inputs);
        }
        m_sequentialWeights = nullptr;
    }

    /// Nothing looks at a block's weights once it is passed, so that their replacements need not
    /// stay, unless a tensor serves elsewhere, too.
    void forget(int block)
    {
        const Block& passed = m_model.blocks[static_cast<std::size_t>(block)];
        std::set<std::string> elsewhere;
        const int end = passed.firstNode + passed.nodeCount;
        for (int n = 0; n < static_cast<int>(m_model.graph.nodes.size()); ++n)
            if (n < passed.firstNode || n >= end)
                if (const auto* linear = std::get_if<op::Linear>(
                        &m_model.graph.nodes[static_cast<std::size_t>(n)].op))
                    elsewhere.insert(linear->weight);
        for (const Layer& layer : m_model.layers)
            if (layer.block == block && !elsewhere.contains(layer.weight))
                m_sequentialWeights->restore(layer.weight);
    }

    /// Whether a layer after this block (in a later one, or in the head) still needs its inputs.
    [[nodiscard]] bool inputsWantedAfter(int block) const
    {
        for (std::size_t i = 0; i < m_model.layers.size(); ++i)
            if (wantsInputs(i) &&
                (m_model.layers[i].block == -1 || m_model.layers[i].block > block))
                return true;
        return false;
    }

    void want(const std::vector<std::size_t>& layers, InputCapture& inputs) const
    {
        for (const std::size_t i : layers)
            if (wantsInputs(i))
                inputs.want(m_model.layers[i], true);
    }

    /// Finishes layers that do not see each other's results.
    void finishStage(const std::vector<std::size_t>& layers, const InputCapture* inputs)
    {
        const InputOrigin origin = m_trail.next();
        for (const std::size_t i : layers)
            finishLayer(i, inputs ? inputs->of(m_model.layers[i]) : nullptr, origin);
        for (const std::size_t i : layers)
            if (m_results[i]->weight)
                m_trail.pass(m_model.layers[i], m_results[i]->choice, m_results[i]->origin);
    }

    /// Solves a layer (or takes it up from the journal) and, in sequential mode, hands its
    /// quantized weight to the blocks after it.
    void finishLayer(std::size_t index, const std::shared_ptr<const InputStatistics>& inputs,
                     const InputOrigin& origin)
    {
        const Layer& layer = m_model.layers[index];
        if (!m_results[index]) {
            const bool captured = inputs && wantsInputs(index);
            if (captured && m_request.inputSink)
                m_request.inputSink(layer, inputs);
            LayerResult result = solveLayer(layer, m_choices[index], captured ? inputs : nullptr);
            if (captured)
                result.origin = origin;
            if (m_leftOut[index])
                result.note = "left out of this run";
            if (m_journal)
                m_journal->append(result);
            m_results[index] = std::move(result);
            m_workDone += m_solveWork[index];
            report(layer.name);
            if (m_sink)
                m_sink(*m_results[index]);
        }
        const LayerResult& result = *m_results[index];
        if (m_sequentialWeights && result.weight) {
            Tensor value = dequantize(*result.weight);
            value.reshape(layer.shape);
            m_sequentialWeights->replace(layer.weight,
                                         std::make_shared<const Tensor>(std::move(value)));
        }
    }

    LayerResult solveLayer(const Layer& layer, const LayerChoice& choice,
                           const std::shared_ptr<const InputStatistics>& inputs)
    {
        m_monitor.checkpoint();
        LayerResult result;
        result.name = layer.name;
        result.choice = choice;
        if (choice.keepFloat) {
            if (!layer.quantizedByDefault)
                result.note = "stays float unless a rule includes it";
            return result;
        }
        const auto start = std::chrono::steady_clock::now();
        const Tensor weight = layerWeight(m_model, layer);
        LayerProblem problem;
        problem.name = layer.name;
        problem.weight = weight.matrix();
        problem.scheme = choice.scheme;
        problem.inputs = inputs;
        problem.seed = m_request.recipe.seed;
        StopOnly stop(m_monitor);
        SolveResult solved = solve(problem, choice.method, stop);
        result.damping = solved.report.damping;
        result.note = std::move(solved.report.note);
        result.weight = std::make_shared<const QuantizedWeight>(std::move(solved.weight));
        const Tensor quantized = dequantize(*result.weight);
        const WeightError error = weightError(problem.weight, quantized.matrix());
        result.weightSqnrDb = error.sqnrDb;
        result.weightCosine = error.cosine;
        if (inputs && !inputs->hessian.empty())
            result.relativeOutputError =
                relativeOutputError(problem.weight, quantized.matrix(), inputs->hessian);
        result.seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        return result;
    }

    /// underWay: work of the current pass that is done already.
    void report(std::string_view what, double underWay = 0)
    {
        const double done =
            m_workToDo > 0 ? std::min((m_workDone + underWay) / m_workToDo, 1.0) : 1;
        m_monitor.checkpoint();
        m_monitor.report(0.02 + 0.96 * done,
                         m_stage.empty() ? std::string(what) : concat(m_stage, ", ", what));
    }

    std::shared_ptr<const Run> finish()
    {
        Run& run = *m_run;
        run.recipe = m_request.recipe;
        for (std::optional<LayerResult>& result : m_results)
            run.layers.push_back(std::move(*result));
        run.totals = totalsOf(m_model, run.layers);
        if (m_journal) {
            m_monitor.report(0.98, "writing the run");
            SubMonitor writing(m_monitor, 0.98, 1);
            writeRun(run, m_request.output, writing);
            m_journal->remove();
        }
        m_monitor.report(1, "done");
        return std::move(m_run);
    }

    const QuantizeRequest& m_request;
    const Model& m_model;
    Monitor& m_monitor;
    const LayerSink& m_sink;
    std::vector<LayerChoice> m_choices;
    std::vector<std::optional<LayerResult>> m_results;
    std::vector<char> m_leftOut; ///< float only because the request does not ask for them
    OriginTrail m_trail;
    std::shared_ptr<Run> m_run = std::make_shared<Run>();
    std::unique_ptr<Journal> m_journal;
    TokenWindows m_windows;
    Weights* m_sequentialWeights = nullptr;
    std::string m_stage;
    /// Seconds on a usual machine.
    struct StageWork
    {
        double pass = 0;
        double capture = 0;
    };
    std::vector<StageWork> m_stageWork; ///< of the blocks and of the head
    std::vector<double> m_solveWork;    ///< by layer
    double m_workToDo = 0;
    double m_workDone = 0;
};

} // namespace

std::shared_ptr<const Run> quantize(const QuantizeRequest& request, Monitor& monitor,
                                    const LayerSink& sink)
{
    return Session(request, monitor, sink).run();
}

} // namespace gradus
