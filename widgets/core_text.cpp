// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/core_text.h"

#include <QCoreApplication>
#include <QRegularExpression>

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
    QT_TRANSLATE_NOOP("Core", "Power exponent a of the grid, 0.15 to 1.6; 0 searches the best one. "
                              "1 is a uniform grid, less has finer levels near zero."),
    QT_TRANSLATE_NOOP("Core",
                      "One exponent for each layer, for all layers of the model, or for each row."),
    QT_TRANSLATE_NOOP(
        "Core", "Which exponents may be chosen: any; 1/2 or 1, which integer arithmetic computes "
                "exactly, unless another gains more than 0.1 dB; or only those two."),
    QT_TRANSLATE_NOOP(
        "Core", "Scales are the largest magnitude of their granule; or a share of it that is "
                "searched together with the exponent, common to all granules or for each one."),
    QT_TRANSLATE_NOOP("Core", "Smallest share of the largest magnitude that is tried as a scale."),
    QT_TRANSLATE_NOOP("Core",
                      "Levels without zero and with one magnitude more. At 2 bits the exponent has "
                      "no effect otherwise; auto takes them there where the error is less."),
    QT_TRANSLATE_NOOP(
        "Core",
        "Share of the weights kept as floats beside the codes, those that save most error."),
    QT_TRANSLATE_NOOP("Core", "PowerQuant"),
    QT_TRANSLATE_NOOP("Core", "Non-uniform levels from a power function whose exponent is searched "
                              "for each layer. Needs no calibration."),
    QT_TRANSLATE_NOOP("Core", "In the domain of the power function, as the paper does, or to the "
                              "nearest level, which never has the larger error."),
    QT_TRANSLATE_NOOP("Core", "How the exponent is found: over the whole range with exact errors, "
                              "or by Nelder-Mead from 1, which can end in a worse basin."),
    QT_TRANSLATE_NOOP("Core",
                      "The search minimizes the sum of the errors' magnitudes to this power."),
    QT_TRANSLATE_NOOP("Core", "NUPES"),
    QT_TRANSLATE_NOOP("Core",
                      "Learns the codes of a power grid over all its levels, with its scales and "
                      "its exponent, against the Hessian of the calibration inputs."),
    QT_TRANSLATE_NOOP("Core", "How codes are learned: coordinate descent over all levels in turn "
                              "with scales and exponent; gradient steps on latent codes; or only "
                              "up or down as AdaRound does, for comparison."),
    QT_TRANSLATE_NOOP("Core", "Rounds of the alternation at most."),
    QT_TRANSLATE_NOOP("Core", "Learns the scales with the codes."),
    QT_TRANSLATE_NOOP("Core", "Learns the exponent with the codes."),
    QT_TRANSLATE_NOOP("Core", "After the alternation, gradient steps from the float weights and "
                              "another alternation; the better result is kept."),
    QT_TRANSLATE_NOOP(
        "Core", "Added to the Hessian's diagonal for the first sweep, as a share of its mean."),
    QT_TRANSLATE_NOOP("Core",
                      "Aims at the outputs that the float network has on its own inputs, not on "
                      "those of the quantized one; damped like the first sweep. For "
                      "true-sequential calibration, where the float network then runs beside the "
                      "quantized one; seldom a gain with sequential, no effect with float."),
    QT_TRANSLATE_NOOP("Core", "Gradient steps."),
    QT_TRANSLATE_NOOP("Core", "Learning rate of codes, in codes."),
    QT_TRANSLATE_NOOP("Core", "Learning rate of the exponent."),
    QT_TRANSLATE_NOOP("Core", "Learning rate of the scales' logarithm."),
    QT_TRANSLATE_NOOP("Core", "Up-down: how hard weights are pushed to one of the two levels."),
    QT_TRANSLATE_NOOP("Core", "Trains codes, scales, exponents and norms of each block so that its "
                              "output matches the float block's."),
    QT_TRANSLATE_NOOP("Core", "Learning rate of scales and norms."),
    QT_TRANSLATE_NOOP("Core", "Learning rate of codes, in codes; 0 freezes them."),
    QT_TRANSLATE_NOOP("Core", "Learning rate of exponents; 0 freezes them."),
    QT_TRANSLATE_NOOP("Core",
                      "What the outputs of a softmax are rounded to: powers of the square root of "
                      "1/2, powers of 1/2 as FQ-ViT does, or evenly spaced levels."),
    QT_TRANSLATE_NOOP(
        "Core", "How probabilities below the smallest power are held: as 0, by a state beside the "
                "powers or by one of them; or as the smallest power, so that small ones add up."),
    QT_TRANSLATE_NOOP("Core", "Static, min/max"),
    QT_TRANSLATE_NOOP(
        "Core", "Weights and inputs on uniform grids from the smallest to the largest value: of "
                "each row of the weight, and of all calibration inputs of the layer. A baseline."),
    QT_TRANSLATE_NOOP("Core", "Static, percentiles"),
    QT_TRANSLATE_NOOP(
        "Core",
        "Weights and inputs on uniform grids between the percentiles of least squared error: of "
        "each row of the weight, and of all calibration inputs of the layer. A baseline."),
    QT_TRANSLATE_NOOP("Core", "Static, least squares"),
    QT_TRANSLATE_NOOP("Core", "Weights and inputs on uniform grids whose range is shrunk to the "
                              "one of least squared error: of each row of the weight, and of all "
                              "calibration inputs of the layer. A baseline."),
    QT_TRANSLATE_NOOP("Core", "SmoothQuant"),
    QT_TRANSLATE_NOOP("Core",
                      "Divides channels of what a norm puts out and multiplies the weights that "
                      "read them, so that outliers are shared between both; then uniform static "
                      "grids for all inputs of a layer and each row of its weight. A baseline."),
    QT_TRANSLATE_NOOP("Core",
                      "How much of the channels' range goes to the weights: 0 none, 1 all of it."),
    QT_TRANSLATE_NOOP("Core", "Range of the inputs' grid: all values, between percentiles, or "
                              "shrunk to the least squared error."),
    QT_TRANSLATE_NOOP("Core", "RepQ-ViT"),
    QT_TRANSLATE_NOOP("Core", "Finds a grid for each channel of what a norm puts out and folds "
                              "them into one by changing the norm and the weights that read it; "
                              "outputs of softmax go to powers of the square root of 1/2."),
    QT_TRANSLATE_NOOP("Core", "As the official code does it: fractional_zeros, zero_state extra "
                              "and stale_ranges, whatever these say."),
    QT_TRANSLATE_NOOP("Core",
                      "The zero of a folded grid is the channels' mean as it is, not rounded. Then "
                      "codes are no integers, and not those of the channels."),
    QT_TRANSLATE_NOOP("Core", "Grids keep the ranges found before norms were folded, and are not "
                              "found anew on what the folded network computes."),
    QT_TRANSLATE_NOOP("Core", "RepQuant"),
    QT_TRANSLATE_NOOP("Core", "RepQ-ViT with limits searched for each channel, upper and lower, "
                              "and with weights reconstructed on the quantized inputs."),
    QT_TRANSLATE_NOOP(
        "Core",
        "How the limits of channels are found: percentiles, a deterministic search over a grid, or "
        "gradient steps. Limits of a larger error than the percentiles' are not taken."),
    QT_TRANSLATE_NOOP("Core", "Moves weights to where they make up for the errors of the inputs "
                              "before they are quantized, and biases after."),
    QT_TRANSLATE_NOOP("Core",
                      "How much weights are held to what they were, as a share of the Hessian's "
                      "mean diagonal; -1 chooses it on calibration rows that are held out."),
    QT_TRANSLATE_NOOP("Core", "Aims at the outputs that the float network has on its own inputs, "
                              "not on those of the quantized one."),
    QT_TRANSLATE_NOOP("Core", "How weights are quantized, with the default options of that method; "
                              "of decoupleQ its layer-wise part."),
    QT_TRANSLATE_NOOP("Core", "ONNX graph"),
    QT_TRANSLATE_NOOP("Core", "ONNX graph (not run)"),
    QT_TRANSLATE_NOOP("Core", "Keras model"),
    QT_TRANSLATE_NOOP("Core", "Keras model (not run)"),
    QT_TRANSLATE_NOOP("Core", "GGUF model (not run)"),
    QT_TRANSLATE_NOOP("Core", "unknown"),
};

