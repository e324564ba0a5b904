// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/gradient.h"
#include "tests/support/one_node_model.h"
#include "tests/support/operator_oracle.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>

using namespace gradus;
using namespace gradus::test;

namespace {

std::vector<NamedCase> allCases()
{
    return casesOf({"MaximumPool", "AveragePool", std::string(operatorName(op::GlobalPool{})),
                    std::string(operatorName(op::GlobalPool{op::PoolKind::Maximum})), "Resize",
                    "Pad", "DepthToSpace", "SpaceToDepth"});
}

void rows(bool smoothOnly)
{
    QTest::addColumn<int>("index");
    const auto cases = allCases();
    for (std::size_t i = 0; i < cases.size(); ++i)
        if (!smoothOnly ||
            (cases[i].test->smooth && cases[i].test->inputs.front()->dtype == DType::F32))
            QTest::newRow(cases[i].name.c_str()) << static_cast<int>(i);
}

std::vector<Tensor> run(const Operator& op, const std::vector<std::optional<Elements>>& inputs)
{
    std::vector<bool> present;
    Values values;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        present.push_back(inputs[i].has_value());
        if (inputs[i])
            values.emplace(static_cast<ValueId>(i), tensorOf(*inputs[i]));
    }
    const OneNodeModel model(op, present);
    values = model.run(std::move(values));
    std::vector<Tensor> outputs;
    outputs.push_back(std::move(values.at(model.node().output())));
    return outputs;
}

/// Elements 1, 2, 3, … of a shape.
Elements counted(Shape shape)
{
    Elements x{std::move(shape), {}, DType::F32};
    for (std::int64_t i = 1; i <= elementCount(x.shape); ++i)
        x.at.push_back(static_cast<double>(i));
    return x;
}

Elements line(std::vector<double> values)
{
    const auto count = static_cast<std::int64_t>(values.size());
    return {{1, 1, count}, std::move(values), DType::F32};
}

Elements scales(std::vector<double> values)
{
    const auto count = static_cast<std::int64_t>(values.size());
    return {{count}, std::move(values), DType::F32};
}

bool gives(const Operator& op, const std::vector<std::optional<Elements>>& inputs,
           const Shape& shape, const std::vector<double>& expected, double tolerance = 1e-6)
{
    const std::vector<Tensor> y = run(op, inputs);
    return y.front().shape() == shape &&
           allClose(y.front().floats(), std::span<const double>(expected), tolerance, tolerance);
}

op::Pool linePool(op::PoolKind kind, std::int64_t kernel, std::int64_t stride, std::int64_t padding)
{
    op::Pool pool;
    pool.kind = kind;
    pool.isLine = true;
    pool.geometry.kernel = {1, kernel};
    pool.geometry.stride = {1, stride};
    pool.geometry.padding = {0, padding, 0, padding};
    return pool;
}

bool refused(const Operator& op, const std::vector<std::optional<Elements>>& inputs,
             const char* expected, ErrorCode code = ErrorCode::Shape)
{
    std::string what = "no error";
    try {
        (void)run(op, inputs);
    } catch (const Error& error) {
        what = error.code() == code ? error.what() : "another code";
    }
    if (what.find(expected) != std::string::npos && what.starts_with("the node ("))
        return true;
    qWarning("%s", what.c_str());
    return false;
}

} // namespace

class TestImageOperators : public QObject
{
    Q_OBJECT

private slots:
    void forward_data() { rows(false); }
    void forward()
    {
        QFETCH(int, index);
        const NamedCase named = allCases()[static_cast<std::size_t>(index)];
        const std::string fault = forwardFault(*named.oracle, *named.test);
        QVERIFY2(fault.empty(), fault.c_str());
    }

    void backward_data() { rows(true); }
    void backward()
    {
        QFETCH(int, index);
        const NamedCase named = allCases()[static_cast<std::size_t>(index)];
        const std::string fault = gradientFault(*named.oracle, *named.test, {0});
        QVERIFY2(fault.empty(), fault.c_str());
    }

