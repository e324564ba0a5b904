// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <QStringList>

class QCoreApplication;

namespace gradus {

/// The languages that the program speaks, "en" first: English stands in the source, the others are
/// complete translations compiled into the program.
[[nodiscard]] QStringList languages();
/// "Deutsch" for "de": each language in its own words.
[[nodiscard]] QString languageTitle(const QString& language);
/// Installs the translation of the program and of Qt's own dialogs. language: one of languages(),
/// or empty for the desktop's; one that is not there leaves English. Which one it was.
QString installTranslation(QCoreApplication& application, const QString& language);

} // namespace gradus
