// SPDX-License-Identifier: GPL-3.0-or-later
//
// Small Keras networks against plain forward passes in double, channels last as Keras defines them.
#include "core/base/error.h"
#include "core/graph/executor.h"
#include "core/graph/model.h"
#include "tests/support/support.h"
#include "tests/support/tiny_keras.h"

#include <QTest>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

/// libhdf5 leaks in its own error paths.
extern "C" const char* __lsan_default_suppressions()
{
    return "leak:libhdf5";
}

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

/// One image, channels last.
struct Plane
{
    std::int64_t h = 1;
    std::int64_t w = 1;
    std::int64_t c = 1;
    std::vector<double> v;
    Plane(std::int64_t height, std::int64_t width, std::int64_t channels)
        : h(height)
        , w(width)
        , c(channels)
        , v(static_cast<std::size_t>(h * w * c), 0.0)
    {
    }
    double& at(std::int64_t y, std::int64_t x, std::int64_t k)
    {
        return v[static_cast<std::size_t>((y * w + x) * c + k)];
    }
    double at(std::int64_t y, std::int64_t x, std::int64_t k) const
    {
        return v[static_cast<std::size_t>((y * w + x) * c + k)];
    }
};

Plane image(std::int64_t h, std::int64_t w, std::int64_t c)
{
    Plane plane(h, w, c);
    for (std::size_t i = 0; i < plane.v.size(); ++i)
        plane.v[i] = static_cast<float>(2 * std::sin(0.9 * static_cast<double>(i) + 0.3));
    return plane;
}

Plane mapped(Plane plane, const std::function<double(double)>& f)
{
    for (double& value : plane.v)
        value = f(value);
    return plane;
}

/// TensorFlow's "same": what is missing, the odd one at the end.
std::int64_t before(std::int64_t in, std::int64_t kernel, std::int64_t stride, bool same)
{
    const std::int64_t out = (in + stride - 1) / stride;
    return same ? std::max<std::int64_t>(0, (out - 1) * stride + kernel - in) / 2 : 0;
}
std::int64_t sizeAfter(std::int64_t in, std::int64_t kernel, std::int64_t stride, bool same)
{
    return same ? (in + stride - 1) / stride : (in - kernel) / stride + 1;
}

/// Visits every tap that lies in the image.
template <class Tap>
void taps(const Plane& from, const Plane& to, std::int64_t kh, std::int64_t kw, std::int64_t stride,
          bool same, const Tap& tap)
{
    const std::int64_t top = before(from.h, kh, stride, same);
    const std::int64_t left = before(from.w, kw, stride, same);
    for (std::int64_t y = 0; y < to.h; ++y)
        for (std::int64_t x = 0; x < to.w; ++x)
            for (std::int64_t i = 0; i < kh; ++i)
                for (std::int64_t j = 0; j < kw; ++j) {
                    const std::int64_t fy = y * stride + i - top;
                    const std::int64_t fx = x * stride + j - left;
                    if (fy >= 0 && fy < from.h && fx >= 0 && fx < from.w)
                        tap(y, x, i, j, fy, fx);
                }
}

Plane emptyAfter(const Plane& from, std::int64_t kh, std::int64_t kw, std::int64_t stride,
                 bool same, std::int64_t channels)
{
    return {sizeAfter(from.h, kh, stride, same), sizeAfter(from.w, kw, stride, same), channels};
}

double element(const TinyKeras::Weight& weight, std::int64_t i)
{
    return static_cast<double>(weight.values[static_cast<std::size_t>(i)]);
}

/// kernel: kh × kw × in × out.
Plane convolved(const Plane& from, const TinyKeras::Weight& kernel, const TinyKeras::Weight* bias,
                std::int64_t stride, bool same)
{
    const auto kh = static_cast<std::int64_t>(kernel.dims[0]);
    const auto kw = static_cast<std::int64_t>(kernel.dims[1]);
    const auto out = static_cast<std::int64_t>(kernel.dims[3]);
    Plane to = emptyAfter(from, kh, kw, stride, same, out);
    taps(from, to, kh, kw, stride, same, [&](auto y, auto x, auto i, auto j, auto fy, auto fx) {
        for (std::int64_t k = 0; k < from.c; ++k)
            for (std::int64_t o = 0; o < out; ++o)
                to.at(y, x, o) +=
                    from.at(fy, fx, k) * element(kernel, ((i * kw + j) * from.c + k) * out + o);
    });
    for (std::size_t i = 0; bias && i < to.v.size(); ++i)
        to.v[i] += element(*bias, static_cast<std::int64_t>(i) % out);
    return to;
}

