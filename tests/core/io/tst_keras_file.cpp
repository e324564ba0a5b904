// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/graph/model.h"
#include "core/io/keras_file.h"
#include "core/session/statistics.h"
#include "tests/support/keras_writer.h"
#include "tests/support/support.h"

#include <QTest>

#include <fstream>
#include <functional>
#include <map>

/// libhdf5 leaks in its own error paths.
extern "C" const char* __lsan_default_suppressions()
{
    return "leak:libhdf5";
}

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

std::shared_ptr<const ModelFile> opened(const fs::path& path)
{
    return openKeras(mapFile(path), path).tensors;
}

QByteArray bytesOf(const Tensor& tensor)
{
    return {reinterpret_cast<const char*>(tensor.bytes().data()),
            static_cast<qsizetype>(tensor.bytes().size())};
}

/// A small model of every kind of kernel; each class is told by the configuration.
void writeModel(const fs::path& path, bool variable, bool split)
{
    const std::vector<std::string> layers{"dense",     "conv",  "conv1d", "up",   "depthwise",
                                          "separable", "embed", "lstm",   "norm", "modern"};
    const std::map<std::string, std::string> classes{
        {"dense", "Dense"},      {"conv", "Conv2D"},
        {"conv1d", "Conv1D"},    {"up", "Conv2DTranspose"},
        {"embed", "Embedding"},  {"depthwise", "DepthwiseConv2D"},
        {"lstm", "LSTM"},        {"separable", "SeparableConv2D"},
        {"norm", "EinsumDense"}, {"modern", "DepthwiseConv2D"},
    };
    KerasWriter writer(path);
    writer.group("/model_weights");
    if (split) {
        writer.texts("/model_weights", "layer_names0", {layers.begin(), layers.begin() + 4},
                     variable);
        writer.texts("/model_weights", "layer_names1", {layers.begin() + 4, layers.end()},
                     variable);
    } else {
        writer.texts("/model_weights", "layer_names", layers, variable);
    }
    std::string config = "{\"class_name\":\"Functional\",\"config\":{\"name\":\"m\",\"layers\":[";
    for (const auto& [name, kind] : classes)
        config += "{\"class_name\":\"" + kind + "\",\"config\":{\"name\":\"" + name + "\"}},";
    config.back() = ']';
    writer.texts("/", "model_config", {config + "}}"}, variable, true);
    const std::string root = "/model_weights";
    writer.layer(root, "dense", {{"dense/kernel:0", {2, 3}}, {"dense/bias:0", {3}}}, variable);
    writer.layer(root, "conv", {{"conv/kernel:0", {1, 2, 3, 2}}}, variable);
    writer.layer(root, "conv1d", {{"conv1d/kernel:0", {2, 1, 2}}}, variable);
    writer.layer(root, "up", {{"up/kernel:0", {1, 1, 3, 2}}}, variable);
    writer.layer(root, "depthwise", {{"depthwise/depthwise_kernel:0", {1, 2, 2, 2}}}, variable);
    writer.layer(root, "separable",
                 {{"separable/depthwise_kernel:0", {1, 1, 2, 1}},
                  {"separable/pointwise_kernel:0", {1, 1, 2, 3}}},
                 variable);
    writer.layer(root, "embed", {{"embed/embeddings:0", {4, 2}}}, variable);
    writer.layer(
        root, "lstm",
        {{"lstm/lstm_cell/kernel:0", {2, 4}}, {"lstm/lstm_cell/recurrent_kernel:0", {1, 4}}},
        variable);
    writer.layer(root, "norm", {{"norm/kernel:0", {2, 2, 2}}}, variable);
    // As Keras 3 calls it.
    writer.layer(root, "modern", {{"modern/kernel:0", {1, 2, 2, 2}}}, variable);
}

void patch(const fs::path& path, std::size_t at, const std::string& bytes)
{
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file << bytes;
}

} // namespace

class TestKerasFile : public QObject
{
    Q_OBJECT

private slots:
    void readsAModel_data()
    {
        QTest::addColumn<bool>("variable");
        QTest::addColumn<bool>("split");
        QTest::newRow("fixed texts") << false << false;
        QTest::newRow("texts of variable length") << true << false;
        QTest::newRow("lists in parts") << false << true;
    }

