// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/settings.h"

#include <QFileInfo>
#include <QSettings>

namespace gradus {

namespace {
constexpr int maximumRecent = 12;
const QString recentKey = QStringLiteral("recentFiles");
const QString themeKey = QStringLiteral("window/theme");
const QString languageKey = QStringLiteral("window/language");
} // namespace

QStringList Settings::recentFiles() const
{
    return m_remember ? QSettings().value(recentKey).toStringList() : QStringList();
}

void Settings::addRecentFile(const QString& path)
{
    if (!m_remember)
        return;
    const QString absolute = QFileInfo(path).absoluteFilePath();
    QStringList files = recentFiles();
    files.removeAll(absolute);
    files.prepend(absolute);
    while (files.size() > maximumRecent)
        files.removeLast();
    QSettings().setValue(recentKey, files);
}

void Settings::clearRecentFiles()
{
    if (m_remember)
        QSettings().remove(recentKey);
}

ThemeChoice Settings::theme() const
{
    const QString name = m_remember ? QSettings().value(themeKey).toString() : QString();
    return name == QLatin1String("dark")    ? ThemeChoice::Dark
           : name == QLatin1String("light") ? ThemeChoice::Light
                                            : ThemeChoice::System;
}

void Settings::setTheme(ThemeChoice theme)
{
    if (m_remember)
        QSettings().setValue(themeKey, theme == ThemeChoice::Dark    ? QStringLiteral("dark")
                                       : theme == ThemeChoice::Light ? QStringLiteral("light")
                                                                     : QStringLiteral("system"));
}

QString Settings::language() const
{
    return m_remember ? QSettings().value(languageKey).toString() : QString();
}

void Settings::setLanguage(const QString& language)
{
    if (m_remember)
        QSettings().setValue(languageKey, language);
}

QByteArray Settings::bytes(const char* key) const
{
    return m_remember ? QSettings().value(QLatin1String(key)).toByteArray() : QByteArray();
}

void Settings::setBytes(const char* key, const QByteArray& value)
{
    if (m_remember)
        QSettings().setValue(QLatin1String(key), value);
}

bool Settings::flag(const char* key, bool standard) const
{
    return m_remember ? QSettings().value(QLatin1String(key), standard).toBool() : standard;
}

void Settings::setFlag(const char* key, bool value)
{
    if (m_remember)
        QSettings().setValue(QLatin1String(key), value);
}

} // namespace gradus
