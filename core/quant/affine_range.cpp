// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/quant/affine_grid.h"
#include "core/quant/feature_columns.h"
#include "core/quant/order_statistics.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

namespace gradus {

std::string_view inputRangeName(InputRange range)
{
    switch (range) {
    case InputRange::MinMax:
        return "min-max";
    case InputRange::Percentile:
        return "percentile";
    case InputRange::Mse:
        return "mse";
    }
    return "";
}

std::optional<InputRange> inputRangeFromName(std::string_view name)
{
    for (const InputRange range : {InputRange::MinMax, InputRange::Percentile, InputRange::Mse})
        if (inputRangeName(range) == name)
            return range;
    return std::nullopt;
}

double quantile(std::span<const float> ascending, double p)
{
    assert(!ascending.empty() && p >= 0 && p <= 1);
    const double rank = p * static_cast<double>(ascending.size() - 1);
    const auto i = static_cast<std::size_t>(rank);
    const auto low = static_cast<double>(ascending[i]);
    if (i + 1 == ascending.size())
        return low;
    return low + (rank - static_cast<double>(i)) * (static_cast<double>(ascending[i + 1]) - low);
}

namespace {

constexpr std::array percentiles = {0.999, 0.9999, 0.99999};
constexpr int shrinkSteps = 60;

InputBounds boundsAt(std::span<const float> x, double low, double high, int bits)
{
    InputBounds bounds{low, high, affineStep(low, high, bits), 0};
    bounds.squaredError = squaredError(x, bounds.step, bits);
    return bounds;
}

/// The first of least error, so that the widest range comes out of a tie.
void keepBetter(std::optional<InputBounds>& best, const InputBounds& bounds)
{
    if (!best || bounds.squaredError < best->squaredError)
        best = bounds;
}

/// Quantiles that meet have no error in the official code (they are NaN there) and are passed over;
/// where all do, the range is the constant.
InputBounds percentileBounds(std::span<const float> x, int bits)
{
    const TailQuantiles tails(x, 1 - percentiles.front());
    std::optional<InputBounds> best;
    for (const double p : percentiles) {
        const double low = tails.at(1 - p);
        const double high = tails.at(p);
        if (high > low)
            keepBetter(best, boundsAt(x, low, high, bits));
    }
    if (best)
        return *best;
    const double constant = tails.at(percentiles.front());
    return boundsAt(x, constant, constant, bits);
}

InputBounds shrunkBounds(std::span<const float> x, double low, double high, int bits)
{
    const double middle = medianOf(x);
    std::optional<InputBounds> best;
    for (int i = 0; i <= shrinkSteps; ++i) {
        const double factor = 1 - 0.8 * i / shrinkSteps;
        keepBetter(best, boundsAt(x, middle - factor * (middle - low),
                                  middle + factor * (high - middle), bits));
        if (!(high > low))
            break;
    }
    return *best;
}

/// Rows one after the other: as they are, or copied.
class ValuesInOrder
{
public:
    explicit ValuesInOrder(ConstMatrixView x)
    {
        const auto count = static_cast<std::size_t>(x.rows * x.cols);
        if (x.stride == x.cols || x.rows <= 1) {
            m_values = {x.data, count};
            return;
        }
        m_copy.reserve(count);
        for (std::int64_t r = 0; r < x.rows; ++r)
            m_copy.insert(m_copy.end(), x.row(r).begin(), x.row(r).end());
        m_values = m_copy;
    }
    [[nodiscard]] std::span<const float> values() const { return m_values; }

private:
    std::vector<float> m_copy;
    std::span<const float> m_values;
};

double squaresOf(std::span<const float> x)
{
    return parallelReduce(
        static_cast<std::int64_t>(x.size()), 1 << 15, 0.0,
        [&](std::int64_t begin, std::int64_t end) {
            double sum = 0;
            for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
                sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
            return sum;
        },
        [](double& total, double part) { total += part; });
}

double relativeErrorOf(double error, double squares)
{
    return squares > 0 ? error / squares : 0;
}

} // namespace

InputBounds boundsOf(std::span<const float> x, int bits, InputRange range)
{
    if (const std::int64_t bad = countNonFinite(x); bad > 0)
        throw Error(ErrorCode::Numeric,
                    concat("inputs have ", bad, bad == 1 ? " value that is" : " values that are",
                           " NaN or infinite, expected finite numbers"));
    if (x.empty())
        return {};
    if (range == InputRange::Percentile)
        return percentileBounds(x, bits);
    const auto [low, high] = std::minmax_element(x.begin(), x.end());
    const auto smallest = static_cast<double>(*low);
    const auto largest = static_cast<double>(*high);
    return range == InputRange::Mse ? shrunkBounds(x, smallest, largest, bits)
                                    : boundsAt(x, smallest, largest, bits);
}

AffineGrid tensorGrid(ConstMatrixView x, int bits, InputRange range)
{
    const ValuesInOrder inOrder(x);
    const InputBounds bounds = boundsOf(inOrder.values(), bits, range);
    AffineGrid grid;
    grid.bits = bits;
    grid.scales = {bounds.step.scale};
    grid.zeros = {bounds.step.zero};
    grid.relativeError = relativeErrorOf(bounds.squaredError, squaresOf(inOrder.values()));
    return grid;
}

AffineGrid channelGrid(ConstMatrixView x, int bits, InputRange range)
{
    const auto features = static_cast<std::size_t>(x.cols);
    AffineGrid grid;
    grid.bits = bits;
    grid.scales.resize(features);
    grid.zeros.resize(features);
    std::vector<double> errors(features);
    std::vector<double> squares(features);
    forEachColumn(x, nullptr, [&](std::size_t d, std::span<const float> values) {
        const InputBounds bounds = boundsOf(values, bits, range);
        grid.scales[d] = bounds.step.scale;
        grid.zeros[d] = bounds.step.zero;
        errors[d] = bounds.squaredError;
        squares[d] = squaresOf(values);
    });
    double error = 0;
    double square = 0;
    for (std::size_t d = 0; d < features; ++d) {
        error += errors[d];
        square += squares[d];
    }
    grid.relativeError = relativeErrorOf(error, square);
    return grid;
}

} // namespace gradus
