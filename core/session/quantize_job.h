// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/executor.h"
#include "core/session/block_pass.h"
#include "core/session/coupling.h"
#include "core/session/journal.h"
#include "core/session/layer_solve.h"
#include "core/session/origin.h"
#include "core/session/quantize.h"
#include "core/session/samples.h"
#include "core/session/stop_only.h"
#include "core/session/workload.h"

namespace gradus {

/// One run of quantize: what its stages share. Only the files that implement it include this.
class QuantizeJob
{
public:
    QuantizeJob(const QuantizeRequest& request, Monitor& monitor, const LayerSink& sink);
    std::shared_ptr<const Run> run();

private:
    // quantize.cpp: what comes before the first layer and after the last one.
    /// Tokens, provenance, journal.
    void prepare();
    void readCalibration();
    /// Throws Error(Usage) where a fine-tuning is asked for that the model cannot have.
    void refuseFineTuning() const;
    /// What a run of some layers depends on beyond the recipe; nothing for a full one.
    [[nodiscard]] std::string partIdentity() const;
    /// Decides which layers are for this run to compute.
    void choose();
    void takeOver();
    void takeUpFinished();
    /// Of the layers that share one, when any of them is still to be solved.
    void findModelExponent();
    /// Of the layers that are calibrated on the float network's inputs, too.
    void findPaired();
    std::shared_ptr<const Run> finish();

    // calibrated_pass.cpp: the way through the model, and single layers.
    void runCalibrated();
    /// floats: those of the model where the float network runs beside the quantized one, else null.
    void passModel(Weights& weights, const Weights* floats);
    /// Leaves the samples before the first block.
    void passPrelude(BlockPass& pass);
    void passBlock(BlockPass& pass, int block);
    void passHead(BlockPass& pass);
    /// Nothing looks at a block's weights once it is passed, so that their replacements need not
    /// stay, unless a tensor serves elsewhere, too.
    void forget(int block);
    /// Whether a layer after this block (in a later one, or in the head) still needs its inputs.
    [[nodiscard]] bool inputsWantedAfter(int block) const;
    [[nodiscard]] bool wantsInputs(std::size_t layer) const;
    [[nodiscard]] bool wantsPairs(std::size_t layer) const
    {
        return m_paired[layer] && wantsInputs(layer);
    }
    [[nodiscard]] bool pairsWantedAfter(int block) const;
    [[nodiscard]] bool pairsWantedAmong(const std::vector<std::size_t>& layers) const;
    void want(const std::vector<std::size_t>& layers, InputCapture& inputs) const;
    /// Finishes layers that do not see each other's results.
    void finishStage(const std::vector<std::size_t>& layers, const InputCapture* inputs,
                     OriginTrail& trail);
    /// Hands a result to what comes after it in the pass.
    void useResult(std::size_t index);
    /// Solves a layer (or takes it up from the journal) and, in sequential modes, hands its
    /// quantized weight to what comes after it.
    void finishLayer(std::size_t index, const InputCapture* capture, const InputOrigin& origin);
    /// inputs: null when there are none; cross: as LayerProblem has it.
    LayerResult solveOne(const Layer& layer, const LayerChoice& choice,
                         const std::shared_ptr<const InputStatistics>& inputs,
                         std::span<const double> cross);
    /// A result that will not change any more, but for the fine-tuning.
    void keep(std::size_t index);
    /// What a training sees of these layers, in their order.
    [[nodiscard]] std::vector<OriginTrail::Part>
    quantizedAmong(const std::vector<std::size_t>& layers) const;

    // static_stage.cpp: inputs on uniform grids, and norms that are folded for them.
    /// Null for layers whose inputs stay float or go to a power grid, and for those that are not to
    /// be solved.
    [[nodiscard]] const StaticSettings* staticSettingsOf(std::size_t layer) const;
    /// Whether it is reconstructed towards the float network's outputs.
    [[nodiscard]] bool isPairedStatic(std::size_t layer) const;
    /// Layers that read an attention whose operands are to be quantized.
    [[nodiscard]] std::vector<std::size_t>
    withAttention(const std::vector<std::size_t>& layers) const;
    void captureAttention(BlockPass& pass, int block, const std::vector<std::size_t>& layers);
    /// Solves those of the layers that have such inputs, ahead of finishLayer().
    void solveStatic(const std::vector<std::size_t>& layers, const InputCapture& inputs);
    void solveStaticLayers(const std::vector<std::size_t>& group, const InputCapture& inputs);
    /// Adds the grids of the attention before the layer, and of a convolution's inputs.
    void completeStatic(std::size_t index, LayerResult& result, const InputCapture& inputs);
    /// The node of the attention before the layer, if its results have grids; else −1.
    [[nodiscard]] int attentionNode(std::size_t layer) const;
    /// Undoes what a layer's result changed beside its weight.
    void undoStatic(std::size_t layer);
    /// The same once the layer's block is passed.
    void takeBackStatic(std::size_t layer);
    /// Of the results to take over, those of a folded norm that would not all be: they are computed
    /// anew, or stay float where the recipe says so.
    void refuseHalfFolds();
    /// Of a result that was taken over: m_earlierForms, made anew.
    void recallEarlierForm(std::size_t layer);

