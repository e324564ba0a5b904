// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/executor.h"
#include "core/graph/fold_batch_norms.h"
#include "core/io/changed_model_file.h"
#include "tests/support/npy.h"
#include "tests/support/onnx_case_writer.h"
#include "tests/support/onnx_cases.h"
#include "tests/support/support.h"
#include "tests/support/tiny_keras.h"

#include <QTest>

#include <algorithm>
#include <cmath>

using namespace gradus;
using namespace gradus::test;
using namespace gradus::test::onnx;
namespace fs = std::filesystem;

namespace {

std::size_t normsOf(const Model& model)
{
    return static_cast<std::size_t>(
        std::count_if(model.graph.nodes.begin(), model.graph.nodes.end(), [](const Node& node) {
            return std::holds_alternative<op::BatchNorm>(node.op);
        }));
}

Tensor numbersOf(Shape shape)
{
    Tensor tensor(std::move(shape));
    double at = 0.3;
    for (float& value : tensor.floats())
        value = static_cast<float>(2 * std::sin(at += 0.7));
    return tensor;
}

std::vector<Tensor> run(const std::shared_ptr<const Model>& model, const Tensor& input)
{
    const Weights weights(model, std::uint64_t(1) << 26);
    std::vector<Tensor> inputs;
    inputs.push_back(input.clone());
    return Executor(*model, weights).run(std::move(inputs), Monitor());
}

/// To 1e-5 of the largest element.
void compare(const std::vector<Tensor>& ours, const std::vector<Tensor>& theirs)
{
    QCOMPARE(ours.size(), theirs.size());
    for (std::size_t o = 0; o < ours.size(); ++o) {
        QCOMPARE(ours[o].shape(), theirs[o].shape());
        const auto expected = theirs[o].floats();
        float largest = 0;
        for (const float value : expected)
            largest = std::max(largest, std::abs(value));
        for (std::size_t i = 0; i < expected.size(); ++i)
            QVERIFY2(std::abs(ours[o].floats()[i] - expected[i]) <= 1e-5F * largest,
                     qPrintable(QString("output %1, element %2: %3, expected %4")
                                    .arg(o)
                                    .arg(i)
                                    .arg(static_cast<double>(ours[o].floats()[i]))
                                    .arg(static_cast<double>(expected[i]))));
    }
}

/// The nodes of one model with the tensors of another: what an export into the model's own format
/// is to whoever loads it.
std::shared_ptr<const Model> withTensorsOf(const Model& model, const Model& tensors)
{
    auto mixed = std::make_shared<Model>(model);
    mixed->source.tensors = tensors.source.tensors;
    return mixed;
}

/// gamma, beta, mean and variance of so many channels, as initializers.
std::string normTensors(const std::string& name, std::int64_t channels)
{
    const auto given = [&](const std::string& part, double low, double high, unsigned seed) {
        return initializer(tensor(name + part, fed({channels}, low, high, seed)));
    };
    return given(".gamma", -1.5, 1.5, 7) + given(".beta", -1, 1, 8) + given(".mean", -1, 1, 9) +
           given(".variance", 0.01, 3, 10);
}

std::string norm(const std::string& from, const std::string& to, const std::string& name)
{
    return node("BatchNormalization",
                {from, name + ".gamma", name + ".beta", name + ".mean", name + ".variance"}, {to},
                realAttribute("epsilon", 1e-3F));
}

std::string weight(const std::string& name, const Shape& shape)
{
    return initializer(tensor(name, fed(shape, -1, 1, 3)));
}

struct Network
{
    Shape shape;
    std::string content;
};

/// Every product that takes a norm in.
Network everyProduct()
{
    const auto group = [](std::int64_t count) { return attribute("group", count); };
    return {{2, 4, 6, 5},
            input("x", float32, {2, 4, 6, 5}) + output("y") + weight("plain", {6, 4, 3, 2}) +
                weight("grouped", {4, 3, 1, 1}) + weight("grouped.bias", {4}) +
                weight("depthwise", {4, 1, 2, 2}) + weight("up", {4, 3, 2, 2}) +
                weight("up.bias", {6}) + weight("dense", {36, 5}) + weight("dense.bias", {5}) +
                weight("product", {5, 4}) + normTensors("n1", 6) + normTensors("n2", 4) +
                normTensors("n3", 4) + normTensors("n4", 6) + normTensors("n5", 5) +
                normTensors("n6", 4) + initializer(integers("flat", {2, 36})) +
                node("Conv", {"x", "plain"}, {"a"}) + norm("a", "b", "n1") +
                node("Relu", {"b"}, {"b2"}) +
                node("Conv", {"b2", "grouped", "grouped.bias"}, {"c"}, group(2)) +
                norm("c", "d", "n2") + node("Conv", {"d", "depthwise"}, {"e"}, group(4)) +
                norm("e", "f", "n3") +
                node("ConvTranspose", {"f", "up", "up.bias"}, {"g"},
                     group(2) + axes("strides", {2, 2}) + axes("pads", {1, 1, 2, 2})) +
                norm("g", "h", "n4") + node("GlobalAveragePool", {"h"}, {"p"}) +
                node("Concat", {"p", "p", "p", "p", "p", "p"}, {"q"}, attribute("axis", 1)) +
                node("Reshape", {"q", "flat"}, {"r"}) +
                node("Gemm", {"r", "dense", "dense.bias"}, {"s"}) + norm("s", "t", "n5") +
                node("MatMul", {"t", "product"}, {"u"}) + norm("u", "y", "n6")};
}

std::shared_ptr<const Model> built(const std::string& graph)
{
    return onnxModel(onnx::model(graph, 13));
}

/// A convolution and a norm behind it, and what else there is.
std::string pair(const std::string& besides)
{
    return input("x", float32, {1, 2, 3, 3}) + output("y") + weight("w", {4, 2, 1, 1}) +
           weight("b", {4}) + normTensors("n", 4) + node("Conv", {"x", "w", "b"}, {"c"}) + besides;
}

} // namespace

