// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/exponent_panel.h"

#include "core/base/format.h"
#include "widgets/models/decibel.h"
#include "widgets/panels/value_label.h"
#include "widgets/text.h"

#include <QCheckBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QPushButton>
#include <QResizeEvent>
#include <QSignalBlocker>
#include <QSplitter>
#include <QStackedWidget>
#include <QTabWidget>
#include <QToolButton>
#include <QVBoxLayout>

#include <cmath>

namespace gradus {

ExponentPanel::ExponentPanel(QWidget* parent)
    : QWidget(parent)
{
    m_tabs = new QTabWidget;
    m_tabs->setDocumentMode(true);
    m_tabs->setAccessibleName(tr("Views of the power exponent"));
    m_tabs->addTab(makeLayers(), tr("Selected layers"));
    m_tabs->addTab(makeModel(), tr("Whole model"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 4);
    layout->addWidget(m_tabs);
    clear(tr("Select layers to see how the error of a power grid depends on its exponent."));
}

QWidget* ExponentPanel::makeLayers()
{
    m_curves = new ExponentPlot;
    m_grid = new PowerGridPlot;
    m_exponent = new QDoubleSpinBox;
    m_exponent->setRange(0.15, 1.6);
    m_exponent->setDecimals(3);
    m_exponent->setSingleStep(0.01);
    m_exponent->setValue(1);
    m_exponent->setToolTip(
        tr("The exponent a of the power grid: levels ŵ = s·(k/N)^(1/a), dense around zero below 1, "
           "evenly spaced at 1. Drag the marker, or type."));
    auto* label = new QLabel(tr("Exponent"));
    label->setBuddy(m_exponent);
    m_best = new QToolButton;
    m_best->setText(tr("Best"));
    m_best->setToolTip(tr("The exponent with the least error, found by golden-section search"));
    m_uniform = new QToolButton;
    m_uniform->setText(tr("Uniform"));
    m_uniform->setToolTip(tr("Exponent 1: evenly spaced levels"));
    m_decibel = new QCheckBox(tr("dB"));
    m_decibel->setToolTip(tr("Show the error as 10·log₁₀(NMSE)"));
    m_decibel->setAccessibleName(tr("Error in dB"));
    m_error = new ValueLabel;
    m_error->setAccessibleName(tr("Error at the exponent"));
    m_error->setToolTip(tr("NMSE = Σ(w − ŵ)² / Σw². The gain over the uniform grid is "
                           "10·log₁₀(NMSE at a = 1 / NMSE)."));
    m_bar = new QWidget;
    auto* bar = new QHBoxLayout(m_bar);
    bar->setContentsMargins(10, 4, 10, 0);
    bar->setSpacing(6);
    bar->addWidget(label);
    bar->addWidget(m_exponent);
    bar->addWidget(m_best);
    bar->addWidget(m_uniform);
    for (QToolButton* button : {m_best, m_uniform}) {
        button->setFocusPolicy(Qt::TabFocus);
        button->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
    }
    bar->addWidget(m_error, 1);
    bar->addWidget(m_decibel);

    m_splitter = new QSplitter(Qt::Vertical);
    m_splitter->setChildrenCollapsible(false);
    m_splitter->addWidget(m_curves);
    m_splitter->addWidget(m_grid);
    m_splitter->setStretchFactor(0, 1);
    m_splitter->setStretchFactor(1, 1);

    m_about = new QLabel;
    m_about->setWordWrap(true);
    m_about->setContentsMargins(10, 0, 10, 0);
    m_about->setForegroundRole(QPalette::PlaceholderText);
    QFont small = m_about->font();
    small.setPointSizeF(small.pointSizeF() * 0.88);
    m_about->setFont(small);
    m_about->setToolTip(
        tr("<p>A power grid has its levels where an evenly spaced grid has them after raising to "
           "the power a, which suits weights that crowd around zero.</p>"
           "<p>Power-domain rounding: k = round(N·(|w|/s)<sup>a</sup>), "
           "ŵ = sign(w)·s·(k/N)<sup>1/a</sup></p>"
           "<p>The grid is symmetric: N = 2<sup>bits − 1</sup> − 1 levels on each side of zero, "
           "and s is the largest |w| of what shares a scale. With a = 1 it is the uniform "
           "symmetric grid, which an asymmetric scheme of the layer does not equal.</p>"));

    auto* page = new QWidget;
    auto* layout = new QVBoxLayout(page);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(2);
    layout->addWidget(m_bar);
    layout->addWidget(m_splitter, 1);
    layout->addWidget(m_about);

    connect(m_curves, &ExponentPlot::failed, this, &ExponentPanel::failed);
    connect(m_grid, &PowerGridPlot::failed, this, &ExponentPanel::failed);
    connect(m_curves, &ExponentPlot::exponentDragged, this, [this](double exponent, bool) {
        m_atBest = false;
        choose(exponent);
    });
    connect(m_exponent, &QDoubleSpinBox::valueChanged, this, [this](double exponent) {
        m_atBest = false;
        choose(exponent);
    });
    connect(m_best, &QToolButton::clicked, this, [this] {
        m_atBest = true;
        choose(m_curves->curves().front().curve->fit.bestExponent);
    });
    connect(m_uniform, &QToolButton::clicked, this, [this] {
        m_atBest = false;
        choose(1);
    });
    connect(m_decibel, &QCheckBox::toggled, m_curves, &ExponentPlot::setDecibel);
    connect(m_curves, &ExponentPlot::decibelChanged, m_decibel, &QCheckBox::setChecked);
    return page;
}

QWidget* ExponentPanel::makeModel()
{
    m_model = new ExponentModelPlot;
    auto* empty = new QWidget;
    auto* text = new QLabel(tr("The best exponent of each layer, and what it gains over the "
                               "uniform grid, appears here once all layers are fitted."));
    text->setAlignment(Qt::AlignCenter);
    text->setWordWrap(true);
    text->setForegroundRole(QPalette::PlaceholderText);
    auto* button = new QPushButton(tr("Fit all layers"));
    button->setToolTip(tr("Search the best exponent of every layer under its scheme"));
    connect(button, &QPushButton::clicked, this, &ExponentPanel::modelFitsRequested);
    auto* column = new QVBoxLayout(empty);
    column->setContentsMargins(24, 8, 24, 8);
    column->addStretch(1);
    column->addWidget(text);
    column->addWidget(button, 0, Qt::AlignHCenter);
    column->addStretch(1);
    m_modelStack = new QStackedWidget;
    m_modelStack->addWidget(empty);
    m_modelStack->addWidget(m_model);
    connect(m_model, &ExponentModelPlot::failed, this, &ExponentPanel::failed);
    connect(m_model, &ExponentModelPlot::layerClicked, this, &ExponentPanel::layerActivated);
    return m_modelStack;
}

std::string ExponentPanel::layer() const
{
    return m_curves->curves().empty() ? std::string() : m_curves->curves().front().layer;
}

void ExponentPanel::setCurves(std::vector<LayerCurve> curves, std::size_t selected)
{
    if (curves.empty() || curves.front().curve->exponents.empty()) {
        clear(tr("Select layers to see how the error of a power grid depends on its exponent."));
        return;
    }
    const bool another = curves.front().layer != layer();
    m_curves->setCurves(std::move(curves), selected);
    const LayerCurve& first = m_curves->curves().front();
    if (another) {
        m_atBest = true;
        m_grid->setGrid(nullptr);
        if (m_facts && m_facts->layer != first.layer)
            m_grid->setOriginal({});
    }
    if (m_facts && m_facts->layer == first.layer)
        m_grid->setOriginal(m_facts->original);
    m_bar->setEnabled(true);
    m_grid->show();
    const int levels = (1 << (first.scheme.bits - 1)) - 1;
    const QString scale = first.scheme.granularity == Granularity::Tensor
                              ? tr("one scale s = max |w|")
                          : first.scheme.granularity == Granularity::Group
                              ? tr("a scale s = max |w| per %1 inputs").arg(first.scheme.groupSize)
                              : tr("a scale s = max |w| per channel");
    m_about->setText((levels == 1 ? tr("Symmetric power grid of %1 bits: N = %2 level on each side "
                                       "of zero, %3, power-domain rounding.")
                                  : tr("Symmetric power grid of %1 bits: N = %2 levels on each "
                                       "side of zero, %3, power-domain rounding."))
                         .arg(first.scheme.bits)
                         .arg(levels)
                         .arg(scale));
    m_about->show();
    {
        const QSignalBlocker blocker(m_exponent);
        m_exponent->setRange(first.curve->exponents.front(), first.curve->exponents.back());
    }
    choose(m_atBest ? first.curve->fit.bestExponent : m_curves->exponent());
}

void ExponentPanel::setFacts(std::shared_ptr<const WeightFacts> facts)
{
    m_facts = std::move(facts);
    if (m_facts && m_facts->layer == layer())
        m_grid->setOriginal(m_facts->original);
}

void ExponentPanel::setPowerGrid(const std::string& layer,
                                 std::shared_ptr<const PowerGridView> grid)
{
    if (layer != this->layer() || !grid)
        return;
    m_grid->setGrid(std::move(grid));
    refreshError();
}

void ExponentPanel::choose(double exponent)
{
    if (m_curves->curves().empty())
        return;
    {
        const QSignalBlocker blocker(m_exponent);
        m_exponent->setValue(exponent);
    }
    m_curves->setExponent(exponent);
    refreshError();
    Q_EMIT exponentPreviewRequested(layer(), exponent);
}

void ExponentPanel::refreshError()
{
    const PowerGridView* grid = m_grid->grid();
    if (!grid || m_curves->curves().empty()) {
        m_error->clear();
        return;
    }
    const double gain = gainDecibel(m_curves->curves().front().curve->fit.uniformNmse, grid->nmse);
    const QString nmse = toQString(formatPercent(grid->nmse));
    m_error->setText(std::isnan(gain)
                         ? tr("NMSE %1").arg(nmse)
                         : tr("NMSE %1 · gain %2").arg(nmse, toQString(formatDecibel(gain))));
}

void ExponentPanel::setModelFits(ExponentModelPlot::Fits fits)
{
    const bool there = fits && !fits->empty();
    m_model->setFits(std::move(fits));
    m_modelStack->setCurrentIndex(there ? 1 : 0);
}

void ExponentPanel::setCurrentLayer(const std::string& layer)
{
    m_model->setCurrent(layer);
}

void ExponentPanel::clear(const QString& reason)
{
    m_facts.reset();
    m_curves->setEmptyText(reason);
    m_curves->setCurves({});
    m_grid->setGrid(nullptr);
    m_grid->setOriginal({});
    m_grid->hide();
    m_bar->setEnabled(false);
    m_about->hide();
    m_error->clear();
}

double ExponentPanel::exponent() const
{
    return m_curves->exponent();
}

void ExponentPanel::setExponent(double exponent)
{
    m_exponent->setValue(exponent);
}

void ExponentPanel::setTab(Tab tab)
{
    m_tabs->setCurrentIndex(tab);
}

QString ExponentPanel::errorText() const
{
    return m_error->text();
}

void ExponentPanel::resizeEvent(QResizeEvent* event)
{
    const bool wide = event->size().width() > 1.1 * event->size().height();
    m_splitter->setOrientation(wide ? Qt::Horizontal : Qt::Vertical);
    QWidget::resizeEvent(event);
}

} // namespace gradus
