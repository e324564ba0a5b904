// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/workbench.h"

#include "core/base/atomic_file.h"
#include "core/base/format.h"
#include "core/session/stale.h"
#include "widgets/core_text.h"
#include "widgets/models/model_facts.h"
#include "widgets/text.h"

#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QTime>

#include <cmath>

namespace gradus {

namespace {
constexpr int keepAfterMs = 700; ///< of quiet; a crash loses the edits of this moment at most
const QString planId = QStringLiteral("plan");
const QString forecastId = QStringLiteral("forecast");
const QString keepId = QStringLiteral("keep");
const QString checkId = QStringLiteral("check");

/// A recipe for a model that has just been opened. A text laid beside the model for this purpose is
/// taken, so that the error of every layer can be measured without a further question.
Recipe initialRecipe(const Model& model)
{
    Recipe recipe;
    const std::filesystem::path& path = model.source.path;
    std::error_code ignored;
    const std::filesystem::path folder =
        std::filesystem::is_directory(path, ignored) ? path : path.parent_path();
    const FeedKind kind = feedKindOf(model);
    const bool text = kind == FeedKind::Text || kind == FeedKind::Tokens;
    for (const char* name : {"calibration.txt", "calibration.npz", "calibration.npy"}) {
        const std::filesystem::path file = folder / name;
        const bool fits = text == (file.extension() == ".txt");
        if (fits && std::filesystem::is_regular_file(file, ignored)) {
            recipe.calibration.data = file.string();
            break;
        }
    }
    return recipe;
}

/// A file by whose name it is samples and no model; a folder that holds images and no model.
bool holdsSamples(const QFileInfo& info)
{
    static const QStringList arrays{QStringLiteral("*.npy"), QStringLiteral("*.npz"),
                                    QStringLiteral("*ubyte"), QStringLiteral("*ubyte.gz")};
    static const QStringList images{QStringLiteral("*.png"), QStringLiteral("*.jpg"),
                                    QStringLiteral("*.jpeg")};
    if (info.isFile())
        return QDir::match(arrays + images, info.fileName());
    const QDir folder(info.absoluteFilePath());
    if (!info.isDir() || folder.exists(QStringLiteral("config.json")))
        return false;
    if (!folder.entryList(images, QDir::Files).isEmpty())
        return true;
    const QStringList classes = folder.entryList(QDir::Dirs | QDir::NoDotAndDotDot);
    return !classes.isEmpty() && folder.entryList(QDir::Files).isEmpty() &&
           !QDir(folder.filePath(classes.front())).entryList(images, QDir::Files).isEmpty();
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
} // namespace

QString shortPath(const QString& path)
{
    const QString name = QFileInfo(QDir::cleanPath(path)).fileName();
    return name.isEmpty() ? path : name;
}

Workbench::Workbench(const QString& sessions, QObject* parent)
    : QObject(parent)
    , m_store(sessions)
{
    connect(&m_training, &TrainingFeed::advanced, this, &Workbench::trainingAdvanced);
    connect(&m_work, &JobRunner::progressed, this,
            [this](const QString&, double fraction, const QString& stage) {
                Q_EMIT progressed(fraction, stage);
            });
    connect(&m_work, &JobRunner::noted, this,
            [this](const QString&, const QString& line) { say(line); });
    connect(&m_document, &Document::recipeChanged, this, &Workbench::planAgain);
    connect(&m_document, &Document::recipeChanged, this, &Workbench::lookAgain);
    connect(&m_document, &Document::runsChanged, this, &Workbench::planAgain);
    connect(&m_document, &Document::modelChanged, this, [this] {
        m_floatPerplexity.clear();
        m_floatAccuracy.clear();
        lookAgain();
        m_interrupted.reset();
        setPerplexity({});
        watchModel();
    });
    m_keepTimer.setSingleShot(true);
    m_keepTimer.setInterval(keepAfterMs);
    connect(&m_keepTimer, &QTimer::timeout, this, &Workbench::keepSession);
    if (m_store.isActive()) {
        const auto soon = [this] { m_keepTimer.start(); };
        connect(&m_document, &Document::modelChanged, this, soon);
        connect(&m_document, &Document::recipeChanged, this, soon);
        connect(&m_document, &Document::runsChanged, this, soon);
    }
    connect(&m_watcher, &QFileSystemWatcher::fileChanged, this, &Workbench::checkModel);
}

Workbench::~Workbench()
{
    // The runners end before the store removes its folder: they are destroyed first.
}

void Workbench::refuse(const QString& why, const Then& then)
{
    Q_EMIT failed(why);
    if (then)
        then(false);
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

bool Workbench::hasUnsavedRun() const
{
    const auto& runs = m_document.runs();
    return std::any_of(runs.begin(), runs.end(), [](const SessionRun& run) {
        return run.isComplete() && run.file.isEmpty();
    });
}

const SessionRun* Workbench::sessionRun(int id) const
{
    return id == 0 ? m_document.shownRun() : m_document.findRun(id);
}

void Workbench::takeRun(std::shared_ptr<const Run> run, const QString& path)
{
    const int id = m_document.addRun(std::move(run), QFileInfo(path).completeBaseName());
    m_document.setRunFile(id, path);
}

void Workbench::setPerplexity(const QString& text)
{
    m_perplexity = text;
    Q_EMIT perplexityChanged(text);
}

void Workbench::setViewState(const QByteArray& state)
{
    if (m_viewState == state)
        return;
    m_viewState = state;
    if (m_store.isActive())
        m_keepTimer.start();
}

void Workbench::lookAgain()
{
    const QString id = QStringLiteral("look");
    const auto& model = m_document.model();
    const CalibrationChoice& now = m_document.recipe().calibration;
    if (!model || !model->canRun() || feedKindOf(*model) == FeedKind::Text || now.data.empty()) {
        m_look.cancel(id);
        m_lookedBy.reset();
        Q_EMIT fedDropped();
        return;
    }
    CalibrationChoice choice = now; // what is fed does not depend on these
    choice.samples = m_looked.samples;
    choice.mode = m_looked.mode;
    if (m_lookedBy.lock() == model && choice == m_looked)
        return;
    m_looked = choice;
    m_lookedBy = model;
    Q_EMIT fedBusy();
    m_look.start(
        id, [model, choice](JobMonitor& monitor) { return lookAtData(*model, choice, monitor); },
        [this](Outcome<FedData> outcome) {
            if (const auto* data = std::get_if<FedData>(&outcome)) {
                Q_EMIT fedReady(*data);
            } else if (const auto* failure = std::get_if<Failure>(&outcome)) {
                FedData none;
                none.problem = failure->message;
                Q_EMIT fedReady(none);
            }
        });
}

void Workbench::cancel()
{
    m_work.cancel(QStringLiteral("work"));
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
    } else if ((info.isFile() && name.endsWith(QLatin1String(".txt"))) ||
               (m_document.model() && holdsSamples(info))) {
        CalibrationChoice choice = m_document.recipe().calibration;
        choice.data = info.absoluteFilePath().toStdString();
        m_document.setCalibration(choice, calibrationDataTitle(m_document.model()
                                                                   ? feedKindOf(*m_document.model())
                                                                   : FeedKind::Text));
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
                takeRun(run, path);
            m_recipePath.clear();
            say(tr("Opened %1: %2, %3 layers, %4 parameters, %5")
                    .arg(path, coreText(model->architecture))
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

void Workbench::closeModel()
{
    if (isBusy())
        return;
    m_recipePath.clear();
    m_document.setModel(nullptr, {});
}

void Workbench::openRun(const QString& path, const Then& then, const QString& override)
{
    struct Opened
    {
        std::shared_ptr<const Model> model; ///< null when it was not found
        std::shared_ptr<const Run> run;
        QString why;
    };
    const std::filesystem::path file = toPath(path);
    work(
        tr("Opening %1").arg(shortPath(path)),
        [file, override, open = m_document.model()](JobMonitor&) {
            Opened result;
            result.run = readRun(file);
            if (open && open->source.fingerprint == result.run->provenance.modelFingerprint) {
                result.model = open;
                return result;
            }
            try {
                result.model = gradus::openRunModel(*result.run, toPath(override));
            } catch (const Error& error) {
                result.why = toQString(error.what());
            }
            return result;
        },
        [this, path](Opened result) {
            const auto& [model, run, why] = result;
            if (!model) {
                say(why);
                Q_EMIT modelMissing(path, why);
                return false;
            }
            if (model == m_document.model()) { // beside those of this session, to be compared
                m_document.editRecipe(run->recipe, tr("recipe of run %1").arg(shortPath(path)));
            } else {
                m_document.setModel(model, run->recipe);
                m_recipePath.clear();
            }
            takeRun(run, path);
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

void Workbench::planAgain()
{
    const auto model = m_document.model();
    if (!model)
        return;
    struct Planned
    {
        std::shared_ptr<const Plan> plan;
        std::size_t stale = 0;
    };
    m_plan.start(
        planId,
        [model, recipe = m_document.recipe(), results = m_document.results()](JobMonitor&) {
            Planned planned;
            planned.plan = std::make_shared<const Plan>(plan(*model, recipe));
            planned.stale = results.empty() ? 0 : staleLayers(*model, recipe, results).size();
            return planned;
        },
        [this, model](Outcome<Planned> outcome) {
            if (model != m_document.model())
                return;
            if (auto* value = std::get_if<Planned>(&outcome)) {
                m_stale = value->stale;
                m_document.setPlan(std::move(value->plan));
                forecastAgain();
            } else if (const Failure* failure = std::get_if<Failure>(&outcome)) {
                Q_EMIT failed(failure->message);
            }
        });
}

bool Workbench::isPlanned() const
{
    return !m_plan.isRunning(planId);
}

void Workbench::forecastAgain()
{
    ForecastRequest request;
    request.model = m_document.model();
    request.recipe = m_document.recipe();
    request.correction = m_correction;
    if (const auto run = m_document.run();
        run && run->recipe.calibration == request.recipe.calibration)
        request.windows = run->provenance.calibrationWindows;
    using Result = std::pair<Forecast, MachineSpeed>;
    m_plan.start(
        forecastId,
        [request, machine = m_machine](JobMonitor& monitor) mutable {
            request.machine = machine ? *machine : measureMachine(monitor);
            return Result(forecast(request), request.machine);
        },
        [this, model = request.model](Outcome<Result> outcome) {
            const Result* result = std::get_if<Result>(&outcome);
            if (!result || model != m_document.model())
                return;
            m_machine = result->second;
            m_forecast = result->first;
            Q_EMIT forecastChanged(result->first);
        });
}

SavedSession Workbench::sessionState() const
{
    SavedSession state;
    const auto& model = m_document.model();
    state.model = model ? pathText(model->source.path) : QString();
    state.recipePath = m_recipePath;
    state.recipeChanged = !m_document.isClean();
    state.recipe = m_document.recipe();
    state.view = m_viewState;
    for (const SessionRun& run : m_document.runs()) {
        if (run.kept.isEmpty())
            continue;
        SavedSession::SavedRun saved;
        saved.name = run.name;
        saved.file = run.kept;
        saved.complete = run.isComplete();
        saved.perplexity = run.perplexity;
        saved.started = run.started;
        saved.seconds = run.seconds;
        if (!saved.complete) {
            if (run.id != m_runInProgress || !run.resumable)
                continue;
            saved.recipe = *run.resumable;
        }
        state.runs.push_back(std::move(saved));
    }
    if (m_interrupted) // and not taken up yet
        state.runs.push_back(*m_interrupted);
    return state;
}

void Workbench::keepSession()
{
    const QString file = m_store.stateFile();
    if (file.isEmpty())
        return;
    m_plan.start(
        keepId,
        [file, state = sessionState()](JobMonitor&) {
            SessionStore::write(file, state);
            return true;
        },
        [this](Outcome<bool> outcome) {
            if (const Failure* failure = std::get_if<Failure>(&outcome))
                say(tr("The session cannot be kept against a crash: %1").arg(failure->message));
        });
}

std::optional<SavedSession> Workbench::leftBehind()
{
    return m_store.takeOver();
}

void Workbench::discardLeftBehind()
{
    m_store.discard();
}

void Workbench::restore(const SavedSession& session, const Then& then)
{
    struct Restored
    {
        std::shared_ptr<const Model> model;
        std::vector<std::pair<SavedSession::SavedRun, std::shared_ptr<const Run>>> runs;
        QStringList problems;
    };
    work(
        tr("Restoring %1").arg(shortPath(session.model)),
        [session](JobMonitor& monitor) {
            Restored restored;
            restored.model = gradus::openModel(toPath(session.model));
            for (const SavedSession::SavedRun& saved : session.runs) {
                monitor.checkpoint();
                if (!saved.complete && !QFileInfo::exists(saved.file)) {
                    restored.runs.emplace_back(saved, nullptr);
                    continue;
                }
                try { // one that was finished just before the crash has its file already
                    restored.runs.emplace_back(saved, readRun(toPath(saved.file)));
                } catch (const Error& error) {
                    restored.problems.append(toQString(error.what()));
                }
            }
            return restored;
        },
        [this, session](Restored restored) {
            m_store.adopt(); // not before: what cannot be restored now may be at another start
            m_document.setModel(restored.model, session.recipe);
            m_recipePath = session.recipePath;
            m_viewState = session.view;
            Q_EMIT viewStateRestored(m_viewState);
            if (session.recipeChanged || session.recipePath.isEmpty())
                m_document.undoStack()->resetClean();
            for (const QString& problem : restored.problems)
                say(problem);
            for (auto& [saved, run] : restored.runs) {
                if (!run) {
                    m_interrupted = std::make_unique<SavedSession::SavedRun>(saved);
                    continue;
                }
                const int id = m_document.addRun(std::move(run), saved.name);
                m_document.setKept(id, saved.file, saved.started, saved.seconds);
                m_document.setPerplexity(id, saved.perplexity);
            }
            say(tr("Restored the session with %1").arg(session.model));
            Q_EMIT opened(session.model);
            if (m_interrupted)
                Q_EMIT interruptedRunFound(m_interrupted->name);
            return true;
        },
        then);
}

void Workbench::watchModel()
{
    if (!m_watcher.files().isEmpty())
        m_watcher.removePaths(m_watcher.files());
    const auto& model = m_document.model();
    if (!model)
        return;
    QStringList files;
    for (const std::filesystem::path& file : model->source.weightFiles)
        files.append(pathText(file));
    if (!files.isEmpty())
        m_watcher.addPaths(files);
}

void Workbench::checkModel()
{
    const auto& model = m_document.model();
    if (!model)
        return;
    m_plan.start(
        checkId,
        [model](JobMonitor&) -> QString {
            const QString path = pathText(model->source.path);
            try {
                const ModelSource now = openModelSource(model->source.path);
                if (now.fingerprint == model->source.fingerprint)
                    return {};
            } catch (const Error& error) {
                return tr("%1 is no longer what was opened: %2").arg(path, toQString(error.what()));
            }
            return tr("%1 has changed since it was opened: what is shown belongs to the old file")
                .arg(path);
        },
        [this, model](Outcome<QString> outcome) {
            const QString* why = std::get_if<QString>(&outcome);
            if (model != m_document.model())
                return;
            watchModel(); // a file that was replaced is another one to the watcher
            if (!why || why->isEmpty())
                return;
            say(*why);
            Q_EMIT modelChangedOnDisk(*why);
        });
}

} // namespace gradus
