// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>

class QMenuBar;

namespace gradus {

/// Every key of the window: those of the menus as they are, and those of table, plots and maps.
class ShortcutsDialog final : public QDialog
{
    Q_OBJECT
public:
    explicit ShortcutsDialog(const QMenuBar& menus, QWidget* parent = nullptr);
    /// "Ctrl+Z\tUndo" per line, for tests.
    [[nodiscard]] QStringList lines() const { return m_lines; }

private:
    QStringList m_lines;
};

} // namespace gradus