/// kernel: kh × kw × in × multiplier; channel k gives k · multiplier and those behind it.
Plane depthwise(const Plane& from, const TinyKeras::Weight& kernel, std::int64_t stride, bool same)
{
    const auto kh = static_cast<std::int64_t>(kernel.dims[0]);
    const auto kw = static_cast<std::int64_t>(kernel.dims[1]);
    const auto multiplier = static_cast<std::int64_t>(kernel.dims[3]);
    Plane to = emptyAfter(from, kh, kw, stride, same, from.c * multiplier);
    taps(from, to, kh, kw, stride, same, [&](auto y, auto x, auto i, auto j, auto fy, auto fx) {
        for (std::int64_t k = 0; k < from.c; ++k)
            for (std::int64_t m = 0; m < multiplier; ++m)
                to.at(y, x, k * multiplier + m) +=
                    from.at(fy, fx, k) *
                    element(kernel, ((i * kw + j) * from.c + k) * multiplier + m);
    });
    return to;
}

Plane pooled(const Plane& from, std::int64_t size, std::int64_t stride, bool same, bool maximum)
{
    Plane to = emptyAfter(from, size, size, stride, same, from.c);
    for (double& value : to.v)
        value = maximum ? -INFINITY : 0;
    std::vector<double> counts(to.v.size(), 0);
    taps(from, to, size, size, stride, same, [&](auto y, auto x, auto, auto, auto fy, auto fx) {
        for (std::int64_t k = 0; k < from.c; ++k) {
            double& value = to.at(y, x, k);
            value = maximum ? std::max(value, from.at(fy, fx, k)) : value + from.at(fy, fx, k);
            counts[static_cast<std::size_t>((y * to.w + x) * to.c + k)] += 1;
        }
    });
    for (std::size_t i = 0; !maximum && i < to.v.size(); ++i)
        to.v[i] /= counts[i];
    return to;
}

/// kernel: in × out, over the channels.
Plane dense(const Plane& from, const TinyKeras::Weight& kernel, const TinyKeras::Weight& bias)
{
    const auto out = static_cast<std::int64_t>(kernel.dims[1]);
    Plane to(from.h, from.w, out);
    for (std::int64_t p = 0; p < from.h * from.w; ++p)
        for (std::int64_t o = 0; o < out; ++o) {
            double sum = element(bias, o);
            for (std::int64_t k = 0; k < from.c; ++k)
                sum +=
                    from.v[static_cast<std::size_t>(p * from.c + k)] * element(kernel, k * out + o);
            to.v[static_cast<std::size_t>(p * out + o)] = sum;
        }
    return to;
}

/// Each input adds its kernel (kh × kw × out × in) to the output, `cut` pixels of which are left
/// out in front.
Plane transposed(const Plane& from, const TinyKeras::Weight& kernel, const TinyKeras::Weight& bias,
                 std::int64_t stride, std::array<std::int64_t, 2> cut,
                 std::array<std::int64_t, 2> size)
{
    const auto kh = static_cast<std::int64_t>(kernel.dims[0]);
    const auto kw = static_cast<std::int64_t>(kernel.dims[1]);
    const auto out = static_cast<std::int64_t>(kernel.dims[2]);
    Plane to(size[0], size[1], out);
    for (std::size_t i = 0; i < to.v.size(); ++i)
        to.v[i] = element(bias, static_cast<std::int64_t>(i) % out);
    for (std::int64_t y = 0; y < from.h; ++y)
        for (std::int64_t x = 0; x < from.w; ++x)
            for (std::int64_t i = 0; i < kh * kw * out * from.c; ++i) {
                const std::int64_t c = i % from.c;
                const std::int64_t o = i / from.c % out;
                const std::int64_t ty = y * stride + i / from.c / out / kw - cut[0];
                const std::int64_t tx = x * stride + i / from.c / out % kw - cut[1];
                if (ty >= 0 && ty < to.h && tx >= 0 && tx < to.w)
                    to.at(ty, tx, o) += element(kernel, i) * from.at(y, x, c);
            }
    return to;
}

Plane flattened(Plane plane)
{
    plane.c = plane.h * plane.w * plane.c;
    plane.h = plane.w = 1;
    return plane;
}

Plane softmax(Plane plane)
{
    double sum = 0;
    for (double& value : plane.v)
        sum += value = std::exp(value);
    for (double& value : plane.v)
        value /= sum;
    return plane;
}

Tensor runOn(const std::shared_ptr<const Model>& model, const Plane& input, Shape shape)
{
    const Weights weights(model, 1 << 24);
    Tensor tensor(std::move(shape));
    std::transform(input.v.begin(), input.v.end(), tensor.floats().begin(),
                   [](double value) { return static_cast<float>(value); });
    std::vector<Tensor> inputs;
    inputs.push_back(std::move(tensor));
    return std::move(Executor(*model, weights).run(std::move(inputs), Monitor()).front());
}

