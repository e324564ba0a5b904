// SPDX-License-Identifier: GPL-3.0-or-later
// The verbs that make runs and use them; opening, planning and keeping are in workbench.cpp.
#include "app/gui/workbench.h"
#include "core/base/atomic_file.h"
#include "core/base/format.h"
#include "core/io/array_file.h"
#include "core/session/report.h"
#include "core/session/samples.h"
#include "core/session/stale.h"
#include "widgets/core_text.h"
#include "widgets/models/model_facts.h"
#include "widgets/text.h"

#include <QDir>
#include <QElapsedTimer>
#include <QFile>
#include <QFileInfo>

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {
QString number(double perplexity)
{
    return QString::number(perplexity, 'f', perplexity < 100 ? 3 : 1);
}

/// A run as it can be exported: of one that was cancelled, what it did not reach stays float.
std::shared_ptr<const Run> wholeRun(const SessionRun& run,
                                    const std::shared_ptr<const Model>& model, Monitor& monitor)
{
    if (run.run)
        return run.run;
    QuantizeRequest request;
    request.model = model;
    request.only.emplace();
    for (const auto& [name, measured] : run.results) {
        request.finished[name] = measured.result;
        if (measured.recipe)
            request.recipe = *measured.recipe;
    }
    return quantize(request, monitor);
}
} // namespace

struct Workbench::RunRequest
{
    QuantizeRequest quantize;
    Results takenOver;
    QString name; ///< empty: numbered
    bool resumable = false;
};

namespace {
/// Names a method that goes without the inputs that nobody can capture.
QString cannotCalibrate(const Model& model, const Plan& plan)
{
    const QString why = toQString(model.whyNotRunnable);
    for (const Plan::Row& row : plan.rows) {
        if (row.choice.keepFloat || !needsCalibration(row.choice.method))
            continue;
        const auto title = [](std::string_view method) {
            const MethodDescription* found = findMethod(method);
            return found ? coreText(found->title) : toQString(method);
        };
        return Workbench::tr("%1 needs calibration, but the model cannot be run: choose %2, which "
                             "needs none (%3)")
            .arg(title(methodName(row.choice.method)),
                 title(powerGridOf(row.choice.method) ? "powerquant" : "rtn-mse"), why);
    }
    return Workbench::tr("The recipe needs calibration, but the model cannot be run: %1").arg(why);
}
} // namespace

QString Workbench::obstacle() const
{
    const auto& model = m_document.model();
    if (!model)
        return tr("Open a model first");
    if (!m_document.plan())
        return tr("The plan is being made");
    if (m_document.plan()->needsCalibration) {
        if (!model->canRun())
            return cannotCalibrate(*model, *m_document.plan());
        if (m_document.recipe().calibration.data.empty())
            switch (feedKindOf(*model)) {
            case FeedKind::Text:
            case FeedKind::Tokens:
                return tr("The recipe needs a calibration text");
            case FeedKind::Images:
                return tr("The recipe needs calibration images");
            case FeedKind::Arrays:
                return tr("The recipe needs calibration samples");
            }
    }
    return {};
}

void Workbench::quantize(RunScope scope, const std::vector<std::string>& selected, const Then& then)
{
    if (const QString why = obstacle(); !why.isEmpty()) {
        refuse(why, then);
        return;
    }
    RunRequest request;
    request.quantize.model = m_document.model();
    request.quantize.recipe = m_document.recipe();
    request.resumable = scope == RunScope::All; // a journal knows nothing of other runs
    if (scope != RunScope::All) {
        const Model& model = *m_document.model();
        const Results& results = m_document.results();
        std::set<std::string> compute(selected.begin(), selected.end());
        if (scope == RunScope::Stale)
            compute = staleLayers(model, m_document.recipe(), results);
        if (compute.empty()) {
            refuse(scope == RunScope::Stale ? tr("Nothing is stale: every layer's result belongs "
                                                 "to the recipe")
                                            : tr("Select layers first"),
                   then);
            return;
        }
        // Layers that are trained together are computed together, and what a norm was folded for.
        compute = coupledLayers(model, m_document.recipe(), compute);
        const auto fresh = freshness(model, m_document.recipe(), results);
        std::map<std::string, LayerResult>& finished = request.quantize.finished;
        for (std::size_t i = 0; i < model.layers.size(); ++i) {
            const std::string& name = model.layers[i].name;
            // What was measured behind other inputs stays what it was; what has another choice by
            // now is not part of this run.
            if (fresh[i] && compute.count(name) == 0 && *fresh[i] != Freshness::ChoiceChanged)
                finished[name] = results.at(name).result;
        }
        compute = coupledLayers(model, m_document.recipe(), compute, finished);
        for (const std::string& name : compute)
            finished.erase(name);
        for (const auto& entry : finished)
            request.takenOver[entry.first] = results.at(entry.first);
        request.quantize.only = std::move(compute);
    }
    startRun(request, then);
}

