// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/run_panel.h"

#include "core/base/format.h"
#include "widgets/text.h"

#include <QComboBox>
#include <QFileDialog>
#include <QFontDatabase>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QRegularExpressionValidator>
#include <QScrollBar>
#include <QSpinBox>
#include <QTimer>
#include <QVBoxLayout>

#include <cmath>

namespace gradus {

QString timeLeft(double fraction, double elapsedSeconds)
{
    if (!(fraction > 0.02) || fraction >= 1 || elapsedSeconds < 1)
        return {};
    const double left = std::ceil(elapsedSeconds * (1 - fraction) / fraction);
    const QString time =
        left < 60 ? RunPanel::tr("%1 s").arg(left) : toQString(formatSeconds(left));
    return RunPanel::tr("about %1 left").arg(time);
}

namespace {
QString stageTitle(ForecastPart::Stage stage)
{
    switch (stage) {
    case ForecastPart::Stage::Reading:
        return RunPanel::tr("Reading");
    case ForecastPart::Stage::Calibration:
        return RunPanel::tr("Calibration passes");
    case ForecastPart::Stage::Hessians:
        return RunPanel::tr("Hessians");
    case ForecastPart::Stage::Solving:
        return RunPanel::tr("Solving");
    case ForecastPart::Stage::Measuring:
        return RunPanel::tr("Measuring errors");
    case ForecastPart::Stage::Training:
        return RunPanel::tr("Training");
    case ForecastPart::Stage::Writing:
        return RunPanel::tr("Writing");
    }
    return {};
}
} // namespace

RunPanel::RunPanel(QWidget* parent)
    : QWidget(parent)
{
    m_data = new QLineEdit;
    m_data->setPlaceholderText(tr("none: data-free methods only"));
    m_data->setToolTip(tr("A text file; its tokens are what the layers see while the "
                          "error is measured and GPTQ and decoupleQ work"));
    m_data->setClearButtonEnabled(true);
    m_data->setAcceptDrops(false); // a text dropped on the window is the calibration
    auto* browse = new QPushButton(tr("Browse…"));
    m_samples = new QSpinBox;
    m_samples->setRange(1, 1'000'000);
    m_samples->setToolTip(tr("Windows of tokens taken from the text"));
    m_context = new QSpinBox;
    m_context->setRange(0, 1'000'000);
    m_context->setSingleStep(64);
    m_context->setToolTip(tr("Tokens per window"));
    m_mode = new QComboBox;
    m_mode->addItem(tr("Sequential"), static_cast<int>(CalibrationMode::Sequential));
    m_mode->addItem(tr("Layer by layer"), static_cast<int>(CalibrationMode::TrueSequential));
    m_mode->addItem(tr("Float model"), static_cast<int>(CalibrationMode::Float));
    m_mode->setToolTip(
        tr("Sequential: each block sees the outputs of the quantized "
           "blocks before it.\nLayer by layer (true-sequential): each layer also sees the "
           "quantized layers before it within its block; slower.\nFloat model: "
           "statistics of the float model, in one pass"));
    m_seed = new QLineEdit;
    m_seed->setValidator(
        new QRegularExpressionValidator(QRegularExpression(QStringLiteral("[0-9]{1,19}")), m_seed));
    m_seed->setToolTip(tr("Chooses the calibration windows; equal seeds give equal bytes"));
    for (QSpinBox* spin : {m_samples, m_context}) {
        spin->setKeyboardTracking(false);
        spin->setGroupSeparatorShown(true);
    }

    m_form = new QWidget;
    m_form->setMaximumWidth(640);
    auto* grid = new QGridLayout(m_form);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(8);
    grid->setVerticalSpacing(6);
    const auto label = [grid](const QString& text, QWidget* buddy, int row, int column) {
        auto* title = new QLabel(text);
        title->setBuddy(buddy);
        title->setToolTip(buddy->toolTip());
        grid->addWidget(title, row, column);
    };
    label(tr("Calibration"), m_data, 0, 0);
    auto* dataLine = new QHBoxLayout;
    dataLine->setSpacing(6);
    dataLine->addWidget(m_data, 1);
    dataLine->addWidget(browse);
    grid->addLayout(dataLine, 0, 1, 1, 3);
    label(tr("Samples"), m_samples, 1, 0);
    grid->addWidget(m_samples, 1, 1);
    label(tr("Context"), m_context, 1, 2);
    grid->addWidget(m_context, 1, 3);
    label(tr("Mode"), m_mode, 2, 0);
    grid->addWidget(m_mode, 2, 1);
    label(tr("Seed"), m_seed, 2, 2);
    grid->addWidget(m_seed, 2, 3);
    grid->setColumnStretch(1, 1);
    grid->setColumnStretch(3, 1);

    m_run = new QPushButton(tr("Quantize"));
    m_run->setToolTip(tr("Run the recipe (F5)"));
    m_runStale = new QPushButton(tr("Stale (%1)").arg(0));
    m_cancel = new QPushButton(tr("Cancel"));
    m_cancel->setToolTip(tr("Stop; finished layers stay (Esc)"));
    m_evaluate = new QPushButton(tr("Perplexity…"));
    m_evaluate->setToolTip(tr("Measure the perplexity of the float model and of the "
                              "last run on a text"));
    auto* buttonRow = new QWidget;
    buttonRow->setMaximumWidth(640);
    auto* buttons = new QHBoxLayout(buttonRow);
    buttons->setContentsMargins(0, 0, 0, 0);
    buttons->setSpacing(6);
    buttons->addWidget(m_run);
    buttons->addWidget(m_runStale);
    buttons->addWidget(m_cancel);
    buttons->addStretch(1);
    buttons->addWidget(m_evaluate);

    m_progress = new QProgressBar;
    m_progress->setRange(0, 1000);
    m_progress->setTextVisible(false);
    m_progress->setFixedHeight(8);
    m_stage = new QLabel;
    m_stage->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_stage->setForegroundRole(QPalette::PlaceholderText);
    m_forecast = new QLabel;
    m_forecast->setWordWrap(true);
    m_forecast->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_forecast->hide();
    m_perplexity = new QLabel;
    m_perplexity->setWordWrap(true);
    m_perplexity->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_perplexity->hide();
    m_log = new QPlainTextEdit;
    m_log->setAccessibleName(tr("Log"));
    m_log->setReadOnly(true);
    m_log->setAcceptDrops(false);
    m_log->setMaximumBlockCount(5000);
    m_log->setFrameShape(QFrame::NoFrame);
    m_log->setLineWrapMode(QPlainTextEdit::WidgetWidth);
    m_log->setPlaceholderText(tr("What happens is written here."));
    QFont mono = QFontDatabase::systemFont(QFontDatabase::FixedFont);
    mono.setPointSizeF(font().pointSizeF() * 0.92);
    m_log->setFont(mono);
    m_log->document()->setDocumentMargin(6);

    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(10, 8, 10, 8);
    layout->setSpacing(7);
    layout->addWidget(m_form);
    layout->addWidget(buttonRow);
    layout->addWidget(m_progress);
    layout->addWidget(m_stage);
    layout->addWidget(m_forecast);
    layout->addWidget(m_perplexity);
    layout->addWidget(m_log, 1);

    connect(browse, &QPushButton::clicked, this, &RunPanel::browse);
    connect(m_data, &QLineEdit::editingFinished, this,
            [this] { request(tr("calibration text"), "data"); });
    connect(m_data, &QLineEdit::textChanged, this, [this](const QString& text) {
        if (text.isEmpty()) // the clear button ends no editing
            request(tr("calibration text"), "data");
    });
    connect(m_samples, &QSpinBox::valueChanged, this,
            [this] { request(tr("calibration samples"), "samples"); });
    connect(m_context, &QSpinBox::valueChanged, this,
            [this] { request(tr("calibration context"), "context"); });
    connect(m_mode, &QComboBox::activated, this,
            [this] { request(tr("calibration mode"), "mode"); });
    connect(m_seed, &QLineEdit::editingFinished, this, [this] {
        const quint64 seed = m_seed->text().toULongLong();
        if (!m_refreshing && seed != m_seedValue)
            Q_EMIT seedRequested(seed);
    });
    connect(m_run, &QPushButton::clicked, this, &RunPanel::runRequested);
    connect(m_runStale, &QPushButton::clicked, this, &RunPanel::staleRunRequested);
    connect(m_cancel, &QPushButton::clicked, this, &RunPanel::cancelRequested);
    connect(m_evaluate, &QPushButton::clicked, this, &RunPanel::evaluateRequested);
    setRecipe(Recipe(), 0);
    setActivity({});
}

void RunPanel::setRecipe(const Recipe& recipe, std::int64_t modelContext)
{
    m_refreshing = true;
    m_calibration = recipe.calibration;
    m_seedValue = recipe.seed;
    if (m_data->text() != toQString(m_calibration.data))
        m_data->setText(toQString(m_calibration.data));
    m_data->setCursorPosition(static_cast<int>(m_data->text().size()));
    m_samples->setValue(static_cast<int>(std::min<std::int64_t>(m_calibration.samples, 1'000'000)));
    const std::int64_t standard = modelContext > 0 ? std::min<std::int64_t>(modelContext, 2048) : 0;
    m_context->setSpecialValueText(standard > 0 ? tr("Model's: %1").arg(standard) : tr("Model's"));
    m_context->setValue(static_cast<int>(std::min<std::int64_t>(m_calibration.context, 1'000'000)));
    m_mode->setCurrentIndex(m_mode->findData(static_cast<int>(m_calibration.mode)));
    m_seed->setText(QString::number(m_seedValue));
    m_refreshing = false;
}

void RunPanel::request(const QString& text, const char* field)
{
    if (m_refreshing)
        return;
    CalibrationChoice next = m_calibration;
    next.data = m_data->text().trimmed().toStdString();
    next.samples = m_samples->value();
    next.context = m_context->value();
    next.mode = static_cast<CalibrationMode>(m_mode->currentData().toInt());
    if (!(next == m_calibration))
        Q_EMIT calibrationRequested(next, text,
                                    QStringLiteral("run-panel/%1").arg(QLatin1String(field)));
}

void RunPanel::browse()
{
    auto* dialog = new QFileDialog(this, tr("Calibration text"), m_data->text());
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFile);
    dialog->setNameFilters({tr("Text (*.txt *.text *.md)"), tr("All files (*)")});
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        m_data->setText(path);
        request(tr("calibration text"), "data");
    });
    dialog->open();
}

