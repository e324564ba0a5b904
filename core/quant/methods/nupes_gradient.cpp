// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/nupes_gradient.h"

#include "core/base/parallel.h"
#include "core/quant/adam.h"
#include "core/quant/grid.h"
#include "core/quant/power_gradient.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gradus {

namespace {

/// Share of the steps in which exponents and scales are learned.
constexpr double learningShare = 0.6;
/// Rows worked at together: enough for products with H, few enough for all threads.
constexpr std::int64_t chunkRows = 64;

AdamRates rates(double rate)
{
    return {rate, 0.9, 0.999, 1e-8, 0};
}

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
    void step(std::int64_t t, double rate, double largest)
    {
        std::vector<float> before = values;
        adamStep(values, gradients, moments, t, rates(rate));
        const auto limit = static_cast<float>(largest);
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = before[i] + std::clamp(values[i] - before[i], -limit, limit);
    }
    std::vector<float> values;
    std::vector<float> gradients;
    AdamMoments moments;
};

/// Rows with what is learned of each of their weights.
struct Chunk
{
    std::int64_t first = 0;
    std::int64_t count = 0;
    std::vector<float> learned; ///< latents, or AdaRound's x
    AdamMoments moments;
};

/// What both ways share: the error of decoded values and its gradient.
class Descent
{
public:
    Descent(const NupesLayer& layer, const NupesOptions& options, const NupesState& start)
        : m_layer(layer)
        , m_options(options)
        , m_state(start)
        , m_share(layer.energy > 0 ? static_cast<double>(layer.rows * layer.cols) / layer.energy
                                   : 0)
    {
        for (std::int64_t row = 0; row < layer.rows; row += chunkRows) {
            Chunk chunk;
            chunk.first = row;
            chunk.count = std::min(chunkRows, layer.rows - row);
            chunk.learned.resize(static_cast<std::size_t>(chunk.count * layer.cols));
            m_chunks.push_back(std::move(chunk));
        }
    }

protected:
    template <class Body>
    void overChunks(const Body& body)
    {
        parallelFor(
            static_cast<std::int64_t>(m_chunks.size()), 1,
            [&](std::int64_t i, std::int64_t) { body(m_chunks[static_cast<std::size_t>(i)]); },
            &m_layer.monitor);
    }

    /// values: ŵ of a chunk's rows, outliers apart; becomes e, and gradient e·H. Returns the errors
    /// of the rows.
    std::vector<double> errorsOf(const Chunk& chunk, std::vector<float>& values,
                                 std::vector<float>& gradient) const
    {
        const std::int64_t d = m_layer.cols;
        for (std::int64_t r = 0; r < chunk.count; ++r) {
            float* e = values.data() + r * d;
            setOutliers(chunk.first + r, e);
            const float* w = m_layer.weight.data + (chunk.first + r) * m_layer.weight.stride;
            for (std::int64_t c = 0; c < d; ++c)
                e[c] -= w[c];
        }
        gradient.resize(values.size());
        constexpr std::int64_t width = 512; // columns of H between two checkpoints
        for (std::int64_t c = 0; c < d; c += width) {
            m_layer.monitor.checkpoint();
            const std::int64_t some = std::min(width, d - c);
            multiplySerial(ConstMatrixView(values.data(), chunk.count, d),
                           ConstMatrixView(m_layer.h.data() + c, d, some, d),
                           MatrixView(gradient.data() + c, chunk.count, some, d), false);
        }
        std::vector<double> errors(static_cast<std::size_t>(chunk.count));
        for (std::int64_t r = 0; r < chunk.count; ++r) {
            const float* e = values.data() + r * d;
            const float* g = gradient.data() + r * d;
            double sum = 0;
#pragma omp simd reduction(+ : sum)
            for (std::int64_t c = 0; c < d; ++c)
                sum += static_cast<double>(e[c]) * static_cast<double>(g[c]);
            errors[static_cast<std::size_t>(r)] = std::max(sum, 0.0);
        }
        return errors;
    }

