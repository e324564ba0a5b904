// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/allocation_basis.h"
#include "app/gui/job_runner.h"
#include "app/gui/workbench.h"

#include <QObject>
#include <QTimer>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// What the view of allocations shows and does: keeps the table of sensitivities that belongs to
/// recipe and settings, solves it for the budget on a thread of its own, and makes the solution the
/// recipe. The recipe follows a gesture in one undo step. Lives on the GUI thread.
class Allocator final : public QObject
{
    Q_OBJECT
public:
    /// cache: the folder of measured sensitivities; empty: they last as long as the table.
    Allocator(Workbench* workbench, const QString& cache, QObject* parent = nullptr);
    ~Allocator() override;

    [[nodiscard]] const AllocationSettings& settings() const { return m_settings; }
    void setSettings(const AllocationSettings& settings);
    /// Nothing is looked up or solved while nobody looks.
    void setWanted(bool on);
    void setLayer(const std::string& layer);

    /// The budget in bits per weight; its solution becomes the recipe. released: the end of a drag,
    /// which is one undo step however long it takes; or a step that stands for itself.
    void moveBudget(double bitsPerWeight, bool released);
    /// In the unit of the settings.
    void typeBudget(double budget);
    /// The recipe becomes what the mark stands for: one undo step.
    void adopt(const AllocationMark& mark);
    /// As Document::lockLayers; where the recipe follows the budget, other layers make up for it in
    /// the same undo step.
    void lockLayers(const std::vector<std::string>& layers, bool locked);

    [[nodiscard]] QString measureObstacle() const;
    void measure(const Workbench::Then& then = {});
    [[nodiscard]] bool isMeasuring() const { return m_measuring; }
    [[nodiscard]] QString evaluateObstacle() const;
    /// Quantizes as the recipe says, unless the shown run is just that, and measures it: of a
    /// language model KL and perplexity on a text, of others their outputs, and top-1 where there
    /// are labels. Asks by evaluationDataWanted when it does not know on what.
    void evaluate(bool ask, const Workbench::Then& then = {});
    void evaluateText(const QString& path, PerplexityConvention convention, std::int64_t context,
                      const Workbench::Then& then = {});
    void evaluateSamples(const SampleEvaluation& what, const Workbench::Then& then = {});
    /// The gradus-cli line that allocates as the view does.
    [[nodiscard]] QString command() const;
    /// Null before anything is known.
    [[nodiscard]] std::shared_ptr<const SensitivityTable> table() const { return m_table; }

