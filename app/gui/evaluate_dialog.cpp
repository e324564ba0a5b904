// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/evaluate_dialog.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>

namespace gradus {

EvaluateDialog::EvaluateDialog(const QString& textFile, std::int64_t modelContext, bool haveRun,
                               QWidget* parent)
    : QDialog(parent)
    , m_haveRun(haveRun)
{
    setWindowTitle(tr("Measure outputs"));
    m_metric = new QComboBox;
    m_metric->addItem(tr("Perplexity"), static_cast<int>(TextMetric::Perplexity));
    m_metric->addItem(tr("Likeness: KL against the float model"),
                      static_cast<int>(TextMetric::Divergence));
    m_path = new QLineEdit(textFile);
    m_path->setMinimumWidth(380);
    m_path->setAccessibleName(tr("Text"));
    auto* browseButton = new QPushButton(tr("Browse…"));
    auto* line = new QHBoxLayout;
    line->addWidget(m_path, 1);
    line->addWidget(browseButton);
    m_convention = new QComboBox;
    m_convention->addItem(tr("GPTQ: every token of a window but the first"),
                          static_cast<int>(PerplexityConvention::Gptq));
    m_convention->addItem(tr("llama.cpp: the second half of a window"),
                          static_cast<int>(PerplexityConvention::LlamaCpp));
    m_context = new QSpinBox;
    m_context->setRange(0, 1'000'000);
    m_context->setSingleStep(64);
    m_context->setSpecialValueText(
        modelContext > 0 ? tr("Model's: %1").arg(std::min<std::int64_t>(modelContext, 2048))
                         : tr("Model's"));
    m_about = new QLabel;
    m_about->setWordWrap(true);

    auto* form = new QFormLayout;
    m_form = form;
    form->addRow(tr("Metric"), m_metric);
    form->addRow(tr("Text"), line);
    form->addRow(tr("Convention"), m_convention);
    form->addRow(tr("Context"), m_context);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Cancel);
    m_measure = buttons->addButton(tr("Measure"), QDialogButtonBox::AcceptRole);
    connect(buttons, &QDialogButtonBox::accepted, this, &EvaluateDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(browseButton, &QPushButton::clicked, this, &EvaluateDialog::browse);
    connect(m_metric, &QComboBox::currentIndexChanged, this, &EvaluateDialog::explain);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(m_about);
    layout->addLayout(form);
    layout->addWidget(buttons);
    explain();
}

void EvaluateDialog::setMeasuresAll()
{
    m_measuresAll = true;
    m_form->setRowVisible(m_metric, false);
    setWindowTitle(tr("Evaluate the allocation"));
    explain();
}

void EvaluateDialog::explain()
{
    if (m_measuresAll) {
        m_measure->setEnabled(true);
        m_about->setText(tr("The model is quantized as the recipe says, and measured on this text: "
                            "KL against the float model, and perplexity."));
        return;
    }
    const bool divergence =
        static_cast<TextMetric>(m_metric->currentData().toInt()) == TextMetric::Divergence;
    m_measure->setEnabled(!divergence || m_haveRun);
    m_about->setText(
        !divergence ? tr("The float model and the shown run are measured on the same windows of "
                         "the text.")
        : m_haveRun ? tr("What the shown run expects as the next token is compared with what the "
                         "float model expects, position by position.")
                    : tr("There is no run to compare with the float model: quantize first."));
}

void EvaluateDialog::browse()
{
    auto* dialog = new QFileDialog(this, windowTitle(), m_path->text());
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFile);
    dialog->setNameFilters({tr("Text (*.txt *.text *.md *.raw)"), tr("All files (*)")});
    connect(dialog, &QFileDialog::fileSelected, m_path, &QLineEdit::setText);
    dialog->open();
}

void EvaluateDialog::accept()
{
    const QString path = m_path->text().trimmed();
    if (path.isEmpty() || !m_measure->isEnabled())
        return;
    QDialog::accept();
    Q_EMIT evaluateRequested(static_cast<TextMetric>(m_metric->currentData().toInt()), path,
                             static_cast<PerplexityConvention>(m_convention->currentData().toInt()),
                             m_context->value());
}

} // namespace gradus
