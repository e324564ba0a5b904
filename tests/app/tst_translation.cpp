// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/main_window.h"
#include "app/gui/translation.h"
#include "core/quant/options.h"
#include "tests/support/support.h"
#include "widgets/core_text.h"

#include <QFile>
#include <QMenuBar>
#include <QProcess>
#include <QRegularExpression>
#include <QTest>
#include <QTranslator>
#include <QXmlStreamReader>

using namespace gradus;

namespace {

struct Message
{
    QString context;
    QString source;
    QString translation;
    bool finished = true;
};

std::vector<Message> messagesOf(const QString& path)
{
    std::vector<Message> messages;
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly))
        return messages;
    QXmlStreamReader xml(&file);
    QString context;
    while (!xml.atEnd()) {
        if (xml.readNext() != QXmlStreamReader::StartElement)
            continue;
        if (xml.name() == QLatin1String("name"))
            context = xml.readElementText();
        else if (xml.name() == QLatin1String("message"))
            messages.push_back({context, {}, {}, true});
        else if (xml.name() == QLatin1String("source"))
            messages.back().source = xml.readElementText();
        else if (xml.name() == QLatin1String("translation")) {
            messages.back().finished = !xml.attributes().hasAttribute(QLatin1String("type"));
            messages.back().translation = xml.readElementText();
        }
    }
    return xml.hasError() ? std::vector<Message>() : messages;
}

/// "%1 of %2": the places of a text, sorted.
QStringList places(const QString& text)
{
    static const QRegularExpression place(QStringLiteral("%[0-9n]"));
    QStringList found;
    for (auto at = place.globalMatch(text); at.hasNext();)
        found.append(at.next().captured());
    found.sort();
    return found;
}

QString tsFile(const QString& language)
{
    return QStringLiteral(GRADUS_SOURCE_DIR "/resources/translations/gradus_%1.ts").arg(language);
}

} // namespace

class TestTranslation : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void nothingIsUnfinished();
    void nothingIsMissing();
    void coreIsCovered();
    void theWindowSpeaks();
    void unknownLanguagesStayEnglish();
};

void TestTranslation::nothingIsUnfinished()
{
    for (const QString& language : languages()) {
        if (language == QLatin1String("en"))
            continue;
        const std::vector<Message> messages = messagesOf(tsFile(language));
        QVERIFY2(messages.size() > 500, qPrintable(language));
        for (const Message& message : messages) {
            QVERIFY2(message.finished && !message.translation.isEmpty(),
                     qPrintable(message.context + QStringLiteral(": ") + message.source));
            QVERIFY2(places(message.source) == places(message.translation),
                     qPrintable(message.source + QStringLiteral(" → ") + message.translation));
        }
    }
}

/// What the tool collects from the sources now is what the translations have.
void TestTranslation::nothingIsMissing()
{
    test::TemporaryFolder folder;
    const QString fresh = QString::fromStdString((folder / "fresh.ts").string());
    QProcess process;
    process.start(QStringLiteral(GRADUS_SOURCE_DIR "/resources/translations/update"), {fresh});
    QVERIFY(process.waitForFinished(120'000));
    QVERIFY2(process.exitCode() == 0, process.readAllStandardError().constData());
    std::set<std::pair<QString, QString>> wanted;
    for (const Message& message : messagesOf(fresh))
        wanted.insert({message.context, message.source});
    QVERIFY(wanted.size() > 500);
    for (const QString& language : languages()) {
        if (language == QLatin1String("en"))
            continue;
        std::set<std::pair<QString, QString>> present;
        for (const Message& message : messagesOf(tsFile(language)))
            present.insert({message.context, message.source});
        for (const auto& [context, source] : wanted)
            QVERIFY2(present.count({context, source}) == 1,
                     qPrintable(QStringLiteral("run resources/translations/update: %1: %2")
                                    .arg(context, source)));
    }
}

void TestTranslation::coreIsCovered()
{
    std::set<QString> present;
    for (const Message& message : messagesOf(tsFile(QStringLiteral("de")))) {
        if (message.context == QLatin1String("Core"))
            present.insert(message.source);
    }
    const auto covered = [&](const std::string& text) {
        return present.count(QString::fromStdString(text)) == 1;
    };
    for (const MethodDescription& method : methods()) {
        QVERIFY2(covered(method.title), method.title.c_str());
        QVERIFY2(covered(method.summary), method.summary.c_str());
        for (const OptionDescription& option : method.options)
            QVERIFY2(covered(option.help), option.help.c_str());
    }
    for (const LayerKind kind :
         {LayerKind::Linear, LayerKind::Embedding, LayerKind::Convolution, LayerKind::Other})
        QVERIFY(covered(std::string(layerKindName(kind))));
}

void TestTranslation::theWindowSpeaks()
{
    QCOMPARE(coreText("linear"), QStringLiteral("linear"));
    QCOMPARE(installTranslation(*qApp, QStringLiteral("de")), QStringLiteral("de"));
    MainWindow::Options options;
    options.remember = false;
    const MainWindow window(options);
    QStringList titles;
    for (const QAction* action : window.menuBar()->actions())
        titles.append(action->text().remove(QLatin1Char('&')));
    QVERIFY2(titles.contains(QStringLiteral("Datei")), qPrintable(titles.join(QLatin1Char(' '))));
    QCOMPARE(window.totalsText(), QStringLiteral("Kein Modell"));
    for (QTranslator* each : qApp->findChildren<QTranslator*>())
        QCoreApplication::removeTranslator(each);
}

void TestTranslation::unknownLanguagesStayEnglish()
{
    QCOMPARE(installTranslation(*qApp, QStringLiteral("xx")), QStringLiteral("en"));
    QCOMPARE(languageTitle(QStringLiteral("de")), QStringLiteral("Deutsch"));
}

QTEST_MAIN(TestTranslation)
#include "tst_translation.moc"
