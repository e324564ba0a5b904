// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"

#include <QElapsedTimer>
#include <QObject>
#include <QPointer>
#include <QString>
#include <QThreadPool>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <variant>

namespace gradus {

/// Why a job failed, as a sentence for the user.
struct Failure
{
    ErrorCode code = ErrorCode::Internal;
    QString message;
};

template <class T>
using Outcome = std::variant<T, Cancelled, Failure>;

class JobRunner;

/// What a job talks to: the stop flag, progress and notes of core's Monitor, and a way to hand
/// partial results to the GUI thread.
class JobMonitor final : public Monitor
{
public:
    void report(double fraction, std::string_view stage) override;
    void note(std::string_view line) override;
    [[nodiscard]] bool stopRequested() const override
    {
        return m_stop.load(std::memory_order_relaxed);
    }

    /// Runs the action on the GUI thread, in order with other posts, unless the job has been
    /// superseded by then. From the job's thread.
    void post(std::function<void()> action);

private:
    friend class JobRunner;
    JobMonitor(JobRunner* runner, QString id, quint64 serial);

    JobRunner* m_runner;
    QString m_id;
    quint64 m_serial;
    std::atomic<bool> m_stop = false;
    QElapsedTimer m_sinceReport;
};

/// Runs jobs one after another on a thread of its own; a job is parallel inside. A job's id names
/// what it is for: starting another with the same id stops the one before, whose outcome is then
/// never delivered (the latest wins). Exceptions become values on the worker; outcomes, progress
/// and partial results arrive on the GUI thread. Destroying the runner stops what runs and waits.
class JobRunner final : public QObject
{
    Q_OBJECT
public:
    explicit JobRunner(QObject* parent = nullptr);
    ~JobRunner() override;

    /// work: T(JobMonitor&), on the worker. done: void(Outcome<T>), on this object's thread, after
    /// finished(id). A job that was cancelled but completed all the same delivers its value.
    template <class Work, class Done>
    void start(const QString& id, Work work, Done done)
    {
        using T = std::invoke_result_t<Work&, JobMonitor&>;
        submit(id, [work = std::move(work), done = std::move(done)](JobMonitor& monitor) mutable {
            auto outcome = std::make_shared<Outcome<T>>(Cancelled());
            if (const auto failure = guarded(monitor, [&] { *outcome = work(monitor); }))
                *outcome = *failure;
            return std::function<void()>(
                [outcome, done = std::move(done)]() mutable { done(std::move(*outcome)); });
        });
    }

    /// Asks the job to stop; its outcome comes when it has.
    void cancel(const QString& id);
    void cancelAll();
    [[nodiscard]] bool isRunning(const QString& id) const { return m_latest.count(id) > 0; }
    [[nodiscard]] bool isIdle() const { return m_latest.empty(); }

Q_SIGNALS:
    void started(const QString& id);
    void progressed(const QString& id, double fraction, const QString& stage);
    void noted(const QString& id, const QString& line);
    void finished(const QString& id);

private:
    friend class JobMonitor;
    using Deliver = std::function<void()>;

    void submit(const QString& id, std::function<Deliver(JobMonitor&)> job);
    void finish(const QString& id, quint64 serial, const Deliver& deliver);
    [[nodiscard]] bool isLatest(const QString& id, quint64 serial) const;
    /// Runs the body; Cancelled leaves the outcome as it is, errors come back as a value.
    static std::unique_ptr<Failure> guarded(const JobMonitor& monitor,
                                            const std::function<void()>& body);

    struct Job
    {
        quint64 serial = 0;
        std::shared_ptr<JobMonitor> monitor;
    };
    std::map<QString, Job> m_latest; ///< by id, queued or running
    std::map<quint64, std::weak_ptr<JobMonitor>> m_alive;
    quint64 m_serial = 0;
    QThreadPool m_pool;
};

} // namespace gradus
