// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/empty_state.h"

#include <QDir>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

namespace gradus {

namespace {
QString invitation()
{
    return EmptyState::tr("Open a model folder or drop it here");
}

QLabel* faintLabel(const QString& text)
{
    auto* label = new QLabel(text);
    label->setForegroundRole(QPalette::PlaceholderText);
    label->setAlignment(Qt::AlignCenter);
    return label;
}
} // namespace

EmptyState::EmptyState(QWidget* parent)
    : QWidget(parent)
{
    m_title = new QLabel(invitation());
    QFont large = m_title->font();
    large.setPointSizeF(large.pointSizeF() * 1.7);
    m_title->setFont(large);
    m_title->setAlignment(Qt::AlignCenter);

    auto* folder = new QPushButton(tr("Open folder…"));
    auto* file = new QPushButton(tr("Open file…"));
    folder->setDefault(true);
    for (QPushButton* each : {folder, file})
        each->setMinimumWidth(each->sizeHint().width() + 28);
    connect(folder, &QPushButton::clicked, this, &EmptyState::openFolderRequested);
    connect(file, &QPushButton::clicked, this, &EmptyState::openFileRequested);
    auto* buttons = new QHBoxLayout;
    buttons->addStretch(1);
    buttons->addWidget(folder);
    buttons->addWidget(file);
    buttons->addStretch(1);

    m_recent = new QWidget;
    m_recentList = new QVBoxLayout(m_recent);
    m_recentList->setSpacing(2);

    auto* layout = new QVBoxLayout(this);
    layout->addStretch(3);
    layout->addWidget(m_title);
    layout->addSpacing(6);
    layout->addWidget(faintLabel(
        tr("A Hugging Face folder, .safetensors, .gguf, llama2.c .bin, .onnx, .keras, Keras .h5, "
           "or a saved run (.gradus)")));
    layout->addSpacing(18);
    layout->addLayout(buttons);
    layout->addSpacing(26);
    layout->addWidget(m_recent, 0, Qt::AlignHCenter);
    layout->addStretch(4);
    setRecentFiles({});
}

void EmptyState::setRecentFiles(const QStringList& paths)
{
    while (QLayoutItem* item = m_recentList->takeAt(0)) {
        delete item->widget();
        delete item;
    }
    m_recent->setVisible(!paths.isEmpty());
    if (paths.isEmpty())
        return;
    m_recentList->addWidget(faintLabel(tr("Recent")));
    for (const QString& path : paths) {
        auto* link = new QLabel;
        const QFileInfo info(path);
        QString folder = info.absolutePath();
        if (folder.startsWith(QDir::homePath()))
            folder.replace(0, QDir::homePath().size(), QStringLiteral("~"));
        link->setAlignment(Qt::AlignCenter);
        if (!info.exists()) {
            link->setTextFormat(Qt::PlainText);
            link->setText(QStringLiteral("%1  %2").arg(info.fileName(), folder));
            link->setToolTip(tr("%1 is not there any more").arg(path));
            link->setEnabled(false);
            m_recentList->addWidget(link);
            continue;
        }
        link->setTextFormat(Qt::RichText);
        link->setText(tr("<a href=\"open\" style=\"text-decoration:none\">%1</a> "
                         "&nbsp;%2")
                          .arg(info.fileName().toHtmlEscaped(), folder.toHtmlEscaped()));
        link->setTextInteractionFlags(Qt::LinksAccessibleByMouse | Qt::LinksAccessibleByKeyboard);
        link->setToolTip(path);
        connect(link, &QLabel::linkActivated, this, [this, path] { Q_EMIT recentRequested(path); });
        m_recentList->addWidget(link);
    }
}

void EmptyState::setBusyText(const QString& text)
{
    m_title->setText(text.isEmpty() ? invitation() : text);
}

} // namespace gradus
