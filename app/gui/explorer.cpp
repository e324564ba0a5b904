// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/explorer.h"

#include "widgets/text.h"

#include <algorithm>

namespace gradus {

namespace {
constexpr std::uint64_t factsBytes = std::uint64_t(512) << 20;
constexpr std::uint64_t inputBytes = std::uint64_t(1) << 30; ///< of Hessians that are kept
constexpr int previewBins = 160;
/// Rows whose output error is there at once; the others follow.
constexpr std::int64_t sampledRows = 64;
constexpr int stripBins = 96;
constexpr std::int64_t stripColumns = 512;
constexpr std::size_t listedOutliers = 1000;
const QString previewId = QStringLiteral("preview");
const QString powerId = QStringLiteral("power");
const QString channelsId = QStringLiteral("channels");
const QString exponentsId = QStringLiteral("exponents");
const QString stripId = QStringLiteral("strip");
const QString outliersId = QStringLiteral("outliers");
const QString surveyId = QStringLiteral("survey");
const QString sumId = QStringLiteral("sum");

using Previews = std::vector<std::shared_ptr<const WeightPreview>>;
} // namespace

Explorer::Explorer(Document* document, QObject* parent)
    : QObject(parent)
    , m_document(document)
{
    connect(document, &Document::modelChanged, this, &Explorer::modelChanged);
    m_statisticsTimer.setSingleShot(true);
    m_statisticsTimer.setInterval(150);
    connect(&m_statisticsTimer, &QTimer::timeout, this, [this] {
        Q_EMIT statisticsChanged();
        sumStudies();
    });
    for (JobRunner* runner : {&m_preview, &m_detail}) {
        connect(runner, &JobRunner::finished, this, [this] {
            // After the outcome has been delivered.
            QTimer::singleShot(0, this, [this] {
                if (!isSettled())
                    return;
                Q_EMIT settled();
                surveyNext();
            });
        });
    }
}

Explorer::~Explorer() = default;

void Explorer::modelChanged()
{
    for (JobRunner* runner : {&m_preview, &m_detail, &m_survey, &m_sum})
        runner->cancelAll();
    ++m_previewSerial;
    m_layers.clear();
    m_inputs.clear();
    m_statistics.clear();
    m_exponentGrids.clear();
    m_studies.clear();
    m_sumIsOld = false;
    m_surveyAt = 0;
    m_unreadable.clear();
    const auto& model = m_document->model();
    m_facts = model ? std::make_shared<FactsCache>(model, factsBytes) : nullptr;
    Q_EMIT inputsChanged();
    Q_EMIT statisticsChanged();
    Q_EMIT modelStudyReady(nullptr, 0, model ? model->layers.size() : 0);
}

void Explorer::select(const std::vector<std::string>& layers)
{
    if (layers == m_layers)
        return;
    m_layers = layers;
    refresh();
    if (wants(Aspect::Channels))
        requestChannels();
    if (wants(Aspect::Outliers))
        requestOutliers();
}

void Explorer::setWanted(Aspect aspect, bool on)
{
    if (on == wants(aspect))
        return;
    if (!on) {
        m_wanted.erase(aspect);
        return;
    }
    m_wanted.insert(aspect);
    switch (aspect) {
    case Aspect::Weights:
        requestPreviews({});
        break;
    case Aspect::Channels:
        requestChannels();
        break;
    case Aspect::Exponents:
        requestExponents();
        break;
    case Aspect::AllExponents:
        m_surveyAt = 0;
        surveyNext();
        break;
    case Aspect::Outliers:
        requestOutliers();
        break;
    }
}

void Explorer::refresh()
{
    m_surveyAt = 0; // a layer whose bits changed has another best exponent
    requestPreviews({});
    if (wants(Aspect::Exponents))
        requestExponents();
    QTimer::singleShot(0, this, &Explorer::surveyNext); // also when nothing is selected
}

void Explorer::setOutlierMultiple(double multiple)
{
    m_outlierMultiple = multiple;
    if (wants(Aspect::Outliers))
        requestOutliers();
}

void Explorer::previewClip(const std::string& layer, const ClipLimits& limits)
{
    if (!m_layers.empty() && m_layers.front() == layer)
        requestPreviews(limits);
}

Scheme Explorer::schemeOf(const std::string& layer) const
{
    const LayerChoice* choice = m_document->choiceOf(layer);
    if (!choice || choice->keepFloat)
        return m_document->recipe().standard.scheme;
    const PowerGridOptions* power = powerGridOf(choice->method);
    Scheme scheme = choice->scheme;
    // At 2 bits a method that may choose takes levels without zero nearly always.
    if (power && (power->midRise == MidRise::Always ||
                  (power->midRise == MidRise::Auto && scheme.bits == 2)))
        scheme.levels = Levels::PowerMidRise;
    return scheme;
}

LayerCurve Explorer::curveOf(const std::string& layer) const
{
    LayerCurve curve;
    curve.layer = layer;
    curve.scheme = schemeOf(layer);
    const auto found = m_document->results().find(layer);
    if (found != m_document->results().end() && found->second.result.weight) {
        const std::vector<float>& exponents = found->second.result.weight->exponents;
        if (exponents.size() == 1)
            curve.computed = static_cast<double>(exponents.front());
    }
    const LayerChoice* choice = m_document->choiceOf(layer);
    const PowerGridOptions* power =
        choice && !choice->keepFloat ? powerGridOf(choice->method) : nullptr;
    if (!power || isStaticMethod(choice->method)) // whose weights' options are not its own
        return curve;
    curve.chosen = power->exponent;
    curve.minimumClip = power->minimumClip;
    const auto* powerquant = std::get_if<PowerquantOptions>(&choice->method);
    if (power->clip != PowerClip::None)
        curve.rule = ExponentRule::Clipped;
    else if (!powerquant || powerquant->rounding == PowerRounding::Nearest)
        curve.rule = ExponentRule::Nearest;
    return curve;
}

void Explorer::requestPreviews(const std::optional<ClipLimits>& clip)
{
    const quint64 serial = ++m_previewSerial; // also parts of an earlier answer are late by now
    std::vector<PreviewRequest> requests;
    std::vector<std::string> names;
    for (const std::string& name : m_layers) {
        if (names.size() == maximumLayers)
            break;
        const LayerChoice* choice = m_document->choiceOf(name);
        if (!choice)
            continue;
        PreviewRequest request;
        request.choice = *choice;
        request.bins = previewBins;
        request.inputs = inputsOf(name);
        // The run's own codes, when they were made for this very choice.
        const auto found = m_document->results().find(name);
        if (found != m_document->results().end() && found->second.result.choice == *choice) {
            request.fromRun = found->second.result.weight;
            request.staticInputs = found->second.result.staticInputs;
        }
        // A model's exponent is known from a run of it only.
        const PowerGridOptions* power = powerGridOf(choice->method);
        if (power && power->exponentScope == ExponentScope::Model &&
            found != m_document->results().end()) {
            const PowerGridOptions* ran = powerGridOf(found->second.result.choice.method);
            if (ran && ran->exponentScope == ExponentScope::Model)
                request.modelExponent = curveOf(name).computed;
        }
        if (clip && names.empty()) {
            request.choice.scheme.clip = clip;
            request.fromRun.reset();
        }
        names.push_back(name);
        requests.push_back(std::move(request));
    }
    if (requests.empty()) {
        m_preview.cancel(previewId);
        Q_EMIT previewDropped();
        return;
    }
    m_preview.start(
        previewId,
        [this, serial, facts = m_facts, names, requests](JobMonitor& monitor) mutable {
            Previews previews;
            bool exact = true;
            for (std::size_t i = 0; i < names.size(); ++i) {
                requests[i].facts = facts->get(names[i], monitor);
                requests[i].powerErrors = [&facts, &monitor, weight = requests[i].facts](
                                              const Scheme& scheme, std::span<const float> scales) {
                    return facts->powerErrors(*weight, scheme, scales, monitor);
                };
                PreviewRequest sampled = requests[i];
                const bool measured = sampled.inputs && !sampled.inputs->hessian.empty();
                if (measured && sampled.facts->weight.matrix().rows > 2 * sampledRows)
                    sampled.outputErrorRows = sampledRows;
                previews.push_back(
                    std::make_shared<const WeightPreview>(previewWeight(sampled, monitor)));
                exact = exact && previews.back()->exact();
                if (i == 0 && (names.size() > 1 || !exact))
                    monitor.post([this, serial, previews] {
                        if (serial == m_previewSerial)
                            Q_EMIT previewsReady(previews);
                    });
            }
            for (std::size_t i = 0; i < names.size() && !exact; ++i) {
                if (previews[i]->exact())
                    continue;
                monitor.checkpoint();
                requests[i].energies =
                    facts->energies(*requests[i].facts, requests[i].inputs, monitor);
                previews[i] =
                    std::make_shared<const WeightPreview>(previewWeight(requests[i], monitor));
            }
            return previews;
        },
        [this, serial](Outcome<Previews> outcome) {
            if (serial != m_previewSerial)
                return;
            if (const auto* previews = std::get_if<Previews>(&outcome))
                Q_EMIT previewsReady(*previews);
            else if (const auto* failure = std::get_if<Failure>(&outcome))
                Q_EMIT previewFailed(failure->message);
        });
}

void Explorer::previewExponent(const std::string& layer, double exponent)
{
    if (!m_facts)
        return;
    using Grid = std::shared_ptr<const PowerGridView>;
    m_preview.start(
        powerId,
        [facts = m_facts, exponent, curve = curveOf(layer)](JobMonitor& monitor) {
            const auto weight = facts->get(curve.layer, monitor);
            const bool nearest = curve.rule != ExponentRule::PowerDomain;
            const PowerRounding rounding =
                nearest ? PowerRounding::Nearest : PowerRounding::PowerDomain;
            double clip = 1;
            if (curve.rule == ExponentRule::Clipped) {
                const auto errors = facts->powerErrors(*weight, curve.scheme, monitor);
                const PreparedLevels levels(powerFamily(curve.scheme, rounding), exponent);
                clip = searchClip(powerObjective(*errors), levels, curve.minimumClip).clip;
            }
            return Grid(std::make_shared<const PowerGridView>(
                powerGridView(weight->weight.matrix(), curve.scheme, exponent, weight->original.lo,
                              weight->original.hi, static_cast<int>(weight->original.counts.size()),
                              monitor, rounding, clip)));
        },
        [this, facts = m_facts, layer](Outcome<Grid> outcome) {
            if (facts != m_facts)
                return;
            if (const auto* grid = std::get_if<Grid>(&outcome))
                Q_EMIT powerGridReady(layer, *grid);
        });
}

void Explorer::requestChannels()
{
    if (m_layers.empty() || !m_facts)
        return;
    using Channels = std::shared_ptr<const LayerChannels>;
    m_detail.start(
        channelsId,
        [facts = m_facts, layer = m_layers.front(),
         inputs = inputsOf(m_layers.front())](JobMonitor& monitor) {
            const auto weight = facts->get(layer, monitor);
            const ConstMatrixView w = weight->weight.matrix();
            auto channels = std::make_shared<LayerChannels>();
            channels->facts = weight;
            channels->outputs = std::make_shared<const ChannelRanges>(
                channelRanges(w, ChannelAxis::Output, monitor));
            channels->inputs = std::make_shared<const ChannelRanges>(
                channelRanges(w, ChannelAxis::Input, monitor));
            channels->activations = inputs;
            return Channels(std::move(channels));
        },
        [this, facts = m_facts](Outcome<Channels> outcome) {
            if (facts != m_facts)
                return;
            if (auto* channels = std::get_if<Channels>(&outcome))
                Q_EMIT channelsReady(std::move(*channels));
        });
}

void Explorer::requestExponents()
{
    if (m_layers.empty() || !m_facts)
        return;
    using Curves = std::vector<LayerCurve>;
    struct Answer
    {
        std::shared_ptr<const WeightFacts> facts; ///< of the first
        Curves curves;
    };
    Curves wanted;
    for (const std::string& name : m_layers) {
        if (wanted.size() < maximumLayers)
            wanted.push_back(curveOf(name));
    }
    const auto deliver = [this, facts = m_facts](const Answer& answer) {
        if (facts != m_facts)
            return;
        Q_EMIT factsReady(answer.facts);
        Q_EMIT exponentsReady(answer.curves);
    };
    m_detail.start(
        exponentsId,
        [deliver, facts = m_facts, wanted](JobMonitor& monitor) mutable {
            Answer answer;
            for (LayerCurve& each : wanted) {
                const auto weight = facts->get(each.layer, monitor);
                const auto errors = facts->powerErrors(*weight, each.scheme, monitor);
                each.study = std::make_shared<const ExponentStudy>(
                    exponentStudy(*errors, each.scheme, each.minimumClip, monitor));
                answer.curves.push_back(each);
                if (!answer.facts) {
                    answer.facts = weight;
                    if (wanted.size() > 1)
                        monitor.post([deliver, answer] { deliver(answer); });
                }
            }
            return answer;
        },
        [deliver](Outcome<Answer> outcome) {
            if (const auto* answer = std::get_if<Answer>(&outcome))
                deliver(*answer);
        });
}

void Explorer::requestOutliers()
{
    if (m_layers.empty() || !m_facts)
        return;
    using Outliers = std::shared_ptr<const OutlierList>;
    m_detail.start(
        outliersId,
        [facts = m_facts, layer = m_layers.front(),
         multiple = m_outlierMultiple](JobMonitor& monitor) {
            const auto weight = facts->get(layer, monitor);
            return Outliers(std::make_shared<const OutlierList>(findOutliers(
                weight->weight.matrix(), weight->moments, multiple, listedOutliers, monitor)));
        },
        [this, facts = m_facts, layer = m_layers.front()](Outcome<Outliers> outcome) {
            if (facts != m_facts)
                return;
            if (const auto* outliers = std::get_if<Outliers>(&outcome))
                Q_EMIT outliersReady(layer, *outliers);
        });
}

void Explorer::requestStrip(const std::string& layer, ChannelAxis axis)
{
    if (!m_facts)
        return;
    using Strip = std::shared_ptr<const ChannelStrip>;
    m_detail.start(
        stripId,
        [facts = m_facts, layer, axis](JobMonitor& monitor) {
            const auto weight = facts->get(layer, monitor);
            return Strip(std::make_shared<const ChannelStrip>(
                channelStrip(weight->weight.matrix(), axis, weight->original.lo,
                             weight->original.hi, stripBins, stripColumns, monitor)));
        },
        [this, facts = m_facts, layer](Outcome<Strip> outcome) {
            if (facts != m_facts)
                return;
            if (const auto* strip = std::get_if<Strip>(&outcome))
                Q_EMIT stripReady(layer, *strip);
        });
}

void Explorer::surveyNext()
{
    const auto& model = m_document->model();
    // One layer at a time, and only while nothing else is asked for: what one looks at comes first.
    if (!model || !m_document->plan() || !m_survey.isIdle() || !isSettled())
        return;
    const bool exponents = wants(Aspect::AllExponents);
    const auto gridOf = [this](const std::string& name) {
        const LayerCurve curve = curveOf(name);
        return StudiedGrid{curve.scheme, curve.minimumClip};
    };
    const auto wanted = [&](const Layer& layer) {
        if (m_unreadable.count(layer.name) > 0)
            return false;
        if (m_statistics.count(layer.name) == 0)
            return true;
        const auto known = m_exponentGrids.find(layer.name);
        return exponents &&
               (known == m_exponentGrids.end() || !(known->second == gridOf(layer.name)));
    };
    while (m_surveyAt < model->layers.size() && !wanted(model->layers[m_surveyAt]))
        ++m_surveyAt;
    if (m_surveyAt == model->layers.size())
        return;
    const std::string& next = model->layers[m_surveyAt].name;
    struct Survey
    {
        LayerStatistics statistics;
        std::shared_ptr<const ExponentStudy> study; ///< null unless wanted
    };
    m_survey.start(
        surveyId,
        [model, name = next, exponents, grid = gridOf(next)](JobMonitor& monitor) {
            const Tensor weight = layerWeight(*model, *model->findLayer(name));
            Survey survey;
            LayerStatistics& statistics = survey.statistics;
            statistics.name = name;
            const std::span<const float> values = weight.floats();
            statistics.moments = moments(values);
            statistics.outlierShare = outlierShare(values, statistics.moments);
            if (exponents) {
                const PowerErrors errors =
                    PowerErrors::binned(weight.matrix(), grid.scheme, monitor);
                const ExponentStudy study =
                    exponentStudy(errors, grid.scheme, grid.minimumClip, monitor);
                statistics.exponent = {study.bestPower.exponent, study.bestPower.error,
                                       study.uniform};
                survey.study = std::make_shared<const ExponentStudy>(study);
            }
            return survey;
        },
        [this, facts = m_facts, exponents, grid = gridOf(next),
         name = next](Outcome<Survey> outcome) {
            if (facts != m_facts)
                return;
            if (auto* survey = std::get_if<Survey>(&outcome)) {
                const auto known = m_statistics.find(name);
                if (!exponents && known != m_statistics.end())
                    survey->statistics.exponent = known->second.exponent;
                m_statistics[name] = std::move(survey->statistics);
                if (exponents) {
                    m_exponentGrids[name] = grid;
                    m_studies[name] = std::move(survey->study);
                    m_sumIsOld = true;
                }
                if (!m_statisticsTimer.isActive())
                    m_statisticsTimer.start();
            } else if (std::holds_alternative<Failure>(outcome)) {
                m_unreadable.insert(name); // said when somebody looks at it or runs it
            }
            QTimer::singleShot(0, this, &Explorer::surveyNext);
        });
}

void Explorer::sumStudies()
{
    const auto& model = m_document->model();
    if (!model || !m_sumIsOld || !m_sum.isIdle())
        return; // the one that runs looks again when it is done
    m_sumIsOld = false;
    std::vector<std::shared_ptr<const ExponentStudy>> studies;
    for (const Layer& layer : model->layers) { // sums in an order that does not depend on time
        const auto found = m_studies.find(layer.name);
        if (found != m_studies.end())
            studies.push_back(found->second);
    }
    using Sum = std::shared_ptr<const ExponentStudy>;
    m_sum.start(
        sumId,
        [studies](JobMonitor&) {
            std::vector<ExponentStudy> layers;
            layers.reserve(studies.size());
            for (const auto& each : studies)
                layers.push_back(*each);
            return Sum(std::make_shared<const ExponentStudy>(wholeModelStudy(layers)));
        },
        [this, facts = m_facts, layers = studies.size(),
         of = model->layers.size()](Outcome<Sum> outcome) {
            if (facts != m_facts)
                return;
            if (auto* sum = std::get_if<Sum>(&outcome))
                Q_EMIT modelStudyReady(std::move(*sum), layers, of);
            sumStudies();
        });
}

bool Explorer::isSurveyed() const
{
    const auto& model = m_document->model();
    return !model || (m_surveyAt >= model->layers.size() && m_survey.isIdle());
}

std::vector<LayerStatistics> Explorer::exponents() const
{
    std::vector<LayerStatistics> fits;
    const auto& model = m_document->model();
    if (!model)
        return fits;
    for (const Layer& layer : model->layers) {
        if (m_exponentGrids.count(layer.name) > 0)
            fits.push_back(m_statistics.at(layer.name));
    }
    return fits;
}

void Explorer::keepInputs(const std::string& layer, std::shared_ptr<const InputStatistics> inputs)
{
    std::set<const InputStatistics*> counted; // layers with one input share it
    std::uint64_t bytes = 0;
    for (const auto& [name, kept] : m_inputs) {
        if (name != layer && kept != inputs && counted.insert(kept.get()).second)
            bytes += kept->hessian.size() * sizeof(double);
    }
    if (bytes + inputs->hessian.size() * sizeof(double) > inputBytes) {
        auto ranges = std::make_shared<InputStatistics>();
        ranges->features = inputs->features;
        ranges->groups = inputs->groups;
        ranges->rows = inputs->rows;
        ranges->minimum = inputs->minimum;
        ranges->maximum = inputs->maximum;
        ranges->secondMoment = inputs->secondMoment;
        inputs = std::move(ranges);
    }
    m_inputs[layer] = std::move(inputs);
    if (std::find(m_layers.begin(), m_layers.end(), layer) != m_layers.end()) {
        requestPreviews({});
        if (wants(Aspect::Channels) && m_layers.front() == layer)
            requestChannels();
    }
    Q_EMIT inputsChanged();
}

std::shared_ptr<const InputStatistics> Explorer::inputsOf(const std::string& layer) const
{
    const auto found = m_inputs.find(layer);
    return found == m_inputs.end() ? nullptr : found->second;
}

} // namespace gradus
