// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/kernels_reduce.h"

#include "core/graph/element_functions.h"
#include "core/graph/strided.h"

#include <cstring>
#include <limits>

namespace gradus::kernel {

namespace {

using Kind = op::ReduceKind;
constexpr float infinity = std::numeric_limits<float>::infinity();

/// before × size × after, reduced over the middle.
struct Stage
{
    std::int64_t before = 1;
    std::int64_t size = 1;
    std::int64_t after = 1;
};

// How values become one: each takes element x of the kept index k into a lane, and lanes into the
// total.
template <class Map>
struct SumOf
{
    Map map;
    static constexpr float none = 0;
    float lane(float sum, float x, std::int64_t k) const { return sum + map(x, k); }
    static double join(double a, double b) { return a + b; }
};
template <class Map>
SumOf(Map) -> SumOf<Map>;

struct ProductOf
{
    static constexpr float none = 1;
    static float lane(float product, float x, std::int64_t) { return product * x; }
    static double join(double a, double b) { return a * b; }
};

/// No number stays where it came.
struct MaximumOf
{
    static constexpr float none = -infinity;
    static float lane(float best, float x, std::int64_t) { return x > best || x != x ? x : best; }
    static double join(double a, double b) { return b > a || b != b ? b : a; }
};
struct MinimumOf
{
    static constexpr float none = infinity;
    static float lane(float best, float x, std::int64_t) { return x < best || x != x ? x : best; }
    static double join(double a, double b) { return b < a || b != b ? b : a; }
};

template <class How>
double alongRow(const float* x, std::int64_t count, std::int64_t k, const How& how)
{
    constexpr std::int64_t run = 1024;
    double total = static_cast<double>(How::none);
    for (std::int64_t start = 0; start < count; start += run) {
        const std::int64_t end = std::min(count, start + run);
        std::array<float, lanes> sums;
        sums.fill(How::none);
        std::int64_t i = start;
        constexpr auto width = static_cast<std::int64_t>(lanes);
        for (; i + width <= end; i += width)
            for (std::size_t lane = 0; lane < lanes; ++lane)
                sums[lane] = how.lane(sums[lane], x[i + static_cast<std::int64_t>(lane)], k);
        for (; i < end; ++i)
            sums[0] = how.lane(sums[0], x[i], k);
        for (const float sum : sums)
            total = How::join(total, static_cast<double>(sum));
    }
    return total;
}

template <class How>
void reduceRows(const float* x, const Stage& s, float* out, const How& how)
{
    constexpr std::int64_t piece = 1 << 15;
    const std::int64_t pieces = std::max<std::int64_t>(1, (s.size + piece - 1) / piece);
    if (pieces == 1) {
        parallelFor(s.before, rowGrain(s.size), [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t a = begin; a < end; ++a)
                out[a] = static_cast<float>(alongRow(x + a * s.size, s.size, a, how));
        });
        return;
    }
    std::vector<double> parts(static_cast<std::size_t>(s.before * pieces));
    parallelFor(s.before * pieces, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const std::int64_t a = i / pieces;
            const std::int64_t first = i % pieces * piece;
            parts[static_cast<std::size_t>(i)] =
                alongRow(x + a * s.size + first, std::min(piece, s.size - first), a, how);
        }
    });
    for (std::int64_t a = 0; a < s.before; ++a) {
        double total = static_cast<double>(How::none);
        for (std::int64_t p = 0; p < pieces; ++p)
            total = How::join(total, parts[static_cast<std::size_t>(a * pieces + p)]);
        out[a] = static_cast<float>(total);
    }
}

