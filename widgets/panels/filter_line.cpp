// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/filter_line.h"

#include "widgets/models/layer_expression.h"
#include "widgets/theme.h"

#include <QAbstractItemView>
#include <QCompleter>
#include <QKeyEvent>
#include <QLabel>
#include <QMenu>
#include <QPainter>
#include <QStringListModel>
#include <QVBoxLayout>

namespace gradus {

namespace {
constexpr int rememberedFilters = 12;
constexpr int longestFilter = 4000;
constexpr int notePause = 500; // milliseconds: an unfinished word is no mistake yet
} // namespace

FilterLine::FilterLine(QWidget* parent)
    : QLineEdit(parent)
{
    setMaxLength(longestFilter);
    setClearButtonEnabled(true);
    setAcceptDrops(false); // files belong to the window
    QStringList names;
    for (const LayerExpression::FieldHelp& field : LayerExpression::fields())
        names.append(field.name);
    names.sort();
    m_completer = new QCompleter(names, this);
    m_completer->setCaseSensitivity(Qt::CaseInsensitive);
    m_completer->setWidget(this);
    m_noteTimer.setSingleShot(true);
    m_noteTimer.setInterval(notePause);
    connect(&m_noteTimer, &QTimer::timeout, this, &FilterLine::showNote);
    connect(m_completer, qOverload<const QString&>(&QCompleter::activated), this,
            &FilterLine::insertCompletion);
    connect(this, &QLineEdit::textEdited, this, &FilterLine::complete);
    connect(this, &QLineEdit::editingFinished, this, [this] {
        if (m_problem.isEmpty())
            remember(text());
    });
}

void FilterLine::showProblem(const ExpressionProblem& problem)
{
    m_problem = problem.position >= text().size()
                    ? tr("%1 (at the end)").arg(problem.message)
                    : tr("%1 (at character %2)").arg(problem.message).arg(problem.position + 1);
    m_problemAt = problem.position;
    m_problemLength = problem.length;
    setToolTip(m_problem);
    setAccessibleDescription(m_problem);
    if (m_note && m_note->isVisible())
        showNote();
    else
        m_noteTimer.start();
    update();
}

void FilterLine::clearProblem()
{
    m_noteTimer.stop();
    if (m_note)
        m_note->hide();
    m_problem.clear();
    setAccessibleDescription({});
    setToolTip(tr("Words that must occur, a pattern such as *q_proj* or /layers\\.[0-3]/, or "
                  "conditions such as bits<4 and sqnr<15 (Ctrl+F)"));
    update();
}

void FilterLine::showNote()
{
    if (m_problem.isEmpty() || !isVisible())
        return;
    if (!m_note) {
        // Lies over the table rather than pushing it down.
        m_note = new QLabel(parentWidget());
        m_note->setAutoFillBackground(true);
        m_note->setMargin(6);
        m_note->setFrameShape(QFrame::Box);
        m_note->setWordWrap(true);
        m_note->setTextFormat(Qt::PlainText);
        m_note->setAccessibleName(tr("Problem of the filter"));
    }
    QPalette colours = palette();
    colours.setColor(QPalette::Window, palette().color(QPalette::ToolTipBase));
    colours.setColor(QPalette::WindowText, palette().color(QPalette::ToolTipText));
    m_note->setPalette(colours);
    m_note->setText(QStringLiteral("◆ ") + m_problem);
    const int room = parentWidget()->width() - x() - 8;
    m_note->setFixedWidth(
        qMin(room, qMin(440, m_note->fontMetrics().horizontalAdvance(m_note->text()) + 24)));
    m_note->adjustSize();
    m_note->move(x(), y() + height() + 2);
    m_note->raise();
    m_note->show();
}

void FilterLine::remember(const QString& text)
{
    const QString filter = text.trimmed();
    if (filter.isEmpty())
        return;
    m_history.removeAll(filter);
    m_history.prepend(filter);
    while (m_history.size() > rememberedFilters)
        m_history.removeLast();
}

void FilterLine::showHistory()
{
    if (m_history.isEmpty())
        return;
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    for (const QString& filter : m_history) {
        QString shown = filter;
        menu->addAction(shown.replace(QLatin1Char('&'), QLatin1String("&&")), this,
                        [this, filter] { setText(filter); });
    }
    menu->popup(mapToGlobal(QPoint(0, height())));
    menu->setActiveAction(menu->actions().constFirst());
}

int FilterLine::wordStart() const
{
    int start = cursorPosition();
    while (start > 0 && text()[start - 1].isLetter())
        --start;
    return start;
}

void FilterLine::complete()
{
    const int start = wordStart();
    const QString prefix = text().mid(start, cursorPosition() - start);
    m_completer->setCompletionPrefix(prefix);
    const bool within = cursorPosition() < text().size() && text()[cursorPosition()].isLetter();
    const bool whole = m_completer->completionCount() == 1 &&
                       m_completer->currentCompletion().compare(prefix, Qt::CaseInsensitive) == 0;
    // After a comparison comes a value, and behind a dot or a star the rest of a name.
    const bool apart =
        start == 0 || text()[start - 1].isSpace() || text()[start - 1] == QLatin1Char('(');
    if (prefix.size() < 2 || within || whole || !apart || m_completer->completionCount() == 0) {
        m_completer->popup()->hide();
        return;
    }
    QRect place = cursorRect();
    place.setWidth(m_completer->popup()->sizeHintForColumn(0) + 24);
    m_completer->complete(place);
}

void FilterLine::insertCompletion(const QString& name)
{
    const int start = wordStart();
    setSelection(start, cursorPosition() - start);
    insert(name);
}

bool FilterLine::event(QEvent* event)
{
    // Esc here leaves the line, whatever the window would do with it.
    if (event->type() == QEvent::ShortcutOverride &&
        static_cast<QKeyEvent*>(event)->key() == Qt::Key_Escape) {
        event->accept();
        return true;
    }
    return QLineEdit::event(event);
}

void FilterLine::keyPressEvent(QKeyEvent* event)
{
    if (m_completer->popup()->isVisible()) {
        switch (event->key()) {
        case Qt::Key_Return:
        case Qt::Key_Enter:
        case Qt::Key_Tab:
        case Qt::Key_Escape:
            event->ignore(); // the list of completions takes them
            return;
        default:
            break;
        }
    }
    switch (event->key()) {
    case Qt::Key_Escape:
        Q_EMIT leftDownward();
        return;
    case Qt::Key_Down:
        if (event->modifiers() & Qt::AltModifier)
            showHistory();
        else
            Q_EMIT leftDownward();
        return;
    case Qt::Key_Up:
        showHistory();
        return;
    default:
        QLineEdit::keyPressEvent(event);
    }
}

void FilterLine::focusOutEvent(QFocusEvent* event)
{
    if (m_note)
        m_note->hide();
    QLineEdit::focusOutEvent(event);
}

void FilterLine::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange && m_note && m_note->isVisible())
        showNote();
    QLineEdit::changeEvent(event);
}

