// SPDX-License-Identifier: GPL-3.0-or-later
// Convolutions of real networks, forward and backward, beside the sgemm ceiling measured in the
// same process. What each computes is checked first, against plain loops in double on some of its
// outputs.
#include "core/base/random.h"
#include "core/graph/convolution_kernels.h"
#include "tests/bench/ceilings.h"
#include "tests/support/quant_oracles.h"

#include <cmath>
#include <string>

using namespace gradus;
using namespace gradus::bench;

namespace {

struct Shapes
{
    const char* name;
    std::int64_t images;
    std::int64_t channels;
    std::int64_t size;
    std::int64_t outs;
    std::int64_t kernel;
    std::int64_t stride;
    std::int64_t padding;
    std::int64_t groups;
};

constexpr Shapes layers[]{
    {"mobilenet first, 3 x 3 / 2", 8, 3, 224, 8, 3, 2, 1, 1},
    {"mobilenet depthwise 112", 8, 8, 112, 8, 3, 1, 1, 8},
    {"mobilenet pointwise 8-16 at 112", 8, 8, 112, 16, 1, 1, 0, 1},
    {"mobilenet depthwise 112 / 2", 8, 16, 112, 16, 3, 2, 1, 16},
    {"mobilenet pointwise 32-32 at 56", 8, 32, 56, 32, 1, 1, 0, 1},
    {"mobilenet depthwise 14", 8, 128, 14, 128, 3, 1, 1, 128},
    {"mobilenet pointwise 128-128 at 14", 8, 128, 14, 128, 1, 1, 0, 1},
    {"mobilenet pointwise 256-256 at 7", 8, 256, 7, 256, 1, 1, 0, 1},
    {"resnet-8 first", 16, 3, 32, 16, 3, 1, 1, 1},
    {"resnet-8 16-16 at 32", 16, 16, 32, 16, 3, 1, 1, 1},
    {"resnet-8 32-64 at 16 / 2", 16, 32, 16, 64, 3, 2, 1, 1},
    {"resnet-8 64-64 at 8", 16, 64, 8, 64, 3, 1, 1, 1},
    {"resnet 64-64 at 56", 4, 64, 56, 64, 3, 1, 1, 1},
    {"resnet 512-512 at 7", 4, 512, 7, 512, 3, 1, 1, 1},
    {"vit patches 16 x 16 / 16", 8, 3, 224, 192, 16, 16, 0, 1},
};

struct Problem
{
    kernel::ConvolutionSize size;
    Tensor weight;
    Tensor x;
    Tensor y;
    Tensor dx;
    Tensor dweight;

