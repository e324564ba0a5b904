// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/workbench.h"

#include <QDialog>

class QComboBox;
class QLabel;
class QLineEdit;
class QPlainTextEdit;
class QPushButton;

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
    void checkTarget();
    void accept() override;

    Workbench* m_workbench;
    ExportFormat m_format;
    int m_run;
    QString m_suffix; ///< of the file; empty for a folder
    QString m_filter; ///< of the file dialog
    QLineEdit* m_path = nullptr;
    QString m_failure;           ///< why the run cannot be written in this format
    QLabel* m_problem = nullptr; ///< why the target will not do
    QPushButton* m_export = nullptr;
    QComboBox* m_zeros = nullptr;
    QPlainTextEdit* m_notes = nullptr;
};

/// What a model can be exported as: the form of its own file first, where it can be written.
[[nodiscard]] std::vector<ExportFormat> exportFormatsOf(const Model* model);

/// "Dequantized safetensors", "GPTQ checkpoint", "HDF5".
[[nodiscard]] QString exportFormatTitle(ExportFormat format);

} // namespace gradus