void Workbench::resume()
{
    if (!m_interrupted)
        return;
    if (isBusy()) { // it stays to be resumed
        refuse(tr("%1 is still running: cancel it first").arg(m_activity), {});
        return;
    }
    const auto interrupted = std::move(m_interrupted);
    RunRequest request;
    request.quantize.model = m_document.model();
    request.quantize.recipe = interrupted->recipe;
    request.quantize.output = toPath(interrupted->file);
    request.quantize.resume = true;
    request.name = interrupted->name;
    request.resumable = true;
    startRun(request, {});
}

void Workbench::startRun(const RunRequest& request, const Then& then)
{
    if (isBusy()) {
        refuse(tr("%1 is still running: cancel it first").arg(m_activity), then);
        return;
    }
    QuantizeRequest what = request.quantize;
    if (what.output.empty() && m_store.isActive())
        what.output = toPath(m_store.newRunFile());
    const auto recipe = std::make_shared<const Recipe>(what.recipe);
    const int id = m_document.beginRun(request.takenOver);
    if (!request.name.isEmpty())
        m_document.renameRun(id, request.name);
    m_runInProgress = id;
    m_training.clear();
    m_document.setKept(id, pathText(what.output), QDateTime::currentDateTime(), 0,
                       request.resumable ? recipe : nullptr);
    const QString name = m_document.findRun(id)->name;
    say(what.only ? tr("%1: quantizing %2 layers").arg(name).arg(what.only->size())
                  : tr("%1: quantizing").arg(name));
    auto clock = std::make_shared<QElapsedTimer>();
    clock->start();
    const bool whole = !what.only && !what.resume;
    work(
        tr("Quantizing"),
        [this, what, recipe, id](JobMonitor& monitor) mutable {
            what.inputSink = [&](const Layer& layer,
                                 std::shared_ptr<const InputStatistics> inputs) {
                monitor.post([this, layer = layer.name, inputs = std::move(inputs)] {
                    Q_EMIT inputsCaptured(layer, inputs);
                });
            };
            what.trainingSink = [this](const TrainingProgress& step) { m_training.push(step); };
            return gradus::quantize(what, monitor, [&](const LayerResult& layer) {
                monitor.post(
                    [this, layer, recipe, id] { m_document.addResult(id, layer, recipe); });
            });
        },
        [this, id, clock, whole](const std::shared_ptr<const Run>& run) {
            m_training.flush();
            const double seconds = static_cast<double>(clock->elapsed()) / 1000;
            if (whole && m_forecast && m_forecast->seconds > 0)
                m_correction = learnCorrection(m_correction, m_forecast->seconds, seconds);
            finishRun(id, run, seconds);
            return true;
        },
        [this, id, clock, then](bool ok) {
            m_runInProgress = 0;
            if (!ok)
                m_document.endRun(id, nullptr, static_cast<double>(clock->elapsed()) / 1000);
            planAgain();
            if (then)
                then(ok);
        });
}

