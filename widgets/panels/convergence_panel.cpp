// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/convergence_panel.h"

#include "widgets/models/trace_model.h"
#include "widgets/models/training_model.h"
#include "widgets/panels/value_label.h"
#include "widgets/panels/value_table.h"
#include "widgets/plots/training_plot.h"

#include <QComboBox>
#include <QLabel>
#include <QResizeEvent>
#include <QSignalBlocker>
#include <QSplitter>
#include <QTabWidget>
#include <QVBoxLayout>

#include <algorithm>

namespace gradus {

ConvergencePanel::ConvergencePanel(QWidget* parent)
    : QWidget(parent)
{
    m_tabs = new QTabWidget;
    m_tabs->setDocumentMode(true);
    m_tabs->setAccessibleName(tr("Views of the steps"));
    m_tabs->addTab(makeAlternation(), tr("Selected layer"));
    m_tabs->addTab(makeTraining(), tr("Training"));
    m_tabs->setTabToolTip(0, tr("The error of the selected layer from step to step"));
    m_tabs->setTabToolTip(1, tr("The loss of each block as it is trained"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_tabs);
    setTraces({}, {}, {}, tr("Select a layer to see how its error fell from step to step."));
    setTrainings({}, false);
}

QWidget* ConvergencePanel::makeAlternation()
{
    m_convergence = new ConvergencePlot;
    m_traceModel = new TraceModel(this);
    m_traceView = new ValueTable(tr("Steps of the method"));
    m_traceView->setModel(m_traceModel);
    auto* splitter = new QSplitter(Qt::Vertical);
    splitter->setChildrenCollapsible(true);
    splitter->addWidget(m_convergence);
    splitter->addWidget(m_traceView);
    splitter->setCollapsible(0, false);
    splitter->setStretchFactor(0, 3);
    splitter->setStretchFactor(1, 2);
    m_splitters[Alternation] = splitter;
    connect(m_convergence, &PlotView::failed, this, &ConvergencePanel::failed);
    connect(m_convergence, &ConvergencePlot::stepClicked, this, [this](int step) {
        m_traceView->showRow(step);
        m_convergence->setStep(step);
    });
    connect(m_traceView, &ValueTable::rowChosen, m_convergence, &ConvergencePlot::setStep);
    return splitter;
}

QWidget* ConvergencePanel::makeTraining()
{
    m_chooser = new QComboBox;
    m_chooser->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    m_chooser->setToolTip(tr("The training that is drawn"));
    auto* label = new QLabel(tr("S&how"));
    label->setBuddy(m_chooser);
    m_summary = new ValueLabel;
    m_summary->setAccessibleName(tr("Summary of the trainings"));
    m_summary->setForegroundRole(QPalette::PlaceholderText);
    m_bar = new QWidget;
    auto* bar = new QHBoxLayout(m_bar);
    bar->setContentsMargins(10, 4, 10, 2);
    bar->setSpacing(6);
    bar->addWidget(label);
    bar->addWidget(m_chooser);
    bar->addSpacing(6);
    bar->addWidget(m_summary, 1);

    m_training = new TrainingPlot;
    m_training->setEmptyText(
        tr("Nothing was trained in this run.\n\ndecoupleQ and NUPES go on to train each block when "
           "their option “Block stage” is on; the losses appear here as they run."));
    m_trainingModel = new TrainingModel(this);
    m_trainingView = new ValueTable(tr("Trainings of the run"));
    m_trainingView->setModel(m_trainingModel);
    auto* splitter = new QSplitter(Qt::Vertical);
    splitter->addWidget(m_training);
    splitter->addWidget(m_trainingView);
    splitter->setCollapsible(0, false);
    splitter->setStretchFactor(0, 3);
    splitter->setStretchFactor(1, 2);
    m_splitters[Training] = splitter;
    auto* page = new QWidget;
    auto* layout = new QVBoxLayout(page);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_bar);
    layout->addWidget(splitter, 1);

    connect(m_training, &PlotView::failed, this, &ConvergencePanel::failed);
    connect(m_training, &TrainingPlot::curveClicked, this, [this](int index) {
        chooseTraining(m_training->curves()[static_cast<std::size_t>(index)].block);
    });
    connect(m_chooser, &QComboBox::activated, this,
            [this] { chooseTraining(m_chooser->currentData().toInt()); });
    connect(m_trainingView, &ValueTable::rowChosen, this,
            [this](int row) { chooseTraining(m_trainingModel->row(row).block); });
    return page;
}

void ConvergencePanel::setTraces(const std::string& layer, ConvergenceTrace shown,
                                 ConvergenceTrace compared, const QString& why)
{
    const bool there = !shown.points.empty();
    m_convergence->setEmptyText(why);
    m_traceModel->setTrace(shown.points);
    m_convergence->setTraces(layer, std::move(shown), std::move(compared));
    m_convergence->setStep(-1);
    m_traceView->showRow(-1);
    m_traceView->setVisible(there);
}

void ConvergencePanel::setTrainings(TrainingCurves over, bool running)
{
    m_over = std::move(over);
    m_goesOn = running;
    refreshTrainings();
}

void ConvergencePanel::clearRunning()
{
    m_running.clear();
    m_chosen = allBlocks;
    refreshTrainings();
}

void ConvergencePanel::advance(const std::vector<TrainingProgress>& steps)
{
    for (const TrainingProgress& step : steps)
        m_running.add(step);
    if (m_goesOn)
        refreshTrainings();
}

void ConvergencePanel::refreshTrainings()
{
    m_curves = m_goesOn ? withRunning(m_over, m_running.curves()) : m_over;
    const bool there = !m_curves.empty();
    m_bar->setVisible(there);
    m_trainingView->setVisible(there);
    const bool known = m_chosen == allBlocks ||
                       std::any_of(m_curves.begin(), m_curves.end(),
                                   [this](const auto& curve) { return curve.block == m_chosen; });
    if (!known)
        m_chosen = allBlocks;
    refreshChooser();
    m_trainingModel->setCurves(m_curves);
    m_summary->setText(trainingSummary(m_curves));
    drawTrainings();
}

void ConvergencePanel::refreshChooser()
{
    std::vector<std::pair<QString, int>> entries;
    const auto blocks = std::count_if(m_curves.begin(), m_curves.end(),
                                      [](const auto& curve) { return !curve.isFineTuning(); });
    if (blocks != 1 || m_curves.size() > 1)
        entries.emplace_back(tr("All blocks"), allBlocks);
    for (const TrainingCurve& curve : m_curves)
        entries.emplace_back(trainingTitle(curve), curve.block);
    const QSignalBlocker blocker(m_chooser);
    bool same = m_chooser->count() == static_cast<int>(entries.size());
    for (int i = 0; same && i < m_chooser->count(); ++i)
        same = m_chooser->itemData(i).toInt() == entries[static_cast<std::size_t>(i)].second;
    if (!same) { // an open list is not taken away with every frame
        m_chooser->clear();
        for (const auto& [title, block] : entries)
            m_chooser->addItem(title, block);
    }
    m_chooser->setCurrentIndex(std::max(0, m_chooser->findData(m_chosen)));
}

void ConvergencePanel::chooseTraining(int block)
{
    m_chosen = block;
    refreshChooser();
    drawTrainings();
}

void ConvergencePanel::drawTrainings()
{
    TrainingCurves drawn;
    int row = -1;
    for (std::size_t i = 0; i < m_curves.size(); ++i) {
        const TrainingCurve& curve = m_curves[i];
        if (m_chosen == allBlocks ? !curve.isFineTuning() : curve.block == m_chosen)
            drawn.push_back(curve);
        if (curve.block == m_chosen)
            row = static_cast<int>(i);
    }
    // A run that fine-tunes without a block stage has nothing but that.
    if (drawn.empty() && !m_curves.empty())
        drawn.push_back(m_curves.back());
    const QString title = drawn.size() == 1 ? trainingTitle(drawn.front()) : tr("All blocks");
    m_trainingView->showRow(row);
    m_training->setCurves(title, std::move(drawn));
}

void ConvergencePanel::setTab(Tab tab)
{
    m_tabs->setCurrentIndex(tab);
}

void ConvergencePanel::resizeEvent(QResizeEvent* event)
{
    // Beside each other where there is room for both.
    const bool wide =
        event->size().width() > 760 || event->size().width() > 2.2 * event->size().height();
    const Qt::Orientation orientation = wide ? Qt::Horizontal : Qt::Vertical;
    for (QSplitter* splitter : m_splitters) {
        if (splitter->orientation() == orientation && m_laidOut)
            continue;
        splitter->setOrientation(orientation);
        splitter->setSizes(wide ? QList<int>{560, 440} : QList<int>{700, 300});
    }
    m_laidOut = true;
    QWidget::resizeEvent(event);
}

} // namespace gradus
