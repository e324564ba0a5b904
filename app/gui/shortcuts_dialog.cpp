// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/shortcuts_dialog.h"

#include <QAction>
#include <QDialogButtonBox>
#include <QHeaderView>
#include <QMenu>
#include <QMenuBar>
#include <QTreeWidget>
#include <QVBoxLayout>

namespace gradus {

namespace {
struct Key
{
    const char* keys;
    const char* what;
};
struct Section
{
    const char* title;
    std::vector<Key> keys;
};

const std::vector<Section>& viewSections()
{
    static const std::vector<Section> sections{
        {QT_TRANSLATE_NOOP("gradus::ShortcutsDialog", "Layer table"),
         {{"F2",
           QT_TRANSLATE_NOOP("gradus::ShortcutsDialog", "Edit the cell, for all selected layers")},
          {"Space", QT_TRANSLATE_NOOP("gradus::ShortcutsDialog", "Lock or unlock")},
          {"Del", QT_TRANSLATE_NOOP("gradus::ShortcutsDialog",
                                    "Back to what the recipe's rules and standard say")},
          {"Ctrl+A", QT_TRANSLATE_NOOP("gradus::ShortcutsDialog", "Select all layers shown")},
          {"Ctrl+C", QT_TRANSLATE_NOOP("gradus::ShortcutsDialog", "Copy as a table")},
          {"Esc", QT_TRANSLATE_NOOP("gradus::ShortcutsDialog",
                                    "From the filter line back to the table")}}},
        {QT_TRANSLATE_NOOP("gradus::ShortcutsDialog", "Plots"),
         {{"Wheel",
           QT_TRANSLATE_NOOP("gradus::ShortcutsDialog", "Zoom; over an axis, that axis alone")},
          {"+ −", QT_TRANSLATE_NOOP("gradus::ShortcutsDialog", "Zoom")},
          {"← → ↑ ↓", QT_TRANSLATE_NOOP("gradus::ShortcutsDialog", "Move")},
          {"Home",
           QT_TRANSLATE_NOOP("gradus::ShortcutsDialog", "Show all; a double click does too")},
          {"Ctrl+C", QT_TRANSLATE_NOOP("gradus::ShortcutsDialog", "Copy the image")}}},
        {QT_TRANSLATE_NOOP("gradus::ShortcutsDialog", "Bits map"),
         {{"2 … 8", QT_TRANSLATE_NOOP("gradus::ShortcutsDialog", "Bits of the selected layers")},
          {"F", QT_TRANSLATE_NOOP("gradus::ShortcutsDialog", "Keep the selected layers float")},
          {"Space", QT_TRANSLATE_NOOP("gradus::ShortcutsDialog", "Lock or unlock")},
          {"Shift+← → ↑ ↓", QT_TRANSLATE_NOOP("gradus::ShortcutsDialog", "Extend the selection")}}},
    };
    return sections;
}

void collect(const QMenu& menu, QList<QAction*>& found)
{
    for (QAction* action : menu.actions()) {
        if (action->menu())
            collect(*action->menu(), found);
        else if (!action->shortcuts().isEmpty())
            found.append(action);
    }
}
} // namespace

ShortcutsDialog::ShortcutsDialog(const QMenuBar& menus, QWidget* parent)
    : QDialog(parent)
{
    setWindowTitle(tr("Keyboard shortcuts"));
    auto* tree = new QTreeWidget;
    tree->setAccessibleName(windowTitle());
    tree->setHeaderLabels({tr("Action"), tr("Keys")});
    tree->setRootIsDecorated(false);
    tree->setSelectionMode(QAbstractItemView::NoSelection);
    tree->setFocusPolicy(Qt::StrongFocus);
    const auto section = [tree](const QString& title) {
        auto* item = new QTreeWidgetItem(tree, {title});
        QFont bold = tree->font();
        bold.setBold(true);
        item->setFont(0, bold);
        return item;
    };
    const auto row = [this](QTreeWidgetItem* under, const QString& what, const QString& keys) {
        new QTreeWidgetItem(under, {what, keys});
        m_lines.append(keys + QLatin1Char('\t') + what);
    };
    for (QAction* top : menus.actions()) {
        QList<QAction*> found;
        if (top->menu())
            collect(*top->menu(), found);
        if (found.isEmpty())
            continue;
        QTreeWidgetItem* under = section(top->text().remove(QLatin1Char('&')));
        for (const QAction* action : found) {
            QStringList keys;
            for (const QKeySequence& each : action->shortcuts())
                keys.append(each.toString(QKeySequence::NativeText));
            // An undo action carries the name of its step: the dialog wants the verb.
            const QString name = action->property("title").toString();
            row(under, name.isEmpty() ? action->text().remove(QLatin1Char('&')) : name,
                keys.join(QStringLiteral(", ")));
        }
    }
    for (const Section& each : viewSections()) {
        QTreeWidgetItem* under = section(tr(each.title));
        for (const Key& key : each.keys)
            row(under, tr(key.what), QString::fromUtf8(key.keys));
    }
    tree->expandAll();
    tree->resizeColumnToContents(1);
    tree->header()->setSectionResizeMode(0, QHeaderView::Stretch);
    tree->header()->setStretchLastSection(false);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(tree);
    layout->addWidget(buttons);
    resize(520, 620);
}

} // namespace gradus
