// SPDX-License-Identifier: GPL-3.0-or-later
//
// Real classifiers on real images find what they are known to find, by the way a person takes.
#include "core/session/evaluate.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>

using namespace gradus;
using namespace gradus::test;

class TestRealImages : public QObject
{
    Q_OBJECT

private slots:
    void findsTheKnownClasses_data()
    {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("images");
        QTest::addColumn<QString>("labels");
        QTest::addColumn<double>("half"); ///< mean and deviation; 0: pixels as they are
        QTest::addColumn<int>("found");
        QTest::addColumn<int>("samples");
        const auto row = [](const char* name, const char* model, const char* images,
                            const char* labels, double half, int found, int samples) {
            QTest::newRow(name) << QString(model) << QString(images) << QString(labels) << half
                                << found << samples;
        };
        const char* imagenet = "imagenet-images/images_u8_nchw.npy";
        const char* thousand = "imagenet-images/labels_imagenet1k_i32.npy";
        const char* tiny = "imagenet-images/labels_tinyimagenet_i32.npy";
        const char* mobile = "mobilenetv1-0.25-imagenet/mobilenet_v1_0.25_224";
        row("MobileNet, ONNX", qPrintable(QString(mobile) + ".onnx"), imagenet, thousand, 127.5,
            164, 300);
        row("MobileNet, Keras", qPrintable(QString(mobile) + ".h5"), imagenet, thousand, 127.5, 164,
            300);
        // The folder's own configuration says how its images are normalized.
        row("ViT, Hugging Face", "vit-tiny-tinyimagenet", imagenet, tiny, 0, 57, 91);
        row("ViT, ONNX", "vit-tiny-tinyimagenet/model.onnx", imagenet, tiny, 127.5, 57, 91);
        row("ResNet-8, Keras", "mlperf-tiny/pretrainedResnet.h5", "cifar10/test_images_u8_nhwc.npy",
            "cifar10/test_labels_i32.npy", 0, 762, 1000);
    }
    void findsTheKnownClasses()
    {
        QFETCH(QString, model);
        QFETCH(QString, images);
        QFETCH(QString, labels);
        QFETCH(double, half);
        QFETCH(int, found);
        QFETCH(int, samples);
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA names no folder of real models");
        EvaluateRequest request;
        request.model = openModel(*data / model.toStdString());
        QCOMPARE(std::string(usualMetric(*request.model)), std::string("top1"));
        request.data = *data / images.toStdString();
        request.labels = *data / labels.toStdString();
        if (half > 0)
            request.mean = request.deviation = {static_cast<float>(half)};
        Monitor monitor;
        const Accuracy result = evaluateAccuracy(request, monitor);
        QCOMPARE(result.samples, std::int64_t(samples));
        QCOMPARE(std::lround(result.value * samples), long(found));
        QVERIFY(result.top5 > result.value && result.top5 < 1);
        QVERIFY(isClose(result.standardError,
                        std::sqrt(result.value * (1 - result.value) / samples), 1e-9));
    }
};

QTEST_APPLESS_MAIN(TestRealImages)
#include "tst_real_images.moc"