    void readsAModel()
    {
        QFETCH(bool, variable);
        QFETCH(bool, split);
        TemporaryFolder folder;
        writeModel(folder / "m.h5", variable, split);
        const auto model = openModel(folder / "m.h5");
        QCOMPARE(model->source.format, std::string("keras"));
        QCOMPARE(model->architecture, std::string("Keras model (not run)"));
        QVERIFY(!model->canRun());
        const ModelFile& file = *model->source.tensors;
        QCOMPARE(file.tensors().size(), std::size_t(13));
        QCOMPARE(file.tensors()[0].name, std::string("dense/kernel:0"));
        QCOMPARE(file.tensors()[1].name, std::string("dense/bias:0"));
        QVERIFY(file.unread().empty());
        for (const TensorInfo& info : file.tensors()) {
            const Tensor values = file.readFloat(info.name);
            for (std::int64_t i = 0; i < values.count(); ++i)
                QCOMPARE(values.floats()[static_cast<std::size_t>(i)], static_cast<float>(i));
            QCOMPARE(bytesOf(file.read(info.name)), bytesOf(values));
        }

        struct Expected
        {
            const char* name;
            LayerKind kind;
            std::int64_t rows;
            std::vector<float> first;
        };
        constexpr auto linear = LayerKind::Linear;
        constexpr auto convolution = LayerKind::Convolution;
        const std::vector<Expected> expected{
            {"dense", linear, 3, {0, 3}},
            {"conv", convolution, 2, {0, 6, 2, 8, 4, 10}}, // in, kh, kw of out 0
            {"conv1d", convolution, 2, {0, 2}},
            {"up", convolution, 3, {0, 1}}, // out stands before in
            {"depthwise", convolution, 4, {0, 4}},
            {"separable", convolution, 2, {0}},
            {"separable/pointwise_kernel:0", convolution, 3, {0, 3}},
            {"embed", LayerKind::Embedding, 4, {0, 1}},
            {"lstm/lstm_cell", linear, 4, {0, 4}},
            {"lstm/lstm_cell/recurrent_kernel:0", linear, 4, {0}},
            {"modern", convolution, 4, {0, 4}},
            {"norm/kernel:0", LayerKind::Other, 2, {0, 1, 2, 3}},
        };
        QCOMPARE(model->layers.size(), expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const Layer& layer = model->layers[i];
            QCOMPARE(layer.name, std::string(expected[i].name));
            QVERIFY2(layer.kind == expected[i].kind, expected[i].name);
            QCOMPARE(layer.rows, expected[i].rows);
            QCOMPARE(layer.cols, std::int64_t(expected[i].first.size()));
            const Tensor weight = layerWeight(*model, layer);
            for (std::size_t c = 0; c < expected[i].first.size(); ++c)
                QCOMPARE(weight.floats()[c], expected[i].first[c]);
            QCOMPARE(layer.quantizedByDefault, layer.kind == linear || layer.kind == convolution);
            QCOMPARE(bytesOf(storedOfMatrix(layerWeight(*model, layer), layer.layout, layer.shape)),
                     bytesOf(file.readFloat(layer.weight)));
        }
    }

    void readsWeightsAlone()
    {
        TemporaryFolder folder;
        {
            KerasWriter writer(folder / "w.h5");
            writer.texts("/", "layer_names", {"outer/inner"}, false);
            writer.layer("", "outer/inner", {{"a/kernel:0", {3, 3, 2, 4}}});
        }
        const auto model = openModel(folder / "w.h5");
        QCOMPARE(model->layers.size(), std::size_t(1));
        QVERIFY(model->layers[0].kind == LayerKind::Convolution && model->layers[0].rows == 4);
    }

    void namesOfTwoLayersAreToldApart()
    {
        TemporaryFolder folder;
        {
            KerasWriter writer(folder / "w.h5");
            writer.texts("/", "layer_names", {"a", "b"}, false);
            writer.layer("", "a", {{"kernel:0", {2, 2}}});
            writer.layer("", "b", {{"kernel:0", {2, 2}}});
        }
        const auto file = opened(folder / "w.h5");
        QVERIFY(file->find("kernel:0") && file->find("b/kernel:0"));
    }

