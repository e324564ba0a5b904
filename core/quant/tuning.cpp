// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/tuning.h"

namespace gradus {

namespace {

TrainingOptions blockOptions(const DecoupleqOptions& options)
{
    TrainingOptions training;
    training.epochs = options.blockEpochs;
    training.batch = options.blockBatch;
    training.rate = options.blockRate;
    training.beta1 = options.blockBeta1;
    training.beta2 = options.blockBeta2;
    training.epsilon = options.blockEpsilon;
    training.decay = options.blockDecay;
    training.patience = options.blockPatience;
    training.norms = options.trainNorms;
    training.biases = options.trainBiases;
    return training;
}

TrainingOptions blockOptions(const NupesOptions& options)
{
    TrainingOptions training;
    training.epochs = options.blockEpochs;
    training.batch = options.blockBatch;
    training.rate = options.blockRate;
    training.patience = options.blockPatience;
    training.norms = options.trainNorms;
    training.codeRate = options.blockCodeRate;
    // An exponent that was chosen, or is that of other blocks, too, is not for one block to change.
    const bool own = options.learnExponent && options.exponent == 0 &&
                     options.exponentScope != ExponentScope::Model &&
                     options.exponents == ExponentChoice::Free;
    training.exponentRate = own ? options.blockExponentRate : 0;
    return training;
}

} // namespace

std::optional<TrainingOptions> blockTraining(const MethodOptions& options)
{
    if (const auto* decoupleq = std::get_if<DecoupleqOptions>(&options))
        return decoupleq->blockStage ? std::optional(blockOptions(*decoupleq)) : std::nullopt;
    if (const auto* nupes = std::get_if<NupesOptions>(&options))
        return nupes->blockStage ? std::optional(blockOptions(*nupes)) : std::nullopt;
    return std::nullopt;
}

std::optional<TrainingOptions> fineTuning(const MethodOptions& options)
{
    const auto* decoupleq = std::get_if<DecoupleqOptions>(&options);
    if (!decoupleq || !decoupleq->fineTune)
        return std::nullopt;
    TrainingOptions training = blockOptions(*decoupleq);
    training.epochs = decoupleq->fineTuneEpochs;
    training.rate = decoupleq->fineTuneRate;
    training.decay = decoupleq->fineTuneDecay;
    return training;
}

} // namespace gradus
