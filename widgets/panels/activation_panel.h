// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/panels/activation_view.h"

#include <QWidget>

#include <string>
#include <vector>

class QCheckBox;
class QComboBox;
class QLabel;
class QSplitter;
class QTabWidget;

namespace gradus {

class ChannelPlot;
class ProbabilityPlot;

/// What static quantization makes of a layer's inputs: the channels of the norm that it reads
/// before the norm is divided and after, the softmax of the attention that it reads against the
/// levels of quantizers, and its errors with weights, inputs or both quantized, beside those of
/// the whole run.
class ActivationPanel final : public QWidget
{
    Q_OBJECT
public:
    explicit ActivationPanel(QWidget* parent = nullptr);

    void setView(const ActivationView& view);
    /// Of the shown run, in model order; empty ones take the overview away.
    void setRun(std::vector<LayerShares> layers);

    enum Tab
    {
        NormTab,
        SoftmaxTab,
        ErrorTab
    };
    void setTab(Tab tab);
    void setSorted(bool on);
    [[nodiscard]] ChannelPlot* beforePlot() const { return m_before; }
    [[nodiscard]] ChannelPlot* afterPlot() const { return m_after; }
    [[nodiscard]] ProbabilityPlot* softmaxPlot() const { return m_softmax; }
    [[nodiscard]] ErrorSharesPlot* errorPlot() const { return m_errors; }
    [[nodiscard]] ErrorSharesModelPlot* modelPlot() const { return m_model; }
    [[nodiscard]] QString normText() const;
    [[nodiscard]] QString attentionText() const;

Q_SIGNALS:
    void failed(const QString& message);
    void layerActivated(const std::string& layer);

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    [[nodiscard]] QWidget* makeNorm();
    [[nodiscard]] QWidget* makeSoftmax();
    [[nodiscard]] QWidget* makeErrors();
    void showView();
    void applyOrder();

    ActivationView m_view;
    QTabWidget* m_tabs = nullptr;
    QWidget* m_normBar = nullptr;
    QComboBox* m_order = nullptr;
    QLabel* m_normText = nullptr;
    QLabel* m_attentionText = nullptr;
    QWidget* m_softmaxBar = nullptr;
    QCheckBox* m_logarithmic = nullptr;
    QSplitter* m_normSplitter = nullptr;
    QSplitter* m_errorSplitter = nullptr;
    ChannelPlot* m_before = nullptr;
    ChannelPlot* m_after = nullptr;
    ProbabilityPlot* m_softmax = nullptr;
    ErrorSharesPlot* m_errors = nullptr;
    ErrorSharesModelPlot* m_model = nullptr;
};

} // namespace gradus
