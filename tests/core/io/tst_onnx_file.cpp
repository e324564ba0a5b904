// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/graph/model.h"
#include "core/io/onnx_file.h"
#include "core/io/onnx_scanner.h"
#include "core/session/statistics.h"
#include "tests/support/onnx_writer.h"
#include "tests/support/support.h"

#include <QTest>

#include <cstring>
#include <fstream>
#include <map>
#include <set>

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

std::shared_ptr<const ModelFile> opened(const std::string& content, const fs::path& folder = {})
{
    return openOnnx(onnx::source(content), folder).tensors;
}

std::shared_ptr<const ModelFile> graphOf(const std::string& graph)
{
    return opened(onnx::model(graph));
}

QByteArray bytesOf(const Tensor& tensor)
{
    return {reinterpret_cast<const char*>(tensor.bytes().data()),
            static_cast<qsizetype>(tensor.bytes().size())};
}

std::vector<float> matrixOf(const ModelFile& file, const WeightUse& use)
{
    const Tensor matrix =
        matrixOfStored(file.readFloat(use.tensor), use.layout, use.rows, use.cols);
    return {matrix.floats().begin(), matrix.floats().end()};
}

QByteArray failureOf(const std::string& content, ErrorCode code, const fs::path& folder = {})
{
    try {
        (void)opened(content, folder);
        return "was opened";
    } catch (const Error& error) {
        return error.code() == code ? QByteArray(error.what())
                                    : QByteArray("another code: ") + error.what();
    }
}

void write(const fs::path& path, const std::string& content)
{
    std::ofstream(path, std::ios::binary) << content;
}

/// A tensor whose data lies in another file.
std::string external(const std::string& location, const std::string& offset = {},
                     const std::string& length = {})
{
    const auto entry = [](const std::string& key, const std::string& value) {
        return value.empty() ? std::string()
                             : onnx::bytes(13, onnx::bytes(1, key) + onnx::bytes(2, value));
    };
    return onnx::model(onnx::initializer(onnx::head("w", 1, {2, 2}) + entry("location", location) +
                                         entry("offset", offset) + entry("length", length) +
                                         onnx::number(14, 1)));
}

} // namespace

class TestOnnxFile : public QObject
{
    Q_OBJECT

private slots:
    void readsEveryDtypeRawAndTyped_data()
    {
        QTest::addColumn<QByteArray>("elements");
        QTest::addColumn<int>("type");
        QTest::addColumn<QByteArray>("expected");
        const auto row = [](const char* name, int type, const std::string& elements,
                            const std::string& expected) {
            QTest::newRow(name) << QByteArray::fromStdString(elements) << type
                                << QByteArray::fromStdString(expected);
        };
        using onnx::bytes;
        using onnx::number;
        using onnx::raw;
        using onnx::varint;
        const std::string f32 = raw<float>({1.5F, -2.0F});
        const std::string f64 = raw<double>({0.1, -7});
        const std::string minusOne = varint(~0ULL);
        row("raw floats", 1, bytes(9, f32), f32);
        row("packed floats", 1, bytes(4, f32), f32);
        row("floats one by one", 1, "\x25" + f32.substr(0, 4) + "\x25" + f32.substr(4), f32);
        row("floats in two packs", 1, bytes(4, f32.substr(0, 4)) + bytes(4, f32.substr(4)), f32);
        row("raw doubles", 11, bytes(9, f64), f64);
        row("packed doubles", 11, bytes(10, f64), f64);
        row("packed int64", 7, bytes(7, varint(300) + minusOne), raw<std::int64_t>({300, -1}));
        row("int64 one by one", 7, number(7, 5) + number(7, -1), raw<std::int64_t>({5, -1}));
        row("packed int32", 6, bytes(5, varint(300) + minusOne), raw<std::int32_t>({300, -1}));
        row("int16 as int32", 5, bytes(5, varint(300) + minusOne), raw<std::int16_t>({300, -1}));
        row("int8 as int32", 3, bytes(5, varint(7) + minusOne), "\x07\xFF");
        row("uint8 as int32", 2, bytes(5, varint(7) + varint(255)), "\x07\xFF");
        row("bool as int32", 9, bytes(5, varint(1) + varint(0)), std::string("\x01\x00", 2));
        row("float16 as int32", 10, bytes(5, varint(0x3C00) + varint(0xC000)),
            raw<std::uint16_t>({0x3C00, 0xC000}));
        row("bfloat16 as int32", 16, bytes(5, varint(0x3F80) + varint(0xBF80)),
            raw<std::uint16_t>({0x3F80, 0xBF80}));
        row("raw float16", 10, bytes(9, raw<std::uint16_t>({0x3C00, 0xC000})),
            raw<std::uint16_t>({0x3C00, 0xC000}));
    }

