// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/weight_panel.h"

#include "core/base/format.h"
#include "widgets/models/outlier_model.h"
#include "widgets/models/table_text.h"
#include "widgets/panels/value_label.h"
#include "widgets/plots/channel_strip_plot.h"
#include "widgets/plots/histogram_plot.h"
#include "widgets/text.h"
#include "widgets/theme.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QGridLayout>
#include <QHeaderView>
#include <QLabel>
#include <QMenu>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSortFilterProxyModel>
#include <QTabWidget>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include <cmath>

namespace gradus {

namespace {
struct Fact
{
    const char* title;
    const char* toolTip;
    int row;
    int column;
    int span;
};
constexpr Fact facts[] = {
    {QT_TRANSLATE_NOOP("gradus::WeightPanel", "Mean"),
     QT_TRANSLATE_NOOP("gradus::WeightPanel", "Mean of the weights: Σw / n"), 0, 0, 2},
    {QT_TRANSLATE_NOOP("gradus::WeightPanel", "Std. deviation"),
     QT_TRANSLATE_NOOP("gradus::WeightPanel",
                       "Population standard deviation of the weights: √(Σ(w − mean)² / n)"),
     0, 2, 2},
    {QT_TRANSLATE_NOOP("gradus::WeightPanel", "Minimum"),
     QT_TRANSLATE_NOOP("gradus::WeightPanel", "Smallest weight"), 0, 4, 2},
    {QT_TRANSLATE_NOOP("gradus::WeightPanel", "Maximum"),
     QT_TRANSLATE_NOOP("gradus::WeightPanel", "Largest weight"), 0, 6, 2},
    {QT_TRANSLATE_NOOP("gradus::WeightPanel", "Excess kurtosis"),
     QT_TRANSLATE_NOOP("gradus::WeightPanel",
                       "E[(w − mean)⁴] / σ⁴ − 3: 0 for a normal distribution; large when a few "
                       "weights lie far out"),
     0, 8, 2},
    {QT_TRANSLATE_NOOP("gradus::WeightPanel", "Outliers > 6σ"),
     QT_TRANSLATE_NOOP("gradus::WeightPanel",
                       "Share of weights more than six standard deviations from the mean"),
     0, 10, 2},
    {QT_TRANSLATE_NOOP("gradus::WeightPanel", "Weight SQNR"),
     QT_TRANSLATE_NOOP("gradus::WeightPanel",
                       "Signal to quantization noise of the weights: 10·log₁₀(Σw² / Σ(w − ŵ)²); "
                       "more is better"),
     1, 0, 2},
    {QT_TRANSLATE_NOOP("gradus::WeightPanel", "Cosine"),
     QT_TRANSLATE_NOOP("gradus::WeightPanel",
                       "Cosine between the weights before and after: Σwŵ / (‖w‖·‖ŵ‖); 1 is best"),
     1, 2, 2},
    {QT_TRANSLATE_NOOP("gradus::WeightPanel", "Output error"),
     QT_TRANSLATE_NOOP("gradus::WeightPanel",
                       "Relative error of the layer's output: tr(E·H·Eᵀ) / tr(W·H·Wᵀ) with "
                       "E = W − Ŵ and H = XᵀX/n of the captured inputs"),
     1, 7, 5},
    {QT_TRANSLATE_NOOP("gradus::WeightPanel", "Stored size"),
     QT_TRANSLATE_NOOP("gradus::WeightPanel",
                       "Bytes of codes, scales and zeros, and bits per weight"),
     1, 4, 3},
};

QToolButton* toggle(const QString& text, const QString& toolTip)
{
    auto* button = new QToolButton;
    button->setText(text);
    button->setToolTip(toolTip);
    button->setCheckable(true);
    button->setAutoRaise(true);
    button->setFocusPolicy(Qt::TabFocus);
    return button;
}

QString clipText(double value)
{
    return QString::number(value, 'g', 3);
}
} // namespace

WeightPanel::WeightPanel(QWidget* parent)
    : QWidget(parent)
{
    m_tabs = new QTabWidget;
    m_tabs->setDocumentMode(true);
    m_tabs->setAccessibleName(tr("Views of the weights"));
    m_tabs->addTab(makeHistogram(), tr("Histogram"));
    m_tabs->addTab(makeStrip(), tr("By channel"));
    m_tabs->addTab(makeOutliers(), tr("Outliers"));
    m_tabs->setTabToolTip(HistogramTab, tr("Distribution of all weights of the selected layers"));
    m_tabs->setTabToolTip(ChannelsTab, tr("Distribution of each channel's weights, side by side"));
    m_tabs->setTabToolTip(OutliersTab, tr("Weights far from the others, and where they stand"));
    m_tabs->setCornerWidget(makeToggles());
    m_facts = makeFacts();

    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 4);
    layout->setSpacing(2);
    layout->addWidget(m_tabs, 1);
    layout->addWidget(m_facts);

