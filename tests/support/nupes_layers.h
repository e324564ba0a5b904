// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/methods/nupes_layer.h"
#include "core/quant/power_levels.h"
#include "tests/support/decoupleq_layers.h"
#include "tests/support/power_samples.h"

#include <optional>
#include <utility>
#include <vector>

namespace gradus::test {

inline Scheme powerSchemeOf(int bits, std::int64_t group = 0, DType scaleType = DType::F32)
{
    Scheme scheme;
    scheme.bits = bits;
    scheme.symmetric = true;
    scheme.scaleType = scaleType;
    scheme.levels = Levels::Power;
    if (group > 0) {
        scheme.granularity = Granularity::Group;
        scheme.groupSize = group;
    }
    return scheme;
}

/// The power grid of the reference's table 7.4: one exponent, the largest magnitude of each granule
/// as its scale; codes are the nearest levels.
inline QuantizedWeight nearestPowerWeight(ConstMatrixView w, const Scheme& scheme, double exponent)
{
    QuantizedWeight weight;
    weight.scheme = scheme;
    weight.rows = w.rows;
    weight.cols = w.cols;
    weight.codes.resize(static_cast<std::size_t>(w.rows * w.cols));
    weight.scales.assign(static_cast<std::size_t>(scaleCount(scheme, w.rows, w.cols)), 1e-6F);
    weight.zeros.assign(weight.scales.size(), static_cast<float>(1 << (scheme.bits - 1)));
    weight.exponents.assign(1, static_cast<float>(exponent));
    for (std::int64_t r = 0; r < w.rows; ++r)
        for (std::int64_t c = 0; c < w.cols; ++c) {
            float& scale = weight.scales[weight.parameterIndex(r, c)];
            scale = std::max(scale, std::fabs(w.row(r)[static_cast<std::size_t>(c)]));
        }
    if (scheme.scaleType == DType::F16)
        for (float& scale : weight.scales)
            scale = roundToHalf(scale);
    const PowerEncoder encoder(scheme, static_cast<double>(weight.exponents[0]),
                               PowerRounding::Nearest);
    for (std::int64_t r = 0; r < w.rows; ++r)
        for (std::int64_t c = 0; c < w.cols; ++c)
            weight.codes[static_cast<std::size_t>(r * w.cols + c)] = encoder.encode(
                w.row(r)[static_cast<std::size_t>(c)], weight.scales[weight.parameterIndex(r, c)]);
    return weight;
}

/// Some weights of a made-up power weight as outliers.
inline void addOutliers(ConstMatrixView w, QuantizedWeight& weight)
{
    weight.outliers.rowStarts.assign(1, 0);
    for (std::int64_t r = 0; r < w.rows; ++r) {
        for (std::int64_t c = r % 3; c < w.cols; c += 7) {
            weight.outliers.columns.push_back(static_cast<std::uint32_t>(c));
            weight.outliers.values.push_back(roundToHalf(w.row(r)[static_cast<std::size_t>(c)]));
            weight.codes[static_cast<std::size_t>(r * w.cols + c)] =
                static_cast<std::uint8_t>(1 << (weight.scheme.bits - 1));
        }
        weight.outliers.rowStarts.push_back(
            static_cast<std::uint32_t>(weight.outliers.columns.size()));
    }
}

/// A layer as the steps of NUPES see it, with all that it refers to, and a state.
class NupesFixture
{
public:
    NupesFixture(Tensor weight, std::vector<double> hessian, const Scheme& scheme, double exponent,
                 bool outliers = false)
        : m_weight(std::move(weight))
        , m_hessian(std::move(hessian))
        , m_order(hessianOrder(m_hessian, view().cols, false))
    {
        QuantizedWeight start = nearestPowerWeight(view(), scheme, exponent);
        if (outliers)
            addOutliers(view(), start);
        m_layer.emplace(view(), start, m_hessian, m_order, m_monitor);
        state.weight = std::move(start);
        state.errors.resize(static_cast<std::size_t>(view().rows));
        evaluateRows(*m_layer, allRows(*m_layer), state);
    }

    [[nodiscard]] ConstMatrixView view() const { return std::as_const(m_weight).matrix(); }
    [[nodiscard]] const NupesLayer& layer() const { return *m_layer; }
    [[nodiscard]] std::span<const double> hessian() const { return m_hessian; }
    [[nodiscard]] const HessianOrder& order() const { return m_order; }
    [[nodiscard]] Monitor& monitor() { return m_monitor; }

    /// (ŵ−w)·H·(ŵ−w)ᵀ of all rows over W·H·Wᵀ, from what is stored, in double.
    [[nodiscard]] double relativeError(const QuantizedWeight& weight) const
    {
        const Tensor decoded = dequantize(weight);
        return oracleOutputError(view(), decoded.floats(), m_hessian) /
               oracleOutputError(view(), {}, m_hessian);
    }
    [[nodiscard]] double relativeError() const { return relativeError(state.weight); }
    /// As the state has it.
    [[nodiscard]] double toldError() const { return state.total() / m_layer->energy; }

    NupesState state;

private:
    Tensor m_weight;
    std::vector<double> m_hessian;
    HessianOrder m_order;
    Monitor m_monitor;
    std::optional<NupesLayer> m_layer;
};

/// The layer of the reference's section 15 with the data-free exponents of its table.
inline double referenceExponent(int bits)
{
    return bits == 4 ? 0.65006 : (bits == 3 ? 0.59108 : 1.0);
}
inline NupesFixture referenceFixture(int bits)
{
    return {referenceLayer(), referenceHessian(), powerSchemeOf(bits), referenceExponent(bits)};
}
inline SolvableLayer solvableReference(int bits, std::int64_t group = 0)
{
    SolvableLayer layer(referenceLayer(), referenceHessian());
    layer.scheme = powerSchemeOf(bits, group);
    layer.scheme.symmetric = false;
    layer.scheme.levels = Levels::Uniform;
    return layer;
}

} // namespace gradus::test