    void readsEveryDtypeRawAndTyped()
    {
        QFETCH(QByteArray, elements);
        QFETCH(int, type);
        QFETCH(QByteArray, expected);
        for (const bool packedDims : {false, true}) {
            const std::string dims = packedDims ? onnx::bytes(1, onnx::varint(2) + onnx::varint(1))
                                                : onnx::number(1, 2) + onnx::number(1, 1);
            const auto file = graphOf(
                onnx::initializer(dims + onnx::head("w", type, {}) + elements.toStdString()));
            QCOMPARE(file->tensors().size(), std::size_t(1));
            QVERIFY(file->tensors()[0].shape == (Shape{2, 1}));
            QCOMPARE(file->tensors()[0].bytes, std::uint64_t(expected.size()));
            const Tensor read = file->read("w");
            QVERIFY(read.dtype() == *dtypeOfOnnx(type));
            QCOMPARE(bytesOf(read), expected);
            QCOMPARE(bytesOf(file->readFloat("w")), bytesOf(toFloat(read.view())));
        }
    }

    void foreignDtypesAreNamedAndTheRestOpens()
    {
        for (const auto& [type, name] : std::map<int, QByteArray>{{4, "UINT16"},
                                                                  {8, "STRING"},
                                                                  {17, "FLOAT8E4M3FN"},
                                                                  {21, "UINT4"},
                                                                  {22, "INT4"},
                                                                  {99, "type 99"}}) {
            const auto file =
                graphOf(onnx::initializer(onnx::head("odd", type, {3}) + onnx::bytes(9, "abc")) +
                        onnx::initializer(onnx::counting("w", {2, 3})));
            QCOMPARE(file->tensors().size(), std::size_t(1));
            QVERIFY(file->find("odd") == nullptr);
            QCOMPARE(file->unread().size(), std::size_t(1));
            QCOMPARE(QByteArray(file->unread()[0].name.c_str()), QByteArray("odd"));
            try {
                (void)file->read("odd");
                QFAIL("was read");
            } catch (const Error& error) {
                QVERIFY(error.code() == ErrorCode::Unsupported);
                QVERIFY2(QByteArray(error.what()).contains(name), error.what());
            }
            QCOMPARE(file->readFloat("w").count(), std::int64_t(6));
        }
    }

    void findsConstantsAndGraphsInside()
    {
        // Two branches that use one name for two tensors, and one that is seen from outside.
        const auto branch = [](std::vector<float> values) {
            return onnx::initializer(onnx::floats("w", {2, 2}, values)) +
                   onnx::node("MatMul", {"x", "w"}, {"y"}) +
                   onnx::node("MatMul", {"y", "outer"}, {"z"});
        };
        const auto file = graphOf(
            onnx::initializer(onnx::counting("outer", {2, 2})) +
            onnx::node("Constant", {}, {"c"}, onnx::valueAttribute(onnx::counting("", {3}))) +
            onnx::node("If", {"condition"}, {"out"},
                       onnx::graphAttribute("then_branch", branch({1, 2, 3, 4})) +
                           onnx::graphAttribute("else_branch", branch({5, 6, 7, 8})),
                       "choice"));
        QCOMPARE(file->tensors().size(), std::size_t(4));
        for (const char* name : {"outer", "c", "w", "choice/else_branch/w"})
            QVERIFY2(file->find(name), name);
        QCOMPARE(file->readFloat("w").floats()[0], 1.0F);
        QCOMPARE(file->readFloat("choice/else_branch/w").floats()[0], 5.0F);
        QCOMPARE(file->weightUses().size(), std::size_t(3)); // not c, which has one dimension
        QVERIFY(matrixOf(*file, file->weightUses()[0]) == (std::vector<float>{1, 3, 2, 4}));
        QVERIFY(matrixOf(*file, file->weightUses()[1]) == (std::vector<float>{0, 2, 1, 3}));
        QVERIFY(matrixOf(*file, file->weightUses()[2]) == (std::vector<float>{5, 7, 6, 8}));
    }

