// SPDX-License-Identifier: GPL-3.0-or-later
//
// What quantizing one layer, or two, does to the model's outputs, measured.
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/session/language.h"
#include "core/session/output_distance.h"
#include "core/session/sensitivity_job.h"
#include "core/session/statistics.h"
#include "core/session/stop_only.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace gradus {

namespace {

constexpr double begun = 0.5;
constexpr double ended = 0.95;

} // namespace

OutputDistance& SensitivityJob::distance()
{
    if (!m_distance) {
        m_distance = std::make_unique<OutputDistance>(m_model, *m_weights, m_samples,
                                                      m_request.memoryBytes / 2);
        StopOnly stop(m_monitor);
        m_distance->prepare(stop);
    }
    return *m_distance;
}

LayerResult SensitivityJob::weightOf(Place place)
{
    if (auto kept = m_kept.get(place.row, place.candidate))
        return std::move(*kept);
    const Layer& own = layer(place.row);
    const Tensor weight = layerWeight(m_model, own);
    std::shared_ptr<const InputStatistics> inputs;
    if (needsInputs(place.candidate))
        inputs = distance().inputsOf(own, m_table.candidates[place.candidate].activation.enabled(),
                                     m_monitor);
    LayerResult result = solveLayer(task(place, weight.matrix(), inputs), m_monitor).result;
    m_kept.keep(place.row, place.candidate, result);
    return result;
}

void SensitivityJob::measureDivergences()
{
    std::vector<Place> places;
    forEachPlace([&](Place place) {
        if (!isLocked(place.row) && lacks(place, SensitivityMetric::Divergence))
            places.push_back(place);
    });
    // What matters most comes first: by Fisher errors, of layers without by those of the output.
    const auto rank = [&](Place place) {
        const Sensitivity& s = values(place);
        return !std::isnan(s.fisher)   ? std::pair(2, s.fisher)
               : !std::isnan(s.output) ? std::pair(1, s.output)
                                       : std::pair(0, std::isnan(s.weight) ? 0.0 : s.weight);
    };
    std::stable_sort(places.begin(), places.end(),
                     [&](Place a, Place b) { return rank(a) > rank(b); });
    for (std::size_t i = 0; i < places.size(); ++i) {
        const Place place = places[i];
        report(begun +
                   (ended - begun) * static_cast<double>(i) / static_cast<double>(places.size()),
               concat(m_table.rows[place.row].layer, " alone quantized, ", i + 1, " of ",
                      places.size()));
        const std::optional<SampleMean> mean = distanceOf({place});
        if (!mean) {
            refuse(place, "with it the model's outputs are not finite");
            continue;
        }
        Sensitivity& s = values(place);
        s.divergence = mean->value;
        s.divergenceError = mean->standardError;
        if (std::isnan(mean->value))
            noteOn(s, "no divergence: the model's outputs are all zero");
        reach(place, SensitivityMetric::Divergence);
    }
}

std::optional<SampleMean> SensitivityJob::distanceOf(const std::vector<Place>& places)
{
    std::vector<LayerResult> results;
    std::vector<std::string> tensors;
    for (const Place place : places) {
        tensors.push_back(layer(place.row).weight);
        results.push_back(weightOf(place));
    }
    OutputDistance& outputs = distance();
    try {
        return outputs.measure(
            tensors,
            [&](Weights& weights) {
                for (std::size_t i = 0; i < places.size(); ++i)
                    applyWeight(layer(places[i].row), results[i], weights);
            },
            m_monitor);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::Numeric)
            throw;
    }
    // The candidates' fault, unless the float network does so itself.
    (void)outputs.measure(
        {}, [](Weights&) {}, m_monitor);
    return std::nullopt;
}

