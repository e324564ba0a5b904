// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// What becomes of probabilities below the smallest power (reference repquant.md, section 2.3).
enum class ZeroState
{
    Extra,    ///< a state beside the 2^bits powers, as RepQ-ViT's official code has it
    Reserved, ///< the last code means 0: 2^bits states in all
    None,     ///< the smallest power, as the paper's formula has it; tails add up
};
[[nodiscard]] std::string_view zeroStateName(ZeroState state); ///< "extra", "reserved", "none"
[[nodiscard]] std::optional<ZeroState> zeroStateFromName(std::string_view name);

/// Powers of 2^(−1/k) for what a softmax puts out: e = rne(−k·log2(p/scale)), p̂ = scale·2^(−c/k).
struct LogGrid
{
    int bits = 8;
    int perOctave = 2; ///< k: 1 (log2) or 2 (log√2)
    float scale = 1;   ///< value of code 0, positive
    ZeroState zeroState = ZeroState::Reserved;
    double relativeError = 0; ///< Σ(p−p̂)²/Σp² on the calibration inputs

    bool operator==(const LogGrid&) const = default;
    /// The largest code that is a power.
    [[nodiscard]] int largest() const
    {
        return (1 << bits) - 1 - (zeroState == ZeroState::Reserved ? 1 : 0);
    }
    /// Marks probabilities that are 0; Reserved: 2^bits − 1, Extra: 2^bits.
    [[nodiscard]] int zeroCode() const { return largest() + 1; }
    [[nodiscard]] std::optional<std::string> validate() const;
};

/// A grid ready for use: thresholds made once, values compared with them.
class LogLevels
{
public:
    /// grid: valid.
    explicit LogLevels(const LogGrid& grid);
    /// 0 … zeroCode(). p ≥ 0; NaN throws Error(Numeric).
    void encode(std::span<const float> p, std::uint16_t* codes) const;
    /// The same, but 255 for what is larger.
    void encode(std::span<const float> p, std::uint8_t* codes) const;
    /// p̂. NaN stays NaN. May be in place.
    void round(std::span<const float> p, float* out) const;
    [[nodiscard]] float level(int code) const { return m_levels[static_cast<std::size_t>(code)]; }
    [[nodiscard]] std::span<const float> levels() const { return m_levels; }

private:
    template <class Code>
    void encodeAs(std::span<const float> p, Code* codes) const;
    void findPlaces(const float* p, std::int32_t* places, std::size_t count) const;

    /// From thresholds[c] on downwards it is code c + 1: where the exponent is c + ½. Followed by
    /// −1 up to a count of 2^m − 1.
    std::vector<float> m_thresholds;
    std::vector<float> m_levels;
    /// Thresholds an octave apart differ in their exponent alone, so that bits of p tell how many
    /// there are above it: from m_firstBits[i] on every 2^23rd, m_counts[i] of them.
    std::array<std::int32_t, 2> m_firstBits = {};
    std::array<std::int32_t, 2> m_counts = {};
    /// From here on bits tell: beneath are numbers that have fewer of them.
    std::int32_t m_leastBits = 0;
};

/// How probabilities are quantized.
enum class ProbabilityQuantizer
{
    LogSqrt2,
    Log2,
    Uniform,
};
[[nodiscard]] std::string_view
probabilityQuantizerName(ProbabilityQuantizer quantizer); ///< "log-sqrt2", "log2", "uniform"
[[nodiscard]] std::optional<ProbabilityQuantizer>
probabilityQuantizerFromName(std::string_view name);

/// The scale is the quantile of least squared error among 0.999, 0.9999, 0.99999. Zeros (masked
/// keys) are left out of the quantiles; where there is nothing else, the scale is 1. Throws
/// Error(Numeric) on what is negative or not finite, Error(Usage) on what LogGrid does not allow.
[[nodiscard]] LogGrid solveProbabilities(std::span<const float> p, int bits, int perOctave,
                                         ZeroState zeroState);

} // namespace gradus
