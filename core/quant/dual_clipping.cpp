// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/dual_clipping.h"

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/quant/feature_columns.h"
#include "core/quant/order_statistics.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <numbers>
#include <optional>

namespace gradus {

std::string_view clipSearchName(ClipSearch search)
{
    switch (search) {
    case ClipSearch::None:
        return "none";
    case ClipSearch::Grid:
        return "grid";
    case ClipSearch::Learned:
        return "learned";
    }
    return "";
}

std::optional<ClipSearch> clipSearchFromName(std::string_view name)
{
    for (const ClipSearch search : {ClipSearch::None, ClipSearch::Grid, ClipSearch::Learned})
        if (clipSearchName(search) == name)
            return search;
    return std::nullopt;
}

namespace {

/// The grid in double, before anything is rounded to float: what gradients are of.
struct ExactStep
{
    double scale;
    double zero;
    double top;

    ExactStep(double low, double high, int bits)
        : scale((high - low) / ((1 << bits) - 1))
        , zero(std::nearbyint(-low / scale))
        , top((1 << bits) - 1)
    {
    }
};

struct RoundedValue
{
    double value;
    BoundGradient gradient;
};

RoundedValue roundWithGradient(double x, const ExactStep& step)
{
    const double steps = x / step.scale;
    const double rounded = std::nearbyint(steps);
    const double code = rounded + step.zero;
    if (code < 0)
        return {-step.zero * step.scale, {0, 1}};
    if (code > step.top)
        return {(step.top - step.zero) * step.scale, {1, 0}};
    const double part = (rounded - steps) / step.top;
    return {rounded * step.scale, {part, -part}};
}

} // namespace

BoundGradient boundGradient(double x, double low, double high, int bits)
{
    if (!(high > low))
        return {};
    return roundWithGradient(x, ExactStep(low, high, bits)).gradient;
}

namespace {

/// What bounds are made of: u = c + a·(M − c), l = c − η·(c − m).
struct ChannelSpan
{
    double middle;
    double below; ///< c − m
    double above; ///< M − c

    explicit ChannelSpan(std::span<const float> x)
        : middle(medianOf(x))
    {
        const auto [smallest, largest] = std::minmax_element(x.begin(), x.end());
        below = middle - static_cast<double>(*smallest);
        above = static_cast<double>(*largest) - middle;
    }
    [[nodiscard]] double low(double factor) const { return middle - factor * below; }
    [[nodiscard]] double high(double factor) const { return middle + factor * above; }
};

InputBounds boundsAt(std::span<const float> x, double low, double high, int bits)
{
    InputBounds bounds{low, high, affineStep(low, high, bits), 0};
    bounds.squaredError = squaredError(x, bounds.step, bits);
    return bounds;
}

/// Section 6.4. Errors are computed once for each pair of factors.
class FactorGrid
{
public:
    FactorGrid(std::span<const float> x, int bits, const Monitor& monitor)
        : m_x(x)
        , m_bits(bits)
        , m_span(x)
        , m_monitor(monitor)
    {
    }

    InputBounds search()
    {
        Place best{last, last};
        for (int i = last - 1; i >= 0; --i)
            take(best, {i, i});
        for (int sweep = 0; sweep < 3; ++sweep) {
            const Place before = best;
            for (int i = last; i >= 0; --i)
                take(best, {i, best.lower});
            for (int i = last; i >= 0; --i)
                take(best, {best.upper, i});
            if (best == before)
                break;
        }
        return at(best);
    }

private:
    static constexpr int last = 40; ///< 0.20, 0.22, … 1.00
    struct Place
    {
        int upper;
        int lower;
        bool operator==(const Place&) const = default;
    };

    static double factor(int i) { return static_cast<double>(10 + i) / 50; }

    const InputBounds& at(Place place)
    {
        std::optional<InputBounds>& known =
            m_known[static_cast<std::size_t>(place.upper * (last + 1) + place.lower)];
        if (!known) {
            m_monitor.checkpoint();
            known = boundsAt(m_x, m_span.low(factor(place.lower)), m_span.high(factor(place.upper)),
                             m_bits);
        }
        return *known;
    }

    /// Of equal ones the first, which is the wider.
    void take(Place& best, Place place)
    {
        if (at(place).squaredError < at(best).squaredError)
            best = place;
    }

    std::span<const float> m_x;
    int m_bits;
    ChannelSpan m_span;
    const Monitor& m_monitor;
    std::array<std::optional<InputBounds>, (last + 1) * (last + 1)> m_known;
};

double sigmoid(double x)
{
    return 1 / (1 + std::exp(-x));
}

/// One number's Adam, without anything shared between channels.
class ScalarAdam
{
public:
    double step(double gradient, double rate)
    {
        constexpr double beta1 = 0.9;
        constexpr double beta2 = 0.999;
        m_power1 *= beta1;
        m_power2 *= beta2;
        m_mean = beta1 * m_mean + (1 - beta1) * gradient;
        m_square = beta2 * m_square + (1 - beta2) * gradient * gradient;
        return -rate * (m_mean / (1 - m_power1)) / (std::sqrt(m_square / (1 - m_power2)) + 1e-8);
    }

private:
    double m_power1 = 1;
    double m_power2 = 1;
    double m_mean = 0;
    double m_square = 0;
};

/// Sections 6.1 to 6.3.
class FactorDescent
{
public:
    FactorDescent(std::span<const float> x, int bits, const InputBounds& percentile)
        : m_x(x)
        , m_bits(bits)
        , m_span(x)
    {
        // σ(4), or the percentiles: whichever is the better start.
        constexpr double open = 4;
        const double upper = inverse(percentile.high - m_span.middle, m_span.above);
        const double lower = inverse(m_span.middle - percentile.low, m_span.below);
        const bool wide = boundsOf(open, open).squaredError < boundsOf(upper, lower).squaredError;
        m_upper = wide ? open : upper;
        m_lower = wide ? open : lower;
    }

