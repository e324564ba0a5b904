// SPDX-License-Identifier: GPL-3.0-or-later
// The whole map as an image, a drawing or a table.
#include "widgets/models/table_text.h"
#include "widgets/plots/bits_map_state.h"
#include "widgets/text.h"

#include <QApplication>
#include <QClipboard>
#include <QFileDialog>
#include <QFileInfo>
#include <QPainter>
#include <QPdfWriter>
#include <QSaveFile>
#include <QSvgGenerator>

#include <algorithm>

namespace gradus {

QSize BitsMap::wholeSize() const
{
    const Geometry& g = m_state->geometry;
    return {std::max(460, g.label + g.content.width() + 8),
            g.header + g.content.height() + 8 + g.legend};
}

void BitsMap::renderMap(QPainter& painter) const
{
    const Geometry& g = m_state->geometry;
    const QRect area(QPoint(), wholeSize());
    painter.fillRect(area, palette().color(QPalette::Base));
    const QRect cells = area.adjusted(g.label, g.header, 0, -g.legend);
    paintCells(painter, g, cells, {}, cells, false);
    paintFrame(painter, g, area, {});
}

void BitsMap::copyImage() const
{
    if (isEmpty())
        return;
    // Images have a limit in Qt and in other programs; a longer map is made smaller.
    const QSize size = wholeSize();
    const double scale = std::min(2.0, 16000.0 / std::max(size.width(), size.height()));
    QImage image(size * scale, QImage::Format_ARGB32_Premultiplied);
    QPainter painter(&image);
    painter.scale(scale, scale);
    renderMap(painter);
    painter.end();
    QApplication::clipboard()->setImage(image);
}

bool BitsMap::save(const QString& path, QString* error) const
{
    const QString kind = QFileInfo(path).suffix().toLower();
    const QSize size = wholeSize();
    bool written = false;
    if (kind == QLatin1String("csv")) {
        QSaveFile file(path);
        const QByteArray text = csv().toUtf8();
        written =
            file.open(QIODevice::WriteOnly) && file.write(text) == text.size() && file.commit();
    } else if (kind == QLatin1String("png")) {
        const double scale = std::min(2.0, 16000.0 / std::max(size.width(), size.height()));
        QImage image(size * scale, QImage::Format_ARGB32_Premultiplied);
        QPainter painter(&image);
        painter.scale(scale, scale);
        renderMap(painter);
        painter.end();
        QSaveFile file(path);
        written = file.open(QIODevice::WriteOnly) && image.save(&file, "PNG") && file.commit();
    } else if (kind == QLatin1String("svg")) {
        QSvgGenerator generator;
        generator.setFileName(path);
        generator.setSize(size);
        generator.setViewBox(QRect(QPoint(), size));
        generator.setTitle(tr("Gradus: map of the model"));
        QPainter painter;
        if (painter.begin(&generator)) {
            renderMap(painter);
            written = painter.end();
        }
    } else if (kind == QLatin1String("pdf")) {
        QPdfWriter writer(path);
        writer.setResolution(96);
        writer.setPageSize(
            QPageSize(QSizeF(size) * 72 / 96, QPageSize::Point, {}, QPageSize::ExactMatch));
        writer.setPageMargins({});
        QPainter painter;
        if (painter.begin(&writer)) {
            renderMap(painter);
            written = painter.end();
        }
    } else {
        if (error)
            *error =
                tr("%1: the extension is \"%2\", expected png, svg, pdf or csv").arg(path, kind);
        return false;
    }
    if (!written && error)
        *error = tr("%1 cannot be written").arg(path);
    return written;
}

void BitsMap::saveAs()
{
    auto* dialog = new QFileDialog(this, tr("Save the map"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setNameFilters(
        {tr("Image (*.png)"), tr("Drawing (*.svg)"), tr("Document (*.pdf)"), tr("Table (*.csv)")});
    dialog->setDefaultSuffix(QStringLiteral("png"));
    connect(dialog, &QFileDialog::filterSelected, dialog, [dialog](const QString& filter) {
        dialog->setDefaultSuffix(filter.section(QLatin1Char('.'), -1).chopped(1));
    });
    dialog->selectFile(QStringLiteral("model-map"));
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        QString error;
        if (!save(path, &error))
            Q_EMIT failed(error);
    });
    dialog->open();
}

QString BitsMap::csv() const
{
    const State& s = *m_state;
    if (isEmpty())
        return {};
    QString text = QStringLiteral("layer,row,column,choice,bits,bits_per_weight,bytes,"
                                  "output_error_percent,weight_sqnr_db,out_of_date,locked\n");
    const auto number = [](double v) {
        return std::isnan(v) ? QString() : QString::number(v, 'g', 9);
    };
    for (int i = 0; i < s.count(); ++i) {
        const LayerRow& row = s.row(i);
        const BitsMapLayout::Place place = s.layout.places[static_cast<std::size_t>(i)];
        const bool inBlock = place.row < s.layout.blockRows;
        const QStringList cells{
            csvField(toQString(row.name)),
            inBlock ? csvField(s.layout.rows[static_cast<std::size_t>(place.row)].name) : QString(),
            inBlock ? csvField(s.layout.columns[static_cast<std::size_t>(place.column)].name)
                    : QString(),
            csvField(choiceText(row.choice)),
            row.choice.keepFloat ? QString() : QString::number(row.choice.scheme.bits),
            number(row.bitsPerWeight),
            row.bytes > 0 ? QString::number(row.bytes) : QString(),
            number(100 * row.relativeOutputError),
            number(row.weightSqnrDb),
            row.stale.isEmpty() ? QStringLiteral("0") : QStringLiteral("1"),
            row.locked ? QStringLiteral("1") : QStringLiteral("0")};
        text += cells.join(QLatin1Char(',')) + QLatin1Char('\n');
    }
    return text;
}

} // namespace gradus
