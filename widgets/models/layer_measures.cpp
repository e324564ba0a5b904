// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/layer_measures.h"

#include "core/base/format.h"
#include "widgets/models/choice.h"
#include "widgets/text.h"

#include <QCoreApplication>

#include <cmath>

namespace gradus {

namespace {
struct Text
{
    Q_DECLARE_TR_FUNCTIONS(LayerMeasures)
};
} // namespace

std::vector<LayerMeasures> measuresOf(const std::vector<LayerRow>& rows)
{
    std::vector<LayerMeasures> layers;
    layers.reserve(rows.size());
    for (const LayerRow& row : rows) {
        LayerMeasures layer;
        layer.choice = row.choice;
        layer.known = row.measured;
        layer.stale = !row.stale.isEmpty();
        layer.relativeOutputError = row.relativeOutputError;
        layer.weightSqnrDb = row.weightSqnrDb;
        layer.bitsPerWeight = row.bitsPerWeight;
        layer.bytes = row.bytes;
        layer.weightCosine = row.weightCosine;
        layers.push_back(std::move(layer));
    }
    return layers;
}

std::vector<LayerMeasures> measuresOfRun(const std::vector<LayerRow>& rows, const Results& results)
{
    std::vector<LayerMeasures> layers(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto found = results.find(rows[i].name);
        if (found == results.end())
            continue;
        const LayerResult& result = found->second.result;
        LayerMeasures& layer = layers[i];
        layer.choice = result.choice;
        layer.known = true;
        layer.relativeOutputError = result.relativeOutputError;
        layer.weightSqnrDb = result.weightSqnrDb;
        layer.weightCosine = result.weightCosine;
        // A result without a weight is one that was kept float, by choice or by a note.
        layer.choice.keepFloat = layer.choice.keepFloat || !result.weight;
        layer.bytes = result.weight ? result.bytes() : rows[i].floatBytes;
        layer.bitsPerWeight = result.weight ? result.bitsPerWeight()
                              : rows[i].parameters > 0
                                  ? 8.0 * static_cast<double>(rows[i].floatBytes) /
                                        static_cast<double>(rows[i].parameters)
                                  : std::numeric_limits<double>::quiet_NaN();
    }
    return layers;
}

double valueOf(const LayerMeasures& layer, Measure measure)
{
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    if (measure == Measure::Size) // follows from the choice; nothing has to be measured
        return layer.bytes > 0 ? static_cast<double>(layer.bytes) : none;
    if (!layer.known || layer.stale || layer.choice.keepFloat)
        return none;
    switch (measure) {
    case Measure::OutputError:
        return 100 * layer.relativeOutputError;
    case Measure::WeightSqnr:
        return layer.weightSqnrDb;
    case Measure::WeightCosine:
        return std::max(0.0, 1 - layer.weightCosine) + 0 * layer.weightCosine; // keeps NaN
    case Measure::Size:
        break;
    }
    return none;
}

QString absenceOf(const LayerMeasures& layer)
{
    return layer.known && layer.choice.keepFloat ? Text::tr("kept float")
           : layer.stale                         ? Text::tr("out of date")
           : layer.choice.keepFloat              ? Text::tr("kept float")
           : layer.known                         ? Text::tr("not measured")
                                                 : Text::tr("not computed");
}

bool isWorse(double a, double b, Measure measure)
{
    if (std::isnan(a))
        return false;
    return std::isnan(b) || (measure == Measure::WeightSqnr ? a < b : a > b);
}

QString measureTitle(Measure measure)
{
    switch (measure) {
    case Measure::OutputError:
        return Text::tr("Output error");
    case Measure::WeightSqnr:
        return Text::tr("Weight SQNR");
    case Measure::WeightCosine:
        return Text::tr("1 − cosine");
    case Measure::Size:
        return Text::tr("Size");
    }
    return {};
}

QString measureFormula(Measure measure)
{
    switch (measure) {
    case Measure::OutputError:
        return Text::tr(
            "Relative output error on the calibration inputs: ‖X(W − Ŵ)ᵀ‖² over ‖XWᵀ‖²; "
            "less is better");
    case Measure::WeightSqnr:
        return Text::tr(
            "Signal to quantization noise of the weights: 10·log10 of Σw² over Σ(w − ŵ)²; "
            "more is better");
    case Measure::WeightCosine:
        return Text::tr("1 − Σwŵ / (‖w‖·‖ŵ‖): how far the quantized weights point away from the "
                        "original; less is better");
    case Measure::Size:
        return Text::tr(
            "Stored bytes: codes, scales and zeros, or the floats of a layer that is kept");
    }
    return {};
}

QString valueText(double value, Measure measure)
{
    if (std::isnan(value))
        return QStringLiteral("–");
    switch (measure) {
    case Measure::OutputError:
        return toQString(formatPercent(value / 100));
    case Measure::WeightSqnr:
        return toQString(formatDecibel(value));
    case Measure::WeightCosine:
        return toQString(formatReal(value, 3));
    case Measure::Size:
        return toQString(formatBytes(static_cast<std::uint64_t>(value)));
    }
    return {};
}

QString differenceText(double decibel)
{
    if (!std::isfinite(decibel))
        return QStringLiteral("–");
    const QString size = QString::number(std::fabs(decibel), 'f', 1);
    return size == QLatin1String("0.0") ? Text::tr("0.0 dB")
           : decibel > 0                ? Text::tr("+%1 dB").arg(size)
                                        : Text::tr("−%1 dB").arg(size);
}

QString shortChoiceText(const LayerChoice& choice)
{
    if (choice.keepFloat)
        return Text::tr("float");
    return Text::tr("%1 %2 bit")
        .arg(toQString(methodName(choice.method)).toUpper())
        .arg(choice.scheme.bits);
}

} // namespace gradus
