// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/calibration.h"
#include "core/quant/methods/decoupleq_layer.h"
#include "core/quant/solve.h"
#include "tests/support/quant_oracles.h"

#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

namespace gradus::test {

inline Scheme schemeOf(int bits, std::int64_t group = 0, bool symmetric = false,
                       DType scaleType = DType::F32)
{
    Scheme scheme;
    scheme.bits = bits;
    scheme.symmetric = symmetric;
    scheme.scaleType = scaleType;
    scheme.floatZeros = !symmetric;
    if (group > 0) {
        scheme.granularity = Granularity::Group;
        scheme.groupSize = group;
    }
    return scheme;
}

/// A layer as the steps of decoupleQ see it, with all that it refers to.
class DecoupleqFixture
{
public:
    DecoupleqFixture(std::int64_t rows, std::int64_t cols, const Scheme& scheme,
                     bool actOrder = true)
    {
        const Tensor x = correlatedInputs(4 * cols, cols, 7);
        InputAccumulator accumulator(cols, true);
        accumulator.add(x.matrix());
        make(randomMatrix(rows, cols, 0.05, static_cast<std::uint64_t>(rows + cols)),
             accumulator.finish().hessian, scheme, 0.01, actOrder);
    }
    DecoupleqFixture(Tensor weight, std::vector<double> hessian, const Scheme& scheme,
                     double damping, bool actOrder = false)
    {
        make(std::move(weight), std::move(hessian), scheme, damping, actOrder);
    }

    [[nodiscard]] const DecoupleqLayer& layer() const { return *m_layer; }
    [[nodiscard]] const HessianOrder& order() const { return m_order; }
    [[nodiscard]] std::vector<std::int64_t> allRows() const
    {
        std::vector<std::int64_t> rows(static_cast<std::size_t>(m_layer->rows));
        std::iota(rows.begin(), rows.end(), 0);
        return rows;
    }

private:
    void make(Tensor weight, std::vector<double> hessian, const Scheme& scheme, double damping,
              bool actOrder)
    {
        m_weight = std::move(weight);
        m_hessian = std::move(hessian);
        m_order = hessianOrder(m_hessian, std::as_const(m_weight).matrix().cols, actOrder);
        m_layer.emplace(std::as_const(m_weight).matrix(), scheme, m_hessian, m_order, damping,
                        m_monitor);
    }

    Tensor m_weight;
    std::vector<double> m_hessian;
    HessianOrder m_order;
    Monitor m_monitor;
    std::optional<DecoupleqLayer> m_layer;
};

/// e·H·eᵀ with the layer's damped H in units of its mean diagonal, in double.
inline double quadraticForm(const DecoupleqLayer& layer, const std::vector<double>& e)
{
    double total = 0;
    const auto d = static_cast<std::size_t>(layer.cols);
    for (std::size_t i = 0; i < d; ++i)
        for (std::size_t j = 0; j < d; ++j)
            total += e[i] * e[j] *
                     (layer.hessian[i * d + j] / layer.unit + (i == j ? layer.damping : 0));
    return total;
}

} // namespace gradus::test