    [[nodiscard]] const AllocationPicture& picture() const { return m_picture; }
    /// Nothing is being looked up, solved or waiting to become the recipe.
    [[nodiscard]] bool isIdle() const;
    /// Longest time that a solution took, in milliseconds.
    [[nodiscard]] double slowestSolution() const { return m_slowest; }

Q_SIGNALS:
    void pictureChanged(const gradus::AllocationPicture& picture);
    void curveChanged(const gradus::OptionCurve& curve, const QString& why);
    void settingsChanged(const gradus::AllocationSettings& settings);
    /// After the settings' unit.
    void budgetRangeChanged(double least, double most);
    void noticeChanged(const QString& text, bool isProblem);
    void emptyTextChanged(const QString& text);
    void remarksChanged(const QStringList& remarks);
    void stateChanged(); ///< of measuring, of the table, of what can be done
    void evaluationDataWanted();

private:
    /// How a solution comes into the recipe, if at all.
    struct Adoption
    {
        bool wanted = false;
        QString key;
        bool gesture = false;
        QString text; ///< of the undo step; empty: of the budget
    };
    struct TableKey
    {
        std::shared_ptr<const Model> model;
        CalibrationChoice calibration;
        std::uint64_t seed = 0;
        std::vector<LayerChoice> candidates;
        std::vector<std::string> layers; ///< that the recipe quantizes
        friend bool operator==(const TableKey&, const TableKey&) = default;
    };
    [[nodiscard]] std::optional<TableKey> tableKey() const;
    [[nodiscard]] SensitivityRequest request() const;
    void recipeChanged();
    void planChanged();
    void lookUp();
    void takeTable(std::shared_ptr<const SensitivityTable> table);
    void takeCells(const std::vector<SensitivityCell>& cells);
    void finishMeasuring(bool ok);
    void rebase(const Adoption& adoption);
    void takeBasis(std::shared_ptr<const AllocationBasis> basis, const Adoption& adoption);
    void solve(const Adoption& adoption);
    void solveNext();
    void takeSolution(AllocationSolution solution, const Adoption& adoption);
    void makeRecipe(const std::vector<int>& chosen, const Adoption& adoption);
    void applyPending();
    /// up: rounded so that an allocation of this size is within it.
    void setPosition(double bitsPerWeight, bool up = false);
    [[nodiscard]] std::vector<LayerChoice> choices() const;
    [[nodiscard]] AllocationRules rules() const;
    void findRecipe();
    [[nodiscard]] std::vector<int> signature(const std::vector<LayerChoice>& choices) const;
    [[nodiscard]] QString budgetLabel() const;
    void refreshAll();
    void refreshPicture();
    void refreshCurve();
    void refreshNotice();
    void refreshRange();
    void refreshMeasured();
    void takeFigures(int run, const RunFigures& figures);
    void quantizeThen(const std::function<void()>& measure, const Workbench::Then& then);
    [[nodiscard]] QString emptyText() const;

    Workbench* m_workbench;
    QString m_cache;
    AllocationSettings m_settings;
    bool m_isWanted = false;
    bool m_dirty = true; ///< something changed while nobody looked
    std::string m_layer;

    std::optional<TableKey> m_key; ///< of m_table
    std::shared_ptr<const SensitivityTable> m_table;
    bool m_lookedUp = false;
    QString m_problem; ///< why there is no basis
    bool m_measuring = false;
    std::optional<TableKey> m_measuredKey; ///< of what is being measured
    std::unique_ptr<SensitivityTable> m_filling;
    QTimer m_fillTimer;

    std::shared_ptr<const AllocationBasis> m_basis;
    bool m_rebasing = false;
    std::optional<Adoption> m_rebaseAgain;
    std::set<std::string> m_locked; ///< as the basis has it
    double m_position = 0;          ///< of the budget, in bits per weight; 0: not set yet
    std::optional<double> m_bound;  ///< on the error, in its place
    std::optional<AllocationSolution> m_solution;
    bool m_solving = false;
    std::optional<Adoption> m_next; ///< to solve for m_position when the present one is done
    QString m_gesture;              ///< key of the drag that goes on
    int m_gestures = 0;
    int m_adoptions = 0; ///< a solution that was asked for before one of them changes nothing
    struct Waiting
    {
        std::vector<int> chosen;
        std::shared_ptr<const AllocationBasis> basis;
        Adoption adoption;
    };
    std::optional<Waiting> m_waiting;               ///< for the plan of the recipe before
    bool m_own = false;                             ///< the recipe is being changed from here
    bool m_follows = false;                         ///< the recipe is what the budget gave
    std::optional<std::vector<int>> m_recipeChosen; ///< the recipe as options of the basis
    std::optional<AllocationSpot> m_recipeSpot;
    /// Of solutions that became the recipe, by what rows of the table have: for undo and redo.
    std::map<std::vector<int>, double> m_positions;
    std::map<int, RunFigures> m_figures;           ///< by run
    std::vector<AllocationMeasurement> m_measured; ///< of them, under the basis
    std::optional<SampleEvaluation> m_samples;
    AllocationPicture m_picture;
    double m_slowest = 0;
    JobRunner m_lookRunner;
    JobRunner m_solveRunner;
};

} // namespace gradus
