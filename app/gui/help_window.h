// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

class QTextBrowser;
class QListWidget;

namespace gradus {

/// The user guide: chapters on the left, the chosen one on the right. Reads what is compiled into
/// the program; needs no network.
class HelpWindow final : public QWidget
{
    Q_OBJECT
public:
    explicit HelpWindow(QWidget* parent = nullptr);
    /// Shows the one window of this kind over its parent.
    static HelpWindow* open(QWidget* parent);

    /// File names of the chapters, in order.
    [[nodiscard]] static QStringList chapters();
    void showChapter(const QString& file);
    [[nodiscard]] QTextBrowser* text() const { return m_text; }

protected:
    void keyPressEvent(QKeyEvent* event) override;

private:
    QListWidget* m_chapters = nullptr;
    QTextBrowser* m_text = nullptr;
};

} // namespace gradus
