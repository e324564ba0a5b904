// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/layer_rows.h"

#include <QDateTime>
#include <QString>

#include <memory>
#include <vector>

namespace gradus {

/// A run kept in the session: named, compared, exported.
struct SessionRun
{
    int id = 0; ///< unique in the session, counts from 1
    QString name;
    QDateTime started;
    double seconds = 0; ///< that it took; 0 while it goes on
    /// Null while the run goes on, and when it was cancelled before its end.
    std::shared_ptr<const Run> run;
    /// What has finished: of a cancelled run too.
    Results results;
    /// "float 7.93 → quantized 8.11 (+2.3 %)"; empty when not measured.
    QString perplexity;

    /// Where the person saved it or opened it from; empty while it is only in the session.
    QString file;
    /// Where the session keeps it against a crash; empty when it keeps nothing.
    QString kept;
    /// With it, the journal beside `kept` can be continued; null when the run needs more than that.
    std::shared_ptr<const Recipe> resumable;

    [[nodiscard]] bool isComplete() const { return run != nullptr; }
    /// Neither complete nor cancelled.
    [[nodiscard]] bool isRunning() const { return !run && seconds <= 0; }
};

} // namespace gradus
