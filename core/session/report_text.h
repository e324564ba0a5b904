// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/report_rows.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>

namespace gradus {

/// Words and small pieces of markup that the sections of a report share.

/// The last component of a path, also of one that ends with a slash.
[[nodiscard]] std::string fileNameOf(const std::filesystem::path& path);
[[nodiscard]] std::string counted(std::int64_t count, std::string_view one, std::string_view many);
[[nodiscard]] std::string_view symbolOf(ErrorRating rating);
/// The rating's shape, with its word for those who cannot see it.
[[nodiscard]] std::string symbol(ErrorRating rating);
[[nodiscard]] std::string named(std::string_view name);
[[nodiscard]] std::string schemeText(const Scheme& scheme);
/// "GPTQ, 4 bits, groups of 64, asymmetric, scales F16; damping 0.03"
[[nodiscard]] std::string choiceSentence(const LayerChoice& choice);
/// "gptq 4, group 64" for narrow places.
[[nodiscard]] std::string shortChoice(const LayerResult& result);
[[nodiscard]] double ratio(std::uint64_t part, std::uint64_t whole);
[[nodiscard]] std::string signedText(double value, const std::string& magnitude);
/// "−23.6 %", "× 4.7", "–" when there is nothing to compare with.
[[nodiscard]] std::string changeOf(double before, double after);
[[nodiscard]] std::string decibelChange(double before, double after);
/// "gptq 4 → 6 bits, group 64"; everything twice when more than the bits changed.
[[nodiscard]] std::string choiceChange(const LayerResult& before, const LayerResult& after);

/// Worst and median error and how the layers are judged.
struct Judgment
{
    std::array<std::int64_t, 4> count{}; ///< by rating
    std::int64_t quantized = 0;
    double worst = std::numeric_limits<double>::quiet_NaN();
    double median = std::numeric_limits<double>::quiet_NaN();
    std::string worstLayer;
    [[nodiscard]] bool measured() const { return !std::isnan(worst); }
    [[nodiscard]] std::int64_t of(ErrorRating rating) const
    {
        return count[static_cast<std::size_t>(rating)];
    }
};
[[nodiscard]] Judgment judge(const Run& run);

} // namespace gradus
