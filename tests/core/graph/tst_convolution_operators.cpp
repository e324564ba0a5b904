// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/graph/convolution_kernels.h"
#include "tests/support/one_node_model.h"
#include "tests/support/operator_oracle.h"
#include "tests/support/support.h"

#include <QTest>

#include <algorithm>
#include <cstring>

using namespace gradus;
using namespace gradus::test;

namespace {

constexpr std::int64_t huge = std::int64_t(1) << 29;

void rows(bool smoothOnly)
{
    QTest::addColumn<int>("index");
    const auto cases = casesOf({"Convolution", "ConvolutionTranspose"});
    for (std::size_t i = 0; i < cases.size(); ++i)
        if (!smoothOnly || cases[i].test->smooth)
            QTest::newRow(cases[i].name.c_str()) << static_cast<int>(i);
}

NamedCase caseAt(int index)
{
    return casesOf({"Convolution", "ConvolutionTranspose"})[static_cast<std::size_t>(index)];
}

Tensor randomTensor(Shape shape, std::string_view purpose)
{
    return tensorOf(randomElements(std::move(shape), purpose));
}

op::Convolution convolution(std::int64_t channels, std::int64_t kernel)
{
    op::Convolution result{"weight", "", {}, false};
    result.geometry.channels = channels;
    result.geometry.kernel = {kernel, kernel};
    return result;
}

std::string messageOf(const Operator& op, Tensor weight, Tensor x, ErrorCode expected)
{
    std::map<std::string, Tensor> parameters;
    parameters.emplace("weight", std::move(weight));
    parameters.emplace("bias", randomTensor({3}, "bias"));
    const OneNodeModel model(op, {true}, 1, std::move(parameters));
    std::vector<Tensor> inputs;
    inputs.push_back(std::move(x));
    try {
        (void)model.run(std::move(inputs));
    } catch (const Error& error) {
        return error.code() == expected ? error.what() : "another code";
    }
    return "no error";
}

/// A weight in a form of its own.
class DoubledWeight final : public LinearKernel
{
public:
    explicit DoubledWeight(Tensor weight)
        : m_weight(std::move(weight))
    {
        for (float& value : m_weight.floats())
            value *= 2;
    }
    std::int64_t rows() const override { return m_weight.shape()[0]; }
    std::int64_t cols() const override { return m_weight.shape()[1]; }
    void apply(ConstMatrixView, MatrixView, const Monitor&) const override { std::abort(); }
    Tensor floats() const override { return m_weight.clone(); }

private:
    Tensor m_weight;
};

bool sameBits(std::span<const float> a, std::span<const float> b)
{
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

} // namespace

class TestConvolutionOperators : public QObject
{
    Q_OBJECT

private slots:
    void forward_data() { rows(false); }
    void forward()
    {
        QFETCH(int, index);
        const NamedCase named = caseAt(index);
        const std::string fault = forwardFault(*named.oracle, *named.test);
        QVERIFY2(fault.empty(), fault.c_str());
    }

    void backward_data() { rows(true); }
    void backward()
    {
        QFETCH(int, index);
        const NamedCase named = caseAt(index);
        const std::string fault = gradientFault(*named.oracle, *named.test);
        QVERIFY2(fault.empty(), fault.c_str());
    }

    /// ONNX's own example: sums over 3 × 3 windows of 0 … 24.
    void knownValues()
    {
        Tensor x({1, 1, 5, 5});
        for (std::size_t i = 0; i < 25; ++i)
            x.floats()[i] = static_cast<float>(i);
        std::map<std::string, Tensor> parameters;
        parameters.emplace("weight", tensorOf({{1, 1, 3, 3}, std::vector<double>(9, 1.0)}));
        op::Convolution same = convolution(1, 3);
        same.geometry.padding = {1, 1, 1, 1};
        const OneNodeModel model(same, {true}, 1, std::move(parameters));
        std::vector<Tensor> inputs;
        inputs.push_back(std::move(x));
        const std::vector<float> expected{12,  21,  27, 33,  24,  33,  54, 63,  72,
                                          51,  63,  99, 108, 117, 81,  93, 144, 153,
                                          162, 111, 72, 111, 117, 123, 84};
        const std::vector<Tensor> y = model.run(std::move(inputs));
        QVERIFY(sameBits(y[0].floats(), expected));
    }

