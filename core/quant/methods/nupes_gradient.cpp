// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/nupes_gradient.h"

#include "core/quant/grid.h"
#include "core/quant/methods/nupes_descent.h"
#include "core/quant/power_gradient.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace gradus {

namespace {

/// Share of the steps in which exponents and scales are learned.
constexpr double learningShare = 0.6;

/// From 1 to 0 over the steps.
double cosine(int step, int steps)
{
    return 0.5 * (1 + std::cos(std::numbers::pi * step / steps));
}

/// Adam of a few numbers whose gradients are sums over rows.
struct Parameters
{
    explicit Parameters(std::size_t count)
        : values(count)
        , gradients(count)
    {
    }
    void step(std::int64_t t, const AdamRates& rates, double largest)
    {
        std::vector<float> before = values;
        adamStep(values, gradients, moments, t, rates);
        const auto limit = static_cast<float>(largest);
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = before[i] + std::clamp(values[i] - before[i], -limit, limit);
    }
    std::vector<float> values;
    std::vector<float> gradients;
    AdamMoments moments;
};

/// dŵ/da over scale and sign, by (7), from where a latent stands: t = N·|u|^a is its distance
/// from zero in codes.
class ExponentSlope
{
public:
    explicit ExponentSlope(const PowerLevels& levels)
        : m_shift(levels.midRise() ? 0.5F : 0.0F)
        , m_held(heldExponentSlopes(levels))
        , m_logLargest(std::log(static_cast<float>(levels.largest()) + m_shift))
    {
        const double a = levels.exponent();
        for (std::size_t i = 0; i < m_held.size(); ++i) {
            m_logPlaces.push_back(std::log(static_cast<float>(i) + m_shift));
            m_factors.push_back(static_cast<float>(levels.magnitudes()[i] / (a * a)));
        }
    }
    [[nodiscard]] float operator()(std::size_t place, float t) const
    {
        if (place == 0) // see straightThrough
            return static_cast<float>(m_held[0]);
        const float q = static_cast<float>(place) + m_shift;
        const float logT = std::log(t);
        return m_factors[place] *
               ((t / q - 1) * (logT - m_logLargest) + (logT - m_logPlaces[place]));
    }

private:
    float m_shift;
    std::vector<double> m_held;
    float m_logLargest;
    std::vector<float> m_logPlaces;
    std::vector<float> m_factors;
};

/// All that an exponent says of its codes.
struct CodeTables
{
    CodeTables(const NupesLayer& layer, double exponent)
        : CodeTables(PowerLevels(layer.largest(), exponent, layer.midRise()), layer.scheme.bits)
    {
    }
    CodeTables(const PowerLevels& power, int bits)
        : levels(power.table(bits))
        , secants(secantSlopes(power, bits))
        , slope(power)
    {
    }
    std::vector<float> levels;
    std::vector<float> secants;
    ExponentSlope slope;
};

class LatentDescent : NupesDescent
{
public:
    LatentDescent(const NupesLayer& layer, const NupesOptions& options, bool learnExponent,
                  const NupesState& start)
        : NupesDescent(layer, options, start)
        , m_thetas(start.weight.exponents.size())
        , m_logScales(start.weight.scales.size())
        , m_scales(start.weight.scales)
        , m_learnExponent(learnExponent)
    {
        for (std::size_t i = 0; i < m_thetas.values.size(); ++i)
            m_thetas.values[i] = static_cast<float>(
                ExponentParameter::of(static_cast<double>(start.weight.exponents[i])).theta);
        for (std::size_t i = 0; i < m_scales.size(); ++i)
            m_logScales.values[i] = std::log(m_scales[i]);
        m_exponents.assign(start.weight.exponents.begin(), start.weight.exponents.end());
        m_changes.assign(m_exponents.size(), 1.0);
        makeTables();
        overChunks([&](Chunk& chunk) { placeLatents(chunk); });
    }

    NupesState run()
    {
        const int steps = m_options.steps;
        const int learning =
            m_learnExponent || m_options.learnScale ? static_cast<int>(learningShare * steps) : 0;
        std::fill(m_state.errors.begin(), m_state.errors.end(),
                  std::numeric_limits<double>::infinity());
        for (int step = 0; step < steps; ++step) {
            if (step == learning)
                freeze();
            const bool learns = step < learning;
            if (learns) {
                std::fill(m_thetas.gradients.begin(), m_thetas.gradients.end(), 0.0F);
                std::fill(m_logScales.gradients.begin(), m_logScales.gradients.end(), 0.0F);
                m_shared.assign(m_chunks.size(), {});
            }
            overChunks([&](Chunk& chunk) { stepChunk(chunk, step, learns); });
            if (learns)
                stepParameters(step, learning);
        }
        return std::move(m_state);
    }

private:
    /// Gradients of numbers that all rows share.
    struct Shared
    {
        double theta = 0;
        double logScale = 0;
    };