/// The model gives these numbers for this image.
void compareRun(const std::shared_ptr<const Model>& model, const Plane& input,
                const Plane& expected)
{
    QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
    const Tensor found = runOn(model, input, {1, input.h, input.w, input.c});
    QVERIFY(allClose(found.floats(), std::span<const double>(expected.v), 1e-5, 1e-5));
    // Channels are last again in what a person gets.
    if (found.shape().size() == 4)
        QCOMPARE(found.shape(), (Shape{1, expected.h, expected.w, expected.c}));
    const Shape& promised = model->graph.outputs.front().shape;
    QCOMPARE(promised.size(), found.shape().size());
    for (std::size_t i = 1; i < promised.size(); ++i)
        QVERIFY(promised[i] == -1 || promised[i] == found.shape()[i]);
}

std::shared_ptr<const Model> modelOf(const TinyKeras& net)
{
    TemporaryFolder folder;
    net.writeH5(folder / "m.h5");
    return openModel(folder / "m.h5"); // the mapping outlives the name
}

using W = TinyKeras;

/// A network of most layers, and what it should give.
struct Zoo
{
    W::Weight conv = W::weight("kernel", {3, 3, 3, 4}, 0.1);
    W::Weight bias = W::weight("bias", {4}, 0.7);
    W::Weight beta = W::weight("beta", {4}, 1.1);
    W::Weight mean = W::weight("moving_mean", {4}, 1.3);
    W::Weight variance = W::weight("moving_variance", {4}, 1.9, 1.0);
    W::Weight depth = W::weight("depthwise_kernel", {3, 2, 4, 2}, 2.3);
    W::Weight separate = W::weight("depthwise_kernel", {2, 2, 8, 1}, 2.9);
    W::Weight point = W::weight("pointwise_kernel", {1, 1, 8, 6}, 3.1);
    W::Weight head = W::weight("kernel", {36, 5}, 3.7);
    W::Weight headBias = W::weight("bias", {5}, 4.1);

    TinyKeras net{{9, 8, 3}};
    Zoo()
    {
        net.add("conv", "Conv2D",
                {{"kernel_size", {3, 3}},
                 {"strides", {2, 2}},
                 {"padding", "same"},
                 {"activation", "tanh"},
                 {"filters", 4}},
                {conv, bias});
        net.add("bn", "BatchNormalization", {{"axis", {3}}, {"scale", false}, {"epsilon", 1e-3}},
                {beta, mean, variance});
        net.add("depth", "DepthwiseConv2D",
                {{"kernel_size", {3, 2}},
                 {"padding", "valid"},
                 {"use_bias", false},
                 {"depth_multiplier", 2}},
                {depth});
        net.add("relu", "ReLU", {{"max_value", 0.8}, {"negative_slope", 0.1}, {"threshold", 0.2}});
        net.add("separate", "SeparableConv2D",
                {{"kernel_size", {2, 2}}, {"padding", "same"}, {"use_bias", false}},
                {separate, point});
        net.add("drop", "Dropout", {{"rate", 0.5}});
        net.add("most", "MaxPooling2D",
                {{"pool_size", {2, 2}}, {"strides", {1, 1}}, {"padding", "same"}}, {}, {"drop"});
        net.add("mean", "AveragePooling2D",
                {{"pool_size", {2, 2}}, {"strides", {1, 1}}, {"padding", "same"}}, {}, {"drop"});
        net.add("both", "Concatenate", {{"axis", -1}}, {}, {"most", "mean"});
        net.add("crop", "Cropping2D", {{"cropping", {{1, 1}, {0, 0}}}});
        net.add("flat", "Flatten");
        net.add("head", "Dense", {{"units", 5}, {"activation", "softmax"}}, {head, headBias});
    }
    static Plane rectified(const Plane& plane)
    {
        return mapped(plane, [](double x) {
            return x >= 0.8 ? 0.8 : x >= 0.2 ? x : 0.1 * (x - 0.2);
        });
    }
    [[nodiscard]] Plane expected(const Plane& input) const
    {
        Plane at = convolved(input, conv, &bias, 2, true); // 5 × 4 × 4
        for (std::size_t i = 0; i < at.v.size(); ++i) {
            const auto k = static_cast<std::int64_t>(i) % 4;
            at.v[i] =
                (std::tanh(at.v[i]) - element(mean, k)) / std::sqrt(element(variance, k) + 1e-3) +
                element(beta, k);
        }
        at = rectified(depthwise(at, depth, 1, false)); // 3 × 3 × 8
        at = convolved(depthwise(at, separate, 1, true), point, nullptr, 1, false);
        const Plane most = pooled(at, 2, 1, true, true);
        const Plane mean2 = pooled(at, 2, 1, true, false);
        Plane both(1, 3, 12); // the row in the middle
        for (std::int64_t x = 0; x < 3; ++x)
            for (std::int64_t k = 0; k < 12; ++k)
                both.at(0, x, k) = k < 6 ? most.at(1, x, k) : mean2.at(1, x, k - 6);
        return softmax(dense(flattened(both), head, headBias));
    }
};

/// A layer of 4 × 5 × 3 by its definition.
struct OneLayer
{
    const char* kind;
    const char* config;
    std::function<Plane(const Plane&)> expected;
    std::vector<W::Weight> weights;
};

