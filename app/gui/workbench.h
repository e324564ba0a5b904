// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/document.h"
#include "app/gui/fed_data.h"
#include "app/gui/job_runner.h"
#include "app/gui/sample_evaluation.h"
#include "app/gui/session_store.h"
#include "app/gui/training_feed.h"
#include "core/export/export.h"
#include "core/session/evaluate.h"
#include "core/session/forecast.h"
#include "core/session/sensitivity.h"

#include <QFileSystemWatcher>
#include <QObject>
#include <QTimer>

#include <functional>
#include <limits>
#include <set>

namespace gradus {

/// Which layers a run computes.
enum class RunScope
{
    All,
    Selected, ///< the named ones; others keep what the shown run has under the same choice
    Stale,    ///< what the shown run has no result for that belongs to the recipe
};

/// What was measured of a run; NaN for what was not.
struct RunFigures
{
    double divergence = std::numeric_limits<double>::quiet_NaN(); ///< KL to the float model, nats
    double divergenceError = std::numeric_limits<double>::quiet_NaN();
    double cosine = std::numeric_limits<double>::quiet_NaN(); ///< of the outputs
    double cosineError = std::numeric_limits<double>::quiet_NaN();
    QStringList texts; ///< all of it, for people
};

/// More is known of a layer under a candidate; indices of a SensitivityTable.
struct SensitivityCell
{
    std::size_t row = 0;
    std::size_t candidate = 0;
    Sensitivity value;
};

/// The verbs of the workbench over a document. Everything that reads a file or computes runs on one
/// of two job runners: `work` for what a person waits for (open, quantize, evaluate, export), and
/// `plan` for what must follow every edit at once (plan, forecast, autosave), also while work goes
/// on.
///
/// Each verb takes what to do when it is over: true when it succeeded.
class Workbench final : public QObject
{
    Q_OBJECT
public:
    using Then = std::function<void(bool ok)>;

    /// sessions: the folder in which sessions are kept against a crash; empty keeps nothing.
    explicit Workbench(const QString& sessions, QObject* parent = nullptr);
    ~Workbench() override;

    [[nodiscard]] Document* document() { return &m_document; }
    [[nodiscard]] const Document* document() const { return &m_document; }

    /// Opens whatever the path is: a model, a run, a recipe (.json), calibration data: a
    /// text (.txt), and for an open model that reads no text an array, an image or a folder of
    /// them.
    void open(const QString& path, const Then& then = {});
    void openModel(const QString& path, const Then& then = {});
    void closeModel();
    /// With the run's model, unless that is the one already open: then the run joins those of the
    /// session, and its recipe becomes an edit. model: where the model is now, if it has moved.
    void openRun(const QString& path, const Then& then = {}, const QString& model = {});
    void openRecipe(const QString& path, const Then& then = {});
    void saveRecipe(const QString& path, const Then& then = {});
    /// run: its id in the session, 0 for the shown one; here and below.
    void saveRun(const QString& path, const Then& then = {}, int run = 0);

    /// What an ended program left behind, if anything; to be restored or discarded.
    [[nodiscard]] std::optional<SavedSession> leftBehind();
    void restore(const SavedSession& session, const Then& then = {});
    void discardLeftBehind();

    /// Why quantize() would refuse now; empty when it would not.
    [[nodiscard]] QString obstacle() const;
    void quantize(const Then& then = {}) { quantize(RunScope::All, {}, then); }
    void quantize(RunScope scope, const std::vector<std::string>& selected, const Then& then = {});
    /// Layers that RunScope::Stale would compute.
    [[nodiscard]] std::size_t staleCount() const { return m_stale; }
    /// Runs the float model over the calibration data and keeps every layer's inputs.
    void captureInputs(const Then& then = {});
    void evaluate(const QString& textFile, PerplexityConvention convention, std::int64_t context,
                  const Then& then = {});
    /// How far the shown run's next tokens are from the float model's.
    void evaluateDivergence(const QString& textFile, PerplexityConvention convention,
                            std::int64_t context, const Then& then = {});
    /// Of a model that is fed no text; its figures take the place of the perplexity.
    void evaluateSamples(const SampleEvaluation& what, const Then& then = {});
    /// Cells come by sensitivitiesMeasured as they are known, the whole table at the end.
    using SensitivityDone = std::function<void(std::shared_ptr<const SensitivityTable> table)>;
    void measureSensitivity(const SensitivityRequest& request, const SensitivityDone& done,
                            const Then& then = {});
    void saveSensitivity(const std::shared_ptr<const SensitivityTable>& table, const QString& path,
                         const Then& then = {});
    /// Names what the format cannot hold, for the export dialog; failure: why it cannot be written
    /// at all.
    using PreflightDone =
        std::function<void(const std::vector<PreflightNote>& notes, const QString& failure)>;
    void preflightExport(ExportFormat format, GptqZeros zeros, const PreflightDone& done,
                         int run = 0);
    /// From the session, with what was kept of it; not one that goes on.
    void removeRun(int run);
    /// Writes, then reads back and compares with the run. Layers that a cancelled run did not reach
    /// stay float.
    void exportRun(ExportFormat format, const QString& path, GptqZeros zeros, const Then& then = {},
                   int run = 0);
    /// HTML, and the table beside it as CSV; against the compared run if there is one.
    void writeReport(const QString& path, const Then& then = {}, int run = 0);

