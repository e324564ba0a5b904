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
};

QTEST_APPLESS_MAIN(TestKerasBuilder)
#include "tst_keras_builder.moc"
