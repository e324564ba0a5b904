// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/activation_panel.h"

#include "core/quant/static_view.h"
#include "widgets/plots/channel_plot.h"
#include "widgets/plots/probability_plot.h"
#include "widgets/text.h"

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QResizeEvent>
#include <QSplitter>
#include <QTabWidget>
#include <QVBoxLayout>

#include <cmath>

namespace gradus {

namespace {
QSplitter* sharing(QWidget* first, QWidget* second)
{
    auto* splitter = new QSplitter(Qt::Horizontal);
    splitter->setChildrenCollapsible(false);
    splitter->addWidget(first);
    splitter->addWidget(second);
    splitter->setStretchFactor(0, 1);
    splitter->setStretchFactor(1, 1);
    return splitter;
}

/// Below a plot: everything about it in a sentence or two.
QLabel* remark()
{
    auto* label = new QLabel;
    label->setWordWrap(true);
    label->setContentsMargins(10, 0, 10, 0);
    label->setForegroundRole(QPalette::PlaceholderText);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    QFont small = label->font();
    small.setPointSizeF(small.pointSizeF() * 0.88);
    label->setFont(small);
    return label;
}

QWidget* page(QWidget* bar, QWidget* plots, QLabel* below)
{
    auto* made = new QWidget;
    auto* layout = new QVBoxLayout(made);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(2);
    if (bar)
        layout->addWidget(bar);
    layout->addWidget(plots, 1);
    if (below)
        layout->addWidget(below);
    return made;
}

QWidget* barOf(std::initializer_list<QWidget*> widgets)
{
    auto* bar = new QWidget;
    auto* row = new QHBoxLayout(bar);
    row->setContentsMargins(10, 4, 10, 0);
    row->setSpacing(6);
    for (QWidget* each : widgets)
        row->addWidget(each);
    row->addStretch(1);
    return bar;
}
} // namespace

ActivationPanel::ActivationPanel(QWidget* parent)
    : QWidget(parent)
{
    m_tabs = new QTabWidget;
    m_tabs->setDocumentMode(true);
    m_tabs->setAccessibleName(tr("Views of quantized inputs"));
    m_tabs->addTab(makeNorm(), tr("Norm"));
    m_tabs->addTab(makeSoftmax(), tr("Softmax"));
    m_tabs->addTab(makeErrors(), tr("Errors"));
    m_tabs->setTabToolTip(NormTab, tr("Channels of the norm that the layer reads"));
    m_tabs->setTabToolTip(SoftmaxTab, tr("Softmax of the attention that the layer reads"));
    m_tabs->setTabToolTip(ErrorTab, tr("What weights and inputs cost, of the layer and of all"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 4);
    layout->addWidget(m_tabs);
    showView();
    setRun({});
}

QWidget* ActivationPanel::makeNorm()
{
    m_before = new ChannelPlot;
    m_before->setAccessibleName(tr("Ranges of the channels before the norm was divided"));
    m_after = new ChannelPlot;
    m_after->setAccessibleName(tr("Ranges of the channels after the norm was divided"));
    for (ChannelPlot* each : {m_before, m_after})
        connect(each, &ChannelPlot::failed, this, &ActivationPanel::failed);
    // Both show the same channels.
    const auto follow = [](ChannelPlot* from, ChannelPlot* to) {
        connect(from, &ChannelPlot::rangeChanged, to, [from, to] {
            const auto [low, high] = from->shownRange(Qt::Horizontal);
            const auto now = to->shownRange(Qt::Horizontal);
            if (!to->isEmpty() && (now.first != low || now.second != high))
                to->setShownRange(Qt::Horizontal, low, high);
        });
    };
    follow(m_before, m_after);
    follow(m_after, m_before);
    m_order = new QComboBox;
    m_order->addItem(tr("In order"));
    m_order->addItem(tr("Widest first"));
    m_order->setToolTip(tr("Order of the channels: as they are numbered, or the widest first"));
    auto* label = new QLabel(tr("Channels"));
    label->setBuddy(m_order);
    connect(m_order, &QComboBox::currentIndexChanged, this, &ActivationPanel::applyOrder);
    m_normBar = barOf({label, m_order});
    m_normText = remark();
    m_normText->setToolTip(
        tr("<p>A grid for each channel with scale s and zero z becomes one grid s̃, z̃ for all: "
           "x̃ = x / r1 + s̃·r2 with r1 = s / s̃ and r2 = z − z̃. The norm takes the division "
           "and the shift, the layers that read it the rest, so that the float network computes "
           "the same.</p><p>Every value keeps its code: clamp(round(x̃ / s̃) + z̃) = "
           "clamp(round(x / s) + z), except for ties that rounding of floats may turn.</p>"));
    m_normSplitter = sharing(m_before, m_after);
    return page(m_normBar, m_normSplitter, m_normText);
}

QWidget* ActivationPanel::makeSoftmax()
{
    m_softmax = new ProbabilityPlot;
    connect(m_softmax, &ProbabilityPlot::failed, this, &ActivationPanel::failed);
    m_logarithmic = new QCheckBox(tr("Logarithmic counts"));
    connect(m_logarithmic, &QCheckBox::toggled, m_softmax, &ProbabilityPlot::setLogScale);
    connect(m_softmax, &ProbabilityPlot::logScaleChanged, m_logarithmic, &QCheckBox::setChecked);
    m_softmaxBar = barOf({m_logarithmic});
    m_attentionText = remark();
    m_attentionText->setToolTip(
        tr("<p>log2 has the levels s·2<sup>−c</sup>, log√2 the levels s·2<sup>−c/2</sup>, uniform "
           "the levels s·c. Lanes for comparison have as many bits and the same largest "
           "level.</p><p>q, k and v have one scale each for all heads.</p>"));
    return page(m_softmaxBar, m_softmax, m_attentionText);
}

QWidget* ActivationPanel::makeErrors()
{
    m_errors = new ErrorSharesPlot;
    m_model = new ErrorSharesModelPlot;
    connect(m_errors, &ErrorSharesPlot::failed, this, &ActivationPanel::failed);
    connect(m_model, &ErrorSharesModelPlot::failed, this, &ActivationPanel::failed);
    connect(m_model, &ErrorSharesModelPlot::layerClicked, this, &ActivationPanel::layerActivated);
    m_errors->setToolTip(tr("Relative output error on calibration rows, ‖Y − Ŷ‖² over ‖Y‖²: with "
                            "the weights quantized and float inputs, the other way round, and "
                            "with both. −10·log₁₀ of it in dB."));
    m_errorSplitter = sharing(m_errors, m_model);
    return page(nullptr, m_errorSplitter, nullptr);
}

void ActivationPanel::setView(const ActivationView& view)
{
    if (view == m_view)
        return; // as the rows of a run come in, the layer mostly stays as it is
    m_view = view;
    showView();
}

void ActivationPanel::showView()
{
    const ActivationView& view = m_view;
    const NormBands bands = normBands(view);
    m_before->setEmptyText(whyNoNorm(view));
    m_after->setEmptyText(tr("No layer that reads the norm has a grid in the run."));
    m_before->setBands(bands.before);
    m_after->setBands(bands.after);
    m_after->setVisible(bands.before != nullptr);
    m_normBar->setVisible(bands.before != nullptr);
    applyOrder();
    const QString norm = gradus::normText(view);
    m_normText->setText(norm);
    m_normText->setVisible(!norm.isEmpty());

    const auto histogram = view.inputs ? view.inputs->probabilities : std::nullopt;
    m_softmax->setEmptyText(whyNoAttention(view));
    m_softmax->setProbabilities(toQString(view.layer), histogram,
                                view.inputs && view.inputs->attention
                                    ? view.inputs->attention->probabilities
                                    : std::nullopt);
    m_softmaxBar->setVisible(!m_softmax->isEmpty());
    const bool attention = view.inputs && (view.inputs->attention || histogram);
    m_attentionText->setText(attention ? gradus::attentionText(view) : QString());
    m_attentionText->setVisible(attention);

    m_errors->setEmptyText(whyNoErrors(view));
    m_errors->setShares(
        {view.layer, view.inputs ? view.inputs->errors : ErrorShares(),
         view.inputs ? view.inputs->lambda : std::numeric_limits<double>::quiet_NaN()});
    m_model->setCurrent(view.layer);
}

void ActivationPanel::setRun(std::vector<LayerShares> layers)
{
    m_model->setLayers(std::move(layers));
    m_model->setVisible(!m_model->isEmpty());
}

void ActivationPanel::applyOrder()
{
    std::vector<std::int64_t> order;
    if (m_order->currentIndex() == 1 && m_view.reporter && m_view.reporter->norm)
        order = featuresByRange(*m_view.reporter->norm);
    for (ChannelPlot* each : {m_before, m_after})
        if (!each->isEmpty())
            each->setOrder(order);
}

void ActivationPanel::setTab(Tab tab)
{
    m_tabs->setCurrentIndex(tab);
}

void ActivationPanel::setSorted(bool on)
{
    m_order->setCurrentIndex(on ? 1 : 0);
}

QString ActivationPanel::normText() const
{
    return m_normText->text();
}

QString ActivationPanel::attentionText() const
{
    return m_attentionText->text();
}

void ActivationPanel::resizeEvent(QResizeEvent* event)
{
    const bool wide = event->size().width() > 1.1 * event->size().height();
    for (QSplitter* splitter : {m_normSplitter, m_errorSplitter})
        splitter->setOrientation(wide ? Qt::Horizontal : Qt::Vertical);
    QWidget::resizeEvent(event);
}

} // namespace gradus
