// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/sample_fields.h"

#include "widgets/text.h"

#include <QComboBox>
#include <QFileDialog>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QRegularExpression>
#include <QSignalBlocker>

#include <algorithm>
#include <cmath>

namespace gradus {

std::optional<std::vector<float>> numbersFromText(const QString& text)
{
    std::vector<float> numbers;
    const QStringList parts =
        text.split(QRegularExpression(QStringLiteral("[\\s,;]+")), Qt::SkipEmptyParts);
    for (const QString& part : parts) {
        bool ok = false;
        const float number = part.toFloat(&ok);
        if (!ok || !std::isfinite(number))
            return std::nullopt;
        numbers.push_back(number);
    }
    return numbers;
}

QString numbersText(const std::vector<float>& numbers)
{
    QStringList parts;
    for (const float number : numbers)
        parts.append(QString::number(static_cast<double>(number), 'g', 7));
    return parts.join(QLatin1Char(' '));
}

SampleFields::SampleFields(QObject* parent)
    : QObject(parent)
{
    m_labels = new QLineEdit;
    m_labels->setPlaceholderText(tr("none, or from folders"));
    m_labels->setToolTip(tr("An array of class numbers (npy, npz, idx), or a text with one label "
                            "per line. Without it, folders of images are classes"));
    m_labels->setClearButtonEnabled(true);
    m_labels->setAcceptDrops(false);
    m_mean = new QLineEdit;
    m_mean->setToolTip(tr("Values are fed as (x − mean)/deviation, in units of the stored values: "
                          "one number, or one per channel"));
    m_deviation = new QLineEdit;
    m_deviation->setToolTip(m_mean->toolTip());
    m_layout = new QComboBox;
    m_layout->addItem(tr("As found"), QString());
    m_layout->addItem(QStringLiteral("NCHW"), QStringLiteral("nchw"));
    m_layout->addItem(QStringLiteral("NHWC"), QStringLiteral("nhwc"));
    m_layout->setToolTip(tr("Order of an array's axes: N samples, C channels, H height, W width"));
    m_labels->setAccessibleName(tr("Labels"));
    m_mean->setAccessibleName(tr("Mean"));
    m_deviation->setAccessibleName(tr("Deviation"));
    m_layout->setAccessibleName(tr("Layout"));

    connect(m_labels, &QLineEdit::editingFinished, this,
            [this] { Q_EMIT changed(tr("labels"), "labels"); });
    connect(m_labels, &QLineEdit::textChanged, this, [this](const QString& text) {
        if (text.isEmpty()) // the clear button ends no editing
            Q_EMIT changed(tr("labels"), "labels");
    });
    for (QLineEdit* edit : {m_mean, m_deviation})
        connect(edit, &QLineEdit::editingFinished, this,
                [this] { Q_EMIT changed(tr("normalization"), "normalization"); });
    connect(m_layout, &QComboBox::activated, this,
            [this] { Q_EMIT changed(tr("layout of the data"), "layout"); });
}

void SampleFields::addTo(QGridLayout* grid, int row, int layoutRow, int layoutColumn)
{
    const auto label = [grid](const QString& text, QWidget* buddy, int at, int column) {
        auto* title = new QLabel(text);
        title->setBuddy(buddy);
        title->setToolTip(buddy->toolTip());
        grid->addWidget(title, at, column);
        return title;
    };
    auto* browseButton = new QPushButton(tr("Browse…"));
    browseButton->setAccessibleName(tr("Browse for labels"));
    connect(browseButton, &QPushButton::clicked, this, &SampleFields::browse);
    QLabel* labels = label(tr("Labels"), m_labels, row, 0);
    auto* line = new QHBoxLayout;
    line->setSpacing(6);
    line->addWidget(m_labels, 1);
    line->addWidget(browseButton);
    grid->addLayout(line, row, 1, 1, 3);
    m_labelRow = {labels, m_labels, browseButton};

    QLabel* mean = label(tr("Mean"), m_mean, row + 1, 0);
    grid->addWidget(m_mean, row + 1, 1);
    QLabel* deviation = label(tr("Deviation"), m_deviation, row + 1, 2);
    grid->addWidget(m_deviation, row + 1, 3);
    m_numberRow = {mean, m_mean, deviation, m_deviation};

    QLabel* layout = label(tr("Layout"), m_layout, layoutRow, layoutColumn);
    grid->addWidget(m_layout, layoutRow, layoutColumn + 1);
    m_layoutCell = {layout, m_layout};
}

void SampleFields::setKind(FeedKind kind, const std::optional<ImageInput>& image)
{
    const auto show = [](const std::vector<QWidget*>& widgets, bool on) {
        for (QWidget* each : widgets)
            each->setVisible(on);
    };
    show(m_labelRow, kind != FeedKind::Text);
    show(m_numberRow, kind == FeedKind::Images || kind == FeedKind::Arrays);
    show(m_layoutCell, kind == FeedKind::Images);
    const auto placeholder = [&](const std::vector<float>& stated) {
        if (!stated.empty()) // one for all channels is said once
            return tr("Model's: %1")
                .arg(numbersText(std::equal(stated.begin() + 1, stated.end(), stated.begin())
                                     ? std::vector<float>{stated.front()}
                                     : stated));
        return tr("none stated");
    };
    m_mean->setPlaceholderText(placeholder(image ? image->mean : std::vector<float>()));
    m_deviation->setPlaceholderText(placeholder(image ? image->deviation : std::vector<float>()));
}

void SampleFields::setEnabled(bool on)
{
    for (const std::vector<QWidget*>* widgets : {&m_labelRow, &m_numberRow, &m_layoutCell})
        for (QWidget* each : *widgets)
            each->setEnabled(on);
}

void SampleFields::setValues(const CalibrationChoice& choice)
{
    const auto show = [](QLineEdit* edit, const QString& text) {
        if (edit->text() == text)
            return;
        const QSignalBlocker blocker(edit);
        edit->setText(text);
    };
    show(m_labels, toQString(choice.labels));
    show(m_mean, numbersText(choice.mean));
    show(m_deviation, numbersText(choice.deviation));
    m_layout->setCurrentIndex(std::max(m_layout->findData(toQString(choice.layout)), 0));
}

bool SampleFields::take(CalibrationChoice& choice) const
{
    choice.labels = m_labels->text().trimmed().toStdString();
    choice.layout = m_layout->currentData().toString().toStdString();
    const auto mean = numbersFromText(m_mean->text());
    const auto deviation = numbersFromText(m_deviation->text());
    if (mean)
        choice.mean = *mean;
    if (deviation)
        choice.deviation = *deviation;
    return mean && deviation;
}

void SampleFields::browse()
{
    auto* dialog = new QFileDialog(m_labels->window(), tr("Labels"), m_labels->text());
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFile);
    dialog->setNameFilters(
        {tr("Labels (*.npy *.npz *.txt *.csv *ubyte *.gz)"), tr("All files (*)")});
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        m_labels->setText(path);
        Q_EMIT changed(tr("labels"), "labels");
    });
    dialog->open();
}

} // namespace gradus
