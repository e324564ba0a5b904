// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/bits_map_panel.h"

#include "widgets/panels/elided_label.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QSignalBlocker>
#include <QToolButton>
#include <QVBoxLayout>

namespace gradus {

BitsMapPanel::BitsMapPanel(QWidget* parent)
    : QWidget(parent)
{
    m_map = new BitsMap;
    m_colouring = new QComboBox;
    m_colouring->setObjectName(QStringLiteral("coloring"));
    const auto add = [this](const QString& title, BitsMap::Colouring colouring) {
        m_colouring->addItem(title, static_cast<int>(colouring));
    };
    add(tr("Bits"), BitsMap::Colouring::Bits);
    add(tr("Output error"), BitsMap::Colouring::OutputError);
    add(tr("Weight SQNR"), BitsMap::Colouring::WeightSqnr);
    add(tr("Method"), BitsMap::Colouring::Method);
    auto* label = new QLabel(tr("&Color by"));
    label->setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Preferred);
    label->setBuddy(m_colouring);
    m_count = new ElidedLabel;
    m_count->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred); // gives way first
    m_count->setForegroundRole(QPalette::PlaceholderText);

    auto* strip = new QHBoxLayout;
    strip->setContentsMargins(8, 6, 8, 6);
    strip->setSpacing(6);
    strip->addWidget(label);
    strip->addWidget(m_colouring);
    strip->addSpacing(6);
    strip->addWidget(m_count, 1);
    const auto button = [&](const QString& text, const QString& name, auto slot) {
        auto* made = new QToolButton;
        made->setText(text);
        made->setAutoRaise(true);
        made->setToolTip(name);
        made->setAccessibleName(name);
        connect(made, &QToolButton::clicked, this, slot);
        strip->addWidget(made);
    };
    button(QStringLiteral("−"), tr("Smaller cells"), [this] { m_map->zoomBy(0.8); });
    button(QStringLiteral("+"), tr("Larger cells"), [this] { m_map->zoomBy(1.25); });
    button(tr("Fit"), tr("Show the whole model"), [this] { m_map->fit(); });

    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addLayout(strip);
    layout->addWidget(m_map, 1);

    connect(m_colouring, &QComboBox::currentIndexChanged, this, [this] {
        m_map->setColouring(static_cast<BitsMap::Colouring>(m_colouring->currentData().toInt()));
    });
    connect(m_map, &BitsMap::colouringChanged, this, [this] {
        const QSignalBlocker quiet(m_colouring);
        m_colouring->setCurrentIndex(m_colouring->findData(static_cast<int>(m_map->colouring())));
    });
    connect(m_map, &BitsMap::selectionRequested, this, &BitsMapPanel::selectionRequested);
    connect(m_map, &BitsMap::selectionRequested, this, &BitsMapPanel::showCount);
    connect(m_map, &BitsMap::editRequested, this, &BitsMapPanel::editRequested);
    connect(m_map, &BitsMap::editRefused, this, &BitsMapPanel::editRefused);
    connect(m_map, &BitsMap::lockRequested, this, &BitsMapPanel::lockRequested);
    connect(m_map, &BitsMap::failed, this, &BitsMapPanel::failed);
    showCount();
}

void BitsMapPanel::setRows(std::shared_ptr<const std::vector<LayerRow>> rows)
{
    m_map->setRows(std::move(rows));
    showCount();
}

void BitsMapPanel::setSelected(const std::vector<std::string>& layers)
{
    m_map->setSelected(layers);
    showCount();
}

void BitsMapPanel::showCount()
{
    const auto count = m_map->selected().size();
    m_count->setText(m_map->isEmpty() ? QString()
                     : count == 0     ? tr("Click or sweep to select")
                     : count == 1     ? tr("1 layer selected")
                                      : tr("%1 layers selected").arg(count));
}

} // namespace gradus