std::vector<std::pair<std::size_t, std::size_t>> SensitivityJob::chosenPairs() const
{
    std::vector<std::size_t> open; // rows
    for (std::size_t row = 0; row < m_layers.size(); ++row)
        if (!isLocked(row))
            open.push_back(row);
    const std::size_t rows = open.size();
    if (rows < 2)
        return {};
    using Pair = std::pair<std::size_t, std::size_t>;
    std::vector<Pair> neighbors;
    std::vector<Pair> relatives;
    const auto at = [&](std::size_t index) -> const Layer& { return layer(open[index]); };
    const auto kindOf = [&](std::size_t index) {
        const std::string& name = at(index).name;
        const std::string& block = m_model.blocks[static_cast<std::size_t>(at(index).block)].name;
        return name.starts_with(block) ? name.substr(block.size()) : name;
    };
    for (std::size_t a = 0; a < rows; ++a) {
        if (at(a).block < 0)
            continue;
        if (a + 1 < rows && at(a + 1).block == at(a).block)
            neighbors.emplace_back(a, a + 1);
        for (std::size_t b = a + 1; b < rows; ++b)
            if (at(b).block > at(a).block && kindOf(a) == kindOf(b)) {
                relatives.emplace_back(a, b);
                break; // the next of its kind
            }
    }
    RandomStream random(m_request.recipe.seed, {}, "pairs of layers");
    const auto draw = [&](std::vector<Pair>& from) -> std::optional<Pair> {
        if (from.empty())
            return std::nullopt;
        const auto drawn = from.begin() + static_cast<std::ptrdiff_t>(random.below(from.size()));
        const Pair pair = *drawn;
        from.erase(drawn);
        return pair;
    };
    // Of each sort in turn; what a sort lacks is drawn from all pairs.
    const std::uint64_t all = rows * (rows - 1) / 2;
    const auto wanted = static_cast<std::size_t>(
        std::min<std::uint64_t>(all, static_cast<std::uint64_t>(std::max(0, m_request.pairs))));
    std::set<Pair> seen;
    std::vector<Pair> pairs;
    for (std::size_t turn = 0; pairs.size() < wanted; ++turn) {
        std::optional<Pair> pair;
        if (turn % 3 == 0)
            pair = draw(neighbors);
        else if (turn % 3 == 1)
            pair = draw(relatives);
        if (!pair) {
            const std::size_t a = random.below(rows);
            const std::size_t b = random.below(rows);
            pair = Pair(std::min(a, b), std::max(a, b));
        }
        if (pair->first != pair->second && seen.insert(*pair).second)
            pairs.emplace_back(open[pair->first], open[pair->second]);
    }
    return pairs;
}

void SensitivityJob::measurePairs()
{
    if (m_request.pairs <= 0 || m_layers.size() < 2)
        return;
    // Where allocation has the most to decide, and where errors are largest.
    const auto candidateOf = [&](std::size_t row, bool lowest) -> std::optional<std::size_t> {
        std::optional<std::size_t> best;
        double least = 0;
        for (std::size_t c = 0; c < m_table.candidates.size(); ++c) {
            const LayerChoice& choice = m_table.candidates[c];
            const Sensitivity& s = m_table.rows[row].candidates[c];
            if (choice.keepFloat || !s.possible || std::isnan(s.divergence))
                continue;
            const double distance = lowest ? choice.scheme.bits : std::abs(choice.scheme.bits - 3);
            if (!best || distance < least) {
                best = c;
                least = distance;
            }
        }
        return best;
    };
    const auto pairs = chosenPairs();
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const auto [a, b] = pairs[i];
        const auto first = candidateOf(a, i % 2 != 0);
        const auto second = candidateOf(b, i % 2 != 0);
        if (!first || !second)
            continue;
        report(ended + (1 - ended) * static_cast<double>(i) / static_cast<double>(pairs.size()),
               concat("pairs of layers, ", i + 1, " of ", pairs.size()));
        SensitivityPair pair;
        pair.firstRow = a;
        pair.secondRow = b;
        pair.firstCandidate = *first;
        pair.secondCandidate = *second;
        pair.separate = m_table.rows[a].candidates[*first].divergence +
                        m_table.rows[b].candidates[*second].divergence;
        const LayerChoice& firstChoice = m_table.candidates[*first];
        const LayerChoice& secondChoice = m_table.candidates[*second];
        const auto known = m_store->findPair(m_table.rows[a].layer, firstChoice,
                                             m_table.rows[b].layer, secondChoice);
        if (known) {
            pair.together = *known;
        } else {
            const auto measured = distanceOf({Place{a, *first}, Place{b, *second}});
            if (!measured) {
                m_monitor.note(concat(m_table.rows[a].layer, " and ", m_table.rows[b].layer,
                                      ": with both quantized the outputs are not finite; the pair "
                                      "is left out"));
                continue;
            }
            pair.together = measured->value;
            m_store->putPair(m_table.rows[a].layer, firstChoice, m_table.rows[b].layer,
                             secondChoice, pair.together);
        }
        m_table.pairs.push_back(pair);
    }
}

} // namespace gradus