    /// The 4 × 4 example of ONNX's MaxPool and AveragePool with ceil_mode.
    void ceilModeOfImages()
    {
        op::Pool pool;
        pool.geometry.kernel = {3, 3};
        pool.geometry.stride = {2, 2};
        pool.ceilMode = true;
        QVERIFY(gives(pool, {counted({1, 1, 4, 4})}, {1, 1, 2, 2}, {11, 12, 15, 16}));
        pool.kind = op::PoolKind::Average;
        QVERIFY(gives(pool, {counted({1, 1, 4, 4})}, {1, 1, 2, 2}, {6, 7.5, 12, 13.5}));
    }

    /// What lies behind the padding is never counted, padding is on request.
    void averagesOfWindowsThatStickOut()
    {
        op::Pool pool = linePool(op::PoolKind::Average, 2, 2, 0);
        pool.ceilMode = true;
        const Elements five = line({1, 2, 3, 4, 5});
        QVERIFY(gives(pool, {five}, {1, 1, 3}, {1.5, 3.5, 5}));
        pool.countsPadding = true;
        QVERIFY(gives(pool, {five}, {1, 1, 3}, {1.5, 3.5, 5}));
        // Windows over −1 … 1, 1 … 3, 3 … 5 of 0 … 4 with one zero on both sides.
        pool = linePool(op::PoolKind::Average, 3, 2, 1);
        pool.countsPadding = true;
        QVERIFY(gives(pool, {five}, {1, 1, 3}, {1, 3, 3}));
        pool.countsPadding = false;
        QVERIFY(gives(pool, {five}, {1, 1, 3}, {1.5, 3, 4.5}));
    }

    void noWindowBeginsInThePaddingAtTheEnd()
    {
        op::Pool pool = linePool(op::PoolKind::Maximum, 2, 2, 0);
        pool.ceilMode = true;
        pool.geometry.padding = {0, 0, 0, 1};
        QVERIFY(gives(pool, {line({1, 2, 3, 4})}, {1, 1, 2}, {2, 4}));
        QVERIFY(gives(pool, {line({1, 2, 3, 4, 5})}, {1, 1, 3}, {2, 4, 5}));
    }

    /// The first of equals, whatever comes later.
    void gradientOfEqualMaxima()
    {
        const OneNodeModel model(linePool(op::PoolKind::Maximum, 3, 3, 0), {true});
        GradientPass pass(model.model(), model.weights(), model.range(0), {}, true);
        (void)pass.forward(tensorOf(line({2, 2, 1, -1, -1, -1})), Monitor());
        const Tensor dx = pass.backward(tensorOf(line({5, 7})), {}, Monitor());
        const std::vector<double> expected{5, 0, 0, 7, 0, 0};
        QVERIFY(allClose(dx.floats(), std::span<const double>(expected), 0, 1e-9));
    }

    /// Examples of ONNX's Resize.
    void knownResizes()
    {
        op::Resize op;
        const Elements two = counted({1, 1, 2, 2});
        QVERIFY(gives(op, {two, scales({1, 1, 2, 3})}, {1, 1, 4, 6},
                      {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4}));
        op.mode = op::ResizeMode::Linear;
        QVERIFY(gives(
            op, {two, scales({1, 1, 2, 2})}, {1, 1, 4, 4},
            {1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4}));
        const Elements eight = counted({1, 1, 2, 4});
        QVERIFY(gives(op, {eight, scales({1, 1, 0.6F, 0.6F})}, {1, 1, 1, 2}, {2.6666665, 4.3333331},
                      1e-5));
        op.coordinates = op::ResizeCoordinates::AlignCorners;
        QVERIFY(gives(op, {two, scales({1, 1, 2, 2})}, {1, 1, 4, 4},
                      {1, 1.33333333, 1.66666667, 2, 1.66666667, 2, 2.33333333, 2.66666667,
                       2.33333333, 2.66666667, 3, 3.33333333, 3, 3.33333333, 3.66666667, 4}));
        op.coordinates = op::ResizeCoordinates::Asymmetric;
        op.nearest = op::ResizeNearest::Floor;
        op.mode = op::ResizeMode::Nearest; // Upsample
        QVERIFY(gives(op, {line({1, 2, 3}), scales({1, 1, 2})}, {1, 1, 6}, {1, 1, 2, 2, 3, 3}));
        op.mode = op::ResizeMode::Cubic;
        op.coordinates = op::ResizeCoordinates::HalfPixel;
        op.cubicA = -0.75F;
        // At fraction 1/4, the weights of four neighbours with slope −3/4.
        QVERIFY(gives(op, {line({0, 0, 64, 0, 0, 0}), scales({1, 1, 2})}, {1, 1, 12},
                      {0, -2.25, -6.75, 16.75, 56.25, 56.25, 16.75, -6.75, -2.25, 0, 0, 0}, 1e-5));
    }

