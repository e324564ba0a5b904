// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/quant/methods/decoupleq_grid.h"
#include "core/quant/methods/decoupleq_start.h"
#include "tests/support/decoupleq_layers.h"
#include "tests/support/support.h"

#include <QTest>

using namespace gradus;
using namespace gradus::test;

namespace {

/// E·H·Eᵀ of one row rounded to nearest with p times its scales, all in double.
double denseError(const DecoupleqLayer& layer, const GridState& start, std::int64_t row, float p)
{
    std::vector<double> e;
    const auto at = static_cast<std::size_t>(row * layer.groups);
    for (std::int64_t c = 0; c < layer.cols; ++c) {
        const std::size_t g = at + static_cast<std::size_t>(c / layer.group);
        const float scale = start.scales[g] * p;
        const float zero = start.zeros[g];
        const float w = layer.weight.row(row)[static_cast<std::size_t>(c)];
        const double code = std::clamp(std::floor(static_cast<double>(w / scale + zero) + 0.5), 0.0,
                                       static_cast<double>(layer.scheme.maximumCode()));
        e.push_back(static_cast<double>(scale) * (code - static_cast<double>(zero)) -
                    static_cast<double>(w));
    }
    return quadraticForm(layer, e);
}

} // namespace

class TestDecoupleqGrid : public QObject
{
    Q_OBJECT

private slots:
    void bestShrinkingIsTheDenseOne_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("group");
        QTest::addColumn<bool>("symmetric");
        for (int bits = 2; bits <= 8; ++bits)
            for (const int group : {0, 16, 24})
                for (const bool symmetric : {false, true})
                    QTest::addRow("%d bits, group %d%s", bits, group,
                                  symmetric ? ", symmetric" : "")
                        << bits << group << symmetric;
    }
    void bestShrinkingIsTheDenseOne()
    {
        QFETCH(int, bits);
        QFETCH(int, group);
        QFETCH(bool, symmetric);
        DecoupleqFixture fixture(5, 83, schemeOf(bits, group, symmetric));
        const DecoupleqLayer& layer = fixture.layer();
        GridState start(layer);
        startFromRanges(layer, layer.scheme, start);
        GridState state(layer);
        const std::vector<int> best = searchGrid(layer, start, state);
        for (std::int64_t row = 0; row < layer.rows; ++row) {
            std::vector<double> errors;
            for (int step = 0; step < gridSteps; ++step)
                errors.push_back(denseError(layer, start, row, gridShrinking(step)));
            const double least = *std::min_element(errors.begin(), errors.end());
            const int step = best[static_cast<std::size_t>(row)];
            // Another step only where the errors agree to the rounding of products in float.
            QVERIFY(errors[static_cast<std::size_t>(step)] <= least * (1 + 1e-5));
            QVERIFY(errors[static_cast<std::size_t>(step)] <= errors[0]);
        }
    }

    void threadsDoNotMatter()
    {
        DecoupleqFixture fixture(300, 64, schemeOf(2, 0, false));
        const DecoupleqLayer& layer = fixture.layer();
        GridState start(layer);
        startFromRanges(layer, layer.scheme, start);
        GridState one(layer);
        GridState two(layer);
        std::vector<int> steps;
        {
            const ThreadLimit limit(1);
            steps = searchGrid(layer, start, one);
        }
        const ThreadLimit limit(4);
        QVERIFY(searchGrid(layer, start, two) == steps);
        QVERIFY(one.codes == two.codes);
        QVERIFY(one.scales == two.scales);
    }
};

QTEST_APPLESS_MAIN(TestDecoupleqGrid)
#include "tst_decoupleq_grid.moc"
