// SPDX-License-Identifier: GPL-3.0-or-later
//
// A weight with power levels while it is trained (reference nupes.md, sections 5 and 7.2). With
// h = 0 (mid-rise: ½) and L = N + h a code c stands at q = c + h, and ŵ = s · sgn(q) ·
// (|q|/L)^(1/a). Each weight has a latent v of the same unit, −L … L, whose cell is its code: c =
// ⌊v − h + ½⌋.
//
//  * v: straight through the rounding, by the secant of the levels around it, s · (κ(i+1) − κ(i)):
//    positive everywhere, so that no weight sits in a dead zone.
//  * a: v means the weight of size (|v|/L)^(1/a), which stays what it is when a changes. So the
//    latents move along, |v| → L · (|v|/L)^(a'/a), and the derivative is that of rounding in the
//    power domain, (7), in a form that is finite for v = 0, too: with t = |v|
//      dŵ/da = s · sgn(q) · (κ/a²) · (ln(L/q) + (t/q) · ln(t/L)).
//    Where codes are frozen nothing follows a, and it is (8), the first of the two terms.
//  * s: at given v and a the codes do not depend on it, dŵ/ds = κ.
#include "core/base/parallel.h"
#include "core/quant/grid.h"
#include "core/quant/power_gradient.h"
#include "core/quant/power_levels.h"
#include "core/quant/row_granules.h"
#include "core/quant/trained_weight.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <numbers>
#include <numeric>
#include <optional>
#include <utility>

namespace gradus {

namespace {

/// Of the latents and exponents. Gradients of a mean are tiny; what counts is their direction.
constexpr double beta1 = 0.9;
constexpr double beta2 = 0.999;
constexpr double epsilon = 1e-12;
/// How far from the middle of its cell a latent may start: not on the border.
constexpr float widest = 0.499F;
constexpr std::int64_t lanes = 16;

/// Half a cosine from 1 to 0.
double cosine(double done)
{
    return done < 1 ? 0.5 * (1 + std::cos(std::numbers::pi * done)) : 0;
}

/// What one exponent makes of codes, by code.
struct CodeTables
{
    std::vector<float> level;
    std::vector<float> secant; ///< to the next level
    std::vector<float> held;   ///< dκ/da with the code held, (8)
    std::vector<float> moving; ///< what (7) has beside it, per t·ln(t/L)

    CodeTables(const Scheme& scheme, float exponent)
    {
        const PowerLevels levels(scheme, static_cast<double>(exponent));
        level = levels.table(scheme.bits);
        secant = secantSlopes(levels, scheme.bits);
        held = heldExponentTable(levels, scheme.bits);
        moving.resize(level.size());
        const int middle = 1 << (scheme.bits - 1);
        const double a = levels.exponent();
        for (std::size_t code = 0; code < level.size(); ++code) {
            const double q = static_cast<int>(code) - middle + (levels.midRise() ? 0.5 : 0);
            moving[code] =
                q == 0
                    ? 0.0F
                    : static_cast<float>(static_cast<double>(level[code]) / (a * a * std::fabs(q)));
        }
    }
};

double total(const std::array<float, lanes>& sums)
{
    return std::accumulate(sums.begin(), sums.end(), 0.0,
                           [](double a, float b) { return a + static_cast<double>(b); });
}

class TrainedPower final : public TrainedWeight
{
public:
    TrainedPower(const TrainedLayer& layer, const TrainingOptions& options);

    void writeMasters(MatrixView out) const override;
    [[nodiscard]] QuantizedWeight stored() const override;
    void addGradient(MatrixView gradient) override;
    void clearGradients() override;
    void step(const TrainingStep& step) override;
    void keep() override { m_kept = stored(); }
    [[nodiscard]] QuantizedWeight kept() const override { return *m_kept; }
    void addMovement(TrainingMovement& movement) const override;

private:
    [[nodiscard]] bool codesMove() const { return !m_latents.empty(); }
    [[nodiscard]] const std::uint8_t* codes() const
    {
        return codesMove() ? m_codes.data() : start()->codes.data();
    }
    [[nodiscard]] const CodeTables& tables(std::int64_t row) const
    {
        return m_tables[m_tables.size() == 1 ? 0 : static_cast<std::size_t>(row)];
    }
    template <class Body>
    void forEachOutlier(std::int64_t row, const Body& body) const
    {
        const SparseWeights& outliers = start()->outliers;
        if (outliers.empty())
            return;
        const auto r = static_cast<std::size_t>(row);
        for (std::size_t i = outliers.rowStarts[r]; i < outliers.rowStarts[r + 1]; ++i)
            body(static_cast<std::int64_t>(outliers.columns[i]), outliers.values[i]);
    }
    void placeLatents(const TrainedLayer& layer);
    /// By what factor each exponent changed; empty when none did.
    [[nodiscard]] std::vector<float> stepExponents(const TrainingStep& step);
    /// The codes of the latents, after these moved along with the exponents.
    void settle(const std::vector<float>& factors);
    [[nodiscard]] double rowExponentGradient(std::int64_t row, const float* g,
                                             const RowGranules& granules) const;
    void rowGradients(std::int64_t row, const float* g, const RowGranules& granules,
                      double* scaleSums);