    void cancel();
    [[nodiscard]] bool isBusy() const { return !m_activity.isEmpty(); }
    /// No plan is being made: document()->plan() belongs to the recipe, or it failed.
    [[nodiscard]] bool isPlanned() const;
    [[nodiscard]] QString activity() const { return m_activity; }
    /// The run in progress, 0 if none.
    [[nodiscard]] int runInProgress() const { return m_runInProgress; }
    /// A complete run was computed here and is in no file of the person's yet.
    [[nodiscard]] bool hasUnsavedRun() const;
    /// Where the recipe was read from or written to; empty if nowhere.
    [[nodiscard]] QString recipePath() const { return m_recipePath; }
    /// "float 7.93 → quantized 8.11 (+2.3 %)", with how it was measured; empty before.
    [[nodiscard]] QString perplexityText() const { return m_perplexity; }
    /// Of the whole recipe, as the last forecast had it; 0 before there is one.
    [[nodiscard]] double forecastSeconds() const { return m_forecast ? m_forecast->seconds : 0; }
    /// What views beside the recipe want to find again when the session is restored.
    void setViewState(const QByteArray& state);
    [[nodiscard]] QByteArray viewState() const { return m_viewState; }

Q_SIGNALS:
    void activityChanged(const QString& activity); ///< empty: idle
    void progressed(double fraction, const QString& stage);
    void logged(const QString& line);
    void succeeded(const QString& message);
    void failed(const QString& message);
    void opened(const QString& path); ///< a model or run, for the list of recent files
    void perplexityChanged(const QString& text);
    /// The calibration data of a model that reads no text is looked at, was, or there is none.
    void fedBusy();
    void fedReady(const gradus::FedData& data);
    void fedDropped();
    void forecastChanged(const gradus::Forecast& forecast);
    void inputsCaptured(const std::string& layer,
                        std::shared_ptr<const gradus::InputStatistics> inputs);
    void sensitivitiesMeasured(const std::vector<gradus::SensitivityCell>& cells);
    void runMeasured(int run, const gradus::RunFigures& figures);
    void viewStateRestored(const QByteArray& state);
    /// Steps of a training of the run in progress, those of a frame at once.
    void trainingAdvanced(const std::vector<gradus::TrainingProgress>& steps);
    /// A run whose model is not where it was, or is another one by now.
    void modelMissing(const QString& run, const QString& why);
    /// The open model's file is gone or no longer what was opened.
    void modelChangedOnDisk(const QString& why);
    /// A run was interrupted by a crash; resume() takes it up.
    void interruptedRunFound(const QString& name);

public Q_SLOTS:
    /// The run that restore() found interrupted.
    void resume();

private:
    template <class Work, class Done>
    void work(const QString& activity, Work work, Done done, const Then& then);
    void refuse(const QString& why, const Then& then);
    void setActivity(const QString& activity);
    void say(const QString& line);
    void planAgain();
    void lookAgain();
    void forecastAgain();
    void keepSession();
    [[nodiscard]] SavedSession sessionState() const;
    void setPerplexity(const QString& text);
    /// What was measured and how: in the log, the panel, and with the run, 0 for none.
    void showFigures(const QString& text, const QString& how, int run, const RunFigures& figures);
    [[nodiscard]] const SessionRun* sessionRun(int id) const;
    void takeRun(std::shared_ptr<const Run> run, const QString& path);
    void watchModel();
    void checkModel();
    struct RunRequest;
    void startRun(const RunRequest& request, const Then& then);
    void finishRun(int id, const std::shared_ptr<const Run>& run, double seconds);

    Document m_document;
    SessionStore m_store;
    QTimer m_keepTimer;
    QFileSystemWatcher m_watcher;
    QString m_activity;
    QString m_recipePath;
    QString m_perplexity;
    QByteArray m_viewState;
    int m_runInProgress = 0;
    std::size_t m_stale = 0;
    std::optional<MachineSpeed> m_machine;
    std::optional<Forecast> m_forecast;
    double m_correction = 1; ///< of forecasts, learnt from this session's runs
    std::unique_ptr<SavedSession::SavedRun> m_interrupted;
    /// Perplexity of the float model, by data, convention and context.
    std::map<QString, Perplexity> m_floatPerplexity;
    std::map<QString, Accuracy> m_floatAccuracy;
    /// Of the data that was looked at last, and of which model.
    CalibrationChoice m_looked;
    std::weak_ptr<const Model> m_lookedBy;
    TrainingFeed m_training;
    JobRunner m_work; // after all that jobs touch, so that it is destroyed first
    JobRunner m_plan;
    JobRunner m_look;
};

template <class Work, class Done>
void Workbench::work(const QString& activity, Work body, Done done, const Then& then)
{
    if (isBusy()) {
        refuse(tr("%1 is still running: cancel it first").arg(m_activity), then);
        return;
    }
    setActivity(activity);
    using T = std::invoke_result_t<Work&, JobMonitor&>;
    m_work.start(QStringLiteral("work"), std::move(body),
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

/// The last component of a path, for a message.
[[nodiscard]] QString shortPath(const QString& path);

} // namespace gradus
