// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/static_settings.h"

namespace gradus {

namespace {

void apply(StaticSettings& settings, const MinmaxStaticOptions& options)
{
    settings.range = InputRange::MinMax;
    settings.probabilities = options.softmax;
}
void apply(StaticSettings& settings, const PercentileStaticOptions& options)
{
    settings.probabilities = options.softmax;
}
void apply(StaticSettings& settings, const MseStaticOptions& options)
{
    settings.range = InputRange::Mse;
    settings.probabilities = options.softmax;
}
void apply(StaticSettings& settings, const SmoothquantOptions& options)
{
    settings.smoothing = options.alpha;
    settings.range = options.range;
    settings.probabilities = options.softmax;
}
void apply(StaticSettings& settings, const RepqVitOptions& options)
{
    settings.byChannel = true;
    settings.probabilities = ProbabilityQuantizer::LogSqrt2;
    const bool fractional = options.official || options.fractionalZeros;
    settings.zeros = fractional ? FoldZeros::Fractional : FoldZeros::Mean;
    settings.zeroState = options.official ? ZeroState::Extra : options.zeroState;
    settings.stale = options.official || options.staleRanges;
}
void apply(StaticSettings& settings, const RepquantOptions& options)
{
    settings.byChannel = true;
    settings.clipping = options.clipping;
    settings.probabilities = options.softmax;
    settings.zeroState = options.zeroState;
    settings.reconstruct = options.reconstruct;
    settings.lambda = options.lambda;
    settings.asymmetric = options.asymmetric;
}
/// Methods of weights alone.
template <class O>
void apply(StaticSettings& /*settings*/, const O& /*options*/)
{
}

} // namespace

ActivationQuantizer quantizerOf(const ActivationChoice& activation, const MethodOptions& method)
{
    if (activation.quantizer != ActivationQuantizer::Method)
        return activation.quantizer;
    return isStaticMethod(method) ? ActivationQuantizer::Uniform : ActivationQuantizer::Power;
}

ActivationChoice defaultActivation(const MethodOptions& method, int bits)
{
    ActivationChoice choice;
    choice.bits = isStaticMethod(method) ? bits : 0;
    return choice;
}

std::optional<StaticSettings> staticSettings(const ActivationChoice& activation,
                                             const MethodOptions& method)
{
    if (quantizerOf(activation, method) != ActivationQuantizer::Uniform)
        return std::nullopt;
    StaticSettings settings;
    settings.bits = activation.bits;
    settings.attentionBits = activation.bitsOfAttention();
    settings.probabilityBits = activation.bitsOfProbabilities();
    if (settings.bits == 0 && settings.attentionBits == 0 && settings.probabilityBits == 0)
        return std::nullopt;
    settings.range = InputRange::Percentile;
    settings.weights = weightMethod(method);
    std::visit([&](const auto& options) { apply(settings, options); }, method);
    if (activation.range)
        settings.range = *activation.range;
    if (activation.granularity != InputGranularity::Method)
        settings.byChannel = activation.granularity == InputGranularity::Channel;
    if (activation.softmax)
        settings.probabilities = *activation.softmax;
    // A fold evens channels out by itself; without one there is nothing to clip by channel.
    if (settings.byChannel)
        settings.smoothing.reset();
    else
        settings.clipping = ClipSearch::None;
    return settings;
}

} // namespace gradus
