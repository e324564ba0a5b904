// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/kernels_norms.h"

#include "core/graph/element_functions.h"

#include <cassert>
#include <vector>

namespace gradus::kernel {

namespace {

struct Moments
{
    float mean = 0;
    float factor = 0; ///< 1 / sqrt(variance + epsilon)
};

Moments momentsOf(std::span<const float> x, float epsilon)
{
    const auto count = static_cast<float>(x.size());
    Moments m;
    m.mean = laneSum(x.size(), [&](std::size_t i) { return x[i]; }) / count;
    const float variance =
        laneSum(x.size(), [&](std::size_t i) { return (x[i] - m.mean) * (x[i] - m.mean); });
    m.factor = 1.0F / std::sqrt(variance / count + epsilon);
    return m;
}

} // namespace

void layerNorm(ConstMatrixView x, std::span<const float> weight, std::span<const float> bias,
               float epsilon, MatrixView out)
{
    parallelFor(x.rows, rowGrain(x.cols), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const auto from = x.row(r);
            const float* in = from.data();
            float* y = out.row(r).data();
            const Moments m = momentsOf(from, epsilon);
            const std::size_t count = from.size();
            if (weight.empty()) {
                GRADUS_ELEMENTWISE
                for (std::size_t i = 0; i < count; ++i)
                    y[i] = (in[i] - m.mean) * m.factor;
            } else {
                const float* w = weight.data();
                GRADUS_ELEMENTWISE
                for (std::size_t i = 0; i < count; ++i)
                    y[i] = (in[i] - m.mean) * m.factor * w[i];
            }
            if (bias.empty())
                continue;
            const float* b = bias.data();
            GRADUS_ELEMENTWISE
            for (std::size_t i = 0; i < count; ++i)
                y[i] += b[i];
        }
    });
}

namespace {

/// dx of one row whose weight is weightAt(i).
template <class WeightAt>
void normRowBackward(std::span<const float> x, const float* dy, const Moments& m,
                     const WeightAt& weightAt, float* dx)
{
    const auto count = static_cast<float>(x.size());
    const auto hat = [&](std::size_t i) { return (x[i] - m.mean) * m.factor; };
    const float mean =
        laneSum(x.size(), [&](std::size_t i) { return weightAt(i) * dy[i]; }) / count;
    const float slope =
        laneSum(x.size(), [&](std::size_t i) { return weightAt(i) * dy[i] * hat(i); }) / count;
    const std::size_t size = x.size();
    GRADUS_ELEMENTWISE
    for (std::size_t i = 0; i < size; ++i)
        dx[i] = m.factor * (weightAt(i) * dy[i] - mean - hat(i) * slope);
}

/// dweight then dbias of some rows, in double.
std::vector<double> normParameterSums(ConstMatrixView x, float epsilon, ConstMatrixView dy,
                                      std::int64_t begin, std::int64_t end)
{
    const auto count = static_cast<std::size_t>(x.cols);
    std::vector<double> sums(2 * count);
    for (std::int64_t r = begin; r < end; ++r) {
        const float* in = x.row(r).data();
        const float* d = dy.row(r).data();
        const Moments m = momentsOf(x.row(r), epsilon);
        double* weight = sums.data();
        double* bias = sums.data() + count;
        for (std::size_t i = 0; i < count; ++i) {
            weight[i] += static_cast<double>(d[i] * ((in[i] - m.mean) * m.factor));
            bias[i] += static_cast<double>(d[i]);
        }
    }
    return sums;
}

} // namespace

