// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/random.h"
#include "core/graph/model.h"
#include "core/session/recipe.h"
#include "core/session/recipe_json.h"

#include <QtTest>

#include <cmath>

using namespace gradus;

namespace {

Recipe sample()
{
    Recipe recipe;
    recipe.standard.scheme = {3, Granularity::Group, 64, true, DType::F32};
    recipe.standard.method = GptqOptions{0.015, true, false, true, 256};
    LayerChoice mse;
    mse.scheme = {8, Granularity::Tensor, 0, false, DType::F16};
    mse.method = RtnMseOptions{0.1 + 0.2, 33}; // a double that needs all its digits
    LayerChoice keep = recipe.standard;
    keep.keepFloat = true;
    LayerChoice keepOther = mse;
    keepOther.keepFloat = true;
    recipe.rules = {{"\\.mlp\\.", mse}, {"lm_head", keep}, {"äöü \"quoted\"\n", keepOther}};
    recipe.overrides = {{"model.layers.0.self_attn.q_proj", mse}, {"lm_head", keep}};
    recipe.locked = {"lm_head", "another"};
    recipe.calibration = {"/data/text with spaces.txt", 77, 512, CalibrationMode::Float};
    recipe.seed = 0xFFFFFFFFFFFFFFFF;
    recipe.foldBatchNorms = true;
    return recipe;
}

Model modelOf(std::vector<std::pair<std::string, LayerKind>> layers)
{
    Model model;
    for (auto& [name, kind] : layers) {
        Layer layer;
        layer.name = name;
        layer.kind = kind;
        layer.quantizedByDefault = kind == LayerKind::Linear && name != "lm_head";
        model.layers.push_back(layer);
    }
    return model;
}

} // namespace

class TestRecipe : public QObject
{
    Q_OBJECT

private slots:
    void roundTrips()
    {
        for (const Recipe& recipe : {Recipe(), sample()}) {
            const std::string text = toJson(recipe);
            const Recipe back = recipeFromJson(text, "r.json");
            QVERIFY2(back == recipe, text.c_str());
            QCOMPARE(toJson(back), text);
        }
        Recipe floatStandard;
        floatStandard.standard.keepFloat = true;
        floatStandard.rules.push_back({"mlp", {}});
        QVERIFY(recipeFromJson(toJson(floatStandard), "r.json") == floatStandard);
    }

    void everyMethodRoundTrips()
    {
        for (const MethodDescription& method : methods()) {
            LayerChoice choice;
            choice.method = method.defaults;
            QVERIFY(choiceFromJson(choiceToJson(choice), "choice") == choice);
            Recipe recipe;
            recipe.standard = choice;
            QVERIFY(recipeFromJson(toJson(recipe), "r.json") == recipe);
        }
    }

    void clipLimitsRoundTrip()
    {
        LayerChoice choice;
        QVERIFY(choiceToJson(choice).find("clip") == std::string::npos);
        choice.scheme.clip = {-0.1F, 3.4028235e38F};
        const std::string text = choiceToJson(choice);
        QVERIFY2(text.find("\"clip\":[-0.1,3.4028235e+38]") != std::string::npos, text.c_str());
        RandomStream random(1, "clip");
        for (int i = 0; i < 1000; ++i) {
            choice.scheme.clip = {-static_cast<float>(std::fabs(random.normal())),
                                  static_cast<float>(std::exp(40 * random.normal()))};
            if (choice.scheme.validate())
                continue; // beyond float
            QVERIFY(choiceFromJson(choiceToJson(choice), "choice") == choice);
        }
        // A rule takes the standard's limits, unless it says null or its own.
        Recipe recipe;
        recipe.standard = choice;
        recipe.standard.scheme.clip = {-0.5F, 0.25F};
        recipe.rules = {{"a", recipe.standard}, {"b", recipe.standard}, {"c", recipe.standard}};
        recipe.rules[1].choice.scheme.clip.reset();
        recipe.rules[2].choice.scheme.clip = {0, 1};
        QVERIFY(recipeFromJson(toJson(recipe), "r.json") == recipe);
        const Recipe read =
            recipeFromJson("{\"gradus_recipe\": 1, \"standard\": {\"clip\": [-0.5, 0.25]},"
                           " \"rules\": [{\"pattern\": \"a\", \"bits\": 3},"
                           " {\"pattern\": \"b\", \"clip\": null}]}",
                           "r.json");
        QVERIFY((read.rules[0].choice.scheme.clip == ClipLimits{-0.5F, 0.25F}));
        QVERIFY(!read.rules[1].choice.scheme.clip);
    }

