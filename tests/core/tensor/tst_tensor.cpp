// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/random.h"
#include "core/tensor/half.h"
#include "core/tensor/tensor.h"

#include <QtTest>

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

using namespace gradus;

Q_DECLARE_METATYPE(gradus::Shape)
Q_DECLARE_METATYPE(gradus::DType)

namespace {

constexpr std::int64_t huge = std::numeric_limits<std::int64_t>::max();
const std::vector<DType> allTypes{DType::F64, DType::F32, DType::F16, DType::BF16, DType::I64,
                                  DType::I32, DType::I16, DType::I8,  DType::U8,   DType::Bool};

/// Element i of raw bytes by plain arithmetic, whatever the alignment.
float valueAt(DType dtype, const std::byte* bytes, std::size_t i)
{
    const std::size_t size = dtypeSize(dtype);
    std::uint64_t raw = 0;
    for (std::size_t k = 0; k < size; ++k) // little endian
        raw |= std::to_integer<std::uint64_t>(bytes[i * size + k]) << (8 * k);
    switch (dtype) {
    case DType::F64:
        return static_cast<float>(std::bit_cast<double>(raw));
    case DType::F32:
        return std::bit_cast<float>(static_cast<std::uint32_t>(raw));
    case DType::F16:
        return halfToFloat(static_cast<std::uint16_t>(raw));
    case DType::BF16:
        return std::bit_cast<float>(static_cast<std::uint32_t>(raw << 16));
    case DType::I64:
        return static_cast<float>(static_cast<std::int64_t>(raw));
    case DType::I32:
        return static_cast<float>(static_cast<std::int32_t>(raw));
    case DType::I16:
        return static_cast<float>(static_cast<std::int16_t>(raw));
    case DType::I8:
        return static_cast<float>(static_cast<std::int8_t>(raw));
    case DType::U8:
    case DType::Bool:
        return static_cast<float>(raw);
    }
    return 0;
}

bool sameBits(float a, float b)
{
    return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
           (std::isnan(a) && std::isnan(b));
}

} // namespace

