// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/workbench.h"

#include <QDialog>

class QComboBox;
class QLabel;
class QLineEdit;
class QPlainTextEdit;

namespace gradus {

/// Where to export to, and what the format cannot hold, before anything is written.
class ExportDialog final : public QDialog
{
    Q_OBJECT
public:
    /// run: its id in the session, 0 for the shown one.
    ExportDialog(Workbench* workbench, ExportFormat format, int run, QWidget* parent = nullptr);

private:
    void refresh();
    void browse();
    void accept() override;

    Workbench* m_workbench;
    ExportFormat m_format;
    int m_run;
    QLineEdit* m_path = nullptr;
    QComboBox* m_zeros = nullptr;
    QPlainTextEdit* m_notes = nullptr;
};

/// "Dequantized safetensors", "GPTQ checkpoint", "HDF5".
[[nodiscard]] QString exportFormatTitle(ExportFormat format);

} // namespace gradus