    void activationsRoundTrip()
    {
        LayerChoice choice;
        QVERIFY(choiceToJson(choice).find("activation") == std::string::npos);
        choice.activation = {4, ActivationQuantizer::Method, ActivationExponent::Shared, false,
                             true};
        const std::string text = choiceToJson(choice);
        QVERIFY2(text.find("\"activation\":{\"bits\":4,\"exponent\":\"shared\",\"clip\":false,"
                           "\"shift\":true}") != std::string::npos,
                 text.c_str());
        for (const int bits : {0, 2, 8})
            for (const auto exponent : {ActivationExponent::Searched, ActivationExponent::Shared,
                                        ActivationExponent::Half, ActivationExponent::Uniform})
                for (const bool flag : {false, true}) {
                    choice.activation = {bits, ActivationQuantizer::Method, exponent, flag, !flag};
                    QVERIFY(choiceFromJson(choiceToJson(choice), "choice") == choice);
                    QCOMPARE(needsCalibration(choice), bits > 0);
                }
        choice.keepFloat = true;
        QVERIFY(!needsCalibration(choice));
        // Rules and overrides take the standard's, unless they say null or their own.
        Recipe recipe;
        recipe.standard.activation = {8, ActivationQuantizer::Method, ActivationExponent::Half,
                                      true, false};
        recipe.rules = {{"a", recipe.standard}, {"b", recipe.standard}};
        recipe.rules[0].choice.activation = {};
        recipe.rules[1].choice.activation.bits = 4;
        recipe.overrides["layers.0"] = recipe.standard;
        recipe.overrides["layers.1"] = {};
        recipe.overrides["layers.2"] = recipe.standard;
        recipe.overrides["layers.2"].keepFloat = true;
        QVERIFY(recipeFromJson(toJson(recipe), "r.json") == recipe);
        const Recipe read = recipeFromJson(R"({"gradus_recipe": 1,
            "standard": {"activation": {"bits": 8, "exponent": "uniform", "shift": true}},
            "rules": [{"pattern": "a", "bits": 3}, {"pattern": "b", "activation": null},
                      {"pattern": "c", "activation": {"bits": 4}}],
            "overrides": {"x": {"activation": {"bits": 0}}}})",
                                           "r.json");
        const ActivationChoice standard{8, ActivationQuantizer::Method, ActivationExponent::Uniform,
                                        true, true};
        QVERIFY(read.rules[0].choice.activation == standard);
        QVERIFY(read.rules[1].choice.activation == ActivationChoice());
        QVERIFY((read.rules[2].choice.activation == ActivationChoice{4, ActivationQuantizer::Method,
                                                                     ActivationExponent::Uniform,
                                                                     true, true}));
        QVERIFY(!read.overrides.at("x").activation.enabled());
        // Tokens stay tokens.
        const Model model = modelOf({{"embed", LayerKind::Embedding}, {"a", LayerKind::Linear}});
        recipe.overrides.clear();
        recipe.rules = {{"embed", recipe.standard}};
        QVERIFY(!resolve(recipe, model)[0].activation.enabled());
        QVERIFY(resolve(recipe, model)[1].activation.enabled());
    }

    void uniformActivationsRoundTrip()
    {
        LayerChoice choice;
        choice.method = RepquantOptions{};
        choice.activation.bits = 4;
        // Nothing new is said of what the method decides.
        QVERIFY(choiceToJson(choice).find("quantizer") == std::string::npos);
        QVERIFY(choiceToJson(choice).find("softmax_bits") == std::string::npos);
        ActivationChoice& inputs = choice.activation;
        for (const auto quantizer : {ActivationQuantizer::Method, ActivationQuantizer::Power,
                                     ActivationQuantizer::Uniform})
            for (const auto granularity :
                 {InputGranularity::Method, InputGranularity::Tensor, InputGranularity::Channel})
                for (const int bits : {-1, 0, 2, 8}) {
                    inputs.quantizer = quantizer;
                    inputs.granularity = granularity;
                    inputs.attentionBits = bits;
                    inputs.probabilityBits = bits == 8 ? -1 : bits;
                    QVERIFY(choiceFromJson(choiceToJson(choice), "choice") == choice);
                }
        for (const auto range : {InputRange::MinMax, InputRange::Percentile, InputRange::Mse}) {
            inputs.range = range;
            QVERIFY(choiceFromJson(choiceToJson(choice), "choice") == choice);
        }
        for (const auto softmax : {ProbabilityQuantizer::LogSqrt2, ProbabilityQuantizer::Log2,
                                   ProbabilityQuantizer::Uniform}) {
            inputs.softmax = softmax;
            QVERIFY(choiceFromJson(choiceToJson(choice), "choice") == choice);
        }
        // The standard's are taken back by null, one by one.
        const Recipe read = recipeFromJson(R"({"gradus_recipe": 1,
            "standard": {"method": "repq-vit", "activation": {"bits": 6, "quantizer": "uniform",
                "range": "mse", "granularity": "tensor", "softmax": "log2", "attention_bits": 8,
                "softmax_bits": 0}},
            "rules": [{"pattern": "a", "activation": {"range": null, "softmax": null}},
                      {"pattern": "b", "activation": {"attention_bits": null, "softmax_bits": null,
                                                      "granularity": "method"}}]})",
                                           "r.json");
        const ActivationChoice& standard = read.standard.activation;
        QVERIFY(standard.quantizer == ActivationQuantizer::Uniform);
        QVERIFY(standard.range == InputRange::Mse);
        QVERIFY(standard.granularity == InputGranularity::Tensor);
        QVERIFY(standard.softmax == ProbabilityQuantizer::Log2);
        QCOMPARE(standard.bitsOfAttention(), 8);
        QCOMPARE(standard.bitsOfProbabilities(), 0);
        ActivationChoice expected = standard;
        expected.range.reset();
        expected.softmax.reset();
        QVERIFY(read.rules[0].choice.activation == expected);
        expected = standard;
        expected.attentionBits = expected.probabilityBits = -1;
        expected.granularity = InputGranularity::Method;
        QVERIFY(read.rules[1].choice.activation == expected);
        QCOMPARE(expected.bitsOfAttention(), 6);
        QVERIFY(recipeFromJson(toJson(read), "r.json") == read);
    }

    void optionsOfStaticMethodsRoundTrip()
    {
        for (const MethodDescription& method : methods()) {
            LayerChoice choice;
            choice.method = method.defaults;
            QVERIFY(choiceFromJson(choiceToJson(choice), "choice") == choice);
            // Another of every choice and of every switch.
            for (const OptionDescription& option : method.options)
                if (option.type == OptionDescription::Type::Choice)
                    setOption(choice.method, option.name,
                              option.choices[option.choices.front() == option.defaultValue]);
                else if (option.type == OptionDescription::Type::Boolean)
                    setOption(choice.method, option.name,
                              option.defaultValue == "true" ? "false" : "true");
            QVERIFY(choiceFromJson(choiceToJson(choice), "choice") == choice);
            QVERIFY(!isStaticMethod(method.defaults) || choice.method != method.defaults);
        }
    }

    void needsCalibrationForStaticInputs()
    {
        LayerChoice choice; // rtn
        choice.activation.quantizer = ActivationQuantizer::Uniform;
        QVERIFY(!needsCalibration(choice));
        choice.activation.attentionBits = 8;
        QVERIFY(needsCalibration(choice));
        choice.activation.quantizer = ActivationQuantizer::Power; // has none of its own
        QVERIFY(!needsCalibration(choice));
        choice.activation = {};
        choice.method = MinmaxStaticOptions{};
        QVERIFY(needsCalibration(choice));
    }

    void theTextIsStable()
    {
        Recipe recipe;
        recipe.standard.method = GptqOptions{};
        recipe.standard.scheme = {4, Granularity::Group, 128, false, DType::F16};
        LayerChoice keep = recipe.standard;
        keep.keepFloat = true;
        recipe.rules.push_back({"lm_head", keep});
        QCOMPARE(QByteArray::fromStdString(toJson(recipe)), QByteArray(R"({
  "gradus_recipe": 1,
  "standard": {
    "method": "gptq",
    "bits": 4,
    "granularity": "group",
    "group": 128,
    "symmetric": false,
    "scale_type": "F16",
    "options": {
      "damping": 0.01,
      "act_order": false,
      "static_groups": true,
      "mse_clip": false,
      "block_size": 128
    }
  },
  "rules": [
    {
      "pattern": "lm_head",
      "keep_float": true
    }
  ],
  "overrides": {},
  "locked": [],
  "calibration": {
    "data": "",
    "samples": 128,
    "context": 0,
    "mode": "sequential"
  },
  "seed": 0
}
)"));
    }

    void missingFieldsInherit()
    {
        const Recipe recipe = recipeFromJson(R"({"gradus_recipe": 1,
            "standard": {"method": "gptq", "bits": 3, "group": 64, "options": {"damping": 0.05}},
            "rules": [{"pattern": "a", "bits": 8},
                      {"pattern": "b", "granularity": "channel", "options": {"act_order": true}},
                      {"pattern": "c", "method": "rtn-mse", "symmetric": true},
                      {"pattern": "d", "granularity": "tensor"},
                      {"pattern": "e", "keep_float": true}],
            "overrides": {"x.y": {"group": 32}}})",
                                             "r.json");
        QVERIFY(recipe.standard.scheme == (Scheme{3, Granularity::Group, 64, false, DType::F16}));
        QVERIFY(recipe.standard.method == MethodOptions(GptqOptions{0.05}));
        QVERIFY(recipe.rules[0].choice.scheme ==
                (Scheme{8, Granularity::Group, 64, false, DType::F16}));
        QVERIFY(recipe.rules[0].choice.method == recipe.standard.method);
        QVERIFY(recipe.rules[1].choice.scheme ==
                (Scheme{3, Granularity::Channel, 0, false, DType::F16}));
        QVERIFY(recipe.rules[1].choice.method == MethodOptions(GptqOptions{0.05, true}));
        QVERIFY(recipe.rules[2].choice.method == MethodOptions(RtnMseOptions{}));
        QVERIFY(recipe.rules[2].choice.scheme ==
                (Scheme{3, Granularity::Group, 64, true, DType::F16}));
        QVERIFY(recipe.rules[3].choice.scheme.granularity == Granularity::Tensor);
        QVERIFY(recipe.rules[4].choice.keepFloat);
        QVERIFY(recipe.overrides.at("x.y").scheme ==
                (Scheme{3, Granularity::Group, 32, false, DType::F16}));
    }

    void badRecipes_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("message");
        const auto row = [](const char* name, const char* text, const char* message) {
            QTest::newRow(name) << QByteArray(text).replace('\'', '"') << QByteArray(message);
        };
        row("empty", "", "not valid JSON");
        row("no object", "[]", "expected an object");
        row("cut", "{'gradus_recipe': 1", "not valid JSON");
        row("trailing", "{'gradus_recipe': 1} x", "not valid JSON");
        row("no version", "{'seed': 1}", "gradus_recipe");
        row("other version", "{'gradus_recipe': 2}", "gradus_recipe is 2, expected version 1");
        row("version as text", "{'gradus_recipe': '1'}", "gradus_recipe is \"1\"");
        row("unknown key", "{'gradus_recipe': 1, 'sede': 1}", "sede is an unknown key");
        row("unknown nested",
            "{'gradus_recipe': 1, 'rules': [{'pattern': 'a'}, {'pattern': 'b', 'bit': 3}]}",
            "rules[1].bit is an unknown key");
        row("twice", "{'gradus_recipe': 1, 'seed': 1, 'seed': 2}", "twice");
        row("bits low", "{'gradus_recipe': 1, 'standard': {'bits': 1}}",
            "standard.bits is 1, expected an integer from 2 to 8");
        row("bits high", "{'gradus_recipe': 1, 'standard': {'bits': 9}}", "standard.bits is 9");
        row("bits real", "{'gradus_recipe': 1, 'standard': {'bits': 4.0}}", "standard.bits is 4.0");
        row("bits huge", "{'gradus_recipe': 1, 'standard': {'bits': 18446744073709551615}}",
            "standard.bits");
        row("group zero", "{'gradus_recipe': 1, 'standard': {'group': 0}}", "standard.group is 0");
        row("group negative", "{'gradus_recipe': 1, 'standard': {'group': -1}}",
            "standard.group is -1");
        row("group without size", "{'gradus_recipe': 1, 'standard': {'granularity': 'group'}}",
            "without a size");
        row("granularity", "{'gradus_recipe': 1, 'standard': {'granularity': 'row'}}",
            "standard.granularity is \"row\"");
        row("symmetric", "{'gradus_recipe': 1, 'standard': {'symmetric': 1}}",
            "expected true or false");
        row("scale type", "{'gradus_recipe': 1, 'standard': {'scale_type': 'BF16'}}",
            "\"F16\" or \"F32\"");
        row("clip number", "{'gradus_recipe': 1, 'standard': {'clip': 0.1}}",
            "standard.clip is 0.1, expected [low, high]");
        row("clip of three", "{'gradus_recipe': 1, 'standard': {'clip': [-1, 0, 1]}}",
            "standard.clip is [-1,0,1]");
        row("clip upside down", "{'gradus_recipe': 1, 'standard': {'clip': [1, -1]}}",
            "standard.clip is [1,-1]");
        row("clip without zero", "{'gradus_recipe': 1, 'standard': {'clip': [1, 2]}}",
            "standard.clip is [1,2]");
        row("clip beyond float", "{'gradus_recipe': 1, 'standard': {'clip': [-1, 1e300]}}",
            "standard.clip");
        row("activation bits", "{'gradus_recipe': 1, 'standard': {'activation': {'bits': 1}}}",
            "standard.activation.bits is 1, expected 0 (float) or");
        row("activation bits high", "{'gradus_recipe': 1, 'standard': {'activation': {'bits': 9}}}",
            "standard.activation.bits is 9");
        row("activation number", "{'gradus_recipe': 1, 'standard': {'activation': 8}}",
            "standard.activation is 8, expected an object");
        row("activation key",
            "{'gradus_recipe': 1, 'rules': [{'pattern': 'a', 'activation':"
            " {'zero': 1}}]}",
            "rules[0].activation.zero is an unknown key");
        row("activation exponent",
            "{'gradus_recipe': 1, 'standard': {'activation': {'exponent': 0.5}}}",
            "standard.activation.exponent is 0.5, expected");
        row("activation clip", "{'gradus_recipe': 1, 'standard': {'activation': {'clip': 1}}}",
            "standard.activation.clip is 1");
        row("quantizer", "{'gradus_recipe': 1, 'standard': {'activation': {'quantizer': 'log'}}}",
            "standard.activation.quantizer is \"log\", expected");
        row("range", "{'gradus_recipe': 1, 'standard': {'activation': {'range': 'max'}}}",
            "standard.activation.range is \"max\", expected");
        row("range number", "{'gradus_recipe': 1, 'standard': {'activation': {'range': 3}}}",
            "standard.activation.range is 3, expected");
        row("input granularity",
            "{'gradus_recipe': 1, 'standard': {'activation': {'granularity': 'group'}}}",
            "standard.activation.granularity is \"group\", expected");
        row("softmax", "{'gradus_recipe': 1, 'standard': {'activation': {'softmax': 'log'}}}",
            "standard.activation.softmax is \"log\", expected");
        row("attention bits",
            "{'gradus_recipe': 1, 'standard': {'activation': {'attention_bits': 1}}}",
            "standard.activation.attention_bits is 1, expected");
        row("attention bits below",
            "{'gradus_recipe': 1, 'standard': {'activation': {'attention_bits': -1}}}",
            "standard.activation.attention_bits is -1, expected");
        row("softmax bits", "{'gradus_recipe': 1, 'standard': {'activation': {'softmax_bits': 9}}}",
            "standard.activation.softmax_bits is 9, expected");
        row("lambda",
            "{'gradus_recipe': 1, 'standard': {'method': 'repquant', 'options': {'lambda': 101}}}",
            "option lambda of repquant is");
        row("option of another static method",
            "{'gradus_recipe': 1, 'standard': {'method': 'repq-vit', 'options': {'alpha': 1}}}",
            "standard.options.alpha");
        row("method", "{'gradus_recipe': 1, 'standard': {'method': 'awq'}}",
            "one of rtn, rtn-mse, gptq");
        row("method type", "{'gradus_recipe': 1, 'standard': {'method': 3}}",
            "standard.method is 3");
        row("option unknown",
            "{'gradus_recipe': 1, 'standard': {'method': 'gptq', 'options': {'x': 1}}}",
            "standard.options.x");
        row("option of none",
            "{'gradus_recipe': 1, 'standard': {'method': 'rtn', 'options': {'x': 1}}}",
            "no options");
        row("option range",
            "{'gradus_recipe': 1, 'standard': {'method': 'gptq', 'options': {'damping': 2}}}",
            "standard.options.damping");
        row("option type",
            "{'gradus_recipe': 1, 'standard': {'method': 'gptq', 'options': {'act_order': 1}}}",
            "standard.options.act_order is 1, expected true or false");
        row("option real for integer",
            "{'gradus_recipe': 1, 'standard': {'method': 'gptq', 'options': {'block_size': 64.5}}}",
            "standard.options.block_size is 64.5");
        row("options list", "{'gradus_recipe': 1, 'standard': {'options': []}}",
            "standard.options is []");
        row("rules object", "{'gradus_recipe': 1, 'rules': {}}", "rules is {}, expected an array");
        row("rule text", "{'gradus_recipe': 1, 'rules': ['a']}", "rules[0] is \"a\"");
        row("no pattern", "{'gradus_recipe': 1, 'rules': [{'bits': 3}]}",
            "rules[0]: has no \"pattern\"");
        row("bad pattern", "{'gradus_recipe': 1, 'rules': [{'pattern': '(a'}]}",
            "rules[0].pattern");
        row("override", "{'gradus_recipe': 1, 'overrides': {'a.b': {'bits': 77}}}",
            "overrides[\"a.b\"].bits is 77");
        row("overrides list", "{'gradus_recipe': 1, 'overrides': []}", "overrides is []");
        row("locked", "{'gradus_recipe': 1, 'locked': [1]}", "locked[0] is 1");
        row("samples", "{'gradus_recipe': 1, 'calibration': {'samples': 0}}",
            "calibration.samples is 0");
        row("context", "{'gradus_recipe': 1, 'calibration': {'context': -1}}",
            "calibration.context is -1");
        row("mode", "{'gradus_recipe': 1, 'calibration': {'mode': 'x'}}",
            "calibration.mode is \"x\"");
        row("seed negative", "{'gradus_recipe': 1, 'seed': -1}", "seed is -1");
        row("fold no truth", "{'gradus_recipe': 1, 'fold_batch_norms': 1}",
            "fold_batch_norms is 1");
        row("seed real", "{'gradus_recipe': 1, 'seed': 1.5}", "seed is 1.5");
        row("number out of range", "{'gradus_recipe': 1, 'seed': 1e999}", "not valid JSON");
        row("not UTF-8", "{\"gradus_recipe\": 1, \"calibration\": {\"data\": \"\xFF\"}}",
            "not valid JSON");
        const QByteArray deep = "{\"gradus_recipe\": 1, \"seed\": " + QByteArray(100000, '[');
        QTest::newRow("deep") << deep << QByteArray("nested");
    }
    void badRecipes()
    {
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, message);
        try {
            (void)recipeFromJson(text.toStdString(), "bad.json");
            QFAIL("accepted");
        } catch (const Error& error) {
            QVERIFY2(error.code() == ErrorCode::Format, error.what());
            const QByteArray what(error.what());
            QVERIFY2(what.startsWith("bad.json"), error.what());
            QVERIFY2(what.contains(message), error.what());
        }
    }

    void cutAnywhereIsAnError()
    {
        const std::string text = toJson(sample());
        for (std::size_t length = 0; length + 2 < text.size(); ++length) {
            try {
                (void)recipeFromJson(std::string_view(text).substr(0, length), "cut");
                QFAIL("accepted");
            } catch (const Error& error) {
                QVERIFY(error.code() == ErrorCode::Format);
            }
        }
    }

    void resolvesInOrder()
    {
        const Model model = modelOf({{"embed", LayerKind::Embedding},
                                     {"layers.0.q", LayerKind::Linear},
                                     {"layers.0.mlp", LayerKind::Linear},
                                     {"layers.1.mlp", LayerKind::Linear},
                                     {"conv", LayerKind::Convolution},
                                     {"lm_head", LayerKind::Linear}});
        Recipe recipe;
        recipe.standard.scheme.bits = 4;
        LayerChoice three;
        three.scheme.bits = 3;
        LayerChoice five;
        five.scheme.bits = 5;
        LayerChoice six;
        six.scheme.bits = 6;
        LayerChoice keep;
        keep.keepFloat = true;
        recipe.rules = {{"layers\\.0\\.", three}, {"mlp", five}, {"^embed$", six}};
        recipe.overrides = {{"layers.1.mlp", keep}};
        const std::vector<LayerChoice> choices = resolve(recipe, model);
        QCOMPARE(choices.size(), std::size_t(6));
        QVERIFY(choices[0] == six);    // a rule includes the embedding
        QVERIFY(choices[1] == three);  // a rule
        QVERIFY(choices[2] == three);  // the first rule that matches
        QVERIFY(choices[3] == keep);   // an override wins over rules
        QVERIFY(choices[4].keepFloat); // not quantized by default
        QVERIFY(choices[5].keepFloat); // nor is the head
        recipe.rules.clear();
        recipe.overrides.clear();
        QVERIFY(resolve(recipe, model)[1] == recipe.standard);
    }

    void resolvesStaticMethods()
    {
        const Model model = modelOf({{"embed", LayerKind::Embedding},
                                     {"patch", LayerKind::Convolution},
                                     {"layers.0", LayerKind::Linear}});
        Recipe recipe;
        recipe.standard.method = RepqVitOptions{};
        recipe.standard.activation.bits = 6;
        recipe.rules = {{"embed", recipe.standard}}; // weights alone: its rows' percentiles
        const std::vector<LayerChoice> choices = resolve(recipe, model);
        QVERIFY(!choices[0].keepFloat);
        QVERIFY(choices[0].activation == ActivationChoice());
        QCOMPARE(choices[1].activation.bits, 6);
        QVERIFY(choices[2] == recipe.standard);
        // A shared exponent is of power grids alone.
        recipe.standard.activation.exponent = ActivationExponent::Shared;
        QVERIFY(resolve(recipe, model)[2] == recipe.standard);
        recipe.standard.activation.quantizer = ActivationQuantizer::Power;
        QVERIFY_EXCEPTION_THROWN((void)resolve(recipe, model), Error);
    }

    void refusesToResolve_data()
    {
        QTest::addColumn<QString>("kind");
        QTest::addColumn<QByteArray>("message");
        QTest::newRow("pattern") << "pattern" << QByteArray("rule 2");
        QTest::newRow("bits") << "bits" << QByteArray("rule 1 (\"a\")");
        QTest::newRow("option") << "option" << QByteArray("layer layers.0");
        QTest::newRow("override") << "override" << QByteArray("\"nobody\", which is no layer");
        QTest::newRow("standard") << "standard" << QByteArray("standard");
        QTest::newRow("activation") << "activation" << QByteArray("rule 1 (\"0\"): bits");
        QTest::newRow("shared uniform") << "shared" << QByteArray("rtn makes uniform levels");
        QTest::newRow("shared rows") << "shared rows" << QByteArray("each row has its own");
        QTest::newRow("attention") << "attention" << QByteArray("bits of attention is 1");
        QTest::newRow("softmax") << "softmax" << QByteArray("bits of the softmax is 12");
        QTest::newRow("lambda") << "lambda" << QByteArray("option lambda of repquant is -0.5");
        QTest::newRow("embedding") << "embedding" << QByteArray("layer embed is an embedding");
    }
    void refusesToResolve()
    {
        QFETCH(QString, kind);
        QFETCH(QByteArray, message);
        const Model model =
            modelOf({{"embed", LayerKind::Embedding}, {"layers.0", LayerKind::Linear}});
        Recipe recipe;
        LayerChoice bad;
        if (kind == "pattern") {
            recipe.rules = {{"a", {}}, {"(", {}}};
        } else if (kind == "bits") {
            bad.scheme.bits = 9;
            recipe.rules = {{"a", bad}};
        } else if (kind == "activation") {
            bad.activation.bits = 9;
            recipe.rules = {{"0", bad}};
        } else if (kind.startsWith("shared")) {
            bad.activation = {8, ActivationQuantizer::Method, ActivationExponent::Shared};
            if (kind == "shared rows") {
                PowerquantOptions rows;
                rows.exponentScope = ExponentScope::Row;
                bad.method = rows;
            }
            recipe.rules = {{"0", bad}};
        } else if (kind == "attention") {
            bad.activation.attentionBits = 1;
            recipe.rules = {{"0", bad}};
        } else if (kind == "softmax") {
            bad.activation.probabilityBits = 12;
            recipe.rules = {{"0", bad}};
        } else if (kind == "lambda") {
            RepquantOptions repquant;
            repquant.lambda = -0.5;
            bad.method = repquant;
            recipe.rules = {{"0", bad}};
        } else if (kind == "option") {
            bad.method = GptqOptions{-1};
            recipe.overrides = {{"layers.0", bad}};
        } else if (kind == "override") {
            recipe.overrides = {{"nobody", {}}};
        } else if (kind == "standard") {
            recipe.standard.scheme.granularity = Granularity::Group;
        } else {
            bad.method = GptqOptions{};
            recipe.rules = {{"emb", bad}};
        }
        try {
            (void)resolve(recipe, model);
            QFAIL("accepted");
        } catch (const Error& error) {
            QVERIFY2(error.code() == ErrorCode::Usage, error.what());
            QVERIFY2(QByteArray(error.what()).contains(message), error.what());
        }
        // What is kept float may say anything else.
        if (kind == "bits") {
            recipe.rules[0].choice.keepFloat = true;
            QCOMPARE(resolve(recipe, model).size(), std::size_t(2));
        }
    }
};

QTEST_APPLESS_MAIN(TestRecipe)
#include "tst_recipe.moc"