    /// <y, A·x> = <Aᵀ·y, x> beyond what differences can afford, and so for the weight.
    void gradientsOfLargeOnesAreTransposes_data()
    {
        QTest::addColumn<int>("channels");
        QTest::addColumn<int>("outs");
        QTest::addColumn<int>("groups");
        QTest::addColumn<int>("kernel");
        QTest::addColumn<int>("stride");
        QTest::newRow("many features and outputs") << 150 << 140 << 1 << 3 << 1;
        QTest::newRow("one channel of many taps") << 2 << 5 << 1 << 19 << 3;
        QTest::newRow("groups") << 60 << 30 << 3 << 3 << 2;
        QTest::newRow("pointwise") << 170 << 90 << 1 << 1 << 1;
        QTest::newRow("a channel's own, 3 x 3 / 1") << 6 << 6 << 6 << 3 << 1;
        QTest::newRow("a channel's own, 3 x 3 / 2") << 6 << 6 << 6 << 3 << 2;
        QTest::newRow("a channel's own, 5 x 5 / 2") << 6 << 6 << 6 << 5 << 2;
        QTest::newRow("a channel's own, 3 x 3 / 3") << 6 << 6 << 6 << 3 << 3;
    }
    void gradientsOfLargeOnesAreTransposes()
    {
        QFETCH(int, channels);
        QFETCH(int, outs);
        QFETCH(int, groups);
        QFETCH(int, kernel);
        QFETCH(int, stride);
        kernel::ConvolutionSize size;
        size.geometry.channels = channels;
        size.geometry.groups = groups;
        size.geometry.kernel = {kernel, kernel};
        size.geometry.stride = {stride, stride};
        size.geometry.padding = {kernel / 2, kernel / 2, 0, 0};
        size.outChannels = outs;
        size.images = 2;
        size.height = size.width = 33;
        const auto out = size.geometry.output(33, 33);
        size.outHeight = out[0];
        size.outWidth = out[1];
        const Tensor x = randomTensor({2, channels, 33, 33}, "x");
        const Tensor dy = randomTensor({2, outs, out[0], out[1]}, "dy");
        const Tensor weight = randomTensor({outs, size.geometry.features()}, "weight");
        Tensor y(dy.shape());
        Tensor dx(x.shape());
        Tensor dw(weight.shape());
        const Monitor monitor;
        kernel::convolve(size, weight.matrix(), {}, x.floats(), y.floats(), monitor);
        kernel::convolveTransposed(size, weight.matrix(), {}, dy.floats(), dx.floats(), false,
                                   monitor);
        kernel::convolutionWeightGradient(size, x.floats(), dy.floats(), dw.matrix(), monitor);
        const auto dot = [](const Tensor& a, const Tensor& b) {
            double sum = 0;
            for (std::size_t i = 0; i < a.floats().size(); ++i)
                sum += static_cast<double>(a.floats()[i]) * static_cast<double>(b.floats()[i]);
            return sum;
        };
        double scale = 0;
        for (const float value : std::as_const(y).floats())
            scale += static_cast<double>(value) * static_cast<double>(value);
        scale = std::sqrt(scale * dot(dy, dy)) * 1e-6;
        const double expected = dot(y, dy);
        QVERIFY(isClose(dot(dx, x), expected, 0, scale));
        QVERIFY(isClose(dot(dw, weight), expected, 0, scale));

        // Added to what is there, and the same on one thread.
        Tensor twice = dx.clone();
        kernel::convolveTransposed(size, weight.matrix(), {}, dy.floats(), twice.floats(), true,
                                   monitor);
        std::vector<double> sum;
        for (const float value : std::as_const(dx).floats())
            sum.push_back(2 * static_cast<double>(value));
        QVERIFY(allClose(std::as_const(twice).floats(), std::span<const double>(sum), 1e-4, 1e-3));
        const ThreadLimit limit(1);
        Tensor alone(weight.shape());
        kernel::convolutionWeightGradient(size, x.floats(), dy.floats(), alone.matrix(), monitor);
        QVERIFY(sameBits(std::as_const(alone).floats(), std::as_const(dw).floats()));
        Tensor again(x.shape());
        kernel::convolveTransposed(size, weight.matrix(), {}, dy.floats(), again.floats(), false,
                                   monitor);
        QVERIFY(sameBits(std::as_const(again).floats(), std::as_const(dx).floats()));
    }