    [[nodiscard]] const CodeTables& tablesOf(std::int64_t row) const
    {
        return m_tables[exponentIndex(row)];
    }
    void makeTables()
    {
        m_tables.clear();
        for (const double exponent : m_exponents)
            m_tables.emplace_back(m_layer, exponent);
    }
    [[nodiscard]] std::size_t exponentIndex(std::int64_t row) const
    {
        return m_exponents.size() == 1 ? 0 : static_cast<std::size_t>(row);
    }

    /// Where the weights stand among the codes: middle + sgn·N·|u|^a.
    void placeLatents(Chunk& chunk)
    {
        const double shift = m_layer.midRise() ? 0.5 : 0;
        for (std::int64_t r = 0; r < chunk.count; ++r) {
            const std::int64_t row = chunk.first + r;
            const double a = m_exponents[exponentIndex(row)];
            const float* w = m_layer.weight.data + row * m_layer.weight.stride;
            float* latent = chunk.learned.data() + r * m_layer.cols;
            for (std::int64_t c = 0; c < m_layer.cols; ++c) {
                const auto scale =
                    static_cast<double>(m_scales[m_layer.scaleIndex(row, c / m_layer.group)]);
                const double u = std::min(std::fabs(static_cast<double>(w[c])) / scale, 1.0);
                const double t =
                    u > 0 ? (m_layer.largest() + shift) * std::exp(a * std::log(u)) : 0;
                latent[c] =
                    clamped(static_cast<float>(m_layer.middle() - shift + (w[c] < 0 ? -t : t)));
            }
        }
    }

    [[nodiscard]] float clamped(float latent) const
    {
        const float low = m_layer.midRise() ? 0.0F : 1.0F;
        return std::clamp(latent, low, static_cast<float>(2 * m_layer.middle() - 1));
    }

    void stepChunk(Chunk& chunk, int step, bool learns)
    {
        const std::int64_t d = m_layer.cols;
        std::vector<std::uint8_t> codes(chunk.learned.size());
        std::vector<float> e(chunk.learned.size());
        std::vector<float> gradient;
        for (std::int64_t r = 0; r < chunk.count; ++r) {
            follow(chunk.first + r, chunk.learned.data() + r * d);
            decode(chunk.first + r, chunk.learned.data() + r * d, codes.data() + r * d,
                   e.data() + r * d);
        }
        const std::vector<double> errors = errorsOf(chunk, e, gradient);
        for (std::int64_t r = 0; r < chunk.count; ++r) {
            const std::int64_t row = chunk.first + r;
            const auto place = static_cast<std::size_t>(row);
            if (!learns && errors[static_cast<std::size_t>(r)] < m_state.errors[place]) {
                m_state.errors[place] = errors[static_cast<std::size_t>(r)];
                std::copy_n(codes.data() + r * d, d, m_state.weight.codes.data() + row * d);
            }
            clearOutliers(row, gradient.data() + r * d);
            rowGradients(row, codes.data() + r * d, chunk.learned.data() + r * d, learns,
                         gradient.data() + r * d);
        }
        adamStep(chunk.learned, gradient, chunk.moments, step + 1,
                 rates(m_options.codeRate * cosine(step, m_options.steps)));
        for (float& latent : chunk.learned)
            latent = clamped(latent);
    }

    /// When the exponent has moved, latents stay where they are among the weights, not among the
    /// codes: that is what (7) is the derivative of.
    void follow(std::int64_t row, float* latents) const
    {
        const double change = m_changes[exponentIndex(row)];
        if (change == 1)
            return;
        const auto power = static_cast<float>(change);
        const auto middle = static_cast<float>(m_layer.middle()) - shift();
        const float most = static_cast<float>(m_layer.largest()) + shift();
        for (std::int64_t c = 0; c < m_layer.cols; ++c) {
            const float from = latents[c] - middle;
            const float share = std::min(std::fabs(from) / most, 1.0F);
            const float t = share > 0 ? most * std::exp(power * std::log(share)) : 0.0F;
            latents[c] = clamped(middle + (from < 0 ? -t : t));
        }
    }

    [[nodiscard]] float shift() const { return m_layer.midRise() ? 0.5F : 0.0F; }

    void decode(std::int64_t row, const float* latents, std::uint8_t* codes, float* values) const
    {
        const std::vector<float>& table = tablesOf(row).levels;
        for (std::int64_t c = 0; c < m_layer.cols; ++c) {
            const auto code = static_cast<std::int32_t>(std::rint(latents[c]));
            codes[c] = static_cast<std::uint8_t>(code);
            values[c] = m_scales[m_layer.scaleIndex(row, c / m_layer.group)] *
                        table[static_cast<std::size_t>(code)];
        }
        clearOutliers(row, codes);
    }

