// SPDX-License-Identifier: GPL-3.0-or-later
//
// A recipe as JSON:
//
//   {
//     "gradus_recipe": 1,                     version of this format; required
//     "standard": {                           the choice of layers that nothing else names
//       "keep_float": false,                  true: the layer is not quantized
//       "method": "gptq",                     as `gradus-cli methods` lists them
//       "bits": 4,                            2 … 8
//       "granularity": "group",               "tensor", "channel" or "group"
//       "group": 128,                         inputs per group, ≥ 1; implies "granularity": "group"
//       "symmetric": false,
//       "scale_type": "F16",                  "F16" or "F32"
//       "clip": [-0.1, 0.1],                  limits that granules' ranges are cut to; or null
//       "activation": {"bits": 8, …},         the layer's inputs; absent or null: they stay float
//       "options": {"damping": 0.01}          of the method
//     },
//     "rules": [{"pattern": "\\.mlp\\.", "bits": 3}, {"pattern": "lm_head", "keep_float": true}],
//     "overrides": {"model.layers.0.self_attn.q_proj": {"bits": 8}},
//     "locked": ["model.layers.0.self_attn.q_proj"],
//     "calibration": {"data": "train.txt", "samples": 128, "context": 0, "mode": "sequential"},
//     "seed": 0,
//     "fold_batch_norms": true                absent: false
//   }
//
// Everything but the version may be left out. "activation" has "bits" (2 … 8, or 0 for float),
// "quantizer" ("method", "power" or "uniform"); of power grids "exponent" ("searched", "shared",
// "half" or "uniform"), "clip" and "shift" (true or false); of uniform ones "range" ("min-max",
// "percentile" or "mse"; absent or null: the method's), "granularity" ("method", "tensor" or
// "channel"), "softmax" ("log-sqrt2", "log2" or "uniform"; absent or null: the method's), and
// "attention_bits" and "softmax_bits" (2 … 8, 0 for float; absent or null: as "bits").
// "standard" takes defaults for what it leaves out; a rule and an override take the fields of
// "standard" (options only while the method stays the same), except that they quantize unless they
// say "keep_float": true. "mode" is "sequential", "true-sequential" or "float"; "context" 0 stands
// for the model's. "calibration" may have "labels" (a path), "normalize" ({"mean": [127.5],
// "deviation": [127.5]}, in units of the stored array, one value or one per channel; without one of
// them it is 0 or 1), "layout" ("nchw" or "nhwc") and "inputs" ({"mask": "masks.npy"}, arrays for
// further inputs of the model) for data that is no text; absent: as the model's configuration says.
#include "core/session/recipe.h"

#include "core/base/error.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "core/graph/model.h"
#include "core/io/strict_json.h"
#include "core/quant/static_settings.h"
#include "core/session/recipe_activation.h"
#include "core/session/recipe_json.h"
#include "core/session/recipe_reader.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace gradus {

namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr int recipeVersion = 1;

// ------------------------------------------------------------------------------------ writing

/// Appends without looking for the key first: the objects here get every key once.
void put(OrderedJson& object, const std::string& key, OrderedJson value)
{
    object.get_ref<OrderedJson::object_t&>().emplace_back(key, std::move(value));
}

OrderedJson optionsJson(const MethodOptions& method)
{
    OrderedJson json = OrderedJson::object();
    const MethodDescription* description = findMethod(methodName(method));
    for (const OptionDescription& option : description->options) {
        const std::string value = optionValue(method, option.name);
        long long integer = 0;
        double real = 0;
        if (option.type == OptionDescription::Type::Boolean)
            put(json, option.name, value == "true");
        else if (option.type == OptionDescription::Type::Choice)
            put(json, option.name, value);
        else if (option.type == OptionDescription::Type::Integer && parseInteger(value, integer))
            put(json, option.name, integer);
        else if (parseReal(value, real))
            put(json, option.name, real);
        else
            throw Error(ErrorCode::Internal, concat("option ", option.name, " of ",
                                                    description->name, " reads ", quoted(value)));
    }
    return json;
}

