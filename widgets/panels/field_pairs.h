// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include <vector>

class QGridLayout;
class QLabel;

namespace gradus {

/// Labelled fields, two beside each other where both are seen whole; others have a line of their
/// own.
class FieldPairs final : public QWidget
{
public:
    explicit FieldPairs(QWidget* parent = nullptr);

    /// alone: never beside another.
    void add(QLabel* label, QWidget* field, bool alone = false);

    /// Of fields below each other.
    QSize minimumSizeHint() const override;

protected:
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    struct Entry
    {
        QLabel* label = nullptr;
        QWidget* field = nullptr;
        bool alone = false;
        friend bool operator==(const Entry&, const Entry&) = default;
    };
    using Line = std::vector<Entry>;
    [[nodiscard]] int widestLabel() const;
    [[nodiscard]] std::vector<Line> lines(int width) const;
    void arrange();

    QGridLayout* m_grid = nullptr;
    std::vector<Entry> m_entries;
    std::vector<Line> m_lines; ///< as arranged
};

} // namespace gradus