void RunPanel::setObstacle(const QString& why)
{
    m_obstacle = why;
    updateButtons();
}

void RunPanel::setForecast(const Forecast& forecast)
{
    const std::uint64_t all = forecast.storedBytes + forecast.floatBytes;
    m_forecast->setText(tr("Forecast: %1 (%2 quantized, %3 float), about %4, %5 of memory")
                            .arg(toQString(formatBytes(all)),
                                 toQString(formatBytes(forecast.storedBytes)),
                                 toQString(formatBytes(forecast.floatBytes)),
                                 toQString(formatSeconds(forecast.seconds)),
                                 toQString(formatBytes(forecast.peakMemoryBytes))));
    QStringList lines{tr("Sizes are exact. Time and memory are estimated from counted operations "
                         "and this machine's measured speed:")};
    for (const ForecastPart& part : forecast.parts) {
        const QString stage = stageTitle(part.stage);
        lines.append(
            part.method.empty()
                ? tr("%1: %2").arg(stage, toQString(formatSeconds(part.seconds)))
                : tr("%1 (%2): %3")
                      .arg(stage, toQString(part.method), toQString(formatSeconds(part.seconds))));
    }
    m_forecast->setToolTip(lines.join(QLatin1Char('\n')));
    m_forecast->show();
}