class TestFoldBatchNorms : public QObject
{
    Q_OBJECT

private slots:
    void foldsIntoEveryProduct()
    {
        const Network network = everyProduct();
        const auto model = built(network.content);
        QCOMPARE(model->whyNotRunnable, std::string());
        QCOMPARE(normsOf(*model), std::size_t(6));
        const auto folded = foldBatchNorms(model);
        QCOMPARE(normsOf(*folded), std::size_t(0));
        QCOMPARE(foldableNorms(*folded).folded.size(), std::size_t(6));
        QVERIFY(foldableNorms(*folded).kept.empty());
        const Tensor x = numbersOf(network.shape);
        compare(run(folded, x), run(model, x));

        // The layers are the same, at their new places.
        QCOMPARE(folded->layers.size(), model->layers.size());
        for (std::size_t i = 0; i < model->layers.size(); ++i) {
            const Layer& layer = folded->layers[i];
            QCOMPARE(layer.name, model->layers[i].name);
            QCOMPARE(layer.node >= 0, model->layers[i].node >= 0);
            if (layer.node >= 0)
                QCOMPARE(folded->graph.nodes[static_cast<std::size_t>(layer.node)].name,
                         model->graph.nodes[static_cast<std::size_t>(model->layers[i].node)].name);
        }
        // And there is a way back.
        QCOMPARE(unfolded(folded).get(), model.get());
        QCOMPARE(unfolded(model).get(), model.get());
        QCOMPARE(foldBatchNorms(folded).get(), folded.get());
        QVERIFY(hasFoldedNorms(*folded) && !hasFoldedNorms(*model));
    }

    /// The weights of a channel, by the formula.
    void weightsAreThoseOfTheFormula()
    {
        const auto model = built(pair(norm("c", "y", "n")));
        const auto folded = foldBatchNorms(model);
        const ModelFile& before = *model->source.tensors;
        const ModelFile& after = *folded->source.tensors;
        for (std::size_t c = 0; c < 4; ++c) {
            const auto at = [&](const ModelFile& file, const std::string& name,
                                std::size_t i) -> double {
                return static_cast<double>(file.readFloat(name).floats()[i]);
            };
            const double factor = at(before, "n.gamma", c) / std::sqrt(at(before, "n.variance", c) +
                                                                       static_cast<double>(1e-3F));
            for (std::size_t i = 0; i < 2; ++i)
                QCOMPARE(at(after, "w", 2 * c + i), static_cast<double>(static_cast<float>(
                                                        at(before, "w", 2 * c + i) * factor)));
            QCOMPARE(at(after, "b", c),
                     static_cast<double>(static_cast<float>(
                         (at(before, "b", c) - at(before, "n.mean", c)) * factor +
                         at(before, "n.beta", c))));
            QCOMPARE(at(after, "n.gamma", c), 1.0);
            QCOMPARE(at(after, "n.beta", c), 0.0);
            QCOMPARE(at(after, "n.mean", c), 0.0);
            QCOMPARE(at(after, "n.variance", c), static_cast<double>(1 - 1e-3F));
        }
    }