    void layoutsFollowTheNodes_data()
    {
        QTest::addColumn<QByteArray>("graph");
        QTest::addColumn<int>("role");
        QTest::addColumn<int>("rows");
        QTest::addColumn<QList<float>>("firstRow");
        const auto row = [](const char* name, std::vector<std::int64_t> dims,
                            const std::string& nodes, WeightRole role, int rows,
                            QList<float> firstRow) {
            QTest::newRow(name) << QByteArray::fromStdString(
                                       onnx::initializer(onnx::counting("w", dims)) + nodes)
                                << int(role) << rows << firstRow;
        };
        using onnx::attribute;
        using onnx::axes;
        using onnx::integers;
        using onnx::node;
        constexpr auto linear = WeightRole::Linear;
        constexpr auto convolution = WeightRole::Convolution;
        row("MatMul", {2, 3}, node("MatMul", {"x", "w"}, {"y"}), linear, 3, {0, 3});
        row("MatMul from the left", {2, 3}, node("MatMul", {"w", "x"}, {"y"}), linear, 2,
            {0, 1, 2});
        row("batched MatMul", {2, 2, 3}, node("MatMul", {"x", "w"}, {"y"}), linear, 6, {0, 3});
        row("Gemm", {2, 3}, node("Gemm", {"x", "w"}, {"y"}), linear, 3, {0, 3});
        row("Gemm, transB", {2, 3}, node("Gemm", {"x", "w"}, {"y"}, attribute("transB", 1)), linear,
            2, {0, 1, 2});
        row("Transpose and MatMul", {2, 3},
            node("Transpose", {"w"}, {"t"}, axes("perm", {1, 0})) +
                node("MatMul", {"x", "t"}, {"y"}),
            linear, 2, {0, 1, 2});
        row("Transpose without perm", {2, 3},
            node("Transpose", {"w"}, {"t"}) + node("MatMul", {"x", "t"}, {"y"}), linear, 2,
            {0, 1, 2});
        row("Identity and Gemm", {2, 3},
            node("Identity", {"w"}, {"t"}) + node("Gemm", {"x", "t"}, {"y"}), linear, 3, {0, 3});
        row("Reshape and MatMul", {1, 2, 3},
            onnx::initializer(integers("shape", {2, 3})) + node("Reshape", {"w", "shape"}, {"t"}) +
                node("MatMul", {"x", "t"}, {"y"}),
            linear, 3, {0, 3});
        row("Conv", {2, 1, 1, 3}, node("Conv", {"x", "w"}, {"y"}), convolution, 2, {0, 1, 2});
        row("Conv in one dimension", {2, 2, 2}, node("Conv", {"x", "w"}, {"y"}), convolution, 2,
            {0, 1, 2, 3});
        row("ConvTranspose", {2, 3, 1, 2}, node("ConvTranspose", {"x", "w"}, {"y"}), convolution, 3,
            {0, 1, 6, 7});
        row("ConvTranspose in groups", {4, 2, 1, 1},
            node("ConvTranspose", {"x", "w"}, {"y"}, attribute("group", 2)), convolution, 4,
            {0, 2});
        row("Gather", {4, 2}, node("Gather", {"w", "ids"}, {"y"}), WeightRole::Embedding, 4,
            {0, 1});
        row("LSTM", {1, 4, 2}, node("LSTM", {"x", "w"}, {"y"}), linear, 4, {0, 1});
        row("LSTM behind slices", {4, 2},
            node("Slice", {"w", "a", "b"}, {"s"}) + node("Concat", {"s", "s"}, {"c"}) +
                node("Unsqueeze", {"c"}, {"u"}) + node("LSTM", {"x", "u"}, {"y"}),
            linear, 4, {0, 1});
        row("elementwise", {2, 3}, node("Add", {"x", "w"}, {"y"}), WeightRole::Other, 2, {0, 1, 2});
        row("not used", {2, 3}, "", WeightRole::Other, 2, {0, 1, 2});
        row("another domain", {2, 3},
            onnx::bytes(1, onnx::bytes(1, "x") + onnx::bytes(1, "w") + onnx::bytes(4, "MatMul") +
                               onnx::bytes(7, "my.own")),
            WeightRole::Other, 2, {0, 1, 2});
        row("sliced", {2, 3},
            node("Slice", {"w", "a", "b"}, {"s"}) + node("MatMul", {"x", "s"}, {"y"}),
            WeightRole::Other, 2, {0, 1, 2});
    }