std::vector<OneLayer>& oneLayers()
{
    static std::vector<OneLayer> layers = [] {
        std::vector<OneLayer> made;
        const auto activation = [&](const char* config, std::function<double(double)> f) {
            made.push_back({"Activation",
                            config,
                            [f = std::move(f)](const Plane& x) { return mapped(x, f); },
                            {}});
        };
        const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
        activation(R"({"activation": "linear"})", [](double x) { return x; });
        activation(R"({"activation": "relu"})", [](double x) { return std::max(x, 0.0); });
        activation(R"({"activation": "relu6"})", [](double x) { return std::clamp(x, 0.0, 6.0); });
        activation(R"({"activation": "sigmoid"})", sigmoid);
        activation(R"({"activation": "hard_sigmoid"})",
                   [](double x) { return std::clamp(0.2 * x + 0.5, 0.0, 1.0); });
        activation(R"({"activation": "swish"})", [=](double x) { return x * sigmoid(x); });
        activation(R"({"activation": "gelu"})",
                   [](double x) { return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0))); });
        activation(R"({"activation": "softplus"})",
                   [](double x) { return std::log1p(std::exp(x)); });
        activation(R"({"activation": "selu"})", [](double x) {
            return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * std::expm1(x));
        });
        activation(R"({"activation": {"class_name": "LeakyReLU", "config": {"alpha": 0.25}}})",
                   [](double x) { return x > 0 ? x : 0.25 * x; });
        made.push_back({"ELU",
                        R"({"alpha": 0.5})",
                        [](const Plane& x) {
                            return mapped(x,
                                          [](double v) { return v > 0 ? v : 0.5 * std::expm1(v); });
                        },
                        {}});
        made.push_back(
            {"LeakyReLU",
             "{}",
             [](const Plane& x) { return mapped(x, [](double v) { return v > 0 ? v : 0.3 * v; }); },
             {}});
        const W::Weight alpha = W::weight("alpha", {1, 1, 3}, 0.5);
        made.push_back({"PReLU",
                        R"({"shared_axes": [1, 2]})",
                        [alpha](Plane x) {
                            for (std::size_t i = 0; i < x.v.size(); ++i)
                                x.v[i] *= x.v[i] > 0
                                              ? 1
                                              : element(alpha, static_cast<std::int64_t>(i % 3));
                            return x;
                        },
                        {alpha}});
        made.push_back(
            {"Softmax",
             "{}",
             [](Plane x) {
                 for (std::size_t p = 0; p < x.v.size(); p += 3) {
                     Plane one(1, 1, 3);
                     std::copy_n(x.v.begin() + static_cast<std::ptrdiff_t>(p), 3, one.v.begin());
                     one = softmax(one);
                     std::copy_n(one.v.begin(), 3, x.v.begin() + static_cast<std::ptrdiff_t>(p));
                 }
                 return x;
             },
             {}});
        made.push_back({"ZeroPadding2D",
                        R"({"padding": [[1, 2], [0, 3]]})",
                        [](const Plane& x) {
                            Plane y(x.h + 3, x.w + 3, x.c);
                            for (std::int64_t i = 0; i < x.h; ++i)
                                for (std::int64_t j = 0; j < x.w; ++j)
                                    for (std::int64_t k = 0; k < x.c; ++k)
                                        y.at(i + 1, j, k) = x.at(i, j, k);
                            return y;
                        },
                        {}});
        made.push_back({"UpSampling2D",
                        R"({"size": [2, 3]})",
                        [](const Plane& x) {
                            Plane y(x.h * 2, x.w * 3, x.c);
                            for (std::int64_t i = 0; i < y.h; ++i)
                                for (std::int64_t j = 0; j < y.w; ++j)
                                    for (std::int64_t k = 0; k < x.c; ++k)
                                        y.at(i, j, k) = x.at(i / 2, j / 3, k);
                            return y;
                        },
                        {}});
        for (const bool maximum : {false, true})
            for (const bool keeps : {false, true})
                made.push_back({maximum ? "GlobalMaxPooling2D" : "GlobalAveragePooling2D",
                                keeps ? R"({"keepdims": true})" : "{}",
                                [maximum](const Plane& x) {
                                    Plane y(1, 1, x.c);
                                    for (std::int64_t k = 0; k < x.c; ++k) {
                                        double sum = maximum ? -INFINITY : 0;
                                        for (std::int64_t p = 0; p < x.h * x.w; ++p) {
                                            const double v = x.at(p / x.w, p % x.w, k);
                                            sum = maximum ? std::max(sum, v)
                                                          : sum + v / double(x.h * x.w);
                                        }
                                        y.at(0, 0, k) = sum;
                                    }
                                    return y;
                                },
                                {}});
        made.push_back({"Flatten", "{}", [](const Plane& x) { return flattened(x); }, {}});
        made.push_back({"Reshape",
                        R"({"target_shape": [5, -1, 2]})",
                        [](const Plane& x) {
                            Plane y(5, 6, 2);
                            y.v = x.v;
                            return y;
                        },
                        {}});
        made.push_back({"Permute",
                        R"({"dims": [3, 1, 2]})",
                        [](const Plane& x) {
                            Plane y(x.c, x.h, x.w);
                            for (std::int64_t i = 0; i < x.h; ++i)
                                for (std::int64_t j = 0; j < x.w; ++j)
                                    for (std::int64_t k = 0; k < x.c; ++k)
                                        y.at(k, i, j) = x.at(i, j, k);
                            return y;
                        },
                        {}});
        made.push_back({"Rescaling",
                        R"({"scale": [2, 3, 4], "offset": -1})",
                        [](Plane x) {
                            for (std::size_t i = 0; i < x.v.size(); ++i)
                                x.v[i] = x.v[i] * (2 + double(i % 3)) - 1;
                            return x;
                        },
                        {}});
        const W::Weight mean = W::weight("mean", {3}, 0.5);
        const W::Weight variance = W::weight("variance", {3}, 0.5, 1);
        made.push_back({"Normalization",
                        R"({"axis": [-1]})",
                        [mean, variance](Plane x) {
                            for (std::size_t i = 0; i < x.v.size(); ++i) {
                                const auto k = static_cast<std::int64_t>(i % 3);
                                x.v[i] =
                                    (x.v[i] - element(mean, k)) / std::sqrt(element(variance, k));
                            }
                            return x;
                        },
                        {mean, variance}});
        // Two inputs, one unit: a kernel whose order its shape does not show.
        const W::Weight column = W::weight("kernel", {3, 1}, 0.8);
        const W::Weight one = W::weight("bias", {1}, 0.9);
        made.push_back({"Dense",
                        "{}",
                        [column, one](const Plane& x) { return dense(x, column, one); },
                        {column, one}});
        const W::Weight firstConv = W::weight("kernel", {2, 2, 4, 3}, 0.8);
        made.push_back({"Conv2D",
                        R"({"data_format": "channels_first", "use_bias": false})",
                        [firstConv](const Plane& x) {
                            // 4 channels of 5 × 3 pixels, as Keras then reads the same numbers.
                            Plane turned(x.w, x.c, x.h);
                            for (std::int64_t i = 0; i < x.h; ++i)
                                for (std::int64_t j = 0; j < x.w; ++j)
                                    for (std::int64_t k = 0; k < x.c; ++k)
                                        turned.at(j, k, i) = x.at(i, j, k);
                            const Plane result = convolved(turned, firstConv, nullptr, 1, false);
                            Plane back(result.c, result.h, result.w);
                            for (std::int64_t i = 0; i < result.h; ++i)
                                for (std::int64_t j = 0; j < result.w; ++j)
                                    for (std::int64_t k = 0; k < result.c; ++k)
                                        back.at(k, i, j) = result.at(i, j, k);
                            return back;
                        },
                        {firstConv}});
        // Of 4 × 5 × 3; lengths by Keras's documentation of Conv2DTranspose.
        const auto upwards = [&](const char* config, std::int64_t stride,
                                 std::array<std::int64_t, 2> cut, std::array<std::int64_t, 2> size,
                                 hsize_t kernelHeight = 3) {
            const W::Weight kernel = W::weight("kernel", {kernelHeight, 2, 4, 3}, 0.3);
            const W::Weight bias = W::weight("bias", {4}, 0.6);
            made.push_back(
                {"Conv2DTranspose",
                 config,
                 [=](const Plane& x) { return transposed(x, kernel, bias, stride, cut, size); },
                 {kernel, bias}});
        };
        upwards(R"({"kernel_size": [3, 2], "padding": "valid"})", 1, {0, 0}, {6, 6});
        upwards(R"({"kernel_size": [3, 2], "padding": "same"})", 1, {1, 0}, {4, 5});
        upwards(R"({"kernel_size": [3, 2], "padding": "same", "strides": 2})", 2, {0, 0}, {8, 10});
        upwards(R"({"kernel_size": [5, 2], "padding": "same", "strides": 2})", 2, {1, 0}, {8, 10},
                5);
        upwards(R"({"kernel_size": [3, 2], "padding": "valid", "strides": 4})", 4, {0, 0},
                {16, 20});
        upwards(R"({"kernel_size": [3, 2], "padding": "valid", "strides": 2, "output_padding": 1})",
                2, {0, 0}, {10, 11});
        upwards(R"({"kernel_size": [3, 2], "padding": "same", "strides": 2, "output_padding": 1})",
                2, {0, 0}, {8, 9});
        return made;
    }();
    return layers;
}

} // namespace

