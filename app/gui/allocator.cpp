// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/allocator.h"

#include "app/gui/command_text.h"
#include "core/base/format.h"
#include "core/export/export_size.h"
#include "widgets/models/model_facts.h"
#include "widgets/text.h"

#include <QDir>
#include <QElapsedTimer>
#include <QFileInfo>

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {
const QString lookId = QStringLiteral("look");
const QString basisId = QStringLiteral("basis");
const QString solveId = QStringLiteral("solve");
const QString stepKey = QStringLiteral("allocation/step");
constexpr int fillMs = 200; ///< cells that come are drawn at this pace
constexpr int waitMs = 8;   ///< between looks whether the plan of the recipe before is made
constexpr double mebibyte = 1 << 20;

/// up: what was within the value is within the result.
double rounded(double value, double unit, bool up)
{
    return (up ? std::ceil(value / unit - 1e-6) : std::round(value / unit)) * unit;
}

/// Whether what was measured of whole runs is in the unit of what a metric predicts.
bool sameUnit(const AllocationBasis& basis)
{
    return predictsDivergence(basis.metric) &&
           basis.table->unit != SensitivityTable::Unit::OutputShare;
}
} // namespace

Allocator::Allocator(Workbench* workbench, const QString& cache, QObject* parent)
    : QObject(parent)
    , m_workbench(workbench)
    , m_cache(cache)
{
    m_fillTimer.setSingleShot(true);
    m_fillTimer.setInterval(fillMs);
    connect(&m_fillTimer, &QTimer::timeout, this, [this] {
        if (m_filling && m_key == m_measuredKey)
            takeTable(std::make_shared<const SensitivityTable>(*m_filling));
    });
    Document* document = workbench->document();
    connect(document, &Document::modelChanged, this, [this] {
        m_table.reset();
        m_key.reset();
        m_basis.reset();
        m_solution.reset();
        m_waiting.reset();
        m_recipeChosen.reset();
        m_recipeSpot.reset();
        m_positions.clear();
        m_figures.clear();
        m_measured.clear();
        m_position = 0;
        m_settings.budget = 0;
        m_samples.reset();
        m_problem.clear();
        m_dirty = true;
        refreshAll();
    });
    connect(document, &Document::recipeChanged, this, &Allocator::recipeChanged);
    connect(document, &Document::runsChanged, this, [this] {
        if (m_figures.empty())
            return;
        refreshMeasured(); // a name, or one that is gone
        refreshPicture();
    });
    connect(workbench, &Workbench::forecastChanged, this,
            [this] { Q_EMIT emptyTextChanged(emptyText()); });
    connect(workbench, &Workbench::activityChanged, this, &Allocator::stateChanged);
    connect(workbench, &Workbench::sensitivitiesMeasured, this, &Allocator::takeCells);
    connect(workbench, &Workbench::runMeasured, this, &Allocator::takeFigures);
    connect(workbench, &Workbench::viewStateRestored, this, [this](const QByteArray& state) {
        if (state.isEmpty())
            return;
        const AllocationSettings restored = allocationSettingsFromJson(state);
        setSettings(restored);
        m_settings.budget = restored.budget;
        m_position = 0; // of the restored budget
        Q_EMIT settingsChanged(m_settings);
    });
}

Allocator::~Allocator()
{
    disconnect();
}

bool Allocator::isIdle() const
{
    return m_lookRunner.isIdle() && !m_rebasing && !m_solving && !m_next && !m_waiting;
}

void Allocator::setSettings(const AllocationSettings& settings)
{
    const AllocationSettings before = m_settings;
    m_settings = settings;
    m_workbench->setViewState(toJson(m_settings));
    if (before == settings)
        return;
    if (before.unit != settings.unit) {
        m_bound.reset();
        if (settings.unit == BudgetUnit::Error && m_basis && m_solution)
            m_bound = m_solution->allocation.error;
        if (settings.budget == 0 && m_position > 0)
            setPosition(m_position);
    }
    Q_EMIT settingsChanged(m_settings);
    if (!m_isWanted) {
        m_dirty = true;
        return;
    }
    if (const auto key = tableKey(); !(key == m_key)) {
        lookUp();
        return;
    }
    // Who follows the budget follows other words for it, too.
    Adoption adoption;
    adoption.wanted = m_follows && before.unit == settings.unit;
    adoption.key = stepKey;
    rebase(adoption);
}

