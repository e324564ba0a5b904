// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/session_store.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "widgets/text.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QUuid>

#include <utility>

namespace gradus {

namespace {
const QString lockName = QStringLiteral("session.lock");
const QString stateName = QStringLiteral("session.json");
constexpr qint64 maximumState = 256 << 20; ///< bytes; a recipe of a large model takes a megabyte

/// Stale only when its process is gone, however long it lives.
std::unique_ptr<QLockFile> lockOf(const QString& folder)
{
    auto lock = std::make_unique<QLockFile>(QDir(folder).filePath(lockName));
    lock->setStaleLockTime(0);
    return lock;
}

/// The lock goes last: it would complain of having lost its file.
void remove(const QString& folder, std::unique_ptr<QLockFile>& lock)
{
    const QFileInfoList entries = QDir(folder).entryInfoList(QDir::AllEntries | QDir::Hidden |
                                                             QDir::System | QDir::NoDotAndDotDot);
    for (const QFileInfo& each : entries) {
        if (each.isDir() && !each.isSymLink())
            QDir(each.filePath()).removeRecursively();
        else if (each.fileName() != lockName)
            QFile::remove(each.filePath());
    }
    lock.reset();
    QDir().rmdir(folder);
}
} // namespace

SessionStore::SessionStore(const QString& base)
    : m_base(base)
{
    begin();
}

SessionStore::~SessionStore()
{
    removeFolder();
}

void SessionStore::begin()
{
    if (m_base.isEmpty())
        return;
    const QString folder =
        QDir(m_base).filePath(QUuid::createUuid().toString(QUuid::WithoutBraces));
    if (!QDir().mkpath(folder))
        return;
    m_folder = folder;
    m_lock = lockOf(folder);
    if (!m_lock->tryLock(0)) {
        m_lock.reset();
        QDir(folder).removeRecursively();
        m_folder.clear();
    }
}

void SessionStore::removeFolder()
{
    if (!m_lock)
        return;
    remove(m_folder, m_lock);
    m_folder.clear();
}

QString SessionStore::newRunFile() const
{
    return isActive() ? QDir(m_folder).filePath(QUuid::createUuid().toString(QUuid::WithoutBraces) +
                                                QStringLiteral(".gradus"))
                      : QString();
}

QString SessionStore::stateFile() const
{
    return isActive() ? QDir(m_folder).filePath(stateName) : QString();
}

std::optional<SavedSession> SessionStore::takeOver()
{
    if (!isActive() || m_foundLock)
        return std::nullopt;
    const QFileInfoList folders =
        QDir(m_base).entryInfoList(QDir::Dirs | QDir::NoDotAndDotDot, QDir::Time);
    for (const QFileInfo& each : folders) {
        if (each.absoluteFilePath() == QFileInfo(m_folder).absoluteFilePath())
            continue;
        auto lock = lockOf(each.filePath());
        if (!lock->tryLock(0))
            continue; // its program is alive
        std::optional<SavedSession> saved;
        try {
            saved = read(QDir(each.filePath()).filePath(stateName));
        } catch (const Error&) {
            // Died before anything was written, or the file is not ours: nothing to restore.
        }
        if (!saved || saved->model.isEmpty()) {
            remove(each.filePath(), lock);
            continue;
        }
        m_foundFolder = each.filePath();
        m_foundLock = std::move(lock);
        return saved;
    }
    return std::nullopt;
}

void SessionStore::adopt()
{
    if (!m_foundLock)
        return;
    removeFolder();
    m_folder = std::exchange(m_foundFolder, QString());
    m_lock = std::move(m_foundLock);
}

void SessionStore::discard()
{
    if (!m_foundLock)
        return;
    remove(m_foundFolder, m_foundLock);
    m_foundFolder.clear();
}

void SessionStore::write(const QString& path, const SavedSession& session)
{
    // As text: a seed of 64 bits would not survive as a JSON number of Qt's.
    const auto recipeText = [](const Recipe& recipe) {
        return QString::fromStdString(toJson(recipe));
    };
    QJsonArray runs;
    for (const SavedSession::SavedRun& run : session.runs) {
        QJsonObject entry{{QStringLiteral("name"), run.name},
                          {QStringLiteral("file"), QFileInfo(run.file).fileName()},
                          {QStringLiteral("complete"), run.complete},
                          {QStringLiteral("perplexity"), run.perplexity},
                          {QStringLiteral("started"), run.started.toString(Qt::ISODateWithMs)},
                          {QStringLiteral("seconds"), run.seconds}};
        if (!run.complete)
            entry[QStringLiteral("recipe")] = recipeText(run.recipe);
        runs.append(entry);
    }
    const QJsonObject state{{QStringLiteral("version"), 1},
                            {QStringLiteral("model"), session.model},
                            {QStringLiteral("recipe_path"), session.recipePath},
                            {QStringLiteral("recipe_changed"), session.recipeChanged},
                            {QStringLiteral("recipe"), recipeText(session.recipe)},
                            {QStringLiteral("view"), QString::fromUtf8(session.view)},
                            {QStringLiteral("runs"), runs}};
    AtomicFile file(toPath(path));
    file.write(QJsonDocument(state).toJson().toStdString());
    file.commit();
}

SavedSession SessionStore::read(const QString& path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly))
        throw Error(ErrorCode::Io,
                    path.toStdString() + ": cannot be read: " + file.errorString().toStdString());
    if (file.size() > maximumState)
        throw Error(ErrorCode::Format, path.toStdString() + ": is too large for a session");
    const QJsonObject state = QJsonDocument::fromJson(file.readAll()).object();
    if (state[QStringLiteral("version")].toInt() != 1)
        throw Error(ErrorCode::Format,
                    path.toStdString() + ": is not a session of this program's version");
    const auto recipeOf = [&path](const QJsonValue& value) {
        return recipeFromJson(value.toString().toStdString(), path.toStdString());
    };
    SavedSession session;
    session.model = state[QStringLiteral("model")].toString();
    session.recipePath = state[QStringLiteral("recipe_path")].toString();
    session.recipeChanged = state[QStringLiteral("recipe_changed")].toBool();
    session.recipe = recipeOf(state[QStringLiteral("recipe")]);
    session.view = state[QStringLiteral("view")].toString().toUtf8();
    const QDir folder = QFileInfo(path).dir();
    const QJsonArray runs = state[QStringLiteral("runs")].toArray();
    for (const QJsonValue& each : runs) {
        const QJsonObject entry = each.toObject();
        SavedSession::SavedRun run;
        run.name = entry[QStringLiteral("name")].toString();
        // The name alone: a session never points outside of its folder.
        run.file = folder.filePath(QFileInfo(entry[QStringLiteral("file")].toString()).fileName());
        run.complete = entry[QStringLiteral("complete")].toBool();
        run.perplexity = entry[QStringLiteral("perplexity")].toString();
        run.started =
            QDateTime::fromString(entry[QStringLiteral("started")].toString(), Qt::ISODateWithMs);
        run.seconds = entry[QStringLiteral("seconds")].toDouble();
        if (!run.complete)
            run.recipe = recipeOf(entry[QStringLiteral("recipe")]);
        session.runs.push_back(std::move(run));
    }
    return session;
}

} // namespace gradus