    InputBounds descend(RandomStream& random, const Monitor& monitor)
    {
        constexpr int steps = 500;
        constexpr std::size_t tokens = 256;
        constexpr double rate = 5e-2;
        ScalarAdam upperAdam;
        ScalarAdam lowerAdam;
        std::vector<float> batch(std::min(tokens, m_x.size()));
        const bool all = batch.size() == m_x.size();
        if (all)
            std::copy(m_x.begin(), m_x.end(), batch.begin());
        for (int t = 0; t < steps; ++t) {
            if (t % 50 == 0)
                monitor.checkpoint();
            if (!all)
                for (float& value : batch)
                    value = m_x[static_cast<std::size_t>(random.below(m_x.size()))];
            const BoundGradient gradient = gradientOf(batch);
            const double now = rate * (1 + std::cos(std::numbers::pi * t / steps)) / 2;
            m_upper += upperAdam.step(gradient.upper, now);
            m_lower += lowerAdam.step(gradient.lower, now);
        }
        return boundsOf(m_upper, m_lower);
    }

private:
    /// σ⁻¹ of length/whole, which is brought into [0.02, 0.98].
    static double inverse(double length, double whole)
    {
        const double share = whole > 0 ? std::clamp(length / whole, 0.02, 0.98) : 0.98;
        return std::log(share / (1 - share));
    }

    [[nodiscard]] InputBounds boundsOf(double upper, double lower) const
    {
        return boundsAt(m_x, m_span.low(sigmoid(lower)), m_span.high(sigmoid(upper)), m_bits);
    }

    /// Of the mean squared error by the two parameters, relative to the width of the channel.
    [[nodiscard]] BoundGradient gradientOf(std::span<const float> batch) const
    {
        const double upper = sigmoid(m_upper);
        const double lower = sigmoid(m_lower);
        const ExactStep step(m_span.low(lower), m_span.high(upper), m_bits);
        BoundGradient sum;
        for (const float value : batch) {
            const auto x = static_cast<double>(value);
            const RoundedValue rounded = roundWithGradient(x, step);
            sum.upper += (rounded.value - x) * rounded.gradient.upper;
            sum.lower += (rounded.value - x) * rounded.gradient.lower;
        }
        const double width = m_span.below + m_span.above;
        const double factor = 2 / (static_cast<double>(batch.size()) * width * width);
        return {factor * sum.upper * upper * (1 - upper) * m_span.above,
                -factor * sum.lower * lower * (1 - lower) * m_span.below};
    }

    std::span<const float> m_x;
    int m_bits;
    ChannelSpan m_span;
    double m_upper = 0;
    double m_lower = 0;
};

InputBounds searchBounds(std::span<const float> x, int bits, ClipSearch search,
                         const InputBounds& percentile, RandomStream& random,
                         const Monitor& monitor)
{
    if (search == ClipSearch::Grid)
        return FactorGrid(x, bits, monitor).search();
    return FactorDescent(x, bits, percentile).descend(random, monitor);
}

/// Values of one column, which rows that decide have in another matrix.
std::vector<float> columnOf(ConstMatrixView x, std::size_t feature)
{
    std::vector<float> values(static_cast<std::size_t>(x.rows));
    for (std::int64_t r = 0; r < x.rows; ++r)
        values[static_cast<std::size_t>(r)] =
            x.data[r * x.stride + static_cast<std::int64_t>(feature)];
    if (const std::int64_t bad = countNonFinite(values); bad > 0)
        throw Error(ErrorCode::Numeric, concat("held-out inputs have ", bad,
                                               bad == 1 ? " value that is" : " values that are",
                                               " NaN or infinite, expected finite numbers"));
    return values;
}

} // namespace

std::vector<InputBounds> dualClipping(ConstMatrixView x, ConstMatrixView heldOut, int bits,
                                      ClipSearch search, std::uint64_t seed, const Monitor& monitor)
{
    assert(heldOut.rows == 0 || heldOut.cols == x.cols);
    std::vector<InputBounds> result(static_cast<std::size_t>(x.cols));
    forEachColumn(x, &monitor, [&](std::size_t d, std::span<const float> values) {
        const InputBounds percentile = boundsOf(values, bits, InputRange::Percentile);
        result[d] = percentile;
        if (search == ClipSearch::None || values.empty() || !(percentile.high > percentile.low))
            return;
        RandomStream random(seed, concat("feature ", d), "dual clipping");
        const InputBounds found = searchBounds(values, bits, search, percentile, random, monitor);
        double before = percentile.squaredError;
        double after = found.squaredError;
        if (heldOut.rows > 0) {
            const std::vector<float> deciding = columnOf(heldOut, d);
            before = squaredError(deciding, percentile.step, bits);
            after = squaredError(deciding, found.step, bits);
        }
        if (after < before)
            result[d] = found;
    });
    return result;
}

} // namespace gradus
