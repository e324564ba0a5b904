// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/recipe.h"

#include <QDateTime>
#include <QLockFile>
#include <QString>

#include <memory>
#include <optional>
#include <vector>

namespace gradus {

/// What is written of a session, so that a crash loses at most the layer in flight.
struct SavedSession
{
    struct SavedRun
    {
        QString name;
        QString file; ///< where the run file stands; its journal is beside it while it goes on
        bool complete = false;
        Recipe recipe; ///< of a run that was going on; the file has it otherwise
        QString perplexity;
        QDateTime started;
        double seconds = 0;
    };
    QString model; ///< path; empty when none was open
    QString recipePath;
    bool recipeChanged = false; ///< since recipePath was written
    Recipe recipe;
    QByteArray view; ///< what views beside the recipe keep, see Workbench::setViewState
    std::vector<SavedRun> runs;
};

/// A folder per running program under one base folder, with the state of its session and the files
/// of its runs. A lock says that its program is alive; a folder whose program is gone without
/// having removed it was left by a crash, and can be taken over. Not a QObject: write() is called
/// from a job's thread, all else from the GUI thread.
class SessionStore
{
public:
    /// Nothing is kept, and nothing fails, when base is empty or cannot be written.
    explicit SessionStore(const QString& base);
    /// The ordinary end: the folder goes.
    ~SessionStore();

    [[nodiscard]] bool isActive() const { return m_lock != nullptr; }
    /// A new name for the file of a run; empty when nothing is kept.
    [[nodiscard]] QString newRunFile() const;
    [[nodiscard]] QString stateFile() const;

    /// A session that ended without its program removing it, the newest if there are several, and
    /// only one in which something was open. No other program finds it from then on, but it stays
    /// as it is, for another start, until adopt() or discard().
    [[nodiscard]] std::optional<SavedSession> takeOver();
    /// Works in the folder that was taken over from now on.
    void adopt();
    /// Removes what was taken over, with its runs.
    void discard();

    /// Writes the state beside and renames. Throws Error(Io).
    static void write(const QString& file, const SavedSession& session);
    /// Throws Error(Io | Format) naming file and key.
    [[nodiscard]] static SavedSession read(const QString& file);

private:
    void begin();
    void removeFolder();

    QString m_base;
    QString m_folder;
    std::unique_ptr<QLockFile> m_lock;
    QString m_foundFolder; ///< taken over, neither adopted nor discarded yet
    std::unique_ptr<QLockFile> m_foundLock;
};

} // namespace gradus