void FilterLine::paintEvent(QPaintEvent* event)
{
    QLineEdit::paintEvent(event);
    if (m_problem.isEmpty())
        return;
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(themeColours(palette()).poor, 2));
    painter.setBrush(Qt::NoBrush);
    painter.drawRoundedRect(QRectF(rect()).adjusted(1, 1, -1, -1), 2.5, 2.5);
}

void FilterLine::showHelp(const QPoint& global)
{
    const auto row = [](const LayerExpression::FieldHelp& field) {
        const QString example = field.example.toHtmlEscaped();
        return QStringLiteral("<tr><td><b>%1</b>&nbsp;&nbsp;</td><td>%2&nbsp;&nbsp;&nbsp;</td>"
                              "<td><a href=\"%3\">%3</a></td></tr>")
            .arg(field.name.toHtmlEscaped(), field.meaning.toHtmlEscaped(), example);
    };
    QString table;
    for (const LayerExpression::FieldHelp& field : LayerExpression::fields())
        table += row(field);
    QString examples;
    const std::pair<QString, QString> lines[] = {
        {tr("words that all occur in a row"), QStringLiteral("attn gptq")},
        {tr("a pattern for the whole name"), QStringLiteral("*q_proj*")},
        {tr("a regular expression within the name"), QStringLiteral("/layers\\.[0-3]\\./")},
        {tr("conditions joined by and, or, not"),
         QStringLiteral("bits<4 and sqnr<15 or (method=gptq and not locked)")},
    };
    for (const auto& [meaning, example] : lines)
        examples += QStringLiteral("<tr><td>%1&nbsp;&nbsp;&nbsp;</td>"
                                   "<td><a href=\"%2\">%2</a></td></tr>")
                        .arg(meaning.toHtmlEscaped(), example.toHtmlEscaped());
    auto* help = new QFrame(this, Qt::Popup);
    help->setAttribute(Qt::WA_DeleteOnClose);
    help->setFrameShape(QFrame::StyledPanel);
    help->setAccessibleName(tr("How to filter"));
    auto* label = new QLabel(
        QStringLiteral("<p><b>%1</b></p><table>%2</table><p><b>%3</b></p><table>%4</table>"
                       "<p>%5</p>")
            .arg(tr("Filter layers by"), examples, tr("Fields"), table,
                 tr("Compare with &lt; &lt;= &gt; &gt;= = != and ~ (regular expression). Numbers "
                    "that are not known match no comparison.")));
    label->setTextFormat(Qt::RichText);
    label->setTextInteractionFlags(Qt::LinksAccessibleByMouse | Qt::LinksAccessibleByKeyboard);
    connect(label, &QLabel::linkActivated, this, [this, help](const QString& example) {
        help->close();
        setText(example);
        setFocus();
    });
    auto* layout = new QVBoxLayout(help);
    layout->setContentsMargins(14, 8, 14, 8);
    layout->addWidget(label);
    help->adjustSize();
    help->move(global);
    help->show();
    label->setFocus();
}

} // namespace gradus
