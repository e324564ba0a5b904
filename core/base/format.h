// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace gradus {

/// How numbers are shown, in one place for tables, plots and the command line.
[[nodiscard]] std::string formatBytes(std::uint64_t bytes); ///< "1.46 MiB", "812 B"
[[nodiscard]] std::string formatCount(std::int64_t count);  ///< "3,049,920"
[[nodiscard]] std::string formatDecibel(double decibel);    ///< "21.3 dB", "∞ dB", "–"
[[nodiscard]] std::string formatPercent(double fraction);   ///< "0.73 %" of 0.0073
[[nodiscard]] std::string formatSeconds(double seconds);    ///< "830 ms", "12.4 s", "3 min 20 s"
[[nodiscard]] std::string formatBitsPerWeight(double bits); ///< "4.25"
[[nodiscard]] std::string formatReal(double value,
                                     int digits = 4); ///< significant digits, "–" for NaN

} // namespace gradus
