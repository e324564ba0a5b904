// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QByteArray>
#include <QString>
#include <QStringList>

namespace gradus {

/// How the window looks; System follows the desktop as it was when the program started.
enum class ThemeChoice
{
    System,
    Light,
    Dark
};

/// What the program remembers between two starts. Remembers nothing when told so: tests and
/// screenshots neither see a person's settings nor change them.
class Settings
{
public:
    explicit Settings(bool remember)
        : m_remember(remember)
    {
    }

    [[nodiscard]] QStringList recentFiles() const;
    void addRecentFile(const QString& path);
    void clearRecentFiles();

    [[nodiscard]] ThemeChoice theme() const;
    void setTheme(ThemeChoice theme);
    /// "de", "en"; empty: the desktop's.
    [[nodiscard]] QString language() const;
    void setLanguage(const QString& language);

    [[nodiscard]] QByteArray bytes(const char* key) const;
    void setBytes(const char* key, const QByteArray& value);
    [[nodiscard]] bool flag(const char* key, bool standard) const;
    void setFlag(const char* key, bool value);

private:
    bool m_remember;
};

} // namespace gradus
