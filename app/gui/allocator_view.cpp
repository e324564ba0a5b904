// SPDX-License-Identifier: GPL-3.0-or-later
// What the allocator has measured, and what it shows; tables and budgets are in allocator.cpp.
#include "app/gui/allocator.h"
#include "app/gui/command_text.h"
#include "core/base/format.h"
#include "widgets/models/model_facts.h"
#include "widgets/text.h"

#include <QDir>
#include <QFileInfo>

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {
/// Whether what was measured of whole runs is in the unit of what a metric predicts.
bool sameUnit(const AllocationBasis& basis)
{
    return predictsDivergence(basis.metric) &&
           basis.table->unit != SensitivityTable::Unit::OutputShare;
}
} // namespace

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
