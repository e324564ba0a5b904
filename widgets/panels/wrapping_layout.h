// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QLayout>

#include <vector>

namespace gradus {

/// Widgets beside each other as far as there is room, then in a further line, as words are.
class WrappingLayout final : public QLayout
{
    Q_OBJECT
public:
    explicit WrappingLayout(QWidget* parent = nullptr);
    ~WrappingLayout() override;

    void addItem(QLayoutItem* item) override;
    [[nodiscard]] int count() const override { return static_cast<int>(m_items.size()); }
    [[nodiscard]] QLayoutItem* itemAt(int index) const override;
    QLayoutItem* takeAt(int index) override;
    [[nodiscard]] Qt::Orientations expandingDirections() const override { return {}; }
    [[nodiscard]] bool hasHeightForWidth() const override { return true; }
    [[nodiscard]] int heightForWidth(int width) const override;
    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSize() const override;
    void setGeometry(const QRect& rect) override;
    /// Between widgets of a line, and between lines.
    void setSpacings(int across, int down);

private:
    /// Places everything when `place` is set; the height that it takes.
    int arrange(const QRect& rect, bool place) const;

    std::vector<QLayoutItem*> m_items;
    int m_across = 12;
    int m_down = 5;
};

} // namespace gradus
