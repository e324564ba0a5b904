// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "tests/support/graph_runs.h"
#include "tests/support/npy.h"
#include "tests/support/support.h"
#include "tests/support/tiny_vit.h"

#include <QTest>

#include <algorithm>

using namespace gradus;
using namespace gradus::test;

namespace {

/// The array of uint8 images, batch × 3 × 224 × 224, without reading it whole.
struct Images
{
    std::shared_ptr<const ByteSource> file;
    std::size_t start = 0;
    static constexpr std::size_t size = std::size_t(3) * 224 * 224;

    explicit Images(const std::filesystem::path& path)
        : file(mapFile(path))
    {
        std::uint16_t length = 0;
        std::memcpy(&length, file->bytes().data() + 8, sizeof length);
        start = 10U + length;
    }
    Tensor batch(std::size_t first, std::size_t count) const
    {
        Tensor tensor({static_cast<std::int64_t>(count), 3, 224, 224});
        const auto bytes = file->bytes().subspan(start + first * size, count * size);
        std::transform(bytes.begin(), bytes.end(), tensor.floats().begin(), [](std::byte b) {
            return (static_cast<float>(std::to_integer<int>(b)) - 127.5F) / 127.5F;
        });
        return tensor;
    }
};

std::size_t best(std::span<const float> row)
{
    return static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

Tensor pixelsOf(const TinyVit& tiny, int batch, std::vector<std::vector<double>>& plain)
{
    Tensor tensor({batch, tiny.channels, tiny.image, tiny.image});
    const auto rows = randomRows(batch, tiny.channels * tiny.image * tiny.image, "pixels");
    plain = rows;
    const auto flat = flatRows(rows);
    std::copy(flat.begin(), flat.end(), tensor.floats().begin());
    return tensor;
}

std::vector<float> run(const std::shared_ptr<const Model>& model, Tensor pixels)
{
    const Weights weights(model, 1 << 28);
    std::vector<Tensor> inputs;
    inputs.push_back(std::move(pixels));
    const auto outputs = Executor(*model, weights).run(std::move(inputs), Monitor());
    return {outputs[0].floats().begin(), outputs[0].floats().end()};
}

} // namespace

class TestVit : public QObject
{
    Q_OBJECT

private slots:
    void agreesWithScalarOracle_data()
    {
        QTest::addColumn<int>("variant");
        QTest::newRow("vit") << 0;
        QTest::newRow("vit without a head") << 1;
        QTest::newRow("deit") << 2;
        QTest::newRow("deit with its teacher's head") << 3;
        QTest::newRow("gelu by tanh, one channel") << 4;
    }
    void agreesWithScalarOracle()
    {
        QFETCH(int, variant);
        TinyVit tiny;
        tiny.type = variant == 2 || variant == 3 ? "deit" : "vit";
        tiny.headless = variant == 1;
        tiny.teacher = variant == 3;
        if (variant == 4) {
            tiny.activation = "gelu_new";
            tiny.channels = 1;
        }
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        QVERIFY(model->task == (tiny.headless ? ModelTask::Other : ModelTask::Classification));
        QVERIFY(model->image && model->image->mean.empty());
        QCOMPARE(model->image->height, std::int64_t(12));
        std::vector<std::vector<double>> plain;
        const auto actual = run(model, pixelsOf(tiny, 3, plain));
        std::vector<float> expected;
        for (const auto& pixels : plain) {
            const auto rows = flatRows(tiny.output(pixels));
            expected.insert(expected.end(), rows.begin(), rows.end());
        }
        QVERIFY(
            allClose(std::span<const float>(actual), std::span<const float>(expected), 1e-4, 1e-4));
    }

    void preprocessingIsReadInUnitsOfStoredPixels_data()
    {
        QTest::addColumn<QString>("json");
        QTest::addColumn<QList<float>>("mean");
        QTest::addColumn<QList<float>>("deviation");
        QTest::addColumn<int>("resize");
        QTest::newRow("usual") << "{\"image_mean\": [0.5, 0.5, 0.5], \"image_std\": [0.5, 0.25, "
                                  "1], \"rescale_factor\": 0.00392156862745098, "
                                  "\"do_center_crop\": true, \"size\": {\"shortest_edge\": 16}}"
                               << QList<float>{127.5F, 127.5F, 127.5F}
                               << QList<float>{127.5F, 63.75F, 255} << 16;
        QTest::newRow("no normalization")
            << "{\"do_normalize\": false}" << QList<float>{0} << QList<float>{255} << 0;
        QTest::newRow("no rescaling") << "{\"do_rescale\": false, \"image_mean\": 100, "
                                         "\"image_std\": [50], \"size\": 12}"
                                      << QList<float>{100} << QList<float>{50} << 0;
        QTest::newRow("old size and crop") << "{\"size\": 14, \"do_center_crop\": true}"
                                           << QList<float>{127.5F} << QList<float>{127.5F} << 14;
    }
    void preprocessingIsReadInUnitsOfStoredPixels()
    {
        QFETCH(QString, json);
        QFETCH(QList<float>, mean);
        QFETCH(QList<float>, deviation);
        QFETCH(int, resize);
        TinyVit tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        TinyModel::writeJson(folder / "preprocessor_config.json",
                             nlohmann::json::parse(json.toStdString()));
        const auto model = openModel(folder.path());
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        const auto close = [](const std::vector<float>& actual, const QList<float>& expected) {
            return allClose(std::span<const float>(actual),
                            std::span<const float>(expected.begin(), expected.end()), 1e-6, 0);
        };
        QVERIFY(close(model->image->mean, mean));
        QVERIFY(close(model->image->deviation, deviation));
        QCOMPARE(model->image->resize, std::int64_t(resize));
    }