    connect(m_tabs, &QTabWidget::currentChanged, this, [this](int tab) {
        m_tabs->cornerWidget()->setVisible(tab == HistogramTab);
        requestStrip();
    });
    connect(m_plot, &HistogramPlot::failed, this, &WeightPanel::failed);
    connect(m_strip, &ChannelStripPlot::failed, this, &WeightPanel::failed);
    clear(tr("Select a layer to see the distribution of its weights."));
}

QWidget* WeightPanel::makeToggles()
{
    auto* box = new QWidget;
    auto* layout = new QHBoxLayout(box);
    layout->setContentsMargins(0, 0, 6, 0);
    layout->setSpacing(2);
    m_log = toggle(tr("Log"), tr("Show the number of weights on a logarithmic axis"));
    m_log->setAccessibleName(tr("Logarithmic axis"));
    m_density = toggle(tr("Density"), tr("Show densities, which integrate to one, instead of "
                                         "counts; several layers are always shown so"));
    m_show = new QToolButton;
    m_show->setText(tr("Show"));
    m_show->setToolTip(tr("Choose what the histogram shows"));
    m_show->setPopupMode(QToolButton::InstantPopup);
    m_show->setAutoRaise(true);
    m_show->setFocusPolicy(Qt::TabFocus);
    auto* menu = new QMenu(m_show);
    const std::pair<HistogramPlot::Part, QString> parts[] = {
        {HistogramPlot::Part::Original, tr("Original weights")},
        {HistogramPlot::Part::Quantized, tr("Quantized weights")},
        {HistogramPlot::Part::Error, tr("Error ŵ − w")},
        {HistogramPlot::Part::Levels, tr("Levels of the grid")},
        {HistogramPlot::Part::Outliers, tr("Outlier limits")},
    };
    for (const auto& [part, text] : parts) {
        QAction* action = menu->addAction(text);
        action->setCheckable(true);
        connect(action, &QAction::toggled, this,
                [this, which = part](bool on) { m_plot->setShown(which, on); });
        m_parts.push_back(action);
    }
    m_show->setMenu(menu);
    for (QToolButton* button : {m_log, m_density, m_show})
        layout->addWidget(button);
    connect(m_log, &QToolButton::toggled, m_plot, &HistogramPlot::setLogScale);
    connect(m_density, &QToolButton::toggled, m_plot, &HistogramPlot::setDensity);
    connect(m_plot, &HistogramPlot::logScaleChanged, this, &WeightPanel::refreshToggles);
    connect(m_plot, &HistogramPlot::densityChanged, this, &WeightPanel::refreshToggles);
    connect(m_plot, &HistogramPlot::shownChanged, this, &WeightPanel::refreshToggles);
    return box;
}

QWidget* WeightPanel::makeHistogram()
{
    auto* page = new QWidget;
    m_plot = new HistogramPlot;
    m_clipRow = new QWidget;
    auto* row = new QHBoxLayout(m_clipRow);
    row->setContentsMargins(10, 0, 10, 0);
    row->setSpacing(6);
    const auto spin = [this](const QString& name, const QString& toolTip, bool low) {
        auto* box = new QDoubleSpinBox;
        box->setAccessibleName(name);
        box->setToolTip(toolTip);
        box->setKeyboardTracking(false);
        box->setMinimumWidth(90);
        connect(box, &QDoubleSpinBox::valueChanged, this,
                [this, low](double value) { editClip(low, value); });
        return box;
    };
    m_low = spin(tr("Lower clip limit"),
                 tr("Weights below are stored as this value: the range of every group is cut to "
                    "[low, high] before its grid is made. Drag the left marker, or type."),
                 true);
    m_high = spin(tr("Upper clip limit"),
                  tr("Weights above are stored as this value: the range of every group is cut to "
                     "[low, high] before its grid is made. Drag the right marker, or type."),
                  false);
    m_resetClip = new QPushButton(tr("Reset clip"));
    m_resetClip->setToolTip(tr("Take the clip limits out of the layer's scheme"));
    connect(m_resetClip, &QPushButton::clicked, this, [this] { requestClip(std::nullopt); });
    auto* label = new QLabel(tr("Clip"));
    label->setBuddy(m_low);
    row->addWidget(label);
    row->addWidget(m_low);
    row->addWidget(new QLabel(QStringLiteral("…")));
    row->addWidget(m_high);
    row->addWidget(m_resetClip);
    row->addStretch(1);

    auto* layout = new QVBoxLayout(page);
    layout->setContentsMargins(0, 0, 0, 2);
    layout->setSpacing(2);
    layout->addWidget(m_plot, 1);
    layout->addWidget(m_clipRow);
    connect(m_plot, &HistogramPlot::clipDragged, this,
            [this](const ClipLimits& limits, bool released) {
                refreshClip();
                if (released)
                    requestClip(limits);
                else
                    Q_EMIT clipPreviewRequested(layer(), limits);
            });
    return page;
}