template <class How>
void reduceColumns(const float* x, const Stage& s, float* out, const How& how)
{
    constexpr std::int64_t width = 512;
    const std::int64_t tiles = (s.after + width - 1) / width;
    // Few columns of many rows are shared among threads by rows.
    const std::int64_t piece = s.before * tiles >= 32
                                   ? std::max<std::int64_t>(1, s.size)
                                   : std::max<std::int64_t>(64, (s.size + 63) / 64);
    const std::int64_t pieces = std::max<std::int64_t>(1, (s.size + piece - 1) / piece);
    std::vector<double> parts(pieces == 1 ? 0
                                          : static_cast<std::size_t>(s.before * pieces * s.after));
    const std::int64_t work = std::min(piece, s.size) * std::min(width, s.after);
    parallelFor(
        s.before * pieces * tiles, rowGrain(work), [&](std::int64_t begin, std::int64_t end) {
            std::array<double, width> sums;
            for (std::int64_t i = begin; i < end; ++i) {
                const std::int64_t first = i % tiles * width;
                const std::int64_t p = i / tiles % pieces;
                const std::int64_t a = i / tiles / pieces;
                const std::int64_t count = std::min(width, s.after - first);
                std::fill_n(sums.begin(), count, static_cast<double>(How::none));
                const std::int64_t lastRow = std::min(s.size, (p + 1) * piece);
                for (std::int64_t r = p * piece; r < lastRow; ++r) {
                    const float* row = x + (a * s.size + r) * s.after + first;
                    const std::int64_t k = a * s.after + first;
                    for (std::int64_t j = 0; j < count; ++j) {
                        double& sum = sums[static_cast<std::size_t>(j)];
                        sum =
                            How::join(sum, static_cast<double>(how.lane(How::none, row[j], k + j)));
                    }
                }
                for (std::int64_t j = 0; j < count; ++j) {
                    const double sum = sums[static_cast<std::size_t>(j)];
                    if (pieces == 1)
                        out[a * s.after + first + j] = static_cast<float>(sum);
                    else
                        parts[static_cast<std::size_t>((a * pieces + p) * s.after + first + j)] =
                            sum;
                }
            }
        });
    if (pieces == 1)
        return;
    for (std::int64_t a = 0; a < s.before; ++a)
        for (std::int64_t j = 0; j < s.after; ++j) {
            double total = static_cast<double>(How::none);
            for (std::int64_t p = 0; p < pieces; ++p)
                total = How::join(total,
                                  parts[static_cast<std::size_t>((a * pieces + p) * s.after + j)]);
            out[a * s.after + j] = static_cast<float>(total);
        }
}

template <class How>
void run(const float* x, const Stage& stage, float* out, const How& how)
{
    if (stage.after == 1)
        reduceRows(x, stage, out, how);
    else
        reduceColumns(x, stage, out, how);
}

void logSumExpStage(const float* x, const Stage& stage, float* out)
{
    const auto count = static_cast<std::size_t>(stage.before * stage.after);
    std::vector<float> top(count);
    run(x, stage, top.data(), MaximumOf());
    for (float& value : top)
        value = std::isfinite(value) ? value : 0.0F;
    run(x, stage, out, SumOf{[&](float v, std::int64_t k) {
            return exponentialOf(v - top[static_cast<std::size_t>(k)]);
        }});
    for (std::size_t k = 0; k < count; ++k)
        out[k] = std::log(out[k]) + top[k];
}

/// One stage; `first` reads x itself, later ones what the one before has left.
void runStage(Kind kind, bool first, const float* x, const Stage& stage, float* out)
{
    const auto plain = [](float v, std::int64_t) { return v; };
    const auto size = [](float v, std::int64_t) { return std::fabs(v); };
    const auto square = [](float v, std::int64_t) { return v * v; };
    switch (kind) {
    case Kind::Max:
        return run(x, stage, out, MaximumOf());
    case Kind::Min:
        return run(x, stage, out, MinimumOf());
    case Kind::Product:
        return run(x, stage, out, ProductOf());
    case Kind::LogSumExp:
        return logSumExpStage(x, stage, out);
    case Kind::L1:
        return first ? run(x, stage, out, SumOf{size}) : run(x, stage, out, SumOf{plain});
    case Kind::L2:
    case Kind::SumSquare:
        return first ? run(x, stage, out, SumOf{square}) : run(x, stage, out, SumOf{plain});
    case Kind::Mean:
    case Kind::Sum:
    case Kind::LogSum:
        return run(x, stage, out, SumOf{plain});
    }
}

/// Runs of axes that are all reduced or all kept; those of size 1 count for nothing.
struct AxisRun
{
    bool reduced = false;
    std::int64_t size = 1;
};
std::vector<AxisRun> axisRuns(const Shape& shape, const ReducedAxes& reduced)
{
    std::vector<AxisRun> runs;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (shape[i] == 1)
            continue;
        if (!runs.empty() && runs.back().reduced == reduced[i])
            runs.back().size *= shape[i];
        else
            runs.push_back({reduced[i], shape[i]});
    }
    return runs;
}

void finishKind(Kind kind, std::int64_t reducedCount, std::span<float> out)
{
    if (kind == Kind::Mean)
        for (float& value : out)
            value /= static_cast<float>(reducedCount);
    else if (kind == Kind::L2)
        for (float& value : out)
            value = std::sqrt(value);
    else if (kind == Kind::LogSum)
        for (float& value : out)
            value = std::log(value);
}

} // namespace

