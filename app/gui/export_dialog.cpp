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

std::vector<ExportFormat> exportFormatsOf(const Model* model)
{
    std::vector<ExportFormat> formats;
    for (const ExportFormat own : {ExportFormat::Onnx, ExportFormat::Keras})
        if (model && model->source.format == exportFormatName(own))
            formats.push_back(own);
    formats.insert(formats.end(),
                   {ExportFormat::Safetensors, ExportFormat::Gptq, ExportFormat::Hdf5});
    return formats;
}

ExportDialog::ExportDialog(Workbench* workbench, ExportFormat format, int run, QWidget* parent)
    : QDialog(parent)
    , m_workbench(workbench)
    , m_format(format)
    , m_run(run)
{
    setWindowTitle(tr("Export: %1").arg(exportFormatTitle(format)));
    const auto& model = workbench->document()->model();
    const QFileInfo source(model ? QDir::cleanPath(pathText(model->source.path)) : QString());
    QString name = model ? source.completeBaseName() : QStringLiteral("model");
    switch (format) {
    case ExportFormat::Safetensors:
        name += QStringLiteral("-quantized");
        break;
    case ExportFormat::Gptq:
        name += QStringLiteral("-gptq");
        break;
    case ExportFormat::Hdf5:
        m_suffix = QStringLiteral("h5");
        // Not the name that a Keras model of the same folder has.
        name += model && model->source.format == exportFormatName(ExportFormat::Keras)
                    ? QStringLiteral("-codes.h5")
                    : QStringLiteral(".h5");
        m_filter = tr("HDF5 files (*.h5)");
        break;
    case ExportFormat::Onnx:
        m_suffix = QStringLiteral("onnx");
        name += QStringLiteral("-quantized.onnx");
        m_filter = tr("ONNX models (*.onnx)");
        break;
    case ExportFormat::Keras:
        // The source's: a file of HDF5 does not become an archive.
        m_suffix = source.suffix().isEmpty() ? QStringLiteral("h5") : source.suffix();
        name += QStringLiteral("-quantized.") + m_suffix;
        m_filter = tr("Keras models (*.%1)").arg(m_suffix);
        break;
    }
    const QString target = m_suffix.isEmpty() ? tr("Folder") : tr("File");
    m_path = new QLineEdit(QDir::current().absoluteFilePath(name));
    m_path->setMinimumWidth(380);
    m_path->setAccessibleName(target);
    auto* browseButton = new QPushButton(tr("Browse…"));
    auto* line = new QHBoxLayout;
    line->addWidget(m_path, 1);
    line->addWidget(browseButton);
    auto* about = new QLabel(explanation(format));
    about->setWordWrap(true);

    auto* form = new QFormLayout;
    form->addRow(target, line);
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
    m_export = buttons->addButton(tr("Export"), QDialogButtonBox::AcceptRole);
    connect(buttons, &QDialogButtonBox::accepted, this, &ExportDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(browseButton, &QPushButton::clicked, this, &ExportDialog::browse);
    connect(m_path, &QLineEdit::textChanged, this, &ExportDialog::checkTarget);
    m_problem = new QLabel;
    m_problem->setWordWrap(true);
    m_problem->setTextFormat(Qt::PlainText);

    auto* layout = new QVBoxLayout(this);
    layout->addWidget(about);
    layout->addLayout(form);
    layout->addWidget(m_problem);
    layout->addWidget(new QLabel(tr("What this format changes")));
    layout->addWidget(m_notes, 1);
    layout->addWidget(buttons);
    checkTarget();
    refresh();
}

void ExportDialog::checkTarget()
{
    const QFileInfo target(m_path->text().trimmed());
    QString problem;
    if (m_path->text().trimmed().isEmpty())
        problem = m_suffix.isEmpty() ? tr("Name a folder.") : tr("Name a file.");
    else if (!m_suffix.isEmpty() && target.isDir())
        problem = tr("%1 is a folder: name a file in it.").arg(target.fileName());
    else if ((m_format == ExportFormat::Onnx || m_format == ExportFormat::Keras) && target.exists())
        problem = tr("%1 exists already: name a new file.").arg(target.fileName());
    m_export->setEnabled(problem.isEmpty() && m_failure.isEmpty());
    m_export->setToolTip(problem.isEmpty() ? m_failure : problem);
    m_problem->setText(problem.isEmpty() ? QString() : tr("⚠ %1").arg(problem));
    m_problem->setVisible(!problem.isEmpty());
}

void ExportDialog::refresh()
{
    m_notes->setPlainText(tr("Looking…"));
    const GptqZeros zeros =
        m_zeros ? static_cast<GptqZeros>(m_zeros->currentData().toInt()) : GptqZeros::Automatic;
    const QPointer<ExportDialog> self(this);
    m_workbench->preflightExport(
        m_format, zeros,
        [self](const std::vector<PreflightNote>& notes, const QString& failure) {
            if (!self)
                return;
            self->m_failure = failure;
            self->checkTarget();
            if (!failure.isEmpty()) {
                self->m_notes->setPlainText(failure);
                return;
            }
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
    if (!m_filter.isEmpty()) {
        dialog->setNameFilters({m_filter, tr("All files (*)")});
        dialog->setDefaultSuffix(m_suffix);
    }
    dialog->selectFile(QFileInfo(m_path->text()).fileName());
    connect(dialog, &QFileDialog::fileSelected, m_path, &QLineEdit::setText);
    dialog->open();
}

void ExportDialog::accept()
{
    const QString path = m_path->text().trimmed();
    if (!m_export->isEnabled())
        return;
    const GptqZeros zeros =
        m_zeros ? static_cast<GptqZeros>(m_zeros->currentData().toInt()) : GptqZeros::Automatic;
    QDialog::accept();
    m_workbench->exportRun(m_format, path, zeros, {}, m_run);
}

} // namespace gradus
