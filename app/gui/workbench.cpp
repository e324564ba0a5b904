// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/workbench.h"

#include "core/base/atomic_file.h"
#include "core/base/format.h"
#include "widgets/text.h"

#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QTime>

#include <cmath>

namespace gradus {

namespace {
constexpr int previewBins = 160;
const QString workId = QStringLiteral("work");
const QString planId = QStringLiteral("plan");
const QString previewId = QStringLiteral("preview");

/// A recipe for a model that has just been opened. A text laid beside the model for this purpose is
/// taken, so that the error of every layer can be measured without a further question.
Recipe initialRecipe(const Model& model)
{
    Recipe recipe;
    const std::filesystem::path& path = model.source.path;
    std::error_code ignored;
    const std::filesystem::path folder =
        std::filesystem::is_directory(path, ignored) ? path : path.parent_path();
    const std::filesystem::path text = folder / "calibration.txt";
    if (std::filesystem::is_regular_file(text, ignored))
        recipe.calibration.data = text.string();
    return recipe;
}

std::string readText(const QString& path)
{
    constexpr qint64 limit = 64 << 20; // a recipe is a few kilobytes
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly))
        throw Error(ErrorCode::Io,
                    path.toStdString() + ": cannot be read: " + file.errorString().toStdString());
    if (file.size() > limit)
        throw Error(ErrorCode::Format, path.toStdString() + ": holds " +
                                           formatBytes(static_cast<std::uint64_t>(file.size())) +
                                           ", expected a recipe of at most 64 MiB");
    return file.readAll().toStdString();
}

QString shortPath(const QString& path)
{
    const QString name = QFileInfo(QDir::cleanPath(path)).fileName();
    return name.isEmpty() ? path : name;
}

QString number(double perplexity)
{
    return QString::number(perplexity, 'f', perplexity < 100 ? 3 : 1);
}
} // namespace

Workbench::Workbench(QObject* parent)
    : QObject(parent)
{
    connect(&m_work, &JobRunner::progressed, this,
            [this](const QString&, double fraction, const QString& stage) {
                Q_EMIT progressed(fraction, stage);
            });
    connect(&m_work, &JobRunner::noted, this,
            [this](const QString&, const QString& line) { say(line); });
    connect(&m_document, &Document::recipeChanged, this, &Workbench::planAgain);
    connect(&m_document, &Document::modelChanged, this, [this] {
        m_unsavedRun = false;
        m_floatPerplexity.clear();
        setPerplexity({});
    });
}

Workbench::~Workbench() = default;

template <class Work, class Done>
void Workbench::work(const QString& activity, Work body, Done done, const Then& then)
{
    if (isBusy()) {
        Q_EMIT failed(tr("%1 is still running: cancel it first").arg(m_activity));
        if (then)
            then(false);
        return;
    }
    setActivity(activity);
    using T = std::invoke_result_t<Work&, JobMonitor&>;
    m_work.start(workId, std::move(body),
                 [this, activity, done = std::move(done), then](Outcome<T> outcome) {
                     setActivity({});
                     bool ok = false;
                     if (T* value = std::get_if<T>(&outcome)) {
                         ok = done(std::move(*value));
                     } else if (const Failure* failure = std::get_if<Failure>(&outcome)) {
                         say(tr("%1 failed: %2").arg(activity, failure->message));
                         Q_EMIT failed(failure->message);
                     } else {
                         say(tr("%1 cancelled").arg(activity));
                     }
                     if (then)
                         then(ok);
                 });
}

void Workbench::setActivity(const QString& activity)
{
    m_activity = activity;
    Q_EMIT activityChanged(activity);
}

void Workbench::say(const QString& line)
{
    Q_EMIT logged(QTime::currentTime().toString(QStringLiteral("HH:mm:ss  ")) + line);
}

void Workbench::setPerplexity(const QString& text)
{
    m_perplexity = text;
    Q_EMIT perplexityChanged(text);
}

void Workbench::cancel()
{
    m_work.cancel(workId);
}

