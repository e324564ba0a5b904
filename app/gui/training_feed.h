// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/tuning.h"

#include <QMutex>
#include <QObject>
#include <QTimer>

#include <vector>

namespace gradus {

/// Brings the steps of a training from its thread to the GUI's: all of them, in bundles no more
/// often than the screen is drawn.
class TrainingFeed final : public QObject
{
    Q_OBJECT
public:
    explicit TrainingFeed(QObject* parent = nullptr);

    /// From any thread.
    void push(const TrainingProgress& step);
    /// Hands over what has come at once, on the GUI's thread: at the end of a run.
    void flush();
    /// Drops what has come: another run begins.
    void clear();

Q_SIGNALS:
    void advanced(const std::vector<gradus::TrainingProgress>& steps);

private:
    QMutex m_mutex;
    std::vector<TrainingProgress> m_steps; ///< not handed over yet
    bool m_called = false;                 ///< the GUI's thread knows that there are some
    QTimer m_timer;
};

} // namespace gradus
