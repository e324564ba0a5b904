// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/quant/methods/column_descent.h"
#include "core/quant/methods/decoupleq_box.h"
#include "core/quant/methods/decoupleq_panel.h"

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {

constexpr std::size_t lanes = ColumnDescent::lanes;

/// Step and epsilon of the official code after a rounded column; epsilon before the first one.
constexpr double lookaheadStep = 1e-3;
constexpr float lookaheadEpsilon = 1e-4F;
constexpr float relaxationEpsilon = 1e-5F;
constexpr float beta1 = 0.9F;
constexpr float beta2 = 0.999F;

class AdamPanel
{
public:
    AdamPanel(const DecoupleqLayer& layer, const OrderedHessian& h, RowList rows,
              const GridState& state)
        : m_layer(layer)
        , m_h(h.data())
        , m_panel(layer, rows, state)
        , m_x(m_panel.weight)
        , m_residual(m_x.size())
        , m_gradient(m_x.size())
        , m_mean(m_x.size())
        , m_square(m_x.size())
    {
    }

    /// One step of all positions from `first` on, then into the box.
    void step(std::int64_t first, double size, float epsilon)
    {
        const std::int64_t d = m_layer.cols;
        constexpr auto width = static_cast<std::int64_t>(lanes);
        m_layer.monitor.checkpoint();
        const std::size_t from = static_cast<std::size_t>(first) * lanes;
        multiplySerial(ConstMatrixView(m_h + first * d, d - first, d),
                       ConstMatrixView(m_residual.data(), d, width),
                       MatrixView(m_gradient.data() + from, d - first, width), false);
        ++m_steps;
        const auto rate =
            static_cast<float>(size / (1 - std::pow(static_cast<double>(beta1), m_steps)));
        const auto correction =
            static_cast<float>(1 / (1 - std::pow(static_cast<double>(beta2), m_steps)));
        const float maximum = m_layer.maximumCode();
        const auto gradientUnit = static_cast<float>(m_layer.unit);
        for (std::int64_t j = first; j < d; ++j) {
            const std::size_t at = static_cast<std::size_t>(j) * lanes;
            const float* scale = m_panel.scale.data() + m_panel.parameters(j);
            const float* zero = m_panel.zero.data() + m_panel.parameters(j);
            for (std::size_t r = 0; r < lanes; ++r) {
                const std::size_t i = at + r;
                const float g = m_gradient[i] * gradientUnit;
                m_mean[i] = beta1 * m_mean[i] + (1 - beta1) * g;
                m_square[i] = beta2 * m_square[i] + (1 - beta2) * g * g;
                const float a = -scale[r] * zero[r];
                const float b = scale[r] * (maximum - zero[r]);
                float x =
                    m_x[i] - rate * m_mean[i] / (std::sqrt(m_square[i] * correction) + epsilon);
                x = std::max(x, std::min(a, b));
                x = std::min(x, std::max(a, b));
                m_x[i] = x;
                m_residual[i] = x - m_panel.weight[i];
            }
        }
    }

    void round(std::int64_t j)
    {
        const std::size_t at = static_cast<std::size_t>(j) * lanes;
        for (std::size_t r = 0; r < lanes; ++r) {
            const float scale = m_panel.scale[m_panel.parameters(j) + r];
            const float zero = m_panel.zero[m_panel.parameters(j) + r];
            const float code = nearestCode(m_x[at + r], scale, zero, m_layer.maximumCode());
            m_panel.codes[at + r] = static_cast<std::uint8_t>(static_cast<std::int32_t>(code));
            m_x[at + r] = scale * (code - zero);
            m_residual[at + r] = m_x[at + r] - m_panel.weight[at + r];
        }
    }

    void store(GridState& state) const { m_panel.storeCodes(state); }

private:
    const DecoupleqLayer& m_layer;
    const float* m_h;
    DecoupleqPanel m_panel;
    std::vector<float> m_x;
    std::vector<float> m_residual;
    std::vector<float> m_gradient;
    std::vector<float> m_mean;
    std::vector<float> m_square;
    int m_steps = 0;
};

} // namespace

void adamIntegers(const DecoupleqLayer& layer, const OrderedHessian& h, int relaxation,
                  int lookahead, double step, RowList rows, GridState& state)
{
    constexpr auto grain = static_cast<std::int64_t>(lanes);
    parallelFor(
        static_cast<std::int64_t>(rows.size()), grain,
        [&](std::int64_t begin, std::int64_t end) {
            AdamPanel panel(layer, h,
                            rows.subspan(static_cast<std::size_t>(begin),
                                         static_cast<std::size_t>(end - begin)),
                            state);
            for (int m = 0; m < relaxation; ++m)
                panel.step(0, step, relaxationEpsilon);
            for (std::int64_t j = 0; j < layer.cols; ++j) {
                panel.round(j);
                for (int k = 0; k < lookahead && j + 1 < layer.cols; ++k)
                    panel.step(j + 1, lookaheadStep, lookaheadEpsilon);
            }
            panel.store(state);
        },
        &layer.monitor);
}

} // namespace gradus
