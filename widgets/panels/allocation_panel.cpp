// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/allocation_panel.h"

#include "widgets/panels/allocation_form.h"
#include "widgets/panels/bits_rules_form.h"
#include "widgets/panels/value_label.h"
#include "widgets/plots/allocation_plot.h"
#include "widgets/plots/option_curve_plot.h"
#include "widgets/theme.h"

#include <QLabel>
#include <QResizeEvent>
#include <QScrollArea>
#include <QSplitter>
#include <QTabBar>
#include <QTabWidget>
#include <QVBoxLayout>

#include <algorithm>

namespace gradus {

namespace {
constexpr int besideWidth = 860; ///< from which on front and layer stand side by side
constexpr int roomyHeight = 460; ///< from which on all fields stand above the plot
} // namespace

AllocationPanel::AllocationPanel(QWidget* parent)
    : QWidget(parent)
{
    m_form = new AllocationForm;
    m_notice = new ValueLabel;
    m_notice->setAccessibleName(tr("State of the allocation"));
    m_notice->setContentsMargins(12, 0, 10, 0);
    m_plot = new AllocationPlot;
    m_layer = makeLayer();
    m_rules = new BitsRulesForm;
    auto* rules = new QScrollArea;
    rules->setWidgetResizable(true);
    rules->setFrameShape(QFrame::NoFrame);
    rules->setWidget(m_rules);
    m_tabs = new QTabWidget;
    m_tabs->setDocumentMode(true);
    m_tabs->setAccessibleName(tr("Views of the allocation"));
    m_tabs->addTab(m_plot, tr("Front"));
    m_tabs->addTab(m_layer, tr("Selected layer"));
    m_tabs->addTab(rules, tr("Rules"));
    m_tabs->setCornerWidget(m_notice); // beside the tabs, where it takes no height
    m_splitter = new QSplitter(Qt::Horizontal);
    m_splitter->addWidget(m_tabs);
    m_splitter->setCollapsible(0, false);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_form);
    layout->addWidget(m_splitter, 1);
    connect(m_plot, &PlotView::failed, this, &AllocationPanel::failed);
    connect(m_curve, &PlotView::failed, this, &AllocationPanel::failed);
    connect(m_form, &AllocationForm::refused, this, &AllocationPanel::failed);
    setCurve({}, tr("Select a layer to see what it could have."));
}

QWidget* AllocationPanel::makeLayer()
{
    m_curve = new OptionCurvePlot;
    m_why = new QLabel;
    m_why->setWordWrap(true);
    m_why->setTextFormat(Qt::PlainText);
    m_why->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_why->setAccessibleName(tr("Why this layer has its bits"));
    m_why->setAlignment(Qt::AlignTop | Qt::AlignLeft);
    m_why->setContentsMargins(10, 6, 10, 6);
    auto* words = new QScrollArea;
    words->setWidgetResizable(true);
    words->setFrameShape(QFrame::NoFrame);
    words->setWidget(m_why);
    words->setMinimumHeight(60);
    m_layerSplitter = new QSplitter(Qt::Vertical);
    m_layerSplitter->addWidget(m_curve);
    m_layerSplitter->addWidget(words);
    m_layerSplitter->setCollapsible(0, false);
    m_layerSplitter->setStretchFactor(0, 3);
    m_layerSplitter->setStretchFactor(1, 1);
    m_layerSplitter->setSizes({700, 300});
    return m_layerSplitter;
}

void AllocationPanel::setPicture(AllocationPicture picture)
{
    m_plot->setPicture(std::move(picture));
}

void AllocationPanel::setCurve(OptionCurve curve, const QString& why)
{
    const bool empty = curve.options.empty();
    m_curve->setEmptyText(why);
    m_why->setText(empty ? QString() : whyLines(curve).join(QLatin1Char('\n')));
    m_layerSplitter->widget(1)->setVisible(!empty);
    m_curve->setCurve(std::move(curve));
}

void AllocationPanel::setEmptyText(const QString& text)
{
    m_plot->setEmptyText(text);
}

void AllocationPanel::setNotice(const QString& text, bool isProblem)
{
    QPalette colours = palette();
    colours.setColor(QPalette::WindowText, isProblem ? themeColours(palette()).poor
                                                     : palette().color(QPalette::PlaceholderText));
    m_notice->setPalette(colours);
    m_notice->setText(isProblem && !text.isEmpty() ? QStringLiteral("◆ ") + text : text);
}

void AllocationPanel::setTab(Tab tab)
{
    if (tab == LayerTab && m_beside)
        return; // it is seen
    QWidget* pages[] = {m_plot, m_layer, nullptr};
    if (tab == RulesTab)
        m_tabs->setCurrentIndex(m_tabs->count() - 1);
    else
        m_tabs->setCurrentWidget(pages[tab]);
}

QString AllocationPanel::whyText() const
{
    return m_why->text();
}

QString AllocationPanel::noticeText() const
{
    return m_notice->text();
}

void AllocationPanel::resizeEvent(QResizeEvent* event)
{
    m_form->setCompact(event->size().height() < roomyHeight);
    const bool beside = event->size().width() >= besideWidth;
    if (beside != m_beside) {
        m_beside = beside;
        if (beside) {
            const bool shown = m_tabs->currentWidget() == m_layer;
            m_tabs->removeTab(m_tabs->indexOf(m_layer));
            m_splitter->addWidget(m_layer);
            m_splitter->setSizes({640, 360});
            if (shown)
                m_tabs->setCurrentIndex(0);
        } else {
            m_tabs->insertTab(1, m_layer, tr("Selected layer"));
        }
        m_layer->show();
    }
    QWidget::resizeEvent(event);
    fitNotice();
}

void AllocationPanel::fitNotice()
{
    // Tabs come first.
    const int room = m_tabs->width() - m_tabs->tabBar()->sizeHint().width() - 8;
    m_notice->setMaximumWidth(std::max(room, 40));
}

} // namespace gradus