QString RunPanel::forecastText() const
{
    return m_forecast->isHidden() ? QString() : m_forecast->text();
}

void RunPanel::setStale(std::size_t layers, bool haveRun)
{
    m_stale = layers;
    m_runStale->setVisible(haveRun);
    m_runStale->setText(tr("Stale (%1)").arg(layers));
    m_runStale->setToolTip(tr("Compute only what the shown run has no fitting result for; the "
                              "rest is taken over (Shift+F5)"));
    updateButtons();
}

void RunPanel::setCanEvaluate(bool can)
{
    m_canEvaluate = can;
    updateButtons();
}

void RunPanel::setActivity(const QString& activity)
{
    m_activity = activity;
    m_since.start();
    m_progress->setValue(0);
    m_stage->setText(activity);
    updateButtons();
}

void RunPanel::setProgress(double fraction, const QString& stage)
{
    if (m_activity.isEmpty())
        return;
    m_progress->setValue(static_cast<int>(std::lround(1000 * std::clamp(fraction, 0.0, 1.0))));
    QStringList parts{QStringLiteral("%1 %").arg(std::floor(100 * fraction))};
    if (!stage.isEmpty())
        parts.append(stage);
    const QString left = timeLeft(fraction, static_cast<double>(m_since.elapsed()) / 1000);
    if (!left.isEmpty())
        parts.append(left);
    m_stage->setText(parts.join(QStringLiteral(" · ")));
    m_stage->setToolTip(m_stage->text());
}

void RunPanel::appendLog(const QString& line)
{
    m_log->appendPlainText(line);
}

void RunPanel::setPerplexity(const QString& text)
{
    m_perplexity->setText(text);
    m_perplexity->setVisible(!text.isEmpty());
    // The line takes room from the log: its end stays in sight.
    QTimer::singleShot(0, m_log, [this] {
        m_log->verticalScrollBar()->setValue(m_log->verticalScrollBar()->maximum());
    });
}

QString RunPanel::logText() const
{
    return m_log->toPlainText();
}

void RunPanel::updateButtons()
{
    const bool idle = m_activity.isEmpty();
    m_form->setEnabled(idle);
    m_run->setEnabled(idle && m_obstacle.isEmpty());
    m_run->setToolTip(m_obstacle.isEmpty() ? tr("Run the recipe (F5)") : m_obstacle);
    m_runStale->setEnabled(idle && m_obstacle.isEmpty() && m_stale > 0);
    m_cancel->setEnabled(!idle);
    m_evaluate->setEnabled(idle && m_canEvaluate);
    m_progress->setEnabled(!idle);
    if (idle)
        m_stage->setText(m_obstacle.isEmpty() ? tr("Ready") : m_obstacle);
}

} // namespace gradus
