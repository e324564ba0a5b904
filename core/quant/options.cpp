// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/options.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <type_traits>
#include <utility>

namespace gradus {

namespace {

/// An enumeration by the names of its values, which are 0, 1, 2 …
template <class O>
struct NamedChoice
{
    std::span<const std::string_view> names;
    int (*get)(const O&);
    void (*set)(O&, int);
};

template <auto Member, class O>
constexpr NamedChoice<O> namedChoice(std::span<const std::string_view> names)
{
    return {names, [](const O& options) { return static_cast<int>(options.*Member); },
            [](O& options, int value) {
                using E = std::remove_reference_t<decltype(options.*Member)>;
                options.*Member = static_cast<E>(value);
            }};
}

/// One option of the option struct O. Everything that the program knows of an option — its text
/// form, its limits, the form field, the flag, the documentation — comes from this entry.
template <class O>
struct Entry
{
    std::string_view name;
    std::variant<bool O::*, int O::*, double O::*, NamedChoice<O>> member;
    double minimum;
    double maximum;
    std::string_view help;
    std::string_view section{};
};

/// name, title, summary, needsCalibration and entries of each method.
template <class O>
struct Table;

template <>
struct Table<RtnOptions>
{
    static constexpr std::string_view name = "rtn";
    static constexpr std::string_view title = "Round to nearest";
    static constexpr std::string_view summary =
        "Rounds every weight to the nearest level of its granule's min/max grid. Needs no "
        "calibration.";
    static constexpr bool needsCalibration = false;
    static constexpr std::array<Entry<RtnOptions>, 0> entries{};
};

template <>
struct Table<RtnMseOptions>
{
    using O = RtnMseOptions;
    static constexpr std::string_view name = "rtn-mse";
    static constexpr std::string_view title = "Round to nearest, clipped";
    static constexpr std::string_view summary =
        "Round to nearest with the range of each granule shrunk to the one of least mean squared "
        "error. Needs no calibration.";
    static constexpr bool needsCalibration = false;
    static constexpr std::array<Entry<O>, 2> entries{{
        {"minimum_clip", &O::minimumClip, 0.05, 1,
         "Smallest range tried, as a share of the min/max range."},
        {"steps", &O::steps, 2, 1000, "Ranges tried, evenly spaced from the smallest to the full."},
    }};
};

template <>
struct Table<GptqOptions>
{
    using O = GptqOptions;
    static constexpr std::string_view name = "gptq";
    static constexpr std::string_view title = "GPTQ";
    static constexpr std::string_view summary =
        "Rounds the inputs in turn and spreads each rounding error over the inputs not yet "
        "rounded, by the inverse Hessian of the calibration inputs.";
    static constexpr bool needsCalibration = true;
    static constexpr std::array<Entry<O>, 5> entries{{
        {"damping", &O::damping, 0, 1,
         "Added to the Hessian's diagonal, as a share of its mean. Raised by itself when the "
         "factorization fails."},
        {"act_order", &O::actOrder, 0, 1, "Rounds the inputs with the largest activations first."},
        {"static_groups", &O::staticGroups, 0, 1,
         "With act_order: finds the grids of all groups first, from neighboring inputs, so that "
         "no group index has to be stored."},
        {"mse_clip", &O::mseClip, 0, 1,
         "Shrinks the range of each granule to the one of least mean squared error."},
        {"block_size", &O::blockSize, 8, 1024,
         "Inputs per lazily applied update: speed only, the result is the same up to rounding."},
    }};
};

constexpr std::array<std::string_view, 3> integerSolverNames{"sweep", "box-descent",
                                                             "projected-adam"};

template <>
struct Table<DecoupleqOptions>
{
    using O = DecoupleqOptions;
    static constexpr std::string_view layerWise = "layer-wise";
    static constexpr std::string_view blockStage = "block stage";
    static constexpr std::string_view fineTuning = "fine-tuning";
    static constexpr std::string_view name = "decoupleq";
    static constexpr std::string_view title = "decoupleQ";
    static constexpr std::string_view summary =
        "Optimizes integers and scales with zeros in turn against the Hessian of the calibration "
        "inputs; then trains scales, zeros and norms of each block so that its output matches the "
        "float block's. Strong at 2 and 3 bits.";
    static constexpr bool needsCalibration = true;
    static constexpr std::array<Entry<O>, 24> entries{{
        {"iterations", &O::iterations, 0, 20,
         "Rounds N of the alternation: 0 rounds to nearest, 1 takes the better of that and GPTQ, "
         "each further one optimizes integers, then scales and zeros.",
         layerWise},
        {"solver", namedChoice<&O::solver, O>(integerSolverNames), 0, 2,
         "How integers are found: one sweep over the inputs as GPTQ does (second level), or within "
         "the range of the codes (first level) by coordinate descent or by the projected Adam of "
         "the official code. First level is much slower, for small layers.",
         layerWise},
        {"relaxation", &O::relaxation, 0, 2000,
         "First level: steps M within the range before the first rounding.", layerWise},
        {"lookahead", &O::lookahead, 0, 200, "First level: steps K after each rounded input.",
         layerWise},
        {"adam_step", &O::adamStep, 1e-8, 1,
         "Step of the projected Adam before the first rounding, in units of the weights.",
         layerWise},
        {"polish", &O::polish, 0, 100,
         "Sweeps of integer coordinate descent at the end, each with new scales and zeros. Never "
         "raises the error. Not in the paper.",
         layerWise},
        {"damping", &O::damping, 0, 1, "Added to the Hessian's diagonal, as a share of its mean.",
         layerWise},
        {"act_order", &O::actOrder, 0, 1, "Rounds the inputs with the largest activations first.",
         layerWise},
        {"float_zeros", &O::floatZeros, 0, 1,
         "Stores zeros as real numbers, as the paper does. Without it they are integers, which "
         "formats like GPTQ's need.",
         layerWise},
        {"block_stage", &O::blockStage, 0, 1,
         "Trains scales, zeros and norms of each block with the integers frozen.", blockStage},
        {"block_epochs", &O::blockEpochs, 1, 1000, "Passes over the calibration windows per block.",
         blockStage},
        {"block_batch", &O::blockBatch, 1, 1024, "Calibration windows per step of Adam.",
         blockStage},
        {"block_rate", &O::blockRate, 1e-9, 1, "Learning rate of Adam in the block stage.",
         blockStage},
        {"block_beta1", &O::blockBeta1, 0, 0.9999, "Decay of Adam's mean of gradients.",
         blockStage},
        {"block_beta2", &O::blockBeta2, 0, 0.999999, "Decay of Adam's mean of squared gradients.",
         blockStage},
        {"block_epsilon", &O::blockEpsilon, 1e-12, 1, "Added to Adam's denominator.", blockStage},
        {"block_decay", &O::blockDecay, 0, 1, "L2 weight decay of everything trained.", blockStage},
        {"block_patience", &O::blockPatience, 0, 1000,
         "Passes without a lower loss before a block stops early; 0: never. The best state is kept "
         "in any case.",
         blockStage},
        {"train_norms", &O::trainNorms, 0, 1, "Trains the block's norm weights too.", blockStage},
        {"train_biases", &O::trainBiases, 0, 1, "Trains the biases of linear layers too.",
         blockStage},
        {"fine_tune", &O::fineTune, 0, 1,
         "At the end, trains scales, zeros and norms of all blocks together to predict the "
         "calibration text (supervised fine-tuning).",
         fineTuning},
        {"fine_tune_epochs", &O::fineTuneEpochs, 1, 100,
         "Passes over the calibration windows in the fine-tuning.", fineTuning},
        {"fine_tune_rate", &O::fineTuneRate, 1e-9, 1, "Learning rate of the fine-tuning.",
         fineTuning},
        {"fine_tune_decay", &O::fineTuneDecay, 0, 1, "L2 weight decay of the fine-tuning.",
         fineTuning},
    }};
};

constexpr std::array<std::string_view, 3> exponentScopeNames{"layer", "model", "row"};
constexpr std::array<std::string_view, 3> exponentChoiceNames{"free", "prefer-exact", "exact"};
constexpr std::array<std::string_view, 3> powerClipNames{"none", "common", "granule"};
constexpr std::array<std::string_view, 3> midRiseNames{"auto", "never", "always"};
constexpr std::array<std::string_view, 2> powerRoundingNames{"power", "nearest"};
constexpr std::array<std::string_view, 2> exponentSearchNames{"exact", "nelder-mead"};
constexpr std::array<std::string_view, 3> nupesSolverNames{"alternation", "gradient", "up-down"};

/// The entries of PowerGridOptions, for a method that has them.
template <class O>
constexpr std::array<Entry<O>, 7> powerGridEntries(std::string_view section)
{
    return {{
        {"exponent", &O::exponent, 0, 1.6,
         "Power exponent a of the grid, 0.15 to 1.6; 0 searches the best one. 1 is a uniform grid, "
         "less has finer levels near zero.",
         section},
        {"exponent_scope", namedChoice<&O::exponentScope, O>(exponentScopeNames), 0, 2,
         "One exponent for each layer, for all layers of the model, or for each row.", section},
        {"exponents", namedChoice<&O::exponents, O>(exponentChoiceNames), 0, 2,
         "Which exponents may be chosen: any; 1/2 or 1, which integer arithmetic computes exactly, "
         "unless another gains more than 0.1 dB; or only those two.",
         section},
        {"clip", namedChoice<&O::clip, O>(powerClipNames), 0, 2,
         "Scales are the largest magnitude of their granule; or a share of it that is searched "
         "together with the exponent, common to all granules or for each one.",
         section},
        {"minimum_clip", &O::minimumClip, 0.01, 1,
         "Smallest share of the largest magnitude that is tried as a scale.", section},
        {"mid_rise", namedChoice<&O::midRise, O>(midRiseNames), 0, 2,
         "Levels without zero and with one magnitude more. At 2 bits the exponent has no effect "
         "otherwise; auto takes them there where the error is less.",
         section},
        {"outliers", &O::outliers, 0, 0.1,
         "Share of the weights kept as floats beside the codes, those that save most error.",
         section},
    }};
}

template <class E, std::size_t A, std::size_t B>
constexpr std::array<E, A + B> joined(const std::array<E, A>& first, const std::array<E, B>& second)
{
    return [&]<std::size_t... I, std::size_t... J>(std::index_sequence<I...>,
                                                   std::index_sequence<J...>)
    {
        return std::array<E, A + B>{first[I]..., second[J]...};
    }
    (std::make_index_sequence<A>(), std::make_index_sequence<B>());
}

template <>
struct Table<PowerquantOptions>
{
    using O = PowerquantOptions;
    static constexpr std::string_view name = "powerquant";
    static constexpr std::string_view title = "PowerQuant";
    static constexpr std::string_view summary =
        "Non-uniform levels from a power function whose exponent is searched for each layer. Needs "
        "no calibration.";
    static constexpr bool needsCalibration = false;
    static constexpr auto entries =
        joined(powerGridEntries<O>({}),
               std::array<Entry<O>, 3>{{
                   {"rounding", namedChoice<&O::rounding, O>(powerRoundingNames), 0, 1,
                    "In the domain of the power function, as the paper does, or to the nearest "
                    "level, which never has the larger error."},
                   {"search", namedChoice<&O::search, O>(exponentSearchNames), 0, 1,
                    "How the exponent is found: over the whole range with exact errors, or by "
                    "Nelder-Mead from 1, which can end in a worse basin."},
                   {"norm", &O::norm, 1, 4,
                    "The search minimizes the sum of the errors' magnitudes to this power."},
               }});
};

template <>
struct Table<NupesOptions>
{
    using O = NupesOptions;
    static constexpr std::string_view grid = "grid";
    static constexpr std::string_view codes = "codes";
    static constexpr std::string_view gradient = "gradient";
    static constexpr std::string_view blockStage = "block stage";
    static constexpr std::string_view name = "nupes";
    static constexpr std::string_view title = "NUPES";
    static constexpr std::string_view summary =
        "Learns the codes of a power grid over all its levels, with its scales and its exponent, "
        "against the Hessian of the calibration inputs.";
    static constexpr bool needsCalibration = true;
    static constexpr auto entries = joined(
        powerGridEntries<O>(grid),
        std::array<Entry<O>, 20>{{
            {"solver", namedChoice<&O::solver, O>(nupesSolverNames), 0, 2,
             "How codes are learned: coordinate descent over all levels in turn with scales and "
             "exponent; gradient steps on latent codes; or only up or down as AdaRound does, for "
             "comparison.",
             codes},
            {"rounds", &O::rounds, 0, 100, "Rounds of the alternation at most.", codes},
            {"learn_scale", &O::learnScale, 0, 1, "Learns the scales with the codes.", codes},
            {"learn_exponent", &O::learnExponent, 0, 1, "Learns the exponent with the codes.",
             codes},
            {"explore", &O::explore, 0, 1,
             "After the alternation, gradient steps from the float weights and another "
             "alternation; the better result is kept.",
             codes},
            {"damping", &O::damping, 0, 1,
             "Added to the Hessian's diagonal for the first sweep, as a share of its mean.", codes},
            {"asymmetric", &O::asymmetric, 0, 1,
             "Aims at the outputs that the float network has on its own inputs, not on those of "
             "the quantized one; damped like the first sweep. For true-sequential calibration, "
             "where the float network then runs beside the quantized one; seldom a gain with "
             "sequential, no effect with float.",
             codes},
            {"steps", &O::steps, 1, 100000, "Gradient steps.", gradient},
            {"code_rate", &O::codeRate, 1e-9, 1, "Learning rate of codes, in codes.", gradient},
            {"exponent_rate", &O::exponentRate, 0, 1, "Learning rate of the exponent.", gradient},
            {"scale_rate", &O::scaleRate, 0, 1, "Learning rate of the scales' logarithm.",
             gradient},
            {"regularization", &O::regularization, 0, 1,
             "Up-down: how hard weights are pushed to one of the two levels.", gradient},
            {"block_stage", &O::blockStage, 0, 1,
             "Trains codes, scales, exponents and norms of each block so that its output matches "
             "the float block's.",
             blockStage},
            {"block_epochs", &O::blockEpochs, 1, 1000,
             "Passes over the calibration windows per block.", blockStage},
            {"block_batch", &O::blockBatch, 1, 1024, "Calibration windows per step of Adam.",
             blockStage},
            {"block_rate", &O::blockRate, 1e-9, 1, "Learning rate of scales and norms.",
             blockStage},
            {"block_code_rate", &O::blockCodeRate, 0, 1,
             "Learning rate of codes, in codes; 0 freezes them.", blockStage},
            {"block_exponent_rate", &O::blockExponentRate, 0, 1,
             "Learning rate of exponents; 0 freezes them.", blockStage},
            {"block_patience", &O::blockPatience, 0, 1000,
             "Passes without a lower loss before a block stops early; 0: never. The best state is "
             "kept in any case.",
             blockStage},
            {"train_norms", &O::trainNorms, 0, 1, "Trains the block's norm weights too.",
             blockStage},
        }});
};

constexpr std::array<std::string_view, 3> probabilityNames{"log-sqrt2", "log2", "uniform"};
constexpr std::array<std::string_view, 3> zeroStateNames{"extra", "reserved", "none"};
constexpr std::array<std::string_view, 3> inputRangeNames{"min-max", "percentile", "mse"};
constexpr std::array<std::string_view, 3> clipSearchNames{"none", "grid", "learned"};
constexpr std::array<std::string_view, 4> reconstructedWeightNames{"rtn", "gptq", "decoupleq",
                                                                   "nupes"};
constexpr std::string_view softmaxHelp =
    "What the outputs of a softmax are rounded to: powers of the square root of 1/2, powers of 1/2 "
    "as FQ-ViT does, or evenly spaced levels.";
constexpr std::string_view zeroStateHelp =
    "How probabilities below the smallest power are held: as 0, by a state beside the powers or by "
    "one of them; or as the smallest power, so that small ones add up.";

/// What the three layer-wise static methods have.
template <class O>
struct LayerWiseTable
{
    static constexpr bool needsCalibration = true;
    static constexpr std::array<Entry<O>, 1> entries{{
        {"softmax", namedChoice<&O::softmax, O>(probabilityNames), 0, 2, softmaxHelp},
    }};
};

template <>
struct Table<MinmaxStaticOptions> : LayerWiseTable<MinmaxStaticOptions>
{
    static constexpr std::string_view name = "minmax-static";
    static constexpr std::string_view title = "Static, min/max";
    static constexpr std::string_view summary =
        "Weights and inputs on uniform grids from the smallest to the largest value: of each row "
        "of the weight, and of all calibration inputs of the layer. A baseline.";
};

template <>
struct Table<PercentileStaticOptions> : LayerWiseTable<PercentileStaticOptions>
{
    static constexpr std::string_view name = "percentile-static";
    static constexpr std::string_view title = "Static, percentiles";
    static constexpr std::string_view summary =
        "Weights and inputs on uniform grids between the percentiles of least squared error: of "
        "each row of the weight, and of all calibration inputs of the layer. A baseline.";
};

template <>
struct Table<MseStaticOptions> : LayerWiseTable<MseStaticOptions>
{
    static constexpr std::string_view name = "mse-static";
    static constexpr std::string_view title = "Static, least squares";
    static constexpr std::string_view summary =
        "Weights and inputs on uniform grids whose range is shrunk to the one of least squared "
        "error: of each row of the weight, and of all calibration inputs of the layer. A baseline.";
};

template <>
struct Table<SmoothquantOptions>
{
    using O = SmoothquantOptions;
    static constexpr std::string_view name = "smoothquant";
    static constexpr std::string_view title = "SmoothQuant";
    static constexpr std::string_view summary =
        "Divides channels of what a norm puts out and multiplies the weights that read them, so "
        "that outliers are shared between both; then uniform static grids for all inputs of a "
        "layer and each row of its weight. A baseline.";
    static constexpr bool needsCalibration = true;
    static constexpr std::array<Entry<O>, 3> entries{{
        {"alpha", &O::alpha, 0, 1,
         "How much of the channels' range goes to the weights: 0 none, 1 all of it."},
        {"range", namedChoice<&O::range, O>(inputRangeNames), 0, 2,
         "Range of the inputs' grid: all values, between percentiles, or shrunk to the least "
         "squared error."},
        {"softmax", namedChoice<&O::softmax, O>(probabilityNames), 0, 2, softmaxHelp},
    }};
};

template <>
struct Table<RepqVitOptions>
{
    using O = RepqVitOptions;
    static constexpr std::string_view name = "repq-vit";
    static constexpr std::string_view title = "RepQ-ViT";
    static constexpr std::string_view summary =
        "Finds a grid for each channel of what a norm puts out and folds them into one by "
        "changing the norm and the weights that read it; outputs of softmax go to powers of the "
        "square root of 1/2.";
    static constexpr bool needsCalibration = true;
    static constexpr std::array<Entry<O>, 4> entries{{
        {"official", &O::official, 0, 1,
         "As the official code does it: fractional_zeros, zero_state extra and stale_ranges, "
         "whatever these say."},
        {"fractional_zeros", &O::fractionalZeros, 0, 1,
         "The zero of a folded grid is the channels' mean as it is, not rounded. Then codes are no "
         "integers, and not those of the channels."},
        {"zero_state", namedChoice<&O::zeroState, O>(zeroStateNames), 0, 2, zeroStateHelp},
        {"stale_ranges", &O::staleRanges, 0, 1,
         "Grids keep the ranges found before norms were folded, and are not found anew on what the "
         "folded network computes."},
    }};
};

template <>
struct Table<RepquantOptions>
{
    using O = RepquantOptions;
    static constexpr std::string_view inputs = "inputs";
    static constexpr std::string_view reconstruction = "reconstruction";
    static constexpr std::string_view name = "repquant";
    static constexpr std::string_view title = "RepQuant";
    static constexpr std::string_view summary =
        "RepQ-ViT with limits searched for each channel, upper and lower, and with weights "
        "reconstructed on the quantized inputs.";
    static constexpr bool needsCalibration = true;
    static constexpr std::array<Entry<O>, 7> entries{{
        {"clipping", namedChoice<&O::clipping, O>(clipSearchNames), 0, 2,
         "How the limits of channels are found: percentiles, a deterministic search over a grid, "
         "or gradient steps. Limits of a larger error than the percentiles' are not taken.",
         inputs},
        {"softmax", namedChoice<&O::softmax, O>(probabilityNames), 0, 2, softmaxHelp, inputs},
        {"zero_state", namedChoice<&O::zeroState, O>(zeroStateNames), 0, 2, zeroStateHelp, inputs},
        {"reconstruct", &O::reconstruct, 0, 1,
         "Moves weights to where they make up for the errors of the inputs before they are "
         "quantized, and biases after.",
         reconstruction},
        {"lambda", &O::lambda, -1, 100,
         "How much weights are held to what they were, as a share of the Hessian's mean diagonal; "
         "-1 chooses it on calibration rows that are held out.",
         reconstruction},
        {"asymmetric", &O::asymmetric, 0, 1,
         "Aims at the outputs that the float network has on its own inputs, not on those of the "
         "quantized one.",
         reconstruction},
        {"weights", namedChoice<&O::weights, O>(reconstructedWeightNames), 0, 3,
         "How weights are quantized, with the default options of that method; of decoupleQ its "
         "layer-wise part.",
         reconstruction},
    }};
};

std::string textOf(bool value)
{
    return value ? "true" : "false";
}
std::string textOf(int value)
{
    return std::to_string(value);
}
std::string textOf(double value)
{
    char buffer[40];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr; // shortest exact
    return std::string(buffer, end);
}

/// "true or false", "a whole number from 8 to 1024", "a number from 0 to 1".
template <class O>
std::string constraintOf(const Entry<O>& entry)
{
    if (std::holds_alternative<bool O::*>(entry.member))
        return "true or false";
    if (const auto* choice = std::get_if<NamedChoice<O>>(&entry.member)) {
        std::string list;
        for (const std::string_view name : choice->names)
            list += concat(list.empty() ? "" : name == choice->names.back() ? " or " : ", ", name);
        return list;
    }
    return concat(std::holds_alternative<int O::*>(entry.member) ? "a whole number" : "a number",
                  " from ", textOf(entry.minimum), " to ", textOf(entry.maximum));
}

template <class O>
std::string complaint(const Entry<O>& entry, std::string_view value)
{
    return concat("option ", entry.name, " of ", Table<O>::name, " is ", value, ", expected ",
                  constraintOf(entry));
}

template <class O>
std::string valueOf(const O& options, const Entry<O>& entry)
{
    return std::visit(
        [&](auto member) {
            if constexpr (std::is_same_v<decltype(member), NamedChoice<O>>)
                return std::string(member.names[static_cast<std::size_t>(member.get(options))]);
            else
                return textOf(options.*member);
        },
        entry.member);
}

template <class O>
bool inRange(const O& options, const Entry<O>& entry)
{
    return std::visit(
        [&](auto member) {
            double value = 0;
            if constexpr (std::is_same_v<decltype(member), NamedChoice<O>>)
                value = member.get(options);
            else if constexpr (sizeof(options.*member) <= sizeof(O)) // else it cannot be a member
                value = static_cast<double>(options.*member);
            return value >= entry.minimum && value <= entry.maximum; // false for NaN
        },
        entry.member);
}

bool parse(std::string_view text, bool& value)
{
    for (const std::string_view yes : {"true", "1", "yes", "on"})
        if (text == yes)
            return value = true;
    for (const std::string_view no : {"false", "0", "no", "off"})
        if (text == no) {
            value = false;
            return true;
        }
    return false;
}
bool parse(std::string_view text, int& value)
{
    long long wide = 0;
    if (!parseInteger(text, wide) || wide != static_cast<int>(wide))
        return false;
    value = static_cast<int>(wide);
    return true;
}
bool parse(std::string_view text, double& value)
{
    return parseReal(text, value);
}

/// The entry of that name; act-order is accepted for act_order. Throws Error(Usage) when unknown.
template <class O>
const Entry<O>& entryOf(std::string_view name)
{
    std::string wanted(name);
    std::replace(wanted.begin(), wanted.end(), '-', '_');
    std::string known;
    for (const Entry<O>& entry : Table<O>::entries) {
        if (entry.name == wanted)
            return entry;
        known += concat(known.empty() ? "" : ", ", entry.name);
    }
    throw Error(ErrorCode::Usage, concat("method ", Table<O>::name, " has no option ", quoted(name),
                                         ", it has ", known.empty() ? "none" : known));
}

template <class O>
OptionDescription describeOption(const Entry<O>& entry)
{
    using Type = OptionDescription::Type;
    OptionDescription option;
    option.name = entry.name;
    option.type = std::holds_alternative<bool O::*>(entry.member)     ? Type::Boolean
                  : std::holds_alternative<int O::*>(entry.member)    ? Type::Integer
                  : std::holds_alternative<double O::*>(entry.member) ? Type::Real
                                                                      : Type::Choice;
    if (const auto* choice = std::get_if<NamedChoice<O>>(&entry.member))
        option.choices.assign(choice->names.begin(), choice->names.end());
    option.help = entry.help;
    option.minimum = entry.minimum;
    option.maximum = entry.maximum;
    static constexpr O defaults{};
    option.defaultValue = valueOf(defaults, entry);
    option.section = entry.section;
    return option;
}

template <class O>
MethodDescription describeMethod()
{
    MethodDescription method;
    method.name = Table<O>::name;
    method.title = Table<O>::title;
    method.summary = Table<O>::summary;
    method.needsCalibration = Table<O>::needsCalibration;
    method.defaults = O{};
    for (const Entry<O>& entry : Table<O>::entries)
        method.options.push_back(describeOption(entry));
    return method;
}

/// One description for each alternative of MethodOptions, in its order.
template <class... O>
std::vector<MethodDescription> describeAll(std::type_identity<std::variant<O...>>)
{
    std::vector<MethodDescription> all;
    (all.push_back(describeMethod<O>()), ...);
    return all;
}

} // namespace

const std::vector<MethodDescription>& methods()
{
    static const std::vector<MethodDescription> all =
        describeAll(std::type_identity<MethodOptions>{});
    return all;
}

const MethodDescription* findMethod(std::string_view name)
{
    for (const MethodDescription& method : methods())
        if (method.name == name)
            return &method;
    return nullptr;
}

std::string_view methodName(const MethodOptions& options)
{
    return methods()[options.index()].name;
}

bool needsCalibration(const MethodOptions& options)
{
    return methods()[options.index()].needsCalibration;
}

bool isStaticMethod(const MethodOptions& options)
{
    return std::visit([]<class O>(const O&) { return std::is_base_of_v<StaticMethodOptions, O>; },
                      options);
}

MethodOptions weightMethod(const MethodOptions& options)
{
    if (std::holds_alternative<MinmaxStaticOptions>(options) ||
        std::holds_alternative<SmoothquantOptions>(options))
        return RtnOptions{};
    if (std::holds_alternative<MseStaticOptions>(options))
        return RtnMseOptions{};
    if (std::holds_alternative<RepqVitOptions>(options))
        return PercentileStaticOptions{};
    const auto* repquant = std::get_if<RepquantOptions>(&options);
    if (!repquant)
        return options;
    switch (repquant->weights) {
    case ReconstructedWeight::Rtn:
        return RtnOptions{};
    case ReconstructedWeight::Gptq:
        return GptqOptions{};
    case ReconstructedWeight::Decoupleq: {
        DecoupleqOptions layerWise;
        layerWise.blockStage = false; // trains against norms that have been folded
        return layerWise;
    }
    case ReconstructedWeight::Nupes:
        return NupesOptions{};
    }
    return options;
}

bool weightNeedsCalibration(const MethodOptions& options)
{
    const MethodOptions method = weightMethod(options);
    return needsCalibration(method) && !std::holds_alternative<PercentileStaticOptions>(method);
}

Scheme storedScheme(const Scheme& scheme, const MethodOptions& chosen)
{
    const MethodOptions options = weightMethod(chosen);
    Scheme stored = scheme;
    stored.clip.reset();
    const auto* decoupleq = std::get_if<DecoupleqOptions>(&options);
    stored.floatZeros = decoupleq && decoupleq->floatZeros && !scheme.symmetric;
    if (const PowerGridOptions* power = powerGridOf(options)) {
        stored.symmetric = true;
        stored.levels = power->midRise == MidRise::Always ? Levels::PowerMidRise : Levels::Power;
    }
    return stored;
}

StoredExtras storedExtras(const Scheme& scheme, const MethodOptions& chosen, std::int64_t rows,
                          std::int64_t cols)
{
    const MethodOptions options = weightMethod(chosen);
    StoredExtras extras;
    const auto* gptq = std::get_if<GptqOptions>(&options);
    extras.groupIndex =
        gptq && gptq->actOrder && !gptq->staticGroups && groupsPerRow(scheme, cols) > 1;
    if (const PowerGridOptions* power = powerGridOf(options)) {
        extras.exponents = power->exponentScope == ExponentScope::Row ? rows : 1;
        extras.outliers = outlierCount(*power, rows, cols);
    }
    return extras;
}

const PowerGridOptions* powerGridOf(const MethodOptions& options)
{
    return std::visit(
        []<class O>(const O& chosen) -> const PowerGridOptions* {
            static constexpr NupesOptions reconstructed;
            if constexpr (std::is_base_of_v<PowerGridOptions, O>)
                return &chosen;
            else if constexpr (std::is_same_v<O, RepquantOptions>)
                return chosen.weights == ReconstructedWeight::Nupes ? &reconstructed : nullptr;
            else
                return nullptr;
        },
        options);
}

std::int64_t outlierCount(const PowerGridOptions& options, std::int64_t rows, std::int64_t cols)
{
    return std::llround(options.outliers * static_cast<double>(rows) * static_cast<double>(cols));
}

std::string optionValue(const MethodOptions& options, std::string_view name)
{
    return std::visit([&]<class O>(const O& values) { return valueOf(values, entryOf<O>(name)); },
                      options);
}

void setOption(MethodOptions& options, std::string_view name, std::string_view value)
{
    std::visit(
        [&]<class O>(O& values) {
            const Entry<O>& entry = entryOf<O>(name);
            O changed = values;
            const bool understood = std::visit(
                [&](auto member) {
                    if constexpr (std::is_same_v<decltype(member), NamedChoice<O>>) {
                        const auto found =
                            std::find(member.names.begin(), member.names.end(), value);
                        if (found == member.names.end())
                            return false;
                        member.set(changed, static_cast<int>(found - member.names.begin()));
                        return true;
                    } else {
                        return parse(value, changed.*member);
                    }
                },
                entry.member);
            if (!understood || !inRange(changed, entry))
                throw Error(ErrorCode::Usage, complaint(entry, quoted(value)));
            values = changed;
        },
        options);
}

std::optional<std::string> validate(const MethodOptions& options)
{
    if (const PowerGridOptions* power = powerGridOf(options);
        power && power->exponent != 0 && power->exponent < 0.15)
        return concat("option exponent of ", methodName(options), " is ", power->exponent,
                      ", expected 0 or a number from 0.15 to 1.6");
    if (const auto* repquant = std::get_if<RepquantOptions>(&options);
        repquant && repquant->lambda != -1 && repquant->lambda < 0)
        return concat("option lambda of repquant is ", repquant->lambda,
                      ", expected -1 (chosen) or a number from 0 to 100");
    return std::visit(
        []<class O>(const O& values) -> std::optional<std::string> {
            for (const Entry<O>& entry : Table<O>::entries)
                if (!inRange(values, entry))
                    return complaint(entry, valueOf(values, entry));
            return std::nullopt;
        },
        options);
}

} // namespace gradus