    void saysWhyAModelCannotRun_data()
    {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("value");
        QTest::addColumn<QString>("expected");
        const auto row = [](const char* name, const char* file, const char* key, const char* value,
                            const char* expected) {
            QTest::newRow(name) << QString(file) << QString(key) << QString(value)
                                << QString(expected);
        };
        row("patch too large", "config.json", "patch_size", "13", "patch");
        row("other patch", "config.json", "patch_size", "6", "projection");
        row("other image", "config.json", "image_size", "16", "position_embeddings");
        row("sizes", "config.json", "image_size", "[1, 2, 3]", "image_size");
        row("channels", "config.json", "num_channels", "1", "projection");
        row("heads", "config.json", "num_attention_heads", "5", "divisible");
        row("deviation", "preprocessor_config.json", "image_std", "0", "image_std");
        row("mean", "preprocessor_config.json", "image_mean", "[1, 2]", "image_mean");
        row("flag", "preprocessor_config.json", "do_rescale", "3", "preprocessor_config.json");
    }
    void saysWhyAModelCannotRun()
    {
        QFETCH(QString, file);
        QFETCH(QString, key);
        QFETCH(QString, value);
        QFETCH(QString, expected);
        TinyVit tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        auto json = file == "config.json" ? tiny.config() : nlohmann::json::object();
        json[key.toStdString()] = nlohmann::json::parse(value.toStdString());
        TinyModel::writeJson(folder / file.toStdString(), json);
        const auto model = openModel(folder.path());
        QVERIFY(!model->canRun());
        QVERIFY2(QString::fromStdString(model->whyNotRunnable).contains(expected),
                 model->whyNotRunnable.c_str());
    }

    void anImageOfAnotherSizeIsAnError()
    {
        TinyVit tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        QVERIFY_EXCEPTION_THROWN((void)run(model, Tensor({1, 3, 12, 13})), Error);
    }

    void gradientsOfABlockAgreeWithFiniteDifferences()
    {
        TinyVit tiny;
        tiny.hidden = 12;
        tiny.intermediate = 16;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        const auto input = randomRows(5, tiny.hidden, "input");
        const auto c = randomRows(5, tiny.hidden, "c");
        const BlockGradients actual = blockGradients(model, 1, input, {}, c);
        const auto expected =
            inputDifferences([&](const TinyModel::Rows& x) { return tiny.block(x, 1); }, input, c);
        QVERIFY(allClose(std::span<const float>(actual.input), std::span<const double>(expected),
                         1e-3, 1e-4));
    }

    void threadsDoNotChangeBits()
    {
        TinyVit tiny;
        const TemporaryFolder folder;
        tiny.write(folder.path());
        const auto model = openModel(folder.path());
        std::vector<std::vector<double>> plain;
        std::vector<float> results[2];
        for (int threads = 1; threads <= 2; ++threads) {
            const ThreadLimit limit(threads);
            results[threads - 1] = run(model, pixelsOf(tiny, 5, plain));
        }
        QVERIFY(results[0] == results[1]);
    }

    void knownImages()
    {
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA names no folder of models");
        const auto model = openModel(*data / "vit-tiny-tinyimagenet" / "model.safetensors");
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        QCOMPARE(model->image->resize, std::int64_t(256));
        for (const auto* values : {&model->image->mean, &model->image->deviation})
            for (const float value : *values)
                QVERIFY(isClose(static_cast<double>(value), 127.5, 1e-6));
        const auto folder = *data / "imagenet-images";
        const auto golden = readNpy<float>(folder / "golden_vit_logits.npy");
        const auto labels = readNpy<std::int32_t>(folder / "labels_tinyimagenet_i32.npy").values;
        const Images images(folder / "images_u8_nchw.npy");
        const std::size_t classes = 200;
        int right = 0;
        int labelled = 0;
        double worst = 0;
        constexpr std::size_t batch = 20;
        for (std::size_t first = 0; first < labels.size(); first += batch) {
            const auto logits = run(model, images.batch(first, batch));
            for (std::size_t i = 0; i < batch; ++i) {
                const auto actual = std::span(logits).subspan(i * classes, classes);
                const auto expected =
                    std::span(golden.values).subspan((first + i) * classes, classes);
                QCOMPARE(best(actual), best(expected));
                double error = 0;
                double size = 0;
                for (std::size_t c = 0; c < classes; ++c) {
                    error =
                        std::max(error, std::fabs(static_cast<double>(actual[c] - expected[c])));
                    size = std::max(size, std::fabs(static_cast<double>(expected[c])));
                }
                worst = std::max(worst, error / size);
                const int label = labels[first + i];
                labelled += label >= 0 ? 1 : 0;
                right += label >= 0 && static_cast<std::size_t>(label) == best(actual) ? 1 : 0;
            }
        }
        qInfo("largest error of a logit over the largest logit: %.3g", worst);
        QVERIFY(worst < 1e-4);
        QCOMPARE(labelled, 91);
        QCOMPARE(right, 57);
    }
};

QTEST_APPLESS_MAIN(TestVit)
#include "tst_vit.moc"
