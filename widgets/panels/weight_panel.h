// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/weight_view.h"

#include <QWidget>

#include <memory>

class QCheckBox;
class QLabel;

namespace gradus {

class HistogramPlot;

/// One layer's weights: the histogram and the facts beside it.
class WeightPanel final : public QWidget
{
    Q_OBJECT
public:
    explicit WeightPanel(QWidget* parent = nullptr);

    void setPreview(std::shared_ptr<const WeightPreview> preview);
    /// Takes the plot away and says why ("Select a layer …").
    void clear(const QString& reason);
    [[nodiscard]] HistogramPlot* plot() const { return m_plot; }
    /// The facts as shown, "Mean\t-0.0001" per line.
    [[nodiscard]] QStringList factLines() const;

Q_SIGNALS:
    void failed(const QString& message);

private:
    HistogramPlot* m_plot = nullptr;
    QCheckBox* m_log = nullptr;
    QWidget* m_facts = nullptr;
    std::vector<std::pair<QString, QLabel*>> m_values;
};

} // namespace gradus
