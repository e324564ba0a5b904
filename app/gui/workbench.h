// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/document.h"
#include "app/gui/job_runner.h"
#include "core/export/export.h"
#include "core/session/evaluate.h"
#include "core/session/weight_view.h"

#include <QObject>

#include <functional>

namespace gradus {

/// The verbs of the workbench over a document. Everything that reads a file or computes runs on one
/// of two job runners: `work` for what a person waits for (open, quantize, evaluate, export), and
/// `whatIf` for what must follow every edit at once (plan, preview), also while work goes on.
///
/// Each verb takes what to do when it is over: true when it succeeded.
class Workbench final : public QObject
{
    Q_OBJECT
public:
    using Then = std::function<void(bool ok)>;

    explicit Workbench(QObject* parent = nullptr);
    ~Workbench() override;

    [[nodiscard]] Document* document() { return &m_document; }

    /// Opens whatever the path is: a model, a run, a recipe (.json), or a calibration text (.txt).
    void open(const QString& path, const Then& then = {});
    void openModel(const QString& path, const Then& then = {});
    /// With the run's model, unless that is the one already open.
    void openRun(const QString& path, const Then& then = {});
    void openRecipe(const QString& path, const Then& then = {});
    void saveRecipe(const QString& path, const Then& then = {});
    void saveRun(const QString& path, const Then& then = {});

    /// Why quantize() would refuse now; empty when it would not.
    [[nodiscard]] QString obstacle() const;
    void quantize(const Then& then = {});
    void evaluate(const QString& textFile, PerplexityConvention convention, std::int64_t context,
                  const Then& then = {});
    /// Names what the format cannot hold, for the export dialog.
    void preflightExport(ExportFormat format, GptqZeros zeros,
                         const std::function<void(const std::vector<PreflightNote>&)>& done);
    /// Writes, then reads back and compares with the run.
    void exportRun(ExportFormat format, const QString& path, GptqZeros zeros,
                   const Then& then = {});

    /// What the histogram of the layer would show; answers with previewReady or previewFailed.
    void requestPreview(const std::string& layer);

    void cancel();
    [[nodiscard]] bool isBusy() const { return !m_activity.isEmpty(); }
    /// No plan is being made: document()->plan() belongs to the recipe, or it failed.
    [[nodiscard]] bool isPlanned() const;
    [[nodiscard]] QString activity() const { return m_activity; }
    /// The run was computed here and is in no file yet.
    [[nodiscard]] bool hasUnsavedRun() const { return m_unsavedRun; }
    /// Where the recipe was read from or written to; empty if nowhere.
    [[nodiscard]] QString recipePath() const { return m_recipePath; }
    /// "float 7.93 → quantized 8.11 (+2.3 %)", with how it was measured; empty before.
    [[nodiscard]] QString perplexityText() const { return m_perplexity; }

Q_SIGNALS:
    void activityChanged(const QString& activity); ///< empty: idle
    void progressed(double fraction, const QString& stage);
    void logged(const QString& line);
    void succeeded(const QString& message);
    void failed(const QString& message);
    void opened(const QString& path); ///< a model or run, for the list of recent files
    void perplexityChanged(const QString& text);
    void previewReady(std::shared_ptr<const gradus::WeightPreview> preview);
    void previewFailed(const QString& message);
    void previewDropped(); ///< the layer is gone

private:
    template <class Work, class Done>
    void work(const QString& activity, Work work, Done done, const Then& then);
    void setActivity(const QString& activity);
    void say(const QString& line);
    void planAgain();
    void setPerplexity(const QString& text);

    Document m_document;
    QString m_activity;
    QString m_recipePath;
    QString m_perplexity;
    bool m_unsavedRun = false;
    /// Perplexity of the float model, by data, convention and context.
    std::map<QString, Perplexity> m_floatPerplexity;
    JobRunner m_work; // after all that jobs touch, so that it is destroyed first
    JobRunner m_whatIf;
};

} // namespace gradus