    /// Widths around those of vectors, heights around those of bands, paddings of all sizes.
    void channelsOwnKernels_data()
    {
        QTest::addColumn<int>("kernel");
        QTest::addColumn<int>("stride");
        QTest::addColumn<int>("outs");
        for (const int kernel : {3, 4, 5})
            for (const int stride : {1, 2, 3})
                for (const int outs : {1, 2})
                    QTest::addRow("%d x %d / %d to %d", kernel, kernel, stride, outs)
                        << kernel << stride << outs;
    }
    void channelsOwnKernels()
    {
        QFETCH(int, kernel);
        QFETCH(int, stride);
        QFETCH(int, outs);
        constexpr std::int64_t channels = 3;
        const std::vector<float> factor{0.5F, -2, 1, 3, 1, -1};
        const std::vector<float> shift{0.25F, 0, -1, 2, 1, 0.5F};
        const auto count = static_cast<std::size_t>(channels * outs);
        for (const std::int64_t width : {5, 14, 15, 16, 17, 31, 32, 33, 50})
            for (const std::int64_t padding : {0, 1, 6, -1}) {
                const std::int64_t height = width == 50 ? 90 : 7;
                kernel::ConvolutionSize size;
                size.geometry.channels = size.geometry.groups = channels;
                size.geometry.kernel = {kernel, kernel};
                size.geometry.stride = {stride, stride};
                size.geometry.padding = {padding, padding, 1, 2};
                size.outChannels = channels * outs;
                size.images = 2;
                size.height = height;
                size.width = width;
                size.outHeight = (height + padding + 1 - kernel) / stride + 1;
                size.outWidth = (width + padding + 2 - kernel) / stride + 1;
                const Tensor x = randomTensor({2, channels, height, width}, "x");
                const Tensor weight = randomTensor({size.outChannels, kernel * kernel}, "w");
                const Tensor bias = randomTensor({size.outChannels}, "b");
                // What lies around the result must stay.
                const std::int64_t values = 2 * size.outChannels * size.outPixels();
                Tensor guarded({values + 64});
                std::fill(guarded.floats().begin(), guarded.floats().end(), 77.0F);
                const auto y = guarded.floats().subspan(32, static_cast<std::size_t>(values));
                kernel::convolve(
                    size, weight.matrix(), bias.floats(), x.floats(), y, Monitor(),
                    {std::span(factor).first(count), std::span(shift).first(count), -1.5F, 2.0F});
                for (std::size_t i = 0; i < 32; ++i)
                    QVERIFY(guarded.floats()[i] == 77.0F &&
                            guarded.floats()[32 + y.size() + i] == 77.0F);
                std::vector<double> expected;
                for (std::int64_t plane = 0; plane < 2 * size.outChannels; ++plane) {
                    const std::int64_t out = plane % size.outChannels;
                    const float* from = x.floats().data() + plane / outs * height * width;
                    for (std::int64_t i = 0; i < size.outPixels(); ++i) {
                        double sum = static_cast<double>(bias.floats()[std::size_t(out)]);
                        for (std::int64_t tap = 0; tap < size.taps(); ++tap) {
                            const std::int64_t row =
                                i / size.outWidth * stride + tap / kernel - padding;
                            const std::int64_t col =
                                i % size.outWidth * stride + tap % kernel - padding;
                            if (row >= 0 && row < height && col >= 0 && col < width)
                                sum +=
                                    static_cast<double>(from[row * width + col]) *
                                    static_cast<double>(weight.matrix().row(out)[std::size_t(tap)]);
                        }
                        sum = sum * static_cast<double>(factor[std::size_t(out)]) +
                              static_cast<double>(shift[std::size_t(out)]);
                        expected.push_back(std::clamp(sum, -1.5, 2.0));
                    }
                }
                QVERIFY(allClose(std::span<const float>(y), std::span<const double>(expected), 1e-5,
                                 1e-5));
            }
    }

