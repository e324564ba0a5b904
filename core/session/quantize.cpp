// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/quantize.h"

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/io/byte_source.h"
#include "core/quant/model_exponent.h"
#include "core/session/language.h"
#include "core/session/prepared_model.h"
#include "core/session/program.h"
#include "core/session/quantize_job.h"
#include "core/session/recipe_json.h"
#include "core/session/statistics.h"

#include <algorithm>
#include <utility>

namespace gradus {

namespace {

/// Throws when the layer needs calibration inputs, but there is no data for them.
void requireNoCalibration(const Model& model, const Layer& layer, const LayerChoice& choice)
{
    if (needsCalibration(choice.method)) {
        // What makes the same kind of grid without data.
        const bool powerGrid = powerGridOf(choice.method) != nullptr;
        const std::string_view instead = powerGrid ? "powerquant" : "rtn-mse";
        if (!model.canRun())
            throw Error(ErrorCode::Usage,
                        concat(layer.name, ": method ", methodName(choice.method),
                               " needs calibration, but the model cannot be run: ",
                               model.whyNotRunnable, "; ", instead, " needs none"));
        throw Error(ErrorCode::Usage, concat(layer.name, ": method ", methodName(choice.method),
                                             " needs calibration data (--calibration FILE); ",
                                             instead, " needs none"));
    }
    if (needsCalibration(choice))
        throw Error(ErrorCode::Usage,
                    concat(layer.name, ": activations need calibration data (--calibration FILE) "
                                       "for their grid, or stay float"));
}

} // namespace

QuantizeJob::QuantizeJob(const QuantizeRequest& request, Monitor& monitor, const LayerSink& sink)
    : m_request(request)
    , m_model(*request.model)
    , m_monitor(monitor)
    , m_sink(sink)
    , m_mode(request.recipe.calibration.mode)
    , m_choices(resolve(request.recipe, m_model))
    , m_results(m_model.layers.size())
    , m_computed(m_model.layers.size())
    , m_kept(m_model.layers.size())
    , m_leftOut(m_model.layers.size())
    , m_coupling(m_model, request.recipe.calibration, m_choices)
    , m_stages(m_model, m_mode)
    , m_trail(m_model, request.recipe.calibration, request.recipe.seed, m_choices)
{
    choose();
}

std::shared_ptr<const Run> QuantizeJob::run()
{
    prepare();
    findModelExponent();
    if (m_samples.count() > 0 && inputsWantedAfter(-2))
        runCalibrated();
    for (std::size_t i = 0; i < m_model.layers.size(); ++i)
        if (!m_results[i])
            finishLayer(i, nullptr, {});
    if (fineTunes())
        fineTuneLayers();
    return finish();
}

void QuantizeJob::prepare()
{
    m_monitor.report(0, "reading the model");
    Provenance& provenance = m_run->provenance;
    provenance.program = programName();
    provenance.modelPath = m_model.source.path.string();
    provenance.modelFingerprint = m_model.source.fingerprint;
    SubMonitor hashing(m_monitor, 0, 0.02);
    provenance.modelHash = contentHash(m_model.source, hashing);
    readCalibration();

    const std::string identity =
        concat(provenance.program, '\n', provenance.modelHash, '\n', provenance.calibrationHash,
               '\n', provenance.calibrationWindows, '\n', provenance.calibrationContext, '\n',
               toJson(m_request.recipe), partIdentity());
    if (m_coupled > 0)
        m_monitor.note(concat(
            m_coupled, m_coupled == 1 ? " layer is" : " layers are",
            " computed besides those asked for: they are trained together, or share an exponent or "
            "a norm"));
    takeOver();
    if (!m_request.output.empty()) {
        m_journal = std::make_unique<Journal>(m_request.output, sha256(identity), m_request.resume);
        takeUpFinished();
    }
    findPaired();
    countWork();
}

void QuantizeJob::readCalibration()
{
    const CalibrationChoice& calibration = m_request.recipe.calibration;
    if (calibration.data.empty()) {
        for (std::size_t i = 0; i < m_choices.size(); ++i)
            if (m_computed[i])
                requireNoCalibration(m_model, m_model.layers[i], m_choices[i]);
        return;
    }
    m_samples = calibrationSamples(m_model, calibration, m_request.recipe.seed, m_request.tokenizer,
                                   m_monitor);
    Provenance& provenance = m_run->provenance;
    provenance.calibrationHash = dataHash(calibration, m_monitor);
    provenance.calibrationWindows = m_samples.count();
    provenance.calibrationContext = m_samples.context;
    refuseFineTuning();
}

void QuantizeJob::refuseFineTuning() const
{
    if (m_model.task == ModelTask::Language)
        return;
    for (std::size_t i = 0; i < m_choices.size(); ++i)
        if (m_computed[i] && fineTuningOf(m_choices[i]))
            throw Error(ErrorCode::Usage,
                        concat(m_model.layers[i].name,
                               ": fine-tuning of the whole model goes by the next token of a text, "
                               "and this model is not a language model; expected a recipe without "
                               "it (training of single blocks works)"));
}

std::string QuantizeJob::partIdentity() const
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
                       result.origin.exponents, result.origin.exponents.empty() ? "" : "\n",
                       result.weight ? result.weightSqnrDb : 0);
    return text;
}