class TestTensor : public QObject
{
    Q_OBJECT

private slots:
    void namesOfTypes()
    {
        const std::vector<std::pair<const char*, std::size_t>> expected{
            {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
            {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U8", 1},   {"BOOL", 1}};
        for (std::size_t i = 0; i < allTypes.size(); ++i) {
            QVERIFY(dtypeName(allTypes[i]) == expected[i].first);
            QCOMPARE(dtypeSize(allTypes[i]), expected[i].second);
            QVERIFY(dtypeFromName(expected[i].first) == std::optional(allTypes[i]));
            QCOMPARE(isFloating(allTypes[i]), i < 4);
        }
        for (const char* name : {"", "f16", "F8_E4M3", "F16 ", "U16"})
            QVERIFY(!dtypeFromName(name));
    }

    void counts_data()
    {
        QTest::addColumn<Shape>("shape");
        QTest::addColumn<qint64>("count"); // −1: refused
        QTest::newRow("scalar") << Shape{} << qint64(1);
        QTest::newRow("empty") << Shape{0} << qint64(0);
        QTest::newRow("matrix") << Shape{3, 5} << qint64(15);
        QTest::newRow("empty rows") << Shape{7, 0} << qint64(0);
        QTest::newRow("largest") << Shape{std::int64_t(1) << 59} << (qint64(1) << 59);
        QTest::newRow("negative") << Shape{3, -1} << qint64(-1);
        QTest::newRow("two negatives") << Shape{-3, -1} << qint64(-1);
        QTest::newRow("one is absurd") << Shape{huge} << qint64(-1);
        QTest::newRow("product wraps to 0")
            << Shape{std::int64_t(1) << 32, std::int64_t(1) << 32} << qint64(-1);
        QTest::newRow("product wraps to 2")
            << Shape{(std::int64_t(1) << 62) + 1, 2, 2} << qint64(-1);
        QTest::newRow("bytes overflow") << Shape{std::int64_t(1) << 61} << qint64(-1);
    }

    void counts()
    {
        QFETCH(Shape, shape);
        QFETCH(qint64, count);
        if (count >= 0) {
            QCOMPARE(qint64(elementCount(shape)), count);
            return;
        }
        try {
            (void)elementCount(shape);
            QFAIL("the shape was accepted");
        } catch (const Error& error) {
            QVERIFY(error.code() == ErrorCode::Shape);
            QVERIFY(QString(error.what()).contains(QString::fromStdString(shapeText(shape))));
        }
        QVERIFY_EXCEPTION_THROWN(Tensor(DType::F64, shape), Error);
    }

    void shapesAsText()
    {
        QCOMPARE(QString::fromStdString(shapeText({})), QString("scalar"));
        QCOMPARE(QString::fromStdString(shapeText({4096})), QString("4096"));
        QCOMPARE(QString::fromStdString(shapeText({4096, 11008})), QString("4096 × 11008"));
    }

    void ownsAlignedMemory()
    {
        static_assert(!std::is_copy_constructible_v<Tensor> && !std::is_copy_assignable_v<Tensor>);
        static_assert(std::is_nothrow_move_constructible_v<Tensor>);
        for (const DType dtype : allTypes)
            for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{7, 9}, Shape{64, 64}}) {
                const Tensor tensor = Tensor::zeros(dtype, shape);
                QVERIFY(tensor.dtype() == dtype && tensor.shape() == shape);
                QCOMPARE(tensor.count(), elementCount(shape));
                QCOMPARE(tensor.empty(), tensor.count() == 0);
                QCOMPARE(tensor.bytes().size(),
                         static_cast<std::size_t>(tensor.count()) * dtypeSize(dtype));
                QVERIFY(reinterpret_cast<std::uintptr_t>(tensor.bytes().data()) % 64 == 0);
                for (const std::byte byte : tensor.bytes())
                    QVERIFY(byte == std::byte(0));
            }
    }

    void clonesAreIndependent()
    {
        Tensor tensor(Shape{2, 3});
        for (std::size_t i = 0; i < 6; ++i)
            tensor.floats()[i] = static_cast<float>(i);
        Tensor copy = tensor.clone();
        copy.floats()[0] = 42;
        QVERIFY(tensor.floats()[0] == 0.0F);
        QVERIFY(copy.floats()[5] == 5.0F && copy.shape() == tensor.shape());
        const std::byte* memory = tensor.bytes().data();
        const Tensor moved = std::move(tensor);
        QVERIFY(moved.bytes().data() == memory);
    }

    void matricesAndBlocks()
    {
        Tensor tensor(Shape{2, 3, 4});
        for (std::size_t i = 0; i < 24; ++i)
            tensor.floats()[i] = static_cast<float>(i);
        const MatrixView matrix = tensor.matrix(); // the leading sizes are rows
        QCOMPARE(matrix.rows, std::int64_t(6));
        QCOMPARE(matrix.cols, std::int64_t(4));
        const MatrixView block = matrix.block(2, 1, 3, 2);
        QVERIFY(block.row(1)[1] == 14.0F); // row 3, column 2
        block.row(1)[1] = -1;
        QVERIFY(tensor.floats()[14] == -1.0F);
        const ConstMatrixView inner = ConstMatrixView(block).block(1, 1, 1, 1);
        QVERIFY(inner.row(0)[0] == -1.0F);
        tensor.reshape({4, 6});
        QCOMPARE(tensor.matrix().cols, std::int64_t(6));
        const Tensor scalar = Tensor::zeros(DType::F32, {});
        QVERIFY(scalar.matrix().rows == 1 && scalar.matrix().cols == 1);
        const Tensor none = Tensor::zeros(DType::F32, {5, 0});
        QVERIFY(none.matrix().cols == 0);
    }

    void convertsEveryType_data()
    {
        QTest::addColumn<DType>("dtype");
        for (const DType dtype : allTypes)
            QTest::newRow(std::string(dtypeName(dtype)).c_str()) << dtype;
    }

    void convertsEveryType()
    {
        QFETCH(DType, dtype);
        RandomStream random(11, dtypeName(dtype));
        // Lengths around vector widths and around the chunk size of the parallel loop.
        for (const std::size_t count : {std::size_t(0), std::size_t(1), std::size_t(7),
                                        std::size_t(33), std::size_t((1 << 18) + 3)})
            for (const std::size_t offset : {std::size_t(0), std::size_t(1), std::size_t(3)}) {
                // Mapped files put tensors at any byte.
                std::vector<std::byte> memory(offset + count * dtypeSize(dtype));
                for (std::byte& byte : memory)
                    byte = static_cast<std::byte>(random.next());
                if (dtype == DType::Bool)
                    for (std::byte& byte : memory)
                        byte &= std::byte(1);
                const auto bytes = std::span<const std::byte>(memory).subspan(offset);
                const TensorView view{dtype, {static_cast<std::int64_t>(count)}, bytes};
                const Tensor converted = toFloat(view);
                QVERIFY(converted.dtype() == DType::F32 && converted.shape() == view.shape);
                for (std::size_t i = 0; i < count; ++i)
                    QVERIFY(sameBits(converted.floats()[i], valueAt(dtype, bytes.data(), i)));
                const Tensor copy = Tensor::copyOf(view);
                QVERIFY(std::equal(bytes.begin(), bytes.end(), copy.bytes().begin(),
                                   copy.bytes().end()));
            }
    }

    void conversionDoesNotDependOnThreads()
    {
        RandomStream random(12);
        Tensor halves(DType::F16, {1 << 20});
        for (std::byte& byte : halves.bytes())
            byte = static_cast<std::byte>(random.next());
        const Tensor many = toFloat(halves.view());
        const ThreadLimit limit(1);
        const Tensor one = toFloat(halves.view());
        QVERIFY(std::memcmp(one.bytes().data(), many.bytes().data(), one.bytes().size()) == 0);
    }

    void storesFloatsInEveryFloatingType()
    {
        RandomStream random(13);
        for (const std::size_t count :
             {std::size_t(0), std::size_t(5), std::size_t((1 << 18) + 3)}) {
            std::vector<float> values(count);
            for (float& value : values)
                value = static_cast<float>(random.normal());
            const Shape shape{static_cast<std::int64_t>(count)};
            for (const DType dtype : {DType::F64, DType::F32, DType::F16, DType::BF16}) {
                const Tensor stored = fromFloat(values, dtype, shape);
                QVERIFY(stored.dtype() == dtype && stored.shape() == shape);
                for (std::size_t i = 0; i < count; ++i) {
                    const float expected = dtype == DType::F16    ? roundToHalf(values[i])
                                           : dtype == DType::BF16 ? roundToBfloat16(values[i])
                                                                  : values[i];
                    QVERIFY(sameBits(valueAt(dtype, stored.bytes().data(), i), expected));
                }
            }
        }
    }

    void refusesToStoreFloatsAsIntegers()
    {
        const std::vector<float> values{1, 2, 3};
        for (const DType dtype :
             {DType::I64, DType::I32, DType::I16, DType::I8, DType::U8, DType::Bool}) {
            try {
                (void)fromFloat(values, dtype, {3});
                QFAIL("integers were accepted");
            } catch (const Error& error) {
                QVERIFY(error.code() == ErrorCode::Unsupported);
            }
        }
    }

    void countsNonFinite()
    {
        std::vector<float> values((1 << 18) + 10, 1.0F);
        QCOMPARE(countNonFinite(values), std::int64_t(0));
        values[0] = std::nanf("");
        values[5] = std::numeric_limits<float>::infinity();
        values.back() = -std::numeric_limits<float>::infinity();
        values[7] = std::numeric_limits<float>::max();
        QCOMPARE(countNonFinite(values), std::int64_t(3));
        QCOMPARE(countNonFinite({}), std::int64_t(0));
    }
};

QTEST_APPLESS_MAIN(TestTensor)
#include "tst_tensor.moc"
