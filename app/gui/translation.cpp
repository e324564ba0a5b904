// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/translation.h"

#include <QCoreApplication>
#include <QLibraryInfo>
#include <QLocale>
#include <QTranslator>

namespace gradus {

QStringList languages()
{
    return {QStringLiteral("en"), QStringLiteral("de")};
}

QString languageTitle(const QString& language)
{
    return QLocale(language).nativeLanguageName();
}

QString installTranslation(QCoreApplication& application, const QString& wanted)
{
    const QString language =
        wanted.isEmpty() ? QLocale::system().name().section(QLatin1Char('_'), 0, 0) : wanted;
    if (language == QLatin1String("en") || !languages().contains(language))
        return QStringLiteral("en");
    auto* own = new QTranslator(&application);
    if (!own->load(QStringLiteral(":/translations/gradus_") + language)) {
        delete own;
        return QStringLiteral("en");
    }
    application.installTranslator(own);
    // Qt's own words come with the distribution; without them its dialogs stay English.
    auto* ofQt = new QTranslator(&application);
    if (ofQt->load(QStringLiteral("qtbase_") + language,
                   QLibraryInfo::path(QLibraryInfo::TranslationsPath)))
        application.installTranslator(ofQt);
    else
        delete ofQt;
    return language;
}

} // namespace gradus