void Workbench::finishRun(int id, const std::shared_ptr<const Run>& run, double seconds)
{
    const auto& runs = m_document.runs();
    const auto other = std::find_if(runs.begin(), runs.end(), [&](const SessionRun& each) {
        return each.run && each.id != id &&
               each.run->provenance.modelHash != run->provenance.modelHash;
    });
    m_runInProgress = 0;
    const QString otherName = other == runs.end() ? QString() : other->name;
    m_document.endRun(id, run, seconds);
    setPerplexity({});
    const SessionRun* ended = m_document.findRun(id);
    say(tr("%1: %2 bits per weight, %3, in %4")
            .arg(ended ? ended->name : QString(),
                 toQString(formatBitsPerWeight(run->totals.bitsPerWeight)),
                 toQString(formatBytes(run->totals.bytes)), toQString(formatSeconds(seconds))));
    for (const LayerResult& layer : run->layers) {
        if (!layer.note.empty())
            say(QStringLiteral("%1: %2").arg(toQString(layer.name), toQString(layer.note)));
    }
    if (!otherName.isEmpty()) {
        const QString text =
            tr("The model's data is not what it was in %1: the two runs do not compare")
                .arg(otherName);
        say(text);
        Q_EMIT failed(text);
    }
}

void Workbench::captureInputs(const Then& then)
{
    const auto& model = m_document.model();
    if (!model || !model->canRun() || m_document.recipe().calibration.data.empty()) {
        refuse(!model ? tr("Open a model first")
               : model->canRun()
                   ? (feedKindOf(*model) == FeedKind::Text ? tr("Choose a calibration text first")
                                                           : tr("Choose calibration data first"))
                   : tr("The model cannot be run: %1").arg(toQString(model->whyNotRunnable)),
               then);
        return;
    }
    CaptureRequest request;
    request.model = model;
    request.calibration = m_document.recipe().calibration;
    request.seed = m_document.recipe().seed;
    work(
        tr("Capturing activations"),
        [this, request](JobMonitor& monitor) {
            std::int64_t layers = 0;
            gradus::captureInputs(
                request, monitor,
                [&](const Layer& layer, std::shared_ptr<const InputStatistics> inputs) {
                    ++layers;
                    monitor.post([this, layer = layer.name, inputs = std::move(inputs)] {
                        Q_EMIT inputsCaptured(layer, inputs);
                    });
                });
            return layers;
        },
        [this](std::int64_t layers) {
            say(tr("Captured the inputs of %1 layers").arg(layers));
            return true;
        },
        then);
}

void Workbench::removeRun(int run)
{
    const SessionRun* entry = m_document.findRun(run);
    if (!entry || run == m_runInProgress)
        return;
    const QString kept = entry->kept;
    m_document.removeRun(run);
    if (!kept.isEmpty())
        QFile::remove(kept);
}

void Workbench::saveRun(const QString& path, const Then& then, int run)
{
    const SessionRun* entry = sessionRun(run);
    if (!entry) {
        refuse(tr("There is no run to save: quantize first"), then);
        return;
    }
    work(
        tr("Saving %1").arg(shortPath(path)),
        [path, entry = *entry, model = m_document.model()](JobMonitor& monitor) {
            writeRun(*wholeRun(entry, model, monitor), toPath(path), monitor);
            return true;
        },
        [this, path, id = entry->id](bool) {
            m_document.setRunFile(id, path);
            say(tr("Saved run %1").arg(path));
            Q_EMIT succeeded(tr("Saved the run to %1").arg(path));
            Q_EMIT opened(path);
            return true;
        },
        then);
}

void Workbench::writeReport(const QString& path, const Then& then, int run)
{
    const SessionRun* entry = sessionRun(run);
    if (!entry) {
        refuse(tr("There is no run to report on: quantize first"), then);
        return;
    }
    ReportRequest request;
    request.model = m_document.model();
    request.runName = entry->name.toStdString();
    if (!entry->perplexity.isEmpty())
        request.perplexity.push_back(entry->perplexity.toStdString());
    const SessionRun* other = m_document.comparedRun();
    if (other && other->id != entry->id && other->run) {
        request.compared = other->run;
        request.comparedName = other->name.toStdString();
    }
    const QFileInfo info(path);
    const QString table = info.dir().filePath(info.completeBaseName() + QStringLiteral(".csv"));
    work(
        tr("Writing %1").arg(shortPath(path)),
        [request, entry = *entry, path, table](JobMonitor& monitor) mutable {
            request.run = wholeRun(entry, request.model, monitor);
            SubMonitor page(monitor, 0, 0.9);
            gradus::writeReport(request, toPath(path), page);
            SubMonitor rows(monitor, 0.9, 1);
            gradus::writeReportCsv(request, toPath(table), rows);
            return true;
        },
        [this, path, table](bool) {
            const QString text = tr("Wrote the report %1 and its table %2").arg(path, table);
            say(text);
            Q_EMIT succeeded(text);
            return true;
        },
        then);
}