void Allocator::setWanted(bool on)
{
    if (m_isWanted == on)
        return;
    m_isWanted = on;
    if (on && m_dirty)
        recipeChanged();
}

void Allocator::setLayer(const std::string& layer)
{
    m_layer = layer;
    refreshCurve();
}

// What the table belongs to.

std::vector<LayerChoice> Allocator::choices() const
{
    const Document* document = m_workbench->document();
    try {
        return document->model() ? resolve(document->recipe(), *document->model())
                                 : std::vector<LayerChoice>();
    } catch (const Error&) { // the plan says so
        return {};
    }
}

std::optional<Allocator::TableKey> Allocator::tableKey() const
{
    const Document* document = m_workbench->document();
    if (!document->model())
        return std::nullopt;
    TableKey key;
    key.model = document->model();
    key.calibration = document->recipe().calibration;
    key.calibration.mode = {}; // inputs are those of the float model
    key.seed = document->recipe().seed;
    try {
        key.candidates = candidatesOf(m_settings, document->recipe().standard);
    } catch (const Error&) {
        return std::nullopt;
    }
    const std::vector<LayerChoice> all = choices();
    for (std::size_t i = 0; i < all.size(); ++i)
        if (!all[i].keepFloat)
            key.layers.push_back(key.model->layers[i].name);
    return key;
}

SensitivityRequest Allocator::request() const
{
    const Document* document = m_workbench->document();
    SensitivityRequest made;
    made.model = document->model();
    made.recipe = document->recipe();
    made.candidates = m_key ? m_key->candidates : std::vector<LayerChoice>();
    made.metric = m_settings.metric;
    made.cache = toPath(m_cache);
    return made;
}

void Allocator::recipeChanged()
{
    if (m_own)
        return;
    if (!m_isWanted) {
        m_dirty = true;
        return;
    }
    m_dirty = false;
    if (!(tableKey() == m_key))
        lookUp();
    else
        rebase({});
}

void Allocator::lookUp()
{
    m_key = tableKey();
    m_problem.clear();
    if (!m_key) {
        m_lookRunner.cancel(lookId);
        refreshAll();
        return;
    }
    m_lookRunner.start(
        lookId,
        [request = request()](JobMonitor& monitor) {
            return std::make_shared<const SensitivityTable>(knownSensitivity(request, monitor));
        },
        [this, key = m_key](Outcome<std::shared_ptr<const SensitivityTable>> outcome) {
            if (!(key == m_key) || !m_key || m_key->model != m_workbench->document()->model())
                return;
            if (const auto* table =
                    std::get_if<std::shared_ptr<const SensitivityTable>>(&outcome)) {
                m_positions.clear();
                takeTable(*table);
            } else if (const Failure* failure = std::get_if<Failure>(&outcome)) {
                m_table.reset();
                m_basis.reset();
                m_problem = failure->message;
                refreshAll();
            }
        });
}

void Allocator::takeTable(std::shared_ptr<const SensitivityTable> table)
{
    m_table = std::move(table);
    if (!m_table->best()) { // nothing to solve yet
        m_basis.reset();
        m_solution.reset();
        refreshAll();
        return;
    }
    Q_EMIT stateChanged();
    rebase({});
}

void Allocator::takeCells(const std::vector<SensitivityCell>& cells)
{
    if (!m_measuring)
        return;
    if (!m_filling && m_table && m_key == m_measuredKey)
        m_filling = std::make_unique<SensitivityTable>(*m_table);
    if (!m_filling)
        return;
    for (const SensitivityCell& cell : cells)
        if (cell.row < m_filling->rows.size() &&
            cell.candidate < m_filling->rows[cell.row].candidates.size())
            m_filling->rows[cell.row].candidates[cell.candidate] = cell.value;
    if (!m_fillTimer.isActive())
        m_fillTimer.start();
}

// From the table to what budgets are solved on.

AllocationRules Allocator::rules() const
{
    AllocationRules made;
    made.bits = m_settings.rules;
    made.fuse = m_settings.fuse;
    return made;
}