    /// The file's own nodes compute the same with the folded tensors.
    void theFilesNodesStayRight()
    {
        const Network network = everyProduct();
        const auto model = built(network.content);
        const auto folded = foldBatchNorms(model);
        const Tensor x = numbersOf(network.shape);
        compare(run(withTensorsOf(*model, *folded), x), run(model, x));
    }

    void keepsWhatItMust_data()
    {
        QTest::addColumn<QByteArray>("graph");
        QTest::addColumn<QString>("why");
        const auto row = [](const char* name, const std::string& graph, const char* why) {
            QTest::newRow(name) << QByteArray::fromStdString(graph) << QString(why);
        };
        row("another reader of the output",
            pair(norm("c", "d", "n") + node("Add", {"c", "d"}, {"y"})), "is read by other nodes");
        row("the output is one of the graph's", pair(output("c") + norm("c", "y", "n")),
            "is read by other nodes");
        row("a weight that two share",
            pair(node("Conv", {"x", "w", "b"}, {"c2"}) + norm("c", "d", "n") +
                 node("Add", {"c2", "d"}, {"y"})),
            "the tensor \"w\" is read by other nodes");
        row("tensors of a norm that two share",
            pair(weight("w2", {4, 2, 1, 1}) + node("Conv", {"x", "w2"}, {"c2"}) +
                 norm("c", "d", "n") + norm("c2", "e", "n") + node("Add", {"d", "e"}, {"y"})),
            "is read by other nodes");
        row("no product before it", pair(node("Relu", {"c"}, {"r"}) + norm("r", "y", "n")),
            "its input comes from Relu");
        row("an input",
            pair(normTensors("m", 2) + norm("x", "z", "m") + node("Conv", {"z", "w"}, {"y"})),
            "its input is an input of the model");
        row("channels in the middle",
            input("x", float32, {2, 3, 5}) + output("y") + weight("w", {5, 3}) +
                normTensors("n", 3) + node("MatMul", {"x", "w"}, {"c"}) + norm("c", "y", "n"),
            "is not batch × channels");
        row("an epsilon that no variance makes up for",
            pair(node("BatchNormalization", {"c", "n.gamma", "n.beta", "n.mean", "n.variance"},
                      {"y"}, realAttribute("epsilon", 1.5F))),
            "its epsilon is 1.5");
        row("a variance below zero",
            input("x", float32, {1, 2, 3, 3}) + output("y") + weight("w", {1, 2, 1, 1}) +
                initializer(floats("g", {1}, {1})) + initializer(floats("v", {1}, {-1})) +
                initializer(floats("b", {1}, {1})) + initializer(floats("m", {1}, {1})) +
                node("Conv", {"x", "w"}, {"c"}) +
                node("BatchNormalization", {"c", "g", "b", "m", "v"}, {"y"}),
            "which makes no finite weights");
    }
    void keepsWhatItMust()
    {
        QFETCH(QByteArray, graph);
        QFETCH(QString, why);
        const auto model = built(graph.toStdString());
        QCOMPARE(model->whyNotRunnable, std::string());
        const FoldedNorms norms = foldableNorms(*model);
        QVERIFY(norms.folded.empty());
        QVERIFY2(QString::fromStdString(norms.kept.at(0).why).contains(why),
                 norms.kept.at(0).why.c_str());
        QCOMPARE(foldBatchNorms(model).get(), model.get());
    }