/// The double of fewest digits that reads back as the float: 0.1, not 0.10000000149011612.
double shortest(float value)
{
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    double real = 0;
    if (!parseReal({text.data(), static_cast<std::size_t>(end - text.data())}, real))
        throw Error(ErrorCode::Internal, concat("the clip limit ", value, " is not finite"));
    return real + 0.0; // no −0
}

/// standard: what a reader takes for fields that are absent; null: the defaults.
void putScheme(OrderedJson& json, const LayerChoice& choice, const LayerChoice* standard)
{
    put(json, "method", std::string(methodName(choice.method)));
    put(json, "bits", choice.scheme.bits);
    put(json, "granularity", std::string(granularityName(choice.scheme.granularity)));
    if (choice.scheme.groupSize != 0)
        put(json, "group", choice.scheme.groupSize);
    put(json, "symmetric", choice.scheme.symmetric);
    put(json, "scale_type", std::string(dtypeName(choice.scheme.scaleType)));
    if (choice.scheme.clip)
        put(json, "clip", {shortest(choice.scheme.clip->low), shortest(choice.scheme.clip->high)});
    else if (standard && standard->scheme.clip)
        put(json, "clip", nullptr); // or the standard's would be taken
    if (choice.activation != ActivationChoice())
        put(json, "activation",
            activationJson(choice.activation, standard ? &standard->activation : nullptr));
    else if (standard && standard->activation != ActivationChoice())
        put(json, "activation", nullptr);
    put(json, "options", optionsJson(choice.method));
}

OrderedJson choiceJson(const LayerChoice& choice, const LayerChoice* standard)
{
    OrderedJson json = OrderedJson::object();
    if (choice.keepFloat || (standard && standard->keepFloat))
        put(json, "keep_float", choice.keepFloat);
    // A layer that stays float says no more than that, unless it remembers another scheme.
    if (!choice.keepFloat || !standard || choice.scheme != standard->scheme ||
        choice.method != standard->method || choice.activation != standard->activation)
        putScheme(json, choice, standard);
    return json;
}

std::string dumped(const OrderedJson& json, int indent)
{
    try {
        return json.dump(indent);
    } catch (const Json::exception&) { // the only reason is text that is not UTF-8
        throw Error(ErrorCode::Unsupported,
                    "the recipe cannot be written: a path, pattern or layer name is not UTF-8");
    }
}

// ------------------------------------------------------------------------------------ reading

using Reader = RecipeReader;

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

void readOptions(const Reader& reader, MethodOptions& method)
{
    const MethodDescription& description = *findMethod(methodName(method));
    if (!reader.json().is_object())
        reader.expected("an object");
    for (const auto& [key, value] : reader.json().items()) {
        const Reader item = *reader.at(key);
        const auto option =
            std::find_if(description.options.begin(), description.options.end(),
                         [&key = key](const OptionDescription& o) { return o.name == key; });
        if (option == description.options.end()) {
            std::string list;
            for (const OptionDescription& known : description.options)
                list += (list.empty() ? "" : ", ") + known.name;
            item.fail(concat("the method ", description.name, " has ",
                             list.empty() ? "no options" : "only the options " + list));
        }
        std::string text;
        switch (option->type) {
        case OptionDescription::Type::Boolean:
            text = item.boolean() ? "true" : "false";
            break;
        case OptionDescription::Type::Integer:
            text = std::to_string(item.integer(-largest, largest, "an integer"));
            break;
        case OptionDescription::Type::Real:
            if (!value.is_number())
                item.expected("a number");
            text = value.dump();
            break;
        case OptionDescription::Type::Choice:
            if (!value.is_string())
                item.expected("a name");
            text = value.get<std::string>();
            break;
        }
        try {
            setOption(method, key, text);
        } catch (const Error& error) {
            item.fail(error.what());
        }
    }
}