    const std::int64_t m_middle;
    const float m_shift; ///< h
    const float m_limit; ///< L
    const double m_codeRate;
    const double m_exponentRate;
    bool m_exponentsMove = false; ///< in the next step
    TrainedArray m_scales;
    TrainedArray m_thetas; ///< of the exponents, see ExponentParameter; empty: frozen
    std::vector<float> m_exponents;
    std::vector<CodeTables> m_tables; ///< of each exponent
    std::vector<float> m_latents;     ///< empty: codes are frozen
    std::vector<float> m_latentGradient;
    AdamMoments m_latentMoments;
    std::vector<std::uint8_t> m_codes; ///< of the latents
    std::optional<QuantizedWeight> m_kept;
};

TrainedPower::TrainedPower(const TrainedLayer& layer, const TrainingOptions& options)
    : TrainedWeight(layer.weight)
    , m_middle(std::int64_t(1) << (layer.weight->scheme.bits - 1))
    , m_shift(layer.weight->scheme.levels == Levels::PowerMidRise ? 0.5F : 0.0F)
    , m_limit(static_cast<float>(m_middle - 1) + m_shift)
    , m_codeRate(options.codeRate)
    , m_exponentRate(options.exponentRate)
    , m_exponents(layer.weight->exponents)
{
    const QuantizedWeight& weight = *start();
    assert(weight.exponents.size() == 1 ||
           weight.exponents.size() == static_cast<std::size_t>(weight.rows));
    m_scales.set(weight.scales);
    for (const float exponent : m_exponents)
        m_tables.emplace_back(weight.scheme, exponent);
    // The levels −1, 0 and 1 have no exponent.
    if (m_exponentRate > 0 && m_limit > 1) {
        std::vector<float> thetas;
        for (const float exponent : m_exponents)
            thetas.push_back(
                static_cast<float>(ExponentParameter::of(static_cast<double>(exponent)).theta));
        m_thetas.set(std::move(thetas));
        m_exponentsMove = true;
    }
    if (m_codeRate > 0)
        placeLatents(layer);
}

void TrainedPower::placeLatents(const TrainedLayer& layer)
{
    const QuantizedWeight& weight = *start();
    m_codes = weight.codes;
    m_latents.resize(weight.codes.size());
    m_latentGradient.assign(weight.codes.size(), 0.0F);
    const Tensor original = layer.floatWeight ? layer.floatWeight() : Tensor();
    assert(original.empty() || original.count() == weight.rows * weight.cols);
    const float* from = original.empty() ? nullptr : original.floats().data();
    const RowGranules granules(weight);
    parallelFor(weight.rows, granules.rowGrain(), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const float exponent = weight.exponent(r);
            const std::int64_t row = r * weight.cols;
            granules.forEachRun([&](std::int64_t group, std::int64_t first, std::int64_t count) {
                const float scale =
                    weight.scales[static_cast<std::size_t>(r * granules.perRow + group)];
                for (std::int64_t c = row + first; c < row + first + count; ++c) {
                    const auto i = static_cast<std::size_t>(c);
                    float inCell = 0;
                    if (from && scale > 0) {
                        const float u = std::clamp(from[i] / scale, -1.0F, 1.0F);
                        const float t =
                            std::copysign(m_limit * std::pow(std::fabs(u), exponent), u);
                        inCell = t - std::floor(t - m_shift + 0.5F) - m_shift;
                    }
                    m_latents[i] = std::clamp(static_cast<float>(weight.codes[i] - m_middle) +
                                                  m_shift + std::clamp(inCell, -widest, widest),
                                              -m_limit, m_limit);
                }
            });
        }
    });
}

void TrainedPower::writeMasters(MatrixView out) const
{
    const QuantizedWeight& weight = *start();
    const RowGranules granules(weight);
    parallelFor(weight.rows, granules.rowGrain(), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const float* level = tables(r).level.data();
            const std::uint8_t* from = codes() + r * weight.cols;
            const float* scales = m_scales.value.data() + r * granules.perRow;
            float* to = out.data + r * out.stride;
            granules.forEachRun([&](std::int64_t group, std::int64_t first, std::int64_t count) {
                const float scale = scales[group];
                for (std::int64_t c = first; c < first + count; ++c)
                    to[c] = scale * level[from[c]];
            });
            forEachOutlier(r, [&](std::int64_t c, float value) { to[c] = value; });
        }
    });
}

