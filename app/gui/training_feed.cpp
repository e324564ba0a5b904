// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/training_feed.h"

#include <utility>

namespace gradus {

namespace {
constexpr int frameMs = 33;
} // namespace

TrainingFeed::TrainingFeed(QObject* parent)
    : QObject(parent)
{
    m_timer.setSingleShot(true);
    m_timer.setInterval(frameMs);
    connect(&m_timer, &QTimer::timeout, this, &TrainingFeed::flush);
}

void TrainingFeed::push(const TrainingProgress& step)
{
    bool call = false;
    {
        const QMutexLocker lock(&m_mutex);
        m_steps.push_back(step);
        call = !std::exchange(m_called, true);
    }
    if (call)
        QMetaObject::invokeMethod(&m_timer, qOverload<>(&QTimer::start), Qt::QueuedConnection);
}

void TrainingFeed::flush()
{
    std::vector<TrainingProgress> steps;
    {
        const QMutexLocker lock(&m_mutex);
        steps.swap(m_steps);
        m_called = false;
    }
    if (!steps.empty())
        Q_EMIT advanced(steps);
}

void TrainingFeed::clear()
{
    const QMutexLocker lock(&m_mutex);
    m_steps.clear();
}

} // namespace gradus
