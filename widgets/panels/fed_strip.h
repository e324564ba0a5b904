// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/fed_data.h"

#include <QWidget>

class QLabel;

namespace gradus {

/// What will be fed: a line that describes it, warnings, and thumbnails of the first images.
class FedStrip final : public QWidget
{
    Q_OBJECT
public:
    explicit FedStrip(QWidget* parent = nullptr);

    /// Hides it.
    void clear();
    /// While it is being computed.
    void setBusy();
    void setData(const FedData& fed);
    [[nodiscard]] QString text() const;
    [[nodiscard]] int imageCount() const;

private:
    class Thumbnails;
    QLabel* m_about = nullptr;
    QLabel* m_warnings = nullptr;
    Thumbnails* m_images = nullptr;
};

} // namespace gradus
