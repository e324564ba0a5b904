// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/recipe_activation.h"

#include "core/base/text.h"

#include <nlohmann/json.hpp>

namespace gradus {

namespace {

/// A name of an enumeration; words lists them for messages.
template <class E>
E readName(const RecipeReader& reader, std::string_view words,
           std::optional<E> (*fromName)(std::string_view))
{
    const auto chosen = fromName(reader.text(words));
    if (!chosen)
        reader.expected(words);
    return *chosen;
}

/// The same, or null.
template <class E>
std::optional<E> readOptionalName(const RecipeReader& reader, std::string_view words,
                                  std::optional<E> (*fromName)(std::string_view))
{
    if (reader.json().is_null())
        return std::nullopt;
    return readName(reader, concat(words, ", or null"), fromName);
}

int readInputBits(const RecipeReader& reader, std::string_view words)
{
    const auto bits = static_cast<int>(reader.integer(0, 8, words));
    if (bits == 1)
        reader.expected(words);
    return bits;
}

/// null: as the inputs' own.
int readOwnBits(const RecipeReader& reader)
{
    if (reader.json().is_null())
        return -1;
    return readInputBits(reader, "0 (float), an integer from 2 to 8, or null");
}

} // namespace

/// What only newer versions know is written where it is not what a reader takes anyway: recipes
/// without it stay as they were.
nlohmann::ordered_json activationJson(const ActivationChoice& activation,
                                      const ActivationChoice* standard)
{
    using Json = nlohmann::ordered_json;
    static const ActivationChoice defaults;
    const ActivationChoice& absent = standard ? *standard : defaults;
    Json json = Json::object();
    json.emplace("bits", activation.bits);
    if (activation.quantizer != absent.quantizer)
        json.emplace("quantizer", std::string(activationQuantizerName(activation.quantizer)));
    json.emplace("exponent", std::string(activationExponentName(activation.exponent)));
    json.emplace("clip", activation.clip);
    json.emplace("shift", activation.shift);
    if (activation.range != absent.range)
        json.emplace("range", activation.range
                                  ? Json(std::string(inputRangeName(*activation.range)))
                                  : Json());
    if (activation.granularity != absent.granularity)
        json.emplace("granularity", std::string(inputGranularityName(activation.granularity)));
    if (activation.softmax != absent.softmax)
        json.emplace("softmax",
                     activation.softmax
                         ? Json(std::string(probabilityQuantizerName(*activation.softmax)))
                         : Json());
    const auto ownBits = [](int bits) { return bits < 0 ? Json() : Json(bits); };
    if (activation.attentionBits != absent.attentionBits)
        json.emplace("attention_bits", ownBits(activation.attentionBits));
    if (activation.probabilityBits != absent.probabilityBits)
        json.emplace("softmax_bits", ownBits(activation.probabilityBits));
    return json;
}

void readActivation(const RecipeReader& reader, ActivationChoice& activation)
{
    if (reader.json().is_null()) {
        activation = {};
        return;
    }
    reader.object({"bits", "quantizer", "exponent", "clip", "shift", "range", "granularity",
                   "softmax", "attention_bits", "softmax_bits"});
    if (const auto bits = reader.at("bits"))
        activation.bits = readInputBits(*bits, "0 (float) or an integer from 2 to 8");
    if (const auto quantizer = reader.at("quantizer"))
        activation.quantizer = readName(*quantizer, "\"method\", \"power\" or \"uniform\"",
                                        activationQuantizerFromName);
    if (const auto exponent = reader.at("exponent"))
        activation.exponent =
            readName(*exponent, "\"searched\", \"shared\", \"half\" or \"uniform\"",
                     activationExponentFromName);
    if (const auto clip = reader.at("clip"))
        activation.clip = clip->boolean();
    if (const auto shift = reader.at("shift"))
        activation.shift = shift->boolean();
    if (const auto range = reader.at("range"))
        activation.range =
            readOptionalName(*range, "\"min-max\", \"percentile\" or \"mse\"", inputRangeFromName);
    if (const auto granularity = reader.at("granularity"))
        activation.granularity = readName(*granularity, "\"method\", \"tensor\" or \"channel\"",
                                          inputGranularityFromName);
    if (const auto softmax = reader.at("softmax"))
        activation.softmax = readOptionalName(*softmax, "\"log-sqrt2\", \"log2\" or \"uniform\"",
                                              probabilityQuantizerFromName);
    if (const auto bits = reader.at("attention_bits"))
        activation.attentionBits = readOwnBits(*bits);
    if (const auto bits = reader.at("softmax_bits"))
        activation.probabilityBits = readOwnBits(*bits);
}

} // namespace gradus