std::optional<ClipLimits> readClip(const Reader& reader)
{
    constexpr std::string_view what = "[low, high] with low at most 0 and high at least 0, or null";
    if (reader.json().is_null())
        return std::nullopt;
    const Json& json = reader.json();
    if (!json.is_array() || json.size() != 2 || !json[0].is_number() || !json[1].is_number())
        reader.expected(what);
    Scheme scheme;
    scheme.clip = {static_cast<float>(json[0].get<double>()) + 0.0F,
                   static_cast<float>(json[1].get<double>()) + 0.0F};
    if (scheme.validate())
        reader.expected(what);
    return scheme.clip;
}

/// Fields that are absent keep what choice holds already.
void readChoice(const Reader& reader, LayerChoice& choice)
{
    if (const auto keep = reader.at("keep_float"))
        choice.keepFloat = keep->boolean();
    if (const auto method = reader.at("method")) {
        const std::string name = method->text("the name of a method");
        const MethodDescription* description = findMethod(name);
        if (!description) {
            std::string list;
            for (const MethodDescription& known : methods())
                list += (list.empty() ? "" : ", ") + known.name;
            method->expected("one of " + list);
        }
        if (methodName(choice.method) != name)
            choice.method = description->defaults;
    }
    if (const auto options = reader.at("options"))
        readOptions(*options, choice.method);
    if (const auto problem = validate(choice.method))
        reader.fail(*problem);

    Scheme& scheme = choice.scheme;
    if (const auto bits = reader.at("bits"))
        scheme.bits = static_cast<int>(bits->integer(2, 8, "an integer from 2 to 8"));
    const auto granularity = reader.at("granularity");
    const auto group = reader.at("group");
    if (granularity) {
        const std::string name = granularity->text("\"tensor\", \"channel\" or \"group\"");
        bool known = false;
        for (const Granularity value :
             {Granularity::Tensor, Granularity::Channel, Granularity::Group}) {
            if (name == granularityName(value)) {
                scheme.granularity = value;
                known = true;
            }
        }
        if (!known)
            granularity->expected("\"tensor\", \"channel\" or \"group\"");
        if (scheme.granularity != Granularity::Group)
            scheme.groupSize = 0;
    }
    if (group) {
        scheme.groupSize = group->integer(1, largest, "a group size of at least 1");
        if (!granularity)
            scheme.granularity = Granularity::Group;
    }
    if (scheme.granularity == Granularity::Group && scheme.groupSize == 0 && !choice.keepFloat)
        reader.fail("\"granularity\" is \"group\" without a size, expected \"group\": N");
    if (const auto symmetric = reader.at("symmetric"))
        scheme.symmetric = symmetric->boolean();
    if (const auto type = reader.at("scale_type")) {
        const std::string name = type->text("\"F16\" or \"F32\"");
        if (name != "F16" && name != "F32")
            type->expected("\"F16\" or \"F32\"");
        scheme.scaleType = name == "F16" ? DType::F16 : DType::F32;
    }
    if (const auto clip = reader.at("clip"))
        scheme.clip = readClip(*clip);
    if (const auto activation = reader.at("activation"))
        readActivation(*activation, choice.activation);
}

/// An exponent that weights and inputs share is one of power levels, and one for all rows.
std::optional<std::string> sharingProblem(const LayerChoice& choice)
{
    if (!choice.activation.enabled() || choice.activation.exponent != ActivationExponent::Shared ||
        quantizerOf(choice.activation, choice.method) != ActivationQuantizer::Power)
        return std::nullopt;
    const PowerGridOptions* power = powerGridOf(choice.method);
    if (!power)
        return concat("activations share the weights' exponent, but ", methodName(choice.method),
                      " makes uniform levels, expected powerquant or nupes, or another exponent");
    if (power->exponentScope == ExponentScope::Row)
        return "activations share the weights' exponent, but each row has its own, expected one "
               "for the layer or the model";
    return std::nullopt;
}

void validateChoice(const LayerChoice& choice, const std::string& who)
{
    if (choice.keepFloat)
        return;
    auto problem = choice.scheme.validate();
    if (!problem)
        problem = validate(choice.method);
    if (!problem)
        problem = choice.activation.validate();
    if (!problem)
        problem = sharingProblem(choice);
    if (!problem && std::holds_alternative<SmoothquantOptions>(choice.method) &&
        choice.activation.granularity == InputGranularity::Channel)
        problem = "smoothquant divides the channels itself and has one grid for all of them then, "
                  "expected inputs per tensor";
    if (problem)
        throw Error(ErrorCode::Usage, concat(who, ": ", *problem));
}