    void whatCannotBeReadIsListed()
    {
        TemporaryFolder folder;
        {
            KerasWriter writer(folder / "m.h5");
            writer.texts("/", "layer_names", {"a"}, false);
            writer.dataset("/a/packed", {8, 8}, H5T_IEEE_F32LE, true);
            writer.dataset("/a/big", {2}, H5T_IEEE_F32BE);
            writer.dataset("/a/small", {2}, H5T_STD_U16LE);
            writer.dataset("/a/good", {2}, H5T_STD_I64LE);
            writer.texts("/a", "weight_names", {"packed", "big", "small", "good"}, false);
        }
        const auto file = opened(folder / "m.h5");
        QCOMPARE(file->tensors().size(), std::size_t(1));
        QVERIFY(file->tensors()[0].dtype == DType::I64);
        QCOMPARE(file->readFloat("good").floats()[1], 1.0F);
        QCOMPARE(file->unread().size(), std::size_t(3));
        QVERIFY(QByteArray(file->unread()[0].why.c_str()).contains("compress"));
        for (const char* name : {"packed", "big", "small"})
            try {
                (void)file->read(name);
                QFAIL("was read");
            } catch (const Error& error) {
                QVERIFY(error.code() == ErrorCode::Unsupported);
            }
    }

    void bad_data()
    {
        using Spoil = std::function<void(const fs::path&)>;
        QTest::addColumn<Spoil>("spoil");
        QTest::addColumn<QByteArray>("message");
        const auto row = [](const char* name, const Spoil& spoil, const char* message) {
            QTest::newRow(name) << spoil << QByteArray(message);
        };
        const auto layers = [](const std::vector<std::string>& names,
                               const std::function<void(KerasWriter&)>& more) {
            return [names, more](const fs::path& path) {
                KerasWriter writer(path);
                writer.texts("/", "layer_names", names, false);
                more(writer);
            };
        };
        const auto patched = [](std::size_t at, const std::string& bytes) {
            return [at, bytes](const fs::path& path) {
                writeModel(path, false, false);
                patch(path, at, bytes);
            };
        };
        row(
            "another HDF5 file", [](const fs::path& path) { KerasWriter(path).dataset("/x", {1}); },
            "no Keras model");
        row(
            "model_weights is a dataset",
            [](const fs::path& path) { KerasWriter(path).dataset("/model_weights", {1}); },
            "cannot be opened as a group");
        row(
            "no list", [](const fs::path& path) { KerasWriter(path).group("/model_weights"); },
            "layer_names (attribute) is missing");
        row("no such layer", layers({"a"}, [](KerasWriter&) {}), "missing");
        row("a layer without list", layers({"a"}, [](KerasWriter& w) { w.group("/a"); }),
            "weight_names (attribute) is missing");
        row("no such weight",
            layers({"a"},
                   [](KerasWriter& w) {
                       w.group("/a");
                       w.texts("/a", "weight_names", {"k"}, false);
                   }),
            "is missing");
        row("a weight is a group",
            layers({"a"},
                   [](KerasWriter& w) {
                       w.group("/a/k");
                       w.texts("/a", "weight_names", {"k"}, false);
                   }),
            "cannot be opened as a dataset");
        row("a weight twice",
            layers({"a"},
                   [](KerasWriter& w) {
                       w.dataset("/a/k", {1});
                       w.texts("/a", "weight_names", {"k", "k"}, false);
                   }),
            "the name of another");
        row("an empty name", layers({""}, [](KerasWriter&) {}), "missing");
        row("the group itself", layers({"."}, [](KerasWriter&) {}), "is missing");
        row("a soft link",
            layers({"a"},
                   [](KerasWriter& w) {
                       w.group("/a");
                       w.dataset("/x", {1});
                       w.softLink("/x", "/a/k");
                       w.texts("/a", "weight_names", {"k"}, false);
                   }),
            "is missing");
        row("a link into another file",
            layers({"a"},
                   [](KerasWriter& w) {
                       w.group("/a");
                       w.externalLink("other.h5", "/x", "/a/k");
                       w.texts("/a", "weight_names", {"k"}, false);
                   }),
            "is missing");
        std::string deep = "a";
        for (int i = 0; i < 100; ++i)
            deep += "/a";
        row("a deep name", layers({deep}, [](KerasWriter&) {}), "more than 64 parts");
        row("the list is a number",
            layers({"a"},
                   [](KerasWriter& w) {
                       w.group("/a");
                       w.texts("/a", "weight_names", {"\xFF\xFE"}, false);
                   }),
            "no name");
        // References may all name the long one: the copies would take gigabytes.
        row(
            "a long text among thousands",
            [](const fs::path& path) {
                std::vector<std::string> names(2000, "x");
                names[7] = std::string(std::size_t(1) << 20, 'a');
                KerasWriter(path).texts("/", "layer_names", names, true);
            },
            "longest");
        row("superblock of version 9", patched(8, "\x09"), "superblock");
        row("offsets of 4 bytes", patched(13, "\x04"), "superblock");
        row("lengths of 4 bytes", patched(14, "\x04"), "superblock");
        row("a base address", patched(24, "\x08"), "superblock");
        row("an end beyond the file", patched(44, "\x01"), "is cut");
    }

