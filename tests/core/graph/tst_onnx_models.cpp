// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
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

constexpr std::uint64_t cacheBytes = std::uint64_t(256) << 20;

/// Images of the labelled set, as the models were trained to see them.
Tensor images(const NpyArray<std::uint8_t>& all, std::int64_t first, std::int64_t count)
{
    Tensor tensor(Shape{count, 3, 224, 224});
    const std::size_t each = 3 * 224 * 224;
    const std::size_t begin = static_cast<std::size_t>(first) * each;
    const auto to = tensor.floats();
    for (std::size_t i = 0; i < to.size(); ++i)
        to[i] = (static_cast<float>(all.values[begin + i]) - 127.5F) / 127.5F;
    return tensor;
}

Tensor smooth(const Shape& shape)
{
    Tensor tensor(shape);
    float at = 0;
    for (float& value : tensor.floats())
        value = std::sin(at += 0.01F);
    return tensor;
}

std::vector<Tensor> outputsOf(const std::shared_ptr<const Model>& model, Tensor input)
{
    const Weights weights(model, cacheBytes);
    std::vector<Tensor> inputs;
    inputs.push_back(std::move(input));
    return Executor(*model, weights).run(std::move(inputs), Monitor());
}

std::size_t largest(std::span<const float> values)
{
    return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) -
                                    values.begin());
}

} // namespace

class TestOnnxModels : public QObject
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

    void agreeWithGoldenOutputs_data()
    {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("golden");
        QTest::addColumn<int>("classes");
        QTest::newRow("vit") << "vit-tiny-tinyimagenet/model.onnx"
                             << "golden_vit_logits.npy" << 200;
        QTest::newRow("mobilenet") << "mobilenetv1-0.25-imagenet/mobilenet_v1_0.25_224.onnx"
                                   << "golden_mobilenet_probs.npy" << 1000;
    }
    void agreeWithGoldenOutputs()
    {
        QFETCH(QString, model);
        QFETCH(QString, golden);
        QFETCH(int, classes);
        const fs::path folder = m_data / "imagenet-images";
        const auto expected = readNpy<float>(folder / golden.toStdString());
        const auto pixels = readNpy<std::uint8_t>(folder / "images_u8_nchw.npy");
        const auto opened = openModel(m_data / model.toStdString());
        QCOMPARE(opened->whyNotRunnable, std::string());
        QCOMPARE(opened->task, ModelTask::Classification);
        QVERIFY(opened->image && opened->image->height == 224 && opened->image->channelsFirst);

        constexpr std::int64_t count = 12;
        const std::vector<Tensor> outputs = outputsOf(opened, images(pixels, 0, count));
        QCOMPARE(outputs.size(), std::size_t(1));
        QCOMPARE(outputs[0].shape(), (Shape{count, classes}));
        const auto width = static_cast<std::size_t>(classes);
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
            const auto ours = outputs[0].floats().subspan(i * width, width);
            const auto theirs = std::span(expected.values).subspan(i * width, width);
            QCOMPARE(largest(ours), largest(theirs));
            // Relative to the largest of an image: small ones are differences of large ones.
            const double scale = std::abs(static_cast<double>(theirs[largest(theirs)]));
            for (std::size_t c = 0; c < width; ++c)
                QVERIFY2(std::abs(static_cast<double>(ours[c] - theirs[c])) <= 1e-4 * scale,
                         qPrintable(QString("image %1, class %2: %3, expected %4")
                                        .arg(i)
                                        .arg(c)
                                        .arg(static_cast<double>(ours[c]))
                                        .arg(static_cast<double>(theirs[c]))));
        }
    }

    void othersRun_data()
    {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QList<qint64>>("input");
        QTest::addColumn<QList<QList<qint64>>>("outputs");
        QTest::newRow("text detection")
            << "onnx-ppocr/ch_PP-OCRv4_det_infer.onnx" << QList<qint64>{1, 3, 64, 96}
            << QList<QList<qint64>>{{1, 1, 64, 96}};
        QTest::newRow("text orientation")
            << "onnx-ppocr/ch_ppocr_mobile_v2.0_cls_infer.onnx" << QList<qint64>{2, 3, 48, 192}
            << QList<QList<qint64>>{{2, 2}};
        QTest::newRow("faces") << "onnx-ultraface/version-RFB-320.onnx"
                               << QList<qint64>{1, 3, 240, 320}
                               << QList<QList<qint64>>{{1, 4420, 2}, {1, 4420, 4}};
        QTest::newRow("digits") << "onnx-ultraface/mnist.onnx" << QList<qint64>{1, 1, 28, 28}
                                << QList<QList<qint64>>{{1, 10}};
    }
    void othersRun()
    {
        QFETCH(QString, model);
        QFETCH(QList<qint64>, input);
        QFETCH(QList<QList<qint64>>, outputs);
        const auto opened = openModel(m_data / model.toStdString());
        QCOMPARE(opened->whyNotRunnable, std::string());
        const std::vector<Tensor> results =
            outputsOf(opened, smooth(Shape(input.begin(), input.end())));
        QCOMPARE(results.size(), static_cast<std::size_t>(outputs.size()));
        for (std::size_t i = 0; i < results.size(); ++i) {
            const auto& expected = outputs[static_cast<qsizetype>(i)];
            QCOMPARE(results[i].shape(), Shape(expected.begin(), expected.end()));
            QCOMPARE(countNonFinite(results[i].floats()), 0);
        }
    }

    void blocksAreNamedAndHoldTheLayers()
    {
        const auto vit = openModel(m_data / "vit-tiny-tinyimagenet/model.onnx");
        QCOMPARE(vit->blocks.size(), std::size_t(12));
        QCOMPARE(vit->blocks[3].name, std::string("vit.encoder.layer.3"));
        for (const Block& block : vit->blocks)
            QVERIFY(block.sides.empty());
        int inBlocks = 0;
        for (const Layer& layer : vit->layers)
            inBlocks += layer.block >= 0 ? 1 : 0;
        QCOMPARE(inBlocks, 72);
        const auto mobilenet =
            openModel(m_data / "mobilenetv1-0.25-imagenet/mobilenet_v1_0.25_224.onnx");
        for (const Layer& layer : mobilenet->layers) {
            QVERIFY2(layer.node >= 0 && layer.block >= 0, layer.name.c_str());
            QCOMPARE(mobilenet->blocks[static_cast<std::size_t>(layer.block)].name, layer.name);
        }
    }

    void whatCannotRunIsNamed()
    {
        const auto vad = openModel(m_data / "onnx-silero-vad/silero_vad_v5.onnx");
        QVERIFY(!vad->canRun());
        QVERIFY2(vad->whyNotRunnable.find("4 nodes of \"LSTM\"") != std::string::npos,
                 vad->whyNotRunnable.c_str());
        QCOMPARE(vad->layers.size(), std::size_t(16));
    }
};

QTEST_APPLESS_MAIN(TestOnnxModels)
#include "tst_onnx_models.moc"