OrderedJson realsJson(const std::vector<float>& values)
{
    OrderedJson json = OrderedJson::array();
    for (const float value : values)
        json.push_back(shortest(value));
    return json;
}

std::vector<float> readReals(const Reader& reader, bool positive)
{
    const std::string_view words =
        positive ? "an array of positive numbers" : "an array of finite numbers";
    const Json& json = reader.json();
    if (!json.is_array() || json.empty())
        reader.expected(words);
    std::vector<float> values;
    for (const Json& item : json) {
        const auto value =
            static_cast<float>(item.is_number() ? item.get<double>() : std::nan("")) + 0.0F;
        if (!std::isfinite(value) || (positive && !(value > 0)))
            reader.expected(words);
        values.push_back(value);
    }
    return values;
}

/// What only data that is no text has.
void readData(const Reader& reader, CalibrationChoice& choice)
{
    if (const auto labels = reader.at("labels"))
        choice.labels = labels->text("a path");
    if (const auto normalize = reader.at("normalize")) {
        normalize->object({"mean", "deviation"});
        const auto mean = normalize->at("mean");
        const auto deviation = normalize->at("deviation");
        if (!mean && !deviation)
            normalize->fail("lacks \"mean\" and \"deviation\", expected one or both");
        if (mean)
            choice.mean = readReals(*mean, false);
        if (deviation)
            choice.deviation = readReals(*deviation, true);
        if (choice.mean.size() > 1 && choice.deviation.size() > 1 &&
            choice.mean.size() != choice.deviation.size())
            normalize->fail("has another number of means than of deviations");
    }
    if (const auto layout = reader.at("layout")) {
        constexpr const char* words = "\"nchw\" or \"nhwc\"";
        choice.layout = layout->text(words);
        if (choice.layout != "nchw" && choice.layout != "nhwc")
            layout->expected(words);
    }
    if (const auto inputs = reader.at("inputs")) {
        if (!inputs->json().is_object())
            inputs->expected("an object of paths by the names of inputs");
        for (const auto& [name, path] : inputs->json().items())
            choice.inputs[name] = inputs->at(name)->text("a path");
    }
}

} // namespace

std::string choiceToJson(const LayerChoice& choice)
{
    OrderedJson json = OrderedJson::object();
    put(json, "keep_float", choice.keepFloat);
    putScheme(json, choice, nullptr);
    return dumped(json, -1);
}

LayerChoice choiceFromJson(std::string_view text, const std::string& name)
{
    const Json json = parseStrictJson(text, name);
    const Reader reader(json, "", name);
    reader.object({"keep_float", "method", "bits", "granularity", "group", "symmetric",
                   "scale_type", "clip", "activation", "options"});
    LayerChoice choice;
    readChoice(reader, choice);
    return choice;
}

std::string_view calibrationModeName(CalibrationMode mode)
{
    switch (mode) {
    case CalibrationMode::Float:
        return "float";
    case CalibrationMode::Sequential:
        return "sequential";
    case CalibrationMode::TrueSequential:
        return "true-sequential";
    }
    return {};
}

std::optional<CalibrationMode> calibrationModeFromName(std::string_view name)
{
    for (const CalibrationMode mode :
         {CalibrationMode::Float, CalibrationMode::Sequential, CalibrationMode::TrueSequential})
        if (calibrationModeName(mode) == name)
            return mode;
    return std::nullopt;
}

