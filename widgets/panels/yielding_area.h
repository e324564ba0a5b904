// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QScrollArea>

namespace gradus {

/// A form that is as high as its fields want where there is room, and scrolls where there is not,
/// instead of squeezing them.
class YieldingArea final : public QScrollArea
{
    Q_OBJECT
public:
    /// content has a layout; it is the area's from now on.
    explicit YieldingArea(QWidget* content, QWidget* parent = nullptr);

    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override;

protected:
    void resizeEvent(QResizeEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;
};

} // namespace gradus
