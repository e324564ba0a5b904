// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/activation_view.h"

#include "core/base/format.h"
#include "core/quant/static_view.h"
#include "widgets/plots/channel_plot.h"
#include "widgets/plots/drawing.h"
#include "widgets/plots/probability_plot.h"
#include "widgets/text.h"

#include <QCoreApplication>
#include <QStringList>

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {
struct Text
{
    Q_DECLARE_TR_FUNCTIONS(ActivationView)
};

QString number(double value)
{
    return QString::number(value, 'g', 4);
}

std::shared_ptr<const StaticInputs> inputsOf(const Results* results, const std::string& layer)
{
    if (!results)
        return nullptr;
    const auto found = results->find(layer);
    return found == results->end() ? nullptr : found->second.result.staticInputs;
}

ChannelBands bandsOf(const NormRanges::Side& side, const QString& title, const QString& subtitle)
{
    ChannelBands bands;
    bands.title = title;
    bands.subtitle = subtitle;
    bands.channelName = Text::tr("channel");
    bands.valueName = Text::tr("output of the norm");
    bands.bands.push_back({Text::tr("seen"), QStringLiteral("seen"), side.low, side.high});
    bands.limitsName = Text::tr("limits of the grid");
    bands.limitLow = side.limitLow;
    bands.limitHigh = side.limitHigh;
    return bands;
}

template <class T>
std::vector<double> doubles(const std::vector<T>& values)
{
    return {values.begin(), values.end()};
}

QString whatToDo()
{
    return Text::tr("Choose a method that quantizes inputs, such as RepQuant, or inputs on a "
                    "uniform grid, give calibration data and run the recipe.");
}

QString whyNothing(const ActivationView& view)
{
    if (view.layer.empty())
        return Text::tr("Select a layer to see what quantization makes of its inputs.");
    const QString name = toQString(view.layer);
    return view.computed
               ? Text::tr("The inputs of %1 are not on uniform grids in the shown run. %2")
                     .arg(name, whatToDo())
               : Text::tr("%1 has not been computed yet. %2").arg(name, whatToDo());
}
} // namespace

ActivationView activationView(const Model& model, const StaticSites* sites, const Results* results,
                              const std::string& layer)
{
    ActivationView view;
    view.layer = layer;
    view.inputs = inputsOf(results, layer);
    if (results) {
        const auto found = results->find(layer);
        view.computed = found != results->end();
        if (view.computed)
            view.note = toQString(found->second.result.note);
    }
    const auto at = std::find_if(model.layers.begin(), model.layers.end(),
                                 [&](const Layer& each) { return each.name == layer; });
    if (at == model.layers.end() || !sites)
        return view;
    const StaticSite& site = sites->of(static_cast<std::size_t>(at - model.layers.begin()));
    view.readsNorm = site.norm >= 0;
    view.readsAttention = site.attention >= 0;
    for (const std::size_t reader : site.readers) {
        const std::string& name = model.layers[reader].name;
        view.readers.push_back(name);
        const auto inputs = inputsOf(results, name);
        if (inputs && inputs->norm && !view.reporter)
            view.reporter = inputs;
    }
    return view;
}

std::vector<LayerShares> sharesOfRun(const Model& model, const Results& results)
{
    std::vector<LayerShares> shares;
    for (const Layer& layer : model.layers)
        if (const auto inputs = inputsOf(&results, layer.name))
            shares.push_back({layer.name, inputs->errors, inputs->lambda});
    return shares;
}

QString gridText(const AffineGrid& grid)
{
    const QString bits = Text::tr("%1 bit").arg(grid.bits);
    if (grid.scales.empty() || grid.zeros.empty())
        return bits;
    const auto [lowest, highest] = std::minmax_element(grid.scales.begin(), grid.scales.end());
    const QString scale =
        grid.scales.size() == 1
            ? Text::tr("scale %1").arg(number(static_cast<double>(*lowest)))
            : Text::tr("%1 scales %2 … %3")
                  .arg(toQString(formatCount(static_cast<std::int64_t>(grid.scales.size()))),
                       number(static_cast<double>(*lowest)), number(static_cast<double>(*highest)));
    const auto [first, last] = std::minmax_element(grid.zeros.begin(), grid.zeros.end());
    const double fraction = static_cast<double>(grid.fraction);
    const QString zero = grid.zeros.size() == 1
                             ? Text::tr("zero %1").arg(number(grid.zeros.front() + fraction))
                             : Text::tr("zeros %1 … %2").arg(*first).arg(*last);
    return Text::tr("%1, %2, %3").arg(bits, scale, zero);
}

NormBands normBands(const ActivationView& view)
{
    NormBands plots;
    if (!view.inputs || !view.reporter || !view.reporter->norm)
        return plots;
    const NormReport& report = *view.reporter->norm;
    if (report.minimum.empty())
        return plots;
    // A layer without a grid of its own is shown with the first reader's.
    const StaticInputs& reader = view.inputs->grid ? *view.inputs : *view.reporter;
    const NormRanges ranges = normRanges(report, reader);
    const auto numbersOf = [&](ChannelBands& bands) {
        bands.numbers.push_back(
            {Text::tr("scale s"), QStringLiteral("scale"), doubles(report.scales)});
        bands.numbers.push_back(
            {Text::tr("zero z"), QStringLiteral("zero"), doubles(report.zeros)});
        bands.numbers.push_back(
            {Text::tr("ratio r1 = s / s̃"), QStringLiteral("ratio"), doubles(reader.ratio)});
    };
    auto before = std::make_shared<ChannelBands>(
        bandsOf(ranges.before, Text::tr("%1 before").arg(toQString(report.norm)),
                Text::tr("a grid for each channel")));
    numbersOf(*before);
    plots.before = std::move(before);
    if (ranges.after.low.empty())
        return plots;
    auto after = std::make_shared<ChannelBands>(
        bandsOf(ranges.after, Text::tr("%1 after").arg(toQString(report.norm)),
                ranges.oneRange ? Text::tr("divided by r1 and shifted: one grid for all")
                                : Text::tr("divided by r1: one scale, zeros of their own")));
    numbersOf(*after);
    plots.after = std::move(after);
    return plots;
}