void QuantizeJob::choose()
{
    const auto check = [this](const std::string& name) {
        if (!m_model.findLayer(name))
            throw Error(ErrorCode::Usage, concat("layer ", quoted(name), " is not in ",
                                                 m_model.source.path.string()));
    };
    for (const auto& [name, result] : m_request.finished)
        check(name);
    if (m_request.only)
        for (const std::string& name : *m_request.only)
            check(name);
    for (std::size_t i = 0; i < m_choices.size(); ++i) {
        const std::string& name = m_model.layers[i].name;
        m_computed[i] =
            !m_choices[i].keepFloat &&
            (m_request.only ? m_request.only->contains(name) : !m_request.finished.contains(name));
    }
    const auto asked = std::count(m_computed.begin(), m_computed.end(), char(1));
    (void)m_coupling.close(m_computed);
    refuseHalfFolds();
    m_coupled =
        static_cast<std::size_t>(std::count(m_computed.begin(), m_computed.end(), char(1)) - asked);
    for (std::size_t i = 0; i < m_choices.size(); ++i) {
        m_leftOut[i] = !m_choices[i].keepFloat && !m_computed[i] &&
                       !m_request.finished.contains(m_model.layers[i].name);
        if (m_leftOut[i])
            m_choices[i].keepFloat = true;
    }
}

void QuantizeJob::takeOver()
{
    for (std::size_t i = 0; i < m_choices.size(); ++i) {
        const Layer& layer = m_model.layers[i];
        const auto found = m_request.finished.find(layer.name);
        if (found == m_request.finished.end() || m_computed[i] || m_refused[i] ||
            (m_request.only && m_request.only->contains(layer.name)))
            continue;
        const LayerResult& result = found->second;
        if (!result.weight && m_choices[i].keepFloat)
            continue;
        if (result.weight &&
            (result.weight->rows != layer.rows || result.weight->cols != layer.cols))
            throw Error(ErrorCode::Shape,
                        concat(layer.name, " is ", result.weight->rows, " × ", result.weight->cols,
                               " in the results to take over, but ", layer.rows, " × ", layer.cols,
                               " in the model"));
        for (const auto& tuning : result.tunings)
            for (const auto& [name, value] : tuning->parameters)
                (void)tunedTensor(m_model, name, *value);
        m_results[i] = result;
        m_results[i]->name = layer.name;
        m_kept[i] = 1;
        if (m_sink)
            m_sink(*m_results[i]);
    }
}

void QuantizeJob::takeUpFinished()
{
    const auto& finished = m_journal->finished();
    const auto isFinished = [&](std::size_t i) {
        return finished.contains(m_model.layers[i].name);
    };
    std::int64_t kept = 0;
    for (std::size_t i = 0; i < m_model.layers.size(); ++i) {
        if (m_results[i] || !isFinished(i))
            continue;
        // What is trained together was written together, unless the program died meanwhile.
        if (m_coupling.trains(i)) {
            const auto& block =
                m_coupling.trainedIn(static_cast<std::size_t>(m_model.layers[i].block));
            if (!std::all_of(block.begin(), block.end(), isFinished))
                continue;
        }
        const auto& folded = m_coupling.statics().folded(i);
        if (!std::all_of(folded.begin(), folded.end(), isFinished))
            continue;
        m_results[i] = finished.at(m_model.layers[i].name);
        m_kept[i] = 1;
        ++kept;
        if (m_sink)
            m_sink(*m_results[i]);
    }
    if (kept > 0)
        m_monitor.note(concat("resumed: ", kept, " of ", m_model.layers.size(),
                              " layers were finished before"));
}

void QuantizeJob::findPaired()
{
    m_paired.assign(m_choices.size(), 0);
    if (m_mode == CalibrationMode::Float)
        return;
    std::vector<char> quantized(m_choices.size());
    for (std::size_t i = 0; i < quantized.size(); ++i)
        quantized[i] = m_results[i] ? m_results[i]->weight != nullptr : !m_choices[i].keepFloat;
    m_paired = m_stages.behind(quantized);
    for (std::size_t i = 0; i < m_paired.size(); ++i)
        m_paired[i] = m_paired[i] && (isAsymmetric(m_choices[i]) || isPairedStatic(i));
}

void QuantizeJob::findModelExponent()
{
    const auto& layers = m_coupling.sharing();
    if (std::all_of(layers.begin(), layers.end(),
                    [this](std::size_t i) { return m_results[i] || m_choices[i].keepFloat; }))
        return;
    // All of them, also those that the journal knows already: the exponent is that of a full run.
    m_stage = "exponent of the model";
    StopOnly stop(m_monitor);
    ModelExponent exponent;
    ExponentChoice exponents = ExponentChoice::Free;
    for (const std::size_t i : layers) {
        const Layer& layer = m_model.layers[i];
        report(layer.name);
        const LayerChoice& choice = m_choices[i];
        const PowerGridOptions& options = *powerGridOf(choice.method);
        // The strictest wins.
        exponents = std::max(exponents, options.exponents);
        exponent.add(layerWeight(m_model, layer).matrix(), choice.scheme, options,
                     roundingOf(choice.method), stop);
        m_workDone += m_exponentWork[i];
    }
    m_modelExponent = exponent.solve(exponents, stop);
    report("found");
    m_stage.clear();
}

std::shared_ptr<const Run> QuantizeJob::finish()
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

std::shared_ptr<const Run> quantize(const QuantizeRequest& request, Monitor& monitor,
                                    const LayerSink& sink)
{
    QuantizeRequest prepared = request;
    prepared.model = preparedModel(std::move(prepared.model), request.recipe);
    if (const std::string note = foldingNote(*prepared.model, request.recipe); !note.empty())
        monitor.note(note);
    return QuantizeJob(prepared, monitor, sink).run();
}

} // namespace gradus