void Workbench::open(const QString& path, const Then& then)
{
    const QFileInfo info(path);
    const QString name = info.fileName().toLower();
    if (info.isFile() && name.endsWith(QLatin1String(".gradus"))) {
        openRun(path, then);
    } else if (info.isFile() && name.endsWith(QLatin1String(".json")) &&
               !name.endsWith(QLatin1String(".index.json")) &&
               name != QLatin1String("config.json")) {
        openRecipe(path, then);
    } else if (info.isFile() && name.endsWith(QLatin1String(".txt"))) {
        CalibrationChoice choice = m_document.recipe().calibration;
        choice.data = info.absoluteFilePath().toStdString();
        m_document.setCalibration(choice, tr("calibration text"));
        if (then)
            then(true);
    } else {
        openModel(name == QLatin1String("config.json") ? info.absolutePath() : path, then);
    }
}

void Workbench::openModel(const QString& path, const Then& then)
{
    const std::filesystem::path file = toPath(path);
    work(
        tr("Opening %1").arg(shortPath(path)),
        [file](JobMonitor&) {
            // A run under another name than .gradus (an exported HDF5 file) is known by content.
            std::pair<std::shared_ptr<const Model>, std::shared_ptr<const Run>> result;
            std::error_code ignored;
            if (std::filesystem::is_regular_file(file, ignored) && isRunFile(file)) {
                result.second = readRun(file);
                result.first = gradus::openRunModel(*result.second, {});
            } else {
                result.first = gradus::openModel(file);
            }
            return result;
        },
        [this, path](auto result) {
            const auto& [model, run] = result;
            m_document.setModel(model, run ? run->recipe : initialRecipe(*model));
            if (run)
                m_document.setRun(run);
            m_recipePath.clear();
            say(tr("Opened %1: %2, %3 layers, %4 parameters, %5")
                    .arg(path, toQString(model->architecture))
                    .arg(model->layers.size())
                    .arg(toQString(formatCount(model->parameters)),
                         toQString(formatBytes(model->source.bytes))));
            if (!model->canRun())
                say(tr("The model cannot be run: %1").arg(toQString(model->whyNotRunnable)));
            Q_EMIT opened(path);
            return true;
        },
        then);
}

void Workbench::openRun(const QString& path, const Then& then)
{
    const std::filesystem::path file = toPath(path);
    work(
        tr("Opening %1").arg(shortPath(path)),
        [file, open = m_document.model()](JobMonitor&) {
            std::pair<std::shared_ptr<const Model>, std::shared_ptr<const Run>> result;
            result.second = readRun(file);
            const bool same =
                open && open->source.fingerprint == result.second->provenance.modelFingerprint;
            result.first = same ? open : gradus::openRunModel(*result.second, {});
            return result;
        },
        [this, path](auto result) {
            const auto& [model, run] = result;
            m_document.setModel(model, run->recipe);
            m_document.setRun(run);
            m_recipePath.clear();
            say(tr("Opened run %1: %2 bits per weight")
                    .arg(path, toQString(formatBitsPerWeight(run->totals.bitsPerWeight))));
            Q_EMIT opened(path);
            return true;
        },
        then);
}

void Workbench::openRecipe(const QString& path, const Then& then)
{
    work(
        tr("Reading %1").arg(shortPath(path)),
        [path, model = m_document.model()](JobMonitor&) {
            Recipe recipe = recipeFromJson(readText(path), path.toStdString());
            if (model)
                (void)resolve(recipe, *model); // says what does not fit this model
            return recipe;
        },
        [this, path](Recipe recipe) {
            // A recipe that names no text, made to be shared, takes the one at hand.
            if (recipe.calibration.data.empty())
                recipe.calibration.data = m_document.recipe().calibration.data;
            m_document.editRecipe(recipe, tr("opening of %1").arg(shortPath(path)));
            m_recipePath = path;
            say(tr("Opened recipe %1").arg(path));
            return true;
        },
        then);
}

