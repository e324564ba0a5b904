// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/depthwise_rows.h"

#include <cassert>
#include <cstddef>

#if defined(__AVX512F__)
#    include <immintrin.h>
#endif

namespace gradus::kernel {

#if defined(__AVX512F__)

namespace {

constexpr std::int64_t width = 16; ///< outputs of a strip

/// The lanes of sixteen pixels from `start` on that lie in a row of so many.
__mmask16 insideOf(std::int64_t start, std::int64_t pixels)
{
    const std::int64_t low = start < 0 ? -start : 0;
    const std::int64_t high = pixels - start;
    if (low >= width || high <= low)
        return 0;
    const unsigned below = high >= width ? 0xffffU : (1U << high) - 1U;
    return static_cast<__mmask16>(below & (0xffffU << low));
}

/// Where the pixels lie that sixteen outputs of a row see, and which of them there are.
template <std::size_t kernel, std::size_t stride>
class Window
{
public:
    Window(std::int64_t start, std::int64_t pixels)
        : m_start(start)
    {
        for (std::size_t i = 0; i < loads; ++i)
            m_inside[i] = insideOf(start + offset(i), pixels);
    }

    /// x[v]: what tap v of each output sees in this row.
    [[gnu::always_inline]] void read(const float* row, __m512 (&x)[kernel]) const
    {
        const float* from = row + m_start;
        if constexpr (stride == 1) {
#    pragma GCC unroll 8
            for (std::size_t v = 0; v < kernel; ++v)
                x[v] = _mm512_maskz_loadu_ps(m_inside[v], from + v);
        } else {
            const __m512i even =
                _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
#    pragma GCC unroll 8
            for (std::size_t v = 0; v < kernel; v += 2) {
                const __m512 a = _mm512_maskz_loadu_ps(m_inside[v], from + offset(v));
                const __m512 b = _mm512_maskz_loadu_ps(m_inside[v + 1], from + offset(v + 1));
                x[v] = _mm512_permutex2var_ps(a, even, b);
                if (v + 1 < kernel)
                    x[v + 1] = _mm512_permutex2var_ps(a, odd, b);
            }
        }
    }

private:
    static constexpr std::size_t loads = stride == 1 ? kernel : (kernel + 1) / 2 * 2;
    /// With a stride of two a pair of vectors holds the pixels of two taps.
    static constexpr std::int64_t offset(std::size_t i)
    {
        const auto at = static_cast<std::int64_t>(i);
        return stride == 1 ? at : at / 2 * 2 + at % 2 * width;
    }
    std::int64_t m_start;
    __mmask16 m_inside[loads];
};

[[gnu::always_inline]] inline __m512 finished(__m512 sums, const TapFinish& finish)
{
    if (finish.scale)
        sums = _mm512_fmadd_ps(sums, _mm512_set1_ps(*finish.scale), _mm512_set1_ps(*finish.shift));
    if (finish.isBounded) {
        const __m512 low = _mm512_set1_ps(finish.low);
        const __m512 high = _mm512_set1_ps(finish.high);
        sums = sums < low ? low : sums;
        sums = sums > high ? high : sums;
    }
    return sums;
}

/// Sixteen columns of outputs from `column` on, from top to bottom. Input rows pass by once: the
/// sums of all outputs that see one wait in registers.
template <std::size_t kernel, std::size_t stride>
void strip(const ConvolutionSize& size, const DepthwiseRows& task, std::int64_t column)
{
    constexpr std::size_t last =
        (kernel - 1) / stride; ///< output rows begun since the one complete now
    const Window<kernel, stride> window(
        column * static_cast<std::int64_t>(stride) - size.geometry.padding[1], size.width);
    const std::int64_t left = size.outWidth - column;
    const auto stored = static_cast<__mmask16>(left >= width ? 0xffffU : (1U << left) - 1U);
    __m512 weights[kernel * kernel];
#    pragma GCC unroll 32
    for (std::size_t i = 0; i < kernel * kernel; ++i)
        weights[i] = _mm512_set1_ps(task.weights[i]);
    const __m512 initial = _mm512_set1_ps(task.initial);
    const TapFinish finish = task.finish; // stores cannot change it
    __m512 sums[last + 1];
    for (__m512& sum : sums)
        sum = initial;
    float* to = task.out + task.firstRow * size.outWidth + column;
    std::int64_t y = task.firstRow * static_cast<std::int64_t>(stride) - size.geometry.padding[0];
    for (std::int64_t i = -static_cast<std::int64_t>(last); i < task.rows; ++i) {
#    pragma GCC unroll 8
        for (std::size_t a = last; a > 0; --a)
            sums[a] = sums[a - 1];
        sums[0] = initial;
#    pragma GCC unroll 2
        for (std::size_t phase = 0; phase < stride; ++phase, ++y) {
            if (y >= 0 && y < size.height) {
                __m512 x[kernel];
                window.read(task.image + y * size.width, x);
#    pragma GCC unroll 8
                for (std::size_t a = 0; a <= last; ++a)
#    pragma GCC unroll 8
                    for (std::size_t v = 0; v < kernel; ++v)
                        if (phase + stride * a < kernel)
                            sums[a] = _mm512_fmadd_ps(weights[(phase + stride * a) * kernel + v],
                                                      x[v], sums[a]);
            }
            if (phase == (kernel - 1) % stride && i >= 0) {
                _mm512_mask_storeu_ps(to, stored, finished(sums[last], finish));
                to += size.outWidth;
            }
        }
    }
}

template <std::size_t kernel, std::size_t stride>
void strips(const ConvolutionSize& size, const DepthwiseRows& task)
{
    for (std::int64_t column = 0; column < size.outWidth; column += width)
        strip<kernel, stride>(size, task, column);
}

} // namespace

bool hasDepthwiseRows(const ConvolutionSize& size)
{
    const ConvolutionGeometry& g = size.geometry;
    return (g.kernel[0] == 3 || g.kernel[0] == 5) && g.kernel[0] == g.kernel[1] &&
           (g.stride[0] == 1 || g.stride[0] == 2) && g.stride[0] == g.stride[1] &&
           g.dilation[0] == 1 && g.dilation[1] == 1;
}

void depthwiseRows(const ConvolutionSize& size, const DepthwiseRows& task)
{
    assert(hasDepthwiseRows(size));
    const bool isThree = size.geometry.kernel[0] == 3;
    if (size.geometry.stride[0] == 1)
        return isThree ? strips<3, 1>(size, task) : strips<5, 1>(size, task);
    return isThree ? strips<3, 2>(size, task) : strips<5, 2>(size, task);
}

#else

bool hasDepthwiseRows(const ConvolutionSize&)
{
    return false;
}

void depthwiseRows(const ConvolutionSize&, const DepthwiseRows&)
{
    assert(false);
}

#endif

} // namespace gradus::kernel
