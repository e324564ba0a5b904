// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/executor.h"
#include "core/graph/model.h"
#include "tests/support/npy.h"
#include "tests/support/support.h"

#include <QTest>

#include <algorithm>
#include <cmath>

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t cacheBytes = std::uint64_t(64) << 20;

Tensor output(const std::shared_ptr<const Model>& model, Tensor input)
{
    const Weights weights(model, cacheBytes);
    std::vector<Tensor> inputs;
    inputs.push_back(std::move(input));
    return std::move(Executor(*model, weights).run(std::move(inputs), Monitor()).front());
}

/// Rows of probabilities: to 1e-4 of the largest, and the same winner.
void compareRows(const Tensor& ours, const std::vector<float>& theirs)
{
    const auto width = static_cast<std::size_t>(ours.shape().back());
    for (std::size_t row = 0; row * width < ours.floats().size(); ++row) {
        const auto a = ours.floats().subspan(row * width, width);
        const auto b = std::span(theirs).subspan(row * width, width);
        const auto best = std::max_element(b.begin(), b.end());
        QCOMPARE(std::max_element(a.begin(), a.end()) - a.begin(), best - b.begin());
        for (std::size_t i = 0; i < width; ++i)
            QVERIFY2(std::abs(a[i] - b[i]) <= 1e-4F * *best,
                     qPrintable(QString("row %1, class %2: %3, expected %4")
                                    .arg(row)
                                    .arg(i)
                                    .arg(static_cast<double>(a[i]))
                                    .arg(static_cast<double>(b[i]))));
    }
}

} // namespace

class TestKerasModels : public QObject
{
    Q_OBJECT

private:
    fs::path m_data;

private slots:
    void init()
    {
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA is not set");
        m_data = *data;
    }

    void mobileNetAgreesWithGoldenOutputs()
    {
        const auto model = openModel(m_data / "mobilenetv1-0.25-imagenet/mobilenet_v1_0.25_224.h5");
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        QCOMPARE(model->task, ModelTask::Classification);
        QVERIFY(model->image && model->image->height == 224 && !model->image->channelsFirst);
        QCOMPARE(model->image->channels, 3);
        // Every layer has its node and its block.
        for (const Layer& layer : model->layers)
            QVERIFY2(layer.node >= 0 && layer.block >= 0, layer.name.c_str());
        QVERIFY(model->blocks.size() > 10);

        const auto pixels = readNpy<std::uint8_t>(m_data / "imagenet-images/images_u8_nchw.npy");
        const auto golden = readNpy<float>(m_data / "imagenet-images/golden_mobilenet_probs.npy");
        constexpr std::size_t side = 224;
        constexpr std::size_t plane = side * side;
        constexpr std::size_t count = 8;
        Tensor images(Shape{count, side, side, 3});
        for (std::size_t n = 0; n < count; ++n)
            for (std::size_t c = 0; c < 3; ++c)
                for (std::size_t p = 0; p < plane; ++p)
                    images.floats()[(n * plane + p) * 3 + c] =
                        (static_cast<float>(pixels.values[(n * 3 + c) * plane + p]) - 127.5F) /
                        127.5F;
        const Tensor ours = output(model, std::move(images));
        QCOMPARE(ours.shape(), (Shape{count, 1000}));
        compareRows(ours, golden.values);
    }

    void resNetAgreesWithGoldenOutputs()
    {
        const auto model = openModel(m_data / "mlperf-tiny/pretrainedResnet.h5");
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        QCOMPARE(model->task, ModelTask::Classification);
        const auto pixels = readNpy<std::uint8_t>(m_data / "cifar10/test_images_u8_nhwc.npy");
        const auto golden = readNpy<float>(m_data / "cifar10/test_golden_resnet8_probs.npy");
        constexpr std::int64_t count = 100;
        Tensor images(Shape{count, 32, 32, 3}); // as they are: 0–255
        std::copy_n(pixels.values.begin(), images.floats().size(), images.floats().begin());
        const Tensor ours = output(model, std::move(images));
        QCOMPARE(ours.shape(), (Shape{count, 10}));
        compareRows(ours, golden.values);
    }

    void autoencoderRuns()
    {
        const auto model = openModel(m_data / "mlperf-tiny/ad01.h5");
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        QCOMPARE(model->task, ModelTask::Other);
        QVERIFY(!model->image);
        Tensor input(Shape{5, 640});
        float at = 0;
        for (float& value : input.floats())
            value = std::sin(at += 0.01F);
        const Tensor ours = output(model, std::move(input));
        QCOMPARE(ours.shape(), (Shape{5, 640}));
        QCOMPARE(countNonFinite(ours.floats()), 0);
    }
};

QTEST_APPLESS_MAIN(TestKerasModels)
#include "tst_keras_models.moc"