void Allocator::rebase(const Adoption& adoption)
{
    if (!m_table || !m_table->best()) {
        refreshAll();
        return;
    }
    if (m_rebasing) {
        if (!m_rebaseAgain || adoption.wanted || !m_rebaseAgain->wanted)
            m_rebaseAgain = adoption;
        return;
    }
    m_rebasing = true;
    const Document* document = m_workbench->document();
    m_solveRunner.start(
        basisId,
        [model = document->model(), recipe = document->recipe(), table = m_table,
         metric = m_settings.metric, rules = rules(),
         file = m_settings.unit == BudgetUnit::GptqFile](JobMonitor&) mutable {
            if (file) { // which layers may have which bits, and what they cost, is the format's
                ExportCosts costs = exportCosts(model, recipe, ExportFormat::Gptq);
                rules.cost = std::move(costs.cost);
                rules.fixedCost = costs.fixedCost;
            }
            return std::make_shared<const AllocationBasis>(
                allocationBasis(model, recipe, table, metric, rules));
        },
        [this, adoption,
         model = document->model()](Outcome<std::shared_ptr<const AllocationBasis>> outcome) {
            m_rebasing = false;
            if (model != m_workbench->document()->model()) {
                m_rebaseAgain.reset();
                return;
            }
            if (m_rebaseAgain) {
                const Adoption again = *m_rebaseAgain;
                m_rebaseAgain.reset();
                rebase(adoption.wanted && !again.wanted ? adoption : again);
                return;
            }
            if (const auto* basis = std::get_if<std::shared_ptr<const AllocationBasis>>(&outcome)) {
                m_problem.clear();
                takeBasis(*basis, adoption);
            } else if (const Failure* failure = std::get_if<Failure>(&outcome)) {
                m_basis.reset();
                m_solution.reset();
                m_problem = failure->message;
                refreshAll();
            }
        });
}

