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
    ExportDialog(Workbench* workbench, ExportFormat format, QWidget* parent = nullptr);

private:
    void refresh();
    void browse();
    void accept() override;

    Workbench* m_workbench;
    ExportFormat m_format;
    QLineEdit* m_path = nullptr;
    QComboBox* m_zeros = nullptr;
    QPlainTextEdit* m_notes = nullptr;
};

/// "Dequantized safetensors", "GPTQ checkpoint", "HDF5".
[[nodiscard]] QString exportFormatTitle(ExportFormat format);

} // namespace gradus
