// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/help_window.h"

#include <QDesktopServices>
#include <QDir>
#include <QFile>
#include <QKeyEvent>
#include <QListWidget>
#include <QSplitter>
#include <QTextBrowser>
#include <QUrl>
#include <QVBoxLayout>

namespace gradus {

namespace {
const QString folder = QStringLiteral(":/help");

/// The first heading.
QString titleOf(const QString& file)
{
    QFile chapter(QDir(folder).filePath(file));
    if (!chapter.open(QIODevice::ReadOnly))
        return file;
    const QString line = QString::fromUtf8(chapter.readLine()).trimmed();
    return line.startsWith(QLatin1String("# ")) ? line.mid(2) : file;
}
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
    }
    m_chapters->setFrameShape(QFrame::NoFrame);
    m_text = new QTextBrowser;
    m_text->setAccessibleName(tr("User guide"));
    m_text->setFrameShape(QFrame::NoFrame);
    m_text->setOpenLinks(false);
    m_text->document()->setDocumentMargin(18);
    auto* splitter = new QSplitter;
    splitter->addWidget(m_chapters);
    splitter->addWidget(m_text);
    splitter->setStretchFactor(1, 1);
    splitter->setSizes({220, 740});
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
    resize(960, 680);
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