std::string toJson(const Recipe& recipe)
{
    OrderedJson json = OrderedJson::object();
    put(json, "gradus_recipe", recipeVersion);
    put(json, "standard", choiceJson(recipe.standard, nullptr));
    OrderedJson rules = OrderedJson::array();
    for (const Rule& rule : recipe.rules) {
        OrderedJson item = OrderedJson::object();
        put(item, "pattern", rule.pattern);
        OrderedJson choice = choiceJson(rule.choice, &recipe.standard);
        for (auto& [key, value] : choice.get_ref<OrderedJson::object_t&>())
            put(item, key, std::move(value));
        rules.push_back(std::move(item));
    }
    put(json, "rules", std::move(rules));
    OrderedJson overrides = OrderedJson::object();
    for (const auto& [layer, choice] : recipe.overrides)
        put(overrides, layer, choiceJson(choice, &recipe.standard));
    put(json, "overrides", std::move(overrides));
    OrderedJson locked = OrderedJson::array();
    for (const std::string& layer : recipe.locked)
        locked.push_back(layer);
    put(json, "locked", std::move(locked));
    OrderedJson calibration = OrderedJson::object();
    put(calibration, "data", recipe.calibration.data);
    put(calibration, "samples", recipe.calibration.samples);
    put(calibration, "context", recipe.calibration.context);
    put(calibration, "mode", calibrationModeName(recipe.calibration.mode));
    // Only where they are given: recipes of texts stay as they were.
    if (!recipe.calibration.labels.empty())
        put(calibration, "labels", recipe.calibration.labels);
    if (!recipe.calibration.mean.empty() || !recipe.calibration.deviation.empty()) {
        OrderedJson normalize = OrderedJson::object();
        if (!recipe.calibration.mean.empty())
            put(normalize, "mean", realsJson(recipe.calibration.mean));
        if (!recipe.calibration.deviation.empty())
            put(normalize, "deviation", realsJson(recipe.calibration.deviation));
        put(calibration, "normalize", std::move(normalize));
    }
    if (!recipe.calibration.layout.empty())
        put(calibration, "layout", recipe.calibration.layout);
    if (!recipe.calibration.inputs.empty()) {
        OrderedJson inputs = OrderedJson::object();
        for (const auto& [name, path] : recipe.calibration.inputs)
            put(inputs, name, path);
        put(calibration, "inputs", std::move(inputs));
    }
    put(json, "calibration", std::move(calibration));
    put(json, "seed", recipe.seed);
    if (recipe.foldBatchNorms) // absent otherwise, as in files of earlier versions
        put(json, "fold_batch_norms", true);
    return dumped(json, 2) + "\n";
}

