// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/activation_grid.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cmath>
#include <limits>

namespace gradus {

std::optional<std::string> ActivationGrid::validate() const
{
    if (bits < 2 || bits > 8)
        return concat("bits of the activation grid is ", bits, ", expected 2 to 8");
    if (!(exponent >= 0.1F && exponent <= 2))
        return concat("exponent of the activation grid is ", exponent, ", expected 0.1 to 2");
    if (!(limit > 0 && std::isfinite(limit)))
        return concat("limit of the activation grid is ", limit,
                      ", expected a positive, finite number");
    if (!(shift >= 0 && std::isfinite(shift)))
        return concat("shift of the activation grid is ", shift,
                      ", expected 0 or a positive, finite number");
    if (shift > 0 && isSigned)
        return concat("shift of the activation grid is ", shift, ", expected 0 with signed codes");
    if (!(relativeError >= 0 && std::isfinite(relativeError)))
        return concat("relative error of the activation grid is ", relativeError,
                      ", expected 0 or a positive, finite number");
    return std::nullopt;
}

ActivationLevels::ActivationLevels(const ActivationGrid& grid)
    : m_largest(grid.largest())
    , m_isSigned(grid.isSigned)
    , m_shift(grid.shift)
    , m_levels(static_cast<std::size_t>(2 * m_largest + 1))
{
    assert(!grid.validate());
    const PowerLevels levels(m_largest, static_cast<double>(grid.exponent));
    const auto limit = static_cast<double>(grid.limit);
    for (const double border : levels.thresholds(PowerRounding::Nearest))
        m_borders.push_back(static_cast<float>(limit * border));
    for (int i = 0; i <= m_largest; ++i) {
        const auto level =
            static_cast<float>(limit * levels.magnitudes()[static_cast<std::size_t>(i)]);
        m_levels[static_cast<std::size_t>(m_largest - i)] = -level;
        m_levels[static_cast<std::size_t>(m_largest + i)] = level;
    }
}

/// emit(first, count, values, places): the values are shifted; a place is what |value| or, of
/// unsigned grids, value has reached of the borders.
template <class Emit>
void ActivationLevels::forEachPlace(std::span<const float> x, const Emit& emit) const
{
    constexpr std::size_t block = 512;
    float values[block];
    float magnitudes[block];
    std::int32_t places[block];
    const float* borders = m_borders.data();
    for (std::size_t first = 0; first < x.size(); first += block) {
        const std::size_t count = std::min(block, x.size() - first);
        for (std::size_t i = 0; i < count; ++i) {
            values[i] = x[first + i] + m_shift;
            magnitudes[i] = m_isSigned ? std::fabs(values[i]) : values[i];
            places[i] = 0;
        }
        // N = 2^m − 1 borders: m halvings, for all values side by side.
        for (std::int32_t step = (m_largest + 1) / 2; step > 0; step /= 2)
            for (std::size_t i = 0; i < count; ++i)
                places[i] += magnitudes[i] >= borders[places[i] + step - 1] ? step : 0;
        emit(first, count, values, places);
    }
}

std::int64_t ActivationLevels::encode(std::span<const float> x, std::int16_t* codes) const
{
    std::int64_t bad = 0;
    forEachPlace(x, [&](std::size_t first, std::size_t count, const float* values,
                        const std::int32_t* places) {
        std::int32_t nan = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const std::int32_t code = m_isSigned && values[i] < 0 ? -places[i] : places[i];
            codes[first + i] = static_cast<std::int16_t>(code);
            nan += std::isnan(values[i]) ? 1 : 0;
        }
        bad += nan;
    });
    return bad;
}

void ActivationLevels::round(std::span<const float> x, float* out) const
{
    const float* levels = m_levels.data() + m_largest;
    forEachPlace(x, [&](std::size_t first, std::size_t count, const float* values,
                        const std::int32_t* places) {
        for (std::size_t i = 0; i < count; ++i) {
            const std::int32_t code = m_isSigned && values[i] < 0 ? -places[i] : places[i];
            out[first + i] = std::isnan(values[i]) ? values[i] : levels[code];
        }
    });
}

namespace {

/// Rows whose values take some tens of microseconds.
std::int64_t rowGrain(std::int64_t cols)
{
    return std::max<std::int64_t>(1, 32768 / std::max<std::int64_t>(1, cols));
}

} // namespace

void simulateActivations(const ActivationGrid& grid, ConstMatrixView x, MatrixView out)
{
    assert(x.rows == out.rows && x.cols == out.cols);
    const ActivationLevels levels(grid);
    parallelFor(x.rows, rowGrain(x.cols), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const std::span<float> row = out.row(r);
            levels.round(x.row(r), row.data());
            if (grid.shift > 0)
                for (float& value : row)
                    value -= grid.shift;
        }
    });
}

void ActivationLevels::encodeAll(ConstMatrixView x, std::int16_t* codes) const
{
    std::atomic<std::int64_t> bad = 0;
    parallelFor(x.rows, rowGrain(x.cols), [&](std::int64_t begin, std::int64_t end) {
        std::int64_t some = 0;
        for (std::int64_t r = begin; r < end; ++r)
            some += encode(x.row(r), codes + r * x.cols);
        bad += some;
    });
    if (bad > 0)
        throw Error(ErrorCode::Numeric, concat("inputs have ", bad.load(),
                                               bad == 1 ? " value that is" : " values that are",
                                               " NaN, expected numbers, which have codes"));
}

void encodeActivations(const ActivationGrid& grid, ConstMatrixView x, std::int16_t* codes)
{
    ActivationLevels(grid).encodeAll(x, codes);
}

Requantizer::Requantizer(const ActivationGrid& grid, double factor, PowerRounding rounding)
    : m_isSigned(grid.isSigned)
{
    assert(!grid.validate() && factor > 0 && std::isfinite(factor));
    // No sum gets there: its magnitude is at most 2^31.
    constexpr double never = 0x1p32;
    const PowerLevels levels(grid.largest(), static_cast<double>(grid.exponent));
    for (const double border : levels.thresholds(rounding))
        m_thresholds.push_back(static_cast<std::int64_t>(std::clamp(
            std::ceil((static_cast<double>(grid.limit) * border - static_cast<double>(grid.shift)) /
                      factor),
            -never, never)));
}

int Requantizer::code(std::int32_t acc) const
{
    const std::int64_t wide = acc;
    const std::int64_t magnitude = m_isSigned && wide < 0 ? -wide : wide;
    int code = 0;
    for (const std::int64_t threshold : m_thresholds)
        code += magnitude >= threshold ? 1 : 0;
    return m_isSigned && wide < 0 ? -code : code;
}

} // namespace gradus
