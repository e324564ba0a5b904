// SPDX-License-Identifier: GPL-3.0-or-later
// The manual pages name exactly the options that the programs have.
#include <QFile>
#include <QProcess>
#include <QRegularExpression>
#include <QSet>
#include <QTest>

namespace {

QString manual(const char* name)
{
    QFile file(QStringLiteral(GRADUS_SOURCE_DIR "/packaging/") + QLatin1String(name));
    if (!file.open(QIODevice::ReadOnly))
        return {};
    static const QRegularExpression font(QStringLiteral("\\\\f[A-Z]"));
    return QString::fromUtf8(file.readAll()).remove(font).remove(QLatin1Char('\\'));
}

/// The part of a page under a heading, up to the next heading of its kind or above.
QString section(const QString& page, const QString& heading)
{
    const qsizetype start = page.indexOf(heading + QLatin1Char('\n'));
    if (start < 0)
        return {};
    const QRegularExpression next(heading.startsWith(QLatin1String(".SS"))
                                      ? QStringLiteral("\n\\.S[HS] ")
                                      : QStringLiteral("\n\\.SH "));
    const qsizetype end = page.indexOf(next, start);
    return page.mid(start, end < 0 ? -1 : end - start);
}

QSet<QString> flags(const QString& text, const QString& pattern)
{
    QSet<QString> found;
    const QRegularExpression expression(pattern, QRegularExpression::MultilineOption);
    for (auto match = expression.globalMatch(text); match.hasNext();)
        for (const QString& flag : match.next().captured(1).split(QLatin1Char(','))) {
            const QString name = flag.trimmed();
            if (name.startsWith(QLatin1String("--")))
                found.insert(name);
        }
    return found;
}

QSet<QString> helpFlags(const QString& program, const QStringList& arguments)
{
    QProcess process;
    process.start(program, arguments);
    if (!process.waitForFinished(-1) || process.exitCode() != 0)
        return {};
    return flags(QString::fromUtf8(process.readAllStandardOutput()),
                 QStringLiteral("^  ((?:-\\w,)?--[a-z-]+(?:,--[a-z-]+)*)"));
}

/// Flags in the headings of items: in lines of a font request, or that begin with a flag.
QSet<QString> manualFlags(const QString& text)
{
    QSet<QString> found;
    const QRegularExpression expression(QStringLiteral("--[a-z][a-z-]*"));
    for (const QString& line : text.split(QLatin1Char('\n')))
        if (line.startsWith(QLatin1String(".B")) || line.startsWith(QLatin1String("--")))
            for (auto match = expression.globalMatch(line); match.hasNext();)
                found.insert(match.next().captured(0));
    return found;
}

QByteArray listOf(const QSet<QString>& flags)
{
    QStringList sorted(flags.begin(), flags.end());
    sorted.sort();
    return sorted.join(QLatin1Char(' ')).toUtf8();
}

} // namespace

class TestManual : public QObject
{
    Q_OBJECT

private slots:
    void everyVerbIsDescribed_data()
    {
        QTest::addColumn<QString>("verb");
        QProcess process;
        process.start(QStringLiteral(GRADUS_CLI), {QStringLiteral("--help")});
        QVERIFY(process.waitForFinished(-1));
        const QString help = QString::fromUtf8(process.readAllStandardOutput());
        const QRegularExpression verb(QStringLiteral("^  ([a-z]+)  "),
                                      QRegularExpression::MultilineOption);
        auto match = verb.globalMatch(help, help.indexOf(QLatin1String("Subcommands:")));
        while (match.hasNext()) {
            const QString name = match.next().captured(1);
            QTest::newRow(qPrintable(name)) << name;
        }
    }

    void everyVerbIsDescribed()
    {
        QFETCH(QString, verb);
        const QString text = section(manual("gradus-cli.1.in"), QStringLiteral(".SS ") + verb);
        QVERIFY2(!text.isEmpty(), "the manual page has no section for this verb");
        QSet<QString> expected =
            helpFlags(QStringLiteral(GRADUS_CLI), {verb, QStringLiteral("--help")});
        QVERIFY(expected.remove(QStringLiteral("--help")));
        QCOMPARE(listOf(manualFlags(text)), listOf(expected));
    }

    void theWorkbenchIsDescribed()
    {
#ifdef GRADUS_GUI
        const QString text = section(manual("gradus.1.in"), QStringLiteral(".SH OPTIONS"));
        const QSet<QString> expected =
            helpFlags(QStringLiteral(GRADUS_GUI), {QStringLiteral("--help")});
        QVERIFY(!expected.isEmpty());
        QCOMPARE(listOf(manualFlags(text)), listOf(expected));
#else
        QSKIP("the workbench was not built");
#endif
    }
};

QTEST_APPLESS_MAIN(TestManual)
#include "tst_manual.moc"