class TestKerasBuilder : public QObject
{
    Q_OBJECT

private slots:
    void runsManyLayers()
    {
        const Zoo zoo;
        const auto model = modelOf(zoo.net);
        const Plane input = image(9, 8, 3);
        compareRun(model, input, zoo.expected(input));
        QCOMPARE(model->task, ModelTask::Classification);
        QVERIFY(model->image && !model->image->channelsFirst && model->image->height == 9);
        // As the weights alone are listed: names, order, out × in.
        std::vector<std::string> names;
        for (const Layer& layer : model->layers) {
            names.push_back(layer.name);
            QVERIFY2(layer.node >= 0 && layer.input >= 0, layer.name.c_str());
        }
        QCOMPARE(names, (std::vector<std::string>{"conv", "depth", "separate",
                                                  "separate/pointwise_kernel:0", "head"}));
        QCOMPARE(model->findLayer("depth")->rows, 8);
        QCOMPARE(model->findLayer("depth")->cols, 6);
        QCOMPARE(model->findLayer("conv")->rows, 4);
        QCOMPARE(model->findLayer("head")->cols, 36);
        QVERIFY(!model->blocks.empty());
    }

    void archivesAreTheSameModel()
    {
        const Zoo zoo;
        TemporaryFolder folder;
        zoo.net.writeArchive(folder / "m.keras", {{"conv", "conv2d"},
                                                  {"bn", "batch_normalization"},
                                                  {"depth", "depthwise_conv2d"},
                                                  {"separate", "separable_conv2d"},
                                                  {"head", "dense"}});
        const auto model = openModel(folder / "m.keras");
        const Plane input = image(9, 8, 3);
        compareRun(model, input, zoo.expected(input));
        QVERIFY(model->source.tensors->find("conv/kernel"));
        QVERIFY(model->source.tensors->find("bn/moving_variance"));
    }