    void setOutliers(std::int64_t row, float* values) const
    {
        const SparseWeights& outliers = m_layer.outliers;
        if (outliers.empty())
            return;
        const auto r = static_cast<std::size_t>(row);
        for (std::size_t k = outliers.rowStarts[r]; k < outliers.rowStarts[r + 1]; ++k)
            values[outliers.columns[k]] = outliers.values[k];
    }

    /// An outlier's weight, and one whose input is dead, learns nothing.
    void clearFixed(std::int64_t row, float* gradient) const
    {
        const SparseWeights& outliers = m_layer.outliers;
        if (!outliers.empty()) {
            const auto r = static_cast<std::size_t>(row);
            for (std::size_t k = outliers.rowStarts[r]; k < outliers.rowStarts[r + 1]; ++k)
                gradient[outliers.columns[k]] = 0;
        }
    }

    const NupesLayer& m_layer;
    const NupesOptions& m_options;
    NupesState m_state; ///< what comes of it
    double m_share;     ///< of the gradients: per weight, in units of the weights' own energy
    std::vector<Chunk> m_chunks;
};

class LatentDescent : Descent
{
public:
    LatentDescent(const NupesLayer& layer, const NupesOptions& options, bool learnExponent,
                  const NupesState& start)
        : Descent(layer, options, start)
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

    [[nodiscard]] PowerLevels levelsOf(std::int64_t row) const
    {
        return {m_layer.largest(), m_exponents[exponentIndex(row)], m_layer.midRise()};
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
            clearFixed(row, gradient.data() + r * d);
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
        const std::vector<float> table = levelsOf(row).table(m_layer.scheme.bits);
        for (std::int64_t c = 0; c < m_layer.cols; ++c) {
            const auto code = static_cast<std::int32_t>(std::rint(latents[c]));
            codes[c] = static_cast<std::uint8_t>(code);
            values[c] = m_scales[m_layer.scaleIndex(row, c / m_layer.group)] *
                        table[static_cast<std::size_t>(code)];
        }
        // As a decoder sees what is stored.
        const SparseWeights& outliers = m_layer.outliers;
        if (outliers.empty())
            return;
        const auto r = static_cast<std::size_t>(row);
        for (std::size_t k = outliers.rowStarts[r]; k < outliers.rowStarts[r + 1]; ++k)
            codes[outliers.columns[k]] = static_cast<std::uint8_t>(m_layer.middle());
    }