QuantizedWeight TrainedPower::stored() const
{
    QuantizedWeight weight = *start();
    weight.exponents = m_exponents;
    if (codesMove())
        weight.codes = m_codes;
    // The levels are symmetric: a scale that became negative turns its codes around.
    std::vector<bool> turned(m_scales.value.size(), false);
    bool any = false;
    for (std::size_t i = 0; i < turned.size(); ++i) {
        const float scale = m_scales.value[i];
        turned[i] = scale < 0;
        any = any || turned[i];
        weight.scales[i] =
            storedScale(std::fabs(static_cast<double>(scale)), weight.scheme.scaleType);
    }
    const bool midRise = weight.scheme.levels == Levels::PowerMidRise;
    const std::int64_t mirror = 2 * m_middle - (midRise ? 1 : 0);
    if (any)
        for (std::int64_t r = 0; r < weight.rows; ++r)
            for (std::int64_t c = 0; c < weight.cols; ++c)
                if (turned[weight.parameterIndex(r, c)]) {
                    auto& code = weight.codes[static_cast<std::size_t>(r * weight.cols + c)];
                    code = static_cast<std::uint8_t>(mirror - code);
                }
    for (std::int64_t r = 0; r < weight.rows; ++r)
        forEachOutlier(r, [&](std::int64_t c, float) {
            const auto i = static_cast<std::size_t>(r * weight.cols + c);
            weight.codes[i] = start()->codes[i];
        });
    return weight;
}

void TrainedPower::rowGradients(std::int64_t row, const float* g, const RowGranules& granules,
                                double* scaleSums)
{
    const CodeTables& table = tables(row);
    const std::int64_t at = row * granules.cols;
    const float* level = table.level.data();
    const float* secant = table.secant.data();
    const std::uint8_t* from = codes() + at;
    const float* scales = m_scales.value.data() + row * granules.perRow;
    granules.forEachRun([&](std::int64_t group, std::int64_t first, std::int64_t count) {
        std::array<float, lanes> sums{};
        std::int64_t i = first;
        for (; i + lanes <= first + count; i += lanes)
            for (std::int64_t lane = 0; lane < lanes; ++lane)
                sums[static_cast<std::size_t>(lane)] += g[i + lane] * level[from[i + lane]];
        for (; i < first + count; ++i)
            sums[0] += g[i] * level[from[i]];
        scaleSums[group] += total(sums);
        if (!codesMove())
            return;
        const float* latents = m_latents.data() + at;
        float* gradient = m_latentGradient.data() + at;
        const float scale = scales[group];
        for (std::int64_t c = first; c < first + count; ++c) {
            const auto below = static_cast<std::int32_t>(std::floor(latents[c] - m_shift));
            gradient[c] += g[c] * scale * secant[below + static_cast<std::int32_t>(m_middle)];
        }
    });
}

double TrainedPower::rowExponentGradient(std::int64_t row, const float* g,
                                         const RowGranules& granules) const
{
    const CodeTables& table = tables(row);
    const std::int64_t at = row * granules.cols;
    const std::uint8_t* from = codes() + at;
    const float* latents = codesMove() ? m_latents.data() + at : nullptr;
    const float* scales = m_scales.value.data() + row * granules.perRow;
    double sum = 0;
    granules.forEachRun([&](std::int64_t group, std::int64_t first, std::int64_t count) {
        double own = 0;
        for (std::int64_t c = first; c < first + count; ++c) {
            float slope = table.held[from[c]];
            if (latents) {
                const float t = std::fabs(latents[c]);
                slope += t > 0 ? table.moving[from[c]] * t * std::log(t / m_limit) : 0.0F;
            }
            own += static_cast<double>(g[c] * slope);
        }
        sum += own * static_cast<double>(scales[group]);
    });
    return sum;
}

void TrainedPower::addGradient(MatrixView gradient)
{
    const QuantizedWeight& weight = *start();
    const RowGranules granules(weight);
    const std::int64_t groups = granules.ofRow();
    std::vector<double> scales(static_cast<std::size_t>(weight.rows * groups));
    std::vector<double> exponents(m_exponentsMove ? static_cast<std::size_t>(weight.rows) : 0);
    parallelFor(weight.rows, granules.rowGrain(), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            float* g = gradient.data + r * gradient.stride;
            forEachOutlier(r, [&](std::int64_t c, float) { g[c] = 0; });
            rowGradients(r, g, granules, scales.data() + r * groups);
            if (m_exponentsMove)
                exponents[static_cast<std::size_t>(r)] = rowExponentGradient(r, g, granules);
        }
    });
    addGranuleSums(granules, scales, m_scales.gradient);
    const auto slope = [&](std::size_t i) {
        return ExponentParameter{static_cast<double>(m_thetas.value[i])}.slope();
    };
    if (!m_exponentsMove)
        return;
    if (m_exponents.size() == 1)
        m_thetas.gradient[0] +=
            static_cast<float>(slope(0) * std::accumulate(exponents.begin(), exponents.end(), 0.0));
    else
        for (std::size_t r = 0; r < exponents.size(); ++r)
            m_thetas.gradient[r] += static_cast<float>(slope(r) * exponents[r]);
}