    /// gradient: e·H of a row; becomes that of its latents.
    void rowGradients(std::int64_t row, const std::uint8_t* codes, const float* latents,
                      bool learns, float* gradient)
    {
        const std::vector<float>& secants = tablesOf(row).secants;
        const auto share = static_cast<float>(2 * m_share);
        if (learns)
            sumGradients(row, codes, latents, share, gradient);
        const int lowest = m_layer.midRise() ? 0 : 1;
        for (std::int64_t g = 0; g < m_layer.groups; ++g) {
            const float scale = share * m_scales[m_layer.scaleIndex(row, g)];
            const std::int64_t end = std::min((g + 1) * m_layer.group, m_layer.cols);
            for (std::int64_t c = g * m_layer.group; c < end; ++c) {
                const int floor =
                    std::clamp(static_cast<int>(latents[c]), lowest, 2 * m_layer.middle() - 2);
                gradient[c] *= scale * secants[static_cast<std::size_t>(floor)];
            }
        }
    }

    /// Those of the row's exponent and scales, from e·H.
    void sumGradients(std::int64_t row, const std::uint8_t* codes, const float* latents,
                      float share, const float* product)
    {
        const std::vector<float>& table = tablesOf(row).levels;
        const ExponentSlope& slope = tablesOf(row).slope;
        const auto middle = static_cast<float>(m_layer.middle()) - shift();
        double byExponent = 0;
        for (std::int64_t g = 0; g < m_layer.groups; ++g) {
            const std::size_t index = m_layer.scaleIndex(row, g);
            const float scale = share * m_scales[index];
            const std::int64_t end = std::min((g + 1) * m_layer.group, m_layer.cols);
            double byScale = 0;
            for (std::int64_t c = g * m_layer.group; c < end; ++c) {
                byScale += static_cast<double>(scale * product[c] * table[codes[c]]);
                if (!m_learnExponent)
                    continue;
                const auto place = static_cast<std::size_t>(m_layer.placeOf(codes[c]));
                const float value =
                    scale * product[c] * slope(place, std::fabs(latents[c] - middle));
                byExponent += static_cast<double>(codes[c] < m_layer.middle() ? -value : value);
            }
            if (m_logScales.values.size() == 1)
                shared(row).logScale += byScale;
            else
                m_logScales.gradients[index] = static_cast<float>(byScale);
        }
        if (m_thetas.values.size() == 1)
            shared(row).theta += byExponent;
        else
            m_thetas.gradients[static_cast<std::size_t>(row)] = static_cast<float>(byExponent);
    }

    Shared& shared(std::int64_t row) { return m_shared[static_cast<std::size_t>(row / chunkRows)]; }

    void stepParameters(int step, int learning)
    {
        const double fall = cosine(step, learning);
        if (m_learnExponent) {
            if (m_thetas.values.size() == 1) {
                double sum = 0;
                for (const Shared& part : m_shared)
                    sum += part.theta;
                m_thetas.gradients[0] = static_cast<float>(sum);
            }
            for (std::size_t i = 0; i < m_thetas.values.size(); ++i)
                m_thetas.gradients[i] *= static_cast<float>(
                    ExponentParameter{static_cast<double>(m_thetas.values[i])}.slope());
            m_thetas.step(step + 1, rates(m_options.exponentRate * fall),
                          ExponentParameter::largestStep);
            for (std::size_t i = 0; i < m_exponents.size(); ++i) {
                const double next =
                    ExponentParameter{static_cast<double>(m_thetas.values[i])}.exponent();
                m_changes[i] = next / m_exponents[i];
                m_exponents[i] = next;
            }
            makeTables();
        }
        if (m_options.learnScale) {
            if (m_logScales.values.size() == 1) {
                double sum = 0;
                for (const Shared& part : m_shared)
                    sum += part.logScale;
                m_logScales.gradients[0] = static_cast<float>(sum);
            }
            m_logScales.step(step + 1, rates(m_options.scaleRate * fall), 0.1);
            for (std::size_t i = 0; i < m_scales.size(); ++i)
                m_scales[i] = std::exp(m_logScales.values[i]);
        }
    }

    /// From here on grids are what is stored.
    void freeze()
    {
        m_changes.assign(m_exponents.size(), 1.0);
        for (std::size_t i = 0; i < m_exponents.size(); ++i) {
            if (m_learnExponent)
                m_state.weight.exponents[i] = static_cast<float>(m_exponents[i]);
            m_exponents[i] = static_cast<double>(m_state.weight.exponents[i]);
        }
        makeTables();
        for (std::size_t i = 0; i < m_scales.size(); ++i) {
            if (m_options.learnScale)
                m_state.weight.scales[i] =
                    storedScale(static_cast<double>(m_scales[i]), m_layer.scheme.scaleType);
            m_scales[i] = m_state.weight.scales[i];
        }
    }

    Parameters m_thetas;
    Parameters m_logScales;
    std::vector<double> m_exponents;  ///< of this step
    std::vector<double> m_changes;    ///< by which the last step multiplied them
    std::vector<CodeTables> m_tables; ///< of each exponent
    std::vector<float> m_scales;
    bool m_learnExponent;
    std::vector<Shared> m_shared; ///< of each chunk
};

} // namespace

NupesState gradientCodes(const NupesLayer& layer, const NupesOptions& options, bool learnExponent,
                         const NupesState& start)
{
    return LatentDescent(layer, options, learnExponent, start).run();
}

} // namespace gradus
