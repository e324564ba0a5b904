// SPDX-License-Identifier: GPL-3.0-or-later
// The user guide opens, its links and pictures resolve, and what it names exists: menu entries,
// columns, filter fields and filters, methods and their options.
#include "app/gui/help_window.h"
#include "app/gui/main_window.h"
#include "core/quant/options.h"
#include "widgets/models/layer_expression.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/models/option_text.h"
#include "widgets/panels/layer_table_panel.h"
#include "widgets/text.h"

#include <QDir>
#include <QDockWidget>
#include <QFile>
#include <QImage>
#include <QListWidget>
#include <QMap>
#include <QMenu>
#include <QMenuBar>
#include <QRegularExpression>
#include <QScrollBar>
#include <QTest>
#include <QTextBlock>
#include <QTextBrowser>

#include <algorithm>
#include <cstdio>
#include <limits>

using namespace gradus;

namespace {

QString textOf(const QString& chapter)
{
    QFile file(QStringLiteral(":/help/") + chapter);
    return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
}

QString plain(QString title)
{
    return title.remove(QLatin1Char('&'));
}

/// "Menu > Submenu > Entry" of everything in a menu.
void collect(const QMenu& menu, const QString& path, QSet<QString>& found)
{
    for (const QAction* action : menu.actions()) {
        const QString title = action->property("title").toString();
        const QString here =
            path + QStringLiteral(" > ") + (title.isEmpty() ? plain(action->text()) : title);
        found.insert(here);
        if (action->menu())
            collect(*action->menu(), here, found);
    }
}

/// As printf rounds, which the tables are made with: Qt takes halves elsewhere.
QString fixed(double value, int decimals)
{
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return QString::fromLatin1(text);
}

/// Cells of all table rows: of ones with a column of code.
QList<QStringList> tableRows(const QString& text)
{
    QList<QStringList> rows;
    for (const QString& line : text.split(QLatin1Char('\n'))) {
        if (!line.startsWith(QLatin1String("| ")))
            continue;
        QString row = line;
        row.replace(QLatin1String("\\|"), QString(QChar(1)));
        QStringList cells = row.split(QLatin1Char('|')).mid(1);
        cells.removeLast();
        for (QString& cell : cells)
            cell = cell.trimmed().replace(QChar(1), QLatin1Char('|'));
        rows.append(cells);
    }
    return rows;
}

/// What stands between backquotes, of a cell that is nothing else.
QString code(const QString& cell)
{
    static const QRegularExpression whole(QStringLiteral("^`([^`]+)`$"));
    return whole.match(cell).captured(1);
}

const QString tableChapter = QStringLiteral("03-layer-table.md");
const QString methodChapter = QStringLiteral("08-methods.md");

} // namespace

