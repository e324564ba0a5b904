// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dock_layout.h"

#include <QDockWidget>
#include <QMainWindow>

namespace gradus {

namespace {
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
        // As tabs from the start: side by side even for a moment, they would widen the window.
        window.addDockWidget(area, group.front());
        for (std::size_t i = 1; i < group.size(); ++i)
            window.tabifyDockWidget(group[i - 1], group[i]);
        for (QDockWidget* dock : group)
            dock->show();
        group.front()->raise();
    };
    const int width = window.width();
    const int height = window.height();
    switch (preset) {
    case LayoutPreset::Explore:
        place(Qt::BottomDockWidgetArea,
              {docks.weights, docks.channels, docks.exponent, docks.activations, docks.decoupleq,
               docks.errors, docks.bitsMap, docks.allocation});
        place(Qt::BottomDockWidgetArea, {docks.method});
        place(Qt::BottomDockWidgetArea, {docks.run, docks.runs, docks.comparison});
        window.resizeDocks({docks.weights, docks.method, docks.run},
                           {share(width, 0.45), share(width, 0.27), share(width, 0.28)},
                           Qt::Horizontal);
        window.resizeDocks({docks.weights}, {share(height, 0.52)}, Qt::Vertical);
        break;
    case LayoutPreset::Compare:
        place(Qt::BottomDockWidgetArea,
              {docks.errors, docks.weights, docks.channels, docks.exponent, docks.activations,
               docks.decoupleq, docks.bitsMap, docks.allocation});
        place(Qt::BottomDockWidgetArea, {docks.comparison, docks.method, docks.run});
        place(Qt::RightDockWidgetArea, {docks.runs});
        window.resizeDocks({docks.errors, docks.comparison}, {share(width, 0.5), share(width, 0.5)},
                           Qt::Horizontal);
        window.resizeDocks({docks.errors}, {share(height, 0.6)}, Qt::Vertical);
        window.resizeDocks({docks.runs}, {share(width, 0.3)}, Qt::Horizontal);
        break;
    case LayoutPreset::WholeModel:
        place(Qt::RightDockWidgetArea, {docks.bitsMap});
        place(Qt::BottomDockWidgetArea,
              {docks.errors, docks.weights, docks.channels, docks.exponent, docks.activations,
               docks.decoupleq, docks.allocation});
        place(Qt::BottomDockWidgetArea, {docks.method, docks.run, docks.runs, docks.comparison});
        window.resizeDocks({docks.bitsMap}, {share(width, 0.45)}, Qt::Horizontal);
        window.resizeDocks({docks.errors, docks.method}, {share(width, 0.68), share(width, 0.32)},
                           Qt::Horizontal);
        window.resizeDocks({docks.errors}, {share(height, 0.42)}, Qt::Vertical);
        break;
    }
}

} // namespace gradus
