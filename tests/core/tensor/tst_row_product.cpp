// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/tensor/row_product.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <atomic>
#include <utility>

using namespace gradus;
using namespace gradus::test;

namespace {

struct Sizes
{
    std::int64_t rows = 0;
    std::int64_t terms = 0;
    std::int64_t cols = 0;
};

/// Around every edge: of tiles, panels, vectors, bands of rows, the depth summed at once, and
/// strides that are powers of two.
const Sizes table[] = {{1, 3, 2},     {5, 1, 33},   {4, 17, 40},  {12, 16, 32},     {13, 31, 31},
                       {37, 45, 19},  {197, 64, 7}, {100, 0, 5},  {30, 1025, 70},   {40, 2048, 33},
                       {801, 50, 65}, {6, 7, 1000}, {64, 16, 16}, {1600, 24, 1100}, {0, 4, 4}};

/// What c starts as; beside the result it must stay.
constexpr float untouched = 0.5F;

Tensor wider(std::int64_t rows, std::int64_t cols)
{
    Tensor c(Shape{rows, cols + 3});
    std::fill(c.floats().begin(), c.floats().end(), untouched);
    return c;
}

/// b lies transposed, cols × terms.
void compare(const Tensor& a, const Tensor& b, std::span<const float> bias, const Tensor& c,
             const Sizes& sizes)
{
    for (std::int64_t r = 0; r < sizes.rows; ++r) {
        const auto row = c.matrix().row(r);
        for (std::int64_t j = 0; j < sizes.cols; ++j) {
            const auto at = static_cast<std::size_t>(j);
            double sum = bias.empty() ? 0.0 : static_cast<double>(bias[at]);
            double size = std::fabs(sum);
            for (std::int64_t k = 0; k < sizes.terms; ++k) {
                const double term =
                    static_cast<double>(a.floats()[std::size_t(r * sizes.terms + k)]) *
                    static_cast<double>(b.floats()[std::size_t(j * sizes.terms + k)]);
                sum += term;
                size += std::fabs(term);
            }
            QVERIFY(isClose(static_cast<double>(row[at]), sum, 0, 1e-6 * size + 1e-7));
        }
        for (std::int64_t j = sizes.cols; j < c.matrix().cols; ++j)
            QVERIFY(row[static_cast<std::size_t>(j)] == untouched);
    }
}

} // namespace

class TestRowProduct : public QObject
{
    Q_OBJECT

private slots:
    void agreesWithTheOracle()
    {
        for (const Sizes& sizes : table) {
            const Tensor a = randomMatrix(sizes.rows, sizes.terms, 1, 1);
            const Tensor b = randomMatrix(sizes.cols, sizes.terms, 1, 2);
            const Tensor bias = randomMatrix(1, sizes.cols, 1, 3);
            const ConstMatrixView left(a.floats().data(), sizes.rows, sizes.terms);
            const ConstMatrixView right(b.floats().data(), sizes.cols, sizes.terms);
            for (const bool biased : {false, true}) {
                const auto used = biased ? bias.floats() : std::span<const float>();
                Tensor c = wider(sizes.rows, sizes.cols);
                multiplyRows(left, right, used, c.matrix().block(0, 0, sizes.rows, sizes.cols));
                compare(a, b, used, c, sizes);
            }
            Tensor serial = wider(sizes.rows, sizes.cols);
            multiplyRowsSerial(left, right, serial.matrix().block(0, 0, sizes.rows, sizes.cols));
            compare(a, b, {}, serial, sizes);
            Tensor turned(Shape{sizes.terms, sizes.cols});
            for (std::int64_t j = 0; j < sizes.cols; ++j)
                for (std::int64_t k = 0; k < sizes.terms; ++k)
                    turned.floats()[std::size_t(k * sizes.cols + j)] =
                        b.floats()[std::size_t(j * sizes.terms + k)];
            Tensor columns = wider(sizes.rows, sizes.cols);
            multiplyColumnsSerial(left, {turned.floats().data(), sizes.terms, sizes.cols},
                                  columns.matrix().block(0, 0, sizes.rows, sizes.cols));
            compare(a, b, {}, columns, sizes);
        }
    }

    void everyElementIsFinishedOnce()
    {
        for (const Sizes& sizes : table) {
            const Tensor a = randomMatrix(sizes.rows, sizes.terms, 1, 1);
            const Tensor b = randomMatrix(sizes.cols, sizes.terms, 1, 2);
            const ConstMatrixView left(a.floats().data(), sizes.rows, sizes.terms);
            const ConstMatrixView right(b.floats().data(), sizes.cols, sizes.terms);
            Tensor plain = wider(sizes.rows, sizes.cols);
            Tensor finished = wider(sizes.rows, sizes.cols);
            const auto part = [&](Tensor& tensor) {
                return tensor.matrix().block(0, 0, sizes.rows, sizes.cols);
            };
            multiplyRows(left, right, {}, part(plain));
            std::atomic<std::int64_t> seen = 0;
            multiplyRows(left, right, {}, part(finished),
                         [&](std::int64_t row, std::int64_t col, std::span<float> values) {
                             for (std::size_t i = 0; i < values.size(); ++i)
                                 values[i] += static_cast<float>(row * 4 + col % 2) +
                                              static_cast<float>(i % 2);
                             seen += static_cast<std::int64_t>(values.size());
                         });
            QCOMPARE(seen.load(), sizes.rows * sizes.cols);
            for (std::int64_t r = 0; r < sizes.rows; ++r)
                for (std::int64_t j = 0; j < sizes.cols; ++j) {
                    const auto at = static_cast<std::size_t>(j);
                    QVERIFY(part(finished).row(r)[at] ==
                            part(plain).row(r)[at] + static_cast<float>(r * 4 + j % 2));
                }
        }
    }

    void threadsDoNotMatter()
    {
        const Tensor a = randomMatrix(300, 200, 1, 1);
        const Tensor b = randomMatrix(500, 200, 1, 2);
        Tensor one(Shape{300, 500});
        Tensor many(Shape{300, 500});
        {
            const ThreadLimit limit(1);
            multiplyRows(a.matrix(), b.matrix(), {}, one.matrix());
        }
        const ThreadLimit limit(4);
        multiplyRows(a.matrix(), b.matrix(), {}, many.matrix());
        QVERIFY(std::equal(one.floats().begin(), one.floats().end(), many.floats().begin()));
    }
};

QTEST_GUILESS_MAIN(TestRowProduct)
#include "tst_row_product.moc"