QWidget* WeightPanel::makeStrip()
{
    auto* page = new QWidget;
    m_strip = new ChannelStripPlot;
    m_axis = new QComboBox;
    m_axis->setAccessibleName(tr("Channels shown"));
    m_axis->addItem(tr("Output channels"));
    m_axis->addItem(tr("Input channels"));
    m_axis->setToolTip(tr("Output channels are rows of the weight, input channels its columns"));
    connect(m_axis, &QComboBox::currentIndexChanged, this, [this] { requestStrip(); });
    auto* row = new QHBoxLayout;
    row->setContentsMargins(10, 2, 10, 0);
    row->addWidget(m_axis);
    row->addStretch(1);
    auto* layout = new QVBoxLayout(page);
    layout->setContentsMargins(0, 0, 0, 2);
    layout->setSpacing(2);
    layout->addLayout(row);
    layout->addWidget(m_strip, 1);
    return page;
}

QWidget* WeightPanel::makeOutliers()
{
    auto* page = new QWidget;
    m_multiple = new QDoubleSpinBox;
    m_multiple->setRange(1, 100);
    m_multiple->setDecimals(1);
    m_multiple->setSingleStep(0.5);
    m_multiple->setValue(6);
    m_multiple->setSuffix(QStringLiteral(" σ"));
    m_multiple->setKeyboardTracking(false);
    m_multiple->setToolTip(
        tr("An outlier is a weight with |w − mean| > this multiple of the standard deviation"));
    auto* label = new QLabel(tr("Beyond"));
    label->setBuddy(m_multiple);
    m_outlierCount = new QLabel;
    m_outlierCount->setTextInteractionFlags(Qt::TextSelectableByMouse);
    connect(m_multiple, &QDoubleSpinBox::valueChanged, this, &WeightPanel::outliersRequested);

    m_outliers = new OutlierModel(this);
    m_sorted = new QSortFilterProxyModel(this);
    m_sorted->setSourceModel(m_outliers);
    m_sorted->setSortRole(SortRole);
    m_outlierView = new QTableView;
    m_outlierView->setAccessibleName(tr("Outliers"));
    m_outlierView->setModel(m_sorted);
    m_outlierView->setSortingEnabled(true);
    m_outlierView->horizontalHeader()->setSortIndicator(-1, Qt::AscendingOrder);
    m_outlierView->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_outlierView->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_outlierView->setAlternatingRowColors(true);
    m_outlierView->setShowGrid(false);
    m_outlierView->setTabKeyNavigation(false);
    m_outlierView->verticalHeader()->hide();
    m_outlierView->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 6);
    m_outlierView->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    m_outlierView->horizontalHeader()->setHighlightSections(false);
    m_outlierView->setFrameShape(QFrame::NoFrame);
    m_outlierView->setContextMenuPolicy(Qt::ActionsContextMenu);
    auto* copy = new QAction(tr("Copy as table"), this);
    copy->setShortcut(QKeySequence::Copy);
    copy->setShortcutContext(Qt::WidgetShortcut);
    connect(copy, &QAction::triggered, this, &WeightPanel::copyOutliers);
    m_outlierView->addAction(copy);
    connect(m_outlierView, &QTableView::activated, this, [this](const QModelIndex& index) {
        const Outlier& o = m_outliers->row(m_sorted->mapToSource(index).row()).outlier;
        Q_EMIT outlierActivated(o.row, o.col);
    });

    auto* row = new QHBoxLayout;
    row->setContentsMargins(10, 4, 10, 0);
    row->setSpacing(6);
    row->addWidget(label);
    row->addWidget(m_multiple);
    row->addWidget(m_outlierCount, 1);
    auto* layout = new QVBoxLayout(page);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(4);
    layout->addLayout(row);
    layout->addWidget(m_outlierView, 1);
    return page;
}