Recipe recipeFromJson(std::string_view text, const std::string& name)
{
    const Json json = parseStrictJson(text, name);
    const Reader reader(json, "", name);
    if (!json.is_object())
        reader.expected("an object");
    const auto version = reader.at("gradus_recipe");
    if (!version)
        throw Error(ErrorCode::Format,
                    concat(name, " is not a recipe: it has no key \"gradus_recipe\""));
    (void)version->integer(recipeVersion, recipeVersion,
                           concat("version ", recipeVersion, ", the one this program reads"));
    reader.object({"gradus_recipe", "standard", "rules", "overrides", "locked", "calibration",
                   "seed", "fold_batch_norms"});

    Recipe recipe;
    if (const auto standard = reader.at("standard")) {
        standard->object({"keep_float", "method", "bits", "granularity", "group", "symmetric",
                          "scale_type", "clip", "activation", "options"});
        readChoice(*standard, recipe.standard);
    }
    if (const auto rules = reader.at("rules")) {
        for (const Reader& item : rules->array()) {
            item.object({"pattern", "keep_float", "method", "bits", "granularity", "group",
                         "symmetric", "scale_type", "clip", "activation", "options"});
            const auto pattern = item.at("pattern");
            if (!pattern)
                item.fail("has no \"pattern\", expected a regular expression");
            Rule rule;
            rule.pattern = pattern->text("a regular expression");
            try {
                const Regex compiled(rule.pattern);
            } catch (const Error& error) {
                pattern->fail(error.what());
            }
            rule.choice = recipe.standard;
            rule.choice.keepFloat = false; // a rule about bits means to quantize
            readChoice(item, rule.choice);
            recipe.rules.push_back(std::move(rule));
        }
    }
    if (const auto overrides = reader.at("overrides")) {
        if (!overrides->json().is_object())
            overrides->expected("an object");
        for (const auto& [layer, value] : overrides->json().items()) {
            const Reader item = *overrides->at(layer);
            item.object({"keep_float", "method", "bits", "granularity", "group", "symmetric",
                         "scale_type", "clip", "activation", "options"});
            LayerChoice choice = recipe.standard;
            choice.keepFloat = false;
            readChoice(item, choice);
            recipe.overrides.emplace(layer, choice);
        }
    }
    if (const auto locked = reader.at("locked")) {
        for (const Reader& item : locked->array())
            recipe.locked.insert(item.text("a layer's name"));
    }
    if (const auto calibration = reader.at("calibration")) {
        calibration->object(
            {"data", "samples", "context", "mode", "labels", "normalize", "layout", "inputs"});
        CalibrationChoice& choice = recipe.calibration;
        if (const auto data = calibration->at("data"))
            choice.data = data->text("a path");
        if (const auto samples = calibration->at("samples"))
            choice.samples = samples->integer(1, largest, "an integer of at least 1");
        if (const auto context = calibration->at("context"))
            choice.context = context->integer(0, largest, "an integer of at least 0");
        if (const auto mode = calibration->at("mode")) {
            constexpr const char* words = "\"sequential\", \"true-sequential\" or \"float\"";
            const auto chosen = calibrationModeFromName(mode->text(words));
            if (!chosen)
                mode->expected(words);
            choice.mode = *chosen;
        }
        readData(*calibration, choice);
    }
    if (const auto seed = reader.at("seed")) {
        if (!seed->json().is_number_unsigned())
            seed->expected("an integer from 0 to 18446744073709551615");
        recipe.seed = seed->json().get<std::uint64_t>();
    }
    if (const auto fold = reader.at("fold_batch_norms"))
        recipe.foldBatchNorms = fold->boolean();
    return recipe;
}

std::vector<LayerChoice> resolve(const Recipe& recipe, const Model& model)
{
    validateChoice(recipe.standard, "the recipe's standard");
    std::vector<Regex> patterns;
    for (std::size_t i = 0; i < recipe.rules.size(); ++i) {
        const Rule& rule = recipe.rules[i];
        const std::string who = concat("rule ", i + 1, " (", quoted(rule.pattern), ")");
        try {
            patterns.emplace_back(rule.pattern);
        } catch (const Error& error) {
            throw error.within(concat("rule ", i + 1));
        }
        validateChoice(rule.choice, who);
    }
    std::set<std::string_view> names;
    for (const Layer& layer : model.layers)
        names.insert(layer.name);
    for (const auto& [layer, choice] : recipe.overrides) {
        if (names.count(layer) == 0)
            throw Error(ErrorCode::Usage, concat("the recipe overrides ", quoted(layer),
                                                 ", which is no layer of the model"));
        validateChoice(choice, concat("layer ", layer));
    }

    std::vector<LayerChoice> choices;
    choices.reserve(model.layers.size());
    for (const Layer& layer : model.layers) {
        LayerChoice choice = recipe.standard;
        if (const auto own = recipe.overrides.find(layer.name); own != recipe.overrides.end()) {
            choice = own->second;
        } else {
            std::size_t rule = 0;
            while (rule < patterns.size() && !patterns[rule].search(layer.name))
                ++rule;
            if (rule < patterns.size())
                choice = recipe.rules[rule].choice;
            else if (!layer.quantizedByDefault)
                choice.keepFloat = true;
        }
        if (!choice.keepFloat && layer.kind == LayerKind::Embedding &&
            weightNeedsCalibration(choice.method))
            throw Error(ErrorCode::Usage,
                        concat("layer ", layer.name, " is an embedding, whose inputs are tokens: ",
                               methodName(choice.method),
                               " cannot quantize it, expected a method without calibration such as "
                               "rtn or rtn-mse"));
        if (layer.kind == LayerKind::Embedding)
            choice.activation = {}; // tokens stay what they are
        choices.push_back(std::move(choice));
    }
    return choices;
}

} // namespace gradus
