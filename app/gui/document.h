// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/quantize.h"
#include "widgets/models/choice.h"
#include "widgets/models/session_run.h"

#include <QObject>
#include <QUndoStack>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace gradus {

/// What is open: a model, the recipe (the one thing that can be undone), the plan that follows from
/// both, and the runs of this session, of which one is shown in the table and another may be
/// compared with it. Lives on the GUI thread, computes nothing.
class Document final : public QObject
{
    Q_OBJECT
public:
    explicit Document(QObject* parent = nullptr);

    [[nodiscard]] const std::shared_ptr<const Model>& model() const { return m_model; }
    [[nodiscard]] const Recipe& recipe() const { return m_recipe; }
    [[nodiscard]] const std::shared_ptr<const Plan>& plan() const { return m_plan; }
    [[nodiscard]] const std::vector<SessionRun>& runs() const { return m_runs; }
    [[nodiscard]] const SessionRun* findRun(int id) const; ///< nullptr if none
    /// The run whose results the table has; nullptr before there is one.
    [[nodiscard]] const SessionRun* shownRun() const { return findRun(m_shown); }
    [[nodiscard]] const SessionRun* comparedRun() const { return findRun(m_compared); }
    /// The shown run when it is complete, else null.
    [[nodiscard]] std::shared_ptr<const Run> run() const;
    /// Of the shown run, also while it goes on and after it was cancelled.
    [[nodiscard]] const Results& results() const;
    [[nodiscard]] QUndoStack* undoStack() { return &m_undo; }
    /// The recipe is as it was saved or opened.
    [[nodiscard]] bool isClean() const { return m_undo.isClean(); }
    /// True when the run was made under the present recipe.
    [[nodiscard]] bool runIsCurrent() const;
    /// The choice of a layer as planned; nullptr before there is a plan.
    [[nodiscard]] const LayerChoice* choiceOf(const std::string& layer) const;

    /// Another model: the recipe starts anew, runs and undo steps of the old one are gone.
    void setModel(std::shared_ptr<const Model> model, const Recipe& recipe);
    void setPlan(std::shared_ptr<const Plan> plan);

    /// A run that begins: it is shown, with what it takes over from another one. Its id.
    int beginRun(const Results& takenOver);
    /// A layer that finished while the run goes on.
    void addResult(int run, const LayerResult& result, std::shared_ptr<const Recipe> recipe);
    /// Null when it was cancelled or failed: what has finished stays; a run without anything
    /// finished is taken off the list.
    void endRun(int run, std::shared_ptr<const Run> complete, double seconds);
    /// A complete run from a file: it is shown. Its id.
    int addRun(std::shared_ptr<const Run> run, const QString& name);
    void showRun(int id);
    void compareRun(int id); ///< 0: with none
    void renameRun(int id, const QString& name);
    void removeRun(int id);
    void setPerplexity(int run, const QString& text);
    void setRunFile(int run, const QString& path);
    /// Where the session keeps it; resumable: the recipe with which its journal can be continued.
    void setKept(int run, const QString& path, const QDateTime& started, double seconds,
                 std::shared_ptr<const Recipe> resumable = nullptr);

    /// Edits: each is one undo step with this label. Edits with the same non-empty key that follow
    /// each other within a moment merge into one.
    /// gesture: the key names one gesture, which merges however long it takes.
    void editRecipe(const Recipe& after, const QString& text, const QString& key = {},
                    bool gesture = false);
    void editLayers(const LayerChoices& choices, const QString& text, const QString& key = {});
    void resetLayers(const std::vector<std::string>& layers);
    void lockLayers(const std::vector<std::string>& layers, bool locked, const QString& key = {});
    void setRules(const std::vector<Rule>& rules, const QString& text);
    /// Before all others; the layers in release lose their own choices, so that it reaches them.
    void addRule(const Rule& rule, const QString& text, const std::vector<std::string>& release);
    void setClip(const std::string& layer, const std::optional<ClipLimits>& limits,
                 const QString& text, const QString& key);
    void setStandard(const LayerChoice& choice, const QString& text, const QString& key = {});
    void setCalibration(const CalibrationChoice& choice, const QString& text,
                        const QString& key = {});
    void setSeed(std::uint64_t seed);
    void setFoldBatchNorms(bool fold);

Q_SIGNALS:
    void modelChanged();
    void recipeChanged();
    void planChanged();
    void resultsChanged(); ///< of the shown run
    void runsChanged();    ///< the list, a name, which one is shown or compared, or its completion

private:
    friend class RecipeEdit;
    [[nodiscard]] std::vector<SessionRun>::iterator at(int run);
    void takeRun(SessionRun run);
    void applyRecipe(const Recipe& recipe);

    std::shared_ptr<const Model> m_model;
    Recipe m_recipe;
    std::shared_ptr<const Plan> m_plan;
    std::unordered_map<std::string, std::size_t> m_planRows; ///< by layer name
    std::vector<SessionRun> m_runs;
    int m_shown = 0;
    int m_compared = 0;
    int m_lastRun = 0;
    QUndoStack m_undo;
};

} // namespace gradus
