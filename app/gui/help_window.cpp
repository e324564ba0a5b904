// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/help_window.h"

#include "widgets/theme.h"

#include <QDesktopServices>
#include <QDir>
#include <QFile>
#include <QImage>
#include <QKeyEvent>
#include <QListWidget>
#include <QScrollBar>
#include <QSplitter>
#include <QTextBlock>
#include <QTextBrowser>
#include <QTextTable>
#include <QTimer>
#include <QUrl>
#include <QVBoxLayout>

namespace gradus {

namespace {
const QString folder = QStringLiteral(":/help");
constexpr int margin = 18;
constexpr int afterResizeMs = 120;

/// The first heading.
QString titleOf(const QString& file)
{
    QFile chapter(QDir(folder).filePath(file));
    if (!chapter.open(QIODevice::ReadOnly))
        return file;
    const QString line = QString::fromUtf8(chapter.readLine()).trimmed();
    return line.startsWith(QLatin1String("# ")) ? line.mid(2) : file;
}

/// Pictures that are wider than the page are made to fit it, again whenever its width changes.
class Page final : public QTextBrowser
{
public:
    Page()
    {
        m_resized.setSingleShot(true);
        m_resized.setInterval(afterResizeMs);
        QObject::connect(&m_resized, &QTimer::timeout, this, [this] {
            if (room() == m_room)
                return;
            const int place = verticalScrollBar()->value();
            reload();
            verticalScrollBar()->setValue(place);
        });
    }

    QVariant loadResource(int type, const QUrl& name) override
    {
        const QVariant found = QTextBrowser::loadResource(type, name);
        if (type != QTextDocument::ImageResource)
            return found;
        QImage image = found.value<QImage>();
        if (image.isNull())
            image = QImage::fromData(found.toByteArray());
        m_room = room();
        return image.width() > m_room ? image.scaledToWidth(m_room, Qt::SmoothTransformation)
                                      : image;
    }

protected:
    void doSetSource(const QUrl& url, QTextDocument::ResourceType type) override
    {
        QTextBrowser::doSetSource(url, type);
        dress();
    }

    void resizeEvent(QResizeEvent* event) override
    {
        QTextBrowser::resizeEvent(event);
        m_resized.start();
    }

    void changeEvent(QEvent* event) override
    {
        QTextBrowser::changeEvent(event);
        if (event->type() == QEvent::PaletteChange)
            dress();
    }

private:
    /// Markdown says nothing of looks: thin lines for tables, air above headings, ground for code.
    void dress()
    {
        const QColor ground = palette().color(QPalette::AlternateBase);
        const QColor line = themeColours(palette()).grid;
        for (QTextFrame* frame : document()->rootFrame()->childFrames()) {
            auto* table = qobject_cast<QTextTable*>(frame);
            if (!table)
                continue;
            QTextTableFormat format = table->format();
            format.setBorderCollapse(true);
            format.setBorder(1);
            format.setBorderBrush(line);
            format.setBorderStyle(QTextFrameFormat::BorderStyle_Solid);
            format.setCellSpacing(0);
            format.setCellPadding(4);
            format.setTopMargin(4);
            format.setBottomMargin(10);
            table->setFormat(format);
            for (int column = 0; column < table->columns(); ++column) {
                QTextTableCell cell = table->cellAt(0, column);
                QTextCharFormat head = cell.format();
                head.setBackground(ground);
                cell.setFormat(head);
            }
        }
        QTextCursor cursor(document());
        for (QTextBlock block = document()->begin(); block.isValid(); block = block.next()) {
            QTextBlockFormat format = block.blockFormat();
            if (format.headingLevel() > 1) {
                format.setTopMargin(format.headingLevel() == 2 ? 20 : 14);
                format.setBottomMargin(6);
            } else if (format.hasProperty(QTextFormat::BlockCodeFence) ||
                       format.hasProperty(QTextFormat::BlockCodeLanguage)) {
                format.setBackground(ground);
                format.setNonBreakableLines(true);
            } else {
                continue;
            }
            cursor.setPosition(block.position());
            cursor.setBlockFormat(format);
        }
    }

    [[nodiscard]] int room() const
    {
        // As if the scroll bar were there: it comes with a long page, after its pictures.
        const int bar =
            verticalScrollBar()->isVisible() ? 0 : verticalScrollBar()->sizeHint().width();
        return qMax(200, viewport()->width() - bar - 2 * margin);
    }

    QTimer m_resized;
    int m_room = 0;
};
} // namespace

QStringList HelpWindow::chapters()
{
    return QDir(folder).entryList({QStringLiteral("*.md")}, QDir::Files, QDir::Name);
}

HelpWindow::HelpWindow(QWidget* parent)
    : QWidget(parent, Qt::Window)
{
    setWindowTitle(tr("Gradus: user guide"));
    m_chapters = new QListWidget;
    m_chapters->setAccessibleName(tr("Chapters"));
    for (const QString& file : chapters()) {
        auto* item = new QListWidgetItem(titleOf(file), m_chapters);
        item->setData(Qt::UserRole, file);
        item->setSizeHint(QSize(0, fontMetrics().height() + 12));
    }
    m_chapters->setFrameShape(QFrame::NoFrame);
    m_chapters->setSpacing(1);
    m_text = new Page;
    m_text->setAccessibleName(tr("User guide"));
    m_text->setFrameShape(QFrame::NoFrame);
    m_text->setOpenLinks(false);
    m_text->document()->setDocumentMargin(margin);
    auto* splitter = new QSplitter;
    splitter->addWidget(m_chapters);
    splitter->addWidget(m_text);
    splitter->setStretchFactor(1, 1);
    splitter->setSizes({200, 860});
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(splitter);
    connect(m_chapters, &QListWidget::currentItemChanged, this,
            [this](const QListWidgetItem* item) {
                if (item)
                    m_text->setSource(
                        QUrl(QStringLiteral("qrc:/help/") + item->data(Qt::UserRole).toString()),
                        QTextDocument::MarkdownResource);
            });
    connect(m_text, &QTextBrowser::anchorClicked, this, [this](const QUrl& url) {
        if (url.scheme().startsWith(QLatin1String("http")))
            QDesktopServices::openUrl(url);
        else
            showChapter(QFileInfo(url.path()).fileName());
    });
    m_chapters->setCurrentRow(0);
    resize(1060, 760);
}

HelpWindow* HelpWindow::open(QWidget* parent)
{
    auto* window = parent->findChild<HelpWindow*>();
    if (!window)
        window = new HelpWindow(parent);
    window->show();
    window->raise();
    window->activateWindow();
    return window;
}

void HelpWindow::showChapter(const QString& file)
{
    for (int row = 0; row < m_chapters->count(); ++row) {
        if (m_chapters->item(row)->data(Qt::UserRole).toString() == file)
            m_chapters->setCurrentRow(row);
    }
}

void HelpWindow::keyPressEvent(QKeyEvent* event)
{
    if (event->key() == Qt::Key_Escape)
        close();
    else
        QWidget::keyPressEvent(event);
}

} // namespace gradus