/// What core says of data, with what it fills in; the more special ones first.
constexpr const char* sentences[] = {
    QT_TRANSLATE_NOOP("Core", "1 image, %1"),
    QT_TRANSLATE_NOOP("Core", "%1 images, %2"),
    QT_TRANSLATE_NOOP("Core", "images are resized to %1: the first one has %2"),
    QT_TRANSLATE_NOOP("Core", "the file is %1, the model wants %2: turned"),
    QT_TRANSLATE_NOOP("Core", "some values are not finite numbers"),
    QT_TRANSLATE_NOOP("Core", "some values are negative: they are taken as normalized already, "
                              "and the model's mean and deviation left out"),
    QT_TRANSLATE_NOOP("Core", "values lie in 0 … 1: the model's mean and deviation, which are "
                              "for 0 … 255, are divided by 255"),
    QT_TRANSLATE_NOOP("Core", "values lie in %1, and nothing states a mean"),
    QT_TRANSLATE_NOOP("Core", "what is fed has mean %1 and deviation %2; networks expect about 0 "
                              "and 1"),
    QT_TRANSLATE_NOOP("Core", "%1 labels for %2 samples: the last samples have none"),
    QT_TRANSLATE_NOOP("Core", "%1 labels for %2 samples: the last labels are not used"),
    QT_TRANSLATE_NOOP("Core", "%1 labels, up to %2, lie outside of the model's %3 classes; their "
                              "samples count as not labeled"),
};
} // namespace

QString coreSentence(std::string_view english)
{
    const QString text = QString::fromUtf8(english.data(), static_cast<qsizetype>(english.size()));
    for (const char* sentence : sentences) {
        QString pattern = QRegularExpression::escape(QString::fromUtf8(sentence));
        for (const char* place : {"%1", "%2", "%3"})
            pattern.replace(QRegularExpression::escape(QLatin1String(place)),
                            QStringLiteral("(.+?)"));
        const auto match =
            QRegularExpression(QRegularExpression::anchoredPattern(pattern)).match(text);
        if (!match.hasMatch())
            continue;
        const QString translated = QCoreApplication::translate("Core", sentence);
        switch (match.lastCapturedIndex()) {
        case 1:
            return translated.arg(match.captured(1));
        case 2:
            return translated.arg(match.captured(1), match.captured(2));
        case 3:
            return translated.arg(match.captured(1), match.captured(2), match.captured(3));
        default:
            return translated;
        }
    }
    return text;
}

QString coreText(std::string_view english)
{
    return QCoreApplication::translate("Core", std::string(english).c_str());
}

} // namespace gradus