namespace {
QString windowsText(const QString& textFile, PerplexityConvention convention, std::int64_t windows,
                    std::int64_t context)
{
    return Workbench::tr("%1, %2 windows of %3 tokens, %4 convention")
        .arg(shortPath(textFile), toQString(formatCount(windows)), toQString(formatCount(context)),
             convention == PerplexityConvention::Gptq ? Workbench::tr("GPTQ")
                                                      : QStringLiteral("llama.cpp"));
}
} // namespace

void Workbench::evaluate(const QString& textFile, PerplexityConvention convention,
                         std::int64_t context, const Then& then)
{
    EvaluateRequest request;
    request.model = m_document.model();
    request.run = m_document.run();
    const int id = request.run ? m_document.shownRun()->id : 0;
    request.data = toPath(textFile);
    request.convention = convention;
    request.context = context;
    if (!request.model) {
        refuse(tr("Open a model first"), then);
        return;
    }
    const QString key =
        QStringLiteral("%1|%2|%3|%4")
            .arg(textFile, QFileInfo(textFile).lastModified().toString(Qt::ISODateWithMs))
            .arg(static_cast<int>(convention))
            .arg(context);
    const auto known = m_floatPerplexity.find(key);
    std::optional<Perplexity> floatKnown;
    if (known != m_floatPerplexity.end())
        floatKnown = known->second;
    struct Result
    {
        Perplexity original;
        std::optional<Perplexity> quantized;
    };
    work(
        tr("Measuring perplexity"),
        [request, floatKnown](JobMonitor& monitor) {
            Result result;
            const double share = floatKnown ? 0 : request.run ? 0.5 : 1;
            if (floatKnown) {
                result.original = *floatKnown;
            } else {
                EvaluateRequest original = request;
                original.run.reset();
                SubMonitor part(monitor, 0, share);
                result.original = evaluatePerplexity(original, part);
            }
            if (request.run) {
                SubMonitor part(monitor, share, 1);
                result.quantized = evaluatePerplexity(request, part);
            }
            return result;
        },
        [this, key, convention, textFile, id](const Result& result) {
            m_floatPerplexity[key] = result.original;
            QString text = tr("Perplexity: float %1").arg(number(result.original.value));
            if (result.quantized) {
                const double change = result.quantized->value / result.original.value - 1;
                text += tr(" → quantized %1 (%2%3)")
                            .arg(number(result.quantized->value),
                                 change < 0 ? QStringLiteral("−") : QStringLiteral("+"),
                                 toQString(formatPercent(std::fabs(change))));
            }
            RunFigures figures;
            figures.texts << text;
            showFigures(
                text,
                windowsText(textFile, convention, result.original.windows, result.original.context),
                result.quantized ? id : 0, figures);
            return true;
        },
        then);
}

void Workbench::evaluateDivergence(const QString& textFile, PerplexityConvention convention,
                                   std::int64_t context, const Then& then)
{
    EvaluateRequest request;
    request.model = m_document.model();
    request.run = m_document.run();
    if (!request.model || !request.run) {
        refuse(!request.model
                   ? tr("Open a model first")
                   : tr("There is no run to compare with the float model: quantize first"),
               then);
        return;
    }
    const int id = m_document.shownRun()->id;
    request.data = toPath(textFile);
    request.convention = convention;
    request.context = context;
    work(
        tr("Comparing outputs"),
        [request](JobMonitor& monitor) {
            return gradus::evaluateDivergence(request, nullptr, monitor);
        },
        [this, convention, textFile, id](const Divergence& result) {
            const auto digits = [](double value) { return QString::number(value, 'g', 3); };
            const QString text = tr("KL to float: %1 ± %2 nats/token; same most likely token: %3 %")
                                     .arg(digits(result.value), digits(result.standardError),
                                          QString::number(100 * result.sameTop, 'f', 1));
            RunFigures figures;
            figures.divergence = result.value;
            figures.divergenceError = result.standardError;
            figures.texts << text;
            showFigures(text, windowsText(textFile, convention, result.windows, result.context), id,
                        figures);
            return true;
        },
        then);
}

