// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/training_curve.h"
#include "widgets/plots/convergence_plot.h"

#include <QWidget>

#include <string>
#include <vector>

class QComboBox;
class QLabel;
class QSplitter;
class QTabWidget;

namespace gradus {

class TraceModel;
class TrainingModel;
class TrainingPlot;
class ValueTable;

/// What decoupleQ or NUPES did: the selected layer step by step, and the losses of the
/// trainings that followed, also while they run.
class ConvergencePanel final : public QWidget
{
    Q_OBJECT
public:
    enum Tab
    {
        Alternation,
        Training
    };
    explicit ConvergencePanel(QWidget* parent = nullptr);

    /// The steps of the selected layer; empty: `why` is shown instead.
    void setTraces(const std::string& layer, ConvergenceTrace shown, ConvergenceTrace compared,
                   const QString& why);
    /// The trainings that the shown run has. running: it goes on, and its steps come by advance().
    void setTrainings(TrainingCurves over, bool running);
    /// A run begins: what ran before is forgotten.
    void clearRunning();
    void advance(const std::vector<TrainingProgress>& steps);
    /// A block, or one of these.
    static constexpr int allBlocks = -2;
    static constexpr int fineTuning = -1;
    void chooseTraining(int block);
    [[nodiscard]] int chosenTraining() const { return m_chosen; }
    void setTab(Tab tab);

    [[nodiscard]] ConvergencePlot* convergencePlot() const { return m_convergence; }
    [[nodiscard]] TrainingPlot* trainingPlot() const { return m_training; }
    [[nodiscard]] ValueTable* traceTable() const { return m_traceView; }
    [[nodiscard]] ValueTable* trainingTable() const { return m_trainingView; }

Q_SIGNALS:
    void failed(const QString& message);

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    QWidget* makeAlternation();
    QWidget* makeTraining();
    void refreshTrainings();
    void refreshChooser();
    void drawTrainings();

    TrainingCurves m_over;
    TrainingLog m_running;
    TrainingCurves m_curves; ///< both
    bool m_goesOn = false;
    int m_chosen = allBlocks;
    bool m_laidOut = false;
    QTabWidget* m_tabs = nullptr;
    QSplitter* m_splitters[2] = {nullptr, nullptr};
    ConvergencePlot* m_convergence = nullptr;
    TraceModel* m_traceModel = nullptr;
    ValueTable* m_traceView = nullptr;
    QWidget* m_bar = nullptr;
    QComboBox* m_chooser = nullptr;
    QLabel* m_summary = nullptr;
    TrainingPlot* m_training = nullptr;
    TrainingModel* m_trainingModel = nullptr;
    ValueTable* m_trainingView = nullptr;
};

} // namespace gradus
