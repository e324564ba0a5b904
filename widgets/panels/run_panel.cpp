// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/run_panel.h"

#include "core/base/format.h"
#include "widgets/panels/fed_strip.h"
#include "widgets/panels/sample_fields.h"
#include "widgets/panels/yielding_area.h"
#include "widgets/text.h"

#include <QComboBox>
#include <QFileDialog>
#include <QFontDatabase>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
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
    m_data->setClearButtonEnabled(true);
    m_data->setAcceptDrops(false); // a text dropped on the window is the calibration
    auto* browse = new QPushButton(tr("Browse…"));
    m_browse = browse;
    m_samples = new QSpinBox;
    m_samples->setRange(1, 1'000'000);
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
    for (QSpinBox* spin : {m_samples, m_context}) {
        spin->setKeyboardTracking(false);
        spin->setGroupSeparatorShown(true);
    }

    m_form = new QWidget;
    m_form->setMaximumWidth(640);
    auto* grid = new QGridLayout(m_form);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(8);
    grid->setVerticalSpacing(4);
    const auto label = [grid](const QString& text, QWidget* buddy, int row, int column) {
        auto* title = new QLabel(text);
        title->setBuddy(buddy);
        grid->addWidget(title, row, column);
        return title;
    };
    label(tr("Calibration"), m_data, 0, 0);
    auto* dataLine = new QHBoxLayout;
    dataLine->setSpacing(6);
    dataLine->addWidget(m_data, 1);
    dataLine->addWidget(browse);
    grid->addLayout(dataLine, 0, 1, 1, 3);
    m_fields = new SampleFields(this);
    m_fields->addTo(grid, 1, 3);
    label(tr("Samples"), m_samples, 3, 0);
    grid->addWidget(m_samples, 3, 1);
    m_contextTitle = label(tr("Context"), m_context, 3, 2);
    grid->addWidget(m_context, 3, 3);
    label(tr("Mode"), m_mode, 4, 0);
    grid->addWidget(m_mode, 4, 1);
    label(tr("Seed"), m_seed, 4, 2);
    grid->addWidget(m_seed, 4, 3);
    m_fed = new FedStrip;
    m_fed->setMaximumWidth(640);
    grid->setColumnStretch(1, 1);
    grid->setColumnStretch(3, 1);

    m_run = new QPushButton(tr("Quantize"));
    m_run->setToolTip(tr("Run the recipe (F5)"));
    m_runStale = new QPushButton(tr("Stale (%1)").arg(0));
    m_cancel = new QPushButton(tr("Cancel"));
    m_cancel->setToolTip(tr("Stop; finished layers stay (Esc)"));
    m_evaluate = new QPushButton;
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
    m_progress->setFixedSize(96, 8);
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
    // Low docks: the log gives way first, down to two lines; then the fields scroll.
    m_log->setMinimumHeight(2 * m_log->fontMetrics().lineSpacing() + 12);
    m_log->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Ignored);
    auto* asked = new QWidget;
    auto* askedLayout = new QVBoxLayout(asked);
    askedLayout->setContentsMargins(0, 0, 0, 0);
    askedLayout->setSpacing(5);
    askedLayout->addWidget(m_form);
    askedLayout->addWidget(m_fed);
    askedLayout->addStretch(1);
    auto* state = new QHBoxLayout;
    state->setSpacing(8);
    state->addWidget(m_progress);
    state->addWidget(m_stage, 1);

    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(10, 6, 10, 6);
    layout->setSpacing(6);
    layout->addWidget(new YieldingArea(asked));
    layout->addWidget(buttonRow);
    layout->addLayout(state);
    layout->addWidget(m_forecast);
    layout->addWidget(m_perplexity);
    layout->addWidget(m_log, 1);

    connect(browse, &QPushButton::clicked, this, [this, browse] { showBrowseMenu(browse); });
    connect(m_data, &QLineEdit::editingFinished, this,
            [this] { request(calibrationDataTitle(m_kind), "data"); });
    connect(m_data, &QLineEdit::textChanged, this, [this](const QString& text) {
        if (text.isEmpty()) // the clear button ends no editing
            request(calibrationDataTitle(m_kind), "data");
    });
    connect(m_fields, &SampleFields::changed, this, &RunPanel::request);
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
    setFeed(FeedKind::Text);
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
    m_fields->setValues(m_calibration);
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
    if (m_kind != FeedKind::Text && !m_fields->take(next))
        m_fields->setValues(next); // what cannot be read must not look as if it counted
    next.mode = static_cast<CalibrationMode>(m_mode->currentData().toInt());
    if (!(next == m_calibration))
        Q_EMIT calibrationRequested(next, text,
                                    QStringLiteral("run-panel/%1").arg(QLatin1String(field)));
}