Shape reducedShape(const Shape& shape, const ReducedAxes& reduced)
{
    Shape result = shape;
    for (std::size_t i = 0; i < shape.size(); ++i)
        if (reduced[i])
            result[i] = 1;
    return result;
}

void reduce(Kind kind, std::span<const float> x, const Shape& shape, const ReducedAxes& reduced,
            std::span<float> out)
{
    if (out.empty())
        return;
    std::vector<AxisRun> runs = axisRuns(shape, reduced);
    std::int64_t reducedCount = 1;
    for (const AxisRun& run : runs)
        reducedCount *= run.reduced ? run.size : 1;
    std::vector<float> here;
    std::vector<float> next;
    const float* from = x.data();
    bool first = true;
    // From the innermost reduced run outwards; the last one goes to out.
    for (std::size_t i = runs.size(); i-- > 0;) {
        if (!runs[i].reduced)
            continue;
        Stage stage{1, runs[i].size, 1};
        bool last = true;
        for (std::size_t j = 0; j < runs.size(); ++j) {
            if (j < i)
                stage.before *= runs[j].size;
            else if (j > i)
                stage.after *= runs[j].size;
            last = last && (j >= i || !runs[j].reduced);
        }
        float* to = out.data();
        if (!last) {
            next.resize(static_cast<std::size_t>(stage.before * stage.after));
            to = next.data();
        }
        runStage(kind, first, from, stage, to);
        first = false;
        here.swap(next);
        from = here.data();
        runs[i].size = 1;
    }
    if (first) // nothing but axes of size 1
        runStage(kind, true, x.data(), {static_cast<std::int64_t>(out.size()), 1, 1}, out.data());
    finishKind(kind, reducedCount, out);
}

bool reduce(Kind kind, std::span<const std::int64_t> x, const Shape& shape,
            const ReducedAxes& reduced, std::span<std::int64_t> out)
{
    const bool extreme = kind == Kind::Max || kind == Kind::Min;
    if (kind == Kind::L2 || kind == Kind::LogSum || kind == Kind::LogSumExp)
        return false;
    if ((extreme || kind == Kind::Mean) && x.empty() && !out.empty())
        return false;
    using Limits = std::numeric_limits<std::int64_t>;
    std::fill(out.begin(), out.end(),
              kind == Kind::Product ? 1
              : kind == Kind::Max   ? Limits::min()
              : kind == Kind::Min   ? Limits::max()
                                    : 0);
    const Strides strides = broadcastStrides(reducedShape(shape, reduced), shape);
    std::vector<std::int64_t> at(shape.size());
    std::size_t k = 0;
    for (const std::int64_t value : x) {
        std::int64_t& to = out[k];
        const auto v = static_cast<std::uint64_t>(value);
        const auto sum = static_cast<std::uint64_t>(to);
        if (kind == Kind::Max)
            to = std::max(to, value);
        else if (kind == Kind::Min)
            to = std::min(to, value);
        else if (kind == Kind::Product)
            to = static_cast<std::int64_t>(sum * v);
        else if (kind == Kind::SumSquare)
            to = static_cast<std::int64_t>(sum + v * v);
        else if (kind == Kind::L1)
            to = static_cast<std::int64_t>(sum + (value < 0 ? 0 - v : v));
        else
            to = static_cast<std::int64_t>(sum + v);
        for (std::size_t i = shape.size(); i-- > 0;) {
            k += static_cast<std::size_t>(strides[i]);
            if (++at[i] < shape[i])
                break;
            k -= static_cast<std::size_t>(strides[i] * shape[i]);
            at[i] = 0;
        }
    }
    if (kind == Kind::Mean && !out.empty())
        for (std::int64_t& value : out)
            value /= static_cast<std::int64_t>(x.size() / out.size());
    return true;
}

void sumTo(std::span<const float> x, const Shape& shape, const Shape& to, std::span<float> out)
{
    ReducedAxes reduced(shape.size());
    const std::size_t missing = shape.size() - to.size();
    for (std::size_t i = 0; i < shape.size(); ++i)
        reduced[i] = i < missing || (to[i - missing] == 1 && shape[i] != 1);
    if (x.size() == out.size())
        std::memcpy(out.data(), x.data(), x.size_bytes());
    else
        reduce(Kind::Sum, x, shape, reduced, out);
}

