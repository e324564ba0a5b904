// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text.h"
#include "core/session/recipe_json.h"
#include "core/session/sensitivity.h"

#include <nlohmann/json.hpp>

#include <charconv>
#include <cmath>

namespace gradus {

namespace {

/// The shortest text that reads as the same number; nothing for NaN.
std::string number(double value)
{
    if (std::isnan(value))
        return {};
    char text[32];
    const auto end = std::to_chars(std::begin(text), std::end(text), value).ptr;
    return {std::begin(text), end};
}

std::string field(const std::string& text)
{
    if (text.find_first_of(",\"\r\n") == std::string::npos)
        return text;
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"')
            result += c;
        result += c;
    }
    return result + '"';
}

/// As the column says it: inputs per scale, 0 for one per channel, "tensor" for one in all.
std::string groupOf(const LayerChoice& choice)
{
    if (choice.keepFloat)
        return {};
    switch (choice.scheme.granularity) {
    case Granularity::Group:
        return concat(choice.scheme.groupSize);
    case Granularity::Channel:
        return "0";
    default:
        return "tensor";
    }
}

nlohmann::ordered_json orNull(double value)
{
    return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
}

} // namespace

std::string sensitivityCsv(const SensitivityTable& table)
{
    std::string text =
        "layer,method,bits,group,bytes,weight_error,output_error,fisher,kl,kl_error,input_bits,"
        "possible,note\n";
    for (const SensitivityTable::Row& row : table.rows)
        for (std::size_t c = 0; c < row.candidates.size(); ++c) {
            const LayerChoice& choice = table.candidates[c];
            const Sensitivity& s = row.candidates[c];
            text += concat(field(row.layer), ',',
                           choice.keepFloat ? "float" : methodName(choice.method), ',');
            if (!choice.keepFloat)
                text += concat(choice.scheme.bits);
            text += concat(',', groupOf(choice), ',', s.bytes, ',', number(s.weight), ',',
                           number(s.output), ',', number(s.fisher), ',', number(s.divergence), ',',
                           number(s.divergenceError), ',');
            if (choice.activation.enabled())
                text += concat(choice.activation.bits);
            text += concat(',', s.possible ? "yes" : "no", ',', field(s.note), '\n');
        }
    return text;
}

std::string sensitivityJson(const SensitivityTable& table)
{
    using Json = nlohmann::ordered_json;
    Json root;
    root["unit"] = sensitivityUnitName(table.unit);
    root["candidates"] = Json::array();
    for (const LayerChoice& choice : table.candidates)
        root["candidates"].push_back(Json::parse(choiceToJson(choice)));
    root["layers"] = Json::array();
    for (const SensitivityTable::Row& row : table.rows) {
        Json layer;
        layer["name"] = row.layer;
        layer["candidates"] = Json::array();
        for (const Sensitivity& s : row.candidates) {
            Json one;
            one["bytes"] = s.bytes;
            one["weight_error"] = orNull(s.weight);
            one["output_error"] = orNull(s.output);
            one["fisher"] = orNull(s.fisher);
            one["kl"] = orNull(s.divergence);
            one["kl_error"] = orNull(s.divergenceError);
            one["possible"] = s.possible;
            if (!s.note.empty())
                one["note"] = s.note;
            layer["candidates"].push_back(std::move(one));
        }
        root["layers"].push_back(std::move(layer));
    }
    root["pairs"] = Json::array();
    for (const SensitivityPair& pair : table.pairs)
        root["pairs"].push_back(Json{{"first", table.rows[pair.firstRow].layer},
                                     {"first_candidate", pair.firstCandidate},
                                     {"second", table.rows[pair.secondRow].layer},
                                     {"second_candidate", pair.secondCandidate},
                                     {"separate", orNull(pair.separate)},
                                     {"together", orNull(pair.together)}});
    root["interaction"] = orNull(interactionOf(table));
    return root.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

} // namespace gradus
