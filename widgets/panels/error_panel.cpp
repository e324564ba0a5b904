// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/error_panel.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QSignalBlocker>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace gradus {

ErrorPanel::ErrorPanel(QWidget* parent)
    : QWidget(parent)
{
    m_measure = new QComboBox;
    m_measure->setObjectName(QStringLiteral("measure"));
    for (const Measure each :
         {Measure::OutputError, Measure::WeightSqnr, Measure::WeightCosine, Measure::Size}) {
        m_measure->addItem(measureTitle(each), static_cast<int>(each));
        m_measure->setItemData(m_measure->count() - 1, measureFormula(each), Qt::ToolTipRole);
    }
    m_order = new QComboBox;
    m_order->setObjectName(QStringLiteral("order"));
    m_order->addItem(tr("Model order"), static_cast<int>(ErrorPlot::Order::Model));
    m_order->addItem(tr("Worst first"), static_cast<int>(ErrorPlot::Order::Worst));
    m_order->addItem(tr("Largest change first"), static_cast<int>(ErrorPlot::Order::Change));
    m_log = new QCheckBox(tr("&Log"));
    m_log->setObjectName(QStringLiteral("log"));
    m_log->setToolTip(tr("Logarithmic scale"));
    m_log->setAccessibleName(tr("Logarithmic scale"));
    auto* measureLabel = new QLabel(tr("&Show"));
    measureLabel->setBuddy(m_measure);
    auto* orderLabel = new QLabel(tr("&Order"));
    orderLabel->setBuddy(m_order);

    m_plot = new ErrorPlot;
    auto* strip = new QHBoxLayout;
    strip->setContentsMargins(8, 6, 8, 6);
    strip->setSpacing(6);
    strip->addWidget(measureLabel);
    strip->addWidget(m_measure);
    strip->addSpacing(6);
    strip->addWidget(orderLabel);
    strip->addWidget(m_order);
    strip->addSpacing(6);
    strip->addWidget(m_log);
    strip->addStretch(1);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addLayout(strip);
    layout->addWidget(m_plot, 1);

    connect(m_measure, &QComboBox::currentIndexChanged, this,
            [this] { m_plot->setMeasure(static_cast<Measure>(m_measure->currentData().toInt())); });
    connect(m_order, &QComboBox::currentIndexChanged, this, [this] {
        m_plot->setOrder(static_cast<ErrorPlot::Order>(m_order->currentData().toInt()));
    });
    connect(m_log, &QCheckBox::toggled, m_plot, &ErrorPlot::setLogScale);
    connect(m_plot, &ErrorPlot::optionsChanged, this, &ErrorPanel::showOptions);
    connect(m_plot, &ErrorPlot::layersActivated, this, &ErrorPanel::layersActivated);
    connect(m_plot, &PlotView::failed, this, &ErrorPanel::failed);
    showOptions();
}

void ErrorPanel::setRows(std::shared_ptr<const std::vector<LayerRow>> rows)
{
    m_rows = std::move(rows);
    showData();
}

void ErrorPanel::setRuns(std::shared_ptr<const SessionRun> a, std::shared_ptr<const SessionRun> b)
{
    m_a = std::move(a);
    m_b = std::move(b);
    showData();
}

void ErrorPanel::setSelected(const std::vector<std::string>& layers)
{
    m_plot->setSelected(layers);
}

void ErrorPanel::showData()
{
    std::vector<ErrorPlot::Series> series;
    if (m_rows && !m_rows->empty()) {
        series.push_back({m_a ? m_a->name : QString(), measuresOf(*m_rows)});
        if (m_b)
            series.push_back({m_b->name, measuresOfRun(*m_rows, m_b->results)});
        if (series.size() == 2 && series[0].name.isEmpty())
            series[0].name = tr("this recipe");
    }
    m_plot->setData(m_rows, std::move(series));
    showOptions();
}

void ErrorPanel::showOptions()
{
    const QSignalBlocker quietMeasure(m_measure);
    const QSignalBlocker quietOrder(m_order);
    const QSignalBlocker quietLog(m_log);
    m_measure->setCurrentIndex(m_measure->findData(static_cast<int>(m_plot->measure())));
    m_measure->setToolTip(measureFormula(m_plot->measure()));
    m_order->setCurrentIndex(m_order->findData(static_cast<int>(m_plot->order())));
    m_log->setChecked(m_plot->logScale());
    m_log->setEnabled(m_plot->canLogScale());
}

} // namespace gradus
