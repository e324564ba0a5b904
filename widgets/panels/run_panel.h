// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/forecast.h"
#include "core/session/recipe.h"
#include "widgets/models/fed_data.h"
#include "widgets/models/model_facts.h"

#include <QElapsedTimer>
#include <QWidget>

class QComboBox;
class QLabel;
class QLineEdit;
class QPlainTextEdit;
class QProgressBar;
class QPushButton;
class QSpinBox;

namespace gradus {

class FedStrip;
class SampleFields;

/// Calibration, seed, run and cancel, progress with the time left, and what has been said.
class RunPanel final : public QWidget
{
    Q_OBJECT
public:
    explicit RunPanel(QWidget* parent = nullptr);

    /// modelContext: the model's longest window, 0 if it states none.
    void setRecipe(const Recipe& recipe, std::int64_t modelContext);
    /// Which fields there are, and what the button that measures is called; a language model's at
    /// first. image: what the model states of images.
    void setFeed(FeedKind kind, const std::optional<ImageInput>& image = {});
    /// What the calibration data is fed as: being looked at, known, or (null) not of interest.
    void setFedBusy();
    void setFed(const FedData* fed);
    [[nodiscard]] FedStrip* fedStrip() const { return m_fed; }
    /// Why the recipe cannot be run now; empty when it can.
    void setObstacle(const QString& why);
    /// What the run would take, shown while nothing runs.
    void setForecast(const Forecast& forecast);
    [[nodiscard]] QString forecastText() const;
    /// Layers whose result does not belong to the recipe any more, of the shown run if there is
    /// one.
    void setStale(std::size_t layers, bool haveRun);
    /// Whether a perplexity can be measured: the model runs.
    void setCanEvaluate(bool can, const QString& why = {});
    /// Why no data can be fed: the model does not run. Empty when it can.
    void setCannotFeed(const QString& why);
    /// What is running; empty when nothing is.
    void setActivity(const QString& activity);
    void setProgress(double fraction, const QString& stage);
    void appendLog(const QString& line);
    /// The last perplexities, "float 7.93 → quantized 8.11"; empty hides the line.
    void setPerplexity(const QString& text);
    [[nodiscard]] QString logText() const;

Q_SIGNALS:
    void calibrationRequested(const gradus::CalibrationChoice& choice, const QString& text,
                              const QString& key);
    void seedRequested(quint64 seed);
    void runRequested();
    void staleRunRequested();
    void cancelRequested();
    void evaluateRequested();

private:
    void request(const QString& text, const char* field);
    void browse(bool folder);
    void showBrowseMenu(QWidget* button);
    void updateButtons();

    CalibrationChoice m_calibration;
    quint64 m_seedValue = 0;
    bool m_refreshing = false;
    bool m_canEvaluate = true;
    QString m_whyNotEvaluate;
    QString m_whyNotFed;
    FeedKind m_kind = FeedKind::Text;
    QString m_activity;
    QString m_obstacle;
    QElapsedTimer m_since;

    QWidget* m_form = nullptr;
    QLineEdit* m_data = nullptr;
    QPushButton* m_browse = nullptr;
    QSpinBox* m_samples = nullptr;
    QSpinBox* m_context = nullptr;
    QLabel* m_contextTitle = nullptr;
    SampleFields* m_fields = nullptr;
    FedStrip* m_fed = nullptr;
    QComboBox* m_mode = nullptr;
    QLineEdit* m_seed = nullptr;
    QPushButton* m_run = nullptr;
    QPushButton* m_runStale = nullptr;
    QLabel* m_forecast = nullptr;
    std::size_t m_stale = 0;
    QPushButton* m_cancel = nullptr;
    QPushButton* m_evaluate = nullptr;
    QProgressBar* m_progress = nullptr;
    QLabel* m_stage = nullptr;
    QLabel* m_perplexity = nullptr;
    QPlainTextEdit* m_log = nullptr;
};

/// "about 12 s left" once enough of the work is done to tell; else empty.
[[nodiscard]] QString timeLeft(double fraction, double elapsedSeconds);

} // namespace gradus