void RunPanel::setFeed(FeedKind kind, const std::optional<ImageInput>& image)
{
    m_kind = kind;
    const bool text = kind == FeedKind::Text || kind == FeedKind::Tokens;
    m_refreshing = true; // showing is not asking
    m_fields->setKind(kind, image);
    m_refreshing = false;
    m_context->setVisible(text);
    m_contextTitle->setVisible(text);
    switch (kind) {
    case FeedKind::Text:
    case FeedKind::Tokens:
        m_data->setToolTip(tr("A text file; its tokens are what the layers see while the "
                              "error is measured and GPTQ and decoupleQ work"));
        m_samples->setToolTip(tr("Windows of tokens taken from the text"));
        m_seed->setToolTip(tr("Chooses the calibration windows; equal seeds give equal bytes"));
        break;
    case FeedKind::Images:
        m_data->setToolTip(tr("A folder of PNG and JPEG images, one image, or an array of images "
                              "(npy, npz, idx, HDF5; file.npz:name picks one of several). They "
                              "are what the layers see while the error is measured and GPTQ and "
                              "decoupleQ work"));
        m_samples->setToolTip(tr("Images drawn from the data"));
        break;
    case FeedKind::Arrays:
        m_data->setToolTip(tr("An array with samples along its first axis (npy, npz, idx, HDF5; "
                              "file.npz:name picks one of several). They are what the layers see "
                              "while the error is measured and GPTQ and decoupleQ work"));
        m_samples->setToolTip(tr("Samples drawn from the data"));
        break;
    }
    if (!text)
        m_seed->setToolTip(tr("Chooses the calibration samples; equal seeds give equal bytes"));
    for (QLabel* each : m_form->findChildren<QLabel*>()) {
        if (each->buddy())
            each->setToolTip(each->buddy()->toolTip());
    }
    m_evaluate->setText(tr("Measure…"));
    updateButtons();
}

void RunPanel::setFedBusy()
{
    m_fed->setBusy();
}

void RunPanel::setFed(const FedData* fed)
{
    if (fed)
        m_fed->setData(*fed);
    else
        m_fed->clear();
}

void RunPanel::showBrowseMenu(QWidget* button)
{
    if (m_kind != FeedKind::Images) {
        browse(false);
        return;
    }
    auto* menu = new QMenu(this); // Images are a file or a folder; no dialog offers both.
    menu->setAttribute(Qt::WA_DeleteOnClose);
    menu->addAction(tr("Array or image…"), this, [this] { browse(false); });
    menu->addAction(tr("Folder of images…"), this, [this] { browse(true); });
    menu->popup(button->mapToGlobal(QPoint(0, button->height())));
}

void RunPanel::browse(bool folder)
{
    QString title = calibrationDataTitle(m_kind);
    title.replace(0, 1, title.at(0).toUpper());
    auto* dialog = new QFileDialog(this, title, m_data->text());
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(folder ? QFileDialog::Directory : QFileDialog::ExistingFile);
    if (m_kind == FeedKind::Text || m_kind == FeedKind::Tokens)
        dialog->setNameFilters({tr("Text (*.txt *.text *.md)"), tr("All files (*)")});
    else if (!folder)
        dialog->setNameFilters(
            {m_kind == FeedKind::Images
                 ? tr("Images and arrays (*.npy *.npz *.h5 *.png *.jpg *.jpeg *ubyte *.gz)")
                 : tr("Arrays (*.npy *.npz *.h5 *ubyte *.gz)"),
             tr("All files (*)")});
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        m_data->setText(path);
        request(calibrationDataTitle(m_kind), "data");
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

void RunPanel::setCanEvaluate(bool can, const QString& why)
{
    m_canEvaluate = can;
    m_whyNotEvaluate = why;
    updateButtons();
}

void RunPanel::setCannotFeed(const QString& why)
{
    m_whyNotFed = why;
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
    const bool feeds = m_whyNotFed.isEmpty();
    // What was chosen before can still be taken away.
    m_data->setEnabled(feeds || !m_data->text().isEmpty());
    for (QWidget* each : {static_cast<QWidget*>(m_browse), static_cast<QWidget*>(m_samples),
                          static_cast<QWidget*>(m_context), static_cast<QWidget*>(m_mode)})
        each->setEnabled(feeds);
    m_fields->setEnabled(feeds);
    m_data->setPlaceholderText(feeds ? tr("none: data-free methods only")
                                     : tr("none: the model cannot be run"));
    m_browse->setToolTip(m_whyNotFed);
    m_run->setEnabled(idle && m_obstacle.isEmpty());
    m_run->setToolTip(m_obstacle.isEmpty() ? tr("Run the recipe (F5)") : m_obstacle);
    m_runStale->setEnabled(idle && m_obstacle.isEmpty() && m_stale > 0);
    m_cancel->setEnabled(!idle);
    m_evaluate->setEnabled(idle && m_canEvaluate);
    m_evaluate->setToolTip(
        !m_canEvaluate && !m_whyNotEvaluate.isEmpty() ? m_whyNotEvaluate
        : m_kind == FeedKind::Text
            ? tr("Measure the perplexity of the float model and of the shown run on a text, or "
                 "how near their next tokens are")
            : tr("Measure the accuracy of the float model and of the shown run, or how near "
                 "their outputs are"));
    m_progress->setVisible(!idle);
    if (idle)
        m_stage->setText(m_obstacle.isEmpty() ? tr("Ready") : m_obstacle);
}

} // namespace gradus
