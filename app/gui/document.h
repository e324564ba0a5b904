// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/quantize.h"
#include "widgets/models/choice.h"
#include "widgets/models/layer_rows.h"

#include <QObject>
#include <QUndoStack>

#include <memory>
#include <string>
#include <vector>

namespace gradus {

/// What is open: a model, the recipe (the one thing that can be undone), the plan that follows from
/// both, what has been measured, and the last whole run. Lives on the GUI thread, computes nothing.
class Document final : public QObject
{
    Q_OBJECT
public:
    explicit Document(QObject* parent = nullptr);

    [[nodiscard]] const std::shared_ptr<const Model>& model() const { return m_model; }
    [[nodiscard]] const Recipe& recipe() const { return m_recipe; }
    [[nodiscard]] const std::shared_ptr<const Plan>& plan() const { return m_plan; }
    [[nodiscard]] const std::shared_ptr<const Run>& run() const { return m_run; }
    [[nodiscard]] const Results& results() const { return m_results; }
    [[nodiscard]] QUndoStack* undoStack() { return &m_undo; }
    /// True when the run was made under the present recipe.
    [[nodiscard]] bool runIsCurrent() const;
    /// The choice of a layer as planned; nullptr before there is a plan.
    [[nodiscard]] const LayerChoice* choiceOf(const std::string& layer) const;

    /// Another model: the recipe starts anew, runs and undo steps of the old one are gone.
    void setModel(std::shared_ptr<const Model> model, const Recipe& recipe);
    void setPlan(std::shared_ptr<const Plan> plan);
    void setRun(std::shared_ptr<const Run> run);
    /// A layer that finished while the run goes on.
    void addResult(const LayerResult& result, std::shared_ptr<const Recipe> recipe);

    /// Edits: each is one undo step with this label. Edits with the same non-empty key that follow
    /// each other within a moment merge into one.
    void editRecipe(const Recipe& after, const QString& text, const QString& key = {});
    void editLayers(const LayerChoices& choices, const QString& text, const QString& key = {});
    void resetLayers(const std::vector<std::string>& layers);
    void lockLayers(const std::vector<std::string>& layers, bool locked);
    void setStandard(const LayerChoice& choice, const QString& text, const QString& key = {});
    void setCalibration(const CalibrationChoice& choice, const QString& text,
                        const QString& key = {});
    void setSeed(std::uint64_t seed);

Q_SIGNALS:
    void modelChanged();
    void recipeChanged();
    void planChanged();
    void resultsChanged();
    void runChanged();

private:
    friend class RecipeEdit;
    void applyRecipe(const Recipe& recipe);

    std::shared_ptr<const Model> m_model;
    Recipe m_recipe;
    std::shared_ptr<const Plan> m_plan;
    std::shared_ptr<const Run> m_run;
    Results m_results;
    QUndoStack m_undo;
};

} // namespace gradus