    explicit Problem(const Shapes& s)
    {
        size.geometry.channels = s.channels;
        size.geometry.kernel = {s.kernel, s.kernel};
        size.geometry.stride = {s.stride, s.stride};
        size.geometry.padding = {s.padding, s.padding, s.padding, s.padding};
        size.geometry.groups = s.groups;
        size.outChannels = s.outs;
        size.images = s.images;
        size.height = size.width = s.size;
        const auto out = size.geometry.output(s.size, s.size);
        size.outHeight = out[0];
        size.outWidth = out[1];
        weight = test::randomMatrix(s.outs, size.geometry.features(), 1, 1);
        x = test::randomMatrix(s.images * s.channels, size.pixels(), 1, 2);
        y = test::randomMatrix(s.images * s.outs, size.outPixels(), 1, 3);
        dx = Tensor::zeros(DType::F32, x.shape());
        dweight = Tensor::zeros(DType::F32, weight.shape());
    }
    double operations() const
    {
        return 2.0 * static_cast<double>(size.images * size.outPixels() * weight.count());
    }
    void forward()
    {
        kernel::convolve(size, std::as_const(weight).matrix(), {}, std::as_const(x).floats(),
                         y.floats(), Monitor());
    }
    void backward()
    {
        kernel::convolveTransposed(size, std::as_const(weight).matrix(), {},
                                   std::as_const(y).floats(), dx.floats(), false, Monitor());
    }
    void weightGradient()
    {
        kernel::convolutionWeightGradient(size, std::as_const(x).floats(),
                                          std::as_const(y).floats(), dweight.matrix(), Monitor());
    }
};

double expectedAt(const Problem& p, std::int64_t image, std::int64_t out, std::int64_t row,
                  std::int64_t col)
{
    const ConvolutionGeometry& g = p.size.geometry;
    const std::int64_t depth = p.size.channelsPerGroup();
    const auto weights = p.weight.matrix().row(out);
    double sum = 0;
    std::size_t f = 0;
    for (std::int64_t c = 0; c < depth; ++c) {
        const std::int64_t channel = out / p.size.outPerGroup() * depth + c;
        const auto plane = p.x.matrix().row(image * g.channels + channel);
        for (std::int64_t u = 0; u < g.kernel[0]; ++u)
            for (std::int64_t v = 0; v < g.kernel[1]; ++v, ++f) {
                const std::int64_t i = row * g.stride[0] + u - g.padding[0];
                const std::int64_t j = col * g.stride[1] + v - g.padding[1];
                if (i >= 0 && i < p.size.height && j >= 0 && j < p.size.width)
                    sum +=
                        static_cast<double>(weights[f]) *
                        static_cast<double>(plane[static_cast<std::size_t>(i * p.size.width + j)]);
            }
    }
    return sum;
}

double dot(const Tensor& a, const Tensor& b)
{
    double sum = 0;
    for (std::size_t i = 0; i < a.floats().size(); ++i)
        sum += static_cast<double>(a.floats()[i]) * static_cast<double>(b.floats()[i]);
    return sum;
}

/// Some outputs by their definition; the gradients as transposes: <y, y> = <dx, x> = <dw, w> for
/// dy = y.
bool isRight(Problem& p)
{
    p.forward();
    RandomStream random(5, "bench", "outputs");
    const auto below = [&](std::int64_t n) {
        return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(n)));
    };
    const double tolerance = 1e-4 * std::sqrt(static_cast<double>(p.size.geometry.features()));
    for (int i = 0; i < 500; ++i) {
        const std::int64_t image = below(p.size.images);
        const std::int64_t out = below(p.size.outChannels);
        const std::int64_t row = below(p.size.outHeight);
        const std::int64_t col = below(p.size.outWidth);
        const double actual = static_cast<double>(std::as_const(p.y).matrix().row(
            image * p.size.outChannels +
            out)[static_cast<std::size_t>(row * p.size.outWidth + col)]);
        if (!(std::fabs(actual - expectedAt(p, image, out, row, col)) <= tolerance))
            return false;
    }
    p.backward();
    p.weightGradient();
    const double all = dot(p.y, p.y);
    return std::fabs(dot(p.dx, p.x) - all) <= 1e-4 * all &&
           std::fabs(dot(p.dweight, p.weight) - all) <= 1e-4 * all;
}

template <class Work>
void measure(benchmark::State& state, const Work& work)
{
    const Shapes& shapes = layers[static_cast<std::size_t>(state.range(0))];
    Problem problem(shapes);
    if (!isRight(problem))
        return state.SkipWithError("the convolution differs from its definition");
    SgemmCeiling ceiling;
    compare(state, shapes.name, ceiling, problem.operations(), [&] { work(problem); });
    state.counters["gflops"] =
        benchmark::Counter(problem.operations() * 1e-9 * static_cast<double>(state.iterations()),
                           benchmark::Counter::kIsRate);
    // What has to be read and written at least.
    state.counters["gbytes"] = benchmark::Counter(
        4e-9 * static_cast<double>(problem.x.count() + problem.y.count() + problem.weight.count()) *
            static_cast<double>(state.iterations()),
        benchmark::Counter::kIsRate);
}

void forward(benchmark::State& state)
{
    measure(state, [](Problem& p) { p.forward(); });
}
void inputGradient(benchmark::State& state)
{
    measure(state, [](Problem& p) { p.backward(); });
}
void weightGradient(benchmark::State& state)
{
    measure(state, [](Problem& p) { p.weightGradient(); });
}

constexpr auto last = static_cast<std::int64_t>(std::size(layers)) - 1;
BENCHMARK(forward)->DenseRange(0, last)->UseManualTime()->Iterations(9)->Unit(
    benchmark::kMicrosecond);
BENCHMARK(inputGradient)
    ->DenseRange(0, last)
    ->UseManualTime()
    ->Iterations(5)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(weightGradient)
    ->DenseRange(0, last)
    ->UseManualTime()
    ->Iterations(5)
    ->Unit(benchmark::kMicrosecond);

} // namespace
