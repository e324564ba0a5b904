// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/calibration.h"
#include "core/quant/methods/decoupleq_layer.h"
#include "core/quant/solve.h"
#include "tests/support/quant_oracles.h"

#include <cmath>
#include <limits>
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

/// H in units of its own, damped as the method damps it.
inline std::vector<double> dampedHessian(std::vector<double> h, double damping)
{
    const auto d = static_cast<std::size_t>(std::llround(std::sqrt(static_cast<double>(h.size()))));
    double mean = 0;
    double live = 0;
    for (std::size_t j = 0; j < d; ++j) {
        mean += h[j * d + j];
        live += h[j * d + j] != 0;
    }
    for (std::size_t j = 0; j < d; ++j)
        h[j * d + j] += damping * mean / live;
    return h;
}

inline std::vector<double> rowErrors(ConstMatrixView weight, const QuantizedWeight& quantized,
                                     const std::vector<double>& h)
{
    const Tensor decoded = dequantize(quantized);
    const auto d = static_cast<std::size_t>(weight.cols);
    std::vector<double> errors;
    for (std::int64_t r = 0; r < weight.rows; ++r)
        errors.push_back(
            oracleOutputError(weight.block(r, 0, 1, weight.cols),
                              decoded.floats().subspan(static_cast<std::size_t>(r) * d, d), h));
    return errors;
}

struct SolvableLayer
{
    Tensor weight;
    std::shared_ptr<InputStatistics> inputs = std::make_shared<InputStatistics>();
    Scheme scheme;

    SolvableLayer(Tensor w, std::vector<double> hessian, std::int64_t tokens = 1000)
        : weight(std::move(w))
    {
        inputs->features = std::as_const(weight).matrix().cols;
        inputs->rows = tokens;
        inputs->hessian = std::move(hessian);
        scheme.bits = 2;
        scheme.scaleType = DType::F32;
    }
    [[nodiscard]] SolveResult solveWith(const MethodOptions& options, Monitor& monitor) const
    {
        LayerProblem problem;
        problem.name = "layer";
        problem.weight = weight.matrix();
        problem.inputs = inputs;
        problem.scheme = scheme;
        return solve(problem, options, monitor);
    }
    [[nodiscard]] SolveResult solveWith(const MethodOptions& options) const
    {
        Monitor monitor;
        return solveWith(options, monitor);
    }
    [[nodiscard]] std::vector<double> errorsOf(const SolveResult& result,
                                               double damping = 0.01) const
    {
        return rowErrors(weight.matrix(), result.weight, dampedHessian(inputs->hessian, damping));
    }
    [[nodiscard]] double relativeErrorOf(const SolveResult& result) const
    {
        const Tensor decoded = dequantize(result.weight);
        return oracleOutputError(weight.matrix(), decoded.floats(), inputs->hessian) /
               oracleOutputError(weight.matrix(), {}, inputs->hessian);
    }
};

inline std::vector<double> meanGram(const Tensor& x)
{
    std::vector<double> h = oracleGram(x.matrix());
    for (double& value : h)
        value /= static_cast<double>(x.matrix().rows);
    return h;
}

inline SolvableLayer correlatedLayer(std::int64_t rows, std::int64_t cols, std::uint64_t seed = 5)
{
    return SolvableLayer(randomMatrix(rows, cols, 0.05, seed),
                         meanGram(correlatedInputs(4 * cols, cols, seed + 1)));
}

/// The deterministic layer of the references: weights of Student's t with four degrees of freedom.
inline SolvableLayer deterministicLayer(std::int64_t rows, std::int64_t cols)
{
    Tensor w(Shape{rows, cols});
    for (std::size_t i = 0; i < w.floats().size(); ++i) {
        constexpr std::uint64_t golden = 0x9E3779B97F4A7C15U;
        std::uint64_t z = i * golden + golden;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
        z ^= z >> 31;
        const double u = (static_cast<double>(z >> 11) + 0.5) / 9007199254740992.0;
        const double root = std::sqrt(4 * u * (1 - u));
        const double q = std::cos(std::acos(root) / 3) / root;
        w.floats()[i] = static_cast<float>(0.05 * (u < 0.5 ? -2 : 2) * std::sqrt(q - 1));
    }
    std::vector<double> h;
    const auto size = [](std::int64_t j) {
        return std::exp(0.7 * std::sin(1.3 * static_cast<double>(j + 1)));
    };
    for (std::int64_t j = 0; j < cols; ++j)
        for (std::int64_t k = 0; k < cols; ++k)
            h.push_back(size(j) * size(k) * std::pow(0.85, static_cast<double>(std::abs(j - k))));
    return SolvableLayer(std::move(w), std::move(h));
}

/// Least E·H·Eᵀ over all codes of a row, with the best scale and zero for each.
inline double bruteForce(std::span<const float> w, const std::vector<double>& h, int bits)
{
    const std::size_t d = w.size();
    std::vector<double> hw(d);
    std::vector<double> ones(d);
    double energy = 0;
    double total = 0;
    double across = 0;
    for (std::size_t i = 0; i < d; ++i) {
        for (std::size_t j = 0; j < d; ++j) {
            hw[i] += h[i * d + j] * static_cast<double>(w[j]);
            ones[i] += h[i * d + j];
        }
        energy += hw[i] * static_cast<double>(w[i]);
        total += ones[i];
        across += hw[i];
    }
    double least = std::numeric_limits<double>::infinity();
    const std::size_t count = std::size_t(1) << (static_cast<std::size_t>(bits) * d);
    std::vector<double> q(d);
    for (std::size_t code = 0; code < count; ++code) {
        double square = 0;
        double withOnes = 0;
        double withWeight = 0;
        for (std::size_t i = 0; i < d; ++i) {
            q[i] = static_cast<double>(code >> (static_cast<std::size_t>(bits) * i) &
                                       ((1U << bits) - 1));
            withOnes += q[i] * ones[i];
            withWeight += q[i] * hw[i];
            double sum = 0.5 * h[i * d + i] * q[i];
            for (std::size_t j = 0; j < i; ++j)
                sum += h[i * d + j] * q[j];
            square += 2 * q[i] * sum;
        }
        const double determinant = square * total - withOnes * withOnes;
        double gain = across * across / total;
        if (determinant > 1e-9 * square * total) {
            const double s = (withWeight * total - withOnes * across) / determinant;
            const double z = (square * across - withWeight * withOnes) / determinant;
            gain = s * withWeight + z * across;
        }
        least = std::min(least, energy - gain);
    }
    return least;
}

} // namespace gradus::test