void Workbench::showFigures(const QString& text, const QString& how, int run,
                            const RunFigures& figures)
{
    const QString line = QStringLiteral("%1 (%2)").arg(text, how);
    say(line);
    setPerplexity(QStringLiteral("%1\n%2").arg(text, how));
    if (run == 0)
        return;
    m_document.setPerplexity(run, line);
    Q_EMIT runMeasured(run, figures);
}

void Workbench::evaluateSamples(const SampleEvaluation& what, const Then& then)
{
    const auto& model = m_document.model();
    const auto run = m_document.run();
    const bool accuracy = what.metric == SampleMetric::Accuracy;
    if (!model || !model->canRun() || (!accuracy && !run)) {
        refuse(!model ? tr("Open a model first")
               : !model->canRun()
                   ? tr("The model cannot be run: %1").arg(toQString(model->whyNotRunnable))
                   : tr("There is no run to compare with the float model: quantize first"),
               then);
        return;
    }
    const int id = run ? m_document.shownRun()->id : 0;
    SampleEvaluation chosen = what;
    if (run) // the float model is fed what the run is
        inheritNormalization(run->recipe.calibration, chosen.data.mean, chosen.data.deviation,
                             chosen.data.layout);
    EvaluateRequest request = requestOf(model, chosen);
    const QString file = toQString(what.data.data);
    // The choice as it stands in recipes, and when the files changed.
    Recipe keyed;
    keyed.calibration = chosen.data;
    QString key = QString::fromStdString(toJson(keyed));
    for (const std::string& path : {what.data.data, what.data.labels}) // of FILE:NAME the file
        key += QFileInfo(toQString(ArrayFile::fileOf(path).string()))
                   .lastModified()
                   .toString(Qt::ISODateWithMs);
    std::optional<Accuracy> known;
    if (const auto found = m_floatAccuracy.find(key); found != m_floatAccuracy.end())
        known = found->second;
    work(
        accuracy ? tr("Measuring accuracy") : tr("Comparing outputs"),
        [request, run, known, accuracy](JobMonitor& monitor) mutable {
            SampleFigures figures;
            if (!accuracy) {
                request.run = run;
                figures.outputs = evaluateOutputs(request, nullptr, monitor);
                return figures;
            }
            const double share = known ? 0 : run ? 0.5 : 1;
            figures.original = known;
            if (!known) {
                SubMonitor part(monitor, 0, share);
                figures.original = evaluateAccuracy(request, part);
            }
            if (run) {
                request.run = run;
                SubMonitor part(monitor, share, 1);
                figures.quantized = evaluateAccuracy(request, part);
            }
            return figures;
        },
        [this, key, file, id](const SampleFigures& figures) {
            if (figures.original)
                m_floatAccuracy[key] = *figures.original;
            const QString text = figuresText(figures);
            const QString how = figuresContext(figures, shortPath(file));
            RunFigures numbers;
            numbers.texts << text;
            if (figures.outputs) {
                numbers.divergence = figures.outputs->divergence;
                numbers.divergenceError = figures.outputs->divergenceStandardError;
                numbers.cosine = figures.outputs->cosine;
                numbers.cosineError = figures.outputs->cosineStandardError;
            }
            showFigures(text, how, figures.quantized || figures.outputs ? id : 0, numbers);
            return true;
        },
        then);
}

void Workbench::measureSensitivity(const SensitivityRequest& request, const SensitivityDone& done,
                                   const Then& then)
{
    work(
        tr("Measuring sensitivities"),
        [this, request](JobMonitor& monitor) {
            // Cells of a frame come together.
            constexpr qint64 frameMs = 40;
            std::vector<SensitivityCell> cells;
            QElapsedTimer since;
            since.start();
            const auto send = [&] {
                monitor.post([this, cells] { Q_EMIT sensitivitiesMeasured(cells); });
                cells.clear();
                since.restart();
            };
            return std::make_shared<const SensitivityTable>(gradus::measureSensitivity(
                request, monitor,
                [&](std::size_t row, std::size_t candidate, const Sensitivity& value) {
                    cells.push_back({row, candidate, value});
                    if (since.elapsed() >= frameMs)
                        send();
                }));
        },
        [this, done](const std::shared_ptr<const SensitivityTable>& table) {
            say(tr("Measured the sensitivities of %1 layers under %2 candidates")
                    .arg(table->rows.size())
                    .arg(table->candidates.size()));
            done(table);
            return true;
        },
        then);
}

