// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/job_runner.h"

#include "widgets/text.h"

#include <QMetaObject>

#include <new>

namespace gradus {

JobMonitor::JobMonitor(JobRunner* runner, QString id, quint64 serial)
    : m_runner(runner)
    , m_id(std::move(id))
    , m_serial(serial)
{
}

void JobMonitor::report(double fraction, std::string_view stage)
{
    // A frame's worth between signals; the end always comes through.
    if (m_sinceReport.isValid() && m_sinceReport.elapsed() < 30 && fraction < 1)
        return;
    m_sinceReport.start();
    post([runner = m_runner, id = m_id, fraction, text = toQString(stage)] {
        Q_EMIT runner->progressed(id, fraction, text);
    });
}

void JobMonitor::note(std::string_view line)
{
    post(
        [runner = m_runner, id = m_id, text = toQString(line)] { Q_EMIT runner->noted(id, text); });
}

void JobMonitor::post(std::function<void()> action)
{
    // The runner outlives the worker: its destructor waits. Calls still queued then are dropped.
    QMetaObject::invokeMethod(
        m_runner,
        [runner = m_runner, id = m_id, serial = m_serial, action = std::move(action)] {
            if (runner->isLatest(id, serial))
                action();
        },
        Qt::QueuedConnection);
}

JobRunner::JobRunner(QObject* parent)
    : QObject(parent)
{
    m_pool.setMaxThreadCount(1);
    m_pool.setExpiryTimeout(-1);
    m_pool.setStackSize(16 << 20);
}

JobRunner::~JobRunner()
{
    // Superseded jobs may still run: every monitor alive is told, not only the latest.
    for (auto& [serial, monitor] : m_alive) {
        if (const auto alive = monitor.lock())
            alive->m_stop = true;
    }
    m_pool.clear();
    m_pool.waitForDone();
}

void JobRunner::cancel(const QString& id)
{
    const auto found = m_latest.find(id);
    if (found != m_latest.end())
        found->second.monitor->m_stop = true;
}

void JobRunner::cancelAll()
{
    for (auto& [id, job] : m_latest)
        job.monitor->m_stop = true;
}

bool JobRunner::isLatest(const QString& id, quint64 serial) const
{
    const auto found = m_latest.find(id);
    return found != m_latest.end() && found->second.serial == serial;
}

std::unique_ptr<Failure> JobRunner::guarded(const JobMonitor& monitor,
                                            const std::function<void()>& body)
{
    const auto failure = [](ErrorCode code, const QString& message) {
        auto result = std::make_unique<Failure>();
        result->code = code;
        result->message = message;
        return result;
    };
    try {
        monitor.checkpoint(); // cancelled while it waited: never begun
        body();
    } catch (const Cancelled&) {
    } catch (const Error& error) {
        return failure(error.code(), toQString(error.what()));
    } catch (const std::bad_alloc&) {
        return failure(ErrorCode::Internal, tr("out of memory"));
    } catch (const std::exception& error) {
        return failure(ErrorCode::Internal, tr("internal error: %1").arg(toQString(error.what())));
    } catch (...) {
        return failure(ErrorCode::Internal, tr("internal error"));
    }
    return nullptr;
}

void JobRunner::submit(const QString& id, std::function<Deliver(JobMonitor&)> job)
{
    const bool wasRunning = isRunning(id);
    cancel(id); // superseded
    const quint64 serial = ++m_serial;
    std::shared_ptr<JobMonitor> monitor(new JobMonitor(this, id, serial));
    m_latest[id] = Job{serial, monitor};
    m_alive[serial] = monitor;
    if (!wasRunning)
        Q_EMIT started(id);
    m_pool.start([this, id, serial, monitor, job = std::move(job)]() mutable {
        Deliver deliver = job(*monitor);
        job = nullptr; // what it captured may be large: free it here, not with the queue
        QMetaObject::invokeMethod(
            this, [this, id, serial, deliver = std::move(deliver)] { finish(id, serial, deliver); },
            Qt::QueuedConnection);
    });
}

void JobRunner::finish(const QString& id, quint64 serial, const Deliver& deliver)
{
    m_alive.erase(serial);
    if (!isLatest(id, serial))
        return;
    m_latest.erase(id);
    Q_EMIT finished(id);
    deliver();
}

} // namespace gradus
