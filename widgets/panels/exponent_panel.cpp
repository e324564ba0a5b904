// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/exponent_panel.h"

#include "core/base/format.h"
#include "widgets/models/decibel.h"
#include "widgets/panels/value_label.h"
#include "widgets/text.h"

#include <QCheckBox>
#include <QComboBox>
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

namespace {
/// Two plots that share the room.
QSplitter* splitterOf(QWidget* first, QWidget* second)
{
    auto* splitter = new QSplitter(Qt::Vertical);
    splitter->setChildrenCollapsible(false);
    splitter->addWidget(first);
    splitter->addWidget(second);
    splitter->setStretchFactor(0, 1);
    splitter->setStretchFactor(1, 1);
    return splitter;
}
} // namespace

ExponentPanel::ExponentPanel(QWidget* parent)
    : QWidget(parent)
{
    m_tabs = new QTabWidget;
    m_tabs->setDocumentMode(true);
    m_tabs->setAccessibleName(tr("Views of the power exponent"));
    m_tabs->addTab(makeLayers(), tr("Selected layers"));
    m_tabs->addTab(makeModel(), tr("Whole model"));
    m_tabs->addTab(makeGain(), tr("Gain"));
    m_tabs->setTabToolTip(LayersTab, tr("Error against exponent of the selected layers"));
    m_tabs->setTabToolTip(ModelTab, tr("One exponent for all layers, and the best of each"));
    m_tabs->setTabToolTip(GainTab, tr("What each kind of step of the method gained"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 4);
    layout->addWidget(m_tabs);
    clear(tr("Select layers to see how the error of a power grid depends on its exponent."));
    setGains({}, {}, {}, tr("Quantize with PowerQuant or NUPES to see where the gain comes from."));
}

QWidget* ExponentPanel::makeBar()
{
    m_exponent = new QDoubleSpinBox;
    m_exponent->setRange(0.15, 1.6);
    m_exponent->setDecimals(3);
    m_exponent->setSingleStep(0.01);
    m_exponent->setValue(1);
    m_exponent->setKeyboardTracking(false);
    m_exponent->setToolTip(
        tr("The exponent a of the power grid: levels ŵ = s·(k/N)^(1/a), dense around zero below 1, "
           "evenly spaced at 1. Drag the marker, or type. It is the recipe's where the layer's "
           "method has a power grid, and a look ahead otherwise."));
    auto* label = new QLabel(tr("Exponent"));
    label->setBuddy(m_exponent);
    const auto button = [](const QString& text, const QString& name, const QString& toolTip) {
        auto* made = new QToolButton;
        made->setText(text);
        made->setAccessibleName(name);
        made->setToolTip(toolTip);
        made->setFocusPolicy(Qt::TabFocus);
        made->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
        return made;
    };
    m_best = button(tr("Best"), tr("Best exponent"), {});
    m_half = button(tr("½"), tr("Exponent one half"),
                    tr("Exponent ½: integer arithmetic computes its products exactly"));
    m_uniform = button(tr("Uniform"), tr("Uniform grid"), tr("Exponent 1: evenly spaced levels"));
    m_use = button(tr("Use PowerQuant"), {},
                   tr("Make PowerQuant the layer's method, with the exponent shown"));
    m_decibel = new QCheckBox(tr("dB"));
    m_decibel->setToolTip(tr("Show the error as 10·log₁₀(NMSE)"));
    m_decibel->setAccessibleName(tr("Error in dB"));
    m_error = new ValueLabel;
    m_error->setAccessibleName(tr("Error at the exponent"));
    m_error->setToolTip(tr("Weight error NMSE = Σ(w − ŵ)² / Σw². The gain over the uniform grid is "
                           "10·log₁₀(NMSE at a = 1 / NMSE)."));
    auto* box = new QWidget;
    m_barLines = new QVBoxLayout(box);
    m_barLines->setContentsMargins(10, 4, 10, 0);
    m_barLines->setSpacing(2);
    m_firstLine = new QHBoxLayout;
    m_firstLine->setSpacing(6);
    m_firstLine->addWidget(label);
    m_firstLine->addWidget(m_exponent);
    for (QToolButton* each : {m_best, m_half, m_uniform, m_use})
        m_firstLine->addWidget(each);
    m_firstLine->addWidget(m_error, 1);
    m_firstLine->addStretch(0); // takes the room when the error stands below
    m_firstLine->addWidget(m_decibel);
    m_barLines->addLayout(m_firstLine);
    connect(m_exponent, &QDoubleSpinBox::valueChanged, this, &ExponentPanel::request);
    connect(m_best, &QToolButton::clicked, this, [this] {
        m_atBest = true;
        choose(bestOf(*current()->study, current()->rule).exponent);
        if (inRecipe())
            Q_EMIT exponentRequested(layer(), 0);
    });
    connect(m_half, &QToolButton::clicked, this, [this] { request(0.5); });
    connect(m_uniform, &QToolButton::clicked, this, [this] { request(1); });
    connect(m_use, &QToolButton::clicked, this,
            [this] { Q_EMIT exponentRequested(layer(), m_atBest ? 0 : exponent()); });
    return box;
}

QWidget* ExponentPanel::makeGrid()
{
    m_grid = new PowerGridPlot;
    m_companded = new CompandedPlot;
    m_companded->setEmptyText(tr("The weights after the power map appear here."));
    m_views = new QStackedWidget;
    m_views->addWidget(m_grid);
    m_views->addWidget(m_companded);
    m_view = new QComboBox;
    m_view->setAccessibleName(tr("What is drawn of the power grid"));
    m_view->addItem(tr("Levels over the weights"));
    m_view->addItem(tr("Weights in the power domain"));
    m_view->setToolTip(tr("The power domain is the weights after the power map N·sgn(w)·(|w|/s)^a: "
                          "there the grid is uniform, and it shows how many weights each code "
                          "has."));
    connect(m_view, &QComboBox::currentIndexChanged, m_views, &QStackedWidget::setCurrentIndex);
    auto* page = new QWidget;
    auto* row = new QHBoxLayout;
    row->setContentsMargins(10, 2, 10, 0);
    row->addWidget(m_view);
    row->addStretch(1);
    auto* layout = new QVBoxLayout(page);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addLayout(row);
    layout->addWidget(m_views, 1);
    connect(m_grid, &PowerGridPlot::failed, this, &ExponentPanel::failed);
    connect(m_companded, &CompandedPlot::failed, this, &ExponentPanel::failed);
    return page;
}

QWidget* ExponentPanel::makeLayers()
{
    m_curves = new ExponentPlot;
    m_bar = makeBar();
    m_gridPage = makeGrid();
    m_splitter = splitterOf(m_curves, m_gridPage);

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
           "<p>Rounding in the power domain: k = ⌊N·(|w|/s)<sup>a</sup> + ½⌋; nearest: the k with "
           "the least |w − ŵ|. ŵ = sign(w)·s·(k/N)<sup>1/a</sup></p>"
           "<p>The grid is symmetric: N = 2<sup>bits − 1</sup> − 1 levels on each side of zero, "
           "and s is the largest |w| of what shares a scale, or with a clip a share of it. With "
           "a = 1 it is the uniform symmetric grid, which an asymmetric scheme of the layer does "
           "not equal.</p>"
           "<p>The diamond is what theory expects of many levels: "
           "D(a) ≈ s²·E|w/s|<sup>2−2a</sup> / (12·N²·a²) at its least.</p>"));

    auto* page = new QWidget;
    auto* layout = new QVBoxLayout(page);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(2);
    layout->addWidget(m_bar);
    layout->addWidget(m_splitter, 1);
    layout->addWidget(m_about);

    connect(m_curves, &ExponentPlot::failed, this, &ExponentPanel::failed);
    connect(m_curves, &ExponentPlot::exponentDragged, this, [this](double exponent, bool released) {
        m_atBest = false;
        choose(exponent);
        if (released && inRecipe())
            Q_EMIT exponentRequested(layer(), m_exponent->value());
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
    m_modelCurve = new ExponentPlot;
    m_modelCurve->setAccessibleName(tr("Error of the whole model against exponent"));
    m_modelCurve->setEmptyText(tr("The error of all layers at one common exponent appears here."));
    m_modelSplitter = splitterOf(m_modelCurve, m_model);
    m_modelStack = new QStackedWidget;
    m_modelStack->addWidget(empty);
    m_modelStack->addWidget(m_modelSplitter);
    connect(m_model, &ExponentModelPlot::failed, this, &ExponentPanel::failed);
    connect(m_modelCurve, &ExponentPlot::failed, this, &ExponentPanel::failed);
    connect(m_model, &ExponentModelPlot::layerClicked, this, &ExponentPanel::layerActivated);
    return m_modelStack;
}

QWidget* ExponentPanel::makeGain()
{
    m_gain = new GainPlot;
    m_meanGain = new GainPlot;
    m_meanGain->setAccessibleName(tr("Where the gain of the whole run comes from"));
    m_gainSplitter = splitterOf(m_gain, m_meanGain);
    for (GainPlot* each : {m_gain, m_meanGain})
        connect(each, &GainPlot::failed, this, &ExponentPanel::failed);
    return m_gainSplitter;
}

std::string ExponentPanel::layer() const
{
    return current() ? current()->layer : std::string();
}

const LayerCurve* ExponentPanel::current() const
{
    return m_curves->curves().empty() ? nullptr : &m_curves->curves().front();
}

bool ExponentPanel::inRecipe() const
{
    return current() && current()->chosen.has_value();
}

void ExponentPanel::setCurves(std::vector<LayerCurve> curves, std::size_t selected)
{
    if (curves.empty() || !curves.front().study || curves.front().study->exponents.empty()) {
        clear(tr("Select layers to see how the error of a power grid depends on its exponent."));
        return;
    }
    const bool another = curves.front().layer != layer();
    m_curves->setCurves(std::move(curves), selected);
    const LayerCurve& first = *current();
    if (another) {
        m_atBest = true;
        m_grid->setGrid(nullptr);
        m_companded->setGrid(nullptr);
        if (m_facts && m_facts->layer != first.layer)
            m_grid->setOriginal({});
    }
    if (m_facts && m_facts->layer == first.layer)
        m_grid->setOriginal(m_facts->original);
    if (first.chosen)
        m_atBest = *first.chosen == 0;
    m_bar->setEnabled(true);
    m_gridPage->show();
    m_use->setVisible(!inRecipe());
    placeError();
    m_best->setToolTip(inRecipe()
                           ? tr("Let the recipe search the exponent with the least error again")
                           : tr("The exponent with the least error: a scan, then golden sections"));
    explain();
    {
        const QSignalBlocker blocker(m_exponent);
        m_exponent->setRange(first.study->exponents.front(), first.study->exponents.back());
    }
    choose(m_atBest                            ? bestOf(*first.study, first.rule).exponent
           : first.chosen && *first.chosen > 0 ? *first.chosen
                                               : m_curves->exponent());
}

/// A line on the grid whose errors are drawn.
void ExponentPanel::explain()
{
    const Scheme& scheme = current()->scheme;
    const int levels = (1 << (scheme.bits - 1)) - 1;
    const QString scale = scheme.granularity == Granularity::Tensor ? tr("one scale s = max |w|")
                          : scheme.granularity == Granularity::Group
                              ? tr("a scale s = max |w| per %1 inputs").arg(scheme.groupSize)
                              : tr("a scale s = max |w| per channel");
    QString text = (scheme.levels == Levels::PowerMidRise
                        ? tr("Symmetric power grid of %1 bits without zero: %2 levels on each "
                             "side, %3.")
                    : levels == 1 ? tr("Symmetric power grid of %1 bits: N = %2 level on each side "
                                       "of zero, %3.")
                                  : tr("Symmetric power grid of %1 bits: N = %2 levels on each "
                                       "side of zero, %3."))
                       .arg(scheme.bits)
                       .arg(scheme.levels == Levels::PowerMidRise ? levels + 1 : levels)
                       .arg(scale);
    if (levels == 1 && scheme.levels != Levels::PowerMidRise)
        text = tr("%1 Its levels −s, 0, s do not depend on the exponent: a clip, or levels without "
                  "zero, help here.")
                   .arg(text);
    m_about->setText(text);
    m_about->show();
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
    m_companded->setGrid(grid);
    m_grid->setGrid(std::move(grid));
    refreshError();
}

/// Of a person: with a power grid in the recipe it is a choice, else a look ahead.
void ExponentPanel::request(double exponent)
{
    m_atBest = false;
    choose(exponent);
    if (inRecipe())
        Q_EMIT exponentRequested(layer(), exponent);
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
    const LayerCurve* curve = current();
    const PowerGridView* grid = m_grid->grid();
    if (!curve || !grid) {
        m_error->clear();
        return;
    }
    const double gain = gainDecibel(curve->study->uniform, grid->nmse);
    const QString nmse = toQString(formatPercent(grid->nmse));
    m_error->setText(std::isnan(gain)
                         ? tr("error %1").arg(nmse)
                         : tr("error %1 · gain %2").arg(nmse, toQString(formatDecibel(gain))));
}

/// The error stands beside the buttons where it is seen whole, else below them. Whether it does is
/// decided for the longest text, so that the plots do not move while the marker is dragged.
void ExponentPanel::placeError()
{
    const QString longest =
        tr("error %1 · gain %2").arg(QStringLiteral("0.0000 %"), QStringLiteral("00.0 dB"));
    const int margins =
        m_barLines->contentsMargins().left() + m_barLines->contentsMargins().right();
    int taken = m_error->fontMetrics().horizontalAdvance(longest) + margins;
    for (int i = 0; i < m_firstLine->count(); ++i) {
        const QWidget* each = m_firstLine->itemAt(i)->widget();
        if (each && each != m_error && !each->isHidden())
            taken += each->sizeHint().width() + m_firstLine->spacing();
    }
    const bool beside = taken <= width();
    if (beside == (m_firstLine->indexOf(m_error) >= 0))
        return;
    if (beside) {
        m_barLines->removeWidget(m_error);
        m_firstLine->insertWidget(m_firstLine->indexOf(m_decibel) - 1, m_error, 1);
    } else {
        m_firstLine->removeWidget(m_error);
        m_barLines->addWidget(m_error);
    }
}

void ExponentPanel::setModelFits(ExponentModelPlot::Fits fits)
{
    m_model->setFits(std::move(fits));
    refreshModel();
}

void ExponentPanel::setModelStudy(std::shared_ptr<const ExponentStudy> study, std::size_t layers,
                                  std::size_t of)
{
    m_modelCurve->setModel(std::move(study), layers, of);
    refreshModel();
}

void ExponentPanel::refreshModel()
{
    m_modelStack->setCurrentIndex(m_model->isEmpty() && m_modelCurve->isEmpty() ? 0 : 1);
}

void ExponentPanel::setGains(const std::string& layer, const GainSteps& gain, const GainSteps& mean,
                             const QString& why)
{
    m_gain->setEmptyText(why);
    m_gain->setGain(toQString(layer), gain);
    m_meanGain->setVisible(!mean.empty());
    m_meanGain->setGain(mean.layers == 1 ? tr("1 layer of the run")
                                         : tr("Mean over %1 layers, in dB").arg(mean.layers),
                        mean);
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
    m_companded->setGrid(nullptr);
    m_gridPage->hide();
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

void ExponentPanel::setPowerDomain(bool on)
{
    m_view->setCurrentIndex(on ? 1 : 0);
}

QString ExponentPanel::errorText() const
{
    return m_error->text();
}

void ExponentPanel::resizeEvent(QResizeEvent* event)
{
    const bool wide = event->size().width() > 1.1 * event->size().height();
    for (QSplitter* splitter : {m_splitter, m_modelSplitter, m_gainSplitter})
        splitter->setOrientation(wide ? Qt::Horizontal : Qt::Vertical);
    placeError();
    QWidget::resizeEvent(event);
}

} // namespace gradus
