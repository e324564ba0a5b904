// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>

namespace gradus {

/// 10·log₁₀(before / after) of two errors: above zero is better. NaN when it cannot be said.
[[nodiscard]] double gainDecibel(double before, double after);
/// −10·log₁₀ of a relative error; infinite without error.
[[nodiscard]] double errorDecibel(double relativeError);
/// "+1.32 dB", "−0.20 dB", "–".
[[nodiscard]] QString signedDecibel(double decibel);

} // namespace gradus