void layerNormBackward(ConstMatrixView x, std::span<const float> weight, float epsilon,
                       ConstMatrixView dy, MatrixView dx, std::span<float> dweight,
                       std::span<float> dbias)
{
    const auto count = static_cast<std::size_t>(x.cols);
    if (!dweight.empty() || !dbias.empty()) {
        const std::int64_t grain = std::max<std::int64_t>(64, (x.rows + 63) / 64);
        const auto total = parallelReduce(
            x.rows, grain, std::vector<double>(),
            [&](std::int64_t begin, std::int64_t end) {
                return normParameterSums(x, epsilon, dy, begin, end);
            },
            [](std::vector<double>& sum, std::vector<double>& part) {
                if (sum.empty())
                    sum.swap(part);
                else
                    for (std::size_t i = 0; i < sum.size(); ++i)
                        sum[i] += part[i];
            });
        for (std::size_t i = 0; i < dweight.size(); ++i)
            dweight[i] = total.empty() ? 0.0F : static_cast<float>(total[i]);
        for (std::size_t i = 0; i < dbias.size(); ++i)
            dbias[i] = total.empty() ? 0.0F : static_cast<float>(total[count + i]);
    }
    if (!dx.data)
        return;
    parallelFor(x.rows, rowGrain(x.cols), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const auto in = x.row(r);
            const Moments m = momentsOf(in, epsilon);
            const float* w = weight.data();
            if (weight.empty())
                normRowBackward(
                    in, dy.row(r).data(), m, [](std::size_t) { return 1.0F; }, dx.row(r).data());
            else
                normRowBackward(
                    in, dy.row(r).data(), m, [=](std::size_t i) { return w[i]; }, dx.row(r).data());
        }
    });
}

void scaleChannels(const ChannelView& view, const float* x, std::span<const float> factor,
                   std::span<const float> shift, float* out)
{
    const auto channels = static_cast<std::size_t>(view.channels);
    if (view.inner == 1) { // features: along the channels
        parallelFor(view.batch, rowGrain(view.channels), [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t n = begin; n < end; ++n) {
                const float* in = x + n * view.channels;
                float* to = out + n * view.channels;
                const float* f = factor.data();
                const float* s = shift.data();
                GRADUS_ELEMENTWISE
                for (std::size_t c = 0; c < channels; ++c)
                    to[c] = in[c] * f[c] + (s ? s[c] : 0.0F);
            }
        });
        return;
    }
    parallelFor(view.batch * view.channels, rowGrain(view.inner),
                [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t r = begin; r < end; ++r) {
                        const auto c = static_cast<std::size_t>(r % view.channels);
                        const float f = factor[c];
                        const float s = shift.empty() ? 0.0F : shift[c];
                        const float* in = x + r * view.inner;
                        float* to = out + r * view.inner;
                        GRADUS_ELEMENTWISE
                        for (std::int64_t i = 0; i < view.inner; ++i)
                            to[i] = in[i] * f + s;
                    }
                });
}

void channelSums(const ChannelView& view, const float* x, std::span<const float> center,
                 const float* dy, std::span<float> dfactor, std::span<float> dshift)
{
    parallelFor(view.channels, rowGrain(view.batch * view.inner),
                [&](std::int64_t begin, std::int64_t end) {
                    std::vector<double> sums(2 * static_cast<std::size_t>(end - begin));
                    for (std::int64_t n = 0; n < view.batch; ++n)
                        for (std::int64_t c = begin; c < end; ++c) {
                            const float* in = x + (n * view.channels + c) * view.inner;
                            const float* d = dy + (n * view.channels + c) * view.inner;
                            const float middle = center[static_cast<std::size_t>(c)];
                            const auto count = static_cast<std::size_t>(view.inner);
                            double* sum = sums.data() + 2 * (c - begin);
                            sum[0] += static_cast<double>(laneSum(
                                count, [&](std::size_t i) { return d[i] * (in[i] - middle); }));
                            sum[1] += static_cast<double>(
                                laneSum(count, [&](std::size_t i) { return d[i]; }));
                        }
                    for (std::int64_t c = begin; c < end; ++c) {
                        const double* sum = sums.data() + 2 * (c - begin);
                        dfactor[static_cast<std::size_t>(c)] = static_cast<float>(sum[0]);
                        dshift[static_cast<std::size_t>(c)] = static_cast<float>(sum[1]);
                    }
                });
}

void instanceNorm(const ChannelView& view, const float* x, std::span<const float> weight,
                  std::span<const float> bias, float epsilon, float* out)
{
    parallelFor(view.batch * view.channels, rowGrain(view.inner),
                [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t r = begin; r < end; ++r) {
                        const auto c = static_cast<std::size_t>(r % view.channels);
                        const std::span<const float> in(x + r * view.inner,
                                                        static_cast<std::size_t>(view.inner));
                        const Moments m = momentsOf(in, epsilon);
                        const float f = m.factor * (weight.empty() ? 1.0F : weight[c]);
                        const float b = bias.empty() ? 0.0F : bias[c];
                        const float* from = in.data();
                        float* to = out + r * view.inner;
                        const std::size_t count = in.size();
                        GRADUS_ELEMENTWISE
                        for (std::size_t i = 0; i < count; ++i)
                            to[i] = (from[i] - m.mean) * f + b;
                    }
                });
}

