// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/document.h"

#include "widgets/text.h"

#include <QElapsedTimer>
#include <QUndoCommand>

namespace gradus {

/// The only undoable thing: a recipe before and after. A few kilobytes each, and no field can be
/// forgotten.
class RecipeEdit final : public QUndoCommand
{
public:
    RecipeEdit(Document* document, Recipe before, Recipe after, const QString& text, QString key)
        : QUndoCommand(text)
        , m_document(document)
        , m_before(std::move(before))
        , m_after(std::move(after))
        , m_key(std::move(key))
    {
        m_made.start();
    }

    void undo() override { m_document->applyRecipe(m_before); }
    void redo() override { m_document->applyRecipe(m_after); }
    int id() const override { return m_key.isEmpty() ? -1 : 1; }
    bool mergeWith(const QUndoCommand* other) override
    {
        constexpr qint64 momentMs = 1500;
        const auto* next = static_cast<const RecipeEdit*>(other); // same id: same class
        if (next->m_key != m_key || m_made.msecsTo(next->m_made) > momentMs)
            return false;
        m_after = next->m_after;
        m_made = next->m_made;
        setText(next->text());
        setObsolete(m_after == m_before);
        return true;
    }

private:
    Document* m_document;
    Recipe m_before;
    Recipe m_after;
    QString m_key;
    QElapsedTimer m_made;
};

Document::Document(QObject* parent)
    : QObject(parent)
{
}

bool Document::runIsCurrent() const
{
    return m_run && m_run->recipe == m_recipe;
}

const LayerChoice* Document::choiceOf(const std::string& layer) const
{
    if (!m_plan)
        return nullptr;
    for (const Plan::Row& row : m_plan->rows) {
        if (row.layer == layer)
            return &row.choice;
    }
    return nullptr;
}

void Document::setModel(std::shared_ptr<const Model> model, const Recipe& recipe)
{
    m_model = std::move(model);
    m_recipe = recipe;
    m_plan.reset();
    m_run.reset();
    m_results.clear();
    m_undo.clear();
    Q_EMIT modelChanged();
    Q_EMIT recipeChanged();
    Q_EMIT resultsChanged();
    Q_EMIT runChanged();
}

void Document::setPlan(std::shared_ptr<const Plan> plan)
{
    m_plan = std::move(plan);
    Q_EMIT planChanged();
}

void Document::setRun(std::shared_ptr<const Run> run)
{
    m_run = std::move(run);
    m_results = m_run ? resultsOf(*m_run) : Results();
    Q_EMIT resultsChanged();
    Q_EMIT runChanged();
}

void Document::addResult(const LayerResult& result, std::shared_ptr<const Recipe> recipe)
{
    m_results[result.name] = MeasuredLayer{result, std::move(recipe)};
    Q_EMIT resultsChanged();
}

void Document::editRecipe(const Recipe& after, const QString& text, const QString& key)
{
    if (after == m_recipe)
        return;
    m_undo.push(new RecipeEdit(this, m_recipe, after, text, key));
}

void Document::editLayers(const LayerChoices& choices, const QString& text, const QString& key)
{
    Recipe after = m_recipe;
    for (const auto& [layer, choice] : choices)
        after.overrides[layer] = choice;
    editRecipe(after, text, key);
}

void Document::resetLayers(const std::vector<std::string>& layers)
{
    Recipe after = m_recipe;
    for (const std::string& layer : layers)
        after.overrides.erase(layer);
    editRecipe(after, layers.size() == 1 ? tr("reset of %1").arg(toQString(layers.front()))
                                         : tr("reset of %1 layers").arg(layers.size()));
}

void Document::lockLayers(const std::vector<std::string>& layers, bool locked)
{
    Recipe after = m_recipe;
    for (const std::string& layer : layers) {
        if (locked)
            after.locked.insert(layer);
        else
            after.locked.erase(layer);
    }
    const QString what =
        layers.size() == 1 ? toQString(layers.front()) : tr("%1 layers").arg(layers.size());
    editRecipe(after, (locked ? tr("lock of %1") : tr("unlock of %1")).arg(what));
}

void Document::setStandard(const LayerChoice& choice, const QString& text, const QString& key)
{
    Recipe after = m_recipe;
    after.standard = choice;
    editRecipe(after, text, key);
}

void Document::setCalibration(const CalibrationChoice& choice, const QString& text,
                              const QString& key)
{
    Recipe after = m_recipe;
    after.calibration = choice;
    editRecipe(after, text, key);
}

void Document::setSeed(std::uint64_t seed)
{
    Recipe after = m_recipe;
    after.seed = seed;
    editRecipe(after, tr("seed %1").arg(seed), QStringLiteral("seed"));
}

void Document::applyRecipe(const Recipe& recipe)
{
    m_recipe = recipe;
    Q_EMIT recipeChanged();
}

} // namespace gradus
