// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/decoupleq_box.h"

#include "core/base/parallel.h"
#include "core/quant/methods/column_descent.h"
#include "core/quant/methods/common.h"
#include "core/quant/methods/decoupleq_panel.h"

#include <algorithm>

namespace gradus {

namespace {

constexpr std::size_t lanes = ColumnDescent::lanes;
static_assert(lanes == DecoupleqPanel::lanes);
/// Columns rounded before all that are left follow, and those kept up to date meanwhile.
constexpr std::int64_t roundedBlock = 32;
constexpr std::int64_t window = 96;
/// A sweep that moves less than this share of the first one is the last.
constexpr float smallestProgress = 1e-6F;

class BoxPanel
{
public:
    BoxPanel(const DecoupleqLayer& layer, const OrderedHessian& h, RowList rows,
             const GridState& state)
        : m_layer(layer)
        , m_panel(layer, rows, state)
        , m_descent(h.data(), layer.cols, layer.monitor)
        , m_x(m_panel.weight)
        , m_gradient(m_x.size())
        , m_moved(static_cast<std::size_t>(window) * lanes)
    {
    }

    void relax(int sweeps)
    {
        // From the nearest point of the box, the descent needs the gradient there.
        for (std::int64_t j = 0; j < m_layer.cols; ++j) {
            const float* w = m_panel.weight.data() + at(j);
            float* x = m_x.data() + at(j);
            for (std::size_t r = 0; r < lanes; ++r)
                x[r] = clampToBox(j, r, x[r]) - w[r];
        }
        m_descent.gradient(m_x.data(), m_gradient.data());
        for (std::size_t i = 0; i < m_x.size(); ++i)
            m_x[i] += m_panel.weight[i];
        float start[lanes] = {};
        for (int sweep = 0; sweep < sweeps; ++sweep) {
            std::fill(m_progress, m_progress + lanes, 0.0F);
            m_descent.sweep(
                0, m_layer.cols, m_layer.cols, m_gradient.data(),
                [&](std::int64_t j, const float* g, float* step) { return moveInBox(j, g, step); });
            if (sweep == 0)
                std::copy_n(m_progress, lanes, start);
            bool done = true;
            for (std::size_t r = 0; r < lanes; ++r)
                done = done && m_progress[r] <= smallestProgress * start[r];
            if (done)
                return;
        }
    }

    void round(int lookahead)
    {
        const std::int64_t d = m_layer.cols;
        float step[lanes];
        for (std::int64_t begin = 0; begin < d; begin += roundedBlock) {
            m_layer.monitor.checkpoint();
            const std::int64_t end = std::min(begin + roundedBlock, d);
            const std::int64_t known = std::min(begin + window, d);
            std::fill(m_moved.begin(), m_moved.end(), 0.0F);
            const auto follow = [&](std::int64_t j) {
                float* total = m_moved.data() + static_cast<std::size_t>(j - begin) * lanes;
                for (std::size_t r = 0; r < lanes; ++r)
                    total[r] += step[r];
                m_descent.spread(j, step, begin, known, m_gradient.data());
            };
            for (std::int64_t j = begin; j < end; ++j) {
                m_layer.monitor.checkpoint();
                roundColumn(j, step);
                follow(j);
                for (int sweep = 0; sweep < lookahead; ++sweep)
                    for (std::int64_t k = j + 1; k < known; ++k)
                        if (moveInBox(k, m_gradient.data() + at(k), step))
                            follow(k);
            }
            m_descent.spreadBlock(begin, known, m_moved.data(), known, d, m_gradient.data());
            for (int sweep = 0; sweep < lookahead && known < d; ++sweep)
                m_descent.sweep(end, d, d, m_gradient.data(),
                                [&](std::int64_t j, const float* g, float* move) {
                                    return moveInBox(j, g, move);
                                });
        }
    }

    void store(GridState& state) const { m_panel.storeCodes(state); }

private:
    static std::size_t at(std::int64_t position)
    {
        return static_cast<std::size_t>(position) * lanes;
    }

    [[nodiscard]] float clampToBox(std::int64_t j, std::size_t r, float x) const
    {
        const float scale = m_panel.scale[m_panel.parameters(j) + r];
        const float zero = m_panel.zero[m_panel.parameters(j) + r];
        const float a = -scale * zero;
        const float b = scale * (m_layer.maximumCode() - zero);
        return std::clamp(x, std::min(a, b), std::max(a, b));
    }

    /// To the minimum along the column, within the box; x follows.
    bool moveInBox(std::int64_t j, const float* g, float* step)
    {
        const float* scale = m_panel.scale.data() + m_panel.parameters(j);
        const float* zero = m_panel.zero.data() + m_panel.parameters(j);
        const float maximum = m_layer.maximumCode();
        const float h = m_descent.diagonal(j);
        const float inverse = h > 0 ? 1 / h : 0;
        float* x = m_x.data() + at(j);
        float any = 0;
        for (std::size_t r = 0; r < lanes; ++r) {
            const float a = -scale[r] * zero[r];
            const float b = scale[r] * (maximum - zero[r]);
            const float lo = a < b ? a : b;
            const float hi = a < b ? b : a;
            float to = x[r] - g[r] * inverse;
            to = to > lo ? to : lo;
            to = to < hi ? to : hi;
            step[r] = to - x[r];
            x[r] = to;
            const float square = step[r] * step[r] * h;
            m_progress[r] += square;
            any += square;
        }
        return !(any == 0); // a NaN of one row must not stop the others
    }

