// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/tuning.h"

namespace gradus {

TrainingOptions blockTraining(const DecoupleqOptions& options)
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

TrainingOptions fineTuning(const DecoupleqOptions& options)
{
    TrainingOptions training = blockTraining(options);
    training.epochs = options.fineTuneEpochs;
    training.rate = options.fineTuneRate;
    training.decay = options.fineTuneDecay;
    return training;
}

} // namespace gradus
