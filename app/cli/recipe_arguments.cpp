// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/recipe_arguments.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/byte_source.h"
#include "core/quant/static_settings.h"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <utility>

namespace gradus::cli {

namespace {

ClipLimits clipOf(const std::string& text)
{
    const std::size_t comma = text.find(',');
    double low = 0;
    double high = 0;
    if (comma == std::string::npos || !parseReal(std::string_view(text).substr(0, comma), low) ||
        !parseReal(std::string_view(text).substr(comma + 1), high))
        throw Error(ErrorCode::Usage,
                    concat("--clip ", quoted(text), ": expected LOW,HIGH such as -0.1,0.1"));
    return {static_cast<float>(low) + 0.0F, static_cast<float>(high) + 0.0F};
}

bool namesActivations(const RecipeArguments& arguments)
{
    return arguments.activationBits >= 0 || !arguments.activationQuantizer.empty() ||
           !arguments.activationRange.empty() || !arguments.activationGranularity.empty() ||
           !arguments.activationSoftmax.empty() || arguments.attentionBits >= 0 ||
           arguments.softmaxBits >= 0 || !arguments.activationExponent.empty() ||
           arguments.activationNoClip || arguments.activationShift;
}

/// Refuses what does not go with the quantizer.
void refuseOthers(const RecipeArguments& arguments, ActivationQuantizer quantizer)
{
    const bool power = !arguments.activationExponent.empty() || arguments.activationNoClip ||
                       arguments.activationShift;
    const bool uniform = !arguments.activationRange.empty() ||
                         !arguments.activationGranularity.empty() ||
                         !arguments.activationSoftmax.empty() || arguments.attentionBits >= 0 ||
                         arguments.softmaxBits >= 0;
    if (power && quantizer == ActivationQuantizer::Uniform)
        throw Error(ErrorCode::Usage,
                    "--act-exponent, --act-no-clip and --act-shift are of power grids, but inputs "
                    "go to uniform ones; expected --act-quantizer power, or none of them");
    if (uniform && quantizer == ActivationQuantizer::Power)
        throw Error(ErrorCode::Usage,
                    "--act-range, --act-granularity, --act-softmax, --act-attention-bits and "
                    "--act-softmax-bits are of uniform grids, but inputs go to power ones; "
                    "expected --act-quantizer uniform, or none of them");
}

ActivationChoice activationOf(const RecipeArguments& arguments, const MethodOptions& method)
{
    ActivationChoice choice = defaultActivation(method, arguments.bits);
    if (!namesActivations(arguments))
        return choice;
    // The parser has checked the names.
    if (!arguments.activationQuantizer.empty())
        choice.quantizer = activationQuantizerFromName(arguments.activationQuantizer)
                               .value_or(ActivationQuantizer::Method);
    const ActivationQuantizer quantizer = quantizerOf(choice, method);
    if (arguments.activationBits >= 0)
        choice.bits = arguments.activationBits;
    else if (choice.bits == 0 && arguments.attentionBits <= 0 && arguments.softmaxBits <= 0)
        throw Error(ErrorCode::Usage, "flags about inputs (--act-…) need --act-bits A, the bits of "
                                      "the layers' inputs");
    refuseOthers(arguments, quantizer);
    if (!arguments.activationExponent.empty())
        choice.exponent = activationExponentFromName(arguments.activationExponent)
                              .value_or(ActivationExponent::Searched);
    choice.clip = !arguments.activationNoClip;
    choice.shift = arguments.activationShift;
    choice.range = inputRangeFromName(arguments.activationRange);
    if (!arguments.activationGranularity.empty())
        choice.granularity = inputGranularityFromName(arguments.activationGranularity)
                                 .value_or(InputGranularity::Method);
    choice.softmax = probabilityQuantizerFromName(arguments.activationSoftmax);
    choice.attentionBits = arguments.attentionBits;
    choice.probabilityBits = arguments.softmaxBits;
    if (const auto problem = choice.validate())
        throw Error(ErrorCode::Usage, *problem);
    return choice;
}

} // namespace

Recipe recipeOf(const RecipeArguments& arguments)
{
    Recipe recipe;
    if (!arguments.recipe.empty()) {
        if (!arguments.method.empty() || arguments.bits != 0 || !arguments.granularity.empty() ||
            arguments.symmetric || !arguments.clip.empty() || !arguments.options.empty() ||
            !arguments.keep.empty() || namesActivations(arguments))
            throw Error(ErrorCode::Usage, "--recipe decides method, bits, group, symmetry, clip "
                                          "limits, options, activations and float layers; "
                                          "give either it or those flags");
        recipe = recipeFromJson(readTextFile(arguments.recipe), arguments.recipe);
    } else {
        if (arguments.method.empty() || arguments.bits == 0)
            throw Error(ErrorCode::Usage, "expected --recipe FILE, or --method M and --bits B");
        const MethodDescription* method = findMethod(arguments.method);
        if (!method)
            throw Error(ErrorCode::Usage, concat("method ", quoted(arguments.method),
                                                 " is unknown; see gradus-cli methods"));
        recipe.standard.method = method->defaults;
        recipe.standard.scheme.bits = arguments.bits;
        recipe.standard.scheme.symmetric = arguments.symmetric;
        if (!arguments.granularity.empty())
            setGranularity(recipe.standard.scheme, arguments.granularity);
        if (!arguments.clip.empty())
            recipe.standard.scheme.clip = clipOf(arguments.clip);
        if (const auto problem = recipe.standard.scheme.validate())
            throw Error(ErrorCode::Usage, *problem);
        for (const std::string& option : arguments.options) {
            const std::size_t equals = option.find('=');
            if (equals == std::string::npos)
                throw Error(ErrorCode::Usage,
                            concat("--option ", quoted(option), ": expected key=value"));
            setOption(recipe.standard.method, option.substr(0, equals), option.substr(equals + 1));
        }
        recipe.standard.activation = activationOf(arguments, recipe.standard.method);
        if (isStaticMethod(recipe.standard.method))
            recipe.calibration.mode = CalibrationMode::TrueSequential;
        for (const std::string& pattern : arguments.keep) {
            Rule rule;
            rule.pattern = pattern;
            rule.choice = recipe.standard;
            rule.choice.keepFloat = true;
            recipe.rules.push_back(std::move(rule));
        }
    }
    CalibrationChoice& calibration = recipe.calibration;
    if (!arguments.calibration.empty())
        calibration.data = arguments.calibration;
    if (arguments.samples > 0)
        calibration.samples = arguments.samples;
    if (arguments.context > 0)
        calibration.context = arguments.context;
    if (!arguments.calibrationMode.empty())
        calibration.mode = calibrationModeFromName(arguments.calibrationMode)
                               .value_or(CalibrationMode::Sequential); // checked by the parser
    if (!arguments.data.labels.empty())
        calibration.labels = arguments.data.labels;
    if (!arguments.data.normalize.empty())
        setNormalization(arguments.data.normalize, calibration.mean, calibration.deviation);
    if (!arguments.data.layout.empty())
        calibration.layout = arguments.data.layout;
    for (const auto& [name, path] : inputFiles(arguments.data.inputs))
        calibration.inputs[name] = path.string();
    if (arguments.seed >= 0)
        recipe.seed = static_cast<std::uint64_t>(arguments.seed);
    if (arguments.foldBatchNorms)
        recipe.foldBatchNorms = true;
    return recipe;
}

void addRecipeOptions(CLI::App& verb, RecipeArguments& arguments, bool withBits)
{
    verb.add_option("--recipe", arguments.recipe,
                    "Recipe file (JSON) that decides for every layer");
    verb.add_option("--method", arguments.method, "Method for all layers; see gradus-cli methods");
    if (withBits)
        verb.add_option("--bits", arguments.bits, "Bits per code, 2 to 8");
    verb.add_option("--group,--granularity", arguments.granularity,
                    "Inputs per group, or channel (default), or tensor");
    verb.add_flag("--symmetric", arguments.symmetric, "Symmetric grids, without zeros");
    verb.add_option("--clip", arguments.clip,
                    "Limits that the ranges of all grids are cut to, LOW,HIGH such as -0.1,0.1");
    verb.add_option("--option", arguments.options, "Method option, key=value; may be repeated")
        ->allow_extra_args(false);
    verb.add_option("--act-bits", arguments.activationBits,
                    "Quantize the layers' inputs, too, to this many bits (2 to 8); 0: they stay "
                    "float. Default: 0, with static methods the bits of the weights")
        ->check(CLI::Range(0, 8));
    verb.add_option("--act-quantizer", arguments.activationQuantizer,
                    "Levels that inputs go to: power or uniform (default: uniform with static "
                    "methods, power with all others)")
        ->check(CLI::IsMember({"power", "uniform"}));
    verb.add_option("--act-range", arguments.activationRange,
                    "Range of uniform grids: min-max, percentile or mse (default: the method's)")
        ->check(CLI::IsMember({"min-max", "percentile", "mse"}));
    verb.add_option("--act-granularity", arguments.activationGranularity,
                    "Uniform grids of inputs that come from a norm: tensor, or channel, which is "
                    "folded into the norm (default: the method's)")
        ->check(CLI::IsMember({"tensor", "channel"}));
    verb.add_option("--act-softmax", arguments.activationSoftmax,
                    "What outputs of softmax are rounded to: log-sqrt2, log2 or uniform (default: "
                    "the method's)")
        ->check(CLI::IsMember({"log-sqrt2", "log2", "uniform"}));
    verb.add_option("--act-attention-bits", arguments.attentionBits,
                    "Bits of q, k and v with uniform grids, 2 to 8; 0: float (default: as "
                    "--act-bits)")
        ->check(CLI::Range(0, 8));
    verb.add_option("--act-softmax-bits", arguments.softmaxBits,
                    "Bits of what a softmax puts out with uniform grids, 2 to 8; 0: float "
                    "(default: as --act-bits)")
        ->check(CLI::Range(0, 8));
    verb.add_option(
            "--act-exponent", arguments.activationExponent,
            "Exponent of power grids of inputs: searched (default), shared with the weights, "
            "half or uniform")
        ->check(CLI::IsMember({"searched", "shared", "half", "uniform"}));
    verb.add_flag("--act-no-clip", arguments.activationNoClip,
                  "Power grids of inputs reach to the largest input seen");
    verb.add_flag("--act-shift", arguments.activationShift,
                  "Inputs with small negative parts are moved up to an unsigned grid");
    verb.add_option("--keep", arguments.keep,
                    "Keep layers that match this pattern float; may be repeated")
        ->allow_extra_args(false);
}

void addCalibrationOptions(CLI::App& verb, RecipeArguments& arguments)
{
    verb.add_option("--calibration", arguments.calibration,
                    "Data to calibrate on: a text, an array, a folder of images");
    verb.add_option("--samples", arguments.samples,
                    "Samples of the calibration data, windows of a text (default 128)");
    addDataOptions(verb, arguments.data);
    addInputOption(verb, arguments.data);
    verb.add_option("--context", arguments.context,
                    "Tokens per window (default: the model's, at most 2048)");
    verb.add_option(
            "--calibration-mode", arguments.calibrationMode,
            "sequential: blocks see the quantized ones before them; true-sequential: layers "
            "within a block, too; float: one pass over the float model (default: sequential, "
            "with static methods true-sequential)")
        ->check(CLI::IsMember({"sequential", "true-sequential", "float"}));
    verb.add_option("--tokenizer", arguments.tokenizer, "Tokenizer file instead of the model's");
    verb.add_option("--seed", arguments.seed, "Seed of everything random (default 0)")
        ->check(CLI::NonNegativeNumber);
    verb.add_flag("--fold-batch-norms", arguments.foldBatchNorms,
                  "Take batch norms into the convolutions before them, exactly, before anything "
                  "is quantized");
}

} // namespace gradus::cli
