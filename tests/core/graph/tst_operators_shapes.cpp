// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/operator_rows.h"

#include <QTest>

using namespace gradus;

namespace {

const std::vector<std::string>& names()
{
    static const std::vector<std::string> all{
        "Reshape",         "Transpose", "Flatten",        "Squeeze",          "Unsqueeze",
        "Concat",          "Split",     "Slice",          "Gather",           "GatherElements",
        "GatherNd",        "Expand",    "Tile",           "ShapeOf",          "Size",
        "ConstantOfShape", "Range",     "QuantizeLinear", "DequantizeLinear", "If"};
    return all;
}

} // namespace

class TestOperatorsShapes : public QObject
{
    Q_OBJECT

private slots:
    GRADUS_OPERATOR_TESTS(names())
};

QTEST_APPLESS_MAIN(TestOperatorsShapes)
#include "tst_operators_shapes.moc"