    void keras_data()
    {
        QTest::addColumn<bool>("scale");
        QTest::addColumn<bool>("center");
        QTest::addColumn<bool>("bias");
        for (int i = 0; i < 8; ++i)
            QTest::newRow(qPrintable(QString::number(i)))
                << bool(i & 1) << bool(i & 2) << bool(i & 4);
    }
    void keras()
    {
        QFETCH(bool, scale);
        QFETCH(bool, center);
        QFETCH(bool, bias);
        TemporaryFolder folder;
        TinyKeras net({6, 5, 3});
        const auto norm = [&](const std::string& name, hsize_t channels) {
            std::vector<TinyKeras::Weight> weights;
            if (scale)
                weights.push_back(TinyKeras::weight("gamma", {channels}, 0.1, 1));
            if (center)
                weights.push_back(TinyKeras::weight("beta", {channels}, 0.2));
            weights.push_back(TinyKeras::weight("moving_mean", {channels}, 0.3));
            weights.push_back(TinyKeras::weight("moving_variance", {channels}, 0.4, 0.8));
            net.add(name, "BatchNormalization",
                    {{"axis", {-1}}, {"scale", scale}, {"center", center}, {"epsilon", 1e-2}},
                    weights);
        };
        const auto product = [&](const std::string& name, const std::string& kind,
                                 const std::string& kernel, std::vector<hsize_t> dims,
                                 hsize_t outputs, TinyKeras::Json config) {
            std::vector<TinyKeras::Weight> weights{TinyKeras::weight(kernel, dims, 0.7)};
            if (bias)
                weights.push_back(TinyKeras::weight("bias", {outputs}, 0.9));
            config["use_bias"] = bias;
            net.add(name, kind, std::move(config), weights);
        };
        product("conv", "Conv2D", "kernel", {3, 3, 3, 4}, 4,
                {{"filters", 4}, {"kernel_size", {3, 3}}, {"padding", "same"}});
        norm("conv_norm", 4);
        product("depthwise", "DepthwiseConv2D", "depthwise_kernel", {3, 2, 4, 2}, 8,
                {{"kernel_size", {3, 2}}, {"strides", {1, 1}}, {"depth_multiplier", 2}});
        norm("depthwise_norm", 8);
        product("up", "Conv2DTranspose", "kernel", {2, 3, 6, 8}, 6,
                {{"filters", 6}, {"kernel_size", {2, 3}}, {"strides", {2, 2}}});
        norm("up_norm", 6);
        net.add("pool", "GlobalAveragePooling2D");
        product("dense", "Dense", "kernel", {6, 5}, 5, {{"units", 5}});
        norm("dense_norm", 5);
        net.writeH5(folder / "net.h5");

        const auto model = openModel(folder / "net.h5");
        QCOMPARE(model->whyNotRunnable, std::string());
        QCOMPARE(normsOf(*model), std::size_t(4));
        const auto folded = foldBatchNorms(model);
        QCOMPARE(normsOf(*folded), std::size_t(0));
        const Tensor x = numbersOf({2, 6, 5, 3});
        compare(run(folded, x), run(model, x));
        compare(run(withTensorsOf(*model, *folded), x), run(model, x));
        // Types and bytes of tensors are the file's.
        for (const TensorInfo& info : model->source.tensors->tensors())
            QCOMPARE(folded->source.tensors->read(info.name).bytes().size(), info.bytes);
    }

    void realModels_data()
    {
        QTest::addColumn<QString>("path");
        QTest::addColumn<QString>("images");
        QTest::addColumn<int>("norms");
        QTest::newRow("MobileNet, Keras") << "mobilenetv1-0.25-imagenet/mobilenet_v1_0.25_224.h5"
                                          << "imagenet" << 27;
        QTest::newRow("ResNet-8, Keras") << "mlperf-tiny/pretrainedResnet.h5"
                                         << "cifar" << 7;
    }
    void realModels()
    {
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA is not set");
        QFETCH(QString, path);
        QFETCH(QString, images);
        QFETCH(int, norms);
        const auto model = openModel(*data / path.toStdString());
        QVERIFY2(model->canRun(), model->whyNotRunnable.c_str());
        const auto folded = foldBatchNorms(model);
        QCOMPARE(normsOf(*model), static_cast<std::size_t>(norms));
        QCOMPARE(normsOf(*folded), std::size_t(0));
        Tensor x;
        if (images == "cifar") {
            const auto pixels = readNpy<std::uint8_t>(*data / "cifar10/test_images_u8_nhwc.npy");
            x = Tensor({50, 32, 32, 3});
            std::copy_n(pixels.values.begin(), x.floats().size(), x.floats().begin());
        } else {
            const auto pixels = readNpy<std::uint8_t>(*data / "imagenet-images/images_u8_nchw.npy");
            constexpr std::size_t plane = 224 * 224;
            x = Tensor({4, 224, 224, 3});
            for (std::size_t i = 0; i < x.floats().size(); ++i)
                x.floats()[i] =
                    (static_cast<float>(
                         pixels.values[(i / 3 / plane * 3 + i % 3) * plane + i / 3 % plane]) -
                     127.5F) /
                    127.5F;
        }
        compare(run(folded, x), run(model, x));
        compare(run(withTensorsOf(*model, *folded), x), run(model, x));
    }
};

QTEST_APPLESS_MAIN(TestFoldBatchNorms)
#include "tst_fold_batch_norms.moc"