    void emptyBatch()
    {
        std::map<std::string, Tensor> parameters;
        parameters.emplace("weight", randomTensor({3, 2, 3, 3}, "weight"));
        const OneNodeModel model(convolution(2, 3), {true}, 1, std::move(parameters));
        std::vector<Tensor> inputs;
        inputs.emplace_back(Shape{0, 2, 5, 6});
        QCOMPARE(model.run(std::move(inputs)).front().shape(), (Shape{0, 3, 3, 4}));
    }

    void weightWithAKernelOfItsOwn()
    {
        const Tensor weight = randomTensor({3, 8}, "weight");
        std::map<std::string, Tensor> parameters;
        parameters.emplace("weight", weight.clone());
        const OneNodeModel model(convolution(2, 2), {true}, 1, std::move(parameters));
        Weights replaced = Weights::over(model.weights());
        replaced.replace("weight", std::make_shared<const DoubledWeight>(weight.clone()));
        const auto run = [&](const Weights& weights) {
            Values values;
            values.emplace(0, randomTensor({1, 2, 4, 4}, "x"));
            return std::move(
                runNodes(model.model(), weights, 0, 1, std::move(values), {}, {1}, Monitor())
                    .at(1));
        };
        Tensor expected = run(model.weights());
        for (float& value : expected.floats())
            value *= 2;
        const Tensor actual = run(replaced);
        QVERIFY(sameBits(actual.floats(), std::as_const(expected).floats()));
    }

    void inputIsShown()
    {
        std::map<std::string, Tensor> parameters;
        parameters.emplace("weight", randomTensor({3, 2, 3, 3}, "weight"));
        const OneNodeModel model(convolution(2, 3), {true}, 1, std::move(parameters));
        Values values;
        values.emplace(0, randomTensor({2, 2, 5, 6}, "x"));
        int seen = 0;
        (void)runNodes(model.model(), model.weights(), 0, 1, std::move(values), {}, {1}, Monitor(),
                       [&](int node, const Tensor& x) {
                           QCOMPARE(node, 0);
                           QCOMPARE(x.shape(), (Shape{2, 2, 5, 6}));
                           ++seen;
                       });
        QCOMPARE(seen, 1);
    }

    void stops()
    {
        const auto x = randomTensor({4, 32, 40, 40}, "x");
        kernel::ConvolutionSize size;
        size.geometry.channels = 32;
        size.geometry.kernel = {3, 3};
        size.outChannels = 24;
        size.images = 4;
        size.height = size.width = 40;
        size.outHeight = size.outWidth = 38;
        const Tensor weight = randomTensor({24, 288}, "weight");
        Tensor y({4, 24, 38, 38});
        Tensor dx(x.shape());
        Tensor dw(weight.shape());
        QVERIFY_EXCEPTION_THROWN(
            kernel::convolve(size, weight.matrix(), {}, x.floats(), y.floats(), StopAt(5)),
            Cancelled);
        QVERIFY_EXCEPTION_THROWN(kernel::convolveTransposed(size, weight.matrix(), {},
                                                            std::as_const(y).floats(), dx.floats(),
                                                            false, StopAt(5)),
                                 Cancelled);
        QVERIFY_EXCEPTION_THROWN(kernel::convolutionWeightGradient(size, x.floats(),
                                                                   std::as_const(y).floats(),
                                                                   dw.matrix(), StopAt(5)),
                                 Cancelled);
    }