std::vector<int> Allocator::signature(const std::vector<LayerChoice>& all) const
{
    std::vector<int> made;
    for (std::size_t row = 0; row < m_basis->table->rows.size(); ++row) {
        const std::size_t layer = m_basis->layers[row];
        int bits = -1;
        if (layer < all.size() && !all[layer].keepFloat)
            bits =
                all[layer].scheme.bits * 100'000 +
                static_cast<int>(std::clamp<std::int64_t>(all[layer].scheme.groupSize, 0, 99'999));
        made.push_back(bits);
    }
    return made;
}

void Allocator::findRecipe()
{
    const std::vector<LayerChoice> all = choices();
    m_recipeChosen = m_basis->chosenBy(all);
    m_recipeSpot = m_basis->spotBy(all);
    const auto known = m_positions.find(signature(all));
    m_follows = known != m_positions.end();
    if (m_follows)
        setPosition(known->second);
}

void Allocator::takeBasis(std::shared_ptr<const AllocationBasis> basis, const Adoption& adoption)
{
    m_basis = std::move(basis);
    const double kept = m_position;
    findRecipe();
    if (adoption.wanted && kept > 0)
        setPosition(kept);
    if (m_position <= 0) {
        const BudgetUnit unit = m_settings.unit;
        if (m_settings.budget > 0 && unit == BudgetUnit::BitsPerWeight)
            m_position = m_settings.budget;
        else if (m_settings.budget > 0 && unit != BudgetUnit::Error)
            m_position = 8 * (m_settings.budget - m_basis->fixedBytes) /
                         static_cast<double>(m_basis->setup.weights);
        else if (m_recipeSpot)
            m_position = m_recipeSpot->bitsPerWeight;
        else
            m_position =
                (m_basis->spots.front().bitsPerWeight + m_basis->spots.back().bitsPerWeight) / 2;
        if (m_settings.budget > 0 && unit == BudgetUnit::Error)
            m_bound = m_settings.budget;
        setPosition(m_position, true);
    } else {
        setPosition(m_position); // in the unit of the settings
    }
    refreshMeasured();
    refreshRange();
    QStringList remarks;
    for (const std::string& note : m_basis->setup.notes)
        remarks << toQString(note);
    Q_EMIT remarksChanged(remarks);
    solve(adoption);
}

// The budget and its solution.

void Allocator::setPosition(double bitsPerWeight, bool up)
{
    // To what the field shows: what is read there is what is solved.
    m_position = rounded(bitsPerWeight, 1e-3, up);
    double budget = m_position;
    if (m_basis) {
        const double least = m_basis->spots.front().bitsPerWeight;
        const double most = m_basis->spots.back().bitsPerWeight;
        const double weights = static_cast<double>(m_basis->setup.weights);
        m_position = std::clamp(m_position, least, most);
        switch (m_settings.unit) {
        case BudgetUnit::BitsPerWeight:
            budget = m_position;
            break;
        case BudgetUnit::StoredBytes:
        case BudgetUnit::GptqFile:
            budget = m_basis->fixedBytes + std::clamp(bitsPerWeight, least, most) * weights / 8;
            budget = rounded(budget, mebibyte / 1000, up);
            m_position = std::clamp(8 * (budget - m_basis->fixedBytes) / weights, least, most);
            break;
        case BudgetUnit::Error:
            budget = m_bound      ? *m_bound
                     : m_solution ? m_solution->allocation.error
                                  : m_basis->spots.front().error;
            budget = QString::number(budget, 'g', 3).toDouble();
            break;
        }
    } else if (m_settings.unit != BudgetUnit::BitsPerWeight) {
        return;
    }
    if (m_settings.budget == budget)
        return;
    m_settings.budget = budget;
    m_workbench->setViewState(toJson(m_settings));
    Q_EMIT settingsChanged(m_settings);
}

void Allocator::moveBudget(double bitsPerWeight, bool released)
{
    if (!m_basis)
        return;
    m_bound.reset();
    if (m_settings.unit == BudgetUnit::Error) {
        // The line stands at the size; the bound is what the front has there.
        double error = m_basis->spots.front().error;
        for (const AllocationSpot& spot : m_basis->spots)
            if (spot.bitsPerWeight <= bitsPerWeight)
                error = spot.error;
        m_bound = error;
    }
    setPosition(bitsPerWeight);
    Adoption adoption;
    adoption.wanted = true;
    if (!released || !m_gesture.isEmpty()) {
        if (m_gesture.isEmpty())
            m_gesture = QStringLiteral("allocation/%1").arg(++m_gestures);
        adoption.key = m_gesture;
        adoption.gesture = true;
    } else {
        adoption.key = stepKey;
    }
    if (released)
        m_gesture.clear();
    solve(adoption);
}

void Allocator::typeBudget(double budget)
{
    if (!m_basis)
        return;
    m_settings.budget = budget;
    m_bound.reset();
    const double weights = static_cast<double>(m_basis->setup.weights);
    switch (m_settings.unit) {
    case BudgetUnit::BitsPerWeight:
        m_position = budget;
        break;
    case BudgetUnit::StoredBytes:
    case BudgetUnit::GptqFile:
        m_position = 8 * (budget - m_basis->fixedBytes) / weights;
        break;
    case BudgetUnit::Error:
        m_bound = budget;
        break;
    }
    m_workbench->setViewState(toJson(m_settings));
    solve({true, stepKey, false, {}});
}

void Allocator::solve(const Adoption& adoption)
{
    if (!m_basis)
        return;
    if (!m_next || adoption.wanted || !m_next->wanted)
        m_next = adoption;
    if (!m_solving)
        solveNext();
}

void Allocator::solveNext()
{
    if (!m_next || !m_basis) {
        m_next.reset();
        return;
    }
    const Adoption adoption = *m_next;
    m_next.reset();
    m_solving = true;
    using Timed = std::pair<AllocationSolution, double>;
    // Never stopped for the next one: the line may move faster than that, and nothing would come.
    m_solveRunner.start(
        solveId,
        [basis = m_basis, position = m_position, bound = m_bound,
         solver = m_settings.solver](JobMonitor& monitor) {
            QElapsedTimer clock;
            clock.start();
            AllocationSolution solution = solveAllocation(*basis, position, bound, solver, monitor);
            return Timed(std::move(solution), static_cast<double>(clock.nsecsElapsed()) / 1e6);
        },
        [this, asked = adoption, basis = m_basis, adoptions = m_adoptions](Outcome<Timed> outcome) {
            m_solving = false;
            Adoption still = asked;
            still.wanted = asked.wanted && adoptions == m_adoptions;
            if (basis == m_basis) {
                if (auto* timed = std::get_if<Timed>(&outcome)) {
                    m_slowest = std::max(m_slowest, timed->second);
                    takeSolution(std::move(timed->first), still);
                } else if (const Failure* failure = std::get_if<Failure>(&outcome)) {
                    m_problem = failure->message;
                    refreshNotice();
                }
            } else if (still.wanted && !m_next) { // on what is known by now
                m_next = still;
            }
            solveNext();
        });
}

void Allocator::takeSolution(AllocationSolution solution, const Adoption& adoption)
{
    m_problem.clear();
    m_solution = std::move(solution);
    if (m_bound)
        setPosition(m_solution->position, true);
    if (adoption.wanted)
        makeRecipe(m_solution->allocation.chosen, adoption);
    else
        refreshAll();
}

QString Allocator::budgetLabel() const
{
    return tr("Allocate %1 bits per weight").arg(toQString(formatBitsPerWeight(m_position)));
}

void Allocator::makeRecipe(const std::vector<int>& chosen, const Adoption& adoption)
{
    m_waiting = Waiting{chosen, m_basis, adoption};
    if (m_waiting->adoption.text.isEmpty())
        m_waiting->adoption.text = budgetLabel();
    applyPending();
}

void Allocator::applyPending()
{
    if (!m_waiting)
        return;
    if (m_waiting->basis != m_basis) { // more is known by now
        const Adoption adoption = m_waiting->adoption;
        m_waiting.reset();
        if (m_basis && adoption.wanted)
            solve(adoption);
        return;
    }
    // One recipe at a time: table, map and totals show each before the next one comes.
    if (!m_workbench->isPlanned()) {
        QTimer::singleShot(waitMs, this, &Allocator::applyPending);
        return;
    }
    const Waiting waiting = std::move(*m_waiting);
    m_waiting.reset();
    Document* document = m_workbench->document();
    const Recipe after =
        allocatedRecipe(document->recipe(), *m_basis->model, *m_basis->table, m_basis->setup,
                        allocationOf(m_basis->setup.problem, waiting.chosen));
    m_own = true;
    document->editRecipe(after, waiting.adoption.text, waiting.adoption.key,
                         waiting.adoption.gesture);
    m_own = false;
    m_recipeChosen = waiting.chosen;
    m_recipeSpot = m_basis->spotOf(allocationOf(m_basis->setup.problem, waiting.chosen));
    m_positions[signature(choices())] = m_position;
    m_follows = true;
    refreshAll();
}

void Allocator::adopt(const AllocationMark& mark)
{
    const AllocationSpot* spot = m_picture.find(mark);
    if (!m_basis || !spot)
        return;
    std::optional<std::vector<int>> chosen;
    switch (mark.kind) {
    case AllocationMark::Kind::Front:
        chosen = m_basis->front.chosenAt(mark.index);
        break;
    case AllocationMark::Kind::Solution:
        chosen = m_solution->allocation.chosen;
        break;
    case AllocationMark::Kind::Recipe:
        return;
    case AllocationMark::Kind::Reference: {
        const std::size_t uniform = m_basis->uniformChosen.size();
        if (mark.index < uniform)
            chosen = m_basis->uniformChosen[mark.index];
        else if (m_solution && mark.index - uniform < m_solution->rulesChosen.size())
            chosen = m_solution->rulesChosen[mark.index - uniform];
        break;
    }
    case AllocationMark::Kind::Measured: {
        const SessionRun* run =
            m_workbench->document()->findRun(m_picture.measured[mark.index].run);
        if (run && run->run)
            chosen = m_basis->chosenBy(resolve(run->run->recipe, *m_basis->model));
        break;
    }
    }
    if (!chosen) {
        Q_EMIT noticeChanged(tr("The bits of this run are not among the candidates"), true);
        return;
    }
    m_bound.reset();
    if (m_settings.unit == BudgetUnit::Error)
        m_bound = spot->error;
    setPosition(spot->bitsPerWeight, true);
    m_next.reset();
    ++m_adoptions;
    makeRecipe(*chosen, {});
    solve({}); // what the budget could have instead
}

void Allocator::lockLayers(const std::vector<std::string>& layers, bool locked)
{
    Document* document = m_workbench->document();
    if (!m_isWanted || !m_basis || !m_follows) {
        document->lockLayers(layers, locked);
        return;
    }
    const QString key = QStringLiteral("allocation/%1").arg(++m_gestures);
    const Recipe before = document->recipe();
    m_own = true;
    document->lockLayers(layers, locked, key);
    m_own = false;
    if (!(before == document->recipe()))
        rebase({true, key, true, document->undoStack()->undoText()});
}

// Measuring.

QString Allocator::measureObstacle() const
{
    if (!m_workbench->document()->model())
        return tr("Open a model first");
    if (m_workbench->isBusy() && !m_measuring)
        return tr("%1 is still running: cancel it first").arg(m_workbench->activity());
    return m_key ? QString() : m_problem;
}

void Allocator::measure(const Workbench::Then& then)
{
    m_key = tableKey();
    if (!measureObstacle().isEmpty() || m_measuring) {
        if (then)
            then(false);
        return;
    }
    m_measuring = true;
    m_measuredKey = m_key;
    m_filling.reset();
    if (m_table && m_table->candidates == m_key->candidates)
        m_filling = std::make_unique<SensitivityTable>(*m_table);
    m_workbench->measureSensitivity(
        request(),
        [this](std::shared_ptr<const SensitivityTable> table) {
            if (m_key == m_measuredKey) {
                m_fillTimer.stop();
                takeTable(std::move(table));
            }
        },
        [this, then](bool ok) {
            finishMeasuring(ok);
            if (then)
                then(ok);
        });
    Q_EMIT stateChanged();
    refreshNotice();
}

void Allocator::finishMeasuring(bool ok)
{
    m_measuring = false;
    m_fillTimer.stop();
    if (!ok && m_filling && m_key == m_measuredKey) // what came before it was stopped
        takeTable(std::make_shared<const SensitivityTable>(*m_filling));
    m_filling.reset();
    m_measuredKey.reset();
    Q_EMIT stateChanged();
    refreshNotice();
    Q_EMIT emptyTextChanged(emptyText());
}

QString Allocator::evaluateObstacle() const
{
    const auto& model = m_workbench->document()->model();
    if (!model)
        return tr("Open a model first");
    if (!model->canRun())
        return tr("The model cannot be run: %1").arg(toQString(model->whyNotRunnable));
    if (m_workbench->isBusy())
        return tr("%1 is still running: cancel it first").arg(m_workbench->activity());
    return m_workbench->obstacle();
}

void Allocator::evaluate(bool ask, const Workbench::Then& then)
{
    const QString why = evaluateObstacle();
    if (!why.isEmpty()) {
        Q_EMIT noticeChanged(why, true);
        if (then)
            then(false);
        return;
    }
    const Model& model = *m_workbench->document()->model();
    if (feedKindOf(model) == FeedKind::Text) {
        QString data = m_settings.evaluationData;
        if (!QFileInfo::exists(data)) { // a text laid beside the model for this purpose
            const QFileInfo info(pathText(model.source.path));
            const QDir folder(info.isDir() ? info.filePath() : info.path());
            const QString name = QStringLiteral("evaluation.txt");
            data = folder.exists(name) ? folder.absoluteFilePath(name) : QString();
        }
        if (!ask && !data.isEmpty()) {
            evaluateText(data, static_cast<PerplexityConvention>(m_settings.evaluationConvention),
                         m_settings.evaluationContext, then);
            return;
        }
    } else if (!ask) {
        SampleEvaluation what;
        what.data = m_workbench->document()->recipe().calibration;
        if (m_samples)
            what = *m_samples;
        if (!what.data.data.empty()) {
            evaluateSamples(what, then);
            return;
        }
    }
    Q_EMIT evaluationDataWanted();
    if (then)
        then(false);
}

void Allocator::quantizeThen(const std::function<void()>& measure, const Workbench::Then& then)
{
    if (m_workbench->document()->runIsCurrent()) {
        measure();
        return;
    }
    m_workbench->quantize([measure, then](bool ok) {
        if (ok)
            measure();
        else if (then)
            then(false);
    });
}

void Allocator::evaluateText(const QString& path, PerplexityConvention convention,
                             std::int64_t context, const Workbench::Then& then)
{
    m_settings.evaluationData = path;
    m_settings.evaluationConvention = static_cast<int>(convention);
    m_settings.evaluationContext = static_cast<int>(context);
    m_workbench->setViewState(toJson(m_settings));
    Q_EMIT settingsChanged(m_settings);
    quantizeThen(
        [this, path, convention, context, then] {
            m_workbench->evaluateDivergence(
                path, convention, context, [this, path, convention, context, then](bool ok) {
                    if (ok)
                        m_workbench->evaluate(path, convention, context, then);
                    else if (then)
                        then(false);
                });
        },
        then);
}

void Allocator::evaluateSamples(const SampleEvaluation& what, const Workbench::Then& then)
{
    m_samples = what;
    quantizeThen(
        [this, what, then] {
            SampleEvaluation outputs = what;
            outputs.metric = SampleMetric::Outputs;
            m_workbench->evaluateSamples(outputs, [this, what, then](bool ok) {
                if (ok && !what.data.labels.empty()) {
                    SampleEvaluation accuracy = what;
                    accuracy.metric = SampleMetric::Accuracy;
                    m_workbench->evaluateSamples(accuracy, then);
                } else if (then) {
                    then(ok);
                }
            });
        },
        then);
}

void Allocator::takeFigures(int run, const RunFigures& figures)
{
    RunFigures& known = m_figures[run];
    const auto take = [](double& to, double from) {
        if (std::isfinite(from))
            to = from;
    };
    take(known.divergence, figures.divergence);
    take(known.divergenceError, figures.divergenceError);
    take(known.cosine, figures.cosine);
    take(known.cosineError, figures.cosineError);
    for (const QString& text : figures.texts) {
        // Another measurement of the same kind takes the place of the one before.
        const QString kind = text.section(QLatin1Char(':'), 0, 0);
        known.texts.erase(std::remove_if(known.texts.begin(), known.texts.end(),
                                         [&](const QString& each) {
                                             return each.startsWith(kind + QLatin1Char(':'));
                                         }),
                          known.texts.end());
        known.texts << text;
    }
    refreshMeasured();
    refreshPicture();
}

void Allocator::refreshMeasured()
{
    m_measured.clear();
    if (!m_basis)
        return;
    const Document* document = m_workbench->document();
    for (const auto& [id, figures] : m_figures) {
        const SessionRun* run = document->findRun(id);
        if (!run || !run->run)
            continue;
        AllocationMeasurement made;
        made.run = id;
        made.name = run->name;
        made.spot.bitsPerWeight = run->run->totals.bitsPerWeight;
        made.spot.bytes = run->run->totals.bytes;
        try {
            if (const auto spot = m_basis->spotBy(resolve(run->run->recipe, *m_basis->model)))
                made.spot = *spot;
        } catch (const Error&) { // of layers that this model lacks
        }
        const bool shares = m_basis->table->unit == SensitivityTable::Unit::OutputShare;
        made.measured = shares ? 1 - figures.cosine : figures.divergence;
        made.deviation = shares ? figures.cosineError : figures.divergenceError;
        if (!std::isfinite(made.deviation))
            made.deviation = 0;
        made.figures = figures.texts.join(QLatin1Char('\n'));
        if (std::isfinite(made.measured) && std::isfinite(made.spot.bitsPerWeight))
            m_measured.push_back(std::move(made));
    }
}

// What is shown.

QString Allocator::emptyText() const
{
    const auto& model = m_workbench->document()->model();
    if (!model)
        return tr("Open a model to choose its bits under a budget.");
    if (!m_key)
        return m_problem;
    QString text = tr("How many bits does each layer deserve?") + QStringLiteral("\n\n");
    const auto layers = static_cast<qsizetype>(m_key->layers.size());
    const auto candidates = static_cast<qsizetype>(m_key->candidates.size());
    text += tr("Measure finds what each of %1 layers loses under each of %2 candidates.")
                .arg(layers)
                .arg(candidates);
    const double seconds = m_workbench->forecastSeconds() * static_cast<double>(candidates);
    if (seconds > 0 && m_settings.metric != SensitivityMetric::Divergence && model->canRun())
        text += QLatin1Char(' ') + tr("That is no more work than %1 runs of the recipe: %2.")
                                       .arg(candidates)
                                       .arg(toQString(formatSeconds(seconds)));
    text += QStringLiteral("\n\n");
    if (!model->canRun())
        text += tr("The model cannot be run (%1): only the weights' own error can be measured.")
                    .arg(toQString(model->whyNotRunnable));
    else if (m_workbench->document()->recipe().calibration.data.empty())
        text += tr("Without calibration data only the weights' own error can be measured: choose "
                   "some in the panel Run.");
    else
        text += tr("The layers appear as they are known, what was measured before at once; then a "
                   "budget can be dragged.");
    return text;
}

void Allocator::refreshAll()
{
    Q_EMIT emptyTextChanged(emptyText());
    refreshNotice();
    refreshPicture();
    refreshRange();
    refreshCurve();
    Q_EMIT stateChanged();
}

void Allocator::refreshNotice()
{
    if (!m_problem.isEmpty()) {
        Q_EMIT noticeChanged(m_problem, true);
        return;
    }
    QString text;
    const auto& model = m_workbench->document()->model();
    if (m_measuring && m_table && m_key == m_measuredKey) {
        std::size_t known = 0;
        std::size_t all = 0;
        for (const SensitivityTable::Row& row : m_table->rows)
            for (const Sensitivity& cell : row.candidates) {
                ++all;
                known += !cell.possible || std::isfinite(cell.error(m_settings.metric)) ? 1 : 0;
            }
        text = tr("Measuring: %1 of %2 known").arg(known).arg(all);
    }
    if (m_basis && m_basis->metric != m_settings.metric) {
        const QString used = metricTitle(m_basis->metric);
        const QString wanted = metricTitle(m_settings.metric);
        const QString why = model && !model->canRun() ? tr("the model cannot be run")
                            : m_workbench->document()->recipe().calibration.data.empty()
                                ? tr("there is no calibration data")
                                : tr("%1 is not measured").arg(wanted);
        const QString state =
            m_measuring ? tr("so far by: %1").arg(used) : tr("By: %1, as %2").arg(used, why);
        text = text.isEmpty() ? state : QStringLiteral("%1, %2").arg(text, state);
    }
    Q_EMIT noticeChanged(text, false);
}

void Allocator::refreshPicture()
{
    AllocationPicture picture;
    if (m_basis) {
        const AllocationBasis& basis = *m_basis;
        picture.model = QFileInfo(QDir::cleanPath(pathText(basis.model->source.path))).fileName();
        picture.front = basis.spots;
        picture.references = basis.uniform;
        picture.budget = m_position;
        if (m_solution) {
            picture.solution = basis.spotOf(m_solution->allocation);
            picture.optimal = m_solution->allocation.optimal;
            picture.solver = solverTitle(m_solution->solver);
            picture.references.insert(picture.references.end(), m_solution->rules.begin(),
                                      m_solution->rules.end());
        }
        picture.recipe = m_recipeSpot;
        picture.live = m_follows;
        picture.measured = m_measured;
        picture.errorTitle = errorTitle(basis.metric, basis.table->unit);
        picture.errorUnit = errorUnit(basis.metric, basis.table->unit);
        if (!sameUnit(basis))
            picture.measuredTitle = measuredTitle(basis.table->unit);
        picture.weights = static_cast<double>(basis.setup.weights);
        picture.fixedBytes = basis.fixedBytes;
        picture.sizeTitle = m_settings.unit == BudgetUnit::GptqFile ? tr("size of the GPTQ file")
                                                                    : tr("stored size");
    }
    m_picture = picture;
    Q_EMIT pictureChanged(m_picture);
}

void Allocator::refreshCurve()
{
    if (m_layer.empty() || !m_basis) {
        Q_EMIT curveChanged(
            {}, m_layer.empty()
                    ? tr("Select a layer to see what it could have.")
                    : tr("Measure first to see what %1 could have.").arg(toQString(m_layer)));
        return;
    }
    const OptionCurve curve =
        optionCurve(*m_basis, m_layer, m_recipeChosen ? &*m_recipeChosen : nullptr, m_position,
                    m_settings.rules);
    Q_EMIT curveChanged(
        curve, curve.locked
                   ? tr("%1 is locked: it keeps what the recipe says.").arg(toQString(m_layer))
                   : tr("%1 is kept float.").arg(toQString(m_layer)));
}

void Allocator::refreshRange()
{
    if (!m_basis) {
        Q_EMIT budgetRangeChanged(0, 0);
        return;
    }
    const AllocationSpot& least = m_basis->spots.front();
    const AllocationSpot& most = m_basis->spots.back();
    switch (m_settings.unit) {
    case BudgetUnit::BitsPerWeight:
        Q_EMIT budgetRangeChanged(least.bitsPerWeight, most.bitsPerWeight);
        break;
    case BudgetUnit::StoredBytes:
    case BudgetUnit::GptqFile:
        Q_EMIT budgetRangeChanged(static_cast<double>(least.bytes),
                                  static_cast<double>(most.bytes));
        break;
    case BudgetUnit::Error:
        Q_EMIT budgetRangeChanged(most.error, least.error);
        break;
    }
}

QString Allocator::command() const
{
    const Document* document = m_workbench->document();
    if (!document->model())
        return {};
    return allocateCommand(*document->model(), document->recipe(), m_settings);
}

} // namespace gradus