    /// dŵ/da over scale and sign, by (7), from where a latent stands: t = N·|u|^a is its distance
    /// from zero in codes.
    class ExponentSlope
    {
    public:
        ExponentSlope(const PowerLevels& levels, float shift)
            : m_shift(shift)
            , m_held(heldExponentSlopes(levels))
            , m_logLargest(std::log(static_cast<float>(levels.largest()) + shift))
        {
            const double a = levels.exponent();
            for (std::size_t i = 0; i < m_held.size(); ++i) {
                m_logPlaces.push_back(std::log(static_cast<float>(i) + shift));
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

    /// gradient: e·H of a row; becomes that of its latents.
    void rowGradients(std::int64_t row, const std::uint8_t* codes, const float* latents,
                      bool learns, float* gradient)
    {
        const PowerLevels levels = levelsOf(row);
        const std::vector<float> secants = secantSlopes(levels, m_layer.scheme.bits);
        const auto share = static_cast<float>(2 * m_share);
        if (learns)
            sumGradients(row, levels, codes, latents, share, gradient);
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
    void sumGradients(std::int64_t row, const PowerLevels& levels, const std::uint8_t* codes,
                      const float* latents, float share, const float* product)
    {
        const std::vector<float> table = levels.table(m_layer.scheme.bits);
        const ExponentSlope slope(levels, shift());
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
            m_thetas.step(step + 1, m_options.exponentRate * fall, ExponentParameter::largestStep);
            for (std::size_t i = 0; i < m_exponents.size(); ++i) {
                const double next =
                    ExponentParameter{static_cast<double>(m_thetas.values[i])}.exponent();
                m_changes[i] = next / m_exponents[i];
                m_exponents[i] = next;
            }
        }
        if (m_options.learnScale) {
            if (m_logScales.values.size() == 1) {
                double sum = 0;
                for (const Shared& part : m_shared)
                    sum += part.logScale;
                m_logScales.gradients[0] = static_cast<float>(sum);
            }
            m_logScales.step(step + 1, m_options.scaleRate * fall, 0.1);
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
        for (std::size_t i = 0; i < m_scales.size(); ++i) {
            if (m_options.learnScale)
                m_state.weight.scales[i] =
                    storedScale(static_cast<double>(m_scales[i]), m_layer.scheme.scaleType);
            m_scales[i] = m_state.weight.scales[i];
        }
    }

    Parameters m_thetas;
    Parameters m_logScales;
    std::vector<double> m_exponents; ///< of this step
    std::vector<double> m_changes;   ///< by which the last step multiplied them
    std::vector<float> m_scales;
    bool m_learnExponent;
    std::vector<Shared> m_shared; ///< of each chunk
};

/// AdaRound's rectified sigmoid.
struct SoftStep
{
    static constexpr float zeta = 1.1F;
    static constexpr float gamma = -0.1F;

    float value = 0;
    float slope = 0;

    explicit SoftStep(float x)
    {
        const float s = 1 / (1 + std::exp(-x));
        const float h = (zeta - gamma) * s + gamma;
        const bool inside = h > 0 && h < 1;
        value = std::clamp(h, 0.0F, 1.0F);
        slope = inside ? (zeta - gamma) * s * (1 - s) : 0;
    }
    /// The x of a value in [0, 1].
    static float inverse(float value)
    {
        const float s = (value - gamma) / (zeta - gamma);
        return std::log(s / (1 - s));
    }
};

class UpOrDownDescent : Descent
{
public:
    UpOrDownDescent(const NupesLayer& layer, const NupesOptions& options,
                    const std::vector<std::uint8_t>& floors, const NupesState& start)
        : Descent(layer, options, start)
        , m_floors(floors)
    {
        overChunks([&](Chunk& chunk) {
            for (std::int64_t r = 0; r < chunk.count; ++r)
                place(chunk.first + r, chunk.learned.data() + r * m_layer.cols);
        });
    }

    NupesState run()
    {
        for (int step = 0; step < m_options.steps; ++step)
            overChunks([&](Chunk& chunk) { stepChunk(chunk, step); });
        overChunks([&](Chunk& chunk) {
            for (std::int64_t r = 0; r < chunk.count; ++r)
                harden(chunk.first + r, chunk.learned.data() + r * m_layer.cols);
        });
        evaluateRows(m_layer, allRows(m_layer), m_state);
        return std::move(m_state);
    }

private:
    [[nodiscard]] std::vector<float> tableOf(std::int64_t row) const
    {
        return PowerLevels(m_layer.scheme, static_cast<double>(m_state.weight.exponent(row)))
            .table(m_layer.scheme.bits);
    }
    [[nodiscard]] const std::uint8_t* floorsOf(std::int64_t row) const
    {
        return m_floors.data() + row * m_layer.cols;
    }
    [[nodiscard]] float scaleOf(std::int64_t row, std::int64_t c) const
    {
        return m_state.weight.scales[m_layer.scaleIndex(row, c / m_layer.group)];
    }

    /// So that the soft weights are the weights.
    void place(std::int64_t row, float* x) const
    {
        const std::vector<float> table = tableOf(row);
        const float* w = m_layer.weight.data + row * m_layer.weight.stride;
        for (std::int64_t c = 0; c < m_layer.cols; ++c) {
            const std::uint8_t low = floorsOf(row)[c];
            const float share =
                (w[c] / scaleOf(row, c) - table[low]) / (table[low + std::size_t{1}] - table[low]);
            x[c] = SoftStep::inverse(std::clamp(share, 0.0F, 1.0F));
        }
    }

    void stepChunk(Chunk& chunk, int step)
    {
        const std::int64_t d = m_layer.cols;
        std::vector<float> e(chunk.learned.size());
        std::vector<float> gradient;
        for (std::int64_t r = 0; r < chunk.count; ++r) {
            const std::int64_t row = chunk.first + r;
            const std::vector<float> table = tableOf(row);
            for (std::int64_t c = 0; c < d; ++c) {
                const std::size_t low = floorsOf(row)[c];
                const float h = SoftStep(chunk.learned[static_cast<std::size_t>(r * d + c)]).value;
                e[static_cast<std::size_t>(r * d + c)] =
                    scaleOf(row, c) * (table[low] + h * (table[low + 1] - table[low]));
            }
        }
        (void)errorsOf(chunk, e, gradient);
        const auto share = static_cast<float>(2 * m_share);
        const Pressure pressure(m_options, step, m_layer.rows * d);
        for (std::int64_t r = 0; r < chunk.count; ++r) {
            const std::int64_t row = chunk.first + r;
            const std::vector<float> table = tableOf(row);
            float* g = gradient.data() + r * d;
            for (std::int64_t c = 0; c < d; ++c) {
                const std::size_t low = floorsOf(row)[c];
                const SoftStep soft(chunk.learned[static_cast<std::size_t>(r * d + c)]);
                g[c] = (share * g[c] * scaleOf(row, c) * (table[low + 1] - table[low]) +
                        pressure.slope(soft.value)) *
                       soft.slope;
            }
            clearFixed(row, g);
        }
        adamStep(chunk.learned, gradient, chunk.moments, step + 1, rates(stepRate()));
    }

    /// A step of x of this size moves a weight as far as one of a latent's does, about: from the
    /// middle, x has to go to ±2.4 for a whole level.
    [[nodiscard]] double stepRate() const { return 10 * m_options.codeRate; }

    /// λ·Σ(1 − |2h − 1|^β): β falls from 20 to 2 after a warm-up of a fifth of the steps.
    class Pressure
    {
    public:
        Pressure(const NupesOptions& options, int step, std::int64_t weights)
        {
            const double done = (static_cast<double>(step) / options.steps - warmUp) / (1 - warmUp);
            if (done < 0)
                return;
            m_beta = static_cast<float>(2 + 9 * (1 + std::cos(std::numbers::pi * done)));
            m_strength = static_cast<float>(options.regularization * static_cast<double>(weights));
        }
        [[nodiscard]] float slope(float h) const
        {
            const float from = 2 * h - 1;
            if (m_strength == 0 || from == 0)
                return 0;
            const float size = 2 * m_beta * std::pow(std::fabs(from), m_beta - 1);
            return from > 0 ? -m_strength * size : m_strength * size;
        }

    private:
        static constexpr double warmUp = 0.2;
        float m_beta = 2;
        float m_strength = 0;
    };

    void harden(std::int64_t row, const float* x)
    {
        std::uint8_t* codes = m_state.weight.codes.data() + row * m_layer.cols;
        for (std::int64_t c = 0; c < m_layer.cols; ++c)
            codes[c] = static_cast<std::uint8_t>(floorsOf(row)[c] + (x[c] >= 0 ? 1 : 0));
        const SparseWeights& outliers = m_layer.outliers;
        if (outliers.empty())
            return;
        const auto r = static_cast<std::size_t>(row);
        for (std::size_t k = outliers.rowStarts[r]; k < outliers.rowStarts[r + 1]; ++k)
            codes[outliers.columns[k]] = static_cast<std::uint8_t>(m_layer.middle());
    }

    const std::vector<std::uint8_t>& m_floors;
};

} // namespace

NupesState gradientCodes(const NupesLayer& layer, const NupesOptions& options, bool learnExponent,
                         const NupesState& start)
{
    return LatentDescent(layer, options, learnExponent, start).run();
}

NupesState upOrDownCodes(const NupesLayer& layer, const NupesOptions& options,
                         const std::vector<std::uint8_t>& floors, const NupesState& start)
{
    return UpOrDownDescent(layer, options, floors, start).run();
}

} // namespace gradus
