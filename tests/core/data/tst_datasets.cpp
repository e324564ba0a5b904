// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/data/array_dataset.h"
#include "core/data/labels.h"
#include "core/data/open_dataset.h"
#include "core/data/text_dataset.h"
#include "core/io/npy.h"
#include "tests/support/array_files.h"
#include "tests/support/image_files.h"
#include "tests/support/support.h"

#include <QTest>

#include <cstring>
#include <numeric>

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

Model modelOf(std::vector<GraphPort> inputs)
{
    Model model;
    model.graph.inputs = std::move(inputs);
    return model;
}

Model imageModel(const Shape& shape)
{
    Model model = modelOf({{0, "pixels", DType::F32, shape}});
    model.task = ModelTask::Classification;
    return model;
}

std::string bytesOf(const Tensor& tensor)
{
    return {reinterpret_cast<const char*>(tensor.bytes().data()), tensor.bytes().size()};
}

/// U8 values that tell their place.
Tensor countedBytes(const Shape& shape)
{
    Tensor tensor(DType::U8, shape);
    for (std::size_t i = 0; i < tensor.bytes().size(); ++i)
        tensor.bytes()[i] = std::byte(i * 7 % 256);
    return tensor;
}

float byteAt(const Tensor& tensor, std::size_t i)
{
    return static_cast<float>(std::to_integer<int>(tensor.bytes()[i]));
}

bool mentions(const std::vector<std::string>& lines, const std::string& words)
{
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
        return line.find(words) != std::string::npos;
    });
}

std::shared_ptr<const Dataset> opened(const Model& model, const DataChoice& choice)
{
    Monitor monitor;
    return openDataset(model, choice, monitor);
}

