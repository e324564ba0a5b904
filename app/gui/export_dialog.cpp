// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/export_dialog.h"

#include "widgets/text.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QVBoxLayout>

namespace gradus {

QString exportFormatTitle(ExportFormat format)
{
    switch (format) {
    case ExportFormat::Safetensors:
        return ExportDialog::tr("Dequantized safetensors");
    case ExportFormat::Gptq:
        return ExportDialog::tr("GPTQ checkpoint");
    case ExportFormat::Hdf5:
        return ExportDialog::tr("HDF5");
    case ExportFormat::Onnx:
        return ExportDialog::tr("Dequantized ONNX");
    case ExportFormat::Keras:
        return ExportDialog::tr("Dequantized Keras");
    }
    return {};
}

namespace {
QString explanation(ExportFormat format)
{
    switch (format) {
    case ExportFormat::Safetensors:
        return ExportDialog::tr("A folder that takes the original's place: the quantized values in "
                                "the source's own type, with configuration and tokenizer.");
    case ExportFormat::Gptq:
        return ExportDialog::tr("A folder with packed codes as GPTQ runtimes load it; layers that "
                                "cannot be packed stay float and are marked so.");
    case ExportFormat::Hdf5:
        return ExportDialog::tr("A file with codes, scales, zeros and reports that any HDF5 viewer "
                                "opens.");
    case ExportFormat::Onnx:
    case ExportFormat::Keras:
        return ExportDialog::tr("The model's own file with the quantized values in place of its "
                                "weights; everything else stays as it is.");
    }
    return {};
}
} // namespace

ExportDialog::ExportDialog(Workbench* workbench, ExportFormat format, int run, QWidget* parent)
    : QDialog(parent)
    , m_workbench(workbench)
    , m_format(format)
    , m_run(run)
{
    setWindowTitle(tr("Export: %1").arg(exportFormatTitle(format)));
    const auto& model = workbench->document()->model();
    QString name = model
                       ? QFileInfo(QDir::cleanPath(pathText(model->source.path))).completeBaseName()
                       : QStringLiteral("model");
    name += format == ExportFormat::Hdf5   ? QStringLiteral(".h5")
            : format == ExportFormat::Gptq ? QStringLiteral("-gptq")
                                           : QStringLiteral("-quantized");
    m_path = new QLineEdit(QDir::current().absoluteFilePath(name));
    m_path->setMinimumWidth(380);
    m_path->setAccessibleName(format == ExportFormat::Hdf5 ? tr("File") : tr("Folder"));
    auto* browseButton = new QPushButton(tr("Browse…"));
    auto* line = new QHBoxLayout;
    line->addWidget(m_path, 1);
    line->addWidget(browseButton);
    auto* about = new QLabel(explanation(format));
    about->setWordWrap(true);

    auto* form = new QFormLayout;
    form->addRow(format == ExportFormat::Hdf5 ? tr("File") : tr("Folder"), line);
    if (format == ExportFormat::Gptq) {
        m_zeros = new QComboBox;
        m_zeros->addItem(tr("Automatic"), static_cast<int>(GptqZeros::Automatic));
        m_zeros->addItem(tr("v1 (zero − 1, the widest support)"), static_cast<int>(GptqZeros::V1));
        m_zeros->addItem(tr("v2 (zero as it is)"), static_cast<int>(GptqZeros::V2));
        form->addRow(tr("Zero points"), m_zeros);
        connect(m_zeros, &QComboBox::currentIndexChanged, this, &ExportDialog::refresh);
    }
    m_notes = new QPlainTextEdit;
    m_notes->setReadOnly(true);
    m_notes->setAccessibleName(tr("What this format changes"));
    m_notes->setMinimumHeight(120);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Cancel);
    buttons->addButton(tr("Export"), QDialogButtonBox::AcceptRole);
    connect(buttons, &QDialogButtonBox::accepted, this, &ExportDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(browseButton, &QPushButton::clicked, this, &ExportDialog::browse);

    auto* layout = new QVBoxLayout(this);
    layout->addWidget(about);
    layout->addLayout(form);
    layout->addWidget(new QLabel(tr("What this format changes")));
    layout->addWidget(m_notes, 1);
    layout->addWidget(buttons);
    refresh();
}

void ExportDialog::refresh()
{
    m_notes->setPlainText(tr("Looking…"));
    const GptqZeros zeros =
        m_zeros ? static_cast<GptqZeros>(m_zeros->currentData().toInt()) : GptqZeros::Automatic;
    const QPointer<ExportDialog> self(this);
    m_workbench->preflightExport(
        m_format, zeros,
        [self](const std::vector<PreflightNote>& notes) {
            if (!self)
                return;
            QStringList lines;
            for (const PreflightNote& note : notes)
                lines.append(note.layer.empty()
                                 ? toQString(note.message)
                                 : QStringLiteral("%1: %2").arg(toQString(note.layer),
                                                                toQString(note.message)));
            self->m_notes->setPlainText(
                lines.isEmpty() ? tr("Nothing: every layer is written as it was computed.")
                                : lines.join(QLatin1Char('\n')));
        },
        m_run);
}

void ExportDialog::browse()
{
    auto* dialog = new QFileDialog(this, windowTitle(), m_path->text());
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setFileMode(QFileDialog::AnyFile);
    dialog->selectFile(QFileInfo(m_path->text()).fileName());
    connect(dialog, &QFileDialog::fileSelected, m_path, &QLineEdit::setText);
    dialog->open();
}

void ExportDialog::accept()
{
    const QString path = m_path->text().trimmed();
    if (path.isEmpty())
        return;
    const GptqZeros zeros =
        m_zeros ? static_cast<GptqZeros>(m_zeros->currentData().toInt()) : GptqZeros::Automatic;
    QDialog::accept();
    m_workbench->exportRun(m_format, path, zeros, {}, m_run);
}

} // namespace gradus