    /// A size that float arithmetic makes whole.
    void scaledSizesAreRoundedAsFloats()
    {
        const op::Resize op;
        QCOMPARE(run(op, {counted({1, 1, 10}), scales({1, 1, 0.7F})}).front().shape(),
                 (Shape{1, 1, 7}));
    }

    void knownPads()
    {
        const Elements x = line({1, 2, 3});
        const Elements pads = integerElements({0, 0, 2, 0, 0, 1});
        QVERIFY(gives(op::Pad{op::PadMode::Constant}, {x, pads, scales({9})}, {1, 1, 6},
                      {9, 9, 1, 2, 3, 9}));
        QVERIFY(gives(op::Pad{op::PadMode::Reflect}, {x, pads}, {1, 1, 6}, {3, 2, 1, 2, 3, 2}));
        QVERIFY(gives(op::Pad{op::PadMode::Edge}, {x, pads}, {1, 1, 6}, {1, 1, 1, 2, 3, 3}));
        QVERIFY(gives(op::Pad{op::PadMode::Wrap}, {x, pads}, {1, 1, 6}, {2, 3, 1, 2, 3, 1}));
        QVERIFY(gives(op::Pad{op::PadMode::Constant}, {x, integerElements({0, 0, -5, 0, 0, 4})},
                      {1, 1, 2}, {0, 0}));
    }

    /// ONNX's examples of both orders.
    void knownBlocks()
    {
        const Elements deep = counted({1, 8, 1, 2});
        QVERIFY(gives(op::DepthToSpace{2, false}, {deep}, {1, 2, 2, 4},
                      {1, 5, 2, 6, 9, 13, 10, 14, 3, 7, 4, 8, 11, 15, 12, 16}));
        QVERIFY(gives(op::DepthToSpace{2, true}, {deep}, {1, 2, 2, 4},
                      {1, 3, 2, 4, 5, 7, 6, 8, 9, 11, 10, 12, 13, 15, 14, 16}));
        QVERIFY(gives(op::SpaceToDepth{2}, {counted({1, 1, 2, 4})}, {1, 4, 1, 2},
                      {1, 3, 2, 4, 5, 7, 6, 8}));
    }

    void badPools()
    {
        op::Pool pool;
        pool.geometry.kernel = {3, 3};
        const Elements x = counted({1, 2, 4, 2});
        QVERIFY(refused(pool, {x}, "does not fit into an input of 4 × 2"));
        QVERIFY(refused(pool, {counted({2, 4, 4})}, "expected batch × channels × height"));
        QVERIFY(refused(pool, {integerElements({1, 1, 1, 1}, {3})}, "expected F32"));
        pool.geometry.stride = {0, 0};
        QVERIFY(refused(pool, {x}, "stride 0"));
        pool.geometry.stride = {1, 1};
        constexpr std::int64_t huge = 1 << 29;
        pool.geometry.padding = {huge, huge, huge, huge};
        QVERIFY(refused(pool, {x}, "elements", ErrorCode::Unsupported));
        pool.isLine = true;
        QVERIFY(refused(pool, {line({1, 2})}, "expected a height of 1"));
        QVERIFY(refused(op::GlobalPool{}, {counted({3})}, "expected batch × channels"));
        QVERIFY(refused(op::GlobalPool{}, {counted({2, 2, 0})}, "expected some pixels"));
        QVERIFY(refused(op::GlobalPool{}, {integerElements({1, 1, 1}, {3})}, "expected F32"));
    }