void instanceNormBackward(const ChannelView& view, const float* x, std::span<const float> weight,
                          float epsilon, const float* dy, float* dx, std::span<float> dweight,
                          std::span<float> dbias)
{
    const auto count = static_cast<std::size_t>(view.inner);
    parallelFor(view.channels, rowGrain(view.batch * view.inner),
                [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t c = begin; c < end; ++c) {
                        const auto channel = static_cast<std::size_t>(c);
                        const float w = weight.empty() ? 1.0F : weight[channel];
                        double sums[2] = {0, 0};
                        for (std::int64_t n = 0; n < view.batch; ++n) {
                            const std::int64_t at = (n * view.channels + c) * view.inner;
                            const std::span<const float> in(x + at, count);
                            const float* d = dy + at;
                            const Moments m = momentsOf(in, epsilon);
                            sums[0] += static_cast<double>(laneSum(count, [&](std::size_t i) {
                                return d[i] * ((in[i] - m.mean) * m.factor);
                            }));
                            sums[1] += static_cast<double>(
                                laneSum(count, [&](std::size_t i) { return d[i]; }));
                            if (dx)
                                normRowBackward(
                                    in, d, m, [=](std::size_t) { return w; }, dx + at);
                        }
                        if (!dweight.empty())
                            dweight[channel] = static_cast<float>(sums[0]);
                        if (!dbias.empty())
                            dbias[channel] = static_cast<float>(sums[1]);
                    }
                });
}

namespace {

void softmaxRow(const float* x, std::size_t count, bool logarithm, float* y)
{
    const float top = maximumOf({x, count});
    if (logarithm) {
        const auto total = static_cast<float>(logSumExp({x, count}) - static_cast<double>(top));
        GRADUS_ELEMENTWISE
        for (std::size_t i = 0; i < count; ++i)
            y[i] = (x[i] - top) - total;
        return;
    }
    GRADUS_ELEMENTWISE
    for (std::size_t i = 0; i < count; ++i)
        y[i] = exponentialOf(x[i] - top);
    const float share = 1.0F / laneSum(count, [&](std::size_t i) { return y[i]; });
    for (std::size_t i = 0; i < count; ++i)
        y[i] *= share;
}

/// A tile of columns: rows × width, a row apart by `stride`.
constexpr std::int64_t tileWidth = 256;
constexpr std::int64_t shortRow = 8;
using TileRow = std::array<float, tileWidth>;

void softmaxTile(const float* x, std::int64_t rows, std::int64_t stride, std::int64_t width,
                 bool logarithm, float* y)
{
    TileRow top;
    TileRow sum;
    std::fill_n(top.begin(), width, -std::numeric_limits<float>::infinity());
    std::fill_n(sum.begin(), width, 0.0F);
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t j = 0; j < width; ++j) {
            float& best = top[static_cast<std::size_t>(j)];
            best = x[r * stride + j] > best ? x[r * stride + j] : best;
        }
    for (std::int64_t r = 0; r < rows; ++r) {
        const float* from = x + r * stride;
        float* to = y + r * stride;
        GRADUS_ELEMENTWISE
        for (std::int64_t j = 0; j < width; ++j) {
            const auto at = static_cast<std::size_t>(j);
            const float shifted = from[j] - top[at];
            const float e = exponentialOf(shifted);
            sum[at] += e;
            to[j] = logarithm ? shifted : e;
        }
    }
    for (std::int64_t j = 0; j < width; ++j) {
        float& value = sum[static_cast<std::size_t>(j)];
        value = logarithm ? std::log(value) : 1.0F / value;
    }
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t j = 0; j < width; ++j) {
            float& value = y[r * stride + j];
            const float s = sum[static_cast<std::size_t>(j)];
            value = logarithm ? value - s : value * s;
        }
}