QWidget* WeightPanel::makeFacts()
{
    auto* box = new QWidget;
    auto* grid = new QGridLayout(box);
    grid->setContentsMargins(10, 2, 10, 2);
    grid->setHorizontalSpacing(6);
    grid->setVerticalSpacing(0);
    for (const Fact& fact : facts) {
        auto* title = new QLabel(tr(fact.title));
        auto* value = new ValueLabel;
        QFont small = title->font();
        small.setPointSizeF(small.pointSizeF() * 0.88);
        title->setFont(small);
        title->setForegroundRole(QPalette::PlaceholderText);
        title->setToolTip(tr(fact.toolTip));
        value->setToolTip(title->toolTip());
        value->setAccessibleName(title->text());
        const int row = 3 * fact.row;
        grid->addWidget(title, row, fact.column, 1, fact.span);
        grid->addWidget(value, row + 1, fact.column, 1, fact.span);
        if (row > 0)
            grid->setRowMinimumHeight(row - 1, 3);
        m_values.emplace_back(title->text(), value);
    }
    for (int column = 0; column < 12; ++column)
        grid->setColumnStretch(column, 1);
    return box;
}

std::string WeightPanel::layer() const
{
    return m_plot->preview() ? m_plot->preview()->layer : std::string();
}

void WeightPanel::setPreview(Preview preview)
{
    if (preview)
        setPreviews({std::move(preview)});
}

void WeightPanel::setPreviews(std::vector<Preview> previews, std::size_t selected)
{
    if (previews.empty())
        return;
    const Preview first = previews.front();
    const bool another = first->layer != layer();
    if (another) {
        m_strip->setStrip(nullptr);
        m_outliers->setOutliers({});
        m_outlierCount->clear();
    }
    m_plot->setPreviews(std::move(previews), selected);
    m_strip->setPreview(first);
    showFacts(*first);
    m_facts->show();
    m_tabs->cornerWidget()->setEnabled(true);
    refreshToggles();
    refreshClip();
    if (another)
        requestStrip();
}

void WeightPanel::showFacts(const WeightPreview& w)
{
    const bool kept = w.choice.keepFloat;
    const bool known = !std::isnan(w.relativeOutputError);
    QString outputError =
        known ? toQString(formatPercent(w.relativeOutputError)) : QStringLiteral("–");
    if (known && !w.exact())
        outputError = tr("%1, estimate from %2 of %3 rows")
                          .arg(outputError, toQString(formatCount(w.outputErrorRows)),
                               toQString(formatCount(w.rows)));
    const QString texts[] = {
        toQString(formatReal(w.moments.mean, 3)),
        toQString(formatReal(w.moments.std, 4)),
        toQString(formatReal(w.moments.minimum, 4)),
        toQString(formatReal(w.moments.maximum, 4)),
        toQString(formatReal(w.moments.excessKurtosis, 3)),
        toQString(formatPercent(w.outlierShare)),
        kept ? QStringLiteral("–") : toQString(formatDecibel(w.weightSqnrDb)),
        kept ? QStringLiteral("–") : QString::number(w.weightCosine, 'f', 5),
        outputError,
        w.bytes == 0 ? tr("float")
                     : tr("%1 (%2 b/w)")
                           .arg(toQString(formatBytes(w.bytes)),
                                toQString(formatBitsPerWeight(w.bitsPerWeight))),
    };
    for (std::size_t i = 0; i < m_values.size(); ++i)
        m_values[i].second->setText(texts[i]);
    QLabel* error = m_values[8].second;
    QString tip = tr(facts[8].toolTip);
    if (!known)
        tip += QLatin1Char('\n') + tr("Capture the layer's inputs to see it.");
    else if (!w.exact())
        tip += QLatin1Char('\n') + outputError;
    error->setToolTip(tip);
}

void WeightPanel::refreshToggles()
{
    const QSignalBlocker log(m_log);
    const QSignalBlocker density(m_density);
    m_log->setChecked(m_plot->logScale());
    m_density->setChecked(m_plot->density());
    const bool several = m_plot->layers() > 1;
    m_density->setEnabled(!several);
    for (std::size_t i = 0; i < m_parts.size(); ++i) {
        const auto part = static_cast<HistogramPlot::Part>(i);
        const QSignalBlocker blocker(m_parts[i]);
        m_parts[i]->setChecked(m_plot->isShown(part));
        m_parts[i]->setEnabled(!several || part <= HistogramPlot::Part::Error);
    }
}