    void badResizes()
    {
        op::Resize op;
        const Elements x = counted({1, 1, 2, 2});
        QVERIFY(refused(op, {x}, "has 0 scales or sizes for 4 axes"));
        QVERIFY(refused(op, {x, scales({1, 2})}, "has 2 scales or sizes for 4 axes"));
        QVERIFY(refused(op, {x, scales({1, 1, 0, 1})}, "a scale of 0 makes no size of 2"));
        QVERIFY(refused(op, {x, scales({1, 1, -2, 1})}, "a scale of -2"));
        QVERIFY(refused(op, {x, scales({1, 1, std::nan(""), 1})}, "a scale of "));
        QVERIFY(refused(op, {x, scales({1, 1, 0.25, 1})}, "makes no size of 2"));
        QVERIFY(refused(op, {x, scales({1, 1, 1e30, 1})}, "makes no size of 2"));
        QVERIFY(refused(op, {x, scales({1, 1, 1e6, 1e6})}, "elements", ErrorCode::Unsupported));
        QVERIFY(refused(op, {x, std::nullopt, integerElements({1, 1, 0, 2})}, "cannot resize 2"));
        QVERIFY(refused(op, {x, integerElements({1, 1, 2, 2})}, "input 2 is I64, expected F32"));
        QVERIFY(refused(op, {x, std::nullopt, scales({1, 1, 2, 2})}, "expected I64"));
        QVERIFY(refused(op, {integerElements({1, 1}, {3}), scales({1, 2})}, "expected F32"));
        op.axes = {4};
        QVERIFY(refused(op, {x, scales({2})}, "axis 4 is outside"));
        op.axes = {1, -3};
        QVERIFY(refused(op, {x, scales({2, 2})}, "axis -3 is given twice"));
    }

    void badPads()
    {
        const Elements x = counted({2, 3});
        const op::Pad constant;
        QVERIFY(refused(constant, {x, integerElements({1, 1})}, "has 2 pads for 2 axes"));
        QVERIFY(refused(constant, {x, integerElements({0, -2, 0, -2})}, "cuts 4 elements off"));
        QVERIFY(refused(constant, {x, integerElements({0, INT64_MAX, 0, INT64_MAX})}, "a pad of"));
        QVERIFY(refused(constant, {x, integerElements({0, std::int64_t(1) << 39, 0, 0})},
                        "elements", ErrorCode::Unsupported));
        QVERIFY(refused(constant, {x, scales({0, 0, 0, 0})}, "expected I64"));
        QVERIFY(refused(constant, {x, integerElements({0, 0, 1, 1}), scales({1, 2})},
                        "expected one element of F32"));
        QVERIFY(refused(constant, {x, integerElements({0, 0, 1, 1}), integerElements({1})},
                        "expected one element of F32"));
        QVERIFY(refused(constant, {x, integerElements({1, 1}), std::nullopt, integerElements({2})},
                        "axis 2 is outside"));
        QVERIFY(refused(op::Pad{op::PadMode::Reflect},
                        {counted({2, 0}), integerElements({0, 1, 0, 0})}, "cannot pad an axis"));
    }

    void badBlocks()
    {
        const Elements x = counted({1, 4, 3, 2});
        QVERIFY(refused(op::DepthToSpace{3, false}, {x}, "cannot move blocks of 3 × 3"));
        QVERIFY(refused(op::DepthToSpace{0, false}, {x}, "cannot move blocks of 0 × 0"));
        QVERIFY(refused(op::DepthToSpace{INT64_MAX, false}, {x}, "cannot move blocks"));
        QVERIFY(refused(op::SpaceToDepth{2}, {x}, "cannot move blocks of 2 × 2"));
        QVERIFY(refused(op::SpaceToDepth{2}, {counted({4, 4})}, "expected batch × channels"));
    }

    /// Kernels that lie in the padding for the most part are no work.
    void kernelsOfPadding()
    {
        constexpr std::int64_t huge = 1 << 30;
        op::Pool pool;
        pool.geometry.kernel = {huge, huge};
        pool.geometry.stride = {huge, huge};
        pool.geometry.padding = {huge - 1, huge - 1, huge - 1, huge - 1};
        QVERIFY(gives(pool, {counted({1, 1, 2, 2})}, {1, 1, 2, 2}, {1, 2, 3, 4}));
    }

    void stops()
    {
        const OneNodeModel model(op::GlobalPool{}, {true});
        Values values;
        values.emplace(0, tensorOf(randomElements({40, 40, 40, 40}, "x")));
        QVERIFY_EXCEPTION_THROWN((void)model.run(std::move(values), false, StopAt(3)), Cancelled);
    }
};

QTEST_APPLESS_MAIN(TestImageOperators)
#include "tst_image_operators.moc"
