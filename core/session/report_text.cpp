// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/report_text.h"

#include "core/base/format.h"
#include "core/base/text.h"
#include "core/quant/static_settings.h"
#include "core/session/report_markup.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace gradus {

std::string fileNameOf(const std::filesystem::path& path)
{
    const std::filesystem::path name = path.filename();
    return (name.empty() || name == "." ? path.parent_path().filename() : name).string();
}

std::string counted(std::int64_t count, std::string_view one, std::string_view many)
{
    return concat(formatCount(count), " ", count == 1 ? one : many);
}

std::string_view symbolOf(ErrorRating rating)
{
    switch (rating) {
    case ErrorRating::Good:
        return "●";
    case ErrorRating::Fair:
        return "▲";
    case ErrorRating::Poor:
        return "◆";
    case ErrorRating::None:
        break;
    }
    return "";
}

std::string symbol(ErrorRating rating)
{
    if (rating == ErrorRating::None)
        return {};
    const std::string_view name = ratingName(rating);
    return concat("<span class=\"symbol ", name, "\" role=\"img\" aria-label=\"", name,
                  "\" title=\"", name, "\">", symbolOf(rating), "</span>");
}

std::string named(std::string_view name)
{
    return concat("<span class=\"name\">", breakable(name), "</span>");
}

std::string schemeText(const Scheme& scheme)
{
    std::string text = counted(scheme.bits, "bit", "bits");
    switch (scheme.granularity) {
    case Granularity::Tensor:
        text += ", one scale per tensor";
        break;
    case Granularity::Channel:
        text += ", per channel";
        break;
    case Granularity::Group:
        text += concat(", groups of ", formatCount(scheme.groupSize));
        break;
    }
    return concat(text, scheme.symmetric ? ", symmetric" : ", asymmetric", ", scales ",
                  dtypeName(scheme.scaleType));
}

std::string choiceSentence(const LayerChoice& choice)
{
    if (choice.keepFloat)
        return "stays float";
    const MethodDescription& method = *findMethod(methodName(choice.method));
    Scheme scheme = choice.scheme;
    scheme.symmetric = storedScheme(scheme, choice.method).symmetric; // of power grids always
    std::string text = concat(method.title, ", ", schemeText(scheme));
    std::string_view separator = "; ";
    for (const OptionDescription& option : method.options) {
        const std::string value = optionValue(choice.method, option.name);
        if (value == option.defaultValue)
            continue;
        text += concat(separator, option.name, " ", value);
        separator = ", ";
    }
    if (const auto settings = staticSettings(choice.activation, choice.method)) {
        const auto bitsOf = [](int bits) {
            return bits == 0 ? std::string("float") : counted(bits, "bit", "bits");
        };
        text += concat("; inputs ", bitsOf(settings->bits));
        if (settings->bits > 0)
            text += concat(" uniform, ", inputRangeName(settings->range),
                           settings->byChannel ? ", by channel behind norms" : ", per tensor");
        text += concat(", q, k and v ", bitsOf(settings->attentionBits), ", softmax ",
                       bitsOf(settings->probabilityBits));
        if (settings->probabilityBits > 0)
            text += concat(" ", probabilityQuantizerName(settings->probabilities));
    } else if (choice.activation.enabled()) {
        text += concat("; inputs ", counted(choice.activation.bits, "bit", "bits"), ", exponent ",
                       activationExponentName(choice.activation.exponent));
    }
    return text;
}

std::string shortChoice(const LayerResult& result)
{
    if (!result.weight)
        return "float";
    const Scheme& scheme = result.weight->scheme;
    return concat(methodText(result), " ", scheme.bits,
                  scheme.granularity == Granularity::Group ? ", group " : ", ",
                  granuleText(scheme));
}

double ratio(std::uint64_t part, std::uint64_t whole)
{
    return whole == 0 ? std::numeric_limits<double>::quiet_NaN()
                      : static_cast<double>(part) / static_cast<double>(whole);
}

std::string signedText(double value, const std::string& magnitude)
{
    return std::isnan(value) ? "–" : concat(value > 0 ? "+" : value < 0 ? "−" : "", magnitude);
}

std::string changeOf(double before, double after)
{
    const double factor = before > 0 ? after / before : std::numeric_limits<double>::quiet_NaN();
    if (factor > 2)
        return concat("× ", realText(factor, 3));
    const double change = std::fabs(factor - 1) < 5e-4 ? 0 : factor - 1;
    return signedText(change, change == 0 ? "0 %" : formatPercent(std::fabs(change)));
}

std::string decibelChange(double before, double after)
{
    double change = after - before;
    if (std::fabs(change) < 0.05)
        change = 0;
    return signedText(change, formatDecibel(std::fabs(change)));
}

std::string choiceChange(const LayerResult& before, const LayerResult& after)
{
    const std::string a = shortChoice(before);
    const std::string b = shortChoice(after);
    if (a == b)
        return a;
    if (before.weight && after.weight && methodText(before) == methodText(after) &&
        granuleText(before.weight->scheme) == granuleText(after.weight->scheme)) {
        return concat(methodText(after), " ", before.weight->scheme.bits, " → ",
                      b.substr(b.find(' ') + 1));
    }
    return concat(a, " → ", b);
}

Judgment judge(const Run& run)
{
    Judgment result;
    std::vector<double> errors;
    for (const LayerResult& layer : run.layers) {
        if (!layer.weight)
            continue;
        ++result.quantized;
        const double error = layer.relativeOutputError;
        ++result.count[static_cast<std::size_t>(ratingOf(error))];
        if (std::isnan(error))
            continue;
        errors.push_back(error);
        if (!(error <= result.worst)) { // also the first
            result.worst = error;
            result.worstLayer = layer.name;
        }
    }
    if (!errors.empty()) {
        std::sort(errors.begin(), errors.end());
        const std::size_t middle = errors.size() / 2;
        result.median =
            errors.size() % 2 == 1 ? errors[middle] : (errors[middle - 1] + errors[middle]) / 2;
    }
    return result;
}

} // namespace gradus
