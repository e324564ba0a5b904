// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <vector>

class QDockWidget;
class QMainWindow;

namespace gradus {

/// The docks of the window, by what they show.
struct Docks
{
    QDockWidget* weights = nullptr;
    QDockWidget* channels = nullptr;
    QDockWidget* exponent = nullptr;
    QDockWidget* activations = nullptr;
    QDockWidget* decoupleq = nullptr;
    QDockWidget* errors = nullptr;
    QDockWidget* bitsMap = nullptr;
    QDockWidget* allocation = nullptr;
    QDockWidget* method = nullptr;
    QDockWidget* run = nullptr;
    QDockWidget* runs = nullptr;
    QDockWidget* comparison = nullptr;

    [[nodiscard]] std::vector<QDockWidget*> all() const
    {
        return {weights, channels,   exponent, activations, decoupleq, errors,
                bitsMap, allocation, method,   run,         runs,      comparison};
    }
};

/// Arrangements for a kind of work.
enum class LayoutPreset
{
    Explore,   ///< one layer's plots, its method, the run
    Compare,   ///< runs side by side
    WholeModel ///< bits map and errors of all layers
};

/// Docks, tabs, raises and sizes everything for the window's present size; nothing stays floating.
void applyLayout(QMainWindow& window, const Docks& docks, LayoutPreset preset);

} // namespace gradus