    void layoutsFollowTheNodes()
    {
        QFETCH(QByteArray, graph);
        QFETCH(int, role);
        QFETCH(int, rows);
        QFETCH(QList<float>, firstRow);
        const auto file = graphOf(graph.toStdString());
        QCOMPARE(file->weightUses().size(), std::size_t(1));
        const WeightUse& use = file->weightUses()[0];
        QCOMPARE(int(use.role), role);
        QCOMPARE(use.rows, std::int64_t(rows));
        const std::vector<float> matrix = matrixOf(*file, use);
        QCOMPARE(static_cast<qsizetype>(use.cols), firstRow.size());
        for (qsizetype i = 0; i < firstRow.size(); ++i)
            QCOMPARE(matrix[static_cast<std::size_t>(i)], firstRow[i]);
        // And back: what export writes.
        const Tensor stored = file->readFloat("w");
        Tensor copy({use.rows, use.cols});
        std::copy(matrix.begin(), matrix.end(), copy.floats().begin());
        QCOMPARE(bytesOf(storedOfMatrix(std::move(copy), use.layout, stored.shape())),
                 bytesOf(stored));
    }

    void layersAreNamedByTensorOrNode()
    {
        TemporaryFolder folder;
        write(folder / "model.onnx",
              onnx::model(onnx::initializer(onnx::counting("fc.weight", {4, 2})) +
                          onnx::initializer(onnx::counting("onnx::MatMul_7", {4, 2})) +
                          onnx::initializer(onnx::counting("scale", {2, 2})) +
                          onnx::node("Gemm", {"x", "fc.weight"}, {"y"}) +
                          onnx::node("MatMul", {"x", "onnx::MatMul_7"}, {"z"}, {},
                                     "/encoder/layer.0/query/MatMul") +
                          onnx::node("Mul", {"z", "scale"}, {"a"})));
        const auto model = openModel(folder / "model.onnx");
        QCOMPARE(model->source.format, std::string("onnx"));
        QCOMPARE(model->architecture, std::string("ONNX graph (not run)"));
        QVERIFY(!model->canRun());
        QCOMPARE(model->layers.size(), std::size_t(3));
        QCOMPARE(model->layers[0].name, std::string("fc"));
        QCOMPARE(model->layers[1].name, std::string("encoder.layer.0.query"));
        QVERIFY(model->layers[1].block == 0 && model->blocks[0].name == "encoder.layer.0");
        QVERIFY(model->layers[1].quantizedByDefault);
        QVERIFY(model->layers[2].name == "scale" && !model->layers[2].quantizedByDefault);
        const Tensor weight = layerWeight(*model, model->layers[1]);
        QVERIFY(weight.shape() == (Shape{2, 4}));
        QCOMPARE(weight.floats()[1], 2.0F); // [0, 1] of the transposed, [1, 0] of the stored
        QCOMPARE(openModel(folder.path())->source.fingerprint, model->source.fingerprint);
    }

    void fingerprintsSeeTheGraphButNotTheWeights()
    {
        TemporaryFolder folder;
        const auto fingerprint = [&](const std::string& graph) {
            write(folder / "m.onnx", onnx::model(graph));
            return openModelSource(folder / "m.onnx").fingerprint;
        };
        const std::string node = onnx::node("Gemm", {"x", "w"}, {"y"});
        const std::string other = onnx::node("Gemm", {"z", "w"}, {"y"});
        const auto weight = [](float first) {
            return onnx::initializer(onnx::floats("w", {1, 2}, {first, 1}));
        };
        const std::string base = fingerprint(weight(1) + node);
        QCOMPARE(fingerprint(weight(2) + node), base);
        QVERIFY(fingerprint(weight(1) + other) != base);
    }

