// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QStringList>
#include <QWidget>

class QLabel;
class QVBoxLayout;

namespace gradus {

/// What the window shows before there is a model: what to do, and what was open lately.
class EmptyState final : public QWidget
{
    Q_OBJECT
public:
    explicit EmptyState(QWidget* parent = nullptr);
    void setRecentFiles(const QStringList& paths);
    /// "Opening …" while a model is read; empty for the invitation.
    void setBusyText(const QString& text);

Q_SIGNALS:
    void openFolderRequested();
    void openFileRequested();
    void recentRequested(const QString& path);

private:
    QLabel* m_title = nullptr;
    QWidget* m_recent = nullptr;
    QVBoxLayout* m_recentList = nullptr;
};

} // namespace gradus