    void badArchives_data()
    {
        QTest::addColumn<QString>("entry");
        QTest::addColumn<QString>("content");
        QTest::addColumn<QString>("said");
        QTest::newRow("no configuration") << "config.json" << QString() << "config.json";
        QTest::newRow("no weights") << "model.weights.h5" << QString() << "model.weights.h5";
        QTest::newRow("no JSON") << "config.json"
                                 << "{"
                                 << "config.json";
        QTest::newRow("no HDF5") << "model.weights.h5"
                                 << "text"
                                 << "model.weights.h5";
        QTest::newRow("a cut HDF5") << "model.weights.h5"
                                    << "cut"
                                    << "model.weights.h5";
        QTest::newRow("another ZIP file") << "*" << QString() << "no Keras model";
    }
    void badArchives()
    {
        QFETCH(QString, entry);
        QFETCH(QString, content);
        QFETCH(QString, said);
        TemporaryFolder folder;
        TinyKeras net({7});
        net.add("dense", "Dense", Json::object(),
                {W::weight("kernel", {7, 5}, 0.1), W::weight("bias", {5}, 0.2)});
        net.writeArchive(folder / "good.keras", {{"dense", "dense"}});
        QVERIFY(openModel(folder / "good.keras")->canRun());
        const ZipArchive good(mapFile(folder / "good.keras"));
        std::vector<ZipContent> contents{{"other", {}, false}};
        for (const ZipEntry& one : good.entries()) {
            std::vector<std::byte> bytes = good.read(one.name);
            if (entry == "*" || (one.name == entry.toStdString() && content.isNull()))
                continue;
            if (one.name == entry.toStdString() && content == "cut") {
                bytes.resize(bytes.size() / 2);
            } else if (one.name == entry.toStdString()) {
                bytes.clear();
                for (const char c : content.toStdString())
                    bytes.push_back(static_cast<std::byte>(c));
            }
            contents.push_back({one.name, std::move(bytes), false});
        }
        const std::vector<std::byte> zip = zipOf(contents);
        std::ofstream(folder / "bad.keras", std::ios::binary)
            .write(reinterpret_cast<const char*>(zip.data()),
                   static_cast<std::streamsize>(zip.size()));
        try {
            (void)openModel(folder / "bad.keras");
            QFAIL("was opened");
        } catch (const Error& error) {
            QVERIFY2(QString(error.what()).contains(said), error.what());
            QVERIFY(error.code() == ErrorCode::Format || error.code() == ErrorCode::Unsupported);
        }
    }

    /// A configuration that promises a layer whose weights are not there.
    void archivesWithoutALayersWeightsAreNotRun()
    {
        TemporaryFolder folder;
        TinyKeras net({7});
        net.add("dense", "Dense", Json::object(),
                {W::weight("kernel", {7, 5}, 0.1), W::weight("bias", {5}, 0.2)});
        net.writeArchive(folder / "m.keras", {{"dense", "dense_4"}});
        const auto model = openModel(folder / "m.keras");
        QVERIFY(!model->canRun());
        QVERIFY2(model->whyNotRunnable.find("kernel") != std::string::npos,
                 model->whyNotRunnable.c_str());
    }

