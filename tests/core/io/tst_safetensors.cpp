// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/io/safetensors.h"
#include "tests/support/support.h"

#include <QTest>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <limits>

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

std::string withLength(std::uint64_t length, const std::string& rest)
{
    std::string out(8, '\0');
    std::memcpy(out.data(), &length, 8);
    return out + rest;
}

/// A file of this header and so many bytes of data.
std::string file(const std::string& header, std::size_t data)
{
    std::string bytes(data, '\0');
    for (std::size_t i = 0; i < data; ++i)
        bytes[i] = static_cast<char>(i);
    return withLength(header.size(), header + bytes);
}

std::shared_ptr<const ByteSource> source(const std::string& content)
{
    const auto* begin = reinterpret_cast<const std::byte*>(content.data());
    return memorySource({begin, begin + content.size()}, "the file");
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets)
{
    return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
           ",\"data_offsets\":" + offsets + "}";
}

Tensor filled(DType dtype, const Shape& shape, int start)
{
    Tensor result(dtype, shape);
    int value = start;
    for (std::byte& byte : result.bytes())
        byte = static_cast<std::byte>(dtype == DType::Bool ? value++ % 2 : value++);
    return result;
}

constexpr DType allDtypes[] = {DType::F64, DType::F32, DType::F16, DType::BF16, DType::I64,
                               DType::I32, DType::I16, DType::I8,  DType::U8,   DType::Bool};

} // namespace

class TestSafetensors : public QObject
{
    Q_OBJECT

private slots:
    void readsWhatTheFormatAllows_data()
    {
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<int>("tensors");
        const auto row = [](const char* name, const std::string& content, int tensors) {
            QTest::newRow(name) << QByteArray::fromStdString(content) << tensors;
        };
        row("no tensor", file("{}      ", 0), 0);
        row("metadata only", file(R"({"__metadata__":{"a":"b"}})", 0), 0);
        row("a scalar", file("{" + tensor("a", "F32", "[]", "[0,4]") + "}", 4), 1);
        row("nothing inside", file("{" + tensor("a", "F32", "[0,7]", "[0,0]") + "}", 0), 1);
        row("any order",
            file("{" + tensor("b", "U8", "[3]", "[4,7]") + "," +
                     tensor("a", "F32", "[1]", "[0,4]") + "}",
                 7),
            2);
        row("empty between others",
            file("{" + tensor("a", "U8", "[3]", "[0,3]") + "," + tensor("c", "U8", "[2]", "[3,5]") +
                     "," + tensor("b", "U8", "[0]", "[3,3]") + "}",
                 5),
            3);
        row("odd place",
            file("{" + tensor("a", "U8", "[1]", "[0,1]") + "," +
                     tensor("b", "F64", "[1]", "[1,9]") + "}",
                 9),
            2);
        row("more than it must say",
            file(R"({"a":{"dtype":"U8","new":{"x":[1,{"y":null}]},"shape":[1],"flag":true,)"
                 R"("data_offsets":[0,1]}})",
                 1),
            1);
        row("not finite",
            file("{" + tensor("a", "F32", "[1]", "[0,4]") + "}", 0) + "\xFF\xFF\xFF\x7F", 1);
    }

    void readsWhatTheFormatAllows()
    {
        QFETCH(QByteArray, content);
        QFETCH(int, tensors);
        const auto model = openSafetensors(source(content.toStdString()));
        QCOMPARE(model->tensors().size(), std::size_t(tensors));
        for (const TensorInfo& info : model->tensors()) {
            QCOMPARE(model->read(info.name).bytes().size(), std::size_t(info.bytes));
            QCOMPARE(model->readFloat(info.name).count(), elementCount(info.shape));
        }
    }

