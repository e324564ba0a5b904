// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/core_text.h"

#include <QCoreApplication>

namespace gradus {

namespace {
/// For the tool that collects what is to be translated; a test compares them with core's own.
[[maybe_unused]] constexpr const char* texts[] = {
    QT_TRANSLATE_NOOP("Core", "Round to nearest"),
    QT_TRANSLATE_NOOP("Core", "Rounds every weight to the nearest level of its granule's min/max "
                              "grid. Needs no calibration."),
    QT_TRANSLATE_NOOP("Core", "Round to nearest, clipped"),
    QT_TRANSLATE_NOOP("Core", "Round to nearest with the range of each granule shrunk to the one "
                              "of least mean squared error. Needs no calibration."),
    QT_TRANSLATE_NOOP("Core", "Smallest range tried, as a share of the min/max range."),
    QT_TRANSLATE_NOOP("Core", "Ranges tried, evenly spaced from the smallest to the full."),
    QT_TRANSLATE_NOOP("Core", "GPTQ"),
    QT_TRANSLATE_NOOP("Core", "Rounds the inputs in turn and spreads each rounding error over the "
                              "inputs not yet rounded, by the inverse Hessian of the calibration "
                              "inputs."),
    QT_TRANSLATE_NOOP("Core", "Added to the Hessian's diagonal, as a share of its mean. Raised by "
                              "itself when the factorization fails."),
    QT_TRANSLATE_NOOP("Core", "Rounds the inputs with the largest activations first."),
    QT_TRANSLATE_NOOP("Core", "With act_order: finds the grids of all groups first, from "
                              "neighboring inputs, so that no group index has to be stored."),
    QT_TRANSLATE_NOOP("Core",
                      "Shrinks the range of each granule to the one of least mean squared error."),
    QT_TRANSLATE_NOOP("Core", "Inputs per lazily applied update: speed only, the result is the "
                              "same up to rounding."),
    QT_TRANSLATE_NOOP("Core", "decoupleQ"),
    QT_TRANSLATE_NOOP("Core", "Optimizes integers and scales with zeros in turn against the "
                              "Hessian of the calibration inputs; then trains scales, zeros and "
                              "norms of each block so that its output matches the float block's. "
                              "Strong at 2 and 3 bits."),
    QT_TRANSLATE_NOOP("Core",
                      "Rounds N of the alternation: 0 rounds to nearest, 1 takes the better of "
                      "that and GPTQ, each further one optimizes integers, then scales and zeros."),
    QT_TRANSLATE_NOOP(
        "Core",
        "How integers are found: one sweep over the inputs as GPTQ does (second level), or within "
        "the range of the codes (first level) by coordinate descent or by the projected Adam of "
        "the official code. First level is much slower, for small layers."),
    QT_TRANSLATE_NOOP("Core", "First level: steps M within the range before the first rounding."),
    QT_TRANSLATE_NOOP("Core", "First level: steps K after each rounded input."),
    QT_TRANSLATE_NOOP(
        "Core", "Step of the projected Adam before the first rounding, in units of the weights."),
    QT_TRANSLATE_NOOP("Core", "Sweeps of integer coordinate descent at the end, each with new "
                              "scales and zeros. Never raises the error. Not in the paper."),
    QT_TRANSLATE_NOOP("Core", "Added to the Hessian's diagonal, as a share of its mean."),
    QT_TRANSLATE_NOOP("Core", "Stores zeros as real numbers, as the paper does. Without it they "
                              "are integers, which formats like GPTQ's need."),
    QT_TRANSLATE_NOOP("Core",
                      "Trains scales, zeros and norms of each block with the integers frozen."),
    QT_TRANSLATE_NOOP("Core", "Passes over the calibration windows per block."),
    QT_TRANSLATE_NOOP("Core", "Calibration windows per step of Adam."),
    QT_TRANSLATE_NOOP("Core", "Learning rate of Adam in the block stage."),
    QT_TRANSLATE_NOOP("Core", "Decay of Adam's mean of gradients."),
    QT_TRANSLATE_NOOP("Core", "Decay of Adam's mean of squared gradients."),
    QT_TRANSLATE_NOOP("Core", "Added to Adam's denominator."),
    QT_TRANSLATE_NOOP("Core", "L2 weight decay of everything trained."),
    QT_TRANSLATE_NOOP("Core", "Passes without a lower loss before a block stops early; 0: never. "
                              "The best state is kept in any case."),
    QT_TRANSLATE_NOOP("Core", "Trains the block's norm weights too."),
    QT_TRANSLATE_NOOP("Core", "Trains the biases of linear layers too."),
    QT_TRANSLATE_NOOP("Core", "At the end, trains scales, zeros and norms of all blocks together "
                              "to predict the calibration text (supervised fine-tuning)."),
    QT_TRANSLATE_NOOP("Core", "Passes over the calibration windows in the fine-tuning."),
    QT_TRANSLATE_NOOP("Core", "Learning rate of the fine-tuning."),
    QT_TRANSLATE_NOOP("Core", "L2 weight decay of the fine-tuning."),
    QT_TRANSLATE_NOOP("Core", "linear"),
    QT_TRANSLATE_NOOP("Core", "embedding"),
    QT_TRANSLATE_NOOP("Core", "convolution"),
    QT_TRANSLATE_NOOP("Core", "other"),
};
} // namespace

QString coreText(std::string_view english)
{
    return QCoreApplication::translate("Core", std::string(english).c_str());
}

} // namespace gradus