    void badInputs()
    {
        const auto refused = [](const Operator& op, Shape weight, Shape x, const char* expected,
                                ErrorCode code = ErrorCode::Shape) {
            const std::string what = messageOf(op, randomTensor(std::move(weight), "weight"),
                                               randomTensor(std::move(x), "x"), code);
            if (what.find(expected) != std::string::npos && what.starts_with("the node (Conv"))
                return true;
            qWarning("%s", what.c_str());
            return false;
        };
        const op::Convolution plain = convolution(2, 3);
        QVERIFY(refused(plain, {3, 2, 3, 3}, {1, 2, 2, 5}, "does not fit into an input of 2 × 5"));
        QVERIFY(refused(plain, {3, 2, 3, 3}, {1, 4, 5, 5}, "expected 2 channels"));
        QVERIFY(refused(plain, {3, 2, 3, 3}, {2, 5, 5}, "expected batch × channels × height"));
        QVERIFY(refused(plain, {3, 2, 3, 3}, {1, 2, 0, 5}, "expected batch × channels"));
        QVERIFY(refused(plain, {3, 2, 2, 3}, {1, 2, 5, 5}, "weight has 12 values"));

        op::Convolution other = plain;
        other.bias = "bias";
        QVERIFY(refused(other, {4, 2, 3, 3}, {1, 2, 5, 5}, "bias is 3, expected 4 elements"));
        other = plain;
        other.isLine = true;
        QVERIFY(refused(other, {3, 2, 3, 3}, {1, 2, 5}, "expected a height of 1"));
        other = plain;
        other.geometry.groups = 2;
        QVERIFY(refused(other, {3, 1, 3, 3}, {1, 2, 5, 5}, "multiple of its 2 groups"));
        other.geometry.groups = 3;
        QVERIFY(refused(other, {3, 1, 3, 3}, {1, 2, 5, 5}, "divisor of the 2 input channels"));
        other = plain;
        other.geometry.stride = {0, 1};
        QVERIFY(refused(other, {3, 2, 3, 3}, {1, 2, 5, 5}, "stride 0"));
        other = plain;
        other.geometry.padding = {-1, 0, 0, 0};
        QVERIFY(refused(other, {3, 2, 3, 3}, {1, 2, 5, 5}, "padding -1"));
        other.geometry.padding = {huge, huge, huge, huge};
        QVERIFY(refused(other, {3, 2, 3, 3}, {1, 2, 5, 5}, "elements", ErrorCode::Unsupported));
        other.geometry.padding = {huge * huge, 0, 0, 0};
        QVERIFY(refused(other, {3, 2, 3, 3}, {1, 2, 5, 5}, "padding"));
        other = plain;
        other.geometry.kernel = {2 * huge, 2 * huge};
        other.geometry.dilation = {2 * huge, 2 * huge};
        QVERIFY(refused(other, {3, 2, 3, 3}, {1, 2, 5, 5}, "does not fit"));

        op::ConvolutionTranspose transposed{"weight", "", plain.geometry, 3, {0, 0}, false};
        QVERIFY(refused(transposed, {2, 2, 3, 3}, {1, 2, 5, 5}, "weight is 2 × 2 × 3 × 3"));
        QVERIFY(refused(transposed, {2, 3, 3, 3}, {1, 3, 5, 5}, "expected 2 channels"));
        transposed.outputPadding = {-1, 0};
        QVERIFY(refused(transposed, {2, 3, 3, 3}, {1, 2, 5, 5}, "output padding -1"));
        transposed.outputPadding = {0, 0};
        transposed.geometry.padding = {9, 0, 9, 0};
        QVERIFY(refused(transposed, {2, 3, 3, 3}, {1, 2, 5, 5}, "cuts all of its result off"));
        transposed.geometry = plain.geometry;
        transposed.geometry.stride = {huge, huge};
        QVERIFY(
            refused(transposed, {2, 3, 3, 3}, {1, 2, 5, 5}, "elements", ErrorCode::Unsupported));

        const std::string what =
            messageOf(plain, randomTensor({3, 2, 3, 3}, "weight"),
                      tensorOf(integerElements({1, 2, 1, 1}, {1, 2})), ErrorCode::Shape);
        QVERIFY2(what.find("input 1 is I64, expected F32") != std::string::npos, what.c_str());
    }

    /// Far taps read nothing but zeros, and cost no memory.
    void farTaps()
    {
        op::Convolution far = convolution(1, 3);
        far.geometry.dilation = {huge, huge};
        far.geometry.padding = {huge, huge, huge, huge};
        std::map<std::string, Tensor> parameters;
        parameters.emplace("weight", randomTensor({1, 1, 3, 3}, "weight"));
        const float middle = parameters.at("weight").floats()[4];
        const OneNodeModel model(far, {true}, 1, std::move(parameters));
        std::vector<Tensor> inputs;
        inputs.push_back(randomTensor({1, 1, 2, 2}, "x"));
        const Tensor x = inputs[0].clone();
        const std::vector<Tensor> y = model.run(std::move(inputs));
        for (std::size_t i = 0; i < 4; ++i)
            QCOMPARE(y[0].floats()[i], x.floats()[i] * middle);
    }
};

QTEST_APPLESS_MAIN(TestConvolutionOperators)
#include "tst_convolution_operators.moc"