void WeightPanel::refreshClip()
{
    const std::optional<ClipLimits> clip = m_plot->clip();
    m_clipRow->setVisible(clip.has_value());
    if (!clip)
        return;
    const ClipLimits bounds = m_plot->clipBounds();
    const auto width = static_cast<double>(bounds.high) - static_cast<double>(bounds.low);
    const int decimals = std::clamp(3 - static_cast<int>(std::floor(std::log10(width))), 2, 9);
    const auto set = [&](QDoubleSpinBox* box, double low, double high, double value) {
        const QSignalBlocker blocker(box);
        box->setDecimals(decimals);
        box->setRange(low, high);
        box->setSingleStep(width / 100);
        box->setValue(value);
    };
    set(m_low, static_cast<double>(bounds.low), 0, static_cast<double>(clip->low));
    set(m_high, 0, static_cast<double>(bounds.high), static_cast<double>(clip->high));
    m_resetClip->setEnabled(m_plot->preview()->choice.scheme.clip.has_value());
}

void WeightPanel::editClip(bool low, double value)
{
    std::optional<ClipLimits> limits = m_plot->clip();
    if (!limits)
        return;
    const ClipLimits bounds = m_plot->clipBounds();
    // A box shows a rounded value: at its end it means the very limit.
    if (low)
        limits->low = value <= m_low->minimum() ? bounds.low : static_cast<float>(value);
    else
        limits->high = value >= m_high->maximum() ? bounds.high : static_cast<float>(value);
    m_plot->setClip(*limits);
    refreshClip();
    requestClip(m_plot->clip());
}

void WeightPanel::requestClip(std::optional<ClipLimits> limits)
{
    const ClipLimits bounds = m_plot->clipBounds();
    if (limits && limits->low <= bounds.low && limits->high >= bounds.high)
        limits.reset(); // they would change nothing
    const QString name = toQString(layer());
    const QString text = limits ? tr("clip %1 to [%2, %3]")
                                      .arg(name, clipText(static_cast<double>(limits->low)),
                                           clipText(static_cast<double>(limits->high)))
                                : tr("no clip of %1").arg(name);
    Q_EMIT clipRequested(layer(), limits, text, QStringLiteral("clip/") + name);
}

void WeightPanel::requestStrip()
{
    if (m_tabs->currentIndex() != ChannelsTab || layer().empty())
        return;
    const ChannelAxis axis = m_axis->currentIndex() == 0 ? ChannelAxis::Output : ChannelAxis::Input;
    if (!m_strip->strip() || m_strip->strip()->axis != axis)
        Q_EMIT stripRequested(layer(), axis);
}

void WeightPanel::setOutliers(const std::string& layer, std::shared_ptr<const OutlierList> outliers)
{
    if (layer != this->layer() || !outliers)
        return;
    m_outliers->setOutliers(*outliers);
    const std::int64_t all = m_plot->preview()->moments.count;
    const double share =
        all > 0 ? static_cast<double>(outliers->count) / static_cast<double>(all) : 0;
    const auto listed = static_cast<std::int64_t>(outliers->largest.size());
    QString text = tr("%1 of %2 weights (%3)")
                       .arg(toQString(formatCount(outliers->count)), toQString(formatCount(all)),
                            toQString(formatPercent(share)));
    if (listed < outliers->count)
        text = tr("%1 · the largest %2 listed").arg(text, toQString(formatCount(listed)));
    m_outlierCount->setText(text);
    m_plot->setOutliers(std::move(outliers));
}

void WeightPanel::setStrip(const std::string& layer, std::shared_ptr<const ChannelStrip> strip)
{
    if (layer != this->layer() || !strip)
        return;
    const QSignalBlocker blocker(m_axis);
    m_axis->setCurrentIndex(strip->axis == ChannelAxis::Output ? 0 : 1);
    m_strip->setStrip(std::move(strip));
}

double WeightPanel::outlierMultiple() const
{
    return m_multiple->value();
}

void WeightPanel::setOutlierMultiple(double multiple)
{
    m_multiple->setValue(multiple);
}

void WeightPanel::setTab(Tab tab)
{
    m_tabs->setCurrentIndex(tab);
}

void WeightPanel::copyOutliers() const
{
    const QString text = selectionAsTsv(*m_sorted, m_outlierView->selectionModel()->selectedRows());
    QApplication::clipboard()->setText(
        !text.isEmpty() ? text : tableLines(*m_sorted).join(QLatin1Char('\n')) + QLatin1Char('\n'));
}

void WeightPanel::clear(const QString& reason)
{
    m_plot->setEmptyText(reason);
    m_strip->setEmptyText(reason);
    m_plot->setPreviews({});
    m_strip->setStrip(nullptr);
    m_strip->setPreview(nullptr);
    m_outliers->setOutliers({});
    m_outlierCount->clear();
    m_facts->hide();
    m_clipRow->hide();
    m_tabs->cornerWidget()->setEnabled(false);
    refreshToggles();
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
