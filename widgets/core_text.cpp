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