class TestHelp : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void everyChapterOpens_data()
    {
        QTest::addColumn<QString>("file");
        for (const QString& file : HelpWindow::chapters())
            QTest::newRow(qPrintable(file)) << file;
    }

    void everyChapterOpens()
    {
        QFETCH(QString, file);
        HelpWindow window;
        window.show();
        window.showChapter(file);
        const auto* text = window.findChild<QTextBrowser*>();
        QVERIFY(text);
        QVERIFY(text->source().path().endsWith(file));
        QVERIFY2(text->toPlainText().size() > 600, "an empty chapter");
        QVERIFY(text->document()->firstBlock().blockFormat().headingLevel() == 1);
        QCOMPARE(window.findChild<QListWidget*>()->currentItem()->text(),
                 text->document()->firstBlock().text());
        QCOMPARE(text->horizontalScrollBar()->maximum(), 0); // pictures, tables and code fit
        // What the importer does not understand is left standing as it was typed.
        QVERIFY2(!text->toPlainText().contains(QLatin1String("**")), "bold that is not");
        QVERIFY2(!text->toPlainText().contains(QLatin1String("](")), "a link that is not");
        for (QTextBlock block = text->document()->begin(); block.isValid(); block = block.next())
            QVERIFY2(!block.text().startsWith(QLatin1String("| ")) &&
                         !block.text().contains(QLatin1String("|---")),
                     "a table that is not");
    }

    void chaptersAreInOrder()
    {
        const QStringList chapters = HelpWindow::chapters();
        QVERIFY(chapters.size() >= 10);
        for (int i = 0; i < chapters.size(); ++i)
            QVERIFY2(
                chapters[i].startsWith(QStringLiteral("%1-").arg(i + 1, 2, 10, QLatin1Char('0'))),
                qPrintable(chapters[i]));
    }

    void linksAndPicturesResolve()
    {
        static const QRegularExpression link(QStringLiteral("(!?)\\[[^\\]]*\\]\\(([^)]+)\\)"));
        const QStringList chapters = HelpWindow::chapters();
        QSet<QString> pictures;
        QSet<QString> reached{chapters.front()};
        for (const QString& chapter : chapters) {
            const QString text = textOf(chapter);
            for (auto each = link.globalMatch(text); each.hasNext();) {
                const QRegularExpressionMatch match = each.next();
                const QString target = match.captured(2);
                const QByteArray where = (chapter + QStringLiteral(": ") + target).toUtf8();
                if (match.captured(1).isEmpty()) {
                    QVERIFY2(chapters.contains(target), where.constData());
                    reached.insert(target);
                } else {
                    const QImage image(QStringLiteral(":/help/") + target);
                    QVERIFY2(!image.isNull(), where.constData());
                    QVERIFY2(image.width() <= 1280, where.constData());
                    pictures.insert(target);
                }
            }
        }
        QCOMPARE(reached.size(), chapters.size());
        // No picture is carried along that nothing shows.
        for (const QString& file : QDir(QStringLiteral(":/help/images")).entryList(QDir::Files))
            QVERIFY2(pictures.contains(QStringLiteral("images/") + file), qPrintable(file));
    }

    void aLinkOpensItsChapter()
    {
        HelpWindow window;
        auto* text = window.findChild<QTextBrowser*>();
        Q_EMIT text->anchorClicked(QUrl(QStringLiteral("09-numbers.md")));
        QVERIFY(text->source().path().endsWith(QLatin1String("09-numbers.md")));
    }

    void picturesFollowTheWidthOfTheWindow()
    {
        HelpWindow window;
        window.show();
        window.showChapter(QStringLiteral("01-getting-started.md"));
        auto* text = window.findChild<QTextBrowser*>();
        for (const int width : {700, 1500, 900}) {
            window.resize(width, 600);
            QTRY_COMPARE(text->horizontalScrollBar()->maximum(), 0);
            QVERIFY(text->source().path().endsWith(QLatin1String("01-getting-started.md")));
        }
    }

    /// Bold stands for entries of the menus and for nothing else.
    void menuEntriesExist()
    {
        MainWindow::Options options;
        options.remember = false;
        options.confirmClose = false;
        MainWindow window(options);
        QSet<QString> entries;
        for (const QAction* top : window.menuBar()->actions())
            collect(*top->menu(), plain(top->text()), entries);
        static const QRegularExpression bold(QStringLiteral("\\*\\*([^*]+)\\*\\*"));
        int named = 0;
        for (const QString& chapter : HelpWindow::chapters()) {
            const QString text = textOf(chapter);
            for (auto each = bold.globalMatch(text); each.hasNext();) {
                const QString name = each.next().captured(1).simplified();
                if (name[0].isDigit()) // the best number of a table
                    continue;
                QVERIFY2(entries.contains(name),
                         qPrintable(QStringLiteral("%1: %2").arg(chapter, name)));
                ++named;
            }
        }
        QVERIFY(named > 20);
        // The chapter on the window names every panel.
        const QString about = textOf(QStringLiteral("02-window.md"));
        const auto docks = window.findChildren<QDockWidget*>();
        QVERIFY(!docks.isEmpty());
        for (const QDockWidget* dock : docks)
            QVERIFY2(about.contains(QStringLiteral("| %1 |").arg(dock->windowTitle())),
                     qPrintable(dock->windowTitle()));
    }

    void everyColumnIsDescribed()
    {
        const LayerTableModel model;
        const QString text = textOf(tableChapter);
        for (int column = 0; column < model.columnCount(); ++column) {
            const QString title =
                model.headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
            QVERIFY2(text.contains(QStringLiteral("| %1 |").arg(title)), qPrintable(title));
        }
    }

    void filtersAreUnderstood()
    {
        const QString text = textOf(tableChapter);
        QStringList filters;
        QSet<QString> described;
        for (const QStringList& cells : tableRows(text)) {
            if (cells.size() == 3 && !code(cells[0]).isEmpty()) { // field, meaning, example
                described.insert(code(cells[0]));
                filters.append(code(cells[2]));
                QVERIFY2(filters.back().contains(code(cells[0])), qPrintable(cells[0]));
            } else if (cells.size() == 2 && !code(cells[0]).isEmpty()) { // what to write
                filters.append(code(cells[0]));
            }
        }
        QSet<QString> known;
        for (const LayerExpression::FieldHelp& field : LayerExpression::fields())
            known.insert(field.name);
        QCOMPARE(described, known);
        const qsizetype fence = text.indexOf(QLatin1String("```\n"));
        const qsizetype end = text.indexOf(QLatin1String("```"), fence + 4);
        QVERIFY(fence > 0 && end > fence);
        filters += text.mid(fence + 4, end - fence - 5).split(QLatin1Char('\n'));
        QVERIFY(filters.size() > 30);
        for (const QString& filter : filters) {
            ExpressionProblem problem;
            const auto expression = LayerExpression::parse(filter, &problem);
            QVERIFY2(expression, qPrintable(filter + QStringLiteral(": ") + problem.message));
            QVERIFY2(!expression->empty(), qPrintable(filter));
        }
    }

    /// Methods with their options, defaults and limits, as the program has them.
    void methodsAreTrue()
    {
        const QString text = textOf(methodChapter);
        QStringList options;
        for (const MethodDescription& method : methods()) {
            const QString heading =
                QStringLiteral("## %1: `%2`").arg(toQString(method.title), toQString(method.name));
            const qsizetype at = text.indexOf(heading);
            QVERIFY2(at >= 0, qPrintable(heading));
            const qsizetype next = text.indexOf(QLatin1String("\n## "), at);
            QStringList found;
            for (const QStringList& cells : tableRows(text.mid(at, next - at))) {
                if (code(cells[0]).isEmpty())
                    continue;
                found.append(cells.mid(0, 3).join(QLatin1Char(' ')));
            }
            QStringList expected;
            for (const OptionDescription& option : method.options) {
                using Type = OptionDescription::Type;
                QString standard = toQString(option.defaultValue);
                QString values =
                    QStringLiteral("%1 to %2")
                        .arg(realOptionText(option.minimum), realOptionText(option.maximum));
                if (option.type == Type::Real)
                    standard = realOptionText(standard.toDouble());
                if (option.type == Type::Boolean)
                    values = QStringLiteral("true, false");
                if (option.type == Type::Choice) {
                    QStringList names;
                    for (const std::string& choice : option.choices)
                        names.append(toQString(choice));
                    values = names.join(QStringLiteral(", "));
                }
                expected.append(
                    QStringLiteral("`%1` %2 %3").arg(toQString(option.name), standard, values));
            }
            QCOMPARE(found, expected);
        }
    }

    /// The measured numbers stand in the sources as CSV; the guide shows all of them and no others.
    void measuredNumbersAreThoseOfTheTable()
    {
        QFile file(QStringLiteral(GRADUS_SOURCE_DIR "/tests/bench/tables/decoupleq.csv"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        QMap<QString, QStringList> expected; // by model, bits and group: the cells
        QMap<QString, QString> lastMethod;
        const QStringList lines =
            QString::fromUtf8(file.readAll()).trimmed().split(QLatin1Char('\n'));
        for (const QString& line : lines.mid(1)) {
            const QStringList fields = line.split(QLatin1Char(','));
            QCOMPARE(fields.size(), 8);
            const QString group =
                fields[2] == QLatin1String("channel") ? QStringLiteral("per channel") : fields[2];
            const QString key = QStringLiteral("%1 | %2 | %3").arg(fields[0], fields[1], group);
            const double value = fields[6].toDouble();
            const QString text = QString::number(value, 'f', value < 100 ? 2 : 0);
            if (lastMethod[key] == fields[3])
                expected[key].last() += QStringLiteral(" / ") + text;
            else
                expected[key].append(text);
            lastMethod[key] = fields[3];
        }
        QMap<QString, QStringList> found;
        QString model;
        const QString page = textOf(QStringLiteral("13-decoupleq-measured.md"));
        for (const QString& line : page.split(QLatin1Char('\n'))) {
            if (line.startsWith(QLatin1String("## ")))
                model = line.mid(3).section(QLatin1Char(','), 0, 0);
            const QStringList cells = line.split(QStringLiteral(" | "));
            if (!line.startsWith(QLatin1String("| ")) || cells.size() < 3 ||
                line.startsWith(QLatin1String("| Bits")))
                continue;
            QStringList values;
            for (QString cell : cells.mid(2))
                if (cell = cell.remove(QLatin1Char('|')).trimmed(); cell != QStringLiteral("–"))
                    values.append(cell);
            found[QStringLiteral("%1 | %2 | %3").arg(model, cells[0].mid(2), cells[1])] = values;
        }
        QVERIFY(found.size() >= 9);
        QCOMPARE(found, expected);
    }

    void quantizedInputsAreThoseOfTheTable()
    {
        QFile file(QStringLiteral(GRADUS_SOURCE_DIR "/tests/bench/tables/repquant.csv"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        QMap<QString, QStringList> expected; // by model and method
        QStringList headings;
        const QStringList lines =
            QString::fromUtf8(file.readAll()).trimmed().split(QLatin1Char('\n'));
        for (const QString& line : lines.mid(1)) {
            const QStringList fields = line.split(QLatin1Char(','));
            QCOMPARE(fields.size(), 12);
            const bool text = !fields[8].isEmpty();
            const double value = fields[text ? 8 : 9].toDouble();
            const QString outcome = text ? fixed(value, value < 100 ? 2 : 0)
                                         : QStringLiteral("%1 %").arg(fixed(value * 100, 1));
            if (fields[3] == QLatin1String("float"))
                headings.append(
                    QStringLiteral("## %1, %2 %3 in floats")
                        .arg(fields[0],
                             text ? QStringLiteral("perplexity") : QStringLiteral("top-1"),
                             outcome));
            else
                expected[fields[0] + QLatin1Char(' ') + fields[3]].append(
                    outcome + QStringLiteral(", ") + fixed(fields[11].toDouble(), 3));
        }
        QMap<QString, QStringList> found;
        QStringList foundHeadings;
        QString model;
        const QString page = textOf(QStringLiteral("15-repquant-measured.md"));
        for (const QString& line : page.split(QLatin1Char('\n'))) {
            if (line.startsWith(QLatin1String("## ")) &&
                line.endsWith(QLatin1String(" in floats"))) {
                foundHeadings.append(line);
                model = line.mid(3).section(QLatin1Char(','), 0, 0);
            }
            if (!line.startsWith(QLatin1String("| `")))
                continue;
            QStringList cells = line.mid(2, line.size() - 4).split(QStringLiteral(" | "));
            const QString method = cells.takeFirst().remove(QLatin1Char('`'));
            found[model + QLatin1Char(' ') + method] = cells;
        }
        QVERIFY(found.size() >= 11);
        QCOMPARE(foundHeadings, headings);
        QCOMPARE(found, expected);
    }

    void allocationsAreThoseOfTheTable()
    {
        QFile file(QStringLiteral(GRADUS_SOURCE_DIR "/tests/bench/tables/allocation.csv"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        // The columns of outcomes; a row has those that fit its model.
        enum
        {
            Perplexity = 8,
            Top1 = 9,
            Kl = 11,
            Cosine = 13,
            WeightError = 14,
            Columns
        };
        QMap<QString, QStringList> lines;       // by model and allocation, budgets in their order
        QMap<QString, QList<QStringList>> rows; // by model, allocation and budget: of all seeds
        QStringList budgets;
        const QStringList text =
            QString::fromUtf8(file.readAll()).trimmed().split(QLatin1Char('\n'));
        for (const QString& line : text.mid(1)) {
            const QStringList fields = line.split(QLatin1Char(','));
            QCOMPARE(fields.size(), int(Columns));
            const QString key = fields[0] + QLatin1Char(' ') + fields[3];
            if (!lines.contains(key))
                lines[key] = {};
            if (!budgets.contains(fields[2]))
                budgets.append(fields[2]);
            rows[key + QLatin1Char(' ') + fields[2]].append(fields);
            // No allocation is larger than its budget.
            QVERIFY2(fields[4].toDouble() <= fields[2].toDouble(), qPrintable(line));
        }
        const auto spread = [](const QList<QStringList>& own, int column, int places,
                               bool fromOne) {
            double low = std::numeric_limits<double>::infinity();
            double high = -low;
            for (const QStringList& fields : own) {
                const double value = fields[column].toDouble();
                low = std::min(low, fromOne ? 1 - value : value);
                high = std::max(high, fromOne ? 1 - value : value);
            }
            QString result = fixed((low + high) / 2, places);
            if (own.size() > 1)
                result += QStringLiteral(" ± ") + fixed((high - low) / 2, places);
            return result;
        };
        for (auto line = lines.begin(); line != lines.end(); ++line)
            for (const QString& budget : budgets) {
                const QList<QStringList> own = rows.value(line.key() + QLatin1Char(' ') + budget);
                if (own.isEmpty()) {
                    line.value().append(QStringLiteral("–"));
                    continue;
                }
                double sum = 0;
                const bool perplexity = !own[0][Perplexity].isEmpty();
                for (const QStringList& fields : own)
                    sum += fields[perplexity ? Perplexity : Top1].toDouble();
                const double mean = sum / static_cast<double>(own.size());
                if (perplexity)
                    line.value().append(fixed(mean, mean < 100 ? 2 : 0) + QStringLiteral(", ") +
                                        spread(own, Kl, 3, false));
                else if (!own[0][Top1].isEmpty())
                    line.value().append(fixed(mean * 100, 1) + QStringLiteral(" %, ") +
                                        spread(own, Kl, 3, false));
                else if (!own[0][Cosine].isEmpty())
                    line.value().append(spread(own, Cosine, 6, true));
                else
                    line.value().append(spread(own, WeightError, 4, false));
            }
        QMap<QString, QStringList> found;
        QString model;
        const QString page = textOf(QStringLiteral("16-allocation.md"));
        for (const QString& line : page.split(QLatin1Char('\n'))) {
            if (line.startsWith(QLatin1String("### ")))
                model = line.mid(4).section(QLatin1Char(':'), 0, 0);
            if (model.isEmpty() || !line.startsWith(QLatin1String("| `")))
                continue;
            QStringList cells = line.mid(2, line.size() - 4).split(QStringLiteral(" | "));
            found[model + QLatin1Char(' ') + cells.takeFirst().remove(QLatin1Char('`'))] = cells;
        }
        QVERIFY(found.size() >= 8);
        QCOMPARE(found, lines);
    }

    void powerGridsAreThoseOfTheTable()
    {
        QFile file(QStringLiteral(GRADUS_SOURCE_DIR "/tests/bench/tables/powerquant.csv"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        QMap<QString, QList<QStringList>> rows; // by model, bits and group
        QMap<QString, QString> headings;        // what stands behind the model's name
        // What became of a model: the last columns, one of which counts.
        enum
        {
            Perplexity = 9,
            Top1,
            Cosine,
            Columns
        };
        const QStringList lines =
            QString::fromUtf8(file.readAll()).trimmed().split(QLatin1Char('\n'));
        for (const QString& line : lines.mid(1)) {
            const QStringList fields = line.split(QLatin1Char(','));
            QCOMPARE(fields.size(), int(Columns));
            // A share or a cosine is one, and shares of right answers come with labels alone.
            for (const int column : {Top1, Cosine})
                QVERIFY2(std::abs(fields[column].toDouble()) <= 1, qPrintable(line));
            QVERIFY2(fields[Perplexity].isEmpty() || fields[Top1].isEmpty(), qPrintable(line));
            const QString group = fields[2] == QLatin1String("channel")
                                      ? QStringLiteral("per channel")
                                      : fields[2].section(QLatin1Char('-'), 1);
            if (fields[3] == QLatin1String("float"))
                headings[fields[0]] =
                    (fields[Top1].isEmpty() ? QStringLiteral("perplexity %1")
                                                  .arg(fixed(fields[Perplexity].toDouble(), 2))
                                            : QStringLiteral("top-1 %1 %")
                                                  .arg(fixed(fields[Top1].toDouble() * 100, 1))) +
                    QStringLiteral(" in floats");
            else
                rows[QStringLiteral("%1 | %2 | %3").arg(fields[0], fields[1], group)].append(
                    fields);
        }
        QMap<QString, QStringList> expected;
        for (auto row = rows.cbegin(); row != rows.cend(); ++row) {
            double best = -1000;
            for (const QStringList& fields : *row)
                best = std::max(best, fields[6].toDouble());
            for (const QStringList& fields : *row) {
                const double ratio = fields[6].toDouble();
                QString cell = fixed(ratio, 1);
                if (ratio == best)
                    cell = QStringLiteral("**%1**").arg(cell);
                QString outcome;
                if (const double value = fields[Perplexity].toDouble(); value > 0)
                    outcome = fixed(value, value < 100 ? 2 : 0);
                else if (!fields[Top1].isEmpty())
                    outcome = QStringLiteral("%1 %").arg(fixed(fields[Top1].toDouble() * 100, 1));
                else if (!fields[Cosine].isEmpty()) {
                    const QString text = fixed(fields[Cosine].toDouble(), 4);
                    outcome = text.startsWith(QLatin1Char('0')) ? text.mid(1) : text.left(5);
                    headings[fields[0]] = QStringLiteral("cosine to the float outputs");
                }
                if (!outcome.isEmpty())
                    cell += QStringLiteral(", ") + outcome;
                expected[row.key()].append(cell);
            }
        }
        QMap<QString, QStringList> found;
        QMap<QString, QString> foundHeadings;
        QString model;
        const QString page = textOf(QStringLiteral("14-powerquant-measured.md"));
        for (const QString& line : page.split(QLatin1Char('\n'))) {
            if (line.startsWith(QLatin1String("## "))) {
                model = line.mid(3).section(QLatin1Char(','), 0, 0);
                if (line.contains(QLatin1String(", ")))
                    foundHeadings[model] = line.mid(3).section(QStringLiteral(", "), 1);
            }
            QStringList cells = line.split(QStringLiteral(" | "));
            if (!line.startsWith(QLatin1String("| ")) || cells.size() < 3 ||
                line.startsWith(QLatin1String("| Bits")))
                continue;
            cells.last().remove(QStringLiteral(" |"));
            QStringList values = cells.mid(2);
            values.removeAll(QStringLiteral("–")); // not measured
            found[QStringLiteral("%1 | %2 | %3").arg(model, cells[0].mid(2), cells[1])] = values;
        }
        QVERIFY(found.size() >= 100);
        QCOMPARE(found, expected);
        QVERIFY(headings.size() >= 2);
        QCOMPARE(foundHeadings, headings);
    }
};

QTEST_MAIN(TestHelp)
#include "tst_help.moc"
