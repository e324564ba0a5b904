// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/plots/bits_map.h"

#include <QWidget>

class QComboBox;
class QLabel;

namespace gradus {

/// The map of the model under a strip: what its colours mean, and how large it is.
class BitsMapPanel final : public QWidget
{
    Q_OBJECT
public:
    explicit BitsMapPanel(QWidget* parent = nullptr);

    [[nodiscard]] BitsMap* map() const { return m_map; }
    void setRows(std::shared_ptr<const std::vector<LayerRow>> rows);
    void setStandard(const LayerChoice& standard) { m_map->setStandard(standard); }
    void setSelected(const std::vector<std::string>& layers);

Q_SIGNALS:
    void selectionRequested(const std::vector<std::string>& layers);
    void editRequested(const gradus::LayerChoices& choices, const QString& text);
    void editRefused(const QString& reason);
    void lockRequested(const std::vector<std::string>& layers, bool locked);
    void failed(const QString& message);

private:
    void showCount();

    BitsMap* m_map = nullptr;
    QComboBox* m_colouring = nullptr;
    QLabel* m_count = nullptr;
};

} // namespace gradus