void Workbench::saveRecipe(const QString& path, const Then& then)
{
    work(
        tr("Saving %1").arg(shortPath(path)),
        [path, recipe = m_document.recipe()](JobMonitor&) {
            AtomicFile file(toPath(path));
            file.write(toJson(recipe));
            file.commit();
            return true;
        },
        [this, path](bool) {
            m_recipePath = path;
            m_document.undoStack()->setClean();
            say(tr("Saved recipe %1").arg(path));
            return true;
        },
        then);
}

void Workbench::saveRun(const QString& path, const Then& then)
{
    const auto run = m_document.run();
    if (!run) {
        Q_EMIT failed(tr("There is no run to save: quantize first"));
        if (then)
            then(false);
        return;
    }
    work(
        tr("Saving %1").arg(shortPath(path)),
        [path, run](JobMonitor& monitor) {
            writeRun(*run, toPath(path), monitor);
            return run;
        },
        [this, path](const std::shared_ptr<const Run>& saved) {
            if (saved == m_document.run())
                m_unsavedRun = false;
            say(tr("Saved run %1").arg(path));
            Q_EMIT succeeded(tr("Saved the run to %1").arg(path));
            Q_EMIT opened(path);
            return true;
        },
        then);
}

QString Workbench::obstacle() const
{
    const auto& model = m_document.model();
    if (!model)
        return tr("Open a model first");
    if (!m_document.plan())
        return tr("The plan is being made");
    if (m_document.plan()->needsCalibration) {
        if (!model->canRun())
            return tr("The recipe needs calibration, but the model cannot be run: %1")
                .arg(toQString(model->whyNotRunnable));
        if (m_document.recipe().calibration.data.empty())
            return tr("The recipe needs a calibration text");
    }
    return {};
}

void Workbench::quantize(const Then& then)
{
    const QString why = obstacle();
    if (!why.isEmpty()) {
        Q_EMIT failed(why);
        if (then)
            then(false);
        return;
    }
    QuantizeRequest request;
    request.model = m_document.model();
    request.recipe = m_document.recipe();
    const auto recipe = std::make_shared<const Recipe>(request.recipe);
    if (!isBusy())
        say(tr("Quantizing"));
    work(
        tr("Quantizing"),
        [this, request, recipe](JobMonitor& monitor) {
            QElapsedTimer clock;
            clock.start();
            auto run = gradus::quantize(request, monitor, [&](const LayerResult& layer) {
                monitor.post([this, layer, recipe] { m_document.addResult(layer, recipe); });
            });
            return std::make_pair(std::move(run), static_cast<double>(clock.elapsed()) / 1000);
        },
        [this](auto result) {
            const auto& [run, seconds] = result;
            m_document.setRun(run);
            m_unsavedRun = true;
            setPerplexity({});
            say(tr("Quantized to %1 bits per weight, %2, in %3")
                    .arg(toQString(formatBitsPerWeight(run->totals.bitsPerWeight)),
                         toQString(formatBytes(run->totals.bytes)),
                         toQString(formatSeconds(seconds))));
            for (const LayerResult& layer : run->layers) {
                if (!layer.note.empty())
                    say(QStringLiteral("%1: %2").arg(toQString(layer.name), toQString(layer.note)));
            }
            return true;
        },
        then);
}

void Workbench::evaluate(const QString& textFile, PerplexityConvention convention,
                         std::int64_t context, const Then& then)
{
    EvaluateRequest request;
    request.model = m_document.model();
    request.run = m_document.run();
    request.data = toPath(textFile);
    request.convention = convention;
    request.context = context;
    if (!request.model) {
        Q_EMIT failed(tr("Open a model first"));
        if (then)
            then(false);
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
        [this, key, convention, textFile](const Result& result) {
            m_floatPerplexity[key] = result.original;
            QString text = tr("Perplexity: float %1").arg(number(result.original.value));
            if (result.quantized) {
                const double change = result.quantized->value / result.original.value - 1;
                text += tr(" → quantized %1 (%2%3)")
                            .arg(number(result.quantized->value),
                                 change < 0 ? QStringLiteral("−") : QStringLiteral("+"),
                                 toQString(formatPercent(std::fabs(change))));
            }
            const QString how =
                tr("%1, %2 windows of %3 tokens, %4 convention")
                    .arg(shortPath(textFile), toQString(formatCount(result.original.windows)),
                         toQString(formatCount(result.original.context)),
                         convention == PerplexityConvention::Gptq ? tr("GPTQ")
                                                                  : QStringLiteral("llama.cpp"));
            say(QStringLiteral("%1 (%2)").arg(text, how));
            setPerplexity(QStringLiteral("%1\n%2").arg(text, how));
            return true;
        },
        then);
}

