// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dock_layout.h"

#include <QDockWidget>
#include <QMainWindow>

namespace gradus {

namespace {
/// The first where it is, the others as tabs on it; the first on top.
void stack(QMainWindow& window, const std::vector<QDockWidget*>& docks)
{
    for (std::size_t i = 1; i < docks.size(); ++i)
        window.tabifyDockWidget(docks[i - 1], docks[i]);
    docks.front()->raise();
}

int share(int whole, double part)
{
    return static_cast<int>(whole * part);
}
} // namespace

void applyLayout(QMainWindow& window, const Docks& docks, LayoutPreset preset)
{
    for (QDockWidget* dock : docks.all()) {
        dock->setFloating(false);
        window.removeDockWidget(dock);
    }
    const auto place = [&](Qt::DockWidgetArea area, const std::vector<QDockWidget*>& group) {
        for (QDockWidget* dock : group) {
            window.addDockWidget(area, dock);
            dock->show();
        }
        stack(window, group);
    };
    const int width = window.width();
    const int height = window.height();
    switch (preset) {
    case LayoutPreset::Explore:
        place(Qt::BottomDockWidgetArea,
              {docks.weights, docks.channels, docks.exponent, docks.errors, docks.bitsMap});
        place(Qt::BottomDockWidgetArea, {docks.method});
        place(Qt::BottomDockWidgetArea, {docks.run, docks.runs, docks.comparison});
        window.resizeDocks({docks.weights, docks.method, docks.run},
                           {share(width, 0.46), share(width, 0.25), share(width, 0.29)},
                           Qt::Horizontal);
        window.resizeDocks({docks.weights}, {share(height, 0.5)}, Qt::Vertical);
        break;
    case LayoutPreset::Compare:
        place(Qt::BottomDockWidgetArea,
              {docks.errors, docks.weights, docks.channels, docks.exponent, docks.bitsMap});
        place(Qt::BottomDockWidgetArea, {docks.comparison, docks.method, docks.run});
        place(Qt::RightDockWidgetArea, {docks.runs});
        window.resizeDocks({docks.errors, docks.comparison}, {share(width, 0.5), share(width, 0.5)},
                           Qt::Horizontal);
        window.resizeDocks({docks.errors}, {share(height, 0.5)}, Qt::Vertical);
        window.resizeDocks({docks.runs}, {share(width, 0.3)}, Qt::Horizontal);
        break;
    case LayoutPreset::WholeModel:
        place(Qt::RightDockWidgetArea, {docks.bitsMap});
        place(Qt::BottomDockWidgetArea,
              {docks.errors, docks.weights, docks.channels, docks.exponent});
        place(Qt::BottomDockWidgetArea, {docks.method, docks.run, docks.runs, docks.comparison});
        window.resizeDocks({docks.bitsMap}, {share(width, 0.45)}, Qt::Horizontal);
        window.resizeDocks({docks.errors, docks.method}, {share(width, 0.68), share(width, 0.32)},
                           Qt::Horizontal);
        window.resizeDocks({docks.errors}, {share(height, 0.42)}, Qt::Vertical);
        break;
    }
}

} // namespace gradus