void softmaxTileBackward(const float* y, const float* dy, std::int64_t rows, std::int64_t stride,
                         std::int64_t width, bool logarithm, float* dx)
{
    TileRow sum;
    std::fill_n(sum.begin(), width, 0.0F);
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t j = 0; j < width; ++j) {
            const std::int64_t at = r * stride + j;
            sum[static_cast<std::size_t>(j)] += logarithm ? dy[at] : y[at] * dy[at];
        }
    for (std::int64_t r = 0; r < rows; ++r) {
        const float* result = y + r * stride;
        const float* pull = dy + r * stride;
        float* to = dx + r * stride;
        GRADUS_ELEMENTWISE
        for (std::int64_t j = 0; j < width; ++j) {
            const float s = sum[static_cast<std::size_t>(j)];
            to[j] = logarithm ? pull[j] - exponentialOf(result[j]) * s : result[j] * (pull[j] - s);
        }
    }
}

/// Calls tile(first element, width) for every tile of columns.
template <class Tile>
void overColumnTiles(std::int64_t outer, std::int64_t size, std::int64_t inner, const Tile& tile)
{
    const std::int64_t tiles = (inner + tileWidth - 1) / tileWidth;
    parallelFor(outer * tiles, rowGrain(size * std::min(inner, tileWidth)),
                [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i) {
                        const std::int64_t first = i % tiles * tileWidth;
                        tile(i / tiles * size * inner + first, std::min(tileWidth, inner - first));
                    }
                });
}

/// Rows too short for vectors, turned so that they are columns. x and y may be the same memory.
void softmaxShortRows(const float* x, std::int64_t rows, std::int64_t size, bool logarithm,
                      float* y)
{
    std::array<float, static_cast<std::size_t>(shortRow * tileWidth)> turned;
    for (std::int64_t i = 0; i < size; ++i)
        for (std::int64_t r = 0; r < rows; ++r)
            turned[static_cast<std::size_t>(i * tileWidth + r)] = x[r * size + i];
    softmaxTile(turned.data(), size, tileWidth, rows, logarithm, turned.data());
    for (std::int64_t i = 0; i < size; ++i)
        for (std::int64_t r = 0; r < rows; ++r)
            y[r * size + i] = turned[static_cast<std::size_t>(i * tileWidth + r)];
}

} // namespace

void softmax(const float* x, std::int64_t outer, std::int64_t size, std::int64_t inner,
             bool logarithm, float* out)
{
    if (inner == 1 && size > 0 && size <= shortRow) {
        const std::int64_t tiles = (outer + tileWidth - 1) / tileWidth;
        parallelFor(tiles, rowGrain(size * tileWidth), [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t first = begin * tileWidth; first < std::min(outer, end * tileWidth);
                 first += tileWidth)
                softmaxShortRows(x + first * size, std::min(tileWidth, outer - first), size,
                                 logarithm, out + first * size);
        });
        return;
    }
    if (inner != 1) {
        overColumnTiles(outer, size, inner, [&](std::int64_t first, std::int64_t width) {
            softmaxTile(x + first, size, inner, width, logarithm, out + first);
        });
        return;
    }
    parallelFor(outer, rowGrain(size), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r)
            softmaxRow(x + r * size, static_cast<std::size_t>(size), logarithm, out + r * size);
    });
}

void softmaxBackward(const float* y, const float* dy, std::int64_t outer, std::int64_t size,
                     std::int64_t inner, bool logarithm, float* dx)
{
    if (inner != 1) {
        overColumnTiles(outer, size, inner, [&](std::int64_t first, std::int64_t width) {
            softmaxTileBackward(y + first, dy + first, size, inner, width, logarithm, dx + first);
        });
        return;
    }
    const auto count = static_cast<std::size_t>(size);
    parallelFor(outer, rowGrain(size), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const float* result = y + r * size;
            const float* pull = dy + r * size;
            float* to = dx + r * size;
            const float sum = laneSum(
                count, [&](std::size_t i) { return logarithm ? pull[i] : result[i] * pull[i]; });
            GRADUS_ELEMENTWISE
            for (std::size_t i = 0; i < count; ++i)
                to[i] = logarithm ? pull[i] - exponentialOf(result[i]) * sum
                                  : result[i] * (pull[i] - sum);
        }
    });
}

} // namespace gradus::kernel
