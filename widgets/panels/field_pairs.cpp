// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/field_pairs.h"

#include <QEvent>
#include <QGridLayout>
#include <QLabel>

#include <algorithm>

namespace gradus {

namespace {
constexpr int gap = 8; ///< between columns
} // namespace

FieldPairs::FieldPairs(QWidget* parent)
    : QWidget(parent)
    , m_grid(new QGridLayout(this))
{
    m_grid->setContentsMargins(0, 0, 0, 0);
    m_grid->setHorizontalSpacing(gap);
    m_grid->setVerticalSpacing(6);
    m_grid->setColumnStretch(1, 1);
    m_grid->setColumnStretch(3, 1);
}

void FieldPairs::add(QLabel* label, QWidget* field, bool alone)
{
    m_entries.push_back({label, field, alone});
    arrange();
}

int FieldPairs::widestLabel() const
{
    int widest = 0;
    for (const Entry& each : m_entries)
        widest = std::max(widest, each.label->sizeHint().width());
    return widest;
}

QSize FieldPairs::minimumSizeHint() const
{
    int widest = 0;
    for (const Entry& each : m_entries)
        widest = std::max(widest, each.field->minimumSizeHint().width());
    return {widestLabel() + gap + widest, m_grid->minimumSize().height()};
}

std::vector<FieldPairs::Line> FieldPairs::lines(int width) const
{
    const int room = width - widestLabel() - 3 * gap;
    int columns[3] = {0, 0, 0}; // field, label, field of the pairs so far
    std::vector<Line> lines;
    for (std::size_t i = 0; i < m_entries.size(); ++i) {
        const Entry& one = m_entries[i];
        lines.push_back({one});
        if (one.alone || i + 1 == m_entries.size() || m_entries[i + 1].alone)
            continue;
        const Entry& other = m_entries[i + 1];
        const int wanted[3] = {std::max(columns[0], one.field->minimumSizeHint().width()),
                               std::max(columns[1], other.label->sizeHint().width()),
                               std::max(columns[2], other.field->minimumSizeHint().width())};
        if (wanted[0] + wanted[1] + wanted[2] > room)
            continue;
        std::copy(std::begin(wanted), std::end(wanted), std::begin(columns));
        lines.back().push_back(other);
        ++i;
    }
    return lines;
}

void FieldPairs::arrange()
{
    std::vector<Line> wanted = lines(width());
    if (wanted == m_lines)
        return;
    m_lines = std::move(wanted);
    for (const Entry& each : m_entries) {
        m_grid->removeWidget(each.label);
        m_grid->removeWidget(each.field);
    }
    int row = 0;
    for (const Line& line : m_lines) {
        for (std::size_t i = 0; i < line.size(); ++i) {
            const int column = 2 * static_cast<int>(i);
            m_grid->addWidget(line[i].label, row, column);
            m_grid->addWidget(line[i].field, row, column + 1, 1, line.size() == 1 ? 3 : 1);
        }
        ++row;
    }
    updateGeometry();
}

void FieldPairs::resizeEvent(QResizeEvent* event)
{
    arrange();
    QWidget::resizeEvent(event);
}

void FieldPairs::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange)
        arrange();
}

} // namespace gradus