void Workbench::saveSensitivity(const std::shared_ptr<const SensitivityTable>& table,
                                const QString& path, const Then& then)
{
    work(
        tr("Saving %1").arg(shortPath(path)),
        [table, path](JobMonitor&) {
            AtomicFile file(toPath(path));
            file.write(sensitivityCsv(*table));
            file.commit();
            return true;
        },
        [this, path](bool) {
            say(tr("Saved the table of sensitivities %1").arg(path));
            Q_EMIT succeeded(tr("Saved the table of sensitivities to %1").arg(path));
            return true;
        },
        then);
}

void Workbench::preflightExport(ExportFormat format, GptqZeros zeros, const PreflightDone& done,
                                int run)
{
    ExportRequest request;
    request.model = m_document.model();
    request.format = format;
    request.gptqZeros = zeros;
    const SessionRun* entry = sessionRun(run);
    if (!entry)
        return;
    m_plan.start(
        QStringLiteral("preflight"),
        [request, entry = *entry](JobMonitor& monitor) mutable {
            request.run = wholeRun(entry, request.model, monitor);
            return preflight(request);
        },
        [this, done](Outcome<std::vector<PreflightNote>> outcome) {
            if (const auto* notes = std::get_if<std::vector<PreflightNote>>(&outcome))
                done(*notes, {});
            else if (const auto* failure = std::get_if<Failure>(&outcome))
                done({}, failure->message);
        });
}

void Workbench::exportRun(ExportFormat format, const QString& path, GptqZeros zeros,
                          const Then& then, int run)
{
    ExportRequest request;
    request.model = m_document.model();
    request.format = format;
    request.output = toPath(path);
    request.gptqZeros = zeros;
    const SessionRun* entry = sessionRun(run);
    if (!entry) {
        refuse(tr("There is no run to export: quantize first"), then);
        return;
    }
    const QString name = toQString(exportFormatName(format));
    work(
        tr("Exporting %1").arg(name),
        [request, entry = *entry](JobMonitor& monitor) mutable {
            request.run = wholeRun(entry, request.model, monitor);
            SubMonitor writing(monitor, 0, 0.6);
            ExportResult result = gradus::exportRun(request, writing);
            SubMonitor reading(monitor, 0.6, 1);
            VerifyResult check =
                verifyExport(request.output, *request.run, *request.model, reading);
            return std::make_pair(std::move(result), std::move(check));
        },
        [this, path, name](const std::pair<ExportResult, VerifyResult>& outcome) {
            const auto& [result, check] = outcome;
            for (const PreflightNote& note : result.notes)
                say(note.layer.empty() ? toQString(note.message)
                                       : QStringLiteral("%1: %2").arg(toQString(note.layer),
                                                                      toQString(note.message)));
            for (const Mismatch& mismatch : check.mismatches)
                say(tr("Mismatch in %1: %2")
                        .arg(toQString(mismatch.layer), toQString(mismatch.message)));
            const QString size = toQString(formatBytes(result.bytes));
            if (check.equal) {
                const QString message =
                    tr("Exported %1 to %2 (%3); read back and compared: %4 tensors, "
                       "all equal to the run")
                        .arg(name, path, size)
                        .arg(check.checked);
                say(message);
                Q_EMIT succeeded(message);
            } else {
                const QString message =
                    tr("%1 was written but differs from the run in %2 of %3 tensors, "
                       "first: %4: %5")
                        .arg(path)
                        .arg(check.mismatches.size())
                        .arg(check.checked)
                        .arg(check.mismatches.empty() ? QStringLiteral("?")
                                                      : toQString(check.mismatches.front().layer),
                             check.mismatches.empty()
                                 ? QString()
                                 : toQString(check.mismatches.front().message));
                say(message);
                Q_EMIT failed(message);
            }
            return check.equal;
        },
        then);
}

} // namespace gradus