namespace {

/// dx[i] = f(x[i], y[k], dy[k]) with k the reduced element that i belongs to; x may be null.
template <class F>
void spread(const float* x, const Shape& shape, const ReducedAxes& reduced, const float* y,
            const float* dy, float* dx, const F& f)
{
    const Strides own = rowMajorStrides(shape);
    const Walk<2> walk(shape, {own, broadcastStrides(reducedShape(shape, reduced), shape)});
    walk.run([&](const std::array<std::int64_t, 2>& at, std::int64_t count,
                 const std::array<std::int64_t, 2>& steps) {
        const float* from = x ? x + at[0] : nullptr;
        const float* result = y ? y + at[1] : nullptr;
        const float* pull = dy + at[1];
        float* to = dx + at[0];
        for (std::int64_t i = 0; i < count; ++i)
            to[i] =
                f(from ? from[i] : 0.0F, result ? result[i * steps[1]] : 0.0F, pull[i * steps[1]]);
    });
}

/// How many elements of each sum are like(x, y).
template <class Like>
std::vector<float> countOf(std::span<const float> x, const Shape& shape, const ReducedAxes& reduced,
                           std::span<const float> y, std::span<float> scratch, const Like& like)
{
    spread(x.data(), shape, reduced, y.data(), y.data(), scratch.data(),
           [&](float v, float of, float) { return like(v, of) ? 1.0F : 0.0F; });
    std::vector<float> counts(y.size());
    reduce(Kind::Sum, scratch, shape, reduced, counts);
    return counts;
}

/// y / x where no factor is 0; the product of the others where one is; else 0.
void productBackward(std::span<const float> x, const Shape& shape, const ReducedAxes& reduced,
                     std::span<const float> dy, std::span<float> dx)
{
    const std::vector<float> zeros =
        countOf(x, shape, reduced, dy, dx, [](float v, float) { return v == 0.0F; });
    for (std::size_t i = 0; i < x.size(); ++i)
        dx[i] = x[i] == 0.0F ? 1.0F : x[i];
    std::vector<float> others(dy.size()); // the product without its zeros
    reduce(Kind::Product, dx, shape, reduced, others);
    for (std::size_t k = 0; k < others.size(); ++k)
        others[k] = zeros[k] > 1.0F ? 0.0F : others[k] * dy[k];
    spread(x.data(), shape, reduced, zeros.data(), others.data(), dx.data(),
           [](float v, float zero, float pull) {
               return zero == 0.0F ? pull / v : (v == 0.0F ? pull : 0.0F);
           });
}

} // namespace

void reduceBackward(Kind kind, std::span<const float> x, const Shape& shape,
                    const ReducedAxes& reduced, std::span<const float> y, std::span<const float> dy,
                    std::span<float> dx)
{
    const auto each = [&](const auto& f) {
        spread(x.data(), shape, reduced, y.data(), dy.data(), dx.data(), f);
    };
    switch (kind) {
    case Kind::Sum:
        return each([](float, float, float pull) { return pull; });
    case Kind::Mean: {
        const float share = dx.empty() ? 0.0F
                                       : static_cast<float>(static_cast<double>(dy.size()) /
                                                            static_cast<double>(dx.size()));
        return each([=](float, float, float pull) { return pull * share; });
    }
    case Kind::Max:
    case Kind::Min: {
        std::vector<float> shares =
            countOf(x, shape, reduced, y, dx, [](float v, float of) { return v == of; });
        for (std::size_t k = 0; k < shares.size(); ++k)
            shares[k] = dy[k] / shares[k];
        return spread(x.data(), shape, reduced, y.data(), shares.data(), dx.data(),
                      [](float v, float of, float pull) { return v == of ? pull : 0.0F; });
    }
    case Kind::Product:
        return productBackward(x, shape, reduced, dy, dx);
    case Kind::L1:
        return each(
            [](float v, float, float pull) { return v > 0.0F ? pull : (v < 0.0F ? -pull : 0.0F); });
    case Kind::L2:
        return each(
            [](float v, float of, float pull) { return of == 0.0F ? 0.0F : pull * (v / of); });
    case Kind::SumSquare:
        return each([](float v, float, float pull) { return 2.0F * v * pull; });
    case Kind::LogSum:
        return each([](float, float of, float pull) { return pull / exponentialOf(of); });
    case Kind::LogSumExp:
        return each([](float v, float of, float pull) { return pull * exponentialOf(v - of); });
    }
}

} // namespace gradus::kernel
