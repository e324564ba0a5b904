// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/startup.h"

#include "app/gui/main_window.h"
#include "widgets/models/model_facts.h"
#include "widgets/panels/layer_table_panel.h"
#include "widgets/text.h"

#include <QFileInfo>
#include <QTimer>

namespace gradus {

Startup::Startup(MainWindow* window, StartupRequest request, QObject* parent)
    : QObject(parent)
    , m_window(window)
    , m_request(std::move(request))
{
    Workbench* bench = window->workbench();
    connect(bench, &Workbench::failed, this, [this](const QString& why) { m_problem = why; });
    if (!m_request.model.isEmpty())
        m_steps.push_back([this, bench](auto then) { bench->openModel(m_request.model, then); });
    if (!m_request.run.isEmpty())
        m_steps.push_back([this, bench](auto then) { bench->openRun(m_request.run, then); });
    if (!m_request.recipe.isEmpty())
        m_steps.push_back([this, bench](auto then) { bench->openRecipe(m_request.recipe, then); });
    if (!m_request.calibration.isEmpty())
        m_steps.push_back([this, bench](auto then) {
            CalibrationChoice choice = bench->document()->recipe().calibration;
            choice.data = QFileInfo(m_request.calibration).absoluteFilePath().toStdString();
            bench->document()->setCalibration(
                choice, calibrationDataTitle(bench->document()->model()
                                                 ? feedKindOf(*bench->document()->model())
                                                 : FeedKind::Text));
            then(true);
        });
    if (!m_request.model.isEmpty() || !m_request.run.isEmpty())
        m_steps.push_back([this](auto then) { whenPlanned(then); });
    if (m_request.capture)
        m_steps.push_back([bench](auto then) { bench->captureInputs(then); });
    if (m_request.quantize)
        m_steps.push_back([bench](auto then) { bench->quantize(then); });
    if (m_request.exportFormat)
        m_steps.push_back([this, bench](auto then) {
            bench->exportRun(*m_request.exportFormat, m_request.exportPath, GptqZeros::Automatic,
                             then);
        });
    if (!m_request.screenshotFolder.isEmpty())
        m_steps.push_back([this](auto then) { screenshots(then); });
}

void Startup::begin()
{
    m_at = 0;
    next();
}

void Startup::next()
{
    if (m_at == m_steps.size()) {
        Q_EMIT finished({});
        return;
    }
    const Step& step = m_steps[m_at++];
    step([this](bool ok) {
        if (!ok) {
            Q_EMIT finished(m_problem.isEmpty() ? tr("cancelled") : m_problem);
            return;
        }
        // From the event loop: what the step changed has reached every panel by then.
        QTimer::singleShot(0, this, &Startup::next);
    });
}

void Startup::whenPlanned(const Workbench::Then& then)
{
    Document* document = m_window->workbench()->document();
    // Edits of earlier steps are planned one after the other, the latest wins: a plan that has come
    // may be the one before, so ask whether the runner is at rest.
    if (document->plan() && m_window->workbench()->isPlanned()) {
        then(true);
        return;
    }
    if (!m_problem.isEmpty()) { // the plan itself failed
        then(false);
        return;
    }
    QTimer::singleShot(5, this, [this, then] { whenPlanned(then); });
}

void Startup::screenshots(const Workbench::Then& then)
{
    m_window->wantEverything();
    m_window->explorer()->setWanted(Explorer::Aspect::AllExponents, true);
    const auto shoot = [this, then] {
        const QString error = m_window->saveScreenshots(m_request.screenshotFolder);
        if (!error.isEmpty())
            m_problem = error;
        then(error.isEmpty());
    };
    whenSettled([this, shoot] {
        Allocator* allocator = m_window->allocator();
        if (!allocator->measureObstacle().isEmpty()) {
            shoot();
            return;
        }
        if (!m_request.quantize) { // no more than what takes a moment
            AllocationSettings settings = allocator->settings();
            settings.metric = SensitivityMetric::Weight;
            allocator->setSettings(settings);
        }
        allocator->measure([this, shoot](bool) { whenSettled(shoot); });
    });
}

void Startup::whenSettled(const std::function<void()>& then)
{
    // Twice in a row: what one answer starts is seen by the next look.
    const Explorer* explorer = m_window->explorer();
    const bool settled = m_window->workbench()->isPlanned() && explorer->isSettled() &&
                         explorer->isSurveyed() && m_window->allocator()->isIdle();
    m_calm = settled ? m_calm + 1 : 0;
    if (m_calm > 3) {
        m_calm = 0;
        then();
        return;
    }
    QTimer::singleShot(40, this, [this, then] { whenSettled(then); });
}

} // namespace gradus