    void roundColumn(std::int64_t j, float* step)
    {
        const float* scale = m_panel.scale.data() + m_panel.parameters(j);
        const float* zero = m_panel.zero.data() + m_panel.parameters(j);
        const float maximum = m_layer.maximumCode();
        float* x = m_x.data() + at(j);
        std::uint8_t* codes = m_panel.codes.data() + at(j);
        for (std::size_t r = 0; r < lanes; ++r) {
            const float code = nearestCode(x[r], scale[r], zero[r], maximum);
            codes[r] = static_cast<std::uint8_t>(static_cast<std::int32_t>(code));
            const float to = scale[r] * (code - zero[r]);
            step[r] = to - x[r];
            x[r] = to;
        }
    }

    const DecoupleqLayer& m_layer;
    DecoupleqPanel m_panel;
    ColumnDescent m_descent;
    std::vector<float> m_x;
    std::vector<float> m_gradient;
    std::vector<float> m_moved; ///< of the window, since its block began
    float m_progress[lanes] = {};
};

template <class Body>
void overPanels(const DecoupleqLayer& layer, RowList rows, const Body& body)
{
    constexpr auto grain = static_cast<std::int64_t>(lanes);
    parallelFor(
        static_cast<std::int64_t>(rows.size()), grain,
        [&](std::int64_t begin, std::int64_t end) {
            body(rows.subspan(static_cast<std::size_t>(begin),
                              static_cast<std::size_t>(end - begin)));
        },
        &layer.monitor);
}

} // namespace

OrderedHessian::OrderedHessian(const DecoupleqLayer& layer)
    : m_data(layer.damped.data())
{
    if (layer.order.identity)
        return;
    const std::int64_t d = layer.cols;
    m_own.resize(layer.damped.size());
    m_data = m_own.data();
    parallelFor(
        d, rowGrain(d),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t p = begin; p < end; ++p) {
                const float* from =
                    layer.damped.data() + layer.order.columns[static_cast<std::size_t>(p)] * d;
                float* to = m_own.data() + p * d;
                for (std::int64_t k = 0; k < d; ++k)
                    to[k] = from[layer.order.columns[static_cast<std::size_t>(k)]];
            }
        },
        &layer.monitor);
}

void boxIntegers(const DecoupleqLayer& layer, const OrderedHessian& h, int relaxation,
                 int lookahead, RowList rows, GridState& state)
{
    overPanels(layer, rows, [&](RowList some) {
        BoxPanel panel(layer, h, some, state);
        panel.relax(relaxation);
        panel.round(lookahead);
        panel.store(state);
    });
}

void polishIntegers(const DecoupleqLayer& layer, const OrderedHessian& h, RowList rows,
                    GridState& state)
{
    const float maximum = layer.maximumCode();
    overPanels(layer, rows, [&](RowList some) {
        DecoupleqPanel panel(layer, some, state);
        panel.loadCodes(state);
        ColumnDescent descent(h.data(), layer.cols, layer.monitor);
        std::vector<float>& e = panel.weight; // becomes the residual
        for (std::int64_t j = 0; j < layer.cols; ++j) {
            const std::size_t at = static_cast<std::size_t>(j) * lanes;
            const std::size_t g = panel.parameters(j);
            for (std::size_t r = 0; r < lanes; ++r)
                e[at + r] = panel.scale[g + r] *
                                (static_cast<float>(panel.codes[at + r]) - panel.zero[g + r]) -
                            e[at + r];
        }
        std::vector<float> gradient(e.size());
        descent.gradient(e.data(), gradient.data());
        descent.sweep(0, layer.cols, layer.cols, gradient.data(),
                      [&](std::int64_t j, const float* g, float* step) {
                          const float* scale = panel.scale.data() + panel.parameters(j);
                          std::uint8_t* codes =
                              panel.codes.data() + static_cast<std::size_t>(j) * lanes;
                          const float h0 = descent.diagonal(j);
                          // A dead column without damping: any code is as good, the old one stays.
                          const float inverse = h0 > 0 ? 1 / h0 : 0;
                          float any = 0;
                          for (std::size_t r = 0; r < lanes; ++r) {
                              const auto old =
                                  static_cast<float>(static_cast<std::int32_t>(codes[r]));
                              // Half a step away both codes are as good: std::rint keeps the old
                              // one.
                              float code = old - std::rint(g[r] * inverse / scale[r]);
                              code = code > 0 ? code : 0;
                              code = code < maximum ? code : maximum;
                              const float move = code - old;
                              step[r] = scale[r] * move;
                              any += move * move;
                              codes[r] = static_cast<std::uint8_t>(static_cast<std::int32_t>(code));
                          }
                          return any > 0;
                      });
        panel.storeCodes(state);
    });
}

} // namespace gradus
