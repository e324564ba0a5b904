// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/document.h"

#include "core/session/prepared_model.h"
#include "widgets/text.h"

#include <QElapsedTimer>
#include <QUndoCommand>

#include <algorithm>

namespace gradus {

/// The only undoable thing: a recipe before and after. A few kilobytes each, and no field can be
/// forgotten.
class RecipeEdit final : public QUndoCommand
{
public:
    RecipeEdit(Document* document, Recipe before, Recipe after, const QString& text, QString key,
               bool gesture)
        : QUndoCommand(text)
        , m_document(document)
        , m_before(std::move(before))
        , m_after(std::move(after))
        , m_key(std::move(key))
        , m_gesture(gesture)
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
        const bool together = next->m_gesture || m_made.msecsTo(next->m_made) <= momentMs;
        if (next->m_key != m_key || !together)
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
    bool m_gesture;
    QElapsedTimer m_made;
};

Document::Document(QObject* parent)
    : QObject(parent)
{
}

const SessionRun* Document::findRun(int id) const
{
    const auto found = std::find_if(m_runs.begin(), m_runs.end(),
                                    [id](const SessionRun& run) { return run.id == id; });
    return found == m_runs.end() ? nullptr : &*found;
}

std::vector<SessionRun>::iterator Document::at(int id)
{
    return std::find_if(m_runs.begin(), m_runs.end(),
                        [id](const SessionRun& run) { return run.id == id; });
}

std::shared_ptr<const Run> Document::run() const
{
    const SessionRun* shown = shownRun();
    return shown ? shown->run : nullptr;
}

const Results& Document::results() const
{
    static const Results none;
    const SessionRun* shown = shownRun();
    return shown ? shown->results : none;
}

bool Document::runIsCurrent() const
{
    const auto shown = run();
    return shown && shown->recipe == m_recipe;
}

const LayerChoice* Document::choiceOf(const std::string& layer) const
{
    const auto found = m_planRows.find(layer);
    return found == m_planRows.end() ? nullptr : &m_plan->rows[found->second].choice;
}

void Document::setModel(std::shared_ptr<const Model> model, const Recipe& recipe)
{
    m_model = model ? preparedModel(std::move(model), recipe) : nullptr;
    m_recipe = recipe;
    m_plan.reset();
    m_planRows.clear();
    m_runs.clear();
    m_shown = 0;
    m_compared = 0;
    m_lastRun = 0;
    m_undo.clear();
    Q_EMIT modelChanged();
    Q_EMIT recipeChanged();
    Q_EMIT resultsChanged();
    Q_EMIT runsChanged();
}

void Document::setPlan(std::shared_ptr<const Plan> plan)
{
    m_plan = std::move(plan);
    m_planRows.clear();
    for (std::size_t i = 0; m_plan && i < m_plan->rows.size(); ++i)
        m_planRows[m_plan->rows[i].layer] = i;
    Q_EMIT planChanged();
}

/// The new run is shown; the one before is what it is compared with, unless another was chosen.
void Document::takeRun(SessionRun run)
{
    const int before = m_shown;
    m_runs.push_back(std::move(run));
    if (m_compared == 0)
        m_compared = before;
    showRun(m_runs.back().id);
}

int Document::beginRun(const Results& takenOver)
{
    SessionRun run;
    run.id = ++m_lastRun;
    run.name = tr("Run %1").arg(run.id);
    run.started = QDateTime::currentDateTime();
    run.results = takenOver;
    takeRun(std::move(run));
    return m_lastRun;
}

void Document::addResult(int id, const LayerResult& result, std::shared_ptr<const Recipe> recipe)
{
    const auto run = at(id);
    if (run == m_runs.end())
        return;
    run->results[result.name] = MeasuredLayer{result, std::move(recipe)};
    if (id == m_shown)
        Q_EMIT resultsChanged();
}

void Document::endRun(int id, std::shared_ptr<const Run> complete, double seconds)
{
    const auto run = at(id);
    if (run == m_runs.end())
        return;
    if (!complete && run->results.empty()) {
        removeRun(id);
        return;
    }
    run->seconds = std::max(seconds, 0.001); // 0 is a run that goes on
    run->run = std::move(complete);
    if (run->run)
        run->results = resultsOf(*run->run);
    if (id == m_shown)
        Q_EMIT resultsChanged();
    Q_EMIT runsChanged();
}

int Document::addRun(std::shared_ptr<const Run> complete, const QString& name)
{
    SessionRun run;
    run.id = ++m_lastRun;
    run.name = name;
    run.results = resultsOf(*complete);
    run.run = std::move(complete);
    takeRun(std::move(run));
    return m_lastRun;
}

void Document::showRun(int id)
{
    if (id == m_shown || !findRun(id))
        return;
    if (m_compared == id) // the two change places
        m_compared = m_shown;
    m_shown = id;
    Q_EMIT resultsChanged();
    Q_EMIT runsChanged();
}

void Document::compareRun(int id)
{
    const int next = id != m_shown && findRun(id) ? id : 0;
    if (next == m_compared)
        return;
    m_compared = next;
    Q_EMIT runsChanged();
}

void Document::renameRun(int id, const QString& name)
{
    const auto run = at(id);
    const QString text = name.simplified();
    if (run == m_runs.end() || text.isEmpty() || text == run->name)
        return;
    run->name = text;
    Q_EMIT runsChanged();
}

void Document::removeRun(int id)
{
    const auto found = at(id);
    if (found == m_runs.end())
        return;
    m_runs.erase(found);
    if (m_compared == id)
        m_compared = 0;
    if (m_shown == id) {
        m_shown = m_runs.empty() ? 0 : m_runs.back().id;
        if (m_shown == m_compared)
            m_compared = 0;
        Q_EMIT resultsChanged();
    }
    Q_EMIT runsChanged();
}

void Document::setPerplexity(int id, const QString& text)
{
    const auto run = at(id);
    if (run == m_runs.end() || run->perplexity == text)
        return;
    run->perplexity = text;
    Q_EMIT runsChanged();
}

void Document::setRunFile(int id, const QString& path)
{
    const auto run = at(id);
    if (run == m_runs.end() || run->file == path)
        return;
    run->file = path;
    Q_EMIT runsChanged();
}

void Document::setKept(int id, const QString& path, const QDateTime& started, double seconds,
                       std::shared_ptr<const Recipe> resumable)
{
    const auto run = at(id);
    if (run == m_runs.end())
        return;
    run->kept = path;
    run->started = started;
    run->seconds = seconds;
    run->resumable = std::move(resumable);
    Q_EMIT runsChanged();
}

void Document::editRecipe(const Recipe& after, const QString& text, const QString& key,
                          bool gesture)
{
    if (after == m_recipe)
        return;
    m_undo.push(new RecipeEdit(this, m_recipe, after, text, key, gesture));
}

namespace {
/// Whether any choice of the recipe is of that kind.
template <class Is>
bool anyChoice(const Recipe& recipe, const Is& is)
{
    const auto asks = [&](const LayerChoice& choice) { return !choice.keepFloat && is(choice); };
    return asks(recipe.standard) ||
           std::any_of(recipe.rules.begin(), recipe.rules.end(),
                       [&](const Rule& rule) { return asks(rule.choice); }) ||
           std::any_of(recipe.overrides.begin(), recipe.overrides.end(),
                       [&](const auto& entry) { return asks(entry.second); });
}

/// Grids of inputs belong on inputs that are quantized before them: a recipe that begins to be
/// calibrated with a static method is calibrated layer by layer.
void followMethods(const Recipe& before, Recipe& after)
{
    const auto isCalibrated = [](const LayerChoice& choice) { return needsCalibration(choice); };
    const auto isStatic = [](const LayerChoice& choice) { return isStaticMethod(choice.method); };
    if (!anyChoice(before, isCalibrated) && anyChoice(after, isStatic) &&
        before.calibration.mode == CalibrationChoice().mode)
        after.calibration.mode = CalibrationMode::TrueSequential;
}
} // namespace

void Document::editLayers(const LayerChoices& choices, const QString& text, const QString& key)
{
    Recipe after = m_recipe;
    for (const auto& [layer, choice] : choices)
        after.overrides[layer] = choice;
    followMethods(m_recipe, after);
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

void Document::lockLayers(const std::vector<std::string>& layers, bool locked, const QString& key)
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
    editRecipe(after, (locked ? tr("lock of %1") : tr("unlock of %1")).arg(what), key,
               !key.isEmpty());
}

void Document::setRules(const std::vector<Rule>& rules, const QString& text)
{
    Recipe after = m_recipe;
    after.rules = rules;
    followMethods(m_recipe, after);
    editRecipe(after, text);
}

void Document::addRule(const Rule& rule, const QString& text,
                       const std::vector<std::string>& release)
{
    Recipe after = m_recipe;
    after.rules.insert(after.rules.begin(), rule);
    for (const std::string& layer : release)
        after.overrides.erase(layer);
    followMethods(m_recipe, after);
    editRecipe(after, text);
}

void Document::setClip(const std::string& layer, const std::optional<ClipLimits>& limits,
                       const QString& text, const QString& key)
{
    const LayerChoice* choice = choiceOf(layer);
    if (!choice)
        return;
    LayerChoice next = *choice;
    next.scheme.clip = limits;
    editLayers({{layer, next}}, text, key);
}

void Document::setStandard(const LayerChoice& choice, const QString& text, const QString& key)
{
    Recipe after = m_recipe;
    after.standard = choice;
    followMethods(m_recipe, after);
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

void Document::setFoldBatchNorms(bool fold)
{
    Recipe after = m_recipe;
    after.foldBatchNorms = fold;
    editRecipe(after, fold ? tr("fold batch norms") : tr("keep batch norms"));
}

void Document::applyRecipe(const Recipe& recipe)
{
    m_recipe = recipe;
    if (m_model) // other weights when batch norms are folded, or no longer
        if (auto model = preparedModel(m_model, recipe); model != m_model) {
            m_model = std::move(model);
            Q_EMIT modelChanged();
        }
    Q_EMIT recipeChanged();
}

} // namespace gradus
