// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/allocator.h"

#include "core/base/format.h"
#include "core/export/export_size.h"
#include "widgets/text.h"

#include <QElapsedTimer>

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

} // namespace gradus