void TrainedPower::clearGradients()
{
    m_scales.clearGradient();
    m_thetas.clearGradient();
    std::fill(m_latentGradient.begin(), m_latentGradient.end(), 0.0F);
}

std::vector<float> TrainedPower::stepExponents(const TrainingStep& step)
{
    m_exponentsMove = m_exponentsMove && step.done < exponentShare;
    if (!m_exponentsMove)
        return {};
    const std::vector<float> before = m_thetas.value;
    m_thetas.step({m_exponentRate * cosine(step.done / exponentShare), beta1, beta2, epsilon, 0},
                  step.number);
    constexpr auto most = static_cast<float>(ExponentParameter::largestStep);
    std::vector<float> factors(before.size(), 1.0F);
    const Scheme& scheme = start()->scheme;
    for (std::size_t i = 0; i < before.size(); ++i) {
        float& theta = m_thetas.value[i];
        theta = before[i] + std::max(-most, std::min(theta - before[i], most));
        const auto first = static_cast<double>(start()->exponents[i]);
        // One that a search found beyond the range of training stays where it is.
        if (theta == before[i] || first <= ExponentParameter::low ||
            first >= ExponentParameter::high)
            continue;
        const auto exponent =
            static_cast<float>(ExponentParameter{static_cast<double>(theta)}.exponent());
        factors[i] = exponent / m_exponents[i];
        m_exponents[i] = exponent;
        m_tables[i] = CodeTables(scheme, exponent);
    }
    return factors;
}

void TrainedPower::settle(const std::vector<float>& factors)
{
    const QuantizedWeight& weight = *start();
    const auto middle = static_cast<float>(m_middle);
    parallelFor(
        weight.rows, RowGranules(weight).rowGrain(), [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t r = begin; r < end; ++r) {
                const float factor =
                    factors.empty()
                        ? 1.0F
                        : factors[factors.size() == 1 ? 0 : static_cast<std::size_t>(r)];
                float* v = m_latents.data() + r * weight.cols;
                std::uint8_t* to = m_codes.data() + r * weight.cols;
                // Not a number becomes −L.
                for (std::int64_t c = 0; c < weight.cols; ++c)
                    v[c] = std::max(-m_limit, std::min(v[c], m_limit));
                if (factor != 1)
                    for (std::int64_t c = 0; c < weight.cols; ++c)
                        if (v[c] != 0)
                            v[c] *= std::exp((factor - 1) * std::log(std::fabs(v[c]) / m_limit));
                for (std::int64_t c = 0; c < weight.cols; ++c)
                    to[c] = static_cast<std::uint8_t>(std::floor(v[c] - m_shift + 0.5F) + middle);
            }
        });
}

void TrainedPower::step(const TrainingStep& step)
{
    m_scales.step(step.rates, step.number);
    const std::vector<float> factors = stepExponents(step);
    if (!codesMove())
        return;
    adamStep(m_latents, m_latentGradient, m_latentMoments, step.number,
             {m_codeRate * cosine(step.done), beta1, beta2, epsilon, 0});
    settle(factors);
}

void TrainedPower::addMovement(TrainingMovement& movement) const
{
    if (!m_kept)
        return;
    const QuantizedWeight& weight = *start();
    for (std::size_t i = 0; i < weight.scales.size(); ++i) {
        const auto first = static_cast<double>(weight.scales[i]);
        const double change = static_cast<double>(m_kept->scales[i]) - first;
        movement.scaleSquares += change * change;
        movement.startSquares += first * first;
    }
    movement.codes += static_cast<std::int64_t>(weight.codes.size());
    for (std::size_t i = 0; i < weight.codes.size(); ++i)
        movement.changedCodes += weight.codes[i] != m_kept->codes[i] ? 1 : 0;
    movement.exponents += weight.exponents.size();
    for (std::size_t i = 0; i < weight.exponents.size(); ++i)
        movement.exponentSum += std::fabs(static_cast<double>(m_kept->exponents[i]) -
                                          static_cast<double>(weight.exponents[i]));
}

} // namespace

std::unique_ptr<TrainedWeight> trainPower(const TrainedLayer& layer, const TrainingOptions& options)
{
    return std::make_unique<TrainedPower>(layer, options);
}

} // namespace gradus
