// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/weight_view.h"

#include <QWidget>

#include <memory>

class QComboBox;
class QLabel;
class QPushButton;
class QSpinBox;
class QStackedWidget;
class QWidget;

namespace gradus {

class ChannelPlot;

/// The range of every channel of one layer, of its weights and, once captured, of its inputs:
/// which channels reach far, and where the limits of the grid stand.
class ChannelPanel final : public QWidget
{
    Q_OBJECT
public:
    explicit ChannelPanel(QWidget* parent = nullptr);

    /// Of one layer; ranges, preview and inputs may come later, then as null now.
    void setData(std::shared_ptr<const WeightFacts> facts,
                 std::shared_ptr<const ChannelRanges> output,
                 std::shared_ptr<const ChannelRanges> input,
                 std::shared_ptr<const WeightPreview> preview,
                 std::shared_ptr<const InputStatistics> inputs);
    /// New limits of the same layer; those of another one are dropped.
    void setPreview(std::shared_ptr<const WeightPreview> preview);
    void clear(const QString& reason);

    void setAxis(ChannelAxis axis);
    [[nodiscard]] ChannelAxis axis() const;
    void setSorted(bool on);
    [[nodiscard]] bool sorted() const;
    /// Marks the channel and moves the plots there.
    void jumpTo(std::int64_t channel);
    [[nodiscard]] std::int64_t channel() const;
    [[nodiscard]] ChannelPlot* plot() const { return m_weights; }
    [[nodiscard]] ChannelPlot* inputPlot() const { return m_inputs; }

Q_SIGNALS:
    void failed(const QString& message);
    /// Run the calibration data through the model and keep the layers' inputs.
    void captureRequested();

private:
    void rebuild();
    void refreshOrder();
    void refreshReadout();
    [[nodiscard]] std::shared_ptr<const ChannelRanges> ranges() const;

    std::shared_ptr<const WeightFacts> m_facts;
    std::shared_ptr<const ChannelRanges> m_output;
    std::shared_ptr<const ChannelRanges> m_input;
    std::shared_ptr<const WeightPreview> m_preview;
    std::shared_ptr<const InputStatistics> m_statistics;
    QWidget* m_bar = nullptr;
    QComboBox* m_axis = nullptr;
    QComboBox* m_order = nullptr;
    QSpinBox* m_channel = nullptr;
    QLabel* m_readout = nullptr;
    ChannelPlot* m_weights = nullptr;
    QStackedWidget* m_lower = nullptr; ///< inputs' ranges, or how to get them
    ChannelPlot* m_inputs = nullptr;
    QLabel* m_why = nullptr;
    QPushButton* m_capture = nullptr;
};

} // namespace gradus