    // block_stage.cpp
    [[nodiscard]] bool trainsBlock(int block) const;
    /// earlier: origin of the block's inputs.
    void trainBlockLayers(BlockPass& pass, int block, const std::string& earlier);
    /// What a training made of its layers, not measured yet.
    void takeTrained(const std::vector<std::size_t>& layers, const TuningResult& trained,
                     TraceStage stage, double seconds);
    void measureTrained(std::size_t index, const InputStatistics* inputs);
    /// The layer's weight, in the domain of its codes.
    [[nodiscard]] Tensor foldedLayerWeight(std::size_t layer) const;
    [[nodiscard]] TrainingSink watchTraining(double work);
    /// After a cancelled training: its best state is handed over, as one that is not finished.
    [[noreturn]] void abandon(const std::vector<std::size_t>& layers);

    // fine_tuning.cpp
    [[nodiscard]] bool fineTunes() const;
    void fineTuneLayers();
    void measureFineTuned();
    void applyAll(Weights& weights) const; ///< every result that there is

    // quantize_work.cpp: progress goes by the time that each part takes on a usual machine.
    void countWork();
    void countBlock(int block);
    /// underWay: work of the current pass that is done already.
    void report(std::string_view what, double underWay = 0);
    void reportWithoutStopping(std::string_view what, double underWay);
    /// Reports a pass while it runs.
    BlockPass::Progress during(std::string_view what, double work);

    const QuantizeRequest& m_request;
    const Model& m_model;
    Monitor& m_monitor;
    const LayerSink& m_sink;
    const CalibrationMode m_mode;
    std::vector<LayerChoice> m_choices;
    std::vector<std::optional<LayerResult>> m_results;
    std::vector<char> m_computed; ///< layers that this run computes
    std::vector<char> m_kept;     ///< handed over and in the journal
    std::vector<char> m_leftOut;  ///< float only because the request does not ask for them
    /// Layers that see quantized ones and want the float network's inputs beside.
    std::vector<char> m_paired;
    std::size_t m_coupled = 0; ///< computed only because others need it
    Coupling m_coupling;
    std::optional<double> m_modelExponent;
    CalibrationStages m_stages;
    OriginTrail m_trail;
    std::shared_ptr<Run> m_run = std::make_shared<Run>();
    std::unique_ptr<Journal> m_journal;
    CalibrationSamples m_samples;
    Weights* m_weights = nullptr;     ///< while passing through the model
    BlockPass* m_floatPass = nullptr; ///< likewise, of the float network when it runs beside
    /// Of the layers that the current block's training will change.
    std::map<std::size_t, std::shared_ptr<const InputStatistics>> m_heldInputs;
    struct CapturedAttention
    {
        AttentionGrids grids;
        ProbabilityHistogram probabilities;
    };
    std::vector<char> m_refused; ///< results that are not taken over
    std::optional<StaticSites>
        m_finishedSites; ///< for results to take over that have static inputs
    std::map<std::size_t, CapturedAttention> m_attentions; ///< by the layer that reads them
    std::map<std::size_t, LayerResult> m_solvedStatic;     ///< not finished yet
    /// What later layers see in place of a result, see StaticSettings::stale.
    std::map<std::size_t, std::shared_ptr<const LinearKernel>> m_earlierForms;
    std::string m_stage;
    /// Seconds on a usual machine.
    struct StageWork
    {
        double pass = 0;
        std::vector<double> capture; ///< by subset
        double training = 0;
    };
    std::vector<StageWork> m_stageWork; ///< of the blocks, and of the head
    std::vector<double> m_solveWork;    ///< by layer
    std::vector<double> m_exponentWork; ///< by layer: its part in the search for the model's
    double m_fineTuningWork = 0;
    double m_preludeWork = 0;
    SampleWork m_sampleWork;
    double m_workToDo = 0;
    double m_workDone = 0;
};

} // namespace gradus