    void bad_data()
    {
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<QByteArray>("message");
        const auto row = [](const char* name, const std::string& content, const char* message) {
            QTest::newRow(name) << QByteArray::fromStdString(content) << QByteArray(message);
        };
        const std::string one = "{" + tensor("a", "F32", "[2,3]", "[0,24]") + "}";
        row("empty", "", "has 0 bytes");
        row("seven bytes", "1234567", "has 7 bytes");
        row("header beyond the end", withLength(100, "{}"), "only 2 bytes follow");
        row("header length of all ones", withLength(~0ULL, "{}"),
            "header length 18446744073709551615");
        row("header over the limit", withLength(100000001, "{}"), "at most 100000000");
        row("no header", withLength(0, ""), "does not start with");
        row("header is a list", file("[]", 0), "does not start with");
        row("space first", file(" {}", 0), "does not start with");
        row("header is cut", file("{\"a\":{\"dtype", 0), "not valid JSON");
        row("two objects", file("{}{}", 0), "not valid JSON");
        row("bad UTF-8", file("{\"\xC3\":1}", 0), "not valid JSON");
        row("deep", file("{\"a\":{\"x\":" + std::string(100000, '['), 0), "nested deeper");
        row("data cut short", file(one, 23), "do not lie in the data, which has 23");
        row("bytes left over", file(one, 25), "1 bytes too many");
        row("gap at the start", file("{" + tensor("a", "U8", "[2]", "[1,3]") + "}", 3), "gap");
        row("gap",
            file("{" + tensor("a", "U8", "[2]", "[0,2]") + "," + tensor("b", "U8", "[2]", "[3,5]") +
                     "}",
                 5),
            "gap after 2");
        row("overlap",
            file("{" + tensor("a", "U8", "[3]", "[0,3]") + "," + tensor("b", "U8", "[3]", "[2,5]") +
                     "}",
                 5),
            "inside the tensor before");
        row("the same bytes twice",
            file("{" + tensor("a", "U8", "[3]", "[0,3]") + "," + tensor("b", "U8", "[3]", "[0,3]") +
                     "}",
                 3),
            "inside the tensor before");
        row("end before begin", file("{" + tensor("a", "U8", "[1]", "[3,2]") + "}", 3), "[3, 2]");
        row("offsets of all ones",
            file("{" + tensor("a", "U8", "[1]", "[18446744073709551615,18446744073709551615]") +
                     "}",
                 3),
            "do not lie");
        row("one offset", file("{" + tensor("a", "U8", "[1]", "[0]") + "}", 1), "1 numbers");
        row("three offsets", file("{" + tensor("a", "U8", "[1]", "[0,1,2]") + "}", 1),
            "more than two");
        row("negative offset", file("{" + tensor("a", "U8", "[1]", "[-1,1]") + "}", 1),
            "number -1");
        row("offsets are a number", file("{" + tensor("a", "U8", "[1]", "7") + "}", 1), "an array");
        row("offset is a text", file("{" + tensor("a", "U8", "[1]", "[\"0\",1]") + "}", 1),
            "a string");
        row("offset over 64 bits",
            file("{" + tensor("a", "U8", "[1]", "[0,99999999999999999999]") + "}", 1),
            "99999999999999999999");
        row("shape and bytes differ", file("{" + tensor("a", "F32", "[2]", "[0,4]") + "}", 4),
            "needs 8");
        row("shape overflows",
            file("{" + tensor("a", "F32", "[4294967296,4294967296]", "[0,4]") + "}", 4),
            "too many");
        row("shape times size overflows",
            file("{" + tensor("a", "F64", "[2305843009213693952]", "[0,0]") + "}", 0), "too many");
        row("size beyond 63 bits",
            file("{" + tensor("a", "U8", "[0,9223372036854775808]", "[0,0]") + "}", 0), "too many");
        row("overflow before a zero",
            file("{" + tensor("a", "U8", "[4294967296,4294967296,0]", "[0,0]") + "}", 0),
            "too many");
        row("negative size", file("{" + tensor("a", "U8", "[-1]", "[0,1]") + "}", 1), "number -1");
        row("fraction", file("{" + tensor("a", "U8", "[1.5]", "[0,1]") + "}", 1), "1.5");
        row("shape is a number", file("{" + tensor("a", "U8", "1", "[0,1]") + "}", 1), "for shape");
        row("shape of shapes", file("{" + tensor("a", "U8", "[[1]]", "[0,1]") + "}", 1),
            "an array");
        std::string many = "[1";
        for (int i = 0; i < 64; ++i)
            many += ",1";
        row("65 dimensions", file("{" + tensor("a", "U8", many + "]", "[0,1]") + "}", 1),
            "dimensions");
        row("unknown dtype", file("{" + tensor("a", "Q8", "[1]", "[0,1]") + "}", 1),
            "unknown dtype \"Q8\"");
        row("dtype in small letters", file("{" + tensor("a", "f32", "[1]", "[0,4]") + "}", 4),
            "\"f32\"");
        row("dtype is a number", file(R"({"a":{"dtype":7,"shape":[],"data_offsets":[0,1]}})", 1),
            "for dtype");
        row("no dtype", file(R"({"a":{"shape":[],"data_offsets":[0,1]}})", 1), "no dtype");
        row("no shape", file(R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1), "no shape");
        row("no offsets", file(R"({"a":{"dtype":"U8","shape":[]}})", 0), "no data_offsets");
        row("dtype twice",
            file(R"({"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}})", 1),
            "dtype appears twice");
        row("tensor twice",
            file("{" + tensor("a", "U8", "[1]", "[0,1]") + "," + tensor("a", "U8", "[1]", "[1,2]") +
                     "}",
                 2),
            "tensor \"a\" appears twice");
        row("tensor is a number", file(R"({"a":1})", 0), "an object");
        row("metadata of numbers", file(R"({"__metadata__":{"a":1}})", 0), "a string");
        row("metadata is a text", file(R"({"__metadata__":"a"})", 0), "an object");
        row("metadata twice", file(R"({"__metadata__":{},"__metadata__":{}})", 0), "appears twice");
        row("metadata key twice", file(R"({"__metadata__":{"a":"","a":""}})", 0), "appears twice");
    }

    void bad()
    {
        QFETCH(QByteArray, content);
        QFETCH(QByteArray, message);
        try {
            (void)openSafetensors(source(content.toStdString()));
            QFAIL("was opened");
        } catch (const Error& error) {
            QVERIFY2(QByteArray(error.what()).contains(message), error.what());
            QVERIFY2(QByteArray(error.what()).startsWith("the file"), error.what());
            QVERIFY(error.code() == ErrorCode::Format);
        }
    }

    void everyCutIsAnError()
    {
        const std::string whole =
            file("{" + tensor("a", "F16", "[2,3]", "[0,12]") + "," +
                     tensor("b", "I64", "[1]", "[12,20]") + R"(,"__metadata__":{"k":"v"}})",
                 20);
        QVERIFY(openSafetensors(source(whole)));
        for (std::size_t length = 0; length < whole.size(); ++length)
            QVERIFY_EXCEPTION_THROWN((void)openSafetensors(source(whole.substr(0, length))), Error);
        QVERIFY_EXCEPTION_THROWN((void)openSafetensors(source(whole + "x")), Error);
    }

    void dtypesOfOthersAreNamed()
    {
        for (const std::string dtype : {"F8_E4M3", "F8_E5M2", "F4", "U16", "U32", "U64", "C64"}) {
            try {
                (void)openSafetensors(
                    source(file("{" + tensor("weight", dtype, "[1]", "[0,1]") + "}", 1)));
                QFAIL("was opened");
            } catch (const Error& error) {
                QVERIFY(error.code() == ErrorCode::Unsupported);
                QVERIFY(QByteArray(error.what()).contains("\"weight\""));
                QVERIFY(QByteArray(error.what()).contains(dtype.c_str()));
            }
        }
    }

    void absentTensor()
    {
        const auto model = openSafetensors(source(file("{}", 0)));
        QVERIFY(model->find("a") == nullptr);
        QVERIFY_EXCEPTION_THROWN((void)model->read("a"), Error);
        QVERIFY_EXCEPTION_THROWN((void)model->readFloat("a"), Error);
    }

    void writesAndReadsBack()
    {
        TemporaryFolder folder;
        const std::vector<Shape> shapes{{}, {0}, {1}, {3, 5}, {2, 0, 4}, {2, 3, 7}};
        std::vector<TensorToWrite> tensors;
        int start = 0;
        const auto name = [](DType dtype, std::size_t shape) {
            return "layer \"\xC3\xA9\"\n." + std::string(dtypeName(dtype)) + std::to_string(shape);
        };
        for (const DType dtype : allDtypes)
            for (std::size_t i = 0; i < shapes.size(); ++i, ++start)
                tensors.push_back(
                    {name(dtype, i), dtype, shapes[i],
                     [dtype, shape = shapes[i], start] { return filled(dtype, shape, start); }});
        const std::map<std::string, std::string> metadata{{"format", "pt"}, {"a", "\"b\"\n"}};
        Monitor silent;
        writeSafetensors(folder / "m.safetensors", std::move(tensors), metadata, silent);
        const auto bytes = mapFile(folder / "m.safetensors");
        QVERIFY(safetensorsMetadata(*bytes) == metadata);
        const auto model = openSafetensors(bytes);
        QCOMPARE(model->tensors().size(), std::size(allDtypes) * shapes.size());
        start = 0;
        for (const DType dtype : allDtypes)
            for (std::size_t i = 0; i < shapes.size(); ++i, ++start) {
                const Tensor expected = filled(dtype, shapes[i], start);
                const Tensor found = model->read(name(dtype, i));
                QVERIFY(found.dtype() == dtype && found.shape() == shapes[i]);
                QCOMPARE(found.bytes().size(), expected.bytes().size());
                QVERIFY(found.bytes().empty() ||
                        std::memcmp(found.bytes().data(), expected.bytes().data(),
                                    found.bytes().size()) == 0);
                const Tensor floats = model->readFloat(name(dtype, i));
                const Tensor converted = toFloat(expected.view());
                QVERIFY(floats.dtype() == DType::F32 && floats.shape() == shapes[i]);
                QVERIFY(floats.empty() ||
                        std::memcmp(floats.bytes().data(), converted.bytes().data(),
                                    floats.bytes().size()) == 0);
            }

        // The widest first, then by name; the data aligned to 8 bytes.
        std::size_t size = 8;
        std::string last;
        for (const TensorInfo& info : model->tensors())
            if (info.bytes > 0) {
                QVERIFY(dtypeSize(info.dtype) < size ||
                        (dtypeSize(info.dtype) == size && info.name > last));
                size = dtypeSize(info.dtype);
                last = info.name;
            }
        std::uint64_t header = 0;
        std::memcpy(&header, bytes->bytes().data(), 8);
        QCOMPARE(header % 8, std::uint64_t(0));

        // What was read, written again, is the same file to the byte.
        std::vector<TensorToWrite> again;
        for (const TensorInfo& info : model->tensors())
            again.push_back({info.name, info.dtype, info.shape,
                             [&model, &info] { return model->read(info.name); }});
        writeSafetensors(folder / "again.safetensors", std::move(again), metadata, silent);
        QVERIFY(readTextFile(folder / "again.safetensors") ==
                readTextFile(folder / "m.safetensors"));
    }

    void writesTheBytesOfTheFormat()
    {
        TemporaryFolder folder;
        std::vector<TensorToWrite> tensors;
        tensors.push_back({"b", DType::U8, {2}, [] { return filled(DType::U8, {2}, 7); }});
        tensors.push_back({"a", DType::F16, {1}, [] { return filled(DType::F16, {1}, 1); }});
        Monitor silent;
        writeSafetensors(folder / "m", std::move(tensors), {{"format", "pt"}}, silent);
        const std::string header =
            R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},)"
            R"("b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})";
        const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
        QVERIFY(readTextFile(folder / "m") ==
                withLength(padded.size(), padded + "\x01\x02\x07\x08"));
        writeSafetensors(folder / "empty", {}, {}, silent);
        QVERIFY(readTextFile(folder / "empty") == withLength(8, "{}      "));
    }

    void writingRefuses()
    {
        TemporaryFolder folder;
        Monitor silent;
        const auto failure = [&](std::vector<TensorToWrite> tensors, const fs::path& path) {
            try {
                writeSafetensors(path, std::move(tensors), {}, silent);
            } catch (const Error& error) {
                return QByteArray(error.what());
            }
            return QByteArray("was written");
        };
        const auto one = [](const std::string& name, DType dtype, const Shape& shape) {
            return TensorToWrite{name, dtype, shape, [] { return filled(DType::F32, {2}, 0); }};
        };
        std::vector<TensorToWrite> twice;
        twice.push_back(one("a", DType::F32, {2}));
        twice.push_back(one("a", DType::F32, {2}));
        QVERIFY(failure(twice, folder / "m").contains("appears twice"));
        QVERIFY(failure({one("__metadata__", DType::F32, {2})}, folder / "m").contains("reserved"));
        QVERIFY(failure({one("\xFF", DType::F32, {2})}, folder / "m").contains("UTF-8"));
        QVERIFY(failure({one("a", DType::F32, {3})}, folder / "m").contains("announced"));
        QVERIFY(failure({one("a", DType::F16, {2})}, folder / "m").contains("announced"));
        QVERIFY(failure({one("a", DType::F32, {2})}, folder / "absent" / "m").contains("absent"));
        QVERIFY(fs::is_empty(folder.path())); // nothing half-written
    }

    void fullDisk()
    {
        // A limit on the size of files stands for the disk that fills up while writing.
        TemporaryFolder folder;
        std::ofstream(folder / "m") << "the old content";
        rlimit before = {};
        QCOMPARE(getrlimit(RLIMIT_FSIZE, &before), 0);
        rlimit small = before;
        small.rlim_cur = 100000;
        const auto handler = std::signal(SIGXFSZ, SIG_IGN);
        QCOMPARE(setrlimit(RLIMIT_FSIZE, &small), 0);
        QByteArray message = "was written";
        try {
            Monitor silent;
            std::vector<TensorToWrite> tensors;
            tensors.push_back(
                {"a", DType::F32, {100000}, [] { return Tensor::zeros(DType::F32, {100000}); }});
            writeSafetensors(folder / "m", std::move(tensors), {}, silent);
        } catch (const Error& error) {
            message = error.what();
        }
        setrlimit(RLIMIT_FSIZE, &before);
        std::signal(SIGXFSZ, handler);
        QVERIFY2(message.contains("cannot write"), message.constData());
        QVERIFY(message.contains(folder.path().c_str()));
        QCOMPARE(readTextFile(folder / "m"), std::string("the old content"));
        QCOMPARE(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()),
                 std::ptrdiff_t(1));
    }

    void writingStopsAtEveryCheckpoint()
    {
        TemporaryFolder folder;
        for (int k = 0; k < 20; ++k) {
            int produced = 0;
            std::vector<TensorToWrite> tensors;
            for (int i = 0; i < 3; ++i)
                tensors.push_back({"t" + std::to_string(i), DType::U8, {100}, [&produced] {
                                       ++produced;
                                       return filled(DType::U8, {100}, 0);
                                   }});
            StopAt stop(k);
            try {
                writeSafetensors(folder / "m", std::move(tensors), {}, stop);
                QVERIFY(k >= 3 && produced == 3);
                QVERIFY(fs::exists(folder / "m"));
                return;
            } catch (const Cancelled&) {
                QVERIFY(fs::is_empty(folder.path()));
            }
        }
        QFAIL("never finished");
    }
};

QTEST_APPLESS_MAIN(TestSafetensors)
#include "tst_safetensors.moc"