std::string failure(const Model& model, const DataChoice& choice)
{
    try {
        (void)opened(model, choice);
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

std::vector<std::int32_t> labelsIn(const Dataset& dataset)
{
    return {dataset.labels().begin(), dataset.labels().end()};
}

using Labels = std::vector<std::int32_t>;

/// A letter is a token from 10 on; 1 and 2 are the markers.
class LetterTokenizer final : public Tokenizer
{
public:
    std::string kind() const override { return "letters"; }
    std::int64_t vocabularySize() const override { return 100; }
    std::optional<Token> bos() const override { return 1; }
    std::optional<Token> eos() const override { return 2; }
    std::vector<Token> encode(std::string_view text) const override
    {
        std::vector<Token> tokens;
        for (const char c : text)
            tokens.push_back(10 + c - 'a');
        return tokens;
    }
    std::string decode(std::span<const Token>, bool) const override { return {}; }
};

std::vector<std::int64_t> integers(const Tensor& tensor)
{
    std::vector<std::int64_t> values(static_cast<std::size_t>(tensor.count()));
    std::memcpy(values.data(), tensor.bytes().data(), tensor.bytes().size());
    return values;
}

} // namespace

class TestDatasets : public QObject
{
    Q_OBJECT

private slots:
    void imagesInBothLayouts()
    {
        const TemporaryFolder folder;
        const Tensor nhwc = countedBytes({3, 4, 5, 3});
        const Tensor nchw = countedBytes({3, 3, 4, 5});
        writeNpy(folder / "nhwc.npy", nhwc.view());
        writeNpy(folder / "nchw.npy", nchw.view());
        const std::int64_t order[] = {2, 0};
        const auto at = [&](bool channelsFirst, std::size_t n, std::size_t y, std::size_t x,
                            std::size_t c) {
            return channelsFirst ? byteAt(nchw, ((n * 3 + c) * 4 + y) * 5 + x)
                                 : byteAt(nhwc, ((n * 4 + y) * 5 + x) * 3 + c);
        };
        for (const bool modelFirst : {true, false}) {
            Model model = imageModel(modelFirst ? Shape{-1, 3, 4, 5} : Shape{-1, 4, 5, 3});
            for (const bool fileFirst : {true, false}) {
                DataChoice choice;
                choice.data = folder / (fileFirst ? "nchw.npy" : "nhwc.npy");
                choice.mean = {1, 2, 3};
                choice.deviation = {2};
                const auto dataset = opened(model, choice);
                QCOMPARE(dataset->count(), 3);
                QVERIFY(dataset->labels().empty());
                QCOMPARE(mentions(dataset->warnings(), "turned"), modelFirst != fileFirst);
                const auto batch = dataset->batch(order);
                QCOMPARE(batch.size(), std::size_t(1));
                QVERIFY((batch[0].shape() == (modelFirst ? Shape{2, 3, 4, 5} : Shape{2, 4, 5, 3})));
                for (std::size_t i = 0; i < 2; ++i)
                    for (std::size_t y = 0; y < 4; ++y)
                        for (std::size_t x = 0; x < 5; ++x)
                            for (std::size_t c = 0; c < 3; ++c) {
                                const float expected =
                                    (at(fileFirst, i == 0 ? 2 : 0, y, x, c) - float(c + 1)) / 2;
                                const std::size_t place = modelFirst
                                                              ? ((i * 3 + c) * 4 + y) * 5 + x
                                                              : ((i * 4 + y) * 5 + x) * 3 + c;
                                QVERIFY(batch[0].floats()[place] == expected);
                            }
                // The layout said aloud gives the same.
                choice.layout = fileFirst ? "nchw" : "nhwc";
                QVERIFY(bytesOf(opened(model, choice)->batch(order)[0]) == bytesOf(batch[0]));
            }
        }
        const std::int64_t outside[] = {3};
        DataChoice choice;
        choice.data = folder / "nhwc.npy";
        const auto dataset = opened(imageModel({1, 3, 4, 5}), choice);
        QVERIFY_EXCEPTION_THROWN((void)dataset->batch(outside), Error);
    }

    void whatIsSaidOfImages()
    {
        const TemporaryFolder folder;
        writeNpy(folder / "x.npy", countedBytes({20, 6, 8, 3}).view());
        Tensor unit({20, 3, 4, 4});
        for (std::size_t i = 0; i < unit.floats().size(); ++i)
            unit.floats()[i] = static_cast<float>(i % 11) / 10.F;
        writeNpy(folder / "unit.npy", unit.view());
        Model model = imageModel({-1, 3, 4, 4});
        DataChoice choice;
        choice.data = folder / "x.npy";
        auto dataset = opened(model, choice);
        QVERIFY(mentions(dataset->warnings(), "nothing states a mean"));
        QVERIFY(mentions(dataset->warnings(), "resized to 4 × 4"));
        QCOMPARE(dataset->description(), std::string("20 images, 4 × 4"));
        choice.mean = {127.5F};
        choice.deviation = {1};
        dataset = opened(model, choice);
        QVERIFY(mentions(dataset->warnings(), "what is fed has mean"));
        QCOMPARE(dataset->description(), std::string("20 images, 4 × 4, (x − 127.5) / 1"));
        choice.deviation = {127.5F};
        dataset = opened(model, choice);
        QCOMPARE(dataset->warnings().size(), std::size_t(2)); // resized, turned
        // The model's own, in units of 0 … 255.
        ImageInput input;
        input.height = input.width = 4;
        input.channels = 3;
        input.mean = {127.5F};
        input.deviation = {63.75F};
        model.image = input;
        choice.mean.clear();
        choice.deviation.clear();
        QCOMPARE(opened(model, choice)->description(),
                 std::string("20 images, 4 × 4, (x − 127.5) / 63.75"));
        choice.data = folder / "unit.npy";
        dataset = opened(model, choice);
        QVERIFY(mentions(dataset->warnings(), "divided by 255"));
        const std::int64_t first[] = {0};
        QCOMPARE(dataset->batch(first)[0].floats()[0], -2.F);
        unit.floats()[40] = -1;
        writeNpy(folder / "unit.npy", unit.view());
        dataset = opened(model, choice);
        QVERIFY(mentions(dataset->warnings(), "normalized already"));
        QCOMPARE(dataset->batch(first)[0].floats()[1], 0.1F);
        choice.mean = {1, 2};
        QVERIFY(!failure(model, choice).empty());
        choice.mean = {};
        choice.deviation = {0};
        QVERIFY(!failure(model, choice).empty());
        choice.deviation = {};
        choice.layout = "hwcn";
        QVERIFY(!failure(model, choice).empty());
    }

    void foldersOfImages()
    {
        const TemporaryFolder folder;
        const auto png = [](int value, int side) {
            return pngBytes(side, side,
                            std::vector<std::uint8_t>(static_cast<std::size_t>(side * side * 3),
                                                      static_cast<std::uint8_t>(value)));
        };
        writeFile(folder / "images/dog/1.png", png(10, 4));
        writeFile(folder / "images/dog/deep/2.PNG", png(20, 8));
        writeFile(folder / "images/cat/3.png", png(30, 4));
        writeFile(folder / "images/cat/notes.txt", "no image");
        Model model = imageModel({-1, 3, 4, 4});
        DataChoice choice;
        choice.data = folder / "images";
        const auto dataset = opened(model, choice);
        QCOMPARE(dataset->count(), 3);
        QVERIFY((labelsIn(*dataset) == Labels{0, 1, 1})); // cat before dog
        const std::int64_t all[] = {0, 1, 2};
        const Tensor batch = std::move(dataset->batch(all)[0]);
        QCOMPARE(batch.floats()[0], 30.F);
        QCOMPARE(batch.floats()[48], 10.F);
        QCOMPARE(batch.floats()[96], 20.F);
        // The same for any number of threads.
        for (const int threads : {1, 2, 5}) {
            const ThreadLimit limit(threads);
            QVERIFY(bytesOf(dataset->batch(all)[0]) == bytesOf(batch));
        }
        model.labels = {"bird", "dog", "cat"};
        QVERIFY((labelsIn(*opened(model, choice)) == Labels{2, 1, 1}));
        model.labels = {"a", "b", "c"};
        QVERIFY(mentions(opened(model, choice)->warnings(), "guesses"));
        writeFile(folder / "labels.txt", "c\n0\n");
        choice.labels = folder / "labels.txt";
        const auto relabeled = opened(model, choice);
        QVERIFY((labelsIn(*relabeled) == Labels{2, 0, -1}));
        QVERIFY(mentions(relabeled->warnings(), "2 labels for 3 samples"));
        writeFile(folder / "labels.txt", "c\nnone\n");
        QVERIFY(failure(model, choice).find("line 2") != std::string::npos);
        choice.labels.clear();
        writeFile(folder / "images/top.png", png(1, 4)); // folders hold not all images now
        QVERIFY(opened(model, choice)->labels().empty());
        // One image, and a damaged one, which is named when it is read.
        choice.data = folder / "images/top.png";
        QCOMPARE(opened(model, choice)->count(), 1);
        writeFile(folder / "images/top.png", png(1, 4).substr(0, 60));
        QVERIFY(failure(model, choice).find("top.png") != std::string::npos);
        fs::create_directory(folder / "empty");
        choice.data = folder / "empty";
        QVERIFY(!failure(model, choice).empty());
        choice.data = folder / "images/cat/notes.txt";
        QVERIFY(!failure(model, choice).empty());
        choice.data = folder / "nowhere";
        QVERIFY(failure(model, choice).find("nowhere") != std::string::npos);
    }

    void sizesOfTheirOwn()
    {
        const TemporaryFolder folder;
        const auto png = [](int side) {
            return pngBytes(
                side, side,
                std::vector<std::uint8_t>(static_cast<std::size_t>(side * side * 3), 9));
        };
        writeFile(folder / "a.png", png(5));
        writeFile(folder / "b.png", png(5));
        DataChoice choice;
        choice.data = folder.path();
        const Model model = imageModel({-1, 3, -1, -1});
        const std::int64_t both[] = {0, 1};
        QVERIFY((opened(model, choice)->batch(both)[0].shape() == Shape{2, 3, 5, 5}));
        writeFile(folder / "b.png", png(6));
        QVERIFY(failure(model, choice).find("b.png") != std::string::npos);
    }

    void idxAndNpzWithLabels()
    {
        using namespace std::string_literals;
        const TemporaryFolder folder;
        const Tensor pixels = countedBytes({4, 6, 6});
        const std::string idx = "\0\0\x08\3\0\0\0\4\0\0\0\6\0\0\0\6"s + bytesOf(pixels);
        writeFile(folder / "images.gz", deflated(idx, 31));
        writeFile(folder / "labels.gz", deflated("\0\0\x08\1\0\0\0\4\3\1\0\x09"s, 31));
        DataChoice choice;
        choice.data = folder / "images.gz";
        choice.labels = folder / "labels.gz";
        Model model = imageModel({-1, 1, 6, 6});
        model.graph.outputs = {{1, "scores", DType::F32, {-1, 4}}};
        const auto dataset = opened(model, choice);
        QVERIFY((labelsIn(*dataset) == Labels{3, 1, 0, -1}));
        QVERIFY(mentions(dataset->warnings(), "outside of the model's 4 classes"));
        const std::int64_t last[] = {3};
        const auto batch = dataset->batch(last);
        for (std::size_t i = 0; i < 36; ++i)
            QCOMPARE(batch[0].floats()[i], byteAt(pixels, 108 + i));
        // A network of dense layers: 6 × 6 is read as 36.
        const auto flat = opened(modelOf({{0, "x", DType::F32, {-1, 36}}}), choice);
        QVERIFY((flat->batch(last)[0].shape() == Shape{1, 36}));
        QVERIFY(mentions(flat->warnings(), "read as 4 × 36"));
        // Labels beside the images in their file.
        const std::string x = npyBytes(npyDictionary("|u1", "(4, 6, 6)"), bytesOf(pixels));
        const std::string y = npyBytes(npyDictionary("<i2", "(4, 1)"), "\1\0\2\0\xFF\xFF\0\0"s);
        writeFile(folder / "both.npz", zipBytes({{"x_test.npy", x, true}, {"y_test.npy", y}}));
        choice.data = folder / "both.npz";
        choice.labels.clear();
        QVERIFY((labelsIn(*opened(model, choice)) == Labels{1, 2, -1, 0}));
    }

    void rowsOfPixelsAreImages()
    {
        const TemporaryFolder folder;
        const Tensor images = countedBytes({5, 3, 4, 6});
        writeNpy(folder / "images.npy", images.view());
        Tensor rows = images.clone();
        rows.reshape({5, 72});
        writeNpy(folder / "rows.npy", rows.view());
        Model model = imageModel({-1, 3, 4, 6});
        model.image = ImageInput{4, 6, 3, true, {10, 20, 30}, {2, 3, 4}, 0};
        const std::int64_t some[] = {4, 1};
        const auto batchOf = [&](const char* file, const DataChoice& said) {
            DataChoice choice = said;
            choice.data = folder / file;
            return std::move(opened(model, choice)->batch(some)[0]);
        };
        const auto isSame = [](const Tensor& a, const Tensor& b) {
            return a.shape() == b.shape() && std::equal(a.bytes().begin(), a.bytes().end(),
                                                        b.bytes().begin(), b.bytes().end());
        };
        // The model's own mean and deviation; others for each channel.
        DataChoice said;
        QVERIFY(isSame(batchOf("rows.npy", said), batchOf("images.npy", said)));
        QCOMPARE(batchOf("rows.npy", said).floats()[0],
                 (byteAt(images, std::size_t(4) * 72) - 10) / 2);
        said.mean = {1, 2, 3};
        said.deviation = {4, 5, 6};
        QVERIFY(isSame(batchOf("rows.npy", said), batchOf("images.npy", said)));
        // Rows of pixels with their channels.
        said.layout = "nhwc";
        const Tensor turned = batchOf("rows.npy", said);
        QCOMPARE(turned.floats()[1], (byteAt(images, std::size_t(4) * 72 + 3) - 1) / 4);
        model = imageModel({-1, 3, 4, -1}); // one size follows from the others
        QVERIFY((batchOf("rows.npy", {}).shape() == Shape{2, 3, 4, 6}));
        model = imageModel({-1, 3, 5, -1});
        DataChoice choice;
        choice.data = folder / "rows.npy";
        QVERIFY(failure(model, choice).find("3 × 5 × any") != std::string::npos);
    }

    void arraysForInputsByName()
    {
        const TemporaryFolder folder;
        Tensor a({3, 2});
        std::iota(a.floats().begin(), a.floats().end(), 0.F);
        Tensor b = countedBytes({3, 4});
        writeNpy(folder / "a.npy", a.view());
        writeNpy(folder / "b.npy", b.view());
        writeNpy(folder / "few.npy", countedBytes({2, 4}).view());
        const std::vector<GraphPort> ports{{0, "a", DType::F32, {-1, 2}},
                                           {1, "b", DType::I64, {-1, -1}},
                                           {2, "c", DType::Bool, {-1, 4}}};
        const Model model = modelOf(ports);
        DataChoice choice;
        choice.data = folder / "a.npy";
        QVERIFY(failure(model, choice).find("input \"b\"") != std::string::npos);
        choice.inputs = {{"b", folder / "b.npy"}, {"c", folder / "b.npy"}};
        choice.mean = {1};
        const auto dataset = opened(model, choice);
        const std::int64_t order[] = {2, 1};
        const auto batch = dataset->batch(order);
        QCOMPARE(batch.size(), std::size_t(3));
        QCOMPARE(batch[0].floats()[0], 3.F); // 4 − 1
        QCOMPARE(batch[0].floats()[3], 2.F);
        QVERIFY((integers(batch[1]) == std::vector<std::int64_t>{56, 63, 70, 77, 28, 35, 42, 49}));
        QCOMPARE(batch[2].dtype(), DType::Bool);
        QCOMPARE(bytesOf(batch[2]), std::string(8, '\1'));
        QCOMPARE(dataset->description(),
                 std::string("3 samples, \"a\": 2, x − 1, \"b\": 4, \"c\": 4"));
        choice.inputs["b"] = folder / "few.npy";
        QVERIFY(failure(model, choice).find("3 samples") != std::string::npos);
        choice.inputs["b"] = folder / "a.npy"; // floats for whole numbers
        QVERIFY_EXCEPTION_THROWN((void)opened(model, choice)->batch(order), Error);
        choice.inputs["d"] = folder / "a.npy";
        QVERIFY(failure(model, choice).find("no input \"d\"") != std::string::npos);
        choice.inputs.erase("d");
        choice.data = folder / "b.npy";
        QVERIFY(failure(model, choice).find("wants samples × 2") != std::string::npos);
        // An npz that names the inputs is enough.
        const std::string one = npyBytes(npyDictionary("<f4", "(1, 2)"), std::string(8, '\0'));
        const std::string two = npyBytes(npyDictionary("|u1", "(1, 4)"), "abcd");
        writeFile(folder / "all.npz", zipBytes({{"c.npy", two}, {"b.npy", two}, {"a.npy", one}}));
        DataChoice all;
        all.data = folder / "all.npz";
        const std::int64_t first[] = {0};
        QCOMPARE(opened(model, all)->batch(first).size(), std::size_t(3));
    }

    void textsForEncoders()
    {
        const LetterTokenizer tokenizer;
        const std::vector<GraphPort> ports{{0, "input_ids", DType::I64, {-1, -1}},
                                           {1, "attention_mask", DType::F32, {-1, -1}},
                                           {2, "token_type_ids", DType::I64, {-1, 5}},
                                           {3, "position_ids", DType::I64, {-1, -1}}};
        const auto dataset =
            makeTextDataset(encoderWindows(tokenizer, "abcde", 5), ports, 100, {}, {});
        QCOMPARE(dataset->count(), 2);
        const std::int64_t both[] = {0, 1};
        const auto batch = dataset->batch(both);
        using Ids = std::vector<std::int64_t>;
        QVERIFY((integers(batch[0]) == Ids{1, 10, 11, 12, 2, 1, 13, 14, 2, 0}));
        QCOMPARE(batch[1].dtype(), DType::F32);
        const std::vector<float> mask{1, 1, 1, 1, 1, 1, 1, 1, 1, 0};
        QVERIFY(std::equal(mask.begin(), mask.end(), batch[1].floats().begin()));
        QVERIFY((integers(batch[2]) == Ids(10, 0)));
        QVERIFY((integers(batch[3]) == Ids{0, 1, 2, 3, 4, 0, 1, 2, 3, 4}));
        QVERIFY(dataset->warnings().empty());

        std::int64_t cut = 0;
        PaddedWindows lines = encoderLines(tokenizer, "ab\nabcdef\r\n", 5, true, cut);
        QCOMPARE(cut, 1);
        QCOMPARE(lines.windows.length, 5);
        QVERIFY((lines.used == Ids{4, 5, 2}));
        lines = encoderLines(tokenizer, "ab\nc", 9, true, cut);
        QCOMPARE(lines.windows.length, 4);
        const auto unmasked = makeTextDataset(lines, {ports[0]}, 0, {}, {});
        QVERIFY(mentions(unmasked->warnings(), "padding counts"));
        QCOMPARE(encoderLines(tokenizer, "ab\nc", 9, false, cut).windows.length, 9);

        QVERIFY_EXCEPTION_THROWN((void)encoderWindows(tokenizer, "a", 2), Error);
        QVERIFY_EXCEPTION_THROWN((void)makeTextDataset(lines, {ports[0]}, 11, {}, {}), Error);
        QVERIFY_EXCEPTION_THROWN(
            (void)makeTextDataset(lines, {ports[0], {1, "pixels", DType::F32, {-1, -1}}}, 0, {},
                                  {}),
            Error);
        QVERIFY_EXCEPTION_THROWN((void)makeTextDataset(lines, {ports[2]}, 0, {}, {}), Error);
    }

    void tokensFromAnArray()
    {
        const TemporaryFolder folder;
        writeNpy(folder / "ids.npy", countedBytes({3, 4}).view());
        Model model = modelOf(
            {{0, "input_ids", DType::I64, {-1, -1}}, {1, "attention_mask", DType::I64, {-1, -1}}});
        model.vocabularySize = 80;
        DataChoice choice;
        choice.data = folder / "ids.npy";
        const std::int64_t last[] = {2};
        const auto batch = opened(model, choice)->batch(last);
        QVERIFY((integers(batch[0]) == std::vector<std::int64_t>{56, 63, 70, 77}));
        QVERIFY((integers(batch[1]) == std::vector<std::int64_t>{1, 1, 1, 1}));
        model.vocabularySize = 77;
        QVERIFY(failure(model, choice).find("token 77") != std::string::npos);
        writeFile(folder / "text", "some words");
        choice.data = folder / "text";
        QVERIFY(failure(model, choice).find("no tokenizer") != std::string::npos);
    }

    void openingCanBeCancelled()
    {
        const TemporaryFolder folder;
        for (const char* name : {"a.png", "b.png", "c.png"})
            writeFile(folder / name, pngBytes(2, 2, std::vector<std::uint8_t>(12, 9)));
        const Model model = imageModel({-1, 3, 2, 2});
        DataChoice choice;
        choice.data = folder.path();
        for (int k = 0; k < 6; ++k) {
            StopAt monitor(k);
            QVERIFY_EXCEPTION_THROWN((void)openDataset(model, choice, monitor), Cancelled);
        }
    }

    void whatCannotRunIsNotFed()
    {
        Model model = imageModel({-1, 3, 2, 2});
        model.whyNotRunnable = "it is too old";
        QVERIFY(failure(model, {}).find("too old") != std::string::npos);
        QVERIFY(!failure(modelOf({}), {}).empty());
        QVERIFY(failure(imageModel({-1, 3, 2, 2}), {}).find("no data") != std::string::npos);
    }

    void realImages()
    {
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA names no folder of models");
        Model model = imageModel({-1, 3, 224, 224});
        DataChoice choice;
        choice.data = *data / "imagenet-images" / "images_u8_nchw.npy";
        choice.labels = *data / "imagenet-images" / "labels_tinyimagenet_i32.npy";
        choice.mean = {127.5F};
        choice.deviation = {127.5F};
        auto dataset = opened(model, choice);
        QCOMPARE(dataset->count(), 300);
        const auto labels = dataset->labels();
        QCOMPARE(std::count_if(labels.begin(), labels.end(), [](auto l) { return l >= 0; }), 91);
        QVERIFY2(dataset->warnings().empty(),
                 dataset->warnings().empty() ? "" : dataset->warnings()[0].c_str());
        const std::int64_t some[] = {0, 299};
        const Tensor batch = std::move(dataset->batch(some)[0]);
        QVERIFY((batch.shape() == Shape{2, 3, 224, 224}));
        const auto raw = openNpy(mapFile(choice.data)).rows(some);
        for (std::size_t i = 0; i < raw.bytes().size(); i += 1009)
            QVERIFY(batch.floats()[i] == (byteAt(raw, i) - 127.5F) / 127.5F);

        model = imageModel({-1, 32, 32, 3});
        choice = {};
        choice.data = *data / "cifar10" / "test_images_u8_nhwc.npy";
        choice.labels = *data / "cifar10" / "test_labels_i32.npy";
        dataset = opened(model, choice);
        QCOMPARE(dataset->count(), 1000);
        QCOMPARE(dataset->labels().size(), std::size_t(1000));
        QVERIFY((dataset->batch(some)[0].shape() == Shape{2, 32, 32, 3}));
        QVERIFY(mentions(dataset->warnings(), "nothing states a mean"));
        QCOMPARE(dataset->warnings().size(), std::size_t(1));
    }
};

QTEST_APPLESS_MAIN(TestDatasets)
#include "tst_datasets.moc"
