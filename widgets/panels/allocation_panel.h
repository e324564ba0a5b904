// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/allocation_picture.h"
#include "widgets/models/allocation_settings.h"

#include <QWidget>

class QLabel;
class QSplitter;
class QTabWidget;

namespace gradus {

class AllocationForm;
class AllocationPlot;
class BitsRulesForm;
class OptionCurvePlot;

/// How many bits each layer deserves: the candidates, the front of size against predicted error
/// with a budget to drag, what stands behind the selected layer's bits, and what was measured.
class AllocationPanel final : public QWidget
{
    Q_OBJECT
public:
    enum Tab
    {
        FrontTab,
        LayerTab,
        RulesTab
    };
    explicit AllocationPanel(QWidget* parent = nullptr);

    void setPicture(AllocationPicture picture);
    /// Of the selected layer; without options `why` is shown instead.
    void setCurve(OptionCurve curve, const QString& why);
    /// Instead of the plot, while there is no front.
    void setEmptyText(const QString& text);
    /// A line above the plot: what the picture is of so far, or what is wrong. Empty for none.
    void setNotice(const QString& text, bool isProblem = false);
    void setTab(Tab tab);

    [[nodiscard]] AllocationForm* form() const { return m_form; }
    [[nodiscard]] AllocationPlot* plot() const { return m_plot; }
    [[nodiscard]] OptionCurvePlot* curvePlot() const { return m_curve; }
    [[nodiscard]] BitsRulesForm* rulesForm() const { return m_rules; }
    [[nodiscard]] QString whyText() const;
    [[nodiscard]] QString noticeText() const;

Q_SIGNALS:
    void failed(const QString& message);

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    [[nodiscard]] QWidget* makeLayer();
    void fitNotice();

    AllocationForm* m_form = nullptr;
    QLabel* m_notice = nullptr;
    QSplitter* m_splitter = nullptr;
    QTabWidget* m_tabs = nullptr;
    AllocationPlot* m_plot = nullptr;
    QWidget* m_layer = nullptr;
    QSplitter* m_layerSplitter = nullptr;
    OptionCurvePlot* m_curve = nullptr;
    QLabel* m_why = nullptr;
    BitsRulesForm* m_rules = nullptr;
    bool m_beside = false; ///< the layer's page stands beside the front
};

} // namespace gradus
