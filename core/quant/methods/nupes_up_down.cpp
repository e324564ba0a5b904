// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/nupes_descent.h"
#include "core/quant/methods/nupes_gradient.h"
#include "core/quant/power_levels.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gradus {

namespace {

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

class UpOrDownDescent : NupesDescent
{
public:
    UpOrDownDescent(const NupesLayer& layer, const NupesOptions& options,
                    const std::vector<std::uint8_t>& floors, const NupesState& start)
        : NupesDescent(layer, options, start)
        , m_floors(floors)
    {
        for (const float exponent : start.weight.exponents)
            m_tables.push_back(
                PowerLevels(layer.scheme, static_cast<double>(exponent)).table(layer.scheme.bits));
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
    /// Signed levels by code.
    [[nodiscard]] const std::vector<float>& tableOf(std::int64_t row) const
    {
        return m_tables[m_tables.size() == 1 ? 0 : static_cast<std::size_t>(row)];
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
        const std::vector<float>& table = tableOf(row);
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
            const std::vector<float>& table = tableOf(row);
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
            const std::vector<float>& table = tableOf(row);
            float* g = gradient.data() + r * d;
            for (std::int64_t c = 0; c < d; ++c) {
                const std::size_t low = floorsOf(row)[c];
                const SoftStep soft(chunk.learned[static_cast<std::size_t>(r * d + c)]);
                g[c] = (share * g[c] * scaleOf(row, c) * (table[low + 1] - table[low]) +
                        pressure.slope(soft.value)) *
                       soft.slope;
            }
            clearOutliers(row, g);
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
        clearOutliers(row, codes);
    }

    const std::vector<std::uint8_t>& m_floors;
    std::vector<std::vector<float>> m_tables; ///< of each exponent
};

} // namespace

NupesState upOrDownCodes(const NupesLayer& layer, const NupesOptions& options,
                         const std::vector<std::uint8_t>& floors, const NupesState& start)
{
    return UpOrDownDescent(layer, options, floors, start).run();
}

} // namespace gradus