    /// One layer between the image and the output.
    void runsLayers_data()
    {
        QTest::addColumn<QString>("kind");
        QTest::addColumn<QString>("config");
        QTest::addColumn<int>("oracle");
        int n = 0;
        for (const OneLayer& one : oneLayers())
            QTest::addRow("%s %s", one.kind, one.config) << one.kind << one.config << n++;
    }
    void runsLayers()
    {
        QFETCH(QString, kind);
        QFETCH(QString, config);
        QFETCH(int, oracle);
        const OneLayer& one = oneLayers()[static_cast<std::size_t>(oracle)];
        // 1 × 1 in front, so that the layer meets channels that were moved.
        W::Weight same{"kernel", {1, 1, 3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1}};
        TinyKeras net({4, 5, 3});
        net.add("first", "Conv2D", {{"use_bias", false}, {"kernel_size", 1}}, {same});
        net.add("layer", one.kind, Json::parse(one.config), one.weights);
        const Plane input = image(4, 5, 3);
        compareRun(modelOf(net), input, one.expected(input));
    }

    void joinsValues_data()
    {
        QTest::addColumn<QString>("kind");
        for (const char* kind : {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"})
            QTest::newRow(kind) << kind;
    }
    void joinsValues()
    {
        QFETCH(QString, kind);
        TinyKeras net({4, 5, 3});
        const W::Weight kernel = W::weight("kernel", {3, 3, 3, 3}, 0.4);
        net.add("conv", "Conv2D", {{"use_bias", false}, {"padding", "same"}}, {kernel});
        // One that lies as Keras has it, one that was moved.
        net.add("join", kind.toStdString(), Json::object(), {}, {"x", "conv"});
        const Plane input = image(4, 5, 3);
        Plane expected = convolved(input, kernel, nullptr, 1, true);
        for (std::size_t i = 0; i < expected.v.size(); ++i) {
            const double a = input.v[i];
            const double b = expected.v[i];
            expected.v[i] = kind == "Add"        ? a + b
                            : kind == "Subtract" ? a - b
                            : kind == "Multiply" ? a * b
                            : kind == "Average"  ? (a + b) / 2
                            : kind == "Maximum"  ? std::max(a, b)
                                                 : std::min(a, b);
        }
        compareRun(modelOf(net), input, expected);
    }

    void batchesAreIndependent()
    {
        const Zoo zoo;
        const auto model = modelOf(zoo.net);
        const Plane both = image(18, 8, 3); // two images, one below the other
        const Tensor found = runOn(model, both, {2, 9, 8, 3});
        QCOMPARE(found.shape(), (Shape{2, 5}));
        for (std::size_t n = 0; n < 2; ++n) {
            Plane one(9, 8, 3);
            std::copy_n(both.v.begin() + static_cast<std::ptrdiff_t>(n * one.v.size()),
                        one.v.size(), one.v.begin());
            const Plane expected = zoo.expected(one);
            QVERIFY(allClose(found.floats().subspan(n * 5, 5), std::span<const double>(expected.v),
                             1e-5, 1e-5));
        }
    }

    void sequencesAndNestedModelsRun()
    {
        // dense twice, inside a Sequential inside a Sequential without an InputLayer.
        const W::Weight kernel = W::weight("kernel", {3, 3}, 0.2);
        const W::Weight bias = W::weight("bias", {3}, 0.6);
        const Json inner{{"class_name", "Sequential"},
                         {"config",
                          {{"name", "inner"},
                           {"layers",
                            {{{"class_name", "Dense"},
                              {"config", {{"name", "dense"}, {"activation", "relu"}}}}}}}}};
        const Json outer{
            {"class_name", "Sequential"},
            {"config",
             {{"name", "outer"},
              {"build_input_shape", {nullptr, 3}},
              {"layers", {inner, {{"class_name", "Dense"}, {"config", {{"name", "last"}}}}}}}}};
        TemporaryFolder folder;
        const fs::path path = folder / "m.h5";
        {
            KerasWriter writer(path);
            writer.group("/model_weights/inner");
            writer.group("/model_weights/last");
            writer.texts("/", "model_config", {outer.dump()}, true, true);
            writer.texts("/model_weights", "layer_names", {"inner", "last"}, false);
            for (const auto& [group, owner] : {std::pair{"inner", "dense"}, {"last", "last"}}) {
                const std::string root = std::string("/model_weights/") + group;
                std::vector<std::string> names;
                for (const W::Weight* weight : {&kernel, &bias}) {
                    names.push_back(std::string(owner) + "/" + weight->part + ":0");
                    writer.floats(root + "/" + names.back(), weight->dims, weight->values);
                }
                writer.texts(root, "weight_names", names, false);
            }
        }
        const auto model = openModel(path);
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        const Plane input = image(1, 1, 3);
        const Plane expected =
            dense(mapped(dense(input, kernel, bias), [](double x) { return std::max(x, 0.0); }),
                  kernel, bias);
        const Tensor found = runOn(model, input, {1, 3});
        QVERIFY(allClose(found.floats(), std::span<const double>(expected.v), 1e-5, 1e-6));
    }

    void whatCannotRunIsNamed()
    {
        TinyKeras net({4, 3});
        net.add("memory", "LSTM", {{"units", 2}}, {W::weight("kernel", {3, 8}, 0)});
        net.add("mine", "MyLayer");
        net.add("head", "Dense", Json::object(),
                {W::weight("kernel", {2, 2}, 0), W::weight("bias", {2}, 0)});
        const auto model = modelOf(net);
        QVERIFY(!model->canRun());
        for (const char* word : {"memory", "LSTM", "mine", "MyLayer"})
            QVERIFY2(model->whyNotRunnable.find(word) != std::string::npos,
                     model->whyNotRunnable.c_str());
        QCOMPARE(model->layers.size(), std::size_t(2)); // to be seen all the same
        QCOMPARE(model->architecture, std::string("Keras model (not run)"));
    }

    /// Configurations that are no networks: a sentence, and the weights are there.
    void badConfigurations_data()
    {
        QTest::addColumn<QString>("from");
        QTest::addColumn<QString>("to");
        QTest::addColumn<QString>("said");
        const auto row = [](const char* name, const char* from, const char* to, const char* said) {
            QTest::newRow(name) << from << to << said;
        };
        row("no JSON", "{", "", "configuration");
        row("no class", "\"Functional\"", "\"Thing\"", "Thing");
        row("no layers", "\"layers\"", "\"others\"", "no layers");
        row("no output", "\"output_layers\"", "\"others\"", "output_layers");
        row("a cycle", "[\"x\",0,0,{}]", "[\"head\",0,0,{}]", "itself");
        row("a layer that is not there", "[\"x\",0,0,{}]", "[\"y\",0,0,{}]", "conv");
        row("an output that is not there", "[\"x\",0,0,{}]", "[\"x\",0,7,{}]", "output 7");
        row("a kernel of another size", "\"kernel_size\":[2,2]", "\"kernel_size\":[3,2]", "conv");
        row("strides of 0", "\"strides\":[1,1]", "\"strides\":[0,1]", "strides");
        row("a stride that is a text", "\"strides\":[1,1]", "\"strides\":\"a\"", "strides");
        row("a padding that is none", "\"valid\"", "\"odd\"", "odd");
        row("an activation that is none", "\"tanh\"", "\"zigzag\"", "zigzag");
        row("groups that do not divide", "\"groups\":1", "\"groups\":2", "groups");
        row("a dense layer of another size", "[null,4,4,3]", "[null,9,9,3]", "makes 27");
        row("an input that is too small", "[null,4,4,3]", "[null,1,4,3]", "fit");
        row("an input of size 0", "[null,4,4,3]", "[null,0,4,3]", "size");
        row("an input of no axes", "[null,4,4,3]", "[]", "shape");
        row("a target of no size", "\"target_shape\":[27]", "\"target_shape\":[0]", "target");
        row("a target of another size", "\"target_shape\":[27]", "\"target_shape\":[26]", "shape");
        row("a target without end", "\"target_shape\":[27]",
            "\"target_shape\":[2147483648,2147483648,2147483648]", "large");
        row("a bias that is missing", "\"use_bias\":false", "\"use_bias\":true", "bias");
        row("a layer's name twice", "\"name\":\"shape\"", "\"name\":\"conv\"", "two layers");
    }
    void badConfigurations()
    {
        QFETCH(QString, from);
        QFETCH(QString, to);
        QFETCH(QString, said);
        TinyKeras net({4, 4, 3});
        net.add("conv", "Conv2D",
                {{"kernel_size", {2, 2}},
                 {"strides", {1, 1}},
                 {"padding", "valid"},
                 {"groups", 1},
                 {"activation", "tanh"},
                 {"use_bias", false}},
                {W::weight("kernel", {2, 2, 3, 3}, 0)});
        net.add("shape", "Reshape", {{"target_shape", {27}}});
        net.add("head", "Dense", Json::object(),
                {W::weight("kernel", {27, 2}, 0), W::weight("bias", {2}, 0)});
        QString config = QString::fromStdString(net.config(false).dump());
        QVERIFY(config.contains(from));
        config.replace(from, to);
        TemporaryFolder folder;
        net.writeH5(folder / "m.h5", config.toStdString());
        const auto model = openModel(folder / "m.h5");
        QVERIFY(!model->canRun());
        QVERIFY2(QString::fromStdString(model->whyNotRunnable).contains(said),
                 model->whyNotRunnable.c_str());
        QCOMPARE(model->source.tensors->tensors().size(), std::size_t(3));
        QVERIFY(model->graph.nodes.empty());
    }
};

QTEST_APPLESS_MAIN(TestKerasBuilder)
#include "tst_keras_builder.moc"