    void bad()
    {
        using Spoil = std::function<void(const fs::path&)>;
        QFETCH(Spoil, spoil);
        QFETCH(QByteArray, message);
        TemporaryFolder folder;
        spoil(folder / "m.h5");
        try {
            (void)openModelSource(folder / "m.h5");
            QFAIL("was opened");
        } catch (const Error& error) {
            QVERIFY2(QByteArray(error.what()).contains(message), error.what());
            QVERIFY2(QByteArray(error.what()).contains("m.h5"), error.what());
        }
    }

    void everyCutIsAnError()
    {
        TemporaryFolder folder;
        writeModel(folder / "m.h5", true, false);
        const std::string whole = readTextFile(folder / "m.h5");
        for (std::size_t length = 0; length < whole.size(); length += 1 + length / 40) {
            std::ofstream(folder / "cut.h5", std::ios::binary) << whole.substr(0, length);
            QVERIFY_EXCEPTION_THROWN((void)openModelSource(folder / "cut.h5"), Error);
        }
        std::ofstream(folder / "cut.h5", std::ios::binary) << whole.substr(0, whole.size() - 1);
        QVERIFY_EXCEPTION_THROWN((void)openModelSource(folder / "cut.h5"), Error);
    }

    void mobileNetIsTheOnnxOne()
    {
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA names no folder of real models");
        const fs::path folder = *data / "mobilenetv1-0.25-imagenet";
        const auto keras = openModel(folder / "mobilenet_v1_0.25_224.h5");
        const auto onnx = openModel(folder / "mobilenet_v1_0.25_224.onnx");
        QCOMPARE(keras->layers.size(), std::size_t(28));
        int compared = 0;
        for (const Layer& layer : keras->layers) {
            const Layer* other = onnx->findLayer(layer.name);
            QVERIFY2(other, layer.name.c_str());
            QCOMPARE(other->rows, layer.rows);
            QCOMPARE(bytesOf(layerWeight(*onnx, *other)), bytesOf(layerWeight(*keras, layer)));
            ++compared;
        }
        QCOMPARE(compared, 28); // batch normalization is not folded in either
    }

    void tinyModels_data()
    {
        QTest::addColumn<QString>("path");
        QTest::addColumn<int>("layers");
        QTest::addColumn<int>("firstRows");
        QTest::newRow("autoencoder") << "mlperf-tiny/ad01.h5" << 10 << 128;
        QTest::newRow("ResNet-8") << "mlperf-tiny/pretrainedResnet.h5" << 10 << 16;
    }

    void tinyModels()
    {
        QFETCH(QString, path);
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA names no folder of real models");
        const auto model = openModel(*data / path.toStdString());
        QTEST(int(model->layers.size()), "layers");
        QTEST(int(model->layers[0].rows), "firstRows");
        for (const Layer& layer : model->layers) {
            QVERIFY(layer.quantizedByDefault);
            QCOMPARE(layerWeight(*model, layer).count(), elementCount(layer.shape));
        }
    }
};

QTEST_GUILESS_MAIN(TestKerasFile)
#include "tst_keras_file.moc"