QString normText(const ActivationView& view)
{
    if (!view.inputs || !view.reporter || !view.reporter->norm)
        return {};
    const NormReport& report = *view.reporter->norm;
    QStringList lines;
    const QString common = commonPart(view.readers);
    const QString names = legendNames(view.readers, 200).join(QStringLiteral(", "));
    lines << (common.isEmpty() ? Text::tr("%1 is read by %2.").arg(toQString(report.norm), names)
                               : Text::tr("%1 is read by %2 in %3.")
                                     .arg(toQString(report.norm), names, common.chopped(1)));
    const std::int64_t equal = report.codes - report.differing;
    if (report.codes <= 0)
        lines << Text::tr("Codes before and after are not compared: the zero is fractional.");
    else if (report.differing == 0)
        lines << Text::tr("Codes before and after are equal in all %1.")
                     .arg(toQString(formatCount(report.codes)));
    else
        lines << Text::tr("Codes before and after are equal in %1 of %2; %3 differ.")
                     .arg(toQString(formatCount(equal)), toQString(formatCount(report.codes)),
                          toQString(formatCount(report.differing)));
    if (const auto& grid = view.inputs->grid) {
        if (grid->scales.size() == 1 && grid->zeros.size() == 1)
            lines << Text::tr("Afterwards s̃ = %1, z̃ = %2 for all channels, %3 bit.")
                         .arg(number(static_cast<double>(grid->scales.front())),
                              number(grid->zeros.front() + static_cast<double>(grid->fraction)))
                         .arg(grid->bits);
        else if (grid->scales.size() == 1)
            lines << Text::tr("Afterwards s̃ = %1 for all channels, zeros by channel, %2 bit.")
                         .arg(number(static_cast<double>(grid->scales.front())))
                         .arg(grid->bits);
        else
            lines << Text::tr("Afterwards %1.").arg(gridText(*grid));
    }
    return lines.join(QLatin1Char(' '));
}

QString whyNoNorm(const ActivationView& view)
{
    if (!view.inputs)
        return whyNothing(view);
    const QString name = toQString(view.layer);
    QStringList lines;
    if (!view.readsNorm)
        lines << Text::tr("%1 reads no norm directly.").arg(name);
    else if (!view.inputs->ratio.empty())
        lines << Text::tr("The norm before %1 was divided by factors of SmoothQuant; ranges by "
                          "channel are kept by RepQ-ViT and RepQuant.")
                     .arg(name);
    else if (!view.note.isEmpty())
        lines << Text::tr("The norm before %1 was not divided.").arg(name);
    else
        lines << Text::tr("The norm before %1 was not divided: its inputs have one grid for all "
                          "channels. RepQ-ViT, RepQuant and the granularity \"channel\" divide "
                          "norms.")
                     .arg(name);
    if (view.inputs->grid)
        lines << Text::tr("Inputs: %1.").arg(gridText(*view.inputs->grid));
    if (!view.note.isEmpty())
        lines << Text::tr("The run notes: %1").arg(view.note);
    return lines.join(QStringLiteral("\n\n"));
}

QString attentionText(const ActivationView& view)
{
    if (!view.inputs)
        return {};
    const auto& attention = view.inputs->attention;
    const auto one = [](const std::optional<AffineGrid>& grid) {
        return grid ? gridText(*grid) : Text::tr("float");
    };
    if (!attention)
        return Text::tr("q, k, v and the softmax stay float.");
    QStringList lines{Text::tr("q: %1").arg(one(attention->query)),
                      Text::tr("k: %1").arg(one(attention->key)),
                      Text::tr("v: %1").arg(one(attention->value))};
    if (attention->probabilities) {
        const ProbabilityGrid& grid = *attention->probabilities;
        const double error = std::visit([](const auto& each) { return each.relativeError; }, grid);
        lines << Text::tr("softmax: %1, %2 bit, largest level %3, error %4")
                     .arg(probabilityQuantizerTitle(quantizerOf(grid)))
                     .arg(bitsOf(grid))
                     .arg(number(largestLevel(grid)), toQString(formatPercent(error)));
    } else {
        lines << Text::tr("softmax: float");
    }
    return lines.join(QStringLiteral(" · "));
}

QString whyNoAttention(const ActivationView& view)
{
    if (!view.inputs)
        return whyNothing(view);
    const QString name = toQString(view.layer);
    if (!view.readsAttention && !view.inputs->attention)
        return Text::tr("%1 does not read an attention. Select the projection behind one to see "
                        "the softmax before it.")
            .arg(name);
    return Text::tr("The attention before %1 was not quantized: give bits to q, k and v or to the "
                    "softmax, and run the recipe.")
        .arg(name);
}

QString whyNoErrors(const ActivationView& view)
{
    return view.inputs ? Text::tr("The errors of %1 were not measured: they are known of linear "
                                  "layers with calibration inputs.")
                             .arg(toQString(view.layer))
                       : whyNothing(view);
}

} // namespace gradus