    void externalData()
    {
        TemporaryFolder folder;
        fs::create_directory(folder / "in");
        fs::create_directory(folder / "in/sub");
        const std::string data = onnx::raw<float>({9, 1, 2, 3, 4});
        write(folder / "in/data.bin", data);
        write(folder / "in/sub/data.bin", data);
        for (const std::string location : {"data.bin", "sub/data.bin", "./data.bin"}) {
            for (const std::string length : {"", "16"}) {
                const auto file = opened(external(location, "4", length), folder / "in");
                QCOMPARE(bytesOf(file->read("w")), QByteArray::fromStdString(data.substr(4)));
                QVERIFY(file->tensors()[0].file.ends_with("data.bin"));
            }
        }
        QCOMPARE(opened(external("data.bin"), folder / "in")->readFloat("w").floats()[0], 9.0F);
    }

    void badExternalData_data()
    {
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<int>("code");
        QTest::addColumn<QByteArray>("message");
        const auto row = [](const char* name, const std::string& content, ErrorCode code,
                            const char* message) {
            QTest::newRow(name) << QByteArray::fromStdString(content) << int(code)
                                << QByteArray(message);
        };
        constexpr auto format = ErrorCode::Format;
        row("no location", external(""), format, "no location");
        row("above", external("../secret.bin"), format, "own folder");
        row("above in the middle", external("sub/../../secret.bin"), format, "own folder");
        row("above and back", external("sub/../data.bin"), format, "own folder");
        row("absolute", external("/etc/passwd"), format, "own folder");
        row("a zero byte", external(std::string("data.bin\0x", 10)), format, "own folder");
        row("a link out", external("link.bin"), format, "link out");
        row("a linked folder", external("linked/secret.bin"), format, "link out");
        row("a folder", external("sub"), ErrorCode::Io, "a folder, not a file");
        row("the model's folder", external("."), ErrorCode::Io, "a folder, not a file");
        row("absent", external("absent.bin"), ErrorCode::Io, "cannot be opened");
        row("beyond the end", external("data.bin", "8"), format, "begin at 8");
        row("offset beyond 64 bits", external("data.bin", "99999999999999999999"), format,
            "offset");
        row("offset almost 2^63", external("data.bin", "9223372036854775807"), format, "begin at");
        row("negative offset", external("data.bin", "-4"), format, "offset");
        row("offset is no number", external("data.bin", "4 bytes"), format, "offset");
        row("length too small", external("data.bin", "4", "15"), format, "length");
        row("length too large", external("data.bin", "4", "17"), format, "length");
        row("negative length", external("data.bin", "4", "-16"), format, "length");
    }

    void badExternalData()
    {
        QFETCH(QByteArray, content);
        QFETCH(int, code);
        QFETCH(QByteArray, message);
        TemporaryFolder folder;
        fs::create_directories(folder / "in/sub");
        write(folder / "in/data.bin", std::string(20, 'x'));
        write(folder / "secret.bin", std::string(20, 'x'));
        fs::create_symlink("../secret.bin", folder / "in/link.bin");
        fs::create_symlink("..", folder / "in/linked");
        const QByteArray found = failureOf(content.toStdString(), ErrorCode(code), folder / "in");
        QVERIFY2(found.contains(message), found.constData());
    }

    void externalDataNeedsAFolder()
    {
        QVERIFY(failureOf(external("data.bin"), ErrorCode::Format).contains("no folder"));
    }

