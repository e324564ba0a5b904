// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/fed_strip.h"

#include <QLabel>
#include <QPainter>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace gradus {

/// Squares in a row, all of them: where there is less room they are smaller.
class FedStrip::Thumbnails final : public QWidget
{
public:
    static constexpr int largest = 56;
    static constexpr int smallest = 24;
    static constexpr int gap = 6;

    explicit Thumbnails(QWidget* parent)
        : QWidget(parent)
    {
        setAccessibleName(FedStrip::tr("First samples as they are fed"));
        QSizePolicy policy(QSizePolicy::Ignored, QSizePolicy::Preferred);
        policy.setHeightForWidth(true);
        setSizePolicy(policy);
    }
    void setImages(const std::vector<QImage>& images, const QStringList& captions)
    {
        m_images = images;
        m_captions = captions;
        setVisible(!images.empty());
        setAccessibleDescription(captions.join(QStringLiteral(", ")));
        updateGeometry();
        update();
    }
    [[nodiscard]] int count() const { return static_cast<int>(m_images.size()); }
    [[nodiscard]] QSize sizeHint() const override
    {
        return {count() * (largest + gap), heightForWidth(width())};
    }
    [[nodiscard]] int heightForWidth(int width) const override
    {
        return sideFor(width) + 2 + QFontMetrics(captionFont()).height();
    }

protected:
    void paintEvent(QPaintEvent* /*event*/) override
    {
        QPainter painter(this);
        painter.setRenderHint(QPainter::SmoothPixmapTransform);
        painter.setFont(captionFont());
        const int side = sideFor(width());
        for (int i = 0; i < count(); ++i) {
            const QRect place(i * (side + gap), 0, side, side);
            const QImage& image = m_images[static_cast<std::size_t>(i)];
            QRect inside(QPoint(), image.size().scaled(place.size(), Qt::KeepAspectRatio));
            inside.moveCenter(place.center());
            painter.drawImage(inside, image);
            painter.setPen(palette().color(QPalette::Mid));
            painter.drawRect(inside.adjusted(0, 0, -1, -1));
            painter.setPen(palette().color(QPalette::PlaceholderText));
            const QRect below(place.left() - gap / 2, side + 2, side + gap,
                              painter.fontMetrics().height());
            painter.drawText(below, Qt::AlignHCenter | Qt::AlignTop,
                             painter.fontMetrics().elidedText(m_captions.value(i), Qt::ElideRight,
                                                              below.width()));
        }
    }

private:
    [[nodiscard]] int sideFor(int width) const
    {
        return std::clamp((width + gap) / std::max(count(), 1) - gap, smallest, largest);
    }
    [[nodiscard]] QFont captionFont() const
    {
        QFont small = font();
        small.setPointSizeF(small.pointSizeF() * 0.85);
        return small;
    }

    std::vector<QImage> m_images;
    QStringList m_captions;
};

FedStrip::FedStrip(QWidget* parent)
    : QWidget(parent)
{
    m_about = new QLabel;
    m_about->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_warnings = new QLabel;
    m_warnings->setTextInteractionFlags(Qt::TextSelectableByMouse);
    for (QLabel* label : {m_about, m_warnings}) {
        label->setWordWrap(true);
        label->setTextFormat(Qt::PlainText);
    }
    m_images = new Thumbnails(this);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(4);
    layout->addWidget(m_images);
    layout->addWidget(m_about);
    layout->addWidget(m_warnings);
    clear();
}

void FedStrip::clear()
{
    setData({});
    hide();
}

void FedStrip::setBusy()
{
    m_about->setText(tr("Looking at the data…"));
    m_warnings->hide();
    show();
}

void FedStrip::setData(const FedData& fed)
{
    show();
    m_images->setImages(fed.images, fed.captions);
    m_about->setToolTip({});
    if (!fed.problem.isEmpty()) {
        m_about->setText(tr("⚠ %1").arg(fed.problem));
        m_warnings->clear();
        m_warnings->hide();
        return;
    }
    QString about = fed.description;
    if (fed.lookedAt > 0 && std::isfinite(fed.mean)) {
        const auto number = [](double value) { return QString::number(value, 'g', 4); };
        about =
            tr("%1 · fed: %2 to %3, mean %4")
                .arg(fed.description, number(fed.minimum), number(fed.maximum), number(fed.mean));
        m_about->setToolTip(
            fed.lookedAt == 1
                ? tr("Range and mean of the first sample as it is fed")
                : tr("Range and mean of the first %1 samples as they are fed").arg(fed.lookedAt));
    }
    m_about->setText(about);
    QStringList warnings;
    for (const QString& warning : fed.warnings)
        warnings.append(tr("⚠ %1").arg(warning));
    m_warnings->setText(warnings.join(QLatin1Char('\n')));
    m_warnings->setVisible(!warnings.isEmpty());
}

QString FedStrip::text() const
{
    return m_warnings->text().isEmpty() ? m_about->text()
                                        : m_about->text() + QLatin1Char('\n') + m_warnings->text();
}

int FedStrip::imageCount() const
{
    return m_images->count();
}

} // namespace gradus
