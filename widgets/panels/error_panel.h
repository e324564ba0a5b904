// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/session_run.h"
#include "widgets/plots/error_plot.h"

#include <QWidget>

class QCheckBox;
class QComboBox;

namespace gradus {

/// The error of every layer: what to show and in which order, over the plot. A is the run that the
/// table shows, under the present recipe; B a run to compare with.
class ErrorPanel final : public QWidget
{
    Q_OBJECT
public:
    explicit ErrorPanel(QWidget* parent = nullptr);

    [[nodiscard]] ErrorPlot* plot() const { return m_plot; }
    /// The table's rows: order, blocks, and what they know of A, also while it still runs.
    void setRows(std::shared_ptr<const std::vector<LayerRow>> rows);
    /// a: null while there is none or it is still running. b: null to compare with nothing.
    void setRuns(std::shared_ptr<const SessionRun> a, std::shared_ptr<const SessionRun> b);
    void setSelected(const std::vector<std::string>& layers);

Q_SIGNALS:
    /// extend: add to the selection instead of replacing it.
    void layersActivated(const std::vector<std::string>& layers, bool extend);
    void failed(const QString& message);

private:
    void showData();
    void showOptions();

    std::shared_ptr<const std::vector<LayerRow>> m_rows;
    std::shared_ptr<const SessionRun> m_a;
    std::shared_ptr<const SessionRun> m_b;
    ErrorPlot* m_plot = nullptr;
    QComboBox* m_measure = nullptr;
    QComboBox* m_order = nullptr;
    QCheckBox* m_log = nullptr;
};

} // namespace gradus
