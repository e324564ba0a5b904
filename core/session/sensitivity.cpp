// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/sensitivity.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/quant/packing.h"
#include "core/quant/static_settings.h"
#include "core/session/coupling.h"
#include "core/session/fisher_errors.h"
#include "core/session/origin.h"
#include "core/session/prepared_model.h"
#include "core/session/sensitivity_job.h"
#include "core/session/statistics.h"
#include "core/session/weight_readers.h"

#include <algorithm>
#include <limits>

namespace gradus {

namespace {

// Where the stages end, of the whole.
constexpr double hashed = 0.02;
constexpr double weighed = 0.1;
/// Where the outputs' errors are measured, and where the Fisher errors, if that is as far as it
/// goes, or before what follows.
double outputsEnd(SensitivityMetric goal)
{
    return goal <= SensitivityMetric::Output ? 1 : goal == SensitivityMetric::Fisher ? 0.5 : 0.3;
}
double fishersEnd(SensitivityMetric goal)
{
    return goal <= SensitivityMetric::Fisher ? 1 : 0.5;
}

bool isZero(const std::vector<double>& hessian)
{
    return !hessian.empty() &&
           std::all_of(hessian.begin(), hessian.end(), [](double value) { return value == 0; });
}

} // namespace

std::uint64_t KeptWeights::bytesOf(const QuantizedWeight& weight)
{
    return packedBytes(weight.codes.size(), weight.scheme.bits) +
           (weight.scales.size() + weight.zeros.size() + weight.exponents.size()) * sizeof(float) +
           weight.groupIndex.size() * sizeof(std::int32_t) +
           weight.outliers.columns.size() * (sizeof(std::uint32_t) + sizeof(float));
}

void KeptWeights::keep(std::size_t row, std::size_t candidate, const LayerResult& result)
{
    const QuantizedWeight& weight = *result.weight;
    const std::uint64_t bytes = bytesOf(weight);
    if (bytes > m_left)
        return;
    m_left -= bytes;
    Kept kept;
    kept.result = result;
    kept.result.weight = nullptr;
    kept.weight = weight;
    kept.codes = packBits(weight.codes, weight.scheme.bits);
    kept.weight.codes = {};
    m_kept.insert_or_assign({row, candidate}, std::move(kept));
}

std::optional<LayerResult> KeptWeights::get(std::size_t row, std::size_t candidate) const
{
    const auto found = m_kept.find({row, candidate});
    if (found == m_kept.end())
        return std::nullopt;
    const Kept& kept = found->second;
    QuantizedWeight weight = kept.weight;
    weight.codes = unpackBits(kept.codes, static_cast<std::uint64_t>(weight.rows * weight.cols),
                              weight.scheme.bits);
    LayerResult result = kept.result;
    result.weight = std::make_shared<const QuantizedWeight>(std::move(weight));
    return result;
}

SensitivityJob::SensitivityJob(const SensitivityRequest& request, Monitor& monitor,
                               const SensitivitySink& sink)
    : m_request(request)
    , m_model(*request.model)
    , m_monitor(monitor)
    , m_sink(sink)
    , m_kept(request.memoryBytes / 4)
{
    makeTable();
}

void SensitivityJob::makeTable()
{
    if (m_request.candidates.empty())
        throw Error(ErrorCode::Usage, "there are no candidates to measure layers under");
    for (const LayerChoice& candidate : m_request.candidates) {
        Recipe probe; // whatever is wrong with it is found as in a recipe
        probe.standard = candidate;
        (void)resolve(probe, m_model);
    }
    const std::vector<LayerChoice> choices = resolve(m_request.recipe, m_model);
    m_table.candidates = m_request.candidates;
    m_table.unit = m_model.task == ModelTask::Language ? SensitivityTable::Unit::NatsPerToken
                   : m_model.task == ModelTask::Classification
                       ? SensitivityTable::Unit::NatsPerSample
                       : SensitivityTable::Unit::OutputShare;
    for (std::size_t i = 0; i < choices.size(); ++i) {
        if (choices[i].keepFloat)
            continue;
        const Layer& layer = m_model.layers[i];
        SensitivityTable::Row row;
        row.layer = layer.name;
        for (const LayerChoice& candidate : m_request.candidates) {
            Sensitivity values;
            values.bytes =
                candidate.keepFloat
                    ? static_cast<std::uint64_t>(layer.parameters()) * dtypeSize(layer.dtype)
                    : storedSize(
                          storedScheme(candidate.scheme, candidate.method), layer.rows, layer.cols,
                          storedExtras(candidate.scheme, candidate.method, layer.rows, layer.cols))
                          .bytes();
            row.candidates.push_back(std::move(values));
        }
        m_rowOf[i] = m_layers.size();
        m_layers.push_back(i);
        m_table.rows.push_back(std::move(row));
    }
    if (m_table.rows.empty())
        throw Error(ErrorCode::Usage, "the recipe quantizes no layer");
    m_entries.assign(m_table.rows.size(), std::vector<Entry>(m_table.candidates.size()));
}

void SensitivityJob::takeKnown(const SensitivityStore& store)
{
    forEachPlace([&](Place place) {
        const KnownSensitivity* known =
            store.find(m_table.rows[place.row].layer, m_table.candidates[place.candidate]);
        if (!known)
            return;
        values(place) = known->values;
        entry(place).reached = known->reached;
        if (m_sink)
            m_sink(place.row, place.candidate, values(place));
    });
}

std::string SensitivityJob::whyNoInputs() const
{
    if (!m_model.canRun())
        return concat("the model cannot be run: ", m_model.whyNotRunnable);
    if (m_request.recipe.calibration.data.empty())
        return "there are no calibration data";
    return {};
}

bool SensitivityJob::lacks(Place place, SensitivityMetric metric)
{
    const Entry& e = entry(place);
    return values(place).possible && (!e.reached || *e.reached < metric);
}

bool SensitivityJob::needsInputs(std::size_t candidate) const
{
    return needsCalibration(m_table.candidates[candidate]);
}

void SensitivityJob::reach(Place place, SensitivityMetric metric)
{
    entry(place).reached = metric;
    const Sensitivity& now = values(place);
    m_store->put(m_table.rows[place.row].layer, m_table.candidates[place.candidate], {now, metric});
    if (m_sink)
        m_sink(place.row, place.candidate, now);
}

void SensitivityJob::refuse(Place place, const std::string& why)
{
    values(place).possible = false;
    values(place).note = why;
    reach(place, SensitivityMetric::Divergence);
}

void SensitivityJob::noteOn(Sensitivity& values, const std::string& sentence)
{
    values.note += concat(values.note.empty() ? "" : "; ", sentence);
}

void SensitivityJob::refuseForNow(Place place, const std::string& why)
{
    values(place).possible = false;
    values(place).note = why;
    entry(place).reached = SensitivityMetric::Divergence;
    if (m_sink)
        m_sink(place.row, place.candidate, values(place));
}

void SensitivityJob::report(double fraction, const std::string& stage)
{
    m_monitor.checkpoint();
    m_monitor.report(fraction, stage);
}

SensitivityTable SensitivityJob::known()
{
    if (!m_request.cache.empty())
        readKnown(identity(m_monitor));
    return std::move(m_table);
}

void SensitivityJob::readKnown(const std::string& identity)
{
    try {
        takeKnown(SensitivityStore::reading(m_request.cache, identity, m_monitor));
    } catch (const Error& error) {
        if (m_request.needsCache || error.code() != ErrorCode::Io)
            throw;
        m_monitor.note(error.what());
    }
}

void SensitivityJob::openStore(Monitor& monitor)
{
    const std::string all = m_request.cache.empty() ? std::string() : identity(monitor);
    try {
        m_store.emplace(m_request.cache, all, m_monitor);
        takeKnown(*m_store);
    } catch (const Error& error) {
        if (m_request.needsCache || error.code() != ErrorCode::Io)
            throw;
        m_monitor.note(concat(error.what(), "; what is measured is not kept"));
        m_store.emplace(std::filesystem::path(), std::string(), m_monitor);
        readKnown(all); // it may be readable
    }
}

SensitivityTable SensitivityJob::run()
{
    report(0, "reading the model");
    {
        SubMonitor hashing(m_monitor, 0, hashed);
        openStore(hashing);
    }
    const std::string why = whyNoInputs();
    m_goal = why.empty() ? m_request.metric : SensitivityMetric::Weight;
    if (m_request.metric > m_goal)
        m_monitor.note(concat("only the errors of weights are measured: ", why));
    measureWeights();
    if (why.empty())
        measureOutputs();
    if (m_goal >= SensitivityMetric::Fisher)
        measureFishers();
    if (m_goal == SensitivityMetric::Divergence) {
        measureDivergences();
        measurePairs();
    }
    m_monitor.report(1, "done");
    return std::move(m_table);
}

LayerTask SensitivityJob::task(Place place, ConstMatrixView weight,
                               std::shared_ptr<const InputStatistics> inputs) const
{
    LayerTask task;
    task.layer = &layer(place.row);
    task.choice = m_table.candidates[place.candidate];
    task.weight = weight;
    task.inputs = std::move(inputs);
    task.seed = m_request.recipe.seed;
    return task;
}

std::optional<LayerResult>
SensitivityJob::solved(Place place, ConstMatrixView weight,
                       const std::shared_ptr<const InputStatistics>& inputs)
{
    Sensitivity& s = values(place);
    if (auto kept = m_kept.get(place.row, place.candidate)) {
        if (inputs)
            (void)measureLayer(*kept, weight, inputs.get());
        return kept;
    }
    try {
        SolvedLayer made = solveLayer(task(place, weight, inputs), m_monitor);
        const LayerChoice& choice = m_table.candidates[place.candidate];
        if (sharesExponent(choice))
            addNote(made.result, "with an exponent of its own in place of the model's");
        if (blockTrainingOf(choice) || fineTuningOf(choice))
            addNote(made.result, "before any training");
        s.weight = made.error.relative;
        s.bytes = made.result.bytes();
        s.note = made.result.note;
        m_kept.keep(place.row, place.candidate, made.result);
        return std::move(made.result);
    } catch (const Error& error) {
        if (error.code() == ErrorCode::Io || error.code() == ErrorCode::Internal)
            throw;
        refuse(place, error.what());
        return std::nullopt;
    }
}

void SensitivityJob::measureWeights()
{
    const bool calibrated = whyNoInputs().empty();
    for (std::size_t row = 0; row < m_table.rows.size(); ++row) {
        report(hashed + (weighed - hashed) * static_cast<double>(row) /
                            static_cast<double>(m_table.rows.size()),
               concat(m_table.rows[row].layer, ", errors of its weights"));
        std::optional<Tensor> weight;
        for (std::size_t c = 0; c < m_table.candidates.size(); ++c) {
            const Place place{row, c};
            const LayerChoice& choice = m_table.candidates[c];
            const bool isStatic = staticSettings(choice.activation, choice.method).has_value();
            if (!lacks(place, SensitivityMetric::Weight) ||
                (needsInputs(c) && calibrated && !isStatic))
                continue;
            if (choice.keepFloat) {
                Sensitivity& s = values(place);
                s.weight = s.output = s.fisher = s.divergence = s.divergenceError = 0;
                reach(place, SensitivityMetric::Divergence);
                continue;
            }
            if (isStatic) {
                refuse(place, "its inputs go to uniform grids that layers find together; the table "
                              "is of layers by themselves");
                continue;
            }
            if (!weight)
                weight = layerWeight(m_model, layer(row));
            if (needsInputs(c)) {
                refuseForNow(place, concat("it needs calibration, and ", whyNoInputs()));
                continue;
            }
            if (solved(place, std::as_const(*weight).matrix(), nullptr))
                reach(place, SensitivityMetric::Weight);
        }
    }
}

void SensitivityJob::measureOutputs()
{
    bool any = false;
    bool further = m_goal == SensitivityMetric::Divergence;
    // The weights of candidates that need inputs are solved here, too.
    forEachPlace([&](Place place) {
        any = any || lacks(place, std::min(m_goal, SensitivityMetric::Output));
        further = further ||
                  (m_goal >= SensitivityMetric::Fisher && lacks(place, SensitivityMetric::Fisher));
    });
    if (!any && !further)
        return;
    report(weighed, "reading the calibration data");
    m_samples = calibrationSamples(m_model, m_request.recipe.calibration, m_request.recipe.seed,
                                   m_request.tokenizer, m_monitor);
    m_weights.emplace(m_request.model, m_request.memoryBytes / 4);
    if (!any)
        return;
    BlockPass pass(m_model, *m_weights, *m_samples.data, m_samples.count(),
                   m_request.memoryBytes / 4);
    pass.take(m_samples.chosen);
    const CalibrationStages stages(m_model);
    const auto blocks = static_cast<int>(stages.blocks.size());
    const double share = (outputsEnd(m_goal) - weighed) / (blocks + 2);
    const auto stage = [&](int index, const std::vector<std::size_t>& layers, bool advances,
                           const std::string& name, const auto& run) {
        InputCapture inputs(m_model, m_monitor);
        for (const std::size_t i : layers)
            if (wantsInputs(i)) {
                const bool rounds = std::any_of(
                    m_table.candidates.begin(), m_table.candidates.end(),
                    [](const LayerChoice& choice) { return choice.activation.enabled(); });
                inputs.want(m_model.layers[i], true,
                            rounds && m_model.layers[i].kind == LayerKind::Linear);
            }
        const double begin = weighed + index * share;
        if (advances || !inputs.empty())
            run(inputs, [&](double part) { report(begin + part * share / 2, name); });
        inputs.finish();
        for (std::size_t k = 0; k < layers.size(); ++k) {
            report(begin + share / 2 *
                               (1 + static_cast<double>(k) / static_cast<double>(layers.size())),
                   concat(name, ", ", m_model.layers[layers[k]].name));
            if (const auto row = m_rowOf.find(layers[k]); row != m_rowOf.end())
                measureLayerOutputs(row->second, &inputs);
        }
    };
    const auto wantedFrom = [&](int block) {
        return std::any_of(m_layers.begin(), m_layers.end(), [&](std::size_t i) {
            const int own = m_model.layers[i].block;
            return (own == -1 || own >= block) && wantsInputs(i);
        });
    };
    stage(0, stages.prelude, true, "before the blocks",
          [&](InputCapture& inputs, const BlockPass::Progress& progress) {
              pass.runPrelude(BlockPass::Outputs::Advance, m_monitor, inputs.observer(), progress);
          });
    for (int block = 0; block < blocks; ++block)
        stage(block + 1, stages.layersOf(static_cast<std::size_t>(block)), wantedFrom(block + 1),
              concat("block ", block + 1, " of ", blocks),
              [&](InputCapture& inputs, const BlockPass::Progress& progress) {
                  pass.run(block, BlockPass::Outputs::Advance, m_monitor, inputs.observer(),
                           progress);
              });
    stage(blocks + 1, stages.head, false, "head",
          [&](InputCapture& inputs, const BlockPass::Progress& progress) {
              pass.runHead(m_monitor, inputs.observer(), progress);
          });
    for (std::size_t row = 0; row < m_layers.size(); ++row)
        measureLayerOutputs(row, nullptr); // what no stage reached
}

bool SensitivityJob::wantsInputs(std::size_t layer)
{
    const auto row = m_rowOf.find(layer);
    if (row == m_rowOf.end() || !canCapture(m_model, m_model.layers[layer]))
        return false;
    for (std::size_t c = 0; c < m_table.candidates.size(); ++c)
        if (lacks({row->second, c}, std::min(m_goal, SensitivityMetric::Output)))
            return true;
    return false;
}

bool SensitivityJob::isIdle(std::size_t row) const
{
    const Graph& graph = m_model.graph;
    return !leadToOutput(graph, readersOf(graph, layer(row).weight));
}

void SensitivityJob::measureLayerOutputs(std::size_t row, const InputCapture* inputs)
{
    const SensitivityMetric goal = std::min(m_goal, SensitivityMetric::Output);
    const auto statistics = inputs ? inputs->of(layer(row)) : nullptr;
    if (inputs && !statistics)
        return; // at the end
    std::optional<Tensor> weight;
    for (std::size_t c = 0; c < m_table.candidates.size(); ++c) {
        const Place place{row, c};
        if (!lacks(place, goal))
            continue;
        if (!weight)
            weight = layerWeight(m_model, layer(row));
        const ConstMatrixView w = std::as_const(*weight).matrix();
        const std::optional<LayerResult> result = solved(place, w, statistics);
        if (!result)
            continue;
        Sensitivity& s = values(place);
        if (goal >= SensitivityMetric::Output) {
            s.output = result->relativeOutputError;
            if (!statistics)
                noteOn(s, "its inputs are not reached");
            else if (isZero(statistics->hessian))
                noteOn(s, "its inputs are zero");
            // What nobody sees of a layer is no error.
            if (statistics ? isZero(statistics->hessian) : isIdle(row))
                s.output = 0;
        }
        reach(place, goal);
    }
}

void SensitivityJob::measureFishers()
{
    std::vector<std::size_t> rows;
    for (std::size_t row = 0; row < m_layers.size(); ++row)
        for (std::size_t c = 0; c < m_table.candidates.size(); ++c)
            if (lacks({row, c}, SensitivityMetric::Fisher)) {
                rows.push_back(row);
                break;
            }
    // One sweep for as many layers as there is memory for their weights.
    const double begin = outputsEnd(m_goal);
    const double share =
        (fishersEnd(m_goal) - begin) / static_cast<double>(std::max<std::size_t>(1, rows.size()));
    constexpr std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
    KeptWeights weights(all);
    std::uint64_t held = 0;
    std::vector<std::size_t> gathered;
    std::size_t done = 0;
    const auto sweep = [&] {
        SubMonitor part(m_monitor, begin + share * static_cast<double>(done),
                        begin + share * static_cast<double>(done + gathered.size()));
        measureFisherOf(gathered, weights, part);
        done += gathered.size();
        gathered.clear();
        weights = KeptWeights(all);
        held = 0;
    };
    for (const std::size_t row : rows) {
        std::uint64_t more = 0;
        for (std::size_t c = 0; c < m_table.candidates.size(); ++c)
            if (lacks({row, c}, SensitivityMetric::Fisher) && !m_kept.holds(row, c)) {
                m_monitor.checkpoint();
                const LayerResult result = weightOf({row, c});
                if (m_kept.holds(row, c))
                    continue;
                more += KeptWeights::bytesOf(*result.weight);
                weights.keep(row, c, result);
            }
        gathered.push_back(row);
        held += more;
        if (held > m_request.memoryBytes / 8)
            sweep();
    }
    if (!gathered.empty())
        sweep();
}

void SensitivityJob::measureFisherOf(const std::vector<std::size_t>& rows,
                                     const KeptWeights& weights, Monitor& monitor)
{
    FisherErrors errors(m_model, *m_weights, m_samples, m_request.recipe.seed);
    std::vector<std::vector<Place>> places;
    for (const std::size_t row : rows) {
        places.emplace_back();
        std::vector<FisherErrors::Candidate> candidates;
        for (std::size_t c = 0; c < m_table.candidates.size(); ++c)
            if (lacks({row, c}, SensitivityMetric::Fisher)) {
                places.back().push_back({row, c});
                candidates.push_back([this, &weights, row, c] {
                    auto kept = m_kept.get(row, c);
                    return kept ? std::move(*kept) : weights.get(row, c).value();
                });
            }
        errors.want(m_layers[row], std::move(candidates));
    }
    errors.run(monitor);
    for (const auto& ofRow : places)
        for (std::size_t k = 0; k < ofRow.size(); ++k) {
            const std::size_t index = m_layers[ofRow[k].row];
            Sensitivity& s = values(ofRow[k]);
            s.fisher = errors.error(index, k);
            if (const std::string why = errors.whyNot(index, k); !why.empty())
                noteOn(s, "no Fisher error: " + why);
            else if (const std::string remark = errors.remark(index); !remark.empty())
                noteOn(s, remark);
            reach(ofRow[k], SensitivityMetric::Fisher);
        }
}

std::vector<LayerChoice> candidatesOf(const LayerChoice& base, const std::vector<int>& bits,
                                      const std::vector<std::int64_t>& groups)
{
    std::vector<LayerChoice> candidates;
    const std::vector<int> allBits = bits.empty() ? std::vector<int>{base.scheme.bits} : bits;
    for (const int b : allBits) {
        LayerChoice choice = base;
        choice.keepFloat = false;
        choice.scheme.bits = b;
        if (groups.empty())
            candidates.push_back(choice);
        for (const std::int64_t group : groups) {
            choice.scheme.granularity = group == 0 ? Granularity::Channel : Granularity::Group;
            if (group > 0)
                choice.scheme.groupSize = group;
            candidates.push_back(choice);
        }
    }
    return candidates;
}

namespace {

SensitivityRequest preparedRequest(const SensitivityRequest& request)
{
    SensitivityRequest prepared = request;
    prepared.model = preparedModel(std::move(prepared.model), request.recipe);
    return prepared;
}

} // namespace

SensitivityTable measureSensitivity(const SensitivityRequest& request, Monitor& monitor,
                                    const SensitivitySink& sink)
{
    const SensitivityRequest prepared = preparedRequest(request);
    return SensitivityJob(prepared, monitor, sink).run();
}

SensitivityTable knownSensitivity(const SensitivityRequest& request, Monitor& monitor)
{
    const SensitivityRequest prepared = preparedRequest(request);
    return SensitivityJob(prepared, monitor, {}).known();
}

} // namespace gradus
