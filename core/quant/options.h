// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/affine_grid.h"
#include "core/quant/dual_clipping.h"
#include "core/quant/log_grid.h"
#include "core/quant/power_levels.h"
#include "core/quant/scheme.h"

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gradus {

/// Round-to-nearest on the min/max grid of each granule.
struct RtnOptions
{
    bool operator==(const RtnOptions&) const = default;
};

/// Round-to-nearest with the clip of each granule chosen by mean squared error.
struct RtnMseOptions
{
    /// Smallest clip tried, as a share of the min/max range: 0.05 … 1.
    double minimumClip = 0.4;
    /// Evenly spaced clips tried between minimumClip and 1: 2 … 1000.
    int steps = 60;
    bool operator==(const RtnMseOptions&) const = default;
};

/// GPTQ (Frantar et al. 2022): columns rounded in turn, each error spread over the columns not yet
/// rounded by the inverse Hessian.
struct GptqOptions
{
    /// Added to the Hessian's diagonal, as a share of its mean: 0 … 1. Raised by itself when the
    /// factorisation fails.
    double damping = 0.01;
    /// Columns in the order of decreasing Hessian diagonal.
    bool actOrder = false;
    /// With act-order: keep groups tied to the original columns (no group index needed).
    bool staticGroups = true;
    /// Clip chosen by mean squared error, as rtn-mse does, instead of min/max.
    bool mseClip = false;
    /// Columns per lazily applied update: 8 … 1024.
    int blockSize = 128;
    bool operator==(const GptqOptions&) const = default;
};

/// How decoupleQ finds the integers for given scales and zeros.
enum class IntegerSolver
{
    Sweep,      ///< "second level": GPTQ's sweep; the box and the rounding of later inputs ignored
    BoxDescent, ///< "first level": within the box, by exact coordinate descent (scale-free)
    ProjectedAdam, ///< "first level" as the official code has it: projected Adam, absolute steps
};

/// decoupleQ (Guo et al. 2024, arXiv 2404.12759): integers on one side, scales and zeros on the
/// other, optimized in turn; then, per block, scales, zeros and norms trained with the integers
/// frozen. See methods/decoupleq.cpp and tuning.h.
struct DecoupleqOptions
{
    /// Rounds N: 0 is round-to-nearest, 1 the better of that and GPTQ on the min/max grid, N ≥ 2
    /// adds N − 1 alternations: 0 … 20.
    int iterations = 4;
    IntegerSolver solver = IntegerSolver::Sweep;
    /// First level: steps M in the box before the first rounding (0 … 2000), and K after each one
    /// (0 … 200).
    int relaxation = 50;
    int lookahead = 4;
    /// Step of the projected Adam, in units of the weights: 1e-8 … 1. Only M's steps obey it; K's
    /// take 1e-3, as in the official code.
    double adamStep = 1e-3;
    /// Sweeps of integer coordinate descent after the alternation, each with a new fit of scales
    /// and zeros: 0 … 100. Not in the paper.
    int polish = 0;
    /// Added to the Hessian's diagonal, as a share of its mean: 0 … 1.
    double damping = 0.01;
    bool actOrder = true; ///< inputs in the order of decreasing Hessian diagonal
    /// Zeros of the scales' type. Otherwise they are codes, as checkpoint formats want them.
    bool floatZeros = true;

    bool blockStage = true; ///< train scales, zeros and norms block by block
    int blockEpochs = 4;    ///< 1 … 1000
    int blockBatch = 1;     ///< windows per step: 1 … 1024
    double blockRate = 1e-5;
    double blockBeta1 = 0.9;
    double blockBeta2 = 0.99;
    double blockEpsilon = 2e-5;
    double blockDecay = 1e-6; ///< coupled L2 weight decay
    int blockPatience = 2;    ///< epochs without a lower loss before it stops: 0 (never) … 1000
    bool trainNorms = true;
    bool trainBiases = false;

    bool fineTune = false; ///< at the end, all blocks together, on the next token
    int fineTuneEpochs = 1;
    double fineTuneRate = 1e-6;
    double fineTuneDecay = 1e-4;

    bool operator==(const DecoupleqOptions&) const = default;
};

/// Which weights share an exponent.
enum class ExponentScope
{
    Layer,
    Model, ///< all layers with this scope and a method that has it
    Row,   ///< output channel
};

/// Exponents to choose from. ½ and 1 have exact integer forms (reference nupes.md, section 9.2).
enum class ExponentChoice
{
    Free,
    PreferExact, ///< ½ or 1, unless another one gains more than 0.1 dB
    Exact,       ///< ½ or 1
};

/// How the scale of a granule follows from its largest magnitude.
enum class PowerClip
{
    None,    ///< it is the scale
    Common,  ///< the same share of it for all granules of a layer, searched with the exponent
    Granule, ///< a share for each granule
};

/// Levels without zero, but with one magnitude more.
enum class MidRise
{
    Auto, ///< at 2 bits, where the exponent of {−1, 0, 1} has no effect, if the error is less
    Never,
    Always,
};

/// What PowerQuant and NUPES have in common: ŵ = scale · sgn(c) · (|c|/N)^(1/a). No zero point:
/// such schemes are symmetric whatever the scheme says.
struct PowerGridOptions
{
    double exponent = 0; ///< a: 0.15 … 1.6; 0 searches
    ExponentScope exponentScope = ExponentScope::Layer;
    ExponentChoice exponents = ExponentChoice::Free;
    PowerClip clip = PowerClip::None;
    double minimumClip = 0.1; ///< smallest share of the range tried: 0.01 … 1
    MidRise midRise = MidRise::Auto;
    /// Share of a layer's weights kept as floats, those whose removal saves most error: 0 … 0.1.
    double outliers = 0;
    bool operator==(const PowerGridOptions&) const = default;
};

enum class ExponentSearch
{
    Exact,      ///< coarse grid, then golden section in the best three cells
    NelderMead, ///< from a = 1, as re-implementations of the paper have it
};

/// PowerQuant (Yvinec et al. 2023, arXiv 2301.09858): data-free power quantization. With nearest
/// rounding and a clip per granule it is NUPES's data-free form.
struct PowerquantOptions : PowerGridOptions
{
    PowerRounding rounding = PowerRounding::PowerDomain;
    ExponentSearch search = ExponentSearch::Exact;
    double norm = 2; ///< p of the error Σ|w − ŵ|^p that the search minimizes: 1 … 4
    bool operator==(const PowerquantOptions&) const = default;
};

/// How NUPES learns codes.
enum class NupesSolver
{
    Alternation, ///< coordinate descent over all levels, closed-form scale, exponent step; monotone
    Gradient,    ///< latent codes, straight-through gradients, the best codes of each row kept
    UpDown,      ///< AdaRound's: only the two levels beside each weight, for comparison
};

/// NUPES (Yvinec, Dapogny, Bailly 2023, arXiv 2308.05600): codes learned over the whole power grid,
/// with exponent and scales, on the output error under the Hessian. What of this is the paper's and
/// what was derived is said in reference nupes.md and in the guide.
struct NupesOptions : PowerGridOptions
{
    constexpr NupesOptions() { clip = PowerClip::Granule; }

    NupesSolver solver = NupesSolver::Alternation;
    int rounds = 8; ///< of the alternation: 0 … 100
    bool learnScale = true;
    bool learnExponent = true;
    bool explore = false;  ///< gradient steps from the float weights, then the alternation again
    double damping = 0.01; ///< of the sweep that starts, and of the asymmetric target: 0 … 1
    /// Learns towards the float network's outputs on its own inputs, see asymmetric_target.h.
    bool asymmetric = false;

    int steps = 1500;       ///< of gradient and up-down: 1 … 100000
    double codeRate = 1e-3; ///< Adam, in units of codes
    double exponentRate = 1e-3;
    double scaleRate = 1e-3;      ///< of log scale
    double regularization = 1e-4; ///< of up-down: how hard it is pushed to a level

    bool blockStage = false; ///< train codes, scales, exponents and norms block by block
    int blockEpochs = 4;
    int blockBatch = 1;
    double blockRate = 1e-5;     ///< of scales and norms
    double blockCodeRate = 1e-2; ///< 0 freezes the codes
    double blockExponentRate = 1e-3;
    int blockPatience = 2;
    bool trainNorms = true;

    bool operator==(const NupesOptions&) const = default;
};

/// What methods have in common that quantize a layer's weight, its inputs and the attention before
/// it together, on uniform static grids (reference repquant.md). See static_settings.h for what
/// they come to.
struct StaticMethodOptions
{
    bool operator==(const StaticMethodOptions&) const = default;
};

/// Layer-wise: one range for all inputs of a layer, one for each row of the weight.
struct MinmaxStaticOptions : StaticMethodOptions
{
    ProbabilityQuantizer softmax = ProbabilityQuantizer::Uniform; ///< Log2: as FQ-ViT has it
    bool operator==(const MinmaxStaticOptions&) const = default;
};
struct PercentileStaticOptions : StaticMethodOptions
{
    ProbabilityQuantizer softmax = ProbabilityQuantizer::Uniform;
    bool operator==(const PercentileStaticOptions&) const = default;
};
struct MseStaticOptions : StaticMethodOptions
{
    ProbabilityQuantizer softmax = ProbabilityQuantizer::Uniform;
    bool operator==(const MseStaticOptions&) const = default;
};

/// SmoothQuant (Xiao et al. 2023): channels of inputs that come from a norm are scaled down and the
/// weights' up, before both are quantized layer-wise.
struct SmoothquantOptions : StaticMethodOptions
{
    double alpha = 0.5; ///< share of the range that goes to the weights: 0 … 1
    InputRange range = InputRange::MinMax;
    ProbabilityQuantizer softmax = ProbabilityQuantizer::Uniform;
    bool operator==(const SmoothquantOptions&) const = default;
};

/// RepQ-ViT (Li et al. 2023): inputs that come from a norm by channel, folded into the norm; the
/// softmax to powers of √½.
struct RepqVitOptions : StaticMethodOptions
{
    /// The three below as the official code has them: fractional zeros, an extra zero state and
    /// stale ranges.
    bool official = false;
    bool fractionalZeros = false;
    ZeroState zeroState = ZeroState::Reserved;
    bool staleRanges = false; ///< later grids keep the ranges found before the folds
    bool operator==(const RepqVitOptions&) const = default;
};

/// How RepQuant quantizes a weight after the folds.
enum class ReconstructedWeight
{
    Rtn,
    Gptq,
    Decoupleq, ///< its layer-wise part
    Nupes,
};

/// RepQuant (Li et al. 2024): RepQ-ViT with dual clipping of channels and weights reconstructed on
/// quantized inputs. The paper's own algorithms for the two are not known: reference repquant.md,
/// sections 6 and 7, says what was derived.
struct RepquantOptions : StaticMethodOptions
{
    ClipSearch clipping = ClipSearch::Grid;
    bool reconstruct = true;
    double lambda = -1;     ///< see ReconstructionProblem: −1 (chosen) or 0 … 100
    bool asymmetric = true; ///< towards the float network's outputs on its own inputs
    ReconstructedWeight weights = ReconstructedWeight::Gptq;
    ProbabilityQuantizer softmax = ProbabilityQuantizer::LogSqrt2;
    ZeroState zeroState = ZeroState::Reserved;
    bool operator==(const RepquantOptions&) const = default;
};

/// The method of a layer: one of these.
using MethodOptions =
    std::variant<RtnOptions, RtnMseOptions, GptqOptions, DecoupleqOptions, PowerquantOptions,
                 NupesOptions, MinmaxStaticOptions, PercentileStaticOptions, MseStaticOptions,
                 SmoothquantOptions, RepqVitOptions, RepquantOptions>;

/// One option as the GUI's form, the command line and the documentation show it.
struct OptionDescription
{
    enum class Type
    {
        Boolean,
        Integer,
        Real,
        Choice
    };
    std::string name; ///< "act_order"
    Type type = Type::Boolean;
    std::string help;
    double minimum = 0;
    double maximum = 0;
    std::vector<std::string> choices; ///< of Type::Choice, in their order
    std::string defaultValue;
    /// Part of the method that it belongs to, "block stage"; empty where a method has no parts.
    std::string section;
};

struct MethodDescription
{
    std::string name;  ///< "gptq"
    std::string title; ///< "GPTQ"
    std::string summary;
    bool needsCalibration = false; ///< its result depends on calibration inputs
    MethodOptions defaults;
    std::vector<OptionDescription> options;
};

/// Every method, in the order they are listed. Adding a method is one file and one entry here.
[[nodiscard]] const std::vector<MethodDescription>& methods();
[[nodiscard]] const MethodDescription* findMethod(std::string_view name);
[[nodiscard]] std::string_view methodName(const MethodOptions& options);
[[nodiscard]] bool needsCalibration(const MethodOptions& options);

/// Whether a method quantizes inputs, too, on uniform static grids.
[[nodiscard]] bool isStaticMethod(const MethodOptions& options);
/// How a method quantizes a weight alone: itself, or for static methods another one
/// (PercentileStaticOptions stands for its rows' percentiles).
[[nodiscard]] MethodOptions weightMethod(const MethodOptions& options);
/// Whether that takes calibration inputs, too.
[[nodiscard]] bool weightNeedsCalibration(const MethodOptions& options);

/// The scheme of what a method makes: the chosen one without clip limits, with floatZeros where the
/// method stores such. Its sizes are those of the result.
[[nodiscard]] Scheme storedScheme(const Scheme& scheme, const MethodOptions& options);
/// What of a weight a method stores beside codes, scales and zeros. With MidRise::Auto the levels
/// of 2-bit weights are known only afterwards; their size is the same.
[[nodiscard]] StoredExtras storedExtras(const Scheme& scheme, const MethodOptions& options,
                                        std::int64_t rows, std::int64_t cols);
/// The power grid that a method makes; null for uniform ones.
[[nodiscard]] const PowerGridOptions* powerGridOf(const MethodOptions& options);
/// Weights kept as floats: the share rounded to a whole number.
[[nodiscard]] std::int64_t outlierCount(const PowerGridOptions& options, std::int64_t rows,
                                        std::int64_t cols);

/// "128", "true", "0.01".
[[nodiscard]] std::string optionValue(const MethodOptions& options, std::string_view name);
/// Sets one option from text. Throws Error(Usage) naming option, value and constraint.
void setOption(MethodOptions& options, std::string_view name, std::string_view value);
/// A sentence naming option, value and constraint, or nothing.
[[nodiscard]] std::optional<std::string> validate(const MethodOptions& options);

} // namespace gradus