void Workbench::preflightExport(ExportFormat format, GptqZeros zeros,
                                const std::function<void(const std::vector<PreflightNote>&)>& done)
{
    ExportRequest request;
    request.model = m_document.model();
    request.run = m_document.run();
    request.format = format;
    request.gptqZeros = zeros;
    if (!request.model || !request.run)
        return;
    m_whatIf.start(
        QStringLiteral("preflight"), [request](JobMonitor&) { return preflight(request); },
        [this, done](Outcome<std::vector<PreflightNote>> outcome) {
            if (const auto* notes = std::get_if<std::vector<PreflightNote>>(&outcome))
                done(*notes);
            else if (const auto* failure = std::get_if<Failure>(&outcome))
                Q_EMIT failed(failure->message);
        });
}

void Workbench::exportRun(ExportFormat format, const QString& path, GptqZeros zeros,
                          const Then& then)
{
    ExportRequest request;
    request.model = m_document.model();
    request.run = m_document.run();
    request.format = format;
    request.output = toPath(path);
    request.gptqZeros = zeros;
    if (!request.model || !request.run) {
        Q_EMIT failed(tr("There is no run to export: quantize first"));
        if (then)
            then(false);
        return;
    }
    const QString name = toQString(exportFormatName(format));
    work(
        tr("Exporting %1").arg(name),
        [request](JobMonitor& monitor) {
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

void Workbench::planAgain()
{
    const auto model = m_document.model();
    if (!model)
        return;
    m_whatIf.start(
        planId,
        [model, recipe = m_document.recipe()](JobMonitor&) {
            return std::make_shared<const Plan>(plan(*model, recipe));
        },
        [this, model](Outcome<std::shared_ptr<const Plan>> outcome) {
            if (model != m_document.model())
                return;
            if (auto* value = std::get_if<std::shared_ptr<const Plan>>(&outcome)) {
                m_document.setPlan(std::move(*value));
            } else if (const Failure* failure = std::get_if<Failure>(&outcome)) {
                Q_EMIT failed(failure->message);
            }
        });
}

bool Workbench::isPlanned() const
{
    return !m_whatIf.isRunning(planId);
}

void Workbench::requestPreview(const std::string& name)
{
    const auto model = m_document.model();
    const Layer* layer = model ? model->findLayer(name) : nullptr;
    const LayerChoice* choice = layer ? m_document.choiceOf(name) : nullptr;
    if (!choice) {
        m_whatIf.cancel(previewId);
        Q_EMIT previewDropped();
        return;
    }
    // The run's own codes, when they were made for this very choice.
    std::shared_ptr<const QuantizedWeight> computed;
    const auto found = m_document.results().find(name);
    if (found != m_document.results().end() && found->second.result.choice == *choice)
        computed = found->second.result.weight;
    m_whatIf.start(
        previewId,
        [model, name, choice = *choice, computed](JobMonitor& monitor) {
            const Layer* at = model->findLayer(name);
            PreviewRequest request;
            request.facts = weightFacts(*model, *at, previewBins, monitor);
            request.choice = choice;
            request.fromRun = computed;
            request.bins = previewBins;
            return std::make_shared<const WeightPreview>(previewWeight(request, monitor));
        },
        [this, model](Outcome<std::shared_ptr<const WeightPreview>> outcome) {
            if (model != m_document.model())
                return;
            if (auto* value = std::get_if<std::shared_ptr<const WeightPreview>>(&outcome))
                Q_EMIT previewReady(std::move(*value));
            else if (const Failure* failure = std::get_if<Failure>(&outcome))
                Q_EMIT previewFailed(failure->message);
        });
}

} // namespace gradus
