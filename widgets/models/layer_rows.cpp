// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/layer_rows.h"

#include "core/session/report.h"
#include "widgets/models/choice.h"
#include "widgets/models/decibel.h"
#include "widgets/text.h"

#include <QCoreApplication>

#include <cmath>
#include <numeric>

namespace gradus {

namespace {

/// What the table says of a result that a run now would not give; empty for a fresh one.
QString staleText(Freshness freshness, const LayerResult& result)
{
    const bool looksAtInputs = needsCalibration(result.choice.method);
    switch (freshness) {
    case Freshness::Fresh:
        break;
    case Freshness::ChoiceChanged:
        return QCoreApplication::translate("LayerRows", "Measured with: %1")
            .arg(choiceText(result.choice));
    case Freshness::CalibrationChanged:
        return looksAtInputs
                   ? QCoreApplication::translate("LayerRows",
                                                 "Measured with other calibration settings")
                   : QCoreApplication::translate(
                         "LayerRows", "Output error measured with other calibration settings");
    case Freshness::EarlierChanged:
        return looksAtInputs
                   ? QCoreApplication::translate("LayerRows",
                                                 "Measured before a layer of an earlier block "
                                                 "changed")
                   : QCoreApplication::translate("LayerRows",
                                                 "Output error measured before a layer of an "
                                                 "earlier block changed");
    }
    return {};
}

/// What is known of the row's power grid.
void setPowerGrid(LayerRow& row, const LayerResult* result)
{
    const PowerGridOptions* power = row.choice.keepFloat ? nullptr : powerGridOf(row.choice.method);
    if (power && power->exponent > 0)
        row.exponent = power->exponent;
    if (power && row.parameters > 0)
        row.keptShare = static_cast<double>(outlierCount(*power, 1, row.parameters)) /
                        static_cast<double>(row.parameters);
    if (!result || !result->weight || result->weight->exponents.empty())
        return;
    const QuantizedWeight& weight = *result->weight;
    row.exponent = std::accumulate(weight.exponents.begin(), weight.exponents.end(), 0.0) /
                   static_cast<double>(weight.exponents.size());
    row.keptShare = static_cast<double>(weight.outliers.columns.size()) /
                    static_cast<double>(weight.rows * weight.cols);
}

} // namespace

bool takesActivationGrid(LayerKind kind, const LayerChoice& choice)
{
    return kind != LayerKind::Embedding &&
           (kind != LayerKind::Convolution || hasUniformInputs(choice));
}

bool takesInputField(LayerKind kind, const LayerChoice& choice, ChoiceField field)
{
    return field == ChoiceField::InputQuantizer ? kind != LayerKind::Embedding
                                                : takesActivationGrid(kind, choice);
}

QString whyInputsStayFloat(LayerKind kind, const LayerChoice& choice)
{
    if (kind == LayerKind::Convolution && !hasUniformInputs(choice))
        return QCoreApplication::translate(
            "LayerRows", "Inputs of convolutions stay float with power grids: they can go to "
                         "uniform ones.");
    if (kind == LayerKind::Embedding)
        return QCoreApplication::translate(
            "LayerRows", "Inputs of embeddings are tokens: they stay as they are.");
    return {};
}

Rating ratingOfError(double relativeOutputError)
{
    switch (ratingOf(relativeOutputError)) { // the limits are core's, as in reports
    case ErrorRating::Good:
        return Rating::Good;
    case ErrorRating::Fair:
        return Rating::Fair;
    case ErrorRating::Poor:
        return Rating::Poor;
    case ErrorRating::None:
        break;
    }
    return Rating::None;
}

bool LayerRow::sameAs(const LayerRow& other) const
{
    const auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
    return name == other.name && block == other.block && blockIndex == other.blockIndex &&
           kind == other.kind && shape == other.shape && parameters == other.parameters &&
           choice == other.choice && overridden == other.overridden && locked == other.locked &&
           bytes == other.bytes && same(bitsPerWeight, other.bitsPerWeight) &&
           measured == other.measured && same(weightSqnrDb, other.weightSqnrDb) &&
           same(relativeOutputError, other.relativeOutputError) &&
           same(weightCosine, other.weightCosine) && same(blockGainDb, other.blockGainDb) &&
           same(exponent, other.exponent) && same(keptShare, other.keptShare) &&
           same(weightError, other.weightError) && same(inputError, other.inputError) &&
           same(bothError, other.bothError) && same(outlierShare, other.outlierShare) &&
           stale == other.stale && note == other.note;
}

QString kindText(LayerKind kind)
{
    switch (kind) {
    case LayerKind::Linear:
        return QCoreApplication::translate("LayerRows", "linear");
    case LayerKind::Embedding:
        return QCoreApplication::translate("LayerRows", "embedding");
    case LayerKind::Convolution:
        return QCoreApplication::translate("LayerRows", "convolution");
    case LayerKind::Other:
        break;
    }
    return QCoreApplication::translate("LayerRows", "other");
}

std::vector<LayerRow> layerRows(const Model& model, const Recipe& recipe, const Plan* plan,
                                const Results& results,
                                const std::map<std::string, LayerStatistics>* statistics)
{
    const bool planned = plan && plan->rows.size() == model.layers.size();
    std::vector<LayerRow> rows;
    rows.reserve(model.layers.size());
    std::vector<LayerChoice> choices;
    choices.reserve(model.layers.size());
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
        const Layer& layer = model.layers[i];
        LayerRow row;
        row.name = layer.name;
        row.blockIndex = layer.block;
        if (layer.block >= 0 && static_cast<std::size_t>(layer.block) < model.blocks.size())
            row.block = model.blocks[static_cast<std::size_t>(layer.block)].name;
        row.kind = layer.kind;
        row.shape = shapeText(layer.shape);
        row.parameters = layer.parameters();
        row.overridden = recipe.overrides.count(layer.name) > 0;
        row.locked = recipe.locked.count(layer.name) > 0;
        row.choice = recipe.standard;
        if (planned && plan->rows[i].layer == layer.name) {
            const Plan::Row& p = plan->rows[i];
            row.choice = p.choice;
            row.bytes = p.bytes;
            row.bitsPerWeight = p.bitsPerWeight;
            row.note = toQString(p.note);
        } else {
            row.choice.keepFloat = row.choice.keepFloat || !layer.quantizedByDefault;
        }
        row.floatBytes = static_cast<std::uint64_t>(layer.parameters()) * dtypeSize(layer.dtype);
        if (row.choice.keepFloat) {
            row.bytes = row.floatBytes;
            row.bitsPerWeight = 8.0 * static_cast<double>(dtypeSize(layer.dtype));
        }

        if (statistics) {
            const auto known = statistics->find(layer.name);
            if (known != statistics->end())
                row.outlierShare = known->second.outlierShare;
        }

        const auto found = results.find(layer.name);
        if (found != results.end()) {
            const LayerResult& result = found->second.result;
            row.measured = true;
            row.weightSqnrDb = result.weightSqnrDb;
            row.weightCosine = result.weightCosine;
            row.relativeOutputError = result.relativeOutputError;
            if (result.staticInputs) {
                row.weightError = result.staticInputs->errors.weights;
                row.inputError = result.staticInputs->errors.inputs;
                row.bothError = result.staticInputs->errors.both;
            }
            for (const auto& training : result.tunings)
                if (training && training->block >= 0)
                    row.blockGainDb = gainDecibel(training->before(), training->after());
            if (!result.note.empty())
                row.note = toQString(result.note);
        }
        choices.push_back(row.choice);
        rows.push_back(std::move(row));
    }
    const auto fresh = freshness(model, recipe, choices, results);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto found = results.find(rows[i].name);
        setPowerGrid(rows[i], found == results.end() ? nullptr : &found->second.result);
        if (!fresh[i])
            continue;
        LayerRow& row = rows[i];
        const LayerResult& result = results.at(row.name).result;
        row.stale = staleText(*fresh[i], result);
        if (row.stale.isEmpty() && result.weight) {
            row.bytes = result.bytes();
            row.bitsPerWeight = result.bitsPerWeight();
        }
    }
    return rows;
}

} // namespace gradus
