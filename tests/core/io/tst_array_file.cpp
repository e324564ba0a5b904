// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/io/array_file.h"
#include "core/io/gzip.h"
#include "core/io/idx.h"
#include "core/io/npy.h"
#include "core/io/zip_archive.h"
#include "tests/support/array_files.h"
#include "tests/support/keras_writer.h"
#include "tests/support/support.h"

#include <QTest>

#include <cstring>
#include <functional>

using namespace gradus;
using namespace gradus::test;

namespace {

/// The code of the error that something throws; −1 when it does not.
int codeOf(const std::function<void()>& act, std::string* message = nullptr)
{
    try {
        act();
    } catch (const Error& error) {
        if (message)
            *message = error.what();
        return static_cast<int>(error.code());
    }
    return -1;
}

constexpr int usage = static_cast<int>(ErrorCode::Usage);
constexpr int format = static_cast<int>(ErrorCode::Format);
constexpr int unsupported = static_cast<int>(ErrorCode::Unsupported);

template <class T>
std::string raw(std::initializer_list<T> values)
{
    std::string bytes;
    for (const T value : values)
        bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return bytes;
}

std::string contentOf(const Tensor& tensor)
{
    return {reinterpret_cast<const char*>(tensor.bytes().data()), tensor.bytes().size()};
}

std::string text(const std::vector<std::byte>& bytes)
{
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace

class TestArrayFile : public QObject
{
    Q_OBJECT

private slots:
    void npyKinds_data()
    {
        QTest::addColumn<QString>("descr");
        QTest::addColumn<QByteArray>("elements");
        QTest::addColumn<int>("dtype");
        QTest::addColumn<QByteArray>("expected");
        const auto row = [](const char* descr, const std::string& elements, DType dtype,
                            const std::string& expected) {
            QTest::newRow(descr) << QString(descr) << QByteArray::fromStdString(elements)
                                 << static_cast<int>(dtype) << QByteArray::fromStdString(expected);
        };
        using namespace std::string_literals;
        row("<f4", raw({1.5F, -2.F}), DType::F32, raw({1.5F, -2.F}));
        row(">f4", "\x3F\xC0\0\0\xC0\0\0\0"s, DType::F32, raw({1.5F, -2.F}));
        row("=f8", raw({0.1, 7.0}), DType::F64, raw({0.1, 7.0}));
        row(">f8", "\x3F\xF8\0\0\0\0\0\0\xC0\0\0\0\0\0\0\0"s, DType::F64, raw({1.5, -2.0}));
        row("<f2", "\0\x3C\0\xC0"s, DType::F16, "\0\x3C\0\xC0"s);
        row(">f2", "\x3C\0\xC0\0"s, DType::F16, "\0\x3C\0\xC0"s);
        row("|V2", "\x80\x3F\0\xC0"s, DType::BF16, "\x80\x3F\0\xC0"s);
        row("|i1", "\xFF\x7F"s, DType::I8, "\xFF\x7F"s);
        row("|u1", "\xFF\1"s, DType::U8, "\xFF\1"s);
        row("<i2", "\xFE\xFF\1\0"s, DType::I16, "\xFE\xFF\1\0"s);
        row(">i2", "\xFF\xFE\0\1"s, DType::I16, "\xFE\xFF\1\0"s);
        row(">u2", "\xFF\xFE\0\1"s, DType::I32, raw<std::int32_t>({65534, 1}));
        row("<u2", "\xFE\xFF\1\0"s, DType::I32, raw<std::int32_t>({65534, 1}));
        row(">i4", "\xFF\xFF\xFF\xFE\0\0\1\0"s, DType::I32, raw<std::int32_t>({-2, 256}));
        row("<u4", "\xFF\xFF\xFF\xFF\1\0\0\0"s, DType::I64, raw<std::int64_t>({4294967295, 1}));
        row("<i8", raw<std::int64_t>({-5, 5}), DType::I64, raw<std::int64_t>({-5, 5}));
        row(">i8", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE\0\0\0\0\0\0\1\0"s, DType::I64,
            raw<std::int64_t>({-2, 256}));
        row("<u8", raw<std::uint64_t>({9, 8}), DType::I64, raw<std::int64_t>({9, 8}));
        row("|b1", "\0\x7F"s, DType::Bool, "\0\1"s);
        row("?", "\1\0"s, DType::Bool, "\1\0"s);
    }

    void npyKinds()
    {
        QFETCH(QString, descr);
        QFETCH(QByteArray, elements);
        QFETCH(int, dtype);
        QFETCH(QByteArray, expected);
        for (const int major : {1, 2, 3}) {
            const StoredArray array = openNpy(sourceOf(npyBytes(
                npyDictionary(descr.toStdString(), "(2,)"), elements.toStdString(), major)));
            QCOMPARE(static_cast<int>(array.dtype()), dtype);
            QVERIFY(array.shape() == Shape{2});
            QCOMPARE(QByteArray::fromStdString(contentOf(array.readAll())), expected);
            const std::int64_t last[] = {1};
            QCOMPARE(QByteArray::fromStdString(contentOf(array.rows(last))),
                     expected.right(expected.size() / 2));
        }
    }

    void columnMajorIsTurned()
    {
        // Element (i, j, k) of 2 × 3 × 4 is 100 i + 10 j + k; the first axis is the fastest.
        std::string elements;
        for (std::int16_t k = 0; k < 4; ++k)
            for (std::int16_t j = 0; j < 3; ++j)
                for (std::int16_t i = 0; i < 2; ++i)
                    elements += raw({static_cast<std::int16_t>(100 * i + 10 * j + k)});
        const StoredArray array =
            openNpy(sourceOf(npyBytes(npyDictionary("<i2", "(2, 3, 4)", true), elements)));
        std::string expected;
        for (std::int16_t i = 0; i < 2; ++i)
            for (std::int16_t j = 0; j < 3; ++j)
                for (std::int16_t k = 0; k < 4; ++k)
                    expected += raw({static_cast<std::int16_t>(100 * i + 10 * j + k)});
        QCOMPARE(contentOf(array.readAll()), expected);
        const std::int64_t order[] = {1, 0, 1};
        const Tensor rows = array.rows(order);
        QVERIFY((rows.shape() == Shape{3, 3, 4}));
        QCOMPARE(contentOf(rows),
                 expected.substr(24) + expected.substr(0, 24) + expected.substr(24));
        const std::int64_t outside[] = {2};
        QCOMPARE(codeOf([&] { (void)array.rows(outside); }), static_cast<int>(ErrorCode::Shape));
    }

    void headersMayLookDifferent()
    {
        const std::string one = raw({4.F});
        for (const char* header :
             {"{'shape': (1L,), \"fortran_order\": False, 'descr': \"<f4\"}",
              "  { 'descr' : '<f4' , 'fortran_order':False,'shape':( 1 , ) , }   \n\n",
              "{'descr': 'f4', 'fortran_order': True, 'shape': (1, 1, 1)}"})
            QCOMPARE(openNpy(sourceOf(npyBytes(header, one))).readAll().floats()[0], 4.F);
        const StoredArray scalar = openNpy(sourceOf(npyBytes(npyDictionary("<f4", "()"), one)));
        QVERIFY(scalar.shape().empty());
        QCOMPARE(scalar.readAll().floats()[0], 4.F);
        QCOMPARE(codeOf([&] { (void)scalar.rows({}); }), static_cast<int>(ErrorCode::Shape));
        const StoredArray empty = openNpy(sourceOf(npyBytes(npyDictionary("<f4", "(3, 0)"), "")));
        QVERIFY((empty.readAll().shape() == Shape{3, 0}));
        // Rows that are not there are no reason to allocate.
        const StoredArray none =
            openNpy(sourceOf(npyBytes(npyDictionary("<f4", "(0, 1048576, 1048576)"), "")));
        const std::int64_t first[] = {0};
        QCOMPARE(codeOf([&] { (void)none.rows(first); }), static_cast<int>(ErrorCode::Shape));
    }

    void badNpy_data()
    {
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<int>("code");
        const auto row = [](const char* name, const std::string& dictionary,
                            const std::string& elements, int code = format) {
            QTest::newRow(name) << QByteArray::fromStdString(npyBytes(dictionary, elements))
                                << code;
        };
        const std::string one = raw({4.F});
        row("structured", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", one,
            unsupported);
        row("objects", npyDictionary("|O", "(1,)"), one, unsupported);
        row("complex", npyDictionary("<c8", "(1,)"), one + one, unsupported);
        row("texts", npyDictionary("<U1", "(1,)"), one, unsupported);
        row("times", npyDictionary("<M8[ns]", "(1,)"), one + one, unsupported);
        row("float128", npyDictionary("<f16", "(1,)"), one + one + one + one, unsupported);
        row("no type", npyDictionary("", "(1,)"), one, unsupported);
        row("too short", npyDictionary("<f4", "(2,)"), one);
        row("too long", npyDictionary("<f4", "(1,)"), one + one);
        row("overflow", npyDictionary("<f4", "(4611686018427387905, 4)"), one);
        row("overflow to zero", npyDictionary("<f4", "(4294967296, 4294967296)"), "");
        row("hidden by zero", npyDictionary("<f4", "(4294967296, 4294967296, 0)"), "");
        row("size beyond 64 bits", npyDictionary("<f4", "(99999999999999999999,)"), one);
        row("negative", npyDictionary("<f4", "(-1,)"), one);
        row("no tuple", npyDictionary("<f4", "1"), one);
        row("no comma", npyDictionary("<f4", "(1 1)"), one);
        row("no end", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,", one);
        row("twice", "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
            one);
        row("unknown key", "{'descr': '<f4', 'order': False, 'shape': (1,)}", one);
        row("key missing", "{'descr': '<f4', 'shape': (1,)}", one);
        row("not a boolean", "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", one);
        row("more behind", npyDictionary("<f4", "(1,)") + "x", one);
        row("no dictionary", "", one);
        std::string axes = "(";
        for (int i = 0; i < 33; ++i)
            axes += "1,";
        row("33 axes", npyDictionary("<f4", axes + ")"), one);
        std::string four = npyBytes(npyDictionary("<f4", "(1,)"), one);
        four[6] = 4;
        QTest::newRow("version 4") << QByteArray::fromStdString(four) << unsupported;
    }

    void badNpy()
    {
        QFETCH(QByteArray, bytes);
        QFETCH(int, code);
        std::string message;
        QCOMPARE(codeOf([&] { (void)openNpy(sourceOf(bytes.toStdString())); }, &message), code);
        QVERIFY2(message.starts_with("test.file"), message.c_str());
    }

    void cutFilesAreRefused()
    {
        const std::string npy = npyBytes(npyDictionary("<f4", "(2,)"), raw({1.F, 2.F}), 2);
        for (std::size_t size = 0; size < npy.size(); ++size)
            QCOMPARE(codeOf([&] { (void)openNpy(sourceOf(npy.substr(0, size))); }), format);
        using namespace std::string_literals;
        const std::string idx = "\0\0\x0B\2\0\0\0\2\0\0\0\1\1\2\3\4"s;
        for (std::size_t size = 0; size < idx.size(); ++size)
            QCOMPARE(codeOf([&] { (void)openIdx(sourceOf(idx.substr(0, size))); }), format);
        const std::string gzip = deflated("a text that is packed, packed, packed", 31);
        for (std::size_t size = 0; size < gzip.size(); ++size)
            QCOMPARE(codeOf([&] { (void)unpackGzip(*sourceOf(gzip.substr(0, size))); }), format);
        const std::string zip =
            zipBytes({{"a.npy", npy, true}, {"b.npy", std::string(100, 'x'), false}});
        for (std::size_t size = 0; size < zip.size(); ++size)
            QCOMPARE(codeOf([&] { (void)ZipArchive(sourceOf(zip.substr(0, size))).read("b.npy"); }),
                     format);
    }

    void largeNumbersAreRefusedWhenRead()
    {
        const StoredArray array = openNpy(
            sourceOf(npyBytes(npyDictionary("<u8", "(2,)"), raw<std::uint64_t>({1, 1ULL << 63}))));
        const std::int64_t first[] = {0};
        QCOMPARE(contentOf(array.rows(first)), raw<std::int64_t>({1}));
        QCOMPARE(codeOf([&] { (void)array.readAll(); }), unsupported);
    }

    void npyIsWrittenAsItIsRead()
    {
        const TemporaryFolder folder;
        for (const DType dtype : {DType::F64, DType::F32, DType::F16, DType::BF16, DType::I64,
                                  DType::I32, DType::I16, DType::I8, DType::U8, DType::Bool}) {
            for (const Shape& shape : {Shape{}, Shape{5}, Shape{2, 3}, Shape{2, 0, 3}}) {
                Tensor tensor(dtype, shape);
                for (std::size_t i = 0; i < tensor.bytes().size(); ++i)
                    tensor.bytes()[i] =
                        std::byte(dtype == DType::Bool ? i % 2 : (i * 37 + 1) % 251);
                writeNpy(folder / "x.npy", tensor.view());
                const StoredArray array = openNpy(mapFile(folder / "x.npy"));
                QCOMPARE(array.dtype(), dtype);
                QVERIFY(array.shape() == shape);
                QCOMPARE(contentOf(array.readAll()), contentOf(tensor));
                QCOMPARE(npyHeader(dtype, shape).size() % 64, std::size_t(0));
            }
        }
        QCOMPARE(npyHeader(DType::F32, {3, 2}).substr(10, 60),
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }" +
                     std::string(1, ' '));
    }

    void idx()
    {
        using namespace std::string_literals;
        const StoredArray array = openIdx(sourceOf("\0\0\x0B\2\0\0\0\2\0\0\0\1\1\2\xFF\xFE"s));
        QVERIFY((array.shape() == Shape{2, 1}));
        QCOMPARE(contentOf(array.readAll()), raw<std::int16_t>({258, -2}));
        QCOMPARE(contentOf(openIdx(sourceOf("\0\0\x0D\1\0\0\0\1\x3F\xC0\0\0"s)).readAll()),
                 raw({1.5F}));
        for (const std::string& bad :
             {"\0\0\x0A\1\0\0\0\1\1"s, "\0\0\x08\0\1"s, "\0\0\x08\x09\0\0\0\1\1"s, "\1\0\x08\1"s,
              "\0\0\x08\1\0\0\0\1\1\2"s,
              "\0\0\x0E\4\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s
              "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s})
            QCOMPARE(codeOf([&] { (void)openIdx(sourceOf(bad)); }), format);
    }

    void gzipUnpacks()
    {
        const std::string text = "packed, packed, packed";
        const auto twice = unpackGzip(*sourceOf(deflated(text, 31) + deflated("more", 31)));
        QCOMPARE(std::string(reinterpret_cast<const char*>(twice->bytes().data()),
                             twice->bytes().size()),
                 text + "more");
        std::string wrong = deflated(text, 31);
        wrong[wrong.size() - 6] ^= 1; // of the checksum
        QCOMPARE(codeOf([&] { (void)unpackGzip(*sourceOf(wrong)); }), format);
        // A thousand times more than what is packed, and a limit.
        const std::string bomb = deflated(std::string(40 << 20, '\0'), 31);
        QCOMPARE(codeOf([&] { (void)unpackGzip(*sourceOf(bomb)); }), format);
        QCOMPARE(codeOf([&] { (void)unpackGzip(*sourceOf(deflated(text, 31)), 21); }), format);
        QCOMPARE(unpackGzip(*sourceOf(deflated(text, 31)), 22)->bytes().size(), text.size());
    }

    void zipEntries()
    {
        const std::string content(5000, 'y');
        const ZipArchive archive(
            sourceOf(zipBytes({{"config.json", "{}"}, {"weights/a", content, true}})));
        QCOMPARE(archive.entries().size(), std::size_t(2));
        QCOMPARE(archive.entries()[1].bytes, std::uint64_t(5000));
        QVERIFY(archive.entries()[1].packed < 100);
        QCOMPARE(text(archive.read("config.json")), std::string("{}"));
        QCOMPARE(text(archive.read("weights/a")), content);
        QCOMPARE(codeOf([&] { (void)archive.read("weights/a", 4999); }), format);
        QCOMPARE(codeOf([&] { (void)archive.read("weights"); }), format);
        QVERIFY(!archive.find("nothing"));
    }

    void badZip()
    {
        const auto readBack = [](const std::string& bytes) {
            return codeOf([&] { (void)ZipArchive(sourceOf(bytes)).read("a"); });
        };
        QCOMPARE(readBack(zipBytes({{"a", "content"}})), -1);
        // Sizes that are not what is there.
        QCOMPARE(readBack(zipBytes({{"a", "content", false, 3000000000}})), format);
        QCOMPARE(readBack(zipBytes({{"a", "content", true, 6}})), format);
        QCOMPARE(readBack(zipBytes({{"a", "content", true, 8}})), format);
        QCOMPARE(readBack(zipBytes({{"a", "content", true, 4000000000}})), format);
        // A bomb that keeps its word: 40 MiB out of 40 KiB.
        QCOMPARE(readBack(zipBytes({{"a", std::string(40 << 20, '\0'), true}})), format);
        QCOMPARE(readBack(zipBytes({{"a", "content", false, -1, 12}})), unsupported);
        // Directories that promise more than there is.
        std::string many = zipBytes({{"a", "content"}});
        many[many.size() - 12] = many[many.size() - 14] = '\xFF';
        many[many.size() - 11] = many[many.size() - 13] = '\xFF';
        QCOMPARE(readBack(many), format);
        std::string wrong = zipBytes({{"a", "content"}});
        wrong[wrong.find("content")] ^= 1;
        QCOMPARE(readBack(wrong), format);
    }

    void containersAreToldApart()
    {
        const TemporaryFolder folder;
        const std::string npy = npyBytes(npyDictionary("<f4", "(2, 1)"), raw({1.F, 2.F}));
        const std::string other = npyBytes(npyDictionary("|u1", "(2,)"), "\3\4");
        writeFile(folder / "a.npy", npy);
        writeFile(folder / "a.npy.gz", deflated(npy, 31));
        writeFile(folder / "b.npz", zipBytes({{"x_test.npy", npy, true}, {"y_test.npy", other}}));
        writeFile(folder / "one.npz", zipBytes({{"arr_0.npy", other}}));
        writeFile(folder / "none.npz", zipBytes({{"readme", "text"}}));
        writeFile(folder / "text", "a text");
        {
            KerasWriter file(folder / "c.h5");
            file.dataset("x", {2, 2});
            file.dataset("deep/er/y", {3});
            file.dataset("packed", {16, 16}, H5T_IEEE_F32LE, true);
        }
        for (const char* name : {"a.npy", "a.npy.gz", "b.npz", "one.npz", "none.npz", "c.h5"})
            QVERIFY(ArrayFile::isArrayFile(folder / name));
        QVERIFY(!ArrayFile::isArrayFile(folder / "text"));
        QVERIFY(!ArrayFile::isArrayFile(folder.path()));
        QVERIFY(!ArrayFile::isArrayFile(folder / "nothing"));

        const auto shapeOf = [&](const std::string& name) {
            return ArrayFile(folder / name).openAny({"x", "x_test"}).shape();
        };
        QVERIFY((shapeOf("a.npy") == Shape{2, 1}));
        QVERIFY((shapeOf("a.npy.gz") == Shape{2, 1}));
        QVERIFY((shapeOf("b.npz") == Shape{2, 1}));
        QVERIFY((shapeOf("b.npz:y_test") == Shape{2}));
        QVERIFY((shapeOf("one.npz") == Shape{2}));
        QVERIFY((shapeOf("c.h5") == Shape{2, 2}));
        QVERIFY((shapeOf("c.h5:/deep/er/y") == Shape{3}));
        QVERIFY((shapeOf("c.h5:deep/er/y") == Shape{3}));
        QCOMPARE(contentOf(ArrayFile(folder / "c.h5:/x").openAny({}).readAll()),
                 raw({0.F, 1.F, 2.F, 3.F}));

        const auto fails = [&](const std::string& name) {
            return codeOf([&] { (void)ArrayFile(folder / name).openAny({"none"}); });
        };
        QCOMPARE(fails("b.npz"), usage);
        QCOMPARE(fails("b.npz:z"), usage);
        QCOMPARE(fails("a.npy:z"), usage);
        QCOMPARE(fails("c.h5"), usage);
        QCOMPARE(fails("c.h5:/deep/none"), usage);
        QCOMPARE(fails("c.h5:/packed"), unsupported);
        QCOMPARE(fails("none.npz"), format);
        QCOMPARE(fails("text"), format);
        QCOMPARE(fails("nothing"), static_cast<int>(ErrorCode::Io));
    }
};

QTEST_APPLESS_MAIN(TestArrayFile)
#include "tst_array_file.moc"
