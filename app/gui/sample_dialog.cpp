// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/sample_dialog.h"

#include "core/data/open_dataset.h"
#include "widgets/panels/sample_fields.h"
#include "widgets/text.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPushButton>
#include <QStandardItemModel>

namespace gradus {

SampleDialog::SampleDialog(const Model& model, const CalibrationChoice& proposal, bool haveRun,
                           QWidget* parent)
    : QDialog(parent)
    , m_choice(proposal)
    , m_haveRun(haveRun)
    , m_kind(feedKindOf(model))
{
    setWindowTitle(tr("Measure outputs"));
    m_metric = new QComboBox;
    if (model.task == ModelTask::Classification)
        m_metric->addItem(tr("Accuracy: top-1 and top-5 of labeled samples"),
                          static_cast<int>(SampleMetric::Accuracy));
    m_metric->addItem(model.task == ModelTask::Classification
                          ? tr("Likeness: cosine and KL against the float model")
                          : tr("Likeness: cosine against the float model"),
                      static_cast<int>(SampleMetric::Outputs));
    m_metric->setCurrentIndex(
        std::max(m_metric->findData(static_cast<int>(usualSampleMetric(model))), 0));
    m_path = new QLineEdit(toQString(proposal.data));
    m_path->setMinimumWidth(380);
    auto* browseButton = new QPushButton(tr("Browse…"));
    m_about = new QLabel;
    m_about->setWordWrap(true);

    auto* grid = new QGridLayout;
    const auto label = [grid](const QString& text, QWidget* buddy, int row) {
        auto* title = new QLabel(text);
        title->setBuddy(buddy);
        grid->addWidget(title, row, 0);
    };
    label(tr("Metric"), m_metric, 0);
    grid->addWidget(m_metric, 0, 1, 1, 3);
    label(tr("Data"), m_path, 1);
    auto* line = new QHBoxLayout;
    line->addWidget(m_path, 1);
    line->addWidget(browseButton);
    grid->addLayout(line, 1, 1, 1, 3);
    m_fields = new SampleFields(this);
    m_fields->addTo(grid, 2, 4, 0);
    m_fields->setKind(feedKindOf(model), imageInputOf(model));
    m_fields->setValues(proposal);

    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Cancel);
    buttons->addButton(tr("Measure"), QDialogButtonBox::AcceptRole);
    connect(buttons, &QDialogButtonBox::accepted, this, &SampleDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(browseButton, &QPushButton::clicked, this, [this, browseButton] {
        if (m_kind != FeedKind::Images) {
            browse(false);
            return;
        }
        auto* menu = new QMenu(this); // Images are a file or a folder; no dialog offers both.
        menu->setAttribute(Qt::WA_DeleteOnClose);
        menu->addAction(tr("Array or image…"), this, [this] { browse(false); });
        menu->addAction(tr("Folder of images…"), this, [this] { browse(true); });
        menu->popup(browseButton->mapToGlobal(QPoint(0, browseButton->height())));
    });
    connect(m_metric, &QComboBox::currentIndexChanged, this, &SampleDialog::explain);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(m_about);
    layout->addLayout(grid);
    layout->addWidget(buttons);
    explain();
}

void SampleDialog::explain()
{
    const auto metric = static_cast<SampleMetric>(m_metric->currentData().toInt());
    m_about->setText(
        metric == SampleMetric::Accuracy
            ? tr("The float model and the shown run are measured on the same samples. Top-1 is the "
                 "share whose label has the largest score; it needs labels.")
        : m_haveRun ? tr("The outputs of the shown run are compared with the float model's, sample "
                         "by sample. No labels are needed.")
                    : tr("There is no run to compare with the float model: quantize first."));
}

void SampleDialog::browse(bool folder)
{
    auto* dialog = new QFileDialog(this, windowTitle(), m_path->text());
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(folder ? QFileDialog::Directory : QFileDialog::ExistingFile);
    if (!folder)
        dialog->setNameFilters(
            {tr("Images and arrays (*.npy *.npz *.h5 *.png *.jpg *.jpeg *ubyte *.gz)"),
             tr("All files (*)")});
    connect(dialog, &QFileDialog::fileSelected, m_path, &QLineEdit::setText);
    dialog->open();
}

void SampleDialog::accept()
{
    SampleEvaluation what;
    what.metric = static_cast<SampleMetric>(m_metric->currentData().toInt());
    what.data = m_choice;
    if (!m_fields->take(what.data)) {
        m_about->setText(tr("Mean and deviation must be numbers: one, or one per channel."));
        return;
    }
    what.data.data = m_path->text().trimmed().toStdString();
    if (what.data.data.empty())
        return;
    QDialog::accept();
    Q_EMIT evaluateRequested(what);
}

} // namespace gradus