    void bad_data()
    {
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<QByteArray>("message");
        const auto row = [](const char* name, const std::string& content, const char* message) {
            QTest::newRow(name) << QByteArray::fromStdString(content) << QByteArray(message);
        };
        const auto tensor = [&](const char* name, const std::string& content, const char* message) {
            row(name, onnx::model(onnx::initializer(content)), message);
        };
        using onnx::bytes;
        using onnx::head;
        using onnx::number;
        row("empty", "", "holds no graph");
        row("no graph", number(1, 8), "holds no graph");
        row("two graphs", bytes(7, "") + bytes(7, ""), "two graphs");
        row("the graph is a number", number(7, 1), "holds no graph");
        row("text", "onnx model", "damaged or cut");
        row("field zero", std::string("\0\1", 2), "no field");
        row("endless tag", std::string(20, '\xFF'), "no field");
        row("endless number", "\x08" + std::string(20, '\xFF'), "holds no number");
        row("group", "\x3B\x3C", "wire type");
        row("length beyond the end", std::string("\x3A\x05") + "ab", "needs 5 bytes");
        row("length of all ones", "\x3A" + onnx::varint(~0ULL), "needs 18446744073709551615");
        row("half a float", std::string("\x25\x01\x02"), "needs 4 bytes");
        row("damaged node", onnx::model(bytes(1, "\x0A\x7F")), "damaged or cut");
        tensor("no name", head("", 1, {1}) + bytes(9, "abcd"), "no name");
        tensor("name is no UTF-8", head("\xFF", 1, {1}) + bytes(9, "abcd"), "UTF-8");
        tensor("too few raw bytes", head("w", 1, {2}) + bytes(9, "abcd"), "needs 8 bytes");
        tensor("too many raw bytes", head("w", 1, {1}) + bytes(9, "abcdefgh"), "needs 4 bytes");
        tensor("nothing inside", head("w", 1, {2}), "holds 0 elements");
        tensor("gigantic", head("w", 1, {1LL << 40, 1LL << 20}) + bytes(9, "abcd"), "too many");
        tensor("gigantic and empty", head("w", 1, {1LL << 59}), "holds 0 elements");
        tensor("overflow before a zero", head("w", 1, {1LL << 40, 1LL << 40, 0}), "too many");
        tensor("negative size", head("w", 1, {-1}) + bytes(9, "abcd"), "size -1");
        tensor("half an element", head("w", 1, {1}) + bytes(4, "abc"), "damaged");
        tensor("a cut number", head("w", 7, {1}) + bytes(7, "\xFF"), "damaged");
        tensor("too many elements", head("w", 7, {1}) + bytes(7, "\x01\x02"), "holds 2 elements");
        tensor("elements of another type", head("w", 1, {2}) + bytes(7, "\x01\x02"),
               "holds 0 elements");
        tensor("65 dimensions", head("w", 2, std::vector<std::int64_t>(65, 1)) + bytes(9, "a"),
               "more than 64");
        tensor("damaged dimensions", bytes(1, "\xFF") + head("w", 2, {}), "damaged dimensions");
        row("twice",
            onnx::model(onnx::initializer(onnx::counting("w", {1})) +
                        onnx::initializer(onnx::counting("w", {1}))),
            "twice");
        std::string deep;
        for (int i = 0; i < 100; ++i)
            deep = onnx::node("If", {"c"}, {"y"}, onnx::graphAttribute("then_branch", deep));
        row("deep", onnx::model(deep), "nested more than 64");
        row("node is no UTF-8",
            onnx::model(
                onnx::node("If", {"c"}, {"y"}, onnx::graphAttribute("then_branch", {}), "\xFF")),
            "not valid UTF-8");
        // Each tensor of the branch is named after its node.
        std::string many;
        for (int i = 0; i < 300; ++i)
            many += onnx::initializer(onnx::counting(QByteArray::number(i).toStdString(), {1}));
        row("names",
            onnx::model(many + onnx::node("If", {"c"}, {"y"},
                                          onnx::graphAttribute("then_branch", many),
                                          std::string(1 << 20, 'n'))),
            "make names of more than");
    }

    void bad()
    {
        QFETCH(QByteArray, content);
        QFETCH(QByteArray, message);
        const QByteArray found = failureOf(content.toStdString(), ErrorCode::Format);
        QVERIFY2(found.contains(message), found.constData());
        QVERIFY2(found.startsWith("the file"), found.constData());
    }

    void everyCutIsAnErrorOrEmpty()
    {
        const std::string whole =
            onnx::model(onnx::node("Gemm", {"x", "w"}, {"y"}, onnx::attribute("transB", 1)) +
                        onnx::initializer(onnx::counting("w", {2, 3})) +
                        onnx::initializer(onnx::integers("shape", {2, 3})));
        QCOMPARE(opened(whole)->tensors().size(), std::size_t(2));
        // Behind the graph stands what is not needed: a cut there can leave a model.
        const std::size_t graphEnd = whole.size() - 6;
        for (std::size_t length = 0; length < graphEnd; ++length)
            QVERIFY_EXCEPTION_THROWN((void)opened(whole.substr(0, length)), Error);
    }

