// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/weight_panel.h"

#include "core/base/format.h"
#include "widgets/plots/histogram_plot.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <QCheckBox>
#include <QGridLayout>
#include <QLabel>
#include <QVBoxLayout>

namespace gradus {

namespace {
struct Fact
{
    const char* title;
    const char* toolTip;
};
constexpr Fact facts[] = {
    {"Mean", "Mean of the weights"},
    {"Std. deviation", "Population standard deviation of the weights"},
    {"Minimum", "Smallest weight"},
    {"Maximum", "Largest weight"},
    {"Excess kurtosis", "0 for a normal distribution; large when a few weights lie far out"},
    {"Outliers > 6σ", "Share of weights more than six standard deviations from the mean"},
    {"Weight SQNR", "Signal to quantization noise of the weights; more is better"},
    {"Stored size", "Bytes of codes, scales and zeros, and bits per weight"},
};
constexpr int perRow = 4;
} // namespace

WeightPanel::WeightPanel(QWidget* parent)
    : QWidget(parent)
{
    m_plot = new HistogramPlot;
    m_log = new QCheckBox(QStringLiteral("Logarithmic counts"));
    m_log->setChecked(m_plot->logScale());
    m_log->setToolTip(QStringLiteral("Show the number of weights per bin on a logarithmic axis"));
    connect(m_log, &QCheckBox::toggled, m_plot, &HistogramPlot::setLogScale);
    connect(m_plot, &HistogramPlot::logScaleChanged, m_log, &QCheckBox::setChecked);
    connect(m_plot, &HistogramPlot::failed, this, &WeightPanel::failed);

    m_facts = new QWidget;
    auto* grid = new QGridLayout(m_facts);
    grid->setContentsMargins(10, 4, 10, 4);
    grid->setHorizontalSpacing(14);
    grid->setVerticalSpacing(0);
    int at = 0;
    for (const Fact& fact : facts) {
        auto* title = new QLabel(QString::fromUtf8(fact.title));
        auto* value = new QLabel;
        QFont small = title->font();
        small.setPointSizeF(small.pointSizeF() * 0.88);
        title->setFont(small);
        title->setForegroundRole(QPalette::PlaceholderText);
        title->setToolTip(QString::fromUtf8(fact.toolTip));
        value->setToolTip(title->toolTip());
        value->setTextInteractionFlags(Qt::TextSelectableByMouse);
        const int row = 3 * (at / perRow);
        grid->addWidget(title, row, at % perRow);
        grid->addWidget(value, row + 1, at % perRow);
        if (row > 0)
            grid->setRowMinimumHeight(row - 1, 4);
        grid->setColumnStretch(at % perRow, 1);
        m_values.emplace_back(title->text(), value);
        ++at;
    }

    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 4);
    layout->setSpacing(2);
    layout->addWidget(m_plot, 1);
    layout->addWidget(m_facts);
    auto* foot = new QHBoxLayout;
    foot->setContentsMargins(10, 0, 10, 0);
    foot->addWidget(m_log);
    foot->addStretch(1);
    layout->addLayout(foot);
    clear(QStringLiteral("Select a layer to see the distribution of its weights."));
}

void WeightPanel::setPreview(std::shared_ptr<const WeightPreview> preview)
{
    if (!preview)
        return;
    const WeightPreview& w = *preview;
    const QString texts[] = {
        toQString(formatReal(w.moments.mean, 3)),
        toQString(formatReal(w.moments.std, 4)),
        toQString(formatReal(w.moments.minimum, 4)),
        toQString(formatReal(w.moments.maximum, 4)),
        toQString(formatReal(w.moments.excessKurtosis, 3)),
        toQString(formatPercent(w.outlierShare)),
        w.choice.keepFloat ? QStringLiteral("–") : toQString(formatDecibel(w.weightSqnrDb)),
        w.bytes == 0 ? QStringLiteral("float")
                     : QStringLiteral("%1 (%2 b/w)")
                           .arg(toQString(formatBytes(w.bytes)),
                                toQString(formatBitsPerWeight(w.bitsPerWeight))),
    };
    for (std::size_t i = 0; i < m_values.size(); ++i)
        m_values[i].second->setText(texts[i]);
    m_facts->setEnabled(true);
    m_facts->show();
    m_log->show();
    m_plot->setPreview(std::move(preview));
}

void WeightPanel::clear(const QString& reason)
{
    m_plot->setEmptyText(reason);
    m_plot->setPreview(nullptr);
    m_facts->hide();
    m_log->hide();
    for (auto& [title, value] : m_values)
        value->clear();
}

QStringList WeightPanel::factLines() const
{
    QStringList lines;
    for (const auto& [title, value] : m_values)
        lines.append(title + QLatin1Char('\t') + value->text());
    return lines;
}

} // namespace gradus
