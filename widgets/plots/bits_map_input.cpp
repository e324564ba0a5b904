// SPDX-License-Identifier: GPL-3.0-or-later
// What mouse and keys do in the map, and the edits that they ask for.
#include "core/base/error.h"
#include "widgets/models/bulk_edit.h"
#include "widgets/models/layer_measures.h"
#include "widgets/plots/bits_map_state.h"
#include "widgets/text.h"

#include <QAccessible>
#include <QActionGroup>
#include <QApplication>
#include <QClipboard>
#include <QHelpEvent>
#include <QMenu>
#include <QScrollBar>
#include <QToolTip>
#include <QWheelEvent>

#include <algorithm>
#include <functional>

namespace gradus {

int BitsMap::neighbour(int layer, int key) const
{
    const State& s = *m_state;
    if (layer < 0)
        return s.layout.layers.empty() ? -1 : s.layout.layers.begin()->second;
    const BitsMapLayout::Place place = s.layout.places[static_cast<std::size_t>(layer)];
    const int rows = static_cast<int>(s.layout.rows.size());
    if (key == Qt::Key_Left || key == Qt::Key_Right) {
        const int step = key == Qt::Key_Left ? -1 : 1;
        for (int column = place.column + step; column >= 0 && column < s.layout.width;
             column += step) {
            const int found = s.layout.layerAt({place.row, column});
            if (found >= 0)
                return found;
        }
        return layer;
    }
    const int step = key == Qt::Key_Up ? -1 : 1;
    for (int row = place.row + step; row >= 0 && row < rows; row += step) {
        // The same column, or the nearest that this row has.
        for (int away = 0; away < s.layout.width; ++away) {
            for (const int column : {place.column - away, place.column + away}) {
                const int found = s.layout.layerAt({row, column});
                if (found >= 0)
                    return found;
            }
        }
    }
    return layer;
}

void BitsMap::mousePressEvent(QMouseEvent* event)
{
    State& s = *m_state;
    if (event->button() != Qt::LeftButton || isEmpty())
        return;
    const Geometry& g = s.geometry;
    const QPoint at = event->pos();
    s.before = s.selected;
    s.modifiers = event->modifiers();
    const bool add = s.modifiers & Qt::ControlModifier;
    if (at.y() >= viewport()->height() - g.legend)
        return;
    if (at.x() < g.label || at.y() < g.header) { // titles select their whole line
        const QPoint content = at - QPoint(g.label, g.header) + scrolled();
        QRect line;
        if (at.x() >= g.label)
            line = QRect(content.x(), 0, 1, s.layout.blockRows * g.cellHeight);
        else if (at.y() >= g.header)
            line = QRect(0, content.y(), g.content.width(), 1);
        const std::vector<int> hit = line.isEmpty() ? std::vector<int>() : layersWithin(line);
        if (hit.empty())
            return;
        setSelection(hit, add);
        s.anchor = hit.front();
        setCurrent(hit.front());
        tellSelection();
        return;
    }
    s.pressed = true;
    s.sweeping = false;
    s.from = s.to = at - QPoint(g.label, g.header) + scrolled();
}

void BitsMap::mouseMoveEvent(QMouseEvent* event)
{
    State& s = *m_state;
    if (!s.pressed || !(event->buttons() & Qt::LeftButton))
        return;
    const Geometry& g = s.geometry;
    const QPoint at = event->pos();
    // A sweep over the edge takes the map along.
    const auto follow = [](QScrollBar* bar, int place, int low, int high) {
        if (place < low)
            bar->setValue(bar->value() - std::min(24, low - place));
        else if (place > high)
            bar->setValue(bar->value() + std::min(24, place - high));
    };
    const QPoint content = at - QPoint(g.label, g.header) + scrolled();
    if (!s.sweeping && (content - s.from).manhattanLength() < QApplication::startDragDistance())
        return;
    s.sweeping = true;
    follow(horizontalScrollBar(), at.x(), g.label, viewport()->width());
    follow(verticalScrollBar(), at.y(), g.header, viewport()->height() - g.legend);
    const QPoint origin = QPoint(g.label, g.header) - scrolled();
    const QRect old = QRect(s.from, s.to).normalized().translated(origin);
    s.to = at - origin;
    const QRect now = QRect(s.from, s.to).normalized();
    setSelection(layersWithin(now), s.modifiers & (Qt::ControlModifier | Qt::ShiftModifier));
    viewport()->update(old.united(now.translated(origin)).adjusted(-2, -2, 2, 2));
}

void BitsMap::mouseReleaseEvent(QMouseEvent* event)
{
    State& s = *m_state;
    if (event->button() != Qt::LeftButton || !s.pressed)
        return;
    s.pressed = false;
    if (s.sweeping) {
        s.sweeping = false;
        const std::vector<int> hit = layersWithin(QRect(s.from, s.to).normalized());
        if (!hit.empty()) {
            s.anchor = hit.front();
            setCurrent(hit.back());
        }
        viewport()->update();
        tellSelection();
        return;
    }
    const int layer = layerUnder(event->pos());
    if (layer < 0)
        return;
    if ((s.modifiers & Qt::ShiftModifier) && s.anchor >= 0) {
        setSelection(layersBetween(s.anchor, layer), s.modifiers & Qt::ControlModifier);
    } else if (s.modifiers & Qt::ControlModifier) {
        s.before[static_cast<std::size_t>(layer)] = s.isSelected(layer) ? 0 : 1;
        setSelection({}, true);
        s.anchor = layer;
    } else {
        setSelection({layer}, false);
        s.anchor = layer;
    }
    setCurrent(layer);
    tellSelection();
}

void BitsMap::keyPressEvent(QKeyEvent* event)
{
    State& s = *m_state;
    if (isEmpty()) {
        QAbstractScrollArea::keyPressEvent(event);
        return;
    }
    if (event->matches(QKeySequence::Copy)) {
        copyImage();
        return;
    }
    if (event->matches(QKeySequence::SelectAll)) {
        std::vector<int> all;
        for (int i = 0; i < s.count(); ++i)
            all.push_back(i);
        setSelection(all, false);
        tellSelection();
        return;
    }
    const Qt::KeyboardModifiers held = event->modifiers() & ~Qt::KeypadModifier;
    const int key = event->key();
    if (held & (Qt::ControlModifier | Qt::AltModifier | Qt::MetaModifier)) {
        QAbstractScrollArea::keyPressEvent(event);
        return;
    }
    const auto go = [&](int layer) {
        if (layer < 0)
            return;
        if (!(held & Qt::ShiftModifier) || s.anchor < 0) {
            s.anchor = layer;
            setSelection({layer}, false);
        } else {
            setSelection(layersBetween(s.anchor, layer), false);
        }
        setCurrent(layer);
        tellSelection();
    };
    switch (key) {
    case Qt::Key_Left:
    case Qt::Key_Right:
    case Qt::Key_Up:
    case Qt::Key_Down:
        go(neighbour(s.current, key));
        return;
    case Qt::Key_Home:
        go(s.layout.layers.begin()->second);
        return;
    case Qt::Key_End:
        go(s.layout.layers.rbegin()->second);
        return;
    case Qt::Key_Space:
        toggleLock();
        return;
    case Qt::Key_F:
        requestEdit({ChoiceField::Bits, QStringLiteral("float"), {}});
        return;
    case Qt::Key_Plus:
    case Qt::Key_Equal:
        zoomBy(1.25);
        return;
    case Qt::Key_Minus:
        zoomBy(0.8);
        return;
    case Qt::Key_0:
        fit();
        return;
    default:
        break;
    }
    if (key >= Qt::Key_2 && key <= Qt::Key_8)
        requestEdit({ChoiceField::Bits, QString::number(key - Qt::Key_0), {}});
    else
        QAbstractScrollArea::keyPressEvent(event);
}

void BitsMap::wheelEvent(QWheelEvent* event)
{
    if (!(event->modifiers() & Qt::ControlModifier)) {
        QAbstractScrollArea::wheelEvent(event);
        return;
    }
    const int turned = event->angleDelta().y();
    if (turned != 0)
        zoomAround(std::pow(1.2, turned / 120.0), event->position().toPoint());
    event->accept();
}

void BitsMap::focusInEvent(QFocusEvent* event)
{
    QAbstractScrollArea::focusInEvent(event);
    if (m_state->current < 0 && !isEmpty()) {
        const std::vector<std::string> chosen = selected();
        m_state->current =
            chosen.empty() ? m_state->layout.layers.begin()->second : find(chosen.front());
        m_state->anchor = m_state->current;
    }
    if (m_state->current >= 0)
        updateCell(m_state->current);
}

void BitsMap::focusOutEvent(QFocusEvent* event)
{
    QAbstractScrollArea::focusOutEvent(event);
    if (m_state->current >= 0)
        updateCell(m_state->current);
}

bool BitsMap::viewportEvent(QEvent* event)
{
    if (event->type() == QEvent::ToolTip) {
        const auto* help = static_cast<QHelpEvent*>(event);
        const State& s = *m_state;
        const Geometry& g = s.geometry;
        const int layer = layerUnder(help->pos());
        QString text;
        QRect where;
        if (layer >= 0) {
            text = cellToolTip(s.row(layer).name);
            where = cellRect(layer);
        } else if (help->pos().y() < g.header && help->pos().x() >= g.label) {
            const int column =
                (help->pos().x() - g.label + horizontalScrollBar()->value()) / g.cellWidth;
            if (column < static_cast<int>(s.layout.columns.size()))
                text = s.layout.columns[static_cast<std::size_t>(column)].name;
        } else if (help->pos().x() < g.label) {
            const int y = help->pos().y() - g.header + verticalScrollBar()->value();
            for (std::size_t row = 0; row < s.layout.rows.size(); ++row) {
                const int top = g.rowTop(static_cast<int>(row));
                if (y >= top && y < top + g.cellHeight)
                    text = s.layout.rows[row].name;
            }
        }
        if (text.isEmpty())
            QToolTip::hideText();
        else
            QToolTip::showText(help->globalPos(), text, viewport(), where);
        return true;
    }
    return QAbstractScrollArea::viewportEvent(event);
}

void BitsMap::requestEdit(const ChoiceEdit& edit)
{
    const State& s = *m_state;
    std::vector<int> targets;
    for (int i = 0; i < s.count(); ++i) {
        if (s.isSelected(i))
            targets.push_back(i);
    }
    if (targets.empty() && s.current >= 0)
        targets.push_back(s.current);
    try {
        const BulkEdit change = bulkEdit(*s.rows, targets, edit, s.standard);
        if (!change.choices.empty())
            Q_EMIT editRequested(change.choices, change.text);
    } catch (const Error& error) {
        Q_EMIT editRefused(toQString(error.what()));
    }
}

void BitsMap::toggleLock()
{
    const State& s = *m_state;
    std::vector<std::string> names = selected();
    if (names.empty() && s.current >= 0)
        names.push_back(current());
    if (names.empty())
        return;
    const bool allLocked = std::all_of(names.begin(), names.end(), [&](const std::string& name) {
        return s.row(find(name)).locked;
    });
    Q_EMIT lockRequested(names, !allLocked);
}

void BitsMap::contextMenuEvent(QContextMenuEvent* event)
{
    State& s = *m_state;
    if (isEmpty())
        return;
    const int under = event->reason() == QContextMenuEvent::Mouse ? layerUnder(event->pos()) : -1;
    if (under >= 0 && !s.isSelected(under)) {
        setSelection({under}, false);
        s.anchor = under;
        setCurrent(under);
        tellSelection();
    }
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    const std::vector<std::string> chosen = selected();
    const auto addField = [&](const QString& title, ChoiceField field) {
        QMenu* values = menu->addMenu(title);
        values->setEnabled(!chosen.empty());
        for (const FieldValue& value : fieldValues(field)) {
            values->addAction(value.text, this, [this, field, value] {
                requestEdit({field, value.value, {}});
            });
        }
    };
    addField(tr("Bits"), ChoiceField::Bits);
    addField(tr("Method"), ChoiceField::Method);
    const bool allLocked =
        !chosen.empty() && std::all_of(chosen.begin(), chosen.end(), [&](const std::string& name) {
            return s.row(find(name)).locked;
        });
    QAction* lock =
        menu->addAction(allLocked ? tr("Unlock") : tr("Lock"), this, &BitsMap::toggleLock);
    lock->setShortcut(Qt::Key_Space);
    lock->setEnabled(!chosen.empty());
    menu->addSeparator();
    QMenu* colours = menu->addMenu(tr("Color by"));
    auto* group = new QActionGroup(colours);
    const auto addColouring = [&](const QString& title, Colouring each) {
        QAction* action = colours->addAction(title, this, [this, each] { setColouring(each); });
        action->setCheckable(true);
        action->setChecked(s.colouring == each);
        group->addAction(action);
    };
    addColouring(tr("Bits"), Colouring::Bits);
    addColouring(tr("Output error"), Colouring::OutputError);
    addColouring(tr("Weight SQNR"), Colouring::WeightSqnr);
    addColouring(tr("Method"), Colouring::Method);
    QAction* whole = menu->addAction(tr("Show whole model"), this, &BitsMap::fit);
    whole->setShortcut(Qt::Key_0);
    menu->addAction(tr("Usual size"), this, [this] { setZoom(1); });
    menu->addSeparator();
    QAction* image = menu->addAction(tr("Copy image"), this, &BitsMap::copyImage);
    image->setShortcut(QKeySequence::Copy);
    menu->addAction(tr("Copy data as CSV"), this,
                    [this] { QApplication::clipboard()->setText(csv()); });
    menu->addAction(tr("Save as PNG, SVG, PDF or CSV…"), this, &BitsMap::saveAs);
    menu->popup(event->globalPos());
}

} // namespace gradus