    void cyclesAndConfusionEnd()
    {
        // No value before it is made: nodes that read what comes later see nothing.
        std::string graph =
            onnx::initializer(onnx::counting("w", {2, 2})) + onnx::node("Identity", {"b"}, {"a"}) +
            onnx::node("Identity", {"a"}, {"b"}) + onnx::node("Transpose", {"w"}, {"w"}) +
            onnx::node("Transpose", {"w"}, {"t"}, onnx::axes("perm", {0, 0})) +
            onnx::node("Transpose", {"w"}, {"u"}, onnx::axes("perm", {-1, 7})) +
            onnx::node("Reshape", {"w", "w"}, {"v"}) + onnx::node("MatMul", {}, {}) +
            onnx::node("Split", {"w"}, {}) + onnx::node("Conv", {"x", "a"}, {"y"}) +
            onnx::node("MatMul", {"x", "t"}, {"z"});
        for (int i = 0; i < 2000; ++i)
            graph += onnx::node("Concat", {"w", "w", "w", "w"}, {"c" + std::to_string(i)});
        const auto file = graphOf(graph);
        QCOMPARE(file->weightUses().size(), std::size_t(1));
        QVERIFY(file->weightUses()[0].role == WeightRole::Other);
    }

    void knowsItsKind()
    {
        TemporaryFolder folder;
        write(folder / "no-ending", onnx::model(onnx::initializer(onnx::counting("w", {2, 2}))));
        QCOMPARE(openModelSource(folder / "no-ending").format, std::string("onnx"));
        write(folder / "broken.onnx", "this is no model");
        QVERIFY_EXCEPTION_THROWN((void)openModelSource(folder / "broken.onnx"), Error);
    }

    void visionTransformerIsTheSafetensorsOne()
    {
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA names no folder of real models");
        const auto whole = openModel(*data / "vit-tiny-tinyimagenet/model.onnx");
        const auto original = openModel(*data / "vit-tiny-tinyimagenet/model.safetensors");
        int matrices = 0;
        for (const Layer& layer : whole->layers) {
            if (layer.kind == LayerKind::Other)
                continue;
            std::string name = layer.weight;
            if (name.ends_with("_T"))
                name.resize(name.size() - 2);
            const auto found = std::find_if(original->layers.begin(), original->layers.end(),
                                            [&](const Layer& l) { return l.weight == name; });
            QVERIFY2(found != original->layers.end(), name.c_str());
            QCOMPARE(layer.rows, found->rows);
            QCOMPARE(bytesOf(layerWeight(*whole, layer)), bytesOf(layerWeight(*original, *found)));
            ++matrices;
        }
        QCOMPARE(matrices, 1 + 12 * 6 + 1); // patches, six products in each block, the classifier
        for (const TensorInfo& info : original->source.tensors->tensors())
            if (whole->source.tensors->find(info.name))
                QCOMPARE(bytesOf(whole->source.tensors->read(info.name)),
                         bytesOf(original->source.tensors->read(info.name)));
    }

    void realModels_data()
    {
        QTest::addColumn<QString>("path");
        QTest::addColumn<int>("convolutions");
        QTest::addColumn<int>("linear");
        QTest::newRow("MobileNet")
            << "mobilenetv1-0.25-imagenet/mobilenet_v1_0.25_224.onnx" << 28 << 0;
        QTest::newRow("text detection") << "onnx-ppocr/ch_PP-OCRv4_det_infer.onnx" << 64 << 0;
        QTest::newRow("text direction")
            << "onnx-ppocr/ch_ppocr_mobile_v2.0_cls_infer.onnx" << 53 << 1;
        QTest::newRow("faces") << "onnx-ultraface/version-RFB-320.onnx" << 52 << 0;
        QTest::newRow("digits") << "onnx-ultraface/mnist.onnx" << 2 << 1;
        QTest::newRow("speech") << "onnx-silero-vad/silero_vad_v5.onnx" << 12 << 4;
    }

    void realModels()
    {
        QFETCH(QString, path);
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA names no folder of real models");
        const auto model = openModel(*data / path.toStdString());
        std::map<LayerKind, int> kinds;
        std::set<std::string> names;
        for (const Layer& layer : model->layers) {
            ++kinds[layer.kind];
            QVERIFY2(names.insert(layer.name).second, layer.name.c_str());
            QCOMPARE(layer.rows * layer.cols, elementCount(layer.shape));
            QCOMPARE(layerWeight(*model, layer).count(), elementCount(layer.shape));
        }
        QTEST(kinds[LayerKind::Convolution], "convolutions");
        QTEST(kinds[LayerKind::Linear], "linear");
        QVERIFY(model->source.tensors->unread().empty());
    }
};

QTEST_GUILESS_MAIN(TestOnnxFile)
#include "tst_onnx_file.moc"
