// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/tap_product.h"

#include <array>
#include <cassert>
#include <cstddef>
#include <utility>

namespace gradus::kernel {

namespace {

using Vector = FloatLanes;

[[gnu::always_inline]] inline void finished(Vector& sums, const TapFinish& finish, std::size_t row)
{
    if (finish.scale)
        sums = sums * finish.scale[row] + finish.shift[row];
    if (finish.isBounded) {
        const Vector low = Vector{} + finish.low;
        const Vector high = Vector{} + finish.high;
        sums = sums < low ? low : sums;
        sums = sums > high ? high : sums;
    }
}

/// Rows × Vectors sums stay in registers while all features pass by: each loaded vector is used
/// Rows times, each weight Vectors times. Three rows share a pointer to their weights: that many
/// addresses one instruction can reach from it.
template <std::size_t Rows, std::size_t Vectors>
[[gnu::always_inline]] inline void tile(const TapProduct& product, std::int64_t k, float* out,
                                        std::int64_t outStride)
{
    Vector sums[Rows][Vectors];
    unrolled<Rows>([&](auto r) {
        unrolled<Vectors>(
            [&](auto v) { sums[r][v] = Vector{} + (product.initial ? product.initial[r] : 0.0F); });
    });
    constexpr std::size_t shared = 3;
    constexpr std::size_t pointers = (Rows + shared - 1) / shared;
    const std::int64_t rowStride = product.rowStride;
    const float* at[pointers];
    unrolled<pointers>([&](auto p) {
        at[p] = product.weights + static_cast<std::int64_t>(p.value * shared) * rowStride;
    });
    const float* base = product.base + k;
    for (const std::int64_t offset : product.offsets) {
        Vector x[Vectors];
        unrolled<Vectors>([&](auto v) { load(x[v], base + offset + v * tapLanes); });
        unrolled<Rows>([&](auto r) {
            const float weight = at[r / shared][static_cast<std::int64_t>(r % shared) * rowStride];
            unrolled<Vectors>([&](auto v) { sums[r][v] += weight * x[v]; });
        });
        unrolled<pointers>([&](auto p) { at[p] += product.weightStride; });
    }
    const TapFinish finish = product.finish; // stores cannot change it
    unrolled<Rows>([&](auto r) {
        float* to = out + static_cast<std::int64_t>(r.value) * outStride + k;
        unrolled<Vectors>([&](auto v) {
            finished(sums[r][v], finish, r);
            store(sums[r][v], to + v * tapLanes);
        });
    });
}

template <std::size_t Rows>
void panel(const TapProduct& product, std::int64_t count, float* out, std::int64_t outStride)
{
    std::int64_t k = 0;
    for (; k + tapLanes < count; k += 2 * tapLanes)
        tile<Rows, 2>(product, k, out, outStride);
    if (k < count)
        tile<Rows, 1>(product, k, out, outStride);
}

using Panel = void (*)(const TapProduct&, std::int64_t, float*, std::int64_t);

template <std::size_t... i>
constexpr std::array<Panel, sizeof...(i)> panelsOf(std::index_sequence<i...>)
{
    return {panel<i + 1>...};
}

constexpr auto panels = panelsOf(std::make_index_sequence<std::size_t(tapPanel)>());

/// With as many features as said, their weights stay in registers too.
template <std::size_t Features>
void row(const TapProduct& product, std::int64_t count, float* out)
{
    const float initial = product.initial ? *product.initial : 0.0F;
    const float* from[Features];
    Vector weight[Features];
    unrolled<Features>([&](auto f) {
        from[f] = product.base + product.offsets[f];
        weight[f] =
            Vector{} + product.weights[static_cast<std::int64_t>(f.value) * product.weightStride];
    });
    const TapFinish finish = product.finish;
    std::int64_t k = 0;
    for (; k + tapLanes < count; k += 2 * tapLanes) {
        Vector a = Vector{} + initial;
        Vector b = a;
        unrolled<Features>([&](auto f) {
            Vector x;
            load(x, from[f] + k);
            a += weight[f] * x;
            load(x, from[f] + k + tapLanes);
            b += weight[f] * x;
        });
        finished(a, finish, 0);
        finished(b, finish, 0);
        store(a, out + k);
        store(b, out + k + tapLanes);
    }
    if (k < count) {
        Vector a = Vector{} + initial;
        unrolled<Features>([&](auto f) {
            Vector x;
            load(x, from[f] + k);
            a += weight[f] * x;
        });
        finished(a, finish, 0);
        store(a, out + k);
    }
}

template <std::size_t Features>
void dots(const float* base, const std::int64_t* offsets, const float* delta, std::int64_t count,
          double* sums)
{
    const float* from[Features];
    Vector totals[Features];
    unrolled<Features>([&](auto f) {
        from[f] = base + offsets[f];
        totals[f] = Vector{};
    });
    for (std::int64_t k = 0; k < count; k += tapLanes) {
        Vector d;
        load(d, delta + k);
        unrolled<Features>([&](auto f) {
            Vector x;
            load(x, from[f] + k);
            totals[f] += d * x;
        });
    }
    unrolled<Features>([&](auto f) {
        float total = 0;
        for (std::int64_t lane = 0; lane < tapLanes; ++lane)
            total += totals[f][lane];
        sums[f] += static_cast<double>(total);
    });
}

} // namespace

void tapDots(const float* base, std::span<const std::int64_t> offsets, const float* delta,
             std::int64_t count, std::span<double> sums)
{
    constexpr std::size_t together = 9; // what 3 × 3 kernels have
    std::size_t f = 0;
    for (; f + together <= offsets.size(); f += together)
        dots<together>(base, offsets.data() + f, delta, count, sums.data() + f);
    for (; f < offsets.size(); ++f)
        dots<1>(base, offsets.data() + f, delta, count, sums.data() + f);
}

void tapProduct(const TapProduct& product, std::int64_t rows, std::int64_t count, float* out,
                std::int64_t outStride)
{
    assert(rows >= 1 && rows <= tapPanel);
    panels[static_cast<std::size_t>(rows - 1)](product, count, out, outStride);
}

void tapRow(const TapProduct& product, std::int64_t count, float* out)
{
    switch (product.offsets.size()) {
    case 3:
        return row<3>(product, count, out);
    case 5:
        return row<5>(product, count, out);
    case 9:
        return row<9>(product, count, out);
    case 25:
        return row<25>(product, count, out);
    default:
        return panel<1>(product, count, out, 0);
    }
}

} // namespace gradus::kernel
